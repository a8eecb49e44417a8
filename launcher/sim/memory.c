/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The memory of the simulated machine: at the same addresses in each run, in blocks with poison
 * around them, each lent to one device at a time. A device reaches what it was lent and nothing
 * else; what a STUCK device has is never used again.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "launcher/commands.h"
#include "launcher/sim/sim.h"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(p, length)   ((void)(p), (void)(length))
#define ASAN_UNPOISON_MEMORY_REGION(p, length) ((void)(p), (void)(length))
#endif

enum {
    MEMORY_BYTES = 1 << 30, /* of address space */
    BLOCK_ALIGN = 4096,
    MARGIN = 64,      /* bytes of poison on each side */
    UNWRITTEN = 0xa5, /* what memory holds before anybody writes to it */
    BUS_INDEX = 40,   /* where a bus address holds the number of its mapping, from 1 */
    BUS_SERIAL = 32,  /* and how often that was used */
};

/* Far from where programs, heaps, stacks and the sanitizer's own tables are. */
#define MEMORY_ADDRESS ((void *)0x200000000000)

static uint8_t *memory;

static void reserve(void)
{
    memory = mmap(MEMORY_ADDRESS, MEMORY_BYTES, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
    if (memory != MEMORY_ADDRESS) {
        (void)fprintf(stderr, "launcher sim: the address %p is not free for the guest's memory\n",
                      MEMORY_ADDRESS);
        exit(LAUNCHER_EXIT_USAGE);
    }
}

void sim_memory_reset(struct sim_world *world)
{
    if (memory == NULL)
        reserve();
    for (unsigned i = 0; i < world->block_count; i++)
        free(world->blocks[i]);
    world->block_count = 0;
    ASAN_POISON_MEMORY_REGION(memory, world->memory_used);
    world->memory_used = 0;
}

void sim_memory_free(struct sim_world *world)
{
    sim_memory_reset(world);
    free(world->blocks);
    world->blocks = NULL;
    world->block_room = 0;
}

/* ---- Blocks ---- */

static struct sim_block *new_block(struct sim_world *world, size_t room)
{
    struct sim_block *block = launcher_allocate(sizeof(*block));

    room = (room + BLOCK_ALIGN - 1) & ~(size_t)(BLOCK_ALIGN - 1);
    if (room > MEMORY_BYTES - world->memory_used) {
        (void)fprintf(stderr, "launcher sim: the guest's memory is used up\n");
        exit(LAUNCHER_EXIT_USAGE);
    }
    block->base = memory + world->memory_used;
    block->room = room;
    world->memory_used += room;
    ASAN_POISON_MEMORY_REGION(block->base, room);
    if (world->block_count == world->block_room) {
        world->block_room = world->block_room * 2 + 16;
        world->blocks =
            launcher_grow(world->blocks, world->block_room * sizeof(struct sim_block *));
    }
    world->blocks[world->block_count++] = block;
    return block;
}

struct sim_block *sim_lend(struct sim_device *dev, size_t length, unsigned shift)
{
    struct sim_world *world = dev->world;
    size_t needed = length + BLOCK_ALIGN; /* a page in front holds the margin and the shift */
    struct sim_block *block = NULL;

    needed += MARGIN;
    for (unsigned i = 0; i < world->block_count && block == NULL; i++) {
        struct sim_block *old = world->blocks[i];

        if (old->lent == NULL && !old->lost && old->room >= needed && old->room <= 4 * needed)
            block = old;
    }
    if (block == NULL)
        block = new_block(world, needed);
    block->bytes = block->base + BLOCK_ALIGN - shift;
    block->length = length;
    block->lent = dev;
    block->hidden = false;
    ASAN_UNPOISON_MEMORY_REGION(block->bytes, length);
    memset(block->bytes, UNWRITTEN, length);
    return block;
}

void sim_hide(struct sim_block *block)
{
    block->hidden = true;
    ASAN_POISON_MEMORY_REGION(block->base, block->room);
}

void sim_show(struct sim_block *block)
{
    if (block->lost)
        return;
    block->hidden = false;
    ASAN_UNPOISON_MEMORY_REGION(block->bytes, block->length);
}

void sim_take_back(struct sim_block *block)
{
    if (block->lost)
        return;
    sim_hide(block);
    if (sim_lied(block->lent))
        block->kept =
            true; /* it may still be written to, and must not be somebody else's by then */
    else
        block->lent = NULL;
}

void sim_release_kept(struct sim_device *dev)
{
    struct sim_world *world = dev->world;

    for (unsigned i = 0; i < world->block_count; i++)
        if (world->blocks[i]->lent == dev && world->blocks[i]->kept) {
            world->blocks[i]->kept = false;
            world->blocks[i]->lent = NULL;
        }
}

void sim_lose(struct sim_device *dev)
{
    struct sim_world *world = dev->world;

    for (unsigned i = 0; i < world->block_count; i++)
        if (world->blocks[i]->lent == dev) {
            world->blocks[i]->lost = true;
            sim_hide(world->blocks[i]);
        }
}

struct sim_block *sim_block_at(struct sim_world *world, const void *p)
{
    uintptr_t at = (uintptr_t)p;

    for (unsigned i = 0; i < world->block_count; i++) {
        struct sim_block *block = world->blocks[i];

        if (at - (uintptr_t)block->bytes < block->length && block->lent != NULL)
            return block;
    }
    return NULL;
}

/*
 * A copy to or from a block; what is hidden from the driver is not hidden from devices. Poison
 * comes in units of 8 bytes.
 */
static void copy(const struct sim_block *block, void *to, const void *from, size_t length)
{
    uintptr_t first = (uintptr_t)block->bytes;
    size_t offset =
        (uintptr_t)to - first < block->length ? (uintptr_t)to - first : (uintptr_t)from - first;
    uint8_t *unit = block->bytes + offset;

    if (!block->hidden || offset >= block->length) {
        memcpy(to, from, length);
        return;
    }
    unit -= (uintptr_t)unit & 7;
    ASAN_UNPOISON_MEMORY_REGION(unit, length + 8);
    memcpy(to, from, length);
    ASAN_POISON_MEMORY_REGION(unit, length + 8);
}

/* ---- Mappings ---- */

int sim_map(void *ctx, void *p, size_t length, enum virtio_dir dir, uint64_t *bus, void **token)
{
    struct sim_device *dev = ctx;
    struct sim_world *world = dev->world;
    struct sim_block *block = sim_block_at(world, p);
    struct sim_map *map;
    unsigned i = 0;

    if (sim_chance(world, dev->plan.map_fails)) {
        dev->maps_failed++;
        world->totals->map_failures++;
        return -1;
    }
    if (block == NULL || block->lent != dev ||
        length > block->length - (size_t)((uint8_t *)p - block->bytes))
        sim_fail(world, "the driver maps memory that it was not given: %zu bytes at %p", length, p);
    while (i < dev->map_count && dev->maps[i].live)
        i++;
    if (i == dev->map_count) {
        if (dev->map_count == dev->map_room) {
            dev->map_room = dev->map_room * 2 + 16;
            dev->maps = launcher_grow(dev->maps, dev->map_room * sizeof(dev->maps[0]));
        }
        dev->map_count++;
    }
    map = &dev->maps[i];
    *map = (struct sim_map){.pointer = p, .length = length, .dir = dir, .live = true};
    map->bus = (uint64_t)(i + 1) << BUS_INDEX | (uint64_t)(dev->map_serial++ & 0x3f) << BUS_SERIAL |
               sim_random(world, 1 << 16) << 12 | ((uintptr_t)p & 0xfff);
    if (dev->plan.mapping == SIM_BOUNCE) {
        map->bounce = launcher_allocate(length);
        if (dir == VIRTIO_TO_DEVICE)
            copy(block, map->bounce, p, length);
    }
    *bus = map->bus;
    *token = (void *)(uintptr_t)(i + 1);
    return 0;
}

void sim_unmap(void *ctx, void *token)
{
    struct sim_device *dev = ctx;
    struct sim_world *world = dev->world;
    uintptr_t number = (uintptr_t)token;
    struct sim_map *map = number - 1 < dev->map_count ? &dev->maps[number - 1] : NULL;

    if (map == NULL || !map->live)
        sim_fail(world, "the driver unmaps what is not mapped (token %zu)", (size_t)number);
    if (dev->guest.state == VIRTIO_STUCK)
        sim_fail(world, "the driver unmaps memory that a STUCK device may still reach");
    if (map->bounce != NULL) {
        struct sim_block *block = sim_block_at(world, map->pointer);

        if (map->dir == VIRTIO_FROM_DEVICE && block != NULL)
            copy(block, map->pointer, map->bounce, map->length);
        free(map->bounce);
        map->bounce = NULL;
    }
    map->live = false;
}

/* ---- What the device does ---- */

struct reach {
    const struct sim_block *block; /* NULL: nothing is there */
    uint8_t *bytes;                /* as the device sees it, */
    const uint8_t *pointer;        /* and as the guest does */
    bool readable, writable;
};

static bool is_inside(const struct sim_block *block, const uint8_t *p, uint64_t length)
{
    uintptr_t offset = (uintptr_t)p - (uintptr_t)block->bytes;

    return offset <= block->length && length <= block->length - offset;
}

/* By a mapping, as an IOMMU does it. */
static struct reach reach_mapped(struct sim_device *dev, uint64_t bus, uint64_t length)
{
    uint64_t index = bus >> BUS_INDEX;
    struct reach reach = {.block = NULL};
    const struct sim_map *map;

    if (index == 0 || index > dev->map_count)
        return reach;
    map = &dev->maps[index - 1];
    if (!map->live || bus - map->bus > map->length || length > map->length - (bus - map->bus))
        return reach;
    reach.block = sim_block_at(dev->world, map->pointer);
    reach.bytes = (map->bounce != NULL ? map->bounce : map->pointer) + (bus - map->bus);
    reach.pointer = map->pointer + (bus - map->bus);
    reach.readable = map->dir == VIRTIO_TO_DEVICE;
    reach.writable = map->dir == VIRTIO_FROM_DEVICE;
    return reach;
}

static struct reach reach_of(struct sim_device *dev, uint64_t bus, uint64_t length)
{
    struct reach reach = {.readable = true, .writable = true};

    if (dev->dma != NULL && bus - dev->env.dma_bus <= dev->dma->length &&
        length <= dev->dma->length - (bus - dev->env.dma_bus)) {
        reach.block = dev->dma;
        reach.pointer = reach.bytes = dev->dma->bytes + (bus - dev->env.dma_bus);
        return reach;
    }
    if (dev->plan.mapping != SIM_IDENTITY)
        return reach_mapped(dev, bus, length);
    reach.pointer = reach.bytes = (uint8_t *)(uintptr_t)bus;
    reach.block = sim_block_at(dev->world, reach.bytes);
    if (reach.block != NULL &&
        (reach.block->lent != dev || !is_inside(reach.block, reach.bytes, length)))
        reach.block = NULL;
    return reach;
}

const uint8_t *sim_guest_pointer(struct sim_device *dev, uint64_t bus, uint64_t length)
{
    struct reach reach = reach_of(dev, bus, length);

    return reach.block != NULL ? reach.pointer : NULL;
}

static bool reaches(struct sim_device *dev, uint64_t bus, uint64_t length, bool write,
                    struct reach *reach)
{
    *reach = reach_of(dev, bus, length);
    if (reach->block == NULL || !(write ? reach->writable : reach->readable)) {
        dev->strayed = !sim_lied(dev);
        dev->strayed_to = bus;
        return false;
    }
    if (dev->state_seen == VIRTIO_STUCK && !sim_owns(dev, reach->pointer, length))
        sim_fail(dev->world, "%s is STUCK and reaches memory that virtio_owned() does not show",
                 dev->name);
    return true;
}

static bool device_reads(void *ctx, uint64_t bus, void *to, size_t length)
{
    struct sim_device *dev = ctx;
    struct reach reach;

    if (!reaches(dev, bus, length, false, &reach))
        return false;
    copy(reach.block, to, reach.bytes, length);
    return true;
}

static bool is_scribble(const uint8_t *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (bytes[i] != SIM_SCRIBBLE)
            return false;
    return true;
}

/* After its reset was confirmed a device owns nothing, and here it gets nothing. */
static bool is_late(struct sim_device *dev, const void *from, size_t length)
{
    const struct launcher_device *host = dev->host;
    bool alive = (host->status & VIRTIO_STATUS_DRIVER_OK) != 0;
    bool scribbles = sim_fired(dev, SIM_FAULT(DMA_AFTER_RESET));

    if (host->reset_pending && dev->guest.state == VIRTIO_CLEAN)
        sim_fail(dev->world, "the driver takes %s for CLEAN, and its reset is not confirmed",
                 dev->name);
    /*
     * Legacy devices may be at work earlier, and a descriptor page zeroes the rings before its
     * reset is over.
     */
    if (dev->guest.legacy && !alive)
        alive = dev->in_register ||
                (launcher_is_live(host) && !(scribbles && is_scribble(from, length)));
    if (host->reset_pending || alive)
        return false;
    if (!scribbles)
        sim_fail(dev->world, "%s writes to memory after its reset", dev->name);
    dev->world->totals->late_writes++;
    return true;
}

static bool device_writes(void *ctx, uint64_t bus, const void *from, size_t length)
{
    struct sim_device *dev = ctx;
    struct reach reach;

    if (is_late(dev, from, length))
        return true;
    if (!reaches(dev, bus, length, true, &reach))
        return false;
    copy(reach.block, reach.bytes, from, length);
    if (reach.block == dev->dma)
        sim_written(dev->world, reach.bytes, length);
    return true;
}

struct launcher_memory sim_memory(struct sim_device *dev)
{
    return (struct launcher_memory){device_reads, device_writes, dev};
}
