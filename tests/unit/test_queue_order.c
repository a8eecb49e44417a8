/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * In what order a split queue touches shared memory (VIRTIO 1.4, 2.7.13, 2.7.14), and how often: every field that the
 * device writes is loaded once. The queue's source is compiled in here with the hook that sees each access.
 */
#define VIRTIO_ACCESS_HOOK "tests/unit/support/access_hook.h"
#include "virtio/split.c"

#include "tests/unit/support/plain_driver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* ---- What is seen ---- */

enum access_kind {
    LOAD,
    STORE,
    BARRIER,
};

struct access {
    enum access_kind kind;
    const void *p;
    unsigned width;
    uint64_t value;
    enum access_barrier barrier;
};

static struct access accesses[4096];
static unsigned access_count;
static uint64_t (*answer)(const void *p, unsigned width, uint64_t actual);

static struct access *note(enum access_kind kind)
{
    struct access *access = &accesses[access_count++ % 4096];

    *access = (struct access){.kind = kind};
    return access;
}

static uint64_t load(const void *p, unsigned width, uint64_t actual)
{
    struct access *access = note(LOAD);

    access->p = p;
    access->width = width;
    access->value = answer != NULL ? answer(p, width, actual) : actual;
    return access->value;
}

static void stored(const void *p, unsigned width, uint64_t value)
{
    struct access *access = note(STORE);

    access->p = p;
    access->width = width;
    access->value = value;
}

static void barrier(enum access_barrier which)
{
    note(BARRIER)->barrier = which;
}

struct access_hook access_hook = {load, stored, barrier};

static int find(enum access_kind kind, const void *p)
{
    for (unsigned i = 0; i < access_count; i++)
        if (accesses[i].kind == kind && accesses[i].p == p)
            return (int)i;
    return -1;
}

static int find_barrier(enum access_barrier which)
{
    for (unsigned i = 0; i < access_count; i++)
        if (accesses[i].kind == BARRIER && accesses[i].barrier == which)
            return (int)i;
    return -1;
}

static unsigned count_loads(const void *p)
{
    unsigned count = 0;

    for (unsigned i = 0; i < access_count; i++)
        count += accesses[i].kind == LOAD && accesses[i].p == p;
    return count;
}

/* ---- Rings ---- */

static uint8_t bytes[64];
static const struct virtio_piece pieces[] = {{bytes, 16}, {bytes + 16, 16}};

static void make(struct plain_rig *rig)
{
    answer = NULL;
    plain_rig_make(rig, 4);
    access_count = 0;
}

/* DRV-SPLIT-37: descriptors and the ring's slot, then the barrier, then the index. */
static void index_is_stored_after_all_that_it_publishes(void **state)
{
    struct virtio_request request = {0};
    struct plain_rig rig;
    const struct virtqueue *queue;
    int at;

    (void)state;
    make(&rig);
    queue = rig.plain.queue[0];
    assert_int_equal(virtqueue_add(rig.plain.queue[0], &request, pieces, 1, 1), 0);
    virtqueue_kick(rig.plain.queue[0]);
    at = find_barrier(ACCESS_PUBLISH);
    assert_true(at >= 0);
    assert_true(find(STORE, &queue->avail->idx) > at);
    for (unsigned i = (unsigned)at; i < access_count; i++)
        assert_true(accesses[i].kind != STORE || accesses[i].p == &queue->avail->idx);
    assert_in_range(find(STORE, &queue->avail_ring[0]), 0, at);
    for (unsigned i = 0; i < 2; i++) {
        assert_in_range(find(STORE, &queue->desc[i].addr), 0, at);
        assert_in_range(find(STORE, &queue->desc[i].len), 0, at);
        assert_in_range(find(STORE, &queue->desc[i].flags), 0, at);
        assert_in_range(find(STORE, &queue->desc[i].next), 0, at);
    }
    device_free(rig.d);
}

/*
 * DRV-SPLIT-38, IMP-SPLIT-20: the index, then the full barrier, then the device's wish for notifications; without it a
 * processor may load the wish first, and a kick is lost.
 */
static void wish_for_notifications_is_loaded_after_the_index_is_visible(void **state)
{
    struct virtio_request request = {0};
    struct plain_rig rig;
    const struct virtqueue *queue;
    int at;

    (void)state;
    make(&rig);
    queue = rig.plain.queue[0];
    assert_int_equal(virtqueue_add(rig.plain.queue[0], &request, pieces, 1, 1), 0);
    virtqueue_kick(rig.plain.queue[0]);
    at = find_barrier(ACCESS_NOTIFY);
    assert_true(at >= 0);
    assert_in_range(find(STORE, &queue->avail->idx), 0, at);
    assert_true(find(LOAD, &queue->used->flags) > at);
    device_free(rig.d);
}

static uint16_t chain;
static struct virtio_piece before, after;

static void make_chain(struct plain *plain)
{
    before = (struct virtio_piece){virtio_dma_alloc(plain->dev, 16, 1), 16};
    after = (struct virtio_piece){virtio_dma_alloc(plain->dev, 1, 1), 1};
    assert_int_equal(virtqueue_chain_create(plain->queue[0], &before, &after, &chain), 0);
}

/*
 * DRV-SPLIT-37: of a chain that stays built, the data's descriptor and the ring's slot are stored, before the barrier and
 * the index, and nothing else; and what stands there is not loaded, since the device can reach it.
 */
static void request_through_a_chain_stores_the_data_and_the_slot(void **state)
{
    struct virtio_request request = {0}, *done;
    const struct virtqueue *queue;
    struct plain_rig rig;

    (void)state;
    answer = NULL;
    plain_rig_discover(&rig, 4);
    rig.plain.before_driver_ok = make_chain;
    assert_int_equal(plain_rig_claim(&rig), 0);
    queue = rig.plain.queue[0];
    for (unsigned i = 0; i < 8; i++) {
        const struct virtq_desc *desc = &queue->desc[1]; /* of a fresh queue */
        const void *slot = &queue->avail_ring[i % 4];
        int at;

        access_count = 0;
        assert_int_equal(virtqueue_add_chain(rig.plain.queue[0], chain, &request, &pieces[i % 2],
                                             i % 2 == 0 ? VIRTIO_TO_DEVICE : VIRTIO_FROM_DEVICE),
                         0);
        assert_int_equal(access_count, 5);
        assert_true(find(STORE, &desc->addr) >= 0 && find(STORE, &desc->len) >= 0 &&
                    find(STORE, &desc->flags) >= 0 && find(STORE, &desc->next) >= 0 &&
                    find(STORE, slot) >= 0);
        virtqueue_kick(rig.plain.queue[0]);
        at = find_barrier(ACCESS_PUBLISH);
        assert_int_equal(at, 5);
        assert_true(find(STORE, &queue->avail->idx) > at);
        assert_true(find_barrier(ACCESS_NOTIFY) > find(STORE, &queue->avail->idx));
        assert_true(find(LOAD, &queue->used->flags) > find_barrier(ACCESS_NOTIFY));
        assert_int_equal(virtqueue_poll(rig.plain.queue[0], &done), 0);
        assert_ptr_equal(done, &request);
    }
    device_free(rig.d);
}

/* The used index is loaded before the element that it announces: the element could be older than the index otherwise. */
static void used_element_is_loaded_after_the_index(void **state)
{
    struct virtio_request request = {0}, *done;
    struct plain_rig rig;
    const struct virtqueue *queue;
    int at;

    (void)state;
    make(&rig);
    queue = rig.plain.queue[0];
    assert_int_equal(virtqueue_add(rig.plain.queue[0], &request, pieces, 1, 1), 0);
    virtqueue_kick(rig.plain.queue[0]);
    access_count = 0;
    assert_int_equal(virtqueue_poll(rig.plain.queue[0], &done), 0);
    assert_ptr_equal(done, &request);
    at = find_barrier(ACCESS_CONSUME);
    assert_true(at >= 0);
    assert_in_range(find(LOAD, &queue->used->idx), 0, at);
    assert_true(find(LOAD, &queue->used_ring[0].id) > at);
    assert_true(find(LOAD, &queue->used_ring[0].len) > at);
    device_free(rig.d);
}

/* A value that is checked and then loaded again may be another one by then. */
static void used_fields_are_loaded_once(void **state)
{
    struct virtio_request request = {0}, *done;
    struct plain_rig rig;
    const struct virtqueue *queue;

    (void)state;
    make(&rig);
    queue = rig.plain.queue[0];
    assert_int_equal(virtqueue_add(rig.plain.queue[0], &request, pieces, 1, 1), 0);
    virtqueue_kick(rig.plain.queue[0]);
    access_count = 0;
    assert_int_equal(virtqueue_poll(rig.plain.queue[0], &done), 0);
    assert_int_equal(count_loads(&queue->used->idx), 1);
    assert_int_equal(count_loads(&queue->used_ring[0].id), 1);
    assert_int_equal(count_loads(&queue->used_ring[0].len), 1);
    /* Nothing else is loaded: neither descriptors nor the available ring, which the device can reach too. */
    for (unsigned i = 0; i < access_count; i++)
        assert_true(accesses[i].kind != LOAD || accesses[i].p == &queue->used->idx ||
                    accesses[i].p == &queue->used_ring[0].id ||
                    accesses[i].p == &queue->used_ring[0].len);
    device_free(rig.d);
}

/* IMP-SPLIT-12: the used ring is loaded, never stored to. DRV-SPLIT-20, DRV-SPLIT-21: available flags are stored once. */
static void used_ring_is_never_stored_to(void **state)
{
    struct virtio_request request = {0}, *done;
    struct plain_rig rig;
    const struct virtqueue *queue;

    (void)state;
    answer = NULL;
    access_count = 0;
    plain_rig_make(&rig, 4);
    queue = rig.plain.queue[0];
    assert_int_equal(find(STORE, &queue->avail->flags), 0);
    assert_int_equal(accesses[0].value, VIRTQ_AVAIL_F_NO_INTERRUPT);
    for (unsigned i = 0; i < 20; i++) {
        assert_int_equal(virtqueue_add(rig.plain.queue[0], &request, pieces, 1, 1), 0);
        virtqueue_kick(rig.plain.queue[0]);
        assert_int_equal(virtqueue_poll(rig.plain.queue[0], &done), 0);
    }
    assert_true(access_count < 4096);
    for (unsigned i = 1; i < access_count; i++) {
        const uint8_t *p = accesses[i].p;
        bool used = p >= (const uint8_t *)queue->used &&
                    p < (const uint8_t *)queue->used + split_used_bytes(queue->size);

        assert_false(accesses[i].kind == STORE && used);
        assert_false(accesses[i].kind == STORE && p == (const uint8_t *)&queue->avail->flags);
    }
    device_free(rig.d);
}

/* DRV-SPLIT-28: avail_event stands behind the used ring, and means nothing without EVENT_IDX. */
static void avail_event_is_never_loaded(void **state)
{
    struct virtio_request request = {0}, *done;
    struct plain_rig rig;
    const struct virtqueue *queue;

    (void)state;
    make(&rig);
    queue = rig.plain.queue[0];
    for (unsigned i = 0; i < 20; i++) {
        assert_int_equal(virtqueue_add(rig.plain.queue[0], &request, pieces, 1, 1), 0);
        virtqueue_kick(rig.plain.queue[0]);
        assert_int_equal(virtqueue_poll(rig.plain.queue[0], &done), 0);
    }
    assert_int_equal(count_loads(&queue->used_ring[queue->size]), 0);
    assert_int_equal(rig.d->host->queues[0].notifications, 20);
    device_free(rig.d);
}

/* ---- Devices that change their mind between two loads ---- */

static const struct virtqueue *lied_to;

/* The id is right the first time it is loaded in a poll, and out of range after that; the length likewise. */
static uint64_t lie_later(const void *p, unsigned width, uint64_t actual)
{
    (void)width;
    if (p == &lied_to->used_ring[0].id || p == &lied_to->used_ring[0].len)
        return count_loads(p) > 1 ? UINT32_MAX : actual;
    return actual;
}

static void element_that_changes_after_the_check_has_no_effect(void **state)
{
    struct virtio_request request = {0}, *done;
    struct plain_rig rig;

    (void)state;
    make(&rig);
    lied_to = rig.plain.queue[0];
    assert_int_equal(virtqueue_add(rig.plain.queue[0], &request, pieces, 1, 1), 0);
    virtqueue_kick(rig.plain.queue[0]);
    access_count = 0;
    answer = lie_later;
    assert_int_equal(virtqueue_poll(rig.plain.queue[0], &done), 0);
    assert_ptr_equal(done, &request);
    assert_int_equal(request.used, 0);
    device_free(rig.d);
}

/* The used index is always one further, and every element returns the chain at descriptor 0. */
static uint64_t use_what_was_never_shown(const void *p, unsigned width, uint64_t actual)
{
    if (p == &lied_to->used->idx)
        return (uint16_t)(lied_to->used_idx + 1);
    return width == 4 ? 0 : actual;
}

/*
 * IMP-SPLIT-11: what was added and not kicked is not exposed; a device that returns it anyhow would get its descriptors
 * into the hands of the next request while they stand in the available ring.
 */
static void request_that_was_not_shown_yet_is_not_accepted(void **state)
{
    struct virtio_request request = {0}, *done;
    struct plain_rig rig;

    (void)state;
    make(&rig);
    lied_to = rig.plain.queue[0];
    assert_int_equal(virtqueue_add(rig.plain.queue[0], &request, pieces, 0, 1), 0);
    answer = use_what_was_never_shown;
    assert_int_equal(virtqueue_poll(rig.plain.queue[0], &done), -VIRTIO_E_PROTOCOL);
    assert_null(done);
    assert_int_equal(request.state, VIRTIO_REQUEST_DEVICE);
    answer = NULL;
    assert_int_equal(virtio_reset(&rig.d->dev), 0);
    assert_int_equal(request.state, VIRTIO_REQUEST_DEAD);
    device_free(rig.d);
}

static void request_that_was_not_shown_yet_is_not_accepted_among_others(void **state)
{
    struct virtio_request shown = {0}, hidden = {0}, *done;
    struct plain_rig rig;

    (void)state;
    make(&rig);
    device_delay(rig.d, DEVICE_NEVER);
    assert_int_equal(virtqueue_add(rig.plain.queue[0], &shown, pieces, 0, 1), 0);
    virtqueue_kick(rig.plain.queue[0]);
    assert_int_equal(virtqueue_add(rig.plain.queue[0], &hidden, pieces, 0, 1), 0);
    device_ring_put(rig.d, 0, 1, 0); /* the second descriptor: hidden's */
    assert_int_equal(virtqueue_poll(rig.plain.queue[0], &done), -VIRTIO_E_PROTOCOL);
    assert_null(done);
    assert_non_null(device_logged(rig.d, "used id 1 is not in flight"));
    device_free(rig.d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(index_is_stored_after_all_that_it_publishes),
        cmocka_unit_test(wish_for_notifications_is_loaded_after_the_index_is_visible),
        cmocka_unit_test(request_through_a_chain_stores_the_data_and_the_slot),
        cmocka_unit_test(used_element_is_loaded_after_the_index),
        cmocka_unit_test(used_fields_are_loaded_once),
        cmocka_unit_test(used_ring_is_never_stored_to),
        cmocka_unit_test(avail_event_is_never_loaded),
        cmocka_unit_test(element_that_changes_after_the_check_has_no_effect),
        cmocka_unit_test(request_that_was_not_shown_yet_is_not_accepted),
        cmocka_unit_test(request_that_was_not_shown_yet_is_not_accepted_among_others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
