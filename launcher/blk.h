/* SPDX-License-Identifier: BSD-2-Clause */
/* A block device as its owner holds it (VIRTIO 1.4, 5.2): its contents, its errors, and what it was asked for. */
#ifndef LAUNCHER_BLK_H
#define LAUNCHER_BLK_H

#include "launcher/launcher.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A request that was served, as the device understood it. */
struct launcher_blk_seen {
    uint32_t type;
    uint64_t sector;
    uint64_t data;     /* bytes beside header and status */
    unsigned segments; /* pieces of data */
    uint32_t longest;  /* bytes of the longest of them */
    struct launcher_blk_part {
        uint64_t sector;
        uint32_t sectors, flags;
    } first;        /* the first range of a discard, write zeroes or secure erase */
    uint8_t status; /* that it was given; 0xff: it never got one */
    uint16_t queue;
};

/* All requests since the device was made or they were forgotten, oldest first; of the device. */
const struct launcher_blk_seen *launcher_blk_requests(const struct launcher_device *dev,
                                                      size_t *count);
void launcher_blk_forget_requests(struct launcher_device *dev);

/* Contents, as a driver would read and write them. false: beyond the capacity, or an error of the file. */
bool launcher_blk_read(struct launcher_device *dev, uint64_t sector, void *to, uint64_t sectors);
bool launcher_blk_write(struct launcher_device *dev, uint64_t sector, const void *from,
                        uint64_t sectors);
uint64_t launcher_blk_capacity(const struct launcher_device *dev); /* sectors */

/*
 * The volatile cache of a disk in memory: whether a sector differs from what is on stable storage, and what a power cut
 * leaves. A file has none that can be seen; how often it or memory was committed is counted for both.
 */
bool launcher_blk_is_volatile(const struct launcher_device *dev, uint64_t sector);
void launcher_blk_cut_power(struct launcher_device *dev);
uint64_t launcher_blk_commits(const struct launcher_device *dev);
/* Whether anything is stored for a sector of a disk in memory: a discard takes it away. */
bool launcher_blk_is_mapped(const struct launcher_device *dev, uint64_t sector);

/*
 * Requests that touch any of these sectors get `status` instead of being served, `times` times (0: always). A later call
 * takes the place of an earlier one; `sectors` 0: none fails any more.
 */
void launcher_blk_fail(struct launcher_device *dev, uint64_t sector, uint64_t sectors,
                       uint8_t status, uint64_t times);

/* Changes of the configuration while the driver looks on. */
void launcher_blk_resize(struct launcher_device *dev, uint64_t sectors);
void launcher_blk_set_may_unmap(struct launcher_device *dev, bool may);
/* For VIRTIO_BLK_F_LIFETIME; reserved values are cut to the largest that is not. */
void launcher_blk_set_lifetime(struct launcher_device *dev, uint16_t pre_eol, uint16_t type_a,
                               uint16_t type_b);

/* Zones: what they are and how they fail. Writes the descriptor as a report would; false: there is no such zone. */
bool launcher_blk_zone(const struct launcher_device *dev, uint64_t sector,
                       struct virtio_blk_zone_descriptor *zone);
/* VIRTIO_BLK_ZS_RDONLY or _OFFLINE: the zone of that sector has worn out. */
void launcher_blk_wear_out(struct launcher_device *dev, uint64_t sector, uint8_t state);

#ifdef __cplusplus
}
#endif
#endif
