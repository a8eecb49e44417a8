/* SPDX-License-Identifier: BSD-2-Clause */
/* The test device as a disk in memory (VIRTIO 1.4, 5.2), with the limits that a driver has to keep. */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/support/device.h"

enum {
    SECTORS = 8192,
};

static struct virtio_blk_config *config(struct device *d)
{
    return (struct virtio_blk_config *)(void *)d->config_bytes;
}

static bool offers(const struct device *d, unsigned feature)
{
    return (d->features >> feature & 1) != 0;
}

/* The features that a driver has acknowledged decide what it may ask for. */
static bool accepted(const struct device *d, unsigned feature)
{
    return (d->driver_features >> feature & 1) != 0;
}

uint8_t device_blk_pattern(uint64_t sector, uint64_t offset)
{
    uint64_t at = sector * VIRTIO_BLK_SECTOR + offset;

    return (uint8_t)(at ^ (at >> 9) * 7 ^ at >> 20);
}

void device_blk_init(struct device *d)
{
    static uint8_t pattern[SECTORS * VIRTIO_BLK_SECTOR]; /* made once: tests plug in many disks */

    d->blk.stored = SECTORS;
    d->blk.bytes = malloc(sizeof(pattern));
    if (d->blk.bytes == NULL)
        abort();
    if (pattern[1] != device_blk_pattern(0, 1))
        for (uint64_t i = 0; i < sizeof(pattern); i++)
            pattern[i] = device_blk_pattern(0, i);
    memcpy(d->blk.bytes, pattern, sizeof(pattern));
    d->blk.error_sector = UINT64_MAX;
    d->blk.serial = "slate-test";
    DEVICE_SET_BLK(d, capacity, d->blk.stored);
}

void device_blk_free(struct device *d)
{
    free(d->blk.bytes);
    free(d->blk.seen);
}

static struct device_blk_seen *record(struct device *d)
{
    if (d->blk.seen_count == d->blk.seen_room) {
        d->blk.seen_room = d->blk.seen_room == 0 ? 64 : d->blk.seen_room * 2;
        d->blk.seen = realloc(d->blk.seen, d->blk.seen_room * sizeof(*d->blk.seen));
        if (d->blk.seen == NULL)
            abort();
    }
    memset(&d->blk.seen[d->blk.seen_count], 0, sizeof(*d->blk.seen));
    return &d->blk.seen[d->blk.seen_count++];
}

/* ---- Commands: each returns the status ---- */

static uint8_t transfer(struct device *d, const struct device_chain *chain,
                        const struct device_blk_seen *seen, bool write)
{
    uint32_t block = offers(d, VIRTIO_BLK_F_BLK_SIZE) ? config(d)->blk_size.le : VIRTIO_BLK_SECTOR;
    uint64_t sectors = seen->data / VIRTIO_BLK_SECTOR;

    if (seen->data == 0 || seen->data % VIRTIO_BLK_SECTOR != 0) /* DRV-BLK-19 */
        device_complain(d, "transfer of %u bytes", seen->data);
    if (seen->data % block != 0 || seen->sector * VIRTIO_BLK_SECTOR % block != 0)
        device_complain(d, "transfer of parts of a block: %u bytes at sector %llu", seen->data,
                        (unsigned long long)seen->sector);
    if (seen->sector > config(d)->capacity.le ||
        sectors > config(d)->capacity.le - seen->sector) /* DRV-BLK-15 */
        device_complain(d, "transfer beyond the capacity: sector %llu",
                        (unsigned long long)seen->sector);
    if (offers(d, VIRTIO_BLK_F_SIZE_MAX) && seen->longest > config(d)->size_max.le)
        device_complain(d, "segment of %u bytes is above size_max", seen->longest); /* IMP-BLK-02 */
    if (offers(d, VIRTIO_BLK_F_SEG_MAX) && seen->segments > config(d)->seg_max.le)
        device_complain(d, "%u segments are above seg_max", seen->segments); /* IMP-BLK-03 */
    if (write && offers(d, VIRTIO_BLK_F_RO)) {
        device_complain(d, "write to a read-only disk"); /* IMP-BLK-08 */
        return VIRTIO_BLK_S_IOERR;
    }
    if (d->blk.error_sector >= seen->sector && d->blk.error_sector < seen->sector + sectors)
        return VIRTIO_BLK_S_IOERR;
    for (uint64_t i = 0; i < sectors; i++) {
        uint8_t bytes[VIRTIO_BLK_SECTOR];
        uint64_t sector = seen->sector + i;

        if (write) {
            (void)device_chain_read(d, chain, sizeof(struct virtio_blk_req_header) + i * 512, bytes,
                                    512);
            if (sector < d->blk.stored)
                memcpy(d->blk.bytes + sector * 512, bytes, 512);
            continue;
        }
        for (unsigned k = 0; k < 512; k++)
            bytes[k] = sector < d->blk.stored ? d->blk.bytes[sector * 512 + k]
                                              : device_blk_pattern(sector, k);
        (void)device_chain_write(d, chain, i * 512, bytes, 512);
    }
    return VIRTIO_BLK_S_OK;
}

static uint8_t ranges(struct device *d, const struct device_chain *chain,
                      struct device_blk_seen *seen)
{
    bool discard = seen->type == VIRTIO_BLK_T_DISCARD;
    uint32_t max =
        discard ? config(d)->max_discard_sectors.le : config(d)->max_write_zeroes_sectors.le;
    uint32_t most = discard ? config(d)->max_discard_seg.le : config(d)->max_write_zeroes_seg.le;
    struct virtio_blk_range range;

    if (!accepted(d, discard ? VIRTIO_BLK_F_DISCARD : VIRTIO_BLK_F_WRITE_ZEROES)) {
        device_complain(d, "request %u was not negotiated", seen->type);
        return VIRTIO_BLK_S_UNSUPP;
    }
    if (seen->data == 0 || seen->data % sizeof(range) != 0 ||
        seen->data / sizeof(range) > most) { /* DRV-BLK-20, DRV-BLK-22, DRV-BLK-24 */
        device_complain(d, "%u bytes of ranges", seen->data);
        return VIRTIO_BLK_S_IOERR;
    }
    (void)device_chain_read(d, chain, sizeof(struct virtio_blk_req_header), &range, sizeof(range));
    seen->range_sector = range.sector.le;
    seen->range_sectors = range.num_sectors.le;
    seen->range_flags = range.flags.le;
    if (seen->range_sectors == 0 || seen->range_sectors > max)
        device_complain(d, "range of %u sectors, at most %u", seen->range_sectors, max);
    if (seen->range_sector > config(d)->capacity.le ||
        seen->range_sectors > config(d)->capacity.le - seen->range_sector)
        device_complain(d, "range beyond the capacity");
    if (seen->range_flags > (discard ? 0u : 1u)) /* DRV-BLK-27, IMP-BLK-14 */
        device_complain(d, "range with flags 0x%x", seen->range_flags);
    if (seen->range_sector + seen->range_sectors <= d->blk.stored)
        memset(d->blk.bytes + seen->range_sector * 512, 0, (size_t)seen->range_sectors * 512);
    return VIRTIO_BLK_S_OK;
}

static uint8_t get_id(struct device *d, const struct device_chain *chain,
                      const struct device_blk_seen *seen)
{
    char id[VIRTIO_BLK_ID_BYTES] = {0};

    if (d->blk.no_id)
        return VIRTIO_BLK_S_UNSUPP;
    if (seen->data != sizeof(id)) /* DRV-BLK-21 */
        device_complain(d, "%u bytes for an id", seen->data);
    memcpy(id, d->blk.serial, strnlen(d->blk.serial, sizeof(id)));
    (void)device_chain_write(d, chain, 0, id, sizeof(id));
    return VIRTIO_BLK_S_OK;
}

static uint8_t run(struct device *d, const struct device_chain *chain, struct device_blk_seen *seen)
{
    if (seen->type != VIRTIO_BLK_T_IN && seen->type != VIRTIO_BLK_T_OUT && seen->sector != 0)
        device_complain(d, "request %u with a sector", seen->type); /* DRV-BLK-17, IMP-BLK-11 */
    switch (seen->type) {
    case VIRTIO_BLK_T_IN:
    case VIRTIO_BLK_T_OUT:
        return transfer(d, chain, seen, seen->type == VIRTIO_BLK_T_OUT);
    case VIRTIO_BLK_T_FLUSH:
        if (!accepted(d, VIRTIO_BLK_F_FLUSH) || seen->data != 0) /* DRV-BLK-18 */
            device_complain(d, "flush that was not negotiated, or with data");
        return VIRTIO_BLK_S_OK;
    case VIRTIO_BLK_T_GET_ID:
        return get_id(d, chain, seen);
    case VIRTIO_BLK_T_DISCARD:
    case VIRTIO_BLK_T_WRITE_ZEROES:
        return ranges(d, chain, seen);
    default:
        return VIRTIO_BLK_S_UNSUPP;
    }
}

bool device_blk_serve(struct device *d, const struct device_chain *chain, uint32_t *written)
{
    struct virtio_blk_req_header header = {0};
    struct device_blk_seen *seen = record(d);
    bool writes;
    uint8_t status;

    if (chain->readable < sizeof(header) || chain->writable < 1) { /* IMP-BLK-10 */
        device_complain(d, "a request without header or status");
        return true;
    }
    (void)device_chain_read(d, chain, 0, &header, sizeof(header));
    seen->type = header.type.le;
    seen->sector = header.sector.le;
    writes = seen->type == VIRTIO_BLK_T_IN || seen->type == VIRTIO_BLK_T_GET_ID;
    seen->data = (uint32_t)(writes ? chain->writable - 1 : chain->readable - sizeof(header));
    for (unsigned i = 1; i + 1 < chain->count; i++) { /* header and status have one each */
        seen->segments++;
        if (chain->segments[i].length > seen->longest)
            seen->longest = chain->segments[i].length;
    }
    status = run(d, chain, seen);
    if (d->blk.status_written != 0)
        status = d->blk.status_written;
    if (!d->blk.status_unwritten)
        (void)device_chain_write(d, chain, chain->writable - 1, &status, 1);
    *written = (uint32_t)chain->writable;
    return true;
}
