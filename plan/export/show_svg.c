/* plan/export/show_svg.c - a replica's timeline as an SVG file: the page, its styles, rows and
 * axes. Not: heading and legend (svg_heading.c), bars (svg_bars.c), curves (svg_curves.c). No
 * scripts, no fonts or styles from elsewhere. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "plan/export/readable.h"
#include "plan/export/svg.h"
#include "plan/export/svg_page.h"

enum {
    WIDTH_DEFAULT = 1600,
    WIDTH_MIN = 800,
    WIDTH_MAX = 100000,
    LEFT = 720,   /* of the numbers of ranks */
    RIGHT = 1360, /* of the numbers behind each rank */
    AXIS = 300,   /* height of tick labels with some air */
    IDLE = 560,   /* height of the curve of idle ranks */
    BAR_GAP = 40, /* below a bar of passes, before another one or the memory */
    TICK = 1000   /* at least this far apart */
};

/* Colours of forward, backward, input gradient, weight gradient for each module: one hue, four
 * steps of lightness (about 0.76, 0.46, 0.60, 0.89 in OKLCH), which stay apart without colour
 * vision. */
static const char *const palette[WEFT_I_SVG_HUES][4] = {
    {"7cb6f1", "0a5a9a", "3684cd", "c0deff"}, {"eaa75c", "984a00", "b5660f", "f8dab8"},
    {"74c4a2", "07684b", "369471", "bde6d3"}, {"db98cc", "813873", "b05ea0", "f3cee9"},
    {"f2938c", "962f2e", "ca5651", "ffccc7"}, {"acb1b9", "535861", "7b818a", "d8dbdf"}};

static const char style[] =
    "text{font:11px system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,"
    "'DejaVu Sans',sans-serif;fill:#4b5563;font-variant-numeric:tabular-nums}\n"
    ".h1{font-size:20px;font-weight:600;fill:#111827}\n"
    ".h2{font-size:13px}\n"
    ".key{font-size:11px;fill:#6b7280}\n"
    ".val{font-size:18px;font-weight:600;fill:#111827}\n"
    ".leg{font-size:12px}\n"
    ".name{font-size:12px;font-weight:600;fill:#111827}\n"
    ".end{text-anchor:end}\n"
    ".mid{text-anchor:middle}\n"
    ".num{font-size:10px;text-anchor:middle;fill:#111827;pointer-events:none}\n"
    ".num.w{fill:#fff}\n"
    ".tick{stroke:#d1d5db;stroke-width:1}\n"
    ".track{fill:#f3f4f6}\n"
    ".few path{shape-rendering:crispEdges}\n"
    ".mem{fill:#cbd5e1}\n"
    ".fix{fill:#94a3b8}\n"
    ".lim{stroke:#c2410c;stroke-width:1.2;stroke-dasharray:5 3;fill:none}\n"
    ".idle{fill:#9ca3af}\n"
    ".run{fill:none;stroke:#111827;stroke-width:1.2}\n"
    ".re{fill:url(#again);pointer-events:none}\n"
    ".red{fill:#e5e7eb}\n"
    ".opt{fill:#6b7280}\n"
    ".low{stroke:#111827;stroke-width:1.2;stroke-dasharray:2 3}\n"
    "path:hover{stroke:#111827;stroke-width:1}\n";

static void write_style(const weft_i_svg_page *page)
{
    FILE *stream = page->stream;
    fprintf(stream, "<style>\n%s", style);
    for (int hue = 0; hue < WEFT_I_SVG_HUES; hue++) {
        for (int pass = 0; pass < 4; pass++)
            fprintf(stream, ".c%d{fill:#%s}", 4 * hue + pass, palette[hue][pass]);
    }
    fputs("\n</style>\n<defs><pattern id=\"again\" width=\"5\" height=\"5\" "
          "patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\">"
          "<path d=\"M0 0v5\" stroke=\"#fff\" stroke-width=\"2.4\" stroke-opacity=\".7\"/>"
          "</pattern></defs>\n",
          stream);
}

static void open_group(const weft_i_svg_page *page, int64_t y)
{
    fputs("<g transform=\"translate(", page->stream);
    weft_i_svg_number(page->stream, page->left);
    fputc(' ', page->stream);
    weft_i_svg_number(page->stream, y);
    fputs(")\">\n", page->stream);
}

/* Lines through all rows, and the labels above and below them. */
static void write_axis(const weft_i_svg_page *page, int64_t top, int64_t bottom)
{
    weft_i_ticks ticks = weft_i_readable_ticks(page->length_ns, (int32_t)(1 + page->plot / TICK));
    for (int64_t t = 0; t <= page->length_ns; t += ticks.step_ns) {
        int64_t x = page->left + weft_i_svg_x(page, t);
        const weft_i_text label = weft_i_readable_tick(ticks, t);
        fputs("<path class=\"tick\" d=\"M", page->stream);
        weft_i_svg_number(page->stream, x);
        fputc(' ', page->stream);
        weft_i_svg_number(page->stream, top - 60);
        fputs("v", page->stream);
        weft_i_svg_number(page->stream, bottom - top + 120);
        fputs("\"/>\n", page->stream);
        weft_i_svg_text(page->stream, "mid", x, top - 110, label.s);
        weft_i_svg_text(page->stream, "mid", x, bottom + 190, label.s);
    }
}

static void write_low(const weft_i_svg_page *page, int64_t top, int64_t bottom)
{
    int64_t bound_ns = page->picture->pipeline->lower_bound_ns;
    if (bound_ns == 0) return;
    fputs("<path class=\"low\" d=\"M", page->stream);
    weft_i_svg_number(page->stream, page->left + weft_i_svg_x(page, bound_ns));
    fputc(' ', page->stream);
    weft_i_svg_number(page->stream, top);
    fputc('v', page->stream);
    weft_i_svg_number(page->stream, bottom - top);
    fprintf(page->stream, "\"><title>lower bound: %s</title></path>\n",
            weft_i_readable_time(bound_ns).s);
}

/* Of a rank: planned, and measured where there is a run. */
static int64_t n_bars(const weft_i_picture *picture)
{
    return picture->timeline ? 2 : 1;
}

/* A bar of a rank's passes, and behind it how busy the rank is and what else there is to say. */
static void write_bars(const weft_i_svg_page *page, const weft_i_course *course, int32_t rank,
                       const char *class, const char *label, const char *behind)
{
    char text[80];
    weft_i_svg_text(page->stream, class, -100, page->bar / 2 + 40, label);
    weft_i_svg_bars(page, course, rank);
    snprintf(text, sizeof(text), "%s%s", weft_i_readable_share(weft_i_course_busy(course, rank)).s,
             behind);
    weft_i_svg_text(page->stream, "name", page->plot + 100, page->bar / 2 + 40, text);
}

/* The peak against the limit, behind the memory. */
static void write_peak(const weft_i_svg_page *page, int32_t rank)
{
    const weft_pipeline *p = page->picture->pipeline;
    int64_t limit = p->problem.limit_bytes[rank];
    weft_i_size_unit unit = weft_i_readable_size_unit(page->memory_top);
    char text[120];
    weft_i_text peak = weft_i_readable_size(p->peak_bytes[rank], unit);
    if (limit < WEFT_INT_MAX)
        snprintf(text, sizeof(text), "%s of %s %s", peak.s, weft_i_readable_size(limit, unit).s,
                 unit.name);
    else
        snprintf(text, sizeof(text), "%s %s", peak.s, unit.name);
    weft_i_svg_text(page->stream, "num0", page->plot + 100, page->memory / 2 + 40, text);
}

static void write_measured(const weft_i_svg_page *page, int32_t rank, int64_t y)
{
    const weft_i_picture *picture = page->picture;
    int32_t p = (int32_t)(picture->pipeline - picture->plan->pipelines);
    double error = picture->measure.ranks[p * picture->timeline->n_ranks + rank].error;
    char behind[48];
    snprintf(behind, sizeof(behind), ", %s", weft_i_readable_change(error).s);
    open_group(page, y);
    write_bars(page, &picture->measured, rank, "key end", "measured", behind);
    fputs("</g>\n", page->stream);
}

static weft_status write_rank(const weft_i_svg_page *page, const weft_i_graph *graph, int32_t rank,
                              int64_t y, weft_error *error)
{
    char label[32];
    snprintf(label, sizeof(label), "rank %d", rank);
    open_group(page, y);
    write_bars(page, &page->picture->planned, rank, "name end", label, " busy");
    fputs("</g>\n", page->stream);
    if (page->picture->timeline) write_measured(page, rank, y + page->bar + BAR_GAP);
    open_group(page, y + n_bars(page->picture) * (page->bar + BAR_GAP));
    weft_status status = weft_i_svg_memory(page, graph, rank, error);
    write_peak(page, rank);
    fputs("</g>\n", page->stream);
    return status;
}

/* Of a course's pipeline. */
static double idle_share(const weft_i_course *course, int32_t n_ranks)
{
    double busy = 0;
    for (int32_t r = 0; r < n_ranks; r++)
        busy += weft_i_course_busy(course, r);
    return course->pipeline_ns > 0 ? 1 - busy / n_ranks : 0;
}

static weft_status write_idle(const weft_i_svg_page *page, int64_t y, weft_error *error)
{
    const weft_i_picture *picture = page->picture;
    int32_t n_ranks = picture->pipeline->problem.n_ranks;
    char text[64];
    open_group(page, y);
    weft_status status = weft_i_svg_idle(page, &picture->planned, "idle", IDLE, error);
    if (status == WEFT_STATUS_OK && picture->timeline) {
        status = weft_i_svg_idle(page, &picture->measured, "run", IDLE, error);
        snprintf(text, sizeof(text), "%s measured",
                 weft_i_readable_share(idle_share(&picture->measured, n_ranks)).s);
        weft_i_svg_text(page->stream, "name", page->plot + 100, IDLE / 2 + 200, text);
    }
    weft_i_svg_text(page->stream, "key end", -100, 80, "100 %");
    weft_i_svg_text(page->stream, "name end", -100, IDLE / 2 + 40, "idle");
    weft_i_svg_text(page->stream, "key end", -100, IDLE, "0 %");
    snprintf(text, sizeof(text), "%s idle",
             weft_i_readable_share(idle_share(&picture->planned, n_ranks)).s);
    weft_i_svg_text(page->stream, "name", page->plot + 100, IDLE / 2 + 40, text);
    fputs("</g>\n", page->stream);
    return status;
}

static int64_t clamp(int64_t value, int64_t low, int64_t high)
{
    return value < low ? low : value > high ? high : value;
}

/* The end of what is drawn of a course: the optimizer's where there is one. */
static int64_t end_of(const weft_i_course *course, int32_t n_ranks)
{
    int64_t end_ns = course->pipeline_ns;
    for (int32_t r = 0; r < n_ranks; r++) {
        const weft_rank_actions *rank = &course->ranks[r];
        if (rank->n_actions == 0) continue;
        const weft_action *last = &rank->actions[rank->n_actions - 1];
        int64_t ns = last->end_ns;
        if (last->kind == WEFT_ACTION_OPTIMIZER) ns += course->optimizer_ns;
        if (ns > end_ns) end_ns = ns;
    }
    return end_ns > 0 ? end_ns : 1;
}

/* Room that the longest number of a microbatch takes. */
static int64_t number_width(const weft_problem *problem)
{
    int64_t width = 100;
    int32_t largest = 0;
    for (int32_t i = 0; i < problem->n_submicrobatches; i++) {
        const weft_submicrobatch *sub = &problem->submicrobatches[i];
        if (sub->n_microbatches > 0 && sub->microbatches[0] > largest)
            largest = sub->microbatches[0];
    }
    for (; largest >= 10; largest /= 10)
        width += 60;
    return width;
}

static weft_i_svg_page lay_out(const weft_i_picture *picture, int32_t width, FILE *stream)
{
    const weft_pipeline *p = picture->pipeline;
    int32_t n_ranks = p->problem.n_ranks;
    weft_i_svg_page page = {.picture = picture,
                            .stream = stream,
                            .length_ns = end_of(&picture->planned, n_ranks),
                            .width = 10 * (int64_t)width,
                            .left = WEFT_I_SVG_MARGIN + LEFT,
                            .memory_top = 1};
    if (picture->timeline) {
        int64_t end_ns = end_of(&picture->measured, n_ranks);
        if (end_ns > page.length_ns) page.length_ns = end_ns;
    }
    page.number = number_width(&p->problem);
    page.plot = page.width - page.left - RIGHT - WEFT_I_SVG_MARGIN;
    page.bar = clamp(4000 / n_ranks, 120, 280);
    page.memory = clamp(3600 / n_ranks, 100, 260);
    page.row =
        n_bars(picture) * (page.bar + BAR_GAP) + page.memory + clamp(1600 / n_ranks, 50, 120);
    for (int32_t r = 0; r < n_ranks; r++) {
        int64_t limit = p->problem.limit_bytes[r];
        int64_t top = limit < WEFT_INT_MAX ? limit : p->peak_bytes[r];
        if (top > page.memory_top) page.memory_top = top;
    }
    return page;
}

/* What lies below the i-th bar. */
static void write_track(const weft_i_svg_page *page, int64_t top, int64_t i)
{
    int64_t n = n_bars(page->picture), y = top + i / n * page->row + i % n * (page->bar + BAR_GAP);
    weft_i_svg_box(page->stream, "track", page->left, y, page->plot, page->bar);
}

static weft_status write_picture(const weft_i_svg_page *page, const weft_i_graph *graph,
                                 weft_error *error)
{
    int32_t n_ranks = graph->problem->n_ranks;
    int64_t top = weft_i_svg_heading_height(page) + 500;
    int64_t idle = top + n_ranks * page->row + 60, bottom = idle + IDLE;
    int64_t height = bottom + AXIS + 100;
    char text[300];
    fprintf(page->stream,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%" PRId64 "\" height=\"%" PRId64
            "\" viewBox=\"0 0 %" PRId64 " %" PRId64 "\">\n<title>",
            page->width / 10, height / 10, page->width / 10, height / 10);
    weft_i_svg_escape(page->stream, weft_i_svg_title(page->picture->plan, text, sizeof(text)));
    fputs("</title>\n", page->stream);
    write_style(page);
    fputs("<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n", page->stream);
    weft_i_svg_heading(page);
    for (int64_t i = 0; i < n_ranks * n_bars(page->picture); i++)
        write_track(page, top, i);
    write_axis(page, top, bottom);
    for (int32_t r = 0; r < n_ranks; r++) {
        weft_status status = write_rank(page, graph, r, top + r * page->row, error);
        if (status != WEFT_STATUS_OK) return status;
    }
    weft_status status = write_idle(page, idle, error);
    write_low(page, top - 60, bottom);
    fputs("</svg>\n", page->stream);
    return status;
}

static weft_status write_file(const weft_i_picture *picture, int32_t width, const char *file,
                              weft_error *error)
{
    weft_i_arena scratch = {0};
    weft_i_graph graph;
    weft_i_file_out out = {0};
    weft_status status = weft_i_graph_build(&picture->pipeline->problem, &scratch, error, &graph);
    if (status == WEFT_STATUS_OK) status = weft_i_file_create(file, error, &out);
    if (status == WEFT_STATUS_OK) {
        weft_i_svg_page page = lay_out(picture, width, out.stream);
        status = write_picture(&page, &graph, error);
        status = weft_i_file_end(&out, status, error);
    }
    weft_i_arena_free(&scratch);
    return status;
}

weft_status weft_show_svg(const weft_plan *plan, const weft_show_options *options, const char *file,
                          weft_error *error)
{
    static const weft_i_widths widths = {WIDTH_DEFAULT, WIDTH_MIN, WIDTH_MAX, "pixels"};
    weft_show_options o;
    weft_i_picture picture = {0};
    weft_status status = weft_i_show_open(plan, options, &widths, error, &o, &picture);
    if (status == WEFT_STATUS_OK) status = write_file(&picture, o.width, file, error);
    weft_i_picture_close(&picture);
    return status;
}
