/* SPDX-License-Identifier: BSD-2-Clause */
/* The memory that newlib's malloc() hands out: one region of fixed size. */
#ifndef SLATE_BOOT_HEAP_H
#define SLATE_BOOT_HEAP_H

#include <stddef.h>

/* Gives the heap its memory, once, before the first malloc(); without it malloc() returns NULL. */
void heap_init(void *base, size_t size);

#endif
