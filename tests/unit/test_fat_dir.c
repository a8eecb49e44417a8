/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Directories and names of FAT volumes (FAT specification, chapters 6 and 7), and what paths find.
 */
#include "boot/diag.h"
#include "boot/error.h"
#include "boot/fat.h"
#include "tests/unit/support/image_fat.h"
#include "tests/unit/support/image_table.h"
#include "tests/unit/support/memory_disk.h"
#include "tests/unit/support/notes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct fixture {
    struct memory_disk md;
    struct image_fat image;
    struct image_dir root;
    struct fat fat;
    struct diag diag;
    struct fat_entry entry;
} f;

static const unsigned widths[] = {12, 16, 32};

static void make(unsigned bits)
{
    struct image_fat image = {.bits = bits,
                              .clusters = bits == 12   ? 4000
                                          : bits == 16 ? 20000
                                                       : 66000,
                              .root_entries = bits == 32 ? 0 : 512};

    notes_clear();
    memory_disk_open(&f.md, image_fat_size(&image), 512);
    f.image = image;
    f.image.volume = memory_disk_at(&f.md, 0);
    image_fat_write(&f.image);
    f.root = image_fat_root(&f.image);
}

static void mount(void)
{
    memory_disk_reopen(&f.md);
    f.diag = (struct diag){0};
    if (fat_mount(&f.fat, &f.md.disk, 0, f.image.size, &f.diag) != 0)
        fail_msg("%s", f.diag.text);
}

static void finish(void)
{
    memory_disk_close(&f.md);
}

static int find(const char *path)
{
    f.diag = (struct diag){0};
    return fat_find(&f.fat, path, &f.entry, &f.diag);
}

static void says(const char *text)
{
    if (!strstr(f.diag.text, text))
        fail_msg("\"%s\" does not say \"%s\"", f.diag.text, text);
}

/* The names in a directory, each followed by '|'. */
static const char *list(const char *path)
{
    static char names[65536];
    struct fat_dir dir;
    size_t used = 0;
    int found;

    names[0] = '\0';
    if (fat_open_dir(&f.fat, path, &dir, &f.diag) != 0)
        return f.diag.text;
    while ((found = fat_next(&dir, &f.entry, &f.diag)) > 0)
        used += (size_t)snprintf(names + used, sizeof(names) - used, "%s|", f.entry.name);
    fat_close_dir(&dir);
    return found == 0 ? names : f.diag.text;
}

static void paths_find_files_at_any_depth(void **state)
{
    (void)state;
    for (unsigned w = 0; w < 3; w++) {
        make(widths[w]);
        struct image_dir loader = image_fat_mkdir(&f.image, f.root, "loader", "LOADER     ");
        struct image_dir entries = image_fat_mkdir(&f.image, loader, "entries", "ENTRIES    ");
        image_fat_file(&f.image, entries, "debian-6.1.conf", "DEBIAN~1CON", 3, 300);
        image_fat_file(&f.image, f.root, NULL, "VMLINUZ    ", 4, 5000);
        mount();
        static const char *const paths[] = {
            "/loader/entries/debian-6.1.conf",
            "loader/entries/debian-6.1.conf",
            "\\loader\\entries\\debian-6.1.conf",
            "//LOADER///Entries\\DEBIAN-6.1.CONF",
            "/loader/entries/DEBIAN~1.CON",
            "/./loader/./entries/debian~1.con",
            "/loader/entries/../entries/debian-6.1.conf",
            "/loader/../loader/entries/debian-6.1.conf",
        };
        for (unsigned i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
            if (find(paths[i]) != 0)
                fail_msg("%s: %s", paths[i], f.diag.text);
            assert_string_equal(f.entry.name, "debian-6.1.conf");
            assert_string_equal(f.entry.short_name, "DEBIAN~1.CON");
            assert_int_equal(f.entry.size, 300);
            assert_int_equal(f.entry.attributes, FAT_ARCHIVE);
        }
        assert_int_equal(find("/vmlinuz"), 0);
        assert_string_equal(f.entry.name, "VMLINUZ");
        assert_int_equal(find("/loader/"), 0);
        assert_int_equal(f.entry.attributes, FAT_DIRECTORY);
        assert_string_equal(list("/"), "loader|VMLINUZ|");
        assert_string_equal(list(""), "loader|VMLINUZ|");
        assert_string_equal(list("/loader/entries/../.."), "loader|VMLINUZ|");
        assert_string_equal(list("/loader"), "entries|");
        assert_string_equal(list("/loader/entries"), "debian-6.1.conf|");
        finish();
    }
}

static void what_is_missing_is_named(void **state)
{
    struct fat_file file;
    struct fat_dir dir;

    (void)state;
    make(16);
    struct image_dir efi = image_fat_mkdir(&f.image, f.root, "EFI", "EFI        ");
    image_fat_file(&f.image, efi, "file", "FILE       ", 1, 10);
    mount();
    assert_int_equal(find("/boot/vmlinuz"), -BOOT_E_NOT_FOUND);
    says("/boot/vmlinuz: there is no \"boot\" in \"/\"");
    assert_int_equal(find("\\EFI\\Linux\\a.efi"), -BOOT_E_NOT_FOUND);
    says("\\EFI\\Linux\\a.efi: there is no \"Linux\" in \"\\EFI\\\"");
    assert_int_equal(find("/EFI/fil"), -BOOT_E_NOT_FOUND);
    assert_int_equal(find("/EFI/files"), -BOOT_E_NOT_FOUND);
    assert_int_equal(find("/EFI/file/x"), -BOOT_E_NOT_FOUND);
    says("\"/EFI/file/\" is a file, not a directory");
    assert_int_equal(find("/.."), -BOOT_E_NOT_FOUND);
    assert_int_equal(find("/EFI/..."), -BOOT_E_NOT_FOUND);
    assert_int_equal(fat_open(&f.fat, "/EFI", &file, &f.diag), -BOOT_E_NOT_FOUND);
    says("/EFI: it is a directory, not a file");
    assert_int_equal(fat_open(&f.fat, "/", &file, &f.diag), -BOOT_E_NOT_FOUND);
    assert_int_equal(fat_open_dir(&f.fat, "/EFI/file", &dir, &f.diag), -BOOT_E_NOT_FOUND);
    says("/EFI/file: it is a file, not a directory");
    assert_int_equal(fat_open_dir(&f.fat, "/EFI/none", &dir, &f.diag), -BOOT_E_NOT_FOUND);
    finish();
}

static void a_directory_of_many_clusters_is_read_to_its_end(void **state)
{
    (void)state;
    for (unsigned w = 0; w < 3; w++) {
        make(widths[w]);
        f.image.stride = 2; /* so that every cluster of it is an extent */
        struct image_dir dir = image_fat_mkdir(&f.image, f.root, "many", "MANY       ");
        char expected[16384] = "";
        size_t used = 0;

        for (unsigned i = 0; i < 300; i++) {
            char name[40];

            (void)snprintf(name, sizeof(name), "a rather long name number %u", i);
            image_fat_file(&f.image, dir, name, "ARATHE~1   ", i, i);
            used += (size_t)snprintf(expected + used, sizeof(expected) - used, "%s|", name);
        }
        mount();
        assert_string_equal(list("/MANY"), expected);
        assert_int_equal(find("/many/a rather long name number 299"), 0);
        assert_int_equal(f.entry.size, 299);
        finish();
    }
}

static void a_full_root_directory_ends_with_its_last_record(void **state)
{
    (void)state;
    make(12);
    for (unsigned i = 0; i < 512; i++) {
        char name[12];

        (void)snprintf(name, sizeof(name), "F%07u   ", i);
        image_fat_file(&f.image, f.root, NULL, name, i, 0);
    }
    mount();
    assert_int_equal(strlen(list("/")), 512 * 9);
    assert_int_equal(find("/F0000511"), 0);
    assert_int_equal(find("/F0000512"), -BOOT_E_NOT_FOUND);
    finish();
}

static void a_root_directory_shorter_than_a_sector_ends_where_it_says(void **state)
{
    struct image_fat image = {.bits = 12, .clusters = 100, .root_entries = 3};

    (void)state;
    memory_disk_open(&f.md, image_fat_size(&image), 512);
    f.image = image;
    f.image.volume = memory_disk_at(&f.md, 0);
    image_fat_write(&f.image);
    f.root = image_fat_root(&f.image);
    for (char c = 'A'; c <= 'C'; c++) {
        char name[12] = "A          ";

        name[0] = c;
        image_fat_file(&f.image, f.root, NULL, name, 1, 0);
    }
    memcpy(f.image.volume + f.image.root + 96, "BEHIND     \x20", 12);
    mount();
    assert_string_equal(list("/"), "A|B|C|");
    finish();
}

static void records_not_in_use_are_left_out(void **state)
{
    (void)state;
    make(16);
    image_fat_name(&f.image, f.root, NULL, "MY DISK    ", FAT_VOLUME_ID, 0, 0);
    uint8_t *deleted = image_fat_file(&f.image, f.root, "gone", "GONE       ", 1, 0);
    deleted[0] = 0xe5;
    deleted[-32] = 0xe5;
    image_fat_name(&f.image, f.root, NULL, "           ", 0x20, 0, 0); /* no name at all */
    image_fat_file(&f.image, f.root, NULL, "KEPT       ", 1, 0);
    uint8_t *last = image_fat_file(&f.image, f.root, NULL, "FIRST      ", 1, 0);
    image_fat_file(&f.image, f.root, NULL, "BEHIND     ", 1, 0);
    last[0] = 0; /* the end, whatever comes after it */
    mount();
    assert_string_equal(list("/"), "KEPT|");
    assert_int_equal(find("/gone"), -BOOT_E_NOT_FOUND);
    assert_int_equal(find("/my disk"), -BOOT_E_NOT_FOUND);
    assert_int_equal(find("/behind"), -BOOT_E_NOT_FOUND);
    finish();
}

static void short_names_are_read_as_they_are_meant(void **state)
{
    static const struct {
        const char *raw;
        uint8_t flags;
        const char *name;
    } cases[] = {
        {"README  TXT", 0x00, "README.TXT"},
        {"README  TXT", 0x08, "readme.TXT"},
        {"README  TXT", 0x10, "README.txt"},
        {"README  TXT", 0x18, "readme.txt"},
        {"NOEXT      ", 0x18, "noext"},
        {"A B     C  ", 0x00, "A B.C"},
        {"FULLNAMEEXT", 0x00, "FULLNAME.EXT"},
        {"\x05"
         "ABC       ",
         0x00,
         "\xef\xbf\xbd"
         "ABC"},
        {"\x99"
         "A      B\x81 ",
         0x18,
         "\xef\xbf\xbd"
         "a.b\xef\xbf\xbd"},
        {"A/B\\C\x7f  \x01  ", 0x00,
         "A\xef\xbf\xbd"
         "B\xef\xbf\xbd"
         "C\xef\xbf\xbd.\xef\xbf\xbd"},
        {"\x81\x82\x83\x84\x85\x86\x87\x88\x89\x8a\x8b", 0x00,
         "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef"
         "\xbf\xbd.\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char expected[64];

        make(16);
        image_fat_name(&f.image, f.root, NULL, cases[i].raw, 0x20, 0, 0)[12] = cases[i].flags;
        mount();
        (void)snprintf(expected, sizeof(expected), "%s|", cases[i].name);
        assert_string_equal(list("/"), expected);
        assert_int_equal(find(cases[i].name), 0);
        finish();
    }
}

/* 255 UTF-16 units of three bytes each in UTF-8: the longest name that there can be. */
static const char *longest_name(void)
{
    static char name[766];

    for (unsigned i = 0; i < 255; i++)
        memcpy(name + 3ul * i, "\xe2\x82\xac", 3);
    return name;
}

static void long_names_are_unicode_and_case_does_not_matter(void **state)
{
    static const struct {
        const char *name;
        const char *path;
    } cases[] = {
        {"a", "A"},
        {"exactly13char", "EXACTLY13CHAR"},
        {"fourteen chars", "Fourteen Chars"},
        {"Gr\xc3\xb6\xc3\x9f"
         "e.conf",
         "gR\xc3\x96\xc3\x9f"
         "E.CONF"},
        {"\xce\xa9\xce\xbc.efi", "\xcf\x89\xce\x9c.EFI"},
        {"\xd0\x9b\xd0\xb8\xd0\xbd\xd1\x83\xd0\xba\xd1\x81",
         "\xd0\xbb\xd0\x98\xd0\x9d\xd0\xa3\xd0\x9a\xd0\xa1"},
        {"\xf0\x9f\x90\xa7.img", "\xf0\x9f\x90\xa7.IMG"},
    };

    (void)state;
    for (unsigned w = 0; w < 3; w++) {
        make(widths[w]);
        for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
            char raw[12];

            (void)snprintf(raw, sizeof(raw), "NAME~%-3u   ", i);
            image_fat_file(&f.image, f.root, cases[i].name, raw, 1, 100 + i);
        }
        image_fat_file(&f.image, f.root, longest_name(), "LONGEST    ", 1, 99);
        mount();
        for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
            assert_int_equal(find(cases[i].name), 0);
            assert_int_equal(f.entry.size, 100 + i);
            assert_string_equal(f.entry.name, cases[i].name);
            assert_int_equal(find(cases[i].path), 0);
            assert_int_equal(f.entry.size, 100 + i);
        }
        assert_int_equal(find(longest_name()), 0);
        assert_int_equal(f.entry.size, 99);
        finish();
    }
}

/*
 * What is done to the two records of the long name "a name of 20 units.." whose short one is GOOD.
 */
static const struct name_damage {
    int record; /* counted back from the short record */
    unsigned offset;
    uint8_t value;
} name_damage[] = {
    {1, 13, 0x00},                /* checksum of the first part */
    {2, 13, 0x00},                /* of the last part */
    {1, 0, 0x02},                 /* order: not the next lower one */
    {1, 0, 0x41},                 /* a name of one part that starts over: its end is missing */
    {1, 0, 0x43},                 /* one of three parts: two are missing */
    {2, 0, 0x43},                 /* one part more than there are */
    {2, 0, 0x02},                 /* the start is missing */
    {2, 0, 0x40},                 /* of no parts */
    {2, 0, 0x7f},                 /* of more than there can be */
    {2, 0, 0xe5},                 /* deleted */
    {1, 0, 0xe5},  {1, 11, 0x08}, /* a volume label between the parts */
    {1, 1, '/'},                  /* what no name can have */
    {1, 3, '\\'},  {1, 5, 0x1f},  {0, 0, 'F'}, /* another short name than the one it was made for */
};

static void a_damaged_long_name_gives_way_to_the_short_one(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sizeof(name_damage) / sizeof(name_damage[0]); i++) {
        const struct name_damage *d = &name_damage[i];
        uint8_t *record;

        make(16);
        record = image_fat_file(&f.image, f.root, "a name of 20 units..", "GOOD    IMG", 1, 100);
        mount();
        assert_string_equal(list("/"), "a name of 20 units..|");
        record[(int)d->offset - 32 * d->record] = d->value;
        if (d->record == 1 && d->offset == 0 && d->value == 0x41) {
            /* A complete name by itself, if it ends inside this part. */
            record[-32 + 30] = 'x';
            mount();
            assert_string_equal(list("/"), "a name of 20x|");
        } else {
            mount();
            assert_string_equal(list("/"), d->record == 0 ? "FOOD.IMG|" : "GOOD.IMG|");
        }
        finish();
    }
}

static void a_long_name_belongs_to_the_very_next_record(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < 2; kind++) {
        uint8_t *record;

        make(16);
        record = image_fat_file(&f.image, f.root, "a name of 20 units..", "GOOD    IMG", 1, 0);
        if (kind == 0)
            record[0] = 0xe5;
        else
            record[11] = FAT_VOLUME_ID;
        image_fat_file(&f.image, f.root, NULL, "GOOD    IMG", 1, 0);
        mount();
        assert_string_equal(list("/"), "GOOD.IMG|");
        finish();
    }
}

static void a_long_name_without_its_start_does_not_borrow_one(void **state)
{
    uint8_t *record;

    (void)state;
    make(16);
    image_fat_file(&f.image, f.root, "the start of another name", "OTHER   IMG", 1, 0);
    record = image_fat_file(&f.image, f.root, "a name of 20 units..", "GOOD    IMG", 1, 0);
    memcpy(record - 32, record - 64, 32); /* its last part twice, its first part never */
    mount();
    assert_string_equal(list("/"), "the start of another name|GOOD.IMG|");
    finish();
}

static void a_long_name_that_is_none_gives_way_to_the_short_one(void **state)
{
    static const char *const names[] = {".", ".."};
    uint8_t *record;

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        make(16);
        image_fat_mkdir(&f.image, f.root, names[i], "GOOD       ");
        mount();
        assert_string_equal(list("/"), "GOOD|");
        finish();
    }

    make(16); /* empty: its first unit is the terminator */
    record = image_fat_file(&f.image, f.root, "x", "GOOD       ", 1, 1);
    record[-31] = 0;
    mount();
    assert_string_equal(list("/"), "GOOD|");
    finish();

    make(16); /* 256 units: one more than there can be */
    record = image_fat_file(&f.image, f.root, longest_name(), "GOOD       ", 1, 1);
    uint8_t *last = record - 20l * 32;
    assert_int_equal(last[0], 0x54);
    assert_int_equal(last[18] | last[19] << 8, 0x20ac); /* unit 255 */
    assert_int_equal(last[20] | last[21] << 8, 0);
    last[20] = 'x';
    last[22] = last[23] = 0;
    mount();
    assert_string_equal(list("/"), "GOOD|");
    finish();
}

static void a_long_name_across_clusters_is_one_name(void **state)
{
    (void)state;
    make(32);
    f.image.stride = 5;
    struct image_dir dir = image_fat_mkdir(&f.image, f.root, "d", "D          ");
    for (unsigned i = 0; i < 9; i++) /* with "." and "..", 11 of the 16 records of a cluster */
        image_fat_file(&f.image, dir, NULL, "FILL       ", 1, 0);
    image_fat_file(&f.image, dir, longest_name(), "GOOD       ", 1, 77);
    mount();
    char path[800];
    (void)snprintf(path, sizeof(path), "/d/%s", longest_name());
    assert_int_equal(find(path), 0);
    assert_int_equal(f.entry.size, 77);
    finish();
}

static void the_upper_half_of_the_cluster_counts_on_fat32_only(void **state)
{
    (void)state;
    make(16);
    uint8_t *record = image_fat_file(&f.image, f.root, NULL, "A          ", 1, 1000);
    uint32_t cluster = f.image.next - 2;
    image_put16(record + 20, 0x1234);
    mount();
    assert_int_equal(find("/a"), 0);
    assert_int_equal(f.entry.cluster, cluster);
    finish();

    make(32);
    f.image.next = 65537;
    image_fat_file(&f.image, f.root, NULL, "A          ", 1, 100);
    mount();
    assert_int_equal(find("/a"), 0);
    assert_int_equal(f.entry.cluster, 65537);
    finish();
}

static void a_directory_whose_chain_loops_is_refused(void **state)
{
    (void)state;
    for (unsigned w = 0; w < 3; w++) {
        struct fat_dir dir;

        make(widths[w]);
        struct image_dir loop = image_fat_mkdir(&f.image, f.root, NULL, "LOOP       ");
        image_fat_set(&f.image, loop.cluster, loop.cluster);
        mount();
        assert_int_equal(fat_open_dir(&f.fat, "/loop", &dir, &f.diag), -BOOT_E_FAT);
        says("/loop: its cluster chain loops");
        assert_int_equal(find("/loop/a"), -BOOT_E_FAT);
        if (widths[w] == 32) {
            image_fat_set(&f.image, 2, 2);
            mount();
            assert_int_equal(find("/loop"), -BOOT_E_FAT);
            says("/: its cluster chain loops");
        }
        finish();
    }
}

static void a_directory_may_have_65536_records_and_no_more(void **state)
{
    (void)state;
    for (unsigned more = 0; more <= 1; more++) {
        struct fat_dir dir;

        make(32);
        struct image_dir big = image_fat_mkdir(&f.image, f.root, NULL, "BIG        ");
        image_fat_set(&f.image, big.cluster, f.image.next);
        image_fat_chain(&f.image, 4095 + more);
        mount();
        if (more == 0) {
            assert_int_equal(fat_open_dir(&f.fat, "/big", &dir, &f.diag), 0);
            assert_int_equal(dir.file.size, 65536 * 32);
            fat_close_dir(&dir);
        } else {
            assert_int_equal(fat_open_dir(&f.fat, "/big", &dir, &f.diag), -BOOT_E_FAT);
            says("/big: directory has 4097 clusters, expected at most 4096");
        }
        finish();
    }
}

static void a_directory_without_a_cluster_is_not_the_root(void **state)
{
    struct fat_dir dir;

    (void)state;
    for (unsigned w = 0; w < 3; w++) {
        make(widths[w]);
        image_fat_name(&f.image, f.root, NULL, "FAKE       ", FAT_DIRECTORY, 0, 0);
        mount();
        assert_int_equal(fat_open_dir(&f.fat, "/fake", &dir, &f.diag), -BOOT_E_FAT);
        says("/fake: its cluster chain starts with 0, which means free");
        finish();
    }
}

static void entries_of_a_listing_can_be_opened(void **state)
{
    struct fat_dir dir;
    struct fat_file file;
    uint8_t found[600];
    uint8_t expected[600];

    (void)state;
    make(32);
    struct image_dir entries = image_fat_mkdir(&f.image, f.root, "entries", "ENTRIES    ");
    image_fat_file(&f.image, entries, "one.conf", "ONE~1   CON", 1, 600);
    image_fat_mkdir(&f.image, entries, NULL, "SUB        ");
    mount();
    assert_int_equal(fat_open_dir(&f.fat, "/entries", &dir, &f.diag), 0);
    assert_int_equal(fat_next(&dir, &f.entry, &f.diag), 1);
    assert_int_equal(fat_open_entry(&dir, &f.entry, &file, &f.diag), 0);
    assert_string_equal(file.name, "/entries/one.conf");
    assert_int_equal(fat_read(&file, 0, found, 600, &f.diag), 0);
    image_fill(expected, 1, 0, 600);
    assert_memory_equal(found, expected, 600);
    fat_close(&file);
    assert_int_equal(fat_next(&dir, &f.entry, &f.diag), 1);
    assert_int_equal(fat_open_entry(&dir, &f.entry, &file, &f.diag), -BOOT_E_NOT_FOUND);
    assert_int_equal(fat_next(&dir, &f.entry, &f.diag), 0);
    assert_int_equal(fat_next(&dir, &f.entry, &f.diag), 0);
    fat_close_dir(&dir);

    /* In the root no separator is doubled, and a long path loses its end. */
    assert_int_equal(fat_open_dir(&f.fat, "/", &dir, &f.diag), 0);
    memcpy(f.entry.name, longest_name(), FAT_NAME_SIZE);
    f.entry.size = 0;
    f.entry.attributes = 0;
    assert_int_equal(fat_open_entry(&dir, &f.entry, &file, &f.diag), 0);
    assert_int_equal(strlen(file.name), sizeof(file.name) - 1);
    assert_memory_equal(file.name, "/\xe2\x82\xac", 4);
    fat_close_dir(&dir);
    finish();
}

static void a_directory_that_cannot_be_read_is_an_error(void **state)
{
    struct fat_dir dir;

    (void)state;
    make(16);
    struct image_dir sub = image_fat_mkdir(&f.image, f.root, "sub", "SUB        ");
    mount();
    f.md.bad_start = (uint64_t)(image_fat_cluster(&f.image, sub.cluster) - f.image.volume);
    f.md.bad_end = f.md.bad_start + 512;
    f.md.bad_error = -BOOT_E_IO;
    memory_disk_reopen(&f.md);
    assert_int_equal(fat_open_dir(&f.fat, "/sub", &dir, &f.diag), 0);
    assert_int_equal(fat_next(&dir, &f.entry, &f.diag), -BOOT_E_IO);
    fat_close_dir(&dir);
    assert_int_equal(find("/sub/a"), -BOOT_E_IO);
    says("/sub/: disk: injected");
    finish();
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_find_files_at_any_depth),
        cmocka_unit_test(what_is_missing_is_named),
        cmocka_unit_test(a_directory_of_many_clusters_is_read_to_its_end),
        cmocka_unit_test(a_full_root_directory_ends_with_its_last_record),
        cmocka_unit_test(a_root_directory_shorter_than_a_sector_ends_where_it_says),
        cmocka_unit_test(records_not_in_use_are_left_out),
        cmocka_unit_test(short_names_are_read_as_they_are_meant),
        cmocka_unit_test(long_names_are_unicode_and_case_does_not_matter),
        cmocka_unit_test(a_damaged_long_name_gives_way_to_the_short_one),
        cmocka_unit_test(a_long_name_belongs_to_the_very_next_record),
        cmocka_unit_test(a_long_name_without_its_start_does_not_borrow_one),
        cmocka_unit_test(a_long_name_that_is_none_gives_way_to_the_short_one),
        cmocka_unit_test(a_long_name_across_clusters_is_one_name),
        cmocka_unit_test(the_upper_half_of_the_cluster_counts_on_fat32_only),
        cmocka_unit_test(a_directory_whose_chain_loops_is_refused),
        cmocka_unit_test(a_directory_may_have_65536_records_and_no_more),
        cmocka_unit_test(a_directory_without_a_cluster_is_not_the_root),
        cmocka_unit_test(entries_of_a_listing_can_be_opened),
        cmocka_unit_test(a_directory_that_cannot_be_read_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
