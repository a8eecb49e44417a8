/* SPDX-License-Identifier: BSD-2-Clause */
/* What the parts of the block device's model share: blk.c (configuration and requests), blk_judge.c, blk_zoned.c. */
#ifndef LAUNCHER_BLK_STATE_H
#define LAUNCHER_BLK_STATE_H

#include "launcher/blk.h"
#include "launcher/blk_store.h"
#include "launcher/model.h"

/* A request as it was parsed (5.2.6): header, data and status in the order of the buffer's bytes, whatever its pieces. */
struct launcher_blk_request {
    struct launcher_queue *queue;
    const struct launcher_chain *chain;
    uint32_t type;     /* without the barrier bit */
    uint32_t raw_type; /* as it stands in memory, read as little-endian */
    uint64_t sector;
    bool barrier;
    bool to_driver; /* data is written by the device */
    uint64_t data;  /* bytes */
    uint64_t tail;  /* writable bytes behind the data: the status byte, and append_sector */
    uint64_t done;  /* bytes of data that were written to the driver, from the start on */
    struct launcher_blk_seen *seen;
};

struct launcher_blk_zone {
    uint8_t type, state;
    uint64_t written; /* sectors, from the start to the write pointer */
};

struct launcher_blk {
    struct launcher_blk_store *store;
    bool may_unmap;
    bool writeback; /* the cache mode in force */
    struct virtio_blk_lifetime lifetime;

    /* What the driver knows of the capacity: the one it read last, or the device had first. */
    uint64_t capacity_read;

    struct launcher_blk_seen *seen;
    size_t seen_count, seen_room;

    uint64_t fail_sector, fail_sectors, fail_left;
    uint8_t fail_status;

    struct launcher_zones zones; /* model VIRTIO_BLK_Z_NONE: not zoned */
    struct launcher_blk_zone *zone;
    uint64_t zone_count;
};

#define LAUNCHER_BLK_GET(dev, field)                                                               \
    launcher_get_config(dev, offsetof(struct virtio_blk_config, field),                            \
                        sizeof(((struct virtio_blk_config *)0)->field))
#define LAUNCHER_BLK_SET(dev, field, value)                                                        \
    launcher_set_config(dev, offsetof(struct virtio_blk_config, field),                            \
                        sizeof(((struct virtio_blk_config *)0)->field), value)

static inline struct launcher_blk *launcher_blk_of(const struct launcher_device *dev)
{
    return dev->model_state;
}

/* ---- blk_requests.c ---- */

/* Does what a request asks for: a status. */
uint8_t launcher_blk_run(struct launcher_device *dev, struct launcher_blk_request *request);
/* Whether its type was negotiated, if it has to be. */
bool launcher_blk_negotiated(const struct launcher_device *dev, uint32_t type);
bool launcher_blk_is_within(const struct launcher_device *dev, uint64_t sector, uint64_t sectors);

/* Moves data between the request and the disk; a status. Sectors are within the capacity. */
uint8_t launcher_blk_transfer(struct launcher_device *dev, struct launcher_blk_request *request,
                              uint64_t sector, bool write);

/* ---- blk_config.c ---- */

void launcher_blk_make_config(struct launcher_device *dev);
/* As after a reset; what a driver gets that accepted these features, at FEATURES_OK. */
void launcher_blk_reset_config(struct launcher_device *dev);
bool launcher_blk_agree(struct launcher_device *dev);
void launcher_blk_live(struct launcher_device *dev);
void launcher_blk_config_written(struct launcher_device *dev, uint64_t offset, unsigned width);
extern const struct launcher_config_field launcher_blk_fields[];

/* ---- blk_judge.c ---- */

void launcher_blk_judge_live(struct launcher_device *dev);
void launcher_blk_judge_touch(struct launcher_device *dev, uint64_t offset, unsigned width,
                              bool write);
/* The form of a request: header and status. */
void launcher_blk_judge_form(struct launcher_device *dev,
                             const struct launcher_blk_request *request);
/* Its contents, by its type. */
void launcher_blk_judge_request(struct launcher_device *dev,
                                const struct launcher_blk_request *request);
/* A range of a discard, write zeroes or secure erase request. */
void launcher_blk_judge_part(struct launcher_device *dev,
                             const struct launcher_blk_request *request,
                             const struct launcher_blk_part *part);

/* ---- blk_zoned.c ---- */

void launcher_blk_make_zones(struct launcher_device *dev);
bool launcher_blk_is_zone_request(uint32_t type);
/* Whether the driver and the device have agreed on zones, and there are any. */
bool launcher_blk_is_zoned(const struct launcher_device *dev);
/* Serves what only zoned disks serve. */
uint8_t launcher_blk_zone_request(struct launcher_device *dev,
                                  struct launcher_blk_request *request);
/* A read or write of a zoned disk: a status; VIRTIO_BLK_S_OK: go ahead. Then, that a write was done. */
uint8_t launcher_blk_zone_check(struct launcher_device *dev, uint64_t sector, uint64_t sectors,
                                bool write);
void launcher_blk_zone_written(struct launcher_device *dev, uint64_t sector, uint64_t sectors);
/* Secure erase resets the zones of the range. */
uint8_t launcher_blk_zone_erase(struct launcher_device *dev, uint64_t sector, uint64_t sectors);

/* ---- blk_zone_report.c ---- */

uint8_t launcher_blk_zone_report(struct launcher_device *dev, struct launcher_blk_request *request);

/* ---- blk_zoned_judge.c ---- */

/* What a driver of a zoned disk has to keep to. */
void launcher_blk_judge_zone(struct launcher_device *dev,
                             const struct launcher_blk_request *request);
/* A read or write. */
void launcher_blk_judge_zone_transfer(struct launcher_device *dev,
                                      const struct launcher_blk_request *request);

/* ---- blk_zoned.c, for it ---- */

uint64_t launcher_blk_zone_start(const struct launcher_blk *blk, uint64_t index);
/* Sectors that can be written: the last zone may be smaller (DEV-BLK-13). */
uint64_t launcher_blk_zone_room(const struct launcher_device *dev, uint64_t index);
/* NULL: beyond the disk. */
struct launcher_blk_zone *launcher_blk_zone_at(const struct launcher_blk *blk, uint64_t sector,
                                               uint64_t *index);

#endif
