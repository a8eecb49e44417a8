/* SPDX-License-Identifier: BSD-2-Clause */
/* The PVH start info: what a monitor says is taken over, and what does not hold together is refused by name. */
#include "boot/start_info.h"

#include "boot/diag.h"
#include "boot/error.h"
#include "boot/memory.h"
#include "tests/unit/support/physical.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define INFO PHYSICAL_BASE
#define MAP  (PHYSICAL_BASE + 0x1000)
#define LINE (PHYSICAL_BASE + 0x10000)

static struct memory_map map;
static struct start_info info;
static struct diag diag;

static void put_entry(unsigned index, uint64_t base, uint64_t size, uint32_t type)
{
    physical_put(MAP + 24 * index, 8, base);
    physical_put(MAP + 24 * index + 8, 8, size);
    physical_put(MAP + 24 * index + 16, 4, type);
}

static int set_up(void **state)
{
    (void)state;
    physical_clear();
    memset(&map, 0, sizeof(map));
    memset(&diag, 0, sizeof(diag));
    memset(&info, 0xee, sizeof(info));
    physical_put(INFO, 4, 0x336ec578);
    physical_put(INFO + 4, 4, 1);
    physical_put(INFO + 12, 4, 2);
    physical_put(INFO + 24, 8, LINE);
    physical_put(INFO + 32, 8, 0xf59d0);
    physical_put(INFO + 40, 8, MAP);
    physical_put(INFO + 48, 4, 2);
    put_entry(0, 0, 0x9fc00, 1);
    put_entry(1, 0x100000, 0x10000000, 1);
    strcpy((char *)physical_at(LINE), "slate.log=debug");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    physical_clear();
    return 0;
}

static void check_refused(const char *reason)
{
    assert_int_equal(start_info_read(&info, INFO, &map, &diag), -BOOT_E_PLATFORM);
    assert_int_equal(diag.error, -BOOT_E_PLATFORM);
    assert_non_null(strstr(diag.text, reason));
}

static void all_of_it_is_taken_over(void **state)
{
    (void)state;
    assert_int_equal(start_info_read(&info, INFO, &map, &diag), 0);
    assert_string_equal(info.command_line, "slate.log=debug");
    assert_int_equal(info.rsdp, 0xf59d0);
    assert_int_equal(info.modules, 2);
    assert_int_equal(map.count, 2);
    assert_int_equal(map.range[1].base, 0x100000);
    assert_int_equal(map.range[1].size, 0x10000000);
    assert_int_equal(map.range[1].type, MEMORY_USABLE);
}

static void memory_types_are_those_of_e820(void **state)
{
    static const enum memory_type types[] = {
        MEMORY_RESERVED, MEMORY_USABLE,   MEMORY_RESERVED, MEMORY_ACPI,     MEMORY_NVS,
        MEMORY_UNUSABLE, MEMORY_RESERVED, MEMORY_PMEM,     MEMORY_RESERVED,
    };

    (void)state;
    for (uint32_t i = 0; i < 9; i++)
        put_entry(i, i * 0x2000000ull, 0x1000000, i);
    physical_put(INFO + 48, 4, 9);
    assert_int_equal(start_info_read(&info, INFO, &map, &diag), 0);
    assert_int_equal(map.count, 9);
    for (unsigned i = 0; i < 9; i++)
        assert_int_equal(map.range[i].type, types[i]);
}

static void no_command_line_is_an_empty_one(void **state)
{
    (void)state;
    physical_put(INFO + 24, 8, 0);
    assert_int_equal(start_info_read(&info, INFO, &map, &diag), 0);
    assert_string_equal(info.command_line, "");
}

static void a_wrong_magic_number_is_refused(void **state)
{
    (void)state;
    physical_put(INFO, 4, 0x12345678);
    check_refused("0x12345678");
}

static void version_0_has_no_memory_map(void **state)
{
    (void)state;
    physical_put(INFO + 4, 4, 0);
    check_refused("version 0");
}

static void a_start_info_out_of_reach_is_refused(void **state)
{
    static const uint64_t addresses[] = {0, PHYSICAL_BASE - 8, PHYSICAL_BASE + PHYSICAL_SIZE - 32,
                                         PHYSICAL_BASE + PHYSICAL_SIZE, UINT64_MAX - 16};

    (void)state;
    for (unsigned i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++)
        assert_int_equal(start_info_read(&info, addresses[i], &map, &diag), -BOOT_E_PLATFORM);
    /* The part that version 0 has can be reached, the rest cannot. */
    memmove(physical_at(PHYSICAL_BASE + PHYSICAL_SIZE - 40), physical_at(INFO), 40);
    assert_int_equal(start_info_read(&info, PHYSICAL_BASE + PHYSICAL_SIZE - 40, &map, &diag),
                     -BOOT_E_PLATFORM);
}

static void a_memory_map_must_have_entries_within_reason(void **state)
{
    static const uint32_t counts[] = {0, 1025, 0x10000000, 0xffffffff};

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        physical_put(INFO + 48, 4, counts[i]);
        check_refused("entries");
    }
}

static void a_memory_map_out_of_reach_is_refused(void **state)
{
    static const uint64_t addresses[] = {0, PHYSICAL_BASE + PHYSICAL_SIZE - 47, UINT64_MAX - 7};

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        physical_put(INFO + 40, 8, addresses[i]);
        check_refused("memory map");
    }
}

static void a_memory_map_with_too_many_pieces_is_refused(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 1024; i++)
        put_entry(i, i * 0x200000ull, 0x1000, 1);
    physical_put(INFO + 48, 4, 1024);
    check_refused("more than 256 entries");
}

static void a_command_line_must_end(void **state)
{
    (void)state;
    memset(physical_at(LINE), 'x', START_COMMAND_LINE_MAX);
    check_refused("-append");
    *physical_at(LINE + START_COMMAND_LINE_MAX - 1) = '\0';
    assert_int_equal(start_info_read(&info, INFO, &map, &diag), 0);
    assert_int_equal(strlen(info.command_line), START_COMMAND_LINE_MAX - 1);
    /* One that runs out of what can be reached. */
    *physical_at(PHYSICAL_BASE + PHYSICAL_SIZE - 1) = 'x';
    physical_put(INFO + 24, 8, PHYSICAL_BASE + PHYSICAL_SIZE - 1);
    check_refused("cannot be reached");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(all_of_it_is_taken_over),
        TEST(memory_types_are_those_of_e820),
        TEST(no_command_line_is_an_empty_one),
        TEST(a_wrong_magic_number_is_refused),
        TEST(version_0_has_no_memory_map),
        TEST(a_start_info_out_of_reach_is_refused),
        TEST(a_memory_map_must_have_entries_within_reason),
        TEST(a_memory_map_out_of_reach_is_refused),
        TEST(a_memory_map_with_too_many_pieces_is_refused),
        TEST(a_command_line_must_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
