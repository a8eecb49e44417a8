/* SPDX-License-Identifier: BSD-2-Clause */
/* A transport over a descriptor page (launcher/page.h): fields are bytes of memory, a notify resets or says that work is there. */
#include "launcher/guest/lguest.h"

#include <string.h>

#include "launcher/page.h"
#include "virtio/log.h"
#include "virtio/transport.h"

#define FIELD(name)       offsetof(struct launcher_page_descriptor, name)
#define QUEUE_FIELD(name) offsetof(struct launcher_page_queue, name)

enum {
    HEADER = sizeof(struct launcher_page_descriptor),
    QUEUE = sizeof(struct launcher_page_queue),
    FEATURE_BYTES = 8, /* at most that the core can see */
};

/*
 * What the windows of struct virtio_device mean here, all as they were when the device was found:
 *   common  the descriptor up to and with its queues, in region 0
 *   config  the config bytes; between the two are the features, offered and acknowledged
 *   notify  in region 1, the descriptor's own address
 */
static unsigned queue_count(const struct virtio_device *dev)
{
    return (unsigned)((dev->common.length - HEADER) / QUEUE);
}

static uint64_t offered_at(const struct virtio_device *dev)
{
    return dev->common.offset + dev->common.length;
}

static unsigned feature_bytes(const struct virtio_device *dev)
{
    return (unsigned)((dev->config.offset - offered_at(dev)) / 2);
}

static uint32_t load(const struct virtio_device *dev, uint64_t offset, unsigned width)
{
    return dev->io->read(dev->io_ctx, LAUNCHER_PAGE_REGION, offset, width);
}

static void store(const struct virtio_device *dev, uint64_t offset, unsigned width, uint32_t value)
{
    dev->io->write(dev->io_ctx, LAUNCHER_PAGE_REGION, offset, width, value);
}

/* ---- Life ---- */

static uint8_t get_status(struct virtio_device *dev)
{
    return (uint8_t)load(dev, dev->common.offset + FIELD(status), 1);
}

static void set_status(struct virtio_device *dev, uint8_t status)
{
    if (status == 0)
        dev->io->write(dev->io_ctx, dev->notify.region, dev->notify.offset, 2, 0);
    else
        store(dev, dev->common.offset + FIELD(status), 1, status);
}

static unsigned visible_bytes(const struct virtio_device *dev)
{
    return feature_bytes(dev) < FEATURE_BYTES ? feature_bytes(dev) : FEATURE_BYTES;
}

static uint64_t get_features(struct virtio_device *dev)
{
    uint64_t features = 0;

    for (unsigned i = 0; i < visible_bytes(dev); i++)
        features |= (uint64_t)(uint8_t)load(dev, offered_at(dev) + i, 1) << (8 * i);
    return features;
}

static void set_features(struct virtio_device *dev, uint64_t features)
{
    for (unsigned i = 0; i < visible_bytes(dev); i++)
        store(dev, offered_at(dev) + feature_bytes(dev) + i, 1, (uint8_t)(features >> (8 * i)));
}

/* ---- Queues ---- */

static uint64_t queue_at(const struct virtio_device *dev, uint16_t index)
{
    return dev->common.offset + HEADER + (uint64_t)index * QUEUE;
}

static uint16_t queue_max(struct virtio_device *dev, uint16_t index)
{
    if (index >= queue_count(dev))
        return 0;
    return (uint16_t)load(dev, queue_at(dev, index) + QUEUE_FIELD(entries), 2);
}

/* The number of entries is the host's choice. */
static uint16_t queue_resize(struct virtio_device *dev, uint16_t index, uint16_t size)
{
    (void)size;
    return queue_max(dev, index);
}

static int queue_enable(struct virtio_device *dev, const struct virtio_queue_place *place,
                        struct virtio_notify *notify)
{
    uint64_t address = (uint64_t)place->page * VIRTQ_LEGACY_ALIGN;

    if (address >= dev->io->size(dev->io_ctx, LAUNCHER_PAGE_NOTIFY_REGION)) {
        virtio_log(dev, VIRTIO_LOG_ERROR, "queue %u: rings at 0x%llx, where no notify reaches",
                   (unsigned)place->index, (unsigned long long)address);
        return -VIRTIO_E_QUEUE;
    }
    *notify = (struct virtio_notify){
        .region = LAUNCHER_PAGE_NOTIFY_REGION,
        .offset = address,
        .value = place->index,
    };
    store(dev, queue_at(dev, place->index) + QUEUE_FIELD(page), 4, place->page);
    return 0;
}

static const struct virtio_transport lguest_transport = {
    .name = "lguest",
    .get_status = get_status,
    .set_status = set_status,
    .get_features = get_features,
    .set_features = set_features,
    .queue_max = queue_max,
    .queue_resize = queue_resize,
    .queue_enable = queue_enable,
};

/* ---- Discovery ---- */

int lguest_init(struct virtio_device *dev, const char *name, const struct virtio_io *io,
                void *io_ctx, const struct virtio_env *env, uint64_t page, unsigned *at)
{
    uint64_t reach = io->size(io_ctx, LAUNCHER_PAGE_NOTIFY_REGION);
    uint32_t offset = *at, end, features;

    memset(dev, 0, sizeof(*dev));
    dev->name = name;
    dev->io = io;
    dev->io_ctx = io_ctx;
    dev->env = env;
    dev->transport = &lguest_transport;
    dev->legacy = true;
    if (io->size(io_ctx, LAUNCHER_PAGE_REGION) < LAUNCHER_PAGE_BYTES || reach < page ||
        reach - page < LAUNCHER_PAGE_BYTES)
        return -VIRTIO_E_UNREACHABLE;
    if (offset > LAUNCHER_PAGE_BYTES - HEADER)
        return -VIRTIO_E_NO_DEVICE;
    dev->id = load(dev, offset + FIELD(type), 1);
    if (dev->id == 0)
        return -VIRTIO_E_NO_DEVICE;

    features = load(dev, offset + FIELD(feature_bytes), 1);
    dev->common.region = dev->config.region = LAUNCHER_PAGE_REGION;
    dev->common.offset = offset;
    dev->common.length = HEADER + (uint64_t)load(dev, offset + FIELD(queues), 1) * QUEUE;
    dev->config.offset = offered_at(dev) + (uint64_t)2 * features;
    dev->config.length = load(dev, offset + FIELD(config_bytes), 1);
    dev->notify.region = LAUNCHER_PAGE_NOTIFY_REGION;
    dev->notify.offset = page + offset;
    dev->notify.length = 1;
    end = (uint32_t)(dev->config.offset + dev->config.length);
    if (end > LAUNCHER_PAGE_BYTES)
        return -VIRTIO_E_UNREACHABLE;
    *at = end;
    dev->reachable = true;
    return 0;
}
