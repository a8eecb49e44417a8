/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The whole public interface of the core: what an embedder supplies (env, io), devices and their life cycle,
 * drivers, virtqueues, errors. Freestanding: memcpy, memset, memmove and memcmp are all it asks of the outside.
 *
 *   found --reset--> CLEAN --claim--> SETUP --> LIVE --release--> reset --> CLEAN
 *     any step fails: FAILED is set, then reset; a reset that is not confirmed in time: STUCK, for ever
 *
 * One device is used from one thread at a time. Nothing here allocates; nothing here waits without a deadline.
 */
#ifndef VIRTIO_VIRTIO_H
#define VIRTIO_VIRTIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "virtio/spec.h"

#ifdef __cplusplus
extern "C" {
#endif

struct virtio_device;
struct virtio_driver;
struct virtqueue;
struct virtio_request;
struct virtio_piece;

/* ---- Errors: functions return 0 or one of these, negated ------------------------------------------------------- */

#define VIRTIO_ERRORS(X)                                                                           \
    X(INVALID, "an argument is out of range")                                                      \
    X(NO_MEMORY, "the memory given to the device is too small")                                    \
    X(NO_DEVICE, "this is not a virtio device")                                                    \
    X(UNREACHABLE, "the device's registers cannot be reached")                                     \
    X(UNSUPPORTED, "the device does not offer this operation")                                     \
    X(FEATURES, "the device refused the features, or lacks one that is needed")                    \
    X(CONFIG, "the device's configuration cannot be right")                                        \
    X(QUEUE, "the device has no such queue, or refused its size")                                  \
    X(FULL, "the queue has no room for the request now")                                           \
    X(MAPPING, "the memory cannot be mapped for the device")                                       \
    X(PROTOCOL, "the device broke the virtqueue protocol")                                         \
    X(NEEDS_RESET, "the device asked for a reset")                                                 \
    X(TIMEOUT, "the device did not answer in time")                                                \
    X(STUCK, "the device did not complete its reset")                                              \
    X(IO, "the device reported an I/O error")                                                      \
    X(READ_ONLY, "the device is read-only")                                                        \
    X(STATE, "the device is not in a state that allows this")

enum virtio_error {
    VIRTIO_E_NONE = 0,
#define X(name, text) VIRTIO_E_##name,
    VIRTIO_ERRORS(X)
#undef X
};

/* The name ("TIMEOUT") and the sentence of a negated error; never NULL. */
const char *virtio_error_name(int error);
const char *virtio_error_text(int error);

/* ---- What the embedder supplies ---------------------------------------------------------------------------------- */

enum virtio_level {
    VIRTIO_LOG_ERROR,
    VIRTIO_LOG_WARN,
    VIRTIO_LOG_INFO,
    VIRTIO_LOG_DEBUG,
};

/* How the device uses a piece of memory. */
enum virtio_dir {
    VIRTIO_TO_DEVICE,   /* the device reads */
    VIRTIO_FROM_DEVICE, /* the device writes */
};

/* Nanoseconds; 0 means the default of virtio/deadlines.h. */
struct virtio_deadlines {
    uint64_t reset_ns;
    uint64_t blk_ns;
    uint64_t console_ns;
};

/*
 * The world as one device sees it. Everything stays the embedder's, and stays valid while the device is known;
 * `dma` and `priv` may be NULL for a device that is only reset, never driven.
 * Once virtio_reset() says STUCK, `dma` and every buffer in flight must never be used for anything else.
 */
struct virtio_env {
    void *dma;        /* rings, request headers, status bytes: DMA-able, 4096-aligned */
    uint64_t dma_bus; /* the address by which the device sees it */
    size_t dma_len;   /* bytes: virtio_memory_needed() */
    void *priv;       /* shadow state: memory that the device cannot write, 16-aligned */
    size_t priv_len;  /* bytes */

    uint64_t (*now_ns)(void *ctx); /* monotonic; every wait has a deadline on it */

    /*
     * Makes `len` bytes at `p` visible to the device until unmap; sets its bus address and a token (not NULL). 0 or negative;
     * a mapping of less than `len` is an error. NULL: physical addresses are bus addresses, memory is coherent.
     */
    int (*map)(void *ctx, void *p, size_t len, enum virtio_dir dir, uint64_t *bus, void **token);
    void (*unmap)(void *ctx, void *token);

    void (*relax)(void *ctx); /* inside waits; may be NULL */
    /* May be NULL. Must not use the device that the message is about: it is called in the middle of things. */
    void (*log)(void *ctx, enum virtio_level level, const char *message);
    void *ctx; /* for the functions above */

    struct virtio_deadlines deadlines;
};

/* Regions of a device's registers: 0 to 5 are BARs (or the one MMIO block, 0), then PCI configuration space. */
#define VIRTIO_IO_REGIONS    6u
#define VIRTIO_IO_PCI_CONFIG 6u

/*
 * Registers of one device; memory or I/O ports. `width` is 1, 2 or 4 bytes and `offset` a multiple of it; offsets are checked against
 * size() by the core. Values are in the CPU's byte order.
 */
struct virtio_io {
    uint32_t (*read)(void *ctx, unsigned region, uint64_t offset, unsigned width);
    void (*write)(void *ctx, unsigned region, uint64_t offset, unsigned width, uint32_t value);
    /* Bytes that can be reached; 0: the region is absent, or cannot be reached. */
    uint64_t (*size)(void *ctx, unsigned region);
    /* A pointer to a register in memory, for notifications; NULL: write() is used. The function may be NULL. */
    volatile void *(*pointer)(void *ctx, unsigned region, uint64_t offset);
};

/* ---- Features: numbers in the lists, masks only in here ----------------------------------------------------------- */

struct virtio_features {
    uint64_t mask;
};

static inline bool virtio_has(struct virtio_features features, unsigned bit)
{
    return bit < 64 && (features.mask >> bit & 1) != 0;
}

/* ---- Devices ------------------------------------------------------------------------------------------------------ */

enum virtio_state {
    VIRTIO_FOUND, /* not reset yet */
    VIRTIO_CLEAN, /* reset, confirmed: the device owns no memory of ours */
    VIRTIO_SETUP, /* being negotiated with by a driver */
    VIRTIO_LIVE,  /* DRIVER_OK: the device may use what its queues hold */
    VIRTIO_STUCK, /* a reset was not confirmed: its memory is the device's for ever */
};

struct virtio_window {
    uint8_t region;
    uint64_t offset; /* bytes into the region */
    uint64_t length; /* bytes; 0: absent */
};

struct virtio_arena {
    uint8_t *base;
    size_t length;
    size_t used;
};

struct virtio_device {
    /* Set once, by virtio_pci_init(). */
    const struct virtio_transport *transport;
    const struct virtio_env *env;
    const struct virtio_io *io;
    void *io_ctx;
    const char *name; /* the embedder's: "00:03.0" */
    uint32_t id;      /* enum virtio_device_id; known or not */
    bool legacy;      /* the interface of before VIRTIO 1.0: no FEATURES_OK, rings by page number */
    bool
        reachable; /* false: no usable capability or BAR; it is STUCK from the start, but can be cut off from memory */

    struct virtio_window common, notify, config;
    uint32_t notify_multiplier;
    uint16_t pci_command_found; /* command register as it was found */
    uint8_t pci_msix;           /* offset of the MSI-X capability in configuration space; 0: none */

    /* Life. */
    enum virtio_state state;
    uint8_t found_status; /* status when it was found, before the first reset */
    uint8_t status_set;   /* the status bits that we have set since the latest reset */
    uint64_t reset_ns;    /* how long the latest reset took to be confirmed, or to be given up */
    struct virtio_features offered;     /* as read at the latest claim */
    struct virtio_features negotiated;  /* {0} unless SETUP or LIVE */
    bool features_set;                  /* since the latest reset, and accepted */
    const struct virtio_driver *driver; /* who claimed it; NULL: nobody */
    const struct virtio_driver
        *last_driver; /* who drove it last, for the report; NULL: nobody ever */
    void *driver_state;
    struct virtqueue *queues; /* those set up since the latest reset */
    struct virtio_arena dma, priv;

    struct virtio_device *next;         /* in the bus, in the order of discovery */
    struct virtio_device *next_claimed; /* in the bus, latest claim first */
};

/* All virtio devices of a machine. Starts as {0}. */
struct virtio_bus {
    struct virtio_device *first, *last;
    struct virtio_device *claimed;
};

/* "blk", "console", ...; "device type 99" reads "unknown". */
const char *virtio_type_name(uint32_t id);
const char *virtio_state_name(enum virtio_state state);

/*
 * Makes `dev` (owned by the caller, must stay in place) the PCI function behind `io`. Reads its capabilities; writes
 * only the command register, to make its registers reachable (4.1.4). Nothing is claimed or reset yet.
 * Errors: NO_DEVICE (not a virtio function).
 */
int virtio_pci_init(struct virtio_device *dev, const char *name, const struct virtio_io *io,
                    void *io_ctx, const struct virtio_env *env);

/*
 * The first thing that happens to a device: notes its status, resets it, acknowledges it, and adds it to the bus (also
 * when it turns out STUCK, so that the handoff reports it). Errors: STUCK, UNREACHABLE.
 */
int virtio_discover(struct virtio_bus *bus, struct virtio_device *dev);

/*
 * Writes status 0 and waits until it reads 0 (2.4.1). On CLEAN every request that was in flight is DEAD and its
 * memory the caller's again; on STUCK nothing is, and bus mastering is taken away. STUCK is for ever.
 * Errors: STUCK, UNREACHABLE.
 */
int virtio_reset(struct virtio_device *dev);

/*
 * Gives a CLEAN device to a driver: DRIVER, features, FEATURES_OK, probe, DRIVER_OK (3.1.1). `driver_state` is the
 * driver's own struct (struct virtio_blk, ...), the caller's memory, untouched by devices, until release.
 * On error the device has been set FAILED and reset: it is CLEAN, or STUCK.
 * Errors: STATE, UNSUPPORTED (other device type, a transport that can only reset), FEATURES, CONFIG, QUEUE, NO_MEMORY,
 * STUCK.
 */
int virtio_claim(struct virtio_bus *bus, struct virtio_device *dev,
                 const struct virtio_driver *driver, void *driver_state);

/*
 * Brings a claimed device that was reset (after a timeout, NEEDS_RESET, a broken queue) back to life with the same
 * driver; errors as virtio_claim(), and the device then stays claimed and CLEAN, or is STUCK.
 */
int virtio_restart(struct virtio_device *dev);

/*
 * Takes a device from its driver: remove() drains and resets it; a driver that did not is reported and repaired; then
 * the device is acknowledged again, so that another driver can have it. Errors: STUCK.
 */
int virtio_release(struct virtio_bus *bus, struct virtio_device *dev);

/*
 * The last thing before an OS gets the machine: removes all drivers, last claimed first, resets every device on the
 * bus and confirms it (IOMMUs last), and takes bus mastering and MSI-X away. After it nothing may touch a
 * device. `state`, `reset_ns` and `last_driver` of each device are the report. Returns the number of STUCK devices.
 */
unsigned virtio_handoff(struct virtio_bus *bus);

/*
 * Shows all memory that a STUCK device may still read and write: its `dma`, and every piece of every request that was
 * in flight. Shows nothing for a device that is not STUCK, or that was never driven.
 */
void virtio_owned(const struct virtio_device *dev,
                  void (*visit)(void *ctx, const struct virtio_piece *piece), void *ctx);

/*
 * Reads fields of the device's configuration space, all under one generation, each with accesses of its width (2.5.3).
 * Errors: CONFIG (a field is outside the configuration space, or the generation does not settle).
 */
struct virtio_config_field {
    uint32_t offset; /* bytes */
    uint32_t width;  /* bytes: 1, 2, 4 or 8 */
    uint64_t value;  /* out */
};
int virtio_config_read(struct virtio_device *dev, struct virtio_config_field *fields,
                       unsigned count);

/* Writes one field of 1, 2 or 4 bytes; not during negotiation. Errors: CONFIG, STATE. */
int virtio_config_write(struct virtio_device *dev, uint32_t offset, uint32_t width, uint32_t value);

/* ---- Drivers ------------------------------------------------------------------------------------------------------ */

struct virtio_driver {
    const char *name;
    uint32_t device_id;
    const uint8_t *features; /* bit numbers that the driver implements; all others are refused */
    unsigned feature_count;

    /* What virtio_memory_needed() counts: queues, and per queue entry what the driver takes beside the rings. */
    unsigned queues;
    uint16_t dma_per_entry, priv_per_entry; /* bytes */
    uint16_t dma_fixed, priv_fixed;         /* bytes */

    /*
     * May take features away from `features` (never add) after a look at the configuration; runs before FEATURES_OK.
     * NULL: accept what is there.
     */
    int (*negotiate)(struct virtio_device *dev, struct virtio_features *features);
    /*
     * Sets all its queues up, takes what other memory it needs, and calls virtio_driver_ok(); dev->driver_state is its own.
     * Also called by virtio_restart(), on the state as it was left.
     */
    int (*probe)(struct virtio_device *dev);
    /* Says goodbye to the host as far as the device type demands it, drains, and resets the device. */
    void (*remove)(struct virtio_device *dev);
    /* Writes "read of 8 sectors at sector 64" or the like to `text`, for the line that reports a timeout. */
    void (*describe)(const struct virtio_request *request, char *text, size_t size);
};

/*
 * Bytes that a driver needs in env.dma and env.priv to drive `dev`, which has been found but needs no env yet, with queues
 * of `size` entries each. Legacy rings take whole pages.
 */
void virtio_memory_needed(const struct virtio_device *dev, const struct virtio_driver *driver,
                          unsigned size, size_t *dma, size_t *priv);

/* For probe(): memory that lives until the next reset; zeroed; NULL when the env's is used up. */
void *virtio_dma_alloc(struct virtio_device *dev, size_t size, size_t align);
void *virtio_priv_alloc(struct virtio_device *dev, size_t size, size_t align);

/* For probe(): the queues are ready; the device goes LIVE. */
void virtio_driver_ok(struct virtio_device *dev);

/* ---- Virtqueues --------------------------------------------------------------------------------------------------- */

enum virtio_request_state {
    VIRTIO_REQUEST_FREE,   /* the caller's */
    VIRTIO_REQUEST_DEVICE, /* the device may read and write its memory */
    VIRTIO_REQUEST_DONE,   /* used; the caller's again */
    VIRTIO_REQUEST_DEAD,   /* its device was reset before it was used; the caller's again */
};

/*
 * One request, embedded in the driver's or the caller's own struct; starts as {0}. It and all its buffers must stay in
 * place while it is in state DEVICE.
 */
struct virtio_request {
    enum virtio_request_state state;
    uint32_t
        used; /* DONE: bytes that the device wrote, at most the writable bytes of the request */
};

/* A piece of memory of a request: a pointer of ours; the core turns it into a bus address. */
struct virtio_piece {
    void *pointer;
    uint32_t length; /* bytes, not 0 */
};

struct virtqueue_counts {
    uint64_t kicks;    /* notify writes; the rest of the batches were suppressed by the device */
    uint64_t overlong; /* used lengths beyond the writable bytes, clamped */
};

/*
 * Sets up queue `index` with at most `size` entries: the smaller of that, the device's maximum, and what fits the
 * env's memory. For probe(). Errors: QUEUE, NO_MEMORY.
 */
int virtqueue_create(struct virtio_device *dev, unsigned index, unsigned size,
                     struct virtqueue **queue);

/* Entries of the queue: pieces in flight at most. */
unsigned virtqueue_size(const struct virtqueue *queue);
unsigned virtqueue_free(const struct virtqueue *queue);      /* pieces that can be added now */
unsigned virtqueue_in_flight(const struct virtqueue *queue); /* requests that the device owns */
const struct virtqueue_counts *virtqueue_counts(const struct virtqueue *queue);

/*
 * Adds a request of `out` pieces that the device reads, then `in` pieces that it writes; it is the device's from here
 * on, but it need not see it before virtqueue_kick(). 0 or: FULL (nothing changed), INVALID (no pieces, more than the
 * queue's size, a length of 0, over 4 GiB in all), MAPPING, STATE (queue broken, or device not set up).
 */
int virtqueue_add(struct virtqueue *queue, struct virtio_request *request,
                  const struct virtio_piece *pieces, unsigned out, unsigned in);

/*
 * A chain that stays built, for drivers whose requests are data between two pieces that stay where they are: one before
 * it, which the device reads, and one after it, which it writes. For probe(); both lie in the env's `dma`. The queue
 * keeps room for one such request until the device is reset; *chain is its number. Errors: FULL, INVALID (a length of 0),
 * MAPPING (a piece is not in `dma`), STATE (queue broken).
 */
int virtqueue_chain_create(struct virtqueue *queue, const struct virtio_piece *before,
                           const struct virtio_piece *after, uint16_t *chain);

/*
 * Adds a request through a chain: the pieces it was created with and between them `data`, which the device reads or
 * writes. Otherwise as virtqueue_add(); there is always room. INVALID (no such chain, a length of 0, over 4 GiB in all),
 * MAPPING, STATE (as there, or the chain's last request is still in flight).
 */
int virtqueue_add_chain(struct virtqueue *queue, uint16_t chain, struct virtio_request *request,
                        const struct virtio_piece *data, enum virtio_dir dir);

/* Publishes what was added since the last kick, and notifies the device unless it asked not to be. Only when LIVE. */
void virtqueue_kick(struct virtqueue *queue);

/*
 * Takes one used request, in whatever order the device finishes them: sets *request (NULL: none yet) and its state
 * DONE. Looks at ring memory only. Errors: PROTOCOL (the queue is broken until the device is reset).
 */
int virtqueue_poll(struct virtqueue *queue, struct virtio_request **request);

/*
 * virtqueue_poll() until a request is used. When `timeout_ns` pass without one, when the device asks for a reset, or
 * when it breaks the protocol, a line that names the request is logged and the device is reset before this returns:
 * requests in flight are DEAD then and the queue is gone, or the device is STUCK.
 * Errors: TIMEOUT, NEEDS_RESET, PROTOCOL; STUCK (one of these, and the reset was not confirmed either); STATE
 * (nothing is in flight).
 */
int virtqueue_wait(struct virtqueue *queue, struct virtio_request **request, uint64_t timeout_ns);

#ifdef __cplusplus
}
#endif
#endif
