/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A virtio PCI device in the test's own process, written from the specification and sharing only virtio/spec.h with the
 * code under test. It works, it misbehaves on request, and it referees: whatever the driver's side does that the
 * specification forbids is a complaint, and device_free() fails the test for it.
 */
#ifndef TESTS_UNIT_SUPPORT_DEVICE_H
#define TESTS_UNIT_SUPPORT_DEVICE_H

#include "virtio/virtio.h"

#define DEVICE_QUEUES       4u
#define DEVICE_QUEUE_MAX    1024u /* entries that the device's own records have room for */
#define DEVICE_CONFIG_BYTES 128u
#define DEVICE_FOREVER      UINT32_MAX
#define DEVICE_NEVER        UINT64_MAX
#define DEVICE_NO_SIZE      UINT16_MAX /* a queue size that is not overridden */

#define DEVICE_MILLISECOND 1000000ull /* ns */

/* ---- What happened, in order ---- */

enum device_event_kind {
    DEVICE_READ,
    DEVICE_WRITE,
    DEVICE_LOG,
    DEVICE_MAP,
    DEVICE_UNMAP,
};

struct device_event {
    uint64_t order; /* counts the events of all devices together */
    enum device_event_kind kind;
    unsigned region, width; /* READ, WRITE */
    uint64_t offset;        /* READ, WRITE: in the region; MAP, UNMAP: the bus address */
    uint32_t value;
    enum virtio_level level; /* LOG */
    char *text;              /* LOG: the line */
};

/* ---- How it misbehaves ---- */

/* What is wrong with a used element or the used index at completion `used_after` (0: the first) of a life, its last. */
enum device_used_fault {
    DEVICE_USED_GOOD,
    DEVICE_USED_TWICE,        /* the element is put in the ring twice */
    DEVICE_USED_OUT_OF_RANGE, /* id = queue size */
    DEVICE_USED_HIGH_BITS,    /* id + 0x10000: right if cut to 16 bits */
    DEVICE_USED_NOT_A_HEAD,   /* id of a descriptor that no chain in flight starts with */
    DEVICE_USED_INDEX_AHEAD,  /* the index runs one past what is in flight */
    DEVICE_USED_INDEX_BACK,   /* the index goes back by 1000 */
};

enum device_length_fault {
    DEVICE_LENGTH_GOOD,
    DEVICE_LENGTH_ZERO,
    DEVICE_LENGTH_SHORT,          /* one byte less than was written, status byte left out too */
    DEVICE_LENGTH_LONG,           /* 100 bytes beyond the writable ones */
    DEVICE_LENGTH_HUGE,           /* 0xffffffff */
    DEVICE_LENGTH_WITHOUT_STATUS, /* as kvmtool counts: the data alone */
};

struct device_faults {
    unsigned
        reset_polls; /* reads of the status that still show the old one; DEVICE_FOREVER: always */
    unsigned good_resets;  /* resets that work at once before that */
    uint8_t status_lost;   /* bits that are forgotten when they are written */
    bool features_refused; /* FEATURES_OK does not stay */
    unsigned
        generation_changes; /* reads of config_generation that each find a change; DEVICE_FOREVER: all */
    unsigned
        bad_lives; /* lives (since power-on, counted by DRIVER_OK) that have the faults below; 0: none */
    enum device_used_fault used;
    enum device_length_fault length;
    unsigned
        used_after; /* completions of a life that are good before `used`, `length`, stall or NEEDS_RESET */
    bool stalls;      /* nothing is completed any more */
    bool needs_reset; /* DEVICE_NEEDS_RESET is set and nothing is completed any more */
    bool
        late_dma; /* while a reset is pending, all buffers that it may write are filled with 0xdd */
};

/* ---- Its parts ---- */

struct device_window {
    unsigned region;
    uint64_t offset, length; /* bytes */
};

struct device_segment {
    uint64_t bus;
    uint32_t length;
    bool writable;
};

/* A chain that was taken from the available ring and is not used yet. */
struct device_chain {
    uint16_t head;
    unsigned count;
    uint64_t readable, writable; /* bytes */
    uint64_t due;                /* when it may be completed */
    struct device_segment segments[];
};

struct device_queue {
    uint16_t max; /* what queue_size reads as after a reset */
    uint16_t
        size_forced; /* what it reads as once it was written; DEVICE_NO_SIZE: what was written */
    uint16_t notify_off;
    bool quiet; /* VIRTQ_USED_F_NO_NOTIFY: looks at the ring by itself instead */
    uint16_t size, msix_vector;
    bool enabled, size_written;
    uint64_t desc, driver, device;
    uint16_t avail_idx, used_idx;
    uint16_t used_shown; /* the index as it stands in the ring: differs from used_idx by a fault */
    struct virtq_used_elem used_copy[DEVICE_QUEUE_MAX]; /* what the device wrote to the used ring */
    struct device_chain *pending[DEVICE_QUEUE_MAX];
    unsigned pending_count;
    unsigned notifications, idle_notifications; /* the latter found nothing new */
};

struct device_mapping {
    struct device_mapping *next;
    uint8_t *pointer;
    uint64_t bus;
    size_t length;
    enum virtio_dir dir;
    bool live;
};

/* One request as the block personality saw it. */
struct device_blk_seen {
    uint32_t type;
    uint64_t sector;
    uint32_t data;     /* bytes */
    unsigned segments; /* of data */
    uint32_t longest;  /* bytes of the longest one */
    uint64_t range_sector;
    uint32_t range_sectors, range_flags;
};

struct device_blk {
    uint8_t *bytes; /* the first `stored` sectors; what lies behind reads as a pattern */
    uint64_t stored;
    uint64_t error_sector;  /* a read or write that touches it fails; UINT64_MAX: none */
    bool status_unwritten;  /* the status byte is left alone */
    uint8_t status_written; /* not 0: the status byte that every request gets */
    bool no_id;             /* GET_ID is UNSUPP */
    const char *serial;
    struct device_blk_seen *seen;
    unsigned seen_count, seen_room;
};

struct device_console {
    uint8_t output[1 << 16];
    size_t output_length;
    const uint8_t *input;
    size_t input_length; /* bytes left to be received */
    unsigned piece;      /* bytes put in one buffer at most; 0: as many as fit */
    bool empty_buffers;  /* every input buffer comes back with 0 bytes */
};

struct device {
    /* The driver's side. */
    struct virtio_device dev;
    struct virtio_env env;
    struct virtio_io io;

    /* What it is; to be changed before device_discover(). */
    uint32_t id;
    uint64_t features;
    uint8_t pci[256];
    uint64_t bar_size[VIRTIO_IO_REGIONS];
    struct device_window common, notify, isr, config;
    uint32_t notify_multiplier;
    bool legacy; /* device_pci_legacy_only() */
    uint16_t num_queues;
    struct device_queue queues[DEVICE_QUEUES];
    uint8_t config_bytes[DEVICE_CONFIG_BYTES];
    uint64_t latency_ns; /* 0: completed within the notification; DEVICE_NEVER */
    bool newest_first;   /* completes the latest chain first */
    struct device_faults faults;
    struct device_blk blk;
    struct device_console console;
    void (*on_config_read)(struct device *d,
                           uint64_t offset); /* after each read of the device configuration */

    /* Its registers. */
    uint8_t status;
    uint8_t status_written; /* all bits that were written since the latest reset */
    uint32_t device_feature_select, driver_feature_select;
    uint64_t driver_features;
    uint16_t queue_select, config_msix_vector;
    bool queue_selected;
    uint8_t generation;
    bool reset_pending;
    unsigned reset_polls_left, resets, status_reads;
    unsigned lives, life_completions;

    /* The driver's clock and memory. */
    uint64_t now, tick_ns, relax_ns;
    bool closed; /* any access from here on is a complaint */
    struct device_mapping *mappings;
    uint64_t next_bus;
    unsigned maps, maps_live, map_fail_at; /* map call that fails, from 1; 0: none */
    volatile uint16_t
        *notify_cell; /* backs io.pointer; 0xffff: no notification since the last look */

    /* What was seen. */
    struct device_event *events;
    size_t event_count, event_room;
    char complaint[256]; /* the first one */
    unsigned complaints;
};

/* ---- Use: device.c ---- */

/* A well-behaved modern device of that type, with MSI-X, and no memory for a driver yet. */
struct device *device_new(uint32_t id);

/* Gives the driver's side the memory that virtio_memory_needed() states for queues of `size`. */
void device_give_memory(struct device *d, const struct virtio_driver *driver, unsigned size);
/* The same with these many bytes. */
void device_give_bytes(struct device *d, size_t dma, size_t priv);

/* virtio_pci_init() and virtio_discover(). */
int device_discover(struct device *d, struct virtio_bus *bus);

/* Fails the test if the device complained or a mapping is left over (but for a STUCK device), and frees all. */
void device_free(struct device *d);

/* Fails the test unless the first complaint contains `text`; then forgets all complaints. */
void device_expect_complaint(struct device *d, const char *text);

void device_complain(struct device *d, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* ---- device_common.c: life and common configuration ---- */

void device_finish_reset(struct device *d);
uint8_t device_read_status(struct device *d);
void device_write_status(struct device *d, uint8_t value);
uint32_t device_read_common(struct device *d, uint64_t offset, unsigned width);
void device_write_common(struct device *d, uint64_t offset, unsigned width, uint32_t value);

/* ---- device_registers.c: struct virtio_io, notifications ---- */

/* Lets it work without a notification. */
void device_work(struct device *d);
uint32_t device_io_read(void *ctx, unsigned region, uint64_t offset, unsigned width);
void device_io_write(void *ctx, unsigned region, uint64_t offset, unsigned width, uint32_t value);
uint64_t device_io_size(void *ctx, unsigned region);

/* ---- device_pci.c: configuration space ---- */

void device_pci_fill(struct device *d);
/* Writes a virtio capability to configuration space; the list's links are the caller's. */
void device_pci_capability(struct device *d, unsigned at, unsigned next, unsigned type,
                           const struct device_window *window);
/* Replaces the modern interface by a legacy register block in I/O ports at BAR 0. */
void device_pci_legacy_only(struct device *d);
uint32_t device_pci_read(struct device *d, uint64_t offset, unsigned width);
void device_pci_write(struct device *d, uint64_t offset, unsigned width, uint32_t value);
uint16_t device_pci_command(const struct device *d);
bool device_msix_enabled(const struct device *d);

enum {
    DEVICE_PCI_COMMON = 0x48, /* where device_pci_fill() puts each capability */
    DEVICE_PCI_NOTIFY = 0x58,
    DEVICE_PCI_ISR = 0x6c,
    DEVICE_PCI_CONFIG = 0x7c,
    DEVICE_PCI_WINDOW = 0x8c,
    DEVICE_PCI_MSIX = 0xa0,
};

/* ---- device_env.c: memory, clock, log, record ---- */

void device_env_init(struct device *d);
void device_env_free(struct device *d);
struct device_event *device_record(struct device *d, enum device_event_kind kind);
void device_forget_events(struct device *d);
/* Where the device finds `length` bytes at a bus address; NULL and a complaint if it may not have them. */
uint8_t *device_dma(struct device *d, uint64_t bus, uint64_t length, bool write);

/* Events of that kind at a register of the common configuration structure. */
unsigned device_count_common(const struct device *d, enum device_event_kind kind, size_t offset);
unsigned device_count_region(const struct device *d, enum device_event_kind kind, unsigned region);
/* The first or last event that writes `value` to a common register; NULL: none. */
const struct device_event *device_first_write(const struct device *d, size_t offset,
                                              uint32_t value);
const struct device_event *device_last_write(const struct device *d, size_t offset, uint32_t value);
/* The first log line that contains `text`; NULL: none. */
const struct device_event *device_logged(const struct device *d, const char *text);
/* All values written to the status, in hexadecimal: "0 1 3 b f". In a buffer that the next call overwrites. */
const char *device_statuses(const struct device *d);

/* ---- device_ring.c: split virtqueues from the device's side ---- */

void device_ring_enable(struct device *d, struct device_queue *queue);
/* Takes new chains; how many. */
unsigned device_ring_take(struct device *d, struct device_queue *queue);
/* Completes what is due. */
void device_ring_complete(struct device *d, struct device_queue *queue);
void device_ring_forget(struct device_queue *queue);
/* Puts an element in the used ring and moves the index, whatever is in flight. */
void device_ring_put(struct device *d, struct device_queue *queue, uint32_t id, uint32_t length);
/* Whether a chain in flight has one of these bytes. */
bool device_ring_owns(const struct device *d, uint64_t bus, uint64_t length);
/* Overwrites all that chains in flight let the device write. */
void device_ring_scribble(struct device *d);
/* Copies between a chain's readable or writable bytes and a buffer; how many bytes. */
uint32_t device_chain_read(struct device *d, const struct device_chain *chain, uint64_t from,
                           void *to, uint32_t length);
uint32_t device_chain_write(struct device *d, const struct device_chain *chain, uint64_t from,
                            const void *data, uint32_t length);

/* ---- Personalities: serve a chain; false: not now. *written is what used.len should say ---- */

bool device_serve(struct device *d, struct device_queue *queue, const struct device_chain *chain,
                  uint32_t *written);

/* device_blk.c */
void device_blk_init(struct device *d);
void device_blk_free(struct device *d);
/* Writes `value` in little-endian to a field of the device configuration. */
void device_set_config(struct device *d, size_t offset, size_t width, uint64_t value);
#define DEVICE_SET_BLK(d, field, value)                                                            \
    device_set_config(d, offsetof(struct virtio_blk_config, field),                                \
                      sizeof(((struct virtio_blk_config *)0)->field), value)
/* The byte that sector `sector` has at `offset` from the start. */
uint8_t device_blk_pattern(uint64_t sector, uint64_t offset);
bool device_blk_serve(struct device *d, const struct device_chain *chain, uint32_t *written);

/* device_console.c */
void device_console_type(struct device *d, const void *bytes, size_t length);
bool device_console_serve(struct device *d, const struct device_queue *queue,
                          const struct device_chain *chain, uint32_t *written);

#endif
