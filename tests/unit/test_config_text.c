/* SPDX-License-Identifier: BSD-2-Clause */
/* Lines of boot entries and loader.conf, and the patterns that name entries. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "boot/config_text.h"

/* Reads a text and checks its lines, written as "number:key=value" and joined by '|'. */
static void check_lines(const char *text, size_t size, const char *expected)
{
    struct config_text position;
    struct config_line line;
    char found[512];
    size_t used = 0;

    found[0] = '\0';
    config_text_start(&position, text, size);
    while (config_text_next(&position, &line)) {
        used += (size_t)snprintf(found + used, sizeof(found) - used, "%s%u:%.*s=%.*s",
                                 used == 0 ? "" : "|", line.number, (int)line.key_length, line.key,
                                 (int)line.value_length, line.value);
    }
    assert_string_equal(found, expected);
}

#define CHECK_LINES(text, expected) check_lines(text, sizeof(text) - 1, expected)

static void lines_are_keys_and_values(void **state)
{
    (void)state;
    CHECK_LINES("title Fedora 18 (Spherical Cow)\nlinux\t\t/a b\t \n",
                "1:title=Fedora 18 (Spherical Cow)|2:linux=/a b");
    CHECK_LINES("  key value", "1:key=value");
    CHECK_LINES("key", "1:key=");
    CHECK_LINES("key   \n", "1:key=");
    CHECK_LINES("", "");
}

static void comments_and_blank_lines_do_not_count(void **state)
{
    (void)state;
    CHECK_LINES("# one\n\n \t\n  # two\nkey a#b\n#", "5:key=a#b");
}

static void every_line_end_is_understood(void **state)
{
    (void)state;
    CHECK_LINES("a 1\r\nb 2\r\n\r\nc 3", "1:a=1|2:b=2|4:c=3");
    CHECK_LINES("a 1\rb 2\r", "1:a=1|2:b=2");
}

static void byte_order_mark_is_not_text(void **state)
{
    (void)state;
    CHECK_LINES("\xef\xbb\xbftitle x\n", "1:title=x");
    CHECK_LINES("\xef\xbbtitle x\n", "1:\xef\xbbtitle=x");
    CHECK_LINES("\xef\xbb\xbf", "");
}

static void keys_are_compared_whole(void **state)
{
    struct config_text position;
    struct config_line line;

    (void)state;
    config_text_start(&position, "linux /x", 8);
    assert_true(config_text_next(&position, &line));
    assert_true(config_line_is(&line, "linux"));
    assert_false(config_line_is(&line, "linu"));
    assert_false(config_line_is(&line, "linux2"));
    assert_false(config_line_is(&line, "Linux"));
}

static void patterns_describe_names(void **state)
{
    static const struct {
        const char *pattern;
        const char *text;
        bool fits;
    } cases[] = {
        {"debian", "debian", true},
        {"debian", "Debian", true},
        {"debian", "debian-12", false},
        {"debian-12", "debian", false},
        {"debian*", "debian-12", true},
        {"*-amd64", "6.1.0-9-amd64", true},
        {"*-amd64", "6.1.0-9-amd64x", false},
        {"*a*b*c", "xxaxbxbxc", true},
        {"*a*b*c", "xxaxbxbxcx", false},
        {"a**", "a", true},
        {"", "", true},
        {"", "a", false},
        {"*", "", true},
        {"?", "", false},
        {"?", "a", true},
        {"a?c", "abc", true},
        {"a?c", "ac", false},
        {"[abc]x", "bx", true},
        {"[abc]x", "dx", false},
        {"[a-c]", "B", true},
        {"[!a-c]", "b", false},
        {"[!a-c]", "d", true},
        {"[^a-c]", "d", true},
        {"[]]", "]", true},
        {"[!]]", "]", false},
        {"[a-]", "-", true},
        {"[a", "[a", true},
        {"[", "[", true},
        {"[a", "a", false},
        {"\\*", "*", true},
        {"\\*", "a", false},
        {"a\\", "a\\", true},
        {"[0-9]*", "7", true},
        {"x*[0-9]", "xa1b2", true},
        {"x*[0-9]", "xa1b", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (config_glob(cases[i].pattern, cases[i].text) != cases[i].fits) {
            fail_msg("pattern '%s', text '%s': expected %d", cases[i].pattern, cases[i].text,
                     cases[i].fits);
        }
    }
}

/* A pattern with many stars against a text that nearly fits: without a bound this takes 20^10 steps. */
static void patterns_take_bounded_time(void **state)
{
    char pattern[64] = "";
    char text[1024];

    (void)state;
    for (unsigned i = 0; i < 20; i++) {
        memcpy(pattern + 2 * i, "*a", 2);
    }
    memcpy(pattern + 40, "*b", 2);
    memset(text, 'a', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    assert_false(config_glob(pattern, text));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_keys_and_values),
        cmocka_unit_test(comments_and_blank_lines_do_not_count),
        cmocka_unit_test(every_line_end_is_understood),
        cmocka_unit_test(byte_order_mark_is_not_text),
        cmocka_unit_test(keys_are_compared_whole),
        cmocka_unit_test(patterns_describe_names),
        cmocka_unit_test(patterns_take_bounded_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
