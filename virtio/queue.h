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
    uint32_t data_max;              /* bytes of data; 0: no chain that stays built starts here */
};

struct virtqueue {
    struct virtio_device *dev;
    struct virtqueue *next; /* of the device's queues */
    uint32_t index;
    uint32_t size;
    bool broken; /* nothing touches it any more but the reset */

    uint32_t capacity; /* descriptors that are in no chain that stays built */
    uint32_t free_count;
    uint32_t free_head;

    /* Requests since the queue was set up; the ring's own indexes are their low 16 bits. */
    uint64_t avail_idx; /* added */
    uint64_t published; /* shown to the device */
    uint64_t used_idx;  /* taken back */

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
/* What virtqueue_chain_create(), _add(), _add_chain() and _poll() leave to the layout; errors as theirs. */
int split_chain_create(struct virtqueue *queue, const struct virtio_piece *before,
                       const struct virtio_piece *after, uint16_t *chain);
int split_add(struct virtqueue *queue, struct virtio_request *request,
              const struct virtio_piece *pieces, unsigned out, unsigned in);
int split_add_chain(struct virtqueue *queue, uint16_t chain, struct virtio_request *request,
                    const struct virtio_piece *data, enum virtio_dir dir);
int split_poll(struct virtqueue *queue, struct virtio_request **request);
/* Shows the device what was added, and notifies it if it wants to know. */
void split_kick(struct virtqueue *queue);
/* Undoes the mappings of the chain that starts at `head`. */
void split_unmap(struct virtqueue *queue, uint32_t head);
/* Shows every piece of that chain. */
void split_visit(const struct virtqueue *queue, uint32_t head,
                 void (*visit)(void *ctx, const struct virtio_piece *piece), void *ctx);

/* ---- What every layout does ---- */

static inline void virtqueue_give(struct virtio_request *request)
{
    request->used = 0;
    request->state = VIRTIO_REQUEST_DEVICE;
}

static inline void virtqueue_take_back(struct virtio_request *request, uint32_t used)
{
    request->used = used;
    request->state = VIRTIO_REQUEST_DONE;
}

/* One register write. */
static inline void virtqueue_notify(struct virtqueue *queue)
{
    const struct virtio_device *dev = queue->dev;

    queue->counts.kicks++;
    if (queue->notify.pointer != NULL)
        *queue->notify.pointer = queue->notify.value;
    else
        dev->io->write(dev->io_ctx, queue->notify.region, queue->notify.offset, 2,
                       queue->notify.value);
}

/* ---- queue.c ---- */

/* Marks the queue broken, says why, and returns -VIRTIO_E_PROTOCOL. */
int virtqueue_break(struct virtqueue *queue, const char *format, ...)
    __attribute__((format(printf, 2, 3), cold));

#endif
