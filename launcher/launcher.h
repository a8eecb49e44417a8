/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The launcher's public interface: the host's side of virtio for judging a driver, whoever wrote it. Register accesses
 * go in, guest memory is reached by callbacks, verdicts come out. Deterministic: it has no clock, no thread and no
 * source of chance but the ones that it is given. Shares virtio/spec.h with Slate's drivers, and no code.
 *
 *   struct launcher_device *disk = launcher_new(&(struct launcher_options){.type = VIRTIO_ID_BLOCK, .memory = ...});
 *   ... the driver's register accesses: launcher_read(), launcher_write(); time and work: launcher_run() ...
 *   if (launcher_violations(disk) != 0) launcher_report(disk, stderr);
 *   launcher_free(disk);
 *
 * One device is used from one thread at a time. Running out of memory on the host ends the process with a message.
 */
#ifndef LAUNCHER_LAUNCHER_H
#define LAUNCHER_LAUNCHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "virtio/spec.h"

#ifdef __cplusplus
extern "C" {
#endif

struct launcher_device;
struct launcher_page;  /* launcher/page.h */
struct launcher_model; /* launcher/model.h */

/* By what registers the driver reaches the device (VIRTIO 1.4, chapter 4). */
enum launcher_front_kind {
    LAUNCHER_PCI,              /* virtio 1.x capabilities (4.1) */
    LAUNCHER_PCI_TRANSITIONAL, /* those, and the legacy block in I/O ports at BAR 0 */
    LAUNCHER_PCI_LEGACY,       /* the legacy block alone (4.1.4.10) */
    LAUNCHER_MMIO,             /* version 2 (4.2.2) */
    LAUNCHER_MMIO_LEGACY,      /* version 1 (4.2.4) */
    LAUNCHER_PAGE,             /* lguest's descriptor page: launcher/page.h */
};

/*
 * Guest memory, by the bus addresses that the driver writes. What the device does with a ring has the field's width and
 * alignment; the referee also reads whole rings at once. A read shows what the device itself has written. false: there is
 * nothing to be reached by the device at all or a part of these addresses.
 */
struct launcher_memory {
    bool (*read)(void *ctx, uint64_t address, void *to, size_t length);
    bool (*write)(void *ctx, uint64_t address, const void *from, size_t length);
    void *ctx;
};

/* Which device model of the world it behaves like, where the specification leaves room or they break it. */
struct launcher_personality {
    const char *name;                  /* "qemu", "kvmtool", ... */
    const char *text;                  /* one sentence */
    uint64_t blk_lacks, console_lacks; /* features of the type that it does not offer */
    uint64_t
        ring_features; /* ring and transport features (24 up) that are offered unless options say */
    uint16_t queue_size; /* the largest */
    uint16_t
        queue_size_read_back; /* what queue_size reads as once it was written; 0: what was written */
    uint32_t notify_multiplier; /* bytes */
    bool dead_pci_cfg;          /* the PCI_CFG capability has BAR 0, length 0 and does nothing */
    bool config_late;         /* the device configuration reads 0 until status has been written 0 */
    bool used_data_only;      /* used.len leaves the status byte out */
    bool features_pile_up;    /* accepts any feature bits, and ORs them across resets */
    bool reset_fails;         /* writing 0 sets FAILED, and status never reads 0 */
    bool stalls_unnegotiated; /* a request type that was not negotiated is never completed */
    bool dies_without_queues; /* DRIVER_OK with no queue enabled: never answers again */
    bool strict_status;       /* refuses a status write that sets two bits at once */
    bool size_rows_first;     /* the console's configuration holds rows before columns */
};

/* NULL-terminated names; NULL: there is no such personality. The first one is the default. */
extern const struct launcher_personality *const launcher_personalities[];
const struct launcher_personality *launcher_personality(const char *name);

/* A zoned disk (5.2.4). Sectors are of 512 bytes. */
struct launcher_zones {
    uint8_t model;         /* VIRTIO_BLK_Z_HM, VIRTIO_BLK_Z_HA */
    uint32_t sectors;      /* a zone; the last one may be smaller */
    uint32_t capacity;     /* sectors of a zone that can be written; 0: all */
    uint32_t conventional; /* that many zones at the start have no write pointer */
    uint32_t max_open, max_active, max_append; /* 0: no limit; max_append, in sectors: no append */
    uint32_t write_granularity;                /* bytes; 0: the block size */
};

/* Unset fields (0, NULL) mean what their comments say. */
struct launcher_options {
    uint32_t
        type; /* VIRTIO_ID_BLOCK, _CONSOLE, _ENTROPY, _BALLOON; any other: a device that only lives and resets */
    const struct launcher_model *model; /* of that type; NULL: the launcher's own */
    enum launcher_front_kind front;
    const char *name;                               /* in reports; NULL: the type's */
    const struct launcher_personality *personality; /* NULL: the first */
    uint64_t features; /* offered beside or instead: see `only_features` */
    bool
        only_features; /* exactly `features` are offered, not what the personality and model have */
    unsigned queues;   /* 0: as many as the device type has */
    uint16_t queue_size; /* the largest; 0: the personality's */
    uint64_t latency_ns; /* from taking a request to using it; 0: within the notification */
    uint64_t seed;       /* of the faults; 0 is a seed as well */
    bool big_endian;     /* byte order of the guest, which the legacy interfaces follow */
    struct launcher_memory memory;
    struct launcher_page *page; /* LAUNCHER_PAGE: where to stand; NULL: on a page of its own */
    /* A used buffer or configuration interrupt; NULL: nobody listens (ISR bits are set all the same). */
    void (*interrupt)(void *ctx, unsigned vector);
    void *ctx;

    /* Block: contents; NULL file: memory of `sectors`, zeroed. The file is opened for writing unless read_only. */
    const char *file;
    uint64_t sectors;    /* of 512 bytes; 0 with a file: its length */
    uint32_t block_size; /* bytes; 0: 512 */
    bool read_only;
    const char *serial;                 /* up to 20 characters */
    const struct launcher_zones *zones; /* NULL: not zoned */
    /* Console. */
    unsigned ports; /* with VIRTIO_CONSOLE_F_MULTIPORT; 0: 1 */
    uint16_t columns, rows;
};

/* NULL and errno when the file cannot be used; a message on stderr and exit when the options make no sense. */
struct launcher_device *launcher_new(const struct launcher_options *options);
void launcher_free(struct launcher_device *dev);

/*
 * A register access of the driver; `width` is 1, 2, 4 or 8 bytes. Regions: 0 to 5 are BARs (MMIO: 0 is the block; the descriptor
 * page: 0), 6 is PCI configuration space. Values are in the host's byte order. A PCI function begins as firmware finds it, with
 * decoding and bus mastering off in its command register: until the driver turns them on, BARs read as all ones and no guest
 * memory is reached.
 */
uint32_t launcher_read(struct launcher_device *dev, unsigned region, uint64_t offset,
                       unsigned width);
void launcher_write(struct launcher_device *dev, unsigned region, uint64_t offset, unsigned width,
                    uint32_t value);
/* Bytes of a region; 0: absent. Whether a BAR is I/O ports. */
uint64_t launcher_region_size(const struct launcher_device *dev, unsigned region);
bool launcher_region_is_ports(const struct launcher_device *dev, unsigned region);

/* Lets the device work at time `now_ns` (which never goes back): completes what is due. Call it in the driver's waits. */
void launcher_run(struct launcher_device *dev, uint64_t now_ns);

/*
 * The driver's memory barriers, where they can be seen: the rules about them are judged only if this is called. Kinds are
 * those of virtio/access.h. Memory is read during the call, and shows then all that the driver stored before the barrier.
 */
enum launcher_barrier {
    LAUNCHER_BARRIER_PUBLISH,
    LAUNCHER_BARRIER_NOTIFY,
    LAUNCHER_BARRIER_CONSUME
};
void launcher_barrier(struct launcher_device *dev, enum launcher_barrier kind);

/* ---- Verdicts ---- */

struct launcher_violation {
    const char *id;    /* of docs/spec: "DRV-INIT-03" */
    const char *level; /* "MUST" */
    char *text;        /* what was seen, and what is demanded */
    char *history;     /* the accesses that led there, one a line */
    struct launcher_violation *next;
};

/* How often rules of level MUST and MUST NOT were broken. */
unsigned launcher_violations(const struct launcher_device *dev);
/* The first of all that were, SHOULD and SHOULD NOT as well: the head of a list with the first few of each rule. NULL: none. */
const struct launcher_violation *launcher_first_violation(const struct launcher_device *dev);
void launcher_forget_violations(struct launcher_device *dev);
/* Prints them, with histories. */
void launcher_report(const struct launcher_device *dev, FILE *to);

#ifdef __cplusplus
}
#endif
#endif
