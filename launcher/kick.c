/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Available buffer notifications (VIRTIO 1.4, 2.7.10, 2.8.10): whether one that came was wanted, and whether one that did
 * not come was owed. A driver may look at the device's wish at any time between two notifications, so all wishes that
 * were shown between them count.
 */
#include "launcher/ring_state.h"

/* How long buffers may wait for their notification: drivers that collect several first are not told off. */
#define KICK_GRACE_NS 10000000ull

static void shown(struct launcher_kick *kick)
{
    kick->any |= kick->wish == LAUNCHER_WISH_ALL;
    if (kick->wish == LAUNCHER_WISH_AT && kick->at < kick->nearest)
        kick->nearest = kick->at;
}

void launcher_kick_start(struct launcher_queue *queue, enum launcher_wish wish)
{
    struct launcher_kick *kick = &queue->ring_state->kick;

    *kick = (struct launcher_kick){.wish = wish, .nearest = UINT64_MAX};
    shown(kick);
}

void launcher_kick_wish(struct launcher_queue *queue, enum launcher_wish wish, unsigned ahead)
{
    struct launcher_kick *kick = &queue->ring_state->kick;

    kick->wish = wish;
    kick->at = kick->seen + ahead;
    shown(kick);
    kick->owed = kick->reported = false;
}

void launcher_kick_seen(struct launcher_queue *queue, unsigned slots)
{
    struct launcher_kick *kick = &queue->ring_state->kick;

    kick->seen += slots;
    kick->buffers++;
    kick->owed = kick->reported = false;
}

enum launcher_kick_verdict launcher_kick_judge(const struct launcher_queue *queue,
                                               uint64_t *buffers)
{
    const struct launcher_kick *kick = &queue->ring_state->kick;

    *buffers = kick->buffers;
    if (kick->seen == kick->notified)
        return LAUNCHER_KICK_IDLE;
    if (kick->any || kick->nearest < kick->seen)
        return LAUNCHER_KICK_WANTED;
    return kick->nearest == UINT64_MAX ? LAUNCHER_KICK_FORBIDDEN : LAUNCHER_KICK_UNWANTED;
}

void launcher_kick_came(struct launcher_queue *queue)
{
    struct launcher_kick *kick = &queue->ring_state->kick;

    kick->notified = kick->seen;
    kick->buffers = 0;
    kick->any = false;
    kick->nearest = UINT64_MAX;
    shown(kick);
}

bool launcher_kick_polls(const struct launcher_queue *queue)
{
    const struct launcher_kick *kick = &queue->ring_state->kick;

    /* What was published before DRIVER_OK could not be notified (DRV-INIT-14). */
    return !kick->started || kick->wish == LAUNCHER_WISH_NONE ||
           (kick->wish == LAUNCHER_WISH_AT && kick->at != kick->seen);
}

void launcher_kick_watch(struct launcher_device *dev, struct launcher_queue *queue)
{
    struct launcher_kick *kick = &queue->ring_state->kick;
    unsigned waiting;

    if (kick->reported)
        return;
    waiting = queue->ring->waiting(dev, queue);
    if (waiting == 0) {
        kick->owed = false;
    } else if (!kick->owed) {
        kick->owed = true;
        kick->owed_ns = dev->now;
    } else if (dev->now - kick->owed_ns >= KICK_GRACE_NS) {
        kick->reported = true;
        queue->ring->judge_silence(dev, queue, waiting);
    }
}
