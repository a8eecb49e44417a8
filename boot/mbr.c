/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The master boot record (UEFI 2.10, 5.2) and the chain of extended boot records behind it. Only
 * block numbers count; the cylinders, heads and sectors are of no use to anybody.
 */
#include "boot/mbr.h"

#include "boot/bytes.h"
#include "boot/diag.h"
#include "boot/disk.h"
#include "boot/error.h"
#include "boot/partition.h"

enum {
    MBR_ENTRIES = 446,
    MBR_ENTRY_SIZE = 16,
    MBR_ENTRY_COUNT = 4,
    MBR_SIGNATURE = 510,
};

enum {
    TYPE_UNUSED = 0x00,
    TYPE_FAT12 = 0x01,
    TYPE_FAT16_SMALL = 0x04,
    TYPE_EXTENDED = 0x05,
    TYPE_FAT16 = 0x06,
    TYPE_FAT32 = 0x0b,
    TYPE_FAT32_LBA = 0x0c,
    TYPE_FAT16_LBA = 0x0e,
    TYPE_EXTENDED_LBA = 0x0f,
    TYPE_EXTENDED_LINUX = 0x85,
    TYPE_XBOOTLDR = 0xea,
    TYPE_PROTECTIVE = 0xee,
    TYPE_ESP = 0xef,
};

#define FIRST_LOGICAL 5u   /* number of the first logical partition */
#define CHAIN_MAX     128u /* extended boot records; real disks have a few */

struct mbr_entry {
    uint8_t status;
    uint8_t type;
    uint32_t start; /* blocks */
    uint32_t count; /* blocks */
};

static struct mbr_entry mbr_entry(const uint8_t *sector, unsigned index)
{
    const uint8_t *raw = sector + MBR_ENTRIES + index * MBR_ENTRY_SIZE;

    return (struct mbr_entry){
        .status = raw[0],
        .type = raw[4],
        .start = get_le32(raw + 8),
        .count = get_le32(raw + 12),
    };
}

static bool mbr_signed(const uint8_t *sector)
{
    return get_le16(sector + MBR_SIGNATURE) == 0xaa55;
}

static bool mbr_extended(const struct mbr_entry *entry)
{
    return entry->type == TYPE_EXTENDED || entry->type == TYPE_EXTENDED_LBA ||
           entry->type == TYPE_EXTENDED_LINUX;
}

static bool mbr_used(const struct mbr_entry *entry)
{
    return entry->type != TYPE_UNUSED && entry->count != 0;
}

static enum partition_role mbr_role(uint8_t type)
{
    switch (type) {
    case TYPE_ESP:
        return PARTITION_ROLE_ESP;
    case TYPE_XBOOTLDR:
        return PARTITION_ROLE_XBOOTLDR;
    case TYPE_FAT12:
    case TYPE_FAT16_SMALL:
    case TYPE_FAT16:
    case TYPE_FAT32:
    case TYPE_FAT32_LBA:
    case TYPE_FAT16_LBA:
        return PARTITION_ROLE_FAT;
    default:
        return PARTITION_ROLE_OTHER;
    }
}

enum mbr_kind mbr_kind(const uint8_t sector[MBR_SIZE])
{
    enum mbr_kind kind = MBR_EMPTY;

    if (!mbr_signed(sector))
        return MBR_NONE;
    for (unsigned i = 0; i < MBR_ENTRY_COUNT; i++) {
        struct mbr_entry entry = mbr_entry(sector, i);

        /* A boot sector has code or text here, and its bytes are rarely 0 and 0x80 only. */
        if ((entry.status & 0x7f) != 0)
            return MBR_NONE;
        if (entry.type == TYPE_PROTECTIVE && entry.start == 1)
            kind = MBR_PROTECTIVE;
        /*
         * A file system that starts at block 0 is its own boot sector: that entry is one for show.
         */
        else if (mbr_used(&entry) && entry.start != 0 && kind == MBR_EMPTY)
            kind = MBR_PARTITIONS;
    }
    return kind;
}

/* Appends a partition; false when there is no more room. */
static bool mbr_add(struct partition_table *table, uint32_t number, const struct mbr_entry *entry,
                    uint64_t base)
{
    struct partition *partition = partition_add(table);

    if (!partition)
        return false;
    partition->number = number;
    partition->role = mbr_role(entry->type);
    partition->mbr_type = entry->type;
    partition->first = base + entry->start;
    partition->last = partition->first + entry->count - 1;
    return true;
}

/* Reads the extended boot record in block `at`. False, with a note, when there is none. */
static bool ebr_read(struct disk *disk, uint64_t at, uint8_t sector[MBR_SIZE], int *error,
                     struct diag *diag)
{
    *error = 0;
    if (at >= disk->size / disk->block_size) {
        diag_note("%s: the extended boot record in block %llu is outside the disk", disk->name,
                  (unsigned long long)at);
        return false;
    }
    *error = disk_read(disk, at * disk->block_size, sector, MBR_SIZE, diag);
    if (*error == -BOOT_E_IO) {
        diag_note("%s: the extended boot record in block %llu cannot be read: %s", disk->name,
                  (unsigned long long)at, diag->text);
        *diag = (struct diag){0};
        *error = 0;
        return false;
    }
    if (*error)
        return false;
    if (!mbr_signed(sector)) {
        diag_note(
            "%s: the extended boot record in block %llu has signature 0x%04x, expected 0xaa55",
            disk->name, (unsigned long long)at, get_le16(sector + MBR_SIGNATURE));
        return false;
    }
    return true;
}

/*
 * Walks the chain of an extended partition. Each record has one logical partition, counted from the
 * record, and a link, counted from the extended partition. `number` is that of the next logical
 * partition.
 */
static int ebr_chain(struct disk *disk, const struct mbr_entry *extended,
                     struct partition_table *table, uint32_t *number, struct diag *diag)
{
    uint64_t end = (uint64_t)extended->start + extended->count;
    uint64_t at = extended->start;
    uint64_t visited[CHAIN_MAX] = {0};
    uint8_t sector[MBR_SIZE];

    for (unsigned hops = 0; hops < CHAIN_MAX; hops++) {
        uint64_t next = 0;
        int error;

        for (unsigned i = 0; i < hops; i++) {
            if (visited[i] == at) {
                diag_note("%s: the chain of extended boot records loops at block %llu", disk->name,
                          (unsigned long long)at);
                return 0;
            }
        }
        visited[hops] = at;
        if (!ebr_read(disk, at, sector, &error, diag))
            return error;
        for (unsigned i = 0; i < MBR_ENTRY_COUNT; i++) {
            struct mbr_entry entry = mbr_entry(sector, i);

            if (!mbr_used(&entry))
                continue;
            if (mbr_extended(&entry)) {
                if (next == 0)
                    next = (uint64_t)extended->start + entry.start;
                continue;
            }
            if (!mbr_add(table, *number, &entry, at)) {
                diag_note("%s: more than %u partitions; the rest is left out", disk->name,
                          PARTITION_MAX);
                return 0;
            }
            ++*number;

            struct partition *added = &table->partition[table->count - 1];
            if (added->first <= at || added->last >= end)
                added->fault = PARTITION_UNUSABLE;
        }
        if (next == 0)
            return 0;
        at = next;
    }
    diag_note("%s: more than %u extended boot records; the rest is left out", disk->name,
              CHAIN_MAX);
    return 0;
}

int mbr_read(struct disk *disk, const uint8_t sector[MBR_SIZE], struct partition_table *table,
             struct diag *diag)
{
    uint32_t number = FIRST_LOGICAL;

    int error = partition_table_reserve(table, PARTITION_MAX, diag);
    if (error)
        return error;
    table->scheme = PARTITION_SCHEME_MBR;
    for (unsigned i = 0; i < MBR_ENTRY_COUNT; i++) {
        struct mbr_entry entry = mbr_entry(sector, i);

        if (mbr_used(&entry) && !mbr_extended(&entry))
            mbr_add(table, i + 1, &entry, 0);
    }
    for (unsigned i = 0; i < MBR_ENTRY_COUNT; i++) {
        struct mbr_entry entry = mbr_entry(sector, i);

        if (!mbr_used(&entry) || !mbr_extended(&entry))
            continue;
        error = ebr_chain(disk, &entry, table, &number, diag);
        if (error)
            return error;
    }
    return 0;
}
