/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading ELF programs that can be entered by the PVH ABI: which parts of the file go where in memory, and the entry,
 * which stands in a note of Xen's. System V ABI, "Object Files" and "Program Loading"; Xen's docs/misc/pvh.pandoc.
 */
#ifndef SLATE_BOOT_ELF_H
#define SLATE_BOOT_ELF_H

#include <stdbool.h>
#include <stdint.h>

struct diag;
struct source;

#define ELF_START     64u /* bytes of a file by which it is recognised */
#define ELF_LOADS_MAX 32u

/* A loaded segment. Its bytes in the file are inside the file, its addresses end by 2^52. */
struct elf_load {
    uint64_t offset;      /* in the file */
    uint64_t address;     /* physical */
    uint64_t file_size;   /* bytes */
    uint64_t memory_size; /* bytes, at least file_size and not 0; what the file has not is zero */
};

struct elf {
    uint64_t entry; /* physical, below 4 GiB, in the file part of a segment */
    unsigned loads;
    struct elf_load load[ELF_LOADS_MAX]; /* ascending by address, without overlap */
};

/* Whether a file that starts with these bytes is an ELF file. */
bool elf_is(const uint8_t *start, uint64_t size);

/*
 * Reads the headers of a program for x86, 32-bit or 64-bit. Errors: -BOOT_E_NOT_KERNEL (for another machine, no
 * program, without a PVH entry, or contradictory), -BOOT_E_TRUNCATED, what the source returns.
 */
int elf_read(struct elf *elf, const struct source *file, struct diag *diag);

#endif
