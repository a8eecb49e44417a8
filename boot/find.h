/* SPDX-License-Identifier: BSD-2-Clause */
/* Finding what to boot, and loading it: the disks in bus order, or what the settings name. */
#ifndef SLATE_BOOT_FIND_H
#define SLATE_BOOT_FIND_H

struct devices;
struct diag;
struct image;
struct settings;

/*
 * Loads the first thing that can be booted. A disk that offers nothing costs a note and the next one is tried; once an
 * entry has been chosen, its failure is final, and so is a disk that does not complete a reset after it was read. The diagnosis is that of the first disk.
 * `rsdp` is the physical address of the ACPI root pointer for the OS; 0: none.
 * Errors: -BOOT_E_NO_DISK, those of boot_disk_open(), boot_disk_entries() and image_load(), those of the devices.
 */
int find_image(struct devices *devices, const struct settings *settings, unsigned long long rsdp,
               struct image *image, struct diag *diag);

#endif
