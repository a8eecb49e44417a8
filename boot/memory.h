/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The physical memory map: what the machine said at entry, what Slate uses, and what the OS is told at the end.
 * One sorted list of ranges that do not overlap.
 */
#ifndef SLATE_BOOT_MEMORY_H
#define SLATE_BOOT_MEMORY_H

#include <stddef.h>
#include <stdint.h>

struct diag;

enum memory_type {
    MEMORY_USABLE, /* free RAM */
    MEMORY_SLATE,  /* RAM in use until the OS is entered; the OS gets it as usable */
    MEMORY_LOADED, /* RAM that holds what the OS needs: kernel, initrd, boot data; usable for the OS */
    MEMORY_QUARANTINE, /* RAM that a STUCK device may still write: reserved for the OS */
    MEMORY_RESERVED,
    MEMORY_ACPI,
    MEMORY_NVS,
    MEMORY_UNUSABLE,
    MEMORY_PMEM,
};

struct memory_range {
    uint64_t base; /* bytes */
    uint64_t size; /* bytes, not 0 */
    enum memory_type type;
};

#define MEMORY_RANGES_MAX 256u

struct memory_map {
    unsigned count;
    struct memory_range
        range[MEMORY_RANGES_MAX]; /* ascending, no overlap, neighbours of one type merged */
};

/* An entry of the e820 table that an x86 OS gets; 20 bytes. */
struct memory_e820 {
    uint64_t base;
    uint64_t size;
    uint32_t type; /* 1 usable, 2 reserved, 3 ACPI, 4 NVS, 5 unusable, 7 persistent */
} __attribute__((packed));

/*
 * Adds what the machine reports, before anything is allocated. Where two reports overlap, the more restrictive type
 * wins. A range that wraps is clipped. Errors: -BOOT_E_PLATFORM when the list is full.
 */
int memory_add(struct memory_map *map, uint64_t base, uint64_t size, enum memory_type type,
               struct diag *diag);

/*
 * Gives the RAM in [base, base + size) another type (page granularity is the caller's business); parts that are
 * not RAM (USABLE, SLATE, LOADED) keep theirs. Errors: -BOOT_E_PLATFORM when the list is full.
 */
int memory_mark(struct memory_map *map, uint64_t base, uint64_t size, enum memory_type type,
                struct diag *diag);

/*
 * Takes `size` bytes (rounded up to 4096) of usable RAM, aligned to `align` (a power of two, at least 4096),
 * inside [min, max), as high as possible, and marks it `type`.
 * Returns the address, or 0 when there is no such place (address 0 is never handed out).
 */
uint64_t memory_alloc(struct memory_map *map, uint64_t size, uint64_t align, uint64_t min,
                      uint64_t max, enum memory_type type);

/* The same, as low as possible: kernels like to lie near their preferred address. */
uint64_t memory_alloc_low(struct memory_map *map, uint64_t size, uint64_t align, uint64_t min,
                          uint64_t max, enum memory_type type);

/* Takes exactly [base, base + size) if all of it is usable. 0, or -BOOT_E_NO_MEMORY. */
int memory_claim(struct memory_map *map, uint64_t base, uint64_t size, enum memory_type type);

/* Gives SLATE or LOADED memory back. */
void memory_free(struct memory_map *map, uint64_t base, uint64_t size);

/* Bytes of RAM of type USABLE, and the largest single run of it below `max`. */
uint64_t memory_usable(const struct memory_map *map);
uint64_t memory_largest(const struct memory_map *map, uint64_t max);

/*
 * Writes the table for the OS, neighbours of one type merged. Returns the number of entries, or
 * -BOOT_E_NO_MEMORY when more than `max` would be needed.
 */
int memory_e820(const struct memory_map *map, struct memory_e820 *out, unsigned max);

/*
 * The address by which this code reaches `length` bytes of physical memory, mapped. Implemented by the platform
 * (identity) and by the host tests. NULL when it cannot be mapped.
 */
void *memory_pointer(uint64_t base, uint64_t length);

#endif
