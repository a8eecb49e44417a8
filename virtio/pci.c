/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Virtio over PCI (VIRTIO 1.4, 4.1), the modern interface: capabilities, the common configuration structure,
 * notifications. What the function says about itself is checked against its BARs in 64 bits.
 */
#include "virtio/pci.h"

#include <string.h>

#include "virtio/internal.h"

enum {
    PCI_VENDOR_ID = 0x00,
    PCI_DEVICE_ID = 0x02,
    PCI_COMMAND = 0x04,
    PCI_COMMAND_IO = 1,
    PCI_COMMAND_MEMORY = 2,
    PCI_COMMAND_MASTER = 4,
    PCI_COMMAND_INTX_DISABLE = 1024,
    PCI_STATUS = 0x06,
    PCI_STATUS_CAPABILITIES = 16,
    PCI_BAR0 = 0x10,
    PCI_SUBSYSTEM_ID = 0x2e,
    PCI_CAPABILITIES = 0x34,
    PCI_CAP_ID_VENDOR = 9,
    PCI_CAP_ID_MSIX = 0x11,
    PCI_MSIX_CONTROL = 2,
    PCI_MSIX_ENABLE = 0x8000,
    PCI_CONFIG_SIZE = 256,
    PCI_HEADER_SIZE = 64,
    PCI_CAPABILITY_HOPS = (PCI_CONFIG_SIZE - PCI_HEADER_SIZE) / 4,
};

static uint32_t config_read(const struct virtio_device *dev, unsigned offset, unsigned width)
{
    return dev->io->read(dev->io_ctx, VIRTIO_IO_PCI_CONFIG, offset, width);
}

static void config_write(const struct virtio_device *dev, unsigned offset, unsigned width,
                         uint32_t value)
{
    dev->io->write(dev->io_ctx, VIRTIO_IO_PCI_CONFIG, offset, width, value);
}

/* ---- Finding the structures (4.1.4) ---- */

/* Whether the structure of at least `least` bytes, aligned to `align`, that the capability at `cap` describes can be used. */
static bool usable(const struct virtio_device *dev, unsigned cap, uint64_t least, unsigned align,
                   struct virtio_window *window)
{
    uint32_t region = config_read(dev, cap + offsetof(struct virtio_pci_cap, bar), 1);
    uint64_t offset = config_read(dev, cap + offsetof(struct virtio_pci_cap, offset), 4);
    uint64_t length = config_read(dev, cap + offsetof(struct virtio_pci_cap, length), 4);
    uint64_t size;

    if (region >= VIRTIO_IO_REGIONS || length < least) /* DRV-PCI-13 */
        return false;
    size = dev->io->size(dev->io_ctx, region);
    if (offset > size || length > size - offset || offset % align != 0)
        return false;
    window->region = (uint8_t)region;
    window->offset = offset;
    window->length = length;
    return true;
}

/* The first usable capability of each type is taken (DRV-PCI-11). */
static void take(struct virtio_device *dev, unsigned cap)
{
    unsigned length = config_read(dev, cap + offsetof(struct virtio_pci_cap, cap_len), 1);
    unsigned type = config_read(dev, cap + offsetof(struct virtio_pci_cap, cfg_type), 1);

    if (length < sizeof(struct virtio_pci_cap) || length > PCI_CONFIG_SIZE - cap)
        return;
    switch (type) {
    case VIRTIO_PCI_CAP_COMMON_CFG:
        if (dev->common.length == 0)
            usable(dev, cap, VIRTIO_PCI_COMMON_CFG_MIN, 4, &dev->common);
        break;
    case VIRTIO_PCI_CAP_NOTIFY_CFG:
        if (dev->notify.length == 0 && length >= sizeof(struct virtio_pci_notify_cap) &&
            usable(dev, cap, sizeof(le16), 2, &dev->notify))
            dev->notify_multiplier = config_read(
                dev, cap + offsetof(struct virtio_pci_notify_cap, notify_off_multiplier), 4);
        break;
    case VIRTIO_PCI_CAP_DEVICE_CFG:
        if (dev->config.length == 0)
            usable(dev, cap, 1, 4, &dev->config);
        break;
    default: /* ISR is never read, and reserved types are skipped (DRV-PCI-10) */
        break;
    }
}

static void walk_capabilities(struct virtio_device *dev)
{
    unsigned cap;

    if ((config_read(dev, PCI_STATUS, 2) & PCI_STATUS_CAPABILITIES) == 0)
        return;
    cap = config_read(dev, PCI_CAPABILITIES, 1);
    for (unsigned hop = 0; hop < PCI_CAPABILITY_HOPS; hop++) {
        unsigned id;

        cap &= ~3u;
        if (cap < PCI_HEADER_SIZE)
            return;
        id = config_read(dev, cap, 1);
        /* A capability that would leave configuration space is no capability. */
        if (id == PCI_CAP_ID_VENDOR && cap <= PCI_CONFIG_SIZE - sizeof(struct virtio_pci_cap))
            take(dev, cap);
        else if (id == PCI_CAP_ID_MSIX && dev->pci_msix == 0)
            dev->pci_msix = (uint8_t)cap;
        cap = config_read(dev, cap + 1, 1);
    }
}

/* 4.1.2.1: the transitional ids that are assigned; others name the type in the subsystem id, as legacy did. */
static uint32_t type_of(const struct virtio_device *dev, uint32_t pci_device)
{
    switch (pci_device) {
    case 0x1000:
        return VIRTIO_ID_NET;
    case 0x1001:
        return VIRTIO_ID_BLOCK;
    case 0x1002:
        return VIRTIO_ID_BALLOON;
    case 0x1003:
        return VIRTIO_ID_CONSOLE;
    case 0x1004:
        return VIRTIO_ID_SCSI;
    case 0x1005:
        return VIRTIO_ID_ENTROPY;
    case 0x1009:
        return VIRTIO_ID_9P;
    default:
        if (pci_device >= VIRTIO_PCI_DEVICE_MODERN_FIRST)
            return pci_device - VIRTIO_PCI_DEVICE_MODERN_FIRST;
        return config_read(dev, PCI_SUBSYSTEM_ID, 2);
    }
}

int virtio_pci_init(struct virtio_device *dev, const char *name, const struct virtio_io *io,
                    void *io_ctx, const struct virtio_env *env)
{
    uint32_t pci_device, decode;

    memset(dev, 0, sizeof(*dev));
    dev->name = name;
    dev->io = io;
    dev->io_ctx = io_ctx;
    dev->env = env;
    pci_device = config_read(dev, PCI_DEVICE_ID, 2);
    if (config_read(dev, PCI_VENDOR_ID, 2) != VIRTIO_PCI_VENDOR ||
        pci_device < VIRTIO_PCI_DEVICE_FIRST || pci_device > VIRTIO_PCI_DEVICE_LAST)
        return -VIRTIO_E_NO_DEVICE;
    dev->id = type_of(dev, pci_device);
    walk_capabilities(dev);

    dev->transport = &virtio_pci_transport;
    dev->reachable = dev->common.length != 0;
    decode = PCI_COMMAND_MEMORY | PCI_COMMAND_IO;
    /* Modern whenever offered; only a transitional id may have a legacy block, in ports at BAR 0 (4.1.3.1). */
    if (!dev->reachable && pci_device < VIRTIO_PCI_DEVICE_MODERN_FIRST &&
        (config_read(dev, PCI_BAR0, 4) & 1) != 0 &&
        io->size(io_ctx, 0) >= VIRTIO_PCI_LEGACY_CONFIG) {
        dev->transport = &virtio_pci_legacy_transport;
        dev->legacy = true;
        dev->reachable = true;
    }
    dev->pci_command_found = (uint16_t)config_read(dev, PCI_COMMAND, 2);
    if (dev->reachable && (dev->pci_command_found & decode) != decode)
        config_write(dev, PCI_COMMAND, 2, dev->pci_command_found | decode);
    return 0;
}

/* ---- Memory access and interrupts, for modern and legacy alike ---- */

static void disable_msix(const struct virtio_device *dev)
{
    unsigned at = dev->pci_msix + PCI_MSIX_CONTROL;
    uint32_t control;

    if (dev->pci_msix == 0)
        return;
    control = config_read(dev, at, 2);
    if ((control & PCI_MSIX_ENABLE) != 0)
        config_write(dev, at, 2, control & ~(uint32_t)PCI_MSIX_ENABLE);
}

void virtio_pci_enable_dma(struct virtio_device *dev)
{
    disable_msix(dev);
    config_write(dev, PCI_COMMAND, 2,
                 config_read(dev, PCI_COMMAND, 2) | PCI_COMMAND_MASTER | PCI_COMMAND_INTX_DISABLE);
}

void virtio_pci_disable_dma(struct virtio_device *dev)
{
    uint32_t command = config_read(dev, PCI_COMMAND, 2);

    command &= ~(uint32_t)(PCI_COMMAND_MASTER | PCI_COMMAND_INTX_DISABLE);
    command |= dev->pci_command_found & (uint32_t)PCI_COMMAND_INTX_DISABLE;
    config_write(dev, PCI_COMMAND, 2, command);
    disable_msix(dev);
}

/* ---- The common configuration structure (4.1.4.3): field-wide accesses, 64 bits as two halves ---- */

#define COMMON(field) offsetof(struct virtio_pci_common_cfg, field)

static uint32_t common_read(const struct virtio_device *dev, size_t offset, unsigned width)
{
    return dev->io->read(dev->io_ctx, dev->common.region, dev->common.offset + offset, width);
}

static void common_write(const struct virtio_device *dev, size_t offset, unsigned width,
                         uint32_t value)
{
    dev->io->write(dev->io_ctx, dev->common.region, dev->common.offset + offset, width, value);
}

static uint8_t get_status(struct virtio_device *dev)
{
    return (uint8_t)common_read(dev, COMMON(device_status), 1);
}

static void set_status(struct virtio_device *dev, uint8_t status)
{
    common_write(dev, COMMON(device_status), 1, status);
}

static uint64_t get_features(struct virtio_device *dev)
{
    uint64_t features = 0;

    for (unsigned word = 0; word < 2; word++) {
        common_write(dev, COMMON(device_feature_select), 4, word);
        features |= (uint64_t)common_read(dev, COMMON(device_feature), 4) << (32 * word);
    }
    return features;
}

static void set_features(struct virtio_device *dev, uint64_t features)
{
    for (unsigned word = 0; word < 2; word++) {
        common_write(dev, COMMON(driver_feature_select), 4, word);
        common_write(dev, COMMON(driver_feature), 4, (uint32_t)(features >> (32 * word)));
    }
}

static uint32_t generation(struct virtio_device *dev)
{
    return common_read(dev, COMMON(config_generation), 1);
}

static void select_queue(const struct virtio_device *dev, uint16_t index)
{
    common_write(dev, COMMON(queue_select), 2, index);
}

static uint16_t queue_max(struct virtio_device *dev, uint16_t index)
{
    select_queue(dev, index);
    return (uint16_t)common_read(dev, COMMON(queue_size), 2);
}

static uint16_t queue_resize(struct virtio_device *dev, uint16_t index, uint16_t size)
{
    select_queue(dev, index);
    common_write(dev, COMMON(queue_size), 2, size);
    return (uint16_t)common_read(dev, COMMON(queue_size), 2);
}

static void write_address(const struct virtio_device *dev, size_t offset, uint64_t address)
{
    common_write(dev, offset, 4, (uint32_t)address);
    common_write(dev, offset + 4, 4, (uint32_t)(address >> 32));
}

static int queue_enable(struct virtio_device *dev, const struct virtio_queue_place *place,
                        struct virtio_notify *notify)
{
    uint64_t offset;

    select_queue(dev, place->index);
    /* The multiplier times a 16-bit number: 64 bits, and inside the capability (4.1.4.4). */
    offset = (uint64_t)common_read(dev, COMMON(queue_notify_off), 2) * dev->notify_multiplier;
    if (dev->notify.length < sizeof(le16) || offset > dev->notify.length - sizeof(le16) ||
        offset % 2 != 0) {
        virtio_log(dev, VIRTIO_LOG_ERROR,
                   "queue %u: notify address %llu is outside the %llu bytes of the capability",
                   (unsigned)place->index, (unsigned long long)offset,
                   (unsigned long long)dev->notify.length);
        return -VIRTIO_E_QUEUE;
    }
    notify->region = dev->notify.region;
    notify->offset = dev->notify.offset + offset;
    notify->value = place->index;
    notify->pointer = NULL;
    if (dev->io->pointer != NULL)
        notify->pointer = dev->io->pointer(dev->io_ctx, notify->region, notify->offset);

    common_write(dev, COMMON(queue_msix_vector), 2, VIRTIO_MSI_NO_VECTOR);
    write_address(dev, COMMON(queue_desc_lo), place->desc);
    write_address(dev, COMMON(queue_driver_lo), place->driver);
    write_address(dev, COMMON(queue_device_lo), place->device);
    common_write(dev, COMMON(queue_enable), 2, 1); /* last (DRV-PCI-21) */
    return 0;
}

const struct virtio_transport virtio_pci_transport = {
    .name = "pci",
    .get_status = get_status,
    .set_status = set_status,
    .get_features = get_features,
    .set_features = set_features,
    .generation = generation,
    .queue_max = queue_max,
    .queue_resize = queue_resize,
    .queue_enable = queue_enable,
    .enable_dma = virtio_pci_enable_dma,
    .disable_dma = virtio_pci_disable_dma,
};
