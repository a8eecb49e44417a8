/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The boot sector of a FAT volume (FAT specification, chapter 3) and what follows from it: where
 * the FAT, the root directory and the clusters are, and which of the three widths the entries of
 * the FAT have.
 */
#include "boot/fat.h"

#include "boot/bytes.h"
#include "boot/diag.h"
#include "boot/disk.h"
#include "boot/error.h"
#include "boot/fat_internal.h"

#include <string.h>

/* Offsets in the boot sector. */
enum {
    BOOT_JUMP = 0,
    BOOT_SECTOR_SIZE = 11,
    BOOT_CLUSTER_SECTORS = 13,
    BOOT_RESERVED = 14,
    BOOT_FATS = 16,
    BOOT_ROOT_ENTRIES = 17,
    BOOT_SECTORS_16 = 19,
    BOOT_MEDIA = 21,
    BOOT_FAT_SECTORS_16 = 22,
    BOOT_SECTORS_32 = 32,
    BOOT_FAT_SECTORS_32 = 36,
    BOOT_FLAGS = 40,
    BOOT_VERSION = 42,
    BOOT_ROOT_CLUSTER = 44,
    BOOT_SIGNATURE = 510,
};

#define FLAG_ONE_ACTIVE 0x80u /* BOOT_FLAGS: one FAT is in use, not all alike */
#define FLAG_ACTIVE     0x0fu /* BOOT_FLAGS: which one */

/* A volume with fewer clusters is FAT12, with fewer FAT16 (FAT specification, 3.5). */
#define CLUSTERS_FAT16 4085u
#define CLUSTERS_FAT32 65525u
#define CLUSTERS_MAX   0x0ffffff5u

/* The fields of the boot sector that say where things are. */
struct layout {
    uint32_t sector_size; /* bytes */
    uint32_t cluster_sectors;
    uint32_t reserved; /* sectors before the first FAT */
    uint32_t fats;
    uint32_t root_entries; /* 0 on FAT32 */
    uint32_t sectors;      /* of the volume */
    uint32_t fat_sectors;  /* of each FAT */
    bool fat32;            /* only FAT32 has the 32-bit field for the size of a FAT */
};

static struct layout layout_read(const uint8_t *sector)
{
    uint32_t sectors = get_le16(sector + BOOT_SECTORS_16);
    uint32_t fat_sectors = get_le16(sector + BOOT_FAT_SECTORS_16);

    return (struct layout){
        .sector_size = get_le16(sector + BOOT_SECTOR_SIZE),
        .cluster_sectors = sector[BOOT_CLUSTER_SECTORS],
        .reserved = get_le16(sector + BOOT_RESERVED),
        .fats = sector[BOOT_FATS],
        .root_entries = get_le16(sector + BOOT_ROOT_ENTRIES),
        .sectors = sectors != 0 ? sectors : get_le32(sector + BOOT_SECTORS_32),
        .fat_sectors = fat_sectors != 0 ? fat_sectors : get_le32(sector + BOOT_FAT_SECTORS_32),
        .fat32 = fat_sectors == 0,
    };
}

static bool power_of_two(uint32_t value)
{
    return value != 0 && (value & (value - 1)) == 0;
}

int fat_boot_sector(const uint8_t sector[FAT_BOOT_SECTOR], struct diag *diag)
{
    struct layout layout = layout_read(sector);
    uint8_t media = sector[BOOT_MEDIA];

    if (get_le16(sector + BOOT_SIGNATURE) != 0xaa55)
        return diag_fail(diag, -BOOT_E_FAT, "boot sector signature is 0x%04x, expected 0xaa55",
                         get_le16(sector + BOOT_SIGNATURE));
    if (sector[BOOT_JUMP] != 0xeb && sector[BOOT_JUMP] != 0xe9)
        return diag_fail(diag, -BOOT_E_FAT, "first byte is 0x%02x, expected a jump (0xeb or 0xe9)",
                         sector[BOOT_JUMP]);
    if (layout.sector_size < 512 || layout.sector_size > 4096 || !power_of_two(layout.sector_size))
        return diag_fail(diag, -BOOT_E_FAT, "sector size is %u, expected 512, 1024, 2048 or 4096",
                         layout.sector_size);
    if (!power_of_two(layout.cluster_sectors))
        return diag_fail(diag, -BOOT_E_FAT, "cluster has %u sectors, expected a power of two",
                         layout.cluster_sectors);
    if (media != 0xf0 && media < 0xf8)
        return diag_fail(diag, -BOOT_E_FAT, "media byte is 0x%02x, expected 0xf0 or 0xf8 to 0xff",
                         media);
    if (layout.reserved == 0 || layout.fats == 0 || layout.fat_sectors == 0 || layout.sectors == 0)
        return diag_fail(diag, -BOOT_E_FAT,
                         "%u reserved sectors, %u FATs of %u sectors, %u sectors: none can be 0",
                         layout.reserved, layout.fats, layout.fat_sectors, layout.sectors);
    return 0;
}

/* Decides the width of the FAT's entries and sets the range of clusters. */
static int mount_clusters(struct fat *fat, const struct layout *layout, uint64_t first_data,
                          struct diag *diag)
{
    uint64_t clusters = (layout->sectors - first_data) / layout->cluster_sectors;

    if (clusters == 0)
        return diag_fail(diag, -BOOT_E_FAT, "the volume has no clusters");
    if (layout->fat32) {
        /*
         * Formatters make FAT32 volumes with fewer clusters than the specification allows when told
         * to.
         */
        fat->bits = 32;
        if (clusters > CLUSTERS_MAX)
            return diag_fail(diag, -BOOT_E_FAT, "%llu clusters are too many for FAT32",
                             (unsigned long long)clusters);
        if (layout->root_entries != 0)
            return diag_fail(diag, -BOOT_E_FAT, "FAT32 with %u root directory entries, expected 0",
                             layout->root_entries);
    } else {
        fat->bits = clusters < CLUSTERS_FAT16 ? 12 : 16;
        if (clusters >= CLUSTERS_FAT32)
            return diag_fail(diag, -BOOT_E_FAT, "%llu clusters are too many for FAT16",
                             (unsigned long long)clusters);
        if (layout->root_entries == 0)
            return diag_fail(diag, -BOOT_E_FAT, "FAT%u without root directory entries", fat->bits);
    }

    uint64_t entries = fat->table_size * 8 / fat->bits;
    if (entries < clusters + 2) {
        diag_note(
            "%s: the FAT has %llu entries for %llu clusters; the last clusters are out of reach",
            fat->disk->name, (unsigned long long)entries, (unsigned long long)clusters);
        clusters = entries - 2;
    }
    fat->cluster_end = (uint32_t)clusters + 2;
    return 0;
}

/* The fields that only FAT32 has: which FAT is in use, and the root directory. */
static int mount_fat32(struct fat *fat, const struct layout *layout, const uint8_t *sector,
                       struct diag *diag)
{
    uint16_t flags = get_le16(sector + BOOT_FLAGS);
    uint16_t version = get_le16(sector + BOOT_VERSION);

    if (version != 0)
        return diag_fail(diag, -BOOT_E_FAT, "FAT32 version is 0x%04x, expected 0", version);
    if (flags & FLAG_ONE_ACTIVE) {
        uint32_t active = flags & FLAG_ACTIVE;

        if (active >= layout->fats)
            return diag_fail(diag, -BOOT_E_FAT, "FAT %u is the active one, but there are only %u",
                             active, layout->fats);
        fat->table += active * fat->table_size;
        fat->copies = 1;
    }
    fat->root_cluster = get_le32(sector + BOOT_ROOT_CLUSTER);
    if (fat->root_cluster < 2 || fat->root_cluster >= fat->cluster_end)
        return diag_fail(diag, -BOOT_E_FAT,
                         "root directory starts at cluster %u; the volume has 2 to %u",
                         fat->root_cluster, fat->cluster_end - 1);
    return 0;
}

static int mount_layout(struct fat *fat, const uint8_t *sector, uint64_t size, struct diag *diag)
{
    int error = fat_boot_sector(sector, diag);
    if (error)
        return error;

    struct layout layout = layout_read(sector);
    uint64_t root_sectors =
        ((uint64_t)layout.root_entries * FAT_RECORD_SIZE + layout.sector_size - 1) /
        layout.sector_size;
    uint64_t first_root = layout.reserved + (uint64_t)layout.fats * layout.fat_sectors;
    uint64_t first_data = first_root + root_sectors;

    fat->size = (uint64_t)layout.sectors * layout.sector_size;
    if (fat->size > size)
        return diag_fail(diag, -BOOT_E_FAT,
                         "file system has %llu bytes, its partition only %llu: is it cut off?",
                         (unsigned long long)fat->size, (unsigned long long)size);
    if (first_data >= layout.sectors)
        return diag_fail(diag, -BOOT_E_FAT, "FATs and root directory need %llu of %u sectors",
                         (unsigned long long)first_data, layout.sectors);
    fat->copies = layout.fats;
    fat->table = (uint64_t)layout.reserved * layout.sector_size;
    fat->table_size = (uint64_t)layout.fat_sectors * layout.sector_size;
    fat->root = first_root * layout.sector_size;
    fat->root_size = layout.root_entries * FAT_RECORD_SIZE;
    fat->data = first_data * layout.sector_size;
    fat->cluster_size = layout.cluster_sectors * layout.sector_size;

    error = mount_clusters(fat, &layout, first_data, diag);
    if (error == 0 && layout.fat32)
        error = mount_fat32(fat, &layout, sector, diag);
    return error;
}

int fat_mount(struct fat *fat, struct disk *disk, uint64_t offset, uint64_t size, struct diag *diag)
{
    uint8_t sector[FAT_BOOT_SECTOR];

    memset(fat, 0, sizeof(*fat));
    fat->disk = disk;
    fat->offset = offset;
    if (offset > disk->size || size > disk->size - offset)
        return diag_fail(diag, -BOOT_E_PARTITION,
                         "%s: volume of %llu bytes at byte %llu; the disk has only %llu",
                         disk->name, (unsigned long long)size, (unsigned long long)offset,
                         (unsigned long long)disk->size);

    int error = disk_read(disk, offset, sector, sizeof(sector), diag);
    if (error == 0)
        error = mount_layout(fat, sector, size, diag);
    if (error)
        return diag_prefix(diag, "%s: FAT volume at byte %llu", disk->name,
                           (unsigned long long)offset);
    return 0;
}
