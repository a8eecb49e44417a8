/* SPDX-License-Identifier: BSD-2-Clause */
/* Block requests of the raw driver (VIRTIO 1.4, 5.2.6), and buffers that models are given past any ring. */
#include "tests/unit/support/raw_blk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "launcher/model.h"

enum {
    PIECES_MOST = 32,
    STEP_NS = 1000,
    GAP = 16, /* pieces that touched could be one (DRV-SPLIT-09) */
};

struct raw_blk raw_blk_found(const struct launcher_options *options)
{
    struct launcher_options complete = *options;
    struct raw_blk disk = {0};

    complete.type = VIRTIO_ID_BLOCK;
    if (complete.queue_size == 0)
        complete.queue_size = RAW_BLK_QUEUE;
    disk.raw = raw_driver_new(&complete);
    disk.dev = disk.raw->dev;
    disk.buffer = raw_alloc_at(disk.raw, RAW_BLK_BYTES + 4096, 4096);
    return disk;
}

void raw_blk_bring_up(struct raw_blk *disk, uint64_t features)
{
    assert_true(raw_start(disk->raw, features));
    disk->queue = raw_queue(disk->raw, 0, RAW_NO_QUEUE_SIZE);
    raw_live(disk->raw);
}

struct raw_blk raw_blk_new(const struct launcher_options *options, uint64_t features)
{
    struct raw_blk disk = raw_blk_found(options);

    raw_blk_bring_up(&disk, features);
    return disk;
}

void raw_blk_free(struct raw_blk *disk)
{
    raw_driver_free(disk->raw);
}

uint8_t raw_blk_pieces(struct raw_blk *disk, uint32_t type, uint64_t sector,
                       const uint32_t *lengths, unsigned count, bool writable)
{
    struct raw_driver *raw = disk->raw;
    uint64_t header = raw_alloc(raw, sizeof(struct virtio_blk_req_header));
    uint64_t status = raw_alloc(raw, 1), at = disk->buffer;
    struct raw_segment segments[PIECES_MOST + 2];
    struct raw_used used = {0};

    assert_true(count <= PIECES_MOST);
    raw_put32(raw, header, type);
    raw_put64(raw, header + 8, sector);
    *(uint8_t *)raw_at(raw, status) = RAW_BLK_NO_STATUS;
    segments[0] = (struct raw_segment){header, sizeof(struct virtio_blk_req_header), 0};
    for (unsigned i = 0; i < count; i++) {
        segments[1 + i] = (struct raw_segment){at, lengths[i], writable ? RAW_WRITE : 0};
        at += lengths[i] + GAP;
    }
    segments[1 + count] = (struct raw_segment){status, 1, RAW_WRITE};
    raw_add(disk->queue, segments, count + 2);
    (void)raw_kick(disk->queue);
    raw_run(raw, STEP_NS);
    disk->used = raw_used(disk->queue, &used);
    disk->used_length = used.length;
    return *(uint8_t *)raw_at(raw, status);
}

uint8_t raw_blk_ask(struct raw_blk *disk, uint32_t type, uint64_t sector, uint32_t length)
{
    bool writable = type == VIRTIO_BLK_T_IN || type == VIRTIO_BLK_T_GET_ID ||
                    type == VIRTIO_BLK_T_GET_LIFETIME || type == VIRTIO_BLK_T_ZONE_REPORT;

    return raw_blk_pieces(disk, type, sector, &length, length != 0, writable);
}

uint8_t raw_blk_ranges(struct raw_blk *disk, uint32_t type, const struct launcher_blk_part *parts,
                       unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        uint64_t at = disk->buffer + 16ull * i;

        raw_put64(disk->raw, at, parts[i].sector);
        raw_put32(disk->raw, at + 8, parts[i].sectors);
        raw_put32(disk->raw, at + 12, parts[i].flags);
    }
    return raw_blk_ask(disk, type, 0, 16 * count);
}

static uint8_t byte_at(uint32_t at, uint8_t seed)
{
    return (uint8_t)(at ^ at >> 8 ^ seed);
}

void raw_blk_fill(struct raw_blk *disk, uint32_t length, uint8_t seed)
{
    uint8_t *bytes = raw_at(disk->raw, disk->buffer);

    for (uint32_t i = 0; i < length; i++)
        bytes[i] = byte_at(i, seed);
}

bool raw_blk_holds(struct raw_blk *disk, uint32_t length, uint8_t seed)
{
    const uint8_t *bytes = raw_at(disk->raw, disk->buffer);

    for (uint32_t i = 0; i < length; i++)
        if (bytes[i] != byte_at(i, seed))
            return false;
    return true;
}

bool raw_blk_all(struct raw_blk *disk, uint32_t length, uint8_t value)
{
    const uint8_t *bytes = raw_at(disk->raw, disk->buffer);

    for (uint32_t i = 0; i < length; i++)
        if (bytes[i] != value)
            return false;
    return true;
}

uint64_t raw_blk_config(struct raw_blk *disk, size_t offset, size_t width)
{
    uint64_t value = raw_config(disk->raw, offset, width < 4 ? width : 4);

    if (width == 8)
        value |= (uint64_t)raw_config(disk->raw, offset + 4, 4) << 32;
    return value;
}

bool raw_serve(struct raw_driver *raw, unsigned queue, const struct raw_segment *segments,
               unsigned count, uint32_t *written)
{
    struct launcher_chain *chain = launcher_chain_new();
    bool served;

    for (unsigned i = 0; i < count; i++)
        launcher_chain_add(chain, segments[i].address, segments[i].length,
                           (segments[i].flags & RAW_WRITE) != 0);
    served = raw->dev->model->serve(raw->dev, &raw->dev->queues[queue], chain, written);
    launcher_chain_free(chain);
    return served;
}
