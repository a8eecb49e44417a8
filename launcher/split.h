/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the split ring share: split.c, split_chain.c, split_notify.c, published.c. */
#ifndef LAUNCHER_SPLIT_H
#define LAUNCHER_SPLIT_H

#include "launcher/ring_state.h"

static inline size_t launcher_split_table_bytes(const struct launcher_queue *queue)
{
    return 16 * (size_t)queue->size;
}

/* The descriptor table, and behind it the available ring without used_event. */
static inline size_t launcher_split_snapshot_bytes(const struct launcher_queue *queue)
{
    return launcher_split_table_bytes(queue) + 4 + 2 * (size_t)queue->size;
}

/* Reads both into ring_state->shown; false: they cannot be reached. */
bool launcher_split_snapshot(struct launcher_device *dev, struct launcher_queue *queue);

/* ---- split_chain.c ---- */

/* The chain from `head` on, judged; its descriptors are taken. NULL: it is none. */
struct launcher_chain *launcher_split_read_chain(struct launcher_device *dev,
                                                 struct launcher_queue *queue, uint16_t head);
void launcher_split_release(struct launcher_queue *queue, const struct launcher_chain *chain);
void launcher_split_check_unchanged(struct launcher_device *dev, struct launcher_queue *queue,
                                    const struct launcher_chain *chain);

/* ---- split_notify.c: struct launcher_ring says what they do ---- */

/* Reads the available flags, and judges them. */
uint16_t launcher_split_avail_flags(struct launcher_device *dev,
                                    const struct launcher_queue *queue);
bool launcher_split_wants_interrupt(struct launcher_device *dev, struct launcher_queue *queue);
void launcher_split_ask(struct launcher_device *dev, struct launcher_queue *queue, unsigned ahead);
unsigned launcher_split_waiting(struct launcher_device *dev, struct launcher_queue *queue);
void launcher_split_judge_notification(struct launcher_device *dev, struct launcher_queue *queue,
                                       uint32_t value, unsigned width, unsigned taken);
void launcher_split_judge_silence(struct launcher_device *dev, struct launcher_queue *queue,
                                  unsigned count);

#endif
