/* SPDX-License-Identifier: BSD-2-Clause */
/* The console device driver (VIRTIO 1.4, 5.3): one port, output a line at a time, input, size. */
#ifndef DRIVERS_CONSOLE_H
#define DRIVERS_CONSOLE_H

#include "virtio/virtio.h"

#ifdef __cplusplus
extern "C" {
#endif

#define VIRTIO_CONSOLE_BUFFERS      8u /* in each direction */
#define VIRTIO_CONSOLE_BUFFER_BYTES 256u

struct virtio_console_buffer {
    struct virtio_request request; /* first */
    uint8_t *bytes;                /* in the device's memory */
    uint32_t length;               /* output: bytes to send; input: bytes received */
    uint32_t taken;                /* input: bytes handed to the caller */
};

/* The driver's state: the caller's memory, which the device cannot write. Starts as {0}; fields are read-only. */
struct virtio_console {
    struct virtio_device *dev;
    struct virtqueue *receiveq, *transmitq;
    uint16_t columns, rows; /* 0: the device does not say */
    struct virtio_console_buffer input[VIRTIO_CONSOLE_BUFFERS], output[VIRTIO_CONSOLE_BUFFERS];
    struct virtio_console_buffer *filling;   /* the begun line, not empty; NULL: none */
    struct virtio_console_buffer *consuming; /* input that is not all taken yet; NULL: none */
};

/* For virtio_claim(), with a struct virtio_console as its state. */
extern const struct virtio_driver virtio_console_driver;

/*
 * Sends `length` bytes: whole lines at once, the rest with the next newline or virtio_console_flush(). Waits for the
 * host only when all buffers are in flight. Errors: as virtqueue_wait() (the device has been reset, and this console
 * stays silent), STATE (it is not live).
 */
int virtio_console_write(struct virtio_console *console, const void *bytes, size_t length);

/* Sends what is left and waits until the host has taken it all, at most the console deadline for each buffer. Errors: the same. */
int virtio_console_flush(struct virtio_console *console);

/*
 * Takes up to `size` bytes of input without waiting; sets *length, also on error. Errors: STATE; PROTOCOL, MAPPING,
 * STUCK (the device has been reset, and this console stays silent).
 */
int virtio_console_read(struct virtio_console *console, void *bytes, size_t size, size_t *length);

#ifdef __cplusplus
}
#endif
#endif
