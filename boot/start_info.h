/* SPDX-License-Identifier: BSD-2-Clause */
/* What a virtual machine monitor says about the machine at a PVH entry (Xen's include/public/arch-x86/hvm/start_info.h). */
#ifndef SLATE_BOOT_START_INFO_H
#define SLATE_BOOT_START_INFO_H

#include <stdint.h>

struct diag;
struct memory_map;

#define START_COMMAND_LINE_MAX 4096u /* bytes, with the terminator */

struct start_info {
    char command_line[START_COMMAND_LINE_MAX]; /* a copy; empty when there is none */
    uint64_t rsdp;                             /* 0: not said */
    uint32_t modules;                          /* how many there are (-initrd) */
};

/*
 * Reads the start info at physical address `address`, through memory_pointer(), and adds its memory map to `map`.
 * All is copied: nothing of it is needed afterwards. Errors: -BOOT_E_PLATFORM when it is damaged, has no memory map
 * (version 0), or says more than there is room for.
 */
int start_info_read(struct start_info *info, uint64_t address, struct memory_map *map,
                    struct diag *diag);

#endif
