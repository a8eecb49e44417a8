/* SPDX-License-Identifier: BSD-2-Clause */
/* What the core asks of a transport (VIRTIO 1.4, chapter 4). Internal to virtio/. */
#ifndef VIRTIO_TRANSPORT_H
#define VIRTIO_TRANSPORT_H

#include "virtio/virtio.h"

/* Where a queue lies, as the device is told. */
struct virtio_queue_place {
    uint16_t index;
    uint64_t desc, driver, device; /* bus addresses of the three areas */
    uint32_t page; /* legacy: number of the page (VIRTQ_LEGACY_ALIGN) where `desc` is; never 0 */
};

/* How a queue is notified: one write of `value`, through the pointer, or to the window when there is none. */
struct virtio_notify {
    volatile uint16_t *pointer;
    uint8_t region;
    uint64_t offset;
    uint16_t value;
};

/*
 * The legacy interface (virtio_device.legacy) differs in this: no VERSION_1 and no FEATURES_OK, feature bits 0 to 31, no
 * generation, and the parts of a ring one behind the other, told to the device as one page number.
 */
struct virtio_transport {
    const char *name;
    uint8_t (*get_status)(struct virtio_device *dev);
    void (*set_status)(struct virtio_device *dev, uint8_t status);

    uint64_t (*get_features)(struct virtio_device *dev);
    void (*set_features)(struct virtio_device *dev, uint64_t features);

    uint32_t (*generation)(struct virtio_device *dev); /* NULL: it has none */

    /* The largest size of queue `index`; 0: there is no such queue. */
    uint16_t (*queue_max)(struct virtio_device *dev, uint16_t index);
    /* Asks for a size and returns the one that the device will use, as read back. */
    uint16_t (*queue_resize)(struct virtio_device *dev, uint16_t index, uint16_t size);
    /* Programs and enables a queue and says how to notify it. Errors: QUEUE. NULL: devices can be reset, not driven. */
    int (*queue_enable)(struct virtio_device *dev, const struct virtio_queue_place *place,
                        struct virtio_notify *notify);

    /* Lets the device reach memory, without interrupts. NULL, both: the transport has no such switch. */
    void (*enable_dma)(struct virtio_device *dev);
    /* Takes that away again; Interrupt Disable is as it was found, decoding stays on. */
    void (*disable_dma)(struct virtio_device *dev);
};

extern const struct virtio_transport virtio_pci_transport;
extern const struct virtio_transport virtio_pci_legacy_transport;

#endif
