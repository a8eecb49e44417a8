/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Notifications of a packed virtqueue, in both directions (VIRTIO 1.4, 2.8.10, 2.8.14): what each side's event suppression
 * structure asks for, and whether the driver did what the device's asked for.
 */
#include "launcher/packed.h"

static bool event_idx(const struct launcher_device *dev)
{
    return launcher_accepted(dev, VIRTIO_F_EVENT_IDX);
}

static uint16_t position(uint16_t slot, bool wrap)
{
    return (uint16_t)(slot | wrap << 15);
}

/* ---- Both wishes ---- */

static uint16_t driver_flags(struct launcher_device *dev, const struct launcher_queue *queue)
{
    uint16_t flags;

    if (!launcher_get16(dev, queue->driver + 2, &flags))
        return VIRTQ_EVENT_FLAGS_DISABLE;
    LAUNCHER_JUDGE(&dev->referee, "IMP-PACKED-25", (flags & 0xfffcu) == 0,
                   "queue %u: reserved bits of the driver's event flags 0x%04x are set",
                   queue->index, flags);
    flags &= 3;
    LAUNCHER_JUDGE(&dev->referee, "IMP-PACKED-22", flags != 3,
                   "queue %u: the driver's event flags are 3, which is reserved", queue->index);
    if (!event_idx(dev))
        LAUNCHER_JUDGE(&dev->referee, "IMP-PACKED-21", flags != VIRTQ_EVENT_FLAGS_DESC,
                       "queue %u: the driver's event flags are DESC, and VIRTIO_F_EVENT_IDX was "
                       "not negotiated",
                       queue->index);
    return flags;
}

bool launcher_packed_wants_interrupt(struct launcher_device *dev, struct launcher_queue *queue)
{
    struct launcher_ring_state *state = queue->ring_state;
    uint16_t flags = driver_flags(dev, queue), event;
    uint32_t fresh = state->used_since, back;

    state->used_since = 0;
    if (flags != VIRTQ_EVENT_FLAGS_DESC || !event_idx(dev))
        return flags == VIRTQ_EVENT_FLAGS_ENABLE;
    if (!launcher_get16(dev, queue->driver, &event))
        return false;
    /* Slots from the event to the next one to be used: it is among those just used if there are 1 to `fresh`. */
    back = (uint32_t)queue->used_next - (event & 0x7fffu);
    if (event >> 15 != queue->used_wrap)
        back += queue->size;
    return back - 1 < fresh;
}

void launcher_packed_ask(struct launcher_device *dev, struct launcher_queue *queue, unsigned ahead)
{
    uint16_t slot = queue->avail_next, flags = VIRTQ_EVENT_FLAGS_ENABLE;
    enum launcher_wish wish = LAUNCHER_WISH_ALL;
    bool wrap = queue->avail_wrap;

    if (ahead == LAUNCHER_ASK_NOTHING) {
        flags = VIRTQ_EVENT_FLAGS_DISABLE;
        wish = LAUNCHER_WISH_NONE;
    } else if (event_idx(dev)) {
        flags = VIRTQ_EVENT_FLAGS_DESC;
        wish = LAUNCHER_WISH_AT;
        launcher_packed_advance(queue, &slot, &wrap, ahead);
        (void)launcher_put16(dev, queue->device, position(slot, wrap));
    }
    (void)launcher_put16(dev, queue->device + 2, flags);
    launcher_kick_wish(queue, wish, ahead);
}

unsigned launcher_packed_waiting(struct launcher_device *dev, struct launcher_queue *queue)
{
    uint16_t flags;

    return launcher_get16(dev, launcher_packed_at(queue, queue->avail_next) + 14, &flags) &&
           launcher_packed_is_available(flags, queue->avail_wrap);
}

/* ---- Judging notifications ---- */

/* The next slot's flags have changed, and do not make it available: a notification says that something is. */
static void judge_slot(struct launcher_device *dev, const struct launcher_queue *queue)
{
    uint16_t slot = queue->avail_next, flags;
    bool changed, stale;

    if (!launcher_get16(dev, launcher_packed_at(queue, slot) + 14, &flags))
        return;
    changed = flags != launcher_le16(queue->ring_state->ring + 16 * (size_t)slot + 14);
    stale = changed && slot == 0 && launcher_packed_is_available(flags, !queue->avail_wrap);
    LAUNCHER_JUDGE(&dev->referee, "IMP-PACKED-03", !stale,
                   "queue %u: slot 0 was made available with wrap counter %d; it starts at 1 and "
                   "flips behind the last slot",
                   queue->index, !queue->avail_wrap);
    LAUNCHER_JUDGE(&dev->referee, "IMP-PACKED-04", !changed || stale,
                   "queue %u: slot %u was given flags 0x%04x, which do not make it available: "
                   "AVAIL equals the wrap counter, %d, and USED does not",
                   queue->index, slot, flags, queue->avail_wrap);
}

static void judge_data(struct launcher_device *dev, const struct launcher_queue *queue,
                       uint32_t value)
{
    uint16_t next = position(queue->avail_next, queue->avail_wrap);

    LAUNCHER_JUDGE(&dev->referee, "DRV-PACKED-06", value >> 16 == next,
                   "queue %u: the notification says next_off %u and next_wrap %u; slot %u and %d "
                   "are next",
                   queue->index, value >> 16 & 0x7fff, value >> 31, queue->avail_next,
                   queue->avail_wrap);
    LAUNCHER_JUDGE(&dev->referee, "IMP-CORE-10", value >> 16 == next,
                   "queue %u: next_off and next_wrap of the notification are 0x%04x, not 0x%04x",
                   queue->index, value >> 16, next);
}

static void judge_barrier(struct launcher_device *dev, const struct launcher_queue *queue)
{
    bool full = queue->ring_state->full_seen >= queue->ring_state->kick.seen;

    LAUNCHER_JUDGE(&dev->referee, "DRV-PACKED-21", full,
                   "queue %u: no full barrier between the descriptors in front of slot %u and the "
                   "notification",
                   queue->index, queue->avail_next);
    LAUNCHER_JUDGE(&dev->referee, "IMP-PACKED-26", full,
                   "queue %u: the device's wish was looked at before the flags in front of slot "
                   "%u were exposed by a full barrier",
                   queue->index, queue->avail_next);
}

void launcher_packed_judge_notification(struct launcher_device *dev, struct launcher_queue *queue,
                                        uint32_t value, unsigned width, unsigned taken)
{
    const struct launcher_kick *kick = &queue->ring_state->kick;
    enum launcher_kick_verdict verdict;
    uint64_t buffers;

    if (taken == 0)
        judge_slot(dev, queue);
    else
        LAUNCHER_JUDGE(&dev->referee, "IMP-PACKED-04", true, "%s", "");
    if (launcher_accepted(dev, VIRTIO_F_NOTIFICATION_DATA) && width == 4)
        judge_data(dev, queue, value);
    if (kick->seen != kick->notified && launcher_reports_barriers(dev))
        judge_barrier(dev, queue);
    verdict = launcher_kick_judge(queue, &buffers);
    if (verdict == LAUNCHER_KICK_IDLE)
        return;
    LAUNCHER_JUDGE(&dev->referee, "IMP-PACKED-19", verdict != LAUNCHER_KICK_FORBIDDEN,
                   "queue %u: a notification, although the device's event flags are DISABLE",
                   queue->index);
    if (verdict != LAUNCHER_KICK_WANTED)
        return;
    if (event_idx(dev))
        LAUNCHER_JUDGE(&dev->referee, "IMP-PACKED-20", true, "%s", "");
    else
        LAUNCHER_JUDGE(&dev->referee, "IMP-PACKED-18", true, "%s", "");
}

void launcher_packed_judge_silence(struct launcher_device *dev, struct launcher_queue *queue,
                                   unsigned count)
{
    (void)count;
    if (event_idx(dev))
        LAUNCHER_JUDGE(&dev->referee, "IMP-PACKED-20", false,
                       "queue %u: slot %u was made available and not notified; the event is for "
                       "this slot",
                       queue->index, queue->avail_next);
    else
        LAUNCHER_JUDGE(&dev->referee, "IMP-PACKED-18", false,
                       "queue %u: slot %u was made available and not notified; the device's event "
                       "flags are ENABLE",
                       queue->index, queue->avail_next);
}
