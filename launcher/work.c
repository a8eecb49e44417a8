/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The life of a buffer from the device's side, the same on both rings: it is taken, served by the model, and used, with
 * the faults that belong to it. With IN_ORDER, one used element may stand for a batch (VIRTIO 1.4, 2.7.9, 2.8.8).
 */
#include <stdlib.h>
#include <string.h>

#include "launcher/front.h"
#include "launcher/model.h"
#include "launcher/ring_state.h"

#define LATE_NS_MOST 20000000ull /* of a late completion, when the fault chooses */

enum {
    LENGTH_BEYOND_MOST = 4096, /* bytes past the writable ones, when the fault chooses */
    ID_TRIES = 64,
};

bool launcher_reaches_memory(const struct launcher_device *dev)
{
    return dev->front->can_dma == NULL || dev->front->can_dma(dev);
}

void launcher_ring_broken(struct launcher_device *dev, struct launcher_queue *queue)
{
    queue->broken = true;
    launcher_needs_reset(dev);
}

static bool works(const struct launcher_device *dev, const struct launcher_queue *queue)
{
    return queue->enabled && !queue->broken && !queue->resetting && launcher_is_live(dev) &&
           launcher_reaches_memory(dev);
}

/* What the fault says, or a number below `limit` if it leaves the choice. */
static uint64_t fault_value(struct launcher_device *dev, enum launcher_fault fault, uint64_t limit)
{
    uint64_t value = launcher_fault_value(dev, fault);

    return value != 0 ? value : launcher_random(dev, limit);
}

/* ---- Taking ---- */

static void take_in(struct launcher_device *dev, struct launcher_queue *queue,
                    struct launcher_chain *chain)
{
    uint64_t bytes = chain->readable + chain->writable;
    struct launcher_event *event;

    if (queue->flight_count == queue->flight_room) {
        queue->flight_room = queue->flight_room != 0 ? 2 * queue->flight_room : 16;
        queue->flight =
            launcher_grow(queue->flight, queue->flight_room * sizeof(struct launcher_chain *));
    }
    queue->flight[queue->flight_count++] = chain;
    chain->order = queue->taken++;
    chain->taken_ns = dev->now;
    chain->due_ns = dev->now + dev->options.latency_ns;
    if (launcher_fault(dev, LAUNCHER_FAULT_LATE))
        chain->due_ns += fault_value(dev, LAUNCHER_FAULT_LATE, LATE_NS_MOST);
    chain->never = launcher_fault(dev, LAUNCHER_FAULT_NEVER);
    event = launcher_history_add(&dev->history, LAUNCHER_EVENT_TAKEN);
    event->queue = queue->index;
    event->id = chain->id;
    event->value = bytes < UINT32_MAX ? (uint32_t)bytes : UINT32_MAX;
}

unsigned launcher_take_all(struct launcher_device *dev, struct launcher_queue *queue)
{
    unsigned taken = 0;

    while (taken < queue->size && works(dev, queue)) {
        struct launcher_chain *chain = queue->ring->take(dev, queue);

        queue->ring_state->kick.started = true;
        if (chain == NULL)
            break;
        take_in(dev, queue, chain);
        taken++;
    }
    return taken;
}

/* ---- Notifications ---- */

static void wish_at_random(struct launcher_device *dev, struct launcher_queue *queue)
{
    unsigned choice = (unsigned)launcher_random(dev, queue->size + 2ull);

    queue->ring->ask(dev, queue, choice <= queue->size ? choice : LAUNCHER_ASK_NOTHING);
}

/* Renews the wish behind what was taken, and looks once more for what was published before the driver could see it. */
static void ask_again(struct launcher_device *dev, struct launcher_queue *queue)
{
    if (launcher_fault(dev, LAUNCHER_FAULT_SPURIOUS_KICK_WISH))
        wish_at_random(dev, queue);
    else
        queue->ring->ask(dev, queue, queue->quiet ? LAUNCHER_ASK_NOTHING : 0);
    if (queue->ring->waiting(dev, queue) != 0)
        (void)launcher_take_all(dev, queue);
}

void launcher_queue_notified(struct launcher_device *dev, struct launcher_queue *queue,
                             uint32_t value, unsigned width)
{
    unsigned taken = launcher_take_all(dev, queue);

    if (taken == 0)
        queue->idle_notifications++;
    if (!works(dev, queue))
        return;
    queue->ring->judge_notification(dev, queue, value, width, taken);
    ask_again(dev, queue);
    launcher_kick_came(queue);
    launcher_complete(dev, queue);
}

void launcher_queue_run(struct launcher_device *dev, struct launcher_queue *queue)
{
    if (!works(dev, queue))
        return;
    if (launcher_kick_polls(queue)) {
        bool first = !queue->ring_state->kick.started;

        if (launcher_take_all(dev, queue) != 0 || first)
            ask_again(dev, queue);
    } else {
        launcher_kick_watch(dev, queue);
    }
    if (!works(dev, queue))
        return;
    if (launcher_fault(dev, LAUNCHER_FAULT_SPURIOUS_KICK_WISH))
        wish_at_random(dev, queue);
    if (queue->used != 0 && launcher_fault(dev, LAUNCHER_FAULT_REWRITE))
        queue->ring->misshow(dev, queue, LAUNCHER_FAULT_REWRITE,
                             launcher_fault_value(dev, LAUNCHER_FAULT_REWRITE));
    launcher_complete(dev, queue);
}

/* ---- Using ---- */

static bool in_flight(const struct launcher_queue *queue, uint32_t id)
{
    for (unsigned i = 0; i < queue->flight_count; i++)
        if (queue->flight[i]->id == id)
            return true;
    return false;
}

/* An id below the queue size that no buffer in flight has; false: none was found. */
static bool stray_id(struct launcher_device *dev, const struct launcher_queue *queue, uint32_t *id)
{
    for (unsigned i = 0; i < ID_TRIES && queue->flight_count < queue->size; i++) {
        *id = (uint32_t)(fault_value(dev, LAUNCHER_FAULT_ID_NOT_IN_FLIGHT, queue->size) %
                         queue->size);
        if (!in_flight(queue, *id))
            return true;
    }
    return false;
}

static uint32_t used_id(struct launcher_device *dev, const struct launcher_queue *queue,
                        const struct launcher_chain *chain)
{
    bool split = queue->ring == &launcher_split;
    uint32_t id;

    if (launcher_fault(dev, LAUNCHER_FAULT_ID_NOT_IN_FLIGHT) && stray_id(dev, queue, &id))
        return id;
    if (launcher_fault(dev, LAUNCHER_FAULT_ID_OUT_OF_RANGE)) {
        uint32_t most = split ? UINT32_MAX : UINT16_MAX;
        uint64_t wished = launcher_fault_value(dev, LAUNCHER_FAULT_ID_OUT_OF_RANGE);

        if (wished >= queue->size && wished <= most)
            return (uint32_t)wished;
        if (launcher_random(dev, 2) == 0)
            return queue->size; /* by as little as can be */
        return (uint32_t)(queue->size + launcher_random(dev, most - queue->size + 1ull));
    }
    if (split && launcher_fault(dev, LAUNCHER_FAULT_ID_HIGH_BITS)) {
        uint64_t high = launcher_fault_value(dev, LAUNCHER_FAULT_ID_HIGH_BITS) & UINT16_MAX;

        if (high == 0)
            high = 1 + launcher_random(dev, UINT16_MAX);
        return (uint32_t)(chain->id | high << 16);
    }
    return chain->id;
}

static uint32_t used_length(struct launcher_device *dev, const struct launcher_chain *chain)
{
    if (launcher_fault(dev, LAUNCHER_FAULT_LENGTH_LONG)) {
        uint64_t more = fault_value(dev, LAUNCHER_FAULT_LENGTH_LONG, LENGTH_BEYOND_MOST);
        uint64_t length = chain->writable + (more != 0 ? more : 1);

        return length < UINT32_MAX ? (uint32_t)length : UINT32_MAX;
    }
    if (chain->written == 0)
        return 0;
    if (launcher_fault(dev, LAUNCHER_FAULT_LENGTH_ZERO))
        return 0;
    if (launcher_fault(dev, LAUNCHER_FAULT_LENGTH_SHORT)) {
        uint64_t less = fault_value(dev, LAUNCHER_FAULT_LENGTH_SHORT, chain->written);

        return less == 0               ? chain->written - 1
               : less > chain->written ? 0
                                       : chain->written - (uint32_t)less;
    }
    return chain->written;
}

/* The buffer is the driver's from here on; with IN_ORDER, all before it as well. */
static void show(struct launcher_device *dev, struct launcher_queue *queue,
                 const struct launcher_chain *chain)
{
    uint32_t id = used_id(dev, queue, chain), length = used_length(dev, chain);
    struct launcher_event *event;

    queue->ring->use(dev, queue, chain, id, length);
    event = launcher_history_add(&dev->history, LAUNCHER_EVENT_USED);
    event->queue = queue->index;
    event->id = id;
    event->value = length;
    if (launcher_fault(dev, LAUNCHER_FAULT_TWICE))
        queue->ring->use(dev, queue, chain, id, length);
    for (enum launcher_fault fault = LAUNCHER_FAULT_INDEX_AHEAD; fault <= LAUNCHER_FAULT_INDEX_BACK;
         fault++)
        if (launcher_fault(dev, fault))
            queue->ring->misshow(dev, queue, fault, launcher_fault_value(dev, fault));
}

static void let_go(struct launcher_queue *queue, unsigned from, unsigned count)
{
    for (unsigned i = from; i < from + count; i++)
        launcher_chain_free(queue->flight[i]);
    queue->flight_count -= count;
    queue->used += count;
    memmove(&queue->flight[from], &queue->flight[from + count],
            (queue->flight_count - from) * sizeof(struct launcher_chain *));
}

static bool due(const struct launcher_device *dev, const struct launcher_chain *chain)
{
    return !chain->never && chain->due_ns <= dev->now;
}

/* Whether the model is done with it; asks it if it is not. */
static bool is_served(struct launcher_device *dev, struct launcher_queue *queue,
                      struct launcher_chain *chain)
{
    if (!chain->served && due(dev, chain))
        chain->served = dev->model->serve(dev, queue, chain, &chain->written);
    return chain->served;
}

/* The next buffer that may be completed, from `from` on; flight_count: none. */
static unsigned next_due(const struct launcher_device *dev, const struct launcher_queue *queue,
                         unsigned from)
{
    while (from < queue->flight_count && !due(dev, queue->flight[from]))
        from++;
    return from;
}

/* The fault: which of the buffers behind `first` to complete before it. */
static unsigned overtaking(struct launcher_device *dev, const struct launcher_queue *queue,
                           unsigned first)
{
    unsigned later = next_due(dev, queue, first + 1), count = 0;
    uint64_t wished;

    if (later == queue->flight_count || !launcher_fault(dev, LAUNCHER_FAULT_OUT_OF_ORDER))
        return first;
    for (unsigned i = later; i < queue->flight_count; i = next_due(dev, queue, i + 1))
        count++;
    wished = launcher_fault_value(dev, LAUNCHER_FAULT_OUT_OF_ORDER);
    if (wished == 0)
        wished = 1 + launcher_random(dev, count);
    for (uint64_t i = 1; i < wished && i < count; i++)
        later = next_due(dev, queue, later + 1);
    return later;
}

static bool complete_any(struct launcher_device *dev, struct launcher_queue *queue)
{
    unsigned first = 0;
    bool any = false;

    while (first < queue->flight_count && works(dev, queue)) {
        unsigned at = first;

        if (due(dev, queue->flight[at]))
            at = overtaking(dev, queue, first);
        if (!is_served(dev, queue, queue->flight[at]) || !works(dev, queue)) {
            first++;
            continue;
        }
        queue->ring->check_unchanged(dev, queue, queue->flight[at]);
        show(dev, queue, queue->flight[at]);
        let_go(queue, at, 1);
        any = true;
    }
    return any;
}

/* How many buffers can be used at once: all but the last were read or written completely, as the driver will assume. */
static unsigned batch(struct launcher_device *dev, struct launcher_queue *queue)
{
    unsigned count = 0;

    while (count < queue->flight_count && works(dev, queue) &&
           is_served(dev, queue, queue->flight[count])) {
        const struct launcher_chain *chain = queue->flight[count++];

        if (chain->written != chain->writable)
            break;
    }
    return count;
}

static bool complete_in_order(struct launcher_device *dev, struct launcher_queue *queue)
{
    bool any = false;

    for (;;) {
        unsigned count = batch(dev, queue);

        if (count == 0 || !works(dev, queue))
            return any;
        for (unsigned i = 0; i < count; i++)
            queue->ring->check_unchanged(dev, queue, queue->flight[i]);
        show(dev, queue, queue->flight[count - 1]);
        let_go(queue, 0, count);
        any = true;
    }
}

void launcher_complete(struct launcher_device *dev, struct launcher_queue *queue)
{
    bool any;

    if (!works(dev, queue) || queue->flight_count == 0)
        return;
    any = launcher_accepted(dev, VIRTIO_F_IN_ORDER) ? complete_in_order(dev, queue)
                                                    : complete_any(dev, queue);
    if (any && works(dev, queue) && queue->ring->wants_interrupt(dev, queue))
        launcher_interrupt_queue(dev, queue);
}

struct launcher_chain *launcher_oldest(const struct launcher_queue *queue)
{
    return queue->flight_count != 0 ? queue->flight[0] : NULL;
}

void launcher_forget_flight(struct launcher_queue *queue)
{
    for (unsigned i = 0; i < queue->flight_count; i++)
        launcher_chain_free(queue->flight[i]);
    queue->flight_count = 0;
}
