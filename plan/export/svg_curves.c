/* plan/export/svg_curves.c - curves over time: a rank's memory, and the share of idle ranks. Time
 * is cut into columns of at least a pixel; memory shows the most of each column, so that no peak
 * is lost. */
#include <stdlib.h>

#include "base/error.h"
#include "plan/export/svg.h"
#include "plan/export/svg_page.h"
#include "plan/peaks.h"

/* All curves of a picture together have about this many columns at most, to bound the file. */
enum { COLUMNS_MAX = 400000, COLUMNS_MIN = 20 };

typedef struct columns {
    int64_t step; /* width of each */
    int32_t n;
} columns;

static columns cut(const weft_i_svg_page *page)
{
    int64_t n = page->plot / 10, most = COLUMNS_MAX / page->picture->pipeline->problem.n_ranks;
    if (n > most) n = most > COLUMNS_MIN ? most : COLUMNS_MIN;
    return (columns){page->plot / n, (int32_t)n};
}

static int32_t column_of(const weft_i_svg_page *page, const columns *c, int64_t ns)
{
    double x = (double)ns / (double)page->length_ns * (double)page->plot / (double)c->step;
    int32_t i = (int32_t)x;
    return i < c->n ? i : c->n - 1;
}

static void raise_to(int64_t bytes, int32_t first, int32_t last, int64_t *most)
{
    for (int32_t i = first; i <= last; i++) {
        if (bytes > most[i]) most[i] = bytes;
    }
}

/* The most bytes of each column. What is there after an action stays until the next starts. */
static void measure(const weft_i_svg_page *page, const columns *c, const weft_i_graph *graph,
                    int32_t rank, int64_t *most)
{
    const weft_rank_actions *actions = &page->picture->pipeline->ranks[rank];
    weft_i_live live = weft_i_live_begin(graph, rank);
    int32_t from = 0;
    for (int32_t a = 0; a < actions->n_actions; a++) {
        const weft_action *action = &actions->actions[a];
        int32_t start = column_of(page, c, action->start_ns);
        int32_t end = column_of(page, c, action->end_ns);
        raise_to(weft_i_live_sum(&live), from, start, most);
        weft_i_live during = weft_i_live_step(graph, action, &live);
        raise_to(weft_i_live_sum(&during), start, end, most);
        from = end;
    }
    raise_to(weft_i_live_sum(&live), from, c->n - 1, most);
}

static int64_t memory_height(const weft_i_svg_page *page, int64_t bytes)
{
    return (int64_t)((double)bytes / (double)page->memory_top * (double)page->memory + 0.5);
}

static void draw_memory(const weft_i_svg_page *page, const columns *c, int32_t rank,
                        const int64_t *heights)
{
    const weft_problem *problem = &page->picture->pipeline->problem;
    int64_t fixed = memory_height(page, problem->static_bytes[rank]);
    fputs("<path class=\"mem\" d=\"", page->stream);
    weft_i_svg_stairs(page->stream, heights, c->n, c->step, page->memory);
    fputs("z\"/>\n", page->stream);
    if (fixed > 0) {
        weft_i_svg_box(page->stream, "fix", 0, page->memory - fixed, c->n * c->step, fixed);
    }
    if (problem->limit_bytes[rank] == WEFT_INT_MAX) return;
    fputs("<path class=\"lim\" d=\"M0 ", page->stream);
    weft_i_svg_number(page->stream, page->memory - memory_height(page, problem->limit_bytes[rank]));
    fputs("h", page->stream);
    weft_i_svg_number(page->stream, c->n * c->step);
    fputs("\"/>\n", page->stream);
}

weft_status weft_i_svg_memory(const weft_i_svg_page *page, const weft_i_graph *graph, int32_t rank,
                              weft_error *error)
{
    columns c = cut(page);
    int64_t *most = weft_i_alloc((size_t)c.n, sizeof(*most));
    if (!most) return weft_i_no_memory(error);
    measure(page, &c, graph, rank, most);
    for (int32_t i = 0; i < c.n; i++)
        most[i] = memory_height(page, most[i]);
    draw_memory(page, &c, rank, most);
    free(most);
    return WEFT_STATUS_OK;
}

/* Add a pass to the columns that it covers, in columns' lengths. */
static void add_busy(const weft_i_svg_page *page, const columns *c, const weft_action *action,
                     double *busy)
{
    double scale = (double)page->plot / (double)page->length_ns / (double)c->step;
    double from = (double)action->start_ns * scale, to = (double)action->end_ns * scale;
    for (int32_t i = (int32_t)from; i < c->n && i < to; i++)
        busy[i] += fmin(to, i + 1) - fmax(from, i);
}

weft_status weft_i_svg_idle(const weft_i_svg_page *page, const weft_i_course *course,
                            const char *class, int64_t height, weft_error *error)
{
    int32_t n_ranks = page->picture->pipeline->problem.n_ranks;
    columns c = cut(page);
    double *busy = weft_i_alloc((size_t)c.n, sizeof(*busy));
    int64_t *heights = weft_i_alloc((size_t)c.n, sizeof(*heights));
    weft_status status = busy && heights ? WEFT_STATUS_OK : weft_i_no_memory(error);
    for (int32_t r = 0; r < n_ranks && status == WEFT_STATUS_OK; r++) {
        for (int32_t a = 0; a < course->ranks[r].n_actions; a++) {
            const weft_action *action = &course->ranks[r].actions[a];
            if (weft_i_action_is_pass(action)) add_busy(page, &c, action, busy);
        }
    }
    if (status == WEFT_STATUS_OK) {
        int32_t n = column_of(page, &c, course->pipeline_ns) + 1;
        for (int32_t i = 0; i < n; i++)
            heights[i] = (int64_t)floor((1 - busy[i] / n_ranks) * (double)height + 0.5);
        fprintf(page->stream, "<path class=\"%s\" d=\"", class);
        weft_i_svg_stairs(page->stream, heights, n, c.step, height);
        fputs("z\"/>\n", page->stream);
    }
    free(heights);
    free(busy);
    return status;
}
