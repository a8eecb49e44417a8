/* SPDX-License-Identifier: BSD-2-Clause */
/* The small rest of boot/platform.h on x86_64: ports, PCI by ports, the ends of the machine. */
#include "boot/platform.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "boot/x86_64/cpu.h"
#include "boot/x86_64/x86.h"

#define PORT_EXIT   0xf4 /* isa-debug-exit */
#define PCI_ADDRESS 0xcf8
#define PCI_DATA    0xcfc
#define PCI_ENABLE  0x80000000u

void platform_relax(void)
{
    x86_pause();
}

uint32_t platform_port_read(uint16_t port, unsigned width)
{
    switch (width) {
    case 1:
        return x86_in8(port);
    case 2:
        return x86_in16(port);
    default:
        return x86_in32(port);
    }
}

void platform_port_write(uint16_t port, unsigned width, uint32_t value)
{
    switch (width) {
    case 1:
        x86_out8(port, (uint8_t)value);
        break;
    case 2:
        x86_out16(port, (uint16_t)value);
        break;
    default:
        x86_out32(port, value);
    }
}

/* The address register holds what was written to it, if there is one (PCI 3.0, 3.2.2.3.2). */
bool platform_has_pci_ports(void)
{
    x86_out32(PCI_ADDRESS, PCI_ENABLE);
    return x86_in32(PCI_ADDRESS) == PCI_ENABLE;
}

static uint16_t select_pci(uint16_t bdf, uint16_t offset)
{
    x86_out32(PCI_ADDRESS, PCI_ENABLE | (uint32_t)bdf << 8 | (offset & 0xfcu));
    return (uint16_t)(PCI_DATA + (offset & 3u));
}

uint32_t platform_pci_read(uint16_t bdf, uint16_t offset, unsigned width)
{
    return platform_port_read(select_pci(bdf, offset), width);
}

void platform_pci_write(uint16_t bdf, uint16_t offset, unsigned width, uint32_t value)
{
    platform_port_write(select_pci(bdf, offset), width, value);
}

_Noreturn void platform_exit(int code)
{
    x86_uart_drain();
    x86_out8(PORT_EXIT, (uint8_t)code);
    x86_halt();
}

_Noreturn void platform_fail(int code, const char *format, ...)
{
    static char line[512];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    platform_write("slate: error: ", strlen("slate: error: "));
    platform_write(line, strlen(line));
    platform_write("\n", 1);
    platform_exit(code);
}

_Noreturn void platform_enter_linux(uint64_t entry, uint64_t boot_params)
{
    x86_uart_drain();
    x86_enter_linux(entry, boot_params);
}

_Noreturn void platform_enter_pvh(uint32_t entry, uint32_t start_info)
{
    x86_uart_drain();
    x86_enter_pvh(entry, start_info);
}
