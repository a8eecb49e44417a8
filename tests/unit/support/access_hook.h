/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stands in for the functions of virtio/access.h: a test defines VIRTIO_ACCESS_HOOK as this file's name and includes the
 * sources under test. Each load and store of shared memory and each barrier then calls the test, which can look at memory
 * at that moment, change it, or answer with something else.
 */
#ifndef TESTS_UNIT_SUPPORT_ACCESS_HOOK_H
#define TESTS_UNIT_SUPPORT_ACCESS_HOOK_H

#include <string.h>

#include "virtio/spec.h"

enum access_barrier {
    ACCESS_PUBLISH,
    ACCESS_NOTIFY,
    ACCESS_CONSUME,
};

/* The test's; none may be NULL. */
struct access_hook {
    /* Before a load of `width` bytes at `p`: returns the value that it gets; `actual` is what stands there. */
    uint64_t (*load)(const void *p, unsigned width, uint64_t actual);
    void (*stored)(const void *p, unsigned width, uint64_t value); /* after a store */
    void (*barrier)(enum access_barrier which);
};
extern struct access_hook access_hook;

static inline uint64_t access_load(const void *p, unsigned width)
{
    uint64_t value = 0;

    memcpy(&value, p, width); /* tests run on little-endian hosts */
    return access_hook.load(p, width, value);
}

static inline void access_store(void *p, unsigned width, uint64_t value)
{
    memcpy(p, &value, width);
    access_hook.stored(p, width, value);
}

static inline uint8_t virtio_load8(const uint8_t *p)
{
    return (uint8_t)access_load(p, 1);
}

static inline uint16_t virtio_load16(const le16 *p)
{
    return (uint16_t)access_load(p, 2);
}

static inline uint32_t virtio_load32(const le32 *p)
{
    return (uint32_t)access_load(p, 4);
}

static inline void virtio_store8(uint8_t *p, uint8_t value)
{
    access_store(p, 1, value);
}

static inline void virtio_store16(le16 *p, uint16_t value)
{
    access_store(p, 2, value);
}

static inline void virtio_store32(le32 *p, uint32_t value)
{
    access_store(p, 4, value);
}

static inline void virtio_store64(le64 *p, uint64_t value)
{
    access_store(p, 8, value);
}

static inline void virtio_store_desc(struct virtq_desc *desc, uint64_t addr, uint32_t len,
                                     uint16_t flags, uint16_t next)
{
    access_store(&desc->addr, 8, addr);
    access_store(&desc->len, 4, len);
    access_store(&desc->flags, 2, flags);
    access_store(&desc->next, 2, next);
}

static inline void virtio_barrier_publish(void)
{
    access_hook.barrier(ACCESS_PUBLISH);
}

static inline void virtio_barrier_notify(void)
{
    access_hook.barrier(ACCESS_NOTIFY);
}

static inline void virtio_barrier_consume(void)
{
    access_hook.barrier(ACCESS_CONSUME);
}

#endif
