/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Physical memory for tests of what reads tables that firmware left. memory_pointer() hands out a copy of exactly the
 * bytes that were asked for, so that a read beyond them is caught, and counts.
 */
#ifndef SLATE_TESTS_PHYSICAL_H
#define SLATE_TESTS_PHYSICAL_H

#include <stddef.h>
#include <stdint.h>

#define PHYSICAL_BASE 0x7fe0000ull
#define PHYSICAL_SIZE 0x40000u

/* The memory at PHYSICAL_BASE; nothing else can be reached. */
extern uint8_t physical[PHYSICAL_SIZE];

/* How often memory_pointer() was called since the memory was cleared. */
extern unsigned physical_calls;

/* Zeroes the memory and frees the copies. */
void physical_clear(void);

/* Where `address` is. */
uint8_t *physical_at(uint64_t address);

/* Little-endian stores. */
void physical_put(uint64_t address, unsigned width, uint64_t value);

#endif
