/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Proofs about the split virtqueue (VIRTIO 1.4, 2.7) for the bounded model checker: from any state that the invariant
 * allows, and whatever the device has written, no operation touches memory outside the queue's own, and each keeps the
 * invariant. README.md says what that comes to; `run` runs them, and sees them fail with each check taken out.
 */
#define VIRTIO_ACCESS_HOOK "tests/proof/any_device.h"

static unsigned same(unsigned index); /* queue_state.h */

#include "virtio/queue.c"
#include "virtio/split.c" /* each &queue->shadow[i] written as &queue->shadow[same(i)], by run */

#include "tests/proof/queue_state.h"

/* ---- Taking back ---- */

/* The subject is the first number that the device says. */
static uint32_t said;
static bool has_spoken;

uint32_t any_load32(void)
{
    uint32_t value = has_spoken ? any_number() : said;

    has_spoken = true;
    return value;
}

/* What the witness's descriptor has to say of `piece`. */
static void check_written(const struct virtio_piece *piece, bool writable, bool last)
{
    const uintptr_t start = (uintptr_t)env.dma, at = (uintptr_t)piece->pointer;

    __CPROVER_assert(written.len.le == piece->length && piece->length != 0, "its length");
    __CPROVER_assert(written.flags.le ==
                         ((writable ? VIRTQ_DESC_F_WRITE : 0) | (last ? 0 : VIRTQ_DESC_F_NEXT)),
                     "its direction, and whether it is the last");
    __CPROVER_assert(last || written.next.le == shadow[witness].next, "the next one");
    if (at - start >= env.dma_len && env.map != NULL)
        __CPROVER_assert(shadow[witness].token != NULL && written.addr.le == watched_bus,
                         "the address that it was mapped at");
    else if (at - start < env.dma_len)
        __CPROVER_assert(written.addr.le == env.dma_bus + (at - start) &&
                             piece->length <= env.dma_len - (at - start),
                         "its address by which the device sees it, and no byte "
                         "beyond that memory");
    else
        __CPROVER_assert(written.addr.le == at, "its physical address");
    __CPROVER_assert(shadow[witness].piece.pointer == piece->pointer &&
                         shadow[witness].piece.length == piece->length,
                     "and we remember it");
}

#if defined(PROOF_POLL_OUTSIDE)
void proof(void)
{
    struct virtio_request *taken = nondet_pointer();
    int error;

    any_state(any_number());
    said = any_number();
    __CPROVER_assume(said >= queue.size);
    error = virtqueue_poll(&queue, &taken);
    __CPROVER_assert(taken == NULL, "no request has such a number");
    __CPROVER_assert((error == 0 && !queue.broken) || (error == -VIRTIO_E_PROTOCOL && queue.broken),
                     "nothing yet, or the device broke the protocol");
    check_unchanged();
}
#elif defined(PROOF_POLL)
void proof(void)
{
    struct virtio_request *taken = nondet_pointer();
    uint64_t writable;
    bool shown, stays;
    int error;

    said = any_number();
    any_state(said);
    shown = shadow[subject].request != NULL && shadow[subject].position < queue.published;
    writable = shadow[subject].writable;
    stays = shadow[subject].data_max != 0;
    if (list[subject] == subject) {
        if (MAPPED) {
            /* Mappings are undone one by one. */
            __CPROVER_assume(shadow[subject].pieces <= CHAIN_MAX);
            assume_list(subject, CHAIN_MAX);
        } else {
            assume_entry(shadow[subject].last);
        }
    }
    error = virtqueue_poll(&queue, &taken);
    if (taken == NULL) {
        __CPROVER_assert((error == 0 && !queue.broken) ||
                             (error == -VIRTIO_E_PROTOCOL && queue.broken),
                         "nothing yet, or the device broke the protocol");
        check_unchanged();
        return;
    }
    change = stays ? NOTHING : TO_FREE_LIST;
    change_head = subject;
    change_by = before.free_count;
    check_state();
    __CPROVER_assert(error == 0 && !before.broken, "a broken queue gives nothing");
    __CPROVER_assert(queue.used_idx == before.used_idx + 1 && queue.avail_idx == before.avail_idx &&
                         queue.capacity == before.capacity,
                     "one was taken");
    __CPROVER_assert(queue.free_count == before.free_count + (stays ? 0 : shadow[subject].pieces),
                     "its descriptors are free, unless they stay");
    __CPROVER_assert(taken == &requests[0] && shown, "it was in flight, and the device knew it");
    __CPROVER_assert(taken->used <= writable, "no more was written than could be");
    __CPROVER_assert(taken->state == VIRTIO_REQUEST_DONE, "it is done");
    __CPROVER_assert(shadow[subject].request == NULL, "it cannot be taken again");
}
#elif defined(PROOF_ADD) || defined(PROOF_ADD_REFUSED)
void proof(void)
{
    struct virtio_piece pieces[OUT + IN];
    unsigned out = OUT, in = IN, k;
    uint64_t bytes = 0;
    int error;

    any_state(any_number());
    __CPROVER_assume(queue.free_count == 0 || subject == queue.free_head);
    assume_list(queue.free_head, OUT + IN + 1);
    for (unsigned i = 0; i < OUT + IN; i++) {
        pieces[i] = any_piece();
        bytes += pieces[i].length;
    }
    requests[0].state = any_number() % (VIRTIO_REQUEST_DEAD + 1);
#ifdef PROOF_ADD_REFUSED
    out = any_number();
    in = any_number();
    __CPROVER_assume(queue.broken || requests[0].state == VIRTIO_REQUEST_DEVICE ||
                     (uint64_t)out + in == 0 || (uint64_t)out + in > queue.free_count);
#endif
    k = requests[0].state;
    error = virtqueue_add(&queue, &requests[0], pieces, out, in);
    if (error != 0) {
        __CPROVER_assert(error < 0 && requests[0].state == k, "the request is what it was");
        check_unchanged();
        return;
    }
#ifdef PROOF_ADD_REFUSED
    __CPROVER_assert(false, "it is refused");
#else
    change = FROM_FREE_LIST;
    change_head = subject;
    change_by = queue.free_count;
    check_state();
    __CPROVER_assert(!before.broken && k != VIRTIO_REQUEST_DEVICE && subject == before.free_head,
                     "queue and request were ready for it");
    __CPROVER_assert(queue.free_count == before.free_count - (OUT + IN) &&
                         queue.capacity == before.capacity,
                     "it takes as many descriptors as it has pieces");
    __CPROVER_assert(queue.avail_idx == before.avail_idx + 1 && queue.used_idx == before.used_idx &&
                         queue.published == before.published,
                     "one more, which the device has not been shown yet");
    __CPROVER_assert(shadow[subject].request == &requests[0] &&
                         shadow[subject].position == before.avail_idx &&
                         shadow[subject].pieces == OUT + IN,
                     "it is in flight");
    __CPROVER_assert(requests[0].state == VIRTIO_REQUEST_DEVICE, "it is the device's");
    __CPROVER_assert(bytes <= 1ull << 32, "no more bytes than a chain may have");
    if (list_of(witness) == subject) {
        k = OUT + IN - rank_of(witness);
        check_written(&pieces[k], k >= OUT, k == OUT + IN - 1);
    }
#endif
}
#elif defined(PROOF_ADD_CHAIN)
void proof(void)
{
    const enum virtio_dir dir = nondet_bool() ? VIRTIO_TO_DEVICE : VIRTIO_FROM_DEVICE;
    const uint16_t chain = (uint16_t)any_number();
    struct virtio_request *request;
    enum virtio_request_state state;
    struct virtio_piece data;
    uint64_t writable = 0;
    bool idle;
    int error;

    any_state(OUTSIDE ? any_number() : chain);
    __CPROVER_assume(!OUTSIDE || chain >= queue.size);
    if (list[subject] == subject) {
        assume_list(subject, CHAIN_PIECES);
        writable = shadow[shadow[subject].last].piece.length;
    }
    idle = shadow[subject].request == NULL && shadow[subject].data_max != 0;
    data = any_piece();
    writable += dir == VIRTIO_FROM_DEVICE ? data.length : 0;
    /* The one that is in flight already, or another. */
    request = shadow[subject].request != NULL && nondet_bool() ? &requests[0] : &requests[2];
    state = request->state;
    error = virtqueue_add_chain(&queue, chain, request, &data, dir);
    if (error != 0) {
        __CPROVER_assert(error < 0 && request->state == state, "the request is what it was");
        check_unchanged();
        return;
    }
    check_state();
    __CPROVER_assert(!OUTSIDE && !before.broken && idle && state != VIRTIO_REQUEST_DEVICE,
                     "queue, chain and request were ready for it");
    __CPROVER_assert(data.length != 0 && data.length <= shadow[subject].data_max,
                     "it can carry so many bytes");
    __CPROVER_assert(queue.free_count == before.free_count && queue.free_head == before.free_head &&
                         queue.capacity == before.capacity,
                     "the free list has nothing to do with it");
    __CPROVER_assert(queue.avail_idx == before.avail_idx + 1 && queue.used_idx == before.used_idx &&
                         queue.published == before.published,
                     "one more, which the device has not been shown yet");
    __CPROVER_assert(shadow[subject].request == request &&
                         shadow[subject].position == before.avail_idx &&
                         request->state == VIRTIO_REQUEST_DEVICE,
                     "it is in flight");
    __CPROVER_assert(shadow[subject].writable == writable, "the device may write so much");
    if (witness == shadow[subject].next)
        check_written(&data, dir == VIRTIO_FROM_DEVICE, false);
}
#elif defined(PROOF_CHAIN_CREATE)
void proof(void)
{
    struct virtio_piece pieces[2];
    uint16_t chain = (uint16_t)any_number();
    int error;

    any_state(any_number());
    __CPROVER_assume(queue.free_count == 0 || subject == queue.free_head);
    assume_list(queue.free_head, CHAIN_PIECES + 1);
    for (unsigned i = 0; i < 2; i++) {
        pieces[i] = any_piece();
    }
    error = virtqueue_chain_create(&queue, &pieces[0], &pieces[1], &chain);
    if (error != 0) {
        __CPROVER_assert(error < 0, "it says why");
        check_unchanged();
        return;
    }
    change = FROM_FREE_LIST;
    change_head = subject;
    change_by = queue.free_count;
    check_state();
    __CPROVER_assert(!before.broken && chain == before.free_head, "it begins the free list");
    __CPROVER_assert(queue.free_count == before.free_count - CHAIN_PIECES &&
                         queue.capacity == before.capacity - CHAIN_PIECES,
                     "its descriptors are gone for good");
    __CPROVER_assert(queue.avail_idx == before.avail_idx && queue.used_idx == before.used_idx,
                     "nothing is in flight that was not");
    for (unsigned i = 0; i < 2; i++)
        __CPROVER_assert(__CPROVER_same_object(pieces[i].pointer, fixed) && pieces[i].length != 0 &&
                             pieces[i].length <=
                                 env.dma_len - __CPROVER_POINTER_OFFSET(pieces[i].pointer),
                         "what stays is in the env's memory");
}
#elif defined(PROOF_CREATE)

static uint8_t arena[4 * VIRTQ_LEGACY_ALIGN];
static size_t arena_used;

void *virtio_dma_alloc(struct virtio_device *owner, size_t size, size_t align)
{
    const size_t start = (arena_used + align - 1) / align * align;

    (void)owner;
    if (nondet_bool())
        return NULL;
    __CPROVER_assert(start + size <= sizeof(arena), "the rings are no larger than they have to be");
    arena_used = start + size;
    return arena + start;
}

void *virtio_priv_alloc(struct virtio_device *owner, size_t size, size_t align)
{
    (void)owner, (void)align;
    return nondet_bool() ? __CPROVER_allocate(size, true) : NULL;
}

/* The base of the induction: a new queue. */
void proof(void)
{
    struct virtio_queue_place place = {0};
    struct virtqueue made = {0};

    any_queue();
    env.dma = arena;
    env.dma_len = sizeof(arena);
    dev.legacy = nondet_bool();
    made.dev = &dev;
    made.size = queue.size;
    if (split_create(&made, &place) != 0)
        return;
    before = queue = made;
    shadow = made.shadow;
    for (uint32_t i = 0; i < SIZE; i++) {
        list[i] = FREE_LIST;
        rank[i] = SIZE - i;
    }
    __CPROVER_assert(queue_holds(), "the invariant of the queue holds");
    for (uint32_t i = 0; i < SIZE; i++)
        __CPROVER_assert(entry_holds(i), "the invariant of each entry holds");
    __CPROVER_assert((uint8_t *)&made.desc[SIZE] <= (uint8_t *)made.avail &&
                         (uint8_t *)&made.avail_ring[SIZE + 1] <= (uint8_t *)made.used &&
                         (uint8_t *)&made.used_ring[SIZE] + 2 <= arena + arena_used,
                     "the parts of the ring are whole and apart");
}
#elif defined(PROOF_BURY)

static unsigned seen;

static void see(void *ctx, const struct virtio_piece *piece)
{
    (void)ctx;
    __CPROVER_assert(__CPROVER_r_ok(piece, sizeof(*piece)), "a piece that is there");
    seen++;
}

/* Here the invariant is assumed of every entry, which costs too much in a larger queue. */
void proof(void)
{
    struct virtio_request all[SIZE];
    bool in_flight[SIZE];
    unsigned pieces = 0;

    any_queue();
    for (uint32_t i = 0; i < SIZE; i++) {
        in_flight[i] = nondet_bool();
        all[i].state = in_flight[i] ? VIRTIO_REQUEST_DEVICE : VIRTIO_REQUEST_FREE;
        shadow[i].request = in_flight[i] ? &all[i] : NULL;
    }
    __CPROVER_assume(queue_holds());
    for (uint32_t i = 0; i < SIZE; i++) {
        __CPROVER_assume(entry_holds(i));
        for (uint32_t j = 0; j < i; j++)
            __CPROVER_assume(two_hold(i, j));
        pieces += in_flight[i] ? shadow[i].pieces : 0;
    }
    virtqueue_visit(&queue, see, NULL);
    __CPROVER_assert(seen == pieces, "every piece of every request in flight is shown");
    virtqueue_bury(&queue);
    for (uint32_t i = 0; i < SIZE; i++) {
        __CPROVER_assert(shadow[i].request == NULL, "nothing is in flight");
        __CPROVER_assert(shadow[i].token == NULL, "nothing is mapped");
        __CPROVER_assert(all[i].state == (in_flight[i] ? VIRTIO_REQUEST_DEAD : VIRTIO_REQUEST_FREE),
                         "what was in flight is dead");
    }
    __CPROVER_assert(queue.broken, "and so is the queue");
}
#endif
