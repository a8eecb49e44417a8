/* SPDX-License-Identifier: BSD-2-Clause */
/* What a driver of a block device has to keep to (VIRTIO 1.4, 5.2), as far as the device sees it. */
#include "launcher/blk_state.h"

enum {
    HEADER = sizeof(struct virtio_blk_req_header),
    SENSE_BYTES = 96,
    SCSI_RESULT_BYTES = 16, /* errors, data_len, sense_len, residual */
};

static bool offers(const struct launcher_device *dev, unsigned feature)
{
    return (dev->offered >> feature & 1) != 0;
}

/* ---- Configuration, queues ---- */

static bool has_queue(const struct launcher_device *dev, unsigned index)
{
    return index == 0 ||
           (launcher_accepted(dev, VIRTIO_BLK_F_MQ) && index < LAUNCHER_BLK_GET(dev, num_queues));
}

static void judge_queue(struct launcher_device *dev, const struct launcher_queue *queue)
{
    LAUNCHER_JUDGE(&dev->referee, "IMP-BLK-01", has_queue(dev, queue->index),
                   "queue %u is used; there is one queue, or with VIRTIO_BLK_F_MQ (%s) num_queues",
                   queue->index,
                   launcher_accepted(dev, VIRTIO_BLK_F_MQ) ? "accepted" : "not accepted");
}

void launcher_blk_judge_live(struct launcher_device *dev)
{
    for (unsigned i = 0; i < dev->queue_count; i++)
        if (dev->queues[i].enabled)
            judge_queue(dev, &dev->queues[i]);
}

static bool is_zoned_field(uint64_t offset, unsigned width)
{
    return launcher_touches(offset, width, offsetof(struct virtio_blk_config, zone_sectors),
                            offsetof(struct virtio_blk_config, zoned_model) -
                                offsetof(struct virtio_blk_config, zone_sectors));
}

void launcher_blk_judge_touch(struct launcher_device *dev, uint64_t offset, unsigned width,
                              bool write)
{
    struct launcher_blk *blk = launcher_blk_of(dev);

    if (LAUNCHER_TOUCHES(offset, width, virtio_blk_config, capacity) && !write)
        blk->capacity_read = launcher_blk_capacity(dev);
    if (!write && (dev->status & VIRTIO_STATUS_DRIVER_OK) != 0 && offers(dev, VIRTIO_BLK_F_ZONED) &&
        !launcher_accepted(dev, VIRTIO_BLK_F_ZONED) && blk->zones.model == VIRTIO_BLK_Z_HA)
        LAUNCHER_JUDGE(&dev->referee, "DRV-BLK-11", !is_zoned_field(offset, width),
                       "offset %llu is read: a field of the zones of a host-aware disk, which "
                       "is run as one without zones",
                       (unsigned long long)offset);
}

/* ---- The form of a request ---- */

static bool is_scsi(uint32_t type)
{
    return type == VIRTIO_BLK_T_SCSI_CMD || type == VIRTIO_BLK_T_SCSI_CMD_OUT;
}

static bool is_known(uint32_t type)
{
    switch (type) {
    case VIRTIO_BLK_T_IN:
    case VIRTIO_BLK_T_OUT:
    case VIRTIO_BLK_T_SCSI_CMD:
    case VIRTIO_BLK_T_SCSI_CMD_OUT:
    case VIRTIO_BLK_T_FLUSH:
    case VIRTIO_BLK_T_FLUSH_OUT:
    case VIRTIO_BLK_T_GET_ID:
    case VIRTIO_BLK_T_GET_LIFETIME:
    case VIRTIO_BLK_T_DISCARD:
    case VIRTIO_BLK_T_WRITE_ZEROES:
    case VIRTIO_BLK_T_SECURE_ERASE:
        return true;
    default:
        return launcher_blk_is_zone_request(type);
    }
}

static bool is_range(uint32_t type)
{
    return type == VIRTIO_BLK_T_DISCARD || type == VIRTIO_BLK_T_WRITE_ZEROES ||
           type == VIRTIO_BLK_T_SECURE_ERASE;
}

/* The n-th segment of one kind, counted from the start or (negative: -1 is the last) from the end; its length. */
static uint32_t length_of(const struct launcher_chain *chain, bool writable, int n)
{
    int count = 0, at;

    for (unsigned i = 0; i < chain->count; i++)
        if (chain->segments[i].writable == writable)
            count++;
    at = n >= 0 ? n : count + n;
    for (unsigned i = 0; i < chain->count; i++)
        if (chain->segments[i].writable == writable && at-- == 0)
            return chain->segments[i].length;
    return 0;
}

/* Legacy drivers without VIRTIO_F_ANY_LAYOUT are bound to pieces of certain lengths. */
static void judge_layout(struct launcher_device *dev, const struct launcher_blk_request *request)
{
    struct launcher_referee *referee = &dev->referee;
    const struct launcher_chain *chain = request->chain;
    uint32_t first = length_of(chain, false, 0), last = length_of(chain, true, -1);

    LAUNCHER_JUDGE(referee, "DRV-BLK-50", first == HEADER,
                   "the first descriptor has %u bytes; the header of 16 bytes has one of its own",
                   first);
    LAUNCHER_JUDGE(referee, "DRV-BLK-52", last == 1,
                   "the last descriptor has %u writable bytes; the status byte has one of its own",
                   last);
    if (request->data > 0)
        LAUNCHER_JUDGE(referee, "DRV-BLK-51", first <= HEADER && last <= 1,
                       "descriptors of %u and %u bytes hold data beside header or status", first,
                       last);
    if (!is_scsi(request->type))
        return;
    LAUNCHER_JUDGE(referee, "DRV-BLK-53", length_of(chain, true, -3) == SENSE_BYTES,
                   "%u bytes where sense has a descriptor of 96 bytes of its own",
                   length_of(chain, true, -3));
    LAUNCHER_JUDGE(referee, "DRV-BLK-54", length_of(chain, true, -2) == SCSI_RESULT_BYTES,
                   "%u bytes where errors, data_len, sense_len and residual have a descriptor of "
                   "their own",
                   length_of(chain, true, -2));
}

/* Readable and writable parts that do not belong to a request of this type. */
static bool is_formed(const struct launcher_device *dev, const struct launcher_blk_request *request)
{
    const struct launcher_chain *chain = request->chain;

    if (chain->readable < HEADER || chain->writable < 1)
        return false;
    if (!is_known(request->type) || is_scsi(request->type))
        return true;
    if (launcher_blk_is_zone_request(request->type) && !launcher_accepted(dev, VIRTIO_BLK_F_ZONED))
        return true;
    return request->to_driver ? chain->readable == HEADER : chain->writable == request->tail;
}

void launcher_blk_judge_form(struct launcher_device *dev,
                             const struct launcher_blk_request *request)
{
    struct launcher_referee *referee = &dev->referee;
    const struct launcher_chain *chain = request->chain;

    LAUNCHER_JUDGE(referee, "IMP-BLK-10", is_formed(dev, request),
                   "request %u of %llu readable and %llu writable bytes; a request is a header of "
                   "16, data one way, and a status byte",
                   request->type, (unsigned long long)chain->readable,
                   (unsigned long long)chain->writable);
    if (!dev->legacy)
        return;
    LAUNCHER_JUDGE(referee, "DRV-BLK-43",
                   is_known(request->type) || !is_known(__builtin_bswap32(request->type)),
                   "request type 0x%x is a known one in the other byte order; a legacy driver "
                   "uses its own",
                   request->type);
    if (is_scsi(request->type))
        LAUNCHER_JUDGE(referee, "DRV-BLK-48",
                       length_of(chain, false, 0) == HEADER && length_of(chain, false, 1) != 0,
                       "the command of a SCSI request is not in a buffer of its own behind the "
                       "header");
    if (!launcher_accepted(dev, VIRTIO_F_ANY_LAYOUT))
        judge_layout(dev, request);
}

/* ---- Its contents ---- */

/* What the driver may take the capacity to be: a change may not have reached it. */
static uint64_t capacity_known(const struct launcher_device *dev)
{
    uint64_t read = launcher_blk_of(dev)->capacity_read, is = launcher_blk_capacity(dev);

    return read > is ? read : is;
}

static bool is_past(uint64_t capacity, uint64_t sector, uint64_t sectors)
{
    return sector > capacity || sectors > capacity - sector;
}

static void judge_place(struct launcher_device *dev, uint64_t sector, uint64_t sectors)
{
    uint64_t capacity = capacity_known(dev), factor = 1;
    bool past = is_past(capacity, sector, sectors);

    LAUNCHER_JUDGE(&dev->referee, "DRV-BLK-15", !past,
                   "%llu sectors at sector %llu; the disk has %llu", (unsigned long long)sectors,
                   (unsigned long long)sector, (unsigned long long)capacity);
    if (offers(dev, VIRTIO_BLK_F_BLK_SIZE))
        factor = LAUNCHER_BLK_GET(dev, blk_size) / VIRTIO_BLK_SECTOR;
    if (factor > 1)
        LAUNCHER_JUDGE(&dev->referee, "IMP-BLK-07", !past || sector / factor >= capacity,
                       "sector %llu of %llu: would be one of a disk that counted blocks of %llu "
                       "bytes; capacity counts 512",
                       (unsigned long long)sector, (unsigned long long)capacity,
                       (unsigned long long)factor * VIRTIO_BLK_SECTOR);
}

static void judge_pieces(struct launcher_device *dev, const struct launcher_blk_request *request)
{
    struct launcher_referee *referee = &dev->referee;
    uint64_t longest = LAUNCHER_BLK_GET(dev, size_max), most = LAUNCHER_BLK_GET(dev, seg_max);

    if (launcher_accepted(dev, VIRTIO_BLK_F_SIZE_MAX))
        LAUNCHER_JUDGE(referee, "IMP-BLK-02", request->seen->longest <= longest,
                       "a data segment of %u bytes; size_max is %llu", request->seen->longest,
                       (unsigned long long)longest);
    if (launcher_accepted(dev, VIRTIO_BLK_F_SEG_MAX))
        LAUNCHER_JUDGE(referee, "IMP-BLK-03", request->seen->segments <= most,
                       "%u data segments; seg_max is %llu", request->seen->segments,
                       (unsigned long long)most);
}

static void judge_transfer(struct launcher_device *dev, const struct launcher_blk_request *request)
{
    bool write = request->type == VIRTIO_BLK_T_OUT;

    LAUNCHER_JUDGE(&dev->referee, "DRV-BLK-19", request->data % VIRTIO_BLK_SECTOR == 0,
                   "%llu bytes of data, not a multiple of 512", (unsigned long long)request->data);
    judge_place(dev, request->sector, request->data / VIRTIO_BLK_SECTOR);
    if (offers(dev, VIRTIO_BLK_F_RO))
        LAUNCHER_JUDGE(&dev->referee, "IMP-BLK-08", !write,
                       "a write to a disk that offers VIRTIO_BLK_F_RO");
    launcher_blk_judge_zone_transfer(dev, request);
}

static void judge_flush(struct launcher_device *dev, const struct launcher_blk_request *request)
{
    LAUNCHER_JUDGE(&dev->referee, "DRV-BLK-17", request->sector == 0,
                   "a flush with sector %llu, not 0", (unsigned long long)request->sector);
    LAUNCHER_JUDGE(&dev->referee, "DRV-BLK-18", request->data == 0,
                   "a flush with %llu bytes of data", (unsigned long long)request->data);
}

static void judge_ranges(struct launcher_device *dev, const struct launcher_blk_request *request)
{
    struct launcher_referee *referee = &dev->referee;
    uint64_t count = request->data / sizeof(struct virtio_blk_range), most;

    LAUNCHER_JUDGE(referee, "DRV-BLK-20", request->data % sizeof(struct virtio_blk_range) == 0,
                   "%llu bytes of data, not a multiple of 16", (unsigned long long)request->data);
    if (request->type == VIRTIO_BLK_T_DISCARD) {
        most = LAUNCHER_BLK_GET(dev, max_discard_seg);
        LAUNCHER_JUDGE(referee, "DRV-BLK-22", count <= most,
                       "%llu ranges in a discard; max_discard_seg is %llu",
                       (unsigned long long)count, (unsigned long long)most);
    } else if (request->type == VIRTIO_BLK_T_WRITE_ZEROES) {
        most = LAUNCHER_BLK_GET(dev, max_write_zeroes_seg);
        LAUNCHER_JUDGE(referee, "DRV-BLK-24", count <= most,
                       "%llu ranges in a write zeroes; max_write_zeroes_seg is %llu",
                       (unsigned long long)count, (unsigned long long)most);
    } else {
        most = LAUNCHER_BLK_GET(dev, max_secure_erase_seg);
        LAUNCHER_JUDGE(referee, "DRV-BLK-23", count <= most,
                       "%llu ranges in a secure erase; max_secure_erase_seg is %llu",
                       (unsigned long long)count, (unsigned long long)most);
    }
}

void launcher_blk_judge_part(struct launcher_device *dev,
                             const struct launcher_blk_request *request,
                             const struct launcher_blk_part *part)
{
    struct launcher_referee *referee = &dev->referee;
    uint32_t unmap = VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP;

    if (request->type == VIRTIO_BLK_T_DISCARD)
        LAUNCHER_JUDGE(referee, "DRV-BLK-27", (part->flags & unmap) == 0,
                       "a range of a discard with the unmap flag");
    LAUNCHER_JUDGE(referee, "IMP-BLK-14", (part->flags & ~unmap) == 0,
                   "a range with flags 0x%x: all but unmap are reserved", part->flags);
    judge_place(dev, part->sector, part->sectors);
    if (request->type == VIRTIO_BLK_T_SECURE_ERASE && launcher_blk_is_zoned(dev))
        LAUNCHER_JUDGE(referee, "DRV-BLK-42",
                       part->sectors % launcher_blk_of(dev)->zones.sectors == 0,
                       "a secure erase of %u sectors; zones have %u", part->sectors,
                       launcher_blk_of(dev)->zones.sectors);
}

void launcher_blk_judge_request(struct launcher_device *dev,
                                const struct launcher_blk_request *request)
{
    struct launcher_referee *referee = &dev->referee;

    judge_queue(dev, request->queue);
    judge_pieces(dev, request);
    if (!dev->legacy)
        LAUNCHER_JUDGE(referee, "IMP-BLK-04",
                       !is_scsi(request->type) && (request->type & VIRTIO_BLK_T_BARRIER) == 0,
                       "request type 0x%x, which only the legacy interface has", request->type);
    if (request->type == VIRTIO_BLK_T_GET_ID || request->type == VIRTIO_BLK_T_GET_LIFETIME ||
        is_range(request->type))
        LAUNCHER_JUDGE(referee, "IMP-BLK-11", request->sector == 0,
                       "request %u with sector %llu, not 0", request->type,
                       (unsigned long long)request->sector);
    if (request->type == VIRTIO_BLK_T_IN || request->type == VIRTIO_BLK_T_OUT)
        judge_transfer(dev, request);
    else if (request->type == VIRTIO_BLK_T_FLUSH ||
             (dev->legacy && request->type == VIRTIO_BLK_T_FLUSH_OUT))
        judge_flush(dev, request);
    else if (request->type == VIRTIO_BLK_T_GET_ID)
        LAUNCHER_JUDGE(referee, "DRV-BLK-21", request->data == VIRTIO_BLK_ID_BYTES,
                       "%llu bytes for an identifier of 20", (unsigned long long)request->data);
    else if (is_range(request->type))
        judge_ranges(dev, request);
}
