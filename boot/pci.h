/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PCI: every function on every bus, its configuration space and its BARs, and the registers of a function as the
 * virtio core wants them. PCI Local Bus 3.0, chapter 6; PCI-to-PCI Bridge 1.2; PCI Express Base 5.0, 7.2.2 (ECAM).
 */
#ifndef SLATE_BOOT_PCI_H
#define SLATE_BOOT_PCI_H

#include <stdbool.h>
#include <stdint.h>

#include "boot/acpi.h"
#include "virtio/virtio.h"

struct diag;

#define PCI_BARS     6u
#define PCI_NAME_MAX 16u

struct pci_address {
    uint16_t segment;
    uint8_t bus;
    uint8_t device;   /* 0 to 31 */
    uint8_t function; /* 0 to 7 */
};

/* Configuration space of some buses of a segment, mapped. */
struct pci_window {
    uint16_t segment;
    uint8_t first_bus;
    uint8_t last_bus;
    volatile uint8_t *registers; /* of device 0, function 0 on first_bus; 4096 bytes a function */
};

/* How this machine's configuration space is reached. */
struct pci {
    struct pci_window window[ACPI_ECAM_MAX];
    unsigned windows;
    bool ports; /* segment 0 is reached by I/O ports where no window has it */
};

enum pci_bar_type {
    PCI_BAR_NONE, /* not there, or not usable */
    PCI_BAR_PORTS,
    PCI_BAR_MEMORY,
};

struct pci_bar {
    enum pci_bar_type type;
    uint64_t address;            /* port, or physical address; 0: not assigned */
    uint64_t size;               /* bytes, as the function decodes */
    uint64_t reach;              /* bytes that can be accessed from here: 0, or up to `size` */
    volatile uint8_t *registers; /* memory BARs with reach: mapped */
};

struct pci_function {
    const struct pci *pci;
    struct pci_address address;
    char name[PCI_NAME_MAX]; /* "00:03.0", with "0001:" in front in segments other than 0 */
    uint16_t vendor;
    uint16_t device;
    uint32_t class_code; /* 24 bits: class, subclass, interface */
    bool bridge;
    struct pci_bar bar[PCI_BARS]; /* after pci_map_bars() */
};

/* Finds out how configuration space is reached: the windows of MCFG that work, else I/O ports. */
void pci_init(struct pci *pci, const struct acpi *acpi);

/*
 * Finds every function, behind bridges as firmware has set them up and on further root buses, in order of segment and
 * (nearly always) bus. At most `max` are written to `out`; they refer to `pci`, which must stay. Writes nothing to any
 * device. Returns their number, or -BOOT_E_PLATFORM when there are more than `max`, or no PCI at all.
 */
int pci_scan(const struct pci *pci, struct pci_function *out, unsigned max, struct diag *diag);

/*
 * Configuration space: `width` is 1, 2 or 4 and divides `offset`. What cannot be reached reads all ones; writes to it
 * are dropped.
 */
uint32_t pci_read(const struct pci_function *function, unsigned offset, unsigned width);
void pci_write(const struct pci_function *function, unsigned offset, unsigned width,
               uint32_t value);

/* Bytes of configuration space that can be reached: 256 or 4096. */
unsigned pci_config_size(const struct pci_function *function);

/*
 * Reads the function's BARs, measures them (decoding is off meanwhile; all values are put back) and maps the memory
 * ones. A BAR that makes no sense, or has no address, keeps reach 0.
 */
void pci_map_bars(struct pci_function *function);

/* The registers of a function for virtio_pci_init(): `io_ctx` is the struct pci_function, after pci_map_bars(). */
extern const struct virtio_io pci_virtio_io;

#endif
