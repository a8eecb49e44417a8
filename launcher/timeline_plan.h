/* SPDX-License-Identifier: BSD-2-Clause */
/* What a timeline shows, before it is drawn: the phases of each lane, what stands out in them, and where time lies. */
#ifndef LAUNCHER_TIMELINE_PLAN_H
#define LAUNCHER_TIMELINE_PLAN_H

#include "launcher/timeline.h"

/* From harmless to grave: name, short name, letter in text (' ': none). */
#define LAUNCHER_PHASES(X)                                                                         \
    X(IDLE, "idle", "idle", ' ')               /* status 0, as far as is known */                  \
    X(CLEAN, "reset, confirmed", "clean", ' ') /* 0 was written, and read back */                  \
    X(ACKNOWLEDGE, "ACKNOWLEDGE", "ack", 'A')                                                      \
    X(DRIVER, "DRIVER", "driver", 'D')                                                             \
    X(FEATURES_OK, "FEATURES_OK", "features", 'F')                                                 \
    X(LIVE, "DRIVER_OK", "live", 'L')                                                              \
    X(SUSPENDED, "SUSPEND", "suspend", 'S')                                                        \
    X(RESETTING, "reset", "reset", 'R') /* 0 was written, and not read back */                     \
    X(NEEDS_RESET, "NEEDS_RESET", "needs reset", 'N')                                              \
    X(FAILED, "FAILED", "failed", 'X')                                                             \
    X(STUCK, "reset without end", "STUCK", '#') /* and what was read was not 0 */

enum launcher_phase {
#define X(name, text, brief, letter) LAUNCHER_PHASE_##name,
    LAUNCHER_PHASES(X)
#undef X
        LAUNCHER_PHASE_COUNT
};

const char *launcher_phase_name(enum launcher_phase phase);
const char *launcher_phase_brief(enum launcher_phase phase);
char launcher_phase_letter(enum launcher_phase phase);

struct launcher_span {
    enum launcher_phase phase;
    uint8_t status;       /* as the driver wrote or read it */
    bool found;           /* the device was like this when it was first looked at */
    uint64_t begin, end;  /* ns */
    uint64_t taken, used; /* buffers */
    uint64_t kicks;       /* notifications by a register */
};

enum launcher_flag_kind { LAUNCHER_FLAG_NOTE, LAUNCHER_FLAG_FAULT, LAUNCHER_FLAG_VIOLATION };

struct launcher_flag {
    enum launcher_flag_kind kind;
    uint64_t time;
    const char *text;
};

struct launcher_plan_lane {
    const char *name;
    struct launcher_span *spans; /* without gaps, from the first event to the last */
    size_t span_count, span_room;
    struct launcher_flag *flags;
    size_t flag_count, flag_room, counts[3]; /* by kind */
    uint64_t *requests;                      /* when buffers were taken; if none was: kicks */
    size_t request_count, request_room;
    uint64_t taken, kicks, resets, lives;
    char verdict[24];
    bool good; /* the verdict is CLEAN */
};

/* Time to place: in between, evenly. */
struct launcher_knot {
    uint64_t time;
    double place; /* 0 to 1 */
};

struct launcher_plan {
    const struct launcher_timeline *timeline;
    struct launcher_plan_lane *lanes;
    uint64_t begin, end;
    struct launcher_knot *knots;
    size_t knot_count;
};

struct launcher_plan *launcher_plan_make(const struct launcher_timeline *timeline);
void launcher_plan_free(struct launcher_plan *plan);

/* timeline_lane.c. "22 requests, 8 kicks": what went on in a phase; empty: nothing. */
void launcher_span_text(const struct launcher_span *span, char *text, size_t size);
void launcher_plan_lane(struct launcher_plan_lane *lane, const struct launcher_lane *from);

/* timeline_axis.c */
void launcher_plan_axis(struct launcher_plan *plan);
double launcher_plan_place(const struct launcher_plan *plan, uint64_t time); /* 0 to 1 */
uint64_t launcher_plan_time(const struct launcher_plan *plan, double wanted);
/* "1.25 ms"; of an ordinal timeline: "line 1250". `size` of 24 is enough. */
void launcher_plan_time_text(const struct launcher_plan *plan, uint64_t time, char *text,
                             size_t size);
void launcher_duration_text(uint64_t ns, char *text, size_t size);

#endif
