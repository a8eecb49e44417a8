/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Split virtqueues from the device's side (VIRTIO 1.4, 2.7): taking buffers from the available ring, using them, and
 * judging the driver's side. Descriptor chains: split_chain.c; notifications: split_notify.c.
 */
#include "launcher/split.h"

#include <stdlib.h>
#include <string.h>

/* ---- Set-up ---- */

static bool fits(struct launcher_device *dev, const struct launcher_queue *queue)
{
    unsigned size = queue->size;

    return LAUNCHER_JUDGE(&dev->referee, "IMP-SPLIT-01",
                          size != 0 && (size & (size - 1)) == 0 && size <= VIRTQ_SIZE_MAX,
                          "queue %u is enabled with %u entries: a power of two up to 32768 is "
                          "demanded",
                          queue->index, size);
}

static void judge_alignment(struct launcher_device *dev, const struct launcher_queue *queue)
{
    if (dev->legacy) /* the page number leaves no choice */
        return;
    LAUNCHER_JUDGE(&dev->referee, "DRV-SPLIT-01", queue->desc % VIRTQ_DESC_ALIGN == 0,
                   "queue %u: the descriptor table is at 0x%llx, not at a multiple of 16",
                   queue->index, (unsigned long long)queue->desc);
    LAUNCHER_JUDGE(&dev->referee, "DRV-SPLIT-02", queue->driver % VIRTQ_AVAIL_ALIGN == 0,
                   "queue %u: the available ring is at 0x%llx, not at a multiple of 2",
                   queue->index, (unsigned long long)queue->driver);
    LAUNCHER_JUDGE(&dev->referee, "DRV-SPLIT-03", queue->device % VIRTQ_USED_ALIGN == 0,
                   "queue %u: the used ring is at 0x%llx, not at a multiple of 4", queue->index,
                   (unsigned long long)queue->device);
}

static bool judge_memory(struct launcher_device *dev, const struct launcher_queue *queue, bool ok)
{
    if (dev->legacy)
        LAUNCHER_JUDGE(&dev->referee, "DRV-SPLIT-05", ok,
                       "queue %u: the legacy layout for %u entries from 0x%llx to the used ring "
                       "at 0x%llx and its end is not all memory",
                       queue->index, queue->size, (unsigned long long)queue->desc,
                       (unsigned long long)queue->device);
    return LAUNCHER_JUDGE(&dev->referee, "IMP-SPLIT-02", ok,
                          "queue %u: table at 0x%llx, available ring at 0x%llx, used ring at "
                          "0x%llx: they are not all memory for %u entries",
                          queue->index, (unsigned long long)queue->desc,
                          (unsigned long long)queue->driver, (unsigned long long)queue->device,
                          queue->size);
}

/*
 * Reads what is there. Of zeroed memory, drivers may have written the `next` fields (a list of free descriptors), the
 * available flags and used_event already; and buffers, if the available index has moved.
 */
static void learn(struct launcher_device *dev, struct launcher_queue *queue, bool judged)
{
    struct launcher_ring_state *state = queue->ring_state;
    const uint8_t *table = state->shown, *avail = table + launcher_split_table_bytes(queue);
    bool clean = true;
    uint8_t used[4];

    state->shown_known = launcher_split_snapshot(dev, queue);
    state->known = state->shown_known &&
                   launcher_dma_read(dev, queue->device, used, sizeof(used)) &&
                   launcher_dma_read(dev, queue->device + 4, state->ring, 8 * (size_t)queue->size);
    if (!state->known) {
        (void)judge_memory(dev, queue, false);
        launcher_ring_broken(dev, queue);
        return;
    }
    queue->used_shown = launcher_le16(used + 2);
    if (!judged)
        return;
    (void)judge_memory(dev, queue, true);
    LAUNCHER_JUDGE(&dev->referee, "DRV-SPLIT-27", launcher_le16(used) == 0,
                   "queue %u: the used flags are 0x%x when it is enabled", queue->index,
                   launcher_le16(used));
    if (launcher_le16(avail + 2) == 0) {
        for (unsigned i = 0; i < queue->size && clean; i++)
            clean = launcher_all_zero(table + 16 * (size_t)i, 14);
        clean = clean && launcher_all_zero(avail + 4, 2 * (size_t)queue->size);
    }
    launcher_judge_zeroed(dev, queue, clean, "the descriptor table or the available ring");
    launcher_judge_zeroed(dev, queue,
                          queue->used_shown == 0 &&
                              launcher_all_zero(state->ring, 8 * (size_t)queue->size),
                          "the used ring");
}

static void enable(struct launcher_device *dev, struct launcher_queue *queue)
{
    launcher_ring_state_free(queue);
    queue->avail_next = queue->used_next = queue->used_shown = 0;
    queue->ring_state =
        launcher_ring_state_new(8 * (size_t)queue->size, launcher_split_table_bytes(queue),
                                queue->size, launcher_split_snapshot_bytes(queue));
    launcher_kick_start(queue, launcher_accepted(dev, VIRTIO_F_EVENT_IDX) ? LAUNCHER_WISH_AT
                                                                          : LAUNCHER_WISH_ALL);
    judge_alignment(dev, queue);
    if (launcher_reaches_memory(dev))
        learn(dev, queue, true);
}

static void disable(struct launcher_device *dev, struct launcher_queue *queue)
{
    (void)dev;
    launcher_ring_state_free(queue);
    queue->avail_next = queue->used_next = queue->used_shown = 0;
}

/* ---- The used ring ---- */

/* The device alone writes it. */
static void judge_used_ring(struct launcher_device *dev, const struct launcher_queue *queue)
{
    const struct launcher_ring_state *state = queue->ring_state;
    size_t bytes = 8 * (size_t)queue->size;
    uint8_t *elements = launcher_allocate(bytes), head[4], event[2];
    uint64_t behind = queue->device + 4 + bytes;

    if (launcher_get_records(dev, queue->device, head, launcher_index_fields, 2) &&
        launcher_get_records(dev, queue->device + 4, elements, launcher_element_fields,
                             queue->size) &&
        launcher_get_records(dev, behind, event, launcher_index_fields, 1))
        LAUNCHER_JUDGE(&dev->referee, "IMP-SPLIT-12",
                       launcher_le16(head) == state->flags &&
                           launcher_le16(head + 2) == queue->used_shown &&
                           memcmp(elements, state->ring, bytes) == 0 &&
                           (!launcher_accepted(dev, VIRTIO_F_EVENT_IDX) ||
                            launcher_le16(event) == state->event),
                       "queue %u: the used ring is not as the device left it (flags 0x%x, index "
                       "%u): the driver wrote to it",
                       queue->index, launcher_le16(head), launcher_le16(head + 2));
    free(elements);
}

static void show_index(struct launcher_device *dev, struct launcher_queue *queue, uint16_t index)
{
    if (launcher_put16(dev, queue->device + 2, index))
        queue->used_shown = index;
}

static void put_element(struct launcher_device *dev, struct launcher_queue *queue, uint16_t at,
                        uint32_t id, uint32_t length)
{
    size_t slot = 8 * (size_t)(at & (queue->size - 1u));
    uint8_t *copy = queue->ring_state->ring + slot;

    if (!launcher_put32(dev, queue->device + 4 + slot, id) ||
        !launcher_put32(dev, queue->device + 8 + slot, length))
        return;
    for (unsigned i = 0; i < 4; i++) {
        copy[i] = (uint8_t)(id >> 8 * i);
        copy[4 + i] = (uint8_t)(length >> 8 * i);
    }
}

/* The element is there before the index (DEV-SPLIT-17), at the first position of a batch (2.7.9). */
static void use(struct launcher_device *dev, struct launcher_queue *queue,
                const struct launcher_chain *chain, uint32_t id, uint32_t length)
{
    unsigned count = launcher_batch(dev, queue, chain);

    put_element(dev, queue, queue->used_next, id, length);
    for (unsigned i = 0; i < count; i++)
        launcher_split_release(queue, count == 1 ? chain : queue->flight[i]);
    queue->used_next = (uint16_t)(queue->used_next + count);
    show_index(dev, queue, queue->used_next);
}

static void misshow(struct launcher_device *dev, struct launcher_queue *queue,
                    enum launcher_fault fault, uint64_t value)
{
    uint16_t by = (uint16_t)(value != 0 ? value : 1 + launcher_random(dev, 1000));

    if (fault == LAUNCHER_FAULT_INDEX_AHEAD)
        show_index(dev, queue, (uint16_t)(queue->used_next + queue->flight_count + by));
    else if (fault == LAUNCHER_FAULT_INDEX_BACK)
        show_index(dev, queue, (uint16_t)(queue->used_next - by));
    else
        put_element(dev, queue, (uint16_t)(queue->used_next - 1),
                    (uint32_t)launcher_random(dev, queue->size), (uint32_t)launcher_random(dev, 0));
}

/* ---- The available ring ---- */

static uint16_t swapped(uint16_t value)
{
    return (uint16_t)(value >> 8 | value << 8);
}

/* What makes no sense, and would in the other byte order, is in the other byte order. */
static void judge_order(struct launcher_device *dev, const struct launcher_queue *queue,
                        bool reversed, const char *what, uint16_t value)
{
    if (dev->legacy)
        LAUNCHER_JUDGE(&dev->referee, "DRV-SPLIT-07", !reversed,
                       "queue %u: %s is 0x%04x, which makes sense in the other byte order only",
                       queue->index, what, value);
    else
        LAUNCHER_JUDGE(&dev->referee, "IMP-SPLIT-04", !reversed,
                       "queue %u: %s is 0x%04x, which makes sense in the other byte order only",
                       queue->index, what, value);
}

/* Names the rule that an index beyond all free entries breaks. */
static void judge_index(struct launcher_device *dev, const struct launcher_queue *queue,
                        uint16_t index)
{
    uint16_t next = queue->avail_next, fresh = (uint16_t)(index - next);
    unsigned room = queue->size - queue->flight_count;
    bool ok = fresh <= room, reversed = !ok && (uint16_t)(swapped(index) - next) <= room;
    bool back = !ok && fresh > UINT16_MAX / 2;
    bool at_size = back && queue->size <= UINT16_MAX / 2 && index < queue->size &&
                   (next >= queue->size || index + queue->size - next <= next - index);
    bool start = !ok && queue->ring_state->kick.seen == 0 && index > 2u * queue->size && !reversed;

    judge_order(dev, queue, reversed, "the available index", index);
    LAUNCHER_JUDGE(&dev->referee, "IMP-SPLIT-08", reversed || !(start || at_size),
                   "queue %u: the available index is %u behind %u: it starts at 0, and wraps at "
                   "65536 and not at the queue size",
                   queue->index, index, next);
    LAUNCHER_JUDGE(&dev->referee, "DRV-SPLIT-19", !back || reversed || start || at_size,
                   "queue %u: the available index went back from %u to %u", queue->index, next,
                   index);
    LAUNCHER_JUDGE(&dev->referee, "IMP-SPLIT-18", ok || back || reversed || start,
                   "queue %u: the available index went from %u to %u with %u of %u buffers in "
                   "flight: there are no descriptors for so many",
                   queue->index, next, index, queue->flight_count, queue->size);
}

static bool judge_head(struct launcher_device *dev, const struct launcher_queue *queue,
                       uint16_t head)
{
    bool inside = head < queue->size;

    judge_order(dev, queue, !inside && swapped(head) < queue->size, "an available entry", head);
    return LAUNCHER_JUDGE(
        &dev->referee, "IMP-SPLIT-19", inside && queue->ring_state->taken[head] == 0,
        "queue %u: entry %u of the available ring holds %u, which %s: the index "
        "is advanced by the number of heads that were added",
        queue->index, queue->avail_next, head, inside ? "is in flight" : "is no descriptor");
}

static struct launcher_chain *take(struct launcher_device *dev, struct launcher_queue *queue)
{
    struct launcher_ring_state *state = queue->ring_state;
    uint16_t index, head, slot = (uint16_t)(queue->avail_next & (queue->size - 1u));
    struct launcher_chain *chain;

    if (!state->known) {
        learn(dev, queue, false);
        if (!state->known)
            return NULL;
    }
    if (!launcher_get16(dev, queue->driver + 2, &index)) {
        launcher_ring_broken(dev, queue);
        return NULL;
    }
    if (index == queue->avail_next) {
        judge_used_ring(dev, queue);
        (void)launcher_split_avail_flags(dev, queue);
        return NULL;
    }
    judge_index(dev, queue, index);
    if ((uint16_t)(index - queue->avail_next) > queue->size - queue->flight_count ||
        !launcher_get16(dev, queue->driver + 4 + 2 * (uint64_t)slot, &head) ||
        !judge_head(dev, queue, head)) {
        launcher_ring_broken(dev, queue);
        return NULL;
    }
    launcher_split_published(dev, queue, state->kick.seen, slot);
    chain = launcher_split_read_chain(dev, queue, head);
    if (chain == NULL) {
        launcher_ring_broken(dev, queue);
        return NULL;
    }
    chain->position = slot;
    queue->avail_next++;
    launcher_kick_seen(queue, 1);
    return chain;
}

const struct launcher_ring launcher_split = {
    .name = "split",
    .fits = fits,
    .enable = enable,
    .disable = disable,
    .take = take,
    .use = use,
    .ask = launcher_split_ask,
    .wants_interrupt = launcher_split_wants_interrupt,
    .check_unchanged = launcher_split_check_unchanged,
    .judge_notification = launcher_split_judge_notification,
    .waiting = launcher_split_waiting,
    .judge_silence = launcher_split_judge_silence,
    .barrier = launcher_split_barrier,
    .misshow = misshow,
};
