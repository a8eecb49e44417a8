/* SPDX-License-Identifier: BSD-2-Clause */
/* A test disk with the block driver on it. */
#ifndef TESTS_UNIT_SUPPORT_BLK_RIG_H
#define TESTS_UNIT_SUPPORT_BLK_RIG_H

#include "drivers/blk.h"
#include "tests/unit/support/device.h"

struct blk_rig {
    struct virtio_bus bus;
    struct device *d;
    struct virtio_blk blk;
};

/* A disk of 4 MiB without optional features, memory for a queue of 256, not discovered yet. */
void blk_rig_plug(struct blk_rig *rig);
/* Offers a feature. */
void blk_rig_offer(struct blk_rig *rig, unsigned feature);
/* Discovers and claims it. */
int blk_rig_claim(struct blk_rig *rig);
/* All three; fails the test if the claim does. */
void blk_rig_make(struct blk_rig *rig);
/* Releases and frees. */
void blk_rig_end(struct blk_rig *rig);

/* Whether `length` bytes are what the disk was made with at `sector`. */
bool blk_rig_is_pattern(const uint8_t *bytes, uint64_t sector, uint64_t length);

#endif
