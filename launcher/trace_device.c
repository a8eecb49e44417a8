/* SPDX-License-Identifier: BSD-2-Clause */
/* One device of a traced machine: the state that its driver's accesses have left it in. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "launcher/trace_machine.h"
#include "virtio/spec.h"

enum {
    PCI_COMMAND = 0x04,
    PCI_COMMAND_MASTER = 1 << 2,
    PCI_BAR = 0x10,
    PCI_BAR_END = 0x28,
    PCI_HEADER_END = 0x40,
    MSIX_ENABLE = 1 << 15,
};

static void disable_queues(struct launcher_trace_device *device)
{
    memset(device->queue_enabled, 0, sizeof(device->queue_enabled));
    device->queues_enabled = 0;
}

static void enable_queue(struct launcher_trace_device *device, bool on)
{
    bool *enabled = &device->queue_enabled[device->queue_select % LAUNCHER_TRACE_QUEUES];

    if (on && !*enabled)
        device->queues_enabled++;
    if (!on && *enabled)
        device->queues_enabled--;
    *enabled = on;
}

static void status_written(struct launcher_trace_device *device, uint8_t status)
{
    if (status == 0) {
        device->resets++;
        device->resetting = true;
        device->confirmed = device->refused = false;
        disable_queues(device);
        device->queue_select = 0;
    } else {
        device->unconfirmed += device->resetting;
        device->resetting = false;
        device->lives += (status & ~device->status & VIRTIO_STATUS_DRIVER_OK) != 0;
    }
    device->status = status;
}

static void status_read(struct launcher_trace_device *device, uint8_t status)
{
    if (device->resetting) {
        device->confirmed = status == 0;
        device->refused = status != 0;
        device->resetting = status != 0;
    }
    device->status = status;
}

static void notified(struct launcher_trace_device *device)
{
    if (device->notifications++ > 0 && (device->status & VIRTIO_STATUS_DRIVER_OK) != 0) {
        device->measured++;
        device->cost += device->since_notification;
    }
    device->since_notification = 0;
}

/* MMIO: what device it is, by its id (VIRTIO 1.4, 5). */
static void identify(struct launcher_trace_device *device, uint32_t id)
{
    static const struct {
        uint32_t id;
        const char *kind; /* as QEMU calls it */
    } kinds[] = {
        {VIRTIO_ID_NET, "net"},         {VIRTIO_ID_BLOCK, "blk"},   {VIRTIO_ID_CONSOLE, "serial"},
        {VIRTIO_ID_ENTROPY, "rng"},     {VIRTIO_ID_SCSI, "scsi"},   {VIRTIO_ID_GPU, "gpu"},
        {VIRTIO_ID_BALLOON, "balloon"}, {VIRTIO_ID_INPUT, "input"}, {VIRTIO_ID_9P, "9p"},
    };

    device->empty = id == 0;
    for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (kinds[i].id == id)
            snprintf(device->kind, sizeof(device->kind), "%s", kinds[i].kind);
    snprintf(device->name, sizeof(device->name), "%s at 0x%" PRIx64, device->kind, device->base);
}

/* Looking whether the device is well, or reading its configuration, is no part of a notification. */
static bool belongs_to_kick(const struct launcher_access *access)
{
    return access->reg != LAUNCHER_REG_STATUS && access->reg != LAUNCHER_REG_CONFIG &&
           access->reg != LAUNCHER_REG_GENERATION;
}

void launcher_trace_device_access(struct launcher_trace_device *device,
                                  const struct launcher_access *access)
{
    device->accesses++;
    device->since_notification += belongs_to_kick(access);
    switch (access->reg) {
    case LAUNCHER_REG_STATUS:
        device->status_seen = true;
        if (access->write)
            status_written(device, (uint8_t)access->value);
        else
            status_read(device, (uint8_t)access->value);
        break;
    case LAUNCHER_REG_QUEUE_SELECT:
        if (access->write)
            device->queue_select = access->value;
        break;
    case LAUNCHER_REG_QUEUE_ENABLE:
    case LAUNCHER_REG_QUEUE_PFN:
        if (access->write)
            enable_queue(device, access->value != 0);
        break;
    case LAUNCHER_REG_QUEUE_RESET:
        if (access->write)
            enable_queue(device, false);
        break;
    case LAUNCHER_REG_NOTIFY:
        if (access->write)
            notified(device);
        break;
    case LAUNCHER_REG_ISR:
        device->isr_reads += !access->write;
        break;
    case LAUNCHER_REG_VERSION:
        device->version = access->value;
        break;
    case LAUNCHER_REG_DEVICE_ID:
        identify(device, access->value);
        break;
    default:
        break;
    }
}

void launcher_trace_device_config(struct launcher_trace_device *device, uint64_t offset,
                                  uint32_t value)
{
    if (offset == PCI_COMMAND) {
        device->command = value & 0xffff;
        device->master = (value & PCI_COMMAND_MASTER) != 0;
    } else if (offset >= PCI_BAR && offset < PCI_BAR_END && offset % 4 == 0) {
        device->bar[(offset - PCI_BAR) / 4] = value;
    } else if (offset >= PCI_HEADER_END && offset % 4 == 2) {
        /* Of the capabilities of QEMU's virtio functions, MSI-X alone has a register there: message control. */
        device->msix = (value & MSIX_ENABLE) != 0;
    }
}

void launcher_trace_device_forget(struct launcher_trace_device *device)
{
    device->resets = device->lives = device->unconfirmed = 0;
    device->accesses = device->notifications = device->isr_reads = device->host_notifications = 0;
    device->since_notification = device->measured = device->cost = 0;
    device->confirmed = device->refused = device->modern = device->legacy = false;
}
