/* SPDX-License-Identifier: BSD-2-Clause */
/* loader.conf: what is read, and that nothing in it can stop a boot. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "boot/loader_conf.h"
#include "tests/unit/support/notes.h"

static struct loader_conf conf;

static void parse(const char *text)
{
    notes_clear();
    memset(&conf, 0xa5, sizeof(conf));
    loader_conf_parse(&conf, "loader.conf", text, strlen(text));
}

static void default_and_timeout_are_read(void **state)
{
    (void)state;
    parse("# a comment\ntimeout 3\r\ndefault  debian-*.conf \neditor no\nconsole-mode max\n");
    assert_string_equal(conf.preferred, "debian-*.conf");
    assert_int_equal(conf.timeout.mode, MENU_TIMED);
    assert_int_equal(conf.timeout.seconds, 3);
    assert_int_equal(notes_count(), 0);
}

static void empty_file_boots_at_once(void **state)
{
    (void)state;
    parse("");
    assert_string_equal(conf.preferred, "");
    assert_int_equal(conf.timeout.mode, MENU_HIDDEN);
    parse("timeout\ndefault\n");
    assert_string_equal(conf.preferred, "");
    assert_int_equal(conf.timeout.mode, MENU_HIDDEN);
    assert_int_equal(notes_count(), 0);
}

static void menu_words_are_understood(void **state)
{
    (void)state;
    parse("timeout menu-force");
    assert_int_equal(conf.timeout.mode, MENU_FORCED);
    parse("timeout menu-hidden");
    assert_int_equal(conf.timeout.mode, MENU_HIDDEN);
    parse("timeout menu-disabled");
    assert_int_equal(conf.timeout.mode, MENU_DISABLED);
    assert_int_equal(notes_count(), 0);
}

static void what_cannot_be_understood_costs_a_note(void **state)
{
    char text[512] = "default ";

    (void)state;
    parse("timeout soon\ndefault a\n");
    assert_int_equal(conf.timeout.mode, MENU_HIDDEN);
    assert_string_equal(conf.preferred, "a");
    assert_non_null(strstr(notes_text(), "loader.conf: timeout 'soon' is neither"));
    parse("default @saved\n");
    assert_string_equal(conf.preferred, "");
    assert_non_null(strstr(notes_text(), "'default @saved' needs UEFI variables"));

    memset(text + 8, 'x', LOADER_CONF_PATTERN_MAX - 1);
    parse(text);
    assert_int_equal(strlen(conf.preferred), LOADER_CONF_PATTERN_MAX - 1);
    assert_int_equal(notes_count(), 0);
    text[8 + LOADER_CONF_PATTERN_MAX - 1] = 'x';
    parse(text);
    assert_string_equal(conf.preferred, "");
    assert_non_null(strstr(notes_text(), "line 1: the value has 256 bytes, the limit is 255"));
}

static void what_is_no_text_is_ignored(void **state)
{
    static char large[LOADER_CONF_FILE_MAX + 1];

    (void)state;
    notes_clear();
    loader_conf_parse(&conf, "loader.conf", "default a\0b", 11);
    assert_string_equal(conf.preferred, "");
    assert_int_equal(notes_count(), 1);
    memset(large, '\n', sizeof(large));
    memcpy(large, "default a", 9);
    loader_conf_parse(&conf, "loader.conf", large, sizeof(large));
    assert_string_equal(conf.preferred, "");
    assert_int_equal(notes_count(), 2);
    loader_conf_parse(&conf, "loader.conf", large, sizeof(large) - 1);
    assert_string_equal(conf.preferred, "a");
    assert_int_equal(notes_count(), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(default_and_timeout_are_read),
        cmocka_unit_test(empty_file_boots_at_once),
        cmocka_unit_test(menu_words_are_understood),
        cmocka_unit_test(what_cannot_be_understood_costs_a_note),
        cmocka_unit_test(what_is_no_text_is_ignored),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
