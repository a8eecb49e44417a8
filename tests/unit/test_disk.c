/* SPDX-License-Identifier: BSD-2-Clause */
/* Bytes on top of blocks: alignment, bounds, how many requests a read costs, and bad blocks. */
#include "boot/diag.h"
#include "boot/disk.h"
#include "boot/error.h"
#include "tests/unit/support/image_fat.h"
#include "tests/unit/support/memory_disk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define KIB 1024u
#define MIB (1024u * 1024u)

/* The cache's line; the tests of its behaviour follow boot/disk.c. */
#define LINE (128u * KIB)

#define FENCE 64u /* bytes around a destination that must stay as they are */

/* Reads into the middle of fenced memory and compares with what the disk has. */
static void check_read(struct memory_disk *md, uint64_t offset, size_t length)
{
    struct diag diag = {0};
    uint8_t *memory = malloc(length + 2 * FENCE);

    assert_non_null(memory);
    memset(memory, 0xa5, length + 2 * FENCE);
    assert_int_equal(disk_read(&md->disk, offset, memory + FENCE, length, &diag), 0);
    assert_int_equal(diag.error, 0);
    if (length != 0)
        assert_memory_equal(memory + FENCE, memory_disk_at(md, offset), length);
    for (unsigned i = 0; i < FENCE; i++) {
        assert_int_equal(memory[i], 0xa5);
        assert_int_equal(memory[FENCE + length + i], 0xa5);
    }
    free(memory);
}

static void open_filled(struct memory_disk *md, uint64_t size, uint32_t block_size)
{
    memory_disk_open(md, size, block_size);
    image_fill(memory_disk_at(md, 0), 7, 0, size);
}

static void impossible_geometry_is_refused(void **state)
{
    static const struct {
        uint32_t block_size;
        uint64_t size;
    } cases[] = {{0, 0},        {256, MIB},     {1000, 1000 * KIB},
                 {131072, MIB}, {512, MIB + 1}, {4096, 4608}};

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct diag diag = {0};
        struct disk disk = {
            .name = "disk", .block_size = cases[i].block_size, .size = cases[i].size};

        assert_int_equal(disk_open(&disk, &diag), -BOOT_E_DEVICE);
        assert_non_null(strstr(diag.text, "disk: "));
        assert_null(disk.cache);
    }
}

static void any_alignment_and_length_reads_what_is_there(void **state)
{
    static const uint32_t block_sizes[] = {512, 4096, 65536};
    static const size_t lengths[] = {0, 1, 511, 512, 513, 4095, 4097, 32768, 32769, 70000, 300001};

    (void)state;
    for (unsigned b = 0; b < 3; b++) {
        struct memory_disk md;

        open_filled(&md, MIB, block_sizes[b]);
        for (unsigned i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
            for (uint64_t offset = 0; offset < 2 * LINE; offset += 65535 - 7 * i)
                check_read(&md, offset, lengths[i]);
            check_read(&md, MIB - lengths[i], lengths[i]);
        }
        memory_disk_close(&md);
    }
}

static void a_range_outside_the_disk_is_refused(void **state)
{
    static const struct {
        uint64_t offset;
        size_t length;
    } cases[] = {
        {MIB, 1},          {MIB - 1, 2},          {MIB + 1, 0},        {0, MIB + 1},
        {UINT64_MAX, 512}, {UINT64_MAX - 511, 1}, {512, SIZE_MAX - 1},
    };
    struct memory_disk md;
    uint8_t byte;

    (void)state;
    memory_disk_open(&md, MIB, 512);
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct diag diag = {0};

        assert_int_equal(disk_read(&md.disk, cases[i].offset, &byte, cases[i].length, &diag),
                         -BOOT_E_PARTITION);
        assert_non_null(strstr(diag.text, "1048576"));
    }
    assert_int_equal(md.calls, 0);
    check_read(&md, MIB, 0);
    memory_disk_close(&md);
}

static void short_reads_near_each_other_cost_one_request(void **state)
{
    struct memory_disk md;

    (void)state;
    open_filled(&md, MIB, 512);
    for (uint64_t offset = 0; offset + 100 <= LINE; offset += 100)
        check_read(&md, offset, 100);
    assert_int_equal(md.calls, 1);
    assert_int_equal(md.bytes, LINE);
    memory_disk_close(&md);
}

static void the_line_used_longest_ago_is_replaced(void **state)
{
    struct memory_disk md;

    (void)state;
    open_filled(&md, 16 * LINE, 512);
    for (unsigned line = 0; line < 8; line++)
        check_read(&md, line * LINE, 512);
    assert_int_equal(md.calls, 8);
    check_read(&md, 0, 512); /* now line 1 is the oldest */
    check_read(&md, 8 * LINE, 512);
    assert_int_equal(md.calls, 9);
    check_read(&md, 0, 512);
    assert_int_equal(md.calls, 9);
    check_read(&md, LINE, 512);
    assert_int_equal(md.calls, 10);
    memory_disk_close(&md);
}

static void a_line_ends_with_the_disk(void **state)
{
    struct memory_disk md;

    (void)state;
    open_filled(&md, LINE + 1536, 512);
    check_read(&md, LINE + 1500, 36);
    assert_int_equal(md.bytes, 1536);
    memory_disk_close(&md);
}

static void a_long_read_is_one_request_straight_to_its_place(void **state)
{
    struct memory_disk md;

    (void)state;
    open_filled(&md, 32 * MIB, 512);
    check_read(&md, 512, 20 * MIB);
    assert_int_equal(md.calls, 1);
    assert_int_equal(md.pieces, 1);
    assert_int_equal(md.bytes, 20 * MIB);

    /* Head and tail pass through the bounce buffer, in the same request. */
    memory_disk_reopen(&md);
    check_read(&md, 1000, 20 * MIB);
    assert_int_equal(md.calls, 1);
    assert_int_equal(md.pieces, 3);
    assert_int_equal(md.bytes, 20 * MIB + 512);
    memory_disk_close(&md);
}

/* Reads `count` pieces of `length` bytes, `step` apart on the disk and adjacent in memory. */
static void check_pieces(struct memory_disk *md, unsigned count, size_t length, uint64_t step)
{
    struct diag diag = {0};
    uint8_t *memory = malloc(count * length);
    struct disk_piece *pieces = calloc(count, sizeof(*pieces));

    assert_non_null(memory);
    assert_non_null(pieces);
    for (unsigned i = 0; i < count; i++)
        pieces[i] = (struct disk_piece){i * step, memory + i * length, length};
    assert_int_equal(disk_read_pieces(&md->disk, pieces, count, &diag), 0);
    for (unsigned i = 0; i < count; i++)
        assert_memory_equal(memory + i * length, memory_disk_at(md, i * step), length);
    free(pieces);
    free(memory);
}

static void many_pieces_are_one_request(void **state)
{
    struct memory_disk md;

    (void)state;
    open_filled(&md, 16 * MIB, 512);
    check_pieces(&md, 256, 1024, 4096);
    assert_int_equal(md.calls, 1);
    assert_int_equal(md.pieces, 256);
    memory_disk_close(&md);
}

static void more_pieces_than_a_batch_take_several_requests(void **state)
{
    struct memory_disk md;

    (void)state;
    open_filled(&md, 16 * MIB, 512);
    check_pieces(&md, 1300, 512, 1024);
    assert_int_equal(md.calls, 3); /* 512 + 512 + 276 */
    memory_disk_close(&md);
}

static void pieces_that_continue_each_other_become_one(void **state)
{
    struct memory_disk md;

    (void)state;
    open_filled(&md, 16 * MIB, 512);
    check_pieces(&md, 600, 4096, 4096);
    assert_int_equal(md.calls, 1);
    assert_int_equal(md.pieces, 1);
    memory_disk_close(&md);
}

static void pieces_smaller_than_a_block_are_bounced_together(void **state)
{
    struct memory_disk md;

    (void)state;
    open_filled(&md, 16 * MIB, 4096);
    check_pieces(&md, 100, 512, 5120); /* each lies in one block, at another place in it */
    assert_int_equal(md.calls, 4);     /* the bounce buffer has 32 blocks */

    memory_disk_reopen(&md);
    check_pieces(&md, 100, 6000, 12345); /* most have a head, or a tail, or both */
    memory_disk_close(&md);
}

static void a_bad_block_does_not_take_its_neighbours_with_it(void **state)
{
    struct memory_disk md;
    struct diag diag = {0};
    uint8_t sector[512];

    (void)state;
    open_filled(&md, MIB, 512);
    md.bad_start = 64 * KIB;
    md.bad_end = md.bad_start + 512;
    md.bad_error = -BOOT_E_IO;
    check_read(&md, 100, 600);
    check_read(&md, 63 * KIB + 1, 1023);
    check_read(&md, 64 * KIB + 512, 512);
    assert_int_equal(disk_read(&md.disk, 64 * KIB, sector, 512, &diag), -BOOT_E_IO);
    assert_non_null(strstr(diag.text, "injected"));
    check_read(&md, LINE, 512);
    memory_disk_close(&md);
}

static void other_errors_are_not_tried_twice(void **state)
{
    struct memory_disk md;
    struct diag diag = {0};
    uint8_t sector[512];

    (void)state;
    open_filled(&md, MIB, 512);
    md.bad_end = MIB;
    md.bad_error = -BOOT_E_TIMEOUT;
    assert_int_equal(disk_read(&md.disk, 0, sector, 512, &diag), -BOOT_E_TIMEOUT);
    assert_int_equal(md.calls, 1);
    memory_disk_close(&md);
}

static void a_failed_read_leaves_nothing_behind(void **state)
{
    struct memory_disk md;
    struct diag diag = {0};
    uint8_t *memory = malloc(MIB);

    (void)state;
    assert_non_null(memory);
    memset(memory, 0x5c, MIB);
    open_filled(&md, 2 * MIB, 4096);
    md.bad_start = MIB;
    md.bad_end = MIB + 4096;
    md.bad_error = -BOOT_E_IO;
    assert_int_equal(disk_read(&md.disk, MIB / 2 + 1, memory, MIB, &diag), -BOOT_E_IO);

    /* Nothing came out of the bounce buffer, */
    assert_int_equal(memory[0], 0x5c);

    /* and a fixup that was left would now write to the old destination. */
    memset(memory, 0xa5, MIB);
    md.bad_end = md.bad_start;
    md.calls = md.pieces = 0;
    check_read(&md, 4096, 65536);
    assert_int_equal(md.calls, 1);
    assert_int_equal(md.pieces, 1);
    for (unsigned i = 0; i < MIB; i++)
        assert_int_equal(memory[i], 0xa5);

    /* Nor is a line that was not read taken for one that was. */
    md.bad_end = md.bad_start + 4096;
    assert_int_equal(disk_read(&md.disk, MIB, memory, 1, &diag), -BOOT_E_IO);
    md.bad_end = md.bad_start;
    check_read(&md, MIB, 1);
    free(memory);
    memory_disk_close(&md);
}

static void an_error_in_the_middle_of_many_pieces_is_returned(void **state)
{
    static uint8_t memory[1300 * 1024];
    static struct disk_piece pieces[1300];

    (void)state;
    for (uint32_t block_size = 512; block_size <= 4096; block_size *= 8) {
        struct memory_disk md;
        struct diag diag = {0};

        open_filled(&md, 16 * MIB, block_size);
        for (unsigned i = 0; i < 1300; i++)
            pieces[i] = (struct disk_piece){i * 12288ull, memory + i * 1024ul, 1024};
        md.bad_start = 12288;
        md.bad_end = 12289;
        md.bad_error = -BOOT_E_IO;
        assert_int_equal(disk_read_pieces(&md.disk, pieces, 1300, &diag), -BOOT_E_IO);
        assert_int_equal(md.calls, 1);
        memory_disk_close(&md);
    }
}

static void any_piece_outside_the_disk_is_refused_before_any_read(void **state)
{
    struct memory_disk md;
    struct diag diag = {0};
    uint8_t byte[2];
    const struct disk_piece pieces[] = {{0, &byte[0], 1}, {MIB, &byte[1], 1}};

    (void)state;
    memory_disk_open(&md, MIB, 512);
    assert_int_equal(disk_read_pieces(&md.disk, pieces, 2, &diag), -BOOT_E_PARTITION);
    assert_int_equal(md.calls, 0);
    assert_int_equal(disk_read_pieces(&md.disk, pieces, 0, &diag), 0);
    assert_int_equal(disk_read_pieces(&md.disk, pieces, 1, &diag), 0);
    memory_disk_close(&md);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(impossible_geometry_is_refused),
        cmocka_unit_test(any_alignment_and_length_reads_what_is_there),
        cmocka_unit_test(a_range_outside_the_disk_is_refused),
        cmocka_unit_test(short_reads_near_each_other_cost_one_request),
        cmocka_unit_test(the_line_used_longest_ago_is_replaced),
        cmocka_unit_test(a_line_ends_with_the_disk),
        cmocka_unit_test(a_long_read_is_one_request_straight_to_its_place),
        cmocka_unit_test(many_pieces_are_one_request),
        cmocka_unit_test(more_pieces_than_a_batch_take_several_requests),
        cmocka_unit_test(pieces_that_continue_each_other_become_one),
        cmocka_unit_test(pieces_smaller_than_a_block_are_bounced_together),
        cmocka_unit_test(an_error_in_the_middle_of_many_pieces_is_returned),
        cmocka_unit_test(any_piece_outside_the_disk_is_refused_before_any_read),
        cmocka_unit_test(a_bad_block_does_not_take_its_neighbours_with_it),
        cmocka_unit_test(other_errors_are_not_tried_twice),
        cmocka_unit_test(a_failed_read_leaves_nothing_behind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
