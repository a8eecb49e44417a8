/* SPDX-License-Identifier: BSD-2-Clause */
/* What a line of a trace means: an access of a device's register, a buffer, a mark of who runs. */
#include "launcher/trace_machine.h"

#include <stdlib.h>
#include <string.h>

#include "launcher/device.h"
#include "launcher/front.h"

enum { MARK_PORT = 0x80, MARK_ENTRY = 0x51, MARK_HANDOFF = 0x52 };

/* Blocks of registers: in QEMU each has 4 KiB of one BAR, the notifications as much as they need behind them. */
enum block { COMMON, DEVICE, ISR, NOTIFY, NOTIFY_PORT, LEGACY, MMIO };
enum {
    BLOCK_SIZE = 0x1000,
    BAR_SIZE = 0x4000,
    PORTS_SIZE = 0x20,
    MMIO_SIZE = 0x200,
    REGION_CONFIG = 6, /* launcher.h */
    PCI_COMMAND = 4,
};

static const struct {
    const char *name; /* what follows is the kind of device */
    enum block block;
} blocks[] = {
    {"virtio-pci-common-", COMMON}, {"virtio-pci-device-", DEVICE},
    {"virtio-pci-isr-", ISR},       {"virtio-pci-notify-pio-", NOTIFY_PORT},
    {"virtio-pci-notify-", NOTIFY},
};

/* ---- Registers ---- */

static struct launcher_trace_known *learn_region(struct launcher_trace_machine *machine,
                                                 const struct launcher_trace_line *line)
{
    enum block block = COMMON;
    const char *kind = NULL;
    struct launcher_trace_device *device;
    uint64_t base = 0;
    bool ports;

    for (unsigned i = 0; kind == NULL && i < sizeof(blocks) / sizeof(blocks[0]); i++) {
        size_t length = strlen(blocks[i].name);

        block = blocks[i].block;
        if (strncmp(line->name, blocks[i].name, length) == 0)
            kind = line->name + length;
    }
    if (strcmp(line->name, "virtio-pci") == 0) {
        kind = "device";
        block = LEGACY;
    } else if (strcmp(line->name, "virtio-mmio") == 0) {
        kind = "mmio";
        block = MMIO;
    }
    if (kind == NULL)
        return NULL; /* a region that is no register block: video memory of virtio-vga */
    kind += strncmp(kind, "virtio-", 7) == 0 ? 7 : 0;
    ports = block == LEGACY || block == NOTIFY_PORT;
    device =
        block == MMIO ? NULL : launcher_trace_function_at(machine, line->address, ports, &base);
    if (device == NULL) {
        uint64_t size = block == MMIO ? MMIO_SIZE : ports ? PORTS_SIZE : BAR_SIZE;

        device = launcher_trace_device_at(machine, line->address & ~(size - 1), kind, ports,
                                          block == MMIO);
    }
    return launcher_trace_learn(machine, &machine->regions, line->region, device, (int)block);
}

static struct launcher_access simple(enum launcher_register reg, uint64_t offset, unsigned width)
{
    return (struct launcher_access){
        .reg = reg, .readable = true, .writable = true, .width = (uint8_t)width, .offset = offset};
}

/* The offset of a port in the legacy block. */
static uint64_t port_offset(struct launcher_trace_machine *machine,
                            const struct launcher_trace_device *device, uint64_t address)
{
    uint64_t base = device->base;

    if (device->pci)
        (void)launcher_trace_function_at(machine, address, true, &base);
    return address - base;
}

static struct launcher_access decode_legacy(const struct launcher_trace_device *device,
                                            uint64_t offset, unsigned width)
{
    unsigned config = VIRTIO_PCI_LEGACY_CONFIG + (device->msix ? 4 : 0); /* two vectors */

    if (offset >= config)
        return launcher_decode_config(device->fields, offset - config, width);
    return launcher_decode_pci_legacy(offset, width, device->msix);
}

static struct launcher_access decode_mmio(const struct launcher_trace_device *device,
                                          uint64_t offset, unsigned width)
{
    if (offset >= VIRTIO_MMIO_CONFIG)
        return launcher_decode_config(device->fields, offset - VIRTIO_MMIO_CONFIG, width);
    return launcher_decode_mmio(offset, width, device->version == 1);
}

static struct launcher_access decode(struct launcher_trace_machine *machine,
                                     const struct launcher_trace_device *device, enum block block,
                                     const struct launcher_trace_line *line)
{
    uint64_t offset = line->address % BLOCK_SIZE;
    struct launcher_access access = {0};

    switch (block) {
    case COMMON:
        access = launcher_decode_common(offset, line->size);
        break;
    case DEVICE:
        access = launcher_decode_config(device->fields, offset, line->size);
        break;
    case ISR:
        access = simple(LAUNCHER_REG_ISR, 0, line->size);
        access.writable = false;
        access.natural = 1;
        break;
    case NOTIFY:
    case NOTIFY_PORT:
        access = simple(LAUNCHER_REG_NOTIFY, offset, line->size);
        access.readable = false;
        break;
    case LEGACY:
        access = decode_legacy(device, port_offset(machine, device, line->address), line->size);
        break;
    case MMIO:
        access = decode_mmio(device, line->address % MMIO_SIZE, line->size);
        break;
    }
    access.write = line->write;
    access.value =
        (uint32_t)(line->value & (line->size < 4 ? (1u << 8 * line->size) - 1 : UINT32_MAX));
    return access;
}

static bool virtio_access(struct launcher_trace_machine *machine,
                          const struct launcher_trace_line *line,
                          struct launcher_trace_event *event)
{
    struct launcher_trace_known *known = launcher_trace_find(&machine->regions, line->region);
    enum block block;

    if (known == NULL)
        known = learn_region(machine, line);
    if (known == NULL)
        return false;
    block = (enum block)known->block;
    event->meaning = LAUNCHER_TRACE_ACCESS;
    event->device = known->device;
    event->access = decode(machine, known->device, block, line);
    if (event->access.reg == LAUNCHER_REG_STATUS && line->write)
        machine->touched = known->device;
    launcher_trace_device_access(known->device, &event->access);
    event->legacy = block == LEGACY || (block == MMIO && known->device->version == 1);
    known->device->legacy |= event->legacy;
    known->device->modern |= known->device->pci && block != LEGACY;
    return true;
}

/* ---- The UART and the marker port ---- */

static bool uart_says(struct launcher_trace_machine *machine, char c,
                      struct launcher_trace_event *event)
{
    size_t length = machine->text_length;

    if (machine->said_length == length) {
        memmove(machine->said, machine->said + 1, length - 1);
        machine->said_length--;
    }
    machine->said[machine->said_length++] = c;
    event->meaning = LAUNCHER_TRACE_OS_TEXT;
    return machine->said_length == length && memcmp(machine->said, machine->text, length) == 0;
}

/* An 8250: register 3, bit 7 turns registers 0 and 1 into the divisor. */
static bool uart_access(struct launcher_trace_machine *machine, uint64_t region, uint64_t offset,
                        uint64_t value, struct launcher_trace_event *event)
{
    unsigned i = 0;

    while (i < machine->uart_count && machine->uarts[i].region != region)
        i++;
    if (i == sizeof(machine->uarts) / sizeof(machine->uarts[0]))
        return false;
    if (i == machine->uart_count) {
        machine->uarts[i].region = region;
        machine->uarts[i].divisor = false;
        machine->uart_count++;
    }
    if (offset == 3)
        machine->uarts[i].divisor = (value & 0x80) != 0;
    return offset == 0 && !machine->uarts[i].divisor && uart_says(machine, (char)value, event);
}

static bool register_line(struct launcher_trace_machine *machine,
                          const struct launcher_trace_line *line,
                          struct launcher_trace_event *event)
{
    if (strcmp(line->name, "serial") == 0)
        return line->write &&
               uart_access(machine, line->region, line->address % 8, line->value, event);
    if (strcmp(line->name, "pl011") == 0)
        return line->write && line->address % BLOCK_SIZE == 0 &&
               uart_says(machine, (char)line->value, event);
    if (strcmp(line->name, "ioport80") != 0)
        return virtio_access(machine, line, event);
    if (!line->write || line->address != MARK_PORT ||
        line->value != (machine->entered ? MARK_HANDOFF : MARK_ENTRY))
        return false;
    event->meaning = machine->entered ? LAUNCHER_TRACE_HANDOFF : LAUNCHER_TRACE_ENTRY;
    machine->entered = true;
    return true;
}

/* ---- PCI configuration space, and QEMU's virtio core ---- */

static bool pci_line(struct launcher_trace_machine *machine, const struct launcher_trace_line *line,
                     struct launcher_trace_event *event)
{
    struct launcher_trace_device *device = launcher_trace_pci_function(machine, line);

    if (device == NULL)
        return false;
    event->meaning = LAUNCHER_TRACE_SEEN;
    event->device = device;
    if (!line->write)
        return true;
    if (line->address == PCI_COMMAND) {
        machine->touched = device;
        if (device->command == (line->value & 0xffff))
            return true; /* firmware writes it again and again */
    }
    launcher_trace_device_config(device, line->address, (uint32_t)line->value);
    if (line->address == PCI_COMMAND) {
        event->meaning = LAUNCHER_TRACE_ACCESS;
        event->access = simple(LAUNCHER_REG_PCI_COMMAND, line->address, 2);
        event->access.region = REGION_CONFIG;
        event->access.write = true;
        event->access.value = (uint32_t)(line->value & 0xffff);
    }
    return true;
}

/* QEMU sets the status of the device whose status or command register was just written. */
static void status_line(struct launcher_trace_machine *machine,
                        const struct launcher_trace_line *line)
{
    if (machine->touched != NULL && launcher_trace_find(&machine->cores, line->device) == NULL)
        (void)launcher_trace_learn(machine, &machine->cores, line->device, machine->touched, 0);
}

static bool queue_line(struct launcher_trace_machine *machine,
                       const struct launcher_trace_line *line, struct launcher_trace_event *event)
{
    struct launcher_trace_known *known = launcher_trace_find(&machine->queues, line->queue);

    if (line->kind == LAUNCHER_TRACE_NOTIFY) {
        struct launcher_trace_known *core = launcher_trace_find(&machine->cores, line->device);

        if (known == NULL && core != NULL)
            known = launcher_trace_learn(machine, &machine->queues, line->queue, core->device,
                                         (int)line->index);
    }
    if (known == NULL)
        return false;
    event->meaning = line->kind == LAUNCHER_TRACE_NOTIFY  ? LAUNCHER_TRACE_KICK
                     : line->kind == LAUNCHER_TRACE_TAKEN ? LAUNCHER_TRACE_BUFFER_TAKEN
                                                          : LAUNCHER_TRACE_BUFFER_USED;
    event->device = known->device;
    event->queue = (unsigned)known->block;
    event->value = (uint32_t)line->value;
    known->device->host_notifications += line->kind == LAUNCHER_TRACE_NOTIFY;
    return true;
}

/* ---- What the reader calls ---- */

void launcher_trace_machine_init(struct launcher_trace_machine *machine, const char *os_text)
{
    memset(machine, 0, sizeof(*machine));
    machine->text_length = strlen(os_text);
    memcpy(machine->text, os_text, machine->text_length);
}

void launcher_trace_machine_free(struct launcher_trace_machine *machine)
{
    for (unsigned i = 0; i < machine->count; i++)
        free(machine->devices[i]);
    machine->count = 0;
}

bool launcher_trace_machine_line(struct launcher_trace_machine *machine,
                                 const struct launcher_trace_line *line,
                                 struct launcher_trace_event *event)
{
    struct launcher_trace_device *touched = machine->touched;
    bool means;

    memset(event, 0, sizeof(*event));
    machine->touched = NULL; /* unless this line touches one */
    switch (line->kind) {
    case LAUNCHER_TRACE_REGISTER:
        return register_line(machine, line, event);
    case LAUNCHER_TRACE_PCI:
        return pci_line(machine, line, event);
    case LAUNCHER_TRACE_STATUS:
        machine->touched = touched;
        status_line(machine, line);
        return false;
    case LAUNCHER_TRACE_NOTIFY:
    case LAUNCHER_TRACE_TAKEN:
    case LAUNCHER_TRACE_USED:
        return queue_line(machine, line, event);
    case LAUNCHER_TRACE_SERIAL: /* says the same as the region "serial", which also says which UART */
        means = machine->uart_count == 0 && line->address == 0;
        return means && uart_says(machine, (char)line->value, event);
    }
    return false;
}
