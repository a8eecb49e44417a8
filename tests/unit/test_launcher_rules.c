/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rules of a device's life, whatever the transport: for each, a driver that breaks it is caught, and one that keeps all of
 * them is not. The scripts are right in all else; a comment says where they are not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "launcher/device.h"
#include "tests/unit/support/register_script.h"

#define BLK(field) offsetof(struct virtio_blk_config, field)

/* ---- The order of initialization (3.1.1) ---- */

static void never_reset(struct script *s)
{
    put(s, STATUS, 1);
}

static void reset_not_awaited(struct script *s)
{
    put(s, STATUS, 0);
    get(s, STATUS, 0xf);
    put(s, STATUS, 1);
}

/* U-Boot: ACKNOWLEDGE, then the reset, then DRIVER. */
static void acknowledge_before_reset(struct script *s)
{
    put(s, STATUS, 1);
    reset(s);
    put(s, STATUS, 2);
}

static void features_before_acknowledge(struct script *s)
{
    reset(s);
    read_offered(s);
    accept(s, BIT(VIRTIO_F_VERSION_1));
    put(s, STATUS, 1);
}

/* SeaBIOS. */
static void acknowledge_and_driver_at_once(struct script *s)
{
    reset(s);
    put(s, STATUS, 3);
}

static void features_without_driver(struct script *s)
{
    reset(s);
    put(s, STATUS, 1);
    read_offered(s);
    accept(s, BIT(VIRTIO_F_VERSION_1));
}

static void driver_never_set(struct script *s)
{
    reset(s);
    put(s, STATUS, 1);
    put(s, STATUS, 9);
    get(s, STATUS, 9);
    put(s, STATUS, 0xd);
}

static void features_not_read(struct script *s)
{
    begin(s);
    accept(s, BIT(VIRTIO_F_VERSION_1));
}

static void features_of_the_life_before(struct script *s)
{
    start(s, 0);
    begin(s);
    accept(s, BIT(VIRTIO_F_VERSION_1));
}

static void nothing_negotiated(struct script *s)
{
    begin(s);
    put(s, STATUS, 0xb);
}

static void config_written_in_negotiation(struct script *s)
{
    s->offered |= BIT(VIRTIO_BLK_F_CONFIG_WCE);
    begin(s);
    read_offered(s);
    put_config(s, BLK(writeback), 1, 1);
}

static void no_features_ok(struct script *s)
{
    begin(s);
    read_offered(s);
    accept(s, BIT(VIRTIO_F_VERSION_1));
    queue(s, 0);
    put(s, STATUS, 7);
}

static void more_after_features_ok(struct script *s)
{
    s->offered |= BIT(VIRTIO_BLK_F_FLUSH);
    start(s, 0);
    accept(s, BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_BLK_F_FLUSH));
}

static void fewer_after_features_ok(struct script *s)
{
    start(s, BIT(VIRTIO_BLK_F_FLUSH));
    accept(s, BIT(VIRTIO_F_VERSION_1));
}

static void legacy_features_changed_live(struct script *s)
{
    up(s, BIT(VIRTIO_BLK_F_FLUSH));
    accept(s, 0);
}

static void features_ok_not_read_back(struct script *s)
{
    begin(s);
    read_offered(s);
    accept(s, BIT(VIRTIO_F_VERSION_1));
    put(s, STATUS, 0xb);
    queue(s, 0);
}

static void live_without_reading_back(struct script *s)
{
    begin(s);
    read_offered(s);
    accept(s, BIT(VIRTIO_F_VERSION_1));
    put(s, STATUS, 0xb);
    put(s, STATUS, 0xf);
}

static void refused(struct script *s)
{
    begin(s);
    read_offered(s);
    accept(s, BIT(VIRTIO_F_VERSION_1));
    put(s, STATUS, 0xb);
    get(s, STATUS, 3);
}

static void goes_on_though_refused(struct script *s)
{
    refused(s);
    queue(s, 0);
}

static void live_though_refused(struct script *s)
{
    refused(s);
    put(s, STATUS, 7);
}

static void goes_on_after_failed(struct script *s)
{
    start(s, 0);
    put(s, STATUS, 0x8b);
    put(s, STATUS, 0x8f);
}

static void queue_after_failed(struct script *s)
{
    start(s, 0);
    put(s, STATUS, 0x8b);
    queue(s, 0);
}

static void tries_again_after_failed(struct script *s)
{
    start(s, 0);
    put(s, STATUS, 0x8b);
    put(s, STATUS, 1);
}

static void queue_before_features(struct script *s)
{
    begin(s);
    queue(s, 0);
}

static void queue_after_driver_ok(struct script *s)
{
    up(s, 0);
    queue(s, 1);
}

static void legacy_queue_before_driver(struct script *s)
{
    reset(s);
    put(s, STATUS, 1);
    queue(s, 0);
}

static void features_ok_after_driver_ok(struct script *s)
{
    begin(s);
    read_offered(s);
    accept(s, BIT(VIRTIO_F_VERSION_1));
    put(s, STATUS, 7);
    put(s, STATUS, 0xf);
}

static void notified_early(struct script *s)
{
    start(s, 0);
    queue(s, 0);
    notify(s, 2, 0);
}

static void features_ok_of_legacy(struct script *s)
{
    begin(s);
    put(s, STATUS, 0xb);
}

static void bits_dropped(struct script *s)
{
    begin(s);
    read_offered(s);
    accept(s, BIT(VIRTIO_F_VERSION_1));
    put(s, STATUS, 8);
}

static void needs_reset_cleared(struct script *s)
{
    up(s, 0);
    get(s, STATUS, 0x4f);
    put(s, STATUS, 0xf);
}

static void undefined_status_bit(struct script *s)
{
    begin(s);
    put(s, STATUS, 0x23);
}

/* DRV-INIT-*, DRV-STATUS-*, DRV-RESET-01, DRV-PCI-22, IMP-CORE-01, IMP-CORE-02 */
static void drivers_that_break_the_order_are_caught(void **state)
{
    static const struct mutant mutants[] = {
        MUTANT("DRV-INIT-01", PCI, BLOCK, never_reset),
        MUTANT("DRV-INIT-01", MMIO_LEGACY, BLOCK, acknowledge_before_reset),
        MUTANT("DRV-RESET-01", PCI, BLOCK, reset_not_awaited),
        MUTANT("DRV-RESET-01", MMIO, BLOCK, reset_not_awaited),
        MUTANT("DRV-PCI-22", PCI, BLOCK, reset_not_awaited),
        MUTANT("DRV-INIT-02", PCI, BLOCK, acknowledge_before_reset),
        MUTANT("DRV-INIT-02", PCI, BLOCK, features_before_acknowledge),
        MUTANT("DRV-INIT-03", PCI, BLOCK, acknowledge_and_driver_at_once),
        MUTANT("DRV-INIT-03", PCI, BLOCK, features_without_driver),
        MUTANT("DRV-STATUS-01", PCI, BLOCK, driver_never_set),
        MUTANT("DRV-INIT-04", PCI, BLOCK, features_not_read),
        MUTANT("DRV-INIT-04", PCI, BLOCK, features_of_the_life_before),
        MUTANT("DRV-INIT-04", PCI, BLOCK, nothing_negotiated),
        MUTANT("DRV-INIT-06", PCI, BLOCK, config_written_in_negotiation),
        MUTANT("DRV-INIT-07", PCI, BLOCK, no_features_ok),
        MUTANT("DRV-INIT-08", PCI, BLOCK, more_after_features_ok),
        MUTANT("IMP-CORE-02", PCI, BLOCK, fewer_after_features_ok),
        MUTANT("IMP-CORE-02", PCI_LEGACY, BLOCK, legacy_features_changed_live),
        MUTANT("DRV-INIT-09", PCI, BLOCK, features_ok_not_read_back),
        MUTANT("DRV-INIT-09", MMIO, BLOCK, live_without_reading_back),
        MUTANT("DRV-INIT-09", PCI, BLOCK, goes_on_though_refused),
        MUTANT("DRV-INIT-13", PCI, BLOCK, goes_on_though_refused),
        MUTANT("DRV-INIT-13", PCI, BLOCK, live_though_refused),
        MUTANT("DRV-INIT-13", PCI, BLOCK, goes_on_after_failed),
        MUTANT("DRV-INIT-13", PCI, BLOCK, queue_after_failed),
        MUTANT("DRV-STATUS-03", PCI, BLOCK, tries_again_after_failed),
        MUTANT("DRV-INIT-10", PCI, BLOCK, queue_before_features),
        MUTANT("DRV-INIT-10", PCI, BLOCK, queue_after_driver_ok),
        MUTANT("DRV-INIT-10", PCI_LEGACY, BLOCK, legacy_queue_before_driver),
        MUTANT("DRV-INIT-11", PCI, BLOCK, features_ok_after_driver_ok),
        MUTANT("DRV-INIT-14", PCI, BLOCK, notified_early),
        MUTANT("DRV-INIT-15", PCI_LEGACY, BLOCK, features_ok_of_legacy),
        MUTANT("DRV-STATUS-02", PCI, BLOCK, bits_dropped),
        MUTANT("DRV-STATUS-02", PCI, BLOCK, needs_reset_cleared),
        MUTANT("IMP-CORE-01", PCI, BLOCK, undefined_status_bit),
    };

    (void)state;
    run_mutants(mutants, sizeof(mutants) / sizeof(mutants[0]));
}

/* ---- Right drivers ---- */

static void right_drivers_are_not_accused(void **state)
{
    static const enum launcher_front_kind fronts[] = {LAUNCHER_PCI, LAUNCHER_PCI_LEGACY,
                                                      LAUNCHER_MMIO, LAUNCHER_MMIO_LEGACY};
    struct script s;

    (void)state;
    for (size_t i = 0; i < sizeof(fronts) / sizeof(fronts[0]); i++) {
        bool mmio = fronts[i] == LAUNCHER_MMIO || fronts[i] == LAUNCHER_MMIO_LEGACY;

        script_begin(&s, fronts[i], VIRTIO_ID_BLOCK);
        for (int life = 0; life < 2; life++) {
            start(&s, BIT(VIRTIO_BLK_F_FLUSH) | BIT(VIRTIO_BLK_F_SEG_MAX));
            for (int again = 0; again < 2; again++) {
                if (!s.referee.legacy)
                    get(&s, GENERATION, 7);
                get_config(&s, BLK(capacity), 4, 8);
                get_config(&s, BLK(capacity) + 4, 4, 0);
                get_config(&s, BLK(seg_max), 4, 126);
            }
            if (!s.referee.legacy)
                get(&s, GENERATION, 7);
            queue(&s, 0);
            queue(&s, 1);
            live(&s);
            notify(&s, mmio ? 4 : 2, 1);
        }
        reset(&s);
        expect_clean(&s);
    }
}

/* A torn read that is repeated, features that are refused and given up, FAILED and a new life: all of it is right. */
static void right_ways_out_are_not_accused(void **state)
{
    struct script s;

    (void)state;
    script_begin(&s, LAUNCHER_PCI, VIRTIO_ID_BLOCK);
    refused(&s);
    put(&s, STATUS, 0x83);
    start(&s, 0);
    get(&s, GENERATION, 0);
    get_config(&s, BLK(capacity), 4, 8);
    get(&s, GENERATION, 1);
    get_config(&s, BLK(capacity), 4, 9);
    get(&s, GENERATION, 1);
    queue(&s, 0);
    live(&s);
    get(&s, STATUS, 0x4f);
    put(&s, STATUS, 0xcf);
    reset(&s);
    expect_clean(&s);
}

/* A console's character may be written at any time (5.3.4), and the device may lose what is written. */
static void what_looks_wrong_and_is_not_is_not_accused(void **state)
{
    struct script s;

    (void)state;
    script_begin(&s, LAUNCHER_PCI, VIRTIO_ID_CONSOLE);
    s.offered |= BIT(VIRTIO_CONSOLE_F_EMERG_WRITE);
    begin(&s);
    read_offered(&s);
    put_config(&s, offsetof(struct virtio_console_config, emerg_wr), 4, 'x');
    reset(&s);
    put(&s, STATUS, 1);
    get(&s, STATUS, 0); /* lost */
    put(&s, STATUS, 2);
    get(&s, STATUS, 0xff); /* the device is gone */
    put(&s, STATUS, 0x82);
    expect_clean(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(drivers_that_break_the_order_are_caught),
        cmocka_unit_test(right_drivers_are_not_accused),
        cmocka_unit_test(right_ways_out_are_not_accused),
        cmocka_unit_test(what_looks_wrong_and_is_not_is_not_accused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
