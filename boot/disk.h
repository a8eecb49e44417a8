/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A disk as the parsers see it: bytes at offsets. Below stands a driver that transfers whole
 * blocks; this layer adds bounds, alignment, a small cache for metadata, and sends long reads
 * straight to their destination.
 */
#ifndef SLATE_BOOT_DISK_H
#define SLATE_BOOT_DISK_H

#include <stddef.h>
#include <stdint.h>

struct diag;

/* One piece of a read: `length` bytes at byte `offset` of the disk go to `buffer`. */
struct disk_piece {
    uint64_t offset;
    void *buffer;
    size_t length;
};

#define DISK_BLOCK_MAX 65536u /* bytes; a device with larger blocks is refused */

/*
 * Filled in by whoever owns the device (boot/virtio_disk.c, or a test), then given to disk_open().
 * `read_blocks` gets pieces whose offset and length are multiples of block_size and that lie inside
 * the disk; it submits them all before it waits. It returns 0 or a negated error and fills the
 * diagnosis; after -BOOT_E_IO it may be asked for a part of the same blocks again, after any other
 * error this layer asks no more.
 */
struct disk {
    const char *name;    /* for messages: "virtio-blk 00:03.0" */
    uint32_t block_size; /* bytes: a power of two, 512 to DISK_BLOCK_MAX */
    uint64_t size;       /* bytes: a multiple of block_size */
    int (*read_blocks)(struct disk *disk, const struct disk_piece *pieces, unsigned count,
                       struct diag *diag);
    struct disk_cache *cache; /* private to boot/disk.c */
};

/*
 * Checks the fields above and sets the cache up. Errors: -BOOT_E_DEVICE (geometry),
 * -BOOT_E_NO_MEMORY.
 */
int disk_open(struct disk *disk, struct diag *diag);

/* Frees the cache. */
void disk_close(struct disk *disk);

/*
 * Reads `length` bytes at byte `offset`; any alignment, any length. Short reads are served from the
 * cache (metadata), long ones go directly to `buffer`.
 * Errors: -BOOT_E_PARTITION when the range is not inside the disk, otherwise what the driver
 * returned.
 */
int disk_read(struct disk *disk, uint64_t offset, void *buffer, size_t length, struct diag *diag);

/*
 * The same for many pieces at once: all long parts are in flight together. `count` may be any
 * number; pieces may have any alignment and must not overlap in memory.
 */
int disk_read_pieces(struct disk *disk, const struct disk_piece *pieces, unsigned count,
                     struct diag *diag);

#endif
