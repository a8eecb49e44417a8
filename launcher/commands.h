/* SPDX-License-Identifier: BSD-2-Clause */
/* The commands of the launcher: argv[0] is the command's name. They return the exit status of the process. */
#ifndef LAUNCHER_COMMANDS_H
#define LAUNCHER_COMMANDS_H

#include <stdbool.h>
#include <stdio.h>

enum launcher_exit {
    LAUNCHER_EXIT_RIGHT = 0,
    LAUNCHER_EXIT_WRONG = 1, /* a rule was broken, or a check failed */
    LAUNCHER_EXIT_USAGE = 2  /* it was not understood what to do, or a file cannot be used */
};

int rules_main(int argc, char **argv);    /* rules_command.c */
int sim_main(int argc, char **argv);      /* sim/ */
int audit_main(int argc, char **argv);    /* audit_command.c */
int timeline_main(int argc, char **argv); /* timeline_command.c */

/* Whether text to this file may have colours: a terminal, and NO_COLOR is not set. rules_command.c */
bool launcher_wants_colour(FILE *file);

#endif
