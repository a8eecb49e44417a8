/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the FAT reader have to say to each other. */
#ifndef SLATE_BOOT_FAT_INTERNAL_H
#define SLATE_BOOT_FAT_INTERNAL_H

#include "boot/fat.h"

#define FAT_RECORD_SIZE 32u /* bytes of a directory record */

/* A directory record (FAT specification, 6.1), offsets. */
enum {
    RECORD_NAME = 0,
    RECORD_ATTRIBUTES = 11,
    RECORD_CASE = 12,
    RECORD_CLUSTER_HIGH = 20,
    RECORD_CLUSTER_LOW = 26,
    RECORD_SIZE = 28,
};

#define RECORD_NAME_LENGTH 11u

/*
 * Follows the cluster chain from `first` to its end and appends where its first `wanted` clusters
 * are to `file`, which has its name and no extents yet. *total is the length of the whole chain in
 * clusters.
 * Errors: -BOOT_E_FAT (a link that leaves the volume, a loop, too many fragments),
 * -BOOT_E_NO_MEMORY, what disk_read() returns. Nothing is left to free after an error.
 */
int fat_chain(struct fat_file *file, uint32_t first, uint64_t wanted, uint64_t *total,
              struct diag *diag);

/* Appends one extent to `file`. Errors: -BOOT_E_FAT (too many fragments), -BOOT_E_NO_MEMORY. */
int fat_extent_add(struct fat_file *file, struct fat_extent extent, struct diag *diag);

/* The extents of a file, in order. */
const struct fat_extent *fat_extents(const struct fat_file *file);

#define LONG_NAME_RECORDS 20u /* the most that a long name can have */
#define LONG_NAME_PER     13u /* UTF-16 units in each */

/* A long name that is being collected from the records before the one that it belongs to. */
struct fat_long_name {
    unsigned records; /* that it has; 0 means that there is none */
    unsigned missing; /* that are still to come */
    uint8_t checksum; /* of the short name it belongs to */
    uint8_t units[LONG_NAME_RECORDS * LONG_NAME_PER * 2]; /* little-endian UTF-16 */
};

/* Forgets what has been collected. */
void fat_long_name_clear(struct fat_long_name *name);

/* Whether the record is part of a long name. */
bool fat_is_long_name(const uint8_t *record);

/* Takes one such record; a broken sequence empties the name. */
void fat_long_name_add(struct fat_long_name *name, const uint8_t *record);

/*
 * Writes the long name to `out` if it is complete, belongs to the short name of `record` and is one
 * that a path can name; false otherwise.
 */
bool fat_long_name_get(const struct fat_long_name *name, const uint8_t *record,
                       char out[FAT_NAME_SIZE]);

/*
 * Writes the short name of `record`. Bytes that are not ASCII depend on a code page and become
 * U+FFFD.
 */
void fat_short_name(const uint8_t *record, char out[FAT_SHORT_NAME_SIZE]);

/* Whether two names are the same but for case; `length` is that of `b`. */
bool fat_name_equal(const char *a, const char *b, size_t length);

#endif
