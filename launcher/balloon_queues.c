/* SPDX-License-Identifier: BSD-2-Clause */
/* The balloon's further queues (VIRTIO 1.4, 5.5.6): memory statistics, free page hints, free page reports. */
#include <string.h>

#include "launcher/balloon_state.h"

enum {
    STATISTIC = sizeof(struct virtio_balloon_stat),
    STATISTICS_MOST = 64, /* entries of a buffer that are looked at */
    PIECE = 1024,
};

/* ---- Statistics: the device keeps the buffer, and gives it back to ask for another ---- */

struct statistics {
    uint32_t tags;           /* a bit each */
    bool twice, other_order; /* a tag stands there again; would be known in the other byte order */
    unsigned count;
};

static void see_entry(struct launcher_device *dev, const uint8_t *entry, struct statistics *seen)
{
    struct launcher_balloon *balloon = launcher_balloon_of(dev);
    uint16_t tag;
    uint64_t value;

    memcpy(&tag, entry, sizeof(tag));
    memcpy(&value, entry + sizeof(tag), sizeof(value));
    tag = launcher_guest16(dev, tag);
    if (tag >= VIRTIO_BALLOON_S_TAGS) { /* one that is not known: ignored */
        seen->other_order |= __builtin_bswap16(tag) < VIRTIO_BALLOON_S_TAGS;
        return;
    }
    seen->twice |= (seen->tags >> tag & 1) != 0;
    seen->tags |= 1u << tag;
    balloon->told[tag] = true;
    balloon->value[tag] = launcher_guest64(dev, value);
}

static struct statistics read_statistics(struct launcher_device *dev,
                                         const struct launcher_chain *chain)
{
    struct statistics seen = {0};
    uint64_t count = chain->readable / STATISTIC;
    uint8_t entry[STATISTIC];

    if (count > STATISTICS_MOST)
        count = STATISTICS_MOST;
    for (; seen.count < count; seen.count++) {
        if (launcher_chain_read(dev, chain, (uint64_t)seen.count * STATISTIC, entry, STATISTIC) !=
            STATISTIC)
            break;
        see_entry(dev, entry, &seen);
    }
    return seen;
}

static void judge_statistics(struct launcher_device *dev, const struct launcher_queue *queue,
                             const struct launcher_chain *chain)
{
    struct launcher_referee *referee = &dev->referee;
    struct launcher_balloon *balloon = launcher_balloon_of(dev);
    unsigned long long readable = chain->readable;
    bool to_read = chain->readable > 0 && chain->writable == 0;

    LAUNCHER_JUDGE(referee, "DRV-BAL-19", queue->flight_count <= 1,
                   "%u buffers at once in the statistics queue", queue->flight_count);
    if (balloon->statistics_seen == 1)
        LAUNCHER_JUDGE(referee, "DRV-BAL-20", to_read,
                       "the first statistics buffer has %llu readable and %llu writable bytes",
                       readable, (unsigned long long)chain->writable);
    else
        LAUNCHER_JUDGE(referee, "DRV-BAL-21", to_read,
                       "a statistics buffer has %llu readable and %llu writable bytes", readable,
                       (unsigned long long)chain->writable);
    LAUNCHER_JUDGE(referee, "DRV-BAL-23", readable % STATISTIC == 0,
                   "%llu bytes of statistics, not a multiple of 10", readable);
    LAUNCHER_JUDGE(referee, "IMP-BAL-06", readable % STATISTIC == 0,
                   "%llu bytes of statistics; an entry has 10", readable);
}

/* The first buffer of a life has nothing to say yet: what it holds is not judged. */
static void judge_contents(struct launcher_device *dev, const struct statistics *seen)
{
    struct launcher_referee *referee = &dev->referee;
    struct launcher_balloon *balloon = launcher_balloon_of(dev);

    LAUNCHER_JUDGE(referee, "DRV-BAL-22", seen->count > 0 && !seen->twice, "%u statistics, %s",
                   seen->count, seen->twice ? "one of them twice" : "each once");
    if (balloon->tags_known)
        LAUNCHER_JUDGE(referee, "DRV-BAL-26", seen->tags == balloon->tags,
                       "statistics 0x%x (a bit a tag), and 0x%x before", seen->tags, balloon->tags);
    if (dev->legacy)
        LAUNCHER_JUDGE(referee, "DRV-BAL-27", !seen->other_order,
                       "the tag of a statistic is a known one in the other byte order; a legacy "
                       "driver uses its own");
    balloon->tags = seen->tags;
    balloon->tags_known = true;
}

bool launcher_balloon_serve_statistics(struct launcher_device *dev, struct launcher_queue *queue,
                                       struct launcher_chain *chain, uint32_t *written)
{
    struct launcher_balloon *balloon = launcher_balloon_of(dev);

    if (!chain->looked_at) {
        struct statistics seen;

        balloon->statistics_seen++;
        judge_statistics(dev, queue, chain);
        seen = read_statistics(dev, chain);
        if (balloon->statistics_seen > 1)
            judge_contents(dev, &seen);
    }
    chain->looked_at = true;
    *written = 0;
    if (!balloon->asked)
        return false;
    balloon->asked = false;
    balloon->statistics_returned++;
    balloon->returned_at = balloon->activity;
    return true;
}

void launcher_balloon_judge_statistics_end(struct launcher_device *dev)
{
    const struct launcher_balloon *balloon = launcher_balloon_of(dev);

    if (!launcher_accepted(dev, VIRTIO_BALLOON_F_STATS_VQ) || balloon->activity == 0 ||
        launcher_balloon_busy(dev, LAUNCHER_BALLOON_STATISTICS))
        return;
    LAUNCHER_JUDGE(&dev->referee, "DRV-BAL-20", balloon->statistics_seen > 0,
                   "the life ends, and there never was a statistics buffer");
    if (balloon->statistics_returned > 0 && balloon->activity > balloon->returned_at)
        LAUNCHER_JUDGE(&dev->referee, "DRV-BAL-21",
                       balloon->statistics_seen > balloon->statistics_returned,
                       "the statistics buffer was used, and no other one came");
}

bool launcher_balloon_ask_statistics(struct launcher_device *dev)
{
    struct launcher_queue *queue = launcher_balloon_queue(dev, LAUNCHER_BALLOON_STATISTICS);

    if (queue == NULL || queue->flight_count == 0)
        return false;
    launcher_balloon_of(dev)->asked = true;
    return true;
}

bool launcher_balloon_statistic(const struct launcher_device *dev, unsigned tag, uint64_t *value)
{
    const struct launcher_balloon *balloon = launcher_balloon_of(dev);

    if (tag >= VIRTIO_BALLOON_S_TAGS || !balloon->told[tag])
        return false;
    *value = balloon->value[tag];
    return true;
}

/* ---- Free page hints ---- */

static uint32_t command(const struct launcher_device *dev)
{
    return LAUNCHER_BALLOON_GET(dev, free_page_hint_cmd_id);
}

static bool is_command(const struct launcher_device *dev, uint32_t id)
{
    return id == VIRTIO_BALLOON_CMD_ID_STOP || id == command(dev) ||
           id == launcher_balloon_of(dev)->command_before;
}

static void serve_command(struct launcher_device *dev, const struct launcher_chain *chain)
{
    struct launcher_referee *referee = &dev->referee;
    struct launcher_balloon *balloon = launcher_balloon_of(dev);
    uint32_t id = 0;

    LAUNCHER_JUDGE(referee, "DRV-BAL-28", chain->readable == sizeof(id),
                   "a command of %llu bytes; it has 4", (unsigned long long)chain->readable);
    if (launcher_chain_read(dev, chain, 0, &id, sizeof(id)) != sizeof(id))
        return;
    id = launcher_guest32(dev, id);
    if (dev->legacy)
        LAUNCHER_JUDGE(referee, "DRV-BAL-38",
                       is_command(dev, id) || !is_command(dev, __builtin_bswap32(id)),
                       "command 0x%08x is the right one in the other byte order; a legacy driver "
                       "uses its own",
                       id);
    if (id == VIRTIO_BALLOON_CMD_ID_STOP) {
        balloon->closed = balloon->open;
        balloon->open = false;
        return;
    }
    LAUNCHER_JUDGE(referee, "DRV-BAL-29", is_command(dev, id),
                   "a round of hints begins with command 0x%x; the device asks with 0x%x", id,
                   command(dev));
    LAUNCHER_JUDGE(referee, "DRV-BAL-30", id != balloon->opened, "command 0x%x comes again", id);
    balloon->opened = id;
    balloon->open = true;
    balloon->closed = false;
}

static void serve_pages(struct launcher_device *dev, const struct launcher_chain *chain)
{
    struct launcher_referee *referee = &dev->referee;
    struct launcher_balloon *balloon = launcher_balloon_of(dev);

    LAUNCHER_JUDGE(referee, "DRV-BAL-29", balloon->open,
                   "a hint outside of a round: no command came before it");
    LAUNCHER_JUDGE(referee, "DRV-BAL-31", chain->readable == 0,
                   "a hint with %llu bytes that the device is to read",
                   (unsigned long long)chain->readable);
    LAUNCHER_JUDGE(referee, "DRV-BAL-32", !balloon->stop_read || chain->order < balloon->stop_order,
                   "a hint, although the driver has read that the device wants no more");
    if (balloon->open && balloon->opened == command(dev))
        balloon->hinted += chain->writable;
}

bool launcher_balloon_serve_hint(struct launcher_device *dev, struct launcher_chain *chain,
                                 uint32_t *written)
{
    *written = 0;
    if (chain->writable == 0)
        serve_command(dev, chain);
    else
        serve_pages(dev, chain);
    return true;
}

/* What is published by now was so before the driver knew. */
void launcher_balloon_command_read(struct launcher_device *dev)
{
    struct launcher_balloon *balloon = launcher_balloon_of(dev);
    struct launcher_queue *queue = launcher_balloon_queue(dev, LAUNCHER_BALLOON_HINTS);

    balloon->stop_read = command(dev) <= VIRTIO_BALLOON_CMD_ID_DONE;
    if (queue == NULL || !balloon->stop_read)
        return;
    balloon->stop_order = queue->taken + queue->ring->waiting(dev, queue);
}

void launcher_balloon_command(struct launcher_device *dev, uint32_t id)
{
    struct launcher_balloon *balloon = launcher_balloon_of(dev);

    balloon->command_before = command(dev);
    if (id > VIRTIO_BALLOON_CMD_ID_DONE) {
        balloon->hinted = 0;
        balloon->closed = false;
        balloon->opened = 0;
    }
    LAUNCHER_BALLOON_SET(dev, free_page_hint_cmd_id, id);
}

uint64_t launcher_balloon_hinted(const struct launcher_device *dev)
{
    return launcher_balloon_of(dev)->hinted;
}

bool launcher_balloon_round_closed(const struct launcher_device *dev)
{
    return launcher_balloon_of(dev)->closed;
}

/* ---- Free page reports ---- */

static bool is_poisoned(struct launcher_device *dev, const struct launcher_segment *segment)
{
    const struct launcher_memory *memory = &dev->options.memory;
    uint32_t words[PIECE / sizeof(uint32_t)];

    for (uint32_t at = 0; at < segment->length; at += PIECE) {
        uint32_t part = segment->length - at < PIECE ? segment->length - at : PIECE;

        if (!memory->read(memory->ctx, segment->address + at, words, part))
            return true; /* another rule's matter */
        for (uint32_t i = 0; i < part / sizeof(words[0]); i++)
            if (words[i] != launcher_balloon_of(dev)->poison)
                return false;
    }
    return true;
}

static uint64_t digest_of(const struct launcher_device *dev, const struct launcher_segment *segment)
{
    uint64_t digest = 0;

    (void)launcher_balloon_digest(dev, segment->address, segment->length, &digest);
    return digest;
}

static uint32_t page_of(const struct launcher_segment *segment)
{
    return (uint32_t)(segment->address >> VIRTIO_BALLOON_PAGE_SHIFT);
}

static void look_at_report(struct launcher_device *dev, struct launcher_chain *chain)
{
    bool poison = launcher_accepted(dev, VIRTIO_BALLOON_F_PAGE_POISON);

    for (unsigned i = 0; i < chain->count; i++) {
        const struct launcher_segment *segment = &chain->segments[i];

        if (!segment->writable)
            continue;
        if (poison)
            LAUNCHER_JUDGE(&dev->referee, "DRV-BAL-43", is_poisoned(dev, segment),
                           "0x%llx is reported as free, and is not filled with poison_val 0x%x",
                           (unsigned long long)segment->address, launcher_balloon_of(dev)->poison);
        launcher_balloon_put(&launcher_balloon_of(dev)->pending, page_of(segment),
                             digest_of(dev, segment));
    }
    chain->looked_at = true;
}

bool launcher_balloon_serve_report(struct launcher_device *dev, struct launcher_chain *chain,
                                   uint32_t *written)
{
    struct launcher_balloon *balloon = launcher_balloon_of(dev);

    if (!chain->looked_at)
        look_at_report(dev, chain);
    if (balloon->wait)
        return false;
    for (unsigned i = 0; i < chain->count; i++) {
        const struct launcher_segment *segment = &chain->segments[i];
        const struct launcher_balloon_page *before;

        if (!segment->writable)
            continue;
        before = launcher_balloon_find(&balloon->pending, page_of(segment));
        if (before != NULL)
            LAUNCHER_JUDGE(&dev->referee, "DRV-BAL-44", digest_of(dev, segment) == before->digest,
                           "0x%llx was written to between its report and the acknowledgement",
                           (unsigned long long)segment->address);
        launcher_balloon_take_out(&balloon->pending, page_of(segment));
        if (balloon->spoil && !launcher_accepted(dev, VIRTIO_BALLOON_F_PAGE_POISON))
            launcher_balloon_destroy_contents(dev, segment->address, segment->length);
        balloon->reported += segment->length;
    }
    *written = 0;
    return true;
}

uint64_t launcher_balloon_reported(const struct launcher_device *dev)
{
    return launcher_balloon_of(dev)->reported;
}
