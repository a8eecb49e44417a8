/* SPDX-License-Identifier: BSD-2-Clause */
/* The test device: made, found by the code under test, and judged at the end. */
#include "tests/unit/support/device.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

void device_complain(struct device *d, const char *format, ...)
{
    va_list arguments;

    if (d->complaints++ > 0)
        return;
    va_start(arguments, format);
    (void)vsnprintf(d->complaint, sizeof(d->complaint), format, arguments);
    va_end(arguments);
}

struct device *device_new(uint32_t id)
{
    struct device *d = calloc(1, sizeof(*d));

    if (d == NULL || __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__)
        abort();
    d->id = id;
    d->features = 1ull << VIRTIO_F_VERSION_1;
    d->bar_size[4] = 0x4000;
    d->common = (struct device_window){4, 0x0000, VIRTIO_PCI_COMMON_CFG_MIN};
    d->isr = (struct device_window){4, 0x1000, 1};
    d->config = (struct device_window){4, 0x2000, DEVICE_CONFIG_BYTES};
    d->notify = (struct device_window){4, 0x3000, 0x1000};
    d->notify_multiplier = 4;
    d->num_queues = id == VIRTIO_ID_BLOCK ? 1 : 2;
    for (unsigned i = 0; i < DEVICE_QUEUES; i++) {
        d->queues[i].max = 256;
        d->queues[i].size_forced = DEVICE_NO_SIZE;
        d->queues[i].notify_off = (uint16_t)(i + 1);
    }
    d->io = (struct virtio_io){
        .read = device_io_read, .write = device_io_write, .size = device_io_size};
    device_env_init(d);
    device_pci_fill(d);
    if (id == VIRTIO_ID_BLOCK)
        device_blk_init(d);
    device_finish_reset(d);
    return d;
}

int device_discover(struct device *d, struct virtio_bus *bus)
{
    int error = virtio_pci_init(&d->dev, "00:03.0", &d->io, d, &d->env);

    return error != 0 ? error : virtio_discover(bus, &d->dev);
}

bool device_serve(struct device *d, struct device_queue *queue, const struct device_chain *chain,
                  uint32_t *written)
{
    switch (d->id) {
    case VIRTIO_ID_BLOCK:
        return device_blk_serve(d, chain, written);
    case VIRTIO_ID_CONSOLE:
        return device_console_serve(d, queue, chain, written);
    default:
        *written = 0;
        return true;
    }
}

void device_expect_complaint(struct device *d, const char *text)
{
    if (d->complaints == 0 || strstr(d->complaint, text) == NULL)
        fail_msg("expected a complaint with \"%s\", got \"%s\"", text, d->complaint);
    d->complaints = 0;
    d->complaint[0] = '\0';
}

void device_free(struct device *d)
{
    char text[sizeof(d->complaint)];
    unsigned complaints = d->complaints;
    unsigned leaked = d->dev.state == VIRTIO_STUCK ? 0 : d->maps_live;

    memcpy(text, d->complaint, sizeof(text));
    if (d->dev.state == VIRTIO_LIVE)
        leaked = 0; /* what is in flight is mapped, and rightly so */
    for (unsigned i = 0; i < DEVICE_QUEUES; i++)
        device_ring_forget(&d->queues[i]);
    device_blk_free(d);
    device_env_free(d);
    free(d);
    if (complaints > 0)
        fail_msg("the device complains: %s", text);
    if (leaked > 0)
        fail_msg("%u mappings were never undone", leaked);
}
