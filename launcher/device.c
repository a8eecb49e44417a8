/* SPDX-License-Identifier: BSD-2-Clause */
/* A device as its owner holds it: made of options, given register accesses and time, with guest memory behind callbacks. */
#include "launcher/device.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "launcher/front.h"
#include "launcher/model.h"
#include "launcher/ring.h"

/* ---- Memory of the host, and complaints about the owner ---- */

static _Noreturn void give_up(const char *what)
{
    (void)fprintf(stderr, "launcher: %s\n", what);
    exit(EXIT_FAILURE);
}

void *launcher_allocate(size_t bytes)
{
    void *memory = calloc(1, bytes != 0 ? bytes : 1);

    if (memory == NULL)
        give_up("out of memory");
    return memory;
}

void *launcher_grow(void *old, size_t bytes)
{
    void *memory = realloc(old, bytes != 0 ? bytes : 1);

    if (memory == NULL)
        give_up("out of memory");
    return memory;
}

/* ---- What the options mean ---- */

static const struct launcher_front *front_of(enum launcher_front_kind kind)
{
    switch (kind) {
    case LAUNCHER_PCI:
    case LAUNCHER_PCI_TRANSITIONAL:
        return &launcher_front_pci;
    case LAUNCHER_PCI_LEGACY:
        return &launcher_front_pci_legacy;
    case LAUNCHER_MMIO:
        return &launcher_front_mmio;
    case LAUNCHER_MMIO_LEGACY:
        return &launcher_front_mmio_legacy;
    case LAUNCHER_PAGE:
        return &launcher_front_page;
    }
    give_up("options.front names no front end");
}

static const struct launcher_model *model_of(uint32_t type)
{
    static const struct launcher_model *const models[] = {&launcher_blk, &launcher_console,
                                                          &launcher_rng, &launcher_balloon};

    for (size_t i = 0; i < sizeof(models) / sizeof(models[0]); i++)
        if (models[i]->id == type)
            return models[i];
    return &launcher_plain;
}

#define BIT(feature) (1ull << (feature))

uint64_t launcher_transport_features(enum launcher_front_kind kind)
{
    static const uint64_t legacy = BIT(VIRTIO_F_NOTIFY_ON_EMPTY) | BIT(VIRTIO_F_ANY_LAYOUT) |
                                   BIT(VIRTIO_F_INDIRECT_DESC) | BIT(VIRTIO_F_EVENT_IDX);
    static const uint64_t modern = BIT(VIRTIO_F_INDIRECT_DESC) | BIT(VIRTIO_F_EVENT_IDX) |
                                   BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_F_ACCESS_PLATFORM) |
                                   BIT(VIRTIO_F_RING_PACKED) | BIT(VIRTIO_F_IN_ORDER) |
                                   BIT(VIRTIO_F_ORDER_PLATFORM) | BIT(VIRTIO_F_NOTIFICATION_DATA) |
                                   BIT(VIRTIO_F_RING_RESET) | BIT(VIRTIO_F_SUSPEND);
    static const uint64_t pci =
        BIT(VIRTIO_F_SR_IOV) | BIT(VIRTIO_F_NOTIF_CONFIG_DATA) | BIT(VIRTIO_F_ADMIN_VQ);

    switch (kind) {
    case LAUNCHER_PCI:
        return modern | pci;
    case LAUNCHER_PCI_TRANSITIONAL:
        return modern | pci | legacy;
    case LAUNCHER_MMIO:
        return modern;
    default:
        return legacy;
    }
}

static const uint64_t not_implemented =
    BIT(VIRTIO_F_SR_IOV) | BIT(VIRTIO_F_ADMIN_VQ) | BIT(VIRTIO_F_SUSPEND);

/* What is offered (2.2): the model's features that the personality has, its ring features, and what the owner adds. */
static uint64_t offer(const struct launcher_device *dev)
{
    const struct launcher_options *options = &dev->options;
    const struct launcher_personality *personality = dev->personality;
    uint64_t own = dev->model->features;

    if (options->type == VIRTIO_ID_BLOCK)
        own &= ~personality->blk_lacks;
    if (options->type == VIRTIO_ID_CONSOLE)
        own &= ~personality->console_lacks;
    own |= personality->ring_features | options->features;
    if (!dev->front->legacy)
        own |= BIT(VIRTIO_F_VERSION_1);
    if (options->front == LAUNCHER_PCI_TRANSITIONAL)
        own |= BIT(VIRTIO_F_ANY_LAYOUT); /* DEV-RFB-13 */
    /* Nothing that would not work (DEV-FEAT-04). */
    own &= (launcher_transport_features(options->front) & ~not_implemented) | dev->model->features;
    if (dev->front->legacy)
        own &= UINT32_MAX;
    return options->only_features ? options->features : own;
}

static void make_queues(struct launcher_device *dev)
{
    uint16_t max = dev->options.queue_size;

    if (max == 0)
        max = dev->personality->queue_size;
    if (dev->queue_count == 0 || dev->queue_count > UINT16_MAX)
        give_up("a device has 1 to 65535 queues");
    dev->queues = launcher_allocate(dev->queue_count * sizeof(*dev->queues));
    for (unsigned i = 0; i < dev->queue_count; i++) {
        struct launcher_queue *queue = &dev->queues[i];

        queue->index = (uint16_t)i;
        queue->notify_off = (uint16_t)i;
        /* Unlike the index, so that a driver that confuses the two is seen. */
        queue->notif_config_data = (uint16_t)(0x5a00 + 3 * i);
        queue->room = queue->max = max;
    }
}

static void init_referee(struct launcher_device *dev)
{
    struct launcher_referee *referee = &dev->referee;

    launcher_referee_init(referee, dev->name, &dev->history);
    referee->front = dev->options.front;
    referee->type = dev->options.type;
    referee->fields = dev->model->fields;
    referee->type_features = dev->model->type_features;
    referee->transport_features = launcher_transport_features(dev->options.front);
    referee->legacy = dev->front->legacy;
}

struct launcher_device *launcher_new(const struct launcher_options *options)
{
    struct launcher_device *dev = launcher_allocate(sizeof(*dev));
    const char *name;
    int error;

    dev->options = *options;
    dev->personality =
        options->personality != NULL ? options->personality : launcher_personalities[0];
    dev->front = front_of(options->front);
    dev->model = options->model != NULL ? options->model : model_of(options->type);
    dev->legacy = dev->front->legacy;
    name = options->name != NULL ? options->name : dev->model->name;
    dev->name = launcher_allocate(strlen(name) + 1);
    memcpy(dev->name, name, strlen(name) + 1);
    launcher_faults_init(&dev->faults, options->seed);
    launcher_history_init(&dev->history, false);
    init_referee(dev);

    dev->offered = offer(dev);
    dev->queue_count = options->queues != 0 ? options->queues : dev->model->queues;
    dev->config_length = dev->model->config_length;
    dev->config = launcher_allocate(dev->config_length);
    error = dev->model->create != NULL ? dev->model->create(dev) : 0;
    if (options->only_features)
        dev->offered = options->features; /* also what the model would rather not */
    make_queues(dev);
    if (dev->front->create != NULL)
        dev->front->create(dev);
    if (error != 0) {
        launcher_free(dev);
        errno = error;
        return NULL;
    }
    launcher_power_on(dev);
    return dev;
}

void launcher_free(struct launcher_device *dev)
{
    if (dev == NULL)
        return;
    for (unsigned i = 0; i < dev->queue_count; i++) {
        launcher_queue_stop(dev, &dev->queues[i]);
        free(dev->queues[i].flight);
    }
    if (dev->front->destroy != NULL)
        dev->front->destroy(dev);
    if (dev->model->destroy != NULL)
        dev->model->destroy(dev);
    launcher_referee_free(&dev->referee);
    launcher_history_free(&dev->history);
    free(dev->stale);
    free(dev->queues);
    free(dev->config);
    free(dev->name);
    free(dev);
}

/* ---- Registers and time ---- */

/* No bus has any other. */
static bool is_width(unsigned width)
{
    return width == 1 || width == 2 || width == 4 || width == 8;
}

uint32_t launcher_read(struct launcher_device *dev, unsigned region, uint64_t offset,
                       unsigned width)
{
    return is_width(width) ? dev->front->read(dev, region, offset, width) : UINT32_MAX;
}

void launcher_write(struct launcher_device *dev, unsigned region, uint64_t offset, unsigned width,
                    uint32_t value)
{
    if (is_width(width))
        dev->front->write(dev, region, offset, width, value);
}

uint64_t launcher_region_size(const struct launcher_device *dev, unsigned region)
{
    return dev->front->size(dev, region);
}

bool launcher_region_is_ports(const struct launcher_device *dev, unsigned region)
{
    return dev->front->ports != NULL && dev->front->ports(dev, region);
}

void launcher_run(struct launcher_device *dev, uint64_t now_ns)
{
    if (now_ns > dev->now)
        dev->now = now_ns;
    dev->history.now = dev->now;
    launcher_late_dma(dev);
    for (unsigned i = 0; i < dev->queue_count && launcher_is_live(dev); i++) {
        struct launcher_queue *queue = &dev->queues[i];

        if (queue->enabled && !queue->broken && !queue->resetting)
            launcher_queue_run(dev, queue);
    }
    if (launcher_is_live(dev) && dev->model->work != NULL)
        dev->model->work(dev);
}

void launcher_barrier(struct launcher_device *dev, enum launcher_barrier kind)
{
    dev->barriers[kind]++;
    for (unsigned i = 0; i < dev->queue_count; i++) {
        struct launcher_queue *queue = &dev->queues[i];

        if (queue->enabled && !queue->broken && queue->ring->barrier != NULL)
            queue->ring->barrier(dev, queue, kind);
    }
}

/* ---- Guest memory ---- */

static bool reachable(struct launcher_device *dev, uint64_t address, size_t length)
{
    if (dev->front->can_dma != NULL && !dev->front->can_dma(dev)) {
        launcher_history_note(&dev->history, "no access to 0x%llx: bus mastering is off",
                              (unsigned long long)address);
        return false;
    }
    return length - 1 <= UINT64_MAX - address;
}

/* What is not translated has to be there. */
static bool judge_dma(struct launcher_device *dev, bool ok, uint64_t address, size_t length)
{
    if ((dev->offered & BIT(VIRTIO_F_ACCESS_PLATFORM)) == 0)
        LAUNCHER_JUDGE(&dev->referee, "DRV-RFB-05", ok,
                       "%zu bytes at 0x%llx: there is no such memory; without "
                       "VIRTIO_F_ACCESS_PLATFORM all addresses are physical ones",
                       length, (unsigned long long)address);
    return ok;
}

bool launcher_dma_read(struct launcher_device *dev, uint64_t address, void *to, size_t length)
{
    const struct launcher_memory *memory = &dev->options.memory;

    if (length == 0)
        return true;
    if (!reachable(dev, address, length))
        return false;
    return judge_dma(dev, memory->read != NULL && memory->read(memory->ctx, address, to, length),
                     address, length);
}

bool launcher_dma_write(struct launcher_device *dev, uint64_t address, const void *from,
                        size_t length)
{
    const struct launcher_memory *memory = &dev->options.memory;

    if (length == 0)
        return true;
    if (!reachable(dev, address, length))
        return false;
    return judge_dma(dev,
                     memory->write != NULL && memory->write(memory->ctx, address, from, length),
                     address, length);
}
