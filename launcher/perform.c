/* SPDX-License-Identifier: BSD-2-Clause */
/* What a register access does to the device, the same on every transport. */
#include "launcher/device.h"
#include "launcher/front.h"

static uint32_t low(uint64_t value)
{
    return (uint32_t)value;
}

static uint32_t high(uint64_t value)
{
    return (uint32_t)(value >> 32);
}

static uint64_t with_low(uint64_t old, uint32_t value)
{
    return (old & ~0xffffffffull) | value;
}

static uint64_t with_high(uint64_t old, uint32_t value)
{
    return (old & 0xffffffff) | (uint64_t)value << 32;
}

/* ---- Reads ---- */

static uint32_t read_queue(const struct launcher_device *dev, struct launcher_queue *queue,
                           enum launcher_register reg)
{
    switch (reg) {
    case LAUNCHER_REG_QUEUE_MAX:
        return queue->max;
    case LAUNCHER_REG_QUEUE_SIZE:
        return queue->size;
    case LAUNCHER_REG_QUEUE_VECTOR:
        return queue->vector;
    case LAUNCHER_REG_QUEUE_ENABLE:
        return queue->enabled;
    case LAUNCHER_REG_QUEUE_NOTIFY_OFF:
        return queue->notify_off;
    case LAUNCHER_REG_QUEUE_NOTIF_DATA:
        return launcher_accepted(dev, VIRTIO_F_NOTIF_CONFIG_DATA) ? queue->notif_config_data : 0;
    case LAUNCHER_REG_QUEUE_RESET:
        return launcher_queue_resetting(queue);
    case LAUNCHER_REG_QUEUE_DESC_LO:
        return low(queue->desc);
    case LAUNCHER_REG_QUEUE_DESC_HI:
        return high(queue->desc);
    case LAUNCHER_REG_QUEUE_DRIVER_LO:
        return low(queue->driver);
    case LAUNCHER_REG_QUEUE_DRIVER_HI:
        return high(queue->driver);
    case LAUNCHER_REG_QUEUE_DEVICE_LO:
        return low(queue->device);
    case LAUNCHER_REG_QUEUE_DEVICE_HI:
        return high(queue->device);
    case LAUNCHER_REG_QUEUE_PFN:
        return queue->pfn;
    case LAUNCHER_REG_QUEUE_ALIGN:
        return queue->align;
    default:
        return 0;
    }
}

static uint32_t read_register(struct launcher_device *dev, const struct launcher_access *access)
{
    struct launcher_queue *queue = launcher_queue(dev, dev->queue_select);

    switch (access->reg) {
    case LAUNCHER_REG_STATUS:
        return launcher_get_status(dev);
    case LAUNCHER_REG_DEVICE_FEATURE_SELECT:
        return dev->offered_select;
    case LAUNCHER_REG_DEVICE_FEATURE:
        return launcher_offered_word(dev, dev->offered_select);
    case LAUNCHER_REG_DRIVER_FEATURE_SELECT:
        return dev->accepted_select;
    case LAUNCHER_REG_DRIVER_FEATURE:
        return dev->accepted_select < 2 ? (uint32_t)(dev->accepted >> (32 * dev->accepted_select))
                                        : 0;
    case LAUNCHER_REG_CONFIG_VECTOR:
        return dev->config_vector;
    case LAUNCHER_REG_NUM_QUEUES:
        return dev->queue_count;
    case LAUNCHER_REG_GENERATION:
        return dev->generation;
    case LAUNCHER_REG_QUEUE_SELECT:
        return dev->queue_select;
    case LAUNCHER_REG_ISR:
        return dev->isr;
    case LAUNCHER_REG_CONFIG:
        return launcher_config_read(dev, access->offset, access->width);
    default:
        return queue != NULL ? read_queue(dev, queue, access->reg) : 0;
    }
}

/* ---- Writes ---- */

static void write_queue(struct launcher_device *dev, struct launcher_queue *queue,
                        enum launcher_register reg, uint32_t value)
{
    if (reg == LAUNCHER_REG_QUEUE_RESET) {
        if (value == 1 && launcher_accepted(dev, VIRTIO_F_RING_RESET))
            launcher_queue_reset(dev, queue);
        return;
    }
    if (reg == LAUNCHER_REG_QUEUE_VECTOR) {
        queue->vector = (uint16_t)value;
        return;
    }
    if (queue->enabled) /* all else is fixed then */
        return;
    switch (reg) {
    case LAUNCHER_REG_QUEUE_SIZE:
        launcher_queue_set_size(dev, queue, value > UINT16_MAX ? 0 : (uint16_t)value);
        break;
    case LAUNCHER_REG_QUEUE_ENABLE:
        if (value == 1)
            launcher_queue_enable(dev, queue);
        break;
    case LAUNCHER_REG_QUEUE_DESC_LO:
        queue->desc = with_low(queue->desc, value);
        break;
    case LAUNCHER_REG_QUEUE_DESC_HI:
        queue->desc = with_high(queue->desc, value);
        break;
    case LAUNCHER_REG_QUEUE_DRIVER_LO:
        queue->driver = with_low(queue->driver, value);
        break;
    case LAUNCHER_REG_QUEUE_DRIVER_HI:
        queue->driver = with_high(queue->driver, value);
        break;
    case LAUNCHER_REG_QUEUE_DEVICE_LO:
        queue->device = with_low(queue->device, value);
        break;
    case LAUNCHER_REG_QUEUE_DEVICE_HI:
        queue->device = with_high(queue->device, value);
        break;
    default:
        break;
    }
}

static void write_register(struct launcher_device *dev, const struct launcher_access *access)
{
    struct launcher_queue *queue = launcher_queue(dev, dev->queue_select);

    switch (access->reg) {
    case LAUNCHER_REG_STATUS:
        launcher_set_status(dev, (uint8_t)access->value);
        break;
    case LAUNCHER_REG_DEVICE_FEATURE_SELECT:
        dev->offered_select = access->value;
        break;
    case LAUNCHER_REG_DRIVER_FEATURE_SELECT:
        dev->accepted_select = access->value;
        break;
    case LAUNCHER_REG_DRIVER_FEATURE:
        launcher_accept_word(dev, dev->accepted_select, access->value);
        break;
    case LAUNCHER_REG_CONFIG_VECTOR:
        dev->config_vector = (uint16_t)access->value;
        break;
    case LAUNCHER_REG_QUEUE_SELECT:
        dev->queue_select = access->value;
        break;
    case LAUNCHER_REG_NOTIFY:
        launcher_notify(dev, access->value, access->width);
        break;
    case LAUNCHER_REG_INTERRUPT_ACK:
        dev->isr &= (uint8_t)~access->value;
        break;
    case LAUNCHER_REG_CONFIG:
        launcher_config_write(dev, access->offset, access->width, access->value);
        break;
    default:
        if (queue != NULL)
            write_queue(dev, queue, access->reg, access->value);
    }
}

/* ---- Both ---- */

static uint32_t cut(uint64_t value, const struct launcher_access *access)
{
    value >>= 8 * access->skip;
    return access->width >= 4 ? (uint32_t)value
                              : (uint32_t)(value & ((1u << 8 * access->width) - 1));
}

uint32_t launcher_perform(struct launcher_device *dev, const struct launcher_access *access)
{
    bool whole = access->natural == 0 || (access->width == access->natural && access->skip == 0) ||
                 access->reg == LAUNCHER_REG_CONFIG || access->reg == LAUNCHER_REG_NOTIFY;

    if (!access->write)
        return access->readable ? cut(read_register(dev, access), access) : 0;
    /* A write of a piece, or beyond the register, changes nothing; the configuration looks at its fields by itself. */
    if ((!access->writable && access->reg != LAUNCHER_REG_CONFIG) || !whole)
        return 0;
    write_register(dev, access);
    if (dev->status != 0 && !dev->reset_pending && launcher_fault(dev, LAUNCHER_FAULT_NEEDS_RESET))
        launcher_needs_reset(dev);
    return 0;
}

void launcher_observe(struct launcher_device *dev, const struct launcher_access *access)
{
    dev->referee.legacy = dev->legacy;
    launcher_history_access(&dev->history, access);
    launcher_judge_access(&dev->referee, access);
}

uint32_t launcher_carry_out(struct launcher_device *dev, struct launcher_access *access)
{
    if (!access->write)
        access->value = launcher_perform(dev, access);
    launcher_observe(dev, access);
    if (access->write)
        (void)launcher_perform(dev, access);
    return access->value;
}
