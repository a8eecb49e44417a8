/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where time lies. A reset takes microseconds and an operating system's image half a second: each step gets room of its
 * own, and a gap grows with the logarithm of its length.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "launcher/device.h"
#include "launcher/timeline_plan.h"

/* Weights: of a step, of a doubling of a gap's length above a microsecond, of a request up to REQUESTS_MOST. */
#define STEP     1.0
#define DOUBLING 0.3
#define REQUEST  0.8
enum { REQUESTS_MOST = 24 };

static int by_time(const void *a, const void *b)
{
    uint64_t left = ((const struct launcher_knot *)a)->time;
    uint64_t right = ((const struct launcher_knot *)b)->time;

    return (left > right) - (left < right);
}

static void add(struct launcher_knot *knots, size_t *count, uint64_t time)
{
    if (knots != NULL)
        knots[*count].time = time;
    (*count)++;
}

/* Every time at which something changes; how many. NULL: only counts. */
static size_t gather(const struct launcher_plan *plan, struct launcher_knot *knots)
{
    size_t count = 0;

    for (unsigned i = 0; i < plan->timeline->mark_count; i++)
        add(knots, &count, plan->timeline->marks[i].time_ns);
    for (unsigned i = 0; i < plan->timeline->lane_count; i++) {
        const struct launcher_plan_lane *lane = &plan->lanes[i];

        for (size_t j = 0; j < lane->span_count; j++)
            add(knots, &count, lane->spans[j].begin);
        for (size_t j = 0; j < lane->flag_count; j++)
            add(knots, &count, lane->flags[j].time);
    }
    add(knots, &count, plan->begin);
    add(knots, &count, plan->end);
    return count;
}

/* The binary logarithm of 1 + value, straight between powers of two. */
static double logarithm(uint64_t value)
{
    int power = 63 - __builtin_clzll(value + 1);

    return power + (double)(value + 1) / (double)(1ull << power) - 1;
}

/* How many requests of any lane lie between two times; `at`: where to look next in each lane. */
static size_t requests_until(const struct launcher_plan *plan, size_t *at, uint64_t time)
{
    size_t count = 0;

    for (unsigned i = 0; i < plan->timeline->lane_count; i++) {
        const struct launcher_plan_lane *lane = &plan->lanes[i];

        for (; at[i] < lane->request_count && lane->requests[at[i]] <= time; at[i]++)
            count++;
    }
    return count;
}

static void place(struct launcher_plan *plan)
{
    size_t *at = launcher_allocate((plan->timeline->lane_count + 1) * sizeof(*at));
    double sum = 0;

    for (size_t i = 1; i < plan->knot_count; i++) {
        uint64_t gap = (plan->knots[i].time - plan->knots[i - 1].time) / 1000;
        size_t requests = requests_until(plan, at, plan->knots[i].time);

        sum += STEP + DOUBLING * logarithm(gap) +
               REQUEST * (double)(requests < REQUESTS_MOST ? requests : (size_t)REQUESTS_MOST);
        plan->knots[i].place = sum;
    }
    for (size_t i = 1; i < plan->knot_count; i++)
        plan->knots[i].place /= sum;
    free(at);
}

void launcher_plan_axis(struct launcher_plan *plan)
{
    size_t count = gather(plan, NULL), kept = 0;

    plan->knots = launcher_allocate(count * sizeof(*plan->knots));
    (void)gather(plan, plan->knots);
    qsort(plan->knots, count, sizeof(*plan->knots), by_time);
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || plan->knots[i].time != plan->knots[kept - 1].time)
            plan->knots[kept++] = plan->knots[i];
    plan->knot_count = kept;
    place(plan);
}

double launcher_plan_place(const struct launcher_plan *plan, uint64_t time)
{
    size_t low = 0, high = plan->knot_count - 1;
    double share;

    if (time <= plan->knots[0].time)
        return 0;
    if (time >= plan->knots[high].time)
        return 1;
    while (high - low > 1) {
        size_t middle = (low + high) / 2;

        if (plan->knots[middle].time <= time)
            low = middle;
        else
            high = middle;
    }
    share = (double)(time - plan->knots[low].time) /
            (double)(plan->knots[high].time - plan->knots[low].time);
    return plan->knots[low].place + share * (plan->knots[high].place - plan->knots[low].place);
}

uint64_t launcher_plan_time(const struct launcher_plan *plan, double wanted)
{
    size_t i = 1;
    double share;

    if (plan->knot_count < 2 || wanted <= 0)
        return plan->begin;
    while (i + 1 < plan->knot_count && plan->knots[i].place < wanted)
        i++;
    share = (wanted - plan->knots[i - 1].place) / (plan->knots[i].place - plan->knots[i - 1].place);
    share = share > 1 ? 1 : share;
    return plan->knots[i - 1].time +
           (uint64_t)(share * (double)(plan->knots[i].time - plan->knots[i - 1].time));
}

/* ---- Texts ---- */

void launcher_duration_text(uint64_t ns, char *text, size_t size)
{
    static const struct {
        uint64_t from;
        double unit;
        const char *name;
    } units[] = {{1000000000, 1e9, "s"}, {1000000, 1e6, "ms"}, {0, 1e3, "us"}};
    unsigned i = 0;
    double value;

    if (ns == 0) {
        snprintf(text, size, "0");
        return;
    }
    while (ns < units[i].from)
        i++;
    value = (double)ns / units[i].unit;
    snprintf(text, size, "%.*f %s", value < 10 ? 2 : value < 100 ? 1 : 0, value, units[i].name);
}

void launcher_plan_time_text(const struct launcher_plan *plan, uint64_t time, char *text,
                             size_t size)
{
    if (plan->timeline->ordinal)
        snprintf(text, size, "#%" PRIu64, time / 1000);
    else
        launcher_duration_text(time - plan->begin, text, size);
}
