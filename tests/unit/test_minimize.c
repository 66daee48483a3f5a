/* tests/unit/test_minimize.c - the least sum of absolute residuals, against all corners of small
 * linear problems and against a grid of one that is not linear. */
#include <criterion/criterion.h>
#include <math.h>

#include "base/rng.h"
#include "emu/minimize.h"

enum { N = 2, MAX_ROWS = 9 };

/* Residual i is a[i] x + b[i] y - c[i], of what `bend` makes of x. */
typedef struct problem {
    int32_t n_rows;
    double a[MAX_ROWS], b[MAX_ROWS], c[MAX_ROWS], weights[MAX_ROWS];
    double bend;
    int32_t asked;
} problem;

static double residual(const problem *p, const double *x, int32_t i)
{
    double bent = x[0] + p->bend * x[0] * x[0];
    return p->a[i] * bent + p->b[i] * x[1] - p->c[i];
}

static weft_status residuals(void *context, const double *x, int32_t changed, double *out)
{
    problem *p = context;
    p->asked++;
    for (int32_t i = 0; i < p->n_rows; i++) {
        if (changed == 1 && p->b[i] == 0) continue; /* stays as it was */
        out[i] = residual(p, x, i);
    }
    return WEFT_STATUS_OK;
}

static double sum_at(const problem *p, double x, double y)
{
    double sum = 0;
    for (int32_t i = 0; i < p->n_rows; i++)
        sum += p->weights[i] * fabs(residual(p, (double[]){x, y}, i));
    return sum;
}

static problem make(weft_i_rng *rng, double bend)
{
    problem p = {.n_rows = 3 + (int32_t)weft_i_rng_below(rng, MAX_ROWS - 2), .bend = bend};
    for (int32_t i = 0; i < p.n_rows; i++) {
        p.a[i] = weft_i_rng_double(rng) * 2 - 1;
        p.b[i] = i == 0 ? 0 : weft_i_rng_double(rng) * 2 - 1;
        p.c[i] = weft_i_rng_double(rng) - 0.5;
        p.weights[i] = weft_i_rng_double(rng);
    }
    return p;
}

static double minimize(problem *p, const double *home, double pull, double *x)
{
    double sum = -1;
    const weft_i_minimization job = {.n = N,
                                     .n_residuals = p->n_rows,
                                     .weights = p->weights,
                                     .home = home,
                                     .pull = pull,
                                     .rounds = 200,
                                     .residuals = residuals,
                                     .context = p};
    cr_assert_eq(weft_i_minimize(&job, NULL, x, &sum), WEFT_STATUS_OK);
    cr_assert(x[0] >= 0 && x[0] <= 1 && x[1] >= 0 && x[1] <= 1);
    return sum;
}

/* Where two of the lines cross, of residuals that are zero or sides of the box. */
static double best_corner(const problem *p)
{
    double a[MAX_ROWS + 4] = {1, 1, 0, 0}, b[MAX_ROWS + 4] = {0, 0, 1, 1};
    double c[MAX_ROWS + 4] = {0, 1, 0, 1}, best = INFINITY;
    for (int32_t i = 0; i < p->n_rows; i++) {
        a[4 + i] = p->a[i];
        b[4 + i] = p->b[i];
        c[4 + i] = p->c[i];
    }
    for (int32_t i = 0; i < p->n_rows + 4; i++)
        for (int32_t j = 0; j < i; j++) {
            double det = a[i] * b[j] - a[j] * b[i];
            if (fabs(det) < 1e-12) continue;
            double x = (c[i] * b[j] - c[j] * b[i]) / det, y = (a[i] * c[j] - a[j] * c[i]) / det;
            if (x < -1e-9 || x > 1 + 1e-9 || y < -1e-9 || y > 1 + 1e-9) continue;
            best = fmin(best, sum_at(p, x, y));
        }
    return best;
}

Test(minimize, linear_problems_have_their_least_at_a_corner)
{
    const uint64_t seed = 7;
    weft_i_rng rng;
    weft_i_rng_seed(&rng, seed);
    for (int round = 0; round < 60; round++) {
        problem p = make(&rng, 0);
        double x[N] = {weft_i_rng_double(&rng), weft_i_rng_double(&rng)};
        double sum = minimize(&p, (double[]){0, 0}, 0, x);
        cr_assert_float_eq(sum, sum_at(&p, x[0], x[1]), 1e-12);
        cr_assert_float_eq(sum, best_corner(&p), 2e-3, "seed %d, round %d: %g, corner %g",
                           (int)seed, round, sum, best_corner(&p));
    }
}

Test(minimize, is_as_good_as_a_grid_where_it_bends)
{
    weft_i_rng rng;
    weft_i_rng_seed(&rng, 11);
    for (int round = 0; round < 20; round++) {
        problem p = make(&rng, 0.7);
        double x[N] = {0.5, 0.5}, best = INFINITY;
        for (int i = 0; i <= 100; i++)
            for (int j = 0; j <= 100; j++)
                best = fmin(best, sum_at(&p, i / 100.0, j / 100.0));
        double sum = minimize(&p, (double[]){0, 0}, 0, x);
        cr_assert(sum < best + 2e-3, "seed 11, round %d: %g, grid %g", round, sum, best);
    }
}

/* No residual depends on y; and x is worth less than the pull. */
Test(minimize, what_nothing_determines_goes_home)
{
    problem p = {.n_rows = 1, .a = {1}, .c = {0.9}, .weights = {0.5}};
    double x[N] = {0.1, 0.2};
    minimize(&p, (double[]){0.3, 0.7}, 0.01, x);
    cr_expect_float_eq(x[0], 0.9, 1e-3);
    cr_expect_float_eq(x[1], 0.7, 1e-3);
    double y[N] = {0.1, 0.2};
    minimize(&p, (double[]){0.3, 0.7}, 1, y);
    cr_expect_float_eq(y[0], 0.3, 1e-3);
}

static weft_status refuses(void *context, const double *x, int32_t changed, double *out)
{
    (void)context, (void)x, (void)out;
    return changed == 1 ? WEFT_STATUS_BAD_INPUT : WEFT_STATUS_OK;
}

Test(minimize, a_failure_comes_through_and_changes_nothing)
{
    const double weight = 1, home[N] = {0, 0};
    double x[N] = {0.25, 0.75}, sum = -1;
    const weft_i_minimization job = {.n = N,
                                     .n_residuals = 1,
                                     .weights = &weight,
                                     .home = home,
                                     .rounds = 5,
                                     .residuals = refuses};
    cr_expect_eq(weft_i_minimize(&job, NULL, x, &sum), WEFT_STATUS_BAD_INPUT);
    cr_expect(x[0] == 0.25 && x[1] == 0.75 && sum == -1);
}
