/* SPDX-License-Identifier: BSD-2-Clause */
/* The launcher's legacy PCI block (VIRTIO 1.4, 4.1.4.10), alone and beside the modern structures. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "launcher/model.h"
#include "launcher/pci.h"
#include "tests/unit/support/raw_driver.h"

enum {
    FEATURES = VIRTIO_PCI_LEGACY_DEVICE_FEATURES,
    ACCEPTED = VIRTIO_PCI_LEGACY_DRIVER_FEATURES,
    PFN = VIRTIO_PCI_LEGACY_QUEUE_PFN,
    SIZE = VIRTIO_PCI_LEGACY_QUEUE_SIZE,
    SELECT = VIRTIO_PCI_LEGACY_QUEUE_SELECT,
    NOTIFY = VIRTIO_PCI_LEGACY_QUEUE_NOTIFY,
    STATUS = VIRTIO_PCI_LEGACY_DEVICE_STATUS,
    ISR = VIRTIO_PCI_LEGACY_ISR,
    MSIX_CONTROL = LAUNCHER_PCI_CAP_MSIX + 2,
    LATENCY = 1000, /* ns */
    BYTES = 64,
};

#define BIT(feature) (1ull << (feature))

static uint32_t get(struct raw_driver *raw, unsigned offset, unsigned width)
{
    return launcher_read(raw->dev, LAUNCHER_PCI_BAR_BLOCK, offset, width);
}

static void put(struct raw_driver *raw, unsigned offset, unsigned width, uint32_t value)
{
    launcher_write(raw->dev, LAUNCHER_PCI_BAR_BLOCK, offset, width, value);
}

static void add_status(struct raw_driver *raw, uint8_t bits)
{
    put(raw, STATUS, 1, get(raw, STATUS, 1) | bits);
}

static void notify(struct raw_driver *raw, struct raw_queue *queue, uint32_t value)
{
    (void)queue;
    put(raw, NOTIFY, 2, value);
}

static struct raw_driver *new_device(uint32_t type, enum launcher_front_kind front)
{
    struct raw_driver *raw = raw_driver_new(&(struct launcher_options){
        .type = type, .front = front, .sectors = 64, .queue_size = 8, .latency_ns = LATENCY});

    raw->notify_with = notify;
    return raw;
}

/* A legal legacy driver up to DRIVER, with these features. */
static void start(struct raw_driver *raw, uint32_t features)
{
    put(raw, STATUS, 1, 0);
    assert_int_equal(get(raw, STATUS, 1), 0);
    add_status(raw, VIRTIO_STATUS_ACKNOWLEDGE);
    add_status(raw, VIRTIO_STATUS_DRIVER);
    features |= get(raw, FEATURES, 4) & (uint32_t)BIT(VIRTIO_F_ANY_LAYOUT);
    put(raw, ACCEPTED, 4, features);
    raw->features = features;
}

static struct raw_queue *place_queue(struct raw_driver *raw)
{
    struct raw_queue *queue;

    put(raw, SELECT, 2, 0);
    assert_int_equal(get(raw, PFN, 4), 0);
    queue = raw_queue_new_legacy(raw, 0, (uint16_t)get(raw, SIZE, 2), VIRTQ_LEGACY_ALIGN);
    put(raw, PFN, 4, (uint32_t)(queue->desc / VIRTQ_LEGACY_ALIGN));
    return queue;
}

static void request(struct raw_driver *raw, struct raw_queue *queue)
{
    uint64_t buffer = raw_alloc(raw, BYTES);

    RAW_ADD(queue, {buffer, BYTES, RAW_WRITE});
    (void)raw_kick(queue);
    raw_run(raw, 2 * LATENCY);
}

/* DEV-SPLIT-01: the rings are where the legacy layout has them. */
static void a_legacy_driver_is_served(void **state)
{
    struct raw_driver *raw = new_device(VIRTIO_ID_ENTROPY, LAUNCHER_PCI_LEGACY);
    struct raw_queue *queue;

    (void)state;
    assert_true(launcher_region_is_ports(raw->dev, 0));
    assert_int_equal(launcher_read(raw->dev, LAUNCHER_PCI_CONFIG, LAUNCHER_PCI_DEVICE_ID, 2),
                     0x1005);
    assert_int_equal(launcher_read(raw->dev, LAUNCHER_PCI_CONFIG, LAUNCHER_PCI_SUBSYSTEM, 2),
                     VIRTIO_ID_ENTROPY);
    assert_int_equal(launcher_read(raw->dev, LAUNCHER_PCI_CONFIG, LAUNCHER_PCI_REVISION, 1), 0);
    start(raw, 0);
    queue = place_queue(raw);
    assert_int_equal(raw->dev->queues[0].desc, queue->desc);
    assert_int_equal(raw->dev->queues[0].driver, queue->driver);
    assert_int_equal(raw->dev->queues[0].device, queue->device);
    assert_int_equal(get(raw, PFN, 4), queue->desc / VIRTQ_LEGACY_ALIGN);
    add_status(raw, VIRTIO_STATUS_DRIVER_OK);
    request(raw, queue);
    assert_int_equal(raw_used_index(queue), 1);
    assert_int_equal(raw->interrupts, 1);
    assert_int_equal(get(raw, ISR, 1), VIRTIO_ISR_QUEUE);
    assert_int_equal(get(raw, ISR, 1), 0);
    raw_driver_free(raw);
}

/* DEV-RFB-11, DEV-RFB-12: told of an empty queue, although it asked not to be interrupted. */
static void an_empty_queue_is_told(void **state)
{
    const uint32_t feature = (uint32_t)BIT(VIRTIO_F_NOTIFY_ON_EMPTY);

    (void)state;
    for (unsigned with = 0; with < 2; with++) {
        struct raw_driver *raw =
            raw_driver_new(&(struct launcher_options){.type = VIRTIO_ID_ENTROPY,
                                                      .front = LAUNCHER_PCI_LEGACY,
                                                      .features = feature,
                                                      .queue_size = 8});
        struct raw_queue *queue;

        raw->notify_with = notify;
        assert_true((get(raw, FEATURES, 4) & feature) != 0);
        start(raw, with != 0 ? feature : 0);
        queue = place_queue(raw);
        raw_event(queue, VIRTQ_AVAIL_F_NO_INTERRUPT, 0);
        add_status(raw, VIRTIO_STATUS_DRIVER_OK);
        request(raw, queue);
        assert_int_equal(raw_used_index(queue), 1);
        assert_int_equal(raw->interrupts, with);
        raw_driver_free(raw);
    }
}

/* DEV-INIT-02: it may be used before DRIVER_OK; early output is what comes before ACKNOWLEDGE. */
static void a_driver_that_forgets_driver_ok_is_served(void **state)
{
    struct raw_driver *raw = new_device(VIRTIO_ID_ENTROPY, LAUNCHER_PCI_LEGACY);
    struct raw_queue *queue;

    (void)state;
    start(raw, 0);
    queue = place_queue(raw);
    request(raw, queue);
    assert_int_equal(raw_used_index(queue), 1);
    raw_expect(raw, "DRV-INIT-14");

    put(raw, STATUS, 1, 0);
    put(raw, NOTIFY, 2, 0);
    assert_int_equal(raw->dev->early_outputs, 1);
    launcher_forget_violations(raw->dev);
    raw_driver_free(raw);
}

/* DEV-INIT-01: the configuration is written before the features are negotiated. */
static void the_configuration_is_written_early(void **state)
{
    static const struct launcher_config_field field[] = {{0, 4, -1, true}, {0, 0, 0, false}};
    struct raw_driver *raw = new_device(VIRTIO_ID_BLOCK, LAUNCHER_PCI_LEGACY);
    struct launcher_model model = *raw->dev->model;
    const struct launcher_model *own = raw->dev->model;

    (void)state;
    model.fields =
        field; /* a device whose configuration a legacy driver writes, as a network card's address */
    raw->dev->model = &model;
    put(raw, STATUS, 1, VIRTIO_STATUS_ACKNOWLEDGE);
    put(raw, VIRTIO_PCI_LEGACY_CONFIG, 4, 0x12345678);
    assert_int_equal(get(raw, VIRTIO_PCI_LEGACY_CONFIG, 4), 0x12345678);
    raw->dev->model = own;
    launcher_forget_violations(raw->dev);
    raw_driver_free(raw);
}

static void the_configuration_moves_with_msix(void **state)
{
    struct raw_driver *raw = new_device(VIRTIO_ID_BLOCK, LAUNCHER_PCI_LEGACY);

    (void)state;
    assert_int_equal(get(raw, 20, 4), 64);
    assert_int_equal(get(raw, 20, 1), 64); /* any width will do */
    launcher_write(raw->dev, LAUNCHER_PCI_CONFIG, MSIX_CONTROL, 2, 0x8000);
    assert_int_equal(get(raw, 24, 4), 64);
    assert_int_equal(get(raw, VIRTIO_PCI_LEGACY_CONFIG_VECTOR, 2), VIRTIO_MSI_NO_VECTOR);
    launcher_write(raw->dev, LAUNCHER_PCI_CONFIG, MSIX_CONTROL, 2, 0);
    assert_int_equal(get(raw, 20, 4), 64);
    raw_driver_free(raw);
}

/* What was not offered is not accepted: a legacy driver is not asked back. */
static void features_are_one_word(void **state)
{
    struct raw_driver *raw = new_device(VIRTIO_ID_ENTROPY, LAUNCHER_PCI_LEGACY);
    uint32_t offered = get(raw, FEATURES, 4);

    (void)state;
    assert_int_equal(raw->dev->offered >> 32, 0);
    assert_int_equal(offered, raw->dev->offered);
    start(raw, (uint32_t)BIT(VIRTIO_F_INDIRECT_DESC));
    assert_int_equal(raw->dev->accepted,
                     BIT(VIRTIO_F_INDIRECT_DESC) | (offered & BIT(VIRTIO_F_ANY_LAYOUT)));
    put(raw, ACCEPTED, 4, (uint32_t)BIT(23));
    assert_int_equal(raw->dev->accepted, 0);
    launcher_forget_violations(raw->dev);
    raw_driver_free(raw);
}

/* IMP-PCILEG-06 */
static void the_size_is_fixed(void **state)
{
    struct raw_driver *raw = new_device(VIRTIO_ID_ENTROPY, LAUNCHER_PCI_LEGACY);

    (void)state;
    start(raw, 0);
    put(raw, SELECT, 2, 0);
    put(raw, SIZE, 2, 4);
    assert_int_equal(get(raw, SIZE, 2), 8);
    raw_expect(raw, "IMP-PCILEG-06");
    raw_driver_free(raw);
}

static void page_zero_ends_a_queues_use(void **state)
{
    struct raw_driver *raw = new_device(VIRTIO_ID_ENTROPY, LAUNCHER_PCI_LEGACY);

    (void)state;
    start(raw, 0);
    place_queue(raw);
    add_status(raw, VIRTIO_STATUS_DRIVER_OK);
    assert_true(raw->dev->queues[0].enabled);
    put(raw, PFN, 4, 0);
    assert_false(raw->dev->queues[0].enabled);
    put(raw, SELECT, 2, 9); /* no such queue */
    put(raw, PFN, 4, 1);
    assert_int_equal(get(raw, PFN, 4), 0);
    launcher_forget_violations(raw->dev);
    raw_driver_free(raw);
}

/* DRV-PCILEG-01, DRV-PCILEG-03, DRV-PCILEG-04, IMP-PCILEG-03, IMP-PCILEG-08: one each. */
static void misuse_of_the_block_is_reported(void **state)
{
    struct raw_driver *raw = new_device(VIRTIO_ID_BLOCK, LAUNCHER_PCI_LEGACY);
    unsigned length = (unsigned)raw->dev->config_length;

    (void)state;
    (void)launcher_read(raw->dev, LAUNCHER_PCI_BAR_MODERN, 20, 1);
    raw_expect(raw, "DRV-PCILEG-01");
    (void)get(raw, 24 + length - 4, 4); /* as if MSI-X were enabled */
    raw_expect_among(raw, "IMP-PCILEG-03");
    launcher_write(raw->dev, LAUNCHER_PCI_CONFIG, MSIX_CONTROL, 2, 0x8000);
    (void)get(raw, 24 + length, 4);
    raw_expect(raw, "DRV-PCILEG-03");
    launcher_write(raw->dev, LAUNCHER_PCI_CONFIG, MSIX_CONTROL, 2, 0);
    put(raw, STATUS, 1, 0);
    assert_int_equal(get(raw, STATUS, 1), 0);
    launcher_pci_of(raw->dev)->list_read = false;
    add_status(raw, VIRTIO_STATUS_ACKNOWLEDGE);
    raw_expect(raw, "DRV-PCILEG-04");
    launcher_pci_of(raw->dev)->list_read = true;
    start(raw, 0);
    put(raw, SELECT, 2, 0);
    put(raw, PFN, 4, (uint32_t)(raw->next / 64));
    raw_expect_among(raw, "IMP-PCILEG-08");
    raw_driver_free(raw);
}

/* ---- Transitional ---- */

/* DEV-FEAT-06, DEV-FEAT-08, DEV-RFB-13: whoever uses the block is a legacy driver, until the reset. */
static void a_transitional_device_is_driven_either_way(void **state)
{
    struct raw_driver *raw = new_device(VIRTIO_ID_ENTROPY, LAUNCHER_PCI_TRANSITIONAL);
    struct raw_queue *queue;

    (void)state;
    assert_int_equal(launcher_read(raw->dev, LAUNCHER_PCI_CONFIG, LAUNCHER_PCI_DEVICE_ID, 2),
                     0x1005);
    assert_true((get(raw, FEATURES, 4) & BIT(VIRTIO_F_ANY_LAYOUT)) != 0);
    assert_false(raw->dev->legacy); /* a look commits to nothing */
    start(raw, 0);
    assert_true(raw->dev->legacy);
    queue = place_queue(raw);
    add_status(raw, VIRTIO_STATUS_DRIVER_OK);
    request(raw, queue);
    assert_int_equal(raw_used_index(queue), 1);

    raw->notify_with = NULL;
    assert_true(raw_start(raw, 0));
    assert_false(raw->dev->legacy);
    queue = raw_queue(raw, 0, 4);
    raw_live(raw);
    request(raw, queue);
    assert_int_equal(raw_used_index(queue), 1);
    raw_driver_free(raw);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_legacy_driver_is_served),
        cmocka_unit_test(an_empty_queue_is_told),
        cmocka_unit_test(a_driver_that_forgets_driver_ok_is_served),
        cmocka_unit_test(the_configuration_is_written_early),
        cmocka_unit_test(the_configuration_moves_with_msix),
        cmocka_unit_test(features_are_one_word),
        cmocka_unit_test(the_size_is_fixed),
        cmocka_unit_test(page_zero_ends_a_queues_use),
        cmocka_unit_test(misuse_of_the_block_is_reported),
        cmocka_unit_test(a_transitional_device_is_driven_either_way),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
