/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every allocation on the way from a disk to the bytes of a file fails once: the way ends with an
 * error that says so, or goes on without that memory, and nothing is lost.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static unsigned
    until_failure;   /* which allocation from now on fails; 0 when it has, or none shall */
static bool lasting; /* all after it fail too */
static bool failed;

static bool fails(void)
{
    if (until_failure != 0 && --until_failure == 0) {
        failed = true;
        return true;
    }
    return failed && lasting;
}

static void *scarce_malloc(size_t size)
{
    return fails() ? NULL : malloc(size);
}

static void *scarce_calloc(size_t count, size_t size)
{
    return fails() ? NULL : calloc(count, size);
}

static void *scarce_realloc(void *old, size_t size)
{
    return fails() ? NULL : realloc(old, size);
}

/* The code under test, with memory that runs out. */
#define malloc(size)        scarce_malloc(size)
#define calloc(count, size) scarce_calloc(count, size)
#define realloc(old, size)  scarce_realloc(old, size)
#include "boot/disk.c"
#include "boot/fat_chain.c"
#include "boot/gpt.c"
#include "boot/partition.c"
#undef malloc
#undef calloc
#undef realloc

#include "tests/unit/support/image_fat.h"
#include "tests/unit/support/image_table.h"
#include "tests/unit/support/memory_disk.h"
#include "tests/unit/support/notes.h"

#define BLOCKS 16384u
#define FIRST  2048u
#define SIZE   60000u /* bytes of the file, in 118 extents */

/* The whole way. Returns the first error, or 0 when the file was read and is right. */
static int load(struct disk *disk, struct diag *diag)
{
    static uint8_t found[SIZE];
    static uint8_t expected[SIZE];
    static struct fat fat;
    struct partition_table table = {0};
    struct fat_file file;

    int error = disk_open(disk, diag);
    if (error)
        return error;
    error = partition_scan(disk, &table, diag);
    if (error == 0)
        error = fat_mount(&fat, disk, table.partition[0].offset, table.partition[0].size, diag);
    if (error == 0)
        error = fat_open(&fat, "/a", &file, diag);
    if (error == 0) {
        error = fat_read(&file, 0, found, SIZE, diag);
        fat_close(&file);
    }
    partition_table_free(&table);
    disk_close(disk);
    if (error)
        return error;
    image_fill(expected, 1, 0, SIZE);
    assert_memory_equal(found, expected, SIZE);
    return 0;
}

/*
 * Fails the first, second, third ... allocation; returns how many of them mean that the file cannot
 * be read.
 */
static unsigned fail_each(struct memory_disk *md)
{
    unsigned errors = 0;

    for (unsigned nth = 1;; nth++) {
        struct diag diag = {0};
        int error;

        failed = false;
        until_failure = nth;
        error = load(&md->disk, &diag);
        until_failure = 0;
        if (!failed)
            return errors;
        failed = false;
        if (error != 0) {
            errors++;
            assert_int_equal(error, -BOOT_E_NO_MEMORY);
            assert_int_equal(diag.error, error);
            assert_non_null(strstr(diag.text, "no memory for"));
        }
    }
}

/*
 * One failure stops the way only if there is no other; `needed` is the number of allocations
 * without a way round.
 */
static void check_both_ways(struct memory_disk *md, unsigned needed)
{
    lasting = false;
    assert_int_equal(fail_each(md), needed);
    lasting = true;
    assert_in_range(fail_each(md), needed, needed + 8); /* lines of the cache before a needed one */
}

static void write_volume(uint8_t *volume)
{
    struct image_fat image = {.volume = volume, .bits = 16, .clusters = 10000};

    image_fat_write(&image);
    image.stride = 2;
    image_fat_file(&image, image_fat_root(&image), NULL, "A          ", 1, SIZE);
}

static void from_a_gpt_disk_to_a_fragmented_file(void **state)
{
    struct memory_disk md;
    struct image_gpt gpt = {.block_size = 512, .blocks = BLOCKS};

    (void)state;
    memory_disk_open(&md, BLOCKS * 512, 512);
    disk_close(&md.disk);
    gpt.disk = memory_disk_at(&md, 0);
    image_gpt_write(&gpt);
    image_gpt_set(&gpt, 0, image_type_esp, FIRST, BLOCKS - 100, "");
    write_volume(memory_disk_at(&md, FIRST * 512));
    check_both_ways(&md, 6); /* buffers, header, entries, partitions, extents twice */
    memory_disk_close(&md);
}

static void from_an_mbr_disk_to_a_fragmented_file(void **state)
{
    struct memory_disk md;

    (void)state;
    memory_disk_open(&md, BLOCKS * 512, 512);
    disk_close(&md.disk);
    image_mbr_set(memory_disk_at(&md, 0), 0, 0xef, FIRST, BLOCKS - 100 - FIRST);
    write_volume(memory_disk_at(&md, FIRST * 512));
    check_both_ways(&md, 4);
    memory_disk_close(&md);
}

static void from_a_disk_that_is_one_volume_to_a_fragmented_file(void **state)
{
    struct memory_disk md;

    (void)state;
    memory_disk_open(&md, BLOCKS * 512, 512);
    disk_close(&md.disk);
    write_volume(memory_disk_at(&md, 0));
    check_both_ways(&md, 4);
    memory_disk_close(&md);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(from_a_gpt_disk_to_a_fragmented_file),
        cmocka_unit_test(from_an_mbr_disk_to_a_fragmented_file),
        cmocka_unit_test(from_a_disk_that_is_one_volume_to_a_fragmented_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
