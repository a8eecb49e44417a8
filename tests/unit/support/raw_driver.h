/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A driver of raw register and ring operations for tests of the launcher, written from the specification; it shares only
 * virtio/spec.h with Slate. Used plainly it is a legal driver; every step can also be taken apart, to break one rule.
 *
 *   struct raw_driver *raw = raw_driver_new(&(struct launcher_options){.type = VIRTIO_ID_BLOCK, .sectors = 8});
 *   raw_start(raw, 0);                                   // reset, ACKNOWLEDGE, DRIVER, features and VERSION_1, FEATURES_OK
 *   struct raw_queue *queue = raw_queue(raw, 0, 8);
 *   raw_live(raw);                                       // DRIVER_OK
 *   uint64_t header = raw_alloc(raw, 16), data = raw_alloc(raw, 512), status = raw_alloc(raw, 1);
 *   RAW_ADD(queue, {header, 16, RAW_READ}, {data, 512, RAW_WRITE}, {status, 1, RAW_WRITE});
 *   raw_kick(queue);
 *   struct raw_used used; assert_true(raw_used(queue, &used));
 *   raw_driver_free(raw);                                // fails the test if the launcher saw a violation
 */
#ifndef TESTS_UNIT_SUPPORT_RAW_DRIVER_H
#define TESTS_UNIT_SUPPORT_RAW_DRIVER_H

#include "launcher/launcher.h"

#define RAW_READ          0u /* the device reads this segment */
#define RAW_WRITE         1u /* it writes it */
#define RAW_MEMORY_BASE   0x100000ull
#define RAW_MEMORY_BYTES  0x1000000ull /* 16 MiB */
#define RAW_QUEUES        8u
#define RAW_NO_QUEUE_SIZE 0u /* raw_queue(): the size that the device states */

struct raw_segment {
    uint64_t address;
    uint32_t length;
    unsigned flags; /* RAW_READ, RAW_WRITE */
};

struct raw_window {
    bool there;
    unsigned region;
    uint64_t offset, length;
};

struct raw_driver {
    struct launcher_device *dev;
    uint8_t *memory; /* RAW_MEMORY_BYTES at bus address RAW_MEMORY_BASE, zeroed */
    uint64_t next;   /* raw_alloc(): the next free address */
    uint64_t now;    /* ns, of raw_run() */
    uint64_t features;
    unsigned interrupts, last_vector;

    struct raw_window common, notify, isr, config; /* PCI: found by raw_driver_new() */
    uint32_t notify_multiplier;
    bool big_endian;  /* of raw_put16() and the like: a legacy guest's order */
    bool no_barriers; /* do not tell the launcher of memory barriers */
    struct raw_queue *queues[RAW_QUEUES];
    /* How raw_notify() reaches the device; NULL: the PCI notify register of the queue. */
    void (*notify_with)(struct raw_driver *raw, struct raw_queue *queue, uint32_t value);
};

/* One virtqueue, as the driver sees it. Tests may change every field, to misbehave. */
struct raw_queue {
    struct raw_driver *raw;
    uint16_t index, size;
    bool packed;
    uint64_t desc, driver, device; /* bus addresses of the three areas */
    uint64_t notify_off;           /* of the notify register, in its region */
    uint16_t notify_value;         /* the index, or queue_notif_config_data */

    uint16_t avail_next; /* split: available index to be published; packed: next slot */
    bool avail_wrap;     /* packed */
    uint16_t used_next;  /* split: used index seen; packed: next slot */
    bool used_wrap;
    uint16_t kicked; /* split: the index at the latest raw_kick(); packed: slots since then */
    uint16_t free;   /* descriptors */
    uint16_t next_desc, next_id;
    uint16_t *slots; /* of the buffer with this id; 0: not in flight */
    uint16_t *owner; /* split: of a descriptor, 0: free */
    uint16_t *order; /* ids in flight, oldest first */
    unsigned in_flight;
};

/*
 * Makes the device with those options (memory and interrupt are filled in) and, on PCI, programs BARs, turns memory and
 * bus mastering on, and finds the structures. No register of the device is touched otherwise.
 */
struct raw_driver *raw_driver_new(const struct launcher_options *options);
/* Prints and fails the test on a violation that raw_expect() did not take; frees all. */
void raw_driver_free(struct raw_driver *raw);
/* Fails the test unless the first violation is of that rule; then forgets all violations. */
void raw_expect(struct raw_driver *raw, const char *id);
/* Fails the test unless a violation of that rule is among those seen (SHOULD rows as well); then forgets all. */
void raw_expect_among(struct raw_driver *raw, const char *id);

/* ---- Memory ---- */

/* `length` zeroed bytes, at a multiple of 16 (raw_alloc_at(): of `align`); a bus address. */
uint64_t raw_alloc(struct raw_driver *raw, uint64_t length);
uint64_t raw_alloc_at(struct raw_driver *raw, uint64_t length, uint64_t align);
/* Where a bus address lies in this process. */
void *raw_at(struct raw_driver *raw, uint64_t address);
void raw_put16(struct raw_driver *raw, uint64_t address, uint16_t value);
void raw_put32(struct raw_driver *raw, uint64_t address, uint32_t value);
void raw_put64(struct raw_driver *raw, uint64_t address, uint64_t value);
uint16_t raw_get16(struct raw_driver *raw, uint64_t address);
uint32_t raw_get32(struct raw_driver *raw, uint64_t address);
void raw_barrier(struct raw_driver *raw, enum launcher_barrier kind);

/* ---- Registers of the modern PCI interface ---- */

/* A field of struct virtio_pci_common_cfg, by its name, with its own width; 64-bit queue addresses: raw_set_address(). */
#define RAW_COMMON(field)                                                                          \
    offsetof(struct virtio_pci_common_cfg, field),                                                 \
        sizeof(((struct virtio_pci_common_cfg *)0)->field)
uint32_t raw_get(struct raw_driver *raw, size_t offset, size_t width);
void raw_set(struct raw_driver *raw, size_t offset, size_t width, uint32_t value);
void raw_set_address(struct raw_driver *raw, size_t offset, uint64_t value);
/* The device configuration. */
uint32_t raw_config(struct raw_driver *raw, size_t offset, size_t width);
uint8_t raw_status(struct raw_driver *raw);
/* Adds to the status: reads it, and writes it with these bits. */
void raw_add_status(struct raw_driver *raw, uint8_t bits);
uint64_t raw_offered(struct raw_driver *raw);
void raw_accept(struct raw_driver *raw, uint64_t features);

/* ---- Life ---- */

/* Writes status 0 and reads it until it is 0 (at most 1000 times); false: it never was. Forgets the queues. */
bool raw_reset(struct raw_driver *raw);
/*
 * From a reset to FEATURES_OK with VERSION_1 and `features`, of which those must be offered; false: FEATURES_OK did not stay.
 */
bool raw_start(struct raw_driver *raw, uint64_t features);
void raw_live(struct raw_driver *raw); /* DRIVER_OK */
/* Time passes; the device works. */
void raw_run(struct raw_driver *raw, uint64_t ns);

/* ---- Queues ---- */

/* Makes a queue of `size` entries, packed if RING_PACKED was accepted, tells the device of it and enables it. */
struct raw_queue *raw_queue(struct raw_driver *raw, uint16_t index, uint16_t size);
/* Its parts: memory and records only; registers; queue_enable. */
struct raw_queue *raw_queue_new(struct raw_driver *raw, uint16_t index, uint16_t size);
/* The legacy layout in one piece (2.7.2), used ring at a multiple of `align`, which `desc` is as well. */
struct raw_queue *raw_queue_new_legacy(struct raw_driver *raw, uint16_t index, uint16_t size,
                                       uint32_t align);
void raw_queue_program(struct raw_queue *queue);
void raw_queue_enable(struct raw_queue *queue);
void raw_queue_free(struct raw_queue *queue);

/*
 * Puts a buffer in the ring, and returns its id. Split: the available index is not published before raw_publish(). Packed:
 * the flags of its first descriptor are written last, behind a barrier.
 */
uint16_t raw_add(struct raw_queue *queue, const struct raw_segment *segments, unsigned count);
#define RAW_ADD(queue, ...)                                                                        \
    raw_add(queue, (const struct raw_segment[]){__VA_ARGS__},                                      \
            sizeof((const struct raw_segment[]){__VA_ARGS__}) / sizeof(struct raw_segment))
/* The same through an indirect table, which it allocates. */
uint16_t raw_add_indirect(struct raw_queue *queue, const struct raw_segment *segments,
                          unsigned count);
/* Split: the barrier and the available index. Packed: nothing. */
void raw_publish(struct raw_queue *queue);
/* raw_publish(), the barrier, and a notification if the device wants one; whether it did. */
bool raw_kick(struct raw_queue *queue);
/* Notifies, whatever the device wants; with NOTIFICATION_DATA, of the next entry. */
void raw_notify(struct raw_queue *queue);
/* The value that raw_notify() writes. */
uint32_t raw_notify_value(const struct raw_queue *queue);
/* Writes that value to the queue's notify register. */
void raw_notify_with(struct raw_queue *queue, unsigned width, uint32_t value);

struct raw_used {
    uint32_t id, length;
    unsigned buffers; /* that came back: more than 1 with IN_ORDER */
};
/* The next used buffer (or batch); false: none. Fails the test for an id that is not in flight. */
bool raw_used(struct raw_queue *queue, struct raw_used *used);
/* The same from the ring as it is: nothing is checked or moved. Split: the used index as well. */
bool raw_peek_used(struct raw_queue *queue, struct raw_used *used);
uint16_t raw_used_index(struct raw_queue *queue);

/* Single fields, to misbehave: descriptors (packed: `next` is the id), available ring, event areas. */
void raw_desc(struct raw_queue *queue, uint16_t slot, uint64_t address, uint32_t length,
              uint16_t flags, uint16_t next);
void raw_desc_at(struct raw_driver *raw, uint64_t at, uint64_t address, uint32_t length,
                 uint16_t flags, uint16_t next);
void raw_avail_slot(struct raw_queue *queue, uint16_t position, uint16_t head);
void raw_avail_index(struct raw_queue *queue, uint16_t index);
/* Split: available flags, and used_event. Packed: flags, and offset and wrap counter of the driver's event structure. */
void raw_event(struct raw_queue *queue, uint16_t flags, uint16_t event);
/* The same as the device left it: split: used flags and avail_event. */
uint16_t raw_wish_flags(struct raw_queue *queue);
uint16_t raw_wish_event(struct raw_queue *queue);
/* Packed: the avail and used bits that make a descriptor available with this wrap counter. */
uint16_t raw_available(bool wrap);

#endif
