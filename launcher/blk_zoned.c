/* SPDX-License-Identifier: BSD-2-Clause */
/* Zoned block devices (VIRTIO 1.4, 5.2.4, 5.2.6): zones, their states and write pointers, and the requests for them. */
#include <stdlib.h>
#include <string.h>

#include "launcher/blk_state.h"

/* ---- Which zones there are ---- */

void launcher_blk_make_zones(struct launcher_device *dev)
{
    struct launcher_blk *blk = launcher_blk_of(dev);
    uint64_t capacity = dev->options.sectors;

    if (dev->options.zones == NULL || dev->options.zones->sectors == 0 || capacity == 0)
        return;
    blk->zones = *dev->options.zones;
    if (blk->zones.capacity == 0 || blk->zones.capacity > blk->zones.sectors)
        blk->zones.capacity = blk->zones.sectors;
    if (blk->zones.write_granularity == 0)
        blk->zones.write_granularity =
            dev->options.block_size != 0 ? dev->options.block_size : VIRTIO_BLK_SECTOR;
    blk->zone_count = (capacity - 1) / blk->zones.sectors + 1;
    blk->zone = launcher_allocate(blk->zone_count * sizeof(*blk->zone));
    for (uint64_t i = 0; i < blk->zone_count; i++) {
        bool conventional = i < blk->zones.conventional;
        uint8_t sequential =
            blk->zones.model == VIRTIO_BLK_Z_HM ? VIRTIO_BLK_ZT_SWR : VIRTIO_BLK_ZT_SWP;

        blk->zone[i].type = conventional ? VIRTIO_BLK_ZT_CONV : sequential;
        blk->zone[i].state = conventional ? VIRTIO_BLK_ZS_NOT_WP : VIRTIO_BLK_ZS_EMPTY;
    }
}

bool launcher_blk_is_zoned(const struct launcher_device *dev)
{
    return launcher_accepted(dev, VIRTIO_BLK_F_ZONED) && launcher_blk_of(dev)->zone != NULL;
}

uint64_t launcher_blk_zone_start(const struct launcher_blk *blk, uint64_t index)
{
    return index * blk->zones.sectors;
}

struct launcher_blk_zone *launcher_blk_zone_at(const struct launcher_blk *blk, uint64_t sector,
                                               uint64_t *index)
{
    if (blk->zone == NULL || sector / blk->zones.sectors >= blk->zone_count)
        return NULL;
    *index = sector / blk->zones.sectors;
    return &blk->zone[*index];
}

uint64_t launcher_blk_zone_room(const struct launcher_device *dev, uint64_t index)
{
    const struct launcher_blk *blk = launcher_blk_of(dev);
    uint64_t left = dev->options.sectors - launcher_blk_zone_start(blk, index);

    return left < blk->zones.capacity ? left : blk->zones.capacity;
}

/* ---- Resources ---- */

static bool is_open(const struct launcher_blk_zone *zone)
{
    return zone->state == VIRTIO_BLK_ZS_IOPEN || zone->state == VIRTIO_BLK_ZS_EOPEN;
}

static bool is_active(const struct launcher_blk_zone *zone)
{
    return is_open(zone) || zone->state == VIRTIO_BLK_ZS_CLOSED;
}

static uint64_t count(const struct launcher_blk *blk,
                      bool (*is)(const struct launcher_blk_zone *zone))
{
    uint64_t number = 0;

    for (uint64_t i = 0; i < blk->zone_count; i++)
        number += is(&blk->zone[i]);
    return number;
}

/* Closes a zone that a write has opened, so that another one can be opened (DEV-BLK-60). */
static bool close_one(struct launcher_blk *blk)
{
    for (uint64_t i = 0; i < blk->zone_count; i++) {
        if (blk->zone[i].state != VIRTIO_BLK_ZS_IOPEN)
            continue;
        blk->zone[i].state = VIRTIO_BLK_ZS_CLOSED;
        return true;
    }
    return false;
}

/* Whether one more zone may be opened (DEV-BLK-48, DEV-BLK-52): a status. */
static uint8_t open_resources(struct launcher_blk *blk, const struct launcher_blk_zone *zone)
{
    if (is_open(zone))
        return VIRTIO_BLK_S_OK;
    if (blk->zones.max_active != 0 && !is_active(zone) &&
        count(blk, is_active) >= blk->zones.max_active)
        return VIRTIO_BLK_S_ZONE_ACTIVE_RESOURCE;
    if (blk->zones.max_open != 0 && count(blk, is_open) >= blk->zones.max_open && !close_one(blk))
        return VIRTIO_BLK_S_ZONE_OPEN_RESOURCE;
    return VIRTIO_BLK_S_OK;
}

/* ---- Zone management; each returns a status ---- */

static uint8_t open_zone(struct launcher_blk *blk, struct launcher_blk_zone *zone)
{
    uint8_t status;

    if (zone->state == VIRTIO_BLK_ZS_FULL || zone->state == VIRTIO_BLK_ZS_RDONLY)
        return VIRTIO_BLK_S_ZONE_INVALID_CMD; /* DEV-BLK-47 */
    status = open_resources(blk, zone);
    if (status == VIRTIO_BLK_S_OK)
        zone->state = VIRTIO_BLK_ZS_EOPEN;
    return status;
}

static uint8_t close_zone(struct launcher_blk_zone *zone)
{
    if (!is_active(zone))
        return VIRTIO_BLK_S_ZONE_INVALID_CMD; /* DEV-BLK-49 */
    zone->state = zone->written == 0 ? VIRTIO_BLK_ZS_EMPTY : VIRTIO_BLK_ZS_CLOSED;
    return VIRTIO_BLK_S_OK;
}

static uint8_t finish_zone(struct launcher_blk *blk, struct launcher_blk_zone *zone)
{
    if (zone->state == VIRTIO_BLK_ZS_RDONLY)
        return VIRTIO_BLK_S_ZONE_INVALID_CMD; /* DEV-BLK-50 */
    /* An empty zone is open for a moment. */
    if (zone->state == VIRTIO_BLK_ZS_EMPTY && open_resources(blk, zone) != VIRTIO_BLK_S_OK)
        return VIRTIO_BLK_S_ZONE_INVALID_CMD;
    zone->state = VIRTIO_BLK_ZS_FULL;
    return VIRTIO_BLK_S_OK;
}

static uint8_t reset_zone(struct launcher_device *dev, uint64_t index)
{
    struct launcher_blk *blk = launcher_blk_of(dev);
    struct launcher_blk_zone *zone = &blk->zone[index];

    if (zone->state == VIRTIO_BLK_ZS_RDONLY || zone->state == VIRTIO_BLK_ZS_OFFLINE)
        return VIRTIO_BLK_S_ZONE_INVALID_CMD; /* DEV-BLK-51 */
    zone->state = VIRTIO_BLK_ZS_EMPTY;
    zone->written = 0;
    /* What lies behind the write pointer is unwritten, and reads as zeroes (DEV-BLK-63, DEV-BLK-64). */
    return launcher_blk_store_zero(blk->store, launcher_blk_zone_start(blk, index),
                                   launcher_blk_zone_room(dev, index), true)
               ? VIRTIO_BLK_S_OK
               : VIRTIO_BLK_S_IOERR;
}

static uint8_t manage(struct launcher_device *dev, const struct launcher_blk_request *request)
{
    struct launcher_blk *blk = launcher_blk_of(dev);
    uint64_t index = 0;
    struct launcher_blk_zone *zone = launcher_blk_zone_at(blk, request->sector, &index);

    if (zone == NULL || request->sector != launcher_blk_zone_start(blk, index) ||
        zone->type == VIRTIO_BLK_ZT_CONV || zone->state == VIRTIO_BLK_ZS_OFFLINE)
        return VIRTIO_BLK_S_ZONE_INVALID_CMD; /* DEV-BLK-45, DEV-BLK-62 */
    switch (request->type) {
    case VIRTIO_BLK_T_ZONE_OPEN:
        return open_zone(blk, zone);
    case VIRTIO_BLK_T_ZONE_CLOSE:
        return close_zone(zone);
    case VIRTIO_BLK_T_ZONE_FINISH:
        return finish_zone(blk, zone);
    default:
        return reset_zone(dev, index);
    }
}

static uint8_t reset_all(struct launcher_device *dev)
{
    struct launcher_blk *blk = launcher_blk_of(dev);

    for (uint64_t i = 0; i < blk->zone_count; i++)
        if (is_active(&blk->zone[i]) || blk->zone[i].state == VIRTIO_BLK_ZS_FULL)
            if (reset_zone(dev, i) != VIRTIO_BLK_S_OK)
                return VIRTIO_BLK_S_IOERR;
    return VIRTIO_BLK_S_OK;
}

/* ---- Reads, writes, appends ---- */

/* Whether the zone takes a write of that many sectors at its write pointer: a status. Opens it. */
static uint8_t take_write(struct launcher_device *dev, uint64_t index, uint64_t sectors)
{
    struct launcher_blk *blk = launcher_blk_of(dev);
    struct launcher_blk_zone *zone = &blk->zone[index];
    uint8_t status;

    if (zone->state == VIRTIO_BLK_ZS_RDONLY || zone->state == VIRTIO_BLK_ZS_OFFLINE ||
        zone->state == VIRTIO_BLK_ZS_FULL)
        return VIRTIO_BLK_S_ZONE_INVALID_CMD; /* DEV-BLK-61, DEV-BLK-62 */
    if (sectors > launcher_blk_zone_room(dev, index) - zone->written)
        return VIRTIO_BLK_S_ZONE_INVALID_CMD; /* DEV-BLK-54 */
    if (sectors == 0)
        return VIRTIO_BLK_S_OK;
    status = open_resources(blk, zone);
    if (status == VIRTIO_BLK_S_OK && !is_open(zone))
        zone->state = VIRTIO_BLK_ZS_IOPEN;
    return status;
}

static uint8_t check_zone(struct launcher_device *dev, uint64_t index, uint64_t sector,
                          uint64_t sectors, bool write)
{
    const struct launcher_blk *blk = launcher_blk_of(dev);
    const struct launcher_blk_zone *zone = &blk->zone[index];
    uint64_t start = launcher_blk_zone_start(blk, index);

    if (zone->state == VIRTIO_BLK_ZS_OFFLINE || (write && zone->state == VIRTIO_BLK_ZS_RDONLY))
        return VIRTIO_BLK_S_ZONE_INVALID_CMD;
    if (zone->type != VIRTIO_BLK_ZT_SWR)
        return VIRTIO_BLK_S_OK;
    if (sectors > blk->zones.sectors - (sector - start))
        return VIRTIO_BLK_S_ZONE_INVALID_CMD; /* DEV-BLK-58 */
    if (!write)
        return VIRTIO_BLK_S_OK;
    if (zone->state != VIRTIO_BLK_ZS_FULL &&
        (sector != start + zone->written ||
         sectors * VIRTIO_BLK_SECTOR % blk->zones.write_granularity != 0))
        return VIRTIO_BLK_S_ZONE_UNALIGNED_WP; /* DEV-BLK-59 */
    return take_write(dev, index, sectors);
}

uint8_t launcher_blk_zone_check(struct launcher_device *dev, uint64_t sector, uint64_t sectors,
                                bool write)
{
    const struct launcher_blk *blk = launcher_blk_of(dev);
    uint8_t status = VIRTIO_BLK_S_OK;
    uint64_t index, last;

    if (!launcher_blk_is_zoned(dev) || sectors == 0)
        return VIRTIO_BLK_S_OK;
    if (launcher_blk_zone_at(blk, sector + sectors - 1, &last) == NULL)
        return VIRTIO_BLK_S_ZONE_INVALID_CMD;
    for (index = sector / blk->zones.sectors; index <= last && status == VIRTIO_BLK_S_OK; index++) {
        uint64_t start = launcher_blk_zone_start(blk, index);
        uint64_t from = sector > start ? sector : start;

        status = check_zone(dev, index, from, sector + sectors - from, write);
    }
    return status;
}

/* SWP zones take writes anywhere; their write pointer is behind the last one. */
void launcher_blk_zone_written(struct launcher_device *dev, uint64_t sector, uint64_t sectors)
{
    const struct launcher_blk *blk = launcher_blk_of(dev);
    uint64_t end = sector + sectors;

    if (!launcher_blk_is_zoned(dev) || sectors == 0)
        return;
    for (uint64_t i = sector / blk->zones.sectors; i < blk->zone_count; i++) {
        struct launcher_blk_zone *zone = &blk->zone[i];
        uint64_t start = launcher_blk_zone_start(blk, i), room = launcher_blk_zone_room(dev, i);
        uint64_t reached;

        if (end <= start)
            return;
        if (zone->type == VIRTIO_BLK_ZT_CONV || zone->state == VIRTIO_BLK_ZS_FULL)
            continue;
        reached = end - start < room ? end - start : room;
        if (reached > zone->written)
            zone->written = reached;
        if (zone->state == VIRTIO_BLK_ZS_EMPTY || zone->state == VIRTIO_BLK_ZS_CLOSED)
            zone->state = VIRTIO_BLK_ZS_IOPEN;
        if (zone->written == room)
            zone->state = VIRTIO_BLK_ZS_FULL;
    }
}

static uint8_t append(struct launcher_device *dev, struct launcher_blk_request *request)
{
    struct launcher_blk *blk = launcher_blk_of(dev);
    uint64_t most = LAUNCHER_BLK_GET(dev, max_append_sectors), index = 0, sector, shown;
    uint64_t sectors = request->data / VIRTIO_BLK_SECTOR;
    struct launcher_blk_zone *zone = launcher_blk_zone_at(blk, request->sector, &index);
    uint8_t status;

    if (most == 0)
        return VIRTIO_BLK_S_UNSUPP; /* DEV-BLK-56 */
    if (zone == NULL || zone->type != VIRTIO_BLK_ZT_SWR || sectors > most ||
        request->sector != launcher_blk_zone_start(blk, index) ||
        request->data % blk->zones.write_granularity != 0)
        return VIRTIO_BLK_S_ZONE_INVALID_CMD; /* DEV-BLK-46, DEV-BLK-53, DEV-BLK-57 */
    status = take_write(dev, index, sectors);
    if (status != VIRTIO_BLK_S_OK)
        return status;
    sector = request->sector + zone->written;
    status = launcher_blk_transfer(dev, request, sector, true);
    if (status != VIRTIO_BLK_S_OK)
        return status;
    launcher_blk_zone_written(dev, sector, sectors);
    shown = sector; /* DEV-BLK-55; little-endian: there are no legacy zones */
    return launcher_chain_write(dev, request->chain, 0, &shown, sizeof(shown)) == sizeof(shown)
               ? VIRTIO_BLK_S_OK
               : VIRTIO_BLK_S_IOERR;
}

uint8_t launcher_blk_zone_erase(struct launcher_device *dev, uint64_t sector, uint64_t sectors)
{
    const struct launcher_blk *blk = launcher_blk_of(dev);
    uint64_t end = sector + sectors;

    if (!launcher_blk_is_zoned(dev) || sectors == 0)
        return VIRTIO_BLK_S_OK;
    if (sector % blk->zones.sectors != 0 ||
        (sectors % blk->zones.sectors != 0 && end != dev->options.sectors)) /* DEV-BLK-66 */
        return VIRTIO_BLK_S_ZONE_INVALID_CMD;
    for (uint64_t i = sector / blk->zones.sectors;
         i < blk->zone_count && launcher_blk_zone_start(blk, i) < end; i++) {
        uint8_t status = VIRTIO_BLK_S_OK;

        if (blk->zone[i].type != VIRTIO_BLK_ZT_CONV)
            status = reset_zone(dev, i);
        if (status != VIRTIO_BLK_S_OK)
            return status;
    }
    return VIRTIO_BLK_S_OK;
}

/* ---- Requests ---- */

bool launcher_blk_is_zone_request(uint32_t type)
{
    switch (type) {
    case VIRTIO_BLK_T_ZONE_APPEND:
    case VIRTIO_BLK_T_ZONE_REPORT:
    case VIRTIO_BLK_T_ZONE_OPEN:
    case VIRTIO_BLK_T_ZONE_CLOSE:
    case VIRTIO_BLK_T_ZONE_FINISH:
    case VIRTIO_BLK_T_ZONE_RESET:
    case VIRTIO_BLK_T_ZONE_RESET_ALL:
        return true;
    default:
        return false;
    }
}

uint8_t launcher_blk_zone_request(struct launcher_device *dev, struct launcher_blk_request *request)
{
    if (!launcher_accepted(dev, VIRTIO_BLK_F_ZONED))
        return VIRTIO_BLK_S_UNSUPP; /* DEV-BLK-44 */
    launcher_blk_judge_zone(dev, request);
    if (launcher_blk_of(dev)->zone == NULL) /* drive-managed */
        return VIRTIO_BLK_S_UNSUPP;
    switch (request->type) {
    case VIRTIO_BLK_T_ZONE_REPORT:
        return launcher_blk_zone_report(dev, request);
    case VIRTIO_BLK_T_ZONE_APPEND:
        return append(dev, request);
    case VIRTIO_BLK_T_ZONE_RESET_ALL:
        return reset_all(dev);
    default:
        return manage(dev, request);
    }
}
