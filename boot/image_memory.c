/* SPDX-License-Identifier: BSD-2-Clause */
/* Filling memory with an OS image: see image_memory.h. */
#include "boot/image_memory.h"

#include <string.h>

#include "boot/diag.h"
#include "boot/error.h"
#include "boot/memory.h"
#include "boot/source.h"

/* Large enough for one request after the other to stay in flight, small enough to see that something happens. */
#define READ_BYTES (8u << 20)

#define INITRD_ALIGN 4u /* a cpio archive starts at a multiple of this */

static void list_range(struct image *image, const char *what, uint64_t base, uint64_t size)
{
    image->range[image->ranges++] =
        (struct image_range){base, image_round_up(size, IMAGE_PAGE), what};
}

uint64_t image_reserve(struct image_loader *loader, const struct image_place *place)
{
    struct memory_map *map = loader->env->map;
    uint64_t base;

    if (loader->image->ranges == IMAGE_RANGES_MAX) {
        return 0;
    }
    base = place->low ? memory_alloc_low(map, place->size, place->align, place->min, place->max,
                                         MEMORY_LOADED)
                      : memory_alloc(map, place->size, place->align, place->min, place->max,
                                     MEMORY_LOADED);
    if (base != 0) {
        list_range(loader->image, place->what, base, place->size);
    }
    return base;
}

bool image_reserve_at(struct image_loader *loader, const char *what, uint64_t base, uint64_t size)
{
    if (base == 0 || base % IMAGE_PAGE != 0 || loader->image->ranges == IMAGE_RANGES_MAX ||
        memory_claim(loader->env->map, base, image_round_up(size, IMAGE_PAGE), MEMORY_LOADED) !=
            0) {
        return false;
    }
    list_range(loader->image, what, base, size);
    return true;
}

/* The largest free piece that fits the place but for its size. */
static uint64_t largest_piece(const struct memory_map *map, const struct image_place *place)
{
    uint64_t largest = 0;

    for (unsigned i = 0; i < map->count; i++) {
        const struct memory_range *range = &map->range[i];
        const uint64_t range_end = range->base + range->size;
        const uint64_t end = range_end < place->max ? range_end : place->max;
        uint64_t base = range->base > place->min ? range->base : place->min;

        if (range->type != MEMORY_USABLE || base >= end) {
            continue;
        }
        base = image_round_up(base, place->align);
        if (base < end && end - base > largest) {
            largest = end - base;
        }
    }
    return largest;
}

int image_no_memory(const struct image_loader *loader, const char *name,
                    const struct image_place *place, struct diag *diag)
{
    const struct memory_map *map = loader->env->map;

    return diag_fail(diag, -BOOT_E_NO_MEMORY,
                     "%s: the %s needs %llu KiB of memory in one piece from 0x%llx to 0x%llx; the "
                     "largest there has %llu KiB, and %llu KiB are free in all; give the machine "
                     "more",
                     name, place->what, (unsigned long long)((place->size + 1023) / 1024),
                     (unsigned long long)place->min, (unsigned long long)place->max,
                     (unsigned long long)(largest_piece(map, place) / 1024),
                     (unsigned long long)(memory_usable(map) / 1024));
}

int image_pointer(uint64_t base, uint64_t size, void **pointer, struct diag *diag)
{
    *pointer = memory_pointer(base, size);
    if (*pointer == NULL) {
        return diag_fail(diag, -BOOT_E_PLATFORM,
                         "the memory at 0x%llx (%llu bytes) cannot be mapped",
                         (unsigned long long)base, (unsigned long long)size);
    }
    return 0;
}

int image_read(struct image_loader *loader, const struct source *source, uint64_t offset,
               uint64_t base, uint64_t size, const char *what, struct diag *diag)
{
    void *pointer;
    uint64_t at = 0;
    int error = 0;

    if (size == 0) {
        return 0;
    }
    error = image_pointer(base, size, &pointer, diag);
    while (error == 0 && at < size) {
        const size_t length = (size_t)(size - at < READ_BYTES ? size - at : READ_BYTES);

        error = source_read(source, offset + at, (uint8_t *)pointer + at, length, what, diag);
        at += length;
        if (error == 0) {
            loader->done += length;
            if (loader->env->progress != NULL) {
                loader->env->progress(loader->env->ctx, source->name, loader->done, loader->total);
            }
        }
    }
    return error;
}

int image_clear(uint64_t base, uint64_t size, struct diag *diag)
{
    void *pointer;
    int error;

    if (size == 0) {
        return 0;
    }
    error = image_pointer(base, size, &pointer, diag);
    if (error == 0) {
        memset(pointer, 0, (size_t)size);
    }
    return error;
}

int image_initrd_size(const struct image_parts *parts, uint64_t *size, uint64_t *read,
                      struct diag *diag)
{
    *size = 0;
    *read = 0;
    for (unsigned i = 0; i < parts->initrds; i++) {
        const uint64_t part = parts->initrd[i]->size;
        const uint64_t start = image_round_up(*size, INITRD_ALIGN);

        if (part > UINT64_MAX / 2 - start) {
            return diag_fail(diag, -BOOT_E_NO_MEMORY, "%s: its size of %llu bytes is beyond reason",
                             parts->initrd[i]->name, (unsigned long long)part);
        }
        *size = start + part;
        *read += part;
    }
    return 0;
}

int image_read_initrds(struct image_loader *loader, const struct image_parts *parts, uint64_t base,
                       struct diag *diag)
{
    uint64_t end = 0;
    int error = 0;

    for (unsigned i = 0; error == 0 && i < parts->initrds; i++) {
        const struct source *initrd = parts->initrd[i];
        const uint64_t start = image_round_up(end, INITRD_ALIGN);

        error = image_clear(base + end, start - end, diag);
        if (error == 0) {
            error = image_read(loader, initrd, 0, base + start, initrd->size, "initrd", diag);
        }
        end = start + initrd->size;
    }
    return error;
}
