/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the simulator says: each call with --verbose, the counts at the end, and a failure with the
 * command that replays it.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "launcher/commands.h"
#include "launcher/sim/sim.h"
#include "launcher/timeline.h"

enum {
    HISTORY_LINES = 40, /* of a device's history in a failure */
    FULL_STEPS = 50000, /* in a run of that many steps every fault has to happen */
};

void sim_say(const struct sim_world *world, const char *format, ...)
{
    va_list arguments;

    if (!world->settings->verbose)
        return;
    printf("%6u %13llu  ", world->step, (unsigned long long)world->now);
    va_start(arguments, format);
    (void)vprintf(format, arguments);
    va_end(arguments);
    (void)putchar('\n');
}

/* ---- Timeline ---- */

void sim_draw(struct sim_world *world)
{
    struct launcher_lane lanes[SIM_DEVICES];
    struct launcher_timeline timeline = {.lanes = lanes, .lane_count = world->device_count};
    char title[80];
    FILE *file;

    if (!world->settings->timeline && world->settings->svg == NULL)
        return;
    (void)snprintf(title, sizeof(title), "seed %llu, machine %u", (unsigned long long)world->seed,
                   world->machine);
    timeline.title = title;
    for (unsigned i = 0; i < world->device_count; i++)
        lanes[i] = (struct launcher_lane){.name = world->devices[i].name,
                                          .history = &world->devices[i].host->history};
    if (world->settings->timeline) {
        timeline.ascii = launcher_timeline_wants_ascii();
        launcher_timeline_text(&timeline, stdout);
    }
    if (world->settings->svg == NULL)
        return;
    file = fopen(world->settings->svg, "w");
    if (file == NULL) {
        (void)fprintf(stderr, "launcher sim: %s: %s\n", world->settings->svg, strerror(errno));
        exit(LAUNCHER_EXIT_USAGE);
    }
    launcher_timeline_svg(&timeline, file);
    (void)fclose(file);
}

/* ---- Failure ---- */

static void print_replay(const struct sim_settings *settings, uint64_t seed)
{
    printf("replay: build/host/launcher sim --device %s --seed %llu --steps %u --faults %s%s%s "
           "--verbose\n",
           settings->kind->name, (unsigned long long)seed, settings->steps, settings->fault_words,
           settings->personality != NULL ? " --personality " : "",
           settings->personality != NULL ? settings->personality->name : "");
}

static void print_place(const struct sim_world *world)
{
    const struct sim_call *call = &world->call;

    printf("seed %llu FAILED at step %u, machine %u, %llu ns\n", (unsigned long long)world->seed,
           world->step, world->machine, (unsigned long long)world->now);
    if (call->device != NULL)
        printf("  in: %s (for %llu ns)\n", call->text,
               (unsigned long long)(world->now - call->start));
}

static void print_devices(const struct sim_world *world)
{
    for (unsigned i = 0; i < world->device_count; i++) {
        const struct sim_device *dev = &world->devices[i];
        bool concerned = dev == world->call.device;
        char *history;

        if (dev->host == NULL)
            continue;
        printf("  %s: %s, faults:", dev->name, virtio_state_name(dev->guest.state));
        for (unsigned j = 0; j < LAUNCHER_FAULT_COUNT; j++)
            if (dev->host->faults.state[j].fired > 0)
                printf(
                    " %s %llu(%llu)", launcher_fault_name((enum launcher_fault)j),
                    (unsigned long long)dev->host->faults.state[j].fired,
                    (unsigned long long)(dev->host->faults.state[j].fired - dev->fired_before[j]));
        (void)putchar('\n');
        if (launcher_violations(dev->host) > 0) {
            launcher_report(dev->host, stdout);
        } else if (concerned) {
            history = launcher_history_text(&dev->host->history, HISTORY_LINES);
            printf("%s", history);
            free(history);
        }
    }
}

_Noreturn void sim_fail(struct sim_world *world, const char *format, ...)
{
    va_list arguments;

    print_place(world);
    printf("  ");
    va_start(arguments, format);
    (void)vprintf(format, arguments);
    va_end(arguments);
    (void)putchar('\n');
    print_devices(world);
    sim_draw(world);
    print_replay(world->settings, world->seed);
    (void)fflush(NULL);
    _exit(LAUNCHER_EXIT_WRONG); /* the driver is in the middle of something: there is no way back */
}

void sim_died(void)
{
    if (sim_world == NULL)
        return;
    print_place(sim_world);
    print_replay(sim_world->settings, sim_world->seed);
    (void)fflush(NULL);
}

/* ---- Counts ---- */

static void print_faults(const struct sim_settings *settings, const struct sim_totals *totals)
{
    for (unsigned i = 0; i < LAUNCHER_FAULT_COUNT; i++)
        if ((settings->faults >> i & 1) != 0)
            printf("  fault %-20s %10llu\n", launcher_fault_name((enum launcher_fault)i),
                   (unsigned long long)totals->fired[i]);
}

static void print_errors(const struct sim_totals *totals)
{
    for (int i = 1; i <= VIRTIO_E_STATE; i++)
        if (totals->errors[i] > 0)
            printf("  error %-20s %10llu\n", virtio_error_name(-i),
                   (unsigned long long)totals->errors[i]);
}

/* A fault that is asked for and never comes is a test that tests nothing. */
static int print_missing(const struct sim_settings *settings, const struct sim_totals *totals)
{
    int status = LAUNCHER_EXIT_RIGHT;

    if (settings->seeds * settings->steps < FULL_STEPS)
        return 0;
    for (unsigned i = 0; i < LAUNCHER_FAULT_COUNT; i++)
        if ((settings->faults >> i & 1) != 0 && totals->fired[i] == 0) {
            printf("FAILED: the fault %s never happened\n",
                   launcher_fault_name((enum launcher_fault)i));
            status = LAUNCHER_EXIT_WRONG;
        }
    return status;
}

int sim_summary(const struct sim_settings *settings, const struct sim_totals *totals)
{
    const struct {
        const char *name;
        uint64_t count;
    } counts[] = {
        {"seeds", totals->seeds},
        {"operations", totals->operations},
        {"succeeded", totals->succeeded},
        {"refused as they must be", totals->refused},
        {"failed with a reason", totals->failed},
        {"completions", totals->completions},
        {"machines", totals->machines},
        {"devices", totals->devices},
        {"lives", totals->lives},
        {"resets", totals->resets},
        {"restarts", totals->restarts},
        {"stuck devices", totals->stuck},
        {"handoffs", totals->handoffs},
        {"mappings refused", totals->map_failures},
        {"late writes stopped", totals->late_writes},
        {"disks restored after lies", totals->lies},
        {"power cuts", totals->power_cuts},
    };

    printf("%s: seeds %llu to %llu, %u steps each, faults %s\n", settings->kind->name,
           (unsigned long long)settings->seed,
           (unsigned long long)(settings->seed + settings->seeds - 1), settings->steps,
           settings->fault_words);
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
        printf("  %-26s %10llu\n", counts[i].name, (unsigned long long)counts[i].count);
    print_errors(totals);
    print_faults(settings, totals);
    printf("  digest               %016llx\n", (unsigned long long)totals->digest);
    return print_missing(settings, totals);
}
