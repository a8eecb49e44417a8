/* SPDX-License-Identifier: BSD-2-Clause */
/* What the two PCI transports share. Internal to virtio/. */
#ifndef VIRTIO_PCI_H
#define VIRTIO_PCI_H

#include "virtio/transport.h"

/* Bus mastering on, interrupts (INTx and MSI-X) off. */
void virtio_pci_enable_dma(struct virtio_device *dev);

/* Bus mastering and MSI-X off; Interrupt Disable as it was found. */
void virtio_pci_disable_dma(struct virtio_device *dev);

#endif
