/* SPDX-License-Identifier: BSD-2-Clause */
/* A test disk with the block driver on it: plugged in, claimed, released. */
#include "tests/unit/support/blk_rig.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

void blk_rig_plug(struct blk_rig *rig)
{
    *rig = (struct blk_rig){0};
    rig->d = device_new(VIRTIO_ID_BLOCK);
    device_give_memory(rig->d, &virtio_blk_driver, 256);
}

void blk_rig_offer(struct blk_rig *rig, unsigned feature)
{
    rig->d->host->offered |= 1ull << feature;
}

int blk_rig_claim(struct blk_rig *rig)
{
    launcher_power_on(rig->d->host); /* as after power-on, with what the test has set */
    assert_int_equal(device_discover(rig->d, &rig->bus), 0);
    return virtio_claim(&rig->bus, &rig->d->dev, &virtio_blk_driver, &rig->blk);
}

void blk_rig_make(struct blk_rig *rig)
{
    blk_rig_plug(rig);
    assert_int_equal(blk_rig_claim(rig), 0);
}

void blk_rig_end(struct blk_rig *rig)
{
    (void)virtio_release(&rig->bus, &rig->d->dev);
    device_free(rig->d);
}

bool blk_rig_is_pattern(const uint8_t *bytes, uint64_t sector, uint64_t length)
{
    for (uint64_t i = 0; i < length; i++)
        if (bytes[i] != device_blk_pattern(sector, i))
            return false;
    return true;
}
