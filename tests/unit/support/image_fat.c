/* SPDX-License-Identifier: BSD-2-Clause */
/* A FAT formatter with the least that files and directories need. */
#include "tests/unit/support/image_fat.h"

#include "tests/unit/support/image_table.h"

#include <stdlib.h>
#include <string.h>

#define RECORD 32u

static uint32_t divide_up(uint64_t value, uint32_t by)
{
    return (uint32_t)((value + by - 1) / by);
}

uint64_t image_fat_size(struct image_fat *image)
{
    if (image->sector_size == 0)
        image->sector_size = 512;
    if (image->cluster_sectors == 0)
        image->cluster_sectors = 1;
    if (image->fats == 0)
        image->fats = 2;
    if (image->root_entries == 0 && image->bits != 32)
        image->root_entries = 224;
    if (image->reserved == 0)
        image->reserved = image->bits == 32 ? 32 : 1;
    image->cluster_size = image->cluster_sectors * image->sector_size;
    image->fat_sectors =
        divide_up(divide_up(((uint64_t)image->clusters + 2) * image->bits, 8), image->sector_size);
    image->table = (uint64_t)image->reserved * image->sector_size;
    image->root = image->table + (uint64_t)image->fats * image->fat_sectors * image->sector_size;
    image->data =
        image->root +
        (uint64_t)divide_up(image->root_entries * RECORD, image->sector_size) * image->sector_size;
    image->size = image->data + (uint64_t)image->clusters * image->cluster_size;
    return image->size;
}

void image_fat_write(struct image_fat *image)
{
    uint8_t *boot = image->volume;
    uint64_t size = image_fat_size(image);
    uint32_t sectors = (uint32_t)(size / image->sector_size);

    image->next = 2;
    image->stride = 1;
    memcpy(boot, "\xeb\x58\x90SLATETST", 11);
    image_put16(boot + 11, image->sector_size);
    boot[13] = (uint8_t)image->cluster_sectors;
    image_put16(boot + 14, image->reserved);
    boot[16] = (uint8_t)image->fats;
    image_put16(boot + 17, image->root_entries);
    if (sectors < 0x10000 && image->bits != 32)
        image_put16(boot + 19, sectors);
    else
        image_put32(boot + 32, sectors);
    boot[21] = 0xf8;
    if (image->bits == 32) {
        image_put32(boot + 36, image->fat_sectors);
        image_put32(boot + 44, 2);
        image_put16(boot + 48, 1);
    } else {
        image_put16(boot + 22, image->fat_sectors);
    }
    image_put16(boot + 510, 0xaa55);
    image_fat_set(image, 0, 0xfffffff8u);
    image_fat_set(image, 1, 0xffffffffu);
    if (image->bits == 32)
        image_fat_chain(image, 1);
}

struct image_dir image_fat_root(const struct image_fat *image)
{
    return (struct image_dir){image->bits == 32 ? 2 : 0};
}

uint8_t *image_fat_cluster(const struct image_fat *image, uint32_t cluster)
{
    return image->volume + image->data + (uint64_t)(cluster - 2) * image->cluster_size;
}

/* The byte of `fat` where the entry of `cluster` starts. */
static uint8_t *entry_at(const struct image_fat *image, unsigned fat, uint32_t cluster)
{
    uint64_t start = image->table + (uint64_t)fat * image->fat_sectors * image->sector_size;

    return image->volume + start + (uint64_t)cluster * image->bits / 8;
}

uint32_t image_fat_get(const struct image_fat *image, uint32_t cluster)
{
    const uint8_t *at = entry_at(image, 0, cluster);

    if (image->bits == 12)
        return cluster % 2 ? (uint32_t)(at[0] >> 4 | at[1] << 4) : (at[0] | (at[1] & 15u) << 8);
    if (image->bits == 16)
        return at[0] | (uint32_t)at[1] << 8;
    return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

void image_fat_set_one(struct image_fat *image, unsigned fat, uint32_t cluster, uint32_t value)
{
    uint8_t *at = entry_at(image, fat, cluster);

    if (image->bits == 32) {
        image_put32(at, value & 0x0fffffffu);
    } else if (image->bits == 16) {
        image_put16(at, value);
    } else if (cluster % 2) {
        at[0] = (uint8_t)((at[0] & 0x0f) | value << 4);
        at[1] = (uint8_t)(value >> 4);
    } else {
        at[0] = (uint8_t)value;
        at[1] = (uint8_t)((at[1] & 0xf0) | ((value >> 8) & 0x0f));
    }
}

void image_fat_set(struct image_fat *image, uint32_t cluster, uint32_t value)
{
    for (unsigned fat = 0; fat < image->fats; fat++)
        image_fat_set_one(image, fat, cluster, value);
}

uint32_t image_fat_chain(struct image_fat *image, uint32_t count)
{
    uint32_t first = image->next;

    for (uint32_t i = 0; i < count; i++) {
        image_fat_set(image, image->next,
                      i + 1 < count ? image->next + image->stride : 0xffffffffu);
        image->next += image->stride;
    }
    if (image->next > image->clusters + 2)
        abort(); /* the test wants more than its volume has */
    return count != 0 ? first : 0;
}

uint8_t *image_fat_record(struct image_fat *image, struct image_dir dir, const void *record)
{
    uint32_t cluster = dir.cluster;
    uint8_t *start = cluster != 0 ? image_fat_cluster(image, cluster) : image->volume + image->root;
    uint32_t size = cluster != 0 ? image->cluster_size : image->root_entries * RECORD;

    for (;;) {
        for (uint32_t at = 0; at < size; at += RECORD) {
            if (start[at] == 0)
                return memcpy(start + at, record, RECORD);
        }
        if (cluster == 0)
            abort(); /* such a root directory cannot grow */
        uint32_t next = image_fat_get(image, cluster);
        if (next < 2 || next > image->clusters + 1) {
            next = image_fat_chain(image, 1);
            image_fat_set(image, cluster, next);
        }
        cluster = next;
        start = image_fat_cluster(image, cluster);
    }
}

/* UTF-8, which the tests write well-formed, to UTF-16; returns the number of units. */
static unsigned to_utf16(const char *text, uint16_t units[260])
{
    const uint8_t *p = (const uint8_t *)text;
    unsigned count = 0;

    while (*p != '\0' && count < 255) {
        unsigned more = *p < 0x80 ? 0 : *p < 0xe0 ? 1 : *p < 0xf0 ? 2 : 3;
        uint32_t c = more == 0 ? *p : *p & (0x3fu >> more);

        for (p++; more != 0; more--)
            c = c << 6 | (*p++ & 0x3fu);
        if (c >= 0x10000) {
            units[count++] = (uint16_t)(0xd800 + ((c - 0x10000) >> 10));
            c = 0xdc00 + ((c - 0x10000) & 0x3ff);
        }
        units[count++] = (uint16_t)c;
    }
    return count;
}

uint8_t *image_fat_name(struct image_fat *image, struct image_dir dir, const char *long_name,
                        const char *short_name, uint8_t attributes, uint32_t cluster, uint32_t size)
{
    uint8_t record[RECORD] = {0};
    uint8_t sum = 0;

    for (unsigned i = 0; i < 11; i++)
        sum = (uint8_t)(((sum & 1) ? 0x80 : 0) + (sum >> 1) + (uint8_t)short_name[i]);
    if (long_name) {
        uint16_t units[260];
        unsigned count = to_utf16(long_name, units);
        unsigned parts = (count + 12) / 13;

        for (unsigned part = parts; part >= 1; part--) {
            record[0] = (uint8_t)(part | (part == parts ? 0x40 : 0));
            record[11] = 0x0f;
            record[13] = sum;
            for (unsigned i = 0; i < 13; i++) {
                unsigned at = (part - 1) * 13 + i;
                uint8_t *to = record + (i < 5 ? 1 + 2 * i : i < 11 ? 4 + 2 * i : 6 + 2 * i);

                image_put16(to, at < count ? units[at] : at == count ? 0 : 0xffff);
            }
            image_fat_record(image, dir, record);
        }
    }
    memset(record, 0, sizeof(record));
    memcpy(record, short_name, 11);
    record[11] = attributes;
    image_put16(record + 20, image->bits == 32 ? cluster >> 16 : 0);
    image_put16(record + 26, cluster);
    image_put32(record + 28, size);
    return image_fat_record(image, dir, record);
}

struct image_dir image_fat_mkdir(struct image_fat *image, struct image_dir parent,
                                 const char *long_name, const char *short_name)
{
    struct image_dir dir = {image_fat_chain(image, 1)};
    uint32_t up = parent.cluster == image_fat_root(image).cluster ? 0 : parent.cluster;

    image_fat_name(image, parent, long_name, short_name, 0x10, dir.cluster, 0);
    image_fat_name(image, dir, NULL, ".          ", 0x10, dir.cluster, 0);
    image_fat_name(image, dir, NULL, "..         ", 0x10, up, 0);
    return dir;
}

uint8_t *image_fat_file(struct image_fat *image, struct image_dir dir, const char *long_name,
                        const char *short_name, uint32_t seed, uint32_t size)
{
    uint32_t count = divide_up(size, image->cluster_size);
    uint32_t first = image_fat_chain(image, count);
    uint32_t cluster = first;

    for (uint32_t i = 0; i < count; i++) {
        uint32_t left = size - i * image->cluster_size;

        image_fill(image_fat_cluster(image, cluster), seed, (uint64_t)i * image->cluster_size,
                   left < image->cluster_size ? left : image->cluster_size);
        cluster = image_fat_get(image, cluster);
    }
    return image_fat_name(image, dir, long_name, short_name, 0x20, first, size);
}

void image_fill(uint8_t *to, uint32_t seed, uint64_t offset, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        uint64_t word = (offset + i) / 4 * 0x9e3779b97f4a7c15ull + seed * 0xc2b2ae3d27d4eb4full;

        to[i] = (uint8_t)(word >> (32 + 8 * ((offset + i) % 4)));
    }
}
