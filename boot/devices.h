/* SPDX-License-Identifier: BSD-2-Clause */
/* The virtio devices of this machine: finding and resetting them all, claiming those that a boot uses. */
#ifndef SLATE_BOOT_DEVICES_H
#define SLATE_BOOT_DEVICES_H

#include "boot/pci.h"
#include "drivers/blk.h"
#include "drivers/console.h"
#include "virtio/virtio.h"

struct diag;
struct memory_map;
struct settings;

struct boot_device {
    struct virtio_device virtio;
    struct virtio_env env;
    struct pci_function pci;
    union {
        struct virtio_blk blk;
        struct virtio_console console;
    } driver;
};

struct devices {
    struct virtio_bus bus;
    struct pci pci;
    struct memory_map *memory;
    struct boot_device **device; /* in the order of discovery; each stays where it is */
    unsigned count;
};

/*
 * Finds every virtio function, resets and acknowledges it, and says one line about each. A device that is STUCK stays
 * in the list. `settings` supplies the deadlines.
 * Errors: -BOOT_E_PLATFORM (no PCI), -BOOT_E_NO_MEMORY.
 */
int devices_discover(struct devices *devices, const struct acpi *acpi, struct memory_map *memory,
                     const struct settings *settings, struct diag *diag);

/* Claims every console and makes it one of Slate's. A console that fails is said so, and does without. */
void devices_claim_consoles(struct devices *devices);

/* Claims a block device, unless it has been claimed already. Errors: those of virtio_claim(), -BOOT_E_NO_MEMORY. */
int devices_claim_disk(struct devices *devices, struct boot_device *device, struct diag *diag);

/*
 * Takes all memory that STUCK devices may still write out of what Slate allocates and what the OS is told is usable.
 * Errors: -BOOT_E_PLATFORM (the memory map is full).
 */
int devices_quarantine(struct devices *devices, struct diag *diag);

#endif
