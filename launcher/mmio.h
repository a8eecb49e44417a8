/* SPDX-License-Identifier: BSD-2-Clause */
/* What the two versions of the MMIO front end share. Tests may change what it says it is. */
#ifndef LAUNCHER_MMIO_H
#define LAUNCHER_MMIO_H

#include "launcher/device.h"
#include "launcher/front.h"

struct launcher_mmio {
    uint32_t magic, version, device_id, vendor_id;
    uint32_t page_size; /* version 1: bytes */
    uint32_t causes;    /* that InterruptStatus showed since the latest InterruptACK */
    bool causes_read;
};

static inline struct launcher_mmio *launcher_mmio_of(const struct launcher_device *dev)
{
    return dev->front_state;
}

void launcher_mmio_create(struct launcher_device *dev);
void launcher_mmio_destroy(struct launcher_device *dev);
uint64_t launcher_mmio_size(const struct launcher_device *dev, unsigned region);
struct launcher_access launcher_mmio_translate(const struct launcher_device *dev, unsigned region,
                                               uint64_t offset, unsigned width);
/* A write of InterruptACK, before it takes effect; any other access is no matter. */
void launcher_mmio_judge_ack(struct launcher_device *dev, const struct launcher_access *access);
uint32_t launcher_mmio_read(struct launcher_device *dev, unsigned region, uint64_t offset,
                            unsigned width);

#endif
