/* SPDX-License-Identifier: BSD-2-Clause */
/* Sets of the guest's pages, with digests that tell whether one was written to while the host had it (VIRTIO 1.4, 5.5.6). */
#include <stdlib.h>
#include <string.h>

#include "launcher/balloon_state.h"

enum {
    FIRST_ROOM = 64,
    PIECE = 4096,
};

static size_t place_of(const struct launcher_balloon_pages *set, uint32_t number)
{
    size_t at = (number * 0x9e3779b1u) & (set->room - 1);

    while (set->pages[at].there && set->pages[at].number != number)
        at = (at + 1) & (set->room - 1);
    return at;
}

struct launcher_balloon_page *launcher_balloon_find(const struct launcher_balloon_pages *set,
                                                    uint32_t number)
{
    struct launcher_balloon_page *page;

    if (set->room == 0)
        return NULL;
    page = &set->pages[place_of(set, number)];
    return page->there ? page : NULL;
}

static void make_room(struct launcher_balloon_pages *set)
{
    struct launcher_balloon_pages old = *set;

    if (set->count < set->room / 2)
        return;
    set->room = old.room != 0 ? 2 * old.room : FIRST_ROOM;
    set->pages = launcher_allocate(set->room * sizeof(*set->pages));
    for (size_t i = 0; i < old.room; i++)
        if (old.pages[i].there)
            set->pages[place_of(set, old.pages[i].number)] = old.pages[i];
    free(old.pages);
}

void launcher_balloon_put(struct launcher_balloon_pages *set, uint32_t number, uint64_t digest)
{
    struct launcher_balloon_page *page;

    make_room(set);
    page = &set->pages[place_of(set, number)];
    set->count += !page->there;
    *page = (struct launcher_balloon_page){number, true, digest};
}

/* Those behind it that were displaced move up, so that each is found from its own place on. */
void launcher_balloon_take_out(struct launcher_balloon_pages *set, uint32_t number)
{
    struct launcher_balloon_page *page = launcher_balloon_find(set, number);
    size_t at;

    if (page == NULL)
        return;
    page->there = false;
    set->count--;
    at = (size_t)(page - set->pages);
    for (at = (at + 1) & (set->room - 1); set->pages[at].there; at = (at + 1) & (set->room - 1)) {
        struct launcher_balloon_page moved = set->pages[at];

        set->pages[at].there = false;
        set->pages[place_of(set, moved.number)] = moved;
    }
}

void launcher_balloon_empty(struct launcher_balloon_pages *set)
{
    free(set->pages);
    *set = (struct launcher_balloon_pages){0};
}

/* ---- Contents: looked at past the device's own accesses, so that nothing is judged or noted ---- */

bool launcher_balloon_digest(const struct launcher_device *dev, uint64_t address, uint32_t length,
                             uint64_t *digest)
{
    const struct launcher_memory *memory = &dev->options.memory;
    uint64_t mixed = 0xcbf29ce484222325;
    uint64_t words[PIECE / sizeof(uint64_t)];

    while (length > 0) {
        uint32_t part = length < PIECE ? length : PIECE;

        memset(words, 0, sizeof(words));
        if (memory->read == NULL || !memory->read(memory->ctx, address, words, part))
            return false;
        for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
            mixed = (mixed ^ words[i]) * 0x100000001b3;
            mixed ^= mixed >> 29;
        }
        address += part;
        length -= part;
    }
    *digest = mixed;
    return true;
}

void launcher_balloon_destroy_contents(struct launcher_device *dev, uint64_t address,
                                       uint32_t length)
{
    uint8_t poison[PIECE];

    memset(poison, 0xdd, sizeof(poison));
    while (length > 0) {
        uint32_t part = length < PIECE ? length : PIECE;

        if (!launcher_dma_write(dev, address, poison, part))
            return;
        address += part;
        length -= part;
    }
}

unsigned launcher_balloon_changed(const struct launcher_device *dev,
                                  const struct launcher_balloon_pages *set)
{
    unsigned changed = 0;

    for (size_t i = 0; i < set->room; i++) {
        const struct launcher_balloon_page *page = &set->pages[i];
        uint64_t digest;

        changed += page->there &&
                   launcher_balloon_digest(dev, (uint64_t)page->number * LAUNCHER_BALLOON_PAGE,
                                           LAUNCHER_BALLOON_PAGE, &digest) &&
                   digest != page->digest;
    }
    return changed;
}
