/* SPDX-License-Identifier: BSD-2-Clause */
/* What a driver of a zoned disk has to keep to (VIRTIO 1.4, 5.2.6). */
#include "launcher/blk_state.h"

/* Data of an append, or of a write to a sequential zone, at a sector. */
static void judge_written(struct launcher_device *dev, const struct launcher_blk_request *request,
                          uint64_t index)
{
    struct launcher_referee *referee = &dev->referee;
    const struct launcher_blk *blk = launcher_blk_of(dev);
    const struct launcher_blk_zone *zone = &blk->zone[index];
    uint32_t grain = blk->zones.write_granularity;
    uint64_t room = launcher_blk_zone_room(dev, index);

    LAUNCHER_JUDGE(referee, "DRV-BLK-39", request->data % grain == 0,
                   "%llu bytes to a sequential zone; write_granularity is %u",
                   (unsigned long long)request->data, grain);
    LAUNCHER_JUDGE(referee, "DRV-BLK-40", request->sector * VIRTIO_BLK_SECTOR % grain == 0,
                   "sector %llu; write_granularity is %u", (unsigned long long)request->sector,
                   grain);
    if (zone->type == VIRTIO_BLK_ZT_SWR) /* others take writes anywhere */
        LAUNCHER_JUDGE(referee, "DRV-BLK-41",
                       request->data / VIRTIO_BLK_SECTOR <= room - zone->written,
                       "%llu sectors to a zone of %llu that has %llu written",
                       (unsigned long long)(request->data / VIRTIO_BLK_SECTOR),
                       (unsigned long long)room, (unsigned long long)zone->written);
}

static void judge_append(struct launcher_device *dev, const struct launcher_blk_request *request,
                         bool first)
{
    struct launcher_referee *referee = &dev->referee;
    uint32_t grain = launcher_blk_of(dev)->zones.write_granularity;
    uint64_t most = LAUNCHER_BLK_GET(dev, max_append_sectors);

    LAUNCHER_JUDGE(referee, "DRV-BLK-35", first,
                   "an append at sector %llu, which no zone starts with",
                   (unsigned long long)request->sector);
    LAUNCHER_JUDGE(referee, "DRV-BLK-36", request->data % grain == 0,
                   "an append of %llu bytes; write_granularity is %u",
                   (unsigned long long)request->data, grain);
    LAUNCHER_JUDGE(referee, "DRV-BLK-37", request->data / VIRTIO_BLK_SECTOR <= most,
                   "an append of %llu sectors; max_append_sectors is %llu",
                   (unsigned long long)(request->data / VIRTIO_BLK_SECTOR),
                   (unsigned long long)most);
}

void launcher_blk_judge_zone(struct launcher_device *dev,
                             const struct launcher_blk_request *request)
{
    struct launcher_referee *referee = &dev->referee;
    const struct launcher_blk *blk = launcher_blk_of(dev);
    unsigned long long sector = request->sector;
    uint64_t index = 0;
    bool there = launcher_blk_zone_at(blk, request->sector, &index) != NULL;
    bool first = there && request->sector == launcher_blk_zone_start(blk, index);

    LAUNCHER_JUDGE(referee, "IMP-BLK-05", blk->zone != NULL,
                   "zone request %u to a disk of the model VIRTIO_BLK_Z_NONE", request->type);
    if (blk->zone == NULL)
        return;
    switch (request->type) {
    case VIRTIO_BLK_T_ZONE_REPORT:
        LAUNCHER_JUDGE(referee, "DRV-BLK-31", there,
                       "a zone report from sector %llu on, which lies in no zone", sector);
        break;
    case VIRTIO_BLK_T_ZONE_RESET_ALL:
        LAUNCHER_JUDGE(referee, "DRV-BLK-34", sector == 0,
                       "a reset of all zones with sector %llu, not 0", sector);
        break;
    case VIRTIO_BLK_T_ZONE_APPEND:
        judge_append(dev, request, first);
        if (there)
            judge_written(dev, request, index);
        break;
    default:
        LAUNCHER_JUDGE(referee, "DRV-BLK-33", first,
                       "zone request %u with sector %llu, which no zone starts with", request->type,
                       sector);
    }
}

void launcher_blk_judge_zone_transfer(struct launcher_device *dev,
                                      const struct launcher_blk_request *request)
{
    const struct launcher_blk *blk = launcher_blk_of(dev);
    const struct launcher_blk_zone *zone;
    uint64_t index = 0;

    if (!launcher_blk_is_zoned(dev) || request->type != VIRTIO_BLK_T_OUT)
        return;
    zone = launcher_blk_zone_at(blk, request->sector, &index);
    if (zone == NULL || zone->type == VIRTIO_BLK_ZT_CONV)
        return;
    if (zone->type == VIRTIO_BLK_ZT_SWR)
        LAUNCHER_JUDGE(&dev->referee, "IMP-BLK-06",
                       request->sector == launcher_blk_zone_start(blk, index) + zone->written &&
                           zone->state != VIRTIO_BLK_ZS_FULL,
                       "a write at sector %llu of a zone whose write pointer is %llu",
                       (unsigned long long)request->sector,
                       (unsigned long long)launcher_blk_zone_start(blk, index) + zone->written);
    judge_written(dev, request, index);
}
