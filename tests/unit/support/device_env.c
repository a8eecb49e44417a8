/* SPDX-License-Identifier: BSD-2-Clause */
/* The test device's surroundings: the clock, the memory that it can reach, and the record of all that happened. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/support/device.h"

/* ---- The record ---- */

struct device_event *device_record(struct device *d, enum device_event_kind kind)
{
    static uint64_t order;
    struct device_event *event;

    if (d->event_count == d->event_room) {
        d->event_room = d->event_room == 0 ? 1024 : d->event_room * 2;
        d->events = realloc(d->events, d->event_room * sizeof(*d->events));
        if (d->events == NULL)
            abort();
    }
    event = &d->events[d->event_count++];
    *event = (struct device_event){.order = ++order, .kind = kind};
    return event;
}

void device_forget_events(struct device *d)
{
    for (size_t i = 0; i < d->event_count; i++)
        free(d->events[i].text);
    d->event_count = 0;
}

static bool at_common(const struct device *d, const struct device_event *event,
                      enum device_event_kind kind, size_t offset)
{
    return event->kind == kind && event->region == d->common.region &&
           event->offset == d->common.offset + offset;
}

unsigned device_count_common(const struct device *d, enum device_event_kind kind, size_t offset)
{
    unsigned count = 0;

    for (size_t i = 0; i < d->event_count; i++)
        count += at_common(d, &d->events[i], kind, offset);
    return count;
}

unsigned device_count_region(const struct device *d, enum device_event_kind kind, unsigned region)
{
    unsigned count = 0;

    for (size_t i = 0; i < d->event_count; i++)
        count += d->events[i].kind == kind && d->events[i].region == region;
    return count;
}

const struct device_event *device_first_write(const struct device *d, size_t offset, uint32_t value)
{
    for (size_t i = 0; i < d->event_count; i++)
        if (at_common(d, &d->events[i], DEVICE_WRITE, offset) && d->events[i].value == value)
            return &d->events[i];
    return NULL;
}

const struct device_event *device_last_write(const struct device *d, size_t offset, uint32_t value)
{
    for (size_t i = d->event_count; i-- > 0;)
        if (at_common(d, &d->events[i], DEVICE_WRITE, offset) && d->events[i].value == value)
            return &d->events[i];
    return NULL;
}

const struct device_event *device_logged(const struct device *d, const char *text)
{
    for (size_t i = 0; i < d->event_count; i++)
        if (d->events[i].kind == DEVICE_LOG && strstr(d->events[i].text, text) != NULL)
            return &d->events[i];
    return NULL;
}

static bool at_status(const struct device *d, const struct device_event *event)
{
    if (d->legacy)
        return event->kind == DEVICE_WRITE && event->region == 0 &&
               event->offset == VIRTIO_PCI_LEGACY_DEVICE_STATUS;
    return at_common(d, event, DEVICE_WRITE, offsetof(struct virtio_pci_common_cfg, device_status));
}

const char *device_statuses(const struct device *d)
{
    static char text[1024];
    size_t used = 0;

    text[0] = '\0';
    for (size_t i = 0; i < d->event_count && used + 4 < sizeof(text); i++)
        if (at_status(d, &d->events[i]))
            used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%x", used > 0 ? " " : "",
                                     d->events[i].value);
    return text;
}

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
    struct device_event *event = device_record(ctx, DEVICE_LOG);

    event->level = level;
    event->text = strdup(message);
}

/* ---- Memory ---- */

static int map(void *ctx, void *p, size_t length, enum virtio_dir dir, uint64_t *bus, void **token)
{
    struct device *d = ctx;
    struct device_mapping *mapping;
    struct device_event *event;

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
    event = device_record(d, DEVICE_MAP);
    event->offset = mapping->bus;
    *bus = mapping->bus;
    *token = mapping;
    return 0;
}

static void unmap(void *ctx, void *token)
{
    struct device *d = ctx;
    struct device_mapping *mapping = token;
    struct device_event *event = device_record(d, DEVICE_UNMAP);

    event->offset = mapping->bus;
    if (!mapping->live) {
        device_complain(d, "unmapped twice: bus address 0x%llx", (unsigned long long)mapping->bus);
        return;
    }
    if (device_ring_owns(d, mapping->bus, mapping->length)) /* DRV-CLEAN-02 */
        device_complain(d, "memory at bus address 0x%llx was taken back from the device",
                        (unsigned long long)mapping->bus);
    mapping->live = false;
    d->maps_live--;
}

uint8_t *device_dma(struct device *d, uint64_t bus, uint64_t length, bool write)
{
    if ((device_pci_command(d) & 4) == 0) {
        device_complain(d, "needs memory, but is no bus master");
        return NULL;
    }
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
