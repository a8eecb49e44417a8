/* SPDX-License-Identifier: BSD-2-Clause */
/* Directories (FAT specification, chapter 6): listing them, and finding what a path names. */
#include "boot/bytes.h"
#include "boot/diag.h"
#include "boot/error.h"
#include "boot/fat_internal.h"

#include <stdio.h>
#include <string.h>

#define DIRECTORY_MAX 2097152u /* bytes: 65536 records, the specification's limit */

#define RECORD_END     0x00u /* first byte: this record and all behind it are free */
#define RECORD_DELETED 0xe5u

static bool is_separator(char c)
{
    return c == '/' || c == '\\';
}

/* The entry that stands for the root directory, which no directory lists. */
static void root_entry(struct fat_entry *entry)
{
    *entry = (struct fat_entry){.name = "/", .short_name = "/", .attributes = FAT_DIRECTORY};
}

/* ".." of a directory in the root says cluster 0. */
static bool is_root(const struct fat_entry *entry)
{
    return entry->cluster == 0 && (strcmp(entry->name, "/") == 0 || strcmp(entry->name, "..") == 0);
}

/* Opens the directory of `entry`; `dir` has a name already. */
static int dir_open(struct fat *fat, const struct fat_entry *entry, struct fat_dir *dir,
                    struct diag *diag)
{
    uint32_t limit = (DIRECTORY_MAX + fat->cluster_size - 1) / fat->cluster_size;
    uint32_t cluster = entry->cluster;
    uint64_t total;

    if (is_root(entry)) {
        cluster = fat->root_cluster;
        if (fat->bits != 32) {
            dir->file.size = fat->root_size;
            return fat_extent_add(&dir->file, (struct fat_extent){0, fat->root}, diag);
        }
    }

    int error = fat_chain(&dir->file, cluster, limit, &total, diag);
    if (error)
        return error;
    if (total > limit) {
        fat_close(&dir->file);
        return diag_fail(diag, -BOOT_E_FAT, "%s: directory has %llu clusters, expected at most %u",
                         dir->file.name, (unsigned long long)total, limit);
    }
    dir->file.size = total * fat->cluster_size;
    return 0;
}

/* Opens the file of `entry`; `file` has a name already. */
static int file_open(struct fat *fat, const struct fat_entry *entry, struct fat_file *file,
                     struct diag *diag)
{
    uint64_t wanted = ((uint64_t)entry->size + fat->cluster_size - 1) / fat->cluster_size;
    uint64_t total;

    if (entry->attributes & FAT_DIRECTORY)
        return diag_fail(diag, -BOOT_E_NOT_FOUND, "%s: it is a directory, not a file", file->name);
    if (wanted == 0)
        return 0;

    int error = fat_chain(file, entry->cluster, wanted, &total, diag);
    if (error)
        return error;
    if (total < wanted) {
        fat_close(file);
        return diag_fail(diag, -BOOT_E_TRUNCATED,
                         "%s: the directory says %u bytes, but its cluster chain ends after %llu",
                         file->name, entry->size, (unsigned long long)total * fat->cluster_size);
    }
    file->size = entry->size;
    return 0;
}

/* Takes the next record that is in use and not part of a long name; NULL at the end. */
static int next_record(struct fat_dir *dir, struct fat_long_name *long_name, const uint8_t **record,
                       struct diag *diag)
{
    *record = NULL;
    fat_long_name_clear(long_name);
    while (dir->position < dir->file.size) {
        size_t at = (size_t)(dir->position % sizeof(dir->buffer));
        const uint8_t *r = dir->buffer + at;

        if (at == 0) {
            uint64_t left = dir->file.size - dir->position;
            size_t part = left < sizeof(dir->buffer) ? (size_t)left : sizeof(dir->buffer);
            int error = fat_read(&dir->file, dir->position, dir->buffer, part, diag);

            if (error)
                return error;
        }
        if (r[RECORD_NAME] == RECORD_END)
            return 0;
        dir->position += FAT_RECORD_SIZE;
        if (r[RECORD_NAME] == RECORD_DELETED) {
            fat_long_name_clear(long_name);
        } else if (fat_is_long_name(r)) {
            fat_long_name_add(long_name, r);
        } else if (r[RECORD_ATTRIBUTES] & FAT_VOLUME_ID) {
            fat_long_name_clear(long_name);
        } else {
            *record = r;
            return 0;
        }
    }
    return 0;
}

/* The next entry, "." and ".." included. */
static int next_entry(struct fat_dir *dir, struct fat_entry *entry, struct diag *diag)
{
    struct fat_long_name long_name;
    const uint8_t *record;
    int error = next_record(dir, &long_name, &record, diag);

    if (error || record == NULL)
        return error;
    fat_short_name(record, entry->short_name);
    if (!fat_long_name_get(&long_name, record, entry->name))
        memcpy(entry->name, entry->short_name, sizeof(entry->short_name));
    entry->attributes = record[RECORD_ATTRIBUTES];
    entry->size = get_le32(record + RECORD_SIZE);
    entry->cluster = get_le16(record + RECORD_CLUSTER_LOW);
    /* Only FAT32 has an upper half; on the others this field was something else once. */
    if (dir->file.fat->bits == 32)
        entry->cluster |= (uint32_t)get_le16(record + RECORD_CLUSTER_HIGH) << 16;
    return 1;
}

int fat_next(struct fat_dir *dir, struct fat_entry *entry, struct diag *diag)
{
    int found;

    do
        found = next_entry(dir, entry, diag);
    while (found > 0 && (entry->name[0] == '\0' || strcmp(entry->name, ".") == 0 ||
                         strcmp(entry->name, "..") == 0));
    return found;
}

/*
 * Finds the component of `path` from `from` to `to` in the directory that `entry` is, and replaces
 * `entry`.
 */
static int find_in(struct fat *fat, const char *path, size_t from, size_t to,
                   struct fat_entry *entry, struct diag *diag)
{
    struct fat_dir dir = {.file.fat = fat};
    int found;

    snprintf(dir.file.name, sizeof(dir.file.name), "%.*s", (int)(from != 0 ? from : 1),
             from != 0 ? path : "/");
    if (!(entry->attributes & FAT_DIRECTORY))
        return diag_fail(diag, -BOOT_E_NOT_FOUND, "%s: \"%.*s\" is a file, not a directory", path,
                         (int)from, path);
    int error = dir_open(fat, entry, &dir, diag);
    if (error)
        return error;
    do
        found = next_entry(&dir, entry, diag);
    while (found > 0 && !fat_name_equal(entry->name, path + from, to - from) &&
           !fat_name_equal(entry->short_name, path + from, to - from));
    fat_close_dir(&dir);
    if (found == 0)
        return diag_fail(diag, -BOOT_E_NOT_FOUND, "%s: there is no \"%.*s\" in \"%s\"", path,
                         (int)(to - from), path + from, dir.file.name);
    return found < 0 ? found : 0;
}

int fat_find(struct fat *fat, const char *path, struct fat_entry *entry, struct diag *diag)
{
    size_t at = 0;

    root_entry(entry);
    for (;;) {
        size_t end;

        while (is_separator(path[at]))
            at++;
        if (path[at] == '\0')
            return 0;
        for (end = at; path[end] != '\0' && !is_separator(path[end]);)
            end++;
        if (end - at != 1 || path[at] != '.') {
            int error = find_in(fat, path, at, end, entry, diag);
            if (error)
                return error;
        }
        at = end;
    }
}

int fat_open(struct fat *fat, const char *path, struct fat_file *file, struct diag *diag)
{
    struct fat_entry entry;

    *file = (struct fat_file){.fat = fat};
    snprintf(file->name, sizeof(file->name), "%s", path);
    int error = fat_find(fat, path, &entry, diag);
    if (error)
        return error;
    return file_open(fat, &entry, file, diag);
}

int fat_open_dir(struct fat *fat, const char *path, struct fat_dir *dir, struct diag *diag)
{
    struct fat_entry entry;

    *dir = (struct fat_dir){.file.fat = fat};
    snprintf(dir->file.name, sizeof(dir->file.name), "%s", path);
    int error = fat_find(fat, path, &entry, diag);
    if (error)
        return error;
    if (!(entry.attributes & FAT_DIRECTORY))
        return diag_fail(diag, -BOOT_E_NOT_FOUND, "%s: it is a file, not a directory", path);
    return dir_open(fat, &entry, dir, diag);
}

int fat_open_entry(const struct fat_dir *dir, const struct fat_entry *entry, struct fat_file *file,
                   struct diag *diag)
{
    *file = (struct fat_file){.fat = dir->file.fat};
    snprintf(file->name, sizeof(file->name), "%s", dir->file.name);

    size_t length = strlen(file->name);
    bool separated = length != 0 && is_separator(file->name[length - 1]);
    snprintf(file->name + length, sizeof(file->name) - length, "%s%s", separated ? "" : "/",
             entry->name);
    return file_open(dir->file.fat, entry, file, diag);
}

void fat_close_dir(struct fat_dir *dir)
{
    fat_close(&dir->file);
    dir->position = 0;
}
