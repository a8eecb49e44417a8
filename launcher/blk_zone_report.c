/* SPDX-License-Identifier: BSD-2-Clause */
/* What is told of the zones of a disk (VIRTIO 1.4, 5.2.6): to the driver in reports, and to the owner. */
#include <string.h>

#include "launcher/blk_state.h"

static void describe(const struct launcher_device *dev, uint64_t index,
                     struct virtio_blk_zone_descriptor *descriptor)
{
    const struct launcher_blk *blk = launcher_blk_of(dev);
    const struct launcher_blk_zone *zone = &blk->zone[index];
    uint64_t start = launcher_blk_zone_start(blk, index);

    memset(descriptor, 0, sizeof(*descriptor));
    descriptor->z_cap.le = launcher_blk_zone_room(dev, index);
    descriptor->z_start.le = start;
    descriptor->z_wp.le = start + zone->written;
    descriptor->z_type = zone->type;
    descriptor->z_state = zone->state;
}

static bool put(struct launcher_device *dev, struct launcher_blk_request *request,
                const void *bytes, uint32_t length)
{
    uint32_t done = launcher_chain_write(dev, request->chain, request->done, bytes, length);

    request->done += done;
    return done == length;
}

uint8_t launcher_blk_zone_report(struct launcher_device *dev, struct launcher_blk_request *request)
{
    struct launcher_blk *blk = launcher_blk_of(dev);
    struct virtio_blk_zone_report header = {0};
    struct virtio_blk_zone_descriptor descriptor;
    uint64_t index = 0, room;

    if (launcher_blk_zone_at(blk, request->sector, &index) == NULL ||
        request->data < sizeof(header))
        return VIRTIO_BLK_S_ZONE_INVALID_CMD;
    room = (request->data - sizeof(header)) / sizeof(descriptor);
    if (room > blk->zone_count - index)
        room = blk->zone_count - index;
    header.nr_zones.le = room;
    if (!put(dev, request, &header, sizeof(header)))
        return VIRTIO_BLK_S_IOERR;
    for (uint64_t i = 0; i < room; i++) {
        describe(dev, index + i, &descriptor);
        if (!put(dev, request, &descriptor, sizeof(descriptor)))
            return VIRTIO_BLK_S_IOERR;
    }
    return VIRTIO_BLK_S_OK;
}

/* ---- For the owner ---- */

bool launcher_blk_zone(const struct launcher_device *dev, uint64_t sector,
                       struct virtio_blk_zone_descriptor *zone)
{
    uint64_t index;

    if (launcher_blk_zone_at(launcher_blk_of(dev), sector, &index) == NULL)
        return false;
    describe(dev, index, zone);
    return true;
}

void launcher_blk_wear_out(struct launcher_device *dev, uint64_t sector, uint8_t state)
{
    uint64_t index;
    struct launcher_blk_zone *zone = launcher_blk_zone_at(launcher_blk_of(dev), sector, &index);

    if (zone != NULL && zone->state != VIRTIO_BLK_ZS_OFFLINE)
        zone->state = state;
}
