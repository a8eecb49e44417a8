/* SPDX-License-Identifier: BSD-2-Clause */
/* The machine with a descriptor page: accesses, memory, clock. */
#include "tests/unit/support/page_machine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "drivers/blk.h"
#include "launcher/blk.h"
#include "launcher/guest/lguest.h"
#include "launcher/page.h"

enum {
    DISK_SECTORS = 64,
    TICK_NS = 1000,
    RESET_NS = 20 * 1000 * 1000,
    REQUEST_NS = 50 * 1000 * 1000,
};

/* Bus addresses: the rings of a device, and what is mapped, each mapping a MiB of its own. */
#define RINGS_BUS   0x10000000ull
#define MAPPING_BUS 0x1000000000ull
#define MAPPING_GAP 0x100000ull

/* ---- Registers: one page for all devices ---- */

static uint32_t io_read(void *ctx, unsigned region, uint64_t offset, unsigned width)
{
    const struct page_machine *machine = ctx;

    return launcher_read(machine->devices[0]->host, region, offset, width);
}

static void io_write(void *ctx, unsigned region, uint64_t offset, unsigned width, uint32_t value)
{
    const struct page_machine *machine = ctx;

    launcher_write(machine->devices[0]->host, region, offset, width, value);
}

static uint64_t io_size(void *ctx, unsigned region)
{
    const struct page_machine *machine = ctx;

    return launcher_region_size(machine->devices[0]->host, region);
}

const struct virtio_io page_machine_io = {.read = io_read, .write = io_write, .size = io_size};

/* ---- Memory ---- */

/* Where a device finds `length` bytes, if it may. */
static uint8_t *reach(struct page_device *device, uint64_t address, size_t length, bool write)
{
    uint64_t offset = address - RINGS_BUS;
    const struct page_mapping *mapping;

    if (address >= RINGS_BUS && offset < device->env.dma_len &&
        length <= device->env.dma_len - offset)
        return device->rings + offset;
    offset = (address - MAPPING_BUS) % MAPPING_GAP;
    mapping = &device->mappings[(address - MAPPING_BUS) / MAPPING_GAP % PAGE_MACHINE_MAPPINGS];
    if (address >= MAPPING_BUS && mapping->live && (mapping->from_device || !write) &&
        offset < mapping->length && length <= mapping->length - offset)
        return mapping->pointer + offset;
    device->machine->unmapped_uses++;
    return NULL;
}

static bool host_read(void *ctx, uint64_t address, void *to, size_t length)
{
    const uint8_t *at = reach(ctx, address, length, false);

    if (at != NULL)
        memcpy(to, at, length);
    return at != NULL;
}

static bool host_write(void *ctx, uint64_t address, const void *from, size_t length)
{
    uint8_t *at = reach(ctx, address, length, true);

    if (at != NULL)
        memcpy(at, from, length);
    return at != NULL;
}

static int map(void *ctx, void *pointer, size_t length, enum virtio_dir dir, uint64_t *bus,
               void **token)
{
    struct page_device *device = ctx;
    unsigned index = device->mapped++ % PAGE_MACHINE_MAPPINGS;
    struct page_mapping *mapping = &device->mappings[index];

    if (mapping->live || length > MAPPING_GAP)
        return -1;
    *mapping = (struct page_mapping){pointer, length, true, dir == VIRTIO_FROM_DEVICE};
    *bus = MAPPING_BUS + index * MAPPING_GAP;
    *token = mapping;
    return 0;
}

static void unmap(void *ctx, void *token)
{
    (void)ctx;
    assert_true(((struct page_mapping *)token)->live);
    ((struct page_mapping *)token)->live = false;
}

/* ---- Time and log ---- */

static uint64_t now_ns(void *ctx)
{
    struct page_machine *machine = ((struct page_device *)ctx)->machine;

    machine->now += machine->tick_ns;
    for (unsigned i = 0; i < machine->count; i++)
        launcher_run(machine->devices[i]->host, machine->now);
    return machine->now;
}

static void log_line(void *ctx, enum virtio_level level, const char *message)
{
    struct page_machine *machine = ((struct page_device *)ctx)->machine;
    size_t used = strlen(machine->log);

    (void)level;
    if (used + strlen(message) + 2 < sizeof(machine->log)) {
        strcat(machine->log, message);
        strcat(machine->log, "\n");
    }
}

/* ---- The machine ---- */

struct page_machine *page_machine_new(void)
{
    struct page_machine *machine = calloc(1, sizeof(*machine));

    assert_non_null(machine);
    machine->page = launcher_page_new(PAGE_MACHINE_PAGE);
    machine->tick_ns = TICK_NS;
    return machine;
}

struct page_device *page_machine_plug(struct page_machine *machine,
                                      const struct launcher_options *options)
{
    struct page_device *device = calloc(1, sizeof(*device));
    struct launcher_options complete = *options;

    assert_non_null(device);
    assert_true(machine->count < PAGE_MACHINE_DEVICES);
    complete.front = LAUNCHER_PAGE;
    complete.page = machine->page;
    complete.memory = (struct launcher_memory){host_read, host_write, device};
    device->machine = machine;
    device->host = launcher_new(&complete);
    assert_non_null(device->host);
    device->env = (struct virtio_env){
        .dma_bus = RINGS_BUS,
        .now_ns = now_ns,
        .map = map,
        .unmap = unmap,
        .log = log_line,
        .ctx = device,
        .deadlines = {RESET_NS, REQUEST_NS, REQUEST_NS},
    };
    machine->devices[machine->count++] = device;
    return device;
}

unsigned page_machine_find(struct page_machine *machine)
{
    static const char *const names[] = {"0", "1", "2", "3", "4", "5", "6", "7"};
    unsigned at = 0, found = 0;

    for (; found < machine->count; found++) {
        struct page_device *device = machine->devices[found];

        if (lguest_init(&device->dev, names[found], &page_machine_io, machine, &device->env,
                        PAGE_MACHINE_PAGE, &at) != 0)
            break;
        (void)virtio_discover(&machine->bus, &device->dev);
    }
    return found;
}

void page_machine_give(struct page_device *device, const struct virtio_driver *driver,
                       unsigned size)
{
    size_t dma, priv;

    virtio_memory_needed(&device->dev, driver, size, &dma, &priv);
    free(device->rings);
    free(device->env.priv);
    assert_int_equal(posix_memalign((void **)&device->rings, 4096, dma), 0);
    memset(device->rings, 0xa5, dma);
    device->env.dma = device->rings;
    device->env.dma_len = dma;
    device->env.priv = malloc(priv);
    assert_non_null(device->env.priv);
    memset(device->env.priv, 0x5a, priv);
    device->env.priv_len = priv;
}

static unsigned end_device(struct page_device *device)
{
    unsigned violations = launcher_violations(device->host), left = 0;

    if (violations != 0)
        launcher_report(device->host, stderr);
    for (unsigned i = 0; i < PAGE_MACHINE_MAPPINGS; i++)
        left += device->mappings[i].live && device->dev.state != VIRTIO_STUCK;
    if (left != 0)
        print_error("%u mappings are left over\n", left);
    launcher_free(device->host);
    free(device->rings);
    free(device->env.priv);
    free(device);
    return violations + left;
}

void page_machine_free(struct page_machine *machine)
{
    unsigned wrong = machine->unmapped_uses;

    if (wrong != 0)
        print_error("the host used memory that is not its own %u times\n", wrong);
    for (unsigned i = 0; i < machine->count; i++)
        wrong += end_device(machine->devices[i]);
    launcher_page_free(machine->page);
    free(machine);
    assert_int_equal(wrong, 0);
}

/* ---- A disk ---- */

uint8_t page_machine_pattern(uint64_t byte)
{
    return (uint8_t)(byte * 7 + byte / VIRTIO_BLK_SECTOR + 1);
}

struct page_device *page_machine_disk(struct page_machine *machine, uint64_t latency_ns)
{
    uint8_t bytes[DISK_SECTORS * VIRTIO_BLK_SECTOR];
    struct page_device *device =
        page_machine_plug(machine, &(struct launcher_options){.type = VIRTIO_ID_BLOCK,
                                                              .sectors = DISK_SECTORS,
                                                              .latency_ns = latency_ns,
                                                              .queue_size = 128});

    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = page_machine_pattern(i);
    assert_true(launcher_blk_write(device->host, 0, bytes, DISK_SECTORS));
    assert_int_equal(page_machine_find(machine), machine->count);
    page_machine_give(device, &virtio_blk_driver, 128);
    return device;
}
