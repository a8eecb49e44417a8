/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Block devices in the simulator: how one is made, what the driver has to believe of it, and what
 * happens to it.
 */
#include "launcher/blk.h"

#include <stdlib.h>
#include <string.h>

#include "launcher/model.h"
#include "launcher/sim/blk.h"

enum {
    RELEASE_WAITS = 512,
};

/* ---- How one is made ---- */

static void plan(struct sim_device *dev)
{
    struct sim_world *world = dev->world;
    struct launcher_options *options = &dev->plan.options;

    options->block_size = 512u << (sim_chance(world, 24000) ? sim_random(world, 5) : 0);
    options->sectors = sim_random_scale(world, 1, sim_chance(world, 2000) ? 32768 : 2048) *
                       (options->block_size / SIM_SECTOR);
    if (sim_chance(world, 2000)) /* more than 32 bits can count */
        options->sectors = (1ull << 32) + sim_random(world, 1 << 20) * 128;
    if (sim_chance(world, 4000)) /* no whole number of blocks */
        options->sectors += sim_random(world, 8);
    options->read_only = sim_chance(world, 5000);
    if (options->read_only)
        options->features |= SIM_BIT(VIRTIO_BLK_F_RO);
    options->serial = sim_chance(world, 40000) ? "0123456789abcdefghij" : "S1";
}

static void set_field(struct sim_device *dev, size_t offset, uint64_t value)
{
    launcher_set_config(dev->host, offset, 4, value);
}

/* Limits that few devices have: each far smaller than usual, or anything at all. */
static void set_limits(struct sim_device *dev)
{
    struct sim_world *world = dev->world;
    uint32_t block = dev->plan.options.block_size;

    if (sim_chance(world, 20000))
        set_field(dev, offsetof(struct virtio_blk_config, seg_max),
                  sim_random_scale(world, block / SIM_SECTOR, 254));
    if (sim_chance(world, 20000))
        set_field(dev, offsetof(struct virtio_blk_config, size_max),
                  sim_random_scale(world, block, 1 << 22));
    if (sim_chance(world, 20000))
        set_field(dev, offsetof(struct virtio_blk_config, max_discard_sectors),
                  sim_random_scale(world, 1, 1 << 20));
    if (sim_chance(world, 20000))
        set_field(dev, offsetof(struct virtio_blk_config, max_write_zeroes_sectors),
                  sim_random_scale(world, 1, 1 << 20));
}

static void *create(struct sim_device *dev)
{
    struct sim_blk *blk = launcher_allocate(sizeof(*blk));

    set_limits(dev);
    blk->capacity = blk->largest = dev->plan.options.sectors;
    blk->disk = sim_disk_new(sim_random(dev->world, 0));
    return blk;
}

/* All zeroes again, and both sides know it. */
static void restore(struct sim_device *dev)
{
    static const uint8_t zeroes[128 * SIM_SECTOR];
    struct sim_blk *blk = dev->state;
    uint8_t bytes[sizeof(zeroes)];

    launcher_blk_resize(dev->host, blk->largest);
    for (uint64_t sector = 0, count; sector < blk->largest; sector += count) {
        count = blk->largest - sector < 128 ? blk->largest - sector : 128;
        if (!launcher_blk_read(dev->host, sector, bytes, count) ||
            /* The first are written in any case, so that all zeroes get to stable storage. */
            ((sector == 0 || memcmp(bytes, zeroes, count * SIM_SECTOR) != 0) &&
             !launcher_blk_write(dev->host, sector, zeroes, count)))
            sim_fail(dev->world, "the disk of %s cannot be written", dev->name);
    }
    launcher_blk_resize(dev->host, blk->capacity);
    sim_disk_free(blk->disk);
    blk->disk = sim_disk_new(sim_random(dev->world, 0));
}

static void destroy(struct sim_device *dev)
{
    struct sim_blk *blk = dev->state;

    for (unsigned i = 0; i < SIM_BLK_REQUESTS; i++)
        free(blk->requests[i].known);
    sim_disk_free(blk->disk);
    free(blk);
}

static void *driver_state(struct sim_device *dev)
{
    struct sim_blk *blk = dev->state;

    memset(&blk->driver, 0, sizeof(blk->driver));
    blk->restarts = 0;
    return &blk->driver;
}

/* What the driver believes of the disk is what the device says. */
static void live(struct sim_device *dev)
{
    const struct sim_blk *blk = dev->state;
    const struct virtio_blk *driver = &blk->driver;
    uint32_t block = (dev->guest.negotiated.mask & SIM_BIT(VIRTIO_BLK_F_BLK_SIZE)) != 0
                         ? dev->plan.options.block_size
                         : SIM_SECTOR;

    if (driver->block_size != block)
        sim_fail(dev->world, "%s has blocks of %u bytes, and the driver says %u", dev->name, block,
                 driver->block_size);
    if (driver->sectors != blk->capacity - blk->capacity % (block / SIM_SECTOR))
        sim_fail(dev->world, "%s has %llu sectors, and the driver says %llu", dev->name,
                 (unsigned long long)blk->capacity, (unsigned long long)driver->sectors);
    if (driver->read_only != dev->plan.options.read_only)
        sim_fail(dev->world, "%s: the driver has it wrong whether it is read-only", dev->name);
    dev->own_errors = 0;
}

static void over(struct sim_device *dev)
{
    sim_blk_bury(dev);
}

/* ---- What is asked for ---- */

struct sim_run sim_blk_run(struct sim_device *dev, uint64_t most)
{
    const struct virtio_blk *driver = &((struct sim_blk *)dev->state)->driver;
    struct sim_world *world = dev->world;
    uint64_t step = driver->block_size / SIM_SECTOR;
    uint64_t blocks = driver->sectors / step, count = most / driver->block_size;
    struct sim_run run = {.length = 0};

    if (count > blocks)
        count = blocks;
    if (count == 0)
        return run;
    count = sim_random_scale(world, 1, sim_chance(world, 1500) || count < 64 ? count : 64);
    run.length = count * driver->block_size;
    /* Near the ends as often as anywhere, and on few sectors rather than many, so that requests meet. */
    switch (sim_random(world, 4)) {
    case 0:
        run.sector = 0;
        break;
    case 1:
        run.sector = (blocks - count) * step;
        break;
    case 2:
        run.sector = sim_random(world, (blocks - count < 32 ? blocks - count : 32) + 1) * step;
        break;
    default:
        run.sector = sim_random(world, blocks - count + 1) * step;
        break;
    }
    return run;
}

void sim_blk_check(struct sim_device *dev, const struct sim_sector *known, uint64_t order,
                   struct sim_run run, const uint8_t *data)
{
    struct sim_blk *blk = dev->state;
    char text[160];

    if (sim_untrusted(dev))
        return;
    if (!sim_disk_check(blk->disk, known, order, run.sector, run.length / SIM_SECTOR, data, text,
                        sizeof(text)))
        sim_fail(dev->world, "%s: wrong data: %s", dev->name, text);
}

/* ---- One step ---- */

/* What was flushed, or written where there is nothing to flush, is there when the power comes back. */
static void cut_power(struct sim_device *dev)
{
    struct sim_blk *blk = dev->state;

    sim_reset(dev);
    if (dev->guest.state != VIRTIO_CLEAN || sim_untrusted(dev))
        return;
    sim_say(dev->world, "the power of %s is cut", dev->name);
    launcher_blk_cut_power(dev->host);
    set_limits(dev); /* it may come back as another one */
    sim_disk_cut_power(blk->disk);
    dev->world->totals->power_cuts++;
}

/* The disk grows or shrinks, and says so; the driver looks again when it is started again. */
static void resize(struct sim_device *dev)
{
    struct sim_blk *blk = dev->state;
    uint64_t step = dev->plan.options.block_size / SIM_SECTOR;

    blk->capacity = dev->plan.options.sectors + sim_random(dev->world, 64) * step;
    if (sim_chance(dev->world, 20000))
        blk->capacity = dev->plan.options.sectors;
    if (blk->largest < blk->capacity)
        blk->largest = blk->capacity;
    launcher_blk_resize(dev->host, blk->capacity);
    if (blk->capacity < blk->driver.sectors) /* until the driver knows */
        dev->own_errors |= SIM_BIT(VIRTIO_E_IO) | SIM_BIT(VIRTIO_E_INVALID);
    sim_say(dev->world, "%s has %llu sectors now", dev->name, (unsigned long long)blk->capacity);
}

static void step(struct sim_device *dev)
{
    const struct sim_blk *blk = dev->state;
    uint64_t choice = sim_random(dev->world, 100);

    if (blk->in_flight > 0 && choice < 80) {
        if (choice < 35)
            sim_blk_submit_some(dev);
        else
            sim_blk_collect_some(dev);
        return;
    }
    choice = sim_random(dev->world, 100);
    if (sim_chance(dev->world, 300))
        cut_power(dev);
    else if (sim_chance(dev->world, 600))
        resize(dev);
    else if (choice < 34)
        sim_blk_transfer(dev, false);
    else if (choice < 68)
        sim_blk_transfer(dev, true);
    else if (choice < 71)
        sim_blk_transfer_wrongly(dev);
    else if (choice < 77)
        sim_blk_flush(dev);
    else if (choice < 80)
        sim_blk_get_id(dev);
    else if (choice < 84)
        sim_blk_cover(dev, true);
    else if (choice < 88)
        sim_blk_cover(dev, false);
    else
        sim_blk_submit_some(dev);
}

const struct sim_kind sim_blk = {
    .name = "blk",
    .model = &launcher_blk,
    .driver = &virtio_blk_driver,
    .faults = SIM_BIT(LAUNCHER_FAULT_COUNT) - 1,
    .least_queue = 4,
    .release_waits = RELEASE_WAITS,
    .plan = plan,
    .create = create,
    .destroy = destroy,
    .driver_state = driver_state,
    .live = live,
    .step = step,
    .step_dead = sim_blk_step_dead,
    .restore = restore,
    .over = over,
};
