/* SPDX-License-Identifier: BSD-2-Clause */
/* Histories: what they keep of a device's events, and the lines that reports show of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "launcher/device.h"

static void a_history_keeps_the_latest(void **state)
{
    struct launcher_history history;
    char *text;

    (void)state;
    launcher_history_init(&history, false);
    for (int i = 0; i < 10000; i++)
        launcher_history_note(&history, "note %d", i);
    text = launcher_history_text(&history, 2);
    assert_non_null(strstr(text, "note 9998\n"));
    assert_non_null(strstr(text, "note 9999\n"));
    assert_null(strstr(text, "note 9997\n"));
    free(text);
    text = launcher_history_text(&history, SIZE_MAX);
    assert_null(strstr(text, "note 0\n"));
    free(text);
    assert_true(history.room < 10000);
    launcher_history_free(&history);
}

static void a_history_that_keeps_all_has_all(void **state)
{
    struct launcher_history history;
    char *text;

    (void)state;
    launcher_history_init(&history, true);
    for (int i = 0; i < 10000; i++)
        launcher_history_note(&history, "note %d", i);
    assert_int_equal(history.count, 10000);
    text = launcher_history_text(&history, SIZE_MAX);
    assert_non_null(strstr(text, "note 0\n"));
    assert_non_null(strstr(text, "note 9999\n"));
    free(text);
    launcher_history_free(&history);
}

static void an_empty_history_is_an_empty_text(void **state)
{
    struct launcher_history history;
    char *text;

    (void)state;
    launcher_history_init(&history, false);
    text = launcher_history_text(&history, 10);
    assert_string_equal(text, "");
    free(text);
    launcher_history_free(&history);
}

static void events_are_said_in_a_line(void **state)
{
    const struct launcher_access config = {
        .reg = LAUNCHER_REG_CONFIG, .width = 2, .offset = 0x1a, .value = 7};
    const struct launcher_access nowhere = {.write = true, .width = 8, .region = 4, .offset = 0x99};
    struct launcher_history history;
    struct launcher_event *event;
    char line[128];
    char longest[1000];

    (void)state;
    launcher_history_init(&history, false);
    history.now = 1234567;
    launcher_history_access(&history, &config);
    launcher_event_text(&history.events[0], line, sizeof(line));
    assert_string_equal(line,
                        "    1234.567 us  read  device configuration + 0x1a (2 bytes) = 0x0007");
    launcher_history_access(&history, &nowhere);
    launcher_event_text(&history.events[1], line, sizeof(line));
    assert_non_null(strstr(line, "write region 4, offset 0x99 (8 bytes) = 0x00000000"));

    event = launcher_history_add(&history, LAUNCHER_EVENT_TAKEN);
    event->queue = 1;
    event->id = 5;
    event->value = 528;
    launcher_event_text(event, line, sizeof(line));
    assert_non_null(strstr(line, "takes buffer 5 of queue 1 (528 bytes)"));
    event->kind = LAUNCHER_EVENT_USED;
    launcher_event_text(event, line, sizeof(line));
    assert_non_null(strstr(line, "uses buffer 5 of queue 1 (528 bytes)"));
    event->kind = LAUNCHER_EVENT_RESET;
    launcher_event_text(event, line, sizeof(line));
    assert_non_null(strstr(line, "reset complete"));
    event->kind = LAUNCHER_EVENT_FAULT;
    event->value = LAUNCHER_FAULT_NEVER;
    launcher_event_text(event, line, sizeof(line));
    assert_non_null(strstr(line, "fault: never"));
    launcher_event_text(event, line, 8); /* cut */
    assert_int_equal(strlen(line), 7);

    memset(longest, 'x', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    launcher_history_note(&history, "%s", longest);
    assert_int_equal(strlen(history.events[history.count - 1].text), 255);
    launcher_history_free(&history);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_history_keeps_the_latest),
        cmocka_unit_test(a_history_that_keeps_all_has_all),
        cmocka_unit_test(an_empty_history_is_an_empty_text),
        cmocka_unit_test(events_are_said_in_a_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
