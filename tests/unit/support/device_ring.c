/* SPDX-License-Identifier: BSD-2-Clause */
/* Split virtqueues from the test device's side (VIRTIO 1.4, 2.7), with the faults that a used ring can have. */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/support/device.h"

/* ---- Ring memory ---- */

static uint16_t load16(const void *p)
{
    uint16_t value;

    memcpy(&value, p, sizeof(value));
    return value;
}

static void store16(void *p, uint16_t value)
{
    memcpy(p, &value, sizeof(value));
}

static bool all_zero(const uint8_t *p, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (p[i] != 0)
            return false;
    return true;
}

static size_t table_bytes(const struct device_queue *queue)
{
    return (size_t)queue->size * sizeof(struct virtq_desc);
}

static size_t avail_bytes(const struct device_queue *queue)
{
    return 6 + 2 * (size_t)queue->size;
}

static size_t used_bytes(const struct device_queue *queue)
{
    return 6 + 8 * (size_t)queue->size;
}

static uint8_t *table(struct device *d, const struct device_queue *queue)
{
    return device_dma(d, queue->desc, table_bytes(queue), false);
}

static uint8_t *avail(struct device *d, const struct device_queue *queue)
{
    return device_dma(d, queue->driver, avail_bytes(queue), false);
}

static uint8_t *used(struct device *d, const struct device_queue *queue)
{
    return device_dma(d, queue->device, used_bytes(queue), true);
}

void device_ring_enable(struct device *d, struct device_queue *queue)
{
    uint8_t *desc, *driver, *device;

    if (queue->size == 0 || queue->size > DEVICE_QUEUE_MAX) {
        device_complain(d, "a queue of %u entries was enabled", queue->size);
        queue->enabled = false;
        return;
    }
    if (!queue->size_written)
        device_complain(d, "a queue was enabled without a size");
    if (queue->desc % 16 != 0 || queue->driver % 2 != 0 || queue->device % 4 != 0)
        device_complain(d, "a queue's areas are not aligned"); /* DRV-SPLIT-01 to DRV-SPLIT-03 */
    desc = table(d, queue);
    driver = avail(d, queue);
    device = used(d, queue);
    if (desc == NULL || driver == NULL || device == NULL) { /* IMP-SPLIT-02 */
        queue->enabled = false;
        return;
    }
    /* IMP-PCI-14, DRV-SPLIT-27; the available flags may say already that no interrupts are wanted. */
    if (!all_zero(desc, table_bytes(queue)) || !all_zero(driver + 2, avail_bytes(queue) - 2) ||
        !all_zero(device, used_bytes(queue)))
        device_complain(d, "a queue's memory was not zeroed before it was enabled");
    if (queue->quiet)
        store16(device, VIRTQ_USED_F_NO_NOTIFY);
}

/* The driver keeps its hands off the used ring (IMP-SPLIT-12). */
static void check_used(struct device *d, const struct device_queue *queue)
{
    const uint8_t *ring = used(d, queue);

    if (ring != NULL && (load16(ring) != (queue->quiet ? VIRTQ_USED_F_NO_NOTIFY : 0) ||
                         load16(ring + 2) != queue->used_shown ||
                         memcmp(ring + 4, queue->used_copy, 8 * (size_t)queue->size) != 0))
        device_complain(d, "the driver wrote to the used ring");
}

/* ---- Chains ---- */

/* Reads the chain at `head`; NULL and a complaint if it cannot be one. */
static struct device_chain *read_chain(struct device *d, const struct device_queue *queue,
                                       uint16_t head)
{
    const struct virtq_desc *descriptors = (const struct virtq_desc *)(void *)table(d, queue);
    struct device_chain *chain;
    uint16_t at = head;

    if (descriptors == NULL)
        return NULL;
    chain = calloc(1, sizeof(*chain) + queue->size * sizeof(chain->segments[0]));
    if (chain == NULL)
        abort();
    chain->head = head;
    for (;;) {
        struct device_segment *segment = &chain->segments[chain->count];
        uint16_t flags;

        /* DRV-SPLIT-11, DRV-SPLIT-16: no loop, and no more than the queue has. */
        if (at >= queue->size || chain->count == queue->size) {
            device_complain(d, "chain %u leaves the descriptor table", head);
            break;
        }
        flags = descriptors[at].flags.le;
        segment->bus = descriptors[at].addr.le;
        segment->length = descriptors[at].len.le;
        segment->writable = (flags & VIRTQ_DESC_F_WRITE) != 0;
        if ((flags & ~(VIRTQ_DESC_F_NEXT | VIRTQ_DESC_F_WRITE)) !=
            0) /* DRV-SPLIT-14, DRV-SPLIT-15 */
            device_complain(d, "descriptor %u has flags 0x%x", at, flags);
        if (!segment->writable && chain->writable > 0) /* DRV-SPLIT-08 */
            device_complain(d, "chain %u: readable after writable", head);
        if (segment->length == 0)
            device_complain(d, "chain %u has an empty element", head);
        *(segment->writable ? &chain->writable : &chain->readable) += segment->length;
        chain->count++;
        if ((flags & VIRTQ_DESC_F_NEXT) == 0)
            break;
        at = descriptors[at].next.le;
    }
    if (chain->readable + chain->writable > 1ull << 32) /* DRV-SPLIT-10 */
        device_complain(d, "chain %u is longer than 4 GiB", head);
    return chain;
}

unsigned device_ring_take(struct device *d, struct device_queue *queue)
{
    const uint8_t *ring = avail(d, queue);
    uint16_t fresh;

    if (ring == NULL)
        return 0;
    check_used(d, queue);
    if (load16(ring) > 1) /* DRV-SPLIT-20 */
        device_complain(d, "available ring flags are 0x%x", load16(ring));
    fresh = (uint16_t)(load16(ring + 2) - queue->avail_idx);
    if (fresh + queue->pending_count > queue->size) { /* DRV-SPLIT-19, IMP-SPLIT-18 */
        device_complain(d, "available index moved by %u, with %u in flight of %u", fresh,
                        queue->pending_count, queue->size);
        return 0;
    }
    for (unsigned i = 0; i < fresh; i++) {
        uint16_t head = load16(ring + 4 + 2 * (size_t)(queue->avail_idx % queue->size));
        struct device_chain *chain = read_chain(d, queue, head);

        queue->avail_idx++;
        if (chain == NULL)
            continue;
        chain->due = d->latency_ns == DEVICE_NEVER ? DEVICE_NEVER : d->now + d->latency_ns;
        queue->pending[queue->pending_count++] = chain;
    }
    return fresh;
}

void device_ring_forget(struct device_queue *queue)
{
    for (unsigned i = 0; i < queue->pending_count; i++)
        free(queue->pending[i]);
    queue->pending_count = 0;
}

bool device_ring_owns(const struct device *d, uint64_t bus, uint64_t length)
{
    for (unsigned q = 0; q < DEVICE_QUEUES; q++)
        for (unsigned i = 0; i < d->queues[q].pending_count; i++) {
            const struct device_chain *chain = d->queues[q].pending[i];

            for (unsigned s = 0; s < chain->count; s++)
                if (chain->segments[s].bus < bus + length &&
                    bus < chain->segments[s].bus + chain->segments[s].length)
                    return true;
        }
    return false;
}

void device_ring_scribble(struct device *d)
{
    for (unsigned q = 0; q < DEVICE_QUEUES; q++)
        for (unsigned i = 0; i < d->queues[q].pending_count; i++) {
            const struct device_chain *chain = d->queues[q].pending[i];

            for (unsigned s = 0; s < chain->count; s++) {
                uint8_t *p =
                    chain->segments[s].writable
                        ? device_dma(d, chain->segments[s].bus, chain->segments[s].length, true)
                        : NULL;

                if (p != NULL)
                    memset(p, 0xdd, chain->segments[s].length);
            }
        }
}

/* Copies to or from the segments of one kind, as if they were one run of bytes (DEV-SPLIT-03). */
static uint32_t copy(struct device *d, const struct device_chain *chain, bool write, uint64_t from,
                     uint8_t *data, uint32_t length)
{
    uint32_t done = 0;

    for (unsigned i = 0; i < chain->count && done < length; i++) {
        const struct device_segment *segment = &chain->segments[i];
        uint32_t part;
        uint8_t *p;

        if (segment->writable != write)
            continue;
        if (from >= segment->length) {
            from -= segment->length;
            continue;
        }
        part = segment->length - (uint32_t)from;
        if (part > length - done)
            part = length - done;
        p = device_dma(d, segment->bus + from, part, write);
        if (p == NULL)
            return done;
        memcpy(write ? p : data + done, write ? data + done : p, part);
        done += part;
        from = 0;
    }
    return done;
}

uint32_t device_chain_read(struct device *d, const struct device_chain *chain, uint64_t from,
                           void *to, uint32_t length)
{
    return copy(d, chain, false, from, to, length);
}

uint32_t device_chain_write(struct device *d, const struct device_chain *chain, uint64_t from,
                            const void *data, uint32_t length)
{
    return copy(d, chain, true, from, (uint8_t *)(uintptr_t)data, length);
}

/* ---- Used elements ---- */

static void show_index(struct device *d, struct device_queue *queue, uint16_t index)
{
    uint8_t *ring = used(d, queue);

    if (ring != NULL)
        store16(ring + 2, index);
    queue->used_shown = index;
}

void device_ring_put(struct device *d, struct device_queue *queue, uint32_t id, uint32_t length)
{
    uint8_t *ring = used(d, queue);
    struct virtq_used_elem element = {{id}, {length}};
    size_t slot = queue->used_idx % queue->size;

    if (ring == NULL)
        return;
    memcpy(ring + 4 + 8 * slot, &element, sizeof(element));
    queue->used_copy[slot] = element;
    queue->used_idx++;
    show_index(d, queue, queue->used_idx);
}

static uint32_t wrong_length(enum device_length_fault fault, const struct device_chain *chain,
                             uint32_t written)
{
    switch (fault) {
    case DEVICE_LENGTH_ZERO:
        return 0;
    case DEVICE_LENGTH_SHORT:
        return written - 2;
    case DEVICE_LENGTH_LONG:
        return (uint32_t)chain->writable + 100;
    case DEVICE_LENGTH_HUGE:
        return UINT32_MAX;
    case DEVICE_LENGTH_WITHOUT_STATUS:
        return written - 1;
    default:
        return written;
    }
}

static uint32_t not_a_head(const struct device_queue *queue)
{
    for (uint32_t id = 0; id < queue->size; id++) {
        bool head = false;

        for (unsigned i = 0; i < queue->pending_count; i++)
            head = head || queue->pending[i]->head == id;
        if (!head)
            return id;
    }
    return 0;
}

static void put(struct device *d, struct device_queue *queue, const struct device_chain *chain,
                uint32_t written, bool faulty)
{
    uint32_t length = faulty ? wrong_length(d->faults.length, chain, written) : written;
    uint16_t before = queue->used_idx;
    uint32_t id = chain->head;

    switch (faulty ? d->faults.used : DEVICE_USED_GOOD) {
    case DEVICE_USED_TWICE:
        device_ring_put(d, queue, id, length);
        break;
    case DEVICE_USED_OUT_OF_RANGE:
        id = queue->size;
        break;
    case DEVICE_USED_HIGH_BITS:
        id += 0x10000;
        break;
    case DEVICE_USED_NOT_A_HEAD:
        id = not_a_head(queue);
        break;
    default:
        break;
    }
    device_ring_put(d, queue, id, length);
    if (faulty && d->faults.used == DEVICE_USED_INDEX_AHEAD)
        show_index(d, queue, (uint16_t)(before + queue->pending_count + 1));
    if (faulty && d->faults.used == DEVICE_USED_INDEX_BACK)
        show_index(d, queue, (uint16_t)(before - 1000));
}

/* Buffers in flight are the device's: their descriptors must be as they were (DRV-CLEAN-01). */
static void check_unchanged(struct device *d, const struct device_queue *queue,
                            const struct device_chain *chain)
{
    struct device_chain *now = read_chain(d, queue, chain->head);

    if (now != NULL &&
        (now->count != chain->count ||
         memcmp(now->segments, chain->segments, chain->count * sizeof(chain->segments[0])) != 0))
        device_complain(d, "chain %u was changed while it was in flight", chain->head);
    free(now);
}

static bool complete_one(struct device *d, struct device_queue *queue, unsigned at)
{
    struct device_chain *chain = queue->pending[at];
    bool faulty = d->lives <= d->faults.bad_lives && d->life_completions >= d->faults.used_after;
    uint32_t written = 0;

    if (faulty && d->faults.needs_reset)
        d->status |= VIRTIO_STATUS_NEEDS_RESET;
    if (faulty && (d->faults.stalls || d->faults.needs_reset))
        return false;
    if (faulty && d->faults.used != DEVICE_USED_GOOD && d->life_completions > d->faults.used_after)
        return false; /* one wrong element is enough, and good ones behind it would hide it */
    if (d->now < chain->due || !device_serve(d, queue, chain, &written))
        return false;
    check_unchanged(d, queue, chain);
    put(d, queue, chain, written, faulty);
    d->life_completions++;
    queue->pending_count--;
    memmove(&queue->pending[at], &queue->pending[at + 1],
            (queue->pending_count - at) * sizeof(queue->pending[0]));
    free(chain);
    return true;
}

void device_ring_complete(struct device *d, struct device_queue *queue)
{
    bool more = true;

    while (more) {
        more = false;
        for (unsigned i = 0; i < queue->pending_count && !more; i++)
            more = complete_one(d, queue, d->newest_first ? queue->pending_count - 1 - i : i);
    }
}
