/* SPDX-License-Identifier: BSD-2-Clause */
/* The device configuration with its generation (VIRTIO 1.4, 2.5), and the notifications that a device sends (2.3). */
#include <string.h>

#include "launcher/device.h"
#include "launcher/front.h"
#include "launcher/model.h"

/* ---- Notifications to the driver ---- */

static void interrupt(struct launcher_device *dev, uint8_t cause, uint16_t vector)
{
    dev->isr |= cause;
    if (dev->front->interrupt != NULL)
        dev->front->interrupt(dev, vector);
    else if (dev->options.interrupt != NULL)
        dev->options.interrupt(dev->options.ctx, 0);
}

void launcher_interrupt_queue(struct launcher_device *dev, struct launcher_queue *queue)
{
    if (!launcher_is_live(dev)) /* DEV-STATUS-02, DEV-RESET-02 */
        return;
    queue->interrupts++;
    interrupt(dev, VIRTIO_ISR_QUEUE, queue->vector);
}

void launcher_interrupt_config(struct launcher_device *dev)
{
    if ((dev->status & VIRTIO_STATUS_DRIVER_OK) != 0 && !dev->reset_pending && !dev->dead)
        interrupt(dev, VIRTIO_ISR_CONFIG, dev->config_vector);
}

/* ---- The configuration ---- */

static bool inside(const struct launcher_device *dev, uint64_t offset, uint64_t width)
{
    return width <= dev->config_length && offset <= dev->config_length - width;
}

uint64_t launcher_get_config(const struct launcher_device *dev, size_t offset, size_t width)
{
    uint64_t value = 0;

    for (size_t i = 0; i < width && inside(dev, offset, width); i++)
        value |= (uint64_t)dev->config[offset + i] << (8 * i);
    return value;
}

static void store(struct launcher_device *dev, size_t offset, size_t width, uint64_t value)
{
    for (size_t i = 0; i < width && inside(dev, offset, width); i++)
        dev->config[offset + i] = (uint8_t)(value >> (8 * i));
}

void launcher_set_config(struct launcher_device *dev, size_t offset, size_t width, uint64_t value)
{
    if (launcher_get_config(dev, offset, width) == value)
        return;
    store(dev, offset, width, value);
    dev->generation++;
    launcher_interrupt_config(dev);
}

/* As the driver finds it: a legacy driver of a big-endian guest has the bytes of each field the other way round. */
static uint64_t as_seen(const struct launcher_device *dev, size_t offset, unsigned width)
{
    uint64_t value = 0;

    for (size_t i = 0; i < width; i++)
        value |= (uint64_t)dev->config[launcher_config_place(dev, offset + i)] << (8 * i);
    return value;
}

uint32_t launcher_config_read(struct launcher_device *dev, uint64_t offset, unsigned width)
{
    uint64_t value;

    if (dev->model->config_touched != NULL)
        dev->model->config_touched(dev, offset, width, false);
    if (!inside(dev, offset, width))
        return UINT32_MAX;
    value = as_seen(dev, (size_t)offset, width);
    if (dev->personality->config_late && dev->resets == 0)
        return 0;
    if (launcher_fault(dev, LAUNCHER_FAULT_CONFIG_CHANGES)) {
        /* For this one read it was something else; only the generation tells. */
        value ^= 1 + launcher_random(dev, 0xff);
        dev->generation++;
        launcher_interrupt_config(dev);
    }
    return (uint32_t)value;
}

/* The field that a write lies in; NULL: none that the driver may write. */
static const struct launcher_config_field *writable_field(
    const struct launcher_config_field *fields, uint64_t offset, unsigned width)
{
    for (; fields != NULL && fields->width != 0; fields++)
        if (fields->writable && offset >= fields->offset &&
            offset + width <= (uint64_t)fields->offset + fields->width)
            return fields;
    return NULL;
}

void launcher_config_write(struct launcher_device *dev, uint64_t offset, unsigned width,
                           uint32_t value)
{
    if (dev->model->config_touched != NULL)
        dev->model->config_touched(dev, offset, width, true);
    if (width > sizeof(value) || !inside(dev, offset, width) ||
        (dev->model->fields != NULL && writable_field(dev->model->fields, offset, width) == NULL))
        return;
    for (size_t i = 0; i < width; i++)
        dev->config[launcher_config_place(dev, (size_t)offset + i)] = (uint8_t)(value >> (8 * i));
    if (dev->model->config_written != NULL)
        dev->model->config_written(dev, offset, width);
}
