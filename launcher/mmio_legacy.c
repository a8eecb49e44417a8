/* SPDX-License-Identifier: BSD-2-Clause */
/* Virtio over MMIO, version 1 (VIRTIO 1.4, 4.2.4): queues by page number, in pages of the driver's own size. */
#include "launcher/mmio.h"

enum {
    ALIGN_MOST = 1 << 24, /* bytes; what goes beyond is no alignment of a ring */
};

/* The page number is the queue's place, and enables it; 0 ends its use. */
static void write_pfn(struct launcher_device *dev, struct launcher_queue *queue, uint32_t pfn)
{
    uint64_t page_size = launcher_mmio_of(dev)->page_size;

    if (pfn == 0) {
        launcher_queue_stop(dev, queue);
        return;
    }
    if (queue->enabled)
        return;
    if (page_size == 0 || queue->align == 0 || (queue->align & (queue->align - 1)) != 0 ||
        queue->align > ALIGN_MOST) {
        launcher_history_note(&dev->history,
                              "queue %u cannot be found: page size %llu, alignment %u",
                              queue->index, (unsigned long long)page_size, queue->align);
        return;
    }
    queue->pfn = pfn;
    launcher_place_legacy_queue(dev, queue, pfn * page_size, queue->align);
}

static void write_own(struct launcher_device *dev, const struct launcher_access *access)
{
    struct launcher_queue *queue = launcher_queue(dev, dev->queue_select);

    switch (access->reg) {
    case LAUNCHER_REG_GUEST_PAGE_SIZE:
        launcher_mmio_of(dev)->page_size = access->value;
        break;
    case LAUNCHER_REG_QUEUE_ALIGN:
        if (queue != NULL && !queue->enabled)
            queue->align = access->value;
        break;
    case LAUNCHER_REG_QUEUE_PFN:
        if (queue != NULL)
            write_pfn(dev, queue, access->value);
        break;
    default:
        (void)launcher_perform(dev, access);
    }
}

static void mmio_write(struct launcher_device *dev, unsigned region, uint64_t offset,
                       unsigned width, uint32_t value)
{
    struct launcher_access access = launcher_mmio_translate(dev, region, offset, width);

    access.write = true;
    access.value = value;
    launcher_observe(dev, &access);
    launcher_mmio_judge_ack(dev, &access);
    if (access.reg == LAUNCHER_REG_CONFIG || (access.width == access.natural && access.skip == 0))
        write_own(dev, &access);
}

static void reset(struct launcher_device *dev)
{
    launcher_mmio_of(dev)->page_size = 0;
}

const struct launcher_front launcher_front_mmio_legacy = {
    .name = "mmio-legacy",
    .create = launcher_mmio_create,
    .destroy = launcher_mmio_destroy,
    .reset = reset,
    .read = launcher_mmio_read,
    .write = mmio_write,
    .size = launcher_mmio_size,
    .legacy = true,
};
