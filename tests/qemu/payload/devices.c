/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds every virtio function by trying every bus, device and function through ports CF8 and CFC,
 * and reads its status through the VIRTIO_PCI_CAP_PCI_CFG window (VIRTIO 1.x, 4.1.4.9): it needs no
 * BAR and no mapping.
 */
#include "payload.h"

enum {
    PCI_ID = 0x00,
    PCI_COMMAND = 0x04,
    PCI_HEADER = 0x0c,
    PCI_BAR0 = 0x10,
    PCI_CAPABILITIES = 0x34,
    COMMAND_MASTER = 1 << 2,
    COMMAND_INTX_OFF = 1 << 10,
    CAP_VENDOR = 0x09,
    CAP_MSIX = 0x11,
    MSIX_ENABLE = 1u << 31, /* as part of the capability's first 32 bits */
    VIRTIO_VENDOR = 0x1af4,
    CFG_COMMON = 1,
    CFG_WINDOW = 5,
    COMMON_STATUS = 0x14,
    LEGACY_STATUS = 0x12,
    CAP_HOPS = 48,
};

struct function {
    uint32_t address; /* as port CF8 takes it */
    uint8_t bus, device, number;
};

static uint32_t config_read(const struct function *f, uint32_t offset)
{
    outl(0xcf8, f->address | (offset & 0xfc));
    return inl(0xcfc);
}

static void config_write(const struct function *f, uint32_t offset, uint32_t value)
{
    outl(0xcf8, f->address | (offset & 0xfc));
    outl(0xcfc, value);
}

static void config_write8(const struct function *f, uint32_t offset, uint8_t value)
{
    outl(0xcf8, f->address | (offset & 0xfc));
    outb((uint16_t)(0xcfc + (offset & 3)), value);
}

/* Where in configuration space what was wanted is; 0 when it is not there. */
struct caps {
    uint32_t common, window, msix;
};

static struct caps find_caps(const struct function *f)
{
    struct caps caps = {0};
    uint32_t at = config_read(f, PCI_CAPABILITIES) & 0xfc;

    for (int hop = 0; at && hop < CAP_HOPS; hop++) {
        uint32_t head = config_read(f, at);

        if ((head & 0xff) == CAP_MSIX)
            caps.msix = at;
        if ((head & 0xff) == CAP_VENDOR && head >> 24 == CFG_COMMON && !caps.common)
            caps.common = at;
        if ((head & 0xff) == CAP_VENDOR && head >> 24 == CFG_WINDOW)
            caps.window = at;
        at = head >> 8 & 0xfc;
    }
    return caps;
}

/* Reads the status register; false when the device has neither window nor legacy ports. */
static bool read_status(const struct function *f, const struct caps *caps, uint8_t *status)
{
    uint32_t bar0 = config_read(f, PCI_BAR0);

    if (caps->common && caps->window) {
        config_write8(f, caps->window + 4, (uint8_t)config_read(f, caps->common + 4));
        config_write(f, caps->window + 8, config_read(f, caps->common + 8) + COMMON_STATUS);
        config_write(f, caps->window + 12, 1);
        *status = (uint8_t)config_read(f, caps->window + 16);
        return true;
    }
    if ((bar0 & 1) && (config_read(f, PCI_COMMAND) & 1)) {
        *status = inb((uint16_t)((bar0 & 0xfffc) + LEGACY_STATUS));
        return true;
    }
    return false;
}

static void check_function(const struct function *f, uint32_t id)
{
    struct caps caps = find_caps(f);
    uint32_t command = config_read(f, PCI_COMMAND) & 0xffff;
    bool msix = caps.msix && (config_read(f, caps.msix) & MSIX_ENABLE);
    uint8_t status = 0;

    if (!read_status(f, &caps, &status)) {
        problem("device %x:%x.%x: its status cannot be read", f->bus, f->device, f->number);
        return;
    }
    say("device %x:%x.%x id %x status %x master %u msix %u intx-off %u", f->bus, f->device,
        f->number, id, status, !!(command & COMMAND_MASTER), msix, !!(command & COMMAND_INTX_OFF));
    if (status)
        problem("device %x:%x.%x: status is %x", f->bus, f->device, f->number, status);
    if (command & COMMAND_MASTER)
        problem("device %x:%x.%x: bus mastering is on", f->bus, f->device, f->number);
    if (msix)
        problem("device %x:%x.%x: MSI-X is on", f->bus, f->device, f->number);
    if (command & COMMAND_INTX_OFF)
        problem("device %x:%x.%x: interrupts were left disabled", f->bus, f->device, f->number);
}

void check_devices(void)
{
    unsigned found = 0;

    for (uint32_t bdf = 0; bdf < 0x10000; bdf++) {
        struct function f = {
            .address = 0x80000000u | bdf << 8,
            .bus = (uint8_t)(bdf >> 8),
            .device = bdf >> 3 & 31,
            .number = bdf & 7,
        };
        uint32_t id = config_read(&f, PCI_ID);

        if ((id & 0xffff) == 0xffff) {
            if (!f.number)
                bdf |= 7;
            continue;
        }
        if ((id & 0xffff) == VIRTIO_VENDOR && id >> 16 >= 0x1000 && id >> 16 <= 0x107f) {
            check_function(&f, id >> 16);
            found++;
        }
        if (!f.number && !(config_read(&f, PCI_HEADER) & 0x800000))
            bdf |= 7;
    }
    say("%u virtio devices", found);
}
