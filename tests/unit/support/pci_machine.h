/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A machine for tests of PCI: functions with a configuration space of their own, reached by ports or through a window
 * of memory, and the part of boot/platform.h that PCI needs.
 */
#ifndef SLATE_TESTS_PCI_MACHINE_H
#define SLATE_TESTS_PCI_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

#define MACHINE_FUNCTIONS 512u
#define MACHINE_REGISTERS 0x10000u /* bytes of every mapping */

struct machine_function {
    uint16_t bdf;
    uint8_t config[256];
    uint32_t
        bar_mask[6]; /* what each BAR reads as, but for its kind, after all ones were written */
    bool decoding_while_sized; /* all ones were written to a BAR while it was decoded */
};

struct machine {
    bool ports;
    unsigned functions;
    struct machine_function function[MACHINE_FUNCTIONS];
    unsigned reads, writes; /* of configuration space, by ports */

    uint8_t *window; /* what a mapping of window_base gives; else registers */
    uint64_t window_base;
    uint64_t unmappable;            /* an address that cannot be mapped */
    uint64_t mapped, mapped_length; /* the last mapping asked for */
    uint8_t registers[MACHINE_REGISTERS];

    uint16_t port; /* the last port access */
    unsigned port_width;
    uint32_t port_value; /* what was written, or what is read */

    bool has_extra_roots;
    uint64_t extra_roots;
};

extern struct machine machine;

/* An empty machine with ports. */
void machine_clear(void);

/* Adds a function, with a type 0 header. */
struct machine_function *machine_add(unsigned bus, unsigned device, unsigned function);

/* Adds a PCI-to-PCI bridge. */
struct machine_function *machine_add_bridge(unsigned bus, unsigned device, unsigned secondary);

/* Says that the device has several functions. */
void machine_multifunction(struct machine_function *function);

/* Gives BAR `index` a value and a mask. */
void machine_set_bar(struct machine_function *function, unsigned index, uint32_t value,
                     uint32_t mask);

/* Little-endian fields of configuration space. */
uint32_t machine_get(const struct machine_function *function, unsigned offset, unsigned width);
void machine_put(struct machine_function *function, unsigned offset, unsigned width,
                 uint32_t value);

#endif
