/* SPDX-License-Identifier: BSD-2-Clause */
/* Virtqueues from the device's side (VIRTIO 1.4, 2.6 to 2.8): taking buffers, and using them. split.c, packed.c, chain.c. */
#ifndef LAUNCHER_RING_H
#define LAUNCHER_RING_H

#include "launcher/device.h"

struct launcher_segment {
    uint64_t address;
    uint32_t length; /* bytes */
    bool writable;
};

/* A buffer that was taken from a ring. The device's copy: what the driver's ring says later does not matter. */
struct launcher_chain {
    uint16_t id;       /* split: index of the first descriptor; packed: buffer id */
    uint16_t slots;    /* entries of the ring that it takes up (an indirect table takes one) */
    uint16_t position; /* ring slot it was taken from */
    bool wrap;         /* packed: the avail wrap counter there */
    uint64_t readable, writable; /* bytes */
    uint64_t taken_ns, due_ns;   /* when it was taken, and may be used */
    uint64_t order;              /* of taking, in this queue */
    unsigned count, room;
    struct launcher_segment *segments;
    uint16_t *descriptors; /* split: the `slots` entries of the table that it is made of */
    bool served, never;    /* the model is done with it; a fault: it is never used */
    bool looked_at;        /* by the model, which may not have been done with it */
    uint32_t written;      /* bytes, once it is served */
};

#define LAUNCHER_ASK_NOTHING UINT32_MAX

struct launcher_ring {
    const char *name;
    bool (*fits)(struct launcher_device *dev,
                 const struct launcher_queue *queue); /* its size; judged */
    void (*enable)(struct launcher_device *dev, struct launcher_queue *queue);
    void (*disable)(struct launcher_device *dev,
                    struct launcher_queue *queue); /* forgets; touches no guest memory */
    /* The next available buffer; NULL: none, or the ring is broken now (a violation says why). */
    struct launcher_chain *(*take)(struct launcher_device *dev, struct launcher_queue *queue);
    /* Shows a buffer as used; with IN_ORDER, the last of a batch. `length`: what the device says that it wrote. */
    void (*use)(struct launcher_device *dev, struct launcher_queue *queue,
                const struct launcher_chain *chain, uint32_t id, uint32_t length);
    /*
     * Asks the driver to notify of the buffer in the slot that is `ahead` slots on from the next one, or LAUNCHER_ASK_NOTHING.
     * Without EVENT_IDX, any `ahead` stands for all buffers.
     */
    void (*ask)(struct launcher_device *dev, struct launcher_queue *queue, unsigned ahead);
    /* Whether a used buffer that was just shown warrants an interrupt. */
    bool (*wants_interrupt)(struct launcher_device *dev, struct launcher_queue *queue);
    /* What the ring demands to be true of descriptors in flight: they have not changed (DRV-CLEAN-01). */
    void (*check_unchanged)(struct launcher_device *dev, struct launcher_queue *queue,
                            const struct launcher_chain *chain);
    /* Judges a notification against what the ring asked for (2.7.10, 2.8.10, 2.9). */
    void (*judge_notification)(struct launcher_device *dev, struct launcher_queue *queue,
                               uint32_t value, unsigned width, unsigned taken);
    /*
     * Ring slots (split: available entries, packed: descriptors) that the driver has published and that were not taken; packed:
     * of the next buffer only.
     */
    unsigned (*waiting)(struct launcher_device *dev, struct launcher_queue *queue);
    /* Nothing was notified of buffers that wait, although the device asked for it (2.7.10, 2.8.10). */
    void (*judge_silence)(struct launcher_device *dev, struct launcher_queue *queue,
                          unsigned waiting);
    /* The driver ran a barrier: memory shows all that it stored before it. */
    void (*barrier)(struct launcher_device *dev, struct launcher_queue *queue,
                    enum launcher_barrier kind);
    /* Rings as a device must not leave them: the faults INDEX_AHEAD, INDEX_BACK, REWRITE. */
    void (*misshow)(struct launcher_device *dev, struct launcher_queue *queue,
                    enum launcher_fault fault, uint64_t value);
};

extern const struct launcher_ring launcher_split;  /* split.c */
extern const struct launcher_ring launcher_packed; /* packed.c */

/* ---- chain.c ---- */

struct launcher_chain *launcher_chain_new(void);
void launcher_chain_free(struct launcher_chain *chain);
void launcher_chain_add(struct launcher_chain *chain, uint64_t address, uint32_t length,
                        bool writable);
/* Copies between the readable or writable bytes, as if they were one run, and a buffer; how many bytes. */
uint32_t launcher_chain_read(struct launcher_device *dev, const struct launcher_chain *chain,
                             uint64_t from, void *to, uint32_t length);
uint32_t launcher_chain_write(struct launcher_device *dev, const struct launcher_chain *chain,
                              uint64_t from, const void *data, uint32_t length);
/* Whether any of these bytes belongs to a buffer in flight in any queue. */
bool launcher_owns(const struct launcher_device *dev, uint64_t address, uint64_t length);

/* ---- work.c: the life of a buffer, with the faults that belong to it ---- */

/*
 * The driver notified this queue, which is enabled and not broken, of a live device: takes what is available, judges the
 * notification, and completes what is due.
 */
void launcher_queue_notified(struct launcher_device *dev, struct launcher_queue *queue,
                             uint32_t value, unsigned width);
/* launcher_run() for one queue: looks at the ring if the driver was not asked to notify, and completes what is due. */
void launcher_queue_run(struct launcher_device *dev, struct launcher_queue *queue);
/* Takes all that is available; how many buffers. */
unsigned launcher_take_all(struct launcher_device *dev, struct launcher_queue *queue);
/* Serves and uses what is due. */
void launcher_complete(struct launcher_device *dev, struct launcher_queue *queue);
void launcher_forget_flight(struct launcher_queue *queue);
/* For models that send on their own (console input): the oldest buffer in flight; NULL: none. */
struct launcher_chain *launcher_oldest(const struct launcher_queue *queue);

#endif
