/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PCI configuration space and the search for functions. PCI Local Bus 3.0, chapter 6; PCI-to-PCI Bridge 1.2;
 * PCI Express Base 5.0, 7.2.2 (ECAM). BARs are in pci_bar.c.
 */
#include "boot/pci.h"

#include <stdio.h>
#include <string.h>

#include "boot/bytes.h"
#include "boot/diag.h"
#include "boot/error.h"
#include "boot/platform.h"
#include "boot/registers.h"

enum {
    PCI_ID = 0x00,
    PCI_CLASS_REVISION = 0x08,
    PCI_HEADER_TYPE = 0x0e,
    PCI_HEADER_MULTIFUNCTION = 0x80,
    PCI_HEADER_BRIDGE = 1,
    PCI_SECONDARY_BUS = 0x19,

    PCI_DEVICES = 32,
    PCI_FUNCTIONS = 8,
    PCI_BUSES = 256,

    PORTS_CONFIG_SIZE = 256,
    ECAM_CONFIG_SIZE = 4096,
};

#define ONES           0xffffffffu
#define ECAM_BUS_BYTES 0x100000ull
#define EXTRA_ROOTS    "etc/extra-pci-roots" /* QEMU: 64-bit number of root buses beside bus 0 */

/* ---- Configuration space ---------------------------------------------------------------------------------------- */

static const struct pci_window *window_of(const struct pci *pci, struct pci_address address)
{
    for (unsigned i = 0; i < pci->windows; i++) {
        const struct pci_window *window = &pci->window[i];

        if (window->segment == address.segment && address.bus >= window->first_bus &&
            address.bus <= window->last_bus) {
            return window;
        }
    }
    return NULL;
}

static uint16_t bdf_of(struct pci_address address)
{
    return (uint16_t)(address.bus << 8 | address.device << 3 | address.function);
}

static volatile uint8_t *in_window(const struct pci_window *window, struct pci_address address,
                                   unsigned offset)
{
    uint32_t first = (uint32_t)window->first_bus << 8;

    return window->registers + ((uint64_t)(bdf_of(address) - first) << 12) + offset;
}

static unsigned config_size(const struct pci *pci, struct pci_address address)
{
    if (window_of(pci, address) != NULL) {
        return ECAM_CONFIG_SIZE;
    }
    return pci->ports && address.segment == 0 ? PORTS_CONFIG_SIZE : 0;
}

static bool reachable(const struct pci *pci, struct pci_address address, unsigned offset,
                      unsigned width)
{
    return (width == 1 || width == 2 || width == 4) && offset % width == 0 &&
           offset < config_size(pci, address);
}

static uint32_t config_read(const struct pci *pci, struct pci_address address, unsigned offset,
                            unsigned width)
{
    const struct pci_window *window = window_of(pci, address);

    if (!reachable(pci, address, offset, width)) {
        return ONES >> (width < 4 ? 32 - 8 * width : 0);
    }
    if (window == NULL) {
        return platform_pci_read(bdf_of(address), (uint16_t)offset, width);
    }
    return register_read(in_window(window, address, offset), width);
}

uint32_t pci_read(const struct pci_function *function, unsigned offset, unsigned width)
{
    return config_read(function->pci, function->address, offset, width);
}

void pci_write(const struct pci_function *function, unsigned offset, unsigned width, uint32_t value)
{
    const struct pci_window *window = window_of(function->pci, function->address);

    if (!reachable(function->pci, function->address, offset, width)) {
        return;
    }
    if (window == NULL) {
        platform_pci_write(bdf_of(function->address), (uint16_t)offset, width, value);
        return;
    }
    register_write(in_window(window, function->address, offset), width, value);
}

unsigned pci_config_size(const struct pci_function *function)
{
    return config_size(function->pci, function->address);
}

/* Whether the window shows the same first function as the ports do, where both exist. */
static bool window_works(const struct pci *pci, const struct pci_window *window)
{
    if (!pci->ports || window->segment != 0 || window->first_bus != 0) {
        return true;
    }
    return register_read(window->registers, 4) == platform_pci_read(0, PCI_ID, 4);
}

void pci_init(struct pci *pci, const struct acpi *acpi)
{
    memset(pci, 0, sizeof(*pci));
    pci->ports = platform_has_pci_ports();
    for (unsigned i = 0; i < acpi->ecams; i++) {
        const struct acpi_ecam *ecam = &acpi->ecam[i];
        uint64_t base = ecam->base + ecam->first_bus * ECAM_BUS_BYTES;
        uint64_t length = (ecam->last_bus - ecam->first_bus + 1u) * ECAM_BUS_BYTES;
        struct pci_window window = {
            .segment = ecam->segment,
            .first_bus = ecam->first_bus,
            .last_bus = ecam->last_bus,
            .registers = platform_map_registers(base, length),
        };

        if (window.registers == NULL || !window_works(pci, &window)) {
            diag_note("PCI: the configuration window at 0x%llx (MCFG) does not work; ignored",
                      (unsigned long long)ecam->base);
            continue;
        }
        pci->window[pci->windows++] = window;
    }
}

/* ---- The search ------------------------------------------------------------------------------------------------- */

/*
 * Buses to visit, lowest first, each at most once: bridges that form a loop, or that two lead to one bus, cost nothing
 * but a look, and there are no more than 256 steps.
 */
struct search {
    const struct pci *pci;
    struct pci_function *out;
    unsigned max, found;
    uint16_t segment;
    bool wanted[PCI_BUSES];
    bool visited[PCI_BUSES];
};

static bool exists(const struct pci *pci, struct pci_address address)
{
    uint32_t id = config_read(pci, address, PCI_ID, 4);

    return (id & 0xffff) != 0xffff && id != 0;
}

static void follow_bridge(struct search *search, const struct pci_function *bridge)
{
    uint8_t secondary = (uint8_t)pci_read(bridge, PCI_SECONDARY_BUS, 1);

    if (secondary == 0) {
        diag_note("PCI: firmware has not set up bridge %s: devices behind it are not seen",
                  bridge->name);
        return;
    }
    search->wanted[secondary] = true;
}

static void name_function(struct pci_function *function)
{
    struct pci_address a = function->address;
    char segment[8] = "";

    if (a.segment != 0) {
        (void)snprintf(segment, sizeof(segment), "%04x:", a.segment);
    }
    (void)snprintf(function->name, sizeof(function->name), "%s%02x:%02x.%x", segment, a.bus,
                   a.device, a.function);
}

static void add_function(struct search *search, struct pci_address address, uint8_t header)
{
    uint32_t id = config_read(search->pci, address, PCI_ID, 4);
    struct pci_function function = {
        .pci = search->pci,
        .address = address,
        .vendor = (uint16_t)id,
        .device = (uint16_t)(id >> 16),
        .class_code = config_read(search->pci, address, PCI_CLASS_REVISION, 4) >> 8,
        .bridge = (header & ~PCI_HEADER_MULTIFUNCTION) == PCI_HEADER_BRIDGE,
    };

    name_function(&function);
    if (function.bridge) {
        follow_bridge(search, &function);
    }
    if (search->found < search->max) {
        search->out[search->found] = function;
    }
    search->found++;
}

/* Returns whether the bus had any function. */
static bool visit_bus(struct search *search, uint8_t bus)
{
    unsigned before = search->found;

    search->visited[bus] = true;
    for (unsigned device = 0; device < PCI_DEVICES; device++) {
        unsigned functions = 1;

        for (unsigned f = 0; f < functions; f++) {
            struct pci_address address = {search->segment, bus, (uint8_t)device, (uint8_t)f};

            if (!exists(search->pci, address)) {
                continue;
            }
            uint8_t header = (uint8_t)config_read(search->pci, address, PCI_HEADER_TYPE, 1);

            if (f == 0 && (header & PCI_HEADER_MULTIFUNCTION) != 0) {
                functions = PCI_FUNCTIONS;
            }
            add_function(search, address, header);
        }
    }
    return search->found > before;
}

/* The lowest bus that is known and not visited yet, or -1. */
static int next_bus(const struct search *search)
{
    for (int bus = 0; bus < PCI_BUSES; bus++) {
        if (search->wanted[bus] && !search->visited[bus]) {
            return bus;
        }
    }
    return -1;
}

static void visit_wanted(struct search *search)
{
    for (int bus = next_bus(search); bus >= 0; bus = next_bus(search)) {
        (void)visit_bus(search, (uint8_t)bus);
    }
}

/* How many root buses there are beside bus 0 (pxb, pxb-pcie). */
static uint64_t extra_roots(void)
{
    struct platform_file file;
    uint8_t count[8];

    if (platform_files(EXTRA_ROOTS, &file, 1) != 1 ||
        platform_file_read(&file, count, sizeof(count)) != sizeof(count)) {
        return 0;
    }
    return get_le64(count);
}

static void search_segment(struct search *search, uint16_t segment, uint8_t root)
{
    uint64_t extra = segment == 0 ? extra_roots() : 0;

    search->segment = segment;
    memset(search->wanted, 0, sizeof(search->wanted));
    memset(search->visited, 0, sizeof(search->visited));
    search->wanted[root] = true;
    visit_wanted(search);
    for (unsigned bus = root + 1u; bus < PCI_BUSES && extra > 0; bus++) {
        if (!search->visited[bus] && visit_bus(search, (uint8_t)bus)) {
            extra--;
            visit_wanted(search);
        }
    }
}

/* Whether an earlier window has this segment: its root bus is the first window's first bus. */
static bool searched(const struct pci *pci, unsigned window)
{
    for (unsigned i = 0; i < window; i++) {
        if (pci->window[i].segment == pci->window[window].segment) {
            return true;
        }
    }
    return pci->ports && pci->window[window].segment == 0;
}

int pci_scan(const struct pci *pci, struct pci_function *out, unsigned max, struct diag *diag)
{
    struct search search = {.pci = pci, .out = out, .max = max};

    if (pci->ports) {
        search_segment(&search, 0, 0);
    }
    for (unsigned i = 0; i < pci->windows; i++) {
        if (!searched(pci, i)) {
            search_segment(&search, pci->window[i].segment, pci->window[i].first_bus);
        }
    }
    if (search.found > max) {
        return diag_fail(diag, -BOOT_E_PLATFORM,
                         "PCI: the machine has %u functions; at most %u can be handled",
                         search.found, max);
    }
    if (search.found == 0) {
        return diag_fail(diag, -BOOT_E_PLATFORM,
                         "PCI: no configuration space was found (no ACPI MCFG, no I/O ports)");
    }
    return (int)search.found;
}
