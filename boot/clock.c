/* SPDX-License-Identifier: BSD-2-Clause */
/* Time in nanoseconds from a counter of fixed frequency, and the measurement of that frequency. */
#include "boot/clock.h"

#define NS_PER_SECOND 1000000000ull
#define HZ_MIN        1000000ull
#define HZ_MAX        100000000000ull

#define WINDOW_NS   2000000ull
#define STILL_READS 100000u /* reads in a row that may return the same value */
#define READS_MAX   10000000u
#define SAMPLES     5u
#define TRIES       3u /* the host may hold us up for longer than the reference takes to wrap */

bool clock_plausible(uint64_t hz)
{
    return hz >= HZ_MIN && hz <= HZ_MAX;
}

void clock_start(struct clock *clock, uint64_t hz, uint64_t now)
{
    clock->start = now;
    clock->multiplier = (NS_PER_SECOND << 32) / hz;
    clock->latest = 0;
}

uint64_t clock_ns(struct clock *clock, uint64_t now)
{
    /* A counter behind its start would look like centuries. */
    uint64_t ticks = now > clock->start ? now - clock->start : 0;
    uint64_t ns = (uint64_t)((unsigned __int128)ticks * clock->multiplier >> 32);

    if (ns > clock->latest) {
        clock->latest = ns;
    }
    return clock->latest;
}

struct sample {
    uint64_t counter;
    uint32_t reference;
};

/*
 * Reads both at one moment, as nearly as it gets: of a few tries the one in which the least time passed between the
 * readings of the counter on both sides, so that an interruption by the host does not count.
 */
static struct sample take_sample(const struct clock_reference *reference,
                                 uint64_t (*counter)(void *ctx), void *counter_ctx)
{
    struct sample best = {0};
    uint64_t best_gap = UINT64_MAX;

    for (unsigned i = 0; i < SAMPLES; i++) {
        uint64_t before = counter(counter_ctx);
        uint32_t value = reference->read(reference->ctx);
        uint64_t gap = counter(counter_ctx) - before;

        if (gap < best_gap) {
            best_gap = gap;
            best = (struct sample){before + gap / 2, value};
        }
    }
    return best;
}

/* Waits until the reference has counted `ticks` from *value on. Returns how far it has, or 0 when it does not count. */
static uint64_t wait_ticks(const struct clock_reference *reference, uint64_t ticks, uint32_t *value)
{
    uint32_t mask = UINT32_MAX >> (32 - reference->bits);
    uint64_t passed = 0;
    unsigned still = 0;

    for (unsigned i = 0; i < READS_MAX && passed < ticks; i++) {
        uint32_t next = reference->read(reference->ctx) & mask;
        uint32_t step = (next - *value) & mask;

        if (step > mask / 2) {
            return 0; /* back, or so far ahead that it may have wrapped twice */
        }
        still = step == 0 ? still + 1 : 0;
        if (still > STILL_READS) {
            return 0;
        }
        passed += step;
        *value = next;
    }
    return passed >= ticks ? passed : 0;
}

static uint64_t measure_once(const struct clock_reference *reference,
                             uint64_t (*counter)(void *ctx), void *counter_ctx)
{
    uint32_t mask = UINT32_MAX >> (32 - reference->bits);
    struct sample first = take_sample(reference, counter, counter_ctx);
    uint32_t value = first.reference & mask;
    uint64_t passed = wait_ticks(reference, reference->hz * WINDOW_NS / NS_PER_SECOND, &value);
    struct sample last = take_sample(reference, counter, counter_ctx);
    uint32_t step = (last.reference - value) & mask;
    uint64_t counted = last.counter - first.counter;

    if (passed == 0 || step > mask / 2 || counted > UINT64_MAX / reference->hz) {
        return 0;
    }
    return counted * reference->hz / (passed + step);
}

uint64_t clock_measure(const struct clock_reference *reference, uint64_t (*counter)(void *ctx),
                       void *counter_ctx)
{
    uint64_t hz = 0;

    for (unsigned i = 0; i < TRIES && hz == 0; i++) {
        hz = measure_once(reference, counter, counter_ctx);
    }
    return hz;
}
