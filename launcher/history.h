/* SPDX-License-Identifier: BSD-2-Clause */
/* The latest accesses and events of one device, for the reports, and all that matter to its life, for the timeline. */
#ifndef LAUNCHER_HISTORY_H
#define LAUNCHER_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "launcher/access.h"

enum launcher_event_kind {
    LAUNCHER_EVENT_ACCESS,    /* a register */
    LAUNCHER_EVENT_TAKEN,     /* a buffer was taken: queue, id, bytes */
    LAUNCHER_EVENT_USED,      /* and used */
    LAUNCHER_EVENT_RESET,     /* a reset is complete */
    LAUNCHER_EVENT_FAULT,     /* the device misbehaved on purpose: value is the kind */
    LAUNCHER_EVENT_VIOLATION, /* of a rule */
    LAUNCHER_EVENT_NOTE,      /* text by the owner of the device */
};

struct launcher_event {
    enum launcher_event_kind kind;
    uint64_t time_ns;
    uint64_t line; /* of the trace that it was read from; 0: none */
    struct launcher_access access;
    uint16_t queue;
    uint32_t id, value;
    const char *text; /* a constant, or a rule's id; NOTE: the same as `owned` */
    char *owned;      /* freed with the event; NULL: nothing */
};

struct launcher_history {
    struct launcher_event *events; /* a ring of the latest `room`, or all if `keep_all` */
    size_t count, room;            /* count goes on; the latest is at (count - 1) % room */
    bool keep_all;                 /* for the timeline */
    uint64_t now;                  /* set by the owner */
    uint64_t line;                 /* set by a reader of traces */
};

void launcher_history_init(struct launcher_history *history, bool keep_all);
void launcher_history_free(struct launcher_history *history);
struct launcher_event *launcher_history_add(struct launcher_history *history,
                                            enum launcher_event_kind kind);
void launcher_history_access(struct launcher_history *history,
                             const struct launcher_access *access);
/* A remark of the device's owner: copied, cut at 255 characters. */
void launcher_history_note(struct launcher_history *history, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The latest `lines` events, oldest first, one a line; to be freed. */
char *launcher_history_text(const struct launcher_history *history, size_t lines);
/* One event as a line without a newline. */
void launcher_event_text(const struct launcher_event *event, char *text, size_t size);

#endif
