/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * FAT volumes: mounting them, following cluster chains, reading files (FAT specification, chapters
 * 3 and 4).
 */
#include "boot/diag.h"
#include "boot/error.h"
#include "boot/fat.h"
#include "boot/source.h"
#include "tests/unit/support/image_fat.h"
#include "tests/unit/support/image_table.h"
#include "tests/unit/support/memory_disk.h"
#include "tests/unit/support/notes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define KIB    1024u
#define MIB    (1024u * 1024u)
#define OFFSET (1024u * 1024u) /* of the volume on the disk */
#define BEHIND 65536u          /* bytes of disk behind the volume */

static struct fixture {
    struct memory_disk md;
    struct image_fat image;
    struct fat fat;
    struct diag diag;
} f;

/* Makes a disk with a volume as described; the test adds files and mounts it. */
static void make(struct image_fat image, uint32_t block_size)
{
    uint64_t size = image_fat_size(&image);

    notes_clear();
    size = (size + 4095) / 4096 * 4096;
    memory_disk_open(&f.md, OFFSET + size + BEHIND, block_size);
    f.image = image;
    f.image.volume = memory_disk_at(&f.md, OFFSET);
    image_fat_write(&f.image);
    f.diag = (struct diag){0};
}

static int mount(void)
{
    memory_disk_reopen(&f.md);
    notes_clear();
    f.diag = (struct diag){0};
    return fat_mount(&f.fat, &f.md.disk, OFFSET, f.image.size, &f.diag);
}

static void finish(void)
{
    memory_disk_close(&f.md);
}

/* The error of opening `path`; the file is closed again. */
static int open_error(const char *path)
{
    struct fat_file file;
    int error = fat_open(&f.fat, path, &file, &f.diag);

    if (error == 0)
        fat_close(&file);
    return error;
}

static void says(const char *text)
{
    if (!strstr(f.diag.text, text))
        fail_msg("\"%s\" does not say \"%s\"", f.diag.text, text);
}

/* Compares [offset, offset + length) of `path` with what image_fat_file(seed) wrote. */
static void check_file(const char *path, uint32_t seed, uint64_t size, uint64_t offset,
                       size_t length)
{
    struct fat_file file;
    uint8_t *expected = malloc(length + 1);
    uint8_t *found = malloc(length + 1);

    assert_non_null(expected);
    assert_non_null(found);
    if (fat_open(&f.fat, path, &file, &f.diag) != 0)
        fail_msg("%s", f.diag.text);
    assert_int_equal(file.size, size);
    image_fill(expected, seed, offset, length);
    found[length] = 0xa5;
    assert_int_equal(fat_read(&file, offset, found, length, &f.diag), 0);
    assert_memory_equal(found, expected, length);
    assert_int_equal(found[length], 0xa5);
    fat_close(&file);
    free(expected);
    free(found);
}

/* ---- Mounting ---- */

static void the_number_of_clusters_decides_the_width(void **state)
{
    static const struct {
        unsigned bits;
        uint32_t clusters;
    } cases[] = {{12, 1}, {12, 4084}, {16, 4085}, {16, 65524}, {32, 65525}, {32, 70000}};

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        make((struct image_fat){.bits = cases[i].bits, .clusters = cases[i].clusters}, 512);
        assert_int_equal(mount(), 0);
        assert_int_equal(f.fat.bits, cases[i].bits);
        assert_int_equal(f.fat.cluster_end, cases[i].clusters + 2);
        assert_int_equal(notes_count(), 0);
        finish();
    }
}

static void a_small_fat32_is_what_its_boot_sector_says(void **state)
{
    (void)state;
    /* mkfs.vfat -F 32 makes such volumes, and operating systems take them for FAT32. */
    make((struct image_fat){.bits = 32, .clusters = 3000}, 512);
    image_fat_file(&f.image, image_fat_root(&f.image), NULL, "A          ", 1, 5000);
    assert_int_equal(mount(), 0);
    assert_int_equal(f.fat.bits, 32);
    check_file("/a", 1, 5000, 0, 5000);
    finish();
}

static void a_fat16_with_too_many_clusters_is_refused(void **state)
{
    (void)state;
    make((struct image_fat){.bits = 16, .clusters = 65525}, 512);
    assert_int_equal(mount(), -BOOT_E_FAT);
    says("65525 clusters are too many for FAT16");
    finish();
}

static void a_volume_without_clusters_is_refused(void **state)
{
    (void)state;
    make((struct image_fat){.bits = 16, .clusters = 5000, .cluster_sectors = 4}, 512);
    image_put16(f.image.volume + 19, (uint32_t)(f.image.data / 512) + 3);
    assert_int_equal(mount(), -BOOT_E_FAT);
    says("the volume has no clusters");
    finish();
}

static void a_fat32_with_too_many_clusters_is_refused(void **state)
{
    struct image_fat image = {.bits = 32, .clusters = 66000};
    const uint64_t size = 0xffffffffull * 512;

    (void)state;
    /* A small volume's boot sector, told that it is 2 TiB. */
    make(image, 512);
    image_put32(f.image.volume + 32, 0xffffffff);
    image_put32(f.image.volume + 36, 0x2000000);
    memory_disk_add(&f.md, OFFSET + size, 512);
    f.md.disk.size = OFFSET + size + 512;
    memory_disk_reopen(&f.md);
    assert_int_equal(fat_mount(&f.fat, &f.md.disk, OFFSET, size, &f.diag), -BOOT_E_FAT);
    says("4227858399 clusters are too many for FAT32");
    finish();
}

/* What is changed in the boot sector of a FAT16 (bits = 16) or FAT32, and what is said about it. */
static const struct boot_damage {
    unsigned bits;
    unsigned offset;
    unsigned size;
    uint32_t value;
    const char *says;
} boot_damage[] = {
    {16, 510, 2, 0x55aa, "boot sector signature is 0x55aa, expected 0xaa55"},
    {16, 0, 1, 0x00, "first byte is 0x00, expected a jump"},
    {16, 11, 2, 0, "sector size is 0, expected 512, 1024, 2048 or 4096"},
    {16, 11, 2, 256, "sector size is 256"},
    {16, 11, 2, 513, "sector size is 513"},
    {16, 11, 2, 8192, "sector size is 8192"},
    {16, 13, 1, 0, "cluster has 0 sectors, expected a power of two"},
    {16, 13, 1, 3, "cluster has 3 sectors"},
    {16, 13, 1, 255, "cluster has 255 sectors"},
    {16, 14, 2, 0, "0 reserved sectors"},
    {16, 14, 2, 0xffff, "FATs and root directory need"},
    {16, 16, 1, 0, " 0 FATs of"},
    {16, 16, 1, 255, "FATs and root directory need"},
    {16, 17, 2, 0, "FAT16 without root directory entries"},
    {16, 19, 2, 60, "need 61 of 60 sectors"}, /* 1 reserved, 2 FATs of 23, 14 of root directory */
    {16, 19, 2, 61, "need 61 of 61 sectors"},
    {16, 19, 2, 0xffff, "file system has 33553920 bytes, its partition only"},
    {16, 21, 1, 0xf1, "media byte is 0xf1, expected 0xf0 or 0xf8 to 0xff"},
    {16, 22, 2, 0xffff, "FATs and root directory need"},
    {32, 32, 4, 0, " 0 sectors: none can be 0"},
    {32, 32, 4, 0xffffffff, "file system has 2199023255040 bytes, its partition only"},
    {32, 36, 4, 0, " FATs of 0 sectors"},
    {32, 36, 4, 0xffffffff, "FATs and root directory need 8589934622 of"},
    {32, 17, 2, 16, "FAT32 with 16 root directory entries, expected 0"},
    {32, 42, 2, 0x0100, "FAT32 version is 0x0100, expected 0"},
    {32, 40, 2, 0x0082, "FAT 2 is the active one, but there are only 2"},
    {32, 40, 2, 0x008f, "FAT 15 is the active one"},
    {32, 44, 4, 0, "root directory starts at cluster 0; the volume has 2 to 65601"},
    {32, 44, 4, 1, "root directory starts at cluster 1"},
    {32, 44, 4, 65602, "root directory starts at cluster 65602"},
    {32, 44, 4, 0xffffffff, "root directory starts at cluster 4294967295"},
};

static void every_field_of_the_boot_sector_is_checked(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sizeof(boot_damage) / sizeof(boot_damage[0]); i++) {
        const struct boot_damage *d = &boot_damage[i];

        make((struct image_fat){.bits = d->bits, .clusters = d->bits == 32 ? 65600 : 5800}, 512);
        for (unsigned b = 0; b < d->size; b++)
            f.image.volume[d->offset + b] = (uint8_t)(d->value >> (8 * b));
        if (mount() != -BOOT_E_FAT)
            fail_msg("accepted: %s", d->says);
        says("disk: FAT volume at byte 1048576: ");
        says(d->says);
        finish();
    }
}

static void the_volume_must_be_inside_the_disk(void **state)
{
    (void)state;
    make((struct image_fat){.bits = 12, .clusters = 100}, 512);
    assert_int_equal(fat_mount(&f.fat, &f.md.disk, f.md.disk.size - 512, 1024, &f.diag),
                     -BOOT_E_PARTITION);
    assert_int_equal(fat_mount(&f.fat, &f.md.disk, f.md.disk.size + 512, 0, &f.diag),
                     -BOOT_E_PARTITION);
    says("volume of 0 bytes at byte");
    assert_int_equal(fat_mount(&f.fat, &f.md.disk, UINT64_MAX, 1024, &f.diag), -BOOT_E_PARTITION);
    assert_int_equal(fat_mount(&f.fat, &f.md.disk, OFFSET, UINT64_MAX, &f.diag), -BOOT_E_PARTITION);
    assert_int_equal(fat_mount(&f.fat, &f.md.disk, OFFSET, 511, &f.diag), -BOOT_E_FAT);
    assert_int_equal(fat_mount(&f.fat, &f.md.disk, OFFSET, f.image.size - 512, &f.diag),
                     -BOOT_E_FAT);
    says("is it cut off?");
    assert_int_equal(fat_mount(&f.fat, &f.md.disk, OFFSET, f.image.size, &f.diag), 0);
    finish();
}

static void a_fat_too_short_for_the_clusters_limits_them(void **state)
{
    (void)state;
    make((struct image_fat){.bits = 16, .clusters = 5000}, 512);
    image_put16(f.image.volume + 22, 10); /* sectors of each FAT: 2560 entries */
    image_put16(f.image.volume + 17, 224 + 16 * 2 * (20 - 10)); /* the data stay where they are */
    assert_int_equal(mount(), 0);
    assert_int_equal(f.fat.cluster_end, 2560);
    assert_non_null(strstr(notes_text(), "the FAT has 2560 entries for 5000 clusters"));
    finish();
}

static void any_sector_size_on_any_block_size_reads_files(void **state)
{
    (void)state;
    for (uint32_t block = 512; block <= 4096; block *= 2) {
        for (uint32_t sector = 512; sector <= 4096; sector *= 2) {
            make(
                (struct image_fat){
                    .bits = 16, .clusters = 4500, .sector_size = sector, .cluster_sectors = 2},
                block);
            image_fat_file(&f.image, image_fat_root(&f.image), NULL, "A       TXT", 1, 100001);
            assert_int_equal(mount(), 0);
            check_file("/A.TXT", 1, 100001, 0, 100001);
            check_file("/A.TXT", 1, 100001, 70001, 30000);
            finish();
        }
    }
}

static void the_active_fat_is_used_when_they_differ(void **state)
{
    (void)state;
    make((struct image_fat){.bits = 32, .clusters = 65600}, 512);
    image_fat_file(&f.image, image_fat_root(&f.image), NULL, "A          ", 1, 5000);
    for (uint32_t cluster = 2; cluster < 20; cluster++)
        image_fat_set_one(&f.image, 0, cluster, 0);
    assert_int_equal(mount(), 0);
    assert_int_equal(open_error("/a"), -BOOT_E_FAT);
    image_put16(f.image.volume + 40, 0x0081);
    assert_int_equal(mount(), 0);
    check_file("/a", 1, 5000, 0, 5000);
    image_put16(f.image.volume + 40, 0x0001); /* not in force: bit 7 is clear */
    assert_int_equal(mount(), 0);
    assert_int_equal(open_error("/a"), -BOOT_E_FAT);
    finish();
}

static void an_unreadable_fat_gives_way_to_its_copy(void **state)
{
    (void)state;
    make((struct image_fat){.bits = 32, .clusters = 65600}, 512);
    image_fat_file(&f.image, image_fat_root(&f.image), NULL, "A          ", 1, 5000000);
    f.md.bad_start = OFFSET + f.image.table;
    f.md.bad_end = f.md.bad_start + 512;
    f.md.bad_error = -BOOT_E_IO;
    assert_int_equal(mount(), 0);
    check_file("/a", 1, 5000000, 0, 5000000);
    check_file("/a", 1, 5000000, 0, 5000000);
    assert_int_equal(notes_count(), 1);
    assert_non_null(strstr(notes_text(), "using its copy"));

    /* With one active FAT there is no copy. */
    image_put16(f.image.volume + 40, 0x0080);
    assert_int_equal(mount(), 0);
    assert_int_equal(open_error("/a"), -BOOT_E_IO);
    says("reading the FAT: disk: injected");
    finish();
}

/* ---- Chains ---- */

static const unsigned widths[] = {12, 16, 32};

/* A volume of each width with a file "/A" of 20 clusters whose first one is returned. */
static uint32_t make_file(unsigned bits)
{
    uint32_t clusters = bits == 12 ? 3000 : bits == 16 ? 5000 : 66000;
    uint32_t first;

    make((struct image_fat){.bits = bits, .clusters = clusters}, 512);
    first = f.image.next;
    image_fat_file(&f.image, image_fat_root(&f.image), NULL, "A          ", 1, 20 * 512);
    assert_int_equal(mount(), 0);
    return first;
}

static void a_chain_that_loops_is_found(void **state)
{
    (void)state;
    for (unsigned w = 0; w < 3; w++) {
        for (uint32_t from = 0; from < 20; from++) {
            for (uint32_t to = 0; to <= from; to++) {
                uint32_t first = make_file(widths[w]);

                image_fat_set(&f.image, first + from, first + to);
                assert_int_equal(mount(), 0);
                assert_int_equal(open_error("/a"), -BOOT_E_FAT);
                says("/a: its cluster chain loops: ");
                finish();
            }
        }
    }
}

static void a_long_loop_of_single_clusters_is_found(void **state)
{
    (void)state;
    make((struct image_fat){.bits = 32, .clusters = 66000}, 512);
    f.image.stride = 3;
    image_fat_file(&f.image, image_fat_root(&f.image), NULL, "A          ", 1, 512 * 20000);
    image_fat_set(&f.image, f.image.next - 3, f.image.next - 3 * 15000); /* the last one */
    assert_int_equal(mount(), 0);
    assert_int_equal(open_error("/a"), -BOOT_E_FAT);
    says("loops");
    finish();
}

static void a_link_that_leaves_the_volume_is_refused(void **state)
{
    (void)state;
    for (unsigned w = 0; w < 3; w++) {
        uint32_t first = make_file(widths[w]);
        uint32_t bad = widths[w] == 12 ? 0xff7 : widths[w] == 16 ? 0xfff7 : 0x0ffffff7;
        const struct {
            uint32_t value;
            const char *says;
        } cases[] = {
            {0, "is followed by 0, which means free"},
            {1, "is followed by cluster 1, but the volume has only 2 to"},
            {f.image.clusters + 2, "is followed by cluster"},
            {bad - 1, "is followed by cluster"},
            {bad, "is followed by the mark of a bad cluster"},
        };

        for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
            char where[32];

            image_fat_set(&f.image, first + 7, cases[i].value);
            assert_int_equal(mount(), 0);
            assert_int_equal(open_error("/a"), -BOOT_E_FAT);
            says(cases[i].says);
            (void)snprintf(where, sizeof(where), "/a: cluster %u ", first + 7);
            says(where);
        }
        finish();
    }
}

static void the_last_cluster_has_no_successor(void **state)
{
    (void)state;
    for (unsigned w = 0; w < 3; w++) {
        make_file(widths[w]);
        uint32_t last = f.image.clusters + 1;

        /* Both ways to get there: as the second of a run, and as its only cluster. */
        image_fat_set(&f.image, last - 1, last);
        image_fat_set(&f.image, last, last + 1);
        image_fat_name(&f.image, image_fat_root(&f.image), NULL, "B          ", 0x20, last - 1,
                       5000);
        image_fat_name(&f.image, image_fat_root(&f.image), NULL, "C          ", 0x20, last, 5000);
        assert_int_equal(mount(), 0);
        assert_int_equal(open_error("/b"), -BOOT_E_FAT);
        says("is followed by cluster");
        assert_int_equal(open_error("/c"), -BOOT_E_FAT);

        /* Entries behind the last, which fill up the sector, are not part of the table. */
        for (uint32_t cluster = last - 10; cluster < last + 8; cluster++)
            image_fat_set(&f.image, cluster, cluster + 1);
        image_fat_name(&f.image, image_fat_root(&f.image), NULL, "D          ", 0x20, last - 10,
                       100000);
        assert_int_equal(mount(), 0);
        assert_int_equal(open_error("/d"), -BOOT_E_FAT);
        says("is followed by cluster");

        image_fat_set(&f.image, last, 0xffffffff);
        assert_int_equal(mount(), 0);
        assert_int_equal(open_error("/b"), -BOOT_E_TRUNCATED);
        finish();
    }
}

static void a_chain_must_start_inside_the_volume(void **state)
{
    const uint32_t starts[] = {0, 1, 5002, 0xfff7, 0xffff};

    (void)state;
    make((struct image_fat){.bits = 16, .clusters = 5000}, 512);
    for (unsigned i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
        char name[12] = "A          ";

        name[0] = (char)('A' + i);
        image_fat_name(&f.image, image_fat_root(&f.image), NULL, name, 0x20, starts[i], 100);
    }
    assert_int_equal(mount(), 0);
    for (unsigned i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
        const char path[] = {(char)('a' + i), '\0'};

        assert_int_equal(open_error(path), -BOOT_E_FAT);
        says("its cluster chain starts with ");
    }
    finish();
}

static void a_chain_shorter_than_the_file_is_truncated(void **state)
{
    (void)state;
    for (unsigned w = 0; w < 3; w++) {
        uint32_t first = make_file(widths[w]);

        image_fat_set(&f.image, first + 7, 0xffffffff);
        assert_int_equal(mount(), 0);
        assert_int_equal(open_error("/a"), -BOOT_E_TRUNCATED);
        says("/a: the directory says 10240 bytes, but its cluster chain ends after 4096");
        finish();
    }
}

static void every_mark_of_the_end_counts(void **state)
{
    (void)state;
    for (unsigned w = 0; w < 3; w++) {
        uint32_t first = make_file(widths[w]);

        for (uint32_t low = 8; low < 16; low++) {
            image_fat_set(&f.image, first + 19, 0xfffffff0u | low);
            assert_int_equal(mount(), 0);
            check_file("/a", 1, 10240, 0, 10240);
        }
        finish();
    }
}

static void the_upper_four_bits_of_a_fat32_entry_are_ignored(void **state)
{
    uint32_t first;

    (void)state;
    first = make_file(32);
    for (uint32_t i = 0; i < 20; i++)
        f.image.volume[f.image.table + (first + i) * 4ull + 3] |= 0xa0;
    assert_int_equal(mount(), 0);
    check_file("/a", 1, 10240, 0, 10240);
    finish();
}

static void clusters_beyond_the_size_are_allowed_but_checked(void **state)
{
    struct fat_file file;
    uint32_t first;

    (void)state;
    first = make_file(16);
    f.image.next++; /* so that they are another extent */
    uint32_t more = image_fat_chain(&f.image, 10);
    image_fat_set(&f.image, first + 19, more);
    assert_int_equal(mount(), 0);
    check_file("/a", 1, 10240, 0, 10240);
    assert_int_equal(fat_open(&f.fat, "/a", &file, &f.diag), 0);
    assert_int_equal(file.extents, 1);
    fat_close(&file);
    image_fat_set(&f.image, more + 9, 0);
    assert_int_equal(mount(), 0);
    assert_int_equal(open_error("/a"), -BOOT_E_FAT);
    image_fat_set(&f.image, more + 9, more + 4);
    assert_int_equal(mount(), 0);
    assert_int_equal(open_error("/a"), -BOOT_E_FAT);
    says("loops");
    finish();
}

/* ---- Reading ---- */

static void an_empty_file_needs_no_cluster(void **state)
{
    struct fat_file file;

    (void)state;
    make((struct image_fat){.bits = 16, .clusters = 5000}, 512);
    image_fat_file(&f.image, image_fat_root(&f.image), NULL, "EMPTY      ", 1, 0);
    assert_int_equal(mount(), 0);
    assert_int_equal(fat_open(&f.fat, "/EMPTY", &file, &f.diag), 0);
    assert_int_equal(file.size, 0);
    assert_int_equal(fat_read(&file, 0, NULL, 0, &f.diag), 0);
    assert_int_equal(fat_read(&file, 0, &file, 1, &f.diag), -BOOT_E_TRUNCATED);
    fat_close(&file);
    finish();
}

static void any_range_of_a_fragmented_file_is_read(void **state)
{
    static const uint32_t strides[] = {1, 2, 7};

    (void)state;
    for (unsigned w = 0; w < 3; w++) {
        for (unsigned s = 0; s < 3; s++) {
            uint32_t clusters = widths[w] == 12 ? 4000 : widths[w] == 16 ? 40000 : 70000;

            make((struct image_fat){.bits = widths[w], .clusters = clusters, .cluster_sectors = 2},
                 512);
            f.image.stride = strides[s];
            uint32_t size = clusters / strides[s] * 1000; /* a little less than all there is */
            image_fat_file(&f.image, image_fat_root(&f.image), NULL, "A          ", 5, size);
            assert_int_equal(mount(), 0);
            check_file("/a", 5, size, 0, size);
            check_file("/a", 5, size, 0, 1);
            check_file("/a", 5, size, size - 1, 1);
            check_file("/a", 5, size, size, 0);
            for (uint32_t offset = 1; offset < size; offset = offset * 3 + 1000)
                check_file("/a", 5, size, offset, (size - offset) / 2);
            finish();
        }
    }
}

static void a_range_outside_the_file_is_truncated(void **state)
{
    static const struct {
        uint64_t offset;
        size_t length;
    } cases[] = {{0, 10241}, {10240, 1}, {10241, 0}, {UINT64_MAX, 2}, {1, SIZE_MAX}};
    struct fat_file file;
    uint8_t byte;

    (void)state;
    make_file(16);
    assert_int_equal(fat_open(&f.fat, "/a", &file, &f.diag), 0);
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(fat_read(&file, cases[i].offset, &byte, cases[i].length, &f.diag),
                         -BOOT_E_TRUNCATED);
        says("but it has only 10240");
    }
    fat_close(&file);
    finish();
}

static void a_contiguous_file_is_one_request_of_one_piece(void **state)
{
    struct fat_file file;
    uint8_t *buffer = malloc(20 * MIB);

    (void)state;
    assert_non_null(buffer);
    make((struct image_fat){.bits = 32, .clusters = 70000}, 512);
    image_fat_file(&f.image, image_fat_root(&f.image), NULL, "A          ", 1, 20 * MIB);
    assert_int_equal(mount(), 0);
    assert_int_equal(fat_open(&f.fat, "/a", &file, &f.diag), 0);
    assert_int_equal(file.extents, 1);
    assert_in_range(f.md.calls, 1, 6); /* boot sector, 160 KiB of FAT, root directory */
    f.md.calls = f.md.pieces = 0;
    assert_int_equal(fat_read(&file, 0, buffer, 20 * MIB, &f.diag), 0);
    assert_int_equal(f.md.calls, 1);
    assert_int_equal(f.md.pieces, 1);
    fat_close(&file);
    free(buffer);
    finish();
}

static void a_fragmented_file_is_one_request_of_many_pieces(void **state)
{
    struct fat_file file;
    uint8_t *buffer = malloc(100 * 8 * KIB);

    (void)state;
    assert_non_null(buffer);
    make((struct image_fat){.bits = 16, .clusters = 5000, .cluster_sectors = 16}, 512);
    f.image.stride = 2;
    image_fat_file(&f.image, image_fat_root(&f.image), NULL, "A          ", 1, 100 * 8 * KIB);
    assert_int_equal(mount(), 0);
    assert_int_equal(fat_open(&f.fat, "/a", &file, &f.diag), 0);
    assert_int_equal(file.extents, 100);
    f.md.calls = f.md.pieces = 0;
    assert_int_equal(fat_read(&file, 0, buffer, 100 * 8 * KIB, &f.diag), 0);
    assert_int_equal(f.md.calls, 1);
    assert_int_equal(f.md.pieces, 100);
    fat_close(&file);
    free(buffer);
    finish();
}

static void a_large_file_of_small_clusters_is_opened_quickly(void **state)
{
    (void)state;
    make((struct image_fat){.bits = 32, .clusters = 210000}, 512);
    image_fat_file(&f.image, image_fat_root(&f.image), NULL, "INITRD  IMG", 1, 100 * MIB);
    assert_int_equal(mount(), 0);
    assert_int_equal(open_error("/initrd.img"), 0);
    assert_in_range(f.md.calls, 1, 12); /* 820 KB of FAT in lines of the cache */
    check_file("/initrd.img", 1, 100 * MIB, 0, 100 * MIB);
    finish();
}

static void a_file_of_too_many_pieces_is_refused(void **state)
{
    (void)state;
    for (unsigned more = 0; more <= 1; more++) {
        make((struct image_fat){.bits = 32, .clusters = 2200000}, 512);
        f.image.stride = 2;
        uint32_t count = FAT_EXTENTS_MAX + more;
        image_fat_name(&f.image, image_fat_root(&f.image), NULL, "A          ", 0x20, f.image.next,
                       count * 512);
        image_fat_chain(&f.image, count);
        assert_int_equal(mount(), 0);
        assert_int_equal(open_error("/a"), more == 0 ? 0 : -BOOT_E_FAT);
        if (more != 0)
            says("/a: it is in more than 1048576 pieces");
        finish();
    }
}

static void a_file_is_a_source(void **state)
{
    struct fat_file file;
    struct source source;
    struct source part;
    uint8_t expected[300];
    uint8_t found[300];

    (void)state;
    make_file(16);
    assert_int_equal(fat_open(&f.fat, "\\a", &file, &f.diag), 0);
    fat_source(&source, &file);
    assert_string_equal(source.name, "\\a");
    assert_int_equal(source.size, 10240);
    assert_int_equal(source_part(&part, &source, 1000, 700, ".linux", &f.diag), 0);
    assert_int_equal(source_read(&part, 400, found, 300, "the end", &f.diag), 0);
    image_fill(expected, 1, 1400, 300);
    assert_memory_equal(found, expected, 300);
    assert_int_equal(source_read(&source, 10000, found, 300, "more", &f.diag), -BOOT_E_TRUNCATED);
    fat_close(&file);
    finish();
}

static void a_read_error_names_the_file(void **state)
{
    struct fat_file file;
    uint8_t byte;

    (void)state;
    make_file(16);
    assert_int_equal(fat_open(&f.fat, "/a", &file, &f.diag), 0);
    f.md.bad_end = f.md.disk.size;
    f.md.bad_error = -BOOT_E_IO;
    memory_disk_reopen(&f.md);
    assert_int_equal(fat_read(&file, 0, &byte, 1, &f.diag), -BOOT_E_IO);
    says("/a: disk: injected");
    fat_close(&file);
    finish();
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_number_of_clusters_decides_the_width),
        cmocka_unit_test(a_small_fat32_is_what_its_boot_sector_says),
        cmocka_unit_test(a_fat16_with_too_many_clusters_is_refused),
        cmocka_unit_test(a_volume_without_clusters_is_refused),
        cmocka_unit_test(a_fat32_with_too_many_clusters_is_refused),
        cmocka_unit_test(every_field_of_the_boot_sector_is_checked),
        cmocka_unit_test(the_volume_must_be_inside_the_disk),
        cmocka_unit_test(a_fat_too_short_for_the_clusters_limits_them),
        cmocka_unit_test(any_sector_size_on_any_block_size_reads_files),
        cmocka_unit_test(the_active_fat_is_used_when_they_differ),
        cmocka_unit_test(an_unreadable_fat_gives_way_to_its_copy),
        cmocka_unit_test(a_chain_that_loops_is_found),
        cmocka_unit_test(a_long_loop_of_single_clusters_is_found),
        cmocka_unit_test(a_link_that_leaves_the_volume_is_refused),
        cmocka_unit_test(the_last_cluster_has_no_successor),
        cmocka_unit_test(a_chain_must_start_inside_the_volume),
        cmocka_unit_test(a_chain_shorter_than_the_file_is_truncated),
        cmocka_unit_test(every_mark_of_the_end_counts),
        cmocka_unit_test(the_upper_four_bits_of_a_fat32_entry_are_ignored),
        cmocka_unit_test(clusters_beyond_the_size_are_allowed_but_checked),
        cmocka_unit_test(an_empty_file_needs_no_cluster),
        cmocka_unit_test(any_range_of_a_fragmented_file_is_read),
        cmocka_unit_test(a_range_outside_the_file_is_truncated),
        cmocka_unit_test(a_contiguous_file_is_one_request_of_one_piece),
        cmocka_unit_test(a_fragmented_file_is_one_request_of_many_pieces),
        cmocka_unit_test(a_large_file_of_small_clusters_is_opened_quickly),
        cmocka_unit_test(a_file_of_too_many_pieces_is_refused),
        cmocka_unit_test(a_file_is_a_source),
        cmocka_unit_test(a_read_error_names_the_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
