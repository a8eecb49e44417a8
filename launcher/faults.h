/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How a device misbehaves on purpose. Each fault is asked for where it would happen, and fires either when a test armed it
 * for the n-th occasion, or by chance from a seed that replays it.
 */
#ifndef LAUNCHER_FAULTS_H
#define LAUNCHER_FAULTS_H

#include <stdbool.h>
#include <stdint.h>

/* Name on the command line, what it does. `value` of an armed fault means what the text says. */
#define LAUNCHER_FAULTS(X)                                                                         \
    X(LATE, "late", "a completion comes value ns late")                                            \
    X(OUT_OF_ORDER, "out-of-order", "the value-th request behind it is completed before it")       \
    X(TWICE, "twice", "a completion is shown twice")                                               \
    X(NEVER, "never", "a request is never completed")                                              \
    X(ID_NOT_IN_FLIGHT, "id-not-in-flight", "a used id, value, that no request in flight has")     \
    X(ID_OUT_OF_RANGE, "id-out-of-range", "a used id, value, of at least the queue size")          \
    X(ID_HIGH_BITS, "id-high-bits", "a used id that is right but for its high half, value")        \
    X(LENGTH_LONG, "length-long", "a used length of value more than the writable bytes")           \
    X(LENGTH_ZERO, "length-zero", "a used length of 0")                                            \
    X(LENGTH_SHORT, "length-short", "a used length of value less than was written")                \
    X(INDEX_AHEAD, "index-ahead", "the used index (packed: a used flag) runs ahead of requests")   \
    X(INDEX_BACK, "index-back", "the used index goes back")                                        \
    X(REWRITE, "rewrite", "fields that the device owns in the ring change between two reads")      \
    X(STATUS_LOST, "status-lost", "status bits, value, that were written are forgotten")           \
    X(NEEDS_RESET, "needs-reset", "DEVICE_NEEDS_RESET is set")                                     \
    X(RESET_SLOW, "reset-slow", "a reset takes value polls of status")                             \
    X(RESET_NEVER, "reset-never", "a reset never ends")                                            \
    X(FEATURES_REFUSED, "features-refused", "FEATURES_OK does not stay set")                       \
    X(CONFIG_CHANGES, "config-changes", "the configuration changes while it is read")              \
    X(QUEUE_SIZE, "queue-size", "a queue's size is value: 0, 1, odd, huge")                        \
    X(CAPABILITIES, "capabilities", "a capability list with loops, wrong lengths, wild offsets")   \
    X(DMA_AFTER_RESET, "dma-after-reset", "buffers are written to while or after a reset")         \
    X(IO_ERROR, "io-error", "a request is answered with the error value")                          \
    X(STATUS_UNWRITTEN, "status-unwritten", "the status byte of a request is left alone")          \
    X(SPURIOUS_KICK_WISH, "kick-wish", "the wish for notifications changes at any time")

enum launcher_fault {
#define X(name, option, text) LAUNCHER_FAULT_##name,
    LAUNCHER_FAULTS(X)
#undef X
        LAUNCHER_FAULT_COUNT
};

struct launcher_fault_state {
    bool armed;
    uint64_t after;  /* occasions that pass before it fires */
    uint64_t times;  /* how often it then fires, on occasions in a row; 0: for ever */
    uint64_t value;  /* see the texts above; 0: chosen by the fault */
    uint32_t chance; /* in 65536, when it is not armed */
    uint64_t occasions, fired;
};

struct launcher_faults {
    struct launcher_fault_state state[LAUNCHER_FAULT_COUNT];
    uint64_t random; /* xorshift or better, from the seed */
};

struct launcher_device;

void launcher_faults_init(struct launcher_faults *faults, uint64_t seed);
/* Fires for certain, `times` times (0: always) after `after` occasions. */
void launcher_fault_arm(struct launcher_device *dev, enum launcher_fault fault, uint64_t after,
                        uint64_t times, uint64_t value);
void launcher_fault_disarm(struct launcher_device *dev, enum launcher_fault fault);
/* Whether it happens here and now: counts, and is noted in the history. Never for one that is neither armed nor has a chance. */
bool launcher_fault(struct launcher_device *dev, enum launcher_fault fault);
uint64_t launcher_fault_value(const struct launcher_device *dev, enum launcher_fault fault);
/* The next random number of the device's seed, below `limit` (0: all 64 bits). */
uint64_t launcher_random(struct launcher_device *dev, uint64_t limit);
const char *launcher_fault_name(enum launcher_fault fault);
const char *launcher_fault_text(enum launcher_fault fault);
/* LAUNCHER_FAULT_COUNT: no such name. */
enum launcher_fault launcher_fault_by_name(const char *name);

#endif
