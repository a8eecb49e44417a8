/* SPDX-License-Identifier: BSD-2-Clause */
/* A virtio block device as a disk of the boot sources. Read only: what is booted from is never written. */
#ifndef SLATE_BOOT_VIRTIO_DISK_H
#define SLATE_BOOT_VIRTIO_DISK_H

#include "boot/diag.h"
#include "boot/disk.h"
#include "drivers/blk.h"

struct virtio_disk {
    struct disk disk; /* first */
    struct virtio_blk *blk;
    char name[48];
    struct diag failure; /* why the device was given up; {0}: it was not */
};

/* Opens the disk behind a live block device, which must outlive it. Errors: those of disk_open(). */
int virtio_disk_open(struct virtio_disk *disk, struct virtio_blk *blk, struct diag *diag);

#endif
