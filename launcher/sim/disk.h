/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The reference disk: not what a disk holds, but what it may hold. Each write has a number, which
 * its data show in every sector, and a span of time in which it may happen; a read is right if a
 * sector shows what could be the latest write.
 */
#ifndef LAUNCHER_SIM_DISK_H
#define LAUNCHER_SIM_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIM_SECTOR 512u

struct sim_disk;

/*
 * What is known of a sector: it shows `written`, the latest write that was answered, or one that
 * was not over at `written_at`; and the same with what a read saw there.
 */
struct sim_sector {
    uint32_t written, seen; /* numbers of writes; 0: zeroes */
    uint64_t written_at, seen_at;
    uint64_t answered; /* when `written` was; 0: it is on stable storage */
    uint64_t zeroed;   /* when the latest write of zeroes was over */
    uint64_t stable_at;
    uint32_t stable; /* like `written`, of what is on stable storage */
    uint32_t zeroes_under_way;
};

/* All zeroes, however large. */
struct sim_disk *sim_disk_new(uint64_t salt);
void sim_disk_free(struct sim_disk *disk);

/* A write begins, of data that this call makes, or of zeroes (NULL); returns its number. */
uint32_t sim_disk_write(struct sim_disk *disk, uint64_t sector, uint64_t count, uint8_t *data);
/* It was answered with success: it is there; `through`: on stable storage. */
void sim_disk_done(struct sim_disk *disk, uint32_t number, bool through);
/* It is over, and each of its sectors was written or was not: an error, a reset, or a discard. */
void sim_disk_over(struct sim_disk *disk, uint32_t number);
/* It was never sent. */
void sim_disk_refused(struct sim_disk *disk, uint32_t number);

/* A flush begins; and was answered with success: what had been answered by then is on stable storage. */
uint64_t sim_disk_flush(struct sim_disk *disk);
void sim_disk_flushed(struct sim_disk *disk, uint64_t begun);
/* The power was cut while nothing was under way: what was not on stable storage is there or is not. */
void sim_disk_cut_power(struct sim_disk *disk);

/* A read begins: what is known of its sectors now; to be freed. */
struct sim_sector *sim_disk_read(struct sim_disk *disk, uint64_t sector, uint64_t count,
                                 uint64_t *order);
/* It was answered with success: whether `data` is right; if not, `text` says where and how. */
bool sim_disk_check(struct sim_disk *disk, const struct sim_sector *then, uint64_t order,
                    uint64_t sector, uint64_t count, const uint8_t *data, char *text, size_t size);

#endif
