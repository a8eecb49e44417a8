/* SPDX-License-Identifier: BSD-2-Clause */
/* `launcher timeline`: draws the life of every virtio device of a machine from QEMU's trace of a boot. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "launcher/audit.h"
#include "launcher/commands.h"
#include "launcher/device.h"
#include "launcher/timeline.h"

static const char usage[] =
    "usage: launcher timeline TRACE [--svg FILE] [--width N] [--title TEXT] [--until TEXT]\n"
    "                         [--all] [--ascii]\n"
    "\n"
    "Draws the life of every virtio device of a machine from QEMU's trace of a boot: a lane a\n"
    "device, from the first step to the OS's entry. TRACE is as for `launcher audit`; -msg\n"
    "timestamp=on among QEMU's options gives it times, and the events virtio_set_status,\n"
    "virtio_queue_notify, virtqueue_pop and virtqueue_fill requests.\n"
    "\n"
    "  --svg FILE    as SVG to FILE (- is standard output) instead of text\n"
    "  --width N     columns, 60 to 1000 (100); of SVG pixels, 600 to 10000 (1200)\n"
    "  --title TEXT  above it\n"
    "  --until TEXT  the OS runs once the UART says this (Linux version)\n"
    "  --all         go on after OS entry\n"
    "  --ascii       text in ASCII, which is also what locales without UTF-8 get\n"
    "  -h, --help    this text\n"
    "\n"
    "Exit status: 0 it was drawn, 2 it could not be.\n";

struct arguments {
    const char *trace, *svg, *title, *os_text;
    unsigned width;
    bool all, ascii;
};

static int misuse(const char *what, const char *word)
{
    fprintf(stderr, "launcher timeline: %s%s (--help explains)\n", what, word);
    return 2;
}

static bool read_width(const char *word, unsigned *width)
{
    char *end;
    unsigned long value = strtoul(word, &end, 10);

    *width = (unsigned)value;
    return word[0] >= '0' && word[0] <= '9' && *end == '\0' && value >= 60 && value <= 10000;
}

/* An option with a value; -1: it was one, -2: it is none. */
static int read_value(struct arguments *arguments, const char *word, const char *value)
{
    static const char *const names[] = {"--svg", "--width", "--title", "--until"};
    unsigned i = 0;

    while (i < 4 && strcmp(word, names[i]) != 0)
        i++;
    if (i == 4)
        return -2;
    if (value == NULL || value[0] == '\0')
        return misuse("a value is missing after ", word);
    if (i == 0)
        arguments->svg = value;
    else if (i == 1 && !read_width(value, &arguments->width))
        return misuse("--width: expected 60 to 10000, found ", value);
    else if (i == 2)
        arguments->title = value;
    else if (i == 3 && strlen(value) >= LAUNCHER_TRACE_TEXT)
        return misuse("--until: expected at most 127 characters, found ", value);
    else if (i == 3)
        arguments->os_text = value;
    return -1;
}

/* -1: go on, otherwise the exit status. */
static int read_arguments(int argc, char **argv, struct arguments *arguments)
{
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i];
        int status = read_value(arguments, word, i + 1 < argc ? argv[i + 1] : NULL);

        if (status >= 0)
            return status;
        if (status == -1) {
            i++;
        } else if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
            fputs(usage, stdout);
            return 0;
        } else if (strcmp(word, "--all") == 0) {
            arguments->all = true;
        } else if (strcmp(word, "--ascii") == 0) {
            arguments->ascii = true;
        } else if (word[0] == '-' && word[1] != '\0') {
            return misuse("unknown option ", word);
        } else if (arguments->trace != NULL) {
            return misuse("one trace at a time, and not also ", word);
        } else {
            arguments->trace = word;
        }
    }
    return arguments->trace == NULL ? misuse("which trace?", "") : -1;
}

/* Lanes in the order of the bus. */
static int by_name(const void *a, const void *b)
{
    const struct launcher_lane *left = a, *right = b;

    return strcmp(left->name, right->name);
}

static uint64_t moment(const struct launcher_audit *audit, uint64_t line, uint64_t time_ns)
{
    return audit->trace.timed ? time_ns : line * 1000;
}

static void draw(const struct launcher_audit *audit, const struct arguments *arguments, FILE *to)
{
    struct launcher_lane *lanes = launcher_allocate((audit->count + 1) * sizeof(*lanes));
    struct launcher_mark marks[2];
    struct launcher_timeline timeline = {
        .title = arguments->title,
        .lanes = lanes,
        .marks = marks,
        .ordinal = !audit->trace.timed,
        .width = arguments->width,
        .ascii = arguments->ascii || launcher_timeline_wants_ascii(),
    };
    uint64_t end = moment(audit, audit->end_line, audit->end_ns);

    for (unsigned i = 0; i < audit->count; i++)
        if (!audit->devices[i]->device->empty)
            lanes[timeline.lane_count++] = (struct launcher_lane){audit->devices[i]->device->name,
                                                                  &audit->devices[i]->history, end};
    qsort(lanes, timeline.lane_count, sizeof(*lanes), by_name);
    if (audit->from_marker)
        marks[timeline.mark_count++] = (struct launcher_mark){
            moment(audit, audit->start_line, audit->start_ns), "Slate entered"};
    if (audit->end != LAUNCHER_AUDIT_END_OF_TRACE)
        marks[timeline.mark_count++] = (struct launcher_mark){end, "OS entered"};
    (arguments->svg != NULL ? launcher_timeline_svg : launcher_timeline_text)(&timeline, to);
    free(lanes);
}

/* Opens what is to be drawn to only once there is something to draw. */
static int draw_to(const struct launcher_audit *audit, const struct arguments *arguments)
{
    const char *path = arguments->svg != NULL ? arguments->svg : "-";
    FILE *to = strcmp(path, "-") == 0 ? stdout : fopen(path, "w");
    bool good;

    if (to == NULL) {
        fprintf(stderr, "launcher timeline: %s: %s\n", path, strerror(errno));
        return 2;
    }
    draw(audit, arguments, to);
    good = ferror(to) == 0;
    good &= (to == stdout ? fflush(to) : fclose(to)) == 0;
    if (!good)
        fprintf(stderr, "launcher timeline: %s: cannot be written: %s\n", path, strerror(errno));
    return good ? 0 : 2;
}

int timeline_main(int argc, char **argv)
{
    struct arguments arguments = {0};
    struct launcher_audit_options options = {.keep_all = true};
    struct launcher_audit *audit;
    FILE *file;
    int status = read_arguments(argc, argv, &arguments);

    if (status >= 0)
        return status;
    file = strcmp(arguments.trace, "-") == 0 ? stdin : fopen(arguments.trace, "r");
    if (file == NULL) {
        fprintf(stderr, "launcher timeline: %s: %s\n", arguments.trace, strerror(errno));
        return 2;
    }
    options.os_text = arguments.os_text;
    options.go_on = arguments.all;
    audit = launcher_allocate(sizeof(*audit));
    status = 2;
    if (launcher_audit_run(audit, &options, file, file == stdin ? "stdin" : arguments.trace))
        status = draw_to(audit, &arguments);
    launcher_audit_free(audit);
    free(audit);
    if (file != stdin)
        fclose(file);
    return status;
}
