/* SPDX-License-Identifier: BSD-2-Clause */
/* Linux kernels for x86-64 as bzImage, entered by the 64-bit boot protocol. Linux' Documentation/arch/x86/boot.rst. */
#ifndef SLATE_BOOT_BZIMAGE_H
#define SLATE_BOOT_BZIMAGE_H

#include <stdbool.h>
#include <stdint.h>

struct diag;
struct image;
struct image_loader;
struct image_parts;
struct memory_map;

#define BZIMAGE_START                                                                              \
    0x290u /* bytes of a file by which it is recognised and its setup header read */

/* Whether a file that starts with these bytes is meant to be booted by the Linux/x86 boot protocol. */
bool bzimage_is(const uint8_t *start, uint64_t size);

/* Loads such a kernel; the contract is that of image_load(), but on failure what was reserved stays listed. */
int bzimage_load(struct image_loader *loader, const struct image_parts *parts, struct diag *diag);

/* The part of image_finish() for IMAGE_LINUX. */
int bzimage_finish(const struct image *image, const struct memory_map *map, struct diag *diag);

#endif
