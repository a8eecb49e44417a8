/* SPDX-License-Identifier: BSD-2-Clause */
/* Kernel files for tests: see kernel_file.h. */
#include "tests/unit/support/kernel_file.h"

#include <stdlib.h>
#include <string.h>

#define PE_AT       0x80u /* the PE signature */
#define PE_TABLE    (PE_AT + 24u + 240u)
#define PE_SECTION  40u
#define PE_PAYLOADS 0x1000u

#define ELF_SEGMENTS 64u
#define ELF_NOTES    0x100u
#define ELF_XEN_NOTE 0x114u
#define ELF_CONTENT  0x1000u

uint8_t kernel_file_byte(uint64_t offset)
{
    return (uint8_t)(offset * 7 + (offset >> 8) + 1);
}

struct source kernel_file_source(const struct kernel_file *file, const char *name)
{
    struct source source;

    source_memory(&source, file->data, file->size, name);
    return source;
}

uint64_t kernel_file_same(const struct kernel_file *file, uint64_t offset, const uint8_t *memory,
                          uint64_t length)
{
    uint64_t same = 0;

    while (same < length && memory[same] == file->data[offset + same]) {
        same++;
    }
    return same;
}

static void fill(struct kernel_file *file, uint64_t from, uint64_t to)
{
    if (to > sizeof(file->data)) {
        abort();
    }
    for (uint64_t i = from; i < to; i++) {
        file->data[i] = kernel_file_byte(i);
    }
}

struct setup_header *kernel_file_bzimage(struct kernel_file *file, unsigned setup_sects,
                                         uint32_t payload)
{
    const unsigned sectors = setup_sects == 0 ? 4 : setup_sects;
    struct setup_header *header = (struct setup_header *)(void *)(file->data + 0x1f1);

    memset(file->data, 0, sizeof(file->data));
    file->size = (sectors + 1) * 512ull + payload;
    fill(file, 0, file->size);
    memset(header, 0, sizeof(*header));
    header->setup_sects = (uint8_t)setup_sects;
    header->syssize = payload / 16;
    header->boot_flag = 0xaa55;
    header->jump = (uint16_t)(0xeb | (0x1f1 + sizeof(*header) - 0x202) << 8);
    memcpy(&header->header, "HdrS", 4);
    header->version = 0x20f;
    header->loadflags = LOADED_HIGH;
    header->initrd_addr_max = 0x7fffffff;
    header->kernel_alignment = 0x200000;
    header->relocatable_kernel = 1;
    header->min_alignment = 21;
    header->xloadflags = XLF_KERNEL_64 | XLF_CAN_BE_LOADED_ABOVE_4G;
    header->cmdline_size = 2047;
    header->pref_address = 0x1000000;
    header->init_size = 0x300000;
    return header;
}

/* ---- ELF ---- */

/* An unrelated note, with a name that needs padding, and Xen's. */
static void write_notes(struct kernel_file *file)
{
    static const uint32_t entry = KERNEL_FILE_ENTRY;
    static const Elf32_Nhdr other = {.n_namesz = 3, .n_descsz = 1, .n_type = 18};
    static const Elf32_Nhdr xen = {.n_namesz = 4, .n_descsz = 4, .n_type = 18};
    uint8_t *p = file->data + ELF_NOTES;

    memcpy(p, &other, sizeof(other));
    memcpy(p + 12, "Xe\0", 3);
    p = file->data + ELF_XEN_NOTE;
    memcpy(p, &xen, sizeof(xen));
    memcpy(p + 12, "Xen\0", 4);
    memcpy(p + 16, &entry, sizeof(entry));
}

uint8_t *kernel_file_xen_note(struct kernel_file *file)
{
    return file->data + ELF_XEN_NOTE;
}

Elf64_Phdr *kernel_file_segment(struct kernel_file *file, unsigned index)
{
    return (Elf64_Phdr *)(void *)(file->data + ELF_SEGMENTS) + index;
}

Elf64_Ehdr *kernel_file_elf64(struct kernel_file *file)
{
    Elf64_Ehdr *header = (Elf64_Ehdr *)(void *)file->data;

    memset(file->data, 0, sizeof(file->data));
    file->size = ELF_CONTENT + 0x3000;
    fill(file, ELF_CONTENT, file->size);
    memcpy(header->e_ident, ELFMAG, SELFMAG);
    header->e_ident[EI_CLASS] = ELFCLASS64;
    header->e_ident[EI_DATA] = ELFDATA2LSB;
    header->e_ident[EI_VERSION] = EV_CURRENT;
    header->e_type = ET_EXEC;
    header->e_machine = EM_X86_64;
    header->e_version = EV_CURRENT;
    header->e_entry = 0xffffffff81000000; /* a virtual address; not where PVH enters */
    header->e_phoff = ELF_SEGMENTS;
    header->e_ehsize = sizeof(*header);
    header->e_phentsize = sizeof(Elf64_Phdr);
    header->e_phnum = 3;
    *kernel_file_segment(file, 0) = (Elf64_Phdr){.p_type = PT_LOAD,
                                                 .p_offset = ELF_CONTENT,
                                                 .p_vaddr = 0xffffffff81000000,
                                                 .p_paddr = 0x1000000,
                                                 .p_filesz = 0x2000,
                                                 .p_memsz = 0x2000};
    *kernel_file_segment(file, 1) = (Elf64_Phdr){.p_type = PT_LOAD,
                                                 .p_offset = ELF_CONTENT + 0x2000,
                                                 .p_vaddr = 0xffffffff81002000,
                                                 .p_paddr = 0x1002000,
                                                 .p_filesz = 0x1000,
                                                 .p_memsz = 0x3000};
    *kernel_file_segment(file, 2) = (Elf64_Phdr){
        .p_type = PT_NOTE, .p_offset = ELF_NOTES, .p_filesz = 0x28, .p_memsz = 0x28, .p_align = 4};
    write_notes(file);
    return header;
}

void kernel_file_elf32(struct kernel_file *file)
{
    Elf32_Ehdr header = {.e_type = ET_EXEC,
                         .e_machine = EM_386,
                         .e_version = EV_CURRENT,
                         .e_phoff = ELF_SEGMENTS,
                         .e_ehsize = sizeof(header),
                         .e_phentsize = sizeof(Elf32_Phdr),
                         .e_phnum = 3};
    Elf32_Phdr segment[3];

    kernel_file_elf64(file);
    for (unsigned i = 0; i < 3; i++) {
        const Elf64_Phdr *wide = kernel_file_segment(file, i);

        segment[i] = (Elf32_Phdr){.p_type = wide->p_type,
                                  .p_offset = (uint32_t)wide->p_offset,
                                  .p_vaddr = (uint32_t)wide->p_vaddr,
                                  .p_paddr = (uint32_t)wide->p_paddr,
                                  .p_filesz = (uint32_t)wide->p_filesz,
                                  .p_memsz = (uint32_t)wide->p_memsz,
                                  .p_align = (uint32_t)wide->p_align};
    }
    memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS32;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_ident[EI_VERSION] = EV_CURRENT;
    memset(file->data, 0, ELF_NOTES);
    memcpy(file->data, &header, sizeof(header));
    memcpy(file->data + ELF_SEGMENTS, segment, sizeof(segment));
}

/* ---- PE ---- */

static void put(uint8_t *p, unsigned bytes, uint64_t value)
{
    for (unsigned i = 0; i < bytes; i++) {
        p[i] = (uint8_t)(value >> 8 * i);
    }
}

void kernel_file_pe(struct kernel_file *file)
{
    uint8_t *pe = file->data + PE_AT;

    memset(file->data, 0, sizeof(file->data));
    file->size = PE_PAYLOADS;
    memcpy(file->data, "MZ", 2);
    put(file->data + 0x3c, 4, PE_AT);
    memcpy(pe, "PE\0\0", 4);
    put(pe + 4, 2, 0x8664);
    put(pe + 20, 2, 240); /* SizeOfOptionalHeader */
    put(pe + 24, 2, 0x20b);
}

uint8_t *kernel_file_section(struct kernel_file *file, const char *name, const void *content,
                             uint32_t size)
{
    uint8_t *count = file->data + PE_AT + 6;
    uint8_t *entry = file->data + PE_TABLE + PE_SECTION * *count;
    const uint32_t padded = (size + 511) / 512 * 512;

    if (entry + PE_SECTION > file->data + PE_PAYLOADS || file->size + padded > sizeof(file->data)) {
        abort();
    }
    (*count)++;
    memcpy(entry, name, strlen(name) < 8 ? strlen(name) : 8);
    put(entry + 8, 4, size);
    put(entry + 12, 4, file->size); /* VirtualAddress */
    put(entry + 16, 4, padded);
    put(entry + 20, 4, file->size);
    memcpy(file->data + file->size, content, size);
    file->size += padded;
    return entry;
}
