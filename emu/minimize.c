/* emu/minimize.c - see emu/minimize.h. */
#include "emu/minimize.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"

/* A point and its residuals. */
typedef struct point {
    double *x, *residuals;
    double value; /* with the pull */
} point;

typedef struct search {
    const weft_i_minimization *job;
    point now, next;
    double *slopes;          /* [n][n_residuals]: of the residuals, by variable */
    double *weights;         /* n_residuals: of the squares */
    double *hessian;         /* [n][n] */
    double *gradient, *step; /* n */
    double *pulls;           /* n: weights of the squared ways from home */
    double radius;           /* no variable goes further in one step */
} search;

static double *column(const search *s, int32_t c)
{
    return s->slopes + (size_t)c * (size_t)s->job->n_residuals;
}

static double sum_of(const weft_i_minimization *job, const double *residuals)
{
    double sum = 0;
    for (int32_t i = 0; i < job->n_residuals; i++)
        sum += job->weights[i] * fabs(residuals[i]);
    return sum;
}

static double value_of(const weft_i_minimization *job, const double *x, const double *residuals)
{
    double away = 0;
    for (int32_t c = 0; c < job->n; c++)
        away += fabs(x[c] - job->home[c]);
    return sum_of(job, residuals) + job->pull * away;
}

static weft_status evaluate(const search *s, point *p)
{
    weft_status status = s->job->residuals(s->job->context, p->x, -1, p->residuals);
    p->value = value_of(s->job, p->x, p->residuals);
    return status;
}

static size_t bytes_of(int32_t n)
{
    return (size_t)n * sizeof(double);
}

/* Differences towards the middle, over a part of the trust region. */
static weft_status take_slopes(search *s)
{
    const int32_t n = s->job->n_residuals;
    const double length = fmin(0.02, fmax(0.002, s->radius / 2));
    for (int32_t c = 0; c < s->job->n; c++) {
        double was = s->now.x[c], d = was > 0.5 ? -length : length, *slope = column(s, c);
        memcpy(slope, s->now.residuals, bytes_of(n));
        s->now.x[c] = was + d;
        weft_status status = s->job->residuals(s->job->context, s->now.x, c, slope);
        s->now.x[c] = was;
        if (status != WEFT_STATUS_OK) return status;
        for (int32_t i = 0; i < n; i++)
            slope[i] = (slope[i] - s->now.residuals[i]) / d;
    }
    return WEFT_STATUS_OK;
}

/* Residuals of the linear model after the step, into those of the next point. */
static void predict(search *s)
{
    const int32_t n = s->job->n_residuals;
    memcpy(s->next.residuals, s->now.residuals, bytes_of(n));
    for (int32_t c = 0; c < s->job->n; c++) {
        const double d = s->step[c], *slope = column(s, c);
        for (int32_t i = 0; d != 0 && i < n; i++)
            s->next.residuals[i] += d * slope[i];
    }
}

/* Weights under which squares are worth what the absolute values are, near the present step. */
static void reweight(search *s, double least)
{
    const weft_i_minimization *job = s->job;
    for (int32_t i = 0; i < job->n_residuals; i++)
        s->weights[i] = job->weights[i] / fmax(least, fabs(s->next.residuals[i]));
    for (int32_t c = 0; c < job->n; c++)
        s->pulls[c] = job->pull / fmax(least, fabs(s->now.x[c] + s->step[c] - job->home[c]));
}

static double weighted_product(const search *s, const double *a, const double *b)
{
    double sum = 0;
    for (int32_t i = 0; i < s->job->n_residuals; i++)
        sum += s->weights[i] * a[i] * b[i];
    return sum;
}

static void make_quadratic(search *s)
{
    const int32_t n = s->job->n;
    for (int32_t a = 0; a < n; a++) {
        for (int32_t b = 0; b <= a; b++)
            s->hessian[a * n + b] = s->hessian[b * n + a] =
                weighted_product(s, column(s, a), column(s, b));
        s->gradient[a] = weighted_product(s, column(s, a), s->now.residuals) +
                         s->pulls[a] * (s->now.x[a] - s->job->home[a]);
        s->hessian[a * n + a] += s->pulls[a] + 1e-9;
    }
}

/* Least of the quadratic in the box that trust region and range have in common. */
static void solve_quadratic(search *s)
{
    enum { SWEEPS = 60 };
    const int32_t n = s->job->n;
    for (int sweep = 0; sweep < SWEEPS; sweep++) {
        double moved = 0;
        for (int32_t a = 0; a < n; a++) {
            double slope = s->gradient[a];
            for (int32_t b = 0; b < n; b++)
                slope += s->hessian[a * n + b] * s->step[b];
            double low = fmax(-s->radius, -s->now.x[a]), high = fmin(s->radius, 1 - s->now.x[a]);
            double to = s->step[a] - slope / s->hessian[a * n + a];
            to = fmin(high, fmax(low, to));
            moved = fmax(moved, fabs(to - s->step[a]));
            s->step[a] = to;
        }
        if (moved < 1e-7) return;
    }
}

/* The step that is best by the linear model. */
static void make_step(search *s)
{
    enum { ROUNDS = 25 };
    memset(s->step, 0, bytes_of(s->job->n));
    for (int round = 0; round < ROUNDS; round++) {
        predict(s);
        reweight(s, fmax(1e-5, 0.05 * pow(0.6, round)));
        make_quadratic(s);
        solve_quadratic(s);
    }
}

static void swap(point *a, point *b)
{
    point was = *a;
    *a = *b;
    *b = was;
}

/* Take the step where it is better: then the region grows, else it shrinks. */
static weft_status try_step(search *s, bool *out_better)
{
    make_step(s);
    for (int32_t c = 0; c < s->job->n; c++)
        s->next.x[c] = fmin(1, fmax(0, s->now.x[c] + s->step[c]));
    weft_status status = evaluate(s, &s->next);
    *out_better = status == WEFT_STATUS_OK && s->next.value < s->now.value;
    s->radius *= *out_better ? 1.5 : 0.4;
    if (s->radius > 0.5) s->radius = 0.5;
    if (*out_better) swap(&s->now, &s->next);
    return status;
}

static weft_status run(search *s)
{
    const double finest = 2e-4;
    bool better = true;
    s->radius = 0.2;
    weft_status status = evaluate(s, &s->now);
    for (int32_t r = 0; r < s->job->rounds && s->radius > finest && !status; r++) {
        if (better) status = take_slopes(s);
        if (!status) status = try_step(s, &better);
    }
    return status;
}

static bool make_room(search *s, weft_i_arena *arena)
{
    const int32_t n = s->job->n, m = s->job->n_residuals;
    double **arrays[] = {&s->now.x,  &s->next.x,  &s->now.residuals, &s->next.residuals,
                         &s->slopes, &s->weights, &s->hessian,       &s->gradient,
                         &s->step,   &s->pulls};
    const size_t sizes[] = {(size_t)n,
                            (size_t)n,
                            (size_t)m,
                            (size_t)m,
                            (size_t)n * (size_t)m,
                            (size_t)m,
                            (size_t)n * (size_t)n,
                            (size_t)n,
                            (size_t)n,
                            (size_t)n};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
        if (!(*arrays[i] = weft_i_new(arena, double, sizes[i]))) return false;
    return true;
}

weft_status weft_i_minimize(const weft_i_minimization *job, weft_error *error, double *x,
                            double *out_sum)
{
    weft_i_arena arena = {0};
    search s = {.job = job};
    weft_status status = make_room(&s, &arena) ? WEFT_STATUS_OK : weft_i_no_memory(error);
    if (!status) {
        memcpy(s.now.x, x, bytes_of(job->n));
        status = run(&s);
    }
    if (!status) {
        memcpy(x, s.now.x, bytes_of(job->n));
        *out_sum = sum_of(job, s.now.residuals);
    }
    weft_i_arena_free(&arena);
    return status;
}
