/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Barriers between a ring's fields and the store that makes them available (VIRTIO 1.4, 2.7.13.3, 2.8.21.3). At each barrier
 * memory is looked at; what is published behind it must have been there by then, and must be there when the device's
 * wish for notifications is read.
 */
#include <string.h>

#include "launcher/packed.h"
#include "launcher/split.h"

enum {
    LOOK_AHEAD = 256, /* slots */
};

bool launcher_reports_barriers(const struct launcher_device *dev)
{
    return dev->barriers[LAUNCHER_BARRIER_PUBLISH] + dev->barriers[LAUNCHER_BARRIER_NOTIFY] != 0;
}

/* Memory could not be looked at: of what was stored before this barrier, nothing is said. */
static void look_away(struct launcher_queue *queue)
{
    queue->ring_state->shown_known = false;
    queue->ring_state->full_seen = UINT64_MAX;
}

/* ---- Split ---- */

bool launcher_split_snapshot(struct launcher_device *dev, struct launcher_queue *queue)
{
    uint8_t *shown = queue->ring_state->shown;
    size_t table = launcher_split_table_bytes(queue);

    return launcher_get_records(dev, queue->desc, shown, launcher_descriptor_fields, queue->size) &&
           launcher_get_records(dev, queue->driver, shown + table, launcher_index_fields,
                                2 + (size_t)queue->size);
}

/* Whether the chain from `at` on is as it was at the barrier. */
static bool split_chain_shown(struct launcher_device *dev, const struct launcher_queue *queue,
                              uint16_t at)
{
    for (unsigned walked = 0; walked < queue->size && at < queue->size; walked++) {
        const uint8_t *shown = queue->ring_state->shown + 16 * (size_t)at;
        uint8_t now[16];
        uint16_t flags;

        if (!launcher_get_records(dev, queue->desc + 16 * (uint64_t)at, now,
                                  launcher_descriptor_fields, 1))
            return true;
        if (memcmp(now, shown, sizeof(now)) != 0)
            return false;
        flags = launcher_le16(now + 12);
        if ((flags & VIRTQ_DESC_F_NEXT) == 0 || (flags & VIRTQ_DESC_F_INDIRECT) != 0)
            return true;
        at = launcher_le16(now + 14);
    }
    return true;
}

void launcher_split_published(struct launcher_device *dev, struct launcher_queue *queue,
                              uint64_t count, uint16_t slot)
{
    const struct launcher_ring_state *state = queue->ring_state;
    const uint8_t *avail = state->shown + launcher_split_table_bytes(queue);
    uint16_t head;

    if (!state->shown_known || count < state->shown_seen || !launcher_reports_barriers(dev) ||
        !launcher_get16(dev, queue->driver + 4 + 2 * (uint64_t)slot, &head))
        return;
    LAUNCHER_JUDGE(&dev->referee, "DRV-SPLIT-37",
                   launcher_le16(avail + 4 + 2 * (size_t)slot) == head &&
                       split_chain_shown(dev, queue, head),
                   "queue %u: entry %u or its chain %u was written after the last barrier in "
                   "front of the available index",
                   queue->index, slot, head);
}

void launcher_split_barrier(struct launcher_device *dev, struct launcher_queue *queue,
                            enum launcher_barrier kind)
{
    struct launcher_ring_state *state = queue->ring_state;
    unsigned waiting;

    if (kind == LAUNCHER_BARRIER_CONSUME)
        return;
    if (!launcher_reaches_memory(dev)) {
        look_away(queue);
        return;
    }
    waiting = launcher_split_waiting(dev, queue);
    for (unsigned i = 0; i < waiting; i++)
        launcher_split_published(dev, queue, state->kick.seen + i,
                                 (uint16_t)((queue->avail_next + i) & (queue->size - 1u)));
    state->shown_known = launcher_split_snapshot(dev, queue);
    state->shown_seen = state->kick.seen + waiting;
    if (kind == LAUNCHER_BARRIER_NOTIFY)
        state->full_seen = state->shown_seen;
}

/* ---- Packed ---- */

/*
 * How many slots the list has that is published at `slot`, 0: none is; *shown: all of it but the flags of its first
 * descriptor is as it was at the barrier.
 */
static unsigned packed_list(struct launcher_device *dev, const struct launcher_queue *queue,
                            uint16_t slot, bool wrap, bool *shown)
{
    *shown = true;
    for (unsigned count = 0; count < queue->size; count++) {
        size_t at = 16 * (size_t)slot;
        uint8_t now[16];
        uint16_t flags;

        if (!launcher_dma_read(dev, queue->desc + at, now, sizeof(now)))
            return 0;
        flags = launcher_le16(now + 14);
        if (count == 0 && !launcher_packed_is_available(flags, wrap))
            return 0;
        if (memcmp(now, queue->ring_state->shown + at, count == 0 ? 14 : 16) != 0)
            *shown = false;
        if ((flags & VIRTQ_DESC_F_NEXT) == 0)
            return count + 1;
        slot = (uint16_t)((slot + 1u) % queue->size);
    }
    return queue->size;
}

static void judge_packed(struct launcher_device *dev, const struct launcher_queue *queue,
                         uint64_t count, uint16_t slot, unsigned slots, bool shown)
{
    const struct launcher_ring_state *state = queue->ring_state;

    if (state->shown_known && count >= state->shown_seen &&
        count - state->shown_seen + slots <= state->shown_count && launcher_reports_barriers(dev))
        LAUNCHER_JUDGE(&dev->referee, "DRV-PACKED-20", shown,
                       "queue %u: the descriptors at slot %u were written after the last barrier "
                       "in front of the flags that publish them",
                       queue->index, slot);
}

void launcher_packed_published(struct launcher_device *dev, struct launcher_queue *queue,
                               uint64_t count, uint16_t slot)
{
    unsigned slots;
    bool shown;

    if (!launcher_reports_barriers(dev))
        return;
    slots = packed_list(dev, queue, slot, queue->avail_wrap, &shown);
    if (slots != 0)
        judge_packed(dev, queue, count, slot, slots, shown);
}

/* Looks at the slots that may be published next: at LOOK_AHEAD of them, so that rings of any size cost the same. */
static void look_ahead(struct launcher_device *dev, struct launcher_queue *queue)
{
    struct launcher_ring_state *state = queue->ring_state;
    size_t first = state->shown_slot;
    size_t count = queue->size < LOOK_AHEAD ? queue->size : LOOK_AHEAD;
    size_t head = count < queue->size - first ? count : queue->size - first;

    state->shown_count = (uint32_t)count;
    state->shown_known =
        launcher_dma_read(dev, queue->desc + 16 * first, state->shown + 16 * first, 16 * head) &&
        launcher_dma_read(dev, queue->desc, state->shown, 16 * (count - head));
}

void launcher_packed_barrier(struct launcher_device *dev, struct launcher_queue *queue,
                             enum launcher_barrier kind)
{
    struct launcher_ring_state *state = queue->ring_state;
    unsigned count;
    bool shown;

    if (kind == LAUNCHER_BARRIER_CONSUME)
        return;
    if (!launcher_reaches_memory(dev)) {
        look_away(queue);
        return;
    }
    if (state->shown_seen < state->kick.seen) { /* what was taken meanwhile has been judged */
        state->shown_count = 0;
        state->shown_seen = state->kick.seen;
        state->shown_slot = queue->avail_next;
        state->shown_wrap = queue->avail_wrap;
    }
    while (state->shown_seen - state->kick.seen < queue->size &&
           (count = packed_list(dev, queue, state->shown_slot, state->shown_wrap, &shown)) != 0) {
        judge_packed(dev, queue, state->shown_seen, state->shown_slot, count, shown);
        state->shown_count -= count < state->shown_count ? count : state->shown_count;
        state->shown_seen += count;
        launcher_packed_advance(queue, &state->shown_slot, &state->shown_wrap, count);
    }
    if (kind == LAUNCHER_BARRIER_NOTIFY)
        state->full_seen = state->shown_seen;
    look_ahead(dev, queue);
}
