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
        return (uint16_t)(queue->used_idx + (choice < 0x80 && virtqueue_in_flight(queue) > 0));
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

/* ---- Queues without a device type: ordinary requests and chains that stay built, mixed as the input says ---- */

enum { REQUESTS = 12, CHAINS_MAX = 24 };

static struct {
    struct virtqueue *queue;
    uint16_t chains[CHAINS_MAX];
    unsigned chain_count;
    struct {
        struct virtio_request request;
        uint64_t writable; /* bytes */
        unsigned pieces;   /* of an ordinary one; 0: it goes through a chain */
    } requests[REQUESTS];
} plain;

static int plain_probe(struct virtio_device *dev)
{
    static uint8_t outside[16];
    unsigned wanted = next() % CHAINS_MAX;
    int error = virtqueue_create(dev, 0, 64, &plain.queue);

    plain.chain_count = 0;
    if (error != 0)
        return error;
    for (unsigned i = 0; i < wanted; i++) {
        unsigned room = virtqueue_free(plain.queue);
        struct virtio_piece before = {virtio_dma_alloc(dev, 16, 1), next() % 20};
        struct virtio_piece after = {virtio_dma_alloc(dev, 8, 1), next() % 10};

        if (before.pointer == NULL || after.pointer == NULL || before.length > 16 ||
            after.length > 8) {
            CHECK(virtqueue_chain_create(plain.queue, &(struct virtio_piece){outside, 16}, &after,
                                         &plain.chains[i]) != 0);
            continue;
        }
        error =
            virtqueue_chain_create(plain.queue, &before, &after, &plain.chains[plain.chain_count]);
        CHECK(error != 0 || (before.length > 0 && after.length > 0 && room >= 3));
        CHECK(error == 0 || virtqueue_free(plain.queue) == room);
        plain.chain_count += error == 0;
    }
    virtio_driver_ok(dev);
    return 0;
}

static void plain_remove(struct virtio_device *dev)
{
    (void)virtio_reset(dev);
}

static const struct virtio_driver plain_driver = {
    .name = "plain",
    .device_id = VIRTIO_ID_ENTROPY,
    .queues = 1,
    .dma_per_entry = 8,
    .probe = plain_probe,
    .remove = plain_remove,
};

/* What is in flight by the states of the requests is what the queue says. */
static void check_plain(void)
{
    unsigned in_flight = 0, pieces = 3 * plain.chain_count;

    for (unsigned i = 0; i < REQUESTS; i++) {
        if (plain.requests[i].request.state != VIRTIO_REQUEST_DEVICE)
            continue;
        in_flight++;
        pieces += plain.requests[i].pieces;
    }
    CHECK(virtqueue_in_flight(plain.queue) == in_flight);
    CHECK(virtqueue_free(plain.queue) == virtqueue_size(plain.queue) - pieces);
}

static void plain_add(unsigned i, uint8_t *bytes, uint32_t size)
{
    struct virtio_request *request = &plain.requests[i].request;
    uint8_t choice = next(), number = next();
    enum virtio_dir dir = choice / 2 % 2 == 0 ? VIRTIO_TO_DEVICE : VIRTIO_FROM_DEVICE;
    struct virtio_piece piece = {bytes, next() % (size + 1)};
    bool in_flight = request->state == VIRTIO_REQUEST_DEVICE;
    int error;

    if (choice % 2 == 0) {
        unsigned out = choice / 4 % 3, in = choice / 16 % 3;
        struct virtio_piece pieces[4] = {piece, piece, piece, piece};

        error = virtqueue_add(plain.queue, request, pieces, out, in);
        if (error == 0) {
            plain.requests[i].writable = (uint64_t)in * piece.length;
            plain.requests[i].pieces = out + in;
        }
    } else {
        /* Mostly a chain that there is, now and then any number. */
        bool real = plain.chain_count > 0 && choice < 0xe0;
        uint16_t chain = real ? plain.chains[number % plain.chain_count] : number;

        error = virtqueue_add_chain(plain.queue, chain, request, &piece, dir);
        if (error == 0) {
            plain.requests[i].writable = 8 + (dir == VIRTIO_FROM_DEVICE ? piece.length : 0);
            plain.requests[i].pieces = 0;
        }
    }
    CHECK(error != 0 || (!in_flight && piece.length > 0));
    CHECK((error == 0 || in_flight) == (request->state == VIRTIO_REQUEST_DEVICE));
}

static void check_plain_done(const struct virtio_request *done)
{
    for (unsigned i = 0; i < REQUESTS; i++)
        if (done == &plain.requests[i].request) {
            CHECK(done->state == VIRTIO_REQUEST_DONE && done->used <= plain.requests[i].writable);
            return;
        }
    CHECK(done == NULL);
}

static void drive_plain(struct virtio_bus *bus)
{
    uint8_t *bytes = malloc(64);

    CHECK(bytes != NULL);
    memset(&plain, 0, sizeof(plain));
    if (virtio_claim(bus, &host.dev, &plain_driver, &plain) == 0) {
        for (unsigned i = 0; i < 200 && host.dev.state == VIRTIO_LIVE; i++) {
            struct virtio_request *done = NULL;
            uint8_t choice = next();

            if (choice < 0xa0)
                plain_add(choice % REQUESTS, bytes, 64);
            else if (choice < 0xc0)
                virtqueue_kick(plain.queue);
            else if (choice < 0xf0)
                (void)virtqueue_poll(plain.queue, &done);
            else if (choice < 0xfe)
                (void)virtqueue_wait(plain.queue, &done, 5000000);
            else
                (void)virtio_reset(&host.dev);
            check_plain_done(done);
            if (host.dev.state == VIRTIO_LIVE)
                check_plain();
            for (unsigned k = 0; k < REQUESTS && host.dev.state == VIRTIO_CLEAN; k++)
                CHECK(plain.requests[k].request.state != VIRTIO_REQUEST_DEVICE);
            CHECK(host.maps_live == 0 || host.dev.state != VIRTIO_CLEAN);
            if (host.dev.state == VIRTIO_CLEAN && virtio_restart(&host.dev) != 0)
                break;
        }
        (void)virtio_release(bus, &host.dev);
    }
    free(bytes);
}

/* ---- One run ---- */

static const struct {
    unsigned id;
    const struct virtio_driver *driver;
    void (*drive)(struct virtio_bus *bus);
} kinds[] = {
    {VIRTIO_ID_BLOCK, &virtio_blk_driver, drive_blk},
    {VIRTIO_ID_CONSOLE, &virtio_console_driver, drive_console},
    {VIRTIO_ID_ENTROPY, &plain_driver, drive_plain},
    {VIRTIO_ID_CONSOLE, &virtio_console_driver, drive_console},
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct virtio_io io = {.read = io_read, .write = io_write, .size = io_size};
    struct virtio_bus bus = {0};
    size_t dma, priv;
    unsigned kind;

    memset(&host, 0, sizeof(host));
    host.input = data;
    host.end = data + size;
    kind = next() % 4;
    host.features = 1ull << VIRTIO_F_VERSION_1 | next32();
    host.queue_max = (uint16_t)(1u << next() % 8);
    plug_in(kinds[kind].id);
    virtio_memory_needed(&host.dev, kinds[kind].driver, 64, &dma, &priv);
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
    if (virtio_discover(&bus, &host.dev) == 0)
        kinds[kind].drive(&bus);
    (void)virtio_handoff(&bus);
    CHECK(host.dev.state == VIRTIO_CLEAN || host.dev.state == VIRTIO_STUCK);
    CHECK(host.maps_live == 0 || host.dev.state == VIRTIO_STUCK);
    free(host.env.dma);
    free(host.env.priv);
    return 0;
}
