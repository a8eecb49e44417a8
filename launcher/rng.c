/* SPDX-License-Identifier: BSD-2-Clause */
/* The entropy device (VIRTIO 1.4, 5.4): fills buffers with bytes that its seed determines. */
#include "launcher/rng.h"

#include <stdlib.h>
#include <string.h>

#include "launcher/model.h"

enum {
    PIECE = 256,           /* bytes */
    FILL_MOST = 64 * 1024, /* bytes of one buffer: a device may stop where it likes */
};

struct rng {
    uint64_t state, given;
    uint32_t limit;
    bool hold;
};

static struct rng *rng_of(const struct launcher_device *dev)
{
    return dev->model_state;
}

static int create(struct launcher_device *dev)
{
    struct rng *rng = launcher_allocate(sizeof(*rng));

    dev->model_state = rng;
    rng->state = dev->options.seed ^ 0x5eed5eed5eed5eed;
    return 0;
}

static void destroy(struct launcher_device *dev)
{
    free(dev->model_state);
}

/* SplitMix64, apart from the faults' own so that neither disturbs the other. */
static uint64_t next(struct rng *rng)
{
    uint64_t mixed = rng->state += 0x9e3779b97f4a7c15;

    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
    return mixed ^ mixed >> 31;
}

static uint32_t fill(struct launcher_device *dev, const struct launcher_chain *chain,
                     uint64_t bytes)
{
    struct rng *rng = rng_of(dev);
    uint8_t piece[PIECE];
    uint32_t done = 0;

    while (done < bytes) {
        uint32_t length = bytes - done < PIECE ? (uint32_t)(bytes - done) : PIECE, put;

        for (uint32_t i = 0; i < length; i++)
            piece[i] = (uint8_t)(next(rng) >> 56);
        put = launcher_chain_write(dev, chain, done, piece, length);
        done += put;
        if (put < length)
            break;
    }
    rng->given += done;
    return done;
}

static void judge(struct launcher_device *dev, const struct launcher_queue *queue,
                  struct launcher_chain *chain)
{
    if (chain->looked_at)
        return;
    chain->looked_at = true;
    LAUNCHER_JUDGE(&dev->referee, "IMP-RNG-01", queue->index == 0,
                   "a buffer in queue %u; entropy comes from queue 0", queue->index);
    LAUNCHER_JUDGE(&dev->referee, "DRV-RNG-01", chain->readable == 0,
                   "a buffer with %llu bytes that the device is to read; it only writes",
                   (unsigned long long)chain->readable);
}

static bool serve(struct launcher_device *dev, struct launcher_queue *queue,
                  struct launcher_chain *chain, uint32_t *written)
{
    const struct rng *rng = rng_of(dev);
    uint64_t bytes = chain->writable < FILL_MOST ? chain->writable : FILL_MOST;

    judge(dev, queue, chain);
    if (rng->hold)
        return false;
    if (rng->limit != 0 && bytes > rng->limit)
        bytes = rng->limit;
    *written = fill(dev, chain, bytes);
    return true;
}

void launcher_rng_limit(struct launcher_device *dev, uint32_t bytes)
{
    rng_of(dev)->limit = bytes;
}

void launcher_rng_hold(struct launcher_device *dev, bool hold)
{
    rng_of(dev)->hold = hold;
}

uint64_t launcher_rng_given(const struct launcher_device *dev)
{
    return rng_of(dev)->given;
}

const struct launcher_model launcher_rng = {
    .name = "rng",
    .id = VIRTIO_ID_ENTROPY,
    .queues = 1,
    .create = create,
    .destroy = destroy,
    .serve = serve,
};
