/* SPDX-License-Identifier: BSD-2-Clause */
/* The command `launcher`: looks the command up and runs it. */
#include <stdio.h>
#include <string.h>

#include "launcher/commands.h"

static int help_main(int argc, char **argv);
static int version_main(int argc, char **argv);

static const struct command {
    const char *name, *text;
    int (*run)(int argc, char **argv);
} commands[] = {
    {"sim", "run Slate's drivers against a device that misbehaves, from a seed", sim_main},
    {"audit", "judge the firmware that ran under QEMU by QEMU's trace", audit_main},
    {"timeline", "draw the life of each device from QEMU's trace", timeline_main},
    {"rules", "list the rules, where they are judged, and why the others are not", rules_main},
    {"help", "this text; `launcher help COMMAND`: that command's", help_main},
    {"version", "print the version", version_main},
};

static const char introduction[] =
    "usage: launcher COMMAND [ARGUMENT...]\n"
    "\n"
    "The host's side of virtio: devices that referee a driver by VIRTIO 1.4, and misbehave on\n"
    "purpose.\n"
    "\n";
static const char ending[] =
    "\n"
    "Exit status: 0 all is right, 1 a rule was broken or a check failed, 2 the arguments or a\n"
    "file cannot be used.\n"
    "The same devices for tests of your own driver: launcher/launcher.h, docs/launcher.md.\n";

static const struct command *find(const char *name)
{
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

static int unknown(const char *name)
{
    fprintf(stderr, "launcher: there is no command \"%s\"; `launcher help` lists them\n", name);
    return LAUNCHER_EXIT_USAGE;
}

static void print_help(FILE *to)
{
    fputs(introduction, to);
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        fprintf(to, "  %-10s %s\n", commands[i].name, commands[i].text);
    fputs(ending, to);
}

static int help_main(int argc, char **argv)
{
    static char option[] = "--help";
    const struct command *command;

    if (argc < 2) {
        print_help(stdout);
        return LAUNCHER_EXIT_RIGHT;
    }
    command = find(argv[1]);
    if (command == NULL)
        return unknown(argv[1]);
    if (command->run == help_main || command->run == version_main) {
        printf("launcher %s: %s\n", command->name, command->text);
        return LAUNCHER_EXIT_RIGHT;
    }
    return command->run(2, (char *[]){argv[1], option, NULL});
}

static int version_main(int argc, char **argv)
{
    if (argc > 1) {
        fprintf(stderr, "launcher: %s takes no argument\n", argv[0]);
        return LAUNCHER_EXIT_USAGE;
    }
    puts("launcher " SLATE_VERSION);
    return LAUNCHER_EXIT_RIGHT;
}

int main(int argc, char **argv)
{
    const struct command *command;
    const char *name = argc > 1 ? argv[1] : "";

    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        name = "help";
    if (strcmp(name, "--version") == 0)
        name = "version";
    if (*name == '\0') {
        print_help(stderr);
        return LAUNCHER_EXIT_USAGE;
    }
    command = find(name);
    return command != NULL ? command->run(argc - 1, argv + 1) : unknown(name);
}
