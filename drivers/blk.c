/* SPDX-License-Identifier: BSD-2-Clause */
/* Block device: its life and its requests (VIRTIO 1.4, 5.2.5, 5.2.6). Whole operations are in blk_io.c. */
#include "drivers/blk.h"

#include "drivers/blk_config.h"
#include "virtio/access.h"
#include "virtio/deadlines.h"
#include "virtio/log.h"

/* What a request has in memory that the device reads or writes, beside the data; alive until the reset. */
struct virtio_blk_slot {
    struct virtio_blk_req_header header;
    struct virtio_blk_range range;
    uint8_t id[VIRTIO_BLK_ID_BYTES];
    uint8_t status;
    uint8_t padding[11];
};
VIRTIO_ASSERT(sizeof(struct virtio_blk_slot) == 64);

enum {
    STATUS_UNWRITTEN = 0xff, /* no device writes this */
    QUEUE_ENTRIES = 256,
    ENTRIES_PER_REQUEST = 3,  /* header, data, status */
    CHAIN_QUEUE_ENTRIES = 16, /* a smaller queue has none to spare for chains that stay built */
};

static const uint8_t features[] = {
    VIRTIO_BLK_F_SIZE_MAX, VIRTIO_BLK_F_SEG_MAX,  VIRTIO_BLK_F_RO,      VIRTIO_BLK_F_BLK_SIZE,
    VIRTIO_BLK_F_FLUSH,    VIRTIO_BLK_F_TOPOLOGY, VIRTIO_BLK_F_DISCARD, VIRTIO_BLK_F_WRITE_ZEROES,
};

/* ---- Life ---- */

/* What an operation puts in one request at most, where the device's limits allow it. */
static uint32_t most_a_request(const struct virtio_blk *blk)
{
    return blk->block_size > VIRTIO_BLK_REQUEST_BYTES ? blk->block_size : VIRTIO_BLK_REQUEST_BYTES;
}

/* Whole blocks, within what the pieces can hold. */
static uint32_t request_max(const struct virtio_blk *blk)
{
    uint64_t max = (uint64_t)blk->size_max * blk->seg_max;
    uint32_t most = most_a_request(blk);

    return max < most ? (uint32_t)(max - max % blk->block_size) : most;
}

/*
 * Each slot keeps a chain of its own where the data of an operation's request is always one piece; a quarter of the
 * queue is left for what is not: a flush, and a caller's request above size_max.
 */
static int create_chains(struct virtio_blk *blk)
{
    for (unsigned i = 0; i < blk->slot_count; i++) {
        struct virtio_blk_slot *slot = &blk->slots[i];
        const struct virtio_piece header = {&slot->header, sizeof(slot->header)};
        const struct virtio_piece status = {&slot->status, sizeof(slot->status)};
        int error = virtqueue_chain_create(blk->queue, &header, &status, &blk->chains[i]);

        if (error != 0)
            return error;
    }
    blk->chain_max = blk->size_max;
    return 0;
}

static int create_slots(struct virtio_blk *blk, unsigned size)
{
    bool chains = size >= CHAIN_QUEUE_ENTRIES && blk->size_max >= most_a_request(blk);

    blk->chain_max = 0;
    blk->slot_count =
        (uint16_t)(size / (chains ? 4 : 2)); /* a flush has two pieces, all others more */
    blk->slots = virtio_dma_alloc(blk->dev, blk->slot_count * sizeof(struct virtio_blk_slot),
                                  sizeof(struct virtio_blk_slot));
    blk->free_slots =
        virtio_priv_alloc(blk->dev, blk->slot_count * sizeof(uint16_t), sizeof(uint16_t));
    if (blk->slots == NULL || blk->free_slots == NULL)
        return -VIRTIO_E_NO_MEMORY;
    for (uint16_t i = 0; i < blk->slot_count; i++)
        blk->free_slots[i] = i;
    blk->free_slot_count = blk->slot_count;
    if (!chains)
        return 0;
    blk->chains = virtio_priv_alloc(blk->dev, blk->slot_count * sizeof(uint16_t), sizeof(uint16_t));
    return blk->chains != NULL ? create_chains(blk) : -VIRTIO_E_NO_MEMORY;
}

static int probe(struct virtio_device *dev)
{
    struct virtio_blk *blk = dev->driver_state;
    unsigned size, most;
    int error;

    blk->dev = dev;
    blk->read_only = virtio_has(dev->negotiated, VIRTIO_BLK_F_RO);
    blk->can_flush = virtio_has(dev->negotiated, VIRTIO_BLK_F_FLUSH);
    error = virtio_blk_read_config(blk);
    if (error == 0)
        error = virtqueue_create(dev, 0, QUEUE_ENTRIES, &blk->queue);
    if (error != 0)
        return error;

    size = virtqueue_size(blk->queue);
    if (size < ENTRIES_PER_REQUEST) {
        virtio_log(dev, VIRTIO_LOG_ERROR, "queue of %u entries, a request needs %u", size,
                   (unsigned)ENTRIES_PER_REQUEST);
        return -VIRTIO_E_QUEUE;
    }
    error = create_slots(blk, size);
    if (error != 0)
        return error;
    most = virtqueue_free(blk->queue) - 2;
    if (blk->seg_max > most)
        blk->seg_max = most;
    if ((uint64_t)blk->size_max * blk->seg_max < blk->block_size) {
        virtio_log(dev, VIRTIO_LOG_ERROR, "a block of %u bytes needs more than %u segments of %u",
                   blk->block_size, blk->seg_max, blk->size_max);
        return -VIRTIO_E_CONFIG;
    }
    blk->request_max = request_max(blk);
    virtio_driver_ok(dev);
    return 0;
}

static void leave(struct virtio_device *dev)
{
    struct virtio_blk *blk = dev->driver_state;
    struct virtio_blk_request *request;

    /*
     * What was submitted is let finish, kicked or not, so that no write is cut off; a device that fails at that is reset.
     */
    virtio_blk_kick(blk);
    while (dev->state == VIRTIO_LIVE && virtqueue_in_flight(blk->queue) > 0)
        if (virtio_blk_wait(blk, &request) != 0)
            break;
    if (dev->state == VIRTIO_LIVE)
        (void)virtio_reset(dev); /* the outcome is the device's state */
    blk->queue = NULL;
}

static const char *type_name(enum virtio_blk_req_type type)
{
    switch (type) {
    case VIRTIO_BLK_T_IN:
        return "read";
    case VIRTIO_BLK_T_OUT:
        return "write";
    case VIRTIO_BLK_T_FLUSH:
        return "flush";
    case VIRTIO_BLK_T_GET_ID:
        return "get id";
    case VIRTIO_BLK_T_DISCARD:
        return "discard";
    case VIRTIO_BLK_T_WRITE_ZEROES:
        return "write zeroes";
    default:
        return "request";
    }
}

static void describe(const struct virtio_request *any, char *text, size_t size)
{
    const struct virtio_blk_request *request = (const struct virtio_blk_request *)any;

    if (request->type == VIRTIO_BLK_T_FLUSH || request->type == VIRTIO_BLK_T_GET_ID)
        virtio_format(text, size, "%s", type_name(request->type));
    else
        virtio_format(text, size, "%s of %u bytes at sector %llu", type_name(request->type),
                      request->length, (unsigned long long)request->sector);
}

const struct virtio_driver virtio_blk_driver = {
    .name = "blk",
    .device_id = VIRTIO_ID_BLOCK,
    .features = features,
    .feature_count = sizeof(features),
    .queues = 1,
    .dma_per_entry = sizeof(struct virtio_blk_slot) / 2,
    .priv_per_entry = sizeof(uint16_t) / 2, /* a number for every second, or two for every fourth */
    .dma_fixed = sizeof(struct virtio_blk_slot),
    .priv_fixed = 16,
    .negotiate = virtio_blk_negotiate,
    .probe = probe,
    .remove = leave,
    .describe = describe,
};

/* ---- Requests ---- */

static bool inside(const struct virtio_blk *blk, const struct virtio_blk_request *request)
{
    uint64_t sectors = request->length / VIRTIO_BLK_SECTOR;
    uint32_t block_mask = blk->block_size - 1;

    return request->length != 0 && (request->length & block_mask) == 0 &&
           (request->sector & (block_mask / VIRTIO_BLK_SECTOR)) == 0 &&
           request->sector <= blk->sectors && sectors <= blk->sectors - request->sector;
}

static int check_range(const struct virtio_blk *blk, const struct virtio_blk_request *request,
                       bool offered, uint32_t max_sectors)
{
    if (blk->read_only)
        return -VIRTIO_E_READ_ONLY;
    if (!offered)
        return -VIRTIO_E_UNSUPPORTED;
    return inside(blk, request) && request->length / VIRTIO_BLK_SECTOR <= max_sectors
               ? 0
               : -VIRTIO_E_INVALID;
}

static int check(const struct virtio_blk *blk, const struct virtio_blk_request *request)
{
    if (request->type == VIRTIO_BLK_T_IN) /* by far the most frequent */
        return inside(blk, request) ? 0 : -VIRTIO_E_INVALID;
    switch (request->type) {
    case VIRTIO_BLK_T_OUT:
        if (blk->read_only)
            return -VIRTIO_E_READ_ONLY;
        return inside(blk, request) ? 0 : -VIRTIO_E_INVALID;
    case VIRTIO_BLK_T_FLUSH:
        return blk->can_flush ? 0 : -VIRTIO_E_UNSUPPORTED;
    case VIRTIO_BLK_T_GET_ID:
        return 0;
    case VIRTIO_BLK_T_DISCARD:
        return check_range(blk, request, blk->can_discard, blk->discard.max_sectors);
    case VIRTIO_BLK_T_WRITE_ZEROES:
        return check_range(blk, request, blk->can_write_zeroes, blk->write_zeroes.max_sectors);
    default:
        return -VIRTIO_E_INVALID;
    }
}

/* The data of a request: the caller's, or what stands in its slot. A flush has none. */
static struct virtio_piece data_of(const struct virtio_blk *blk,
                                   const struct virtio_blk_request *request,
                                   struct virtio_blk_slot *slot)
{
    switch (request->type) {
    case VIRTIO_BLK_T_FLUSH:
        return (struct virtio_piece){NULL, 0};
    case VIRTIO_BLK_T_GET_ID:
        return (struct virtio_piece){slot->id, sizeof(slot->id)};
    case VIRTIO_BLK_T_DISCARD:
    case VIRTIO_BLK_T_WRITE_ZEROES:
        virtio_store64(&slot->range.sector, request->sector);
        virtio_store32(&slot->range.num_sectors, request->length / VIRTIO_BLK_SECTOR);
        virtio_store32(&slot->range.flags, request->type == VIRTIO_BLK_T_WRITE_ZEROES &&
                                                   request->unmap && blk->zeroes_may_unmap
                                               ? VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP
                                               : 0);
        return (struct virtio_piece){&slot->range, sizeof(slot->range)};
    default:
        return (struct virtio_piece){request->data, request->length};
    }
}

/* A request whose data is cut into pieces of size_max, or has none. */
__attribute__((noinline)) static int add_cut(struct virtio_blk *blk,
                                             struct virtio_blk_request *request,
                                             struct virtio_blk_slot *slot,
                                             const struct virtio_piece *data, enum virtio_dir dir)
{
    struct virtio_piece pieces[VIRTIO_BLK_PIECES + 2];
    uint8_t *at = data->pointer;
    uint32_t left = data->length;
    unsigned count = 1;

    pieces[0] = (struct virtio_piece){&slot->header, sizeof(slot->header)};
    for (; left > 0; count++) {
        uint32_t length = left < blk->size_max ? left : blk->size_max;

        if (count > blk->seg_max)
            return -VIRTIO_E_INVALID;
        pieces[count] = (struct virtio_piece){at, length};
        at += length;
        left -= length;
    }
    pieces[count] = (struct virtio_piece){&slot->status, sizeof(slot->status)};
    return dir == VIRTIO_FROM_DEVICE
               ? virtqueue_add(blk->queue, &request->request, pieces, 1, count)
               : virtqueue_add(blk->queue, &request->request, pieces, count, 1);
}

int virtio_blk_submit(struct virtio_blk *blk, struct virtio_blk_request *request)
{
    bool transfer = request->type == VIRTIO_BLK_T_IN || request->type == VIRTIO_BLK_T_OUT;
    bool from_device = request->type == VIRTIO_BLK_T_IN || request->type == VIRTIO_BLK_T_GET_ID;
    enum virtio_dir dir = from_device ? VIRTIO_FROM_DEVICE : VIRTIO_TO_DEVICE;
    struct virtio_blk_slot *slot;
    struct virtio_piece data;
    uint16_t number;
    int error;

    if (blk->queue == NULL || blk->dev->state != VIRTIO_LIVE)
        return -VIRTIO_E_STATE;
    error = check(blk, request);
    if (error != 0)
        return error;
    if (blk->free_slot_count == 0)
        return -VIRTIO_E_FULL;
    number = blk->free_slots[blk->free_slot_count - 1];
    slot = &blk->slots[number];
    data = data_of(blk, request, slot);
    /* The reserved field is 0 from when the slot was made: a device only reads headers. */
    virtio_store32(&slot->header.type, request->type);
    virtio_store64(&slot->header.sector, transfer ? request->sector : 0); /* IMP-BLK-11 */
    virtio_store8(&slot->status, STATUS_UNWRITTEN);

    if (data.length - 1 < blk->chain_max) /* no data wraps, and goes the other way */
        error = virtqueue_add_chain(blk->queue, blk->chains[number], &request->request, &data, dir);
    else
        error = add_cut(blk, request, slot, &data, dir);
    if (error != 0)
        return error;
    blk->free_slot_count--;
    request->slot = number;
    request->error = 0;
    blk->requests++;
    return 0;
}

void virtio_blk_kick(struct virtio_blk *blk)
{
    if (blk->queue != NULL)
        virtqueue_kick(blk->queue);
}

static int result_of(const struct virtio_blk_request *request, const struct virtio_blk_slot *slot)
{
    uint8_t status = virtio_load8(&slot->status);

    if (status != VIRTIO_BLK_S_OK) /* also one that it never wrote (IMP-BLK-13) */
        return status == VIRTIO_BLK_S_UNSUPP ? -VIRTIO_E_UNSUPPORTED : -VIRTIO_E_IO;
    /*
     * Data past the used length is not data (DRV-SPLIT-25). The status byte is not asked for in that count: kvmtool
     * leaves it out, and a preset that no device writes tells whether it was written.
     */
    if (request->type == VIRTIO_BLK_T_IN && request->request.used < request->length)
        return -VIRTIO_E_IO;
    return 0;
}

static void finish(struct virtio_blk *blk, struct virtio_blk_request *request)
{
    struct virtio_blk_slot *slot = &blk->slots[request->slot];

    request->error = result_of(request, slot);
    if (request->type == VIRTIO_BLK_T_GET_ID && request->error == 0)
        for (unsigned i = 0; i < VIRTIO_BLK_ID_BYTES; i++)
            ((uint8_t *)request->data)[i] =
                i < request->request.used ? virtio_load8(&slot->id[i]) : 0;
    blk->free_slots[blk->free_slot_count++] = request->slot;
}

/* What the queue gave back, if anything. */
static struct virtio_blk_request *take(struct virtio_blk *blk, struct virtio_request *any)
{
    struct virtio_blk_request *request = (struct virtio_blk_request *)any;

    if (request != NULL)
        finish(blk, request);
    return request;
}

int virtio_blk_poll(struct virtio_blk *blk, struct virtio_blk_request **request)
{
    struct virtio_request *done = NULL;
    int error = blk->queue == NULL ? -VIRTIO_E_STATE : virtqueue_poll(blk->queue, &done);

    *request = take(blk, done);
    return error;
}

int virtio_blk_wait(struct virtio_blk *blk, struct virtio_blk_request **request)
{
    struct virtio_request *done = NULL;
    int error = -VIRTIO_E_STATE;

    if (blk->queue != NULL) {
        uint64_t timeout = blk->dev->env->deadlines.blk_ns;

        error = virtqueue_wait(blk->queue, &done, timeout != 0 ? timeout : VIRTIO_DEADLINE_BLK_NS);
    }
    *request = take(blk, done);
    return error;
}
