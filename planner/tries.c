/* planner/tries.c - which layouts to try: the paper's rule, then steps from the best so far. */
#include "planner/tries.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/threads.h"
#include "planner/evening.h"
#include "planner/reductions.h"

/* Of the time for all: the share of one short search, and the part after which there is no further
 * layout. */
static const double SHARE = 0.04, STEPS_UNTIL = 0.55;

/* Where the best schedule is this near to its bound, other layouts are tried for longer. */
static const double NEAR = 1.015, NEAR_UNTIL = 0.8;

/* KEPT: layouts that are searched on, the rule's beside them. */
enum { MAX_SEGMENTS = 16, MAX_TRIED = 64, KEPT = 3 };

/* Segments (0 = by the rule), direction and B (0 = by the rule) of each module. */
typedef struct point {
    int32_t *segments, *directions;
    int64_t *tokens;
} point;

/* What tells a layout from others: how it splits the microbatches, and layers of each chunk. */
typedef struct fingerprint {
    int64_t *numbers;
    int32_t n;
} fingerprint;

typedef struct contest {
    const weft_i_case *plan_case;
    double seconds; /* of one search; 0 = no limit */
    int64_t iterations;
    int64_t begin_ns, end_ns; /* 0 = no end */
    weft_i_arena arena;
    fingerprint tried[MAX_TRIED];
    int32_t n_tried;
    weft_i_attempt kept[KEPT + 2]; /* the best first, and the rule's; one place to spare */
    int32_t n_kept;
    const weft_layout *rule; /* by the rule, evened out: of an attempt that is kept for longer */
    bool is_near;            /* the best is near its bound */
    bool stopped, no_memory;
    weft_error first; /* why the first that failed did */
} contest;

static bool is_over(const contest *c)
{
    if (c->stopped || c->no_memory) return true;
    double all_ns = (double)(c->end_ns - c->begin_ns),
           until = c->is_near ? NEAR_UNTIL : STEPS_UNTIL;
    return c->end_ns > 0 && (double)(weft_i_now_ns() - c->begin_ns) >= until * all_ns;
}

/* How an attempt splits the microbatches: two sizes B that do it alike are one layout. */
static int64_t split_of(const weft_i_attempt *a)
{
    uint64_t sum = 0;
    for (int32_t r = 0; r < a->n_replicas; r++)
        for (int32_t i = 0; i < a->problems[r]->n_submicrobatches; i++) {
            uint64_t tokens = (uint64_t)a->problems[r]->submicrobatches[i].tokens;
            sum = (sum + (uint64_t)i + tokens) * UINT64_C(0x9E3779B97F4A7C15);
            sum ^= sum >> 29;
        }
    return (int64_t)(sum >> 1);
}

/* Whether an attempt's layout is new; it is then known from now on. */
static bool is_new(contest *c, const weft_i_attempt *attempt)
{
    const weft_layout *layout = attempt->layout;
    fingerprint print = {NULL, 1 + 3 * layout->n_chunks};
    if (c->n_tried == MAX_TRIED) return false;
    print.numbers = weft_i_new(&c->arena, int64_t, print.n);
    c->no_memory = c->no_memory || !print.numbers;
    if (!print.numbers) return false;
    int64_t *at = print.numbers;
    *at++ = split_of(attempt);
    for (int32_t i = 0; i < layout->n_chunks; i++) {
        *at++ = layout->chunks[i].rank;
        *at++ = layout->chunks[i].segment;
        *at++ = layout->chunks[i].layers;
    }
    for (int32_t i = 0; i < c->n_tried; i++)
        if (c->tried[i].n == print.n &&
            memcmp(c->tried[i].numbers, print.numbers, (size_t)print.n * sizeof *at) == 0)
            return false;
    c->tried[c->n_tried++] = print;
    return true;
}

static weft_status make_layout(const contest *c, const point *p, weft_error *error,
                               weft_layout **out_layout)
{
    weft_i_layout_input input = weft_i_case_layout_input(c->plan_case);
    input.submicrobatch_tokens = p->tokens;
    return weft_i_layout_modality(&input, p->segments, p->directions, error, out_layout);
}

/* The best attempt, where its ranks wait and recompute as those of a layout will. */
static const weft_i_attempt *alike(const contest *c, const weft_layout *layout)
{
    const weft_layout *best = c->kept[0].layout;
    for (int32_t i = 0; i < layout->n_modules; i++)
        if (layout->modules[i].segments != best->modules[i].segments ||
            layout->modules[i].direction != best->modules[i].direction)
            return NULL;
    return &c->kept[0];
}

/* Open an attempt at the layout of a point; from the second on with its ranks evened out. */
static weft_status open_point(const contest *c, const point *p, weft_error *error,
                              weft_i_attempt *out_attempt)
{
    weft_layout *layout = NULL, *even = NULL;
    weft_i_attempt attempt = {0};
    weft_status status = make_layout(c, p, error, &layout);
    if (!status) status = weft_i_attempt_open(c->plan_case, layout, error, &attempt);
    if (!status && c->n_kept > 0) {
        status = make_layout(c, p, error, &even);
        if (!status) status = weft_i_even_out(&attempt, alike(c, even), error, even);
        weft_i_attempt_close(&attempt);
        if (!status)
            status = weft_i_attempt_open(c->plan_case, even, error, &attempt);
        else
            weft_layout_free(even);
    }
    if (!status) *out_attempt = attempt;
    return status;
}

static bool is_better(const weft_i_attempt *a, const weft_i_attempt *b)
{
    return weft_i_attempt_value(a) + a->tail_ns < weft_i_attempt_value(b) + b->tail_ns;
}

/* Under this no schedule of the attempt gets, at the strategies chosen (solved) or whatever they
 * are: at the first of each stage, the fastest, as if memory were no matter. 0 = not known. */
static int64_t bound_of(const weft_i_attempt *a, bool solved)
{
    weft_i_arena arena = {0};
    int64_t most = 0;
    for (int32_t r = 0; r < a->n_replicas; r++) {
        weft_bounds bounds;
        weft_problem problem = *a->problems[r];
        int64_t *no_limit = weft_i_new(&arena, int64_t, problem.n_ranks);
        for (int32_t i = 0; no_limit && i < problem.n_ranks; i++)
            no_limit[i] = WEFT_INT_MAX;
        if (!solved && no_limit) problem.limit_bytes = no_limit;
        const int32_t *choices = solved ? a->solutions[r].choices : NULL;
        bool known = no_limit && !weft_bounds_compute(&problem, choices, NULL, &bounds);
        bool span = a->options->objective == WEFT_OBJECTIVE_SPAN;
        int64_t ns = !known ? 0 : span ? bounds.span_ns : bounds.makespan_ns;
        most = ns > most ? ns : most;
    }
    weft_i_arena_free(&arena);
    return most;
}

/* The best first; among equals the older. */
static void sort_kept(contest *c)
{
    for (int32_t i = 1; i < c->n_kept; i++)
        for (int32_t k = i; k > 0 && is_better(&c->kept[k], &c->kept[k - 1]); k--) {
            weft_i_attempt one = c->kept[k];
            c->kept[k] = c->kept[k - 1];
            c->kept[k - 1] = one;
        }
}

/* Close all but the best n; the rule's goes last where it is spared. */
static void drop_worst(contest *c, int32_t n, bool spare_rule)
{
    while (c->n_kept > n) {
        int32_t last = c->n_kept - 1;
        if (spare_rule && last > 0 && c->kept[last].layout == c->rule) {
            weft_i_attempt rule = c->kept[last];
            c->kept[last] = c->kept[last - 1];
            c->kept[last - 1] = rule;
        }
        weft_i_attempt_close(&c->kept[last]);
        c->n_kept--;
    }
}

/* Search an attempt, on from its answer if it has one; what follows the pipelines is measured where
 * it counts. */
static weft_status search(const contest *c, double seconds, weft_i_attempt *a, weft_error *error)
{
    a->goes_on = weft_i_attempt_value(a) < WEFT_INT_MAX;
    weft_status status = weft_i_attempt_search(a, seconds, c->iterations, error);
    if (status || a->options->objective != WEFT_OBJECTIVE_STEP) return status;
    return weft_i_reductions_tail(a, error, &a->tail_ns);
}

/* Search the layout of a point; true where it is the best so far. */
static bool try_point(contest *c, const point *p)
{
    weft_i_attempt attempt = {0};
    weft_error why = {0};
    weft_status status = open_point(c, p, &why, &attempt);
    bool hopeless =
        !status && c->n_kept > 0 && bound_of(&attempt, false) >= weft_i_attempt_value(&c->kept[0]);
    if (!status && (!is_new(c, &attempt) || hopeless)) {
        weft_i_attempt_close(&attempt);
        return false;
    }
    if (!status) status = search(c, c->seconds, &attempt, &why);
    if (status && !c->first.status) c->first = why;
    c->no_memory = c->no_memory || status == WEFT_STATUS_NO_MEMORY;
    c->stopped = c->stopped || attempt.stopped;
    if (status) {
        weft_i_attempt_close(&attempt);
        return false;
    }
    const weft_layout *layout = attempt.layout;
    if (c->n_tried <= 2) c->rule = layout;
    c->kept[c->n_kept++] = attempt;
    sort_kept(c);
    drop_worst(c, KEPT + 1, true);
    if (c->kept[0].layout != layout) return false;
    c->is_near =
        (double)weft_i_attempt_value(&c->kept[0]) <= NEAR * (double)bound_of(&c->kept[0], true);
    return true;
}

/* A step: what it does to the segments or to B of all modules before the backbone, of the backbone,
 * or of all; STAY changes nothing but that the ranks are evened out. */
typedef struct step {
    enum { STAY, ENCODERS, BACKBONE, ALL, SIZES, TURN } what;
    int32_t times, over, plus;
} step;

static const step steps[] = {
    {STAY, 1, 1, 0},      {ALL, 2, 1, 0},       {ENCODERS, 2, 1, 0}, {BACKBONE, 2, 1, 0},
    {SIZES, 4, 3, 0},     {ENCODERS, 1, 1, 1},  {BACKBONE, 1, 1, 1}, {SIZES, 3, 4, 0},
    {ENCODERS, 1, 1, -1}, {BACKBONE, 1, 1, -1}, {TURN, 1, 1, 0},
};

/* B times a ratio; where a microbatch is not cut it stays so. */
static int64_t resize(int64_t tokens, const step *s)
{
    return tokens >= WEFT_INT_MAX / 4 ? tokens : tokens * s->times / s->over;
}

/* The point one step from the best; false where the step leads nowhere. */
static bool step_from_best(const contest *c, const step *s, const point *out)
{
    const weft_layout *layout = c->kept[0].layout;
    int32_t last = layout->n_modules - 1;
    for (int32_t i = 0; i <= last; i++) {
        const weft_layout_module *m = &layout->modules[i];
        bool is_last = i == last;
        bool moved = s->what == ALL || s->what == (is_last ? BACKBONE : ENCODERS);
        out->segments[i] = moved ? m->segments * s->times + s->plus : m->segments;
        out->directions[i] = s->what == TURN && is_last ? -m->direction : m->direction;
        out->tokens[i] =
            s->what == SIZES ? resize(m->submicrobatch_tokens, s) : m->submicrobatch_tokens;
        if (out->segments[i] < 1 || out->segments[i] > MAX_SEGMENTS || out->tokens[i] < 1)
            return false;
    }
    return true;
}

/* Steps from the best until none is better or the time is over. */
static void climb(contest *c, const point *next)
{
    bool better = true;
    while (better && !is_over(c)) {
        better = false;
        for (size_t i = 0; i < sizeof steps / sizeof steps[0] && !better && !is_over(c); i++)
            better = step_from_best(c, &steps[i], next) && try_point(c, next);
    }
}

/* Search the kept ones on: all of them for half of the time that is left, then the better half. */
static void halve(contest *c)
{
    for (int32_t n = c->n_kept; n > 1 && !c->stopped && !c->no_memory; n = (n + 1) / 2) {
        drop_worst(c, n, false);
        double left = (double)(c->end_ns - weft_i_now_ns()) / 1e9;
        double seconds = n > 2 ? left / 2 / n : left / n;
        for (int32_t i = 0; i < n && seconds > 0 && !c->stopped; i++) {
            weft_status status = search(c, seconds, &c->kept[i], NULL);
            c->no_memory = c->no_memory || status == WEFT_STATUS_NO_MEMORY;
            c->stopped = c->stopped || c->kept[i].stopped;
        }
        sort_kept(c);
    }
}

static weft_status run(contest *c, point *p, weft_error *error)
{
    size_t n = (size_t)c->plan_case->model->n_modules;
    for (size_t i = 0; i < n; i++)
        p->directions[i] = 1;
    try_point(c, p);
    for (int32_t k = 1; c->n_kept == 0 && !c->no_memory && k <= 2; k++) {
        for (size_t i = 0; i < n; i++) /* the rule's layout does not fit */
            p->segments[i] = k;
        try_point(c, p);
    }
    if (c->n_kept > 0) climb(c, p);
    if (c->n_kept > 0 && c->end_ns > 0) halve(c);
    if (c->no_memory) return weft_i_no_memory(error);
    if (c->n_kept > 0) return WEFT_STATUS_OK;
    return weft_i_fail(error, c->first.status, "%s", c->first.text);
}

weft_status weft_i_try_layouts(const weft_i_case *plan_case, double seconds, int64_t iterations,
                               weft_error *error, weft_i_attempt *out_best)
{
    size_t n = (size_t)plan_case->model->n_modules;
    contest c = {.plan_case = plan_case,
                 .seconds = seconds * SHARE,
                 .iterations = iterations,
                 .begin_ns = weft_i_now_ns()};
    if (seconds > 0) c.end_ns = c.begin_ns + (int64_t)(seconds * 1e9);
    point p = {weft_i_new(&c.arena, int32_t, n), weft_i_new(&c.arena, int32_t, n),
               weft_i_new(&c.arena, int64_t, n)};
    weft_status status =
        p.segments && p.directions && p.tokens ? run(&c, &p, error) : weft_i_no_memory(error);
    if (!status) {
        c.kept[0].stopped = c.stopped;
        *out_best = c.kept[0];
        c.kept[0] = (weft_i_attempt){0};
    }
    for (int32_t i = 0; i < c.n_kept; i++)
        weft_i_attempt_close(&c.kept[i]);
    weft_i_arena_free(&c.arena);
    return status;
}
