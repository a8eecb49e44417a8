/* SPDX-License-Identifier: BSD-2-Clause */
/* Traces: whatever a log holds, it is judged, reported and drawn within bounds, or refused. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "launcher/audit.h"
#include "launcher/timeline.h"
#include "tests/fuzz/support/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct launcher_audit audit;

static void draw(FILE *to)
{
    struct launcher_lane lanes[LAUNCHER_TRACE_DEVICES];
    struct launcher_mark mark = {audit.trace.timed ? audit.end_ns : audit.end_line * 1000, "OS"};
    struct launcher_timeline timeline = {
        .lanes = lanes, .marks = &mark, .mark_count = 1, .ordinal = !audit.trace.timed};

    for (unsigned i = 0; i < audit.count; i++)
        lanes[timeline.lane_count++] = (struct launcher_lane){
            audit.devices[i]->device->name, &audit.devices[i]->history, mark.time_ns};
    launcher_timeline_text(&timeline, to);
    launcher_timeline_svg(&timeline, to);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static FILE *nowhere;
    struct launcher_audit_options options = {.os_text = "OS"};
    FILE *file;

    if (nowhere == NULL)
        nowhere = fopen("/dev/null", "w");
    if (nowhere == NULL || size == 0)
        return 0;
    options.keep_all = (data[0] & 1) != 0; /* as the timeline reads it */
    options.go_on = (data[0] & 2) != 0;
    options.complaints = nowhere;
    file = fmemopen((void *)(uintptr_t)data, size, "r");
    CHECK(file != NULL);
    if (launcher_audit_run(&audit, &options, file, "trace")) {
        CHECK(audit.count > 0 && audit.trace.damaged == 0);
        launcher_audit_print(&audit, nowhere);
        launcher_audit_print_json(&audit, nowhere);
    }
    draw(nowhere);
    launcher_audit_free(&audit);
    fclose(file);
    return 0;
}
