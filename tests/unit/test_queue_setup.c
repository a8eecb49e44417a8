/* SPDX-License-Identifier: BSD-2-Clause */
/* Setting virtqueues up (VIRTIO 1.4, 2.6, 2.7, 4.1.5.1.3): sizes that all can agree on, memory, and the order of it all. */
#include "tests/unit/support/plain_driver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define COMMON(field) offsetof(struct virtio_pci_common_cfg, field)

/* ---- Sizes ---- */

static int claim_with(struct plain_rig *rig, unsigned max, unsigned wanted, unsigned memory)
{
    *rig = (struct plain_rig){.plain = {.queues = 1, .size = wanted}};
    rig->d = device_new(VIRTIO_ID_ENTROPY);
    device_queue_max(rig->d, 0, (uint16_t)max);
    device_give_memory(rig->d, &plain_driver, memory);
    assert_int_equal(device_discover(rig->d, &rig->bus), 0);
    return plain_rig_claim(rig);
}

/* DRV-PCI-20, IMP-SPLIT-01, IMP-PCI-08: a power of two, at most what the device and the caller say. */
static void queue_size_is_the_largest_power_of_two_that_all_allow(void **state)
{
    static const struct {
        unsigned max, wanted, size;
    } cases[] = {
        {256, 64, 64},    {256, 256, 256}, {100, 256, 64},  {3, 256, 2},
        {1, 8, 1},        {2, 1, 1},       {256, 100, 64},  {128, 7, 4},
        {1024, 512, 512}, {32768, 16, 16}, {65535, 16, 16}, {40000, 256, 256},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct plain_rig rig;

        assert_int_equal(claim_with(&rig, cases[i].max, cases[i].wanted, 512), 0);
        assert_int_equal(virtqueue_size(rig.plain.queue[0]), cases[i].size);
        assert_int_equal(virtqueue_free(rig.plain.queue[0]), cases[i].size);
        assert_int_equal(rig.d->host->queues[0].size, cases[i].size);
        /* Always, even when it is the maximum. */
        assert_int_equal(device_count_common(rig.d, DEVICE_WRITE, COMMON(queue_size)), 1);
        device_free(rig.d);
    }
}

/* IMP-PCI-05 */
static void queue_of_size_zero_is_no_queue(void **state)
{
    struct plain_rig rig;

    (void)state;
    assert_int_equal(claim_with(&rig, 0, 8, 8), -VIRTIO_E_QUEUE);
    assert_string_equal(device_statuses(rig.d), "0 1 3 b 8b 0 1");
    assert_int_equal(device_count_common(rig.d, DEVICE_WRITE, COMMON(queue_size)), 0);
    assert_int_equal(device_count_common(rig.d, DEVICE_WRITE, COMMON(queue_enable)), 0);
    assert_non_null(device_logged(rig.d, "has no queue 0"));
    device_free(rig.d);

    /* Nor is one that its driver wants nothing of. */
    assert_int_equal(claim_with(&rig, 8, 0, 8), -VIRTIO_E_QUEUE);
    assert_int_equal(device_count_common(rig.d, DEVICE_WRITE, COMMON(queue_enable)), 0);
    device_free(rig.d);
}

/* IMP-PCI-05 */
static void queue_beyond_the_devices_is_no_queue(void **state)
{
    struct plain_rig rig;

    (void)state;
    plain_rig_discover(&rig, 8);
    rig.d->host->queue_count = 1;
    rig.plain.queues = 2;
    assert_int_equal(plain_rig_claim(&rig), -VIRTIO_E_QUEUE);
    device_free(rig.d);
}

static uint16_t forced_size;

static void force_size(struct device *d, struct device_event *event)
{
    if (event->kind == DEVICE_READ && event->region == DEVICE_BAR &&
        event->offset == d->function->common.offset + COMMON(queue_size) &&
        device_count_common(d, DEVICE_WRITE, COMMON(queue_size)) > 0)
        event->value = forced_size;
}

/* A device that keeps its own size, whatever is written, is taken at its word. */
static void queue_size_is_the_one_that_reads_back(void **state)
{
    struct plain_rig rig;
    static const uint16_t nonsense[] = {0, 3, 255, 512, 32768};

    (void)state;
    plain_rig_discover(&rig, 256);
    rig.plain.size = 16;
    rig.d->personality.queue_size_read_back = 256;
    assert_int_equal(plain_rig_claim(&rig), 0);
    assert_int_equal(virtqueue_size(rig.plain.queue[0]), 256);
    device_free(rig.d);

    for (unsigned i = 0; i < sizeof(nonsense) / sizeof(nonsense[0]); i++) {
        plain_rig_discover(&rig, 256);
        rig.plain.size = 16;
        forced_size = nonsense[i];
        rig.d->on_access = force_size;
        assert_int_equal(plain_rig_claim(&rig), -VIRTIO_E_QUEUE);
        assert_int_equal(device_count_common(rig.d, DEVICE_WRITE, COMMON(queue_enable)), 0);
        device_free(rig.d);
    }
}

static void queue_size_that_reads_back_too_large_for_the_memory_is_an_error(void **state)
{
    struct plain_rig rig;

    (void)state;
    plain_rig_discover(&rig, 16);
    rig.d->personality.queue_size_read_back = 256;
    assert_int_equal(plain_rig_claim(&rig), -VIRTIO_E_NO_MEMORY);
    device_free(rig.d);
}

/* What a driver states it makes is a plan for the memory and no limit: what comes beside it gets what is left. */
static void queue_beyond_those_stated_gets_the_memory_that_is_left(void **state)
{
    struct virtio_driver modest = plain_driver;
    struct plain_rig rig;

    (void)state;
    for (modest.queues = 0; modest.queues < 2; modest.queues++) {
        plain_rig_discover(&rig, 8); /* memory for two of 8 entries */
        rig.plain.queues = 2;
        assert_int_equal(virtio_claim(&rig.bus, &rig.d->dev, &modest, &rig.plain), 0);
        assert_int_equal(virtqueue_size(rig.plain.queue[0]), 8);
        assert_int_equal(virtqueue_size(rig.plain.queue[1]), 8);
        device_free(rig.d);
    }

    modest.queues = 1;
    plain_rig_discover(&rig, 8);
    device_give_memory(rig.d, &modest, 8);
    rig.plain.queues = 2;
    assert_int_equal(virtio_claim(&rig.bus, &rig.d->dev, &modest, &rig.plain), -VIRTIO_E_NO_MEMORY);
    device_free(rig.d);
}

static void create_in_the_wrong_state(struct plain *plain)
{
    struct virtqueue *queue;

    assert_int_equal(virtqueue_create(plain->dev, 65536, 8, &queue), -VIRTIO_E_STATE);
    assert_null(queue);
}

static void queues_are_created_only_while_a_device_is_set_up(void **state)
{
    struct plain_rig rig;
    struct virtqueue *queue;

    (void)state;
    plain_rig_discover(&rig, 8);
    rig.plain.before_driver_ok = create_in_the_wrong_state;
    assert_int_equal(virtqueue_create(&rig.d->dev, 1, 8, &queue), -VIRTIO_E_STATE);
    assert_int_equal(plain_rig_claim(&rig), 0);
    assert_int_equal(virtqueue_create(&rig.d->dev, 1, 8, &queue), -VIRTIO_E_STATE);
    device_free(rig.d);
}

/* ---- Set-up ---- */

/*
 * The areas are aligned, zeroed and of the right size (the device complains otherwise), and what the device is told are
 * bus addresses, not pointers. DRV-SPLIT-01, DRV-SPLIT-02, DRV-SPLIT-03, DRV-SPLIT-27, IMP-SPLIT-02, IMP-PCI-14
 */
static void rings_are_given_to_the_device_by_bus_address(void **state)
{
    struct plain_rig rig;

    (void)state;
    for (unsigned size = 1; size <= 512; size *= 2) {
        plain_rig_discover(&rig, size);
        rig.plain.queues = 2;
        device_queue_max(rig.d, 0, 512);
        device_queue_max(rig.d, 1, 512);
        assert_int_equal(virtio_reset(&rig.d->dev), 0);
        assert_int_equal(plain_rig_claim(&rig), 0);
        for (unsigned i = 0; i < 2; i++) {
            const struct launcher_queue *queue = &rig.d->host->queues[i];

            assert_true(queue->enabled);
            assert_in_range(queue->desc, rig.d->env.dma_bus, rig.d->env.dma_bus + 65536);
            assert_in_range(queue->driver, rig.d->env.dma_bus, rig.d->env.dma_bus + 65536);
            assert_in_range(queue->device, rig.d->env.dma_bus, rig.d->env.dma_bus + 65536);
        }
        device_free(rig.d);
    }
}

/* DRV-PCI-21, DRV-PCI-23, IMP-PCI-12, IMP-PCI-13: enabled last, once, without an interrupt vector. */
static void queue_is_enabled_after_all_its_other_fields(void **state)
{
    static const size_t before[] = {
        COMMON(queue_select),    COMMON(queue_size),      COMMON(queue_msix_vector),
        COMMON(queue_desc_lo),   COMMON(queue_desc_hi),   COMMON(queue_driver_lo),
        COMMON(queue_driver_hi), COMMON(queue_device_lo), COMMON(queue_device_hi),
    };
    struct plain_rig rig;
    const struct device_event *enable;

    (void)state;
    plain_rig_make(&rig, 8);
    enable = device_first_write(rig.d, COMMON(queue_enable), 1);
    assert_int_equal(device_count_common(rig.d, DEVICE_WRITE, COMMON(queue_enable)), 1);
    for (unsigned i = 0; i < sizeof(before) / sizeof(before[0]); i++) {
        unsigned writes = device_count_common(rig.d, DEVICE_WRITE, before[i]);

        assert_true(writes > 0);
        for (size_t k = 0; k < rig.d->event_count; k++) {
            const struct device_event *event = &rig.d->events[k];

            if (event->kind == DEVICE_WRITE && event->region == DEVICE_BAR &&
                event->offset == before[i])
                assert_true(event->order < enable->order);
        }
    }
    assert_int_equal(rig.d->host->queues[0].vector, VIRTIO_MSI_NO_VECTOR);
    device_free(rig.d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(queue_size_is_the_largest_power_of_two_that_all_allow),
        cmocka_unit_test(queue_of_size_zero_is_no_queue),
        cmocka_unit_test(queue_beyond_the_devices_is_no_queue),
        cmocka_unit_test(queue_size_is_the_one_that_reads_back),
        cmocka_unit_test(queue_size_that_reads_back_too_large_for_the_memory_is_an_error),
        cmocka_unit_test(queue_beyond_those_stated_gets_the_memory_that_is_left),
        cmocka_unit_test(queues_are_created_only_while_a_device_is_set_up),
        cmocka_unit_test(rings_are_given_to_the_device_by_bus_address),
        cmocka_unit_test(queue_is_enabled_after_all_its_other_fields),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
