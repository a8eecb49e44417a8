/* SPDX-License-Identifier: BSD-2-Clause */
/* When a device misbehaves: faults that are armed for an occasion, and faults by chance from a seed. */
#include "launcher/faults.h"

#include <string.h>

#include "launcher/device.h"

static const struct {
    const char *name, *text;
} faults_known[] = {
#define X(name, option, text) {option, text},
    LAUNCHER_FAULTS(X)
#undef X
};

void launcher_faults_init(struct launcher_faults *faults, uint64_t seed)
{
    memset(faults, 0, sizeof(*faults));
    faults->random = seed;
}

/* SplitMix64: any seed will do, 0 as well. */
uint64_t launcher_random(struct launcher_device *dev, uint64_t limit)
{
    uint64_t mixed = dev->faults.random += 0x9e3779b97f4a7c15;

    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
    mixed ^= mixed >> 31;
    return limit != 0 ? mixed % limit : mixed;
}

void launcher_fault_arm(struct launcher_device *dev, enum launcher_fault fault, uint64_t after,
                        uint64_t times, uint64_t value)
{
    struct launcher_fault_state *state = &dev->faults.state[fault];

    state->armed = true;
    state->after = after;
    state->times = times;
    state->value = value;
}

void launcher_fault_disarm(struct launcher_device *dev, enum launcher_fault fault)
{
    dev->faults.state[fault].armed = false;
}

static bool strikes(struct launcher_device *dev, struct launcher_fault_state *state)
{
    if (!state->armed)
        return state->chance != 0 && launcher_random(dev, 65536) < state->chance;
    if (state->after > 0) {
        state->after--;
        return false;
    }
    if (state->times > 0 && --state->times == 0)
        state->armed = false;
    return true;
}

bool launcher_fault(struct launcher_device *dev, enum launcher_fault fault)
{
    struct launcher_fault_state *state = &dev->faults.state[fault];
    struct launcher_event *event;

    state->occasions++;
    if (!strikes(dev, state))
        return false;
    state->fired++;
    event = launcher_history_add(&dev->history, LAUNCHER_EVENT_FAULT);
    event->value = (uint32_t)fault;
    event->text = launcher_fault_name(fault);
    return true;
}

uint64_t launcher_fault_value(const struct launcher_device *dev, enum launcher_fault fault)
{
    return dev->faults.state[fault].value;
}

const char *launcher_fault_name(enum launcher_fault fault)
{
    return fault < LAUNCHER_FAULT_COUNT ? faults_known[fault].name : "none";
}

const char *launcher_fault_text(enum launcher_fault fault)
{
    return fault < LAUNCHER_FAULT_COUNT ? faults_known[fault].text : "no fault";
}

enum launcher_fault launcher_fault_by_name(const char *name)
{
    enum launcher_fault fault = 0;

    while (fault < LAUNCHER_FAULT_COUNT && strcmp(name, faults_known[fault].name) != 0)
        fault++;
    return fault;
}
