/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * OS images that are entered by the PVH ABI: an ELF program (boot/elf.h) and an hvm_start_info that tells it what the
 * machine is. Xen's docs/misc/pvh.pandoc.
 */
#ifndef SLATE_BOOT_PVH_H
#define SLATE_BOOT_PVH_H

struct diag;
struct image;
struct image_loader;
struct image_parts;
struct memory_map;

/* Loads such a program; the contract is that of image_load(), but on failure what was reserved stays listed. */
int pvh_load(struct image_loader *loader, const struct image_parts *parts, struct diag *diag);

/* The part of image_finish() for IMAGE_PVH. */
int pvh_finish(const struct image *image, const struct memory_map *map, struct diag *diag);

#endif
