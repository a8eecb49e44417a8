/* SPDX-License-Identifier: BSD-2-Clause */
/* The master boot record with its extended partitions (UEFI 2.10, 5.2). */
#ifndef SLATE_BOOT_MBR_H
#define SLATE_BOOT_MBR_H

#include <stdbool.h>
#include <stdint.h>

struct diag;
struct disk;
struct partition_table;

#define MBR_SIZE 512u /* bytes, whatever the disk's block size is */

enum mbr_kind {
    MBR_NONE,       /* no signature, or the four entries are not partition entries */
    MBR_EMPTY,      /* a signature, but no partition */
    MBR_PARTITIONS, /* at least one partition */
    MBR_PROTECTIVE, /* an entry of type 0xee from block 1: a GPT counts, whatever else is here */
};

/* Says what the MBR_SIZE bytes at the start of a disk are. */
enum mbr_kind mbr_kind(const uint8_t sector[MBR_SIZE]);

/*
 * Adds the primary and logical partitions of `sector` (kind MBR_PARTITIONS) to `table`. A damaged
 * chain of extended boot records ends the list with a note. Where the partitions lie is for the
 * caller to check; logical partitions that leave their extended partition are marked.
 * Errors: -BOOT_E_NO_MEMORY and what disk_read() returns, except that an unreadable extended boot
 * record (-BOOT_E_IO) ends the list with a note too.
 */
int mbr_read(struct disk *disk, const uint8_t sector[MBR_SIZE], struct partition_table *table,
             struct diag *diag);

#endif
