/* SPDX-License-Identifier: BSD-2-Clause */
/* Device configuration space (VIRTIO 1.4, 2.5, 4.1.3.1): widths, bounds, and values that change while they are read. */
#include "virtio/deadlines.h"

#include "tests/unit/support/plain_driver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define COMMON(field) offsetof(struct virtio_pci_common_cfg, field)

static unsigned config_reads(const struct device *d)
{
    unsigned count = 0;

    for (size_t i = 0; i < d->event_count; i++)
        count += d->events[i].kind == DEVICE_READ && d->events[i].region == DEVICE_BAR &&
                 d->events[i].offset - d->function->device.offset < d->function->device.length;
    return count;
}

/* DRV-PCI-05, DRV-PCI-06, DRV-PCI-07, IMP-CORE-05, IMP-PCI-01, DRV-CFG-01 */
static void fields_are_read_with_accesses_of_their_width(void **state)
{
    static const struct {
        uint64_t offset;
        unsigned width;
    } expected[] = {{16, 1}, {18, 2}, {20, 4}, {24, 4}, {28, 4}};
    struct virtio_config_field fields[] = {
        {.offset = 16, .width = 1},
        {.offset = 18, .width = 2},
        {.offset = 20, .width = 4},
        {.offset = 24, .width = 8},
    };
    struct plain_rig rig;
    unsigned seen = 0;

    (void)state;
    plain_rig_make(&rig, 8);
    for (unsigned i = 0; i < 32; i++)
        rig.d->host->config[i] = (uint8_t)(0xf0 + i);
    assert_int_equal(virtio_config_read(&rig.d->dev, fields, 4), 0);
    for (size_t i = 0; i < rig.d->event_count; i++) {
        const struct device_event *event = &rig.d->events[i];

        if (event->kind != DEVICE_READ || event->offset < rig.d->function->device.offset)
            continue;
        assert_true(seen < 5);
        assert_int_equal(event->offset, rig.d->function->device.offset + expected[seen].offset);
        assert_int_equal(event->width, expected[seen].width);
        seen++;
    }
    assert_int_equal(seen, 5);
    assert_int_equal(fields[0].value, 0x00);
    assert_int_equal(fields[1].value, 0x0302);
    assert_int_equal(fields[2].value, 0x07060504);
    assert_true(fields[3].value == 0x0f0e0d0c0b0a0908);
    device_free(rig.d);
}

/* The device changes a 64-bit field between the reads of its halves, and another field with it, once. */
static void change_once(struct device *d, struct device_event *event)
{
    static const uint64_t value = 0x2222222222222222;

    if (!device_reads_config(d, event, 0))
        return;
    d->on_access = NULL;
    device_set_config(d, 0, 8, value);
    device_set_config(d, 8, 4, 0x22222222);
}

/* DRV-CFG-01, DRV-CFG-02, DRV-CFG-03 */
static void fields_are_read_again_when_the_generation_changes(void **state)
{
    struct virtio_config_field fields[] = {{.offset = 0, .width = 8}, {.offset = 8, .width = 4}};
    struct plain_rig rig;

    (void)state;
    plain_rig_make(&rig, 8);
    device_set_config(rig.d, 0, 8, 0x1111111111111111);
    device_set_config(rig.d, 8, 4, 0x11111111);
    rig.d->on_access = change_once;
    assert_int_equal(virtio_config_read(&rig.d->dev, fields, 2), 0);
    assert_true(fields[0].value == 0x2222222222222222);
    assert_int_equal(fields[1].value, 0x22222222);
    assert_int_equal(config_reads(rig.d), 6);
    device_free(rig.d);
}

/* DRV-CFG-03: a few changes are waited out. */
static void generation_that_settles_late_is_good(void **state)
{
    struct virtio_config_field field = {.offset = 0, .width = 4};
    struct plain_rig rig;

    (void)state;
    plain_rig_make(&rig, 8);
    launcher_fault_arm(rig.d->host, LAUNCHER_FAULT_CONFIG_CHANGES, 0, VIRTIO_CONFIG_RETRIES - 1, 0);
    assert_int_equal(virtio_config_read(&rig.d->dev, &field, 1), 0);
    device_free(rig.d);
}

/* A wait without a bound: a device that changes its configuration for ever must not hang the reader. */
static void generation_that_never_settles_is_an_error(void **state)
{
    struct virtio_config_field field = {.offset = 0, .width = 4};
    struct plain_rig rig;

    (void)state;
    plain_rig_make(&rig, 8);
    launcher_fault_arm(rig.d->host, LAUNCHER_FAULT_CONFIG_CHANGES, 0, 0, 0);
    assert_int_equal(virtio_config_read(&rig.d->dev, &field, 1), -VIRTIO_E_CONFIG);
    assert_int_equal(config_reads(rig.d), VIRTIO_CONFIG_RETRIES);
    assert_non_null(device_logged(rig.d, "configuration changed during each of 64 reads"));
    device_free(rig.d);
}

/* DRV-PCI-16: what is not there is not touched. */
static void field_outside_the_configuration_is_an_error(void **state)
{
    static const struct virtio_config_field outside[] = {
        {.offset = 16, .width = 1},         {.offset = 16, .width = 4},
        {.offset = 12, .width = 8},         {.offset = 0, .width = 0},
        {.offset = 0, .width = 3},          {.offset = 1, .width = 2},
        {.offset = 2, .width = 4},          {.offset = 2, .width = 8},
        {.offset = 0, .width = 16},         {.offset = 4, .width = 5},
        {.offset = UINT32_MAX, .width = 1}, {.offset = 0xfffffffc, .width = 4},
        {.offset = 8, .width = 9},          {.offset = 0xfffffffc, .width = 8},
        {.offset = 0, .width = UINT32_MAX},
    };
    struct plain_rig rig;

    (void)state;
    plain_rig_make(&rig, 8);
    rig.d->dev.config.length = 16;
    for (unsigned i = 0; i < sizeof(outside) / sizeof(outside[0]); i++) {
        struct virtio_config_field fields[] = {{.offset = 0, .width = 4}, outside[i]};

        assert_int_equal(virtio_config_read(&rig.d->dev, fields, 2), -VIRTIO_E_CONFIG);
        assert_int_equal(virtio_config_write(&rig.d->dev, outside[i].offset, outside[i].width, 0),
                         -VIRTIO_E_CONFIG);
    }
    assert_int_equal(config_reads(rig.d), 0);
    device_free(rig.d);
}

static void last_field_of_the_configuration_can_be_read(void **state)
{
    struct virtio_config_field fields[] = {{.offset = 15, .width = 1}, {.offset = 8, .width = 8}};
    struct plain_rig rig;

    (void)state;
    plain_rig_make(&rig, 8);
    rig.d->dev.config.length = 16;
    rig.d->host->config[15] = 0x77;
    assert_int_equal(virtio_config_read(&rig.d->dev, fields, 2), 0);
    assert_int_equal(fields[0].value, 0x77);
    assert_true(fields[1].value == 0x7700000000000000);
    device_free(rig.d);
}

/* DRV-CFG-05, DRV-CFG-06, DRV-PCI-15: larger than expected is fine. */
static void configuration_space_may_be_larger_than_any_layout(void **state)
{
    struct virtio_config_field field = {.offset = 4, .width = 4};
    struct virtio_bus bus = {0};
    struct device *d = device_new(VIRTIO_ID_ENTROPY);

    (void)state;
    d->function->bar_size[4] = 0x100000000;
    d->function->device.length = 0x80000000;
    d->function->device.offset = 0x10000000;
    device_pci_fill(d);
    device_set_config(d, 4, 4, 0x12345678);
    assert_int_equal(device_discover(d, &bus), 0);
    assert_int_equal(virtio_config_read(&d->dev, &field, 1), 0);
    assert_int_equal(field.value, 0x12345678);
    device_free(d);
}

/* DRV-CFG-06: a device without any configuration works until a field is asked for. */
static void device_without_configuration_space_has_no_fields(void **state)
{
    struct virtio_config_field field = {.offset = 0, .width = 1};
    struct virtio_bus bus = {0};
    struct device *d = device_new(VIRTIO_ID_ENTROPY);
    struct plain plain = {.queues = 1, .size = 8};

    (void)state;
    d->pci[LAUNCHER_PCI_CAP_DEVICE + 3] = 0x40; /* a reserved type */
    device_give_memory(d, &plain_driver, 8);
    assert_int_equal(device_discover(d, &bus), 0);
    assert_int_equal(virtio_claim(&bus, &d->dev, &plain_driver, &plain), 0);
    assert_int_equal(virtio_config_read(&d->dev, &field, 1), -VIRTIO_E_CONFIG);
    assert_int_equal(virtio_config_write(&d->dev, 0, 1, 0), -VIRTIO_E_CONFIG);
    device_free(d);
}

/* DRV-PCI-05, DRV-PCI-06, DRV-PCI-07 */
static void fields_are_written_with_accesses_of_their_width(void **state)
{
    struct plain_rig rig;

    (void)state;
    plain_rig_make(&rig, 8);
    assert_int_equal(virtio_config_write(&rig.d->dev, 0, 1, 0x11), 0);
    assert_int_equal(virtio_config_write(&rig.d->dev, 2, 2, 0x3322), 0);
    assert_int_equal(virtio_config_write(&rig.d->dev, 4, 4, 0x77665544), 0);
    assert_int_equal(virtio_config_write(&rig.d->dev, 8, 8, 0), -VIRTIO_E_CONFIG);
    assert_memory_equal(rig.d->host->config, "\x11\0\x22\x33\x44\x55\x66\x77\0", 9);
    device_free(rig.d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_are_read_with_accesses_of_their_width),
        cmocka_unit_test(fields_are_read_again_when_the_generation_changes),
        cmocka_unit_test(generation_that_settles_late_is_good),
        cmocka_unit_test(generation_that_never_settles_is_an_error),
        cmocka_unit_test(field_outside_the_configuration_is_an_error),
        cmocka_unit_test(last_field_of_the_configuration_can_be_read),
        cmocka_unit_test(configuration_space_may_be_larger_than_any_layout),
        cmocka_unit_test(device_without_configuration_space_has_no_fields),
        cmocka_unit_test(fields_are_written_with_accesses_of_their_width),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
