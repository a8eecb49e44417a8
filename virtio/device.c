/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The life of a device (VIRTIO 1.4: 2.1 status, 2.2 features, 2.4 reset, 3.1 initialization, 3.3 clean-up): found,
 * reset, acknowledged, claimed, live, released, handed over.
 */
#include <string.h>

#include "virtio/deadlines.h"
#include "virtio/internal.h"
#include "virtio/transport.h"

/* ---- Memory ---- */

void virtio_arena_init(struct virtio_arena *arena, void *base, size_t length)
{
    arena->base = base;
    arena->length = base != NULL ? length : 0;
    arena->used = 0;
}

void *virtio_arena_alloc(struct virtio_arena *arena, size_t size, size_t align)
{
    /* Aligned by address: an embedder's memory may start anywhere. */
    size_t pad = (size_t)(-((uintptr_t)arena->base + arena->used) & (align - 1));
    size_t room = arena->length - arena->used;
    uint8_t *p;

    if (pad > room || size > room - pad)
        return NULL;
    p = arena->base + arena->used + pad;
    arena->used += pad + size;
    memset(p, 0, size);
    return p;
}

void *virtio_dma_alloc(struct virtio_device *dev, size_t size, size_t align)
{
    return virtio_arena_alloc(&dev->dma, size, align);
}

void *virtio_priv_alloc(struct virtio_device *dev, size_t size, size_t align)
{
    return virtio_arena_alloc(&dev->priv, size, align);
}

void virtio_memory_needed(const struct virtio_device *dev, const struct virtio_driver *driver,
                          unsigned size, size_t *dma, size_t *priv)
{
    size_t queues = driver->queues;

    *dma = queues * (virtqueue_dma_bytes(dev, size) + (size_t)size * driver->dma_per_entry) +
           driver->dma_fixed;
    *priv = queues * (virtqueue_priv_bytes(size) + (size_t)size * driver->priv_per_entry) +
            driver->priv_fixed;
}

/* ---- Status and reset ---- */

static void add_status(struct virtio_device *dev, uint8_t bit)
{
    uint8_t status = dev->transport->get_status(dev);

    /* Bits are only ever added, also when the device has lost some (DRV-STATUS-02). */
    dev->status_set |= bit;
    dev->transport->set_status(dev, status | dev->status_set);
}

/* The device owns nothing of ours any more: what was in flight is the caller's again. */
static void forget_queues(struct virtio_device *dev)
{
    for (struct virtqueue *queue = dev->queues; queue != NULL; queue = virtqueue_next(queue))
        virtqueue_bury(queue);
    dev->queues = NULL;
    dev->dma.used = 0;
    dev->priv.used = 0;
}

static void forget_negotiation(struct virtio_device *dev)
{
    dev->status_set = 0;
    dev->negotiated.mask = 0;
    dev->features_set = false;
}

/* Only PCI has a switch for a device's way to memory. */
static void allow_dma(struct virtio_device *dev)
{
    if (dev->transport->enable_dma != NULL)
        dev->transport->enable_dma(dev);
}

static void forbid_dma(struct virtio_device *dev)
{
    if (dev->transport->disable_dma != NULL)
        dev->transport->disable_dma(dev);
}

static void become_stuck(struct virtio_device *dev)
{
    dev->state = VIRTIO_STUCK;
    forget_negotiation(dev);
    /* The queues stay on the list for virtio_owned(), but nobody looks at their memory any more. */
    for (struct virtqueue *queue = dev->queues; queue != NULL; queue = virtqueue_next(queue))
        virtqueue_abandon(queue);
    forbid_dma(dev);
}

int virtio_reset(struct virtio_device *dev)
{
    const struct virtio_env *env = dev->env;
    uint64_t deadline =
        env->deadlines.reset_ns != 0 ? env->deadlines.reset_ns : VIRTIO_DEADLINE_RESET_NS;
    uint64_t start;
    uint8_t status;

    if (dev->state == VIRTIO_STUCK)
        return dev->reachable ? -VIRTIO_E_STUCK : -VIRTIO_E_UNREACHABLE;
    if (!dev->reachable) {
        become_stuck(dev);
        virtio_log(dev, VIRTIO_LOG_ERROR, "no usable register window; it cannot be reset");
        return -VIRTIO_E_UNREACHABLE;
    }
    start = env->now_ns(env->ctx);
    dev->transport->set_status(dev, 0);
    for (;;) {
        status = dev->transport->get_status(dev);
        dev->reset_ns = env->now_ns(env->ctx) - start;
        if (status == 0)
            break;
        if (dev->reset_ns >= deadline) {
            /* First, so that a log which goes through this very device finds it closed. */
            become_stuck(dev);
            virtio_log(dev, VIRTIO_LOG_ERROR,
                       "reset not confirmed within %llu ms (status 0x%02x); the device is STUCK",
                       (unsigned long long)(deadline / VIRTIO_MILLISECOND), status);
            return -VIRTIO_E_STUCK;
        }
        if (env->relax != NULL)
            env->relax(env->ctx);
    }
    dev->state = VIRTIO_CLEAN;
    forget_negotiation(dev);
    forget_queues(dev);
    return 0;
}

static void acknowledge(struct virtio_device *dev)
{
    add_status(dev, VIRTIO_STATUS_ACKNOWLEDGE);
}

int virtio_discover(struct virtio_bus *bus, struct virtio_device *dev)
{
    int error;

    if (bus->last != NULL)
        bus->last->next = dev;
    else
        bus->first = dev;
    bus->last = dev;
    if (dev->reachable)
        dev->found_status = dev->transport->get_status(dev);
    error = virtio_reset(dev);
    if (error != 0)
        return error;
    forbid_dma(dev);
    acknowledge(dev);
    return 0;
}

/* ---- Negotiation ---- */

static uint64_t mask_of(const uint8_t *bits, unsigned count)
{
    uint64_t mask = 0;

    for (unsigned i = 0; i < count; i++)
        mask |= 1ull << (bits[i] & 63);
    return mask;
}

/* What this core implements of rings and transports; a driver's own bits come from the driver. */
static uint64_t core_features(const struct virtio_device *dev)
{
    static const uint8_t modern[] = {VIRTIO_F_VERSION_1};
    static const uint8_t legacy[] = {VIRTIO_F_ANY_LAYOUT}; /* DRV-RFB-15 */

    return dev->legacy ? mask_of(legacy, sizeof(legacy)) : mask_of(modern, sizeof(modern));
}

/* Whether the device agrees with the features that were written; a legacy device is not asked (DRV-INIT-15). */
static bool agrees(struct virtio_device *dev)
{
    if (dev->legacy)
        return true;
    add_status(dev, VIRTIO_STATUS_FEATURES_OK);
    if ((dev->transport->get_status(dev) & VIRTIO_STATUS_FEATURES_OK) != 0)
        return true;
    dev->status_set &= (uint8_t)~VIRTIO_STATUS_FEATURES_OK;
    return false;
}

static int negotiate(struct virtio_device *dev)
{
    const struct virtio_driver *driver = dev->driver;
    struct virtio_features wanted;

    dev->offered.mask = dev->transport->get_features(dev);
    if (dev->legacy) {
        dev->offered.mask &= UINT32_MAX; /* bits that exist there (IMP-PCILEG-05) */
    } else if (!virtio_has(dev->offered, VIRTIO_F_VERSION_1)) {
        virtio_log(dev, VIRTIO_LOG_ERROR, "offers no VIRTIO_F_VERSION_1 (features 0x%llx)",
                   (unsigned long long)dev->offered.mask);
        return -VIRTIO_E_FEATURES;
    }
    wanted.mask =
        dev->offered.mask & (core_features(dev) | mask_of(driver->features, driver->feature_count));
    if (driver->negotiate != NULL) {
        struct virtio_features asked = wanted;
        int error = driver->negotiate(dev, &asked);

        if (error != 0)
            return error;
        wanted.mask &= asked.mask; /* a driver can only take away */
    }
    dev->transport->set_features(dev, wanted.mask);
    if (!agrees(dev)) {
        virtio_log(dev, VIRTIO_LOG_ERROR, "refused features 0x%llx of the 0x%llx that it offers",
                   (unsigned long long)wanted.mask, (unsigned long long)dev->offered.mask);
        return -VIRTIO_E_FEATURES;
    }
    dev->negotiated = wanted;
    dev->features_set = true;
    virtio_log(dev, VIRTIO_LOG_DEBUG, "features offered 0x%llx, accepted 0x%llx",
               (unsigned long long)dev->offered.mask, (unsigned long long)wanted.mask);
    return 0;
}

/* ---- Drivers ---- */

/* Legacy rings and configuration have the guest's byte order (DRV-SPLIT-07, IMP-CORE-06); this code knows one. */
static bool can_drive(const struct virtio_device *dev)
{
    return dev->transport->queue_enable != NULL &&
           (!dev->legacy || __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__);
}

void virtio_driver_ok(struct virtio_device *dev)
{
    add_status(dev, VIRTIO_STATUS_DRIVER_OK);
    dev->state = VIRTIO_LIVE;
}

static int start(struct virtio_device *dev)
{
    int error;

    dev->state = VIRTIO_SETUP;
    virtio_arena_init(&dev->dma, dev->env->dma, dev->env->dma_len);
    virtio_arena_init(&dev->priv, dev->env->priv, dev->env->priv_len);
    if ((dev->status_set & VIRTIO_STATUS_ACKNOWLEDGE) == 0)
        acknowledge(dev);
    add_status(dev, VIRTIO_STATUS_DRIVER);
    error = negotiate(dev);
    if (error == 0) {
        allow_dma(dev);
        error = dev->driver->probe(dev);
    }
    if (error == 0 && dev->state == VIRTIO_LIVE)
        return 0;
    if (error == 0)
        error = -VIRTIO_E_STATE; /* probe forgot virtio_driver_ok() */
    virtio_log(dev, VIRTIO_LOG_ERROR, "driver %s failed: %s", dev->driver->name,
               virtio_error_text(error));
    if (dev->state == VIRTIO_SETUP || dev->state == VIRTIO_LIVE) {
        int reset_error;

        add_status(dev, VIRTIO_STATUS_FAILED);
        reset_error = virtio_reset(dev);
        if (reset_error != 0)
            return reset_error;
    }
    forbid_dma(dev); /* also where probe has reset it */
    return error;
}

int virtio_claim(struct virtio_bus *bus, struct virtio_device *dev,
                 const struct virtio_driver *driver, void *driver_state)
{
    int error;

    if (dev->state != VIRTIO_CLEAN || dev->driver != NULL)
        return -VIRTIO_E_STATE;
    if (!can_drive(dev) || dev->id != driver->device_id)
        return -VIRTIO_E_UNSUPPORTED;
    dev->driver = driver;
    dev->driver_state = driver_state;
    error = start(dev);
    if (error != 0) {
        dev->driver = NULL;
        if (dev->state == VIRTIO_CLEAN)
            acknowledge(dev);
        return error;
    }
    dev->last_driver = driver;
    dev->next_claimed = bus->claimed;
    bus->claimed = dev;
    return 0;
}

int virtio_restart(struct virtio_device *dev)
{
    if (dev->driver == NULL || dev->state != VIRTIO_CLEAN)
        return -VIRTIO_E_STATE;
    return start(dev);
}

int virtio_release(struct virtio_bus *bus, struct virtio_device *dev)
{
    struct virtio_device **link = &bus->claimed;

    while (*link != NULL && *link != dev)
        link = &(*link)->next_claimed;
    if (*link == NULL)
        return -VIRTIO_E_STATE;
    *link = dev->next_claimed;
    dev->next_claimed = NULL;

    if (dev->state != VIRTIO_STUCK)
        dev->driver->remove(dev);
    if (dev->state != VIRTIO_STUCK &&
        (dev->state != VIRTIO_CLEAN || dev->transport->get_status(dev) != 0)) {
        virtio_log(dev, VIRTIO_LOG_WARN, "driver %s left the device running; resetting it",
                   dev->driver->name);
        (void)virtio_reset(dev); /* the outcome is the device's state */
    }
    dev->driver = NULL;
    dev->driver_state = NULL;
    if (dev->state == VIRTIO_STUCK)
        return -VIRTIO_E_STUCK;
    forbid_dma(dev);
    acknowledge(dev);
    return 0;
}

/* ---- Handoff ---- */

static unsigned reset_for_os(struct virtio_bus *bus, bool iommus)
{
    unsigned stuck = 0;

    for (struct virtio_device *dev = bus->first; dev != NULL; dev = dev->next) {
        if ((dev->id == VIRTIO_ID_IOMMU) != iommus)
            continue;
        if (virtio_reset(dev) != 0)
            stuck++;
        forbid_dma(dev);
    }
    return stuck;
}

unsigned virtio_handoff(struct virtio_bus *bus)
{
    unsigned stuck;

    while (bus->claimed != NULL)
        (void)virtio_release(bus, bus->claimed); /* the outcome is the device's state */
    stuck = reset_for_os(bus, false);
    return stuck + reset_for_os(bus, true); /* last: the others may translate through them */
}

void virtio_owned(const struct virtio_device *dev,
                  void (*visit)(void *ctx, const struct virtio_piece *piece), void *ctx)
{
    if (dev->state != VIRTIO_STUCK)
        return;
    /* Queues are forgotten only by a confirmed reset, so what is left here is what the device has seen. */
    if (dev->dma.used > 0) {
        struct virtio_piece rings = {dev->env->dma, (uint32_t)dev->env->dma_len};

        visit(ctx, &rings);
    }
    for (const struct virtqueue *queue = dev->queues; queue != NULL; queue = virtqueue_next(queue))
        virtqueue_visit(queue, visit, ctx);
}
