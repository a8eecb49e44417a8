/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The GUID partition table (UEFI 2.10, 5.3): what is read from a good one, and every way for a copy
 * to be bad.
 */
#include "boot/diag.h"
#include "boot/error.h"
#include "boot/partition.h"
#include "tests/unit/support/image_table.h"
#include "tests/unit/support/memory_disk.h"
#include "tests/unit/support/notes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define BLOCKS 2048u

struct fixture {
    struct memory_disk md;
    struct image_gpt gpt;
    struct partition_table table;
    struct diag diag;
};

static void open_with(struct fixture *f, uint32_t block_size, struct image_gpt gpt)
{
    notes_clear();
    f->diag = (struct diag){0};
    memory_disk_open(&f->md, (uint64_t)BLOCKS * block_size, block_size);
    f->gpt = gpt;
    f->gpt.disk = memory_disk_at(&f->md, 0);
    f->gpt.block_size = block_size;
    f->gpt.blocks = BLOCKS;
    image_gpt_write(&f->gpt);
    image_gpt_set(&f->gpt, 0, image_type_esp, f->gpt.first_usable, 1000, "EFI system");
    image_gpt_set(&f->gpt, 2, image_type_xbootldr, 1001, f->gpt.last_usable, "boot");
}

static int scan(struct fixture *f)
{
    notes_clear();
    partition_table_free(&f->table);
    memory_disk_reopen(&f->md);
    f->diag = (struct diag){0};
    return partition_scan(&f->md.disk, &f->table, &f->diag);
}

static void close_all(struct fixture *f)
{
    partition_table_free(&f->table);
    memory_disk_close(&f->md);
}

static void check_good(struct fixture *f, int from_backup)
{
    uint64_t block = f->gpt.block_size;

    assert_int_equal(scan(f), 0);
    assert_int_equal(f->table.scheme, PARTITION_SCHEME_GPT);
    assert_int_equal(f->table.from_backup, from_backup);
    assert_int_equal(f->table.count, 2);

    const struct partition *p = f->table.partition;
    assert_int_equal(p[0].number, 1);
    assert_int_equal(p[0].role, PARTITION_ROLE_ESP);
    assert_int_equal(p[0].fault, PARTITION_OK);
    assert_int_equal(p[0].offset, f->gpt.first_usable * block);
    assert_int_equal(p[0].size, (1001 - f->gpt.first_usable) * block);
    assert_memory_equal(&p[0].type, image_type_esp, 16);
    assert_int_equal(p[0].unique.byte[0], 0x10);
    assert_string_equal(p[0].name, "EFI system");
    assert_int_equal(p[1].number, 3);
    assert_int_equal(p[1].role, PARTITION_ROLE_XBOOTLDR);
    assert_int_equal(p[1].fault, PARTITION_OK);
    assert_int_equal(p[1].offset, 1001 * block);
    assert_int_equal(p[1].size, (f->gpt.last_usable - 1000) * block);
    assert_int_equal(partition_check(&f->md.disk, &p[1], &f->diag), 0);
}

static void every_valid_layout_is_read(void **state)
{
    static const struct image_gpt layouts[] = {
        {0},
        {.header_size = 512},
        {.entry_size = 256},
        {.entry_size = 2048},
        {.entry_count = 4},
        {.entry_count = 1000},
        {.first_usable = 100, .last_usable = 1500},
    };

    (void)state;
    for (uint32_t block_size = 512; block_size <= 4096; block_size *= 8) {
        for (unsigned i = 0; i < sizeof(layouts) / sizeof(layouts[0]); i++) {
            struct fixture f = {0};

            open_with(&f, block_size, layouts[i]);
            check_good(&f, 0);
            assert_int_equal(notes_count(), 0);
            close_all(&f);
        }
    }
}

static void the_usual_table_costs_one_request(void **state)
{
    struct fixture f = {0};

    (void)state;
    open_with(&f, 4096, (struct image_gpt){0});
    check_good(&f, 0);
    assert_int_equal(f.md.calls, 1);
    close_all(&f);
}

/*
 * A change to the primary header or its first entry that makes the copy bad, and what is said about
 * it.
 */
struct damage {
    unsigned offset; /* in the header */
    unsigned size;
    uint64_t value;
    const char *says;
};

static void put(uint8_t *at, unsigned size, uint64_t value)
{
    for (unsigned i = 0; i < size; i++)
        at[i] = (uint8_t)(value >> (8 * i));
}

static const struct damage header_fields[] = {
    {0, 8, 0x5452415020494645ull ^ 1, "block 1 has no GPT signature"},
    {8, 4, 0x00020000, "revision is 0x00020000, expected 0x00010000"},
    {8, 4, 0x00000001, "revision is 0x00000001"},
    {12, 4, 91, "header size is 91, expected 92 to 512"},
    {12, 4, 513, "header size is 513"},
    {12, 4, 0xffffffff, "header size is 4294967295"},
    {24, 8, 2, "header says it is block 2, but it is block 1"},
    {24, 8, BLOCKS - 1, "header says it is block 2047"},
    {40, 8, 1, "overlap"},                                  /* first usable: on the header */
    {40, 8, 33, "entries (2 to 33) and usable blocks (33"}, /* on the entries */
    {40, 8, BLOCKS - 1, "usable blocks are 2047 to 2014"},  /* behind the last */
    {48, 8, 20, "usable blocks are 34 to 20"},
    {72, 8, 0, "entries are in 32 blocks from 0"},
    {72, 8, 1, "entries are in 32 blocks from 1"},
    {72, 8, BLOCKS - 31, "entries are in 32 blocks from 2017; the disk has 2048"},
    {72, 8, BLOCKS, "entries are in 32 blocks from 2048"},
    {72, 8, UINT64_MAX, "entries are in 32 blocks from 18446744073709551615"},
    {72, 8, 1000, "overlap"}, /* among the partitions */
    {80, 4, 0, "number of entries is 0, expected 1 to 32768"},
    {80, 4, 32769, "number of entries is 32769"},
    {80, 4, 0xffffffff, "number of entries is 4294967295"},
    {84, 4, 0, "entry size is 0, expected 128 times a power of two"},
    {84, 4, 64, "entry size is 64"},
    {84, 4, 192, "entry size is 192"},
    {84, 4, 0x80000000, "entry size is 2147483648"},
};

/* With the header's CRC made right again: only the check of the field itself can notice. */
static void a_bad_field_of_the_primary_leads_to_the_backup(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sizeof(header_fields) / sizeof(header_fields[0]); i++) {
        const struct damage *damage = &header_fields[i];
        struct fixture f = {0};
        uint8_t *header;

        open_with(&f, 512, (struct image_gpt){0});
        header = image_gpt_header(&f.gpt, 0);
        put(header + damage->offset, damage->size, damage->value);
        image_put32(header + 16, 0);
        image_put32(header + 16, image_crc32(header, 92));
        check_good(&f, 1);
        assert_int_equal(notes_count(), 1);
        assert_non_null(strstr(notes_text(), "disk: primary GPT damaged ("));
        if (!strstr(notes_text(), damage->says))
            fail_msg("%s: expected %s", notes_text(), damage->says);
        assert_non_null(strstr(notes_text(), "), using the backup"));
        close_all(&f);
    }
}

static void a_wrong_crc_of_the_header_leads_to_the_backup(void **state)
{
    struct fixture f = {0};

    (void)state;
    open_with(&f, 512, (struct image_gpt){0});
    image_gpt_header(&f.gpt, 0)[60] ^= 1; /* disk GUID: nothing else would notice */
    check_good(&f, 1);
    assert_non_null(strstr(notes_text(), "header CRC is 0x"));
    close_all(&f);

    /* So does a change in the part of the header that only its size tells of. */
    open_with(&f, 512, (struct image_gpt){.header_size = 200});
    image_gpt_header(&f.gpt, 0)[199] ^= 1;
    check_good(&f, 1);
    assert_non_null(strstr(notes_text(), "header CRC is 0x"));
    close_all(&f);
}

static void a_wrong_crc_of_the_entries_leads_to_the_backup(void **state)
{
    struct fixture f = {0};

    (void)state;
    open_with(&f, 512, (struct image_gpt){0});
    image_gpt_entry(&f.gpt, 0, 127)[127] ^= 0x80; /* the last byte of all */
    check_good(&f, 1);
    assert_non_null(strstr(notes_text(), "CRC of the entries is 0x"));
    close_all(&f);
}

static void the_backup_is_where_the_primary_header_says(void **state)
{
    struct fixture f = {0};

    (void)state;
    /* The disk has grown since the table was made: the backup is not at its end. */
    memory_disk_open(&f.md, BLOCKS * 512, 512);
    f.gpt = (struct image_gpt){
        .disk = memory_disk_at(&f.md, 0), .block_size = 512, .blocks = BLOCKS / 2};
    image_gpt_write(&f.gpt);
    image_gpt_set(&f.gpt, 0, image_type_esp, 34, 900, "EFI system");
    image_gpt_entry(&f.gpt, 0, 5)[0] ^= 1;
    assert_int_equal(scan(&f), 0);
    assert_true(f.table.from_backup);
    assert_int_equal(f.table.count, 1);
    assert_int_equal(f.table.partition[0].last, 900);

    /* If it is not there either, the last block is tried. */
    image_put64(image_gpt_header(&f.gpt, 0) + 32, 500);
    image_put32(image_gpt_header(&f.gpt, 0) + 16, 0);
    image_put32(image_gpt_header(&f.gpt, 0) + 16, image_crc32(image_gpt_header(&f.gpt, 0), 92));
    assert_int_equal(scan(&f), -BOOT_E_GPT);
    close_all(&f);

    open_with(&f, 512, (struct image_gpt){0});
    image_put64(image_gpt_header(&f.gpt, 0) + 32, 500);
    image_put32(image_gpt_header(&f.gpt, 0) + 16, 0);
    image_put32(image_gpt_header(&f.gpt, 0) + 16, image_crc32(image_gpt_header(&f.gpt, 0), 92));
    image_gpt_entry(&f.gpt, 0, 5)[0] ^= 1;
    check_good(&f, 1);
    close_all(&f);
}

static void two_damaged_copies_are_an_error_that_names_both(void **state)
{
    struct fixture f = {0};

    (void)state;
    open_with(&f, 512, (struct image_gpt){0});
    image_gpt_header(&f.gpt, 0)[60] ^= 1;
    image_gpt_entry(&f.gpt, 1, 0)[40] ^= 1;
    assert_int_equal(scan(&f), -BOOT_E_GPT);
    assert_non_null(strstr(f.diag.text, "disk: both GPTs are damaged: primary: header CRC is"));
    assert_non_null(strstr(f.diag.text, "; backup: CRC of the entries is"));
    assert_int_equal(f.table.count, 0);
    assert_null(f.table.partition);
    close_all(&f);
}

static void a_backup_that_says_it_is_elsewhere_is_damaged(void **state)
{
    struct fixture f = {0};

    (void)state;
    open_with(&f, 512, (struct image_gpt){0});
    image_gpt_header(&f.gpt, 0)[0] = 0;
    image_put64(image_gpt_header(&f.gpt, 1) + 24, BLOCKS - 2);
    image_gpt_seal(&f.gpt);
    assert_int_equal(scan(&f), -BOOT_E_GPT);
    assert_non_null(strstr(f.diag.text, "header says it is block 2046, but it is block 2047"));
    close_all(&f);
}

static void header_entries_and_usable_blocks_keep_apart(void **state)
{
    struct fixture f = {0};

    (void)state;
    /* The primary header among the usable blocks, the entries not. */
    open_with(&f, 512, (struct image_gpt){0});
    image_put64(image_gpt_header(&f.gpt, 0) + 40, 1);
    image_put64(image_gpt_header(&f.gpt, 0) + 48, 1);
    image_gpt_seal(&f.gpt);
    check_good(&f, 1);
    assert_non_null(strstr(notes_text(), "overlap"));

    /* The backup header among its entries. */
    image_put64(image_gpt_header(&f.gpt, 1) + 72, BLOCKS - 32);
    uint8_t *header = image_gpt_header(&f.gpt, 1);
    image_put32(header + 16, 0);
    image_put32(header + 16, image_crc32(header, 92));
    assert_int_equal(scan(&f), -BOOT_E_GPT);
    assert_non_null(strstr(f.diag.text, "backup: header (block 2047), entries (2016 to 2047)"));
    close_all(&f);
}

static void block_0_is_never_a_copy(void **state)
{
    struct fixture f = {0};
    uint8_t *header;

    (void)state;
    open_with(&f, 512, (struct image_gpt){0});
    header = image_gpt_header(&f.gpt, 1);
    image_put64(header + 24, 0);
    image_put32(header + 16, 0);
    image_put32(header + 16, image_crc32(header, 92));
    memcpy(f.gpt.disk, header, 92);
    memset(header, 0, 512);
    image_gpt_entry(&f.gpt, 0, 0)[1] ^= 1;
    assert_int_equal(scan(&f), -BOOT_E_GPT);
    for (unsigned alternate = 0; alternate <= 1; alternate++) {
        header = image_gpt_header(&f.gpt, 0);
        image_put64(header + 32, alternate);
        image_put32(header + 16, 0);
        image_put32(header + 16, image_crc32(header, 92));
        assert_int_equal(scan(&f), -BOOT_E_GPT);
    }
    close_all(&f);
}

static void an_image_for_another_block_size_is_told_apart(void **state)
{
    struct fixture f = {0};

    (void)state;
    open_with(&f, 512, (struct image_gpt){0});
    f.md.disk.block_size = 4096;
    assert_int_equal(scan(&f), -BOOT_E_GPT);
    assert_non_null(strstr(f.diag.text, "made for blocks of 512 bytes"));
    assert_non_null(strstr(f.diag.text, "logical_block_size=512"));
    close_all(&f);

    open_with(&f, 4096, (struct image_gpt){0});
    f.md.disk.block_size = 512;
    assert_int_equal(scan(&f), -BOOT_E_GPT);
    assert_non_null(strstr(f.diag.text, "logical_block_size=4096"));
    close_all(&f);
}

static void an_unreadable_primary_leads_to_the_backup(void **state)
{
    struct fixture f = {0};

    (void)state;
    open_with(&f, 512, (struct image_gpt){0});
    f.md.bad_start = 512;
    f.md.bad_end = 1024;
    f.md.bad_error = -BOOT_E_IO;
    check_good(&f, 1);
    assert_non_null(strstr(notes_text(), "injected error"));

    /* With no copy readable, the error is the disk's, not the table's. */
    f.md.bad_end = f.md.disk.size;
    assert_int_equal(scan(&f), -BOOT_E_IO);
    close_all(&f);
}

static void a_disk_that_does_not_answer_is_not_asked_for_the_backup(void **state)
{
    struct fixture f = {0};

    (void)state;
    open_with(&f, 512, (struct image_gpt){.entry_count = 1024}); /* too long for the cache */
    f.md.bad_start = 256 * 512;
    f.md.bad_end = f.md.bad_start + 512;
    f.md.bad_error = -BOOT_E_TIMEOUT;
    assert_int_equal(scan(&f), -BOOT_E_TIMEOUT);
    assert_int_equal(notes_count(), 0);
    assert_non_null(strstr(f.diag.text, "disk: "));
    close_all(&f);
}

static void names_are_utf16(void **state)
{
    struct fixture f = {0};
    static const uint16_t units[36] = {'B', 0xf6, 0x20ac, 0xd83d, 0xde00, 0xd800, '!', 0};

    (void)state;
    open_with(&f, 512, (struct image_gpt){0});
    for (unsigned i = 0; i < 36; i++)
        image_put16(image_gpt_entry(&f.gpt, 0, 0) + 56 + 2 * i, units[i]);
    for (unsigned i = 0; i < 36; i++) /* no terminator: all 36 units count */
        image_put16(image_gpt_entry(&f.gpt, 0, 2) + 56 + 2 * i, 0x20ac);
    /*
     * Nor does a name go on in what follows its entry, be it another one or the end of the array.
     */
    image_gpt_set(&f.gpt, 126, image_type_other, 1001, 1001,
                  "123456789012345678901234567890123456");
    image_gpt_set(&f.gpt, 127, image_type_other, 1002, 1002,
                  "123456789012345678901234567890123456");
    image_gpt_seal(&f.gpt);
    assert_int_equal(scan(&f), 0);
    assert_int_equal(strlen(f.table.partition[2].name), 36);
    assert_int_equal(strlen(f.table.partition[3].name), 36);
    assert_string_equal(f.table.partition[0].name,
                        "B\xc3\xb6\xe2\x82\xac\xf0\x9f\x98\x80\xef\xbf\xbd!");
    assert_int_equal(strlen(f.table.partition[1].name), 108);
    close_all(&f);
}

static void attributes_and_unknown_types_are_kept(void **state)
{
    struct fixture f = {0};

    (void)state;
    open_with(&f, 512, (struct image_gpt){0});
    image_gpt_set(&f.gpt, 127, image_type_other, 1001, 1001, "");
    image_gpt_set(&f.gpt, 2, image_type_xbootldr, 1002, 1010, "");
    image_put64(image_gpt_entry(&f.gpt, 0, 127) + 48, 0x8000000000000005ull);
    image_gpt_seal(&f.gpt);
    assert_int_equal(scan(&f), 0);
    assert_int_equal(f.table.count, 3);
    assert_int_equal(f.table.partition[2].number, 128);
    assert_int_equal(f.table.partition[2].role, PARTITION_ROLE_OTHER);
    assert_int_equal(f.table.partition[2].attributes, 0x8000000000000005ull);
    assert_memory_equal(&f.table.partition[2].type, image_type_other, 16);
    close_all(&f);
}

static void more_partitions_than_are_looked_at_give_a_note(void **state)
{
    struct fixture f = {0};

    (void)state;
    open_with(&f, 512, (struct image_gpt){.entry_count = 512});
    for (unsigned i = 0; i < 300; i++) {
        memcpy(image_gpt_entry(&f.gpt, 0, i), image_type_other, 16);
        image_put64(image_gpt_entry(&f.gpt, 0, i) + 32, 1000 + i);
        image_put64(image_gpt_entry(&f.gpt, 0, i) + 40, 1000 + i);
    }
    image_gpt_seal(&f.gpt);
    assert_int_equal(scan(&f), 0);
    assert_int_equal(f.table.count, PARTITION_MAX);
    assert_non_null(strstr(notes_text(), "300 partitions; only the first 256"));
    close_all(&f);
}

static void a_table_without_partitions_is_a_table(void **state)
{
    struct fixture f = {0};

    (void)state;
    open_with(&f, 512, (struct image_gpt){0});
    memset(image_gpt_entry(&f.gpt, 0, 0), 0, 128ul * 128);
    image_gpt_seal(&f.gpt);
    assert_int_equal(scan(&f), 0);
    assert_int_equal(f.table.count, 0);
    close_all(&f);
}

static void a_disk_of_one_block_has_no_gpt(void **state)
{
    struct fixture f = {0};

    (void)state;
    memory_disk_open(&f.md, 512, 512);
    image_mbr_set(memory_disk_at(&f.md, 0), 0, 0xee, 1, 0xffffffff);
    assert_int_equal(scan(&f), -BOOT_E_GPT);
    assert_non_null(strstr(f.diag.text, "primary: the disk has no block 1"));
    close_all(&f);
}

static void a_very_large_disk_is_read(void **state)
{
    struct fixture f = {0};
    const uint64_t blocks = 1ull << 54; /* 2^63 bytes */
    struct image_gpt gpt = {.block_size = 512, .blocks = blocks};
    uint8_t first[64 * 512] = {0};
    struct image_gpt small = {.disk = first, .block_size = 512, .blocks = 64, .entry_count = 4};

    (void)state;
    /* Written as a small disk, then told that it is large. */
    image_gpt_write(&small);
    image_put64(image_gpt_header(&small, 0) + 48, blocks - 34);
    image_gpt_set(&small, 0, image_type_esp, 1ull << 53, (1ull << 53) + 9, "far");
    memory_disk_open_sparse(&f.md, gpt.blocks * gpt.block_size, 512);
    memcpy(memory_disk_add(&f.md, 0, sizeof(first)), first, sizeof(first));
    assert_int_equal(scan(&f), 0);
    assert_int_equal(f.table.count, 1);
    assert_int_equal(f.table.partition[0].fault, PARTITION_OK);
    assert_int_equal(f.table.partition[0].offset, 1ull << 62);
    assert_int_equal(f.table.partition[0].size, 5120);
    close_all(&f);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_valid_layout_is_read),
        cmocka_unit_test(the_usual_table_costs_one_request),
        cmocka_unit_test(a_bad_field_of_the_primary_leads_to_the_backup),
        cmocka_unit_test(a_wrong_crc_of_the_header_leads_to_the_backup),
        cmocka_unit_test(a_wrong_crc_of_the_entries_leads_to_the_backup),
        cmocka_unit_test(the_backup_is_where_the_primary_header_says),
        cmocka_unit_test(two_damaged_copies_are_an_error_that_names_both),
        cmocka_unit_test(a_backup_that_says_it_is_elsewhere_is_damaged),
        cmocka_unit_test(header_entries_and_usable_blocks_keep_apart),
        cmocka_unit_test(block_0_is_never_a_copy),
        cmocka_unit_test(an_image_for_another_block_size_is_told_apart),
        cmocka_unit_test(an_unreadable_primary_leads_to_the_backup),
        cmocka_unit_test(a_disk_that_does_not_answer_is_not_asked_for_the_backup),
        cmocka_unit_test(names_are_utf16),
        cmocka_unit_test(attributes_and_unknown_types_are_kept),
        cmocka_unit_test(more_partitions_than_are_looked_at_give_a_note),
        cmocka_unit_test(a_table_without_partitions_is_a_table),
        cmocka_unit_test(a_disk_of_one_block_has_no_gpt),
        cmocka_unit_test(a_very_large_disk_is_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
