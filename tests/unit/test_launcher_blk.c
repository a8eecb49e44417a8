/* SPDX-License-Identifier: BSD-2-Clause */
/* The launcher's block device: what it holds, serves and states (VIRTIO 1.4, 5.2). Zones: test_launcher_blk_zoned.c. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "launcher/model.h"
#include "tests/unit/support/raw_blk.h"

#define BIT(feature) (1ull << (feature))

enum {
    SECTORS = 2048,
    IN = VIRTIO_BLK_T_IN,
    OUT = VIRTIO_BLK_T_OUT,
    FLUSH = VIRTIO_BLK_T_FLUSH,
    OK = VIRTIO_BLK_S_OK,
    IOERR = VIRTIO_BLK_S_IOERR,
    UNSUPP = VIRTIO_BLK_S_UNSUPP,
};

static const uint64_t all_ranges =
    BIT(VIRTIO_BLK_F_DISCARD) | BIT(VIRTIO_BLK_F_WRITE_ZEROES) | BIT(VIRTIO_BLK_F_SECURE_ERASE);

static struct raw_blk new_disk(uint64_t features)
{
    return raw_blk_new(&(struct launcher_options){.sectors = SECTORS}, features);
}

/* ---- Reading and writing ---- */

static void what_is_written_is_read(void **state)
{
    struct raw_blk disk = new_disk(0);

    (void)state;
    raw_blk_fill(&disk, 4096, 7);
    assert_int_equal(raw_blk_ask(&disk, OUT, 100, 4096), OK);
    assert_int_equal(disk.used_length, 1);
    memset(raw_at(disk.raw, disk.buffer), 0xaa, 8192);
    assert_int_equal(raw_blk_ask(&disk, IN, 100, 4096), OK);
    assert_int_equal(disk.used_length, 4097);
    assert_true(raw_blk_holds(&disk, 4096, 7));
    assert_int_equal(raw_blk_ask(&disk, IN, SECTORS - 1, 512), OK);
    assert_true(raw_blk_all(&disk, 512, 0));
    raw_blk_free(&disk);
}

/* DEV-SPLIT-03: bytes count, not pieces: header and status may share descriptors with data. */
static void pieces_do_not_matter(void **state)
{
    struct raw_blk disk = new_disk(0);
    uint64_t at = raw_alloc(disk.raw, 4096);
    struct raw_used used;

    (void)state;
    raw_put32(disk.raw, at, OUT);
    raw_put64(disk.raw, at + 8, 5);
    memset(raw_at(disk.raw, at + 16), 0x5c, 512);
    RAW_ADD(disk.queue, {at, 7, RAW_READ}, {at + 7, 300, RAW_READ}, {at + 307, 221, RAW_READ},
            {at + 1024, 1, RAW_WRITE});
    (void)raw_kick(disk.queue);
    assert_true(raw_used(disk.queue, &used));
    raw_put32(disk.raw, at, IN);
    *(uint8_t *)raw_at(disk.raw, at + 2048 + 512) = RAW_BLK_NO_STATUS;
    RAW_ADD(disk.queue, {at, 16, RAW_READ}, {at + 2048, 513, RAW_WRITE});
    (void)raw_kick(disk.queue);
    assert_true(raw_used(disk.queue, &used));
    assert_int_equal(used.length, 513);
    assert_memory_equal(raw_at(disk.raw, at + 2048), raw_at(disk.raw, at + 16), 512);
    assert_int_equal(*(uint8_t *)raw_at(disk.raw, at + 2048 + 512), OK);
    raw_blk_free(&disk);
}

static void a_file_is_a_disk(void **state)
{
    char name[] = "/tmp/launcher-blk-XXXXXX";
    int file = mkstemp(name);
    struct raw_blk disk;
    uint8_t bytes[512];

    (void)state;
    assert_true(file >= 0);
    assert_int_equal(ftruncate(file, 64 * 512), 0);
    disk = raw_blk_new(&(struct launcher_options){.file = name},
                       BIT(VIRTIO_BLK_F_FLUSH) | BIT(VIRTIO_BLK_F_WRITE_ZEROES));
    assert_int_equal(RAW_BLK_CONFIG(&disk, capacity), 64);
    raw_blk_fill(&disk, 1024, 3);
    assert_int_equal(raw_blk_ask(&disk, OUT, 62, 1024), OK);
    assert_int_equal(raw_blk_ask(&disk, FLUSH, 0, 0), OK);
    assert_int_equal(pread(file, bytes, 512, 62 * 512), 512);
    assert_memory_equal(bytes, raw_at(disk.raw, disk.buffer), 512);
    assert_int_equal(
        raw_blk_ranges(&disk, VIRTIO_BLK_T_WRITE_ZEROES, &(struct launcher_blk_part){62, 1, 1}, 1),
        OK);
    assert_int_equal(pread(file, bytes, 512, 62 * 512), 512);
    assert_int_equal(bytes[0] | bytes[511], 0);
    /* DEV-BLK-34: a file keeps its sectors. */
    assert_int_equal(RAW_BLK_CONFIG(&disk, write_zeroes_may_unmap), 0);
    raw_blk_free(&disk);
    assert_int_equal(close(file), 0);
    assert_int_equal(unlink(name), 0);
    assert_null(launcher_new(
        &(struct launcher_options){.type = VIRTIO_ID_BLOCK, .file = name, .sectors = 1}));
    assert_int_equal(errno, ENOENT);
}

static void a_disk_may_be_larger_than_memory(void **state)
{
    const uint64_t sectors = 1ull << 50;
    struct raw_blk disk = raw_blk_new(&(struct launcher_options){.sectors = sectors}, 0);

    (void)state;
    assert_int_equal(RAW_BLK_CONFIG(&disk, capacity), sectors);
    for (uint64_t sector = 1; sector < sectors; sector *= 2) {
        raw_blk_fill(&disk, 1024, (uint8_t)sector);
        assert_int_equal(raw_blk_ask(&disk, OUT, sectors - sector - 1, 1024), OK);
        memset(raw_at(disk.raw, disk.buffer), 0, 1024);
        assert_int_equal(raw_blk_ask(&disk, IN, sectors - sector - 1, 1024), OK);
        assert_true(raw_blk_holds(&disk, 1024, (uint8_t)sector));
    }
    raw_blk_free(&disk);
}

/* DEV-BLK-27, DEV-BLK-28: writes to a read-only disk fail and change nothing. */
static void a_read_only_disk_is_not_written(void **state)
{
    static const uint32_t types[] = {OUT, VIRTIO_BLK_T_DISCARD, VIRTIO_BLK_T_WRITE_ZEROES,
                                     VIRTIO_BLK_T_SECURE_ERASE};
    struct raw_blk disk =
        raw_blk_new(&(struct launcher_options){.sectors = SECTORS, .read_only = true},
                    BIT(VIRTIO_BLK_F_RO) | all_ranges);
    uint8_t bytes[512] = {1}, after[512];

    (void)state;
    assert_true(launcher_blk_write(disk.dev, 0, bytes, 1));
    for (unsigned i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        uint8_t status = types[i] == OUT ? raw_blk_ask(&disk, OUT, 0, 512)
                                         : raw_blk_ranges(&disk, types[i],
                                                          &(struct launcher_blk_part){0, 1, 0}, 1);

        assert_int_equal(status, IOERR);
        assert_true(launcher_blk_read(disk.dev, 0, after, 1));
        assert_memory_equal(after, bytes, sizeof(bytes));
    }
    assert_int_equal(raw_blk_ask(&disk, IN, 0, 512), OK);
    raw_blk_free(&disk);
}

/* Errors at sectors, and by faults: the driver is told, and the status is the one that was wished for. */
static void errors_come_where_they_are_wished(void **state)
{
    struct raw_blk disk = new_disk(BIT(VIRTIO_BLK_F_WRITE_ZEROES));
    uint8_t seen;

    (void)state;
    launcher_blk_fail(disk.dev, 10, 2, IOERR, 0);
    assert_int_equal(raw_blk_ask(&disk, IN, 8, 1024), OK);
    assert_int_equal(raw_blk_ask(&disk, IN, 8, 1536), IOERR);
    assert_int_equal(disk.used_length, 0); /* nothing in front of the status was written */
    assert_int_equal(raw_blk_ask(&disk, OUT, 11, 512), IOERR);
    assert_int_equal(raw_blk_ask(&disk, IN, 12, 512), OK);
    assert_int_equal(
        raw_blk_ranges(&disk, VIRTIO_BLK_T_WRITE_ZEROES, &(struct launcher_blk_part){0, 11, 0}, 1),
        IOERR);
    launcher_blk_fail(disk.dev, 0, UINT64_MAX, 99, 1);
    assert_int_equal(raw_blk_ask(&disk, IN, 500, 512), 99);
    assert_int_equal(raw_blk_ask(&disk, IN, 500, 512), OK);

    launcher_fault_arm(disk.dev, LAUNCHER_FAULT_IO_ERROR, 1, 1, 0);
    assert_int_equal(raw_blk_ask(&disk, IN, 0, 512), OK);
    assert_int_equal(raw_blk_ask(&disk, IN, 0, 512), IOERR);
    launcher_fault_arm(disk.dev, LAUNCHER_FAULT_STATUS_UNWRITTEN, 0, 1, 0);
    seen = raw_blk_ask(&disk, IN, 0, 512);
    assert_int_equal(seen, RAW_BLK_NO_STATUS);
    assert_true(disk.used);
    assert_int_equal(disk.used_length, 512);
    raw_blk_free(&disk);
}

static void requests_are_remembered(void **state)
{
    struct raw_blk disk = new_disk(all_ranges);
    const struct launcher_blk_seen *seen;
    size_t count;

    (void)state;
    (void)raw_blk_pieces(&disk, IN, 9, (const uint32_t[]){512, 1024}, 2, true);
    (void)raw_blk_ranges(&disk, VIRTIO_BLK_T_DISCARD, &(struct launcher_blk_part){33, 4, 0}, 1);
    seen = launcher_blk_requests(disk.dev, &count);
    assert_int_equal(count, 2);
    assert_int_equal(seen[0].type, IN);
    assert_int_equal(seen[0].sector, 9);
    assert_int_equal(seen[0].data, 1536);
    assert_int_equal(seen[0].segments, 2);
    assert_int_equal(seen[0].longest, 1024);
    assert_int_equal(seen[0].status, OK);
    assert_int_equal(seen[1].first.sector, 33);
    assert_int_equal(seen[1].first.sectors, 4);
    launcher_blk_forget_requests(disk.dev);
    (void)launcher_blk_requests(disk.dev, &count);
    assert_int_equal(count, 0);
    raw_blk_free(&disk);
}

/* ---- What the disk says of itself ---- */

static void the_identifier_is_padded_and_not_terminated(void **state)
{
    struct raw_blk disk = raw_blk_new(
        &(struct launcher_options){.sectors = SECTORS, .serial = "twenty characters ok!"}, 0);

    (void)state;
    memset(raw_at(disk.raw, disk.buffer), 0xaa, 21);
    assert_int_equal(raw_blk_ask(&disk, VIRTIO_BLK_T_GET_ID, 0, 20), OK);
    assert_memory_equal(raw_at(disk.raw, disk.buffer), "twenty characters ok\xaa", 21);
    assert_int_equal(disk.used_length, 21);
    raw_blk_free(&disk);

    disk = raw_blk_new(&(struct launcher_options){.sectors = SECTORS, .serial = "ab"}, 0);
    memset(raw_at(disk.raw, disk.buffer), 0xaa, 20);
    assert_int_equal(raw_blk_ask(&disk, VIRTIO_BLK_T_GET_ID, 0, 20), OK);
    assert_memory_equal(raw_at(disk.raw, disk.buffer), "ab\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20);
    raw_blk_free(&disk);
}

/* DEV-BLK-42, DEV-BLK-43: no disk here has metrics unless a test gives it some, and they are never reserved values. */
static void lifetime_is_offered_by_wish_only(void **state)
{
    struct raw_blk disk = new_disk(0);

    (void)state;
    assert_false(raw_offered(disk.raw) >> VIRTIO_BLK_F_LIFETIME & 1);
    assert_int_equal(raw_blk_ask(&disk, VIRTIO_BLK_T_GET_LIFETIME, 0, 6), UNSUPP);
    raw_blk_free(&disk);

    disk = raw_blk_new(
        &(struct launcher_options){.sectors = SECTORS, .features = BIT(VIRTIO_BLK_F_LIFETIME)},
        BIT(VIRTIO_BLK_F_LIFETIME));
    launcher_blk_set_lifetime(disk.dev, 2, 12, 4);
    assert_int_equal(raw_blk_ask(&disk, VIRTIO_BLK_T_GET_LIFETIME, 0, 6), OK);
    assert_int_equal(raw_get16(disk.raw, disk.buffer), 2);
    assert_int_equal(raw_get16(disk.raw, disk.buffer + 2), 11);
    assert_int_equal(raw_get16(disk.raw, disk.buffer + 4), 4);
    raw_blk_free(&disk);
}

/* DEV-BLK-01, DEV-BLK-02, DEV-BLK-04, DEV-BLK-05: offers, padding, and the limits of its requests. */
static void the_configuration_states_what_the_options_say(void **state)
{
    struct raw_blk disk = raw_blk_new(
        &(struct launcher_options){
            .sectors = SECTORS, .block_size = 4096, .queues = 3, .queue_size = 64},
        BIT(VIRTIO_BLK_F_MQ));
    uint64_t offered = raw_offered(disk.raw);

    (void)state;
    assert_int_equal(offered >> VIRTIO_BLK_F_FLUSH & 1, 1);
    assert_int_equal(offered >> VIRTIO_BLK_F_CONFIG_WCE & 1, 1);
    assert_int_equal(offered >> VIRTIO_BLK_F_ZONED & 1, 0);
    assert_int_equal(offered >> VIRTIO_BLK_F_RO & 1, 0);
    assert_int_equal(RAW_BLK_CONFIG(&disk, capacity), SECTORS);
    assert_int_equal(RAW_BLK_CONFIG(&disk, seg_max), 62);
    assert_int_equal(RAW_BLK_CONFIG(&disk, blk_size), 4096);
    assert_int_equal(RAW_BLK_CONFIG(&disk, num_queues), 3);
    assert_int_equal(RAW_BLK_CONFIG(&disk, physical_block_exp), 0);
    assert_int_equal(RAW_BLK_CONFIG(&disk, min_io_size), 1);
    assert_int_equal(RAW_BLK_CONFIG(&disk, discard_sector_alignment), 8);
    assert_int_equal(raw_config(disk.raw, offsetof(struct virtio_blk_config, unused0), 1), 0);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(raw_config(disk.raw, offsetof(struct virtio_blk_config, unused1) + i, 1),
                         0);
    raw_blk_free(&disk);
}

/* DEV-BLK-25, DEV-BLK-26, DEV-BLK-35, DEV-BLK-36: changes are told. */
static void changes_are_told(void **state)
{
    struct raw_blk disk = new_disk(BIT(VIRTIO_BLK_F_WRITE_ZEROES));
    uint32_t generation = raw_get(disk.raw, RAW_COMMON(config_generation));
    unsigned interrupts = disk.raw->interrupts;

    (void)state;
    launcher_blk_resize(disk.dev, 3 * SECTORS);
    assert_int_equal(RAW_BLK_CONFIG(&disk, capacity), 3 * SECTORS);
    assert_int_equal(disk.raw->interrupts, interrupts + 1);
    assert_int_not_equal(raw_get(disk.raw, RAW_COMMON(config_generation)), generation);
    assert_int_equal(raw_blk_ask(&disk, IN, 3 * SECTORS - 1, 512), OK);
    interrupts = disk.raw->interrupts;
    assert_int_equal(RAW_BLK_CONFIG(&disk, write_zeroes_may_unmap), 1);
    launcher_blk_set_may_unmap(disk.dev, false);
    assert_int_equal(RAW_BLK_CONFIG(&disk, write_zeroes_may_unmap), 0);
    assert_int_equal(disk.raw->interrupts, interrupts + 1);
    raw_blk_free(&disk);
}

/* ---- Ranges ---- */

/* DEV-BLK-31, DEV-BLK-32, DEV-BLK-33, DEV-BLK-34: what reads as zeroes, and what is taken away. */
static void ranges_are_zeroed_and_unmapped(void **state)
{
    struct raw_blk disk = new_disk(all_ranges);
    const struct launcher_blk_part parts[] = {{1, 2, 0}, {40, 100, 0}};

    (void)state;
    for (unsigned unmap = 0; unmap < 2; unmap++) {
        raw_blk_fill(&disk, 65536, 9);
        assert_int_equal(raw_blk_ask(&disk, OUT, 0, 65536), OK);
        assert_true(launcher_blk_is_mapped(disk.dev, 1));
        assert_int_equal(raw_blk_ranges(&disk, VIRTIO_BLK_T_WRITE_ZEROES,
                                        &(struct launcher_blk_part){1, 2, unmap}, 1),
                         OK);
        assert_int_equal(raw_blk_ask(&disk, IN, 1, 1024), OK);
        assert_true(raw_blk_all(&disk, 1024, 0));
        assert_int_equal(launcher_blk_is_mapped(disk.dev, 1), unmap == 0);
        assert_true(launcher_blk_is_mapped(disk.dev, 3));
    }
    assert_int_equal(raw_blk_ranges(&disk, VIRTIO_BLK_T_DISCARD, parts, 2), OK);
    assert_false(launcher_blk_is_mapped(disk.dev, 2));
    assert_false(launcher_blk_is_mapped(disk.dev, 100));
    assert_true(launcher_blk_is_mapped(disk.dev, 0));
    assert_int_equal(
        raw_blk_ranges(&disk, VIRTIO_BLK_T_SECURE_ERASE, &(struct launcher_blk_part){0, 1, 0}, 1),
        OK);
    assert_false(launcher_blk_is_mapped(disk.dev, 0));
    raw_blk_free(&disk);
}

/* DEV-BLK-29, DEV-BLK-30: unknown flags, and unmap in a discard, are refused, and nothing is done. */
static void flags_that_are_not_known_are_refused(void **state)
{
    static const struct {
        uint32_t type, flags;
    } cases[] = {
        {VIRTIO_BLK_T_DISCARD, 2},          {VIRTIO_BLK_T_DISCARD, 1},
        {VIRTIO_BLK_T_WRITE_ZEROES, 2},     {VIRTIO_BLK_T_WRITE_ZEROES, 0x80000001},
        {VIRTIO_BLK_T_SECURE_ERASE, 0x100},
    };
    struct raw_blk disk = new_disk(all_ranges);

    (void)state;
    raw_blk_fill(&disk, 512, 1);
    assert_int_equal(raw_blk_ask(&disk, OUT, 0, 512), OK);
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct launcher_blk_part parts[] = {{0, 1, 0}, {0, 1, cases[i].flags}};

        assert_int_equal(raw_blk_ranges(&disk, cases[i].type, parts, 2), UNSUPP);
        assert_true(launcher_blk_is_mapped(disk.dev, 0));
    }
    launcher_forget_violations(disk.dev);
    raw_blk_free(&disk);
}

static void ranges_that_were_not_negotiated_are_not_served(void **state)
{
    struct raw_blk disk = new_disk(0);

    (void)state;
    for (uint32_t type = VIRTIO_BLK_T_DISCARD; type <= VIRTIO_BLK_T_SECURE_ERASE; type++)
        if (type != 12)
            assert_int_equal(raw_blk_ranges(&disk, type, &(struct launcher_blk_part){0, 1, 0}, 1),
                             UNSUPP);
    assert_int_equal(raw_blk_ask(&disk, 77, 0, 512), UNSUPP);
    raw_blk_free(&disk);
    /* Such a device never answers one. */
    disk = raw_blk_new(&(struct launcher_options){.sectors = SECTORS,
                                                  .queue_size = 256, /* that it insists on */
                                                  .personality = launcher_personality("kvmtool")},
                       0);
    (void)raw_blk_ranges(&disk, VIRTIO_BLK_T_DISCARD, &(struct launcher_blk_part){0, 1, 0}, 1);
    assert_false(disk.used);
    assert_int_equal(raw_blk_ask(&disk, IN, 0, 512), OK);
    assert_int_equal(disk.used_length, 512); /* leaves the status byte out */
    raw_blk_free(&disk);
}

/* ---- The cache ---- */

/* DEV-BLK-37, DEV-BLK-38, DEV-BLK-39: what is on stable storage when. */
static void writes_are_stable_when_they_have_to_be(void **state)
{
    const uint64_t flush = BIT(VIRTIO_BLK_F_FLUSH), wce = BIT(VIRTIO_BLK_F_CONFIG_WCE);
    struct raw_blk disk = new_disk(0); /* neither */
    uint64_t commits;

    (void)state;
    raw_blk_fill(&disk, 512, 1);
    assert_int_equal(raw_blk_ask(&disk, OUT, 0, 512), OK);
    assert_false(launcher_blk_is_volatile(disk.dev, 0));
    raw_blk_free(&disk);

    disk = new_disk(flush);
    raw_blk_fill(&disk, 512, 1);
    assert_int_equal(raw_blk_ask(&disk, OUT, 0, 512), OK);
    assert_true(launcher_blk_is_volatile(disk.dev, 0));
    commits = launcher_blk_commits(disk.dev);
    assert_int_equal(raw_blk_ask(&disk, FLUSH, 0, 0), OK);
    assert_int_equal(launcher_blk_commits(disk.dev), commits + 1);
    assert_false(launcher_blk_is_volatile(disk.dev, 0));
    assert_int_equal(raw_blk_ask(&disk, OUT, 1, 512), OK);
    launcher_blk_cut_power(disk.dev);
    assert_int_equal(raw_blk_ask(&disk, IN, 0, 512), OK);
    assert_true(raw_blk_holds(&disk, 512, 1));
    assert_int_equal(raw_blk_ask(&disk, IN, 1, 512), OK);
    assert_true(raw_blk_all(&disk, 512, 0));
    raw_blk_free(&disk);

    disk = new_disk(flush | wce);
    assert_int_equal(RAW_BLK_CONFIG(&disk, writeback), 1);
    launcher_write(disk.dev, disk.raw->config.region,
                   disk.raw->config.offset + offsetof(struct virtio_blk_config, writeback), 1, 0);
    assert_int_equal(RAW_BLK_CONFIG(&disk, writeback), 0);
    assert_int_equal(raw_blk_ask(&disk, OUT, 2, 512), OK);
    assert_false(launcher_blk_is_volatile(disk.dev, 2));
    raw_blk_free(&disk);
}

/* DEV-BLK-03: without FLUSH, a cache that can be toggled starts as writethrough. */
static void the_mode_follows_from_the_features(void **state)
{
    struct raw_blk disk = new_disk(BIT(VIRTIO_BLK_F_CONFIG_WCE));

    (void)state;
    assert_int_equal(RAW_BLK_CONFIG(&disk, writeback), 0);
    assert_int_equal(raw_blk_ask(&disk, OUT, 0, 512), OK);
    assert_false(launcher_blk_is_volatile(disk.dev, 0));
    raw_blk_free(&disk);
    /* Without CONFIG_WCE it cannot be toggled. */
    disk = new_disk(BIT(VIRTIO_BLK_F_FLUSH));
    launcher_write(disk.dev, disk.raw->config.region,
                   disk.raw->config.offset + offsetof(struct virtio_blk_config, writeback), 1, 0);
    assert_int_equal(raw_blk_ask(&disk, OUT, 0, 512), OK);
    assert_true(launcher_blk_is_volatile(disk.dev, 0));
    raw_blk_free(&disk);
    /* DEV-BLK-40: a disk without FLUSH commits at once. */
    disk = raw_blk_new(&(struct launcher_options){.sectors = SECTORS,
                                                  .only_features = true,
                                                  .features = BIT(VIRTIO_F_VERSION_1)},
                       0);
    assert_int_equal(raw_blk_ask(&disk, OUT, 0, 512), OK);
    assert_false(launcher_blk_is_volatile(disk.dev, 0));
    raw_blk_free(&disk);
}

/* ---- Drivers that err: the device survives ---- */

static void nonsense_is_answered_with_an_error(void **state)
{
    struct raw_blk disk = new_disk(all_ranges);

    (void)state;
    assert_int_equal(raw_blk_ask(&disk, IN, SECTORS, 512), IOERR);
    assert_int_equal(raw_blk_ask(&disk, IN, UINT64_MAX, 512), IOERR);
    assert_int_equal(raw_blk_ask(&disk, OUT, 0, 511), IOERR);
    assert_int_equal(raw_blk_ask(&disk, VIRTIO_BLK_T_DISCARD, 0, 15), IOERR);
    assert_int_equal(raw_blk_ask(&disk, VIRTIO_BLK_T_DISCARD, 0, 16 * 17), IOERR);
    assert_int_equal(raw_blk_ranges(&disk, VIRTIO_BLK_T_WRITE_ZEROES,
                                    &(struct launcher_blk_part){UINT64_MAX, 1, 0}, 1),
                     IOERR);
    assert_int_equal(raw_blk_ranges(&disk, VIRTIO_BLK_T_WRITE_ZEROES,
                                    &(struct launcher_blk_part){0, UINT32_MAX, 0}, 1),
                     IOERR);
    RAW_ADD(disk.queue, {disk.buffer, 15, RAW_READ}, {disk.buffer, 1, RAW_WRITE});
    RAW_ADD(disk.queue, {disk.buffer, 16, RAW_READ});
    (void)raw_kick(disk.queue);
    assert_int_equal(disk.dev->queues[0].flight_count, 0);
    launcher_forget_violations(disk.dev);
    raw_blk_free(&disk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(pieces_do_not_matter),
        cmocka_unit_test(a_file_is_a_disk),
        cmocka_unit_test(a_disk_may_be_larger_than_memory),
        cmocka_unit_test(a_read_only_disk_is_not_written),
        cmocka_unit_test(errors_come_where_they_are_wished),
        cmocka_unit_test(requests_are_remembered),
        cmocka_unit_test(the_identifier_is_padded_and_not_terminated),
        cmocka_unit_test(lifetime_is_offered_by_wish_only),
        cmocka_unit_test(the_configuration_states_what_the_options_say),
        cmocka_unit_test(changes_are_told),
        cmocka_unit_test(ranges_are_zeroed_and_unmapped),
        cmocka_unit_test(flags_that_are_not_known_are_refused),
        cmocka_unit_test(ranges_that_were_not_negotiated_are_not_served),
        cmocka_unit_test(writes_are_stable_when_they_have_to_be),
        cmocka_unit_test(the_mode_follows_from_the_features),
        cmocka_unit_test(nonsense_is_answered_with_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
