/* SPDX-License-Identifier: BSD-2-Clause */
/* Rules of available buffer notifications that registers alone show (VIRTIO 1.4, 2.9, 3.1.1, 4.1.5.2, 4.2.3.3). */
#include "launcher/judge.h"
#include "virtio/spec.h"

static void judge_time(struct launcher_referee *referee)
{
    const struct launcher_referee_life *life = &referee->life;

    LAUNCHER_JUDGE(referee, "DRV-INIT-14", (life->written & VIRTIO_STATUS_DRIVER_OK) != 0,
                   "early output: a notification at status 0x%02x, before DRIVER_OK", life->status);
    if (!launcher_referee_accepted(referee, VIRTIO_F_SUSPEND))
        return;
    LAUNCHER_JUDGE(referee, "DRV-SUSP-05", !life->suspending,
                   "a notification after SUSPEND was set");
    LAUNCHER_JUDGE(referee, "DRV-SUSP-07", !life->resuming,
                   "a notification before status has shown that the device was resumed");
}

/* Whether this is the index of a queue that is in use. */
static bool names_index(const struct launcher_referee *referee, uint32_t value)
{
    return value < referee->queue_count && referee->queues[value].enabled;
}

/* Or the number that the device gave it instead. */
static bool names_data(const struct launcher_referee *referee, uint32_t value)
{
    for (unsigned i = 0; i < referee->queue_count; i++)
        if (referee->queues[i].enabled && referee->queues[i].notif_data_known &&
            referee->queues[i].notif_data == value)
            return true;
    return false;
}

static void judge_pci(struct launcher_referee *referee, const struct launcher_access *access)
{
    bool with_data = launcher_referee_accepted(referee, VIRTIO_F_NOTIFICATION_DATA);
    bool named = launcher_referee_accepted(referee, VIRTIO_F_NOTIF_CONFIG_DATA);
    uint32_t low = access->value & 0xffff;

    if (with_data)
        LAUNCHER_JUDGE(referee, "DRV-PCI-44", access->width == 4,
                       "a notification of %u bytes: with VIRTIO_F_NOTIFICATION_DATA it has 4",
                       access->width);
    else
        LAUNCHER_JUDGE(referee, "DRV-PCI-43", access->width == 2,
                       "a notification of %u bytes: without VIRTIO_F_NOTIFICATION_DATA it has 2",
                       access->width);
    if (with_data && named)
        LAUNCHER_JUDGE(referee, "DRV-PCI-48", names_data(referee, low),
                       "vq_notif_config_data is 0x%04x, which no queue in use has", low);
    else if (with_data)
        LAUNCHER_JUDGE(referee, "DRV-PCI-46", names_index(referee, low),
                       "vq_index is %u, which is no queue in use", low);
    else if (named)
        LAUNCHER_JUDGE(referee, "DRV-PCI-47", names_data(referee, access->value),
                       "the notification is 0x%04x, the queue_notif_config_data of no queue in use",
                       access->value);
    else
        LAUNCHER_JUDGE(referee, "DRV-PCI-45", names_index(referee, access->value),
                       "the notification is 0x%x, which is the index of no queue in use",
                       access->value);
}

static void judge_mmio(struct launcher_referee *referee, uint32_t value)
{
    if (referee->legacy) {
        LAUNCHER_JUDGE(referee, "IMP-MMIOLEG-14",
                       value >= referee->queue_count || referee->queues[value].enabled ||
                           !referee->queues[value].pfn_written,
                       "queue %u is used at physical page 0", value);
        LAUNCHER_JUDGE(referee, "IMP-MMIOLEG-17", names_index(referee, value),
                       "QueueNotify becomes %u, which is the index of no queue in use", value);
    } else if (launcher_referee_accepted(referee, VIRTIO_F_NOTIFICATION_DATA)) {
        LAUNCHER_JUDGE(referee, "IMP-MMIO-12", names_index(referee, value & 0xffff),
                       "QueueNotify becomes 0x%08x: vq_index is no queue in use", value);
    } else {
        LAUNCHER_JUDGE(referee, "IMP-MMIO-11", names_index(referee, value),
                       "QueueNotify becomes %u, which is the index of no queue in use", value);
    }
}

void launcher_judge_notify(struct launcher_referee *referee, const struct launcher_access *access)
{
    if (!access->write)
        return;
    judge_time(referee);
    launcher_judge_config_used(referee);
    if (!referee->life.notified)
        launcher_judge_config_first_use(referee);
    referee->life.notified = true;
    if (launcher_referee_is_pci(referee) && !referee->legacy)
        judge_pci(referee, access);
    else if (launcher_referee_is_mmio(referee))
        judge_mmio(referee, access->value);
}
