/* SPDX-License-Identifier: BSD-2-Clause */
/* The test device's other registers (VIRTIO 1.4, 2.3, 2.5, 4.1.4): its configuration, notifications, and who is where. */
#include <string.h>

#include "tests/unit/support/device.h"

/* ---- Notifications ---- */

static bool live(const struct device *d)
{
    return (d->status & VIRTIO_STATUS_DRIVER_OK) != 0 &&
           (d->status & VIRTIO_STATUS_NEEDS_RESET) == 0;
}

static void notified(struct device *d, uint64_t offset, unsigned width, uint32_t value)
{
    struct device_queue *queue;

    if (width != 2 || value >= d->num_queues ||
        offset != (uint64_t)d->queues[value].notify_off * d->notify_multiplier) {
        /* DRV-PCI-43, DRV-PCI-45, IMP-PCI-09 */
        device_complain(d, "notification of %u bytes, value %u, at %llu", width, value,
                        (unsigned long long)offset);
        return;
    }
    queue = &d->queues[value];
    if ((d->status & VIRTIO_STATUS_DRIVER_OK) == 0) /* DRV-INIT-14 */
        device_complain(d, "queue %u notified at status 0x%02x", value, d->status);
    if (queue->quiet) /* DRV-SPLIT-29 */
        device_complain(d, "queue %u notified although it asked not to be", value);
    queue->notifications++;
    if (!live(d) || !queue->enabled)
        return;
    if (device_ring_take(d, queue) == 0)
        queue->idle_notifications++;
    device_ring_complete(d, queue);
}

void device_work(struct device *d)
{
    if (d->notify_cell != NULL && *d->notify_cell != 0xffff) {
        uint16_t value = *d->notify_cell;

        *d->notify_cell = 0xffff;
        notified(d, (uint64_t)d->queues[value].notify_off * d->notify_multiplier, 2, value);
    }
    for (unsigned i = 0; i < d->num_queues && live(d); i++) {
        struct device_queue *queue = &d->queues[i];

        if (!queue->enabled)
            continue;
        if (queue->quiet)
            (void)device_ring_take(d, queue);
        device_ring_complete(d, queue);
    }
}

/* ---- The device configuration ---- */

struct field {
    size_t offset, width;
    int feature; /* that it depends on; -1: always there */
};

#define BLK(name, feature)                                                                         \
    {                                                                                              \
        offsetof(struct virtio_blk_config, name), sizeof(((struct virtio_blk_config *)0)->name),   \
            feature                                                                                \
    }

static const struct field blk_fields[] = {
    BLK(capacity, -1),
    BLK(size_max, VIRTIO_BLK_F_SIZE_MAX),
    BLK(seg_max, VIRTIO_BLK_F_SEG_MAX),
    BLK(blk_size, VIRTIO_BLK_F_BLK_SIZE),
    BLK(physical_block_exp, VIRTIO_BLK_F_TOPOLOGY),
    BLK(alignment_offset, VIRTIO_BLK_F_TOPOLOGY),
    BLK(min_io_size, VIRTIO_BLK_F_TOPOLOGY),
    BLK(opt_io_size, VIRTIO_BLK_F_TOPOLOGY),
    BLK(max_discard_sectors, VIRTIO_BLK_F_DISCARD),
    BLK(max_discard_seg, VIRTIO_BLK_F_DISCARD),
    BLK(discard_sector_alignment, VIRTIO_BLK_F_DISCARD),
    BLK(max_write_zeroes_sectors, VIRTIO_BLK_F_WRITE_ZEROES),
    BLK(max_write_zeroes_seg, VIRTIO_BLK_F_WRITE_ZEROES),
    BLK(write_zeroes_may_unmap, VIRTIO_BLK_F_WRITE_ZEROES),
    BLK(zoned_model, VIRTIO_BLK_F_ZONED),
};

static const struct field console_fields[] = {
    {offsetof(struct virtio_console_config, cols), 2, VIRTIO_CONSOLE_F_SIZE},
    {offsetof(struct virtio_console_config, rows), 2, VIRTIO_CONSOLE_F_SIZE},
};

static bool field_allowed(const struct device *d, uint64_t offset, unsigned width)
{
    const struct field *fields = d->id == VIRTIO_ID_BLOCK ? blk_fields : console_fields;
    size_t count = d->id == VIRTIO_ID_BLOCK ? sizeof(blk_fields) / sizeof(blk_fields[0])
                                            : sizeof(console_fields) / sizeof(console_fields[0]);

    if (d->id != VIRTIO_ID_BLOCK && d->id != VIRTIO_ID_CONSOLE)
        return true;
    for (size_t i = 0; i < count; i++) {
        bool whole = offset == fields[i].offset && width == fields[i].width;
        bool part = fields[i].width == 8 && width == 4 &&
                    (offset == fields[i].offset || offset == fields[i].offset + 4);

        if (whole || part)
            return fields[i].feature < 0 || (d->features >> fields[i].feature & 1) != 0;
    }
    return false;
}

static uint32_t read_config(struct device *d, uint64_t offset, unsigned width)
{
    uint32_t value = 0;

    if (!field_allowed(d, offset, width)) /* DRV-CFG-04, DRV-PCI-05 to DRV-PCI-07 */
        device_complain(d, "device configuration: read of %u bytes at %llu", width,
                        (unsigned long long)offset);
    memcpy(&value, d->config_bytes + offset, width);
    if (d->on_config_read != NULL)
        d->on_config_read(d, offset);
    return value;
}

static void write_config(struct device *d, uint64_t offset, unsigned width, uint32_t value)
{
    if ((d->status & VIRTIO_STATUS_FEATURES_OK) == 0) /* DRV-INIT-06 */
        device_complain(d, "device configuration written during negotiation");
    memcpy(d->config_bytes + offset, &value, width);
}

void device_set_config(struct device *d, size_t offset, size_t width, uint64_t value)
{
    memcpy(d->config_bytes + offset, &value, width);
}

/* ---- Registers ---- */

static bool inside(const struct device_window *window, unsigned region, uint64_t offset,
                   unsigned width)
{
    return region == window->region && offset >= window->offset &&
           offset - window->offset + width <= window->length;
}

/* An access that no device may see; false: it was one. */
static bool acceptable(struct device *d, unsigned region, uint64_t offset, unsigned width)
{
    unsigned decode = region == 0 ? 1 : 2;

    if (d->closed)
        device_complain(d, "touched after it was given away: region %u, offset 0x%llx", region,
                        (unsigned long long)offset);
    if (region == VIRTIO_IO_PCI_CONFIG)
        return true;
    if (region > VIRTIO_IO_PCI_CONFIG || (width != 1 && width != 2 && width != 4) ||
        offset % width != 0 || offset + width > d->bar_size[region]) {
        device_complain(d, "access of %u bytes at 0x%llx of region %u", width,
                        (unsigned long long)offset, region);
        return false;
    }
    if ((device_pci_command(d) & decode) == 0)
        device_complain(d, "region %u touched, but its decoding is off", region);
    return true;
}

static uint32_t read_register(struct device *d, unsigned region, uint64_t offset, unsigned width)
{
    if (region == VIRTIO_IO_PCI_CONFIG)
        return device_pci_read(d, offset, width);
    if (d->legacy && offset == VIRTIO_PCI_LEGACY_DEVICE_STATUS && width == 1)
        return device_read_status(d);
    if (!d->legacy && inside(&d->common, region, offset, width))
        return device_read_common(d, offset - d->common.offset, width);
    if (!d->legacy && inside(&d->config, region, offset, width))
        return read_config(d, offset - d->config.offset, width);
    device_complain(d, "read of %u bytes at 0x%llx of region %u: nothing to be read there", width,
                    (unsigned long long)offset, region);
    return UINT32_MAX;
}

uint32_t device_io_read(void *ctx, unsigned region, uint64_t offset, unsigned width)
{
    struct device *d = ctx;
    struct device_event *event;
    uint32_t value = UINT32_MAX;

    if (acceptable(d, region, offset, width))
        value = read_register(d, region, offset, width);
    event = device_record(d, DEVICE_READ);
    event->region = region;
    event->offset = offset;
    event->width = width;
    event->value = value;
    return value;
}

void device_io_write(void *ctx, unsigned region, uint64_t offset, unsigned width, uint32_t value)
{
    struct device *d = ctx;
    struct device_event *event = device_record(d, DEVICE_WRITE);

    event->region = region;
    event->offset = offset;
    event->width = width;
    event->value = value;
    if (!acceptable(d, region, offset, width))
        return;
    if (region == VIRTIO_IO_PCI_CONFIG)
        device_pci_write(d, offset, width, value);
    else if (d->legacy && offset == VIRTIO_PCI_LEGACY_DEVICE_STATUS && width == 1)
        device_write_status(d, (uint8_t)value);
    else if (!d->legacy && inside(&d->common, region, offset, width))
        device_write_common(d, offset - d->common.offset, width, value);
    else if (!d->legacy && inside(&d->config, region, offset, width))
        write_config(d, offset - d->config.offset, width, value);
    else if (!d->legacy && inside(&d->notify, region, offset, width))
        notified(d, offset - d->notify.offset, width, value);
    else
        device_complain(d, "write of %u bytes at 0x%llx of region %u", width,
                        (unsigned long long)offset, region);
}

uint64_t device_io_size(void *ctx, unsigned region)
{
    struct device *d = ctx;

    if (region >= VIRTIO_IO_REGIONS) { /* DRV-PCI-13 */
        device_complain(d, "asked for the size of region %u", region);
        return UINT64_MAX;
    }
    return d->bar_size[region];
}
