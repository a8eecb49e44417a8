/* SPDX-License-Identifier: BSD-2-Clause */
/* Makes and frees the plan of a timeline. */
#include "launcher/timeline_plan.h"

#include <stdlib.h>
#include <string.h>

#include "launcher/device.h"

/* From the first step of any lane to the last, marks included. */
static void find_ends(struct launcher_plan *plan)
{
    const struct launcher_timeline *timeline = plan->timeline;
    bool any = false;

    for (unsigned i = 0; i < timeline->lane_count; i++) {
        const struct launcher_plan_lane *lane = &plan->lanes[i];
        /* What came before the first step was no step: PCI configuration, long before. */
        uint64_t begin = lane->spans[lane->span_count > 1 ? 1 : 0].begin;
        uint64_t end = lane->spans[lane->span_count - 1].end;

        if (lane->span_count == 1 && lane->flag_count == 0)
            continue;
        plan->begin = !any || begin < plan->begin ? begin : plan->begin;
        plan->end = !any || end > plan->end ? end : plan->end;
        any = true;
    }
    for (unsigned i = 0; i < timeline->mark_count; i++) {
        uint64_t time = timeline->marks[i].time_ns;

        plan->begin = !any || time < plan->begin ? time : plan->begin;
        plan->end = !any || time > plan->end ? time : plan->end;
        any = true;
    }
    for (unsigned i = 0; i < timeline->lane_count; i++) {
        struct launcher_plan_lane *lane = &plan->lanes[i];

        lane->spans[0].begin = plan->begin;
        if (lane->span_count == 1)
            lane->spans[0].end = plan->end;
        if (lane->spans[lane->span_count - 1].end < plan->end) /* it stays as it is */
            lane->spans[lane->span_count - 1].end = plan->end;
    }
}

struct launcher_plan *launcher_plan_make(const struct launcher_timeline *timeline)
{
    struct launcher_plan *plan = launcher_allocate(sizeof(*plan));

    plan->timeline = timeline;
    plan->lanes = launcher_allocate((timeline->lane_count + 1) * sizeof(*plan->lanes));
    for (unsigned i = 0; i < timeline->lane_count; i++)
        launcher_plan_lane(&plan->lanes[i], &timeline->lanes[i]);
    find_ends(plan);
    launcher_plan_axis(plan);
    return plan;
}

void launcher_plan_free(struct launcher_plan *plan)
{
    for (unsigned i = 0; i < plan->timeline->lane_count; i++) {
        free(plan->lanes[i].spans);
        free(plan->lanes[i].flags);
        free(plan->lanes[i].requests);
    }
    free(plan->lanes);
    free(plan->knots);
    free(plan);
}
