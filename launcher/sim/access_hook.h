/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stands in for the functions of virtio/access.h when the drivers are compiled for the simulator:
 * each load, store and barrier of shared memory becomes a point at which a device may work, and at
 * which the driver is watched.
 */
#ifndef LAUNCHER_SIM_ACCESS_HOOK_H
#define LAUNCHER_SIM_ACCESS_HOOK_H

#include "virtio/spec.h"

enum sim_barrier {
    SIM_BARRIER_PUBLISH,
    SIM_BARRIER_NOTIFY,
    SIM_BARRIER_CONSUME,
};

/* machine.c. Widths are 1, 2, 4 and 8 bytes; values are in the host's byte order, which is little-endian. */
uint64_t sim_load(const void *p, unsigned width);
void sim_store(void *p, unsigned width, uint64_t value);
void sim_barrier(enum sim_barrier which);

static inline uint8_t virtio_load8(const uint8_t *p)
{
    return (uint8_t)sim_load(p, 1);
}

static inline uint16_t virtio_load16(const le16 *p)
{
    return (uint16_t)sim_load(p, 2);
}

static inline uint32_t virtio_load32(const le32 *p)
{
    return (uint32_t)sim_load(p, 4);
}

static inline void virtio_store8(uint8_t *p, uint8_t value)
{
    sim_store(p, 1, value);
}

static inline void virtio_store16(le16 *p, uint16_t value)
{
    sim_store(p, 2, value);
}

static inline void virtio_store32(le32 *p, uint32_t value)
{
    sim_store(p, 4, value);
}

static inline void virtio_store64(le64 *p, uint64_t value)
{
    sim_store(p, 8, value);
}

static inline void virtio_store_desc(struct virtq_desc *desc, uint64_t addr, uint32_t len,
                                     uint16_t flags, uint16_t next)
{
    sim_store(&desc->addr, 8, addr);
    sim_store(&desc->len, 4, len);
    sim_store(&desc->flags, 2, flags);
    sim_store(&desc->next, 2, next);
}

static inline void virtio_barrier_publish(void)
{
    sim_barrier(SIM_BARRIER_PUBLISH);
}

static inline void virtio_barrier_notify(void)
{
    sim_barrier(SIM_BARRIER_NOTIFY);
}

static inline void virtio_barrier_consume(void)
{
    sim_barrier(SIM_BARRIER_CONSUME);
}

#endif
