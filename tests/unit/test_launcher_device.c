/* SPDX-License-Identifier: BSD-2-Clause */
/* The launcher's device core (VIRTIO 1.4, chapter 2), driven by raw register accesses over PCI. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "launcher/device.h"
#include "tests/unit/support/raw_driver.h"

#define BIT(feature) (1ull << (feature))

enum {
    LATENCY = 1000, /* ns */
    BYTES = 64,     /* of a buffer */
};

static struct raw_driver *new_rng(uint64_t latency_ns)
{
    return raw_driver_new(
        &(struct launcher_options){.type = VIRTIO_ID_ENTROPY, .latency_ns = latency_ns, .seed = 1});
}

static struct raw_driver *new_blk(void)
{
    return raw_driver_new(
        &(struct launcher_options){.type = VIRTIO_ID_BLOCK, .sectors = 64, .seed = 1});
}

/* Live, with a buffer of BYTES zero bytes in flight if the device has a latency. */
static struct raw_queue *go_live(struct raw_driver *raw, uint64_t features, uint64_t *buffer)
{
    struct raw_queue *queue;

    assert_true(raw_start(raw, features));
    queue = raw_queue(raw, 0, 8);
    raw_live(raw);
    *buffer = raw_alloc(raw, BYTES);
    RAW_ADD(queue, {*buffer, BYTES, RAW_WRITE});
    (void)raw_kick(queue);
    return queue;
}

static bool all_bytes_are(struct raw_driver *raw, uint64_t buffer, uint8_t value)
{
    const uint8_t *bytes = raw_at(raw, buffer);

    for (unsigned i = 0; i < BYTES; i++)
        if (bytes[i] != value)
            return false;
    return true;
}

/* ---- Features ---- */

/* DEV-FEAT-01, DEV-FEAT-04, DEV-RFB-01, DEV-RFB-10, DEV-RFB-13, DEV-RFB-14: on each front end, for each personality and type. */
static void what_is_offered_is_defined_there(void **state)
{
    static const uint32_t types[] = {VIRTIO_ID_BLOCK, VIRTIO_ID_CONSOLE, VIRTIO_ID_ENTROPY,
                                     VIRTIO_ID_BALLOON};
    const uint64_t unused =
        BIT(VIRTIO_F_SR_IOV) | BIT(VIRTIO_F_ADMIN_VQ) | BIT(VIRTIO_F_SUSPEND) | BIT(30);

    (void)state;
    for (enum launcher_front_kind front = LAUNCHER_PCI; front <= LAUNCHER_MMIO_LEGACY; front++) {
        bool legacy = front == LAUNCHER_PCI_LEGACY || front == LAUNCHER_MMIO_LEGACY;

        for (unsigned i = 0; launcher_personalities[i] != NULL; i++) {
            for (size_t j = 0; j < sizeof(types) / sizeof(types[0]); j++) {
                struct launcher_device *dev = launcher_new(&(struct launcher_options){
                    .type = types[j],
                    .front = front,
                    .personality = launcher_personalities[i],
                    .features = ~0ull,
                    .sectors = 8,
                });
                uint64_t known = launcher_transport_features(front) | dev->referee.type_features;

                assert_non_null(dev);
                assert_int_equal(dev->offered & ~known, 0);
                assert_int_equal(dev->offered >> VIRTIO_F_VERSION_1 & 1, !legacy);
                assert_int_equal(dev->offered & unused, 0);
                if (front == LAUNCHER_PCI_TRANSITIONAL)
                    assert_int_equal(dev->offered >> VIRTIO_F_ANY_LAYOUT & 1, 1);
                launcher_free(dev);
            }
        }
    }
}

/* DEV-FEAT-04: through the modern interface a transitional device shows no bit that only legacy defines. */
static void legacy_bits_are_hidden_from_modern_drivers(void **state)
{
    struct raw_driver *raw = raw_driver_new(
        &(struct launcher_options){.type = VIRTIO_ID_ENTROPY, .front = LAUNCHER_PCI_TRANSITIONAL});

    (void)state;
    assert_true(raw_start(raw, 0));
    assert_true((raw->dev->offered & BIT(VIRTIO_F_ANY_LAYOUT)) != 0);
    assert_int_equal(raw_offered(raw) & (BIT(VIRTIO_F_ANY_LAYOUT) | BIT(VIRTIO_F_NOTIFY_ON_EMPTY)),
                     0);
    raw_driver_free(raw);
}

/* DEV-FEAT-02, DEV-FEAT-05: every subset of what is offered is accepted, and again after a reset. */
static void any_offered_subset_is_accepted_again_and_again(void **state)
{
    static const uint64_t subsets[] = {0, BIT(VIRTIO_F_INDIRECT_DESC), BIT(VIRTIO_F_EVENT_IDX),
                                       BIT(VIRTIO_F_INDIRECT_DESC) | BIT(VIRTIO_F_EVENT_IDX)};
    struct raw_driver *raw = new_rng(0);

    (void)state;
    for (unsigned round = 0; round < 2; round++)
        for (size_t i = 0; i < sizeof(subsets) / sizeof(subsets[0]); i++) {
            assert_true(raw_start(raw, subsets[i]));
            assert_int_equal(raw->dev->accepted, subsets[i] | BIT(VIRTIO_F_VERSION_1));
        }
    raw_driver_free(raw);
}

/* DEV-RFB-03, DEV-RFB-04, DEV-RFB-06: both are offered if asked for, and a driver without them is served. */
static void platform_features_may_be_left(void **state)
{
    const uint64_t platform = BIT(VIRTIO_F_ACCESS_PLATFORM) | BIT(VIRTIO_F_ORDER_PLATFORM);
    struct raw_driver *raw =
        raw_driver_new(&(struct launcher_options){.type = VIRTIO_ID_ENTROPY, .features = platform});
    struct raw_queue *queue;
    uint64_t buffer;

    (void)state;
    assert_true(raw_start(raw, platform));
    assert_true(raw_start(raw, 0));
    queue = go_live(raw, 0, &buffer);
    assert_int_equal(raw_used_index(queue), 1);
    raw_driver_free(raw);
}

/* DEV-FEAT-03, DEV-RFB-02: features that cannot be worked with leave FEATURES_OK clear. */
static void impossible_features_are_refused(void **state)
{
    struct raw_driver *raw = new_rng(0);

    (void)state;
    assert_true(raw_start(raw, 0));
    assert_true(raw_reset(raw));
    raw_add_status(raw, VIRTIO_STATUS_ACKNOWLEDGE);
    raw_add_status(raw, VIRTIO_STATUS_DRIVER);
    (void)raw_offered(raw);
    raw_accept(raw, BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_F_IN_ORDER)); /* not offered */
    raw_add_status(raw, VIRTIO_STATUS_FEATURES_OK);
    assert_int_equal(raw_status(raw), VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER);
    raw_expect_among(raw, "DRV-FEAT-01");

    assert_true(raw_reset(raw));
    raw_add_status(raw, VIRTIO_STATUS_ACKNOWLEDGE);
    raw_add_status(raw, VIRTIO_STATUS_DRIVER);
    (void)raw_offered(raw);
    raw_accept(raw, 0);
    raw_add_status(raw, VIRTIO_STATUS_FEATURES_OK);
    assert_int_equal(raw_status(raw), VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER);
    raw_expect_among(raw, "DRV-RFB-01");
    raw_driver_free(raw);
}

static void offered_and_accepted_are_two_halves(void **state)
{
    struct raw_driver *raw = new_rng(0);
    uint64_t offered;

    (void)state;
    assert_true(raw_start(raw, 0));
    offered = raw_offered(raw);
    assert_int_equal(raw->dev->accepted, BIT(VIRTIO_F_VERSION_1));
    assert_true(raw_reset(raw));
    assert_int_equal(raw->dev->accepted, 0);
    assert_int_equal(raw_offered(raw), offered);
    assert_int_equal(launcher_offered_word(raw->dev, 2), 0); /* there is no third word */
    raw_driver_free(raw);
}

/* ---- Status ---- */

/* DEV-STATUS-01, DEV-STATUS-02: nothing is taken or notified before DRIVER_OK; early output is refused and reported. */
static void early_output_is_refused(void **state)
{
    struct raw_driver *raw = new_rng(0);
    struct raw_queue *queue;
    uint64_t buffer;

    (void)state;
    assert_true(raw_start(raw, 0));
    queue = raw_queue(raw, 0, 8);
    buffer = raw_alloc(raw, BYTES);
    RAW_ADD(queue, {buffer, BYTES, RAW_WRITE});
    raw_publish(queue);
    raw_notify(queue);
    raw_run(raw, LATENCY);
    assert_int_equal(raw->dev->early_outputs, 1);
    assert_int_equal(raw->dev->queues[0].taken, 0);
    assert_int_equal(raw->interrupts, 0);
    assert_int_equal(raw_used_index(queue), 0);
    raw_expect(raw, "DRV-INIT-14");

    raw_live(raw);
    assert_true(raw_kick(queue));
    assert_int_equal(raw_used_index(queue), 1);
    assert_int_equal(raw->interrupts, 1);
    raw_driver_free(raw);
}

/* DEV-SUSP-01: SUSPEND is not offered, and setting it changes nothing. */
static void bits_that_are_not_the_drivers_are_ignored(void **state)
{
    struct raw_driver *raw = new_rng(0);

    (void)state;
    assert_true(raw_start(raw, 0));
    raw_add_status(raw, VIRTIO_STATUS_SUSPEND | VIRTIO_STATUS_NEEDS_RESET);
    assert_int_equal(raw_status(raw), 0x0b);
    launcher_forget_violations(raw->dev);
    raw_driver_free(raw);
}

/* DEV-STATUS-03, DEV-STATUS-04: after DRIVER_OK the driver is told; nothing is served until the reset. */
static void needs_reset_is_told_and_ends_the_service(void **state)
{
    struct raw_driver *raw = new_rng(LATENCY);
    struct raw_queue *queue;
    uint64_t buffer;

    (void)state;
    queue = go_live(raw, 0, &buffer);
    launcher_needs_reset(raw->dev);
    assert_int_equal(raw->interrupts, 1);
    assert_int_equal(raw_status(raw), 0x4f);
    launcher_needs_reset(raw->dev); /* once is enough */
    assert_int_equal(raw->interrupts, 1);
    raw_run(raw, 2 * LATENCY);
    assert_int_equal(raw_used_index(queue), 0);

    go_live(raw, 0, &buffer);
    raw_run(raw, 2 * LATENCY);
    assert_false(all_bytes_are(raw, buffer, 0));
    raw_driver_free(raw);
}

static void needs_reset_is_silent_before_driver_ok(void **state)
{
    struct raw_driver *raw = new_rng(0);

    (void)state;
    assert_true(raw_start(raw, 0));
    launcher_needs_reset(raw->dev);
    assert_int_equal(raw->interrupts, 0);
    assert_int_equal(raw_status(raw), 0x4b);
    raw_driver_free(raw);
}

/* ---- Reset ---- */

/* DEV-RESET-01: all that the driver set up is gone. */
static void a_reset_clears_all_of_the_drivers_state(void **state)
{
    struct raw_driver *raw = new_rng(LATENCY);
    const struct launcher_queue *queue = &raw->dev->queues[0];
    uint64_t buffer;

    (void)state;
    go_live(raw, BIT(VIRTIO_F_EVENT_IDX), &buffer);
    assert_int_equal(queue->flight_count, 1);
    assert_true(queue->enabled);
    launcher_interrupt_config(raw->dev);
    assert_int_equal(raw->dev->isr, VIRTIO_ISR_CONFIG);
    raw_set(raw, RAW_COMMON(device_status), 0);
    assert_int_equal(raw_status(raw), 0);
    assert_int_equal(raw->dev->isr, 0);
    assert_int_equal(raw->dev->accepted, 0);
    assert_int_equal(raw->dev->offered_select, 0);
    assert_int_equal(raw->dev->accepted_select, 0);
    assert_int_equal(queue->flight_count, 0);
    assert_false(queue->enabled);
    raw_set(raw, RAW_COMMON(queue_select), 0);
    assert_int_equal(raw_get(raw, RAW_COMMON(queue_size)), 256);
    assert_int_equal(raw_get(raw, RAW_COMMON(queue_enable)), 0);
    assert_int_equal(raw_get(raw, RAW_COMMON(queue_desc_lo)), 0);
    assert_int_equal(raw_get(raw, RAW_COMMON(queue_msix_vector)), VIRTIO_MSI_NO_VECTOR);
    raw_driver_free(raw);
}

/* DEV-RESET-02, DEV-RESET-03: not a byte of the guest's memory changes after it, and nothing is notified. */
static void after_a_reset_nothing_is_touched(void **state)
{
    struct raw_driver *raw = new_rng(LATENCY);
    uint8_t *before = malloc(RAW_MEMORY_BYTES);
    uint64_t buffer;

    (void)state;
    assert_non_null(before);
    go_live(raw, 0, &buffer);
    assert_true(raw_reset(raw));
    memcpy(before, raw->memory, RAW_MEMORY_BYTES);
    raw_run(raw, 100 * LATENCY);
    launcher_set_config(raw->dev, 0, 1, 1);
    launcher_interrupt_queue(raw->dev, &raw->dev->queues[0]);
    assert_int_equal(raw->interrupts, 0);
    assert_memory_equal(before, raw->memory, RAW_MEMORY_BYTES);
    free(before);
    raw_driver_free(raw);
}

/* ---- The configuration ---- */

/* DEV-CFG-01: any field can be read before FEATURES_OK. */
static void the_configuration_can_be_read_before_features_ok(void **state)
{
    struct raw_driver *raw = new_blk();

    (void)state;
    assert_true(raw_reset(raw));
    raw_add_status(raw, VIRTIO_STATUS_ACKNOWLEDGE);
    raw_add_status(raw, VIRTIO_STATUS_DRIVER);
    assert_int_equal(raw_config(raw, 0, 4), 64);
    assert_int_equal(raw_config(raw, 4, 4), 0);
    raw_driver_free(raw);
}

static void a_change_of_the_configuration_moves_the_generation(void **state)
{
    struct raw_driver *raw = new_blk();
    uint32_t generation;

    (void)state;
    assert_true(raw_start(raw, 0));
    raw_queue(raw, 0, 8);
    raw_live(raw);
    generation = raw_get(raw, RAW_COMMON(config_generation));
    launcher_set_config(raw->dev, 0, 8, 64); /* the same: no change */
    assert_int_equal(raw_get(raw, RAW_COMMON(config_generation)), generation);
    launcher_set_config(raw->dev, 0, 8, 0x100000040);
    assert_int_equal(raw_get(raw, RAW_COMMON(config_generation)), generation + 1);
    assert_int_equal(raw->interrupts, 1);
    assert_int_equal(raw_config(raw, 4, 4), 1);
    raw_driver_free(raw);
}

static void accesses_beyond_the_configuration_find_nothing(void **state)
{
    struct raw_driver *raw = new_blk();
    struct launcher_device *dev = raw->dev;

    (void)state;
    assert_int_equal(launcher_config_read(dev, dev->config_length, 1), UINT32_MAX);
    assert_int_equal(launcher_config_read(dev, dev->config_length - 1, 4), UINT32_MAX);
    assert_int_equal(launcher_config_read(dev, UINT64_MAX, 4), UINT32_MAX);
    launcher_config_write(dev, UINT64_MAX - 1, 4, 1);
    launcher_config_write(dev, 0, 4, 1); /* not the driver's to write */
    assert_int_equal(launcher_get_config(dev, 0, 8), 64);
    raw_driver_free(raw);
}

/* ---- Queues ---- */

/* DEV-VQRST-01 to DEV-VQRST-04. */
static void a_queue_is_reset_on_its_own_and_used_again(void **state)
{
    struct raw_driver *raw = new_rng(LATENCY);
    struct raw_queue *queue;
    uint64_t buffer;

    (void)state;
    go_live(raw, BIT(VIRTIO_F_RING_RESET), &buffer);
    raw_set(raw, RAW_COMMON(queue_reset), 1);
    assert_int_equal(raw_get(raw, RAW_COMMON(queue_reset)), 0);
    assert_int_equal(raw_get(raw, RAW_COMMON(queue_enable)), 0);
    assert_int_equal(raw_get(raw, RAW_COMMON(queue_size)), 256);
    assert_int_equal(raw->dev->queues[0].flight_count, 0);
    raw_run(raw, 2 * LATENCY);
    assert_int_equal(raw->interrupts, 0);
    assert_true(all_bytes_are(raw, buffer, 0));

    queue = raw_queue(raw, 0, 4); /* another size */
    assert_int_equal(raw->dev->queues[0].size, 4);
    RAW_ADD(queue, {buffer, BYTES, RAW_WRITE});
    (void)raw_kick(queue);
    raw_run(raw, 2 * LATENCY);
    assert_int_equal(raw_used_index(queue), 1);
    raw_driver_free(raw);
}

static void impossible_sizes_are_not_taken(void **state)
{
    struct raw_driver *raw = new_rng(0);

    (void)state;
    assert_true(raw_start(raw, 0));
    raw_set(raw, RAW_COMMON(queue_select), 0);
    raw_set(raw, RAW_COMMON(queue_size), 0);
    assert_int_equal(raw_get(raw, RAW_COMMON(queue_size)), 256);
    raw_set(raw, RAW_COMMON(queue_size), 512);
    assert_int_equal(raw_get(raw, RAW_COMMON(queue_size)), 256);
    launcher_forget_violations(raw->dev);
    raw_driver_free(raw);
}

static void a_queue_that_does_not_exist_reads_as_zero(void **state)
{
    struct raw_driver *raw = new_rng(0);

    (void)state;
    assert_true(raw_start(raw, 0));
    raw_set(raw, RAW_COMMON(queue_select), 0xffff);
    assert_int_equal(raw_get(raw, RAW_COMMON(queue_size)), 0);
    launcher_notify(raw->dev, 0xffff, 2); /* and is not notified */
    raw_driver_free(raw);
}

/* NOTIF_CONFIG_DATA: the queue is called by the number that it was given, which is not its index. */
static void a_queue_is_notified_by_its_own_number(void **state)
{
    struct raw_driver *raw = raw_driver_new(&(struct launcher_options){
        .type = VIRTIO_ID_ENTROPY, .features = BIT(VIRTIO_F_NOTIF_CONFIG_DATA)});
    struct raw_queue *queue;
    uint64_t buffer;

    (void)state;
    queue = go_live(raw, BIT(VIRTIO_F_NOTIF_CONFIG_DATA), &buffer);
    assert_int_not_equal(queue->notify_value, 0);
    assert_int_equal(raw_used_index(queue), 1);
    raw_driver_free(raw);
}

/* ---- Guest memory ---- */

/* DRV-RFB-05: an address that is no memory. */
static void memory_that_is_not_there_is_reported(void **state)
{
    struct raw_driver *raw = new_rng(0);
    struct raw_queue *queue;

    (void)state;
    assert_true(raw_start(raw, 0));
    queue = raw_queue(raw, 0, 8);
    raw_live(raw);
    RAW_ADD(queue, {0xffffffffffffff00, BYTES, RAW_WRITE});
    (void)raw_kick(queue);
    raw_expect_among(raw, "DRV-RFB-05");
    raw_driver_free(raw);
}

/* ---- Making it ---- */

static void a_file_that_is_not_there_makes_no_device(void **state)
{
    (void)state;
    errno = 0;
    assert_null(launcher_new(&(struct launcher_options){
        .type = VIRTIO_ID_BLOCK, .file = "build/no-such-directory/disk.img"}));
    assert_int_equal(errno, ENOENT);
}

static void accesses_have_the_widths_of_a_bus(void **state)
{
    struct raw_driver *raw = new_blk();

    (void)state;
    assert_int_equal(launcher_read(raw->dev, 6, 0, 4), 0x10421af4);
    assert_int_equal(launcher_read(raw->dev, 6, 0, 0), UINT32_MAX);
    assert_int_equal(launcher_read(raw->dev, 6, 0, 3), UINT32_MAX);
    assert_int_equal(launcher_read(raw->dev, 4, 0, 1000), UINT32_MAX);
    launcher_write(raw->dev, 4, 0, 1000, 0);
    raw_driver_free(raw);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_offered_is_defined_there),
        cmocka_unit_test(legacy_bits_are_hidden_from_modern_drivers),
        cmocka_unit_test(any_offered_subset_is_accepted_again_and_again),
        cmocka_unit_test(platform_features_may_be_left),
        cmocka_unit_test(impossible_features_are_refused),
        cmocka_unit_test(offered_and_accepted_are_two_halves),
        cmocka_unit_test(early_output_is_refused),
        cmocka_unit_test(bits_that_are_not_the_drivers_are_ignored),
        cmocka_unit_test(needs_reset_is_told_and_ends_the_service),
        cmocka_unit_test(needs_reset_is_silent_before_driver_ok),
        cmocka_unit_test(a_reset_clears_all_of_the_drivers_state),
        cmocka_unit_test(after_a_reset_nothing_is_touched),
        cmocka_unit_test(the_configuration_can_be_read_before_features_ok),
        cmocka_unit_test(a_change_of_the_configuration_moves_the_generation),
        cmocka_unit_test(accesses_beyond_the_configuration_find_nothing),
        cmocka_unit_test(a_queue_is_reset_on_its_own_and_used_again),
        cmocka_unit_test(impossible_sizes_are_not_taken),
        cmocka_unit_test(a_queue_that_does_not_exist_reads_as_zero),
        cmocka_unit_test(a_queue_is_notified_by_its_own_number),
        cmocka_unit_test(a_file_that_is_not_there_makes_no_device),
        cmocka_unit_test(accesses_have_the_widths_of_a_bus),
        cmocka_unit_test(memory_that_is_not_there_is_reported),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
