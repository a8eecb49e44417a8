/* SPDX-License-Identifier: BSD-2-Clause */
/* The CRC-32 of ISO 3309 that the GUID partition table uses (UEFI 2.10, 4.2). */
#ifndef SLATE_BOOT_CRC32_H
#define SLATE_BOOT_CRC32_H

#include <stddef.h>
#include <stdint.h>

/*
 * Continues `crc` (0 to start) over `length` bytes at `data` and returns the new value. Long runs
 * of zero bytes, which is what unused partition entries are, cost next to nothing.
 */
uint32_t crc32(uint32_t crc, const void *data, size_t length);

#endif
