/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading an open file: from a range of its bytes to pieces of the disk. */
#include "boot/diag.h"
#include "boot/error.h"
#include "boot/fat_internal.h"
#include "boot/source.h"

#include <stdio.h>
#include <stdlib.h>

/* The extent that has byte `offset`, which is inside the file. */
static uint32_t extent_find(const struct fat_file *file, uint64_t offset)
{
    const struct fat_extent *extent = fat_extents(file);
    uint32_t low = 0;
    uint32_t high = file->extents;

    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;

        if (extent[middle].position <= offset)
            low = middle;
        else
            high = middle;
    }
    return low;
}

int fat_read(const struct fat_file *file, uint64_t offset, void *buffer, size_t length,
             struct diag *diag)
{
    struct fat *fat = file->fat;
    const struct fat_extent *extent = fat_extents(file);
    uint8_t *to = buffer;
    unsigned pieces = 0;

    if (offset > file->size || length > file->size - offset)
        return diag_fail(diag, -BOOT_E_TRUNCATED,
                         "%s: %llu bytes at %llu are wanted, but it has only %llu", file->name,
                         (unsigned long long)length, (unsigned long long)offset,
                         (unsigned long long)file->size);
    for (uint32_t i = extent_find(file, offset); length != 0; i++) {
        uint64_t end = i + 1 < file->extents ? extent[i + 1].position : file->size;
        size_t part = end - offset < length ? (size_t)(end - offset) : length;

        fat->piece[pieces++] = (struct disk_piece){
            .offset = fat->offset + extent[i].offset + (offset - extent[i].position),
            .buffer = to,
            .length = part,
        };
        offset += part;
        to += part;
        length -= part;
        if (pieces == FAT_PIECES || length == 0) {
            int error = disk_read_pieces(fat->disk, fat->piece, pieces, diag);
            if (error)
                return diag_prefix(diag, "%s", file->name);
            pieces = 0;
        }
    }
    return 0;
}

static int file_source_read(const struct source *source, uint64_t offset, void *buffer,
                            size_t length, struct diag *diag)
{
    return fat_read(source->ctx, offset, buffer, length, diag);
}

void fat_source(struct source *source, const struct fat_file *file)
{
    *source = (struct source){.size = file->size, .read = file_source_read, .ctx = file};
    snprintf(source->name, sizeof(source->name), "%s", file->name);
}

void fat_close(struct fat_file *file)
{
    free(file->heap);
    file->heap = NULL;
    file->allocated = 0;
    file->extents = 0;
    file->size = 0;
}
