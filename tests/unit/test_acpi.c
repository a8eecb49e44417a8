/* SPDX-License-Identifier: BSD-2-Clause */
/* ACPI tables as firmware leaves them, and as it should not: what is sound is found, what is damaged is skipped. */
#include "boot/acpi.h"
#include "tests/unit/support/notes.h"
#include "tests/unit/support/physical.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define RSDP (PHYSICAL_BASE + 0x0f0)
#define ROOT (PHYSICAL_BASE + 0x1000)
#define MCFG (PHYSICAL_BASE + 0x2000)
#define FADT (PHYSICAL_BASE + 0x3000)
#define DSDT (PHYSICAL_BASE + 0x4000)

#define FADT_LENGTH 276u

static struct acpi acpi;

/* Makes the bytes sum to 0 by the one at `at`. */
static void seal(uint64_t address, uint32_t length, unsigned at)
{
    uint8_t sum = 0;

    *physical_at(address + at) = 0;
    for (uint32_t i = 0; i < length; i++)
        sum = (uint8_t)(sum + *physical_at(address + i));
    *physical_at(address + at) = (uint8_t)-sum;
}

static void seal_table(uint64_t address, uint32_t length)
{
    physical_put(address + 4, 4, length);
    seal(address, length, 9);
}

static void put_table(uint64_t address, const char *signature, uint32_t length)
{
    memcpy(physical_at(address), signature, 4);
    seal_table(address, length);
}

static void put_mcfg(unsigned index, uint64_t base, unsigned segment, unsigned first, unsigned last)
{
    uint64_t entry = MCFG + 44 + 16 * index;

    physical_put(entry, 8, base);
    physical_put(entry + 8, 2, segment);
    physical_put(entry + 10, 1, first);
    physical_put(entry + 11, 1, last);
    put_table(MCFG, "MCFG", 44 + 16 * (index + 1));
}

static void put_rsdp(unsigned revision, uint32_t rsdt, uint64_t xsdt)
{
    memcpy(physical_at(RSDP), "RSD PTR ", 8);
    physical_put(RSDP + 15, 1, revision);
    physical_put(RSDP + 16, 4, rsdt);
    physical_put(RSDP + 20, 4, 36);
    physical_put(RSDP + 24, 8, xsdt);
    seal(RSDP, 20, 8);
    seal(RSDP, 36, 32);
}

/* A machine as QEMU's q35 describes itself: ECAM at 0xb0000000, the timer at port 0x608. */
static int set_up(void **state)
{
    (void)state;
    physical_clear();
    notes_clear();
    put_mcfg(0, 0xb0000000, 0, 0, 255);
    physical_put(FADT + 76, 4, 0x608);
    physical_put(FADT + 91, 1, 4);
    physical_put(FADT + 208, 1, 1); /* I/O space */
    physical_put(FADT + 209, 1, 32);
    physical_put(FADT + 212, 8, 0x608);
    put_table(FADT, "FACP", FADT_LENGTH);
    put_table(DSDT, "DSDT", 36);
    physical_put(ROOT + 36, 8, DSDT);
    physical_put(ROOT + 44, 8, FADT);
    physical_put(ROOT + 52, 8, MCFG);
    put_table(ROOT, "XSDT", 60);
    put_rsdp(2, 0, ROOT);
    return 0;
}

/* Replaces the XSDT by an RSDT. */
static void use_rsdt(void)
{
    memset(physical_at(ROOT), 0, 0x100);
    physical_put(ROOT + 36, 4, DSDT);
    physical_put(ROOT + 40, 4, FADT);
    physical_put(ROOT + 44, 4, MCFG);
    put_table(ROOT, "RSDT", 48);
}

static void check_found(void)
{
    acpi_read(&acpi, RSDP);
    assert_int_equal(acpi.ecams, 1);
    assert_int_equal(acpi.ecam[0].base, 0xb0000000);
    assert_int_equal(acpi.ecam[0].segment, 0);
    assert_int_equal(acpi.ecam[0].first_bus, 0);
    assert_int_equal(acpi.ecam[0].last_bus, 255);
    assert_true(acpi.pm_timer.present);
    assert_true(acpi.pm_timer.is_port);
    assert_int_equal(acpi.pm_timer.address, 0x608);
    assert_int_equal(acpi.pm_timer.bits, 24);
}

static void check_nothing_found(void)
{
    acpi_read(&acpi, RSDP);
    assert_int_equal(acpi.ecams, 0);
    assert_false(acpi.pm_timer.present);
}

static void windows_and_timer_are_found_through_the_xsdt(void **state)
{
    (void)state;
    check_found();
    assert_int_equal(notes_count(), 0);
}

static void windows_and_timer_are_found_through_the_rsdt_of_acpi_1(void **state)
{
    (void)state;
    use_rsdt();
    put_rsdp(0, (uint32_t)ROOT, 0xffffffffffffffff);
    check_found();
    assert_int_equal(notes_count(), 0);
}

static void the_rsdt_serves_when_the_xsdt_pointer_is_damaged(void **state)
{
    (void)state;
    use_rsdt();
    put_rsdp(2, (uint32_t)ROOT, ROOT);
    *physical_at(RSDP + 33) ^= 1; /* breaks the sum over 36 bytes, not the one over 20 */
    check_found();
}

static void a_machine_without_acpi_has_nothing_and_no_complaint(void **state)
{
    (void)state;
    memset(&acpi, 0xff, sizeof(acpi));
    acpi_read(&acpi, 0);
    assert_int_equal(acpi.ecams, 0);
    assert_false(acpi.pm_timer.present);
    assert_int_equal(notes_count(), 0);
}

static void a_root_pointer_that_is_not_one_is_noted(void **state)
{
    (void)state;
    physical_put(RSDP, 1, 'X');
    seal(RSDP, 20, 8);
    check_nothing_found();
    assert_non_null(strstr(notes_text(), "no valid root pointer"));
    set_up(NULL);
    *physical_at(RSDP + 10) ^= 1;
    check_nothing_found();
    assert_int_equal(notes_count(), 1);
    notes_clear();
    acpi_read(&acpi, 0xfffffffffffffff0);
    assert_int_equal(notes_count(), 1);
}

static void a_damaged_table_of_tables_is_noted(void **state)
{
    (void)state;
    *physical_at(ROOT + 50) ^= 0x40;
    check_nothing_found();
    assert_non_null(strstr(notes_text(), "XSDT"));
}

static void a_damaged_table_costs_only_itself(void **state)
{
    (void)state;
    *physical_at(MCFG + 47) ^= 1;
    acpi_read(&acpi, RSDP);
    assert_int_equal(acpi.ecams, 0);
    assert_true(acpi.pm_timer.present);
    assert_non_null(strstr(notes_text(), "MCFG"));
}

static void lengths_that_cannot_be_are_refused(void **state)
{
    static const uint32_t lengths[] = {0, 1, 35, 0x100001, 0x80000000, 0xffffffff};

    (void)state;
    for (unsigned i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        set_up(NULL);
        physical_put(MCFG + 4, 4, lengths[i]);
        acpi_read(&acpi, RSDP);
        assert_int_equal(acpi.ecams, 0);
        assert_true(acpi.pm_timer.present);
        assert_int_equal(notes_count(), 1);
        assert_non_null(strstr(notes_text(), "length"));
    }
    /* A table that runs out of what can be reached. */
    set_up(NULL);
    physical_put(MCFG + 4, 4, 0x40000);
    acpi_read(&acpi, RSDP);
    assert_int_equal(acpi.ecams, 0);
}

static void tables_that_end_early_have_what_is_inside_them(void **state)
{
    (void)state;
    for (uint32_t length = 36; length < 60; length++) {
        set_up(NULL);
        seal_table(MCFG, length);
        acpi_read(&acpi, RSDP);
        assert_int_equal(acpi.ecams, 0);
    }
    for (uint32_t length = 36; length < FADT_LENGTH; length++) {
        set_up(NULL);
        physical_put(FADT + 212, 8, 0x708);
        seal_table(FADT, length);
        acpi_read(&acpi, RSDP);
        assert_int_equal(acpi.pm_timer.present, length >= 116);
        if (length >= 116)
            assert_int_equal(acpi.pm_timer.address, length >= 220 ? 0x708 : 0x608);
    }
}

static void windows_that_cannot_be_are_left_out(void **state)
{
    (void)state;
    put_mcfg(0, 0, 0, 0, 255);                  /* no address */
    put_mcfg(1, 0xb0000800, 0, 0, 255);         /* not aligned */
    put_mcfg(2, 0xb0000000, 0, 9, 8);           /* ends before it starts */
    put_mcfg(3, 0xfffffffffff00000, 0, 0, 255); /* wraps */
    put_mcfg(4, 0xe0000000, 3, 16, 31);
    acpi_read(&acpi, RSDP);
    assert_int_equal(acpi.ecams, 1);
    assert_int_equal(acpi.ecam[0].segment, 3);
    assert_int_equal(acpi.ecam[0].first_bus, 16);
    assert_int_equal(acpi.ecam[0].last_bus, 31);
    assert_int_equal(notes_count(), 4);
}

static void more_windows_than_there_is_room_for_are_noted(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ACPI_ECAM_MAX + 3; i++)
        put_mcfg(i, 0xb0000000, i, 0, 255);
    acpi_read(&acpi, RSDP);
    assert_int_equal(acpi.ecams, ACPI_ECAM_MAX);
    assert_int_equal(notes_count(), 1);
}

static void pointers_that_lead_nowhere_are_passed_over(void **state)
{
    (void)state;
    physical_put(ROOT + 36, 8, 0xffffffffffffffff);
    physical_put(ROOT + 60, 8, ROOT); /* itself */
    physical_put(ROOT + 68, 8, PHYSICAL_BASE + PHYSICAL_SIZE - 4);
    put_table(ROOT, "XSDT", 76);
    check_found();
}

static void an_endless_table_of_tables_is_not_read_to_its_end(void **state)
{
    (void)state;
    memset(physical_at(ROOT), 0, 0x20000);
    put_table(ROOT, "XSDT", 0x20000 - 0x20);
    physical_calls = 0;
    check_nothing_found();
    assert_in_range(physical_calls, 1, 1024);
}

static void the_timer_may_be_32_bits_wide_or_in_memory(void **state)
{
    (void)state;
    physical_put(FADT + 112, 4, 1u << 8);
    physical_put(FADT + 208, 1, 0);
    physical_put(FADT + 212, 8, 0xfed80808);
    seal_table(FADT, FADT_LENGTH);
    acpi_read(&acpi, RSDP);
    assert_true(acpi.pm_timer.present);
    assert_false(acpi.pm_timer.is_port);
    assert_int_equal(acpi.pm_timer.bits, 32);
    assert_int_equal(acpi.pm_timer.address, 0xfed80808);
}

static void a_timer_at_an_impossible_place_is_not_used(void **state)
{
    (void)state;
    physical_put(FADT + 212, 8, 0x10608); /* beyond the last port; the older field is right */
    seal_table(FADT, FADT_LENGTH);
    acpi_read(&acpi, RSDP);
    assert_int_equal(acpi.pm_timer.address, 0x608);

    physical_put(FADT + 208, 1, 2); /* PCI configuration space */
    physical_put(FADT + 212, 8, 0x708);
    physical_put(FADT + 76, 4, 0xffffffff);
    seal_table(FADT, FADT_LENGTH);
    acpi_read(&acpi, RSDP);
    assert_false(acpi.pm_timer.present);
}

static void reduced_hardware_has_no_timer(void **state)
{
    (void)state;
    physical_put(FADT + 112, 4, 1u << 20);
    seal_table(FADT, FADT_LENGTH);
    acpi_read(&acpi, RSDP);
    assert_false(acpi.pm_timer.present);
    assert_int_equal(acpi.ecams, 1);
}

static int tear_down(void **state)
{
    (void)state;
    physical_clear();
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(windows_and_timer_are_found_through_the_xsdt),
        TEST(windows_and_timer_are_found_through_the_rsdt_of_acpi_1),
        TEST(the_rsdt_serves_when_the_xsdt_pointer_is_damaged),
        TEST(a_machine_without_acpi_has_nothing_and_no_complaint),
        TEST(a_root_pointer_that_is_not_one_is_noted),
        TEST(a_damaged_table_of_tables_is_noted),
        TEST(a_damaged_table_costs_only_itself),
        TEST(lengths_that_cannot_be_are_refused),
        TEST(tables_that_end_early_have_what_is_inside_them),
        TEST(windows_that_cannot_be_are_left_out),
        TEST(more_windows_than_there_is_room_for_are_noted),
        TEST(pointers_that_lead_nowhere_are_passed_over),
        TEST(an_endless_table_of_tables_is_not_read_to_its_end),
        TEST(the_timer_may_be_32_bits_wide_or_in_memory),
        TEST(a_timer_at_an_impossible_place_is_not_used),
        TEST(reduced_hardware_has_no_timer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
