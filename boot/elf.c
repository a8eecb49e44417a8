/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ELF programs with a PVH entry: file header, program headers, notes. System V ABI, "ELF Header", "Program Header",
 * "Note Section"; Xen's include/public/elfnote.h.
 */
#include "boot/elf.h"

#include <string.h>

#include "boot/bytes.h"
#include "boot/diag.h"
#include "boot/error.h"
#include "boot/source.h"

#define CLASS           4u
#define DATA            5u
#define TYPE            16u
#define MACHINE         18u
#define CLASS_32        1u
#define CLASS_64        2u
#define DATA_LITTLE     1u
#define TYPE_EXECUTABLE 2u
#define TYPE_SHARED     3u /* position-independent programs */
#define MACHINE_386     3u
#define MACHINE_X86_64  62u
#define SEGMENT_LOAD    1u
#define SEGMENT_NOTE    4u
#define SEGMENTS_MAX    64u /* program headers */
#define SEGMENT_SIZE_32 32u /* bytes of a program header */
#define SEGMENT_SIZE_64 56u

#define NOTE_HEADER    12u
#define NOTE_BYTES_MAX 65536u /* of one segment that are searched */
#define NOTE_PHYS32    18u    /* XEN_ELFNOTE_PHYS32_ENTRY */
#define NOTE_XEN_SIZE  4u     /* bytes of its name; with 4 of them, no padding follows */

/* No x86 processor has more physical addresses. */
#define ADDRESS_END (1ull << 52)

/* One program header; offsets, sizes and addresses in bytes. */
struct segment {
    uint32_t type;
    uint64_t align;
    struct elf_load load;
};

/* A file that is being read. */
struct program {
    const struct source *file;
    struct elf *elf;
    bool is_64;
    uint64_t table; /* offset of the program headers */
    unsigned stride;
    unsigned headers;
};

bool elf_is(const uint8_t *start, uint64_t size)
{
    return size >= ELF_START && memcmp(start, "\177ELF", 4) == 0;
}

/* ---- Headers -------------------------------------------------------------------------------------------------- */

static int read_header(struct program *program, struct diag *diag)
{
    uint8_t start[ELF_START];
    const char *name = program->file->name;
    unsigned type;
    unsigned machine;
    unsigned size;
    int error;

    error = source_read(program->file, 0, start, sizeof(start), "ELF header", diag);
    if (error != 0) {
        return error;
    }
    type = get_le16(start + TYPE);
    machine = get_le16(start + MACHINE);
    program->is_64 = start[CLASS] == CLASS_64;
    if ((start[CLASS] != CLASS_32 && start[CLASS] != CLASS_64) || start[DATA] != DATA_LITTLE ||
        (machine != MACHINE_386 && machine != MACHINE_X86_64)) {
        return diag_fail(diag, -BOOT_E_NOT_KERNEL,
                         "%s: an ELF file for another machine (class %u, data %u, machine %u)",
                         name, start[CLASS], start[DATA], machine);
    }
    if (type != TYPE_EXECUTABLE && type != TYPE_SHARED) {
        return diag_fail(diag, -BOOT_E_NOT_KERNEL, "%s: ELF type %u; a program has %u or %u", name,
                         type, TYPE_EXECUTABLE, TYPE_SHARED);
    }
    program->table = program->is_64 ? get_le64(start + 32) : get_le32(start + 28);
    program->stride = get_le16(start + (program->is_64 ? 54 : 42));
    program->headers = get_le16(start + (program->is_64 ? 56 : 44));
    size = program->is_64 ? SEGMENT_SIZE_64 : SEGMENT_SIZE_32;
    if (program->stride < size || program->headers == 0 || program->headers > SEGMENTS_MAX) {
        return diag_fail(diag, -BOOT_E_NOT_KERNEL,
                         "%s: %u program headers of %u bytes; 1 to %u of at least %u are expected",
                         name, program->headers, program->stride, SEGMENTS_MAX, size);
    }
    if (program->table > program->file->size) { /* so that adding to it cannot wrap */
        return diag_fail(diag, -BOOT_E_TRUNCATED, "%s: %llu bytes, but program headers at %llu",
                         name, (unsigned long long)program->file->size,
                         (unsigned long long)program->table);
    }
    return 0;
}

static int read_segment(const struct program *program, unsigned index, struct segment *segment,
                        struct diag *diag)
{
    const uint64_t at = (uint64_t)index * program->stride;
    uint8_t raw[SEGMENT_SIZE_64];
    int error;

    error = source_read(program->file, program->table + at, raw,
                        program->is_64 ? SEGMENT_SIZE_64 : SEGMENT_SIZE_32, "program header", diag);
    if (error != 0) {
        return error;
    }
    segment->type = get_le32(raw);
    if (program->is_64) {
        segment->load.offset = get_le64(raw + 8);
        segment->load.address = get_le64(raw + 24);
        segment->load.file_size = get_le64(raw + 32);
        segment->load.memory_size = get_le64(raw + 40);
        segment->align = get_le64(raw + 48);
    } else {
        segment->load.offset = get_le32(raw + 4);
        segment->load.address = get_le32(raw + 12);
        segment->load.file_size = get_le32(raw + 16);
        segment->load.memory_size = get_le32(raw + 20);
        segment->align = get_le32(raw + 28);
    }
    if (segment->load.offset > program->file->size ||
        segment->load.file_size > program->file->size - segment->load.offset) {
        return diag_fail(
            diag, -BOOT_E_TRUNCATED, "%s: %llu bytes, but segment %u is %llu bytes at %llu",
            program->file->name, (unsigned long long)program->file->size, index,
            (unsigned long long)segment->load.file_size, (unsigned long long)segment->load.offset);
    }
    return 0;
}

/* Inserts a loaded segment in the order of addresses. */
static int add_load(const struct program *program, const struct elf_load *load, struct diag *diag)
{
    struct elf *elf = program->elf;
    unsigned i = elf->loads;

    if (load->file_size > load->memory_size || load->address > ADDRESS_END ||
        load->memory_size > ADDRESS_END - load->address) {
        return diag_fail(diag, -BOOT_E_NOT_KERNEL,
                         "%s: a segment of %llu bytes in the file and %llu in memory at 0x%llx",
                         program->file->name, (unsigned long long)load->file_size,
                         (unsigned long long)load->memory_size, (unsigned long long)load->address);
    }
    if (i == ELF_LOADS_MAX) {
        return diag_fail(diag, -BOOT_E_NOT_KERNEL, "%s: more than %u loaded segments",
                         program->file->name, ELF_LOADS_MAX);
    }
    while (i > 0 && elf->load[i - 1].address > load->address) {
        elf->load[i] = elf->load[i - 1];
        i--;
    }
    elf->load[i] = *load;
    elf->loads++;
    return 0;
}

/* ---- The entry ------------------------------------------------------------------------------------------------ */

static uint64_t round_up(uint64_t value, uint64_t align)
{
    return (value + align - 1) & ~(align - 1);
}

/* Searches the notes of a segment for Xen's; the first one counts. */
static int search_notes(const struct program *program, const struct segment *segment,
                        struct diag *diag)
{
    const uint64_t size =
        segment->load.file_size < NOTE_BYTES_MAX ? segment->load.file_size : NOTE_BYTES_MAX;
    const uint64_t align = segment->align == 8 ? 8 : 4;
    uint64_t at = 0;

    while (program->elf->entry == 0 && size >= NOTE_HEADER && at <= size - NOTE_HEADER) {
        const uint64_t name = segment->load.offset + at + NOTE_HEADER;
        uint8_t header[NOTE_HEADER];
        uint8_t xen[NOTE_XEN_SIZE + 8] = {0}; /* name and content of such a note */
        uint32_t content_size;
        int error;

        error = source_read(program->file, segment->load.offset + at, header, sizeof(header),
                            "note", diag);
        if (error != 0) {
            return error;
        }
        content_size = get_le32(header + 4);
        at = round_up(at + NOTE_HEADER + get_le32(header), align);
        at = round_up(at + content_size, align);
        if (get_le32(header) != NOTE_XEN_SIZE || get_le32(header + 8) != NOTE_PHYS32 || at > size ||
            (content_size != 4 && content_size != 8)) {
            continue;
        }
        error = source_read(program->file, name, xen, NOTE_XEN_SIZE + content_size, "note", diag);
        if (error != 0) {
            return error;
        }
        if (memcmp(xen, "Xen", NOTE_XEN_SIZE) == 0) {
            program->elf->entry = get_le64(xen + NOTE_XEN_SIZE);
        }
    }
    return 0;
}

static int check_program(const struct elf *elf, const char *name, struct diag *diag)
{
    if (elf->entry == 0) {
        return diag_fail(diag, -BOOT_E_NOT_KERNEL,
                         "%s: an ELF file without a PVH entry (note XEN_ELFNOTE_PHYS32_ENTRY); a "
                         "Linux vmlinux has one if built with CONFIG_PVH",
                         name);
    }
    for (unsigned i = 1; i < elf->loads; i++) {
        const struct elf_load *before = &elf->load[i - 1];

        if (elf->load[i].address - before->address < before->memory_size) {
            return diag_fail(diag, -BOOT_E_NOT_KERNEL, "%s: segments overlap in memory at 0x%llx",
                             name, (unsigned long long)elf->load[i].address);
        }
    }
    for (unsigned i = 0; i < elf->loads; i++) {
        const struct elf_load *load = &elf->load[i];

        if (elf->entry >= load->address && elf->entry - load->address < load->file_size &&
            elf->entry <= UINT32_MAX) {
            return 0;
        }
    }
    return diag_fail(diag, -BOOT_E_NOT_KERNEL,
                     "%s: the PVH entry 0x%llx is in no loaded segment below 4 GiB", name,
                     (unsigned long long)elf->entry);
}

int elf_read(struct elf *elf, const struct source *file, struct diag *diag)
{
    struct program program = {.file = file, .elf = elf};
    int error;

    *elf = (struct elf){0};
    error = read_header(&program, diag);
    for (unsigned i = 0; error == 0 && i < program.headers; i++) {
        struct segment segment = {0};

        error = read_segment(&program, i, &segment, diag);
        if (error == 0 && segment.type == SEGMENT_LOAD && segment.load.memory_size > 0) {
            error = add_load(&program, &segment.load, diag);
        } else if (error == 0 && segment.type == SEGMENT_NOTE) {
            error = search_notes(&program, &segment, diag);
        }
    }
    return error != 0 ? error : check_program(elf, file->name, diag);
}
