/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A PCI function that says anything about itself: configuration space, BAR sizes and every register are the input. No
 * access may leave a region, nothing but the command register and MSI-X control may be written, and the device ends reset
 * or stuck, without memory access.
 */
#include <stdlib.h>
#include <string.h>

#include "drivers/blk.h"
#include "drivers/console.h"
#include "tests/fuzz/support/check.h"

enum {
    CONFIG_BYTES = 256,
    ACCESSES_MAX = 200000,
    COMMAND = 4,
    MASTER = 4,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct function {
    const uint8_t *input, *end;
    uint8_t config[CONFIG_BYTES];
    uint64_t bars[VIRTIO_IO_REGIONS];
    uint8_t status;  /* as written */
    uint8_t honesty; /* of 8: how many bits of a choice make a register tell the truth */
    uint64_t now;
    unsigned accesses;
    struct virtio_device dev;
    struct virtio_env env;
};

static uint8_t next(struct function *f)
{
    return f->input < f->end ? *f->input++ : 0;
}

static uint64_t next_wide(struct function *f, unsigned bytes)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < bytes; i++)
        value = value << 8 | next(f);
    return value;
}

static void check_access(struct function *f, unsigned region, uint64_t offset, unsigned width)
{
    uint64_t bytes = region == VIRTIO_IO_PCI_CONFIG ? CONFIG_BYTES : 0;

    CHECK(region <= VIRTIO_IO_PCI_CONFIG);
    if (region < VIRTIO_IO_REGIONS)
        bytes = f->bars[region];
    CHECK(width == 1 || width == 2 || width == 4);
    CHECK(offset % width == 0);
    CHECK(offset <= bytes && width <= bytes - offset);
    CHECK(++f->accesses < ACCESSES_MAX);
}

static bool is_status(const struct function *f, unsigned region, uint64_t offset, unsigned width)
{
    if (width != 1)
        return false;
    if (f->dev.legacy)
        return region == 0 && offset == VIRTIO_PCI_LEGACY_DEVICE_STATUS;
    return region == f->dev.common.region &&
           offset == f->dev.common.offset + offsetof(struct virtio_pci_common_cfg, device_status);
}

static uint32_t io_read(void *ctx, unsigned region, uint64_t offset, unsigned width)
{
    struct function *f = ctx;
    uint32_t value = 0;

    check_access(f, region, offset, width);
    if (region == VIRTIO_IO_PCI_CONFIG) {
        memcpy(&value, f->config + offset, width);
        return value;
    }
    if (is_status(f, region, offset, width) && (next(f) | f->honesty) == 0xff)
        return f->status;
    return (uint32_t)(next_wide(f, width) & (0xffffffffull >> (32 - 8 * width)));
}

static void io_write(void *ctx, unsigned region, uint64_t offset, unsigned width, uint32_t value)
{
    struct function *f = ctx;

    check_access(f, region, offset, width);
    if (region == VIRTIO_IO_PCI_CONFIG) {
        bool msix = f->dev.pci_msix != 0 && offset == f->dev.pci_msix + 2u;

        CHECK(width == 2 && (offset == COMMAND || msix));
        memcpy(f->config + offset, &value, width);
        return;
    }
    if (is_status(f, region, offset, width))
        f->status = (uint8_t)value;
}

static uint64_t io_size(void *ctx, unsigned region)
{
    const struct function *f = ctx;

    CHECK(region < VIRTIO_IO_REGIONS);
    return f->bars[region];
}

static uint64_t now_ns(void *ctx)
{
    struct function *f = ctx;

    f->now += 1000000;
    return f->now;
}

static void take_log(void *ctx, enum virtio_level level, const char *message)
{
    (void)ctx;
    (void)level;
    CHECK(strlen(message) < 200);
}

static void check_window(const struct function *f, const struct virtio_window *window)
{
    if (window->length == 0)
        return;
    CHECK(window->region < VIRTIO_IO_REGIONS);
    CHECK(window->offset <= f->bars[window->region]);
    CHECK(window->length <= f->bars[window->region] - window->offset);
}

/* BARs of 0 bytes, of a few, of pages, and beyond 4 GiB. */
static uint64_t bar_size(uint8_t choice)
{
    return choice < 64 ? choice : 1ull << (choice % 48);
}

static void give_memory(struct function *f, const struct virtio_driver *driver)
{
    size_t dma, priv;

    virtio_memory_needed(&f->dev, driver, 64, &dma, &priv);
    CHECK(posix_memalign(&f->env.dma, 4096, dma) == 0);
    f->env.priv = malloc(priv);
    CHECK(f->env.priv != NULL);
    f->env.dma_len = dma;
    f->env.priv_len = priv;
}

static void claim(struct virtio_bus *bus, struct function *f)
{
    static struct virtio_blk blk;
    static struct virtio_console console;

    blk = (struct virtio_blk){0};
    console = (struct virtio_console){0};
    f->env.deadlines = (struct virtio_deadlines){5000000, 5000000, 5000000};
    if (f->dev.id == VIRTIO_ID_BLOCK && virtio_claim(bus, &f->dev, &virtio_blk_driver, &blk) == 0) {
        static uint8_t bytes[4096];
        struct virtio_blk_extent extent = {.data = bytes, .length = blk.block_size};

        CHECK(f->dev.state == VIRTIO_LIVE);
        if (extent.length <= sizeof(bytes))
            (void)virtio_blk_read(&blk, &extent, 1);
    }
    if (f->dev.id == VIRTIO_ID_CONSOLE &&
        virtio_claim(bus, &f->dev, &virtio_console_driver, &console) == 0) {
        CHECK(f->dev.state == VIRTIO_LIVE);
        (void)virtio_console_write(&console, "hello\n", 6);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct virtio_io io = {.read = io_read, .write = io_write, .size = io_size};
    struct function f = {.input = data, .end = data + size};
    struct virtio_bus bus = {0};

    if (size < CONFIG_BYTES + VIRTIO_IO_REGIONS + 1)
        return -1;
    memcpy(f.config, data, CONFIG_BYTES);
    f.input += CONFIG_BYTES;
    f.config[0] = 0xf4, f.config[1] = 0x1a,
    f.config[3] = 0x10; /* no time is lost on finding these */
    for (unsigned i = 0; i < VIRTIO_IO_REGIONS; i++)
        f.bars[i] = bar_size(next(&f));
    f.honesty = next(&f);
    f.env.now_ns = now_ns;
    f.env.log = take_log;
    f.env.ctx = &f;
    if (virtio_pci_init(&f.dev, "fuzz", &io, &f, &f.env) == 0) {
        unsigned stuck;

        check_window(&f, &f.dev.common);
        check_window(&f, &f.dev.notify);
        check_window(&f, &f.dev.config);
        give_memory(&f,
                    f.dev.id == VIRTIO_ID_CONSOLE ? &virtio_console_driver : &virtio_blk_driver);
        if (virtio_discover(&bus, &f.dev) == 0)
            claim(&bus, &f);
        stuck = virtio_handoff(&bus);
        CHECK(f.dev.state == (stuck == 1 ? VIRTIO_STUCK : VIRTIO_CLEAN));
        CHECK((f.config[COMMAND] & MASTER) == 0);
        CHECK(f.dev.pci_msix == 0 || f.dev.pci_msix == COMMAND ||
              (f.config[f.dev.pci_msix + 3] & 0x80) == 0);
    }
    free(f.env.dma);
    free(f.env.priv);
    return 0;
}
