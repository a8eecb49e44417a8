/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every load and store of memory that a device shares, and every barrier (VIRTIO 1.4, 2.7.13 and 2.7.14).
 * Nothing in virtio/ or drivers/ reaches ring memory another way, so a test that defines VIRTIO_ACCESS_HOOK (the name
 * of a header with these same functions) decides what each load returns and sees each store and barrier.
 */
#ifndef VIRTIO_ACCESS_H
#define VIRTIO_ACCESS_H

#include "virtio/spec.h"

#ifdef VIRTIO_ACCESS_HOOK
#include VIRTIO_ACCESS_HOOK
#else

/* Swaps only on big-endian machines; 1.x rings are little-endian. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define VIRTIO_SWAP(bits, value) (value)
#else
#define VIRTIO_SWAP(bits, value) __builtin_bswap##bits(value)
#endif

/* Volatile: one access each, of the field's own width, in program order among themselves. */
static inline uint8_t virtio_load8(const uint8_t *p)
{
    return *(const volatile uint8_t *)p;
}

static inline uint16_t virtio_load16(const le16 *p)
{
    return VIRTIO_SWAP(16, *(const volatile uint16_t *)&p->le);
}

static inline uint32_t virtio_load32(const le32 *p)
{
    return VIRTIO_SWAP(32, *(const volatile uint32_t *)&p->le);
}

static inline void virtio_store8(uint8_t *p, uint8_t value)
{
    *(volatile uint8_t *)p = value;
}

static inline void virtio_store16(le16 *p, uint16_t value)
{
    *(volatile uint16_t *)&p->le = VIRTIO_SWAP(16, value);
}

static inline void virtio_store32(le32 *p, uint32_t value)
{
    *(volatile uint32_t *)&p->le = VIRTIO_SWAP(32, value);
}

static inline void virtio_store64(le64 *p, uint64_t value)
{
    *(volatile uint64_t *)&p->le = VIRTIO_SWAP(64, value);
}

/* A whole descriptor in two stores; no order between them matters, since an index publishes both. */
static inline void virtio_store_desc(struct virtq_desc *desc, uint64_t addr, uint32_t len,
                                     uint16_t flags, uint16_t next)
{
    typedef uint64_t __attribute__((may_alias)) whole;

    virtio_store64(&desc->addr, addr);
    *(volatile whole *)(void *)&desc->len =
        VIRTIO_SWAP(64, len | (uint64_t)flags << 32 | (uint64_t)next << 48);
}

#undef VIRTIO_SWAP

#if defined(__x86_64__)
/* x86 keeps stores in order and loads in order; only a later load may pass an earlier store. */
#define VIRTIO_BARRIER_STORES "" /* compiler only */
#define VIRTIO_BARRIER_LOADS  ""
#define VIRTIO_BARRIER_FULL   "lock; orl $0, -4(%%rsp)" /* cheaper than mfence, and no SSE2 needed */
#elif defined(__aarch64__)
/* The device is an observer in the outer shareable domain, not another CPU of the inner one. */
#define VIRTIO_BARRIER_STORES "dmb oshst"
#define VIRTIO_BARRIER_LOADS  "dmb oshld"
#define VIRTIO_BARRIER_FULL   "dmb osh"
#elif defined(__riscv)
/* "o" is device output: the notify register. */
#define VIRTIO_BARRIER_STORES "fence w, ow"
#define VIRTIO_BARRIER_LOADS  "fence r, rw"
#define VIRTIO_BARRIER_FULL   "fence iorw, iorw"
#else
#error "virtio/access.h: no barriers for this architecture"
#endif

/* Descriptors and ring slots are visible before the available index that publishes them. */
static inline void virtio_barrier_publish(void)
{
    __asm__ volatile(VIRTIO_BARRIER_STORES ::: "memory");
}

/* The available index is visible before the device's wish for a notification is read, and before the notify. */
static inline void virtio_barrier_notify(void)
{
    __asm__ volatile(VIRTIO_BARRIER_FULL ::: "memory", "cc");
}

/* The used index is read before the element and the data that it announces. */
static inline void virtio_barrier_consume(void)
{
    __asm__ volatile(VIRTIO_BARRIER_LOADS ::: "memory");
}

#undef VIRTIO_BARRIER_STORES
#undef VIRTIO_BARRIER_LOADS
#undef VIRTIO_BARRIER_FULL

#endif
#endif
