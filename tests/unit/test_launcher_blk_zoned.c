/* SPDX-License-Identifier: BSD-2-Clause */
/* The launcher's zoned block device (VIRTIO 1.4, 5.2.4, 5.2.6), and the rules for drivers of one. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "launcher/model.h"
#include "tests/unit/support/raw_blk.h"

#define BIT(feature) (1ull << (feature))
#define ZONED        BIT(VIRTIO_BLK_F_ZONED)

enum {
    ZONE = 64, /* sectors */
    ROOM = 48, /* that can be written */
    SECTORS = 6 * ZONE + 32,
    CONVENTIONAL = 0, /* sectors in zones of that kind */
    FIRST = ZONE,
    SECOND = 2 * ZONE,
    THIRD = 3 * ZONE,
    FOURTH = 4 * ZONE,
    LAST = 6 * ZONE,
    IN = VIRTIO_BLK_T_IN,
    OUT = VIRTIO_BLK_T_OUT,
    OPEN = VIRTIO_BLK_T_ZONE_OPEN,
    CLOSE = VIRTIO_BLK_T_ZONE_CLOSE,
    FINISH = VIRTIO_BLK_T_ZONE_FINISH,
    RESET = VIRTIO_BLK_T_ZONE_RESET,
    RESET_ALL = VIRTIO_BLK_T_ZONE_RESET_ALL,
    REPORT = VIRTIO_BLK_T_ZONE_REPORT,
    APPEND = VIRTIO_BLK_T_ZONE_APPEND,
    OK = VIRTIO_BLK_S_OK,
    INVALID = VIRTIO_BLK_S_ZONE_INVALID_CMD,
    UNALIGNED = VIRTIO_BLK_S_ZONE_UNALIGNED_WP,
    NO_OPEN = VIRTIO_BLK_S_ZONE_OPEN_RESOURCE,
    NO_ACTIVE = VIRTIO_BLK_S_ZONE_ACTIVE_RESOURCE,
    UNSUPP = VIRTIO_BLK_S_UNSUPP,
};

static const struct launcher_zones managed = {
    .model = VIRTIO_BLK_Z_HM,
    .sectors = ZONE,
    .capacity = ROOM,
    .conventional = 1,
    .max_open = 2,
    .max_active = 3,
    .max_append = 16,
    .write_granularity = 1024,
};

static struct raw_blk zoned_disk(const struct launcher_zones *zones, uint64_t features)
{
    return raw_blk_new(&(struct launcher_options){.sectors = SECTORS, .zones = zones},
                       ZONED | features);
}

static uint8_t state_of(const struct raw_blk *disk, uint64_t sector)
{
    struct virtio_blk_zone_descriptor zone;

    assert_true(launcher_blk_zone(disk->dev, sector, &zone));
    return zone.z_state;
}

static uint64_t pointer_of(const struct raw_blk *disk, uint64_t sector)
{
    struct virtio_blk_zone_descriptor zone;

    assert_true(launcher_blk_zone(disk->dev, sector, &zone));
    return zone.z_wp.le;
}

static uint8_t write_at(struct raw_blk *disk, uint64_t sector, uint32_t sectors)
{
    return raw_blk_ask(disk, OUT, sector, sectors * 512);
}

/* A request that the driver should not make; what it gets. */
static uint8_t wrong(struct raw_blk *disk, uint8_t status)
{
    launcher_forget_violations(disk->dev);
    return status;
}

static uint8_t append(struct raw_blk *disk, uint64_t sector, uint32_t sectors, uint64_t *place)
{
    struct raw_driver *raw = disk->raw;
    uint64_t at = raw_alloc(raw, 64);
    struct raw_used used;

    raw_put32(raw, at, APPEND);
    raw_put64(raw, at + 8, sector);
    RAW_ADD(disk->queue, {at, 16, RAW_READ}, {disk->buffer, sectors * 512, RAW_READ},
            {at + 32, 9, RAW_WRITE});
    (void)raw_kick(disk->queue);
    assert_true(raw_used(disk->queue, &used));
    *place = raw_get32(raw, at + 32) | (uint64_t)raw_get32(raw, at + 36) << 32;
    return *(uint8_t *)raw_at(raw, at + 40);
}

/* ---- Negotiation, configuration ---- */

/* DEV-BLK-08, DEV-BLK-07, DEV-BLK-05: who gets on without zones, and what is shown then. */
static void zones_are_negotiated(void **state)
{
    struct launcher_zones aware = managed;
    struct raw_blk disk =
        raw_blk_found(&(struct launcher_options){.sectors = SECTORS, .zones = &managed});

    (void)state;
    assert_false(raw_start(disk.raw, 0));
    assert_true(raw_start(disk.raw, ZONED));
    raw_blk_free(&disk);

    aware.model = VIRTIO_BLK_Z_HA;
    disk = raw_blk_new(&(struct launcher_options){.sectors = SECTORS, .zones = &aware}, 0);
    for (size_t at = offsetof(struct virtio_blk_config, zone_sectors);
         at < sizeof(struct virtio_blk_config); at++)
        assert_int_equal(disk.dev->config[at], 0);
    assert_int_equal(raw_blk_ask(&disk, OUT, FIRST + 20, 512), OK);
    raw_blk_free(&disk);
    /* A drive-managed one has none to show (DEV-BLK-09). */
    disk = raw_blk_new(&(struct launcher_options){.sectors = SECTORS, .features = ZONED}, ZONED);
    assert_int_equal(RAW_BLK_CONFIG(&disk, zoned_model), VIRTIO_BLK_Z_NONE);
    assert_int_equal(raw_blk_ask(&disk, OUT, 20, 512), OK);
    raw_blk_free(&disk);
}

/*
 * DEV-BLK-10, DEV-BLK-11, DEV-BLK-12, DEV-BLK-14, DEV-BLK-15, DEV-BLK-16, DEV-BLK-17, DEV-BLK-18, DEV-BLK-19, DEV-BLK-20: the
 * characteristics.
 */
static void characteristics_are_stated(void **state)
{
    struct launcher_zones zones = managed;
    struct raw_blk disk = zoned_disk(&zones, 0);

    (void)state;
    assert_int_equal(RAW_BLK_CONFIG(&disk, zoned_model), VIRTIO_BLK_Z_HM);
    assert_int_equal(RAW_BLK_CONFIG(&disk, zone_sectors), ZONE);
    assert_int_equal(RAW_BLK_CONFIG(&disk, max_open_zones), 2);
    assert_int_equal(RAW_BLK_CONFIG(&disk, max_active_zones), 3);
    assert_int_equal(RAW_BLK_CONFIG(&disk, max_append_sectors), 16);
    assert_int_equal(RAW_BLK_CONFIG(&disk, write_granularity), 1024);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(raw_config(disk.raw, offsetof(struct virtio_blk_config, unused2) + i, 1),
                         0);
    raw_blk_free(&disk);
    zones.model = VIRTIO_BLK_Z_HA;
    zones.max_append = UINT32_MAX;
    disk = zoned_disk(&zones, 0);
    assert_int_equal(RAW_BLK_CONFIG(&disk, zoned_model), VIRTIO_BLK_Z_HA);
    assert_true(RAW_BLK_CONFIG(&disk, max_append_sectors) * 512 <=
                RAW_BLK_CONFIG(&disk, seg_max) * 65536);
    raw_blk_free(&disk);
}

/* DEV-BLK-13: a report tells of all zones from one on; the last is smaller. */
static void zones_are_reported(void **state)
{
    struct raw_blk disk = zoned_disk(&managed, 0);
    const struct virtio_blk_zone_descriptor *zone;

    (void)state;
    assert_int_equal(write_at(&disk, FIRST, 4), OK);
    assert_int_equal(raw_blk_ask(&disk, REPORT, 5, 64 + 9 * 64 + 60), OK);
    assert_int_equal(raw_get32(disk.raw, disk.buffer), 7);
    assert_int_equal(disk.used_length, 64 + 7 * 64);
    zone = raw_at(disk.raw, disk.buffer + 64);
    assert_int_equal(zone[0].z_type, VIRTIO_BLK_ZT_CONV);
    assert_int_equal(zone[0].z_state, VIRTIO_BLK_ZS_NOT_WP);
    assert_int_equal(zone[1].z_type, VIRTIO_BLK_ZT_SWR);
    assert_int_equal(zone[1].z_state, VIRTIO_BLK_ZS_IOPEN);
    assert_int_equal(zone[1].z_start.le, FIRST);
    assert_int_equal(zone[1].z_wp.le, FIRST + 4);
    assert_int_equal(zone[1].z_cap.le, ROOM);
    assert_int_equal(zone[2].z_state, VIRTIO_BLK_ZS_EMPTY);
    assert_int_equal(zone[6].z_cap.le, 32);
    /* As many as fit. */
    assert_int_equal(raw_blk_ask(&disk, REPORT, THIRD + 1, 64 + 2 * 64), OK);
    assert_int_equal(raw_get32(disk.raw, disk.buffer), 2);
    zone = raw_at(disk.raw, disk.buffer + 64);
    assert_int_equal(zone[0].z_start.le, THIRD);
    raw_blk_free(&disk);
}

/* DEV-BLK-44: zone requests without zones. */
static void zone_requests_need_zones(void **state)
{
    static const uint32_t types[] = {REPORT, OPEN, CLOSE, FINISH, APPEND, RESET, RESET_ALL};
    struct raw_blk disk = raw_blk_new(&(struct launcher_options){.sectors = SECTORS}, 0);

    (void)state;
    for (unsigned i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        assert_int_equal(raw_blk_ask(&disk, types[i], 0, 128), UNSUPP);
    raw_blk_free(&disk);
}

/* ---- States ---- */

/* DEV-BLK-45, DEV-BLK-47, DEV-BLK-49, DEV-BLK-50: transitions that there are, and that there are not. */
static void zones_change_state(void **state)
{
    static const uint32_t types[] = {OPEN, CLOSE, FINISH, RESET};
    struct raw_blk disk = zoned_disk(&managed, 0);

    (void)state;
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(raw_blk_ask(&disk, types[i], CONVENTIONAL, 0), INVALID);
    assert_int_equal(raw_blk_ask(&disk, CLOSE, FIRST, 0), INVALID); /* it is empty */
    assert_int_equal(raw_blk_ask(&disk, OPEN, FIRST, 0), OK);
    assert_int_equal(raw_blk_ask(&disk, OPEN, FIRST, 0), OK);
    assert_int_equal(state_of(&disk, FIRST), VIRTIO_BLK_ZS_EOPEN);
    assert_int_equal(raw_blk_ask(&disk, CLOSE, FIRST, 0), OK);
    assert_int_equal(state_of(&disk, FIRST), VIRTIO_BLK_ZS_EMPTY); /* nothing was written */
    assert_int_equal(write_at(&disk, FIRST, 2), OK);
    assert_int_equal(state_of(&disk, FIRST), VIRTIO_BLK_ZS_IOPEN);
    assert_int_equal(raw_blk_ask(&disk, CLOSE, FIRST, 0), OK);
    assert_int_equal(state_of(&disk, FIRST), VIRTIO_BLK_ZS_CLOSED);
    assert_int_equal(raw_blk_ask(&disk, CLOSE, FIRST, 0), OK);
    assert_int_equal(raw_blk_ask(&disk, OPEN, FIRST, 0), OK);
    assert_int_equal(raw_blk_ask(&disk, FINISH, FIRST, 0), OK);
    assert_int_equal(state_of(&disk, FIRST), VIRTIO_BLK_ZS_FULL);
    assert_int_equal(raw_blk_ask(&disk, FINISH, FIRST, 0), OK);
    assert_int_equal(raw_blk_ask(&disk, OPEN, FIRST, 0), INVALID);
    assert_int_equal(raw_blk_ask(&disk, CLOSE, FIRST, 0), INVALID);
    assert_int_equal(raw_blk_ask(&disk, RESET, FIRST, 0), OK);
    assert_int_equal(state_of(&disk, FIRST), VIRTIO_BLK_ZS_EMPTY);
    assert_int_equal(pointer_of(&disk, FIRST), FIRST);
    assert_int_equal(raw_blk_ask(&disk, RESET, FIRST, 0), OK);
    raw_blk_free(&disk);
}

/* DEV-BLK-48, DEV-BLK-52, DEV-BLK-60: open and active zones are limited; those that a write opened may be closed. */
static void resources_are_limited(void **state)
{
    struct raw_blk disk = zoned_disk(&managed, 0);

    (void)state;
    assert_int_equal(raw_blk_ask(&disk, OPEN, FIRST, 0), OK);
    assert_int_equal(raw_blk_ask(&disk, OPEN, SECOND, 0), OK);
    assert_int_equal(raw_blk_ask(&disk, OPEN, THIRD, 0), NO_OPEN);
    assert_int_equal(state_of(&disk, THIRD), VIRTIO_BLK_ZS_EMPTY);
    assert_int_equal(write_at(&disk, THIRD, 2), NO_OPEN);
    assert_int_equal(raw_blk_ask(&disk, CLOSE, SECOND, 0), OK);
    assert_int_equal(write_at(&disk, SECOND, 2), OK);
    assert_int_equal(write_at(&disk, THIRD, 2), OK); /* closes the second by itself */
    assert_int_equal(state_of(&disk, SECOND), VIRTIO_BLK_ZS_CLOSED);
    assert_int_equal(write_at(&disk, FOURTH, 2), NO_ACTIVE);
    assert_int_equal(raw_blk_ask(&disk, OPEN, FOURTH, 0), NO_ACTIVE);
    assert_int_equal(state_of(&disk, FOURTH), VIRTIO_BLK_ZS_EMPTY);
    assert_int_equal(raw_blk_ask(&disk, RESET_ALL, 0, 0), OK);
    for (uint64_t zone = FIRST; zone <= LAST; zone += ZONE)
        assert_int_equal(state_of(&disk, zone), VIRTIO_BLK_ZS_EMPTY);
    raw_blk_free(&disk);
}

/* DEV-BLK-51, DEV-BLK-61, DEV-BLK-62: zones that have worn out. */
static void worn_out_zones_refuse(void **state)
{
    static const uint32_t types[] = {OPEN, CLOSE, FINISH, RESET};
    struct raw_blk disk = zoned_disk(&managed, 0);
    uint64_t place;

    (void)state;
    assert_int_equal(write_at(&disk, FIRST, 2), OK);
    launcher_blk_wear_out(disk.dev, FIRST, VIRTIO_BLK_ZS_RDONLY);
    assert_int_equal(write_at(&disk, FIRST + 2, 2), INVALID);
    assert_int_equal(append(&disk, FIRST, 2, &place), INVALID);
    assert_int_equal(raw_blk_ask(&disk, IN, FIRST, 1024), OK);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(raw_blk_ask(&disk, types[i], FIRST, 0), INVALID);
    assert_int_equal(state_of(&disk, FIRST), VIRTIO_BLK_ZS_RDONLY);
    launcher_blk_wear_out(disk.dev, FIRST, VIRTIO_BLK_ZS_OFFLINE);
    assert_int_equal(raw_blk_ask(&disk, IN, FIRST, 1024), INVALID);
    assert_int_equal(write_at(&disk, FIRST + 2, 2), INVALID);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(raw_blk_ask(&disk, types[i], FIRST, 0), INVALID);
    raw_blk_free(&disk);
}

/* ---- Reads, writes, appends ---- */

/* DEV-BLK-54, DEV-BLK-58, DEV-BLK-59: writes at the write pointer, within the zone and its room. */
static void writes_are_sequential(void **state)
{
    struct raw_blk disk = zoned_disk(&managed, 0);

    (void)state;
    assert_int_equal(write_at(&disk, FIRST, 8), OK);
    assert_int_equal(pointer_of(&disk, FIRST), FIRST + 8);
    assert_int_equal(wrong(&disk, write_at(&disk, FIRST, 2)), UNALIGNED);
    assert_int_equal(wrong(&disk, write_at(&disk, FIRST + 10, 2)), UNALIGNED);
    assert_int_equal(wrong(&disk, write_at(&disk, FIRST + 8, 1)), UNALIGNED); /* granularity */
    assert_int_equal(wrong(&disk, write_at(&disk, FIRST + 8, 42)), INVALID);  /* beyond the room */
    assert_int_equal(wrong(&disk, write_at(&disk, FIRST + 8, 58)), INVALID);  /* and the zone */
    assert_int_equal(wrong(&disk, raw_blk_ask(&disk, IN, FIRST + 60, 8 * 512)), INVALID);
    assert_int_equal(write_at(&disk, FIRST + 8, 40), OK);
    assert_int_equal(state_of(&disk, FIRST), VIRTIO_BLK_ZS_FULL);
    assert_int_equal(wrong(&disk, write_at(&disk, FIRST + 48, 2)), INVALID);
    assert_int_equal(write_at(&disk, CONVENTIONAL + 7, 3), OK);
    assert_int_equal(write_at(&disk, LAST, 32), OK);
    assert_int_equal(state_of(&disk, LAST), VIRTIO_BLK_ZS_FULL);
    raw_blk_free(&disk);
}

/* DEV-BLK-63, DEV-BLK-64: what is behind the write pointer is unwritten, and reads as zeroes. */
static void a_reset_zone_reads_as_zeroes(void **state)
{
    struct raw_blk disk = zoned_disk(&managed, 0);

    (void)state;
    raw_blk_fill(&disk, 4096, 1);
    assert_int_equal(write_at(&disk, FIRST, 8), OK);
    assert_int_equal(raw_blk_ask(&disk, RESET, FIRST, 0), OK);
    assert_int_equal(raw_blk_ask(&disk, IN, FIRST, 8192), OK);
    assert_true(raw_blk_all(&disk, 8192, 0));
    raw_blk_free(&disk);
}

/* DEV-BLK-46, DEV-BLK-53, DEV-BLK-55, DEV-BLK-56, DEV-BLK-57: appends. */
static void appends_tell_where_they_went(void **state)
{
    struct launcher_zones zones = managed;
    struct raw_blk disk = zoned_disk(&managed, 0);
    uint64_t place;

    (void)state;
    assert_int_equal(append(&disk, FIRST, 4, &place), OK);
    assert_int_equal(place, FIRST);
    raw_blk_fill(&disk, 1024, 5);
    assert_int_equal(append(&disk, FIRST, 2, &place), OK);
    assert_int_equal(place, FIRST + 4);
    memset(raw_at(disk.raw, disk.buffer), 0, 1024);
    assert_int_equal(raw_blk_ask(&disk, IN, FIRST + 4, 1024), OK);
    assert_true(raw_blk_holds(&disk, 1024, 5));
    assert_int_equal(append(&disk, CONVENTIONAL, 2, &place), INVALID);
    assert_int_equal(wrong(&disk, append(&disk, FIRST + 6, 2, &place)), INVALID);
    assert_int_equal(wrong(&disk, append(&disk, FIRST, 18, &place)), INVALID);
    raw_blk_free(&disk);
    zones.max_append = 0;
    disk = zoned_disk(&zones, 0);
    assert_int_equal(wrong(&disk, append(&disk, FIRST, 2, &place)), UNSUPP);
    raw_blk_free(&disk);
}

/* Host-aware zones prefer sequential writes, and take others. */
static void preferred_zones_take_writes_anywhere(void **state)
{
    struct launcher_zones zones = managed;
    struct raw_blk disk;
    uint64_t place;

    (void)state;
    zones.model = VIRTIO_BLK_Z_HA;
    disk = zoned_disk(&zones, 0);
    assert_int_equal(write_at(&disk, FIRST + 10, 2), OK);
    assert_int_equal(pointer_of(&disk, FIRST), FIRST + 12);
    assert_int_equal(write_at(&disk, FIRST, 2), OK);
    assert_int_equal(pointer_of(&disk, FIRST), FIRST + 12);
    assert_int_equal(write_at(&disk, FIRST + 60, 8), OK); /* two zones */
    assert_int_equal(pointer_of(&disk, SECOND), SECOND + 4);
    assert_int_equal(append(&disk, FIRST, 2, &place), INVALID);
    raw_blk_free(&disk);
}

/* DEV-BLK-65, DEV-BLK-66, DEV-BLK-67: secure erase is a reset of zones. */
static void secure_erase_resets_zones(void **state)
{
    struct raw_blk disk = zoned_disk(&managed, BIT(VIRTIO_BLK_F_SECURE_ERASE));

    (void)state;
    assert_int_equal(RAW_BLK_CONFIG(&disk, secure_erase_sector_alignment) % ZONE, 0);
    assert_int_equal(write_at(&disk, FIRST, 2), OK);
    assert_int_equal(write_at(&disk, SECOND, 2), OK);
    assert_int_equal(wrong(&disk, raw_blk_ranges(&disk, VIRTIO_BLK_T_SECURE_ERASE,
                                                 &(struct launcher_blk_part){FIRST, 32, 0}, 1)),
                     INVALID);
    assert_int_equal(raw_blk_ranges(&disk, VIRTIO_BLK_T_SECURE_ERASE,
                                    &(struct launcher_blk_part){FIRST, 2 * ZONE, 0}, 1),
                     OK);
    assert_int_equal(state_of(&disk, FIRST), VIRTIO_BLK_ZS_EMPTY);
    assert_int_equal(state_of(&disk, SECOND), VIRTIO_BLK_ZS_EMPTY);
    raw_blk_free(&disk);
}

/* ---- Rules for drivers ---- */

/* DRV-BLK-31, DRV-BLK-33, DRV-BLK-34, DRV-BLK-35, DRV-BLK-36, DRV-BLK-37: sectors and sizes of zone requests. */
static void zone_requests_are_judged(void **state)
{
    struct raw_blk disk = zoned_disk(&managed, 0);
    uint64_t place;

    (void)state;
    (void)raw_blk_ask(&disk, REPORT, SECTORS + ZONE, 128);
    raw_expect(disk.raw, "DRV-BLK-31");
    (void)raw_blk_ask(&disk, OPEN, FIRST + 1, 0);
    raw_expect(disk.raw, "DRV-BLK-33");
    (void)raw_blk_ask(&disk, RESET_ALL, FIRST, 0);
    raw_expect(disk.raw, "DRV-BLK-34");
    (void)append(&disk, FIRST + 2, 2, &place);
    raw_expect(disk.raw, "DRV-BLK-35");
    (void)append(&disk, FIRST, 3, &place);
    raw_expect(disk.raw, "DRV-BLK-36");
    (void)append(&disk, FIRST, 18, &place);
    raw_expect(disk.raw, "DRV-BLK-37");
    raw_blk_free(&disk);
}

/* DRV-BLK-39, DRV-BLK-40, DRV-BLK-41, IMP-BLK-06: writes to sequential zones. */
static void writes_to_zones_are_judged(void **state)
{
    struct launcher_zones zones = managed;
    struct raw_blk disk = zoned_disk(&managed, 0);

    (void)state;
    (void)write_at(&disk, FIRST, 3);
    raw_expect(disk.raw, "DRV-BLK-39");
    (void)write_at(&disk, FIRST, 50);
    raw_expect(disk.raw, "DRV-BLK-41");
    (void)write_at(&disk, FIRST + 2, 2);
    raw_expect(disk.raw, "IMP-BLK-06");
    raw_blk_free(&disk);
    zones.model = VIRTIO_BLK_Z_HA;
    disk = zoned_disk(&zones, 0);
    (void)write_at(&disk, FIRST + 1, 2);
    raw_expect(disk.raw, "DRV-BLK-40");
    raw_blk_free(&disk);
}

/* DRV-BLK-42, DRV-BLK-11, IMP-BLK-05. */
static void drivers_keep_to_the_model(void **state)
{
    struct launcher_zones zones = managed;
    struct raw_blk disk = zoned_disk(&managed, BIT(VIRTIO_BLK_F_SECURE_ERASE));

    (void)state;
    (void)raw_blk_ranges(&disk, VIRTIO_BLK_T_SECURE_ERASE, &(struct launcher_blk_part){FIRST, 8, 0},
                         1);
    raw_expect(disk.raw, "DRV-BLK-42");
    raw_blk_free(&disk);
    zones.model = VIRTIO_BLK_Z_HA;
    disk = raw_blk_new(&(struct launcher_options){.sectors = SECTORS, .zones = &zones}, 0);
    (void)RAW_BLK_CONFIG(&disk, zoned_model);
    (void)RAW_BLK_CONFIG(&disk, zone_sectors);
    raw_expect_among(disk.raw, "DRV-BLK-11");
    raw_blk_free(&disk);
    disk = raw_blk_new(&(struct launcher_options){.sectors = SECTORS, .features = ZONED}, ZONED);
    assert_int_equal(raw_blk_ask(&disk, REPORT, 0, 128), UNSUPP);
    raw_expect(disk.raw, "IMP-BLK-05");
    raw_blk_free(&disk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zones_are_negotiated),
        cmocka_unit_test(characteristics_are_stated),
        cmocka_unit_test(zones_are_reported),
        cmocka_unit_test(zone_requests_need_zones),
        cmocka_unit_test(zones_change_state),
        cmocka_unit_test(resources_are_limited),
        cmocka_unit_test(worn_out_zones_refuse),
        cmocka_unit_test(writes_are_sequential),
        cmocka_unit_test(a_reset_zone_reads_as_zeroes),
        cmocka_unit_test(appends_tell_where_they_went),
        cmocka_unit_test(preferred_zones_take_writes_anywhere),
        cmocka_unit_test(secure_erase_resets_zones),
        cmocka_unit_test(zone_requests_are_judged),
        cmocka_unit_test(writes_to_zones_are_judged),
        cmocka_unit_test(drivers_keep_to_the_model),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
