/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The list of boot entries: its order, the default, and what a person gets to read. UAPI Group: Boot Loader
 * Specification (UAPI.1), "Sorting".
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "boot/config_text.h"
#include "boot/diag.h"
#include "boot/entries.h"
#include "boot/error.h"
#include "boot/unicode.h"
#include "boot/version_compare.h"

int boot_entries_add(struct boot_entries *list, struct boot_entry *entry, struct diag *diag)
{
    if (list->count == BOOT_ENTRIES_MAX) {
        boot_entry_free(entry);
        return diag_fail(diag, -BOOT_E_CONFIG, "more than %u boot entries", BOOT_ENTRIES_MAX);
    }
    if (list->count == list->room) {
        const unsigned room = list->room == 0 ? 8 : 2 * list->room;
        struct boot_entry *grown = realloc(list->entry, room * sizeof(*grown));

        if (grown == NULL) {
            boot_entry_free(entry);
            return diag_fail(diag, -BOOT_E_NO_MEMORY, "no memory for a list of %u boot entries",
                             room);
        }
        list->entry = grown;
        list->room = room;
    }
    list->entry[list->count++] = *entry;
    entry->strings = NULL;
    return 0;
}

void boot_entries_free(struct boot_entries *list)
{
    for (unsigned i = 0; i < list->count; i++) {
        boot_entry_free(&list->entry[i]);
    }
    free(list->entry);
    *list = (struct boot_entries){0};
}

static int compare_numbers(unsigned a, unsigned b)
{
    return (int)(a > b) - (int)(a < b);
}

static bool is_bad(const struct boot_entry *entry)
{
    return entry->counted && entry->tries_left == 0;
}

/* Rules 1 to 3 of the specification. */
static int compare_keys(const struct boot_entry *a, const struct boot_entry *b)
{
    const bool key_a = a->sort_key[0] != '\0';
    const bool key_b = b->sort_key[0] != '\0';
    int order;

    if (is_bad(a) != is_bad(b)) {
        return is_bad(a) ? 1 : -1;
    }
    if (key_a != key_b) {
        return key_a ? -1 : 1;
    }
    if (!key_a) {
        return 0;
    }
    order = strcmp(a->sort_key, b->sort_key);
    if (order == 0) {
        order = strcmp(a->machine_id, b->machine_id);
    }
    return order != 0 ? order : version_compare(b->version, a->version);
}

/* Rule 4; what follows it only makes the order complete, so that it does not depend on that of the directory. */
static int compare_names(const struct boot_entry *a, const struct boot_entry *b)
{
    int order = version_compare(b->id, a->id);

    if (order == 0) {
        order = strcmp(b->id, a->id);
    }
    if (order == 0) {
        order = compare_numbers(b->tries_left, a->tries_left);
    }
    if (order == 0) {
        order = compare_numbers(a->tries_done, b->tries_done);
    }
    if (order == 0) {
        order = strcmp(a->suffix, b->suffix);
    }
    return order != 0 ? order : compare_numbers(a->volume, b->volume);
}

static int compare_entries(const void *left, const void *right)
{
    const struct boot_entry *a = left;
    const struct boot_entry *b = right;
    const int order = compare_keys(a, b);

    return order != 0 ? order : compare_names(a, b);
}

void boot_entries_sort(struct boot_entries *list)
{
    if (list->count > 1) {
        qsort(list->entry, list->count, sizeof(list->entry[0]), compare_entries);
    }
}

/* Whether the pattern describes the id, or the id and its suffix. */
static bool entry_fits(const struct boot_entry *entry, const char *pattern)
{
    char name[256];
    const size_t length = strlen(entry->id);
    const size_t suffix_length = strlen(entry->suffix);

    if (config_glob(pattern, entry->id)) {
        return true;
    }
    if (length + suffix_length >= sizeof(name)) { /* longer than a file name can be */
        return false;
    }
    memcpy(name, entry->id, length);
    memcpy(name + length, entry->suffix, suffix_length + 1);
    return config_glob(pattern, name);
}

unsigned boot_entries_find(const struct boot_entries *list, const char *pattern)
{
    unsigned i = 0;

    while (i < list->count && !entry_fits(&list->entry[i], pattern)) {
        i++;
    }
    return i;
}

int boot_entries_default(const struct boot_entries *list, const char *wanted, const char *preferred,
                         unsigned *index, struct diag *diag)
{
    *index = 0;
    if (list->count == 0) {
        return diag_fail(diag, -BOOT_E_NO_ENTRY,
                         "no boot entry in /loader/entries and no image in /EFI/Linux");
    }
    if (wanted[0] != '\0') {
        *index = boot_entries_find(list, wanted);
        if (*index == list->count) {
            return diag_fail(diag, -BOOT_E_NO_ENTRY,
                             "no boot entry is named '%s'; the first of %u is '%s'", wanted,
                             list->count, list->entry[0].id);
        }
    } else if (preferred[0] != '\0') {
        *index = boot_entries_find(list, preferred);
        if (*index == list->count) {
            diag_note("no boot entry is named '%s', which loader.conf prefers", preferred);
            *index = 0;
        }
    }
    return 0;
}

/* A label that is being written. */
struct label {
    char *at;
    char *end; /* the terminator fits here */
    unsigned columns;
};

/* Control characters, and those that only change how others are shown, could make a label lie. */
static bool is_printable(uint32_t character)
{
    return character >= 0x20 && !(character >= 0x7f && character <= 0x9f) &&
           !(character >= 0x200b && character <= 0x200f) &&
           !(character >= 0x2028 && character <= 0x202e) &&
           !(character >= 0x2060 && character <= 0x206f) && character != UNICODE_REPLACEMENT;
}

static void append(struct label *label, const char *text)
{
    const char *end = text + strlen(text);

    while (text < end) {
        const char *start = text;
        const uint32_t character = unicode_next(&text, end);
        const bool printable = is_printable(character);
        const unsigned width = printable && character >= 0x1100 ? 2 : 1;
        const size_t bytes = printable ? (size_t)(text - start) : 1;

        if (label->columns < width || (size_t)(label->end - label->at) < bytes) {
            return;
        }
        memcpy(label->at, printable ? start : "?", bytes);
        label->at += bytes;
        label->columns -= width;
    }
}

void boot_entries_label(const struct boot_entries *list, unsigned index, unsigned columns,
                        char *label)
{
    const struct boot_entry *entry = &list->entry[index];
    struct label out = {label, label + BOOT_ENTRY_LABEL_MAX - 1, columns};
    bool same_title = false;
    bool same_version = false;

    for (unsigned i = 0; i < list->count; i++) {
        const struct boot_entry *other = &list->entry[i];

        if (i != index && strcmp(other->title, entry->title) == 0) {
            same_title = true;
            same_version = same_version || strcmp(other->version, entry->version) == 0;
        }
    }
    append(&out, entry->title[0] != '\0' ? entry->title : entry->id);
    if (entry->title[0] != '\0' && same_title && entry->version[0] != '\0') {
        append(&out, " (");
        append(&out, entry->version);
        append(&out, ")");
    }
    if (entry->title[0] != '\0' && same_version) {
        append(&out, " (");
        append(&out, entry->id);
        append(&out, ")");
    }
    *out.at = '\0';
}
