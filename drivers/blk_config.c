/* SPDX-License-Identifier: BSD-2-Clause */
/* What a disk says of itself: the block device's configuration space (VIRTIO 1.4, 5.2.4, 5.2.5), checked. */
#include "drivers/blk_config.h"

#include "virtio/log.h"

#define CONFIG(field)                                                                              \
    {                                                                                              \
        .offset = offsetof(struct virtio_blk_config, field),                                       \
        .width = sizeof(((struct virtio_blk_config *)0)->field)                                    \
    }

/* A host-managed zoned disk must not be discarded by a driver that does not know zones (DRV-BLK-06). */
int virtio_blk_negotiate(struct virtio_device *dev, struct virtio_features *accepted)
{
    struct virtio_config_field model = CONFIG(zoned_model);
    int error;

    if (!virtio_has(dev->offered, VIRTIO_BLK_F_ZONED))
        return 0;
    error = virtio_config_read(dev, &model, 1);
    if (error == 0 && model.value == VIRTIO_BLK_Z_HM)
        accepted->mask &= ~(1ull << VIRTIO_BLK_F_DISCARD);
    return error;
}

static int bad_config(const struct virtio_blk *blk, const char *field, uint64_t found,
                      const char *expected)
{
    virtio_log(blk->dev, VIRTIO_LOG_ERROR, "%s is %llu, expected %s", field,
               (unsigned long long)found, expected);
    return -VIRTIO_E_CONFIG;
}

/* An optional field: read only if the feature that governs it was accepted (DRV-CFG-04). */
static int read_if(struct virtio_blk *blk, unsigned feature, struct virtio_config_field *fields,
                   unsigned count)
{
    return virtio_has(blk->dev->negotiated, feature) ? virtio_config_read(blk->dev, fields, count)
                                                     : 0;
}

static int read_geometry(struct virtio_blk *blk)
{
    struct virtio_config_field capacity = CONFIG(capacity), block_size = CONFIG(blk_size);
    struct virtio_config_field size_max = CONFIG(size_max), seg_max = CONFIG(seg_max);
    uint32_t block_sectors;
    int error;

    block_size.value = VIRTIO_BLK_SECTOR;
    size_max.value = UINT32_MAX;
    seg_max.value = VIRTIO_BLK_PIECES;
    error = virtio_config_read(blk->dev, &capacity, 1);
    if (error == 0)
        error = read_if(blk, VIRTIO_BLK_F_BLK_SIZE, &block_size, 1);
    if (error == 0)
        error = read_if(blk, VIRTIO_BLK_F_SIZE_MAX, &size_max, 1);
    if (error == 0)
        error = read_if(blk, VIRTIO_BLK_F_SEG_MAX, &seg_max, 1);
    if (error != 0)
        return error;

    if (block_size.value < VIRTIO_BLK_SECTOR || (block_size.value & (block_size.value - 1)) != 0)
        return bad_config(blk, "blk_size", block_size.value, "a power of two of at least 512");
    if (size_max.value < VIRTIO_BLK_SECTOR)
        return bad_config(blk, "size_max", size_max.value, "at least a sector");
    if (seg_max.value == 0)
        return bad_config(blk, "seg_max", 0, "at least 1");
    if (capacity.value > UINT64_MAX / VIRTIO_BLK_SECTOR)
        return bad_config(blk, "capacity", capacity.value, "less than 2^55 sectors");

    blk->block_size = (uint32_t)block_size.value;
    blk->size_max = (uint32_t)size_max.value;
    blk->seg_max = seg_max.value < VIRTIO_BLK_PIECES ? (uint32_t)seg_max.value : VIRTIO_BLK_PIECES;
    block_sectors = blk->block_size / VIRTIO_BLK_SECTOR;
    blk->sectors = capacity.value - capacity.value % block_sectors;
    if (blk->sectors != capacity.value)
        virtio_log(blk->dev, VIRTIO_LOG_WARN,
                   "capacity of %llu sectors is no whole number of %u-byte blocks; the rest is "
                   "left out",
                   (unsigned long long)capacity.value, blk->block_size);
    return 0;
}

/* 0 for what no 32 bits can say: no hint worth having. */
static uint32_t in_bytes(const struct virtio_blk *blk, uint64_t blocks)
{
    return blocks <= UINT32_MAX / blk->block_size ? (uint32_t)blocks * blk->block_size : 0;
}

static int read_topology(struct virtio_blk *blk)
{
    struct virtio_config_field fields[] = {CONFIG(physical_block_exp), CONFIG(alignment_offset),
                                           CONFIG(min_io_size), CONFIG(opt_io_size)};
    int error = read_if(blk, VIRTIO_BLK_F_TOPOLOGY, fields, 4);

    if (error != 0)
        return error;
    if (!virtio_has(blk->dev->negotiated, VIRTIO_BLK_F_TOPOLOGY) || fields[0].value > 16) {
        blk->topology = (struct virtio_blk_topology){.physical_block = blk->block_size};
        return 0;
    }
    /* All four count blocks (5.2.4). */
    blk->topology.physical_block = in_bytes(blk, 1ull << fields[0].value);
    blk->topology.alignment = in_bytes(blk, fields[1].value);
    blk->topology.min_io = in_bytes(blk, fields[2].value);
    blk->topology.opt_io = in_bytes(blk, fields[3].value);
    if (blk->topology.physical_block == 0)
        blk->topology.physical_block = blk->block_size;
    return 0;
}

static int read_range_limits(struct virtio_blk *blk)
{
    struct virtio_config_field discard[] = {CONFIG(max_discard_sectors), CONFIG(max_discard_seg),
                                            CONFIG(discard_sector_alignment)};
    struct virtio_config_field zeroes[] = {CONFIG(max_write_zeroes_sectors),
                                           CONFIG(max_write_zeroes_seg),
                                           CONFIG(write_zeroes_may_unmap)};
    uint32_t block_sectors = blk->block_size / VIRTIO_BLK_SECTOR;
    int error = read_if(blk, VIRTIO_BLK_F_DISCARD, discard, 3);

    if (error == 0)
        error = read_if(blk, VIRTIO_BLK_F_WRITE_ZEROES, zeroes, 3);
    if (error != 0)
        return error;
    blk->discard.max_sectors = (uint32_t)discard[0].value;
    blk->discard.alignment = (uint32_t)discard[2].value;
    blk->write_zeroes.max_sectors = (uint32_t)zeroes[0].value;
    /* A limit below one block, or of no range, leaves nothing that could be sent. */
    blk->can_discard = discard[0].value >= block_sectors && discard[1].value != 0;
    blk->can_write_zeroes = zeroes[0].value >= block_sectors && zeroes[1].value != 0;
    blk->zeroes_may_unmap = zeroes[2].value == 1;
    return 0;
}

int virtio_blk_read_config(struct virtio_blk *blk)
{
    int error = read_geometry(blk);

    if (error == 0)
        error = read_topology(blk);
    if (error == 0)
        error = read_range_limits(blk);
    return error;
}
