/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Makes FAT file systems in the memory of a test disk, from Microsoft's specification and without a
 * line of the code under test. Everything is right unless a test makes it wrong.
 */
#ifndef SLATE_TESTS_IMAGE_FAT_H
#define SLATE_TESTS_IMAGE_FAT_H

#include <stddef.h>
#include <stdint.h>

struct image_fat {
    uint8_t *volume;          /* the memory of the volume */
    unsigned bits;            /* 12, 16 or 32 */
    uint32_t clusters;        /* how many; decides the size of everything */
    uint32_t sector_size;     /* 0 stands for 512 */
    uint32_t cluster_sectors; /* 0 stands for 1 */
    uint32_t fats;            /* 0 stands for 2 */
    uint32_t root_entries;    /* FAT12 and 16: 0 stands for 224 */
    uint32_t reserved;        /* sectors; 0 stands for 32 (FAT32) or 1 */

    /* Set by image_fat_write(). Offsets are bytes in the volume. */
    uint64_t size;
    uint32_t fat_sectors;
    uint64_t table;
    uint64_t root;
    uint64_t data;
    uint32_t cluster_size;
    uint32_t next;   /* the cluster that is given out next */
    uint32_t stride; /* from one cluster of a file to the next; 1 at first */
};

/* A directory of the image. Cluster 0 is the root directory of FAT12 and FAT16. */
struct image_dir {
    uint32_t cluster;
};

/* The bytes that a volume of this description needs; fills the fields in. */
uint64_t image_fat_size(struct image_fat *image);

/* Writes the boot sector, empty FATs and an empty root directory to image->volume (all zeros). */
void image_fat_write(struct image_fat *image);

struct image_dir image_fat_root(const struct image_fat *image);

/* Where `cluster` is in memory. */
uint8_t *image_fat_cluster(const struct image_fat *image, uint32_t cluster);

/* An entry of the first FAT; set in all of them. `value` 0xffffffff is the end of a chain. */
uint32_t image_fat_get(const struct image_fat *image, uint32_t cluster);
void image_fat_set(struct image_fat *image, uint32_t cluster, uint32_t value);

/* Sets an entry in one FAT only. */
void image_fat_set_one(struct image_fat *image, unsigned fat, uint32_t cluster, uint32_t value);

/*
 * Takes a chain of `count` clusters, each image->stride behind the one before; 0 if `count` is 0.
 */
uint32_t image_fat_chain(struct image_fat *image, uint32_t count);

/* Appends a raw record of 32 bytes to a directory, which grows as needed; returns where it is. */
uint8_t *image_fat_record(struct image_fat *image, struct image_dir dir, const void *record);

/*
 * Appends the records of a name: those of the long name (UTF-8, at most 255 UTF-16 units) unless it
 * is NULL, then the short one, of 11 bytes. Returns the short record.
 */
uint8_t *image_fat_name(struct image_fat *image, struct image_dir dir, const char *long_name,
                        const char *short_name, uint8_t attributes, uint32_t cluster,
                        uint32_t size);

/* Makes a directory, with "." and "..". */
struct image_dir image_fat_mkdir(struct image_fat *image, struct image_dir parent,
                                 const char *long_name, const char *short_name);

/* Makes a file whose bytes are those of image_fill(seed). Returns its short record. */
uint8_t *image_fat_file(struct image_fat *image, struct image_dir dir, const char *long_name,
                        const char *short_name, uint32_t seed, uint32_t size);

/* The contents of test files: bytes that tell where they belong. */
void image_fill(uint8_t *to, uint32_t seed, uint64_t offset, size_t length);

#endif
