/* SPDX-License-Identifier: BSD-2-Clause */
/* The split virtqueue (VIRTIO 1.4, 2.7): descriptor table, available ring, used ring. */
#include "virtio/access.h"
#include "virtio/queue.h"

static size_t split_desc_bytes(unsigned size)
{
    return (size_t)size * sizeof(struct virtq_desc);
}

/* Both with the event index at the end, which exists whether it is used or not. */
static size_t split_avail_bytes(unsigned size)
{
    return sizeof(struct virtq_avail) + (size_t)size * sizeof(le16) + sizeof(le16);
}

static size_t split_used_bytes(unsigned size)
{
    return sizeof(struct virtq_used) + (size_t)size * sizeof(struct virtq_used_elem) + sizeof(le16);
}

static size_t whole_pages(size_t bytes)
{
    return (bytes + VIRTQ_LEGACY_ALIGN - 1) & ~(size_t)(VIRTQ_LEGACY_ALIGN - 1);
}

/* The legacy layout (2.7.2): descriptor table, available ring, and from the next page on the used ring (DRV-SPLIT-05). */
static size_t legacy_used_at(unsigned size)
{
    return whole_pages(split_desc_bytes(size) + split_avail_bytes(size));
}

static size_t legacy_bytes(unsigned size)
{
    return legacy_used_at(size) + whole_pages(split_used_bytes(size));
}

size_t split_bytes(const struct virtio_device *dev, unsigned size)
{
    if (dev->legacy)
        return legacy_bytes(size) + VIRTQ_LEGACY_ALIGN - 1;
    return split_desc_bytes(size) + split_avail_bytes(size) + split_used_bytes(size) +
           3 * 16; /* three alignments */
}

static uint64_t bus_of(const struct virtio_env *env, const void *p)
{
    return env->dma_bus + (uint64_t)((const uint8_t *)p - (const uint8_t *)env->dma);
}

static int take_parts(struct virtqueue *queue)
{
    struct virtio_device *dev = queue->dev;

    queue->desc = virtio_dma_alloc(dev, split_desc_bytes(queue->size), VIRTQ_DESC_ALIGN);
    queue->avail = virtio_dma_alloc(dev, split_avail_bytes(queue->size), VIRTQ_AVAIL_ALIGN);
    queue->used = virtio_dma_alloc(dev, split_used_bytes(queue->size), VIRTQ_USED_ALIGN);
    return queue->desc == NULL || queue->avail == NULL || queue->used == NULL ? -VIRTIO_E_NO_MEMORY
                                                                              : 0;
}

/* Errors: QUEUE, if the device could not be told where it is. */
static int take_legacy_block(struct virtqueue *queue, struct virtio_queue_place *place)
{
    struct virtio_device *dev = queue->dev;
    uint8_t *block = virtio_dma_alloc(dev, legacy_bytes(queue->size), VIRTQ_LEGACY_ALIGN);
    uint64_t bus, page;

    if (block == NULL)
        return -VIRTIO_E_NO_MEMORY;
    bus = bus_of(dev->env, block);
    page = bus / VIRTQ_LEGACY_ALIGN;
    if (bus % VIRTQ_LEGACY_ALIGN != 0 || page == 0 || page > UINT32_MAX) { /* IMP-MMIOLEG-14 */
        virtio_log(dev, VIRTIO_LOG_ERROR, "queue %u: rings at 0x%llx have no 32-bit page number",
                   queue->index, (unsigned long long)bus);
        return -VIRTIO_E_QUEUE;
    }
    place->page = (uint32_t)page;
    queue->desc = (struct virtq_desc *)(void *)block;
    queue->avail = (struct virtq_avail *)(void *)(block + split_desc_bytes(queue->size));
    queue->used = (struct virtq_used *)(void *)(block + legacy_used_at(queue->size));
    return 0;
}

int split_create(struct virtqueue *queue, struct virtio_queue_place *place)
{
    struct virtio_device *dev = queue->dev;
    unsigned size = queue->size;
    int error = dev->legacy ? take_legacy_block(queue, place) : take_parts(queue);

    if (error != 0)
        return error;
    queue->shadow =
        virtio_priv_alloc(dev, size * sizeof(struct virtq_shadow), _Alignof(struct virtq_shadow));
    if (queue->shadow == NULL)
        return -VIRTIO_E_NO_MEMORY;

    queue->avail_ring = (le16 *)(queue->avail + 1);
    queue->used_ring = (struct virtq_used_elem *)(queue->used + 1);
    for (unsigned i = 0; i < size; i++)
        queue->shadow[i].next = i + 1;
    queue->free_head = 0;
    queue->free_count = queue->size;
    /* We poll: no interrupts (2.7.7). */
    virtio_store16(&queue->avail->flags, VIRTQ_AVAIL_F_NO_INTERRUPT);

    place->desc = bus_of(dev->env, queue->desc);
    place->driver = bus_of(dev->env, queue->avail);
    place->device = bus_of(dev->env, queue->used);
    return 0;
}

static void unmap_piece(const struct virtqueue *queue, struct virtq_shadow *shadow)
{
    const struct virtio_env *env = queue->dev->env;

    if (shadow->token != NULL)
        env->unmap(env->ctx, shadow->token);
    shadow->token = NULL;
}

void split_unmap(struct virtqueue *queue, uint32_t head)
{
    uint32_t last = queue->shadow[head].last;

    for (uint32_t i = head;; i = queue->shadow[i].next) {
        unmap_piece(queue, &queue->shadow[i]);
        if (i == last)
            break;
    }
}

void split_visit(const struct virtqueue *queue, uint32_t head,
                 void (*visit)(void *ctx, const struct virtio_piece *piece), void *ctx)
{
    for (uint32_t i = head;; i = queue->shadow[i].next) {
        visit(ctx, &queue->shadow[i].piece);
        if (i == queue->shadow[head].last)
            break;
    }
}

/* A chain while it is built from the free list, which does not change before all of it is there. */
struct chain {
    uint32_t at;    /* next descriptor to fill */
    uint32_t last;  /* the one filled last */
    uint32_t count; /* filled */
    uint64_t bytes;
};

/* The free list is as it was; only the mappings of the first `count` pieces have to go. */
__attribute__((cold)) static int undo_add(struct virtqueue *queue, uint32_t count, int error)
{
    uint32_t at = queue->free_head;

    for (uint32_t i = 0; i < count; i++, at = queue->shadow[at].next)
        unmap_piece(queue, &queue->shadow[at]);
    return error;
}

/* A piece outside the memory that the env set aside, or one that leaves it. Errors: MAPPING. */
__attribute__((noinline)) static int map_piece(const struct virtio_env *env,
                                               const struct virtio_piece *piece,
                                               enum virtio_dir dir, struct virtq_shadow *shadow,
                                               uint64_t *bus)
{
    if (env->map == NULL || (uintptr_t)piece->pointer - (uintptr_t)env->dma < env->dma_len)
        return -VIRTIO_E_MAPPING;
    if (env->map(env->ctx, piece->pointer, piece->length, dir, bus, &shadow->token) == 0)
        return 0;
    shadow->token = NULL;
    return -VIRTIO_E_MAPPING;
}

/* Fills descriptors for pieces of one direction, each linked to the next of the free list. */
__attribute__((always_inline)) static inline int add_pieces(struct virtqueue *queue,
                                                            struct chain *chain,
                                                            const struct virtio_piece *piece,
                                                            unsigned count, enum virtio_dir dir)
{
    const struct virtio_env *env = queue->dev->env;
    const uint16_t flags =
        dir == VIRTIO_TO_DEVICE ? VIRTQ_DESC_F_NEXT : VIRTQ_DESC_F_NEXT | VIRTQ_DESC_F_WRITE;

    for (const struct virtio_piece *end = piece + count; piece != end; piece++) {
        struct virtq_shadow *shadow = &queue->shadow[chain->at];
        uint64_t bus = (uintptr_t)piece->pointer, offset = bus - (uintptr_t)env->dma;

        if (piece->length == 0)
            return undo_add(queue, chain->count, -VIRTIO_E_INVALID);
        if (offset < env->dma_len && piece->length <= env->dma_len - offset) {
            bus = env->dma_bus + offset; /* rings, headers, status bytes */
        } else if (offset < env->dma_len || env->map != NULL) {
            uint64_t mapped = 0;

            if (map_piece(env, piece, dir, shadow, &mapped) != 0)
                return undo_add(queue, chain->count, -VIRTIO_E_MAPPING);
            bus = mapped;
        }
        virtio_store_desc(&queue->desc[chain->at], bus, piece->length, flags,
                          (uint16_t)shadow->next);
        shadow->piece.pointer = piece->pointer;
        shadow->piece.length = piece->length;
        chain->bytes += piece->length;
        chain->count++;
        chain->last = chain->at;
        chain->at = shadow->next;
    }
    return 0;
}

int split_add(struct virtqueue *queue, struct virtio_request *request,
              const struct virtio_piece *pieces, unsigned out, unsigned in)
{
    uint32_t head = queue->free_head;
    struct virtq_shadow *first = &queue->shadow[head];
    struct chain chain = {.at = head, .last = head};
    uint64_t readable;
    int error = add_pieces(queue, &chain, pieces, out, VIRTIO_TO_DEVICE);

    if (error != 0)
        return error;
    readable = chain.bytes;
    error = add_pieces(queue, &chain, pieces + out, in, VIRTIO_FROM_DEVICE);
    if (error != 0)
        return error;
    if (chain.bytes > 1ull << 32) /* DRV-SPLIT-10 */
        return undo_add(queue, chain.count, -VIRTIO_E_INVALID);
    /* The last one was linked as well; it ends the chain (IMP-SPLIT-21). */
    virtio_store16(&queue->desc[chain.last].flags, in > 0 ? VIRTQ_DESC_F_WRITE : 0);
    virtio_store16(&queue->desc[chain.last].next, 0);

    first->request = request;
    first->writable = chain.bytes - readable;
    first->last = chain.last;
    first->pieces = chain.count;
    first->position = queue->avail_idx;
    virtio_store16(&queue->avail_ring[queue->avail_idx & (queue->size - 1)], (uint16_t)head);
    queue->avail_idx++;
    queue->free_head = chain.at;
    queue->free_count -= chain.count;
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
        return virtqueue_break(queue, "used id %u is outside the queue of %u", id, queue->size);
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

    if (queue->dev->env->map != NULL)
        split_unmap(queue, id);
    shadow->request = NULL;
    /* The chain goes in front of the free list as it is. */
    queue->free_count += shadow->pieces;
    queue->shadow[shadow->last].next = queue->free_head;
    queue->free_head = id;
    queue->used_idx++;
    return 0;
}
