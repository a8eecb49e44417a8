/* SPDX-License-Identifier: BSD-2-Clause */
/* Console device (VIRTIO 1.4, 5.3): port 0 only, polled. Output is gathered into lines, one kick each. */
#include "drivers/console.h"

#include "virtio/access.h"
#include "virtio/deadlines.h"
#include "virtio/log.h"

enum {
    RECEIVEQ = 0,
    TRANSMITQ = 1,
};

static const uint8_t features[] = {VIRTIO_CONSOLE_F_SIZE};

/* ---- Life ---- */

static int read_size(struct virtio_console *console)
{
    struct virtio_config_field size[] = {
        {.offset = offsetof(struct virtio_console_config, cols), .width = 2},
        {.offset = offsetof(struct virtio_console_config, rows), .width = 2},
    };
    int error;

    if (!virtio_has(console->dev->negotiated, VIRTIO_CONSOLE_F_SIZE))
        return 0;
    error = virtio_config_read(console->dev, size, 2);
    console->columns = (uint16_t)size[0].value;
    console->rows = (uint16_t)size[1].value;
    return error;
}

/* Gives an input buffer to the device. */
static int post(struct virtio_console *console, struct virtio_console_buffer *buffer)
{
    struct virtio_piece piece = {buffer->bytes, VIRTIO_CONSOLE_BUFFER_BYTES};

    buffer->length = 0;
    buffer->taken = 0;
    return virtqueue_add(console->receiveq, &buffer->request, &piece, 0, 1);
}

static int create_buffers(struct virtio_console *console)
{
    uint8_t *bytes = virtio_dma_alloc(
        console->dev, (size_t)2 * VIRTIO_CONSOLE_BUFFERS * VIRTIO_CONSOLE_BUFFER_BYTES, 1);

    if (bytes == NULL)
        return -VIRTIO_E_NO_MEMORY;
    for (unsigned i = 0; i < VIRTIO_CONSOLE_BUFFERS; i++) {
        console->input[i] = (struct virtio_console_buffer){.bytes = bytes};
        console->output[i] =
            (struct virtio_console_buffer){.bytes = bytes + VIRTIO_CONSOLE_BUFFER_BYTES};
        bytes += (size_t)2 * VIRTIO_CONSOLE_BUFFER_BYTES;
    }
    console->filling = NULL;
    console->consuming = NULL;
    return 0;
}

static int probe(struct virtio_device *dev)
{
    struct virtio_console *console = dev->driver_state;
    int error;

    console->dev = dev;
    error = read_size(console);
    if (error == 0)
        error = virtqueue_create(dev, RECEIVEQ, VIRTIO_CONSOLE_BUFFERS, &console->receiveq);
    if (error == 0)
        error = virtqueue_create(dev, TRANSMITQ, VIRTIO_CONSOLE_BUFFERS, &console->transmitq);
    if (error == 0)
        error = create_buffers(console);
    if (error != 0)
        return error;
    /* A queue smaller than the number of buffers takes what it can; at least one (IMP-CON-04). */
    for (unsigned i = 0; i < VIRTIO_CONSOLE_BUFFERS && virtqueue_free(console->receiveq) > 0; i++) {
        error = post(console, &console->input[i]);
        if (error != 0)
            return error;
    }
    virtio_driver_ok(dev);
    virtqueue_kick(console->receiveq);
    return 0;
}

static void leave(struct virtio_device *dev)
{
    struct virtio_console *console = dev->driver_state;

    if (dev->state == VIRTIO_LIVE)
        (void)virtio_console_flush(console); /* said in the log, and reset all the same */
    if (dev->state == VIRTIO_LIVE)
        (void)virtio_reset(dev); /* the outcome is the device's state */
}

static void describe(const struct virtio_request *any, char *text, size_t size)
{
    const struct virtio_console_buffer *buffer = (const struct virtio_console_buffer *)any;

    virtio_format(text, size, "output of %u bytes", buffer->length);
}

const struct virtio_driver virtio_console_driver = {
    .name = "console",
    .device_id = VIRTIO_ID_CONSOLE,
    .features = features,
    .feature_count = sizeof(features),
    .queues = 2,
    .dma_fixed = 2 * VIRTIO_CONSOLE_BUFFERS * VIRTIO_CONSOLE_BUFFER_BYTES,
    .probe = probe,
    .remove = leave,
    .describe = describe,
};

static bool live(const struct virtio_console *console)
{
    return console->dev != NULL && console->dev->state == VIRTIO_LIVE;
}

/* ---- Output ---- */

static int wait_for_output(struct virtio_console *console)
{
    uint64_t timeout = console->dev->env->deadlines.console_ns;
    struct virtio_request *done;
    int error = virtqueue_wait(console->transmitq, &done,
                               timeout != 0 ? timeout : VIRTIO_DEADLINE_CONSOLE_NS);

    if (error == 0)
        done->state = VIRTIO_REQUEST_FREE;
    return error;
}

/* An output buffer to fill; waits for the host when it has them all. */
static int get_buffer(struct virtio_console *console)
{
    for (;;) {
        int error;

        for (unsigned i = 0; i < VIRTIO_CONSOLE_BUFFERS; i++) {
            if (console->output[i].request.state == VIRTIO_REQUEST_DEVICE)
                continue;
            console->filling = &console->output[i];
            console->filling->length = 0;
            return 0;
        }
        error = wait_for_output(console);
        if (error != 0)
            return error;
    }
}

static int send(struct virtio_console *console)
{
    struct virtio_console_buffer *buffer = console->filling;
    struct virtio_piece piece = {buffer->bytes, buffer->length};
    int error;

    while ((error = virtqueue_add(console->transmitq, &buffer->request, &piece, 1, 0)) ==
           -VIRTIO_E_FULL) {
        error = wait_for_output(console);
        if (error != 0)
            return error;
    }
    if (error != 0)
        return error;
    console->filling = NULL;
    virtqueue_kick(console->transmitq);
    return 0;
}

int virtio_console_write(struct virtio_console *console, const void *bytes, size_t length)
{
    const uint8_t *from = bytes;
    int error;

    if (!live(console))
        return -VIRTIO_E_STATE;
    for (size_t i = 0; i < length; i++) {
        if (console->filling == NULL) {
            error = get_buffer(console);
            if (error != 0)
                return error;
        }
        virtio_store8(&console->filling->bytes[console->filling->length++], from[i]);
        if (from[i] == '\n' || console->filling->length == VIRTIO_CONSOLE_BUFFER_BYTES) {
            error = send(console);
            if (error != 0)
                return error;
        }
    }
    return 0;
}

int virtio_console_flush(struct virtio_console *console)
{
    int error;

    if (!live(console))
        return -VIRTIO_E_STATE;
    if (console->filling != NULL) {
        error = send(console);
        if (error != 0)
            return error;
    }
    while (virtqueue_in_flight(console->transmitq) > 0) {
        error = wait_for_output(console);
        if (error != 0)
            return error;
    }
    return 0;
}

/* ---- Input ---- */

/* The next buffer with input in it, or none. */
static int receive(struct virtio_console *console)
{
    struct virtio_request *done;
    int error = virtqueue_poll(console->receiveq, &done);

    console->consuming = (struct virtio_console_buffer *)done;
    if (done != NULL)
        console->consuming->length = done->used; /* at most the buffer: the core clamps it */
    return error;
}

int virtio_console_read(struct virtio_console *console, void *bytes, size_t size, size_t *length)
{
    uint8_t *to = bytes;
    bool posted = false;
    int error = 0;

    *length = 0;
    if (!live(console))
        return -VIRTIO_E_STATE;
    while (*length < size) {
        struct virtio_console_buffer *buffer = console->consuming;

        if (buffer == NULL) {
            error = receive(console);
            if (console->consuming == NULL)
                break;
            continue;
        }
        if (buffer->taken < buffer->length) {
            to[(*length)++] = virtio_load8(&buffer->bytes[buffer->taken++]);
            continue;
        }
        console->consuming = NULL;
        error = post(console, buffer);
        if (error != 0)
            break;
        posted = true;
    }
    if (error != 0) {
        int reset_error = virtio_reset(console->dev);

        return reset_error != 0 ? reset_error : error;
    }
    if (posted)
        virtqueue_kick(console->receiveq);
    return 0;
}
