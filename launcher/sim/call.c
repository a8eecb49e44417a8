/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A call of the driver under watch: that it returns in time, that nothing in it waits without a
 * limit, that its outcome can be explained by what was done to it, and that it broke no rule on the
 * way.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "launcher/sim/sim.h"
#include "virtio/deadlines.h"

enum {
    ACCESSES_MOST = 4000000, /* without a look at the clock: far beyond the longest operation's */
};

/* By what faults of the device an error can come about. */
static const struct {
    enum virtio_error error;
    uint64_t faults;
} explanations[] = {
    {VIRTIO_E_INVALID, SIM_FAULT(QUEUE_SIZE)},
    {VIRTIO_E_NO_MEMORY, SIM_FAULT(QUEUE_SIZE)},
    {VIRTIO_E_FULL, SIM_FAULT(QUEUE_SIZE)},
    {VIRTIO_E_UNREACHABLE, SIM_FAULT(CAPABILITIES)},
    {VIRTIO_E_UNSUPPORTED, SIM_FAULT(IO_ERROR) | SIM_FAULT(CAPABILITIES) | SIM_LIES},
    {VIRTIO_E_FEATURES, SIM_FAULT(FEATURES_REFUSED) | SIM_FAULT(STATUS_LOST)},
    {VIRTIO_E_CONFIG, SIM_FAULT(CONFIG_CHANGES) | SIM_FAULT(CAPABILITIES)},
    {VIRTIO_E_QUEUE, SIM_FAULT(QUEUE_SIZE) | SIM_FAULT(CAPABILITIES)},
    {VIRTIO_E_PROTOCOL, SIM_FAULT(ID_OUT_OF_RANGE) | SIM_FAULT(ID_HIGH_BITS) | SIM_LIES},
    {VIRTIO_E_NEEDS_RESET, SIM_FAULT(NEEDS_RESET) | SIM_LIES},
    {VIRTIO_E_TIMEOUT, SIM_FAULT(LATE) | SIM_FAULT(NEVER) | SIM_FAULT(STATUS_LOST) |
                           SIM_FAULT(NEEDS_RESET) | SIM_LIES},
    {VIRTIO_E_STUCK, SIM_FAULT(RESET_SLOW) | SIM_FAULT(RESET_NEVER)},
    {VIRTIO_E_IO, SIM_FAULT(IO_ERROR) | SIM_FAULT(STATUS_UNWRITTEN) | SIM_FAULT(LENGTH_ZERO) |
                      SIM_FAULT(LENGTH_SHORT) | SIM_LIES},
};

static bool fired_since(const struct sim_device *dev, uint64_t faults, const uint64_t *before)
{
    for (unsigned i = 0; i < LAUNCHER_FAULT_COUNT; i++)
        if ((faults & SIM_BIT(i)) != 0 && dev->host->faults.state[i].fired > before[i])
            return true;
    return false;
}

bool sim_fired(const struct sim_device *dev, uint64_t faults)
{
    return fired_since(dev, faults, dev->fired_before);
}

bool sim_fired_in_call(const struct sim_device *dev, uint64_t faults)
{
    return fired_since(dev, faults, dev->fired_at_call);
}

bool sim_lied(const struct sim_device *dev)
{
    return fired_since(dev, SIM_LIES, dev->fired_in_life);
}

/*
 * The end of a life in which it lied: from now on it is held to what it does, but what it holds may
 * be anything.
 */
void sim_follow(struct sim_device *dev)
{
    dev->told_failed = dev->told_failed || (dev->host->status & VIRTIO_STATUS_FAILED) != 0;
    if (dev->host->resets == dev->host_resets && dev->host->lives == dev->host_lives)
        return;
    if (dev->host->resets != dev->host_resets)
        dev->reset_order = ++dev->world->resets;
    dev->host_resets = dev->host->resets;
    if (dev->host->lives == dev->host_lives) {
        dev->destroyed = dev->destroyed || sim_lied(dev);
        return;
    }
    dev->host_lives = dev->host->lives;
    for (unsigned i = 0; i < LAUNCHER_FAULT_COUNT; i++)
        dev->fired_in_life[i] = dev->host->faults.state[i].fired;
}

/* ---- While it runs ---- */

/* The deadline of the device's requests. */
static uint64_t wait_of(const struct sim_device *dev)
{
    const struct virtio_deadlines *deadlines = &dev->world->deadlines;

    return dev->plan.kind == &sim_console ? deadlines->console_ns : deadlines->blk_ns;
}

static uint64_t longest_wait(const struct sim_device *dev)
{
    const struct virtio_deadlines *deadlines = &dev->world->deadlines;
    uint64_t longest = deadlines->reset_ns;

    if (dev->plan.kind != NULL && deadlines->blk_ns > longest)
        longest = deadlines->blk_ns;
    if (dev->plan.kind != NULL && deadlines->console_ns > longest)
        longest = deadlines->console_ns;
    return longest;
}

/* Over a deadline: the last step of a wait, and the registers around it. */
static uint64_t slack(const struct sim_world *world)
{
    return 2 * world->relax_max + SIM_MILLISECOND;
}

static uint64_t used_by_all(const struct sim_world *world)
{
    uint64_t used = 0;

    for (unsigned i = 0; i < world->device_count; i++) {
        const struct launcher_device *host = world->devices[i].host;

        used += host->resets;
        for (unsigned j = 0; j < host->queue_count; j++)
            used += host->queues[j].used;
    }
    return used;
}

void sim_begin(struct sim_device *dev, uint64_t waits, unsigned resets, const char *format, ...)
{
    struct sim_world *world = dev->world;
    struct sim_call *call = &world->call;
    uint64_t wait = wait_of(dev);
    va_list arguments;

    if (call->device != NULL)
        sim_fail(world, "the simulator calls the driver from within a call");
    va_start(arguments, format);
    (void)vsnprintf(call->text, sizeof(call->text), format, arguments);
    va_end(arguments);
    call->device = dev;
    call->start = call->progress = world->now;
    call->budget = waits * (wait + slack(world)) +
                   resets * (dev->world->deadlines.reset_ns + slack(world)) + SIM_MILLISECOND;
    call->patience = longest_wait(dev) + slack(world);
    call->accesses = 0;
    call->polled = call->drains = false;
    dev->told_failed = false;
    call->used = used_by_all(world);
    dev->strayed = false;
    dev->resets_at_call = dev->host->resets;
    dev->needs_reset_since = (dev->host->status & VIRTIO_STATUS_NEEDS_RESET) != 0 ? world->now : 0;
    dev->bad_id = false;
    dev->maps_failed_at_call = dev->maps_failed;
    for (unsigned i = 0; i < LAUNCHER_FAULT_COUNT; i++)
        dev->fired_at_call[i] = dev->host->faults.state[i].fired;
}

void sim_watch(struct sim_world *world)
{
    if (++world->call.accesses > ACCESSES_MOST && world->call.device != NULL)
        sim_fail(world, "%u accesses without a look at the clock", (unsigned)ACCESSES_MOST);
}

void sim_watch_time(struct sim_world *world)
{
    struct sim_call *call = &world->call;
    uint64_t used;

    call->accesses = 0;
    if (call->device == NULL)
        return;
    used = used_by_all(world);
    if (used != call->used) {
        call->used = used;
        call->progress = world->now;
    }
    if (world->now - call->progress > call->patience)
        sim_fail(world, "has waited for %llu us, and no deadline is longer than %llu us",
                 (unsigned long long)(world->now - call->progress) / 1000,
                 (unsigned long long)longest_wait(call->device) / 1000);
    if (world->now - call->start > call->budget)
        sim_fail(world, "has not returned after %llu us, and its deadlines allow %llu us",
                 (unsigned long long)(world->now - call->start) / 1000,
                 (unsigned long long)call->budget / 1000);
}

/* ---- When it has returned ---- */

bool sim_explained(const struct sim_device *dev, int error)
{
    if (error == -VIRTIO_E_MAPPING)
        return dev->maps_failed > dev->maps_failed_before;
    if ((dev->own_errors >> -error & 1) != 0)
        return true;
    if (error == -VIRTIO_E_STUCK && dev->host->personality->reset_fails)
        return true;
    if (error == -VIRTIO_E_NO_MEMORY && dev->plan.fixed_queue > dev->plan.memory_entries)
        return true;
    for (size_t i = 0; i < sizeof(explanations) / sizeof(explanations[0]); i++)
        if (error == -(int)explanations[i].error)
            return sim_fired(dev, explanations[i].faults) ||
                   ((explanations[i].faults & SIM_FAULT(CAPABILITIES)) != 0 &&
                    dev->host->faults.state[LAUNCHER_FAULT_CAPABILITIES].fired > 0);
    return false;
}

/* STUCK is never a surprise, and any other error that a wait returns leaves a device that was reset. */
static void check_state(struct sim_device *dev, int error)
{
    enum virtio_state state = dev->guest.state;
    bool reset = error == -VIRTIO_E_TIMEOUT || error == -VIRTIO_E_NEEDS_RESET ||
                 (error == -VIRTIO_E_PROTOCOL && !dev->world->call.polled);

    if ((error == -VIRTIO_E_STUCK || error == -VIRTIO_E_UNREACHABLE) && state != VIRTIO_STUCK)
        sim_fail(dev->world, "says %s, and the device is %s", virtio_error_name(error),
                 virtio_state_name(state));
    if (reset && state != VIRTIO_CLEAN)
        sim_fail(dev->world, "says %s, and the device is %s instead of reset",
                 virtio_error_name(error), virtio_state_name(state));
    if (state == VIRTIO_SETUP)
        sim_fail(dev->world, "leaves the device in the middle of its set-up");
    if (state == VIRTIO_LIVE && error == 0 && !dev->claimed && dev->guest.driver == NULL)
        sim_fail(dev->world, "leaves a device LIVE that nobody drives");
}

/* A device that has lied cannot tell who owns a buffer; rules about registers are rules at any time. */
static void check_violations(struct sim_device *dev)
{
    static const char *const about_buffers[] = {"DRV-SPLIT-", "IMP-SPLIT-", "DRV-BLK-",
                                                "IMP-BLK-",   "DRV-CON-",   "IMP-CON-",
                                                "DRV-CLEAN-", "DRV-RFB-05"};
    const struct launcher_violation *violation = launcher_first_violation(dev->host);

    for (; violation != NULL; violation = violation->next) {
        bool excused = strncmp(violation->level, "MUST", 4) != 0;

        for (size_t i = 0; i < sizeof(about_buffers) / sizeof(about_buffers[0]); i++)
            if (strncmp(violation->id, about_buffers[i], strlen(about_buffers[i])) == 0)
                excused = excused || sim_untrusted(dev);
        if (!excused)
            sim_fail(dev->world, "the driver of %s breaks %s: %s", dev->name, violation->id,
                     violation->text);
    }
    launcher_forget_violations(dev->host);
}

/* A call that was answered although the device broke the protocol in front of it, in the same life. */
static void check_noticed(struct sim_device *dev, int error)
{
    if (error == 0 && dev->bad_id && dev->resets_at_bad_id == dev->host->resets &&
        dev->guest.state == VIRTIO_LIVE)
        sim_fail(dev->world, "the driver of %s overlooks a used id beyond the queue", dev->name);
    /* The status is looked at after 1 ms at the latest, and then at doubling intervals. */
    if (error == -VIRTIO_E_TIMEOUT && dev->needs_reset_since != 0 &&
        dev->host->resets == dev->resets_at_call + 1 &&
        wait_of(dev) > VIRTIO_STATUS_LOOK_NS + slack(dev->world))
        sim_fail(dev->world,
                 "the driver of %s times out although DEVICE_NEEDS_RESET was set before",
                 dev->name);
}

static void check_device(struct sim_device *dev, int error)
{
    struct sim_world *world = dev->world;

    if (launcher_violations(dev->host) > 0)
        check_violations(dev);
    if (dev->complaint[0] != '\0' && error == 0 && !sim_fired(dev, UINT64_MAX) &&
        !dev->host->personality->reset_fails)
        sim_fail(world, "logs an error without a reason: %s", dev->complaint);
    dev->complaint[0] = '\0';
    if (dev->strayed)
        sim_fail(world, "%s was told of memory that it was not given: bus address 0x%llx",
                 dev->name, (unsigned long long)dev->strayed_to);
    sim_look(dev);
}

static void count(struct sim_totals *totals, int error, int expected)
{
    totals->operations++;
    if (error == 0)
        totals->succeeded++;
    else if (error == expected)
        totals->refused++;
    else
        totals->failed++;
    if (error != 0)
        totals->errors[-error]++;
}

void sim_end(struct sim_device *dev, int error, int expected)
{
    struct sim_world *world = dev->world;
    struct sim_call *call = &world->call;

    sim_watch_time(world);
    sim_say(world, "%s: %s", call->text, error == 0 ? "ok" : virtio_error_name(error));
    sim_note(world, (uint64_t)-error);
    sim_note(world, world->now);
    if (error > 0 || error < -VIRTIO_E_STATE)
        sim_fail(world, "returns %d, which is no error", error);
    if (expected != 0 && error != expected)
        sim_fail(world, "returns %s instead of %s", virtio_error_name(error),
                 virtio_error_name(expected));
    if (error != 0 && expected == 0 && !sim_explained(dev, error))
        sim_fail(world, "fails without a reason: %s", virtio_error_name(error));
    count(world->totals, error, expected);
    check_state(dev, error);
    check_noticed(dev, error);
    for (unsigned i = 0; i < world->device_count; i++)
        if (world->devices[i].host != NULL)
            check_device(&world->devices[i], error);
    /* What happened before a reset explains nothing after it; what happened around it may. */
    if (dev->host->resets != dev->resets_at_call) {
        memcpy(dev->fired_before, dev->fired_at_call, sizeof(dev->fired_before));
        dev->maps_failed_before = dev->maps_failed_at_call;
        memset(world->rewritten, 0, sizeof(world->rewritten));
    }
    call->device = NULL;
}
