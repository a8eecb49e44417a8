/* SPDX-License-Identifier: BSD-2-Clause */
/* A device of the launcher for tests of Slate's drivers: made, found by the code under test, and judged at the end. */
#include "tests/unit/support/device.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum {
    NOTIFY_BYTES = 0x1000, /* more than the queues take, as devices have it */
    MSIX_CONTROL = LAUNCHER_PCI_CAP_MSIX + 2,
    MSIX_ENABLE = 0x8000,
};

void device_complain(struct device *d, const char *format, ...)
{
    va_list arguments;

    if (d->complaints++ > 0)
        return;
    va_start(arguments, format);
    (void)vsnprintf(d->complaint, sizeof(d->complaint), format, arguments);
    va_end(arguments);
}

/* ---- Made ---- */

/* The smallest common structure that there may be, and offsets of notifications that are not the queues' indexes. */
static void arrange(struct device *d)
{
    for (unsigned i = 0; i < d->host->queue_count; i++)
        d->host->queues[i].notify_off = (uint16_t)(i + 1);
    d->function->common.length = VIRTIO_PCI_COMMON_CFG_MIN;
    d->function->notify.length = NOTIFY_BYTES;
    device_pci_fill(d);
}

struct device *device_new_with(const struct launcher_options *options)
{
    struct device *d = calloc(1, sizeof(*d));
    struct launcher_options complete = *options;

    if (d == NULL)
        abort();
    d->personality = *launcher_personalities[0];
    complete.personality = &d->personality;
    complete.memory = device_memory;
    complete.memory.ctx = d;
    d->host = launcher_new(&complete);
    if (d->host == NULL)
        abort();
    d->function = launcher_pci_of(d->host);
    d->pci = d->function->config;
    if (d->function->modern)
        arrange(d);
    /* Left enabled by whoever had the device before. */
    launcher_pci_put(d->function, MSIX_CONTROL, 2,
                     launcher_pci_get(d->function, MSIX_CONTROL, 2) | MSIX_ENABLE);
    if (options->type == VIRTIO_ID_BLOCK)
        device_blk_fill(d, 0, DEVICE_SECTORS);
    device_env_init(d);
    return d;
}

static struct device *new_of(uint32_t id, enum launcher_front_kind front, uint64_t features)
{
    bool known = id == VIRTIO_ID_BLOCK || id == VIRTIO_ID_CONSOLE;

    return device_new_with(&(struct launcher_options){
        .type = id,
        .model = known ? NULL : &device_plain,
        .front = front,
        .features = features,
        .only_features = true,
        .sectors = DEVICE_SECTORS,
        .serial = "slate-test",
    });
}

struct device *device_new(uint32_t id)
{
    return new_of(id, LAUNCHER_PCI, 1ull << VIRTIO_F_VERSION_1);
}

struct device *device_new_legacy(uint32_t id)
{
    return new_of(id, LAUNCHER_PCI_LEGACY, 0);
}

int device_discover(struct device *d, struct virtio_bus *bus)
{
    int error = virtio_pci_init(&d->dev, "00:03.0", &d->io, d, &d->env);

    return error != 0 ? error : virtio_discover(bus, &d->dev);
}

/* ---- Judged ---- */

static const struct launcher_violation *first_duty(const struct device *d)
{
    const struct launcher_violation *at = launcher_first_violation(d->host);

    while (at != NULL && strncmp(at->level, "MUST", 4) != 0)
        at = at->next;
    return at;
}

void device_expect_complaint(struct device *d, const char *text)
{
    const struct launcher_violation *at = launcher_first_violation(d->host);
    bool complained = d->complaints > 0 && strstr(d->complaint, text) != NULL;

    while (at != NULL && strcmp(at->id, text) != 0 && strstr(at->text, text) == NULL)
        at = at->next;
    if (at == NULL && !complained)
        fail_msg("expected a complaint with \"%s\", got \"%s\"", text, d->complaint);
    launcher_forget_violations(d->host);
    d->complaints = 0;
    d->complaint[0] = '\0';
}

void device_free(struct device *d)
{
    const struct launcher_violation *violation = first_duty(d);
    char text[512] = "";
    /* What is in flight in a live device is mapped, and rightly so. */
    bool may_hold = d->dev.state == VIRTIO_STUCK || d->dev.state == VIRTIO_LIVE;
    unsigned leaked = may_hold ? 0 : d->maps_live;

    if (violation != NULL) {
        (void)snprintf(text, sizeof(text), "%s: %s", violation->id, violation->text);
        launcher_report(d->host, stderr);
    } else if (d->complaints > 0) {
        (void)snprintf(text, sizeof(text), "%s", d->complaint);
    } else if (leaked > 0) {
        (void)snprintf(text, sizeof(text), "%u mappings were never undone", leaked);
    }
    launcher_free(d->host);
    device_env_free(d);
    free(d);
    if (text[0] != '\0')
        fail_msg("%s", text);
}

/* ---- Failing ---- */

static uint64_t used_so_far(const struct device *d)
{
    uint64_t used = 0;

    for (unsigned i = 0; i < d->host->queue_count; i++)
        used += d->host->queues[i].used;
    return used;
}

static bool is_bad_life(const struct device *d)
{
    return d->failure.lives > 0 && d->host->lives <= d->failure.lives;
}

static bool ends_silently(enum launcher_fault fault)
{
    return fault == LAUNCHER_FAULT_NEVER || fault == LAUNCHER_FAULT_NEEDS_RESET;
}

static void arm_failure(struct device *d)
{
    struct device_failure *failure = &d->failure;
    bool silent = ends_silently(failure->fault);

    failure->used_before = used_so_far(d);
    launcher_fault_disarm(d->host, LAUNCHER_FAULT_NEVER);
    if (!silent)
        launcher_fault_disarm(d->host, failure->fault);
    if (!is_bad_life(d))
        return;
    if (!silent)
        launcher_fault_arm(d->host, failure->fault, failure->after, 1, failure->value);
    launcher_fault_arm(d->host, LAUNCHER_FAULT_NEVER, failure->after + !silent, 0, 0);
}

void device_fail(struct device *d, enum launcher_fault fault, uint64_t value, uint64_t after,
                 unsigned lives)
{
    if (d->failure.lives > 0)
        launcher_fault_disarm(d->host, d->failure.fault);
    d->failure = (struct device_failure){
        .fault = fault,
        .value = value,
        .after = after,
        .lives = lives,
        .lives_seen = d->host->lives,
    };
    arm_failure(d);
}

void device_see_life(struct device *d)
{
    if (d->failure.lives == 0 || d->failure.lives_seen == d->host->lives)
        return;
    d->failure.lives_seen = d->host->lives;
    arm_failure(d);
}

static bool anything_waits(const struct device *d)
{
    for (unsigned i = 0; i < d->host->queue_count; i++)
        if (d->host->queues[i].flight_count > 0)
            return true;
    return false;
}

static void ask_for_reset(struct device *d)
{
    if (d->failure.fault == LAUNCHER_FAULT_NEEDS_RESET && is_bad_life(d) &&
        launcher_is_live(d->host) && anything_waits(d) &&
        used_so_far(d) - d->failure.used_before >= d->failure.after)
        launcher_needs_reset(d->host);
}

/* ---- Working ---- */

static void look_at_cell(struct device *d)
{
    uint16_t value;

    if (d->notify_cell == NULL || *d->notify_cell == 0xffff)
        return;
    value = *d->notify_cell;
    *d->notify_cell = 0xffff;
    launcher_write(d->host, DEVICE_BAR,
                   d->function->notify.offset + (uint64_t)d->host->queues[value].notify_off *
                                                    d->personality.notify_multiplier,
                   2, value);
}

void device_work(struct device *d)
{
    look_at_cell(d);
    launcher_run(d->host, d->now);
    ask_for_reset(d);
}

void device_delay(struct device *d, uint64_t ns)
{
    d->host->options.latency_ns = ns;
}

void device_newest_first(struct device *d)
{
    launcher_fault_arm(d->host, LAUNCHER_FAULT_OUT_OF_ORDER, 0, 0, UINT64_MAX);
}

void device_queue_max(struct device *d, unsigned index, uint16_t max)
{
    struct launcher_queue *queue = &d->host->queues[index];

    queue->room = queue->max = queue->size = max;
}

void device_ring_put(struct device *d, unsigned index, uint32_t id, uint32_t length)
{
    static const struct launcher_chain nothing; /* no descriptor is given back by it */
    struct launcher_queue *queue = &d->host->queues[index];

    queue->ring->use(d->host, queue, &nothing, id, length);
}

void device_set_config(struct device *d, size_t offset, size_t width, uint64_t value)
{
    launcher_set_config(d->host, offset, width, value);
}
