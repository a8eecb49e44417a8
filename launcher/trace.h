/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * QEMU's trace log, line by line: accesses of device registers and of PCI configuration space, and what QEMU's virtio core says
 * about status and queues. As written by QEMU 7.2 with -trace and -D, with or without -msg timestamp=on.
 */
#ifndef LAUNCHER_TRACE_H
#define LAUNCHER_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum launcher_trace_kind {
    LAUNCHER_TRACE_REGISTER, /* memory_region_ops_read, _write: name, region, address, value, size */
    LAUNCHER_TRACE_PCI,      /* pci_cfg_read, _write: name, bus, slot, function, address, value */
    LAUNCHER_TRACE_STATUS,   /* virtio_set_status: device, value */
    LAUNCHER_TRACE_NOTIFY,   /* virtio_queue_notify: device, queue, index */
    LAUNCHER_TRACE_TAKEN,    /* virtqueue_pop: queue */
    LAUNCHER_TRACE_USED,     /* virtqueue_fill: queue, value: bytes */
    LAUNCHER_TRACE_SERIAL,   /* serial_write: address, value */
};

struct launcher_trace_line {
    enum launcher_trace_kind kind;
    bool write;
    uint64_t number;  /* of the line, from 1 */
    uint64_t time_ns; /* since the first line with a time; only if the trace has times */
    char name[64];    /* of the region, or the kind of PCI function */
    uint64_t region, device, queue; /* what QEMU knows them by: they only tell one from the other */
    uint64_t address, value;
    unsigned size; /* bytes */
    unsigned bus, slot, function, index;
};

/* A line may have this many characters; what is beyond them is not looked at. */
enum { LAUNCHER_TRACE_LINE_MAX = 1024, LAUNCHER_TRACE_BUFFER = 1 << 16 };

struct launcher_trace {
    FILE *file;
    const char *name; /* of the file, for messages */
    uint64_t lines;   /* read so far */
    uint64_t damaged; /* lines that begin like one of the above, and cannot be understood */
    bool cut_off;     /* the last line had no end */
    bool timed;       /* lines have times */
    uint64_t first_ns;
    size_t start, filled;
    bool ended;
    char buffer[LAUNCHER_TRACE_BUFFER + 1];
};

/* `file` and `name` stay the caller's. */
void launcher_trace_start(struct launcher_trace *trace, FILE *file, const char *name);
/*
 * The next line that says something about a virtio device, a UART or port 0x80; others are skipped. A damaged line is
 * reported on `complaints` (the first few; NULL: nowhere), and skipped. false: the end, or an error of the file (ferror()).
 */
bool launcher_trace_next(struct launcher_trace *trace, struct launcher_trace_line *line,
                         FILE *complaints);
/* Reads to the end, so that a writer at the other end of a pipe can finish. */
void launcher_trace_drain(struct launcher_trace *trace);

#endif
