/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the portable part of boot/ asks of a machine, and the call that the machine makes into it. boot/x86_64/ and the
 * host tests implement it; memory_pointer() of boot/memory.h belongs to it too.
 */
#ifndef SLATE_BOOT_PLATFORM_H
#define SLATE_BOOT_PLATFORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "boot/acpi.h"
#include "boot/memory.h"

/* What the entry code has found out; everything in it stays valid until the OS is entered. */
struct platform_start {
    struct memory_map *memory; /* Slate's image, heap and page tables are marked in it */
    const char *command_line;  /* never NULL */
    uint64_t rsdp;             /* physical address of the ACPI root pointer; 0: none */
    const struct acpi *acpi;   /* what its tables say */
    const char *
        clock_source; /* where the clock's frequency comes from: "CPUID 0x15", "ACPI PM timer", ... */
    uint64_t clock_hz;
};

/* The portable program. The platform calls it once, with the machine brought up; it does not return. */
_Noreturn void boot_main(const struct platform_start *start);

/* ---- Console -------------------------------------------------------------------------------------------------- */

/* Whether there is a UART. Without one, output is dropped and there is no input. */
bool platform_has_uart(void);

/* Sends `length` bytes; a newline without a carriage return gets one. A UART that stops taking bytes is given up. */
void platform_write(const char *text, size_t length);

/* The next byte that was typed, or -1. Does not wait. */
int platform_read(void);

/* ---- Time ----------------------------------------------------------------------------------------------------- */

/* Nanoseconds since the clock was set up; never goes back. */
uint64_t platform_now_ns(void);

/* For the inside of a loop that waits. */
void platform_relax(void);

/* ---- Registers ------------------------------------------------------------------------------------------------ */

/*
 * Maps device registers: uncached, not executable, for good. NULL when the range wraps, is beyond what the CPU can
 * address, overlaps RAM, or no memory is left for page tables.
 */
volatile void *platform_map_registers(uint64_t base, uint64_t length);

/* I/O ports; `width` is 1, 2 or 4 bytes. A machine without ports reads all ones. */
uint32_t platform_port_read(uint16_t port, unsigned width);
void platform_port_write(uint16_t port, unsigned width, uint32_t value);

/*
 * PCI configuration space of segment 0 through I/O ports (the first 256 bytes), where the machine has them:
 * `bdf` is bus << 8 | device << 3 | function, `offset` a multiple of `width` (1, 2 or 4).
 */
bool platform_has_pci_ports(void);
uint32_t platform_pci_read(uint16_t bdf, uint16_t offset, unsigned width);
void platform_pci_write(uint16_t bdf, uint16_t offset, unsigned width, uint32_t value);

/* ---- Files that the host passes in (QEMU's fw_cfg) -------------------------------------------------------------- */

#define PLATFORM_FILE_NAME_MAX 56u

struct platform_file {
    char name[PLATFORM_FILE_NAME_MAX]; /* with its terminator */
    uint32_t size;                     /* bytes */
    uint16_t select;                   /* the platform's own */
};

/*
 * Lists the files whose name starts with `prefix`, in the host's order, at most `max` of them. Returns how many there
 * are, which may be more than `max`; 0 on a machine without fw_cfg.
 */
unsigned platform_files(const char *prefix, struct platform_file *out, unsigned max);

/* Reads the first `length` bytes of a file, at most its size. Returns how many bytes were read. */
size_t platform_file_read(const struct platform_file *file, void *buffer, size_t length);

/* ---- The end -------------------------------------------------------------------------------------------------- */

/* Ends the virtual machine with the value `code` (boot/error.h), or halts where the machine has no such device. */
_Noreturn void platform_exit(int code);

/*
 * For the platform's own code, before or below the console: writes "slate: error: <reason>" to the UART and calls
 * platform_exit().
 */
_Noreturn void platform_fail(int code, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * Enters a Linux kernel by the 64-bit boot protocol. All of it, `boot_params` and the command line must lie below
 * 4 GiB, in memory that is not of type SLATE. Linux' Documentation/arch/x86/boot.rst, "64-bit Boot Protocol".
 */
_Noreturn void platform_enter_linux(uint64_t entry, uint64_t boot_params);

/*
 * Enters an image by the PVH ABI: 32-bit protected mode, paging off, ebx = `start_info`. Xen's docs/misc/pvh.pandoc.
 */
_Noreturn void platform_enter_pvh(uint32_t entry, uint32_t start_info);

#endif
