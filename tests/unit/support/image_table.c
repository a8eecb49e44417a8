/* SPDX-License-Identifier: BSD-2-Clause */
/* GPT and MBR as the tests need them: right unless a test makes them wrong. */
#include "tests/unit/support/image_table.h"

#include <string.h>

/* C12A7328-F81F-11D2-BA4B-00A0C93EC93B */
const uint8_t image_type_esp[16] = {0x28, 0x73, 0x2a, 0xc1, 0x1f, 0xf8, 0xd2, 0x11,
                                    0xba, 0x4b, 0x00, 0xa0, 0xc9, 0x3e, 0xc9, 0x3b};
/* BC13C2FF-59E6-4262-A352-B275FD6F7172 */
const uint8_t image_type_xbootldr[16] = {0xff, 0xc2, 0x13, 0xbc, 0xe6, 0x59, 0x62, 0x42,
                                         0xa3, 0x52, 0xb2, 0x75, 0xfd, 0x6f, 0x71, 0x72};
/* 0FC63DAF-8483-4772-8E79-3D69D8477DE4: Linux data */
const uint8_t image_type_other[16] = {0xaf, 0x3d, 0xc6, 0x0f, 0x83, 0x84, 0x72, 0x47,
                                      0x8e, 0x79, 0x3d, 0x69, 0xd8, 0x47, 0x7d, 0xe4};

void image_put16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)value;
    at[1] = (uint8_t)(value >> 8);
}

void image_put32(uint8_t *at, uint32_t value)
{
    image_put16(at, value);
    image_put16(at + 2, value >> 16);
}

void image_put64(uint8_t *at, uint64_t value)
{
    image_put32(at, (uint32_t)value);
    image_put32(at + 4, (uint32_t)(value >> 32));
}

uint32_t image_crc32(const void *data, size_t length)
{
    const uint8_t *p = data;
    uint32_t crc = 0xffffffffu;

    for (size_t i = 0; i < length * 8; i++) {
        uint32_t bit = (crc ^ (uint32_t)(p[i / 8] >> (i % 8))) & 1;

        crc = (crc >> 1) ^ (bit ? 0xedb88320u : 0);
    }
    return crc ^ 0xffffffffu;
}

static uint64_t entry_blocks(const struct image_gpt *gpt)
{
    uint64_t bytes = (uint64_t)gpt->entry_count * gpt->entry_size;

    return (bytes + gpt->block_size - 1) / gpt->block_size;
}

uint8_t *image_gpt_header(const struct image_gpt *gpt, int backup)
{
    return gpt->disk + (backup ? gpt->blocks - 1 : 1) * gpt->block_size;
}

uint8_t *image_gpt_entry(const struct image_gpt *gpt, int backup, unsigned index)
{
    uint64_t block = backup ? gpt->blocks - 1 - entry_blocks(gpt) : 2;

    return gpt->disk + block * gpt->block_size + (uint64_t)index * gpt->entry_size;
}

void image_gpt_seal(const struct image_gpt *gpt)
{
    for (int backup = 0; backup <= 1; backup++) {
        uint8_t *header = image_gpt_header(gpt, backup);

        image_put32(header + 88, image_crc32(image_gpt_entry(gpt, backup, 0),
                                             (size_t)gpt->entry_count * gpt->entry_size));
        image_put32(header + 16, 0);
        image_put32(header + 16, image_crc32(header, gpt->header_size));
    }
}

void image_gpt_write(struct image_gpt *gpt)
{
    if (gpt->entry_count == 0)
        gpt->entry_count = 128;
    if (gpt->entry_size == 0)
        gpt->entry_size = 128;
    if (gpt->header_size == 0)
        gpt->header_size = 92;
    if (gpt->first_usable == 0)
        gpt->first_usable = 2 + entry_blocks(gpt);
    if (gpt->last_usable == 0)
        gpt->last_usable = gpt->blocks - 2 - entry_blocks(gpt);

    image_mbr_set(gpt->disk, 0, 0xee, 1,
                  gpt->blocks - 1 > 0xffffffffu ? 0xffffffffu : (uint32_t)(gpt->blocks - 1));
    for (int backup = 0; backup <= 1; backup++) {
        uint8_t *header = image_gpt_header(gpt, backup);

        memcpy(header, "EFI PART", 8);
        image_put32(header + 8, 0x00010000);
        image_put32(header + 12, gpt->header_size);
        image_put64(header + 24, backup ? gpt->blocks - 1 : 1);
        image_put64(header + 32, backup ? 1 : gpt->blocks - 1);
        image_put64(header + 40, gpt->first_usable);
        image_put64(header + 48, gpt->last_usable);
        memset(header + 56, 0xd1, 16);
        image_put64(header + 72, backup ? gpt->blocks - 1 - entry_blocks(gpt) : 2);
        image_put32(header + 80, gpt->entry_count);
        image_put32(header + 84, gpt->entry_size);
        /* What a longer header has behind the known fields counts for its CRC. */
        memset(header + 92, 0x5a, gpt->header_size - 92);
    }
    image_gpt_seal(gpt);
}

void image_gpt_set(struct image_gpt *gpt, unsigned index, const uint8_t type[16], uint64_t first,
                   uint64_t last, const char *name)
{
    for (int backup = 0; backup <= 1; backup++) {
        uint8_t *entry = image_gpt_entry(gpt, backup, index);

        memcpy(entry, type, 16);
        memset(entry + 16, (int)(0x10 + index), 16);
        image_put64(entry + 32, first);
        image_put64(entry + 40, last);
        memset(entry + 56, 0, 72);
        for (size_t i = 0; name[i] != '\0' && i < 36; i++)
            image_put16(entry + 56 + 2 * i, (uint8_t)name[i]);
    }
    image_gpt_seal(gpt);
}

void image_mbr_set(uint8_t *sector, unsigned index, uint8_t type, uint32_t start, uint32_t count)
{
    uint8_t *entry = sector + 446 + (size_t)index * 16;

    memset(entry, 0, 16);
    entry[4] = type;
    image_put32(entry + 8, start);
    image_put32(entry + 12, count);
    image_put16(sector + 510, 0xaa55);
}
