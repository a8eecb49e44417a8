/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ports of a console with VIRTIO_CONSOLE_F_MULTIPORT (VIRTIO 1.4, 5.3.6.2): the handshake over the control queues, ports
 * that come and go, and what the driver owes an answer to.
 */
#include <stdlib.h>
#include <string.h>

#include "launcher/console_state.h"

/* ---- To the driver ---- */

void launcher_console_forget_messages(struct launcher_console *console)
{
    while (console->first != NULL) {
        struct launcher_console_message *next = console->first->next;

        free(console->first);
        console->first = next;
    }
    console->last = NULL;
}

static void tell(struct launcher_device *dev, unsigned port, uint16_t event, uint16_t value,
                 const void *more, size_t length)
{
    struct launcher_console *console = launcher_console_of(dev);
    struct virtio_console_control control = {
        {launcher_guest32(dev, port)},
        {launcher_guest16(dev, event)},
        {launcher_guest16(dev, value)},
    };
    struct launcher_console_message *message =
        launcher_allocate(sizeof(*message) + sizeof(control) + length);

    message->length = (uint32_t)(sizeof(control) + length);
    memcpy(message->bytes, &control, sizeof(control));
    if (length != 0)
        memcpy(message->bytes + sizeof(control), more, length);
    if (console->last != NULL)
        console->last->next = message;
    else
        console->first = message;
    console->last = message;
}

void launcher_console_tell_size(struct launcher_device *dev, unsigned port)
{
    const struct launcher_console_port *of = launcher_console_port_at(dev, port);
    struct virtio_console_resize size = {
        {launcher_guest16(dev, of->columns)},
        {launcher_guest16(dev, of->rows)},
    };

    tell(dev, port, VIRTIO_CONSOLE_RESIZE, 0, &size, sizeof(size));
}

/* A port is named in DEVICE_ADD once, and is below max_nr_ports (DEV-CON-05, DEV-CON-06). */
static void announce(struct launcher_device *dev, unsigned port)
{
    struct launcher_console_port *of = launcher_console_port_at(dev, port);

    if (!launcher_console_of(dev)->ready || !of->state.added || of->state.announced)
        return;
    of->state.announced = true;
    tell(dev, port, VIRTIO_CONSOLE_DEVICE_ADD, 0, NULL, 0);
}

/* What is known of a port that the driver has made ready. */
static void describe(struct launcher_device *dev, unsigned port)
{
    const struct launcher_console_port *of = launcher_console_port_at(dev, port);

    if (of->state.is_console) {
        tell(dev, port, VIRTIO_CONSOLE_CONSOLE_PORT, 1, NULL, 0);
        if (launcher_accepted(dev, VIRTIO_CONSOLE_F_SIZE))
            launcher_console_tell_size(dev, port);
    }
    if (of->name != NULL)
        tell(dev, port, VIRTIO_CONSOLE_PORT_NAME, 1, of->name, strlen(of->name));
    if (of->state.host_open)
        tell(dev, port, VIRTIO_CONSOLE_PORT_OPEN, 1, NULL, 0);
}

/* The message reaches the driver now: what it answers is counted from here. */
static void note_told(struct launcher_device *dev, const struct launcher_console_message *message)
{
    struct launcher_console *console = launcher_console_of(dev);
    struct virtio_console_control control;
    struct launcher_console_port *port;

    if (console->messages++ == 0)
        console->buffers_at_first = console->buffers;
    memcpy(&control, message->bytes, sizeof(control));
    port = launcher_console_port_at(dev, launcher_guest32(dev, control.id.le));
    if (port == NULL)
        return;
    if (launcher_guest16(dev, control.event.le) == VIRTIO_CONSOLE_DEVICE_ADD) {
        port->add_message = console->messages;
        port->answered_add = false;
    } else if (launcher_guest16(dev, control.event.le) == VIRTIO_CONSOLE_CONSOLE_PORT) {
        port->console_message = console->messages;
        port->answered_console = false;
    }
}

static bool receive(struct launcher_device *dev, struct launcher_chain *chain, uint32_t *written)
{
    struct launcher_console *console = launcher_console_of(dev);
    struct launcher_console_message *message = console->first;
    uint32_t length;

    if (!chain->looked_at) {
        console->buffers++;
        LAUNCHER_JUDGE(&dev->referee, "DRV-CON-01", chain->readable == 0,
                       "a buffer for control messages with %llu bytes that the device is to read",
                       (unsigned long long)chain->readable);
    }
    chain->looked_at = true;
    if (message == NULL)
        return false;
    length = chain->writable < message->length ? (uint32_t)chain->writable : message->length;
    *written = launcher_chain_write(dev, chain, 0, message->bytes, length);
    note_told(dev, message);
    console->first = message->next;
    if (console->first == NULL)
        console->last = NULL;
    free(message);
    return true;
}

/* ---- From the driver ---- */

static void port_ready(struct launcher_device *dev, uint32_t id, uint16_t value)
{
    struct launcher_console_port *port = launcher_console_port_at(dev, id);
    bool asked = port != NULL && port->add_message != 0;

    LAUNCHER_JUDGE(&dev->referee, "IMP-CON-07", asked && value <= 1,
                   "PORT_READY for port %u with value %u: it answers DEVICE_ADD (%s) with 1 or 0",
                   id, value, asked ? "sent" : "not sent");
    if (!asked || !port->state.added)
        return;
    port->answered_add = true;
    LAUNCHER_JUDGE(&dev->referee, "IMP-CON-05", true, "PORT_READY for port %u", id);
    port->state.refused = value == 0;
    if (value == 0 || port->state.ready)
        return;
    port->state.ready = true;
    describe(dev, id);
}

static void port_open(struct launcher_device *dev, uint32_t id, uint16_t value)
{
    struct launcher_console_port *port = launcher_console_port_at(dev, id);
    bool closes;

    if (port == NULL || !port->state.added) {
        launcher_history_note(&dev->history, "PORT_OPEN for port %u, which is not there", id);
        return;
    }
    closes = value == 0 && port->state.guest_open;
    if (port->console_message != 0 && !port->answered_console && !closes) {
        port->answered_console = true;
        LAUNCHER_JUDGE(&dev->referee, "DRV-CON-05", true, "PORT_OPEN for port %u", id);
        LAUNCHER_JUDGE(&dev->referee, "DRV-CON-06", value == 1,
                       "PORT_OPEN with value %u answers CONSOLE_PORT for port %u", value, id);
    }
    port->state.guest_open = value != 0;
}

static void device_ready(struct launcher_device *dev, uint16_t value)
{
    struct launcher_console *console = launcher_console_of(dev);

    LAUNCHER_JUDGE(&dev->referee, "DRV-CON-03", true, "DEVICE_READY with value %u", value);
    console->ready_seen = true;
    console->ready = value == 1;
    for (unsigned i = 0; i < console->port_count; i++)
        announce(dev, i);
}

static bool is_event(uint16_t event)
{
    return event <= VIRTIO_CONSOLE_PORT_NAME;
}

static bool transmit(struct launcher_device *dev, const struct launcher_chain *chain,
                     uint32_t *written)
{
    struct virtio_console_control control;
    uint32_t id;
    uint16_t event, value;

    *written = 0;
    LAUNCHER_JUDGE(&dev->referee, "DRV-CON-02", chain->writable == 0,
                   "a control message with %llu bytes that the device is to write",
                   (unsigned long long)chain->writable);
    if (launcher_chain_read(dev, chain, 0, &control, sizeof(control)) != sizeof(control)) {
        launcher_history_note(&dev->history, "a control message of %llu bytes",
                              (unsigned long long)chain->readable);
        return true;
    }
    id = launcher_guest32(dev, control.id.le);
    event = launcher_guest16(dev, control.event.le);
    value = launcher_guest16(dev, control.value.le);
    if (dev->legacy)
        LAUNCHER_JUDGE(&dev->referee, "DRV-CON-08",
                       is_event(event) || !is_event(__builtin_bswap16(event)),
                       "control event 0x%04x is a known one in the other byte order; a legacy "
                       "driver uses its own",
                       event);
    if (event == VIRTIO_CONSOLE_DEVICE_READY)
        device_ready(dev, value);
    else if (event == VIRTIO_CONSOLE_PORT_READY)
        port_ready(dev, id, value);
    else if (event == VIRTIO_CONSOLE_PORT_OPEN)
        port_open(dev, id, value);
    else
        launcher_history_note(&dev->history, "control event %u is not a driver's", event);
    return true;
}

bool launcher_console_serve_control(struct launcher_device *dev, struct launcher_queue *queue,
                                    struct launcher_chain *chain, uint32_t *written)
{
    if (dev->legacy && !launcher_accepted(dev, VIRTIO_F_ANY_LAYOUT) && !chain->looked_at)
        LAUNCHER_JUDGE(&dev->referee, "DRV-CON-10", chain->count == 1,
                       "a buffer of %u descriptors in control queue %u; a legacy driver uses one",
                       chain->count, queue->index);
    if (queue->index == LAUNCHER_CONSOLE_CONTROL_RECEIVE)
        return receive(dev, chain, written);
    return transmit(dev, chain, written);
}

/* ---- What it owes ---- */

static bool busy(struct launcher_device *dev, unsigned index)
{
    struct launcher_queue *queue = launcher_queue(dev, index);

    return queue != NULL && queue->enabled && !queue->broken &&
           (queue->flight_count != 0 || queue->ring->waiting(dev, queue) != 0);
}

bool launcher_console_control_pending(struct launcher_device *dev)
{
    return busy(dev, LAUNCHER_CONSOLE_CONTROL_TRANSMIT);
}

void launcher_console_judge_use(struct launcher_device *dev, unsigned number)
{
    const struct launcher_console_port *port = launcher_console_port_at(dev, number);

    if (launcher_console_control_pending(dev))
        return;
    LAUNCHER_JUDGE(&dev->referee, "IMP-CON-01", port->state.added,
                   "output in queue %u, of port %u, which is not there",
                   number == 0 ? 1 : 2 * number + 3, number);
    if (port->add_message != 0)
        LAUNCHER_JUDGE(&dev->referee, "IMP-CON-05", port->answered_add,
                       "output on port %u, for which there was no PORT_READY", number);
}

/*
 * A driver that has processed a message gives its buffer back to the queue, so the n-th message was processed when n
 * buffers more have come than there were at the first.
 */
static bool was_processed(const struct launcher_console *console, uint64_t message)
{
    return message != 0 && console->buffers - console->buffers_at_first >= message;
}

static void judge_answers(struct launcher_device *dev)
{
    const struct launcher_console *console = launcher_console_of(dev);

    for (unsigned i = 0; i < console->port_count; i++) {
        const struct launcher_console_port *port = &console->ports[i];

        if (was_processed(console, port->add_message) && !port->answered_add)
            LAUNCHER_JUDGE(&dev->referee, "IMP-CON-05", false,
                           "the life ends, and there was no PORT_READY for port %u", i);
        if (was_processed(console, port->console_message) && !port->answered_console)
            LAUNCHER_JUDGE(&dev->referee, "DRV-CON-05", false,
                           "the life ends, and CONSOLE_PORT for port %u was not answered by "
                           "PORT_OPEN",
                           i);
    }
}

static void judge_receive_buffers(struct launcher_device *dev)
{
    const struct launcher_console *console = launcher_console_of(dev);

    for (unsigned i = 0; i < console->port_count; i++)
        if (console->ports[i].sent > 0)
            LAUNCHER_JUDGE(&dev->referee, "IMP-CON-04",
                           console->ports[i].received > 0 || busy(dev, i == 0 ? 0 : 2 * i + 2),
                           "the life ends, and port %u never had a receive buffer", i);
}

/* Only of a life that the driver ended by itself: one that was cut short proves nothing. */
void launcher_console_judge_end(struct launcher_device *dev)
{
    const struct launcher_console *console = launcher_console_of(dev);
    uint64_t sent = 0;

    if (!launcher_is_live(dev) || (dev->status & VIRTIO_STATUS_FAILED) != 0 ||
        launcher_faults_fired(dev) != console->faults_before ||
        launcher_console_control_pending(dev))
        return;
    judge_receive_buffers(dev);
    if (!launcher_accepted(dev, VIRTIO_CONSOLE_F_MULTIPORT))
        return;
    for (unsigned i = 0; i < console->port_count; i++)
        sent += console->ports[i].sent;
    if (sent > 0)
        LAUNCHER_JUDGE(&dev->referee, "DRV-CON-03", console->ready_seen,
                       "the life ends, and there was output but no DEVICE_READY");
    judge_answers(dev);
}

/* ---- For the owner ---- */

bool launcher_console_port(const struct launcher_device *dev, unsigned port,
                           struct launcher_console_state *state)
{
    const struct launcher_console_port *of = launcher_console_port_at(dev, port);

    if (of != NULL)
        *state = of->state;
    return of != NULL;
}

bool launcher_console_add_port(struct launcher_device *dev, unsigned port, bool is_console,
                               const char *name)
{
    struct launcher_console_port *of = launcher_console_port_at(dev, port);

    if (of == NULL || of->state.added)
        return false;
    of->state = (struct launcher_console_state){.added = true, .is_console = is_console};
    free(of->name);
    of->name = NULL;
    if (name != NULL) {
        of->name = launcher_allocate(strlen(name) + 1);
        memcpy(of->name, name, strlen(name) + 1);
    }
    announce(dev, port);
    return true;
}

/* Only what DEVICE_ADD has created is removed by a message (DEV-CON-07). */
bool launcher_console_remove_port(struct launcher_device *dev, unsigned port)
{
    struct launcher_console_port *of = launcher_console_port_at(dev, port);

    if (of == NULL || !of->state.added)
        return false;
    if (of->state.announced)
        tell(dev, port, VIRTIO_CONSOLE_DEVICE_REMOVE, 0, NULL, 0);
    of->answered_add = of->answered_console = true; /* nothing is owed any more */
    of->state = (struct launcher_console_state){0};
    of->input.start = of->input.length = 0;
    return true;
}

bool launcher_console_open(struct launcher_device *dev, unsigned port, bool open)
{
    struct launcher_console_port *of = launcher_console_port_at(dev, port);

    if (of == NULL || !of->state.added || of->state.host_open == open)
        return false;
    of->state.host_open = open;
    if (of->state.ready)
        tell(dev, port, VIRTIO_CONSOLE_PORT_OPEN, open, NULL, 0);
    return true;
}

bool launcher_console_is_ready(const struct launcher_device *dev)
{
    return launcher_console_of(dev)->ready;
}
