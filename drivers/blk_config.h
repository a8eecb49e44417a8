/* SPDX-License-Identifier: BSD-2-Clause */
/* What blk_config.c does for the block driver's life in blk.c, and for nobody else. */
#ifndef DRIVERS_BLK_CONFIG_H
#define DRIVERS_BLK_CONFIG_H

#include "drivers/blk.h"

/* The driver's say in the negotiation; errors as virtio_config_read(). */
int virtio_blk_negotiate(struct virtio_device *dev, struct virtio_features *accepted);

/*
 * Fills in what the configuration states, of the optional fields only those whose feature was negotiated. seg_max is not
 * checked against the queue here. Errors: CONFIG.
 */
int virtio_blk_read_config(struct virtio_blk *blk);

#endif
