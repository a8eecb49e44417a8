/* SPDX-License-Identifier: BSD-2-Clause */
/* The test device's capabilities, as tests rearrange them (VIRTIO 1.4, 4.1.4). */
#include "tests/unit/support/device.h"

enum {
    VENDOR_SPECIFIC = 9,
};

void device_pci_capability(struct device *d, unsigned at, unsigned next, unsigned type,
                           const struct device_window *window)
{
    struct launcher_pci *pci = d->function;
    bool notify = type == VIRTIO_PCI_CAP_NOTIFY_CFG;

    launcher_pci_put(pci, at, 1, VENDOR_SPECIFIC);
    launcher_pci_put(pci, at + 1, 1, next);
    launcher_pci_put(pci, at + 2, 1, notify ? 20 : 16);
    launcher_pci_put(pci, at + 3, 1, type);
    launcher_pci_put(pci, at + 4, 1, window->region);
    launcher_pci_put(pci, at + 5, 3, 0);
    launcher_pci_put(pci, at + 8, 4, window->offset);
    launcher_pci_put(pci, at + 12, 4, window->length);
    if (notify)
        launcher_pci_put(pci, at + 16, 4, d->personality.notify_multiplier);
}

void device_pci_fill(struct device *d)
{
    static const unsigned places[] = {LAUNCHER_PCI_CAP_COMMON, LAUNCHER_PCI_CAP_NOTIFY,
                                      LAUNCHER_PCI_CAP_ISR, LAUNCHER_PCI_CAP_DEVICE};
    const struct launcher_pci_structure *structures[] = {&d->function->common, &d->function->notify,
                                                         &d->function->isr, &d->function->device};

    for (unsigned i = 0; i < 4; i++) {
        const struct device_window window = {DEVICE_BAR, structures[i]->offset,
                                             structures[i]->length};

        if (d->pci[places[i]] == VENDOR_SPECIFIC)
            device_pci_capability(d, places[i], d->pci[places[i] + 1], d->pci[places[i] + 3],
                                  &window);
    }
}

uint16_t device_pci_command(const struct device *d)
{
    return (uint16_t)launcher_pci_get(d->function, LAUNCHER_PCI_COMMAND, 2);
}

bool device_msix_enabled(const struct device *d)
{
    return launcher_msix_enabled(d->host);
}
