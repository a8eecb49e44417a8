/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of boot/x86_64/ offer each other; the portable code sees boot/platform.h only. */
#ifndef SLATE_BOOT_X86_64_X86_H
#define SLATE_BOOT_X86_64_X86_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct acpi;
struct diag;
struct memory_map;

/* The image's bounds, from linker/x86_64-pvh.ld. All are page-aligned. */
extern char image_start[], image_end[];
extern char text_start[], text_end[];
extern char rodata_start[], rodata_end[];
extern char data_start[], data_end[];
extern char stack_guard[], stack_bottom[];
extern char exception_stack_top[];

/* entry.S */
extern uint64_t gdt[];
extern char early_pml4[];

/* start.c: called once by entry.S with the physical address of the PVH start info. */
_Noreturn void x86_start(uint32_t start_info);

/* handover.S; see platform_enter_linux() and platform_enter_pvh(). */
_Noreturn void x86_enter_linux(uint64_t entry, uint64_t boot_params);
_Noreturn void x86_enter_pvh(uint32_t entry, uint32_t start_info);

/* exceptions.c: from here on a CPU exception ends in one line and exit code 0x22. */
void x86_exceptions_init(void);

/* uart.c: looks for the UART at 0x3f8 and sets it up. */
void x86_uart_init(void);

/* uart.c: waits, with a bound, until everything sent has left the UART. */
void x86_uart_drain(void);

/*
 * paging.c: replaces the early page tables by ones that give each part of the image its rights, map the RAM of `map`
 * without execution, and leave page 0 and the stack's guard out. Page tables come from `map`, which must stay.
 * Errors: -BOOT_E_NO_MEMORY.
 */
int x86_paging_init(struct memory_map *map, struct diag *diag);

enum x86_cache {
    X86_CACHED,   /* RAM and tables that firmware left in it: read only unless it is RAM already */
    X86_UNCACHED, /* device registers */
};

/*
 * paging.c: maps [base, base + length) one to one, unless it is mapped already with the same caching; any alignment.
 * Returns false when the range wraps, contains page 0 or goes beyond what the CPU can address, when a part of it is
 * mapped with other caching, or when no memory is left for page tables.
 */
bool x86_map(uint64_t base, uint64_t length, enum x86_cache cache);

/* timer.c: sets the clock up, from CPUID or by measuring against a timer of `acpi` or the PIT. */
void x86_clock_init(const struct acpi *acpi, const char **source, uint64_t *hz);

#endif
