/* SPDX-License-Identifier: BSD-2-Clause */
/* The reference disk: numbered writes, and what may be read after them. */
#include "launcher/sim/disk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "launcher/device.h"

#define UNDER_WAY UINT64_MAX

enum {
    WORDS = SIM_SECTOR / 8,
    PAGE_SECTORS = 64,
};

struct written {
    uint64_t sector, count;
    uint64_t begun, over; /* over: UNDER_WAY until it is */
    bool zeroes, refused;
};

/* What is known of a few sectors in a row; of those that nobody touched, there is nothing to know. */
struct page {
    uint64_t number;
    struct sim_sector sectors[PAGE_SECTORS];
};

struct sim_disk {
    uint64_t salt;
    uint64_t order;                 /* of beginnings and ends */
    uint64_t flushed;               /* what was answered up to then is on stable storage */
    struct page **pages;            /* by a hash of the number; NULL: free */
    uint32_t page_count, page_room; /* a power of two */
    struct written *writes;         /* by number; 0 is what the disk was made with */
    uint32_t write_count, write_room;
};

struct sim_disk *sim_disk_new(uint64_t salt)
{
    struct sim_disk *disk = launcher_allocate(sizeof(*disk));

    disk->salt = salt;
    disk->page_room = 64;
    disk->pages = launcher_allocate(disk->page_room * sizeof(struct page *));
    disk->write_room = 64;
    disk->writes = launcher_allocate(disk->write_room * sizeof(disk->writes[0]));
    disk->write_count = 1;
    return disk;
}

void sim_disk_free(struct sim_disk *disk)
{
    if (disk == NULL)
        return;
    for (uint32_t i = 0; i < disk->page_room; i++)
        free(disk->pages[i]);
    free(disk->pages);
    free(disk->writes);
    free(disk);
}

/* ---- Pages ---- */

static struct page **place_of(const struct sim_disk *disk, uint64_t number)
{
    uint32_t at = (uint32_t)(number * 0x9e3779b97f4a7c15 >> 32);

    for (;; at++) {
        struct page **place = &disk->pages[at & (disk->page_room - 1)];

        if (*place == NULL || (*place)->number == number)
            return place;
    }
}

static void make_room(struct sim_disk *disk)
{
    struct page **old = disk->pages;
    uint32_t room = disk->page_room;

    if (disk->page_count < room / 2)
        return;
    disk->page_room = 2 * room;
    disk->pages = launcher_allocate(disk->page_room * sizeof(struct page *));
    for (uint32_t i = 0; i < room; i++)
        if (old[i] != NULL)
            *place_of(disk, old[i]->number) = old[i];
    free(old);
}

static struct sim_sector *known(struct sim_disk *disk, uint64_t sector)
{
    struct page **place = place_of(disk, sector / PAGE_SECTORS);

    if (*place == NULL) {
        make_room(disk);
        place = place_of(disk, sector / PAGE_SECTORS);
        *place = launcher_allocate(sizeof(**place));
        (*place)->number = sector / PAGE_SECTORS;
        disk->page_count++;
    }
    return &(*place)->sectors[sector % PAGE_SECTORS];
}

/* ---- What a sector looks like ---- */

/* Number and sector in the clear, so that a wrong one says where it belongs; the rest depends on both. */
static void fill(const struct sim_disk *disk, uint32_t number, uint64_t sector, uint64_t *words)
{
    uint64_t value = (disk->salt ^ number * 0x9e3779b97f4a7c15 ^ sector * 0xbf58476d1ce4e5b9) | 1;

    words[0] = number;
    words[1] = sector;
    for (unsigned i = 2; i < WORDS; i++)
        words[i] = value * (2 * i + 1);
}

/* The write that a sector shows; false and a text: none ever made this. */
static bool number_of(const struct sim_disk *disk, uint64_t sector, const uint8_t *data,
                      uint32_t *number, char *text, size_t size)
{
    uint64_t words[WORDS], right[WORDS];
    static const uint64_t zeroes[WORDS];

    memcpy(words, data, sizeof(words));
    *number = 0;
    if (memcmp(words, zeroes, sizeof(words)) == 0)
        return true;
    if (words[0] != 0 && words[0] < disk->write_count) {
        *number = (uint32_t)words[0];
        fill(disk, *number, words[1], right);
        if (memcmp(words, right, sizeof(words)) == 0) {
            if (words[1] == sector && !disk->writes[*number].refused)
                return true;
            (void)snprintf(text, size, "sector %llu holds what write %u%s put into sector %llu",
                           (unsigned long long)sector, *number,
                           disk->writes[*number].refused ? ", which was refused," : "",
                           (unsigned long long)words[1]);
            return false;
        }
    }
    (void)snprintf(text, size, "sector %llu holds what nobody wrote: %016llx %016llx %016llx ...",
                   (unsigned long long)sector, (unsigned long long)words[0],
                   (unsigned long long)words[1], (unsigned long long)words[2]);
    return false;
}

/* ---- Writes ---- */

uint32_t sim_disk_write(struct sim_disk *disk, uint64_t sector, uint64_t count, uint8_t *data)
{
    uint32_t number = disk->write_count++;

    if (number == disk->write_room) {
        disk->write_room *= 2;
        disk->writes = launcher_grow(disk->writes, disk->write_room * sizeof(disk->writes[0]));
    }
    disk->writes[number] = (struct written){.sector = sector,
                                            .count = count,
                                            .begun = ++disk->order,
                                            .over = UNDER_WAY,
                                            .zeroes = data == NULL};
    for (uint64_t i = 0; i < count; i++) {
        uint64_t words[WORDS];

        if (data == NULL) {
            known(disk, sector + i)->zeroes_under_way++;
            continue;
        }
        fill(disk, number, sector + i, words);
        memcpy(data + i * SIM_SECTOR, words, sizeof(words));
    }
    return number;
}

void sim_disk_over(struct sim_disk *disk, uint32_t number)
{
    struct written *write = &disk->writes[number];

    write->over = ++disk->order;
    for (uint64_t i = 0; i < write->count && write->zeroes; i++) {
        struct sim_sector *sector = known(disk, write->sector + i);

        sector->zeroes_under_way--;
        sector->zeroed = write->over;
    }
}

void sim_disk_refused(struct sim_disk *disk, uint32_t number)
{
    struct written *write = &disk->writes[number];

    write->refused = true;
    write->over = ++disk->order;
    for (uint64_t i = 0; i < write->count && write->zeroes; i++)
        known(disk, write->sector + i)->zeroes_under_way--;
}

/* What `written` says is on stable storage. */
static void settle(const struct sim_disk *disk, struct sim_sector *sector)
{
    if (sector->answered > disk->flushed)
        return;
    sector->stable = sector->written;
    sector->stable_at = sector->written_at;
}

void sim_disk_done(struct sim_disk *disk, uint32_t number, bool through)
{
    const struct written *write = &disk->writes[number];

    sim_disk_over(disk, number);
    for (uint64_t i = 0; i < write->count; i++) {
        struct sim_sector *sector = known(disk, write->sector + i);

        /* Of two at the same time either may be the later one. */
        if (write->begun < sector->written_at)
            continue;
        settle(disk, sector);
        sector->written = write->zeroes ? 0 : number;
        sector->written_at = write->begun;
        sector->answered = through ? 0 : write->over;
    }
}

uint64_t sim_disk_flush(struct sim_disk *disk)
{
    return ++disk->order;
}

void sim_disk_flushed(struct sim_disk *disk, uint64_t begun)
{
    if (begun > disk->flushed)
        disk->flushed = begun;
}

void sim_disk_cut_power(struct sim_disk *disk)
{
    for (uint32_t i = 0; i < disk->page_room; i++)
        for (unsigned j = 0; disk->pages[i] != NULL && j < PAGE_SECTORS; j++) {
            struct sim_sector *sector = &disk->pages[i]->sectors[j];

            settle(disk, sector);
            sector->written = sector->seen = sector->stable;
            sector->written_at = sector->seen_at = sector->stable_at;
            sector->answered = 0;
        }
}

/* ---- Reads ---- */

struct sim_sector *sim_disk_read(struct sim_disk *disk, uint64_t sector, uint64_t count,
                                 uint64_t *order)
{
    struct sim_sector *then = launcher_allocate(count * sizeof(then[0]));

    for (uint64_t i = 0; i < count; i++)
        then[i] = *known(disk, sector + i);
    *order = disk->order;
    return then;
}

static uint64_t over_at(const struct sim_disk *disk, const struct sim_sector *now, uint32_t number)
{
    if (number != 0)
        return disk->writes[number].over;
    return now->zeroes_under_way > 0 ? UNDER_WAY : now->zeroed;
}

bool sim_disk_check(struct sim_disk *disk, const struct sim_sector *then, uint64_t order,
                    uint64_t sector, uint64_t count, const uint8_t *data, char *text, size_t size)
{
    for (uint64_t i = 0; i < count; i++) {
        struct sim_sector *now = known(disk, sector + i);
        uint32_t number;
        uint64_t over;

        if (!number_of(disk, sector + i, data + i * SIM_SECTOR, &number, text, size))
            return false;
        over = over_at(disk, now, number);
        if ((number != then[i].written && over < then[i].written_at) ||
            (number != then[i].seen && over < then[i].seen_at)) {
            (void)snprintf(text, size,
                           "sector %llu holds write %u, and should hold write %u or a later one",
                           (unsigned long long)(sector + i), number,
                           then[i].written_at > then[i].seen_at ? then[i].written : then[i].seen);
            return false;
        }
        if (order >= now->seen_at) {
            now->seen = number;
            now->seen_at = order;
        }
    }
    return true;
}
