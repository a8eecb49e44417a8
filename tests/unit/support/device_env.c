/* SPDX-License-Identifier: BSD-2-Clause */
/* A test device's surroundings: the clock that lets it work, the driver's log, and the memory that it can reach. */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/support/device.h"

/* ---- What the driver is given ---- */

static uint64_t now_ns(void *ctx)
{
    struct device *d = ctx;

    d->now += d->tick_ns;
    device_work(d);
    return d->now;
}

static void relax(void *ctx)
{
    struct device *d = ctx;

    d->now += d->relax_ns;
    device_work(d);
}

static void take_log(void *ctx, enum virtio_level level, const char *message)
{
    const struct device_event event = {.kind = DEVICE_LOG, .level = level, .text = strdup(message)};

    device_record(ctx, &event);
}

/* ---- Memory ---- */

static int map(void *ctx, void *p, size_t length, enum virtio_dir dir, uint64_t *bus, void **token)
{
    struct device *d = ctx;
    struct device_mapping *mapping;

    if (++d->maps == d->map_fail_at)
        return -1;
    mapping = calloc(1, sizeof(*mapping));
    if (mapping == NULL)
        abort();
    /* Every mapping lies elsewhere, with unmapped bus addresses around it. */
    *mapping = (struct device_mapping){d->mappings, p, d->next_bus, length, dir, true};
    d->mappings = mapping;
    d->next_bus += (length | 0xfff) + 0x100001;
    d->maps_live++;
    device_record(d, &(struct device_event){.kind = DEVICE_MAP, .offset = mapping->bus});
    *bus = mapping->bus;
    *token = mapping;
    return 0;
}

static void unmap(void *ctx, void *token)
{
    struct device *d = ctx;
    struct device_mapping *mapping = token;

    device_record(d, &(struct device_event){.kind = DEVICE_UNMAP, .offset = mapping->bus});
    if (!mapping->live) {
        device_complain(d, "unmapped twice: bus address 0x%llx", (unsigned long long)mapping->bus);
        return;
    }
    if (launcher_owns(d->host, mapping->bus, mapping->length)) /* DRV-CLEAN-02 */
        device_complain(d, "memory at bus address 0x%llx was taken back from the device",
                        (unsigned long long)mapping->bus);
    mapping->live = false;
    d->maps_live--;
}

uint8_t *device_dma(struct device *d, uint64_t bus, uint64_t length, bool write)
{
    if (d->env.dma != NULL && bus - d->env.dma_bus <= d->env.dma_len &&
        length <= d->env.dma_len - (bus - d->env.dma_bus))
        return (uint8_t *)d->env.dma + (bus - d->env.dma_bus);
    for (struct device_mapping *mapping = d->mappings; mapping != NULL; mapping = mapping->next) {
        if (!mapping->live || bus - mapping->bus > mapping->length ||
            length > mapping->length - (bus - mapping->bus))
            continue;
        if (write != (mapping->dir == VIRTIO_FROM_DEVICE))
            device_complain(d, "memory at 0x%llx is mapped for the other direction",
                            (unsigned long long)bus);
        return mapping->pointer + (bus - mapping->bus);
    }
    if (d->env.map == NULL)
        return (uint8_t *)(uintptr_t)bus; /* identity: DRV-RFB-05 */
    device_complain(d, "bus address 0x%llx (%llu bytes) is not mapped", (unsigned long long)bus,
                    (unsigned long long)length);
    return NULL;
}

static bool dma_read(void *ctx, uint64_t address, void *to, size_t length)
{
    const uint8_t *from = device_dma(ctx, address, length, false);

    if (from != NULL)
        memcpy(to, from, length);
    return from != NULL;
}

static bool dma_write(void *ctx, uint64_t address, const void *from, size_t length)
{
    uint8_t *to = device_dma(ctx, address, length, true);

    if (to != NULL)
        memcpy(to, from, length);
    return to != NULL;
}

const struct launcher_memory device_memory = {.read = dma_read, .write = dma_write};

void device_give_bytes(struct device *d, size_t dma, size_t priv)
{
    free(d->env.dma);
    free(d->env.priv);
    d->env.dma = NULL;
    if (dma > 0 && posix_memalign(&d->env.dma, 4096, dma) != 0)
        abort();
    d->env.priv = priv > 0 ? malloc(priv) : NULL;
    /* Not zeroed: that is the driver's side's business (IMP-PCI-14). */
    if (dma > 0)
        memset(d->env.dma, 0xa5, dma);
    if (priv > 0)
        memset(d->env.priv, 0x5a, priv);
    d->env.dma_len = dma;
    d->env.priv_len = priv;
}

void device_give_memory(struct device *d, const struct virtio_driver *driver, unsigned size)
{
    size_t dma, priv;

    virtio_memory_needed(&d->dev, driver, size, &dma, &priv);
    device_give_bytes(d, dma, priv);
}

void device_env_init(struct device *d)
{
    d->now = 5000 * DEVICE_MILLISECOND;
    d->tick_ns = 1000;
    d->relax_ns = 50000;
    d->next_bus = 0x7700000000;
    d->io = device_io;
    d->env = (struct virtio_env){
        .dma_bus = 0x5500000000,
        .now_ns = now_ns,
        .map = map,
        .unmap = unmap,
        .relax = relax,
        .log = take_log,
        .ctx = d,
        .deadlines = {10 * DEVICE_MILLISECOND, 100 * DEVICE_MILLISECOND, 20 * DEVICE_MILLISECOND},
    };
}

void device_env_free(struct device *d)
{
    while (d->mappings != NULL) {
        struct device_mapping *next = d->mappings->next;

        free(d->mappings);
        d->mappings = next;
    }
    device_forget_events(d);
    free(d->events);
    free(d->env.dma);
    free(d->env.priv);
}
