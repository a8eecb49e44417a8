/* SPDX-License-Identifier: BSD-2-Clause */
/* Rules of the packed virtqueue: for each, a driver that breaks it is caught. Each script is right in all else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/support/ring_rig.h"

#define PACKED    RING_BIT(VIRTIO_F_RING_PACKED)
#define EVENT_IDX (PACKED | RING_BIT(VIRTIO_F_EVENT_IDX))
#define INDIRECT  (PACKED | RING_BIT(VIRTIO_F_INDIRECT_DESC))
#define DATA      (PACKED | RING_BIT(VIRTIO_F_NOTIFICATION_DATA))

#define NEXT  VIRTQ_DESC_F_NEXT
#define WRITE VIRTQ_DESC_F_WRITE
#define TABLE VIRTQ_DESC_F_INDIRECT
#define AVAIL VIRTQ_DESC_F_AVAIL /* in the first round */
#define USED  VIRTQ_DESC_F_USED

#define LONG_WAIT 50000000ull /* ns: longer than any driver may collect buffers */

#define RUN(mutants) ring_rig_mutants(mutants, sizeof(mutants) / sizeof((mutants)[0]))

/* One descriptor as it is, with barriers around it; then a notification is due. */
static void put(struct ring_rig *rig, uint16_t slot, uint16_t flags, uint16_t id)
{
    uint64_t at = rig->queue->desc + 16ull * slot + 14;

    raw_desc(rig->queue, slot, rig->page + 64ull * slot, 8, raw_get16(rig->raw, at), id);
    raw_barrier(rig->raw, LAUNCHER_BARRIER_PUBLISH);
    raw_put16(rig->raw, at, flags);
}

static void notify(struct ring_rig *rig)
{
    raw_barrier(rig->raw, LAUNCHER_BARRIER_NOTIFY);
    raw_notify(rig->queue);
}

/* A buffer that stays in flight, in slots 0 and 1. */
static void leave_one(struct ring_rig *rig)
{
    *(uint8_t *)raw_at(rig->raw, rig->page) = RING_RIG_LATER;
    RAW_ADD(rig->queue, {rig->page, 1, RAW_READ}, {rig->page + 64, 8, RAW_WRITE});
    (void)raw_kick(rig->queue);
}

/* ---- Set-up (2.8) ---- */

static void make(struct ring_rig *rig, unsigned desc, unsigned driver, unsigned device)
{
    rig->queue = raw_queue_new(rig->raw, 0, 4);
    (void)raw_alloc(rig->raw, 64);
    rig->queue->desc += desc;
    rig->queue->driver += driver;
    rig->queue->device += device;
    raw_queue_program(rig->queue);
    raw_queue_enable(rig->queue);
}

static void ring_at_8(struct ring_rig *rig)
{
    make(rig, 8, 0, 0);
}

static void driver_events_at_2(struct ring_rig *rig)
{
    make(rig, 0, 2, 0);
}

static void device_events_at_2(struct ring_rig *rig)
{
    make(rig, 0, 0, 2);
}

static void ring_beyond_memory(struct ring_rig *rig)
{
    rig->queue = raw_queue_new(rig->raw, 0, 8);
    rig->queue->desc = RAW_MEMORY_BASE + RAW_MEMORY_BYTES - 64;
    raw_queue_program(rig->queue);
    raw_queue_enable(rig->queue);
}

static void ring_left_over(struct ring_rig *rig)
{
    rig->queue = raw_queue_new(rig->raw, 0, 8);
    raw_desc(rig->queue, 7, 0, 0, AVAIL | USED, 0);
    raw_queue_program(rig->queue);
    raw_queue_enable(rig->queue);
}

/* The device states a size that no ring can have, and the driver takes it. */
static void size_of_32769(struct ring_rig *rig)
{
    rig->of->max = rig->of->size = 32769;
    raw_set(rig->raw, RAW_COMMON(queue_select), 0);
    raw_set(rig->raw, RAW_COMMON(queue_enable), 1);
}

/* DRV-PACKED-01, DRV-PACKED-02, DRV-PACKED-03, IMP-PACKED-01, IMP-PACKED-23, IMP-PACKED-24 */
static void queues_set_up_wrongly_are_caught(void **state)
{
    static const struct ring_mutant mutants[] = {
        MUTANT("DRV-PACKED-01", PACKED, 0, ring_at_8),
        MUTANT("DRV-PACKED-02", PACKED, 0, device_events_at_2),
        MUTANT("DRV-PACKED-03", PACKED, 0, driver_events_at_2),
        MUTANT("IMP-PACKED-01", PACKED, 0, size_of_32769),
        MUTANT("IMP-PACKED-23", PACKED, 0, ring_beyond_memory),
        MUTANT("IMP-PACKED-24", PACKED, 0, ring_left_over),
    };

    (void)state;
    RUN(mutants);
}

/* ---- Available descriptors ---- */

static void more_than_fit(struct ring_rig *rig)
{
    leave_one(rig);
    put(rig, 2, AVAIL | WRITE, 5);
    put(rig, 3, AVAIL | WRITE, 6);
    put(rig, 0, USED | WRITE, 7);
    notify(rig);
}

static void a_list_that_does_not_fit(struct ring_rig *rig)
{
    leave_one(rig);
    put(rig, 3, AVAIL | WRITE | NEXT, 5);
    put(rig, 0, USED | WRITE, 5);
    put(rig, 2, AVAIL | WRITE | NEXT, 5);
    notify(rig);
}

static void a_list_all_around(struct ring_rig *rig)
{
    for (uint16_t slot = 3; slot < 4; slot--)
        put(rig, slot, AVAIL | WRITE | NEXT, 5);
    notify(rig);
}

static void wrap_counter_starts_at_0(struct ring_rig *rig)
{
    put(rig, 0, USED | WRITE, 1);
    notify(rig);
}

static void wrap_counter_never_flips(struct ring_rig *rig)
{
    for (unsigned i = 0; i < 4; i++)
        ring_rig_turn(rig, 8);
    put(rig, 0, AVAIL | WRITE, 1);
    notify(rig);
}

static void both_flags_at_once(struct ring_rig *rig)
{
    put(rig, 0, AVAIL | USED | WRITE, 1);
    notify(rig);
}

static void first_before_the_second(struct ring_rig *rig)
{
    put(rig, 0, AVAIL | WRITE | NEXT, 1);
    notify(rig);
}

static void flags_of_the_first_only(struct ring_rig *rig)
{
    put(rig, 1, WRITE, 1);
    put(rig, 0, AVAIL | WRITE | NEXT, 1);
    notify(rig);
}

static void id_in_the_first_descriptor(struct ring_rig *rig)
{
    *(uint8_t *)raw_at(rig->raw, rig->page) = RING_RIG_LATER;
    put(rig, 1, AVAIL | WRITE, 0);
    put(rig, 0, AVAIL | NEXT, 1);
    put(rig, 3, AVAIL | WRITE, 0);
    put(rig, 2, AVAIL | NEXT, 2);
    notify(rig);
}

static void writable_before_readable(struct ring_rig *rig)
{
    RAW_ADD(rig->queue, {rig->page, 8, RAW_WRITE}, {rig->page + 64, 8, RAW_READ});
    (void)raw_kick(rig->queue);
}

static void changed_in_flight(struct ring_rig *rig)
{
    leave_one(rig);
    raw_put32(rig->raw, rig->queue->desc + 16 + 8, 9);
    *(uint8_t *)raw_at(rig->raw, rig->page) = 0;
    raw_run(rig->raw, 1);
}

/*
 * DRV-PACKED-04, DRV-PACKED-05, DRV-PACKED-08 to DRV-PACKED-11, DRV-PACKED-13, DRV-PACKED-14, IMP-PACKED-02 to IMP-PACKED-04,
 * IMP-PACKED-11, IMP-PACKED-12, DRV-CLEAN-01
 */
static void wrong_lists_are_caught(void **state)
{
    static const struct ring_mutant mutants[] = {
        MUTANT("IMP-PACKED-02", PACKED, 4, more_than_fit),
        MUTANT("DRV-PACKED-13", PACKED, 4, a_list_that_does_not_fit),
        MUTANT("DRV-PACKED-08", PACKED, 4, a_list_all_around),
        MUTANT("DRV-PACKED-09", PACKED, 4, a_list_all_around),
        MUTANT("DRV-PACKED-10", PACKED, 4, a_list_all_around),
        MUTANT("IMP-PACKED-03", PACKED, 4, wrap_counter_starts_at_0),
        MUTANT("IMP-PACKED-03", PACKED, 4, wrap_counter_never_flips),
        MUTANT("IMP-PACKED-04", PACKED, 4, both_flags_at_once),
        MUTANT("DRV-PACKED-14", PACKED, 4, first_before_the_second),
        MUTANT("IMP-PACKED-12", PACKED, 4, flags_of_the_first_only),
        MUTANT("IMP-PACKED-11", PACKED, 4, id_in_the_first_descriptor),
        MUTANT("DRV-PACKED-11", PACKED, 4, writable_before_readable),
        MUTANT("DRV-PACKED-04", PACKED, 4, changed_in_flight),
        MUTANT("DRV-PACKED-05", PACKED, 4, changed_in_flight),
        MUTANT("DRV-CLEAN-01", PACKED, 4, changed_in_flight),
    };

    (void)state;
    RUN(mutants);
}

/* ---- Indirect tables (2.8.7) ---- */

/* A table of two entries that is right. */
static struct raw_segment table(struct ring_rig *rig)
{
    struct raw_segment at = {raw_alloc(rig->raw, 32), 32, RAW_READ};

    raw_desc_at(rig->raw, at.address, rig->page, 8, 0, WRITE);
    raw_desc_at(rig->raw, at.address + 16, rig->page + 64, 8, 0, WRITE);
    return at;
}

static void put_table(struct ring_rig *rig, uint16_t slot, uint64_t at, uint32_t bytes,
                      uint16_t flags)
{
    raw_desc(rig->queue, slot, at, bytes, 0, 1);
    raw_barrier(rig->raw, LAUNCHER_BARRIER_PUBLISH);
    raw_put16(rig->raw, rig->queue->desc + 16ull * slot + 14, flags);
}

static void table_without_the_feature(struct ring_rig *rig)
{
    put_table(rig, 0, table(rig).address, 32, AVAIL | TABLE);
    notify(rig);
}

static void table_with_links(struct ring_rig *rig)
{
    struct raw_segment at = table(rig);

    raw_desc_at(rig->raw, at.address, rig->page, 8, 0, WRITE | NEXT);
    put_table(rig, 0, at.address, 32, AVAIL | TABLE);
    notify(rig);
}

static void table_of_one_and_a_half(struct ring_rig *rig)
{
    put_table(rig, 0, table(rig).address, 24, AVAIL | TABLE);
    notify(rig);
}

static void table_of_32769(struct ring_rig *rig)
{
    put_table(rig, 0, table(rig).address, 32769 * 16, AVAIL | TABLE);
    notify(rig);
}

static void table_behind_a_descriptor(struct ring_rig *rig)
{
    put_table(rig, 1, table(rig).address, 32, AVAIL | TABLE);
    put(rig, 0, AVAIL | NEXT, 1);
    notify(rig);
}

static void table_before_a_descriptor(struct ring_rig *rig)
{
    put(rig, 1, AVAIL | WRITE, 1);
    put_table(rig, 0, table(rig).address, 32, AVAIL | TABLE | NEXT);
    notify(rig);
}

/* DRV-PACKED-15 to DRV-PACKED-18, IMP-PACKED-10, IMP-PACKED-15 */
static void wrong_indirect_tables_are_caught(void **state)
{
    static const struct ring_mutant mutants[] = {
        MUTANT("DRV-PACKED-15", PACKED, 4, table_without_the_feature),
        MUTANT("DRV-PACKED-16", INDIRECT, 4, table_with_links),
        MUTANT("IMP-PACKED-15", INDIRECT, 4, table_of_one_and_a_half),
        MUTANT("DRV-PACKED-17", INDIRECT, 4, table_of_32769),
        MUTANT("DRV-PACKED-18", INDIRECT, 4, table_behind_a_descriptor),
        MUTANT("IMP-PACKED-10", INDIRECT, 4, table_before_a_descriptor),
    };

    (void)state;
    RUN(mutants);
}

/* ---- Notifications (2.8.10, 2.8.14) ---- */

static void forgotten_kick(struct ring_rig *rig)
{
    ring_rig_turn(rig, 8);
    ring_rig_add(rig, 8);
    raw_run(rig->raw, 1);
    raw_run(rig->raw, LONG_WAIT);
}

static void kick_of_a_quiet_device(struct ring_rig *rig)
{
    rig->of->quiet = true;
    raw_run(rig->raw, 1);
    for (unsigned i = 0; i < 2; i++) {
        ring_rig_add(rig, 8);
        (void)raw_kick(rig->queue);
        raw_notify(rig->queue);
    }
}

static void event_without_the_feature(struct ring_rig *rig)
{
    raw_event(rig->queue, VIRTQ_EVENT_FLAGS_DESC, 0);
    ring_rig_turn(rig, 8);
}

static void event_flags_are_3(struct ring_rig *rig)
{
    raw_event(rig->queue, 3, 0);
    ring_rig_turn(rig, 8);
}

static void reserved_event_flags(struct ring_rig *rig)
{
    raw_event(rig->queue, 4, 0);
    ring_rig_turn(rig, 8);
}

static void stale_notification_data(struct ring_rig *rig)
{
    ring_rig_add(rig, 8);
    raw_barrier(rig->raw, LAUNCHER_BARRIER_NOTIFY);
    raw_notify_with(rig->queue, 4, 1u << 31);
}

/* The wrap counter is left out. */
static void notification_data_without_wrap(struct ring_rig *rig)
{
    ring_rig_add(rig, 8);
    raw_barrier(rig->raw, LAUNCHER_BARRIER_NOTIFY);
    raw_notify_with(rig->queue, 4, 1u << 16);
}

/* IMP-PACKED-18 to IMP-PACKED-22, IMP-PACKED-25, DRV-PACKED-06, IMP-CORE-10 */
static void wrong_notifications_are_caught(void **state)
{
    static const struct ring_mutant mutants[] = {
        MUTANT("IMP-PACKED-18", PACKED, 4, forgotten_kick),
        MUTANT("IMP-PACKED-19", PACKED, 4, kick_of_a_quiet_device),
        MUTANT("IMP-PACKED-19", EVENT_IDX, 4, kick_of_a_quiet_device),
        MUTANT("IMP-PACKED-20", EVENT_IDX, 4, forgotten_kick),
        MUTANT("IMP-PACKED-21", PACKED, 4, event_without_the_feature),
        MUTANT("IMP-PACKED-22", PACKED, 4, event_flags_are_3),
        MUTANT("IMP-PACKED-25", EVENT_IDX, 4, reserved_event_flags),
        MUTANT("DRV-PACKED-06", DATA, 4, stale_notification_data),
        MUTANT("IMP-CORE-10", DATA, 4, notification_data_without_wrap),
    };

    (void)state;
    RUN(mutants);
}

/* ---- Barriers (2.8.21) ---- */

static void no_barrier_before_the_flags(struct ring_rig *rig)
{
    ring_rig_turn(rig, 8);
    raw_desc(rig->queue, 1, rig->page, 8, AVAIL | WRITE, 1);
    notify(rig);
}

static void no_barrier_before_the_wish(struct ring_rig *rig)
{
    ring_rig_turn(rig, 8);
    ring_rig_add(rig, 8);
    raw_notify(rig->queue);
}

/* DRV-PACKED-20, DRV-PACKED-21, IMP-PACKED-26 */
static void missing_barriers_are_caught(void **state)
{
    static const struct ring_mutant mutants[] = {
        MUTANT("DRV-PACKED-20", PACKED, 4, no_barrier_before_the_flags),
        MUTANT("DRV-PACKED-21", PACKED, 4, no_barrier_before_the_wish),
        MUTANT("IMP-PACKED-26", EVENT_IDX, 4, no_barrier_before_the_wish),
    };

    (void)state;
    RUN(mutants);
}

/* DRV-PACKED-20: any number of lists may be written, and published behind one barrier. */
static void one_barrier_serves_many_lists(void **state)
{
    struct ring_rig rig = ring_rig_with(&(struct launcher_options){.queue_size = 600}, PACKED, 600);

    (void)state;
    for (uint16_t slot = 0; slot < 300; slot++)
        raw_desc(rig.queue, slot, rig.page, 8, 0, slot);
    raw_barrier(rig.raw, LAUNCHER_BARRIER_PUBLISH);
    for (uint16_t slot = 0; slot < 300; slot++)
        raw_put16(rig.raw, rig.queue->desc + 16ull * slot + 14, AVAIL | WRITE);
    notify(&rig);
    assert_int_equal(rig.of->taken, 300);
    ring_rig_free(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(queues_set_up_wrongly_are_caught),
        cmocka_unit_test(wrong_lists_are_caught),
        cmocka_unit_test(wrong_indirect_tables_are_caught),
        cmocka_unit_test(wrong_notifications_are_caught),
        cmocka_unit_test(missing_barriers_are_caught),
        cmocka_unit_test(one_barrier_serves_many_lists),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
