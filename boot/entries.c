/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One boot entry: its file name, which carries the boot counter, and the keys in its file. UAPI Group: Boot Loader
 * Specification (UAPI.1), "Type #1 Boot Loader Entry Keys" and "Boot counting".
 */
#include "boot/entries.h"

#include <stdlib.h>
#include <string.h>

#include "boot/config_text.h"
#include "boot/diag.h"
#include "boot/error.h"

#define COUNTER_DIGITS_MAX 6u

bool boot_entry_has_suffix(const char *name, const char *suffix)
{
    const size_t length = strlen(name);
    const size_t suffix_length = strlen(suffix);

    return length > suffix_length &&
           config_compare_nocase(name + length - suffix_length, suffix) == 0;
}

/* Copies `length` bytes to `*at`, ends them and moves on. The caller has reserved the room. */
static const char *store(char **at, const char *text, size_t length)
{
    char *start = *at;

    memcpy(start, text, length);
    start[length] = '\0';
    *at = start + length + 1;
    return start;
}

/* Reads digits up to `end`, at least one. NULL if there are none, or more than a counter has. */
static const char *read_counter(const char *p, const char *end, unsigned *value)
{
    const char *start = p;

    *value = 0;
    while (p < end && *p >= '0' && *p <= '9') {
        *value = *value * 10 + (unsigned)(*p - '0');
        p++;
        if (p - start > (ptrdiff_t)COUNTER_DIGITS_MAX) {
            return NULL;
        }
    }
    return p == start ? NULL : p;
}

/* Takes "+LEFT" or "+LEFT-DONE" off the end of the name and returns where the name then ends. */
static const char *read_boot_counter(struct boot_entry *entry, const char *name, const char *end)
{
    const char *plus = end;
    const char *p;
    unsigned left;
    unsigned done = 0;

    while (plus > name && *plus != '+') {
        plus--;
    }
    if (plus == name) {
        return end;
    }
    p = read_counter(plus + 1, end, &left);
    if (p != NULL && p < end && *p == '-') {
        p = read_counter(p + 1, end, &done);
    }
    if (p != end) {
        return end;
    }
    entry->counted = true;
    entry->tries_left = left;
    entry->tries_done = done;
    return plus;
}

/* Sets what the file name says. `strings` has room for the name. */
static int read_name(struct boot_entry *entry, const char *name, char **strings, struct diag *diag)
{
    const char *end;

    if (boot_entry_has_suffix(name, ".conf")) {
        entry->suffix = ".conf";
    } else if (boot_entry_has_suffix(name, ".efi")) {
        entry->suffix = ".efi";
    } else {
        return diag_fail(diag, -BOOT_E_CONFIG, "%s: the name of a boot entry ends in .conf or .efi",
                         name);
    }
    end = read_boot_counter(entry, name, name + strlen(name) - strlen(entry->suffix));
    entry->id = store(strings, name, (size_t)(end - name));
    return 0;
}

/* An entry with every string "" and `size` bytes for its strings. */
static int start_entry(struct boot_entry *entry, size_t size, struct diag *diag)
{
    *entry = (struct boot_entry){
        .id = "",
        .suffix = "",
        .title = "",
        .version = "",
        .machine_id = "",
        .sort_key = "",
        .kernel = "",
        .options = "",
        .strings = malloc(size),
    };
    if (entry->strings == NULL) {
        (void)diag_fail(diag, -BOOT_E_NO_MEMORY, "no memory for a boot entry of %zu bytes", size);
        return -BOOT_E_NO_MEMORY;
    }
    return 0;
}

void boot_entry_free(struct boot_entry *entry)
{
    free(entry->strings);
    entry->strings = NULL;
}

int boot_entry_make(struct boot_entry *entry, const char *name, const char *path, const char *title,
                    const char *version, const char *sort_key, struct diag *diag)
{
    const size_t size =
        strlen(name) + strlen(path) + strlen(title) + strlen(version) + strlen(sort_key) + 5;
    char *at;
    int error;

    error = start_entry(entry, size, diag);
    if (error != 0) {
        return error;
    }
    at = entry->strings;
    error = read_name(entry, name, &at, diag);
    if (error != 0) {
        boot_entry_free(entry);
        return error;
    }
    entry->kernel = store(&at, path, strlen(path));
    entry->title = store(&at, title, strlen(title));
    entry->version = store(&at, version, strlen(version));
    entry->sort_key = store(&at, sort_key, strlen(sort_key));
    return 0;
}

/* What is known while an entry file is being read. */
struct entry_reader {
    struct boot_entry *entry;
    const char *name;
    char *strings;      /* where the next string goes */
    char *options;      /* where the next part of the options goes; NULL before the first */
    const char *hidden; /* why the entry is not for this machine, or NULL */
};

/* Reads a key that has one value; of several lines the last counts. */
static bool read_string_key(struct entry_reader *reader, const struct config_line *line)
{
    struct boot_entry *entry = reader->entry;
    const struct {
        const char *key;
        const char **value;
    } keys[] = {
        {"title", &entry->title},       {"version", &entry->version},
        {"sort-key", &entry->sort_key}, {"machine-id", &entry->machine_id},
        {"linux", &entry->kernel},      {"uki", &entry->kernel},
    };

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (config_line_is(line, keys[i].key)) {
            *keys[i].value = store(&reader->strings, line->value, line->value_length);
            return true;
        }
    }
    return false;
}

static int read_initrd(struct entry_reader *reader, const struct config_line *line,
                       struct diag *diag)
{
    struct boot_entry *entry = reader->entry;

    if (entry->initrds == BOOT_ENTRY_INITRDS_MAX) {
        return diag_fail(diag, -BOOT_E_CONFIG, "%s: line %u: more than %u initrd lines",
                         reader->name, line->number, BOOT_ENTRY_INITRDS_MAX);
    }
    entry->initrd[entry->initrds++] = store(&reader->strings, line->value, line->value_length);
    return 0;
}

/* Options may come in several lines; they are joined by spaces. */
static void read_options(struct entry_reader *reader, const struct config_line *line)
{
    if (reader->entry->options[0] != '\0') {
        reader->options[-1] = ' ';
    } else {
        reader->entry->options = reader->options;
    }
    (void)store(&reader->options, line->value, line->value_length);
}

static void read_architecture(struct entry_reader *reader, const struct config_line *line)
{
    const char *value = store(&reader->strings, line->value, line->value_length);

    if (config_compare_nocase(value, BOOT_ENTRY_ARCHITECTURE) != 0) {
        reader->hidden = "it is for another architecture than " BOOT_ENTRY_ARCHITECTURE;
    }
}

static int read_line(struct entry_reader *reader, const struct config_line *line, struct diag *diag)
{
    if (line->value_length == 0 || read_string_key(reader, line)) {
        return 0;
    }
    if (config_line_is(line, "initrd")) {
        return read_initrd(reader, line, diag);
    }
    if (config_line_is(line, "options")) {
        read_options(reader, line);
    } else if (config_line_is(line, "architecture")) {
        read_architecture(reader, line);
    } else if (config_line_is(line, "efi")) {
        reader->hidden = "its key 'efi' needs UEFI";
    } else if (config_line_is(line, "devicetree") || config_line_is(line, "devicetree-overlay")) {
        diag_note("%s: line %u: this machine takes no device tree; the line is ignored",
                  reader->name, line->number);
    }
    return 0;
}

static int read_lines(struct entry_reader *reader, const char *text, size_t size, struct diag *diag)
{
    struct config_text position;
    struct config_line line;
    int error = 0;

    config_text_start(&position, text, size);
    while (error == 0 && config_text_next(&position, &line)) {
        error = read_line(reader, &line, diag);
    }
    if (error != 0) {
        return error;
    }
    if (reader->hidden != NULL) {
        diag_note("%s: entry left out: %s", reader->name, reader->hidden);
        return BOOT_ENTRY_HIDDEN;
    }
    if (reader->entry->kernel[0] == '\0') {
        return diag_fail(diag, -BOOT_E_CONFIG, "%s: no line names a kernel (keys 'linux' or 'uki')",
                         reader->name);
    }
    return 0;
}

int boot_entry_parse(struct boot_entry *entry, const char *name, const char *text, size_t size,
                     struct diag *diag)
{
    struct entry_reader reader = {.entry = entry, .name = name};
    const size_t name_room = strlen(name) + 1;
    int result;

    if (size > BOOT_ENTRY_FILE_MAX) {
        return diag_fail(diag, -BOOT_E_CONFIG, "%s: %zu bytes; a boot entry has at most %u", name,
                         size, BOOT_ENTRY_FILE_MAX);
    }
    if (size > 0 && memchr(text, '\0', size) != NULL) {
        return diag_fail(diag, -BOOT_E_CONFIG, "%s: a NUL byte where text is expected", name);
    }
    /* A value and its terminator take no more room than its line, which has a key and a blank. */
    result = start_entry(entry, name_room + 2 * size, diag);
    if (result != 0) {
        return result;
    }
    reader.strings = entry->strings;
    reader.options = entry->strings + name_room + size;
    result = read_name(entry, name, &reader.strings, diag);
    if (result == 0) {
        result = read_lines(&reader, text, size, diag);
    }
    if (result != 0) {
        boot_entry_free(entry);
    }
    return result;
}
