/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * BARs: what a function decodes and where (PCI Local Bus 3.0, 6.2.5.1), and access to them for the virtio core. What
 * the function answers is checked: a size is one bit, an address is a multiple of it.
 */
#include <stddef.h>

#include "boot/pci.h"
#include "boot/platform.h"
#include "boot/registers.h"

enum {
    PCI_COMMAND = 0x04,
    PCI_COMMAND_IO = 1,
    PCI_COMMAND_MEMORY = 2,
    PCI_HEADER_BRIDGE_BARS = 2,
    PCI_BAR0 = 0x10,
    PCI_BAR_IO = 1,
    PCI_BAR_MEMORY_TYPE = 6,
    PCI_BAR_MEMORY_32 = 0,
    PCI_BAR_MEMORY_64 = 4,
};

#define IO_MASK     0xfffffffcu
#define MEMORY_MASK 0xfffffff0u
#define ONES        0xffffffffu

/* Virtio structures lie at the start of a BAR; what may follow (shared memory of gigabytes) is not mapped. */
#define REACH_MAX (64ull << 20)

static uint32_t measure(const struct pci_function *function, unsigned index, uint32_t *value)
{
    unsigned offset = PCI_BAR0 + 4 * index;

    *value = pci_read(function, offset, 4);
    pci_write(function, offset, 4, ONES);
    uint32_t mask = pci_read(function, offset, 4);

    pci_write(function, offset, 4, *value);
    return mask;
}

/* Fills the BAR in from its address and the bits of the address that can be changed, if that makes sense. */
static void decode(struct pci_bar *bar, enum pci_bar_type type, uint64_t address, uint64_t mask,
                   uint64_t limit)
{
    uint64_t size = mask & (~mask + 1); /* the lowest bit that can be changed */

    if (mask == 0 || (mask | (size - 1)) != limit || (address & (size - 1)) != 0 ||
        address > limit - (size - 1)) {
        return;
    }
    bar->type = type;
    bar->address = address;
    bar->size = size;
}

/* Reads BAR `index` and, if it is a 64-bit one, the next. Returns how many registers it took. */
static unsigned read_bar(struct pci_function *function, unsigned index, unsigned bars)
{
    struct pci_bar *bar = &function->bar[index];
    uint32_t value, high = 0;
    uint32_t mask = measure(function, index, &value);

    if ((value & PCI_BAR_IO) != 0) {
        /* The upper half need not be implemented. */
        decode(bar, PCI_BAR_PORTS, value & IO_MASK & 0xffff, mask & IO_MASK & 0xffff, 0xffff);
        return 1;
    }
    if ((value & PCI_BAR_MEMORY_TYPE) == PCI_BAR_MEMORY_32) {
        decode(bar, PCI_BAR_MEMORY, value & MEMORY_MASK, mask & MEMORY_MASK, ONES);
        return 1;
    }
    if ((value & PCI_BAR_MEMORY_TYPE) != PCI_BAR_MEMORY_64 || index + 1 == bars) {
        return 1;
    }
    uint64_t mask_high = measure(function, index + 1, &high);

    decode(bar, PCI_BAR_MEMORY, (uint64_t)high << 32 | (value & MEMORY_MASK),
           mask_high << 32 | (mask & MEMORY_MASK), UINT64_MAX);
    return 2;
}

static void map_bar(struct pci_bar *bar)
{
    if (bar->type == PCI_BAR_NONE || bar->address == 0) {
        return;
    }
    uint64_t reach = bar->size < REACH_MAX ? bar->size : REACH_MAX;

    if (bar->type == PCI_BAR_MEMORY) {
        bar->registers = platform_map_registers(bar->address, reach);
        if (bar->registers == NULL) {
            return;
        }
    }
    bar->reach = reach;
}

void pci_map_bars(struct pci_function *function)
{
    unsigned bars = function->bridge ? PCI_HEADER_BRIDGE_BARS : PCI_BARS;
    uint32_t command = pci_read(function, PCI_COMMAND, 2);

    for (unsigned i = 0; i < PCI_BARS; i++) {
        function->bar[i] = (struct pci_bar){.type = PCI_BAR_NONE};
    }
    /* While a BAR holds all ones its function must not answer there. */
    pci_write(function, PCI_COMMAND, 2, command & ~(uint32_t)(PCI_COMMAND_IO | PCI_COMMAND_MEMORY));
    for (unsigned i = 0; i < bars;) {
        i += read_bar(function, i, bars);
    }
    pci_write(function, PCI_COMMAND, 2, command);
    for (unsigned i = 0; i < bars; i++) {
        map_bar(&function->bar[i]);
    }
}

/* ---- Registers for the virtio core ------------------------------------------------------------------------------ */

/* The BAR, if `width` bytes at `offset` of it can be accessed. */
static const struct pci_bar *bar_at(const struct pci_function *function, unsigned region,
                                    uint64_t offset, unsigned width)
{
    const struct pci_bar *bar = region < PCI_BARS ? &function->bar[region] : NULL;

    return bar != NULL && offset < bar->reach && width <= bar->reach - offset ? bar : NULL;
}

static uint32_t io_read(void *ctx, unsigned region, uint64_t offset, unsigned width)
{
    const struct pci_function *function = ctx;
    const struct pci_bar *bar = bar_at(function, region, offset, width);

    if (region == VIRTIO_IO_PCI_CONFIG) {
        return offset < pci_config_size(function) ? pci_read(function, (unsigned)offset, width)
                                                  : ONES;
    }
    if (bar == NULL) {
        return ONES;
    }
    if (bar->type == PCI_BAR_PORTS) {
        return platform_port_read((uint16_t)(bar->address + offset), width);
    }
    return register_read(bar->registers + offset, width);
}

static void io_write(void *ctx, unsigned region, uint64_t offset, unsigned width, uint32_t value)
{
    const struct pci_function *function = ctx;
    const struct pci_bar *bar = bar_at(function, region, offset, width);

    if (region == VIRTIO_IO_PCI_CONFIG && offset < pci_config_size(function)) {
        pci_write(function, (unsigned)offset, width, value);
    }
    if (bar == NULL) {
        return;
    }
    if (bar->type == PCI_BAR_PORTS) {
        platform_port_write((uint16_t)(bar->address + offset), width, value);
        return;
    }
    register_write(bar->registers + offset, width, value);
}

static uint64_t io_size(void *ctx, unsigned region)
{
    const struct pci_function *function = ctx;

    if (region == VIRTIO_IO_PCI_CONFIG) {
        return pci_config_size(function);
    }
    return region < PCI_BARS ? function->bar[region].reach : 0;
}

static volatile void *io_pointer(void *ctx, unsigned region, uint64_t offset)
{
    const struct pci_function *function = ctx;
    const struct pci_bar *bar = bar_at(function, region, offset, 1);

    return bar != NULL && bar->type == PCI_BAR_MEMORY ? bar->registers + offset : NULL;
}

const struct virtio_io pci_virtio_io = {
    .read = io_read,
    .write = io_write,
    .size = io_size,
    .pointer = io_pointer,
};
