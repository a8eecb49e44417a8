/* SPDX-License-Identifier: BSD-2-Clause */
/* Rules of the PCI transport that single register accesses show (VIRTIO 1.4, 4.1.3.1, 4.1.4.3, 4.1.4.10). */
#include "launcher/judge.h"
#include "virtio/spec.h"

void launcher_judge_pci_width(struct launcher_referee *referee,
                              const struct launcher_access *access, unsigned natural, bool ok)
{
    const char *name = launcher_register_name(access->reg);

    if (natural == 1)
        LAUNCHER_JUDGE(referee, "DRV-PCI-05", ok, "%u bytes of %s, which has 8 bits there",
                       access->width, name);
    if (natural == 2)
        LAUNCHER_JUDGE(referee, "DRV-PCI-06", ok, "%u bytes of %s, which has 16 bits there",
                       access->width, name);
    if (natural == 4)
        LAUNCHER_JUDGE(referee, "DRV-PCI-07", ok, "%u bytes of %s, which is accessed by 32 bits",
                       access->width, name);
}

/* ---- The common configuration ---- */

static bool is_read_only(enum launcher_register reg)
{
    switch (reg) {
    case LAUNCHER_REG_DEVICE_FEATURE:
    case LAUNCHER_REG_NUM_QUEUES:
    case LAUNCHER_REG_GENERATION:
    case LAUNCHER_REG_QUEUE_NOTIFY_OFF:
    case LAUNCHER_REG_QUEUE_NOTIF_DATA:
        return true;
    default:
        return false;
    }
}

static void judge_selectors(struct launcher_referee *referee, const struct launcher_access *access)
{
    const struct launcher_referee_life *life = &referee->life;

    if (access->reg == LAUNCHER_REG_DEVICE_FEATURE && !access->write)
        LAUNCHER_JUDGE(
            referee, "IMP-PCI-04", life->offered_selected,
            "device_feature is read, and device_feature_select was not written since the "
            "reset");
    if (access->reg == LAUNCHER_REG_DRIVER_FEATURE && access->write)
        LAUNCHER_JUDGE(referee, "IMP-PCI-04", life->accepted_selected,
                       "driver_feature is written, and driver_feature_select was not since the "
                       "reset");
    if (launcher_referee_is_per_queue(access->reg))
        LAUNCHER_JUDGE(referee, "IMP-PCI-13", life->queue_selected,
                       "%s is accessed, and queue_select was not written since the reset",
                       launcher_register_name(access->reg));
}

static void judge_common(struct launcher_referee *referee, const struct launcher_access *access)
{
    if (access->reg != LAUNCHER_REG_CONFIG && access->reg != LAUNCHER_REG_NOTIFY &&
        access->natural != 0)
        launcher_judge_pci_width(referee, access, access->natural,
                                 access->width == access->natural && access->skip == 0);
    if (is_read_only(access->reg))
        LAUNCHER_JUDGE(referee, "DRV-PCI-18", !access->write, "%s is written",
                       launcher_register_name(access->reg));
    judge_selectors(referee, access);
    if (access->reg == LAUNCHER_REG_QUEUE_NOTIF_DATA)
        LAUNCHER_JUDGE(referee, "IMP-PCI-06",
                       launcher_referee_accepted(referee, VIRTIO_F_NOTIF_CONFIG_DATA),
                       "queue_notif_config_data is accessed without VIRTIO_F_NOTIF_CONFIG_DATA");
    if (access->reg == LAUNCHER_REG_QUEUE_RESET)
        LAUNCHER_JUDGE(referee, "IMP-PCI-07",
                       launcher_referee_accepted(referee, VIRTIO_F_RING_RESET),
                       "queue_reset is accessed without VIRTIO_F_RING_RESET");
}

/* ---- The legacy block ---- */

static void judge_block(struct launcher_referee *referee, const struct launcher_access *access)
{
    bool vector =
        access->reg == LAUNCHER_REG_CONFIG_VECTOR || access->reg == LAUNCHER_REG_QUEUE_VECTOR;

    if (vector)
        LAUNCHER_JUDGE(referee, "IMP-PCILEG-02", access->width == 2 && access->skip == 0,
                       "%u bytes at offset 0x%llx, where a vector is while MSI-X is enabled",
                       access->width, (unsigned long long)access->offset);
    else if (access->reg != LAUNCHER_REG_CONFIG)
        LAUNCHER_JUDGE(referee, "IMP-PCILEG-01",
                       access->reg != LAUNCHER_REG_NONE && access->width == access->natural &&
                           access->skip == 0,
                       "%u bytes at offset 0x%llx, where %s is", access->width,
                       (unsigned long long)access->offset, launcher_register_name(access->reg));
    if (access->reg == LAUNCHER_REG_QUEUE_SIZE)
        LAUNCHER_JUDGE(referee, "IMP-PCILEG-06", !access->write,
                       "queue_size is written, which is read-only in the legacy interface");
}

void launcher_judge_pci(struct launcher_referee *referee, const struct launcher_access *access)
{
    if (access->reg == LAUNCHER_REG_PCI_COMMAND || access->reg == LAUNCHER_REG_PCI_CONFIG)
        return;
    if (referee->legacy)
        judge_block(referee, access);
    else
        judge_common(referee, access);
}
