/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which device of a traced machine is meant. QEMU names a region by the kind of its device alone, so its address tells which PCI
 * function it belongs to; from then on it is known by QEMU's pointer, which stays when a BAR is moved.
 */
#include <inttypes.h>
#include <string.h>

#include "launcher/device.h"
#include "launcher/trace_machine.h"

enum {
    BAR_REACH = 1 << 24, /* page-per-vq=on makes the BAR this large */
    PORTS_REACH = 0x400,
};

/* ---- Tables ---- */

struct launcher_trace_known *launcher_trace_find(struct launcher_trace_table *table,
                                                 uint64_t pointer)
{
    if (table->latest < table->count && table->rows[table->latest].pointer == pointer)
        return &table->rows[table->latest];
    for (unsigned i = 0; i < table->count; i++) {
        if (table->rows[i].pointer == pointer) {
            table->latest = i;
            return &table->rows[i];
        }
    }
    return NULL;
}

struct launcher_trace_known *launcher_trace_learn(struct launcher_trace_machine *machine,
                                                  struct launcher_trace_table *table,
                                                  uint64_t pointer,
                                                  struct launcher_trace_device *device, int block)
{
    if (device == NULL || table->count == LAUNCHER_TRACE_KNOWN) {
        machine->full = true;
        return NULL;
    }
    table->rows[table->count] = (struct launcher_trace_known){pointer, device, block};
    return &table->rows[table->count++];
}

/* ---- Devices ---- */

static struct launcher_trace_device *add_device(struct launcher_trace_machine *machine,
                                                const char *kind)
{
    struct launcher_trace_device *device;

    if (machine->count == LAUNCHER_TRACE_DEVICES) {
        machine->full = true;
        return NULL;
    }
    device = launcher_allocate(sizeof(*device));
    snprintf(device->kind, sizeof(device->kind), "%s", kind);
    machine->devices[machine->count++] = device;
    return device;
}

/* "virtio-blk-pci" to "blk". */
static void short_kind(const char *name, char *kind, size_t size)
{
    static const char *const ends[] = {"-pci", "-pci-transitional", "-pci-non-transitional"};
    size_t length;

    name += strncmp(name, "virtio-", 7) == 0 ? 7 : 0;
    length = strlen(name);
    for (unsigned i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        size_t end = strlen(ends[i]);

        if (length > end && strcmp(name + length - end, ends[i]) == 0) {
            length -= end;
            break;
        }
    }
    snprintf(kind, size, "%.*s", (int)length, name);
}

struct launcher_trace_device *launcher_trace_pci_function(struct launcher_trace_machine *machine,
                                                          const struct launcher_trace_line *line)
{
    struct launcher_trace_device *device;
    char kind[sizeof(device->kind)];

    short_kind(line->name, kind, sizeof(kind));
    for (unsigned i = 0; i < machine->count; i++) {
        device = machine->devices[i];
        if (device->pci && device->bus == line->bus && device->slot == line->slot &&
            device->function == line->function && strcmp(device->kind, kind) == 0)
            return device;
    }
    device = add_device(machine, kind);
    if (device == NULL)
        return NULL;
    device->pci = true;
    device->bus = line->bus;
    device->slot = line->slot;
    device->function = line->function;
    snprintf(device->name, sizeof(device->name), "%02x:%02x.%x %s", line->bus, line->slot,
             line->function, kind);
    return device;
}

/* Where a BAR begins, if it is one whose registers reach `address`. The low bits of what was written are its type. */
static bool bar_reaches(const struct launcher_trace_device *device, unsigned bar, uint64_t address,
                        bool ports, uint64_t *base)
{
    uint64_t reach = ports ? PORTS_REACH : BAR_REACH;

    *base = device->bar[bar] & (ports ? ~UINT32_C(3) : ~UINT32_C(15));
    if (address >> 32 != 0 && bar + 1 < 6)
        *base |= (uint64_t)device->bar[bar + 1] << 32;
    return *base != 0 && *base <= address && address - *base < reach;
}

/* The function whose BAR ends up closest below the address; NULL: there is none. */
struct launcher_trace_device *launcher_trace_function_at(struct launcher_trace_machine *machine,
                                                         uint64_t address, bool ports,
                                                         uint64_t *base)
{
    struct launcher_trace_device *found = NULL;
    uint64_t here;

    for (unsigned i = 0; i < machine->count; i++) {
        for (unsigned bar = 0; machine->devices[i]->pci && bar < 6; bar++) {
            if (bar_reaches(machine->devices[i], bar, address, ports, &here) &&
                (found == NULL || here > *base)) {
                found = machine->devices[i];
                *base = here;
            }
        }
    }
    return found;
}

/* A device of which the trace has no PCI configuration, or that is none of PCI's. */
struct launcher_trace_device *launcher_trace_device_at(struct launcher_trace_machine *machine,
                                                       uint64_t base, const char *kind, bool ports,
                                                       bool mmio)
{
    struct launcher_trace_device *device;

    for (unsigned i = 0; i < machine->count; i++) {
        device = machine->devices[i];
        if (!device->pci && device->base == base &&
            (device->mmio || strcmp(device->kind, kind) == 0))
            return device;
    }
    device = add_device(machine, kind);
    if (device == NULL)
        return NULL;
    device->base = base;
    device->mmio = mmio;
    snprintf(device->name, sizeof(device->name), "%s at %s0x%" PRIx64, kind, ports ? "port " : "",
             base);
    return device;
}
