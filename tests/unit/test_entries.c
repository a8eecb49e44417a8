/* SPDX-License-Identifier: BSD-2-Clause */
/* Boot entries: keys, boot counters, order, default and labels of the Boot Loader Specification (UAPI.1). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "boot/diag.h"
#include "boot/entries.h"
#include "boot/error.h"
#include "tests/unit/support/notes.h"

static struct diag diag;
static struct boot_entry entry;

/* Appends to a text in an array of `size` bytes. */
static void append(char *text, size_t size, const char *more)
{
    const size_t length = strlen(text);

    assert_true(length + strlen(more) < size);
    memcpy(text + length, more, strlen(more) + 1);
}

static int parse_bytes(const char *name, const char *text, size_t size)
{
    /* A copy of exactly this size, so that a read beyond it is found. */
    char *copy = malloc(size > 0 ? size : 1);
    int result;

    assert_non_null(copy);
    memcpy(copy, text, size);
    memset(&diag, 0, sizeof(diag));
    notes_clear();
    result = boot_entry_parse(&entry, name, copy, size, &diag);
    free(copy);
    return result;
}

static int parse(const char *name, const char *text)
{
    return parse_bytes(name, text, strlen(text));
}

static void check_error(int result, int error, const char *words)
{
    assert_int_equal(result, -error);
    assert_int_equal(diag.error, -error);
    if (strstr(diag.text, words) == NULL) {
        fail_msg("'%s' does not say '%s'", diag.text, words);
    }
}

/* ---- One entry ---- */

/* The example of the specification. */
static void published_example_is_understood(void **state)
{
    (void)state;
    assert_int_equal(
        parse("6a9857a393724b7a981ebb5b8495b9ea-3.8.0-2.fc19.x86_64.conf",
              "# /boot/loader/entries/6a9857a393724b7a981ebb5b8495b9ea-3.8.0-2.fc19.x86_64.conf\n"
              "title        Fedora 19 (Rawhide)\n"
              "sort-key     fedora\n"
              "machine-id   6a9857a393724b7a981ebb5b8495b9ea\n"
              "version      3.8.0-2.fc19.x86_64\n"
              "options      root=UUID=6d3376e4-fc93-4509-95ec-a21d68011da2 quiet\n"
              "architecture x64\n"
              "linux        /6a9857a393724b7a981ebb5b8495b9ea/3.8.0-2.fc19.x86_64/linux\n"
              "initrd       /6a9857a393724b7a981ebb5b8495b9ea/3.8.0-2.fc19.x86_64/initrd\n"),
        0);
    assert_string_equal(entry.id, "6a9857a393724b7a981ebb5b8495b9ea-3.8.0-2.fc19.x86_64");
    assert_string_equal(entry.suffix, ".conf");
    assert_string_equal(entry.title, "Fedora 19 (Rawhide)");
    assert_string_equal(entry.sort_key, "fedora");
    assert_string_equal(entry.machine_id, "6a9857a393724b7a981ebb5b8495b9ea");
    assert_string_equal(entry.version, "3.8.0-2.fc19.x86_64");
    assert_string_equal(entry.options, "root=UUID=6d3376e4-fc93-4509-95ec-a21d68011da2 quiet");
    assert_string_equal(entry.kernel,
                        "/6a9857a393724b7a981ebb5b8495b9ea/3.8.0-2.fc19.x86_64/linux");
    assert_int_equal(entry.initrds, 1);
    assert_string_equal(entry.initrd[0],
                        "/6a9857a393724b7a981ebb5b8495b9ea/3.8.0-2.fc19.x86_64/initrd");
    assert_false(entry.counted);
    boot_entry_free(&entry);
}

static void only_a_kernel_is_needed(void **state)
{
    (void)state;
    assert_int_equal(parse("a.conf", "linux /vmlinuz"), 0);
    assert_string_equal(entry.kernel, "/vmlinuz");
    assert_string_equal(entry.title, "");
    assert_string_equal(entry.version, "");
    assert_string_equal(entry.machine_id, "");
    assert_string_equal(entry.sort_key, "");
    assert_string_equal(entry.options, "");
    assert_int_equal(entry.initrds, 0);
    boot_entry_free(&entry);
    assert_int_equal(parse("a.conf", "uki /EFI/Linux/a.efi"), 0);
    assert_string_equal(entry.kernel, "/EFI/Linux/a.efi");
    boot_entry_free(&entry);
    check_error(parse("a.conf", "title x\nlinux\n"), BOOT_E_CONFIG, "no line names a kernel");
    check_error(parse("a.conf", ""), BOOT_E_CONFIG, "no line names a kernel");
}

static void initrds_keep_their_order(void **state)
{
    char text[1024] = "linux /l\n";

    (void)state;
    assert_int_equal(parse("a.conf", "initrd /one\nlinux /l\ninitrd /two two\n"), 0);
    assert_int_equal(entry.initrds, 2);
    assert_string_equal(entry.initrd[0], "/one");
    assert_string_equal(entry.initrd[1], "/two two");
    boot_entry_free(&entry);

    for (unsigned i = 0; i < BOOT_ENTRY_INITRDS_MAX; i++) {
        append(text, sizeof(text), "initrd /i\n");
    }
    assert_int_equal(parse("a.conf", text), 0);
    assert_int_equal(entry.initrds, BOOT_ENTRY_INITRDS_MAX);
    boot_entry_free(&entry);
    append(text, sizeof(text), "initrd /i\n");
    check_error(parse("a.conf", text), BOOT_E_CONFIG, "line 18: more than 16 initrd lines");
}

static void options_of_several_lines_are_joined(void **state)
{
    (void)state;
    assert_int_equal(parse("a.conf", "options root=/dev/vda2  ro\nlinux /l\noptions quiet\n"
                                     "options\noptions a=\"b  c\"\r\n"),
                     0);
    assert_string_equal(entry.options, "root=/dev/vda2  ro quiet a=\"b  c\"");
    boot_entry_free(&entry);
}

static void last_of_several_lines_counts(void **state)
{
    (void)state;
    assert_int_equal(parse("a.conf", "linux /one\ntitle one\nlinux /two\ntitle two\ntitle\n"), 0);
    assert_string_equal(entry.kernel, "/two");
    assert_string_equal(entry.title, "two");
    boot_entry_free(&entry);
}

static void unknown_keys_are_ignored(void **state)
{
    (void)state;
    assert_int_equal(parse("a.conf", "grub_users $x\nLINUX /no\nlinux /l\nid debian\n"), 0);
    assert_string_equal(entry.kernel, "/l");
    assert_int_equal(notes_count(), 0);
    boot_entry_free(&entry);
}

static void entries_for_other_machines_are_hidden(void **state)
{
    (void)state;
    assert_int_equal(parse("a.conf", "linux /l\narchitecture AA64\n"), BOOT_ENTRY_HIDDEN);
    assert_non_null(strstr(notes_text(), "a.conf: entry left out: it is for another architecture"));
    assert_int_equal(parse("a.conf", "linux /l\narchitecture X64\n"), 0);
    assert_int_equal(notes_count(), 0);
    boot_entry_free(&entry);
    assert_int_equal(parse("a.conf", "efi /EFI/memtest.efi\n"), BOOT_ENTRY_HIDDEN);
    assert_non_null(strstr(notes_text(), "needs UEFI"));
    /* Even if another machine's entry cannot be booted there, either. */
    assert_int_equal(parse("a.conf", "architecture ia32\n"), BOOT_ENTRY_HIDDEN);
}

static void device_trees_are_left_alone_with_a_note(void **state)
{
    (void)state;
    assert_int_equal(parse("a.conf", "linux /l\ndevicetree /x.dtb\ndevicetree-overlay /y\n"), 0);
    assert_int_equal(notes_count(), 2);
    assert_non_null(strstr(notes_text(), "a.conf: line 2: this machine takes no device tree"));
    boot_entry_free(&entry);
}

static void what_is_no_text_is_refused(void **state)
{
    static char large[BOOT_ENTRY_FILE_MAX + 1];

    (void)state;
    check_error(parse_bytes("a.conf", "linux /l\0\n", 10), BOOT_E_CONFIG, "NUL byte");
    memset(large, '#', sizeof(large));
    memcpy(large, "linux /l\n", 9);
    check_error(parse_bytes("a.conf", large, sizeof(large)), BOOT_E_CONFIG, "at most 65536");
    assert_int_equal(parse_bytes("a.conf", large, sizeof(large) - 1), 0);
    boot_entry_free(&entry);
}

static void largest_texts_fit(void **state)
{
    static char text[BOOT_ENTRY_FILE_MAX];
    size_t used = 0;

    (void)state;
    /* Values that fill a file: every byte of them must have room, in both halves of the strings. */
    used += (size_t)snprintf(text, sizeof(text), "linux /");
    memset(text + used, 'k', 30000);
    used += 30000;
    used += (size_t)snprintf(text + used, sizeof(text) - used, "\noptions ");
    memset(text + used, 'o', sizeof(text) - used);
    assert_int_equal(parse_bytes("a.conf", text, sizeof(text)), 0);
    assert_int_equal(strlen(entry.kernel), 30001);
    assert_int_equal(strlen(entry.options), sizeof(text) - used);
    boot_entry_free(&entry);

    for (size_t i = 0; i + 2 <= sizeof(text); i += 2) { /* the shortest lines */
        memcpy(text + i, "o\n", 2);
    }
    memcpy(text, "linux l\n", 8);
    assert_int_equal(parse_bytes("a.conf", text, sizeof(text)), 0);
    boot_entry_free(&entry);
}

/* ---- Names ("Boot counting") ---- */

static void check_name(const char *name, const char *id, int left, unsigned done)
{
    assert_int_equal(parse(name, "linux /l"), 0);
    assert_string_equal(entry.id, id);
    assert_int_equal(entry.counted, left >= 0);
    if (left >= 0) {
        assert_int_equal(entry.tries_left, left);
        assert_int_equal(entry.tries_done, done);
    }
    boot_entry_free(&entry);
}

static void boot_counters_are_read_from_names(void **state)
{
    (void)state;
    check_name("arch.conf", "arch", -1, 0);
    check_name("arch+3.conf", "arch", 3, 0);
    check_name("arch+2-1.conf", "arch", 2, 1);
    check_name("arch+0-3.CONF", "arch", 0, 3);
    check_name("a+b+000012-000034.conf", "a+b", 12, 34);
    check_name("6.1.0+deb.conf", "6.1.0+deb", -1, 0);
    check_name("arch+.conf", "arch+", -1, 0);
    check_name("arch+3-.conf", "arch+3-", -1, 0);
    check_name("arch+-1.conf", "arch+-1", -1, 0);
    check_name("arch+3-1x.conf", "arch+3-1x", -1, 0);
    check_name("arch+9999999.conf", "arch+9999999", -1, 0);
    check_name("+3.conf", "+3", -1, 0);
}

static void names_need_their_suffix(void **state)
{
    (void)state;
    check_error(parse("arch", "linux /l"), BOOT_E_CONFIG, "ends in .conf or .efi");
    check_error(parse(".conf", "linux /l"), BOOT_E_CONFIG, "ends in .conf or .efi");
    assert_true(boot_entry_has_suffix("a.CONF", ".conf"));
    assert_true(boot_entry_has_suffix("A.EFI", ".efi"));
    assert_false(boot_entry_has_suffix(".conf", ".conf"));
    assert_false(boot_entry_has_suffix("a.conf~", ".conf"));
    assert_false(boot_entry_has_suffix("", ".conf"));
}

/* ---- Lists ---- */

static struct boot_entries list;

static int clear_list(void **state)
{
    (void)state;
    boot_entries_free(&list);
    assert_int_equal(list.count, 0);
    return 0;
}

static void add(const char *name, const char *keys)
{
    char text[512];

    snprintf(text, sizeof(text), "linux /l\n%s", keys);
    assert_int_equal(parse(name, text), 0);
    entry.volume = list.count;
    assert_int_equal(boot_entries_add(&list, &entry, &diag), 0);
}

/* Sorts the list and checks the order of the ids. */
static void check_order(const char *expected)
{
    char found[512];
    size_t used = 0;

    boot_entries_sort(&list);
    found[0] = '\0';
    for (unsigned i = 0; i < list.count; i++) {
        used += (size_t)snprintf(found + used, sizeof(found) - used, "%s%s", i == 0 ? "" : " ",
                                 list.entry[i].id);
    }
    assert_string_equal(found, expected);
}

static void newest_version_comes_first(void **state)
{
    (void)state;
    add("d9.conf", "sort-key debian\nversion 6.1.0-9-amd64\n");
    add("d10.conf", "sort-key debian\nversion 6.1.0-10-amd64\n");
    add("drc.conf", "sort-key debian\nversion 6.12~rc1\n");
    add("d12.conf", "sort-key debian\nversion 6.12\n");
    check_order("d12 drc d10 d9");
}

static void sort_key_and_machine_id_come_before_the_version(void **state)
{
    (void)state;
    add("f.conf", "sort-key fedora\nversion 9\n");
    add("d2.conf", "sort-key debian\nmachine-id b\nversion 9\n");
    add("d1.conf", "sort-key debian\nmachine-id a\nversion 1\n");
    add("d0.conf", "sort-key debian\nversion 0\n");
    check_order("d0 d1 d2 f");
}

static void entries_without_sort_key_follow_by_name(void **state)
{
    (void)state;
    /* Without a sort-key neither version nor machine-id counts. */
    add("linux-9.conf", "version 99\nmachine-id a\n");
    add("linux-10.conf", "version 1\nmachine-id z\n");
    add("key.conf", "sort-key zzz\n");
    check_order("key linux-10 linux-9");
}

static void same_keys_are_ordered_by_name(void **state)
{
    (void)state;
    add("a-1.conf", "sort-key d\nversion 1\n");
    add("a-11.conf", "sort-key d\nversion 1\n");
    add("a-2.conf", "sort-key d\nversion 1\n");
    check_order("a-11 a-2 a-1");
}

static void bad_entries_come_last(void **state)
{
    (void)state;
    add("bad+0-3.conf", "sort-key a\nversion 9\n");
    add("good.conf", "version 1\n");
    add("new+1-2.conf", "sort-key b\nversion 1\n");
    check_order("new good bad");
}

static void order_does_not_depend_on_the_directory(void **state)
{
    static const char *const names[] = {"a_1.conf", "a1.conf", "A1.conf", "a1+3.conf",
                                        "a1+2-1.conf"};
    char first[512] = "";

    (void)state;
    for (unsigned start = 0; start < 5; start++) {
        char found[512] = "";

        for (unsigned i = 0; i < 5; i++) {
            add(names[(start + i) % 5], "");
        }
        boot_entries_sort(&list);
        for (unsigned i = 0; i < 5; i++) {
            const struct boot_entry *e = &list.entry[i];

            snprintf(found + strlen(found), sizeof(found) - strlen(found), " %s+%d-%u", e->id,
                     e->counted ? (int)e->tries_left : -1, e->tries_done);
        }
        if (start == 0) {
            memcpy(first, found, sizeof(first));
        }
        assert_string_equal(found, first);
        boot_entries_free(&list);
    }
}

static void lists_have_a_limit(void **state)
{
    (void)state;
    for (unsigned i = 0; i < BOOT_ENTRIES_MAX; i++) {
        char name[32];

        snprintf(name, sizeof(name), "e%u.conf", i);
        add(name, "");
    }
    assert_int_equal(parse("more.conf", "linux /l"), 0);
    check_error(boot_entries_add(&list, &entry, &diag), BOOT_E_CONFIG, "more than 256");
    assert_int_equal(list.count, BOOT_ENTRIES_MAX);
    boot_entries_sort(&list);
    assert_string_equal(list.entry[0].id, "e255");
    assert_string_equal(list.entry[255].id, "e0");
}

/* ---- The default ---- */

static void check_default(const char *wanted, const char *preferred, const char *id)
{
    unsigned index;

    notes_clear();
    memset(&diag, 0, sizeof(diag));
    assert_int_equal(boot_entries_default(&list, wanted, preferred, &index, &diag), 0);
    assert_string_equal(list.entry[index].id, id);
}

static void default_is_found_by_name_or_pattern(void **state)
{
    (void)state;
    add("debian-6.1.conf", "");
    add("debian-6.12.conf", "");
    add("fedora+0-3.conf", "");
    boot_entries_sort(&list);
    check_default("", "", "debian-6.12");
    check_default("", "debian-6.1.conf", "debian-6.1");
    check_default("", "Debian-6.1", "debian-6.1");
    check_default("", "*-6.?", "debian-6.1");
    check_default("", "fedora", "fedora");
    check_default("fedora*", "debian*", "fedora");
    assert_int_equal(notes_count(), 0);
    check_default("", "suse*", "debian-6.12");
    assert_non_null(strstr(notes_text(), "'suse*'"));
}

static void wanted_entry_must_exist(void **state)
{
    unsigned index;

    (void)state;
    add("debian.conf", "");
    check_error(boot_entries_default(&list, "suse", "debian", &index, &diag), BOOT_E_NO_ENTRY,
                "no boot entry is named 'suse'; the first of 1 is 'debian'");
    boot_entries_free(&list);
    check_error(boot_entries_default(&list, "", "", &index, &diag), BOOT_E_NO_ENTRY,
                "no boot entry in /loader/entries");
}

/* ---- Labels ---- */

static void check_label(unsigned index, unsigned columns, const char *expected)
{
    char label[BOOT_ENTRY_LABEL_MAX];

    boot_entries_label(&list, index, columns, label);
    assert_string_equal(label, expected);
}

static void labels_tell_entries_apart(void **state)
{
    (void)state;
    add("a.conf", "title Debian\nversion 1\n");
    add("b.conf", "title Debian\nversion 2\n");
    add("c.conf", "title Fedora\nversion 2\n");
    add("d.conf", "title Arch\nversion 3\n");
    add("e.conf", "title Arch\nversion 3\n");
    add("f.conf", "");
    add("g.conf", "title Void\n");
    add("h.conf", "title Void\n");
    check_label(0, 70, "Debian (1)");
    check_label(1, 70, "Debian (2)");
    check_label(2, 70, "Fedora");
    check_label(3, 70, "Arch (3) (d)");
    check_label(4, 70, "Arch (3) (e)");
    check_label(5, 70, "f");
    check_label(6, 70, "Void (g)");
    check_label(7, 70, "Void (h)");
}

static void labels_cannot_drive_the_terminal(void **state)
{
    (void)state;
    add("a.conf", "title a\033[2Jb\tc\177\n");
    add("b.conf", "title \xc3\xa9\xc2\x9b \xff \xe2\x80\xae\xe6\xbc\xa2\n");
    check_label(0, 70, "a?[2Jb?c?");
    check_label(1, 70, "\xc3\xa9? ? ?\xe6\xbc\xa2");
}

static void labels_fit_their_columns(void **state)
{
    char title[512] = "title ";
    char label[BOOT_ENTRY_LABEL_MAX];

    (void)state;
    add("a.conf", "title abc\xc3\xa9\xe6\xbc\xa2\n");
    check_label(0, 3, "abc");
    check_label(0, 4, "abc\xc3\xa9");
    check_label(0, 5, "abc\xc3\xa9"); /* the next takes two columns */
    check_label(0, 6, "abc\xc3\xa9\xe6\xbc\xa2");
    for (unsigned i = 0; i < 120; i++) {
        append(title, sizeof(title), "\xc3\xa9");
    }
    add("b.conf", title);
    boot_entries_label(&list, 1, 1000, label);
    assert_int_equal(strlen(label), 240);
    append(title, sizeof(title),
           "\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac");
    add("c.conf", title);
    boot_entries_label(&list, 2, 1000, label);
    assert_int_equal(strlen(label), 255);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_example_is_understood),
        cmocka_unit_test(only_a_kernel_is_needed),
        cmocka_unit_test(initrds_keep_their_order),
        cmocka_unit_test(options_of_several_lines_are_joined),
        cmocka_unit_test(last_of_several_lines_counts),
        cmocka_unit_test(unknown_keys_are_ignored),
        cmocka_unit_test(entries_for_other_machines_are_hidden),
        cmocka_unit_test(device_trees_are_left_alone_with_a_note),
        cmocka_unit_test(what_is_no_text_is_refused),
        cmocka_unit_test(largest_texts_fit),
        cmocka_unit_test(boot_counters_are_read_from_names),
        cmocka_unit_test(names_need_their_suffix),
        cmocka_unit_test_teardown(newest_version_comes_first, clear_list),
        cmocka_unit_test_teardown(sort_key_and_machine_id_come_before_the_version, clear_list),
        cmocka_unit_test_teardown(entries_without_sort_key_follow_by_name, clear_list),
        cmocka_unit_test_teardown(same_keys_are_ordered_by_name, clear_list),
        cmocka_unit_test_teardown(bad_entries_come_last, clear_list),
        cmocka_unit_test_teardown(order_does_not_depend_on_the_directory, clear_list),
        cmocka_unit_test_teardown(lists_have_a_limit, clear_list),
        cmocka_unit_test_teardown(default_is_found_by_name_or_pattern, clear_list),
        cmocka_unit_test_teardown(wanted_entry_must_exist, clear_list),
        cmocka_unit_test_teardown(labels_tell_entries_apart, clear_list),
        cmocka_unit_test_teardown(labels_cannot_drive_the_terminal, clear_list),
        cmocka_unit_test_teardown(labels_fit_their_columns, clear_list),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
