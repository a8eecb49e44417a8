/* SPDX-License-Identifier: BSD-2-Clause */
/* Ticks to nanoseconds, and the measurement of a counter against timers that work, stand still, wrap and jump. */
#include "boot/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define PM_HZ 3579545u

static void nanoseconds_follow_the_frequency(void **state)
{
    static const uint64_t frequencies[] = {1000000, 24000000, 1000000000, 2596022373, 5000000000};

    (void)state;
    for (unsigned i = 0; i < sizeof(frequencies) / sizeof(frequencies[0]); i++) {
        uint64_t hz = frequencies[i];
        struct clock clock;

        clock_start(&clock, hz, 1000);
        assert_int_equal(clock_ns(&clock, 1000), 0);
        /* A year: within a microsecond a second. */
        uint64_t seconds = 365ull * 86400;
        uint64_t ns = clock_ns(&clock, 1000 + seconds * hz);

        assert_in_range(ns, seconds * 999999000, seconds * 1000001000);
    }
}

static void the_clock_never_goes_back(void **state)
{
    struct clock clock;

    (void)state;
    clock_start(&clock, 1000000000, 5000);
    assert_int_equal(clock_ns(&clock, 6000), 1000);
    assert_int_equal(clock_ns(&clock, 5500), 1000);
    assert_int_equal(clock_ns(&clock, 0), 1000);
    assert_int_equal(clock_ns(&clock, 6001), 1001);
}

static void only_frequencies_that_a_counter_can_have_are_plausible(void **state)
{
    (void)state;
    assert_false(clock_plausible(0));
    assert_false(clock_plausible(999999));
    assert_true(clock_plausible(1000000));
    assert_true(clock_plausible(100000000000));
    assert_false(clock_plausible(100000000001));
    assert_false(clock_plausible(UINT64_MAX));
}

/* A machine: every look at a counter takes time. */
struct machine {
    uint64_t ns;      /* real time */
    uint64_t step_ns; /* a look takes so long */
    uint64_t counter_hz;
    uint64_t reference_hz;
    uint64_t reference_start;
    unsigned bits;
    unsigned looks;    /* at the reference */
    unsigned pause_at; /* look at which the host takes the CPU away */
    uint64_t pause_ns;
    unsigned still_from; /* look from which the reference stands still; 0: never */
    bool backwards;
};

static uint64_t ticks(uint64_t ns, uint64_t hz)
{
    return (uint64_t)((unsigned __int128)ns * hz / 1000000000);
}

static uint64_t counter(void *ctx)
{
    struct machine *m = ctx;

    m->ns += m->step_ns;
    return ticks(m->ns, m->counter_hz);
}

static uint32_t reference(void *ctx)
{
    struct machine *m = ctx;
    uint64_t value;

    m->looks++;
    if (m->still_from == 0 || m->looks < m->still_from)
        m->ns += m->step_ns + (m->looks == m->pause_at ? m->pause_ns : 0);
    value = ticks(m->ns, m->reference_hz);
    value = m->reference_start + (m->backwards ? 0 - value : value);
    /* Bits above those of the timer are not promised to be 0. */
    return (uint32_t)value & (UINT32_MAX >> (32 - m->bits) | 0xff000000);
}

static uint64_t measure(struct machine *m)
{
    const struct clock_reference r = {
        .read = reference,
        .ctx = m,
        .bits = m->bits,
        .hz = (uint32_t)m->reference_hz,
    };

    return clock_measure(&r, counter, m);
}

static const struct machine pm_timer = {
    .step_ns = 700,
    .counter_hz = 2596022373,
    .reference_hz = PM_HZ,
    .bits = 24,
};

/* Within a thousandth. */
static void check_hz(struct machine *m)
{
    assert_in_range(measure(m), m->counter_hz / 1000 * 999, m->counter_hz / 1000 * 1001);
}

static void a_frequency_is_measured_to_a_thousandth(void **state)
{
    static const uint64_t frequencies[] = {1000000000, 2596022373, 5000000000};

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct machine m = pm_timer;

        m.counter_hz = frequencies[i];
        check_hz(&m);
        assert_in_range(m.ns, 2000000, 3000000);
    }
}

static void the_reference_may_wrap_meanwhile(void **state)
{
    struct machine m = pm_timer;

    (void)state;
    m.reference_start = 0xfff800;
    check_hz(&m);
    m = pm_timer;
    m.bits = 32;
    m.reference_start = 0xfffff800;
    check_hz(&m);
    m = (struct machine){
        .step_ns = 900, .counter_hz = 3000000000, .reference_hz = 1193182, .bits = 16};
    m.reference_start = 0xff00;
    check_hz(&m);
}

static void a_pause_of_the_machine_does_not_count(void **state)
{
    (void)state;
    for (unsigned look = 1; look < 40; look++) {
        struct machine m = pm_timer;

        m.pause_at = look;
        m.pause_ns = 20000000;
        check_hz(&m);
    }
}

static void a_pause_that_may_have_wrapped_the_reference_is_measured_again(void **state)
{
    struct machine m = {
        .step_ns = 900, .counter_hz = 3000000000, .reference_hz = 1193182, .bits = 16};

    (void)state;
    m.pause_at = 20;
    m.pause_ns = 40000000; /* more than half of the 55 ms in which 16 bits wrap */
    check_hz(&m);
}

static void a_reference_that_stands_still_is_given_up(void **state)
{
    (void)state;
    for (unsigned from = 1; from < 2000; from += 333) {
        struct machine m = pm_timer;

        m.still_from = from;
        assert_int_equal(measure(&m), 0);
        assert_in_range(m.looks, 1, 1000000);
    }
}

static void a_reference_that_goes_back_is_given_up(void **state)
{
    struct machine m = pm_timer;

    (void)state;
    m.backwards = true;
    assert_int_equal(measure(&m), 0);
}

static void a_counter_that_stands_still_is_not_plausible(void **state)
{
    struct machine m = pm_timer;

    (void)state;
    m.counter_hz = 0;
    assert_false(clock_plausible(measure(&m)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nanoseconds_follow_the_frequency),
        cmocka_unit_test(the_clock_never_goes_back),
        cmocka_unit_test(only_frequencies_that_a_counter_can_have_are_plausible),
        cmocka_unit_test(a_frequency_is_measured_to_a_thousandth),
        cmocka_unit_test(the_reference_may_wrap_meanwhile),
        cmocka_unit_test(a_pause_of_the_machine_does_not_count),
        cmocka_unit_test(a_pause_that_may_have_wrapped_the_reference_is_measured_again),
        cmocka_unit_test(a_reference_that_stands_still_is_given_up),
        cmocka_unit_test(a_reference_that_goes_back_is_given_up),
        cmocka_unit_test(a_counter_that_stands_still_is_not_plausible),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
