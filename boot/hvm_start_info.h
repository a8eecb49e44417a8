/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is handed over at a PVH entry, to Slate and by Slate (Xen's include/public/arch-x86/hvm/start_info.h). The CPUs that
 * this runs on are little-endian, as the layout is.
 */
#ifndef SLATE_BOOT_HVM_START_INFO_H
#define SLATE_BOOT_HVM_START_INFO_H

#include <stddef.h>
#include <stdint.h>

#define HVM_START_MAGIC 0x336ec578u

struct hvm_start_info {
    uint32_t magic;
    uint32_t version;
    uint32_t flags;
    uint32_t modules;
    uint64_t module_list;  /* physical addresses, here and below */
    uint64_t command_line; /* 0: none */
    uint64_t rsdp;         /* 0: none */
    /* From version 1 on. */
    uint64_t memory_map;
    uint32_t memory_map_entries;
    uint32_t reserved;
};
_Static_assert(sizeof(struct hvm_start_info) == 56, "hvm_start_info");
_Static_assert(offsetof(struct hvm_start_info, memory_map) == 40, "hvm_start_info.memory_map");

struct hvm_module {
    uint64_t base;
    uint64_t size;
    uint64_t command_line;
    uint64_t reserved;
};
_Static_assert(sizeof(struct hvm_module) == 32, "hvm_module");

struct hvm_memory_map_entry {
    uint64_t base;
    uint64_t size;
    uint32_t type; /* as in e820 */
    uint32_t reserved;
};
_Static_assert(sizeof(struct hvm_memory_map_entry) == 24, "hvm_memory_map_entry");

#endif
