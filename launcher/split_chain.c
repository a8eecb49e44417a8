/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Descriptor chains of a split virtqueue, as the driver laid them out (VIRTIO 1.4, 2.7.4 to 2.7.5, 2.7.9): read once each,
 * field by field, with every bound checked, and judged.
 */
#include "launcher/split.h"

#include <stdlib.h>
#include <string.h>

struct descriptor {
    uint64_t address;
    uint32_t length;
    uint16_t flags, next;
    uint8_t raw[16];
};

enum {
    KNOWN_FLAGS = VIRTQ_DESC_F_NEXT | VIRTQ_DESC_F_WRITE | VIRTQ_DESC_F_INDIRECT,
};

static bool read_descriptor(struct launcher_device *dev, uint64_t at, struct descriptor *desc)
{
    if (!launcher_get_descriptor(dev, at, desc->raw, sizeof(desc->raw)))
        return false;
    desc->address = launcher_le64(desc->raw);
    desc->length = launcher_le32(desc->raw + 8);
    desc->flags = launcher_le16(desc->raw + 12);
    desc->next = launcher_le16(desc->raw + 14);
    return true;
}

/* An element, of the table or of an indirect one; true but for what only makes it odd. */
static void add_element(struct launcher_device *dev, const struct launcher_queue *queue,
                        struct launcher_chain *chain, const struct descriptor *desc)
{
    LAUNCHER_JUDGE(&dev->referee, "IMP-SPLIT-21",
                   desc->length != 0 && (desc->flags & (uint16_t)~KNOWN_FLAGS) == 0,
                   "queue %u, chain %u: element %u has length %u and flags 0x%x", queue->index,
                   chain->id, chain->count, desc->length, desc->flags);
    launcher_chain_add(chain, desc->address, desc->length, (desc->flags & VIRTQ_DESC_F_WRITE) != 0);
}

/* ---- Indirect tables (2.7.5.3) ---- */

static bool judge_table(struct launcher_device *dev, const struct launcher_queue *queue,
                        const struct launcher_chain *chain, const struct descriptor *desc)
{
    bool negotiated = LAUNCHER_JUDGE(
        &dev->referee, "DRV-SPLIT-14", launcher_accepted(dev, VIRTIO_F_INDIRECT_DESC),
        "queue %u, chain %u: an indirect table, and VIRTIO_F_INDIRECT_DESC was "
        "not negotiated",
        queue->index, chain->id);
    bool last = LAUNCHER_JUDGE(
        &dev->referee, "DRV-SPLIT-17", (desc->flags & VIRTQ_DESC_F_NEXT) == 0,
        "queue %u, chain %u: INDIRECT and NEXT in one descriptor", queue->index, chain->id);
    bool whole =
        LAUNCHER_JUDGE(&dev->referee, "IMP-SPLIT-06", desc->length != 0 && desc->length % 16 == 0,
                       "queue %u, chain %u: an indirect table of %u bytes, not of whole "
                       "descriptors of 16",
                       queue->index, chain->id, desc->length);

    return negotiated && last && whole && desc->address <= UINT64_MAX - desc->length;
}

/* Its links, from index 0 on; *at moves to the next entry. False: this was the last one, or *broken. */
static bool next_entry(struct launcher_device *dev, const struct launcher_queue *queue,
                       const struct launcher_chain *chain, const struct descriptor *desc,
                       uint32_t entries, uint32_t *at, bool *broken)
{
    if ((desc->flags & VIRTQ_DESC_F_NEXT) == 0)
        return false;
    if (launcher_accepted(dev, VIRTIO_F_IN_ORDER)) {
        LAUNCHER_JUDGE(&dev->referee, "DRV-SPLIT-18", desc->next == *at + 1,
                       "queue %u, chain %u: entry %u of the indirect table goes on at %u; with "
                       "IN_ORDER next counts 1, 2, 3",
                       queue->index, chain->id, *at, desc->next);
        LAUNCHER_JUDGE(&dev->referee, "IMP-SPLIT-07", desc->next == *at + 1,
                       "queue %u, chain %u: the indirect table is not used in sequence: %u, %u",
                       queue->index, chain->id, *at, desc->next);
    }
    *broken = !LAUNCHER_JUDGE(&dev->referee, "IMP-SPLIT-05", desc->next < entries,
                              "queue %u, chain %u: entry %u of an indirect table of %u goes on "
                              "at %u: the last one has NEXT clear",
                              queue->index, chain->id, *at, entries, desc->next);
    *at = desc->next;
    return !*broken;
}

static bool read_table(struct launcher_device *dev, const struct launcher_queue *queue,
                       struct launcher_chain *chain, const struct descriptor *desc)
{
    uint32_t entries = desc->length / 16, at = 0, walked = 0;
    struct descriptor entry;
    bool broken = false;

    if (!judge_table(dev, queue, chain, desc))
        return false;
    do {
        bool loops = walked == entries;

        walked++;
        if (!LAUNCHER_JUDGE(&dev->referee, "DRV-SPLIT-11", !loops,
                            "queue %u, chain %u: the indirect table of %u entries loops",
                            queue->index, chain->id, entries) ||
            chain->count == VIRTQ_SIZE_MAX || /* a limit of this device (DEV-SPLIT-04) */
            !read_descriptor(dev, desc->address + 16 * (uint64_t)at, &entry))
            return false;
        if (!LAUNCHER_JUDGE(&dev->referee, "DRV-SPLIT-15",
                            (entry.flags & VIRTQ_DESC_F_INDIRECT) == 0,
                            "queue %u, chain %u: entry %u of an indirect table is INDIRECT",
                            queue->index, chain->id, at))
            return false;
        add_element(dev, queue, chain, &entry);
    } while (next_entry(dev, queue, chain, &entry, entries, &at, &broken));
    return !broken;
}

/* ---- Chains ---- */

/* The descriptor at `at` can be the next of this chain: it is in the table, and in no chain yet. */
static bool judge_link(struct launcher_device *dev, const struct launcher_queue *queue,
                       const struct launcher_chain *chain, uint16_t at)
{
    const uint8_t *taken = queue->ring_state->taken;
    bool own = false;

    if (!LAUNCHER_JUDGE(&dev->referee, "IMP-SPLIT-21", at < queue->size,
                        "queue %u, chain %u: next is %u in a table of %u descriptors", queue->index,
                        chain->id, at, queue->size))
        return false;
    if (taken[at] != 0)
        for (unsigned i = 0; i < chain->slots && !own; i++)
            own = chain->descriptors[i] == at;
    return LAUNCHER_JUDGE(&dev->referee, "DRV-SPLIT-11", !own,
                          "queue %u, chain %u: it comes back to descriptor %u", queue->index,
                          chain->id, at) &&
           LAUNCHER_JUDGE(&dev->referee, "IMP-SPLIT-18", taken[at] == 0,
                          "queue %u, chain %u: descriptor %u belongs to a buffer in flight: there "
                          "were not enough free ones",
                          queue->index, chain->id, at);
}

/* 2.7.9: with IN_ORDER, descriptors are used in ring order. */
static void judge_order(struct launcher_device *dev, struct launcher_queue *queue,
                        const struct launcher_chain *chain, uint16_t at,
                        const struct descriptor *desc)
{
    struct launcher_ring_state *state = queue->ring_state;
    uint16_t after = (uint16_t)((at + 1u) & (queue->size - 1u));

    if (!launcher_accepted(dev, VIRTIO_F_IN_ORDER))
        return;
    if (chain->slots == 1)
        LAUNCHER_JUDGE(&dev->referee, "IMP-SPLIT-03", at == state->in_order,
                       "queue %u: a chain starts at descriptor %u, and %u is next in order",
                       queue->index, at, state->in_order);
    state->in_order = after;
    if ((desc->flags & VIRTQ_DESC_F_NEXT) == 0)
        return;
    if (after == 0)
        LAUNCHER_JUDGE(&dev->referee, "DRV-SPLIT-12", desc->next == 0,
                       "queue %u, chain %u: the last descriptor of the table goes on at %u, not "
                       "at 0",
                       queue->index, chain->id, desc->next);
    else
        LAUNCHER_JUDGE(&dev->referee, "DRV-SPLIT-13", desc->next == after,
                       "queue %u, chain %u: descriptor %u goes on at %u, not at %u", queue->index,
                       chain->id, at, desc->next, after);
}

static void take_descriptor(struct launcher_queue *queue, struct launcher_chain *chain, uint16_t at,
                            const struct descriptor *desc)
{
    /* Doubles at each power of two. */
    if ((chain->slots & (chain->slots - 1u)) == 0)
        chain->descriptors = launcher_grow(
            chain->descriptors, (chain->slots != 0 ? 2 * (size_t)chain->slots : 1) * sizeof(at));
    chain->descriptors[chain->slots++] = at;
    queue->ring_state->taken[at] = 1;
    memcpy(queue->ring_state->table + 16 * (size_t)at, desc->raw, sizeof(desc->raw));
}

static bool walk(struct launcher_device *dev, struct launcher_queue *queue,
                 struct launcher_chain *chain)
{
    uint16_t at = chain->id;

    for (;;) {
        struct descriptor desc;

        if (!judge_link(dev, queue, chain, at) ||
            !read_descriptor(dev, queue->desc + 16 * (uint64_t)at, &desc))
            return false;
        take_descriptor(queue, chain, at, &desc);
        judge_order(dev, queue, chain, at, &desc);
        /* The write flag says nothing there (DEV-SPLIT-09); ordinary ones may precede it (DEV-SPLIT-10). */
        if ((desc.flags & VIRTQ_DESC_F_INDIRECT) != 0)
            return read_table(dev, queue, chain, &desc);
        LAUNCHER_JUDGE(&dev->referee, "DRV-SPLIT-14", true, "%s", "");
        add_element(dev, queue, chain, &desc);
        if ((desc.flags & VIRTQ_DESC_F_NEXT) == 0)
            return true;
        at = desc.next;
    }
}

/* Pieces that are needed: elements that touch and go the same way could be one, but for a block device's limit on their size. */
static unsigned pieces(const struct launcher_device *dev, const struct launcher_chain *chain)
{
    unsigned count = chain->count;

    if (dev->options.type == VIRTIO_ID_BLOCK && launcher_accepted(dev, VIRTIO_BLK_F_SIZE_MAX))
        return count;
    for (unsigned i = 1; i < chain->count; i++) {
        const struct launcher_segment *one = &chain->segments[i - 1], *two = one + 1;

        if (one->writable == two->writable && one->address + one->length == two->address &&
            (uint64_t)one->length + two->length <= UINT32_MAX)
            count--;
    }
    return count;
}

static void judge_whole(struct launcher_device *dev, const struct launcher_queue *queue,
                        const struct launcher_chain *chain)
{
    uint64_t bytes = chain->readable + chain->writable;
    unsigned needed = pieces(dev, chain);

    LAUNCHER_JUDGE(&dev->referee, "DRV-SPLIT-08", launcher_chain_is_ordered(chain),
                   "queue %u, chain %u: a readable element behind a writable one", queue->index,
                   chain->id);
    LAUNCHER_JUDGE(&dev->referee, "DRV-SPLIT-09", chain->count <= 2 * needed,
                   "queue %u, chain %u: %u elements, of which so many touch that %u would do",
                   queue->index, chain->id, chain->count, needed);
    LAUNCHER_JUDGE(&dev->referee, "DRV-SPLIT-10", bytes <= 1ull << 32,
                   "queue %u, chain %u: %llu bytes, more than 2^32", queue->index, chain->id,
                   (unsigned long long)bytes);
    LAUNCHER_JUDGE(&dev->referee, "DRV-SPLIT-16", chain->count <= queue->size,
                   "queue %u, chain %u: %u elements on a queue of %u", queue->index, chain->id,
                   chain->count, queue->size);
    LAUNCHER_JUDGE(&dev->referee, "IMP-SPLIT-22", bytes != 0, "queue %u, chain %u: it is empty",
                   queue->index, chain->id);
}

struct launcher_chain *launcher_split_read_chain(struct launcher_device *dev,
                                                 struct launcher_queue *queue, uint16_t head)
{
    struct launcher_chain *chain = launcher_chain_new();

    chain->id = head;
    if (!walk(dev, queue, chain)) {
        launcher_chain_free(chain);
        return NULL;
    }
    judge_whole(dev, queue, chain);
    return chain;
}

void launcher_split_release(struct launcher_queue *queue, const struct launcher_chain *chain)
{
    for (unsigned i = 0; i < chain->slots; i++)
        queue->ring_state->taken[chain->descriptors[i]] = 0;
}

void launcher_split_check_unchanged(struct launcher_device *dev, struct launcher_queue *queue,
                                    const struct launcher_chain *chain)
{
    for (unsigned i = 0; i < chain->slots; i++) {
        uint16_t at = chain->descriptors[i];
        uint8_t now[16];

        if (!launcher_get_descriptor(dev, queue->desc + 16 * (uint64_t)at, now, sizeof(now)))
            return;
        LAUNCHER_JUDGE(&dev->referee, "DRV-CLEAN-01",
                       memcmp(now, queue->ring_state->table + 16 * (size_t)at, sizeof(now)) == 0,
                       "queue %u, chain %u: descriptor %u was changed while the buffer was in "
                       "flight",
                       queue->index, chain->id, at);
    }
}
