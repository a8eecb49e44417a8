/* SPDX-License-Identifier: BSD-2-Clause */
/* `launcher rules`: every rule, where it is judged and which broken driver trips it, or why no device can see it. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "launcher/commands.h"
#include "launcher/referee.h"

static const char usage[] =
    "usage: launcher rules [--component NAME] [--judged | --unjudged] [ID...]\n"
    "\n"
    "Lists the rules: what VIRTIO 1.4 demands of a driver, as far as a test on the host can show\n"
    "it (docs/spec). Each line has the rule's id, its level, and\n"
    "  the source that judges it, and the test in which a driver that breaks it is caught,\n"
    "  or, in parentheses, why no device can see whether a driver keeps it.\n"
    "\n"
    "  --component NAME  those of core, split, packed, pci, pci-legacy, mmio, mmio-legacy, blk,\n"
    "                    console, entropy or balloon\n"
    "  --judged          those that are judged\n"
    "  --unjudged        those that are not\n"
    "  ID...             these, with their text\n"
    "\n"
    "Exit status: 0; 1 if a rule that is listed is neither judged nor has a reason, or is judged\n"
    "and no test trips it; 2 for arguments that cannot be understood.\n";

struct wish {
    const char *component; /* NULL: all */
    bool judged, unjudged;
    const char *bold, *red, *plain; /* how to change colours; empty: not at all */
};

bool launcher_wants_colour(FILE *file)
{
    const char *no = getenv("NO_COLOR");

    return isatty(fileno(file)) && (no == NULL || *no == '\0');
}

/* Judged without a broken driver that proves it, or not judged and nobody knows why. */
static bool is_gap(const struct launcher_rule *rule)
{
    return rule->judged != NULL ? rule->mutant == NULL : rule->reason == NULL;
}

static void print_rule(const struct launcher_rule *rule, const struct wish *wish, bool text)
{
    printf("%s%-14s%s %-10s ", wish->bold, rule->id, wish->plain, rule->level);
    if (rule->judged == NULL && rule->reason != NULL)
        printf("(%s)\n", rule->reason);
    else if (is_gap(rule))
        printf("%s%s%s\n", wish->red,
               rule->judged == NULL ? "neither judged, nor a reason why not"
                                    : "judged, and no test trips it",
               wish->plain);
    else
        printf("%-26s %s\n", rule->judged, rule->mutant);
    if (text)
        printf("    %s\n", rule->text);
}

static bool is_component(const char *name)
{
    for (unsigned i = 0; i < launcher_rule_count; i++)
        if (strcmp(launcher_rules[i].component, name) == 0)
            return true;
    return false;
}

static int misuse(const char *what, const char *word)
{
    fprintf(stderr, "launcher rules: %s%s (--help explains)\n", what, word);
    return LAUNCHER_EXIT_USAGE;
}

/* Those that are named. */
static int print_named(int count, char **ids, const struct wish *wish)
{
    bool gap = false;

    for (int i = 0; i < count; i++) {
        const struct launcher_rule *rule = launcher_find_rule(ids[i]);

        if (rule == NULL)
            return misuse("there is no rule ", ids[i]);
        print_rule(rule, wish, true);
        gap |= is_gap(rule);
    }
    return gap ? LAUNCHER_EXIT_WRONG : LAUNCHER_EXIT_RIGHT;
}

static int print_table(const struct wish *wish)
{
    unsigned listed = 0, judged = 0, gaps = 0;

    for (unsigned i = 0; i < launcher_rule_count; i++) {
        const struct launcher_rule *rule = &launcher_rules[i];

        if ((wish->component != NULL && strcmp(rule->component, wish->component) != 0) ||
            (wish->judged && rule->judged == NULL) || (wish->unjudged && rule->judged != NULL))
            continue;
        print_rule(rule, wish, false);
        listed++;
        judged += rule->judged != NULL;
        gaps += is_gap(rule);
    }
    printf("%u rules, %u judged, %u that no device can see, %u gaps\n", listed, judged,
           listed - judged, gaps);
    return gaps != 0 ? LAUNCHER_EXIT_WRONG : LAUNCHER_EXIT_RIGHT;
}

int rules_main(int argc, char **argv)
{
    bool colour = launcher_wants_colour(stdout);
    struct wish wish = {
        .bold = colour ? "\033[1m" : "",
        .red = colour ? "\033[31m" : "",
        .plain = colour ? "\033[0m" : "",
    };
    int i = 1;

    for (; i < argc && argv[i][0] == '-'; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            fputs(usage, stdout);
            return LAUNCHER_EXIT_RIGHT;
        } else if (strcmp(argv[i], "--judged") == 0) {
            wish.judged = true;
        } else if (strcmp(argv[i], "--unjudged") == 0) {
            wish.unjudged = true;
        } else if (strcmp(argv[i], "--component") == 0 && i + 1 < argc) {
            wish.component = argv[++i];
            if (!is_component(wish.component))
                return misuse("there is no component ", wish.component);
        } else {
            return misuse("what is meant by ", argv[i]);
        }
    }
    if (wish.judged && wish.unjudged)
        return misuse("--judged and --unjudged together leave nothing", "");
    if (i < argc && (wish.judged || wish.unjudged || wish.component != NULL))
        return misuse("ids and options do not go together", "");
    return i < argc ? print_named(argc - i, argv + i, &wish) : print_table(&wish);
}
