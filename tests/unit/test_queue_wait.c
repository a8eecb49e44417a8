/* SPDX-License-Identifier: BSD-2-Clause */
/* Waiting for a device (VIRTIO 1.4, 2.1.2): deadlines, DEVICE_NEEDS_RESET, and who owns the memory when it ends badly. */
#include "virtio/deadlines.h"

#include "tests/unit/support/plain_driver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define COMMON(field) offsetof(struct virtio_pci_common_cfg, field)

static uint8_t bytes[64];
static const struct virtio_piece piece = {bytes, sizeof(bytes)};

/* A device with one request in flight that it will complete after `latency`. */
static void make(struct plain_rig *rig, struct virtio_request *request, uint64_t latency)
{
    plain_rig_make(rig, 4);
    *request = (struct virtio_request){0};
    memset(bytes, 0, sizeof(bytes));
    device_delay(rig->d, latency);
    rig->d->relax_ns = 10000;
    assert_int_equal(virtqueue_add(rig->plain.queue[0], request, &piece, 0, 1), 0);
    virtqueue_kick(rig->plain.queue[0]);
}

static unsigned status_reads(const struct device *d)
{
    return device_count_common(d, DEVICE_READ, COMMON(device_status));
}

static void wait_returns_what_the_device_completes(void **state)
{
    struct virtio_request request, *done;
    struct plain_rig rig;

    (void)state;
    make(&rig, &request, 500000);
    assert_int_equal(virtqueue_wait(rig.plain.queue[0], &done, 10 * DEVICE_MILLISECOND), 0);
    assert_ptr_equal(done, &request);
    assert_int_equal(request.state, VIRTIO_REQUEST_DONE);
    device_free(rig.d);
}

/* A register read is an exit to the host: in the first millisecond only memory is looked at. */
static void short_wait_touches_no_register(void **state)
{
    struct virtio_request request, *done;
    struct plain_rig rig;
    unsigned reads;

    (void)state;
    make(&rig, &request, 900000);
    reads = device_count_region(rig.d, DEVICE_READ, 4);
    assert_int_equal(virtqueue_wait(rig.plain.queue[0], &done, 10 * DEVICE_MILLISECOND), 0);
    assert_int_equal(device_count_region(rig.d, DEVICE_READ, 4), reads);
    device_free(rig.d);
}

/* After that the status is looked at, at doubling intervals: 1, 2, 4, 8, ... ms. */
static void long_wait_looks_at_the_status_ever_more_rarely(void **state)
{
    struct virtio_request request, *done;
    struct plain_rig rig;
    unsigned reads;

    (void)state;
    make(&rig, &request, 1000 * DEVICE_MILLISECOND);
    reads = status_reads(rig.d);
    assert_int_equal(virtqueue_wait(rig.plain.queue[0], &done, 2000 * DEVICE_MILLISECOND), 0);
    assert_int_equal(status_reads(rig.d) - reads, 10);
    device_free(rig.d);
}

/* A device that never answers: reset before the wait returns, and said so before the reset. DRV-STATUS-04, DRV-CLEAN-02 */
static void wait_ends_at_the_deadline_with_a_reset_device(void **state)
{
    struct virtio_request request, *done;
    struct plain_rig rig;
    const struct device_event *line, *reset, *unmap = NULL;
    uint64_t start;

    (void)state;
    make(&rig, &request, DEVICE_NEVER);
    start = rig.d->now;
    assert_int_equal(virtqueue_wait(rig.plain.queue[0], &done, 30 * DEVICE_MILLISECOND),
                     -VIRTIO_E_TIMEOUT);
    assert_null(done);
    assert_in_range(rig.d->now - start, 30 * DEVICE_MILLISECOND, 31 * DEVICE_MILLISECOND);
    assert_int_equal(rig.d->dev.state, VIRTIO_CLEAN);
    assert_int_equal(request.state, VIRTIO_REQUEST_DEAD);
    assert_int_equal(rig.d->maps_live, 0);
    assert_string_equal(device_statuses(rig.d), "0 1 3 b f 0");

    line = device_logged(rig.d, "the plain request was not answered within 30 ms");
    assert_non_null(line);
    reset = device_last_write(rig.d, COMMON(device_status), 0);
    for (size_t i = 0; i < rig.d->event_count; i++)
        if (rig.d->events[i].kind == DEVICE_UNMAP)
            unmap = &rig.d->events[i];
    /* A host may block in the write of the reset, so the line comes first; the memory is taken back last. */
    assert_true(line->order < reset->order);
    assert_true(reset->order < unmap->order);
    device_free(rig.d);
}

static void wait_of_a_driver_that_describes_nothing_still_says_what_happened(void **state)
{
    struct virtio_request request = {0}, *done;
    struct plain_rig rig;

    (void)state;
    plain_rig_discover(&rig, 4);
    assert_int_equal(virtio_claim(&rig.bus, &rig.d->dev, &plainer_driver, &rig.plain), 0);
    device_delay(rig.d, DEVICE_NEVER);
    assert_int_equal(virtqueue_add(rig.plain.queue[0], &request, &piece, 0, 1), 0);
    virtqueue_kick(rig.plain.queue[0]);
    assert_int_equal(virtqueue_wait(rig.plain.queue[0], &done, 1), -VIRTIO_E_TIMEOUT);
    assert_non_null(device_logged(rig.d, "a request was not answered within 0 ms"));
    device_free(rig.d);
}

/* What comes after the reset is nobody's: the queue is gone. */
static void completion_after_the_timeout_is_not_seen(void **state)
{
    struct virtio_request request, *done;
    struct plain_rig rig;
    struct virtqueue *queue;

    (void)state;
    make(&rig, &request, DEVICE_NEVER);
    queue = rig.plain.queue[0];
    assert_int_equal(virtqueue_wait(queue, &done, 30 * DEVICE_MILLISECOND), -VIRTIO_E_TIMEOUT);
    assert_int_equal(virtqueue_poll(queue, &done), -VIRTIO_E_PROTOCOL);
    assert_null(done);
    assert_int_equal(request.state, VIRTIO_REQUEST_DEAD);
    device_free(rig.d);
}

/* DRV-STATUS-04, IMP-CORE-13: a device that gives up says so in its status, and not in the ring. */
static void wait_ends_when_the_device_needs_a_reset(void **state)
{
    struct virtio_request request, *done;
    struct plain_rig rig;
    uint64_t start;

    (void)state;
    make(&rig, &request, DEVICE_NEVER);
    rig.d->host->status |= VIRTIO_STATUS_NEEDS_RESET;
    start = rig.d->now;
    assert_int_equal(virtqueue_wait(rig.plain.queue[0], &done, 1000 * DEVICE_MILLISECOND),
                     -VIRTIO_E_NEEDS_RESET);
    assert_true(rig.d->now - start < 2 * DEVICE_MILLISECOND);
    assert_int_equal(request.state, VIRTIO_REQUEST_DEAD);
    assert_int_equal(rig.d->dev.state, VIRTIO_CLEAN);
    assert_int_equal(rig.d->maps_live, 0);
    assert_true(device_logged(rig.d, "asks for a reset")->order <
                device_last_write(rig.d, COMMON(device_status), 0)->order);
    device_free(rig.d);
}

/* What was completed before the device gave up is still taken. */
static void completion_comes_before_needs_reset(void **state)
{
    struct virtio_request request, *done;
    struct plain_rig rig;

    (void)state;
    make(&rig, &request, 0);
    rig.d->host->status |= VIRTIO_STATUS_NEEDS_RESET;
    assert_int_equal(virtqueue_wait(rig.plain.queue[0], &done, 1000 * DEVICE_MILLISECOND), 0);
    assert_ptr_equal(done, &request);
    device_free(rig.d);
}

static void wait_that_finds_a_broken_ring_resets_the_device(void **state)
{
    struct virtio_request request, *done;
    struct plain_rig rig;

    (void)state;
    make(&rig, &request, DEVICE_NEVER);
    device_ring_put(rig.d, 0, 3, 0);
    assert_int_equal(virtqueue_wait(rig.plain.queue[0], &done, 1000 * DEVICE_MILLISECOND),
                     -VIRTIO_E_PROTOCOL);
    assert_int_equal(request.state, VIRTIO_REQUEST_DEAD);
    assert_int_equal(rig.d->dev.state, VIRTIO_CLEAN);
    device_free(rig.d);
}

/* Waiting for nothing is the caller's mistake, and the device does not pay for it. */
static void wait_with_nothing_in_flight_is_refused(void **state)
{
    struct virtio_request *done;
    struct plain_rig rig;

    (void)state;
    plain_rig_make(&rig, 4);
    assert_int_equal(virtqueue_wait(rig.plain.queue[0], &done, DEVICE_MILLISECOND),
                     -VIRTIO_E_STATE);
    assert_int_equal(rig.d->dev.state, VIRTIO_LIVE);
    assert_string_equal(device_statuses(rig.d), "0 1 3 b f");
    device_free(rig.d);
}

/*
 * A device that neither answers nor resets still owns the buffer: it is not given back, not unmapped, and the device is
 * cut off from memory. DRV-CLEAN-02, IMP-CORE-14
 */
static void wait_that_ends_stuck_gives_nothing_back(void **state)
{
    struct virtio_request request, *done;
    struct plain_rig rig;
    uint64_t start;

    (void)state;
    make(&rig, &request, DEVICE_NEVER);
    launcher_fault_arm(rig.d->host, LAUNCHER_FAULT_RESET_NEVER, 0, 0, 0);
    launcher_fault_arm(rig.d->host, LAUNCHER_FAULT_DMA_AFTER_RESET, 0, 0, 0);
    start = rig.d->now;
    assert_int_equal(virtqueue_wait(rig.plain.queue[0], &done, 30 * DEVICE_MILLISECOND),
                     -VIRTIO_E_STUCK);
    assert_null(done);
    assert_true(rig.d->now - start < 41 * DEVICE_MILLISECOND);
    assert_int_equal(rig.d->dev.state, VIRTIO_STUCK);
    assert_int_equal(request.state, VIRTIO_REQUEST_DEVICE);
    assert_int_equal(rig.d->maps_live, 1);
    assert_int_equal(bytes[63], 0xdd); /* it wrote to it while the reset was pending, as it may */
    assert_int_equal(device_pci_command(rig.d) & 4, 0);
    assert_true(device_logged(rig.d, "was not answered")->order <
                device_logged(rig.d, "the device is STUCK")->order);
    device_free(rig.d);
}

/* The queue of a stuck device is out of reach: whatever appears in its ring is not believed. */
static void queue_of_a_stuck_device_returns_nothing(void **state)
{
    struct virtio_request request, *done;
    struct plain_rig rig;

    (void)state;
    make(&rig, &request, DEVICE_NEVER);
    launcher_fault_arm(rig.d->host, LAUNCHER_FAULT_RESET_NEVER, 0, 0, 0);
    assert_int_equal(virtio_reset(&rig.d->dev), -VIRTIO_E_STUCK);
    rig.d->pci[4] |= 4; /* it finds its way to memory all the same */
    device_ring_put(rig.d, 0, 0, 4);
    rig.d->closed = true;
    assert_int_equal(virtqueue_poll(rig.plain.queue[0], &done), -VIRTIO_E_PROTOCOL);
    assert_int_equal(virtqueue_wait(rig.plain.queue[0], &done, DEVICE_MILLISECOND),
                     -VIRTIO_E_STUCK);
    assert_int_equal(virtqueue_add(rig.plain.queue[0], &request, &piece, 0, 1), -VIRTIO_E_STATE);
    virtqueue_kick(rig.plain.queue[0]);
    assert_int_equal(request.state, VIRTIO_REQUEST_DEVICE);
    device_free(rig.d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wait_returns_what_the_device_completes),
        cmocka_unit_test(short_wait_touches_no_register),
        cmocka_unit_test(long_wait_looks_at_the_status_ever_more_rarely),
        cmocka_unit_test(wait_ends_at_the_deadline_with_a_reset_device),
        cmocka_unit_test(wait_of_a_driver_that_describes_nothing_still_says_what_happened),
        cmocka_unit_test(completion_after_the_timeout_is_not_seen),
        cmocka_unit_test(wait_ends_when_the_device_needs_a_reset),
        cmocka_unit_test(completion_comes_before_needs_reset),
        cmocka_unit_test(wait_that_finds_a_broken_ring_resets_the_device),
        cmocka_unit_test(wait_with_nothing_in_flight_is_refused),
        cmocka_unit_test(wait_that_ends_stuck_gives_nothing_back),
        cmocka_unit_test(queue_of_a_stuck_device_returns_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
