/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Slate with another program in place of boot/main.c: reads the disk through drivers/blk in loops between marker
 * instructions. Linked with all of Slate's other objects, so what is measured is what ships.
 */
#include "bench/x86_64/marker.h"
#include "boot/console.h"
#include "boot/devices.h"
#include "boot/diag.h"
#include "boot/platform.h"
#include "boot/settings.h"

#define SMALL 4096u
#define LARGE 65536u

static struct settings settings;
static struct devices devices;
static uint8_t buffer[BENCH_READS * SMALL] __attribute__((aligned(4096)));
static struct virtio_blk_request requests[BENCH_READS];
static uint64_t next_sector = BENCH_FIRST_SECTOR;

_Static_assert(sizeof(buffer) >= LARGE, "the buffer holds one large read");

/* Claims the first disk. NULL: there is none, or it does not work. */
static struct virtio_blk *find_disk(const struct platform_start *start)
{
    struct diag diag = {0};

    settings_default(&settings);
    console_set_level(VIRTIO_LOG_ERROR);
    if (devices_discover(&devices, start->acpi, start->memory, &settings, &diag) != 0)
        return NULL;
    for (unsigned i = 0; i < devices.count; i++) {
        struct boot_device *device = devices.device[i];

        if (device->virtio.id == VIRTIO_ID_BLOCK)
            return devices_claim_disk(&devices, device, &diag) == 0 ? &device->driver.blk : NULL;
    }
    return NULL;
}

/* `bytes` at `data` begin with the number of their first sector. */
static bool is_sector(const uint8_t *data, uint64_t sector)
{
    return data[0] + (uint64_t)data[1] * 256 == sector;
}

/* Whole operations that follow each other on the disk, each complete before the next. */
static bool read_loop(struct virtio_blk *blk, unsigned reads, uint32_t bytes)
{
    struct virtio_blk_extent extent = {.data = buffer, .length = bytes};

    while (reads-- > 0) {
        extent.sector = next_sector;
        if (virtio_blk_read(blk, &extent, 1) != 0)
            return false;
        next_sector += bytes / VIRTIO_BLK_SECTOR;
    }
    return true;
}

/* Requests, one at a time: submit, kick, wait. */
static bool request_loop(struct virtio_blk *blk)
{
    struct virtio_blk_request *request = &requests[0], *done;

    for (unsigned i = 0; i < BENCH_READS; i++) {
        *request = (struct virtio_blk_request){
            .type = VIRTIO_BLK_T_IN,
            .sector = next_sector,
            .data = buffer,
            .length = SMALL,
        };
        if (virtio_blk_submit(blk, request) != 0)
            return false;
        virtio_blk_kick(blk);
        if (virtio_blk_wait(blk, &done) != 0 || done->error != 0)
            return false;
        next_sector += SMALL / VIRTIO_BLK_SECTOR;
    }
    return true;
}

/* As many requests, all in flight at once. */
static bool read_many(struct virtio_blk *blk)
{
    struct virtio_blk_request *done;

    for (unsigned i = 0; i < BENCH_READS; i++) {
        requests[i] = (struct virtio_blk_request){
            .type = VIRTIO_BLK_T_IN,
            .sector = next_sector,
            .data = &buffer[i * SMALL],
            .length = SMALL,
        };
        if (virtio_blk_submit(blk, &requests[i]) != 0)
            return false;
        next_sector += SMALL / VIRTIO_BLK_SECTOR;
    }
    virtio_blk_kick(blk);
    for (unsigned i = 0; i < BENCH_READS; i++)
        if (virtio_blk_wait(blk, &done) != 0 || done->error != 0)
            return false;
    return true;
}

static bool measure(struct virtio_blk *blk)
{
    bool ok = read_loop(blk, 1, SMALL); /* what only the first read does is not counted */

    BENCH_MARKER(BENCH_BEGIN_4K);
    ok = read_loop(blk, BENCH_READS, SMALL) && ok;
    BENCH_MARKER(BENCH_END_4K);
    ok = is_sector(buffer, next_sector - SMALL / VIRTIO_BLK_SECTOR) && ok;

    BENCH_MARKER(BENCH_BEGIN_64K);
    ok = read_loop(blk, BENCH_READS, LARGE) && ok;
    BENCH_MARKER(BENCH_END_64K);
    ok = is_sector(buffer, next_sector - LARGE / VIRTIO_BLK_SECTOR) && ok;

    BENCH_MARKER(BENCH_BEGIN_ONE);
    ok = request_loop(blk) && ok;
    BENCH_MARKER(BENCH_END_ONE);
    ok = is_sector(buffer, next_sector - SMALL / VIRTIO_BLK_SECTOR) && ok;

    BENCH_MARKER(BENCH_BEGIN_MANY);
    ok = read_many(blk) && ok;
    BENCH_MARKER(BENCH_END_MANY);
    for (unsigned i = 1; i <= BENCH_READS; i++)
        ok = is_sector(&buffer[(BENCH_READS - i) * SMALL],
                       next_sector - i * (SMALL / VIRTIO_BLK_SECTOR)) &&
             ok;

    bench_test();
    return ok;
}

_Noreturn void boot_main(const struct platform_start *start)
{
    struct virtio_blk *blk = find_disk(start);

    if (blk != NULL && measure(blk))
        BENCH_MARKER(BENCH_DONE);
    else
        BENCH_MARKER(BENCH_FAILED);
    platform_exit(0);
}
