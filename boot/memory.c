/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The physical memory map: what the machine said at entry, what Slate uses, and what the OS is told at the end.
 * Every change builds the next list from the present one, so a list that is full leaves the map as it was.
 */
#include "boot/memory.h"

#include <stdbool.h>

#include "boot/diag.h"
#include "boot/error.h"

#define PAGE 4096u

/* Which of two reports about the same memory is believed: the higher rank. */
static unsigned rank(enum memory_type type)
{
    switch (type) {
    case MEMORY_USABLE:
    case MEMORY_SLATE:
    case MEMORY_LOADED:
        return 0;
    case MEMORY_PMEM:
        return 1;
    case MEMORY_ACPI:
        return 2;
    case MEMORY_NVS:
        return 3;
    case MEMORY_QUARANTINE:
    case MEMORY_RESERVED:
        return 4;
    default:
        return 5;
    }
}

static enum memory_type stricter(enum memory_type old, enum memory_type new)
{
    return rank(new) > rank(old) ? new : old;
}

static bool is_ram(enum memory_type type)
{
    return type == MEMORY_USABLE || type == MEMORY_SLATE || type == MEMORY_LOADED;
}

static enum memory_type mark_ram(enum memory_type old, enum memory_type new)
{
    return is_ram(old) ? new : old;
}

static enum memory_type give_back(enum memory_type old, enum memory_type new)
{
    return old == MEMORY_SLATE || old == MEMORY_LOADED ? new : old;
}

static uint64_t min64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t max64(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static uint64_t end_of(const struct memory_range *range)
{
    return range->base + range->size;
}

/* The end of a range that may wrap, clipped. */
static uint64_t clip(uint64_t base, uint64_t size)
{
    return size > UINT64_MAX - base ? UINT64_MAX : base + size;
}

/* Adds [base, end) behind the last range; nothing if it is empty. False: the list is full. */
static bool append(struct memory_map *map, uint64_t base, uint64_t end, enum memory_type type)
{
    struct memory_range *last = map->count > 0 ? &map->range[map->count - 1] : NULL;

    if (base >= end) {
        return true;
    }
    if (last != NULL && last->type == type && end_of(last) == base) {
        last->size += end - base;
        return true;
    }
    if (map->count == MEMORY_RANGES_MAX) {
        return false;
    }
    map->range[map->count++] = (struct memory_range){base, end - base, type};
    return true;
}

/*
 * Lays [base, end) of `type` over the map: where a range is already, `decide` says what its type becomes; where there
 * is none, a new one appears if `fill` is set.
 */
static bool overlay(struct memory_map *map, uint64_t base, uint64_t end, enum memory_type type,
                    enum memory_type (*decide)(enum memory_type old, enum memory_type new),
                    bool fill)
{
    struct memory_map next = {.count = 0};
    uint64_t cursor = base; /* all of the new range before it is done */
    bool room = true;

    for (unsigned i = 0; i < map->count && room; i++) {
        const struct memory_range *old = &map->range[i];
        uint64_t first = max64(old->base, base);
        uint64_t last = max64(first, min64(end_of(old), end));

        if (fill) {
            room = append(&next, cursor, min64(end, old->base), type);
        }
        room = room && append(&next, old->base, min64(end_of(old), base), old->type);
        room = room && append(&next, first, last, decide(old->type, type));
        room = room && append(&next, max64(old->base, end), end_of(old), old->type);
        cursor = max64(cursor, min64(end, end_of(old)));
    }
    if (fill && room) {
        room = append(&next, cursor, end, type);
    }
    if (room) {
        *map = next;
    }
    return room;
}

static int full(struct diag *diag)
{
    return diag_fail(diag, -BOOT_E_PLATFORM, "the memory map needs more than %u entries",
                     MEMORY_RANGES_MAX);
}

int memory_add(struct memory_map *map, uint64_t base, uint64_t size, enum memory_type type,
               struct diag *diag)
{
    bool done = overlay(map, base, clip(base, size), type, stricter, true);

    return done ? 0 : full(diag);
}

int memory_mark(struct memory_map *map, uint64_t base, uint64_t size, enum memory_type type,
                struct diag *diag)
{
    return overlay(map, base, clip(base, size), type, mark_ram, false) ? 0 : full(diag);
}

int memory_claim(struct memory_map *map, uint64_t base, uint64_t size, enum memory_type type)
{
    uint64_t end = clip(base, size);

    for (unsigned i = 0; i < map->count; i++) {
        const struct memory_range *range = &map->range[i];

        /* Neighbours of one type are merged: usable memory in one piece is in one range. */
        if (range->type == MEMORY_USABLE && size > 0 && base >= range->base &&
            end <= end_of(range)) {
            return overlay(map, base, end, type, mark_ram, false) ? 0 : -BOOT_E_NO_MEMORY;
        }
    }
    return -BOOT_E_NO_MEMORY;
}

void memory_free(struct memory_map *map, uint64_t base, uint64_t size)
{
    /* When the list is full the memory stays taken, which harms nobody. */
    (void)overlay(map, base, clip(base, size), MEMORY_USABLE, give_back, false);
}

/*
 * A place for `size` bytes in [base, end), or 0: the highest or the lowest. Alignment may round out of the range, or
 * wrap, so the result is compared with both ends.
 */
static uint64_t place(uint64_t base, uint64_t end, uint64_t size, uint64_t align, bool high)
{
    if (base >= end || size > end - base) {
        return 0;
    }
    uint64_t address = high ? end - size : base;

    address = (high ? address : address + align - 1) & ~(align - 1);
    return address >= base && address <= end - size ? address : 0;
}

static uint64_t allocate(struct memory_map *map, uint64_t size, uint64_t align, uint64_t min,
                         uint64_t max, enum memory_type type, bool high)
{
    if (size == 0 || size > UINT64_MAX - (PAGE - 1)) {
        return 0;
    }
    size = (size + PAGE - 1) & ~(uint64_t)(PAGE - 1);
    min = max64(min, PAGE); /* address 0 means "none" */
    for (unsigned i = 0; i < map->count; i++) {
        const struct memory_range *range = &map->range[high ? map->count - 1 - i : i];

        if (range->type != MEMORY_USABLE) {
            continue;
        }
        uint64_t address =
            place(max64(range->base, min), min64(end_of(range), max), size, align, high);

        if (address != 0) {
            return memory_claim(map, address, size, type) == 0 ? address : 0;
        }
    }
    return 0;
}

uint64_t memory_alloc(struct memory_map *map, uint64_t size, uint64_t align, uint64_t min,
                      uint64_t max, enum memory_type type)
{
    return allocate(map, size, align, min, max, type, true);
}

uint64_t memory_alloc_low(struct memory_map *map, uint64_t size, uint64_t align, uint64_t min,
                          uint64_t max, enum memory_type type)
{
    return allocate(map, size, align, min, max, type, false);
}

uint64_t memory_usable(const struct memory_map *map)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < map->count; i++) {
        if (map->range[i].type == MEMORY_USABLE) {
            sum += map->range[i].size;
        }
    }
    return sum;
}

uint64_t memory_largest(const struct memory_map *map, uint64_t max)
{
    uint64_t largest = 0;

    for (unsigned i = 0; i < map->count; i++) {
        const struct memory_range *range = &map->range[i];

        if (range->type == MEMORY_USABLE && range->base < max) {
            largest = max64(largest, min64(end_of(range), max) - range->base);
        }
    }
    return largest;
}

static uint32_t e820_type(enum memory_type type)
{
    switch (type) {
    case MEMORY_USABLE:
    case MEMORY_SLATE:
    case MEMORY_LOADED:
        return 1;
    case MEMORY_ACPI:
        return 3;
    case MEMORY_NVS:
        return 4;
    case MEMORY_UNUSABLE:
        return 5;
    case MEMORY_PMEM:
        return 7;
    default:
        return 2;
    }
}

int memory_e820(const struct memory_map *map, struct memory_e820 *out, unsigned max)
{
    unsigned count = 0;

    for (unsigned i = 0; i < map->count; i++) {
        const struct memory_range *range = &map->range[i];
        uint32_t type = e820_type(range->type);
        struct memory_e820 *last = count > 0 ? &out[count - 1] : NULL;

        if (last != NULL && last->type == type && last->base + last->size == range->base) {
            last->size += range->size;
            continue;
        }
        if (count == max) {
            return -BOOT_E_NO_MEMORY;
        }
        out[count++] = (struct memory_e820){range->base, range->size, type};
    }
    return (int)count;
}
