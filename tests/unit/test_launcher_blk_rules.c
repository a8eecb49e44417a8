/* SPDX-License-Identifier: BSD-2-Clause */
/* The referee's rules for drivers of block devices (VIRTIO 1.4, 5.2): each is tripped by a driver that breaks it alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "launcher/model.h"
#include "tests/unit/support/raw_blk.h"

#define BIT(feature) (1ull << (feature))

enum {
    SECTORS = 2048,
    IN = VIRTIO_BLK_T_IN,
    OUT = VIRTIO_BLK_T_OUT,
    FLUSH = VIRTIO_BLK_T_FLUSH,
    DISCARD = VIRTIO_BLK_T_DISCARD,
    WRITE_ZEROES = VIRTIO_BLK_T_WRITE_ZEROES,
    SECURE_ERASE = VIRTIO_BLK_T_SECURE_ERASE,
    CONFIG = VIRTIO_PCI_LEGACY_CONFIG,
};

static const uint64_t all_ranges =
    BIT(VIRTIO_BLK_F_DISCARD) | BIT(VIRTIO_BLK_F_WRITE_ZEROES) | BIT(VIRTIO_BLK_F_SECURE_ERASE);

static struct raw_blk new_disk(uint64_t features)
{
    return raw_blk_new(&(struct launcher_options){.sectors = SECTORS,
                                                  .personality = launcher_personality("strict")},
                       features);
}

static void ask_range(struct raw_blk *disk, uint32_t type, uint64_t sector, uint32_t sectors,
                      uint32_t flags)
{
    (void)raw_blk_ranges(disk, type, &(struct launcher_blk_part){sector, sectors, flags}, 1);
}

/* No rule, not even a SHOULD, has anything against it. */
static void a_legal_driver_is_left_alone(void **state)
{
    struct raw_blk disk = new_disk(all_ranges | BIT(VIRTIO_BLK_F_FLUSH) |
                                   BIT(VIRTIO_BLK_F_SIZE_MAX) | BIT(VIRTIO_BLK_F_SEG_MAX));
    const uint32_t most[] = {65536 - 1024, 512, 512};

    (void)state;
    (void)raw_blk_pieces(&disk, OUT, 0, most, 3, false);
    (void)raw_blk_pieces(&disk, IN, SECTORS - 128, most, 3, true);
    (void)raw_blk_ask(&disk, IN, SECTORS, 0); /* nothing, at the very end */
    (void)raw_blk_ask(&disk, FLUSH, 0, 0);
    (void)raw_blk_ask(&disk, VIRTIO_BLK_T_GET_ID, 0, 20);
    ask_range(&disk, DISCARD, 0, SECTORS, 0);
    ask_range(&disk, WRITE_ZEROES, SECTORS - 1, 1, 1);
    ask_range(&disk, WRITE_ZEROES, 0, 8, 0);
    ask_range(&disk, SECURE_ERASE, 0, 1, 0);
    /* What shrinks under the driver's feet is not its fault, until it has looked. */
    launcher_blk_resize(disk.dev, 100);
    (void)raw_blk_ask(&disk, IN, SECTORS - 1, 512);
    if (launcher_first_violation(disk.dev) != NULL)
        launcher_report(disk.dev, stderr);
    assert_null(launcher_first_violation(disk.dev));
    (void)raw_config(disk.raw, 0, 4);
    (void)raw_blk_ask(&disk, IN, SECTORS - 1, 512);
    raw_expect_among(disk.raw, "DRV-BLK-15");
    raw_blk_free(&disk);
}

/* DRV-BLK-15, DRV-BLK-17, DRV-BLK-18, DRV-BLK-19, DRV-BLK-21, IMP-BLK-11: sectors and lengths. */
static void sectors_and_lengths_are_judged(void **state)
{
    struct raw_blk disk = new_disk(all_ranges | BIT(VIRTIO_BLK_F_FLUSH));

    (void)state;
    (void)raw_blk_ask(&disk, IN, SECTORS - 1, 1024);
    raw_expect_among(disk.raw, "DRV-BLK-15");
    ask_range(&disk, DISCARD, SECTORS, 1, 0);
    raw_expect_among(disk.raw, "DRV-BLK-15");
    (void)raw_blk_ask(&disk, FLUSH, 1, 0);
    raw_expect_among(disk.raw, "DRV-BLK-17");
    (void)raw_blk_ask(&disk, FLUSH, 0, 512);
    raw_expect_among(disk.raw, "DRV-BLK-18");
    (void)raw_blk_ask(&disk, OUT, 0, 100);
    raw_expect_among(disk.raw, "DRV-BLK-19");
    (void)raw_blk_ask(&disk, VIRTIO_BLK_T_GET_ID, 0, 21);
    raw_expect_among(disk.raw, "DRV-BLK-21");
    (void)raw_blk_ask(&disk, VIRTIO_BLK_T_GET_ID, 1, 20);
    raw_expect_among(disk.raw, "IMP-BLK-11");
    raw_put64(disk.raw, disk.buffer, 0);
    raw_put64(disk.raw, disk.buffer + 8, 1);
    (void)raw_blk_ask(&disk, DISCARD, 3, 16);
    raw_expect_among(disk.raw, "IMP-BLK-11");
    raw_blk_free(&disk);
}

/* DRV-BLK-20, DRV-BLK-22, DRV-BLK-23, DRV-BLK-24, DRV-BLK-27, IMP-BLK-14: ranges. */
static void ranges_are_judged(void **state)
{
    static const struct {
        uint32_t type;
        const char *id;
    } cases[] = {
        {DISCARD, "DRV-BLK-22"}, {SECURE_ERASE, "DRV-BLK-23"}, {WRITE_ZEROES, "DRV-BLK-24"}};
    struct raw_blk disk = new_disk(all_ranges);
    struct launcher_blk_part parts[17];

    (void)state;
    for (unsigned i = 0; i < 17; i++)
        parts[i] = (struct launcher_blk_part){i, 1, 0};
    for (unsigned i = 0; i < 3; i++) {
        (void)raw_blk_ranges(&disk, cases[i].type, parts, 16);
        assert_null(launcher_first_violation(disk.dev));
        (void)raw_blk_ranges(&disk, cases[i].type, parts, 17);
        raw_expect(disk.raw, cases[i].id);
        (void)raw_blk_ask(&disk, cases[i].type, 0, 17);
        raw_expect(disk.raw, "DRV-BLK-20");
        ask_range(&disk, cases[i].type, 0, 1, 2);
        raw_expect(disk.raw, "IMP-BLK-14");
    }
    ask_range(&disk, DISCARD, 0, 1, 1);
    raw_expect(disk.raw, "DRV-BLK-27");
    raw_blk_free(&disk);
}

/* IMP-BLK-02, IMP-BLK-03: pieces of data, if the limits were negotiated. */
static void limits_of_pieces_are_judged(void **state)
{
    static const uint32_t three[] = {512, 512, 512}, long_one[] = {65536 + 512};

    (void)state;
    for (unsigned with = 0; with < 2; with++) {
        struct raw_blk disk =
            new_disk(with != 0 ? BIT(VIRTIO_BLK_F_SIZE_MAX) | BIT(VIRTIO_BLK_F_SEG_MAX) : 0);

        launcher_set_config(disk.dev, offsetof(struct virtio_blk_config, seg_max), 4, 2);
        (void)raw_blk_pieces(&disk, IN, 0, three, 2, true);
        assert_null(launcher_first_violation(disk.dev));
        (void)raw_blk_pieces(&disk, IN, 0, three, 3, true);
        if (with != 0)
            raw_expect(disk.raw, "IMP-BLK-03");
        (void)raw_blk_pieces(&disk, IN, 0, long_one, 1, true);
        if (with != 0)
            raw_expect(disk.raw, "IMP-BLK-02");
        raw_blk_free(&disk);
    }
}

/* IMP-BLK-01: queues that were not negotiated. */
static void queues_are_judged(void **state)
{
    const struct launcher_options options = {.sectors = SECTORS, .queues = 2};

    (void)state;
    for (unsigned with = 0; with < 2; with++) {
        struct raw_blk disk = raw_blk_found(&options);

        assert_true(raw_start(disk.raw, with != 0 ? BIT(VIRTIO_BLK_F_MQ) : 0));
        disk.queue = raw_queue(disk.raw, 1, RAW_NO_QUEUE_SIZE);
        raw_live(disk.raw);
        if (with == 0)
            raw_expect(disk.raw, "IMP-BLK-01");
        (void)raw_blk_ask(&disk, IN, 0, 512);
        if (with == 0)
            raw_expect(disk.raw, "IMP-BLK-01");
        raw_blk_free(&disk);
    }
}

/* IMP-BLK-04: legacy request types. */
static void legacy_types_are_judged(void **state)
{
    struct raw_blk disk = new_disk(0);

    (void)state;
    assert_int_equal(raw_blk_ask(&disk, VIRTIO_BLK_T_SCSI_CMD, 0, 512), VIRTIO_BLK_S_UNSUPP);
    raw_expect_among(disk.raw, "IMP-BLK-04");
    assert_int_equal(raw_blk_ask(&disk, OUT | VIRTIO_BLK_T_BARRIER, 0, 512), VIRTIO_BLK_S_UNSUPP);
    raw_expect_among(disk.raw, "IMP-BLK-04");
    raw_blk_free(&disk);
}

/* IMP-BLK-07: sectors counted in blocks. */
static void the_unit_of_sectors_is_judged(void **state)
{
    struct raw_blk disk =
        raw_blk_new(&(struct launcher_options){.sectors = SECTORS, .block_size = 4096}, 0);

    (void)state;
    (void)raw_blk_ask(&disk, IN, SECTORS - 8, 4096);
    assert_null(launcher_first_violation(disk.dev));
    (void)raw_blk_ask(&disk, IN, 8ull * (SECTORS - 8), 4096);
    raw_expect_among(disk.raw, "IMP-BLK-07");
    (void)raw_blk_ask(&disk, IN, 8ull * SECTORS, 4096); /* beyond in any unit */
    raw_expect(disk.raw, "DRV-BLK-15");
    raw_blk_free(&disk);
}

/* IMP-BLK-08: writes to a read-only disk. */
static void writes_to_a_read_only_disk_are_judged(void **state)
{
    struct raw_blk disk = raw_blk_new(
        &(struct launcher_options){.sectors = SECTORS, .read_only = true}, BIT(VIRTIO_BLK_F_RO));

    (void)state;
    (void)raw_blk_ask(&disk, OUT, 0, 512);
    raw_expect(disk.raw, "IMP-BLK-08");
    raw_blk_free(&disk);
}

/* IMP-BLK-10: header, data, status. */
static void the_form_of_a_request_is_judged(void **state)
{
    struct raw_blk disk = new_disk(BIT(VIRTIO_BLK_F_FLUSH));
    uint64_t at = disk.buffer;
    struct raw_used used;

    (void)state;
    RAW_ADD(disk.queue, {at, 15, RAW_READ}, {at + 64, 1, RAW_WRITE});
    (void)raw_kick(disk.queue);
    raw_expect(disk.raw, "IMP-BLK-10");
    RAW_ADD(disk.queue, {at, 16, RAW_READ});
    (void)raw_kick(disk.queue);
    raw_expect(disk.raw, "IMP-BLK-10");
    /* A read with data the wrong way round. */
    RAW_ADD(disk.queue, {at, 16, RAW_READ}, {at + 512, 512, RAW_READ}, {at + 64, 1, RAW_WRITE});
    (void)raw_kick(disk.queue);
    raw_expect(disk.raw, "IMP-BLK-10");
    raw_put32(disk.raw, at, OUT);
    RAW_ADD(disk.queue, {at, 16, RAW_READ}, {at + 512, 512, RAW_WRITE}, {at + 64, 1, RAW_WRITE});
    (void)raw_kick(disk.queue);
    raw_expect(disk.raw, "IMP-BLK-10");
    while (raw_used(disk.queue, &used))
        ;
    raw_blk_free(&disk);
}

/* ---- The legacy interface ---- */

static struct raw_blk legacy_disk(uint64_t features, bool big_endian)
{
    struct raw_blk disk = raw_blk_found(&(struct launcher_options){.front = LAUNCHER_PCI_LEGACY,
                                                                   .sectors = SECTORS,
                                                                   .features = features,
                                                                   .big_endian = big_endian});

    assert_int_equal(features & ~disk.dev->offered, 0);
    disk.dev->accepted = features;
    return disk;
}

static void put_header(struct raw_blk *disk, uint32_t type, uint64_t sector)
{
    raw_put32(disk->raw, disk->buffer, type);
    raw_put64(disk->raw, disk->buffer + 8, sector);
}

static uint8_t status_of(struct raw_blk *disk)
{
    return *(uint8_t *)raw_at(disk->raw, disk->buffer + 64);
}

/* DRV-BLK-43, DEV-BLK-68: fields are in the guest's own byte order; one in the other order is told apart. */
static void legacy_requests_have_the_guests_byte_order(void **state)
{
    struct raw_blk disk = legacy_disk(0, true);
    uint64_t at = disk.buffer;
    uint32_t written;

    (void)state;
    put_header(&disk, __builtin_bswap32(OUT), __builtin_bswap64(3));
    memset(raw_at(disk.raw, at + 512), 0x77, 512);
    assert_true(RAW_SERVE(disk.raw, 0, &written, {at, 16, RAW_READ}, {at + 512, 512, RAW_READ},
                          {at + 64, 1, RAW_WRITE}));
    assert_int_equal(status_of(&disk), VIRTIO_BLK_S_OK);
    memset(raw_at(disk.raw, at + 512), 0, 512);
    assert_true(launcher_blk_read(disk.dev, 3, raw_at(disk.raw, at + 512), 1));
    assert_int_equal(*(uint8_t *)raw_at(disk.raw, at + 600), 0x77);
    assert_null(launcher_first_violation(disk.dev));
    put_header(&disk, OUT, 0);
    assert_true(RAW_SERVE(disk.raw, 0, &written, {at, 16, RAW_READ}, {at + 512, 512, RAW_READ},
                          {at + 64, 1, RAW_WRITE}));
    raw_expect(disk.raw, "DRV-BLK-43");
    raw_blk_free(&disk);
}

/* DEV-BLK-21, DEV-BLK-06: the configuration, too; and nothing of zones. */
static void legacy_configuration_has_the_guests_byte_order(void **state)
{
    struct raw_blk disk = legacy_disk(0, true);
    uint64_t capacity = 0;

    (void)state;
    assert_int_equal(disk.dev->offered >> VIRTIO_BLK_F_ZONED & 1, 0);
    for (unsigned i = 0; i < 8; i++)
        capacity = capacity << 8 | launcher_read(disk.dev, 0, CONFIG + i, 1);
    assert_int_equal(capacity, SECTORS);
    assert_int_equal(
        launcher_read(disk.dev, 0, CONFIG + offsetof(struct virtio_blk_config, blk_size) + 2, 2),
        0x0002); /* 512, its bytes 02 00 */
    launcher_forget_violations(disk.dev);
    raw_blk_free(&disk);
}

/* DRV-BLK-50, DRV-BLK-51, DRV-BLK-52: descriptors of certain lengths, without VIRTIO_F_ANY_LAYOUT. */
static void legacy_layout_is_judged(void **state)
{
    struct raw_blk disk = legacy_disk(0, false);
    uint64_t at = disk.buffer;
    uint32_t written;

    (void)state;
    put_header(&disk, OUT, 0);
    (void)RAW_SERVE(disk.raw, 0, &written, {at, 8, RAW_READ}, {at + 8, 8, RAW_READ},
                    {at + 512, 512, RAW_READ}, {at + 64, 1, RAW_WRITE});
    raw_expect(disk.raw, "DRV-BLK-50");
    (void)RAW_SERVE(disk.raw, 0, &written, {at, 528, RAW_READ}, {at + 1064, 1, RAW_WRITE});
    raw_expect_among(disk.raw, "DRV-BLK-51");
    put_header(&disk, IN, 0);
    (void)RAW_SERVE(disk.raw, 0, &written, {at, 16, RAW_READ}, {at + 512, 513, RAW_WRITE});
    raw_expect(disk.raw, "DRV-BLK-52");
    raw_blk_free(&disk);
    disk = legacy_disk(BIT(VIRTIO_F_ANY_LAYOUT), false);
    put_header(&disk, IN, 0);
    (void)RAW_SERVE(disk.raw, 0, &written, {at, 16, RAW_READ}, {at + 512, 513, RAW_WRITE});
    assert_null(launcher_first_violation(disk.dev));
    raw_blk_free(&disk);
}

/* DRV-BLK-48, DRV-BLK-53, DRV-BLK-54: SCSI commands. */
static void scsi_requests_are_judged(void **state)
{
    struct raw_blk disk = legacy_disk(BIT(VIRTIO_BLK_F_SCSI), false);
    uint64_t at = disk.buffer;
    uint32_t written;

    (void)state;
    put_header(&disk, VIRTIO_BLK_T_SCSI_CMD, 0);
    (void)RAW_SERVE(disk.raw, 0, &written, {at, 16, RAW_READ}, {at + 512, 6, RAW_READ},
                    {at + 1024, 96, RAW_WRITE}, {at + 2048, 16, RAW_WRITE},
                    {at + 64, 1, RAW_WRITE});
    assert_null(launcher_first_violation(disk.dev));
    assert_int_equal(status_of(&disk), VIRTIO_BLK_S_UNSUPP);
    (void)RAW_SERVE(disk.raw, 0, &written, {at, 22, RAW_READ}, {at + 1024, 96, RAW_WRITE},
                    {at + 2048, 16, RAW_WRITE}, {at + 64, 1, RAW_WRITE});
    raw_expect_among(disk.raw, "DRV-BLK-48");
    (void)RAW_SERVE(disk.raw, 0, &written, {at, 16, RAW_READ}, {at + 512, 6, RAW_READ},
                    {at + 1024, 90, RAW_WRITE}, {at + 2048, 16, RAW_WRITE},
                    {at + 64, 1, RAW_WRITE});
    raw_expect(disk.raw, "DRV-BLK-53");
    (void)RAW_SERVE(disk.raw, 0, &written, {at, 16, RAW_READ}, {at + 512, 6, RAW_READ},
                    {at + 1024, 96, RAW_WRITE}, {at + 2048, 12, RAW_WRITE},
                    {at + 64, 1, RAW_WRITE});
    raw_expect(disk.raw, "DRV-BLK-54");
    raw_blk_free(&disk);
}

/* DEV-BLK-69: FLUSH_OUT is a flush; with a sector it is as wrong as one. */
static void flush_out_is_a_flush(void **state)
{
    struct raw_blk disk = legacy_disk(BIT(VIRTIO_BLK_F_FLUSH), false);
    uint64_t at = disk.buffer, commits = launcher_blk_commits(disk.dev);
    uint32_t written;

    (void)state;
    put_header(&disk, VIRTIO_BLK_T_FLUSH_OUT, 0);
    assert_true(RAW_SERVE(disk.raw, 0, &written, {at, 16, RAW_READ}, {at + 64, 1, RAW_WRITE}));
    assert_int_equal(status_of(&disk), VIRTIO_BLK_S_OK);
    assert_int_equal(launcher_blk_commits(disk.dev), commits + 1);
    put_header(&disk, VIRTIO_BLK_T_FLUSH_OUT, 1);
    assert_true(RAW_SERVE(disk.raw, 0, &written, {at, 16, RAW_READ}, {at + 64, 1, RAW_WRITE}));
    raw_expect(disk.raw, "DRV-BLK-17");
    raw_blk_free(&disk);
}

/* DEV-BLK-22, DEV-BLK-23, DEV-BLK-24: what changes a legacy device's cache mode, and what does not. */
static void legacy_cache_mode_changes_with_driver_ok_only(void **state)
{
    const uint64_t at = CONFIG + offsetof(struct virtio_blk_config, writeback);

    (void)state;
    for (unsigned with = 0; with < 2; with++) {
        struct raw_blk disk = raw_blk_found(
            &(struct launcher_options){.front = LAUNCHER_PCI_LEGACY, .sectors = SECTORS});
        uint32_t wce = (uint32_t)BIT(VIRTIO_BLK_F_CONFIG_WCE);

        launcher_write(disk.dev, 0, at, 1, 1); /* before DRIVER, as it may (DRV-BLK-13) */
        assert_int_equal(launcher_read(disk.dev, 0, at, 1), 1);
        for (unsigned i = 0; i < 2; i++) {
            launcher_write(disk.dev, 0, VIRTIO_PCI_LEGACY_DEVICE_STATUS, 1, i == 0 ? 1 : 3);
            launcher_write(disk.dev, 0, VIRTIO_PCI_LEGACY_DRIVER_FEATURES, 4, i * wce * with);
            assert_int_equal(launcher_read(disk.dev, 0, at, 1), 1);
        }
        launcher_write(disk.dev, 0, VIRTIO_PCI_LEGACY_DEVICE_STATUS, 1, 7);
        assert_int_equal(launcher_read(disk.dev, 0, at, 1), with);
        launcher_forget_violations(disk.dev);
        raw_blk_free(&disk);
    }
}

/* DEV-BLK-70, DEV-BLK-71: a barrier waits for what is before it, and what is behind it waits. */
static void a_barrier_keeps_requests_apart(void **state)
{
    struct raw_blk disk = legacy_disk(BIT(VIRTIO_BLK_F_BARRIER), false);
    struct launcher_queue *queue = &disk.dev->queues[0];
    struct launcher_chain *chains[3];
    uint32_t written;

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        uint64_t at = disk.buffer + 1024 * i;

        raw_put32(disk.raw, at, OUT | (i == 1 ? VIRTIO_BLK_T_BARRIER : 0));
        chains[i] = launcher_chain_new();
        launcher_chain_add(chains[i], at, 16, false);
        launcher_chain_add(chains[i], at + 512, 512, false);
        launcher_chain_add(chains[i], at + 64, 1, true);
        chains[i]->order = i;
    }
    queue->flight = chains;
    queue->flight_count = 3;
    assert_false(disk.dev->model->serve(disk.dev, queue, chains[1], &written));
    assert_false(disk.dev->model->serve(disk.dev, queue, chains[2], &written));
    for (unsigned i = 0; i < 3; i++) {
        assert_true(disk.dev->model->serve(disk.dev, queue, chains[i], &written));
        chains[i]->served = true;
    }
    queue->flight = NULL;
    queue->flight_count = 0;
    for (unsigned i = 0; i < 3; i++)
        launcher_chain_free(chains[i]);
    raw_blk_free(&disk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_legal_driver_is_left_alone),
        cmocka_unit_test(sectors_and_lengths_are_judged),
        cmocka_unit_test(ranges_are_judged),
        cmocka_unit_test(limits_of_pieces_are_judged),
        cmocka_unit_test(queues_are_judged),
        cmocka_unit_test(legacy_types_are_judged),
        cmocka_unit_test(the_unit_of_sectors_is_judged),
        cmocka_unit_test(writes_to_a_read_only_disk_are_judged),
        cmocka_unit_test(the_form_of_a_request_is_judged),
        cmocka_unit_test(legacy_requests_have_the_guests_byte_order),
        cmocka_unit_test(legacy_configuration_has_the_guests_byte_order),
        cmocka_unit_test(legacy_layout_is_judged),
        cmocka_unit_test(scsi_requests_are_judged),
        cmocka_unit_test(flush_out_is_a_flush),
        cmocka_unit_test(legacy_cache_mode_changes_with_driver_ok_only),
        cmocka_unit_test(a_barrier_keeps_requests_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
