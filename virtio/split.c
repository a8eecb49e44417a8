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
    queue->free_count = size;
    queue->capacity = size;
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

/* ---- Adding ---- */

static inline bool in_dma(const struct virtio_env *env, const void *p)
{
    return (uintptr_t)p - (uintptr_t)env->dma < env->dma_len;
}

/* What bus_address() says of a piece that the device sees by a mapping only. */
enum { NEEDS_MAP = 1 };

/*
 * The address by which the device sees a piece: in the memory that the env set aside (rings, headers, status bytes), or
 * physical. 0, NEEDS_MAP, or an error: INVALID (no bytes), MAPPING (it begins in that memory and leaves it).
 */
static inline int bus_address(const struct virtio_env *env, const struct virtio_piece *piece,
                              uint64_t *bus)
{
    if (piece->length == 0)
        return -VIRTIO_E_INVALID;
    if (in_dma(env, piece->pointer)) {
        *bus = bus_of(env, piece->pointer);
        return piece->length <= env->dma_len - (*bus - env->dma_bus) ? 0 : -VIRTIO_E_MAPPING;
    }
    *bus = (uintptr_t)piece->pointer;
    return env->map == NULL ? 0 : NEEDS_MAP;
}

/* Errors: MAPPING. */
__attribute__((cold)) static int map_piece(const struct virtio_env *env,
                                           const struct virtio_piece *piece, enum virtio_dir dir,
                                           struct virtq_shadow *shadow, uint64_t *bus)
{
    if (env->map(env->ctx, piece->pointer, piece->length, dir, bus, &shadow->token) == 0)
        return 0;
    shadow->token = NULL;
    return -VIRTIO_E_MAPPING;
}

/* Fills in a descriptor that is not the last of its chain. */
static inline void fill(struct virtqueue *queue, uint32_t at, const struct virtio_piece *piece,
                        enum virtio_dir dir, uint64_t bus)
{
    struct virtq_shadow *shadow = &queue->shadow[at];
    const uint16_t flags =
        dir == VIRTIO_FROM_DEVICE ? VIRTQ_DESC_F_NEXT | VIRTQ_DESC_F_WRITE : VIRTQ_DESC_F_NEXT;

    virtio_store_desc(&queue->desc[at], bus, piece->length, flags, (uint16_t)shadow->next);
    shadow->piece = *piece;
}

/* Hands over the chain that starts at `head`: the device sees it when the index moves. */
static inline void make_available(struct virtqueue *queue, uint32_t head,
                                  struct virtio_request *request, uint64_t writable)
{
    struct virtq_shadow *first = &queue->shadow[head];

    first->request = request;
    first->writable = writable;
    first->position = queue->avail_idx;
    virtio_store16(&queue->avail_ring[queue->avail_idx & (queue->size - 1)], (uint16_t)head);
    queue->avail_idx++;
    virtqueue_give(request);
}

/* A chain that is being built from the free list, which does not change before all of it is there. */
struct draft {
    uint32_t at;    /* next descriptor to fill */
    uint32_t last;  /* the one filled last */
    uint32_t count; /* filled */
    uint64_t bytes;
};

/* The free list is as it was; only the mappings of the first `count` pieces have to go. */
__attribute__((cold)) static int undo(struct virtqueue *queue, uint32_t count, int error)
{
    uint32_t at = queue->free_head;

    for (uint32_t i = 0; i < count; i++, at = queue->shadow[at].next)
        unmap_piece(queue, &queue->shadow[at]);
    return error;
}

/* Fills descriptors for pieces of one direction, each linked to the next of the free list. */
__attribute__((always_inline)) static inline int add_pieces(struct virtqueue *queue,
                                                            struct draft *draft,
                                                            const struct virtio_piece *piece,
                                                            unsigned count, enum virtio_dir dir)
{
    const struct virtio_env *env = queue->dev->env;

    for (const struct virtio_piece *end = piece + count; piece != end; piece++) {
        uint64_t bus = 0;
        int error = bus_address(env, piece, &bus);

        if (error == NEEDS_MAP) {
            uint64_t mapped = 0;

            error = map_piece(env, piece, dir, &queue->shadow[draft->at], &mapped);
            bus = mapped;
        }
        if (error != 0)
            return undo(queue, draft->count, error);
        fill(queue, draft->at, piece, dir, bus);
        draft->bytes += piece->length;
        draft->count++;
        draft->last = draft->at;
        draft->at = queue->shadow[draft->at].next;
    }
    return 0;
}

/* Takes the finished chain, which ends with `last`, from the free list. */
static inline void take(struct virtqueue *queue, uint32_t last, uint32_t count, bool writable_end)
{
    struct virtq_shadow *first = &queue->shadow[queue->free_head];

    /* The last one was linked as well; it ends the chain (IMP-SPLIT-21). */
    virtio_store16(&queue->desc[last].flags, writable_end ? VIRTQ_DESC_F_WRITE : 0);
    virtio_store16(&queue->desc[last].next, 0);
    first->last = last;
    first->pieces = count;
    queue->free_head = queue->shadow[last].next;
    queue->free_count -= count;
}

int split_add(struct virtqueue *queue, struct virtio_request *request,
              const struct virtio_piece *pieces, unsigned out, unsigned in)
{
    const uint32_t head = queue->free_head;
    struct draft draft = {.at = head, .last = head};
    uint64_t readable;
    int error = add_pieces(queue, &draft, pieces, out, VIRTIO_TO_DEVICE);

    if (error != 0)
        return error;
    readable = draft.bytes;
    error = add_pieces(queue, &draft, pieces + out, in, VIRTIO_FROM_DEVICE);
    if (error != 0)
        return error;
    if (draft.bytes > 1ull << 32) /* DRV-SPLIT-10 */
        return undo(queue, draft.count, -VIRTIO_E_INVALID);
    take(queue, draft.last, draft.count, in > 0);
    make_available(queue, head, request, draft.bytes - readable);
    return 0;
}

/* ---- Chains that stay built: everything is in the table from the start but the data ---- */

enum { CHAIN_PIECES = 3 };

/* A piece that stays is in the env's memory: a mapping would have to be undone some day, and only requests' are. */
static int fixed_address(const struct virtio_env *env, const struct virtio_piece *piece,
                         uint64_t *bus)
{
    return in_dma(env, piece->pointer) ? bus_address(env, piece, bus) : -VIRTIO_E_MAPPING;
}

int split_chain_create(struct virtqueue *queue, const struct virtio_piece *before,
                       const struct virtio_piece *after, uint16_t *chain)
{
    const struct virtio_env *env = queue->dev->env;
    const uint64_t fixed = (uint64_t)before->length + after->length;
    const uint32_t head = queue->free_head;
    uint64_t before_bus = 0, after_bus = 0;
    uint32_t last;
    int error;

    if (queue->free_count < CHAIN_PIECES)
        return -VIRTIO_E_FULL;
    if (fixed >= 1ull << 32) /* DRV-SPLIT-10 */
        return -VIRTIO_E_INVALID;
    error = fixed_address(env, before, &before_bus);
    if (error == 0)
        error = fixed_address(env, after, &after_bus);
    if (error != 0)
        return error;
    last = queue->shadow[queue->shadow[head].next].next;
    fill(queue, head, before, VIRTIO_TO_DEVICE, before_bus);
    fill(queue, last, after, VIRTIO_FROM_DEVICE, after_bus);
    take(queue, last, CHAIN_PIECES, true);
    queue->shadow[head].data_max = (uint32_t)((1ull << 32) - fixed);
    queue->capacity -= CHAIN_PIECES;
    *chain = (uint16_t)head;
    return 0;
}

static inline int add_data(struct virtqueue *queue, uint32_t chain, struct virtio_request *request,
                           const struct virtio_piece *data, enum virtio_dir dir, uint64_t bus)
{
    const struct virtq_shadow *first = &queue->shadow[chain];
    uint64_t writable = queue->shadow[first->last].piece.length;

    if (dir == VIRTIO_FROM_DEVICE)
        writable += data->length;
    fill(queue, first->next, data, dir, bus);
    make_available(queue, chain, request, writable);
    return 0;
}

/* In a function of its own, so that the way without a mapping keeps nothing over a call. */
__attribute__((cold, noinline)) static int add_mapped_data(struct virtqueue *queue, uint32_t chain,
                                                           struct virtio_request *request,
                                                           const struct virtio_piece *data,
                                                           enum virtio_dir dir)
{
    struct virtq_shadow *middle = &queue->shadow[queue->shadow[chain].next];
    uint64_t bus = 0;
    int error = map_piece(queue->dev->env, data, dir, middle, &bus);

    return error != 0 ? error : add_data(queue, chain, request, data, dir, bus);
}

int split_add_chain(struct virtqueue *queue, uint16_t chain, struct virtio_request *request,
                    const struct virtio_piece *data, enum virtio_dir dir)
{
    uint64_t bus = 0;
    int error;

    if (chain >= queue->size || data->length > queue->shadow[chain].data_max)
        return -VIRTIO_E_INVALID;
    if (queue->shadow[chain].request != NULL)
        return -VIRTIO_E_STATE;
    error = bus_address(queue->dev->env, data, &bus);
    if (error == NEEDS_MAP)
        return add_mapped_data(queue, chain, request, data, dir);
    return error != 0 ? error : add_data(queue, chain, request, data, dir, bus);
}

/* ---- Showing and taking back ---- */

void split_kick(struct virtqueue *queue)
{
    virtio_barrier_publish();
    virtio_store16(&queue->avail->idx, (uint16_t)queue->avail_idx);
    queue->published = queue->avail_idx;
    virtio_barrier_notify();
    if ((virtio_load16(&queue->used->flags) & VIRTQ_USED_F_NO_NOTIFY) == 0)
        virtqueue_notify(queue);
}

int split_poll(struct virtqueue *queue, struct virtio_request **request)
{
    uint16_t ready = (uint16_t)(virtio_load16(&queue->used->idx) - queue->used_idx);
    const struct virtq_used_elem *element;
    struct virtq_shadow *shadow;
    uint32_t id, length;

    if (ready == 0)
        return 0;
    /* What was added since the last kick is not the device's to use yet. */
    if (ready > queue->published - queue->used_idx)
        return virtqueue_break(queue, "used index is %u ahead with %u requests in flight",
                               (unsigned)ready, (unsigned)(queue->published - queue->used_idx));
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
    virtqueue_take_back(*request, length);

    shadow->request = NULL;
    if (shadow->data_max == 0) {
        /* The chain goes in front of the free list as it is. */
        queue->free_count += shadow->pieces;
        queue->shadow[shadow->last].next = queue->free_head;
        queue->free_head = id;
    }
    queue->used_idx++;
    if (queue->dev->env->map != NULL)
        split_unmap(queue, id);
    return 0;
}
