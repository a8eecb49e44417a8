/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The device core from the inside (VIRTIO 1.4, chapter 2): status, features, queues, configuration, reset. Front ends
 * translate registers into the accesses below; models serve what the queues bring. Tests may look at every field.
 */
#ifndef LAUNCHER_DEVICE_H
#define LAUNCHER_DEVICE_H

#include "launcher/faults.h"
#include "launcher/history.h"
#include "launcher/launcher.h"
#include "launcher/referee.h"

struct launcher_front;
struct launcher_model;
struct launcher_ring;
struct launcher_ring_state;
struct launcher_chain;
struct launcher_segment;

struct launcher_queue {
    /* What the driver sees. */
    uint16_t index;
    uint16_t room; /* the largest size it really has */
    uint16_t max;  /* what queue_size reads as after a reset: a fault may differ */
    uint16_t size; /* what it reads as now */
    uint16_t notify_off, vector, notif_config_data;
    bool enabled, resetting;
    uint64_t desc, driver, device; /* bus addresses; legacy: computed from the page number */
    uint32_t pfn, align;           /* legacy */
    uint64_t reset_polls_left;     /* while `resetting` */

    /* The device's own indices and what it has taken. A reset forgets them. */
    const struct launcher_ring *ring;
    bool broken; /* the driver's ring made no sense: nothing is taken any more */
    uint16_t avail_next, used_next;
    bool avail_wrap, used_wrap; /* packed */
    uint16_t used_shown;        /* split: the index as it stands in the ring (a fault may differ) */
    bool quiet;                 /* asked the driver not to notify; looks by itself */
    struct launcher_chain **flight; /* taken and not used, oldest first */
    unsigned flight_count, flight_room;
    struct launcher_ring_state *ring_state; /* the ring's own */

    uint64_t notifications, idle_notifications, taken, used, interrupts;
};

struct launcher_device {
    struct launcher_options options;
    const struct launcher_personality *personality;
    const struct launcher_front *front;
    const struct launcher_model *model;
    void *front_state, *model_state;
    char *name;
    uint64_t now; /* of launcher_run() */

    uint8_t status;
    uint64_t offered;  /* half one: what the device can do */
    uint64_t accepted; /* half two: what the driver acknowledged */
    uint32_t offered_select, accepted_select, queue_select;
    uint8_t *config;
    size_t config_length;
    uint32_t generation;
    uint8_t isr;
    uint16_t config_vector;
    struct launcher_queue *queues;
    unsigned queue_count;

    bool legacy;        /* the legacy interface is in use */
    bool reset_pending; /* status was written 0, and does not read 0 yet */
    uint64_t reset_polls_left;
    struct launcher_segment *stale; /* what it could write before the reset, for DMA_AFTER_RESET */
    unsigned stale_count;
    bool dead;              /* answers no request any more (dies_without_queues, or the fault) */
    uint64_t resets, lives; /* how often status was written 0; DRIVER_OK was set */
    uint64_t barriers[3];   /* the driver's, by kind */
    uint64_t early_outputs; /* notifications that came too soon, and were refused */

    struct launcher_referee referee;
    struct launcher_faults faults;
    struct launcher_history history;
};

/* ---- device.c: what front ends call. The referee has seen the access already. ---- */

uint8_t launcher_get_status(struct launcher_device *dev);
void launcher_set_status(struct launcher_device *dev, uint8_t value);
uint32_t launcher_offered_word(const struct launcher_device *dev, uint32_t select);
void launcher_accept_word(struct launcher_device *dev, uint32_t select, uint32_t value);
/* NULL: there is no such queue. */
struct launcher_queue *launcher_queue(struct launcher_device *dev, uint32_t index);
void launcher_queue_set_size(struct launcher_device *dev, struct launcher_queue *queue,
                             uint16_t size);
void launcher_queue_enable(struct launcher_device *dev, struct launcher_queue *queue);
/* 2.6.1: stops using the queue's buffers; its fields are as after a device reset. */
void launcher_queue_reset(struct launcher_device *dev, struct launcher_queue *queue);
/* Whether that is still going on: a poll by the driver. */
bool launcher_queue_resetting(struct launcher_queue *queue);
/* A notification, with the value that was written (NOTIFICATION_DATA: index, offset, wrap counter). */
void launcher_notify(struct launcher_device *dev, uint32_t value, unsigned width);
uint32_t launcher_config_read(struct launcher_device *dev, uint64_t offset, unsigned width);
void launcher_config_write(struct launcher_device *dev, uint64_t offset, unsigned width,
                           uint32_t value);

/*
 * Clears status, the accepted features and the device's own indices, stops using every buffer, and does not touch the
 * rings again. (The descriptor page's front end zeroes the rings before it.)
 */
void launcher_reset(struct launcher_device *dev);

/* ---- device.c: what models and rings call ---- */

static inline bool launcher_accepted(const struct launcher_device *dev, unsigned bit)
{
    return (dev->accepted >> bit & 1) != 0;
}
bool launcher_is_live(const struct launcher_device *dev); /* DRIVER_OK, no NEEDS_RESET, not dead */
void launcher_needs_reset(struct launcher_device *dev);
/* A change of the configuration: moves the generation and tells the driver. Little-endian. */
void launcher_set_config(struct launcher_device *dev, size_t offset, size_t width, uint64_t value);
uint64_t launcher_get_config(const struct launcher_device *dev, size_t offset, size_t width);
void launcher_interrupt_queue(struct launcher_device *dev, struct launcher_queue *queue);
void launcher_interrupt_config(struct launcher_device *dev);
/* Guest memory; false and a violation of the rule that demands it when it cannot be reached. */
bool launcher_dma_read(struct launcher_device *dev, uint64_t address, void *to, size_t length);
bool launcher_dma_write(struct launcher_device *dev, uint64_t address, const void *from,
                        size_t length);

/* Ring and transport features (24 up) that mean something there. */
uint64_t launcher_transport_features(enum launcher_front_kind kind);

/* ---- life.c, for device.c ---- */

/* The state after power-on: as after a reset, which it does not count as. */
void launcher_power_on(struct launcher_device *dev);
/* Stops using the queue's buffers, and sets its registers as after a reset. */
void launcher_queue_stop(struct launcher_device *dev, struct launcher_queue *queue);
/* The fault of that name: writes to buffers that are not, or soon will not be, the device's. */
void launcher_late_dma(struct launcher_device *dev);

/* For all of the launcher: memory that is there, or the process ends. */
void *launcher_allocate(size_t bytes); /* zeroed */
void *launcher_grow(void *old, size_t bytes);

#endif
