/* SPDX-License-Identifier: BSD-2-Clause */
/* Feature negotiation (VIRTIO 1.4, 2.2, 3.1.1, 6): an allow-list, FEATURES_OK read back, nothing after it. */
#include "drivers/blk.h"
#include "drivers/console.h"
#include "tests/unit/support/plain_driver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define COMMON(field) offsetof(struct virtio_pci_common_cfg, field)
#define BIT(bit)      (1ull << (bit))

static unsigned count_queue_accesses(const struct device *d)
{
    return device_count_common(d, DEVICE_WRITE, COMMON(queue_select)) +
           device_count_common(d, DEVICE_WRITE, COMMON(queue_enable));
}

/*
 * Reserved bits, bits of rings and transports that are not implemented, bits that no specification defines: on offer,
 * but not accepted. DRV-FEAT-04, DRV-FEAT-05, DRV-FEAT-06, DRV-FEAT-07, DRV-FEAT-08, DRV-FEAT-12, DRV-FEAT-02,
 * DRV-FEAT-03, DRV-RFB-01, DRV-RFB-10, DRV-RFB-11, IMP-CORE-03
 */
static void plain_driver_accepts_its_own_bits_and_no_others(void **state)
{
    struct plain_rig rig;

    (void)state;
    plain_rig_discover(&rig, 8);
    rig.d->host->offered = UINT64_MAX;
    assert_int_equal(plain_rig_claim(&rig), 0);
    assert_int_equal(rig.d->host->accepted, BIT(VIRTIO_F_VERSION_1) | BIT(PLAIN_FEATURE));
    assert_true(rig.d->dev.offered.mask == UINT64_MAX);
    assert_int_equal(rig.d->dev.negotiated.mask, rig.d->host->accepted);
    device_free(rig.d);
}

/*
 * DRV-FEAT-02, DRV-FEAT-04, DRV-FEAT-08, DRV-BLK-05, DRV-SPLIT-14, IMP-BLK-01, IMP-BLK-04: no zones, no multiqueue, no
 * legacy commands, no indirect descriptors
 */
static void blk_driver_accepts_its_own_bits_and_no_others(void **state)
{
    static const uint8_t expected[] = {
        VIRTIO_F_VERSION_1,   VIRTIO_BLK_F_SIZE_MAX, VIRTIO_BLK_F_SEG_MAX,
        VIRTIO_BLK_F_RO,      VIRTIO_BLK_F_BLK_SIZE, VIRTIO_BLK_F_FLUSH,
        VIRTIO_BLK_F_DISCARD, VIRTIO_BLK_F_TOPOLOGY, VIRTIO_BLK_F_WRITE_ZEROES,
    };
    struct virtio_bus bus = {0};
    struct virtio_blk blk = {0};
    struct device *d = device_new(VIRTIO_ID_BLOCK);
    uint64_t mask = 0;

    (void)state;
    d->host->offered = UINT64_MAX;
    DEVICE_SET_BLK(d, blk_size, 512);
    DEVICE_SET_BLK(d, size_max, 65536);
    DEVICE_SET_BLK(d, seg_max, 16);
    device_give_memory(d, &virtio_blk_driver, 256);
    assert_int_equal(device_discover(d, &bus), 0);
    assert_int_equal(virtio_claim(&bus, &d->dev, &virtio_blk_driver, &blk), 0);
    for (unsigned i = 0; i < sizeof(expected); i++)
        mask |= BIT(expected[i]);
    assert_int_equal(d->host->accepted, mask);
    device_free(d);
}

/* DRV-FEAT-08, IMP-CON-02: one port, so MULTIPORT stays unaccepted and only the queues of port 0 are used. */
static void console_driver_accepts_its_own_bits_and_no_others(void **state)
{
    struct virtio_bus bus = {0};
    struct virtio_console console = {0};
    struct device *d = device_new_with(&(struct launcher_options){
        .type = VIRTIO_ID_CONSOLE, .features = UINT64_MAX, .only_features = true, .queues = 4});

    (void)state;
    device_give_memory(d, &virtio_console_driver, VIRTIO_CONSOLE_BUFFERS);
    assert_int_equal(device_discover(d, &bus), 0);
    assert_int_equal(virtio_claim(&bus, &d->dev, &virtio_console_driver, &console), 0);
    assert_int_equal(d->host->accepted, BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_CONSOLE_F_SIZE));
    assert_true(d->host->queues[0].enabled && d->host->queues[1].enabled);
    assert_false(d->host->queues[2].enabled || d->host->queues[3].enabled);
    device_free(d);
}

/* IMP-CORE-03 */
static void feature_bits_from_64_on_are_never_there(void **state)
{
    const struct virtio_features all = {UINT64_MAX};

    (void)state;
    for (unsigned bit = 0; bit < 256; bit++)
        assert_int_equal(virtio_has(all, bit), bit < 64);
    assert_false(virtio_has(all, UINT32_MAX));
}

/* DRV-FEAT-01, DRV-FEAT-09 */
static void what_is_not_offered_is_not_accepted(void **state)
{
    struct plain_rig rig;

    (void)state;
    plain_rig_discover(&rig, 8);
    rig.d->host->offered = BIT(VIRTIO_F_VERSION_1) | BIT(5);
    assert_int_equal(plain_rig_claim(&rig), 0);
    assert_int_equal(rig.d->host->accepted, BIT(VIRTIO_F_VERSION_1));
    device_free(rig.d);
}

/* DRV-FEAT-10, DRV-FEAT-11, DRV-FEAT-13, DRV-INIT-13, DRV-RFB-02 */
static void device_without_version_1_is_failed_and_left_alone(void **state)
{
    struct plain_rig rig;

    (void)state;
    plain_rig_discover(&rig, 8);
    rig.d->host->offered = BIT(PLAIN_FEATURE);
    assert_int_equal(plain_rig_claim(&rig), -VIRTIO_E_FEATURES);
    assert_string_equal(device_statuses(rig.d), "0 1 3 83 0 1");
    assert_int_equal(device_count_common(rig.d, DEVICE_WRITE, COMMON(driver_feature)), 0);
    assert_int_equal(count_queue_accesses(rig.d), 0);
    assert_non_null(device_logged(rig.d, "offers no VIRTIO_F_VERSION_1 (features 0x8)"));
    device_free(rig.d);
}

/* DRV-INIT-07, DRV-INIT-09: FEATURES_OK written and never read back makes a driver talk to a device that said no. */
static void features_ok_that_does_not_stay_ends_the_claim(void **state)
{
    struct plain_rig rig;

    (void)state;
    plain_rig_discover(&rig, 8);
    launcher_fault_arm(rig.d->host, LAUNCHER_FAULT_FEATURES_REFUSED, 0, 0, 0);
    assert_int_equal(plain_rig_claim(&rig), -VIRTIO_E_FEATURES);
    assert_string_equal(device_statuses(rig.d), "0 1 3 b 83 0 1");
    assert_int_equal(rig.plain.probed, 0);
    assert_int_equal(count_queue_accesses(rig.d), 0);
    assert_int_equal(rig.d->dev.negotiated.mask, 0);
    assert_non_null(device_logged(rig.d, "refused features 0x100000008"));
    device_free(rig.d);
}

/* DRV-INIT-08: what is accepted is written once, before FEATURES_OK. */
static void features_are_written_once_and_before_features_ok(void **state)
{
    struct plain_rig rig;

    (void)state;
    plain_rig_make(&rig, 8);
    assert_int_equal(device_count_common(rig.d, DEVICE_WRITE, COMMON(driver_feature)), 2);
    assert_true(device_last_write(rig.d, COMMON(driver_feature), 1)->order <
                device_first_write(rig.d, COMMON(device_status), 0xb)->order);
    device_free(rig.d);
}

/* IMP-PCI-04: each 32-bit window is selected before it is read or written. */
static void feature_windows_are_selected_first(void **state)
{
    static const struct {
        enum device_event_kind kind;
        size_t offset;
        uint32_t value;
    } expected[] = {
        {DEVICE_WRITE, COMMON(device_feature_select), 0},
        {DEVICE_READ, COMMON(device_feature), 1u << PLAIN_FEATURE},
        {DEVICE_WRITE, COMMON(device_feature_select), 1},
        {DEVICE_READ, COMMON(device_feature), 1},
        {DEVICE_WRITE, COMMON(driver_feature_select), 0},
        {DEVICE_WRITE, COMMON(driver_feature), 1u << PLAIN_FEATURE},
        {DEVICE_WRITE, COMMON(driver_feature_select), 1},
        {DEVICE_WRITE, COMMON(driver_feature), 1},
    };
    const unsigned count = sizeof(expected) / sizeof(expected[0]);
    struct plain_rig rig;
    unsigned seen = 0;

    (void)state;
    plain_rig_make(&rig, 8);
    for (size_t i = 0; i < rig.d->event_count; i++) {
        const struct device_event *event = &rig.d->events[i];

        if (event->region != DEVICE_BAR || event->offset > COMMON(driver_feature) ||
            (event->kind != DEVICE_READ && event->kind != DEVICE_WRITE))
            continue;
        assert_true(seen < count);
        assert_int_equal(event->kind, expected[seen].kind);
        assert_int_equal(event->offset, expected[seen].offset);
        assert_int_equal(event->value, expected[seen].value);
        assert_int_equal(event->width, 4);
        seen++;
    }
    assert_int_equal(seen, count);
    device_free(rig.d);
}

/* DRV-FEAT-01: a driver's look at the configuration can refuse a bit, and never accept more. */
static void drivers_negotiate_can_only_take_features_away(void **state)
{
    struct plain_rig rig;

    (void)state;
    plain_rig_discover(&rig, 8);
    rig.d->host->offered |= BIT(7);
    rig.plain.add = BIT(7) | BIT(40);
    rig.plain.drop = BIT(PLAIN_FEATURE);
    assert_int_equal(plain_rig_claim(&rig), 0);
    assert_int_equal(rig.d->host->accepted, BIT(VIRTIO_F_VERSION_1));
    device_free(rig.d);
}

/* DRV-INIT-12, DRV-INIT-13 */
static void drivers_negotiate_can_refuse_the_device(void **state)
{
    struct plain_rig rig;

    (void)state;
    plain_rig_discover(&rig, 8);
    rig.plain.negotiate_error = -VIRTIO_E_CONFIG;
    assert_int_equal(plain_rig_claim(&rig), -VIRTIO_E_CONFIG);
    assert_string_equal(device_statuses(rig.d), "0 1 3 83 0 1");
    assert_int_equal(device_count_common(rig.d, DEVICE_WRITE, COMMON(driver_feature)), 0);
    device_free(rig.d);
}

static void write_and_read_configuration(struct virtio_device *dev)
{
    struct virtio_config_field field = {.offset = 4, .width = 4};

    assert_int_equal(virtio_config_write(dev, 0, 4, 1), -VIRTIO_E_STATE);
    assert_int_equal(virtio_config_read(dev, &field, 1), 0);
    assert_int_equal(field.value, 0x11223344);
}

/* DRV-INIT-05, DRV-INIT-06: read, yes; written, no. The device complains about a write, too. */
static void configuration_is_read_but_not_written_during_negotiation(void **state)
{
    struct plain_rig rig;

    (void)state;
    plain_rig_discover(&rig, 8);
    device_set_config(rig.d, 4, 4, 0x11223344);
    rig.plain.during_negotiation = write_and_read_configuration;
    assert_int_equal(plain_rig_claim(&rig), 0);
    assert_int_equal(rig.d->host->config[0], 0);
    assert_int_equal(virtio_config_write(&rig.d->dev, 0, 4, 0xaabbccdd), 0);
    assert_int_equal(rig.d->host->config[3], 0xaa);
    device_free(rig.d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_driver_accepts_its_own_bits_and_no_others),
        cmocka_unit_test(blk_driver_accepts_its_own_bits_and_no_others),
        cmocka_unit_test(console_driver_accepts_its_own_bits_and_no_others),
        cmocka_unit_test(feature_bits_from_64_on_are_never_there),
        cmocka_unit_test(what_is_not_offered_is_not_accepted),
        cmocka_unit_test(device_without_version_1_is_failed_and_left_alone),
        cmocka_unit_test(features_ok_that_does_not_stay_ends_the_claim),
        cmocka_unit_test(features_are_written_once_and_before_features_ok),
        cmocka_unit_test(feature_windows_are_selected_first),
        cmocka_unit_test(drivers_negotiate_can_only_take_features_away),
        cmocka_unit_test(drivers_negotiate_can_refuse_the_device),
        cmocka_unit_test(configuration_is_read_but_not_written_during_negotiation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
