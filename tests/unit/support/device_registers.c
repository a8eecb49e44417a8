/* SPDX-License-Identifier: BSD-2-Clause */
/* The launcher's registers as Slate reaches them: struct virtio_io, with what no bus would let through. */
#include "tests/unit/support/device.h"

static bool inside(const struct launcher_pci_structure *structure, uint64_t offset, unsigned width)
{
    return offset >= structure->offset && offset - structure->offset + width <= structure->length;
}

static bool in_any_structure(const struct device *d, uint64_t offset, unsigned width)
{
    const struct launcher_pci *pci = d->function;

    return inside(&pci->common, offset, width) || inside(&pci->isr, offset, width) ||
           inside(&pci->device, offset, width) || inside(&pci->notify, offset, width);
}

/* An access that no device may see; false: it was one. */
static bool acceptable(struct device *d, unsigned region, uint64_t offset, unsigned width)
{
    uint64_t size = region <= VIRTIO_IO_PCI_CONFIG ? launcher_region_size(d->host, region) : 0;
    unsigned decode = launcher_region_is_ports(d->host, region) ? LAUNCHER_PCI_COMMAND_IO
                                                                : LAUNCHER_PCI_COMMAND_MEMORY;

    if (d->closed)
        device_complain(d, "touched after it was given away: region %u, offset 0x%llx", region,
                        (unsigned long long)offset);
    if ((width != 1 && width != 2 && width != 4) || offset % width != 0 || offset > size ||
        width > size - offset) {
        device_complain(d, "access of %u bytes at 0x%llx of region %u", width,
                        (unsigned long long)offset, region);
        return false;
    }
    if (region == VIRTIO_IO_PCI_CONFIG)
        return true;
    if ((device_pci_command(d) & decode) == 0)
        device_complain(d, "region %u touched, but its decoding is off", region);
    if (region == DEVICE_BAR && !in_any_structure(d, offset, width))
        device_complain(d, "access of %u bytes at 0x%llx of region %u: no structure is there",
                        width, (unsigned long long)offset, region);
    return true;
}

static uint32_t io_read(void *ctx, unsigned region, uint64_t offset, unsigned width)
{
    struct device *d = ctx;
    struct device_event event = {.kind = DEVICE_READ,
                                 .region = region,
                                 .offset = offset,
                                 .width = width,
                                 .value = UINT32_MAX};

    if (acceptable(d, region, offset, width))
        event.value = launcher_read(d->host, region, offset, width);
    if (d->on_access != NULL)
        d->on_access(d, &event);
    device_record(d, &event);
    return event.value;
}

static void io_write(void *ctx, unsigned region, uint64_t offset, unsigned width, uint32_t value)
{
    struct device *d = ctx;
    struct device_event event = {
        .kind = DEVICE_WRITE, .region = region, .offset = offset, .width = width, .value = value};

    if (acceptable(d, region, offset, width))
        launcher_write(d->host, region, offset, width, value);
    if (d->on_access != NULL)
        d->on_access(d, &event);
    device_record(d, &event);
    device_see_life(d);
}

static uint64_t io_size(void *ctx, unsigned region)
{
    struct device *d = ctx;

    if (region >= VIRTIO_IO_REGIONS) { /* DRV-PCI-13 */
        device_complain(d, "asked for the size of region %u", region);
        return UINT64_MAX;
    }
    return launcher_region_size(d->host, region);
}

const struct virtio_io device_io = {.read = io_read, .write = io_write, .size = io_size};
