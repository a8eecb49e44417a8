/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A PCI function that has only the legacy interface (VIRTIO 1.4, 4.1.4.8): its status register, so that it can be
 * reset like every other device. The core does not claim it.
 */
#include "virtio/pci.h"

static uint8_t get_status(struct virtio_device *dev)
{
    return (uint8_t)dev->io->read(dev->io_ctx, 0, VIRTIO_PCI_LEGACY_DEVICE_STATUS, 1);
}

static void set_status(struct virtio_device *dev, uint8_t status)
{
    dev->io->write(dev->io_ctx, 0, VIRTIO_PCI_LEGACY_DEVICE_STATUS, 1, status);
}

const struct virtio_transport virtio_pci_legacy_transport = {
    .name = "pci-legacy",
    .get_status = get_status,
    .set_status = set_status,
    .enable_dma = virtio_pci_enable_dma,
    .disable_dma = virtio_pci_disable_dma,
};
