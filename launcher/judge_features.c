/* SPDX-License-Identifier: BSD-2-Clause */
/* Rules of the feature bits (VIRTIO 1.4, 2.2, 3.1.1, 6): a word as it is written, and the choice when it is made. */
#include "launcher/judge.h"
#include "launcher/model.h"
#include "virtio/spec.h"

#define BIT(n) (1ull << (n))

enum {
    WORDS = 2,           /* that are kept: bits 0 to 63 */
    UNUSED = 30,         /* what early legacy devices offered, and nobody may use */
    RESERVED_FIRST = 44, /* 2.2: up to 49, and from 128 */
    RESERVED_LAST = 49,
    RESERVED_WORD = 4,
    TYPE_BITS = 24 /* bits 0 to 23 are the device type's, and from 50 up to 127 */
};

static const uint64_t reserved = BIT(RESERVED_LAST + 1) - BIT(RESERVED_FIRST);
static const uint64_t of_the_type = (BIT(TYPE_BITS) - 1) | ~(BIT(RESERVED_LAST + 1) - 1);
/* Bits 24 to 43 that section 6 describes, with those of its legacy part. */
static const uint64_t described =
    BIT(VIRTIO_F_NOTIFY_ON_EMPTY) | BIT(VIRTIO_F_ANY_LAYOUT) | BIT(VIRTIO_F_INDIRECT_DESC) |
    BIT(VIRTIO_F_EVENT_IDX) | BIT(UNUSED) | BIT(VIRTIO_F_VERSION_1) |
    BIT(VIRTIO_F_ACCESS_PLATFORM) | BIT(VIRTIO_F_RING_PACKED) | BIT(VIRTIO_F_IN_ORDER) |
    BIT(VIRTIO_F_ORDER_PLATFORM) | BIT(VIRTIO_F_SR_IOV) | BIT(VIRTIO_F_NOTIFICATION_DATA) |
    BIT(VIRTIO_F_NOTIF_CONFIG_DATA) | BIT(VIRTIO_F_RING_RESET) | BIT(VIRTIO_F_ADMIN_VQ) |
    BIT(VIRTIO_F_SUSPEND);

static uint64_t ring_bits(void)
{
    return ~(of_the_type | reserved);
}

/* ---- A word of the driver ---- */

/* Every bit is judged, also those that were judged when the word was written before. */
static void judge_meaning(struct launcher_referee *referee, uint64_t bits)
{
    uint64_t undescribed = bits & ring_bits() & ~described;
    uint64_t elsewhere = 0, meaningless = 0;

    if (referee->transport_features != 0)
        elsewhere = bits & ring_bits() & described & ~referee->transport_features;
    if (referee->legacy)
        elsewhere &= ~BIT(UNUSED); /* DRV-RFB-16 */
    if (referee->type_features != 0)
        meaningless = bits & of_the_type & ~referee->type_features;
    LAUNCHER_JUDGE(referee, "DRV-FEAT-05", undescribed == 0,
                   "accepted: 0x%llx, which the specification does not describe",
                   (unsigned long long)undescribed);
    LAUNCHER_JUDGE(referee, "DRV-FEAT-06", (bits & reserved) == 0,
                   "accepted: 0x%llx, which is reserved", (unsigned long long)(bits & reserved));
    LAUNCHER_JUDGE(referee, "DRV-FEAT-07", elsewhere == 0,
                   "accepted: 0x%llx, which this transport does not support",
                   (unsigned long long)elsewhere);
    LAUNCHER_JUDGE(referee, "DRV-FEAT-08", meaningless == 0,
                   "accepted: 0x%llx, which means nothing for this device type",
                   (unsigned long long)meaningless);
    LAUNCHER_JUDGE(referee, "DRV-FEAT-04",
                   (undescribed | elsewhere | meaningless | (bits & reserved)) == 0,
                   "accepted: 0x%llx, which has to be treated as if it were not offered",
                   (unsigned long long)(undescribed | elsewhere | meaningless | (bits & reserved)));
}

static void judge_sr_iov(struct launcher_referee *referee)
{
    bool accepted = launcher_referee_accepted(referee, VIRTIO_F_SR_IOV);

    if (launcher_referee_is_pci(referee))
        LAUNCHER_JUDGE(referee, "DRV-RFB-10", !accepted || referee->sr_iov,
                       "VIRTIO_F_SR_IOV is accepted of a device without that PCI capability");
    else
        LAUNCHER_JUDGE(referee, "DRV-RFB-11", !accepted,
                       "VIRTIO_F_SR_IOV is accepted of a device that is not on PCI");
    if (launcher_referee_is_mmio(referee))
        LAUNCHER_JUDGE(referee, "IMP-MMIO-13",
                       !launcher_referee_accepted(referee, VIRTIO_F_ADMIN_VQ),
                       "VIRTIO_F_ADMIN_VQ is accepted on MMIO");
}

/* Bits 64 and up, of which none has a meaning for the types that are known here. */
static void judge_high_word(struct launcher_referee *referee, uint32_t select, uint32_t value)
{
    LAUNCHER_JUDGE(referee, "IMP-CORE-03", select < RESERVED_WORD || value == 0,
                   "accepted: 0x%08x of bits %u and up, which are reserved", value, select * 32);
    if (select < RESERVED_WORD && referee->type_features != 0)
        LAUNCHER_JUDGE(
            referee, "DRV-FEAT-08", value == 0,
            "accepted: 0x%08x of bits %u and up, which mean nothing for this device type", value,
            select * 32);
}

/* Whether it comes at the right time: after DRIVER, after reading, before FEATURES_OK. */
static void judge_time(struct launcher_referee *referee, uint32_t select, uint64_t word,
                       uint64_t was)
{
    const struct launcher_referee_life *life = &referee->life;
    bool chosen = (life->written & VIRTIO_STATUS_FEATURES_OK) != 0;

    LAUNCHER_JUDGE(referee, "DRV-INIT-03", (life->written & VIRTIO_STATUS_DRIVER) != 0,
                   "features are written at status 0x%02x, before DRIVER was set", life->status);
    if (word != 0)
        LAUNCHER_JUDGE(
            referee, "DRV-INIT-04", life->offered_read[select],
            "0x%llx is accepted, and what is offered of bits %u to %u was not read since "
            "the reset",
            (unsigned long long)word, select * 32, select * 32 + 31);
    if (chosen && !referee->legacy)
        LAUNCHER_JUDGE(referee, "DRV-INIT-08", (word & ~was) == 0,
                       "0x%llx is accepted after FEATURES_OK", (unsigned long long)(word & ~was));
    if ((chosen && !referee->legacy) || (life->written & VIRTIO_STATUS_DRIVER_OK) != 0)
        LAUNCHER_JUDGE(referee, "IMP-CORE-02", word == was,
                       "the negotiated features go from 0x%llx to 0x%llx without a reset",
                       (unsigned long long)was, (unsigned long long)word);
}

static void judge_word(struct launcher_referee *referee, uint32_t value)
{
    struct launcher_referee_life *life = &referee->life;
    /* Legacy PCI has one window only. */
    uint32_t select =
        referee->legacy && launcher_referee_is_pci(referee) ? 0 : life->accepted_select;
    uint64_t mask, word, was, unoffered;

    life->stepped = true;
    if (select >= WORDS) {
        judge_high_word(referee, select, value);
        return;
    }
    mask = 0xffffffffull << (32 * select);
    word = (uint64_t)value << (32 * select);
    was = life->accepted & mask;
    judge_time(referee, select, word, was);
    life->accepted = (life->accepted & ~mask) | word;

    unoffered = word & ~referee->offered;
    if (referee->offered_known[select])
        LAUNCHER_JUDGE(referee, "DRV-FEAT-01", unoffered == 0,
                       "accepted: 0x%llx, which is not offered (0x%llx is)",
                       (unsigned long long)unoffered,
                       (unsigned long long)(referee->offered & mask));
    LAUNCHER_JUDGE(referee, "IMP-CORE-03", (word & reserved) == 0,
                   "accepted: 0x%llx, bits that are reserved",
                   (unsigned long long)(word & reserved));
    judge_meaning(referee, word);
    judge_sr_iov(referee);
    if (referee->legacy && select == 0)
        LAUNCHER_JUDGE(referee, "DRV-RFB-16", (word & BIT(UNUSED)) == 0,
                       "bit 30 is accepted through the legacy interface");
}

/* ---- The choice ---- */

/* 5.1.3.1 and the like: each bit needs one of the others. */
static const struct {
    uint32_t type;
    uint8_t bit;
    uint64_t one_of;
} prerequisites[] = {
    {VIRTIO_ID_NET, 7, BIT(1)},             /* GUEST_TSO4: GUEST_CSUM */
    {VIRTIO_ID_NET, 8, BIT(1)},             /* GUEST_TSO6 */
    {VIRTIO_ID_NET, 9, BIT(7) | BIT(8)},    /* GUEST_ECN: GUEST_TSO4 or GUEST_TSO6 */
    {VIRTIO_ID_NET, 10, BIT(1)},            /* GUEST_UFO */
    {VIRTIO_ID_NET, 11, BIT(0)},            /* HOST_TSO4: CSUM */
    {VIRTIO_ID_NET, 12, BIT(0)},            /* HOST_TSO6 */
    {VIRTIO_ID_NET, 13, BIT(11) | BIT(12)}, /* HOST_ECN: HOST_TSO4 or HOST_TSO6 */
    {VIRTIO_ID_NET, 14, BIT(0)},            /* HOST_UFO */
    {VIRTIO_ID_NET, 18, BIT(17)},           /* CTRL_RX: CTRL_VQ */
    {VIRTIO_ID_NET, 19, BIT(17)},           /* CTRL_VLAN */
    {VIRTIO_ID_NET, 21, BIT(17)},           /* GUEST_ANNOUNCE */
    {VIRTIO_ID_NET, 22, BIT(17)},           /* MQ */
    {VIRTIO_ID_NET, 23, BIT(17)},           /* CTRL_MAC_ADDR */
    {VIRTIO_ID_NET, 60, BIT(17)},           /* RSS */
};

static void judge_prerequisites(struct launcher_referee *referee)
{
    for (size_t i = 0; i < sizeof(prerequisites) / sizeof(prerequisites[0]); i++)
        if (referee->type == prerequisites[i].type)
            LAUNCHER_JUDGE(referee, "DRV-FEAT-02",
                           !launcher_referee_accepted(referee, prerequisites[i].bit) ||
                               (referee->life.accepted & prerequisites[i].one_of) != 0,
                           "bit %u is accepted without any of 0x%llx, which it needs",
                           prerequisites[i].bit, (unsigned long long)prerequisites[i].one_of);
}

static void judge_legacy_choice(struct launcher_referee *referee)
{
    if ((referee->offered & BIT(VIRTIO_F_ANY_LAYOUT)) != 0)
        LAUNCHER_JUDGE(referee, "DRV-RFB-15",
                       launcher_referee_accepted(referee, VIRTIO_F_ANY_LAYOUT),
                       "VIRTIO_F_ANY_LAYOUT is offered, and not accepted");
}

/* What a driver should take if it can have it. */
static void judge_wishes(struct launcher_referee *referee)
{
    const uint64_t offered = referee->offered;
    const uint64_t missing = offered & ~referee->life.accepted;

    if ((offered & BIT(VIRTIO_F_ACCESS_PLATFORM)) != 0)
        LAUNCHER_JUDGE(referee, "DRV-RFB-03", (missing & BIT(VIRTIO_F_ACCESS_PLATFORM)) == 0,
                       "VIRTIO_F_ACCESS_PLATFORM is offered, and not accepted");
    if ((offered & BIT(VIRTIO_F_RING_PACKED)) != 0)
        LAUNCHER_JUDGE(referee, "DRV-RFB-06", (missing & BIT(VIRTIO_F_RING_PACKED)) == 0,
                       "VIRTIO_F_RING_PACKED is offered, and not accepted");
    if ((offered & BIT(VIRTIO_F_ORDER_PLATFORM)) != 0)
        LAUNCHER_JUDGE(referee, "DRV-RFB-07", (missing & BIT(VIRTIO_F_ORDER_PLATFORM)) == 0,
                       "VIRTIO_F_ORDER_PLATFORM is offered, and not accepted");
    if ((offered & BIT(VIRTIO_F_NOTIF_CONFIG_DATA)) != 0)
        LAUNCHER_JUDGE(referee, "DRV-RFB-14", (missing & BIT(VIRTIO_F_NOTIF_CONFIG_DATA)) == 0,
                       "VIRTIO_F_NOTIF_CONFIG_DATA is offered, and not accepted");
}

/* Features of block and balloon devices whose choice itself is ruled. */
static void judge_type_choice(struct launcher_referee *referee)
{
    const uint64_t offered = referee->offered, accepted = referee->life.accepted;
    const uint64_t old = BIT(VIRTIO_BLK_F_BARRIER) | BIT(VIRTIO_BLK_F_SCSI);

    if (referee->type == VIRTIO_ID_BLOCK) {
        if ((offered & BIT(VIRTIO_BLK_F_RO)) != 0)
            LAUNCHER_JUDGE(referee, "DRV-BLK-16", (accepted & BIT(VIRTIO_BLK_F_RO)) != 0,
                           "VIRTIO_BLK_F_RO is offered, and not accepted");
        if (!referee->legacy)
            LAUNCHER_JUDGE(referee, "IMP-BLK-04", (accepted & old) == 0,
                           "accepted: 0x%llx, which only the legacy interface has",
                           (unsigned long long)(accepted & old));
        if ((offered & BIT(VIRTIO_BLK_F_ZONED)) != 0 && referee->zoned_model_known &&
            referee->zoned_model == VIRTIO_BLK_Z_HM)
            LAUNCHER_JUDGE(referee, "DRV-BLK-06", (accepted & BIT(VIRTIO_BLK_F_DISCARD)) == 0,
                           "VIRTIO_BLK_F_DISCARD is accepted of a host-managed zoned disk");
    }
    if (referee->type == VIRTIO_ID_BALLOON && (offered & BIT(VIRTIO_BALLOON_F_MUST_TELL_HOST)) != 0)
        LAUNCHER_JUDGE(referee, "DRV-BAL-01",
                       (accepted & BIT(VIRTIO_BALLOON_F_MUST_TELL_HOST)) != 0,
                       "VIRTIO_BALLOON_F_MUST_TELL_HOST is offered, and not accepted");
}

void launcher_judge_choice(struct launcher_referee *referee)
{
    bool offered = !referee->offered_known[1] || (referee->offered & BIT(VIRTIO_F_VERSION_1)) != 0;

    judge_prerequisites(referee);
    judge_type_choice(referee);
    if (referee->legacy) {
        judge_legacy_choice(referee);
        return;
    }
    if (offered)
        LAUNCHER_JUDGE(referee, "DRV-RFB-01",
                       launcher_referee_accepted(referee, VIRTIO_F_VERSION_1),
                       "FEATURES_OK is set without VIRTIO_F_VERSION_1");
    judge_wishes(referee);
}

/* ---- Accesses ---- */

static void see_offered(struct launcher_referee *referee, uint32_t value)
{
    struct launcher_referee_life *life = &referee->life;
    uint32_t select = life->offered_select;

    if (referee->legacy && launcher_referee_is_pci(referee))
        select = 0;
    if (select >= WORDS)
        return;
    life->offered_read[select] = referee->offered_known[select] = true;
    referee->offered =
        (referee->offered & ~(0xffffffffull << (32 * select))) | (uint64_t)value << (32 * select);
}

void launcher_judge_features(struct launcher_referee *referee, const struct launcher_access *access)
{
    struct launcher_referee_life *life = &referee->life;

    if (access->reg == LAUNCHER_REG_DEVICE_FEATURE_SELECT && access->write) {
        life->offered_select = access->value;
        life->offered_selected = true;
    } else if (access->reg == LAUNCHER_REG_DRIVER_FEATURE_SELECT && access->write) {
        life->accepted_select = access->value;
        life->accepted_selected = true;
    } else if (access->reg == LAUNCHER_REG_DEVICE_FEATURE && !access->write) {
        see_offered(referee, access->value);
    } else if (access->reg == LAUNCHER_REG_DRIVER_FEATURE && access->write) {
        judge_word(referee, access->value);
    }
}
