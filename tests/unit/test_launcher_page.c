/* SPDX-License-Identifier: BSD-2-Clause */
/* The descriptor page (launcher/page.h) by raw accesses: what stands on it, and what a notify does. */
#include "launcher/page.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "launcher/console.h"
#include "launcher/device.h"
#include "tests/unit/support/raw_driver.h"

#define FIELD(name)       offsetof(struct launcher_page_descriptor, name)
#define QUEUE_FIELD(name) offsetof(struct launcher_page_queue, name)

enum {
    HEADER = sizeof(struct launcher_page_descriptor),
    QUEUE = sizeof(struct launcher_page_queue),
    ENTRIES = 256,
    LATENCY = 1000, /* ns */
    LEGACY_BYTES =
        3 * 4096,  /* of the rings of 256 entries: 4096 + 518, then 2054, in whole pages */
    EMERGENCY = 8, /* offset of emerg_wr in the console's configuration */
};

/* ---- A driver of the page ---- */

static uint32_t get(struct raw_driver *raw, uint64_t at, unsigned width)
{
    return launcher_read(raw->dev, LAUNCHER_PAGE_REGION, at, width);
}

static void set(struct raw_driver *raw, uint64_t at, unsigned width, uint32_t value)
{
    launcher_write(raw->dev, LAUNCHER_PAGE_REGION, at, width, value);
}

static void notify(struct raw_driver *raw, uint64_t address)
{
    launcher_write(raw->dev, LAUNCHER_PAGE_NOTIFY_REGION, address, 4, 0);
}

/* Where the device's descriptor begins, and its parts. */
static uint64_t start_of(struct raw_driver *raw)
{
    return launcher_page_descriptor_address(raw->dev) % LAUNCHER_PAGE_BYTES;
}

static uint64_t queue_at(struct raw_driver *raw, unsigned index)
{
    return start_of(raw) + HEADER + (uint64_t)index * QUEUE;
}

static uint64_t offered_at(struct raw_driver *raw)
{
    return queue_at(raw, get(raw, start_of(raw) + FIELD(queues), 1));
}

static uint64_t accepted_at(struct raw_driver *raw)
{
    return offered_at(raw) + get(raw, start_of(raw) + FIELD(feature_bytes), 1);
}

static uint64_t config_at(struct raw_driver *raw)
{
    return accepted_at(raw) + get(raw, start_of(raw) + FIELD(feature_bytes), 1);
}

static uint64_t end_of(struct raw_driver *raw)
{
    return config_at(raw) + get(raw, start_of(raw) + FIELD(config_bytes), 1);
}

static uint8_t status(struct raw_driver *raw)
{
    return (uint8_t)get(raw, start_of(raw) + FIELD(status), 1);
}

static void add_status(struct raw_driver *raw, uint8_t bits)
{
    set(raw, start_of(raw) + FIELD(status), 1, status(raw) | bits);
}

static void reset(struct raw_driver *raw)
{
    notify(raw, launcher_page_descriptor_address(raw->dev));
}

static void notify_queue(struct raw_driver *raw, struct raw_queue *queue, uint32_t value)
{
    (void)value;
    notify(raw, queue->desc);
}

static struct raw_driver *new_device(const struct launcher_options *options)
{
    struct launcher_options complete = *options;
    struct raw_driver *raw;

    complete.front = LAUNCHER_PAGE;
    complete.queue_size = ENTRIES;
    complete.seed = 1;
    raw = raw_driver_new(&complete);
    raw->notify_with = notify_queue;
    return raw;
}

static struct raw_driver *new_disk(void)
{
    return new_device(&(struct launcher_options){.type = VIRTIO_ID_BLOCK, .sectors = 64});
}

/* Reset, ACKNOWLEDGE, DRIVER and these features. */
static void start(struct raw_driver *raw, uint32_t features)
{
    uint32_t offered = 0, bytes = get(raw, start_of(raw) + FIELD(feature_bytes), 1);

    reset(raw);
    assert_int_equal(status(raw), 0);
    add_status(raw, VIRTIO_STATUS_ACKNOWLEDGE);
    add_status(raw, VIRTIO_STATUS_DRIVER);
    for (unsigned i = 0; i < bytes; i++)
        offered |= get(raw, offered_at(raw) + i, 1) << 8 * i;
    assert_int_equal(features & ~offered, 0);
    for (unsigned i = 0; i < bytes; i++)
        set(raw, accepted_at(raw) + i, 1, features >> 8 * i & 0xff);
    raw->features = features;
}

static struct raw_queue *make_queue(struct raw_driver *raw, uint16_t index)
{
    uint16_t size = (uint16_t)get(raw, queue_at(raw, index) + QUEUE_FIELD(entries), 2);
    struct raw_queue *queue = raw_queue_new_legacy(raw, index, size, VIRTQ_LEGACY_ALIGN);

    set(raw, queue_at(raw, index) + QUEUE_FIELD(page), 4,
        (uint32_t)(queue->desc / VIRTQ_LEGACY_ALIGN));
    return queue;
}

static void live(struct raw_driver *raw)
{
    add_status(raw, VIRTIO_STATUS_DRIVER_OK);
}

/* A read of sector 0; where its data goes, and in the byte before that, its status. */
static uint64_t add_read(struct raw_queue *queue)
{
    struct raw_driver *raw = queue->raw;
    uint64_t header = raw_alloc(raw, sizeof(struct virtio_blk_req_header));
    uint64_t data = raw_alloc(raw, 16 + VIRTIO_BLK_SECTOR) + 16;

    raw_put32(raw, header, VIRTIO_BLK_T_IN);
    memset(raw_at(raw, data - 1), 0xee, 1 + VIRTIO_BLK_SECTOR);
    RAW_ADD(queue, {header, sizeof(struct virtio_blk_req_header), 0},
            {data, VIRTIO_BLK_SECTOR, RAW_WRITE}, {data - 1, 1, RAW_WRITE});
    return data;
}

static bool bytes_are(struct raw_driver *raw, uint64_t address, uint64_t length, uint8_t value)
{
    const uint8_t *bytes = raw_at(raw, address);

    for (uint64_t i = 0; i < length; i++)
        if (bytes[i] != value)
            return false;
    return true;
}

/* Whether the latest events tell it. */
static bool history_says(struct raw_driver *raw, const char *text)
{
    char *history = launcher_history_text(&raw->dev->history, 16);
    bool found = strstr(history, text) != NULL;

    free(history);
    return found;
}

/* ---- What stands there ---- */

static void descriptor_says_what_the_device_is(void **state)
{
    struct raw_driver *raw = new_disk();

    (void)state;
    assert_int_equal(start_of(raw), 0);
    assert_int_equal(get(raw, FIELD(type), 1), VIRTIO_ID_BLOCK);
    assert_int_equal(get(raw, FIELD(queues), 1), 1);
    assert_int_equal(get(raw, FIELD(feature_bytes), 1), 4);
    assert_int_equal(get(raw, FIELD(config_bytes), 1), raw->dev->config_length);
    assert_int_equal(status(raw), 0);
    assert_int_equal(get(raw, HEADER + QUEUE_FIELD(entries), 2), ENTRIES);
    assert_int_equal(get(raw, HEADER + QUEUE_FIELD(irq), 2), 1);
    assert_int_equal(get(raw, HEADER + QUEUE_FIELD(page), 4), 0);
    assert_int_equal(get(raw, offered_at(raw), 4), raw->dev->offered);
    assert_int_equal(get(raw, accepted_at(raw), 4), 0);
    assert_int_equal(get(raw, config_at(raw), 4), 64); /* sectors */
    assert_int_equal(get(raw, end_of(raw), 4), 0);
    assert_int_equal(launcher_region_size(raw->dev, LAUNCHER_PAGE_REGION), LAUNCHER_PAGE_BYTES);
    raw_driver_free(raw);
}

/* However it is cut: the page is memory. Up to the capacity, the first 8 bytes of the configuration. */
static void fields_can_be_read_in_any_pieces(void **state)
{
    struct raw_driver *raw = new_disk();
    uint8_t bytes[HEADER + QUEUE + 2 * 4 + 8];

    (void)state;
    for (unsigned i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)get(raw, i, 1);
    for (unsigned i = 0; i + 4 <= sizeof(bytes); i++) {
        uint32_t low = bytes[i] | (uint32_t)bytes[i + 1] << 8;
        uint32_t high = bytes[i + 2] | (uint32_t)bytes[i + 3] << 8;

        assert_int_equal(get(raw, i, 2), low);
        assert_int_equal(get(raw, i, 4), low | high << 16);
    }
    raw_driver_free(raw);
}

static void devices_stand_one_behind_the_other(void **state)
{
    static const uint32_t types[] = {VIRTIO_ID_BLOCK, VIRTIO_ID_CONSOLE, VIRTIO_ID_ENTROPY};
    struct launcher_page *page = launcher_page_new(0x7000000);
    struct raw_driver *raw[3];
    uint64_t at = 0;
    unsigned irq = 1;

    (void)state;
    for (unsigned i = 0; i < 3; i++)
        raw[i] =
            new_device(&(struct launcher_options){.type = types[i], .page = page, .sectors = 8});
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(launcher_page_descriptor_address(raw[i]->dev), 0x7000000 + at);
        for (unsigned j = 0; j < 3; j++) /* through whichever device it is looked at */
            assert_int_equal(get(raw[j], at + FIELD(type), 1), types[i]);
        for (unsigned j = 0; j < get(raw[i], at + FIELD(queues), 1); j++, irq++)
            assert_int_equal(get(raw[0], at + HEADER + j * QUEUE + QUEUE_FIELD(irq), 2), irq);
        at = end_of(raw[i]);
    }
    assert_int_equal(get(raw[0], at, 1), 0);
    for (unsigned i = 0; i < 3; i++)
        raw_driver_free(raw[i]);
    launcher_page_free(page);
}

/* Each has its own life. */
static void reset_is_of_one_device(void **state)
{
    struct launcher_page *page = launcher_page_new(0x7000000);
    struct launcher_options options = {.type = VIRTIO_ID_BLOCK, .page = page, .sectors = 8};
    struct raw_driver *first = new_device(&options), *second = new_device(&options);
    struct raw_queue *queue;

    (void)state;
    start(first, 0);
    start(second, 0);
    queue = make_queue(second, 0);
    live(second);
    reset(first);
    assert_int_equal(status(first), 0);
    assert_int_equal(status(second), 7);
    /* An address is what counts, not through whom it comes. */
    notify(first, launcher_page_descriptor_address(second->dev));
    assert_int_equal(status(second), 0);
    assert_int_equal(second->dev->queues[0].pfn, 0);
    assert_true(bytes_are(second, queue->desc, LEGACY_BYTES, 0));
    raw_driver_free(first);
    raw_driver_free(second);
    launcher_page_free(page);
}

/* The bytes that the host wrote are not the guest's to change, nor what lies behind the last descriptor or the page. */
static void only_status_features_pages_and_configuration_can_be_written(void **state)
{
    struct raw_driver *raw = new_disk();
    uint8_t before[256];

    (void)state;
    for (unsigned i = 0; i < sizeof(before); i++)
        before[i] = (uint8_t)get(raw, i, 1);
    for (unsigned i = 0; i < sizeof(before); i++) {
        bool page = i >= HEADER + QUEUE_FIELD(page) && i < HEADER + QUEUE;
        bool accepted = i >= accepted_at(raw) && i < config_at(raw);

        if (i != FIELD(status) && !page && !accepted)
            set(raw, i, 1, 0xff);
    }
    set(raw, LAUNCHER_PAGE_BYTES - 2, 4, 0xffffffff);
    set(raw, LAUNCHER_PAGE_BYTES, 4, 0xffffffff);
    launcher_write(raw->dev, 2, 0, 4, 0xffffffff);
    for (unsigned i = 0; i < sizeof(before); i++)
        assert_int_equal(get(raw, i, 1), before[i]);
    assert_int_equal(get(raw, LAUNCHER_PAGE_BYTES - 2, 4), 0);
    assert_int_equal(launcher_read(raw->dev, 2, 0, 4), 0);
    assert_int_equal(launcher_region_size(raw->dev, 2), 0);
    launcher_forget_violations(raw->dev); /* a driver does not write such things */
    raw_driver_free(raw);
}

/* DEV-SPLIT-02: the bus was as wide as its guest, and had its byte order. */
static void big_endian_guest_finds_numbers_in_its_order(void **state)
{
    struct raw_driver *raw = new_device(
        &(struct launcher_options){.type = VIRTIO_ID_BLOCK, .sectors = 64, .big_endian = true});

    (void)state;
    assert_int_equal(get(raw, HEADER + QUEUE_FIELD(entries), 1), ENTRIES >> 8);
    assert_int_equal(get(raw, HEADER + QUEUE_FIELD(irq) + 1, 1), 1);
    assert_int_equal(get(raw, config_at(raw) + 7, 1), 64); /* the last byte of the capacity */
    set(raw, HEADER + QUEUE_FIELD(page), 4, 0x02010000);
    assert_int_equal(raw->dev->queues[0].pfn, 0x102);
    set(raw, HEADER + QUEUE_FIELD(page), 4, 0);
    launcher_forget_violations(raw->dev); /* it was not reset before */
    raw_driver_free(raw);
}

/* ---- Features ---- */

/* No VERSION_1 here, and nothing else that needs more than 32 bits. */
static void features_are_those_of_legacy_drivers(void **state)
{
    struct raw_driver *raw = new_device(&(struct launcher_options){
        .type = VIRTIO_ID_BLOCK, .sectors = 8, .only_features = true, .features = UINT64_MAX});

    (void)state;
    assert_int_equal(get(raw, FIELD(feature_bytes), 1), 4);
    assert_int_equal(get(raw, offered_at(raw), 4), UINT32_MAX);
    raw_driver_free(raw);
}

static void feature_bytes_are_as_many_as_the_last_feature_needs(void **state)
{
    static const struct {
        uint64_t features;
        unsigned bytes;
    } cases[] = {{0, 0}, {1, 1}, {0x80, 1}, {0x100, 2}, {0x10000, 3}};

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct raw_driver *raw =
            new_device(&(struct launcher_options){.type = VIRTIO_ID_BLOCK,
                                                  .sectors = 8,
                                                  .only_features = true,
                                                  .features = cases[i].features});

        assert_int_equal(get(raw, FIELD(feature_bytes), 1), cases[i].bytes);
        assert_int_equal(config_at(raw), HEADER + QUEUE + 2 * cases[i].bytes);
        raw_driver_free(raw);
    }
}

/* Byte by byte; what was not offered is not accepted, and no offered bit is changed by it. */
static void acknowledged_features_stand_beside_the_offered_ones(void **state)
{
    struct raw_driver *raw = new_device(&(struct launcher_options){
        .type = VIRTIO_ID_BLOCK, .sectors = 8, .only_features = true, .features = 0x0246});

    (void)state;
    start(raw, 0x0204);
    assert_int_equal(get(raw, offered_at(raw), 2), 0x0246);
    assert_int_equal(get(raw, accepted_at(raw), 2), 0x0204);
    assert_int_equal(raw->dev->accepted, 0x0204);
    set(raw, accepted_at(raw), 1, 0x07);
    assert_int_equal(get(raw, accepted_at(raw), 2), 0x0206);
    raw_expect(raw, "DRV-FEAT-01");
    raw_driver_free(raw);
}

/* ---- Reset ---- */

/* DEV-RESET-01: status, acknowledged features, the rings and the device's own indices. */
static void notify_of_the_descriptor_resets_the_device(void **state)
{
    struct raw_driver *raw = new_disk();
    struct raw_queue *queue;
    struct raw_used used;

    (void)state;
    start(raw, 1u << VIRTIO_BLK_F_FLUSH);
    queue = make_queue(raw, 0);
    live(raw);
    for (unsigned i = 0; i < 5; i++) {
        (void)add_read(queue);
        (void)raw_kick(queue);
        assert_true(raw_used(queue, &used));
    }
    raw_put32(raw, queue->desc + LEGACY_BYTES - 4, 0x12345678);
    assert_int_equal(status(raw), 7);
    assert_int_equal(get(raw, accepted_at(raw), 4), 1u << VIRTIO_BLK_F_FLUSH);

    reset(raw);
    assert_int_equal(status(raw), 0);
    assert_int_equal(get(raw, accepted_at(raw), 4), 0);
    assert_int_equal(get(raw, queue_at(raw, 0) + QUEUE_FIELD(page), 4), 0);
    assert_int_equal(get(raw, queue_at(raw, 0) + QUEUE_FIELD(entries), 2), ENTRIES);
    assert_int_equal(get(raw, queue_at(raw, 0) + QUEUE_FIELD(irq), 2), 1);
    assert_true(bytes_are(raw, queue->desc, LEGACY_BYTES, 0));

    /* From the first ring entry again. */
    start(raw, 0);
    queue = make_queue(raw, 0);
    live(raw);
    (void)add_read(queue);
    (void)raw_kick(queue);
    assert_int_equal(raw_used_index(queue), 1);
    assert_true(raw_used(queue, &used));
    raw_driver_free(raw);
}

/* Only the rings: what lies before and behind them is the guest's. */
static void reset_zeroes_the_rings_and_nothing_else(void **state)
{
    static const uint16_t sizes[] = {1, 2, 8, 128, 256, 1024};

    (void)state;
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct raw_driver *raw = raw_driver_new(&(struct launcher_options){
            .type = VIRTIO_ID_BLOCK, .front = LAUNCHER_PAGE, .sectors = 8, .queue_size = sizes[i]});
        uint64_t used = (18ull * sizes[i] + 6 + 4095) / 4096 * 4096;
        uint64_t bytes = used + (8ull * sizes[i] + 6 + 4095) / 4096 * 4096;
        uint64_t around = raw_alloc_at(raw, 4096 + bytes + 4096, 4096);

        start(raw, 0);
        set(raw, queue_at(raw, 0) + QUEUE_FIELD(page), 4, (uint32_t)(around / 4096 + 1));
        assert_int_equal(raw->dev->queues[0].desc, around + 4096);
        assert_int_equal(raw->dev->queues[0].driver, around + 4096 + 16ull * sizes[i]);
        assert_int_equal(raw->dev->queues[0].device, around + 4096 + used);
        memset(raw_at(raw, around), 0x55, 4096 + bytes + 4096);
        reset(raw);
        assert_true(bytes_are(raw, around, 4096, 0x55));
        assert_true(bytes_are(raw, around + 4096, bytes, 0));
        assert_true(bytes_are(raw, around + 4096 + bytes, 4096, 0x55));
        raw_driver_free(raw);
    }
}

/* The zeroing is the last use that the device makes of them: a driver that has read 0 may have them for something else. */
static void rings_are_zeroed_before_status_reads_0(void **state)
{
    struct raw_driver *raw = new_disk();
    struct raw_queue *queue;

    (void)state;
    start(raw, 0);
    queue = make_queue(raw, 0);
    live(raw);
    (void)add_read(queue);
    (void)raw_kick(queue);
    launcher_fault_arm(raw->dev, LAUNCHER_FAULT_RESET_SLOW, 0, 1, 3);
    reset(raw);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_not_equal(status(raw), 0);
        assert_int_equal(raw_used_index(queue), 1);
    }
    assert_int_equal(status(raw), 0);
    assert_true(bytes_are(raw, queue->desc, LEGACY_BYTES, 0));
    /* And it is not done again. */
    raw_put32(raw, queue->desc, 0x12345678);
    assert_int_equal(status(raw), 0);
    reset(raw);
    assert_int_equal(raw_get32(raw, queue->desc), 0x12345678);
    raw_driver_free(raw);
}

static void reset_that_never_ends_leaves_the_rings_alone(void **state)
{
    struct raw_driver *raw = new_disk();
    struct raw_queue *queue;

    (void)state;
    start(raw, 0);
    queue = make_queue(raw, 0);
    live(raw);
    raw_put32(raw, queue->desc, 0x12345678);
    launcher_fault_arm(raw->dev, LAUNCHER_FAULT_RESET_NEVER, 0, 1, 0);
    reset(raw);
    for (unsigned i = 0; i < 1000; i++)
        assert_int_not_equal(status(raw), 0);
    assert_int_equal(raw_get32(raw, queue->desc), 0x12345678);
    raw_driver_free(raw);
}

/* DEV-RESET-02, DEV-RESET-03 */
static void buffers_in_flight_are_not_used_after_a_reset(void **state)
{
    struct raw_driver *raw = new_device(
        &(struct launcher_options){.type = VIRTIO_ID_BLOCK, .sectors = 64, .latency_ns = LATENCY});
    struct raw_queue *queue;
    uint64_t data;

    (void)state;
    start(raw, 0);
    queue = make_queue(raw, 0);
    live(raw);
    data = add_read(queue);
    (void)raw_kick(queue);
    assert_int_equal(raw->dev->queues[0].flight_count, 1);
    reset(raw);
    raw_run(raw, 1000 * LATENCY);
    assert_true(bytes_are(raw, data - 1, 1 + VIRTIO_BLK_SECTOR, 0xee));
    assert_true(bytes_are(raw, queue->desc, LEGACY_BYTES, 0));
    assert_int_equal(raw->interrupts, 0);
    raw_driver_free(raw);
}

/* A page number that leads nowhere is the driver's fault, and the end of nothing. */
static void rings_outside_memory_are_a_violation(void **state)
{
    struct raw_driver *raw = new_disk();

    (void)state;
    start(raw, 0);
    set(raw, queue_at(raw, 0) + QUEUE_FIELD(page), 4, 0xfffffff0);
    reset(raw);
    raw_expect(raw, "DRV-RFB-05");
    assert_int_equal(status(raw), 0);
    raw_driver_free(raw);
}

/* DRV-STATUS-02. Status is memory: 0 there forgets the driver's steps, and no more. */
static void storing_0_to_the_status_is_no_reset(void **state)
{
    struct raw_driver *raw = new_disk();
    struct raw_queue *queue;

    (void)state;
    start(raw, 1u << VIRTIO_BLK_F_FLUSH);
    set(raw, FIELD(status), 1, VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER);
    queue = make_queue(raw, 0);
    live(raw);
    assert_int_equal(raw->dev->resets, 1);
    set(raw, FIELD(status), 1, 0);
    raw_expect(raw, "DRV-STATUS-02");
    assert_int_equal(raw->dev->resets, 1);
    assert_int_equal(status(raw), 0);
    assert_int_equal(get(raw, accepted_at(raw), 4), 1u << VIRTIO_BLK_F_FLUSH);
    assert_int_not_equal(get(raw, queue_at(raw, 0) + QUEUE_FIELD(page), 4), 0);
    (void)add_read(queue);
    raw_publish(queue);
    notify(raw, queue->desc);
    assert_int_equal(raw->dev->early_outputs, 1);
    launcher_forget_violations(raw->dev);
    raw_driver_free(raw);
}

static void storing_0_while_the_status_is_0_is_nothing(void **state)
{
    struct raw_driver *raw = new_disk();

    (void)state;
    reset(raw);
    set(raw, FIELD(status), 1, 0);
    assert_int_equal(status(raw), 0);
    assert_int_equal(raw->dev->resets, 1);
    raw_driver_free(raw);
}

/* ---- Output ---- */

/* Without FEATURES_OK, and without VERSION_1. */
static void legacy_driver_is_served(void **state)
{
    struct raw_driver *raw = new_disk();
    struct raw_queue *queue;
    struct raw_used used;
    uint64_t data;

    (void)state;
    start(raw, 0);
    queue = make_queue(raw, 0);
    live(raw);
    data = add_read(queue);
    assert_true(raw_kick(queue));
    assert_true(raw_used(queue, &used));
    assert_int_equal(used.length, VIRTIO_BLK_SECTOR + 1);
    assert_true(bytes_are(raw, data - 1, 1 + VIRTIO_BLK_SECTOR, 0));
    assert_int_equal(raw->interrupts, 1);
    assert_int_equal(raw->last_vector, 1);
    raw_driver_free(raw);
}

/* DRV-INIT-14, DEV-STATUS-01, DEV-STATUS-02 */
static void output_at_status_0_is_early(void **state)
{
    struct raw_driver *raw = new_disk();
    struct raw_queue *queue;
    uint64_t data;

    (void)state;
    reset(raw);
    queue = make_queue(raw, 0);
    data = add_read(queue);
    launcher_forget_violations(raw->dev); /* it skips all steps */
    raw_publish(queue);
    notify(raw, queue->desc);
    assert_non_null(launcher_first_violation(raw->dev));
    assert_non_null(strstr(launcher_first_violation(raw->dev)->text, "early output"));
    raw_expect(raw, "DRV-INIT-14");
    assert_int_equal(raw->dev->early_outputs, 1);
    assert_true(history_says(raw, "early output"));
    raw_run(raw, LATENCY);
    assert_int_equal(raw_used_index(queue), 0);
    assert_true(bytes_are(raw, data - 1, 1 + VIRTIO_BLK_SECTOR, 0xee));
    assert_int_equal(raw->interrupts, 0);
    raw_driver_free(raw);
}

/* DEV-INIT-02: a driver that has said who it is may be one of those that never heard of DRIVER_OK. */
static void output_before_driver_ok_is_served(void **state)
{
    struct raw_driver *raw = new_disk();
    struct raw_queue *queue;
    struct raw_used used;

    (void)state;
    start(raw, 0);
    queue = make_queue(raw, 0);
    (void)add_read(queue);
    raw_publish(queue);
    notify(raw, queue->desc);
    assert_int_equal(raw->dev->early_outputs, 0);
    assert_true(raw_used(queue, &used));
    raw_expect(raw, "DRV-INIT-14");
    raw_driver_free(raw);
}

/* DEV-CON-02: the console's last resort works in any state. */
static void emergency_write_is_not_early_output(void **state)
{
    struct raw_driver *raw = new_device(&(struct launcher_options){.type = VIRTIO_ID_CONSOLE});
    size_t length;

    (void)state;
    reset(raw);
    assert_true((get(raw, offered_at(raw), 1) >> VIRTIO_CONSOLE_F_EMERG_WRITE & 1) != 0);
    for (const char *at = "help"; *at != '\0'; at++)
        set(raw, config_at(raw) + EMERGENCY, 4, (uint8_t)*at);
    assert_int_equal(status(raw), 0);
    assert_int_equal(raw->dev->early_outputs, 0);
    assert_false(history_says(raw, "early output"));
    assert_memory_equal(launcher_console_emergency(raw->dev, &length), "help", 4);
    assert_int_equal(length, 4);
    raw_driver_free(raw);
}

/* Any byte of the first page of the rings is the queue; no other page is. */
static void notify_names_a_queue_by_the_page_of_its_rings(void **state)
{
    struct raw_driver *raw = new_disk();
    struct raw_queue *queue;

    (void)state;
    start(raw, 0);
    queue = make_queue(raw, 0);
    live(raw);
    notify(raw, queue->desc + 4095);
    assert_int_equal(raw->dev->queues[0].notifications, 1);
    notify(raw, queue->desc - 1);
    notify(raw, queue->desc + 4096);
    notify(raw, 0);
    notify(raw, UINT64_MAX);
    assert_int_equal(raw->dev->queues[0].notifications, 1);
    assert_true(history_says(raw, "a notify of 0x0"));
    assert_int_equal(status(raw), 7);
    launcher_forget_violations(raw->dev);
    raw_driver_free(raw);
}

/* Two queues of one device. */
static void each_queue_is_notified_on_its_own(void **state)
{
    struct raw_driver *raw = new_device(&(struct launcher_options){.type = VIRTIO_ID_CONSOLE});
    struct raw_queue *receive, *transmit;
    struct raw_used used;
    uint64_t text = raw_alloc(raw, 16);

    (void)state;
    start(raw, 0);
    receive = make_queue(raw, 0);
    transmit = make_queue(raw, 1);
    live(raw);
    RAW_ADD(receive, {raw_alloc(raw, 64), 64, RAW_WRITE});
    assert_true(raw_kick(receive));
    assert_int_equal(raw->dev->queues[0].notifications, 1);
    assert_int_equal(raw->dev->queues[1].notifications, 0);
    RAW_ADD(transmit, {text, 16, 0});
    assert_true(raw_kick(transmit));
    assert_int_equal(raw->dev->queues[1].notifications, 1);
    assert_true(raw_used(transmit, &used));
    assert_int_equal(raw->last_vector, 2);
    /* The referee knows both, although nothing is ever selected. */
    assert_int_equal(raw->dev->referee.queue_count, 2);
    assert_true(raw->dev->referee.queues[0].enabled && raw->dev->referee.queues[1].enabled);
    raw_driver_free(raw);
}

/* A number that is written anew is another place, where the device starts over. */
static void page_number_can_be_written_again_and_taken_back(void **state)
{
    struct raw_driver *raw = new_disk();
    struct raw_queue *queue;
    struct raw_used used;

    (void)state;
    start(raw, 0);
    (void)make_queue(raw, 0);
    set(raw, queue_at(raw, 0) + QUEUE_FIELD(page), 4, 0);
    assert_false(raw->dev->queues[0].enabled);
    queue = make_queue(raw, 0);
    live(raw);
    (void)add_read(queue);
    (void)raw_kick(queue);
    assert_true(raw_used(queue, &used));
    raw_driver_free(raw);
}

/* ---- Options that make no sense ---- */

static int exit_code_of(void (*what)(void))
{
    pid_t child = fork();
    int result = 0;

    if (child == 0) {
        (void)dup2(STDOUT_FILENO, STDERR_FILENO);
        what();
        _exit(0);
    }
    assert_int_equal(waitpid(child, &result, 0), child);
    return WIFEXITED(result) ? WEXITSTATUS(result) : -1;
}

static void fill_a_page(void)
{
    struct launcher_page *page = launcher_page_new(0);

    for (unsigned i = 0; i < 1000; i++)
        (void)new_device(&(struct launcher_options){.type = VIRTIO_ID_ENTROPY, .page = page});
}

static void make_a_type_of_two_bytes(void)
{
    (void)new_device(&(struct launcher_options){.type = 256});
}

static void device_that_has_no_room_is_refused(void **state)
{
    (void)state;
    assert_int_equal(exit_code_of(fill_a_page), EXIT_FAILURE);
    assert_int_equal(exit_code_of(make_a_type_of_two_bytes), EXIT_FAILURE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(descriptor_says_what_the_device_is),
        cmocka_unit_test(fields_can_be_read_in_any_pieces),
        cmocka_unit_test(devices_stand_one_behind_the_other),
        cmocka_unit_test(reset_is_of_one_device),
        cmocka_unit_test(only_status_features_pages_and_configuration_can_be_written),
        cmocka_unit_test(big_endian_guest_finds_numbers_in_its_order),
        cmocka_unit_test(features_are_those_of_legacy_drivers),
        cmocka_unit_test(feature_bytes_are_as_many_as_the_last_feature_needs),
        cmocka_unit_test(acknowledged_features_stand_beside_the_offered_ones),
        cmocka_unit_test(notify_of_the_descriptor_resets_the_device),
        cmocka_unit_test(reset_zeroes_the_rings_and_nothing_else),
        cmocka_unit_test(rings_are_zeroed_before_status_reads_0),
        cmocka_unit_test(reset_that_never_ends_leaves_the_rings_alone),
        cmocka_unit_test(buffers_in_flight_are_not_used_after_a_reset),
        cmocka_unit_test(rings_outside_memory_are_a_violation),
        cmocka_unit_test(storing_0_to_the_status_is_no_reset),
        cmocka_unit_test(storing_0_while_the_status_is_0_is_nothing),
        cmocka_unit_test(legacy_driver_is_served),
        cmocka_unit_test(output_at_status_0_is_early),
        cmocka_unit_test(output_before_driver_ok_is_served),
        cmocka_unit_test(emergency_write_is_not_early_output),
        cmocka_unit_test(notify_names_a_queue_by_the_page_of_its_rings),
        cmocka_unit_test(each_queue_is_notified_on_its_own),
        cmocka_unit_test(page_number_can_be_written_again_and_taken_back),
        cmocka_unit_test(device_that_has_no_room_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
