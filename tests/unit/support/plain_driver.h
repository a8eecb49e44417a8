/* SPDX-License-Identifier: BSD-2-Clause */
/* A virtio driver with one or two queues and no knowledge of any device type, to test the core with. */
#ifndef TESTS_UNIT_SUPPORT_PLAIN_DRIVER_H
#define TESTS_UNIT_SUPPORT_PLAIN_DRIVER_H

#include "tests/unit/support/device.h"

#define PLAIN_FEATURE DEVICE_FEATURE /* the one device-specific bit that it implements */

/* Its state; the first part is the test's to set. */
struct plain {
    unsigned queues, size; /* to make in probe(); 0: none. Entries */
    uint64_t drop, add;    /* features that negotiate() takes away, or tries to add */
    int negotiate_error, probe_error;
    bool forgets_driver_ok, forgets_reset;
    bool says_clean; /* remove() claims that the device is CLEAN and does nothing */
    void (*during_negotiation)(struct virtio_device *dev);
    void (*before_driver_ok)(struct plain *plain);

    struct virtio_device *dev;
    struct virtqueue *queue[2];
    unsigned probed, removed;
};

/* For the device type that device_new(VIRTIO_ID_ENTROPY) makes; needs memory for two queues. */
extern const struct virtio_driver plain_driver;
/* The same without PLAIN_FEATURE. */
extern const struct virtio_driver plainer_driver;

/* A bus with one device of that type and memory for two queues of `size`, discovered and claimed; fails the test if not. */
struct plain_rig {
    struct virtio_bus bus;
    struct device *d;
    struct plain plain;
};
void plain_rig_make(struct plain_rig *rig, unsigned size);
/* As plain_rig_make(), with the claim left to the test. */
void plain_rig_discover(struct plain_rig *rig, unsigned size);
int plain_rig_claim(struct plain_rig *rig);

#endif
