/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stands in for virtio/access.h under the model checker: every load of shared memory gives any value at all, a new one
 * each time, which is what a hostile device can do. Nothing that is stored there is kept, but for one descriptor that
 * the proof looks at; that each access stays inside shared memory is checked.
 */
#ifndef TESTS_PROOF_ANY_DEVICE_H
#define TESTS_PROOF_ANY_DEVICE_H

#include "virtio/spec.h"

uint8_t nondet_u8(void);
uint16_t nondet_u16(void);
uint32_t any_load32(void); /* the proof's: any value, which it knows */

/* The descriptor that the proof looks at, and what the driver wrote there last. */
extern struct virtq_desc *watched;
extern struct virtq_desc written;

static inline void in_shared_memory(const void *p, size_t size)
{
    __CPROVER_assert(__CPROVER_w_ok(p, size), "the access stays inside shared memory");
}

static inline uint8_t virtio_load8(const uint8_t *p)
{
    in_shared_memory(p, sizeof(*p));
    return nondet_u8();
}

static inline uint16_t virtio_load16(const le16 *p)
{
    in_shared_memory(p, sizeof(*p));
    return nondet_u16();
}

static inline uint32_t virtio_load32(const le32 *p)
{
    in_shared_memory(p, sizeof(*p));
    return any_load32();
}

static inline void virtio_store8(uint8_t *p, uint8_t value)
{
    (void)value;
    in_shared_memory(p, sizeof(*p));
}

static inline void virtio_store16(le16 *p, uint16_t value)
{
    in_shared_memory(p, sizeof(*p));
    if (p == &watched->flags)
        written.flags.le = value;
    if (p == &watched->next)
        written.next.le = value;
}

static inline void virtio_store_desc(struct virtq_desc *desc, uint64_t addr, uint32_t len,
                                     uint16_t flags, uint16_t next)
{
    in_shared_memory(desc, sizeof(*desc));
    if (desc == watched)
        written = (struct virtq_desc){{addr}, {len}, {flags}, {next}};
}

/* One thread: the order of the accesses is not what is proved here (tests/unit/test_queue_order.c is for that). */
static inline void virtio_barrier_publish(void)
{
}

static inline void virtio_barrier_notify(void)
{
}

static inline void virtio_barrier_consume(void)
{
}

#endif
