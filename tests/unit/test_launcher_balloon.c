/* SPDX-License-Identifier: BSD-2-Clause */
/* The launcher's memory balloon (VIRTIO 1.4, 5.5), and the rules for drivers of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "launcher/balloon.h"
#include "launcher/model.h"
#include "tests/unit/support/raw_blk.h"

#define FEATURE(name)  (1ull << VIRTIO_BALLOON_F_##name)
#define MUST_TELL_HOST FEATURE(MUST_TELL_HOST)
#define STATS_VQ       FEATURE(STATS_VQ)
#define FREE_PAGE_HINT FEATURE(FREE_PAGE_HINT)
#define PAGE_POISON    FEATURE(PAGE_POISON)
#define PAGE_REPORTING FEATURE(PAGE_REPORTING)

enum {
    QUEUE = 8,
    STEP = 1000,
    PAGE = 4096,
    INFLATE = 0,
    DEFLATE = 1,
    STATISTICS = 2,
    HINTS = 3,
    REPORTS = 4,
    NUM_PAGES = offsetof(struct virtio_balloon_config, num_pages),
    ACTUAL = offsetof(struct virtio_balloon_config, actual),
    COMMAND = offsetof(struct virtio_balloon_config, free_page_hint_cmd_id),
    POISON = offsetof(struct virtio_balloon_config, poison_val),
};

struct balloon {
    struct raw_driver *raw;
    struct launcher_device *dev;
    uint64_t pages; /* 8 of them */
};

static void set_config(struct balloon *balloon, size_t offset, uint32_t value)
{
    const struct raw_window *config = &balloon->raw->config;

    launcher_write(balloon->dev, config->region, config->offset + offset, 4, value);
}

/* Read as the specification wants it: with the generation before and after it. */
static uint32_t get_config(struct balloon *balloon, size_t offset)
{
    uint32_t value;

    (void)raw_get(balloon->raw, RAW_COMMON(config_generation));
    value = raw_config(balloon->raw, offset, 4);
    (void)raw_get(balloon->raw, RAW_COMMON(config_generation));
    return value;
}

static struct balloon found(const struct launcher_options *options)
{
    struct launcher_options complete = *options;
    struct balloon balloon;

    complete.type = VIRTIO_ID_BALLOON;
    complete.queue_size = QUEUE;
    balloon.raw = raw_driver_new(&complete);
    balloon.dev = balloon.raw->dev;
    balloon.pages = raw_alloc_at(balloon.raw, 8ull * PAGE, PAGE);
    return balloon;
}

static void bring_up(struct balloon *balloon, uint64_t features)
{
    static const uint64_t of[] = {0, 0, STATS_VQ, FREE_PAGE_HINT, PAGE_REPORTING};

    assert_true(raw_start(balloon->raw, features));
    for (unsigned queue = 0; queue < 5; queue++)
        if ((features & of[queue]) == of[queue])
            (void)raw_queue(balloon->raw, (uint16_t)queue, QUEUE);
    if ((features & PAGE_POISON) != 0)
        set_config(balloon, POISON, 0x5a5a5a5a);
    raw_live(balloon->raw);
}

static struct balloon new_balloon(uint64_t features)
{
    struct balloon balloon = found(&(struct launcher_options){0});

    bring_up(&balloon, features);
    return balloon;
}

static uint32_t page(const struct balloon *balloon, unsigned index)
{
    return (uint32_t)(balloon->pages / PAGE) + index;
}

static uint8_t *contents(const struct balloon *balloon, unsigned index)
{
    return raw_at(balloon->raw, balloon->pages + (uint64_t)PAGE * index);
}

static void kick(struct balloon *balloon, unsigned queue)
{
    (void)raw_kick(balloon->raw->queues[queue]);
    raw_run(balloon->raw, STEP);
}

static bool came_back(struct balloon *balloon, unsigned queue)
{
    struct raw_used used;

    return raw_used(balloon->raw->queues[queue], &used);
}

/* Names `count` pages from the first on; whether that was acknowledged. */
static bool name_pages(struct balloon *balloon, unsigned queue, unsigned first, unsigned count)
{
    uint64_t at = raw_alloc(balloon->raw, 4ull * count);

    for (unsigned i = 0; i < count; i++)
        raw_put32(balloon->raw, at + 4ull * i, page(balloon, first + i));
    RAW_ADD(balloon->raw->queues[queue], {at, 4 * count, RAW_READ});
    kick(balloon, queue);
    return came_back(balloon, queue);
}

static void assert_no_violation(const struct balloon *balloon)
{
    if (launcher_first_violation(balloon->dev) != NULL)
        launcher_report(balloon->dev, stderr);
    assert_null(launcher_first_violation(balloon->dev));
}

/* ---- Pages ---- */

static void the_host_owns_what_was_inflated_until_it_is_deflated(void **state)
{
    struct balloon balloon = new_balloon(MUST_TELL_HOST);
    unsigned interrupts = balloon.raw->interrupts;

    (void)state;
    launcher_balloon_want(balloon.dev, 3);
    assert_int_equal(balloon.raw->interrupts, interrupts + 1);
    assert_int_equal(get_config(&balloon, NUM_PAGES), 3);
    assert_true(name_pages(&balloon, INFLATE, 0, 2));
    assert_true(name_pages(&balloon, INFLATE, 4, 1));
    set_config(&balloon, ACTUAL, 3);
    assert_int_equal(launcher_balloon_actual(balloon.dev), 3);
    assert_int_equal(launcher_balloon_held(balloon.dev), 3);
    assert_true(launcher_balloon_holds(balloon.dev, page(&balloon, 1)));
    assert_false(launcher_balloon_holds(balloon.dev, page(&balloon, 2)));
    assert_true(launcher_balloon_holds(balloon.dev, page(&balloon, 4)));
    assert_true(name_pages(&balloon, DEFLATE, 0, 2));
    set_config(&balloon, ACTUAL, 1);
    memset(contents(&balloon, 0), 1, 2 * PAGE);
    assert_int_equal(launcher_balloon_held(balloon.dev), 1);
    assert_false(launcher_balloon_holds(balloon.dev, page(&balloon, 1)));
    assert_true(raw_reset(balloon.raw));
    assert_int_equal(launcher_balloon_held(balloon.dev), 0);
    assert_no_violation(&balloon);
    raw_driver_free(balloon.raw);
}

/* Many pages: the set grows, and finds each again. */
static void many_pages_are_remembered(void **state)
{
    struct balloon balloon = found(&(struct launcher_options){0});
    const unsigned count = 2000;
    uint64_t first, numbers;

    (void)state;
    first = raw_alloc_at(balloon.raw, (uint64_t)count * PAGE, PAGE);
    numbers = raw_alloc(balloon.raw, 4ull * count);
    bring_up(&balloon, MUST_TELL_HOST);
    for (unsigned i = 0; i < count; i++)
        raw_put32(balloon.raw, numbers + 4ull * i, (uint32_t)(first / PAGE) + i * 7 % count);
    RAW_ADD(balloon.raw->queues[INFLATE], {numbers, 4 * count, RAW_READ});
    kick(&balloon, INFLATE);
    assert_int_equal(launcher_balloon_held(balloon.dev), count);
    for (unsigned half = 0; half < 2; half++) {
        RAW_ADD(balloon.raw->queues[DEFLATE], {numbers + 2ull * count * half, 2 * count, RAW_READ});
        kick(&balloon, DEFLATE);
        assert_int_equal(launcher_balloon_held(balloon.dev), count / 2 * (1 - half));
        for (unsigned i = 0; i < count; i++) {
            uint32_t number = raw_get32(balloon.raw, numbers + 4ull * i);

            assert_int_equal(launcher_balloon_holds(balloon.dev, number),
                             half == 0 && i >= count / 2);
        }
    }
    set_config(&balloon, ACTUAL, 0);
    raw_driver_free(balloon.raw);
}

static void pages_may_lose_their_contents(void **state)
{
    struct balloon balloon = new_balloon(MUST_TELL_HOST | PAGE_REPORTING);

    (void)state;
    launcher_balloon_spoil(balloon.dev, true);
    assert_true(name_pages(&balloon, INFLATE, 0, 1));
    assert_int_equal(contents(&balloon, 0)[5], 0xdd);
    assert_int_equal(contents(&balloon, 1)[5], 0);
    assert_true(
        name_pages(&balloon, DEFLATE, 0, 1)); /* its own writing is no fault of the driver */
    RAW_ADD(balloon.raw->queues[REPORTS], {balloon.pages + PAGE, PAGE, RAW_WRITE});
    kick(&balloon, REPORTS);
    assert_int_equal(contents(&balloon, 1)[PAGE - 1], 0xdd);
    assert_int_equal(launcher_balloon_reported(balloon.dev), PAGE);
    assert_no_violation(&balloon);
    raw_driver_free(balloon.raw);
}

/* DRV-BAL-10, DRV-BAL-11, DRV-BAL-13, DRV-BAL-14: pages that are used while they are the host's, or asked back too soon. */
static void use_of_the_hosts_pages_is_judged(void **state)
{
    struct balloon balloon = new_balloon(MUST_TELL_HOST);

    (void)state;
    assert_true(name_pages(&balloon, INFLATE, 0, 2));
    set_config(&balloon, ACTUAL, 2);
    contents(&balloon, 0)[100] = 1;
    assert_true(name_pages(&balloon, DEFLATE, 0, 1));
    raw_expect(balloon.raw, "DRV-BAL-11");
    set_config(&balloon, ACTUAL, 1);
    contents(&balloon, 1)[100] = 1;
    assert_true(raw_reset(balloon.raw));
    raw_expect(balloon.raw, "DRV-BAL-10");

    bring_up(&balloon, 0); /* it need not tell before, but after */
    raw_expect(balloon.raw, "DRV-BAL-01");
    assert_true(name_pages(&balloon, INFLATE, 0, 1));
    contents(&balloon, 0)[0]++;
    assert_true(name_pages(&balloon, DEFLATE, 0, 1));
    set_config(&balloon, ACTUAL, 0);
    assert_no_violation(&balloon);

    launcher_balloon_wait(balloon.dev, true);
    assert_false(name_pages(&balloon, INFLATE, 3, 2));
    contents(&balloon, 4)[0]++;
    assert_true(name_pages(&balloon, DEFLATE, 3, 1));
    raw_expect(balloon.raw, "DRV-BAL-14");
    launcher_balloon_wait(balloon.dev, false);
    raw_run(balloon.raw, STEP);
    assert_true(came_back(&balloon, INFLATE));
    raw_expect(balloon.raw, "DRV-BAL-13");
    set_config(&balloon, ACTUAL, 2);
    raw_driver_free(balloon.raw);
}

/* DRV-BAL-15, IMP-BAL-05: actual follows, and does not run ahead. */
static void actual_is_judged(void **state)
{
    struct balloon balloon = new_balloon(MUST_TELL_HOST);

    (void)state;
    launcher_balloon_wait(balloon.dev, true);
    assert_false(name_pages(&balloon, INFLATE, 0, 2));
    set_config(&balloon, ACTUAL, 2);
    raw_expect(balloon.raw, "IMP-BAL-05");
    launcher_balloon_wait(balloon.dev, false);
    raw_run(balloon.raw, STEP);
    assert_true(came_back(&balloon, INFLATE));
    /* One write for several changes will do, and it may be a little behind. */
    assert_true(name_pages(&balloon, INFLATE, 4, 2));
    set_config(&balloon, ACTUAL, 2);
    set_config(&balloon, ACTUAL, 4);
    assert_no_violation(&balloon);
    assert_true(name_pages(&balloon, DEFLATE, 4, 2));
    assert_true(raw_reset(balloon.raw));
    raw_expect(balloon.raw, "DRV-BAL-15");
    raw_driver_free(balloon.raw);
}

/* A driver that gives up on a device that misbehaves owes nothing. */
static void a_life_with_faults_is_not_judged_at_its_end(void **state)
{
    struct balloon balloon = new_balloon(MUST_TELL_HOST);

    (void)state;
    launcher_fault_arm(balloon.dev, LAUNCHER_FAULT_LENGTH_LONG, 0, 1, 5);
    (void)name_pages(&balloon, INFLATE, 0, 2);
    assert_true(raw_reset(balloon.raw));
    raw_driver_free(balloon.raw);
}

/* IMP-BAL-04: units of 4096 bytes, 4 bytes each. */
static void page_numbers_are_judged(void **state)
{
    struct balloon balloon = new_balloon(MUST_TELL_HOST);
    uint64_t at = raw_alloc(balloon.raw, 16);

    (void)state;
    raw_put32(balloon.raw, at, (uint32_t)balloon.pages); /* an address, not divided */
    RAW_ADD(balloon.raw->queues[INFLATE], {at, 4, RAW_READ});
    kick(&balloon, INFLATE);
    raw_expect(balloon.raw, "IMP-BAL-04");
    assert_int_equal(launcher_balloon_held(balloon.dev), 0);
    raw_put32(balloon.raw, at, page(&balloon, 0));
    RAW_ADD(balloon.raw->queues[INFLATE], {at, 7, RAW_READ});
    kick(&balloon, INFLATE);
    raw_expect(balloon.raw, "IMP-BAL-04");
    set_config(&balloon, ACTUAL, 1);
    raw_driver_free(balloon.raw);
}

/* ---- Queues, configuration ---- */

/* IMP-BAL-01: each queue has its number, and is there with its feature only; or numbers have no gaps. */
static void queues_are_judged(void **state)
{
    struct balloon balloon = found(&(struct launcher_options){0});

    (void)state;
    for (unsigned without_gaps = 0; without_gaps < 2; without_gaps++) {
        launcher_balloon_number_without_gaps(balloon.dev, without_gaps != 0);
        assert_true(raw_start(balloon.raw, MUST_TELL_HOST | PAGE_REPORTING));
        (void)raw_queue(balloon.raw, 0, QUEUE);
        (void)raw_queue(balloon.raw, 1, QUEUE);
        (void)raw_queue(balloon.raw, 2, QUEUE);
        raw_live(balloon.raw);
        if (without_gaps == 0) {
            raw_expect(balloon.raw, "IMP-BAL-01");
            continue;
        }
        RAW_ADD(balloon.raw->queues[2], {balloon.pages, PAGE, RAW_WRITE});
        kick(&balloon, 2);
        assert_int_equal(launcher_balloon_reported(balloon.dev), PAGE);
    }
    raw_driver_free(balloon.raw);
}

/* IMP-BAL-02, DRV-BAL-40, DRV-BAL-41: fields that the driver may not write, or not then. */
static void writes_of_the_configuration_are_judged(void **state)
{
    struct balloon balloon = new_balloon(MUST_TELL_HOST | FREE_PAGE_HINT | PAGE_POISON);

    (void)state;
    set_config(&balloon, COMMAND, 3);
    raw_expect_among(balloon.raw, "IMP-BAL-02");
    assert_int_equal(get_config(&balloon, COMMAND), 0);
    set_config(&balloon, POISON, 0x5a5a5a5a);
    assert_null(launcher_first_violation(balloon.dev));
    set_config(&balloon, POISON, 1);
    raw_expect(balloon.raw, "DRV-BAL-41");
    assert_true(raw_start(balloon.raw, MUST_TELL_HOST | PAGE_POISON));
    (void)raw_queue(balloon.raw, INFLATE, QUEUE);
    raw_live(balloon.raw);
    raw_expect(balloon.raw, "DRV-BAL-40");
    raw_driver_free(balloon.raw);
}

/* ---- Statistics ---- */

static void put_statistic(struct balloon *balloon, uint64_t at, uint16_t tag, uint64_t value)
{
    raw_put16(balloon->raw, at, tag);
    raw_put64(balloon->raw, at + 2, value);
}

static void give_statistics(struct balloon *balloon, uint64_t at, uint32_t length)
{
    RAW_ADD(balloon->raw->queues[STATISTICS], {at, length, RAW_READ});
    kick(balloon, STATISTICS);
}

static void statistics_come_when_they_are_asked_for(void **state)
{
    struct balloon balloon = new_balloon(MUST_TELL_HOST | STATS_VQ);
    uint64_t at = raw_alloc(balloon.raw, 64), value;

    (void)state;
    assert_false(launcher_balloon_ask_statistics(balloon.dev));
    give_statistics(&balloon, at, 20); /* the first one need not hold any */
    assert_false(came_back(&balloon, STATISTICS));
    for (unsigned round = 1; round < 3; round++) {
        assert_true(launcher_balloon_ask_statistics(balloon.dev));
        raw_run(balloon.raw, STEP);
        assert_true(came_back(&balloon, STATISTICS));
        assert_false(launcher_balloon_ask_statistics(balloon.dev));
        put_statistic(&balloon, at, 4, 1000 * round);
        put_statistic(&balloon, at + 10, 5, 77);
        put_statistic(&balloon, at + 20, 1234, 5); /* a tag that is not known yet */
        give_statistics(&balloon, at, 30);
        assert_true(launcher_balloon_statistic(balloon.dev, 4, &value));
        assert_int_equal(value, 1000 * round);
        assert_false(launcher_balloon_statistic(balloon.dev, 6, &value));
    }
    assert_no_violation(&balloon);
    raw_driver_free(balloon.raw);
}

/* DRV-BAL-19, DRV-BAL-20, DRV-BAL-21, DRV-BAL-22, DRV-BAL-23, DRV-BAL-26, IMP-BAL-06: buffers of statistics. */
static void statistics_are_judged(void **state)
{
    struct balloon balloon = new_balloon(MUST_TELL_HOST | STATS_VQ);
    uint64_t at = raw_alloc(balloon.raw, 64);

    (void)state;
    put_statistic(&balloon, at, 1, 1);
    put_statistic(&balloon, at + 10, 2, 1);
    give_statistics(&balloon, at, 10);
    give_statistics(&balloon, at, 10);
    raw_expect(balloon.raw, "DRV-BAL-19");
    for (unsigned i = 0; i < 2; i++) {
        assert_true(launcher_balloon_ask_statistics(balloon.dev));
        raw_run(balloon.raw, STEP);
        assert_true(came_back(&balloon, STATISTICS));
    }
    give_statistics(&balloon, at, 20);
    raw_expect(balloon.raw, "DRV-BAL-26");
    assert_true(launcher_balloon_ask_statistics(balloon.dev));
    raw_run(balloon.raw, STEP);
    assert_true(came_back(&balloon, STATISTICS));
    give_statistics(&balloon, at, 26);
    raw_expect_among(balloon.raw, "DRV-BAL-23");
    assert_true(launcher_balloon_ask_statistics(balloon.dev));
    raw_run(balloon.raw, STEP);
    put_statistic(&balloon, at + 10, 1, 1); /* twice */
    give_statistics(&balloon, at, 26);
    raw_expect_among(balloon.raw, "IMP-BAL-06");
    assert_true(launcher_balloon_ask_statistics(balloon.dev));
    raw_run(balloon.raw, STEP);
    give_statistics(&balloon, at, 20);
    raw_expect_among(balloon.raw, "DRV-BAL-22");
    assert_true(launcher_balloon_ask_statistics(balloon.dev));
    raw_run(balloon.raw, STEP);
    RAW_ADD(balloon.raw->queues[STATISTICS], {at, 20, RAW_WRITE});
    kick(&balloon, STATISTICS);
    raw_expect_among(balloon.raw, "DRV-BAL-21");
    raw_driver_free(balloon.raw);

    balloon = new_balloon(MUST_TELL_HOST | STATS_VQ);
    at = raw_alloc(balloon.raw, 64);
    RAW_ADD(balloon.raw->queues[STATISTICS], {at, 20, RAW_WRITE});
    kick(&balloon, STATISTICS);
    raw_expect_among(balloon.raw, "DRV-BAL-20");
    raw_driver_free(balloon.raw);
}

/* DRV-BAL-20, DRV-BAL-21, IMP-BAL-03: buffers that do not come, or too soon. */
static void missing_statistics_are_judged(void **state)
{
    struct balloon balloon = new_balloon(MUST_TELL_HOST | STATS_VQ);
    uint64_t at = raw_alloc(balloon.raw, 64);

    (void)state;
    assert_true(name_pages(&balloon, INFLATE, 0, 1));
    set_config(&balloon, ACTUAL, 1);
    assert_true(raw_reset(balloon.raw));
    raw_expect(balloon.raw, "DRV-BAL-20");
    bring_up(&balloon, MUST_TELL_HOST | STATS_VQ);
    give_statistics(&balloon, at, 10);
    assert_true(launcher_balloon_ask_statistics(balloon.dev));
    raw_run(balloon.raw, STEP);
    assert_true(name_pages(&balloon, INFLATE, 0, 1));
    set_config(&balloon, ACTUAL, 1);
    assert_true(raw_reset(balloon.raw));
    raw_expect(balloon.raw, "DRV-BAL-21");
    assert_true(raw_start(balloon.raw, MUST_TELL_HOST | STATS_VQ));
    (void)raw_queue(balloon.raw, STATISTICS, QUEUE);
    raw_notify(balloon.raw->queues[STATISTICS]);
    raw_live(balloon.raw);
    raw_expect_among(balloon.raw, "IMP-BAL-03");
    raw_driver_free(balloon.raw);
}

/* ---- Hints ---- */

static void command(struct balloon *balloon, uint32_t id, uint32_t length)
{
    uint64_t at = raw_alloc(balloon->raw, 8);

    raw_put32(balloon->raw, at, id);
    RAW_ADD(balloon->raw->queues[HINTS], {at, length, RAW_READ});
    kick(balloon, HINTS);
    assert_true(came_back(balloon, HINTS));
}

static void hint(struct balloon *balloon, unsigned index)
{
    RAW_ADD(balloon->raw->queues[HINTS],
            {balloon->pages + (uint64_t)PAGE * index, PAGE, RAW_WRITE});
    kick(balloon, HINTS);
    assert_true(came_back(balloon, HINTS));
}

static void pages_are_hinted_in_rounds(void **state)
{
    struct balloon balloon = new_balloon(MUST_TELL_HOST | FREE_PAGE_HINT);

    (void)state;
    for (uint32_t round = 2; round < 4; round++) {
        launcher_balloon_command(balloon.dev, round);
        assert_int_equal(get_config(&balloon, COMMAND), round);
        command(&balloon, round, 4);
        hint(&balloon, 0);
        hint(&balloon, 1);
        assert_int_equal(launcher_balloon_hinted(balloon.dev), 2 * PAGE);
        assert_false(launcher_balloon_round_closed(balloon.dev));
        command(&balloon, VIRTIO_BALLOON_CMD_ID_STOP, 4);
        assert_true(launcher_balloon_round_closed(balloon.dev));
    }
    /* Hints that are on their way when the device has had enough are ignored, and no fault. */
    launcher_balloon_command(balloon.dev, 4);
    command(&balloon, 4, 4);
    launcher_balloon_command(balloon.dev, VIRTIO_BALLOON_CMD_ID_DONE);
    hint(&balloon, 2);
    assert_int_equal(launcher_balloon_hinted(balloon.dev), 0);
    assert_no_violation(&balloon);
    raw_driver_free(balloon.raw);
}

/* DRV-BAL-28, DRV-BAL-29, DRV-BAL-30, DRV-BAL-31, DRV-BAL-32: commands and hints. */
static void hints_are_judged(void **state)
{
    struct balloon balloon = new_balloon(MUST_TELL_HOST | FREE_PAGE_HINT);

    (void)state;
    launcher_balloon_command(balloon.dev, 2);
    hint(&balloon, 0);
    raw_expect(balloon.raw, "DRV-BAL-29");
    command(&balloon, 9, 4);
    raw_expect(balloon.raw, "DRV-BAL-29");
    command(&balloon, 2, 8);
    raw_expect(balloon.raw, "DRV-BAL-28");
    command(&balloon, 2, 4);
    raw_expect(balloon.raw, "DRV-BAL-30");
    RAW_ADD(balloon.raw->queues[HINTS], {balloon.pages, PAGE, RAW_READ},
            {balloon.pages + 2 * PAGE, PAGE, RAW_WRITE});
    kick(&balloon, HINTS);
    raw_expect(balloon.raw, "DRV-BAL-31");
    launcher_balloon_command(balloon.dev, VIRTIO_BALLOON_CMD_ID_STOP);
    (void)get_config(&balloon, COMMAND);
    assert_true(came_back(&balloon, HINTS));
    hint(&balloon, 1);
    raw_expect_among(balloon.raw, "DRV-BAL-32");
    raw_driver_free(balloon.raw);
}

/* ---- Reports ---- */

/* DRV-BAL-43, DRV-BAL-44: pages that are reported. */
static void reports_are_judged(void **state)
{
    struct balloon balloon = new_balloon(MUST_TELL_HOST | PAGE_POISON | PAGE_REPORTING);
    struct raw_queue *queue = balloon.raw->queues[REPORTS];

    (void)state;
    memset(contents(&balloon, 0), 0x5a, 2 * PAGE);
    RAW_ADD(queue, {balloon.pages, 2 * PAGE, RAW_WRITE});
    kick(&balloon, REPORTS);
    assert_true(came_back(&balloon, REPORTS));
    assert_no_violation(&balloon);
    contents(&balloon, 1)[PAGE - 1] = 0;
    launcher_balloon_wait(balloon.dev, true);
    RAW_ADD(queue, {balloon.pages, 2 * PAGE, RAW_WRITE});
    kick(&balloon, REPORTS);
    raw_expect(balloon.raw, "DRV-BAL-43");
    assert_false(came_back(&balloon, REPORTS));
    contents(&balloon, 1)[7]++;
    launcher_balloon_wait(balloon.dev, false);
    raw_run(balloon.raw, STEP);
    assert_true(came_back(&balloon, REPORTS));
    raw_expect(balloon.raw, "DRV-BAL-44");
    raw_driver_free(balloon.raw);
}

/* ---- The legacy interface ---- */

/* DRV-BAL-04, DRV-BAL-18: actual is little-endian, and written at once. */
static void legacy_actual_is_judged(void **state)
{
    struct balloon balloon =
        found(&(struct launcher_options){.front = LAUNCHER_PCI_LEGACY, .big_endian = true});
    const uint64_t config = VIRTIO_PCI_LEGACY_CONFIG;
    uint64_t at = raw_alloc(balloon.raw, 4);
    uint32_t written;

    (void)state;
    launcher_balloon_want(balloon.dev, 5);
    assert_int_equal(launcher_read(balloon.dev, 0, config + NUM_PAGES, 4), 5);
    raw_put32(balloon.raw, at, __builtin_bswap32(page(&balloon, 0))); /* the guest's order */
    assert_true(RAW_SERVE(balloon.raw, INFLATE, &written, {at, 4, RAW_READ}));
    assert_true(launcher_balloon_holds(balloon.dev, page(&balloon, 0)));
    launcher_forget_violations(balloon.dev); /* of the order of the life */
    launcher_write(balloon.dev, 0, config + ACTUAL, 4, 1 << 24);
    raw_expect_among(balloon.raw, "DRV-BAL-04");
    for (unsigned i = 0; i < 4; i++)
        launcher_write(balloon.dev, 0, config + ACTUAL + i, 1, i == 0);
    raw_expect_among(balloon.raw, "DRV-BAL-18");
    assert_int_equal(launcher_balloon_actual(balloon.dev), 1);
    raw_driver_free(balloon.raw);
}

/* DRV-BAL-27, DRV-BAL-38: statistics and commands have the guest's byte order. */
static void legacy_byte_order_is_judged(void **state)
{
    struct balloon balloon =
        found(&(struct launcher_options){.front = LAUNCHER_PCI_LEGACY, .big_endian = true});
    struct raw_driver *raw = balloon.raw;
    uint64_t at = raw_alloc(raw, 16), value;
    uint32_t written;

    (void)state;
    balloon.dev->accepted = STATS_VQ | FREE_PAGE_HINT;
    (void)RAW_SERVE(raw, STATISTICS, &written, {at, 10, RAW_READ}); /* the first */
    put_statistic(&balloon, at, 3 << 8, __builtin_bswap64(99));
    (void)RAW_SERVE(raw, STATISTICS, &written, {at, 10, RAW_READ});
    assert_true(launcher_balloon_statistic(balloon.dev, 3, &value));
    assert_int_equal(value, 99);
    assert_null(launcher_first_violation(balloon.dev));
    put_statistic(&balloon, at, 3, 99);
    (void)RAW_SERVE(raw, STATISTICS, &written, {at, 10, RAW_READ});
    raw_expect_among(raw, "DRV-BAL-27");

    launcher_balloon_command(balloon.dev, 2);
    raw_put32(raw, at, 2 << 24);
    assert_true(RAW_SERVE(raw, HINTS, &written, {at, 4, RAW_READ}));
    assert_null(launcher_first_violation(balloon.dev));
    launcher_balloon_command(balloon.dev, 3);
    raw_put32(raw, at, 3);
    assert_true(RAW_SERVE(raw, HINTS, &written, {at, 4, RAW_READ}));
    raw_expect_among(raw, "DRV-BAL-38");
    raw_driver_free(raw);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_host_owns_what_was_inflated_until_it_is_deflated),
        cmocka_unit_test(many_pages_are_remembered),
        cmocka_unit_test(pages_may_lose_their_contents),
        cmocka_unit_test(use_of_the_hosts_pages_is_judged),
        cmocka_unit_test(actual_is_judged),
        cmocka_unit_test(a_life_with_faults_is_not_judged_at_its_end),
        cmocka_unit_test(page_numbers_are_judged),
        cmocka_unit_test(queues_are_judged),
        cmocka_unit_test(writes_of_the_configuration_are_judged),
        cmocka_unit_test(statistics_come_when_they_are_asked_for),
        cmocka_unit_test(statistics_are_judged),
        cmocka_unit_test(missing_statistics_are_judged),
        cmocka_unit_test(pages_are_hinted_in_rounds),
        cmocka_unit_test(hints_are_judged),
        cmocka_unit_test(reports_are_judged),
        cmocka_unit_test(legacy_actual_is_judged),
        cmocka_unit_test(legacy_byte_order_is_judged),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
