/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of the simulator share: a world made of one seed, in which the real drivers run
 * against the launcher's devices. It has a virtual clock, memory at fixed addresses and one source
 * of chance, so that a seed is a run.
 *
 *   command.c  command line, loop over seeds      summary.c  counts; a failure, and what replays it
 *   run.c      one seed: machines and steps       plan.c     how a machine is made
 *   life.c     discover, claim, reset, handoff    before.c   what another program left running
 *   call.c     a call of the driver under watch   stuck.c    what a STUCK device owns
 *   machine.c  clock, registers, access hook      memory.c   what devices reach, and whose it is
 *   blk*.c     what is asked of a disk            disk.c     what a disk may hold
 *   console.c  what is asked of a console
 */
#ifndef LAUNCHER_SIM_SIM_H
#define LAUNCHER_SIM_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "launcher/device.h"
#include "launcher/faults.h"
#include "launcher/launcher.h"
#include "launcher/sim/access_hook.h"
#include "virtio/virtio.h"

#define SIM_DEVICES     4u
#define SIM_MILLISECOND 1000000ull /* ns */
#define SIM_BIT(n)      (1ull << (n))
#define SIM_FAULT(name) SIM_BIT(LAUNCHER_FAULT_##name)
/* By which a device takes a buffer for its own that the driver has been told is not. */
#define SIM_LIES                                                                                   \
    (SIM_FAULT(TWICE) | SIM_FAULT(ID_NOT_IN_FLIGHT) | SIM_FAULT(INDEX_AHEAD) |                     \
     SIM_FAULT(INDEX_BACK) | SIM_FAULT(REWRITE))

struct sim_world;
struct sim_device;
struct sim_kind;

/* ---- What was asked for, and what came out of it ---- */

struct sim_settings {
    const struct sim_kind *kind;
    uint64_t seed, seeds;
    unsigned steps;
    uint64_t faults;                                /* a bit each */
    const char *fault_words;                        /* as they were given */
    const struct launcher_personality *personality; /* NULL: any */
    bool timeline, verbose;
    const char *svg; /* a file; NULL: none */
};

struct sim_totals {
    uint64_t seeds, operations, succeeded, refused, failed; /* calls of the driver */
    uint64_t machines, devices, lives, resets, restarts, handoffs, stuck;
    uint64_t completions, map_failures, late_writes, lies, power_cuts;
    uint64_t errors[VIRTIO_E_STATE + 1]; /* of the calls that failed */
    uint64_t fired[LAUNCHER_FAULT_COUNT];
    uint64_t digest; /* of all that happened */
};

/* ---- The world ---- */

/* How the guest lets a device reach memory. */
enum sim_mapping {
    SIM_IDENTITY, /* bus addresses are pointers */
    SIM_IOMMU,    /* each mapping has addresses of its own, and ends */
    SIM_BOUNCE,   /* and what the device sees is a copy */
    SIM_MAPPINGS
};

/* How one device and its surroundings are made. */
struct sim_plan {
    struct launcher_options options;
    const struct sim_kind *kind; /* NULL: no driver, it is only reset */
    enum sim_mapping mapping;
    unsigned memory_entries;  /* env has memory for queues of that many */
    unsigned private_entries; /* and private memory for queues of that many */
    unsigned fixed_queue;     /* entries that the driver cannot choose; 0: it can */
    uint32_t map_fails;       /* chance in 65536 */
    uint32_t rewrites;        /* the same, of REWRITE by the access hook */
};

/* A piece of memory that a device may reach, poisoned around. */
struct sim_block {
    uint8_t *base, *bytes;
    size_t room, length;
    struct sim_device *lent; /* to whom; NULL: free */
    bool hidden;             /* the driver must not touch it now */
    bool lost;               /* a STUCK device's: never used again */
    bool kept;               /* by a device that lies: the driver's again at its reset */
};

struct sim_map {
    uint64_t bus;
    uint8_t *pointer, *bounce;
    size_t length;
    enum virtio_dir dir;
    bool live;
};

struct sim_device {
    struct sim_world *world;
    char name[24];
    struct sim_plan plan;
    struct launcher_device *host;
    struct virtio_device guest;
    struct virtio_env env;
    struct sim_block *dma;
    void *state; /* the kind's own */
    bool claimed;

    struct sim_map *maps;
    unsigned map_count, map_room, map_serial;

    /*
     * Faults that had happened when the call began, when the one began that last reset it, and when
     * it came to life.
     */
    uint64_t fired_at_call[LAUNCHER_FAULT_COUNT], fired_before[LAUNCHER_FAULT_COUNT],
        fired_in_life[LAUNCHER_FAULT_COUNT];
    uint64_t host_lives, host_resets, resets_at_call;
    char complaint[160]; /* the latest error that the driver logged in this call */
    uint64_t maps_failed, maps_failed_before, maps_failed_at_call;
    uint64_t own_errors;  /* a bit each: errors that the simulator itself has given a reason for */
    const void *index_at; /* the used index that the driver read last */
    uint64_t index;
    bool index_read; /* since the latest barrier behind which what it announces may be read */
    bool bad_id;     /* the driver has read a used id beyond the queue in this life */
    uint64_t resets_at_bad_id;
    uint64_t needs_reset_since; /* ns; 0: it does not need one */
    bool touched;               /* its memory, by the driver, since the latest barrier */
    bool in_register;           /* the guest is writing one of its registers */
    bool destroyed;             /* it has lied about buffers, and its data may be anything */
    /* The device asked for memory that is not its own: where. */
    bool strayed;
    uint64_t strayed_to;

    enum virtio_state state_seen;
    uint64_t reset_order;       /* of its latest reset among those of all devices */
    bool told_failed;           /* the driver has set FAILED in this call */
    struct virtio_piece *owned; /* what virtio_owned() showed when it got STUCK */
    unsigned owned_count;
};

/* The call of the driver that is under way. */
struct sim_call {
    struct sim_device *device; /* NULL: none is */
    char text[120];
    uint64_t start, budget, patience; /* ns */
    uint64_t progress;                /* when something last went on */
    uint64_t accesses;                /* of memory and registers, since the clock was looked at */
    uint64_t used;                    /* buffers that all devices have used */
    bool polled;                      /* a broken queue stays as it is */
    bool drains;                      /* what is in flight is let finish */
};

#define SIM_REWRITTEN 64u
#define SIM_SCRIBBLE  0xddu /* what a device writes over and over after its reset */

struct sim_world {
    const struct sim_settings *settings;
    struct sim_totals *totals;
    uint64_t seed, random, now, digest;
    unsigned step, machine;
    struct virtio_bus bus;
    struct sim_device devices[SIM_DEVICES];
    uint64_t resets; /* of all devices, for their order */
    unsigned device_count;
    struct sim_call call;

    unsigned eagerness;           /* chance in 256 that devices work at an access */
    uint64_t tick_max, relax_max; /* ns */
    struct virtio_deadlines deadlines;
    /* Fields that were read and have changed since, by a hash of the address. */
    const void *rewritten[SIM_REWRITTEN];

    struct sim_block **blocks;
    unsigned block_count, block_room;
    size_t memory_used;
};

/* One at a time: the access hook has no other way to find it. */
extern struct sim_world *sim_world;

/* What the simulator knows of a device type. */
struct launcher_model;
struct sim_kind {
    const char *name;
    const struct launcher_model *model;
    const struct virtio_driver *driver;
    uint64_t faults;                         /* that can happen to it */
    unsigned least_queue;                    /* entries */
    unsigned release_waits;                  /* at most, when it is removed */
    void (*plan)(struct sim_device *dev);    /* fills in dev->plan.options */
    void *(*create)(struct sim_device *dev); /* its own state, for a device that is there */
    void (*destroy)(struct sim_device *dev);
    void *(*driver_state)(struct sim_device *dev); /* for virtio_claim() */
    void (*live)(struct sim_device *dev);          /* it was claimed or restarted */
    void (*step)(struct sim_device *dev);          /* does something with a device that is LIVE */
    void (*step_dead)(struct sim_device *dev);     /* or with one that is not */
    void (*over)(struct sim_device *dev);          /* its life is over: it is CLEAN or STUCK */
    void (*restore)(struct sim_device *dev);       /* a device that destroyed data has been reset */
};
extern const struct sim_kind sim_blk, sim_console;

/* ---- machine.c: chance, and when devices work ---- */

uint64_t sim_random(struct sim_world *world, uint64_t limit); /* below `limit`; 0: all 64 bits */
bool sim_chance(struct sim_world *world, uint32_t of_65536);
/* From `least` to `most`, and each power of two between them as likely as the next. */
uint64_t sim_random_scale(struct sim_world *world, uint64_t least, uint64_t most);
/* Adds to the digest of the run. */
void sim_note(struct sim_world *world, uint64_t value);
/* Lets some devices, or all, work now. */
void sim_work(struct sim_world *world);
void sim_env_init(struct sim_device *dev);
/* A device wrote there: fields are what they are again. */
void sim_written(struct sim_world *world, const uint8_t *p, size_t length);
extern const struct virtio_io sim_io; /* its context is a struct sim_device */

/* ---- memory.c ---- */

void sim_memory_reset(struct sim_world *world); /* a new machine: nothing is lent or lost */
void sim_memory_free(struct sim_world *world);
/* Memory for the device, filled with what no device writes; `shift`: bytes off the alignment to 16. */
struct sim_block *sim_lend(struct sim_device *dev, size_t length, unsigned shift);
/* The driver has no business in it (a device has), until it is shown again. */
void sim_hide(struct sim_block *block);
void sim_show(struct sim_block *block);
/* Takes it back from a device that was done with it; a STUCK one keeps it. */
void sim_take_back(struct sim_block *block);
/* The device has been reset: what it kept is free. */
void sim_release_kept(struct sim_device *dev);
/* The device is STUCK: what it has is its own for ever. */
void sim_lose(struct sim_device *dev);
struct sim_block *sim_block_at(struct sim_world *world, const void *p);
struct launcher_memory sim_memory(struct sim_device *dev); /* for the launcher */
int sim_map(void *ctx, void *p, size_t length, enum virtio_dir dir, uint64_t *bus, void **token);
void sim_unmap(void *ctx, void *token);

/* What lies at a bus address of the device; NULL: nothing that it can reach. */
const uint8_t *sim_guest_pointer(struct sim_device *dev, uint64_t bus, uint64_t length);

/* ---- call.c ---- */

/*
 * A call of the driver begins: it may wait `waits` times for what the device type's deadline
 * allows, and for `resets` resets. Between begin and end no time passes without a check.
 */
void sim_begin(struct sim_device *dev, uint64_t waits, unsigned resets, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/*
 * It returned. `expected`: 0, or the error that alone is right, negated. Otherwise a fault has to
 * explain an error.
 */
void sim_end(struct sim_device *dev, int error, int expected);
/* Something was accessed inside a call; time has passed. */
void sim_watch(struct sim_world *world);
void sim_watch_time(struct sim_world *world);
/* Whether what was done to the device can bring about the error. */
bool sim_explained(const struct sim_device *dev, int error);
/* Any of these faults has happened to the device since the call began that last reset it. */
bool sim_fired(const struct sim_device *dev, uint64_t faults);
/* Or since the latest call began. */
bool sim_fired_in_call(const struct sim_device *dev, uint64_t faults);
/*
 * The device has, in this life, told the driver that a buffer was done with when it was not: it may
 * go on using what is the driver's again, and nothing that the driver does about its buffers can be
 * held against it until the reset.
 */
bool sim_lied(const struct sim_device *dev);
/* What it holds or sends may be anything: it has lied, and nobody has restored it since. */
static inline bool sim_untrusted(const struct sim_device *dev)
{
    return dev->destroyed || sim_lied(dev);
}
/* The device may have begun another life: called after each write of a register. */
void sim_follow(struct sim_device *dev);

/* ---- life.c ---- */

void sim_discover(struct sim_device *dev);
void sim_claim(struct sim_device *dev);
void sim_restart(struct sim_device *dev);
void sim_reset(struct sim_device *dev);
void sim_release(struct sim_device *dev);
void sim_handoff(struct sim_world *world);
/* Looks at what the device's life has come to, after a call. */
void sim_look(struct sim_device *dev);

/* ---- stuck.c ---- */

/* Checks what virtio_owned() shows, and writes it down. */
void sim_become_stuck(struct sim_device *dev);
/* Whether that is all of these bytes. */
bool sim_owns(const struct sim_device *dev, const uint8_t *p, size_t length);

/* ---- before.c: what another program left behind ---- */

/* Bus mastering and MSI-X are on, sometimes. */
void sim_leave_running(struct sim_device *dev);
bool sim_msix_is_on(const struct sim_device *dev);

/* ---- plan.c, run.c ---- */

void sim_plan_machine(struct sim_world *world);
void sim_plan(struct sim_device *dev, bool driven);
void sim_plan_faults(struct sim_device *dev);
void sim_run(const struct sim_settings *settings, struct sim_totals *totals, uint64_t seed);

/* ---- summary.c ---- */

void sim_say(const struct sim_world *world, const char *format, ...)
    __attribute__((format(printf, 2, 3))); /* with --verbose */
/* The seed failed: says what, and how to replay it, and ends the process. */
_Noreturn void sim_fail(struct sim_world *world, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void sim_draw(struct sim_world *world); /* the timeline, if it was asked for */
void sim_died(void);                    /* for the sanitizers, which end the process themselves */
/* The exit status: wrong if a fault that was asked for did not happen in a run of that length. */
int sim_summary(const struct sim_settings *settings, const struct sim_totals *totals);

#endif
