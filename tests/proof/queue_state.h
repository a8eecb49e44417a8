/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The invariant of a split virtqueue, and any state that it allows, for the proofs in queue.c. What depends on counting all
 * entries is in assume_counts(); README.md says why it holds.
 */
#ifndef TESTS_PROOF_QUEUE_STATE_H
#define TESTS_PROOF_QUEUE_STATE_H

#define FREE_LIST UINT32_MAX
enum { CHAIN_MAX = 3 };

void *malloc(size_t size);

bool nondet_bool(void);
uint64_t nondet_u64(void);
void *nondet_pointer(void);

/*
 * Any number. A product with a sizeof is what the checker carries along as a term where it would
 * make up a variable for anything else; it sees so through a pointer to an entry whose number is
 * such a term, to the array and the index, and a proof takes seconds that would take hours in
 * bytes. Nothing is lost: 3 has an inverse modulo 2^32.
 */
static uint32_t any_number(void)
{
    return (uint32_t)(nondet_u64() * sizeof(char[3]));
}

static unsigned same(unsigned index)
{
    uint32_t number = any_number();

    __CPROVER_assume(number == index);
    return number;
}

/* ---- What the functions under proof call ---- */

void virtio_log(const struct virtio_device *dev, enum virtio_level level, const char *format, ...)
{
    (void)dev, (void)level, (void)format;
}

void virtio_format_list(char *text, size_t size, const char *format, va_list arguments)
{
    (void)format, (void)arguments;
    __CPROVER_assert(__CPROVER_w_ok(text, size), "the text has room");
}

static int mapping; /* its address is every token */
static unsigned mappings;
static void **watched_token; /* a mapping that the proof looks at, and what it gave */
static uint64_t watched_bus;

static int map(void *ctx, void *p, size_t len, enum virtio_dir dir, uint64_t *bus, void **token)
{
    (void)ctx, (void)p, (void)len, (void)dir;
    *token = nondet_pointer(); /* what a map that fails leaves there means nothing */
    if (nondet_bool())
        return -1;
    mappings++;
    *bus = nondet_u64();
    *token = &mapping;
    if (token == watched_token)
        watched_bus = *bus;
    return 0;
}

static void unmap(void *ctx, void *token)
{
    (void)ctx;
    __CPROVER_assert(token == &mapping, "what is unmapped was mapped");
    mappings--;
}

/* ---- The queue ---- */

struct virtq_desc *watched;
struct virtq_desc written;

static uint8_t *fixed; /* all of env.dma: headers and status bytes; the rings are elsewhere */
static struct virtq_shadow *shadow;
static struct virtio_request requests[3]; /* the subject's, the witness's, and another */
static struct virtio_env env;
static struct virtio_device dev;
static struct virtqueue queue;

/*
 * Ghosts: the list that an entry is on (FREE_LIST, or the head of its chain), and its rank there:
 * the last one is 1.
 */
static uint32_t *list, *rank;

/* How the operation is to have changed them. */
static enum { NOTHING, TO_FREE_LIST, FROM_FREE_LIST } change;
static uint32_t change_head, change_by;

static uint32_t list_of(uint32_t i)
{
    if (change == TO_FREE_LIST && list[i] == change_head)
        return FREE_LIST;
    if (change == FROM_FREE_LIST && list[i] == FREE_LIST && rank[i] > change_by)
        return change_head;
    return list[i];
}

static uint32_t rank_of(uint32_t i)
{
    if (change == TO_FREE_LIST && list[i] == change_head)
        return rank[i] + change_by;
    if (change == FROM_FREE_LIST && list[i] == FREE_LIST && rank[i] > change_by)
        return rank[i] - change_by;
    return rank[i];
}

/* ---- The invariant: of the queue, of each entry, of each two entries ---- */

static bool queue_holds(void)
{
    return queue.free_count <= queue.capacity && queue.capacity <= queue.size &&
           (queue.free_count == 0 ||
            (queue.free_head < queue.size && list_of(queue.free_head) == FREE_LIST &&
             rank_of(queue.free_head) == queue.free_count)) &&
           queue.used_idx <= queue.published && queue.published <= queue.avail_idx &&
           queue.avail_idx - queue.used_idx <= queue.size;
}

static bool head_holds(uint32_t i)
{
    const uint64_t most = 1ull << 32;

    if (shadow[i].request == NULL && shadow[i].data_max == 0)
        return false;
    if (shadow[i].last >= queue.size || list_of(shadow[i].last) != i ||
        rank_of(shadow[i].last) != 1)
        return false;
    if (shadow[i].request != NULL &&
        (shadow[i].position >= queue.avail_idx || shadow[i].writable > most))
        return false;
    return shadow[i].data_max == 0 ||
           (shadow[i].pieces == CHAIN_PIECES &&
            shadow[i].data_max + (uint64_t)shadow[shadow[i].last].piece.length <= most);
}

static bool entry_holds(uint32_t i)
{
    const uint32_t on = list_of(i), at = rank_of(i);

    if ((on >= queue.size && on != FREE_LIST) || at == 0)
        return false;
    if (at > 1 && (shadow[i].next >= queue.size || list_of(shadow[i].next) != on ||
                   rank_of(shadow[i].next) != at - 1))
        return false;
    if (shadow[i].token != NULL && (shadow[i].token != &mapping || env.map == NULL ||
                                    on == FREE_LIST || shadow[on].request == NULL))
        return false;
    if (on != i && (shadow[i].request != NULL || shadow[i].data_max != 0))
        return false;
    if (on == FREE_LIST)
        return at <= queue.free_count && (at == queue.free_count) == (i == queue.free_head);
    return list_of(on) == on && shadow[on].pieces <= queue.size && at <= shadow[on].pieces &&
           (at == shadow[on].pieces) == (i == on) && (at == 1) == (i == shadow[on].last) &&
           (i != on || head_holds(i));
}

static bool two_hold(uint32_t i, uint32_t j)
{
    return i == j || list_of(i) != list_of(j) || rank_of(i) != rank_of(j);
}

/*
 * The entry that the operation is about, and two witnesses: any of all entries, so what holds of
 * them afterwards holds of every entry, and of every two. Before it, the invariant is assumed of
 * few more entries than these: those that it speaks of when it speaks of them. The rest of the
 * shadow is as wild as memory can be.
 */
static uint32_t subject, witness, witness2;
static struct virtqueue before;
static struct virtio_request *witness_request;

static void assume_entry(uint32_t i)
{
    if (i < queue.size)
        __CPROVER_assume(entry_holds(i) && two_hold(i, witness));
}

/* The first `count` entries of the list that begins with `i`. */
static void assume_list(uint32_t i, unsigned count)
{
    while (count-- > 0 && i < queue.size) {
        assume_entry(i);
        i = rank[i] > 1 ? shadow[i].next : queue.size;
    }
}

/* No more of entry_holds() than two_hold() needs: each access to an array costs. */
static void assume_rank(uint32_t i)
{
    __CPROVER_assume(list[i] == FREE_LIST || (list[i] < queue.size && list[list[i]] == list[i]));
    __CPROVER_assume(rank[i] >= 1 &&
                     rank[i] <= (list[i] == FREE_LIST ? queue.free_count : queue.size));
}

/*
 * What counting adds, of the subject (README.md): a chain in flight is not on the free list, nor in
 * one that stays.
 */
static void assume_counts(void)
{
    if (list[subject] == subject && shadow[subject].data_max == 0)
        __CPROVER_assume(shadow[subject].pieces <= queue.capacity - queue.free_count);
    if (shadow[subject].request == NULL)
        __CPROVER_assume(queue.avail_idx - queue.used_idx < queue.size);
}

static void any_queue(void)
{
    env.dma_len = nondet_u64();
    env.dma_bus = nondet_u64();
    __CPROVER_assume(env.dma_len - 1 < 1ull << 40 && env.dma_bus <= UINT64_MAX - env.dma_len);
    env.dma = fixed = malloc(env.dma_len);
    env.map = MAPPED ? map : NULL;
    env.unmap = unmap;
    dev.env = &env;
    dev.state = VIRTIO_LIVE;
    queue.dev = &dev;
#ifdef SIZE
    queue.size = SIZE;
#else
    queue.size = 1u << (any_number() % 16); /* any that there is */
#endif
    /* Each part of the rings is an object of its own. */
    queue.desc = malloc(split_desc_bytes(queue.size));
    queue.avail = malloc(split_avail_bytes(queue.size));
    queue.avail_ring = (le16 *)(queue.avail + 1);
    queue.used = malloc(split_used_bytes(queue.size));
    queue.used_ring = (struct virtq_used_elem *)(queue.used + 1);
    queue.shadow = shadow = malloc(queue.size * sizeof(struct virtq_shadow));
    list = malloc(queue.size * sizeof(uint32_t));
    rank = malloc(queue.size * sizeof(uint32_t));
    queue.broken = nondet_bool();
    queue.capacity = any_number();
    queue.free_count = any_number();
    queue.free_head = any_number();
    queue.avail_idx = nondet_u64();
    queue.published = nondet_u64();
    queue.used_idx = nondet_u64();
    __CPROVER_assume(queue.avail_idx < UINT64_MAX); /* a request a nanosecond, for 584 years */
}

/* Everything that is always true of a queue between two calls. `about`: the subject. */
static void any_state(uint32_t about)
{
    any_queue();
    subject = about;
    witness = any_number();
    witness2 = any_number();
    __CPROVER_assume(subject < queue.size && witness < queue.size && witness2 < queue.size);
    watched = &queue.desc[witness];
    watched_token = &shadow[witness].token;
    shadow[subject].request = nondet_bool() ? &requests[0] : NULL;
    requests[0].state = shadow[subject].request != NULL ? VIRTIO_REQUEST_DEVICE : nondet_bool();
    requests[1].state = VIRTIO_REQUEST_DEVICE;
    requests[2].state = any_number() % (VIRTIO_REQUEST_DEAD + 1);
    __CPROVER_assume(witness == subject || shadow[witness].request == NULL ||
                     shadow[witness].request == &requests[1]);
    __CPROVER_assume(queue_holds() && entry_holds(witness) && two_hold(witness, witness2));
    assume_rank(witness2);
    if (list[witness] != FREE_LIST)
        assume_entry(list[witness]);
    assume_entry(subject);
    assume_entry(queue.free_head);
    assume_counts();
    before = queue;
    witness_request = shadow[witness].request;
}

/* Memory of the env or any other, which need not be there: only the device would touch it. */
static struct virtio_piece any_piece(void)
{
    const uint64_t offset = nondet_u64();

    __CPROVER_assume(offset < env.dma_len);
    return (struct virtio_piece){nondet_bool() ? fixed + offset : nondet_pointer(), any_number()};
}

static void check_state(void)
{
    __CPROVER_assert(queue_holds(), "the invariant of the queue holds");
    __CPROVER_assert(entry_holds(witness), "the invariant of each entry holds");
    __CPROVER_assert(two_hold(witness, witness2), "the invariant of each two entries holds");
    __CPROVER_assert(witness == subject || shadow[witness].request == witness_request,
                     "of the other entries, as many have a request as before");
    __CPROVER_assert(requests[1].state == VIRTIO_REQUEST_DEVICE,
                     "a request of another entry stays the device's");
    __CPROVER_assert(queue.shadow == shadow && queue.size == before.size,
                     "the queue is where it was");
}

static void check_unchanged(void)
{
    __CPROVER_assert(queue.avail_idx == before.avail_idx && queue.used_idx == before.used_idx &&
                         queue.free_count == before.free_count &&
                         queue.free_head == before.free_head && queue.capacity == before.capacity,
                     "nothing has changed");
    __CPROVER_assert(mappings == 0, "what was mapped is unmapped");
    check_state();
}

#endif
