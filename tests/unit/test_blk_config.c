/* SPDX-License-Identifier: BSD-2-Clause */
/* The block driver's configuration (VIRTIO 1.4, 5.2.3 to 5.2.5): features, limits, and disks that state nonsense. */
#include "launcher/model.h"
#include "tests/unit/support/blk_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static int read_sectors(struct blk_rig *rig, uint64_t sector, uint64_t length)
{
    static uint8_t buffer[4096];
    const struct virtio_blk_extent extent = {sector, buffer, length};

    return virtio_blk_read(&rig->blk, &extent, 1);
}

/* DRV-CFG-04: without their features, none of the optional fields is read; the device complains about one that is. */
static void disk_without_optional_features_has_the_defaults(void **state)
{
    struct blk_rig rig;

    (void)state;
    blk_rig_make(&rig);
    assert_int_equal(rig.blk.sectors, 8192);
    assert_int_equal(rig.blk.block_size, 512);
    assert_int_equal(rig.blk.size_max, UINT32_MAX);
    assert_int_equal(rig.blk.seg_max,
                     62); /* what the chains leave of the queue, but for header and status */
    assert_false(rig.blk.read_only || rig.blk.can_flush || rig.blk.can_discard ||
                 rig.blk.can_write_zeroes || rig.blk.zeroes_may_unmap);
    assert_int_equal(rig.blk.topology.physical_block, 512);
    assert_int_equal(rig.blk.topology.min_io, 0);
    assert_int_equal(rig.blk.request_max, VIRTIO_BLK_REQUEST_BYTES);
    blk_rig_end(&rig);
}

/*
 * IMP-BLK-07: capacity and sector counts are in units of 512 bytes, block counts in units of blk_size. DRV-BLK-16; and
 * DRV-BLK-04: writeback, which is offered here too, is never read.
 */
static void disk_with_all_features_has_what_its_fields_say(void **state)
{
    struct blk_rig rig;

    (void)state;
    blk_rig_plug(&rig);
    for (unsigned feature = VIRTIO_BLK_F_SIZE_MAX; feature <= VIRTIO_BLK_F_WRITE_ZEROES; feature++)
        blk_rig_offer(&rig, feature);
    DEVICE_SET_BLK(rig.d, blk_size, 4096);
    DEVICE_SET_BLK(rig.d, size_max, 0x10000);
    DEVICE_SET_BLK(rig.d, seg_max, 10);
    DEVICE_SET_BLK(rig.d, physical_block_exp, 2);
    DEVICE_SET_BLK(rig.d, alignment_offset, 1);
    DEVICE_SET_BLK(rig.d, min_io_size, 4);
    DEVICE_SET_BLK(rig.d, opt_io_size, 100);
    DEVICE_SET_BLK(rig.d, max_discard_sectors, 2048);
    DEVICE_SET_BLK(rig.d, max_discard_seg, 1);
    DEVICE_SET_BLK(rig.d, discard_sector_alignment, 64);
    DEVICE_SET_BLK(rig.d, max_write_zeroes_sectors, 1024);
    DEVICE_SET_BLK(rig.d, max_write_zeroes_seg, 3);
    DEVICE_SET_BLK(rig.d, write_zeroes_may_unmap, 1);
    assert_int_equal(blk_rig_claim(&rig), 0);
    assert_int_equal(rig.blk.sectors, 8192);
    assert_int_equal(rig.blk.block_size, 4096);
    assert_int_equal(rig.blk.size_max, 0x10000);
    assert_int_equal(rig.blk.seg_max, 10);
    assert_true(rig.blk.read_only && rig.blk.can_flush && rig.blk.can_discard &&
                rig.blk.can_write_zeroes && rig.blk.zeroes_may_unmap);
    assert_int_equal(rig.blk.topology.physical_block, 16384);
    assert_int_equal(rig.blk.topology.alignment, 4096);
    assert_int_equal(rig.blk.topology.min_io, 16384);
    assert_int_equal(rig.blk.topology.opt_io, 409600);
    assert_int_equal(rig.blk.discard.max_sectors, 2048);
    assert_int_equal(rig.blk.discard.alignment, 64);
    assert_int_equal(rig.blk.write_zeroes.max_sectors, 1024);
    assert_int_equal(rig.blk.request_max, 0xa0000);
    blk_rig_end(&rig);
}

/* A limit of 0, or one so small that nothing fits, ends in a division or an endless loop elsewhere; here in a sentence. */
static void configuration_that_cannot_be_right_is_refused(void **state)
{
    static const struct {
        unsigned feature;
        size_t offset, width;
        uint64_t value;
        const char *line;
    } cases[] = {
#define BAD(feature, field, value, line)                                                           \
    {feature, offsetof(struct virtio_blk_config, field),                                           \
     sizeof(((struct virtio_blk_config *)0)->field), value, line}
        BAD(VIRTIO_BLK_F_BLK_SIZE, blk_size, 0, "blk_size is 0"),
        BAD(VIRTIO_BLK_F_BLK_SIZE, blk_size, 256, "blk_size is 256"),
        BAD(VIRTIO_BLK_F_BLK_SIZE, blk_size, 513, "blk_size is 513"),
        BAD(VIRTIO_BLK_F_BLK_SIZE, blk_size, 0xffffffff, "blk_size is 4294967295"),
        BAD(VIRTIO_BLK_F_SIZE_MAX, size_max, 0, "size_max is 0"),
        BAD(VIRTIO_BLK_F_SIZE_MAX, size_max, 511, "size_max is 511"),
        BAD(VIRTIO_BLK_F_SEG_MAX, seg_max, 0, "seg_max is 0"),
        BAD(VIRTIO_F_VERSION_1, capacity, 1ull << 55, "capacity is 36028797018963968"),
        BAD(VIRTIO_F_VERSION_1, capacity, UINT64_MAX, "capacity is 18446744073709551615"),
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct blk_rig rig;

        blk_rig_plug(&rig);
        blk_rig_offer(&rig, cases[i].feature);
        device_set_config(rig.d, cases[i].offset, cases[i].width, cases[i].value);
        assert_int_equal(blk_rig_claim(&rig), -VIRTIO_E_CONFIG);
        assert_non_null(device_logged(rig.d, cases[i].line));
        assert_string_equal(device_statuses(rig.d), "0 1 3 b 8b 0 1");
        device_free(rig.d);
    }
}

/* One block does not fit into all segments of a request together. */
static void limits_that_leave_no_room_for_a_block_are_refused(void **state)
{
    struct blk_rig rig;

    (void)state;
    blk_rig_plug(&rig);
    blk_rig_offer(&rig, VIRTIO_BLK_F_BLK_SIZE);
    blk_rig_offer(&rig, VIRTIO_BLK_F_SIZE_MAX);
    blk_rig_offer(&rig, VIRTIO_BLK_F_SEG_MAX);
    DEVICE_SET_BLK(rig.d, blk_size, 4096);
    DEVICE_SET_BLK(rig.d, size_max, 512);
    DEVICE_SET_BLK(rig.d, seg_max, 7);
    assert_int_equal(blk_rig_claim(&rig), -VIRTIO_E_CONFIG);
    device_free(rig.d);
}

static void configuration_that_is_too_short_is_refused(void **state)
{
    struct blk_rig rig;

    (void)state;
    blk_rig_plug(&rig);
    rig.d->function->device.length = 4;
    device_pci_fill(rig.d);
    assert_int_equal(blk_rig_claim(&rig), -VIRTIO_E_CONFIG);
    assert_non_null(device_logged(rig.d, "configuration field at 0 (8 bytes) is outside its 4"));
    device_free(rig.d);
}

/* DRV-CFG-06: whatever the length, a field is read in full or not at all; the device complains about one beyond its end. */
static void configuration_of_any_length_is_read_or_refused(void **state)
{
    (void)state;
    for (unsigned length = 0; length <= 96; length++) {
        struct blk_rig rig;
        int error;

        blk_rig_plug(&rig);
        for (unsigned feature = VIRTIO_BLK_F_SIZE_MAX; feature <= VIRTIO_BLK_F_ZONED; feature++)
            blk_rig_offer(&rig, feature);
        DEVICE_SET_BLK(rig.d, blk_size, 512);
        DEVICE_SET_BLK(rig.d, size_max, 65536);
        DEVICE_SET_BLK(rig.d, seg_max, 16);
        rig.d->function->device.length = length;
        device_pci_fill(rig.d);
        error = blk_rig_claim(&rig);
        assert_int_equal(error, length > 92 ? 0 : -VIRTIO_E_CONFIG);
        rig.d->host->offered &= ~(1ull << VIRTIO_BLK_F_ZONED);
        if (error == 0)
            assert_int_equal(virtio_release(&rig.bus, &rig.d->dev), 0);
        error = virtio_claim(&rig.bus, &rig.d->dev, &virtio_blk_driver, &rig.blk);
        assert_int_equal(error, length > 56 ? 0 : -VIRTIO_E_CONFIG);
        if (error == 0)
            assert_int_equal(virtio_release(&rig.bus, &rig.d->dev), 0);
        rig.d->host->offered &= ~(1ull << VIRTIO_BLK_F_DISCARD | 1ull << VIRTIO_BLK_F_WRITE_ZEROES);
        error = virtio_claim(&rig.bus, &rig.d->dev, &virtio_blk_driver, &rig.blk);
        assert_int_equal(error, length >= 32 ? 0 : -VIRTIO_E_CONFIG);
        device_free(rig.d);
    }
}

/* Hints of a topology that no 32 bits can say are left out, never cut to nonsense. */
static void topology_that_overflows_is_not_stated(void **state)
{
    struct blk_rig rig;

    (void)state;
    blk_rig_plug(&rig);
    blk_rig_offer(&rig, VIRTIO_BLK_F_BLK_SIZE);
    blk_rig_offer(&rig, VIRTIO_BLK_F_TOPOLOGY);
    DEVICE_SET_BLK(rig.d, blk_size, 65536);
    DEVICE_SET_BLK(rig.d, physical_block_exp, 16);
    DEVICE_SET_BLK(rig.d, min_io_size, 65535);
    DEVICE_SET_BLK(rig.d, opt_io_size, 65536);
    assert_int_equal(blk_rig_claim(&rig), 0);
    assert_int_equal(rig.blk.topology.physical_block, 65536);
    assert_int_equal(rig.blk.topology.min_io, 0xffff0000);
    assert_int_equal(rig.blk.topology.opt_io, 0);
    blk_rig_end(&rig);

    for (unsigned exp = 17; exp < 256; exp += 14) {
        blk_rig_plug(&rig);
        blk_rig_offer(&rig, VIRTIO_BLK_F_TOPOLOGY);
        DEVICE_SET_BLK(rig.d, physical_block_exp, exp);
        assert_int_equal(blk_rig_claim(&rig), 0);
        assert_true(rig.blk.topology.physical_block >= 512);
        blk_rig_end(&rig);
    }
}

static void part_of_a_block_at_the_end_is_left_out(void **state)
{
    struct blk_rig rig;

    (void)state;
    blk_rig_plug(&rig);
    blk_rig_offer(&rig, VIRTIO_BLK_F_BLK_SIZE);
    DEVICE_SET_BLK(rig.d, blk_size, 4096);
    DEVICE_SET_BLK(rig.d, capacity, 8191);
    assert_int_equal(blk_rig_claim(&rig), 0);
    assert_int_equal(rig.blk.sectors, 8184);
    assert_non_null(device_logged(rig.d, "8191 sectors is no whole number of 4096-byte blocks"));
    assert_int_equal(read_sectors(&rig, 8184 - 8, 4096), 0);
    assert_int_equal(read_sectors(&rig, 8184, 4096), -VIRTIO_E_INVALID);
    blk_rig_end(&rig);
}

/* A disk with zones, or with VIRTIO_BLK_F_ZONED and none, that can discard. */
static void plug_zoned(struct blk_rig *rig, const struct launcher_model *model,
                       const struct launcher_zones *zones)
{
    *rig = (struct blk_rig){0};
    rig->d = device_new_with(&(struct launcher_options){
        .type = VIRTIO_ID_BLOCK,
        .model = model,
        .features =
            1ull << VIRTIO_F_VERSION_1 | 1ull << VIRTIO_BLK_F_ZONED | 1ull << VIRTIO_BLK_F_DISCARD,
        .only_features = true,
        .sectors = DEVICE_SECTORS,
        .zones = zones->model != VIRTIO_BLK_Z_NONE ? zones : NULL,
    });
    device_give_memory(rig->d, &virtio_blk_driver, 256);
}

/* DRV-BLK-05, DRV-BLK-06: a driver that knows no zones must not discard on a host-managed disk. DRV-BLK-07 */
static void host_managed_disk_is_not_discarded(void **state)
{
    static const struct {
        uint8_t model;
        bool discard;
    } cases[] = {{VIRTIO_BLK_Z_NONE, true}, {VIRTIO_BLK_Z_HM, false}, {VIRTIO_BLK_Z_HA, true}};
    struct launcher_model lenient = launcher_blk;

    (void)state;
    lenient.agree = NULL; /* takes a driver without zones all the same */
    for (unsigned i = 0; i < 3; i++) {
        const struct launcher_zones zones = {.model = cases[i].model, .sectors = 1024};
        struct blk_rig rig;

        plug_zoned(&rig, &lenient, &zones);
        assert_int_equal(blk_rig_claim(&rig), 0);
        assert_int_equal(rig.blk.can_discard, cases[i].discard);
        assert_int_equal(rig.d->host->accepted >> VIRTIO_BLK_F_DISCARD & 1, cases[i].discard);
        assert_int_equal(rig.d->host->accepted >> VIRTIO_BLK_F_ZONED & 1, 0);
        blk_rig_end(&rig);
    }
}

/* A host-managed disk that does as the specification says refuses such a driver. */
static void host_managed_disk_may_refuse_the_driver(void **state)
{
    static const struct launcher_zones zones = {.model = VIRTIO_BLK_Z_HM, .sectors = 1024};
    struct blk_rig rig;

    (void)state;
    plug_zoned(&rig, NULL, &zones);
    assert_int_equal(blk_rig_claim(&rig), -VIRTIO_E_FEATURES);
    assert_string_equal(device_statuses(rig.d), "0 1 3 b 83 0 1");
    device_free(rig.d);
}

static void largest_request_is_a_whole_number_of_blocks(void **state)
{
    static const struct {
        uint32_t block, size_max, seg_max, most;
    } cases[] = {
        {512, 512, 1, 512},
        {512, 1000, 1, 512},
        {512, 1000, 2, 1536},
        {512, 1 << 20, 254, 1 << 20},
        {4096, 0xffffffff, 0xffffffff, 1 << 20},
        {4096, 6000, 1, 4096},
        {1 << 21, 0xffffffff, 64, 1 << 21},
        {1u << 31, 0xffffffff, 64, 1u << 31},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct blk_rig rig;

        blk_rig_plug(&rig);
        blk_rig_offer(&rig, VIRTIO_BLK_F_BLK_SIZE);
        blk_rig_offer(&rig, VIRTIO_BLK_F_SIZE_MAX);
        blk_rig_offer(&rig, VIRTIO_BLK_F_SEG_MAX);
        DEVICE_SET_BLK(rig.d, blk_size, cases[i].block);
        DEVICE_SET_BLK(rig.d, size_max, cases[i].size_max);
        DEVICE_SET_BLK(rig.d, seg_max, cases[i].seg_max);
        assert_int_equal(blk_rig_claim(&rig), 0);
        assert_int_equal(rig.blk.request_max, cases[i].most);
        blk_rig_end(&rig);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(disk_without_optional_features_has_the_defaults),
        cmocka_unit_test(disk_with_all_features_has_what_its_fields_say),
        cmocka_unit_test(configuration_that_cannot_be_right_is_refused),
        cmocka_unit_test(limits_that_leave_no_room_for_a_block_are_refused),
        cmocka_unit_test(configuration_that_is_too_short_is_refused),
        cmocka_unit_test(configuration_of_any_length_is_read_or_refused),
        cmocka_unit_test(topology_that_overflows_is_not_stated),
        cmocka_unit_test(part_of_a_block_at_the_end_is_left_out),
        cmocka_unit_test(host_managed_disk_is_not_discarded),
        cmocka_unit_test(host_managed_disk_may_refuse_the_driver),
        cmocka_unit_test(largest_request_is_a_whole_number_of_blocks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
