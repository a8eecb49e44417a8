/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The line format that boot entries and loader.conf share: a key, blanks, a value to the end of the line; and the
 * patterns by which entries are named. UAPI Group: Boot Loader Specification (UAPI.1), "Type #1".
 */
#ifndef SLATE_BOOT_CONFIG_TEXT_H
#define SLATE_BOOT_CONFIG_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* A position in a text. Private to config_text.c. */
struct config_text {
    const char *at;
    const char *end;
    unsigned line;
};

/* One line that has a key. Neither part has blanks around it; neither ends in a NUL. */
struct config_line {
    unsigned number; /* from 1 */
    const char *key;
    size_t key_length;
    const char *value;
    size_t value_length; /* 0: the key stands alone */
};

/* Starts at the first of the `size` bytes at `text`, after a UTF-8 byte order mark. */
void config_text_start(struct config_text *position, const char *text, size_t size);

/*
 * The next line that is neither blank nor a comment ("#" first). Lines end with LF, CR or both; blanks are spaces
 * and tabs. False at the end of the text. `line` points into the text.
 */
bool config_text_next(struct config_text *position, struct config_line *line);

/* Whether the line's key is `key`. */
bool config_line_is(const struct config_line *line, const char *key);

/* Compares as strcmp() does, ASCII letters of either case alike. */
int config_compare_nocase(const char *a, const char *b);

/*
 * Whether `pattern` describes all of `text`, ASCII letters of either case alike: `*` any bytes, `?` one byte,
 * `[a-z]` one of a set, `[!a-z]` one outside it, `\` takes the meaning from the next character. A bracket that is
 * never closed stands for itself.
 */
bool config_glob(const char *pattern, const char *text);

#endif
