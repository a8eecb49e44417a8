/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The two things Slate wants from ACPI: where PCI configuration space is mapped (MCFG) and where a timer of known
 * frequency is (FADT). ACPI 6.5, 5.2; PCI Firmware 3.3, 4.1.2.
 */
#ifndef SLATE_BOOT_ACPI_H
#define SLATE_BOOT_ACPI_H

#include <stdbool.h>
#include <stdint.h>

#define ACPI_ECAM_MAX 16u

/* One window of PCI configuration space: 1 MiB a bus, bus 0 of the segment at `base`. */
struct acpi_ecam {
    uint64_t base;
    uint16_t segment;
    uint8_t first_bus;
    uint8_t last_bus;
};

#define ACPI_PM_TIMER_HZ 3579545u

/* The PM timer, counting up at ACPI_PM_TIMER_HZ. */
struct acpi_pm_timer {
    bool present;
    bool is_port; /* at I/O port `address`, otherwise in memory */
    uint64_t address;
    unsigned bits; /* 24 or 32 */
};

struct acpi {
    struct acpi_ecam ecam[ACPI_ECAM_MAX];
    unsigned ecams;
    struct acpi_pm_timer pm_timer;
};

/*
 * Reads the tables that the root pointer at physical address `rsdp` (0: none) leads to, through memory_pointer().
 * What is damaged is skipped with a diag_note(), what is not found stays zero: a machine without ACPI boots too.
 */
void acpi_read(struct acpi *acpi, uint64_t rsdp);

#endif
