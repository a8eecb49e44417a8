/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Requests of the simulator's own on a block device: submitted, kicked, polled and waited for, with
 * many in flight.
 */
#include <stdlib.h>
#include <string.h>

#include "launcher/sim/blk.h"

enum {
    LONGEST = 4 << 20, /* bytes */
};

/* ---- Submitting ---- */

static enum virtio_blk_req_type choose_type(struct sim_world *world)
{
    static const enum virtio_blk_req_type types[] = {
        VIRTIO_BLK_T_IN,     VIRTIO_BLK_T_IN,      VIRTIO_BLK_T_IN,           VIRTIO_BLK_T_OUT,
        VIRTIO_BLK_T_OUT,    VIRTIO_BLK_T_OUT,     VIRTIO_BLK_T_OUT,          VIRTIO_BLK_T_FLUSH,
        VIRTIO_BLK_T_GET_ID, VIRTIO_BLK_T_DISCARD, VIRTIO_BLK_T_WRITE_ZEROES,
    };

    return types[sim_random(world, sizeof(types) / sizeof(types[0]))];
}

static bool is_write(enum virtio_blk_req_type type)
{
    return type == VIRTIO_BLK_T_OUT || type == VIRTIO_BLK_T_DISCARD ||
           type == VIRTIO_BLK_T_WRITE_ZEROES;
}

static struct sim_run run_of(const struct sim_blk_request *request)
{
    return (struct sim_run){request->request.sector, request->request.length};
}

/* Most bytes that a request of the type may cover: more than those of operations, sometimes. */
static uint64_t most_of(struct sim_world *world, const struct virtio_blk *driver,
                        enum virtio_blk_req_type type)
{
    uint64_t most = driver->request_max;

    if (type == VIRTIO_BLK_T_DISCARD && driver->can_discard)
        most = (uint64_t)driver->discard.max_sectors * SIM_SECTOR;
    else if (type == VIRTIO_BLK_T_WRITE_ZEROES && driver->can_write_zeroes)
        most = (uint64_t)driver->write_zeroes.max_sectors * SIM_SECTOR;
    else if (sim_chance(world, 2000))
        most = (uint64_t)driver->size_max * driver->seg_max;
    return most < LONGEST ? most : LONGEST;
}

/* What the driver has to say to a request that is right but for this. */
static int refusal(const struct virtio_blk *driver, const struct virtio_blk_request *request)
{
    if (is_write(request->type) && driver->read_only)
        return -VIRTIO_E_READ_ONLY;
    if ((request->type == VIRTIO_BLK_T_FLUSH && !driver->can_flush) ||
        (request->type == VIRTIO_BLK_T_DISCARD && !driver->can_discard) ||
        (request->type == VIRTIO_BLK_T_WRITE_ZEROES && !driver->can_write_zeroes))
        return -VIRTIO_E_UNSUPPORTED;
    return 0;
}

/* Gives it memory, and tells the reference disk that it begins. */
static void begin(struct sim_device *dev, struct sim_blk_request *request)
{
    struct sim_blk *blk = dev->state;
    struct virtio_blk_request *inner = &request->request;
    uint64_t sectors = inner->length / SIM_SECTOR;

    if (inner->type == VIRTIO_BLK_T_IN || inner->type == VIRTIO_BLK_T_OUT)
        request->block = sim_lend(dev, inner->length, (unsigned)sim_random(dev->world, 16));
    else if (inner->type == VIRTIO_BLK_T_GET_ID)
        request->block = sim_lend(dev, VIRTIO_BLK_ID_BYTES, 0);
    if (request->block != NULL)
        inner->data = request->block->bytes;
    if (is_write(inner->type))
        request->write = sim_disk_write(blk->disk, inner->sector, sectors, inner->data);
    else if (inner->type == VIRTIO_BLK_T_FLUSH)
        request->order = sim_disk_flush(blk->disk);
    else if (inner->type == VIRTIO_BLK_T_IN)
        request->known = sim_disk_read(blk->disk, inner->sector, sectors, &request->order);
    if (request->block != NULL && inner->type != VIRTIO_BLK_T_GET_ID)
        sim_hide(request->block);
}

/* The request is the simulator's again. */
static void end(struct sim_blk_request *request)
{
    free(request->known);
    if (request->block != NULL)
        sim_take_back(request->block);
    memset(request, 0, sizeof(*request));
}

static void submit(struct sim_device *dev, struct sim_blk_request *request)
{
    struct sim_blk *blk = dev->state;
    struct virtio_blk_request *inner = &request->request;
    struct sim_run run;
    int error, expected;

    inner->type = choose_type(dev->world);
    run = sim_blk_run(dev, most_of(dev->world, &blk->driver, inner->type));
    if (run.length == 0)
        inner->type = VIRTIO_BLK_T_GET_ID;
    inner->sector = run.sector;
    inner->length = (uint32_t)run.length;
    inner->unmap = sim_chance(dev->world, 32768);
    expected = refusal(&blk->driver, inner);
    begin(dev, request);
    sim_begin(dev, 0, 0, "submit to %s: type %u, %u bytes at sector %llu", dev->name,
              (unsigned)inner->type, inner->length, (unsigned long long)inner->sector);
    error = virtio_blk_submit(&blk->driver, inner);
    if (error == -VIRTIO_E_FULL && blk->in_flight > 0)
        expected = error; /* there will be room */
    sim_end(dev, error, expected);
    if (error == 0) {
        request->used = true;
        blk->in_flight++;
        return;
    }
    if (is_write(inner->type))
        sim_disk_refused(blk->disk, request->write);
    end(request);
}

static void kick(struct sim_device *dev)
{
    struct sim_blk *blk = dev->state;

    for (unsigned i = 0; i < SIM_BLK_REQUESTS; i++)
        blk->requests[i].kicked = blk->requests[i].used;

    sim_begin(dev, 0, 0, "kick %s", dev->name);
    virtio_blk_kick(&blk->driver);
    sim_end(dev, 0, 0);
}

void sim_blk_submit_some(struct sim_device *dev)
{
    struct sim_blk *blk = dev->state;
    uint64_t count = 1 + sim_random_scale(dev->world, 0, 24);

    for (unsigned i = 0; i < SIM_BLK_REQUESTS && count > 0; i++)
        if (!blk->requests[i].used) {
            submit(dev, &blk->requests[i]);
            count--;
        }
    if (sim_chance(dev->world, 50000))
        kick(dev);
}

/* ---- Collecting ---- */

static void check_id(struct sim_device *dev, const struct sim_blk_request *request)
{
    const char *serial = dev->plan.options.serial;
    char id[VIRTIO_BLK_ID_BYTES + 1] = {0};

    memcpy(id, request->request.data, VIRTIO_BLK_ID_BYTES);
    if (strcmp(id, serial) != 0 && !sim_untrusted(dev) &&
        !sim_fired(dev, SIM_FAULT(LENGTH_ZERO) | SIM_FAULT(LENGTH_SHORT)))
        sim_fail(dev->world, "the id of %s is \"%s\" instead of \"%s\"", dev->name, id, serial);
}

static void finish(struct sim_device *dev, struct virtio_blk_request *done)
{
    struct sim_blk *blk = dev->state;
    struct sim_blk_request *request = (struct sim_blk_request *)(void *)done;

    if (request < blk->requests || request >= blk->requests + SIM_BLK_REQUESTS || !request->used ||
        done->request.state != VIRTIO_REQUEST_DONE)
        sim_fail(dev->world, "a request of %s is finished that was not in flight", dev->name);
    if (!request->kicked && !dev->world->call.drains)
        sim_fail(dev->world, "a request of %s is finished that the device was never shown",
                 dev->name);
    if (done->request.used > (uint64_t)done->length + VIRTIO_BLK_ID_BYTES + 1)
        sim_fail(dev->world,
                 "%s wrote %u bytes into a request of %u, if the driver is to be believed",
                 dev->name, done->request.used, done->length);
    if (done->error != 0 && !sim_explained(dev, done->error))
        sim_fail(dev->world, "a request of type %u to %s fails without a reason: %s",
                 (unsigned)done->type, dev->name, virtio_error_name(done->error));
    if (request->block != NULL)
        sim_show(request->block);
    if (is_write(done->type)) {
        if (done->error == 0 && done->type != VIRTIO_BLK_T_DISCARD)
            sim_disk_done(blk->disk, request->write, !blk->driver.can_flush);
        else
            sim_disk_over(blk->disk, request->write);
    } else if (done->type == VIRTIO_BLK_T_IN && done->error == 0) {
        sim_blk_check(dev, request->known, request->order, run_of(request), done->data);
    } else if (done->type == VIRTIO_BLK_T_FLUSH && done->error == 0) {
        sim_disk_flushed(blk->disk, request->order);
    } else if (done->type == VIRTIO_BLK_T_GET_ID && done->error == 0) {
        check_id(dev, request);
    }
    end(request);
    blk->in_flight--;
}

/* Nothing comes out of a queue that is broken, whatever the device shows. */
static void check_broken(struct sim_device *dev)
{
    struct sim_blk *blk = dev->state;
    struct virtio_blk_request *done = NULL;
    int error;

    sim_work(dev->world);
    sim_begin(dev, 0, 0, "poll %s, which is broken", dev->name);
    error = virtio_blk_poll(&blk->driver, &done);
    dev->world->call.polled = true;
    sim_end(dev, error, -VIRTIO_E_PROTOCOL);
    if (done != NULL)
        sim_fail(dev->world, "a request comes out of the broken queue of %s", dev->name);
}

/* Takes one; false: none was there, or the device has been reset. */
static bool collect(struct sim_device *dev, bool wait)
{
    struct sim_blk *blk = dev->state;
    struct virtio_blk_request *done = NULL;
    int error;

    sim_begin(dev, 1, 1, "%s %s", wait ? "wait for" : "poll", dev->name);
    error = wait ? virtio_blk_wait(&blk->driver, &done) : virtio_blk_poll(&blk->driver, &done);
    dev->world->call.polled = !wait;
    if (error == 0 && done != NULL)
        finish(dev, done);
    sim_end(dev, error, 0);
    if (error != 0 && !wait) {
        check_broken(dev);
        sim_reset(dev); /* a broken queue is the caller's to reset */
    }
    return done != NULL && error == 0;
}

void sim_blk_collect_some(struct sim_device *dev)
{
    struct sim_blk *blk = dev->state;
    uint64_t count = sim_random_scale(dev->world, 1, SIM_BLK_REQUESTS);
    bool wait = sim_chance(dev->world, 40000);

    kick(dev); /* what was not shown is not waited for */
    while (count-- > 0 && blk->in_flight > 0)
        if (!collect(dev, wait))
            break;
}

void sim_blk_bury(struct sim_device *dev)
{
    struct sim_blk *blk = dev->state;
    bool stuck = dev->guest.state == VIRTIO_STUCK;

    for (unsigned i = 0; i < SIM_BLK_REQUESTS; i++) {
        struct sim_blk_request *request = &blk->requests[i];

        if (!request->used)
            continue;
        if (request->request.request.state == VIRTIO_REQUEST_DONE) { /* while it was released */
            finish(dev, &request->request);
            continue;
        }
        /* It may have been reset once more after the reset that ended it, and have got STUCK only then. */
        if (request->request.request.state != VIRTIO_REQUEST_DEAD &&
            !(stuck && request->request.request.state == VIRTIO_REQUEST_DEVICE))
            sim_fail(dev->world, "a request that was in flight when %s was reset is in state %u",
                     dev->name, (unsigned)request->request.request.state);
        if (request->request.request.state == VIRTIO_REQUEST_DEVICE) {
            if (request->block != NULL &&
                !sim_owns(dev, request->block->bytes, request->block->length) &&
                request->request.type != VIRTIO_BLK_T_GET_ID)
                sim_fail(dev->world, "virtio_owned() does not show a request of %s", dev->name);
            continue;
        }
        if (dev->world->call.drains && !sim_fired(dev, UINT64_MAX))
            sim_fail(dev->world, "a request of %s was not let finish", dev->name);
        if (is_write(request->request.type))
            sim_disk_over(blk->disk, request->write);
        end(request);
    }
    blk->in_flight = 0;
}
