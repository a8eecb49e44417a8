/* SPDX-License-Identifier: BSD-2-Clause */
/* Rules of the device configuration and of suspension (VIRTIO 1.4, 2.5, 3.4): drivers that break one are caught. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "launcher/device.h"
#include "tests/unit/support/register_script.h"

#define BLK(field) offsetof(struct virtio_blk_config, field)

/* ---- The device configuration (2.5) ---- */

static void capacity_in_one_step(struct script *s)
{
    start(s, 0);
    get(s, GENERATION, 0);
    get_config(s, BLK(capacity), 8, 8);
    get(s, GENERATION, 0);
}

static void no_generation_before(struct script *s)
{
    start(s, 0);
    get_config(s, BLK(capacity), 4, 8);
    get(s, GENERATION, 0);
}

static void no_generation_after(struct script *s)
{
    start(s, 0);
    get(s, GENERATION, 0);
    get_config(s, BLK(capacity), 4, 8);
    queue(s, 0);
    live(s);
}

static void torn_read_kept(struct script *s)
{
    start(s, 0);
    get(s, GENERATION, 0);
    get_config(s, BLK(capacity), 4, 8);
    get_config(s, BLK(capacity) + 4, 4, 0);
    get(s, GENERATION, 1);
    queue(s, 0);
    live(s);
}

static void field_not_offered(struct script *s)
{
    start(s, 0);
    get(s, GENERATION, 0);
    get_config(s, BLK(seg_max), 4, 0);
}

static void field_without_looking(struct script *s)
{
    reset(s);
    get(s, GENERATION, 0);
    get_config(s, BLK(seg_max), 4, 0);
}

static void writeback_too_early(struct script *s)
{
    s->offered |= BIT(VIRTIO_BLK_F_CONFIG_WCE);
    begin(s);
    read_offered(s);
    get(s, GENERATION, 0);
    get_config(s, BLK(writeback), 1, 0);
}

static void writeback_never_read(struct script *s)
{
    up(s, BIT(VIRTIO_BLK_F_CONFIG_WCE));
    notify(s, 2, 0);
}

static void legacy_capacity_read_once(struct script *s)
{
    start(s, 0);
    get_config(s, BLK(capacity), 4, 8);
    get_config(s, BLK(capacity) + 4, 4, 0);
    queue(s, 0);
    live(s);
    notify(s, 2, 0);
}

static void legacy_capacity_still_changing(struct script *s)
{
    start(s, 0);
    get_config(s, BLK(capacity), 4, 8);
    get_config(s, BLK(capacity), 4, 16);
    queue(s, 0);
    live(s);
    notify(s, 4, 0);
}

/* DRV-CFG-*, DRV-BLK-04, IMP-BLK-09, IMP-MMIO-04 */
static void drivers_that_misread_the_configuration_are_caught(void **state)
{
    static const struct mutant mutants[] = {
        MUTANT("DRV-CFG-01", PCI, BLOCK, capacity_in_one_step),
        MUTANT("DRV-CFG-03", PCI, BLOCK, no_generation_before),
        MUTANT("DRV-CFG-03", PCI, BLOCK, no_generation_after),
        MUTANT("DRV-CFG-03", MMIO, BLOCK, torn_read_kept),
        MUTANT("IMP-MMIO-04", MMIO, BLOCK, torn_read_kept),
        MUTANT("DRV-CFG-04", PCI, BLOCK, field_not_offered),
        MUTANT("DRV-CFG-04", PCI, BLOCK, field_without_looking),
        MUTANT("DRV-CFG-07", PCI_LEGACY, BLOCK, legacy_capacity_read_once),
        MUTANT("DRV-CFG-07", MMIO_LEGACY, BLOCK, legacy_capacity_still_changing),
        MUTANT("DRV-BLK-04", PCI, BLOCK, writeback_too_early),
        MUTANT("IMP-BLK-09", PCI, BLOCK, writeback_never_read),
    };

    (void)state;
    run_mutants(mutants, sizeof(mutants) / sizeof(mutants[0]));
}

/* ---- Suspension (3.4) ---- */

static void suspended_before_live(struct script *s)
{
    start(s, BIT(VIRTIO_F_SUSPEND));
    put(s, STATUS, 0x1b);
}

static void suspended_without_the_feature(struct script *s)
{
    up(s, 0);
    put(s, STATUS, 0x1f);
}

static void suspend(struct script *s)
{
    up(s, BIT(VIRTIO_F_SUSPEND));
    put(s, STATUS, 0x1f);
}

static void resumed_unseen(struct script *s)
{
    suspend(s);
    get(s, STATUS, 0x1f);
    put(s, STATUS, 0xf);
}

static void notified_suspended(struct script *s)
{
    suspend(s);
    notify(s, 2, 0);
}

static void configured_suspended(struct script *s)
{
    s->offered |= BIT(VIRTIO_BLK_F_CONFIG_WCE);
    suspend(s);
    put_config(s, BLK(writeback), 1, 0);
}

static void notified_before_resumed(struct script *s)
{
    suspend(s);
    get(s, STATUS, 0x1b);
    put(s, STATUS, 0x1f);
    notify(s, 2, 0);
}

static void resumed_otherwise(struct script *s)
{
    suspend(s);
    get(s, STATUS, 0x1b);
    put(s, STATUS, 0xb);
}

/* DRV-SUSP-*, IMP-CORE-15 */
static void drivers_that_break_a_suspension_are_caught(void **state)
{
    static const struct mutant mutants[] = {
        MUTANT("DRV-SUSP-01", PCI, BLOCK, suspended_before_live),
        MUTANT("DRV-SUSP-02", PCI, BLOCK, suspended_without_the_feature),
        MUTANT("DRV-SUSP-03", PCI, BLOCK, resumed_unseen),
        MUTANT("DRV-SUSP-05", PCI, BLOCK, notified_suspended),
        MUTANT("DRV-SUSP-06", PCI, BLOCK, configured_suspended),
        MUTANT("DRV-SUSP-07", PCI, BLOCK, notified_before_resumed),
        MUTANT("IMP-CORE-15", PCI, BLOCK, resumed_otherwise),
    };

    (void)state;
    run_mutants(mutants, sizeof(mutants) / sizeof(mutants[0]));
}

static void right_suspensions_are_not_accused(void **state)
{
    struct script s;

    (void)state;
    script_begin(&s, LAUNCHER_PCI, VIRTIO_ID_BLOCK);
    suspend(&s);
    get(&s, STATUS, 0x1f);
    get(&s, STATUS, 0x1b);
    put(&s, STATUS, 0x1f);
    get(&s, STATUS, 0x1b);
    get(&s, STATUS, 0xf);
    notify(&s, 2, 0);
    put(&s, STATUS, 0x1f);
    get(&s, STATUS, 0x1b);
    put(&s, STATUS, 0xf);
    get(&s, STATUS, 0xf);
    notify(&s, 2, 0);
    expect_clean(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(drivers_that_misread_the_configuration_are_caught),
        cmocka_unit_test(drivers_that_break_a_suspension_are_caught),
        cmocka_unit_test(right_suspensions_are_not_accused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
