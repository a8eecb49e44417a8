/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A virtio function's PCI configuration space (VIRTIO 1.4, 4.1.2 to 4.1.4): the header, BARs that can be sized, and the
 * capability list, whole or damaged on purpose.
 */
#include <stdlib.h>
#include <string.h>

#include "launcher/model.h"
#include "launcher/pci.h"

enum {
    PCI_CAP_ID_POWER = 1,
    PCI_CAP_ID_VENDOR = 9,
    STATUS_INTERRUPT = 8,
    STATUS_CAPABILITIES = 0x10,
    CLASS_STORAGE_OTHER = 0x018000,
    CLASS_OTHER = 0xff0000,

    BAR_PORTS = 1,
    BAR_64_BITS = 4,
    BAR_PREFETCHABLE = 8,

    STRUCTURE_STRIDE = 0x1000, /* between the structures in BAR 4 */
};

/* ---- Bytes ---- */

static uint32_t get(const uint8_t *bytes, unsigned offset, unsigned width)
{
    uint32_t value = 0;

    for (unsigned i = 0; i < width; i++)
        value |= (uint32_t)bytes[offset + i] << (8 * i);
    return value;
}

static void put(uint8_t *bytes, unsigned offset, unsigned width, uint64_t value)
{
    for (unsigned i = 0; i < width; i++)
        bytes[offset + i] = (uint8_t)(value >> (8 * i));
}

uint32_t launcher_pci_get(const struct launcher_pci *pci, unsigned offset, unsigned width)
{
    return get(pci->config, offset, width);
}

void launcher_pci_put(struct launcher_pci *pci, unsigned offset, unsigned width, uint64_t value)
{
    put(pci->config, offset, width, value);
}

/* ---- Making it ---- */

static uint64_t round_up_to_power(uint64_t value)
{
    uint64_t power = 16;

    while (power < value)
        power <<= 1;
    return power;
}

/* As firmware leaves it: BARs assigned, nothing enabled. */
static void make_bar(struct launcher_pci *pci, unsigned bar, uint64_t size, unsigned flags)
{
    unsigned at = LAUNCHER_PCI_BAR + 4 * bar;
    bool wide = (flags & BAR_64_BITS) != 0;
    uint64_t address = (flags & BAR_PORTS) != 0 ? 0xc000 : 0x80000000 + bar * 0x08000000ull;

    size = round_up_to_power(size);
    pci->bar_size[bar] = size;
    put(pci->config, at, wide ? 8 : 4, address | flags);
    put(pci->writable, at, wide ? 8 : 4, ~(size - 1));
}

static void make_capability(struct launcher_pci *pci, unsigned at, unsigned next, unsigned type,
                            const struct launcher_pci_structure *structure)
{
    bool longer = type == VIRTIO_PCI_CAP_NOTIFY_CFG || type == VIRTIO_PCI_CAP_PCI_CFG;

    put(pci->config, at, 1, PCI_CAP_ID_VENDOR);
    put(pci->config, at + 1, 1, next);
    put(pci->config, at + 2, 1, longer ? 20 : 16);
    put(pci->config, at + 3, 1, type);
    put(pci->config, at + 4, 1, structure != NULL ? LAUNCHER_PCI_BAR_MODERN : 0);
    put(pci->config, at + 8, 4, structure != NULL ? structure->offset : 0);
    put(pci->config, at + 12, 4, structure != NULL ? structure->length : 0);
}

/* The driver writes the window's bar, offset, length and data (4.1.4.9). */
static void make_window(struct launcher_pci *pci)
{
    make_capability(pci, LAUNCHER_PCI_CAP_WINDOW, LAUNCHER_PCI_CAP_MSIX, VIRTIO_PCI_CAP_PCI_CFG,
                    NULL);
    pci->writable[LAUNCHER_PCI_CAP_WINDOW + 4] = 0xff;
    memset(&pci->writable[LAUNCHER_PCI_CAP_WINDOW + 8], 0xff, 8);
}

static void make_modern(struct launcher_device *dev, struct launcher_pci *pci)
{
    uint32_t multiplier = dev->personality->notify_multiplier;
    bool config = dev->config_length > 0;

    pci->common = (struct launcher_pci_structure){0, sizeof(struct virtio_pci_common_cfg)};
    pci->isr = (struct launcher_pci_structure){STRUCTURE_STRIDE, 1};
    pci->device = (struct launcher_pci_structure){2 * STRUCTURE_STRIDE, dev->config_length};
    pci->notify = (struct launcher_pci_structure){
        3 * STRUCTURE_STRIDE, 4 + (uint64_t)multiplier * (dev->queue_count - 1)};
    make_bar(pci, LAUNCHER_PCI_BAR_MODERN, pci->notify.offset + pci->notify.length,
             BAR_64_BITS | BAR_PREFETCHABLE);

    make_capability(pci, LAUNCHER_PCI_CAP_COMMON, LAUNCHER_PCI_CAP_NOTIFY,
                    VIRTIO_PCI_CAP_COMMON_CFG, &pci->common);
    make_capability(pci, LAUNCHER_PCI_CAP_NOTIFY, LAUNCHER_PCI_CAP_ISR, VIRTIO_PCI_CAP_NOTIFY_CFG,
                    &pci->notify);
    put(pci->config, LAUNCHER_PCI_CAP_NOTIFY + sizeof(struct virtio_pci_cap), 4, multiplier);
    make_capability(pci, LAUNCHER_PCI_CAP_ISR,
                    config ? LAUNCHER_PCI_CAP_DEVICE : LAUNCHER_PCI_CAP_WINDOW,
                    VIRTIO_PCI_CAP_ISR_CFG, &pci->isr);
    if (config)
        make_capability(pci, LAUNCHER_PCI_CAP_DEVICE, LAUNCHER_PCI_CAP_WINDOW,
                        VIRTIO_PCI_CAP_DEVICE_CFG, &pci->device);
    make_window(pci);
    if (dev->personality->dead_pci_cfg)
        memset(&pci->writable[LAUNCHER_PCI_CAP_WINDOW], 0, 20);
}

/* 4.1.2.1: a transitional function has an old id, revision 0 and the type in the subsystem id. */
static uint32_t old_id(uint32_t type)
{
    switch (type) {
    case VIRTIO_ID_BLOCK:
        return 0x1001;
    case VIRTIO_ID_BALLOON:
        return 0x1002;
    case VIRTIO_ID_CONSOLE:
        return 0x1003;
    case VIRTIO_ID_SCSI:
        return 0x1004;
    case VIRTIO_ID_ENTROPY:
        return 0x1005;
    case VIRTIO_ID_9P:
        return 0x1009;
    default:
        return 0x1000;
    }
}

static void make_header(struct launcher_device *dev, struct launcher_pci *pci, bool old)
{
    uint32_t type = dev->options.type;

    put(pci->config, LAUNCHER_PCI_VENDOR_ID, 2, VIRTIO_PCI_VENDOR);
    put(pci->config, LAUNCHER_PCI_DEVICE_ID, 2,
        old ? old_id(type) : VIRTIO_PCI_DEVICE_MODERN_FIRST + type);
    put(pci->config, LAUNCHER_PCI_STATUS, 2, STATUS_CAPABILITIES);
    put(pci->config, LAUNCHER_PCI_REVISION, 1, old ? 0 : 1);
    put(pci->config, LAUNCHER_PCI_REVISION + 1, 3,
        type == VIRTIO_ID_BLOCK ? CLASS_STORAGE_OTHER : CLASS_OTHER);
    put(pci->config, LAUNCHER_PCI_SUBSYSTEM_VENDOR, 2, VIRTIO_PCI_VENDOR);
    put(pci->config, LAUNCHER_PCI_SUBSYSTEM, 2, old ? type : 0x1100);
    put(pci->config, LAUNCHER_PCI_CAPABILITIES, 1, LAUNCHER_PCI_CAP_POWER);
    put(pci->config, LAUNCHER_PCI_INTERRUPT_LINE + 1, 1, 1); /* INTA */
    put(pci->writable, LAUNCHER_PCI_COMMAND, 2,
        LAUNCHER_PCI_COMMAND_IO | LAUNCHER_PCI_COMMAND_MEMORY | LAUNCHER_PCI_COMMAND_MASTER |
            LAUNCHER_PCI_COMMAND_INTX_DISABLE);
    put(pci->writable, LAUNCHER_PCI_INTERRUPT_LINE, 1, 0xff);
}

void launcher_pci_create(struct launcher_device *dev, bool modern, bool block)
{
    struct launcher_pci *pci = launcher_allocate(sizeof(*pci));

    dev->front_state = pci;
    pci->modern = modern;
    pci->block = block;
    pci->queue_vector_unread =
        launcher_allocate(dev->queue_count * sizeof(*pci->queue_vector_unread));
    make_header(dev, pci, block);
    put(pci->config, LAUNCHER_PCI_CAP_POWER, 1, PCI_CAP_ID_POWER);
    put(pci->config, LAUNCHER_PCI_CAP_POWER + 1, 1,
        modern ? LAUNCHER_PCI_CAP_COMMON : LAUNCHER_PCI_CAP_MSIX);
    put(pci->config, LAUNCHER_PCI_CAP_POWER + 2, 2, 3); /* version 3, D0 alone */
    if (block)
        make_bar(pci, LAUNCHER_PCI_BAR_BLOCK, VIRTIO_PCI_LEGACY_CONFIG + 4 + dev->config_length,
                 BAR_PORTS);
    launcher_msix_create(dev);
    make_bar(pci, LAUNCHER_PCI_BAR_MSIX, launcher_msix_bytes(pci), 0);
    if (modern)
        make_modern(dev, pci);
}

void launcher_pci_destroy(struct launcher_device *dev)
{
    struct launcher_pci *pci = launcher_pci_of(dev);

    if (pci == NULL)
        return;
    launcher_msix_destroy(dev);
    free(pci->queue_vector_unread);
    free(pci);
}

/* ---- Damage on purpose ---- */

/* What each kind of damage writes over the list as the driver reads it. */
static const struct damage {
    uint8_t offset, width;
    uint32_t value;
} damages[] = {
    {0, 0, 0},                                                  /* none */
    {LAUNCHER_PCI_CAP_MSIX + 1, 1, LAUNCHER_PCI_CAP_POWER},     /* loops */
    {LAUNCHER_PCI_CAP_NOTIFY + 1, 1, LAUNCHER_PCI_CAP_NOTIFY},  /* points at itself */
    {LAUNCHER_PCI_CAP_COMMON + 1, 1, LAUNCHER_PCI_BAR},         /* into the header */
    {LAUNCHER_PCI_CAP_ISR + 1, 1, 0xfc},                        /* to the very end */
    {LAUNCHER_PCI_CAP_COMMON + 2, 1, 0},                        /* cap_len 0 */
    {LAUNCHER_PCI_CAP_NOTIFY + 2, 1, 0xff},                     /* cap_len beyond 256 */
    {LAUNCHER_PCI_CAP_COMMON + 3, 1, 0x77},                     /* cfg_type reserved */
    {LAUNCHER_PCI_CAP_NOTIFY + 4, 1, 7},                        /* BAR reserved */
    {LAUNCHER_PCI_CAP_COMMON + 4, 1, 2},                        /* BAR absent */
    {LAUNCHER_PCI_CAP_COMMON + 8, 4, 0xfffff000},               /* offset wild */
    {LAUNCHER_PCI_CAP_DEVICE + 8, 4, 0xfffffff0},               /* its end wraps */
    {LAUNCHER_PCI_CAP_COMMON + 12, 4, 0xffffffff},              /* length huge */
    {LAUNCHER_PCI_CAP_NOTIFY + 12, 4, 0},                       /* length 0 */
    {LAUNCHER_PCI_CAP_NOTIFY + 16, 4, 0xffffffff},              /* multiplier huge */
    {LAUNCHER_PCI_CAPABILITIES, 1, LAUNCHER_PCI_CAP_POWER + 3}, /* low bits set */
    {LAUNCHER_PCI_CAPABILITIES, 1, 0},                          /* no list */
};

/* Each walk of the list begins with its pointer: there it is damaged, or whole again. */
static void choose_damage(struct launcher_device *dev)
{
    struct launcher_pci *pci = launcher_pci_of(dev);
    const unsigned kinds = sizeof(damages) / sizeof(damages[0]);
    uint64_t value;

    pci->damage = 0;
    if (!launcher_fault(dev, LAUNCHER_FAULT_CAPABILITIES))
        return;
    value = launcher_fault_value(dev, LAUNCHER_FAULT_CAPABILITIES);
    pci->damage = value < kinds && value != 0 ? (unsigned)value
                                              : 1 + (unsigned)launcher_random(dev, kinds - 1);
}

/* ---- Accesses ---- */

static struct launcher_access observed(uint64_t offset, unsigned width, bool write, uint32_t value)
{
    bool command = offset == LAUNCHER_PCI_COMMAND;

    return (struct launcher_access){
        .reg = command ? LAUNCHER_REG_PCI_COMMAND : LAUNCHER_REG_PCI_CONFIG,
        .write = write,
        .readable = true,
        .writable = true,
        .width = (uint8_t)width,
        .region = LAUNCHER_PCI_CONFIG,
        .offset = offset,
        .value = value,
    };
}

static bool in_config(uint64_t offset, unsigned width)
{
    return (width == 1 || width == 2 || width == 4) && offset % width == 0 &&
           offset <= LAUNCHER_PCI_CONFIG_SIZE - width;
}

/* Whether that is pci_cfg_data; an owner may have put something else in the place of its capability. */
static bool in_window_data(const struct launcher_pci *pci, uint64_t offset)
{
    return pci->config[LAUNCHER_PCI_CAP_WINDOW] == PCI_CAP_ID_VENDOR &&
           pci->config[LAUNCHER_PCI_CAP_WINDOW + 3] == VIRTIO_PCI_CAP_PCI_CFG &&
           offset >= LAUNCHER_PCI_CAP_WINDOW + sizeof(struct virtio_pci_cap) &&
           offset < LAUNCHER_PCI_CAP_WINDOW + sizeof(struct virtio_pci_cap) + 4;
}

static uint32_t read_config(struct launcher_device *dev, unsigned offset, unsigned width)
{
    struct launcher_pci *pci = launcher_pci_of(dev);
    uint8_t seen[LAUNCHER_PCI_CONFIG_SIZE];
    const struct damage *damage;

    if (offset <= LAUNCHER_PCI_CAPABILITIES && offset + width > LAUNCHER_PCI_CAPABILITIES) {
        pci->list_read = true;
        choose_damage(dev);
    }
    if (in_window_data(pci, offset))
        return launcher_window_read(dev, offset, width);
    memcpy(seen, pci->config, sizeof(seen));
    if (dev->isr != 0 && !launcher_msix_enabled(dev))
        seen[LAUNCHER_PCI_STATUS] |= STATUS_INTERRUPT;
    damage = &damages[pci->damage];
    put(seen, damage->offset, damage->width, damage->value);
    return get(seen, offset, width);
}

uint32_t launcher_pci_config_read(struct launcher_device *dev, uint64_t offset, unsigned width)
{
    struct launcher_access access = observed(offset, width, false, UINT32_MAX);

    if (in_config(offset, width))
        access.value = read_config(dev, (unsigned)offset, width);
    launcher_observe(dev, &access);
    return access.value;
}

/* Whether these bytes touch a virtio structure capability other than the window: DRV-PCI-17. */
static bool touches_capability(const struct launcher_pci *pci, uint64_t offset, unsigned width)
{
    static const uint8_t places[][2] = {{LAUNCHER_PCI_CAP_COMMON, 16},
                                        {LAUNCHER_PCI_CAP_NOTIFY, 20},
                                        {LAUNCHER_PCI_CAP_ISR, 16},
                                        {LAUNCHER_PCI_CAP_DEVICE, 16}};

    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]) && pci->modern; i++)
        if (offset < (uint64_t)places[i][0] + places[i][1] && offset + width > places[i][0])
            return true;
    return false;
}

void launcher_pci_config_write(struct launcher_device *dev, uint64_t offset, unsigned width,
                               uint32_t value)
{
    struct launcher_pci *pci = launcher_pci_of(dev);
    struct launcher_access access = observed(offset, width, true, value);

    launcher_observe(dev, &access);
    LAUNCHER_JUDGE(&dev->referee, "DRV-PCI-17", !touches_capability(pci, offset, width),
                   "%u bytes written at 0x%llx of configuration space, into a capability that "
                   "describes a structure: only the PCI_CFG capability may be written",
                   width, (unsigned long long)offset);
    if (!in_config(offset, width))
        return;
    if (in_window_data(pci, offset)) {
        launcher_window_write(dev, (unsigned)offset, width, value);
        return;
    }
    for (unsigned i = 0; i < width; i++) {
        uint8_t *byte = &pci->config[offset + i];
        uint8_t mask = pci->writable[offset + i];

        *byte = (uint8_t)((*byte & ~mask) | ((value >> (8 * i)) & mask));
    }
    if (offset + width > LAUNCHER_PCI_CAP_MSIX && offset < LAUNCHER_PCI_CAP_MSIX + 4)
        launcher_msix_unmasked(dev);
}
