/* SPDX-License-Identifier: BSD-2-Clause */
/* Rules of the feature bits (VIRTIO 1.4, 2.2, 6): a driver that accepts what it must not, or leaves what it must take. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "launcher/device.h"
#include "tests/unit/support/register_script.h"

/* ---- Bits that are not there ---- */

static void not_offered(struct script *s)
{
    begin(s);
    read_offered(s);
    accept(s, BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_BLK_F_FLUSH));
}

static void not_described(struct script *s)
{
    start(s, BIT(25));
}

static void reserved(struct script *s)
{
    start(s, BIT(44));
}

static void reserved_from_128(struct script *s)
{
    begin(s);
    read_offered(s);
    put(s, DRIVER_FEATURE_SELECT, 4);
    put(s, DRIVER_FEATURE, 1);
}

static void of_another_transport(struct script *s)
{
    start(s, BIT(VIRTIO_F_NOTIFY_ON_EMPTY));
}

static void of_another_type(struct script *s)
{
    start(s, BIT(22)); /* VIRTIO_NET_F_MQ */
}

static void of_another_type_high(struct script *s)
{
    begin(s);
    read_offered(s);
    put(s, DRIVER_FEATURE_SELECT, 2);
    put(s, DRIVER_FEATURE, 1);
}

static void sr_iov(struct script *s)
{
    start(s, BIT(VIRTIO_F_SR_IOV));
}

static void admin_queue(struct script *s)
{
    start(s, BIT(VIRTIO_F_ADMIN_VQ));
}

/* DRV-FEAT-01, -04 to -08, DRV-RFB-10, -11, IMP-CORE-03, IMP-MMIO-13 */
static void drivers_that_accept_what_is_not_there_are_caught(void **state)
{
    static const struct mutant mutants[] = {
        MUTANT("DRV-FEAT-01", PCI, BLOCK, not_offered),
        MUTANT("DRV-FEAT-01", MMIO, BLOCK, not_offered),
        MUTANT("DRV-FEAT-05", PCI, BLOCK, not_described),
        MUTANT("DRV-FEAT-04", PCI, BLOCK, not_described),
        MUTANT("DRV-FEAT-06", PCI, BLOCK, reserved),
        MUTANT("DRV-FEAT-04", PCI, BLOCK, reserved),
        MUTANT("IMP-CORE-03", PCI, BLOCK, reserved),
        MUTANT("IMP-CORE-03", PCI, BLOCK, reserved_from_128),
        MUTANT("DRV-FEAT-07", PCI, BLOCK, of_another_transport),
        MUTANT("DRV-FEAT-07", MMIO, BLOCK, sr_iov),
        MUTANT("DRV-FEAT-04", PCI, BLOCK, of_another_transport),
        MUTANT("DRV-FEAT-08", PCI, BLOCK, of_another_type),
        MUTANT("DRV-FEAT-08", PCI, BLOCK, of_another_type_high),
        MUTANT("DRV-FEAT-04", PCI, BLOCK, of_another_type),
        MUTANT("DRV-RFB-10", PCI, BLOCK, sr_iov),
        MUTANT("DRV-RFB-11", MMIO, BLOCK, sr_iov),
        MUTANT("IMP-MMIO-13", MMIO, BLOCK, admin_queue),
    };

    (void)state;
    run_mutants(mutants, sizeof(mutants) / sizeof(mutants[0]));
}

/* ---- The choice ---- */

static void csum_missing(struct script *s)
{
    start(s, BIT(11)); /* VIRTIO_NET_F_HOST_TSO4 without VIRTIO_NET_F_CSUM */
}

static void no_version_1(struct script *s)
{
    begin(s);
    read_offered(s);
    accept(s, 0);
    features_ok(s);
}

static void version_1_never_read(struct script *s)
{
    begin(s);
    put(s, DEVICE_FEATURE_SELECT, 0);
    get(s, DEVICE_FEATURE, 0);
    features_ok(s);
}

static void leaves_all(struct script *s)
{
    s->offered |= BIT(VIRTIO_F_ACCESS_PLATFORM) | BIT(VIRTIO_F_RING_PACKED) |
                  BIT(VIRTIO_F_ORDER_PLATFORM) | BIT(VIRTIO_F_NOTIF_CONFIG_DATA) |
                  BIT(VIRTIO_BLK_F_RO) | BIT(VIRTIO_BALLOON_F_MUST_TELL_HOST);
    start(s, 0);
}

static void any_layout_left(struct script *s)
{
    s->offered |= BIT(VIRTIO_F_ANY_LAYOUT);
    up(s, 0);
}

static void bit_30(struct script *s)
{
    start(s, BIT(30));
}

static void legacy_features_of_a_modern_disk(struct script *s)
{
    start(s, BIT(VIRTIO_BLK_F_SCSI));
}

static void discard_of_a_host_managed_disk(struct script *s)
{
    s->offered |= BIT(VIRTIO_BLK_F_ZONED) | BIT(VIRTIO_BLK_F_DISCARD);
    begin(s);
    read_offered(s);
    get(s, GENERATION, 0);
    get_config(s, offsetof(struct virtio_blk_config, zoned_model), 1, VIRTIO_BLK_Z_HM);
    get(s, GENERATION, 0);
    accept(s, s->offered);
    features_ok(s);
}

/* DRV-FEAT-02, DRV-RFB-*, DRV-BLK-06, DRV-BLK-16, IMP-BLK-04, DRV-BAL-01 */
static void drivers_that_choose_wrongly_are_caught(void **state)
{
    static const struct mutant mutants[] = {
        MUTANT("DRV-FEAT-02", PCI, NET, csum_missing),
        MUTANT("DRV-RFB-01", PCI, BLOCK, no_version_1),
        MUTANT("DRV-RFB-01", MMIO, BLOCK, version_1_never_read),
        MUTANT("DRV-RFB-03", PCI, BLOCK, leaves_all),
        MUTANT("DRV-RFB-06", PCI, BLOCK, leaves_all),
        MUTANT("DRV-RFB-07", PCI, BLOCK, leaves_all),
        MUTANT("DRV-RFB-14", PCI, BLOCK, leaves_all),
        MUTANT("DRV-RFB-15", PCI_LEGACY, BLOCK, any_layout_left),
        MUTANT("DRV-RFB-15", MMIO_LEGACY, CONSOLE, any_layout_left),
        MUTANT("DRV-RFB-16", PCI_LEGACY, BLOCK, bit_30),
        MUTANT("DRV-BLK-16", PCI, BLOCK, leaves_all),
        MUTANT("DRV-BLK-06", PCI, BLOCK, discard_of_a_host_managed_disk),
        MUTANT("IMP-BLK-04", PCI, BLOCK, legacy_features_of_a_modern_disk),
        MUTANT("DRV-BAL-01", PCI, BALLOON, leaves_all),
    };

    (void)state;
    run_mutants(mutants, sizeof(mutants) / sizeof(mutants[0]));
}

/* ---- Right drivers ---- */

/* All that is offered and has a meaning may be accepted; a network card's bits depend on others that are there. */
static void right_choices_are_not_accused(void **state)
{
    struct script s;

    (void)state;
    script_begin(&s, LAUNCHER_PCI, VIRTIO_ID_BLOCK);
    start(&s, BIT(VIRTIO_F_ACCESS_PLATFORM) | BIT(VIRTIO_F_RING_PACKED) | BIT(VIRTIO_F_IN_ORDER) |
                  BIT(VIRTIO_F_ORDER_PLATFORM) | BIT(VIRTIO_F_NOTIF_CONFIG_DATA) |
                  BIT(VIRTIO_F_NOTIFICATION_DATA) | BIT(VIRTIO_F_RING_RESET) |
                  BIT(VIRTIO_F_ADMIN_VQ) | BIT(VIRTIO_F_SUSPEND) | BIT(VIRTIO_F_INDIRECT_DESC) |
                  BIT(VIRTIO_F_EVENT_IDX) | BIT(VIRTIO_BLK_F_RO));
    expect_clean(&s);

    script_begin(&s, LAUNCHER_PCI, VIRTIO_ID_NET);
    start(&s, BIT(0) | BIT(11) | BIT(12) | BIT(13) | BIT(17) | BIT(18));
    expect_clean(&s);

    script_begin(&s, LAUNCHER_PCI_LEGACY, VIRTIO_ID_BLOCK);
    up(&s, BIT(VIRTIO_F_ANY_LAYOUT) | BIT(VIRTIO_BLK_F_SCSI) | BIT(VIRTIO_BLK_F_BARRIER));
    expect_clean(&s);

    script_begin(&s, LAUNCHER_PCI, VIRTIO_ID_BLOCK);
    s.referee.sr_iov = true;
    start(&s, BIT(VIRTIO_F_SR_IOV));
    expect_clean(&s);
}

/* Bit 30 of a legacy device has a row of its own, and that one is a SHOULD NOT. */
static void one_bit_is_judged_by_one_rule(void **state)
{
    struct script s;

    (void)state;
    script_begin(&s, LAUNCHER_PCI_LEGACY, VIRTIO_ID_BLOCK);
    up(&s, BIT(30));
    assert_int_equal(s.referee.violations, 0);
    assert_string_equal(s.referee.first->id, "DRV-RFB-16");
    script_end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(drivers_that_accept_what_is_not_there_are_caught),
        cmocka_unit_test(drivers_that_choose_wrongly_are_caught),
        cmocka_unit_test(right_choices_are_not_accused),
        cmocka_unit_test(one_bit_is_judged_by_one_rule),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
