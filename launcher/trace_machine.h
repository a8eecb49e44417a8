/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The machine behind a trace: which device a line is about, what its driver's access means on every transport, and what state
 * the accesses have left each device in.
 */
#ifndef LAUNCHER_TRACE_MACHINE_H
#define LAUNCHER_TRACE_MACHINE_H

#include "launcher/access.h"
#include "launcher/trace.h"

enum {
    LAUNCHER_TRACE_QUEUES = 1024, /* of a device: no host has more */
    LAUNCHER_TRACE_TEXT = 128,    /* characters of the text that marks OS entry */
};

struct launcher_config_field;

struct launcher_trace_device {
    char name[112]; /* "00:01.0 blk", for people */
    char kind[64];  /* "blk" */
    bool pci;
    unsigned bus, slot, function;
    uint32_t bar[6];
    uint64_t base; /* of its registers, if no PCI function is known for them */
    bool modern;   /* PCI: the modern interface has been used; legacy: the legacy one */
    bool legacy;
    bool mmio;
    bool empty;                                 /* MMIO: device id 0, there is none */
    uint32_t version;                           /* MMIO: as read; 0: not yet */
    const struct launcher_config_field *fields; /* of its configuration; NULL: unknown */

    /* As the accesses have left it. A machine starts with all of this off. */
    uint8_t status;   /* as last written or read */
    bool status_seen; /* it was written or read at all */
    bool resetting;   /* 0 was written, and neither was 0 read nor another value written */
    bool confirmed;   /* the latest reset was: status 0 was read after it */
    bool refused;     /* status was read after it, and is not 0 yet */
    uint32_t command; /* PCI */
    bool master, msix;
    uint32_t queue_select;
    bool queue_enabled[LAUNCHER_TRACE_QUEUES];
    unsigned queues_enabled;

    uint64_t resets, lives; /* how often status was written 0, and got DRIVER_OK */
    uint64_t
        unconfirmed; /* resets that were followed by another value, and no 0 was read between */
    uint64_t accesses, notifications, isr_reads;
    uint64_t since_notification, measured, cost; /* accesses from one notification to the next */
    uint64_t host_notifications; /* as QEMU's core counts them: also those that take no register */

    void *owner; /* the reader's */
};

enum launcher_trace_meaning {
    LAUNCHER_TRACE_ACCESS, /* of `device` */
    LAUNCHER_TRACE_BUFFER_TAKEN,
    LAUNCHER_TRACE_BUFFER_USED,
    LAUNCHER_TRACE_KICK,    /* QEMU's core was notified, perhaps without an access */
    LAUNCHER_TRACE_SEEN,    /* the device was seen; its driver did nothing that matters */
    LAUNCHER_TRACE_ENTRY,   /* Slate's first instruction: port 0x80 was written 0x51 */
    LAUNCHER_TRACE_HANDOFF, /* its last: 0x52 */
    LAUNCHER_TRACE_OS_TEXT, /* the UART has said the text */
};

struct launcher_trace_event {
    enum launcher_trace_meaning meaning;
    struct launcher_trace_device *device; /* the first four */
    struct launcher_access access;        /* ACCESS */
    bool legacy;                          /* ACCESS: through a legacy interface */
    unsigned queue;                       /* buffers, kicks */
    uint32_t value;                       /* BUFFER_USED: bytes */
};

enum { LAUNCHER_TRACE_DEVICES = 256, LAUNCHER_TRACE_KNOWN = 4096 };

/* What QEMU's pointers stand for. */
struct launcher_trace_known {
    uint64_t pointer;
    struct launcher_trace_device *device;
    int block; /* of registers; queues: index */
};

struct launcher_trace_table {
    struct launcher_trace_known rows[LAUNCHER_TRACE_KNOWN];
    unsigned count, latest;
};

struct launcher_trace_machine {
    struct launcher_trace_device *devices[LAUNCHER_TRACE_DEVICES]; /* in order of appearance */
    unsigned count;
    bool full; /* there were more devices, regions or queues than anyone has */
    struct launcher_trace_table regions, cores, queues;
    struct launcher_trace_device *touched; /* by the latest line that changes status */
    struct {
        uint64_t region;
        bool divisor; /* its data register is the low half of the divisor now */
    } uarts[4];
    unsigned uart_count;
    char text[LAUNCHER_TRACE_TEXT]; /* that marks OS entry */
    char said[LAUNCHER_TRACE_TEXT]; /* the UART's latest characters */
    size_t text_length, said_length;
    bool entered;
};

/* `os_text`: what on the UART shows that the OS runs, shorter than LAUNCHER_TRACE_TEXT. */
void launcher_trace_machine_init(struct launcher_trace_machine *machine, const char *os_text);
void launcher_trace_machine_free(struct launcher_trace_machine *machine);
/* What a line means; false: nothing. */
bool launcher_trace_machine_line(struct launcher_trace_machine *machine,
                                 const struct launcher_trace_line *line,
                                 struct launcher_trace_event *event);

/* trace_find.c. What a pointer stands for; NULL: nobody has said. */
struct launcher_trace_known *launcher_trace_find(struct launcher_trace_table *table,
                                                 uint64_t pointer);
/* NULL, and the machine is full: there is no device, or no room. */
struct launcher_trace_known *launcher_trace_learn(struct launcher_trace_machine *machine,
                                                  struct launcher_trace_table *table,
                                                  uint64_t pointer,
                                                  struct launcher_trace_device *device, int block);
/* The function of a line of PCI configuration space, new or known. NULL: there is no room. */
struct launcher_trace_device *launcher_trace_pci_function(struct launcher_trace_machine *machine,
                                                          const struct launcher_trace_line *line);
/* The function with a BAR that reaches an address, and where that BAR begins; NULL: there is none. */
struct launcher_trace_device *launcher_trace_function_at(struct launcher_trace_machine *machine,
                                                         uint64_t address, bool ports,
                                                         uint64_t *base);
/* A device of which the trace has no PCI configuration, or that is none of PCI's, new or known. */
struct launcher_trace_device *launcher_trace_device_at(struct launcher_trace_machine *machine,
                                                       uint64_t base, const char *kind, bool ports,
                                                       bool mmio);

/* trace_device.c: notes in what state an access leaves the device. */
void launcher_trace_device_access(struct launcher_trace_device *device,
                                  const struct launcher_access *access);
/* A write of PCI configuration space: BARs, bus mastering, MSI-X. */
void launcher_trace_device_config(struct launcher_trace_device *device, uint64_t offset,
                                  uint32_t value);
/* Forgets what was done to the device, but not the state that it is in: another program begins. */
void launcher_trace_device_forget(struct launcher_trace_device *device);

#endif
