/* SPDX-License-Identifier: BSD-2-Clause */
/* Rules of setting virtqueues up, on every transport (VIRTIO 1.4, 2.6, 3.1.1, 4.1.4.3, 4.2.2, 4.2.4). */
#include "launcher/judge.h"
#include "virtio/spec.h"

static bool is_power_of_two(uint32_t value)
{
    return value != 0 && (value & (value - 1)) == 0;
}

static bool is_address(enum launcher_register reg)
{
    return reg >= LAUNCHER_REG_QUEUE_DESC_LO && reg <= LAUNCHER_REG_QUEUE_DEVICE_HI;
}

/* ---- The moment ---- */

/* A queue is about to be configured (enable: and made usable): is this the time for it? */
static void judge_time(struct launcher_referee *referee, const struct launcher_referee_queue *queue,
                       bool enable)
{
    const struct launcher_referee_life *life = &referee->life;
    uint8_t needed = referee->legacy ? VIRTIO_STATUS_DRIVER : VIRTIO_STATUS_FEATURES_OK;
    bool live = (life->written & VIRTIO_STATUS_DRIVER_OK) != 0;

    if (!referee->legacy && !queue->begun && (life->written & VIRTIO_STATUS_FEATURES_OK) != 0)
        LAUNCHER_JUDGE(referee, "DRV-INIT-09", life->features_ok_read && !life->features_refused,
                       "queue %u is set up, and %s", life->queue_select,
                       life->features_refused
                           ? "FEATURES_OK did not stay set: the device is unusable"
                           : "status was not read back after FEATURES_OK");
    if (life->features_refused || (life->written & VIRTIO_STATUS_FAILED) != 0)
        LAUNCHER_JUDGE(referee, "DRV-INIT-13", !enable,
                       "queue %u is enabled at status 0x%02x: the initialization goes on after a "
                       "failure",
                       life->queue_select, life->status);
    if (queue->begun && !enable)
        return;
    LAUNCHER_JUDGE(referee, "DRV-INIT-10",
                   (life->written & needed) != 0 &&
                       (!enable || !live || queue->configured || queue->renewed),
                   "queue %u is set up at status 0x%02x: that comes after the features are "
                   "negotiated, and before DRIVER_OK",
                   life->queue_select, life->status);
}

/* ---- Resetting a queue (2.6.1) ---- */

static void judge_reset(struct launcher_referee *referee, struct launcher_referee_queue *queue,
                        const struct launcher_access *access)
{
    if (!access->write && access->value == 0)
        queue->resetting = false;
    if (access->write && access->value == 1 &&
        launcher_referee_accepted(referee, VIRTIO_F_RING_RESET))
        *queue = (struct launcher_referee_queue){.resetting = true,
                                                 .renewed = true,
                                                 .begun = true,
                                                 .configured = queue->configured,
                                                 .max_known = queue->max_known,
                                                 .max = queue->max};
}

/* A queue that was reset is used for something else. */
static void judge_reset_done(struct launcher_referee *referee,
                             const struct launcher_referee_queue *queue)
{
    uint32_t index = referee->life.queue_select;

    if (!queue->renewed)
        return;
    LAUNCHER_JUDGE(referee, "DRV-VQRST-01", !queue->resetting,
                   "queue %u is set up anew, and its reset was not seen to end", index);
    if (launcher_referee_is_pci(referee))
        LAUNCHER_JUDGE(referee, "DRV-PCI-24", !queue->resetting,
                       "queue %u is set up anew before queue_reset has read as 0", index);
    if (launcher_referee_is_mmio(referee))
        LAUNCHER_JUDGE(referee, "DRV-MMIO-23", !queue->resetting,
                       "queue %u is set up anew before QueueReset has read as 0", index);
}

/* ---- Fields ---- */

static void judge_size(struct launcher_referee *referee, struct launcher_referee_queue *queue,
                       uint32_t size)
{
    uint32_t index = referee->life.queue_select;
    bool packed = launcher_referee_accepted(referee, VIRTIO_F_RING_PACKED);
    bool fits = !queue->max_known || size <= queue->max;

    if (packed) {
        LAUNCHER_JUDGE(referee, "IMP-PACKED-01", size <= VIRTQ_SIZE_MAX,
                       "queue %u gets %u entries: a packed queue has at most 32768", index, size);
        if (launcher_referee_is_pci(referee))
            LAUNCHER_JUDGE(referee, "DRV-PCI-19", size != 0, "queue_size of queue %u becomes 0",
                           index);
    } else {
        LAUNCHER_JUDGE(referee, "IMP-SPLIT-01", is_power_of_two(size) && size <= VIRTQ_SIZE_MAX,
                       "queue %u gets %u entries: a split queue has a power of two, up to 32768",
                       index, size);
        if (launcher_referee_is_pci(referee) && !referee->legacy)
            LAUNCHER_JUDGE(referee, "DRV-PCI-20", is_power_of_two(size),
                           "queue_size of queue %u becomes %u, which is no power of two", index,
                           size);
    }
    if (launcher_referee_is_pci(referee) && !referee->legacy)
        LAUNCHER_JUDGE(referee, "IMP-PCI-08", fits,
                       "queue %u gets %u entries: the device has said %u", index, size, queue->max);
    if (launcher_referee_is_mmio(referee) && !referee->legacy)
        LAUNCHER_JUDGE(referee, "DRV-MMIO-16", fits, "queue %u gets %u entries: QueueSizeMax is %u",
                       index, size, queue->max);
    if (launcher_referee_is_mmio(referee) && referee->legacy)
        LAUNCHER_JUDGE(referee, "IMP-MMIOLEG-08", fits,
                       "queue %u gets %u entries: QueueSizeMax is %u", index, size, queue->max);
    queue->size = size;
    queue->size_written = true;
}

/* A queue that is not there is left alone. */
static void judge_existence(struct launcher_referee *referee,
                            const struct launcher_referee_queue *queue)
{
    uint32_t index = referee->life.queue_select;
    bool there = queue->max != 0;

    if (!queue->max_known)
        return;
    if (launcher_referee_is_pci(referee) && !referee->legacy)
        LAUNCHER_JUDGE(referee, "IMP-PCI-05", there,
                       "queue %u is set up, and its queue_size has read as 0: there is none",
                       index);
    if (launcher_referee_is_mmio(referee) && !referee->legacy)
        LAUNCHER_JUDGE(referee, "IMP-MMIO-02", there,
                       "queue %u is set up, and its QueueSizeMax is 0: there is none", index);
    if (launcher_referee_is_mmio(referee) && referee->legacy)
        LAUNCHER_JUDGE(referee, "IMP-MMIOLEG-07", there,
                       "queue %u is set up, and its QueueSizeMax is 0: there is none", index);
}

/* ---- Enabling ---- */

static void judge_enable(struct launcher_referee *referee, struct launcher_referee_queue *queue)
{
    uint32_t index = referee->life.queue_select;
    bool addresses = queue->desc_written && queue->driver_written && queue->device_written;

    judge_existence(referee, queue);
    if (launcher_referee_is_pci(referee))
        LAUNCHER_JUDGE(referee, "DRV-PCI-21", addresses,
                       "queue %u is enabled, and not all of its addresses were written", index);
    if (launcher_referee_is_mmio(referee))
        LAUNCHER_JUDGE(referee, "IMP-MMIO-10", addresses && queue->size_written,
                       "queue %u is made ready before its size and all its addresses were written",
                       index);
    if (queue->renewed)
        LAUNCHER_JUDGE(referee, "DRV-VQRST-03", addresses,
                       "queue %u is enabled again, and was not set up afresh after its reset",
                       index);
    queue->enabled = queue->configured = true;
}

static void judge_enable_access(struct launcher_referee *referee,
                                struct launcher_referee_queue *queue,
                                const struct launcher_access *access)
{
    if (!access->write) {
        queue->stopping = false;
        queue->free_seen |= access->value == 0;
    } else if (access->value == 1) {
        judge_enable(referee, queue);
    } else if (launcher_referee_is_pci(referee)) {
        LAUNCHER_JUDGE(referee, "DRV-PCI-23", access->value != 0,
                       "queue_enable of queue %u becomes 0", referee->life.queue_select);
    } else {
        queue->stopping = queue->enabled;
        queue->enabled = false;
    }
}

/* Legacy: the page number does all at once. */
static void judge_page(struct launcher_referee *referee, struct launcher_referee_queue *queue,
                       const struct launcher_access *access)
{
    if (!access->write) {
        queue->free_seen |= access->value == 0;
        return;
    }
    if (access->value != 0)
        judge_existence(referee, queue);
    queue->enabled = access->value != 0;
    queue->configured |= queue->enabled;
    queue->pfn_written = true;
}

/* ---- Accesses ---- */

/* Reads of the size, before it was written, say how many entries there can be. */
static void see_max(struct launcher_referee_queue *queue, const struct launcher_access *access)
{
    if (access->reg == LAUNCHER_REG_QUEUE_SIZE && queue->size_written)
        return;
    queue->max = access->value;
    queue->max_known = true;
}

static void judge_field(struct launcher_referee *referee, struct launcher_referee_queue *queue,
                        const struct launcher_access *access)
{
    switch (access->reg) {
    case LAUNCHER_REG_QUEUE_MAX:
    case LAUNCHER_REG_QUEUE_SIZE:
        if (!access->write)
            see_max(queue, access);
        else if (access->writable)
            judge_size(referee, queue, access->value);
        break;
    case LAUNCHER_REG_QUEUE_DESC_LO:
        queue->desc_written |= access->write;
        break;
    case LAUNCHER_REG_QUEUE_DRIVER_LO:
        queue->driver_written |= access->write;
        break;
    case LAUNCHER_REG_QUEUE_DEVICE_LO:
        queue->device_written |= access->write;
        break;
    case LAUNCHER_REG_QUEUE_ALIGN:
        queue->align_written |= access->write;
        break;
    case LAUNCHER_REG_QUEUE_ENABLE:
        judge_enable_access(referee, queue, access);
        break;
    case LAUNCHER_REG_QUEUE_PFN:
        judge_page(referee, queue, access);
        break;
    case LAUNCHER_REG_QUEUE_RESET:
        judge_reset(referee, queue, access);
        break;
    case LAUNCHER_REG_QUEUE_NOTIF_DATA:
        if (!access->write) {
            queue->notif_data = (uint16_t)access->value;
            queue->notif_data_known = true;
        }
        break;
    default:
        break;
    }
}

/* Whether a write makes something of the queue; taking it away is another matter. */
static bool sets_up(const struct launcher_access *access, bool *enable)
{
    *enable = (access->reg == LAUNCHER_REG_QUEUE_ENABLE || access->reg == LAUNCHER_REG_QUEUE_PFN) &&
              access->value != 0;
    return access->write &&
           (*enable || is_address(access->reg) || access->reg == LAUNCHER_REG_QUEUE_SIZE ||
            access->reg == LAUNCHER_REG_QUEUE_ALIGN);
}

void launcher_judge_queue(struct launcher_referee *referee, const struct launcher_access *access)
{
    struct launcher_referee_life *life = &referee->life;
    struct launcher_referee_queue *queue;
    bool enable;

    if (access->reg == LAUNCHER_REG_QUEUE_SELECT && access->write) {
        life->queue_select = access->value;
        life->queue_selected = true;
        return;
    }
    if (!launcher_referee_is_per_queue(access->reg))
        return;
    queue = launcher_referee_queue(referee, life->queue_select);
    if (queue == NULL)
        return;
    if (sets_up(access, &enable)) {
        life->stepped = true;
        judge_time(referee, queue, enable);
        queue->begun = true;
        judge_reset_done(referee, queue);
    }
    judge_field(referee, queue, access);
}
