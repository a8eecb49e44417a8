/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A device that got STUCK: virtio_owned() has to show what it may still write, all of it and
 * nothing else, and nobody but the device touches that any more.
 */
#include "launcher/front.h"
#include "launcher/ring.h"
#include "launcher/sim/sim.h"

static void write_down(void *ctx, const struct virtio_piece *piece)
{
    struct sim_device *dev = ctx;

    dev->owned = launcher_grow(dev->owned, (dev->owned_count + 1) * sizeof(dev->owned[0]));
    dev->owned[dev->owned_count++] = *piece;
}

/* The bytes from `p` on, up to `length`, that one piece covers. */
static size_t covered(const struct sim_device *dev, const uint8_t *p, size_t length)
{
    for (unsigned i = 0; i < dev->owned_count; i++) {
        size_t offset = (uintptr_t)p - (uintptr_t)dev->owned[i].pointer;

        if (offset < dev->owned[i].length)
            return length < dev->owned[i].length - offset ? length : dev->owned[i].length - offset;
    }
    return 0;
}

bool sim_owns(const struct sim_device *dev, const uint8_t *p, size_t length)
{
    while (length > 0) {
        size_t part = covered(dev, p, length);

        if (part == 0)
            return false;
        p += part;
        length -= part;
    }
    return true;
}

/* What the driver believes to be in flight: what is mapped. */
static void check_maps(struct sim_device *dev)
{
    for (unsigned i = 0; i < dev->map_count; i++)
        if (dev->maps[i].live && !sim_owns(dev, dev->maps[i].pointer, dev->maps[i].length))
            sim_fail(dev->world, "virtio_owned() does not show %p, which is mapped for %s",
                     (void *)dev->maps[i].pointer, dev->name);
}

/* What the device has taken and not used. */
static void check_flight(struct sim_device *dev)
{
    for (unsigned i = 0; i < dev->host->queue_count; i++) {
        const struct launcher_queue *queue = &dev->host->queues[i];

        for (unsigned j = 0; j < queue->flight_count; j++)
            for (unsigned k = 0; k < queue->flight[j]->count; k++) {
                const struct launcher_segment *segment = &queue->flight[j]->segments[k];
                const uint8_t *p = sim_guest_pointer(dev, segment->address, segment->length);

                if (p == NULL || !sim_owns(dev, p, segment->length))
                    sim_fail(
                        dev->world,
                        "%s has a buffer of %u bytes at bus address 0x%llx that virtio_owned() "
                        "does not show",
                        dev->name, segment->length, (unsigned long long)segment->address);
            }
    }
}

/* Nothing else: all of it was lent to the device. */
static void check_pieces(struct sim_device *dev)
{
    for (unsigned i = 0; i < dev->owned_count; i++) {
        const struct sim_block *block = sim_block_at(dev->world, dev->owned[i].pointer);

        if (block == NULL || block->lent != dev || block->kept)
            sim_fail(dev->world, "virtio_owned() shows %p, which %s does not have",
                     dev->owned[i].pointer, dev->name);
    }
}

void sim_become_stuck(struct sim_device *dev)
{
    const struct launcher_device *host = dev->host;

    if (!sim_explained(dev, -VIRTIO_E_STUCK) && !sim_explained(dev, -VIRTIO_E_UNREACHABLE))
        sim_fail(dev->world, "%s is STUCK without a reason", dev->name);
    dev->world->totals->stuck++;
    virtio_owned(&dev->guest, write_down, dev);
    if (dev->guest.dma.used > 0 && !sim_owns(dev, dev->dma->bytes, dev->dma->length))
        sim_fail(dev->world, "virtio_owned() does not show the memory of %s", dev->name);
    check_maps(dev);
    check_pieces(dev);
    if (!sim_lied(dev))
        check_flight(dev);
    if (host->front->can_dma != NULL && host->front->can_dma(host))
        sim_fail(dev->world, "%s is STUCK, and has not been cut off from memory", dev->name);
}
