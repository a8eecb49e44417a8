/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Notifications of a split virtqueue, in both directions (VIRTIO 1.4, 2.7.7, 2.7.10): what each side asks for by flags or
 * event index, and whether the driver did what the device asked for.
 */
#include "launcher/split.h"

static bool event_idx(const struct launcher_device *dev)
{
    return launcher_accepted(dev, VIRTIO_F_EVENT_IDX);
}

/* ---- Both wishes ---- */

uint16_t launcher_split_avail_flags(struct launcher_device *dev, const struct launcher_queue *queue)
{
    uint16_t flags;

    if (!launcher_get16(dev, queue->driver, &flags))
        return 0;
    if (event_idx(dev))
        LAUNCHER_JUDGE(&dev->referee, "DRV-SPLIT-22", flags == 0,
                       "queue %u: the available flags are 0x%x; with EVENT_IDX they stay 0",
                       queue->index, flags);
    else
        LAUNCHER_JUDGE(&dev->referee, "DRV-SPLIT-20", flags <= VIRTQ_AVAIL_F_NO_INTERRUPT,
                       "queue %u: the available flags are 0x%x; 0 and 1 are defined", queue->index,
                       flags);
    return flags;
}

unsigned launcher_split_waiting(struct launcher_device *dev, struct launcher_queue *queue)
{
    uint16_t index, count;

    if (!launcher_get16(dev, queue->driver + 2, &index))
        return 0;
    count = (uint16_t)(index - queue->avail_next);
    return count < queue->size ? count : queue->size;
}

bool launcher_split_wants_interrupt(struct launcher_device *dev, struct launcher_queue *queue)
{
    struct launcher_ring_state *state = queue->ring_state;
    uint16_t fresh = (uint16_t)(queue->used_next - state->used_told), event;
    uint16_t flags = launcher_split_avail_flags(dev, queue);

    state->used_told = queue->used_next;
    if (launcher_accepted(dev, VIRTIO_F_NOTIFY_ON_EMPTY) && launcher_split_waiting(dev, queue) == 0)
        return true; /* DEV-RFB-12 */
    if (!event_idx(dev))
        return (flags & VIRTQ_AVAIL_F_NO_INTERRUPT) == 0;
    if (!launcher_get16(dev, queue->driver + 4 + 2 * (uint64_t)queue->size, &event))
        return false;
    return (uint16_t)(queue->used_next - event - 1) < fresh;
}

void launcher_split_ask(struct launcher_device *dev, struct launcher_queue *queue, unsigned ahead)
{
    struct launcher_ring_state *state = queue->ring_state;
    uint16_t flags = ahead == LAUNCHER_ASK_NOTHING ? VIRTQ_USED_F_NO_NOTIFY : 0;

    if (event_idx(dev)) {
        /* The index that is furthest away stands for nothing; flags stay 0 (DEV-SPLIT-22). */
        unsigned distance = ahead == LAUNCHER_ASK_NOTHING ? UINT16_MAX : ahead;

        state->event = (uint16_t)(queue->avail_next + distance);
        (void)launcher_put16(dev, queue->device + 4 + 8 * (uint64_t)queue->size, state->event);
        launcher_kick_wish(queue, LAUNCHER_WISH_AT, distance);
        return;
    }
    if (flags != state->flags)
        (void)launcher_put16(dev, queue->device, flags);
    state->flags = flags;
    launcher_kick_wish(queue, flags != 0 ? LAUNCHER_WISH_NONE : LAUNCHER_WISH_ALL, 0);
}

/* ---- Judging notifications ---- */

static void judge_wanted(struct launcher_device *dev, const struct launcher_queue *queue,
                         enum launcher_kick_verdict verdict, uint64_t buffers)
{
    bool wanted = verdict == LAUNCHER_KICK_WANTED;

    if (!event_idx(dev)) {
        LAUNCHER_JUDGE(&dev->referee, "DRV-SPLIT-29", wanted,
                       "queue %u: a notification, although the used flags asked for none",
                       queue->index);
        if (wanted)
            LAUNCHER_JUDGE(&dev->referee, "DRV-SPLIT-30", true, "%s", "");
        return;
    }
    LAUNCHER_JUDGE(&dev->referee, "DRV-SPLIT-33", wanted,
                   "queue %u: a notification at index %u, although avail_event %u was not reached",
                   queue->index, queue->avail_next, queue->ring_state->event);
    if (wanted && buffers > 1)
        LAUNCHER_JUDGE(&dev->referee, "IMP-SPLIT-23", true, "%s", "");
    else if (wanted)
        LAUNCHER_JUDGE(&dev->referee, "DRV-SPLIT-32", true, "%s", "");
}

void launcher_split_judge_notification(struct launcher_device *dev, struct launcher_queue *queue,
                                       uint32_t value, unsigned width, unsigned taken)
{
    const struct launcher_ring_state *state = queue->ring_state;
    bool fresh = state->kick.seen != state->kick.notified;
    enum launcher_kick_verdict verdict;
    uint64_t buffers;

    (void)taken;
    if (launcher_accepted(dev, VIRTIO_F_NOTIFICATION_DATA) && width == 4)
        LAUNCHER_JUDGE(&dev->referee, "IMP-CORE-09", value >> 16 == queue->avail_next,
                       "queue %u: the notification says next_off %u and next_wrap %u, the "
                       "available index is 0x%04x",
                       queue->index, value >> 16 & 0x7fff, value >> 31, queue->avail_next);
    if (fresh && launcher_reports_barriers(dev)) {
        bool full = state->full_seen >= state->kick.seen;

        LAUNCHER_JUDGE(&dev->referee, "DRV-SPLIT-38", full,
                       "queue %u: no full barrier between the available index %u and the "
                       "notification",
                       queue->index, queue->avail_next);
        LAUNCHER_JUDGE(&dev->referee, "IMP-SPLIT-20", full,
                       "queue %u: the device's wish was looked at before available index %u was "
                       "exposed by a full barrier",
                       queue->index, queue->avail_next);
    }
    verdict = launcher_kick_judge(queue, &buffers);
    if (verdict != LAUNCHER_KICK_IDLE)
        judge_wanted(dev, queue, verdict, buffers);
}

void launcher_split_judge_silence(struct launcher_device *dev, struct launcher_queue *queue,
                                  unsigned count)
{
    if (!event_idx(dev))
        LAUNCHER_JUDGE(&dev->referee, "DRV-SPLIT-30", false,
                       "queue %u: %u entries were added and not notified; used flags are 0",
                       queue->index, count);
    else if (count > 1)
        LAUNCHER_JUDGE(&dev->referee, "IMP-SPLIT-23", false,
                       "queue %u: entries %u to %u were added at once and not notified; "
                       "avail_event is %u",
                       queue->index, queue->avail_next, (uint16_t)(queue->avail_next + count - 1),
                       queue->ring_state->event);
    else
        LAUNCHER_JUDGE(&dev->referee, "DRV-SPLIT-32", false,
                       "queue %u: entry %u was added and not notified; avail_event is %u",
                       queue->index, queue->avail_next, queue->ring_state->event);
}
