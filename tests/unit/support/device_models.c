/* SPDX-License-Identifier: BSD-2-Clause */
/* What tests put into devices and look for in them: a device of no type, disks with a pattern, consoles. */
#include <stdlib.h>
#include <string.h>

#include "launcher/model.h"
#include "tests/unit/support/device.h"

/* ---- Plain devices ---- */

static bool serve(struct launcher_device *dev, struct launcher_queue *queue,
                  struct launcher_chain *chain, uint32_t *written)
{
    (void)dev;
    (void)queue;
    (void)chain;
    *written = 0;
    return true;
}

const struct launcher_model device_plain = {
    .name = "plain",
    .type_features = 1ull << DEVICE_FEATURE,
    .queues = 2,
    .config_length = DEVICE_CONFIG_BYTES,
    .serve = serve,
};

/* ---- Disks ---- */

uint8_t device_blk_pattern(uint64_t sector, uint64_t offset)
{
    uint64_t at = sector * VIRTIO_BLK_SECTOR + offset;

    return (uint8_t)(at ^ (at >> 9) * 7 ^ at >> 20);
}

void device_blk_fill(struct device *d, uint64_t sector, uint64_t sectors)
{
    static uint8_t whole[DEVICE_SECTORS * VIRTIO_BLK_SECTOR]; /* made once: tests have many disks */
    uint8_t piece[VIRTIO_BLK_SECTOR];

    if (whole[1] != device_blk_pattern(0, 1))
        for (uint64_t i = 0; i < sizeof(whole); i++)
            whole[i] = device_blk_pattern(0, i);
    if (sector == 0 && sectors == DEVICE_SECTORS) {
        if (!launcher_blk_write(d->host, 0, whole, sectors))
            abort();
        return;
    }
    for (uint64_t at = sector; at < sector + sectors; at++) {
        for (unsigned i = 0; i < sizeof(piece); i++)
            piece[i] = device_blk_pattern(at, i);
        if (!launcher_blk_write(d->host, at, piece, 1))
            abort();
    }
}

size_t device_blk_seen_count(const struct device *d)
{
    size_t count;

    (void)launcher_blk_requests(d->host, &count);
    return count;
}

const struct launcher_blk_seen *device_blk_seen(const struct device *d, size_t index)
{
    size_t count;

    return &launcher_blk_requests(d->host, &count)[index];
}

/* ---- Consoles ---- */

void device_console_type(struct device *d, const void *bytes, size_t length)
{
    (void)launcher_console_type(d->host, 0, bytes, length);
    device_work(d);
}

const char *device_console_text(const struct device *d)
{
    static char text[1 << 16];
    size_t length;
    const uint8_t *output = launcher_console_output(d->host, 0, &length);

    if (length >= sizeof(text))
        abort();
    if (length > 0)
        memcpy(text, output, length);
    text[length] = '\0';
    return text;
}
