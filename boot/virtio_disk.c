/* SPDX-License-Identifier: BSD-2-Clause */
/* Block reads of the boot sources as operations of the virtio block driver. */
#include "boot/virtio_disk.h"

#include <stdio.h>

#include "boot/diag.h"
#include "boot/error.h"

enum {
    EXTENTS = 64, /* handed to the driver at a time; it keeps fewer requests than that in flight */
};

static int read_extents(struct virtio_disk *disk, const struct disk_piece *pieces, unsigned count,
                        struct diag *diag)
{
    struct virtio_blk_extent extents[EXTENTS];
    int error;

    for (unsigned i = 0; i < count; i++)
        extents[i] = (struct virtio_blk_extent){
            .sector = pieces[i].offset / VIRTIO_BLK_SECTOR,
            .data = pieces[i].buffer,
            .length = pieces[i].length,
        };
    error = virtio_blk_read(disk->blk, extents, count);
    if (error != 0)
        return diag_fail(diag, boot_error_of(error), "reading %llu bytes at byte %llu: %s",
                         (unsigned long long)pieces[0].length, (unsigned long long)pieces[0].offset,
                         virtio_error_text(error));
    return 0;
}

static int read_blocks(struct disk *any, const struct disk_piece *pieces, unsigned count,
                       struct diag *diag)
{
    struct virtio_disk *disk = (struct virtio_disk *)any;
    int error = 0;

    /* A device that was given up is not asked again: the first reason stays the reason. */
    if (disk->failure.error != 0) {
        *diag = disk->failure;
        return diag->error;
    }
    for (unsigned done = 0; done < count && error == 0; done += EXTENTS)
        error = read_extents(disk, pieces + done, count - done < EXTENTS ? count - done : EXTENTS,
                             diag);
    if (error != 0 && error != -BOOT_E_IO)
        disk->failure = *diag;
    return error;
}

int virtio_disk_open(struct virtio_disk *disk, struct virtio_blk *blk, struct diag *diag)
{
    (void)snprintf(disk->name, sizeof(disk->name), "disk %s", blk->dev->name);
    disk->blk = blk;
    disk->disk = (struct disk){
        .name = disk->name,
        .block_size = blk->block_size,
        .size = blk->sectors * VIRTIO_BLK_SECTOR,
        .read_blocks = read_blocks,
    };
    return disk_open(&disk->disk, diag);
}
