/* SPDX-License-Identifier: BSD-2-Clause */
/* The RAM of a guest: address space that the host fills with pages as they are written. */
#define _DEFAULT_SOURCE
#include "tests/unit/support/guest_memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "boot/diag.h"

#define PAGE 4096u

struct memory_map guest_map;
uint64_t guest_mapped_end;

static uint8_t *low_ram;
static uint8_t *high_ram;
static uint64_t low_size;
static uint64_t high_size;

static uint8_t *reserve(uint64_t size)
{
    void *ram = mmap(NULL, size, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (ram == MAP_FAILED) {
        perror("mmap");
        abort();
    }
    return ram;
}

static void add(uint64_t base, uint64_t size, enum memory_type type)
{
    struct diag diag = {0};

    if (size > 0 && memory_add(&guest_map, base, size, type, &diag) != 0) {
        abort();
    }
}

void guest_memory_open(uint64_t low, uint64_t high)
{
    if (low > GUEST_LOW_MAX || high > GUEST_HIGH_MAX) {
        abort();
    }
    if (low_ram == NULL) {
        low_ram = reserve(GUEST_LOW_MAX);
        high_ram = reserve(GUEST_HIGH_MAX);
    }
    (void)madvise(low_ram, GUEST_LOW_MAX, MADV_DONTNEED);
    (void)madvise(high_ram, GUEST_HIGH_MAX, MADV_DONTNEED);
    low_size = low;
    high_size = high;
    guest_map.count = 0;
    guest_mapped_end = UINT64_MAX;
    add(0, 0x9f000, MEMORY_USABLE);
    add(0x9f000, 0x61000, MEMORY_RESERVED);
    add(0x100000, low - 0x100000, MEMORY_USABLE);
    add(GUEST_HIGH, high, MEMORY_USABLE);
}

uint8_t *guest_memory(uint64_t address)
{
    if (address < low_size) {
        return low_ram + address;
    }
    if (address >= GUEST_HIGH && address - GUEST_HIGH < high_size) {
        return high_ram + (address - GUEST_HIGH);
    }
    fprintf(stderr, "no RAM at 0x%llx\n", (unsigned long long)address);
    abort();
}

static bool is_taken(uint64_t base, uint64_t size)
{
    for (unsigned i = 0; i < guest_map.count; i++) {
        const struct memory_range *range = &guest_map.range[i];

        if ((range->type == MEMORY_LOADED || range->type == MEMORY_SLATE) && base >= range->base &&
            base - range->base < range->size && size <= range->size - (base - range->base)) {
            return true;
        }
    }
    return false;
}

void *memory_pointer(uint64_t base, uint64_t length)
{
    if (length == 0 || !is_taken(base, length)) {
        fprintf(stderr, "memory_pointer: 0x%llx + 0x%llx is not taken\n", (unsigned long long)base,
                (unsigned long long)length);
        abort();
    }
    return base + length <= guest_mapped_end ? guest_memory(base) : NULL;
}

/* Only pages that the host has given out can differ from zero. */
static bool is_zero(const uint8_t *ram, uint64_t size, uint64_t base)
{
    static const uint8_t zero[PAGE];
    static unsigned char resident[GUEST_LOW_MAX / PAGE];
    union {
        const uint8_t *read;
        void *any;
    } start = {.read = ram};

    if (size == 0) {
        return true;
    }
    if (mincore(start.any, size, resident) != 0) {
        abort();
    }
    for (uint64_t at = 0; at < size; at += PAGE) {
        if ((resident[at / PAGE] & 1) != 0 && !is_taken(base + at, PAGE) &&
            memcmp(ram + at, zero, PAGE) != 0) {
            fprintf(stderr, "the page at 0x%llx was written\n", (unsigned long long)(base + at));
            return false;
        }
    }
    return true;
}

bool guest_memory_untouched(void)
{
    return is_zero(low_ram, low_size, 0) && is_zero(high_ram, high_size, GUEST_HIGH);
}
