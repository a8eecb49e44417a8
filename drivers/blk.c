/* SPDX-License-Identifier: BSD-2-Clause */
/* Block device: configuration (VIRTIO 1.4, 5.2.4, 5.2.5) and requests (5.2.6). Operations are in blk_io.c. */
#include "drivers/blk.h"

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
    ENTRIES_PER_REQUEST = 3, /* header, data, status */
};

static const uint8_t features[] = {
    VIRTIO_BLK_F_SIZE_MAX, VIRTIO_BLK_F_SEG_MAX,  VIRTIO_BLK_F_RO,      VIRTIO_BLK_F_BLK_SIZE,
    VIRTIO_BLK_F_FLUSH,    VIRTIO_BLK_F_TOPOLOGY, VIRTIO_BLK_F_DISCARD, VIRTIO_BLK_F_WRITE_ZEROES,
};

/* ---- Configuration ---- */

#define CONFIG(field)                                                                              \
    {                                                                                              \
        .offset = offsetof(struct virtio_blk_config, field),                                       \
        .width = sizeof(((struct virtio_blk_config *)0)->field)                                    \
    }

/* A host-managed zoned disk must not be discarded by a driver that does not know zones (DRV-BLK-06). */
static int negotiate(struct virtio_device *dev, struct virtio_features *accepted)
{
    struct virtio_config_field model = CONFIG(zoned_model);
    int error;

    if (!virtio_has(dev->offered, VIRTIO_BLK_F_ZONED))
        return 0;
    error = virtio_config_read(dev, &model, 1);
    if (error == 0 && model.value == VIRTIO_BLK_Z_HM)
        accepted->mask &= ~(1ull << VIRTIO_BLK_F_DISCARD);
    return error;
}

static int bad_config(const struct virtio_blk *blk, const char *field, uint64_t found,
                      const char *expected)
{
    virtio_log(blk->dev, VIRTIO_LOG_ERROR, "%s is %llu, expected %s", field,
               (unsigned long long)found, expected);
    return -VIRTIO_E_CONFIG;
}

/* An optional field: read only if the feature that governs it was accepted (DRV-CFG-04). */
static int read_if(struct virtio_blk *blk, unsigned feature, struct virtio_config_field *fields,
                   unsigned count)
{
    return virtio_has(blk->dev->negotiated, feature) ? virtio_config_read(blk->dev, fields, count)
                                                     : 0;
}

static int read_geometry(struct virtio_blk *blk)
{
    struct virtio_config_field capacity = CONFIG(capacity), block_size = CONFIG(blk_size);
    struct virtio_config_field size_max = CONFIG(size_max), seg_max = CONFIG(seg_max);
    uint32_t block_sectors;
    int error;

    block_size.value = VIRTIO_BLK_SECTOR;
    size_max.value = UINT32_MAX;
    seg_max.value = VIRTIO_BLK_PIECES;
    error = virtio_config_read(blk->dev, &capacity, 1);
    if (error == 0)
        error = read_if(blk, VIRTIO_BLK_F_BLK_SIZE, &block_size, 1);
    if (error == 0)
        error = read_if(blk, VIRTIO_BLK_F_SIZE_MAX, &size_max, 1);
    if (error == 0)
        error = read_if(blk, VIRTIO_BLK_F_SEG_MAX, &seg_max, 1);
    if (error != 0)
        return error;

    if (block_size.value < VIRTIO_BLK_SECTOR || (block_size.value & (block_size.value - 1)) != 0)
        return bad_config(blk, "blk_size", block_size.value, "a power of two of at least 512");
    if (size_max.value < VIRTIO_BLK_SECTOR)
        return bad_config(blk, "size_max", size_max.value, "at least a sector");
    if (seg_max.value == 0)
        return bad_config(blk, "seg_max", 0, "at least 1");
    if (capacity.value > UINT64_MAX / VIRTIO_BLK_SECTOR)
        return bad_config(blk, "capacity", capacity.value, "less than 2^55 sectors");

    blk->block_size = (uint32_t)block_size.value;
    blk->size_max = (uint32_t)size_max.value;
    blk->seg_max = seg_max.value < VIRTIO_BLK_PIECES ? (uint32_t)seg_max.value : VIRTIO_BLK_PIECES;
    block_sectors = blk->block_size / VIRTIO_BLK_SECTOR;
    blk->sectors = capacity.value - capacity.value % block_sectors;
    if (blk->sectors != capacity.value)
        virtio_log(blk->dev, VIRTIO_LOG_WARN,
                   "capacity of %llu sectors is no whole number of %u-byte blocks; the rest is "
                   "left out",
                   (unsigned long long)capacity.value, blk->block_size);
    return 0;
}

/* 0 for what no 32 bits can say: no hint worth having. */
static uint32_t in_bytes(const struct virtio_blk *blk, uint64_t blocks)
{
    return blocks <= UINT32_MAX / blk->block_size ? (uint32_t)blocks * blk->block_size : 0;
}

static int read_topology(struct virtio_blk *blk)
{
    struct virtio_config_field fields[] = {CONFIG(physical_block_exp), CONFIG(alignment_offset),
                                           CONFIG(min_io_size), CONFIG(opt_io_size)};
    int error = read_if(blk, VIRTIO_BLK_F_TOPOLOGY, fields, 4);

    if (error != 0)
        return error;
    if (!virtio_has(blk->dev->negotiated, VIRTIO_BLK_F_TOPOLOGY) || fields[0].value > 16) {
        blk->topology = (struct virtio_blk_topology){.physical_block = blk->block_size};
        return 0;
    }
    /* All four count blocks (5.2.4). */
    blk->topology.physical_block = in_bytes(blk, 1ull << fields[0].value);
    blk->topology.alignment = in_bytes(blk, fields[1].value);
    blk->topology.min_io = in_bytes(blk, fields[2].value);
    blk->topology.opt_io = in_bytes(blk, fields[3].value);
    if (blk->topology.physical_block == 0)
        blk->topology.physical_block = blk->block_size;
    return 0;
}

static int read_range_limits(struct virtio_blk *blk)
{
    struct virtio_config_field discard[] = {CONFIG(max_discard_sectors), CONFIG(max_discard_seg),
                                            CONFIG(discard_sector_alignment)};
    struct virtio_config_field zeroes[] = {CONFIG(max_write_zeroes_sectors),
                                           CONFIG(max_write_zeroes_seg),
                                           CONFIG(write_zeroes_may_unmap)};
    uint32_t block_sectors = blk->block_size / VIRTIO_BLK_SECTOR;
    int error = read_if(blk, VIRTIO_BLK_F_DISCARD, discard, 3);

    if (error == 0)
        error = read_if(blk, VIRTIO_BLK_F_WRITE_ZEROES, zeroes, 3);
    if (error != 0)
        return error;
    blk->discard.max_sectors = (uint32_t)discard[0].value;
    blk->discard.alignment = (uint32_t)discard[2].value;
    blk->write_zeroes.max_sectors = (uint32_t)zeroes[0].value;
    /* A limit below one block, or of no range, leaves nothing that could be sent. */
    blk->can_discard = discard[0].value >= block_sectors && discard[1].value != 0;
    blk->can_write_zeroes = zeroes[0].value >= block_sectors && zeroes[1].value != 0;
    blk->zeroes_may_unmap = zeroes[2].value == 1;
    return 0;
}

/* Whole blocks, within what the pieces can hold. */
static uint32_t request_max(const struct virtio_blk *blk)
{
    uint64_t max = (uint64_t)blk->size_max * blk->seg_max;
    uint64_t most = VIRTIO_BLK_REQUEST_BYTES;

    if (most < blk->block_size)
        most = blk->block_size;
    if (max > most)
        max = most;
    return (uint32_t)(max - max % blk->block_size);
}

/* ---- Life ---- */

static int probe(struct virtio_device *dev)
{
    struct virtio_blk *blk = dev->driver_state;
    unsigned size;
    int error;

    blk->dev = dev;
    blk->read_only = virtio_has(dev->negotiated, VIRTIO_BLK_F_RO);
    blk->can_flush = virtio_has(dev->negotiated, VIRTIO_BLK_F_FLUSH);
    error = read_geometry(blk);
    if (error == 0)
        error = read_topology(blk);
    if (error == 0)
        error = read_range_limits(blk);
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
    if (blk->seg_max > size - 2)
        blk->seg_max = size - 2;
    if ((uint64_t)blk->size_max * blk->seg_max < blk->block_size) {
        virtio_log(dev, VIRTIO_LOG_ERROR, "a block of %u bytes needs more than %u segments of %u",
                   blk->block_size, blk->seg_max, blk->size_max);
        return -VIRTIO_E_CONFIG;
    }
    blk->request_max = request_max(blk);
    blk->slot_count = (uint16_t)(size / 2); /* a flush has two pieces, all others more */
    blk->slots = virtio_dma_alloc(dev, blk->slot_count * sizeof(struct virtio_blk_slot),
                                  sizeof(struct virtio_blk_slot));
    blk->free_slots = virtio_priv_alloc(dev, blk->slot_count * sizeof(uint16_t), sizeof(uint16_t));
    if (blk->slots == NULL || blk->free_slots == NULL)
        return -VIRTIO_E_NO_MEMORY;
    for (uint16_t i = 0; i < blk->slot_count; i++)
        blk->free_slots[i] = i;
    blk->free_slot_count = blk->slot_count;
    virtio_driver_ok(dev);
    return 0;
}

static void remove(struct virtio_device *dev)
{
    struct virtio_blk *blk = dev->driver_state;
    struct virtio_blk_request *request;

    /* What is in flight is let finish, so that a write is not cut off; a device that fails at that is reset. */
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
    .priv_per_entry = sizeof(uint16_t),
    .dma_fixed = sizeof(struct virtio_blk_slot),
    .priv_fixed = 16,
    .negotiate = negotiate,
    .probe = probe,
    .remove = remove,
    .describe = describe,
};

/* ---- Requests ---- */

/* Cuts the data into pieces of size_max; 0: more than seg_max would be needed. */
static unsigned cut(const struct virtio_blk *blk, const struct virtio_blk_request *request,
                    struct virtio_piece *pieces)
{
    uint8_t *at = request->data;
    uint32_t left = request->length;
    unsigned count = 0;

    for (; left > 0; count++) {
        uint32_t length = left < blk->size_max ? left : blk->size_max;

        if (count == blk->seg_max)
            return 0;
        pieces[count].pointer = at;
        pieces[count].length = length;
        at += length;
        left -= length;
    }
    return count;
}

static bool inside(const struct virtio_blk *blk, const struct virtio_blk_request *request)
{
    uint64_t sectors = request->length / VIRTIO_BLK_SECTOR;
    uint32_t block_mask = blk->block_size - 1;

    return request->length != 0 && (request->length & block_mask) == 0 &&
           (request->sector & (block_mask / VIRTIO_BLK_SECTOR)) == 0 &&
           request->sector <= blk->sectors && sectors <= blk->sectors - request->sector;
}

static int check(const struct virtio_blk *blk, const struct virtio_blk_request *request)
{
    uint32_t sectors = request->length / VIRTIO_BLK_SECTOR;

    switch (request->type) {
    case VIRTIO_BLK_T_IN:
        return inside(blk, request) ? 0 : -VIRTIO_E_INVALID;
    case VIRTIO_BLK_T_OUT:
        if (blk->read_only)
            return -VIRTIO_E_READ_ONLY;
        return inside(blk, request) ? 0 : -VIRTIO_E_INVALID;
    case VIRTIO_BLK_T_FLUSH:
        return blk->can_flush ? 0 : -VIRTIO_E_UNSUPPORTED;
    case VIRTIO_BLK_T_GET_ID:
        return 0;
    case VIRTIO_BLK_T_DISCARD:
        if (blk->read_only)
            return -VIRTIO_E_READ_ONLY;
        if (!blk->can_discard)
            return -VIRTIO_E_UNSUPPORTED;
        return inside(blk, request) && sectors <= blk->discard.max_sectors ? 0 : -VIRTIO_E_INVALID;
    case VIRTIO_BLK_T_WRITE_ZEROES:
        if (blk->read_only)
            return -VIRTIO_E_READ_ONLY;
        if (!blk->can_write_zeroes)
            return -VIRTIO_E_UNSUPPORTED;
        return inside(blk, request) && sectors <= blk->write_zeroes.max_sectors ? 0
                                                                                : -VIRTIO_E_INVALID;
    default:
        return -VIRTIO_E_INVALID;
    }
}

/* The data pieces of a request: its own buffer, or what stands in its slot. */
static unsigned data_pieces(const struct virtio_blk *blk, const struct virtio_blk_request *request,
                            struct virtio_blk_slot *slot, struct virtio_piece *pieces)
{
    switch (request->type) {
    case VIRTIO_BLK_T_GET_ID:
        pieces[0] = (struct virtio_piece){slot->id, sizeof(slot->id)};
        return 1;
    case VIRTIO_BLK_T_DISCARD:
    case VIRTIO_BLK_T_WRITE_ZEROES:
        virtio_store64(&slot->range.sector, request->sector);
        virtio_store32(&slot->range.num_sectors, request->length / VIRTIO_BLK_SECTOR);
        virtio_store32(&slot->range.flags, request->type == VIRTIO_BLK_T_WRITE_ZEROES &&
                                                   request->unmap && blk->zeroes_may_unmap
                                               ? VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP
                                               : 0);
        pieces[0] = (struct virtio_piece){&slot->range, sizeof(slot->range)};
        return 1;
    default:
        return cut(blk, request, pieces);
    }
}

int virtio_blk_submit(struct virtio_blk *blk, struct virtio_blk_request *request)
{
    struct virtio_piece pieces[VIRTIO_BLK_PIECES + 2];
    bool transfer = request->type == VIRTIO_BLK_T_IN || request->type == VIRTIO_BLK_T_OUT;
    bool from_device = request->type == VIRTIO_BLK_T_IN || request->type == VIRTIO_BLK_T_GET_ID;
    struct virtio_blk_slot *slot;
    unsigned count = 0;
    int error;

    if (blk->queue == NULL || blk->dev->state != VIRTIO_LIVE)
        return -VIRTIO_E_STATE;
    error = check(blk, request);
    if (error != 0)
        return error;
    if (blk->free_slot_count == 0)
        return -VIRTIO_E_FULL;
    slot = &blk->slots[blk->free_slots[blk->free_slot_count - 1]];
    if (request->type != VIRTIO_BLK_T_FLUSH) {
        count = data_pieces(blk, request, slot, pieces + 1);
        if (count == 0)
            return -VIRTIO_E_INVALID;
    }
    pieces[0] = (struct virtio_piece){&slot->header, sizeof(slot->header)};
    pieces[count + 1] = (struct virtio_piece){&slot->status, sizeof(slot->status)};
    virtio_store32(&slot->header.type, request->type);
    virtio_store32(&slot->header.reserved, 0);
    virtio_store64(&slot->header.sector, transfer ? request->sector : 0); /* IMP-BLK-11 */
    virtio_store8(&slot->status, STATUS_UNWRITTEN);

    error = from_device ? virtqueue_add(blk->queue, &request->request, pieces, 1, count + 1)
                        : virtqueue_add(blk->queue, &request->request, pieces, count + 1, 1);
    if (error != 0)
        return error;
    request->slot = blk->free_slots[--blk->free_slot_count];
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

    if (status == VIRTIO_BLK_S_UNSUPP)
        return -VIRTIO_E_UNSUPPORTED;
    if (status != VIRTIO_BLK_S_OK) /* also one that it never wrote (IMP-BLK-13) */
        return -VIRTIO_E_IO;
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

int virtio_blk_poll(struct virtio_blk *blk, struct virtio_blk_request **request)
{
    struct virtio_request *done = NULL;
    int error = blk->queue == NULL ? -VIRTIO_E_STATE : virtqueue_poll(blk->queue, &done);

    *request = (struct virtio_blk_request *)done;
    if (done != NULL)
        finish(blk, *request);
    return error;
}

int virtio_blk_wait(struct virtio_blk *blk, struct virtio_blk_request **request)
{
    struct virtio_request *done = NULL;
    uint64_t timeout;
    int error;

    *request = NULL;
    if (blk->queue == NULL)
        return -VIRTIO_E_STATE;
    timeout = blk->dev->env->deadlines.blk_ns;
    error = virtqueue_wait(blk->queue, &done, timeout != 0 ? timeout : VIRTIO_DEADLINE_BLK_NS);
    if (error != 0)
        return error;
    *request = (struct virtio_blk_request *)done;
    finish(blk, *request);
    return 0;
}
