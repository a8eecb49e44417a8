/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Filling memory with an OS image: what the loaders of boot/bzimage.h and boot/pvh.h share. Places are reserved
 * first, all of them, and only then is anything read.
 */
#ifndef SLATE_BOOT_IMAGE_MEMORY_H
#define SLATE_BOOT_IMAGE_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#include "boot/image.h"

#define IMAGE_PAGE 4096u

/* Nothing that the OS needs at once lies in the first MiB, which it has uses of its own for. */
#define IMAGE_LOWEST 0x100000u

/* Where the processor is when an image is entered, and the boot data with it: below 4 GiB. */
#define IMAGE_ENTRY_END 0x100000000u

/* What a loader works from: the command line is complete, and no initrd is empty. */
struct image_parts {
    const struct source *kernel;
    const struct source *initrd[IMAGE_INITRDS_MAX];
    unsigned initrds;
    const char *command_line;
};

/* A load that is under way. Starts as {.image = .., .env = ..}. */
struct image_loader {
    struct image *image;
    const struct image_env *env;
    uint64_t done;  /* bytes read */
    uint64_t total; /* bytes to be read */
};

/* Where in memory something may be put. */
struct image_place {
    const char *what; /* for struct image_range */
    uint64_t size;    /* bytes, not 0 */
    uint64_t align;   /* a power of two, at least IMAGE_PAGE */
    uint64_t min;
    uint64_t max; /* all of it below */
    bool low;     /* as low as possible instead of as high */
};

/* `value` rounded up to a multiple of `align`, a power of two. The caller knows that it does not wrap. */
static inline uint64_t image_round_up(uint64_t value, uint64_t align)
{
    return (value + align - 1) & ~(align - 1);
}

/* Reserves memory and lists it in the image. Returns the address, or 0. */
uint64_t image_reserve(struct image_loader *loader, const struct image_place *place);

/* Reserves the pages of [base, base + size), which does not wrap, and lists them. False if they are not all free. */
bool image_reserve_at(struct image_loader *loader, const char *what, uint64_t base, uint64_t size);

/* Reports that `name` found no place: -BOOT_E_NO_MEMORY with what it needs and what there is below place->max. */
int image_no_memory(const struct image_loader *loader, const char *name,
                    const struct image_place *place, struct diag *diag);

/* The bytes behind a physical address. Errors: -BOOT_E_PLATFORM. */
int image_pointer(uint64_t base, uint64_t size, void **pointer, struct diag *diag);

/*
 * Reads `size` bytes at `offset` of a source to physical address `base`, reporting progress.
 * Errors: those of image_pointer(), what the source returns.
 */
int image_read(struct image_loader *loader, const struct source *source, uint64_t offset,
               uint64_t base, uint64_t size, const char *what, struct diag *diag);

/* Sets every byte of physical memory in [base, base + size) to 0. Errors: those of image_pointer(). */
int image_clear(uint64_t base, uint64_t size, struct diag *diag);

/* The initrds as one: how many bytes, and how many of them are read. Errors: -BOOT_E_NO_MEMORY (beyond 64 bits). */
int image_initrd_size(const struct image_parts *parts, uint64_t *size, uint64_t *read,
                      struct diag *diag);

/* Reads the initrds to `base`, one behind the other, each at a multiple of 4 with zeros before it. */
int image_read_initrds(struct image_loader *loader, const struct image_parts *parts, uint64_t base,
                       struct diag *diag);

#endif
