/* planner/tries.c - which layouts to try: the paper's rule, then steps from the best so far. */
#include "planner/tries.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/threads.h"

/* One search of a layout gets this share of the time for all. */
#define SHARE 0.08

enum { MAX_SEGMENTS = 16, MAX_TRIED = 64 };

/* Segments (0 = by the rule) and direction of each module. */
typedef struct point {
    int32_t *segments, *directions;
} point;

typedef struct contest {
    const weft_i_case *plan_case;
    double seconds; /* of one search; 0 = no limit */
    int64_t iterations;
    int64_t end_ns; /* 0 = none */
    weft_i_arena arena;
    weft_layout *tried[MAX_TRIED]; /* cuts only, to know them again; owned */
    int32_t n_tried;
    weft_i_attempt best;
    bool found, stopped;
    weft_error first; /* why the first that failed did */
} contest;

bool weft_i_same_cut(const weft_layout *a, const weft_layout *b)
{
    if (a->n_chunks != b->n_chunks) return false;
    for (int32_t i = 0; i < a->n_chunks; i++) {
        const weft_chunk *p = &a->chunks[i], *q = &b->chunks[i];
        if (p->rank != q->rank || p->segment != q->segment || p->first_layer != q->first_layer ||
            p->layers != q->layers)
            return false;
    }
    return true;
}

/* Make a layout twice: one for the attempt, one to know it again. NULL where it is known or cannot
 * be made. */
static weft_layout *make_new(contest *c, const point *p)
{
    weft_i_layout_input input = weft_i_case_layout_input(c->plan_case);
    weft_layout *layout = NULL, *memory = NULL;
    weft_error why = {0};
    if (c->n_tried == MAX_TRIED) return NULL;
    if (weft_i_layout_modality(&input, p->segments, p->directions, &why, &layout) ||
        weft_i_layout_modality(&input, p->segments, p->directions, &why, &memory)) {
        if (!c->first.status) c->first = why;
        weft_layout_free(layout);
        return NULL;
    }
    for (int32_t i = 0; i < c->n_tried; i++) {
        if (weft_i_same_cut(c->tried[i], layout)) {
            weft_layout_free(layout);
            weft_layout_free(memory);
            return NULL;
        }
    }
    c->tried[c->n_tried++] = memory;
    return layout;
}

/* Search the layout of a point; true where it is the best so far. */
static bool try_point(contest *c, const point *p)
{
    weft_layout *layout = make_new(c, p);
    if (!layout) return false;
    weft_i_attempt attempt = {0};
    weft_error why = {0};
    weft_status status = weft_i_attempt_open(c->plan_case, layout, &why, &attempt);
    if (!status) status = weft_i_attempt_search(&attempt, c->seconds, c->iterations, &why);
    if (status && !c->first.status) c->first = why;
    c->stopped = c->stopped || attempt.stopped;
    if (status || (c->found && weft_i_attempt_value(&attempt) >= weft_i_attempt_value(&c->best))) {
        weft_i_attempt_close(&attempt);
        return false;
    }
    weft_i_attempt_close(&c->best);
    c->best = attempt;
    c->found = true;
    return true;
}

static bool is_over(const contest *c)
{
    return c->stopped || (c->end_ns > 0 && weft_i_now_ns() >= c->end_ns);
}

/* A step: what it does to the segments of module i, of all before the backbone, or of the backbone.
 */
typedef struct step {
    enum { ENCODERS, BACKBONE, ALL, TURN } what;
    int32_t times, plus;
} step;

static const step steps[] = {{ENCODERS, 2, 0},  {BACKBONE, 2, 0}, {ALL, 2, 0},
                             {ENCODERS, 1, 1},  {BACKBONE, 1, 1}, {ENCODERS, 1, -1},
                             {BACKBONE, 1, -1}, {TURN, 1, 0}};

/* The point one step from the best; false where the step leads nowhere. */
static bool step_from_best(const contest *c, const step *s, const point *out)
{
    const weft_layout *layout = c->best.layout;
    int32_t last = layout->n_modules - 1;
    for (int32_t i = 0; i <= last; i++) {
        const weft_layout_module *m = &layout->modules[i];
        bool moved = s->what == ALL || (s->what == BACKBONE) == (i == last);
        out->segments[i] = m->segments;
        out->directions[i] = m->direction;
        if (s->what == TURN) {
            if (i == last) out->directions[i] = -m->direction;
        } else if (moved) {
            out->segments[i] = m->segments * s->times + s->plus;
        }
        if (out->segments[i] < 1 || out->segments[i] > MAX_SEGMENTS) return false;
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

weft_status weft_i_try_layouts(const weft_i_case *plan_case, double seconds, int64_t iterations,
                               weft_error *error, weft_i_attempt *out_best)
{
    size_t n = (size_t)plan_case->model->n_modules;
    contest c = {.plan_case = plan_case,
                 .seconds = seconds * SHARE,
                 .iterations = iterations,
                 .end_ns = seconds > 0 ? weft_i_now_ns() + (int64_t)(seconds * 1e9) : 0};
    point p = {weft_i_new(&c.arena, int32_t, n), weft_i_new(&c.arena, int32_t, n)};
    weft_status status = WEFT_STATUS_OK;
    if (!p.segments || !p.directions) {
        status = weft_i_no_memory(error);
    } else {
        for (size_t i = 0; i < n; i++)
            p.directions[i] = 1;
        try_point(&c, &p);
        for (int32_t k = 1; !c.found && k <= 2; k++) { /* the rule's layout does not fit */
            for (size_t i = 0; i < n; i++)
                p.segments[i] = k;
            try_point(&c, &p);
        }
        if (c.found)
            climb(&c, &p);
        else
            status = weft_i_fail(error, c.first.status, "%s", c.first.text);
    }
    while (c.n_tried > 0)
        weft_layout_free(c.tried[--c.n_tried]);
    weft_i_arena_free(&c.arena);
    c.best.stopped = c.stopped;
    if (!status) *out_best = c.best;
    return status;
}
