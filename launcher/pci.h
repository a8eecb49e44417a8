/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the PCI front ends share: configuration space, BARs, MSI-X. Tests may look at every field. */
#ifndef LAUNCHER_PCI_H
#define LAUNCHER_PCI_H

#include "launcher/device.h"
#include "launcher/front.h"

enum {
    LAUNCHER_PCI_BARS = 6,
    LAUNCHER_PCI_CONFIG = 6, /* the region of configuration space */
    LAUNCHER_PCI_CONFIG_SIZE = 256,

    /* The standard header (PCI Local Bus 3.0, 6.1). */
    LAUNCHER_PCI_VENDOR_ID = 0x00,
    LAUNCHER_PCI_DEVICE_ID = 0x02,
    LAUNCHER_PCI_COMMAND = 0x04,
    LAUNCHER_PCI_COMMAND_IO = 1,
    LAUNCHER_PCI_COMMAND_MEMORY = 2,
    LAUNCHER_PCI_COMMAND_MASTER = 4,
    LAUNCHER_PCI_COMMAND_INTX_DISABLE = 0x400,
    LAUNCHER_PCI_STATUS = 0x06,
    LAUNCHER_PCI_REVISION = 0x08,
    LAUNCHER_PCI_BAR = 0x10,
    LAUNCHER_PCI_SUBSYSTEM_VENDOR = 0x2c,
    LAUNCHER_PCI_SUBSYSTEM = 0x2e,
    LAUNCHER_PCI_CAPABILITIES = 0x34,
    LAUNCHER_PCI_INTERRUPT_LINE = 0x3c,

    /* Where the capabilities are, in the order of the list. */
    LAUNCHER_PCI_CAP_POWER = 0x40, /* not virtio's */
    LAUNCHER_PCI_CAP_COMMON = 0x48,
    LAUNCHER_PCI_CAP_NOTIFY = 0x58,
    LAUNCHER_PCI_CAP_ISR = 0x6c,
    LAUNCHER_PCI_CAP_DEVICE = 0x7c,
    LAUNCHER_PCI_CAP_WINDOW = 0x8c, /* PCI_CFG */
    LAUNCHER_PCI_CAP_MSIX = 0xa0,

    LAUNCHER_PCI_BAR_BLOCK = 0, /* the legacy block, in ports */
    LAUNCHER_PCI_BAR_MSIX = 1,
    LAUNCHER_PCI_BAR_MODERN = 4,
};

struct launcher_pci_structure {
    uint64_t offset, length; /* bytes, in BAR 4 */
};

struct launcher_pci {
    uint8_t config[LAUNCHER_PCI_CONFIG_SIZE];
    uint8_t writable[LAUNCHER_PCI_CONFIG_SIZE]; /* bits that a write changes */
    uint64_t bar_size[LAUNCHER_PCI_BARS];       /* 0: absent */
    bool modern, block;                         /* which interfaces it has */
    struct launcher_pci_structure common, isr, device, notify;
    unsigned vectors;
    uint8_t *msix_table; /* 16 bytes a vector */
    uint8_t *pending;    /* a bit a vector */
    unsigned damage;     /* of the capability list as it is read; 0: none */

    bool list_read;            /* the driver looked for capabilities */
    bool config_vector_unread; /* was written, and not read back */
    bool *queue_vector_unread; /* one a queue */
};

static inline struct launcher_pci *launcher_pci_of(const struct launcher_device *dev)
{
    return dev->front_state;
}

/* ---- pci_config.c ---- */

/* Makes configuration space and BARs for the interfaces that are wanted. */
void launcher_pci_create(struct launcher_device *dev, bool modern, bool block);
void launcher_pci_destroy(struct launcher_device *dev);
uint32_t launcher_pci_get(const struct launcher_pci *pci, unsigned offset, unsigned width);
void launcher_pci_put(struct launcher_pci *pci, unsigned offset, unsigned width, uint64_t value);
uint32_t launcher_pci_config_read(struct launcher_device *dev, uint64_t offset, unsigned width);
void launcher_pci_config_write(struct launcher_device *dev, uint64_t offset, unsigned width,
                               uint32_t value);

/* ---- pci_msix.c ---- */

bool launcher_msix_enabled(const struct launcher_device *dev);
void launcher_msix_create(struct launcher_device *dev);
void launcher_msix_destroy(struct launcher_device *dev);
uint64_t launcher_msix_bytes(const struct launcher_pci *pci); /* of its BAR */
uint32_t launcher_msix_read(struct launcher_device *dev, uint64_t offset, unsigned width);
void launcher_msix_write(struct launcher_device *dev, uint64_t offset, unsigned width,
                         uint32_t value);
/* Vectors that were held back by a mask which is gone now are delivered. */
void launcher_msix_unmasked(struct launcher_device *dev);
void launcher_pci_interrupt(struct launcher_device *dev, uint16_t vector);

/* ---- pci_window.c: pci_cfg_data of the PCI_CFG capability, at that offset of configuration space ---- */

uint32_t launcher_window_read(struct launcher_device *dev, unsigned at, unsigned width);
void launcher_window_write(struct launcher_device *dev, unsigned at, unsigned width,
                           uint32_t value);

/* ---- pci.c ---- */

uint64_t launcher_pci_size(const struct launcher_device *dev, unsigned region);
bool launcher_pci_ports(const struct launcher_device *dev, unsigned region);
bool launcher_pci_can_dma(const struct launcher_device *dev);
uint32_t launcher_pci_read(struct launcher_device *dev, unsigned region, uint64_t offset,
                           unsigned width);
void launcher_pci_write(struct launcher_device *dev, unsigned region, uint64_t offset,
                        unsigned width, uint32_t value);
/* An access of a BAR, from wherever it comes. */
uint32_t launcher_pci_bar_read(struct launcher_device *dev, unsigned region, uint64_t offset,
                               unsigned width);
void launcher_pci_bar_write(struct launcher_device *dev, unsigned region, uint64_t offset,
                            unsigned width, uint32_t value);

/* ---- pci_legacy.c: the register block in BAR 0 ---- */

uint32_t launcher_block_read(struct launcher_device *dev, uint64_t offset, unsigned width);
void launcher_block_write(struct launcher_device *dev, uint64_t offset, unsigned width,
                          uint32_t value);

#endif
