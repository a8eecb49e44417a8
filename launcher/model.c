/* SPDX-License-Identifier: BSD-2-Clause */
/* What device models share: the byte order of the driver, little-endian or the guest's own (VIRTIO 1.4, 2.5.4), and faults. */
#include "launcher/model.h"

static bool swaps(const struct launcher_device *dev)
{
    return dev->legacy && dev->options.big_endian;
}

uint16_t launcher_guest16(const struct launcher_device *dev, uint16_t value)
{
    return swaps(dev) ? __builtin_bswap16(value) : value;
}

uint32_t launcher_guest32(const struct launcher_device *dev, uint32_t value)
{
    return swaps(dev) ? __builtin_bswap32(value) : value;
}

uint64_t launcher_guest64(const struct launcher_device *dev, uint64_t value)
{
    return swaps(dev) ? __builtin_bswap64(value) : value;
}

size_t launcher_config_place(const struct launcher_device *dev, size_t offset)
{
    const struct launcher_config_field *field = dev->model->fields;

    if (!swaps(dev) || dev->model->legacy_little_endian)
        return offset;
    for (; field != NULL && field->width != 0; field++)
        if (offset >= field->offset && offset - field->offset < field->width)
            return field->offset + (field->width - 1 - (offset - field->offset));
    return offset;
}

uint64_t launcher_faults_fired(const struct launcher_device *dev)
{
    uint64_t fired = 0;

    for (unsigned i = 0; i < LAUNCHER_FAULT_COUNT; i++)
        fired += dev->faults.state[i].fired;
    return fired;
}
