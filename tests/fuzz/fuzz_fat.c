/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * FAT volumes. The input: a byte of flags, four bytes of volume size in sectors of 512, the first
 * 64 bytes of the boot sector, and then pieces of the volume, each four bytes of where it is (in
 * units of 16 bytes), one of how long (in the same units) and its bytes. What no piece covers is
 * zeros, or entries of a FAT that each name their successor.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "boot/bytes.h"
#include "boot/diag.h"
#include "boot/error.h"
#include "boot/fat.h"
#include "tests/fuzz/support/check.h"
#include "tests/unit/support/memory_disk.h"

#define CONTROL      5u
#define FIELDS       64u
#define PIECE_HEADER 5u
#define PIECE_UNIT   16u

#define CHAINS_16 0x01u /* the background is entries of 16 bits */
#define CHAINS_32 0x02u /* of 32 bits */
#define LARGE     0x04u /* zeros in between, and 2048 times the size */
#define BLOCK_4K  0x08u

#define SECTORS_MAX (1u << 20) /* so that no chain takes long to follow */
#define OFFSET      1048576u   /* of the volume on the disk */
#define SECTOR      512u

#define DEPTH_MAX   4u
#define ENTRIES_MAX 48u /* that are opened, in all directories together */
#define READ_MAX    40000u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct memory_disk md;
static struct fat fat;
static uint8_t boot[SECTOR];
static uint64_t volume_size;
static uint8_t flags;
static unsigned entries;

/*
 * Entry n of every FAT that the boot sector names says n + 1. Requests are whole sectors. What this
 * does is of no interest to the fuzzer.
 */
__attribute__((no_sanitize("coverage"))) static void background(const struct memory_disk *disk,
                                                                uint64_t offset, uint8_t *to,
                                                                uint64_t length)
{
    uint32_t sector = get_le16(boot + 11);
    uint32_t sectors = get_le16(boot + 22) != 0 ? get_le16(boot + 22) : get_le32(boot + 36);
    uint64_t table = (uint64_t)sectors * sector;
    uint64_t start = OFFSET + (uint64_t)get_le16(boot + 14) * sector;
    uint64_t end = start + boot[16] * table;
    uint64_t at = offset > start ? offset : start;

    (void)disk;
    memset(to, 0, length);
    for (; at < end && at + 4 <= offset + length; at += flags & CHAINS_32 ? 4 : 2) {
        if (flags & CHAINS_32)
            put_le32(to + (at - offset), (uint32_t)((at - start) % table / 4 + 1));
        else
            put_le16(to + (at - offset), (uint16_t)((at - start) % table / 2 + 1));
    }
}

static int expected_error(int error, const struct diag *diag)
{
    CHECK(diag->error == error && diag->text[0] != '\0');
    return error == -BOOT_E_FAT || error == -BOOT_E_TRUNCATED || error == -BOOT_E_NOT_FOUND ||
           error == -BOOT_E_NO_MEMORY;
}

static void check_extents(const struct fat_file *file)
{
    const struct fat_extent *extent = file->allocated != 0 ? file->heap : file->few;

    CHECK(file->extents <= FAT_EXTENTS_MAX);
    CHECK(file->size == 0 || file->extents != 0);
    for (uint32_t i = 0; i < file->extents; i++) {
        int more = i + 1 < file->extents;
        uint64_t end = more ? extent[i + 1].position : file->size;

        CHECK(i != 0 || extent[i].position == 0);
        CHECK(extent[i].position < end);
        CHECK(extent[i].offset >= fat.table + fat.table_size);
        CHECK(extent[i].offset <= fat.size);
        CHECK(end - extent[i].position <= fat.size - extent[i].offset);
    }
}

/* Bytes read at once and in two parts are the same. */
static void check_read(const struct fat_file *file, uint64_t offset)
{
    static uint8_t whole[READ_MAX];
    static uint8_t parts[READ_MAX];
    uint64_t left = file->size - offset;
    size_t length = left < READ_MAX ? (size_t)left : READ_MAX;
    size_t middle = length * 2 / 3;
    struct diag diag = {0};

    CHECK(fat_read(file, offset, whole, length, &diag) == 0);
    CHECK(fat_read(file, offset, parts, middle, &diag) == 0);
    CHECK(fat_read(file, offset + middle, parts + middle, length - middle, &diag) == 0);
    CHECK(memcmp(whole, parts, length) == 0);
    CHECK(fat_read(file, offset, whole, (size_t)left + 1, &diag) == -BOOT_E_TRUNCATED);
}

static void check_name(const struct fat_entry *entry)
{
    CHECK(memchr(entry->name, '\0', sizeof(entry->name)) != NULL);
    CHECK(memchr(entry->short_name, '\0', sizeof(entry->short_name)) != NULL);
    CHECK(entry->name[0] != '\0');
    CHECK(strpbrk(entry->name, "/\\") == NULL && strpbrk(entry->short_name, "/\\") == NULL);
    CHECK(strcmp(entry->name, ".") != 0 && strcmp(entry->name, "..") != 0);
}

static void walk(struct fat_dir *dir, const char *path, unsigned depth)
{
    struct fat_entry entry;
    struct diag diag = {0};
    int found;

    check_extents(&dir->file);
    while ((found = fat_next(dir, &entry, &diag)) > 0) {
        char name[1024];
        struct fat_file file;
        struct fat_dir sub;
        struct fat_entry same;
        int error;

        check_name(&entry);
        if (entries++ >= ENTRIES_MAX)
            return;
        /* What is listed can be found, unless a namesake of the directory stands before it. */
        CHECK(snprintf(name, sizeof(name), "%s/%s", path, entry.name) > 0);
        if (depth == 0 && fat_find(&fat, name, &same, &diag) != 0)
            CHECK(diag.error == -BOOT_E_NO_MEMORY);
        if (entry.attributes & FAT_DIRECTORY) {
            if (depth == DEPTH_MAX || strlen(name) >= 200)
                continue;
            error = fat_open_dir(&fat, name, &sub, &diag);
            if (error == 0) {
                walk(&sub, name, depth + 1);
                fat_close_dir(&sub);
            } else {
                CHECK(expected_error(error, &diag));
            }
            continue;
        }
        error = fat_open_entry(dir, &entry, &file, &diag);
        if (error != 0) {
            CHECK(expected_error(error, &diag));
            continue;
        }
        CHECK(file.size == entry.size);
        check_extents(&file);
        check_read(&file, 0);
        check_read(&file, file.size / 2);
        check_read(&file, file.size - file.size / 7);
        fat_close(&file);
    }
    CHECK(found == 0);
}

static void check_volume(void)
{
    struct diag diag = {0};
    struct fat_dir root;
    int error = fat_mount(&fat, &md.disk, OFFSET, volume_size, &diag);

    if (error != 0) {
        CHECK(error == -BOOT_E_FAT && expected_error(error, &diag));
        return;
    }
    CHECK(fat.size <= volume_size);
    CHECK(fat.bits == 12 || fat.bits == 16 || fat.bits == 32);
    CHECK(fat.cluster_end > 2);
    CHECK(fat.data + (uint64_t)(fat.cluster_end - 2) * fat.cluster_size <= fat.size);
    CHECK((uint64_t)fat.cluster_end * fat.bits <= fat.table_size * 8);
    CHECK(fat.table + fat.copies * fat.table_size <= fat.data);
    entries = 0;
    error = fat_open_dir(&fat, "/", &root, &diag);
    if (error != 0) {
        CHECK(expected_error(error, &diag));
        return;
    }
    walk(&root, "", 0);
    fat_close_dir(&root);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < CONTROL + FIELDS)
        return -1;
    flags = data[0];
    volume_size = (get_le32(data + 1) % SECTORS_MAX + 1) * (uint64_t)SECTOR;
    if (flags & LARGE)
        volume_size *= 2048;
    memcpy(boot, data + CONTROL, FIELDS);
    boot[0] = 0xeb; /* the constants, so that no time is lost on finding them */
    boot[510] = 0x55;
    boot[511] = 0xaa;
    data += CONTROL + FIELDS;
    size -= CONTROL + FIELDS;

    /* Whole blocks of 4096 bytes, and some behind the volume. */
    uint64_t disk_size = (OFFSET + volume_size + 65536) / 4096 * 4096;
    memory_disk_open_sparse(&md, disk_size, flags & BLOCK_4K ? 4096 : 512);
    if (!(flags & LARGE) && flags & (CHAINS_16 | CHAINS_32))
        md.background = background;
    memory_disk_lay(&md, OFFSET, SECTOR, boot);
    while (size > PIECE_HEADER && md.extents < MEMORY_DISK_EXTENTS) {
        uint64_t at = (uint64_t)get_le32(data) * PIECE_UNIT;
        size_t length = (data[4] + 1ul) * PIECE_UNIT;

        data += PIECE_HEADER;
        size -= PIECE_HEADER;
        if (length > size)
            length = size;
        /* Contents are read only; the cast is for the tests that write theirs. */
        memory_disk_lay(&md, OFFSET + at, length, (uint8_t *)(uintptr_t)data);
        data += length;
        size -= length;
    }
    check_volume();
    memory_disk_close(&md);
    return 0;
}
