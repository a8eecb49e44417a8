/* SPDX-License-Identifier: BSD-2-Clause */
/* Virtio over MMIO, version 2 (VIRTIO 1.4, 4.2.2): one block of 32-bit registers, and the configuration behind them. */
#include "launcher/mmio.h"

#include <stdlib.h>

#include "launcher/model.h"

enum {
    VERSION_LEGACY = 1,
    VERSION_MODERN = 2,
    VENDOR = 0x746c6173, /* "salt", little-endian: no vendor at all */
};

void launcher_mmio_create(struct launcher_device *dev)
{
    struct launcher_mmio *mmio = launcher_allocate(sizeof(*mmio));

    dev->front_state = mmio;
    mmio->magic = VIRTIO_MMIO_MAGIC;
    mmio->version = dev->front->legacy ? VERSION_LEGACY : VERSION_MODERN;
    mmio->device_id = dev->options.type;
    mmio->vendor_id = VENDOR;
}

void launcher_mmio_destroy(struct launcher_device *dev)
{
    free(dev->front_state);
}

uint64_t launcher_mmio_size(const struct launcher_device *dev, unsigned region)
{
    return region == 0 ? VIRTIO_MMIO_CONFIG + (dev->config_length + 0xff) / 0x100 * 0x100 : 0;
}

struct launcher_access launcher_mmio_translate(const struct launcher_device *dev, unsigned region,
                                               uint64_t offset, unsigned width)
{
    struct launcher_access access = {.offset = offset, .width = (uint8_t)width, .region = region};

    if (region != 0)
        return access;
    if (offset < VIRTIO_MMIO_CONFIG)
        access = launcher_decode_mmio(offset, width, dev->front->legacy);
    else if (width <= dev->config_length &&
             offset - VIRTIO_MMIO_CONFIG <= dev->config_length - width)
        access = launcher_decode_config(dev->model->fields, offset - VIRTIO_MMIO_CONFIG, width);
    return access;
}

/* What only this transport has; false: the core knows the register. */
static bool read_own(const struct launcher_device *dev, const struct launcher_access *access,
                     uint32_t *value)
{
    const struct launcher_mmio *mmio = launcher_mmio_of(dev);

    switch (access->reg) {
    case LAUNCHER_REG_MAGIC:
        *value = mmio->magic;
        return true;
    case LAUNCHER_REG_VERSION:
        *value = mmio->version;
        return true;
    case LAUNCHER_REG_DEVICE_ID:
        *value = mmio->device_id;
        return true;
    case LAUNCHER_REG_VENDOR_ID:
        *value = mmio->vendor_id;
        return true;
    case LAUNCHER_REG_SHM: /* there is no shared memory: length -1 */
        *value = access->readable ? UINT32_MAX : 0;
        return true;
    default:
        return false;
    }
}

/* ---- Interrupts: what is acknowledged was seen (4.2.2.2, 4.2.3.4) ---- */

static void see_causes(struct launcher_device *dev, uint32_t causes)
{
    launcher_mmio_of(dev)->causes |= causes;
    launcher_mmio_of(dev)->causes_read = true;
}

void launcher_mmio_judge_ack(struct launcher_device *dev, const struct launcher_access *access)
{
    struct launcher_mmio *mmio = launcher_mmio_of(dev);

    if (access->reg != LAUNCHER_REG_INTERRUPT_ACK)
        return;
    LAUNCHER_JUDGE(&dev->referee, "DRV-MMIO-32", mmio->causes_read,
                   "InterruptACK becomes 0x%x, and InterruptStatus was not read before",
                   access->value);
    if (mmio->causes_read) {
        LAUNCHER_JUDGE(&dev->referee, "DRV-MMIO-34", (access->value & ~mmio->causes) == 0,
                       "InterruptACK becomes 0x%x, and InterruptStatus showed 0x%x only",
                       access->value, mmio->causes);
        LAUNCHER_JUDGE(&dev->referee, "DRV-MMIO-21", access->value != 0 || mmio->causes == 0,
                       "InterruptACK becomes 0, and InterruptStatus showed 0x%x", mmio->causes);
    }
    mmio->causes = 0;
    mmio->causes_read = false;
}

/* ---- Accesses ---- */

uint32_t launcher_mmio_read(struct launcher_device *dev, unsigned region, uint64_t offset,
                            unsigned width)
{
    struct launcher_access access = launcher_mmio_translate(dev, region, offset, width);

    if (read_own(dev, &access, &access.value))
        launcher_observe(dev, &access);
    else
        (void)launcher_carry_out(dev, &access);
    if (access.reg == LAUNCHER_REG_ISR)
        see_causes(dev, access.value);
    return access.value;
}

/* 4.2.3.2: QueueReady written 0 stops the queue, which PCI does not know. */
static bool stops_queue(const struct launcher_access *access)
{
    return access->reg == LAUNCHER_REG_QUEUE_ENABLE && access->value == 0 && access->width == 4 &&
           access->skip == 0;
}

static void mmio_write(struct launcher_device *dev, unsigned region, uint64_t offset,
                       unsigned width, uint32_t value)
{
    struct launcher_access access = launcher_mmio_translate(dev, region, offset, width);
    struct launcher_queue *queue = launcher_queue(dev, dev->queue_select);

    access.write = true;
    access.value = value;
    launcher_observe(dev, &access);
    launcher_mmio_judge_ack(dev, &access);
    (void)launcher_perform(dev, &access);
    if (stops_queue(&access) && queue != NULL)
        launcher_queue_stop(dev, queue);
}

const struct launcher_front launcher_front_mmio = {
    .name = "mmio",
    .create = launcher_mmio_create,
    .destroy = launcher_mmio_destroy,
    .read = launcher_mmio_read,
    .write = mmio_write,
    .size = launcher_mmio_size,
};
