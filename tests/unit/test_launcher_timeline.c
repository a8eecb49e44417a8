/* SPDX-License-Identifier: BSD-2-Clause */
/* The timeline: phases as the driver saw them, drawn as text and as SVG. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "launcher/timeline_plan.h"
#include "virtio/spec.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct launcher_history history;
static struct launcher_lane lane;
static struct launcher_timeline timeline;

static int set_up(void **state)
{
    (void)state;
    launcher_history_init(&history, true);
    lane = (struct launcher_lane){.name = "00:01.0 blk", .history = &history};
    timeline =
        (struct launcher_timeline){.lanes = &lane, .lane_count = 1, .ascii = true, .width = 60};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    launcher_history_free(&history);
    return 0;
}

/* ---- What a history is written with; each call is a microsecond later ---- */

static void access(enum launcher_register reg, bool write, uint32_t value)
{
    history.now += 1000;
    launcher_history_access(&history, &(struct launcher_access){
                                          .reg = reg, .write = write, .width = 1, .value = value});
}

static void write_status(uint32_t value)
{
    access(LAUNCHER_REG_STATUS, true, value);
}

static void read_status(uint32_t value)
{
    access(LAUNCHER_REG_STATUS, false, value);
}

static void reset(void)
{
    write_status(0);
    read_status(0);
}

static void bring_up(void)
{
    write_status(1);
    write_status(3);
    write_status(0xb);
    write_status(0xf);
}

static void request(void)
{
    history.now += 1000;
    launcher_history_add(&history, LAUNCHER_EVENT_TAKEN);
    history.now += 1000;
    launcher_history_add(&history, LAUNCHER_EVENT_USED);
}

static void violate(const char *id)
{
    history.now += 1000;
    launcher_history_add(&history, LAUNCHER_EVENT_VIOLATION)->text = id;
}

static void fault(const char *name)
{
    history.now += 1000;
    launcher_history_add(&history, LAUNCHER_EVENT_FAULT)->text = name;
}

static char *drawn(void (*draw)(const struct launcher_timeline *, FILE *))
{
    char *text = NULL;
    size_t size;
    FILE *file = open_memstream(&text, &size);

    draw(&timeline, file);
    fclose(file);
    return text;
}

static void assert_drawn(void (*draw)(const struct launcher_timeline *, FILE *), const char *what,
                         bool there)
{
    char *text = drawn(draw);

    if ((strstr(text, what) != NULL) != there)
        fail_msg("\"%s\" is %s in:\n%s", what, there ? "not" : "also", text);
    free(text);
}

/* The phases in their order, by letters of which a clean reset is '-' and idle '.'. */
static void assert_phases(const char *expected)
{
    struct launcher_plan *plan = launcher_plan_make(&timeline);
    char found[64] = "";

    for (size_t i = 0; i < plan->lanes[0].span_count && i < sizeof(found) - 1; i++) {
        enum launcher_phase phase = plan->lanes[0].spans[i].phase;

        found[i] = phase == LAUNCHER_PHASE_IDLE    ? '.'
                   : phase == LAUNCHER_PHASE_CLEAN ? '-'
                                                   : launcher_phase_letter(phase);
    }
    launcher_plan_free(plan);
    assert_string_equal(found, expected);
}

static void assert_verdict(const char *expected)
{
    struct launcher_plan *plan = launcher_plan_make(&timeline);
    char found[sizeof(plan->lanes[0].verdict)];

    memcpy(found, plan->lanes[0].verdict, sizeof(found));
    launcher_plan_free(plan);
    assert_string_equal(found, expected);
}

/* ---- Phases ---- */

static void a_whole_life_has_all_its_phases(void **state)
{
    (void)state;
    reset();
    bring_up();
    reset();
    assert_phases(".R-ADFLR-");
    assert_verdict("CLEAN");
}

static void a_device_that_was_live_before_is_found_so(void **state)
{
    struct launcher_plan *plan;

    (void)state;
    read_status(0xf);
    reset();
    assert_phases(".LR-");
    plan = launcher_plan_make(&timeline);
    assert_true(plan->lanes[0].spans[1].found);
    assert_int_equal(plan->lanes[0].spans[1].status, 0xf);
    launcher_plan_free(plan);
}

static void a_reset_that_nobody_read_back_is_not_clean(void **state)
{
    (void)state;
    reset();
    bring_up();
    write_status(0);
    assert_phases(".R-ADFLR");
    assert_verdict("UNCONFIRMED");
}

static void a_reset_without_end_is_stuck(void **state)
{
    (void)state;
    write_status(0);
    read_status(0x80);
    read_status(0x80);
    assert_phases(".#");
    assert_verdict("STUCK");
}

static void a_reset_that_takes_its_time_is_no_stuck_one(void **state)
{
    (void)state;
    write_status(0);
    read_status(0x0f);
    read_status(0x0f);
    read_status(0);
    assert_phases(".R-");
    assert_verdict("CLEAN");
}

static void what_goes_wrong_in_a_life_is_a_phase(void **state)
{
    (void)state;
    bring_up();
    read_status(0x4f);
    write_status(0x80 | 0xf);
    assert_phases(".ADFLNX");
    assert_verdict("IN USE (0x8f)");
}

static void a_device_that_nothing_happened_to_was_never_reset(void **state)
{
    (void)state;
    assert_phases(".");
    assert_verdict("NEVER RESET");
}

static void the_verdict_is_that_of_the_handoff_and_not_of_what_follows(void **state)
{
    (void)state;
    reset();
    lane.ends_ns = history.now;
    bring_up();
    assert_verdict("CLEAN");
    lane.ends_ns = 0;
    assert_verdict("LIVE (0x0f)");
}

/* ---- Text ---- */

static void steps_have_letters_and_a_live_phase_says_what_went_on(void **state)
{
    char *text, *row;

    (void)state;
    timeline.width = 90;
    reset();
    bring_up();
    for (int i = 0; i < 22; i++) {
        if (i % 3 == 0)
            access(LAUNCHER_REG_NOTIFY, true, 0);
        request();
    }
    reset();
    text = drawn(launcher_timeline_text);
    row = strstr(text, "00:01.0 blk  ");
    assert_non_null(row);
    *strchr(row, '\n') = '\0';
    assert_non_null(strstr(row, " 22 requests, 8 kicks ="));
    assert_non_null(strstr(row, "  CLEAN"));
    for (const char *letter = "RADFLR"; *letter != '\0'; letter++) {
        row = strchr(row + 1, *letter);
        assert_non_null(row);
    }
    free(text);
}

/* Whatever the width, and however much there is to show. */
static void no_row_is_wider_than_was_asked_for(void **state)
{
    static const unsigned widths[] = {60, 61, 100, 333};

    (void)state;
    for (int i = 0; i < 3000; i++) {
        reset();
        bring_up();
        request();
        violate("DRV-INIT-03");
        fault("late");
    }
    for (size_t i = 0; i < COUNT(widths); i++) {
        char *text;

        timeline.width = widths[i];
        text = drawn(launcher_timeline_text);
        for (char *row = strtok(text, "\n"); row != NULL; row = strtok(NULL, "\n"))
            assert_true(strlen(row) <= widths[i] || strstr(row, "DRIVER_OK") != NULL); /* legend */
        free(text);
    }
}

static void faults_and_violations_stand_out_and_are_listed_once_each(void **state)
{
    (void)state;
    reset();
    violate("DRV-INIT-03");
    violate("DRV-INIT-03");
    violate("DRV-CFG-03");
    fault("late");
    reset();
    assert_drawn(launcher_timeline_text, "! ", true);
    assert_drawn(launcher_timeline_text, "*", true);
    assert_drawn(launcher_timeline_text, "00:01.0 blk: violation DRV-INIT-03 at 2.00 us, 2 times\n",
                 true);
    assert_drawn(launcher_timeline_text, "00:01.0 blk: violation DRV-CFG-03 at 4.00 us\n", true);
    assert_drawn(launcher_timeline_text, "00:01.0 blk: fault late at 5.00 us\n", true);
}

static void many_kinds_of_violations_are_listed_up_to_a_bound(void **state)
{
    static char ids[40][16];

    (void)state;
    reset();
    for (unsigned i = 0; i < COUNT(ids); i++) {
        snprintf(ids[i], sizeof(ids[i]), "DRV-X%u", i);
        violate(ids[i]);
    }
    assert_drawn(launcher_timeline_text, "violation DRV-X11 ", true);
    assert_drawn(launcher_timeline_text, "violation DRV-X12 ", false);
    assert_drawn(launcher_timeline_text, "00:01.0 blk: 28 more violations", true);
}

static void marks_stand_in_all_rows_with_their_text_above(void **state)
{
    struct launcher_mark marks[] = {{1500, "Slate entered"}, {0, "OS entered"}};

    (void)state;
    reset();
    bring_up();
    reset();
    marks[1].time_ns = history.now;
    timeline.marks = marks;
    timeline.mark_count = 2;
    timeline.width = 100;
    assert_drawn(launcher_timeline_text, "|Slate entered", true);
    assert_drawn(launcher_timeline_text, "OS entered|", true);
    assert_drawn(launcher_timeline_text, "|  CLEAN", true);
}

static void characters_are_ascii_or_utf8_as_asked(void **state)
{
    char *text;

    (void)state;
    reset();
    bring_up();
    request();
    reset();
    text = drawn(launcher_timeline_text);
    for (const char *at = text; *at != '\0'; at++)
        assert_in_range((unsigned char)*at, '\n', '~');
    free(text);
    timeline.ascii = false;
    assert_drawn(launcher_timeline_text, "\u2501", true);
    assert_drawn(launcher_timeline_text, "=", false);
}

static void the_locale_decides_about_ascii(void **state)
{
    (void)state;
    setenv("LC_ALL", "C", 1);
    assert_true(launcher_timeline_wants_ascii());
    setenv("LC_ALL", "de_DE.UTF-8", 1);
    assert_false(launcher_timeline_wants_ascii());
    setenv("LC_ALL", "", 1);
    setenv("LC_CTYPE", "C.utf8", 1);
    assert_false(launcher_timeline_wants_ascii());
    unsetenv("LC_CTYPE");
    setenv("LANG", "POSIX", 1);
    assert_true(launcher_timeline_wants_ascii());
}

static void an_ordinal_timeline_counts_lines(void **state)
{
    (void)state;
    timeline.ordinal = true;
    reset();
    violate("DRV-INIT-03");
    assert_drawn(launcher_timeline_text, "violation DRV-INIT-03 at #3\n", true);
    assert_drawn(launcher_timeline_text, " us", false);
}

static void times_have_units_that_can_be_read(void **state)
{
    static const struct {
        uint64_t ns;
        const char *text;
    } times[] = {
        {0, "0"},
        {999, "1.00 us"},
        {12500, "12.5 us"},
        {654321, "654 us"},
        {1250000, "1.25 ms"},
        {999000000, "999 ms"},
        {1000000000, "1.00 s"},
        {75000000000, "75.0 s"},
    };
    char text[32];

    (void)state;
    for (size_t i = 0; i < COUNT(times); i++) {
        launcher_duration_text(times[i].ns, text, sizeof(text));
        assert_string_equal(text, times[i].text);
    }
}

/* ---- The axis ---- */

static void time_never_goes_back_and_every_step_has_room(void **state)
{
    struct launcher_plan *plan;

    (void)state;
    reset();
    history.now += 130000000;
    bring_up();
    for (int i = 0; i < 100; i++)
        request();
    reset();
    plan = launcher_plan_make(&timeline);
    for (size_t i = 1; i < plan->knot_count; i++) {
        assert_true(plan->knots[i].time > plan->knots[i - 1].time);
        assert_true(plan->knots[i].place - plan->knots[i - 1].place > 0.005);
    }
    assert_true(launcher_plan_place(plan, 0) <= 0);
    assert_true(launcher_plan_place(plan, UINT64_MAX) >= 1);
    for (unsigned i = 0; i <= 100; i++) {
        uint64_t time = launcher_plan_time(plan, i / 100.0);

        assert_true(launcher_plan_place(plan, time) <= i / 100.0 + 0.001);
        assert_true(launcher_plan_place(plan, time + 1) >= i / 100.0 - 0.001);
    }
    launcher_plan_free(plan);
}

/* ---- SVG ---- */

/* Every element that is opened is closed, in order, and nothing else has a '<'. */
static void assert_balanced(const char *svg)
{
    char open[16][16];
    unsigned depth = 0;

    for (const char *at = strchr(svg, '<'); at != NULL; at = strchr(at + 1, '<')) {
        const char *end = strchr(at, '>');
        size_t length = strspn(at + 1, "abcdefghijklmnopqrstuvwxyz");

        assert_non_null(end);
        if (at[1] == '/') {
            assert_true(depth > 0);
            depth--;
            assert_int_equal(strncmp(at + 2, open[depth], strlen(open[depth])), 0);
        } else if (end[-1] != '/') {
            assert_in_range(length, 1, 15);
            assert_true(depth < COUNT(open));
            memcpy(open[depth], at + 1, length);
            open[depth++][length] = '\0';
        }
    }
    assert_int_equal(depth, 0);
}

static void svg_stands_alone_and_is_well_formed(void **state)
{
    struct launcher_mark marks[] = {{1500, "Slate entered"}};
    char *svg;

    (void)state;
    timeline.width = 1200;
    timeline.title = "QEMU <q35> & \"more\"";
    timeline.marks = marks;
    timeline.mark_count = 1;
    lane.name = "a<b>\x01\xc3 blk";
    reset();
    bring_up();
    for (int i = 0; i < 22; i++)
        request();
    violate("DRV-INIT-03");
    fault("late");
    launcher_history_note(&history, "%s", "</title>");
    write_status(0);
    svg = drawn(launcher_timeline_svg);
    assert_balanced(svg);
    assert_int_equal(strncmp(svg, "<svg xmlns=\"http://www.w3.org/2000/svg\"", 39), 0);
    assert_non_null(strstr(svg, "QEMU &lt;q35&gt; &amp; &quot;more&quot;"));
    assert_non_null(strstr(svg, ">a&lt;b&gt;?? blk</text>"));
    assert_non_null(strstr(svg, ">22 requests</text>"));
    assert_non_null(strstr(svg, ">Slate entered</text>"));
    assert_non_null(strstr(svg, "violation DRV-INIT-03 at 50.0 us</title>"));
    assert_non_null(strstr(svg, "fault late at 51.0 us</title>"));
    assert_non_null(strstr(svg, "note &lt;/title&gt; at 51.0 us</title>"));
    assert_non_null(
        strstr(svg, "DRIVER_OK, status 0x0f&#10;from 5.00 us, for 47.0 us&#10;22 requests"));
    assert_non_null(strstr(svg, "class=\"bad\">UNCONFIRMED</text>"));
    assert_non_null(strstr(svg, "prefers-color-scheme: dark"));
    assert_null(strstr(svg, "href"));
    free(svg);
}

static void svg_of_a_long_run_stays_small(void **state)
{
    char *svg;

    (void)state;
    for (int i = 0; i < 20000; i++) {
        reset();
        bring_up();
        request();
        violate("DRV-INIT-03");
        fault("late");
    }
    timeline.width = 1200;
    svg = drawn(launcher_timeline_svg);
    assert_balanced(svg);
    assert_true(strlen(svg) < 1500000);
    free(svg);
}

static void nothing_to_draw_is_no_error(void **state)
{
    char *text;

    (void)state;
    text = drawn(launcher_timeline_text);
    assert_non_null(strstr(text, "NEVER RESET"));
    free(text);
    text = drawn(launcher_timeline_svg);
    assert_balanced(text);
    free(text);
    timeline.lane_count = 0;
    text = drawn(launcher_timeline_svg);
    assert_balanced(text);
    free(text);
    free(drawn(launcher_timeline_text));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_whole_life_has_all_its_phases),
        TEST(a_device_that_was_live_before_is_found_so),
        TEST(a_reset_that_nobody_read_back_is_not_clean),
        TEST(a_reset_without_end_is_stuck),
        TEST(a_reset_that_takes_its_time_is_no_stuck_one),
        TEST(what_goes_wrong_in_a_life_is_a_phase),
        TEST(a_device_that_nothing_happened_to_was_never_reset),
        TEST(the_verdict_is_that_of_the_handoff_and_not_of_what_follows),
        TEST(steps_have_letters_and_a_live_phase_says_what_went_on),
        TEST(no_row_is_wider_than_was_asked_for),
        TEST(faults_and_violations_stand_out_and_are_listed_once_each),
        TEST(many_kinds_of_violations_are_listed_up_to_a_bound),
        TEST(marks_stand_in_all_rows_with_their_text_above),
        TEST(characters_are_ascii_or_utf8_as_asked),
        TEST(the_locale_decides_about_ascii),
        TEST(an_ordinal_timeline_counts_lines),
        TEST(times_have_units_that_can_be_read),
        TEST(time_never_goes_back_and_every_step_has_room),
        TEST(svg_stands_alone_and_is_well_formed),
        TEST(svg_of_a_long_run_stays_small),
        TEST(nothing_to_draw_is_no_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
