/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The GUID partition table (UEFI 2.10, 5.3). Each copy is a header and an array of entries, each
 * with a CRC. A copy is read whole into memory, checked there, and only then believed.
 */
#include "boot/gpt.h"

#include "boot/bytes.h"
#include "boot/crc32.h"
#include "boot/diag.h"
#include "boot/disk.h"
#include "boot/error.h"
#include "boot/partition.h"
#include "boot/unicode.h"

#include <stdlib.h>
#include <string.h>

/* UEFI 2.10, table 5.5: offsets in the header. */
enum {
    HEADER_REVISION = 8,
    HEADER_SIZE = 12,
    HEADER_CRC = 16,
    HEADER_MY_LBA = 24,
    HEADER_ALTERNATE_LBA = 32,
    HEADER_FIRST_USABLE = 40,
    HEADER_LAST_USABLE = 48,
    HEADER_ENTRIES_LBA = 72,
    HEADER_ENTRY_COUNT = 80,
    HEADER_ENTRY_SIZE = 84,
    HEADER_ENTRIES_CRC = 88,
    HEADER_END = 92,
};

/* UEFI 2.10, table 5.6: offsets in an entry. */
enum {
    ENTRY_TYPE = 0,
    ENTRY_UNIQUE = 16,
    ENTRY_FIRST = 32,
    ENTRY_LAST = 40,
    ENTRY_ATTRIBUTES = 48,
    ENTRY_NAME = 56,
    ENTRY_END = 128,
};

#define NAME_UNITS  ((ENTRY_END - ENTRY_NAME) / 2)
#define ENTRIES_MAX (4u << 20) /* bytes of the array; the usual one has 16 KiB */

static const char signature[8] = "EFI PART"; /* no NUL */

static const struct guid esp = {{0x28, 0x73, 0x2a, 0xc1, 0x1f, 0xf8, 0xd2, 0x11, 0xba, 0x4b, 0x00,
                                 0xa0, 0xc9, 0x3e, 0xc9, 0x3b}};
static const struct guid xbootldr = {{0xff, 0xc2, 0x13, 0xbc, 0xe6, 0x59, 0x62, 0x42, 0xa3, 0x52,
                                      0xb2, 0x75, 0xfd, 0x6f, 0x71, 0x72}};
static const struct guid unused = {{0}};

/* One copy of the table. */
struct copy {
    uint64_t alternate; /* block of the other copy's header; 0 until the header has been checked */
    uint64_t first_usable;
    uint64_t last_usable;
    uint64_t entries_lba;
    uint32_t entry_count;
    uint32_t entry_size; /* bytes */
    uint32_t entries_crc;
    uint8_t *entries; /* owned; NULL until they have been checked */
};

static bool guid_equal(const void *a, const struct guid *b)
{
    return memcmp(a, b, sizeof(*b)) == 0;
}

/* Checks what can be checked of the header in `block`, which was read from block `lba`. */
static int header_integrity(const struct disk *disk, uint64_t lba, uint8_t *block,
                            struct diag *diag)
{
    if (memcmp(block, signature, sizeof(signature)) != 0)
        return diag_fail(diag, -BOOT_E_GPT, "block %llu has no GPT signature",
                         (unsigned long long)lba);

    uint32_t size = get_le32(block + HEADER_SIZE);
    if (size < HEADER_END || size > disk->block_size)
        return diag_fail(diag, -BOOT_E_GPT, "header size is %u, expected %u to %u", size,
                         HEADER_END, disk->block_size);

    uint32_t found = get_le32(block + HEADER_CRC);
    memset(block + HEADER_CRC, 0, 4);
    uint32_t expected = crc32(0, block, size);
    if (found != expected)
        return diag_fail(diag, -BOOT_E_GPT, "header CRC is 0x%08x, expected 0x%08x", found,
                         expected);

    uint32_t revision = get_le32(block + HEADER_REVISION);
    if (revision >> 16 != 1)
        return diag_fail(diag, -BOOT_E_GPT, "revision is 0x%08x, expected 0x00010000", revision);

    uint64_t my_lba = get_le64(block + HEADER_MY_LBA);
    if (my_lba != lba)
        return diag_fail(diag, -BOOT_E_GPT, "header says it is block %llu, but it is block %llu",
                         (unsigned long long)my_lba, (unsigned long long)lba);
    return 0;
}

/* Checks that the fields of a header make sense together. */
static int header_geometry(const struct disk *disk, uint64_t lba, const struct copy *copy,
                           struct diag *diag)
{
    uint64_t blocks = disk->size / disk->block_size;

    /* 128 x 2^n; the upper bound keeps the product of size and count far from any limit. */
    if (copy->entry_size < ENTRY_END || copy->entry_size > ENTRIES_MAX ||
        (copy->entry_size & (copy->entry_size - 1)) != 0)
        return diag_fail(diag, -BOOT_E_GPT, "entry size is %u, expected 128 times a power of two",
                         copy->entry_size);
    if (copy->entry_count == 0 || copy->entry_count > ENTRIES_MAX / copy->entry_size)
        return diag_fail(diag, -BOOT_E_GPT, "number of entries is %u, expected 1 to %u",
                         copy->entry_count, ENTRIES_MAX / copy->entry_size);
    if (copy->first_usable > copy->last_usable)
        return diag_fail(diag, -BOOT_E_GPT, "usable blocks are %llu to %llu",
                         (unsigned long long)copy->first_usable,
                         (unsigned long long)copy->last_usable);

    uint64_t first = copy->entries_lba;
    uint64_t count =
        ((uint64_t)copy->entry_count * copy->entry_size + disk->block_size - 1) / disk->block_size;
    if (first < 2 || first >= blocks || count > blocks - first)
        return diag_fail(
            diag, -BOOT_E_GPT, "entries are in %llu blocks from %llu; the disk has %llu",
            (unsigned long long)count, (unsigned long long)first, (unsigned long long)blocks);

    uint64_t last = first + count - 1;
    if ((first <= copy->last_usable && last >= copy->first_usable) ||
        (lba >= copy->first_usable && lba <= copy->last_usable) || (lba >= first && lba <= last))
        return diag_fail(diag, -BOOT_E_GPT,
                         "header (block %llu), entries (%llu to %llu) and usable blocks (%llu to "
                         "%llu) overlap",
                         (unsigned long long)lba, (unsigned long long)first,
                         (unsigned long long)last, (unsigned long long)copy->first_usable,
                         (unsigned long long)copy->last_usable);
    return 0;
}

/* Reads and checks the header in block `lba`. */
static int header_read(struct disk *disk, uint64_t lba, struct copy *copy, struct diag *diag)
{
    struct copy read = {0};
    uint8_t *block = malloc(disk->block_size);
    if (!block)
        return diag_fail(diag, -BOOT_E_NO_MEMORY, "no memory for a GPT header");

    int error = disk_read(disk, lba * disk->block_size, block, disk->block_size, diag);
    if (error == 0)
        error = header_integrity(disk, lba, block, diag);
    if (error == 0) {
        read.alternate = get_le64(block + HEADER_ALTERNATE_LBA);
        read.first_usable = get_le64(block + HEADER_FIRST_USABLE);
        read.last_usable = get_le64(block + HEADER_LAST_USABLE);
        read.entries_lba = get_le64(block + HEADER_ENTRIES_LBA);
        read.entry_count = get_le32(block + HEADER_ENTRY_COUNT);
        read.entry_size = get_le32(block + HEADER_ENTRY_SIZE);
        read.entries_crc = get_le32(block + HEADER_ENTRIES_CRC);
        error = header_geometry(disk, lba, &read, diag);
    }
    free(block);
    if (error == 0)
        *copy = read;
    return error;
}

/* Reads and checks the entries that a checked header describes. */
static int entries_read(struct disk *disk, struct copy *copy, struct diag *diag)
{
    size_t size = (size_t)copy->entry_count * copy->entry_size;
    uint8_t *entries = malloc(size);
    if (!entries)
        return diag_fail(diag, -BOOT_E_NO_MEMORY, "no memory for %u GPT entries",
                         copy->entry_count);

    int error = disk_read(disk, copy->entries_lba * disk->block_size, entries, size, diag);
    if (error == 0) {
        uint32_t found = crc32(0, entries, size);

        if (found != copy->entries_crc)
            error = diag_fail(diag, -BOOT_E_GPT, "CRC of the entries is 0x%08x, expected 0x%08x",
                              found, copy->entries_crc);
    }
    if (error) {
        free(entries);
        return error;
    }
    copy->entries = entries;
    return 0;
}

/* Reads the copy whose header is in block `lba`. */
static int copy_read(struct disk *disk, uint64_t lba, struct copy *copy, struct diag *diag)
{
    if (lba >= disk->size / disk->block_size)
        return diag_fail(diag, -BOOT_E_GPT, "the disk has no block %llu", (unsigned long long)lba);

    int error = header_read(disk, lba, copy, diag);
    if (error)
        return error;
    return entries_read(disk, copy, diag);
}

/* Whether `error` is about the copy that was read, so that the other one may be better. */
static bool copy_damaged(int error)
{
    return error == -BOOT_E_GPT || error == -BOOT_E_IO;
}

static void entry_to_partition(const uint8_t *entry, uint32_t number, struct partition *partition)
{
    size_t units = 0;

    partition->number = number;
    partition->role = guid_equal(entry + ENTRY_TYPE, &esp)        ? PARTITION_ROLE_ESP
                      : guid_equal(entry + ENTRY_TYPE, &xbootldr) ? PARTITION_ROLE_XBOOTLDR
                                                                  : PARTITION_ROLE_OTHER;
    memcpy(&partition->type, entry + ENTRY_TYPE, sizeof(partition->type));
    memcpy(&partition->unique, entry + ENTRY_UNIQUE, sizeof(partition->unique));
    partition->first = get_le64(entry + ENTRY_FIRST);
    partition->last = get_le64(entry + ENTRY_LAST);
    partition->attributes = get_le64(entry + ENTRY_ATTRIBUTES);
    while (units < NAME_UNITS && get_le16(entry + ENTRY_NAME + 2 * units) != 0)
        units++;
    unicode_from_utf16(entry + ENTRY_NAME, units, partition->name, sizeof(partition->name));
}

/* Copies the entries in use to the table. */
static int copy_to_table(const struct disk *disk, const struct copy *copy,
                         struct partition_table *table, struct diag *diag)
{
    unsigned used = 0;

    for (uint32_t i = 0; i < copy->entry_count; i++)
        used += !guid_equal(copy->entries + (size_t)i * copy->entry_size, &unused);
    if (used > PARTITION_MAX) {
        diag_note("%s: the GPT has %u partitions; only the first %u are looked at", disk->name,
                  used, PARTITION_MAX);
        used = PARTITION_MAX;
    }

    int error = partition_table_reserve(table, used, diag);
    if (error)
        return error;
    table->scheme = PARTITION_SCHEME_GPT;
    table->first_usable = copy->first_usable;
    table->last_usable = copy->last_usable;
    for (uint32_t i = 0; i < copy->entry_count; i++) {
        const uint8_t *entry = copy->entries + (size_t)i * copy->entry_size;
        struct partition *partition;

        if (guid_equal(entry, &unused))
            continue;
        partition = partition_add(table);
        if (!partition)
            break;
        entry_to_partition(entry, i + 1, partition);
    }
    return 0;
}

bool gpt_signature(struct disk *disk, uint64_t offset)
{
    struct diag ignored = {0};
    uint8_t found[sizeof(signature)];

    return disk_read(disk, offset, found, sizeof(found), &ignored) == 0 &&
           memcmp(found, signature, sizeof(found)) == 0;
}

static int both_damaged(struct disk *disk, const struct diag *primary, const struct diag *backup,
                        struct diag *diag)
{
    /* The usual reason for no GPT at all: the image was made for disks with another block size. */
    for (uint32_t size = 512; size <= 4096; size *= 8) {
        if (size != disk->block_size && gpt_signature(disk, size))
            return diag_fail(diag, -BOOT_E_GPT,
                             "%s: the GPT was made for blocks of %u bytes, but the disk has blocks "
                             "of %u: give the disk logical_block_size=%u",
                             disk->name, size, disk->block_size, size);
    }
    if (primary->error == -BOOT_E_IO && backup->error == -BOOT_E_IO) {
        *diag = *primary;
        return diag->error;
    }
    return diag_fail(diag, -BOOT_E_GPT, "%s: both GPTs are damaged: primary: %.80s; backup: %.80s",
                     disk->name, primary->text, backup->text);
}

int gpt_read(struct disk *disk, struct partition_table *table, struct diag *diag)
{
    struct copy copy = {0};
    struct diag primary = {0};
    struct diag backup = {0};
    uint64_t last = disk->size / disk->block_size - 1;

    int error = copy_read(disk, 1, &copy, &primary);
    if (copy_damaged(error)) {
        /*
         * A header whose entries are damaged still knows where the backup is; else it is the last
         * block.
         */
        uint64_t alternate = copy.alternate;

        error = -BOOT_E_GPT;
        if (alternate > 1 && alternate != last)
            error = copy_read(disk, alternate, &copy, &backup);
        if (copy_damaged(error))
            error = copy_read(disk, last, &copy, &backup);
        if (copy_damaged(error))
            return both_damaged(disk, &primary, &backup, diag);
        if (error == 0) {
            diag_note("%s: primary GPT damaged (%s), using the backup", disk->name, primary.text);
            table->from_backup = true;
        }
    }
    if (error) {
        *diag = primary.error == error ? primary : backup;
        return diag_prefix(diag, "%s", disk->name);
    }
    error = copy_to_table(disk, &copy, table, diag);
    free(copy.entries);
    return error;
}
