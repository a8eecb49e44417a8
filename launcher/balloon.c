/* SPDX-License-Identifier: BSD-2-Clause */
/* The traditional memory balloon (VIRTIO 1.4, 5.5): pages that go to the host and come back, and its configuration. */
#include "launcher/balloon.h"

#include <stdlib.h>
#include <string.h>

#include "launcher/balloon_state.h"

#define BIT(feature) (1ull << (feature))

#define FIELD(name, feature, writable)                                                             \
    {                                                                                              \
        offsetof(struct virtio_balloon_config, name), 4, feature, writable                         \
    }

static const struct launcher_config_field fields[] = {
    FIELD(num_pages, -1, false),
    FIELD(actual, -1, true),
    FIELD(free_page_hint_cmd_id, VIRTIO_BALLOON_F_FREE_PAGE_HINT, false),
    FIELD(poison_val, VIRTIO_BALLOON_F_PAGE_POISON, true),
    {0},
};

/* ---- Queues ---- */

static bool exists(const struct launcher_device *dev, enum launcher_balloon_role role)
{
    switch (role) {
    case LAUNCHER_BALLOON_STATISTICS:
        return launcher_accepted(dev, VIRTIO_BALLOON_F_STATS_VQ);
    case LAUNCHER_BALLOON_HINTS:
        return launcher_accepted(dev, VIRTIO_BALLOON_F_FREE_PAGE_HINT);
    case LAUNCHER_BALLOON_REPORTS:
        return launcher_accepted(dev, VIRTIO_BALLOON_F_PAGE_REPORTING);
    default:
        return role < LAUNCHER_BALLOON_ROLES;
    }
}

enum launcher_balloon_role launcher_balloon_role(const struct launcher_device *dev, unsigned index)
{
    if (!launcher_balloon_of(dev)->without_gaps) {
        enum launcher_balloon_role fixed =
            index < LAUNCHER_BALLOON_ROLES ? index : LAUNCHER_BALLOON_ROLES;

        return exists(dev, fixed) ? fixed : LAUNCHER_BALLOON_ROLES;
    }
    for (unsigned role = 0; role < LAUNCHER_BALLOON_ROLES; role++)
        if (exists(dev, role) && index-- == 0)
            return role;
    return LAUNCHER_BALLOON_ROLES;
}

struct launcher_queue *launcher_balloon_queue(struct launcher_device *dev,
                                              enum launcher_balloon_role role)
{
    for (unsigned i = 0; i < dev->queue_count; i++)
        if (dev->queues[i].enabled && launcher_balloon_role(dev, i) == role)
            return &dev->queues[i];
    return NULL;
}

bool launcher_balloon_busy(struct launcher_device *dev, enum launcher_balloon_role role)
{
    struct launcher_queue *queue = launcher_balloon_queue(dev, role);

    return queue != NULL && !queue->broken &&
           (queue->flight_count != 0 || queue->ring->waiting(dev, queue) != 0);
}

/* ---- Life ---- */

static int create(struct launcher_device *dev)
{
    dev->model_state = launcher_allocate(sizeof(struct launcher_balloon));
    return 0;
}

static void destroy(struct launcher_device *dev)
{
    struct launcher_balloon *balloon = launcher_balloon_of(dev);

    launcher_balloon_empty(&balloon->held);
    launcher_balloon_empty(&balloon->pending);
    free(balloon);
}

static void reset(struct launcher_device *dev)
{
    struct launcher_balloon *balloon = launcher_balloon_of(dev);
    struct launcher_balloon fresh = {
        .wait = balloon->wait,
        .spoil = balloon->spoil,
        .without_gaps = balloon->without_gaps,
        .faults_before = launcher_faults_fired(dev),
        .reported = balloon->reported,
        .command_before = balloon->command_before,
    };

    if (dev->queue_count > LAUNCHER_BALLOON_STATISTICS)
        fresh.notified_before = dev->queues[LAUNCHER_BALLOON_STATISTICS].notifications;
    launcher_balloon_empty(&balloon->held);
    launcher_balloon_empty(&balloon->pending);
    *balloon = fresh;
    LAUNCHER_BALLOON_SET(dev, actual, 0);
    LAUNCHER_BALLOON_SET(dev, poison_val, 0);
}

static void live(struct launcher_device *dev)
{
    const struct launcher_balloon *balloon = launcher_balloon_of(dev);
    const struct launcher_queue *statistics =
        launcher_balloon_queue(dev, LAUNCHER_BALLOON_STATISTICS);

    for (unsigned i = 0; i < dev->queue_count; i++)
        if (dev->queues[i].enabled)
            LAUNCHER_JUDGE(&dev->referee, "IMP-BAL-01",
                           launcher_balloon_role(dev, i) != LAUNCHER_BALLOON_ROLES,
                           "queue %u is enabled; with features 0x%llx there is no such queue", i,
                           (unsigned long long)dev->accepted);
    if (statistics != NULL)
        LAUNCHER_JUDGE(&dev->referee, "IMP-BAL-03",
                       statistics->notifications == balloon->notified_before,
                       "the statistics queue was notified before DRIVER_OK");
    if (launcher_accepted(dev, VIRTIO_BALLOON_F_PAGE_POISON))
        LAUNCHER_JUDGE(&dev->referee, "DRV-BAL-40", balloon->poison_written,
                       "DRIVER_OK, and poison_val was not written before it");
}

/* ---- Buffers ---- */

static bool serve(struct launcher_device *dev, struct launcher_queue *queue,
                  struct launcher_chain *chain, uint32_t *written)
{
    if (!chain->looked_at)
        launcher_balloon_of(dev)->activity++;
    *written = 0;
    switch (launcher_balloon_role(dev, queue->index)) {
    case LAUNCHER_BALLOON_INFLATE:
        return launcher_balloon_inflate(dev, chain);
    case LAUNCHER_BALLOON_DEFLATE:
        return launcher_balloon_deflate(dev, chain);
    case LAUNCHER_BALLOON_STATISTICS:
        return launcher_balloon_serve_statistics(dev, queue, chain, written);
    case LAUNCHER_BALLOON_HINTS:
        return launcher_balloon_serve_hint(dev, chain, written);
    case LAUNCHER_BALLOON_REPORTS:
        return launcher_balloon_serve_report(dev, chain, written);
    default:
        return false;
    }
}

/* ---- The driver's side of the configuration ---- */

static void config_touched(struct launcher_device *dev, uint64_t offset, unsigned width, bool write)
{
    bool command = LAUNCHER_TOUCHES(offset, width, virtio_balloon_config, free_page_hint_cmd_id);

    if (command && !write)
        launcher_balloon_command_read(dev);
    if (write)
        LAUNCHER_JUDGE(&dev->referee, "IMP-BAL-02", !command,
                       "free_page_hint_cmd_id is written; it is the device's");
}

static void actual_written(struct launcher_device *dev)
{
    struct launcher_balloon *balloon = launcher_balloon_of(dev);
    uint32_t value = LAUNCHER_BALLOON_GET(dev, actual), other = __builtin_bswap32(value);
    bool right = value >= balloon->fewest && value <= balloon->most;
    bool swapped = !right && other >= balloon->fewest && other <= balloon->most;

    if (dev->legacy)
        LAUNCHER_JUDGE(&dev->referee, "DRV-BAL-04", !swapped,
                       "actual is written 0x%08x: the number in the other byte order; the "
                       "balloon's configuration is little-endian",
                       value);
    if (!dev->legacy || !swapped)
        LAUNCHER_JUDGE(&dev->referee, "IMP-BAL-05", right,
                       "actual is written %u; the device has acknowledged %u to %u pages since "
                       "it was written last",
                       value, balloon->fewest, balloon->most);
    balloon->actual_is_due = value != balloon->held.count;
    balloon->fewest = balloon->most = (uint32_t)balloon->held.count;
}

static void config_written(struct launcher_device *dev, uint64_t offset, unsigned width)
{
    struct launcher_balloon *balloon = launcher_balloon_of(dev);
    const size_t last = offsetof(struct virtio_balloon_config, actual) + 3;
    uint32_t poison = LAUNCHER_BALLOON_GET(dev, poison_val);

    if (LAUNCHER_TOUCHES(offset, width, virtio_balloon_config, actual)) {
        if (dev->legacy)
            LAUNCHER_JUDGE(&dev->referee, "DRV-BAL-18", width == 4,
                           "%u bytes of actual are written; all four have to be at once", width);
        if (launcher_touches(offset, width, last, 1)) /* else there is more to come */
            actual_written(dev);
    }
    if (!LAUNCHER_TOUCHES(offset, width, virtio_balloon_config, poison_val))
        return;
    if (launcher_accepted(dev, VIRTIO_BALLOON_F_PAGE_POISON))
        LAUNCHER_JUDGE(&dev->referee, "DRV-BAL-41",
                       (dev->status & VIRTIO_STATUS_DRIVER_OK) == 0 || poison == balloon->poison,
                       "poison_val changes from 0x%x to 0x%x after DRIVER_OK", balloon->poison,
                       poison);
    balloon->poison = poison;
    balloon->poison_written = true;
}

/* Only of a life that nothing went wrong in: a driver that gives up owes nothing. */
static void end(struct launcher_device *dev)
{
    const struct launcher_balloon *balloon = launcher_balloon_of(dev);

    if (!launcher_is_live(dev) || (dev->status & VIRTIO_STATUS_FAILED) != 0 ||
        launcher_faults_fired(dev) != balloon->faults_before ||
        launcher_balloon_busy(dev, LAUNCHER_BALLOON_INFLATE) ||
        launcher_balloon_busy(dev, LAUNCHER_BALLOON_DEFLATE))
        return;
    if (balloon->held.count > 0) {
        unsigned changed = launcher_balloon_changed(dev, &balloon->held);

        LAUNCHER_JUDGE(&dev->referee, "DRV-BAL-10", changed == 0,
                       "%u pages of the balloon were written to and never deflated", changed);
    }
    if (balloon->activity > 0)
        LAUNCHER_JUDGE(&dev->referee, "DRV-BAL-15", !balloon->actual_is_due,
                       "the life ends, and actual is %u; the balloon has %zu pages",
                       LAUNCHER_BALLOON_GET(dev, actual), balloon->held.count);
    launcher_balloon_judge_statistics_end(dev);
}

/* ---- For the owner ---- */

void launcher_balloon_want(struct launcher_device *dev, uint32_t pages)
{
    LAUNCHER_BALLOON_SET(dev, num_pages, pages);
}

bool launcher_balloon_holds(const struct launcher_device *dev, uint32_t page)
{
    return launcher_balloon_find(&launcher_balloon_of(dev)->held, page) != NULL;
}

uint32_t launcher_balloon_held(const struct launcher_device *dev)
{
    return (uint32_t)launcher_balloon_of(dev)->held.count;
}

uint32_t launcher_balloon_actual(const struct launcher_device *dev)
{
    return LAUNCHER_BALLOON_GET(dev, actual);
}

void launcher_balloon_wait(struct launcher_device *dev, bool wait)
{
    launcher_balloon_of(dev)->wait = wait;
}

void launcher_balloon_spoil(struct launcher_device *dev, bool spoil)
{
    launcher_balloon_of(dev)->spoil = spoil;
}

void launcher_balloon_number_without_gaps(struct launcher_device *dev, bool without)
{
    launcher_balloon_of(dev)->without_gaps = without;
}

const struct launcher_model launcher_balloon = {
    .name = "balloon",
    .id = VIRTIO_ID_BALLOON,
    .features = BIT(VIRTIO_BALLOON_F_MUST_TELL_HOST) | BIT(VIRTIO_BALLOON_F_STATS_VQ) |
                BIT(VIRTIO_BALLOON_F_DEFLATE_ON_OOM) | BIT(VIRTIO_BALLOON_F_FREE_PAGE_HINT) |
                BIT(VIRTIO_BALLOON_F_PAGE_POISON) | BIT(VIRTIO_BALLOON_F_PAGE_REPORTING),
    .type_features = BIT(VIRTIO_BALLOON_F_MUST_TELL_HOST) | BIT(VIRTIO_BALLOON_F_STATS_VQ) |
                     BIT(VIRTIO_BALLOON_F_DEFLATE_ON_OOM) | BIT(VIRTIO_BALLOON_F_FREE_PAGE_HINT) |
                     BIT(VIRTIO_BALLOON_F_PAGE_POISON) | BIT(VIRTIO_BALLOON_F_PAGE_REPORTING),
    .queues = LAUNCHER_BALLOON_ROLES,
    .config_length = sizeof(struct virtio_balloon_config),
    .fields = fields,
    .legacy_little_endian = true,
    .create = create,
    .destroy = destroy,
    .reset = reset,
    .live = live,
    .end = end,
    .serve = serve,
    .config_touched = config_touched,
    .config_written = config_written,
};
