/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The memory that an embedder gives: what virtio_memory_needed() states is enough, and with any less a driver works with
 * a smaller queue or says that it cannot. The address sanitizer sees every byte beyond the end.
 */
#include "drivers/blk.h"
#include "drivers/console.h"
#include "tests/unit/support/plain_driver.h"
#include "virtio/queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define COMMON(field) offsetof(struct virtio_pci_common_cfg, field)

static const struct virtio_device modern;

static bool without_chains; /* of the disk that claim_blk() makes, by its size_max */
static bool understated;    /* the drivers state no memory of their own, beside their queues' */

static struct virtio_driver stating(const struct virtio_driver *driver)
{
    struct virtio_driver copy = *driver;

    if (understated)
        copy.dma_per_entry = copy.priv_per_entry = copy.dma_fixed = copy.priv_fixed = 0;
    return copy;
}

/* One claim of a fresh device with that much memory; the queue's size when it worked, else 0. */
static unsigned claim_blk(unsigned max, size_t dma, size_t priv)
{
    const struct virtio_driver driver = stating(&virtio_blk_driver);
    struct virtio_blk_extent extent;
    struct virtio_bus bus = {0};
    struct virtio_blk blk = {0};
    struct device *d = device_new(VIRTIO_ID_BLOCK);
    static uint8_t bytes[2048];
    unsigned size = 0;
    int error;

    if (without_chains) {
        d->host->offered |= 1ull << VIRTIO_BLK_F_SIZE_MAX;
        DEVICE_SET_BLK(d, size_max, 1024);
    }
    device_queue_max(d, 0, (uint16_t)max);
    device_give_bytes(d, dma, priv);
    assert_int_equal(device_discover(d, &bus), 0);
    error = virtio_claim(&bus, &d->dev, &driver, &blk);
    if (error == 0) {
        size = virtqueue_size(blk.queue);
        extent = (struct virtio_blk_extent){1, bytes, sizeof(bytes)};
        assert_int_equal(virtio_blk_read(&blk, &extent, 1), 0);
        assert_int_equal(bytes[0], device_blk_pattern(1, 0));
        assert_int_equal(virtio_release(&bus, &d->dev), 0);
    } else if (error != -VIRTIO_E_NO_MEMORY && error != -VIRTIO_E_QUEUE) {
        fail_msg("%zu and %zu bytes: error %d", dma, priv, error);
    }
    assert_int_equal(d->dev.state, VIRTIO_CLEAN);
    device_free(d);
    return size;
}

static void stated_memory_is_enough_for_the_stated_queue(void **state)
{
    (void)state;
    for (unsigned size = 4; size <= 256; size *= 2) {
        size_t dma, priv;

        virtio_memory_needed(&modern, &virtio_blk_driver, size, &dma, &priv);
        for (unsigned i = 0; i < 2; i++) {
            without_chains = i == 1;
            assert_int_equal(claim_blk(256, dma, priv), size);
            assert_int_equal(claim_blk(size, dma, priv), size);
        }
    }
}

/* The largest queue that the stated memory is at most that much for; 0: none that a disk works with. */
static unsigned stated_size(size_t dma, size_t priv)
{
    unsigned size = 512;
    size_t dma_needed, priv_needed;

    do {
        size /= 2;
        virtio_memory_needed(&modern, &virtio_blk_driver, size, &dma_needed, &priv_needed);
    } while (size > 2 && (dma_needed > dma || priv_needed > priv));
    return size > 2 ? size : 0;
}

static void check_less(size_t dma, size_t priv)
{
    unsigned size = claim_blk(256, dma, priv);

    if (size < stated_size(dma, priv))
        fail_msg("%zu and %zu bytes give a queue of %u, not of %u", dma, priv, size,
                 stated_size(dma, priv));
}

static void less_memory_gives_a_smaller_queue_or_a_clean_error(void **state)
{
    size_t dma, priv;

    (void)state;
    virtio_memory_needed(&modern, &virtio_blk_driver, 256, &dma, &priv);
    for (unsigned i = 0; i < 2; i++) {
        without_chains = i == 1;
        for (size_t length = 0; length < dma; length += length < 1024 ? 13 : 111)
            check_less(length, priv);
        for (size_t length = 0; length < priv; length += length < 1024 ? 13 : 111)
            check_less(dma, length);
    }
}

/* No memory at all is an env for devices that are only reset. */
static void device_without_memory_can_be_reset_but_not_driven(void **state)
{
    (void)state;
    assert_int_equal(claim_blk(256, 0, 0), 0);
}

/* A failed claim gives all its memory back to the next one. */
static void memory_of_a_failed_claim_is_used_again(void **state)
{
    struct plain_rig rig;

    (void)state;
    plain_rig_discover(&rig, 8);
    rig.plain.queues = 2;
    for (unsigned i = 0; i < 100; i++) {
        rig.plain.probe_error = -VIRTIO_E_CONFIG;
        assert_int_equal(plain_rig_claim(&rig), -VIRTIO_E_CONFIG);
        rig.plain.probe_error = 0;
        assert_int_equal(plain_rig_claim(&rig), 0);
        assert_int_equal(virtqueue_size(rig.plain.queue[1]), 8);
        assert_int_equal(virtio_release(&rig.bus, &rig.d->dev), 0);
    }
    device_free(rig.d);
}

static int claim_console(size_t dma, size_t priv)
{
    const struct virtio_driver driver = stating(&virtio_console_driver);
    struct virtio_bus bus = {0};
    struct virtio_console console = {0};
    struct device *d = device_new(VIRTIO_ID_CONSOLE);
    int error;

    device_give_bytes(d, dma, priv);
    assert_int_equal(device_discover(d, &bus), 0);
    error = virtio_claim(&bus, &d->dev, &driver, &console);
    if (error == 0) {
        assert_int_equal(virtio_console_write(&console, "hello\n", 6), 0);
        assert_int_equal(virtio_release(&bus, &d->dev), 0);
        assert_string_equal(device_console_text(d), "hello\n");
    } else {
        assert_int_equal(error, -VIRTIO_E_NO_MEMORY);
    }
    device_free(d);
    return error;
}

static void console_works_with_the_stated_memory_and_fails_cleanly_with_less(void **state)
{
    size_t dma, priv;

    (void)state;
    /* The first queue leaves room for the second, and for the buffers. */
    for (unsigned size = 1; size <= VIRTIO_CONSOLE_BUFFERS; size *= 2) {
        virtio_memory_needed(&modern, &virtio_console_driver, size, &dma, &priv);
        assert_int_equal(claim_console(dma, priv), 0);
    }
    for (size_t length = 0; length < dma; length += length < 4096 ? 97 : 3)
        (void)claim_console(length, priv);
    for (size_t length = 0; length < priv; length++)
        (void)claim_console(dma, length);
    assert_int_equal(claim_console(0, priv), -VIRTIO_E_NO_MEMORY);
    assert_int_equal(claim_console(dma, 0), -VIRTIO_E_NO_MEMORY);
}

/* What a driver states is a plan. One that states too little finds out where its memory ends, and not behind it. */
static void driver_that_takes_more_than_it_states_fails_cleanly(void **state)
{
    size_t dma, priv, dma_stated, priv_stated;
    struct virtio_driver stated;

    (void)state;
    understated = true;
    stated = stating(&virtio_blk_driver);
    virtio_memory_needed(&modern, &stated, 256, &dma_stated, &priv_stated);
    virtio_memory_needed(&modern, &virtio_blk_driver, 256, &dma, &priv);
    for (unsigned i = 0; i < 2; i++) {
        without_chains = i == 1;
        assert_int_equal(claim_blk(256, dma_stated, priv), 0);
        assert_int_equal(claim_blk(256, dma, priv_stated), 0);
        for (size_t length = dma_stated; length < dma; length += 511)
            (void)claim_blk(256, length, priv);
        for (size_t length = priv_stated; length < priv; length += 7)
            (void)claim_blk(256, dma, length);
    }
    stated = stating(&virtio_console_driver);
    virtio_memory_needed(&modern, &stated, VIRTIO_CONSOLE_BUFFERS, &dma_stated, &priv);
    assert_int_equal(claim_console(dma_stated, priv), -VIRTIO_E_NO_MEMORY);
    understated = false;
}

/* split_create() for a queue of 8. */
static int create_rings(struct device *d, bool legacy, size_t dma, size_t priv)
{
    struct virtqueue queue = {.dev = &d->dev, .size = 8};
    struct virtio_queue_place place = {0};

    device_give_bytes(d, dma, priv);
    d->env.dma_bus = 0x10000; /* a legacy device gets a 32-bit page number */
    d->dev.env = &d->env;
    d->dev.legacy = legacy;
    virtio_arena_init(&d->dev.dma, d->env.dma, dma);
    virtio_arena_init(&d->dev.priv, d->env.priv, priv);
    return split_create(&queue, &place);
}

/* They see for themselves that there is room, whoever has computed it. DRV-SPLIT-01, DRV-SPLIT-05 */
static void rings_take_no_memory_that_is_not_there(void **state)
{
    static const size_t rings[] = {
        8 * 16 + (4 + 8 * 2 + 2) + 2 + (4 + 8 * 8 + 2), /* 2 bytes to align the used ring */
        4096 + 4096,
    };
    const size_t shadow = 8 * sizeof(struct virtq_shadow);
    struct device *d = device_new(VIRTIO_ID_ENTROPY);

    (void)state;
    for (unsigned legacy = 0; legacy < 2; legacy++) {
        for (size_t length = 0; length < rings[legacy]; length++)
            assert_int_equal(create_rings(d, legacy != 0, length, shadow), -VIRTIO_E_NO_MEMORY);
        for (size_t length = 0; length < shadow; length++)
            assert_int_equal(create_rings(d, legacy != 0, rings[legacy], length),
                             -VIRTIO_E_NO_MEMORY);
        assert_int_equal(create_rings(d, legacy != 0, rings[legacy], shadow), 0);
    }
    device_free(d);
}

static void check_alignment(struct plain *plain)
{
    struct virtio_device *dev = plain->dev;
    uint8_t *byte = virtio_dma_alloc(dev, 1, 1);

    assert_non_null(byte);
    for (size_t align = 2; align <= 64; align *= 2) {
        uint8_t *p = virtio_dma_alloc(dev, 3, align);

        assert_non_null(p);
        assert_int_equal((uintptr_t)p % align, 0);
        assert_int_equal(p[0] | p[1] | p[2], 0);
        memset(p, 0xff, 3);
    }
    assert_null(virtio_dma_alloc(dev, SIZE_MAX, 1));
    assert_null(virtio_dma_alloc(dev, SIZE_MAX - 62, 64));
    assert_null(virtio_priv_alloc(dev, SIZE_MAX / 2, 16));
    assert_non_null(virtio_dma_alloc(dev, 1, 1)); /* a refusal takes nothing */

    /* The last byte may be had; where the next multiple would be is behind the end, even for nothing. */
    assert_non_null(virtio_dma_alloc(dev, dev->dma.length - dev->dma.used - 1, 1));
    assert_null(virtio_dma_alloc(dev, 0, 4096));
    assert_null(virtio_dma_alloc(dev, 1, 4096));
    assert_non_null(virtio_dma_alloc(dev, 1, 1));
    assert_null(virtio_dma_alloc(dev, 1, 1));
}

static void drivers_memory_is_aligned_zeroed_and_bounded(void **state)
{
    struct plain_rig rig;

    (void)state;
    plain_rig_discover(&rig, 64);
    rig.plain.before_driver_ok = check_alignment;
    assert_int_equal(plain_rig_claim(&rig), 0);
    assert_int_equal(virtio_reset(&rig.d->dev), 0);
    assert_int_equal(virtio_restart(&rig.d->dev), 0); /* the same memory, zeroed again */
    device_free(rig.d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stated_memory_is_enough_for_the_stated_queue),
        cmocka_unit_test(less_memory_gives_a_smaller_queue_or_a_clean_error),
        cmocka_unit_test(device_without_memory_can_be_reset_but_not_driven),
        cmocka_unit_test(memory_of_a_failed_claim_is_used_again),
        cmocka_unit_test(console_works_with_the_stated_memory_and_fails_cleanly_with_less),
        cmocka_unit_test(driver_that_takes_more_than_it_states_fails_cleanly),
        cmocka_unit_test(rings_take_no_memory_that_is_not_there),
        cmocka_unit_test(drivers_memory_is_aligned_zeroed_and_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
