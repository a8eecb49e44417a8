/* SPDX-License-Identifier: BSD-2-Clause */
/* What a disk holds: a file, or memory that is made as it is written, with a volatile cache in front of stable storage. */
#ifndef LAUNCHER_BLK_STORE_H
#define LAUNCHER_BLK_STORE_H

#include <stdbool.h>
#include <stdint.h>

struct launcher_blk_store;

/* file NULL: memory. *sectors: of the file if it was 0. NULL: *error is errno's. */
struct launcher_blk_store *launcher_blk_store_new(const char *file, bool read_only,
                                                  uint64_t *sectors, int *error);
void launcher_blk_store_free(struct launcher_blk_store *store);

/* The caller keeps to the capacity. false: the file's error. */
bool launcher_blk_store_read(struct launcher_blk_store *store, uint64_t sector, void *to,
                             uint64_t sectors);
bool launcher_blk_store_write(struct launcher_blk_store *store, uint64_t sector, const void *from,
                              uint64_t sectors);
/* The sectors read as zeroes; `unmap`: nothing is stored for them any more. */
bool launcher_blk_store_zero(struct launcher_blk_store *store, uint64_t sector, uint64_t sectors,
                             bool unmap);
/* All that was written is on stable storage then. */
bool launcher_blk_store_commit(struct launcher_blk_store *store);
uint64_t launcher_blk_store_commits(const struct launcher_blk_store *store);
void launcher_blk_store_cut_power(struct launcher_blk_store *store);
bool launcher_blk_store_is_volatile(const struct launcher_blk_store *store, uint64_t sector);
bool launcher_blk_store_is_mapped(const struct launcher_blk_store *store, uint64_t sector);
bool launcher_blk_store_is_file(const struct launcher_blk_store *store);

#endif
