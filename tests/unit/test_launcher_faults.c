/* SPDX-License-Identifier: BSD-2-Clause */
/* Faults of the device core: armed or by chance, each where it belongs; and the personalities that differ in the core. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "launcher/device.h"
#include "tests/unit/support/raw_driver.h"

#define BIT(feature) (1ull << (feature))

enum {
    BYTES = 64,
    NEVER_NS = 1000000000,
    POISON = 0xdd,
};

/* Requests stay in flight. */
static struct raw_driver *new_rng(const char *personality)
{
    return raw_driver_new(&(struct launcher_options){
        .type = VIRTIO_ID_ENTROPY,
        .latency_ns = NEVER_NS,
        .personality = launcher_personality(personality),
        .seed = 7,
    });
}

static struct raw_queue *go_live(struct raw_driver *raw, uint64_t *buffer)
{
    struct raw_queue *queue;

    assert_true(raw_start(raw, 0));
    queue = raw_queue(raw, 0, 8);
    raw_live(raw);
    *buffer = raw_alloc(raw, BYTES);
    RAW_ADD(queue, {*buffer, BYTES, RAW_WRITE});
    (void)raw_kick(queue);
    return queue;
}

static unsigned count_bytes(struct raw_driver *raw, uint64_t buffer, uint8_t value)
{
    const uint8_t *bytes = raw_at(raw, buffer);
    unsigned count = 0;

    for (unsigned i = 0; i < BYTES; i++)
        count += bytes[i] == value;
    return count;
}

/* ---- When ---- */

static void an_armed_fault_waits_fires_and_is_over(void **state)
{
    struct raw_driver *raw = new_rng("qemu");
    const enum launcher_fault fault = LAUNCHER_FAULT_LATE;
    const struct launcher_fault_state *seen = &raw->dev->faults.state[fault];

    (void)state;
    assert_false(launcher_fault(raw->dev, fault));
    launcher_fault_arm(raw->dev, fault, 2, 3, 99);
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(launcher_fault(raw->dev, fault), i >= 2 && i < 5);
    assert_int_equal(launcher_fault_value(raw->dev, fault), 99);
    assert_int_equal(seen->occasions, 11);
    assert_int_equal(seen->fired, 3);
    launcher_fault_arm(raw->dev, fault, 0, 0, 0);
    for (unsigned i = 0; i < 10; i++)
        assert_true(launcher_fault(raw->dev, fault));
    launcher_fault_disarm(raw->dev, fault);
    assert_false(launcher_fault(raw->dev, fault));
    raw_driver_free(raw);
}

static unsigned fires_by_chance(uint64_t seed, uint32_t chance)
{
    struct launcher_device *dev =
        launcher_new(&(struct launcher_options){.type = VIRTIO_ID_ENTROPY, .seed = seed});
    unsigned pattern = 0;

    dev->faults.state[LAUNCHER_FAULT_NEVER].chance = chance;
    for (unsigned i = 0; i < 32; i++)
        pattern = pattern << 1 | launcher_fault(dev, LAUNCHER_FAULT_NEVER);
    launcher_free(dev);
    return pattern;
}

static void chance_is_replayed_by_the_seed(void **state)
{
    (void)state;
    assert_int_equal(fires_by_chance(0, 32768), fires_by_chance(0, 32768));
    assert_int_not_equal(fires_by_chance(0, 32768), fires_by_chance(1, 32768));
    assert_int_equal(fires_by_chance(5, 65536), UINT32_MAX);
    assert_int_equal(fires_by_chance(5, 0), 0);
}

static void every_fault_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (enum launcher_fault fault = 0; fault < LAUNCHER_FAULT_COUNT; fault++) {
        assert_int_equal(launcher_fault_by_name(launcher_fault_name(fault)), fault);
        assert_true(strlen(launcher_fault_text(fault)) > 0);
    }
    assert_int_equal(launcher_fault_by_name("no-such-fault"), LAUNCHER_FAULT_COUNT);
}

static void a_fault_that_fires_is_in_the_history(void **state)
{
    struct raw_driver *raw = new_rng("qemu");
    char *text;

    (void)state;
    launcher_fault_arm(raw->dev, LAUNCHER_FAULT_TWICE, 0, 1, 0);
    assert_true(launcher_fault(raw->dev, LAUNCHER_FAULT_TWICE));
    text = launcher_history_text(&raw->dev->history, 5);
    assert_non_null(strstr(text, "twice"));
    free(text);
    raw_driver_free(raw);
}

/* ---- Reset ---- */

static void a_slow_reset_takes_as_many_polls(void **state)
{
    struct raw_driver *raw = new_rng("qemu");
    uint64_t buffer;

    (void)state;
    go_live(raw, &buffer);
    launcher_fault_arm(raw->dev, LAUNCHER_FAULT_RESET_SLOW, 0, 1, 5);
    raw_set(raw, RAW_COMMON(device_status), 0);
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(raw_status(raw), 0x0f);
    assert_int_equal(raw_status(raw), 0);
    assert_int_equal(raw->dev->queues[0].flight_count, 0);
    raw_driver_free(raw);
}

/* A device whose status is 0 does not look reset while its reset goes on. */
static void a_slow_reset_of_an_idle_device_is_seen(void **state)
{
    struct raw_driver *raw = new_rng("qemu");

    (void)state;
    launcher_fault_arm(raw->dev, LAUNCHER_FAULT_RESET_SLOW, 0, 1, 0);
    raw_set(raw, RAW_COMMON(device_status), 0);
    assert_int_not_equal(raw_status(raw), 0);
    for (unsigned i = 0; i < 64 && raw_status(raw) != 0; i++)
        ;
    assert_int_equal(raw_status(raw), 0);
    raw_driver_free(raw);
}

static void a_reset_that_never_ends_serves_nobody(void **state)
{
    struct raw_driver *raw = new_rng("qemu");
    struct raw_queue *queue;
    uint64_t buffer;

    (void)state;
    queue = go_live(raw, &buffer);
    launcher_fault_arm(raw->dev, LAUNCHER_FAULT_RESET_NEVER, 0, 1, 0);
    raw_set(raw, RAW_COMMON(device_status), 0);
    for (unsigned i = 0; i < 1000; i++)
        assert_int_not_equal(raw_status(raw), 0);
    raw_run(raw, 2ull * NEVER_NS);
    assert_int_equal(raw_used_index(queue), 0);
    raw_driver_free(raw);
}

static void late_writes_hit_buffers_while_the_reset_goes_on(void **state)
{
    struct raw_driver *raw = new_rng("qemu");
    uint64_t buffer;

    (void)state;
    go_live(raw, &buffer);
    launcher_fault_arm(raw->dev, LAUNCHER_FAULT_RESET_SLOW, 0, 1, 2);
    launcher_fault_arm(raw->dev, LAUNCHER_FAULT_DMA_AFTER_RESET, 1, 1, 0);
    raw_set(raw, RAW_COMMON(device_status), 0);
    (void)raw_status(raw);
    assert_int_equal(count_bytes(raw, buffer, POISON), 0);
    (void)raw_status(raw);
    assert_int_equal(count_bytes(raw, buffer, POISON), BYTES);
    assert_int_equal(raw_status(raw), 0);
    raw_driver_free(raw);
}

static void late_writes_stop_with_the_reset_unless_asked_for(void **state)
{
    struct raw_driver *raw = new_rng("qemu");
    uint64_t buffer;

    (void)state;
    go_live(raw, &buffer);
    launcher_fault_arm(raw->dev, LAUNCHER_FAULT_DMA_AFTER_RESET, 0, 0, 0);
    assert_true(raw_reset(raw));
    raw_run(raw, 1);
    assert_int_equal(count_bytes(raw, buffer, POISON), 0);
    launcher_fault_arm(raw->dev, LAUNCHER_FAULT_DMA_AFTER_RESET, 0, 1, 1);
    raw_run(raw, 1);
    assert_int_equal(count_bytes(raw, buffer, POISON), BYTES);
    raw_driver_free(raw);
}

static void bus_mastering_contains_late_writes(void **state)
{
    struct raw_driver *raw = new_rng("qemu");
    uint64_t buffer;

    (void)state;
    go_live(raw, &buffer);
    launcher_fault_arm(raw->dev, LAUNCHER_FAULT_RESET_NEVER, 0, 1, 0);
    launcher_fault_arm(raw->dev, LAUNCHER_FAULT_DMA_AFTER_RESET, 0, 0, 0);
    launcher_write(raw->dev, 6, 4, 2, 3); /* decoding alone */
    raw_set(raw, RAW_COMMON(device_status), 0);
    (void)raw_status(raw);
    raw_run(raw, 1);
    assert_int_equal(count_bytes(raw, buffer, POISON), 0);
    raw_driver_free(raw);
}

static void a_queues_own_reset_can_be_slow(void **state)
{
    struct raw_driver *raw = new_rng("qemu");

    (void)state;
    assert_true(raw_start(raw, BIT(VIRTIO_F_RING_RESET)));
    raw_queue(raw, 0, 8);
    raw_live(raw);
    launcher_fault_arm(raw->dev, LAUNCHER_FAULT_RESET_SLOW, 0, 1, 3);
    raw_set(raw, RAW_COMMON(queue_reset), 1);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(raw_get(raw, RAW_COMMON(queue_reset)), 1);
    assert_int_equal(raw_get(raw, RAW_COMMON(queue_reset)), 0);
    raw_driver_free(raw);
}

/* ---- Status, features, queues, configuration ---- */

static void a_status_bit_is_lost(void **state)
{
    struct raw_driver *raw = new_rng("qemu");

    (void)state;
    assert_true(raw_reset(raw));
    launcher_fault_arm(raw->dev, LAUNCHER_FAULT_STATUS_LOST, 1, 1, 0);
    raw_add_status(raw, VIRTIO_STATUS_ACKNOWLEDGE);
    assert_int_equal(raw_status(raw), VIRTIO_STATUS_ACKNOWLEDGE);
    raw_add_status(raw, VIRTIO_STATUS_DRIVER);
    assert_int_equal(raw_status(raw), VIRTIO_STATUS_ACKNOWLEDGE);
    raw_driver_free(raw);
}

static void good_features_are_refused(void **state)
{
    struct raw_driver *raw = new_rng("qemu");

    (void)state;
    launcher_fault_arm(raw->dev, LAUNCHER_FAULT_FEATURES_REFUSED, 0, 1, 0);
    assert_false(raw_start(raw, 0));
    assert_true(raw_start(raw, 0));
    raw_driver_free(raw);
}

/* At the write of any register after ACKNOWLEDGE: the driver gets as far as `step` writes. */
static void needs_reset_strikes_at_any_step(void **state)
{
    (void)state;
    for (unsigned step = 0;; step++) {
        struct raw_driver *raw = new_rng("qemu");
        uint64_t buffer;
        bool struck;

        launcher_fault_arm(raw->dev, LAUNCHER_FAULT_NEEDS_RESET, step, 1, 0);
        go_live(raw, &buffer);
        struck = (raw_status(raw) & VIRTIO_STATUS_NEEDS_RESET) != 0;
        assert_int_equal(struck, raw->dev->faults.state[LAUNCHER_FAULT_NEEDS_RESET].fired == 1);
        launcher_forget_violations(raw->dev);
        assert_true(raw_reset(raw));
        assert_int_equal(raw_status(raw), 0);
        raw_driver_free(raw);
        if (!struck) {
            assert_in_range(step, 15, 40); /* they were as many as a life has writes */
            return;
        }
    }
}

static void queues_have_odd_sizes_for_one_life(void **state)
{
    static const uint32_t values[] = {0x10000, 1, 3, 0xffff};
    struct raw_driver *raw = new_rng("qemu");

    (void)state;
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        launcher_fault_arm(raw->dev, LAUNCHER_FAULT_QUEUE_SIZE, 0, 1, values[i]);
        assert_true(raw_start(raw, 0));
        raw_set(raw, RAW_COMMON(queue_select), 0);
        assert_int_equal(raw_get(raw, RAW_COMMON(queue_size)), values[i] & 0xffff);
    }
    assert_true(raw_start(raw, 0));
    raw_set(raw, RAW_COMMON(queue_select), 0);
    assert_int_equal(raw_get(raw, RAW_COMMON(queue_size)), 256);
    raw_driver_free(raw);
}

static void a_queue_of_an_impossible_size_is_not_enabled(void **state)
{
    struct raw_driver *raw = new_rng("qemu");

    (void)state;
    launcher_fault_arm(raw->dev, LAUNCHER_FAULT_QUEUE_SIZE, 0, 1, 3);
    assert_true(raw_start(raw, 0));
    raw_set(raw, RAW_COMMON(queue_select), 0);
    raw_set(raw, RAW_COMMON(queue_enable), 1);
    assert_int_equal(raw_get(raw, RAW_COMMON(queue_enable)), 0);
    launcher_forget_violations(raw->dev);
    raw_driver_free(raw);
}

static void the_configuration_changes_while_it_is_read(void **state)
{
    struct raw_driver *raw =
        raw_driver_new(&(struct launcher_options){.type = VIRTIO_ID_BLOCK, .sectors = 64});
    uint32_t generation;

    (void)state;
    assert_true(raw_start(raw, 0));
    generation = raw_get(raw, RAW_COMMON(config_generation));
    launcher_fault_arm(raw->dev, LAUNCHER_FAULT_CONFIG_CHANGES, 0, 1, 0);
    assert_int_not_equal(raw_config(raw, 0, 4), 64);
    assert_int_not_equal(raw_get(raw, RAW_COMMON(config_generation)), generation);
    assert_int_equal(raw_config(raw, 0, 4), 64);
    launcher_forget_violations(raw->dev);
    raw_driver_free(raw);
}

/* ---- Personalities ---- */

static void personalities_are_found_by_name(void **state)
{
    (void)state;
    for (unsigned i = 0; launcher_personalities[i] != NULL; i++) {
        const struct launcher_personality *each = launcher_personalities[i];

        assert_ptr_equal(launcher_personality(each->name), each);
        assert_true(strlen(each->text) > 0);
    }
    assert_null(launcher_personality("no-such-device"));
}

static uint64_t offered_by(const char *personality, uint32_t type)
{
    struct launcher_device *dev = launcher_new(&(struct launcher_options){
        .type = type, .sectors = 8, .personality = launcher_personality(personality)});
    uint64_t offered = dev->offered;

    launcher_free(dev);
    return offered;
}

static void personalities_differ_in_what_they_offer(void **state)
{
    const uint64_t console = BIT(VIRTIO_CONSOLE_F_SIZE) | BIT(VIRTIO_CONSOLE_F_MULTIPORT) |
                             BIT(VIRTIO_CONSOLE_F_EMERG_WRITE);
    const uint64_t limits = BIT(VIRTIO_BLK_F_SIZE_MAX) | BIT(VIRTIO_BLK_F_SEG_MAX);

    (void)state;
    assert_int_equal(offered_by("qemu", VIRTIO_ID_CONSOLE) & console, console);
    assert_int_equal(offered_by("cloud-hypervisor", VIRTIO_ID_CONSOLE) & console,
                     console & ~BIT(VIRTIO_CONSOLE_F_MULTIPORT));
    assert_int_equal(offered_by("apple", VIRTIO_ID_CONSOLE) & console, 0);
    assert_int_equal(offered_by("qemu", VIRTIO_ID_BLOCK) & limits, BIT(VIRTIO_BLK_F_SEG_MAX));
    assert_int_equal(offered_by("kvmtool", VIRTIO_ID_BLOCK) & 0xffffff,
                     BIT(VIRTIO_BLK_F_SEG_MAX) | BIT(VIRTIO_BLK_F_FLUSH));
    assert_int_equal(offered_by("firecracker", VIRTIO_ID_BLOCK) & BIT(VIRTIO_F_INDIRECT_DESC), 0);
}

/* Firecracker before 2026. */
static void a_device_that_cannot_be_reset_says_failed(void **state)
{
    struct raw_driver *raw = new_rng("firecracker");

    (void)state;
    raw_set(raw, RAW_COMMON(device_status), 0);
    for (unsigned i = 0; i < 100; i++)
        assert_int_equal(raw_status(raw), VIRTIO_STATUS_FAILED);
    raw_driver_free(raw);
}

/* Cloud Hypervisor. */
static void a_device_dies_of_having_no_queue(void **state)
{
    struct raw_driver *raw = new_rng("cloud-hypervisor");
    uint64_t buffer;

    (void)state;
    assert_true(raw_start(raw, 0));
    raw_live(raw);
    assert_false(launcher_is_live(raw->dev));
    go_live(raw, &buffer);
    assert_true(launcher_is_live(raw->dev));
    raw_driver_free(raw);
}

/* kvmtool. */
static void a_queue_size_reads_back_as_another(void **state)
{
    struct raw_driver *raw = new_rng("kvmtool");

    (void)state;
    assert_true(raw_start(raw, 0));
    raw_set(raw, RAW_COMMON(queue_select), 0);
    raw_set(raw, RAW_COMMON(queue_size), 16);
    assert_int_equal(raw_get(raw, RAW_COMMON(queue_size)), 256);
    raw_driver_free(raw);
}

/* kvmtool. */
static void unknown_features_are_taken_and_kept(void **state)
{
    struct raw_driver *raw = new_rng("kvmtool");

    (void)state;
    assert_true(raw_start(raw, BIT(VIRTIO_F_EVENT_IDX)));
    assert_true(raw_start(raw, 0));
    assert_int_equal(raw->dev->accepted, BIT(VIRTIO_F_EVENT_IDX) | BIT(VIRTIO_F_VERSION_1));
    raw_driver_free(raw);
}

/* kvmtool. */
static void the_configuration_appears_with_the_first_reset(void **state)
{
    struct raw_driver *raw = raw_driver_new(&(struct launcher_options){
        .type = VIRTIO_ID_BLOCK, .sectors = 64, .personality = launcher_personality("kvmtool")});

    (void)state;
    assert_int_equal(raw_config(raw, 0, 4), 0);
    assert_true(raw_reset(raw));
    assert_int_equal(raw_config(raw, 0, 4), 64);
    launcher_forget_violations(raw->dev);
    raw_driver_free(raw);
}

static void a_strict_device_takes_one_step_at_a_time(void **state)
{
    struct raw_driver *raw = new_rng("strict");

    (void)state;
    assert_true(raw_reset(raw));
    raw_add_status(raw, VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER);
    assert_int_equal(raw_status(raw), 0);
    launcher_forget_violations(raw->dev);
    assert_true(raw_start(raw, 0));
    raw_driver_free(raw);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_armed_fault_waits_fires_and_is_over),
        cmocka_unit_test(chance_is_replayed_by_the_seed),
        cmocka_unit_test(every_fault_has_a_name_of_its_own),
        cmocka_unit_test(a_fault_that_fires_is_in_the_history),
        cmocka_unit_test(a_slow_reset_takes_as_many_polls),
        cmocka_unit_test(a_slow_reset_of_an_idle_device_is_seen),
        cmocka_unit_test(a_reset_that_never_ends_serves_nobody),
        cmocka_unit_test(late_writes_hit_buffers_while_the_reset_goes_on),
        cmocka_unit_test(late_writes_stop_with_the_reset_unless_asked_for),
        cmocka_unit_test(bus_mastering_contains_late_writes),
        cmocka_unit_test(a_queues_own_reset_can_be_slow),
        cmocka_unit_test(a_status_bit_is_lost),
        cmocka_unit_test(good_features_are_refused),
        cmocka_unit_test(needs_reset_strikes_at_any_step),
        cmocka_unit_test(queues_have_odd_sizes_for_one_life),
        cmocka_unit_test(a_queue_of_an_impossible_size_is_not_enabled),
        cmocka_unit_test(the_configuration_changes_while_it_is_read),
        cmocka_unit_test(personalities_are_found_by_name),
        cmocka_unit_test(personalities_differ_in_what_they_offer),
        cmocka_unit_test(a_device_that_cannot_be_reset_says_failed),
        cmocka_unit_test(a_device_dies_of_having_no_queue),
        cmocka_unit_test(a_queue_size_reads_back_as_another),
        cmocka_unit_test(unknown_features_are_taken_and_kept),
        cmocka_unit_test(the_configuration_appears_with_the_first_reset),
        cmocka_unit_test(a_strict_device_takes_one_step_at_a_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
