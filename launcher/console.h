/* SPDX-License-Identifier: BSD-2-Clause */
/* A console as its owner holds it (VIRTIO 1.4, 5.3): its ports, what came out of them, and what is typed into them. */
#ifndef LAUNCHER_CONSOLE_H
#define LAUNCHER_CONSOLE_H

#include "launcher/launcher.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * What was output so far, in all lives, or since it was forgotten; of the device until it works again. A device without
 * MULTIPORT has port 0 alone. NULL: nothing, or no such port. (16 MiB a port are kept.)
 */
const uint8_t *launcher_console_output(const struct launcher_device *dev, unsigned port,
                                       size_t *length);
void launcher_console_forget_output(struct launcher_device *dev, unsigned port);
/* The same of emerg_wr. */
const uint8_t *launcher_console_emergency(const struct launcher_device *dev, size_t *length);

/* Input for the driver, given to it as it has buffers (and, with MULTIPORT, has opened the port). false: no such port. */
bool launcher_console_type(struct launcher_device *dev, unsigned port, const void *bytes,
                           size_t length);
/* Input that the driver has not got yet. */
size_t launcher_console_waiting(const struct launcher_device *dev, unsigned port);
/* Oddities that are allowed: at most `bytes` of input a buffer (0: all); buffers that come back with nothing in them. */
void launcher_console_limit(struct launcher_device *dev, uint32_t bytes);
void launcher_console_return_empty(struct launcher_device *dev, uint64_t buffers);

/* Port 0's is in the configuration, and a RESIZE message tells of all. */
bool launcher_console_resize(struct launcher_device *dev, unsigned port, uint16_t columns,
                             uint16_t rows);

/* ---- With VIRTIO_CONSOLE_F_MULTIPORT ---- */

struct launcher_console_state {
    bool added;     /* the device has it */
    bool announced; /* the driver was told in this life */
    bool ready;     /* so it said */
    bool refused;   /* it said that it could not be made ready */
    bool is_console;
    bool guest_open, host_open;
};
/* false: the port number is not below max_nr_ports. */
bool launcher_console_port(const struct launcher_device *dev, unsigned port,
                           struct launcher_console_state *state);
/* Plugs and unplugs a port. name: NULL, or what PORT_NAME tells. false: it is there already, not there, or out of range. */
bool launcher_console_add_port(struct launcher_device *dev, unsigned port, bool is_console,
                               const char *name);
bool launcher_console_remove_port(struct launcher_device *dev, unsigned port);
/* The host's end. */
bool launcher_console_open(struct launcher_device *dev, unsigned port, bool open);
/* Whether the driver has said that it takes control messages. */
bool launcher_console_is_ready(const struct launcher_device *dev);

#ifdef __cplusplus
}
#endif
#endif
