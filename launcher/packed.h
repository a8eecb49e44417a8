/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the packed ring share: packed.c, packed_list.c, packed_notify.c. */
#ifndef LAUNCHER_PACKED_H
#define LAUNCHER_PACKED_H

#include "launcher/ring_state.h"

static inline uint64_t launcher_packed_at(const struct launcher_queue *queue, uint16_t slot)
{
    return queue->desc + 16 * (uint64_t)slot;
}

/* 2.8.1: available if AVAIL is the wrap counter and USED is not. */
static inline bool launcher_packed_is_available(uint16_t flags, bool wrap)
{
    uint16_t bits = flags & (VIRTQ_DESC_F_AVAIL | VIRTQ_DESC_F_USED);

    return bits == (wrap ? VIRTQ_DESC_F_AVAIL : VIRTQ_DESC_F_USED);
}

/* Moves a position in the ring on, by at most its size; wrap counters flip behind the last slot. */
static inline void launcher_packed_advance(const struct launcher_queue *queue, uint16_t *slot,
                                           bool *wrap, uint32_t by)
{
    uint32_t next = *slot + by;

    if (next >= queue->size) {
        *wrap = !*wrap;
        next -= queue->size;
    }
    *slot = (uint16_t)next;
}

/* ---- packed_list.c ---- */

/* The list at the next slot, which is available; judged. NULL: it is none. */
struct launcher_chain *launcher_packed_read_list(struct launcher_device *dev,
                                                 struct launcher_queue *queue, uint16_t flags);
void launcher_packed_check_unchanged(struct launcher_device *dev, struct launcher_queue *queue,
                                     const struct launcher_chain *chain);

/* ---- packed_notify.c: struct launcher_ring says what they do ---- */

bool launcher_packed_wants_interrupt(struct launcher_device *dev, struct launcher_queue *queue);
void launcher_packed_ask(struct launcher_device *dev, struct launcher_queue *queue, unsigned ahead);
unsigned launcher_packed_waiting(struct launcher_device *dev, struct launcher_queue *queue);
void launcher_packed_judge_notification(struct launcher_device *dev, struct launcher_queue *queue,
                                        uint32_t value, unsigned width, unsigned taken);
void launcher_packed_judge_silence(struct launcher_device *dev, struct launcher_queue *queue,
                                   unsigned count);

#endif
