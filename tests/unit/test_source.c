/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs of bytes: what lies in bounds is read, what does not is said to be missing. */
#include "boot/diag.h"
#include "boot/error.h"
#include "boot/source.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const char data[] = "0123456789abcdef";

static void memory_reads_what_is_there(void **state)
{
    struct source source;
    struct diag diag = {0};
    char got[17] = {0};

    (void)state;
    source_memory(&source, data, 16, "digits");
    assert_string_equal(source.name, "digits");
    assert_int_equal(source.size, 16);
    assert_int_equal(source_read(&source, 0, got, 16, "all", &diag), 0);
    assert_string_equal(got, data);
    assert_int_equal(source_read(&source, 15, got, 1, "end", &diag), 0);
    assert_int_equal(got[0], 'f');
    assert_int_equal(source_read(&source, 16, got, 0, "nothing", &diag), 0);
}

static void a_range_outside_is_truncated_and_says_what_was_wanted(void **state)
{
    static const struct {
        uint64_t offset;
        size_t length;
    } cases[] = {{0, 17}, {16, 1}, {17, 0}, {15, 2}, {UINT64_MAX, 1}, {1, SIZE_MAX}};
    struct source source;
    char got[32];

    (void)state;
    source_memory(&source, data, 16, "digits");
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct diag diag = {0};

        assert_int_equal(
            source_read(&source, cases[i].offset, got, cases[i].length, "the letters", &diag),
            -BOOT_E_TRUNCATED);
        assert_non_null(strstr(diag.text, "digits: the letters needs"));
    }
}

static void a_part_of_a_part_reads_from_its_own_start(void **state)
{
    struct source whole;
    struct source part;
    struct source inner;
    struct diag diag = {0};
    char got[4] = {0};

    (void)state;
    source_memory(&whole, data, 16, "whole");
    assert_int_equal(source_part(&part, &whole, 4, 8, "part", &diag), 0);
    assert_int_equal(source_part(&inner, &part, 2, 3, "inner", &diag), 0);
    assert_string_equal(inner.name, "inner");
    assert_int_equal(source_read(&inner, 0, got, 3, "all", &diag), 0);
    assert_string_equal(got, "678");
    assert_int_equal(source_read(&inner, 1, got, 3, "too much", &diag), -BOOT_E_TRUNCATED);
    assert_int_equal(source_part(&inner, &part, 8, 0, "empty", &diag), 0);
    assert_int_equal(inner.size, 0);
}

static void a_part_must_lie_inside(void **state)
{
    static const struct {
        uint64_t offset;
        uint64_t size;
    } cases[] = {{0, 17}, {17, 0}, {8, 9}, {UINT64_MAX, 2}, {2, UINT64_MAX}};
    struct source whole;
    struct source part;

    (void)state;
    source_memory(&whole, data, 16, "whole");
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct diag diag = {0};

        assert_int_equal(
            source_part(&part, &whole, cases[i].offset, cases[i].size, ".linux", &diag),
            -BOOT_E_TRUNCATED);
        assert_non_null(strstr(diag.text, "whole: .linux"));
    }
}

static void a_long_name_loses_its_end(void **state)
{
    struct source source;
    char name[300];

    (void)state;
    memset(name, 'x', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    source_memory(&source, data, 16, name);
    assert_int_equal(strlen(source.name), sizeof(source.name) - 1);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_reads_what_is_there),
        cmocka_unit_test(a_range_outside_is_truncated_and_says_what_was_wanted),
        cmocka_unit_test(a_part_of_a_part_reads_from_its_own_start),
        cmocka_unit_test(a_part_must_lie_inside),
        cmocka_unit_test(a_long_name_loses_its_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
