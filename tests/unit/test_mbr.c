/* SPDX-License-Identifier: BSD-2-Clause */
/* The master boot record and the chain of extended boot records (UEFI 2.10, 5.2). */
#include "boot/diag.h"
#include "boot/error.h"
#include "boot/mbr.h"
#include "boot/partition.h"
#include "tests/unit/support/image_table.h"
#include "tests/unit/support/memory_disk.h"
#include "tests/unit/support/notes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define BLOCKS 8192u

struct fixture {
    struct memory_disk md;
    struct partition_table table;
    struct diag diag;
    uint32_t block_size;
};

static void open_disk(struct fixture *f, uint32_t block_size)
{
    memset(f, 0, sizeof(*f));
    f->block_size = block_size;
    memory_disk_open(&f->md, (uint64_t)BLOCKS * block_size, block_size);
}

static uint8_t *block(struct fixture *f, uint64_t number)
{
    return memory_disk_at(&f->md, number * f->block_size);
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

static void check(const struct fixture *f, unsigned index, uint32_t number, uint64_t first,
                  uint64_t count)
{
    const struct partition *p = &f->table.partition[index];

    assert_in_range(index, 0, f->table.count - 1);
    assert_int_equal(p->number, number);
    assert_int_equal(p->fault, PARTITION_OK);
    assert_int_equal(p->offset, first * f->block_size);
    assert_int_equal(p->size, count * f->block_size);
}

static void primary_partitions_have_the_number_of_their_entry(void **state)
{
    (void)state;
    for (uint32_t size = 512; size <= 4096; size *= 8) {
        struct fixture f;

        open_disk(&f, size);
        image_mbr_set(block(&f, 0), 1, 0xef, 100, 50);
        image_mbr_set(block(&f, 0), 3, 0x83, 200, BLOCKS - 200);
        block(&f, 0)[446 + 48] = 0x80; /* active */
        assert_int_equal(scan(&f), 0);
        assert_int_equal(notes_count(), 0);
        assert_int_equal(f.table.scheme, PARTITION_SCHEME_MBR);
        assert_int_equal(f.table.count, 2);
        check(&f, 0, 2, 100, 50);
        check(&f, 1, 4, 200, BLOCKS - 200);
        assert_int_equal(f.table.partition[0].mbr_type, 0xef);
        close_disk(&f);
    }
}

static void the_type_says_what_a_partition_is_for(void **state)
{
    static const struct {
        uint8_t type;
        enum partition_role role;
    } cases[] = {
        {0xef, PARTITION_ROLE_ESP},   {0xea, PARTITION_ROLE_XBOOTLDR}, {0x01, PARTITION_ROLE_FAT},
        {0x04, PARTITION_ROLE_FAT},   {0x06, PARTITION_ROLE_FAT},      {0x0b, PARTITION_ROLE_FAT},
        {0x0c, PARTITION_ROLE_FAT},   {0x0e, PARTITION_ROLE_FAT},      {0x07, PARTITION_ROLE_OTHER},
        {0x83, PARTITION_ROLE_OTHER}, {0xff, PARTITION_ROLE_OTHER},
    };
    struct fixture f;

    (void)state;
    open_disk(&f, 512);
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        image_mbr_set(block(&f, 0), 0, cases[i].type, 100, 50);
        assert_int_equal(scan(&f), 0);
        assert_int_equal(f.table.partition[0].role, cases[i].role);
    }
    close_disk(&f);
}

/*
 * An extended partition of 4000 blocks from 1000 with `count` logical ones of 20 blocks, 32 blocks
 * apart.
 */
static void write_chain(struct fixture *f, uint8_t type, unsigned count)
{
    image_mbr_set(block(f, 0), 0, 0x0c, 100, 50);
    image_mbr_set(block(f, 0), 1, type, 1000, 4000);
    for (unsigned i = 0; i < count; i++) {
        uint8_t *ebr = block(f, 1000 + 32 * i);

        image_mbr_set(ebr, 0, i == 1 ? 0xef : 0x83, 4, 20);
        if (i + 1 < count)
            image_mbr_set(ebr, 1, 0x05, 32 * (i + 1), 32);
    }
}

static void logical_partitions_are_counted_from_five(void **state)
{
    static const uint8_t types[] = {0x05, 0x0f, 0x85};

    (void)state;
    for (unsigned t = 0; t < 3; t++) {
        for (uint32_t size = 512; size <= 4096; size *= 8) {
            struct fixture f;

            open_disk(&f, size);
            write_chain(&f, types[t], 5);
            assert_int_equal(scan(&f), 0);
            assert_int_equal(notes_count(), 0);
            assert_int_equal(f.table.count, 6);
            check(&f, 0, 1, 100, 50);
            for (unsigned i = 0; i < 5; i++)
                check(&f, 1 + i, 5 + i, 1004 + 32ull * i, 20);
            assert_int_equal(f.table.partition[2].role, PARTITION_ROLE_ESP);
            close_disk(&f);
        }
    }
}

static void an_empty_record_in_the_chain_is_skipped(void **state)
{
    struct fixture f;

    (void)state;
    open_disk(&f, 512);
    write_chain(&f, 0x05, 3);
    image_mbr_set(block(&f, 1032), 0, 0, 0, 0);
    assert_int_equal(scan(&f), 0);
    assert_int_equal(f.table.count, 3);
    check(&f, 2, 6, 1068, 20);
    close_disk(&f);
}

static void a_chain_that_loops_ends_with_a_note(void **state)
{
    struct fixture f;

    (void)state;
    open_disk(&f, 512);
    write_chain(&f, 0x05, 4);
    image_mbr_set(block(&f, 1096), 1, 0x05, 32, 32);
    assert_int_equal(scan(&f), 0);
    assert_int_equal(f.table.count, 5);
    assert_int_equal(notes_count(), 1);
    assert_non_null(strstr(notes_text(), "loops at block 1032"));
    close_disk(&f);
}

static void a_chain_longer_than_any_disk_has_ends_with_a_note(void **state)
{
    struct fixture f;

    (void)state;
    open_disk(&f, 512);
    write_chain(&f, 0x05, 120);
    assert_int_equal(scan(&f), 0);
    assert_int_equal(f.table.count, 121);
    assert_int_equal(notes_count(), 0);
    image_mbr_set(block(&f, 0), 1, 0x05, 1000, 7000);
    write_chain(&f, 0x05, 140);
    assert_int_equal(scan(&f), 0);
    assert_int_equal(f.table.count, 129);
    assert_non_null(strstr(notes_text(), "more than 128 extended boot records"));
    close_disk(&f);
}

static void more_partitions_than_are_looked_at_give_a_note(void **state)
{
    struct fixture f;

    (void)state;
    open_disk(&f, 512);
    write_chain(&f, 0x05, 120);
    for (unsigned i = 0; i < 120; i++) {
        image_mbr_set(block(&f, 1000 + 32 * i), 2, 0x83, 5, 1);
        image_mbr_set(block(&f, 1000 + 32 * i), 3, 0x83, 6, 1);
    }
    assert_int_equal(scan(&f), 0);
    assert_int_equal(f.table.count, PARTITION_MAX);
    assert_non_null(strstr(notes_text(), "more than 256 partitions"));
    close_disk(&f);
}

static void a_damaged_chain_keeps_what_was_found(void **state)
{
    struct fixture f;

    (void)state;
    open_disk(&f, 512);
    write_chain(&f, 0x05, 3);
    block(&f, 1032)[510] = 0;
    assert_int_equal(scan(&f), 0);
    assert_int_equal(f.table.count, 2);
    assert_non_null(strstr(notes_text(), "block 1032 has signature 0xaa00, expected 0xaa55"));
    close_disk(&f);

    open_disk(&f, 512);
    write_chain(&f, 0x05, 1);
    image_mbr_set(block(&f, 1000), 1, 0x05, BLOCKS - 1000, 32);
    assert_int_equal(scan(&f), 0);
    assert_int_equal(f.table.count, 2);
    assert_non_null(strstr(notes_text(), "block 8192 is outside the disk"));
    image_mbr_set(block(&f, 1000), 1, 0x05, 0xffffffff, 32);
    assert_int_equal(scan(&f), 0);
    assert_non_null(strstr(notes_text(), "block 4294968295 is outside the disk"));
    close_disk(&f);
}

static void an_unreadable_record_ends_the_chain_a_dead_disk_ends_the_scan(void **state)
{
    struct fixture f;

    (void)state;
    open_disk(&f, 512);
    write_chain(&f, 0x05, 3);
    f.md.bad_start = 1032 * 512;
    f.md.bad_end = 1033 * 512;
    f.md.bad_error = -BOOT_E_IO;
    assert_int_equal(scan(&f), 0);
    assert_int_equal(f.table.count, 2);
    assert_int_equal(f.diag.error, 0);
    assert_non_null(strstr(notes_text(), "block 1032 cannot be read: disk: injected"));
    f.md.bad_error = -BOOT_E_TIMEOUT;
    assert_int_equal(scan(&f), -BOOT_E_TIMEOUT);
    assert_int_equal(f.table.count, 0);
    close_disk(&f);
}

static void a_logical_partition_that_leaves_the_extended_one_is_marked(void **state)
{
    static const struct {
        uint32_t start;
        uint32_t count;
        enum partition_fault fault;
    } cases[] = {
        {4, 3996, PARTITION_OK},
        {4, 3997, PARTITION_UNUSABLE},
        {0, 20, PARTITION_UNUSABLE},
        {4000, 1, PARTITION_UNUSABLE},
        {4, 0xffffffff, PARTITION_OUTSIDE},
    };
    struct fixture f;

    (void)state;
    open_disk(&f, 512);
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        write_chain(&f, 0x05, 1);
        image_mbr_set(block(&f, 1000), 0, 0x83, cases[i].start, cases[i].count);
        assert_int_equal(scan(&f), 0);
        assert_int_equal(f.table.count, 2);
        assert_int_equal(f.table.partition[1].fault, cases[i].fault);
    }
    close_disk(&f);
}

static void kinds_are_told_apart(void **state)
{
    uint8_t sector[MBR_SIZE] = {0};

    (void)state;
    assert_int_equal(mbr_kind(sector), MBR_NONE);
    image_put16(sector + 510, 0xaa55);
    assert_int_equal(mbr_kind(sector), MBR_EMPTY);
    image_mbr_set(sector, 0, 0x83, 0, 1000); /* for show: covers its own boot sector */
    assert_int_equal(mbr_kind(sector), MBR_EMPTY);
    image_mbr_set(sector, 0, 0x83, 10, 0);
    assert_int_equal(mbr_kind(sector), MBR_EMPTY);
    image_mbr_set(sector, 0, 0x00, 10, 10);
    assert_int_equal(mbr_kind(sector), MBR_EMPTY);
    image_mbr_set(sector, 3, 0x83, 10, 10);
    assert_int_equal(mbr_kind(sector), MBR_PARTITIONS);
    sector[446 + 16] = 0x01;
    assert_int_equal(mbr_kind(sector), MBR_NONE);
    sector[446 + 16] = 0x80;
    assert_int_equal(mbr_kind(sector), MBR_PARTITIONS);
    image_mbr_set(sector, 2, 0xee, 1, 0xffffffff); /* hybrid: the GPT counts */
    assert_int_equal(mbr_kind(sector), MBR_PROTECTIVE);
    image_mbr_set(sector, 2, 0xee, 2, 100);
    assert_int_equal(mbr_kind(sector), MBR_PARTITIONS);
    image_mbr_set(sector, 0, 0xee, 1, 100);
    assert_int_equal(mbr_kind(sector), MBR_PROTECTIVE);
    sector[511] = 0;
    assert_int_equal(mbr_kind(sector), MBR_NONE);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(primary_partitions_have_the_number_of_their_entry),
        cmocka_unit_test(the_type_says_what_a_partition_is_for),
        cmocka_unit_test(logical_partitions_are_counted_from_five),
        cmocka_unit_test(an_empty_record_in_the_chain_is_skipped),
        cmocka_unit_test(a_chain_that_loops_ends_with_a_note),
        cmocka_unit_test(a_chain_longer_than_any_disk_has_ends_with_a_note),
        cmocka_unit_test(more_partitions_than_are_looked_at_give_a_note),
        cmocka_unit_test(a_damaged_chain_keeps_what_was_found),
        cmocka_unit_test(an_unreadable_record_ends_the_chain_a_dead_disk_ends_the_scan),
        cmocka_unit_test(a_logical_partition_that_leaves_the_extended_one_is_marked),
        cmocka_unit_test(kinds_are_told_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
