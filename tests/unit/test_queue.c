/* SPDX-License-Identifier: BSD-2-Clause */
/* Virtqueues that work (VIRTIO 1.4, 2.6, 2.7): requests, memory, kicks, completions in any order. */
#include "tests/unit/support/plain_driver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static uint16_t shown_index(const struct device *d)
{
    uint16_t index;

    memcpy(&index, (uint8_t *)d->env.dma + (d->host->queues[0].driver - d->env.dma_bus) + 2, 2);
    return index;
}

/* ---- Requests ---- */

/* DRV-SPLIT-08, IMP-SPLIT-21, IMP-SPLIT-19, DRV-PCI-43, DRV-PCI-45: what is added is what the device gets. */
static void device_gets_the_pieces_in_order(void **state)
{
    static uint8_t a[3], b[5000], c[70], e[1];
    const struct virtio_piece pieces[] = {{a, 3}, {b, 5000}, {c, 70}, {e, 1}};
    struct virtio_request request = {0}, *done;
    const struct launcher_chain *chain;
    struct plain_rig rig;

    (void)state;
    plain_rig_make(&rig, 8);
    device_delay(rig.d, DEVICE_MILLISECOND);
    assert_int_equal(virtqueue_add(rig.plain.queue[0], &request, pieces, 2, 2), 0);
    assert_int_equal(request.state, VIRTIO_REQUEST_DEVICE);
    virtqueue_kick(rig.plain.queue[0]);
    assert_int_equal(rig.d->host->queues[0].notifications, 1);
    assert_int_equal(rig.d->host->queues[0].flight_count, 1);
    chain = rig.d->host->queues[0].flight[0];
    assert_int_equal(chain->count, 4);
    for (unsigned i = 0; i < 4; i++) {
        assert_ptr_equal(device_dma(rig.d, chain->segments[i].address, pieces[i].length, i >= 2),
                         pieces[i].pointer);
        assert_int_equal(chain->segments[i].length, pieces[i].length);
        assert_int_equal(chain->segments[i].writable, i >= 2);
    }
    assert_int_equal(virtqueue_in_flight(rig.plain.queue[0]), 1);
    assert_int_equal(virtqueue_free(rig.plain.queue[0]), 4);
    assert_int_equal(virtqueue_poll(rig.plain.queue[0], &done), 0);
    assert_null(done);

    rig.d->now += DEVICE_MILLISECOND;
    device_work(rig.d);
    assert_int_equal(virtqueue_poll(rig.plain.queue[0], &done), 0);
    assert_ptr_equal(done, &request);
    assert_int_equal(request.state, VIRTIO_REQUEST_DONE);
    assert_int_equal(request.used, 0);
    assert_int_equal(virtqueue_free(rig.plain.queue[0]), 8);
    assert_int_equal(virtqueue_in_flight(rig.plain.queue[0]), 0);
    assert_int_equal(rig.d->maps_live, 0);
    device_free(rig.d);
}

/* IMP-SPLIT-04, DRV-SPLIT-15, DRV-SPLIT-17: byte by byte; and of the flags, only NEXT and WRITE are ever set. */
static void ring_fields_are_little_endian(void **state)
{
    static uint8_t byte[0x1234];
    const struct virtio_piece pieces[] = {{byte, 0x1234}, {byte, 1}};
    struct virtio_request request = {0};
    const uint8_t *desc, *avail;
    struct plain_rig rig;
    uint64_t bus;

    (void)state;
    plain_rig_make(&rig, 4);
    device_delay(rig.d, DEVICE_NEVER);
    bus = rig.d->next_bus;
    assert_int_equal(virtqueue_add(rig.plain.queue[0], &request, pieces, 1, 1), 0);
    virtqueue_kick(rig.plain.queue[0]);
    desc = (uint8_t *)rig.d->env.dma + (rig.d->host->queues[0].desc - rig.d->env.dma_bus);
    avail = (uint8_t *)rig.d->env.dma + (rig.d->host->queues[0].driver - rig.d->env.dma_bus);
    for (unsigned i = 0; i < 8; i++)
        assert_int_equal(desc[i], (uint8_t)(bus >> (8 * i)));
    assert_memory_equal(desc + 8, "\x34\x12\0\0\1\0\1\0", 8); /* length, NEXT, next */
    assert_memory_equal(desc + 24, "\1\0\0\0\2\0\0\0", 8);    /* length, WRITE, no next */
    assert_memory_equal(avail, "\1\0\1\0\0\0", 6);            /* NO_INTERRUPT, index, head */
    device_free(rig.d);
}

/* DRV-SPLIT-10, DRV-SPLIT-16, IMP-SPLIT-22 */
static void request_that_no_queue_can_take_is_invalid(void **state)
{
    static uint8_t bytes[16];
    struct virtio_piece pieces[5] = {{bytes, 1}, {bytes, 1}, {bytes, 1}, {bytes, 1}, {bytes, 1}};
    struct virtio_request request = {0};
    struct plain_rig rig;
    struct virtqueue *queue;

    (void)state;
    plain_rig_make(&rig, 4);
    queue = rig.plain.queue[0];
    assert_int_equal(virtqueue_add(queue, &request, pieces, 0, 0), -VIRTIO_E_INVALID);
    assert_int_equal(virtqueue_add(queue, &request, pieces, 5, 0), -VIRTIO_E_INVALID);
    assert_int_equal(virtqueue_add(queue, &request, pieces, 2, 3), -VIRTIO_E_INVALID);
    assert_int_equal(virtqueue_add(queue, &request, pieces, UINT32_MAX, 1), -VIRTIO_E_INVALID);
    assert_int_equal(virtqueue_add(queue, &request, pieces, 1, UINT32_MAX), -VIRTIO_E_INVALID);
    pieces[1].length = 0;
    assert_int_equal(virtqueue_add(queue, &request, pieces, 1, 1), -VIRTIO_E_INVALID);
    pieces[0].length = pieces[1].length = 0x80000000;
    pieces[2].length = 1;
    assert_int_equal(virtqueue_add(queue, &request, pieces, 1, 2), -VIRTIO_E_INVALID);
    assert_int_equal(request.state, VIRTIO_REQUEST_FREE);
    assert_int_equal(virtqueue_free(queue), 4);
    assert_int_equal(rig.d->maps_live, 0);
    device_free(rig.d);
}

/* DRV-SPLIT-10: 2^32 bytes exactly are allowed, and 4 GiB of writable bytes are counted without wrapping to 0. */
static void request_of_four_gibibytes_is_valid(void **state)
{
    static uint8_t bytes[16];
    const struct virtio_piece pieces[] = {{bytes, 0x80000000}, {bytes, 0x80000000}};
    struct virtio_request request = {0}, *done;
    struct plain_rig rig;

    (void)state;
    plain_rig_make(&rig, 4);
    launcher_fault_arm(rig.d->host, LAUNCHER_FAULT_LENGTH_LONG, 0, 0, UINT32_MAX);
    assert_int_equal(virtqueue_add(rig.plain.queue[0], &request, pieces, 0, 2), 0);
    virtqueue_kick(rig.plain.queue[0]);
    assert_int_equal(virtqueue_poll(rig.plain.queue[0], &done), 0);
    assert_ptr_equal(done, &request);
    assert_int_equal(request.used, UINT32_MAX);
    assert_int_equal(virtqueue_counts(rig.plain.queue[0])->overlong, 0);
    device_free(rig.d);
}

/* IMP-SPLIT-18 */
static void full_queue_takes_nothing_and_changes_nothing(void **state)
{
    static uint8_t bytes[64];
    const struct virtio_piece pieces[] = {{bytes, 16}, {bytes + 16, 16}, {bytes + 32, 16}};
    struct virtio_request requests[2] = {{0}}, *done;
    struct plain_rig rig;
    struct virtqueue *queue;

    (void)state;
    plain_rig_make(&rig, 4);
    queue = rig.plain.queue[0];
    assert_int_equal(virtqueue_add(queue, &requests[0], pieces, 1, 2), 0);
    assert_int_equal(virtqueue_add(queue, &requests[1], pieces, 1, 1), -VIRTIO_E_FULL);
    assert_int_equal(requests[1].state, VIRTIO_REQUEST_FREE);
    assert_int_equal(virtqueue_free(queue), 1);
    virtqueue_kick(queue);
    assert_int_equal(rig.d->host->queues[0].notifications, 1);
    assert_int_equal(virtqueue_poll(queue, &done), 0);
    assert_ptr_equal(done, &requests[0]);
    assert_int_equal(virtqueue_add(queue, &requests[1], pieces, 1, 1), 0);
    virtqueue_kick(queue);
    assert_int_equal(virtqueue_poll(queue, &done), 0);
    assert_ptr_equal(done, &requests[1]);
    device_free(rig.d);
}

static void request_in_flight_cannot_be_added_again(void **state)
{
    static uint8_t bytes[16];
    const struct virtio_piece piece = {bytes, 16};
    struct virtio_request request = {0};
    struct plain_rig rig;

    (void)state;
    plain_rig_make(&rig, 4);
    assert_int_equal(virtqueue_add(rig.plain.queue[0], &request, &piece, 1, 0), 0);
    assert_int_equal(virtqueue_add(rig.plain.queue[0], &request, &piece, 1, 0), -VIRTIO_E_STATE);
    assert_int_equal(virtqueue_in_flight(rig.plain.queue[0]), 1);
    device_free(rig.d);
}

/* ---- Memory ---- */

/* A piece of the device's own memory needs no mapping; one that sticks out of it is refused. */
static void pieces_in_the_devices_memory_are_not_mapped(void **state)
{
    struct virtio_request request = {0}, *done;
    struct plain_rig rig;
    struct virtio_piece piece;

    (void)state;
    plain_rig_make(&rig, 4);
    device_delay(rig.d, DEVICE_MILLISECOND);
    piece = (struct virtio_piece){(uint8_t *)rig.d->env.dma + rig.d->env.dma_len - 8, 8};
    assert_int_equal(virtqueue_add(rig.plain.queue[0], &request, &piece, 1, 0), 0);
    virtqueue_kick(rig.plain.queue[0]);
    assert_true(rig.d->host->queues[0].flight[0]->segments[0].address ==
                rig.d->env.dma_bus + rig.d->env.dma_len - 8);
    assert_int_equal(rig.d->maps, 0);
    assert_int_equal(virtqueue_wait(rig.plain.queue[0], &done, 10 * DEVICE_MILLISECOND), 0);
    piece.length = 9;
    assert_int_equal(virtqueue_add(rig.plain.queue[0], &request, &piece, 1, 0), -VIRTIO_E_MAPPING);
    assert_int_equal(virtqueue_free(rig.plain.queue[0]), 4);
    device_free(rig.d);
}

static void mapping_that_fails_leaves_no_trace(void **state)
{
    static uint8_t bytes[64];
    const struct virtio_piece pieces[] = {{bytes, 1}, {bytes + 8, 2}, {bytes + 16, 3}};
    struct plain_rig rig;
    struct virtqueue *queue;

    (void)state;
    plain_rig_make(&rig, 4);
    queue = rig.plain.queue[0];
    for (unsigned at = 1; at <= 3; at++) {
        struct virtio_request request = {0}, *done;

        rig.d->map_fail_at = rig.d->maps + at;
        assert_int_equal(virtqueue_add(queue, &request, pieces, 1, 2), -VIRTIO_E_MAPPING);
        assert_int_equal(request.state, VIRTIO_REQUEST_FREE);
        assert_int_equal(rig.d->maps_live, 0);
        assert_int_equal(virtqueue_free(queue), 4);
        virtqueue_kick(queue);
        assert_int_equal(rig.d->host->queues[0].notifications, at - 1);

        rig.d->map_fail_at = 0;
        assert_int_equal(virtqueue_add(queue, &request, pieces, 1, 2), 0);
        virtqueue_kick(queue);
        assert_int_equal(virtqueue_poll(queue, &done), 0);
        assert_ptr_equal(done, &request);
        assert_int_equal(rig.d->maps_live, 0);
    }
    device_free(rig.d);
}

/* DRV-RFB-05 */
static void without_a_map_function_physical_addresses_are_used(void **state)
{
    static uint8_t bytes[16];
    const struct virtio_piece piece = {bytes, 16};
    struct virtio_request request = {0}, *done;
    struct plain_rig rig;

    (void)state;
    plain_rig_discover(&rig, 4);
    rig.d->env.map = NULL;
    rig.d->env.unmap = NULL;
    rig.d->env.dma_bus = (uintptr_t)rig.d->env.dma;
    assert_int_equal(plain_rig_claim(&rig), 0);
    device_delay(rig.d, DEVICE_MILLISECOND);
    assert_int_equal(virtqueue_add(rig.plain.queue[0], &request, &piece, 0, 1), 0);
    virtqueue_kick(rig.plain.queue[0]);
    assert_true(rig.d->host->queues[0].flight[0]->segments[0].address == (uintptr_t)bytes);
    assert_int_equal(virtqueue_wait(rig.plain.queue[0], &done, 10 * DEVICE_MILLISECOND), 0);
    device_free(rig.d);
}

/* ---- Kicks ---- */

/* DRV-SPLIT-34, DRV-SPLIT-36, IMP-SPLIT-19: nothing is shown before the kick; one kick shows it all. */
static void one_kick_shows_a_whole_batch(void **state)
{
    static uint8_t bytes[32];
    struct virtio_request requests[32] = {{0}};
    struct plain_rig rig;
    struct virtqueue *queue;
    unsigned accesses;

    (void)state;
    plain_rig_make(&rig, 32);
    queue = rig.plain.queue[0];
    device_delay(rig.d, DEVICE_NEVER);
    accesses =
        device_count_region(rig.d, DEVICE_WRITE, 4) + device_count_region(rig.d, DEVICE_READ, 4);
    for (unsigned i = 0; i < 32; i++) {
        const struct virtio_piece piece = {bytes + i, 1};

        assert_int_equal(virtqueue_add(queue, &requests[i], &piece, 1, 0), 0);
    }
    assert_int_equal(shown_index(rig.d), 0);
    virtqueue_kick(queue);
    assert_int_equal(shown_index(rig.d), 32);
    assert_int_equal(rig.d->host->queues[0].flight_count, 32);
    assert_int_equal(rig.d->host->queues[0].notifications, 1);
    assert_int_equal(virtqueue_in_flight(queue), 32);
    assert_int_equal(virtqueue_counts(queue)->kicks, 1);
    /* One register is touched by all that. */
    assert_int_equal(device_count_region(rig.d, DEVICE_WRITE, 4) +
                         device_count_region(rig.d, DEVICE_READ, 4),
                     accesses + 1);
    device_free(rig.d);
}

static void kick_without_anything_new_does_nothing(void **state)
{
    struct plain_rig rig;

    (void)state;
    plain_rig_make(&rig, 4);
    virtqueue_kick(rig.plain.queue[0]);
    assert_int_equal(rig.d->host->queues[0].notifications, 0);
    assert_int_equal(virtqueue_counts(rig.plain.queue[0])->kicks, 0);
    device_free(rig.d);
}

static struct virtio_request early;
static uint8_t early_byte;

static void add_and_kick(struct plain *plain)
{
    const struct virtio_piece piece = {&early_byte, 1};

    early = (struct virtio_request){0};
    assert_int_equal(virtqueue_add(plain->queue[0], &early, &piece, 0, 1), 0);
    virtqueue_kick(plain->queue[0]);
    assert_int_equal(virtqueue_counts(plain->queue[0])->kicks, 0);
}

/* DRV-INIT-14: queues may be filled before DRIVER_OK; the device hears of it after. */
static void nothing_is_notified_before_driver_ok(void **state)
{
    struct plain_rig rig;
    struct virtio_request *done;

    (void)state;
    plain_rig_discover(&rig, 4);
    rig.plain.before_driver_ok = add_and_kick;
    assert_int_equal(plain_rig_claim(&rig), 0);
    assert_int_equal(shown_index(rig.d), 0);
    assert_int_equal(rig.d->host->queues[0].notifications, 0);
    virtqueue_kick(rig.plain.queue[0]);
    assert_int_equal(rig.d->host->queues[0].notifications, 1);
    assert_int_equal(virtqueue_poll(rig.plain.queue[0], &done), 0);
    assert_ptr_equal(done, &early);
    device_free(rig.d);
}

/* DRV-SPLIT-29, DRV-SPLIT-30 */
static void device_that_wants_no_notifications_gets_none(void **state)
{
    static uint8_t byte;
    const struct virtio_piece piece = {&byte, 1};
    struct virtio_request request = {0}, *done;
    struct plain_rig rig;

    (void)state;
    plain_rig_discover(&rig, 4);
    assert_int_equal(plain_rig_claim(&rig), 0);
    rig.d->host->queues[0].quiet = true;
    device_work(rig.d); /* says so at its first look */
    assert_int_equal(virtqueue_add(rig.plain.queue[0], &request, &piece, 1, 0), 0);
    virtqueue_kick(rig.plain.queue[0]);
    assert_int_equal(rig.d->host->queues[0].notifications, 0);
    assert_int_equal(virtqueue_counts(rig.plain.queue[0])->kicks, 0);
    assert_int_equal(virtqueue_wait(rig.plain.queue[0], &done, 10 * DEVICE_MILLISECOND), 0);
    assert_ptr_equal(done, &request);
    device_free(rig.d);
}

static volatile uint16_t notify_cell;

static volatile void *notify_pointer(void *ctx, unsigned region, uint64_t offset)
{
    const struct device *d = ctx;

    assert_int_equal(region, DEVICE_BAR);
    assert_int_equal(offset, d->function->notify.offset +
                                 d->host->queues[0].notify_off * d->personality.notify_multiplier);
    return &notify_cell;
}

/* DRV-PCI-43, DRV-PCI-45, IMP-PCI-15: through a pointer, where there is one, the same 16 bits are stored. */
static void notification_goes_through_the_pointer(void **state)
{
    static uint8_t byte;
    const struct virtio_piece piece = {&byte, 1};
    struct virtio_request request = {0}, *done;
    struct plain_rig rig;

    (void)state;
    plain_rig_discover(&rig, 4);
    notify_cell = 0xffff;
    rig.d->notify_cell = &notify_cell;
    rig.d->io.pointer = notify_pointer;
    assert_int_equal(plain_rig_claim(&rig), 0);
    assert_int_equal(virtqueue_add(rig.plain.queue[0], &request, &piece, 1, 0), 0);
    virtqueue_kick(rig.plain.queue[0]);
    assert_int_equal(notify_cell, 0);
    assert_int_equal(virtqueue_wait(rig.plain.queue[0], &done, 10 * DEVICE_MILLISECOND), 0);
    assert_int_equal(rig.d->host->queues[0].notifications, 1);
    device_free(rig.d);
}

/* ---- Completions ---- */

/* DRV-SPLIT-24, IMP-SPLIT-10: looking without anything to be found is right at any time, and touches no register. */
static void poll_looks_at_memory_only(void **state)
{
    struct plain_rig rig;
    struct virtio_request *done;
    size_t events;

    (void)state;
    plain_rig_make(&rig, 4);
    events = rig.d->event_count;
    for (unsigned i = 0; i < 1000; i++) {
        assert_int_equal(virtqueue_poll(rig.plain.queue[0], &done), 0);
        assert_null(done);
    }
    assert_int_equal(rig.d->event_count, events);
    device_free(rig.d);
}

struct one {
    struct virtio_request request;
    uint8_t *bytes;
    unsigned pieces;
};

/* Adds requests of 1 to 4 pieces until the queue is full; the device sees each exactly as it was added. */
static unsigned add_some(struct virtqueue *queue, struct one *all, unsigned count, uint32_t *seed)
{
    unsigned added = 0;

    for (unsigned i = 0; i < count; i++) {
        struct virtio_piece pieces[4];
        unsigned n, out;
        int error;

        if (all[i].request.state == VIRTIO_REQUEST_DEVICE)
            continue;
        *seed = *seed * 1664525 + 1013904223;
        n = (*seed >> 16) % 4 + 1;
        out = (*seed >> 20) % (n + 1);
        for (unsigned k = 0; k < n; k++)
            pieces[k] = (struct virtio_piece){all[i].bytes + k * 16, 16};
        error = virtqueue_add(queue, &all[i].request, pieces, out, n - out);
        if (error == -VIRTIO_E_FULL)
            break;
        assert_int_equal(error, 0);
        all[i].pieces = n;
        added++;
    }
    return added;
}

/*
 * IMP-CORE-07, IMP-SPLIT-11, DRV-SPLIT-11, DRV-CLEAN-01: the last come first, the free list is never the same twice, and
 * what is in flight stays as it was.
 */
static void requests_come_back_in_any_order(void **state)
{
    enum { COUNT = 24 };
    struct one all[COUNT] = {{{0}, NULL, 0}};
    uint32_t seed = 1;

    (void)state;
    for (unsigned i = 0; i < COUNT; i++)
        all[i].bytes = malloc(64);
    for (unsigned order = 0; order < 2; order++) {
        struct plain_rig rig;
        struct virtqueue *queue;

        plain_rig_make(&rig, 32);
        queue = rig.plain.queue[0];
        if (order == 0)
            device_newest_first(rig.d);
        for (unsigned round = 0; round < 2000; round++) {
            unsigned in_flight;

            device_delay(rig.d, round % 3 * 2000);
            (void)add_some(queue, all, COUNT, &seed);
            virtqueue_kick(queue);
            in_flight = virtqueue_in_flight(queue);
            for (unsigned k = 0; k < round % 7 && in_flight > 0; k++, in_flight--) {
                struct virtio_request *done;

                assert_int_equal(virtqueue_wait(queue, &done, 10 * DEVICE_MILLISECOND), 0);
                assert_int_equal(done->state, VIRTIO_REQUEST_DONE);
            }
        }
        while (virtqueue_in_flight(queue) > 0) {
            struct virtio_request *done;

            assert_int_equal(virtqueue_wait(queue, &done, 10 * DEVICE_MILLISECOND), 0);
        }
        assert_int_equal(virtqueue_free(queue), 32);
        assert_int_equal(rig.d->maps_live, 0);
        for (unsigned i = 0; i < COUNT; i++)
            all[i].request = (struct virtio_request){0};
        device_free(rig.d);
    }
    for (unsigned i = 0; i < COUNT; i++)
        free(all[i].bytes);
}

/* IMP-SPLIT-08, DRV-SPLIT-35, DRV-SPLIT-19: both indexes run freely over 16 bits. */
static void indexes_wrap_after_65536_requests(void **state)
{
    struct plain_rig rig;
    struct virtqueue *queue;
    struct virtio_piece piece;

    (void)state;
    plain_rig_make(&rig, 4);
    queue = rig.plain.queue[0];
    piece = (struct virtio_piece){(uint8_t *)rig.d->env.dma + rig.d->env.dma_len - 1, 1};
    for (unsigned i = 0; i < 65536 + 1000; i++) {
        struct virtio_request request = {0}, *done;

        assert_int_equal(virtqueue_add(queue, &request, &piece, 1, 0), 0);
        virtqueue_kick(queue);
        assert_int_equal(virtqueue_poll(queue, &done), 0);
        assert_ptr_equal(done, &request);
        if (i % 4096 == 0)
            device_forget_events(rig.d); /* the record need not be that long */
    }
    assert_int_equal(rig.d->host->queues[0].avail_next, 1000);
    assert_int_equal(rig.d->host->queues[0].idle_notifications, 0);
    device_free(rig.d);
}

/* DRV-SPLIT-25, DRV-SPLIT-26: a length beyond the writable bytes is cut to them, and counted. */
static void used_length_beyond_the_buffer_is_clamped(void **state)
{
    static uint8_t bytes[64];
    const struct virtio_piece pieces[] = {{bytes, 10}, {bytes + 16, 7}, {bytes + 32, 3}};
    static const struct {
        uint32_t beyond; /* bytes */
        unsigned out, in;
        uint32_t used;
    } cases[] = {
        {100, 1, 2, 10},
        {UINT32_MAX, 1, 2, 10},
        {100, 1, 0, 0},
        {UINT32_MAX, 2, 0, 0},
    };
    struct plain_rig rig;

    (void)state;
    plain_rig_make(&rig, 4);
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct virtio_request request = {0}, *done;

        launcher_fault_arm(rig.d->host, LAUNCHER_FAULT_LENGTH_LONG, 0, 0, cases[i].beyond);
        assert_int_equal(
            virtqueue_add(rig.plain.queue[0], &request, pieces, cases[i].out, cases[i].in), 0);
        virtqueue_kick(rig.plain.queue[0]);
        assert_int_equal(virtqueue_poll(rig.plain.queue[0], &done), 0);
        assert_ptr_equal(done, &request);
        assert_int_equal(request.used, cases[i].used);
        assert_int_equal(virtqueue_counts(rig.plain.queue[0])->overlong, i + 1);
    }
    device_free(rig.d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(device_gets_the_pieces_in_order),
        cmocka_unit_test(ring_fields_are_little_endian),
        cmocka_unit_test(request_that_no_queue_can_take_is_invalid),
        cmocka_unit_test(request_of_four_gibibytes_is_valid),
        cmocka_unit_test(full_queue_takes_nothing_and_changes_nothing),
        cmocka_unit_test(request_in_flight_cannot_be_added_again),
        cmocka_unit_test(pieces_in_the_devices_memory_are_not_mapped),
        cmocka_unit_test(mapping_that_fails_leaves_no_trace),
        cmocka_unit_test(without_a_map_function_physical_addresses_are_used),
        cmocka_unit_test(one_kick_shows_a_whole_batch),
        cmocka_unit_test(kick_without_anything_new_does_nothing),
        cmocka_unit_test(nothing_is_notified_before_driver_ok),
        cmocka_unit_test(device_that_wants_no_notifications_gets_none),
        cmocka_unit_test(notification_goes_through_the_pointer),
        cmocka_unit_test(poll_looks_at_memory_only),
        cmocka_unit_test(requests_come_back_in_any_order),
        cmocka_unit_test(indexes_wrap_after_65536_requests),
        cmocka_unit_test(used_length_beyond_the_buffer_is_clamped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
