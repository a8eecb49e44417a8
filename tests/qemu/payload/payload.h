/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the parts of the payload share: ports, output, verdict. The payload uses nothing of Slate's
 * own code.
 */
#ifndef PAYLOAD_H
#define PAYLOAD_H

#include <stdbool.h>
#include <stdint.h>

static inline void outb(uint16_t port, uint8_t value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static inline uint8_t inb(uint16_t port)
{
    uint8_t value;

    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline void outl(uint16_t port, uint32_t value)
{
    __asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}

static inline uint32_t inl(uint16_t port)
{
    uint32_t value;

    __asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

/*
 * Writes a line to the UART. Knows %s, %u (unsigned, decimal), %x (unsigned) and %X (uint64_t) in
 * hexadecimal.
 */
void say(const char *format, ...);

/* The same behind "problem: "; the verdict will be a failure. */
void problem(const char *format, ...);

/*
 * Says what state every virtio device is in, and complains unless it is freshly reset and silent
 * (devices.c).
 */
void check_devices(void);

/* What the loader passed, whichever protocol it used. Addresses are physical; 0 is "none". */
struct handover {
    const char *protocol;
    uint64_t command_line, rsdp;
    struct {
        uint64_t base, size;
    } module[8];
    unsigned modules;
    struct {
        uint64_t base, size;
        uint32_t type;
    } memory[128];
    unsigned ranges;
};

/*
 * Reads the loader's structure at `info`; they complain about what their protocol forbids
 * (protocols.c).
 */
void read_pvh(uint32_t info, struct handover *h);
void read_linux(uint32_t info, struct handover *h);

#endif
