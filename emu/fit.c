/* emu/fit.c - see weft/fit.h: constants fitted to measured rows. Which ones: emu/fit_constants.c.
 */
#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/rng.h"
#include "emu/fit_constants.h"

enum { PAIRS = 3 }; /* tried in a round, for each constant */

/* A constant that nothing determines stays near where it was: what its whole range costs. */
static const double pull = 0.002;

/* A point of the search: the constants in parts of their ranges, and what follows. */
typedef struct point {
    double x[WEFT_I_MAX_CONSTANTS];
    double *errors; /* n_rows, relative */
    double value;
} point;

typedef struct fitter {
    weft_cluster *cluster;
    const weft_measurement *rows;
    const unsigned char *left_out;
    int32_t n_rows, n_constants;
    weft_i_constant constants[WEFT_I_MAX_CONSTANTS];
    double start[WEFT_I_MAX_CONSTANTS];
    double *weights;     /* n_rows: 1 / rows of the set that count, 0 = does not count */
    weft_stack **stacks; /* n_rows */
    weft_i_rng rng;
    weft_error *error;
    weft_status status;
} fitter;

void weft_fit_options_init(weft_fit_options *options)
{
    *options = (weft_fit_options){
        .struct_size = sizeof *options, .seed = 1, .restarts = 6, .device = true, .rounds = 40};
}

static void put(fitter *f, const double *x)
{
    for (int32_t c = 0; c < f->n_constants; c++) {
        const weft_i_constant *k = &f->constants[c];
        weft_i_constant_set(f->cluster, k, k->low + x[c] * (k->high - k->low));
    }
}

static double relative_error(fitter *f, int32_t row)
{
    double value = 0;
    weft_status status = weft_measurement_predict(&f->rows[row], f->cluster, f->error, &value);
    if (status != WEFT_STATUS_OK && f->status == WEFT_STATUS_OK) f->status = status;
    return fabs(value / f->rows[row].value - 1);
}

static double sum_of(const fitter *f, const point *p)
{
    double sum = 0;
    for (int32_t i = 0; i < f->n_rows; i++)
        sum += f->weights[i] * p->errors[i];
    for (int32_t c = 0; c < f->n_constants; c++)
        sum += pull * fabs(p->x[c] - f->start[c]);
    return sum;
}

/* Price the rows anew: of one stack, or all where it is NULL. */
static void evaluate(fitter *f, point *p, const weft_stack *stack)
{
    put(f, p->x);
    for (int32_t i = 0; i < f->n_rows; i++)
        if (f->weights[i] > 0 && (!stack || f->stacks[i] == stack))
            p->errors[i] = relative_error(f, i);
    p->value = sum_of(f, p);
}

static void copy_point(const fitter *f, point *to, const point *from)
{
    memcpy(to->x, from->x, sizeof to->x);
    memcpy(to->errors, from->errors, (size_t)f->n_rows * sizeof *to->errors);
    to->value = from->value;
}

static double within(double x)
{
    return fmin(1, fmax(0, x));
}

/* Try a move of constant a by da, and of b by db; taken where it is better. */
static bool move(fitter *f, point *now, point *next, int32_t a, double da, int32_t b, double db)
{
    copy_point(f, next, now);
    next->x[a] = within(next->x[a] + da);
    next->x[b] = within(next->x[b] + db);
    if (next->x[a] == now->x[a] && next->x[b] == now->x[b]) return false;
    bool one = f->constants[a].stack == f->constants[b].stack;
    evaluate(f, next, one ? f->constants[a].stack : NULL);
    if (next->value >= now->value) return false;
    copy_point(f, now, next);
    return true;
}

/* Step of a constant: longer after a success, shorter after a failure. */
static void try_constant(fitter *f, point *now, point *next, int32_t c, double *step)
{
    bool better = move(f, now, next, c, *step, c, 0) || move(f, now, next, c, -*step, c, 0);
    *step = better ? fmin(0.5, *step * 1.6) : *step * 0.5;
}

/* Between 0.3 of the range and 0.001 of it, each order of magnitude as often, both ways. */
static double random_step(fitter *f)
{
    double size = 0.3 * pow(300, -weft_i_rng_double(&f->rng));
    return weft_i_rng_below(&f->rng, 2) ? size : -size;
}

/* Along a valley one constant makes up for another: both move. */
static void try_pair(fitter *f, point *now, point *next)
{
    int32_t a = (int32_t)weft_i_rng_below(&f->rng, (uint64_t)f->n_constants);
    int32_t b = (int32_t)weft_i_rng_below(&f->rng, (uint64_t)f->n_constants);
    double da = random_step(f), db = random_step(f);
    for (int again = 0; a != b && again < 4 && move(f, now, next, a, da, b, db); again++) {
    }
}

/* Search from a point until nothing moves. */
static void descend(fitter *f, point *now, point *next, int32_t rounds)
{
    double steps[WEFT_I_MAX_CONSTANTS];
    const double finest = 0.001;
    for (int32_t c = 0; c < f->n_constants; c++)
        steps[c] = 0.1;
    evaluate(f, now, NULL);
    for (int32_t round = 0; round < rounds && f->status == WEFT_STATUS_OK; round++) {
        double before = now->value, longest = 0;
        for (int32_t c = 0; c < f->n_constants; c++) {
            try_constant(f, now, next, c, &steps[c]);
            steps[c] = fmax(steps[c], finest / 2);
            longest = fmax(longest, steps[c]);
        }
        for (int32_t i = 0; i < PAIRS * f->n_constants; i++)
            try_pair(f, now, next);
        if (longest < finest && now->value > before - 1e-6) break;
    }
}

static void scatter(fitter *f, point *p, int32_t restart)
{
    for (int32_t c = 0; c < f->n_constants; c++)
        p->x[c] = restart == 0 ? f->start[c] : weft_i_rng_double(&f->rng);
}

static bool set_counts(const fitter *f, int32_t row)
{
    return !f->rows[row].apart && !(f->left_out && f->left_out[row]);
}

static void weigh(fitter *f)
{
    for (int32_t i = 0; i < f->n_rows; i++) {
        int32_t n = 0;
        for (int32_t j = 0; j < f->n_rows && set_counts(f, i); j++)
            n += set_counts(f, j) && strcmp(f->rows[i].set, f->rows[j].set) == 0;
        f->weights[i] = n > 0 ? 1.0 / n : 0;
        f->stacks[i] = weft_i_stack_named(f->cluster, f->rows[i].stack);
    }
}

static weft_status prepare(fitter *f, const weft_fit_options *options, weft_i_arena *arena,
                           point points[3])
{
    f->weights = weft_i_new(arena, double, f->n_rows);
    f->stacks = weft_i_new(arena, weft_stack *, f->n_rows);
    for (int i = 0; i < 3; i++)
        points[i].errors = weft_i_new(arena, double, f->n_rows);
    if (!f->weights || !f->stacks || !points[0].errors || !points[1].errors || !points[2].errors)
        return weft_i_no_memory(f->error);
    f->n_constants = weft_i_constants_of(f->cluster, f->rows, f->n_rows, options->device,
                                         f->constants, WEFT_I_MAX_CONSTANTS);
    if (f->n_constants > WEFT_I_MAX_CONSTANTS) f->n_constants = WEFT_I_MAX_CONSTANTS;
    for (int32_t c = 0; c < f->n_constants; c++) {
        const weft_i_constant *k = &f->constants[c];
        double now = weft_i_constant_get(f->cluster, k);
        f->start[c] = k->high > k->low ? (now - k->low) / (k->high - k->low) : 0;
    }
    weigh(f);
    return WEFT_STATUS_OK;
}

static weft_status search(fitter *f, point points[3], const weft_fit_options *options,
                          double *out_error)
{
    point *best = &points[0], *now = &points[1], *next = &points[2];
    for (int32_t r = 0; r < options->restarts && f->status == WEFT_STATUS_OK; r++) {
        scatter(f, now, r);
        descend(f, now, next, options->rounds);
        if (r == 0 || now->value < best->value) copy_point(f, best, now);
    }
    put(f, f->status == WEFT_STATUS_OK ? best->x : f->start);
    if (f->status != WEFT_STATUS_OK) return f->status;
    double sum = 0;
    for (int32_t i = 0; i < f->n_rows; i++)
        sum += f->weights[i] * best->errors[i];
    *out_error = sum;
    return WEFT_STATUS_OK;
}

weft_status weft_fit(weft_cluster *cluster, const weft_measurement *rows, int32_t n_rows,
                     const unsigned char *left_out, const weft_fit_options *options,
                     weft_error *error, double *out_error)
{
    weft_i_arena arena = {0};
    point *points = weft_i_new(&arena, point, 3);
    fitter *f = weft_i_new(&arena, fitter, 1);
    weft_status status = points && f ? WEFT_STATUS_OK : weft_i_no_memory(error);
    if (status == WEFT_STATUS_OK) {
        *f = (fitter){.cluster = cluster,
                      .rows = rows,
                      .left_out = left_out,
                      .n_rows = n_rows,
                      .error = error};
        weft_i_rng_seed(&f->rng, options->seed);
        status = prepare(f, options, &arena, points);
    }
    if (status == WEFT_STATUS_OK) status = search(f, points, options, out_error);
    weft_i_arena_free(&arena);
    return status;
}
