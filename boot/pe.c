/* SPDX-License-Identifier: BSD-2-Clause */
/* The section table of a PE32+ file. Microsoft PE Format, "File Headers", "Optional Header", "Section Table". */
#include "boot/pe.h"

#include <string.h>

#include "boot/bytes.h"
#include "boot/diag.h"
#include "boot/error.h"
#include "boot/source.h"

/* Offsets in the file, then from the start of the PE signature. */
#define MZ_PE_OFFSET     0x3cu
#define MZ_SIZE          0x40u
#define PE_MACHINE       4u
#define PE_SECTIONS      6u
#define PE_OPTIONAL_SIZE 20u
#define PE_OPTIONAL      24u
#define PE_HEADERS_SIZE  (PE_OPTIONAL + 2u) /* to the end of the optional header's magic number */

#define MACHINE_X86_64  0x8664u
#define MAGIC_PE32_PLUS 0x20bu

/* Offsets in an entry of the section table. */
#define SECTION_NAME_SIZE    8u
#define SECTION_VIRTUAL_SIZE 8u
#define SECTION_RAW_SIZE     16u
#define SECTION_RAW_OFFSET   20u
#define SECTION_SIZE         40u

_Static_assert(PE_NAME_MAX == SECTION_NAME_SIZE + 1, "names need not be terminated in the table");

bool pe_is(const uint8_t *start, uint64_t size)
{
    return size >= 2 && start[0] == 'M' && start[1] == 'Z';
}

/* What is read of the headers. */
struct headers {
    uint64_t table; /* offset of the section table */
    unsigned sections;
};

static int read_headers(struct headers *headers, const struct source *file, struct diag *diag)
{
    uint8_t mz[MZ_SIZE];
    uint8_t pe[PE_HEADERS_SIZE];
    uint32_t at;
    int error;

    error = source_read(file, 0, mz, sizeof(mz), "MZ header", diag);
    if (error != 0) {
        return error;
    }
    at = get_le32(mz + MZ_PE_OFFSET);
    if (!pe_is(mz, sizeof(mz))) {
        return diag_fail(diag, -BOOT_E_NOT_KERNEL, "%s: no PE file: it does not start with MZ",
                         file->name);
    }
    error = source_read(file, at, pe, sizeof(pe), "PE header", diag);
    if (error != 0) {
        return error;
    }
    if (memcmp(pe, "PE\0\0", 4) != 0) {
        return diag_fail(diag, -BOOT_E_NOT_KERNEL, "%s: no PE file: no PE signature at offset 0x%x",
                         file->name, (unsigned)at);
    }
    if (get_le16(pe + PE_MACHINE) != MACHINE_X86_64 ||
        get_le16(pe + PE_OPTIONAL) != MAGIC_PE32_PLUS) {
        return diag_fail(diag, -BOOT_E_NOT_KERNEL,
                         "%s: a program for another machine: PE machine 0x%x, magic 0x%x; x86-64 "
                         "has 0x%x, 0x%x",
                         file->name, get_le16(pe + PE_MACHINE), get_le16(pe + PE_OPTIONAL),
                         MACHINE_X86_64, MAGIC_PE32_PLUS);
    }
    headers->table = (uint64_t)at + PE_OPTIONAL + get_le16(pe + PE_OPTIONAL_SIZE);
    headers->sections = get_le16(pe + PE_SECTIONS);
    if (headers->sections > PE_SECTIONS_MAX) {
        return diag_fail(diag, -BOOT_E_NOT_KERNEL, "%s: %u PE sections; the limit is %u",
                         file->name, headers->sections, PE_SECTIONS_MAX);
    }
    return 0;
}

/*
 * A section is padded in the file up to its alignment, and memory beyond the file's part is zero: the content is what
 * both have. Writers that do not know the size in memory leave it 0.
 */
static int read_section(struct pe_section *section, const uint8_t *entry, const struct source *file,
                        struct diag *diag)
{
    const uint32_t virtual_size = get_le32(entry + SECTION_VIRTUAL_SIZE);
    const uint32_t raw_size = get_le32(entry + SECTION_RAW_SIZE);

    memcpy(section->name, entry, SECTION_NAME_SIZE);
    section->name[SECTION_NAME_SIZE] = '\0';
    section->offset = get_le32(entry + SECTION_RAW_OFFSET);
    section->size = virtual_size != 0 && virtual_size < raw_size ? virtual_size : raw_size;
    if (section->size > 0 &&
        (section->offset > file->size || section->size > file->size - section->offset)) {
        return diag_fail(diag, -BOOT_E_TRUNCATED,
                         "%s: section %s has %llu bytes at offset %llu; the file has %llu",
                         file->name, section->name, (unsigned long long)section->size,
                         (unsigned long long)section->offset, (unsigned long long)file->size);
    }
    return 0;
}

int pe_read(struct pe *pe, const struct source *file, struct diag *diag)
{
    uint8_t table[PE_SECTIONS_MAX * SECTION_SIZE];
    struct headers headers = {0};
    int error;

    pe->count = 0;
    error = read_headers(&headers, file, diag);
    if (error == 0) {
        error = source_read(file, headers.table, table, headers.sections * SECTION_SIZE,
                            "section table", diag);
    }
    for (unsigned i = 0; error == 0 && i < headers.sections; i++) {
        error = read_section(&pe->section[i], table + i * SECTION_SIZE, file, diag);
    }
    if (error == 0) {
        pe->count = headers.sections;
    }
    return error;
}
