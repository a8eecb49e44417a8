/* SPDX-License-Identifier: BSD-2-Clause */
/* Version order: the examples of the UAPI Group's Version Format Specification (UAPI.10), and what it says besides. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "boot/version_compare.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static int sign(int value)
{
    return (value > 0) - (value < 0);
}

static void check(const char *a, int order, const char *b)
{
    if (sign(version_compare(a, b)) != order || sign(version_compare(b, a)) != -order) {
        fail_msg("'%s' and '%s': %d and %d, expected %d", a, b, sign(version_compare(a, b)),
                 sign(version_compare(b, a)), order);
    }
}

/* "Examples" of the specification, word for word. */
static void published_examples_hold(void **state)
{
    static const struct {
        const char *a;
        int order;
        const char *b;
    } examples[] = {
        {"11", 0, "11"},
        {"systemd-123", 0, "systemd-123"},
        {"bar-123", -1, "foo-123"},
        {"123a", 1, "123"},
        {"123.a", 1, "123"},
        {"123.a", -1, "123.b"},
        {"123a", 1, "123.a"},
        {"11\xce\xb1", 0, "11\xce\xb2"},
        {"B", -1, "a"},
        {"", -1, "0"},
        {"0.", 1, "0"},
        {"0.0", 1, "0"},
        {"0", 1, "~"},
        {"", 1, "~"},
        {"1_", 0, "1"},
        {"_1", 0, "1"},
        {"1_", -1, "1.2"},
        {"1_2_3", 1, "1.3.3"},
        {"1+", 0, "1"},
        {"+1", 0, "1"},
        {"1+", -1, "1.2"},
        {"1+2+3", 1, "1.3.3"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(examples); i++) {
        check(examples[i].a, examples[i].order, examples[i].b);
    }
}

/* The chain at the end of "Examples": each is older than all that follow. */
static void published_chain_is_in_order(void **state)
{
    static const char *const chain[] = {
        "122.1",   "123~rc1-1", "123",     "123-a",   "123-a.1", "123-1",
        "123-1.1", "123^post1", "123.a-1", "123.1-1", "123a-1",  "124-1",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(chain); i++) {
        for (size_t j = 0; j < COUNT(chain); j++) {
            check(chain[i], i < j ? -1 : i > j, chain[j]);
        }
    }
}

static void numbers_have_any_length(void **state)
{
    (void)state;
    check("9", -1, "10");
    check("0010", 0, "10");
    check("18446744073709551616", 1, "18446744073709551615");
    check("100000000000000000000000000000", 1, "99999999999999999999999999999");
    check("00", 0, "0");
    check("0", -1, "a"); /* no digits count as 0, then the letter is more */
}

static void kernel_releases_are_in_order(void **state)
{
    (void)state;
    check("6.1.0-9-amd64", -1, "6.1.0-10-amd64");
    check("6.1.0-rc3", -1, "6.1.0-1");
    check("3.8.0-2.fc19.x86_64", -1, "3.8.0-201.fc18.x86_64");
    check("6.12~rc7", -1, "6.12");
    check("6.12", -1, "6.12.1");
}

static void marks_are_taken_in_pairs(void **state)
{
    (void)state;
    check("1--2", 0, "1--2");
    check("1--2", -1, "1-2");
    check("1~~", 1, "1~"); /* step 3 comes before another look for tildes */
    check("1^^a", -1, "1^a");
    check("1..a", -1, "1.a");
    check("~-^.", 0, "~-^.");
    check("", 0, "_+ ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_examples_hold),  cmocka_unit_test(published_chain_is_in_order),
        cmocka_unit_test(numbers_have_any_length),  cmocka_unit_test(kernel_releases_are_in_order),
        cmocka_unit_test(marks_are_taken_in_pairs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
