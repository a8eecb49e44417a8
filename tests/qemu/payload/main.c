/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A small OS in Linux's place: it looks at all that its loader passed (command line, initrd, memory
 * map, ACPI) and at every virtio device, says what it finds over the UART, and exits the virtual
 * machine with its verdict.
 */
#include <stdarg.h>
#include <stddef.h>

#include "payload.h"

enum {
    VERDICT_OK = 0x70,
    VERDICT_FAILED = 0x71
}; /* isa-debug-exit: apart from every code of Slate's */
enum { PROTOCOL_PVH, PROTOCOL_LINUX32, PROTOCOL_LINUX64 };
enum { RAM = 1 };
enum { FLAGS_INTERRUPT = 1 << 9, CR0_PROTECTED = 1 };
#define CR0_PAGING 0x80000000u

/* The processor at entry; start.S knows the layout. */
struct entry_state {
    uint32_t protocol, info, flags, cr0;
    uint16_t cs, ds, es, ss; /* these and `loaded`: 64-bit entry only */
    uint32_t loaded;
};

struct entry_state entry_state __attribute__((section(".data"))) = {0};
extern const char image_start[], memory_end[];

static unsigned problems __attribute__((section(".data"))) = 0;
static struct handover handover __attribute__((section(".data"))) = {0};
static volatile uint8_t zeroed_by_loader[8192];

void payload_main(void);
void *memset(void *to, int value, size_t length);

/* gcc makes calls of these even without a library. */
void *memset(void *to, int value, size_t length)
{
    for (size_t at = 0; at < length; at++)
        ((uint8_t *)to)[at] = (uint8_t)value;
    return to;
}

static void put(char c)
{
    while (!(inb(0x3fd) & 0x20))
        ;
    outb(0x3f8, (uint8_t)c);
}

static void put_hex(uint64_t value)
{
    int shift = 60;

    while (shift && !(value >> shift))
        shift -= 4;
    for (; shift >= 0; shift -= 4)
        put("0123456789abcdef"[value >> shift & 15]);
}

static void put_decimal(unsigned value)
{
    if (value >= 10)
        put_decimal(value / 10);
    put((char)('0' + value % 10));
}

static void vsay(const char *format, va_list args)
{
    for (; *format; format++) {
        if (*format != '%') {
            put(*format);
            continue;
        }
        switch (*++format) {
        case 's':
            for (const char *s = va_arg(args, const char *); *s; s++)
                put(*s);
            break;
        case 'u':
            put_decimal(va_arg(args, unsigned));
            break;
        case 'x':
            put_hex(va_arg(args, unsigned));
            break;
        case 'X':
            put_hex(va_arg(args, uint64_t));
            break;
        default:
            put(*format);
        }
    }
    put('\r');
    put('\n');
}

static void put_start(const char *text)
{
    while (*text)
        put(*text++);
}

void say(const char *format, ...)
{
    va_list args;

    put_start("payload: ");
    va_start(args, format);
    vsay(format, args);
    va_end(args);
}

void problem(const char *format, ...)
{
    va_list args;

    problems++;
    put_start("payload: problem: ");
    va_start(args, format);
    vsay(format, args);
    va_end(args);
}

/* The CRC-32 of zlib and of Ethernet, so that the test can compare. */
static uint32_t crc32(const uint8_t *data, uint32_t length)
{
    uint32_t crc = ~0u;

    for (uint32_t at = 0; at < length; at++) {
        crc ^= data[at];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
    }
    return ~crc;
}

/* Whether all of it is inside RAM that the memory map gives to the OS, and below 4 GiB. */
static bool in_ram(uint64_t base, uint64_t size)
{
    for (unsigned i = 0; i < handover.ranges; i++) {
        uint64_t start = handover.memory[i].base;
        uint64_t length = handover.memory[i].size;

        if (handover.memory[i].type == RAM && base >= start && size <= length &&
            base - start <= length - size)
            return base + size <= 1ull << 32;
    }
    return false;
}

static void check_memory(void)
{
    for (unsigned i = 0; i < handover.ranges; i++) {
        uint64_t base = handover.memory[i].base;
        uint64_t size = handover.memory[i].size;

        say("memory %X size %X type %u", base, size, handover.memory[i].type);
        if (!size || base + size < base)
            problem("memory range %u is empty or wraps", i);
        for (unsigned j = 0; j < i; j++) {
            uint64_t other = handover.memory[j].base;

            if (base < other + handover.memory[j].size && other < base + size)
                problem("memory ranges %u and %u overlap", j, i);
        }
    }
    if (!in_ram((uintptr_t)image_start, (uintptr_t)memory_end - (uintptr_t)image_start))
        problem("the payload itself is not in RAM of the memory map");
}

static void check_command_line(void)
{
    const char *text = (const char *)(uintptr_t)handover.command_line;

    if (!text) {
        say("command line none");
        return;
    }
    if (!in_ram(handover.command_line, 1))
        problem("the command line at %X is not in RAM of the memory map", handover.command_line);
    say("command line [%s]", text);
}

static void check_modules(void)
{
    for (unsigned i = 0; i < handover.modules; i++) {
        uint64_t base = handover.module[i].base;
        uint64_t size = handover.module[i].size;

        if (!in_ram(base, size))
            problem("module %u at %X size %X is not in RAM of the memory map", i, base, size);
        else if (base < (uintptr_t)memory_end && base + size > (uintptr_t)image_start)
            problem("module %u at %X size %X overlaps the payload", i, base, size);
        else
            say("module %u size %x crc32 %x", i, (unsigned)size,
                crc32((const uint8_t *)(uintptr_t)base, (uint32_t)size));
    }
}

static void check_rsdp(void)
{
    const uint8_t *rsdp = (const uint8_t *)(uintptr_t)handover.rsdp;
    uint8_t sum = 0;

    if (!rsdp) {
        problem("no ACPI RSDP was passed");
        return;
    }
    for (unsigned i = 0; i < 20; i++)
        sum = (uint8_t)(sum + rsdp[i]);
    if (sum || rsdp[0] != 'R' || rsdp[1] != 'S' || rsdp[2] != 'D' || rsdp[7] != ' ')
        problem("there is no ACPI RSDP at %X", handover.rsdp);
    else
        say("rsdp %X", handover.rsdp);
}

static void check_processor(void)
{
    const struct entry_state *e = &entry_state;

    if (e->flags & FLAGS_INTERRUPT)
        problem("interrupts are enabled at entry");
    if (!(e->cr0 & CR0_PROTECTED) || !!(e->cr0 & CR0_PAGING) != (e->protocol == PROTOCOL_LINUX64))
        problem("cr0 is %x at entry", e->cr0);
    if (e->protocol == PROTOCOL_LINUX64 &&
        (e->cs != 0x10 || e->ds != 0x18 || e->es != 0x18 || e->ss != 0x18))
        problem("segments are %x %x %x %x at entry: the protocol says 10 18 18 18", e->cs, e->ds,
                e->es, e->ss);
    if (e->protocol != PROTOCOL_PVH)
        return;
    for (unsigned i = 0; i < sizeof(zeroed_by_loader); i++) {
        if (zeroed_by_loader[i]) {
            problem("the loader did not zero what the ELF file does not hold");
            return;
        }
    }
}

void payload_main(void)
{
    if (entry_state.protocol == PROTOCOL_PVH)
        read_pvh(entry_state.info, &handover);
    else
        read_linux(entry_state.info, &handover);
    say("entered by %s, %s", handover.protocol,
        entry_state.protocol == PROTOCOL_LINUX64 ? "64 bits" : "32 bits");
    if (entry_state.protocol == PROTOCOL_LINUX64)
        say("loaded at %x", entry_state.loaded);
    check_processor();
    check_command_line();
    check_memory();
    check_modules();
    check_rsdp();
    check_devices();
    say("verdict %s, %u problems", problems ? "failed" : "ok", problems);
    outb(0xf4, problems ? VERDICT_FAILED : VERDICT_OK);
    for (;;)
        __asm__ volatile("hlt");
}
