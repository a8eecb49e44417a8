/* SPDX-License-Identifier: BSD-2-Clause */
/* The life of one device (VIRTIO 1.4, 2.1, 3.1) from its history: phases, requests in them, and what stands out. */
#include <inttypes.h>

#include "launcher/device.h"
#include "launcher/timeline_plan.h"

static const struct {
    const char *name, *brief;
    char letter;
} phases[] = {
#define X(name, text, brief, letter) {text, brief, letter},
    LAUNCHER_PHASES(X)
#undef X
};

const char *launcher_phase_name(enum launcher_phase phase)
{
    return phases[phase].name;
}

const char *launcher_phase_brief(enum launcher_phase phase)
{
    return phases[phase].brief;
}

char launcher_phase_letter(enum launcher_phase phase)
{
    return phases[phase].letter;
}

/* Room for one more of `size` bytes each. */
static void *one_more(void *array, size_t count, size_t *room, size_t size)
{
    if (count < *room)
        return array;
    *room = *room == 0 ? 16 : 2 * *room;
    return launcher_grow(array, *room * size);
}

static struct launcher_span *latest(struct launcher_plan_lane *lane)
{
    return &lane->spans[lane->span_count - 1];
}

static void begin_span(struct launcher_plan_lane *lane, enum launcher_phase phase, uint8_t status,
                       uint64_t time)
{
    latest(lane)->end = time;
    lane->spans = one_more(lane->spans, lane->span_count, &lane->span_room, sizeof(*lane->spans));
    lane->spans[lane->span_count++] =
        (struct launcher_span){.phase = phase, .status = status, .begin = time, .end = time};
}

static void add_flag(struct launcher_plan_lane *lane, enum launcher_flag_kind kind,
                     const struct launcher_event *event)
{
    const char *text = event->text;

    if (text == NULL)
        text = kind == LAUNCHER_FLAG_FAULT ? launcher_fault_name((enum launcher_fault)event->value)
                                           : "";
    lane->flags = one_more(lane->flags, lane->flag_count, &lane->flag_room, sizeof(*lane->flags));
    lane->flags[lane->flag_count++] = (struct launcher_flag){kind, event->time_ns, text};
    lane->counts[kind]++;
}

static void add_request(struct launcher_plan_lane *lane, uint64_t time)
{
    lane->requests =
        one_more(lane->requests, lane->request_count, &lane->request_room, sizeof(*lane->requests));
    lane->requests[lane->request_count++] = time;
}

void launcher_span_text(const struct launcher_span *span, char *text, size_t size)
{
    int used = 0;

    text[0] = '\0';
    if (span->taken > 0)
        used =
            snprintf(text, size, "%" PRIu64 " request%s", span->taken, span->taken == 1 ? "" : "s");
    if (span->kicks > 0)
        snprintf(text + used, size - (size_t)used, "%s%" PRIu64 " kick%s", used > 0 ? ", " : "",
                 span->kicks, span->kicks == 1 ? "" : "s");
}

/* ---- Status ---- */

static enum launcher_phase phase_of(uint8_t status)
{
    static const struct {
        uint8_t bit;
        enum launcher_phase phase;
    } order[] = {
        {VIRTIO_STATUS_FAILED, LAUNCHER_PHASE_FAILED},
        {VIRTIO_STATUS_NEEDS_RESET, LAUNCHER_PHASE_NEEDS_RESET},
        {VIRTIO_STATUS_SUSPEND, LAUNCHER_PHASE_SUSPENDED},
        {VIRTIO_STATUS_DRIVER_OK, LAUNCHER_PHASE_LIVE},
        {VIRTIO_STATUS_FEATURES_OK, LAUNCHER_PHASE_FEATURES_OK},
        {VIRTIO_STATUS_DRIVER, LAUNCHER_PHASE_DRIVER},
        {VIRTIO_STATUS_ACKNOWLEDGE, LAUNCHER_PHASE_ACKNOWLEDGE},
    };

    for (unsigned i = 0; i < sizeof(order) / sizeof(order[0]); i++)
        if ((status & order[i].bit) != 0)
            return order[i].phase;
    return LAUNCHER_PHASE_IDLE;
}

static void status_written(struct launcher_plan_lane *lane, uint8_t status, uint64_t time)
{
    struct launcher_span *now = latest(lane);

    if (status == 0) {
        lane->resets++;
        begin_span(lane, LAUNCHER_PHASE_RESETTING, 0, time);
    } else if (status != now->status || now->phase != phase_of(status)) {
        lane->lives += (status & ~now->status & VIRTIO_STATUS_DRIVER_OK) != 0;
        begin_span(lane, phase_of(status), status, time);
    }
}

static void status_read(struct launcher_plan_lane *lane, uint8_t status, uint64_t time, bool first)
{
    struct launcher_span *now = latest(lane);

    if (now->phase == LAUNCHER_PHASE_RESETTING || now->phase == LAUNCHER_PHASE_STUCK) {
        if (status == 0)
            begin_span(lane, LAUNCHER_PHASE_CLEAN, 0, time);
        else
            now->status = status; /* still */
    } else if (phase_of(status) != phase_of(now->status)) {
        begin_span(lane, phase_of(status), status, time);
        latest(lane)->found = first;
    }
}

/* A reset whose status was read, and that nobody saw complete. */
static void mark_stuck(struct launcher_plan_lane *lane)
{
    for (size_t i = 0; i < lane->span_count; i++)
        if (lane->spans[i].phase == LAUNCHER_PHASE_RESETTING && lane->spans[i].status != 0 &&
            (i + 1 == lane->span_count || lane->spans[i + 1].phase != LAUNCHER_PHASE_CLEAN))
            lane->spans[i].phase = LAUNCHER_PHASE_STUCK;
}

/* ---- The whole of it ---- */

static void take_access(struct launcher_plan_lane *lane, const struct launcher_event *event,
                        bool *status_seen)
{
    const struct launcher_access *access = &event->access;

    if (access->reg == LAUNCHER_REG_STATUS) {
        if (access->write)
            status_written(lane, (uint8_t)access->value, event->time_ns);
        else
            status_read(lane, (uint8_t)access->value, event->time_ns, !*status_seen);
        *status_seen = true;
    } else if (access->reg == LAUNCHER_REG_NOTIFY && access->write) {
        latest(lane)->kicks++;
        lane->kicks++;
    }
}

static void take_event(struct launcher_plan_lane *lane, const struct launcher_event *event,
                       bool *status_seen)
{
    switch (event->kind) {
    case LAUNCHER_EVENT_ACCESS:
        take_access(lane, event, status_seen);
        break;
    case LAUNCHER_EVENT_TAKEN:
        latest(lane)->taken++;
        lane->taken++;
        break;
    case LAUNCHER_EVENT_USED:
        latest(lane)->used++;
        break;
    case LAUNCHER_EVENT_FAULT:
        add_flag(lane, LAUNCHER_FLAG_FAULT, event);
        break;
    case LAUNCHER_EVENT_VIOLATION:
        add_flag(lane, LAUNCHER_FLAG_VIOLATION, event);
        break;
    case LAUNCHER_EVENT_NOTE:
        add_flag(lane, LAUNCHER_FLAG_NOTE, event);
        break;
    case LAUNCHER_EVENT_RESET: /* the device's view: the lane shows what the driver knows */
        break;
    }
}

static void collect_requests(struct launcher_plan_lane *lane,
                             const struct launcher_history *history, size_t first)
{
    for (size_t i = first; i < history->count; i++) {
        const struct launcher_event *event = &history->events[i % history->room];
        bool kick = event->kind == LAUNCHER_EVENT_ACCESS && event->access.write &&
                    event->access.reg == LAUNCHER_REG_NOTIFY;

        if (lane->taken > 0 ? event->kind == LAUNCHER_EVENT_TAKEN : kick)
            add_request(lane, event->time_ns);
    }
}

static void decide(struct launcher_plan_lane *lane, uint64_t when)
{
    const struct launcher_span *span = &lane->spans[0];
    const char *text;

    for (size_t i = 1; i < lane->span_count && lane->spans[i].begin <= when; i++)
        span = &lane->spans[i];
    lane->good = span->phase == LAUNCHER_PHASE_CLEAN;
    text = span->phase == LAUNCHER_PHASE_CLEAN       ? "CLEAN"
           : span->phase == LAUNCHER_PHASE_STUCK     ? "STUCK"
           : span->phase == LAUNCHER_PHASE_RESETTING ? "UNCONFIRMED"
           : span->phase == LAUNCHER_PHASE_IDLE      ? "NEVER RESET"
                                                     : NULL;
    if (text != NULL)
        snprintf(lane->verdict, sizeof(lane->verdict), "%s", text);
    else
        snprintf(lane->verdict, sizeof(lane->verdict), "%s (0x%02x)",
                 span->phase == LAUNCHER_PHASE_LIVE ? "LIVE" : "IN USE", span->status);
}

void launcher_plan_lane(struct launcher_plan_lane *lane, const struct launcher_lane *from)
{
    const struct launcher_history *history = from->history;
    size_t first = history->count > history->room ? history->count - history->room : 0;
    uint64_t begin = 0, end = 0;
    bool status_seen = false;

    *lane = (struct launcher_plan_lane){.name = from->name};
    if (history->count > 0) {
        begin = history->events[first % history->room].time_ns;
        end = history->events[(history->count - 1) % history->room].time_ns;
    }
    lane->spans = one_more(NULL, 0, &lane->span_room, sizeof(*lane->spans));
    lane->spans[lane->span_count++] =
        (struct launcher_span){.phase = LAUNCHER_PHASE_IDLE, .begin = begin, .end = begin};
    for (size_t i = first; i < history->count; i++)
        take_event(lane, &history->events[i % history->room], &status_seen);
    latest(lane)->end = end;
    mark_stuck(lane);
    collect_requests(lane, history, first);
    decide(lane, from->ends_ns != 0 ? from->ends_ns : end);
}
