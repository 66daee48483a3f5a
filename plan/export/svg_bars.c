/* plan/export/svg_bars.c - what a rank does over time, as bars with hover text. A pass that is wide
 * enough is a bar; passes narrower than that are drawn in groups, stacked by module and pass, so
 * that a file stays small and shows what the time goes into. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "plan/export/readable.h"
#include "plan/export/svg.h"
#include "plan/export/svg_page.h"

enum {
    STAGES_ALL = 20000, /* more stages than these are drawn coarser, to bound the file */
    WIDTH_MIN = 2,      /* of what is drawn */
    GAP = 5,            /* between bars */
    GAP_FROM = 40,      /* bars that are wide enough for one */
    MICROBATCHES_SHOWN = 8
};

/* Passes that are drawn together. */
typedef struct group {
    int32_t first, last; /* actions; first < 0 = none */
    int32_t n_passes;
    int64_t start_ns, end_ns;
} group;

typedef struct row {
    const weft_i_svg_page *page;
    const weft_i_course *course;
    const weft_rank_actions *actions;
    const weft_action *planned; /* of each measured action, NULL where the row is the plan's */
    int64_t group_width;        /* smallest */
} row;

static int tint_class(weft_i_tint tint)
{
    return tint % (4 * WEFT_I_SVG_HUES);
}

static void open_bar(const row *r, const char *class, int tint, int64_t x, int64_t width)
{
    fprintf(r->page->stream, "<path class=\"%s", class);
    if (tint >= 0) fprintf(r->page->stream, "%d", tint);
    fputs("\" d=\"", r->page->stream);
    weft_i_svg_rect(r->page->stream, x, 0, width, r->page->bar);
    fputs("\">", r->page->stream);
}

static void write_place(FILE *stream, const weft_chunk *chunk, const weft_submicrobatch *sub)
{
    weft_i_svg_escape(stream, chunk->module);
    fprintf(stream, ", segment %d", chunk->segment);
    if (chunk->layers == 1) fprintf(stream, ", layer %d", chunk->first_layer);
    if (chunk->layers > 1)
        fprintf(stream, ", layers %d to %d", chunk->first_layer,
                chunk->first_layer + chunk->layers - 1);
    fprintf(stream, "\nmicrobatch%s", sub->n_microbatches == 1 ? "" : "es");
    for (int32_t i = 0; i < sub->n_microbatches && i < MICROBATCHES_SHOWN; i++)
        fprintf(stream, " %d", sub->microbatches[i]);
    if (sub->n_microbatches > MICROBATCHES_SHOWN) fputs(" ...", stream);
    fprintf(stream, ", sub-microbatch %d", sub->index);
    if (sub->tokens > 0) fprintf(stream, ", %" PRId64 " tokens", sub->tokens);
}

static void write_strategies(FILE *stream, const weft_candidate *now)
{
    for (int32_t i = 0; i < now->n_memory; i++) {
        fputs(i == 0 ? "\nmemory: " : ", ", stream);
        weft_i_svg_escape(stream, now->memory[i].strategy);
        fprintf(stream, " (%d)", now->memory[i].layers);
    }
}

static int64_t recompute_ns(const weft_i_svg_page *page, const weft_action *action)
{
    if (action->kind != WEFT_ACTION_BW && action->kind != WEFT_ACTION_BWI) return 0;
    return page->picture->pipeline->problem.stages[action->operand].now.cost.recompute_ns;
}

/* What the plan had said. */
static void write_planned(FILE *stream, const weft_action *planned)
{
    fprintf(stream, "\npredicted %s from %s",
            weft_i_readable_time(planned->end_ns - planned->start_ns).s,
            weft_i_readable_time(planned->start_ns).s);
}

static void write_pass_title(const row *r, const weft_action *action)
{
    const weft_i_svg_page *page = r->page;
    const weft_problem *problem = &page->picture->pipeline->problem;
    const weft_stage *stage = &problem->stages[action->operand];
    FILE *stream = page->stream;
    fputs("<title>", stream);
    write_place(stream, &problem->chunks[stage->chunk], weft_i_picture_sub(page->picture, action));
    fprintf(stream, "\n%s: %s from %s", weft_i_pass_text((weft_pass)action->kind),
            weft_i_readable_time(action->end_ns - action->start_ns).s,
            weft_i_readable_time(action->start_ns).s);
    if (r->planned) write_planned(stream, &r->planned[action - r->actions->actions]);
    if (recompute_ns(page, action) > 0)
        fprintf(stream, "\nrecomputes for %s", weft_i_readable_time(recompute_ns(page, action)).s);
    write_strategies(stream, &stage->now);
    fputs("</title>", stream);
}

/* The microbatch in the middle of a bar that has room for it. */
static void write_number(const row *r, const weft_action *action, int64_t x, int64_t width)
{
    const weft_submicrobatch *sub = weft_i_picture_sub(r->page->picture, action);
    char number[16];
    if (sub->n_microbatches == 0) return;
    snprintf(number, sizeof(number), "%d", sub->microbatches[0]);
    if (width < r->page->number) return;
    bool is_dark = action->kind == WEFT_ACTION_BW || action->kind == WEFT_ACTION_BWI;
    weft_i_svg_text(r->page->stream, is_dark ? "num w" : "num", x + width / 2,
                    r->page->bar / 2 + 36, number);
}

static void draw_pass(const row *r, const weft_action *action)
{
    const weft_i_svg_page *page = r->page;
    int64_t x = weft_i_svg_x(page, action->start_ns);
    int64_t width = weft_i_svg_x(page, action->end_ns) - x;
    if (width > GAP_FROM) width -= GAP;
    if (width < WIDTH_MIN) width = WIDTH_MIN;
    open_bar(r, "c", tint_class(weft_i_picture_tint(page->picture, action)), x, width);
    write_pass_title(r, action);
    fputs("</path>\n", page->stream);
    int64_t again = weft_i_svg_x(page, action->start_ns + recompute_ns(page, action)) - x;
    if (again > GAP) {
        open_bar(r, "re", -1, x, again < width ? again : width);
        fputs("</path>\n", page->stream);
    }
    write_number(r, action, x, width);
}

static void write_group_title(const row *r, const group *g, int64_t busy_ns)
{
    double share =
        g->end_ns > g->start_ns ? (double)busy_ns / (double)(g->end_ns - g->start_ns) : 1;
    fprintf(r->page->stream, "<title>%d passes\n%s from %s, %s busy</title>", g->n_passes,
            weft_i_readable_time(g->end_ns - g->start_ns).s, weft_i_readable_time(g->start_ns).s,
            weft_i_readable_share(share).s);
}

static int64_t sum_of(const row *r, const group *g, weft_i_tint tint)
{
    int64_t sum = 0;
    for (int32_t a = g->first; a <= g->last; a++) {
        const weft_action *action = &r->actions->actions[a];
        if (weft_i_action_is_pass(action) && weft_i_picture_tint(r->page->picture, action) == tint)
            sum += action->end_ns - action->start_ns;
    }
    return sum;
}

/* Stacked from below by their shares of the time; what is idle stays empty at the top. */
static void draw_stack(const row *r, const group *g)
{
    const weft_i_svg_page *page = r->page;
    int64_t x = weft_i_svg_x(page, g->start_ns), width = weft_i_svg_x(page, g->end_ns) - x;
    int64_t busy_ns = 0, length_ns = g->end_ns - g->start_ns, below = 0;
    if (width < WIDTH_MIN) width = WIDTH_MIN;
    for (weft_i_tint t = 0; t < 4 * page->picture->n_modules; t++)
        busy_ns += sum_of(r, g, t);
    fputs("<g class=\"few\">", page->stream);
    write_group_title(r, g, busy_ns);
    int64_t sum_ns = 0;
    for (weft_i_tint t = 0; t < 4 * page->picture->n_modules; t++) {
        sum_ns += sum_of(r, g, t);
        int64_t height =
            length_ns > 0 ? (int64_t)((double)sum_ns / (double)length_ns * (double)page->bar) : 0;
        if (height == below) continue;
        fprintf(page->stream, "<path class=\"c%d\" d=\"", tint_class(t));
        weft_i_svg_rect(page->stream, x, page->bar - height, width, height - below);
        fputs("\"/>", page->stream);
        below = height;
    }
    fputs("</g>\n", page->stream);
}

static void draw_group(const row *r, group *g)
{
    if (g->n_passes == 1)
        draw_pass(r, &r->actions->actions[g->first]);
    else
        draw_stack(r, g);
    g->first = -1;
}

/* Add a narrow pass to the group, which is drawn before where it is wide enough already, or where
 * the time between would be seen. */
static void add_narrow(const row *r, int32_t a, group *g)
{
    const weft_i_svg_page *page = r->page;
    const weft_action *action = &r->actions->actions[a];
    if (g->first >= 0) {
        int64_t start = weft_i_svg_x(page, g->start_ns), end = weft_i_svg_x(page, g->end_ns);
        int64_t gap = weft_i_svg_x(page, action->start_ns) - end;
        if (end - start >= r->group_width || gap >= r->group_width) draw_group(r, g);
    }
    if (g->first < 0) *g = (group){.first = a, .start_ns = action->start_ns};
    g->last = a;
    g->n_passes++;
    g->end_ns = action->end_ns;
}

/* Gradients still on their way when the passes are done, and the optimizer. */
static void draw_other(const row *r, const weft_action *action)
{
    const weft_i_svg_page *page = r->page;
    int64_t end_ns = action->end_ns;
    if (action->kind == WEFT_ACTION_OPTIMIZER)
        end_ns += r->course->optimizer_ns;
    else if (action->kind != WEFT_ACTION_WAIT_REDUCE)
        return;
    int64_t x = weft_i_svg_x(page, action->start_ns), width = weft_i_svg_x(page, end_ns) - x;
    bool is_optimizer = action->kind == WEFT_ACTION_OPTIMIZER;
    if (width < WIDTH_MIN) return;
    open_bar(r, is_optimizer ? "opt" : "red", -1, x, width);
    fprintf(page->stream, "<title>%s: %s from %s</title></path>\n",
            is_optimizer ? "optimizer" : "gradient reduction",
            weft_i_readable_time(end_ns - action->start_ns).s,
            weft_i_readable_time(action->start_ns).s);
}

void weft_i_svg_bars(const weft_i_svg_page *page, const weft_i_course *course, int32_t rank)
{
    const weft_i_picture *picture = page->picture;
    const weft_problem *problem = &picture->pipeline->problem;
    row r = {.page = page, .course = course, .actions = &course->ranks[rank], .group_width = 20};
    if (course != &picture->planned) r.planned = picture->planned.ranks[rank].actions;
    if (problem->n_stages > STAGES_ALL && problem->n_ranks > r.group_width)
        r.group_width = problem->n_ranks;
    group g = {.first = -1};
    for (int32_t a = 0; a < r.actions->n_actions; a++) {
        const weft_action *action = &r.actions->actions[a];
        if (!weft_i_action_is_pass(action)) {
            draw_other(&r, action);
            continue;
        }
        int64_t width = weft_i_svg_x(page, action->end_ns) - weft_i_svg_x(page, action->start_ns);
        if (width < r.group_width) {
            add_narrow(&r, a, &g);
            continue;
        }
        if (g.first >= 0) draw_group(&r, &g);
        draw_pass(&r, action);
    }
    if (g.first >= 0) draw_group(&r, &g);
}
