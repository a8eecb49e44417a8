/* SPDX-License-Identifier: BSD-2-Clause */
/* A device of a type that has no model here: it lives, takes buffers, resets, and never answers a request. */
#include "launcher/model.h"

static bool serve(struct launcher_device *dev, struct launcher_queue *queue,
                  struct launcher_chain *chain, uint32_t *written)
{
    (void)dev;
    (void)queue;
    (void)chain;
    (void)written;
    return false;
}

const struct launcher_model launcher_plain = {
    .name = "device",
    .queues = 1,
    .serve = serve,
};
