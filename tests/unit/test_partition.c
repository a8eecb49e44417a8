/* SPDX-License-Identifier: BSD-2-Clause */
/* Which scheme a disk has, and which partitions may be used. */
#include "boot/diag.h"
#include "boot/error.h"
#include "boot/partition.h"
#include "tests/unit/support/image_fat.h"
#include "tests/unit/support/image_table.h"
#include "tests/unit/support/memory_disk.h"
#include "tests/unit/support/notes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define BLOCKS 4096u

struct fixture {
    struct memory_disk md;
    struct partition_table table;
    struct diag diag;
    uint8_t *disk;
};

static void open_disk(struct fixture *f)
{
    memset(f, 0, sizeof(*f));
    memory_disk_open(&f->md, BLOCKS * 512, 512);
    f->disk = memory_disk_at(&f->md, 0);
}

static int scan(struct fixture *f)
{
    notes_clear();
    partition_table_free(&f->table);
    memory_disk_reopen(&f->md);
    f->diag = (struct diag){0};
    return partition_scan(&f->md.disk, &f->table, &f->diag);
}

static void close_disk(struct fixture *f)
{
    partition_table_free(&f->table);
    memory_disk_close(&f->md);
}

static void write_fat(struct fixture *f)
{
    struct image_fat fat = {.volume = f->disk, .bits = 12, .clusters = 1000};

    image_fat_write(&fat);
}

static void an_empty_disk_is_said_to_be_empty(void **state)
{
    struct fixture f;

    (void)state;
    open_disk(&f);
    assert_int_equal(scan(&f), -BOOT_E_EMPTY_DISK);
    assert_non_null(strstr(f.diag.text, "signature 0x0000, expected 0xaa55"));
    assert_null(f.table.partition);
    image_put16(f.disk + 510, 0xaa55);
    assert_int_equal(scan(&f), -BOOT_E_EMPTY_DISK);
    assert_non_null(strstr(f.diag.text, "(MBR) is empty"));
    memset(f.disk, 0xf6, 65536);
    assert_int_equal(scan(&f), -BOOT_E_EMPTY_DISK);
    close_disk(&f);

    memory_disk_open(&f.md, 0, 512);
    assert_int_equal(scan(&f), -BOOT_E_EMPTY_DISK);
    assert_non_null(strstr(f.diag.text, "no blocks"));
    close_disk(&f);
}

static void a_disk_that_is_one_file_system_is_one_volume(void **state)
{
    struct fixture f;

    (void)state;
    open_disk(&f);
    write_fat(&f);
    assert_int_equal(scan(&f), 0);
    assert_int_equal(f.table.scheme, PARTITION_SCHEME_NONE);
    assert_int_equal(f.table.count, 1);
    assert_int_equal(f.table.partition[0].number, 0);
    assert_int_equal(f.table.partition[0].role, PARTITION_ROLE_ESP);
    assert_int_equal(f.table.partition[0].offset, 0);
    assert_int_equal(f.table.partition[0].size, BLOCKS * 512);

    /* Boot code where the partition entries would be. */
    memset(f.disk + 446, 'x', 64);
    assert_int_equal(scan(&f), 0);
    assert_int_equal(f.table.scheme, PARTITION_SCHEME_NONE);

    /* An entry for show that covers the whole disk, as mkfs.fat --mbr=yes makes it. */
    memset(f.disk + 446, 0, 64);
    image_mbr_set(f.disk, 0, 0x0c, 0, BLOCKS);
    assert_int_equal(scan(&f), 0);
    assert_int_equal(f.table.scheme, PARTITION_SCHEME_NONE);

    /* A real partition table wins. */
    image_mbr_set(f.disk, 1, 0x83, 2048, 100);
    assert_int_equal(scan(&f), 0);
    assert_int_equal(f.table.scheme, PARTITION_SCHEME_MBR);
    close_disk(&f);
}

static void an_unreadable_first_block_is_an_io_error(void **state)
{
    struct fixture f;

    (void)state;
    open_disk(&f);
    f.md.bad_end = 512;
    f.md.bad_error = -BOOT_E_IO;
    assert_int_equal(scan(&f), -BOOT_E_IO);
    assert_non_null(strstr(f.diag.text, "reading the partition table: disk: injected"));
    close_disk(&f);
}

static void an_mbr_partition_behind_the_disk_gives_a_note_and_cannot_be_used(void **state)
{
    static const struct {
        uint32_t start;
        uint32_t count;
        enum partition_fault fault;
    } cases[] = {
        {100, BLOCKS - 100, PARTITION_OK},
        {100, BLOCKS - 99, PARTITION_OUTSIDE},
        {BLOCKS, 1, PARTITION_OUTSIDE},
        {0xffffffff, 0xffffffff, PARTITION_OUTSIDE},
    };
    struct fixture f;

    (void)state;
    open_disk(&f);
    image_mbr_set(f.disk, 0, 0x0c, 50, 50);
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct partition *p;

        image_mbr_set(f.disk, 1, 0xef, cases[i].start, cases[i].count);
        assert_int_equal(scan(&f), 0);
        p = &f.table.partition[1];
        assert_int_equal(p->fault, cases[i].fault);
        assert_int_equal(partition_check(&f.md.disk, &f.table.partition[0], &f.diag), 0);
        if (cases[i].fault == PARTITION_OK) {
            assert_int_equal(notes_count(), 0);
            assert_int_equal(partition_check(&f.md.disk, p, &f.diag), 0);
            continue;
        }
        assert_int_equal(p->offset, 0);
        assert_int_equal(p->size, 0);
        assert_int_equal(partition_check(&f.md.disk, p, &f.diag), -BOOT_E_PARTITION);
        assert_non_null(strstr(f.diag.text, "ends behind the disk, which has 4096 blocks"));
        assert_non_null(strstr(notes_text(), f.diag.text));
    }
    close_disk(&f);
}

static void nested_mbr_partitions_are_left_alone(void **state)
{
    struct fixture f;

    (void)state;
    open_disk(&f);
    image_mbr_set(f.disk, 0, 0x17, 0, BLOCKS); /* the ISO 9660 */
    image_mbr_set(f.disk, 1, 0xef, 100, 50);   /* its EFI image */
    assert_int_equal(scan(&f), 0);
    assert_int_equal(notes_count(), 0);
    assert_int_equal(f.table.count, 2);
    assert_int_equal(f.table.partition[0].fault, PARTITION_OK);
    assert_int_equal(f.table.partition[1].fault, PARTITION_OK);
    close_disk(&f);
}

struct gpt_case {
    uint64_t first;
    uint64_t last;
    enum partition_fault fault;
    const char *says;
};

static void a_gpt_partition_is_checked_for_its_place(void **state)
{
    static const struct gpt_case cases[] = {
        {34, 199, PARTITION_OK, ""},
        {300, BLOCKS - 34, PARTITION_OK, ""},
        {300, 300, PARTITION_OK, ""},
        {33, 199, PARTITION_UNUSABLE, "blocks 33 to 199) leaves the area"},
        {300, BLOCKS - 33, PARTITION_UNUSABLE, "leaves the area"},
        {300, BLOCKS, PARTITION_OUTSIDE, "ends behind the disk"},
        {300, UINT64_MAX, PARTITION_OUTSIDE, "ends behind the disk"},
        {1ull << 55, 1ull << 56, PARTITION_OUTSIDE, "ends behind the disk"},
        {301, 300, PARTITION_REVERSED, "ends before it starts"},
        {UINT64_MAX, 0, PARTITION_REVERSED, "ends before it starts"},
        {299, 310, PARTITION_OVERLAPS, "overlaps partition 1"},
        {100, 400, PARTITION_OVERLAPS, "overlaps partition 1"},
        {100, 200, PARTITION_OVERLAPS, "overlaps partition 1"},
        {250, 260, PARTITION_OVERLAPS, "overlaps partition 1"},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct fixture f;
        struct partition *p;

        open_disk(&f);
        struct image_gpt gpt = {.disk = f.disk, .block_size = 512, .blocks = BLOCKS};
        image_gpt_write(&gpt);
        image_gpt_set(&gpt, 0, image_type_esp, 200, 299, "");
        image_gpt_set(&gpt, 4, image_type_xbootldr, cases[i].first, cases[i].last, "");
        assert_int_equal(scan(&f), 0);
        p = &f.table.partition[1];
        assert_int_equal(p->fault, cases[i].fault);
        if (p->fault == PARTITION_OVERLAPS) {
            assert_int_equal(f.table.partition[0].fault, PARTITION_OVERLAPS);
            assert_int_equal(f.table.partition[0].other, 5);
            assert_int_equal(f.table.partition[0].size, 0);
            assert_int_equal(notes_count(), 2);
        } else {
            assert_int_equal(f.table.partition[0].fault, PARTITION_OK);
            assert_int_equal(notes_count(), p->fault != PARTITION_OK);
        }
        if (p->fault == PARTITION_OK) {
            assert_int_equal(p->offset, cases[i].first * 512);
            assert_int_equal(p->size, (cases[i].last - cases[i].first + 1) * 512);
        } else {
            assert_int_equal(partition_check(&f.md.disk, p, &f.diag), -BOOT_E_PARTITION);
            assert_non_null(strstr(f.diag.text, "disk: partition 5 (blocks "));
            if (!strstr(f.diag.text, cases[i].says))
                fail_msg("%s: expected %s", f.diag.text, cases[i].says);
            assert_int_equal(p->offset, 0);
            assert_int_equal(p->size, 0);
        }
        close_disk(&f);
    }
}

static void three_that_overlap_are_all_refused(void **state)
{
    struct fixture f;

    (void)state;
    open_disk(&f);
    struct image_gpt gpt = {.disk = f.disk, .block_size = 512, .blocks = BLOCKS};
    image_gpt_write(&gpt);
    image_gpt_set(&gpt, 0, image_type_esp, 200, 299, "");
    image_gpt_set(&gpt, 1, image_type_other, 210, 250, "");
    image_gpt_set(&gpt, 2, image_type_other, 240, 299, "");
    image_gpt_set(&gpt, 3, image_type_other, 300, 310, "");
    assert_int_equal(scan(&f), 0);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(f.table.partition[i].fault, PARTITION_OVERLAPS);
    assert_int_equal(f.table.partition[0].other, 2);
    assert_int_equal(f.table.partition[1].other, 1);
    assert_int_equal(f.table.partition[2].other, 1);
    assert_int_equal(f.table.partition[3].fault, PARTITION_OK);
    close_disk(&f);
}

static void nonsense_does_not_take_good_partitions_with_it(void **state)
{
    struct fixture f;

    (void)state;
    open_disk(&f);
    struct image_gpt gpt = {.disk = f.disk, .block_size = 512, .blocks = BLOCKS};
    image_gpt_write(&gpt);
    image_gpt_set(&gpt, 0, image_type_esp, 200, 299, "");
    image_gpt_set(&gpt, 1, image_type_other, 0, UINT64_MAX, "");
    assert_int_equal(scan(&f), 0);
    assert_int_equal(f.table.partition[0].fault, PARTITION_OK);
    assert_int_equal(f.table.partition[1].fault, PARTITION_OUTSIDE);
    close_disk(&f);
}

static void a_table_for_a_larger_disk_keeps_the_partitions_that_fit(void **state)
{
    struct fixture f;

    (void)state;
    open_disk(&f);
    struct image_gpt gpt = {.disk = f.disk, .block_size = 512, .blocks = BLOCKS};
    image_gpt_write(&gpt);
    image_gpt_set(&gpt, 0, image_type_esp, 200, 299, "");
    image_gpt_set(&gpt, 1, image_type_other, 300, BLOCKS - 100, "");
    f.md.disk.size = BLOCKS / 2 * 512; /* the image was cut off */
    assert_int_equal(scan(&f), 0);
    assert_int_equal(f.table.partition[0].fault, PARTITION_OK);
    assert_int_equal(f.table.partition[1].fault, PARTITION_OUTSIDE);
    assert_non_null(strstr(notes_text(), "is the image cut off?"));
    close_disk(&f);
}

static void a_hybrid_disk_is_read_by_its_gpt(void **state)
{
    struct fixture f;

    (void)state;
    open_disk(&f);
    struct image_gpt gpt = {.disk = f.disk, .block_size = 512, .blocks = BLOCKS};
    image_gpt_write(&gpt);
    image_gpt_set(&gpt, 0, image_type_esp, 200, 299, "");
    image_mbr_set(f.disk, 1, 0x83, 300, 100);
    assert_int_equal(scan(&f), 0);
    assert_int_equal(f.table.scheme, PARTITION_SCHEME_GPT);
    assert_int_equal(f.table.count, 1);

    /* And its damage is not papered over with what else the MBR has. */
    image_gpt_header(&gpt, 0)[0] = 0;
    image_gpt_header(&gpt, 1)[0] = 0;
    assert_int_equal(scan(&f), -BOOT_E_GPT);
    close_disk(&f);
}

static void a_gpt_without_its_protective_mbr_is_not_in_use(void **state)
{
    struct fixture f;

    (void)state;
    open_disk(&f);
    struct image_gpt gpt = {.disk = f.disk, .block_size = 512, .blocks = BLOCKS};
    image_gpt_write(&gpt);
    image_gpt_set(&gpt, 0, image_type_esp, 200, 299, "");
    memset(f.disk, 0, 512);
    assert_int_equal(scan(&f), -BOOT_E_EMPTY_DISK);
    assert_non_null(strstr(f.diag.text, "is not its protective MBR"));
    image_mbr_set(f.disk, 0, 0x0c, 50, 50); /* partitioned again, by a tool that left the GPT */
    assert_int_equal(scan(&f), 0);
    assert_int_equal(f.table.scheme, PARTITION_SCHEME_MBR);
    close_disk(&f);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_disk_is_said_to_be_empty),
        cmocka_unit_test(a_disk_that_is_one_file_system_is_one_volume),
        cmocka_unit_test(an_unreadable_first_block_is_an_io_error),
        cmocka_unit_test(an_mbr_partition_behind_the_disk_gives_a_note_and_cannot_be_used),
        cmocka_unit_test(nested_mbr_partitions_are_left_alone),
        cmocka_unit_test(a_gpt_partition_is_checked_for_its_place),
        cmocka_unit_test(three_that_overlap_are_all_refused),
        cmocka_unit_test(nonsense_does_not_take_good_partitions_with_it),
        cmocka_unit_test(a_table_for_a_larger_disk_keeps_the_partitions_that_fit),
        cmocka_unit_test(a_hybrid_disk_is_read_by_its_gpt),
        cmocka_unit_test(a_gpt_without_its_protective_mbr_is_not_in_use),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
