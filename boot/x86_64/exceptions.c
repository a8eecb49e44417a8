/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CPU exceptions: none is expected, each is reported in one line and ends the machine. Interrupts stay off; every
 * exception runs on a stack of its own, so that an overflow of the main one is reported too.
 * Intel SDM volume 3, chapters 6 and 8.
 */
#include <string.h>

#include "boot/error.h"
#include "boot/platform.h"
#include "boot/x86_64/x86.h"

#define VECTORS         32u
#define VECTOR_DISTANCE 16u /* bytes; vectors.S */
#define VECTOR_PF       14u
#define TSS_SELECTOR    0x20u
#define CODE_SELECTOR   0x10u
#define GATE_INTERRUPT  0x8eu /* present, 64-bit interrupt gate */
#define TSS_AVAILABLE   0x89u

struct gate {
    uint16_t offset_low;
    uint16_t selector;
    uint8_t ist;
    uint8_t type;
    uint16_t offset_middle;
    uint32_t offset_high;
    uint32_t zero;
};
_Static_assert(sizeof(struct gate) == 16, "IDT gate");

struct tss {
    uint32_t reserved0;
    uint64_t rsp[3];
    uint64_t reserved1;
    uint64_t ist[7];
    uint64_t reserved2;
    uint16_t reserved3;
    uint16_t io_map;
} __attribute__((packed));
_Static_assert(sizeof(struct tss) == 104, "task state segment");

struct table_pointer {
    uint16_t limit;
    uint64_t base;
} __attribute__((packed));

/* What vectors.S and the CPU leave on the stack. */
struct frame {
    uint64_t vector, error;
    uint64_t rip, cs, rflags, rsp, ss;
};

extern const char x86_vectors[];
_Noreturn void x86_exception(const struct frame *frame, uint64_t cr2);

static struct gate idt[VECTORS];
static struct tss tss;

static const char *const names[VECTORS] = {
    [0] = "divide error",
    [1] = "debug",
    [2] = "NMI",
    [3] = "breakpoint",
    [4] = "overflow",
    [5] = "bound range",
    [6] = "invalid opcode",
    [7] = "device not available",
    [8] = "double fault",
    [10] = "invalid TSS",
    [11] = "segment not present",
    [12] = "stack fault",
    [13] = "general protection",
    [VECTOR_PF] = "page fault",
    [16] = "x87 error",
    [17] = "alignment check",
    [18] = "machine check",
    [19] = "SIMD error",
};

_Noreturn void x86_exception(const struct frame *frame, uint64_t cr2)
{
    const char *name = names[frame->vector % VECTORS];
    uint64_t guard = (uint64_t)(uintptr_t)stack_guard;
    bool overflow = cr2 >= guard && cr2 < (uint64_t)(uintptr_t)stack_bottom;

    platform_fail(
        BOOT_EXIT_EXCEPTION, "CPU exception %u (%s%s), error code 0x%llx, rip 0x%llx, cr2 0x%llx",
        (unsigned)frame->vector, name != NULL ? name : "reserved",
        frame->vector == VECTOR_PF && overflow ? ": the stack is full" : "",
        (unsigned long long)frame->error, (unsigned long long)frame->rip, (unsigned long long)cr2);
}

void x86_exceptions_init(void)
{
    for (unsigned i = 0; i < VECTORS; i++) {
        uint64_t handler = (uint64_t)(uintptr_t)x86_vectors + (uint64_t)i * VECTOR_DISTANCE;

        idt[i] = (struct gate){
            .offset_low = (uint16_t)handler,
            .offset_middle = (uint16_t)(handler >> 16),
            .offset_high = (uint32_t)(handler >> 32),
            .selector = CODE_SELECTOR,
            .ist = 1,
            .type = GATE_INTERRUPT,
        };
    }
    struct table_pointer pointer = {sizeof(idt) - 1, (uint64_t)(uintptr_t)idt};
    __asm__ volatile("lidt %0" : : "m"(pointer));

    memset(&tss, 0, sizeof(tss));
    tss.ist[0] = (uint64_t)(uintptr_t)exception_stack_top;
    tss.io_map = sizeof(tss);
    uint64_t base = (uint64_t)(uintptr_t)&tss;
    gdt[TSS_SELECTOR / 8] = (sizeof(tss) - 1) | (base & 0xffffff) << 16 |
                            (uint64_t)TSS_AVAILABLE << 40 | (base >> 24 & 0xff) << 56;
    gdt[TSS_SELECTOR / 8 + 1] = base >> 32;
    __asm__ volatile("ltr %w0" : : "r"(TSS_SELECTOR));
}
