/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the two rings share on the device's side beside ring.h: what a ring remembers, reading its fields, and when a
 * driver owes a notification (kick.c).
 */
#ifndef LAUNCHER_RING_STATE_H
#define LAUNCHER_RING_STATE_H

#include "launcher/ring.h"

/* What the ring says of the notifications that the device wants. */
enum launcher_wish {
    LAUNCHER_WISH_ALL,
    LAUNCHER_WISH_NONE,
    LAUNCHER_WISH_AT, /* when the slot `at` is published */
};

/* Counts run on from the queue's enabling, in ring slots: split: available entries, packed: descriptors. */
struct launcher_kick {
    enum launcher_wish wish;
    uint64_t at;
    uint64_t seen;     /* slots that were seen to be published */
    uint64_t notified; /* of which, at the latest notification */
    uint64_t buffers;  /* seen since then */
    bool any;          /* since then, the wish was once LAUNCHER_WISH_ALL */
    uint64_t nearest;  /* since then, the first slot that was once asked for; UINT64_MAX: none */
    bool started;      /* the live device has looked at the ring */
    bool owed;         /* buffers that it wanted to be told of have waited since `owed_ns` */
    bool reported;
    uint64_t owed_ns;
};

struct launcher_ring_state {
    struct launcher_kick kick;
    bool known; /* guest memory has been read: `ring` is what was there */
    uint8_t *
        ring; /* split: the used elements as the device wrote them; packed: the ring as last seen */
    uint8_t *table; /* split: descriptors of buffers in flight, as they were read */
    uint8_t
        *taken; /* split: whether a descriptor is in a buffer in flight; packed: whether an id is */
    uint16_t flags;      /* as the device shows them: split: used flags */
    uint16_t event;      /* split: avail_event */
    uint16_t in_order;   /* split, IN_ORDER: the descriptor that is next */
    uint16_t used_told;  /* split: the used index when an interrupt was considered last */
    uint32_t used_since; /* packed: slots used since then */
    uint32_t slots_out;  /* packed: slots of buffers in flight */
    uint16_t used_last;  /* packed: the slot used last */

    /* What memory showed at the driver's latest barrier (published.c). Counts as in struct launcher_kick. */
    uint8_t *shown;
    bool shown_known;
    uint64_t shown_seen;  /* slots that were published then */
    uint32_t shown_count; /* packed: so many slots from there on were looked at */
    uint16_t shown_slot;  /* packed: the one that was next, and its wrap counter */
    bool shown_wrap;
    uint64_t full_seen; /* at the latest LAUNCHER_BARRIER_NOTIFY */
};

struct launcher_ring_state *launcher_ring_state_new(size_t ring, size_t table, size_t taken,
                                                    size_t shown);
void launcher_ring_state_free(struct launcher_queue *queue);

/* ---- fields.c: fields of guest memory, one access each; little-endian, or in a legacy guest's own order ---- */

bool launcher_get16(struct launcher_device *dev, uint64_t address, uint16_t *value);
bool launcher_put16(struct launcher_device *dev, uint64_t address, uint16_t value);
bool launcher_put32(struct launcher_device *dev, uint64_t address, uint32_t value);
/*
 * The launcher's own copies of guest memory are little-endian. The first 14 or all 16 bytes of a descriptor, each field with
 * one access; and many records at once, for looks that only the referee takes: fields of these widths, ended by 0.
 */
bool launcher_get_descriptor(struct launcher_device *dev, uint64_t address, uint8_t *raw,
                             size_t bytes);
bool launcher_get_records(struct launcher_device *dev, uint64_t address, uint8_t *to,
                          const uint8_t *widths, size_t count);
extern const uint8_t launcher_descriptor_fields[], launcher_index_fields[],
    launcher_element_fields[];
uint16_t launcher_le16(const uint8_t *bytes);
uint32_t launcher_le32(const uint8_t *bytes);
uint64_t launcher_le64(const uint8_t *bytes);
bool launcher_all_zero(const uint8_t *bytes, size_t length);

/* ---- chain.c, work.c ---- */

/* Whether the device may reach memory at all now (PCI: bus mastering). */
bool launcher_reaches_memory(const struct launcher_device *dev);
/* The ring makes no sense: nothing is taken from it any more, and only a reset can help (DEV-STATUS-03). */
void launcher_ring_broken(struct launcher_device *dev, struct launcher_queue *queue);
/* Judges, by the row of the transport, that a queue's memory was zeroed before it was enabled. */
void launcher_judge_zeroed(struct launcher_device *dev, const struct launcher_queue *queue,
                           bool zeroed, const char *what);
/* Whether all readable elements come before the writable ones. */
bool launcher_chain_is_ordered(const struct launcher_chain *chain);
/* Buffers that are given back with this one: with IN_ORDER, all before it in flight as well. */
unsigned launcher_batch(const struct launcher_device *dev, const struct launcher_queue *queue,
                        const struct launcher_chain *chain);

/* ---- kick.c ---- */

enum launcher_kick_verdict {
    LAUNCHER_KICK_IDLE,      /* there was nothing new */
    LAUNCHER_KICK_WANTED,    /* at least once since the one before it */
    LAUNCHER_KICK_UNWANTED,  /* the slot that was asked for is not reached */
    LAUNCHER_KICK_FORBIDDEN, /* the device has asked for silence all the time */
};

/* The queue is enabled, and its ring shows that. */
void launcher_kick_start(struct launcher_queue *queue, enum launcher_wish wish);
/* The ring shows a wish now. */
void launcher_kick_wish(struct launcher_queue *queue, enum launcher_wish wish, unsigned ahead);
/* A buffer of that many slots was seen. */
void launcher_kick_seen(struct launcher_queue *queue, unsigned slots);
/* What is to be said of a notification that came, after buffers were taken; how many since the one before it. */
enum launcher_kick_verdict launcher_kick_judge(const struct launcher_queue *queue,
                                               uint64_t *buffers);
/* It has been judged, and the wish renewed. */
void launcher_kick_came(struct launcher_queue *queue);
/* Whether it has to look at the ring by itself. */
bool launcher_kick_polls(const struct launcher_queue *queue);
/* Looks for buffers that were not notified in time, and has the ring judge them. */
void launcher_kick_watch(struct launcher_device *dev, struct launcher_queue *queue);

/* ---- published.c: barriers between a ring's fields and what makes them available ---- */

/* Whether the driver's barriers are reported at all. */
bool launcher_reports_barriers(const struct launcher_device *dev);
void launcher_split_barrier(struct launcher_device *dev, struct launcher_queue *queue,
                            enum launcher_barrier kind);
void launcher_packed_barrier(struct launcher_device *dev, struct launcher_queue *queue,
                             enum launcher_barrier kind);
/* Judges the buffer that is about to be taken: split: from this slot of the available ring. */
void launcher_split_published(struct launcher_device *dev, struct launcher_queue *queue,
                              uint64_t count, uint16_t slot);
void launcher_packed_published(struct launcher_device *dev, struct launcher_queue *queue,
                               uint64_t count, uint16_t slot);

#endif
