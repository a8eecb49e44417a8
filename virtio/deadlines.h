/* SPDX-License-Identifier: BSD-2-Clause */
/* How long each wait may take. An env may override any of them (virtio.h, struct virtio_deadlines). */
#ifndef VIRTIO_DEADLINES_H
#define VIRTIO_DEADLINES_H

#define VIRTIO_MILLISECOND 1000000ull /* ns */

/* From the write of status 0 until status reads 0. QEMU drains requests in flight inside that write. */
#define VIRTIO_DEADLINE_RESET_NS (5000 * VIRTIO_MILLISECOND)
/* A block request, from the first look that finds it incomplete. */
#define VIRTIO_DEADLINE_BLK_NS (30000 * VIRTIO_MILLISECOND)
/* Console output to be taken by the host. */
#define VIRTIO_DEADLINE_CONSOLE_NS (1000 * VIRTIO_MILLISECOND)

/* A used index that has not moved for this long makes a wait look at the status; intervals then double. */
#define VIRTIO_STATUS_LOOK_NS (1 * VIRTIO_MILLISECOND)

/* Reads of the configuration whose generation does not settle are given up after this many tries. */
#define VIRTIO_CONFIG_RETRIES 64

#endif
