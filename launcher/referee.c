/* SPDX-License-Identifier: BSD-2-Clause */
/* Verdicts: counts what was judged, keeps what was broken with the history that led there, and hands accesses out. */
#include "launcher/referee.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "launcher/device.h"
#include "launcher/judge.h"

enum {
    KEPT = 3,           /* violations of one rule with text */
    HISTORY_LINES = 24, /* in each of them */
    QUEUES_MAX = 65536
};

/* ---- Rules ---- */

static int compare_rule(const void *id, const void *rule)
{
    return strcmp(id, ((const struct launcher_rule *)rule)->id);
}

const struct launcher_rule *launcher_find_rule(const char *id)
{
    return bsearch(id, launcher_rules, launcher_rule_count, sizeof(launcher_rules[0]),
                   compare_rule);
}

static bool is_duty(const char *level)
{
    return strncmp(level, "MUST", 4) == 0;
}

/* ---- Verdicts ---- */

static char *formatted(const char *format, va_list args)
{
    char text[1024];
    char *copy;

    vsnprintf(text, sizeof(text), format, args);
    copy = launcher_allocate(strlen(text) + 1);
    memcpy(copy, text, strlen(text) + 1);
    return copy;
}

bool launcher_judge(struct launcher_referee *referee, const struct launcher_rule *rule, bool ok,
                    const char *format, ...)
{
    struct launcher_violation *violation;
    va_list args;
    size_t number;

    if (rule == NULL) {
        fprintf(stderr, "launcher: a rule is judged that is not in the tables: %s\n", format);
        abort();
    }
    number = (size_t)(rule - launcher_rules);
    referee->evaluated[number]++;
    if (ok)
        return true;
    referee->violated[number]++;
    referee->violations += is_duty(rule->level);
    if (referee->violated[number] <= KEPT) {
        violation = launcher_allocate(sizeof(*violation));
        violation->id = rule->id;
        violation->level = rule->level;
        va_start(args, format);
        violation->text = formatted(format, args);
        va_end(args);
        violation->history = launcher_history_text(referee->history, HISTORY_LINES);
        if (referee->last != NULL)
            referee->last->next = violation;
        else
            referee->first = violation;
        referee->last = violation;
        referee->kept++;
    }
    launcher_history_add(referee->history, LAUNCHER_EVENT_VIOLATION)->text = rule->id;
    return false;
}

static void forget(struct launcher_referee *referee)
{
    for (struct launcher_violation *next, *at = referee->first; at != NULL; at = next) {
        next = at->next;
        free(at->text);
        free(at->history);
        free(at);
    }
    referee->first = referee->last = NULL;
    referee->violations = referee->kept = 0;
    memset(referee->violated, 0, launcher_rule_count * sizeof(*referee->violated));
}

void launcher_referee_init(struct launcher_referee *referee, const char *device,
                           struct launcher_history *history)
{
    *referee = (struct launcher_referee){.device = device, .history = history};
    referee->evaluated = launcher_allocate(launcher_rule_count * sizeof(*referee->evaluated));
    referee->violated = launcher_allocate(launcher_rule_count * sizeof(*referee->violated));
}

void launcher_referee_free(struct launcher_referee *referee)
{
    forget(referee);
    free(referee->evaluated);
    free(referee->violated);
    free(referee->queues);
    *referee = (struct launcher_referee){0};
}

/* ---- Accesses ---- */

struct launcher_referee_queue *launcher_referee_queue(struct launcher_referee *referee,
                                                      uint32_t index)
{
    unsigned old = referee->queue_count;

    if (index >= QUEUES_MAX)
        return NULL;
    if (index >= old) {
        referee->queue_count = index + 1;
        referee->queues =
            launcher_grow(referee->queues, referee->queue_count * sizeof(*referee->queues));
        memset(&referee->queues[old], 0, (index + 1 - old) * sizeof(*referee->queues));
    }
    return &referee->queues[index];
}

void launcher_judge_access(struct launcher_referee *referee, const struct launcher_access *access)
{
    if (launcher_referee_is_pci(referee))
        launcher_judge_pci(referee, access);
    else if (launcher_referee_is_mmio(referee))
        launcher_judge_mmio(referee, access);

    switch (access->reg) {
    case LAUNCHER_REG_STATUS:
        launcher_judge_status(referee, access);
        break;
    case LAUNCHER_REG_DEVICE_FEATURE_SELECT:
    case LAUNCHER_REG_DEVICE_FEATURE:
    case LAUNCHER_REG_DRIVER_FEATURE_SELECT:
    case LAUNCHER_REG_DRIVER_FEATURE:
        launcher_judge_features(referee, access);
        break;
    case LAUNCHER_REG_NOTIFY:
        launcher_judge_notify(referee, access);
        break;
    case LAUNCHER_REG_CONFIG:
    case LAUNCHER_REG_GENERATION:
        launcher_judge_config(referee, access);
        break;
    default:
        launcher_judge_queue(referee, access);
        break;
    }
}

/* ---- What the owner of a device asks (launcher.h) ---- */

unsigned launcher_violations(const struct launcher_device *dev)
{
    return dev->referee.violations;
}

const struct launcher_violation *launcher_first_violation(const struct launcher_device *dev)
{
    return dev->referee.first;
}

void launcher_forget_violations(struct launcher_device *dev)
{
    forget(&dev->referee);
}

static void print_indented(const char *text, FILE *to)
{
    while (*text != '\0') {
        size_t length = strcspn(text, "\n");

        fprintf(to, "    %.*s\n", (int)length, text);
        text += length + (text[length] == '\n');
    }
}

void launcher_referee_report(const struct launcher_referee *referee, FILE *to)
{
    unsigned all = 0;

    for (const struct launcher_violation *at = referee->first; at != NULL; at = at->next) {
        const struct launcher_rule *rule = launcher_find_rule(at->id);

        fprintf(to, "%s: %s (%s): %s\n  the rule: %s\n  what came before it:\n", referee->device,
                at->id, at->level, at->text, rule->text);
        print_indented(at->history, to);
    }
    for (unsigned i = 0; i < launcher_rule_count; i++)
        all += referee->violated[i];
    if (all > referee->kept)
        fprintf(to, "%s: %u more violations, of these rules or others:\n", referee->device,
                all - referee->kept);
    for (unsigned i = 0; all > referee->kept && i < launcher_rule_count; i++)
        if (referee->violated[i] != 0)
            fprintf(to, "  %-14s %u times\n", launcher_rules[i].id, referee->violated[i]);
}

void launcher_report(const struct launcher_device *dev, FILE *to)
{
    launcher_referee_report(&dev->referee, to);
}
