/* SPDX-License-Identifier: BSD-2-Clause */
/* What the parts of the console's model share: console.c (data, configuration), console_control.c (ports, messages). */
#ifndef LAUNCHER_CONSOLE_STATE_H
#define LAUNCHER_CONSOLE_STATE_H

#include "launcher/console.h"
#include "launcher/model.h"

enum launcher_console_queues {
    LAUNCHER_CONSOLE_RECEIVE = 0,
    LAUNCHER_CONSOLE_TRANSMIT = 1,
    LAUNCHER_CONSOLE_CONTROL_RECEIVE = 2,
    LAUNCHER_CONSOLE_CONTROL_TRANSMIT = 3,
};

struct launcher_console_bytes {
    uint8_t *bytes;
    size_t start, length, room;
};

struct launcher_console_port {
    struct launcher_console_state state;
    char *name;
    uint16_t columns, rows;
    struct launcher_console_bytes input, output;
    /* Of the present life: the number of the message that told of it (0: none did), and whether it was answered. */
    uint64_t add_message, console_message;
    bool answered_add, answered_console;
    uint64_t received, sent; /* buffers */
};

struct launcher_console_message {
    struct launcher_console_message *next;
    uint32_t length;
    uint8_t bytes[];
};

struct launcher_console {
    struct launcher_console_port *ports;
    unsigned port_count; /* max_nr_ports, or 1 */
    struct launcher_console_bytes emergency;
    uint32_t limit;
    uint64_t empty;

    struct launcher_console_message *first, *last; /* to be told */
    bool ready_seen, ready;                        /* DEVICE_READY came; with value 1 */
    /* Of the present life: messages told, and buffers for them, at the first one and in all. */
    uint64_t messages, buffers, buffers_at_first;
    uint64_t faults_before; /* that had fired when it began */
};

static inline struct launcher_console *launcher_console_of(const struct launcher_device *dev)
{
    return dev->model_state;
}

/* NULL: the number is out of range. */
static inline struct launcher_console_port *launcher_console_port_at(
    const struct launcher_device *dev, unsigned port)
{
    struct launcher_console *console = launcher_console_of(dev);

    return port < console->port_count ? &console->ports[port] : NULL;
}

/* ---- console.c ---- */

void launcher_console_append(struct launcher_console_bytes *to, const void *bytes, size_t length);

/* ---- console_control.c ---- */

/* A RESIZE message; the port is a console, and ready. */
void launcher_console_tell_size(struct launcher_device *dev, unsigned port);
void launcher_console_forget_messages(struct launcher_console *console);
bool launcher_console_serve_control(struct launcher_device *dev, struct launcher_queue *queue,
                                    struct launcher_chain *chain, uint32_t *written);
/* A driver that writes to a port has told that the port is ready. */
void launcher_console_judge_use(struct launcher_device *dev, unsigned number);
void launcher_console_judge_end(struct launcher_device *dev);
/* Whether messages of the driver may be on their way. */
bool launcher_console_control_pending(struct launcher_device *dev);

#endif
