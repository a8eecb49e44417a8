/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading FAT12, FAT16 and FAT32 with long names (Microsoft's FAT specification 1.03; UEFI 2.10,
 * 13.3). Everything on the volume is checked before it is used; nothing is ever written.
 *
 *     fat_mount ─► fat_open ─► fat_read, or fat_source ─► fat_close
 *              └─► fat_open_dir ─► fat_next ... ─► fat_open_entry ─► ...
 */
#ifndef SLATE_BOOT_FAT_H
#define SLATE_BOOT_FAT_H

#include "boot/disk.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct diag;
struct source;

#define FAT_BOOT_SECTOR     512u  /* bytes of a boot sector that matter, whatever the sector size */
#define FAT_WINDOW          8192u /* bytes of the FAT at hand; a FAT12 fits: no entry is in two */
#define FAT_PIECES          256u  /* extents of a file that are read in one go */
#define FAT_NAME_SIZE       766u  /* 255 UTF-16 units as UTF-8, and the NUL */
#define FAT_SHORT_NAME_SIZE 36u   /* 11 characters as UTF-8, the dot and the NUL */

#define FAT_READ_ONLY 0x01u
#define FAT_HIDDEN    0x02u
#define FAT_SYSTEM    0x04u
#define FAT_VOLUME_ID 0x08u
#define FAT_DIRECTORY 0x10u
#define FAT_ARCHIVE   0x20u

/* A mounted volume; 15 KB, so not for a stack. Offsets are bytes from the start of the volume. */
struct fat {
    struct disk *disk;
    uint64_t offset;        /* of the volume on the disk */
    uint64_t size;          /* of the file system, at most that of the partition */
    unsigned bits;          /* of a FAT entry: 12, 16 or 32 */
    unsigned copies;        /* FATs that hold the same; 1 when one of several is active */
    uint64_t table;         /* offset of the FAT in use */
    uint64_t table_size;    /* bytes */
    uint64_t root;          /* FAT12 and 16: offset of the root directory */
    uint32_t root_size;     /* FAT12 and 16: bytes of the root directory */
    uint32_t root_cluster;  /* FAT32 */
    uint64_t data;          /* offset of cluster 2 */
    uint32_t cluster_size;  /* bytes */
    uint32_t cluster_end;   /* clusters are 2 to cluster_end - 1 */
    uint64_t window_offset; /* of `window` in the FAT */
    uint32_t window_size;   /* bytes that are valid */
    uint8_t window[FAT_WINDOW];
    struct disk_piece piece[FAT_PIECES];
};

/*
 * From byte `position` of a file on, its bytes lie at `offset` of the volume, up to the next
 * extent.
 */
struct fat_extent {
    uint64_t position;
    uint64_t offset;
};

#define FAT_EXTENTS_INLINE 4u
#define FAT_EXTENTS_MAX    (1u << 20) /* more fragments than this is not a file but an attack */

/* An open file or directory: where its bytes are. It may be copied, and closed once. */
struct fat_file {
    struct fat *fat;
    uint64_t size; /* bytes; of a directory, what its clusters hold */
    uint32_t extents;
    uint32_t allocated; /* extents that `heap` has room for; 0 means that `few` is used */
    struct fat_extent *heap;
    struct fat_extent few[FAT_EXTENTS_INLINE];
    char name[128]; /* the path, for messages; a longer one loses its end */
};

/*
 * What a directory says about one name in it. Names are UTF-8; the short one is lower case where
 * its record says so.
 */
struct fat_entry {
    char name[FAT_NAME_SIZE]; /* the long name if there is a valid one, else the short name */
    char short_name[FAT_SHORT_NAME_SIZE]; /* such as "KERNEL~1.IMG" */
    uint8_t attributes;                   /* FAT_READ_ONLY and so on */
    uint32_t cluster;                     /* the first; 0 if the file is empty */
    uint32_t size;                        /* bytes; 0 for directories */
};

/* An open directory and how far it has been read. */
struct fat_dir {
    struct fat_file file;
    uint64_t position;   /* byte of the next record */
    uint8_t buffer[512]; /* what lies around it */
};

/*
 * Tells the boot sector of a FAT volume from other things: 0, or -BOOT_E_FAT with the field that
 * cannot be true. fat_mount() checks the rest.
 */
int fat_boot_sector(const uint8_t sector[FAT_BOOT_SECTOR], struct diag *diag);

/*
 * Mounts the volume of `size` bytes at byte `offset` of `disk`, which must stay open.
 * Errors: -BOOT_E_FAT (no FAT file system, or a field that cannot be true), -BOOT_E_PARTITION (the
 * range is not inside the disk), what disk_read() returns. There is nothing to unmount.
 */
int fat_mount(struct fat *fat, struct disk *disk, uint64_t offset, uint64_t size,
              struct diag *diag);

/*
 * Finds what `path` names and fills `entry`. Both '/' and '\' separate, leading and doubled ones do
 * not matter, case does not matter; the long and the short name are accepted. The root directory
 * has the name "/".
 * Errors: -BOOT_E_NOT_FOUND (names the component that is missing), -BOOT_E_FAT, what disk_read()
 * returns.
 */
int fat_find(struct fat *fat, const char *path, struct fat_entry *entry, struct diag *diag);

/*
 * Opens the file that `path` names and follows its cluster chain to the end. The caller closes it.
 * Errors: those of fat_find(), -BOOT_E_NOT_FOUND when it is a directory, -BOOT_E_FAT when the chain
 * is damaged, -BOOT_E_TRUNCATED when it is shorter than the size in the directory,
 * -BOOT_E_NO_MEMORY.
 */
int fat_open(struct fat *fat, const char *path, struct fat_file *file, struct diag *diag);

/*
 * Opens the directory that `path` names ("/" is the root). The caller closes it. Errors as
 * fat_open().
 */
int fat_open_dir(struct fat *fat, const char *path, struct fat_dir *dir, struct diag *diag);

/*
 * Takes the next name from `dir`; "." and ".." are left out. Returns 1 with `entry` filled, 0 at
 * the end, or -BOOT_E_FAT and what disk_read() returns. A damaged long name gives way to the short
 * name.
 */
int fat_next(struct fat_dir *dir, struct fat_entry *entry, struct diag *diag);

/* Opens the file that `entry` of `dir` describes. The caller closes it. Errors as fat_open(). */
int fat_open_entry(const struct fat_dir *dir, const struct fat_entry *entry, struct fat_file *file,
                   struct diag *diag);

/*
 * Reads `length` bytes at `offset` of an open file into `buffer`; all its extents are in flight
 * together.
 * Errors: -BOOT_E_TRUNCATED when the range leaves the file, what disk_read_pieces() returns.
 */
int fat_read(const struct fat_file *file, uint64_t offset, void *buffer, size_t length,
             struct diag *diag);

/*
 * Makes `source` the contents of `file`, which must stay where it is until the source is no longer
 * used.
 */
void fat_source(struct source *source, const struct fat_file *file);

/* Frees what the file or directory holds. */
void fat_close(struct fat_file *file);
void fat_close_dir(struct fat_dir *dir);

#endif
