/* SPDX-License-Identifier: BSD-2-Clause */
/* Keys, values and patterns: see config_text.h. */
#include "boot/config_text.h"

#include <string.h>

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_line_end(char c)
{
    return c == '\n' || c == '\r';
}

void config_text_start(struct config_text *position, const char *text, size_t size)
{
    static const char byte_order_mark[] = {'\xef', '\xbb', '\xbf'};
    const size_t skip = size >= sizeof(byte_order_mark) &&
                                memcmp(text, byte_order_mark, sizeof(byte_order_mark)) == 0
                            ? sizeof(byte_order_mark)
                            : 0;

    position->at = text + skip;
    position->end = text + size;
    position->line = 0;
}

/* Cuts the next line off, without its end. */
static const char *take_line(struct config_text *position, const char **end)
{
    const char *start = position->at;
    const char *p = start;

    while (p < position->end && !is_line_end(*p)) {
        p++;
    }
    *end = p;
    if (p < position->end) {
        const bool crlf = *p == '\r' && position->end - p > 1 && p[1] == '\n';

        p += crlf ? 2 : 1;
    }
    position->at = p;
    position->line++;
    return start;
}

bool config_text_next(struct config_text *position, struct config_line *line)
{
    while (position->at < position->end) {
        const char *end;
        const char *p = take_line(position, &end);

        while (p < end && is_blank(*p)) {
            p++;
        }
        while (end > p && is_blank(end[-1])) {
            end--;
        }
        if (p == end || *p == '#') {
            continue;
        }
        line->number = position->line;
        line->key = p;
        while (p < end && !is_blank(*p)) {
            p++;
        }
        line->key_length = (size_t)(p - line->key);
        while (p < end && is_blank(*p)) {
            p++;
        }
        line->value = p;
        line->value_length = (size_t)(end - p);
        return true;
    }
    return false;
}

bool config_line_is(const struct config_line *line, const char *key)
{
    return strlen(key) == line->key_length && memcmp(key, line->key, line->key_length) == 0;
}

static unsigned char fold(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

int config_compare_nocase(const char *a, const char *b)
{
    while (*a != '\0' && fold(*a) == fold(*b)) {
        a++;
        b++;
    }
    return (int)fold(*a) - (int)fold(*b);
}

/*
 * `*pattern` is just after an opening bracket. If it is closed, moves behind it, sets `*inside` to whether `c` is in
 * the set and returns true.
 */
static bool match_set(const char **pattern, char c, bool *inside)
{
    const char *p = *pattern;
    const bool inverted = *p == '!' || *p == '^';
    bool found = false;

    p += inverted ? 1 : 0;
    for (bool first = true; first || *p != ']'; first = false) {
        unsigned char low = fold(*p);
        unsigned char high = low;

        if (*p == '\0') {
            return false;
        }
        if (p[1] == '-' && p[2] != '\0' && p[2] != ']') {
            high = fold(p[2]);
            p += 2;
        }
        p++;
        found = found || (low <= fold(c) && fold(c) <= high);
    }
    *pattern = p + 1;
    *inside = found != inverted;
    return true;
}

/* Whether the part of the pattern at `*pattern`, which is not a star, describes the byte `c`; moves behind it. */
static bool match_one(const char **pattern, char c)
{
    const char kind = *(*pattern)++;
    bool inside;

    switch (kind) {
    case '?':
        return true;
    case '[':
        if (match_set(pattern, c, &inside)) {
            return inside;
        }
        break;
    case '\\':
        if (**pattern != '\0') {
            return fold(*(*pattern)++) == fold(c);
        }
        break;
    default:
        break;
    }
    return fold(kind) == fold(c);
}

/* When a part does not fit, only the last star is given one byte more: that suffices, and bounds the work. */
bool config_glob(const char *pattern, const char *text)
{
    const char *after_star = NULL;
    const char *resume = NULL;

    while (*text != '\0') {
        if (*pattern == '*') {
            after_star = ++pattern;
            resume = text;
        } else if (*pattern != '\0' && match_one(&pattern, *text)) {
            text++;
        } else if (after_star != NULL) {
            pattern = after_star;
            text = ++resume;
        } else {
            return false;
        }
    }
    while (*pattern == '*') {
        pattern++;
    }
    return *pattern == '\0';
}
