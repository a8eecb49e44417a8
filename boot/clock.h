/* SPDX-License-Identifier: BSD-2-Clause */
/* Time in nanoseconds from a counter of fixed frequency, and the measurement of that frequency. */
#ifndef SLATE_BOOT_CLOCK_H
#define SLATE_BOOT_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

struct clock {
    uint64_t start;      /* counter value at 0 ns */
    uint64_t multiplier; /* nanoseconds a tick, as a 32.32 fixed point number */
    uint64_t latest;     /* ns: what was returned last */
};

/* Whether a counter may have this frequency: 1 MHz to 100 GHz. A frequency of 0 means "not known". */
bool clock_plausible(uint64_t hz);

/* Starts the clock at 0 ns, now that the counter reads `now`. `hz` must be plausible. */
void clock_start(struct clock *clock, uint64_t hz, uint64_t now);

/* Nanoseconds since the start when the counter reads `now`. Never goes back, even if the counter does. */
uint64_t clock_ns(struct clock *clock, uint64_t now);

/* A timer of known frequency that counts up and wraps after `bits` bits (16 to 32). */
struct clock_reference {
    uint32_t (*read)(void *ctx);
    void *ctx;
    unsigned bits;
    uint32_t hz;
};

/*
 * Measures the frequency of `counter` against the reference for about 2 ms. Returns it in Hz, or 0 when the reference
 * stands still or goes back. Bounded in reads of the reference, since there is no clock yet.
 */
uint64_t clock_measure(const struct clock_reference *reference, uint64_t (*counter)(void *ctx),
                       void *counter_ctx);

#endif
