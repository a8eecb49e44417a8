/* SPDX-License-Identifier: BSD-2-Clause */
/* The test device as a console with one port (VIRTIO 1.4, 5.3). */
#include <string.h>

#include "tests/unit/support/device.h"

void device_console_type(struct device *d, const void *bytes, size_t length)
{
    d->console.input = bytes;
    d->console.input_length = length;
    device_work(d);
}

static bool receive(struct device *d, const struct device_chain *chain, uint32_t *written)
{
    struct device_console *console = &d->console;
    size_t part = console->input_length;

    if (chain->readable > 0) /* DRV-CON-01 */
        device_complain(d, "readable buffer in the receive queue");
    if (console->empty_buffers) {
        *written = 0;
        return true;
    }
    if (part == 0)
        return false;
    if (part > chain->writable)
        part = (size_t)chain->writable;
    if (console->piece != 0 && part > console->piece)
        part = console->piece;
    *written = device_chain_write(d, chain, 0, console->input, (uint32_t)part);
    console->input += part;
    console->input_length -= part;
    return true;
}

static bool transmit(struct device *d, const struct device_chain *chain, uint32_t *written)
{
    struct device_console *console = &d->console;
    size_t room = sizeof(console->output) - console->output_length;

    if (chain->writable > 0) /* DRV-CON-02 */
        device_complain(d, "writable buffer in the transmit queue");
    if (chain->readable < room)
        room = (size_t)chain->readable;
    console->output_length +=
        device_chain_read(d, chain, 0, console->output + console->output_length, (uint32_t)room);
    *written = 0;
    return true;
}

bool device_console_serve(struct device *d, const struct device_queue *queue,
                          const struct device_chain *chain, uint32_t *written)
{
    return queue == &d->queues[0] ? receive(d, chain, written) : transmit(d, chain, written);
}
