/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files about block devices share: the state of one, and how a request is chosen. */
#ifndef LAUNCHER_SIM_BLK_H
#define LAUNCHER_SIM_BLK_H

#include "drivers/blk.h"
#include "launcher/sim/disk.h"
#include "launcher/sim/sim.h"

#define SIM_BLK_REQUESTS 64u /* of the caller's own in flight at most */

/* A request that the simulator submitted itself. */
struct sim_blk_request {
    struct virtio_blk_request request;
    bool used;                /* submitted, and its outcome not looked at */
    bool kicked;              /* the device has been shown it */
    struct sim_block *block;  /* its data; NULL: it has none */
    uint32_t write;           /* its number on the reference disk */
    struct sim_sector *known; /* of a read: what was known when it began */
    uint64_t order;
};

struct sim_blk {
    struct virtio_blk driver;
    struct sim_disk *disk;
    uint64_t capacity, largest; /* sectors that it says it has; that it ever had */
    unsigned restarts;          /* that the driver had counted after the latest operation */
    struct sim_blk_request requests[SIM_BLK_REQUESTS];
    unsigned in_flight;
};

/* A run of whole blocks inside the disk, of at most `most` bytes; a length of 0 if the disk has none. */
struct sim_run {
    uint64_t sector, length; /* bytes */
};
struct sim_run sim_blk_run(struct sim_device *dev, uint64_t most);
/* The reference disk says no. */
void sim_blk_check(struct sim_device *dev, const struct sim_sector *known, uint64_t order,
                   struct sim_run run, const uint8_t *data);

/* blk_operations.c: whole operations; and what is refused by a device that is not LIVE. */
void sim_blk_transfer(struct sim_device *dev, bool write);
void sim_blk_transfer_wrongly(struct sim_device *dev);
void sim_blk_flush(struct sim_device *dev);
void sim_blk_get_id(struct sim_device *dev);
void sim_blk_cover(struct sim_device *dev, bool discard);
void sim_blk_step_dead(struct sim_device *dev);

/* blk_raw.c: submit, kick, poll and wait, with many requests in flight. */
void sim_blk_submit_some(struct sim_device *dev);
void sim_blk_collect_some(struct sim_device *dev);
/* After a reset, all are DEAD; a STUCK device keeps them. */
void sim_blk_bury(struct sim_device *dev);

#endif
