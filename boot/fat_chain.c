/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The file allocation table (FAT specification, chapter 4): following a chain of clusters and
 * folding it into extents. An unfragmented file costs a few instructions a cluster, since each
 * entry then names the next cluster.
 */
#include "boot/bytes.h"
#include "boot/diag.h"
#include "boot/error.h"
#include "boot/fat_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FAT32_MASK 0x0fffffffu /* the upper four bits of an entry are reserved */

/*
 * The two special values, without their upper bits: 7 is a bad cluster, 8 and more the end of a
 * chain.
 */
static uint32_t special(const struct fat *fat, uint32_t low)
{
    uint32_t ones = fat->bits == 32 ? FAT32_MASK : (1u << fat->bits) - 1;

    return (ones & ~0xfu) | low;
}

const struct fat_extent *fat_extents(const struct fat_file *file)
{
    return file->allocated != 0 ? file->heap : file->few;
}

int fat_extent_add(struct fat_file *file, struct fat_extent extent, struct diag *diag)
{
    if (file->allocated == 0 && file->extents < FAT_EXTENTS_INLINE) {
        file->few[file->extents++] = extent;
        return 0;
    }
    if (file->extents == FAT_EXTENTS_MAX)
        return diag_fail(diag, -BOOT_E_FAT, "%s: it is in more than %u pieces", file->name,
                         FAT_EXTENTS_MAX);
    if (file->extents == file->allocated || file->allocated == 0) {
        uint32_t room = file->allocated != 0 ? 2 * file->allocated : 64;
        struct fat_extent *heap = realloc(file->heap, room * sizeof(*heap));

        if (!heap)
            return diag_fail(diag, -BOOT_E_NO_MEMORY, "%s: no memory for a list of %u pieces",
                             file->name, room);
        if (file->allocated == 0)
            memcpy(heap, file->few, sizeof(file->few));
        file->heap = heap;
        file->allocated = room;
    }
    file->heap[file->extents++] = extent;
    return 0;
}

/*
 * Brings the part of the FAT with byte `at` into the window. A copy that cannot be read gives way
 * to the next for good.
 */
static int window_load(struct fat *fat, uint64_t at, struct diag *diag)
{
    uint64_t start = at - at % FAT_WINDOW;
    uint64_t left = fat->table_size - start;
    uint32_t size = left < FAT_WINDOW ? (uint32_t)left : FAT_WINDOW;
    int error = -BOOT_E_IO;

    fat->window_size = 0;
    for (unsigned copy = 0; copy < fat->copies && error == -BOOT_E_IO; copy++) {
        uint64_t offset = fat->offset + fat->table + copy * fat->table_size + start;

        error = disk_read(fat->disk, offset, fat->window, size, diag);
        if (error == 0 && copy != 0) {
            diag_note("%s: the FAT cannot be read, using its copy", fat->disk->name);
            *diag = (struct diag){0};
            fat->table += copy * fat->table_size;
            fat->copies -= copy;
        }
    }
    if (error)
        return diag_prefix(diag, "reading the FAT");
    fat->window_offset = start;
    fat->window_size = size;
    return 0;
}

/* The entry of `cluster`, which is inside the window. */
static uint32_t window_entry(const struct fat *fat, uint32_t cluster)
{
    if (fat->bits == 32)
        return get_le32(fat->window + (cluster * 4ull - fat->window_offset)) & FAT32_MASK;
    if (fat->bits == 16)
        return get_le16(fat->window + (cluster * 2ull - fat->window_offset));

    uint16_t pair = get_le16(fat->window + (cluster + cluster / 2 - fat->window_offset));
    return cluster & 1 ? pair >> 4 : pair & 0xfffu;
}

/*
 * How many of the entries of `cluster` and its successors, at most `most`, name the cluster after
 * their own. All of them are inside the window. This is where the time goes when a large file is
 * opened, so 16- and 32-bit entries are compared 64 bits at a time: with the numbers that they have
 * if nothing is fragmented.
 */
static uint32_t window_consecutive(const struct fat *fat, uint32_t cluster, uint32_t most)
{
    uint32_t count = 0;

    if (fat->bits != 12) {
        const uint8_t *entry = fat->window + (cluster * (fat->bits / 8ull) - fat->window_offset);
        uint64_t mask = fat->bits == 32 ? 0x0fffffff0fffffffull : UINT64_MAX;
        uint64_t ones = fat->bits == 32 ? 0x0000000100000001ull : 0x0001000100010001ull;
        uint64_t ramp = fat->bits == 32 ? 0x0000000100000000ull : 0x0003000200010000ull;
        uint32_t lanes = 64 / fat->bits;
        uint64_t expected = (cluster + 1) * ones + ramp;

        while (most - count >= lanes && (get_le64(entry) & mask) == expected) {
            count += lanes;
            entry += 8;
            expected += lanes * ones;
        }
    }
    while (count < most && window_entry(fat, cluster + count) == cluster + count + 1)
        count++;
    return count;
}

/*
 * Follows the chain from `cluster` as long as it is consecutive, to `last`; `next` is what the
 * entry of that says.
 */
static int consecutive(struct fat *fat, uint32_t cluster, uint32_t *last, uint32_t *next,
                       struct diag *diag)
{
    for (;;) {
        uint64_t at = (uint64_t)cluster * fat->bits / 8;

        /* Before the window the difference wraps, and is too large too. */
        if (at - fat->window_offset >= fat->window_size) {
            int error = window_load(fat, at, diag);
            if (error)
                return error;
        }

        uint64_t end = (fat->window_offset + fat->window_size) * 8 / fat->bits;
        uint32_t most = (end < fat->cluster_end ? (uint32_t)end : fat->cluster_end) - cluster;
        uint32_t count = window_consecutive(fat, cluster, most);

        cluster += count;
        if (count < most) {
            *last = cluster;
            *next = window_entry(fat, cluster);
            return 0;
        }
        if (cluster == fat->cluster_end) {
            *last = cluster - 1;
            *next = cluster;
            return 0;
        }
    }
}

/* Why `next` cannot follow `cluster` (0: it starts the chain). */
static int bad_link(const struct fat_file *file, uint32_t cluster, uint32_t next, struct diag *diag)
{
    const struct fat *fat = file->fat;
    char where[48];

    if (cluster == 0)
        snprintf(where, sizeof(where), "its cluster chain starts with");
    else
        snprintf(where, sizeof(where), "cluster %u is followed by", cluster);
    if (next == 0)
        return diag_fail(diag, -BOOT_E_FAT, "%s: %s 0, which means free", file->name, where);
    if (next == special(fat, 7))
        return diag_fail(diag, -BOOT_E_FAT, "%s: %s the mark of a bad cluster", file->name, where);
    return diag_fail(diag, -BOOT_E_FAT, "%s: %s cluster %u, but the volume has only 2 to %u",
                     file->name, where, next, fat->cluster_end - 1);
}

/*
 * Walks the chain run by run. Only a jump can close a loop, so that Brent's algorithm needs to look
 * at the targets of jumps only: it remembers one of them, at ever larger distances, and a loop
 * comes back to it.
 */
static int walk(struct fat_file *file, uint32_t first, uint64_t wanted, uint64_t *total,
                struct diag *diag)
{
    struct fat *fat = file->fat;
    uint32_t before = 0;
    uint32_t start = first;
    uint32_t landmark = 0;
    uint64_t jumps = 0;
    uint64_t distance = 1;

    *total = 0;
    for (;;) {
        uint32_t last;
        uint32_t next;

        if (start < 2 || start >= fat->cluster_end)
            return bad_link(file, before, start, diag);
        if (start == landmark)
            return diag_fail(diag, -BOOT_E_FAT, "%s: its cluster chain loops: %u leads back to %u",
                             file->name, before, start);
        if (++jumps == distance) {
            landmark = start;
            jumps = 0;
            distance *= 2;
        }

        int error = consecutive(fat, start, &last, &next, diag);
        if (error)
            return diag_prefix(diag, "%s", file->name);
        if (*total < wanted) {
            error = fat_extent_add(file,
                                   (struct fat_extent){
                                       .position = *total * fat->cluster_size,
                                       .offset = fat->data + (start - 2ull) * fat->cluster_size,
                                   },
                                   diag);
            if (error)
                return error;
        }
        *total += last - start + 1;
        if (next >= special(fat, 8))
            return 0;
        before = last;
        start = next;
    }
}

int fat_chain(struct fat_file *file, uint32_t first, uint64_t wanted, uint64_t *total,
              struct diag *diag)
{
    int error = walk(file, first, wanted, total, diag);

    if (error)
        fat_close(file);
    return error;
}
