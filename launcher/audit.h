/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Judges firmware by QEMU's trace: the rules that registers show, by one referee a device, and the state in which each
 * device is when the OS gets it.
 */
#ifndef LAUNCHER_AUDIT_H
#define LAUNCHER_AUDIT_H

#include "launcher/referee.h"
#include "launcher/trace_machine.h"

enum launcher_audit_from {
    LAUNCHER_AUDIT_AUTO, /* from Slate's first instruction if it runs, otherwise from the start */
    LAUNCHER_AUDIT_MARKER,
    LAUNCHER_AUDIT_START,
};

struct launcher_audit_options {
    enum launcher_audit_from from;
    const char *os_text; /* what the UART says once the OS runs; NULL: "Linux version" */
    bool
        keep_all; /* for the timeline: histories are kept whole, with buffers and what came before */
    bool go_on;   /* and go on after OS entry, unjudged */
    FILE *complaints; /* about the trace; NULL: stderr */
};

/* Worst first. */
#define LAUNCHER_VERDICTS(X)                                                                       \
    X(LIVE, "LIVE")               /* status is not 0 at OS entry */                                \
    X(STUCK, "STUCK")             /* the latest reset was read back, and was not complete */       \
    X(NEVER_RESET, "NEVER RESET") /* status was never written 0 */                                 \
    X(UNCONFIRMED, "UNCONFIRMED") /* it was in the end, and not read back */                       \
    X(FAULTY, "FAULTY")           /* reset, but rules were broken or bus mastering is on */        \
    X(CLEAN, "CLEAN")

enum launcher_verdict {
#define X(name, text) LAUNCHER_VERDICT_##name,
    LAUNCHER_VERDICTS(X)
#undef X
};

const char *launcher_verdict_name(enum launcher_verdict verdict);

/* What no row of the specification says, and matters to who gets the device. */
struct launcher_finding {
    const char *id; /* "HANDOFF-LIVE" */
    bool counts;    /* level HANDOFF: no clean handoff; otherwise NOTE */
    char text[160];
};

enum { LAUNCHER_FINDINGS_MAX = 8 };

struct launcher_audit_device {
    struct launcher_trace_device *device;
    struct launcher_history history;
    struct launcher_referee referee;
    struct launcher_finding findings[LAUNCHER_FINDINGS_MAX];
    unsigned finding_count, findings_that_count;
    enum launcher_verdict verdict;
    struct launcher_trace_device at_end; /* as it was at OS entry */
};

enum launcher_audit_end {
    LAUNCHER_AUDIT_END_OF_TRACE,
    LAUNCHER_AUDIT_END_MARKER,
    LAUNCHER_AUDIT_END_OS_TEXT,
};

struct launcher_audit {
    struct launcher_audit_options options;
    struct launcher_trace trace;
    struct launcher_trace_machine machine;
    struct launcher_audit_device *devices[LAUNCHER_TRACE_DEVICES];
    unsigned count;
    bool from_marker, concluded;
    enum launcher_audit_end end;
    uint64_t start_line, end_line, start_ns, end_ns; /* of what is judged */
};

/*
 * Reads a trace to its end and judges it. false, with the reason among the complaints: it cannot be judged. To be freed in
 * either case. `name` is that of the file, for messages.
 */
bool launcher_audit_run(struct launcher_audit *audit, const struct launcher_audit_options *options,
                        FILE *file, const char *name);
void launcher_audit_free(struct launcher_audit *audit);
/* Whether all devices were handed over clean. */
bool launcher_audit_clean(const struct launcher_audit *audit);

/* audit_report.c: a line a device, then what led to each verdict; and the same for programs. */
void launcher_audit_print(const struct launcher_audit *audit, FILE *to);
void launcher_audit_print_json(const struct launcher_audit *audit, FILE *to);

#endif
