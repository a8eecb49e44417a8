/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What another program left behind before the guest began: firmware that drove a PCI device and did
 * not reset it.
 */
#include "launcher/pci.h"
#include "launcher/sim/sim.h"

enum {
    MSIX_CONTROL = LAUNCHER_PCI_CAP_MSIX + 2,
    MSIX_ENABLE = 0x8000,
};

static bool is_pci(const struct sim_device *dev)
{
    return dev->host->front == &launcher_front_pci ||
           dev->host->front == &launcher_front_pci_legacy;
}

void sim_leave_running(struct sim_device *dev)
{
    struct launcher_device *host = dev->host;

    if (!is_pci(dev) || !sim_chance(dev->world, 24000))
        return;
    launcher_write(host, LAUNCHER_PCI_CONFIG, LAUNCHER_PCI_COMMAND, 2,
                   LAUNCHER_PCI_COMMAND_IO | LAUNCHER_PCI_COMMAND_MEMORY |
                       LAUNCHER_PCI_COMMAND_MASTER);
    launcher_write(host, LAUNCHER_PCI_CONFIG, MSIX_CONTROL, 2, MSIX_ENABLE);
}

bool sim_msix_is_on(const struct sim_device *dev)
{
    return is_pci(dev) && launcher_msix_enabled(dev->host);
}
