/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Block device operations of any length: cut into requests, many in flight, one kick a batch; and one try to recover a
 * device that times out, asks for a reset or breaks the protocol (VIRTIO 1.4, 2.1.2, 5.2.6).
 */
#include "drivers/blk.h"
#include "virtio/log.h"

/* One operation: what is left to be cut into requests. */
struct operation {
    enum virtio_blk_req_type type;
    bool unmap;
    const struct virtio_blk_extent *extents;
    unsigned count; /* extents left */
    uint64_t done;  /* bytes of the first one that are cut off already */
    uint32_t most;  /* bytes a request */
    bool retried;
    bool lost; /* requests that a reset took from the device wait to be sent again */
    int error; /* the first that a request reported */
};

/* Makes the next request of an operation that has extents left. */
static void set_request(struct virtio_blk_request *request, const struct operation *op)
{
    const struct virtio_blk_extent *extent = op->extents;
    uint64_t left = extent->length - op->done;

    request->type = op->type;
    request->sector = extent->sector + op->done / VIRTIO_BLK_SECTOR;
    request->data = extent->data != NULL ? (uint8_t *)extent->data + op->done : NULL;
    request->length = left < op->most ? (uint32_t)left : op->most;
    request->unmap = op->unmap;
}

/* Counts `length` bytes as cut off, and goes on to the next extent that has something in it. */
static void advance(struct operation *op, uint32_t length)
{
    op->done += length;
    while (op->count > 0 && op->done == op->extents->length) {
        op->extents++;
        op->count--;
        op->done = 0;
    }
}

/* Submits until the operation, our requests or the queue run out. */
static void fill(struct virtio_blk *blk, struct operation *op)
{
    for (unsigned i = 0; i < VIRTIO_BLK_DEPTH && op->count > 0 && op->error == 0; i++) {
        struct virtio_blk_request *request = &blk->own[i];
        int error;

        if (request->request.state != VIRTIO_REQUEST_FREE)
            continue;
        set_request(request, op);
        error = virtio_blk_submit(blk, request);
        if (error == -VIRTIO_E_FULL && virtqueue_in_flight(blk->queue) > 0)
            break; /* there will be room */
        op->error = error;
        if (error == 0)
            advance(op, request->length);
    }
    virtio_blk_kick(blk);
}

/* Takes a finished request back and notes how it went. */
static void take_back(const struct virtio_blk *blk, struct operation *op,
                      struct virtio_blk_request *done)
{
    done->request.state = VIRTIO_REQUEST_FREE;
    if (done->error == 0 || op->error != 0)
        return;
    op->error = done->error;
    virtio_log(blk->dev, done->error == -VIRTIO_E_UNSUPPORTED ? VIRTIO_LOG_DEBUG : VIRTIO_LOG_ERROR,
               "request of %u bytes at sector %llu failed: %s", done->length,
               (unsigned long long)done->sector, virtio_error_text(done->error));
}

/* Takes what has been used: waits for one, then all others that are there. */
static int reap(struct virtio_blk *blk, struct operation *op)
{
    struct virtio_blk_request *done;
    int error = virtio_blk_wait(blk, &done);

    while (error == 0 && done != NULL) {
        take_back(blk, op, done);
        if (virtqueue_in_flight(blk->queue) == 0)
            break;
        error = virtio_blk_poll(blk, &done);
        if (error != 0) {
            int reset_error = virtio_reset(blk->dev);

            if (reset_error != 0)
                error = reset_error;
        }
    }
    return error;
}

/*
 * Sends again what a reset took from the device, as far as there is room: its queue may be smaller than before. A request
 * that it cannot be asked for again ends the operation, but not before those that were sent have come back.
 */
static void send_again(struct virtio_blk *blk, struct operation *op)
{
    op->lost = false;
    for (unsigned i = 0; i < VIRTIO_BLK_DEPTH && !op->lost; i++) {
        struct virtio_blk_request *request = &blk->own[i];

        if (request->request.state != VIRTIO_REQUEST_DEAD)
            continue;
        if (op->error == 0) {
            int error = virtio_blk_submit(blk, request);

            op->lost = error == -VIRTIO_E_FULL && virtqueue_in_flight(blk->queue) > 0;
            if (!op->lost)
                op->error = error;
        }
        if (op->error != 0)
            request->request.state = VIRTIO_REQUEST_FREE;
    }
    virtio_blk_kick(blk);
}

/* After a reset: once, the device is started again, to be asked for what it had not answered. */
static int recover(struct virtio_blk *blk, struct operation *op, int error)
{
    if (!op->retried && op->error == 0 && error != -VIRTIO_E_STUCK) {
        op->retried = true;
        blk->restarts++;
        virtio_log(blk->dev, VIRTIO_LOG_WARN, "restarting the device and trying once more");
        error = virtio_restart(blk->dev);
        op->lost = error == 0;
        if (op->lost)
            return 0;
    }
    for (unsigned i = 0; i < VIRTIO_BLK_DEPTH; i++)
        if (blk->own[i].request.state == VIRTIO_REQUEST_DEAD)
            blk->own[i].request.state = VIRTIO_REQUEST_FREE;
    return error;
}

/* Whether requests of ours can be told from others: nobody's are in flight, since each has a slot. */
static bool is_idle(const struct virtio_blk *blk)
{
    return blk->free_slot_count == blk->slot_count;
}

/* Brings an operation to its end. `error` is not 0 if the device has just been reset because of it. */
static int complete(struct virtio_blk *blk, struct operation *op, int error)
{
    for (;;) {
        if (error != 0)
            error = recover(blk, op, error);
        if (error != 0)
            return error;
        /* Half a batch at a time, so that a long read costs a kick in many requests, not one in each. */
        if (op->lost)
            send_again(blk, op);
        else if (op->count > 0 && virtqueue_in_flight(blk->queue) <= VIRTIO_BLK_DEPTH / 2)
            fill(blk, op);
        if (virtqueue_in_flight(blk->queue) == 0)
            return op->error;
        error = reap(blk, op);
    }
}

/* All of it or nothing: an operation that leaves the disk sends no request at all. */
static bool fits(const struct virtio_blk *blk, const struct operation *op)
{
    for (unsigned i = 0; i < op->count; i++) {
        const struct virtio_blk_extent *extent = &op->extents[i];
        uint64_t sectors = extent->length / VIRTIO_BLK_SECTOR;

        if (extent->sector > blk->sectors || sectors > blk->sectors - extent->sector ||
            extent->length % blk->block_size != 0)
            return false;
    }
    return true;
}

static int run(struct virtio_blk *blk, struct operation *op)
{
    if (blk->queue == NULL || blk->dev->state != VIRTIO_LIVE || !is_idle(blk))
        return -VIRTIO_E_STATE;
    if (!fits(blk, op))
        return -VIRTIO_E_INVALID;
    advance(op, 0);
    return complete(blk, op, 0);
}

/* What run_one() does when its request was not simply answered. `error` is not 0 if the device has been reset. */
__attribute__((cold, noinline)) static int complete_one(struct virtio_blk *blk,
                                                        struct virtio_blk_request *done, int error)
{
    struct operation op = {.count = 0}; /* nothing is left to be cut off */

    if (error == 0)
        take_back(blk, &op, done);
    return complete(blk, &op, error);
}

/* The short way for what is only one request: most reads of a boot loader are. */
static int run_one(struct virtio_blk *blk, enum virtio_blk_req_type type, uint64_t sector,
                   void *data, uint32_t length)
{
    struct virtio_blk_request *request = &blk->own[0], *done;
    int error;

    if (!is_idle(blk))
        return -VIRTIO_E_STATE;
    request->type = type;
    request->sector = sector;
    request->data = data;
    request->length = length;
    error = virtio_blk_submit(blk, request);
    if (error != 0)
        return error;
    virtqueue_kick(blk->queue);
    error = virtio_blk_wait(blk, &done);
    if (error != 0 || done->error != 0)
        return complete_one(blk, done, error);
    done->request.state = VIRTIO_REQUEST_FREE;
    return 0;
}

/* ---- Reading and writing ---- */

__attribute__((noinline)) static int run_many(struct virtio_blk *blk, enum virtio_blk_req_type type,
                                              const struct virtio_blk_extent *extents,
                                              unsigned count)
{
    struct operation op = {
        .type = type,
        .extents = extents,
        .count = count,
        .most = blk->request_max,
    };

    return run(blk, &op);
}

static int transfer(struct virtio_blk *blk, enum virtio_blk_req_type type,
                    const struct virtio_blk_extent *extents, unsigned count)
{
    if (count == 1 && extents->length - 1 < blk->request_max)
        return run_one(blk, type, extents->sector, extents->data, (uint32_t)extents->length);
    return run_many(blk, type, extents, count);
}

int virtio_blk_read(struct virtio_blk *blk, const struct virtio_blk_extent *extents, unsigned count)
{
    return transfer(blk, VIRTIO_BLK_T_IN, extents, count);
}

int virtio_blk_write(struct virtio_blk *blk, const struct virtio_blk_extent *extents,
                     unsigned count)
{
    return transfer(blk, VIRTIO_BLK_T_OUT, extents, count);
}

/* ---- Ranges ---- */

static int cover(struct virtio_blk *blk, enum virtio_blk_req_type type, bool offered,
                 uint32_t max_sectors, const struct virtio_blk_extent *extent, bool unmap)
{
    struct operation op = {.type = type, .unmap = unmap, .extents = extent, .count = 1};
    uint64_t most = (uint64_t)max_sectors * VIRTIO_BLK_SECTOR;

    if (!offered)
        return -VIRTIO_E_UNSUPPORTED;
    if (most > UINT32_MAX)
        most = UINT32_MAX;
    op.most = (uint32_t)(most - most % blk->block_size);
    return run(blk, &op);
}

int virtio_blk_discard(struct virtio_blk *blk, uint64_t sector, uint64_t length)
{
    struct virtio_blk_extent extent = {.sector = sector, .length = length};

    return cover(blk, VIRTIO_BLK_T_DISCARD, blk->can_discard, blk->discard.max_sectors, &extent,
                 false);
}

int virtio_blk_write_zeroes(struct virtio_blk *blk, uint64_t sector, uint64_t length, bool unmap)
{
    struct virtio_blk_extent extent = {.sector = sector, .length = length};

    return cover(blk, VIRTIO_BLK_T_WRITE_ZEROES, blk->can_write_zeroes,
                 blk->write_zeroes.max_sectors, &extent, unmap);
}

/* ---- One request ---- */

int virtio_blk_flush(struct virtio_blk *blk)
{
    /* No FLUSH feature: the device writes through (DRV-BLK-02). */
    return blk->can_flush ? run_one(blk, VIRTIO_BLK_T_FLUSH, 0, NULL, 0) : 0;
}

int virtio_blk_get_id(struct virtio_blk *blk, char id[VIRTIO_BLK_ID_BYTES + 1])
{
    id[VIRTIO_BLK_ID_BYTES] = '\0';
    return run_one(blk, VIRTIO_BLK_T_GET_ID, 0, id, 0);
}
