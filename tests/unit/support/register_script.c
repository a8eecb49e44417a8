/* SPDX-License-Identifier: BSD-2-Clause */
/* Steps of a right driver on every transport, as accesses that only the referee sees. */
#include "tests/unit/support/register_script.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "launcher/device.h"
#include "launcher/front.h"
#include "launcher/model.h"

static bool is_mmio(const struct script *s)
{
    return s->referee.front == LAUNCHER_MMIO || s->referee.front == LAUNCHER_MMIO_LEGACY;
}

/* ---- The referee ---- */

static const struct launcher_model *model_of(uint32_t type)
{
    switch (type) {
    case VIRTIO_ID_BLOCK:
        return &launcher_blk;
    case VIRTIO_ID_CONSOLE:
        return &launcher_console;
    case VIRTIO_ID_BALLOON:
        return &launcher_balloon;
    default:
        return NULL;
    }
}

void script_begin(struct script *s, enum launcher_front_kind front, uint32_t type)
{
    const struct launcher_model *model = model_of(type);

    *s = (struct script){.size = 256};
    launcher_history_init(&s->history, false);
    launcher_referee_init(&s->referee, "script", &s->history);
    s->referee.front = front;
    s->referee.type = type;
    s->referee.transport_features = launcher_transport_features(front);
    s->referee.legacy = front == LAUNCHER_PCI_LEGACY || front == LAUNCHER_MMIO_LEGACY;
    if (model != NULL) {
        s->referee.fields = model->fields;
        s->referee.type_features = model->type_features;
    }
    s->offered = s->referee.legacy ? 0 : BIT(VIRTIO_F_VERSION_1);
}

void script_end(struct script *s)
{
    launcher_referee_free(&s->referee);
    launcher_history_free(&s->history);
}

void expect_clean(struct script *s)
{
    if (s->referee.first != NULL) {
        launcher_referee_report(&s->referee, stderr);
        fail_msg("a right driver is accused of breaking %s", s->referee.first->id);
    }
    script_end(s);
}

void run_mutants(const struct mutant *mutants, size_t count)
{
    unsigned survivors = 0;

    for (size_t i = 0; i < count; i++) {
        const struct launcher_rule *rule = launcher_find_rule(mutants[i].id);
        struct script s;

        if (rule == NULL)
            fail_msg("there is no rule %s", mutants[i].id);
        script_begin(&s, mutants[i].front, mutants[i].type);
        mutants[i].run(&s);
        if (s.referee.violated[rule - launcher_rules] == 0) {
            fprintf(stderr, "%s was broken, and nothing was said of it\n", rule->id);
            launcher_referee_report(&s.referee, stderr);
            survivors++;
        }
        script_end(&s);
    }
    assert_int_equal(survivors, 0);
}

/* ---- Accesses ---- */

static struct launcher_access decoded(const struct script *s, uint64_t offset)
{
    if (is_mmio(s))
        return launcher_decode_mmio(offset, 4, s->referee.legacy);
    if (s->referee.legacy)
        return launcher_decode_pci_legacy(offset, 4, true);
    return launcher_decode_common(offset, 4);
}

static void see(struct script *s, struct launcher_access *access, bool write, uint32_t value)
{
    access->write = write;
    access->value = value;
    launcher_history_access(&s->history, access);
    launcher_judge_access(&s->referee, access);
}

void script_access(struct script *s, enum launcher_register reg, bool write, unsigned width,
                   unsigned skip, uint32_t value)
{
    struct launcher_access access = {.reg = LAUNCHER_REG_NONE};
    uint64_t offset = 0;

    while (offset < 0x100 && (access = decoded(s, offset)).reg != reg)
        offset++;
    if (access.reg != reg && s->referee.legacy && !is_mmio(s)) /* hidden by the vectors of MSI-X */
        for (offset = 0; offset < 20 && access.reg != reg; offset++)
            access = launcher_decode_pci_legacy(offset, 4, false);
    if (access.reg != reg)
        fail_msg("this transport has no register %s", launcher_register_name(reg));
    access.width = (uint8_t)(width != 0 ? width : access.natural);
    access.skip = (uint8_t)skip;
    access.offset += skip;
    see(s, &access, write, value);
}

void script_nowhere(struct script *s, uint64_t offset, bool write)
{
    struct launcher_access access = {.offset = offset, .width = 4};

    see(s, &access, write, 0);
}

void put_config(struct script *s, uint64_t offset, unsigned width, uint32_t value)
{
    struct launcher_access access = launcher_decode_config(s->referee.fields, offset, width);

    see(s, &access, true, value);
}

void get_config(struct script *s, uint64_t offset, unsigned width, uint32_t value)
{
    struct launcher_access access = launcher_decode_config(s->referee.fields, offset, width);

    see(s, &access, false, value);
}

void notify(struct script *s, unsigned width, uint32_t value)
{
    struct launcher_access access = {.reg = LAUNCHER_REG_NOTIFY,
                                     .width = (uint8_t)width,
                                     .offset = is_mmio(s) ? VIRTIO_MMIO_QUEUE_NOTIFY : 0,
                                     .writable = true,
                                     .readable = !is_mmio(s)};

    if (s->referee.legacy && !is_mmio(s))
        access.natural = 2;
    see(s, &access, true, value);
}

/* ---- Steps ---- */

void identify(struct script *s)
{
    get(s, MAGIC, VIRTIO_MMIO_MAGIC);
    get(s, VERSION, s->referee.legacy ? 1 : 2);
    get(s, DEVICE_ID, s->referee.type);
}

void reset(struct script *s)
{
    put(s, STATUS, 0);
    get(s, STATUS, 0);
}

void begin(struct script *s)
{
    if (is_mmio(s))
        identify(s);
    reset(s);
    put(s, STATUS, 1);
    put(s, STATUS, 3);
}

void read_offered(struct script *s)
{
    if (s->referee.front == LAUNCHER_PCI_LEGACY) {
        get(s, DEVICE_FEATURE, (uint32_t)s->offered);
        return;
    }
    for (uint32_t i = 0; i < 2; i++) {
        put(s, DEVICE_FEATURE_SELECT, i);
        get(s, DEVICE_FEATURE, (uint32_t)(s->offered >> (32 * i)));
    }
}

void accept(struct script *s, uint64_t features)
{
    if (s->referee.front == LAUNCHER_PCI_LEGACY) {
        put(s, DRIVER_FEATURE, (uint32_t)features);
        return;
    }
    for (uint32_t i = 0; i < 2; i++) {
        put(s, DRIVER_FEATURE_SELECT, i);
        put(s, DRIVER_FEATURE, (uint32_t)(features >> (32 * i)));
    }
}

void features_ok(struct script *s)
{
    if (s->referee.legacy)
        return;
    put(s, STATUS, 0xb);
    get(s, STATUS, 0xb);
}

void start(struct script *s, uint64_t features)
{
    if (!s->referee.legacy)
        features |= BIT(VIRTIO_F_VERSION_1);
    s->offered |= features;
    begin(s);
    read_offered(s);
    accept(s, features);
    features_ok(s);
}

static void addresses(struct script *s)
{
    put(s, QUEUE_DESC_LO, 0x10000);
    put(s, QUEUE_DESC_HI, 0);
    put(s, QUEUE_DRIVER_LO, 0x11000);
    put(s, QUEUE_DRIVER_HI, 0);
    put(s, QUEUE_DEVICE_LO, 0x12000);
    put(s, QUEUE_DEVICE_HI, 0);
}

void queue(struct script *s, uint16_t index)
{
    if (s->referee.front == LAUNCHER_MMIO_LEGACY)
        put(s, GUEST_PAGE_SIZE, 4096);
    put(s, QUEUE_SELECT, index);
    switch (s->referee.front) {
    case LAUNCHER_MMIO_LEGACY:
        get(s, QUEUE_PFN, 0);
        get(s, QUEUE_MAX, s->size);
        put(s, QUEUE_SIZE, s->size);
        put(s, QUEUE_ALIGN, 4096);
        put(s, QUEUE_PFN, 0x10);
        break;
    case LAUNCHER_PCI_LEGACY:
        get(s, QUEUE_SIZE, s->size);
        put(s, QUEUE_PFN, 0x10);
        break;
    case LAUNCHER_MMIO:
        get(s, QUEUE_ENABLE, 0);
        get(s, QUEUE_MAX, s->size);
        put(s, QUEUE_SIZE, s->size);
        addresses(s);
        put(s, QUEUE_ENABLE, 1);
        break;
    default:
        get(s, QUEUE_SIZE, s->size);
        put(s, QUEUE_SIZE, s->size);
        addresses(s);
        put(s, QUEUE_ENABLE, 1);
    }
}

void live(struct script *s)
{
    put(s, STATUS, s->referee.legacy ? 7 : 0xf);
}

void up(struct script *s, uint64_t features)
{
    start(s, features);
    queue(s, 0);
    live(s);
}
