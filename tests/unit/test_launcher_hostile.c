/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest that writes anything anywhere, against every front end and type, with every fault by chance: the launcher stays whole
 * (the sanitizers see to that), and a reset brings the device back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "launcher/device.h"

enum {
    ACCESSES = 20000,
    MEMORY = 0x10000,
    STEP = 500, /* ns of each access */
    CHANCE = 2000,
};

struct guest {
    uint8_t memory[MEMORY];
    uint64_t random;
};

static uint64_t next(struct guest *guest, uint64_t limit)
{
    guest->random = guest->random * 6364136223846793005 + 1442695040888963407;
    return (guest->random >> 33) % limit;
}

static bool guest_read(void *ctx, uint64_t address, void *to, size_t length)
{
    struct guest *guest = ctx;

    if (length > MEMORY || address > MEMORY - length)
        return false;
    memcpy(to, guest->memory + address, length);
    return true;
}

static bool guest_write(void *ctx, uint64_t address, const void *from, size_t length)
{
    struct guest *guest = ctx;

    if (length > MEMORY || address > MEMORY - length)
        return false;
    memcpy(guest->memory + address, from, length);
    return true;
}

/* Small values, bits, addresses in memory, and anything. */
static uint32_t any_value(struct guest *guest)
{
    switch (next(guest, 5)) {
    case 0:
        return (uint32_t)next(guest, 4);
    case 1:
        return 1u << next(guest, 32);
    case 2:
        return (uint32_t)next(guest, MEMORY / 16) * 16;
    case 3:
        return 0x0f;
    default:
        return (uint32_t)next(guest, 0x80000000) * 2 + 1;
    }
}

static void put(struct guest *guest, uint64_t at, unsigned width, uint64_t value)
{
    for (unsigned i = 0; i < width; i++)
        guest->memory[at + i] = (uint8_t)(value >> 8 * i);
}

/* Where bring_up() puts the rings: a descriptor of either format, and an available index that moves on, as a rule. */
static void any_ring_write(struct guest *guest)
{
    uint64_t ring = 0x1000 * (1 + next(guest, 4)), desc = ring + 16 * next(guest, 16);
    uint64_t flags = next(guest, 8) | (next(guest, 2) != 0 ? next(guest, 4) << 14 | 1 << 7 : 0);

    put(guest, desc, 8, next(guest, 20) == 0 ? UINT64_MAX - 64 : next(guest, MEMORY));
    put(guest, desc + 8, 4, next(guest, 20) == 0 ? UINT32_MAX : next(guest, 600));
    put(guest, desc + 12, 2, next(guest, 2) != 0 ? flags : next(guest, 16));
    put(guest, desc + 14, 2, next(guest, 2) != 0 ? flags : next(guest, 16));
    put(guest, ring + 0x404 + 2 * next(guest, 16), 2, next(guest, 17));
    put(guest, ring + 0x402, 2,
        next(guest, 100) == 0 ? next(guest, 65536) : guest->memory[ring + 0x402] + next(guest, 2));
}

static void any_access(struct guest *guest, struct launcher_device *dev)
{
    static const unsigned widths[] = {1, 2, 4, 4, 4, 8, 3};
    unsigned region = (unsigned)next(guest, 8);
    uint64_t size = launcher_region_size(dev, region);
    unsigned width = widths[next(guest, sizeof(widths) / sizeof(widths[0]))];
    uint64_t offset;

    if (next(guest, 50) == 0)
        offset = UINT64_MAX - next(guest, 8);
    else if (next(guest, 4) == 0)
        offset = next(guest, size + 8);
    else /* where the structures are */
        offset = next(guest, 4) * 0x1000 % (size + 1) + next(guest, 0x110);
    if (next(guest, 3) == 0)
        (void)launcher_read(dev, region, offset, width);
    else
        launcher_write(dev, region, offset, width, any_value(guest));
    if (next(guest, 4) == 0)
        memset(guest->memory + next(guest, MEMORY - 64), (int)next(guest, 8), 1 + next(guest, 63));
    if (next(guest, 300) == 0)
        launcher_barrier(dev, (enum launcher_barrier)next(guest, 3));
}

/* A legal life, so that random accesses meet a live device as well. */
static void bring_up(struct guest *guest, struct launcher_device *dev)
{
    static const uint8_t steps[] = {1, 3, 0x0b};

    if (dev->options.front <= LAUNCHER_PCI_LEGACY)
        launcher_write(dev, 6, 4, 2, 7);
    launcher_set_status(dev, 0);
    for (unsigned i = 0; i < 10000 && launcher_get_status(dev) != 0; i++)
        ;
    for (size_t i = 0; i < sizeof(steps); i++) {
        launcher_accept_word(dev, 0, launcher_offered_word(dev, 0));
        launcher_accept_word(dev, 1, launcher_offered_word(dev, 1));
        launcher_set_status(dev, steps[i]);
    }
    for (unsigned i = 0; i < dev->queue_count; i++) {
        struct launcher_queue *queue = &dev->queues[i];

        memset(guest->memory + 0x1000 * (i % 4 + 1ull), 0, 0x1000);
        launcher_queue_set_size(dev, queue, 16);
        queue->desc = 0x1000 * (i % 4 + 1ull);
        queue->driver = queue->desc + 0x400;
        queue->device = queue->desc + 0x800;
        launcher_queue_enable(dev, queue);
    }
    launcher_set_status(dev, 0x0f);
}

/* How many buffers the device made of it. */
static uint64_t torment(enum launcher_front_kind front, uint32_t type, uint64_t features)
{
    struct guest guest = {.random = front * 1000 + type};
    struct launcher_device *dev = launcher_new(&(struct launcher_options){
        .type = type,
        .front = front,
        .sectors = 16,
        .features = features,
        .latency_ns = 3ull * STEP,
        .seed = type,
        .memory = {guest_read, guest_write, &guest},
    });
    uint64_t taken = 0;

    assert_non_null(dev);
    for (unsigned i = 0; i < LAUNCHER_FAULT_COUNT; i++)
        if (i != LAUNCHER_FAULT_RESET_NEVER)
            dev->faults.state[i].chance = CHANCE;
    for (unsigned i = 0; i < ACCESSES; i++) {
        if (i % 200 == 0)
            bring_up(&guest, dev);
        any_ring_write(&guest);
        if (next(&guest, 6) == 0)
            any_access(&guest, dev);
        for (uint32_t q = 0; q < dev->queue_count && i % 4 == 0; q++)
            launcher_notify(dev, q, 2);
        launcher_run(dev, (uint64_t)i * STEP);
    }
    launcher_set_status(dev, 0);
    for (unsigned i = 0; i < 10000 && launcher_get_status(dev) != 0; i++)
        ;
    assert_int_equal(launcher_get_status(dev), 0);
    assert_in_range(dev->lives, 5, ACCESSES);
    for (unsigned i = 0; i < dev->queue_count; i++)
        taken += dev->queues[i].taken;
    launcher_free(dev);
    return taken;
}

static void survive(uint64_t features)
{
    static const uint32_t types[] = {VIRTIO_ID_BLOCK, VIRTIO_ID_CONSOLE, VIRTIO_ID_ENTROPY,
                                     VIRTIO_ID_BALLOON, VIRTIO_ID_GPU};
    uint64_t taken = 0;

    for (enum launcher_front_kind front = LAUNCHER_PCI; front <= LAUNCHER_PAGE; front++)
        for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
            taken += torment(front, types[i], features);
    assert_in_range(taken, 1000, 1000000); /* or else nothing was tried */
}

static void any_guest_is_survived(void **state)
{
    (void)state;
    survive(0);
}

/* Packed rings, and all else that is not offered by default. */
static void any_guest_with_all_features_is_survived(void **state)
{
    (void)state;
    survive(~0ull);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_guest_is_survived),
        cmocka_unit_test(any_guest_with_all_features_is_survived),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
