/* SPDX-License-Identifier: BSD-2-Clause */
/* What the parts of the balloon's model share: balloon.c (pages, configuration), balloon_queues.c (the other queues). */
#ifndef LAUNCHER_BALLOON_STATE_H
#define LAUNCHER_BALLOON_STATE_H

#include "launcher/balloon.h"
#include "launcher/model.h"

/* 5.5.2 */
enum launcher_balloon_role {
    LAUNCHER_BALLOON_INFLATE,
    LAUNCHER_BALLOON_DEFLATE,
    LAUNCHER_BALLOON_STATISTICS,
    LAUNCHER_BALLOON_HINTS,
    LAUNCHER_BALLOON_REPORTS,
    LAUNCHER_BALLOON_ROLES, /* such a queue does not exist */
};

enum {
    LAUNCHER_BALLOON_PAGE = 1 << VIRTIO_BALLOON_PAGE_SHIFT, /* bytes */
};

/* A page that the host has, with a digest of its contents: it has no business to change there. */
struct launcher_balloon_page {
    uint32_t number;
    bool there;
    uint64_t digest;
};

/* A set of pages: a hash table, open addressing, at most half full. */
struct launcher_balloon_pages {
    struct launcher_balloon_page *pages;
    size_t count, room;
};

struct launcher_balloon {
    struct launcher_balloon_pages held;
    struct launcher_balloon_pages pending; /* seen in a buffer that is not acknowledged yet */
    bool wait, spoil, without_gaps;

    /* Of the present life. */
    uint64_t faults_before; /* that had fired when it began */
    uint64_t activity;      /* buffers seen */
    uint32_t fewest, most;  /* pages held since `actual` was written */
    bool actual_is_due, poison_written;
    uint32_t poison;

    uint64_t statistics_seen, statistics_returned, returned_at; /* buffers; activity then */
    uint64_t notified_before;
    bool asked;
    uint32_t tags; /* a bit each of the latest buffer but the first */
    bool tags_known;
    bool told[VIRTIO_BALLOON_S_TAGS];
    uint64_t value[VIRTIO_BALLOON_S_TAGS];

    uint32_t command_before, opened; /* the id that was in force before; that the driver sent */
    bool open, closed, stop_read;
    uint64_t stop_order; /* buffers for hints that the driver had published when it read the stop */
    uint64_t hinted, reported;
};

static inline struct launcher_balloon *launcher_balloon_of(const struct launcher_device *dev)
{
    return dev->model_state;
}

#define LAUNCHER_BALLOON_GET(dev, field)                                                           \
    ((uint32_t)launcher_get_config(dev, offsetof(struct virtio_balloon_config, field), 4))
#define LAUNCHER_BALLOON_SET(dev, field, value)                                                    \
    launcher_set_config(dev, offsetof(struct virtio_balloon_config, field), 4, value)

/* ---- balloon.c ---- */

enum launcher_balloon_role launcher_balloon_role(const struct launcher_device *dev, unsigned index);
/* NULL: no such queue, or it is not enabled. */
struct launcher_queue *launcher_balloon_queue(struct launcher_device *dev,
                                              enum launcher_balloon_role role);
/* Whether buffers of the queue are in flight or waiting. */
bool launcher_balloon_busy(struct launcher_device *dev, enum launcher_balloon_role role);

/* ---- balloon_pages.c ---- */

struct launcher_balloon_page *launcher_balloon_find(const struct launcher_balloon_pages *set,
                                                    uint32_t number);
void launcher_balloon_put(struct launcher_balloon_pages *set, uint32_t number, uint64_t digest);
void launcher_balloon_take_out(struct launcher_balloon_pages *set, uint32_t number);
void launcher_balloon_empty(struct launcher_balloon_pages *set);
/* false: there is no such memory. */
bool launcher_balloon_digest(const struct launcher_device *dev, uint64_t address, uint32_t length,
                             uint64_t *digest);
void launcher_balloon_destroy_contents(struct launcher_device *dev, uint64_t address,
                                       uint32_t length);
/* Pages of the set whose contents have changed. */
unsigned launcher_balloon_changed(const struct launcher_device *dev,
                                  const struct launcher_balloon_pages *set);

/* ---- balloon_move.c ---- */

bool launcher_balloon_inflate(struct launcher_device *dev, struct launcher_chain *chain);
bool launcher_balloon_deflate(struct launcher_device *dev, const struct launcher_chain *chain);

/* ---- balloon_queues.c ---- */

bool launcher_balloon_serve_statistics(struct launcher_device *dev, struct launcher_queue *queue,
                                       struct launcher_chain *chain, uint32_t *written);
bool launcher_balloon_serve_hint(struct launcher_device *dev, struct launcher_chain *chain,
                                 uint32_t *written);
bool launcher_balloon_serve_report(struct launcher_device *dev, struct launcher_chain *chain,
                                   uint32_t *written);
/* The driver reads free_page_hint_cmd_id. */
void launcher_balloon_command_read(struct launcher_device *dev);
void launcher_balloon_judge_statistics_end(struct launcher_device *dev);

#endif
