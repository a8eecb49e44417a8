/* SPDX-License-Identifier: BSD-2-Clause */
/* The raw driver with a disk: requests of any form, for tests of the launcher's block device. */
#ifndef TESTS_UNIT_SUPPORT_RAW_BLK_H
#define TESTS_UNIT_SUPPORT_RAW_BLK_H

#include "launcher/blk.h"
#include "tests/unit/support/raw_driver.h"

enum {
    RAW_BLK_QUEUE = 16,
    RAW_BLK_NO_STATUS = 0xee, /* what the status byte holds before the device writes it */
};

struct raw_blk {
    struct raw_driver *raw;
    struct launcher_device *dev;
    struct raw_queue *queue;
    uint64_t buffer;      /* 64 KiB for data, and a page so that pieces need not touch */
    uint32_t used_length; /* of the latest request */
    bool used;            /* it came back */
};

#define RAW_BLK_BYTES 65536u

/* A live disk with these features accepted, on queue 0. */
struct raw_blk raw_blk_new(const struct launcher_options *options, uint64_t features);
/* The same without anything done yet. */
struct raw_blk raw_blk_found(const struct launcher_options *options);
void raw_blk_bring_up(struct raw_blk *disk, uint64_t features);
void raw_blk_free(struct raw_blk *disk);

/* A request with `length` bytes of the buffer as its data; its status. */
uint8_t raw_blk_ask(struct raw_blk *disk, uint32_t type, uint64_t sector, uint32_t length);
/* With ranges. */
uint8_t raw_blk_ranges(struct raw_blk *disk, uint32_t type, const struct launcher_blk_part *parts,
                       unsigned count);
/* Any segments: header first, status (of one byte) last, which are added. `writable`: the data's direction. */
uint8_t raw_blk_pieces(struct raw_blk *disk, uint32_t type, uint64_t sector,
                       const uint32_t *lengths, unsigned count, bool writable);

/* Fills the buffer with bytes that tell their place; whether it holds those of the seed. */
void raw_blk_fill(struct raw_blk *disk, uint32_t length, uint8_t seed);
bool raw_blk_holds(struct raw_blk *disk, uint32_t length, uint8_t seed);
bool raw_blk_all(struct raw_blk *disk, uint32_t length, uint8_t value);

/* A field of the configuration as a modern driver reads it, 32 bits at a time. */
uint64_t raw_blk_config(struct raw_blk *disk, size_t offset, size_t width);
#define RAW_BLK_CONFIG(disk, field)                                                                \
    raw_blk_config(disk, offsetof(struct virtio_blk_config, field),                                \
                   sizeof(((struct virtio_blk_config *)0)->field))

/*
 * Serves a buffer past any ring: what a model makes of it, whatever the interface and byte order. false: not served.
 */
bool raw_serve(struct raw_driver *raw, unsigned queue, const struct raw_segment *segments,
               unsigned count, uint32_t *written);
#define RAW_SERVE(raw, queue, written, ...)                                                        \
    raw_serve(raw, queue, (const struct raw_segment[]){__VA_ARGS__},                               \
              sizeof((const struct raw_segment[]){__VA_ARGS__}) / sizeof(struct raw_segment),      \
              written)

#endif
