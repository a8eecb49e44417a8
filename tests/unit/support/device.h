/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What tests of Slate's drivers need around a device of the launcher: Slate's side of it, a clock that lets it work,
 * memory that it reaches by bus addresses, and a record of all that happened. What the device does and judges is the
 * launcher's.
 */
#ifndef TESTS_UNIT_SUPPORT_DEVICE_H
#define TESTS_UNIT_SUPPORT_DEVICE_H

#include "launcher/blk.h"
#include "launcher/console.h"
#include "launcher/faults.h"
#include "launcher/pci.h"
#include "launcher/ring.h"
#include "virtio/virtio.h"

#define DEVICE_BAR          LAUNCHER_PCI_BAR_MODERN
#define DEVICE_CONFIG_BYTES 128u  /* of a plain device */
#define DEVICE_FEATURE      3u    /* the one bit of its own that a plain device knows */
#define DEVICE_SECTORS      8192u /* of a disk */
#define DEVICE_FOREVER      UINT32_MAX
#define DEVICE_MILLISECOND  1000000ull   /* ns */
#define DEVICE_NEVER        (1ull << 60) /* ns: no test is that long */

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

/* ---- Its parts ---- */

/* A structure as a capability describes it. */
struct device_window {
    unsigned region;
    uint64_t offset, length; /* bytes */
};

struct device_mapping {
    struct device_mapping *next;
    uint8_t *pointer;
    uint64_t bus;
    size_t length;
    enum virtio_dir dir;
    bool live;
};

/* device_fail() */
struct device_failure {
    enum launcher_fault fault;
    uint64_t value, after;
    unsigned lives;
    uint64_t lives_seen, used_before; /* DRIVER_OKs; completions before the latest */
};

struct device {
    /* The driver's side. */
    struct virtio_device dev;
    struct virtio_env env;
    struct virtio_io io;

    /* The device, to be changed as a test likes: before device_discover(), as if it were made like that. */
    struct launcher_device *host;
    struct launcher_personality personality; /* of `host` */
    struct launcher_pci *function;           /* the same device's BARs and structures */
    uint8_t *pci;                            /* and its configuration space */
    struct device_failure failure;
    /* After each register access, before it is recorded; a read returns what this leaves in the event. */
    void (*on_access)(struct device *d, struct device_event *event);

    /* The driver's clock and memory. */
    uint64_t now, tick_ns, relax_ns;
    bool closed; /* any access from here on is a complaint */
    struct device_mapping *mappings;
    uint64_t next_bus;
    unsigned maps, maps_live, map_fail_at; /* map call that fails, from 1; 0: none */
    /* Backs io.pointer; 0xffff: no notification since the last look. */
    volatile uint16_t *notify_cell;

    /* What was seen. */
    struct device_event *events;
    size_t event_count, event_room;
    /* The first one of the driver's surroundings: registers, mappings. */
    char complaint[256];
    unsigned complaints;
};

/* ---- device.c ---- */

/*
 * A well-behaved device with MSI-X left on, whose only feature is VERSION_1, and no memory for a driver yet. A disk has
 * DEVICE_SECTORS with a pattern, a console is one, and any other type is a plain device: two queues whose buffers it
 * returns at once without a byte, DEVICE_CONFIG_BYTES of configuration.
 */
struct device *device_new(uint32_t id);
/* The same with only the legacy interface, in I/O ports at BAR 0. */
struct device *device_new_legacy(uint32_t id);
/* Of these options; memory and personality are filled in. */
struct device *device_new_with(const struct launcher_options *options);

/* virtio_pci_init() and virtio_discover(). */
int device_discover(struct device *d, struct virtio_bus *bus);

/*
 * Fails the test if a rule of level MUST was broken, or the driver's surroundings complain, or a mapping is left over
 * (but for a STUCK device), and frees all.
 */
void device_free(struct device *d);

/* Fails the test unless the rule of that id was broken, or a complaint contains `text`; then forgets all of them. */
void device_expect_complaint(struct device *d, const char *text);

void device_complain(struct device *d, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * How it fails in each of its first `lives` lives (since power-on, counted by DRIVER_OK; 0: it does not): `after` buffers come
 * back properly, counted from now on and from the beginning of each later life; the next one meets the fault, of that value;
 * and no other comes back. With LAUNCHER_FAULT_NEVER that one does not either; with _NEEDS_RESET the device says so as well.
 */
void device_fail(struct device *d, enum launcher_fault fault, uint64_t value, uint64_t after,
                 unsigned lives);
/* A register was written: another life may have begun. */
void device_see_life(struct device *d);

/* Lets it work at the present time. */
void device_work(struct device *d);
/* Buffers that are taken from now on are completed `ns` later. */
void device_delay(struct device *d, uint64_t ns);
/* The last buffer is completed first, always. */
void device_newest_first(struct device *d);
/* The largest size that the queue can have. */
void device_queue_max(struct device *d, unsigned index, uint16_t max);
/* Puts an element in the used ring and moves the index, whatever is in flight. */
void device_ring_put(struct device *d, unsigned index, uint32_t id, uint32_t length);
/* Writes `value` in little-endian to the device configuration. */
void device_set_config(struct device *d, size_t offset, size_t width, uint64_t value);
#define DEVICE_SET_BLK(d, field, value)                                                            \
    device_set_config(d, offsetof(struct virtio_blk_config, field),                                \
                      sizeof(((struct virtio_blk_config *)0)->field), value)

/* ---- device_models.c ---- */

extern const struct launcher_model device_plain;

/* The byte that a disk begins with in sector `sector` at `offset` from the start. */
uint8_t device_blk_pattern(uint64_t sector, uint64_t offset);
void device_blk_fill(struct device *d, uint64_t sector, uint64_t sectors);
size_t device_blk_seen_count(const struct device *d);
const struct launcher_blk_seen *device_blk_seen(const struct device *d, size_t index);
void device_console_type(struct device *d, const void *bytes, size_t length);
/* All output so far, terminated; the next call overwrites it. */
const char *device_console_text(const struct device *d);

/* ---- device_pci.c ---- */

/* Writes the capabilities of the structures of `function` where they are. */
void device_pci_fill(struct device *d);
/* Writes a virtio capability to configuration space; the list's links are the caller's. */
void device_pci_capability(struct device *d, unsigned at, unsigned next, unsigned type,
                           const struct device_window *window);
uint16_t device_pci_command(const struct device *d);
bool device_msix_enabled(const struct device *d);

/* ---- device_registers.c ---- */

extern const struct virtio_io device_io;

/* ---- device_env.c ---- */

void device_env_init(struct device *d);
void device_env_free(struct device *d);
/* Gives the driver's side the memory that virtio_memory_needed() states for queues of `size`. */
void device_give_memory(struct device *d, const struct virtio_driver *driver, unsigned size);
/* The same with these many bytes. */
void device_give_bytes(struct device *d, size_t dma, size_t priv);
/* Where the device finds `length` bytes at a bus address; NULL and a complaint if it may not have them. */
uint8_t *device_dma(struct device *d, uint64_t bus, uint64_t length, bool write);
extern const struct launcher_memory device_memory;

/* ---- device_record.c ---- */

void device_record(struct device *d, const struct device_event *event);
void device_forget_events(struct device *d);
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
/* Whether that is a read of the device configuration at that offset. */
bool device_reads_config(const struct device *d, const struct device_event *event, uint64_t offset);

#endif
