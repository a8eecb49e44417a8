/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How a machine and its devices are made: everything that may differ between two machines differs
 * here, by chance.
 */
#include <string.h>

#include "launcher/model.h"
#include "launcher/sim/sim.h"

/*
 * Faults whose occasion comes once in a life or less; the others have one with each buffer,
 * register or load.
 */
#define RARE_OCCASIONS                                                                             \
    (SIM_FAULT(STATUS_LOST) | SIM_FAULT(RESET_SLOW) | SIM_FAULT(RESET_NEVER) |                     \
     SIM_FAULT(FEATURES_REFUSED) | SIM_FAULT(QUEUE_SIZE) | SIM_FAULT(CAPABILITIES) |               \
     SIM_FAULT(DMA_AFTER_RESET))

/* Ring and transport features that devices offer, and that the drivers may do without. */
static const uint8_t ring_features[] = {
    VIRTIO_F_INDIRECT_DESC, VIRTIO_F_EVENT_IDX,         VIRTIO_F_RING_PACKED,
    VIRTIO_F_IN_ORDER,      VIRTIO_F_RING_RESET,        VIRTIO_F_NOTIFICATION_DATA,
    VIRTIO_F_ANY_LAYOUT,    VIRTIO_F_NOTIF_CONFIG_DATA,
};

static uint64_t least(uint64_t one, uint64_t other)
{
    return one < other ? one : other;
}

static const struct launcher_personality *any_personality(struct sim_world *world)
{
    unsigned count = 0;

    if (world->settings->personality != NULL)
        return world->settings->personality;
    while (launcher_personalities[count] != NULL)
        count++;
    /* A device that never comes out of a reset is there, but not in every third machine. */
    for (;;) {
        const struct launcher_personality *personality =
            launcher_personalities[sim_random(world, count)];

        if (!personality->reset_fails || sim_chance(world, 8000))
            return personality;
    }
}

static enum launcher_front_kind any_front(struct sim_world *world, uint32_t type, bool driven)
{
    if (type > VIRTIO_ID_9P) /* without an id among those of legacy devices */
        return LAUNCHER_PCI;
    if (!driven && sim_chance(world, 16000))
        return LAUNCHER_PCI_LEGACY;
    if (sim_chance(world, 10000))
        return LAUNCHER_PAGE;
    return sim_chance(world, 20000) ? LAUNCHER_PCI_TRANSITIONAL : LAUNCHER_PCI;
}

/* Any subset of what its type defines, half of the time. */
static void choose_features(struct sim_device *dev)
{
    struct sim_world *world = dev->world;
    struct launcher_options *options = &dev->plan.options;

    if (sim_chance(world, 32768))
        return;
    options->only_features = true;
    options->features = sim_random(world, 0) & dev->plan.kind->model->features;
    if (options->front != LAUNCHER_PAGE && options->front != LAUNCHER_PCI_LEGACY)
        options->features |= SIM_BIT(VIRTIO_F_VERSION_1);
    for (size_t i = 0; i < sizeof(ring_features); i++)
        if (sim_chance(world, 20000))
            options->features |= SIM_BIT(ring_features[i]);
}

static void choose_surroundings(struct sim_device *dev)
{
    struct sim_world *world = dev->world;
    struct sim_plan *plan = &dev->plan;

    plan->mapping = (enum sim_mapping)sim_random(world, SIM_MAPPINGS);
    plan->memory_entries = 256;
    if (plan->memory_entries < plan->fixed_queue)
        plan->memory_entries = plan->fixed_queue;
    /*
     * Not enough for the queue that the driver would like, and for one that it cannot make smaller
     * not enough at all.
     */
    if (sim_chance(world, plan->fixed_queue == 0 ? 12000 : 2000))
        plan->memory_entries = (unsigned)sim_random_scale(world, plan->kind->least_queue, 256);
    plan->private_entries =
        sim_chance(world, 32768) && plan->memory_entries < 256 ? 256 : plan->memory_entries;
    if (world->settings->faults != 0 && sim_chance(world, 8000))
        plan->map_fails = (uint32_t)sim_random_scale(world, 16, 4096);
}

/* Powers of two, all as likely; some devices do not let the driver choose. */
static void choose_queue(struct sim_device *dev)
{
    struct sim_plan *plan = &dev->plan;
    bool page = plan->options.front == LAUNCHER_PAGE;
    uint32_t stop = page ? 20000 : 8000; /* there, the driver cannot make large ones smaller */
    uint16_t size = 1;

    plan->fixed_queue = plan->options.personality->queue_size_read_back;
    if (!page && (plan->fixed_queue != 0 || sim_chance(dev->world, 20000)))
        return;
    while (size < plan->kind->least_queue || (size < 32768 && !sim_chance(dev->world, stop)))
        size = (uint16_t)(size * 2);
    plan->options.queue_size = size;
    if (page)
        plan->fixed_queue = size;
}

void sim_plan(struct sim_device *dev, bool driven)
{
    static const uint32_t other_types[] = {VIRTIO_ID_NET, VIRTIO_ID_ENTROPY, VIRTIO_ID_BALLOON,
                                           VIRTIO_ID_IOMMU, VIRTIO_ID_GPU};
    struct sim_world *world = dev->world;
    struct sim_plan *plan = &dev->plan;
    struct launcher_options *options = &plan->options;

    *plan = (struct sim_plan){.kind = driven ? world->settings->kind : NULL};
    options->type =
        driven ? plan->kind->driver->device_id
               : other_types[sim_random(world, sizeof(other_types) / sizeof(other_types[0]))];
    options->front = any_front(world, options->type, driven);
    options->name = dev->name;
    options->personality = any_personality(world);
    options->seed = sim_random(world, 0);
    options->memory = sim_memory(dev);
    if (!driven)
        return;
    choose_features(dev);
    choose_queue(dev);
    choose_surroundings(dev);
    if (sim_chance(world, 40000))
        options->latency_ns = sim_random_scale(
            world, 1000, least(world->deadlines.blk_ns, world->deadlines.console_ns) / 4);
    plan->kind->plan(dev);
}

/* Which faults this device has, and how often: some at a time, so that one does not hide another. */
void sim_plan_faults(struct sim_device *dev)
{
    struct sim_world *world = dev->world;
    /* A disk that lies is filled with zeroes afterwards: not a large one. */
    bool large = dev->plan.options.sectors > 1 << 20;
    uint64_t faults = world->settings->faults & ~(large ? SIM_LIES : 0);
    uint32_t share = (faults & (faults - 1)) == 0 ? 65536 : 24000;

    for (unsigned i = 0; i < LAUNCHER_FAULT_COUNT; i++) {
        struct launcher_fault_state *state = &dev->host->faults.state[i];
        bool rare = (RARE_OCCASIONS >> i & 1) != 0;

        if ((faults >> i & 1) == 0 || !sim_chance(world, share))
            continue;
        if (i == LAUNCHER_FAULT_CAPABILITIES) /* once in the device's time */
            state->chance = 16000;
        else
            state->chance = rare ? (uint32_t)sim_random_scale(world, 500, 16000)
                                 : (uint32_t)sim_random_scale(world, 10, 3000);
    }
    /*
     * REWRITE is done in one of two ways: of what the driver has read, by the access hook, or of
     * the latest element, by the ring.
     */
    if (sim_chance(world, 32768)) {
        dev->plan.rewrites = dev->host->faults.state[LAUNCHER_FAULT_REWRITE].chance;
        dev->host->faults.state[LAUNCHER_FAULT_REWRITE].chance = 0;
    }
    /* Half of the devices that write late do not even stop when the reset is over. */
    if (sim_chance(world, 32768))
        dev->host->faults.state[LAUNCHER_FAULT_DMA_AFTER_RESET].value = 1;
}

void sim_plan_machine(struct sim_world *world)
{
    static const unsigned eagerness[] = {0, 2, 16, 64, 128};

    world->eagerness = eagerness[sim_random(world, sizeof(eagerness) / sizeof(eagerness[0]))];
    world->tick_max = sim_random_scale(world, 10, 20000);
    world->deadlines.reset_ns = sim_random_scale(world, 1, 50) * SIM_MILLISECOND;
    world->deadlines.blk_ns = sim_random_scale(world, 1, 200) * SIM_MILLISECOND;
    world->deadlines.console_ns = sim_random_scale(world, 1, 50) * SIM_MILLISECOND;
    world->relax_max = least(world->deadlines.reset_ns,
                             least(world->deadlines.blk_ns, world->deadlines.console_ns)) /
                       8;
    world->device_count = 1 + (unsigned)sim_random(world, SIM_DEVICES);
}
