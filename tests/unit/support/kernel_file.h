/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Makes kernel files for tests: bzImage by Linux' own <asm/bootparam.h>, ELF by the C library's <elf.h>, PE from
 * Microsoft's description; nothing of the code under test is used. All is right unless a test makes it wrong.
 */
#ifndef SLATE_TESTS_KERNEL_FILE_H
#define SLATE_TESTS_KERNEL_FILE_H

#include <asm/bootparam.h>
#include <elf.h>
#include <stddef.h>
#include <stdint.h>

#include "boot/source.h"

#define KERNEL_FILE_MAX (1u << 20)

struct kernel_file {
    uint8_t data[KERNEL_FILE_MAX];
    uint64_t size;
};

/* The byte at `offset` of a part that holds test content. */
uint8_t kernel_file_byte(uint64_t offset);

/* A source over the file, which must outlive it. */
struct source kernel_file_source(const struct kernel_file *file, const char *name);

/* The number of bytes of a file that stand at `memory`, compared from `offset` on; `length` if all do. */
uint64_t kernel_file_same(const struct kernel_file *file, uint64_t offset, const uint8_t *memory,
                          uint64_t length);

/*
 * A relocatable 64-bit bzImage with `setup_sects` sectors of setup and `payload` bytes (a multiple of 16) of kernel:
 * protocol 2.15, 16 MiB preferred, aligned to 2 MiB. The header may be changed through what is returned.
 */
struct setup_header *kernel_file_bzimage(struct kernel_file *file, unsigned setup_sects,
                                         uint32_t payload);

#define KERNEL_FILE_ENTRY 0x1000010u /* where the ELF files below are entered */

/*
 * An ELF64 program of two segments: 0x2000 bytes at 16 MiB, and 0x1000 bytes behind it that take 0x3000 of memory;
 * header 2 is a PT_NOTE with some other note and then Xen's.
 */
Elf64_Ehdr *kernel_file_elf64(struct kernel_file *file);
Elf64_Phdr *kernel_file_segment(struct kernel_file *file, unsigned index);

/* The same program as ELF32. */
void kernel_file_elf32(struct kernel_file *file);

/* Where Xen's note starts in the files above. */
uint8_t *kernel_file_xen_note(struct kernel_file *file);

/* A PE32+ program for x86-64 without sections. */
void kernel_file_pe(struct kernel_file *file);

/* Appends a section, padded to 512 bytes in the file. Returns its entry in the section table, 40 bytes. */
uint8_t *kernel_file_section(struct kernel_file *file, const char *name, const void *content,
                             uint32_t size);

#endif
