/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rules of the split virtqueue: for each, a driver that breaks it is caught. Each script is right in all else, and does by
 * hand what the raw driver would do rightly.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "launcher/ring_state.h"
#include "tests/unit/support/ring_rig.h"

#define EVENT_IDX RING_BIT(VIRTIO_F_EVENT_IDX)
#define INDIRECT  RING_BIT(VIRTIO_F_INDIRECT_DESC)
#define IN_ORDER  RING_BIT(VIRTIO_F_IN_ORDER)

#define NEXT  VIRTQ_DESC_F_NEXT
#define WRITE VIRTQ_DESC_F_WRITE
#define TABLE VIRTQ_DESC_F_INDIRECT

#define LONG_WAIT 50000000ull /* ns: longer than any driver may collect buffers */

static void run(const struct ring_mutant *mutants, size_t count)
{
    ring_rig_mutants(mutants, count);
}

#define RUN(mutants) run(mutants, sizeof(mutants) / sizeof((mutants)[0]))

/* Publishes these entries as they are, and notifies. */
static void publish(struct ring_rig *rig, uint16_t index)
{
    raw_barrier(rig->raw, LAUNCHER_BARRIER_PUBLISH);
    raw_avail_index(rig->queue, index);
    raw_barrier(rig->raw, LAUNCHER_BARRIER_NOTIFY);
    raw_notify(rig->queue);
}

/* A buffer that stays in flight: the chain of descriptors 0 and 1, at entry 0. */
static void leave_one(struct ring_rig *rig)
{
    *(uint8_t *)raw_at(rig->raw, rig->page) = RING_RIG_LATER;
    RAW_ADD(rig->queue, {rig->page, 1, RAW_READ}, {rig->page + 64, 8, RAW_WRITE});
    (void)raw_kick(rig->queue);
}

/* ---- Set-up (2.7) ---- */

static void make(struct ring_rig *rig, uint16_t size, unsigned desc, unsigned driver,
                 unsigned device)
{
    rig->queue = raw_queue_new(rig->raw, 0, size);
    (void)raw_alloc(rig->raw, 64);
    rig->queue->desc += desc;
    rig->queue->driver += driver;
    rig->queue->device += device;
    raw_queue_program(rig->queue);
    raw_queue_enable(rig->queue);
}

static void size_of_six(struct ring_rig *rig)
{
    make(rig, 6, 0, 0, 0);
}

static void table_at_8(struct ring_rig *rig)
{
    make(rig, 4, 8, 0, 0);
}

static void available_ring_at_1(struct ring_rig *rig)
{
    make(rig, 4, 0, 1, 0);
}

static void used_ring_at_2(struct ring_rig *rig)
{
    make(rig, 4, 0, 0, 2);
}

static void used_ring_beyond_memory(struct ring_rig *rig)
{
    rig->queue = raw_queue_new(rig->raw, 0, 8);
    rig->queue->device = RAW_MEMORY_BASE + RAW_MEMORY_BYTES - 64;
    raw_queue_program(rig->queue);
    raw_queue_enable(rig->queue);
}

static void used_flags_left_over(struct ring_rig *rig)
{
    rig->queue = raw_queue_new(rig->raw, 0, 8);
    raw_put16(rig->raw, rig->queue->device, VIRTQ_USED_F_NO_NOTIFY);
    raw_queue_program(rig->queue);
    raw_queue_enable(rig->queue);
}

static void used_element_left_over(struct ring_rig *rig)
{
    rig->queue = raw_queue_new(rig->raw, 0, 8);
    raw_put32(rig->raw, rig->queue->device + 4 + 8 * 7, 3);
    raw_queue_program(rig->queue);
    raw_queue_enable(rig->queue);
}

static void table_left_over(struct ring_rig *rig)
{
    rig->queue = raw_queue_new(rig->raw, 0, 8);
    raw_desc(rig->queue, 7, rig->page, 1, 0, 0);
    raw_queue_program(rig->queue);
    raw_queue_enable(rig->queue);
}

/* IMP-SPLIT-01, IMP-SPLIT-02, DRV-SPLIT-01, DRV-SPLIT-02, DRV-SPLIT-03, DRV-SPLIT-27, IMP-PCI-14 */
static void queues_set_up_wrongly_are_caught(void **state)
{
    static const struct ring_mutant mutants[] = {
        MUTANT("IMP-SPLIT-01", 0, 0, size_of_six),
        MUTANT("DRV-SPLIT-01", 0, 0, table_at_8),
        MUTANT("DRV-SPLIT-02", 0, 0, available_ring_at_1),
        MUTANT("DRV-SPLIT-03", 0, 0, used_ring_at_2),
        MUTANT("IMP-SPLIT-02", 0, 0, used_ring_beyond_memory),
        MUTANT("DRV-SPLIT-27", 0, 0, used_flags_left_over),
        MUTANT("IMP-PCI-14", 0, 0, used_element_left_over),
        MUTANT("IMP-PCI-14", 0, 0, table_left_over),
    };

    (void)state;
    RUN(mutants);
}

/* IMP-PCI-14: what drivers put into zeroed memory before the queue is enabled is theirs to put there. */
static void a_queue_may_be_prepared_before_it_is_enabled(void **state)
{
    struct ring_rig rig = ring_rig_with(&(struct launcher_options){.queue_size = 8}, 0, 0);
    struct raw_used used;

    (void)state;
    assert_true(raw_start(rig.raw, 0));
    rig.queue = raw_queue_new(rig.raw, 0, 8);
    for (uint16_t i = 0; i < 8; i++)
        raw_desc(rig.queue, i, 0, 0, 0, (uint16_t)(i + 1)); /* a list of free descriptors */
    raw_event(rig.queue, VIRTQ_AVAIL_F_NO_INTERRUPT, 5);
    raw_queue_program(rig.queue);
    raw_queue_enable(rig.queue);
    rig.queue = raw_queue_new(rig.raw, 1, 8);
    ring_rig_add(&rig, 8); /* a buffer */
    raw_publish(rig.queue);
    raw_queue_program(rig.queue);
    raw_queue_enable(rig.queue);
    raw_live(rig.raw);
    raw_run(rig.raw, 1);
    assert_true(raw_used(rig.queue, &used));
    ring_rig_free(&rig);
}

/* ---- The available ring (2.7.6) ---- */

static void index_wraps_at_the_size(struct ring_rig *rig)
{
    for (unsigned i = 0; i < 8; i++)
        ring_rig_turn(rig, 8);
    publish(rig, 1); /* 9 is right */
}

static void index_starts_at_1000(struct ring_rig *rig)
{
    publish(rig, 1000);
}

static void index_goes_back(struct ring_rig *rig)
{
    for (unsigned i = 0; i < 20; i++)
        ring_rig_turn(rig, 8);
    publish(rig, 18);
}

static void index_is_ahead_of_the_entries(struct ring_rig *rig)
{
    ring_rig_turn(rig, 8);
    *(uint8_t *)raw_at(rig->raw, rig->page) = RING_RIG_LATER;
    raw_desc(rig->queue, 0, rig->page, 1, 0, 0); /* entry 1 holds 0, and so does entry 2 */
    publish(rig, 3);
}

static void entry_is_no_descriptor(struct ring_rig *rig)
{
    raw_avail_slot(rig->queue, 0, 8);
    publish(rig, 1);
}

static void more_entries_than_descriptors(struct ring_rig *rig)
{
    publish(rig, 9);
}

static void index_in_big_endian_order(struct ring_rig *rig)
{
    RAW_ADD(rig->queue, {rig->page, 8, RAW_WRITE});
    publish(rig, 0x0100);
}

static void entry_in_big_endian_order(struct ring_rig *rig)
{
    raw_desc(rig->queue, 3, rig->page, 8, WRITE, 0);
    raw_avail_slot(rig->queue, 0, 0x0300);
    publish(rig, 1);
}

static void flags_are_2(struct ring_rig *rig)
{
    raw_event(rig->queue, 2, 0);
    ring_rig_turn(rig, 8);
}

static void flags_with_event_idx(struct ring_rig *rig)
{
    raw_event(rig->queue, VIRTQ_AVAIL_F_NO_INTERRUPT, 0);
    ring_rig_turn(rig, 8);
}

/* IMP-SPLIT-04, IMP-SPLIT-08, IMP-SPLIT-18, IMP-SPLIT-19, DRV-SPLIT-19, DRV-SPLIT-20, DRV-SPLIT-22 */
static void wrong_available_rings_are_caught(void **state)
{
    static const struct ring_mutant mutants[] = {
        MUTANT("IMP-SPLIT-04", 0, 8, index_in_big_endian_order),
        MUTANT("IMP-SPLIT-04", 0, 8, entry_in_big_endian_order),
        MUTANT("IMP-SPLIT-08", 0, 8, index_wraps_at_the_size),
        MUTANT("IMP-SPLIT-08", 0, 8, index_starts_at_1000),
        MUTANT("DRV-SPLIT-19", 0, 8, index_goes_back),
        MUTANT("IMP-SPLIT-18", 0, 8, more_entries_than_descriptors),
        MUTANT("IMP-SPLIT-19", 0, 8, index_is_ahead_of_the_entries),
        MUTANT("IMP-SPLIT-19", 0, 8, entry_is_no_descriptor),
        MUTANT("DRV-SPLIT-20", 0, 8, flags_are_2),
        MUTANT("DRV-SPLIT-22", EVENT_IDX, 8, flags_with_event_idx),
    };

    (void)state;
    RUN(mutants);
}

/* ---- The used ring (2.7.8) ---- */

static void used_index_is_written(struct ring_rig *rig)
{
    ring_rig_turn(rig, 8);
    raw_put16(rig->raw, rig->queue->device + 2, 0);
    ring_rig_add(rig, 8);
    (void)raw_kick(rig->queue);
}

static void used_element_is_written(struct ring_rig *rig)
{
    raw_put32(rig->raw, rig->queue->device + 4 + 8 * 7, 1);
    ring_rig_add(rig, 8);
    (void)raw_kick(rig->queue);
}

static void avail_event_is_written(struct ring_rig *rig)
{
    ring_rig_turn(rig, 8);
    raw_put16(rig->raw, rig->queue->device + 4 + 8 * 8, 9);
    raw_notify(rig->queue);
}

/* IMP-SPLIT-12 */
static void writing_to_the_used_ring_is_caught(void **state)
{
    static const struct ring_mutant mutants[] = {
        MUTANT("IMP-SPLIT-12", 0, 8, used_index_is_written),
        MUTANT("IMP-SPLIT-12", 0, 8, used_element_is_written),
        MUTANT("IMP-SPLIT-12", EVENT_IDX, 8, avail_event_is_written),
    };

    (void)state;
    RUN(mutants);
}

/* ---- Descriptor chains (2.7.4, 2.7.5) ---- */

static void writable_before_readable(struct ring_rig *rig)
{
    RAW_ADD(rig->queue, {rig->page, 8, RAW_WRITE}, {rig->page + 64, 8, RAW_READ});
    (void)raw_kick(rig->queue);
}

static void one_piece_in_three(struct ring_rig *rig)
{
    RAW_ADD(rig->queue, {rig->page, 8, RAW_WRITE}, {rig->page + 8, 8, RAW_WRITE},
            {rig->page + 16, 8, RAW_WRITE});
    (void)raw_kick(rig->queue);
}

static void five_gib(struct ring_rig *rig)
{
    *(uint8_t *)raw_at(rig->raw, rig->page) = RING_RIG_LATER;
    RAW_ADD(rig->queue, {rig->page, 0xffffffff, RAW_READ}, {rig->page, 0x40000000, RAW_WRITE});
    (void)raw_kick(rig->queue);
}

static void chain_that_loops(struct ring_rig *rig)
{
    raw_desc(rig->queue, 0, rig->page, 8, WRITE | NEXT, 1);
    raw_desc(rig->queue, 1, rig->page + 64, 8, WRITE | NEXT, 0);
    raw_avail_slot(rig->queue, 0, 0);
    publish(rig, 1);
}

static void next_beyond_the_table(struct ring_rig *rig)
{
    raw_desc(rig->queue, 0, rig->page, 8, WRITE | NEXT, 8);
    raw_avail_slot(rig->queue, 0, 0);
    publish(rig, 1);
}

static void unknown_flag(struct ring_rig *rig)
{
    raw_desc(rig->queue, 0, rig->page, 8, WRITE | 8, 0);
    raw_avail_slot(rig->queue, 0, 0);
    publish(rig, 1);
}

static void empty_element(struct ring_rig *rig)
{
    RAW_ADD(rig->queue, {rig->page, 0, RAW_READ}, {rig->page + 64, 8, RAW_WRITE});
    (void)raw_kick(rig->queue);
}

static void nothing_in_it(struct ring_rig *rig)
{
    RAW_ADD(rig->queue, {rig->page, 0, RAW_READ});
    (void)raw_kick(rig->queue);
}

static void descriptor_in_two_chains(struct ring_rig *rig)
{
    leave_one(rig);
    raw_desc(rig->queue, 2, rig->page, 8, WRITE | NEXT, 1);
    raw_avail_slot(rig->queue, 1, 2);
    publish(rig, 2);
}

static void changed_in_flight(struct ring_rig *rig)
{
    leave_one(rig);
    raw_put32(rig->raw, rig->queue->desc + 16 + 8, 9);
    *(uint8_t *)raw_at(rig->raw, rig->page) = 0;
    raw_run(rig->raw, 1);
}

/* DRV-SPLIT-08, DRV-SPLIT-09, DRV-SPLIT-10, DRV-SPLIT-11, IMP-SPLIT-18, IMP-SPLIT-21, IMP-SPLIT-22, DRV-CLEAN-01 */
static void wrong_chains_are_caught(void **state)
{
    static const struct ring_mutant mutants[] = {
        MUTANT("DRV-SPLIT-08", 0, 8, writable_before_readable),
        MUTANT("DRV-SPLIT-09", 0, 8, one_piece_in_three),
        MUTANT("DRV-SPLIT-10", 0, 8, five_gib),
        MUTANT("DRV-SPLIT-11", 0, 8, chain_that_loops),
        MUTANT("IMP-SPLIT-21", 0, 8, next_beyond_the_table),
        MUTANT("IMP-SPLIT-21", 0, 8, unknown_flag),
        MUTANT("IMP-SPLIT-21", 0, 8, empty_element),
        MUTANT("IMP-SPLIT-22", 0, 8, nothing_in_it),
        MUTANT("IMP-SPLIT-18", 0, 8, descriptor_in_two_chains),
        MUTANT("DRV-CLEAN-01", 0, 8, changed_in_flight),
    };

    (void)state;
    RUN(mutants);
}

/* ---- Indirect tables (2.7.5.3) ---- */

/* A table of three entries that is right, as the chain of descriptor 0. */
static uint64_t table(struct ring_rig *rig)
{
    uint64_t at = raw_alloc(rig->raw, 48);

    for (uint16_t i = 0; i < 3; i++)
        raw_desc_at(rig->raw, at + 16ull * i, rig->page + 64ull * i, 8,
                    (uint16_t)(WRITE | (i < 2 ? NEXT : 0)), (uint16_t)(i < 2 ? i + 1 : 0));
    raw_desc(rig->queue, 0, at, 48, TABLE, 0);
    raw_avail_slot(rig->queue, 0, 0);
    return at;
}

static void table_without_the_feature(struct ring_rig *rig)
{
    (void)table(rig);
    publish(rig, 1);
}

static void table_in_a_table(struct ring_rig *rig)
{
    raw_desc_at(rig->raw, table(rig) + 32, rig->page, 16, TABLE, 0);
    publish(rig, 1);
}

static void table_with_next(struct ring_rig *rig)
{
    raw_desc(rig->queue, 0, table(rig), 48, TABLE | NEXT, 1);
    raw_desc(rig->queue, 1, rig->page, 8, WRITE, 0);
    publish(rig, 1);
}

static void table_of_two_and_a_half(struct ring_rig *rig)
{
    raw_desc(rig->queue, 0, table(rig), 40, TABLE, 0);
    publish(rig, 1);
}

static void table_without_an_end(struct ring_rig *rig)
{
    raw_desc_at(rig->raw, table(rig) + 32, rig->page, 8, WRITE | NEXT, 3);
    publish(rig, 1);
}

static void table_that_loops(struct ring_rig *rig)
{
    raw_desc_at(rig->raw, table(rig) + 32, rig->page, 8, WRITE | NEXT, 1);
    publish(rig, 1);
}

static void table_longer_than_the_queue(struct ring_rig *rig)
{
    struct raw_segment segments[9];

    for (unsigned i = 0; i < 9; i++)
        segments[i] = (struct raw_segment){rig->page + 64ull * i, 8, RAW_WRITE};
    raw_add_indirect(rig->queue, segments, 9);
    (void)raw_kick(rig->queue);
}

static void table_out_of_sequence(struct ring_rig *rig)
{
    uint64_t at = table(rig);

    raw_desc_at(rig->raw, at, rig->page, 8, WRITE | NEXT, 2);
    raw_desc_at(rig->raw, at + 32, rig->page + 128, 8, WRITE | NEXT, 1);
    raw_desc_at(rig->raw, at + 16, rig->page + 64, 8, WRITE, 0);
    publish(rig, 1);
}

/* DRV-SPLIT-11, DRV-SPLIT-14 to DRV-SPLIT-18, IMP-SPLIT-05, IMP-SPLIT-06, IMP-SPLIT-07 */
static void wrong_indirect_tables_are_caught(void **state)
{
    static const struct ring_mutant mutants[] = {
        MUTANT("DRV-SPLIT-14", 0, 8, table_without_the_feature),
        MUTANT("DRV-SPLIT-15", INDIRECT, 8, table_in_a_table),
        MUTANT("DRV-SPLIT-17", INDIRECT, 8, table_with_next),
        MUTANT("IMP-SPLIT-06", INDIRECT, 8, table_of_two_and_a_half),
        MUTANT("IMP-SPLIT-05", INDIRECT, 8, table_without_an_end),
        MUTANT("DRV-SPLIT-11", INDIRECT, 8, table_that_loops),
        MUTANT("DRV-SPLIT-16", INDIRECT, 8, table_longer_than_the_queue),
        MUTANT("DRV-SPLIT-18", INDIRECT | IN_ORDER, 8, table_out_of_sequence),
        MUTANT("IMP-SPLIT-07", INDIRECT | IN_ORDER, 8, table_out_of_sequence),
    };

    (void)state;
    RUN(mutants);
}

/* DRV-SPLIT-18: without IN_ORDER, a table may be linked in any sequence. */
static void a_table_may_be_linked_in_any_sequence(void **state)
{
    struct ring_rig rig = ring_rig_new(INDIRECT, 8);

    (void)state;
    table_out_of_sequence(&rig);
    assert_int_equal(raw_used_index(rig.queue), 1);
    ring_rig_free(&rig);
}

/* ---- IN_ORDER (2.7.9) ---- */

static void heads_out_of_order(struct ring_rig *rig)
{
    raw_desc(rig->queue, 1, rig->page, 8, WRITE, 0);
    raw_avail_slot(rig->queue, 0, 1);
    publish(rig, 1);
}

static void links_out_of_order(struct ring_rig *rig)
{
    raw_desc(rig->queue, 0, rig->page, 8, WRITE | NEXT, 2);
    raw_desc(rig->queue, 2, rig->page + 64, 8, WRITE, 0);
    raw_avail_slot(rig->queue, 0, 0);
    publish(rig, 1);
}

static void last_link_not_to_0(struct ring_rig *rig)
{
    for (unsigned i = 0; i < 7; i++)
        ring_rig_turn(rig, 8);
    raw_desc(rig->queue, 7, rig->page, 8, WRITE | NEXT, 1);
    raw_desc(rig->queue, 1, rig->page + 64, 8, WRITE, 0);
    raw_avail_slot(rig->queue, 7, 7);
    publish(rig, 8);
}

/* IMP-SPLIT-03, DRV-SPLIT-12, DRV-SPLIT-13 */
static void descriptors_out_of_order_are_caught(void **state)
{
    static const struct ring_mutant mutants[] = {
        MUTANT("IMP-SPLIT-03", IN_ORDER, 8, heads_out_of_order),
        MUTANT("DRV-SPLIT-13", IN_ORDER, 8, links_out_of_order),
        MUTANT("DRV-SPLIT-12", IN_ORDER, 8, last_link_not_to_0),
    };

    (void)state;
    RUN(mutants);
}

/* ---- Notifications (2.7.10) ---- */

static void forgotten_kick(struct ring_rig *rig)
{
    ring_rig_turn(rig, 8);
    ring_rig_add(rig, 8);
    raw_publish(rig->queue);
    raw_run(rig->raw, 1);
    raw_run(rig->raw, LONG_WAIT);
}

/* Compares the last index only, where the event is the first of three. */
static void forgotten_kick_of_a_batch(struct ring_rig *rig)
{
    ring_rig_turn(rig, 8);
    for (unsigned i = 0; i < 3; i++)
        ring_rig_add(rig, 8);
    raw_publish(rig->queue);
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

static void kick_before_avail_event(struct ring_rig *rig)
{
    kick_of_a_quiet_device(rig); /* avail_event is 65535 entries away */
}

static void kick_one_before_avail_event(struct ring_rig *rig)
{
    ring_rig_turn(rig, 8);
    rig->of->ring->ask(rig->dev, rig->of, 1);
    launcher_kick_came(rig->of);
    ring_rig_add(rig, 8);
    raw_publish(rig->queue);
    raw_barrier(rig->raw, LAUNCHER_BARRIER_NOTIFY);
    raw_notify(rig->queue);
}

static void stale_notification_data(struct ring_rig *rig)
{
    ring_rig_add(rig, 8);
    raw_publish(rig->queue);
    raw_barrier(rig->raw, LAUNCHER_BARRIER_NOTIFY);
    raw_notify_with(rig->queue, 4, 0);
}

/* DRV-SPLIT-29, DRV-SPLIT-30, DRV-SPLIT-32, DRV-SPLIT-33, IMP-SPLIT-23, IMP-CORE-09 */
static void wrong_notifications_are_caught(void **state)
{
    static const struct ring_mutant mutants[] = {
        MUTANT("DRV-SPLIT-29", 0, 8, kick_of_a_quiet_device),
        MUTANT("DRV-SPLIT-30", 0, 8, forgotten_kick),
        MUTANT("DRV-SPLIT-32", EVENT_IDX, 8, forgotten_kick),
        MUTANT("DRV-SPLIT-33", EVENT_IDX, 8, kick_before_avail_event),
        MUTANT("DRV-SPLIT-33", EVENT_IDX, 8, kick_one_before_avail_event),
        MUTANT("IMP-SPLIT-23", EVENT_IDX, 8, forgotten_kick_of_a_batch),
        MUTANT("IMP-CORE-09", RING_BIT(VIRTIO_F_NOTIFICATION_DATA), 8, stale_notification_data),
    };

    (void)state;
    RUN(mutants);
}

/* DRV-SPLIT-30, DRV-SPLIT-29: a kick that is only late is none too few; nor is one that crosses a change of mind too many. */
static void late_and_crossing_notifications_are_legal(void **state)
{
    struct ring_rig rig = ring_rig_new(0, 8);
    struct raw_used used;

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        ring_rig_add(&rig, 8);
        raw_publish(rig.queue);
        raw_run(rig.raw, 1000000);
    }
    (void)raw_kick(rig.queue);
    while (raw_used(rig.queue, &used))
        ;
    ring_rig_add(&rig, 8);
    raw_publish(rig.queue);
    raw_barrier(rig.raw,
                LAUNCHER_BARRIER_NOTIFY); /* the driver sees that a notification is wanted */
    rig.of->quiet = true;
    launcher_take_all(rig.dev, rig.of);
    rig.of->ring->ask(rig.dev, rig.of, LAUNCHER_ASK_NOTHING);
    raw_notify(rig.queue);
    assert_false(ring_rig_broke(&rig, "DRV-SPLIT-29"));
    assert_false(ring_rig_broke(&rig, "DRV-SPLIT-30"));
    ring_rig_free(&rig);
}

/* ---- Barriers (2.7.13) ---- */

static void no_barrier_before_the_index(struct ring_rig *rig)
{
    ring_rig_turn(rig, 8);
    ring_rig_add(rig, 8);
    raw_avail_index(rig->queue, rig->queue->avail_next);
    raw_barrier(rig->raw, LAUNCHER_BARRIER_NOTIFY);
    raw_notify(rig->queue);
}

static void barrier_before_the_entry(struct ring_rig *rig)
{
    raw_desc(rig->queue, 5, rig->page, 8, WRITE, 0);
    raw_barrier(rig->raw, LAUNCHER_BARRIER_PUBLISH);
    raw_avail_slot(rig->queue, 0, 5);
    raw_avail_index(rig->queue, 1);
    raw_notify(rig->queue);
}

static void no_barrier_before_the_wish(struct ring_rig *rig)
{
    ring_rig_turn(rig, 8);
    ring_rig_add(rig, 8);
    raw_publish(rig->queue);
    raw_notify(rig->queue);
}

/* DRV-SPLIT-37, DRV-SPLIT-38, IMP-SPLIT-20 */
static void missing_barriers_are_caught(void **state)
{
    static const struct ring_mutant mutants[] = {
        MUTANT("DRV-SPLIT-37", 0, 8, no_barrier_before_the_index),
        MUTANT("DRV-SPLIT-37", EVENT_IDX, 8, barrier_before_the_entry),
        MUTANT("DRV-SPLIT-38", 0, 8, no_barrier_before_the_wish),
        MUTANT("IMP-SPLIT-20", EVENT_IDX, 8, no_barrier_before_the_wish),
    };

    (void)state;
    RUN(mutants);
}

/* DRV-SPLIT-37, DRV-SPLIT-38: of a driver whose barriers are not reported, nothing is said. */
static void barriers_that_are_not_reported_are_not_missed(void **state)
{
    struct ring_rig rig = ring_rig_with(&(struct launcher_options){.queue_size = 8}, 0, 0);

    (void)state;
    rig.raw->no_barriers = true;
    ring_rig_restart(&rig, 0, 8);
    for (unsigned i = 0; i < 20; i++)
        ring_rig_turn(&rig, 8);
    ring_rig_free(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(queues_set_up_wrongly_are_caught),
        cmocka_unit_test(a_queue_may_be_prepared_before_it_is_enabled),
        cmocka_unit_test(wrong_available_rings_are_caught),
        cmocka_unit_test(writing_to_the_used_ring_is_caught),
        cmocka_unit_test(wrong_chains_are_caught),
        cmocka_unit_test(wrong_indirect_tables_are_caught),
        cmocka_unit_test(a_table_may_be_linked_in_any_sequence),
        cmocka_unit_test(descriptors_out_of_order_are_caught),
        cmocka_unit_test(wrong_notifications_are_caught),
        cmocka_unit_test(late_and_crossing_notifications_are_legal),
        cmocka_unit_test(missing_barriers_are_caught),
        cmocka_unit_test(barriers_that_are_not_reported_are_not_missed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
