/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Split virtqueues through the legacy interfaces (VIRTIO 1.4, 2.7.2, 2.7.3, 4.1.5.1.3.1, 4.2.4): the layout in one piece, the guest's own
 * byte order; and what the transports demand of a queue's memory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/support/ring_rig.h"

enum { SIZE = 8, PAGE = 4096 };

static void port(struct ring_rig *rig, unsigned offset, unsigned width, uint32_t value)
{
    launcher_write(rig->dev, 0, offset, width, value);
}

static void mmio(struct ring_rig *rig, unsigned offset, uint32_t value)
{
    launcher_write(rig->dev, 0, offset, 4, value);
}

static void notify_port(struct raw_driver *raw, struct raw_queue *queue, uint32_t value)
{
    (void)queue;
    launcher_write(raw->dev, 0, VIRTIO_PCI_LEGACY_QUEUE_NOTIFY, 2, value);
}

static void notify_mmio(struct raw_driver *raw, struct raw_queue *queue, uint32_t value)
{
    (void)queue;
    launcher_write(raw->dev, 0, VIRTIO_MMIO_QUEUE_NOTIFY, 4, value);
}

/* ---- PCI legacy ---- */

/* Up to DRIVER; the queue's memory is the caller's matter. */
static struct ring_rig pci_legacy(uint64_t features, bool big_endian)
{
    struct ring_rig rig = ring_rig_with(
        &(struct launcher_options){.front = LAUNCHER_PCI_LEGACY,
                                   .features = features | RING_BIT(VIRTIO_F_EVENT_IDX),
                                   .queue_size = SIZE,
                                   .big_endian = big_endian},
        0, 0);

    rig.raw->notify_with = notify_port;
    rig.raw->big_endian = big_endian;
    port(&rig, VIRTIO_PCI_LEGACY_DEVICE_STATUS, 1, 0);
    (void)launcher_read(rig.dev, 0, VIRTIO_PCI_LEGACY_DEVICE_STATUS, 1);
    port(&rig, VIRTIO_PCI_LEGACY_DEVICE_STATUS, 1, VIRTIO_STATUS_ACKNOWLEDGE);
    port(&rig, VIRTIO_PCI_LEGACY_DEVICE_STATUS, 1,
         VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER);
    features &= launcher_read(rig.dev, 0, VIRTIO_PCI_LEGACY_DEVICE_FEATURES, 4);
    port(&rig, VIRTIO_PCI_LEGACY_DRIVER_FEATURES, 4, (uint32_t)features);
    rig.raw->features = features;
    port(&rig, VIRTIO_PCI_LEGACY_QUEUE_SELECT, 2, 0);
    assert_int_equal(launcher_read(rig.dev, 0, VIRTIO_PCI_LEGACY_QUEUE_SIZE, 2), SIZE);
    return rig;
}

static void place(struct ring_rig *rig)
{
    port(rig, VIRTIO_PCI_LEGACY_QUEUE_PFN, 4, (uint32_t)(rig->queue->desc / PAGE));
}

static void live(struct ring_rig *rig)
{
    port(rig, VIRTIO_PCI_LEGACY_DEVICE_STATUS, 1,
         VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER | VIRTIO_STATUS_DRIVER_OK);
}

/* DEV-SPLIT-01, DEV-SPLIT-02, DRV-SPLIT-04, DRV-SPLIT-06, DRV-SPLIT-07: in either byte order. */
static void a_legacy_queue_lies_in_one_piece_in_guest_order(void **state)
{
    (void)state;
    for (unsigned turn = 0; turn < 4; turn++) {
        struct ring_rig rig =
            pci_legacy(turn < 2 ? 0 : RING_BIT(VIRTIO_F_EVENT_IDX), turn % 2 != 0);

        rig.queue = raw_queue_new_legacy(rig.raw, 0, SIZE, PAGE);
        place(&rig);
        live(&rig);
        assert_int_equal(rig.of->driver, rig.queue->desc + 16 * SIZE);
        assert_int_equal(rig.of->device, rig.queue->desc + PAGE);
        for (unsigned i = 0; i < 300; i++) {
            struct raw_used used;

            RAW_ADD(rig.queue, {rig.page, 4, RAW_READ}, {rig.page + 64, 300, RAW_WRITE});
            assert_true(raw_kick(rig.queue));
            assert_true(raw_used(rig.queue, &used));
            assert_int_equal(used.length, 300);
        }
        assert_int_equal(rig.of->avail_next, 300);
        ring_rig_free(&rig);
    }
}

/* DEV-INIT-02: a legacy driver may use the queue before DRIVER_OK. */
static void a_legacy_driver_is_served_before_driver_ok(void **state)
{
    struct ring_rig rig = pci_legacy(0, false);
    struct raw_used used;

    (void)state;
    rig.queue = raw_queue_new_legacy(rig.raw, 0, SIZE, PAGE);
    place(&rig);
    ring_rig_add(&rig, 8);
    (void)raw_kick(rig.queue);
    launcher_forget_violations(rig.dev); /* the driver owes DRIVER_OK all the same (DRV-INIT-14) */
    assert_true(raw_used(rig.queue, &used));
    ring_rig_free(&rig);
}

/* DEV-RFB-12: with NOTIFY_ON_EMPTY, a queue that runs empty is told of whatever the flags say. */
static void notify_on_empty_overrides_suppression(void **state)
{
    (void)state;
    for (unsigned on = 0; on < 2; on++) {
        struct ring_rig rig = pci_legacy(on != 0 ? RING_BIT(VIRTIO_F_NOTIFY_ON_EMPTY) : 0, false);

        rig.queue = raw_queue_new_legacy(rig.raw, 0, SIZE, PAGE);
        raw_event(rig.queue, VIRTQ_AVAIL_F_NO_INTERRUPT, 0);
        place(&rig);
        live(&rig);
        ring_rig_turn(&rig, 8);
        assert_int_equal(rig.raw->interrupts, on);
        ring_rig_free(&rig);
    }
}

/* DRV-SPLIT-05: the page of the used ring is not there. */
static void a_legacy_queue_that_is_too_short_is_caught(void **state)
{
    struct ring_rig rig = pci_legacy(0, false);

    (void)state;
    rig.queue = raw_queue_new_legacy(rig.raw, 0, SIZE, PAGE);
    rig.queue->desc = RAW_MEMORY_BASE + RAW_MEMORY_BYTES - PAGE;
    place(&rig);
    raw_expect_among(rig.raw, "DRV-SPLIT-05");
    ring_rig_free(&rig);
}

/* DRV-SPLIT-07: a little-endian driver in a big-endian guest. */
static void the_wrong_byte_order_is_caught(void **state)
{
    struct ring_rig rig = pci_legacy(0, true);

    (void)state;
    rig.raw->big_endian = false;
    rig.queue = raw_queue_new_legacy(rig.raw, 0, SIZE, PAGE);
    place(&rig);
    live(&rig);
    ring_rig_add(&rig, 8);
    (void)raw_kick(rig.queue);
    raw_expect_among(rig.raw, "DRV-SPLIT-07");
    ring_rig_free(&rig);
}

/* ---- MMIO ---- */

static struct ring_rig mmio_to_driver(enum launcher_front_kind front)
{
    struct ring_rig rig =
        ring_rig_with(&(struct launcher_options){.front = front, .queue_size = SIZE}, 0, 0);

    rig.raw->notify_with = notify_mmio;
    assert_int_equal(launcher_read(rig.dev, 0, VIRTIO_MMIO_MAGIC_VALUE, 4), VIRTIO_MMIO_MAGIC);
    (void)launcher_read(rig.dev, 0, VIRTIO_MMIO_VERSION, 4);
    (void)launcher_read(rig.dev, 0, VIRTIO_MMIO_DEVICE_ID, 4);
    mmio(&rig, VIRTIO_MMIO_STATUS, 0);
    (void)launcher_read(rig.dev, 0, VIRTIO_MMIO_STATUS, 4);
    mmio(&rig, VIRTIO_MMIO_STATUS, VIRTIO_STATUS_ACKNOWLEDGE);
    mmio(&rig, VIRTIO_MMIO_STATUS, VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER);
    for (uint32_t word = 0; word < 2; word++) {
        mmio(&rig, VIRTIO_MMIO_DEVICE_FEATURES_SEL, word);
        (void)launcher_read(rig.dev, 0, VIRTIO_MMIO_DEVICE_FEATURES, 4);
        mmio(&rig, VIRTIO_MMIO_DRIVER_FEATURES_SEL, word);
        mmio(&rig, VIRTIO_MMIO_DRIVER_FEATURES, front == LAUNCHER_MMIO ? word : 0);
    }
    return rig;
}

static struct ring_rig mmio_legacy(void)
{
    struct ring_rig rig = mmio_to_driver(LAUNCHER_MMIO_LEGACY);

    mmio(&rig, VIRTIO_MMIO_GUEST_PAGE_SIZE, PAGE);
    mmio(&rig, VIRTIO_MMIO_QUEUE_SEL, 0);
    (void)launcher_read(rig.dev, 0, VIRTIO_MMIO_QUEUE_PFN, 4);
    (void)launcher_read(rig.dev, 0, VIRTIO_MMIO_QUEUE_SIZE_MAX, 4);
    mmio(&rig, VIRTIO_MMIO_QUEUE_SIZE, SIZE);
    return rig;
}

static void mmio_place(struct ring_rig *rig, uint32_t align)
{
    mmio(rig, VIRTIO_MMIO_QUEUE_ALIGN, align);
    mmio(rig, VIRTIO_MMIO_QUEUE_PFN, (uint32_t)(rig->queue->desc / PAGE));
    mmio(rig, VIRTIO_MMIO_STATUS,
         VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER | VIRTIO_STATUS_DRIVER_OK);
}

/* DEV-SPLIT-01: the padding follows QueueAlign. */
static void the_used_ring_follows_queue_align(void **state)
{
    static const uint32_t aligns[] = {PAGE, 64, 1024, 65536};

    (void)state;
    for (unsigned i = 0; i < sizeof(aligns) / sizeof(aligns[0]); i++) {
        struct ring_rig rig = mmio_legacy();

        (void)raw_alloc_at(rig.raw, 0, PAGE); /* the whole begins at a page */
        rig.queue = raw_queue_new_legacy(rig.raw, 0, SIZE, aligns[i]);
        mmio_place(&rig, aligns[i]);
        for (unsigned turn = 0; turn < 20; turn++)
            ring_rig_turn(&rig, 8);
        ring_rig_free(&rig);
    }
}

/* IMP-MMIOLEG-12 */
static void a_legacy_page_that_is_not_zeroed_is_caught(void **state)
{
    struct ring_rig rig = mmio_legacy();

    (void)state;
    rig.queue = raw_queue_new_legacy(rig.raw, 0, SIZE, PAGE);
    raw_put32(rig.raw, rig.queue->device + 4, 1);
    mmio_place(&rig, PAGE);
    raw_expect_among(rig.raw, "IMP-MMIOLEG-12");
    ring_rig_free(&rig);
}

/* IMP-MMIO-09 */
static void a_queue_that_is_not_zeroed_is_caught(void **state)
{
    struct ring_rig rig = mmio_to_driver(LAUNCHER_MMIO);

    (void)state;
    mmio(&rig, VIRTIO_MMIO_STATUS,
         VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER | VIRTIO_STATUS_FEATURES_OK);
    (void)launcher_read(rig.dev, 0, VIRTIO_MMIO_STATUS, 4);
    mmio(&rig, VIRTIO_MMIO_QUEUE_SEL, 0);
    (void)launcher_read(rig.dev, 0, VIRTIO_MMIO_QUEUE_READY, 4);
    (void)launcher_read(rig.dev, 0, VIRTIO_MMIO_QUEUE_SIZE_MAX, 4);
    mmio(&rig, VIRTIO_MMIO_QUEUE_SIZE, SIZE);
    rig.queue = raw_queue_new(rig.raw, 0, SIZE);
    raw_put32(rig.raw, rig.queue->desc + 8, 1);
    mmio(&rig, VIRTIO_MMIO_QUEUE_DESC_LOW, (uint32_t)rig.queue->desc);
    mmio(&rig, VIRTIO_MMIO_QUEUE_DRIVER_LOW, (uint32_t)rig.queue->driver);
    mmio(&rig, VIRTIO_MMIO_QUEUE_DEVICE_LOW, (uint32_t)rig.queue->device);
    mmio(&rig, VIRTIO_MMIO_QUEUE_READY, 1);
    raw_expect_among(rig.raw, "IMP-MMIO-09");
    ring_rig_free(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_legacy_queue_lies_in_one_piece_in_guest_order),
        cmocka_unit_test(a_legacy_driver_is_served_before_driver_ok),
        cmocka_unit_test(notify_on_empty_overrides_suppression),
        cmocka_unit_test(a_legacy_queue_that_is_too_short_is_caught),
        cmocka_unit_test(the_wrong_byte_order_is_caught),
        cmocka_unit_test(the_used_ring_follows_queue_align),
        cmocka_unit_test(a_legacy_page_that_is_not_zeroed_is_caught),
        cmocka_unit_test(a_queue_that_is_not_zeroed_is_caught),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
