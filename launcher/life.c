/* SPDX-License-Identifier: BSD-2-Clause */
/* The life of a device (VIRTIO 1.4, 2.1 status, 2.2 features, 2.4 reset, 2.6 queues), as the driver's writes lead it. */
#include <stdlib.h>
#include <string.h>

#include "launcher/device.h"
#include "launcher/front.h"
#include "launcher/model.h"
#include "launcher/ring.h"

enum {
    SLOW_POLLS_MOST = 64, /* of a slow reset whose length the fault chooses */
};

/* Through the modern interface, bits that only legacy defines are undefined ones (DEV-FEAT-04). */
static const uint64_t legacy_only = 1ull << VIRTIO_F_NOTIFY_ON_EMPTY | 1ull << VIRTIO_F_ANY_LAYOUT;

/* ---- Reset ---- */

void launcher_queue_stop(struct launcher_device *dev, struct launcher_queue *queue)
{
    if (queue->enabled)
        queue->ring->disable(dev, queue);
    launcher_forget_flight(queue);
    queue->ring = NULL;
    queue->enabled = queue->resetting = queue->broken = queue->quiet = false;
    queue->size = queue->max;
    queue->vector = VIRTIO_MSI_NO_VECTOR;
    queue->desc = queue->driver = queue->device = 0;
    queue->pfn = queue->align = 0;
}

/* What the fault QUEUE_SIZE makes of a queue: 17 bits, so that 0 can be asked for. */
static uint16_t odd_size(struct launcher_device *dev)
{
    static const uint16_t sizes[] = {0, 1, 3, 7, 255, 32768, 32769, 65535};
    uint64_t value = launcher_fault_value(dev, LAUNCHER_FAULT_QUEUE_SIZE);

    if (value != 0)
        return (uint16_t)value;
    return sizes[launcher_random(dev, sizeof(sizes) / sizeof(sizes[0]))];
}

static void clear(struct launcher_device *dev)
{
    dev->status = 0;
    if (!dev->personality->features_pile_up)
        dev->accepted = 0;
    dev->offered_select = dev->accepted_select = dev->queue_select = 0;
    dev->isr = 0;
    dev->config_vector = VIRTIO_MSI_NO_VECTOR;
    dev->legacy = dev->front->legacy;
    dev->reset_pending = dev->dead = false;
    for (unsigned i = 0; i < dev->queue_count; i++)
        launcher_queue_stop(dev, &dev->queues[i]);
}

void launcher_power_on(struct launcher_device *dev)
{
    clear(dev);
    if (dev->model->reset != NULL)
        dev->model->reset(dev);
    if (dev->front->reset != NULL)
        dev->front->reset(dev);
}

void launcher_reset(struct launcher_device *dev)
{
    clear(dev);
    for (unsigned i = 0; i < dev->queue_count; i++) {
        struct launcher_queue *queue = &dev->queues[i];

        queue->max = launcher_fault(dev, LAUNCHER_FAULT_QUEUE_SIZE) ? odd_size(dev) : queue->room;
        queue->size = queue->max;
    }
    if (dev->model->reset != NULL)
        dev->model->reset(dev);
    if (dev->front->reset != NULL)
        dev->front->reset(dev);
    (void)launcher_history_add(&dev->history, LAUNCHER_EVENT_RESET);
}

/* How many polls a reset takes by the faults; UINT64_MAX: it never ends. */
static uint64_t reset_polls(struct launcher_device *dev)
{
    uint64_t polls;

    if (launcher_fault(dev, LAUNCHER_FAULT_RESET_NEVER))
        return UINT64_MAX;
    if (!launcher_fault(dev, LAUNCHER_FAULT_RESET_SLOW))
        return 0;
    polls = launcher_fault_value(dev, LAUNCHER_FAULT_RESET_SLOW);
    return polls != 0 ? polls : 1 + launcher_random(dev, SLOW_POLLS_MOST);
}

/* Keeps what the device may write to until now: for a device that goes on writing after its reset. */
static void remember_stale(struct launcher_device *dev)
{
    unsigned count = 0;

    for (unsigned i = 0; i < dev->queue_count; i++)
        for (unsigned j = 0; j < dev->queues[i].flight_count; j++)
            count += dev->queues[i].flight[j]->count;
    dev->stale = launcher_grow(dev->stale, count * sizeof(*dev->stale));
    dev->stale_count = 0;
    for (unsigned i = 0; i < dev->queue_count; i++) {
        for (unsigned j = 0; j < dev->queues[i].flight_count; j++) {
            const struct launcher_chain *chain = dev->queues[i].flight[j];

            for (unsigned k = 0; k < chain->count; k++)
                if (chain->segments[k].writable)
                    dev->stale[dev->stale_count++] = chain->segments[k];
        }
    }
}

void launcher_late_dma(struct launcher_device *dev)
{
    const struct launcher_memory *memory = &dev->options.memory;
    const struct launcher_fault_state *fault = &dev->faults.state[LAUNCHER_FAULT_DMA_AFTER_RESET];
    uint8_t poison[256];

    if (dev->stale_count == 0 || (!dev->reset_pending && fault->value == 0) ||
        (dev->front->can_dma != NULL && !dev->front->can_dma(dev)) ||
        !launcher_fault(dev, LAUNCHER_FAULT_DMA_AFTER_RESET))
        return;
    memset(poison, 0xdd, sizeof(poison));
    for (unsigned i = 0; i < dev->stale_count; i++) {
        uint64_t address = dev->stale[i].address;
        uint32_t left = dev->stale[i].length;

        while (left > 0 && memory->write != NULL) {
            uint32_t piece = left < sizeof(poison) ? left : (uint32_t)sizeof(poison);

            if (!memory->write(memory->ctx, address, poison, piece))
                break;
            address += piece;
            left -= piece;
        }
    }
}

static void begin_reset(struct launcher_device *dev)
{
    uint64_t polls;

    dev->resets++;
    if (dev->model->end != NULL && !dev->reset_pending)
        dev->model->end(dev);
    if (dev->personality->reset_fails) {
        dev->status |= VIRTIO_STATUS_FAILED;
        return;
    }
    if (dev->reset_pending) /* it is on its way */
        return;
    polls = reset_polls(dev);
    remember_stale(dev);
    if (polls == 0) {
        launcher_reset(dev);
        return;
    }
    dev->reset_pending = true;
    dev->reset_polls_left = polls;
    if (dev->status == 0) /* or else the driver would see a reset that is over */
        dev->status = VIRTIO_STATUS_FAILED;
}

/* ---- Status ---- */

uint8_t launcher_get_status(struct launcher_device *dev)
{
    if (!dev->reset_pending)
        return dev->status;
    launcher_late_dma(dev);
    if (dev->reset_polls_left != UINT64_MAX && dev->reset_polls_left-- == 0)
        launcher_reset(dev);
    return dev->status;
}

/* Whether these features can be worked with (2.2.2): what was offered, and VERSION_1 but through the legacy interface. */
static bool acceptable(struct launcher_device *dev)
{
    if (launcher_fault(dev, LAUNCHER_FAULT_FEATURES_REFUSED))
        return false;
    if (dev->personality->features_pile_up)
        return true;
    return (dev->accepted & (~dev->offered | legacy_only)) == 0 &&
           launcher_accepted(dev, VIRTIO_F_VERSION_1);
}

static void come_alive(struct launcher_device *dev)
{
    bool any = false;

    for (unsigned i = 0; i < dev->queue_count; i++)
        any |= dev->queues[i].enabled;
    dev->lives++;
    dev->stale_count = 0;
    if (!any && dev->personality->dies_without_queues) {
        launcher_history_note(&dev->history, "DRIVER_OK with no queue enabled: the device dies");
        dev->dead = true;
    }
    if (dev->model->live != NULL && launcher_is_live(dev))
        dev->model->live(dev);
}

void launcher_set_status(struct launcher_device *dev, uint8_t value)
{
    const uint8_t known = VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER |
                          VIRTIO_STATUS_FEATURES_OK | VIRTIO_STATUS_DRIVER_OK |
                          VIRTIO_STATUS_FAILED;
    uint8_t added;

    if (value == 0) {
        begin_reset(dev);
        return;
    }
    if (dev->reset_pending)
        return;
    value &= known; /* SUSPEND is not offered (DEV-SUSP-01), and NEEDS_RESET is the device's own */
    added = value & (uint8_t)~dev->status;
    if (dev->personality->strict_status && (added & (added - 1)) != 0) {
        launcher_history_note(&dev->history, "status bits 0x%02x at once: refused", added);
        return;
    }
    if ((added & VIRTIO_STATUS_FEATURES_OK) != 0 && !dev->legacy && !acceptable(dev))
        value &= (uint8_t)~VIRTIO_STATUS_FEATURES_OK; /* DEV-FEAT-03 */
    if ((added & value & VIRTIO_STATUS_FEATURES_OK) != 0 && !dev->legacy &&
        dev->model->agree != NULL && !dev->model->agree(dev))
        value &= (uint8_t)~VIRTIO_STATUS_FEATURES_OK;
    if (added != 0 && launcher_fault(dev, LAUNCHER_FAULT_STATUS_LOST)) {
        uint8_t lost = (uint8_t)launcher_fault_value(dev, LAUNCHER_FAULT_STATUS_LOST);

        value &= (uint8_t) ~(lost != 0 ? lost : added);
    }
    dev->status = value | (dev->status & VIRTIO_STATUS_NEEDS_RESET);
    if ((added & value & VIRTIO_STATUS_DRIVER_OK) != 0)
        come_alive(dev);
}

bool launcher_is_live(const struct launcher_device *dev)
{
    /* A legacy driver may use the device before DRIVER_OK (DEV-INIT-02), once it has acknowledged it. */
    uint8_t needed = dev->legacy ? VIRTIO_STATUS_ACKNOWLEDGE
                                 : VIRTIO_STATUS_FEATURES_OK | VIRTIO_STATUS_DRIVER_OK;

    return (dev->status & needed) == needed && (dev->status & VIRTIO_STATUS_NEEDS_RESET) == 0 &&
           !dev->dead && !dev->reset_pending;
}

void launcher_needs_reset(struct launcher_device *dev)
{
    if ((dev->status & VIRTIO_STATUS_NEEDS_RESET) != 0 || dev->reset_pending)
        return;
    dev->status |= VIRTIO_STATUS_NEEDS_RESET;
    launcher_interrupt_config(dev); /* which comes after DRIVER_OK only (DEV-STATUS-04) */
}

/* ---- Features ---- */

uint32_t launcher_offered_word(const struct launcher_device *dev, uint32_t select)
{
    bool all = dev->legacy || dev->options.only_features;
    uint64_t offered = all ? dev->offered : dev->offered & ~legacy_only;

    return select < 2 ? (uint32_t)(offered >> (32 * select)) : 0;
}

void launcher_accept_word(struct launcher_device *dev, uint32_t select, uint32_t value)
{
    uint64_t word;

    if (select > 1 || (dev->status & (VIRTIO_STATUS_FEATURES_OK | VIRTIO_STATUS_DRIVER_OK)) != 0)
        return;
    word = (uint64_t)value << (32 * select);
    if (dev->personality->features_pile_up) {
        dev->accepted |= word;
        return;
    }
    if (dev->legacy) /* nobody asks back: what was not offered is not accepted */
        word &= dev->offered;
    dev->accepted = (dev->accepted & ~(0xffffffffull << (32 * select))) | word;
}

/* ---- Queues ---- */

struct launcher_queue *launcher_queue(struct launcher_device *dev, uint32_t index)
{
    return index < dev->queue_count ? &dev->queues[index] : NULL;
}

void launcher_queue_set_size(struct launcher_device *dev, struct launcher_queue *queue,
                             uint16_t size)
{
    if (queue->enabled || size == 0 || size > queue->max)
        return;
    if (dev->personality->queue_size_read_back != 0)
        size = dev->personality->queue_size_read_back;
    queue->size = size;
}

void launcher_queue_enable(struct launcher_device *dev, struct launcher_queue *queue)
{
    bool packed = launcher_accepted(dev, VIRTIO_F_RING_PACKED) && !dev->legacy;

    if (queue->enabled || queue->resetting)
        return;
    queue->ring = packed ? &launcher_packed : &launcher_split;
    if (!queue->ring->fits(dev, queue)) {
        launcher_history_note(&dev->history, "queue %u cannot work with a size of %u", queue->index,
                              queue->size);
        return;
    }
    queue->broken = false;
    queue->enabled = true;
    queue->ring->enable(dev, queue);
}

/* Done now, or after as many reads of queue_reset as the faults say: launcher_queue_resetting(). */
void launcher_queue_reset(struct launcher_device *dev, struct launcher_queue *queue)
{
    uint64_t polls = reset_polls(dev);

    launcher_queue_stop(dev, queue);
    if (polls == 0)
        return;
    queue->resetting = true;
    queue->reset_polls_left = polls;
}

bool launcher_queue_resetting(struct launcher_queue *queue)
{
    if (queue->resetting && queue->reset_polls_left != UINT64_MAX && queue->reset_polls_left-- == 0)
        queue->resetting = false;
    return queue->resetting;
}

/* Which queue a notification names (2.9, 4.1.5.2): its index, or the number that it was given instead. */
static struct launcher_queue *notified_queue(struct launcher_device *dev, uint32_t value)
{
    uint16_t name = (uint16_t)value;

    if (!launcher_accepted(dev, VIRTIO_F_NOTIF_CONFIG_DATA) || dev->legacy)
        return launcher_queue(dev, name);
    for (unsigned i = 0; i < dev->queue_count; i++)
        if (dev->queues[i].notif_config_data == name)
            return &dev->queues[i];
    return NULL;
}

void launcher_notify(struct launcher_device *dev, uint32_t value, unsigned width)
{
    struct launcher_queue *queue = notified_queue(dev, value);

    if (queue == NULL)
        return;
    queue->notifications++;
    if (!launcher_is_live(dev)) {
        if ((dev->status & VIRTIO_STATUS_DRIVER_OK) == 0 && !dev->reset_pending) {
            dev->early_outputs++;
            launcher_history_note(&dev->history, "early output: queue %u notified at status 0x%02x",
                                  queue->index, dev->status);
        }
        return;
    }
    if (!queue->enabled || queue->broken)
        return;
    launcher_queue_notified(dev, queue, value, width);
}
