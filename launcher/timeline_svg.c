/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The timeline as SVG that stands alone: text is text, every shape says on hovering what it is, colours follow the reader's
 * light or dark mode. A lane rises with the status: from a line when idle to a full bar when live.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "launcher/device.h"
#include "launcher/timeline_plan.h"

enum {
    DEFAULT_WIDTH = 1200,
    LEAST_WIDTH = 600,
    MOST_WIDTH = 10000,
    MARGIN = 16,
    VERDICT_WIDTH = 118,
    CHARACTER = 7, /* pixels, roughly, at the size of lane names */
    SMALL = 6,     /* and of the text in bars */
    BAR = 24,
    FLAGS = 12, /* above a bar */
    PITCH = BAR + FLAGS + 10,
    TICKS_APART = 130,
    BUCKET = 3, /* of requests */
    TOLD_MOST = 8,
};

/* Class, height, light and dark colour of a phase. */
static const struct {
    const char *class;
    int height;
    const char *light, *dark;
} looks[] = {
    [LAUNCHER_PHASE_IDLE] = {"idle", 3, "#c4ccd4", "#4b5563"},
    [LAUNCHER_PHASE_CLEAN] = {"clean", 6, "#2f9e5f", "#3fb573"},
    [LAUNCHER_PHASE_ACKNOWLEDGE] = {"ack", 9, "#a9c4e6", "#3d5a80"},
    [LAUNCHER_PHASE_DRIVER] = {"driver", 13, "#86aede", "#4a71a6"},
    [LAUNCHER_PHASE_FEATURES_OK] = {"features", 17, "#6598d6", "#5585c4"},
    [LAUNCHER_PHASE_LIVE] = {"live", BAR, "#4a86cf", "#5b95dd"},
    [LAUNCHER_PHASE_SUSPENDED] = {"suspend", 17, "#8e86b8", "#8a82b4"},
    [LAUNCHER_PHASE_RESETTING] = {"reset", BAR, "#e3a63a", "#d89b32"},
    [LAUNCHER_PHASE_NEEDS_RESET] = {"needs", BAR, "#d9693f", "#dd7148"},
    [LAUNCHER_PHASE_FAILED] = {"failed", BAR, "#a8485f", "#bb5a72"},
    [LAUNCHER_PHASE_STUCK] = {"stuck", BAR, "#cf2f2f", "#e04545"},
};

static const char *const flag_classes[] = {"note", "fault", "violation"};

struct drawing {
    const struct launcher_plan *plan;
    FILE *to;
    double left, width; /* of what is drawn, in pixels */
    double top;         /* of the first lane */
};

static double across(const struct drawing *drawing, uint64_t time)
{
    return drawing->left + launcher_plan_place(drawing->plan, time) * drawing->width;
}

static void escaped(const char *text, FILE *to)
{
    for (; *text != '\0'; text++) {
        if (*text == '&')
            fputs("&amp;", to);
        else if (*text == '<')
            fputs("&lt;", to);
        else if (*text == '>')
            fputs("&gt;", to);
        else if (*text == '"')
            fputs("&quot;", to);
        else if ((unsigned char)*text < 0x20 || (unsigned char)*text >= 0x7f)
            fputc('?', to); /* no XML, or no UTF-8 */
        else
            fputc(*text, to);
    }
}

static void text_at(const struct drawing *drawing, double x, double y, const char *class,
                    const char *text)
{
    fprintf(drawing->to, "<text x=\"%.1f\" y=\"%.1f\" class=\"%s\">", x, y, class);
    escaped(text, drawing->to);
    fputs("</text>\n", drawing->to);
}

/* ---- Frame ---- */

static void style(const struct drawing *drawing)
{
    FILE *to = drawing->to;

    fputs("<style>\n"
          "svg{background:#fff}text{font:12px system-ui,sans-serif;fill:#1f2933}\n"
          ".title{font-size:15px;font-weight:600}.small,.mid{font-size:11px}.mid{text-anchor:"
          "middle}\n"
          ".dim{font-size:11px;fill:#5b6774}.end{font-size:11px;text-anchor:end}\n"
          ".in{font-size:11px;fill:#fff;text-anchor:middle;pointer-events:none}\n"
          ".good{font-weight:600;fill:#1f7a47}.bad{font-weight:600;fill:#b3261e}\n"
          ".mark{stroke:#5b6774;stroke-dasharray:4 3}.tick{stroke:#9aa5b1}\n"
          ".request{fill:#173f73}.violation{fill:#b3261e}.fault{fill:#b86a00}.note{fill:#5b6774}\n",
          to);
    for (int i = 0; i < LAUNCHER_PHASE_COUNT; i++)
        fprintf(to, ".%s{fill:%s}", looks[i].class, looks[i].light);
    fputs("\n@media (prefers-color-scheme: dark){svg{background:#0f151c}text{fill:#e4e9ee}\n"
          ".dim{fill:#9aa7b4}.in{fill:#fff}.good{fill:#5fd394}.bad{fill:#ff8a80}\n"
          ".mark{stroke:#9aa7b4}.tick{stroke:#5b6774}.request{fill:#dbe9fb}\n"
          ".violation{fill:#ff7a70}.fault{fill:#ffb454}.note{fill:#9aa7b4}\n",
          to);
    for (int i = 0; i < LAUNCHER_PHASE_COUNT; i++)
        fprintf(to, ".%s{fill:%s}", looks[i].class, looks[i].dark);
    fputs("}\n</style>\n", to);
}

/* A dashed line through all lanes, and its text beside its upper end. */
static void draw_marks(const struct drawing *drawing, double bottom)
{
    const struct launcher_timeline *timeline = drawing->plan->timeline;

    for (unsigned i = 0; i < timeline->mark_count; i++) {
        double x = across(drawing, timeline->marks[i].time_ns), y = drawing->top - 8;
        bool fits = x + (double)(strlen(timeline->marks[i].text) * SMALL) <
                    drawing->left + drawing->width + VERDICT_WIDTH / 2.0;

        fprintf(drawing->to,
                "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" class=\"mark\"/>\n", x,
                y - 10, x, bottom);
        text_at(drawing, fits ? x + 4 : x - 4, y - 2, fits ? "small" : "end",
                timeline->marks[i].text);
    }
}

static void draw_times(const struct drawing *drawing, double y)
{
    unsigned ticks = (unsigned)(drawing->width / TICKS_APART);
    char text[32];

    for (unsigned i = 0; i <= ticks; i++) {
        double share = (double)i / ticks, x = drawing->left + share * drawing->width;

        launcher_plan_time_text(drawing->plan, launcher_plan_time(drawing->plan, share), text,
                                sizeof(text));
        fprintf(drawing->to,
                "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" class=\"tick\"/>\n", x, y, x,
                y + 5);
        fprintf(drawing->to, "<text x=\"%.1f\" y=\"%.1f\" class=\"dim\"%s>%s</text>\n", x, y + 18,
                i == 0 ? "" : " text-anchor=\"middle\"", text);
    }
}

/* What the colours mean, of the phases that occur; where it ends. */
static double draw_legend(const struct drawing *drawing, double y)
{
    const struct launcher_timeline *timeline = drawing->plan->timeline;
    bool seen[LAUNCHER_PHASE_COUNT] = {false}, flagged[3] = {false};
    double x = drawing->left, right = drawing->left + drawing->width;

    for (unsigned i = 0; i < timeline->lane_count; i++) {
        for (size_t j = 0; j < drawing->plan->lanes[i].span_count; j++)
            seen[drawing->plan->lanes[i].spans[j].phase] = true;
        for (int kind = 0; kind < 3; kind++)
            flagged[kind] |= drawing->plan->lanes[i].counts[kind] > 0;
    }
    for (int i = 0; i < LAUNCHER_PHASE_COUNT + 3; i++) {
        bool phase = i < LAUNCHER_PHASE_COUNT;
        const char *name = phase ? launcher_phase_name((enum launcher_phase)i)
                                 : flag_classes[i - LAUNCHER_PHASE_COUNT];
        double room = 22 + (double)(strlen(name) * CHARACTER) + 12;

        if (phase ? !seen[i] : !flagged[i - LAUNCHER_PHASE_COUNT])
            continue;
        if (x + room > right && x > drawing->left) {
            x = drawing->left;
            y += 18;
        }
        fprintf(drawing->to,
                "<rect x=\"%.1f\" y=\"%.1f\" width=\"12\" height=\"10\" rx=\"2\" class=\"%s\"/>\n",
                x, y - 9, phase ? looks[i].class : name);
        text_at(drawing, x + 17, y, "small", name);
        x += room;
    }
    return y;
}

/* ---- Lanes ---- */

static void draw_span(const struct drawing *drawing, const struct launcher_plan_lane *lane,
                      const struct launcher_span *span, double base)
{
    double x = across(drawing, span->begin), width = across(drawing, span->end) - x;
    char begin[32], length[32], said[64];
    const char *name = launcher_phase_name(span->phase);
    int height = looks[span->phase].height;

    width = width < 1 ? 1 : width;
    launcher_plan_time_text(drawing->plan, span->begin, begin, sizeof(begin));
    launcher_duration_text(span->end - span->begin, length, sizeof(length));
    launcher_span_text(span, said, sizeof(said));
    fprintf(drawing->to,
            "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%d\" class=\"%s\"><title>", x,
            base - height, width, height, looks[span->phase].class);
    escaped(lane->name, drawing->to);
    fprintf(drawing->to, ": %s%s, status 0x%02x&#10;from %s", span->found ? "found " : "", name,
            span->status, begin);
    if (!drawing->plan->timeline->ordinal)
        fprintf(drawing->to, ", for %s", length);
    fprintf(drawing->to, "%s%s</title></rect>\n", said[0] == '\0' ? "" : "&#10;", said);
    if (said[0] == '\0' && height == BAR)
        snprintf(said, sizeof(said), "%s", launcher_phase_brief(span->phase));
    if (said[0] != '\0' && height == BAR && width > (double)(strlen(said) * SMALL) + 6)
        text_at(drawing, x + width / 2, base - 11, "in", said);
}

/* Spans of less than a pixel become one, which shows the gravest. */
static void draw_spans(const struct drawing *drawing, const struct launcher_plan_lane *lane,
                       double base)
{
    struct launcher_span crowd = {.phase = LAUNCHER_PHASE_IDLE};
    double crowd_x = -1;

    for (size_t i = 0; i < lane->span_count; i++) {
        const struct launcher_span *span = &lane->spans[i];
        double x = across(drawing, span->begin);

        if (crowd_x >= 0 && x - crowd_x >= 1) {
            draw_span(drawing, lane, &crowd, base);
            crowd_x = -1;
        }
        if (across(drawing, span->end) - x >= 1) {
            draw_span(drawing, lane, span, base);
        } else if (crowd_x < 0) {
            crowd = *span;
            crowd_x = x;
        } else if (span->phase >= crowd.phase) {
            crowd = *span;
        }
    }
    if (crowd_x >= 0)
        draw_span(drawing, lane, &crowd, base);
}

/* How many requests fell into each few pixels. */
static void draw_requests(const struct drawing *drawing, const struct launcher_plan_lane *lane,
                          double base)
{
    size_t room = (size_t)(drawing->width / BUCKET) + 1, most = 0;
    size_t *buckets = launcher_allocate(room * sizeof(*buckets));

    for (size_t i = 0; i < lane->request_count; i++) {
        double x = across(drawing, lane->requests[i]) - drawing->left;
        size_t *bucket = &buckets[(size_t)(x / BUCKET) % room];

        (*bucket)++;
        most = *bucket > most ? *bucket : most;
    }
    for (size_t i = 0; i < room; i++) {
        double height = most == 0 ? 0 : 2 + 8.0 * (double)buckets[i] / (double)most;

        if (buckets[i] > 0)
            fprintf(drawing->to,
                    "<rect x=\"%.1f\" y=\"%.1f\" width=\"2\" height=\"%.1f\" class=\"request\">"
                    "<title>%zu request%s</title></rect>\n",
                    drawing->left + (double)i * BUCKET, base - height, height, buckets[i],
                    buckets[i] == 1 ? "" : "s");
    }
    free(buckets);
}

/* One sign for those of a kind that are close together, from `first` on; where to go on. */
static size_t draw_flag(const struct drawing *drawing, const struct launcher_plan_lane *lane,
                        size_t first, double base)
{
    enum launcher_flag_kind kind = lane->flags[first].kind;
    double x = across(drawing, lane->flags[first].time), y = base - BAR - 2;
    size_t told = 0, more = 0, next = first;
    char time[32];

    fprintf(drawing->to, "<path d=\"M%.1f %.1fl-4 -8h8z\" class=\"%s\"><title>", x, y,
            flag_classes[kind]);
    for (; next < lane->flag_count && across(drawing, lane->flags[next].time) - x < 4; next++) {
        if (lane->flags[next].kind != kind)
            continue;
        if (told++ >= TOLD_MOST) {
            more++;
            continue;
        }
        launcher_plan_time_text(drawing->plan, lane->flags[next].time, time, sizeof(time));
        fprintf(drawing->to, "%s%s ", told == 1 ? "" : "&#10;", flag_classes[kind]);
        escaped(lane->flags[next].text, drawing->to);
        fprintf(drawing->to, " at %s", time);
    }
    if (more > 0)
        fprintf(drawing->to, "&#10;%zu more", more);
    fputs("</title></path>\n", drawing->to);
    return next;
}

static void draw_flags(const struct drawing *drawing, const struct launcher_plan_lane *lane,
                       double base)
{
    for (int kind = LAUNCHER_FLAG_NOTE; kind <= LAUNCHER_FLAG_VIOLATION; kind++) {
        for (size_t i = 0; i < lane->flag_count;) {
            if (lane->flags[i].kind == (enum launcher_flag_kind)kind)
                i = draw_flag(drawing, lane, i, base);
            else
                i++;
        }
    }
}

static void draw_lane(const struct drawing *drawing, const struct launcher_plan_lane *lane,
                      double base)
{
    text_at(drawing, MARGIN, base - 5, "name", lane->name);
    draw_spans(drawing, lane, base);
    draw_requests(drawing, lane, base);
    draw_flags(drawing, lane, base);
    text_at(drawing, drawing->left + drawing->width + 10, base - 5, lane->good ? "good" : "bad",
            lane->verdict);
}

static double label_width(const struct launcher_timeline *timeline)
{
    size_t most = 8;

    for (unsigned i = 0; i < timeline->lane_count; i++)
        if (strlen(timeline->lanes[i].name) > most)
            most = strlen(timeline->lanes[i].name);
    return (double)((most < 40 ? most : 40) * CHARACTER);
}

void launcher_timeline_svg(const struct launcher_timeline *timeline, FILE *to)
{
    struct launcher_plan *plan = launcher_plan_make(timeline);
    unsigned width = timeline->width == 0 ? (unsigned)DEFAULT_WIDTH : timeline->width;
    struct drawing drawing = {.plan = plan, .to = to};
    double bottom;

    width = width < LEAST_WIDTH ? (unsigned)LEAST_WIDTH : width;
    width = width > MOST_WIDTH ? (unsigned)MOST_WIDTH : width;
    drawing.left = MARGIN + label_width(timeline) + 10;
    drawing.width = width - drawing.left - VERDICT_WIDTH;
    drawing.top = 20 + (timeline->title != NULL ? 28 : 0) + (timeline->mark_count > 0 ? 18 : 0);
    bottom = drawing.top + (double)(timeline->lane_count * PITCH);
    /* The legend has two rows at most: eleven phases and three flags. */
    fprintf(to,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %u %.0f\" width=\"%u\" "
            "height=\"%.0f\" role=\"img\">\n<title>",
            width, bottom + 82, width, bottom + 82);
    escaped(timeline->title != NULL ? timeline->title : "The life of each device", to);
    fputs("</title>\n", to);
    style(&drawing);
    if (timeline->title != NULL)
        text_at(&drawing, MARGIN, 26, "title", timeline->title);
    draw_marks(&drawing, bottom + 5);
    for (unsigned i = 0; i < timeline->lane_count; i++)
        draw_lane(&drawing, &plan->lanes[i], drawing.top + (double)(i * PITCH) + FLAGS + BAR);
    draw_times(&drawing, bottom + 2);
    (void)draw_legend(&drawing, bottom + 44);
    text_at(&drawing, drawing.left + drawing.width + 10, bottom + 44, "dim", "not to scale");
    fputs("</svg>\n", to);
    launcher_plan_free(plan);
}
