/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Used rings that cannot be right (VIRTIO 1.4, 2.7.8): the queue is broken for good, nothing that the device claims is
 * believed, and the reset gives everything back.
 */
#include "tests/unit/support/plain_driver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static uint8_t bytes[256];

static void add(struct virtqueue *queue, struct virtio_request *request, unsigned slot)
{
    const struct virtio_piece pieces[] = {{bytes + slot * 16, 4}, {bytes + slot * 16 + 8, 4}};

    *request = (struct virtio_request){0};
    assert_int_equal(virtqueue_add(queue, request, pieces, 1, 1), 0);
}

/* A broken queue stays broken, and neither its memory nor its registers are used again. */
static void check_broken(struct plain_rig *rig)
{
    struct virtqueue *queue = rig->plain.queue[0];
    const struct virtio_piece piece = {bytes, 1};
    struct virtio_request request = {0}, *done = &request;
    uint64_t notifications = rig->d->host->queues[0].notifications;

    assert_int_equal(virtqueue_poll(queue, &done), -VIRTIO_E_PROTOCOL);
    assert_null(done);
    assert_int_equal(virtqueue_add(queue, &request, &piece, 1, 0), -VIRTIO_E_STATE);
    virtqueue_kick(queue);
    assert_int_equal(rig->d->host->queues[0].notifications, notifications);
    assert_int_equal(rig->d->maps_live, 2 * virtqueue_in_flight(queue));
}

/* Three requests, of which `good` are returned properly; then the fault. */
static void provoke(struct plain_rig *rig, struct virtio_request requests[3],
                    enum launcher_fault fault, uint64_t value, unsigned good)
{
    struct virtio_request *done;

    plain_rig_make(rig, 16);
    device_fail(rig->d, fault, value, good, 1);
    for (unsigned i = 0; i < 3; i++)
        add(rig->plain.queue[0], &requests[i], i);
    device_delay(rig->d, DEVICE_MILLISECOND);
    virtqueue_kick(rig->plain.queue[0]);
    /* One at a time, so that a fault in the index cannot hide behind what is in flight. */
    for (unsigned i = 0; i < good; i++) {
        assert_int_equal(virtqueue_wait(rig->plain.queue[0], &done, 10 * DEVICE_MILLISECOND), 0);
        assert_ptr_equal(done, &requests[i]);
    }
}

static void finish(struct plain_rig *rig, struct virtio_request requests[3], unsigned good)
{
    assert_int_equal(virtio_reset(&rig->d->dev), 0);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(requests[i].state, i < good ? VIRTIO_REQUEST_DONE : VIRTIO_REQUEST_DEAD);
    assert_int_equal(rig->d->maps_live, 0);
    device_free(rig->d);
}

static void check_refused(enum launcher_fault fault, uint64_t value, unsigned good,
                          const char *line)
{
    struct virtio_request requests[3], *done;
    struct plain_rig rig;
    int error = 0;

    provoke(&rig, requests, fault, value, 0);
    rig.d->now += DEVICE_MILLISECOND;
    device_delay(rig.d, 0);
    device_work(rig.d);
    for (unsigned i = 0; i < 4 && error == 0; i++) {
        error = virtqueue_poll(rig.plain.queue[0], &done);
        if (error == 0 && done == NULL)
            break;
        if (error == 0)
            assert_true(i < good);
    }
    assert_int_equal(error, -VIRTIO_E_PROTOCOL);
    assert_null(done);
    assert_non_null(device_logged(rig.d, line));
    check_broken(&rig);
    finish(&rig, requests, good);
}

/* IMP-SPLIT-11 */
static void used_id_beyond_the_queue_breaks_it(void **state)
{
    (void)state;
    check_refused(LAUNCHER_FAULT_ID_OUT_OF_RANGE, 16, 0,
                  "queue 0 is broken: used id 16 is outside the queue");
}

/* Ids are 32 bits wide: one that is right only in its low half is wrong. */
static void used_id_is_compared_in_full_width(void **state)
{
    (void)state;
    check_refused(LAUNCHER_FAULT_ID_HIGH_BITS, 1, 0, "used id 65536 is outside the queue of 16");
}

/* IMP-SPLIT-11: in range is not enough; the descriptor has to be the head of a request in flight. */
static void used_id_that_is_not_in_flight_breaks_the_queue(void **state)
{
    (void)state;
    check_refused(LAUNCHER_FAULT_ID_NOT_IN_FLIGHT, 1, 0, "used id 1 is not in flight");
}

/* The same request returned twice: the first time it is. */
static void used_id_that_comes_twice_breaks_the_queue(void **state)
{
    (void)state;
    check_refused(LAUNCHER_FAULT_TWICE, 0, 1, "used id 0 is not in flight");
}

static void used_index_that_goes_back_breaks_the_queue(void **state)
{
    (void)state;
    check_refused(LAUNCHER_FAULT_INDEX_BACK, 1001, 0,
                  "used index is 64536 ahead with 3 requests in flight");
}

/* All in flight plus one. */
static void used_index_that_runs_ahead_breaks_the_queue(void **state)
{
    struct virtio_request requests[3], *done;
    struct plain_rig rig;

    (void)state;
    provoke(&rig, requests, LAUNCHER_FAULT_TWICE, 0, 3);
    device_fail(rig.d, LAUNCHER_FAULT_TWICE, 0, 0, 0);
    add(rig.plain.queue[0], &requests[0], 0);
    add(rig.plain.queue[0], &requests[1], 1);
    virtqueue_kick(rig.plain.queue[0]);
    for (unsigned i = 0; i < 3; i++)
        device_ring_put(rig.d, 0, rig.d->host->queues[0].flight[i > 1]->id, 0);
    assert_int_equal(virtqueue_poll(rig.plain.queue[0], &done), -VIRTIO_E_PROTOCOL);
    assert_non_null(device_logged(rig.d, "used index is 3 ahead with 2 requests in flight"));
    check_broken(&rig);
    requests[2].state = VIRTIO_REQUEST_DONE;
    assert_int_equal(virtio_reset(&rig.d->dev), 0);
    assert_int_equal(requests[0].state, VIRTIO_REQUEST_DEAD);
    assert_int_equal(requests[1].state, VIRTIO_REQUEST_DEAD);
    device_free(rig.d);
}

static void used_index_without_any_request_breaks_the_queue(void **state)
{
    struct plain_rig rig;
    struct virtio_request *done;

    (void)state;
    plain_rig_make(&rig, 16);
    device_ring_put(rig.d, 0, 0, 0);
    assert_int_equal(virtqueue_poll(rig.plain.queue[0], &done), -VIRTIO_E_PROTOCOL);
    assert_non_null(device_logged(rig.d, "used index is 1 ahead with 0 requests in flight"));
    assert_int_equal(virtio_reset(&rig.d->dev), 0);
    device_free(rig.d);
}

/* What was returned before the fault stays returned. */
static void completions_before_the_fault_are_good(void **state)
{
    struct virtio_request requests[3], *done;
    struct plain_rig rig;

    (void)state;
    provoke(&rig, requests, LAUNCHER_FAULT_ID_OUT_OF_RANGE, 0, 2);
    assert_int_equal(virtqueue_wait(rig.plain.queue[0], &done, 10 * DEVICE_MILLISECOND),
                     -VIRTIO_E_PROTOCOL);
    assert_int_equal(rig.d->dev.state, VIRTIO_CLEAN); /* a wait resets the device itself */
    finish(&rig, requests, 2);
}

/* DRV-CLEAN-02: a restart after the reset makes a queue that works. */
static void broken_queue_works_again_after_a_restart(void **state)
{
    struct virtio_request requests[3], *done;
    struct plain_rig rig;

    (void)state;
    provoke(&rig, requests, LAUNCHER_FAULT_ID_OUT_OF_RANGE, 0, 0);
    assert_int_equal(virtqueue_wait(rig.plain.queue[0], &done, 10 * DEVICE_MILLISECOND),
                     -VIRTIO_E_PROTOCOL);
    assert_int_equal(virtio_restart(&rig.d->dev), 0);
    add(rig.plain.queue[0], &requests[0], 0);
    virtqueue_kick(rig.plain.queue[0]);
    assert_int_equal(virtqueue_wait(rig.plain.queue[0], &done, 10 * DEVICE_MILLISECOND), 0);
    assert_ptr_equal(done, &requests[0]);
    assert_int_equal(virtio_release(&rig.bus, &rig.d->dev), 0);
    device_free(rig.d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(used_id_beyond_the_queue_breaks_it),
        cmocka_unit_test(used_id_is_compared_in_full_width),
        cmocka_unit_test(used_id_that_is_not_in_flight_breaks_the_queue),
        cmocka_unit_test(used_id_that_comes_twice_breaks_the_queue),
        cmocka_unit_test(used_index_that_goes_back_breaks_the_queue),
        cmocka_unit_test(used_index_that_runs_ahead_breaks_the_queue),
        cmocka_unit_test(used_index_without_any_request_breaks_the_queue),
        cmocka_unit_test(completions_before_the_fault_are_good),
        cmocka_unit_test(broken_queue_works_again_after_a_restart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
