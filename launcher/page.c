/* SPDX-License-Identifier: BSD-2-Clause */
/* The descriptor page of page.h as a front end: fields of descriptors become registers, the notify resets or is output. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "launcher/front.h"
#include "launcher/page_fields.h"

struct launcher_page *launcher_page_new(uint64_t address)
{
    struct launcher_page *page = launcher_allocate(sizeof(*page));

    page->address = address;
    return page;
}

void launcher_page_free(struct launcher_page *page)
{
    free(page);
}

uint64_t launcher_page_descriptor_address(const struct launcher_device *dev)
{
    return launcher_descriptor_of(dev)->page->address + launcher_descriptor_of(dev)->start;
}

/* ---- Coming and going ---- */

static unsigned feature_bytes(uint64_t features)
{
    unsigned bytes = 0;

    for (; features != 0; features >>= 8)
        bytes++;
    return bytes;
}

static void check(const struct launcher_device *dev, bool ok, const char *what)
{
    if (ok)
        return;
    (void)fprintf(stderr, "launcher: %s cannot stand on a descriptor page: %s\n", dev->name, what);
    exit(EXIT_FAILURE);
}

static void create(struct launcher_device *dev)
{
    struct launcher_descriptor *own =
        launcher_allocate(sizeof(*own) + dev->queue_count * sizeof(own->rings[0]));
    struct launcher_page *page = dev->options.page;
    struct launcher_descriptor **link;

    own->owns_page = page == NULL;
    if (page == NULL)
        page = launcher_page_new(LAUNCHER_PAGE_ADDRESS);
    dev->offered &= UINT32_MAX; /* what legacy drivers know */
    check(dev, dev->options.type != 0 && dev->options.type <= UINT8_MAX,
          "its type takes more than a byte, or is 0");
    check(dev, dev->queue_count <= LAUNCHER_PAGE_MAX && dev->config_length <= LAUNCHER_PAGE_MAX,
          "more than 255 queues or config bytes");
    own->dev = dev;
    own->page = page;
    own->start = page->used;
    own->offered = own->start + (unsigned)(sizeof(struct launcher_page_descriptor) +
                                           dev->queue_count * sizeof(struct launcher_page_queue));
    own->accepted = own->offered + feature_bytes(dev->offered);
    own->config = own->accepted + feature_bytes(dev->offered);
    own->end = own->config + (unsigned)dev->config_length;
    check(dev, own->end <= LAUNCHER_PAGE_BYTES, "the page is full");
    own->first_irq = (uint16_t)(page->irqs_used + 1);
    page->irqs_used = (uint16_t)(page->irqs_used + dev->queue_count);
    page->used = own->end;
    for (link = &page->first; *link != NULL; link = &(*link)->next)
        ;
    *link = own;
    dev->front_state = own;
}

static void destroy(struct launcher_device *dev)
{
    struct launcher_descriptor *own = launcher_descriptor_of(dev), **link;

    if (own == NULL) /* it was never made */
        return;
    for (link = &own->page->first; *link != own; link = &(*link)->next)
        ;
    *link = own->next;
    if (own->owns_page)
        launcher_page_free(own->page);
    free(own);
}

/* ---- Rings ---- */

static uint64_t whole_pages(uint64_t bytes)
{
    return (bytes + VIRTQ_LEGACY_ALIGN - 1) & ~(uint64_t)(VIRTQ_LEGACY_ALIGN - 1);
}

void launcher_page_place(struct launcher_device *dev, struct launcher_queue *queue, uint32_t number)
{
    struct launcher_rings *rings = &launcher_descriptor_of(dev)->rings[queue->index];
    uint64_t used = sizeof(struct virtq_used_elem) * (uint64_t)queue->size + 3 * sizeof(le16);

    launcher_queue_stop(dev, queue);
    queue->vector = (uint16_t)(launcher_descriptor_of(dev)->first_irq + queue->index);
    *rings = (struct launcher_rings){0};
    if (number == 0)
        return;
    queue->pfn = number;
    queue->align = VIRTQ_LEGACY_ALIGN;
    rings->address = (uint64_t)number * VIRTQ_LEGACY_ALIGN;
    launcher_place_legacy_queue(dev, queue, rings->address, VIRTQ_LEGACY_ALIGN);
    rings->bytes = queue->device - rings->address + whole_pages(used);
}

static void zero(struct launcher_device *dev, struct launcher_rings *rings)
{
    static const uint8_t zeroes[VIRTQ_LEGACY_ALIGN];

    for (uint64_t done = 0; done < rings->bytes; done += sizeof(zeroes))
        if (!launcher_dma_write(dev, rings->address + done, zeroes, sizeof(zeroes)))
            break;
    *rings = (struct launcher_rings){0};
}

/* At the end of a reset, with status about to read 0: the rings are still the device's. */
static void reset(struct launcher_device *dev)
{
    struct launcher_descriptor *own = launcher_descriptor_of(dev);

    for (unsigned i = 0; i < dev->queue_count; i++) {
        zero(dev, &own->rings[i]);
        dev->queues[i].vector = (uint16_t)(own->first_irq + i);
    }
}

static void interrupt(struct launcher_device *dev, uint16_t vector)
{
    /* A change of the configuration has no irq here. */
    if (vector != VIRTIO_MSI_NO_VECTOR && dev->options.interrupt != NULL)
        dev->options.interrupt(dev->options.ctx, vector);
}

/* ---- The notify ---- */

static bool notify_device(struct launcher_descriptor *own, uint64_t address)
{
    struct launcher_device *dev = own->dev;
    struct launcher_access access = {
        .write = true,
        .readable = true,
        .writable = true,
        .width = 1,
        .region = LAUNCHER_PAGE_NOTIFY_REGION,
        .offset = address,
    };

    if (address == launcher_page_descriptor_address(dev)) {
        access.reg = LAUNCHER_REG_STATUS; /* of value 0: the reset */
        (void)launcher_carry_out(dev, &access);
        return true;
    }
    for (unsigned i = 0; i < dev->queue_count; i++) {
        if (dev->queues[i].pfn == 0 || dev->queues[i].pfn != address / VIRTQ_LEGACY_ALIGN)
            continue;
        access.reg = LAUNCHER_REG_NOTIFY;
        access.width = 2;
        access.value = i;
        (void)launcher_carry_out(dev, &access);
        return true;
    }
    return false;
}

static void notify(struct launcher_device *dev, uint64_t address)
{
    const struct launcher_page *page = launcher_descriptor_of(dev)->page;

    for (struct launcher_descriptor *own = page->first; own != NULL; own = own->next)
        if (notify_device(own, address))
            return;
    launcher_history_note(&dev->history, "a notify of 0x%llx, where no descriptor and no ring is",
                          (unsigned long long)address);
}

/* ---- As a front end ---- */

/* Every device of a page shows all of it. */
static bool inside(unsigned region, uint64_t offset, unsigned width)
{
    return region == LAUNCHER_PAGE_REGION && width <= sizeof(uint32_t) &&
           offset < LAUNCHER_PAGE_BYTES && width <= LAUNCHER_PAGE_BYTES - offset;
}

static uint32_t page_read(struct launcher_device *dev, unsigned region, uint64_t offset,
                          unsigned width)
{
    if (!inside(region, offset, width))
        return 0;
    return launcher_page_load(launcher_descriptor_of(dev)->page, (unsigned)offset, width);
}

static void page_write(struct launcher_device *dev, unsigned region, uint64_t offset,
                       unsigned width, uint32_t value)
{
    if (region == LAUNCHER_PAGE_NOTIFY_REGION)
        notify(dev, offset);
    else if (inside(region, offset, width))
        launcher_page_store(launcher_descriptor_of(dev)->page, (unsigned)offset, width, value);
}

static uint64_t size(const struct launcher_device *dev, unsigned region)
{
    (void)dev;
    if (region == LAUNCHER_PAGE_REGION)
        return LAUNCHER_PAGE_BYTES;
    return region == LAUNCHER_PAGE_NOTIFY_REGION ? LAUNCHER_PAGE_NOTIFY_BYTES : 0;
}

const struct launcher_front launcher_front_page = {
    .name = "descriptor page",
    .create = create,
    .destroy = destroy,
    .reset = reset,
    .read = page_read,
    .write = page_write,
    .size = size,
    .interrupt = interrupt,
    .legacy = true,
};
