/* SPDX-License-Identifier: BSD-2-Clause */
/* What newlib asks of the system below it: memory for malloc(). There are no streams and no processes. */
#include <errno.h>
#include <reent.h>
#include <stddef.h>

#include "boot/heap.h"

static char *heap_next, *heap_start, *heap_end;

void heap_init(void *base, size_t size)
{
    heap_start = base;
    heap_next = heap_start;
    heap_end = heap_start + size;
}

/* newlib's name and type; the old end of the heap, or (void *)-1. */
void *_sbrk_r(struct _reent *reent, ptrdiff_t increment)
{
    char *old = heap_next;

    if (increment > heap_end - heap_next || increment < heap_start - heap_next) {
        reent->_errno = ENOMEM;
        return (void *)-1;
    }
    heap_next += increment;
    return old;
}
