/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One seed: machine after machine is made, driven by random steps, and handed over, until all steps
 * are done.
 */
#include <stdlib.h>
#include <string.h>

#include "launcher/front.h"
#include "launcher/sim/sim.h"

/* ---- A device ---- */

static void make_device(struct sim_device *dev, struct sim_world *world, unsigned index)
{
    static const char *const mappings[SIM_MAPPINGS] = {"as it is", "mapped", "copied"};

    *dev = (struct sim_device){.world = world};
    /* Of the others some are only found, reset and handed over. */
    sim_plan(dev, index == 0 || sim_chance(world, 48000));
    (void)snprintf(dev->name, sizeof(dev->name), "%s%u",
                   dev->plan.kind != NULL ? dev->plan.kind->name : "other", index);
    sim_env_init(dev);
    dev->host = launcher_new(&dev->plan.options);
    if (dev->host == NULL)
        sim_fail(world, "the launcher cannot make %s", dev->name);
    if (world->settings->timeline || world->settings->svg != NULL) {
        launcher_history_free(&dev->host->history);
        launcher_history_init(&dev->host->history, true);
    }
    launcher_run(dev->host, world->now);
    if (dev->plan.kind != NULL)
        dev->state = dev->plan.kind->create(dev);
    sim_plan_faults(dev);
    world->totals->devices++;
    sim_say(world, "%s: type %u, %s, %s, queues of %u, memory %s, features 0x%llx, latency %llu ns",
            dev->name, dev->plan.options.type, dev->host->front->name, dev->host->personality->name,
            dev->host->queue_count > 0 ? dev->host->queues[0].max : 0, mappings[dev->plan.mapping],
            (unsigned long long)dev->host->offered,
            (unsigned long long)dev->plan.options.latency_ns);
}

static void free_device(struct sim_device *dev)
{
    struct sim_totals *totals = dev->world->totals;

    for (unsigned i = 0; i < LAUNCHER_FAULT_COUNT; i++)
        totals->fired[i] += dev->host->faults.state[i].fired;
    for (unsigned i = 0; i < dev->host->queue_count; i++)
        totals->completions += dev->host->queues[i].used;
    if (dev->plan.kind != NULL)
        dev->plan.kind->destroy(dev);
    launcher_free(dev->host);
    for (unsigned i = 0; i < dev->map_count; i++)
        free(dev->maps[i].bounce);
    free(dev->maps);
    free(dev->owned);
    free(dev->env.priv);
}

/* ---- A machine ---- */

static void power_on(struct sim_world *world)
{
    world->machine++;
    world->totals->machines++;
    world->bus = (struct virtio_bus){0};
    sim_memory_reset(world);
    sim_plan_machine(world);
    for (unsigned i = 0; i < world->device_count; i++)
        world->devices[i].host = NULL;
    for (unsigned i = 0; i < world->device_count; i++)
        make_device(&world->devices[i], world, i);
    for (unsigned i = 0; i < world->device_count; i++)
        sim_discover(&world->devices[i]);
}

static void power_off(struct sim_world *world)
{
    sim_handoff(world);
    sim_draw(world);
    for (unsigned i = 0; i < world->device_count; i++)
        free_device(&world->devices[i]);
    world->device_count = 0;
}

/* Whether there is a driver's device left that is not STUCK. */
static bool is_usable(const struct sim_world *world)
{
    for (unsigned i = 0; i < world->device_count; i++)
        if (world->devices[i].plan.kind != NULL && world->devices[i].guest.state != VIRTIO_STUCK)
            return true;
    return false;
}

/* ---- Steps ---- */

/* What is wrong to ask for in this state is refused, and what is right brings it on. */
static void step_idle(struct sim_device *dev)
{
    struct sim_world *world = dev->world;
    uint64_t choice = sim_random(world, 16);

    if (choice == 0)
        sim_release(dev);
    else if (choice == 1)
        sim_reset(dev);
    else if (choice == 2)
        dev->plan.kind->step_dead(dev);
    else if (dev->claimed)
        sim_restart(dev);
    else
        sim_claim(dev);
}

static void step_live(struct sim_device *dev)
{
    struct sim_world *world = dev->world;
    uint64_t choice = sim_random(world, 256);

    if (choice < 4)
        sim_reset(dev);
    else if (choice < 8)
        sim_release(dev);
    else if (choice == 8)
        sim_claim(dev);
    else if (choice == 9)
        sim_restart(dev);
    else
        dev->plan.kind->step(dev);
}

static void step_stuck(struct sim_device *dev)
{
    uint64_t choice = sim_random(dev->world, 4);

    if (choice == 0)
        sim_reset(dev);
    else if (choice == 1 && dev->claimed)
        sim_release(dev);
    else if (choice == 2)
        sim_restart(dev);
    else
        dev->plan.kind->step_dead(dev);
}

static void step(struct sim_world *world)
{
    struct sim_device *dev = &world->devices[sim_random(world, world->device_count)];

    world->now += sim_random_scale(world, 1, SIM_MILLISECOND);
    if (sim_chance(world, 16384))
        sim_work(world);
    if (dev->plan.kind == NULL)
        return;
    world->step++;
    if (dev->destroyed && !sim_lied(dev) && dev->guest.state != VIRTIO_STUCK) {
        dev->plan.kind->restore(dev);
        dev->destroyed = false;
        world->totals->lies++;
    }
    if (dev->guest.state == VIRTIO_LIVE)
        step_live(dev);
    else if (dev->guest.state == VIRTIO_STUCK)
        step_stuck(dev);
    else
        step_idle(dev);
}

void sim_run(const struct sim_settings *settings, struct sim_totals *totals, uint64_t seed)
{
    struct sim_world world = {.settings = settings, .totals = totals, .seed = seed, .random = seed};

    sim_world = &world;
    while (world.step < settings->steps) {
        uint64_t handoff;

        power_on(&world);
        handoff = sim_random_scale(&world, 20, 2 * settings->steps);
        do
            step(&world);
        while (world.step < settings->steps && is_usable(&world) && --handoff > 0);
        power_off(&world);
    }
    sim_memory_free(&world);
    sim_note(&world, world.now);
    totals->digest ^= world.digest;
    totals->seeds++;
    sim_world = NULL;
}
