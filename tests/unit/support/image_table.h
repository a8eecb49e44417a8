/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writes partition tables into the memory of a test disk, from the specification (UEFI 2.10,
 * chapter 5) and without a line of the code under test.
 */
#ifndef SLATE_TESTS_IMAGE_TABLE_H
#define SLATE_TESTS_IMAGE_TABLE_H

#include <stddef.h>
#include <stdint.h>

/* The GUIDs of two partition types as they stand on a disk, and one that nobody knows. */
extern const uint8_t image_type_esp[16];
extern const uint8_t image_type_xbootldr[16];
extern const uint8_t image_type_other[16];

/* What a GPT says; 0 in the last group of fields stands for the usual value. */
struct image_gpt {
    uint8_t *disk; /* all of it */
    uint32_t block_size;
    uint64_t blocks;

    uint32_t entry_count;  /* 128 */
    uint32_t entry_size;   /* 128 */
    uint32_t header_size;  /* 92 */
    uint64_t first_usable; /* behind the entries */
    uint64_t last_usable;  /* before the backup's entries */
};

/*
 * Writes the protective MBR and both copies without any partition, and puts the usual values in
 * `gpt`.
 */
void image_gpt_write(struct image_gpt *gpt);

/* Writes entry `index` (from 0) to both copies. `name` is ASCII. */
void image_gpt_set(struct image_gpt *gpt, unsigned index, const uint8_t type[16], uint64_t first,
                   uint64_t last, const char *name);

/*
 * Where the header and the entry are; after a change by hand, image_gpt_seal() makes the CRCs right
 * again.
 */
uint8_t *image_gpt_header(const struct image_gpt *gpt, int backup);
uint8_t *image_gpt_entry(const struct image_gpt *gpt, int backup, unsigned index);
void image_gpt_seal(const struct image_gpt *gpt);

/* Writes one of the four entries of the boot record at `sector`, and its signature. */
void image_mbr_set(uint8_t *sector, unsigned index, uint8_t type, uint32_t start, uint32_t count);

/* The CRC of the GPT, one bit at a time. */
uint32_t image_crc32(const void *data, size_t length);

/* Stores little-endian. */
void image_put16(uint8_t *at, uint32_t value);
void image_put32(uint8_t *at, uint32_t value);
void image_put64(uint8_t *at, uint64_t value);

#endif
