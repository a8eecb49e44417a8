/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a trace to verdicts. What is judged begins with the trace or with Slate's first instruction, and ends where the OS
 * takes over: at Slate's last one, or when the OS says its first words on the UART.
 */
#include "launcher/audit.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "launcher/device.h"
#include "launcher/model.h"

const char *launcher_verdict_name(enum launcher_verdict verdict)
{
    static const char *const names[] = {
#define X(name, text) text,
        LAUNCHER_VERDICTS(X)
#undef X
    };

    return names[verdict];
}

/* ---- One referee a device ---- */

static const struct launcher_model *find_model(const char *kind)
{
    static const struct {
        const char *kind; /* as QEMU calls it */
        const struct launcher_model *model;
    } models[] = {
        {"blk", &launcher_blk},
        {"serial", &launcher_console},
        {"rng", &launcher_rng},
        {"balloon", &launcher_balloon},
    };

    for (unsigned i = 0; i < sizeof(models) / sizeof(models[0]); i++)
        if (strcmp(kind, models[i].kind) == 0)
            return models[i].model;
    return NULL;
}

static void set_type(struct launcher_audit_device *device)
{
    const struct launcher_model *model = find_model(device->device->kind);

    if (model == NULL)
        return;
    device->referee.type = model->id;
    device->referee.fields = device->device->fields = model->fields;
    device->referee.type_features = model->type_features;
}

static void start_referee(struct launcher_audit_device *device)
{
    launcher_referee_init(&device->referee, device->device->name, &device->history);
    set_type(device);
}

static struct launcher_audit_device *audited(struct launcher_audit *audit,
                                             struct launcher_trace_device *device)
{
    struct launcher_audit_device *mine = device->owner;

    if (mine != NULL)
        return mine;
    mine = launcher_allocate(sizeof(*mine));
    mine->device = device;
    device->owner = mine;
    launcher_history_init(&mine->history, audit->options.keep_all);
    start_referee(mine);
    mine->verdict = LAUNCHER_VERDICT_NEVER_RESET; /* if it appears after OS entry only */
    audit->devices[audit->count++] = mine;
    return mine;
}

static enum launcher_front_kind front(const struct launcher_trace_device *device)
{
    if (device->mmio)
        return device->version == 1 ? LAUNCHER_MMIO_LEGACY : LAUNCHER_MMIO;
    return !device->legacy  ? LAUNCHER_PCI
           : device->modern ? LAUNCHER_PCI_TRANSITIONAL
                            : LAUNCHER_PCI_LEGACY;
}

static void take_access(struct launcher_audit *audit, struct launcher_audit_device *device,
                        const struct launcher_trace_event *event)
{
    launcher_history_access(&device->history, &event->access);
    if (audit->concluded)
        return;
    if (device->referee.type == 0) /* MMIO: known from here on */
        set_type(device);
    device->referee.front = front(device->device);
    device->referee.legacy = event->legacy;
    launcher_judge_access(&device->referee, &event->access);
}

static void take_buffer(struct launcher_audit *audit, struct launcher_audit_device *device,
                        const struct launcher_trace_event *event)
{
    struct launcher_event *noted;

    if (!audit->options.keep_all)
        return;
    noted = launcher_history_add(&device->history, event->meaning == LAUNCHER_TRACE_BUFFER_TAKEN
                                                       ? LAUNCHER_EVENT_TAKEN
                                                       : LAUNCHER_EVENT_USED);
    noted->queue = (uint16_t)event->queue;
    noted->value = event->value;
}

/* ---- Verdicts ---- */

static void find(struct launcher_audit_device *device, const char *id, bool counts,
                 const char *format, ...) __attribute__((format(printf, 4, 5)));

static void find(struct launcher_audit_device *device, const char *id, bool counts,
                 const char *format, ...)
{
    struct launcher_finding *finding = &device->findings[device->finding_count++];
    va_list args;

    finding->id = id;
    finding->counts = counts;
    device->findings_that_count += counts;
    va_start(args, format);
    vsnprintf(finding->text, sizeof(finding->text), format, args);
    va_end(args);
}

/* How the reset before the handoff ended. */
static enum launcher_verdict judge_reset(struct launcher_audit_device *device,
                                         const struct launcher_trace_device *at)
{
    if (at->refused) {
        find(device, "HANDOFF-STUCK", true,
             "its latest reset is not complete: status was read as 0x%02x after it", at->status);
        return LAUNCHER_VERDICT_STUCK;
    }
    if (at->status != 0) {
        find(device, "HANDOFF-LIVE", true, "handed over with status 0x%02x%s", at->status,
             (at->status & VIRTIO_STATUS_DRIVER_OK) != 0 ? ": live" : "");
        return LAUNCHER_VERDICT_LIVE;
    }
    if (at->resets == 0) {
        find(device, "HANDOFF-NEVER-RESET", true, "its status was never written 0");
        return LAUNCHER_VERDICT_NEVER_RESET;
    }
    if (!at->confirmed) {
        find(device, "HANDOFF-UNCONFIRMED", true,
             "its latest reset was not read back: nobody knows that it was complete");
        return LAUNCHER_VERDICT_UNCONFIRMED;
    }
    return LAUNCHER_VERDICT_CLEAN;
}

static void judge_cost(struct launcher_audit_device *device, const struct launcher_trace_device *at)
{
    if (at->unconfirmed > 0)
        find(device, "NOTE-RESET", false,
             "%" PRIu64 " of %" PRIu64 " resets were not read back before "
             "the next status was written",
             at->unconfirmed, at->resets);
    if (at->legacy && at->pci && (at->bar[4] >> 4 != 0 || at->bar[5] != 0))
        find(device, "NOTE-LEGACY", false,
             "driven by the legacy interface, though it has the modern one (BAR 4)");
    if (at->measured > 0 && at->cost > at->measured + at->measured / 10)
        find(device, "NOTE-KICK", false, "%.1f register accesses a notification, where 1 is enough",
             (double)at->cost / (double)at->measured);
}

static void judge_handoff(struct launcher_audit_device *device)
{
    const struct launcher_trace_device *at = &device->at_end;
    bool faulty;

    device->at_end = *device->device;
    device->verdict = judge_reset(device, at);
    if (at->queues_enabled > 0)
        find(device, "HANDOFF-QUEUES", true, "%u of its queues are enabled", at->queues_enabled);
    if (at->master)
        find(device, "HANDOFF-MASTER", true, "bus mastering is on");
    if (at->msix)
        find(device, "HANDOFF-MSIX", true, "MSI-X is on");
    judge_cost(device, at);
    faulty = device->findings_that_count > 0 || device->referee.violations > 0;
    if (device->verdict == LAUNCHER_VERDICT_CLEAN && faulty)
        device->verdict = LAUNCHER_VERDICT_FAULTY;
}

static void conclude(struct launcher_audit *audit, enum launcher_audit_end end, uint64_t line,
                     uint64_t time_ns)
{
    audit->concluded = true;
    audit->end = end;
    audit->end_line = line;
    audit->end_ns = time_ns;
    for (unsigned i = 0; i < audit->count; i++)
        judge_handoff(audit->devices[i]);
}

/* ---- Reading ---- */

/* Slate's first instruction: what came before was other firmware's, and leaves the devices as they are. */
static void start_at_marker(struct launcher_audit *audit, const struct launcher_trace_line *line)
{
    audit->from_marker = true;
    audit->start_line = line->number;
    audit->start_ns = line->time_ns;
    for (unsigned i = 0; i < audit->count; i++) {
        struct launcher_audit_device *device = audit->devices[i];

        launcher_trace_device_forget(device->device);
        launcher_referee_free(&device->referee);
        if (!audit->options.keep_all) {
            launcher_history_free(&device->history);
            launcher_history_init(&device->history, false);
        }
        start_referee(device);
    }
}

/* Something about a device. */
static void take_device(struct launcher_audit *audit, const struct launcher_trace_line *line,
                        const struct launcher_trace_event *event)
{
    struct launcher_audit_device *device = audited(audit, event->device);

    device->history.now = audit->trace.timed ? line->time_ns : line->number * 1000;
    device->history.line = line->number;
    if (event->meaning == LAUNCHER_TRACE_ACCESS)
        take_access(audit, device, event);
    else if (event->meaning == LAUNCHER_TRACE_BUFFER_TAKEN ||
             event->meaning == LAUNCHER_TRACE_BUFFER_USED)
        take_buffer(audit, device, event);
}

/* One program ends, another begins. */
static void take_mark(struct launcher_audit *audit, const struct launcher_trace_line *line,
                      enum launcher_trace_meaning mark)
{
    if (audit->concluded)
        return;
    if (mark == LAUNCHER_TRACE_HANDOFF)
        conclude(audit, LAUNCHER_AUDIT_END_MARKER, line->number, line->time_ns);
    else if (mark == LAUNCHER_TRACE_OS_TEXT)
        conclude(audit, LAUNCHER_AUDIT_END_OS_TEXT, line->number, line->time_ns);
    else if (audit->options.from != LAUNCHER_AUDIT_START)
        start_at_marker(audit, line);
}

static void take(struct launcher_audit *audit, const struct launcher_trace_line *line,
                 const struct launcher_trace_event *event)
{
    if (event->device != NULL)
        take_device(audit, line, event);
    else
        take_mark(audit, line, event->meaning);
}

/* Whether what was read can be judged; if not, it says why. */
static bool is_sound(const struct launcher_audit *audit, FILE *to)
{
    const struct launcher_trace *trace = &audit->trace;

    if (ferror(trace->file))
        fprintf(to, "%s: cannot be read: %s\n", trace->name, strerror(errno));
    else if (trace->damaged > 0)
        fprintf(to,
                "%s: %" PRIu64 " damaged line%s: what is lost might have changed the verdict; take "
                "the trace again\n",
                trace->name, trace->damaged, trace->damaged == 1 ? "" : "s");
    else if (audit->machine.full)
        fprintf(to, "%s: more than %d devices, or %d regions or queues\n", trace->name,
                LAUNCHER_TRACE_DEVICES, LAUNCHER_TRACE_KNOWN);
    else if (audit->count == 0)
        fprintf(to,
                "%s: no virtio device in %" PRIu64 " lines; QEMU has to be run with -trace "
                "memory_region_ops_read -trace memory_region_ops_write -trace pci_cfg_write\n",
                trace->name, trace->lines);
    else if (audit->options.from == LAUNCHER_AUDIT_MARKER && !audit->from_marker)
        fprintf(to,
                "%s: port 0x80 is never written 0x51, which is Slate's first instruction; "
                "--from-start judges any firmware\n",
                trace->name);
    else
        return true;
    return false;
}

bool launcher_audit_run(struct launcher_audit *audit, const struct launcher_audit_options *options,
                        FILE *file, const char *name)
{
    struct launcher_trace_line line = {0};
    struct launcher_trace_event event;
    FILE *complaints = options->complaints != NULL ? options->complaints : stderr;

    memset(audit, 0, sizeof(*audit));
    audit->options = *options;
    audit->start_line = 1;
    launcher_trace_start(&audit->trace, file, name);
    launcher_trace_machine_init(&audit->machine,
                                options->os_text != NULL ? options->os_text : "Linux version");
    while (launcher_trace_next(&audit->trace, &line, complaints)) {
        if (launcher_trace_machine_line(&audit->machine, &line, &event))
            take(audit, &line, &event);
        if (audit->concluded && !options->go_on) {
            launcher_trace_drain(&audit->trace);
            break;
        }
    }
    if (!audit->concluded)
        conclude(audit, LAUNCHER_AUDIT_END_OF_TRACE, audit->trace.lines,
                 audit->trace.timed ? line.time_ns : 0);
    return is_sound(audit, complaints);
}

bool launcher_audit_clean(const struct launcher_audit *audit)
{
    for (unsigned i = 0; i < audit->count; i++)
        if (audit->devices[i]->verdict != LAUNCHER_VERDICT_CLEAN &&
            !audit->devices[i]->device->empty)
            return false;
    return true;
}

void launcher_audit_free(struct launcher_audit *audit)
{
    for (unsigned i = 0; i < audit->count; i++) {
        launcher_referee_free(&audit->devices[i]->referee);
        launcher_history_free(&audit->devices[i]->history);
        free(audit->devices[i]);
    }
    audit->count = 0;
    launcher_trace_machine_free(&audit->machine);
}
