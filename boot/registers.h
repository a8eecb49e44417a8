/* SPDX-License-Identifier: BSD-2-Clause */
/* Device registers in memory: exactly one access of the width asked for. */
#ifndef SLATE_BOOT_REGISTERS_H
#define SLATE_BOOT_REGISTERS_H

#include <stdint.h>

/* `width` is 1, 2 or 4 bytes. Registers of PCI are little-endian, and so are the CPUs that this runs on. */
static inline uint32_t register_read(const volatile uint8_t *p, unsigned width)
{
    switch (width) {
    case 1:
        return *p;
    case 2:
        return *(const volatile uint16_t *)p;
    default:
        return *(const volatile uint32_t *)p;
    }
}

static inline void register_write(volatile uint8_t *p, unsigned width, uint32_t value)
{
    switch (width) {
    case 1:
        *p = (uint8_t)value;
        break;
    case 2:
        *(volatile uint16_t *)p = (uint16_t)value;
        break;
    default:
        *(volatile uint32_t *)p = value;
        break;
    }
}

#endif
