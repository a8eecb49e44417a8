/* SPDX-License-Identifier: BSD-2-Clause */
/* The raw driver's virtqueues: split (VIRTIO 1.4, 2.7) and packed (2.8), one step at a time. */
#include "tests/unit/support/raw_driver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static bool has(const struct raw_queue *queue, unsigned feature)
{
    return (queue->raw->features >> feature & 1) != 0;
}

/* ---- Set-up ---- */

static struct raw_queue *new_queue(struct raw_driver *raw, uint16_t index, uint16_t size)
{
    struct raw_queue *queue = calloc(1, sizeof(*queue));

    assert_non_null(queue);
    assert_in_range(index, 0, RAW_QUEUES - 1);
    raw_queue_free(raw->queues[index]);
    raw->queues[index] = queue;
    queue->raw = raw;
    queue->index = index;
    queue->notify_value = index;
    queue->size = size;
    queue->packed = has(queue, VIRTIO_F_RING_PACKED);
    queue->avail_wrap = queue->used_wrap = true;
    queue->free = size;
    queue->slots = calloc(size, sizeof(queue->slots[0]));
    queue->owner = calloc(size, sizeof(queue->owner[0]));
    queue->order = calloc(size, sizeof(queue->order[0]));
    assert_true(queue->slots != NULL && queue->owner != NULL && queue->order != NULL);
    return queue;
}

struct raw_queue *raw_queue_new(struct raw_driver *raw, uint16_t index, uint16_t size)
{
    struct raw_queue *queue = new_queue(raw, index, size);

    queue->desc = raw_alloc_at(raw, 16ull * size, VIRTQ_DESC_ALIGN);
    queue->driver = raw_alloc_at(raw, queue->packed ? 4 : 6 + 2ull * size, 4);
    queue->device = raw_alloc_at(raw, queue->packed ? 4 : 6 + 8ull * size, 4);
    return queue;
}

struct raw_queue *raw_queue_new_legacy(struct raw_driver *raw, uint16_t index, uint16_t size,
                                       uint32_t align)
{
    struct raw_queue *queue = new_queue(raw, index, size);
    uint64_t used = (18ull * size + 6 + align - 1) / align * align;

    queue->desc = raw_alloc_at(raw, used + (8ull * size + 6 + align - 1) / align * align, align);
    queue->driver = queue->desc + 16ull * size;
    queue->device = queue->desc + used;
    return queue;
}

void raw_queue_free(struct raw_queue *queue)
{
    if (queue == NULL)
        return;
    free(queue->slots);
    free(queue->owner);
    free(queue->order);
    free(queue);
}

void raw_queue_program(struct raw_queue *queue)
{
    struct raw_driver *raw = queue->raw;

    raw_set(raw, RAW_COMMON(queue_select), queue->index);
    raw_set(raw, RAW_COMMON(queue_size), queue->size);
    raw_set_address(raw, offsetof(struct virtio_pci_common_cfg, queue_desc_lo), queue->desc);
    raw_set_address(raw, offsetof(struct virtio_pci_common_cfg, queue_driver_lo), queue->driver);
    raw_set_address(raw, offsetof(struct virtio_pci_common_cfg, queue_device_lo), queue->device);
    queue->notify_off = raw->notify.offset + (uint64_t)raw_get(raw, RAW_COMMON(queue_notify_off)) *
                                                 raw->notify_multiplier;
    if (has(queue, VIRTIO_F_NOTIF_CONFIG_DATA))
        queue->notify_value = (uint16_t)raw_get(raw, RAW_COMMON(queue_notif_config_data));
}

void raw_queue_enable(struct raw_queue *queue)
{
    raw_set(queue->raw, RAW_COMMON(queue_select), queue->index);
    raw_set(queue->raw, RAW_COMMON(queue_enable), 1);
}

struct raw_queue *raw_queue(struct raw_driver *raw, uint16_t index, uint16_t size)
{
    struct raw_queue *queue;
    uint16_t max;

    raw_set(raw, RAW_COMMON(queue_select), index);
    max = (uint16_t)raw_get(raw, RAW_COMMON(queue_size));
    queue = raw_queue_new(raw, index, size != RAW_NO_QUEUE_SIZE ? size : max);
    raw_queue_program(queue);
    raw_queue_enable(queue);
    return queue;
}

/* ---- Single fields ---- */

void raw_desc_at(struct raw_driver *raw, uint64_t at, uint64_t address, uint32_t length,
                 uint16_t flags, uint16_t next)
{
    raw_put64(raw, at, address);
    raw_put32(raw, at + 8, length);
    raw_put16(raw, at + 12, flags);
    raw_put16(raw, at + 14, next);
}

/* A packed descriptor has its id where a split one has its flags. */
void raw_desc(struct raw_queue *queue, uint16_t slot, uint64_t address, uint32_t length,
              uint16_t flags, uint16_t next)
{
    raw_desc_at(queue->raw, queue->desc + 16ull * slot, address, length,
                queue->packed ? next : flags, queue->packed ? flags : next);
}

void raw_avail_slot(struct raw_queue *queue, uint16_t position, uint16_t head)
{
    raw_put16(queue->raw, queue->driver + 4 + 2ull * (position % queue->size), head);
}

void raw_avail_index(struct raw_queue *queue, uint16_t index)
{
    raw_put16(queue->raw, queue->driver + 2, index);
}

void raw_event(struct raw_queue *queue, uint16_t flags, uint16_t event)
{
    if (queue->packed) {
        raw_put16(queue->raw, queue->driver, event);
        raw_put16(queue->raw, queue->driver + 2, flags);
    } else {
        raw_put16(queue->raw, queue->driver, flags);
        raw_put16(queue->raw, queue->driver + 4 + 2ull * queue->size, event);
    }
}

uint16_t raw_wish_flags(struct raw_queue *queue)
{
    return raw_get16(queue->raw, queue->device + (queue->packed ? 2u : 0u));
}

uint16_t raw_wish_event(struct raw_queue *queue)
{
    return raw_get16(queue->raw, queue->device + (queue->packed ? 0 : 4 + 8ull * queue->size));
}

uint16_t raw_available(bool wrap)
{
    return wrap ? VIRTQ_DESC_F_AVAIL : VIRTQ_DESC_F_USED;
}

/* ---- Adding buffers ---- */

static uint16_t free_desc(struct raw_queue *queue, uint16_t from)
{
    for (uint32_t i = 0; i < queue->size; i++) {
        uint16_t slot = (uint16_t)(((uint32_t)from + i) % queue->size);

        if (queue->owner[slot] == 0)
            return slot;
    }
    fail_msg("queue %u has no free descriptor", queue->index);
    return 0;
}

static uint16_t free_id(struct raw_queue *queue)
{
    for (uint32_t i = 0; i < queue->size; i++) {
        queue->next_id = (uint16_t)((queue->next_id + 1u) % queue->size);
        if (queue->slots[queue->next_id] == 0)
            return queue->next_id;
    }
    fail_msg("queue %u has no free buffer id", queue->index);
    return 0;
}

static void went_out(struct raw_queue *queue, uint16_t id, unsigned slots)
{
    queue->slots[id] = (uint16_t)slots;
    queue->order[queue->in_flight++] = id;
    queue->free = (uint16_t)(queue->free - slots);
}

static uint16_t write_flag(const struct raw_segment *segment)
{
    return segment->flags & RAW_WRITE ? VIRTQ_DESC_F_WRITE : 0;
}

static uint16_t add_split(struct raw_queue *queue, const struct raw_segment *segments,
                          unsigned count, uint16_t extra)
{
    uint16_t head = free_desc(queue, queue->next_desc), at = head;

    for (unsigned i = 0; i < count; i++) {
        bool last = i == count - 1;
        uint16_t flags = write_flag(&segments[i]) | extra, next = 0;

        queue->owner[at] = 1;
        if (!last) {
            flags |= VIRTQ_DESC_F_NEXT;
            next = free_desc(queue, (uint16_t)((at + 1u) % queue->size));
        }
        raw_desc(queue, at, segments[i].address, segments[i].length, flags, next);
        queue->next_desc = (uint16_t)((at + 1u) % queue->size);
        at = next;
    }
    raw_avail_slot(queue, queue->avail_next++, head);
    went_out(queue, head, count);
    return head;
}

/* The first descriptor's flags come last: they make all of them available. */
static uint16_t add_packed(struct raw_queue *queue, const struct raw_segment *segments,
                           unsigned count, uint16_t extra)
{
    uint16_t id = free_id(queue), first = queue->avail_next, first_flags = 0;

    for (unsigned i = 0; i < count; i++) {
        uint16_t flags = write_flag(&segments[i]) | extra | raw_available(queue->avail_wrap);

        if (i < count - 1)
            flags |= VIRTQ_DESC_F_NEXT;
        if (i == 0)
            first_flags = flags;
        raw_desc(queue, queue->avail_next, segments[i].address, segments[i].length,
                 i != 0 ? flags : raw_get16(queue->raw, queue->desc + 16ull * first + 14), id);
        if (++queue->avail_next == queue->size) {
            queue->avail_next = 0;
            queue->avail_wrap = !queue->avail_wrap;
        }
    }
    raw_barrier(queue->raw, LAUNCHER_BARRIER_PUBLISH);
    raw_put16(queue->raw, queue->desc + 16ull * first + 14, first_flags);
    queue->kicked = (uint16_t)(queue->kicked + count);
    went_out(queue, id, count);
    return id;
}

static uint16_t add(struct raw_queue *queue, const struct raw_segment *segments, unsigned count,
                    uint16_t extra)
{
    if (count == 0 || count > queue->free)
        fail_msg("queue %u has %u free descriptors of %u that are needed", queue->index,
                 queue->free, count);
    return queue->packed ? add_packed(queue, segments, count, extra)
                         : add_split(queue, segments, count, extra);
}

uint16_t raw_add(struct raw_queue *queue, const struct raw_segment *segments, unsigned count)
{
    return add(queue, segments, count, 0);
}

uint16_t raw_add_indirect(struct raw_queue *queue, const struct raw_segment *segments,
                          unsigned count)
{
    struct raw_segment table = {raw_alloc(queue->raw, 16ull * count), 16 * count, 0};

    for (unsigned i = 0; i < count; i++) {
        uint16_t flags = write_flag(&segments[i]);
        bool last = i == count - 1;

        if (queue->packed)
            raw_desc_at(queue->raw, table.address + 16ull * i, segments[i].address,
                        segments[i].length, 0, flags);
        else
            raw_desc_at(queue->raw, table.address + 16ull * i, segments[i].address,
                        segments[i].length, flags | (last ? 0 : VIRTQ_DESC_F_NEXT),
                        (uint16_t)(last ? 0 : i + 1));
    }
    return add(queue, &table, 1, VIRTQ_DESC_F_INDIRECT);
}

/* ---- Notifying ---- */

void raw_publish(struct raw_queue *queue)
{
    if (queue->packed)
        return;
    raw_barrier(queue->raw, LAUNCHER_BARRIER_PUBLISH);
    raw_avail_index(queue, queue->avail_next);
}

/* 2.7.10: the event lies among the entries that were added since the latest look. */
static bool split_wants(struct raw_queue *queue)
{
    uint16_t added = (uint16_t)(queue->avail_next - queue->kicked);

    if (!has(queue, VIRTIO_F_EVENT_IDX))
        return (raw_wish_flags(queue) & VIRTQ_USED_F_NO_NOTIFY) == 0;
    return (uint16_t)(queue->avail_next - raw_wish_event(queue) - 1) < added;
}

/* 2.8.10: the same with an offset and a wrap counter, counted back from the next slot. */
static bool packed_wants(struct raw_queue *queue)
{
    uint16_t event, offset, flags = raw_wish_flags(queue) & 3u;
    uint32_t back;

    if (flags != VIRTQ_EVENT_FLAGS_DESC)
        return flags == VIRTQ_EVENT_FLAGS_ENABLE;
    event = raw_wish_event(queue);
    offset = event & 0x7fffu;
    back = (uint32_t)queue->avail_next - offset;
    if ((event >> 15 != 0) != queue->avail_wrap)
        back += queue->size;
    return back - 1 < queue->kicked;
}

bool raw_kick(struct raw_queue *queue)
{
    bool wanted;

    raw_publish(queue);
    raw_barrier(queue->raw, LAUNCHER_BARRIER_NOTIFY);
    wanted = queue->packed ? packed_wants(queue) : split_wants(queue);
    queue->kicked = queue->packed ? 0 : queue->avail_next;
    if (wanted)
        raw_notify(queue);
    return wanted;
}

uint32_t raw_notify_value(const struct raw_queue *queue)
{
    uint32_t next = queue->avail_next;

    if (!has(queue, VIRTIO_F_NOTIFICATION_DATA))
        return queue->notify_value;
    if (queue->packed)
        next |= (uint32_t)queue->avail_wrap << 15;
    return queue->notify_value | next << 16;
}

void raw_notify_with(struct raw_queue *queue, unsigned width, uint32_t value)
{
    struct raw_driver *raw = queue->raw;

    if (raw->notify_with != NULL)
        raw->notify_with(raw, queue, value);
    else
        launcher_write(raw->dev, raw->notify.region, queue->notify_off, width, value);
}

void raw_notify(struct raw_queue *queue)
{
    raw_notify_with(queue, has(queue, VIRTIO_F_NOTIFICATION_DATA) ? 4 : 2, raw_notify_value(queue));
}

/* ---- Used buffers ---- */

uint16_t raw_used_index(struct raw_queue *queue)
{
    return raw_get16(queue->raw, queue->device + 2);
}

bool raw_peek_used(struct raw_queue *queue, struct raw_used *used)
{
    uint64_t at;
    uint16_t flags;

    if (!queue->packed) {
        at = queue->device + 4 + 8ull * (queue->used_next % queue->size);
        *used = (struct raw_used){raw_get32(queue->raw, at), raw_get32(queue->raw, at + 4), 1};
        return raw_used_index(queue) != queue->used_next;
    }
    at = queue->desc + 16ull * queue->used_next;
    flags = raw_get16(queue->raw, at + 14);
    *used = (struct raw_used){raw_get16(queue->raw, at + 12), raw_get32(queue->raw, at + 8), 1};
    flags &= VIRTQ_DESC_F_AVAIL | VIRTQ_DESC_F_USED;
    return flags == (queue->used_wrap ? VIRTQ_DESC_F_AVAIL | VIRTQ_DESC_F_USED : 0);
}

static void came_back(struct raw_queue *queue, unsigned at)
{
    uint16_t id = queue->order[at], slots = queue->slots[id];

    queue->free = (uint16_t)(queue->free + slots);
    queue->slots[id] = 0;
    queue->in_flight--;
    memmove(&queue->order[at], &queue->order[at + 1],
            (queue->in_flight - at) * sizeof(queue->order[0]));
    if (!queue->packed) {
        for (uint16_t slot = id; slots > 0; slots--) {
            queue->owner[slot] = 0;
            slot = raw_get16(queue->raw, queue->desc + 16ull * slot + 14) % queue->size;
        }
        queue->used_next++;
        return;
    }
    if (queue->used_next + slots >= queue->size)
        queue->used_wrap = !queue->used_wrap;
    queue->used_next = (uint16_t)(((uint32_t)queue->used_next + slots) % queue->size);
}

bool raw_used(struct raw_queue *queue, struct raw_used *used)
{
    unsigned at = 0;

    if (!raw_peek_used(queue, used))
        return false;
    raw_barrier(queue->raw, LAUNCHER_BARRIER_CONSUME);
    while (at < queue->in_flight && queue->order[at] != used->id)
        at++;
    if (at == queue->in_flight)
        fail_msg("queue %u: used id %u is not in flight", queue->index, used->id);
    if (!has(queue, VIRTIO_F_IN_ORDER)) {
        came_back(queue, at);
        return true;
    }
    used->buffers = at + 1; /* 2.7.9, 2.8.8: all before it were used as well */
    for (unsigned i = 0; i <= at; i++)
        came_back(queue, 0);
    return true;
}
