/* SPDX-License-Identifier: BSD-2-Clause */
/* The boot menu, with a typist who keeps to a timetable and a terminal that shows what a person would see. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "boot/diag.h"
#include "boot/error.h"
#include "boot/menu.h"

#define MS        1000000ull
#define LINES     64u
#define LINE_SIZE 160u

/* ---- The terminal: carriage return, newline, cursor up and down, erase to the end of the line ---- */

static char screen[LINES][LINE_SIZE];
static unsigned row, column, written;

static void show(char c)
{
    assert_true(row < LINES && column < LINE_SIZE - 1);
    screen[row][column++] = c;
}

static const char *sequence(const char *text)
{
    char *end;
    const unsigned long count = strtoul(text, &end, 10);

    switch (*end) {
    case 'A':
        assert_true(count >= 1 && count <= row);
        row -= (unsigned)count;
        break;
    case 'B':
        assert_true(count >= 1);
        row += (unsigned)count;
        break;
    case 'K':
        memset(screen[row] + column, 0, LINE_SIZE - column);
        break;
    default:
        fail_msg("unknown sequence %s", text);
    }
    return end + 1;
}

static void terminal_put(void *ctx, const char *text)
{
    (void)ctx;
    written += (unsigned)strlen(text);
    while (*text != '\0') {
        if (strncmp(text, "\033[", 2) == 0) {
            text = sequence(text + 2);
        } else if (*text == '\r') {
            column = 0;
            text++;
        } else if (*text == '\n') {
            row++;
            text++;
        } else {
            show(*text++);
        }
    }
}

/* ---- The typist ---- */

struct press {
    uint64_t at_ms;
    const char *bytes; /* they come together */
};

static const struct press *next_press;
static size_t next_byte;
static uint64_t now;
static bool gone;                  /* no keyboard at all */
static char status[16][LINE_SIZE]; /* the status lines while the typist waited */
static unsigned statuses;

static uint64_t clock_now(void *ctx)
{
    (void)ctx;
    return now;
}

static int typist_get(void *ctx, uint64_t timeout_ns)
{
    (void)ctx;
    if (gone) {
        return MENU_KEY_GONE;
    }
    if (statuses < 16 && written > 0) {
        memcpy(status[statuses++], screen[row], LINE_SIZE);
    }
    if (next_press->bytes == NULL || next_press->at_ms * MS > now + timeout_ns) {
        if (next_press->bytes == NULL && timeout_ns > 1000000 * MS) {
            fail_msg("the menu waits for ever");
        }
        now += timeout_ns;
        return MENU_KEY_NONE;
    }
    if (now < next_press->at_ms * MS) {
        now = next_press->at_ms * MS;
    }
    const int byte = (unsigned char)next_press->bytes[next_byte++];
    if (next_press->bytes[next_byte] == '\0') {
        next_press++;
        next_byte = 0;
    }
    return byte;
}

static const struct menu_io io = {typist_get, terminal_put, clock_now, NULL};

/* ---- The entries ---- */

static struct boot_entries list;

static void make_list(unsigned count)
{
    struct diag diag = {0};

    boot_entries_free(&list);
    for (unsigned i = 1; i <= count; i++) {
        struct boot_entry entry;
        char name[32], title[32];

        snprintf(name, sizeof(name), "e%u.conf", i);
        snprintf(title, sizeof(title), "System %u", i);
        assert_int_equal(boot_entry_make(&entry, name, "/l", title, "", "", &diag), 0);
        assert_int_equal(boot_entries_add(&list, &entry, &diag), 0);
    }
}

static int free_list(void **state)
{
    (void)state;
    boot_entries_free(&list);
    return 0;
}

static unsigned choose(const struct press *presses, unsigned preferred, enum menu_mode mode,
                       unsigned seconds)
{
    const struct menu_timeout timeout = {mode, seconds};

    memset(screen, 0, sizeof(screen));
    memset(status, 0, sizeof(status));
    row = column = written = statuses = 0;
    next_press = presses;
    next_byte = 0;
    now = 5000 * MS;
    gone = false;
    return menu_choose(&io, &list, preferred, &timeout);
}

static const struct press nothing[] = {{0, NULL}};

/* ---- Timeouts ---- */

static void timeouts_are_read(void **state)
{
    static const struct {
        const char *text;
        enum menu_mode mode;
        unsigned seconds;
    } good[] = {
        {"0", MENU_HIDDEN, 0},
        {"1", MENU_TIMED, 1},
        {"0010", MENU_TIMED, 10},
        {"86400", MENU_TIMED, 86400},
        {"menu-force", MENU_FORCED, 0},
        {"menu-hidden", MENU_HIDDEN, 0},
        {"menu-disabled", MENU_DISABLED, 0},
    };
    static const char *const bad[] = {
        "", "-1", "5s", "86401", "4294967297", "1 ", "x", "menu-forced", "99999999999999999999"};
    struct menu_timeout timeout;
    struct diag diag = {0};

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_int_equal(menu_timeout_parse(&timeout, good[i].text, &diag), 0);
        assert_int_equal(timeout.mode, good[i].mode);
        assert_int_equal(timeout.seconds, good[i].seconds);
    }
    timeout = (struct menu_timeout){MENU_FORCED, 77};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(menu_timeout_parse(&timeout, bad[i], &diag), -BOOT_E_CONFIG);
        assert_int_equal(timeout.seconds, 77);
    }
}

/* ---- When it is shown ---- */

static void no_choice_needs_no_menu(void **state)
{
    (void)state;
    make_list(1);
    assert_int_equal(choose(nothing, 0, MENU_TIMED, 5), 0);
    assert_int_equal(written, 0);
    assert_int_equal(now, 5000 * MS);
}

static void without_timeout_it_boots_at_once(void **state)
{
    (void)state;
    make_list(3);
    assert_int_equal(choose(nothing, 1, MENU_HIDDEN, 0), 1);
    assert_int_equal(written, 0);
    assert_int_equal(now, 5000 * MS);
}

static void key_opens_a_hidden_menu(void **state)
{
    static const struct press presses[] = {{100, "x"}, {60000, "\r"}, {0, NULL}};

    (void)state;
    make_list(3);
    assert_int_equal(choose(presses, 1, MENU_HIDDEN, 0), 1);
    assert_string_equal(screen[1], "   1) System 1");
    assert_string_equal(screen[2], " > 2) System 2");
    assert_string_equal(screen[3], "   3) System 3");
    assert_int_equal(now, 60000 * MS); /* no countdown once a key was pressed */
}

static void disabled_menu_is_never_shown(void **state)
{
    static const struct press presses[] = {{100, "x"}, {0, NULL}};

    (void)state;
    make_list(3);
    assert_int_equal(choose(presses, 2, MENU_DISABLED, 0), 2);
    assert_int_equal(written, 0);
}

static void forced_menu_waits(void **state)
{
    static const struct press presses[] = {{40000000, "\n"}, {0, NULL}};

    (void)state;
    make_list(1);
    assert_int_equal(choose(presses, 0, MENU_FORCED, 0), 0);
    assert_int_equal(now, 40000000 * MS);
}

static void without_keyboard_nothing_waits(void **state)
{
    static const enum menu_mode modes[] = {MENU_TIMED, MENU_FORCED, MENU_HIDDEN};

    (void)state;
    make_list(2);
    for (unsigned i = 0; i < 3; i++) {
        const struct menu_timeout timeout = {modes[i], 5};

        memset(screen, 0, sizeof(screen));
        row = column = 0;
        now = 0;
        gone = true;
        assert_int_equal(menu_choose(&io, &list, 1, &timeout), 1);
        assert_int_equal(now, 0);
    }
}

/* ---- The countdown ---- */

static void countdown_ends_in_the_default(void **state)
{
    (void)state;
    make_list(2);
    assert_int_equal(choose(nothing, 1, MENU_TIMED, 3), 1);
    assert_int_equal(now, 8000 * MS);
    assert_int_equal(statuses, 3); /* one wait a second */
    assert_string_equal(status[0], "Entry 2 boots in 3 s; any key stops that");
    assert_string_equal(status[1], "Entry 2 boots in 2 s; any key stops that");
    assert_string_equal(status[2], "Entry 2 boots in 1 s; any key stops that");
}

static void any_key_stops_the_countdown(void **state)
{
    static const struct press presses[] = {{6500, "x"}, {100000, "\r"}, {0, NULL}};

    (void)state;
    make_list(2);
    assert_int_equal(choose(presses, 0, MENU_TIMED, 3), 0);
    assert_int_equal(now, 100000 * MS);
    assert_string_equal(screen[3], "Entry 1 of 2; up, down or a number, then Enter");
}

static void first_key_counts_too(void **state)
{
    static const struct press down[] = {{6500, "j"}, {7000, "\r"}, {0, NULL}};
    static const struct press enter[] = {{6500, "\r"}, {0, NULL}};

    (void)state;
    make_list(2);
    assert_int_equal(choose(down, 0, MENU_TIMED, 3), 1);
    assert_int_equal(choose(enter, 0, MENU_TIMED, 3), 0);
    assert_int_equal(now, 6500 * MS);
}

/* ---- Keys ---- */

static void check_keys(const char *bytes, unsigned expected)
{
    const struct press presses[] = {{6000, bytes}, {7000, "\r"}, {0, NULL}};
    const unsigned index = choose(presses, 1, MENU_FORCED, 0);
    char line[LINE_SIZE];

    if (index != expected) {
        fail_msg("keys '%s' choose %u, expected %u", bytes, index, expected);
    }
    /* Exactly one line is marked: the chosen one. */
    for (unsigned i = 0; i < list.count; i++) {
        snprintf(line, sizeof(line), " %c %u) System %u", i == index ? '>' : ' ', i + 1, i + 1);
        assert_string_equal(screen[1 + i], line);
    }
}

static void arrows_and_letters_move(void **state)
{
    (void)state;
    make_list(4);
    check_keys("\033[A", 0);
    check_keys("\033[B", 2);
    check_keys("\033OA", 0);
    check_keys("\033OB", 2);
    check_keys("k", 0);
    check_keys("j", 2);
    check_keys("kkkk", 0);
    check_keys("jjjjjj", 3);
    check_keys("jk\033[B\033[B\033[A", 2);
    check_keys("\033[H", 0);
    check_keys("\033[F", 3);
    check_keys("\033[1~", 0);
    check_keys("\033[4~", 3);
    check_keys("\033[7~", 0);
    check_keys("\033[8~", 3);
}

static void other_keys_do_nothing(void **state)
{
    (void)state;
    make_list(4);
    check_keys("x", 1);
    check_keys("\033[C\033[D", 1);
    check_keys("\033[3~\033[5~", 1);
    check_keys("\033[1;5C", 1);
    check_keys("\033x", 1);
    check_keys("\377\200", 1);
    check_keys("\033[000000003", 2); /* no sequence has so many parameters: the 3 is typed */
}

static void sequence_may_come_in_pieces(void **state)
{
    static const struct press slow[] = {
        {6000, "\033"}, {6040, "["}, {6080, "B"}, {7000, "\r"}, {0, NULL}};
    static const struct press alone[] = {{6000, "\033"}, {6100, "j"}, {7000, "\r"}, {0, NULL}};
    static const struct press torn[] = {{6000, "\033["}, {6100, "j"}, {7000, "\r"}, {0, NULL}};

    (void)state;
    make_list(4);
    assert_int_equal(choose(slow, 1, MENU_FORCED, 0), 2);
    assert_int_equal(choose(alone, 1, MENU_FORCED, 0), 2); /* the escape ends, j is j */
    assert_int_equal(choose(torn, 1, MENU_FORCED, 0), 2);
}

static void numbers_select(void **state)
{
    (void)state;
    make_list(12);
    check_keys("3", 2);
    check_keys("0", 1);
    check_keys("12", 11);
    check_keys("13", 2);  /* there is no 13: the 3 starts a number */
    check_keys("1j2", 1); /* another key ends a number */
    check_keys("9", 8);
    check_keys("99", 8);
    make_list(4);
    check_keys("9", 1);
}

static void long_lists_scroll(void **state)
{
    static const struct press last[] = {{6000, "\033[F"}, {7000, "\r"}, {0, NULL}};
    static const struct press back[] = {
        {6000, "\033[F\033[H"}, {6500, "jj"}, {7000, "\r"}, {0, NULL}};

    (void)state;
    make_list(30);
    assert_int_equal(choose(nothing, 20, MENU_TIMED, 1), 20); /* the default is in sight */
    assert_string_equal(screen[1], "   6) System 6");
    assert_string_equal(screen[16], " > 21) System 21");
    assert_int_equal(choose(last, 0, MENU_FORCED, 0), 29);
    assert_string_equal(screen[1], "   15) System 15");
    assert_string_equal(screen[16], " > 30) System 30");
    assert_string_equal(screen[17], "Entry 30 of 30; up, down or a number, then Enter");
    assert_int_equal(choose(back, 0, MENU_FORCED, 0), 2);
    assert_string_equal(screen[1], "   1) System 1");
    assert_string_equal(screen[3], " > 3) System 3");
    assert_string_equal(screen[16], "   16) System 16");
}

/* A serial line carries some 11,000 characters a second. */
static void little_is_written(void **state)
{
    static const struct press step[] = {{6000, "j"}, {7000, "\r"}, {0, NULL}};
    static const struct press none[] = {{7000, "\r"}, {0, NULL}};
    unsigned before;

    (void)state;
    make_list(16);
    assert_int_equal(choose(none, 0, MENU_FORCED, 0), 0);
    assert_true(written < 16 * 24 + 64);
    before = written;
    assert_int_equal(choose(step, 0, MENU_FORCED, 0), 1);
    assert_true(written - before < 160);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(timeouts_are_read),
        cmocka_unit_test(no_choice_needs_no_menu),
        cmocka_unit_test(without_timeout_it_boots_at_once),
        cmocka_unit_test(key_opens_a_hidden_menu),
        cmocka_unit_test(disabled_menu_is_never_shown),
        cmocka_unit_test(forced_menu_waits),
        cmocka_unit_test(without_keyboard_nothing_waits),
        cmocka_unit_test(countdown_ends_in_the_default),
        cmocka_unit_test(any_key_stops_the_countdown),
        cmocka_unit_test(first_key_counts_too),
        cmocka_unit_test(arrows_and_letters_move),
        cmocka_unit_test(other_keys_do_nothing),
        cmocka_unit_test(sequence_may_come_in_pieces),
        cmocka_unit_test(numbers_select),
        cmocka_unit_test(long_lists_scroll),
        cmocka_unit_test(little_is_written),
    };

    return cmocka_run_group_tests(tests, NULL, free_list);
}
