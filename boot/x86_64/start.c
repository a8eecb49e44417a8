/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The machine comes up: UART, exceptions, memory map, page tables, heap, ACPI, clock, and then the portable program.
 */
#include "boot/acpi.h"
#include "boot/diag.h"
#include "boot/error.h"
#include "boot/heap.h"
#include "boot/memory.h"
#include "boot/platform.h"
#include "boot/start_info.h"
#include "boot/x86_64/x86.h"

#define MIB        0x100000ull
#define GIB_4      0x100000000ull
#define HEAP_SIZE  (4 * MIB)
#define LOW_MEMORY MIB

static struct memory_map memory;
static struct start_info info;
static struct acpi acpi;
static struct platform_start start;

static void check(int error, const struct diag *diag)
{
    if (error != 0) {
        platform_fail(boot_error_exit(error), "%s", diag->text);
    }
}

/* Slate's own image, and the first MiB, where firmware and boot protocols have their things: nothing is put there. */
static void keep_what_is_in_use(struct diag *diag)
{
    uint64_t image = (uint64_t)(uintptr_t)image_start;
    uint64_t size = (uint64_t)(uintptr_t)image_end - image;

    check(memory_mark(&memory, 0, LOW_MEMORY, MEMORY_SLATE, diag), diag);
    if (memory_claim(&memory, image, size, MEMORY_SLATE) != 0) {
        platform_fail(BOOT_EXIT_PLATFORM,
                      "the memory map has no RAM where Slate itself is (0x%llx, %llu bytes)",
                      (unsigned long long)image, (unsigned long long)size);
    }
}

static void make_heap(struct diag *diag)
{
    uint64_t base = memory_alloc(&memory, HEAP_SIZE, 4096, LOW_MEMORY, GIB_4, MEMORY_SLATE);

    if (base == 0) {
        check(diag_fail(diag, -BOOT_E_NO_MEMORY,
                        "%llu MiB of RAM are not enough; give the machine at least 32 MiB",
                        (unsigned long long)(memory_usable(&memory) / MIB)),
              diag);
    }
    heap_init((void *)(uintptr_t)base, HEAP_SIZE);
}

_Noreturn void x86_start(uint32_t start_info)
{
    struct diag diag = {0};

    x86_uart_init();
    x86_exceptions_init();
    check(start_info_read(&info, start_info, &memory, &diag), &diag);
    if (info.modules > 0) {
        diag_note("the file given with -initrd is not used: name one on the disk (slate.initrd=)");
    }
    keep_what_is_in_use(&diag);
    check(x86_paging_init(&memory, &diag), &diag);
    make_heap(&diag);
    acpi_read(&acpi, info.rsdp);
    x86_clock_init(&acpi, &start.clock_source, &start.clock_hz);

    start.memory = &memory;
    start.command_line = info.command_line;
    start.rsdp = info.rsdp;
    start.acpi = &acpi;
    boot_main(&start);
}
