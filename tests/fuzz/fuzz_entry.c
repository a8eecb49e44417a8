/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Boot entries: the input is a list of files, each a line with the name and then the text up to a form feed. Sorting
 * must not depend on the order in which they come, and labels must be harmless.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "boot/diag.h"
#include "boot/entries.h"
#include "boot/error.h"
#include "tests/fuzz/support/check.h"

#define FILES_MAX 6u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_entry(const struct boot_entry *entry)
{
    const char *const strings[] = {entry->id,      entry->suffix,     entry->title,
                                   entry->version, entry->machine_id, entry->sort_key,
                                   entry->options};

    for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++) {
        CHECK(strings[i] != NULL && strlen(strings[i]) <= BOOT_ENTRY_FILE_MAX);
    }
    CHECK(entry->id[0] != '\0' && entry->kernel[0] != '\0');
    CHECK(entry->initrds <= BOOT_ENTRY_INITRDS_MAX);
    for (unsigned i = 0; i < entry->initrds; i++) {
        CHECK(entry->initrd[i][0] != '\0');
    }
}

/* Reads one file and adds its entry. */
static void add_file(struct boot_entries *list, const uint8_t *data, size_t size)
{
    const uint8_t *text = memchr(data, '\n', size);
    struct boot_entry entry;
    struct diag diag = {0};
    char name[256] = {0};
    int result;

    if (text == NULL || (size_t)(text - data) >= sizeof(name)) {
        return;
    }
    memcpy(name, data, (size_t)(text - data));
    text++;
    result =
        boot_entry_parse(&entry, name, (const char *)text, size - (size_t)(text - data), &diag);
    if (result == 0) {
        check_entry(&entry);
        CHECK(boot_entries_add(list, &entry, &diag) == 0);
    } else {
        CHECK(result == BOOT_ENTRY_HIDDEN || (result == diag.error && diag.text[0] != '\0'));
    }
}

/* Adds all files, forwards or backwards, and sorts. */
static void make_list(struct boot_entries *list, const uint8_t *data, size_t size, int backwards)
{
    const uint8_t *start[FILES_MAX + 1];
    unsigned files = 0;

    for (const uint8_t *p = data; p != NULL && p < data + size && files < FILES_MAX;) {
        const uint8_t *end = memchr(p, '\f', size - (size_t)(p - data));

        start[files++] = p;
        p = end == NULL ? NULL : end + 1;
    }
    start[files] = data + size;
    for (unsigned i = 0; i < files; i++) {
        const unsigned n = backwards ? files - 1 - i : i;
        const size_t length = (size_t)(start[n + 1] - start[n]);

        add_file(list, start[n], n + 1 < files ? length - 1 : length);
    }
    boot_entries_sort(list);
}

static int is_same(const struct boot_entry *a, const struct boot_entry *b)
{
    return strcmp(a->id, b->id) == 0 && strcmp(a->sort_key, b->sort_key) == 0 &&
           a->counted == b->counted && a->tries_left == b->tries_left &&
           a->tries_done == b->tries_done;
}

static void check_label(const struct boot_entries *list, unsigned index)
{
    char label[BOOT_ENTRY_LABEL_MAX];

    boot_entries_label(list, index, 70, label);
    CHECK(strlen(label) < sizeof(label));
    for (const char *p = label; *p != '\0'; p++) {
        CHECK((unsigned char)*p >= 0x20 && *p != 0x7f);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct boot_entries forwards = {0};
    struct boot_entries backwards = {0};

    make_list(&forwards, data, size, 0);
    make_list(&backwards, data, size, 1);
    CHECK(forwards.count == backwards.count);
    for (unsigned i = 0; i < forwards.count; i++) {
        CHECK(is_same(&forwards.entry[i], &backwards.entry[i]));
        CHECK(boot_entries_find(&forwards, forwards.entry[i].title) <= forwards.count);
        check_label(&forwards, i);
    }
    CHECK(boot_entries_find(&forwards, "*") == 0);
    boot_entries_free(&forwards);
    boot_entries_free(&backwards);
    return 0;
}
