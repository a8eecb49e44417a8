/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unified kernel images: a kernel, its initrds and its command line as sections of one UEFI program. UAPI Group:
 * Unified Kernel Image (UAPI.5); for the boot menu, Boot Loader Specification (UAPI.1), "Type #2".
 */
#ifndef SLATE_BOOT_UKI_H
#define SLATE_BOOT_UKI_H

#include <stdbool.h>

#include "boot/source.h"

struct boot_entry;
struct diag;

#define UKI_COMMAND_LINE_MAX 16384u /* bytes of .cmdline, terminator included */

/* The parts refer to the file they were read from, which must outlive them. An absent part has size 0. */
struct uki {
    struct source kernel;       /* .linux */
    struct source initrd;       /* .initrd */
    struct source microcode;    /* .ucode: an initrd that comes before all others */
    struct source command_line; /* .cmdline */
    struct source os_release;   /* .osrel */
    struct source release;      /* .uname */
};

/*
 * Finds the parts of an image; of an image with profiles, those of its first one. Errors: -BOOT_E_NEEDS_UEFI (a UEFI
 * program without .linux), -BOOT_E_NOT_KERNEL (no UEFI program for this machine, or a part is there twice),
 * -BOOT_E_TRUNCATED, what the source returns.
 */
int uki_read(struct uki *uki, const struct source *file, struct diag *diag);

/*
 * Reads the image's own command line: one line without blanks around it. `buffer` has UKI_COMMAND_LINE_MAX bytes.
 * Errors: -BOOT_E_CONFIG (too long), what the source returns.
 */
int uki_command_line(const struct uki *uki, char *buffer, struct diag *diag);

/*
 * Makes the boot entry of an image: its title and version come from .osrel, or failing that .uname; `name` is its file
 * name and `path` its whole path. On 0 the caller owns the entry.
 * Errors: those of boot_entry_make(), what the source returns.
 */
int uki_entry(const struct uki *uki, const char *name, const char *path, struct boot_entry *entry,
              struct diag *diag);

#endif
