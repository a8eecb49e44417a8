/* SPDX-License-Identifier: BSD-2-Clause */
/* The launcher's entropy device (VIRTIO 1.4, 5.4), the rules for drivers of it, and a device of a type without a model. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "launcher/model.h"
#include "launcher/rng.h"
#include "tests/unit/support/raw_driver.h"

enum {
    QUEUE = 8,
    BYTES = 600,
};

static struct raw_driver *new_rng(uint64_t seed)
{
    struct raw_driver *raw = raw_driver_new(
        &(struct launcher_options){.type = VIRTIO_ID_ENTROPY, .queue_size = QUEUE, .seed = seed});

    assert_true(raw_start(raw, 0));
    (void)raw_queue(raw, 0, QUEUE);
    raw_live(raw);
    return raw;
}

/* The used length of a buffer of BYTES; UINT32_MAX: it did not come back. */
static uint32_t fill(struct raw_driver *raw, uint8_t *bytes)
{
    uint64_t at = raw_alloc(raw, BYTES);
    struct raw_used used;

    RAW_ADD(raw->queues[0], {at, BYTES, RAW_WRITE});
    (void)raw_kick(raw->queues[0]);
    raw_run(raw, 1);
    if (!raw_used(raw->queues[0], &used))
        return UINT32_MAX;
    memcpy(bytes, raw_at(raw, at), BYTES);
    return used.length;
}

static void buffers_are_filled_as_the_seed_says(void **state)
{
    uint8_t bytes[3][BYTES] = {{0}};
    unsigned zeroes = 0;

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct raw_driver *raw = new_rng(i / 2);

        assert_int_equal(fill(raw, bytes[i]), BYTES);
        assert_int_equal(launcher_rng_given(raw->dev), BYTES);
        raw_driver_free(raw);
    }
    assert_memory_equal(bytes[0], bytes[1], BYTES);
    assert_memory_not_equal(bytes[0], bytes[2], BYTES);
    for (unsigned i = 0; i < BYTES; i++)
        zeroes += bytes[0][i] == 0;
    assert_in_range(zeroes, 0, 20);
}

static void fills_are_short_if_so_wished(void **state)
{
    struct raw_driver *raw = new_rng(1);
    uint8_t bytes[BYTES] = {0};

    (void)state;
    launcher_rng_limit(raw->dev, 5);
    assert_int_equal(fill(raw, bytes), 5);
    assert_int_equal(bytes[5] | bytes[6] | bytes[BYTES - 1], 0);
    launcher_rng_limit(raw->dev, 0);
    launcher_fault_arm(raw->dev, LAUNCHER_FAULT_LENGTH_SHORT, 0, 1, 100);
    assert_int_equal(fill(raw, bytes), BYTES - 100);
    launcher_rng_hold(raw->dev, true);
    assert_int_equal(fill(raw, bytes), UINT32_MAX);
    launcher_rng_hold(raw->dev, false);
    raw_run(raw, 1);
    assert_int_equal(raw_used_index(raw->queues[0]), 3);
    raw_driver_free(raw);
}

/* DRV-RNG-01: buffers are to be written to. */
static void readable_buffers_are_judged(void **state)
{
    struct raw_driver *raw = new_rng(1);
    uint64_t at = raw_alloc(raw, 64);

    (void)state;
    RAW_ADD(raw->queues[0], {at, 8, RAW_READ}, {at + 32, 8, RAW_WRITE});
    (void)raw_kick(raw->queues[0]);
    raw_expect(raw, "DRV-RNG-01");
    raw_driver_free(raw);
}

/* IMP-RNG-01: there is one queue. */
static void other_queues_are_judged(void **state)
{
    struct raw_driver *raw = raw_driver_new(
        &(struct launcher_options){.type = VIRTIO_ID_ENTROPY, .queue_size = QUEUE, .queues = 2});

    (void)state;
    assert_true(raw_start(raw, 0));
    (void)raw_queue(raw, 1, QUEUE);
    raw_live(raw);
    RAW_ADD(raw->queues[1], {raw_alloc(raw, 8), 8, RAW_WRITE});
    (void)raw_kick(raw->queues[1]);
    raw_expect(raw, "IMP-RNG-01");
    raw_driver_free(raw);
}

/* Any other type lives, keeps what it is given, and gives it up with a reset. */
static void a_device_without_a_model_never_answers(void **state)
{
    struct raw_driver *raw = raw_driver_new(
        &(struct launcher_options){.type = VIRTIO_ID_SOUND, .queue_size = QUEUE, .queues = 3});

    (void)state;
    assert_true(raw_start(raw, 0));
    (void)raw_queue(raw, 2, QUEUE);
    raw_live(raw);
    RAW_ADD(raw->queues[2], {raw_alloc(raw, 8), 8, RAW_WRITE});
    (void)raw_kick(raw->queues[2]);
    raw_run(raw, 1000000000);
    assert_int_equal(raw_used_index(raw->queues[2]), 0);
    assert_int_equal(raw->dev->queues[2].flight_count, 1);
    assert_true(raw_reset(raw));
    assert_int_equal(raw->dev->queues[2].flight_count, 0);
    raw_driver_free(raw);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buffers_are_filled_as_the_seed_says),
        cmocka_unit_test(fills_are_short_if_so_wished),
        cmocka_unit_test(readable_buffers_are_judged),
        cmocka_unit_test(other_queues_are_judged),
        cmocka_unit_test(a_device_without_a_model_never_answers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
