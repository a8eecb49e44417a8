/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Chains that stay built (VIRTIO 1.4, 2.6, 2.7): what the device gets through one is what it would get from an ordinary
 * request, again and again, beside ordinary requests, and nothing of it is lost or given away at a reset.
 */
#include "tests/unit/support/plain_driver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum {
    BEFORE = 16, /* bytes */
    AFTER = 5,
    CHAINS = 8,
};

/* What probe makes: `wanted` chains, each with pieces of its own. */
static struct {
    unsigned wanted;
    uint16_t chain[CHAINS];
    struct virtio_piece before[CHAINS], after[CHAINS];
} made;

static void make_chains(struct plain *plain)
{
    for (unsigned i = 0; i < made.wanted; i++) {
        made.before[i] = (struct virtio_piece){virtio_dma_alloc(plain->dev, BEFORE, 1), BEFORE};
        made.after[i] = (struct virtio_piece){virtio_dma_alloc(plain->dev, AFTER, 1), AFTER};
        assert_non_null(made.after[i].pointer);
        assert_int_equal(virtqueue_chain_create(plain->queue[0], &made.before[i], &made.after[i],
                                                &made.chain[i]),
                         0);
    }
}

static struct virtqueue *make(struct plain_rig *rig, unsigned size, unsigned chains)
{
    plain_rig_discover(rig, size);
    made.wanted = chains;
    rig->plain.before_driver_ok = make_chains;
    assert_int_equal(plain_rig_claim(rig), 0);
    return rig->plain.queue[0];
}

static int add(struct virtqueue *queue, unsigned chain, struct virtio_request *request, void *data,
               uint32_t length, enum virtio_dir dir)
{
    const struct virtio_piece piece = {data, length};

    return virtqueue_add_chain(queue, made.chain[chain], request, &piece, dir);
}

static uint64_t bus_of(const struct device *d, const void *p)
{
    return d->env.dma_bus + (uint64_t)((const uint8_t *)p - (const uint8_t *)d->env.dma);
}

/* ---- What the device gets ---- */

static void check_segment(const struct launcher_segment *segment, uint64_t bus, uint32_t length,
                          bool writable)
{
    assert_true(segment->address == bus);
    assert_int_equal(segment->length, length);
    assert_int_equal(segment->writable, writable);
}

/* DRV-SPLIT-08, IMP-SPLIT-21: each time the same two pieces, and between them what was added, mapped in its direction. */
static void device_gets_the_data_between_the_pieces_that_stay(void **state)
{
    static uint8_t data[3][700];
    struct virtio_request request = {0}, *done;
    struct plain_rig rig;
    struct virtqueue *queue = make(&rig, 8, 2);

    (void)state;
    device_delay(rig.d, DEVICE_MILLISECOND);
    assert_int_equal(virtqueue_free(queue), 2);
    for (unsigned i = 0; i < 12; i++) {
        enum virtio_dir dir = i % 2 == 0 ? VIRTIO_FROM_DEVICE : VIRTIO_TO_DEVICE;
        uint64_t bus = rig.d->next_bus;
        const struct launcher_chain *chain;

        assert_int_equal(add(queue, i / 2 % 2, &request, data[i % 3], 100 + i, dir), 0);
        assert_int_equal(request.state, VIRTIO_REQUEST_DEVICE);
        virtqueue_kick(queue);
        assert_int_equal(rig.d->host->queues[0].notifications, i + 1);
        chain = rig.d->host->queues[0].flight[0];
        assert_int_equal(chain->count, 3);
        check_segment(&chain->segments[0], bus_of(rig.d, made.before[i / 2 % 2].pointer), BEFORE,
                      false);
        check_segment(&chain->segments[1], bus, 100 + i, dir == VIRTIO_FROM_DEVICE);
        check_segment(&chain->segments[2], bus_of(rig.d, made.after[i / 2 % 2].pointer), AFTER,
                      true);
        assert_ptr_equal(device_dma(rig.d, bus, 100 + i, dir == VIRTIO_FROM_DEVICE), data[i % 3]);
        assert_int_equal(rig.d->maps, i + 1); /* the data alone */
        assert_int_equal(virtqueue_in_flight(queue), 1);
        assert_int_equal(virtqueue_wait(queue, &done, 10 * DEVICE_MILLISECOND), 0);
        assert_ptr_equal(done, &request);
        assert_int_equal(request.state, VIRTIO_REQUEST_DONE);
        assert_int_equal(rig.d->maps_live, 0);
        assert_int_equal(virtqueue_in_flight(queue), 0);
        assert_int_equal(virtqueue_free(queue), 2);
    }
    device_free(rig.d);
}

/* IMP-SPLIT-04, DRV-SPLIT-15, DRV-SPLIT-17: byte by byte, for both directions. */
static void table_is_little_endian_and_linked(void **state)
{
    static uint8_t data[0x1234];
    struct virtio_request requests[2] = {{0}};
    const uint8_t *desc;
    struct plain_rig rig;
    struct virtqueue *queue = make(&rig, 8, 2);
    uint64_t bus = rig.d->next_bus;

    (void)state;
    device_delay(rig.d, DEVICE_NEVER);
    assert_int_equal(add(queue, 0, &requests[0], data, 0x1234, VIRTIO_FROM_DEVICE), 0);
    assert_int_equal(add(queue, 1, &requests[1], data, 0x1234, VIRTIO_TO_DEVICE), 0);
    virtqueue_kick(queue);
    desc = (uint8_t *)rig.d->env.dma + (rig.d->host->queues[0].desc - rig.d->env.dma_bus);
    assert_memory_equal(desc + 8, "\x10\0\0\0\1\0\1\0", 8); /* length, NEXT, next */
    for (unsigned i = 0; i < 8; i++)
        assert_int_equal(desc[16 + i], (uint8_t)(bus >> (8 * i)));
    assert_memory_equal(desc + 24, "\x34\x12\0\0\3\0\2\0", 8); /* length, NEXT and WRITE, next */
    assert_memory_equal(desc + 40, "\5\0\0\0\2\0\0\0", 8);     /* length, WRITE, no next */
    assert_memory_equal(desc + 56, "\x10\0\0\0\1\0\4\0", 8);
    assert_memory_equal(desc + 72, "\x34\x12\0\0\1\0\5\0", 8); /* length, NEXT, next */
    assert_memory_equal(desc + 88, "\5\0\0\0\2\0\0\0", 8);
    device_free(rig.d);
}

/* A piece of the device's own memory needs no mapping. */
static void data_in_the_devices_memory_is_not_mapped(void **state)
{
    struct virtio_request request = {0}, *done;
    struct plain_rig rig;
    struct virtqueue *queue = make(&rig, 4, 1);
    uint8_t *end = (uint8_t *)rig.d->env.dma + rig.d->env.dma_len;

    (void)state;
    device_delay(rig.d, DEVICE_MILLISECOND);
    assert_int_equal(add(queue, 0, &request, end - 8, 8, VIRTIO_FROM_DEVICE), 0);
    virtqueue_kick(queue);
    assert_true(rig.d->host->queues[0].flight[0]->segments[1].address == bus_of(rig.d, end - 8));
    assert_int_equal(rig.d->maps, 0);
    assert_int_equal(virtqueue_wait(queue, &done, 10 * DEVICE_MILLISECOND), 0);
    assert_int_equal(add(queue, 0, &request, end - 8, 9, VIRTIO_FROM_DEVICE), -VIRTIO_E_MAPPING);
    assert_int_equal(virtqueue_in_flight(queue), 0);
    device_free(rig.d);
}

/* DRV-RFB-05 */
static void without_a_map_function_physical_addresses_are_used(void **state)
{
    static uint8_t data[16];
    struct virtio_request request = {0}, *done;
    struct virtio_piece outside = {data, 16};
    struct plain_rig rig;
    struct virtqueue *queue;
    uint16_t chain;

    (void)state;
    plain_rig_discover(&rig, 8);
    rig.d->env.map = NULL;
    rig.d->env.unmap = NULL;
    rig.d->env.dma_bus = (uintptr_t)rig.d->env.dma;
    made.wanted = 1;
    rig.plain.before_driver_ok = make_chains;
    assert_int_equal(plain_rig_claim(&rig), 0);
    queue = rig.plain.queue[0];
    device_delay(rig.d, DEVICE_MILLISECOND);
    assert_int_equal(add(queue, 0, &request, data, 16, VIRTIO_FROM_DEVICE), 0);
    virtqueue_kick(queue);
    assert_true(rig.d->host->queues[0].flight[0]->segments[1].address == (uintptr_t)data);
    assert_int_equal(virtqueue_wait(queue, &done, 10 * DEVICE_MILLISECOND), 0);
    /* The pieces that stay are in the device's memory all the same. */
    assert_int_equal(virtqueue_chain_create(queue, &outside, &made.after[0], &chain),
                     -VIRTIO_E_MAPPING);
    device_free(rig.d);
}

static struct virtio_request early;
static uint8_t early_byte;

static void add_and_kick(struct plain *plain)
{
    make_chains(plain);
    early = (struct virtio_request){0};
    assert_int_equal(add(plain->queue[0], 0, &early, &early_byte, 1, VIRTIO_FROM_DEVICE), 0);
    virtqueue_kick(plain->queue[0]);
}

/* DRV-INIT-14 */
static void nothing_is_notified_before_driver_ok(void **state)
{
    struct plain_rig rig;
    struct virtio_request *done;

    (void)state;
    plain_rig_discover(&rig, 4);
    made.wanted = 1;
    rig.plain.before_driver_ok = add_and_kick;
    assert_int_equal(plain_rig_claim(&rig), 0);
    assert_int_equal(rig.d->host->queues[0].notifications, 0);
    virtqueue_kick(rig.plain.queue[0]);
    assert_int_equal(rig.d->host->queues[0].notifications, 1);
    assert_int_equal(virtqueue_poll(rig.plain.queue[0], &done), 0);
    assert_ptr_equal(done, &early);
    device_free(rig.d);
}

/* ---- What cannot be created ---- */

static void check_not_created(struct virtqueue *queue, struct virtio_piece before,
                              struct virtio_piece after, int error)
{
    unsigned room = virtqueue_free(queue);
    uint16_t chain = 0x5a5a;

    assert_int_equal(virtqueue_chain_create(queue, &before, &after, &chain), error);
    assert_int_equal(virtqueue_free(queue), room);
    assert_int_equal(chain, 0x5a5a);
}

/* DRV-SPLIT-10 */
static void pieces_that_cannot_stay_are_refused(void **state)
{
    static uint8_t outside[16];
    struct virtio_piece before, after;
    struct plain_rig rig;
    struct virtqueue *queue = make(&rig, 8, 0);
    uint8_t *dma = rig.d->env.dma, *end = dma + rig.d->env.dma_len;
    size_t dma_len = rig.d->env.dma_len;

    (void)state;
    before = (struct virtio_piece){end - 32, 16};
    after = (struct virtio_piece){end - 16, 16};
    check_not_created(queue, (struct virtio_piece){end - 32, 0}, after, -VIRTIO_E_INVALID);
    check_not_created(queue, before, (struct virtio_piece){end - 16, 0}, -VIRTIO_E_INVALID);
    check_not_created(queue, (struct virtio_piece){outside, 16}, after, -VIRTIO_E_MAPPING);
    check_not_created(queue, before, (struct virtio_piece){outside, 16}, -VIRTIO_E_MAPPING);
    check_not_created(queue, (struct virtio_piece){end - 32, 33}, after, -VIRTIO_E_MAPPING);
    check_not_created(queue, before, (struct virtio_piece){end - 16, 17}, -VIRTIO_E_MAPPING);
    check_not_created(queue, before, (struct virtio_piece){end, 1}, -VIRTIO_E_MAPPING);
    assert_int_equal(rig.d->maps, 0);

    /* Together they leave no room for a byte of data; nothing looks at the memory that is claimed to be there. */
    rig.d->env.dma_len = 1ull << 33;
    check_not_created(queue, (struct virtio_piece){dma, 0x80000000},
                      (struct virtio_piece){dma, 0x80000000}, -VIRTIO_E_INVALID);
    check_not_created(queue, (struct virtio_piece){dma, UINT32_MAX},
                      (struct virtio_piece){dma, UINT32_MAX}, -VIRTIO_E_INVALID);
    rig.d->env.dma_len = dma_len;
    device_free(rig.d);
}

/* IMP-SPLIT-18: a chain keeps its room for itself, so an ordinary request that needs it can never be added. */
static void chains_use_the_queue_up(void **state)
{
    static uint8_t bytes[64];
    const struct virtio_piece pieces[] = {{bytes, 16}, {bytes + 16, 16}, {bytes + 32, 16}};
    struct virtio_request requests[3] = {{0}}, *done;
    struct plain_rig rig;
    struct virtqueue *queue = make(&rig, 8, 2);

    (void)state;
    assert_int_equal(virtqueue_size(queue), 8);
    assert_int_equal(virtqueue_free(queue), 2);
    check_not_created(queue, made.before[0], made.after[0], -VIRTIO_E_FULL);
    assert_int_equal(virtqueue_add(queue, &requests[0], pieces, 1, 2), -VIRTIO_E_INVALID);
    assert_int_equal(virtqueue_add(queue, &requests[0], pieces, 3, 0), -VIRTIO_E_INVALID);
    assert_int_equal(virtqueue_add(queue, &requests[0], pieces, 0, 3), -VIRTIO_E_INVALID);
    assert_int_equal(virtqueue_add(queue, &requests[0], pieces, 1, 1), 0);
    assert_int_equal(virtqueue_add(queue, &requests[1], pieces, 0, 1), -VIRTIO_E_FULL);
    /* There is room in the chains when the queue is full otherwise. */
    assert_int_equal(add(queue, 0, &requests[1], bytes + 32, 16, VIRTIO_TO_DEVICE), 0);
    assert_int_equal(add(queue, 1, &requests[2], bytes + 48, 16, VIRTIO_FROM_DEVICE), 0);
    virtqueue_kick(queue);
    assert_int_equal(rig.d->host->queues[0].notifications, 1);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(virtqueue_poll(queue, &done), 0);
        assert_ptr_equal(done, &requests[i]);
    }
    assert_int_equal(virtqueue_free(queue), 2);
    device_free(rig.d);

    for (unsigned size = 1; size <= 2; size++) {
        queue = make(&rig, size, 0);
        check_not_created(queue, (struct virtio_piece){rig.d->env.dma, 1},
                          (struct virtio_piece){rig.d->env.dma, 1}, -VIRTIO_E_FULL);
        device_free(rig.d);
    }
}

/* ---- What cannot be added ---- */

/* DRV-SPLIT-10, IMP-SPLIT-22: not even a number that the driver made up gets further than an error. */
static void request_that_no_chain_can_take_is_invalid(void **state)
{
    static uint8_t bytes[16];
    const struct virtio_piece piece = {bytes, 16};
    struct virtio_request request = {0}, other = {0};
    struct plain_rig rig;
    struct virtqueue *queue = make(&rig, 8, 1);

    (void)state;
    assert_int_equal(virtqueue_add(queue, &other, &piece, 1, 0), 0);
    for (unsigned i = 0; i <= UINT16_MAX; i++) {
        /* Also the other entries of a chain, the head of an ordinary request, free ones. */
        if (i != made.chain[0])
            assert_int_equal(
                virtqueue_add_chain(queue, (uint16_t)i, &request, &piece, VIRTIO_TO_DEVICE),
                -VIRTIO_E_INVALID);
    }
    assert_int_equal(add(queue, 0, &request, bytes, 0, VIRTIO_TO_DEVICE), -VIRTIO_E_INVALID);
    assert_int_equal(add(queue, 0, &request, bytes, UINT32_MAX, VIRTIO_TO_DEVICE),
                     -VIRTIO_E_INVALID);
    assert_int_equal(
        add(queue, 0, &request, bytes, UINT32_MAX - BEFORE - AFTER + 2, VIRTIO_FROM_DEVICE),
        -VIRTIO_E_INVALID);
    assert_int_equal(request.state, VIRTIO_REQUEST_FREE);
    assert_int_equal(virtqueue_in_flight(queue), 1);
    assert_int_equal(rig.d->maps, 1);
    device_free(rig.d);
}

/* DRV-SPLIT-10: 2^32 bytes exactly are allowed, and the writable ones are counted without a wrap. */
static void request_of_four_gibibytes_is_valid(void **state)
{
    static uint8_t bytes[16];
    const uint32_t length = UINT32_MAX - BEFORE - AFTER + 1;
    struct virtio_request request = {0}, *done;
    struct plain_rig rig;
    struct virtqueue *queue = make(&rig, 4, 1);

    (void)state;
    launcher_fault_arm(rig.d->host, LAUNCHER_FAULT_LENGTH_LONG, 0, 0, UINT32_MAX);
    assert_int_equal(add(queue, 0, &request, bytes, length, VIRTIO_FROM_DEVICE), 0);
    virtqueue_kick(queue);
    assert_int_equal(virtqueue_poll(queue, &done), 0);
    assert_ptr_equal(done, &request);
    assert_int_equal(request.used, length + AFTER);
    assert_int_equal(virtqueue_counts(queue)->overlong, 1);
    device_free(rig.d);
}

/* A chain carries one request at a time, and a request goes through one chain at a time. DRV-CLEAN-01 */
static void chain_in_flight_takes_no_second_request(void **state)
{
    static uint8_t bytes[32];
    const struct virtio_piece piece = {bytes + 16, 16};
    struct virtio_request request = {0}, other = {0}, *done;
    struct plain_rig rig;
    struct virtqueue *queue = make(&rig, 8, 2);

    (void)state;
    device_delay(rig.d, DEVICE_MILLISECOND);
    assert_int_equal(add(queue, 0, &request, bytes, 16, VIRTIO_FROM_DEVICE), 0);
    assert_int_equal(add(queue, 0, &other, bytes + 16, 16, VIRTIO_FROM_DEVICE), -VIRTIO_E_STATE);
    virtqueue_kick(queue);
    assert_int_equal(add(queue, 0, &other, bytes + 16, 16, VIRTIO_FROM_DEVICE), -VIRTIO_E_STATE);
    assert_int_equal(add(queue, 1, &request, bytes + 16, 16, VIRTIO_FROM_DEVICE), -VIRTIO_E_STATE);
    assert_int_equal(virtqueue_add(queue, &request, &piece, 1, 0), -VIRTIO_E_STATE);
    assert_int_equal(other.state, VIRTIO_REQUEST_FREE);
    assert_int_equal(rig.d->maps, 1);
    rig.d->now += DEVICE_MILLISECOND;
    device_work(rig.d);
    /* Used, and not taken back yet: still in flight. */
    assert_int_equal(add(queue, 0, &other, bytes + 16, 16, VIRTIO_FROM_DEVICE), -VIRTIO_E_STATE);
    assert_int_equal(virtqueue_poll(queue, &done), 0);
    assert_ptr_equal(done, &request);
    assert_int_equal(add(queue, 0, &other, bytes + 16, 16, VIRTIO_FROM_DEVICE), 0);
    virtqueue_kick(queue);
    assert_int_equal(virtqueue_wait(queue, &done, 10 * DEVICE_MILLISECOND), 0);
    assert_ptr_equal(done, &other);
    device_free(rig.d);
}

static void mapping_that_fails_leaves_no_trace(void **state)
{
    static uint8_t bytes[64];
    struct virtio_request request = {0}, *done;
    struct plain_rig rig;
    struct virtqueue *queue = make(&rig, 4, 1);

    (void)state;
    for (unsigned i = 0; i < 10; i++) {
        rig.d->map_fail_at = rig.d->maps + 1;
        assert_int_equal(add(queue, 0, &request, bytes, 64, VIRTIO_TO_DEVICE), -VIRTIO_E_MAPPING);
        assert_int_not_equal(request.state, VIRTIO_REQUEST_DEVICE);
        assert_int_equal(virtqueue_in_flight(queue), 0);
        virtqueue_kick(queue);
        assert_int_equal(rig.d->host->queues[0].notifications, i);
        assert_int_equal(add(queue, 0, &request, bytes, 64, VIRTIO_TO_DEVICE), 0);
        virtqueue_kick(queue);
        assert_int_equal(virtqueue_poll(queue, &done), 0);
        assert_ptr_equal(done, &request);
        assert_int_equal(rig.d->maps_live, 0);
    }
    device_free(rig.d);
}

/* ---- What comes back ---- */

/* DRV-SPLIT-25, DRV-SPLIT-26: at most the data, if the device writes it, and the piece after it. */
static void used_length_beyond_the_buffer_is_clamped(void **state)
{
    static uint8_t bytes[64];
    struct virtio_request request = {0}, *done;
    struct plain_rig rig;
    struct virtqueue *queue = make(&rig, 4, 1);

    (void)state;
    launcher_fault_arm(rig.d->host, LAUNCHER_FAULT_LENGTH_LONG, 0, 0, 100);
    for (unsigned i = 0; i < 4; i++) {
        bool read = i % 2 == 0;

        assert_int_equal(
            add(queue, 0, &request, bytes, 20 + i, read ? VIRTIO_FROM_DEVICE : VIRTIO_TO_DEVICE),
            0);
        virtqueue_kick(queue);
        assert_int_equal(virtqueue_poll(queue, &done), 0);
        assert_ptr_equal(done, &request);
        assert_int_equal(request.used, read ? 20 + i + AFTER : AFTER);
        assert_int_equal(virtqueue_counts(queue)->overlong, i + 1);
    }
    device_free(rig.d);
}

/* IMP-SPLIT-11: only the number of a chain that the device was shown, and has not returned, is accepted. */
static void used_id_that_is_no_chain_in_flight_breaks_the_queue(void **state)
{
    static uint8_t bytes[64];
    enum { IDLE, DATA, END, TWICE, NOT_SHOWN, CASES };

    (void)state;
    for (unsigned i = 0; i < CASES; i++) {
        struct virtio_request request = {0}, hidden = {0}, *done;
        struct plain_rig rig;
        struct virtqueue *queue = make(&rig, 16, 3);
        uint32_t id[CASES];

        device_delay(rig.d, DEVICE_NEVER);
        assert_int_equal(add(queue, 0, &request, bytes, 16, VIRTIO_FROM_DEVICE), 0);
        virtqueue_kick(queue);
        assert_int_equal(add(queue, 1, &hidden, bytes + 16, 16, VIRTIO_FROM_DEVICE), 0);
        id[IDLE] = made.chain[2];
        id[DATA] = made.chain[0] + 1u; /* the entries of a fresh queue follow each other */
        id[END] = made.chain[0] + 2u;
        id[TWICE] = made.chain[0];
        id[NOT_SHOWN] = made.chain[1];
        if (i == TWICE) {
            virtqueue_kick(queue);
            device_ring_put(rig.d, 0, made.chain[0], 0);
            assert_int_equal(virtqueue_poll(queue, &done), 0);
            assert_ptr_equal(done, &request);
        }
        device_ring_put(rig.d, 0, id[i], 0);
        assert_int_equal(virtqueue_poll(queue, &done), -VIRTIO_E_PROTOCOL);
        assert_null(done);
        assert_non_null(device_logged(rig.d, "is not in flight"));
        assert_int_equal(add(queue, 2, &early, bytes, 16, VIRTIO_TO_DEVICE), -VIRTIO_E_STATE);
        check_not_created(queue, made.before[0], made.after[0], -VIRTIO_E_STATE);
        if (i == TWICE)
            device_expect_complaint(rig.d, "was taken back");
        assert_int_equal(virtio_reset(&rig.d->dev), 0);
        assert_int_equal(hidden.state, VIRTIO_REQUEST_DEAD);
        assert_int_equal(request.state, i == TWICE ? VIRTIO_REQUEST_DONE : VIRTIO_REQUEST_DEAD);
        device_free(rig.d);
    }
}

/* ---- Among ordinary requests ---- */

struct one {
    struct virtio_request request;
    uint8_t *bytes;
};

static int add_either(struct virtqueue *queue, struct one *one, uint32_t seed)
{
    unsigned chain = seed % (2 * CHAINS), n = seed / 64 % 4 + 1, out = seed / 512 % (n + 1);
    struct virtio_piece pieces[4];

    if (chain < CHAINS) {
        int error = add(queue, chain, &one->request, one->bytes, 16 * n,
                        out % 2 == 0 ? VIRTIO_FROM_DEVICE : VIRTIO_TO_DEVICE);

        return error == -VIRTIO_E_STATE ? -VIRTIO_E_FULL : error; /* the chain is in flight */
    }
    for (unsigned i = 0; i < n; i++)
        pieces[i] = (struct virtio_piece){one->bytes + 16 * i, 16};
    return virtqueue_add(queue, &one->request, pieces, out, n - out);
}

/* IMP-CORE-07, IMP-SPLIT-11, DRV-SPLIT-11: both kinds in flight together, returned in any order, for ever. */
static void both_kinds_come_back_in_any_order(void **state)
{
    enum { COUNT = 20 };
    struct one all[COUNT] = {{{0}, NULL}};
    uint32_t seed = 1;

    (void)state;
    for (unsigned i = 0; i < COUNT; i++)
        all[i].bytes = malloc(64);
    for (unsigned order = 0; order < 2; order++) {
        unsigned through[2] = {0}, added = 0;
        struct virtio_request *done;
        struct plain_rig rig;
        struct virtqueue *queue = make(&rig, 32, CHAINS);

        if (order == 0)
            device_newest_first(rig.d);
        for (unsigned round = 0; round < 3000; round++) {
            device_delay(rig.d, round % 3 * 2000);
            for (unsigned i = 0; i < COUNT; i++) {
                int error;

                if (all[i].request.state == VIRTIO_REQUEST_DEVICE)
                    continue;
                seed = seed * 1664525 + 1013904223;
                error = add_either(queue, &all[i], seed >> 8);
                assert_true(error == 0 || error == -VIRTIO_E_FULL);
                added += error == 0;
                through[(seed >> 8) % (2 * CHAINS) < CHAINS] += error == 0;
            }
            virtqueue_kick(queue);
            for (unsigned k = 0; k < round % 7 && virtqueue_in_flight(queue) > 0; k++, added--) {
                assert_int_equal(virtqueue_wait(queue, &done, 10 * DEVICE_MILLISECOND), 0);
                assert_int_equal(done->state, VIRTIO_REQUEST_DONE);
            }
            assert_int_equal(virtqueue_in_flight(queue), added);
            if (round % 256 == 0)
                device_forget_events(rig.d); /* the record need not be that long */
        }
        while (virtqueue_in_flight(queue) > 0)
            assert_int_equal(virtqueue_wait(queue, &done, 10 * DEVICE_MILLISECOND), 0);
        assert_int_equal(virtqueue_free(queue), 32 - 3 * CHAINS);
        assert_int_equal(rig.d->maps_live, 0);
        assert_true(through[0] > 1000 && through[1] > 1000);
        for (unsigned i = 0; i < COUNT; i++)
            all[i].request = (struct virtio_request){0};
        device_free(rig.d);
    }
    for (unsigned i = 0; i < COUNT; i++)
        free(all[i].bytes);
}

/* IMP-SPLIT-08, DRV-SPLIT-35, DRV-SPLIT-19 */
static void indexes_wrap_after_65536_requests(void **state)
{
    struct plain_rig rig;
    struct virtqueue *queue = make(&rig, 4, 1);

    (void)state;
    for (unsigned i = 0; i < 65536 + 1000; i++) {
        struct virtio_request request = {0}, *done;

        assert_int_equal(add(queue, 0, &request, made.before[0].pointer, BEFORE, VIRTIO_TO_DEVICE),
                         0);
        virtqueue_kick(queue);
        assert_int_equal(virtqueue_poll(queue, &done), 0);
        assert_ptr_equal(done, &request);
        if (i % 4096 == 0)
            device_forget_events(rig.d);
    }
    assert_int_equal(rig.d->host->queues[0].avail_next, 1000);
    assert_int_equal(rig.d->host->queues[0].idle_notifications, 0);
    device_free(rig.d);
}

/* ---- Resets ---- */

/* DRV-CLEAN-02: what was in flight is the caller's again, and a restart makes chains that work. */
static void reset_with_chains_in_flight_gives_all_back(void **state)
{
    static uint8_t bytes[64];
    const struct virtio_piece piece = {bytes + 32, 16};
    struct virtio_request requests[3] = {{0}}, *done;
    struct plain_rig rig;
    struct virtqueue *queue = make(&rig, 16, 3);

    (void)state;
    device_delay(rig.d, DEVICE_NEVER);
    assert_int_equal(add(queue, 0, &requests[0], bytes, 16, VIRTIO_FROM_DEVICE), 0);
    assert_int_equal(virtqueue_add(queue, &requests[1], &piece, 1, 0), 0);
    virtqueue_kick(queue);
    assert_int_equal(add(queue, 2, &requests[2], bytes + 16, 16, VIRTIO_TO_DEVICE), 0);
    assert_int_equal(rig.d->maps_live, 3);
    assert_int_equal(virtio_reset(&rig.d->dev), 0);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(requests[i].state, VIRTIO_REQUEST_DEAD);
    assert_int_equal(rig.d->maps_live, 0);
    assert_int_equal(virtqueue_in_flight(queue), 0);
    assert_int_equal(add(queue, 1, &requests[0], bytes, 16, VIRTIO_FROM_DEVICE), -VIRTIO_E_STATE);

    device_delay(rig.d, 0);
    assert_int_equal(virtio_restart(&rig.d->dev), 0);
    queue = rig.plain.queue[0];
    assert_int_equal(virtqueue_free(queue), 7);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(add(queue, i, &requests[i], bytes, 16, VIRTIO_FROM_DEVICE), 0);
    virtqueue_kick(queue);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(virtqueue_poll(queue, &done), 0);
        assert_ptr_equal(done, &requests[i]);
    }
    assert_int_equal(virtio_release(&rig.bus, &rig.d->dev), 0);
    device_free(rig.d);
}

struct owned {
    struct virtio_piece pieces[16];
    unsigned count;
};

static void note_owned(void *ctx, const struct virtio_piece *piece)
{
    struct owned *owned = ctx;

    assert_true(owned->count < 16);
    owned->pieces[owned->count++] = *piece;
}

static void check_owned(const struct virtio_piece *piece, const void *pointer, size_t length)
{
    assert_ptr_equal(piece->pointer, pointer);
    assert_int_equal(piece->length, length);
}

/* DRV-CLEAN-02: without a confirmed reset the device keeps what it has, and nothing of a chain that is idle. */
static void stuck_device_owns_the_data_in_flight(void **state)
{
    static uint8_t bytes[64];
    struct virtio_request request = {0}, other = {0}, *done;
    struct plain_rig rig;
    struct owned owned = {0};
    struct virtqueue *queue = make(&rig, 16, 3);

    (void)state;
    assert_int_equal(add(queue, 0, &other, bytes, 32, VIRTIO_FROM_DEVICE), 0);
    virtqueue_kick(queue);
    assert_int_equal(virtqueue_poll(queue, &done), 0);
    device_delay(rig.d, DEVICE_NEVER);
    assert_int_equal(add(queue, 1, &request, bytes + 32, 20, VIRTIO_FROM_DEVICE), 0);
    virtqueue_kick(queue);
    launcher_fault_arm(rig.d->host, LAUNCHER_FAULT_RESET_NEVER, 0, 0, 0);
    assert_int_equal(virtio_reset(&rig.d->dev), -VIRTIO_E_STUCK);
    virtio_owned(&rig.d->dev, note_owned, &owned);
    assert_int_equal(owned.count, 4);
    check_owned(&owned.pieces[0], rig.d->env.dma, rig.d->env.dma_len);
    check_owned(&owned.pieces[1], made.before[1].pointer, BEFORE);
    check_owned(&owned.pieces[2], bytes + 32, 20);
    check_owned(&owned.pieces[3], made.after[1].pointer, AFTER);
    assert_int_equal(request.state, VIRTIO_REQUEST_DEVICE);
    assert_int_equal(rig.d->maps_live, 1);
    assert_int_equal(virtqueue_in_flight(queue), 1);
    assert_int_equal(add(queue, 0, &other, bytes, 16, VIRTIO_FROM_DEVICE), -VIRTIO_E_STATE);
    device_free(rig.d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(device_gets_the_data_between_the_pieces_that_stay),
        cmocka_unit_test(table_is_little_endian_and_linked),
        cmocka_unit_test(data_in_the_devices_memory_is_not_mapped),
        cmocka_unit_test(without_a_map_function_physical_addresses_are_used),
        cmocka_unit_test(nothing_is_notified_before_driver_ok),
        cmocka_unit_test(pieces_that_cannot_stay_are_refused),
        cmocka_unit_test(chains_use_the_queue_up),
        cmocka_unit_test(request_that_no_chain_can_take_is_invalid),
        cmocka_unit_test(request_of_four_gibibytes_is_valid),
        cmocka_unit_test(chain_in_flight_takes_no_second_request),
        cmocka_unit_test(mapping_that_fails_leaves_no_trace),
        cmocka_unit_test(used_length_beyond_the_buffer_is_clamped),
        cmocka_unit_test(used_id_that_is_no_chain_in_flight_breaks_the_queue),
        cmocka_unit_test(both_kinds_come_back_in_any_order),
        cmocka_unit_test(indexes_wrap_after_65536_requests),
        cmocka_unit_test(reset_with_chains_in_flight_gives_all_back),
        cmocka_unit_test(stuck_device_owns_the_data_in_flight),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
