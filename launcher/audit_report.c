/* SPDX-License-Identifier: BSD-2-Clause */
/* What an audit has to say: for people, and as JSON for programs. */
#include <inttypes.h>
#include <string.h>

#include "launcher/audit.h"

static const char *level(const struct launcher_finding *finding)
{
    return finding->counts ? "HANDOFF" : "NOTE";
}

/* ---- For people ---- */

static void print_scope(const struct launcher_audit *audit, FILE *to)
{
    const struct launcher_trace *trace = &audit->trace;

    fprintf(to, "%s: judged from line %" PRIu64 " (%s) to line %" PRIu64 " (", trace->name,
            audit->start_line, audit->from_marker ? "Slate's first instruction" : "the first",
            audit->end_line);
    switch (audit->end) {
    case LAUNCHER_AUDIT_END_MARKER:
        fputs("Slate enters the OS)\n", to);
        break;
    case LAUNCHER_AUDIT_END_OS_TEXT:
        fprintf(to, "the UART says \"%s\")\n", audit->machine.text);
        break;
    case LAUNCHER_AUDIT_END_OF_TRACE:
        fprintf(to,
                "the last: the trace shows no OS entry, neither Slate's marker nor \"%s\" on a "
                "UART;\n  if there was one, accesses of the OS have been judged as well)\n",
                audit->machine.text);
        break;
    }
    if (trace->cut_off && audit->end == LAUNCHER_AUDIT_END_OF_TRACE)
        fprintf(to, "  the last line is cut off: so may the trace be\n");
}

static void print_line(const struct launcher_audit_device *device, FILE *to)
{
    const struct launcher_trace_device *at = &device->at_end;

    fprintf(to,
            "%-18s %-11s  status 0x%02x, resets %" PRIu64 ", lives %" PRIu64
            ", notifications %" PRIu64,
            device->device->name, launcher_verdict_name(device->verdict), at->status, at->resets,
            at->lives, at->notifications > 0 ? at->notifications : at->host_notifications);
    if (device->referee.violations > 0)
        fprintf(to, ", rules broken %u", device->referee.violations);
    fputc('\n', to);
}

static void print_details(const struct launcher_audit_device *device, FILE *to)
{
    if (device->finding_count == 0 && device->referee.first == NULL)
        return;
    fputc('\n', to);
    for (unsigned i = 0; i < device->finding_count; i++)
        fprintf(to, "%s: %s (%s): %s\n", device->device->name, device->findings[i].id,
                level(&device->findings[i]), device->findings[i].text);
    launcher_referee_report(&device->referee, to);
}

void launcher_audit_print(const struct launcher_audit *audit, FILE *to)
{
    unsigned clean = 0, all = 0;

    print_scope(audit, to);
    for (unsigned i = 0; i < audit->count; i++) {
        const struct launcher_audit_device *device = audit->devices[i];

        if (device->device->empty)
            continue;
        print_line(device, to);
        all++;
        clean += device->verdict == LAUNCHER_VERDICT_CLEAN;
    }
    fprintf(to, "%u of %u virtio devices were handed over clean\n", clean, all);
    for (unsigned i = 0; i < audit->count; i++)
        print_details(audit->devices[i], to);
}

/* ---- JSON ---- */

static void json_text(const char *text, size_t length, FILE *to)
{
    fputc('"', to);
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];

        if (c == '"' || c == '\\')
            fprintf(to, "\\%c", c);
        else if (c < 0x20 || c >= 0x7f) /* bytes of the trace may be anything */
            fprintf(to, "\\u%04x", c);
        else
            fputc(c, to);
    }
    fputc('"', to);
}

static void json_member(const char *name, const char *text, FILE *to)
{
    fprintf(to, "\"%s\": ", name);
    json_text(text, strlen(text), to);
}

static void json_lines(const char *text, FILE *to)
{
    fputc('[', to);
    for (bool first = true; *text != '\0'; first = false) {
        size_t length = strcspn(text, "\n");

        fputs(first ? "" : ", ", to);
        json_text(text, length, to);
        text += length + (text[length] == '\n');
    }
    fputc(']', to);
}

static void json_violations(const struct launcher_audit_device *device, FILE *to)
{
    const char *separator = "";

    fputs("     \"violations\": [", to);
    for (const struct launcher_violation *at = device->referee.first; at != NULL; at = at->next) {
        fprintf(to, "%s\n      {", separator);
        json_member("id", at->id, to);
        fputs(", ", to);
        json_member("level", at->level, to);
        fputs(", ", to);
        json_member("text", at->text, to);
        fputs(",\n       \"accesses\": ", to);
        json_lines(at->history, to);
        fputc('}', to);
        separator = ",";
    }
    fputs("],\n     \"findings\": [", to);
    separator = "";
    for (unsigned i = 0; i < device->finding_count; i++) {
        fprintf(to, "%s\n      {", separator);
        json_member("id", device->findings[i].id, to);
        fputs(", ", to);
        json_member("level", level(&device->findings[i]), to);
        fputs(", ", to);
        json_member("text", device->findings[i].text, to);
        fputc('}', to);
        separator = ",";
    }
    fputc(']', to);
}

static void json_device(const struct launcher_audit_device *device, FILE *to)
{
    const struct launcher_trace_device *at = &device->at_end;

    fputs("    {", to);
    json_member("name", device->device->name, to);
    fputs(", ", to);
    json_member("kind", device->device->kind, to);
    fputs(", ", to);
    json_member("verdict", launcher_verdict_name(device->verdict), to);
    fprintf(to,
            ",\n     \"status\": %u, \"queues_enabled\": %u, \"bus_master\": %s, \"msix\": %s, "
            "\"legacy\": %s,\n     \"resets\": %" PRIu64 ", \"lives\": %" PRIu64
            ", \"accesses\": %" PRIu64 ", \"notifications\": %" PRIu64
            ", \"host_notifications\": %" PRIu64 ", \"isr_reads\": %" PRIu64
            ",\n     \"rules_broken\": %u,\n",
            at->status, at->queues_enabled, at->master ? "true" : "false",
            at->msix ? "true" : "false", at->legacy ? "true" : "false", at->resets, at->lives,
            at->accesses, at->notifications, at->host_notifications, at->isr_reads,
            device->referee.violations);
    json_violations(device, to);
    fputc('}', to);
}

void launcher_audit_print_json(const struct launcher_audit *audit, FILE *to)
{
    static const char *const ends[] = {"end of trace", "marker", "os text"};
    const char *separator = "";

    fputs("{", to);
    json_member("trace", audit->trace.name, to);
    fprintf(to,
            ",\n  \"from\": \"%s\", \"from_line\": %" PRIu64
            ", \"to\": \"%s\", \"to_line\": %" PRIu64 ",\n  \"clean\": %s,\n  \"devices\": [",
            audit->from_marker ? "marker" : "start", audit->start_line, ends[audit->end],
            audit->end_line, launcher_audit_clean(audit) ? "true" : "false");
    for (unsigned i = 0; i < audit->count; i++) {
        if (audit->devices[i]->device->empty)
            continue;
        fprintf(to, "%s\n", separator);
        json_device(audit->devices[i], to);
        separator = ",";
    }
    fputs("]}\n", to);
}
