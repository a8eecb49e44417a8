/* SPDX-License-Identifier: BSD-2-Clause */
/* Giving the machine away: every device on the bus is reset and confirmed, whoever drove it, and then left alone. */
#include "tests/unit/support/plain_driver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define COMMON(field) offsetof(struct virtio_pci_common_cfg, field)

/* A whole machine. */
struct machine {
    struct virtio_bus bus;
    struct device *first, *second; /* claimed, in that order */
    struct device *iommu;          /* found between them */
    struct device *unclaimed, *unknown, *legacy;
    struct plain plain[2];
};

static struct device *plug(struct machine *m, uint32_t id)
{
    struct device *d = device_new(id);

    d->pci[4] = 7; /* as another firmware leaves them: bus master on */
    d->host->status = 0x0f;
    d->host->offered |= 1ull << PLAIN_FEATURE;
    device_give_memory(d, &plain_driver, 8);
    assert_int_equal(device_discover(d, &m->bus), 0);
    return d;
}

static void claim(struct machine *m, struct device *d, struct plain *plain)
{
    *plain = (struct plain){.queues = 1, .size = 8};
    assert_int_equal(virtio_claim(&m->bus, &d->dev, &plain_driver, plain), 0);
}

static void build(struct machine *m)
{
    *m = (struct machine){0};
    m->first = plug(m, VIRTIO_ID_ENTROPY);
    m->iommu = plug(m, VIRTIO_ID_IOMMU);
    m->unclaimed = plug(m, VIRTIO_ID_NET);
    m->unknown = plug(m, 63);
    m->second = plug(m, VIRTIO_ID_ENTROPY);
    m->legacy = device_new_legacy(VIRTIO_ID_NET);
    m->legacy->pci[4] = 7;
    assert_int_equal(device_discover(m->legacy, &m->bus), 0);
    claim(m, m->first, &m->plain[0]);
    claim(m, m->second, &m->plain[1]);
}

static void close_all(struct machine *m)
{
    struct device *all[] = {m->first, m->iommu, m->unclaimed, m->unknown, m->second, m->legacy};

    for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        device_free(all[i]);
}

static void check_given_away(const struct device *d)
{
    assert_int_equal(d->dev.state, VIRTIO_CLEAN);
    assert_int_equal(d->host->status, 0);
    assert_int_equal(device_pci_command(d) & 4, 0);
    assert_false(device_msix_enabled(d));
    assert_null(d->dev.driver);
}

/* Claimed or not, of a known type or not, modern or legacy: all are handed over at status 0. */
static void handoff_resets_every_device_on_the_bus(void **state)
{
    struct machine m;

    (void)state;
    build(&m);
    assert_int_equal(virtio_handoff(&m.bus), 0);
    check_given_away(m.first);
    check_given_away(m.second);
    check_given_away(m.iommu);
    check_given_away(m.unclaimed);
    check_given_away(m.unknown);
    check_given_away(m.legacy);
    assert_string_equal(device_statuses(m.unclaimed), "0 1 0");
    assert_string_equal(device_statuses(m.unknown), "0 1 0");
    assert_string_equal(device_statuses(m.legacy), "0 1 0");
    /* Released first, acknowledged for a next driver that never comes, and therefore reset once more. */
    assert_string_equal(device_statuses(m.first), "0 1 3 b f 0 1 0");
    assert_null(m.bus.claimed);
    close_all(&m);
}

/* What is handed over was seen to be reset: the last access to each status is a read that found 0. */
static void handoff_reads_every_reset_back(void **state)
{
    struct machine m;
    const struct device *all[5];

    (void)state;
    build(&m);
    launcher_fault_arm(m.unclaimed->host, LAUNCHER_FAULT_RESET_SLOW, 0, 1, 7);
    assert_int_equal(virtio_handoff(&m.bus), 0);
    all[0] = m.first, all[1] = m.second, all[2] = m.iommu, all[3] = m.unclaimed, all[4] = m.unknown;
    for (unsigned i = 0; i < 5; i++) {
        const struct device_event *last = NULL;

        for (size_t k = 0; k < all[i]->event_count; k++)
            if (all[i]->events[k].region == DEVICE_BAR &&
                all[i]->events[k].offset == all[i]->function->common.offset + COMMON(device_status))
                last = &all[i]->events[k];
        assert_non_null(last);
        assert_int_equal(last->kind, DEVICE_READ);
        assert_int_equal(last->value, 0);
    }
    close_all(&m);
}

static uint64_t last_reset(const struct device *d)
{
    return device_last_write(d, COMMON(device_status), 0)->order;
}

/* The device that others translate their addresses through goes last. */
static void iommu_is_reset_after_all_others(void **state)
{
    struct machine m;

    (void)state;
    build(&m);
    assert_int_equal(virtio_handoff(&m.bus), 0);
    assert_true(last_reset(m.iommu) > last_reset(m.first));
    assert_true(last_reset(m.iommu) > last_reset(m.second));
    assert_true(last_reset(m.iommu) > last_reset(m.unclaimed));
    assert_true(last_reset(m.iommu) > last_reset(m.unknown));
    close_all(&m);
}

/* Drivers go in the reverse order of their claims, and all of them before the first unclaimed device is reset. */
static void drivers_are_removed_last_claimed_first(void **state)
{
    struct machine m;
    const struct device_event *first, *second;

    (void)state;
    build(&m);
    device_forget_events(m.first);
    device_forget_events(m.second);
    assert_int_equal(virtio_handoff(&m.bus), 0);
    assert_int_equal(m.plain[0].removed, 1);
    assert_int_equal(m.plain[1].removed, 1);
    first = device_first_write(m.first, COMMON(device_status), 0);
    second = device_first_write(m.second, COMMON(device_status), 0);
    assert_true(second->order < first->order);
    assert_true(first->order < last_reset(m.unclaimed));
    close_all(&m);
}

/* DRV-CLEAN-02: a device with requests in flight stops writing before anything else gets the memory. */
static void requests_in_flight_are_dead_after_the_handoff(void **state)
{
    static uint8_t bytes[32];
    const struct virtio_piece piece = {bytes, sizeof(bytes)};
    struct virtio_request request = {0};
    struct machine m;

    (void)state;
    build(&m);
    device_delay(m.first, DEVICE_NEVER);
    assert_int_equal(virtqueue_add(m.plain[0].queue[0], &request, &piece, 0, 1), 0);
    virtqueue_kick(m.plain[0].queue[0]);
    assert_int_equal(virtio_handoff(&m.bus), 0);
    assert_int_equal(request.state, VIRTIO_REQUEST_DEAD);
    assert_int_equal(m.first->maps_live, 0);
    close_all(&m);
}

/* A device that is stuck is counted, cut off from memory, and does not keep the others from being reset. */
static void stuck_devices_are_counted_and_do_not_stop_the_handoff(void **state)
{
    struct machine m;

    (void)state;
    build(&m);
    launcher_fault_arm(m.first->host, LAUNCHER_FAULT_RESET_NEVER, 0, 0, 0);
    launcher_fault_arm(m.unclaimed->host, LAUNCHER_FAULT_RESET_NEVER, 0, 0, 0);
    launcher_fault_arm(m.iommu->host, LAUNCHER_FAULT_RESET_NEVER, 0, 0, 0);
    assert_int_equal(virtio_handoff(&m.bus), 3);
    assert_int_equal(m.first->dev.state, VIRTIO_STUCK);
    assert_int_equal(m.unclaimed->dev.state, VIRTIO_STUCK);
    assert_int_equal(m.iommu->dev.state, VIRTIO_STUCK);
    assert_int_equal(device_pci_command(m.first) & 4, 0);
    assert_int_equal(device_pci_command(m.unclaimed) & 4, 0);
    assert_true(m.unclaimed->dev.reset_ns >= m.unclaimed->env.deadlines.reset_ns);
    check_given_away(m.second);
    check_given_away(m.unknown);
    check_given_away(m.legacy);
    close_all(&m);
}

static void device_that_was_stuck_from_the_start_is_counted_again(void **state)
{
    struct virtio_bus bus = {0};
    struct device *stuck = device_new(VIRTIO_ID_NET), *unreachable = device_new(VIRTIO_ID_NET);

    (void)state;
    launcher_fault_arm(stuck->host, LAUNCHER_FAULT_RESET_NEVER, 0, 0, 0);
    unreachable->pci[LAUNCHER_PCI_CAP_COMMON + 3] = 0x40;
    unreachable->pci[4] = 7;
    assert_int_equal(device_discover(stuck, &bus), -VIRTIO_E_STUCK);
    assert_int_equal(device_discover(unreachable, &bus), -VIRTIO_E_UNREACHABLE);
    assert_int_equal(virtio_handoff(&bus), 2);
    assert_string_equal(device_statuses(stuck), "0"); /* once was enough */
    assert_int_equal(device_pci_command(unreachable) & 4, 0);
    assert_false(device_msix_enabled(unreachable));
    device_free(stuck);
    device_free(unreachable);
}

/* The report can say for each device what it was, who drove it, how it ended and how long that took. */
static void handoff_leaves_what_a_report_needs(void **state)
{
    struct machine m;

    (void)state;
    build(&m);
    launcher_fault_arm(m.second->host, LAUNCHER_FAULT_RESET_SLOW, 1, 1, 4);
    assert_int_equal(virtio_handoff(&m.bus), 0);
    assert_ptr_equal(m.first->dev.last_driver, &plain_driver);
    assert_null(m.unclaimed->dev.last_driver);
    assert_int_equal(m.first->dev.found_status, 0x0f);
    assert_string_equal(virtio_type_name(m.unclaimed->dev.id), "net");
    assert_string_equal(virtio_type_name(m.unknown->dev.id), "unknown");
    assert_string_equal(virtio_state_name(m.second->dev.state), "CLEAN");
    assert_true(m.second->dev.reset_ns >= 4 * m.second->relax_ns);
    close_all(&m);
}

/* After it, whatever an owner of a driver's state still calls touches nothing. */
static void nothing_is_touched_after_the_handoff(void **state)
{
    static uint8_t bytes[32];
    const struct virtio_piece piece = {bytes, sizeof(bytes)};
    struct virtio_request request = {0}, *done;
    struct machine m;

    (void)state;
    build(&m);
    assert_int_equal(virtio_handoff(&m.bus), 0);
    m.first->closed = true;
    assert_int_equal(virtqueue_add(m.plain[0].queue[0], &request, &piece, 0, 1), -VIRTIO_E_STATE);
    virtqueue_kick(m.plain[0].queue[0]);
    assert_int_equal(virtqueue_poll(m.plain[0].queue[0], &done), -VIRTIO_E_PROTOCOL);
    assert_int_equal(virtio_restart(&m.first->dev), -VIRTIO_E_STATE);
    close_all(&m);
}

/* A device whose driver gave up on it is still claimed; it goes like the others. */
static void device_whose_restart_failed_is_handed_over_clean(void **state)
{
    struct machine m;

    (void)state;
    build(&m);
    assert_int_equal(virtio_reset(&m.first->dev), 0);
    launcher_fault_arm(m.first->host, LAUNCHER_FAULT_FEATURES_REFUSED, 0, 0, 0);
    assert_int_equal(virtio_restart(&m.first->dev), -VIRTIO_E_FEATURES);
    assert_int_equal(virtio_handoff(&m.bus), 0);
    check_given_away(m.first);
    close_all(&m);
}

/* A driver that does not reset its device is no reason for the next stage to get it live. */
static void forgetful_driver_does_not_leave_its_device_live(void **state)
{
    struct machine m;

    (void)state;
    build(&m);
    m.plain[0].forgets_reset = true;
    m.plain[1].says_clean = true;
    assert_int_equal(virtio_handoff(&m.bus), 0);
    check_given_away(m.first);
    check_given_away(m.second);
    close_all(&m);
}

static void bus_without_devices_is_handed_over_at_once(void **state)
{
    struct virtio_bus bus = {0};

    (void)state;
    assert_int_equal(virtio_handoff(&bus), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(handoff_resets_every_device_on_the_bus),
        cmocka_unit_test(handoff_reads_every_reset_back),
        cmocka_unit_test(iommu_is_reset_after_all_others),
        cmocka_unit_test(drivers_are_removed_last_claimed_first),
        cmocka_unit_test(requests_in_flight_are_dead_after_the_handoff),
        cmocka_unit_test(stuck_devices_are_counted_and_do_not_stop_the_handoff),
        cmocka_unit_test(device_that_was_stuck_from_the_start_is_counted_again),
        cmocka_unit_test(handoff_leaves_what_a_report_needs),
        cmocka_unit_test(nothing_is_touched_after_the_handoff),
        cmocka_unit_test(device_whose_restart_failed_is_handed_over_clean),
        cmocka_unit_test(forgetful_driver_does_not_leave_its_device_live),
        cmocka_unit_test(bus_without_devices_is_handed_over_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
