/* SPDX-License-Identifier: BSD-2-Clause */
/* The model behind ring_rig.h, and its set-up. */
#include "tests/unit/support/ring_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "launcher/model.h"
#include "launcher/referee.h"

enum {
    MOST = 1 << 20, /* bytes that are written to one buffer */
};

struct kept {
    uint8_t bytes[RING_RIG_KEPT];
    size_t length;
};

static int create(struct launcher_device *dev)
{
    dev->model_state = launcher_allocate(sizeof(struct kept));
    return 0;
}

static void destroy(struct launcher_device *dev)
{
    free(dev->model_state);
}

static bool serve(struct launcher_device *dev, struct launcher_queue *queue,
                  struct launcher_chain *chain, uint32_t *written)
{
    struct kept *kept = dev->model_state;
    uint8_t *fill;
    uint64_t bytes = chain->writable;

    (void)queue;
    kept->length = launcher_chain_read(dev, chain, 0, kept->bytes, sizeof(kept->bytes));
    if (kept->length != 0 && kept->bytes[0] == RING_RIG_LATER)
        return false;
    if (kept->length != 0 && kept->bytes[0] == RING_RIG_HALF)
        bytes /= 2;
    if (bytes > MOST)
        bytes = MOST;
    fill = launcher_allocate(bytes);
    memset(fill, RING_RIG_BYTE, bytes);
    *written = launcher_chain_write(dev, chain, 0, fill, (uint32_t)bytes);
    free(fill);
    return true;
}

static const struct launcher_model model = {
    .name = "ring rig",
    .create = create,
    .destroy = destroy,
    .serve = serve,
};

static void make_queue(struct ring_rig *rig, uint64_t features, uint16_t size)
{
    if (!raw_start(rig->raw, features))
        fail_msg("FEATURES_OK did not stay");
    rig->queue = raw_queue(rig->raw, 0, size);
    raw_live(rig->raw);
}

struct ring_rig ring_rig_with(const struct launcher_options *options, uint64_t features,
                              uint16_t size)
{
    struct launcher_options complete = *options;
    struct ring_rig rig = {0};

    complete.type = VIRTIO_ID_IOMEM; /* a type without a model: this one is put in its place */
    if (complete.queues == 0)
        complete.queues = 2;
    if (complete.queue_size == 0)
        complete.queue_size = size;
    if (complete.features == 0)
        complete.features = RING_BIT(VIRTIO_F_INDIRECT_DESC) | RING_BIT(VIRTIO_F_EVENT_IDX) |
                            RING_BIT(VIRTIO_F_RING_PACKED) | RING_BIT(VIRTIO_F_IN_ORDER) |
                            RING_BIT(VIRTIO_F_NOTIFICATION_DATA) | RING_BIT(VIRTIO_F_RING_RESET);
    rig.raw = raw_driver_new(&complete);
    rig.dev = rig.raw->dev;
    if (rig.dev->model->destroy != NULL)
        rig.dev->model->destroy(rig.dev);
    rig.dev->model = &model;
    (void)model.create(rig.dev);
    rig.of = &rig.dev->queues[0];
    rig.page = raw_alloc_at(rig.raw, 4096, 4096);
    if (size != 0)
        make_queue(&rig, features, size);
    return rig;
}

struct ring_rig ring_rig_new(uint64_t features, uint16_t size)
{
    return ring_rig_with(&(struct launcher_options){.seed = 1}, features, size);
}

void ring_rig_restart(struct ring_rig *rig, uint64_t features, uint16_t size)
{
    make_queue(rig, features, size);
}

void ring_rig_free(struct ring_rig *rig)
{
    raw_driver_free(rig->raw);
}

const uint8_t *ring_rig_read(const struct ring_rig *rig, size_t *length)
{
    const struct kept *kept = rig->dev->model_state;

    *length = kept->length;
    return kept->bytes;
}

uint16_t ring_rig_add(struct ring_rig *rig, uint32_t length)
{
    return RAW_ADD(rig->queue, {rig->page, length, RAW_WRITE});
}

void ring_rig_turn(struct ring_rig *rig, uint32_t length)
{
    uint16_t id = ring_rig_add(rig, length);
    struct raw_used used;

    (void)raw_kick(rig->queue);
    if (!raw_used(rig->queue, &used) || used.id != id || used.length != length)
        fail_msg("the buffer was not used at once, in full");
}

bool ring_rig_broke(const struct ring_rig *rig, const char *id)
{
    const struct launcher_rule *rule = launcher_find_rule(id);

    if (rule == NULL)
        fail_msg("there is no rule %s", id);
    return rig->dev->referee.violated[rule - launcher_rules] != 0;
}

static bool is_caught(const struct ring_mutant *mutant)
{
    uint64_t features = mutant->features;
    struct ring_rig rig = ring_rig_with(&(struct launcher_options){.queue_size = 8}, features, 0);
    bool caught;

    if (mutant->size != 0)
        make_queue(&rig, features, mutant->size);
    else
        assert_true(raw_start(rig.raw, features));
    if (launcher_violations(rig.dev) != 0)
        fail_msg("%s: a violation before the mutant ran", mutant->id);
    mutant->run(&rig);
    caught = ring_rig_broke(&rig, mutant->id);
    if (!caught) {
        (void)fprintf(stderr, "%s was broken, and nothing was said of it\n", mutant->id);
        launcher_report(rig.dev, stderr);
    }
    launcher_forget_violations(rig.dev);
    ring_rig_free(&rig);
    return caught;
}

void ring_rig_mutants(const struct ring_mutant *mutants, size_t count)
{
    unsigned survivors = 0;

    for (size_t i = 0; i < count; i++)
        survivors += !is_caught(&mutants[i]);
    assert_int_equal(survivors, 0);
}
