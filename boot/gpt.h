/* SPDX-License-Identifier: BSD-2-Clause */
/* The GUID partition table: its two copies, their checks, and the partitions (UEFI 2.10, 5.3). */
#ifndef SLATE_BOOT_GPT_H
#define SLATE_BOOT_GPT_H

#include <stdbool.h>
#include <stdint.h>

struct diag;
struct disk;
struct partition_table;

/*
 * Reads the table of a disk that has a protective MBR. When the primary copy is damaged, a note
 * says how, and the backup is used. Entries are copied as they stand; the caller checks where they
 * lie.
 * Errors: -BOOT_E_GPT (both copies damaged, each with its reason), -BOOT_E_NO_MEMORY, what
 * disk_read() returns.
 */
int gpt_read(struct disk *disk, struct partition_table *table, struct diag *diag);

/*
 * Whether something at byte `offset` of the disk looks like the header of a GPT: for a better
 * message where none is expected. False also when it cannot be read.
 */
bool gpt_signature(struct disk *disk, uint64_t offset);

#endif
