/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The clock of x86: the time stamp counter, its frequency from CPUID (leaf 0x15, or a hypervisor's 0x40000010) or
 * measured once against the ACPI PM timer or the PIT. Intel SDM volume 3, 18.7; ACPI 6.5, 4.8.3.3; Intel 8254.
 */
#include "boot/acpi.h"
#include "boot/clock.h"
#include "boot/error.h"
#include "boot/platform.h"
#include "boot/x86_64/cpu.h"
#include "boot/x86_64/x86.h"

#define CPUID_TSC_RATIO         0x15u
#define CPUID_HYPERVISOR        0x40000000u
#define CPUID_HYPERVISOR_TIMING 0x40000010u
#define CPUID_1_ECX_HYPERVISOR  (1u << 31)
#define CPUID_1_EDX_TSC         (1u << 4)

#define PIT_HZ          1193182u
#define PIT_CHANNEL_2   0x42
#define PIT_COMMAND     0x43
#define PIT_2_LOHI_RATE 0xb4u /* channel 2, both bytes, mode 2: counts down and starts again */
#define PIT_2_LATCH     0x80u
#define PORT_B          0x61 /* gate of channel 2, speaker */
#define PORT_B_GATE     0x01u
#define PORT_B_SPEAKER  0x02u

static struct clock clock;

static uint64_t read_tsc(void *ctx)
{
    (void)ctx;
    return x86_rdtsc();
}

static uint32_t read_pm_port(void *ctx)
{
    const struct acpi_pm_timer *timer = (const struct acpi_pm_timer *)ctx;

    return x86_in32((uint16_t)timer->address);
}

static uint32_t read_pm_memory(void *ctx)
{
    const struct acpi_pm_timer *timer = (const struct acpi_pm_timer *)ctx;

    return *(const volatile uint32_t *)(uintptr_t)timer->address;
}

/* Counts up, as the other references do. */
static uint32_t read_pit(void *ctx)
{
    (void)ctx;
    x86_out8(PIT_COMMAND, PIT_2_LATCH);
    uint32_t low = x86_in8(PIT_CHANNEL_2);

    return ~(low | (uint32_t)x86_in8(PIT_CHANNEL_2) << 8) & 0xffff;
}

static void start_pit(void)
{
    uint8_t port_b = x86_in8(PORT_B);

    x86_out8(PORT_B, (uint8_t)((port_b & ~PORT_B_SPEAKER) | PORT_B_GATE));
    x86_out8(PIT_COMMAND, PIT_2_LOHI_RATE);
    x86_out8(PIT_CHANNEL_2, 0); /* 0x10000 */
    x86_out8(PIT_CHANNEL_2, 0);
}

/* Frequency in Hz, or 0 when CPUID does not say. */
static uint64_t hz_from_cpuid(const char **source)
{
    struct x86_cpuid basic = x86_cpuid(0);

    if (basic.eax >= CPUID_TSC_RATIO) {
        struct x86_cpuid ratio = x86_cpuid(CPUID_TSC_RATIO);

        if (ratio.eax != 0 && ratio.ebx != 0 && ratio.ecx != 0) {
            *source = "CPUID 0x15";
            return (uint64_t)ratio.ecx * ratio.ebx / ratio.eax;
        }
    }
    if ((x86_cpuid(1).ecx & CPUID_1_ECX_HYPERVISOR) != 0 &&
        x86_cpuid(CPUID_HYPERVISOR).eax >= CPUID_HYPERVISOR_TIMING &&
        x86_cpuid(CPUID_HYPERVISOR).eax <= CPUID_HYPERVISOR + 0xffffu) {
        *source = "CPUID 0x40000010";
        return (uint64_t)x86_cpuid(CPUID_HYPERVISOR_TIMING).eax * 1000;
    }
    return 0;
}

static uint64_t hz_from_pm_timer(const struct acpi_pm_timer *timer, const char **source)
{
    if (!timer->present ||
        (!timer->is_port && platform_map_registers(timer->address, sizeof(uint32_t)) == NULL)) {
        return 0;
    }
    const struct clock_reference reference = {
        .read = timer->is_port ? read_pm_port : read_pm_memory,
        .ctx = (void *)(uintptr_t)timer,
        .bits = timer->bits,
        .hz = ACPI_PM_TIMER_HZ,
    };

    *source = "ACPI PM timer";
    return clock_measure(&reference, read_tsc, NULL);
}

static uint64_t hz_from_pit(const char **source)
{
    const struct clock_reference reference = {.read = read_pit, .bits = 16, .hz = PIT_HZ};

    start_pit();
    *source = "PIT";
    return clock_measure(&reference, read_tsc, NULL);
}

void x86_clock_init(const struct acpi *acpi, const char **source, uint64_t *hz)
{
    if ((x86_cpuid(1).edx & CPUID_1_EDX_TSC) == 0) {
        platform_fail(BOOT_EXIT_PLATFORM, "the processor has no time stamp counter");
    }
    *hz = hz_from_cpuid(source);
    if (!clock_plausible(*hz)) {
        *hz = hz_from_pm_timer(&acpi->pm_timer, source);
    }
    if (!clock_plausible(*hz)) {
        *hz = hz_from_pit(source);
    }
    if (!clock_plausible(*hz)) {
        platform_fail(BOOT_EXIT_PLATFORM,
                      "no clock: CPUID names no frequency, and neither the ACPI PM timer nor the "
                      "PIT counts");
    }
    clock_start(&clock, *hz, x86_rdtsc());
}

uint64_t platform_now_ns(void)
{
    return clock_ns(&clock, x86_rdtsc());
}
