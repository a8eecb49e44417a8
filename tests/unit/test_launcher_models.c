/* SPDX-License-Identifier: BSD-2-Clause */
/* Whatever a driver puts into a buffer, no model of the launcher comes to harm: each is given nonsense, from fixed seeds. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "launcher/balloon.h"
#include "launcher/model.h"
#include "tests/unit/support/raw_blk.h"

enum {
    ROUNDS = 1000,
    SEGMENTS_MOST = 6,
    WORDS = 64, /* of nonsense, at the start of memory */
};

struct source {
    uint64_t state;
};

static uint64_t next(struct source *source, uint64_t limit)
{
    source->state = source->state * 6364136223846793005 + 1442695040888963407;
    return (source->state >> 20) % limit;
}

/* Small numbers, and now and then any. */
static uint64_t odd_number(struct source *source)
{
    static const uint64_t edges[] = {0,          1,          15,       16,         17,
                                     512,        4096,       0xffff,   0x7fffffff, UINT32_MAX,
                                     1ull << 32, UINT64_MAX, INT64_MAX};

    if (next(source, 10) != 0)
        return next(source, 30);
    return edges[next(source, sizeof(edges) / sizeof(edges[0]))];
}

static struct raw_segment odd_segment(struct source *source)
{
    struct raw_segment segment = {.address = RAW_MEMORY_BASE + next(source, 8ull * WORDS),
                                  .flags = next(source, 2) != 0 ? RAW_WRITE : RAW_READ};

    if (next(source, 20) == 0)
        segment.address = odd_number(source);
    segment.length = (uint32_t)odd_number(source);
    if (next(source, 3) == 0)
        segment.length = 16;
    return segment;
}

static void be_given_nonsense(const struct launcher_options *options, uint64_t seed)
{
    struct raw_driver *raw = raw_driver_new(options);
    struct launcher_device *dev = raw->dev;
    struct source source = {seed};

    for (unsigned round = 0; round < ROUNDS; round++) {
        struct raw_segment segments[SEGMENTS_MOST];
        unsigned count = 1 + (unsigned)next(&source, SEGMENTS_MOST);
        uint32_t written = 0;
        uint64_t writable = 0;

        if (round % 64 == 0)
            dev->accepted = next(&source, 2) != 0
                                ? dev->model->type_features
                                : next(&source, UINT64_MAX) & dev->model->type_features;
        for (unsigned i = 0; i < WORDS; i++)
            raw_put64(raw, RAW_MEMORY_BASE + 8ull * i,
                      odd_number(&source) | odd_number(&source) << 32);
        for (unsigned i = 0; i < count; i++) {
            segments[i] = odd_segment(&source);
            writable += segments[i].flags == RAW_WRITE ? segments[i].length : 0;
        }
        if (raw_serve(raw, (unsigned)next(&source, dev->queue_count), segments, count, &written))
            assert_true(written <= writable);
        launcher_forget_violations(dev);
    }
    raw_driver_free(raw);
}

/* DEV-SPLIT-03: nothing is assumed of how a buffer is cut, or of what it holds. */
static void nonsense_does_no_harm(void **state)
{
    static const struct launcher_zones zones = {
        .model = VIRTIO_BLK_Z_HM, .sectors = 7, .max_open = 2, .max_active = 2, .max_append = 5};
    static const struct launcher_options options[] = {
        {.type = VIRTIO_ID_BLOCK, .sectors = 40},
        {.type = VIRTIO_ID_BLOCK, .sectors = 40, .zones = &zones},
        {.type = VIRTIO_ID_BLOCK, .sectors = UINT64_MAX},
        {.type = VIRTIO_ID_BLOCK,
         .sectors = 40,
         .front = LAUNCHER_PCI_LEGACY,
         .features = 1ull << VIRTIO_BLK_F_BARRIER},
        {.type = VIRTIO_ID_CONSOLE},
        {.type = VIRTIO_ID_CONSOLE, .front = LAUNCHER_PCI_LEGACY, .big_endian = true},
        {.type = VIRTIO_ID_ENTROPY},
        {.type = VIRTIO_ID_BALLOON},
        {.type = VIRTIO_ID_BALLOON, .front = LAUNCHER_PCI_LEGACY},
        {.type = VIRTIO_ID_GPU},
    };

    (void)state;
    for (uint64_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
        for (uint64_t seed = 0; seed < 2; seed++)
            be_given_nonsense(&options[i], seed + 2 * i);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nonsense_does_no_harm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
