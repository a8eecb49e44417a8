/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which of two version strings is newer. The numbered steps are those of "Version Comparison" in the UAPI Group's
 * Version Format Specification (UAPI.10).
 */
#include "boot/version_compare.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Step 1. */
static const char *skip_separators(const char *s)
{
    while (*s != '\0' && !is_digit(*s) && !is_letter(*s) && *s != '-' && *s != '.' && *s != '~' &&
           *s != '^') {
        s++;
    }
    return s;
}

/* Steps 2, 4, 5 and 6: the string that has `mark` here, where the other has not, is the older one. */
static int compare_mark(const char **a, const char **b, char mark)
{
    bool in_a = **a == mark;
    bool in_b = **b == mark;

    if (in_a != in_b) {
        return in_a ? -1 : 1;
    }
    if (in_a) {
        (*a)++;
        (*b)++;
    }
    return 0;
}

/* Step 7. Numbers have any length, so they are compared as digits: more of them, then the first that differs. */
static int compare_numbers(const char **a, const char **b)
{
    const char *first_a;
    const char *first_b;
    size_t length_a;
    size_t length_b;

    while (**a == '0') {
        (*a)++;
    }
    while (**b == '0') {
        (*b)++;
    }
    for (first_a = *a; is_digit(**a); (*a)++) {
    }
    for (first_b = *b; is_digit(**b); (*b)++) {
    }
    length_a = (size_t)(*a - first_a);
    length_b = (size_t)(*b - first_b);
    if (length_a != length_b) {
        return length_a < length_b ? -1 : 1;
    }
    return memcmp(first_a, first_b, length_a);
}

/* Step 8. In ASCII capital letters come first, as the specification wants it. */
static int compare_letters(const char **a, const char **b)
{
    while (is_letter(**a) && is_letter(**b)) {
        if (**a != **b) {
            return **a < **b ? -1 : 1;
        }
        (*a)++;
        (*b)++;
    }
    return (int)is_letter(**a) - (int)is_letter(**b);
}

int version_compare(const char *a, const char *b)
{
    for (;;) {
        int order;

        a = skip_separators(a);
        b = skip_separators(b);
        order = compare_mark(&a, &b, '~');
        if (order != 0) {
            return order;
        }
        if (*a == '\0' || *b == '\0') { /* Step 3. */
            return (int)(*a != '\0') - (int)(*b != '\0');
        }
        order = compare_mark(&a, &b, '-');
        if (order == 0) {
            order = compare_mark(&a, &b, '^');
        }
        if (order == 0) {
            order = compare_mark(&a, &b, '.');
        }
        if (order == 0) {
            order =
                is_digit(*a) || is_digit(*b) ? compare_numbers(&a, &b) : compare_letters(&a, &b);
        }
        if (order != 0) {
            return order;
        }
    }
}
