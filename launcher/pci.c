/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Virtio over PCI (VIRTIO 1.4, 4.1): the structures in BAR 4 that the capabilities describe, and, if the function is
 * transitional, the legacy block in BAR 0.
 */
#include "launcher/pci.h"

#include <string.h>

#include "launcher/model.h"

/* ---- What is decoded (PCI Local Bus 3.0, 6.2.2) ---- */

uint64_t launcher_pci_size(const struct launcher_device *dev, unsigned region)
{
    if (region == LAUNCHER_PCI_CONFIG)
        return LAUNCHER_PCI_CONFIG_SIZE;
    return region < LAUNCHER_PCI_BARS ? launcher_pci_of(dev)->bar_size[region] : 0;
}

bool launcher_pci_ports(const struct launcher_device *dev, unsigned region)
{
    return region == LAUNCHER_PCI_BAR_BLOCK && launcher_pci_of(dev)->block;
}

bool launcher_pci_can_dma(const struct launcher_device *dev)
{
    return (launcher_pci_get(launcher_pci_of(dev), LAUNCHER_PCI_COMMAND, 2) &
            LAUNCHER_PCI_COMMAND_MASTER) != 0;
}

static bool decoded(struct launcher_device *dev, unsigned region, uint64_t offset)
{
    unsigned needed =
        launcher_pci_ports(dev, region) ? LAUNCHER_PCI_COMMAND_IO : LAUNCHER_PCI_COMMAND_MEMORY;

    if ((launcher_pci_get(launcher_pci_of(dev), LAUNCHER_PCI_COMMAND, 2) & needed) != 0)
        return true;
    launcher_history_note(&dev->history,
                          "nothing answers at 0x%llx of BAR %u: the command register has it off",
                          (unsigned long long)offset, region);
    return false;
}

/* ---- The structures ---- */

static bool inside(const struct launcher_pci_structure *structure, uint64_t offset)
{
    return offset >= structure->offset && offset - structure->offset < structure->length;
}

/* reg NONE: there is no structure. */
static struct launcher_access translate(const struct launcher_device *dev, uint64_t offset,
                                        unsigned width)
{
    const struct launcher_pci *pci = launcher_pci_of(dev);
    struct launcher_access access = {.reg = LAUNCHER_REG_NONE, .width = (uint8_t)width};

    if (inside(&pci->common, offset))
        return launcher_decode_common(offset - pci->common.offset, width);
    if (inside(&pci->device, offset))
        return launcher_decode_config(dev->model->fields, offset - pci->device.offset, width);
    access.offset = offset;
    if (inside(&pci->isr, offset)) {
        access.reg = LAUNCHER_REG_ISR;
        access.readable = true;
        access.natural = 1;
    } else if (inside(&pci->notify, offset)) {
        access.reg = LAUNCHER_REG_NOTIFY;
        access.offset = offset - pci->notify.offset;
        access.writable = true;
    }
    return access;
}

/* ---- Rules that take more than the access itself ---- */

static void judge_vector_write(struct launcher_device *dev, const struct launcher_access *access,
                               bool *unread)
{
    const struct launcher_pci *pci = launcher_pci_of(dev);

    LAUNCHER_JUDGE(&dev->referee, "DRV-PCI-40",
                   access->value == VIRTIO_MSI_NO_VECTOR || access->value < pci->vectors,
                   "vector %u written to %s: the MSI-X table has %u", access->value,
                   launcher_register_name(access->reg), pci->vectors);
    *unread = access->value != VIRTIO_MSI_NO_VECTOR;
}

/* Before DRIVER_OK each mapping has to be known to have worked. */
static void judge_vectors(struct launcher_device *dev)
{
    const struct launcher_pci *pci = launcher_pci_of(dev);
    bool any = pci->config_vector_unread;

    for (unsigned i = 0; i < dev->queue_count; i++)
        any |= pci->queue_vector_unread[i];
    LAUNCHER_JUDGE(&dev->referee, "DRV-PCI-41", !any,
                   "DRIVER_OK while a vector was written and not read back: the mapping may have "
                   "failed, and then reads as 0xffff");
}

static void judge_notify_address(struct launcher_device *dev, const struct launcher_access *access)
{
    uint64_t multiplier = dev->personality->notify_multiplier;
    bool any = false;

    /* Which queue is meant is the value's to say, and judged there; here, some queue must have this address. */
    for (unsigned i = 0; i < dev->queue_count; i++) {
        bool named = launcher_accepted(dev, VIRTIO_F_NOTIF_CONFIG_DATA)
                         ? dev->queues[i].notif_config_data == (uint16_t)access->value
                         : i == (uint16_t)access->value;

        any |= named && access->offset == dev->queues[i].notify_off * multiplier;
    }
    LAUNCHER_JUDGE(&dev->referee, "IMP-PCI-09", any,
                   "notification with value 0x%x at %llu of the notify structure: not that queue's "
                   "queue_notify_off times the multiplier %llu",
                   access->value, (unsigned long long)access->offset,
                   (unsigned long long)multiplier);
}

static void judge_common(struct launcher_device *dev, const struct launcher_access *access)
{
    struct launcher_pci *pci = launcher_pci_of(dev);
    bool *queue_unread =
        dev->queue_select < dev->queue_count ? &pci->queue_vector_unread[dev->queue_select] : NULL;

    switch (access->reg) {
    case LAUNCHER_REG_CONFIG_VECTOR:
        if (access->write)
            judge_vector_write(dev, access, &pci->config_vector_unread);
        else
            pci->config_vector_unread = false;
        break;
    case LAUNCHER_REG_QUEUE_VECTOR:
        if (queue_unread != NULL && access->write)
            judge_vector_write(dev, access, queue_unread);
        else if (queue_unread != NULL)
            *queue_unread = false;
        break;
    case LAUNCHER_REG_STATUS:
        if (access->write && (access->value & ~dev->status & VIRTIO_STATUS_DRIVER_OK) != 0)
            judge_vectors(dev);
        break;
    case LAUNCHER_REG_NOTIFY:
        if (access->write)
            judge_notify_address(dev, access);
        break;
    case LAUNCHER_REG_ISR:
        LAUNCHER_JUDGE(&dev->referee, "DRV-PCI-29",
                       !(launcher_msix_enabled(dev) && (dev->isr & VIRTIO_ISR_QUEUE) != 0),
                       "ISR status read for a queue's interrupt although MSI-X is enabled");
        break;
    default:
        break;
    }
}

/* A vector that does not exist is not mapped, which reading it back shows (4.1.5.1.2.1). */
static uint32_t refuse_vector(const struct launcher_device *dev,
                              const struct launcher_access *access)
{
    bool vector =
        access->reg == LAUNCHER_REG_CONFIG_VECTOR || access->reg == LAUNCHER_REG_QUEUE_VECTOR;

    return vector && access->value >= launcher_pci_of(dev)->vectors ? VIRTIO_MSI_NO_VECTOR
                                                                    : access->value;
}

/* ---- Accesses of BARs ---- */

/* A function that has nothing but the block is used through the block (MSI-X apart). */
static void judge_bar(struct launcher_device *dev, unsigned region)
{
    if (!launcher_pci_of(dev)->modern)
        LAUNCHER_JUDGE(&dev->referee, "DRV-PCILEG-01",
                       region == LAUNCHER_PCI_BAR_BLOCK || region == LAUNCHER_PCI_BAR_MSIX,
                       "BAR %u accessed: the legacy register block is in BAR 0", region);
}

/* 4.1.3.1: whoever uses the structures has looked for them. */
static void judge_search(struct launcher_device *dev)
{
    LAUNCHER_JUDGE(&dev->referee, "DRV-PCI-35", launcher_pci_of(dev)->list_read,
                   "BAR 4 accessed before the capability list was read: where the structures are "
                   "is said there alone");
}

uint32_t launcher_pci_bar_read(struct launcher_device *dev, unsigned region, uint64_t offset,
                               unsigned width)
{
    struct launcher_access access;

    judge_bar(dev, region);
    if (region >= LAUNCHER_PCI_BARS || offset >= launcher_pci_size(dev, region) ||
        width > launcher_pci_size(dev, region) - offset)
        return UINT32_MAX;
    if (launcher_pci_ports(dev, region))
        return launcher_block_read(dev, offset, width);
    if (region == LAUNCHER_PCI_BAR_MSIX)
        return launcher_msix_read(dev, offset, width);
    access = translate(dev, offset, width);
    access.region = region;
    (void)launcher_carry_out(dev, &access);
    judge_search(dev);
    judge_common(dev, &access);
    if (access.reg == LAUNCHER_REG_ISR) /* reading it clears it (4.1.4.5) */
        dev->isr = 0;
    return access.value;
}

void launcher_pci_bar_write(struct launcher_device *dev, unsigned region, uint64_t offset,
                            unsigned width, uint32_t value)
{
    struct launcher_access access;

    judge_bar(dev, region);
    if (region >= LAUNCHER_PCI_BARS || offset >= launcher_pci_size(dev, region) ||
        width > launcher_pci_size(dev, region) - offset)
        return;
    if (launcher_pci_ports(dev, region)) {
        launcher_block_write(dev, offset, width, value);
        return;
    }
    if (region == LAUNCHER_PCI_BAR_MSIX) {
        launcher_msix_write(dev, offset, width, value);
        return;
    }
    access = translate(dev, offset, width);
    access.region = region;
    access.write = true;
    access.value = value;
    launcher_observe(dev, &access);
    judge_search(dev);
    judge_common(dev, &access);
    access.value = refuse_vector(dev, &access);
    (void)launcher_perform(dev, &access);
}

uint32_t launcher_pci_read(struct launcher_device *dev, unsigned region, uint64_t offset,
                           unsigned width)
{
    if (region == LAUNCHER_PCI_CONFIG)
        return launcher_pci_config_read(dev, offset, width);
    return decoded(dev, region, offset) ? launcher_pci_bar_read(dev, region, offset, width)
                                        : UINT32_MAX;
}

void launcher_pci_write(struct launcher_device *dev, unsigned region, uint64_t offset,
                        unsigned width, uint32_t value)
{
    if (region == LAUNCHER_PCI_CONFIG)
        launcher_pci_config_write(dev, offset, width, value);
    else if (decoded(dev, region, offset))
        launcher_pci_bar_write(dev, region, offset, width, value);
}

/* ---- The front end ---- */

static void create(struct launcher_device *dev)
{
    launcher_pci_create(dev, true, dev->options.front == LAUNCHER_PCI_TRANSITIONAL);
}

static void reset(struct launcher_device *dev)
{
    struct launcher_pci *pci = launcher_pci_of(dev);

    pci->config_vector_unread = false;
    memset(pci->queue_vector_unread, 0, dev->queue_count * sizeof(*pci->queue_vector_unread));
}

const struct launcher_front launcher_front_pci = {
    .name = "pci",
    .create = create,
    .destroy = launcher_pci_destroy,
    .reset = reset,
    .read = launcher_pci_read,
    .write = launcher_pci_write,
    .size = launcher_pci_size,
    .ports = launcher_pci_ports,
    .interrupt = launcher_pci_interrupt,
    .can_dma = launcher_pci_can_dma,
};
