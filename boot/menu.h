/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The boot menu: a list on a serial terminal, a countdown, keys. It knows neither devices nor clocks; all it does goes
 * through struct menu_io.
 */
#ifndef SLATE_BOOT_MENU_H
#define SLATE_BOOT_MENU_H

#include <stdint.h>

#include "boot/entries.h"

struct diag;

#define MENU_SECONDS_MAX 86400u /* the longest countdown */

enum menu_mode {
    MENU_HIDDEN,   /* boots at once; a key that has been pressed by then opens the menu */
    MENU_TIMED,    /* shown for `seconds`, then boots the default */
    MENU_FORCED,   /* shown until someone chooses */
    MENU_DISABLED, /* never shown */
};

struct menu_timeout {
    enum menu_mode mode;
    unsigned seconds; /* MENU_TIMED: 1 to MENU_SECONDS_MAX */
};

/*
 * Reads a timeout as it stands in loader.conf or in a setting: a number of seconds (0 is menu-hidden), "menu-force",
 * "menu-hidden" or "menu-disabled". Errors: -BOOT_E_CONFIG; `timeout` is then unchanged.
 */
int menu_timeout_parse(struct menu_timeout *timeout, const char *text, struct diag *diag);

enum menu_key {
    MENU_KEY_NONE = -1, /* none came in time */
    MENU_KEY_GONE = -2, /* there is nothing that a key could come from */
};

/* The terminal and the clock. */
struct menu_io {
    /* The next byte that was typed, or MENU_KEY_NONE after `timeout_ns`, or MENU_KEY_GONE. */
    int (*get)(void *ctx, uint64_t timeout_ns);
    /* Shows a text: ASCII, UTF-8 in titles, ANSI sequences for cursor movement; lines end in "\r\n". */
    void (*put)(void *ctx, const char *text);
    uint64_t (*now_ns)(void *ctx); /* monotonic */
    void *ctx;
};

/*
 * Lets a person choose. Returns the index of the entry to boot: `preferred` (below list->count) when nobody does. The
 * menu is shown when there is a choice (more than one entry, or MENU_FORCED) and the timeout says so. Any key stops
 * the countdown; from then on, and under MENU_FORCED, it waits for as long as it takes, unless there is no keyboard.
 * Keys: up, down, k, j, Home, End, a number, Enter.
 */
unsigned menu_choose(const struct menu_io *io, const struct boot_entries *list, unsigned preferred,
                     const struct menu_timeout *timeout);

#endif
