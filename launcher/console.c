/* SPDX-License-Identifier: BSD-2-Clause */
/* The console device (VIRTIO 1.4, 5.3): input and output of its ports, its size, and emergency writes. */
#include "launcher/console.h"

#include <stdlib.h>
#include <string.h>

#include "launcher/console_state.h"

#define BIT(feature) (1ull << (feature))

enum {
    COLUMNS = 80,
    ROWS = 25,
    PORTS_LEAST = 4,              /* max_nr_ports, so that ports can be plugged */
    KEPT_MOST = 16 * 1024 * 1024, /* bytes of output */
    PIECE = 4096,
};

#define SET(dev, field, value)                                                                     \
    launcher_set_config(dev, offsetof(struct virtio_console_config, field),                        \
                        sizeof(((struct virtio_console_config *)0)->field), value)
#define FIELD(name, feature, writable)                                                             \
    {                                                                                              \
        offsetof(struct virtio_console_config, name),                                              \
            sizeof(((struct virtio_console_config *)0)->name), feature, writable                   \
    }

static const struct launcher_config_field fields[] = {
    FIELD(cols, VIRTIO_CONSOLE_F_SIZE, false),
    FIELD(rows, VIRTIO_CONSOLE_F_SIZE, false),
    FIELD(max_nr_ports, VIRTIO_CONSOLE_F_MULTIPORT, false),
    FIELD(emerg_wr, VIRTIO_CONSOLE_F_EMERG_WRITE, true),
    {0},
};

static bool offers(const struct launcher_device *dev, unsigned feature)
{
    return (dev->offered >> feature & 1) != 0;
}

static bool has_ports(const struct launcher_device *dev)
{
    return launcher_accepted(dev, VIRTIO_CONSOLE_F_MULTIPORT);
}

/* ---- Life ---- */

static void state_size(struct launcher_device *dev, uint16_t columns, uint16_t rows)
{
    bool swapped = dev->personality->size_rows_first;

    SET(dev, cols, swapped ? rows : columns);
    SET(dev, rows, swapped ? columns : rows);
}

/* Without MULTIPORT there is one port and no control queue; with it, queues for as many ports as there may ever be. */
static void make_ports(struct launcher_device *dev)
{
    struct launcher_console *console = launcher_console_of(dev);
    unsigned wanted = dev->options.ports != 0 ? dev->options.ports : 1;

    console->port_count = 1;
    if (offers(dev, VIRTIO_CONSOLE_F_MULTIPORT)) {
        console->port_count = wanted < PORTS_LEAST ? PORTS_LEAST : wanted;
        if (dev->options.queues >= 4)
            console->port_count = dev->options.queues / 2 - 1;
        dev->queue_count = 2 * (console->port_count + 1);
    }
    console->ports = launcher_allocate(console->port_count * sizeof(*console->ports));
    for (unsigned i = 0; i < console->port_count; i++) {
        console->ports[i].columns = dev->options.columns != 0 ? dev->options.columns : COLUMNS;
        console->ports[i].rows = dev->options.rows != 0 ? dev->options.rows : ROWS;
        console->ports[i].state.added = i < wanted;
        console->ports[i].state.is_console = i == 0;
    }
}

static int create(struct launcher_device *dev)
{
    struct launcher_console *console = launcher_allocate(sizeof(*console));

    dev->model_state = console;
    make_ports(dev);
    state_size(dev, console->ports[0].columns, console->ports[0].rows);
    if (offers(dev, VIRTIO_CONSOLE_F_MULTIPORT))
        SET(dev, max_nr_ports, console->port_count);
    return 0;
}

static void destroy(struct launcher_device *dev)
{
    struct launcher_console *console = launcher_console_of(dev);

    launcher_console_forget_messages(console);
    for (unsigned i = 0; i < console->port_count; i++) {
        free(console->ports[i].input.bytes);
        free(console->ports[i].output.bytes);
        free(console->ports[i].name);
    }
    free(console->emergency.bytes);
    free(console->ports);
    free(console);
}

/* What the driver was told and has said is forgotten; the ports, and what is typed, stay. */
static void reset(struct launcher_device *dev)
{
    struct launcher_console *console = launcher_console_of(dev);

    launcher_console_forget_messages(console);
    console->ready_seen = console->ready = false;
    console->faults_before = launcher_faults_fired(dev);
    console->messages = console->buffers = console->buffers_at_first = 0;
    for (unsigned i = 0; i < console->port_count; i++) {
        struct launcher_console_port *port = &console->ports[i];

        port->state.announced = port->state.ready = port->state.refused = false;
        port->state.guest_open = false;
        port->add_message = port->console_message = 0;
        port->answered_add = port->answered_console = false;
        port->received = port->sent = 0;
    }
}

/* Without MULTIPORT, the queues of port 0 alone are there (IMP-CON-02). */
static void live(struct launcher_device *dev)
{
    for (unsigned i = 0; i < dev->queue_count && !has_ports(dev); i++)
        if (dev->queues[i].enabled)
            LAUNCHER_JUDGE(&dev->referee, "IMP-CON-02", i <= LAUNCHER_CONSOLE_TRANSMIT,
                           "queue %u is enabled; VIRTIO_CONSOLE_F_MULTIPORT was not accepted, and "
                           "without it there are 0 and 1",
                           i);
}

/* ---- Bytes ---- */

void launcher_console_append(struct launcher_console_bytes *to, const void *bytes, size_t length)
{
    if (to->start > 0) {
        memmove(to->bytes, to->bytes + to->start, to->length);
        to->start = 0;
    }
    if (to->length + length > to->room) {
        to->room = 2 * (to->length + length);
        to->bytes = launcher_grow(to->bytes, to->room);
    }
    memcpy(to->bytes + to->length, bytes, length);
    to->length += length;
}

static void drop(struct launcher_console_bytes *from, size_t length)
{
    from->start += length;
    from->length -= length;
}

/* ---- Data ---- */

/* Whether the driver listens to the port: it is open, or the only one there is. */
static bool listens(const struct launcher_device *dev, const struct launcher_console_port *port)
{
    return !has_ports(dev) || (port->state.added && port->state.guest_open);
}

static bool receive(struct launcher_device *dev, struct launcher_console_port *port,
                    struct launcher_chain *chain, uint32_t *written)
{
    struct launcher_console *console = launcher_console_of(dev);
    size_t part = port->input.length;

    if (!chain->looked_at) {
        port->received++;
        LAUNCHER_JUDGE(&dev->referee, "DRV-CON-01", chain->readable == 0,
                       "a receive buffer with %llu bytes that the device is to read",
                       (unsigned long long)chain->readable);
    }
    chain->looked_at = true;
    *written = 0;
    if (console->empty > 0 && listens(dev, port)) {
        if (console->empty != UINT64_MAX)
            console->empty--;
        return true;
    }
    if (part == 0 || !listens(dev, port))
        return false;
    if (part > chain->writable)
        part = (size_t)chain->writable;
    if (console->limit != 0 && part > console->limit)
        part = console->limit;
    *written =
        launcher_chain_write(dev, chain, 0, port->input.bytes + port->input.start, (uint32_t)part);
    drop(&port->input, *written);
    return true;
}

static bool transmit(struct launcher_device *dev, unsigned number,
                     const struct launcher_chain *chain, uint32_t *written)
{
    struct launcher_console_port *port = launcher_console_port_at(dev, number);
    uint64_t at = 0;

    LAUNCHER_JUDGE(&dev->referee, "DRV-CON-02", chain->writable == 0,
                   "a transmit buffer with %llu bytes that the device is to write",
                   (unsigned long long)chain->writable);
    if (has_ports(dev))
        launcher_console_judge_use(dev, number);
    port->sent++;
    while (at < chain->readable && port->output.length < KEPT_MOST) {
        uint8_t piece[PIECE];
        uint64_t left = chain->readable - at;
        uint32_t length = left < PIECE ? (uint32_t)left : PIECE;

        length = launcher_chain_read(dev, chain, at, piece, length);
        if (length == 0)
            break;
        launcher_console_append(&port->output, piece, length);
        at += length;
    }
    *written = 0;
    return true;
}

static bool serve(struct launcher_device *dev, struct launcher_queue *queue,
                  struct launcher_chain *chain, uint32_t *written)
{
    unsigned pair = queue->index / 2;
    unsigned number = pair == 0 ? 0 : pair - 1; /* of the port */

    if (queue->index > LAUNCHER_CONSOLE_TRANSMIT && !has_ports(dev))
        return false;
    if (pair == 1)
        return launcher_console_serve_control(dev, queue, chain, written);
    if (queue->index % 2 == 0)
        return receive(dev, launcher_console_port_at(dev, number), chain, written);
    return transmit(dev, number, chain, written);
}

/* ---- Emergency writes ---- */

/* At any time, and whatever was negotiated (DEV-CON-02); the low byte is what counts (DEV-CON-03). */
static void config_written(struct launcher_device *dev, uint64_t offset, unsigned width)
{
    const size_t at = offsetof(struct virtio_console_config, emerg_wr);
    uint32_t value = (uint32_t)launcher_get_config(dev, at, sizeof(value));
    uint8_t character = (uint8_t)value;
    bool low = false;

    for (unsigned i = 0; i < width; i++)
        low |= launcher_config_place(dev, (size_t)offset + i) == at;
    if (dev->legacy && width == sizeof(value))
        LAUNCHER_JUDGE(&dev->referee, "DRV-CON-07",
                       value <= UINT8_MAX || __builtin_bswap32(value) > UINT8_MAX,
                       "0x%08x is written to emerg_wr: a character in the other byte order; a "
                       "legacy driver uses its own",
                       value);
    memset(dev->config + at, 0, sizeof(value)); /* no change that a driver is told of */
    if (low && offers(dev, VIRTIO_CONSOLE_F_EMERG_WRITE))
        launcher_console_append(&launcher_console_of(dev)->emergency, &character, 1);
}

/* ---- For the owner ---- */

const uint8_t *launcher_console_output(const struct launcher_device *dev, unsigned port,
                                       size_t *length)
{
    const struct launcher_console_port *of = launcher_console_port_at(dev, port);

    *length = of != NULL ? of->output.length : 0;
    return *length != 0 ? of->output.bytes + of->output.start : NULL;
}

void launcher_console_forget_output(struct launcher_device *dev, unsigned port)
{
    struct launcher_console_port *of = launcher_console_port_at(dev, port);

    if (of != NULL)
        of->output.start = of->output.length = 0;
}

const uint8_t *launcher_console_emergency(const struct launcher_device *dev, size_t *length)
{
    const struct launcher_console_bytes *emergency = &launcher_console_of(dev)->emergency;

    *length = emergency->length;
    return emergency->bytes;
}

bool launcher_console_type(struct launcher_device *dev, unsigned port, const void *bytes,
                           size_t length)
{
    struct launcher_console_port *of = launcher_console_port_at(dev, port);

    if (of == NULL || !of->state.added)
        return false;
    launcher_console_append(&of->input, bytes, length);
    return true;
}

size_t launcher_console_waiting(const struct launcher_device *dev, unsigned port)
{
    const struct launcher_console_port *of = launcher_console_port_at(dev, port);

    return of != NULL ? of->input.length : 0;
}

void launcher_console_limit(struct launcher_device *dev, uint32_t bytes)
{
    launcher_console_of(dev)->limit = bytes;
}

void launcher_console_return_empty(struct launcher_device *dev, uint64_t buffers)
{
    launcher_console_of(dev)->empty = buffers;
}

bool launcher_console_resize(struct launcher_device *dev, unsigned port, uint16_t columns,
                             uint16_t rows)
{
    struct launcher_console_port *of = launcher_console_port_at(dev, port);

    if (of == NULL || !of->state.added)
        return false;
    of->columns = columns;
    of->rows = rows;
    if (port == 0)
        state_size(dev, columns, rows);
    if (has_ports(dev) && of->state.ready && of->state.is_console)
        launcher_console_tell_size(dev, port);
    return true;
}

const struct launcher_model launcher_console = {
    .name = "console",
    .id = VIRTIO_ID_CONSOLE,
    .features = BIT(VIRTIO_CONSOLE_F_SIZE) | BIT(VIRTIO_CONSOLE_F_MULTIPORT) |
                BIT(VIRTIO_CONSOLE_F_EMERG_WRITE),
    .type_features = BIT(VIRTIO_CONSOLE_F_SIZE) | BIT(VIRTIO_CONSOLE_F_MULTIPORT) |
                     BIT(VIRTIO_CONSOLE_F_EMERG_WRITE),
    .queues = 2,
    .config_length = sizeof(struct virtio_console_config),
    .fields = fields,
    .create = create,
    .destroy = destroy,
    .reset = reset,
    .live = live,
    .end = launcher_console_judge_end,
    .serve = serve,
    .config_written = config_written,
};
