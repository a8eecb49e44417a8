/* SPDX-License-Identifier: BSD-2-Clause */
/* The block device (VIRTIO 1.4, 5.2): requests are parsed whatever their pieces are, judged, run and answered. */
#include "launcher/blk.h"

#include <stdlib.h>
#include <string.h>

#include "launcher/blk_state.h"

enum {
    NO_STATUS = 0xff,
    PRE_EOL_MOST = 3,
    WEAR_MOST = 11,
    APPEND_SECTOR_BYTES = 8,
};

#define BIT(feature) (1ull << (feature))

/* ---- Life ---- */

static int create(struct launcher_device *dev)
{
    struct launcher_blk *blk = launcher_allocate(sizeof(*blk));
    int error = 0;

    dev->model_state = blk;
    blk->lifetime = (struct virtio_blk_lifetime){{1}, {1}, {1}};
    blk->store = launcher_blk_store_new(dev->options.file, dev->options.read_only,
                                        &dev->options.sectors, &error);
    if (blk->store == NULL)
        return error;
    launcher_blk_make_zones(dev);
    launcher_blk_make_config(dev);
    return 0;
}

static void destroy(struct launcher_device *dev)
{
    struct launcher_blk *blk = launcher_blk_of(dev);

    launcher_blk_store_free(blk->store);
    free(blk->zone);
    free(blk->seen);
    free(blk);
}

static void reset(struct launcher_device *dev)
{
    if (launcher_blk_of(dev)->store != NULL) /* it could be made */
        launcher_blk_reset_config(dev);
}

/* ---- Requests ---- */

/* The pieces of data: what of each segment is neither header nor status. */
static void measure(const struct launcher_blk_request *request)
{
    uint64_t skip = request->to_driver ? 0 : sizeof(struct virtio_blk_req_header);
    uint64_t left = request->data;

    for (unsigned i = 0; i < request->chain->count && left > 0; i++) {
        const struct launcher_segment *segment = &request->chain->segments[i];
        uint64_t part = segment->length;

        if (segment->writable != request->to_driver)
            continue;
        if (part <= skip) {
            skip -= part;
            continue;
        }
        part -= skip;
        skip = 0;
        if (part > left)
            part = left;
        left -= part;
        request->seen->segments++;
        if (part > request->seen->longest)
            request->seen->longest = (uint32_t)part;
    }
}

static struct launcher_blk_seen *record(struct launcher_blk *blk)
{
    if (blk->seen_count == blk->seen_room) {
        blk->seen_room = blk->seen_room != 0 ? 2 * blk->seen_room : 64;
        blk->seen = launcher_grow(blk->seen, blk->seen_room * sizeof(*blk->seen));
    }
    memset(&blk->seen[blk->seen_count], 0, sizeof(*blk->seen));
    return &blk->seen[blk->seen_count++];
}

static bool parse(struct launcher_device *dev, struct launcher_blk_request *request)
{
    const struct launcher_chain *chain = request->chain;
    struct virtio_blk_req_header header;

    if (launcher_chain_read(dev, chain, 0, &header, sizeof(header)) != sizeof(header) ||
        chain->writable == 0)
        return false;
    request->raw_type = header.type.le;
    request->type = launcher_guest32(dev, header.type.le);
    request->sector = launcher_guest64(dev, header.sector.le);
    if ((dev->offered & BIT(VIRTIO_BLK_F_BARRIER)) != 0 && dev->legacy) {
        request->barrier = (request->type & VIRTIO_BLK_T_BARRIER) != 0;
        request->type &= ~VIRTIO_BLK_T_BARRIER;
    }
    request->to_driver = request->type == VIRTIO_BLK_T_IN || request->type == VIRTIO_BLK_T_GET_ID ||
                         request->type == VIRTIO_BLK_T_GET_LIFETIME ||
                         request->type == VIRTIO_BLK_T_ZONE_REPORT;
    request->tail = 1;
    if (request->type == VIRTIO_BLK_T_ZONE_APPEND && launcher_accepted(dev, VIRTIO_BLK_F_ZONED))
        request->tail += APPEND_SECTOR_BYTES;
    request->data = request->to_driver ? chain->writable - 1 : chain->readable - sizeof(header);
    return chain->writable >= request->tail;
}

/*
 * Legacy barriers (DEV-BLK-70, DEV-BLK-71): a request that bears the bit waits for all earlier ones of its queue, and
 * all later ones wait for it.
 */
static bool has_to_wait(struct launcher_device *dev, const struct launcher_blk_request *request)
{
    const struct launcher_queue *queue = request->queue;

    if (!dev->legacy || (dev->offered & BIT(VIRTIO_BLK_F_BARRIER)) == 0)
        return false;
    for (unsigned i = 0; i < queue->flight_count; i++) {
        struct launcher_blk_request earlier = {.chain = queue->flight[i]};

        if (earlier.chain->order >= request->chain->order || earlier.chain->served)
            continue;
        if (request->barrier || (parse(dev, &earlier) && earlier.barrier))
            return true;
    }
    return false;
}

static uint8_t run_or_fail(struct launcher_device *dev, struct launcher_blk_request *request)
{
    uint64_t status;

    if (!launcher_fault(dev, LAUNCHER_FAULT_IO_ERROR))
        return launcher_blk_run(dev, request);
    /* An error says nothing of what was done before it. */
    if (launcher_random(dev, 2) == 0)
        (void)launcher_blk_run(dev, request);
    status = launcher_fault_value(dev, LAUNCHER_FAULT_IO_ERROR);
    return status != 0 ? (uint8_t)status : VIRTIO_BLK_S_IOERR;
}

/*
 * What the used length has to say (2.7.8.2): bytes from the start on that were written. The status byte counts only if
 * there is no gap in front of it.
 */
static uint32_t used_length(const struct launcher_device *dev,
                            const struct launcher_blk_request *request, bool status_written)
{
    uint64_t data = request->to_driver ? request->data : 0;

    if (request->done < data || !status_written || dev->personality->used_data_only)
        return (uint32_t)request->done;
    return (uint32_t)(data + request->tail);
}

static bool serve(struct launcher_device *dev, struct launcher_queue *queue,
                  struct launcher_chain *chain, uint32_t *written)
{
    struct launcher_blk_request request = {.queue = queue, .chain = chain};
    bool whole = parse(dev, &request);
    uint8_t status;

    if (whole && has_to_wait(dev, &request))
        return false;
    launcher_blk_judge_form(dev, &request);
    *written = 0;
    if (!whole)
        return true;
    request.seen = record(launcher_blk_of(dev));
    request.seen->type = request.type;
    request.seen->sector = request.sector;
    request.seen->data = request.data;
    request.seen->queue = queue->index;
    request.seen->status = NO_STATUS;
    measure(&request);
    launcher_blk_judge_request(dev, &request);
    if (dev->personality->stalls_unnegotiated && !launcher_blk_negotiated(dev, request.type)) {
        chain->never = true;
        return false;
    }
    status = run_or_fail(dev, &request);
    if (launcher_fault(dev, LAUNCHER_FAULT_STATUS_UNWRITTEN)) {
        *written = used_length(dev, &request, false);
        return true;
    }
    request.seen->status = status;
    (void)launcher_chain_write(dev, chain, chain->writable - 1, &status, 1);
    *written = used_length(dev, &request, true);
    return true;
}

/* ---- For the owner ---- */

const struct launcher_blk_seen *launcher_blk_requests(const struct launcher_device *dev,
                                                      size_t *count)
{
    *count = launcher_blk_of(dev)->seen_count;
    return launcher_blk_of(dev)->seen;
}

void launcher_blk_forget_requests(struct launcher_device *dev)
{
    launcher_blk_of(dev)->seen_count = 0;
}

bool launcher_blk_read(struct launcher_device *dev, uint64_t sector, void *to, uint64_t sectors)
{
    return launcher_blk_is_within(dev, sector, sectors) &&
           launcher_blk_store_read(launcher_blk_of(dev)->store, sector, to, sectors);
}

bool launcher_blk_write(struct launcher_device *dev, uint64_t sector, const void *from,
                        uint64_t sectors)
{
    return launcher_blk_is_within(dev, sector, sectors) &&
           launcher_blk_store_write(launcher_blk_of(dev)->store, sector, from, sectors) &&
           launcher_blk_store_commit(launcher_blk_of(dev)->store);
}

bool launcher_blk_is_volatile(const struct launcher_device *dev, uint64_t sector)
{
    return launcher_blk_store_is_volatile(launcher_blk_of(dev)->store, sector);
}

bool launcher_blk_is_mapped(const struct launcher_device *dev, uint64_t sector)
{
    return launcher_blk_store_is_mapped(launcher_blk_of(dev)->store, sector);
}

void launcher_blk_cut_power(struct launcher_device *dev)
{
    launcher_blk_store_cut_power(launcher_blk_of(dev)->store);
}

uint64_t launcher_blk_commits(const struct launcher_device *dev)
{
    return launcher_blk_store_commits(launcher_blk_of(dev)->store);
}

void launcher_blk_fail(struct launcher_device *dev, uint64_t sector, uint64_t sectors,
                       uint8_t status, uint64_t times)
{
    struct launcher_blk *blk = launcher_blk_of(dev);

    blk->fail_sector = sector;
    blk->fail_sectors = sectors < UINT64_MAX - sector ? sectors : UINT64_MAX - sector;
    blk->fail_status = status;
    blk->fail_left = times;
}

static uint16_t at_most(uint16_t value, uint16_t most)
{
    return value < most ? value : most;
}

void launcher_blk_set_lifetime(struct launcher_device *dev, uint16_t pre_eol, uint16_t type_a,
                               uint16_t type_b)
{
    launcher_blk_of(dev)->lifetime = (struct virtio_blk_lifetime){
        {at_most(pre_eol, PRE_EOL_MOST)}, /* DEV-BLK-43 */
        {at_most(type_a, WEAR_MOST)},
        {at_most(type_b, WEAR_MOST)},
    };
}

const struct launcher_model launcher_blk = {
    .name = "blk",
    .id = VIRTIO_ID_BLOCK,
    .features = BIT(VIRTIO_BLK_F_SIZE_MAX) | BIT(VIRTIO_BLK_F_SEG_MAX) |
                BIT(VIRTIO_BLK_F_GEOMETRY) | BIT(VIRTIO_BLK_F_BLK_SIZE) | BIT(VIRTIO_BLK_F_FLUSH) |
                BIT(VIRTIO_BLK_F_TOPOLOGY) | BIT(VIRTIO_BLK_F_CONFIG_WCE) |
                BIT(VIRTIO_BLK_F_DISCARD) | BIT(VIRTIO_BLK_F_WRITE_ZEROES) |
                BIT(VIRTIO_BLK_F_SECURE_ERASE),
    .type_features = BIT(VIRTIO_BLK_F_BARRIER) | BIT(VIRTIO_BLK_F_SIZE_MAX) |
                     BIT(VIRTIO_BLK_F_SEG_MAX) | BIT(VIRTIO_BLK_F_GEOMETRY) | BIT(VIRTIO_BLK_F_RO) |
                     BIT(VIRTIO_BLK_F_BLK_SIZE) | BIT(VIRTIO_BLK_F_SCSI) | BIT(VIRTIO_BLK_F_FLUSH) |
                     BIT(VIRTIO_BLK_F_TOPOLOGY) | BIT(VIRTIO_BLK_F_CONFIG_WCE) |
                     BIT(VIRTIO_BLK_F_MQ) | BIT(VIRTIO_BLK_F_DISCARD) |
                     BIT(VIRTIO_BLK_F_WRITE_ZEROES) | BIT(VIRTIO_BLK_F_LIFETIME) |
                     BIT(VIRTIO_BLK_F_SECURE_ERASE) | BIT(VIRTIO_BLK_F_ZONED),
    .queues = 1,
    .config_length = sizeof(struct virtio_blk_config),
    .fields = launcher_blk_fields,
    .create = create,
    .destroy = destroy,
    .reset = reset,
    .agree = launcher_blk_agree,
    .live = launcher_blk_live,
    .serve = serve,
    .config_touched = launcher_blk_judge_touch,
    .config_written = launcher_blk_config_written,
};
