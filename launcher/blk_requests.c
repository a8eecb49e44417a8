/* SPDX-License-Identifier: BSD-2-Clause */
/* What the requests of a block device do (VIRTIO 1.4, 5.2.6): reads and writes, flushes, ranges, what the disk says of itself. */
#include <string.h>

#include "launcher/blk_state.h"

enum {
    PIECE_SECTORS = 8,
};

#define BIT(feature) (1ull << (feature))

/* ---- Moving data ---- */

static uint64_t read_data(struct launcher_device *dev, const struct launcher_blk_request *request,
                          uint64_t from, void *to, uint32_t length)
{
    return launcher_chain_read(dev, request->chain, sizeof(struct virtio_blk_req_header) + from, to,
                               length);
}

static bool write_data(struct launcher_device *dev, struct launcher_blk_request *request,
                       const void *data, uint32_t length)
{
    uint32_t put = launcher_chain_write(dev, request->chain, request->done, data, length);

    request->done += put;
    return put == length;
}

/* Writes are committed at once unless the driver has a writeback cache to flush (DEV-BLK-37, DEV-BLK-38, DEV-BLK-40). */
static bool settle_write(struct launcher_device *dev)
{
    struct launcher_blk *blk = launcher_blk_of(dev);

    return blk->writeback || launcher_blk_store_commit(blk->store);
}

uint8_t launcher_blk_transfer(struct launcher_device *dev, struct launcher_blk_request *request,
                              uint64_t sector, bool write)
{
    struct launcher_blk_store *store = launcher_blk_of(dev)->store;
    uint64_t sectors = request->data / VIRTIO_BLK_SECTOR;
    uint8_t piece[PIECE_SECTORS * VIRTIO_BLK_SECTOR];
    uint64_t moved = 0;

    while (moved < sectors) {
        uint64_t count = sectors - moved < PIECE_SECTORS ? sectors - moved : PIECE_SECTORS;
        uint32_t length = (uint32_t)count * VIRTIO_BLK_SECTOR;
        bool ok;

        if (write)
            ok = read_data(dev, request, moved * VIRTIO_BLK_SECTOR, piece, length) == length &&
                 launcher_blk_store_write(store, sector + moved, piece, count);
        else
            ok = launcher_blk_store_read(store, sector + moved, piece, count) &&
                 write_data(dev, request, piece, length);
        if (!ok)
            return VIRTIO_BLK_S_IOERR;
        moved += count;
    }
    return write && !settle_write(dev) ? VIRTIO_BLK_S_IOERR : VIRTIO_BLK_S_OK;
}

/* ---- What requests ask for; each returns the status ---- */

bool launcher_blk_is_within(const struct launcher_device *dev, uint64_t sector, uint64_t sectors)
{
    uint64_t capacity = launcher_blk_capacity(dev);

    return sector <= capacity && sectors <= capacity - sector;
}

static bool fails(struct launcher_blk *blk, uint64_t sector, uint64_t sectors)
{
    if (sectors == 0 || sector >= blk->fail_sector + blk->fail_sectors ||
        sector + sectors <= blk->fail_sector)
        return false;
    if (blk->fail_left != 0 && --blk->fail_left == 0)
        blk->fail_sectors = 0;
    return true;
}

static bool read_only(const struct launcher_device *dev)
{
    return (dev->offered & BIT(VIRTIO_BLK_F_RO)) != 0;
}

static uint8_t read_or_write(struct launcher_device *dev, struct launcher_blk_request *request,
                             bool write)
{
    struct launcher_blk *blk = launcher_blk_of(dev);
    uint64_t sectors = request->data / VIRTIO_BLK_SECTOR;
    uint8_t status;

    if (write && read_only(dev)) /* DEV-BLK-27, DEV-BLK-28 */
        return VIRTIO_BLK_S_IOERR;
    if (request->data % VIRTIO_BLK_SECTOR != 0 ||
        !launcher_blk_is_within(dev, request->sector, sectors))
        return VIRTIO_BLK_S_IOERR;
    if (fails(blk, request->sector, sectors))
        return blk->fail_status;
    status = launcher_blk_zone_check(dev, request->sector, sectors, write);
    if (status == VIRTIO_BLK_S_OK)
        status = launcher_blk_transfer(dev, request, request->sector, write);
    if (status == VIRTIO_BLK_S_OK && write)
        launcher_blk_zone_written(dev, request->sector, sectors);
    return status;
}

static uint8_t get_id(struct launcher_device *dev, struct launcher_blk_request *request)
{
    const char *serial = dev->options.serial != NULL ? dev->options.serial : "";
    char id[VIRTIO_BLK_ID_BYTES] = {0};
    uint32_t length = request->data < sizeof(id) ? (uint32_t)request->data : sizeof(id);

    memcpy(id, serial, strnlen(serial, sizeof(id)));
    return write_data(dev, request, id, length) ? VIRTIO_BLK_S_OK : VIRTIO_BLK_S_IOERR;
}

static uint8_t get_lifetime(struct launcher_device *dev, struct launcher_blk_request *request)
{
    const struct virtio_blk_lifetime *has = &launcher_blk_of(dev)->lifetime;
    struct virtio_blk_lifetime lifetime = {
        {launcher_guest16(dev, has->pre_eol_info.le)},
        {launcher_guest16(dev, has->device_lifetime_est_typ_a.le)},
        {launcher_guest16(dev, has->device_lifetime_est_typ_b.le)},
    };

    if (!launcher_accepted(dev, VIRTIO_BLK_F_LIFETIME))
        return VIRTIO_BLK_S_UNSUPP;
    if (request->data < sizeof(lifetime))
        return VIRTIO_BLK_S_IOERR;
    return write_data(dev, request, &lifetime, sizeof(lifetime)) ? VIRTIO_BLK_S_OK
                                                                 : VIRTIO_BLK_S_IOERR;
}

/* ---- Ranges: discard, write zeroes, secure erase ---- */

static unsigned range_feature(uint32_t type)
{
    if (type == VIRTIO_BLK_T_DISCARD)
        return VIRTIO_BLK_F_DISCARD;
    return type == VIRTIO_BLK_T_WRITE_ZEROES ? VIRTIO_BLK_F_WRITE_ZEROES
                                             : VIRTIO_BLK_F_SECURE_ERASE;
}

static uint64_t most_ranges(const struct launcher_device *dev, uint32_t type)
{
    if (type == VIRTIO_BLK_T_DISCARD)
        return LAUNCHER_BLK_GET(dev, max_discard_seg);
    return type == VIRTIO_BLK_T_WRITE_ZEROES ? LAUNCHER_BLK_GET(dev, max_write_zeroes_seg)
                                             : LAUNCHER_BLK_GET(dev, max_secure_erase_seg);
}

static uint64_t most_sectors(const struct launcher_device *dev, uint32_t type)
{
    if (type == VIRTIO_BLK_T_DISCARD)
        return LAUNCHER_BLK_GET(dev, max_discard_sectors);
    return type == VIRTIO_BLK_T_WRITE_ZEROES ? LAUNCHER_BLK_GET(dev, max_write_zeroes_sectors)
                                             : LAUNCHER_BLK_GET(dev, max_secure_erase_sectors);
}

static bool read_part(struct launcher_device *dev, const struct launcher_blk_request *request,
                      uint64_t index, struct launcher_blk_part *part)
{
    struct virtio_blk_range range;

    if (read_data(dev, request, index * sizeof(range), &range, sizeof(range)) != sizeof(range))
        return false;
    part->sector = launcher_guest64(dev, range.sector.le);
    part->sectors = launcher_guest32(dev, range.num_sectors.le);
    part->flags = launcher_guest32(dev, range.flags.le);
    return true;
}

static uint8_t serve_part(struct launcher_device *dev, const struct launcher_blk_request *request,
                          const struct launcher_blk_part *part)
{
    struct launcher_blk *blk = launcher_blk_of(dev);
    bool zeroes = request->type == VIRTIO_BLK_T_WRITE_ZEROES;
    bool unmap = !zeroes || (part->flags & VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP) != 0;
    uint8_t status;

    if (part->sectors > most_sectors(dev, request->type) ||
        !launcher_blk_is_within(dev, part->sector, part->sectors))
        return VIRTIO_BLK_S_IOERR;
    if (fails(blk, part->sector, part->sectors))
        return blk->fail_status;
    if (request->type == VIRTIO_BLK_T_SECURE_ERASE) {
        status = launcher_blk_zone_erase(dev, part->sector, part->sectors); /* DEV-BLK-67 */
        if (status != VIRTIO_BLK_S_OK)
            return status;
    } else if (zeroes) {
        status = launcher_blk_zone_check(dev, part->sector, part->sectors, true);
        if (status != VIRTIO_BLK_S_OK)
            return status;
    }
    if (!launcher_blk_store_zero(blk->store, part->sector, part->sectors, unmap && blk->may_unmap))
        return VIRTIO_BLK_S_IOERR;
    if (zeroes)
        launcher_blk_zone_written(dev, part->sector, part->sectors);
    return VIRTIO_BLK_S_OK;
}

/* All ranges are looked at before the first one is touched, so that a refused request has no effect. */
static uint8_t ranges(struct launcher_device *dev, struct launcher_blk_request *request)
{
    uint32_t known =
        request->type == VIRTIO_BLK_T_WRITE_ZEROES ? VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP : 0;
    uint64_t count = request->data / sizeof(struct virtio_blk_range);
    uint8_t status = VIRTIO_BLK_S_OK;
    struct launcher_blk_part part;

    if (!launcher_accepted(dev, range_feature(request->type)))
        return VIRTIO_BLK_S_UNSUPP;
    if (request->data % sizeof(struct virtio_blk_range) != 0 ||
        count > most_ranges(dev, request->type) || read_only(dev))
        return VIRTIO_BLK_S_IOERR;
    for (uint64_t i = 0; i < count; i++) {
        if (!read_part(dev, request, i, &part))
            return VIRTIO_BLK_S_IOERR;
        if (i == 0)
            request->seen->first = part;
        launcher_blk_judge_part(dev, request, &part);
        if ((part.flags & ~known) != 0) /* DEV-BLK-29, DEV-BLK-30 */
            status = VIRTIO_BLK_S_UNSUPP;
    }
    for (uint64_t i = 0; i < count && status == VIRTIO_BLK_S_OK; i++)
        status = read_part(dev, request, i, &part) ? serve_part(dev, request, &part)
                                                   : VIRTIO_BLK_S_IOERR;
    if (status == VIRTIO_BLK_S_OK && !settle_write(dev))
        status = VIRTIO_BLK_S_IOERR;
    return status;
}

static uint8_t flush(struct launcher_device *dev)
{
    /* DEV-BLK-39. One that was not negotiated does no harm. */
    return launcher_blk_store_commit(launcher_blk_of(dev)->store) ? VIRTIO_BLK_S_OK
                                                                  : VIRTIO_BLK_S_IOERR;
}

/* ---- By type ---- */

bool launcher_blk_negotiated(const struct launcher_device *dev, uint32_t type)
{
    switch (type) {
    case VIRTIO_BLK_T_IN:
    case VIRTIO_BLK_T_OUT:
    case VIRTIO_BLK_T_FLUSH:
    case VIRTIO_BLK_T_GET_ID:
        return true;
    case VIRTIO_BLK_T_DISCARD:
    case VIRTIO_BLK_T_WRITE_ZEROES:
    case VIRTIO_BLK_T_SECURE_ERASE:
        return launcher_accepted(dev, range_feature(type));
    case VIRTIO_BLK_T_GET_LIFETIME:
        return launcher_accepted(dev, VIRTIO_BLK_F_LIFETIME);
    default:
        return launcher_blk_is_zone_request(type) && launcher_accepted(dev, VIRTIO_BLK_F_ZONED);
    }
}

uint8_t launcher_blk_run(struct launcher_device *dev, struct launcher_blk_request *request)
{
    switch (request->type) {
    case VIRTIO_BLK_T_IN:
    case VIRTIO_BLK_T_OUT:
        return read_or_write(dev, request, request->type == VIRTIO_BLK_T_OUT);
    case VIRTIO_BLK_T_FLUSH:
        return flush(dev);
    case VIRTIO_BLK_T_FLUSH_OUT: /* DEV-BLK-69 */
        return dev->legacy ? flush(dev) : VIRTIO_BLK_S_UNSUPP;
    case VIRTIO_BLK_T_GET_ID:
        return get_id(dev, request);
    case VIRTIO_BLK_T_GET_LIFETIME:
        return get_lifetime(dev, request);
    case VIRTIO_BLK_T_DISCARD:
    case VIRTIO_BLK_T_WRITE_ZEROES:
    case VIRTIO_BLK_T_SECURE_ERASE:
        return ranges(dev, request);
    default:
        if (launcher_blk_is_zone_request(request->type))
            return launcher_blk_zone_request(dev, request);
        return VIRTIO_BLK_S_UNSUPP;
    }
}
