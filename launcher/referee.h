/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The referee: every rule is a row of docs/spec, named by its id where it is judged. Rules about registers are judged in
 * judge_*.c from neutral accesses alone, so that a trace of any firmware can be judged as well; rules about rings
 * and requests are judged where the device reads them.
 */
#ifndef LAUNCHER_REFEREE_H
#define LAUNCHER_REFEREE_H

#include "launcher/access.h"
#include "launcher/history.h"
#include "launcher/launcher.h"

/* A row of docs/spec/driver-*.tsv that is `unit`: made by tools/spec-rules from the tables. */
struct launcher_rule {
    const char *id, *level, *text, *component;
    const char *judged; /* the source of the launcher that judges it; NULL: none does */
    const char *reason; /* why none can, if so */
    const char *mutant; /* a test in which a driver breaks it, and is caught; NULL: none */
};
extern const struct launcher_rule launcher_rules[];
extern const unsigned launcher_rule_count;
/* NULL: no such rule. */
const struct launcher_rule *launcher_find_rule(const char *id);

/* What the accesses have shown of a queue since the latest reset of the device, or of the queue. */
struct launcher_referee_queue {
    bool size_written, desc_written, driver_written, device_written, align_written, pfn_written;
    bool begun;      /* something was written */
    bool max_known;  /* `max` is what the device said */
    bool enabled;    /* queue_enable is 1, the page number is not 0 */
    bool configured; /* was enabled before, in this life of the device */
    bool free_seen;  /* queue_enable or the page number has read as 0 */
    bool stopping;   /* MMIO: QueueReady was written 0, and not read back yet */
    bool resetting;  /* queue_reset was written 1, and has not read as 0 yet */
    bool renewed;    /* has been reset on its own */
    bool notif_data_known;
    uint32_t size, max;
    uint16_t notif_data;
};

/* What the accesses have shown of the device since its latest reset. */
struct launcher_referee_life {
    bool reset_confirmed;  /* status has read as 0 since it was written 0 */
    uint8_t status;        /* as last written or read */
    uint8_t written;       /* all bits that the driver wrote */
    bool stepped;          /* features or a queue were written */
    bool features_ok_read; /* status was read since FEATURES_OK was written */
    bool features_refused; /* and did not have it */

    bool offered_selected, accepted_selected, queue_selected;
    uint32_t offered_select, accepted_select, queue_select;
    bool offered_read[2]; /* words of the feature bits */
    uint64_t accepted;

    bool notified;
    bool suspending, suspended, resuming;
    bool page_size_written; /* legacy MMIO */

    bool generation_known, config_read; /* sampled; the configuration was read since */
    bool config_torn;                   /* samples before and after differed */
    uint32_t generation;
    bool cache_mode_seen;
    struct {
        uint8_t value;
        bool read, same;
    } capacity[8]; /* legacy: read until twice the same */
};

struct launcher_referee {
    const char *device; /* name in reports */
    struct launcher_history *history;

    /* What the owner knows of the device, and sets after launcher_referee_init(). */
    enum launcher_front_kind front;
    uint32_t type;                              /* virtio device id; 0: unknown */
    const struct launcher_config_field *fields; /* of the device type; NULL: unknown */
    uint64_t type_features;      /* bits that mean something for the type; 0: unknown */
    uint64_t transport_features; /* bits that mean something on the transport; 0: unknown */
    bool sr_iov;                 /* there is such a PCI capability */
    bool legacy;                 /* the access to be judged is one of the legacy interface */

    /* What the accesses have shown ever. */
    bool seen_reset;
    bool offered_known[2]; /* words of the feature bits */
    uint64_t offered;
    bool zoned_model_known;
    uint8_t zoned_model;
    bool magic_read, version_read, device_id_read; /* MMIO */
    enum launcher_register
        not_ours; /* MMIO: the one that says to leave it alone; NONE: none does */
    struct launcher_referee_life life;
    struct launcher_referee_queue *queues; /* grown as queue_select shows them */
    unsigned queue_count;

    unsigned *evaluated, *violated;          /* a count for each rule */
    unsigned violations;                     /* of MUST and MUST NOT */
    struct launcher_violation *first, *last; /* of SHOULD as well */
    unsigned kept;                           /* violations with text; the rest is only counted */
};

void launcher_referee_init(struct launcher_referee *referee, const char *device,
                           struct launcher_history *history);
void launcher_referee_free(struct launcher_referee *referee);
/* Judges one access, before a write takes effect; a read has its value. The history has it already. */
void launcher_judge_access(struct launcher_referee *referee, const struct launcher_access *access);

/* Prints all violations, with histories: launcher_report(). */
void launcher_referee_report(const struct launcher_referee *referee, FILE *to);

/* Judges `ok` by the row `id`: counts it, and reports a violation with that text if it is false. Returns ok. */
bool launcher_judge(struct launcher_referee *referee, const struct launcher_rule *rule, bool ok,
                    const char *format, ...) __attribute__((format(printf, 4, 5)));

#define LAUNCHER_JUDGE(referee, id, ok, ...)                                                       \
    __extension__({                                                                                \
        static const struct launcher_rule *rule_;                                                  \
        if (rule_ == NULL)                                                                         \
            rule_ = launcher_find_rule(id);                                                        \
        launcher_judge(referee, rule_, ok, __VA_ARGS__);                                           \
    })

#endif
