/* SPDX-License-Identifier: BSD-2-Clause */
/* Rules of the MMIO transport that single register accesses show (VIRTIO 1.4, 4.2.2, 4.2.3, 4.2.4). */
#include "launcher/judge.h"
#include "virtio/spec.h"

static bool is_power_of_two(uint32_t value)
{
    return value != 0 && (value & (value - 1)) == 0;
}

/* Whether version 2 alone has a register there. */
static bool is_new(uint64_t offset)
{
    return offset == VIRTIO_MMIO_QUEUE_READY ||
           (offset >= VIRTIO_MMIO_QUEUE_DESC_LOW && offset < VIRTIO_MMIO_QUEUE_RESET + 4) ||
           offset == VIRTIO_MMIO_CONFIG_GENERATION;
}

static bool is_identity(enum launcher_register reg)
{
    return reg == LAUNCHER_REG_MAGIC || reg == LAUNCHER_REG_VERSION ||
           reg == LAUNCHER_REG_DEVICE_ID;
}

/* ---- Is there a device at all? (4.2.2.2, 4.2.3.1) ---- */

static void see_identity(struct launcher_referee *referee, const struct launcher_access *access)
{
    uint32_t version = referee->front == LAUNCHER_MMIO_LEGACY ? 1 : 2;

    switch (access->reg) {
    case LAUNCHER_REG_MAGIC:
        referee->magic_read = true;
        if (access->value != VIRTIO_MMIO_MAGIC)
            referee->not_ours = access->reg;
        break;
    case LAUNCHER_REG_VERSION:
        referee->version_read = true;
        if (access->value != version && referee->not_ours == LAUNCHER_REG_NONE)
            referee->not_ours = access->reg;
        break;
    case LAUNCHER_REG_DEVICE_ID:
        referee->device_id_read = true;
        if (access->value == 0 && referee->not_ours == LAUNCHER_REG_NONE)
            referee->not_ours = access->reg;
        break;
    default:
        break;
    }
}

/* What says so is read first, and in order. A driver that does not is told once. */
static void judge_identification(struct launcher_referee *referee,
                                 const struct launcher_access *access)
{
    const char *name = launcher_register_name(access->reg);

    if (!referee->magic_read || !referee->version_read) {
        if (!LAUNCHER_JUDGE(referee, "DRV-MMIO-26",
                            !access->write && (access->reg == LAUNCHER_REG_MAGIC ||
                                               access->reg == LAUNCHER_REG_VERSION),
                            "%s is accessed before MagicValue and Version were read", name))
            referee->magic_read = referee->version_read = true;
    } else if (!referee->device_id_read && referee->not_ours == LAUNCHER_REG_NONE) {
        LAUNCHER_JUDGE(referee, "DRV-MMIO-27", !access->write && is_identity(access->reg),
                       "%s is accessed before DeviceID was read", name);
        referee->device_id_read |= !is_identity(access->reg);
    }
}

/* A device that is none is left alone; somebody else may look whether it is there. */
static void judge_stranger(struct launcher_referee *referee, const struct launcher_access *access)
{
    const char *name = launcher_register_name(access->reg);
    bool look = is_identity(access->reg) && !access->write;

    if (referee->magic_read)
        LAUNCHER_JUDGE(referee, "DRV-MMIO-08", look || referee->not_ours != LAUNCHER_REG_MAGIC,
                       "%s is accessed, and MagicValue is not 0x74726976", name);
    if (referee->version_read)
        LAUNCHER_JUDGE(referee, "DRV-MMIO-10", look || referee->not_ours != LAUNCHER_REG_VERSION,
                       "%s is accessed, and Version is none that is defined", name);
    if (!referee->device_id_read)
        return;
    LAUNCHER_JUDGE(referee, "DRV-MMIO-12",
                   !access->write || referee->not_ours != LAUNCHER_REG_DEVICE_ID,
                   "%s is written, and DeviceID is 0", name);
    LAUNCHER_JUDGE(referee, "DRV-MMIO-28",
                   access->reg != LAUNCHER_REG_STATUS || !access->write ||
                       referee->not_ours != LAUNCHER_REG_DEVICE_ID,
                   "initialization begins, and DeviceID is 0");
    LAUNCHER_JUDGE(referee, "DRV-MMIO-29", look || referee->not_ours != LAUNCHER_REG_DEVICE_ID,
                   "%s is accessed, and DeviceID is 0", name);
}

/* ---- Any register (4.2.2.2) ---- */

static void judge_register(struct launcher_referee *referee, const struct launcher_access *access)
{
    const char *name = launcher_register_name(access->reg);
    bool known = access->reg != LAUNCHER_REG_NONE;

    if (access->reg == LAUNCHER_REG_CONFIG)
        return;
    LAUNCHER_JUDGE(referee, "DRV-MMIO-01", known, "offset 0x%llx is accessed, where no register is",
                   (unsigned long long)access->offset);
    LAUNCHER_JUDGE(referee, "DRV-MMIO-04", access->width == 4 && access->offset % 4 == 0,
                   "%u bytes at offset 0x%llx: registers are accessed by aligned 32 bits",
                   access->width, (unsigned long long)access->offset);
    if (known && access->write)
        LAUNCHER_JUDGE(referee, "DRV-MMIO-02", access->writable, "%s is written, and is read-only",
                       name);
    if (known && !access->write)
        LAUNCHER_JUDGE(referee, "DRV-MMIO-03", access->readable, "%s is read, and is write-only",
                       name);
}

static void judge_selectors(struct launcher_referee *referee, const struct launcher_access *access)
{
    const struct launcher_referee_life *life = &referee->life;

    if (access->reg == LAUNCHER_REG_DEVICE_FEATURE && !access->write)
        LAUNCHER_JUDGE(referee, "DRV-MMIO-14", life->offered_selected,
                       "DeviceFeatures is read, and DeviceFeaturesSel was not written since the "
                       "reset");
    if (access->reg == LAUNCHER_REG_DRIVER_FEATURE && access->write)
        LAUNCHER_JUDGE(referee, "DRV-MMIO-15", life->accepted_selected,
                       "DriverFeatures is written, and DriverFeaturesSel was not since the reset");
    if (!launcher_referee_is_per_queue(access->reg))
        return;
    if (referee->legacy)
        LAUNCHER_JUDGE(referee, "IMP-MMIOLEG-04", life->queue_selected,
                       "%s is accessed, and QueueSel was not written since the reset",
                       launcher_register_name(access->reg));
    else
        LAUNCHER_JUDGE(referee, "IMP-MMIO-07", life->queue_selected,
                       "%s is accessed, and QueueSel was not written since the reset",
                       launcher_register_name(access->reg));
}

static void judge_others(struct launcher_referee *referee, const struct launcher_access *access)
{
    const uint32_t causes = VIRTIO_ISR_QUEUE | VIRTIO_ISR_CONFIG;
    bool known_type = referee->type >= VIRTIO_ID_NET && referee->type <= VIRTIO_ID_BALLOON;

    if (access->reg == LAUNCHER_REG_INTERRUPT_ACK && access->write)
        LAUNCHER_JUDGE(referee, "DRV-MMIO-22", (access->value & ~causes) == 0,
                       "InterruptACK becomes 0x%x, with bits that are not defined", access->value);
    if (known_type) /* none of them has shared memory */
        LAUNCHER_JUDGE(referee, "DRV-MMIO-30", access->reg != LAUNCHER_REG_SHM,
                       "a shared memory register is accessed, and such devices have none");
    if (access->reg == LAUNCHER_REG_QUEUE_RESET)
        LAUNCHER_JUDGE(referee, "IMP-MMIO-03",
                       launcher_referee_accepted(referee, VIRTIO_F_RING_RESET),
                       "QueueReset is accessed without VIRTIO_F_RING_RESET");
}

/* ---- Queues of version 2 ---- */

static void judge_queue(struct launcher_referee *referee, const struct launcher_access *access)
{
    uint32_t index = referee->life.queue_select;
    const struct launcher_referee_queue *queue = launcher_referee_queue(referee, index);
    bool address =
        access->reg >= LAUNCHER_REG_QUEUE_DESC_LO && access->reg <= LAUNCHER_REG_QUEUE_DEVICE_HI;
    bool field = address || access->reg == LAUNCHER_REG_QUEUE_SIZE;

    if (queue == NULL || !(field || (access->reg == LAUNCHER_REG_QUEUE_ENABLE && access->write)))
        return;
    if (field)
        LAUNCHER_JUDGE(referee, "DRV-MMIO-17", !queue->enabled,
                       "%s is accessed, and QueueReady of queue %u is not 0",
                       launcher_register_name(access->reg), index);
    LAUNCHER_JUDGE(referee, "DRV-MMIO-19", !queue->stopping,
                   "%s is written, and QueueReady of queue %u was not read back after it was "
                   "written 0",
                   launcher_register_name(access->reg), index);
    if (field && !queue->enabled)
        LAUNCHER_JUDGE(referee, "IMP-MMIO-08", queue->free_seen,
                       "queue %u is set up, and its QueueReady was not looked at", index);
}

/* ---- Queues of version 1 (4.2.4) ---- */

static void judge_legacy_page(struct launcher_referee *referee,
                              const struct launcher_referee_queue *queue, uint32_t page)
{
    uint32_t index = referee->life.queue_select;

    if (page == 0)
        return;
    LAUNCHER_JUDGE(referee, "IMP-MMIOLEG-02", referee->life.page_size_written,
                   "queue %u is placed, and GuestPageSize was not written since the reset", index);
    LAUNCHER_JUDGE(referee, "IMP-MMIOLEG-05", queue->free_seen,
                   "queue %u is placed, and its QueuePFN was not seen to be 0", index);
    LAUNCHER_JUDGE(referee, "IMP-MMIOLEG-08", queue->size_written,
                   "queue %u is placed, and its size was not written", index);
    LAUNCHER_JUDGE(referee, "IMP-MMIOLEG-09", queue->align_written,
                   "queue %u is placed, and QueueAlign was not written", index);
}

static void judge_legacy(struct launcher_referee *referee, const struct launcher_access *access)
{
    uint32_t index = referee->life.queue_select;
    const struct launcher_referee_queue *queue = launcher_referee_queue(referee, index);
    bool field = access->write && (access->reg == LAUNCHER_REG_QUEUE_SIZE ||
                                   access->reg == LAUNCHER_REG_QUEUE_ALIGN);

    LAUNCHER_JUDGE(
        referee, "IMP-MMIOLEG-16", !(access->reg == LAUNCHER_REG_NONE && is_new(access->offset)),
        "offset 0x%llx is accessed, a register of version 2", (unsigned long long)access->offset);
    if (queue == NULL)
        return;
    if (access->reg == LAUNCHER_REG_GUEST_PAGE_SIZE && access->write) {
        LAUNCHER_JUDGE(referee, "IMP-MMIOLEG-03", is_power_of_two(access->value),
                       "GuestPageSize becomes %u, which is no power of two", access->value);
        referee->life.page_size_written = true;
    }
    if (access->reg == LAUNCHER_REG_QUEUE_ALIGN && access->write)
        LAUNCHER_JUDGE(referee, "IMP-MMIOLEG-10", is_power_of_two(access->value),
                       "QueueAlign becomes %u, which is no power of two", access->value);
    if (access->reg == LAUNCHER_REG_QUEUE_MAX && !access->write)
        LAUNCHER_JUDGE(referee, "IMP-MMIOLEG-06", !queue->enabled,
                       "QueueSizeMax is read, and QueuePFN of queue %u is not 0", index);
    if (field)
        LAUNCHER_JUDGE(referee, "IMP-MMIOLEG-13", !queue->enabled,
                       "%s is written after QueuePFN of queue %u",
                       launcher_register_name(access->reg), index);
    if (access->reg == LAUNCHER_REG_QUEUE_PFN && access->write)
        judge_legacy_page(referee, queue, access->value);
}

void launcher_judge_mmio(struct launcher_referee *referee, const struct launcher_access *access)
{
    if (is_identity(access->reg) && !access->write)
        see_identity(referee, access);
    judge_identification(referee, access);
    judge_stranger(referee, access);
    judge_register(referee, access);
    judge_selectors(referee, access);
    judge_others(referee, access);
    if (referee->legacy)
        judge_legacy(referee, access);
    else
        judge_queue(referee, access);
}
