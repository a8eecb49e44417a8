/* SPDX-License-Identifier: BSD-2-Clause */
/* A virtio block device as a disk of the boot sources: what its failures turn into. */
#include "boot/virtio_disk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "boot/error.h"
#include "tests/unit/support/blk_rig.h"

static uint8_t buffer[1 << 20];

static int read_at(struct virtio_disk *disk, uint64_t offset, struct diag *diag)
{
    return disk_read(&disk->disk, offset, buffer, sizeof(buffer), diag);
}

static void reads_bring_the_bytes_of_the_device(void **state)
{
    struct virtio_disk disk = {0};
    struct diag diag = {0};
    struct blk_rig rig;

    (void)state;
    blk_rig_make(&rig);
    assert_int_equal(virtio_disk_open(&disk, &rig.blk, &diag), 0);
    assert_int_equal(read_at(&disk, 1 << 20, &diag), 0);
    assert_true(blk_rig_is_pattern(buffer, 2048, sizeof(buffer)));
    disk_close(&disk.disk);
    blk_rig_end(&rig);
}

/* An I/O error is about some blocks: others are still there. */
static void io_error_does_not_end_the_use_of_the_disk(void **state)
{
    struct virtio_disk disk = {0};
    struct diag diag = {0};
    struct blk_rig rig;

    (void)state;
    blk_rig_make(&rig);
    assert_int_equal(virtio_disk_open(&disk, &rig.blk, &diag), 0);
    launcher_blk_fail(rig.d->host, 2049, 1, VIRTIO_BLK_S_IOERR, 0);
    assert_int_equal(read_at(&disk, 1 << 20, &diag), -BOOT_E_IO);
    assert_int_equal(read_at(&disk, 0, &diag), 0);
    disk_close(&disk.disk);
    blk_rig_end(&rig);
}

/* The first reason stays the reason, and nothing is sent any more. */
static void disk_that_was_given_up_is_not_asked_again(void **state)
{
    struct virtio_disk disk = {0};
    struct diag diag = {0}, again = {0};
    struct blk_rig rig;
    uint64_t requests;

    (void)state;
    blk_rig_make(&rig);
    assert_int_equal(virtio_disk_open(&disk, &rig.blk, &diag), 0);
    device_delay(rig.d, DEVICE_NEVER);
    assert_int_equal(read_at(&disk, 0, &diag), -BOOT_E_TIMEOUT);
    device_delay(rig.d, 0);
    assert_int_equal(virtio_restart(&rig.d->dev), 0);
    requests = rig.blk.requests;
    assert_int_equal(read_at(&disk, 0, &again), -BOOT_E_TIMEOUT);
    assert_string_equal(again.text, diag.text);
    assert_int_equal(rig.blk.requests, requests);
    disk_close(&disk.disk);
    blk_rig_end(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_bring_the_bytes_of_the_device),
        cmocka_unit_test(io_error_does_not_end_the_use_of_the_disk),
        cmocka_unit_test(disk_that_was_given_up_is_not_asked_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
