/* SPDX-License-Identifier: BSD-2-Clause */
/* Pages that go to the host and come back (VIRTIO 1.4, 5.5.6): inflating and deflating, and that nobody uses them meanwhile. */
#include "launcher/balloon_state.h"

enum {
    ENTRY = 4, /* bytes of a page number */
    ENTRIES_A_PIECE = 256,
    ENTRIES_MOST = 1 << 20, /* of one buffer: all pages that a guest of 4 GiB has */
};

/* ---- Page numbers ---- */

/* Runs over the page numbers of a buffer until `each` says no. */
static void for_each_page(struct launcher_device *dev, const struct launcher_chain *chain,
                          bool (*each)(struct launcher_device *dev, uint32_t page))
{
    uint32_t entries[ENTRIES_A_PIECE];
    uint64_t count = chain->readable / ENTRY;

    if (count > ENTRIES_MOST)
        count = ENTRIES_MOST;
    for (uint64_t i = 0; i < count; i += ENTRIES_A_PIECE) {
        uint64_t part = count - i < ENTRIES_A_PIECE ? count - i : ENTRIES_A_PIECE;
        uint32_t length = (uint32_t)part * ENTRY;

        if (launcher_chain_read(dev, chain, i * ENTRY, entries, length) != length)
            return;
        for (uint64_t k = 0; k < part; k++)
            if (!each(dev, launcher_guest32(dev, entries[k])))
                return;
    }
}

static uint64_t address_of(uint32_t page)
{
    return (uint64_t)page * LAUNCHER_BALLOON_PAGE;
}

static bool digest_page(const struct launcher_device *dev, uint32_t page, uint64_t *digest)
{
    return launcher_balloon_digest(dev, address_of(page), LAUNCHER_BALLOON_PAGE, digest);
}

static void judge_numbers(struct launcher_device *dev, const struct launcher_chain *chain)
{
    LAUNCHER_JUDGE(&dev->referee, "IMP-BAL-04", chain->readable % ENTRY == 0,
                   "a buffer of %llu bytes; page numbers have 4 bytes each",
                   (unsigned long long)chain->readable);
}

static void count_changed(struct launcher_device *dev)
{
    struct launcher_balloon *balloon = launcher_balloon_of(dev);
    uint32_t held = (uint32_t)balloon->held.count;

    if (held < balloon->fewest)
        balloon->fewest = held;
    if (held > balloon->most)
        balloon->most = held;
    balloon->actual_is_due = true;
}

/* ---- Inflating ---- */

/* The page is named: from here to the acknowledgement it is nobody's. */
static bool note_pending(struct launcher_device *dev, uint32_t page)
{
    uint64_t digest;

    LAUNCHER_JUDGE(&dev->referee, "IMP-BAL-04", digest_page(dev, page, &digest),
                   "page 0x%x, at 0x%llx: the guest has no such memory; page numbers count 4096 "
                   "bytes",
                   page, (unsigned long long)address_of(page));
    if (digest_page(dev, page, &digest))
        launcher_balloon_put(&launcher_balloon_of(dev)->pending, page, digest);
    return true;
}

static bool inflate_page(struct launcher_device *dev, uint32_t page)
{
    struct launcher_balloon *balloon = launcher_balloon_of(dev);
    const struct launcher_balloon_page *before = launcher_balloon_find(&balloon->pending, page);
    uint64_t digest;

    if (before == NULL || !digest_page(dev, page, &digest))
        return true;
    LAUNCHER_JUDGE(&dev->referee, "DRV-BAL-13", digest == before->digest,
                   "page 0x%x was written to between its inflation and the acknowledgement", page);
    launcher_balloon_take_out(&balloon->pending, page);
    if (balloon->spoil) {
        launcher_balloon_destroy_contents(dev, address_of(page), LAUNCHER_BALLOON_PAGE);
        (void)digest_page(dev, page, &digest);
    }
    launcher_balloon_put(&balloon->held, page, digest);
    return true;
}

bool launcher_balloon_inflate(struct launcher_device *dev, struct launcher_chain *chain)
{
    if (!chain->looked_at) {
        judge_numbers(dev, chain);
        for_each_page(dev, chain, note_pending);
    }
    chain->looked_at = true;
    if (launcher_balloon_of(dev)->wait)
        return false;
    for_each_page(dev, chain, inflate_page);
    count_changed(dev);
    return true;
}

/* ---- Deflating ---- */

static bool deflate_page(struct launcher_device *dev, uint32_t page)
{
    struct launcher_balloon *balloon = launcher_balloon_of(dev);
    const struct launcher_balloon_page *held = launcher_balloon_find(&balloon->held, page);
    uint64_t digest;

    LAUNCHER_JUDGE(&dev->referee, "DRV-BAL-14",
                   launcher_balloon_find(&balloon->pending, page) == NULL,
                   "page 0x%x is deflated, and its inflation was not acknowledged yet", page);
    if (held == NULL)
        return true;
    if (launcher_accepted(dev, VIRTIO_BALLOON_F_MUST_TELL_HOST) && digest_page(dev, page, &digest))
        LAUNCHER_JUDGE(&dev->referee, "DRV-BAL-11", digest == held->digest,
                       "page 0x%x was written to before its deflation was acknowledged", page);
    launcher_balloon_take_out(&balloon->held, page);
    return true;
}

bool launcher_balloon_deflate(struct launcher_device *dev, const struct launcher_chain *chain)
{
    judge_numbers(dev, chain);
    for_each_page(dev, chain, deflate_page);
    count_changed(dev);
    return true;
}
