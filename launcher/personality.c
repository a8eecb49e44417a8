/* SPDX-License-Identifier: BSD-2-Clause */
/* Device models as they are found in the world: what each offers, and what each gets wrong. */
#include <string.h>

#include "launcher/launcher.h"

#define BIT(feature) (1ull << (feature))

enum {
    NOTIFY_MULTIPLIER = 4, /* bytes */
};

static const uint64_t usual_rings = BIT(VIRTIO_F_INDIRECT_DESC) | BIT(VIRTIO_F_EVENT_IDX);

static const struct launcher_personality qemu = {
    .name = "qemu",
    .text = "as the specification says, with what QEMU offers: SEG_MAX but no SIZE_MAX",
    .blk_lacks = BIT(VIRTIO_BLK_F_SIZE_MAX),
    .ring_features = usual_rings | BIT(VIRTIO_F_RING_RESET),
    .queue_size = 256,
    .notify_multiplier = NOTIFY_MULTIPLIER,
};

static const struct launcher_personality kvmtool = {
    .name = "kvmtool",
    .text = "configuration only after a reset, queues of one size, one notify address for all, "
            "features that pile up",
    .blk_lacks = ~(BIT(VIRTIO_BLK_F_SEG_MAX) | BIT(VIRTIO_BLK_F_FLUSH) | BIT(VIRTIO_BLK_F_RO)),
    .console_lacks = ~0ull,
    .ring_features = usual_rings,
    .queue_size = 256,
    .queue_size_read_back = 256,
    .notify_multiplier = 0,
    .dead_pci_cfg = true,
    .config_late = true,
    .used_data_only = true,
    .features_pile_up = true,
    .stalls_unnegotiated = true,
};

static const struct launcher_personality firecracker = {
    .name = "firecracker",
    .text = "Firecracker before 2026: a reset sets FAILED, and status never reads 0",
    .blk_lacks = ~(BIT(VIRTIO_BLK_F_FLUSH) | BIT(VIRTIO_BLK_F_RO)),
    .console_lacks = ~0ull,
    .ring_features = BIT(VIRTIO_F_EVENT_IDX),
    .queue_size = 256,
    .notify_multiplier = NOTIFY_MULTIPLIER,
    .reset_fails = true,
};

static const struct launcher_personality cloud_hypervisor = {
    .name = "cloud-hypervisor",
    .text = "a console without MULTIPORT, and a device that dies of DRIVER_OK without a queue",
    .blk_lacks = BIT(VIRTIO_BLK_F_SIZE_MAX),
    .console_lacks = BIT(VIRTIO_CONSOLE_F_MULTIPORT),
    .ring_features = usual_rings,
    .queue_size = 128,
    .notify_multiplier = NOTIFY_MULTIPLIER,
    .dies_without_queues = true,
};

static const struct launcher_personality apple = {
    .name = "apple",
    .text = "a console with no feature of its own",
    .blk_lacks = BIT(VIRTIO_BLK_F_SIZE_MAX),
    .console_lacks = ~0ull,
    .ring_features = BIT(VIRTIO_F_INDIRECT_DESC),
    .queue_size = 128,
    .notify_multiplier = NOTIFY_MULTIPLIER,
};

static const struct launcher_personality strict = {
    .name = "strict",
    .text = "takes one status bit at a time",
    .ring_features = usual_rings,
    .queue_size = 256,
    .notify_multiplier = NOTIFY_MULTIPLIER,
    .strict_status = true,
};

static const struct launcher_personality rows_first = {
    .name = "rows-first",
    .text = "a console that states rows before columns, as Linux reads them",
    .ring_features = usual_rings,
    .queue_size = 256,
    .notify_multiplier = NOTIFY_MULTIPLIER,
    .size_rows_first = true,
};

const struct launcher_personality *const launcher_personalities[] = {
    &qemu, &kvmtool, &firecracker, &cloud_hypervisor, &apple, &strict, &rows_first, NULL,
};

const struct launcher_personality *launcher_personality(const char *name)
{
    for (unsigned i = 0; launcher_personalities[i] != NULL; i++)
        if (strcmp(launcher_personalities[i]->name, name) == 0)
            return launcher_personalities[i];
    return NULL;
}
