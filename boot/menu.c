/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The boot menu. Lines are drawn once; afterwards the cursor rests on the last line, the status, and goes up only to
 * redraw the lines that change. A terminal without ANSI sequences still shows the list, and numbers and Enter work.
 */
#include "boot/menu.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "boot/diag.h"
#include "boot/error.h"

#define SECOND_NS      1000000000ull
#define ESCAPE_NS      50000000ull /* the bytes of one key come closer together than a person types */
#define SEQUENCE_BYTES 8u          /* the longest escape sequence that is followed to its end */
#define ROWS           16u         /* entries on the screen at a time */
#define COLUMNS        70u         /* of a label; with its number it fits 80 */
#define LINE_MAX       (BOOT_ENTRY_LABEL_MAX + 32u)
#define WAIT_NS        (3600 * SECOND_NS) /* without a countdown: how long one wait for a key may take */

enum action {
    ACTION_NONE,
    ACTION_UP,
    ACTION_DOWN,
    ACTION_FIRST,
    ACTION_LAST,
    ACTION_BOOT,
    ACTION_DIGIT, /* ACTION_DIGIT + 0 to 9 */
};

struct menu {
    const struct menu_io *io;
    const struct boot_entries *list;
    unsigned selected;
    unsigned top;     /* the first entry on the screen */
    unsigned rows;    /* entries on the screen */
    unsigned typed;   /* the number that is being typed, or 0 */
    bool counting;    /* the countdown runs */
    uint64_t end_ns;  /* of the countdown */
    uint64_t shown_s; /* what the status line says */
};

int menu_timeout_parse(struct menu_timeout *timeout, const char *text, struct diag *diag)
{
    static const struct {
        const char *word;
        enum menu_mode mode;
    } words[] = {
        {"menu-hidden", MENU_HIDDEN},
        {"menu-force", MENU_FORCED},
        {"menu-disabled", MENU_DISABLED},
    };
    unsigned seconds = 0;
    const char *p = text;

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(text, words[i].word) == 0) {
            *timeout = (struct menu_timeout){.mode = words[i].mode};
            return 0;
        }
    }
    while (*p >= '0' && *p <= '9' && seconds <= MENU_SECONDS_MAX) {
        seconds = seconds * 10 + (unsigned)(*p++ - '0');
    }
    if (p == text || *p != '\0' || seconds > MENU_SECONDS_MAX) {
        return diag_fail(diag, -BOOT_E_CONFIG,
                         "timeout '%s' is neither 0 to %u (seconds) nor menu-hidden, menu-force or "
                         "menu-disabled",
                         text, MENU_SECONDS_MAX);
    }
    *timeout =
        (struct menu_timeout){.mode = seconds == 0 ? MENU_HIDDEN : MENU_TIMED, .seconds = seconds};
    return 0;
}

/* ---- Keys ----------------------------------------------------------------------------------------------------- */

/*
 * What follows an escape byte: "[" or "O", parameters, a final byte (ECMA-48, 5.4). Bytes that stay away, or are not
 * of this form, end the sequence: a lone escape does nothing.
 */
static enum action read_sequence(const struct menu *menu)
{
    const struct menu_io *io = menu->io;
    int byte = io->get(io->ctx, ESCAPE_NS);
    int parameter = 0;

    if (byte != '[' && byte != 'O') {
        return ACTION_NONE;
    }
    for (unsigned i = 0; i < SEQUENCE_BYTES; i++) {
        byte = io->get(io->ctx, ESCAPE_NS);
        if (byte < 0x20 || byte > 0x3f) {
            break;
        }
        parameter = byte;
    }
    switch (byte) {
    case 'A':
        return ACTION_UP;
    case 'B':
        return ACTION_DOWN;
    case 'H':
        return ACTION_FIRST;
    case 'F':
        return ACTION_LAST;
    case '~': /* Home and End of terminals like the VT220 and rxvt */
        return parameter == '1' || parameter == '7'   ? ACTION_FIRST
               : parameter == '4' || parameter == '8' ? ACTION_LAST
                                                      : ACTION_NONE;
    default:
        return ACTION_NONE;
    }
}

static enum action decode_key(const struct menu *menu, int byte)
{
    switch (byte) {
    case 0x1b:
        return read_sequence(menu);
    case 'k':
        return ACTION_UP;
    case 'j':
        return ACTION_DOWN;
    case '\r':
    case '\n':
        return ACTION_BOOT;
    default:
        return byte >= '0' && byte <= '9' ? (enum action)(ACTION_DIGIT + (byte - '0'))
                                          : ACTION_NONE;
    }
}

/* ---- Screen --------------------------------------------------------------------------------------------------- */

static void put(const struct menu *menu, const char *text)
{
    menu->io->put(menu->io->ctx, text);
}

/* Moves between the status line and the line of an entry that is on the screen. */
static void move(const struct menu *menu, unsigned index, char direction)
{
    char text[16];

    snprintf(text, sizeof(text), "\r\033[%u%c", menu->rows - (index - menu->top), direction);
    put(menu, text);
}

static void put_entry(const struct menu *menu, unsigned index)
{
    char label[BOOT_ENTRY_LABEL_MAX];
    char line[LINE_MAX];

    boot_entries_label(menu->list, index, COLUMNS, label);
    snprintf(line, sizeof(line), " %c %u) %s", index == menu->selected ? '>' : ' ', index + 1,
             label);
    put(menu, line);
}

static void redraw_entry(const struct menu *menu, unsigned index)
{
    move(menu, index, 'A');
    put_entry(menu, index);
    put(menu, "\033[K");
    move(menu, index, 'B');
}

static void put_status(struct menu *menu, uint64_t seconds)
{
    char line[LINE_MAX];

    if (menu->counting) {
        snprintf(line, sizeof(line), "\rEntry %u boots in %u s; any key stops that\033[K",
                 menu->selected + 1, (unsigned)seconds);
    } else {
        snprintf(line, sizeof(line), "\rEntry %u of %u; up, down or a number, then Enter\033[K",
                 menu->selected + 1, menu->list->count);
    }
    put(menu, line);
    menu->shown_s = seconds;
}

/* Seconds until the countdown ends, the one that has begun included. */
static uint64_t seconds_left(const struct menu *menu, uint64_t now)
{
    return now < menu->end_ns ? (menu->end_ns - now + SECOND_NS - 1) / SECOND_NS : 0;
}

static void draw(struct menu *menu)
{
    put(menu, "\r\n");
    for (unsigned i = menu->top; i < menu->top + menu->rows; i++) {
        put_entry(menu, i);
        put(menu, "\r\n");
    }
    put_status(menu, seconds_left(menu, menu->io->now_ns(menu->io->ctx)));
}

/* Makes `index` the selected entry and brings it onto the screen. */
static void select_entry(struct menu *menu, unsigned index)
{
    const unsigned before = menu->selected;
    const unsigned top = menu->top;

    menu->selected = index;
    if (index < menu->top) {
        menu->top = index;
    } else if (index >= menu->top + menu->rows) {
        menu->top = index - menu->rows + 1;
    }
    if (menu->top != top) {
        for (unsigned i = menu->top; i < menu->top + menu->rows; i++) {
            redraw_entry(menu, i);
        }
    } else if (index != before) {
        redraw_entry(menu, before);
        redraw_entry(menu, index);
    }
    put_status(menu, 0);
}

/* ---- Choice --------------------------------------------------------------------------------------------------- */

/* Digits make a number as long as there is an entry with that number; then a new number starts. */
static void type_digit(struct menu *menu, unsigned digit)
{
    unsigned number = menu->typed * 10 + digit;

    if (number > menu->list->count) {
        number = digit;
    }
    menu->typed = number <= menu->list->count ? number : 0;
    if (menu->typed != 0) {
        select_entry(menu, menu->typed - 1);
    }
}

static void do_action(struct menu *menu, enum action action)
{
    const unsigned last = menu->list->count - 1;

    if (action >= ACTION_DIGIT) {
        type_digit(menu, (unsigned)action - ACTION_DIGIT);
        return;
    }
    menu->typed = 0;
    if (action == ACTION_UP && menu->selected > 0) {
        select_entry(menu, menu->selected - 1);
    } else if (action == ACTION_DOWN && menu->selected < last) {
        select_entry(menu, menu->selected + 1);
    } else if (action == ACTION_FIRST) {
        select_entry(menu, 0);
    } else if (action == ACTION_LAST) {
        select_entry(menu, last);
    }
}

/* Waits for a key while the countdown runs. ACTION_BOOT when it is over, or no key can ever come. */
static enum action wait_counting(struct menu *menu)
{
    const struct menu_io *io = menu->io;

    for (;;) {
        const uint64_t now = io->now_ns(io->ctx);
        const uint64_t left = seconds_left(menu, now);
        uint64_t wait;
        int byte;

        if (left == 0) {
            return ACTION_BOOT;
        }
        if (left != menu->shown_s) {
            put_status(menu, left);
        }
        wait = menu->end_ns - now - (left - 1) * SECOND_NS;
        byte = io->get(io->ctx, wait);
        if (byte == MENU_KEY_GONE) {
            return ACTION_BOOT;
        }
        if (byte >= 0) {
            menu->counting = false;
            put_status(menu, 0);
            return decode_key(menu, byte);
        }
    }
}

static enum action wait_key(const struct menu *menu)
{
    const struct menu_io *io = menu->io;
    const int byte = io->get(io->ctx, WAIT_NS);

    if (byte == MENU_KEY_GONE) {
        return ACTION_BOOT;
    }
    return byte < 0 ? ACTION_NONE : decode_key(menu, byte);
}

/* Shows the menu until a choice is made. */
static unsigned run(struct menu *menu)
{
    draw(menu);
    for (;;) {
        const enum action action = menu->counting ? wait_counting(menu) : wait_key(menu);

        if (action == ACTION_BOOT) {
            put(menu, "\r\n");
            return menu->selected;
        }
        do_action(menu, action);
    }
}

unsigned menu_choose(const struct menu_io *io, const struct boot_entries *list, unsigned preferred,
                     const struct menu_timeout *timeout)
{
    struct menu menu = {
        .io = io,
        .list = list,
        .selected = preferred,
        .rows = list->count < ROWS ? list->count : ROWS,
        .counting = timeout->mode == MENU_TIMED,
    };

    if (timeout->mode == MENU_DISABLED || (list->count < 2 && timeout->mode != MENU_FORCED)) {
        return preferred;
    }
    if (timeout->mode == MENU_HIDDEN && io->get(io->ctx, 0) < 0) {
        return preferred;
    }
    if (menu.counting) {
        menu.end_ns = io->now_ns(io->ctx) + timeout->seconds * SECOND_NS;
    }
    if (preferred >= menu.rows) {
        menu.top = preferred - menu.rows + 1;
    }
    return run(&menu);
}
