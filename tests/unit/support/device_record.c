/* SPDX-License-Identifier: BSD-2-Clause */
/* The record of what happened to a test device: register accesses, log lines, mappings, in one order for all devices. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/support/device.h"

void device_record(struct device *d, const struct device_event *event)
{
    static uint64_t order;

    if (d->event_count == d->event_room) {
        d->event_room = d->event_room == 0 ? 1024 : d->event_room * 2;
        d->events = realloc(d->events, d->event_room * sizeof(*d->events));
        if (d->events == NULL)
            abort();
    }
    d->events[d->event_count] = *event;
    d->events[d->event_count++].order = ++order;
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
    return event->kind == kind && event->region == DEVICE_BAR &&
           event->offset == d->function->common.offset + offset;
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
    if (!d->function->modern)
        return event->kind == DEVICE_WRITE && event->region == LAUNCHER_PCI_BAR_BLOCK &&
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

bool device_reads_config(const struct device *d, const struct device_event *event, uint64_t offset)
{
    return event->kind == DEVICE_READ && event->region == DEVICE_BAR &&
           event->offset == d->function->device.offset + offset;
}
