/* SPDX-License-Identifier: BSD-2-Clause */
/* The split virtqueue (VIRTIO 1.4, 2.7): descriptor table, available ring, used ring. */
#include "virtio/access.h"
#include "virtio/queue.h"

size_t split_desc_bytes(unsigned size)
{
    return (size_t)size * sizeof(struct virtq_desc);
}

/* Both with the event index at the end, which exists whether it is used or not. */
size_t split_avail_bytes(unsigned size)
{
    return sizeof(struct virtq_avail) + (size_t)size * sizeof(le16) + sizeof(le16);
}

size_t split_used_bytes(unsigned size)
{
    return sizeof(struct virtq_used) + (size_t)size * sizeof(struct virtq_used_elem) + sizeof(le16);
}

static uint64_t bus_of(const struct virtio_env *env, const void *p)
{
    return env->dma_bus + (uint64_t)((const uint8_t *)p - (const uint8_t *)env->dma);
}

int split_create(struct virtqueue *queue, struct virtio_queue_place *place)
{
    struct virtio_device *dev = queue->dev;
    unsigned size = queue->size;

    queue->desc = virtio_dma_alloc(dev, split_desc_bytes(size), VIRTQ_DESC_ALIGN);
    queue->avail = virtio_dma_alloc(dev, split_avail_bytes(size), VIRTQ_AVAIL_ALIGN);
    queue->used = virtio_dma_alloc(dev, split_used_bytes(size), VIRTQ_USED_ALIGN);
    queue->shadow =
        virtio_priv_alloc(dev, size * sizeof(struct virtq_shadow), _Alignof(struct virtq_shadow));
    if (queue->desc == NULL || queue->avail == NULL || queue->used == NULL || queue->shadow == NULL)
        return -VIRTIO_E_NO_MEMORY;

    queue->avail_ring = (le16 *)(queue->avail + 1);
    queue->used_ring = (struct virtq_used_elem *)(queue->used + 1);
    for (unsigned i = 0; i < size; i++)
        queue->shadow[i].next = (uint16_t)(i + 1);
    queue->free_head = 0;
    queue->free_count = queue->size;
    /* We poll: no interrupts (2.7.7). */
    virtio_store16(&queue->avail->flags, VIRTQ_AVAIL_F_NO_INTERRUPT);

    place->desc = bus_of(dev->env, queue->desc);
    place->driver = bus_of(dev->env, queue->avail);
    place->device = bus_of(dev->env, queue->used);
    return 0;
}

void split_unmap(struct virtqueue *queue, uint16_t head)
{
    const struct virtio_env *env = queue->dev->env;
    uint16_t last = queue->shadow[head].last;

    if (env->map == NULL)
        return;
    for (uint16_t i = head;; i = queue->shadow[i].next) {
        if (queue->shadow[i].token != NULL)
            env->unmap(env->ctx, queue->shadow[i].token);
        queue->shadow[i].token = NULL;
        if (i == last)
            break;
    }
}

void split_visit(const struct virtqueue *queue, uint16_t head,
                 void (*visit)(void *ctx, const struct virtio_piece *piece), void *ctx)
{
    for (uint16_t i = head;; i = queue->shadow[i].next) {
        visit(ctx, &queue->shadow[i].piece);
        if (i == queue->shadow[head].last)
            break;
    }
}

int split_add(struct virtqueue *queue, struct virtio_request *request,
              const struct virtio_piece *pieces, unsigned out, unsigned in)
{
    unsigned count = out + in;
    uint16_t head = queue->free_head, at = head, last = head;
    struct virtq_shadow *first = &queue->shadow[head];
    uint64_t total = 0, writable = 0;

    for (unsigned i = 0; i < count; i++) {
        if (pieces[i].length == 0)
            return -VIRTIO_E_INVALID;
        total += pieces[i].length;
        if (i >= out)
            writable += pieces[i].length;
    }
    if (total > 1ull << 32) /* DRV-SPLIT-10 */
        return -VIRTIO_E_INVALID;

    for (unsigned i = 0; i < count; i++) {
        struct virtq_shadow *shadow = &queue->shadow[at];
        struct virtq_desc *desc = &queue->desc[at];
        uint16_t flags = i < out ? 0 : VIRTQ_DESC_F_WRITE;
        uint64_t bus;

        if (virtqueue_map(queue, &pieces[i], i < out ? VIRTIO_TO_DEVICE : VIRTIO_FROM_DEVICE, &bus,
                          &shadow->token) != 0) {
            first->last = last; /* the free list is as it was: only the mappings made so far go */
            if (i > 0)
                split_unmap(queue, head);
            return -VIRTIO_E_MAPPING;
        }
        if (i + 1 < count)
            flags |= VIRTQ_DESC_F_NEXT;
        virtio_store64(&desc->addr, bus);
        virtio_store32(&desc->len, pieces[i].length);
        virtio_store16(&desc->flags, flags);
        virtio_store16(&desc->next, i + 1 < count ? shadow->next : 0);
        shadow->piece = pieces[i];
        last = at;
        at = shadow->next;
    }
    first->request = request;
    first->writable = writable;
    first->last = last;
    first->pieces = (uint16_t)count;
    first->position = queue->avail_idx;
    queue->free_head = at;
    queue->free_count = (uint16_t)(queue->free_count - count);

    virtio_store16(&queue->avail_ring[queue->avail_idx & (queue->size - 1)], head);
    queue->avail_idx++;
    return 0;
}

bool split_publish(struct virtqueue *queue)
{
    virtio_barrier_publish();
    virtio_store16(&queue->avail->idx, (uint16_t)queue->avail_idx);
    queue->published = queue->avail_idx;
    virtio_barrier_notify();
    return (virtio_load16(&queue->used->flags) & VIRTQ_USED_F_NO_NOTIFY) == 0;
}

int split_poll(struct virtqueue *queue, struct virtio_request **request)
{
    uint16_t ready = (uint16_t)(virtio_load16(&queue->used->idx) - queue->used_idx);
    const struct virtq_used_elem *element;
    struct virtq_shadow *shadow;
    uint32_t id, length;
    unsigned shown;

    if (ready == 0)
        return 0;
    /* What was added since the last kick is not the device's to use yet. */
    shown = queue->in_flight - (unsigned)(queue->avail_idx - queue->published);
    if (ready > shown)
        return virtqueue_break(queue, "used index is %u ahead with %u requests in flight",
                               (unsigned)ready, shown);
    virtio_barrier_consume();
    element = &queue->used_ring[queue->used_idx & (queue->size - 1)];
    id = virtio_load32(&element->id);
    length = virtio_load32(&element->len);
    if (id >= queue->size)
        return virtqueue_break(queue, "used id %u is outside the queue of %u", id,
                               (unsigned)queue->size);
    shadow = &queue->shadow[id];
    if (shadow->request == NULL || shadow->position >= queue->published)
        return virtqueue_break(queue, "used id %u is not in flight", id);
    if (length > shadow->writable) {
        /* Real devices do this for chains without a writable part, so it is not fatal. */
        length = (uint32_t)shadow->writable;
        queue->counts.overlong++;
    }
    *request = shadow->request;
    (*request)->used = length;

    split_unmap(queue, (uint16_t)id);
    shadow->request = NULL;
    /* The chain goes in front of the free list as it is. */
    queue->free_count = (uint16_t)(queue->free_count + shadow->pieces);
    queue->shadow[shadow->last].next = queue->free_head;
    queue->free_head = (uint16_t)id;
    queue->used_idx++;
    return 0;
}
