/* SPDX-License-Identifier: BSD-2-Clause */
/* What one disk offers to boot: its volumes that boot files live on, and the entries on them. */
#ifndef SLATE_BOOT_BOOT_DISK_H
#define SLATE_BOOT_BOOT_DISK_H

#include "boot/entries.h"
#include "boot/fat.h"
#include "boot/loader_conf.h"
#include "boot/partition.h"

struct diag;
struct disk;

#define BOOT_VOLUMES_MAX 8u

/* A mounted ESP or XBOOTLDR partition. */
struct boot_volume {
    struct fat fat;
    enum partition_role role;
    char name[32]; /* for messages: "partition 1" */
};

struct boot_disk {
    struct disk *disk;
    struct boot_volume *volume[BOOT_VOLUMES_MAX];
    unsigned volumes;
    struct boot_entries entries; /* sorted; `volume` of each is an index of the above */
    struct loader_conf conf;
};

/*
 * Reads the partition table of an open disk and mounts its ESP and XBOOTLDR volumes. What is damaged but not needed
 * costs a note. On an error there is nothing to close.
 * Errors: those of partition_scan(), partition_check() and fat_mount(), -BOOT_E_NO_VOLUME, -BOOT_E_NO_MEMORY.
 */
int boot_disk_open(struct boot_disk *boot, struct disk *disk, struct diag *diag);

/*
 * Collects and sorts the entries of all volumes: the .conf files of /loader/entries and the .efi files of /EFI/Linux, or, when there are none
 * of these, the removable-media path if it is a unified kernel image; and reads loader.conf.
 * Errors: -BOOT_E_NO_ENTRY, -BOOT_E_NEEDS_UEFI (only a UEFI program is there), what reading the disk returns.
 */
int boot_disk_entries(struct boot_disk *boot, struct diag *diag);

/* Frees all that was read; the disk stays open. */
void boot_disk_close(struct boot_disk *boot);

#endif
