/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The block device driver (VIRTIO 1.4, 5.2). Two levels: requests that the caller submits, kicks and waits for, many in
 * flight; and whole operations of any length that do that themselves and recover once from a device that fails.
 */
#ifndef DRIVERS_BLK_H
#define DRIVERS_BLK_H

#include "virtio/virtio.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Requests that one operation keeps in flight, and the most bytes that it puts in one request. */
#define VIRTIO_BLK_DEPTH         32u
#define VIRTIO_BLK_REQUEST_BYTES (1u << 20)
/* Data pieces in one request at most; the device's seg_max and its queue may allow fewer. */
#define VIRTIO_BLK_PIECES 64u

/* One request; the caller's, with all that it points to, in place from submit until it is DONE or DEAD. */
struct virtio_blk_request {
    struct virtio_request request; /* first; starts as {0} */

    /* Set by the caller. */
    enum virtio_blk_req_type type;
    uint64_t sector; /* in units of 512 bytes; IN, OUT, DISCARD, WRITE_ZEROES */
    void *data;      /* IN, OUT: length bytes; GET_ID: 20 bytes */
    uint32_t
        length; /* bytes; a multiple of the block size; DISCARD, WRITE_ZEROES: bytes to cover */
    bool unmap; /* WRITE_ZEROES: the device may deallocate */

    /* Set by the driver. */
    int error;     /* DONE: 0, or IO (the device said so, or wrote less than asked), UNSUPPORTED */
    uint16_t slot; /* its header and status byte */
};

struct virtio_blk_topology {
    uint32_t physical_block; /* bytes */
    uint32_t alignment;      /* bytes from the disk's start to the first aligned block */
    uint32_t min_io;         /* bytes; 0: not stated */
    uint32_t opt_io;         /* bytes; 0: not stated */
};

/* How much one discard or write zeroes request may cover; all 0 when the device does not offer it. */
struct virtio_blk_range_limits {
    uint32_t max_sectors; /* of 512 bytes */
    uint32_t alignment;   /* discard: sectors; a hint */
};

/* The driver's state: the caller's memory, which the device cannot write. Starts as {0}; fields are read-only. */
struct virtio_blk {
    struct virtio_device *dev;
    struct virtqueue *queue;

    uint64_t sectors;     /* of 512 bytes: a whole number of blocks */
    uint32_t block_size;  /* bytes: a power of two, at least 512 */
    uint32_t size_max;    /* bytes a piece; UINT32_MAX: no limit */
    uint32_t seg_max;     /* pieces a request, at most VIRTIO_BLK_PIECES */
    uint32_t request_max; /* bytes that one IN or OUT request can carry */
    bool read_only;
    bool can_flush; /* a volatile cache may be there */
    bool can_discard, can_write_zeroes;
    bool zeroes_may_unmap;
    struct virtio_blk_topology topology;
    struct virtio_blk_range_limits discard, write_zeroes;

    struct virtio_blk_slot *slots; /* in the device's memory */
    uint16_t *free_slots;
    uint16_t *chains;   /* the queue's chain of each slot, for data of one piece */
    uint32_t chain_max; /* bytes of data that go through it; 0: there are no chains */
    uint16_t free_slot_count;
    uint16_t slot_count;

    struct virtio_blk_request own[VIRTIO_BLK_DEPTH]; /* of the operations below */
    uint64_t requests;                               /* submitted, for the curious */
    unsigned restarts;
};

/* For virtio_claim(), with a struct virtio_blk as its state. */
extern const struct virtio_driver virtio_blk_driver;

/* ---- Requests ---- */

/*
 * Hands a request to the queue; the device sees it at the next kick. 0 or: INVALID (beyond the capacity, not whole
 * blocks, too many pieces: more than seg_max pieces of size_max), FULL (wait for one first), READ_ONLY,
 * UNSUPPORTED, MAPPING, STATE.
 */
int virtio_blk_submit(struct virtio_blk *blk, struct virtio_blk_request *request);
void virtio_blk_kick(struct virtio_blk *blk);

/* Takes a finished request (NULL: none yet). Errors: PROTOCOL (then reset the device), STATE (not live). */
int virtio_blk_poll(struct virtio_blk *blk, struct virtio_blk_request **request);

/*
 * Waits for one, up to the deadline for block requests. On error the device has been reset, and all requests in
 * flight are DEAD; virtio_restart() brings it back. Errors: as virtqueue_wait().
 */
int virtio_blk_wait(struct virtio_blk *blk, struct virtio_blk_request **request);

/* ---- Operations ---- */

/* A run of sectors and the memory that goes with it. */
struct virtio_blk_extent {
    uint64_t sector; /* of 512 bytes; start and length are whole blocks */
    void *data;
    uint64_t length; /* bytes */
};

/*
 * Read or write all extents, up to VIRTIO_BLK_DEPTH requests of up to 1 MiB in flight, one kick a batch. A device that
 * times out, asks for a reset or breaks the protocol is reset, restarted and asked once more for what is missing.
 * Errors: INVALID, READ_ONLY, IO, UNSUPPORTED (both as the device reported), MAPPING, STATE (not live, or requests of the
 * caller are in flight), TIMEOUT, NEEDS_RESET, PROTOCOL, STUCK, and those of virtio_restart().
 */
int virtio_blk_read(struct virtio_blk *blk, const struct virtio_blk_extent *extents,
                    unsigned count);
int virtio_blk_write(struct virtio_blk *blk, const struct virtio_blk_extent *extents,
                     unsigned count);

/* Writes that were done before are on stable storage after it. Without a volatile cache there is nothing to do. */
int virtio_blk_flush(struct virtio_blk *blk);

/* Tells the device that `length` bytes from `sector` are not needed; what they read as is then undefined. */
int virtio_blk_discard(struct virtio_blk *blk, uint64_t sector, uint64_t length);

/* Makes `length` bytes from `sector` read as zeroes; with `unmap`, and if the device allows it, deallocated. */
int virtio_blk_write_zeroes(struct virtio_blk *blk, uint64_t sector, uint64_t length, bool unmap);

/* The device's serial, up to 20 characters and a terminator; UNSUPPORTED when it has none. */
int virtio_blk_get_id(struct virtio_blk *blk, char id[VIRTIO_BLK_ID_BYTES + 1]);

#ifdef __cplusplus
}
#endif
#endif
