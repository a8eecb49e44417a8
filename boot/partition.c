/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which scheme a disk uses, and whether its partitions can be where the table says: inside the
 * disk, inside the area that is meant for them, and in a GPT not on top of each other.
 */
#include "boot/partition.h"

#include "boot/bytes.h"
#include "boot/diag.h"
#include "boot/disk.h"
#include "boot/error.h"
#include "boot/fat.h"
#include "boot/gpt.h"
#include "boot/mbr.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(MBR_SIZE == FAT_BOOT_SECTOR, "one read serves both");

int partition_table_reserve(struct partition_table *table, unsigned count, struct diag *diag)
{
    table->partition = calloc(count != 0 ? count : 1, sizeof(*table->partition));
    if (!table->partition)
        return diag_fail(diag, -BOOT_E_NO_MEMORY, "no memory for %u partitions", count);
    table->count = 0;
    table->room = count;
    return 0;
}

struct partition *partition_add(struct partition_table *table)
{
    return table->count < table->room ? &table->partition[table->count++] : NULL;
}

void partition_table_free(struct partition_table *table)
{
    free(table->partition);
    *table = (struct partition_table){0};
}

/* Sets the fault, or the place in bytes, of one partition. */
static void partition_place(const struct disk *disk, const struct partition_table *table,
                            struct partition *p)
{
    uint64_t blocks = disk->size / disk->block_size;

    if (p->last < p->first)
        p->fault = PARTITION_REVERSED;
    else if (p->last >= blocks)
        p->fault = PARTITION_OUTSIDE;
    else if (table->scheme == PARTITION_SCHEME_GPT &&
             (p->first < table->first_usable || p->last > table->last_usable))
        p->fault = PARTITION_UNUSABLE;
    if (p->fault != PARTITION_OK)
        return;
    p->offset = p->first * disk->block_size;
    p->size = (p->last - p->first + 1) * disk->block_size;
}

/*
 * Whether the partition lies where one may lie; an entry that is nonsense by itself says nothing
 * about others.
 */
static bool partition_credible(const struct partition *p)
{
    return p->fault == PARTITION_OK || p->fault == PARTITION_OVERLAPS;
}

static void partition_overlap(struct partition *p, const struct partition *other)
{
    if (p->fault != PARTITION_OK)
        return;
    p->fault = PARTITION_OVERLAPS;
    p->other = other->number;
    p->offset = 0;
    p->size = 0;
}

/*
 * Marks GPT partitions that share blocks: one of the two entries is wrong, and nothing tells which.
 * MBR ones are left alone, because images that are both an ISO 9660 and a disk nest them on
 * purpose.
 */
static void partition_overlaps(struct partition_table *table)
{
    for (unsigned i = 0; i < table->count; i++) {
        struct partition *a = &table->partition[i];

        for (unsigned j = 0; j < i; j++) {
            struct partition *b = &table->partition[j];

            if (partition_credible(a) && partition_credible(b) && a->first <= b->last &&
                b->first <= a->last) {
                partition_overlap(a, b);
                partition_overlap(b, a);
            }
        }
    }
}

int partition_check(const struct disk *disk, const struct partition *p, struct diag *diag)
{
    char place[64];

    snprintf(place, sizeof(place), "blocks %llu to %llu", (unsigned long long)p->first,
             (unsigned long long)p->last);
    switch (p->fault) {
    case PARTITION_OK:
        return 0;
    case PARTITION_REVERSED:
        return diag_fail(diag, -BOOT_E_PARTITION, "%s: partition %u (%s) ends before it starts",
                         disk->name, p->number, place);
    case PARTITION_OUTSIDE:
        return diag_fail(
            diag, -BOOT_E_PARTITION,
            "%s: partition %u (%s) ends behind the disk, which has %llu blocks: is the "
            "image cut off?",
            disk->name, p->number, place, (unsigned long long)(disk->size / disk->block_size));
    case PARTITION_OVERLAPS:
        return diag_fail(diag, -BOOT_E_PARTITION, "%s: partition %u (%s) overlaps partition %u",
                         disk->name, p->number, place, p->other);
    case PARTITION_UNUSABLE:
        break;
    }
    return diag_fail(diag, -BOOT_E_PARTITION,
                     "%s: partition %u (%s) leaves the area that the table has for partitions",
                     disk->name, p->number, place);
}

/* A disk without a table: one volume if it is a file system, nothing otherwise. */
static int partition_whole_disk(struct disk *disk, const uint8_t *sector, enum mbr_kind kind,
                                struct partition_table *table, struct diag *diag)
{
    struct diag wrong = {0};

    fat_boot_sector(sector, &wrong);
    if (wrong.error && gpt_signature(disk, disk->block_size))
        return diag_fail(
            diag, -BOOT_E_EMPTY_DISK,
            "%s: there is a GPT, but block 0 is not its protective MBR: repair it with "
            "gdisk",
            disk->name);
    if (wrong.error && kind == MBR_EMPTY)
        return diag_fail(diag, -BOOT_E_EMPTY_DISK, "%s: the partition table (MBR) is empty",
                         disk->name);
    if (wrong.error)
        return diag_fail(diag, -BOOT_E_EMPTY_DISK,
                         "%s: block 0 is neither a partition table (signature 0x%04x, expected "
                         "0xaa55) nor a FAT file system (%s)",
                         disk->name, get_le16(sector + MBR_SIZE - 2), wrong.text);

    int error = partition_table_reserve(table, 1, diag);
    if (error)
        return error;
    table->scheme = PARTITION_SCHEME_NONE;
    struct partition *whole = partition_add(table);
    whole->role = PARTITION_ROLE_ESP;
    whole->last = disk->size / disk->block_size - 1;
    return 0;
}

int partition_scan(struct disk *disk, struct partition_table *table, struct diag *diag)
{
    uint8_t sector[MBR_SIZE];
    int error;

    *table = (struct partition_table){0};
    if (disk->size < sizeof(sector))
        return diag_fail(diag, -BOOT_E_EMPTY_DISK, "%s: the disk has no blocks", disk->name);
    error = disk_read(disk, 0, sector, sizeof(sector), diag);
    if (error)
        return diag_prefix(diag, "reading the partition table");

    enum mbr_kind kind = mbr_kind(sector);
    if (kind == MBR_PROTECTIVE)
        error = gpt_read(disk, table, diag);
    else if (kind == MBR_PARTITIONS)
        error = mbr_read(disk, sector, table, diag);
    else
        error = partition_whole_disk(disk, sector, kind, table, diag);
    if (error) {
        partition_table_free(table);
        return error;
    }

    for (unsigned i = 0; i < table->count; i++)
        partition_place(disk, table, &table->partition[i]);
    if (table->scheme == PARTITION_SCHEME_GPT)
        partition_overlaps(table);
    for (unsigned i = 0; i < table->count; i++) {
        struct diag reason = {0};

        if (partition_check(disk, &table->partition[i], &reason) != 0)
            diag_note("%s", reason.text);
    }
    return 0;
}
