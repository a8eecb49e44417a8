/* SPDX-License-Identifier: BSD-2-Clause */
/* The launcher's MMIO front ends, version 2 and version 1 (VIRTIO 1.4, 4.2), and the rules that a reader of causes shows. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "launcher/mmio.h"
#include "tests/unit/support/raw_driver.h"

enum {
    BYTES = 64,
    PAGE = 4096,
    LEGACY_ALIGN = 64,
};

#define BIT(feature)          (1ull << (feature))
#define GET(raw, name)        launcher_read((raw)->dev, 0, VIRTIO_MMIO_##name, 4)
#define PUT(raw, name, value) launcher_write((raw)->dev, 0, VIRTIO_MMIO_##name, 4, value)

static void notify(struct raw_driver *raw, struct raw_queue *queue, uint32_t value)
{
    (void)queue;
    PUT(raw, QUEUE_NOTIFY, value);
}

static struct raw_driver *new_device(uint32_t type, enum launcher_front_kind front,
                                     uint64_t features)
{
    struct raw_driver *raw = raw_driver_new(&(struct launcher_options){
        .type = type, .front = front, .sectors = 64, .features = features});

    raw->notify_with = notify;
    return raw;
}

static void identify(struct raw_driver *raw, uint32_t version)
{
    assert_int_equal(GET(raw, MAGIC_VALUE), VIRTIO_MMIO_MAGIC);
    assert_int_equal(GET(raw, VERSION), version);
    assert_int_equal(GET(raw, DEVICE_ID), raw->dev->options.type);
}

static void add_status(struct raw_driver *raw, uint32_t bits)
{
    PUT(raw, STATUS, GET(raw, STATUS) | bits);
}

static void accept(struct raw_driver *raw, uint64_t features)
{
    for (uint32_t word = 0; word < 2; word++) {
        PUT(raw, DEVICE_FEATURES_SEL, word);
        assert_int_equal(
            (features >> 32 * word) & ~(uint64_t)GET(raw, DEVICE_FEATURES) & UINT32_MAX, 0);
        PUT(raw, DRIVER_FEATURES_SEL, word);
        PUT(raw, DRIVER_FEATURES, (uint32_t)(features >> 32 * word));
    }
    raw->features = features;
}

static void begin(struct raw_driver *raw)
{
    PUT(raw, STATUS, 0);
    assert_int_equal(GET(raw, STATUS), 0);
    add_status(raw, VIRTIO_STATUS_ACKNOWLEDGE);
    add_status(raw, VIRTIO_STATUS_DRIVER);
}

/* A legal driver of version 2, up to FEATURES_OK. */
static void start(struct raw_driver *raw, uint64_t features)
{
    identify(raw, 2);
    begin(raw);
    accept(raw, features | BIT(VIRTIO_F_VERSION_1));
    add_status(raw, VIRTIO_STATUS_FEATURES_OK);
    assert_int_equal(GET(raw, STATUS), 0x0b);
}

static struct raw_queue *place_queue(struct raw_driver *raw, uint16_t size)
{
    struct raw_queue *queue;

    PUT(raw, QUEUE_SEL, 0);
    assert_int_equal(GET(raw, QUEUE_READY), 0);
    assert_in_range(GET(raw, QUEUE_SIZE_MAX), size, 32768);
    queue = raw_queue_new(raw, 0, size);
    PUT(raw, QUEUE_SIZE, size);
    PUT(raw, QUEUE_DESC_LOW, (uint32_t)queue->desc);
    PUT(raw, QUEUE_DESC_HIGH, (uint32_t)(queue->desc >> 32));
    PUT(raw, QUEUE_DRIVER_LOW, (uint32_t)queue->driver);
    PUT(raw, QUEUE_DRIVER_HIGH, (uint32_t)(queue->driver >> 32));
    PUT(raw, QUEUE_DEVICE_LOW, (uint32_t)queue->device);
    PUT(raw, QUEUE_DEVICE_HIGH, (uint32_t)(queue->device >> 32));
    PUT(raw, QUEUE_READY, 1);
    assert_int_equal(GET(raw, QUEUE_READY), 1);
    return queue;
}

static void request(struct raw_driver *raw, struct raw_queue *queue)
{
    uint64_t buffer = raw_alloc(raw, BYTES);

    RAW_ADD(queue, {buffer, BYTES, RAW_WRITE});
    (void)raw_kick(queue);
}

/* ---- Version 2 ---- */

static void a_driver_of_version_2_is_served(void **state)
{
    struct raw_driver *raw = new_device(VIRTIO_ID_ENTROPY, LAUNCHER_MMIO, 0);
    struct raw_queue *queue;

    (void)state;
    start(raw, 0);
    queue = place_queue(raw, 8);
    add_status(raw, VIRTIO_STATUS_DRIVER_OK);
    request(raw, queue);
    assert_int_equal(raw_used_index(queue), 1);
    assert_int_equal(raw->interrupts, 1);
    /* Reading the causes does not clear them; acknowledging does. */
    assert_int_equal(GET(raw, INTERRUPT_STATUS), VIRTIO_ISR_QUEUE);
    assert_int_equal(GET(raw, INTERRUPT_STATUS), VIRTIO_ISR_QUEUE);
    PUT(raw, INTERRUPT_ACK, VIRTIO_ISR_QUEUE);
    assert_int_equal(GET(raw, INTERRUPT_STATUS), 0);
    raw_driver_free(raw);
}

static void notification_data_names_the_queue(void **state)
{
    const uint64_t data = BIT(VIRTIO_F_NOTIFICATION_DATA);
    struct raw_driver *raw = new_device(VIRTIO_ID_ENTROPY, LAUNCHER_MMIO, data);
    struct raw_queue *queue;

    (void)state;
    start(raw, data);
    queue = place_queue(raw, 8);
    add_status(raw, VIRTIO_STATUS_DRIVER_OK);
    request(raw, queue);
    request(raw, queue);
    assert_int_equal(raw_used_index(queue), 2);
    raw_driver_free(raw);
}

static void queue_ready_of_zero_stops_a_queue(void **state)
{
    struct raw_driver *raw = new_device(VIRTIO_ID_ENTROPY, LAUNCHER_MMIO, 0);
    struct raw_queue *queue;

    (void)state;
    start(raw, 0);
    place_queue(raw, 8);
    PUT(raw, QUEUE_READY, 0);
    assert_int_equal(GET(raw, QUEUE_READY), 0);
    assert_int_equal(raw->dev->queues[0].desc, 0);
    queue = place_queue(raw, 4);
    add_status(raw, VIRTIO_STATUS_DRIVER_OK);
    request(raw, queue);
    assert_int_equal(raw_used_index(queue), 1);
    raw_driver_free(raw);
}

static void a_queue_is_reset_on_its_own(void **state)
{
    struct raw_driver *raw = new_device(VIRTIO_ID_ENTROPY, LAUNCHER_MMIO, 0);

    (void)state;
    start(raw, BIT(VIRTIO_F_RING_RESET));
    place_queue(raw, 8);
    add_status(raw, VIRTIO_STATUS_DRIVER_OK);
    PUT(raw, QUEUE_RESET, 1);
    assert_int_equal(GET(raw, QUEUE_RESET), 0);
    assert_int_equal(GET(raw, QUEUE_READY), 0);
    raw_driver_free(raw);
}

static void there_is_no_shared_memory(void **state)
{
    struct raw_driver *raw = new_device(VIRTIO_ID_ENTROPY, LAUNCHER_MMIO, 0);

    (void)state;
    identify(raw, 2);
    PUT(raw, SHM_SEL, 0);
    assert_int_equal(GET(raw, SHM_LEN_LOW), UINT32_MAX);
    assert_int_equal(GET(raw, SHM_LEN_HIGH), UINT32_MAX);
    raw_expect(raw, "DRV-MMIO-30");
    raw_driver_free(raw);
}

static void the_configuration_lies_behind_the_registers(void **state)
{
    struct raw_driver *raw = new_device(VIRTIO_ID_BLOCK, LAUNCHER_MMIO, 0);
    uint32_t generation;

    (void)state;
    start(raw, 0);
    generation = GET(raw, CONFIG_GENERATION);
    assert_int_equal(GET(raw, CONFIG), 64);
    assert_int_equal(launcher_read(raw->dev, 0, VIRTIO_MMIO_CONFIG + 4, 4), 0);
    assert_int_equal(GET(raw, CONFIG_GENERATION), generation);
    assert_int_equal(launcher_region_size(raw->dev, 0) % 0x100, 0);
    assert_int_equal(launcher_region_size(raw->dev, 1), 0);
    assert_int_equal(launcher_read(raw->dev, 1, 0, 4), 0);
    launcher_forget_violations(raw->dev);
    raw_driver_free(raw);
}

/* DRV-MMIO-02, DRV-MMIO-03, DRV-MMIO-04: nothing comes of them. */
static void forbidden_accesses_change_nothing(void **state)
{
    struct raw_driver *raw = new_device(VIRTIO_ID_ENTROPY, LAUNCHER_MMIO, 0);

    (void)state;
    start(raw, 0);
    PUT(raw, DEVICE_ID, 7);
    assert_int_equal(GET(raw, DEVICE_ID), VIRTIO_ID_ENTROPY);
    raw_expect(raw, "DRV-MMIO-02");
    assert_int_equal(GET(raw, DRIVER_FEATURES), 0);
    raw_expect(raw, "DRV-MMIO-03");
    launcher_write(raw->dev, 0, VIRTIO_MMIO_STATUS, 1, 0);
    assert_int_equal(GET(raw, STATUS), 0x0b);
    raw_expect(raw, "DRV-MMIO-04");
    raw_driver_free(raw);
}

/* DRV-MMIO-32, DRV-MMIO-34, DRV-MMIO-21: acknowledging blindly, too much, and nothing. */
static void careless_acknowledging_is_reported(void **state)
{
    struct raw_driver *raw = new_device(VIRTIO_ID_ENTROPY, LAUNCHER_MMIO, 0);
    struct raw_queue *queue;

    (void)state;
    start(raw, 0);
    queue = place_queue(raw, 8);
    add_status(raw, VIRTIO_STATUS_DRIVER_OK);
    request(raw, queue);
    PUT(raw, INTERRUPT_ACK, VIRTIO_ISR_QUEUE);
    raw_expect(raw, "DRV-MMIO-32");
    request(raw, queue);
    assert_int_equal(GET(raw, INTERRUPT_STATUS), VIRTIO_ISR_QUEUE);
    PUT(raw, INTERRUPT_ACK, VIRTIO_ISR_QUEUE | VIRTIO_ISR_CONFIG);
    raw_expect(raw, "DRV-MMIO-34");
    request(raw, queue);
    assert_int_equal(GET(raw, INTERRUPT_STATUS), VIRTIO_ISR_QUEUE);
    PUT(raw, INTERRUPT_ACK, 0);
    raw_expect(raw, "DRV-MMIO-21");
    raw_driver_free(raw);
}

/* ---- Version 1 ---- */

static struct raw_queue *place_legacy_queue(struct raw_driver *raw, uint16_t size)
{
    struct raw_queue *queue;

    PUT(raw, QUEUE_SEL, 0);
    assert_int_equal(GET(raw, QUEUE_PFN), 0);
    assert_in_range(GET(raw, QUEUE_SIZE_MAX), size, 32768);
    queue = raw_queue_new_legacy(raw, 0, size, PAGE);
    queue->device =
        queue->desc + (18ull * size + 6 + LEGACY_ALIGN - 1) / LEGACY_ALIGN * LEGACY_ALIGN;
    PUT(raw, QUEUE_SIZE, size);
    PUT(raw, QUEUE_ALIGN, LEGACY_ALIGN);
    PUT(raw, QUEUE_PFN, (uint32_t)(queue->desc / PAGE));
    return queue;
}

/* DEV-SPLIT-01: by the alignment that the driver wrote, in pages of its own size. */
static void a_driver_of_version_1_is_served(void **state)
{
    struct raw_driver *raw = new_device(VIRTIO_ID_ENTROPY, LAUNCHER_MMIO_LEGACY, 0);
    struct raw_queue *queue;

    (void)state;
    identify(raw, 1);
    begin(raw);
    accept(raw, 0);
    PUT(raw, GUEST_PAGE_SIZE, PAGE);
    queue = place_legacy_queue(raw, 8);
    assert_int_equal(raw->dev->queues[0].device, queue->device);
    add_status(raw, VIRTIO_STATUS_DRIVER_OK);
    request(raw, queue);
    assert_int_equal(raw_used_index(queue), 1);
    assert_int_equal(GET(raw, INTERRUPT_STATUS), VIRTIO_ISR_QUEUE);
    PUT(raw, INTERRUPT_ACK, VIRTIO_ISR_QUEUE);
    assert_int_equal(GET(raw, INTERRUPT_STATUS), 0);
    PUT(raw, QUEUE_PFN, 0);
    assert_int_equal(GET(raw, QUEUE_PFN), 0);
    assert_false(raw->dev->queues[0].enabled);
    raw_driver_free(raw);
}

static void a_queue_that_cannot_be_found_is_not_used(void **state)
{
    struct raw_driver *raw = new_device(VIRTIO_ID_ENTROPY, LAUNCHER_MMIO_LEGACY, 0);

    (void)state;
    identify(raw, 1);
    begin(raw);
    accept(raw, 0);
    PUT(raw, QUEUE_SEL, 0);
    PUT(raw, QUEUE_ALIGN, LEGACY_ALIGN);
    PUT(raw, QUEUE_PFN, 1); /* no page size */
    assert_false(raw->dev->queues[0].enabled);
    PUT(raw, GUEST_PAGE_SIZE, PAGE);
    PUT(raw, QUEUE_ALIGN, 0);
    PUT(raw, QUEUE_PFN, 1);
    assert_false(raw->dev->queues[0].enabled);
    PUT(raw, GUEST_PAGE_SIZE, UINT32_MAX);
    PUT(raw, QUEUE_ALIGN, 0x80000000); /* no alignment that a ring could have */
    PUT(raw, QUEUE_PFN, UINT32_MAX);
    assert_false(raw->dev->queues[0].enabled);
    PUT(raw, QUEUE_SEL, 3); /* no such queue */
    PUT(raw, QUEUE_PFN, 1);
    assert_int_equal(GET(raw, QUEUE_SIZE_MAX), 0);
    launcher_forget_violations(raw->dev);
    raw_driver_free(raw);
}

static void a_reset_forgets_the_page_size(void **state)
{
    struct raw_driver *raw = new_device(VIRTIO_ID_ENTROPY, LAUNCHER_MMIO_LEGACY, 0);

    (void)state;
    identify(raw, 1);
    begin(raw);
    PUT(raw, GUEST_PAGE_SIZE, PAGE);
    begin(raw);
    PUT(raw, QUEUE_SEL, 0);
    PUT(raw, QUEUE_ALIGN, LEGACY_ALIGN);
    PUT(raw, QUEUE_PFN, (uint32_t)(raw->next / PAGE));
    assert_false(raw->dev->queues[0].enabled);
    launcher_forget_violations(raw->dev);
    raw_driver_free(raw);
}

static void version_1_has_no_second_word_of_features(void **state)
{
    struct raw_driver *raw = new_device(VIRTIO_ID_ENTROPY, LAUNCHER_MMIO_LEGACY, 0);

    (void)state;
    identify(raw, 1);
    PUT(raw, DEVICE_FEATURES_SEL, 1);
    assert_int_equal(GET(raw, DEVICE_FEATURES), 0);
    launcher_forget_violations(raw->dev);
    raw_driver_free(raw);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_driver_of_version_2_is_served),
        cmocka_unit_test(notification_data_names_the_queue),
        cmocka_unit_test(queue_ready_of_zero_stops_a_queue),
        cmocka_unit_test(a_queue_is_reset_on_its_own),
        cmocka_unit_test(there_is_no_shared_memory),
        cmocka_unit_test(the_configuration_lies_behind_the_registers),
        cmocka_unit_test(forbidden_accesses_change_nothing),
        cmocka_unit_test(careless_acknowledging_is_reported),
        cmocka_unit_test(a_driver_of_version_1_is_served),
        cmocka_unit_test(a_queue_that_cannot_be_found_is_not_used),
        cmocka_unit_test(a_reset_forgets_the_page_size),
        cmocka_unit_test(version_1_has_no_second_word_of_features),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
