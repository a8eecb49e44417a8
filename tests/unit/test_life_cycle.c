/* SPDX-License-Identifier: BSD-2-Clause */
/* The life of a device (VIRTIO 1.4, 2.1, 2.4, 3.1, 3.3): found, reset, claimed, live, released, restarted, stuck. */
#include "tests/unit/support/plain_driver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define COMMON(field) offsetof(struct virtio_pci_common_cfg, field)

static bool bus_master(const struct device *d)
{
    return (device_pci_command(d) & 4) != 0;
}

/* ---- Discovery ---- */

/* DRV-INIT-01, DRV-INIT-02, DRV-STATUS-01 */
static void discovery_resets_the_device_and_acknowledges_it(void **state)
{
    struct virtio_bus bus = {0};
    struct device *d = device_new(VIRTIO_ID_ENTROPY);

    (void)state;
    assert_int_equal(device_discover(d, &bus), 0);
    assert_string_equal(device_statuses(d), "0 1");
    assert_int_equal(d->dev.state, VIRTIO_CLEAN);
    assert_ptr_equal(bus.first, &d->dev);
    device_free(d);
}

/* A device that another firmware left running: whatever state it is in, a reset comes first. DRV-INIT-01 */
static void discovery_takes_over_a_device_that_was_left_live(void **state)
{
    struct virtio_bus bus = {0};
    struct device *d = device_new(VIRTIO_ID_ENTROPY);

    (void)state;
    d->host->status = 0x0f;
    d->pci[4] = 7; /* memory, ports, bus master */
    assert_int_equal(device_discover(d, &bus), 0);
    assert_int_equal(d->dev.found_status, 0x0f);
    assert_string_equal(device_statuses(d), "0 1");
    assert_false(bus_master(d));
    assert_false(device_msix_enabled(d));
    device_free(d);
}

/* DRV-STATUS-03: FAILED, too, is cleared by a reset before anything else. */
static void discovery_takes_over_a_device_that_failed(void **state)
{
    struct virtio_bus bus = {0};
    struct device *d = device_new(VIRTIO_ID_ENTROPY);

    (void)state;
    d->host->status = VIRTIO_STATUS_FAILED | VIRTIO_STATUS_NEEDS_RESET | 0x0f;
    assert_int_equal(device_discover(d, &bus), 0);
    assert_string_equal(device_statuses(d), "0 1");
    device_free(d);
}

/* ---- Reset ---- */

/* DRV-RESET-01, DRV-PCI-22: no other write before 0 was read; the device complains about one. */
static void reset_is_done_when_the_status_reads_zero(void **state)
{
    struct virtio_bus bus = {0};
    struct device *d = device_new(VIRTIO_ID_ENTROPY);

    (void)state;
    launcher_fault_arm(d->host, LAUNCHER_FAULT_RESET_SLOW, 0, 1, 20);
    assert_int_equal(device_discover(d, &bus), 0);
    assert_int_equal(d->dev.state, VIRTIO_CLEAN);
    assert_true(device_count_common(d, DEVICE_READ, COMMON(device_status)) > 20);
    assert_true(d->dev.reset_ns >= 20 * d->relax_ns);
    assert_true(d->dev.reset_ns < d->env.deadlines.reset_ns);
    device_free(d);
}

/* A reset that is written and never confirmed; a read-back loop without an end. */
static void reset_that_is_not_confirmed_in_time_is_stuck(void **state)
{
    struct virtio_bus bus = {0};
    struct device *d = device_new(VIRTIO_ID_ENTROPY);

    (void)state;
    launcher_fault_arm(d->host, LAUNCHER_FAULT_RESET_NEVER, 0, 0, 0);
    d->host->status = 0x0f;
    d->pci[4] = 7;
    assert_int_equal(device_discover(d, &bus), -VIRTIO_E_STUCK);
    assert_int_equal(d->dev.state, VIRTIO_STUCK);
    assert_ptr_equal(bus.first, &d->dev); /* the handoff has to report it */
    assert_string_equal(device_statuses(d), "0");
    assert_false(bus_master(d));
    assert_in_range(d->dev.reset_ns, d->env.deadlines.reset_ns,
                    d->env.deadlines.reset_ns + 2 * d->relax_ns);
    assert_non_null(
        device_logged(d, "00:03.0 rng: reset not confirmed within 10 ms (status 0x0f)"));
    device_free(d);
}

static void default_reset_deadline_is_five_seconds(void **state)
{
    struct virtio_bus bus = {0};
    struct device *d = device_new(VIRTIO_ID_ENTROPY);

    (void)state;
    d->env.deadlines.reset_ns = 0;
    d->relax_ns = 10 * DEVICE_MILLISECOND;
    launcher_fault_arm(d->host, LAUNCHER_FAULT_RESET_NEVER, 0, 0, 0);
    assert_int_equal(device_discover(d, &bus), -VIRTIO_E_STUCK);
    assert_in_range(d->dev.reset_ns, 5000 * DEVICE_MILLISECOND, 5020 * DEVICE_MILLISECOND);
    device_free(d);
}

static void stuck_device_is_never_touched_again(void **state)
{
    struct plain_rig rig;

    (void)state;
    plain_rig_make(&rig, 8);
    launcher_fault_arm(rig.d->host, LAUNCHER_FAULT_RESET_NEVER, 0, 0, 0);
    assert_int_equal(virtio_reset(&rig.d->dev), -VIRTIO_E_STUCK);
    rig.d->closed = true;
    assert_int_equal(virtio_reset(&rig.d->dev), -VIRTIO_E_STUCK);
    assert_int_equal(virtio_restart(&rig.d->dev), -VIRTIO_E_STATE);
    assert_int_equal(virtio_config_write(&rig.d->dev, 0, 4, 1), -VIRTIO_E_STATE);
    assert_int_equal(virtio_release(&rig.bus, &rig.d->dev), -VIRTIO_E_STUCK);
    assert_int_equal(rig.plain.removed, 0);
    assert_int_equal(plain_rig_claim(&rig), -VIRTIO_E_STATE);
    device_free(rig.d);
}

/* ---- Claiming ---- */

/* DRV-STATUS-01, DRV-INIT-03, DRV-INIT-07, DRV-INIT-11: one bit a write, in the order of 3.1.1 */
static void claiming_adds_one_status_bit_a_write(void **state)
{
    struct plain_rig rig;

    (void)state;
    plain_rig_make(&rig, 8);
    assert_string_equal(device_statuses(rig.d), "0 1 3 b f");
    assert_int_equal(rig.d->dev.state, VIRTIO_LIVE);
    assert_ptr_equal(rig.d->dev.last_driver, &plain_driver);
    device_free(rig.d);
}

static const struct device_event *first_read(const struct device *d, size_t offset)
{
    for (size_t i = 0; i < d->event_count; i++)
        if (d->events[i].kind == DEVICE_READ && d->events[i].region == DEVICE_BAR &&
            d->events[i].offset == d->function->common.offset + offset)
            return &d->events[i];
    return NULL;
}

/* DRV-INIT-03, DRV-INIT-04, DRV-INIT-10, DRV-INIT-11 */
static void claiming_negotiates_then_sets_queues_up_then_goes_live(void **state)
{
    struct plain_rig rig;
    const struct device_event *driver, *offered, *accepted, *features_ok, *queue, *driver_ok;

    (void)state;
    plain_rig_make(&rig, 8);
    driver = device_first_write(rig.d, COMMON(device_status), 3);
    offered = first_read(rig.d, COMMON(device_feature));
    accepted = device_first_write(rig.d, COMMON(driver_feature), 1u << PLAIN_FEATURE);
    features_ok = device_first_write(rig.d, COMMON(device_status), 0xb);
    queue = device_first_write(rig.d, COMMON(queue_enable), 1);
    driver_ok = device_first_write(rig.d, COMMON(device_status), 0xf);
    assert_true(driver->order < offered->order && offered->order < accepted->order);
    assert_true(accepted->order < features_ok->order && features_ok->order < queue->order);
    assert_true(queue->order < driver_ok->order);
    device_free(rig.d);
}

/* DRV-STATUS-02: a stored status instead of an added one loses the bits that the device forgot. */
static void status_bits_that_the_device_forgets_are_written_again(void **state)
{
    struct plain_rig rig;

    (void)state;
    plain_rig_discover(&rig, 8);
    launcher_fault_arm(rig.d->host, LAUNCHER_FAULT_STATUS_LOST, 0, 0,
                       VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER);
    assert_int_equal(plain_rig_claim(&rig), 0);
    assert_string_equal(device_statuses(rig.d), "0 1 3 b f");
    device_free(rig.d);
}

/* DRV-STATUS-02: read, or, write: what the device has set stays set. */
static void status_bits_that_the_device_sets_are_kept(void **state)
{
    struct plain_rig rig;

    (void)state;
    plain_rig_discover(&rig, 8);
    rig.d->host->status |= VIRTIO_STATUS_NEEDS_RESET;
    assert_int_equal(plain_rig_claim(&rig), 0);
    assert_string_equal(device_statuses(rig.d), "0 1 43 4b 4f");
    device_free(rig.d);
}

/* DRV-FEAT-10, DRV-INIT-12, DRV-INIT-13, DRV-STATUS-03: FAILED, then a reset before the next try. */
static void failed_probe_ends_in_failed_and_a_reset(void **state)
{
    struct plain_rig rig;

    (void)state;
    plain_rig_discover(&rig, 8);
    rig.plain.probe_error = -VIRTIO_E_CONFIG;
    assert_int_equal(plain_rig_claim(&rig), -VIRTIO_E_CONFIG);
    assert_string_equal(device_statuses(rig.d), "0 1 3 b 8b 0 1");
    assert_int_equal(rig.d->dev.state, VIRTIO_CLEAN);
    assert_null(rig.d->dev.driver);
    assert_null(rig.d->dev.last_driver);
    assert_null(rig.bus.claimed);
    assert_false(bus_master(rig.d));
    assert_non_null(device_logged(rig.d, "driver plain failed: the device's configuration"));

    rig.plain.probe_error = 0;
    assert_int_equal(plain_rig_claim(&rig), 0);
    assert_string_equal(device_statuses(rig.d), "0 1 3 b 8b 0 1 3 b f");
    device_free(rig.d);
}

static void probe_that_forgets_driver_ok_fails(void **state)
{
    struct plain_rig rig;

    (void)state;
    plain_rig_discover(&rig, 8);
    rig.plain.forgets_driver_ok = true;
    assert_int_equal(plain_rig_claim(&rig), -VIRTIO_E_STATE);
    assert_string_equal(device_statuses(rig.d), "0 1 3 b 8b 0 1");
    device_free(rig.d);
}

static void go_live(struct plain *plain)
{
    virtio_driver_ok(plain->dev);
}

/* DRV-STATUS-03 */
static void probe_that_fails_after_driver_ok_is_reset_as_well(void **state)
{
    struct plain_rig rig;

    (void)state;
    plain_rig_discover(&rig, 8);
    rig.plain.before_driver_ok = go_live;
    rig.plain.probe_error = -VIRTIO_E_CONFIG;
    assert_int_equal(plain_rig_claim(&rig), -VIRTIO_E_CONFIG);
    assert_string_equal(device_statuses(rig.d), "0 1 3 b f 8f 0 1");
    assert_int_equal(rig.d->dev.state, VIRTIO_CLEAN);
    device_free(rig.d);
}

static void reset_it(struct plain *plain)
{
    assert_int_equal(virtio_reset(plain->dev), 0);
}

/* As a wait that runs out in probe does: there is nothing left to be failed, and memory is out of the device's reach. */
static void probe_that_resets_its_device_leaves_it_clean(void **state)
{
    struct plain_rig rig;

    (void)state;
    plain_rig_discover(&rig, 8);
    rig.plain.before_driver_ok = reset_it;
    rig.plain.probe_error = -VIRTIO_E_TIMEOUT;
    assert_int_equal(plain_rig_claim(&rig), -VIRTIO_E_TIMEOUT);
    assert_string_equal(device_statuses(rig.d), "0 1 3 b 0 1");
    assert_int_equal(rig.d->dev.state, VIRTIO_CLEAN);
    assert_false(bus_master(rig.d));
    rig.plain = (struct plain){.queues = 1, .size = 8};
    assert_int_equal(plain_rig_claim(&rig), 0);
    device_free(rig.d);
}

static void failed_probe_whose_reset_is_not_confirmed_is_stuck(void **state)
{
    struct plain_rig rig;

    (void)state;
    plain_rig_discover(&rig, 8);
    rig.plain.probe_error = -VIRTIO_E_CONFIG;
    launcher_fault_arm(rig.d->host, LAUNCHER_FAULT_RESET_NEVER, 0, 0, 0);
    assert_int_equal(plain_rig_claim(&rig), -VIRTIO_E_STUCK);
    assert_int_equal(rig.d->dev.state, VIRTIO_STUCK);
    assert_string_equal(device_statuses(rig.d), "0 1 3 b 8b 0");
    assert_false(bus_master(rig.d));
    device_free(rig.d);
}

static void claim_wants_a_clean_unclaimed_device_of_the_drivers_type(void **state)
{
    struct plain_rig rig;
    struct device *blk = device_new(VIRTIO_ID_BLOCK);
    struct plain other = {0};

    (void)state;
    plain_rig_make(&rig, 8);
    assert_int_equal(virtio_claim(&rig.bus, &rig.d->dev, &plain_driver, &other), -VIRTIO_E_STATE);
    assert_int_equal(virtio_reset(&rig.d->dev), 0); /* its driver may bring it back */
    assert_int_equal(virtio_claim(&rig.bus, &rig.d->dev, &plain_driver, &other), -VIRTIO_E_STATE);
    assert_int_equal(virtio_pci_init(&blk->dev, "00:04.0", &blk->io, blk, &blk->env), 0);
    assert_int_equal(virtio_claim(&rig.bus, &blk->dev, &plain_driver, &other), -VIRTIO_E_STATE);
    assert_int_equal(virtio_discover(&rig.bus, &blk->dev), 0);
    assert_int_equal(virtio_claim(&rig.bus, &blk->dev, &plain_driver, &other),
                     -VIRTIO_E_UNSUPPORTED);
    assert_int_equal(other.probed, 0);
    device_free(blk);
    device_free(rig.d);
}

/* Interrupts stay off and memory is the device's to reach only while it is driven. */
static void bus_mastering_is_on_from_claim_to_release(void **state)
{
    struct plain_rig rig;

    (void)state;
    plain_rig_discover(&rig, 8);
    assert_false(bus_master(rig.d));
    assert_int_equal(plain_rig_claim(&rig), 0);
    assert_true(bus_master(rig.d));
    assert_int_equal(device_pci_command(rig.d) & 0x400, 0x400); /* no INTx either */
    assert_false(device_msix_enabled(rig.d));
    assert_int_equal(virtio_release(&rig.bus, &rig.d->dev), 0);
    assert_false(bus_master(rig.d));
    assert_int_equal(device_pci_command(rig.d) & 0x400, 0); /* as it was found */
    device_free(rig.d);
}

/* ---- Release ---- */

/* IMP-CORE-02: the next driver gets other features, with a reset in between and no reboot. */
static void released_device_is_renegotiated_by_the_next_driver(void **state)
{
    struct plain_rig rig;
    struct plain second = {.queues = 2, .size = 4};

    (void)state;
    plain_rig_make(&rig, 8);
    assert_int_equal(rig.d->host->accepted, 1ull << VIRTIO_F_VERSION_1 | 1ull << PLAIN_FEATURE);
    assert_int_equal(virtio_release(&rig.bus, &rig.d->dev), 0);
    assert_int_equal(rig.plain.removed, 1);
    assert_string_equal(device_statuses(rig.d), "0 1 3 b f 0 1");
    assert_null(rig.d->dev.driver);
    assert_int_equal(rig.d->dev.negotiated.mask, 0);

    assert_int_equal(virtio_claim(&rig.bus, &rig.d->dev, &plainer_driver, &second), 0);
    assert_int_equal(rig.d->host->accepted, 1ull << VIRTIO_F_VERSION_1);
    assert_string_equal(device_statuses(rig.d), "0 1 3 b f 0 1 3 b f");
    assert_ptr_equal(rig.d->dev.last_driver, &plainer_driver);
    device_free(rig.d);
}

static void devices_are_released_in_any_order(void **state)
{
    static const unsigned orders[][3] = {{0, 1, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};

    (void)state;
    for (unsigned i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
        struct plain plain[3];
        struct virtio_bus bus = {0};
        struct device *d[3];

        for (unsigned k = 0; k < 3; k++) {
            plain[k] = (struct plain){.queues = 1, .size = 8};
            d[k] = device_new(VIRTIO_ID_ENTROPY);
            device_give_memory(d[k], &plain_driver, 8);
            assert_int_equal(device_discover(d[k], &bus), 0);
            assert_int_equal(virtio_claim(&bus, &d[k]->dev, &plain_driver, &plain[k]), 0);
        }
        for (unsigned k = 0; k < 3; k++) {
            struct virtio_device *dev = &d[orders[i][k]]->dev;

            assert_int_equal(virtio_release(&bus, dev), 0);
            assert_int_equal(dev->state, VIRTIO_CLEAN);
            assert_int_equal(virtio_release(&bus, dev), -VIRTIO_E_STATE);
            for (unsigned later = k + 1; later < 3; later++)
                assert_int_equal(d[orders[i][later]]->dev.state, VIRTIO_LIVE);
        }
        assert_null(bus.claimed);
        for (unsigned k = 0; k < 3; k++) {
            assert_int_equal(plain[k].removed, 1);
            device_free(d[k]);
        }
    }
}

static void driver_that_does_not_reset_its_device_is_reported_and_repaired(void **state)
{
    struct plain_rig rig;

    (void)state;
    plain_rig_make(&rig, 8);
    rig.plain.forgets_reset = true;
    assert_int_equal(virtio_release(&rig.bus, &rig.d->dev), 0);
    assert_string_equal(device_statuses(rig.d), "0 1 3 b f 0 1");
    assert_int_equal(rig.d->dev.state, VIRTIO_CLEAN);
    assert_non_null(device_logged(rig.d, "driver plain left the device running"));
    device_free(rig.d);
}

/* What counts is the status register, not what the driver says. */
static void driver_that_only_says_it_reset_its_device_is_repaired(void **state)
{
    struct plain_rig rig;

    (void)state;
    plain_rig_make(&rig, 8);
    rig.plain.says_clean = true;
    assert_int_equal(virtio_release(&rig.bus, &rig.d->dev), 0);
    assert_string_equal(device_statuses(rig.d), "0 1 3 b f 0 1");
    assert_non_null(device_logged(rig.d, "left the device running"));
    device_free(rig.d);
}

static void release_of_a_device_that_cannot_be_reset_is_stuck(void **state)
{
    struct plain_rig rig;

    (void)state;
    plain_rig_make(&rig, 8);
    launcher_fault_arm(rig.d->host, LAUNCHER_FAULT_RESET_NEVER, 0, 0, 0);
    assert_int_equal(virtio_release(&rig.bus, &rig.d->dev), -VIRTIO_E_STUCK);
    assert_int_equal(rig.plain.removed, 1);
    assert_null(rig.d->dev.driver);
    assert_null(rig.bus.claimed);
    assert_false(bus_master(rig.d));
    device_free(rig.d);

    /* The same where its driver does not even try. */
    plain_rig_make(&rig, 8);
    rig.plain.forgets_reset = true;
    launcher_fault_arm(rig.d->host, LAUNCHER_FAULT_RESET_NEVER, 0, 0, 0);
    assert_int_equal(virtio_release(&rig.bus, &rig.d->dev), -VIRTIO_E_STUCK);
    assert_false(bus_master(rig.d));
    device_free(rig.d);
}

static void release_wants_a_claimed_device(void **state)
{
    struct plain_rig rig;

    (void)state;
    plain_rig_discover(&rig, 8);
    assert_int_equal(virtio_release(&rig.bus, &rig.d->dev), -VIRTIO_E_STATE);
    assert_string_equal(device_statuses(rig.d), "0 1");
    device_free(rig.d);
}

/* ---- Restart ---- */

/* DRV-STATUS-03, IMP-CORE-02: a restart negotiates from the beginning. */
static void restart_brings_a_reset_device_back_with_the_same_driver(void **state)
{
    struct plain_rig rig;

    (void)state;
    plain_rig_make(&rig, 8);
    assert_int_equal(virtio_restart(&rig.d->dev), -VIRTIO_E_STATE); /* it is live */
    assert_int_equal(virtio_reset(&rig.d->dev), 0);
    assert_int_equal(rig.d->dev.negotiated.mask, 0);
    assert_int_equal(virtio_restart(&rig.d->dev), 0);
    assert_int_equal(rig.d->dev.state, VIRTIO_LIVE);
    assert_int_equal(rig.plain.probed, 2);
    assert_string_equal(device_statuses(rig.d), "0 1 3 b f 0 1 3 b f");
    device_free(rig.d);
}

static void restart_that_fails_leaves_the_device_claimed_and_clean(void **state)
{
    struct plain_rig rig;

    (void)state;
    plain_rig_make(&rig, 8);
    assert_int_equal(virtio_reset(&rig.d->dev), 0);
    launcher_fault_arm(rig.d->host, LAUNCHER_FAULT_FEATURES_REFUSED, 0, 0, 0);
    assert_int_equal(virtio_restart(&rig.d->dev), -VIRTIO_E_FEATURES);
    assert_int_equal(rig.d->dev.state, VIRTIO_CLEAN);
    assert_ptr_equal(rig.d->dev.driver, &plain_driver);
    launcher_fault_disarm(rig.d->host, LAUNCHER_FAULT_FEATURES_REFUSED);
    assert_int_equal(virtio_restart(&rig.d->dev), 0);
    assert_int_equal(virtio_release(&rig.bus, &rig.d->dev), 0);
    device_free(rig.d);
}

static void restart_wants_a_claimed_device(void **state)
{
    struct plain_rig rig;

    (void)state;
    plain_rig_discover(&rig, 8);
    assert_int_equal(virtio_restart(&rig.d->dev), -VIRTIO_E_STATE);
    device_free(rig.d);
}

/* ---- What a stuck device still owns ---- */

struct owned {
    unsigned count;
    struct virtio_piece pieces[8];
};

static void note_owned(void *ctx, const struct virtio_piece *piece)
{
    struct owned *owned = ctx;

    assert_true(owned->count < 8);
    owned->pieces[owned->count++] = *piece;
}

/* DRV-CLEAN-02: without a confirmed reset nothing that was exposed is taken back. */
static void stuck_device_owns_its_rings_and_every_piece_in_flight(void **state)
{
    static uint8_t read[100], written[200], idle[10];
    const struct virtio_piece pieces[] = {{read, sizeof(read)}, {written, sizeof(written)}};
    const struct virtio_piece other = {idle, sizeof(idle)};
    struct virtio_request request = {0}, done = {0}, *any;
    struct plain_rig rig;
    struct owned owned = {0};

    (void)state;
    plain_rig_make(&rig, 8);
    assert_int_equal(virtqueue_add(rig.plain.queue[0], &done, &other, 0, 1), 0);
    virtqueue_kick(rig.plain.queue[0]);
    assert_int_equal(virtqueue_poll(rig.plain.queue[0], &any), 0);
    assert_ptr_equal(any, &done);
    device_delay(rig.d, DEVICE_NEVER);
    assert_int_equal(virtqueue_add(rig.plain.queue[0], &request, pieces, 1, 1), 0);
    virtqueue_kick(rig.plain.queue[0]);
    virtio_owned(&rig.d->dev, note_owned, &owned);
    assert_int_equal(owned.count, 0); /* it is live, not stuck */

    launcher_fault_arm(rig.d->host, LAUNCHER_FAULT_RESET_NEVER, 0, 0, 0);
    assert_int_equal(virtio_reset(&rig.d->dev), -VIRTIO_E_STUCK);
    virtio_owned(&rig.d->dev, note_owned, &owned);
    assert_int_equal(owned.count, 3);
    assert_ptr_equal(owned.pieces[0].pointer, rig.d->env.dma);
    assert_int_equal(owned.pieces[0].length, rig.d->env.dma_len);
    assert_ptr_equal(owned.pieces[1].pointer, read);
    assert_int_equal(owned.pieces[1].length, sizeof(read));
    assert_ptr_equal(owned.pieces[2].pointer, written);
    assert_int_equal(owned.pieces[2].length, sizeof(written));
    assert_int_equal(request.state, VIRTIO_REQUEST_DEVICE);
    assert_int_equal(rig.d->maps_live, 2);
    device_free(rig.d);
}

static void stuck_device_that_was_never_driven_owns_nothing(void **state)
{
    struct virtio_bus bus = {0};
    struct device *d = device_new(VIRTIO_ID_ENTROPY);
    struct owned owned = {0};

    (void)state;
    launcher_fault_arm(d->host, LAUNCHER_FAULT_RESET_NEVER, 0, 0, 0);
    assert_int_equal(device_discover(d, &bus), -VIRTIO_E_STUCK);
    virtio_owned(&d->dev, note_owned, &owned);
    assert_int_equal(owned.count, 0);
    device_free(d);
}

static struct virtio_request watched;

static void watch_the_reset(void *ctx)
{
    struct device *d = ctx;

    d->now += d->relax_ns;
    if (d->host->reset_pending) {
        assert_int_equal(watched.state, VIRTIO_REQUEST_DEVICE);
        assert_int_equal(d->maps_live, 1);
    }
}

/* IMP-CORE-14: until the reset is confirmed the device may write to what it was given, so nothing is given back. */
static void requests_are_given_back_only_when_the_reset_is_confirmed(void **state)
{
    static uint8_t bytes[64];
    const struct virtio_piece piece = {bytes, sizeof(bytes)};
    struct plain_rig rig;

    (void)state;
    plain_rig_make(&rig, 8);
    watched = (struct virtio_request){0};
    device_delay(rig.d, DEVICE_NEVER);
    rig.d->env.relax = watch_the_reset;
    assert_int_equal(virtqueue_add(rig.plain.queue[0], &watched, &piece, 0, 1), 0);
    virtqueue_kick(rig.plain.queue[0]);
    launcher_fault_arm(rig.d->host, LAUNCHER_FAULT_RESET_SLOW, 0, 1, 10);
    launcher_fault_arm(rig.d->host, LAUNCHER_FAULT_DMA_AFTER_RESET, 0, 0, 0);
    assert_int_equal(virtio_reset(&rig.d->dev), 0);
    assert_int_equal(watched.state, VIRTIO_REQUEST_DEAD);
    assert_int_equal(bytes[0], 0xdd); /* it did write, and was allowed to */
    assert_int_equal(rig.d->maps_live, 0);
    device_free(rig.d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(discovery_resets_the_device_and_acknowledges_it),
        cmocka_unit_test(discovery_takes_over_a_device_that_was_left_live),
        cmocka_unit_test(discovery_takes_over_a_device_that_failed),
        cmocka_unit_test(reset_is_done_when_the_status_reads_zero),
        cmocka_unit_test(reset_that_is_not_confirmed_in_time_is_stuck),
        cmocka_unit_test(default_reset_deadline_is_five_seconds),
        cmocka_unit_test(stuck_device_is_never_touched_again),
        cmocka_unit_test(claiming_adds_one_status_bit_a_write),
        cmocka_unit_test(claiming_negotiates_then_sets_queues_up_then_goes_live),
        cmocka_unit_test(status_bits_that_the_device_forgets_are_written_again),
        cmocka_unit_test(status_bits_that_the_device_sets_are_kept),
        cmocka_unit_test(failed_probe_ends_in_failed_and_a_reset),
        cmocka_unit_test(probe_that_forgets_driver_ok_fails),
        cmocka_unit_test(probe_that_fails_after_driver_ok_is_reset_as_well),
        cmocka_unit_test(probe_that_resets_its_device_leaves_it_clean),
        cmocka_unit_test(failed_probe_whose_reset_is_not_confirmed_is_stuck),
        cmocka_unit_test(claim_wants_a_clean_unclaimed_device_of_the_drivers_type),
        cmocka_unit_test(bus_mastering_is_on_from_claim_to_release),
        cmocka_unit_test(released_device_is_renegotiated_by_the_next_driver),
        cmocka_unit_test(devices_are_released_in_any_order),
        cmocka_unit_test(driver_that_does_not_reset_its_device_is_reported_and_repaired),
        cmocka_unit_test(driver_that_only_says_it_reset_its_device_is_repaired),
        cmocka_unit_test(release_of_a_device_that_cannot_be_reset_is_stuck),
        cmocka_unit_test(release_wants_a_claimed_device),
        cmocka_unit_test(restart_brings_a_reset_device_back_with_the_same_driver),
        cmocka_unit_test(restart_that_fails_leaves_the_device_claimed_and_clean),
        cmocka_unit_test(restart_wants_a_claimed_device),
        cmocka_unit_test(stuck_device_owns_its_rings_and_every_piece_in_flight),
        cmocka_unit_test(stuck_device_that_was_never_driven_owns_nothing),
        cmocka_unit_test(requests_are_given_back_only_when_the_reset_is_confirmed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
