/* SPDX-License-Identifier: BSD-2-Clause */
/* A virtqueue from the inside (VIRTIO 1.4, 2.6): what queue.c and the ring layouts share. */
#ifndef VIRTIO_QUEUE_H
#define VIRTIO_QUEUE_H

#include "virtio/internal.h"
#include "virtio/transport.h"

/*
 * Our copy of what a descriptor is for, in memory that the device cannot write: nothing that the device writes is
 * needed to give a request back.
 */
struct virtq_shadow {
    struct virtio_request *request; /* of the chain that starts here; NULL: none in flight */
    struct virtio_piece piece;      /* the memory that this descriptor stands for */
    void *token;                    /* of env->map for this piece; NULL: not mapped */
    uint64_t writable;              /* bytes of the chain that the device may write */
    uint64_t position;              /* avail_idx at which the chain was made available */
    uint32_t next;                  /* next piece of the chain, or of the free list */
    uint32_t last;                  /* last piece of the chain that starts here */
    uint32_t pieces;                /* how many the chain has */
};

struct virtqueue {
    struct virtio_device *dev;
    struct virtqueue *next; /* of the device's queues */
    uint32_t index;
    uint32_t size;
    bool broken; /* nothing touches it any more but the reset */

    /* Wider than the ring's own 16 bits, which cost more to work with. */
    uint32_t free_head;
    uint32_t free_count; /* descriptors */
    uint32_t in_flight;  /* requests */
    uint32_t used_idx;   /* next element of the used ring to take; the ring has its low 16 bits */
    uint64_t avail_idx;  /* next slot of the available ring to fill; likewise */
    uint64_t published;  /* what the device has been shown of it */

    struct virtq_desc *desc;
    struct virtq_avail *avail;
    le16 *avail_ring;
    struct virtq_used *used;
    struct virtq_used_elem *used_ring;
    struct virtq_shadow *shadow; /* one a descriptor */

    struct virtio_notify notify;
    struct virtqueue_counts counts;
};

/* ---- split.c ---- */

/* Bytes of shared memory that the rings take, whatever the alignment of what was taken before. */
size_t split_bytes(const struct virtio_device *dev, unsigned size);

/* Takes the rings from the device's memory and fills `place`. Errors: NO_MEMORY, QUEUE (legacy: not to be told). */
int split_create(struct virtqueue *queue, struct virtio_queue_place *place);
int split_add(struct virtqueue *queue, struct virtio_request *request,
              const struct virtio_piece *pieces, unsigned out, unsigned in);
/* Shows the device what was added; whether it wants to be notified of it. */
bool split_publish(struct virtqueue *queue);
int split_poll(struct virtqueue *queue, struct virtio_request **request);
/* Undoes the mappings of the chain that starts at `head`. */
void split_unmap(struct virtqueue *queue, uint32_t head);
/* Shows every piece of that chain. */
void split_visit(const struct virtqueue *queue, uint32_t head,
                 void (*visit)(void *ctx, const struct virtio_piece *piece), void *ctx);

/* ---- queue.c ---- */

/* Marks the queue broken, says why, and returns -VIRTIO_E_PROTOCOL. */
int virtqueue_break(struct virtqueue *queue, const char *format, ...)
    __attribute__((format(printf, 2, 3), cold));

#endif
