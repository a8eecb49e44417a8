/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The two things Slate wants from ACPI: where PCI configuration space is mapped (MCFG) and where a timer of known
 * frequency is (FADT). ACPI 6.5, 5.2; PCI Firmware 3.3, 4.1.2. Tables are located, bounded and summed up before they
 * are looked into.
 */
#include "boot/acpi.h"

#include <string.h>

#include "boot/bytes.h"
#include "boot/diag.h"
#include "boot/memory.h"

enum {
    RSDP_LENGTH_1 = 20, /* ACPI 1.0 */
    RSDP_LENGTH_2 = 36,
    RSDP_REVISION = 15,
    RSDP_RSDT = 16,
    RSDP_LENGTH = 20,
    RSDP_XSDT = 24,

    TABLE_LENGTH = 4,
    TABLE_HEADER = 36,

    MCFG_ENTRIES = 44,
    MCFG_ENTRY = 16,

    FADT_PM_TIMER = 76,
    FADT_PM_TIMER_LENGTH = 91,
    FADT_FLAGS = 112,
    FADT_X_PM_TIMER = 208,
    FADT_LENGTH_1 = 116,
    FADT_LENGTH_X_PM_TIMER = 220,
};

#define FADT_FLAG_TIMER_32   (1u << 8)
#define FADT_FLAG_HW_REDUCED (1u << 20)

#define SPACE_MEMORY 0u
#define SPACE_IO     1u

#define TABLE_MAX   0x100000u /* bytes; real ones are far smaller */
#define ENTRIES_MAX 256u      /* tables in the table of tables that are looked at */

struct table {
    const uint8_t *data;
    uint32_t length;
};

static bool sums_to_zero(const uint8_t *data, uint32_t length)
{
    uint8_t sum = 0;

    for (uint32_t i = 0; i < length; i++) {
        sum = (uint8_t)(sum + data[i]);
    }
    return sum == 0;
}

/* Maps the table at `address` if it has this signature. Damage is noted. */
static bool get_table(struct table *table, uint64_t address, const char *signature)
{
    const uint8_t *header = memory_pointer(address, TABLE_HEADER);

    if (header == NULL || memcmp(header, signature, 4) != 0) {
        return false;
    }
    table->length = get_le32(header + TABLE_LENGTH);
    if (table->length < TABLE_HEADER || table->length > TABLE_MAX) {
        diag_note("ACPI: table %s at 0x%llx has length %u; ignored", signature,
                  (unsigned long long)address, (unsigned)table->length);
        return false;
    }
    table->data = memory_pointer(address, table->length);
    if (table->data == NULL || !sums_to_zero(table->data, table->length)) {
        diag_note("ACPI: table %s at 0x%llx is damaged (checksum); ignored", signature,
                  (unsigned long long)address);
        return false;
    }
    return true;
}

static void read_mcfg(struct acpi *acpi, const struct table *mcfg)
{
    for (uint32_t at = MCFG_ENTRIES; at + MCFG_ENTRY <= mcfg->length; at += MCFG_ENTRY) {
        const uint8_t *entry = mcfg->data + at;
        struct acpi_ecam ecam = {
            .base = get_le64(entry),
            .segment = get_le16(entry + 8),
            .first_bus = entry[10],
            .last_bus = entry[11],
        };
        uint64_t length = ((uint64_t)ecam.last_bus + 1) << 20;

        if (ecam.base == 0 || ecam.base % 4096 != 0 || ecam.base > UINT64_MAX - length ||
            ecam.first_bus > ecam.last_bus) {
            diag_note("ACPI: MCFG names an impossible window at 0x%llx, buses %u to %u; ignored",
                      (unsigned long long)ecam.base, ecam.first_bus, ecam.last_bus);
            continue;
        }
        if (acpi->ecams == ACPI_ECAM_MAX) {
            diag_note("ACPI: MCFG has more than %u windows; the rest is ignored", ACPI_ECAM_MAX);
            return;
        }
        acpi->ecam[acpi->ecams++] = ecam;
    }
}

static void read_fadt(struct acpi *acpi, const struct table *fadt)
{
    struct acpi_pm_timer *timer = &acpi->pm_timer;

    if (fadt->length < FADT_LENGTH_1) {
        return;
    }
    uint32_t flags = get_le32(fadt->data + FADT_FLAGS);
    uint32_t port = get_le32(fadt->data + FADT_PM_TIMER);

    if ((flags & FADT_FLAG_HW_REDUCED) != 0) {
        return;
    }
    timer->bits = (flags & FADT_FLAG_TIMER_32) != 0 ? 32 : 24;
    if (fadt->length >= FADT_LENGTH_X_PM_TIMER) {
        uint8_t space = fadt->data[FADT_X_PM_TIMER];

        timer->address = get_le64(fadt->data + FADT_X_PM_TIMER + 4);
        timer->is_port = space == SPACE_IO;
        timer->present = timer->address != 0 && timer->address % 4 == 0 &&
                         (space == SPACE_MEMORY || (space == SPACE_IO && timer->address <= 0xfffc));
    }
    if (!timer->present && fadt->data[FADT_PM_TIMER_LENGTH] == 4 && port != 0 && port <= 0xfffc) {
        timer->address = port;
        timer->is_port = true;
        timer->present = true;
    }
}

static void read_table(struct acpi *acpi, uint64_t address)
{
    struct table table;

    if (acpi->ecams == 0 && get_table(&table, address, "MCFG")) {
        read_mcfg(acpi, &table);
    } else if (!acpi->pm_timer.present && get_table(&table, address, "FACP")) {
        read_fadt(acpi, &table);
    }
}

/* The table of tables: XSDT with 64-bit addresses, or RSDT with 32-bit ones. */
static bool read_root_table(struct acpi *acpi, uint64_t address, unsigned width)
{
    struct table root;

    if (address == 0 || !get_table(&root, address, width == 8 ? "XSDT" : "RSDT")) {
        return false;
    }
    uint32_t entries = (root.length - TABLE_HEADER) / width;

    for (uint32_t i = 0; i < entries && i < ENTRIES_MAX; i++) {
        const uint8_t *entry = root.data + TABLE_HEADER + i * width;

        read_table(acpi, width == 8 ? get_le64(entry) : get_le32(entry));
    }
    return true;
}

/* The XSDT's address of a root pointer of revision 2 or later; 0: none, or damaged. */
static uint64_t xsdt_of(uint64_t rsdp)
{
    const uint8_t *data = memory_pointer(rsdp, RSDP_LENGTH_2);

    if (data == NULL) {
        return 0;
    }
    uint32_t length = get_le32(data + RSDP_LENGTH);

    if (length < RSDP_LENGTH_2 || length > 4096) {
        return 0;
    }
    data = memory_pointer(rsdp, length);
    return data != NULL && sums_to_zero(data, length) ? get_le64(data + RSDP_XSDT) : 0;
}

void acpi_read(struct acpi *acpi, uint64_t rsdp)
{
    const uint8_t *data = rsdp != 0 ? memory_pointer(rsdp, RSDP_LENGTH_1) : NULL;

    memset(acpi, 0, sizeof(*acpi));
    if (rsdp == 0) {
        return;
    }
    if (data == NULL || memcmp(data, "RSD PTR ", 8) != 0 || !sums_to_zero(data, RSDP_LENGTH_1)) {
        diag_note("ACPI: there is no valid root pointer at 0x%llx; going on without ACPI",
                  (unsigned long long)rsdp);
        return;
    }
    uint64_t xsdt = data[RSDP_REVISION] >= 2 ? xsdt_of(rsdp) : 0;

    if (!read_root_table(acpi, xsdt, 8) && !read_root_table(acpi, get_le32(data + RSDP_RSDT), 4)) {
        diag_note("ACPI: neither XSDT nor RSDT can be read; going on without ACPI");
    }
}
