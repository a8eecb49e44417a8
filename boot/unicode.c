/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * UTF-16 and UTF-8 (RFC 3629: no overlong forms, no surrogates, at most U+10FFFF), and simple case
 * folding.
 */
#include "boot/unicode.h"

#include "boot/bytes.h"

/* Appends one character; returns its length, or 0 when there is no room for it and a NUL. */
static size_t encode(uint32_t c, char *out, size_t room)
{
    size_t length = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const uint8_t lead[] = {0, 0, 0xc0, 0xe0, 0xf0};

    if (room <= length)
        return 0;
    for (size_t i = length - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (c & 0x3f));
        c >>= 6;
    }
    out[0] = (char)(lead[length] | c);
    return length;
}

size_t unicode_from_utf16(const uint8_t *units, size_t count, char *out, size_t size)
{
    size_t used = 0;

    for (size_t i = 0; i < count; i++) {
        uint32_t c = get_le16(units + 2 * i);

        if (c >= 0xd800 && c <= 0xdfff) {
            uint32_t low = c < 0xdc00 && i + 1 < count ? get_le16(units + 2 * i + 2) : 0;

            if (low >= 0xdc00 && low <= 0xdfff) {
                c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
                i++;
            } else {
                c = UNICODE_REPLACEMENT;
            }
        }
        size_t length = encode(c, out + used, size - used);
        if (length == 0)
            break;
        used += length;
    }
    out[used] = '\0';
    return used;
}

uint32_t unicode_next(const char **text, const char *end)
{
    static const uint32_t smallest[] = {0, 0x80, 0x800, 0x10000};
    const char *p = *text;
    uint32_t c = (uint8_t)*p++;
    unsigned more = c < 0x80 ? 0 : c >= 0xf0 && c < 0xf8 ? 3 : c >= 0xe0 ? 2 : c >= 0xc0 ? 1 : 4;

    *text = p;
    if (more == 0)
        return c;
    if (more == 4 || c >= 0xf8)
        return UNICODE_REPLACEMENT;
    c &= 0x3fu >> more;
    for (unsigned i = 0; i < more; i++) {
        if (p == end || ((uint8_t)*p & 0xc0) != 0x80)
            return UNICODE_REPLACEMENT;
        c = c << 6 | ((uint8_t)*p++ & 0x3f);
    }
    if (c < smallest[more] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
        return UNICODE_REPLACEMENT;
    *text = p;
    return c;
}

uint32_t unicode_fold(uint32_t c)
{
    if (c < 0x80)
        return c >= 'A' && c <= 'Z' ? c + 32 : c;
    if (c >= 0xc0 && c <= 0xde && c != 0xd7)
        return c + 32;
    if (c >= 0x100 && c <= 0x17e) {
        /* Capital and small letters alternate; which of them is even changes twice. */
        if (c == 0x130 || c == 0x131 || c == 0x138 || c == 0x149)
            return c;
        if (c == 0x178)
            return 0xff;
        if ((c >= 0x139 && c <= 0x148) || c >= 0x179)
            return c + (c & 1);
        return c | 1;
    }
    if (c >= 0x391 && c <= 0x3a9 && c != 0x3a2)
        return c + 32;
    if (c >= 0x400 && c <= 0x40f)
        return c + 80;
    if (c >= 0x410 && c <= 0x42f)
        return c + 32;
    return c;
}
