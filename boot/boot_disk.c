/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a disk to its boot entries: partitions, volumes, and the files that the Boot Loader Specification (UAPI.1) names
 * on them.
 */
#include "boot/boot_disk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "boot/diag.h"
#include "boot/disk.h"
#include "boot/error.h"
#include "boot/source.h"
#include "boot/uki.h"

#define ENTRIES_FOLDER  "/loader/entries"
#define UKI_FOLDER      "/EFI/Linux"
#define LOADER_CONF     "/loader/loader.conf"
#define REMOVABLE_MEDIA "/EFI/BOOT/BOOTX64.EFI"

/* ---- Volumes ---- */

static int mount(struct boot_disk *boot, const struct partition *partition, struct diag *diag)
{
    struct boot_volume *volume;
    int error = partition_check(boot->disk, partition, diag);

    if (error != 0)
        return error;
    volume = calloc(1, sizeof(*volume));
    if (volume == NULL)
        return diag_fail(diag, -BOOT_E_NO_MEMORY, "no memory to mount partition %u",
                         (unsigned)partition->number);
    volume->role = partition->role;
    if (partition->number == 0)
        (void)snprintf(volume->name, sizeof(volume->name), "whole disk");
    else
        (void)snprintf(volume->name, sizeof(volume->name), "partition %u",
                       (unsigned)partition->number);
    error = fat_mount(&volume->fat, boot->disk, partition->offset, partition->size, diag);
    if (error != 0) {
        free(volume);
        return diag_prefix(diag, "partition %u", (unsigned)partition->number);
    }
    boot->volume[boot->volumes++] = volume;
    return 0;
}

/* Mounts what has the role; the first failure is kept in `diag`, in case nothing else can be mounted. */
static void mount_role(struct boot_disk *boot, const struct partition_table *table,
                       enum partition_role role, struct diag *diag)
{
    for (unsigned i = 0; i < table->count && boot->volumes < BOOT_VOLUMES_MAX; i++) {
        struct diag failure = {0};

        if (table->partition[i].role != role || mount(boot, &table->partition[i], &failure) == 0)
            continue;
        if (diag->error == 0)
            *diag = failure;
        else
            diag_note("%s", failure.text);
    }
}

int boot_disk_open(struct boot_disk *boot, struct disk *disk, struct diag *diag)
{
    struct partition_table table;
    struct diag failure = {0};
    int error;

    memset(boot, 0, sizeof(*boot));
    boot->disk = disk;
    error = partition_scan(disk, &table, diag);
    if (error != 0)
        return error;
    mount_role(boot, &table, PARTITION_ROLE_ESP, &failure);
    mount_role(boot, &table, PARTITION_ROLE_XBOOTLDR, &failure);
    /* An MBR need not say which of its FAT partitions is for booting. */
    if (boot->volumes == 0 && failure.error == 0)
        mount_role(boot, &table, PARTITION_ROLE_FAT, &failure);
    partition_table_free(&table);

    if (boot->volumes > 0) {
        if (failure.error != 0)
            diag_note("%s: %s", disk->name, failure.text);
        return 0;
    }
    if (failure.error == 0)
        return diag_fail(diag, -BOOT_E_NO_VOLUME,
                         "%u partitions, none of them an EFI system partition or XBOOTLDR",
                         table.count);
    *diag = failure;
    return diag->error;
}

/* ---- Files ---- */

/* Reads a whole file of at most `max` bytes; the caller frees the bytes, which end in a NUL beside. */
static int read_file(struct fat_file *file, size_t max, char **bytes, struct diag *diag)
{
    size_t size = (size_t)file->size;
    int error;

    *bytes = NULL;
    if (file->size > max)
        return diag_fail(diag, -BOOT_E_CONFIG,
                         "%s has %llu bytes, more than the %zu that make sense", file->name,
                         (unsigned long long)file->size, max);
    *bytes = malloc(size + 1);
    if (*bytes == NULL)
        return diag_fail(diag, -BOOT_E_NO_MEMORY, "no memory for %s", file->name);
    error = fat_read(file, 0, *bytes, size, diag);
    (*bytes)[size] = '\0';
    if (error != 0) {
        free(*bytes);
        *bytes = NULL;
    }
    return error;
}

/* Reading the disk failed, as opposed to a file that makes no sense: no other file will fare better. */
static bool is_disk_error(int error)
{
    return error == -BOOT_E_IO || error == -BOOT_E_TIMEOUT || error == -BOOT_E_DEVICE ||
           error == -BOOT_E_STUCK || error == -BOOT_E_NO_MEMORY;
}

static int add_conf(struct fat_file *file, const char *name, struct boot_entry *entry,
                    struct diag *diag)
{
    char *text;
    int result = read_file(file, BOOT_ENTRY_FILE_MAX, &text, diag);

    if (result != 0)
        return result;
    result = boot_entry_parse(entry, name, text, (size_t)file->size, diag);
    free(text);
    return result;
}

static int add_uki(struct fat_file *file, const char *folder, const char *name,
                   struct boot_entry *entry, struct diag *diag)
{
    struct source source;
    struct uki uki;
    char path[sizeof(UKI_FOLDER) + FAT_NAME_SIZE];
    int error;

    fat_source(&source, file);
    error = uki_read(&uki, &source, diag);
    if (error != 0)
        return error;
    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    return uki_entry(&uki, name, path, entry, diag);
}

/* One file of a folder: an entry, or nothing with a reason. `.conf` and `.efi` decide which kind it is. */
static int add_file(struct boot_disk *boot, unsigned volume, struct fat_dir *dir,
                    const char *folder, const struct fat_entry *found, struct diag *diag)
{
    bool is_uki = strcmp(folder, UKI_FOLDER) == 0;
    struct boot_entry entry;
    struct fat_file file;
    int result;

    if ((found->attributes & FAT_DIRECTORY) != 0 ||
        !boot_entry_has_suffix(found->name, is_uki ? ".efi" : ".conf"))
        return 0;
    result = fat_open_entry(dir, found, &file, diag);
    if (result != 0)
        return result;
    result = is_uki ? add_uki(&file, folder, found->name, &entry, diag)
                    : add_conf(&file, found->name, &entry, diag);
    fat_close(&file);
    if (result != 0)
        return result == BOOT_ENTRY_HIDDEN ? 0 : result;
    entry.volume = volume;
    return boot_entries_add(&boot->entries, &entry, diag);
}

/* All entries of a folder, if it exists. A bad entry costs a note; the first reason stays in `reason`. */
static int add_folder(struct boot_disk *boot, unsigned volume, const char *folder,
                      struct diag *reason, struct diag *diag)
{
    struct fat *fat = &boot->volume[volume]->fat;
    struct fat_entry *found;
    struct fat_dir dir;
    int result = fat_open_dir(fat, folder, &dir, diag);

    if (result == -BOOT_E_NOT_FOUND)
        return 0;
    if (result != 0)
        return result;
    found = malloc(sizeof(*found));
    if (found == NULL)
        result = diag_fail(diag, -BOOT_E_NO_MEMORY, "no memory to read %s", folder);
    while (result == 0 && (result = fat_next(&dir, found, diag)) == 1) {
        struct diag failure = {0};

        result = add_file(boot, volume, &dir, folder, found, &failure);
        if (result == 0)
            continue;
        if (is_disk_error(result)) {
            *diag = failure;
            break;
        }
        diag_note("%s, %s: an entry is left out: %s", boot->volume[volume]->name, folder,
                  failure.text);
        if (reason->error == 0)
            *reason = failure;
        result = 0;
    }
    free(found);
    fat_close_dir(&dir);
    return result;
}

/* The path that removable media boot from; without UEFI only a unified kernel image can be booted. */
static int add_removable(struct boot_disk *boot, unsigned volume, struct diag *diag)
{
    struct boot_entry entry;
    struct fat_file file;
    int error = fat_open(&boot->volume[volume]->fat, REMOVABLE_MEDIA, &file, diag);

    if (error != 0)
        return error;
    error = add_uki(&file, "/EFI/BOOT", "BOOTX64.EFI", &entry, diag);
    fat_close(&file);
    if (error != 0)
        return error;
    entry.volume = volume;
    return boot_entries_add(&boot->entries, &entry, diag);
}

static int read_loader_conf(struct boot_disk *boot, struct fat *fat, struct diag *diag)
{
    struct fat_file file;
    char *text = NULL;
    int error = fat_open(fat, LOADER_CONF, &file, diag);

    if (error == 0) {
        error = read_file(&file, LOADER_CONF_FILE_MAX, &text, diag);
        if (error == 0)
            loader_conf_parse(&boot->conf, LOADER_CONF, text, (size_t)file.size);
        free(text);
        fat_close(&file);
    }
    /* How a menu looks is no reason not to boot. */
    if (error != 0 && error != -BOOT_E_NOT_FOUND && !is_disk_error(error))
        diag_note("%s left out: %s", LOADER_CONF, diag->text);
    return is_disk_error(error) ? error : 0;
}

int boot_disk_entries(struct boot_disk *boot, struct diag *diag)
{
    struct diag reason = {0};
    int error = 0;

    loader_conf_parse(&boot->conf, LOADER_CONF, "", 0);
    for (unsigned i = 0; i < boot->volumes && error == 0; i++) {
        error = add_folder(boot, i, ENTRIES_FOLDER, &reason, diag);
        if (error == 0)
            error = add_folder(boot, i, UKI_FOLDER, &reason, diag);
        if (error == 0 && boot->volume[i]->role != PARTITION_ROLE_XBOOTLDR)
            error = read_loader_conf(boot, &boot->volume[i]->fat, diag);
    }
    for (unsigned i = 0; i < boot->volumes && error == 0 && boot->entries.count == 0; i++) {
        struct diag failure = {0};

        error = add_removable(boot, i, &failure);
        if (error != 0 && !is_disk_error(error)) {
            if (error != -BOOT_E_NOT_FOUND && reason.error == 0)
                reason = failure;
            error = 0;
        } else if (error != 0) {
            *diag = failure;
        }
    }
    if (error != 0)
        return error;
    if (boot->entries.count > 0) {
        boot_entries_sort(&boot->entries);
        return 0;
    }
    if (reason.error != 0) {
        *diag = reason;
        return reason.error;
    }
    return diag_fail(diag, -BOOT_E_NO_ENTRY,
                     "nothing to boot: no entry in %s, no unified kernel image in %s or at %s",
                     ENTRIES_FOLDER, UKI_FOLDER, REMOVABLE_MEDIA);
}

void boot_disk_close(struct boot_disk *boot)
{
    boot_entries_free(&boot->entries);
    for (unsigned i = 0; i < boot->volumes; i++)
        free(boot->volume[i]);
    boot->volumes = 0;
}
