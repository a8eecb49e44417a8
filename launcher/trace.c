/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads QEMU's trace log as it is written: firmware makes millions of lines, of which few concern virtio. A line is found
 * also behind other text in the same line, because guests and threads write into the same file.
 */
#include "launcher/trace.h"

#include <string.h>

enum { COMPLAINTS_MAX = 5, QUOTE_MAX = 80 };

/* ---- Scanning: each function takes what it names and moves on, or leaves everything as it is ---- */

struct scan {
    const char *at, *end;
};

static bool take(struct scan *scan, const char *word)
{
    size_t length = strlen(word);

    if ((size_t)(scan->end - scan->at) < length || memcmp(scan->at, word, length) != 0)
        return false;
    scan->at += length;
    return true;
}

static int digit(char c, unsigned base)
{
    int value = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;

    return value < (int)base ? value : -1;
}

/* At least one digit, and no more than fit. */
static bool number(struct scan *scan, unsigned base, uint64_t *value)
{
    struct scan s = *scan;
    uint64_t sum = 0;

    for (; s.at < s.end && digit(*s.at, base) >= 0; s.at++) {
        if (__builtin_mul_overflow(sum, base, &sum) ||
            __builtin_add_overflow(sum, (uint64_t)digit(*s.at, base), &sum))
            return false;
    }
    if (s.at == scan->at)
        return false;
    *scan = s;
    *value = sum;
    return true;
}

static bool small(struct scan *scan, unsigned base, unsigned *value)
{
    uint64_t wide;

    if (!number(scan, base, &wide) || wide > UINT32_MAX)
        return false;
    *value = (unsigned)wide;
    return true;
}

static bool hex(struct scan *scan, const char *word, uint64_t *value)
{
    return take(scan, word) && take(scan, "0x") && number(scan, 16, value);
}

/* A null pointer is written as (nil). */
static bool pointer(struct scan *scan, const char *word, uint64_t *value)
{
    if (!take(scan, word))
        return false;
    *value = 0;
    return take(scan, "(nil)") || (take(scan, "0x") && number(scan, 16, value));
}

/* Up to `end`, which is taken as well. */
static bool word_until(struct scan *scan, char end, char *to, size_t size)
{
    const char *stop = memchr(scan->at, end, (size_t)(scan->end - scan->at));
    size_t length = stop == NULL ? 0 : (size_t)(stop - scan->at);

    if (stop == NULL || length == 0 || length >= size)
        return false;
    memcpy(to, scan->at, length);
    to[length] = '\0';
    scan->at = stop + 1;
    return true;
}

/* ---- What follows an event's name ---- */

static bool region_access(struct scan *scan, struct launcher_trace_line *line)
{
    unsigned cpu;

    /* QEMU says "cpu -1" of an access that no CPU makes. */
    return take(scan, " cpu ") && (take(scan, "-"), small(scan, 10, &cpu)) &&
           pointer(scan, " mr ", &line->region) && hex(scan, " addr ", &line->address) &&
           hex(scan, " value ", &line->value) && take(scan, " size ") &&
           small(scan, 10, &line->size) && take(scan, " name '") &&
           word_until(scan, '\'', line->name, sizeof(line->name)) &&
           (line->size == 1 || line->size == 2 || line->size == 4 || line->size == 8);
}

static bool pci_access(struct scan *scan, struct launcher_trace_line *line, const char *arrow)
{
    return take(scan, " ") && word_until(scan, ' ', line->name, sizeof(line->name)) &&
           small(scan, 16, &line->bus) && take(scan, ":") && small(scan, 16, &line->slot) &&
           take(scan, ".") && small(scan, 16, &line->function) && hex(scan, " @", &line->address) &&
           take(scan, arrow) && hex(scan, "", &line->value) && line->bus < 256 && line->slot < 32 &&
           line->function < 8 && line->address < 4096;
}

static bool region_read(struct scan *scan, struct launcher_trace_line *line)
{
    return region_access(scan, line);
}

static bool region_write(struct scan *scan, struct launcher_trace_line *line)
{
    line->write = true;
    return region_access(scan, line);
}

static bool pci_read(struct scan *scan, struct launcher_trace_line *line)
{
    return pci_access(scan, line, " -> ");
}

static bool pci_write(struct scan *scan, struct launcher_trace_line *line)
{
    line->write = true;
    return pci_access(scan, line, " <- ");
}

static bool set_status(struct scan *scan, struct launcher_trace_line *line)
{
    return pointer(scan, " vdev ", &line->device) && take(scan, " val ") &&
           number(scan, 10, &line->value) && line->value < 256;
}

static bool queue_notify(struct scan *scan, struct launcher_trace_line *line)
{
    return pointer(scan, " vdev ", &line->device) && take(scan, " n ") &&
           small(scan, 10, &line->index) && pointer(scan, " vq ", &line->queue);
}

static bool queue_pop(struct scan *scan, struct launcher_trace_line *line)
{
    uint64_t element;

    return pointer(scan, " vq ", &line->queue) && pointer(scan, " elem ", &element);
}

static bool queue_fill(struct scan *scan, struct launcher_trace_line *line)
{
    uint64_t element;

    return pointer(scan, " vq ", &line->queue) && pointer(scan, " elem ", &element) &&
           take(scan, " len ") && number(scan, 10, &line->value);
}

static bool serial_write(struct scan *scan, struct launcher_trace_line *line)
{
    line->write = true;
    return take(scan, " write") && hex(scan, " addr ", &line->address) &&
           hex(scan, " val ", &line->value);
}

static const struct event {
    const char *name;
    enum launcher_trace_kind kind;
    bool (*parse)(struct scan *scan, struct launcher_trace_line *line);
} events[] = {
    {"memory_region_ops_read", LAUNCHER_TRACE_REGISTER, region_read},
    {"memory_region_ops_write", LAUNCHER_TRACE_REGISTER, region_write},
    {"pci_cfg_read", LAUNCHER_TRACE_PCI, pci_read},
    {"pci_cfg_write", LAUNCHER_TRACE_PCI, pci_write},
    {"virtio_set_status", LAUNCHER_TRACE_STATUS, set_status},
    {"virtio_queue_notify", LAUNCHER_TRACE_NOTIFY, queue_notify},
    {"virtqueue_pop", LAUNCHER_TRACE_TAKEN, queue_pop},
    {"virtqueue_fill", LAUNCHER_TRACE_USED, queue_fill},
    {"serial_write", LAUNCHER_TRACE_SERIAL, serial_write},
};
enum { EVENTS = sizeof(events) / sizeof(events[0]) };

/* ---- Lines ---- */

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

/* What has nothing to do with virtio is most of a trace. */
static bool matters(const struct launcher_trace_line *line)
{
    if (line->kind == LAUNCHER_TRACE_PCI)
        return begins(line->name, "virtio-") || begins(line->name, "vhost-");
    if (line->kind == LAUNCHER_TRACE_REGISTER)
        return begins(line->name, "virtio-") || strcmp(line->name, "ioport80") == 0 ||
               strcmp(line->name, "serial") == 0 || strcmp(line->name, "pl011") == 0;
    return true;
}

/* "pid@seconds.microseconds:" in front of the event. */
static void timestamp(struct launcher_trace *trace, struct scan *scan,
                      struct launcher_trace_line *line)
{
    struct scan s = *scan;
    uint64_t pid, seconds, micros, now;

    if (!number(&s, 10, &pid) || !take(&s, "@") || !number(&s, 10, &seconds) || !take(&s, ".") ||
        !number(&s, 10, &micros) || !take(&s, ":") || seconds > UINT32_MAX || micros >= 1000000)
        return;
    *scan = s;
    now = (seconds * 1000000 + micros) * 1000;
    if (!trace->timed)
        trace->first_ns = now;
    trace->timed = true;
    line->time_ns = now > trace->first_ns ? now - trace->first_ns : 0;
}

static void complain(struct launcher_trace *trace, const struct scan *text, FILE *to)
{
    int length = text->end - text->at > QUOTE_MAX ? QUOTE_MAX : (int)(text->end - text->at);

    trace->damaged++;
    if (to == NULL || trace->damaged > COMPLAINTS_MAX)
        return;
    fprintf(to, "%s:%llu: cannot be understood as a line of QEMU's trace: %.*s%s\n", trace->name,
            (unsigned long long)trace->lines, length, text->at,
            trace->damaged == COMPLAINTS_MAX ? " (further ones are only counted)" : "");
}

/* Where in the text the next event begins, with its name taken; NULL: nowhere. */
static const struct event *find_event(struct scan *scan)
{
    const struct event *found = NULL;
    const char *at = scan->end;

    for (unsigned i = 0; i < EVENTS; i++) {
        if (take(scan, events[i].name))
            return &events[i];
    }
    for (unsigned i = 0; i < EVENTS; i++) {
        const char *here = strstr(scan->at, events[i].name);

        if (here != NULL && here < at) {
            found = &events[i];
            at = here;
        }
    }
    if (found != NULL)
        scan->at = at + strlen(found->name);
    return found;
}

/* Whether the text holds a line that matters. */
static bool understand(struct launcher_trace *trace, struct scan text, bool whole,
                       struct launcher_trace_line *line, FILE *complaints)
{
    struct scan scan = text;
    const struct event *event;
    bool damaged = false;

    memset(line, 0, sizeof(*line));
    line->number = trace->lines;
    timestamp(trace, &scan, line);
    while ((event = find_event(&scan)) != NULL) {
        line->kind = event->kind;
        line->write = false;
        if (event->parse(&scan, line)) {
            if (damaged)
                complain(trace, &text, complaints);
            return matters(line);
        }
        damaged = true;
    }
    if (damaged && whole)
        complain(trace, &text, complaints);
    return false;
}

/* The next line of the file without its end; `whole`: it has one. false: there is none. */
static bool next_text(struct launcher_trace *trace, struct scan *text, bool *whole)
{
    for (;;) {
        char *at = trace->buffer + trace->start;
        size_t left = trace->filled - trace->start;
        char *stop = memchr(at, '\n', left);

        if (stop != NULL || (trace->ended && left > 0)) {
            size_t length = stop == NULL ? left : (size_t)(stop - at);

            trace->start += stop == NULL ? left : length + 1;
            *whole = stop != NULL;
            if (length > LAUNCHER_TRACE_LINE_MAX)
                length = LAUNCHER_TRACE_LINE_MAX;
            at[length] = '\0';
            *text = (struct scan){at, at + length};
            return true;
        }
        if (trace->ended)
            return false;
        if (left == LAUNCHER_TRACE_BUFFER) /* no end in sight: only its beginning is kept */
            left = LAUNCHER_TRACE_LINE_MAX;
        memmove(trace->buffer, at, left);
        trace->start = 0;
        trace->filled =
            left + fread(trace->buffer + left, 1, LAUNCHER_TRACE_BUFFER - left, trace->file);
        trace->ended = trace->filled == left;
    }
}

void launcher_trace_start(struct launcher_trace *trace, FILE *file, const char *name)
{
    memset(trace, 0, sizeof(*trace));
    trace->file = file;
    trace->name = name;
}

bool launcher_trace_next(struct launcher_trace *trace, struct launcher_trace_line *line,
                         FILE *complaints)
{
    struct scan text;
    bool whole;

    while (next_text(trace, &text, &whole)) {
        trace->lines++;
        trace->cut_off = !whole;
        if (understand(trace, text, whole, line, complaints))
            return true;
    }
    return false;
}

void launcher_trace_drain(struct launcher_trace *trace)
{
    while (!trace->ended)
        trace->ended = fread(trace->buffer, 1, LAUNCHER_TRACE_BUFFER, trace->file) == 0;
    trace->start = trace->filled = 0;
}
