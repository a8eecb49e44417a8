/* SPDX-License-Identifier: BSD-2-Clause */
/* The test device's PCI configuration space (VIRTIO 1.4, 4.1.2 to 4.1.4). */
#include <string.h>

#include "tests/unit/support/device.h"

enum {
    COMMAND = 0x04,
    STATUS = 0x06,
    BAR = 0x10,
    SUBSYSTEM_VENDOR = 0x2c,
    SUBSYSTEM = 0x2e,
    CAPABILITIES = 0x34,
    MSIX_CONTROL = DEVICE_PCI_MSIX + 2,
};

static void put(struct device *d, unsigned at, unsigned width, uint64_t value)
{
    for (unsigned i = 0; i < width; i++)
        d->pci[at + i] = (uint8_t)(value >> (8 * i));
}

static uint32_t get(const struct device *d, unsigned at, unsigned width)
{
    uint32_t value = 0;

    for (unsigned i = 0; i < width; i++)
        value |= (uint32_t)d->pci[at + i] << (8 * i);
    return value;
}

uint16_t device_pci_command(const struct device *d)
{
    return (uint16_t)get(d, COMMAND, 2);
}

bool device_msix_enabled(const struct device *d)
{
    return (get(d, MSIX_CONTROL, 2) & 0x8000) != 0;
}

void device_pci_capability(struct device *d, unsigned at, unsigned next, unsigned type,
                           const struct device_window *window)
{
    bool notify = type == VIRTIO_PCI_CAP_NOTIFY_CFG;

    put(d, at, 1, 9);
    put(d, at + 1, 1, next);
    put(d, at + 2, 1, notify || type == VIRTIO_PCI_CAP_PCI_CFG ? 20 : 16);
    put(d, at + 3, 1, type);
    put(d, at + 4, 1, window->region);
    put(d, at + 5, 3, 0);
    put(d, at + 8, 4, window->offset);
    put(d, at + 12, 4, window->length);
    if (notify)
        put(d, at + 16, 4, d->notify_multiplier);
}

void device_pci_fill(struct device *d)
{
    static const struct device_window unused = {0};

    memset(d->pci, 0, sizeof(d->pci));
    put(d, 0x00, 2, VIRTIO_PCI_VENDOR);
    put(d, 0x02, 2, VIRTIO_PCI_DEVICE_MODERN_FIRST + d->id);
    put(d, STATUS, 2, 0x10);
    put(d, 0x08, 1, 1); /* revision: of no importance */
    put(d, BAR + 4 * 4, 4, 0xfe000004);
    put(d, SUBSYSTEM_VENDOR, 2, 0x1234);
    put(d, SUBSYSTEM, 2, 0x5678);
    put(d, CAPABILITIES, 1, 0x40);
    put(d, 0x40, 1, 1); /* power management: not ours */
    put(d, 0x41, 1, DEVICE_PCI_COMMON);
    device_pci_capability(d, DEVICE_PCI_COMMON, DEVICE_PCI_NOTIFY, VIRTIO_PCI_CAP_COMMON_CFG,
                          &d->common);
    device_pci_capability(d, DEVICE_PCI_NOTIFY, DEVICE_PCI_ISR, VIRTIO_PCI_CAP_NOTIFY_CFG,
                          &d->notify);
    device_pci_capability(d, DEVICE_PCI_ISR, DEVICE_PCI_CONFIG, VIRTIO_PCI_CAP_ISR_CFG, &d->isr);
    device_pci_capability(d, DEVICE_PCI_CONFIG, DEVICE_PCI_WINDOW, VIRTIO_PCI_CAP_DEVICE_CFG,
                          &d->config);
    device_pci_capability(d, DEVICE_PCI_WINDOW, DEVICE_PCI_MSIX, VIRTIO_PCI_CAP_PCI_CFG, &unused);
    put(d, DEVICE_PCI_MSIX, 1, 0x11);
    put(d, DEVICE_PCI_MSIX + 1, 1, 0);
    put(d, MSIX_CONTROL, 2, 0x8003); /* left enabled by whoever had the device before */
}

void device_pci_legacy_only(struct device *d)
{
    put(d, 0x02, 2, d->id == VIRTIO_ID_BLOCK ? 0x1001 : 0x1000);
    put(d, SUBSYSTEM, 2, d->id);
    put(d, BAR, 4, 0xc001);
    put(d, CAPABILITIES, 1, DEVICE_PCI_MSIX);
    d->bar_size[0] = 64;
    d->bar_size[4] = 0;
    d->legacy = true;
}

uint32_t device_pci_read(struct device *d, uint64_t offset, unsigned width)
{
    if (offset % width != 0 || offset + width > sizeof(d->pci)) {
        device_complain(d, "configuration space read of %u at 0x%llx", width,
                        (unsigned long long)offset);
        return UINT32_MAX;
    }
    return get(d, (unsigned)offset, width);
}

void device_pci_write(struct device *d, uint64_t offset, unsigned width, uint32_t value)
{
    if (width == 2 && offset == COMMAND) {
        put(d, COMMAND, 2, value);
        return;
    }
    if (width == 2 && offset == MSIX_CONTROL) {
        put(d, MSIX_CONTROL, 2, (value & 0xc000) | (get(d, MSIX_CONTROL, 2) & 0x07ff));
        return;
    }
    /* DRV-PCI-17: capability fields are never written. */
    device_complain(d, "configuration space write of %u at 0x%llx", width,
                    (unsigned long long)offset);
}
