/* SPDX-License-Identifier: BSD-2-Clause */
/* The operations of drivers/blk.h in the simulator, each with what must come of it. */
#include <stdlib.h>
#include <string.h>

#include "launcher/sim/blk.h"

enum {
    EXTENTS_MOST = 8,
    LONGEST = 3 << 20, /* bytes of one extent */
};

/* Waits that an operation may need: one a request, all of them twice if the device is restarted. */
static uint64_t waits_for(const struct virtio_blk *driver, const struct sim_run *runs,
                          unsigned count, uint64_t most)
{
    uint64_t requests = 2;

    if (most < driver->block_size)
        most = driver->block_size;
    for (unsigned i = 0; i < count; i++)
        requests += runs[i].length / most + 1;
    return 2 * requests;
}

/*
 * An operation that comes while requests of the caller are in flight, or to a device that is not
 * LIVE, is refused.
 */
static int refusal(const struct sim_blk *blk)
{
    return blk->in_flight > 0 ? -VIRTIO_E_STATE : 0;
}

/* An operation of which a part failed, by what the device did in this very life, has failed. */
static void check_failed(struct sim_device *dev, int error, bool read)
{
    struct sim_blk *blk = dev->state;
    bool restarted = blk->driver.restarts != blk->restarts;
    uint64_t faults =
        SIM_FAULT(IO_ERROR) | SIM_FAULT(STATUS_UNWRITTEN) | (read ? SIM_FAULT(LENGTH_ZERO) : 0);

    if (error == 0 && dev->host->resets == dev->resets_at_call && sim_fired_in_call(dev, faults) &&
        !sim_untrusted(dev))
        sim_fail(dev->world, "%s answered with an error, and the driver says nothing", dev->name);
    if (dev->guest.state == VIRTIO_LIVE && blk->in_flight == 0 &&
        virtqueue_in_flight(blk->driver.queue) > 0)
        sim_fail(dev->world, "requests are in flight on %s after the operation", dev->name);
    /* Reset, restarted and asked once more, unless another request had failed already. */
    if ((error == -VIRTIO_E_TIMEOUT || error == -VIRTIO_E_NEEDS_RESET ||
         error == -VIRTIO_E_PROTOCOL) &&
        !restarted && dev->maps_failed == dev->maps_failed_at_call && dev->own_errors == 0 &&
        !sim_fired_in_call(dev, faults | SIM_FAULT(LENGTH_SHORT)) && !sim_untrusted(dev))
        sim_fail(dev->world, "%s was not restarted", dev->name);
    blk->restarts = blk->driver.restarts;
}

struct transfer {
    struct sim_run runs[EXTENTS_MOST];
    struct virtio_blk_extent extents[EXTENTS_MOST];
    struct sim_block *blocks[EXTENTS_MOST];
    struct sim_sector *known[EXTENTS_MOST];
    uint64_t order[EXTENTS_MOST];
    uint32_t writes[EXTENTS_MOST];
    unsigned count;
};

static void choose(struct sim_device *dev, struct transfer *transfer)
{
    struct sim_world *world = dev->world;

    transfer->count = sim_chance(world, 20000) ? 1 + (unsigned)sim_random(world, EXTENTS_MOST) : 1;
    for (unsigned i = 0; i < transfer->count; i++) {
        struct sim_run run = sim_blk_run(dev, LONGEST);

        if (sim_chance(world, 1000))
            run.length = 0;
        transfer->runs[i] = run;
        transfer->blocks[i] = sim_lend(dev, run.length, (unsigned)sim_random(world, 16));
        transfer->extents[i] =
            (struct virtio_blk_extent){run.sector, transfer->blocks[i]->bytes, run.length};
    }
}

static void begin_transfer(struct sim_device *dev, struct transfer *transfer, bool write)
{
    struct sim_blk *blk = dev->state;

    for (unsigned i = 0; i < transfer->count; i++) {
        struct sim_run run = transfer->runs[i];

        if (write)
            transfer->writes[i] = sim_disk_write(blk->disk, run.sector, run.length / SIM_SECTOR,
                                                 transfer->blocks[i]->bytes);
        else
            transfer->known[i] =
                sim_disk_read(blk->disk, run.sector, run.length / SIM_SECTOR, &transfer->order[i]);
        sim_hide(transfer->blocks[i]);
    }
}

/* A write is over; one that had to be refused was not sent. */
static void end_write(struct sim_blk *blk, uint32_t write, int error, int expected)
{
    if (error == 0)
        sim_disk_done(blk->disk, write, !blk->driver.can_flush);
    else if (expected != 0)
        sim_disk_refused(blk->disk, write);
    else
        sim_disk_over(blk->disk, write);
}

static void end_transfer(struct sim_device *dev, struct transfer *transfer, bool write, int error,
                         int expected)
{
    struct sim_blk *blk = dev->state;

    for (unsigned i = 0; i < transfer->count; i++) {
        sim_show(transfer->blocks[i]);
        if (write)
            end_write(blk, transfer->writes[i], error, expected);
        else if (error == 0)
            sim_blk_check(dev, transfer->known[i], transfer->order[i], transfer->runs[i],
                          transfer->blocks[i]->bytes);
        free(transfer->known[i]);
        sim_take_back(transfer->blocks[i]);
    }
}

void sim_blk_transfer(struct sim_device *dev, bool write)
{
    struct sim_blk *blk = dev->state;
    struct transfer transfer = {.count = 0};
    uint64_t length = 0;
    int error, expected;

    choose(dev, &transfer);
    for (unsigned i = 0; i < transfer.count; i++)
        length += transfer.runs[i].length;
    expected = refusal(blk);
    if (expected == 0 && write && blk->driver.read_only && length > 0)
        expected = -VIRTIO_E_READ_ONLY;
    begin_transfer(dev, &transfer, write);
    sim_begin(dev, waits_for(&blk->driver, transfer.runs, transfer.count, blk->driver.request_max),
              4, "%s %s: %u extents, %llu bytes, the first at sector %llu",
              write ? "write" : "read", dev->name, transfer.count, (unsigned long long)length,
              (unsigned long long)transfer.runs[0].sector);
    error = write ? virtio_blk_write(&blk->driver, transfer.extents, transfer.count)
                  : virtio_blk_read(&blk->driver, transfer.extents, transfer.count);
    sim_end(dev, error, expected);
    check_failed(dev, error, !write);
    end_transfer(dev, &transfer, write, error, expected);
}

/* Off the disk, or no whole blocks: refused before anything is sent. */
void sim_blk_transfer_wrongly(struct sim_device *dev)
{
    struct sim_blk *blk = dev->state;
    struct sim_world *world = dev->world;
    uint64_t notified = dev->host->queues[0].notifications;
    struct virtio_blk_extent extents[2] = {{0}};
    struct sim_block *block = sim_lend(dev, (size_t)2 * blk->driver.block_size, 0);
    bool write = sim_chance(world, 32768) && !blk->driver.read_only;
    unsigned count = 1 + (unsigned)sim_random(world, 2), bad = (unsigned)sim_random(world, count);
    int error;

    for (unsigned i = 0; i < 2; i++)
        extents[i] = (struct virtio_blk_extent){0, block->bytes, blk->driver.block_size};
    switch (sim_random(world, 4)) {
    case 0:
        extents[bad].sector = blk->driver.sectors;
        break;
    case 1:
        extents[bad].sector = UINT64_MAX - sim_random(world, 64);
        break;
    case 2:
        extents[bad].length = UINT64_MAX - UINT64_MAX % blk->driver.block_size;
        break;
    default:
        extents[bad].length += 1 + sim_random(world, blk->driver.block_size - 1);
        break;
    }
    sim_hide(block);
    sim_begin(dev, 0, 0, "%s %s: %llu bytes at sector %llu, which is wrong",
              write ? "write" : "read", dev->name, (unsigned long long)extents[bad].length,
              (unsigned long long)extents[bad].sector);
    error = write ? virtio_blk_write(&blk->driver, extents, count)
                  : virtio_blk_read(&blk->driver, extents, count);
    sim_end(dev, error, blk->in_flight > 0 ? -VIRTIO_E_STATE : -VIRTIO_E_INVALID);
    if (dev->host->queues[0].notifications != notified)
        sim_fail(world, "a request that is refused was sent");
    sim_take_back(block);
}

void sim_blk_flush(struct sim_device *dev)
{
    struct sim_blk *blk = dev->state;
    uint64_t begun = sim_disk_flush(blk->disk);
    int error;

    sim_begin(dev, 4, 4, "flush %s", dev->name);
    error = virtio_blk_flush(&blk->driver);
    sim_end(dev, error, blk->driver.can_flush ? refusal(blk) : 0);
    check_failed(dev, error, false);
    if (error == 0)
        sim_disk_flushed(blk->disk, begun);
}

void sim_blk_get_id(struct sim_device *dev)
{
    struct sim_blk *blk = dev->state;
    char id[VIRTIO_BLK_ID_BYTES + 1], serial[VIRTIO_BLK_ID_BYTES + 1] = {0};
    size_t length = strlen(dev->plan.options.serial);
    int error;

    memset(id, 'x', sizeof(id));
    memcpy(serial, dev->plan.options.serial, length);
    sim_begin(dev, 4, 4, "get id of %s", dev->name);
    error = virtio_blk_get_id(&blk->driver, id);
    sim_end(dev, error, refusal(blk));
    check_failed(dev, error, false);
    if (id[VIRTIO_BLK_ID_BYTES] != '\0')
        sim_fail(dev->world, "the id of %s does not end", dev->name);
    if (error == 0 && memcmp(id, serial, sizeof(id)) != 0 && !sim_untrusted(dev) &&
        !sim_fired(dev, SIM_FAULT(LENGTH_ZERO) | SIM_FAULT(LENGTH_SHORT)))
        sim_fail(dev->world, "the id of %s is \"%.20s\" instead of \"%s\"", dev->name, id, serial);
}

/* Discard, or write zeroes. */
void sim_blk_cover(struct sim_device *dev, bool discard)
{
    struct sim_blk *blk = dev->state;
    const struct virtio_blk *driver = &blk->driver;
    struct sim_run run = sim_blk_run(dev, LONGEST);
    bool can = discard ? driver->can_discard : driver->can_write_zeroes;
    bool unmap = sim_chance(dev->world, 32768);
    uint64_t most = discard ? driver->discard.max_sectors : driver->write_zeroes.max_sectors;
    int error, expected = can ? refusal(blk) : -VIRTIO_E_UNSUPPORTED;
    uint32_t write = sim_disk_write(blk->disk, run.sector, run.length / SIM_SECTOR, NULL);

    if (expected == 0 && driver->read_only && run.length > 0)
        expected = -VIRTIO_E_READ_ONLY;
    sim_begin(dev, waits_for(driver, &run, 1, most * SIM_SECTOR / 2), 4,
              "%s %s: %llu bytes at sector %llu%s", discard ? "discard" : "write zeroes", dev->name,
              (unsigned long long)run.length, (unsigned long long)run.sector,
              !discard && unmap ? ", unmap" : "");
    error = discard ? virtio_blk_discard(&blk->driver, run.sector, run.length)
                    : virtio_blk_write_zeroes(&blk->driver, run.sector, run.length, unmap);
    sim_end(dev, error, expected);
    check_failed(dev, error, false);
    if (error == 0 && discard)
        sim_disk_over(blk->disk, write); /* zeroes or what was there before */
    else
        end_write(blk, write, error, expected);
}

/* Nothing is done with a device that is not LIVE. */
void sim_blk_step_dead(struct sim_device *dev)
{
    struct sim_blk *blk = dev->state;
    struct sim_block *block = sim_lend(dev, SIM_SECTOR, 0);
    struct virtio_blk_extent extent = {0, block->bytes, SIM_SECTOR};
    struct virtio_blk_request request = {
        .type = VIRTIO_BLK_T_IN, .data = block->bytes, .length = SIM_SECTOR};
    int error;

    sim_begin(dev, 0, 0, "read %s, which is not LIVE", dev->name);
    sim_end(dev, virtio_blk_read(&blk->driver, &extent, 1), -VIRTIO_E_STATE);
    sim_begin(dev, 0, 0, "submit to %s, which is not LIVE", dev->name);
    error = virtio_blk_submit(&blk->driver, &request);
    virtio_blk_kick(&blk->driver);
    sim_end(dev, error, -VIRTIO_E_STATE);
    sim_take_back(block);
}
