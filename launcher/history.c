/* SPDX-License-Identifier: BSD-2-Clause */
/* What happened to one device: the latest events for a report, or all of them for the timeline. */
#include "launcher/history.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "launcher/device.h"

enum {
    ROOM = 256,       /* events that a history keeps unless it keeps all */
    FIRST_ROOM = 1024 /* and that it has room for at first if it does */
};

void launcher_history_init(struct launcher_history *history, bool keep_all)
{
    *history =
        (struct launcher_history){.keep_all = keep_all, .room = keep_all ? FIRST_ROOM : ROOM};
    history->events = launcher_allocate(history->room * sizeof(*history->events));
}

void launcher_history_free(struct launcher_history *history)
{
    size_t kept = history->count < history->room ? history->count : history->room;

    for (size_t i = 0; i < kept; i++)
        free(history->events[i].owned);
    free(history->events);
    *history = (struct launcher_history){0};
}

struct launcher_event *launcher_history_add(struct launcher_history *history,
                                            enum launcher_event_kind kind)
{
    struct launcher_event *event;

    if (history->keep_all && history->count == history->room) {
        history->room *= 2;
        history->events = launcher_grow(history->events, history->room * sizeof(*history->events));
    }
    event = &history->events[history->count % history->room];
    if (history->count >= history->room)
        free(event->owned);
    history->count++;
    *event = (struct launcher_event){.kind = kind, .time_ns = history->now, .line = history->line};
    return event;
}

void launcher_history_access(struct launcher_history *history, const struct launcher_access *access)
{
    launcher_history_add(history, LAUNCHER_EVENT_ACCESS)->access = *access;
}

void launcher_history_note(struct launcher_history *history, const char *format, ...)
{
    struct launcher_event *event = launcher_history_add(history, LAUNCHER_EVENT_NOTE);
    char text[256];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    event->owned = launcher_allocate(strlen(text) + 1);
    memcpy(event->owned, text, strlen(text) + 1);
    event->text = event->owned;
}

static int access_text(const struct launcher_access *access, char *text, size_t size)
{
    const char *verb = access->write ? "write" : "read ";
    int digits = access->width < 4 ? access->width * 2 : 8;

    switch (access->reg) {
    case LAUNCHER_REG_NONE:
        return snprintf(text, size, "%s region %u, offset 0x%" PRIx64 " (%u bytes) = 0x%0*" PRIx32,
                        verb, access->region, access->offset, access->width, digits, access->value);
    case LAUNCHER_REG_CONFIG:
    case LAUNCHER_REG_NOTIFY:
    case LAUNCHER_REG_PCI_CONFIG:
        return snprintf(text, size, "%s %s + 0x%" PRIx64 " (%u bytes) = 0x%0*" PRIx32, verb,
                        launcher_register_name(access->reg), access->offset, access->width, digits,
                        access->value);
    default:
        return snprintf(text, size, "%s %s = 0x%0*" PRIx32, verb,
                        launcher_register_name(access->reg), digits, access->value);
    }
}

void launcher_event_text(const struct launcher_event *event, char *text, size_t size)
{
    int used = event->line != 0 ? snprintf(text, size, "line %8" PRIu64 "  ", event->line)
                                : snprintf(text, size, "%8" PRIu64 ".%03" PRIu64 " us  ",
                                           event->time_ns / 1000, event->time_ns % 1000);

    if (used < 0 || (size_t)used >= size)
        return;
    text += used;
    size -= (size_t)used;
    switch (event->kind) {
    case LAUNCHER_EVENT_ACCESS:
        access_text(&event->access, text, size);
        break;
    case LAUNCHER_EVENT_TAKEN:
        snprintf(text, size, "device takes buffer %" PRIu32 " of queue %u (%" PRIu32 " bytes)",
                 event->id, event->queue, event->value);
        break;
    case LAUNCHER_EVENT_USED:
        snprintf(text, size, "device uses buffer %" PRIu32 " of queue %u (%" PRIu32 " bytes)",
                 event->id, event->queue, event->value);
        break;
    case LAUNCHER_EVENT_RESET:
        snprintf(text, size, "reset complete");
        break;
    case LAUNCHER_EVENT_FAULT:
        snprintf(text, size, "fault: %s",
                 event->text != NULL ? event->text
                                     : launcher_fault_name((enum launcher_fault)event->value));
        break;
    case LAUNCHER_EVENT_VIOLATION:
        snprintf(text, size, "violation of %s", event->text);
        break;
    case LAUNCHER_EVENT_NOTE:
        snprintf(text, size, "%s", event->text);
        break;
    }
}

char *launcher_history_text(const struct launcher_history *history, size_t lines)
{
    size_t kept = history->count < history->room ? history->count : history->room;
    size_t wanted = lines < kept ? lines : kept;
    size_t length = 0;
    char *text = launcher_allocate(wanted * 320 + 1); /* a line is shorter than that */

    for (size_t i = history->count - wanted; i < history->count; i++) {
        launcher_event_text(&history->events[i % history->room], text + length, 319);
        length += strlen(text + length);
        text[length++] = '\n';
    }
    return text;
}
