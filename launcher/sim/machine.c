/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The scheduler: chance, the virtual clock, registers, and the access hook. Devices work when the
 * scheduler lets them: at any load, store, barrier or register access of the driver, and while it
 * waits.
 */
#include <string.h>

#include "launcher/sim/sim.h"

/* Where devices see their own memory: low enough for legacy page numbers, and below all mappings. */
#define DMA_BUS 0x5500000000u

struct sim_world *sim_world;

/* ---- Chance ---- */

static uint64_t mix(uint64_t value)
{
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
    value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
    return value ^ (value >> 31);
}

uint64_t sim_random(struct sim_world *world, uint64_t limit)
{
    uint64_t value = mix(world->random += 0x9e3779b97f4a7c15);

    return limit != 0 ? value % limit : value;
}

bool sim_chance(struct sim_world *world, uint32_t of_65536)
{
    return of_65536 != 0 && sim_random(world, 65536) < of_65536;
}

uint64_t sim_random_scale(struct sim_world *world, uint64_t least, uint64_t most)
{
    uint64_t limit = least;
    unsigned powers = 0;

    while (limit < most && limit <= UINT64_MAX / 2) {
        limit = limit * 2 + 1;
        powers++;
    }
    limit = least;
    for (uint64_t times = sim_random(world, powers + 1); times > 0; times--)
        limit = limit * 2 + 1;
    if (limit > most)
        limit = most;
    return least + (limit > least ? sim_random(world, limit - least + 1) : 0);
}

void sim_note(struct sim_world *world, uint64_t value)
{
    world->digest = mix(world->digest ^ value) + 0x9e3779b97f4a7c15;
}

/* ---- When devices work ---- */

void sim_work(struct sim_world *world)
{
    unsigned first = (unsigned)sim_random(world, world->device_count);

    for (unsigned i = 0; i < world->device_count; i++) {
        struct sim_device *dev = &world->devices[(first + i) % world->device_count];

        if (dev->host != NULL)
            launcher_run(dev->host, world->now);
    }
}

/* Something is accessed: a point at which devices may get ahead of the driver. */
static void interleave(struct sim_world *world)
{
    sim_watch(world);
    if (sim_random(world, 256) < world->eagerness)
        sim_work(world);
}

static uint64_t now_ns(void *ctx)
{
    struct sim_world *world = ((struct sim_device *)ctx)->world;

    world->now += 1 + sim_random(world, world->tick_max);
    sim_watch_time(world);
    interleave(world);
    return world->now;
}

static void relax(void *ctx)
{
    struct sim_world *world = ((struct sim_device *)ctx)->world;

    world->now += sim_random_scale(world, 1000, world->relax_max);
    sim_watch_time(world);
    sim_work(world);
}

static void take_log(void *ctx, enum virtio_level level, const char *message)
{
    static const char *const levels[] = {"error", "warn", "info", "debug"};
    struct sim_device *dev = ctx;

    sim_say(dev->world, "%s: %s", levels[level], message);
    dev->world->call.progress = dev->world->now; /* a wait is over, or the next one begins */
    if (level == VIRTIO_LOG_ERROR)
        (void)snprintf(dev->complaint, sizeof(dev->complaint), "%s", message);
}

void sim_env_init(struct sim_device *dev)
{
    dev->env.now_ns = now_ns;
    dev->env.relax = relax;
    dev->env.log = take_log;
    dev->env.ctx = dev;
    dev->env.dma_bus = DMA_BUS;
    dev->env.deadlines = dev->world->deadlines;
    if (dev->plan.mapping != SIM_IDENTITY) {
        dev->env.map = sim_map;
        dev->env.unmap = sim_unmap;
    }
}

/* ---- Registers ---- */

static void access_register(struct sim_device *dev, unsigned region, uint64_t offset,
                            uint32_t value)
{
    struct sim_world *world = dev->world;

    world->now += 1 + sim_random(world, 2000);
    sim_note(world, offset << 8 | region);
    sim_note(world, value);
    interleave(world);
}

/* What virtio/virtio.h promises to an embedder (struct virtio_io). The descriptor page is byte for byte. */
static void check_place(struct sim_device *dev, unsigned region, uint64_t offset, unsigned width)
{
    uint64_t size = launcher_region_size(dev->host, region);
    bool aligned = dev->plan.options.front == LAUNCHER_PAGE || offset % width == 0;

    if ((width != 1 && width != 2 && width != 4) || !aligned || width > size ||
        offset > size - width)
        sim_fail(dev->world,
                 "the driver of %s accesses %u bytes at 0x%llx of region %u, which has %llu",
                 dev->name, width, (unsigned long long)offset, region, (unsigned long long)size);
}

static uint32_t io_read(void *ctx, unsigned region, uint64_t offset, unsigned width)
{
    struct sim_device *dev = ctx;
    uint32_t value;

    check_place(dev, region, offset, width);
    access_register(dev, region, offset, width);
    dev->in_register = true;
    value = launcher_read(dev->host, region, offset, width);
    dev->in_register = false;
    sim_note(dev->world, value);
    return value;
}

static void io_write(void *ctx, unsigned region, uint64_t offset, unsigned width, uint32_t value)
{
    struct sim_device *dev = ctx;

    check_place(dev, region, offset, width);
    access_register(dev, region, offset, value);
    dev->in_register = true;
    launcher_write(dev->host, region, offset, width, value);
    dev->in_register = false;
    dev->world->call.progress = dev->world->now;
    sim_follow(dev);
}

static uint64_t io_size(void *ctx, unsigned region)
{
    return launcher_region_size(((struct sim_device *)ctx)->host, region);
}

const struct virtio_io sim_io = {.read = io_read, .write = io_write, .size = io_size};

/* ---- The access hook ---- */

static struct sim_device *owner_of(struct sim_world *world, const void *p)
{
    for (unsigned i = 0; i < world->device_count; i++) {
        const struct sim_block *dma = world->devices[i].dma;

        if (dma != NULL && (uintptr_t)p - (uintptr_t)dma->bytes < dma->length)
            return &world->devices[i];
    }
    return NULL;
}

/* The driver touches memory that a device shares: whose, and may it? */
static struct sim_device *touch(struct sim_world *world, const void *p)
{
    struct sim_device *dev = owner_of(world, p);

    interleave(world);
    if (dev == NULL)
        sim_fail(world, "the driver reaches for %p as memory that a device shares, and it is not",
                 p);
    else if (dev->guest.state == VIRTIO_STUCK)
        sim_fail(world, "the driver touches the memory of %s, which is STUCK", dev->name);
    else
        dev->touched = true;
    return dev;
}

static const void **rewritten_slot(struct sim_world *world, const void *p)
{
    return &world->rewritten[((uintptr_t)p ^ (uintptr_t)p >> 6) % SIM_REWRITTEN];
}

void sim_written(struct sim_world *world, const uint8_t *p, size_t length)
{
    for (unsigned i = 0; i < SIM_REWRITTEN; i++)
        if ((uintptr_t)world->rewritten[i] - (uintptr_t)p < length)
            world->rewritten[i] = NULL;
}

/* A field of a used element: of which queue, and where in its elements. */
struct field {
    const struct launcher_queue *queue; /* NULL: it is none */
    uint64_t offset;
};

static struct field used_field(const struct sim_device *dev, const uint8_t *p, unsigned width)
{
    uint64_t bus = dev->env.dma_bus + (uint64_t)(p - dev->dma->bytes);
    struct field field = {.queue = NULL};

    for (unsigned i = 0; i < dev->host->queue_count && width == 4 && field.queue == NULL; i++) {
        const struct launcher_queue *queue = &dev->host->queues[i];

        field.offset = bus - queue->device - sizeof(struct virtq_used);
        if (queue->enabled && field.offset < queue->size * sizeof(struct virtq_used_elem))
            field.queue = queue;
    }
    return field;
}

/*
 * REWRITE: once the driver has read a used element or a status byte, it has no reason to read it
 * again, and the device changes it. An index is read again and again, and so are flags.
 */
static uint64_t rewrite(struct sim_world *world, struct sim_device *dev, const void *p,
                        unsigned width, bool element, uint64_t value)
{
    const void **slot = rewritten_slot(world, p);

    if (*slot == p)
        return value ^ (1 + sim_random(world, width == 1 ? 255 : UINT32_MAX));
    if ((element || width == 1) && sim_chance(world, dev->plan.rewrites)) {
        world->totals->fired[LAUNCHER_FAULT_REWRITE]++;
        *slot = p;
    }
    return value;
}

static bool is_used_index(const struct sim_device *dev, const uint8_t *p)
{
    uint64_t bus = dev->env.dma_bus + (uint64_t)(p - dev->dma->bytes);

    for (unsigned i = 0; i < dev->host->queue_count; i++)
        if (dev->host->queues[i].enabled &&
            bus == dev->host->queues[i].device + offsetof(struct virtq_used, idx))
            return true;
    return false;
}

/* What a used index announces may be read once a barrier has come after the index (2.7.14). */
static void check_consume(struct sim_device *dev, const void *p, unsigned width, uint64_t value)
{
    if (width == 2 && is_used_index(dev, p)) {
        /* The same index again announces nothing. */
        dev->index_read = dev->index_read || p != dev->index_at || value != dev->index;
        dev->index_at = p;
        dev->index = value;
    } else if (dev->index_read && width != 2)
        sim_fail(dev->world,
                 "the driver of %s reads %u bytes at %p, and no barrier puts that behind the index",
                 dev->name, width, p);
}

/* An id beyond the queue cannot be overlooked: call.c sees to it. */
static void watch_id(struct sim_device *dev, const struct field *field, uint64_t value)
{
    if (field->queue == NULL || field->offset % sizeof(struct virtq_used_elem) != 0 ||
        value < field->queue->size)
        return;
    dev->bad_id = true;
    dev->resets_at_bad_id = dev->host->resets;
}

uint64_t sim_load(const void *p, unsigned width)
{
    struct sim_world *world = sim_world;
    struct sim_device *dev = touch(world, p);
    struct field field = used_field(dev, p, width);
    uint64_t value = 0;

    memcpy(&value, p, width);
    check_consume(dev, p, width, value);
    value = rewrite(world, dev, p, width, field.queue != NULL, value);
    watch_id(dev, &field, value);
    return value;
}

void sim_store(void *p, unsigned width, uint64_t value)
{
    struct sim_world *world = sim_world;
    const void **slot = rewritten_slot(world, p);

    (void)touch(world, p);
    memcpy(p, &value, width);
    if (*slot == p)
        *slot = NULL;
}

void sim_barrier(enum sim_barrier which)
{
    static const enum launcher_barrier kinds[] = {
        [SIM_BARRIER_PUBLISH] = LAUNCHER_BARRIER_PUBLISH,
        [SIM_BARRIER_NOTIFY] = LAUNCHER_BARRIER_NOTIFY,
        [SIM_BARRIER_CONSUME] = LAUNCHER_BARRIER_CONSUME,
    };
    struct sim_world *world = sim_world;

    interleave(world);
    /* A barrier orders all that went before it, whichever device that was for. */
    for (unsigned i = 0; i < world->device_count; i++) {
        struct sim_device *dev = &world->devices[i];

        if (dev->touched || dev == world->call.device)
            launcher_barrier(dev->host, kinds[which]);
        if (which == SIM_BARRIER_CONSUME)
            dev->index_read = false;
        dev->touched =
            dev->touched && which == SIM_BARRIER_CONSUME; /* its stores are not ordered yet */
    }
}
