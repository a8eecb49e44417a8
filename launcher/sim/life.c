/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The life of a device from the guest's side: discover, claim, restart, reset, release, handoff;
 * and what must be true after.
 */
#include <stdlib.h>
#include <string.h>

#include "launcher/front.h"
#include "launcher/guest/lguest.h"
#include "launcher/page.h"
#include "launcher/sim/sim.h"

/* ---- What has become of it ---- */

/* A confirmed reset: the device has no buffer of ours, and no mapping stands. */
static void check_clean(struct sim_device *dev)
{
    struct sim_world *world = dev->world;

    if (dev->host->reset_pending)
        sim_fail(world, "the driver takes %s for CLEAN, and its reset is not confirmed", dev->name);
    for (unsigned i = 0; i < dev->map_count; i++)
        if (dev->maps[i].live)
            sim_fail(world, "%s is CLEAN, and %zu bytes at %p are still mapped for it", dev->name,
                     dev->maps[i].length, (void *)dev->maps[i].pointer);
}

void sim_look(struct sim_device *dev)
{
    enum virtio_state state = dev->guest.state;
    bool was_live = dev->state_seen == VIRTIO_LIVE;

    if (state == dev->state_seen)
        return;
    dev->state_seen = state;
    if (state == VIRTIO_CLEAN)
        check_clean(dev);
    if (state == VIRTIO_STUCK)
        sim_become_stuck(dev);
    if (was_live && dev->plan.kind != NULL)
        dev->plan.kind->over(dev);
    if (state == VIRTIO_STUCK)
        sim_lose(dev);
    else
        sim_release_kept(dev);
}

/* ---- Steps of a life ---- */

static void give_memory(struct sim_device *dev)
{
    const struct virtio_driver *driver;
    size_t dma, priv, other;

    if (dev->plan.kind == NULL)
        return;
    driver = dev->plan.kind->driver;
    virtio_memory_needed(&dev->guest, driver, dev->plan.memory_entries, &dma, &priv);
    if (dev->plan.private_entries != dev->plan.memory_entries)
        virtio_memory_needed(&dev->guest, driver, dev->plan.private_entries, &other, &priv);
    dev->dma = sim_lend(dev, dma, 0);
    dev->env.dma = dev->dma->bytes;
    dev->env.dma_len = dma;
    dev->env.priv = launcher_allocate(priv);
    memset(dev->env.priv, 0x5a, priv); /* zeroing it is the driver's business */
    dev->env.priv_len = priv;
}

void sim_discover(struct sim_device *dev)
{
    struct sim_world *world = dev->world;
    unsigned at = 0; /* each stands on a page of its own */
    int error;

    sim_leave_running(dev);
    sim_begin(dev, 0, 0, "find %s", dev->name);
    error = dev->plan.options.front == LAUNCHER_PAGE
                ? lguest_init(&dev->guest, dev->name, &sim_io, dev, &dev->env,
                              LAUNCHER_PAGE_ADDRESS, &at)
                : virtio_pci_init(&dev->guest, dev->name, &sim_io, dev, &dev->env);
    dev->state_seen = dev->guest.state;
    sim_end(dev, error, 0);
    give_memory(dev);
    sim_begin(dev, 0, 1, "discover %s", dev->name);
    error = virtio_discover(&world->bus, &dev->guest);
    sim_end(dev, error, 0);
}

static bool can_dma(const struct sim_device *dev)
{
    return dev->host->front->can_dma != NULL && dev->host->front->can_dma(dev->host);
}

/* A claim or restart has come to its end: LIVE, or told that it FAILED and reset (3.1.1). */
static void come_alive(struct sim_device *dev, int error)
{
    if (error == 0 && dev->guest.state != VIRTIO_LIVE)
        sim_fail(dev->world, "%s was brought to life and is %s", dev->name,
                 virtio_state_name(dev->guest.state));
    if (error != 0 && error != -VIRTIO_E_UNSUPPORTED && !dev->told_failed &&
        dev->host->faults.state[LAUNCHER_FAULT_STATUS_LOST].fired == 0)
        sim_fail(dev->world, "%s was given up, and not told so: FAILED is not set", dev->name);
    if (error != 0 && dev->guest.state == VIRTIO_CLEAN && can_dma(dev))
        sim_fail(dev->world, "%s was given up, and can reach memory", dev->name);
    if (error != 0)
        return;
    dev->world->totals->lives++;
    dev->plan.kind->live(dev);
}

void sim_claim(struct sim_device *dev)
{
    int error, expected = 0;

    if (dev->guest.state != VIRTIO_CLEAN || dev->claimed)
        expected = -VIRTIO_E_STATE;
    sim_begin(dev, 0, 1, "claim %s", dev->name);
    error = virtio_claim(&dev->world->bus, &dev->guest, dev->plan.kind->driver,
                         expected == 0 ? dev->plan.kind->driver_state(dev) : NULL);
    if (expected == 0)
        dev->claimed = error == 0;
    sim_end(dev, error, expected);
    if (expected == 0)
        come_alive(dev, error);
}

void sim_restart(struct sim_device *dev)
{
    int error, expected = 0;

    if (dev->guest.state != VIRTIO_CLEAN || !dev->claimed)
        expected = -VIRTIO_E_STATE;
    sim_begin(dev, 0, 1, "restart %s", dev->name);
    error = virtio_restart(&dev->guest);
    sim_end(dev, error, expected);
    if (expected != 0)
        return;
    dev->world->totals->restarts++;
    come_alive(dev, error);
}

void sim_reset(struct sim_device *dev)
{
    int expected = 0;

    if (dev->guest.state == VIRTIO_STUCK)
        expected = dev->guest.reachable ? -VIRTIO_E_STUCK : -VIRTIO_E_UNREACHABLE;
    sim_begin(dev, 0, 1, "reset %s", dev->name);
    dev->world->totals->resets++;
    sim_end(dev, virtio_reset(&dev->guest), expected);
}

void sim_release(struct sim_device *dev)
{
    int error, expected = dev->claimed ? 0 : -VIRTIO_E_STATE;

    if (dev->claimed && dev->guest.state == VIRTIO_STUCK)
        expected = -VIRTIO_E_STUCK;
    sim_begin(dev, dev->plan.kind->release_waits, 2, "release %s", dev->name);
    dev->world->call.drains = true;
    error = virtio_release(&dev->world->bus, &dev->guest);
    dev->claimed = false;
    sim_end(dev, error, expected);
}

/* ---- The end ---- */

static unsigned count_stuck(struct sim_world *world)
{
    unsigned stuck = 0;

    for (unsigned i = 0; i < world->device_count; i++)
        stuck += world->devices[i].guest.state == VIRTIO_STUCK;
    return stuck;
}

/* IOMMUs last: the others may reach memory through them. */
static void check_order(const struct sim_device *iommu)
{
    const struct sim_world *world = iommu->world;

    if (iommu->plan.options.type != VIRTIO_ID_IOMMU || iommu->guest.state == VIRTIO_STUCK)
        return;
    for (unsigned i = 0; i < world->device_count; i++)
        if (world->devices[i].plan.options.type != VIRTIO_ID_IOMMU &&
            world->devices[i].reset_order > iommu->reset_order)
            sim_fail(iommu->world, "%s was reset before %s", iommu->name, world->devices[i].name);
}

static void check_handed_over(struct sim_device *dev)
{
    check_order(dev);
    if (can_dma(dev))
        sim_fail(dev->world, "%s is handed over, and can reach memory", dev->name);
    if (sim_msix_is_on(dev) && dev->host->faults.state[LAUNCHER_FAULT_CAPABILITIES].fired == 0)
        sim_fail(dev->world, "%s is handed over with MSI-X enabled", dev->name);
    if (dev->guest.state != VIRTIO_CLEAN && dev->guest.state != VIRTIO_STUCK)
        sim_fail(dev->world, "%s is handed over %s", dev->name,
                 virtio_state_name(dev->guest.state));
    if (dev->guest.state == VIRTIO_CLEAN && (dev->host->status != 0 || dev->host->reset_pending))
        sim_fail(dev->world, "%s is handed over as CLEAN with status 0x%02x", dev->name,
                 dev->host->status);
    if (dev->guest.driver != NULL)
        sim_fail(dev->world, "%s is handed over with a driver", dev->name);
}

void sim_handoff(struct sim_world *world)
{
    struct sim_device *first = &world->devices[0];
    uint64_t waits = 0;
    unsigned stuck;

    for (unsigned i = 0; i < world->device_count; i++)
        if (world->devices[i].plan.kind != NULL)
            waits += world->devices[i].plan.kind->release_waits;
    sim_begin(first, waits, 4 * world->device_count, "handoff");
    world->call.drains = true;
    stuck = virtio_handoff(&world->bus);
    world->totals->handoffs++;
    for (unsigned i = 0; i < world->device_count; i++)
        world->devices[i].claimed = false;
    sim_end(first, 0, 0);
    if (stuck != count_stuck(world))
        sim_fail(world, "the handoff counts %u STUCK devices, and there are %u", stuck,
                 count_stuck(world));
    for (unsigned i = 0; i < world->device_count; i++)
        check_handed_over(&world->devices[i]);
    /* The next program runs: whatever a device writes now, it writes into that one's memory. */
    for (unsigned i = 0; i < 8; i++) {
        world->now += SIM_MILLISECOND;
        sim_work(world);
    }
}
