/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Drivers that consist of neutral register accesses alone, and a referee that sees them: no device is behind it, so that
 * a script says both what is written and what was read. The steps are those of a right driver; a mutant leaves one
 * out, or does one in another way.
 */
#ifndef TESTS_UNIT_SUPPORT_REGISTER_SCRIPT_H
#define TESTS_UNIT_SUPPORT_REGISTER_SCRIPT_H

#include "launcher/referee.h"

struct script {
    struct launcher_referee referee;
    struct launcher_history history;
    uint64_t offered; /* by the device that is not there */
    uint16_t size;    /* that its queues have */
};

/* A driver that breaks the rule `id`. */
struct mutant {
    const char *id;
    enum launcher_front_kind front;
    uint32_t type;
    void (*run)(struct script *s);
};
/* tools/check-rules looks for this name. */
#define MUTANT(id, front, type, run)                                                               \
    {                                                                                              \
        id, LAUNCHER_##front, VIRTIO_ID_##type, run                                                \
    }

void script_begin(struct script *s, enum launcher_front_kind front, uint32_t type);
void script_end(struct script *s);
/* Fails the test if a rule was broken, of whatever level; ends the script. */
void expect_clean(struct script *s);
/* Runs each, and fails the test, naming the mutants, unless every one broke its rule. */
void run_mutants(const struct mutant *mutants, size_t count);

/* ---- Single accesses: `name` is one of access.h, as in put(s, STATUS, 1) ---- */

#define put(s, name, value) script_access(s, LAUNCHER_REG_##name, true, 0, 0, value)
#define get(s, name, value) script_access(s, LAUNCHER_REG_##name, false, 0, 0, value)
/* With another width than it has, `skip` bytes into the register; width 0: its own. */
void script_access(struct script *s, enum launcher_register reg, bool write, unsigned width,
                   unsigned skip, uint32_t value);
/* An offset at which no register is, or one that is only another version's. */
void script_nowhere(struct script *s, uint64_t offset, bool write);
void put_config(struct script *s, uint64_t offset, unsigned width, uint32_t value);
void get_config(struct script *s, uint64_t offset, unsigned width, uint32_t value);
void notify(struct script *s, unsigned width, uint32_t value);

/* ---- Steps ---- */

#define BIT(n) (1ull << (n))

void identify(struct script *s); /* MMIO */
void reset(struct script *s);
/* What comes first: identification, reset, ACKNOWLEDGE, DRIVER. */
void begin(struct script *s);
void read_offered(struct script *s);
void accept(struct script *s, uint64_t features);
/* FEATURES_OK, read back. Nothing, if legacy. */
void features_ok(struct script *s);
/* All of these; VERSION_1 is accepted as well, unless legacy. */
void start(struct script *s, uint64_t features);
void queue(struct script *s, uint16_t index);
void live(struct script *s);
/* And all of these, with queue 0. */
void up(struct script *s, uint64_t features);

#endif
