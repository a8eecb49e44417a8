/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The life of devices as a diagram: a lane a device, from the histories of their accesses. As text for a terminal, and as
 * SVG for a page. Time runs from left to right, long gaps are shortened: every step stays visible, in its order.
 */
#ifndef LAUNCHER_TIMELINE_H
#define LAUNCHER_TIMELINE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "launcher/history.h"

struct launcher_lane {
    const char *name;                       /* "00:01.0 blk" */
    const struct launcher_history *history; /* kept whole (keep_all) */
    uint64_t ends_ns; /* the verdict is what was true then; 0: at the history's end */
};

/* A moment that concerns all lanes: another program takes over. */
struct launcher_mark {
    uint64_t time_ns;
    const char *text; /* "OS entered" */
};

struct launcher_timeline {
    const char *title; /* NULL: none */
    const struct launcher_lane *lanes;
    unsigned lane_count;
    const struct launcher_mark *marks; /* in order of time */
    unsigned mark_count;
    bool ordinal;   /* histories count steps: their times are no nanoseconds, and are not shown */
    unsigned width; /* text: columns, SVG: pixels; 0: 100 and 1200 */
    bool ascii;     /* text: draw with ASCII alone */
};

/* Whether text should be drawn with ASCII alone, by LC_ALL, LC_CTYPE and LANG. */
bool launcher_timeline_wants_ascii(void);

/* Draws. Nothing of the histories is changed. */
void launcher_timeline_text(const struct launcher_timeline *timeline, FILE *to);
void launcher_timeline_svg(const struct launcher_timeline *timeline, FILE *to);

#endif
