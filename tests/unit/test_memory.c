/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The memory map: reports that overlap, memory taken and given back, and the table for the OS; some cases by hand, and
 * many by comparing with a model that has a type for each page.
 */
#include "boot/diag.h"
#include "boot/error.h"
#include "boot/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define PAGE  0x1000ull
#define MIB   0x100000ull
#define GIB   0x40000000ull
#define EVERY UINT64_MAX

static struct memory_map map;
static struct diag diag;

static int set_up(void **state)
{
    (void)state;
    memset(&map, 0, sizeof(map));
    memset(&diag, 0, sizeof(diag));
    return 0;
}

static void add(uint64_t base, uint64_t size, enum memory_type type)
{
    assert_int_equal(memory_add(&map, base, size, type, &diag), 0);
}

static void check_range(unsigned index, uint64_t base, uint64_t size, enum memory_type type)
{
    assert_in_range(index, 0, map.count - 1);
    assert_int_equal(map.range[index].base, base);
    assert_int_equal(map.range[index].size, size);
    assert_int_equal(map.range[index].type, type);
}

/* What every map must be: ascending, without overlaps, neighbours of one type merged. */
static void check_order(const struct memory_map *m)
{
    for (unsigned i = 0; i < m->count; i++) {
        assert_int_not_equal(m->range[i].size, 0);
        if (i == 0)
            continue;
        uint64_t end = m->range[i - 1].base + m->range[i - 1].size;

        assert_true(end <= m->range[i].base);
        assert_false(end == m->range[i].base && m->range[i - 1].type == m->range[i].type);
    }
}

/* 640 KiB, a hole, 255 MiB, reserved, and 1 GiB above 4 GiB: a PC. */
static void add_pc(void)
{
    add(0, 0x9fc00, MEMORY_USABLE);
    add(0x9fc00, 0x400, MEMORY_RESERVED);
    add(MIB, 255 * MIB - 0x20000, MEMORY_USABLE);
    add(256 * MIB - 0x20000, 0x20000, MEMORY_ACPI);
    add(4 * GIB, GIB, MEMORY_USABLE);
}

/* ---- Reports ---- */

static void reports_in_any_order_are_sorted_and_merged(void **state)
{
    (void)state;
    add(8 * MIB, MIB, MEMORY_USABLE);
    add(2 * MIB, MIB, MEMORY_USABLE);
    add(5 * MIB, 0, MEMORY_RESERVED);
    add(3 * MIB, MIB, MEMORY_USABLE);
    add(7 * MIB, MIB, MEMORY_RESERVED);
    assert_int_equal(map.count, 3);
    check_range(0, 2 * MIB, 2 * MIB, MEMORY_USABLE);
    check_range(1, 7 * MIB, MIB, MEMORY_RESERVED);
    check_range(2, 8 * MIB, MIB, MEMORY_USABLE);
}

static void where_reports_overlap_the_stricter_one_wins(void **state)
{
    static const enum memory_type order[] = {MEMORY_USABLE, MEMORY_PMEM,     MEMORY_ACPI,
                                             MEMORY_NVS,    MEMORY_RESERVED, MEMORY_UNUSABLE};

    (void)state;
    for (unsigned a = 0; a < 6; a++) {
        for (unsigned b = 0; b < 6; b++) {
            set_up(NULL);
            add(0, 4 * MIB, order[a]);
            add(2 * MIB, 4 * MIB, order[b]);
            check_order(&map);
            enum memory_type both = order[a > b ? a : b];

            for (unsigned i = 0; i < map.count; i++)
                if (map.range[i].base <= 3 * MIB && 3 * MIB < map.range[i].base + map.range[i].size)
                    assert_int_equal(map.range[i].type, both);
        }
    }
}

static void a_report_that_wraps_is_clipped(void **state)
{
    (void)state;
    add(UINT64_MAX - 0xfff, UINT64_MAX, MEMORY_RESERVED);
    add(MIB, EVERY, MEMORY_USABLE);
    assert_int_equal(map.count, 2);
    check_range(0, MIB, UINT64_MAX - 0xfff - MIB, MEMORY_USABLE);
    assert_int_equal(map.range[1].base, UINT64_MAX - 0xfff);
    assert_int_equal(map.range[1].size, 0xfff);
}

static void a_full_map_says_so_and_stays_as_it_was(void **state)
{
    struct memory_map before;

    (void)state;
    for (unsigned i = 0; i < MEMORY_RANGES_MAX; i++)
        add(i * 2 * MIB, MIB, MEMORY_USABLE);
    before = map;
    assert_int_equal(memory_add(&map, 1 * MIB + PAGE, PAGE, MEMORY_RESERVED, &diag),
                     -BOOT_E_PLATFORM);
    assert_int_equal(diag.error, -BOOT_E_PLATFORM);
    assert_int_equal(memory_mark(&map, 4 * MIB + PAGE, PAGE, MEMORY_QUARANTINE, &diag),
                     -BOOT_E_PLATFORM);
    assert_int_equal(memory_claim(&map, 4 * MIB + PAGE, PAGE, MEMORY_LOADED), -BOOT_E_NO_MEMORY);
    assert_int_equal(memory_alloc(&map, PAGE, PAGE, 0, EVERY, MEMORY_LOADED), 0);
    memory_free(&map, 4 * MIB, PAGE);
    assert_memory_equal(&map, &before, sizeof(map));
    /* A change that needs no further entry is possible. */
    assert_int_equal(memory_claim(&map, 4 * MIB, MIB, MEMORY_LOADED), 0);
}

/* ---- Taking and giving back ---- */

static void memory_is_taken_from_the_top(void **state)
{
    (void)state;
    add_pc();
    assert_int_equal(memory_alloc(&map, 1, PAGE, 0, EVERY, MEMORY_SLATE), 5 * GIB - PAGE);
    assert_int_equal(memory_alloc(&map, PAGE + 1, PAGE, 0, EVERY, MEMORY_LOADED),
                     5 * GIB - 3 * PAGE);
    assert_int_equal(memory_alloc(&map, PAGE, PAGE, 0, 4 * GIB, MEMORY_LOADED),
                     256 * MIB - 0x20000 - PAGE);
    assert_int_equal(memory_alloc(&map, PAGE, PAGE, 0, 64 * MIB + 5, MEMORY_LOADED),
                     64 * MIB - PAGE);
    check_order(&map);
}

static void memory_is_taken_from_the_bottom(void **state)
{
    (void)state;
    add_pc();
    assert_int_equal(memory_alloc_low(&map, 16 * MIB, 2 * MIB, 16 * MIB, EVERY, MEMORY_LOADED),
                     16 * MIB);
    assert_int_equal(memory_alloc_low(&map, PAGE, 2 * MIB, 16 * MIB, EVERY, MEMORY_LOADED),
                     32 * MIB);
    assert_int_equal(memory_alloc_low(&map, 256 * MIB, PAGE, 0, EVERY, MEMORY_LOADED), 4 * GIB);
    /* Page 0 is never handed out: 0 means that there is no place. */
    assert_int_equal(memory_alloc_low(&map, PAGE, PAGE, 0, EVERY, MEMORY_LOADED), PAGE);
    check_order(&map);
}

static void alignment_and_bounds_are_kept(void **state)
{
    (void)state;
    add(MIB + 0x123, 16 * MIB, MEMORY_USABLE);
    assert_int_equal(memory_alloc_low(&map, PAGE, PAGE, 0, EVERY, MEMORY_SLATE), MIB + PAGE);
    assert_int_equal(memory_alloc(&map, PAGE, PAGE, 0, EVERY, MEMORY_SLATE), 17 * MIB - PAGE);
    assert_int_equal(memory_alloc(&map, PAGE, 8 * MIB, 0, EVERY, MEMORY_SLATE), 16 * MIB);
    assert_int_equal(memory_alloc(&map, PAGE, 8 * MIB, 0, EVERY, MEMORY_SLATE), 8 * MIB);
    assert_int_equal(memory_alloc(&map, PAGE, 8 * MIB, 0, EVERY, MEMORY_SLATE), 0);
    assert_int_equal(memory_alloc(&map, MIB, PAGE, 3 * MIB, 4 * MIB - 1, MEMORY_SLATE), 0);
    assert_int_equal(memory_alloc(&map, MIB, PAGE, 3 * MIB, 4 * MIB, MEMORY_SLATE), 3 * MIB);
    assert_int_equal(memory_alloc(&map, PAGE, PAGE, 5 * MIB, 5 * MIB, MEMORY_SLATE), 0);
    assert_int_equal(memory_alloc(&map, PAGE, PAGE, 6 * MIB, 5 * MIB, MEMORY_SLATE), 0);
}

static void sizes_that_cannot_be_get_nothing(void **state)
{
    static const uint64_t sizes[] = {0, 6 * GIB, UINT64_MAX, UINT64_MAX - 0xffe, UINT64_MAX / 2};
    struct memory_map before;

    (void)state;
    add_pc();
    before = map;
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        assert_int_equal(memory_alloc(&map, sizes[i], PAGE, 0, EVERY, MEMORY_SLATE), 0);
        assert_int_equal(memory_alloc_low(&map, sizes[i], PAGE, 0, EVERY, MEMORY_SLATE), 0);
    }
    assert_int_equal(memory_alloc_low(&map, PAGE, 1ull << 63, 0, EVERY, MEMORY_SLATE), 0);
    assert_int_equal(memory_alloc(&map, PAGE, 1ull << 63, 0, EVERY, MEMORY_SLATE), 0);
    assert_memory_equal(&map, &before, sizeof(map));
}

static void memory_at_the_very_end_can_be_taken(void **state)
{
    (void)state;
    add(UINT64_MAX - 0xffff, 0x10000, MEMORY_USABLE);
    assert_int_equal(memory_alloc_low(&map, PAGE, 0x100000, 0, EVERY, MEMORY_SLATE), 0);
    assert_int_equal(memory_alloc(&map, PAGE, PAGE, 0, EVERY, MEMORY_SLATE), UINT64_MAX - 0x1fff);
}

static void a_claim_takes_all_or_nothing(void **state)
{
    struct memory_map before;

    (void)state;
    add_pc();
    before = map;
    assert_int_equal(memory_claim(&map, 0x9f000, 0x2000, MEMORY_LOADED), -BOOT_E_NO_MEMORY);
    assert_int_equal(memory_claim(&map, 256 * MIB - 0x21000, 0x2000, MEMORY_LOADED),
                     -BOOT_E_NO_MEMORY);
    assert_int_equal(memory_claim(&map, 2 * GIB, PAGE, MEMORY_LOADED), -BOOT_E_NO_MEMORY);
    assert_int_equal(memory_claim(&map, 2 * MIB, UINT64_MAX, MEMORY_LOADED), -BOOT_E_NO_MEMORY);
    assert_int_equal(memory_claim(&map, 2 * MIB, 0, MEMORY_LOADED), -BOOT_E_NO_MEMORY);
    assert_memory_equal(&map, &before, sizeof(map));
    assert_int_equal(memory_claim(&map, 2 * MIB, MIB, MEMORY_LOADED), 0);
    assert_int_equal(memory_claim(&map, 3 * MIB - PAGE, PAGE, MEMORY_LOADED), -BOOT_E_NO_MEMORY);
}

static void what_is_given_back_can_be_taken_again(void **state)
{
    struct memory_map before;

    (void)state;
    add_pc();
    before = map;
    uint64_t a = memory_alloc(&map, MIB, PAGE, 0, EVERY, MEMORY_LOADED);
    uint64_t b = memory_alloc(&map, MIB, PAGE, 0, EVERY, MEMORY_SLATE);

    memory_free(&map, a, MIB);
    assert_int_equal(memory_alloc(&map, MIB, PAGE, 0, EVERY, MEMORY_LOADED), a);
    memory_free(&map, a, MIB);
    memory_free(&map, b, MIB);
    assert_int_equal(map.count, before.count);
    for (unsigned i = 0; i < map.count; i++)
        check_range(i, before.range[i].base, before.range[i].size, before.range[i].type);
}

static void only_what_was_taken_is_given_back(void **state)
{
    (void)state;
    add_pc();
    assert_int_equal(memory_claim(&map, 2 * MIB, MIB, MEMORY_LOADED), 0);
    assert_int_equal(memory_mark(&map, 2 * MIB, PAGE, MEMORY_QUARANTINE, &diag), 0);
    memory_free(&map, 0, EVERY);
    check_range(1, 0x9fc00, 0x400, MEMORY_RESERVED);
    check_range(3, 2 * MIB, PAGE, MEMORY_QUARANTINE);
    check_range(4, 2 * MIB + PAGE, 253 * MIB - PAGE - 0x20000 + MIB, MEMORY_USABLE);
}

static void a_mark_changes_ram_only(void **state)
{
    (void)state;
    add_pc();
    assert_int_equal(memory_claim(&map, 2 * MIB, MIB, MEMORY_SLATE), 0);
    assert_int_equal(memory_mark(&map, 0, 3 * MIB, MEMORY_QUARANTINE, &diag), 0);
    check_range(0, 0, 0x9fc00, MEMORY_QUARANTINE);
    check_range(1, 0x9fc00, 0x400, MEMORY_RESERVED);
    check_range(2, MIB, 2 * MIB, MEMORY_QUARANTINE);
    /* What a device may still write never becomes RAM again. */
    assert_int_equal(memory_mark(&map, MIB, MIB, MEMORY_USABLE, &diag), 0);
    check_range(2, MIB, 2 * MIB, MEMORY_QUARANTINE);
}

static void usable_and_largest_count_free_memory(void **state)
{
    (void)state;
    add_pc();
    assert_int_equal(memory_usable(&map), 0x9fc00 + 255 * MIB - 0x20000 + GIB);
    assert_int_equal(memory_largest(&map, EVERY), GIB);
    assert_int_equal(memory_largest(&map, 4 * GIB), 255 * MIB - 0x20000);
    assert_int_equal(memory_largest(&map, 17 * MIB), 16 * MIB);
    assert_int_equal(memory_largest(&map, 0), 0);
    assert_int_equal(memory_claim(&map, 4 * GIB, GIB, MEMORY_LOADED), 0);
    assert_int_equal(memory_largest(&map, EVERY), 255 * MIB - 0x20000);
}

/* ---- The table for the OS ---- */

static void the_os_gets_back_what_slate_used(void **state)
{
    struct memory_e820 table[16];

    (void)state;
    add_pc();
    assert_int_equal(memory_mark(&map, 0, MIB, MEMORY_SLATE, &diag), 0);
    assert_int_equal(memory_claim(&map, 16 * MIB, MIB, MEMORY_LOADED), 0);
    assert_int_equal(memory_claim(&map, 17 * MIB, MIB, MEMORY_SLATE), 0);
    assert_int_equal(memory_e820(&map, table, 16), 5);
    assert_int_equal(table[0].base, 0);
    assert_int_equal(table[0].size, 0x9fc00);
    assert_int_equal(table[0].type, 1);
    assert_int_equal(table[1].type, 2);
    assert_int_equal(table[2].base, MIB);
    assert_int_equal(table[2].size, 255 * MIB - 0x20000);
    assert_int_equal(table[2].type, 1);
    assert_int_equal(table[3].type, 3);
    assert_int_equal(table[4].base, 4 * GIB);
    assert_int_equal(table[4].type, 1);
}

static void the_os_does_not_get_what_a_stuck_device_may_write(void **state)
{
    struct memory_e820 table[16];

    (void)state;
    add(0, 16 * MIB, MEMORY_USABLE);
    assert_int_equal(memory_mark(&map, 4 * MIB, MIB, MEMORY_QUARANTINE, &diag), 0);
    assert_int_equal(memory_e820(&map, table, 16), 3);
    assert_int_equal(table[1].base, 4 * MIB);
    assert_int_equal(table[1].size, MIB);
    assert_int_equal(table[1].type, 2);
}

static void each_type_has_its_number_in_the_table(void **state)
{
    static const struct {
        enum memory_type type;
        uint32_t e820;
    } types[] = {
        {MEMORY_USABLE, 1},   {MEMORY_QUARANTINE, 2}, {MEMORY_SLATE, 1},
        {MEMORY_RESERVED, 2}, {MEMORY_LOADED, 1},     {MEMORY_ACPI, 3},
        {MEMORY_NVS, 4},      {MEMORY_UNUSABLE, 5},   {MEMORY_PMEM, 7},
    };
    struct memory_e820 table[9];

    (void)state;
    for (unsigned i = 0; i < 9; i++)
        map.range[map.count++] = (struct memory_range){i * MIB, MIB, types[i].type};
    assert_int_equal(memory_e820(&map, table, 9), 9);
    for (unsigned i = 0; i < 9; i++)
        assert_int_equal(table[i].type, types[i].e820);
    assert_int_equal(sizeof(table[0]), 20);
}

static void a_table_without_room_is_an_error(void **state)
{
    struct memory_e820 table[5] = {0};

    (void)state;
    add_pc();
    table[4].type = 99;
    assert_int_equal(memory_e820(&map, table, 4), -BOOT_E_NO_MEMORY);
    assert_int_equal(table[4].type, 99);
    assert_int_equal(memory_e820(&map, table, 5), 5);
}

/* ---- Against a model ---- */

#define MODEL_PAGES 48u
#define NOTHING     (-1)

static uint32_t random_state;

/* Numerical Recipes' generator: the same numbers in every run. */
static uint32_t random_below(uint32_t limit)
{
    random_state = random_state * 1664525 + 1013904223;
    return (random_state >> 8) % limit;
}

static int model[MODEL_PAGES];

static bool ram(int type)
{
    return type == MEMORY_USABLE || type == MEMORY_SLATE || type == MEMORY_LOADED;
}

static int strictness(int type)
{
    static const int rank[] = {
        [MEMORY_USABLE] = 0,   [MEMORY_SLATE] = 0,      [MEMORY_LOADED] = 0,
        [MEMORY_PMEM] = 1,     [MEMORY_ACPI] = 2,       [MEMORY_NVS] = 3,
        [MEMORY_RESERVED] = 4, [MEMORY_QUARANTINE] = 4, [MEMORY_UNUSABLE] = 5,
    };

    return type == NOTHING ? -1 : rank[type];
}

static void check_model(void)
{
    check_order(&map);
    for (unsigned page = 0; page < MODEL_PAGES; page++) {
        int type = NOTHING;

        for (unsigned i = 0; i < map.count; i++) {
            const struct memory_range *r = &map.range[i];

            if (page * PAGE >= r->base && page * PAGE < r->base + r->size)
                type = (int)r->type;
        }
        assert_int_equal(type, model[page]);
    }
}

static void step(void)
{
    unsigned first = random_below(MODEL_PAGES);
    unsigned count = random_below(MODEL_PAGES - first + 1);
    uint64_t base = first * PAGE, size = count * PAGE;
    enum memory_type type = (enum memory_type)random_below(MEMORY_PMEM + 1);
    bool all_usable = count > 0;

    for (unsigned p = first; p < first + count; p++)
        all_usable = all_usable && model[p] == MEMORY_USABLE;
    switch (random_below(5)) {
    case 0:
        add(base, size, type);
        for (unsigned p = first; p < first + count; p++)
            if (strictness((int)type) > strictness(model[p]))
                model[p] = (int)type;
        break;
    case 1:
        assert_int_equal(memory_mark(&map, base, size, type, &diag), 0);
        for (unsigned p = first; p < first + count; p++)
            if (ram(model[p]))
                model[p] = (int)type;
        break;
    case 2:
        memory_free(&map, base, size);
        for (unsigned p = first; p < first + count; p++)
            if (model[p] == MEMORY_SLATE || model[p] == MEMORY_LOADED)
                model[p] = MEMORY_USABLE;
        break;
    case 3:
        assert_int_equal(memory_claim(&map, base, size, MEMORY_LOADED),
                         all_usable ? 0 : -BOOT_E_NO_MEMORY);
        for (unsigned p = first; all_usable && p < first + count; p++)
            model[p] = MEMORY_LOADED;
        break;
    default: {
        unsigned pages = 1 + random_below(4), align = 1u << random_below(3);
        uint64_t got =
            memory_alloc(&map, pages * PAGE, align * PAGE, 0, MODEL_PAGES * PAGE, MEMORY_SLATE);
        unsigned want = 0;

        for (unsigned p = align; p + pages <= MODEL_PAGES; p += align) {
            bool fits = true;

            for (unsigned q = p; q < p + pages; q++)
                fits = fits && model[q] == MEMORY_USABLE;
            want = fits ? p : want;
        }
        assert_int_equal(got, want * PAGE);
        for (unsigned p = want; want != 0 && p < want + pages; p++)
            model[p] = MEMORY_SLATE;
    }
    }
}

static void any_sequence_of_changes_agrees_with_a_model(void **state)
{
    (void)state;
    for (unsigned seed = 0; seed < 300; seed++) {
        random_state = seed;
        set_up(NULL);
        for (unsigned p = 0; p < MODEL_PAGES; p++)
            model[p] = NOTHING;
        add(0, MODEL_PAGES / 2 * PAGE, MEMORY_USABLE);
        for (unsigned p = 0; p < MODEL_PAGES / 2; p++)
            model[p] = MEMORY_USABLE;
        for (unsigned i = 0; i < 60; i++) {
            step();
            check_model();
        }
    }
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(reports_in_any_order_are_sorted_and_merged),
        TEST(where_reports_overlap_the_stricter_one_wins),
        TEST(a_report_that_wraps_is_clipped),
        TEST(a_full_map_says_so_and_stays_as_it_was),
        TEST(memory_is_taken_from_the_top),
        TEST(memory_is_taken_from_the_bottom),
        TEST(alignment_and_bounds_are_kept),
        TEST(sizes_that_cannot_be_get_nothing),
        TEST(memory_at_the_very_end_can_be_taken),
        TEST(a_claim_takes_all_or_nothing),
        TEST(what_is_given_back_can_be_taken_again),
        TEST(only_what_was_taken_is_given_back),
        TEST(a_mark_changes_ram_only),
        TEST(usable_and_largest_count_free_memory),
        TEST(the_os_gets_back_what_slate_used),
        TEST(the_os_does_not_get_what_a_stuck_device_may_write),
        TEST(each_type_has_its_number_in_the_table),
        TEST(a_table_without_room_is_an_error),
        TEST(any_sequence_of_changes_agrees_with_a_model),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
