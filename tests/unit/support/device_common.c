/* SPDX-License-Identifier: BSD-2-Clause */
/* The test device's life and its common configuration structure (VIRTIO 1.4, 2.1 to 2.4, 4.1.4.3), as a strict referee. */
#include <string.h>

#include "tests/unit/support/device.h"

#define COMMON(field) offsetof(struct virtio_pci_common_cfg, field)

/* ---- Life ---- */

void device_finish_reset(struct device *d)
{
    d->reset_pending = false;
    d->status = 0;
    d->status_written = 0;
    d->driver_features = 0;
    d->device_feature_select = 0;
    d->driver_feature_select = 0;
    d->queue_select = 0;
    d->queue_selected = false;
    d->config_msix_vector = VIRTIO_MSI_NO_VECTOR;
    for (unsigned i = 0; i < DEVICE_QUEUES; i++) {
        struct device_queue *queue = &d->queues[i];

        device_ring_forget(queue);
        queue->enabled = false;
        queue->size_written = false;
        queue->size = queue->max;
        queue->msix_vector = VIRTIO_MSI_NO_VECTOR;
        queue->desc = queue->driver = queue->device = 0;
        queue->avail_idx = queue->used_idx = queue->used_shown = 0;
        memset(queue->used_copy, 0, sizeof(queue->used_copy));
    }
}

static void begin_reset(struct device *d)
{
    if (++d->resets <= d->faults.good_resets || d->faults.reset_polls == 0) {
        device_finish_reset(d);
        return;
    }
    d->reset_pending = true;
    d->reset_polls_left = d->faults.reset_polls;
    if (d->status == 0)
        d->status = VIRTIO_STATUS_FAILED;
}

uint8_t device_read_status(struct device *d)
{
    d->status_reads++;
    if (!d->reset_pending)
        return d->status;
    if (d->reset_polls_left == 0) {
        device_finish_reset(d);
        return 0;
    }
    if (d->faults.late_dma)
        device_ring_scribble(d);
    if (d->reset_polls_left != DEVICE_FOREVER)
        d->reset_polls_left--;
    return d->status;
}

/* Each bit has its turn, once the one before it is there. */
static bool in_turn(uint8_t before, uint8_t added)
{
    switch (added) {
    case 0:
    case VIRTIO_STATUS_ACKNOWLEDGE:
    case VIRTIO_STATUS_FAILED:
        return true;
    case VIRTIO_STATUS_DRIVER:
        return (before & VIRTIO_STATUS_ACKNOWLEDGE) != 0;
    case VIRTIO_STATUS_FEATURES_OK:
        return (before & VIRTIO_STATUS_DRIVER) != 0;
    case VIRTIO_STATUS_DRIVER_OK:
        return (before & VIRTIO_STATUS_FEATURES_OK) != 0;
    default: /* two at once, or one that is not the driver's */
        return false;
    }
}

void device_write_status(struct device *d, uint8_t value)
{
    uint8_t added;

    if (value == 0) {
        begin_reset(d);
        return;
    }
    if (d->reset_pending) /* DRV-PCI-22 */
        device_complain(d, "status 0x%02x written before the reset was seen to be done", value);
    if ((value & d->status_written) != d->status_written) /* DRV-STATUS-02 */
        device_complain(d, "status 0x%02x drops bits of 0x%02x", value, d->status_written);
    added = (uint8_t)(value & ~d->status_written & ~(d->status & VIRTIO_STATUS_NEEDS_RESET));
    if (!in_turn(d->status_written, added)) /* DRV-INIT-02, DRV-INIT-03, DRV-INIT-11 */
        device_complain(d, "status 0x%02x adds 0x%02x out of turn", value, added);
    d->status_written |= value;
    if ((added & VIRTIO_STATUS_FEATURES_OK) != 0 &&
        (d->faults.features_refused || (d->driver_features & ~d->features) != 0 ||
         (d->driver_features >> VIRTIO_F_VERSION_1 & 1) == 0))
        value &= (uint8_t)~VIRTIO_STATUS_FEATURES_OK;
    if ((added & VIRTIO_STATUS_DRIVER_OK) != 0) {
        d->lives++;
        d->life_completions = 0;
    }
    d->status = value & (uint8_t)~d->faults.status_lost;
}

/* ---- The common configuration structure ---- */

static struct device_queue *selected(struct device *d)
{
    static struct device_queue none;

    if (!d->queue_selected) /* IMP-PCI-13 */
        device_complain(d, "a queue's field is used before queue_select");
    none = (struct device_queue){0};
    return d->queue_select < d->num_queues ? &d->queues[d->queue_select] : &none;
}

static uint32_t *half(uint64_t *value, bool high)
{
    return (uint32_t *)value + high; /* tests run on little-endian hosts: checked in device_new() */
}

uint32_t device_read_common(struct device *d, uint64_t offset, unsigned width)
{
    switch (offset << 4 | width) {
    case COMMON(device_feature) << 4 | 4:
        return d->device_feature_select < 2
                   ? (uint32_t)(d->features >> (32 * d->device_feature_select))
                   : 0;
    case COMMON(num_queues) << 4 | 2:
        return d->num_queues;
    case COMMON(device_status) << 4 | 1:
        return device_read_status(d);
    case COMMON(config_generation) << 4 | 1:
        if (d->faults.generation_changes > 0) {
            d->generation++;
            if (d->faults.generation_changes != DEVICE_FOREVER)
                d->faults.generation_changes--;
        }
        return d->generation;
    case COMMON(queue_size) << 4 | 2:
        return selected(d)->size;
    case COMMON(queue_enable) << 4 | 2:
        return selected(d)->enabled;
    case COMMON(queue_notify_off) << 4 | 2:
        return selected(d)->notify_off;
    case COMMON(queue_msix_vector) << 4 | 2:
        return selected(d)->msix_vector;
    default: /* DRV-PCI-05 to DRV-PCI-07, IMP-PCI-06, IMP-PCI-07 */
        device_complain(d, "common configuration: read of %u bytes at %llu", width,
                        (unsigned long long)offset);
        return UINT32_MAX;
    }
}

static void write_features(struct device *d, uint32_t value)
{
    if ((d->status_written & VIRTIO_STATUS_DRIVER) == 0) /* DRV-INIT-03 */
        device_complain(d, "features written before DRIVER");
    if ((d->status_written & VIRTIO_STATUS_FEATURES_OK) != 0) /* DRV-INIT-08 */
        device_complain(d, "features written after FEATURES_OK");
    if (d->driver_feature_select < 2)
        *half(&d->driver_features, d->driver_feature_select == 1) = value;
    else if (value != 0)
        device_complain(d, "features beyond bit 63 acknowledged");
    if ((d->driver_features & ~d->features) != 0) /* DRV-FEAT-01 */
        device_complain(d, "features 0x%llx were not offered",
                        (unsigned long long)(d->driver_features & ~d->features));
}

static void write_queue_size(struct device *d, struct device_queue *queue, uint32_t value)
{
    if (value == 0 || (value & (value - 1)) != 0 || value > queue->max) /* DRV-PCI-20, IMP-PCI-08 */
        device_complain(d, "queue_size %u written, the maximum is %u", value, queue->max);
    queue->size = queue->size_forced != DEVICE_NO_SIZE ? queue->size_forced : (uint16_t)value;
    queue->size_written = true;
}

static void write_queue(struct device *d, uint64_t offset, unsigned width, uint32_t value)
{
    struct device_queue *queue = selected(d);

    if ((d->status & VIRTIO_STATUS_FEATURES_OK) == 0 ||
        (d->status & VIRTIO_STATUS_DRIVER_OK) != 0) /* DRV-INIT-10 */
        device_complain(d, "queue set up at status 0x%02x", d->status);
    if (queue->enabled) /* DRV-PCI-21 */
        device_complain(d, "field at %llu of a queue written after queue_enable",
                        (unsigned long long)offset);
    switch (offset << 4 | width) {
    case COMMON(queue_size) << 4 | 2:
        write_queue_size(d, queue, value);
        break;
    case COMMON(queue_msix_vector) << 4 | 2:
        if (value != VIRTIO_MSI_NO_VECTOR)
            device_complain(d, "a vector for a queue that is polled");
        queue->msix_vector = (uint16_t)value;
        break;
    case COMMON(queue_enable) << 4 | 2:
        if (value != 1) /* DRV-PCI-23 */
            device_complain(d, "queue_enable %u written", value);
        queue->enabled = true;
        device_ring_enable(d, queue);
        break;
    case COMMON(queue_desc_lo) << 4 | 4:
    case COMMON(queue_desc_hi) << 4 | 4:
        *half(&queue->desc, offset != COMMON(queue_desc_lo)) = value;
        break;
    case COMMON(queue_driver_lo) << 4 | 4:
    case COMMON(queue_driver_hi) << 4 | 4:
        *half(&queue->driver, offset != COMMON(queue_driver_lo)) = value;
        break;
    case COMMON(queue_device_lo) << 4 | 4:
    case COMMON(queue_device_hi) << 4 | 4:
        *half(&queue->device, offset != COMMON(queue_device_lo)) = value;
        break;
    default: /* DRV-PCI-18 */
        device_complain(d, "common configuration: write of %u bytes at %llu", width,
                        (unsigned long long)offset);
    }
}

void device_write_common(struct device *d, uint64_t offset, unsigned width, uint32_t value)
{
    switch (offset << 4 | width) {
    case COMMON(device_feature_select) << 4 | 4:
        d->device_feature_select = value;
        break;
    case COMMON(driver_feature_select) << 4 | 4:
        d->driver_feature_select = value;
        break;
    case COMMON(driver_feature) << 4 | 4:
        write_features(d, value);
        break;
    case COMMON(config_msix_vector) << 4 | 2:
        d->config_msix_vector = (uint16_t)value;
        break;
    case COMMON(device_status) << 4 | 1:
        device_write_status(d, (uint8_t)value);
        break;
    case COMMON(queue_select) << 4 | 2:
        d->queue_select = (uint16_t)value;
        d->queue_selected = true;
        break;
    default:
        write_queue(d, offset, width, value);
    }
}
