/* SPDX-License-Identifier: BSD-2-Clause */
/* The PCI configuration access capability (VIRTIO 1.4, 4.1.4.9): BARs through a window of configuration space. */
#include "launcher/pci.h"

enum {
    BAR = LAUNCHER_PCI_CAP_WINDOW + offsetof(struct virtio_pci_cap, bar),
    OFFSET = LAUNCHER_PCI_CAP_WINDOW + offsetof(struct virtio_pci_cap, offset),
    LENGTH = LAUNCHER_PCI_CAP_WINDOW + offsetof(struct virtio_pci_cap, length),
    DATA = LAUNCHER_PCI_CAP_WINDOW + sizeof(struct virtio_pci_cap),
};

static bool inside(const struct launcher_pci_structure *structure, uint64_t offset, uint64_t length)
{
    return offset >= structure->offset && length <= structure->length &&
           offset - structure->offset <= structure->length - length;
}

/* What the driver set the window to is in order, and so is this access of its data. */
static bool judge(struct launcher_device *dev, unsigned at, unsigned width)
{
    const struct launcher_pci *pci = launcher_pci_of(dev);
    uint32_t bar = launcher_pci_get(pci, BAR, 1);
    uint32_t offset = launcher_pci_get(pci, OFFSET, 4);
    uint32_t length = launcher_pci_get(pci, LENGTH, 4);
    bool whole = length == 1 || length == 2 || length == 4;
    bool ok;

    ok = LAUNCHER_JUDGE(&dev->referee, "IMP-PCI-11", whole,
                        "pci_cfg_data accessed while cap.length is %u: bar, a length of 1, 2 or 4, "
                        "and offset come first",
                        length);
    if (!ok)
        return false;
    ok &= LAUNCHER_JUDGE(&dev->referee, "DRV-PCI-32", offset % length == 0,
                         "cap.offset 0x%x is no multiple of cap.length %u", offset, length);
    ok &= LAUNCHER_JUDGE(&dev->referee, "DRV-PCI-33", at == DATA && offset % width == 0,
                         "%u bytes at byte %u of pci_cfg_data for offset 0x%x: not aligned", width,
                         at - DATA, offset);
    ok &= LAUNCHER_JUDGE(
        &dev->referee, "DRV-PCI-34",
        bar == LAUNCHER_PCI_BAR_MODERN &&
            (inside(&pci->common, offset, length) || inside(&pci->isr, offset, length) ||
             inside(&pci->device, offset, length) || inside(&pci->notify, offset, length)),
        "pci_cfg_data accessed for %u bytes at 0x%x of BAR %u: inside no structure "
        "that another virtio capability describes",
        length, offset, bar);
    return ok && width == length;
}

uint32_t launcher_window_read(struct launcher_device *dev, unsigned at, unsigned width)
{
    const struct launcher_pci *pci = launcher_pci_of(dev);

    if (dev->personality->dead_pci_cfg || !judge(dev, at, width))
        return 0;
    return launcher_pci_bar_read(dev, launcher_pci_get(pci, BAR, 1),
                                 launcher_pci_get(pci, OFFSET, 4), width);
}

void launcher_window_write(struct launcher_device *dev, unsigned at, unsigned width, uint32_t value)
{
    const struct launcher_pci *pci = launcher_pci_of(dev);

    if (!dev->personality->dead_pci_cfg && judge(dev, at, width))
        launcher_pci_bar_write(dev, launcher_pci_get(pci, BAR, 1), launcher_pci_get(pci, OFFSET, 4),
                               width, value);
}
