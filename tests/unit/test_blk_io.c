/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Block operations of any length (VIRTIO 1.4, 5.2.6): cut to the device's limits, many in flight, few kicks; and a disk
 * that fails in every way is reset, restarted and asked once more, with nothing lost and nothing given back too early.
 * All tests twice: through chains that stay built, and on a disk with a size_max that rules these out.
 */
#include "tests/unit/support/blk_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static uint8_t buffer[4 << 20];

static bool without_chains;   /* the second time */
static uint32_t extent_bytes; /* read_at() asks for that many in one extent */

static void plug(struct blk_rig *rig)
{
    extent_bytes = sizeof(buffer);
    blk_rig_plug(rig);
    if (!without_chains)
        return;
    blk_rig_offer(rig, VIRTIO_BLK_F_SIZE_MAX);
    DEVICE_SET_BLK(rig->d, size_max, VIRTIO_BLK_REQUEST_BYTES - 1);
}

static void make(struct blk_rig *rig)
{
    plug(rig);
    assert_int_equal(blk_rig_claim(rig), 0);
    assert_int_equal(rig->blk.chain_max == 0, without_chains);
}

/* So that a read takes a request in 8 KiB: by the device's limits, or where chains want none, by as many extents. */
static void plug_short(struct blk_rig *rig)
{
    plug(rig);
    if (without_chains) {
        blk_rig_offer(rig, VIRTIO_BLK_F_SEG_MAX);
        DEVICE_SET_BLK(rig->d, size_max, 4096);
        DEVICE_SET_BLK(rig->d, seg_max, 2);
    } else {
        extent_bytes = 8192;
    }
}

static int read_at(struct blk_rig *rig, uint64_t sector, uint64_t length)
{
    static struct virtio_blk_extent extents[sizeof(buffer) / 8192];
    unsigned count = 0;

    memset(buffer, 0xee, sizeof(buffer));
    for (uint64_t done = 0; done < length; done += extents[count++].length)
        extents[count] = (struct virtio_blk_extent){
            .sector = sector + done / 512,
            .data = buffer + done,
            .length = length - done < extent_bytes ? length - done : extent_bytes,
        };
    return virtio_blk_read(&rig->blk, extents, count);
}

static void check_read(struct blk_rig *rig, uint64_t sector, uint64_t length)
{
    assert_int_equal(read_at(rig, sector, length), 0);
    assert_true(blk_rig_is_pattern(buffer, sector, length));
    for (uint64_t i = length; i < sizeof(buffer) && i < length + 4096; i++)
        assert_int_equal(buffer[i], 0xee);
}

static uint64_t kicks(const struct blk_rig *rig)
{
    return rig->d->host->queues[0].notifications;
}

static bool any_own_in_flight(const struct blk_rig *rig)
{
    for (unsigned i = 0; i < VIRTIO_BLK_DEPTH; i++)
        if (rig->blk.own[i].request.state == VIRTIO_REQUEST_DEVICE)
            return true;
    return false;
}

/* ---- Reading and writing ---- */

static void reads_of_all_lengths_bring_the_right_bytes(void **state)
{
    static const uint64_t lengths[] = {512,     1024,   4096, 65536, 1 << 20, (1 << 20) + 512,
                                       3 << 20, 4 << 20};
    struct blk_rig rig;

    (void)state;
    make(&rig);
    for (unsigned i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
        check_read(&rig, i == 7 ? 0 : i, lengths[i]);
    blk_rig_end(&rig);
}

/* The parts that would fit are not sent either. DRV-BLK-15 */
static void operation_that_leaves_the_disk_sends_nothing(void **state)
{
    struct blk_rig rig;
    struct virtio_blk_extent extents[] = {{0, buffer, 512}, {8191, buffer + 512, 1024}};

    (void)state;
    make(&rig);
    assert_int_equal(virtio_blk_write(&rig.blk, extents, 2), -VIRTIO_E_INVALID);
    extents[1].sector = 8190;
    extents[1].length = 2 << 20;
    assert_int_equal(virtio_blk_write(&rig.blk, &extents[1], 1), -VIRTIO_E_INVALID);
    extents[1].sector = UINT64_MAX; /* behind the end, where less than nothing is left */
    assert_int_equal(virtio_blk_write(&rig.blk, extents, 2), -VIRTIO_E_INVALID);
    assert_int_equal(device_blk_seen_count(rig.d), 0);
    assert_int_equal(kicks(&rig), 0);
    blk_rig_end(&rig);
}

/* One exit to the host for a whole read: all its requests go out together. */
static void long_read_costs_one_kick(void **state)
{
    struct blk_rig rig;

    (void)state;
    make(&rig);
    device_delay(rig.d, DEVICE_MILLISECOND);
    check_read(&rig, 0, 4 << 20);
    assert_int_equal(kicks(&rig), 1);
    assert_int_equal(device_blk_seen_count(rig.d), 4);
    blk_rig_end(&rig);
}

/* With more requests than fit in flight, they are topped up by half a batch a kick. */
static void read_of_many_requests_costs_a_kick_in_half_a_batch(void **state)
{
    struct blk_rig rig;

    (void)state;
    plug(&rig);
    blk_rig_offer(&rig, VIRTIO_BLK_F_SIZE_MAX);
    blk_rig_offer(&rig, VIRTIO_BLK_F_SEG_MAX);
    DEVICE_SET_BLK(rig.d, size_max, 4096);
    DEVICE_SET_BLK(rig.d, seg_max, 1);
    assert_int_equal(blk_rig_claim(&rig), 0);
    device_delay(rig.d, DEVICE_MILLISECOND);
    check_read(&rig, 0, 4 << 20);
    assert_int_equal(device_blk_seen_count(rig.d), 1024);
    assert_in_range(kicks(&rig), 1, 1024 / (VIRTIO_BLK_DEPTH / 2));
    assert_int_equal(rig.blk.requests, 1024);
    blk_rig_end(&rig);
}

/* DRV-BLK-19, IMP-BLK-02, IMP-BLK-03: the smallest limits there are; the device complains about a request above them. */
static void reads_are_cut_to_size_max_and_seg_max(void **state)
{
    static const struct {
        uint32_t size_max, seg_max;
        unsigned requests;
    } cases[] = {{512, 1, 256}, {512, 3, 86}, {1000, 1, 256}, {4096, 2, 16}, {65536, 1, 2}};

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct blk_rig rig;

        plug(&rig);
        blk_rig_offer(&rig, VIRTIO_BLK_F_SIZE_MAX);
        blk_rig_offer(&rig, VIRTIO_BLK_F_SEG_MAX);
        DEVICE_SET_BLK(rig.d, size_max, cases[i].size_max);
        DEVICE_SET_BLK(rig.d, seg_max, cases[i].seg_max);
        assert_int_equal(blk_rig_claim(&rig), 0);
        check_read(&rig, 9, 131072);
        assert_int_equal(device_blk_seen_count(rig.d), cases[i].requests);
        blk_rig_end(&rig);
    }
}

static void disk_with_4096_byte_blocks_is_read_and_written_in_whole_blocks(void **state)
{
    struct virtio_blk_extent extent = {.sector = 16, .data = buffer, .length = 40960};
    struct blk_rig rig;

    (void)state;
    plug(&rig);
    blk_rig_offer(&rig, VIRTIO_BLK_F_BLK_SIZE);
    blk_rig_offer(&rig, VIRTIO_BLK_F_SIZE_MAX);
    blk_rig_offer(&rig, VIRTIO_BLK_F_SEG_MAX);
    DEVICE_SET_BLK(rig.d, blk_size, 4096);
    DEVICE_SET_BLK(rig.d, size_max, 6000);
    DEVICE_SET_BLK(rig.d, seg_max, 2);
    assert_int_equal(blk_rig_claim(&rig), 0);
    check_read(&rig, 8, 65536);
    memset(buffer, 0x42, 40960);
    assert_int_equal(virtio_blk_write(&rig.blk, &extent, 1), 0);
    assert_true(launcher_blk_read(rig.d->host, 16, buffer, 80));
    assert_int_equal(buffer[0], 0x42);
    assert_int_equal(buffer[40959], 0x42);
    assert_int_equal(read_at(&rig, 8, 512), -VIRTIO_E_INVALID);
    assert_int_equal(read_at(&rig, 9, 4096), -VIRTIO_E_INVALID);
    blk_rig_end(&rig);
}

static void small_queues_read_as_well_as_large_ones(void **state)
{
    (void)state;
    for (unsigned size = 4; size <= 256; size *= 2) {
        struct blk_rig rig;

        plug_short(&rig);
        if (without_chains)
            DEVICE_SET_BLK(rig.d, seg_max, 64);
        device_queue_max(rig.d, 0, (uint16_t)size);
        assert_int_equal(blk_rig_claim(&rig), 0);
        assert_int_equal(rig.blk.chain_max == 0, without_chains || size < 16);
        device_delay(rig.d, 100000);
        device_newest_first(rig.d);
        check_read(&rig, 1, 1 << 20);
        blk_rig_end(&rig);
    }
}

static void extents_go_to_their_own_memory(void **state)
{
    struct virtio_blk_extent extents[] = {
        {100, buffer, 1024},
        {7, buffer + 8192, 512},
        {0, NULL, 0},
        {4000, buffer + 65536, 1 << 20},
        {7, buffer + 12288, 1536},
    };
    struct blk_rig rig;

    (void)state;
    make(&rig);
    memset(buffer, 0xee, sizeof(buffer));
    device_delay(rig.d, DEVICE_MILLISECOND);
    assert_int_equal(virtio_blk_read(&rig.blk, extents, 5), 0);
    for (unsigned i = 0; i < 5; i++)
        assert_true(blk_rig_is_pattern(extents[i].data, extents[i].sector, extents[i].length));
    assert_int_equal(buffer[1024], 0xee);
    assert_int_equal(kicks(&rig), 1);
    assert_int_equal(virtio_blk_read(&rig.blk, extents, 0), 0);
    assert_int_equal(kicks(&rig), 1);
    blk_rig_end(&rig);
}

static void what_was_written_is_read_back(void **state)
{
    struct virtio_blk_extent extent = {.sector = 3, .data = buffer, .length = 2 << 20};
    struct blk_rig rig;

    (void)state;
    make(&rig);
    for (uint32_t i = 0; i < extent.length; i++)
        buffer[i] = (uint8_t)(i * 31 >> 3);
    assert_int_equal(virtio_blk_write(&rig.blk, &extent, 1), 0);
    memset(buffer, 0, sizeof(buffer));
    assert_int_equal(virtio_blk_read(&rig.blk, &extent, 1), 0);
    for (uint32_t i = 0; i < extent.length; i++)
        assert_int_equal(buffer[i], (uint8_t)(i * 31 >> 3));
    assert_true(launcher_blk_read(rig.d->host, 0, buffer, 3));
    assert_true(blk_rig_is_pattern(buffer, 0, 3 * 512));
    blk_rig_end(&rig);
}

/* DRV-BLK-15: also where sector and length together wrap in 64 bits. */
static void operation_that_leaves_the_disk_is_invalid(void **state)
{
    static const struct {
        uint64_t sector, length;
    } cases[] = {{8192, 512},
                 {8191, 1024},
                 {0, (4 << 20) + 512},
                 {UINT64_MAX, 512},
                 {UINT64_MAX - 1, 4096},
                 {1ull << 55, 512},
                 {0, 100},
                 {1, 513}};
    struct blk_rig rig;

    (void)state;
    make(&rig);
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct virtio_blk_extent extent = {cases[i].sector, buffer, cases[i].length};

        assert_int_equal(virtio_blk_read(&rig.blk, &extent, 1), -VIRTIO_E_INVALID);
        assert_false(any_own_in_flight(&rig));
    }
    check_read(&rig, 0, 4096); /* and nothing is left behind */
    blk_rig_end(&rig);
}

static void read_only_disk_is_not_written(void **state)
{
    struct virtio_blk_extent extent = {.sector = 3, .data = buffer, .length = 4096};
    struct blk_rig rig;

    (void)state;
    plug(&rig);
    blk_rig_offer(&rig, VIRTIO_BLK_F_RO);
    assert_int_equal(blk_rig_claim(&rig), 0);
    assert_int_equal(virtio_blk_write(&rig.blk, &extent, 1), -VIRTIO_E_READ_ONLY);
    extent.length = 2 << 20; /* of several requests */
    assert_int_equal(virtio_blk_write(&rig.blk, &extent, 1), -VIRTIO_E_READ_ONLY);
    assert_int_equal(device_blk_seen_count(rig.d), 0);
    assert_false(any_own_in_flight(&rig));
    blk_rig_end(&rig);
}

/* ---- Flush, discard, write zeroes, get id ---- */

/* DRV-BLK-01, DRV-BLK-02, DRV-BLK-03, DRV-BLK-17, DRV-BLK-18 */
static void flush_is_sent_where_there_is_a_cache(void **state)
{
    struct blk_rig rig;

    (void)state;
    make(&rig);
    assert_int_equal(virtio_blk_flush(&rig.blk), 0);
    assert_int_equal(device_blk_seen_count(rig.d), 0); /* writes through: nothing to do */
    blk_rig_end(&rig);

    plug(&rig);
    blk_rig_offer(&rig, VIRTIO_BLK_F_FLUSH);
    assert_int_equal(blk_rig_claim(&rig), 0);
    assert_int_equal(virtio_blk_flush(&rig.blk), 0);
    assert_int_equal(device_blk_seen_count(rig.d), 1);
    assert_int_equal(device_blk_seen(rig.d, 0)->type, VIRTIO_BLK_T_FLUSH);
    blk_rig_end(&rig);
}

/* DRV-BLK-22, DRV-BLK-24, DRV-BLK-27: cut to what one request may cover, one range each. */
static void ranges_are_cut_to_the_devices_limits(void **state)
{
    struct blk_rig rig;

    (void)state;
    plug(&rig);
    blk_rig_offer(&rig, VIRTIO_BLK_F_DISCARD);
    blk_rig_offer(&rig, VIRTIO_BLK_F_WRITE_ZEROES);
    DEVICE_SET_BLK(rig.d, max_discard_sectors, 1000);
    DEVICE_SET_BLK(rig.d, max_discard_seg, 8);
    DEVICE_SET_BLK(rig.d, max_write_zeroes_sectors, 0xffffffff);
    DEVICE_SET_BLK(rig.d, max_write_zeroes_seg, 1);
    launcher_blk_set_may_unmap(rig.d->host, false);
    assert_int_equal(blk_rig_claim(&rig), 0);
    assert_int_equal(virtio_blk_discard(&rig.blk, 10, 2500 * 512), 0);
    assert_int_equal(device_blk_seen_count(rig.d), 3);
    assert_int_equal(device_blk_seen(rig.d, 2)->first.sector, 2010);
    assert_int_equal(device_blk_seen(rig.d, 2)->first.sectors, 500);
    assert_int_equal(virtio_blk_write_zeroes(&rig.blk, 4096, 4096 * 512, true), 0);
    assert_int_equal(device_blk_seen_count(rig.d), 4);
    assert_int_equal(device_blk_seen(rig.d, 3)->first.flags,
                     0); /* it may not unmap: the bit stays 0 */
    assert_true(launcher_blk_read(rig.d->host, 4096, buffer, 4096));
    assert_int_equal(buffer[0], 0);
    assert_int_equal(buffer[4096 * 512 - 1], 0);
    /* Nor is a part of a range sent, where the rest of it leaves the disk. */
    assert_int_equal(virtio_blk_discard(&rig.blk, 6000, 2500 * 512), -VIRTIO_E_INVALID);
    assert_int_equal(device_blk_seen_count(rig.d), 4);
    assert_int_equal(virtio_blk_discard(&rig.blk, 8192, 512), -VIRTIO_E_INVALID);
    assert_int_equal(virtio_blk_write_zeroes(&rig.blk, 1, 100, false), -VIRTIO_E_INVALID);
    blk_rig_end(&rig);
}

static void ranges_are_unsupported_where_they_are_not_offered(void **state)
{
    struct blk_rig rig;

    (void)state;
    make(&rig);
    assert_int_equal(virtio_blk_discard(&rig.blk, 0, 512), -VIRTIO_E_UNSUPPORTED);
    assert_int_equal(virtio_blk_write_zeroes(&rig.blk, 0, 512, false), -VIRTIO_E_UNSUPPORTED);
    assert_int_equal(device_blk_seen_count(rig.d), 0);
    blk_rig_end(&rig);
}

/* IMP-BLK-12 */
static void id_is_terminated_for_the_caller(void **state)
{
    char id[VIRTIO_BLK_ID_BYTES + 1];
    struct blk_rig rig;

    (void)state;
    make(&rig);
    assert_int_equal(virtio_blk_get_id(&rig.blk, id), 0);
    assert_string_equal(id, "slate-test");
    rig.d->host->options.serial = "0123456789abcdefghijXYZ";
    assert_int_equal(virtio_blk_get_id(&rig.blk, id), 0);
    assert_string_equal(id, "0123456789abcdefghij");
    launcher_fault_arm(rig.d->host, LAUNCHER_FAULT_IO_ERROR, 0, 1, VIRTIO_BLK_S_UNSUPP);
    assert_int_equal(virtio_blk_get_id(&rig.blk, id), -VIRTIO_E_UNSUPPORTED);
    blk_rig_end(&rig);
}

/* ---- Errors of the disk ---- */

/* What is in flight is waited for, nothing more is sent, and the driver works on. */
static void io_error_ends_the_operation_and_not_the_device(void **state)
{
    struct blk_rig rig;

    (void)state;
    plug(&rig);
    blk_rig_offer(&rig, VIRTIO_BLK_F_SIZE_MAX);
    blk_rig_offer(&rig, VIRTIO_BLK_F_SEG_MAX);
    DEVICE_SET_BLK(rig.d, size_max, 4096);
    DEVICE_SET_BLK(rig.d, seg_max, 1);
    assert_int_equal(blk_rig_claim(&rig), 0);
    device_delay(rig.d, DEVICE_MILLISECOND);
    launcher_blk_fail(rig.d->host, 83, 1, VIRTIO_BLK_S_IOERR, 0);
    assert_int_equal(read_at(&rig, 0, 4 << 20), -VIRTIO_E_IO);
    assert_in_range(device_blk_seen_count(rig.d), 11, VIRTIO_BLK_DEPTH + VIRTIO_BLK_DEPTH / 2);
    assert_false(any_own_in_flight(&rig));
    assert_int_equal(rig.d->maps_live, 0);
    assert_non_null(device_logged(rig.d, "request of 4096 bytes at sector 80 failed"));
    assert_int_equal(rig.d->dev.state, VIRTIO_LIVE);
    assert_int_equal(rig.blk.restarts, 0);
    check_read(&rig, 84, 65536);
    blk_rig_end(&rig);
}

/* Of several errors the first that comes back is the operation's. */
static void first_of_several_errors_is_reported(void **state)
{
    struct virtio_blk_extent extents[2] = {{80, buffer, 512}, {90, buffer + 512, 512}};
    struct blk_rig rig;

    (void)state;
    make(&rig);
    device_delay(rig.d, DEVICE_MILLISECOND);
    launcher_blk_fail(rig.d->host, 80, 11, VIRTIO_BLK_S_IOERR, 0);
    assert_int_equal(virtio_blk_read(&rig.blk, extents, 2), -VIRTIO_E_IO);
    assert_int_equal(device_blk_seen_count(rig.d), 2);
    assert_non_null(device_logged(rig.d, "request of 512 bytes at sector 80 failed"));
    assert_null(device_logged(rig.d, "request of 512 bytes at sector 90 failed"));
    blk_rig_end(&rig);
}

/* What has failed already is not tried again: the device is reset, and that is the end of it. */
static void device_that_fails_after_an_io_error_is_not_restarted(void **state)
{
    struct virtio_blk_extent extents[2] = {{80, buffer, 512}, {90, buffer + 512, 512}};
    struct blk_rig rig;

    (void)state;
    plug(&rig);
    device_fail(rig.d, LAUNCHER_FAULT_NEVER, 0, 1, 1);
    assert_int_equal(blk_rig_claim(&rig), 0);
    launcher_blk_fail(rig.d->host, 80, 1, VIRTIO_BLK_S_IOERR, 0);
    assert_int_equal(virtio_blk_read(&rig.blk, extents, 2), -VIRTIO_E_TIMEOUT);
    assert_non_null(device_logged(rig.d, "request of 512 bytes at sector 80 failed"));
    assert_int_equal(rig.blk.restarts, 0);
    assert_int_equal(rig.d->dev.state, VIRTIO_CLEAN);
    for (unsigned i = 0; i < VIRTIO_BLK_DEPTH; i++)
        assert_int_equal(rig.blk.own[i].request.state, VIRTIO_REQUEST_FREE);
    assert_int_equal(virtio_restart(&rig.d->dev), 0);
    check_read(&rig, 84, 65536);
    blk_rig_end(&rig);
}

/* ---- A device that fails is restarted, once ---- */

struct failure {
    enum launcher_fault fault;
    uint64_t value;
    int error;
    const char *line;
};

static const struct failure failures[] = {
    {LAUNCHER_FAULT_NEVER, 0, -VIRTIO_E_TIMEOUT, "was not answered within 100 ms"},
    {LAUNCHER_FAULT_NEEDS_RESET, 0, -VIRTIO_E_NEEDS_RESET, "asks for a reset"},
    {LAUNCHER_FAULT_ID_OUT_OF_RANGE, 0, -VIRTIO_E_PROTOCOL, "is outside the queue"},
    {LAUNCHER_FAULT_ID_HIGH_BITS, 1, -VIRTIO_E_PROTOCOL, "is outside the queue"},
    {LAUNCHER_FAULT_ID_NOT_IN_FLIGHT, 0, -VIRTIO_E_PROTOCOL, "is not in flight"},
    {LAUNCHER_FAULT_TWICE, 0, -VIRTIO_E_PROTOCOL, "is broken: used"},
    {LAUNCHER_FAULT_INDEX_AHEAD, 1, -VIRTIO_E_PROTOCOL, "used index is"},
    {LAUNCHER_FAULT_INDEX_BACK, 1000, -VIRTIO_E_PROTOCOL, "used index is"},
};

static void plug_failing(struct blk_rig *rig, const struct failure *failure, unsigned after,
                         unsigned bad_lives)
{
    plug_short(rig);
    device_fail(rig->d, failure->fault, failure->value, after, bad_lives);
    device_delay(rig->d, 200000);
    assert_int_equal(blk_rig_claim(rig), 0);
}

/* DRV-STATUS-03, DRV-STATUS-04, DRV-CLEAN-02: reset, restarted, and all bytes are right, wherever the fault was. */
static void disk_that_fails_once_is_restarted_and_read_in_full(void **state)
{
    static const unsigned after[] = {0, 1, 17, 31, 32, 100, 127};

    (void)state;
    for (unsigned f = 0; f < sizeof(failures) / sizeof(failures[0]); f++)
        for (unsigned i = 0; i < sizeof(after) / sizeof(after[0]); i++) {
            struct blk_rig rig;

            plug_failing(&rig, &failures[f], after[i], 1);
            check_read(&rig, 5, 1 << 20);
            if (rig.blk.restarts != 1 || device_logged(rig.d, failures[f].line) == NULL)
                fail_msg("fault %u after %u: %u restarts", f, after[i], rig.blk.restarts);
            assert_string_equal(device_statuses(rig.d), "0 1 3 b f 0 1 3 b f");
            assert_int_equal(rig.d->maps_live, 0);
            check_read(&rig, 5000, 65536);
            blk_rig_end(&rig);
        }
}

/* Twice is once too often: an error, no request of ours left with the device, and no third try. */
static void disk_that_fails_twice_is_an_error(void **state)
{
    (void)state;
    for (unsigned f = 0; f < sizeof(failures) / sizeof(failures[0]); f++) {
        struct blk_rig rig;

        plug_failing(&rig, &failures[f], 3, DEVICE_FOREVER);
        assert_int_equal(read_at(&rig, 5, 1 << 20), failures[f].error);
        assert_int_equal(rig.blk.restarts, 1);
        assert_int_equal(rig.d->host->lives, 2);
        assert_int_equal(rig.d->dev.state, VIRTIO_CLEAN);
        assert_false(any_own_in_flight(&rig));
        assert_int_equal(rig.d->maps_live, 0);
        assert_int_equal(read_at(&rig, 5, 512), -VIRTIO_E_STATE);

        device_fail(rig.d, failures[f].fault, 0, 0, 0);
        assert_int_equal(virtio_restart(&rig.d->dev), 0); /* the caller may try again */
        check_read(&rig, 5, 1 << 20);
        blk_rig_end(&rig);
    }
}

/* A disk that never answers: bounded by two deadlines, whatever the length of the read. */
static void read_from_a_dead_disk_ends_after_two_deadlines(void **state)
{
    struct blk_rig rig;
    uint64_t start;

    (void)state;
    plug_failing(&rig, &failures[0], 0, DEVICE_FOREVER);
    start = rig.d->now;
    assert_int_equal(read_at(&rig, 0, 4 << 20), -VIRTIO_E_TIMEOUT);
    assert_in_range(rig.d->now - start, 200 * DEVICE_MILLISECOND, 210 * DEVICE_MILLISECOND);
    blk_rig_end(&rig);
}

/* A disk that neither answers nor resets keeps its requests, their memory and their mappings, for ever. */
static void disk_that_is_stuck_keeps_the_memory(void **state)
{
    struct blk_rig rig;

    (void)state;
    plug_failing(&rig, &failures[0], 2, DEVICE_FOREVER);
    launcher_fault_arm(rig.d->host, LAUNCHER_FAULT_RESET_NEVER, 0, 0, 0);
    assert_int_equal(read_at(&rig, 0, 1 << 20), -VIRTIO_E_STUCK);
    assert_int_equal(rig.d->dev.state, VIRTIO_STUCK);
    assert_true(any_own_in_flight(&rig));
    assert_true(rig.d->maps_live > 0);
    assert_int_equal(rig.blk.restarts, 0);
    rig.d->closed = true;
    assert_int_equal(read_at(&rig, 0, 512), -VIRTIO_E_STATE);
    assert_int_equal(virtio_blk_flush(&rig.blk), 0);
    assert_int_equal(virtio_release(&rig.bus, &rig.d->dev), -VIRTIO_E_STUCK);
    device_free(rig.d);
}

/* The same for every other fault, wherever it is found. */
static void disk_that_breaks_its_ring_and_is_stuck_keeps_the_memory(void **state)
{
    (void)state;
    for (unsigned f = 1; f < sizeof(failures) / sizeof(failures[0]); f++)
        for (unsigned after = 0; after < 4; after++) {
            struct blk_rig rig;

            plug_failing(&rig, &failures[f], after, DEVICE_FOREVER);
            launcher_fault_arm(rig.d->host, LAUNCHER_FAULT_RESET_NEVER, 0, 0, 0);
            assert_int_equal(read_at(&rig, 0, 1 << 20), -VIRTIO_E_STUCK);
            assert_true(any_own_in_flight(&rig));
            assert_true(rig.d->maps_live > 0);
            device_free(rig.d);
        }
}

static void disk_that_gets_stuck_at_the_second_failure_keeps_the_memory(void **state)
{
    struct blk_rig rig;

    (void)state;
    plug_failing(&rig, &failures[0], 2, DEVICE_FOREVER);
    launcher_fault_arm(rig.d->host, LAUNCHER_FAULT_RESET_NEVER, 1, 0, 0);
    assert_int_equal(read_at(&rig, 0, 1 << 20), -VIRTIO_E_STUCK);
    assert_true(any_own_in_flight(&rig));
    assert_int_equal(rig.blk.restarts, 1);
    device_free(rig.d);
}

/* DRV-INIT-09: a device that cannot be brought back says why, and nothing stays in flight. */
static void restart_that_fails_is_the_error(void **state)
{
    struct blk_rig rig;

    (void)state;
    plug_failing(&rig, &failures[0], 2, DEVICE_FOREVER);
    launcher_fault_arm(rig.d->host, LAUNCHER_FAULT_FEATURES_REFUSED, 0, 0, 0);
    assert_int_equal(read_at(&rig, 0, 1 << 20), -VIRTIO_E_FEATURES);
    assert_false(any_own_in_flight(&rig));
    assert_int_equal(rig.d->maps_live, 0);
    assert_int_equal(rig.d->dev.state, VIRTIO_CLEAN);
    blk_rig_end(&rig);
}

/*
 * Requests that cannot be sent again after a restart end the operation, but those that could be are waited for: none
 * may stay with the device when the caller gets its memory back. DRV-CLEAN-02
 */
static void request_that_cannot_be_repeated_leaves_none_in_flight(void **state)
{
    (void)state;
    for (unsigned at = 0; at < 20; at++) {
        struct blk_rig rig;

        plug_failing(&rig, &failures[0], 2, 1);
        /* 32 requests of a piece or two, two completed before the stall; then one of the repeated mappings fails. */
        rig.d->map_fail_at = (without_chains ? 65u : 33u) + at;
        assert_int_equal(read_at(&rig, 0, 256 * 1024), -VIRTIO_E_MAPPING);
        assert_false(any_own_in_flight(&rig));
        assert_int_equal(rig.d->maps_live, 0);
        assert_int_equal(rig.d->dev.state, VIRTIO_LIVE);
        check_read(&rig, 5, 65536);
        blk_rig_end(&rig);
    }
}

static void shrink(struct device *d, struct device_event *event)
{
    if (!device_reads_config(d, event, 0) || d->host->lives == 0)
        return;
    d->on_access = NULL;
    DEVICE_SET_BLK(d, capacity, 100);
}

/* DRV-BLK-15: a disk that is smaller after the restart is not read beyond its new end. */
static void disk_that_shrinks_at_the_restart_is_not_read_beyond_its_end(void **state)
{
    struct blk_rig rig;

    (void)state;
    plug_failing(&rig, &failures[0], 2, 1);
    rig.d->on_access = shrink;
    assert_int_equal(read_at(&rig, 0, 1 << 20), -VIRTIO_E_INVALID);
    assert_false(any_own_in_flight(&rig));
    assert_int_equal(rig.d->maps_live, 0);
    blk_rig_end(&rig);
}

static void shrink_queue(struct device *d, struct device_event *event)
{
    if (!device_reads_config(d, event, 0) || d->host->lives == 0)
        return;
    d->on_access = NULL;
    device_queue_max(d, 0, 4);
}

/* What does not fit into the queue of after the restart is sent as room is made, and none of it is lost. DRV-CLEAN-02 */
static void disk_whose_queue_shrinks_at_the_restart_is_read_in_full(void **state)
{
    static const unsigned after[] = {0, 1, 17, 40, 100};

    (void)state;
    for (unsigned f = 0; f < 2; f++)
        for (unsigned i = 0; i < sizeof(after) / sizeof(after[0]); i++) {
            struct blk_rig rig;

            plug_failing(&rig, &failures[f], after[i], 1);
            rig.d->on_access = shrink_queue;
            check_read(&rig, 5, 1 << 20);
            assert_int_equal(rig.blk.restarts, 1);
            assert_int_equal(virtqueue_size(rig.blk.queue), 4);
            assert_false(any_own_in_flight(&rig));
            assert_int_equal(rig.d->maps_live, 0);
            blk_rig_end(&rig);
        }
}

/* An error among those that were sent again is the end of those that wait for room. */
static void error_after_a_restart_ends_what_waits_for_room(void **state)
{
    struct blk_rig rig;

    (void)state;
    plug_failing(&rig, &failures[0], 0, 1);
    rig.d->on_access = shrink_queue;
    launcher_blk_fail(rig.d->host, 9, 1, VIRTIO_BLK_S_IOERR, 0);
    assert_int_equal(read_at(&rig, 5, 256 * 1024), -VIRTIO_E_IO);
    assert_int_equal(device_blk_seen_count(rig.d), 1);
    for (unsigned i = 0; i < VIRTIO_BLK_DEPTH; i++)
        assert_int_equal(rig.blk.own[i].request.state, VIRTIO_REQUEST_FREE);
    check_read(&rig, 84, 65536);
    blk_rig_end(&rig);
}

/* An operation of one request recovers as well. */
static void flush_and_get_id_are_repeated_after_a_restart(void **state)
{
    char id[VIRTIO_BLK_ID_BYTES + 1];
    struct blk_rig rig;

    (void)state;
    plug(&rig);
    blk_rig_offer(&rig, VIRTIO_BLK_F_FLUSH);
    device_fail(rig.d, LAUNCHER_FAULT_NEVER, 0, 0, 1);
    assert_int_equal(blk_rig_claim(&rig), 0);
    assert_int_equal(virtio_blk_flush(&rig.blk), 0);
    assert_int_equal(rig.blk.restarts, 1);
    device_fail(rig.d, LAUNCHER_FAULT_NEVER, 0, 0, 2);
    assert_int_equal(virtio_blk_get_id(&rig.blk, id), 0);
    assert_string_equal(id, "slate-test");
    assert_int_equal(rig.blk.restarts, 2);
    blk_rig_end(&rig);
}

/* A read that came too late is not mistaken for the answer of the repeated request. */
static void slow_disk_is_not_read_twice_by_mistake(void **state)
{
    struct blk_rig rig;

    (void)state;
    make(&rig);
    device_delay(rig.d, 99 * DEVICE_MILLISECOND); /* just within the deadline */
    check_read(&rig, 0, 1 << 20);
    assert_int_equal(rig.blk.restarts, 0);
    device_delay(rig.d, 101 * DEVICE_MILLISECOND);
    assert_int_equal(read_at(&rig, 0, 512), -VIRTIO_E_TIMEOUT);
    assert_int_equal(rig.blk.restarts, 1);
    blk_rig_end(&rig);
}

/* ---- State ---- */

static void operations_want_a_live_device_with_nothing_in_flight(void **state)
{
    struct virtio_blk_request request = {.type = VIRTIO_BLK_T_IN, .data = buffer, .length = 512},
                              *done;
    struct virtio_blk_extent extent = {0, buffer, 512};
    struct virtio_blk_extent many[2] = {{0, buffer, 512}, {7, buffer + 512, 512}};
    struct virtio_blk blk = {0};
    char id[VIRTIO_BLK_ID_BYTES + 1];
    struct blk_rig rig;

    (void)state;
    assert_int_equal(virtio_blk_read(&blk, &extent, 1), -VIRTIO_E_STATE);
    assert_int_equal(virtio_blk_write(&blk, &extent, 1), -VIRTIO_E_STATE);
    assert_int_equal(virtio_blk_get_id(&blk, id), -VIRTIO_E_STATE);
    assert_int_equal(virtio_blk_discard(&blk, 0, 512), -VIRTIO_E_UNSUPPORTED);

    make(&rig);
    assert_int_equal(virtio_blk_submit(&rig.blk, &request), 0);
    virtio_blk_kick(&rig.blk);
    assert_int_equal(virtio_blk_read(&rig.blk, &extent, 1), -VIRTIO_E_STATE);
    assert_int_equal(virtio_blk_read(&rig.blk, many, 2), -VIRTIO_E_STATE);
    assert_int_equal(virtio_blk_wait(&rig.blk, &done), 0);
    assert_int_equal(virtio_blk_read(&rig.blk, &extent, 1), 0);
    assert_int_equal(virtio_reset(&rig.d->dev), 0);
    assert_int_equal(virtio_blk_read(&rig.blk, many, 2), -VIRTIO_E_STATE);
    assert_int_equal(virtio_blk_read(&rig.blk, many, 0), -VIRTIO_E_STATE);
    assert_int_equal(virtio_restart(&rig.d->dev), 0);
    assert_int_equal(virtio_blk_read(&rig.blk, many, 2), 0);
    assert_int_equal(virtio_handoff(&rig.bus), 0);
    rig.d->closed = true;
    assert_int_equal(virtio_blk_read(&rig.blk, &extent, 1), -VIRTIO_E_STATE);
    assert_int_equal(virtio_blk_get_id(&rig.blk, id), -VIRTIO_E_STATE);
    device_free(rig.d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_of_all_lengths_bring_the_right_bytes),
        cmocka_unit_test(operation_that_leaves_the_disk_sends_nothing),
        cmocka_unit_test(long_read_costs_one_kick),
        cmocka_unit_test(read_of_many_requests_costs_a_kick_in_half_a_batch),
        cmocka_unit_test(reads_are_cut_to_size_max_and_seg_max),
        cmocka_unit_test(disk_with_4096_byte_blocks_is_read_and_written_in_whole_blocks),
        cmocka_unit_test(small_queues_read_as_well_as_large_ones),
        cmocka_unit_test(extents_go_to_their_own_memory),
        cmocka_unit_test(what_was_written_is_read_back),
        cmocka_unit_test(operation_that_leaves_the_disk_is_invalid),
        cmocka_unit_test(read_only_disk_is_not_written),
        cmocka_unit_test(flush_is_sent_where_there_is_a_cache),
        cmocka_unit_test(ranges_are_cut_to_the_devices_limits),
        cmocka_unit_test(ranges_are_unsupported_where_they_are_not_offered),
        cmocka_unit_test(id_is_terminated_for_the_caller),
        cmocka_unit_test(io_error_ends_the_operation_and_not_the_device),
        cmocka_unit_test(first_of_several_errors_is_reported),
        cmocka_unit_test(device_that_fails_after_an_io_error_is_not_restarted),
        cmocka_unit_test(disk_that_fails_once_is_restarted_and_read_in_full),
        cmocka_unit_test(disk_that_fails_twice_is_an_error),
        cmocka_unit_test(read_from_a_dead_disk_ends_after_two_deadlines),
        cmocka_unit_test(disk_that_is_stuck_keeps_the_memory),
        cmocka_unit_test(disk_that_breaks_its_ring_and_is_stuck_keeps_the_memory),
        cmocka_unit_test(disk_that_gets_stuck_at_the_second_failure_keeps_the_memory),
        cmocka_unit_test(restart_that_fails_is_the_error),
        cmocka_unit_test(request_that_cannot_be_repeated_leaves_none_in_flight),
        cmocka_unit_test(disk_that_shrinks_at_the_restart_is_not_read_beyond_its_end),
        cmocka_unit_test(disk_whose_queue_shrinks_at_the_restart_is_read_in_full),
        cmocka_unit_test(error_after_a_restart_ends_what_waits_for_room),
        cmocka_unit_test(flush_and_get_id_are_repeated_after_a_restart),
        cmocka_unit_test(slow_disk_is_not_read_twice_by_mistake),
        cmocka_unit_test(operations_want_a_live_device_with_nothing_in_flight),
    };

    int failed = cmocka_run_group_tests_name("with chains", tests, NULL, NULL);

    without_chains = true;
    return failed + cmocka_run_group_tests_name("without chains", tests, NULL, NULL);
}
