/* SPDX-License-Identifier: BSD-2-Clause */
/* PCI: every function is found once, whatever the bridges say; BARs are measured without a trace, whatever they say. */
#include "boot/pci.h"

#include "boot/diag.h"
#include "boot/error.h"
#include "tests/unit/support/notes.h"
#include "tests/unit/support/pci_machine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FOUND_MAX 300u
#define ONES      0xffffffffu

static struct pci pci;
static struct acpi acpi;
static struct pci_function found[FOUND_MAX + 1];
static struct diag diag;

static int set_up(void **state)
{
    (void)state;
    machine_clear();
    notes_clear();
    memset(&acpi, 0, sizeof(acpi));
    memset(&diag, 0, sizeof(diag));
    memset(found, 0, sizeof(found));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    free(machine.window);
    machine.window = NULL;
    return 0;
}

static int scan(void)
{
    pci_init(&pci, &acpi);
    return pci_scan(&pci, found, FOUND_MAX, &diag);
}

/* Scans and compares the names of what is found, in order. */
static void check_found(const char *names)
{
    char text[4096] = "";
    int count = scan();

    for (int i = 0; i < count; i++) {
        strcat(text, i > 0 ? " " : "");
        strcat(text, found[i].name);
    }
    assert_string_equal(text, names);
}

/* ---- The search ---- */

static void functions_are_found_with_what_they_are(void **state)
{
    (void)state;
    machine_put(machine_add(0, 0, 0), 0, 4, 0x29c08086);
    machine_put(machine_add(0, 31, 0), 8, 4, 0x01000002);
    check_found("00:00.0 00:1f.0");
    assert_int_equal(found[0].vendor, 0x8086);
    assert_int_equal(found[0].device, 0x29c0);
    assert_int_equal(found[1].vendor, 0x1af4);
    assert_int_equal(found[1].device, 0x1044);
    assert_int_equal(found[1].class_code, 0x010000);
    assert_false(found[1].bridge);
    assert_int_equal(found[1].address.device, 31);
}

static void the_search_writes_nothing(void **state)
{
    (void)state;
    machine_add(0, 0, 0);
    machine_add_bridge(0, 1, 1);
    machine_add(1, 0, 0);
    assert_int_equal(scan(), 3);
    assert_int_equal(machine.writes, 0);
}

static void further_functions_are_looked_at_if_the_first_says_so(void **state)
{
    (void)state;
    machine_add(0, 2, 0);
    machine_add(0, 2, 1); /* an alias: the device is not multi-function */
    machine_multifunction(machine_add(0, 3, 0));
    machine_add(0, 3, 1);
    machine_add(0, 3, 7);
    machine_add(0, 4, 1); /* without a function 0 */
    check_found("00:02.0 00:03.0 00:03.1 00:03.7");
}

static void ids_that_mean_nobody_is_there_are_passed_over(void **state)
{
    static const uint32_t ids[] = {0xffffffff, 0, 0x1044ffff};

    (void)state;
    machine_add(0, 9, 0);
    for (unsigned i = 0; i < 3; i++)
        machine_put(machine_add(0, i, 0), 0, 4, ids[i]);
    check_found("00:09.0");
}

static void buses_behind_bridges_are_searched_in_order(void **state)
{
    (void)state;
    machine_add_bridge(0, 1, 2);
    machine_add_bridge(0, 2, 1);
    machine_add(0, 3, 0);
    machine_add_bridge(2, 0, 3);
    machine_add(1, 0, 0);
    machine_add(3, 4, 0);
    check_found("00:01.0 00:02.0 00:03.0 01:00.0 02:00.0 03:04.0");
    assert_true(found[0].bridge);
}

static void a_multifunction_bridge_is_a_bridge(void **state)
{
    (void)state;
    machine_multifunction(machine_add_bridge(0, 1, 1));
    machine_add(0, 1, 5);
    machine_add(1, 0, 0);
    check_found("00:01.0 00:01.5 01:00.0");
    assert_true(found[0].bridge);
}

static void bridges_that_form_a_loop_do_no_harm(void **state)
{
    (void)state;
    machine_add_bridge(0, 1, 1);
    machine_add_bridge(1, 0, 2);
    machine_add_bridge(1, 1, 1); /* to its own bus */
    machine_add_bridge(2, 0, 1); /* back */
    machine_add_bridge(2, 1, 2);
    machine_add_bridge(0, 2, 2); /* a second way */
    check_found("00:01.0 00:02.0 01:00.0 01:01.0 02:00.0 02:01.0");
}

static void a_bridge_that_was_not_set_up_is_noted(void **state)
{
    (void)state;
    machine_add_bridge(0, 1, 0);
    check_found("00:01.0");
    assert_int_equal(notes_count(), 1);
    assert_non_null(strstr(notes_text(), "00:01.0"));
}

static void a_bridge_on_every_bus_ends_the_search_at_the_last(void **state)
{
    (void)state;
    for (unsigned bus = 0; bus < 256; bus++)
        machine_add_bridge(bus, 0, bus + 1 == 256 ? 7 : bus + 1);
    assert_int_equal(scan(), 256);
    assert_in_range(machine.reads, 256, 256 * 40);
}

static void further_root_buses_are_searched_when_the_host_has_them(void **state)
{
    (void)state;
    machine_add(0, 1, 0);
    machine_add_bridge(64, 0, 65);
    machine_add(65, 3, 0);
    machine_add(128, 0, 0);
    check_found("00:01.0");
    machine.has_extra_roots = true;
    machine.extra_roots = 2;
    check_found("00:01.0 40:00.0 41:03.0 80:00.0");
    machine.extra_roots = UINT64_MAX;
    check_found("00:01.0 40:00.0 41:03.0 80:00.0");
}

static void more_functions_than_there_is_room_for_are_an_error(void **state)
{
    (void)state;
    for (unsigned bus = 0; bus <= FOUND_MAX / 32; bus++)
        for (unsigned device = 0; device < 32; device++)
            machine_add_bridge(bus, device, bus + 1);
    assert_int_equal(scan(), -BOOT_E_PLATFORM);
    assert_non_null(strstr(diag.text, "300"));
    assert_string_equal(found[FOUND_MAX].name, "");
}

static void a_machine_without_pci_says_so(void **state)
{
    (void)state;
    machine.ports = false;
    assert_int_equal(scan(), -BOOT_E_PLATFORM);
}

/* ---- Configuration space through windows ---- */

/* Buses 0 and 1 in a window of `segment`, with nothing on them. */
static void make_window(unsigned segment)
{
    machine.window_base = 0xb0000000;
    machine.window = malloc(2u << 20);
    assert_non_null(machine.window);
    memset(machine.window, 0xff, 2u << 20);
    acpi.ecams = 1;
    acpi.ecam[0] = (struct acpi_ecam){0xb0000000, (uint16_t)segment, 0, 1};
}

static uint8_t *in_window(unsigned bus, unsigned device)
{
    uint8_t *config = machine.window + (bus << 20 | device << 15);

    memset(config, 0, 4096);
    memcpy(config, "\xf4\x1a\x44\x10", 4);
    return config;
}

static void a_window_replaces_the_ports(void **state)
{
    (void)state;
    make_window(0);
    in_window(0, 0)[0x104] = 0x5a;
    in_window(1, 3);
    uint8_t *bridge = in_window(0, 1);

    bridge[0x0e] = 1;
    bridge[0x19] = 1;
    machine_add(0, 0, 0);
    machine_add(0, 5, 0); /* seen by the ports only */
    check_found("00:00.0 00:01.0 01:03.0");
    assert_int_equal(machine.mapped_length, 2u << 20);
    assert_int_equal(pci_config_size(&found[0]), 4096);
    assert_int_equal(pci_read(&found[0], 0x104, 1), 0x5a);
    pci_write(&found[0], 0xffc, 4, 0x12345678);
    assert_int_equal(pci_read(&found[0], 0xffe, 2), 0x1234);
    assert_int_equal(machine.window[0xffc], 0x78);
}

static void a_window_that_shows_something_else_is_not_used(void **state)
{
    (void)state;
    make_window(0);
    machine_add(0, 0, 0);
    check_found("00:00.0");
    assert_int_equal(pci_config_size(&found[0]), 256);
    assert_int_equal(notes_count(), 1);
}

static void a_window_that_cannot_be_mapped_is_not_used(void **state)
{
    (void)state;
    make_window(0);
    machine.unmappable = 0xb0000000;
    machine_add(0, 0, 0);
    check_found("00:00.0");
    assert_int_equal(notes_count(), 1);
}

static void a_machine_with_windows_only_needs_no_ports(void **state)
{
    (void)state;
    machine.ports = false;
    make_window(0);
    in_window(0, 7);
    check_found("00:07.0");
}

static void other_segments_have_names_of_their_own(void **state)
{
    (void)state;
    make_window(0xabcd);
    in_window(0, 7);
    machine_add(0, 7, 0);
    check_found("00:07.0 abcd:00:07.0");
    assert_int_equal(pci_config_size(&found[0]), 256);
    assert_int_equal(pci_config_size(&found[1]), 4096);
}

static void a_window_may_start_at_any_bus(void **state)
{
    (void)state;
    make_window(2);
    acpi.ecam[0].base = 0xaff00000;
    acpi.ecam[0].first_bus = 1;
    acpi.ecam[0].last_bus = 2;
    machine.ports = false;
    in_window(0, 7);
    check_found("0002:01:07.0");
    assert_int_equal(machine.mapped, 0xb0000000);
    /* A bus behind the window's end reads as if there were nothing. */
    found[0].address.bus = 3;
    assert_int_equal(pci_config_size(&found[0]), 0);
    assert_int_equal(pci_read(&found[0], 0, 4), ONES);
    pci_write(&found[0], 0, 4, 0);
}

static void accesses_out_of_reach_read_ones(void **state)
{
    (void)state;
    machine_add(0, 1, 0);
    check_found("00:01.0");
    assert_int_equal(pci_read(&found[0], 0, 2), 0x1af4);
    assert_int_equal(pci_read(&found[0], 0x100, 4), ONES);
    assert_int_equal(pci_read(&found[0], 0x100, 2), 0xffff);
    assert_int_equal(pci_read(&found[0], 0x100, 1), 0xff);
    assert_int_equal(pci_read(&found[0], 1, 2), 0xffff);
    assert_int_equal(pci_read(&found[0], 0, 3), 0xffffff);
    pci_write(&found[0], 0x100, 4, 0);
    pci_write(&found[0], 2, 4, 0);
    assert_int_equal(machine.writes, 0);
}

/* ---- BARs ---- */

static struct machine_function *one_function(void)
{
    return machine_add(0, 1, 0);
}

static struct pci_function *map_one(void)
{
    assert_int_equal(scan(), 1);
    pci_map_bars(&found[0]);
    return &found[0];
}

static void check_bar(const struct pci_bar *bar, enum pci_bar_type type, uint64_t address,
                      uint64_t size, uint64_t reach)
{
    assert_int_equal(bar->type, type);
    assert_int_equal(bar->address, address);
    assert_int_equal(bar->size, size);
    assert_int_equal(bar->reach, reach);
}

static void bars_of_each_kind_are_measured(void **state)
{
    struct machine_function *f = one_function();

    (void)state;
    machine_set_bar(f, 0, 0xc001, 0xffffff80);
    machine_set_bar(f, 1, 0xfebfd000, 0xfffff000);
    machine_set_bar(f, 2, 0, 0);
    machine_set_bar(f, 3, 0xe041, 0x0000ffc0); /* upper half not implemented */
    machine_set_bar(f, 4, 0x0000000c, 0xffffc000);
    machine_set_bar(f, 5, 0x00000fd0, 0xffffffff); /* the upper half of 4 */
    struct pci_function *p = map_one();

    check_bar(&p->bar[0], PCI_BAR_PORTS, 0xc000, 0x80, 0x80);
    check_bar(&p->bar[1], PCI_BAR_MEMORY, 0xfebfd000, 0x1000, 0x1000);
    check_bar(&p->bar[2], PCI_BAR_NONE, 0, 0, 0);
    check_bar(&p->bar[3], PCI_BAR_PORTS, 0xe040, 0x40, 0x40);
    check_bar(&p->bar[4], PCI_BAR_MEMORY, 0xfd000000000, 0x4000, 0x4000);
    check_bar(&p->bar[5], PCI_BAR_NONE, 0, 0, 0);
    assert_int_equal(machine.mapped, 0xfd000000000);
}

static void measuring_leaves_no_trace_and_never_shows_a_wrong_address(void **state)
{
    struct machine_function *f = one_function();
    uint8_t before[256];

    (void)state;
    machine_set_bar(f, 0, 0xc001, 0xffffff80);
    machine_set_bar(f, 4, 0x0000000c, 0xffffc000);
    machine_set_bar(f, 5, 0x00000fd0, 0xffffffff);
    memcpy(before, f->config, sizeof(before));
    map_one();
    assert_memory_equal(f->config, before, sizeof(before));
    assert_false(f->decoding_while_sized);
}

static void a_bar_without_an_address_is_not_reached(void **state)
{
    struct machine_function *f = one_function();

    (void)state;
    machine_set_bar(f, 0, 0x00000000, 0xfffff000);
    machine_set_bar(f, 1, 0x00000001, 0xffffffe0);
    struct pci_function *p = map_one();

    check_bar(&p->bar[0], PCI_BAR_MEMORY, 0, 0x1000, 0);
    check_bar(&p->bar[1], PCI_BAR_PORTS, 0, 0x20, 0);
    assert_null(pci_virtio_io.pointer(p, 0, 0));
}

static void a_bar_that_cannot_be_mapped_is_not_reached(void **state)
{
    struct machine_function *f = one_function();

    (void)state;
    machine_set_bar(f, 0, 0xfebfd000, 0xfffff000);
    machine.unmappable = 0xfebfd000;
    check_bar(&map_one()->bar[0], PCI_BAR_MEMORY, 0xfebfd000, 0x1000, 0);
    assert_int_equal(pci_virtio_io.size(&found[0], 0), 0);
    assert_int_equal(pci_virtio_io.read(&found[0], 0, 0, 4), ONES);
}

static void bars_that_make_no_sense_are_not_used(void **state)
{
    static const struct {
        uint32_t value, mask;
    } bars[] = {
        {0xfebfd000, 0xff0ff000}, /* bits that can be changed, with a gap */
        {0xfebfd000, 0x00fff000}, /* that end before the top */
        {0xfebfd800, 0xfffff000}, /* an address that is not a multiple of the size */
        {0xfebfd002, 0xfffff000}, /* a type that is reserved (below 1 MiB) */
        {0xfebfd006, 0xfffff000}, /* a type that never was */
        {0x0000c011, 0xffffff80}, /* a port that is not a multiple of the size */
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(bars) / sizeof(bars[0]); i++) {
        set_up(NULL);
        machine_set_bar(one_function(), 0, bars[i].value, bars[i].mask);
        check_bar(&map_one()->bar[0], PCI_BAR_NONE, 0, 0, 0);
    }
}

static void a_64_bit_bar_must_have_both_halves(void **state)
{
    struct machine_function *f = one_function();

    (void)state;
    machine_set_bar(f, 5, 0xfeb00004, 0xfffff000); /* the second half would be another register */
    struct pci_function *p = map_one();

    check_bar(&p->bar[5], PCI_BAR_NONE, 0, 0, 0);

    set_up(NULL);
    f = one_function();
    machine_set_bar(f, 0, 0xfebfd004, 0xfffff000);
    machine_set_bar(f, 1, 0, 0x0000ffff); /* 48 address bits only: not contiguous to the top */
    p = map_one();
    check_bar(&p->bar[0], PCI_BAR_NONE, 0, 0, 0);
}

static void a_bar_of_gigabytes_is_reached_in_its_first_part(void **state)
{
    struct machine_function *f = one_function();

    (void)state;
    machine_set_bar(f, 2, 0x0000000c, 0x00000000);
    machine_set_bar(f, 3, 0x00000100, 0xffffffc0); /* 256 GiB at 1 TiB */
    struct pci_function *p = map_one();

    check_bar(&p->bar[2], PCI_BAR_MEMORY, 0x10000000000, 0x4000000000, 64ull << 20);
    assert_int_equal(machine.mapped_length, 64ull << 20);
}

static void a_bridge_has_two_bars_and_its_bus_numbers_are_not_among_them(void **state)
{
    struct machine_function *f = machine_add_bridge(0, 1, 1);

    (void)state;
    machine_set_bar(f, 0, 0xfebfd000, 0xfffff000);
    struct pci_function *p = map_one();

    check_bar(&p->bar[0], PCI_BAR_MEMORY, 0xfebfd000, 0x1000, 0x1000);
    check_bar(&p->bar[2], PCI_BAR_NONE, 0, 0, 0);
    assert_int_equal(machine.writes, 2 + 2 * 2); /* the command register, two BARs */
}

/* ---- Registers for the virtio core ---- */

static void registers_in_memory_are_accessed_in_their_width(void **state)
{
    (void)state;
    machine_set_bar(one_function(), 1, 0xfebf4000, 0xffffc000);
    struct pci_function *p = map_one();

    memcpy(machine.registers + 0x10, "\x11\x22\x33\x44\x55\x66\x77\x88", 8);
    assert_int_equal(pci_virtio_io.size(p, 1), 0x4000);
    assert_int_equal(pci_virtio_io.read(p, 1, 0x10, 4), 0x44332211);
    assert_int_equal(pci_virtio_io.read(p, 1, 0x12, 2), 0x4433);
    assert_int_equal(pci_virtio_io.read(p, 1, 0x17, 1), 0x88);
    pci_virtio_io.write(p, 1, 0x14, 4, 0xa1b2c3d4);
    pci_virtio_io.write(p, 1, 0x10, 2, 0xeeff);
    pci_virtio_io.write(p, 1, 0x12, 1, 0x77);
    assert_memory_equal(machine.registers + 0x10, "\xff\xee\x77\x44\xd4\xc3\xb2\xa1", 8);
    assert_ptr_equal(pci_virtio_io.pointer(p, 1, 0x3000), machine.registers + 0x3000);
}

static void registers_in_ports_are_accessed_by_ports(void **state)
{
    (void)state;
    machine_set_bar(one_function(), 0, 0xc081, 0xffffff80);
    struct pci_function *p = map_one();

    machine.port_value = 0x1234;
    assert_int_equal(pci_virtio_io.read(p, 0, 18, 2), 0x1234);
    assert_int_equal(machine.port, 0xc080 + 18);
    assert_int_equal(machine.port_width, 2);
    pci_virtio_io.write(p, 0, 16, 1, 0x55);
    assert_int_equal(machine.port, 0xc080 + 16);
    assert_int_equal(machine.port_width, 1);
    assert_int_equal(machine.port_value, 0x55);
    assert_null(pci_virtio_io.pointer(p, 0, 16));
}

static void the_last_region_is_configuration_space(void **state)
{
    struct machine_function *f = one_function();

    (void)state;
    struct pci_function *p = map_one();

    assert_int_equal(pci_virtio_io.size(p, VIRTIO_IO_PCI_CONFIG), 256);
    assert_int_equal(pci_virtio_io.read(p, VIRTIO_IO_PCI_CONFIG, 0, 4), 0x10441af4);
    pci_virtio_io.write(p, VIRTIO_IO_PCI_CONFIG, 0x40, 2, 0xbeef);
    assert_int_equal(machine_get(f, 0x40, 2), 0xbeef);
    assert_int_equal(pci_virtio_io.read(p, VIRTIO_IO_PCI_CONFIG, 0x100000000, 4), ONES);
    assert_null(pci_virtio_io.pointer(p, VIRTIO_IO_PCI_CONFIG, 0));
}

static void nothing_beyond_a_region_is_touched(void **state)
{
    (void)state;
    machine_set_bar(one_function(), 1, 0xfebf4000, 0xffffc000);
    struct pci_function *p = map_one();
    static const struct {
        unsigned region;
        uint64_t offset;
    } outside[] = {{1, 0x4000}, {1, 0x3ffe}, {1, UINT64_MAX - 3}, {0, 0}, {2, 0},
                   {7, 0},      {ONES, 0}};

    memset(machine.registers, 0xa5, sizeof(machine.registers));
    for (unsigned i = 0; i < sizeof(outside) / sizeof(outside[0]); i++) {
        assert_int_equal(pci_virtio_io.read(p, outside[i].region, outside[i].offset, 4), ONES);
        pci_virtio_io.write(p, outside[i].region, outside[i].offset, 4, 0);
    }
    for (unsigned i = 0; i < sizeof(machine.registers); i++)
        assert_int_equal(machine.registers[i], 0xa5);
    assert_int_equal(pci_virtio_io.size(p, 0), 0);
    assert_int_equal(pci_virtio_io.size(p, 7), 0);
    assert_null(pci_virtio_io.pointer(p, 1, 0x4000));
    assert_null(pci_virtio_io.pointer(p, 9, 0));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(functions_are_found_with_what_they_are),
        TEST(the_search_writes_nothing),
        TEST(further_functions_are_looked_at_if_the_first_says_so),
        TEST(ids_that_mean_nobody_is_there_are_passed_over),
        TEST(buses_behind_bridges_are_searched_in_order),
        TEST(a_multifunction_bridge_is_a_bridge),
        TEST(bridges_that_form_a_loop_do_no_harm),
        TEST(a_bridge_that_was_not_set_up_is_noted),
        TEST(a_bridge_on_every_bus_ends_the_search_at_the_last),
        TEST(further_root_buses_are_searched_when_the_host_has_them),
        TEST(more_functions_than_there_is_room_for_are_an_error),
        TEST(a_machine_without_pci_says_so),
        TEST(a_window_replaces_the_ports),
        TEST(a_window_that_shows_something_else_is_not_used),
        TEST(a_window_that_cannot_be_mapped_is_not_used),
        TEST(a_machine_with_windows_only_needs_no_ports),
        TEST(other_segments_have_names_of_their_own),
        TEST(a_window_may_start_at_any_bus),
        TEST(accesses_out_of_reach_read_ones),
        TEST(bars_of_each_kind_are_measured),
        TEST(measuring_leaves_no_trace_and_never_shows_a_wrong_address),
        TEST(a_bar_without_an_address_is_not_reached),
        TEST(a_bar_that_cannot_be_mapped_is_not_reached),
        TEST(bars_that_make_no_sense_are_not_used),
        TEST(a_64_bit_bar_must_have_both_halves),
        TEST(a_bar_of_gigabytes_is_reached_in_its_first_part),
        TEST(a_bridge_has_two_bars_and_its_bus_numbers_are_not_among_them),
        TEST(registers_in_memory_are_accessed_in_their_width),
        TEST(registers_in_ports_are_accessed_by_ports),
        TEST(the_last_region_is_configuration_space),
        TEST(nothing_beyond_a_region_is_touched),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
