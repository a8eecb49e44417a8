/* SPDX-License-Identifier: BSD-2-Clause */
/* The command line of `launcher sim`, and the loop over seeds. */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "launcher/commands.h"
#include "launcher/sim/sim.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif

enum {
    STEPS = 500,
};

static const struct sim_kind *const kinds[] = {&sim_blk, &sim_console};

static const char usage[] =
    "usage: launcher sim --device blk|console [OPTION...]\n"
    "\n"
    "Runs Slate's drivers against devices that misbehave, on a virtual clock. A seed is a run,\n"
    "to the byte.\n"
    "\n"
    "  --seed N            the first seed (1)\n"
    "  --seeds COUNT       how many (1)\n"
    "  --steps M           of each seed (500): a step is an operation of a driver, or a few\n"
    "  --faults LIST       all (which is what happens without it), none, or names with commas\n"
    "                      between them\n"
    "  --personality NAME  of all devices, instead of any\n"
    "  --timeline          draws the life of the devices\n"
    "  --svg FILE          the same as a picture, of the last machine\n"
    "  --verbose           says each operation\n"
    "  --list              prints faults and personalities\n"
    "\n"
    "Exit status: 0 all is right; 1 a seed failed, or a fault that was asked for never happened\n"
    "in a run of 50,000 steps or more; 2 the arguments or a file cannot be used.\n";

static _Noreturn void fail_usage(const char *what, const char *value)
{
    (void)fprintf(stderr, "launcher sim: %s%s%s\n%s", what, value != NULL ? ": " : "",
                  value != NULL ? value : "", usage);
    exit(LAUNCHER_EXIT_USAGE);
}

static uint64_t number(const char *option, const char *text, uint64_t least, uint64_t most)
{
    unsigned long long value;
    char *end;

    errno = 0;
    value = strtoull(text, &end, 0);
    if (errno != 0 || end == text || *end != '\0' || text[0] == '-' || value < least ||
        value > most)
        fail_usage(option, text);
    return value;
}

static const struct sim_kind *kind_by_name(const char *name)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (strcmp(kinds[i]->name, name) == 0)
            return kinds[i];
    fail_usage("no such device", name);
}

static void list(void)
{
    for (unsigned i = 0; i < LAUNCHER_FAULT_COUNT; i++)
        printf("fault %-20s %s\n", launcher_fault_name((enum launcher_fault)i),
               launcher_fault_text((enum launcher_fault)i));
    for (unsigned i = 0; launcher_personalities[i] != NULL; i++)
        printf("personality %-14s %s\n", launcher_personalities[i]->name,
               launcher_personalities[i]->text);
}

static uint64_t faults_by_name(const struct sim_kind *kind, const char *words)
{
    uint64_t faults = 0;

    if (strcmp(words, "all") == 0)
        return kind->faults;
    if (strcmp(words, "none") == 0)
        return 0;
    for (const char *at = words; *at != '\0';) {
        size_t length = strcspn(at, ",");
        char name[40] = {0};
        enum launcher_fault fault;

        if (length < sizeof(name))
            memcpy(name, at, length);
        fault = launcher_fault_by_name(name);
        if (fault == LAUNCHER_FAULT_COUNT)
            fail_usage("no such fault", name);
        if ((kind->faults >> fault & 1) == 0)
            fail_usage("a fault that cannot happen to this device", name);
        faults |= SIM_BIT(fault);
        at += length + (at[length] == ',');
    }
    return faults;
}

static void parse(int argc, char **argv, struct sim_settings *settings)
{
    static const struct option options[] = {
        {"device", required_argument, NULL, 'd'}, {"seed", required_argument, NULL, 's'},
        {"seeds", required_argument, NULL, 'n'},  {"steps", required_argument, NULL, 'm'},
        {"faults", required_argument, NULL, 'f'}, {"personality", required_argument, NULL, 'p'},
        {"timeline", no_argument, NULL, 't'},     {"svg", required_argument, NULL, 'g'},
        {"verbose", no_argument, NULL, 'v'},      {"list", no_argument, NULL, 'l'},
        {"help", no_argument, NULL, 'h'},         {NULL, 0, NULL, 0},
    };
    int option;

    optind = 1;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'd':
            settings->kind = kind_by_name(optarg);
            break;
        case 's':
            settings->seed = number("--seed", optarg, 0, UINT64_MAX / 2);
            break;
        case 'n':
            settings->seeds = number("--seeds", optarg, 1, UINT32_MAX);
            break;
        case 'm':
            settings->steps = (unsigned)number("--steps", optarg, 1, 1000000);
            break;
        case 'f':
            settings->fault_words = optarg;
            break;
        case 'p':
            settings->personality = launcher_personality(optarg);
            if (settings->personality == NULL)
                fail_usage("no such personality", optarg);
            break;
        case 't':
            settings->timeline = true;
            break;
        case 'g':
            settings->svg = optarg;
            break;
        case 'v':
            settings->verbose = true;
            break;
        case 'l':
            list();
            exit(LAUNCHER_EXIT_RIGHT);
        case 'h':
            printf("%s", usage);
            exit(LAUNCHER_EXIT_RIGHT);
        default:
            exit(LAUNCHER_EXIT_USAGE);
        }
    }
    if (optind != argc)
        fail_usage("what is this", argv[optind]);
    if (settings->kind == NULL)
        fail_usage("--device is missing", NULL);
    settings->faults = faults_by_name(settings->kind, settings->fault_words);
}

/* Found by the library of that sanitizer, which knows no other way to be followed. */
void __ubsan_on_report(void);
void __ubsan_on_report(void)
{
    sim_died();
}

int sim_main(int argc, char **argv)
{
    struct sim_settings settings = {
        .seed = 1,
        .seeds = 1,
        .steps = STEPS,
        .fault_words = "all",
    };
    struct sim_totals totals = {0};

    parse(argc, argv, &settings);
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_set_death_callback(sim_died);
#endif
    for (uint64_t i = 0; i < settings.seeds; i++)
        sim_run(&settings, &totals, settings.seed + i);
    return sim_summary(&settings, &totals);
}
