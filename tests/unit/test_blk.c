/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The block driver's requests (VIRTIO 1.4, 5.2.6), all tests twice: through chains that stay built, and on a disk with a
 * size_max that rules these out. Whole operations are in test_blk_io.c.
 */
#include "tests/unit/support/blk_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static uint8_t buffer[3 << 20];
static bool without_chains; /* the second time */

static void plug(struct blk_rig *rig)
{
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

static struct virtio_blk_request transfer(enum virtio_blk_req_type type, uint64_t sector,
                                          uint32_t length)
{
    return (struct virtio_blk_request){
        .type = type, .sector = sector, .data = buffer, .length = length};
}

/* Submits, kicks, waits; the result of whichever of them failed, or of the request. */
static int run(struct blk_rig *rig, struct virtio_blk_request *request)
{
    struct virtio_blk_request *done;
    int error = virtio_blk_submit(&rig->blk, request);

    if (error != 0)
        return error;
    virtio_blk_kick(&rig->blk);
    error = virtio_blk_wait(&rig->blk, &done);
    if (error != 0)
        return error;
    assert_ptr_equal(done, request);
    return done->error;
}

static int read_sectors(struct blk_rig *rig, uint64_t sector, uint32_t length)
{
    struct virtio_blk_request request = transfer(VIRTIO_BLK_T_IN, sector, length);

    memset(buffer, 0xee, sizeof(buffer));
    return run(rig, &request);
}

/* ---- Transfers ---- */

/* IMP-BLK-10, DRV-BLK-19: header, data, status; in that order, the first readable, the last writable. */
static void read_is_a_header_the_data_and_a_status_byte(void **state)
{
    struct virtio_blk_request request = transfer(VIRTIO_BLK_T_IN, 77, 4096), *done;
    const struct launcher_chain *chain;
    struct blk_rig rig;

    (void)state;
    make(&rig);
    device_delay(rig.d, DEVICE_MILLISECOND);
    assert_int_equal(virtio_blk_submit(&rig.blk, &request), 0);
    virtio_blk_kick(&rig.blk);
    chain = rig.d->host->queues[0].flight[0];
    assert_int_equal(chain->count, 3);
    assert_int_equal(chain->segments[0].length, 16);
    assert_memory_equal(device_dma(rig.d, chain->segments[0].address, 16, false),
                        "\0\0\0\0\0\0\0\0\x4d\0\0\0\0\0\0", 16);
    assert_false(chain->segments[0].writable);
    assert_int_equal(chain->segments[1].length, 4096);
    assert_true(chain->segments[1].writable);
    assert_int_equal(chain->segments[2].length, 1);
    assert_true(chain->segments[2].writable);
    /* The status byte starts as a value that no device writes. */
    assert_int_equal(*device_dma(rig.d, chain->segments[2].address, 1, true), 0xff);
    assert_int_equal(virtio_blk_wait(&rig.blk, &done), 0);
    assert_int_equal(request.error, 0);
    assert_int_equal(device_blk_seen(rig.d, 0)->type, VIRTIO_BLK_T_IN);
    assert_int_equal(device_blk_seen(rig.d, 0)->sector, 77);
    assert_true(blk_rig_is_pattern(buffer, 77, 4096));
    blk_rig_end(&rig);
}

static void write_puts_the_data_on_the_disk(void **state)
{
    struct virtio_blk_request request = transfer(VIRTIO_BLK_T_OUT, 100, 1024);
    uint8_t stored[4 * 512];
    struct blk_rig rig;

    (void)state;
    make(&rig);
    for (unsigned i = 0; i < 1024; i++)
        buffer[i] = (uint8_t)(i * 3);
    assert_int_equal(run(&rig, &request), 0);
    assert_true(launcher_blk_read(rig.d->host, 99, stored, 4));
    assert_memory_equal(stored + 512, buffer, 1024);
    assert_true(blk_rig_is_pattern(stored, 99, 512));
    assert_true(blk_rig_is_pattern(stored + 3 * 512, 102, 512));
    blk_rig_end(&rig);
}

/* IMP-BLK-08: a write to a read-only disk does not reach it. */
static void read_only_disk_gets_no_writes(void **state)
{
    static const enum virtio_blk_req_type types[] = {VIRTIO_BLK_T_OUT, VIRTIO_BLK_T_DISCARD,
                                                     VIRTIO_BLK_T_WRITE_ZEROES};
    struct blk_rig rig;

    (void)state;
    plug(&rig);
    blk_rig_offer(&rig, VIRTIO_BLK_F_RO);
    assert_int_equal(blk_rig_claim(&rig), 0);
    assert_true(rig.blk.read_only);
    for (unsigned i = 0; i < 3; i++) {
        struct virtio_blk_request request = transfer(types[i], 0, 512);

        assert_int_equal(virtio_blk_submit(&rig.blk, &request), -VIRTIO_E_READ_ONLY);
    }
    assert_int_equal(read_sectors(&rig, 0, 512), 0);
    assert_int_equal(device_blk_seen_count(rig.d), 1);
    blk_rig_end(&rig);
}

/* DRV-BLK-15, DRV-BLK-19: in 64 bits, exactly, and never by a part of a block. */
static void transfer_outside_the_disk_or_of_part_of_a_block_is_invalid(void **state)
{
    static const struct {
        uint64_t sector;
        uint32_t length;
        bool valid;
    } cases[] = {
        {8191, 512, true},
        {8192, 512, false},
        {8191, 1024, false},
        {8192, 0, false},
        {0, 0, false},
        {0, 511, false},
        {0, 513, false},
        {1ull << 32, 512, false},
        {UINT64_MAX, 512, false},
        {UINT64_MAX, 1024, false},
        {UINT64_MAX - 1, 1024, false},
        {1ull << 55, 512, false},
        {0, 0xfffffe00, false},
        {8190, 1024, true},
    };
    struct blk_rig rig;

    (void)state;
    make(&rig);
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct virtio_blk_request write =
            transfer(VIRTIO_BLK_T_OUT, cases[i].sector, cases[i].length);

        assert_int_equal(read_sectors(&rig, cases[i].sector, cases[i].length),
                         cases[i].valid ? 0 : -VIRTIO_E_INVALID);
        assert_int_equal(run(&rig, &write), cases[i].valid ? 0 : -VIRTIO_E_INVALID);
    }
    blk_rig_end(&rig);
}

/* The last sectors of the largest disk there can be: 64-bit sector numbers all the way. */
static void sectors_near_2_to_the_55_are_reached(void **state)
{
    const uint64_t capacity = (1ull << 55) - 1;
    struct blk_rig rig;

    (void)state;
    plug(&rig);
    DEVICE_SET_BLK(rig.d, capacity, capacity);
    assert_int_equal(blk_rig_claim(&rig), 0);
    assert_true(rig.blk.sectors == capacity);
    device_blk_fill(rig.d, capacity - 2, 2);
    device_blk_fill(rig.d, 0x100000001, 1);
    assert_int_equal(read_sectors(&rig, capacity - 2, 1024), 0);
    assert_true(device_blk_seen(rig.d, 0)->sector == capacity - 2);
    assert_true(blk_rig_is_pattern(buffer, capacity - 2, 1024));
    assert_int_equal(read_sectors(&rig, capacity - 1, 1024), -VIRTIO_E_INVALID);
    assert_int_equal(read_sectors(&rig, capacity, 512), -VIRTIO_E_INVALID);
    assert_int_equal(read_sectors(&rig, 0x100000001, 512), 0);
    assert_true(blk_rig_is_pattern(buffer, 0x100000001, 512));
    blk_rig_end(&rig);
}

/* A 4Kn disk: sector numbers still count 512 bytes, and only whole blocks are asked for. */
static void disk_with_4096_byte_blocks_is_read_in_whole_blocks(void **state)
{
    struct blk_rig rig;

    (void)state;
    plug(&rig);
    blk_rig_offer(&rig, VIRTIO_BLK_F_BLK_SIZE);
    DEVICE_SET_BLK(rig.d, blk_size, 4096);
    assert_int_equal(blk_rig_claim(&rig), 0);
    assert_int_equal(read_sectors(&rig, 16, 8192), 0);
    assert_true(blk_rig_is_pattern(buffer, 16, 8192));
    assert_int_equal(read_sectors(&rig, 16, 512), -VIRTIO_E_INVALID);
    assert_int_equal(read_sectors(&rig, 1, 4096), -VIRTIO_E_INVALID);
    assert_int_equal(read_sectors(&rig, 8184, 4096), 0);
    assert_int_equal(read_sectors(&rig, 8184, 8192), -VIRTIO_E_INVALID);
    blk_rig_end(&rig);
}

/* IMP-BLK-02, IMP-BLK-03: the device complains about a segment or a count above its limits. */
static void data_is_cut_to_size_max_and_seg_max(void **state)
{
    static const struct {
        uint32_t size_max, seg_max, length;
        unsigned segments; /* 0: cannot be sent */
    } cases[] = {
        {512, 1, 512, 1},       {512, 1, 1024, 0},
        {512, 8, 4096, 8},      {512, 8, 4608, 0},
        {1000, 3, 1024, 2},     {1000, 3, 3072, 0},
        {4096, 64, 262144, 64}, {4096, 254, 266240, 0},
        {65536, 2, 66048, 2},   {0xffffffff, 1, 1048576, 1},
        {1, 1, 0, 0},
    };

    (void)state;
    for (unsigned i = 0; cases[i].length > 0; i++) {
        struct blk_rig rig;

        plug(&rig);
        blk_rig_offer(&rig, VIRTIO_BLK_F_SIZE_MAX);
        blk_rig_offer(&rig, VIRTIO_BLK_F_SEG_MAX);
        DEVICE_SET_BLK(rig.d, size_max, cases[i].size_max);
        DEVICE_SET_BLK(rig.d, seg_max, cases[i].seg_max);
        assert_int_equal(blk_rig_claim(&rig), 0);
        assert_int_equal(read_sectors(&rig, 3, cases[i].length),
                         cases[i].segments > 0 ? 0 : -VIRTIO_E_INVALID);
        if (cases[i].segments > 0) {
            assert_int_equal(device_blk_seen(rig.d, 0)->segments, cases[i].segments);
            assert_true(blk_rig_is_pattern(buffer, 3, cases[i].length));
        }
        blk_rig_end(&rig);
    }
}

/* A block may take several segments, where the specification allows it. */
static void block_larger_than_size_max_takes_several_segments(void **state)
{
    struct blk_rig rig;

    (void)state;
    plug(&rig);
    blk_rig_offer(&rig, VIRTIO_BLK_F_BLK_SIZE);
    blk_rig_offer(&rig, VIRTIO_BLK_F_SIZE_MAX);
    DEVICE_SET_BLK(rig.d, blk_size, 4096);
    DEVICE_SET_BLK(rig.d, size_max, 512);
    assert_int_equal(blk_rig_claim(&rig), 0);
    assert_int_equal(read_sectors(&rig, 8, 4096), 0);
    assert_int_equal(device_blk_seen(rig.d, 0)->segments, 8);
    assert_true(blk_rig_is_pattern(buffer, 8, 4096));
    assert_int_equal(rig.blk.request_max, 32768);
    blk_rig_end(&rig);
}

/* ---- Results ---- */

/* IMP-BLK-13: a byte that was preset to 0 would read as success when the device writes none. */
static void status_byte_that_was_never_written_is_an_error(void **state)
{
    struct blk_rig rig;

    (void)state;
    make(&rig);
    launcher_fault_arm(rig.d->host, LAUNCHER_FAULT_STATUS_UNWRITTEN, 0, 0, 0);
    assert_int_equal(read_sectors(&rig, 0, 512), -VIRTIO_E_IO);
    launcher_fault_disarm(rig.d->host, LAUNCHER_FAULT_STATUS_UNWRITTEN);
    assert_int_equal(read_sectors(&rig, 0, 512), 0);
    launcher_fault_arm(rig.d->host, LAUNCHER_FAULT_STATUS_UNWRITTEN, 0, 0,
                       0); /* the slot that a good request used before */
    assert_int_equal(read_sectors(&rig, 0, 512), -VIRTIO_E_IO);
    blk_rig_end(&rig);
}

/* IMP-BLK-13 */
static void every_status_but_ok_is_an_error(void **state)
{
    struct blk_rig rig;

    (void)state;
    make(&rig);
    for (unsigned status = 1; status < 256; status++) {
        launcher_fault_arm(rig.d->host, LAUNCHER_FAULT_IO_ERROR, 0, 0, status);
        assert_int_equal(read_sectors(&rig, 0, 512),
                         status == VIRTIO_BLK_S_UNSUPP ? -VIRTIO_E_UNSUPPORTED : -VIRTIO_E_IO);
    }
    blk_rig_end(&rig);
}

/* DRV-SPLIT-25: what lies behind the used length was not read from the disk, whatever the status says. */
static void read_with_a_short_used_length_is_an_error(void **state)
{
    static const struct {
        enum launcher_fault fault;
        uint32_t value;
        int error;
    } cases[] = {
        {LAUNCHER_FAULT_LENGTH_ZERO, 0, -VIRTIO_E_IO},
        {LAUNCHER_FAULT_LENGTH_SHORT, 2, -VIRTIO_E_IO},
        {LAUNCHER_FAULT_LENGTH_SHORT, 1, 0}, /* some devices count the data alone */
        {LAUNCHER_FAULT_LENGTH_LONG, 100, 0},
        {LAUNCHER_FAULT_LENGTH_LONG, UINT32_MAX, 0},
    };
    struct blk_rig rig;

    (void)state;
    make(&rig);
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        launcher_fault_arm(rig.d->host, cases[i].fault, 0, 1, cases[i].value);
        assert_int_equal(read_sectors(&rig, 5, 4096), cases[i].error);
    }
    blk_rig_end(&rig);
}

/* A write has no bytes to be counted but the status; its length is not looked at. */
static void used_length_of_a_write_is_of_no_importance(void **state)
{
    static const struct {
        enum launcher_fault fault;
        uint32_t value;
    } cases[] = {
        {LAUNCHER_FAULT_LENGTH_ZERO, 0},
        {LAUNCHER_FAULT_LENGTH_SHORT, 1},
        {LAUNCHER_FAULT_LENGTH_LONG, 100},
        {LAUNCHER_FAULT_LENGTH_LONG, UINT32_MAX},
    };
    struct blk_rig rig;

    (void)state;
    make(&rig);
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct virtio_blk_request request = transfer(VIRTIO_BLK_T_OUT, 5, 512);

        launcher_fault_arm(rig.d->host, cases[i].fault, 0, 1, cases[i].value);
        assert_int_equal(run(&rig, &request), 0);
    }
    blk_rig_end(&rig);
}

/* ---- Other requests ---- */

/* DRV-BLK-17, DRV-BLK-18, IMP-BLK-11, DRV-BLK-01 */
static void flush_has_no_data_and_no_sector(void **state)
{
    struct virtio_blk_request request = {.type = VIRTIO_BLK_T_FLUSH, .sector = 5, .length = 512};
    struct blk_rig rig;

    (void)state;
    make(&rig);
    assert_int_equal(run(&rig, &request), -VIRTIO_E_UNSUPPORTED);
    blk_rig_end(&rig);

    plug(&rig);
    blk_rig_offer(&rig, VIRTIO_BLK_F_FLUSH);
    assert_int_equal(blk_rig_claim(&rig), 0);
    assert_int_equal(run(&rig, &request), 0);
    assert_int_equal(device_blk_seen_count(rig.d), 1);
    assert_int_equal(device_blk_seen(rig.d, 0)->data, 0);
    blk_rig_end(&rig);
}

/* DRV-BLK-20, DRV-BLK-22, DRV-BLK-24, DRV-BLK-27, IMP-BLK-11, IMP-BLK-14: one range of 16 bytes, reserved bits 0 */
static void discard_and_write_zeroes_carry_one_range(void **state)
{
    struct virtio_blk_request request = {.sector = 64, .length = 32 * 512, .unmap = true};
    struct blk_rig rig;

    (void)state;
    plug(&rig);
    blk_rig_offer(&rig, VIRTIO_BLK_F_DISCARD);
    blk_rig_offer(&rig, VIRTIO_BLK_F_WRITE_ZEROES);
    DEVICE_SET_BLK(rig.d, max_discard_sectors, 32);
    DEVICE_SET_BLK(rig.d, max_discard_seg, 1);
    DEVICE_SET_BLK(rig.d, max_write_zeroes_sectors, 32);
    DEVICE_SET_BLK(rig.d, max_write_zeroes_seg, 1);
    DEVICE_SET_BLK(rig.d, write_zeroes_may_unmap, 1);
    assert_int_equal(blk_rig_claim(&rig), 0);
    request.type = VIRTIO_BLK_T_DISCARD;
    assert_int_equal(run(&rig, &request), 0);
    assert_int_equal(device_blk_seen(rig.d, 0)->data, 16);
    assert_int_equal(device_blk_seen(rig.d, 0)->first.sector, 64);
    assert_int_equal(device_blk_seen(rig.d, 0)->first.sectors, 32);
    assert_int_equal(device_blk_seen(rig.d, 0)->first.flags, 0);
    request.type = VIRTIO_BLK_T_WRITE_ZEROES;
    assert_int_equal(run(&rig, &request), 0);
    assert_int_equal(device_blk_seen(rig.d, 1)->first.flags, VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP);
    request.unmap = false;
    assert_int_equal(run(&rig, &request), 0);
    assert_int_equal(device_blk_seen(rig.d, 2)->first.flags, 0);
    request.length += 512;
    assert_int_equal(run(&rig, &request), -VIRTIO_E_INVALID); /* above the limit */
    request.type = VIRTIO_BLK_T_DISCARD;
    assert_int_equal(run(&rig, &request), -VIRTIO_E_INVALID);
    request.length = 512;
    request.sector = 8192;
    assert_int_equal(run(&rig, &request), -VIRTIO_E_INVALID); /* beyond the capacity */
    assert_int_equal(device_blk_seen_count(rig.d), 3);
    blk_rig_end(&rig);
}

/* DRV-BLK-22, DRV-BLK-24: a device that allows no range, or none of a whole block, is asked for none. */
static void range_limits_of_zero_mean_that_it_cannot_be_done(void **state)
{
    static const struct {
        uint32_t sectors, segments;
        bool can;
    } cases[] = {{8, 1, true}, {7, 1, false}, {0, 1, false}, {8, 0, false}};

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        struct virtio_blk_request request = {
            .type = VIRTIO_BLK_T_DISCARD, .sector = 64, .length = 4096};
        struct blk_rig rig;

        plug(&rig);
        blk_rig_offer(&rig, VIRTIO_BLK_F_BLK_SIZE);
        blk_rig_offer(&rig, VIRTIO_BLK_F_DISCARD);
        blk_rig_offer(&rig, VIRTIO_BLK_F_WRITE_ZEROES);
        DEVICE_SET_BLK(rig.d, blk_size, 4096);
        DEVICE_SET_BLK(rig.d, max_discard_sectors, cases[i].sectors);
        DEVICE_SET_BLK(rig.d, max_discard_seg, cases[i].segments);
        DEVICE_SET_BLK(rig.d, max_write_zeroes_sectors, cases[i].sectors);
        DEVICE_SET_BLK(rig.d, max_write_zeroes_seg, cases[i].segments);
        assert_int_equal(blk_rig_claim(&rig), 0);
        assert_int_equal(rig.blk.can_discard, cases[i].can);
        assert_int_equal(rig.blk.can_write_zeroes, cases[i].can);
        assert_int_equal(run(&rig, &request), cases[i].can ? 0 : -VIRTIO_E_UNSUPPORTED);
        request.type = VIRTIO_BLK_T_WRITE_ZEROES;
        assert_int_equal(run(&rig, &request), cases[i].can ? 0 : -VIRTIO_E_UNSUPPORTED);
        blk_rig_end(&rig);
    }
}

/* DRV-BLK-21, IMP-BLK-12 */
static void get_id_has_twenty_bytes_without_a_terminator(void **state)
{
    char id[VIRTIO_BLK_ID_BYTES + 1];
    struct virtio_blk_request request = {.type = VIRTIO_BLK_T_GET_ID, .data = id};
    struct blk_rig rig;

    (void)state;
    make(&rig);
    rig.d->host->options.serial = "0123456789abcdefghijXYZ";
    memset(id, '#', sizeof(id));
    assert_int_equal(run(&rig, &request), 0);
    assert_memory_equal(id, "0123456789abcdefghij#", 21);
    launcher_fault_arm(rig.d->host, LAUNCHER_FAULT_IO_ERROR, 0, 1, VIRTIO_BLK_S_UNSUPP);
    assert_int_equal(run(&rig, &request), -VIRTIO_E_UNSUPPORTED);
    blk_rig_end(&rig);
}

static void id_behind_the_used_length_is_not_believed(void **state)
{
    char id[VIRTIO_BLK_ID_BYTES];
    struct virtio_blk_request request = {.type = VIRTIO_BLK_T_GET_ID, .data = id};
    struct blk_rig rig;

    (void)state;
    make(&rig);
    rig.d->host->options.serial = "0123456789abcdefghij";
    launcher_fault_arm(rig.d->host, LAUNCHER_FAULT_LENGTH_ZERO, 0, 0, 0);
    assert_int_equal(run(&rig, &request), 0);
    for (unsigned i = 0; i < sizeof(id); i++)
        assert_int_equal(id[i], 0);
    blk_rig_end(&rig);
}

static void unknown_request_type_is_invalid(void **state)
{
    struct virtio_blk_request request = transfer(VIRTIO_BLK_T_SECURE_ERASE, 0, 512);
    struct blk_rig rig;

    (void)state;
    make(&rig);
    assert_int_equal(run(&rig, &request), -VIRTIO_E_INVALID);
    request.type = (enum virtio_blk_req_type)0x80000000;
    assert_int_equal(run(&rig, &request), -VIRTIO_E_INVALID);
    assert_int_equal(device_blk_seen_count(rig.d), 0);
    blk_rig_end(&rig);
}

/* ---- Many in flight ---- */

static void many_requests_go_out_with_one_kick(void **state)
{
    static struct virtio_blk_request requests[100];
    struct virtio_blk_request *done;
    struct blk_rig rig;
    unsigned count;

    (void)state;
    make(&rig);
    device_newest_first(rig.d);
    device_delay(rig.d, DEVICE_MILLISECOND);
    for (count = 0; count < 100; count++) {
        int error;

        requests[count] = transfer(VIRTIO_BLK_T_IN, count * 7, 512);
        requests[count].data = buffer + count * 512;
        error = virtio_blk_submit(&rig.blk, &requests[count]);
        if (error != 0) {
            assert_int_equal(error, -VIRTIO_E_FULL);
            break;
        }
    }
    assert_int_equal(count, without_chains ? 256 / 3 : 256 / 4);
    virtio_blk_kick(&rig.blk);
    assert_int_equal(rig.d->host->queues[0].notifications, 1);
    for (unsigned i = 0; i < count; i++) {
        assert_int_equal(virtio_blk_wait(&rig.blk, &done), 0);
        assert_int_equal(done->error, 0);
    }
    for (unsigned i = 0; i < count; i++)
        assert_true(blk_rig_is_pattern(buffer + i * 512, i * 7, 512));
    assert_int_equal(virtio_blk_poll(&rig.blk, &done), 0);
    assert_null(done);
    assert_int_equal(virtio_blk_submit(&rig.blk, &requests[0]), 0); /* there is room again */
    blk_rig_end(&rig);
}

/*
 * A flush takes two entries, the least there is: without chains the headers and status bytes are used up together with the
 * queue, and beside chains there is room for some.
 */
static void shortest_requests_fill_the_queue(void **state)
{
    static struct virtio_blk_request requests[129];
    const unsigned most = without_chains ? 128 : 32;
    struct virtio_blk_request read = transfer(VIRTIO_BLK_T_IN, 7, 512), *done;
    unsigned slots;
    struct blk_rig rig;

    (void)state;
    plug(&rig);
    blk_rig_offer(&rig, VIRTIO_BLK_F_FLUSH);
    assert_int_equal(blk_rig_claim(&rig), 0);
    slots = rig.blk.slot_count;
    for (unsigned i = 0; i <= most; i++) {
        requests[i] = (struct virtio_blk_request){.type = VIRTIO_BLK_T_FLUSH};
        assert_int_equal(virtio_blk_submit(&rig.blk, &requests[i]), i < most ? 0 : -VIRTIO_E_FULL);
    }
    assert_int_equal(rig.blk.free_slot_count, slots - most);
    assert_int_equal(virtio_blk_submit(&rig.blk, &read), without_chains ? -VIRTIO_E_FULL : 0);
    virtio_blk_kick(&rig.blk);
    for (unsigned i = 0; i < most + (without_chains ? 0 : 1); i++) {
        assert_int_equal(virtio_blk_wait(&rig.blk, &done), 0);
        assert_int_equal(done->error, 0);
    }
    assert_int_equal(rig.blk.free_slot_count, slots);
    blk_rig_end(&rig);
}

/* A request above size_max is cut, and goes beside the chains. IMP-BLK-02, IMP-BLK-03 */
static void request_above_size_max_goes_beside_the_chains(void **state)
{
    static uint8_t small[64][512];
    static struct virtio_blk_request reads[64];
    struct virtio_blk_request large = transfer(VIRTIO_BLK_T_IN, 5, 3 << 20), *done;
    struct blk_rig rig;

    (void)state;
    if (without_chains)
        return;
    blk_rig_plug(&rig);
    blk_rig_offer(&rig, VIRTIO_BLK_F_SIZE_MAX);
    DEVICE_SET_BLK(rig.d, size_max, VIRTIO_BLK_REQUEST_BYTES);
    assert_int_equal(blk_rig_claim(&rig), 0);
    assert_int_equal(rig.blk.chain_max, VIRTIO_BLK_REQUEST_BYTES);
    assert_int_equal(rig.blk.seg_max, 62);
    device_delay(rig.d, DEVICE_MILLISECOND);
    device_newest_first(rig.d);
    for (unsigned i = 0; i < 63; i++) {
        reads[i] = transfer(VIRTIO_BLK_T_IN, 10 + i, 512);
        reads[i].data = small[i];
        assert_int_equal(virtio_blk_submit(&rig.blk, &reads[i]), 0);
    }
    assert_int_equal(virtio_blk_submit(&rig.blk, &large), 0);
    assert_int_equal(virtio_blk_submit(&rig.blk, &reads[63]), -VIRTIO_E_INVALID); /* no bytes */
    reads[63] = transfer(VIRTIO_BLK_T_IN, 0, 512);
    assert_int_equal(virtio_blk_submit(&rig.blk, &reads[63]), -VIRTIO_E_FULL);
    virtio_blk_kick(&rig.blk);
    for (unsigned i = 0; i < 64; i++) {
        assert_int_equal(virtio_blk_wait(&rig.blk, &done), 0);
        assert_int_equal(done->error, 0);
    }
    assert_int_equal(device_blk_seen(rig.d, 0)->segments, 3); /* the newest */
    assert_int_equal(device_blk_seen(rig.d, 0)->longest, VIRTIO_BLK_REQUEST_BYTES);
    assert_true(blk_rig_is_pattern(buffer, 5, 3 << 20));
    for (unsigned i = 0; i < 63; i++)
        assert_true(blk_rig_is_pattern(small[i], 10 + i, 512));
    blk_rig_end(&rig);
}

/* A queue from 16 entries on has chains in three quarters of it, where a block and a mebibyte are always one piece. */
static void chains_are_used_where_an_operation_needs_one_piece_a_request(void **state)
{
    static const struct {
        unsigned queue;
        uint32_t block, size_max;
        bool chains;
    } cases[] = {
        {4, 512, UINT32_MAX, false},      {8, 512, UINT32_MAX, false},
        {16, 512, UINT32_MAX, true},      {32, 512, UINT32_MAX, true},
        {256, 512, UINT32_MAX, true},     {256, 512, 1 << 20, true},
        {256, 512, (1 << 20) - 1, false}, {256, 4096, 1 << 20, true},
        {256, 2 << 20, 1 << 20, false},   {256, 2 << 20, (2 << 20) - 1, false},
        {256, 2 << 20, 2 << 20, true},    {16, 4 << 20, 1 << 20, false},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        unsigned size = cases[i].queue, slots = size / (cases[i].chains ? 4 : 2);
        struct blk_rig rig;

        blk_rig_plug(&rig);
        blk_rig_offer(&rig, VIRTIO_BLK_F_BLK_SIZE);
        blk_rig_offer(&rig, VIRTIO_BLK_F_SIZE_MAX);
        DEVICE_SET_BLK(rig.d, blk_size, cases[i].block);
        DEVICE_SET_BLK(rig.d, size_max, cases[i].size_max);
        device_queue_max(rig.d, 0, (uint16_t)size);
        assert_int_equal(blk_rig_claim(&rig), 0);
        assert_int_equal(rig.blk.chain_max, cases[i].chains ? cases[i].size_max : 0);
        assert_int_equal(rig.blk.slot_count, slots);
        assert_int_equal(virtqueue_free(rig.blk.queue), cases[i].chains ? size - 3 * slots : size);
        assert_true(rig.blk.seg_max <= virtqueue_free(rig.blk.queue) - 2);
        blk_rig_end(&rig);
    }
}

/* A device whose limits are others after a reset is asked the other way. */
static void restart_changes_between_chains_and_none(void **state)
{
    struct blk_rig rig;

    (void)state;
    plug(&rig);
    blk_rig_offer(&rig, VIRTIO_BLK_F_SIZE_MAX);
    for (unsigned i = 0; i < 6; i++) {
        bool chains = (i + without_chains) % 2 == 0;

        DEVICE_SET_BLK(rig.d, size_max, chains ? UINT32_MAX : 4096);
        if (i == 0)
            assert_int_equal(blk_rig_claim(&rig), 0);
        else
            assert_int_equal(virtio_restart(&rig.d->dev), 0);
        assert_int_equal(rig.blk.chain_max == 0, !chains);
        assert_int_equal(read_sectors(&rig, 9 + i, 65536), 0);
        assert_true(blk_rig_is_pattern(buffer, 9 + i, 65536));
        assert_int_equal(device_blk_seen(rig.d, i)->segments, chains ? 1 : 16);
        assert_int_equal(virtio_reset(&rig.d->dev), 0);
    }
    blk_rig_end(&rig);
}

/* Any queue that one request fits into is good; a smaller one is a clear error. */
static void queues_of_all_sizes_work(void **state)
{
    (void)state;
    for (unsigned size = 1; size <= 256; size++) {
        struct blk_rig rig;
        int error;

        plug(&rig);
        device_queue_max(rig.d, 0, (uint16_t)size);
        error = blk_rig_claim(&rig);
        if (size < 4) {
            assert_int_equal(error, -VIRTIO_E_QUEUE);
            assert_non_null(device_logged(rig.d, "a request needs 3"));
            device_free(rig.d);
            continue;
        }
        assert_int_equal(error, 0);
        assert_true(rig.blk.seg_max <= virtqueue_size(rig.blk.queue) - 2);
        assert_int_equal(read_sectors(&rig, 1, 4096), 0);
        assert_true(blk_rig_is_pattern(buffer, 1, 4096));
        blk_rig_end(&rig);
    }
}

/* ---- Life ---- */

static void driver_that_is_not_claimed_refuses_everything(void **state)
{
    struct virtio_blk_request request = transfer(VIRTIO_BLK_T_IN, 0, 512), *done = &request;
    struct virtio_blk blk = {0};
    struct blk_rig rig;

    (void)state;
    assert_int_equal(virtio_blk_submit(&blk, &request), -VIRTIO_E_STATE);
    virtio_blk_kick(&blk);
    assert_int_equal(virtio_blk_poll(&blk, &done), -VIRTIO_E_STATE);
    assert_null(done);
    assert_int_equal(virtio_blk_wait(&blk, &done), -VIRTIO_E_STATE);
    assert_null(done);

    make(&rig);
    assert_int_equal(virtio_release(&rig.bus, &rig.d->dev), 0);
    rig.d->closed = true;
    assert_int_equal(virtio_blk_submit(&rig.blk, &request), -VIRTIO_E_STATE);
    virtio_blk_kick(&rig.blk);
    assert_int_equal(virtio_blk_poll(&rig.blk, &done), -VIRTIO_E_STATE);
    assert_int_equal(virtio_blk_wait(&rig.blk, &done), -VIRTIO_E_STATE);
    device_free(rig.d);
}

/* A write that the host has begun is not cut off: what is in flight is drained before the reset. */
static void release_drains_what_is_in_flight(void **state)
{
    struct virtio_blk_request request = transfer(VIRTIO_BLK_T_OUT, 10, 512);
    struct blk_rig rig;

    (void)state;
    make(&rig);
    memset(buffer, 0x5a, 512);
    device_delay(rig.d, 3 * DEVICE_MILLISECOND);
    assert_int_equal(virtio_blk_submit(&rig.blk, &request), 0);
    virtio_blk_kick(&rig.blk);
    assert_int_equal(virtio_release(&rig.bus, &rig.d->dev), 0);
    assert_int_equal(request.request.state, VIRTIO_REQUEST_DONE);
    assert_true(launcher_blk_read(rig.d->host, 10, buffer + 512, 1));
    assert_memory_equal(buffer + 512, buffer, 512);
    assert_string_equal(device_statuses(rig.d), "0 1 3 b f 0 1");
    device_free(rig.d);
}

/* One that it has not been told of is told of it, not waited for. */
static void release_finishes_what_was_submitted_and_not_kicked(void **state)
{
    struct virtio_blk_request request = transfer(VIRTIO_BLK_T_OUT, 10, 512);
    struct blk_rig rig;

    (void)state;
    make(&rig);
    assert_int_equal(virtio_blk_submit(&rig.blk, &request), 0);
    assert_int_equal(virtio_release(&rig.bus, &rig.d->dev), 0);
    assert_int_equal(request.request.state, VIRTIO_REQUEST_DONE);
    assert_null(device_logged(rig.d, "was not answered"));
    device_free(rig.d);
}

static void release_of_a_disk_that_never_answers_ends_at_the_deadline(void **state)
{
    struct virtio_blk_request request = transfer(VIRTIO_BLK_T_OUT, 10, 512);
    struct blk_rig rig;
    uint64_t start;

    (void)state;
    make(&rig);
    device_delay(rig.d, DEVICE_NEVER);
    assert_int_equal(virtio_blk_submit(&rig.blk, &request), 0);
    virtio_blk_kick(&rig.blk);
    start = rig.d->now;
    assert_int_equal(virtio_release(&rig.bus, &rig.d->dev), 0);
    assert_true(rig.d->now - start < 101 * DEVICE_MILLISECOND);
    assert_int_equal(request.request.state, VIRTIO_REQUEST_DEAD);
    assert_int_equal(rig.d->dev.state, VIRTIO_CLEAN);
    device_free(rig.d);
}

/* The line about a timeout says which request of which device it was. */
static void timeout_names_the_request(void **state)
{
    static const struct {
        enum virtio_blk_req_type type;
        const char *line;
    } cases[] = {
        {VIRTIO_BLK_T_IN,
         "00:03.0 blk: read of 4096 bytes at sector 64 was not answered within 100 ms"},
        {VIRTIO_BLK_T_OUT, "write of 4096 bytes at sector 64 was not answered"},
        {VIRTIO_BLK_T_DISCARD, "discard of 4096 bytes at sector 64 was not answered"},
        {VIRTIO_BLK_T_WRITE_ZEROES, "write zeroes of 4096 bytes at sector 64 was not answered"},
        {VIRTIO_BLK_T_FLUSH, "flush was not answered"},
        {VIRTIO_BLK_T_GET_ID, "get id was not answered"},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct virtio_blk_request request = transfer(cases[i].type, 64, 4096);
        struct blk_rig rig;

        plug(&rig);
        blk_rig_offer(&rig, VIRTIO_BLK_F_FLUSH);
        blk_rig_offer(&rig, VIRTIO_BLK_F_DISCARD);
        blk_rig_offer(&rig, VIRTIO_BLK_F_WRITE_ZEROES);
        DEVICE_SET_BLK(rig.d, max_discard_sectors, 8);
        DEVICE_SET_BLK(rig.d, max_discard_seg, 1);
        DEVICE_SET_BLK(rig.d, max_write_zeroes_sectors, 8);
        DEVICE_SET_BLK(rig.d, max_write_zeroes_seg, 1);
        assert_int_equal(blk_rig_claim(&rig), 0);
        device_delay(rig.d, DEVICE_NEVER);
        assert_int_equal(run(&rig, &request), -VIRTIO_E_TIMEOUT);
        assert_int_equal(request.request.state, VIRTIO_REQUEST_DEAD);
        assert_non_null(device_logged(rig.d, cases[i].line));
        blk_rig_end(&rig);
    }
}

/* Nor is a type that the caller has overwritten meanwhile looked up beyond what there is. */
static void timeout_names_a_request_whose_type_was_overwritten(void **state)
{
    struct virtio_blk_request request = transfer(VIRTIO_BLK_T_IN, 64, 4096), *done;
    struct blk_rig rig;

    (void)state;
    make(&rig);
    device_delay(rig.d, DEVICE_NEVER);
    assert_int_equal(virtio_blk_submit(&rig.blk, &request), 0);
    virtio_blk_kick(&rig.blk);
    request.type = (enum virtio_blk_req_type)0x80000000;
    assert_int_equal(virtio_blk_wait(&rig.blk, &done), -VIRTIO_E_TIMEOUT);
    assert_non_null(device_logged(rig.d, "request of 4096 bytes at sector 64 was not answered"));
    blk_rig_end(&rig);
}

/* The queue of before a reset is not the device's any more; a restart makes another. DRV-CLEAN-02 */
static void reset_device_takes_no_request_before_its_restart(void **state)
{
    struct virtio_blk_request request = transfer(VIRTIO_BLK_T_IN, 64, 4096);
    struct blk_rig rig;
    void *before;

    (void)state;
    make(&rig);
    assert_int_equal(virtio_reset(&rig.d->dev), 0);
    before = malloc(rig.d->env.dma_len);
    assert_non_null(before);
    memcpy(before, rig.d->env.dma, rig.d->env.dma_len);
    assert_int_equal(virtio_blk_submit(&rig.blk, &request), -VIRTIO_E_STATE);
    assert_memory_equal(rig.d->env.dma, before, rig.d->env.dma_len); /* not a header either */
    free(before);
    assert_int_equal(virtio_restart(&rig.d->dev), 0);
    assert_int_equal(run(&rig, &request), 0);
    blk_rig_end(&rig);
}

static void default_deadline_of_a_request_is_thirty_seconds(void **state)
{
    struct virtio_blk_request request = transfer(VIRTIO_BLK_T_IN, 64, 4096);
    struct blk_rig rig;

    (void)state;
    make(&rig);
    rig.d->env.deadlines.blk_ns = 0;
    rig.d->relax_ns = 20 * DEVICE_MILLISECOND;
    device_delay(rig.d, DEVICE_NEVER);
    assert_int_equal(run(&rig, &request), -VIRTIO_E_TIMEOUT);
    assert_non_null(device_logged(rig.d, "was not answered within 30000 ms"));
    blk_rig_end(&rig);
}

/* A header or a status byte in a dead stack frame is what late DMA hits; here they live until the reset. */
static void header_and_status_outlive_the_caller_in_the_devices_memory(void **state)
{
    struct virtio_blk_request request = transfer(VIRTIO_BLK_T_IN, 0, 512);
    const struct launcher_chain *chain;
    struct blk_rig rig;

    (void)state;
    make(&rig);
    device_delay(rig.d, DEVICE_MILLISECOND);
    assert_int_equal(virtio_blk_submit(&rig.blk, &request), 0);
    virtio_blk_kick(&rig.blk);
    chain = rig.d->host->queues[0].flight[0];
    assert_in_range(chain->segments[0].address, rig.d->env.dma_bus,
                    rig.d->env.dma_bus + rig.d->env.dma_len - 16);
    assert_in_range(chain->segments[2].address, rig.d->env.dma_bus,
                    rig.d->env.dma_bus + rig.d->env.dma_len - 1);
    assert_int_equal(rig.d->maps, 1); /* the data alone */
    blk_rig_end(&rig);
}

static void request_in_flight_is_not_submitted_again(void **state)
{
    struct virtio_blk_request request = transfer(VIRTIO_BLK_T_IN, 0, 512);
    struct blk_rig rig;

    (void)state;
    make(&rig);
    assert_int_equal(virtio_blk_submit(&rig.blk, &request), 0);
    assert_int_equal(virtio_blk_submit(&rig.blk, &request), -VIRTIO_E_STATE);
    virtio_blk_kick(&rig.blk);
    blk_rig_end(&rig);
}

/* What cannot be mapped leaves the driver as it was: the slot is not lost. */
static void mapping_that_fails_costs_no_slot(void **state)
{
    struct blk_rig rig;

    (void)state;
    make(&rig);
    for (unsigned i = 0; i < 300; i++) {
        rig.d->map_fail_at = rig.d->maps + 1;
        assert_int_equal(read_sectors(&rig, 0, 512), -VIRTIO_E_MAPPING);
    }
    rig.d->map_fail_at = 0;
    assert_int_equal(read_sectors(&rig, 0, 512), 0);
    blk_rig_end(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(read_is_a_header_the_data_and_a_status_byte),
        cmocka_unit_test(write_puts_the_data_on_the_disk),
        cmocka_unit_test(read_only_disk_gets_no_writes),
        cmocka_unit_test(transfer_outside_the_disk_or_of_part_of_a_block_is_invalid),
        cmocka_unit_test(sectors_near_2_to_the_55_are_reached),
        cmocka_unit_test(disk_with_4096_byte_blocks_is_read_in_whole_blocks),
        cmocka_unit_test(data_is_cut_to_size_max_and_seg_max),
        cmocka_unit_test(block_larger_than_size_max_takes_several_segments),
        cmocka_unit_test(status_byte_that_was_never_written_is_an_error),
        cmocka_unit_test(every_status_but_ok_is_an_error),
        cmocka_unit_test(read_with_a_short_used_length_is_an_error),
        cmocka_unit_test(used_length_of_a_write_is_of_no_importance),
        cmocka_unit_test(flush_has_no_data_and_no_sector),
        cmocka_unit_test(discard_and_write_zeroes_carry_one_range),
        cmocka_unit_test(range_limits_of_zero_mean_that_it_cannot_be_done),
        cmocka_unit_test(get_id_has_twenty_bytes_without_a_terminator),
        cmocka_unit_test(id_behind_the_used_length_is_not_believed),
        cmocka_unit_test(unknown_request_type_is_invalid),
        cmocka_unit_test(many_requests_go_out_with_one_kick),
        cmocka_unit_test(shortest_requests_fill_the_queue),
        cmocka_unit_test(request_above_size_max_goes_beside_the_chains),
        cmocka_unit_test(chains_are_used_where_an_operation_needs_one_piece_a_request),
        cmocka_unit_test(restart_changes_between_chains_and_none),
        cmocka_unit_test(queues_of_all_sizes_work),
        cmocka_unit_test(driver_that_is_not_claimed_refuses_everything),
        cmocka_unit_test(release_drains_what_is_in_flight),
        cmocka_unit_test(release_finishes_what_was_submitted_and_not_kicked),
        cmocka_unit_test(release_of_a_disk_that_never_answers_ends_at_the_deadline),
        cmocka_unit_test(timeout_names_the_request),
        cmocka_unit_test(timeout_names_a_request_whose_type_was_overwritten),
        cmocka_unit_test(reset_device_takes_no_request_before_its_restart),
        cmocka_unit_test(default_deadline_of_a_request_is_thirty_seconds),
        cmocka_unit_test(header_and_status_outlive_the_caller_in_the_devices_memory),
        cmocka_unit_test(request_in_flight_is_not_submitted_again),
        cmocka_unit_test(mapping_that_fails_costs_no_slot),
    };

    int failed = cmocka_run_group_tests_name("with chains", tests, NULL, NULL);

    without_chains = true;
    return failed + cmocka_run_group_tests_name("without chains", tests, NULL, NULL);
}
