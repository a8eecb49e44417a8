/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Virtqueues, whatever their layout (VIRTIO 1.4, 2.6): set-up, requests and their states, the kick, and waiting for
 * a device that may never answer.
 */
#include "virtio/queue.h"
#include "virtio/deadlines.h"

size_t virtqueue_dma_bytes(const struct virtio_device *dev, unsigned size)
{
    return split_bytes(dev, size);
}

size_t virtqueue_priv_bytes(unsigned size)
{
    return sizeof(struct virtqueue) + size * sizeof(struct virtq_shadow) + 2 * 16;
}

struct virtqueue *virtqueue_next(const struct virtqueue *queue)
{
    return queue->next;
}

unsigned virtqueue_size(const struct virtqueue *queue)
{
    return queue->size;
}

unsigned virtqueue_free(const struct virtqueue *queue)
{
    return queue->free_count;
}

unsigned virtqueue_in_flight(const struct virtqueue *queue)
{
    return (unsigned)(queue->avail_idx - queue->used_idx);
}

const struct virtqueue_counts *virtqueue_counts(const struct virtqueue *queue)
{
    return &queue->counts;
}

/* ---- Set-up (4.1.5.1.3) ---- */

static unsigned power_of_two_at_most(unsigned n)
{
    while ((n & (n - 1)) != 0)
        n &= n - 1;
    return n;
}

static size_t arena_room(const struct virtio_arena *arena)
{
    return arena->length - arena->used;
}

/* Queues of the driver that are not set up yet, this one among them. */
static size_t queues_to_come(const struct virtio_device *dev)
{
    size_t count = dev->driver->queues;

    for (const struct virtqueue *queue = dev->queues; queue != NULL && count > 1;
         queue = queue->next)
        count--;
    return count > 0 ? count : 1;
}

/* Whether there is room for such a queue, for others like it to come, and for what its driver takes beside them. */
static bool fits(const struct virtio_device *dev, unsigned size)
{
    const struct virtio_driver *driver = dev->driver;
    size_t count = queues_to_come(dev);
    size_t dma = virtqueue_dma_bytes(dev, size) + (size_t)size * driver->dma_per_entry;
    size_t priv = virtqueue_priv_bytes(size) + (size_t)size * driver->priv_per_entry;

    return count * dma + driver->dma_fixed <= arena_room(&dev->dma) &&
           count * priv + driver->priv_fixed <= arena_room(&dev->priv);
}

/* The largest size that the device, the caller and the memory allow; 0 and an error if there is none. */
static int choose_size(struct virtio_device *dev, uint16_t index, unsigned wanted, uint16_t *size)
{
    unsigned max = dev->transport->queue_max(dev, index);
    unsigned chosen, actual;

    if (max == 0 || wanted == 0) {
        virtio_log(dev, VIRTIO_LOG_ERROR, "has no queue %u", (unsigned)index);
        return -VIRTIO_E_QUEUE;
    }
    if (max > VIRTQ_SIZE_MAX)
        max = VIRTQ_SIZE_MAX;
    chosen = power_of_two_at_most(wanted < max ? wanted : max); /* IMP-SPLIT-01 */
    while (chosen > 1 && !fits(dev, chosen))
        chosen /= 2;
    if (!fits(dev, chosen))
        return -VIRTIO_E_NO_MEMORY;

    /* Some devices keep their own size, whatever is written: what counts is what reads back. */
    actual = dev->transport->queue_resize(dev, index, (uint16_t)chosen);
    if (actual != chosen) {
        if (actual == 0 || actual > max || actual != power_of_two_at_most(actual)) {
            virtio_log(dev, VIRTIO_LOG_ERROR, "queue %u: size %u asked for, %u read back",
                       (unsigned)index, chosen, actual);
            return -VIRTIO_E_QUEUE;
        }
        if (!fits(dev, actual))
            return -VIRTIO_E_NO_MEMORY;
    }
    *size = (uint16_t)actual;
    return 0;
}

int virtqueue_create(struct virtio_device *dev, unsigned index, unsigned size,
                     struct virtqueue **queue)
{
    struct virtio_queue_place place = {.index = (uint16_t)index};
    struct virtqueue *made;
    uint16_t chosen;
    int error;

    *queue = NULL;
    if (dev->state != VIRTIO_SETUP || index > UINT16_MAX)
        return -VIRTIO_E_STATE;
    error = choose_size(dev, place.index, size, &chosen);
    if (error != 0)
        return error;
    made = virtio_priv_alloc(dev, sizeof(*made), _Alignof(struct virtqueue));
    if (made == NULL)
        return -VIRTIO_E_NO_MEMORY;
    made->dev = dev;
    made->index = place.index;
    made->size = chosen;
    error = split_create(made, &place);
    if (error != 0)
        return error;
    error = dev->transport->queue_enable(dev, &place, &made->notify);
    if (error != 0)
        return error;
    made->next = dev->queues;
    dev->queues = made;
    *queue = made;
    return 0;
}

/* ---- Requests ---- */

int virtqueue_break(struct virtqueue *queue, const char *format, ...)
{
    char text[120];
    va_list arguments;

    queue->broken = true;
    va_start(arguments, format);
    virtio_format_list(text, sizeof(text), format, arguments);
    va_end(arguments);
    virtio_log(queue->dev, VIRTIO_LOG_ERROR, "queue %u is broken: %s", queue->index, text);
    return -VIRTIO_E_PROTOCOL;
}

int virtqueue_chain_create(struct virtqueue *queue, const struct virtio_piece *before,
                           const struct virtio_piece *after, uint16_t *chain)
{
    return queue->broken ? -VIRTIO_E_STATE : split_chain_create(queue, before, after, chain);
}

int virtqueue_add(struct virtqueue *queue, struct virtio_request *request,
                  const struct virtio_piece *pieces, unsigned out, unsigned in)
{
    if (queue->broken || request->state == VIRTIO_REQUEST_DEVICE)
        return -VIRTIO_E_STATE;
    if (out > queue->capacity || in > queue->capacity - out || out + in == 0)
        return -VIRTIO_E_INVALID;
    if (out + in > queue->free_count)
        return -VIRTIO_E_FULL;
    return split_add(queue, request, pieces, out, in);
}

int virtqueue_add_chain(struct virtqueue *queue, uint16_t chain, struct virtio_request *request,
                        const struct virtio_piece *data, enum virtio_dir dir)
{
    if (queue->broken || request->state == VIRTIO_REQUEST_DEVICE)
        return -VIRTIO_E_STATE;
    return split_add_chain(queue, chain, request, data, dir);
}

void virtqueue_kick(struct virtqueue *queue)
{
    /* Before DRIVER_OK nothing is shown, so that the first kick after it finds it all (DRV-INIT-14). */
    if (queue->broken || queue->dev->state != VIRTIO_LIVE || queue->published == queue->avail_idx)
        return;
    split_kick(queue);
}

int virtqueue_poll(struct virtqueue *queue, struct virtio_request **request)
{
    *request = NULL;
    return queue->broken ? -VIRTIO_E_PROTOCOL : split_poll(queue, request);
}

void virtqueue_abandon(struct virtqueue *queue)
{
    queue->broken = true;
}

void virtqueue_bury(struct virtqueue *queue)
{
    for (unsigned i = 0; i < queue->size; i++) {
        struct virtio_request *request = queue->shadow[i].request;

        if (request == NULL)
            continue;
        split_unmap(queue, i);
        queue->shadow[i].request = NULL;
        request->state = VIRTIO_REQUEST_DEAD;
    }
    queue->used_idx = queue->avail_idx;
    queue->broken = true; /* for whoever still holds a pointer */
}

void virtqueue_visit(const struct virtqueue *queue,
                     void (*visit)(void *ctx, const struct virtio_piece *piece), void *ctx)
{
    for (unsigned i = 0; i < queue->size; i++)
        if (queue->shadow[i].request != NULL)
            split_visit(queue, i, visit, ctx);
}

/* ---- Waiting ---- */

static const struct virtio_request *oldest(const struct virtqueue *queue)
{
    /* Any one in flight will do to tell a person what was going on. */
    for (unsigned i = 0; i < queue->size; i++)
        if (queue->shadow[i].request != NULL)
            return queue->shadow[i].request;
    return NULL;
}

static int needs_reset(const struct virtqueue *queue)
{
    virtio_log(queue->dev, VIRTIO_LOG_ERROR, "asks for a reset (DEVICE_NEEDS_RESET)");
    return -VIRTIO_E_NEEDS_RESET;
}

static int timed_out(const struct virtqueue *queue, uint64_t timeout_ns)
{
    const struct virtio_device *dev = queue->dev;
    const struct virtio_request *request = oldest(queue);
    char text[80];

    virtio_format(text, sizeof(text), "a request");
    if (request != NULL && dev->driver->describe != NULL)
        dev->driver->describe(request, text, sizeof(text));
    virtio_log(dev, VIRTIO_LOG_ERROR, "%s was not answered within %llu ms; resetting the device",
               text, (unsigned long long)(timeout_ns / VIRTIO_MILLISECOND));
    return -VIRTIO_E_TIMEOUT;
}

/* Only ring memory is looked at, but for the status at doubling intervals: a register read is an exit to the host. */
static int wait_loop(struct virtqueue *queue, struct virtio_request **request, uint64_t timeout_ns)
{
    struct virtio_device *dev = queue->dev;
    const struct virtio_env *env = dev->env;
    uint64_t start = env->now_ns(env->ctx), look = VIRTIO_STATUS_LOOK_NS;

    for (;;) {
        uint64_t waited = env->now_ns(env->ctx) - start;
        int error = virtqueue_poll(queue, request);

        if (error != 0 || *request != NULL)
            return error;
        if (waited >= timeout_ns)
            return timed_out(queue, timeout_ns);
        if (waited >= look) {
            look *= 2;
            if ((dev->transport->get_status(dev) & VIRTIO_STATUS_NEEDS_RESET) != 0)
                return needs_reset(queue);
        }
        if (env->relax != NULL)
            env->relax(env->ctx);
    }
}

/* The waiting itself. `error` is that of the first look, which found no request. */
__attribute__((noinline)) static int wait(struct virtqueue *queue, struct virtio_request **request,
                                          uint64_t timeout_ns, int error)
{
    if (error == 0 && virtqueue_in_flight(queue) == 0)
        return -VIRTIO_E_STATE; /* nothing can come: the caller's mistake, not the device's */
    if (error == 0)
        error = wait_loop(queue, request, timeout_ns);
    if (error != 0) {
        int reset_error = virtio_reset(queue->dev);

        if (reset_error != 0)
            error = reset_error;
    }
    return error;
}

int virtqueue_wait(struct virtqueue *queue, struct virtio_request **request, uint64_t timeout_ns)
{
    int error = virtqueue_poll(queue, request);

    return *request != NULL ? 0 : wait(queue, request, timeout_ns, error);
}
