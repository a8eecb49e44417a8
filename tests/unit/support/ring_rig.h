/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A launcher device that echoes nothing but its queue: a buffer's writable bytes are filled with RING_RIG_BYTE and its readable
 * bytes are kept, so that tests see what the rings did. Driven by the raw driver.
 */
#ifndef TESTS_UNIT_SUPPORT_RING_RIG_H
#define TESTS_UNIT_SUPPORT_RING_RIG_H

#include "launcher/ring.h"
#include "tests/unit/support/raw_driver.h"

#define RING_RIG_BYTE 0xa5u
#define RING_RIG_KEPT 4096u

#define RING_BIT(feature) (1ull << (feature))

struct ring_rig {
    struct raw_driver *raw;
    struct launcher_device *dev;
    struct raw_queue *queue;   /* queue 0 */
    struct launcher_queue *of; /* the device's side of it */
    uint64_t page;             /* 4 KiB for buffers */
};

/* With all ring features offered, or those of the options: up to FEATURES_OK with `features`, queue 0 made, DRIVER_OK set. */
struct ring_rig ring_rig_new(uint64_t features, uint16_t size);
struct ring_rig ring_rig_with(const struct launcher_options *options, uint64_t features,
                              uint16_t size);
/* A new life with other features. */
void ring_rig_restart(struct ring_rig *rig, uint64_t features, uint16_t size);
void ring_rig_free(struct ring_rig *rig);

/* Whether a rule was broken, SHOULD or MUST. */
bool ring_rig_broke(const struct ring_rig *rig, const char *id);

/* What the latest buffer's readable bytes were, and how many. */
const uint8_t *ring_rig_read(const struct ring_rig *rig, size_t *length);

/* Adds a buffer of one writable segment, `length` bytes at the page; its id. */
uint16_t ring_rig_add(struct ring_rig *rig, uint32_t length);
/* Adds, kicks, and takes it back: fails the test unless it is used at once with `length`. */
void ring_rig_turn(struct ring_rig *rig, uint32_t length);

/* A driver that breaks one rule: it is legal up to `run`, with a queue of `size` entries (0: FEATURES_OK and no queue). */
struct ring_mutant {
    const char *id;
    uint64_t features;
    uint16_t size;
    void (*run)(struct ring_rig *rig);
};
#define MUTANT(id, features, size, run)                                                            \
    {                                                                                              \
        id, features, size, run                                                                    \
    }

/* Fails the test unless each of them is caught by its rule. */
void ring_rig_mutants(const struct ring_mutant *mutants, size_t count);

/* A buffer whose first readable byte is one of these: half of it is written; the model says "not now". */
#define RING_RIG_HALF  0xf1u
#define RING_RIG_LATER 0xf2u

#endif
