/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The fields of virtqueues in guest memory: little-endian (VIRTIO 1.4, 2.7.5), or in the guest's own order through a legacy
 * interface (2.7.3); the launcher's copies are always little-endian.
 */
#include "launcher/model.h"
#include "launcher/ring_state.h"

uint16_t launcher_le16(const uint8_t *bytes)
{
    return (uint16_t)(bytes[0] | bytes[1] << 8);
}

uint32_t launcher_le32(const uint8_t *bytes)
{
    return launcher_le16(bytes) | (uint32_t)launcher_le16(bytes + 2) << 16;
}

uint64_t launcher_le64(const uint8_t *bytes)
{
    return launcher_le32(bytes) | (uint64_t)launcher_le32(bytes + 4) << 32;
}

bool launcher_get16(struct launcher_device *dev, uint64_t address, uint16_t *value)
{
    uint8_t bytes[2] = {0};
    bool ok = launcher_dma_read(dev, address, bytes, sizeof(bytes));

    *value = launcher_guest16(dev, launcher_le16(bytes));
    return ok;
}

bool launcher_put16(struct launcher_device *dev, uint64_t address, uint16_t value)
{
    uint16_t swapped = launcher_guest16(dev, value);
    const uint8_t bytes[] = {(uint8_t)swapped, (uint8_t)(swapped >> 8)};

    return launcher_dma_write(dev, address, bytes, sizeof(bytes));
}

bool launcher_put32(struct launcher_device *dev, uint64_t address, uint32_t value)
{
    uint32_t swapped = launcher_guest32(dev, value);
    const uint8_t bytes[] = {(uint8_t)swapped, (uint8_t)(swapped >> 8), (uint8_t)(swapped >> 16),
                             (uint8_t)(swapped >> 24)};

    return launcher_dma_write(dev, address, bytes, sizeof(bytes));
}

/* ---- Records of several fields ---- */

const uint8_t launcher_descriptor_fields[] = {8, 4, 2, 2, 0}, launcher_index_fields[] = {2, 0},
              launcher_element_fields[] = {4, 4, 0};

/* Guest order to little-endian, or nothing. */
static void turn(const struct launcher_device *dev, uint8_t *field, size_t width)
{
    if (launcher_guest16(dev, 1) == 1)
        return;
    for (size_t i = 0; i < width / 2; i++) {
        uint8_t byte = field[i];

        field[i] = field[width - 1 - i];
        field[width - 1 - i] = byte;
    }
}

bool launcher_get_descriptor(struct launcher_device *dev, uint64_t address, uint8_t *raw,
                             size_t bytes)
{
    const uint8_t *width = launcher_descriptor_fields;

    for (size_t at = 0; at < bytes; at += *width++) {
        if (!launcher_dma_read(dev, address + at, raw + at, *width))
            return false;
        turn(dev, raw + at, *width);
    }
    return true;
}

bool launcher_get_records(struct launcher_device *dev, uint64_t address, uint8_t *to,
                          const uint8_t *widths, size_t count)
{
    size_t record = 0;

    for (unsigned i = 0; widths[i] != 0; i++)
        record += widths[i];
    if (!launcher_dma_read(dev, address, to, record * count))
        return false;
    for (size_t i = 0; i < count; i++)
        for (const uint8_t *width = widths; *width != 0; to += *width++)
            turn(dev, to, *width);
    return true;
}

bool launcher_all_zero(const uint8_t *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (bytes[i] != 0)
            return false;
    return true;
}
