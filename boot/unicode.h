/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The text that disks carry: UTF-16 names become UTF-8, and names are compared without regard to
 * case.
 */
#ifndef SLATE_BOOT_UNICODE_H
#define SLATE_BOOT_UNICODE_H

#include <stddef.h>
#include <stdint.h>

#define UNICODE_REPLACEMENT 0xfffdu /* stands for what cannot be decoded */

/*
 * Writes the `count` little-endian UTF-16 units at `units` to `out` as UTF-8 with a NUL; lone
 * surrogates become UNICODE_REPLACEMENT. `size` (at least 1) is the room in `out`: three bytes a
 * unit and the NUL always suffice, and a longer text ends at the last whole character. Returns the
 * length without the NUL.
 */
size_t unicode_from_utf16(const uint8_t *units, size_t count, char *out, size_t size);

/*
 * Takes one character from the UTF-8 text at *text (*text < end) and moves *text behind it. A byte
 * that does not start a well-formed character counts as one UNICODE_REPLACEMENT.
 */
uint32_t unicode_next(const char **text, const char *end);

/*
 * The lower case of a letter of ASCII, Latin-1, Latin Extended-A, Greek or Cyrillic; any other
 * character as it is.
 */
uint32_t unicode_fold(uint32_t character);

#endif
