/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Descriptor lists of a packed virtqueue, as the driver laid them out (VIRTIO 1.4, 2.8.5 to 2.8.9): read once each, field by
 * field, with every bound checked, and judged.
 */
#include "launcher/packed.h"

#include <string.h>

struct descriptor {
    uint64_t address;
    uint32_t length;
    uint16_t id, flags;
    uint8_t raw[16];
};

/* All but the flags, which were read first: they say that the rest is there (DEV-PACKED-06). */
static bool read_rest(struct launcher_device *dev, uint64_t at, struct descriptor *desc)
{
    if (!launcher_get_descriptor(dev, at, desc->raw, 14))
        return false;
    desc->address = launcher_le64(desc->raw);
    desc->length = launcher_le32(desc->raw + 8);
    desc->id = launcher_le16(desc->raw + 12);
    desc->raw[14] = (uint8_t)desc->flags;
    desc->raw[15] = (uint8_t)(desc->flags >> 8);
    return true;
}

/* ---- Indirect tables (2.8.7): one element behind the other ---- */

static bool read_table(struct launcher_device *dev, const struct launcher_queue *queue,
                       struct launcher_chain *chain, const struct descriptor *desc)
{
    uint32_t entries = desc->length / 16;

    if (!LAUNCHER_JUDGE(&dev->referee, "DRV-PACKED-15",
                        launcher_accepted(dev, VIRTIO_F_INDIRECT_DESC),
                        "queue %u, slot %u: an indirect table, and VIRTIO_F_INDIRECT_DESC was not "
                        "negotiated",
                        queue->index, chain->position) ||
        !LAUNCHER_JUDGE(&dev->referee, "IMP-PACKED-15", entries != 0 && desc->length % 16 == 0,
                        "queue %u, slot %u: an indirect table of %u bytes, not of whole "
                        "descriptors of 16",
                        queue->index, chain->position, desc->length) ||
        !LAUNCHER_JUDGE(&dev->referee, "DRV-PACKED-17", entries <= VIRTQ_SIZE_MAX,
                        "queue %u, slot %u: an indirect table of %u entries; this device permits "
                        "32768",
                        queue->index, chain->position, entries) ||
        desc->address > UINT64_MAX - desc->length)
        return false;
    for (uint32_t i = 0; i < entries; i++) {
        uint64_t at = desc->address + 16 * (uint64_t)i;
        struct descriptor entry;

        if (!launcher_get16(dev, at + 14, &entry.flags) || !read_rest(dev, at, &entry))
            return false;
        LAUNCHER_JUDGE(&dev->referee, "DRV-PACKED-16",
                       (entry.flags & (uint16_t)~VIRTQ_DESC_F_WRITE) == 0,
                       "queue %u, slot %u: entry %u of the indirect table has flags 0x%x; WRITE is "
                       "the only one there",
                       queue->index, chain->position, i, entry.flags);
        launcher_chain_add(chain, entry.address, entry.length,
                           (entry.flags & VIRTQ_DESC_F_WRITE) != 0);
    }
    return true;
}

/* ---- Lists ---- */

/* A list that goes on needs one slot more: one that is neither in flight nor its own. */
static bool judge_room(struct launcher_device *dev, const struct launcher_queue *queue,
                       const struct launcher_chain *chain)
{
    uint32_t out = queue->ring_state->slots_out, slots = chain->slots + 1u;
    bool own = slots > queue->size;

    LAUNCHER_JUDGE(&dev->referee, "DRV-PACKED-08", !own,
                   "queue %u, slot %u: a list of more than %u descriptors, which is what the "
                   "device permits",
                   queue->index, chain->position, queue->size);
    LAUNCHER_JUDGE(&dev->referee, "DRV-PACKED-09", !own,
                   "queue %u, slot %u: a list of more than the queue's %u descriptors",
                   queue->index, chain->position, queue->size);
    return LAUNCHER_JUDGE(&dev->referee, "DRV-PACKED-10", !own,
                          "queue %u, slot %u: a list that comes back to its first descriptor",
                          queue->index, chain->position) &&
           LAUNCHER_JUDGE(&dev->referee, "DRV-PACKED-13", out + slots <= queue->size,
                          "queue %u, slot %u: a list of at least %u descriptors with %u of %u in "
                          "flight: there is no room for it",
                          queue->index, chain->position, slots, out, queue->size);
}

/* A later descriptor of a list is available by the wrap counter of its own slot. */
static bool judge_later(struct launcher_device *dev, const struct launcher_queue *queue,
                        const struct launcher_chain *chain, uint16_t flags, bool wrap)
{
    bool available = launcher_packed_is_available(flags, wrap);

    LAUNCHER_JUDGE(&dev->referee, "IMP-PACKED-12", available,
                   "queue %u, slot %u: descriptor %u of the list has flags 0x%04x and wrap counter "
                   "%d",
                   queue->index, chain->position, chain->slots, flags, wrap);
    return LAUNCHER_JUDGE(&dev->referee, "DRV-PACKED-14", available,
                          "queue %u, slot %u: the list was made available before its descriptor "
                          "%u was",
                          queue->index, chain->position, chain->slots);
}

/* INDIRECT stands alone: it neither continues a list nor is continued. */
static bool judge_alone(struct launcher_device *dev, const struct launcher_queue *queue,
                        const struct launcher_chain *chain, uint16_t flags)
{
    bool chained = chain->slots > 1 || (flags & VIRTQ_DESC_F_NEXT) != 0;
    bool mixed = chained && (flags & VIRTQ_DESC_F_INDIRECT) != 0;

    LAUNCHER_JUDGE(&dev->referee, "IMP-PACKED-10", !mixed,
                   "queue %u, slot %u: direct and indirect descriptors in one list", queue->index,
                   chain->position);
    return LAUNCHER_JUDGE(&dev->referee, "DRV-PACKED-18", !mixed,
                          "queue %u, slot %u: an INDIRECT descriptor in a list chained by NEXT",
                          queue->index, chain->position);
}

static bool walk(struct launcher_device *dev, struct launcher_queue *queue,
                 struct launcher_chain *chain, uint16_t flags)
{
    uint16_t slot = queue->avail_next;
    bool wrap = queue->avail_wrap;

    for (;;) {
        struct descriptor desc = {.flags = flags};

        if (!read_rest(dev, launcher_packed_at(queue, slot), &desc))
            return false;
        memcpy(queue->ring_state->ring + 16 * (size_t)slot, desc.raw, sizeof(desc.raw));
        chain->slots++;
        chain->id = desc.id; /* the last one's counts */
        if (!judge_alone(dev, queue, chain, flags))
            return false;
        if ((flags & VIRTQ_DESC_F_INDIRECT) != 0)
            return read_table(dev, queue, chain, &desc);
        launcher_chain_add(chain, desc.address, desc.length, (flags & VIRTQ_DESC_F_WRITE) != 0);
        if ((flags & VIRTQ_DESC_F_NEXT) == 0)
            return true;
        launcher_packed_advance(queue, &slot, &wrap, 1);
        if (!judge_room(dev, queue, chain) ||
            !launcher_get16(dev, launcher_packed_at(queue, slot) + 14, &flags) ||
            !judge_later(dev, queue, chain, flags, wrap))
            return false;
    }
}

struct launcher_chain *launcher_packed_read_list(struct launcher_device *dev,
                                                 struct launcher_queue *queue, uint16_t flags)
{
    struct launcher_chain *chain = launcher_chain_new();

    chain->position = queue->avail_next;
    chain->wrap = queue->avail_wrap;
    if (!LAUNCHER_JUDGE(&dev->referee, "IMP-PACKED-02", queue->ring_state->slots_out < queue->size,
                        "queue %u, slot %u: a buffer is made available with all %u descriptors in "
                        "flight",
                        queue->index, chain->position, queue->size) ||
        !walk(dev, queue, chain, flags) ||
        !LAUNCHER_JUDGE(&dev->referee, "IMP-PACKED-11", queue->ring_state->taken[chain->id] == 0,
                        "queue %u, slot %u: the last descriptor of the list has the buffer id %u, "
                        "which is in flight",
                        queue->index, chain->position, chain->id)) {
        launcher_chain_free(chain);
        return NULL;
    }
    LAUNCHER_JUDGE(&dev->referee, "DRV-PACKED-11", launcher_chain_is_ordered(chain),
                   "queue %u, slot %u: a readable element behind a writable one", queue->index,
                   chain->position);
    return chain;
}

void launcher_packed_check_unchanged(struct launcher_device *dev, struct launcher_queue *queue,
                                     const struct launcher_chain *chain)
{
    uint16_t slot = chain->position;
    bool wrap = chain->wrap;

    for (unsigned i = 0; i < chain->slots; i++) {
        uint8_t now[16];
        bool same;

        if (!launcher_get_descriptor(dev, launcher_packed_at(queue, slot), now, sizeof(now)))
            return;
        same = memcmp(now, queue->ring_state->ring + 16 * (size_t)slot, sizeof(now)) == 0;
        LAUNCHER_JUDGE(&dev->referee, "DRV-CLEAN-01", same,
                       "queue %u: slot %u was changed while buffer %u was in flight", queue->index,
                       slot, chain->id);
        LAUNCHER_JUDGE(&dev->referee, "DRV-PACKED-04", same,
                       "queue %u: slot %u was changed before the device used it", queue->index,
                       slot);
        LAUNCHER_JUDGE(&dev->referee, "DRV-PACKED-05", same,
                       "queue %u: slot %u was changed after it was made available", queue->index,
                       slot);
        launcher_packed_advance(queue, &slot, &wrap, 1);
    }
}
