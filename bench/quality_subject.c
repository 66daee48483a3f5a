/* bench/quality_subject.c - see quality_subject.h. */
#include "bench/quality_subject.h"

#include <stdio.h>
#include <string.h>

enum { MAX_TEXT = 512 };

static void text_of(const subject *s, int seed, char text[MAX_TEXT])
{
    if (seed > 0)
        snprintf(text, MAX_TEXT, "%s seed=%d", s->text, seed);
    else
        snprintf(text, MAX_TEXT, "%s", s->text);
    for (char *c = text; *c; c++)
        *c = *c == ';' ? ',' : *c;
}

static void prepare(const subject *s, double seconds, weft_planner_options *options)
{
    options->objective = s->span ? WEFT_OBJECTIVE_SPAN : WEFT_OBJECTIVE_MAKESPAN;
    options->time_limit_s = seconds;
    options->threads = 1;
}

static const weft_pipeline *slowest_of(const weft_plan *plan)
{
    const weft_pipeline *slowest = &plan->pipelines[0];
    for (int32_t i = 1; i < plan->n_pipelines; i++)
        if (plan->pipelines[i].pipeline_ns > slowest->pipeline_ns) slowest = &plan->pipelines[i];
    return slowest;
}

static outcome outcome_of(const subject *s, const weft_plan *plan)
{
    const weft_pipeline *p = slowest_of(plan);
    double ns = (double)(s->span ? p->span_ns : p->pipeline_ns);
    double bound = (double)(s->span ? p->span_lower_bound_ns : p->lower_bound_ns);
    double rest = s->setup ? (double)plan->predicted.step_ns - ns : 0;
    return (outcome){(ns + rest) / 1e3, (bound + rest) / 1e3, 100 * (ns / bound - 1)};
}

/* Plan once, or compare where out_comparison is not NULL. */
static weft_status make(const subject *s, int seed, int search, double seconds, weft_error *error,
                        weft_plan **out_plan, weft_comparison **out_comparison)
{
    char text[MAX_TEXT];
    setup open = {.model = NULL};
    weft_status status = WEFT_STATUS_OK;
    weft_planner_options_init(&open.options);
    if (s->setup)
        status = setup_open(s->setup, s->batch_folder, error, &open);
    else
        text_of(s, seed, text);
    prepare(s, seconds, &open.options);
    open.options.search = search;
    if (!status && !out_comparison)
        status = s->setup ? weft_planner_make(&open.input, &open.options, error, out_plan)
                          : weft_planner_synthetic(text, &open.options, error, out_plan);
    if (!status && out_comparison) {
        open.options.iterations = 1;
        char *cut = s->setup ? NULL : strstr(text, " v=1"); /* baselines choose their cut */
        if (cut) memset(cut, ' ', strlen(" v=1"));
        status = s->setup
                     ? weft_planner_compare(&open.input, &open.options, error, out_comparison)
                     : weft_planner_compare_synthetic(text, &open.options, error, out_comparison);
    }
    setup_close(&open);
    return status;
}

bool subject_plan(const subject *s, const char *name, int search, double seconds, outcome *out)
{
    int n = s->n_seeds > 0 ? s->n_seeds : 1;
    outcome sum = {0, 0, 0};
    for (int i = 0; i < n; i++) {
        weft_error error = {0};
        weft_plan *plan = NULL;
        int seed = s->n_seeds > 0 ? i + 1 : 0;
        if (make(s, seed, search, seconds, &error, &plan, NULL)) {
            fprintf(stderr, "%s: %s\n", name, error.text);
            return false;
        }
        outcome one = outcome_of(s, plan);
        sum = (outcome){sum.us + one.us, sum.bound_us + one.bound_us,
                        sum.gap_percent + one.gap_percent};
        weft_plan_free(plan);
    }
    *out = (outcome){sum.us / n, sum.bound_us / n, sum.gap_percent / n};
    return true;
}

bool subject_static(const subject *s, outcome *out, const char **out_which)
{
    weft_error error = {0};
    weft_comparison *c = NULL;
    if (make(s, s->n_seeds > 0 ? 1 : 0, WEFT_SEARCH_DEFAULT, 0, &error, NULL, &c)) return false;
    bool any = c->best_static >= 0;
    if (any) {
        *out = outcome_of(s, c->rows[c->best_static].plan);
        *out_which = c->rows[c->best_static].name;
    }
    weft_comparison_free(c);
    return any;
}
