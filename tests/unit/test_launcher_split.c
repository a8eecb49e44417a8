/* SPDX-License-Identifier: BSD-2-Clause */
/* The launcher's side of split virtqueues (VIRTIO 1.4, 2.7), driven by raw operations: what a legal driver gets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/support/ring_rig.h"

#define EVENT_IDX RING_BIT(VIRTIO_F_EVENT_IDX)
#define INDIRECT  RING_BIT(VIRTIO_F_INDIRECT_DESC)
#define IN_ORDER  RING_BIT(VIRTIO_F_IN_ORDER)

/* DEV-SPLIT-03, DEV-SPLIT-04, DEV-SPLIT-17, DEV-SPLIT-18: a buffer in seven pieces is one run of bytes each way. */
static void a_buffer_is_one_run_of_bytes_each_way(void **state)
{
    struct ring_rig rig = ring_rig_new(0, 8);
    uint8_t *page = raw_at(rig.raw, rig.page);
    struct raw_used used;
    size_t length;

    (void)state;
    memcpy(page, "abc.de.f", 8);
    RAW_ADD(rig.queue, {rig.page, 3, RAW_READ}, {rig.page + 4, 2, RAW_READ},
            {rig.page + 7, 1, RAW_READ}, {rig.page + 100, 1, RAW_WRITE},
            {rig.page + 200, 50, RAW_WRITE}, {rig.page + 300, 7, RAW_WRITE});
    assert_true(raw_kick(rig.queue));
    assert_true(raw_used(rig.queue, &used));
    assert_int_equal(used.length, 58);
    assert_memory_equal(ring_rig_read(&rig, &length), "abcdef", 6);
    assert_int_equal(length, 6);
    assert_int_equal(page[100], RING_RIG_BYTE);
    assert_int_equal(page[249], RING_RIG_BYTE);
    assert_int_equal(page[250], 0);
    assert_int_equal(page[306], RING_RIG_BYTE);
    assert_false(raw_used(rig.queue, &used));
    ring_rig_free(&rig);
}

/* DEV-SPLIT-05, DEV-SPLIT-06, DEV-SPLIT-08: readable bytes and descriptors stay as the driver wrote them. */
static void the_device_writes_only_what_is_writable(void **state)
{
    struct ring_rig rig = ring_rig_new(INDIRECT, 4);
    uint8_t before[4 * 16], bytes[64];

    (void)state;
    memset(raw_at(rig.raw, rig.page), 0x11, 64);
    RAW_ADD(rig.queue, {rig.page, 64, RAW_READ}, {rig.page + 64, 64, RAW_WRITE});
    raw_add_indirect(
        rig.queue,
        (const struct raw_segment[]){{rig.page, 8, RAW_READ}, {rig.page + 64, 4, RAW_WRITE}}, 2);
    memcpy(before, raw_at(rig.raw, rig.queue->desc), sizeof(before));
    (void)raw_kick(rig.queue);
    memset(bytes, 0x11, sizeof(bytes));
    assert_memory_equal(raw_at(rig.raw, rig.page), bytes, sizeof(bytes));
    assert_memory_equal(raw_at(rig.raw, rig.queue->desc), before, sizeof(before));
    assert_int_equal(raw_used_index(rig.queue), 2);
    ring_rig_free(&rig);
}

/* IMP-SPLIT-08: indices run freely over 16 bits; every size from 1 to 32768. */
static void indices_wrap_at_65536_whatever_the_size(void **state)
{
    static const uint16_t sizes[] = {1, 2, 64, 32768};

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct ring_rig rig = ring_rig_new(i % 2 != 0 ? EVENT_IDX : 0, sizes[i]);
        unsigned batch = sizes[i] > 64 ? 32768 : sizes[i], turns = 65536 / batch + 2;
        struct raw_used used;

        for (unsigned turn = 0; turn < turns; turn++) {
            for (unsigned n = 0; n < batch; n++)
                ring_rig_add(&rig, 16);
            assert_true(raw_kick(rig.queue));
            for (unsigned n = 0; n < batch; n++)
                assert_true(raw_used(rig.queue, &used));
        }
        assert_int_equal(rig.of->taken, turns * batch);
        assert_int_equal(rig.of->avail_next, (uint16_t)(turns * batch));
        assert_int_equal(rig.of->idle_notifications, 0);
        ring_rig_free(&rig);
    }
}

/* DEV-SPLIT-09, DEV-SPLIT-10: an indirect table may follow ordinary descriptors; its own write flag says nothing. */
static void an_indirect_table_ends_a_chain(void **state)
{
    struct ring_rig rig = ring_rig_new(INDIRECT, 4);
    uint64_t table = raw_alloc(rig.raw, 32);
    struct raw_used used;
    size_t length;

    (void)state;
    memcpy(raw_at(rig.raw, rig.page), "xyz", 3);
    raw_desc_at(rig.raw, table, rig.page + 1, 2, VIRTQ_DESC_F_NEXT, 1);
    raw_desc_at(rig.raw, table + 16, rig.page + 64, 9, VIRTQ_DESC_F_WRITE, 0);
    raw_desc(rig.queue, 0, rig.page + 2, 1, VIRTQ_DESC_F_NEXT, 3);
    raw_desc(rig.queue, 3, table, 32, VIRTQ_DESC_F_INDIRECT | VIRTQ_DESC_F_WRITE, 0);
    raw_avail_slot(rig.queue, 0, 0);
    rig.queue->avail_next = 1;
    assert_true(raw_kick(rig.queue));
    assert_true(raw_peek_used(rig.queue, &used));
    assert_int_equal(used.length, 9);
    assert_memory_equal(ring_rig_read(&rig, &length), "zyz", 3);
    assert_int_equal(length, 3);
    ring_rig_free(&rig);
}

/* ---- Notifications of the driver ---- */

/* DEV-SPLIT-12, DEV-SPLIT-13: the available flags decide; DEV-SPLIT-11: used_event says nothing. */
static void interrupts_follow_the_available_flags(void **state)
{
    struct ring_rig rig = ring_rig_new(0, 4);

    (void)state;
    raw_event(rig.queue, 0, 77);
    ring_rig_turn(&rig, 8);
    assert_int_equal(rig.raw->interrupts, 1);
    raw_event(rig.queue, VIRTQ_AVAIL_F_NO_INTERRUPT, 1);
    ring_rig_turn(&rig, 8);
    assert_int_equal(rig.raw->interrupts, 1);
    ring_rig_free(&rig);
}

/* DEV-SPLIT-14, DEV-SPLIT-15, DEV-SPLIT-16: with EVENT_IDX, used_event decides, also inside a batch and over the wrap. */
static void interrupts_follow_used_event(void **state)
{
    struct ring_rig rig = ring_rig_new(EVENT_IDX, 8);
    struct raw_used used;

    (void)state;
    raw_event(rig.queue, 0, 1);
    ring_rig_turn(&rig, 8);
    assert_int_equal(rig.raw->interrupts, 0);
    ring_rig_turn(&rig, 8);
    assert_int_equal(rig.raw->interrupts, 1);
    raw_event(rig.queue, 0, 3); /* the second of three */
    for (unsigned i = 0; i < 3; i++)
        ring_rig_add(&rig, 8);
    (void)raw_kick(rig.queue);
    assert_int_equal(rig.raw->interrupts, 2);
    while (raw_used(rig.queue, &used))
        ;
    raw_event(rig.queue, 0, 0);
    for (unsigned i = 5; i < 65534; i++)
        ring_rig_turn(&rig, 8);
    assert_int_equal(rig.raw->interrupts, 2);
    for (unsigned i = 0; i < 4; i++)
        ring_rig_add(&rig, 8);
    (void)raw_kick(rig.queue); /* 65534, 65535, 0, 1 */
    assert_int_equal(rig.raw->interrupts, 3);
    ring_rig_free(&rig);
}

/* ---- The device's wish ---- */

/* DEV-SPLIT-20, DEV-SPLIT-21, DEV-SPLIT-26: a quiet device sets the flag, and looks by itself. */
static void a_quiet_device_looks_by_itself(void **state)
{
    struct ring_rig rig = ring_rig_new(0, 4);
    struct raw_used used;

    (void)state;
    rig.of->quiet = true;
    raw_run(rig.raw, 1);
    assert_int_equal(raw_wish_flags(rig.queue), VIRTQ_USED_F_NO_NOTIFY);
    ring_rig_add(&rig, 8);
    assert_false(raw_kick(rig.queue));
    assert_false(raw_used(rig.queue, &used));
    raw_run(rig.raw, 1);
    assert_true(raw_used(rig.queue, &used));
    ring_rig_free(&rig);
}

/* DEV-SPLIT-22, DEV-SPLIT-23: with EVENT_IDX the flags stay 0, and avail_event is the next index, or one far away. */
static void avail_event_says_what_the_device_wants(void **state)
{
    struct ring_rig rig = ring_rig_new(EVENT_IDX, 4);
    struct raw_used used;

    (void)state;
    ring_rig_turn(&rig, 8);
    assert_int_equal(raw_wish_event(rig.queue), 1);
    ring_rig_turn(&rig, 8);
    assert_int_equal(raw_wish_event(rig.queue), 2);
    rig.of->quiet = true;
    ring_rig_turn(&rig, 8);
    assert_int_equal(raw_wish_event(rig.queue), 2); /* 65535 on from 3 */
    assert_int_equal(raw_wish_flags(rig.queue), 0);
    ring_rig_add(&rig, 8);
    assert_false(raw_kick(rig.queue));
    raw_run(rig.raw, 1);
    assert_true(raw_used(rig.queue, &used));
    ring_rig_free(&rig);
}

/* DEV-SPLIT-24: notifications without anything new are counted, and nothing else. */
static void an_idle_notification_is_harmless(void **state)
{
    struct ring_rig rig = ring_rig_new(EVENT_IDX, 4);

    (void)state;
    for (unsigned i = 0; i < 3; i++)
        raw_notify(rig.queue);
    ring_rig_turn(&rig, 8);
    raw_notify(rig.queue);
    assert_int_equal(rig.of->idle_notifications, 4);
    ring_rig_free(&rig);
}

/* DEV-SPLIT-25: buffers that were published before DRIVER_OK are found without a notification. */
static void buffers_of_before_driver_ok_are_found(void **state)
{
    struct ring_rig rig = ring_rig_with(&(struct launcher_options){.queue_size = 4}, 0, 0);
    struct raw_used used;

    (void)state;
    assert_true(raw_start(rig.raw, 0));
    rig.queue = raw_queue(rig.raw, 0, 4);
    ring_rig_add(&rig, 8);
    raw_publish(rig.queue);
    raw_run(rig.raw, 1);
    assert_int_equal(rig.of->taken, 0); /* DEV-STATUS-01 */
    raw_live(rig.raw);
    raw_run(rig.raw, 1);
    assert_true(raw_used(rig.queue, &used));
    ring_rig_free(&rig);
}

/* ---- IN_ORDER, NOTIFICATION_DATA ---- */

/* DEV-RFB-05; IMP-SPLIT-15, IMP-SPLIT-16: one element stands for a batch, at the batch's first position. */
static void one_used_element_stands_for_a_batch(void **state)
{
    struct ring_rig rig = ring_rig_new(IN_ORDER, 8);
    uint16_t last = 0;
    struct raw_used used;

    (void)state;
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < 3; i++)
            last = RAW_ADD(rig.queue, {rig.page, 4, RAW_READ}, {rig.page + 64, 16, RAW_WRITE});
        (void)raw_kick(rig.queue);
        assert_int_equal(raw_used_index(rig.queue), 3 * round + 3);
        assert_true(raw_used(rig.queue, &used));
        assert_int_equal(used.id, last);
        assert_int_equal(used.buffers, 3);
        assert_false(raw_used(rig.queue, &used));
        /* What was skipped in the ring was not written. */
        assert_int_equal(raw_get32(rig.raw, rig.queue->device + 4 + 8 * ((3 * round + 1) % 8)), 0);
    }
    ring_rig_free(&rig);
}

/* DEV-RFB-05: only the last buffer of a batch may have been written in part: the driver takes the others for full. */
static void a_buffer_written_in_part_ends_its_batch(void **state)
{
    struct ring_rig rig = ring_rig_new(IN_ORDER, 8);
    struct raw_used used;

    (void)state;
    *(uint8_t *)raw_at(rig.raw, rig.page) = RING_RIG_HALF;
    RAW_ADD(rig.queue, {rig.page + 8, 4, RAW_READ}, {rig.page + 64, 16, RAW_WRITE});
    RAW_ADD(rig.queue, {rig.page, 4, RAW_READ}, {rig.page + 64, 16, RAW_WRITE});
    RAW_ADD(rig.queue, {rig.page + 8, 4, RAW_READ}, {rig.page + 64, 16, RAW_WRITE});
    (void)raw_kick(rig.queue);
    assert_true(raw_used(rig.queue, &used));
    assert_int_equal(used.buffers, 2);
    assert_int_equal(used.length, 8);
    assert_true(raw_used(rig.queue, &used));
    assert_int_equal(used.buffers, 1);
    assert_int_equal(used.length, 16);
    ring_rig_free(&rig);
}

/* DEV-RFB-05: a buffer that is not served holds up those behind it; without IN_ORDER it does not. */
static void order_is_kept_if_it_was_negotiated(void **state)
{
    (void)state;
    for (unsigned ordered = 0; ordered < 2; ordered++) {
        struct ring_rig rig = ring_rig_new(ordered != 0 ? IN_ORDER : 0, 4);
        uint8_t *page = raw_at(rig.raw, rig.page);
        struct raw_used used;

        page[0] = RING_RIG_LATER;
        RAW_ADD(rig.queue, {rig.page, 1, RAW_READ}, {rig.page + 64, 8, RAW_WRITE});
        ring_rig_add(&rig, 8);
        (void)raw_kick(rig.queue);
        assert_int_equal(raw_used_index(rig.queue), ordered != 0 ? 0 : 1);
        page[0] = 0;
        raw_run(rig.raw, 1);
        assert_int_equal(raw_used_index(rig.queue), 2);
        while (raw_used(rig.queue, &used))
            ;
        ring_rig_free(&rig);
    }
}

/* IMP-CORE-09, IMP-CORE-11: the notification carries the available index, all 16 bits of it. */
static void notifications_carry_the_available_index(void **state)
{
    struct ring_rig rig = ring_rig_new(RING_BIT(VIRTIO_F_NOTIFICATION_DATA), 4);

    (void)state;
    for (unsigned i = 0; i < 32769; i++)
        ring_rig_turn(&rig, 8);
    assert_int_equal(raw_notify_value(rig.queue) >> 16, 0x8001);
    raw_notify(rig.queue);
    raw_notify(rig.queue);
    ring_rig_free(&rig);
}

/* ---- Resets ---- */

/* DEV-VQRST-01, DEV-VQRST-02, DEV-VQRST-03, DEV-VQRST-04: a queue starts over, with another size, beside a live one. */
static void a_reset_queue_starts_over(void **state)
{
    struct ring_rig rig = ring_rig_new(RING_BIT(VIRTIO_F_RING_RESET), 8);
    unsigned interrupts;

    (void)state;
    ring_rig_turn(&rig, 8);
    ring_rig_turn(&rig, 8);
    *(uint8_t *)raw_at(rig.raw, rig.page) = RING_RIG_LATER;
    RAW_ADD(rig.queue, {rig.page, 1, RAW_READ}, {rig.page + 64, 8, RAW_WRITE});
    (void)raw_kick(rig.queue);
    assert_true(launcher_owns(rig.dev, rig.page + 71, 1));
    interrupts = rig.raw->interrupts;
    raw_set(rig.raw, RAW_COMMON(queue_select), 0);
    raw_set(rig.raw, RAW_COMMON(queue_reset), 1);
    assert_int_equal(raw_get(rig.raw, RAW_COMMON(queue_reset)), 0);
    assert_false(launcher_owns(rig.dev, rig.page, 4096));
    *(uint8_t *)raw_at(rig.raw, rig.page) = 0;
    raw_run(rig.raw, 1);
    assert_int_equal(raw_used_index(rig.queue), 2);
    assert_int_equal(rig.raw->interrupts, interrupts);
    assert_int_equal(raw_get(rig.raw, RAW_COMMON(queue_size)), 8);
    rig.queue = raw_queue(rig.raw, 0, 2);
    for (unsigned i = 0; i < 5; i++)
        ring_rig_turn(&rig, 8);
    ring_rig_free(&rig);
}

/* DEV-RESET-03: a reset gives every buffer back; the ring and the buffers are left as they were. */
static void a_reset_leaves_rings_and_buffers_alone(void **state)
{
    struct ring_rig rig = ring_rig_new(0, 4);
    uint64_t device = rig.queue->device;
    uint8_t before[38];

    (void)state;
    ring_rig_turn(&rig, 8);
    *(uint8_t *)raw_at(rig.raw, rig.page) = RING_RIG_LATER;
    RAW_ADD(rig.queue, {rig.page, 1, RAW_READ}, {rig.page + 64, 8, RAW_WRITE});
    (void)raw_kick(rig.queue);
    memcpy(before, raw_at(rig.raw, device), sizeof(before));
    assert_true(raw_reset(rig.raw));
    *(uint8_t *)raw_at(rig.raw, rig.page) = 0;
    for (unsigned i = 0; i < 10; i++)
        raw_run(rig.raw, 1000000);
    assert_memory_equal(raw_at(rig.raw, device), before, sizeof(before));
    assert_int_equal(*(uint8_t *)raw_at(rig.raw, rig.page + 64), 0);
    ring_rig_restart(&rig, EVENT_IDX, 4);
    ring_rig_turn(&rig, 8);
    ring_rig_free(&rig);
}

/* A launcher's user asks which memory the device may use: bytes of elements, and none beside them. */
static void owned_bytes_are_exactly_those_of_the_elements(void **state)
{
    struct ring_rig rig = ring_rig_new(0, 4);

    (void)state;
    *(uint8_t *)raw_at(rig.raw, rig.page + 16) = RING_RIG_LATER;
    RAW_ADD(rig.queue, {rig.page + 16, 16, RAW_READ}, {rig.page + 64, 32, RAW_WRITE});
    (void)raw_kick(rig.queue);
    assert_false(launcher_owns(rig.dev, rig.page, 16));
    assert_true(launcher_owns(rig.dev, rig.page, 17));
    assert_true(launcher_owns(rig.dev, rig.page + 31, 1));
    assert_false(launcher_owns(rig.dev, rig.page + 32, 32));
    assert_true(launcher_owns(rig.dev, rig.page + 95, UINT64_MAX - rig.page - 95));
    assert_false(launcher_owns(rig.dev, rig.page + 96, 4000));
    assert_ptr_equal(launcher_oldest(rig.of), rig.of->flight[0]);
    ring_rig_free(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_buffer_is_one_run_of_bytes_each_way),
        cmocka_unit_test(the_device_writes_only_what_is_writable),
        cmocka_unit_test(indices_wrap_at_65536_whatever_the_size),
        cmocka_unit_test(an_indirect_table_ends_a_chain),
        cmocka_unit_test(interrupts_follow_the_available_flags),
        cmocka_unit_test(interrupts_follow_used_event),
        cmocka_unit_test(a_quiet_device_looks_by_itself),
        cmocka_unit_test(avail_event_says_what_the_device_wants),
        cmocka_unit_test(an_idle_notification_is_harmless),
        cmocka_unit_test(buffers_of_before_driver_ok_are_found),
        cmocka_unit_test(one_used_element_stands_for_a_batch),
        cmocka_unit_test(a_buffer_written_in_part_ends_its_batch),
        cmocka_unit_test(order_is_kept_if_it_was_negotiated),
        cmocka_unit_test(notifications_carry_the_available_index),
        cmocka_unit_test(a_reset_queue_starts_over),
        cmocka_unit_test(a_reset_leaves_rings_and_buffers_alone),
        cmocka_unit_test(owned_bytes_are_exactly_those_of_the_elements),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
