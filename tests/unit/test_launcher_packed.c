/* SPDX-License-Identifier: BSD-2-Clause */
/* The launcher's side of packed virtqueues (VIRTIO 1.4, 2.8), driven by raw operations: what a legal driver gets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/support/ring_rig.h"

#define PACKED    RING_BIT(VIRTIO_F_RING_PACKED)
#define EVENT_IDX (PACKED | RING_BIT(VIRTIO_F_EVENT_IDX))
#define INDIRECT  (PACKED | RING_BIT(VIRTIO_F_INDIRECT_DESC))
#define IN_ORDER  (PACKED | RING_BIT(VIRTIO_F_IN_ORDER))

static void take_back(struct ring_rig *rig, unsigned count)
{
    struct raw_used used;

    for (unsigned i = 0; i < count; i++)
        assert_true(raw_used(rig->queue, &used));
    assert_false(raw_used(rig->queue, &used));
}

/* DEV-PACKED-04, DEV-PACKED-05, DEV-PACKED-08: a list is one run of bytes each way, and takes its slots in order. */
static void a_list_is_one_run_of_bytes_each_way(void **state)
{
    struct ring_rig rig = ring_rig_new(PACKED, 7);
    uint8_t *page = raw_at(rig.raw, rig.page);
    struct raw_used used;
    size_t length;

    (void)state;
    memcpy(page, "abc.de.f", 8);
    for (unsigned i = 0; i < 5; i++) { /* the list lies across the end of the ring */
        RAW_ADD(rig.queue, {rig.page, 3, RAW_READ}, {rig.page + 4, 2, RAW_READ},
                {rig.page + 7, 1, RAW_READ}, {rig.page + 100, 1, RAW_WRITE},
                {rig.page + 200, 50, RAW_WRITE});
        assert_true(raw_kick(rig.queue));
        assert_true(raw_used(rig.queue, &used));
        assert_int_equal(used.length, 51);
        assert_memory_equal(ring_rig_read(&rig, &length), "abcdef", 6);
        assert_int_equal(length, 6);
        assert_int_equal(page[249], RING_RIG_BYTE);
        assert_int_equal(page[250], 0);
        memset(page + 100, 0, 200);
    }
    assert_memory_equal(page, "abc.de.f", 8);
    ring_rig_free(&rig);
}

/* IMP-PACKED-01, IMP-PACKED-03: sizes from 1 to 32768, powers of two or not; both wrap counters flip behind the last slot. */
static void wrap_counters_flip_whatever_the_size(void **state)
{
    static const uint16_t sizes[] = {1, 2, 3, 7, 255, 1000, 32767, 32768};

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct ring_rig rig = ring_rig_new(i % 2 != 0 ? EVENT_IDX : PACKED, sizes[i]);

        for (unsigned turn = 0; turn < 5; turn++) {
            unsigned batch = turn % 2 == 0 || sizes[i] == 1 ? sizes[i] : sizes[i] / 2u;

            for (unsigned n = 0; n < batch; n++)
                ring_rig_add(&rig, 16);
            assert_true(raw_kick(rig.queue));
            take_back(&rig, batch);
        }
        assert_int_equal(rig.of->idle_notifications, 0);
        ring_rig_free(&rig);
    }
}

/* DEV-PACKED-01, DEV-PACKED-02, DEV-PACKED-07: buffers come back in the order of completion, into the next used slots. */
static void used_descriptors_come_in_completion_order(void **state)
{
    struct ring_rig rig = ring_rig_new(PACKED, 5);
    uint8_t *page = raw_at(rig.raw, rig.page);
    uint16_t slow, fast, faster;
    struct raw_used used;

    (void)state;
    for (unsigned round = 0; round < 4; round++) {
        page[0] = RING_RIG_LATER;
        slow = RAW_ADD(rig.queue, {rig.page, 1, RAW_READ}, {rig.page + 64, 8, RAW_WRITE});
        fast = ring_rig_add(&rig, 16);
        faster = RAW_ADD(rig.queue, {rig.page + 8, 1, RAW_READ}, {rig.page + 64, 8, RAW_WRITE});
        (void)raw_kick(rig.queue);
        assert_true(raw_used(rig.queue, &used));
        assert_int_equal(used.id, fast);
        assert_true(raw_used(rig.queue, &used));
        assert_int_equal(used.id, faster);
        assert_false(raw_used(rig.queue, &used));
        page[0] = 0;
        raw_run(rig.raw, 1);
        assert_true(raw_used(rig.queue, &used));
        assert_int_equal(used.id, slow);
    }
    ring_rig_free(&rig);
}

/* IMP-PACKED-07, IMP-PACKED-08: a used descriptor has WRITE if bytes were written. */
static void used_descriptors_say_whether_bytes_were_written(void **state)
{
    struct ring_rig rig = ring_rig_new(PACKED, 4);

    (void)state;
    RAW_ADD(rig.queue, {rig.page, 3, RAW_READ});
    ring_rig_add(&rig, 8);
    (void)raw_kick(rig.queue);
    assert_int_equal(raw_get16(rig.raw, rig.queue->desc + 14) & VIRTQ_DESC_F_WRITE, 0);
    assert_int_equal(raw_get16(rig.raw, rig.queue->desc + 30) & VIRTQ_DESC_F_WRITE,
                     VIRTQ_DESC_F_WRITE);
    take_back(&rig, 2);
    ring_rig_free(&rig);
}

/* DRV-PACKED-16, IMP-PACKED-15: an indirect table is one element behind the other, and takes one slot. */
static void an_indirect_table_takes_one_slot(void **state)
{
    struct ring_rig rig = ring_rig_new(INDIRECT, 3);
    struct raw_used used;
    size_t length;

    (void)state;
    memcpy(raw_at(rig.raw, rig.page), "xyz", 3);
    for (unsigned i = 0; i < 7; i++) {
        raw_add_indirect(rig.queue,
                         (const struct raw_segment[]){{rig.page + 2, 1, RAW_READ},
                                                      {rig.page, 2, RAW_READ},
                                                      {rig.page + 64, 4, RAW_WRITE},
                                                      {rig.page + 128, 5, RAW_WRITE}},
                         4);
        (void)raw_kick(rig.queue);
        assert_true(raw_used(rig.queue, &used));
        assert_int_equal(used.length, 9);
        assert_memory_equal(ring_rig_read(&rig, &length), "zxy", 3);
    }
    ring_rig_free(&rig);
}

/* DEV-PACKED-06: a slot whose AVAIL bit is not that of the wrap counter is not looked at. */
static void descriptors_that_are_not_available_are_left_alone(void **state)
{
    struct ring_rig rig = ring_rig_new(PACKED, 4);
    uint64_t flags = rig.queue->desc + 14;

    (void)state;
    ring_rig_add(&rig, 8);
    raw_put16(rig.raw, flags, 0);
    raw_notify(rig.queue);
    raw_run(rig.raw, 1);
    assert_int_equal(rig.of->taken, 0);
    raw_put16(rig.raw, flags, VIRTQ_DESC_F_AVAIL | VIRTQ_DESC_F_WRITE);
    (void)raw_kick(rig.queue);
    take_back(&rig, 1);
    ring_rig_free(&rig);
}

/* ---- Notifications, both ways ---- */

/* 2.8.10: the driver's event suppression structure decides: ENABLE, DISABLE. */
static void interrupts_follow_the_drivers_flags(void **state)
{
    struct ring_rig rig = ring_rig_new(PACKED, 4);

    (void)state;
    ring_rig_turn(&rig, 8);
    assert_int_equal(rig.raw->interrupts, 1);
    raw_event(rig.queue, VIRTQ_EVENT_FLAGS_DISABLE, 0);
    ring_rig_turn(&rig, 8);
    assert_int_equal(rig.raw->interrupts, 1);
    ring_rig_free(&rig);
}

/* 2.8.10: DESC names a slot and its wrap counter, also inside a batch and over the end of the ring. */
static void interrupts_follow_the_drivers_event(void **state)
{
    struct ring_rig rig = ring_rig_new(EVENT_IDX, 5);

    (void)state;
    raw_event(rig.queue, VIRTQ_EVENT_FLAGS_DESC, 1 | 1 << 15);
    ring_rig_turn(&rig, 8); /* slot 0 */
    assert_int_equal(rig.raw->interrupts, 0);
    ring_rig_turn(&rig, 8); /* slot 1 */
    assert_int_equal(rig.raw->interrupts, 1);
    raw_event(rig.queue, VIRTQ_EVENT_FLAGS_DESC, 4 | 1 << 15);
    for (unsigned i = 0; i < 4; i++) /* slots 2, 3, 4, 0 */
        ring_rig_add(&rig, 8);
    (void)raw_kick(rig.queue);
    assert_int_equal(rig.raw->interrupts, 2);
    take_back(&rig, 4);
    raw_event(rig.queue, VIRTQ_EVENT_FLAGS_DESC, 1 | 1 << 15); /* the wrap counter is 0 by now */
    ring_rig_turn(&rig, 8);
    assert_int_equal(rig.raw->interrupts, 2);
    raw_event(rig.queue, VIRTQ_EVENT_FLAGS_DESC, 2);
    ring_rig_turn(&rig, 8);
    assert_int_equal(rig.raw->interrupts, 3);
    raw_event(rig.queue, VIRTQ_EVENT_FLAGS_DESC, 4); /* the second slot of the first list */
    for (unsigned i = 0; i < 2; i++)
        RAW_ADD(rig.queue, {rig.page, 4, RAW_READ}, {rig.page + 64, 8, RAW_WRITE});
    (void)raw_kick(rig.queue);
    assert_int_equal(rig.raw->interrupts, 4);
    ring_rig_free(&rig);
}

/* DEV-PACKED-11: a quiet device says DISABLE, and looks by itself; one that is not says DESC with EVENT_IDX. */
static void the_devices_wish_is_in_its_event_structure(void **state)
{
    struct ring_rig rig = ring_rig_new(EVENT_IDX, 3);

    (void)state;
    for (unsigned i = 1; i < 9; i++) {
        ring_rig_turn(&rig, 8);
        assert_int_equal(raw_wish_flags(rig.queue), VIRTQ_EVENT_FLAGS_DESC);
        assert_int_equal(raw_wish_event(rig.queue), i % 3 | (i / 3 % 2 == 0 ? 0x8000u : 0));
    }
    rig.of->quiet = true;
    ring_rig_turn(&rig, 8);
    assert_int_equal(raw_wish_flags(rig.queue), VIRTQ_EVENT_FLAGS_DISABLE);
    ring_rig_add(&rig, 8);
    assert_false(raw_kick(rig.queue));
    raw_run(rig.raw, 1);
    take_back(&rig, 1);
    ring_rig_free(&rig);
}

/* IMP-CORE-10, DRV-PACKED-06, DRV-PACKED-07: the notification carries the next slot and its wrap counter. */
static void notifications_carry_the_next_slot(void **state)
{
    struct ring_rig rig = ring_rig_new(PACKED | RING_BIT(VIRTIO_F_NOTIFICATION_DATA), 3);

    (void)state;
    for (unsigned i = 0; i < 10; i++)
        ring_rig_turn(&rig, 8);
    assert_int_equal(raw_notify_value(rig.queue) >> 16, 1); /* the fourth time round */
    raw_notify(rig.queue);
    raw_notify(rig.queue);
    ring_rig_free(&rig);
}

/* ---- IN_ORDER ---- */

/* DEV-RFB-05; IMP-PACKED-16, IMP-PACKED-17: one used descriptor stands for a batch, and all its slots are skipped. */
static void one_used_descriptor_stands_for_a_batch(void **state)
{
    struct ring_rig rig = ring_rig_new(IN_ORDER, 7);
    struct raw_used used;
    uint16_t last = 0;

    (void)state;
    for (unsigned round = 0; round < 9; round++) {
        uint16_t first = rig.queue->avail_next;

        ring_rig_add(&rig, 8);
        RAW_ADD(rig.queue, {rig.page, 4, RAW_READ}, {rig.page + 64, 16, RAW_WRITE});
        last = RAW_ADD(rig.queue, {rig.page, 4, RAW_READ}, {rig.page + 64, 16, RAW_WRITE});
        (void)raw_kick(rig.queue);
        assert_int_equal(rig.queue->used_next, first);
        assert_true(raw_used(rig.queue, &used));
        assert_int_equal(used.id, last);
        assert_int_equal(used.buffers, 3);
        assert_int_equal(rig.queue->used_next, (first + 5) % 7);
        assert_false(raw_used(rig.queue, &used));
    }
    ring_rig_free(&rig);
}

/* ---- Resets ---- */

/* DEV-VQRST-03, DEV-VQRST-04: a queue starts over with wrap counters of 1, and any other size. */
static void a_reset_queue_starts_over(void **state)
{
    struct ring_rig rig = ring_rig_new(PACKED | RING_BIT(VIRTIO_F_RING_RESET), 8);

    (void)state;
    for (unsigned i = 0; i < 11; i++)
        ring_rig_turn(&rig, 8);
    raw_set(rig.raw, RAW_COMMON(queue_select), 0);
    raw_set(rig.raw, RAW_COMMON(queue_reset), 1);
    assert_int_equal(raw_get(rig.raw, RAW_COMMON(queue_reset)), 0);
    rig.queue = raw_queue(rig.raw, 0, 3);
    for (unsigned i = 0; i < 11; i++)
        ring_rig_turn(&rig, 8);
    ring_rig_free(&rig);
}

/* DEV-RESET-03: renegotiated from packed to split and back, on one device. */
static void a_device_changes_rings_with_its_lives(void **state)
{
    struct ring_rig rig = ring_rig_new(EVENT_IDX, 4);

    (void)state;
    for (unsigned life = 0; life < 6; life++) {
        for (unsigned i = 0; i < 5; i++)
            ring_rig_turn(&rig, 8);
        ring_rig_restart(&rig, life % 2 == 0 ? 0 : PACKED, 4);
    }
    ring_rig_free(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_is_one_run_of_bytes_each_way),
        cmocka_unit_test(wrap_counters_flip_whatever_the_size),
        cmocka_unit_test(used_descriptors_come_in_completion_order),
        cmocka_unit_test(used_descriptors_say_whether_bytes_were_written),
        cmocka_unit_test(an_indirect_table_takes_one_slot),
        cmocka_unit_test(descriptors_that_are_not_available_are_left_alone),
        cmocka_unit_test(interrupts_follow_the_drivers_flags),
        cmocka_unit_test(interrupts_follow_the_drivers_event),
        cmocka_unit_test(the_devices_wish_is_in_its_event_structure),
        cmocka_unit_test(notifications_carry_the_next_slot),
        cmocka_unit_test(one_used_descriptor_stands_for_a_batch),
        cmocka_unit_test(a_reset_queue_starts_over),
        cmocka_unit_test(a_device_changes_rings_with_its_lives),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
