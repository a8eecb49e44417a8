/* SPDX-License-Identifier: BSD-2-Clause */
/* Descriptors on a page from the inside: what page.c and page_fields.c share. */
#ifndef LAUNCHER_PAGE_FIELDS_H
#define LAUNCHER_PAGE_FIELDS_H

#include "launcher/device.h"
#include "launcher/page.h"

/* Where a queue's rings are, from when the driver said so until the reset that zeroes them. */
struct launcher_rings {
    uint64_t address, bytes; /* 0 bytes: nowhere */
};

/* What a device has on a page. Offsets count from the page's start. */
struct launcher_descriptor {
    struct launcher_device *dev;
    struct launcher_page *page;
    struct launcher_descriptor *next; /* on the page */
    unsigned start, offered, accepted, config, end;
    uint16_t first_irq; /* of as many as there are queues */
    bool owns_page;
    struct launcher_rings rings[]; /* one a queue */
};

struct launcher_page {
    uint64_t address;
    unsigned used;      /* bytes */
    uint16_t irqs_used; /* counting from 1 */
    struct launcher_descriptor *first;
};

static inline struct launcher_descriptor *launcher_descriptor_of(const struct launcher_device *dev)
{
    return dev->front_state;
}

/* ---- page.c ---- */

/* The driver wrote where a queue's rings are: the number of a page, or 0. */
void launcher_page_place(struct launcher_device *dev, struct launcher_queue *queue,
                         uint32_t number);

/* ---- page_fields.c: memory of the page, 1 to 4 bytes inside it ---- */

uint32_t launcher_page_load(const struct launcher_page *page, unsigned offset, unsigned width);
void launcher_page_store(const struct launcher_page *page, unsigned offset, unsigned width,
                         uint32_t value);

#endif
