/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A bounded reader of PE32+ files, the format of UEFI programs: only the section table, for the files that are carried
 * in sections. Microsoft PE Format, "File Headers" and "Section Table".
 */
#ifndef SLATE_BOOT_PE_H
#define SLATE_BOOT_PE_H

#include <stdbool.h>
#include <stdint.h>

struct diag;
struct source;

#define PE_SECTIONS_MAX 96u
#define PE_NAME_MAX     9u /* bytes of a section name with its terminator */

struct pe_section {
    char name[PE_NAME_MAX];
    uint64_t offset; /* in the file */
    uint64_t size;   /* bytes that both the file and memory hold; inside the file */
};

struct pe {
    unsigned count;
    struct pe_section section[PE_SECTIONS_MAX]; /* in the order of the table */
};

/* Whether a file that starts with these bytes can be a PE file at all. */
bool pe_is(const uint8_t *start, uint64_t size);

/*
 * Reads the section table of an x86-64 program. Errors: -BOOT_E_NOT_KERNEL (no PE32+ file for this machine, or more
 * sections than the limit), -BOOT_E_TRUNCATED (headers or a section lie outside the file), what the source returns.
 */
int pe_read(struct pe *pe, const struct source *file, struct diag *diag);

#endif
