/* SPDX-License-Identifier: BSD-2-Clause */
/* Rules of queues, notifications and registers on PCI (VIRTIO 1.4, 2.6, 2.9, 4.1): drivers that break one are caught. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "launcher/device.h"
#include "tests/unit/support/register_script.h"

/* ---- Registers ---- */

static void status_by_32_bits(struct script *s)
{
    script_access(s, LAUNCHER_REG_STATUS, true, 4, 0, 0);
}

static void queue_size_by_32_bits(struct script *s)
{
    start(s, 0);
    put(s, QUEUE_SELECT, 0);
    script_access(s, LAUNCHER_REG_QUEUE_SIZE, false, 4, 0, 256);
}

static void feature_by_bytes(struct script *s)
{
    begin(s);
    put(s, DEVICE_FEATURE_SELECT, 0);
    script_access(s, LAUNCHER_REG_DEVICE_FEATURE, false, 1, 3, 0);
}

static void config_by_bytes(struct script *s)
{
    start(s, 0);
    get(s, GENERATION, 0);
    get_config(s, 0, 1, 0);
}

static void config_misaligned(struct script *s)
{
    start(s, 0);
    get(s, GENERATION, 0);
    get_config(s, 2, 4, 0);
}

static void num_queues_written(struct script *s)
{
    put(s, NUM_QUEUES, 1);
}

static void offered_unselected(struct script *s)
{
    begin(s);
    get(s, DEVICE_FEATURE, 0);
}

static void accepted_unselected(struct script *s)
{
    begin(s);
    read_offered(s);
    put(s, DRIVER_FEATURE, 0);
}

static void queue_unselected(struct script *s)
{
    start(s, 0);
    get(s, QUEUE_SIZE, 256);
}

static void notif_data_without_feature(struct script *s)
{
    start(s, 0);
    put(s, QUEUE_SELECT, 0);
    get(s, QUEUE_NOTIF_DATA, 0);
}

static void queue_reset_without_feature(struct script *s)
{
    up(s, 0);
    put(s, QUEUE_RESET, 1);
}

/* DRV-PCI-05 to -07, -18, IMP-PCI-04, -06, -07, -13 */
static void drivers_that_misuse_registers_are_caught(void **state)
{
    static const struct mutant mutants[] = {
        MUTANT("DRV-PCI-05", PCI, BLOCK, status_by_32_bits),
        MUTANT("DRV-PCI-06", PCI, BLOCK, queue_size_by_32_bits),
        MUTANT("DRV-PCI-07", PCI, BLOCK, feature_by_bytes),
        MUTANT("DRV-PCI-07", PCI, BLOCK, config_by_bytes),
        MUTANT("DRV-PCI-07", PCI, BLOCK, config_misaligned),
        MUTANT("DRV-PCI-18", PCI, BLOCK, num_queues_written),
        MUTANT("IMP-PCI-04", PCI, BLOCK, offered_unselected),
        MUTANT("IMP-PCI-04", PCI, BLOCK, accepted_unselected),
        MUTANT("IMP-PCI-13", PCI, BLOCK, queue_unselected),
        MUTANT("IMP-PCI-06", PCI, BLOCK, notif_data_without_feature),
        MUTANT("IMP-PCI-07", PCI, BLOCK, queue_reset_without_feature),
    };

    (void)state;
    run_mutants(mutants, sizeof(mutants) / sizeof(mutants[0]));
}

/* ---- The legacy block (4.1.4.10) ---- */

static void legacy_status_by_32_bits(struct script *s)
{
    script_access(s, LAUNCHER_REG_STATUS, true, 4, 0, 0);
}

static void config_where_vectors_are(struct script *s)
{
    script_access(s, LAUNCHER_REG_CONFIG_VECTOR, false, 4, 0, 0);
}

static void legacy_size_written(struct script *s)
{
    start(s, 0);
    put(s, QUEUE_SELECT, 0);
    put(s, QUEUE_SIZE, 16);
}

/* IMP-PCILEG-01, -02, -06 */
static void drivers_that_misuse_the_legacy_block_are_caught(void **state)
{
    static const struct mutant mutants[] = {
        MUTANT("IMP-PCILEG-01", PCI_LEGACY, BLOCK, legacy_status_by_32_bits),
        MUTANT("IMP-PCILEG-02", PCI_LEGACY, BLOCK, config_where_vectors_are),
        MUTANT("IMP-PCILEG-06", PCI_LEGACY, BLOCK, legacy_size_written),
    };

    (void)state;
    run_mutants(mutants, sizeof(mutants) / sizeof(mutants[0]));
}

/* ---- Setting queues up ---- */

static void select_queue(struct script *s, uint64_t features)
{
    start(s, features);
    put(s, QUEUE_SELECT, 0);
    get(s, QUEUE_SIZE, s->size);
}

static void size_is_odd(struct script *s)
{
    select_queue(s, 0);
    put(s, QUEUE_SIZE, 100);
}

static void size_is_zero(struct script *s)
{
    select_queue(s, BIT(VIRTIO_F_RING_PACKED));
    put(s, QUEUE_SIZE, 0);
}

static void size_is_too_large(struct script *s)
{
    select_queue(s, 0);
    put(s, QUEUE_SIZE, 512);
}

static void size_is_huge(struct script *s)
{
    select_queue(s, 0);
    put(s, QUEUE_SIZE, 65535);
}

static void size_is_huge_and_packed(struct script *s)
{
    select_queue(s, BIT(VIRTIO_F_RING_PACKED));
    put(s, QUEUE_SIZE, 32769);
}

static void queue_is_not_there(struct script *s)
{
    s->size = 0;
    start(s, 0);
    queue(s, 0);
}

static void enabled_before_addresses(struct script *s)
{
    select_queue(s, 0);
    put(s, QUEUE_DESC_LO, 0x10000);
    put(s, QUEUE_DRIVER_LO, 0x11000);
    put(s, QUEUE_ENABLE, 1);
}

static void disabled_by_zero(struct script *s)
{
    up(s, 0);
    put(s, QUEUE_ENABLE, 0);
}

static void queue_reset_not_awaited(struct script *s)
{
    up(s, BIT(VIRTIO_F_RING_RESET));
    put(s, QUEUE_RESET, 1);
    get(s, QUEUE_RESET, 1);
    queue(s, 0);
}

static void reenabled_without_setting_up(struct script *s)
{
    up(s, BIT(VIRTIO_F_RING_RESET));
    put(s, QUEUE_RESET, 1);
    get(s, QUEUE_RESET, 0);
    put(s, QUEUE_ENABLE, 1);
}

/* DRV-PCI-19 to -24, IMP-PCI-05, -08, DRV-VQRST-*, IMP-SPLIT-01, IMP-PACKED-01 */
static void drivers_that_set_queues_up_wrongly_are_caught(void **state)
{
    static const struct mutant mutants[] = {
        MUTANT("DRV-PCI-19", PCI, BLOCK, size_is_zero),
        MUTANT("DRV-PCI-20", PCI, BLOCK, size_is_odd),
        MUTANT("IMP-SPLIT-01", PCI, BLOCK, size_is_huge),
        MUTANT("IMP-SPLIT-01", PCI, BLOCK, size_is_odd),
        MUTANT("IMP-PACKED-01", PCI, BLOCK, size_is_huge_and_packed),
        MUTANT("IMP-PCI-08", PCI, BLOCK, size_is_too_large),
        MUTANT("IMP-PCI-05", PCI, BLOCK, queue_is_not_there),
        MUTANT("DRV-PCI-21", PCI, BLOCK, enabled_before_addresses),
        MUTANT("DRV-PCI-23", PCI, BLOCK, disabled_by_zero),
        MUTANT("DRV-PCI-24", PCI, BLOCK, queue_reset_not_awaited),
        MUTANT("DRV-VQRST-01", PCI, BLOCK, queue_reset_not_awaited),
        MUTANT("DRV-VQRST-03", PCI, BLOCK, reenabled_without_setting_up),
    };

    (void)state;
    run_mutants(mutants, sizeof(mutants) / sizeof(mutants[0]));
}

/* ---- Notifications ---- */

static void notified_by_32_bits(struct script *s)
{
    up(s, 0);
    notify(s, 4, 0);
}

static void notified_by_16_bits(struct script *s)
{
    up(s, BIT(VIRTIO_F_NOTIFICATION_DATA));
    notify(s, 2, 0);
}

static void notified_of_another_queue(struct script *s)
{
    up(s, 0);
    notify(s, 2, 1);
}

static void notified_of_a_queue_that_is_off(struct script *s)
{
    start(s, 0);
    queue(s, 0);
    put(s, QUEUE_SELECT, 1);
    put(s, QUEUE_SIZE, 8);
    live(s);
    notify(s, 2, 1);
}

static void notified_with_data_of_another_queue(struct script *s)
{
    up(s, BIT(VIRTIO_F_NOTIFICATION_DATA));
    notify(s, 4, 0x10001);
}

static void name_the_queue(struct script *s, uint64_t features)
{
    start(s, features | BIT(VIRTIO_F_NOTIF_CONFIG_DATA));
    queue(s, 0);
    get(s, QUEUE_NOTIF_DATA, 0x5a00);
    live(s);
}

static void notified_by_index_instead_of_name(struct script *s)
{
    name_the_queue(s, 0);
    notify(s, 2, 0);
}

static void notified_with_data_by_index(struct script *s)
{
    name_the_queue(s, BIT(VIRTIO_F_NOTIFICATION_DATA));
    notify(s, 4, 0x10000);
}

/* DRV-PCI-43 to -48 */
static void drivers_that_notify_wrongly_are_caught(void **state)
{
    static const struct mutant mutants[] = {
        MUTANT("DRV-PCI-43", PCI, BLOCK, notified_by_32_bits),
        MUTANT("DRV-PCI-44", PCI, BLOCK, notified_by_16_bits),
        MUTANT("DRV-PCI-45", PCI, BLOCK, notified_of_another_queue),
        MUTANT("DRV-PCI-45", PCI, BLOCK, notified_of_a_queue_that_is_off),
        MUTANT("DRV-PCI-46", PCI, BLOCK, notified_with_data_of_another_queue),
        MUTANT("DRV-PCI-47", PCI, BLOCK, notified_by_index_instead_of_name),
        MUTANT("DRV-PCI-48", PCI, BLOCK, notified_with_data_by_index),
    };

    (void)state;
    run_mutants(mutants, sizeof(mutants) / sizeof(mutants[0]));
}

/* ---- Right drivers ---- */

static void right_queues_are_not_accused(void **state)
{
    struct script s;

    (void)state;
    /* A queue that is reset on its own, and set up anew with another size. */
    script_begin(&s, LAUNCHER_PCI, VIRTIO_ID_BLOCK);
    up(&s, BIT(VIRTIO_F_RING_RESET));
    put(&s, QUEUE_RESET, 1);
    get(&s, QUEUE_RESET, 1);
    get(&s, QUEUE_RESET, 0);
    s.size = 64;
    queue(&s, 0);
    notify(&s, 2, 0);
    expect_clean(&s);

    /* Packed, of any size; notifications with data and with the device's name for the queue. */
    script_begin(&s, LAUNCHER_PCI, VIRTIO_ID_BLOCK);
    s.size = 100;
    name_the_queue(&s, BIT(VIRTIO_F_RING_PACKED) | BIT(VIRTIO_F_NOTIFICATION_DATA));
    notify(&s, 4, 0x80015a00);
    expect_clean(&s);

    /* A driver that does not ask how many entries there may be. */
    script_begin(&s, LAUNCHER_PCI, VIRTIO_ID_BLOCK);
    start(&s, 0);
    put(&s, QUEUE_SELECT, 0);
    put(&s, QUEUE_SIZE, 16);
    expect_clean(&s);

    /* A size smaller than the device's, and one that is never read again. */
    script_begin(&s, LAUNCHER_PCI, VIRTIO_ID_BLOCK);
    select_queue(&s, 0);
    put(&s, QUEUE_SIZE, 16);
    get(&s, QUEUE_SIZE, 16);
    put(&s, QUEUE_SIZE, 128);
    get(&s, QUEUE_NOTIFY_OFF, 0);
    expect_clean(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(drivers_that_misuse_registers_are_caught),
        cmocka_unit_test(drivers_that_misuse_the_legacy_block_are_caught),
        cmocka_unit_test(drivers_that_set_queues_up_wrongly_are_caught),
        cmocka_unit_test(drivers_that_notify_wrongly_are_caught),
        cmocka_unit_test(right_queues_are_not_accused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
