/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of virtio/ tell each other and nobody else. */
#ifndef VIRTIO_INTERNAL_H
#define VIRTIO_INTERNAL_H

#include "virtio/log.h"

/* ---- device.c ---- */

void virtio_arena_init(struct virtio_arena *arena, void *base, size_t length);
void *virtio_arena_alloc(struct virtio_arena *arena, size_t size, size_t align);

/* ---- queue.c ---- */

/* After a reset that was not confirmed: the queue is the device's for ever. */
void virtqueue_abandon(struct virtqueue *queue);

/* After a confirmed reset: every request that was in flight is DEAD, its mappings are undone. */
void virtqueue_bury(struct virtqueue *queue);
struct virtqueue *virtqueue_next(const struct virtqueue *queue);

/* Shows every piece of memory that belongs to a request in flight. */
void virtqueue_visit(const struct virtqueue *queue,
                     void (*visit)(void *ctx, const struct virtio_piece *piece), void *ctx);

/* Bytes of shared and of private memory that a queue of `size` entries takes. */
size_t virtqueue_dma_bytes(const struct virtio_device *dev, unsigned size);
size_t virtqueue_priv_bytes(unsigned size);

#endif
