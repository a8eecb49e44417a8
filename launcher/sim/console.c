/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Consoles in the simulator. What the driver is given to write has to come out in that order, as
 * far as it was flushed; what is typed has to be read in that order, unless the device says wrongly
 * how much it wrote.
 */
#include "drivers/console.h"

#include <stdlib.h>
#include <string.h>

#include "launcher/console.h"
#include "launcher/model.h"
#include "launcher/sim/sim.h"

enum {
    LONGEST_WRITE = 4096,
    LINES_MOST = 24,
    LONGEST_READ = 1024,
    PATIENCE = 50, /* looks in a row that find no input, although it is there */
};

struct bytes {
    uint8_t *bytes;
    size_t length, room;
};

struct sim_console {
    struct virtio_console driver;
    struct bytes written; /* in this life */
    struct bytes typed;   /* since the device was made */
    size_t read;          /* of what was typed: read by the driver, or lost */
    uint16_t columns, rows;
    bool oddities; /* empty and short input buffers */
};

static void append(struct bytes *to, const uint8_t *bytes, size_t length)
{
    if (to->length + length > to->room) {
        to->room = 2 * (to->length + length);
        to->bytes = launcher_grow(to->bytes, to->room);
    }
    memcpy(to->bytes + to->length, bytes, length);
    to->length += length;
}

/* ---- How one is made ---- */

static void plan(struct sim_device *dev)
{
    struct launcher_options *options = &dev->plan.options;

    options->columns = (uint16_t)(1 + sim_random(dev->world, 300));
    options->rows = (uint16_t)(1 + sim_random(dev->world, 100));
    options->ports = 1 + (unsigned)sim_random(dev->world, 3);
}

static void *create(struct sim_device *dev)
{
    struct sim_console *console = launcher_allocate(sizeof(*console));

    console->columns = dev->plan.options.columns;
    console->rows = dev->plan.options.rows;
    if (sim_chance(dev->world, 16384)) {
        launcher_console_limit(dev->host, (uint32_t)sim_random_scale(dev->world, 4, 200));
        console->oddities = true;
    }
    return console;
}

static void destroy(struct sim_device *dev)
{
    struct sim_console *console = dev->state;

    free(console->written.bytes);
    free(console->typed.bytes);
    free(console);
}

static void *driver_state(struct sim_device *dev)
{
    struct sim_console *console = dev->state;

    memset(&console->driver, 0, sizeof(console->driver));
    return &console->driver;
}

static void live(struct sim_device *dev)
{
    struct sim_console *console = dev->state;
    bool states = (dev->guest.negotiated.mask & SIM_BIT(VIRTIO_CONSOLE_F_SIZE)) != 0;
    bool swapped = dev->host->personality->size_rows_first;
    uint16_t columns = states ? (swapped ? console->rows : console->columns) : 0;
    uint16_t rows = states ? (swapped ? console->columns : console->rows) : 0;

    launcher_console_forget_output(dev->host, 0);
    console->written.length = 0;
    /* The descriptor page has no generation to tell of a change. */
    if ((console->driver.columns != columns || console->driver.rows != rows) &&
        !(dev->guest.legacy && sim_fired(dev, SIM_FAULT(CONFIG_CHANGES))))
        sim_fail(dev->world, "%s has %u columns and %u rows, and the driver says %u and %u",
                 dev->name, columns, rows, console->driver.columns, console->driver.rows);
}

/* ---- What came out ---- */

/* Each byte value as often as it was written, or less often. */
static bool is_part(const uint8_t *output, size_t length, const struct bytes *written)
{
    size_t count[256] = {0};

    for (size_t i = 0; i < written->length; i++)
        count[written->bytes[i]]++;
    for (size_t i = 0; i < length; i++)
        if (count[output[i]]-- == 0)
            return false;
    return true;
}

/* `all`: what was written must be there; otherwise the end may be missing. */
static void check_output(struct sim_device *dev, bool all)
{
    struct sim_console *console = dev->state;
    const struct bytes *written = &console->written;
    size_t length;
    const uint8_t *output = launcher_console_output(dev->host, 0, &length);
    /* A device that keeps a buffer for later shows the others first. */
    bool in_order = !sim_fired(dev, SIM_FAULT(OUT_OF_ORDER) | SIM_FAULT(LATE) | SIM_FAULT(NEVER));

    if (sim_untrusted(dev))
        return;
    if (length > written->length || (all && length != written->length))
        sim_fail(dev->world, "%s put out %zu bytes of the %zu that were written", dev->name, length,
                 written->length);
    if (in_order ? length > 0 && memcmp(output, written->bytes, length) != 0
                 : !is_part(output, length, written))
        sim_fail(dev->world, "%s put out something else than what was written", dev->name);
}

static void over(struct sim_device *dev)
{
    struct sim_console *console = dev->state;

    /* A console that is released without trouble has said all. */
    check_output(dev, dev->world->call.drains && !sim_fired(dev, UINT64_MAX));
    /* What the device had put into buffers and nobody has read is lost. */
    console->read = console->typed.length - launcher_console_waiting(dev->host, 0);
}

static void restore(struct sim_device *dev)
{
    (void)dev; /* nothing outlasts a life */
}

/* ---- Operations ---- */

static void write(struct sim_device *dev)
{
    struct sim_console *console = dev->state;
    struct sim_world *world = dev->world;
    uint8_t text[LONGEST_WRITE];
    uint64_t line = sim_random_scale(world, 1, 400); /* about as many bytes */
    size_t most = line * LINES_MOST < LONGEST_WRITE ? line * LINES_MOST : LONGEST_WRITE;
    size_t length = sim_random_scale(world, 1, most), lines = 0;
    int error;

    for (size_t i = 0; i < length; i++) {
        text[i] = sim_random(world, line) == 0 ? '\n' : (uint8_t)sim_random(world, 256);
        lines += text[i] == '\n';
    }
    append(&console->written, text, length);
    sim_begin(dev, lines + length / VIRTIO_CONSOLE_BUFFER_BYTES + 16, 2, "write %zu bytes to %s",
              length, dev->name);
    error = virtio_console_write(&console->driver, text, length);
    sim_end(dev, error, 0);
    if (error == 0)
        check_output(dev, false);
}

static void flush(struct sim_device *dev)
{
    struct sim_console *console = dev->state;
    int error;

    sim_begin(dev, 2 * VIRTIO_CONSOLE_BUFFERS, 2, "flush %s", dev->name);
    error = virtio_console_flush(&console->driver);
    sim_end(dev, error, 0);
    if (error == 0)
        check_output(dev, true);
}

static void type(struct sim_device *dev)
{
    struct sim_console *console = dev->state;
    struct sim_world *world = dev->world;
    uint8_t text[LONGEST_READ];
    size_t length = sim_random_scale(world, 1, LONGEST_READ);

    for (size_t i = 0; i < length; i++)
        text[i] = (uint8_t)sim_random(world, SIM_SCRIBBLE);
    (void)launcher_console_type(dev->host, 0, text, length);
    append(&console->typed, text, length);
    if (console->oddities)
        launcher_console_return_empty(dev->host, sim_random(world, 12));
    sim_say(world, "%zu bytes are typed on %s", length, dev->name);
}

/* The device may say that it wrote more or less than it did, and then nobody knows what was typed. */
static bool can_check_input(const struct sim_device *dev)
{
    return !sim_untrusted(dev) && !sim_fired(dev, SIM_FAULT(LENGTH_LONG) | SIM_FAULT(LENGTH_ZERO) |
                                                      SIM_FAULT(LENGTH_SHORT));
}

static bool read_some(struct sim_device *dev)
{
    struct sim_console *console = dev->state;
    uint8_t text[LONGEST_READ + 1];
    size_t size = sim_random_scale(dev->world, 1, LONGEST_READ), length = 0;
    int error;

    text[size] = 0x5a;
    sim_begin(dev, 0, 1, "read %zu bytes from %s", size, dev->name);
    error = virtio_console_read(&console->driver, text, size, &length);
    if (length > size || text[size] != 0x5a)
        sim_fail(dev->world, "read %zu bytes into %zu", length, size);
    if (!can_check_input(dev))
        console->read = console->typed.length - launcher_console_waiting(dev->host, 0);
    else if (length > console->typed.length - console->read ||
             (length > 0 && memcmp(text, console->typed.bytes + console->read, length) != 0))
        sim_fail(dev->world, "read %zu bytes that were not typed", length);
    else
        console->read += length;
    sim_end(dev, error, 0);
    if (error == 0 && console->driver.consuming != NULL &&
        console->driver.consuming->length > VIRTIO_CONSOLE_BUFFER_BYTES)
        sim_fail(dev->world,
                 "an input buffer of %s holds %u bytes, if the driver is to be believed", dev->name,
                 console->driver.consuming->length);
    return error == 0;
}

/* All that was typed comes, if nothing is wrong with the device. */
static void read_all(struct sim_device *dev)
{
    struct sim_console *console = dev->state;
    struct sim_world *world = dev->world;

    for (unsigned looks = 0; looks < PATIENCE && console->read < console->typed.length; looks++) {
        size_t before = console->read;

        if (!read_some(dev) || dev->guest.state != VIRTIO_LIVE || !can_check_input(dev))
            return;
        if (console->read != before)
            looks = 0;
        world->now += world->deadlines.console_ns / 16;
        sim_work(world);
    }
    if (console->read < console->typed.length && !sim_fired(dev, UINT64_MAX))
        sim_fail(world, "%s: of %zu bytes that were typed, %zu never came", dev->name,
                 console->typed.length, console->typed.length - console->read);
}

static void resize(struct sim_device *dev)
{
    struct sim_console *console = dev->state;

    console->columns = (uint16_t)(1 + sim_random(dev->world, 300));
    console->rows = (uint16_t)(1 + sim_random(dev->world, 100));
    (void)launcher_console_resize(dev->host, 0, console->columns, console->rows);
}

static void step(struct sim_device *dev)
{
    uint64_t choice = sim_random(dev->world, 100);

    if (choice < 50) {
        write(dev);
    } else if (choice < 65) {
        flush(dev);
    } else if (choice < 70) {
        resize(dev);
        read_some(dev);
    } else if (choice < 85) {
        type(dev);
        read_some(dev);
    } else if (choice < 92) {
        read_some(dev);
    } else {
        read_all(dev);
    }
}

static void step_dead(struct sim_device *dev)
{
    struct sim_console *console = dev->state;
    uint8_t byte = 0;
    size_t length = 1;
    int error;

    sim_begin(dev, 0, 0, "write to %s, which is not LIVE", dev->name);
    sim_end(dev, virtio_console_write(&console->driver, &byte, 1), -VIRTIO_E_STATE);
    sim_begin(dev, 0, 0, "flush %s, which is not LIVE", dev->name);
    sim_end(dev, virtio_console_flush(&console->driver), -VIRTIO_E_STATE);
    sim_begin(dev, 0, 0, "read from %s, which is not LIVE", dev->name);
    error = virtio_console_read(&console->driver, &byte, 1, &length);
    sim_end(dev, error, -VIRTIO_E_STATE);
    if (length != 0)
        sim_fail(dev->world, "%zu bytes were read from %s, which is not LIVE", length, dev->name);
}

const struct sim_kind sim_console = {
    .name = "console",
    .model = &launcher_console,
    .driver = &virtio_console_driver,
    .faults =
        (SIM_BIT(LAUNCHER_FAULT_COUNT) - 1) & ~(SIM_FAULT(IO_ERROR) | SIM_FAULT(STATUS_UNWRITTEN)),
    .least_queue = 1,
    .release_waits = 4 * VIRTIO_CONSOLE_BUFFERS,
    .plan = plan,
    .create = create,
    .destroy = destroy,
    .driver_state = driver_state,
    .live = live,
    .step = step,
    .step_dead = step_dead,
    .over = over,
    .restore = restore,
};
