/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packed virtqueues from the device's side (VIRTIO 1.4, 2.8): one ring that both sides write, told apart by wrap
 * counters. Descriptor lists: packed_list.c; notifications: packed_notify.c.
 */
#include "launcher/packed.h"

#include <stdlib.h>
#include <string.h>

/* ---- Set-up ---- */

static bool fits(struct launcher_device *dev, const struct launcher_queue *queue)
{
    return LAUNCHER_JUDGE(
        &dev->referee, "IMP-PACKED-01", queue->size != 0 && queue->size <= VIRTQ_SIZE_MAX,
        "queue %u is enabled with %u entries: 1 to 32768 are possible", queue->index, queue->size);
}

static void judge_alignment(struct launcher_device *dev, const struct launcher_queue *queue)
{
    LAUNCHER_JUDGE(&dev->referee, "DRV-PACKED-01", queue->desc % VIRTQ_DESC_ALIGN == 0,
                   "queue %u: the descriptor ring is at 0x%llx, not at a multiple of 16",
                   queue->index, (unsigned long long)queue->desc);
    LAUNCHER_JUDGE(&dev->referee, "DRV-PACKED-02", queue->device % VIRTQ_EVENT_ALIGN == 0,
                   "queue %u: the device event suppression structure is at 0x%llx, not at a "
                   "multiple of 4",
                   queue->index, (unsigned long long)queue->device);
    LAUNCHER_JUDGE(&dev->referee, "DRV-PACKED-03", queue->driver % VIRTQ_EVENT_ALIGN == 0,
                   "queue %u: the driver event suppression structure is at 0x%llx, not at a "
                   "multiple of 4",
                   queue->index, (unsigned long long)queue->driver);
}

/* Reads the ring as it is. Drivers may have put buffers into zeroed memory already: then the first slot is available. */
static void learn(struct launcher_device *dev, struct launcher_queue *queue, bool judged)
{
    struct launcher_ring_state *state = queue->ring_state;
    size_t bytes = 16 * (size_t)queue->size;
    uint8_t event[4];
    bool clean;

    state->known = launcher_dma_read(dev, queue->desc, state->ring, bytes) &&
                   launcher_dma_read(dev, queue->driver, event, sizeof(event)) &&
                   launcher_dma_read(dev, queue->device, event, sizeof(event));
    if (judged || !state->known)
        LAUNCHER_JUDGE(&dev->referee, "IMP-PACKED-23", state->known,
                       "queue %u: ring at 0x%llx, event structures at 0x%llx and 0x%llx: they are "
                       "not all memory for %u entries",
                       queue->index, (unsigned long long)queue->desc,
                       (unsigned long long)queue->driver, (unsigned long long)queue->device,
                       queue->size);
    if (!state->known) {
        launcher_ring_broken(dev, queue);
        return;
    }
    memcpy(state->shown, state->ring, bytes);
    state->shown_known = true;
    state->shown_count = queue->size;
    state->shown_wrap = true;
    if (!judged)
        return;
    clean = launcher_packed_is_available(launcher_le16(state->ring + 14), true) ||
            launcher_all_zero(state->ring, bytes);
    LAUNCHER_JUDGE(&dev->referee, "IMP-PACKED-24", clean,
                   "queue %u: the descriptor ring is not zeroed when it is enabled", queue->index);
    launcher_judge_zeroed(dev, queue, clean, "the descriptor ring");
}

static void start_over(struct launcher_queue *queue)
{
    launcher_ring_state_free(queue);
    queue->avail_next = queue->used_next = queue->used_shown = 0;
    queue->avail_wrap = queue->used_wrap = true;
}

static void enable(struct launcher_device *dev, struct launcher_queue *queue)
{
    size_t bytes = 16 * (size_t)queue->size;

    start_over(queue);
    queue->ring_state = launcher_ring_state_new(bytes, 0, UINT16_MAX + 1, bytes);
    launcher_kick_start(queue, LAUNCHER_WISH_ALL);
    judge_alignment(dev, queue);
    if (launcher_reaches_memory(dev))
        learn(dev, queue, true);
}

static void disable(struct launcher_device *dev, struct launcher_queue *queue)
{
    (void)dev;
    start_over(queue);
}

/* ---- Available descriptors ---- */

static struct launcher_chain *take(struct launcher_device *dev, struct launcher_queue *queue)
{
    struct launcher_ring_state *state = queue->ring_state;
    struct launcher_chain *chain;
    uint16_t flags;

    if (!state->known) {
        learn(dev, queue, false);
        if (!state->known)
            return NULL;
    }
    if (!launcher_get16(dev, launcher_packed_at(queue, queue->avail_next) + 14, &flags)) {
        launcher_ring_broken(dev, queue);
        return NULL;
    }
    if (!launcher_packed_is_available(flags, queue->avail_wrap))
        return NULL;
    launcher_packed_published(dev, queue, state->kick.seen, queue->avail_next);
    chain = launcher_packed_read_list(dev, queue, flags);
    if (chain == NULL) {
        launcher_ring_broken(dev, queue);
        return NULL;
    }
    state->slots_out += chain->slots;
    state->taken[chain->id] = 1;
    launcher_packed_advance(queue, &queue->avail_next, &queue->avail_wrap, chain->slots);
    launcher_kick_seen(queue, chain->slots);
    return chain;
}

/* ---- Used descriptors ---- */

/* A 16-bit field of a slot, and the device's copy of it. */
static void put_field(struct launcher_device *dev, struct launcher_queue *queue, uint16_t slot,
                      unsigned at, uint16_t value)
{
    uint8_t *copy = queue->ring_state->ring + 16 * (size_t)slot + at;

    if (!launcher_put16(dev, launcher_packed_at(queue, slot) + at, value))
        return;
    copy[0] = (uint8_t)value;
    copy[1] = (uint8_t)(value >> 8);
}

static void put_length(struct launcher_device *dev, struct launcher_queue *queue, uint16_t slot,
                       uint32_t length)
{
    uint8_t *copy = queue->ring_state->ring + 16 * (size_t)slot + 8;

    if (!launcher_put32(dev, launcher_packed_at(queue, slot) + 8, length))
        return;
    for (unsigned i = 0; i < 4; i++)
        copy[i] = (uint8_t)(length >> 8 * i);
}

static uint16_t used_flags(bool wrap)
{
    return wrap ? VIRTQ_DESC_F_AVAIL | VIRTQ_DESC_F_USED : 0;
}

/* Slots that the buffer gives back, all those of its batch with IN_ORDER (2.8.8). */
static uint32_t give_back(const struct launcher_device *dev, struct launcher_queue *queue,
                          const struct launcher_chain *last)
{
    struct launcher_ring_state *state = queue->ring_state;
    unsigned count = launcher_batch(dev, queue, last);
    uint32_t slots = 0;

    for (unsigned i = 0; i < count; i++) {
        const struct launcher_chain *chain = count == 1 ? last : queue->flight[i];

        slots += chain->slots;
        if (state->taken[chain->id] != 0)
            state->slots_out -= chain->slots;
        state->taken[chain->id] = 0;
    }
    return slots;
}

/* The flags come last: they are what the driver looks at (2.8.19). */
static void use(struct launcher_device *dev, struct launcher_queue *queue,
                const struct launcher_chain *chain, uint32_t id, uint32_t length)
{
    struct launcher_ring_state *state = queue->ring_state;
    uint16_t slot = queue->used_next, flags = used_flags(queue->used_wrap);
    uint32_t slots = give_back(dev, queue, chain);

    put_field(dev, queue, slot, 12, (uint16_t)id);
    put_length(dev, queue, slot, length);
    put_field(dev, queue, slot, 14, flags | (length != 0 ? VIRTQ_DESC_F_WRITE : 0));
    state->used_last = slot;
    state->used_since += slots;
    launcher_packed_advance(queue, &queue->used_next, &queue->used_wrap, slots);
}

static void misshow(struct launcher_device *dev, struct launcher_queue *queue,
                    enum launcher_fault fault, uint64_t value)
{
    const struct launcher_ring_state *state = queue->ring_state;
    const uint8_t *last = state->ring + 16 * (size_t)state->used_last;
    uint16_t flags;

    if (fault == LAUNCHER_FAULT_INDEX_AHEAD) {
        put_field(dev, queue, queue->used_next, 14, used_flags(queue->used_wrap));
        return;
    }
    /* The slot is the device's to spoil only as long as the driver has not used it again. */
    if (!launcher_get16(dev, launcher_packed_at(queue, state->used_last) + 14, &flags) ||
        flags != launcher_le16(last + 14))
        return;
    if (fault == LAUNCHER_FAULT_INDEX_BACK) {
        put_field(dev, queue, state->used_last, 14, flags ^ VIRTQ_DESC_F_USED);
        return;
    }
    put_field(dev, queue, state->used_last, 12,
              (uint16_t)(value != 0 ? value : launcher_random(dev, queue->size)));
    put_length(dev, queue, state->used_last, (uint32_t)launcher_random(dev, 0));
}

const struct launcher_ring launcher_packed = {
    .name = "packed",
    .fits = fits,
    .enable = enable,
    .disable = disable,
    .take = take,
    .use = use,
    .ask = launcher_packed_ask,
    .wants_interrupt = launcher_packed_wants_interrupt,
    .check_unchanged = launcher_packed_check_unchanged,
    .judge_notification = launcher_packed_judge_notification,
    .waiting = launcher_packed_waiting,
    .judge_silence = launcher_packed_judge_silence,
    .barrier = launcher_packed_barrier,
    .misshow = misshow,
};
