/* SPDX-License-Identifier: BSD-2-Clause */
/* The plain driver: negotiates one bit, makes its queues, and forgets what it is told to forget. */
#include "tests/unit/support/plain_driver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t features[] = {PLAIN_FEATURE};

static int negotiate(struct virtio_device *dev, struct virtio_features *accepted)
{
    struct plain *plain = dev->driver_state;

    if (plain->during_negotiation != NULL)
        plain->during_negotiation(dev);
    accepted->mask = (accepted->mask & ~plain->drop) | plain->add;
    return plain->negotiate_error;
}

static int probe(struct virtio_device *dev)
{
    struct plain *plain = dev->driver_state;

    plain->probed++;
    plain->dev = dev;
    for (unsigned i = 0; i < plain->queues; i++) {
        int error = virtqueue_create(dev, i, plain->size, &plain->queue[i]);

        if (error != 0)
            return error;
    }
    if (plain->before_driver_ok != NULL)
        plain->before_driver_ok(plain);
    if (plain->probe_error != 0)
        return plain->probe_error;
    if (!plain->forgets_driver_ok)
        virtio_driver_ok(dev);
    return 0;
}

static void give_back(struct virtio_device *dev)
{
    struct plain *plain = dev->driver_state;

    plain->removed++;
    if (plain->says_clean)
        dev->state = VIRTIO_CLEAN;
    else if (!plain->forgets_reset)
        (void)virtio_reset(dev);
}

static void describe(const struct virtio_request *request, char *text, size_t size)
{
    (void)request;
    strncpy(text, "the plain request", size - 1);
    text[size - 1] = '\0';
}

const struct virtio_driver plain_driver = {
    .name = "plain",
    .device_id = VIRTIO_ID_ENTROPY,
    .features = features,
    .feature_count = sizeof(features),
    .queues = 2,
    .negotiate = negotiate,
    .probe = probe,
    .remove = give_back,
    .describe = describe,
};

const struct virtio_driver plainer_driver = {
    .name = "plainer",
    .device_id = VIRTIO_ID_ENTROPY,
    .queues = 2,
    .probe = probe,
    .remove = give_back,
};

void plain_rig_discover(struct plain_rig *rig, unsigned size)
{
    *rig = (struct plain_rig){.plain = {.queues = 1, .size = size}};
    rig->d = device_new(VIRTIO_ID_ENTROPY);
    rig->d->host->offered |= 1ull << PLAIN_FEATURE;
    device_give_memory(rig->d, &plain_driver, size);
    assert_int_equal(device_discover(rig->d, &rig->bus), 0);
}

int plain_rig_claim(struct plain_rig *rig)
{
    return virtio_claim(&rig->bus, &rig->d->dev, &plain_driver, &rig->plain);
}

void plain_rig_make(struct plain_rig *rig, unsigned size)
{
    plain_rig_discover(rig, size);
    assert_int_equal(plain_rig_claim(rig), 0);
}
