/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The RAM of a guest, for tests of what loads images into it: some of it below 4 GiB, some above. memory_pointer()
 * hands out only what the map says is loaded or Slate's own, so a write to anything else ends the test.
 */
#ifndef SLATE_TESTS_GUEST_MEMORY_H
#define SLATE_TESTS_GUEST_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#include "boot/memory.h"

#define GUEST_LOW_MAX  (1088ull << 20)
#define GUEST_HIGH_MAX (64ull << 20)
#define GUEST_HIGH     (1ull << 32)

/* The map that the code under test works on. */
extern struct memory_map guest_map;

/* Addresses from here on cannot be mapped; UINT64_MAX after guest_memory_open(). */
extern uint64_t guest_mapped_end;

/*
 * A guest with `low` bytes of RAM from address 0 and `high` bytes from 4 GiB, all zero; the first MiB is as a PC has
 * it. Called again, it starts over.
 */
void guest_memory_open(uint64_t low, uint64_t high);

/* Where a guest address is, whatever the map says. */
uint8_t *guest_memory(uint64_t address);

/* Whether every page of RAM that is neither loaded nor Slate's own is still zero. */
bool guest_memory_untouched(void);

#endif
