/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads of bytes on top of reads of blocks. Short reads come from a few large cached lines, so that
 * the partition table, the FAT and the directories cost a handful of requests; long reads go
 * straight to their destination in one batch, and only the blocks at their ends that are not wanted
 * whole pass through a bounce buffer.
 */
#include "boot/disk.h"

#include "boot/diag.h"
#include "boot/error.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/*
 * Requests besides those for the files themselves, from the partition table to the end of an
 * initrd, on GPT disks with a FAT16 of 64 MiB, a FAT32 of 512 MiB, the same after kernel updates,
 * and a FAT32 of 1 GiB with 512-byte clusters: with lines of 16 KiB 9, 11, 18, 41; 64 KiB 5, 6, 13,
 * 23; 128 KiB 5, 5, 10, 17; 256 KiB 4, 5, 9, 16.
 */
#define LINE_SIZE  131072u /* bytes, a multiple of DISK_BLOCK_MAX */
#define LINE_COUNT 8u

#define CACHED_MAX   32768u    /* bytes: a read of at most this is served from the cache */
#define BATCH_PIECES 512u      /* pieces given to the driver at once */
#define BOUNCE_SIZE  LINE_SIZE /* bytes: room for at least two blocks */

struct line {
    uint64_t start;   /* byte of the disk */
    uint32_t valid;   /* bytes; 0 means that the line is free */
    uint64_t touched; /* value of the clock at the last use */
    uint8_t *data;    /* NULL until the line is needed for the first time */
};

/* Bytes that are to be copied out of the bounce buffer when the batch has been read. */
struct fixup {
    uint8_t *to;
    const uint8_t *from;
    size_t length;
};

struct disk_cache {
    struct line line[LINE_COUNT];
    uint64_t clock;

    /* The batch: what has been collected for one call of the driver. */
    unsigned pieces;
    unsigned fixups;
    size_t bounced; /* bytes of `bounce` in use */
    struct disk_piece piece[BATCH_PIECES];
    struct fixup fixup[BOUNCE_SIZE / 512];
    uint8_t bounce[BOUNCE_SIZE];
};

_Static_assert(LINE_SIZE % DISK_BLOCK_MAX == 0, "a line is whole blocks");
_Static_assert(BOUNCE_SIZE >= DISK_BLOCK_MAX, "a block fits the bounce buffer");

int disk_open(struct disk *disk, struct diag *diag)
{
    uint32_t block = disk->block_size;

    if (block < 512 || block > DISK_BLOCK_MAX || (block & (block - 1)) != 0)
        return diag_fail(diag, -BOOT_E_DEVICE,
                         "%s: block size is %u, expected a power of two from 512 to %u", disk->name,
                         block, DISK_BLOCK_MAX);
    if (disk->size % block != 0)
        return diag_fail(diag, -BOOT_E_DEVICE,
                         "%s: size is %llu bytes, not a multiple of the block size %u", disk->name,
                         (unsigned long long)disk->size, block);

    struct disk_cache *cache = malloc(sizeof(*cache));
    if (!cache)
        return diag_fail(diag, -BOOT_E_NO_MEMORY, "%s: no memory for its %zu KiB of buffers",
                         disk->name, sizeof(*cache) / 1024);
    memset(cache->line, 0, sizeof(cache->line));
    cache->clock = 0;
    cache->pieces = 0;
    cache->fixups = 0;
    cache->bounced = 0;
    disk->cache = cache;
    return 0;
}

void disk_close(struct disk *disk)
{
    for (unsigned i = 0; disk->cache && i < LINE_COUNT; i++)
        free(disk->cache->line[i].data);
    free(disk->cache);
    disk->cache = NULL;
}

/* Reads what the batch has collected and empties it. */
static int batch_flush(struct disk *disk, struct diag *diag)
{
    struct disk_cache *cache = disk->cache;
    int error = 0;

    if (cache->pieces != 0)
        error = disk->read_blocks(disk, cache->piece, cache->pieces, diag);
    for (unsigned i = 0; error == 0 && i < cache->fixups; i++)
        memcpy(cache->fixup[i].to, cache->fixup[i].from, cache->fixup[i].length);
    cache->pieces = 0;
    cache->fixups = 0;
    cache->bounced = 0;
    return error;
}

/* Whether one more piece, or one more block in the bounce buffer, would not fit. */
static bool batch_full(const struct disk *disk)
{
    const struct disk_cache *cache = disk->cache;

    return cache->pieces == BATCH_PIECES || cache->bounced + disk->block_size > BOUNCE_SIZE;
}

/*
 * Adds whole blocks to a batch that is not full. What continues the piece before, on disk and in
 * memory, joins it.
 */
static void batch_blocks(struct disk *disk, uint64_t offset, uint8_t *buffer, size_t length)
{
    struct disk_cache *cache = disk->cache;

    if (cache->pieces != 0) {
        struct disk_piece *last = &cache->piece[cache->pieces - 1];

        if (last->offset + last->length == offset &&
            (uint8_t *)last->buffer + last->length == buffer) {
            last->length += length;
            return;
        }
    }
    cache->piece[cache->pieces++] = (struct disk_piece){offset, buffer, length};
}

/* Adds `length` bytes that lie in one block to a batch that is not full. */
static void batch_fragment(struct disk *disk, uint64_t offset, uint8_t *buffer, size_t length)
{
    struct disk_cache *cache = disk->cache;
    size_t within = (size_t)(offset % disk->block_size);
    uint8_t *bounce = cache->bounce + cache->bounced;

    batch_blocks(disk, offset - within, bounce, disk->block_size);
    cache->bounced += disk->block_size;
    cache->fixup[cache->fixups++] = (struct fixup){buffer, bounce + within, length};
}

/* Adds any bytes: a head and a tail that are parts of blocks, and whole blocks between them. */
static int batch_add(struct disk *disk, uint64_t offset, uint8_t *buffer, size_t length,
                     struct diag *diag)
{
    while (length != 0) {
        size_t within = (size_t)(offset % disk->block_size);
        size_t part = length - length % disk->block_size;

        if (batch_full(disk)) {
            int error = batch_flush(disk, diag);
            if (error)
                return error;
        }
        if (within != 0 || part == 0) {
            part = disk->block_size - within;
            if (part > length)
                part = length;
            batch_fragment(disk, offset, buffer, part);
        } else {
            batch_blocks(disk, offset, buffer, part);
        }
        offset += part;
        buffer += part;
        length -= part;
    }
    return 0;
}

/*
 * The line that holds byte `start` (a multiple of LINE_SIZE), or the one to be replaced next (valid
 * = 0).
 */
static struct line *line_find(struct disk_cache *cache, uint64_t start)
{
    struct line *oldest = &cache->line[0];

    for (unsigned i = 0; i < LINE_COUNT; i++) {
        struct line *line = &cache->line[i];

        if (line->valid != 0 && line->start == start)
            return line;
        if (line->touched < oldest->touched)
            oldest = line;
    }
    oldest->valid = 0;
    return oldest;
}

/* Fills a free line with the LINE_SIZE bytes at `start`, or as many as the disk has. */
static int line_fill(struct disk *disk, struct line *line, uint64_t start, struct diag *diag)
{
    uint64_t left = disk->size - start;
    uint32_t size = left < LINE_SIZE ? (uint32_t)left : LINE_SIZE;

    if (!line->data)
        line->data = malloc(LINE_SIZE);
    if (!line->data)
        return diag_fail(diag, -BOOT_E_NO_MEMORY, "%s: no memory for the cache", disk->name);

    struct disk_piece piece = {start, line->data, size};
    int error = disk->read_blocks(disk, &piece, 1, diag);
    if (error)
        return error;
    line->start = start;
    line->valid = size;
    return 0;
}

/* Reads bytes of one line through the cache. */
static int line_read(struct disk *disk, uint64_t offset, uint8_t *buffer, size_t length,
                     struct diag *diag)
{
    struct disk_cache *cache = disk->cache;
    uint64_t start = offset - offset % LINE_SIZE;
    struct line *line = line_find(cache, start);
    int error = line->valid == 0 ? line_fill(disk, line, start, diag) : 0;

    if (error == -BOOT_E_IO || error == -BOOT_E_NO_MEMORY) {
        /*
         * One bad block must not take its neighbours with it, nor is the cache needed: read what
         * was asked for.
         */
        error = batch_add(disk, offset, buffer, length, diag);
        if (error == 0)
            error = batch_flush(disk, diag);
        if (error == 0)
            *diag = (struct diag){0};
        return error;
    }
    if (error)
        return error;
    line->touched = ++cache->clock;
    memcpy(buffer, line->data + (offset - start), length);
    return 0;
}

static int cached_read(struct disk *disk, uint64_t offset, uint8_t *buffer, size_t length,
                       struct diag *diag)
{
    while (length != 0) {
        size_t part = LINE_SIZE - (size_t)(offset % LINE_SIZE);
        if (part > length)
            part = length;

        int error = line_read(disk, offset, buffer, part, diag);
        if (error)
            return error;
        offset += part;
        buffer += part;
        length -= part;
    }
    return 0;
}

int disk_read_pieces(struct disk *disk, const struct disk_piece *pieces, unsigned count,
                     struct diag *diag)
{
    bool cached = true;
    size_t total = 0;
    int error = 0;

    for (unsigned i = 0; i < count; i++) {
        if (pieces[i].offset > disk->size || pieces[i].length > disk->size - pieces[i].offset)
            return diag_fail(diag, -BOOT_E_PARTITION,
                             "%s: %llu bytes at byte %llu are wanted, but the disk has only %llu",
                             disk->name, (unsigned long long)pieces[i].length,
                             (unsigned long long)pieces[i].offset, (unsigned long long)disk->size);
        if (pieces[i].length > CACHED_MAX - total)
            cached = false;
        else
            total += pieces[i].length;
    }
    for (unsigned i = 0; error == 0 && i < count; i++) {
        const struct disk_piece *piece = &pieces[i];

        if (cached)
            error = cached_read(disk, piece->offset, piece->buffer, piece->length, diag);
        else
            error = batch_add(disk, piece->offset, piece->buffer, piece->length, diag);
    }
    if (error)
        return error;
    return batch_flush(disk, diag);
}

int disk_read(struct disk *disk, uint64_t offset, void *buffer, size_t length, struct diag *diag)
{
    struct disk_piece piece = {offset, buffer, length};

    return disk_read_pieces(disk, &piece, 1, diag);
}
