/* SPDX-License-Identifier: BSD-2-Clause */
/* A machine for tests of PCI. */
#include "tests/unit/support/pci_machine.h"

#include "boot/platform.h"

#include <stdlib.h>
#include <string.h>

struct machine machine;

void machine_clear(void)
{
    memset(&machine, 0, sizeof(machine));
    machine.ports = true;
}

uint32_t machine_get(const struct machine_function *function, unsigned offset, unsigned width)
{
    uint32_t value = 0;

    for (unsigned i = 0; i < width; i++)
        value |= (uint32_t)function->config[offset + i] << 8 * i;
    return value;
}

void machine_put(struct machine_function *function, unsigned offset, unsigned width, uint32_t value)
{
    for (unsigned i = 0; i < width; i++)
        function->config[offset + i] = (uint8_t)(value >> 8 * i);
}

struct machine_function *machine_add(unsigned bus, unsigned device, unsigned function)
{
    if (machine.functions == MACHINE_FUNCTIONS)
        abort();
    struct machine_function *f = &machine.function[machine.functions++];

    f->bdf = (uint16_t)(bus << 8 | device << 3 | function);
    machine_put(f, 0x00, 4, 0x10441af4);
    machine_put(f, 0x04, 2, 0x0507); /* decoding, bus master, interrupts off */
    machine_put(f, 0x08, 4, 0x00ff0001);
    return f;
}

struct machine_function *machine_add_bridge(unsigned bus, unsigned device, unsigned secondary)
{
    struct machine_function *f = machine_add(bus, device, 0);

    machine_put(f, 0x00, 4, 0x000c1b36);
    machine_put(f, 0x08, 4, 0x06040000);
    machine_put(f, 0x0e, 1, 1);
    machine_put(f, 0x18, 1, bus);
    machine_put(f, 0x19, 1, secondary);
    return f;
}

void machine_multifunction(struct machine_function *function)
{
    function->config[0x0e] |= 0x80;
}

void machine_set_bar(struct machine_function *function, unsigned index, uint32_t value,
                     uint32_t mask)
{
    machine_put(function, 0x10 + 4 * index, 4, value);
    function->bar_mask[index] = mask;
}

static struct machine_function *find(uint16_t bdf)
{
    for (unsigned i = 0; i < machine.functions; i++)
        if (machine.function[i].bdf == bdf)
            return &machine.function[i];
    return NULL;
}

bool platform_has_pci_ports(void)
{
    return machine.ports;
}

uint32_t platform_pci_read(uint16_t bdf, uint16_t offset, unsigned width)
{
    const struct machine_function *function = find(bdf);

    machine.reads++;
    if (offset + width > sizeof(function->config) || offset % width != 0)
        abort();
    return function != NULL ? machine_get(function, offset, width)
                            : 0xffffffffu >> (32 - 8 * width);
}

void platform_pci_write(uint16_t bdf, uint16_t offset, unsigned width, uint32_t value)
{
    struct machine_function *function = find(bdf);

    machine.writes++;
    if (offset + width > sizeof(function->config) || offset % width != 0)
        abort();
    if (function == NULL)
        return;
    if (offset >= 0x10 && offset < 0x28 && width == 4) {
        uint32_t old = machine_get(function, offset, 4);
        uint32_t kind = old & ((old & 1) != 0 ? 0x3 : 0xf);

        if (value == 0xffffffff) {
            function->decoding_while_sized |= (function->config[4] & 3) != 0;
            value = function->bar_mask[(offset - 0x10) / 4] | kind;
        }
    }
    machine_put(function, offset, width, value);
}

volatile void *platform_map_registers(uint64_t base, uint64_t length)
{
    machine.mapped = base;
    machine.mapped_length = length;
    if (base == machine.unmappable)
        return NULL;
    return machine.window != NULL && base == machine.window_base ? machine.window
                                                                 : machine.registers;
}

uint32_t platform_port_read(uint16_t port, unsigned width)
{
    machine.port = port;
    machine.port_width = width;
    return machine.port_value;
}

void platform_port_write(uint16_t port, unsigned width, uint32_t value)
{
    machine.port = port;
    machine.port_width = width;
    machine.port_value = value;
}

unsigned platform_files(const char *prefix, struct platform_file *out, unsigned max)
{
    if (strcmp(prefix, "etc/extra-pci-roots") != 0 || !machine.has_extra_roots)
        return 0;
    if (max > 0)
        out[0] = (struct platform_file){.name = "etc/extra-pci-roots", .size = 8};
    return 1;
}

size_t platform_file_read(const struct platform_file *file, void *buffer, size_t length)
{
    (void)file;
    memcpy(buffer, &machine.extra_roots, length < 8 ? length : 8);
    return length < 8 ? length : 8;
}
