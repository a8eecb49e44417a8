/* SPDX-License-Identifier: BSD-2-Clause */
/* Interrupts of a PCI function: INTx, or messages by the MSI-X table in BAR 1 (PCI Local Bus 3.0, 6.8.2; VIRTIO 1.4, 4.1.5.1.2). */
#include <stdlib.h>

#include "launcher/pci.h"

enum {
    PCI_CAP_ID_MSIX = 0x11,
    CONTROL = LAUNCHER_PCI_CAP_MSIX + 2,
    CONTROL_MASK_ALL = 0x4000,
    CONTROL_ENABLE = 0x8000,
    ENTRY = 16,         /* bytes */
    ENTRY_CONTROL = 12, /* its offset in an entry; bit 0 masks the vector */
    VECTORS_MOST = 2048,
    PENDING_AT = 0x8000, /* in BAR 1, behind any table */
};

bool launcher_msix_enabled(const struct launcher_device *dev)
{
    return (launcher_pci_get(launcher_pci_of(dev), CONTROL, 2) & CONTROL_ENABLE) != 0;
}

static uint64_t pending_bytes(const struct launcher_pci *pci)
{
    return (pci->vectors + 63) / 64 * 8;
}

void launcher_msix_create(struct launcher_device *dev)
{
    struct launcher_pci *pci = launcher_pci_of(dev);

    pci->vectors = dev->queue_count + 1 < VECTORS_MOST ? dev->queue_count + 1 : VECTORS_MOST;
    pci->msix_table = launcher_allocate((size_t)pci->vectors * ENTRY);
    pci->pending = launcher_allocate(pending_bytes(pci));
    for (unsigned i = 0; i < pci->vectors; i++)
        pci->msix_table[i * ENTRY + ENTRY_CONTROL] = 1;
    launcher_pci_put(pci, LAUNCHER_PCI_CAP_MSIX, 1, PCI_CAP_ID_MSIX);
    launcher_pci_put(pci, CONTROL, 2, pci->vectors - 1);
    launcher_pci_put(pci, LAUNCHER_PCI_CAP_MSIX + 4, 4, LAUNCHER_PCI_BAR_MSIX);
    launcher_pci_put(pci, LAUNCHER_PCI_CAP_MSIX + 8, 4, PENDING_AT | LAUNCHER_PCI_BAR_MSIX);
    pci->writable[CONTROL + 1] = (CONTROL_ENABLE | CONTROL_MASK_ALL) >> 8;
}

uint64_t launcher_msix_bytes(const struct launcher_pci *pci)
{
    return PENDING_AT + pending_bytes(pci);
}

void launcher_msix_destroy(struct launcher_device *dev)
{
    struct launcher_pci *pci = launcher_pci_of(dev);

    free(pci->msix_table);
    free(pci->pending);
}

/* ---- The table and the pending bits ---- */

static uint8_t *byte_at(struct launcher_pci *pci, uint64_t offset)
{
    if (offset < (uint64_t)pci->vectors * ENTRY)
        return &pci->msix_table[offset];
    if (offset >= PENDING_AT && offset - PENDING_AT < pending_bytes(pci))
        return &pci->pending[offset - PENDING_AT];
    return NULL;
}

uint32_t launcher_msix_read(struct launcher_device *dev, uint64_t offset, unsigned width)
{
    uint32_t value = 0;

    for (unsigned i = 0; i < width && i < 4; i++) {
        const uint8_t *byte = byte_at(launcher_pci_of(dev), offset + i);

        if (byte != NULL)
            value |= (uint32_t)*byte << (8 * i);
    }
    return value;
}

void launcher_msix_write(struct launcher_device *dev, uint64_t offset, unsigned width,
                         uint32_t value)
{
    struct launcher_pci *pci = launcher_pci_of(dev);

    for (unsigned i = 0; i < width && i < 4; i++)
        if (offset + i < (uint64_t)pci->vectors * ENTRY)
            pci->msix_table[offset + i] = (uint8_t)(value >> (8 * i));
    launcher_msix_unmasked(dev);
}

/* ---- Delivery ---- */

static bool masked(const struct launcher_device *dev, unsigned vector)
{
    const struct launcher_pci *pci = launcher_pci_of(dev);

    return (launcher_pci_get(pci, CONTROL, 2) & CONTROL_MASK_ALL) != 0 ||
           (pci->msix_table[vector * ENTRY + ENTRY_CONTROL] & 1) != 0;
}

static void deliver(struct launcher_device *dev, unsigned vector)
{
    if (dev->options.interrupt != NULL)
        dev->options.interrupt(dev->options.ctx, vector);
}

void launcher_pci_interrupt(struct launcher_device *dev, uint16_t vector)
{
    struct launcher_pci *pci = launcher_pci_of(dev);

    if (!launcher_msix_enabled(dev)) {
        if ((launcher_pci_get(pci, LAUNCHER_PCI_COMMAND, 2) & LAUNCHER_PCI_COMMAND_INTX_DISABLE) ==
            0)
            deliver(dev, 0);
        return;
    }
    if (vector >= pci->vectors || !launcher_pci_can_dma(dev)) /* a message is a memory write */
        return;
    if (masked(dev, vector))
        pci->pending[vector / 8] |= (uint8_t)(1u << vector % 8);
    else
        deliver(dev, vector);
}

void launcher_msix_unmasked(struct launcher_device *dev)
{
    struct launcher_pci *pci = launcher_pci_of(dev);

    for (unsigned vector = 0; vector < pci->vectors && launcher_msix_enabled(dev); vector++) {
        uint8_t bit = (uint8_t)(1u << vector % 8);

        if ((pci->pending[vector / 8] & bit) == 0 || masked(dev, vector))
            continue;
        pci->pending[vector / 8] &= (uint8_t)~bit;
        deliver(dev, vector);
    }
}
