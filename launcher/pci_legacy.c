/* SPDX-License-Identifier: BSD-2-Clause */
/* The legacy register block in I/O ports at BAR 0 (VIRTIO 1.4, 4.1.4.10), alone or beside the modern structures. */
#include "launcher/model.h"
#include "launcher/pci.h"

static uint64_t round_up(uint64_t value, uint64_t align)
{
    return (value + align - 1) / align * align;
}

void launcher_place_legacy_queue(struct launcher_device *dev, struct launcher_queue *queue,
                                 uint64_t address, uint64_t align)
{
    const uint64_t avail = sizeof(struct virtq_avail) + 2ull * queue->size + 2; /* used_event */

    queue->desc = address;
    queue->driver = address + sizeof(struct virtq_desc) * (uint64_t)queue->size;
    queue->device = round_up(queue->driver + avail, align != 0 ? align : 1);
    launcher_queue_enable(dev, queue);
}

/* Where the device configuration begins: behind a header that grows with MSI-X. */
static uint64_t config_at(const struct launcher_device *dev)
{
    return VIRTIO_PCI_LEGACY_CONFIG + (launcher_msix_enabled(dev) ? 4 : 0);
}

static struct launcher_access translate(const struct launcher_device *dev, uint64_t offset,
                                        unsigned width)
{
    uint64_t config = config_at(dev);
    struct launcher_access access;

    if (offset >= config) {
        access = launcher_decode_config(dev->model->fields, offset - config, width);
        access.natural = 0; /* any width will do (DRV-PCILEG-02) */
        return access;
    }
    return launcher_decode_pci_legacy(offset, width, launcher_msix_enabled(dev));
}

/* ---- Rules that take more than the access itself ---- */

/* A driver that has the wrong length of the header gets beyond the configuration's end. */
static void judge_config(struct launcher_device *dev, const struct launcher_access *access)
{
    bool inside =
        access->width <= dev->config_length && access->offset <= dev->config_length - access->width;

    if (access->reg != LAUNCHER_REG_CONFIG)
        return;
    LAUNCHER_JUDGE(&dev->referee, "DRV-PCILEG-03", inside,
                   "%u bytes at %llu of the device configuration, which has %zu and begins at %llu "
                   "of the block",
                   access->width, (unsigned long long)access->offset, dev->config_length,
                   (unsigned long long)config_at(dev));
    if (!launcher_msix_enabled(dev))
        LAUNCHER_JUDGE(&dev->referee, "IMP-PCILEG-03", inside,
                       "%u bytes at %llu of the device configuration, which has %zu and begins at "
                       "20 of the block while MSI-X is off",
                       access->width, (unsigned long long)access->offset, dev->config_length);
}

/* Initialization begins: the list was searched for the modern interface first. */
static void judge_search(struct launcher_device *dev, const struct launcher_access *access)
{
    if (access->reg == LAUNCHER_REG_STATUS && access->write && access->value != 0 &&
        dev->status == 0)
        LAUNCHER_JUDGE(&dev->referee, "DRV-PCILEG-04", launcher_pci_of(dev)->list_read,
                       "initialization begins through the legacy block, and the capability list "
                       "was not looked at");
}

static bool reachable(const struct launcher_device *dev, uint64_t address)
{
    const struct launcher_memory *memory = &dev->options.memory;
    uint8_t byte;

    return memory->read != NULL && memory->read(memory->ctx, address, &byte, sizeof(byte));
}

/* Bus mastering may still be off: memory is looked at past it. */
static void judge_place(struct launcher_device *dev, const struct launcher_queue *queue)
{
    uint64_t end = queue->device + sizeof(struct virtq_used) +
                   sizeof(struct virtq_used_elem) * (uint64_t)queue->size + 2; /* avail_event */

    LAUNCHER_JUDGE(
        &dev->referee, "IMP-PCILEG-08", reachable(dev, queue->desc) && reachable(dev, end - 1),
        "Queue Address 0x%x of queue %u puts it at 0x%llx to 0x%llx, where no memory is: "
        "it counts pages of 4096 bytes",
        queue->pfn, queue->index, (unsigned long long)queue->desc, (unsigned long long)end);
}

/* ---- Accesses ---- */

/* A page number is the queue's place, and enables it; 0 ends its use. */
static void write_pfn(struct launcher_device *dev, uint32_t pfn)
{
    struct launcher_queue *queue = launcher_queue(dev, dev->queue_select);

    if (queue == NULL)
        return;
    if (pfn == 0) {
        launcher_queue_stop(dev, queue);
        return;
    }
    if (queue->enabled)
        return;
    queue->pfn = pfn;
    launcher_place_legacy_queue(dev, queue, (uint64_t)pfn * VIRTQ_LEGACY_ALIGN, VIRTQ_LEGACY_ALIGN);
    judge_place(dev, queue);
}

/* There are no windows of features: word 0 is all there is. */
static void select_word(struct launcher_device *dev)
{
    dev->offered_select = dev->accepted_select = 0;
}

uint32_t launcher_block_read(struct launcher_device *dev, uint64_t offset, unsigned width)
{
    struct launcher_access access = translate(dev, offset, width);
    bool was = dev->legacy;

    access.region = LAUNCHER_PCI_BAR_BLOCK;
    dev->legacy = true;
    select_word(dev);
    (void)launcher_carry_out(dev, &access);
    judge_config(dev, &access);
    if (access.reg == LAUNCHER_REG_ISR)
        dev->isr = 0;
    if (!was) /* what a driver reads does not tell which interface it is going to use */
        dev->legacy = false;
    return access.value;
}

void launcher_block_write(struct launcher_device *dev, uint64_t offset, unsigned width,
                          uint32_t value)
{
    struct launcher_access access = translate(dev, offset, width);

    access.region = LAUNCHER_PCI_BAR_BLOCK;
    access.write = true;
    access.value = value;
    dev->legacy = true; /* until a reset */
    select_word(dev);
    launcher_observe(dev, &access);
    judge_config(dev, &access);
    judge_search(dev, &access);
    if (access.reg == LAUNCHER_REG_QUEUE_PFN && access.width == access.natural && access.skip == 0)
        write_pfn(dev, value);
    else
        (void)launcher_perform(dev, &access);
}

static void create(struct launcher_device *dev)
{
    launcher_pci_create(dev, false, true);
}

const struct launcher_front launcher_front_pci_legacy = {
    .name = "pci-legacy",
    .create = create,
    .destroy = launcher_pci_destroy,
    .read = launcher_pci_read,
    .write = launcher_pci_write,
    .size = launcher_pci_size,
    .ports = launcher_pci_ports,
    .interrupt = launcher_pci_interrupt,
    .can_dma = launcher_pci_can_dma,
    .legacy = true,
};
