/* SPDX-License-Identifier: BSD-2-Clause */
/* Buffers as the device holds them: elements in guest memory, whatever ring they came from (VIRTIO 1.4, 2.7.4, 2.8.6). */
#include <stdlib.h>

#include "launcher/ring_state.h"

struct launcher_chain *launcher_chain_new(void)
{
    return launcher_allocate(sizeof(struct launcher_chain));
}

void launcher_chain_free(struct launcher_chain *chain)
{
    if (chain == NULL)
        return;
    free(chain->segments);
    free(chain->descriptors);
    free(chain);
}

void launcher_chain_add(struct launcher_chain *chain, uint64_t address, uint32_t length,
                        bool writable)
{
    if (chain->count == chain->room) {
        chain->room = chain->room != 0 ? 2 * chain->room : 4;
        chain->segments = launcher_grow(chain->segments, chain->room * sizeof(chain->segments[0]));
    }
    chain->segments[chain->count++] = (struct launcher_segment){address, length, writable};
    *(writable ? &chain->writable : &chain->readable) += length;
}

/* ---- Contents ---- */

/* Copies to or from the elements of one kind, as if they were one run of bytes (DEV-SPLIT-03). */
static uint32_t copy(struct launcher_device *dev, const struct launcher_chain *chain, uint64_t from,
                     uint8_t *to_read, const uint8_t *to_write, uint32_t length)
{
    uint32_t done = 0;

    for (unsigned i = 0; i < chain->count && done < length; i++) {
        const struct launcher_segment *segment = &chain->segments[i];
        uint32_t part;
        bool ok;

        if (segment->writable != (to_write != NULL))
            continue;
        if (from >= segment->length) {
            from -= segment->length;
            continue;
        }
        part = segment->length - (uint32_t)from;
        if (part > length - done)
            part = length - done;
        ok = to_write != NULL
                 ? launcher_dma_write(dev, segment->address + from, to_write + done, part)
                 : launcher_dma_read(dev, segment->address + from, to_read + done, part);
        if (!ok)
            return done;
        done += part;
        from = 0;
    }
    return done;
}

uint32_t launcher_chain_read(struct launcher_device *dev, const struct launcher_chain *chain,
                             uint64_t from, void *to, uint32_t length)
{
    return copy(dev, chain, from, to, NULL, length);
}

uint32_t launcher_chain_write(struct launcher_device *dev, const struct launcher_chain *chain,
                              uint64_t from, const void *data, uint32_t length)
{
    return copy(dev, chain, from, NULL, data, length);
}

static bool overlaps(const struct launcher_segment *segment, uint64_t address, uint64_t length)
{
    return segment->length != 0 && length != 0 &&
           (segment->address <= address ? address - segment->address < segment->length
                                        : segment->address - address < length);
}

bool launcher_owns(const struct launcher_device *dev, uint64_t address, uint64_t length)
{
    for (unsigned q = 0; q < dev->queue_count; q++)
        for (unsigned i = 0; i < dev->queues[q].flight_count; i++) {
            const struct launcher_chain *chain = dev->queues[q].flight[i];

            for (unsigned s = 0; s < chain->count; s++)
                if (overlaps(&chain->segments[s], address, length))
                    return true;
        }
    return false;
}

bool launcher_chain_is_ordered(const struct launcher_chain *chain)
{
    for (unsigned i = 1; i < chain->count; i++)
        if (chain->segments[i - 1].writable && !chain->segments[i].writable)
            return false;
    return true;
}

unsigned launcher_batch(const struct launcher_device *dev, const struct launcher_queue *queue,
                        const struct launcher_chain *chain)
{
    unsigned at = 0;

    if (!launcher_accepted(dev, VIRTIO_F_IN_ORDER))
        return 1;
    while (at + 1 < queue->flight_count && queue->flight[at] != chain)
        at++;
    return at + 1;
}

/* ---- What a ring remembers ---- */

struct launcher_ring_state *launcher_ring_state_new(size_t ring, size_t table, size_t taken,
                                                    size_t shown)
{
    struct launcher_ring_state *state = launcher_allocate(sizeof(*state));

    state->ring = launcher_allocate(ring);
    state->table = launcher_allocate(table);
    state->taken = launcher_allocate(taken);
    state->shown = launcher_allocate(shown);
    return state;
}

void launcher_ring_state_free(struct launcher_queue *queue)
{
    struct launcher_ring_state *state = queue->ring_state;

    queue->ring_state = NULL;
    if (state == NULL)
        return;
    free(state->ring);
    free(state->table);
    free(state->taken);
    free(state->shown);
    free(state);
}

void launcher_judge_zeroed(struct launcher_device *dev, const struct launcher_queue *queue,
                           bool zeroed, const char *what)
{
    enum launcher_front_kind front = dev->options.front;

    if (front == LAUNCHER_MMIO)
        LAUNCHER_JUDGE(&dev->referee, "IMP-MMIO-09", zeroed,
                       "queue %u is enabled, and %s is not zeroed", queue->index, what);
    else if (front == LAUNCHER_MMIO_LEGACY)
        LAUNCHER_JUDGE(&dev->referee, "IMP-MMIOLEG-12", zeroed,
                       "queue %u is given its page, and %s is not zeroed", queue->index, what);
    else if (!dev->legacy)
        LAUNCHER_JUDGE(&dev->referee, "IMP-PCI-14", zeroed,
                       "queue %u is enabled, and %s is not zeroed", queue->index, what);
}
