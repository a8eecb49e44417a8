/* SPDX-License-Identifier: BSD-2-Clause */
/* Rules of the device configuration space (VIRTIO 1.4, 2.5): which fields, how wide, when, and read consistently. */
#include "launcher/judge.h"
#include "launcher/model.h"
#include "virtio/spec.h"

#define BLK(field)     offsetof(struct virtio_blk_config, field)
#define CONSOLE(field) offsetof(struct virtio_console_config, field)

static const struct launcher_config_field *field_at(const struct launcher_referee *referee,
                                                    uint64_t offset)
{
    const struct launcher_config_field *field = referee->fields;

    for (; field != NULL && field->width != 0; field++)
        if (offset >= field->offset && offset - field->offset < field->width)
            return field;
    return NULL;
}

/* 4.1.3.1, 4.2.2.2. Legacy PCI takes any width. */
static void judge_width(struct launcher_referee *referee, const struct launcher_access *access,
                        const struct launcher_config_field *field)
{
    unsigned piece = field->width < 4 ? field->width : 4;
    bool ok = access->width == piece && (access->offset - field->offset) % piece == 0;

    if (launcher_referee_is_pci(referee) && !referee->legacy)
        launcher_judge_pci_width(referee, access, piece, ok);
    if (launcher_referee_is_mmio(referee) && piece == 1)
        LAUNCHER_JUDGE(referee, "DRV-MMIO-05", ok,
                       "%u bytes at offset 0x%llx of the device configuration, where a field of 8 "
                       "bits is",
                       access->width, (unsigned long long)access->offset);
    if (launcher_referee_is_mmio(referee) && piece == 2)
        LAUNCHER_JUDGE(referee, "DRV-MMIO-06", ok,
                       "%u bytes at offset 0x%llx of the device configuration, where a field of 16 "
                       "bits is",
                       access->width, (unsigned long long)access->offset);
    if (launcher_referee_is_mmio(referee) && piece == 4)
        LAUNCHER_JUDGE(referee, "DRV-MMIO-07", ok,
                       "%u bytes at offset 0x%llx of the device configuration, where a field of %u "
                       "bits is",
                       access->width, (unsigned long long)access->offset, field->width * 8u);
    if (field->width > 4 && !access->write)
        LAUNCHER_JUDGE(referee, "DRV-CFG-01", access->width <= 4,
                       "%u bytes are read at once at offset 0x%llx of the device configuration: "
                       "more than 32 bits are not read in one step",
                       access->width, (unsigned long long)access->offset);
}

static void judge_feature(struct launcher_referee *referee, const struct launcher_access *access,
                          const struct launcher_config_field *field)
{
    unsigned bit = (unsigned)field->feature;

    if (field->feature < 0)
        return;
    LAUNCHER_JUDGE(referee, "DRV-CFG-04",
                   referee->offered_known[bit / 32] && (referee->offered >> bit & 1) != 0,
                   "offset 0x%llx of the device configuration is %s, and feature bit %u, which it "
                   "depends on, %s",
                   (unsigned long long)access->offset, access->write ? "written" : "read", bit,
                   referee->offered_known[bit / 32] ? "is not offered" : "was not looked for");
}

static void judge_write(struct launcher_referee *referee, const struct launcher_access *access)
{
    const struct launcher_referee_life *life = &referee->life;
    bool negotiating = (life->written & VIRTIO_STATUS_DRIVER) != 0 &&
                       (life->written & VIRTIO_STATUS_FEATURES_OK) == 0;
    /* A character may be written there at any time (5.3.4). */
    bool emergency = referee->type == VIRTIO_ID_CONSOLE && access->offset == CONSOLE(emerg_wr);

    if (!referee->legacy && !emergency)
        LAUNCHER_JUDGE(referee, "DRV-INIT-06", !negotiating,
                       "offset 0x%llx of the device configuration is written while features are "
                       "negotiated",
                       (unsigned long long)access->offset);
    if (launcher_referee_accepted(referee, VIRTIO_F_SUSPEND))
        LAUNCHER_JUDGE(referee, "DRV-SUSP-06", !life->suspending,
                       "offset 0x%llx of the device configuration is written after SUSPEND was set",
                       (unsigned long long)access->offset);
}

/* ---- Consistent reads ---- */

static void see_generation(struct launcher_referee *referee, uint32_t value)
{
    struct launcher_referee_life *life = &referee->life;

    if (life->config_read && life->generation_known)
        life->config_torn = value != life->generation;
    life->config_read = false;
    life->generation_known = true;
    life->generation = value;
}

void launcher_judge_config_used(struct launcher_referee *referee)
{
    struct launcher_referee_life *life = &referee->life;

    if (!life->config_read && !life->config_torn)
        return;
    LAUNCHER_JUDGE(referee, "DRV-CFG-03", false, "the device configuration was read, and then %s",
                   life->config_torn ? "read anew no more, although its generation had changed"
                                     : "its generation was not");
    if (launcher_referee_is_mmio(referee))
        LAUNCHER_JUDGE(referee, "IMP-MMIO-04", !life->config_torn,
                       "ConfigGeneration had changed, and the configuration was not read again");
    life->config_read = life->config_torn = false;
}

/* Legacy: there is no generation, so what may change is read until it is twice the same. */
static void see_capacity(struct launcher_referee *referee, const struct launcher_access *access)
{
    for (unsigned i = 0; i < access->width && access->offset + i < 8; i++) {
        uint8_t value = (uint8_t)(i < 4 ? access->value >> (8 * i) : 0);
        bool read = referee->life.capacity[access->offset + i].read;
        bool same = read && referee->life.capacity[access->offset + i].value == value;

        referee->life.capacity[access->offset + i].value = value;
        referee->life.capacity[access->offset + i].same = same;
        referee->life.capacity[access->offset + i].read = true;
    }
}

static void judge_capacity_used(struct launcher_referee *referee)
{
    bool read = false, same = true;

    for (unsigned i = 0; i < 8; i++) {
        read |= referee->life.capacity[i].read;
        same &= !referee->life.capacity[i].read || referee->life.capacity[i].same;
    }
    if (read)
        LAUNCHER_JUDGE(referee, "DRV-CFG-07", same,
                       "capacity is used, and was not read until it was twice the same");
}

/* ---- Block ---- */

static void judge_blk(struct launcher_referee *referee, const struct launcher_access *access)
{
    bool chosen = (referee->life.written & VIRTIO_STATUS_FEATURES_OK) != 0;

    if (access->offset == BLK(writeback)) {
        referee->life.cache_mode_seen |= chosen || referee->legacy;
        if (!referee->legacy && !access->write)
            LAUNCHER_JUDGE(referee, "DRV-BLK-04", chosen,
                           "writeback is read at status 0x%02x, before FEATURES_OK",
                           referee->life.status);
    }
    if (access->offset == BLK(zoned_model) && !access->write) {
        referee->zoned_model = (uint8_t)access->value;
        referee->zoned_model_known = true;
    }
    if (referee->legacy && access->offset < 8 && !access->write)
        see_capacity(referee, access);
}

void launcher_judge_config_first_use(struct launcher_referee *referee)
{
    if (referee->type != VIRTIO_ID_BLOCK)
        return;
    if (referee->legacy)
        judge_capacity_used(referee);
    if (launcher_referee_accepted(referee, VIRTIO_BLK_F_CONFIG_WCE))
        LAUNCHER_JUDGE(referee, "IMP-BLK-09", referee->life.cache_mode_seen,
                       "the disk is used, and its cache mode (writeback) was not looked at since "
                       "VIRTIO_BLK_F_CONFIG_WCE was negotiated");
}

/* ---- Accesses ---- */

static void judge_access(struct launcher_referee *referee, const struct launcher_access *access)
{
    const struct launcher_config_field *field = field_at(referee, access->offset);

    if (field != NULL) {
        judge_width(referee, access, field);
        judge_feature(referee, access, field);
    } else if (referee->fields != NULL && launcher_referee_is_mmio(referee)) {
        LAUNCHER_JUDGE(referee, "DRV-MMIO-01", false,
                       "offset 0x%llx of the device configuration: there is no field",
                       (unsigned long long)access->offset);
    }
    if (referee->type == VIRTIO_ID_BLOCK)
        judge_blk(referee, access);
    if (access->write) {
        judge_write(referee, access);
        return;
    }
    if (referee->legacy)
        return;
    LAUNCHER_JUDGE(referee, "DRV-CFG-03", referee->life.generation_known,
                   "offset 0x%llx of the device configuration is read, and its generation was not "
                   "before",
                   (unsigned long long)access->offset);
    referee->life.config_read = true;
}

void launcher_judge_config(struct launcher_referee *referee, const struct launcher_access *access)
{
    if (access->reg == LAUNCHER_REG_CONFIG)
        judge_access(referee, access);
    else if (!access->write)
        see_generation(referee, access->value);
}
