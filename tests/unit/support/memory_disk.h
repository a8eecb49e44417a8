/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A disk in memory or in a file, for tests: it checks that the layer above keeps to the contract of
 * read_blocks, counts the reads, and fails where it is told to.
 */
#ifndef SLATE_TESTS_MEMORY_DISK_H
#define SLATE_TESTS_MEMORY_DISK_H

#include "boot/disk.h"

#include <stdint.h>

#define MEMORY_DISK_EXTENTS 64u

/* A part of the disk that has contents; the rest reads as zeros. */
struct memory_extent {
    uint64_t offset;
    uint64_t size;
    uint8_t *data;
    int owned; /* unmapped with the disk */
};

struct memory_disk {
    struct disk disk; /* open; first, so that read_blocks finds the rest */
    struct memory_extent extent[MEMORY_DISK_EXTENTS];
    unsigned extents;

    /* What [offset, offset + length) has where there is no extent; NULL stands for zeros. */
    void (*background)(const struct memory_disk *disk, uint64_t offset, uint8_t *to,
                       uint64_t length);

    unsigned calls;  /* of read_blocks: each costs a kick on a real disk */
    unsigned pieces; /* in them */
    uint64_t bytes;

    /* Reads that touch [bad_start, bad_end) return bad_error with a diagnosis. */
    uint64_t bad_start;
    uint64_t bad_end;
    int bad_error;
};

/* A disk of `size` bytes, all zeros, that takes memory only where it is written. */
void memory_disk_open(struct memory_disk *disk, uint64_t size, uint32_t block_size);

/* A disk of any size without contents; memory_disk_add() gives it some. */
void memory_disk_open_sparse(struct memory_disk *disk, uint64_t size, uint32_t block_size);

/* Gives [offset, offset + size) contents, zeros at first, and returns them. */
uint8_t *memory_disk_add(struct memory_disk *disk, uint64_t offset, uint64_t size);

/*
 * Gives it the contents at `data`, which stay the caller's; later ones lie on top of earlier ones.
 */
void memory_disk_lay(struct memory_disk *disk, uint64_t offset, uint64_t size, uint8_t *data);

/* A disk whose contents are those of a file. Aborts if there is none. */
void memory_disk_open_file(struct memory_disk *disk, const char *path, uint32_t block_size);

/* The contents at `offset`; aborts if there are none. */
uint8_t *memory_disk_at(struct memory_disk *disk, uint64_t offset);

/* Forgets what is cached and counted, after a test has changed the contents. */
void memory_disk_reopen(struct memory_disk *disk);

void memory_disk_close(struct memory_disk *disk);

#endif
