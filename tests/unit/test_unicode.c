/* SPDX-License-Identifier: BSD-2-Clause */
/* UTF-16, UTF-8 (RFC 3629) and case folding. */
#include "boot/unicode.h"
#include "tests/unit/support/image_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static size_t convert(const uint16_t *units, size_t count, char *out, size_t size)
{
    uint8_t raw[8];

    for (size_t i = 0; i < 4; i++)
        image_put16(raw + 2 * i, units[i]);
    return unicode_from_utf16(raw, count, out, size);
}

static void utf16_becomes_utf8(void **state)
{
    static const struct {
        uint16_t units[4];
        size_t count;
        const char *text;
    } cases[] = {
        {{'a'}, 1, "a"},
        {{0x7f, 0x80}, 2, "\x7f\xc2\x80"},
        {{0x7ff, 0x800}, 2, "\xdf\xbf\xe0\xa0\x80"},
        {{0xd7ff, 0xe000, 0xffff}, 3, "\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf"},
        {{0xd800, 0xdc00}, 2, "\xf0\x90\x80\x80"},
        {{0xdbff, 0xdfff}, 2, "\xf4\x8f\xbf\xbf"},
        {{0xd800, 'x'}, 2, "\xef\xbf\xbdx"},
        {{0xdc00, 0xd800}, 2, "\xef\xbf\xbd\xef\xbf\xbd"},
        {{0xd800, 0xdc00}, 1, "\xef\xbf\xbd"},
        {{0xdc00, 0xdc01}, 2, "\xef\xbf\xbd\xef\xbf\xbd"},
        {{0}, 0, ""},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char out[16];

        assert_int_equal(convert(cases[i].units, cases[i].count, out, sizeof(out)),
                         strlen(cases[i].text));
        assert_string_equal(out, cases[i].text);
    }
}

static void a_text_that_does_not_fit_ends_at_a_whole_character(void **state)
{
    static const uint16_t units[] = {'a', 0x20ac, 0xd83d, 0xde00};
    static const size_t lengths[] = {0, 0, 1, 1, 1, 4, 4, 4, 4, 8, 8};
    char out[16];

    (void)state;
    for (size_t size = 1; size <= 10; size++) {
        memset(out, 'x', sizeof(out));
        assert_int_equal(convert(units, 4, out, size), lengths[size]);
        assert_int_equal(out[lengths[size]], '\0');
        assert_int_equal(out[size], 'x');
    }
}

static void utf8_is_decoded_strictly(void **state)
{
    static const struct {
        const char *text;
        uint32_t character;
        size_t length; /* that is taken */
    } cases[] = {
        {"a", 'a', 1},
        {"\xc2\x80", 0x80, 2},
        {"\xdf\xbf", 0x7ff, 2},
        {"\xe0\xa0\x80", 0x800, 3},
        {"\xef\xbf\xbf", 0xffff, 3},
        {"\xf0\x90\x80\x80", 0x10000, 4},
        {"\xf4\x8f\xbf\xbf", 0x10ffff, 4},
        {"\x80", UNICODE_REPLACEMENT, 1}, /* a continuation alone */
        {"\xc3", UNICODE_REPLACEMENT, 1}, /* cut off */
        {"\xe2\x82", UNICODE_REPLACEMENT, 1},
        {"\xf0\x9f\x98", UNICODE_REPLACEMENT, 1},
        {"\xc3x", UNICODE_REPLACEMENT, 1},
        {"\xc0\xaf", UNICODE_REPLACEMENT, 1}, /* overlong */
        {"\xe0\x9f\xbf", UNICODE_REPLACEMENT, 1},
        {"\xf0\x8f\xbf\xbf", UNICODE_REPLACEMENT, 1},
        {"\xed\xa0\x80", UNICODE_REPLACEMENT, 1},     /* a surrogate */
        {"\xf4\x90\x80\x80", UNICODE_REPLACEMENT, 1}, /* too large */
        {"\xf8\x88\x80\x80\x80", UNICODE_REPLACEMENT, 1},
        {"\xff", UNICODE_REPLACEMENT, 1},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *at = cases[i].text;

        assert_int_equal(unicode_next(&at, at + strlen(at)), cases[i].character);
        assert_int_equal(at - cases[i].text, cases[i].length);
    }

    /* What lies behind the end does not count. */
    const char *at = "\xc3\xa9";
    assert_int_equal(unicode_next(&at, at + 1), UNICODE_REPLACEMENT);
}

static void capitals_fold_to_small_letters(void **state)
{
    static const uint32_t pairs[][2] = {
        {'A', 'a'},     {'Z', 'z'},     {0xc0, 0xe0},   {0xde, 0xfe},   {0x100, 0x101},
        {0x136, 0x137}, {0x139, 0x13a}, {0x147, 0x148}, {0x14a, 0x14b}, {0x176, 0x177},
        {0x178, 0xff},  {0x179, 0x17a}, {0x17d, 0x17e}, {0x391, 0x3b1}, {0x3a9, 0x3c9},
        {0x400, 0x450}, {0x40f, 0x45f}, {0x410, 0x430}, {0x42f, 0x44f},
    };
    static const uint32_t alone[] = {
        0,     '@',   '[',   '`',   '{',   0x7f,  0xaf,  0xbf,  0xd7,  0xdf,  0xf7,   0x130,
        0x131, 0x138, 0x149, 0x17f, 0x390, 0x3a2, 0x3aa, 0x3c2, 0x430, 0x460, 0x20ac, 0x10400,
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        assert_int_equal(unicode_fold(pairs[i][0]), pairs[i][1]);
        assert_int_equal(unicode_fold(pairs[i][1]), pairs[i][1]);
    }
    for (unsigned i = 0; i < sizeof(alone) / sizeof(alone[0]); i++)
        assert_int_equal(unicode_fold(alone[i]), alone[i]);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(utf16_becomes_utf8),
        cmocka_unit_test(a_text_that_does_not_fit_ends_at_a_whole_character),
        cmocka_unit_test(utf8_is_decoded_strictly),
        cmocka_unit_test(capitals_fold_to_small_letters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
