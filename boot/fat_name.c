/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names in directory records (FAT specification, chapters 6 and 7): the short name of eleven bytes,
 * and the long name in the records before it, last part first.
 */
#include "boot/bytes.h"
#include "boot/fat_internal.h"
#include "boot/unicode.h"

#include <string.h>

/* Offsets in a record of a long name. */
enum {
    LONG_ORDER = 0,
    LONG_ATTRIBUTES = 11,
    LONG_CHECKSUM = 13,
};

#define LONG_LAST            0x40u /* LONG_ORDER: the last part, which comes first */
#define LONG_ATTRIBUTES_MASK 0x3fu
#define LONG_NAME_ATTRIBUTES (FAT_READ_ONLY | FAT_HIDDEN | FAT_SYSTEM | FAT_VOLUME_ID)
#define LONG_NAME_MAX        255u /* UTF-16 units */

#define CASE_LOWER_BASE      0x08u /* RECORD_CASE, as Windows NT writes it */
#define CASE_LOWER_EXTENSION 0x10u
#define BASE_LENGTH          8u

bool fat_is_long_name(const uint8_t *record)
{
    return (record[LONG_ATTRIBUTES] & LONG_ATTRIBUTES_MASK) == LONG_NAME_ATTRIBUTES;
}

void fat_long_name_clear(struct fat_long_name *name)
{
    name->records = 0;
    name->missing = 0;
}

void fat_long_name_add(struct fat_long_name *name, const uint8_t *record)
{
    /* Where the 13 UTF-16 units of a record are. */
    static const uint8_t at[LONG_NAME_PER] = {1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30};
    unsigned order = record[LONG_ORDER];

    if (order & LONG_LAST) {
        order &= ~LONG_LAST;
        name->records = order <= LONG_NAME_RECORDS ? order : 0;
        name->missing = name->records;
        name->checksum = record[LONG_CHECKSUM];
    }
    if (order == 0 || order != name->missing || record[LONG_CHECKSUM] != name->checksum) {
        fat_long_name_clear(name);
        return;
    }
    name->missing--;
    for (unsigned i = 0; i < LONG_NAME_PER; i++)
        memcpy(name->units + 2 * (name->missing * LONG_NAME_PER + i), record + at[i], 2);
}

static uint8_t short_name_checksum(const uint8_t *record)
{
    uint8_t sum = 0;

    for (unsigned i = 0; i < RECORD_NAME_LENGTH; i++)
        sum = (uint8_t)((sum << 7 | sum >> 1) + record[RECORD_NAME + i]);
    return sum;
}

bool fat_long_name_get(const struct fat_long_name *name, const uint8_t *record,
                       char out[FAT_NAME_SIZE])
{
    size_t units = 0;

    if (name->records == 0 || name->missing != 0 || name->checksum != short_name_checksum(record))
        return false;
    for (; units < name->records * LONG_NAME_PER; units++) {
        uint16_t unit = get_le16(name->units + 2 * units);

        if (unit == 0)
            break;
        /*
         * Separators and control characters are forbidden, and would make a path mean something
         * else.
         */
        if (unit < ' ' || unit == '/' || unit == '\\')
            return false;
    }
    if (units == 0 || units > LONG_NAME_MAX)
        return false;
    unicode_from_utf16(name->units, units, out, FAT_NAME_SIZE);
    return strcmp(out, ".") != 0 && strcmp(out, "..") != 0;
}

/* Appends one part of a short name without its padding. */
static size_t short_part(const uint8_t *bytes, size_t length, bool lower, char *out)
{
    size_t used = 0;

    while (length != 0 && bytes[length - 1] == ' ')
        length--;
    for (size_t i = 0; i < length; i++) {
        uint8_t c = bytes[i];

        if (c < ' ' || c >= 0x7f || c == '/' || c == '\\') {
            memcpy(out + used, "\xef\xbf\xbd", 3); /* U+FFFD */
            used += 3;
        } else {
            out[used++] = (char)(lower ? unicode_fold(c) : c);
        }
    }
    return used;
}

void fat_short_name(const uint8_t *record, char out[FAT_SHORT_NAME_SIZE])
{
    const uint8_t *name = record + RECORD_NAME;
    uint8_t flags = record[RECORD_CASE];
    size_t used = short_part(name, BASE_LENGTH, flags & CASE_LOWER_BASE, out);

    out[used++] = '.';
    size_t extension = short_part(name + BASE_LENGTH, RECORD_NAME_LENGTH - BASE_LENGTH,
                                  flags & CASE_LOWER_EXTENSION, out + used);
    if (extension == 0)
        used--;
    out[used + extension] = '\0';
}

bool fat_name_equal(const char *a, const char *b, size_t length)
{
    const char *a_end = a + strlen(a);
    const char *b_end = b + length;

    while (a != a_end && b != b_end) {
        if (unicode_fold(unicode_next(&a, a_end)) != unicode_fold(unicode_next(&b, b_end)))
            return false;
    }
    return a == a_end && b == b_end;
}
