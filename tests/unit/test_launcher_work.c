/* SPDX-License-Identifier: BSD-2-Clause */
/* The life of a buffer in the launcher, on both rings: when it is completed, and each fault that belongs to it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/support/ring_rig.h"

#define PACKED    RING_BIT(VIRTIO_F_RING_PACKED)
#define EVENT_IDX RING_BIT(VIRTIO_F_EVENT_IDX)
#define IN_ORDER  RING_BIT(VIRTIO_F_IN_ORDER)

#define MS 1000000ull /* ns */

static const uint64_t both[] = {0, PACKED};

#define FOR_BOTH(rig)                                                                              \
    for (unsigned ring_ = 0; ring_ < 2; ring_++)                                                   \
        for (struct ring_rig rig = ring_rig_new(both[ring_], 8); rig.raw != NULL;                  \
             ring_rig_free(&rig), rig.raw = NULL)

static void arm(struct ring_rig *rig, enum launcher_fault fault, uint64_t after, uint64_t value)
{
    launcher_fault_arm(rig->dev, fault, after, 1, value);
}

static uint64_t fired(const struct ring_rig *rig, enum launcher_fault fault)
{
    return rig->dev->faults.state[fault].fired;
}

/* What a buffer of 16 writable bytes comes back as; its id. */
static uint16_t answer(struct ring_rig *rig, struct raw_used *used)
{
    uint16_t id = ring_rig_add(rig, 16);

    (void)raw_kick(rig->queue);
    assert_true(raw_peek_used(rig->queue, used));
    return id;
}

/* ---- Time ---- */

/* launcher.h: latency_ns, in the time that the owner gives. */
static void buffers_take_their_latency(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct ring_rig rig = ring_rig_with(
            &(struct launcher_options){.queue_size = 8, .latency_ns = 2 * MS}, both[i], 8);
        struct raw_used used;

        ring_rig_add(&rig, 16);
        (void)raw_kick(rig.queue);
        raw_run(rig.raw, 2 * MS - 1);
        assert_false(raw_used(rig.queue, &used));
        raw_run(rig.raw, 1);
        assert_true(raw_used(rig.queue, &used));
        assert_int_equal(rig.raw->interrupts, 1);
        ring_rig_free(&rig);
    }
}

/* Fault "late". */
static void a_late_completion_comes_late(void **state)
{
    struct raw_used used;

    (void)state;
    FOR_BOTH(rig)
    {
        arm(&rig, LAUNCHER_FAULT_LATE, 0, 5 * MS);
        ring_rig_add(&rig, 16);
        ring_rig_add(&rig, 8);
        (void)raw_kick(rig.queue);
        assert_true(raw_used(rig.queue, &used));
        assert_int_equal(used.length, 8);
        raw_run(rig.raw, 5 * MS - 1);
        assert_false(raw_used(rig.queue, &used));
        raw_run(rig.raw, 1);
        assert_true(raw_used(rig.queue, &used));
        assert_int_equal(used.length, 16);
    }
}

/* Fault "out-of-order". */
static void a_later_buffer_is_completed_first(void **state)
{
    struct raw_used used;

    (void)state;
    FOR_BOTH(rig)
    {
        uint16_t first = ring_rig_add(&rig, 16);

        ring_rig_add(&rig, 16);
        ring_rig_add(&rig, 16);
        arm(&rig, LAUNCHER_FAULT_OUT_OF_ORDER, 0, 0);
        (void)raw_kick(rig.queue);
        assert_true(raw_used(rig.queue, &used));
        assert_int_not_equal(used.id, first);
        assert_true(raw_used(rig.queue, &used));
        assert_true(raw_used(rig.queue, &used));
        assert_int_equal(rig.queue->in_flight, 0);
    }
}

/* Fault "never"; the buffer is owned until the reset. */
static void a_buffer_is_never_completed(void **state)
{
    struct raw_used used;

    (void)state;
    FOR_BOTH(rig)
    {
        arm(&rig, LAUNCHER_FAULT_NEVER, 1, 0);
        for (unsigned i = 0; i < 3; i++)
            ring_rig_add(&rig, 16);
        (void)raw_kick(rig.queue);
        assert_true(raw_used(rig.queue, &used));
        assert_true(raw_used(rig.queue, &used));
        raw_run(rig.raw, 3600000 * MS);
        assert_false(raw_used(rig.queue, &used));
        assert_true(launcher_owns(rig.dev, rig.page, 1));
        ring_rig_restart(&rig, both[ring_], 8);
        assert_false(launcher_owns(rig.dev, rig.page, 1));
        ring_rig_turn(&rig, 16);
    }
}

/* ---- Used elements that lie ---- */

/* Fault "twice". */
static void a_completion_is_shown_twice(void **state)
{
    struct raw_used used, again;

    (void)state;
    FOR_BOTH(rig)
    {
        uint16_t id;

        arm(&rig, LAUNCHER_FAULT_TWICE, 0, 0);
        id = answer(&rig, &used);
        rig.queue->used_next++;
        assert_true(raw_peek_used(rig.queue, &again));
        assert_int_equal(used.id, id);
        assert_int_equal(again.id, id);
    }
}

/* Faults "id-not-in-flight", "id-out-of-range". */
static void used_ids_are_wrong(void **state)
{
    struct raw_used used;

    (void)state;
    FOR_BOTH(rig)
    {
        uint16_t id;

        arm(&rig, LAUNCHER_FAULT_ID_NOT_IN_FLIGHT, 0, 0);
        id = answer(&rig, &used);
        assert_int_not_equal(used.id, id);
        assert_in_range(used.id, 0, 7);
        ring_rig_restart(&rig, both[ring_], 8);
        for (unsigned i = 0; i < 20; i++) {
            arm(&rig, LAUNCHER_FAULT_ID_OUT_OF_RANGE, 0, i == 0 ? 100 : 0);
            (void)answer(&rig, &used);
            assert_in_range(used.id, 8, both[ring_] != 0 ? UINT16_MAX : UINT32_MAX);
            if (i == 0)
                assert_int_equal(used.id, 100);
            ring_rig_restart(&rig, both[ring_], 8);
        }
    }
}

/* Fault "id-high-bits": split only, where ids have 32 bits. */
static void used_ids_are_right_in_16_bits_only(void **state)
{
    struct ring_rig rig = ring_rig_new(0, 8);
    struct raw_used used;
    uint16_t id;

    (void)state;
    arm(&rig, LAUNCHER_FAULT_ID_HIGH_BITS, 0, 0);
    id = answer(&rig, &used);
    assert_int_equal((uint16_t)used.id, id);
    assert_in_range(used.id, 0x10000, UINT32_MAX);
    ring_rig_free(&rig);
}

/* Faults "length-long", "length-zero", "length-short". */
static void used_lengths_are_wrong(void **state)
{
    struct raw_used used;

    (void)state;
    FOR_BOTH(rig)
    {
        arm(&rig, LAUNCHER_FAULT_LENGTH_LONG, 0, 100);
        (void)answer(&rig, &used);
        assert_int_equal(used.length, 116);
        assert_true(raw_used(rig.queue, &used));
        arm(&rig, LAUNCHER_FAULT_LENGTH_LONG, 0, UINT64_MAX / 2);
        (void)answer(&rig, &used);
        assert_int_equal(used.length, UINT32_MAX);
        assert_true(raw_used(rig.queue, &used));
        arm(&rig, LAUNCHER_FAULT_LENGTH_ZERO, 0, 0);
        (void)answer(&rig, &used);
        assert_int_equal(used.length, 0);
        assert_true(raw_used(rig.queue, &used));
        arm(&rig, LAUNCHER_FAULT_LENGTH_SHORT, 0, 3);
        (void)answer(&rig, &used);
        assert_int_equal(used.length, 13);
        assert_true(raw_used(rig.queue, &used));
        arm(&rig, LAUNCHER_FAULT_LENGTH_SHORT, 0, 0);
        (void)answer(&rig, &used);
        assert_in_range(used.length, 0, 15);
        assert_true(raw_used(rig.queue, &used));
    }
}

/* ---- Indices and flags that lie ---- */

/* Fault "index-ahead". */
static void the_used_index_runs_ahead(void **state)
{
    struct raw_used used;

    (void)state;
    FOR_BOTH(rig)
    {
        arm(&rig, LAUNCHER_FAULT_INDEX_AHEAD, 0, 3);
        (void)answer(&rig, &used);
        if (rig.queue->packed) {
            rig.queue->used_next++;
            assert_true(raw_peek_used(rig.queue, &used));
        } else {
            assert_in_range(raw_used_index(rig.queue), 2, 8);
        }
    }
}

/* Fault "index-back". */
static void the_used_index_goes_back(void **state)
{
    struct raw_used used;

    (void)state;
    FOR_BOTH(rig)
    {
        ring_rig_turn(&rig, 16);
        arm(&rig, LAUNCHER_FAULT_INDEX_BACK, 0, 2);
        ring_rig_add(&rig, 16);
        (void)raw_kick(rig.queue);
        if (rig.queue->packed)
            assert_false(raw_peek_used(rig.queue, &used));
        else
            assert_int_equal(raw_used_index(rig.queue), 0);
    }
}

/* Fault "rewrite". */
static void a_used_element_changes_after_it_was_shown(void **state)
{
    struct raw_used before, after;

    (void)state;
    FOR_BOTH(rig)
    {
        (void)answer(&rig, &before);
        arm(&rig, LAUNCHER_FAULT_REWRITE, 0, 0);
        raw_run(rig.raw, 1);
        assert_int_equal(fired(&rig, LAUNCHER_FAULT_REWRITE), 1);
        assert_true(raw_peek_used(rig.queue, &after));
        assert_int_not_equal(after.length, before.length);
    }
}

/* Fault "rewrite": a packed slot that the driver has used again is the driver's. */
static void a_slot_that_is_the_drivers_is_not_rewritten(void **state)
{
    struct ring_rig rig =
        ring_rig_with(&(struct launcher_options){.queue_size = 1, .latency_ns = MS}, PACKED, 1);
    struct raw_used used;

    (void)state;
    ring_rig_add(&rig, 16);
    (void)raw_kick(rig.queue);
    raw_run(rig.raw, MS);
    assert_true(raw_used(rig.queue, &used));
    ring_rig_add(&rig, 16);
    (void)raw_kick(rig.queue);
    arm(&rig, LAUNCHER_FAULT_REWRITE, 0, 0);
    raw_run(rig.raw, 1);
    assert_int_equal(fired(&rig, LAUNCHER_FAULT_REWRITE), 1);
    raw_run(rig.raw, MS);
    assert_true(raw_used(rig.queue, &used));
    ring_rig_free(&rig);
}

/* ---- Chance ---- */

static const enum launcher_fault harmless[] = {LAUNCHER_FAULT_LATE, LAUNCHER_FAULT_OUT_OF_ORDER,
                                               LAUNCHER_FAULT_SPURIOUS_KICK_WISH};

/* A legal driver at random: some buffers, a kick, some time, some come back. A hash of all that happened. */
static uint64_t play(uint64_t features, uint16_t size, uint64_t seed, unsigned steps)
{
    struct ring_rig rig = ring_rig_with(
        &(struct launcher_options){.queue_size = size, .seed = seed, .queues = 1}, features, size);
    uint64_t hash = seed, added = 0, back = 0;
    uint32_t chance = (uint32_t)(seed * 2654435761u);
    struct raw_used used;

    for (unsigned i = 0; i < sizeof(harmless) / sizeof(harmless[0]); i++)
        rig.dev->faults.state[harmless[i]].chance = 65536 / 5;
    for (unsigned step = 0; step < steps; step++) {
        chance = chance * 1664525 + 1013904223;
        for (unsigned n = chance >> 28 & 7; n > 0 && rig.queue->free >= 2; n--, added++)
            if (n % 2 == 0)
                RAW_ADD(rig.queue, {rig.page, 4, RAW_READ}, {rig.page + 64, 9 * n, RAW_WRITE});
            else
                ring_rig_add(&rig, 5 * n);
        (void)raw_kick(rig.queue);
        raw_run(rig.raw, chance >> 12);
        while (raw_used(rig.queue, &used)) {
            hash = hash * 31 + used.id * 7 + used.length;
            back += used.buffers;
        }
    }
    for (unsigned i = 0; i < 100 && back < added; i++) {
        raw_run(rig.raw, MS);
        while (raw_used(rig.queue, &used))
            back += used.buffers;
    }
    assert_int_equal(back, added);
    for (unsigned i = 0; i < sizeof(harmless) / sizeof(harmless[0]); i++)
        if (harmless[i] != LAUNCHER_FAULT_OUT_OF_ORDER || (features & IN_ORDER) == 0)
            assert_true(fired(&rig, harmless[i]) != 0 || size < 4);
    assert_int_equal(fired(&rig, LAUNCHER_FAULT_OUT_OF_ORDER) != 0 && (features & IN_ORDER) != 0,
                     false);
    ring_rig_free(&rig);
    return hash;
}

/*
 * Faults "late", "out-of-order", "kick-wish": a legal driver gets everything back and no verdict, in every mode; the same seed
 * is the same run. DEV-RFB-05: with IN_ORDER, order is kept.
 */
static void legal_drivers_survive_harmless_faults(void **state)
{
    static const uint64_t modes[] = {0, EVENT_IDX, IN_ORDER, EVENT_IDX | IN_ORDER,
                                     RING_BIT(VIRTIO_F_NOTIFICATION_DATA)};
    static const uint16_t sizes[] = {2, 8, 64}, odd[] = {2, 7, 61};

    (void)state;
    for (unsigned mode = 0; mode < sizeof(modes) / sizeof(modes[0]); mode++)
        for (unsigned i = 0; i < 3; i++) {
            uint64_t split = play(modes[mode], sizes[i], 7 * mode + i, 600);

            play(modes[mode] | PACKED, odd[i], 11 * mode + i, 600);
            assert_int_equal(play(modes[mode], sizes[i], 7 * mode + i, 600), split);
            assert_int_not_equal(play(modes[mode], sizes[i], 7 * mode + i + 1000, 600), split);
        }
}

/* ---- Broken rings, unreachable memory ---- */

/* DEV-STATUS-03, DEV-STATUS-04: a ring that makes no sense is left alone, and asks for a reset, which helps. */
static void a_broken_ring_asks_for_a_reset(void **state)
{
    (void)state;
    FOR_BOTH(rig)
    {
        unsigned interrupts = rig.raw->interrupts;
        uint64_t taken;

        ring_rig_turn(&rig, 16);
        if (rig.queue->packed)
            raw_desc(rig.queue, 1, rig.page, 8, VIRTQ_DESC_F_AVAIL | VIRTQ_DESC_F_NEXT, 0);
        else
            raw_avail_index(rig.queue, 500);
        taken = rig.of->taken;
        raw_notify(rig.queue);
        assert_true(rig.of->broken);
        assert_true((raw_status(rig.raw) & VIRTIO_STATUS_NEEDS_RESET) != 0);
        assert_in_range(rig.raw->interrupts, interrupts + 1, interrupts + 2);
        raw_notify(rig.queue);
        raw_run(rig.raw, 1);
        assert_int_equal(rig.of->taken, taken);
        launcher_forget_violations(rig.dev);
        ring_rig_restart(&rig, both[ring_], 8);
        ring_rig_turn(&rig, 16);
    }
}

/* A device without bus mastering takes and uses nothing, and goes on when it has it; the driver's barriers were not for naught. */
static void without_bus_mastering_nothing_happens(void **state)
{
    struct raw_used used;

    (void)state;
    FOR_BOTH(rig)
    {
        launcher_write(rig.dev, 6, 4, 2, 3);
        ring_rig_add(&rig, 16);
        (void)raw_kick(rig.queue);
        raw_run(rig.raw, 1);
        assert_false(raw_used(rig.queue, &used));
        launcher_write(rig.dev, 6, 4, 2, 7);
        raw_notify(rig.queue);
        assert_true(raw_used(rig.queue, &used));
    }
}

/* ---- What models see ---- */

/* DEV-SPLIT-03: pieces of a buffer, from any byte on, over the borders of elements of the right kind. */
static void models_reach_any_bytes_of_a_buffer(void **state)
{
    struct ring_rig rig = ring_rig_new(0, 8);
    struct launcher_chain *chain = launcher_chain_new();
    uint8_t *page = raw_at(rig.raw, rig.page);
    char text[16] = "";

    (void)state;
    memcpy(page, "abcdefghijkl", 12);
    launcher_chain_add(chain, rig.page, 4, false);
    launcher_chain_add(chain, rig.page + 4, 4, true);
    launcher_chain_add(chain, rig.page + 8, 4, false);
    launcher_chain_add(chain, rig.page + 100, 4, true);
    assert_int_equal(launcher_chain_read(rig.dev, chain, 3, text, 3), 3);
    assert_string_equal(text, "dij");
    assert_int_equal(launcher_chain_read(rig.dev, chain, 6, text, 10), 2);
    assert_memory_equal(text, "kl", 2);
    assert_int_equal(launcher_chain_read(rig.dev, chain, 8, text, 1), 0);
    assert_int_equal(launcher_chain_write(rig.dev, chain, 2, "1234", 4), 4);
    assert_memory_equal(page, "abcdef12ijkl", 12);
    assert_memory_equal(page + 100, "34", 2);
    assert_int_equal(launcher_chain_write(rig.dev, chain, 5, "567890", 6), 3);
    assert_memory_equal(page + 100, "3567", 5);
    launcher_chain_free(chain);
    ring_rig_free(&rig);
}

/* ---- Races ---- */

static struct {
    struct ring_rig *rig;
    bool (*write)(void *ctx, uint64_t address, const void *from, size_t length);
} racing;

/* In the moment in which the device shows its wish, one buffer more is published, by a driver that has looked before. */
static bool write_and_race(void *ctx, uint64_t address, const void *from, size_t length)
{
    struct raw_queue *queue = racing.rig->queue;

    if (address == queue->device + 4 + 8ull * queue->size) {
        racing.rig->dev->options.memory.write = racing.write;
        ring_rig_add(racing.rig, 8);
        raw_publish(queue);
    }
    return racing.write(ctx, address, from, length);
}

/* DEV-SPLIT-23: a buffer that the old wish kept silent is found all the same. */
static void a_buffer_published_beside_the_wish_is_found(void **state)
{
    struct ring_rig rig = ring_rig_new(EVENT_IDX, 8);

    (void)state;
    racing.rig = &rig;
    racing.write = rig.dev->options.memory.write;
    rig.dev->options.memory.write = write_and_race;
    ring_rig_add(&rig, 8);
    (void)raw_kick(rig.queue);
    assert_int_equal(rig.of->taken, 2);
    assert_int_equal(raw_used_index(rig.queue), 2);
    ring_rig_free(&rig);
}

/* ---- Noise ---- */

static uint32_t dice(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005ull + 1442695040888963407ull;
    return (uint32_t)(*seed >> 33);
}

static void noisy_descriptor(struct ring_rig *rig, uint64_t at, uint64_t *seed)
{
    uint64_t address = rig->page + dice(seed) % 4096;
    uint16_t flags = (uint16_t)(dice(seed) % 8), odd = (uint16_t)(dice(seed) % 10);

    if (dice(seed) % 16 == 0)
        address = (uint64_t)dice(seed) << 33 | dice(seed);
    if (rig->queue->packed)
        raw_desc_at(rig->raw, at, address, dice(seed) % 3 * 16, odd,
                    flags | raw_available(dice(seed) % 4 != 0));
    else
        raw_desc_at(rig->raw, at, address, dice(seed) % 3 * 16,
                    dice(seed) % 16 == 0 ? (uint16_t)dice(seed) : flags, odd);
}

/* Any ring is survived, and every one that cannot be right is given up; the sanitizers look on. */
static void rings_of_noise_are_survived(void **state)
{
    static const uint64_t modes[] = {0, EVENT_IDX, IN_ORDER, RING_BIT(VIRTIO_F_INDIRECT_DESC)};

    (void)state;
    for (uint64_t run = 0; run < 400; run++) {
        uint64_t seed = run, features = modes[run % 4] | (run / 4 % 2 != 0 ? PACKED : 0);
        struct ring_rig rig = ring_rig_new(features, 8);
        uint64_t given_up = 0;

        for (unsigned life = 0; life < 5; life++) {
            for (unsigned step = 0; step < 20; step++) {
                for (unsigned i = 0; i < 8; i++)
                    noisy_descriptor(&rig, rig.queue->desc + 16 * i, &seed);
                for (unsigned i = 0; i < 64; i++) /* tables as well */
                    noisy_descriptor(&rig, rig.page + 16 * i, &seed);
                if (!rig.queue->packed) {
                    raw_avail_slot(rig.queue, (uint16_t)step, (uint16_t)(dice(&seed) % 9));
                    raw_avail_index(rig.queue, (uint16_t)(step + dice(&seed) % 2));
                }
                raw_event(rig.queue, (uint16_t)(dice(&seed) % 5), (uint16_t)dice(&seed));
                raw_notify(rig.queue);
                raw_run(rig.raw, MS);
                given_up += rig.of->broken;
            }
            launcher_forget_violations(rig.dev);
            ring_rig_restart(&rig, features, 8);
        }
        assert_true(given_up != 0);
        ring_rig_turn(&rig, 16);
        launcher_forget_violations(rig.dev);
        ring_rig_free(&rig);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buffers_take_their_latency),
        cmocka_unit_test(a_late_completion_comes_late),
        cmocka_unit_test(a_later_buffer_is_completed_first),
        cmocka_unit_test(a_buffer_is_never_completed),
        cmocka_unit_test(a_completion_is_shown_twice),
        cmocka_unit_test(used_ids_are_wrong),
        cmocka_unit_test(used_ids_are_right_in_16_bits_only),
        cmocka_unit_test(used_lengths_are_wrong),
        cmocka_unit_test(the_used_index_runs_ahead),
        cmocka_unit_test(the_used_index_goes_back),
        cmocka_unit_test(a_used_element_changes_after_it_was_shown),
        cmocka_unit_test(a_slot_that_is_the_drivers_is_not_rewritten),
        cmocka_unit_test(legal_drivers_survive_harmless_faults),
        cmocka_unit_test(a_broken_ring_asks_for_a_reset),
        cmocka_unit_test(without_bus_mastering_nothing_happens),
        cmocka_unit_test(models_reach_any_bytes_of_a_buffer),
        cmocka_unit_test(a_buffer_published_beside_the_wish_is_found),
        cmocka_unit_test(rings_of_noise_are_survived),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
