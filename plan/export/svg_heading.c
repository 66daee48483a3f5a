/* plan/export/svg_heading.c - the upper part of an SVG picture: what is drawn, the numbers of the
 * step, and the legend. */
#include <string.h>

#include "plan/export/readable.h"
#include "plan/export/svg.h"
#include "plan/export/svg_page.h"

enum {
    HEADING = 1240,    /* height, to the first line of the legend */
    MEASURED = 240,    /* height of what was measured, in the heading */
    FACT = 1500,       /* width */
    PAIR = 2500,       /* the same with what was measured, and by how much it differs */
    LEGEND_LINE = 220, /* height */
    LEGEND_NAME = 1200,
    LEGEND_NAME_MAX = 2400, /* width, least and most */
    LEGEND_ITEM = 1240      /* width */
};

const char *weft_i_svg_title(const weft_plan *plan, char *out, size_t size)
{
    const char *model = plan->model.name, *cluster = plan->cluster.name;
    if (model[0] && cluster[0])
        snprintf(out, size, "%s on %s", model, cluster);
    else
        snprintf(out, size, "%s", model[0] ? model : "Pipeline timeline");
    return out;
}

/* What was measured. */
static void write_run(const weft_timeline *timeline, char *out, size_t size)
{
    int n = snprintf(out, size, " \xC2\xB7 run on %.64s", timeline->device);
    if (timeline->n_steps > 1)
        n += snprintf(out + n, size - (size_t)n, ", step %d of %d", timeline->step,
                      timeline->n_steps);
    if (timeline->scale != 1)
        snprintf(out + n, size - (size_t)n, ", scale %g: drawn in the plan's times",
                 timeline->scale);
}

static void write_title(const weft_i_svg_page *page)
{
    const weft_plan *plan = page->picture->plan;
    const weft_parallel *n = &plan->parallel;
    char text[400];
    weft_i_svg_text(page->stream, "h1", WEFT_I_SVG_MARGIN, 400,
                    weft_i_svg_title(plan, text, sizeof(text)));
    int length =
        snprintf(text, sizeof(text), "dp %d \xC2\xB7 pp %d \xC2\xB7 tp %d", n->dp, n->pp, n->tp);
    if (n->cp > 1) length += snprintf(text + length, 32, " \xC2\xB7 cp %d", n->cp);
    if (n->ep > 1) length += snprintf(text + length, 32, " \xC2\xB7 ep %d", n->ep);
    if (plan->method[0])
        length += snprintf(text + length, 100, " \xC2\xB7 method %.64s", plan->method);
    if (plan->n_pipelines > 1)
        length += snprintf(text + length, 64, " \xC2\xB7 replica %d of %d",
                           page->picture->pipeline->replica, plan->n_pipelines);
    if (page->picture->timeline)
        write_run(page->picture->timeline, text + length, sizeof(text) - (size_t)length);
    weft_i_svg_text(page->stream, "h2", WEFT_I_SVG_MARGIN, 610, text);
}

/* A number with its name above it; returns where the next may stand. */
static int64_t write_fact(const weft_i_svg_page *page, int64_t x, const char *key,
                          weft_i_text value)
{
    weft_i_svg_text(page->stream, "key", x, 840, key);
    weft_i_svg_text(page->stream, "val", x, 1050, value.s);
    return x + FACT;
}

/* A number as predicted, below it as measured, and how much that is more; "" = not said. */
static int64_t write_pair(const weft_i_svg_page *page, int64_t x, const char *key,
                          weft_i_text planned, weft_i_text measured, weft_i_text change)
{
    char text[80];
    snprintf(text, sizeof(text), "%s %s", measured.s, change.s);
    weft_i_svg_text(page->stream, "val", x, 1050 + MEASURED, text);
    write_fact(page, x, key, planned);
    return x + PAIR;
}

static void write_pairs(const weft_i_svg_page *page)
{
    const weft_timeline *timeline = page->picture->timeline;
    const weft_i_measure *m = &page->picture->measure;
    const weft_i_rank_measure *worst = &m->ranks[m->worst];
    int64_t x = WEFT_I_SVG_MARGIN;
    char key[64];
    int n = snprintf(key, sizeof(key), "worst: rank %d", m->worst % timeline->n_ranks);
    if (timeline->n_pipelines > 1)
        snprintf(key + n, sizeof(key) - (size_t)n, " of replica %d",
                 timeline->pipelines[m->worst / timeline->n_ranks].replica);
    weft_i_svg_text(page->stream, "key", x, 1050, "predicted");
    weft_i_svg_text(page->stream, "key", x, 1050 + MEASURED, "measured");
    x += FACT / 2;
    x = write_pair(page, x, "step", weft_i_readable_time(m->planned_step_ns),
                   weft_i_readable_time(m->measured_step_ns),
                   weft_i_readable_change(m->step_error));
    x = write_pair(page, x, key, weft_i_readable_time(worst->planned_ns),
                   weft_i_readable_time(worst->measured_ns), weft_i_readable_change(worst->error));
    write_pair(page, x, "bubble", weft_i_readable_share(m->planned_bubble),
               weft_i_readable_share(m->measured_bubble), (weft_i_text){""});
    x += FACT;
    if (x + PAIR > page->width) return;
    write_pair(page, x, "pipeline", weft_i_readable_time(m->planned_ns),
               weft_i_readable_time(m->measured_ns), weft_i_readable_change(m->error));
}

static void write_facts(const weft_i_svg_page *page)
{
    const weft_prediction *predicted = &page->picture->plan->predicted;
    const weft_pipeline *p = page->picture->pipeline;
    int64_t x = WEFT_I_SVG_MARGIN;
    if (page->picture->timeline) {
        write_pairs(page);
        return;
    }
    x = write_fact(page, x, "step", weft_i_readable_time(predicted->step_ns));
    x = write_fact(page, x, "pipeline", weft_i_readable_time(p->pipeline_ns));
    x = write_fact(page, x, "bubble", weft_i_readable_share(predicted->bubble));
    if (predicted->mfu > 0) x = write_fact(page, x, "MFU", weft_i_readable_share(predicted->mfu));
    if (p->lower_bound_ns > 0) {
        double gap = (double)p->pipeline_ns / (double)p->lower_bound_ns - 1;
        write_fact(page, x, "above the lower bound", weft_i_readable_share(gap));
    }
}

static bool has_static(const weft_problem *problem)
{
    for (int32_t r = 0; r < problem->n_ranks; r++) {
        if (problem->static_bytes[r] > 0) return true;
    }
    return false;
}

static bool has_limit(const weft_problem *problem)
{
    for (int32_t r = 0; r < problem->n_ranks; r++) {
        if (problem->limit_bytes[r] < WEFT_INT_MAX) return true;
    }
    return false;
}

static bool has_recompute(const weft_problem *problem)
{
    for (int32_t s = 0; s < problem->n_stages; s++) {
        if (problem->stages[s].now.cost.recompute_ns > 0) return true;
    }
    return false;
}

/* An entry of the legend: a coloured box, or a piece of line, and what it stands for. */
typedef struct key {
    const char *class, *text;
    bool is_line;
} key;

enum { KEYS_MAX = 9 };

/* What a picture shows besides passes; returns how many. */
static int32_t list_keys(const weft_i_svg_page *page, key keys[KEYS_MAX])
{
    const weft_pipeline *p = page->picture->pipeline;
    int32_t n = 0;
    keys[n++] = (key){"track", "idle", false};
    if (has_recompute(&p->problem)) keys[n++] = (key){"re", "recomputation", false};
    if (weft_i_svg_x(page, page->length_ns) >
        weft_i_svg_x(page, weft_i_picture_pipeline_ns(page->picture)) + 1) {
        keys[n++] = (key){"red", "reduction", false};
        keys[n++] = (key){"opt", "optimizer", false};
    }
    if (has_static(&p->problem)) keys[n++] = (key){"fix", "static memory", false};
    keys[n++] = (key){"mem", "activations", false};
    if (has_limit(&p->problem)) keys[n++] = (key){"lim", "memory limit", true};
    if (p->lower_bound_ns > 0) keys[n++] = (key){"low", "lower bound", true};
    if (page->picture->timeline) keys[n++] = (key){"run", "idle, measured", true};
    return n;
}

static void write_key(const weft_i_svg_page *page, const key *k, int64_t x, int64_t y)
{
    if (k->is_line) {
        fprintf(page->stream, "<path class=\"%s\" d=\"M", k->class);
        weft_i_svg_number(page->stream, x);
        fputc(' ', page->stream);
        weft_i_svg_number(page->stream, y - 40);
        fputs("h14\"/>\n", page->stream);
    } else {
        /* The hatching of recomputation lies over a pass. */
        if (strcmp(k->class, "re") == 0) weft_i_svg_box(page->stream, "c1", x, y - 100, 140, 120);
        weft_i_svg_box(page->stream, k->class, x, y - 100, 140, 120);
    }
    weft_i_svg_text(page->stream, "leg", x + 200, y, k->text);
}

static int64_t legend_top(const weft_i_svg_page *page)
{
    return HEADING + (page->picture->timeline ? MEASURED : 0);
}

/* Where the entries of the legend begin, behind the longest name of a module. */
static int64_t legend_left(const weft_i_svg_page *page)
{
    int64_t width = LEGEND_NAME;
    for (int32_t m = 0; m < page->picture->n_modules; m++) {
        int64_t name = 80 * (int64_t)strlen(page->picture->modules[m]) + 150;
        if (name > width) width = name;
    }
    return WEFT_I_SVG_MARGIN + (width < LEGEND_NAME_MAX ? width : LEGEND_NAME_MAX);
}

static int32_t keys_per_line(const weft_i_svg_page *page)
{
    return (int32_t)((page->width - WEFT_I_SVG_MARGIN - legend_left(page)) / LEGEND_ITEM);
}

int64_t weft_i_svg_heading_height(const weft_i_svg_page *page)
{
    key keys[KEYS_MAX];
    int32_t n = list_keys(page, keys), per_line = keys_per_line(page);
    return legend_top(page) +
           LEGEND_LINE * (page->picture->n_modules + (n + per_line - 1) / per_line);
}

static void write_module_keys(const weft_i_svg_page *page, int32_t module, int64_t y)
{
    int64_t x = legend_left(page);
    weft_i_svg_text(page->stream, "name", WEFT_I_SVG_MARGIN, y, page->picture->modules[module]);
    for (int pass = 0; pass < 4; pass++) {
        if (!page->picture->is_used[4 * module + pass]) continue;
        char class[16];
        snprintf(class, sizeof(class), "c%d", 4 * (module % WEFT_I_SVG_HUES) + pass);
        const key k = {class, weft_i_pass_text((weft_pass)pass), false};
        write_key(page, &k, x, y);
        x += LEGEND_ITEM;
    }
}

static void write_legend(const weft_i_svg_page *page)
{
    int64_t y = legend_top(page) + 140;
    for (int32_t m = 0; m < page->picture->n_modules; m++, y += LEGEND_LINE)
        write_module_keys(page, m, y);
    key keys[KEYS_MAX];
    int32_t n = list_keys(page, keys), per_line = keys_per_line(page);
    for (int32_t i = 0; i < n; i++) {
        int64_t x = legend_left(page) + i % per_line * LEGEND_ITEM;
        write_key(page, &keys[i], x, y + i / per_line * LEGEND_LINE);
    }
}

void weft_i_svg_heading(const weft_i_svg_page *page)
{
    write_title(page);
    write_facts(page);
    write_legend(page);
}
