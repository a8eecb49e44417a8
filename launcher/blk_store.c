/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The contents of a disk. Memory is kept in chunks, made when they are first written, each twice: as a driver reads it,
 * and as stable storage has it, so that a power cut can be played. A file is written through the host's own cache.
 */
#include "launcher/blk_store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "launcher/device.h"

enum {
    CHUNK_SECTORS = 32,
    SECTOR = VIRTIO_BLK_SECTOR,
    FIRST_ROOM = 64,
};

struct chunk {
    uint64_t number;
    uint32_t changed, mapped; /* a bit a sector */
    uint8_t now[CHUNK_SECTORS * SECTOR], stable[CHUNK_SECTORS * SECTOR];
};

struct launcher_blk_store {
    int file; /* -1: memory */
    uint64_t commits;
    struct chunk **chunks; /* a hash table, open addressing, at most half full */
    size_t count, room;
};

/* ---- Chunks ---- */

static size_t place_of(const struct launcher_blk_store *store, uint64_t number)
{
    size_t at = (size_t)(number * 0x9e3779b97f4a7c15u >> 32) & (store->room - 1);

    while (store->chunks[at] != NULL && store->chunks[at]->number != number)
        at = (at + 1) & (store->room - 1);
    return at;
}

static void make_room(struct launcher_blk_store *store)
{
    struct chunk **old = store->chunks;
    size_t old_room = store->room;

    if (store->count < store->room / 2)
        return;
    store->room *= 2;
    store->chunks = launcher_allocate(store->room * sizeof(struct chunk *));
    for (size_t i = 0; i < old_room; i++)
        if (old[i] != NULL)
            store->chunks[place_of(store, old[i]->number)] = old[i];
    free(old);
}

static struct chunk *find(const struct launcher_blk_store *store, uint64_t sector)
{
    return store->chunks[place_of(store, sector / CHUNK_SECTORS)];
}

static struct chunk *find_or_make(struct launcher_blk_store *store, uint64_t sector)
{
    struct chunk *chunk = find(store, sector);

    if (chunk != NULL)
        return chunk;
    make_room(store);
    chunk = launcher_allocate(sizeof(*chunk));
    chunk->number = sector / CHUNK_SECTORS;
    store->chunks[place_of(store, chunk->number)] = chunk;
    store->count++;
    return chunk;
}

/* How many of these sectors lie in one chunk, and which bits stand for them. */
static uint32_t part_of(uint64_t sector, uint64_t sectors, uint32_t *bits)
{
    uint32_t first = (uint32_t)(sector % CHUNK_SECTORS);
    uint32_t count = CHUNK_SECTORS - first;

    if (sectors < count)
        count = (uint32_t)sectors;
    *bits = (uint32_t)(((1ull << count) - 1) << first);
    return count;
}

/* ---- Life ---- */

static bool open_file(struct launcher_blk_store *store, const char *file, bool read_only,
                      uint64_t *sectors, int *error)
{
    struct stat about;

    store->file = open(file, (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC);
    if (store->file < 0 || fstat(store->file, &about) != 0) {
        *error = errno;
        return false;
    }
    if (*sectors == 0)
        *sectors = (uint64_t)about.st_size / SECTOR;
    return true;
}

struct launcher_blk_store *launcher_blk_store_new(const char *file, bool read_only,
                                                  uint64_t *sectors, int *error)
{
    struct launcher_blk_store *store = launcher_allocate(sizeof(*store));

    store->file = -1;
    store->room = FIRST_ROOM;
    store->chunks = launcher_allocate(store->room * sizeof(struct chunk *));
    if (file == NULL || open_file(store, file, read_only, sectors, error))
        return store;
    launcher_blk_store_free(store);
    return NULL;
}

void launcher_blk_store_free(struct launcher_blk_store *store)
{
    if (store == NULL)
        return;
    if (store->file >= 0)
        (void)close(store->file);
    for (size_t i = 0; i < store->room; i++)
        free(store->chunks[i]);
    free(store->chunks);
    free(store);
}

/* ---- Files ---- */

/* Beyond the end of the file a disk reads as zeroes. */
static bool read_file(const struct launcher_blk_store *store, uint64_t sector, uint8_t *to,
                      size_t left)
{
    off_t at = (off_t)(sector * SECTOR);

    while (left > 0) {
        ssize_t got = pread(store->file, to, left, at);

        if (got < 0)
            return false;
        if (got == 0) {
            memset(to, 0, left);
            return true;
        }
        to += got;
        at += got;
        left -= (size_t)got;
    }
    return true;
}

static bool write_file(const struct launcher_blk_store *store, uint64_t sector, const uint8_t *from,
                       size_t left)
{
    off_t at = (off_t)(sector * SECTOR);

    while (left > 0) {
        ssize_t put = pwrite(store->file, from, left, at);

        if (put <= 0)
            return false;
        from += put;
        at += put;
        left -= (size_t)put;
    }
    return true;
}

/* ---- Contents ---- */

bool launcher_blk_store_read(struct launcher_blk_store *store, uint64_t sector, void *to,
                             uint64_t sectors)
{
    uint8_t *bytes = to;

    if (store->file >= 0)
        return read_file(store, sector, bytes, (size_t)sectors * SECTOR);
    while (sectors > 0) {
        uint32_t bits, count = part_of(sector, sectors, &bits);
        const struct chunk *chunk = find(store, sector);

        if (chunk != NULL)
            memcpy(bytes, chunk->now + sector % CHUNK_SECTORS * SECTOR, (size_t)count * SECTOR);
        else
            memset(bytes, 0, (size_t)count * SECTOR);
        bytes += (size_t)count * SECTOR;
        sector += count;
        sectors -= count;
    }
    return true;
}

bool launcher_blk_store_write(struct launcher_blk_store *store, uint64_t sector, const void *from,
                              uint64_t sectors)
{
    const uint8_t *bytes = from;

    if (store->file >= 0)
        return write_file(store, sector, bytes, (size_t)sectors * SECTOR);
    while (sectors > 0) {
        uint32_t bits, count = part_of(sector, sectors, &bits);
        struct chunk *chunk = find_or_make(store, sector);

        memcpy(chunk->now + sector % CHUNK_SECTORS * SECTOR, bytes, (size_t)count * SECTOR);
        chunk->changed |= bits;
        chunk->mapped |= bits;
        bytes += (size_t)count * SECTOR;
        sector += count;
        sectors -= count;
    }
    return true;
}

bool launcher_blk_store_zero(struct launcher_blk_store *store, uint64_t sector, uint64_t sectors,
                             bool unmap)
{
    static const uint8_t zeroes[CHUNK_SECTORS * SECTOR];

    while (sectors > 0) {
        uint32_t bits, count = part_of(sector, sectors, &bits);
        struct chunk *chunk = store->file < 0 ? find(store, sector) : NULL;

        if (chunk != NULL || !unmap || store->file >= 0)
            if (!launcher_blk_store_write(store, sector, zeroes, count))
                return false;
        if (unmap && chunk != NULL)
            chunk->mapped &= ~bits;
        sector += count;
        sectors -= count;
    }
    return true;
}

bool launcher_blk_store_commit(struct launcher_blk_store *store)
{
    store->commits++;
    if (store->file >= 0)
        return fdatasync(store->file) == 0;
    for (size_t i = 0; i < store->room; i++) {
        struct chunk *chunk = store->chunks[i];

        if (chunk == NULL || chunk->changed == 0)
            continue;
        memcpy(chunk->stable, chunk->now, sizeof(chunk->stable));
        chunk->changed = 0;
    }
    return true;
}

uint64_t launcher_blk_store_commits(const struct launcher_blk_store *store)
{
    return store->commits;
}

void launcher_blk_store_cut_power(struct launcher_blk_store *store)
{
    for (size_t i = 0; i < store->room; i++) {
        struct chunk *chunk = store->chunks[i];

        if (chunk == NULL)
            continue;
        memcpy(chunk->now, chunk->stable, sizeof(chunk->now));
        chunk->changed = 0;
    }
}

bool launcher_blk_store_is_volatile(const struct launcher_blk_store *store, uint64_t sector)
{
    const struct chunk *chunk = find(store, sector);

    return chunk != NULL && (chunk->changed >> sector % CHUNK_SECTORS & 1) != 0;
}

bool launcher_blk_store_is_mapped(const struct launcher_blk_store *store, uint64_t sector)
{
    const struct chunk *chunk = find(store, sector);

    return store->file >= 0 ||
           (chunk != NULL && (chunk->mapped >> sector % CHUNK_SECTORS & 1) != 0);
}

bool launcher_blk_store_is_file(const struct launcher_blk_store *store)
{
    return store->file >= 0;
}
