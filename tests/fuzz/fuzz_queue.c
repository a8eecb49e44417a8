/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A device that answers anything: what stands in the rings at each load, every register, every status byte and length is
 * the input. The drivers may fail in any way they state, but end; never use memory that is not theirs; never give back
 * what the device may still write; and undo every mapping once the device is reset.
 */
#define VIRTIO_ACCESS_HOOK "tests/unit/support/access_hook.h"
#include "virtio/split.c"

#include <stdlib.h>

#include "drivers/blk.h"
#include "drivers/console.h"
#include "tests/fuzz/support/check.h"

enum {
    REGION = 0,
    COMMON = 0,
    NOTIFY = 64,
    CONFIG = 128,
    BAR_BYTES = 256,
    MAPS = 4096,
    LOADS_MAX = 4000000,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct {
    const uint8_t *input, *end;
    uint8_t pci[256];
    uint64_t features;
    uint8_t status, select;
    uint16_t queue_max;
    uint64_t now;
    unsigned loads;
    bool mapped[MAPS];
    unsigned maps, maps_live;
    struct virtio_device dev;
    struct virtio_env env;
} host;

static uint8_t next(void)
{
    return host.input < host.end ? *host.input++ : 0;
}

static uint32_t next32(void)
{
    return (uint32_t)next() << 24 | (uint32_t)next() << 16 | (uint32_t)next() << 8 | next();
}

/* ---- The rings ---- */

static struct virtqueue *queue_at(const void *p, bool *index)
{
    for (struct virtqueue *queue = host.dev.queues; queue != NULL; queue = queue->next) {
        *index = p == &queue->used->idx;
        if (*index || (p >= (const void *)queue->used_ring &&
                       p < (const void *)(queue->used_ring + queue->size)))
            return queue;
    }
    return NULL;
}

/* The head of some chain in flight, whose last byte, which may be a status, the device writes now. */
static uint32_t some_head(const struct virtqueue *queue, uint8_t choice)
{
    for (unsigned i = 0; i < queue->size; i++) {
        unsigned id = (choice + i) % queue->size;
        const struct virtq_shadow *shadow = &queue->shadow[id];

        if (shadow->request == NULL)
            continue;
        if (shadow->writable > 0) {
            const struct virtio_piece *piece = &queue->shadow[shadow->last].piece;

            ((uint8_t *)piece->pointer)[piece->length - 1] = next() & 0x83;
        }
        return id;
    }
    return choice;
}

/* Half of all loads are answered as a device would, so that the drivers get somewhere; the rest is the input. */
static uint64_t load(const void *p, unsigned width, uint64_t actual)
{
    uint8_t choice = next();
    bool index;
    const struct virtqueue *queue = queue_at(p, &index);

    CHECK(++host.loads < LOADS_MAX);
    if (choice >= 0xc0)
        return next32() & (width == 2 ? 0xffff : 0xffffffff);
    if (queue == NULL)
        return actual;
    if (index)
        return (uint16_t)(queue->used_idx + (choice < 0x80 && queue->in_flight > 0));
    if (((uintptr_t)p - (uintptr_t)queue->used_ring) % sizeof(struct virtq_used_elem) == 0)
        return some_head(queue, choice);
    return choice < 0x80 ? 1u << (choice % 24) : choice;
}

static void stored(const void *p, unsigned width, uint64_t value)
{
    (void)p;
    (void)width;
    (void)value;
}

static void barrier(enum access_barrier which)
{
    (void)which;
}

struct access_hook access_hook = {load, stored, barrier};

/* ---- Registers: the life cycle is honest where the input says so ---- */

static uint32_t io_read(void *ctx, unsigned region, uint64_t offset, unsigned width)
{
    uint32_t value = 0;
    uint8_t choice;

    (void)ctx;
    if (region == VIRTIO_IO_PCI_CONFIG) {
        memcpy(&value, host.pci + offset, width);
        return value;
    }
    CHECK(region == REGION && offset + width <= BAR_BYTES);
    choice = next();
    if (choice >= 0xf0)
        return next32() & (0xffffffffu >> (32 - 8 * width));
    switch (offset) {
    case offsetof(struct virtio_pci_common_cfg, device_status):
        return host.status;
    case offsetof(struct virtio_pci_common_cfg, device_feature):
        return (uint32_t)(host.features >> (32 * (host.select & 1)));
    case offsetof(struct virtio_pci_common_cfg, queue_size):
        return host.queue_max;
    case offsetof(struct virtio_pci_common_cfg, config_generation):
    case offsetof(struct virtio_pci_common_cfg, queue_notify_off):
        return 0;
    default: /* the device's own configuration */
        return choice < 0x80 ? 1u << choice % 32 : choice;
    }
}

static void io_write(void *ctx, unsigned region, uint64_t offset, unsigned width, uint32_t value)
{
    (void)ctx;
    if (region == VIRTIO_IO_PCI_CONFIG) {
        memcpy(host.pci + offset, &value, width);
        return;
    }
    CHECK(region == REGION && offset + width <= BAR_BYTES);
    if (offset == offsetof(struct virtio_pci_common_cfg, device_status))
        host.status = (uint8_t)value;
    else if (offset == offsetof(struct virtio_pci_common_cfg, device_feature_select))
        host.select = (uint8_t)value;
    else if (offset == offsetof(struct virtio_pci_common_cfg, queue_size))
        host.queue_max = (uint16_t)value;
}

static uint64_t io_size(void *ctx, unsigned region)
{
    (void)ctx;
    return region == REGION ? BAR_BYTES : 0;
}

static void capability(unsigned at, unsigned following, unsigned type, uint32_t offset)
{
    const uint8_t cap[] = {9, (uint8_t)following, 20, (uint8_t)type, REGION, 0, 0, 0};
    const uint32_t window[] = {offset, type == VIRTIO_PCI_CAP_DEVICE_CFG ? 128 : 64, 0};

    memcpy(host.pci + at, cap, sizeof(cap));
    memcpy(host.pci + at + sizeof(cap), window, sizeof(window));
}

static void plug_in(unsigned id)
{
    memcpy(host.pci, "\xf4\x1a\x40\x10", 4);
    host.pci[2] = (uint8_t)(0x40 + id);
    host.pci[6] = 0x10;
    host.pci[0x34] = 0x40;
    capability(0x40, 0x60, VIRTIO_PCI_CAP_COMMON_CFG, COMMON);
    capability(0x60, 0x80, VIRTIO_PCI_CAP_NOTIFY_CFG, NOTIFY);
    capability(0x80, 0, VIRTIO_PCI_CAP_DEVICE_CFG, CONFIG);
}

/* ---- Memory ---- */

static uint64_t now_ns(void *ctx)
{
    (void)ctx;
    host.now += 500000;
    return host.now;
}

static int map(void *ctx, void *p, size_t length, enum virtio_dir dir, uint64_t *bus, void **token)
{
    (void)ctx;
    (void)dir;
    CHECK(length > 0);
    if (host.maps == MAPS || next() == 0xee)
        return -1;
    *bus = (uint64_t)(uintptr_t)p + 0x100000000;
    host.mapped[host.maps] = true;
    host.maps_live++;
    *token = &host.mapped[host.maps++];
    return 0;
}

static void unmap(void *ctx, void *token)
{
    bool *mapped = token;

    (void)ctx;
    CHECK(*mapped);
    *mapped = false;
    host.maps_live--;
}

static void take_log(void *ctx, enum virtio_level level, const char *message)
{
    (void)ctx;
    (void)level;
    CHECK(strlen(message) < 200);
}

/* ---- What the drivers are asked for ---- */

static void check_own(const struct virtio_blk *blk, int error)
{
    unsigned in_flight = 0;

    for (unsigned i = 0; i < VIRTIO_BLK_DEPTH; i++)
        in_flight += blk->own[i].request.state == VIRTIO_REQUEST_DEVICE;
    /* An operation that has returned has left nothing with the device, unless that is stuck. */
    CHECK(in_flight == 0 || host.dev.state == VIRTIO_STUCK);
    CHECK(error <= 0);
}

static void blk_operation(struct virtio_blk *blk, uint8_t *bytes, size_t size)
{
    struct virtio_blk_extent extents[3];
    char id[VIRTIO_BLK_ID_BYTES + 1];
    uint8_t choice = next();
    int error = 0;

    for (unsigned i = 0; i < 3; i++) {
        uint64_t length = (uint64_t)(next() % 32) * VIRTIO_BLK_SECTOR;

        extents[i] = (struct virtio_blk_extent){next() % 64, bytes, length < size ? length : size};
    }
    switch (choice % 7) {
    case 0:
    case 1:
        error = virtio_blk_read(blk, extents, 1 + choice / 7 % 3);
        break;
    case 2:
        error = virtio_blk_write(blk, extents, 1 + choice / 7 % 3);
        break;
    case 3:
        error = virtio_blk_flush(blk);
        break;
    case 4:
        error = virtio_blk_discard(blk, extents[0].sector, extents[0].length);
        break;
    case 5:
        error = virtio_blk_write_zeroes(blk, extents[0].sector, extents[0].length, choice > 99);
        break;
    default:
        error = virtio_blk_get_id(blk, id);
        break;
    }
    check_own(blk, error);
    if (host.dev.state == VIRTIO_CLEAN)
        (void)virtio_restart(&host.dev);
}

/* Requests of the caller's own: given back when they are used or dead, and only then. */
static void blk_requests(struct virtio_blk *blk, uint8_t *bytes)
{
    static const enum virtio_blk_req_type types[] = {
        VIRTIO_BLK_T_IN,           VIRTIO_BLK_T_OUT,     VIRTIO_BLK_T_FLUSH,
        VIRTIO_BLK_T_GET_ID,       VIRTIO_BLK_T_DISCARD, VIRTIO_BLK_T_WRITE_ZEROES,
        VIRTIO_BLK_T_SECURE_ERASE, VIRTIO_BLK_T_IN,
    };
    struct virtio_blk_request requests[8] = {{{0}, VIRTIO_BLK_T_IN, 0, NULL, 0, false, 0, 0}};
    struct virtio_blk_request *done;
    int error = 0;

    for (unsigned i = 0; i < 8; i++) {
        requests[i].type = types[next() % 8];
        requests[i].sector = next();
        requests[i].data = bytes + i * 1024;
        requests[i].length = (uint32_t)(next() % 3) * VIRTIO_BLK_SECTOR;
        (void)virtio_blk_submit(blk, &requests[i]);
        if (next() % 4 == 0)
            virtio_blk_kick(blk);
    }
    virtio_blk_kick(blk);
    while (error == 0 && virtqueue_in_flight(blk->queue) > 0) {
        error = virtio_blk_wait(blk, &done);
        CHECK((error == 0) == (done != NULL));
        CHECK(done == NULL || done->request.state == VIRTIO_REQUEST_DONE);
    }
    for (unsigned i = 0; i < 8; i++)
        CHECK(requests[i].request.state != VIRTIO_REQUEST_DEVICE || host.dev.state == VIRTIO_STUCK);
    if (host.dev.state == VIRTIO_CLEAN)
        (void)virtio_restart(&host.dev);
}

static void drive_blk(struct virtio_bus *bus)
{
    static struct virtio_blk blk;
    size_t size = 16 * VIRTIO_BLK_SECTOR;
    uint8_t *bytes = malloc(size);

    CHECK(bytes != NULL);
    blk = (struct virtio_blk){0};
    if (virtio_claim(bus, &host.dev, &virtio_blk_driver, &blk) == 0) {
        CHECK(blk.block_size >= VIRTIO_BLK_SECTOR && blk.seg_max > 0);
        for (unsigned i = 0; i < 16 && host.dev.state == VIRTIO_LIVE; i++)
            if (next() % 4 == 0)
                blk_requests(&blk, bytes);
            else
                blk_operation(&blk, bytes, size);
        (void)virtio_release(bus, &host.dev);
    }
    free(bytes);
}

static void drive_console(struct virtio_bus *bus)
{
    static struct virtio_console console;

    console = (struct virtio_console){0};
    if (virtio_claim(bus, &host.dev, &virtio_console_driver, &console) != 0)
        return;
    for (unsigned i = 0; i < 32 && host.dev.state == VIRTIO_LIVE; i++) {
        uint8_t bytes[600] = {0};
        uint8_t choice = next();
        size_t length;

        bytes[choice] = '\n';
        if (choice % 3 == 0)
            (void)virtio_console_write(&console, bytes, (size_t)choice * 2);
        else if (choice % 3 == 1)
            (void)virtio_console_flush(&console);
        else
            (void)virtio_console_read(&console, bytes, choice, &length);
        if (host.dev.state == VIRTIO_CLEAN)
            (void)virtio_restart(&host.dev);
    }
    (void)virtio_release(bus, &host.dev);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct virtio_io io = {.read = io_read, .write = io_write, .size = io_size};
    struct virtio_bus bus = {0};
    size_t dma, priv;
    bool console;

    memset(&host, 0, sizeof(host));
    host.input = data;
    host.end = data + size;
    console = (next() & 1) != 0;
    host.features = 1ull << VIRTIO_F_VERSION_1 | next32();
    host.queue_max = (uint16_t)(1u << next() % 8);
    plug_in(console ? VIRTIO_ID_CONSOLE : VIRTIO_ID_BLOCK);
    virtio_memory_needed(&host.dev, console ? &virtio_console_driver : &virtio_blk_driver, 64, &dma,
                         &priv);
    CHECK(posix_memalign(&host.env.dma, 4096, dma) == 0);
    host.env.priv = malloc(priv);
    CHECK(host.env.priv != NULL);
    host.env.dma_len = dma;
    host.env.priv_len = priv;
    host.env.dma_bus = 0x200000000;
    host.env.now_ns = now_ns;
    host.env.log = take_log;
    host.env.map = map;
    host.env.unmap = unmap;
    host.env.deadlines = (struct virtio_deadlines){10000000, 10000000, 10000000};

    CHECK(virtio_pci_init(&host.dev, "fuzz", &io, NULL, &host.env) == 0);
    if (virtio_discover(&bus, &host.dev) == 0) {
        if (console)
            drive_console(&bus);
        else
            drive_blk(&bus);
    }
    (void)virtio_handoff(&bus);
    CHECK(host.dev.state == VIRTIO_CLEAN || host.dev.state == VIRTIO_STUCK);
    CHECK(host.maps_live == 0 || host.dev.state == VIRTIO_STUCK);
    free(host.env.dma);
    free(host.env.priv);
    return 0;
}
