/* SPDX-License-Identifier: BSD-2-Clause */
/* Rules of the status register: its bits, the order of initialization, reset and suspension (VIRTIO 1.4, 2.1, 3.1, 3.4). */
#include "launcher/judge.h"
#include "virtio/spec.h"

enum {
    ACKNOWLEDGE = VIRTIO_STATUS_ACKNOWLEDGE,
    DRIVER = VIRTIO_STATUS_DRIVER,
    DRIVER_OK = VIRTIO_STATUS_DRIVER_OK,
    FEATURES_OK = VIRTIO_STATUS_FEATURES_OK,
    SUSPEND = VIRTIO_STATUS_SUSPEND,
    NEEDS_RESET = VIRTIO_STATUS_NEEDS_RESET,
    FAILED = VIRTIO_STATUS_FAILED,
    DEFINED = ACKNOWLEDGE | DRIVER | DRIVER_OK | FEATURES_OK | SUSPEND | NEEDS_RESET | FAILED
};

/* ---- The first write after a reset ---- */

static void judge_first_step(struct launcher_referee *referee, uint8_t value)
{
    const struct launcher_referee_life *life = &referee->life;

    LAUNCHER_JUDGE(referee, "DRV-INIT-01", referee->seen_reset,
                   "status becomes 0x%02x, and the device has not been reset before", value);
    if (referee->seen_reset) {
        LAUNCHER_JUDGE(referee, "DRV-RESET-01", life->reset_confirmed,
                       "status becomes 0x%02x after a reset that was not seen to end: status has "
                       "to read 0 first",
                       value);
        if (launcher_referee_is_pci(referee) && !referee->legacy)
            LAUNCHER_JUDGE(referee, "DRV-PCI-22", life->reset_confirmed,
                           "status becomes 0x%02x after a reset that was not seen to end: "
                           "device_status has to read 0 first",
                           value);
    }
    LAUNCHER_JUDGE(referee, "DRV-INIT-02", (value & ACKNOWLEDGE) != 0 && !life->stepped,
                   "status becomes 0x%02x%s: ACKNOWLEDGE has to be the next step after a reset",
                   value, life->stepped ? " after features or queues were written" : "");
}

/* ---- Single bits ---- */

static void judge_driver(struct launcher_referee *referee, uint8_t old, uint8_t value)
{
    LAUNCHER_JUDGE(referee, "DRV-INIT-03", (referee->life.written & ACKNOWLEDGE) != 0,
                   "status goes from 0x%02x to 0x%02x: DRIVER is a step of its own after "
                   "ACKNOWLEDGE",
                   old, value);
}

static void judge_features_ok(struct launcher_referee *referee, uint8_t value)
{
    const struct launcher_referee_life *life = &referee->life;

    LAUNCHER_JUDGE(referee, "DRV-INIT-04", life->offered_read[0] || life->offered_read[1],
                   "status becomes 0x%02x, and the offered features have not been read since the "
                   "reset",
                   value);
    launcher_judge_choice(referee);
}

static void judge_driver_ok(struct launcher_referee *referee, uint8_t value)
{
    const struct launcher_referee_life *life = &referee->life;
    const uint8_t before = ACKNOWLEDGE | DRIVER;

    LAUNCHER_JUDGE(referee, "DRV-STATUS-01", ((life->written | value) & before) == before,
                   "DRIVER_OK is set by 0x%02x: ACKNOWLEDGE and DRIVER have to stand for the steps "
                   "before it",
                   value);
    launcher_judge_config_used(referee);
    if (referee->legacy) {
        launcher_judge_choice(referee);
        return;
    }
    if (LAUNCHER_JUDGE(referee, "DRV-INIT-07", ((life->written | value) & FEATURES_OK) != 0,
                       "DRIVER_OK is set by 0x%02x, without FEATURES_OK after the features were "
                       "written",
                       value))
        LAUNCHER_JUDGE(referee, "DRV-INIT-09", life->features_ok_read && !life->features_refused,
                       "DRIVER_OK is set by 0x%02x, and %s", value,
                       life->features_refused
                           ? "FEATURES_OK did not stay set: the device is unusable"
                           : "status was not read back after FEATURES_OK");
}

/* After FAILED, or after the device refused the features, there is only a reset. */
static void judge_after_failure(struct launcher_referee *referee, uint8_t old, uint8_t value)
{
    uint8_t added = value & (uint8_t)~old;
    bool failed = (old & FAILED) != 0;

    if (failed)
        LAUNCHER_JUDGE(referee, "DRV-STATUS-03",
                       (value & FAILED) != 0 && (added & (ACKNOWLEDGE | DRIVER)) == 0,
                       "status goes from 0x%02x to 0x%02x: a driver that gave up has to reset the "
                       "device before it begins anew",
                       old, value);
    if (failed || referee->life.features_refused)
        LAUNCHER_JUDGE(referee, "DRV-INIT-13",
                       (added & (FEATURES_OK | DRIVER_OK)) == 0 || (added & FAILED) != 0,
                       "status goes from 0x%02x to 0x%02x: the initialization goes on although %s",
                       old, value,
                       failed ? "the driver gave up" : "the device refused the features");
}

/* ---- Suspension (3.4) ---- */

static void judge_suspend(struct launcher_referee *referee, uint8_t old)
{
    LAUNCHER_JUDGE(referee, "DRV-SUSP-01", (old & DRIVER_OK) != 0,
                   "SUSPEND is set at status 0x%02x, without DRIVER_OK", old);
    LAUNCHER_JUDGE(referee, "DRV-SUSP-02", launcher_referee_accepted(referee, VIRTIO_F_SUSPEND),
                   "SUSPEND is set, and VIRTIO_F_SUSPEND was not negotiated");
    referee->life.suspending = true;
    referee->life.suspended = referee->life.resuming = false;
}

static void judge_resume(struct launcher_referee *referee, uint8_t value)
{
    struct launcher_referee_life *life = &referee->life;

    LAUNCHER_JUDGE(referee, "IMP-CORE-15", (value & DRIVER_OK) != 0,
                   "status becomes 0x%02x while the device is suspended: only DRIVER_OK resumes it",
                   value);
    if ((value & DRIVER_OK) == 0)
        return;
    LAUNCHER_JUDGE(referee, "DRV-SUSP-03", life->suspended,
                   "the device is resumed, and was not seen to be suspended: status has to be read "
                   "back with SUSPEND and without DRIVER_OK first");
    life->suspending = life->suspended = false;
    life->resuming = true;
}

/* ---- Accesses ---- */

static void judge_reset(struct launcher_referee *referee)
{
    referee->seen_reset = true;
    referee->life = (struct launcher_referee_life){0};
    for (unsigned i = 0; i < referee->queue_count; i++)
        referee->queues[i] = (struct launcher_referee_queue){0};
}

static void judge_write(struct launcher_referee *referee, uint8_t value)
{
    struct launcher_referee_life *life = &referee->life;
    uint8_t old = life->status, added = value & (uint8_t)~old, dropped = old & (uint8_t)~value;
    bool may_suspend = launcher_referee_accepted(referee, VIRTIO_F_SUSPEND);

    if (life->written == 0)
        judge_first_step(referee, value);
    LAUNCHER_JUDGE(referee, "IMP-CORE-01", (value & ~DEFINED) == 0,
                   "status becomes 0x%02x, with bits that are not defined", value);
    if (may_suspend) /* both come and go, between device and driver */
        dropped &= (uint8_t) ~(SUSPEND | DRIVER_OK);
    LAUNCHER_JUDGE(referee, "DRV-STATUS-02", dropped == 0,
                   "status goes from 0x%02x to 0x%02x: bits vanish only by a reset", old, value);
    judge_after_failure(referee, old, value);
    if ((added & DRIVER) != 0)
        judge_driver(referee, old, value);
    if (referee->legacy)
        LAUNCHER_JUDGE(referee, "DRV-INIT-15", (value & FEATURES_OK) == 0,
                       "status becomes 0x%02x: legacy devices do not know FEATURES_OK", value);
    else if ((added & FEATURES_OK) != 0)
        judge_features_ok(referee, value);
    if ((added & DRIVER_OK) != 0 && !life->suspending)
        judge_driver_ok(referee, value);
    if ((value & DRIVER_OK) != 0)
        LAUNCHER_JUDGE(
            referee, "DRV-INIT-11",
            (old & DRIVER_OK) == 0 || (added & (ACKNOWLEDGE | DRIVER | FEATURES_OK)) == 0,
            "status goes from 0x%02x to 0x%02x: DRIVER_OK has to be the last step", old, value);
    if ((added & SUSPEND) != 0)
        judge_suspend(referee, old);
    else if (life->suspending)
        judge_resume(referee, value);

    life->status = value;
    life->written |= value;
    if ((added & FEATURES_OK) != 0)
        life->features_ok_read = life->features_refused = false;
}

static void see_read(struct launcher_referee *referee, uint8_t value)
{
    struct launcher_referee_life *life = &referee->life;

    if (referee->seen_reset && life->written == 0) {
        life->reset_confirmed |= value == 0;
        return; /* until then these are the bits of the life before */
    }
    if ((value & ~DEFINED) != 0) /* there is no device there any more */
        return;
    if (!referee->legacy && (life->written & FEATURES_OK) != 0 && !life->features_ok_read) {
        life->features_ok_read = true;
        life->features_refused = (value & FEATURES_OK) == 0;
    }
    if (life->suspending && (value & (SUSPEND | DRIVER_OK)) == SUSPEND)
        life->suspended = true;
    if (life->resuming && (value & (SUSPEND | DRIVER_OK)) == DRIVER_OK)
        life->resuming = false;
    life->status = value;
}

void launcher_judge_status(struct launcher_referee *referee, const struct launcher_access *access)
{
    uint8_t value = (uint8_t)access->value;

    if (!access->write)
        see_read(referee, value);
    else if (value == 0)
        judge_reset(referee);
    else
        judge_write(referee, value);
}
