/* SPDX-License-Identifier: BSD-2-Clause */
/* Settings: every key, from files and from the command line; what cannot be understood is said by its full name. */
#include "boot/settings.h"

#include "boot/diag.h"
#include "boot/error.h"
#include "boot/platform.h"
#include "tests/unit/support/notes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The files that the host passes in. */
static struct {
    const char *name;
    const char *text;
    size_t size;
} files[128];
static unsigned file_count;

static struct settings settings;
static struct diag diag;

unsigned platform_files(const char *prefix, struct platform_file *out, unsigned max)
{
    unsigned found = 0;

    for (unsigned i = 0; i < file_count; i++) {
        if (strncmp(files[i].name, prefix, strlen(prefix)) != 0)
            continue;
        if (found < max) {
            out[found] = (struct platform_file){
                .size = (uint32_t)files[i].size,
                .select = (uint16_t)i,
            };
            snprintf(out[found].name, sizeof(out[found].name), "%s", files[i].name);
        }
        found++;
    }
    return found;
}

size_t platform_file_read(const struct platform_file *file, void *buffer, size_t length)
{
    size_t bytes = length < file->size ? length : file->size;

    memcpy(buffer, files[file->select].text, bytes);
    return bytes;
}

static void add_file(const char *name, const char *text)
{
    files[file_count].name = name;
    files[file_count].size = strlen(text);
    files[file_count++].text = text;
}

static int set_up(void **state)
{
    (void)state;
    file_count = 0;
    memset(&diag, 0, sizeof(diag));
    memset(&settings, 0xee, sizeof(settings));
    settings_default(&settings);
    notes_clear();
    return 0;
}

static void read_line(const char *line)
{
    assert_int_equal(settings_command_line(&settings, line, &diag), 0);
}

/* The line must be refused with a message that has both parts. */
static void check_refused(const char *line, const char *part, const char *other)
{
    set_up(NULL);
    assert_int_equal(settings_command_line(&settings, line, &diag), -BOOT_E_CONFIG);
    assert_int_equal(diag.error, -BOOT_E_CONFIG);
    assert_non_null(strstr(diag.text, part));
    assert_non_null(strstr(diag.text, other));
}

static void nothing_is_set_at_first(void **state)
{
    (void)state;
    assert_int_equal(settings_files(&settings, &diag), 0);
    read_line("");
    read_line("  \t\n ");
    assert_string_equal(settings.entry, "");
    assert_string_equal(settings.linux_path, "");
    assert_string_equal(settings.options, "");
    assert_string_equal(settings.append, "");
    assert_false(settings.timeout_set);
    assert_int_equal(settings.disk.by, SETTINGS_DISK_ANY);
    assert_int_equal(settings.initrds, 0);
    assert_false(settings.strict);
    assert_int_equal(settings.log, VIRTIO_LOG_INFO);
    assert_int_equal(settings.reset_ms, 0);
    assert_int_equal(settings.blk_ms, 0);
    assert_int_equal(settings.console_ms, 0);
    assert_int_equal(notes_count(), 0);
}

static void every_key_can_be_set_on_the_command_line(void **state)
{
    (void)state;
    read_line(
        "slate.entry=debian-* slate.timeout=7 slate.disk=00:03.0 slate.linux=/vmlinuz "
        "slate.initrd=/a slate.options=quiet slate.append=debug slate.handoff=strict "
        "slate.log=warn slate.deadline.reset=1 slate.deadline.blk=2 slate.deadline.console=3");
    assert_string_equal(settings.entry, "debian-*");
    assert_true(settings.timeout_set);
    assert_int_equal(settings.timeout.mode, MENU_TIMED);
    assert_int_equal(settings.timeout.seconds, 7);
    assert_int_equal(settings.disk.by, SETTINGS_DISK_ADDRESS);
    assert_string_equal(settings.linux_path, "/vmlinuz");
    assert_int_equal(settings.initrds, 1);
    assert_string_equal(settings.initrd[0], "/a");
    assert_string_equal(settings.options, "quiet");
    assert_string_equal(settings.append, "debug");
    assert_true(settings.strict);
    assert_int_equal(settings.log, VIRTIO_LOG_WARN);
    assert_int_equal(settings.reset_ms, 1);
    assert_int_equal(settings.blk_ms, 2);
    assert_int_equal(settings.console_ms, 3);
    assert_int_equal(notes_count(), 0);
}

static void every_key_can_be_set_by_a_file(void **state)
{
    (void)state;
    add_file("opt/slate/append", "  debug root=/dev/vda\n");
    add_file("opt/slate/deadline.blk", "60000\n");
    add_file("opt/slate/deadline.console", "5");
    add_file("opt/slate/deadline.reset", "250");
    add_file("opt/slate/disk", "1\n");
    add_file("opt/slate/entry", "a b");
    add_file("opt/slate/handoff", "default");
    add_file("opt/slate/initrd", "/ucode\n/initrd.img\r\n\n");
    add_file("opt/slate/linux", "/vmlinuz");
    add_file("opt/slate/log", "debug");
    add_file("opt/slate/options", "");
    add_file("opt/slate/timeout", "menu-force");
    add_file("opt/other/timeout", "nonsense");
    assert_int_equal(settings_files(&settings, &diag), 0);
    assert_string_equal(settings.append, "debug root=/dev/vda");
    assert_int_equal(settings.blk_ms, 60000);
    assert_int_equal(settings.console_ms, 5);
    assert_int_equal(settings.reset_ms, 250);
    assert_int_equal(settings.disk.by, SETTINGS_DISK_INDEX);
    assert_int_equal(settings.disk.index, 1);
    assert_string_equal(settings.entry, "a b");
    assert_false(settings.strict);
    assert_int_equal(settings.initrds, 2);
    assert_string_equal(settings.initrd[0], "/ucode");
    assert_string_equal(settings.initrd[1], "/initrd.img");
    assert_string_equal(settings.linux_path, "/vmlinuz");
    assert_int_equal(settings.log, VIRTIO_LOG_DEBUG);
    assert_string_equal(settings.options, "");
    assert_int_equal(settings.timeout.mode, MENU_FORCED);
    assert_int_equal(notes_count(), 0);
}

static void the_command_line_wins(void **state)
{
    (void)state;
    add_file("opt/slate/initrd", "/1\n/2");
    add_file("opt/slate/entry", "file");
    add_file("opt/slate/append", "kept");
    assert_int_equal(settings_files(&settings, &diag), 0);
    read_line("slate.entry=line slate.initrd=/3 slate.initrd=/4");
    assert_string_equal(settings.entry, "line");
    assert_string_equal(settings.append, "kept");
    assert_int_equal(settings.initrds, 2);
    assert_string_equal(settings.initrd[0], "/3");
    assert_string_equal(settings.initrd[1], "/4");
}

static void the_last_of_several_values_counts(void **state)
{
    (void)state;
    read_line("slate.handoff=strict slate.entry=a slate.handoff=default slate.entry=b");
    assert_string_equal(settings.entry, "b");
    assert_false(settings.strict);
}

static void quotes_and_backslashes_keep_blanks(void **state)
{
    (void)state;
    read_line("slate.append=\"root=/dev/vda quiet\" \"slate.options=a  b\" slate.entry=x\\ y");
    assert_string_equal(settings.append, "root=/dev/vda quiet");
    assert_string_equal(settings.options, "a  b");
    assert_string_equal(settings.entry, "x y");
    read_line("slate.append=\"dyndbg=\\\"file a.c +p\\\" b\\\\c\" slate.options=a=b=c");
    assert_string_equal(settings.append, "dyndbg=\"file a.c +p\" b\\c");
    assert_string_equal(settings.options, "a=b=c");
    read_line("slate.entry=end\\");
    assert_string_equal(settings.entry, "end\\");
}

static void a_quote_that_is_not_closed_is_an_error(void **state)
{
    (void)state;
    check_refused("slate.log=info slate.append=\"a b", "quote", "slate.append=a b");
}

static void unknown_keys_are_noted_and_do_no_harm(void **state)
{
    (void)state;
    add_file("opt/slate/colour", "blue");
    assert_int_equal(settings_files(&settings, &diag), 0);
    assert_int_equal(notes_count(), 1);
    assert_non_null(strstr(notes_text(), "opt/slate/colour"));
    read_line("slate.color=red slate.=x slate.deadline=5 slate.Entry=x");
    assert_int_equal(notes_count(), 5);
    assert_non_null(strstr(notes_text(), "slate.color"));
    assert_string_equal(settings.entry, "");
}

static void words_for_others_are_noted_with_the_way_to_pass_them_on(void **state)
{
    (void)state;
    read_line("console=ttyS0 slate.entry=x");
    assert_int_equal(notes_count(), 1);
    assert_non_null(strstr(notes_text(), "console=ttyS0"));
    assert_non_null(strstr(notes_text(), "slate.append"));
    assert_string_equal(settings.entry, "x");
}

static void a_key_needs_a_value(void **state)
{
    (void)state;
    check_refused("slate.entry", "slate.entry", "no value");
}

static void values_that_cannot_be_understood_are_refused_by_name(void **state)
{
    static const struct {
        const char *line, *key, *found;
    } cases[] = {
        {"slate.handoff=Strict", "slate.handoff", "Strict"},
        {"slate.handoff=", "slate.handoff", "\"\""},
        {"slate.log=verbose", "slate.log", "verbose"},
        {"slate.timeout=soon", "slate.timeout", "soon"},
        {"slate.timeout=-1", "slate.timeout", "-1"},
        {"slate.deadline.blk=0", "slate.deadline.blk", "milliseconds"},
        {"slate.deadline.blk=3600001", "slate.deadline.blk", "3600001"},
        {"slate.deadline.reset=5s", "slate.deadline.reset", "5s"},
        {"slate.deadline.reset=-5", "slate.deadline.reset", "-5"},
        {"slate.deadline.console=99999999999999999999", "slate.deadline.console", "9999"},
        {"slate.deadline.console=", "slate.deadline.console", "\"\""},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        check_refused(cases[i].line, cases[i].key, cases[i].found);

    set_up(NULL);
    add_file("opt/slate/log", "verbose");
    assert_int_equal(settings_files(&settings, &diag), -BOOT_E_CONFIG);
    assert_non_null(strstr(diag.text, "opt/slate/log"));
    assert_non_null(strstr(diag.text, "\"warn\""));
}

static void a_disk_is_an_address_or_an_index(void **state)
{
    static const struct {
        const char *text;
        enum settings_disk_by by;
        unsigned index, segment, bus, device, function;
    } cases[] = {
        {"0", SETTINGS_DISK_INDEX, 0, 0, 0, 0, 0},
        {"12", SETTINGS_DISK_INDEX, 12, 0, 0, 0, 0},
        {"00:03.0", SETTINGS_DISK_ADDRESS, 0, 0, 0, 3, 0},
        {"0:3.0", SETTINGS_DISK_ADDRESS, 0, 0, 0, 3, 0},
        {"fF:1f.7", SETTINGS_DISK_ADDRESS, 0, 0, 0xff, 31, 7},
        {"abcd:40:00.1", SETTINGS_DISK_ADDRESS, 0, 0xabcd, 0x40, 0, 1},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char line[64];

        set_up(NULL);
        snprintf(line, sizeof(line), "slate.disk=%s", cases[i].text);
        read_line(line);
        assert_int_equal(settings.disk.by, cases[i].by);
        assert_int_equal(settings.disk.index, cases[i].index);
        assert_int_equal(settings.disk.segment, cases[i].segment);
        assert_int_equal(settings.disk.bus, cases[i].bus);
        assert_int_equal(settings.disk.device, cases[i].device);
        assert_int_equal(settings.disk.function, cases[i].function);
    }
}

static void a_disk_that_is_neither_is_refused(void **state)
{
    static const char *const texts[] = {
        "",        "vda",     "1001",    "-1",        "00:03",       "00:03.", "03.0",
        "00:20.0", "00:03.8", "100:0.0", "00:03.0x",  "00:03.00000", ":03.0",  "00::03.0",
        "g:0:0.0", "0:0:0:0", "0x1:2.0", "00000:0.0", "10000:0:0.0",
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        char line[64];

        snprintf(line, sizeof(line), "slate.disk=%s", texts[i]);
        check_refused(line, "slate.disk", "00:03.0");
        assert_int_equal(settings.disk.by, SETTINGS_DISK_ANY);
    }
}

static void more_initrds_than_there_is_room_for_are_an_error(void **state)
{
    char line[1024] = "";

    (void)state;
    for (unsigned i = 0; i < SETTINGS_INITRDS_MAX; i++)
        strcat(line, "slate.initrd=/x ");
    read_line(line);
    assert_int_equal(settings.initrds, SETTINGS_INITRDS_MAX);
    strcat(line, "slate.initrd=/y");
    check_refused(line, "slate.initrd", "16");
}

static char *repeat(char c, size_t count, const char *before)
{
    size_t length = strlen(before);
    char *text = malloc(length + count + 1);

    assert_non_null(text);
    memcpy(text, before, length);
    memset(text + length, c, count);
    text[length + count] = '\0';
    return text;
}

static void values_may_be_long_but_not_too_long(void **state)
{
    char *longest = repeat('x', SETTINGS_VALUE_MAX - strlen("slate.append="), "slate.append=");
    char *longer = repeat('x', SETTINGS_VALUE_MAX + 1 - strlen("slate.append="), "slate.append=");
    char *file = repeat('x', SETTINGS_VALUE_MAX, "");
    char *big_file = repeat('x', SETTINGS_VALUE_MAX + 1, "");

    (void)state;
    read_line(longest);
    assert_string_equal(settings.append, longest + strlen("slate.append="));
    check_refused(longer, "command line", "4095");
    set_up(NULL);
    add_file("opt/slate/options", file);
    assert_int_equal(settings_files(&settings, &diag), 0);
    assert_string_equal(settings.options, file);
    set_up(NULL);
    add_file("opt/slate/options", big_file);
    assert_int_equal(settings_files(&settings, &diag), -BOOT_E_CONFIG);
    assert_non_null(strstr(diag.text, "opt/slate/options"));
    free(longest);
    free(longer);
    free(file);
    free(big_file);
}

static void all_values_together_may_be_too_long(void **state)
{
    char *word = repeat('x', 4000, "slate.append=");
    unsigned good = 0;

    (void)state;
    while (good < 100 && settings_command_line(&settings, word, &diag) == 0)
        good++;
    assert_int_equal(good, SETTINGS_TEXT_MAX / 4001);
    assert_int_equal(diag.error, -BOOT_E_CONFIG);
    assert_non_null(strstr(diag.text, "slate.append"));
    free(word);
}

static void a_file_with_a_nul_in_it_is_refused(void **state)
{
    (void)state;
    add_file("opt/slate/entry", "");
    files[0].text = "a\0b";
    files[0].size = 3;
    assert_int_equal(settings_files(&settings, &diag), -BOOT_E_CONFIG);
    assert_non_null(strstr(diag.text, "opt/slate/entry"));
}

static void files_beyond_the_limit_are_noted(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 70; i++)
        add_file("opt/slate/entry", "x");
    assert_int_equal(settings_files(&settings, &diag), 0);
    assert_int_equal(notes_count(), 1);
    assert_non_null(strstr(notes_text(), "70"));
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nothing_is_set_at_first),
        TEST(every_key_can_be_set_on_the_command_line),
        TEST(every_key_can_be_set_by_a_file),
        TEST(the_command_line_wins),
        TEST(the_last_of_several_values_counts),
        TEST(quotes_and_backslashes_keep_blanks),
        TEST(a_quote_that_is_not_closed_is_an_error),
        TEST(unknown_keys_are_noted_and_do_no_harm),
        TEST(words_for_others_are_noted_with_the_way_to_pass_them_on),
        TEST(a_key_needs_a_value),
        TEST(values_that_cannot_be_understood_are_refused_by_name),
        TEST(a_disk_is_an_address_or_an_index),
        TEST(a_disk_that_is_neither_is_refused),
        TEST(more_initrds_than_there_is_room_for_are_an_error),
        TEST(values_may_be_long_but_not_too_long),
        TEST(all_values_together_may_be_too_long),
        TEST(a_file_with_a_nul_in_it_is_refused),
        TEST(files_beyond_the_limit_are_noted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
