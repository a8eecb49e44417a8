/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A block driver that has nothing to do with Slate, and how the launcher judges it. All that it uses is launcher/launcher.h
 * and liblauncher.a; the driver brings its own registers and rings, as a firmware's does. It writes a sector, reads it back and
 * hands the disk over clean. With --hasty it does not read status back after FEATURES_OK, which the launcher says.
 *
 * The upper half is what a firmware replaces by its own driver; the lower half is the platform under it: register accesses
 * and memory that lead to the launcher instead of a machine.
 */
#include <stdio.h>
#include <string.h>

#include "launcher/launcher.h"

/* ---- The platform, as the driver knows it ---- */

enum { CONFIG_SPACE = 6, SECTOR = 512 };

static uint32_t io_read(unsigned region, uint64_t offset, unsigned width);
static void io_write(unsigned region, uint64_t offset, unsigned width, uint32_t value);
static void full_barrier(void);
static void idle(void);

/* Memory that both sides see: what lies at `dma.field` has the bus address BUS(field). */
static struct {
    struct {
        uint64_t address;
        uint32_t length;
        uint16_t flags, next;
    } desc[8];
    struct {
        uint16_t flags, index, ring[8];
    } avail;
    uint8_t gap[4]; /* the used ring begins at a multiple of 4 */
    struct {
        uint16_t flags, index;
        struct {
            uint32_t id, length;
        } ring[8];
    } used;
    struct {
        uint32_t type, reserved;
        uint64_t sector;
    } header;
    uint8_t before[16]; /* pieces that touch could be one (2.7.4.2) */
    uint8_t data[SECTOR], behind[15], status;
} dma __attribute__((aligned(16)));

#define DMA_BASE   0x40000000ull
#define BUS(field) (DMA_BASE + offsetof(__typeof__(dma), field))

/* ---- The driver ---- */

struct window {
    unsigned bar;
    uint32_t offset;
};

static struct disk {
    struct window common, notify, device;
    uint32_t notify_step;
    uint16_t taken; /* used entries seen */
    uint64_t notify_at, sectors;
} disk;

static uint32_t get(unsigned offset, unsigned width)
{
    return io_read(disk.common.bar, disk.common.offset + offset, width);
}

static void set(unsigned offset, unsigned width, uint32_t value)
{
    io_write(disk.common.bar, disk.common.offset + offset, width, value);
}

/* Registers of the common configuration. */
enum {
    DEVICE_SELECT = 0,
    DEVICE_BITS = 4,
    DRIVER_SELECT = 8,
    DRIVER_BITS = 12,
    STATUS = 20,
    GENERATION = 21,
    QUEUE_SELECT = 22,
    QUEUE_SIZE = 24,
    QUEUE_ENABLE = 28,
    QUEUE_NOTIFY = 30,
    QUEUE_DESC = 32,
    QUEUE_AVAIL = 40,
    QUEUE_USED = 48
};

static int find(void)
{
    /* A platform without firmware: give BAR 4 an address, and turn memory and bus mastering on. */
    io_write(CONFIG_SPACE, 0x20, 4, 0xfe000000);
    io_write(CONFIG_SPACE, 0x24, 4, 0);
    io_write(CONFIG_SPACE, 0x04, 2, 6);
    for (unsigned hops = 0, at = io_read(CONFIG_SPACE, 0x34, 1); at != 0 && hops < 48; hops++) {
        struct window here = {.bar = io_read(CONFIG_SPACE, at + 4, 1),
                              .offset = io_read(CONFIG_SPACE, at + 8, 4)};
        unsigned type = io_read(CONFIG_SPACE, at + 3, 1);

        if (io_read(CONFIG_SPACE, at, 1) == 9 && type == 1)
            disk.common = here;
        if (io_read(CONFIG_SPACE, at, 1) == 9 && type == 2) {
            disk.notify = here;
            disk.notify_step = io_read(CONFIG_SPACE, at + 16, 4);
        }
        if (io_read(CONFIG_SPACE, at, 1) == 9 && type == 4)
            disk.device = here;
        at = io_read(CONFIG_SPACE, at + 1, 1);
    }
    return disk.common.bar != 0 && disk.notify.bar != 0 && disk.device.bar != 0 ? 0 : -1;
}

static int reset(void)
{
    set(STATUS, 1, 0);
    for (int polls = 0; polls < 1000; polls++)
        if (get(STATUS, 1) == 0)
            return 0;
    return -1;
}

static int negotiate(int hasty)
{
    set(STATUS, 1, 1);
    set(STATUS, 1, 1 | 2);
    for (uint32_t word = 0; word < 2; word++) {
        set(DEVICE_SELECT, 4, word);
        set(DRIVER_SELECT, 4, word);
        /* Of all that is offered, VERSION_1 alone. */
        set(DRIVER_BITS, 4, get(DEVICE_BITS, 4) & (word == 1));
    }
    set(STATUS, 1, 1 | 2 | 8);
    return hasty || (get(STATUS, 1) & 8) != 0 ? 0 : -1;
}

static void set_address(unsigned offset, uint64_t address)
{
    set(offset, 4, (uint32_t)address);
    set(offset + 4, 4, (uint32_t)(address >> 32));
}

static int set_up(void)
{
    unsigned before, tries = 0;

    do {
        before = get(GENERATION, 1);
        disk.sectors = io_read(disk.device.bar, disk.device.offset, 4);
        disk.sectors |= (uint64_t)io_read(disk.device.bar, disk.device.offset + 4, 4) << 32;
    } while (get(GENERATION, 1) != before && ++tries < 10);

    memset(&dma, 0, sizeof(dma));
    set(QUEUE_SELECT, 2, 0);
    if (get(QUEUE_SIZE, 2) < 8)
        return -1;
    set(QUEUE_SIZE, 2, 8);
    set_address(QUEUE_DESC, BUS(desc));
    set_address(QUEUE_AVAIL, BUS(avail));
    set_address(QUEUE_USED, BUS(used));
    disk.notify_at = disk.notify.offset + (uint64_t)get(QUEUE_NOTIFY, 2) * disk.notify_step;
    disk.taken = 0;
    dma.avail.flags = 1; /* all is polled */
    set(QUEUE_ENABLE, 2, 1);
    set(STATUS, 1, 1 | 2 | 4 | 8);
    return 0;
}

/* One sector; 0 or -1. */
static int transfer(int write, uint64_t sector)
{
    dma.header.type = write ? 1 : 0;
    dma.header.reserved = 0;
    dma.header.sector = sector;
    dma.status = 0xff;
    dma.desc[0].address = BUS(header);
    dma.desc[0].length = sizeof(dma.header);
    dma.desc[0].flags = 1; /* next */
    dma.desc[0].next = 1;
    dma.desc[1].address = BUS(data);
    dma.desc[1].length = SECTOR;
    dma.desc[1].flags = write ? 1 : 1 | 2; /* next, and for the device to write */
    dma.desc[1].next = 2;
    dma.desc[2].address = BUS(status);
    dma.desc[2].length = 1;
    dma.desc[2].flags = 2;
    dma.avail.ring[dma.avail.index % 8] = 0;
    full_barrier();
    dma.avail.index++;
    full_barrier();
    if ((dma.used.flags & 1) == 0)
        io_write(disk.notify.bar, disk.notify_at, 2, 0);
    for (int polls = 0; dma.used.index == disk.taken; polls++) {
        if (polls == 1000)
            return -1; /* a firmware would reset the disk before it uses the memory again */
        idle();
    }
    full_barrier();
    disk.taken++;
    return dma.status == 0 ? 0 : -1;
}

static int run(int hasty)
{
    int error = find() != 0 || reset() != 0 || negotiate(hasty) != 0 || set_up() != 0;

    if (!error) {
        memset(dma.data, 0x5a, SECTOR);
        error = transfer(1, disk.sectors - 1) != 0;
        memset(dma.data, 0, SECTOR);
        error |= transfer(0, disk.sectors - 1) != 0;
        error |= dma.data[0] != 0x5a || dma.data[SECTOR - 1] != 0x5a;
    }
    return reset() != 0 || error;
}

/* ---- The platform: the launcher ---- */

static struct launcher_device *device;
static uint64_t now;

static uint32_t io_read(unsigned region, uint64_t offset, unsigned width)
{
    return launcher_read(device, region, offset, width);
}

static void io_write(unsigned region, uint64_t offset, unsigned width, uint32_t value)
{
    launcher_write(device, region, offset, width, value);
}

/* The barriers are judged as well, if the launcher is told of them. This driver has one kind for all. */
static void full_barrier(void)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    launcher_barrier(device, LAUNCHER_BARRIER_PUBLISH);
    launcher_barrier(device, LAUNCHER_BARRIER_NOTIFY);
    launcher_barrier(device, LAUNCHER_BARRIER_CONSUME);
}

static void idle(void)
{
    now += 1000;
    launcher_run(device, now);
}

static void *reach(uint64_t address, size_t length)
{
    if (address < DMA_BASE || length > sizeof(dma) || address - DMA_BASE > sizeof(dma) - length)
        return NULL;
    return (uint8_t *)&dma + (address - DMA_BASE);
}

static bool memory_read(void *ctx, uint64_t address, void *to, size_t length)
{
    void *from = reach(address, length);

    (void)ctx;
    if (from != NULL)
        memcpy(to, from, length);
    return from != NULL;
}

static bool memory_write(void *ctx, uint64_t address, const void *from, size_t length)
{
    void *to = reach(address, length);

    (void)ctx;
    if (to != NULL)
        memcpy(to, from, length);
    return to != NULL;
}

int main(int argc, char **argv)
{
    const struct launcher_options options = {
        .type = VIRTIO_ID_BLOCK,
        .front = LAUNCHER_PCI,
        .sectors = 2048,
        .latency_ns = 50000,
        .memory = {.read = memory_read, .write = memory_write},
    };
    int failed;

    device = launcher_new(&options);
    if (device == NULL) {
        perror("launcher_new");
        return 2;
    }
    failed = run(argc > 1 && strcmp(argv[1], "--hasty") == 0);
    printf("the driver %s; %u violations\n", failed ? "failed" : "works",
           launcher_violations(device));
    launcher_report(device, stdout);
    failed |= launcher_violations(device) != 0;
    launcher_free(device);
    return failed;
}
