/* SPDX-License-Identifier: BSD-2-Clause */
/* Device types (VIRTIO 1.4, chapter 5): what a model supplies. blk.c, console.c, rng.c, balloon.c, plain.c. */
#ifndef LAUNCHER_MODEL_H
#define LAUNCHER_MODEL_H

#include "launcher/ring.h"

struct launcher_config_field {
    uint16_t offset, width; /* bytes */
    int16_t feature; /* that it depends on; -1: always there; -2: never the driver's to touch */
    bool writable;   /* by the driver */
};

struct launcher_model {
    const char *name;
    uint32_t id;
    uint64_t features; /* of this device type that are implemented here */
    uint64_t
        type_features; /* all that the specification defines for this type (bits 0 to 23 and 50 up) */
    unsigned queues;   /* at least; create() may raise dev->queue_count before queues are made */
    size_t config_length;
    /* Ends with width 0. NULL: unknown, any width will do, and all of it can be written. */
    const struct launcher_config_field *fields;
    bool
        legacy_little_endian; /* its configuration, even to a legacy driver of a big-endian guest */

    /* Fills dev->config, dev->model_state. Errors: errno, from a file. */
    int (*create)(struct launcher_device *dev);
    void (*destroy)(struct launcher_device *dev);
    void (*reset)(struct launcher_device *dev);
    /* FEATURES_OK is being set: false refuses it; may be NULL. (A legacy driver never sets it.) */
    bool (*agree)(struct launcher_device *dev);
    void (*live)(struct launcher_device *dev); /* DRIVER_OK was set; may be NULL */
    /* The driver asked for a reset: all that it set up is still there to be judged; may be NULL. */
    void (*end)(struct launcher_device *dev);
    /*
     * Serves a buffer: reads and writes its memory, judges the request, and says how many bytes it wrote. false: not now
     * (a receive queue without anything to say); it is asked again.
     */
    bool (*serve)(struct launcher_device *dev, struct launcher_queue *queue,
                  struct launcher_chain *chain, uint32_t *written);
    /* The driver is about to read or write the configuration, whether it may or not; may be NULL. */
    void (*config_touched)(struct launcher_device *dev, uint64_t offset, unsigned width,
                           bool write);
    void (*config_written)(struct launcher_device *dev, uint64_t offset,
                           unsigned width);    /* may be NULL */
    void (*work)(struct launcher_device *dev); /* in launcher_run(), when live; may be NULL */
};

extern const struct launcher_model launcher_blk, launcher_console, launcher_rng, launcher_balloon;
/* Any other type: queues that are taken from and never answered. */
extern const struct launcher_model launcher_plain;

/* ---- model.c: what models share ---- */

/* Values in memory shared with the driver: little-endian, or of a legacy driver's own byte order. Both ways. */
uint16_t launcher_guest16(const struct launcher_device *dev, uint16_t value);
uint32_t launcher_guest32(const struct launcher_device *dev, uint32_t value);
uint64_t launcher_guest64(const struct launcher_device *dev, uint64_t value);
/* Where in dev->config, which is little-endian, the byte is that the driver finds at `offset`. */
size_t launcher_config_place(const struct launcher_device *dev, size_t offset);
/* How many faults have fired: rules about what a driver still owes are not for a life in which the device misbehaved. */
uint64_t launcher_faults_fired(const struct launcher_device *dev);
/* Whether bytes of the access belong to that field. */
static inline bool launcher_touches(uint64_t offset, unsigned width, size_t field, size_t length)
{
    return offset < field + length && offset + width > field;
}
#define LAUNCHER_TOUCHES(offset, width, type, field)                                               \
    launcher_touches(offset, width, offsetof(struct type, field), sizeof(((struct type *)0)->field))

#endif
