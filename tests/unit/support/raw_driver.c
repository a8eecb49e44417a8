/* SPDX-License-Identifier: BSD-2-Clause */
/* The raw driver's memory, registers and life (VIRTIO 1.4, 3.1, 4.1). Its queues are in raw_queue.c. */
#include "tests/unit/support/raw_driver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum {
    PCI_SPACE = 6, /* the region that is configuration space */
    PCI_COMMAND = 4,
    PCI_COMMAND_ON = 7, /* ports, memory, bus mastering */
    PCI_BAR = 0x10,
    PCI_CAPABILITIES = 0x34,
    PCI_CAPABILITIES_MAX = 48,
    PCI_VENDOR_SPECIFIC = 9,
    RESET_POLLS = 1000,
};

/* ---- Guest memory ---- */

void *raw_at(struct raw_driver *raw, uint64_t address)
{
    assert_in_range(address, RAW_MEMORY_BASE, RAW_MEMORY_BASE + RAW_MEMORY_BYTES - 1);
    return raw->memory + (address - RAW_MEMORY_BASE);
}

static bool is_memory(uint64_t address, size_t length)
{
    return address >= RAW_MEMORY_BASE && length <= RAW_MEMORY_BYTES &&
           address - RAW_MEMORY_BASE <= RAW_MEMORY_BYTES - length;
}

static bool dma_read(void *ctx, uint64_t address, void *to, size_t length)
{
    struct raw_driver *raw = ctx;

    if (!is_memory(address, length))
        return false;
    memcpy(to, raw->memory + (address - RAW_MEMORY_BASE), length);
    return true;
}

static bool dma_write(void *ctx, uint64_t address, const void *from, size_t length)
{
    struct raw_driver *raw = ctx;

    if (!is_memory(address, length))
        return false;
    memcpy(raw->memory + (address - RAW_MEMORY_BASE), from, length);
    return true;
}

uint64_t raw_alloc_at(struct raw_driver *raw, uint64_t length, uint64_t align)
{
    uint64_t address = (raw->next + align - 1) / align * align;

    if (!is_memory(address, length))
        fail_msg("the raw driver's %llu bytes of memory are used up", RAW_MEMORY_BYTES);
    raw->next = address + length;
    return address;
}

uint64_t raw_alloc(struct raw_driver *raw, uint64_t length)
{
    return raw_alloc_at(raw, length, 16);
}

static void put(struct raw_driver *raw, uint64_t address, uint64_t value, unsigned width)
{
    uint8_t *bytes = raw_at(raw, address);

    for (unsigned i = 0; i < width; i++)
        bytes[raw->big_endian ? width - 1 - i : i] = (uint8_t)(value >> 8 * i);
}

void raw_put16(struct raw_driver *raw, uint64_t address, uint16_t value)
{
    put(raw, address, value, 2);
}

void raw_put32(struct raw_driver *raw, uint64_t address, uint32_t value)
{
    put(raw, address, value, 4);
}

void raw_put64(struct raw_driver *raw, uint64_t address, uint64_t value)
{
    put(raw, address, value, 8);
}

uint16_t raw_get16(struct raw_driver *raw, uint64_t address)
{
    const uint8_t *bytes = raw_at(raw, address);
    bool swap = raw->big_endian;

    return (uint16_t)(bytes[swap] | bytes[!swap] << 8);
}

uint32_t raw_get32(struct raw_driver *raw, uint64_t address)
{
    unsigned low = raw->big_endian ? 2 : 0;

    return raw_get16(raw, address + low) | (uint32_t)raw_get16(raw, address + 2 - low) << 16;
}

void raw_barrier(struct raw_driver *raw, enum launcher_barrier kind)
{
    if (!raw->no_barriers)
        launcher_barrier(raw->dev, kind);
}

/* ---- PCI ---- */

static uint32_t pci_get(struct raw_driver *raw, uint64_t offset, unsigned width)
{
    return launcher_read(raw->dev, PCI_SPACE, offset, width);
}

static void program_bars(struct raw_driver *raw)
{
    uint32_t next = 0xe0000000u, next_port = 0xc000;

    for (unsigned bar = 0; bar < 6; bar++) {
        uint64_t size = launcher_region_size(raw->dev, bar);
        uint32_t *at = launcher_region_is_ports(raw->dev, bar) ? &next_port : &next;

        if (size == 0)
            continue;
        *at = (uint32_t)((*at + size - 1) / size * size);
        launcher_write(raw->dev, PCI_SPACE, PCI_BAR + 4 * bar, 4, *at);
        *at += (uint32_t)size;
    }
    launcher_write(raw->dev, PCI_SPACE, PCI_COMMAND, 2, PCI_COMMAND_ON);
}

static void find_structure(struct raw_driver *raw, uint32_t at)
{
    struct raw_window *const windows[] = {
        [VIRTIO_PCI_CAP_COMMON_CFG] = &raw->common,
        [VIRTIO_PCI_CAP_NOTIFY_CFG] = &raw->notify,
        [VIRTIO_PCI_CAP_ISR_CFG] = &raw->isr,
        [VIRTIO_PCI_CAP_DEVICE_CFG] = &raw->config,
    };
    uint32_t type = pci_get(raw, at + 3, 1), bar = pci_get(raw, at + 4, 1);

    if (type == 0 || type >= sizeof(windows) / sizeof(windows[0]) || windows[type]->there ||
        bar > 5)
        return;
    *windows[type] =
        (struct raw_window){true, bar, pci_get(raw, at + 8, 4), pci_get(raw, at + 12, 4)};
    if (type == VIRTIO_PCI_CAP_NOTIFY_CFG)
        raw->notify_multiplier = pci_get(raw, at + 16, 4);
}

static void find_structures(struct raw_driver *raw)
{
    uint32_t at = pci_get(raw, PCI_CAPABILITIES, 1) & 0xfcu;

    for (unsigned hop = 0; at >= 0x40 && hop < PCI_CAPABILITIES_MAX; hop++) {
        if (pci_get(raw, at, 1) == PCI_VENDOR_SPECIFIC)
            find_structure(raw, at);
        at = pci_get(raw, at + 1, 1) & 0xfcu;
    }
}

static void interrupted(void *ctx, unsigned vector)
{
    struct raw_driver *raw = ctx;

    raw->interrupts++;
    raw->last_vector = vector;
}

struct raw_driver *raw_driver_new(const struct launcher_options *options)
{
    struct raw_driver *raw = calloc(1, sizeof(*raw));
    struct launcher_options complete = *options;

    assert_non_null(raw);
    raw->memory = calloc(1, RAW_MEMORY_BYTES);
    assert_non_null(raw->memory);
    raw->next = RAW_MEMORY_BASE;
    complete.memory = (struct launcher_memory){dma_read, dma_write, raw};
    complete.interrupt = interrupted;
    complete.ctx = raw;
    raw->dev = launcher_new(&complete);
    if (raw->dev == NULL)
        fail_msg("launcher_new(): the options' file cannot be used");
    if (complete.front <= LAUNCHER_PCI_LEGACY) {
        program_bars(raw);
        find_structures(raw);
    }
    return raw;
}

static void forget_queues(struct raw_driver *raw)
{
    for (unsigned i = 0; i < RAW_QUEUES; i++) {
        raw_queue_free(raw->queues[i]);
        raw->queues[i] = NULL;
    }
}

void raw_driver_free(struct raw_driver *raw)
{
    unsigned violations = launcher_violations(raw->dev);

    if (violations != 0)
        launcher_report(raw->dev, stderr);
    forget_queues(raw);
    launcher_free(raw->dev);
    free(raw->memory);
    free(raw);
    if (violations != 0)
        fail_msg("the launcher saw %u violations", violations);
}

void raw_expect(struct raw_driver *raw, const char *id)
{
    const struct launcher_violation *first = launcher_first_violation(raw->dev);

    if (first == NULL)
        fail_msg("no violation was seen, and %s was expected", id);
    if (strcmp(first->id, id) != 0) {
        launcher_report(raw->dev, stderr);
        fail_msg("the first violation is of %s, and %s was expected", first->id, id);
    }
    launcher_forget_violations(raw->dev);
}

void raw_expect_among(struct raw_driver *raw, const char *id)
{
    const struct launcher_violation *at = launcher_first_violation(raw->dev);

    while (at != NULL && strcmp(at->id, id) != 0)
        at = at->next;
    if (at == NULL) {
        launcher_report(raw->dev, stderr);
        fail_msg("no violation of %s was seen", id);
    }
    launcher_forget_violations(raw->dev);
}

/* ---- Registers ---- */

uint32_t raw_get(struct raw_driver *raw, size_t offset, size_t width)
{
    assert_true(raw->common.there);
    return launcher_read(raw->dev, raw->common.region, raw->common.offset + offset,
                         (unsigned)width);
}

void raw_set(struct raw_driver *raw, size_t offset, size_t width, uint32_t value)
{
    assert_true(raw->common.there);
    launcher_write(raw->dev, raw->common.region, raw->common.offset + offset, (unsigned)width,
                   value);
}

void raw_set_address(struct raw_driver *raw, size_t offset, uint64_t value)
{
    raw_set(raw, offset, 4, (uint32_t)value);
    raw_set(raw, offset + 4, 4, (uint32_t)(value >> 32));
}

uint32_t raw_config(struct raw_driver *raw, size_t offset, size_t width)
{
    assert_true(raw->config.there);
    return launcher_read(raw->dev, raw->config.region, raw->config.offset + offset,
                         (unsigned)width);
}

uint8_t raw_status(struct raw_driver *raw)
{
    return (uint8_t)raw_get(raw, RAW_COMMON(device_status));
}

void raw_add_status(struct raw_driver *raw, uint8_t bits)
{
    raw_set(raw, RAW_COMMON(device_status), raw_status(raw) | bits);
}

uint64_t raw_offered(struct raw_driver *raw)
{
    uint64_t features = 0;

    for (uint32_t word = 0; word < 2; word++) {
        raw_set(raw, RAW_COMMON(device_feature_select), word);
        features |= (uint64_t)raw_get(raw, RAW_COMMON(device_feature)) << 32 * word;
    }
    return features;
}

void raw_accept(struct raw_driver *raw, uint64_t features)
{
    for (uint32_t word = 0; word < 2; word++) {
        raw_set(raw, RAW_COMMON(driver_feature_select), word);
        raw_set(raw, RAW_COMMON(driver_feature), (uint32_t)(features >> 32 * word));
    }
    raw->features = features;
}

/* ---- Life ---- */

bool raw_reset(struct raw_driver *raw)
{
    raw_set(raw, RAW_COMMON(device_status), 0);
    for (unsigned polls = 0; polls < RESET_POLLS; polls++)
        if (raw_status(raw) == 0) {
            forget_queues(raw);
            raw->features = 0;
            return true;
        }
    return false;
}

bool raw_start(struct raw_driver *raw, uint64_t features)
{
    uint64_t wanted = features | 1ull << VIRTIO_F_VERSION_1;

    if (!raw_reset(raw))
        fail_msg("the device was not reset within %d polls", RESET_POLLS);
    raw_add_status(raw, VIRTIO_STATUS_ACKNOWLEDGE);
    raw_add_status(raw, VIRTIO_STATUS_DRIVER);
    if ((wanted & ~raw_offered(raw)) != 0)
        fail_msg("features 0x%llx are not offered",
                 (unsigned long long)(wanted & ~raw_offered(raw)));
    raw_accept(raw, wanted);
    raw_add_status(raw, VIRTIO_STATUS_FEATURES_OK);
    return (raw_status(raw) & VIRTIO_STATUS_FEATURES_OK) != 0;
}

void raw_live(struct raw_driver *raw)
{
    raw_add_status(raw, VIRTIO_STATUS_DRIVER_OK);
}

void raw_run(struct raw_driver *raw, uint64_t ns)
{
    raw->now += ns;
    launcher_run(raw->dev, raw->now);
}
