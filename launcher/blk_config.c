/* SPDX-License-Identifier: BSD-2-Clause */
/* The configuration of a block device (VIRTIO 1.4, 5.2.4, 5.2.5): what it states, and the cache mode that is negotiated. */
#include <string.h>

#include "launcher/blk_state.h"
#include "launcher/front.h"

enum {
    RANGE_SECTORS = 8192, /* of one range */
    RANGES = 16,          /* of one request */
    SEGMENT_BYTES = 65536,
    SEGMENTS_BESIDE_DATA = 2,
    HEADS = 16,
    SECTORS_A_TRACK = 63,
    CYLINDERS_MOST = 16383,
    PHYSICAL_BLOCK = 4096,
    OPTIMAL_BLOCKS = 256,
};

#define FIELD(name, feature, writable)                                                             \
    {                                                                                              \
        offsetof(struct virtio_blk_config, name), sizeof(((struct virtio_blk_config *)0)->name),   \
            feature, writable                                                                      \
    }

const struct launcher_config_field launcher_blk_fields[] = {
    FIELD(capacity, -1, false),
    FIELD(size_max, VIRTIO_BLK_F_SIZE_MAX, false),
    FIELD(seg_max, VIRTIO_BLK_F_SEG_MAX, false),
    FIELD(cylinders, VIRTIO_BLK_F_GEOMETRY, false),
    FIELD(heads, VIRTIO_BLK_F_GEOMETRY, false),
    FIELD(sectors, VIRTIO_BLK_F_GEOMETRY, false),
    FIELD(blk_size, VIRTIO_BLK_F_BLK_SIZE, false),
    FIELD(physical_block_exp, VIRTIO_BLK_F_TOPOLOGY, false),
    FIELD(alignment_offset, VIRTIO_BLK_F_TOPOLOGY, false),
    FIELD(min_io_size, VIRTIO_BLK_F_TOPOLOGY, false),
    FIELD(opt_io_size, VIRTIO_BLK_F_TOPOLOGY, false),
    FIELD(writeback, VIRTIO_BLK_F_CONFIG_WCE, true),
    {offsetof(struct virtio_blk_config, unused0), 1, -2, false},
    FIELD(num_queues, VIRTIO_BLK_F_MQ, false),
    FIELD(max_discard_sectors, VIRTIO_BLK_F_DISCARD, false),
    FIELD(max_discard_seg, VIRTIO_BLK_F_DISCARD, false),
    FIELD(discard_sector_alignment, VIRTIO_BLK_F_DISCARD, false),
    FIELD(max_write_zeroes_sectors, VIRTIO_BLK_F_WRITE_ZEROES, false),
    FIELD(max_write_zeroes_seg, VIRTIO_BLK_F_WRITE_ZEROES, false),
    FIELD(write_zeroes_may_unmap, VIRTIO_BLK_F_WRITE_ZEROES, false),
    {offsetof(struct virtio_blk_config, unused1), 1, -2, false},
    {offsetof(struct virtio_blk_config, unused1) + 1, 1, -2, false},
    {offsetof(struct virtio_blk_config, unused1) + 2, 1, -2, false},
    FIELD(max_secure_erase_sectors, VIRTIO_BLK_F_SECURE_ERASE, false),
    FIELD(max_secure_erase_seg, VIRTIO_BLK_F_SECURE_ERASE, false),
    FIELD(secure_erase_sector_alignment, VIRTIO_BLK_F_SECURE_ERASE, false),
    FIELD(zone_sectors, VIRTIO_BLK_F_ZONED, false),
    FIELD(max_open_zones, VIRTIO_BLK_F_ZONED, false),
    FIELD(max_active_zones, VIRTIO_BLK_F_ZONED, false),
    FIELD(max_append_sectors, VIRTIO_BLK_F_ZONED, false),
    FIELD(write_granularity, VIRTIO_BLK_F_ZONED, false),
    FIELD(zoned_model, VIRTIO_BLK_F_ZONED, false),
    {offsetof(struct virtio_blk_config, unused2), 1, -2, false},
    {offsetof(struct virtio_blk_config, unused2) + 1, 1, -2, false},
    {offsetof(struct virtio_blk_config, unused2) + 2, 1, -2, false},
    {0},
};

/* ---- What is offered ---- */

static void offer(struct launcher_device *dev, unsigned feature, bool yes)
{
    if (yes)
        dev->offered |= 1ull << feature;
    else
        dev->offered &= ~(1ull << feature);
}

static bool wished(const struct launcher_device *dev, unsigned feature)
{
    return (dev->options.features >> feature & 1) != 0;
}

/*
 * Features that depend on what the disk is like, or on a wish: there are no lifetime metrics here to be had (DEV-BLK-42),
 * and no legacy device has zones (DEV-BLK-06).
 */
static void offer_by_options(struct launcher_device *dev)
{
    const struct launcher_options *options = &dev->options;
    bool legacy = dev->front->legacy, zones = options->zones != NULL;
    bool transitional = options->front == LAUNCHER_PCI_TRANSITIONAL;

    offer(dev, VIRTIO_BLK_F_RO, options->read_only || wished(dev, VIRTIO_BLK_F_RO));
    offer(dev, VIRTIO_BLK_F_MQ, dev->queue_count > 1 || wished(dev, VIRTIO_BLK_F_MQ));
    offer(dev, VIRTIO_BLK_F_LIFETIME, wished(dev, VIRTIO_BLK_F_LIFETIME));
    offer(dev, VIRTIO_BLK_F_ZONED,
          (zones || wished(dev, VIRTIO_BLK_F_ZONED)) && !legacy && !transitional);
    offer(dev, VIRTIO_BLK_F_BARRIER, wished(dev, VIRTIO_BLK_F_BARRIER) && legacy);
    offer(dev, VIRTIO_BLK_F_SCSI, wished(dev, VIRTIO_BLK_F_SCSI) && legacy);
}

/* ---- What is stated ---- */

static void state_geometry(struct launcher_device *dev, uint64_t capacity)
{
    uint64_t cylinders = capacity / (HEADS * SECTORS_A_TRACK);

    LAUNCHER_BLK_SET(dev, cylinders, cylinders < CYLINDERS_MOST ? cylinders : CYLINDERS_MOST);
    LAUNCHER_BLK_SET(dev, heads, HEADS);
    LAUNCHER_BLK_SET(dev, sectors, SECTORS_A_TRACK);
}

static void state_topology(struct launcher_device *dev, uint32_t block)
{
    unsigned exponent = 0;

    while (block << exponent < PHYSICAL_BLOCK && exponent < 8)
        exponent++;
    LAUNCHER_BLK_SET(dev, blk_size, block);
    LAUNCHER_BLK_SET(dev, physical_block_exp, exponent);
    LAUNCHER_BLK_SET(dev, alignment_offset, 0);
    LAUNCHER_BLK_SET(dev, min_io_size, 1ull << exponent);
    LAUNCHER_BLK_SET(dev, opt_io_size, OPTIMAL_BLOCKS);
}

static void state_limits(struct launcher_device *dev, uint32_t block)
{
    const struct launcher_blk *blk = launcher_blk_of(dev);
    uint32_t queue_size = dev->options.queue_size;
    uint32_t align = block / VIRTIO_BLK_SECTOR;

    if (queue_size == 0)
        queue_size = dev->personality->queue_size;
    LAUNCHER_BLK_SET(dev, size_max, SEGMENT_BYTES);
    LAUNCHER_BLK_SET(dev, seg_max,
                     queue_size > SEGMENTS_BESIDE_DATA ? queue_size - SEGMENTS_BESIDE_DATA : 1);
    LAUNCHER_BLK_SET(dev, num_queues, dev->queue_count);
    LAUNCHER_BLK_SET(dev, max_discard_sectors, RANGE_SECTORS);
    LAUNCHER_BLK_SET(dev, max_discard_seg, RANGES);
    LAUNCHER_BLK_SET(dev, discard_sector_alignment, align);
    LAUNCHER_BLK_SET(dev, max_write_zeroes_sectors, RANGE_SECTORS);
    LAUNCHER_BLK_SET(dev, max_write_zeroes_seg, RANGES);
    LAUNCHER_BLK_SET(dev, write_zeroes_may_unmap, blk->may_unmap);
    LAUNCHER_BLK_SET(dev, max_secure_erase_sectors, RANGE_SECTORS);
    LAUNCHER_BLK_SET(dev, max_secure_erase_seg, RANGES);
    LAUNCHER_BLK_SET(dev, secure_erase_sector_alignment,
                     blk->zone != NULL ? blk->zones.sectors : align); /* DEV-BLK-65 */
}

/* DEV-BLK-09 to 19; a driver that has not accepted VIRTIO_BLK_F_ZONED is shown none of it (DEV-BLK-07). */
static void state_zones(struct launcher_device *dev, bool show)
{
    static const struct launcher_zones none = {0};
    const struct launcher_blk *blk = launcher_blk_of(dev);
    const struct launcher_zones *zones = show ? &blk->zones : &none;
    uint64_t most = LAUNCHER_BLK_GET(dev, seg_max) * LAUNCHER_BLK_GET(dev, size_max) /
                    VIRTIO_BLK_SECTOR; /* DEV-BLK-17 */

    LAUNCHER_BLK_SET(dev, zone_sectors, zones->sectors);
    LAUNCHER_BLK_SET(dev, max_open_zones, zones->max_open);
    LAUNCHER_BLK_SET(dev, max_active_zones, zones->max_active);
    LAUNCHER_BLK_SET(dev, max_append_sectors, zones->max_append < most ? zones->max_append : most);
    LAUNCHER_BLK_SET(dev, write_granularity, zones->write_granularity);
    LAUNCHER_BLK_SET(dev, zoned_model, zones->model);
}

static bool offers(const struct launcher_device *dev, unsigned feature)
{
    return (dev->offered >> feature & 1) != 0;
}

void launcher_blk_make_config(struct launcher_device *dev)
{
    struct launcher_blk *blk = launcher_blk_of(dev);
    uint64_t capacity = dev->options.sectors;
    uint32_t block = dev->options.block_size != 0 ? dev->options.block_size : VIRTIO_BLK_SECTOR;

    offer_by_options(dev);
    blk->may_unmap = !launcher_blk_store_is_file(blk->store); /* DEV-BLK-34 */
    blk->capacity_read = capacity;
    LAUNCHER_BLK_SET(dev, capacity, capacity);
    state_geometry(dev, capacity);
    state_topology(dev, block);
    state_limits(dev, block);
    state_zones(dev, offers(dev, VIRTIO_BLK_F_ZONED));
}

/* ---- The cache mode ---- */

static void set_writeback(struct launcher_device *dev, bool writeback)
{
    launcher_blk_of(dev)->writeback = writeback;
    LAUNCHER_BLK_SET(dev, writeback, writeback);
}

void launcher_blk_reset_config(struct launcher_device *dev)
{
    set_writeback(dev, offers(dev, VIRTIO_BLK_F_FLUSH));
    state_zones(dev, offers(dev, VIRTIO_BLK_F_ZONED));
}

/*
 * The mode after negotiation: a driver that can flush gets writeback; one that cannot gets writethrough, whether it can
 * toggle (DEV-BLK-03) or not (DEV-BLK-37).
 */
static void settle_mode(struct launcher_device *dev)
{
    set_writeback(dev, launcher_accepted(dev, VIRTIO_BLK_F_FLUSH));
}

bool launcher_blk_agree(struct launcher_device *dev)
{
    const struct launcher_blk *blk = launcher_blk_of(dev);
    bool zoned = launcher_accepted(dev, VIRTIO_BLK_F_ZONED);

    if (!zoned && offers(dev, VIRTIO_BLK_F_ZONED) && blk->zones.model == VIRTIO_BLK_Z_HM)
        return false; /* DEV-BLK-08 */
    settle_mode(dev);
    state_zones(dev, zoned);
    return true;
}

void launcher_blk_live(struct launcher_device *dev)
{
    if (dev->legacy && !launcher_accepted(dev, VIRTIO_BLK_F_CONFIG_WCE)) /* DEV-BLK-23 */
        settle_mode(dev);
    launcher_blk_judge_live(dev);
}

void launcher_blk_config_written(struct launcher_device *dev, uint64_t offset, unsigned width)
{
    struct launcher_blk *blk = launcher_blk_of(dev);
    bool may = dev->legacy ? offers(dev, VIRTIO_BLK_F_CONFIG_WCE)
                           : launcher_accepted(dev, VIRTIO_BLK_F_CONFIG_WCE);

    if (!LAUNCHER_TOUCHES(offset, width, virtio_blk_config, writeback))
        return;
    if (may)
        blk->writeback = LAUNCHER_BLK_GET(dev, writeback) != 0;
    set_writeback(dev, blk->writeback);
}

/* ---- Changes while the driver looks on ---- */

void launcher_blk_resize(struct launcher_device *dev, uint64_t sectors)
{
    LAUNCHER_BLK_SET(dev, capacity, sectors); /* DEV-BLK-25, DEV-BLK-26 */
}

void launcher_blk_set_may_unmap(struct launcher_device *dev, bool may)
{
    launcher_blk_of(dev)->may_unmap = may;
    LAUNCHER_BLK_SET(dev, write_zeroes_may_unmap, may); /* DEV-BLK-35, DEV-BLK-36 */
}

uint64_t launcher_blk_capacity(const struct launcher_device *dev)
{
    return LAUNCHER_BLK_GET(dev, capacity);
}
