/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The timeline as text: a row a device, in which a phase is a stretch of one character that begins with the letter of the
 * step that led there; beneath it a row of what stands out. Where steps are closer than columns, the gravest is shown.
 */
#include "launcher/timeline.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "launcher/device.h"
#include "launcher/timeline_plan.h"

enum {
    DEFAULT_WIDTH = 100,
    LEAST_WIDTH = 60,
    MOST_WIDTH = 1000,
    BESIDE = 17 /* verdict and blanks */,
    LISTED_MOST = 12
};

/* A character as UTF-8 and as ASCII. */
struct glyph {
    const char *utf8, *ascii;
};

static const struct glyph blank = {" ", " "}, mark = {"\u250a", "|"};
static const struct glyph flags[] = {
    [LAUNCHER_FLAG_NOTE] = {"\u2022", "i"},
    [LAUNCHER_FLAG_FAULT] = {"\u2020", "*"},
    [LAUNCHER_FLAG_VIOLATION] = {"!", "!"},
};
static const char *const flag_names[] = {"note", "fault", "violation"};

static struct glyph fill(enum launcher_phase phase)
{
    switch (phase) {
    case LAUNCHER_PHASE_IDLE:
        return (struct glyph){"\u00b7", "."};
    case LAUNCHER_PHASE_CLEAN:
        return (struct glyph){"\u2500", "-"};
    case LAUNCHER_PHASE_LIVE:
        return (struct glyph){"\u2501", "="};
    case LAUNCHER_PHASE_RESETTING:
        return (struct glyph){"\u2591", ":"};
    case LAUNCHER_PHASE_STUCK:
    case LAUNCHER_PHASE_FAILED:
    case LAUNCHER_PHASE_NEEDS_RESET:
        return (struct glyph){"\u2593", "#"};
    default:
        return (struct glyph){"\u2550", "~"};
    }
}

struct canvas {
    const struct launcher_plan *plan;
    FILE *to;
    size_t label, columns; /* of the names, and of what is drawn */
    struct glyph *cells;
    char (*letters)[2]; /* what cells with text point to */
};

static size_t column(const struct canvas *canvas, uint64_t time)
{
    size_t at = (size_t)(launcher_plan_place(canvas->plan, time) * (double)canvas->columns);

    return at < canvas->columns ? at : canvas->columns - 1;
}

static void clear(struct canvas *canvas)
{
    const struct launcher_timeline *timeline = canvas->plan->timeline;

    for (size_t i = 0; i < canvas->columns; i++)
        canvas->cells[i] = blank;
    for (unsigned i = 0; i < timeline->mark_count; i++)
        canvas->cells[column(canvas, timeline->marks[i].time_ns)] = mark;
}

/* Writes over the cells from a column on, as far as there are any. */
static void write_text(struct canvas *canvas, size_t from, const char *text)
{
    for (size_t i = from; *text != '\0' && i < canvas->columns; i++, text++) {
        canvas->letters[i][0] = *text;
        canvas->cells[i] = (struct glyph){canvas->letters[i], canvas->letters[i]};
    }
}

/* A row: name, cells without blanks at their end, and what is to be said of it. */
static void print_row(const struct canvas *canvas, const char *name, const char *after)
{
    size_t length = canvas->columns;

    while (after[0] == '\0' && length > 0 && canvas->cells[length - 1].utf8 == blank.utf8)
        length--;
    fprintf(canvas->to, "%-*.*s%s", (int)canvas->label, (int)canvas->label, name,
            length > 0 ? "  " : "");
    for (size_t i = 0; i < length; i++)
        fputs(canvas->plan->timeline->ascii ? canvas->cells[i].ascii : canvas->cells[i].utf8,
              canvas->to);
    fprintf(canvas->to, "%s%s\n", after[0] == '\0' ? "" : "  ", after);
}

/* ---- Lanes ---- */

static void draw_span(struct canvas *canvas, const struct launcher_span *span)
{
    size_t from = column(canvas, span->begin), to = column(canvas, span->end);
    char text[64];

    for (size_t i = from; i <= to; i++)
        canvas->cells[i] = fill(span->phase);
    launcher_span_text(span, text, sizeof(text));
    if (text[0] != '\0' && to - from > strlen(text) + 3) {
        from += (to - from - strlen(text)) / 2;
        write_text(canvas, from, " ");
        write_text(canvas, from + 1, text);
        write_text(canvas, from + 1 + strlen(text), " ");
    }
}

static void draw_lane(struct canvas *canvas, const struct launcher_plan_lane *lane)
{
    const struct launcher_timeline *timeline = canvas->plan->timeline;

    clear(canvas);
    for (size_t i = 0; i < lane->span_count; i++)
        draw_span(canvas, &lane->spans[i]);
    for (unsigned i = 0; i < timeline->mark_count; i++)
        canvas->cells[column(canvas, timeline->marks[i].time_ns)] = mark;
    for (int phase = 0; phase < LAUNCHER_PHASE_COUNT; phase++) {
        char letter[2] = {launcher_phase_letter((enum launcher_phase)phase), '\0'};

        for (size_t i = 0; i < lane->span_count && letter[0] != ' '; i++)
            if (lane->spans[i].phase == (enum launcher_phase)phase)
                write_text(canvas, column(canvas, lane->spans[i].begin), letter);
    }
    print_row(canvas, lane->name, lane->verdict);
}

static void draw_flags(struct canvas *canvas, const struct launcher_plan_lane *lane)
{
    if (lane->flag_count == 0)
        return;
    clear(canvas);
    for (int kind = LAUNCHER_FLAG_NOTE; kind <= LAUNCHER_FLAG_VIOLATION; kind++)
        for (size_t i = 0; i < lane->flag_count; i++)
            if (lane->flags[i].kind == (enum launcher_flag_kind)kind)
                canvas->cells[column(canvas, lane->flags[i].time)] = flags[kind];
    print_row(canvas, "", "");
}

/* ---- Above and below the lanes ---- */

static void draw_marks(struct canvas *canvas)
{
    const struct launcher_timeline *timeline = canvas->plan->timeline;

    if (timeline->mark_count == 0)
        return;
    clear(canvas);
    for (unsigned i = 0; i < timeline->mark_count; i++) {
        const char *text = timeline->marks[i].text;
        size_t at = column(canvas, timeline->marks[i].time_ns), length = strlen(text);

        /* To the right of the mark; at the end of the row to its left. */
        if (at + 1 + length <= canvas->columns)
            write_text(canvas, at + 1, text);
        else
            write_text(canvas, at > length ? at - length : 0, text);
    }
    print_row(canvas, "", "");
}

static void draw_times(struct canvas *canvas)
{
    enum { APART = 16 };
    char text[32];

    clear(canvas);
    for (size_t at = 0; at + APART / 2 < canvas->columns; at += APART) {
        uint64_t time = launcher_plan_time(canvas->plan, (double)at / (double)canvas->columns);

        launcher_plan_time_text(canvas->plan, time, text, sizeof(text));
        for (size_t i = 0; i <= strlen(text) && at + i < canvas->columns; i++)
            canvas->cells[at + i] = blank;
        write_text(canvas, at, text);
    }
    print_row(canvas, "", "");
}

static void explain(const struct canvas *canvas)
{
    bool ascii = canvas->plan->timeline->ascii, seen[LAUNCHER_PHASE_COUNT] = {false};
    size_t counts[3] = {0};
    const char *between = "\n";

    for (unsigned i = 0; i < canvas->plan->timeline->lane_count; i++) {
        const struct launcher_plan_lane *lane = &canvas->plan->lanes[i];

        for (size_t j = 0; j < lane->span_count; j++)
            seen[lane->spans[j].phase] = true;
        for (int kind = 0; kind < 3; kind++)
            counts[kind] += lane->counts[kind];
    }
    for (int phase = 0; phase < LAUNCHER_PHASE_COUNT; phase++) {
        struct glyph glyph = fill((enum launcher_phase)phase);
        char letter = launcher_phase_letter((enum launcher_phase)phase);

        if (!seen[phase])
            continue;
        fprintf(canvas->to, "%s%c%s %s", between, letter, ascii ? glyph.ascii : glyph.utf8,
                launcher_phase_name((enum launcher_phase)phase));
        between = "  ";
    }
    for (int kind = 0; kind < 3; kind++)
        if (counts[kind] > 0)
            fprintf(canvas->to, "  %s %s", ascii ? flags[kind].ascii : flags[kind].utf8,
                    flag_names[kind]);
    fputs("\n", canvas->to);
}

/* How often this is there, from its first time on. */
static size_t count_flags(const struct launcher_plan_lane *lane, const struct launcher_flag *first)
{
    size_t count = 0;

    for (const struct launcher_flag *at = first; at < lane->flags + lane->flag_count; at++)
        count += at->kind == first->kind && strcmp(at->text, first->text) == 0;
    return count;
}

/* The same thing is listed once, with its first time and how often it was there. */
static void list_flags(const struct canvas *canvas, const struct launcher_plan_lane *lane,
                       enum launcher_flag_kind kind)
{
    const struct launcher_flag *listed[LISTED_MOST];
    size_t count = 0, left = lane->counts[kind];

    for (size_t i = 0; i < lane->flag_count && left > 0; i++) {
        const struct launcher_flag *flag = &lane->flags[i];
        size_t before = 0, times;
        char time[32];

        while (before < count && strcmp(listed[before]->text, flag->text) != 0)
            before++;
        if (flag->kind != kind || before < count)
            continue;
        if (count == LISTED_MOST)
            break;
        listed[count++] = flag;
        times = count_flags(lane, flag);
        left -= times;
        launcher_plan_time_text(canvas->plan, flag->time, time, sizeof(time));
        fprintf(canvas->to, "%s: %s %s at %s", lane->name, flag_names[kind], flag->text, time);
        if (times > 1)
            fprintf(canvas->to, ", %zu times", times);
        fputc('\n', canvas->to);
    }
    if (left > 0)
        fprintf(canvas->to, "%s: %zu more %ss\n", lane->name, left, flag_names[kind]);
}

static size_t label_width(const struct launcher_timeline *timeline)
{
    size_t most = 0;

    for (unsigned i = 0; i < timeline->lane_count; i++)
        if (strlen(timeline->lanes[i].name) > most)
            most = strlen(timeline->lanes[i].name);
    return most < 24 ? most : 24;
}

void launcher_timeline_text(const struct launcher_timeline *timeline, FILE *to)
{
    struct launcher_plan *plan = launcher_plan_make(timeline);
    struct canvas canvas = {.plan = plan, .to = to, .label = label_width(timeline)};
    unsigned width = timeline->width == 0 ? (unsigned)DEFAULT_WIDTH : timeline->width;

    width = width < LEAST_WIDTH ? (unsigned)LEAST_WIDTH : width;
    width = width > MOST_WIDTH ? (unsigned)MOST_WIDTH : width;
    canvas.columns = width - canvas.label - BESIDE;
    canvas.cells = launcher_allocate(canvas.columns * sizeof(*canvas.cells));
    canvas.letters = launcher_allocate(canvas.columns * sizeof(*canvas.letters));
    if (timeline->title != NULL)
        fprintf(to, "%s\n\n", timeline->title);
    draw_marks(&canvas);
    for (unsigned i = 0; i < timeline->lane_count; i++) {
        draw_lane(&canvas, &plan->lanes[i]);
        draw_flags(&canvas, &plan->lanes[i]);
    }
    draw_times(&canvas);
    explain(&canvas);
    for (unsigned i = 0; i < timeline->lane_count; i++)
        for (int kind = LAUNCHER_FLAG_VIOLATION; kind >= LAUNCHER_FLAG_NOTE; kind--)
            list_flags(&canvas, &plan->lanes[i], (enum launcher_flag_kind)kind);
    free(canvas.letters);
    free(canvas.cells);
    launcher_plan_free(plan);
}

bool launcher_timeline_wants_ascii(void)
{
    static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    const char *value = NULL;

    for (unsigned i = 0; i < 3 && (value == NULL || value[0] == '\0'); i++)
        value = getenv(names[i]);
    if (value == NULL)
        return true;
    return strstr(value, "UTF-8") == NULL && strstr(value, "utf8") == NULL &&
           strstr(value, "UTF8") == NULL && strstr(value, "utf-8") == NULL;
}
