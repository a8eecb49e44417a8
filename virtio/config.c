/* SPDX-License-Identifier: BSD-2-Clause */
/* Device configuration space (VIRTIO 1.4, 2.5): fields of their own width, all from one state of the device. */
#include "virtio/deadlines.h"
#include "virtio/internal.h"
#include "virtio/transport.h"

static int in_bounds(const struct virtio_device *dev, uint32_t offset, uint32_t width)
{
    bool ok = (width == 1 || width == 2 || width == 4 || width == 8) &&
              offset % (width == 8 ? 4 : width) == 0 && dev->config.length >= width &&
              offset <= dev->config.length - width;

    return ok ? 0 : -VIRTIO_E_CONFIG;
}

static uint32_t load(const struct virtio_device *dev, uint32_t offset, uint32_t width)
{
    return dev->io->read(dev->io_ctx, dev->config.region, dev->config.offset + offset, width);
}

/* Whether any field is not what it was. */
static bool load_fields(const struct virtio_device *dev, struct virtio_config_field *fields,
                        unsigned count)
{
    bool changed = false;

    for (unsigned i = 0; i < count; i++) {
        struct virtio_config_field *field = &fields[i];
        uint64_t value = load(dev, field->offset, field->width == 8 ? 4 : field->width);

        /* A 64-bit field is two 32-bit registers, low half first (DRV-PCI-07, DRV-CFG-01). */
        if (field->width == 8)
            value |= (uint64_t)load(dev, field->offset + 4, 4) << 32;
        changed = changed || value != field->value;
        field->value = value;
    }
    return changed;
}

/* One try; whether the device stood still meanwhile. */
static bool read_fields(struct virtio_device *dev, struct virtio_config_field *fields,
                        unsigned count)
{
    uint32_t before;

    /* The legacy interface has no generation: two reads that agree have to do (DRV-CFG-07). */
    if (dev->transport->generation == NULL) {
        (void)load_fields(dev, fields, count);
        return !load_fields(dev, fields, count);
    }
    before = dev->transport->generation(dev);
    (void)load_fields(dev, fields, count);
    return dev->transport->generation(dev) == before;
}

int virtio_config_read(struct virtio_device *dev, struct virtio_config_field *fields,
                       unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (in_bounds(dev, fields[i].offset, fields[i].width) != 0) {
            virtio_log(dev, VIRTIO_LOG_ERROR,
                       "configuration field at %u (%u bytes) is outside its %llu bytes",
                       fields[i].offset, fields[i].width, (unsigned long long)dev->config.length);
            return -VIRTIO_E_CONFIG;
        }
    }
    for (unsigned try = 0; try < VIRTIO_CONFIG_RETRIES; try++)
        if (read_fields(dev, fields, count))
            return 0;
    virtio_log(dev, VIRTIO_LOG_ERROR, "configuration changed during each of %u reads",
               (unsigned)VIRTIO_CONFIG_RETRIES);
    return -VIRTIO_E_CONFIG;
}

int virtio_config_write(struct virtio_device *dev, uint32_t offset, uint32_t width, uint32_t value)
{
    if (width == 8 || in_bounds(dev, offset, width) != 0)
        return -VIRTIO_E_CONFIG;
    if (!dev->features_set)
        return -VIRTIO_E_STATE; /* DRV-INIT-06 */
    dev->io->write(dev->io_ctx, dev->config.region, dev->config.offset + offset, width, value);
    return 0;
}
