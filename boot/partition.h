/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What volumes a disk has: the table of its partitions, whichever scheme wrote it (UEFI 2.10,
 * chapter 5). A disk without a table that is one FAT file system has one volume, the whole disk.
 */
#ifndef SLATE_BOOT_PARTITION_H
#define SLATE_BOOT_PARTITION_H

#include <stdbool.h>
#include <stdint.h>

struct diag;
struct disk;

enum partition_scheme {
    PARTITION_SCHEME_NONE, /* no table: the disk is one file system */
    PARTITION_SCHEME_MBR,
    PARTITION_SCHEME_GPT,
};

/* What a partition is for, as far as booting is concerned. */
enum partition_role {
    PARTITION_ROLE_OTHER,
    PARTITION_ROLE_ESP,      /* EFI system: GPT type, MBR type 0xef, or a disk without a table */
    PARTITION_ROLE_XBOOTLDR, /* extended boot loader partition: GPT type, MBR type 0xea */
    PARTITION_ROLE_FAT,      /* MBR only: the type says FAT, nothing says that one boots from it */
};

/* Why a partition cannot be used. */
enum partition_fault {
    PARTITION_OK,
    PARTITION_REVERSED, /* it ends before it starts */
    PARTITION_OUTSIDE,  /* it ends behind the disk */
    PARTITION_UNUSABLE, /* it leaves what the GPT header or the extended partition allows */
    PARTITION_OVERLAPS, /* GPT only: it shares blocks with another partition */
};

/* A GUID as it stands on the disk: the first three fields little-endian. */
struct guid {
    uint8_t byte[16];
};

#define PARTITION_NAME_SIZE 109  /* 36 UTF-16 units as UTF-8, and the NUL */
#define PARTITION_MAX       256u /* partitions that are looked at; a note tells of the rest */

struct partition {
    uint32_t number; /* as Linux counts: MBR 1 to 4, logical from 5; GPT from 1; 0: whole disk */
    enum partition_role role;
    enum partition_fault fault;
    uint32_t other;                 /* PARTITION_OVERLAPS: number of the other one */
    uint64_t first, last;           /* blocks, both inside; what the table says, not checked */
    uint64_t offset, size;          /* bytes, inside the disk; both 0 when there is a fault */
    struct guid type, unique;       /* GPT only */
    uint64_t attributes;            /* GPT only */
    uint8_t mbr_type;               /* MBR only */
    char name[PARTITION_NAME_SIZE]; /* GPT only, UTF-8 */
};

struct partition_table {
    enum partition_scheme scheme;
    bool from_backup;      /* GPT: the primary copy was damaged */
    uint64_t first_usable; /* GPT only: blocks, both inside */
    uint64_t last_usable;
    unsigned room; /* places in `partition` */
    unsigned count;
    struct partition *partition; /* in the order of the table; freed by partition_table_free() */
};

/*
 * Reads the partition table of an open disk into `table`. A partition with a fault stays in the
 * table and is reported with a note. On an error the table is empty.
 * Errors: -BOOT_E_EMPTY_DISK (neither a table nor a FAT file system), -BOOT_E_GPT (both copies
 * damaged), -BOOT_E_NO_MEMORY, and what disk_read() returns.
 */
int partition_scan(struct disk *disk, struct partition_table *table, struct diag *diag);

/* Frees what partition_scan() made; an empty table may be freed again. */
void partition_table_free(struct partition_table *table);

/*
 * 0, or -BOOT_E_PARTITION with the reason when `partition` of `disk` has a fault. To be asked
 * before its use.
 */
int partition_check(const struct disk *disk, const struct partition *partition, struct diag *diag);

/*
 * For the readers of one scheme: an empty place at the end of the table, or NULL when PARTITION_MAX
 * is reached. The table must have room, made by partition_table_reserve().
 */
struct partition *partition_add(struct partition_table *table);

/* Makes room for `count` partitions (at most PARTITION_MAX). 0 or -BOOT_E_NO_MEMORY. */
int partition_table_reserve(struct partition_table *table, unsigned count, struct diag *diag);

#endif
