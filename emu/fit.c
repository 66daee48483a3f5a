/* emu/fit.c - see weft/fit.h: constants fitted to measured rows. Which ones: emu/fit_constants.c;
 * how: emu/minimize.c.
 */
#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/rng.h"
#include "emu/fit_constants.h"
#include "emu/minimize.h"

/* A constant that nothing determines stays near where it was: what its whole range costs. */
static const double pull = 0.002;

typedef struct fitter {
    weft_cluster *cluster;
    const weft_measurement *rows;
    const unsigned char *left_out;
    int32_t n_rows, n_constants;
    weft_i_constant constants[WEFT_I_MAX_CONSTANTS];
    double start[WEFT_I_MAX_CONSTANTS]; /* in parts of the ranges */
    double *weights;                    /* n_rows: 1 / rows of the set that count, 0 = none */
    weft_stack **stacks;                /* n_rows */
    weft_error *error;
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

/* Relative errors of the rows; a stack's constant changes the rows of that stack alone. */
static weft_status relative_errors(void *context, const double *x, int32_t changed, double *out)
{
    fitter *f = context;
    const weft_stack *stack = changed >= 0 ? f->constants[changed].stack : NULL;
    put(f, x);
    for (int32_t i = 0; i < f->n_rows; i++) {
        double value = 0;
        if (f->weights[i] <= 0 || (stack && f->stacks[i] != stack)) continue;
        weft_status status = weft_measurement_predict(&f->rows[i], f->cluster, f->error, &value);
        if (status != WEFT_STATUS_OK) return status;
        out[i] = value / f->rows[i].value - 1;
    }
    return WEFT_STATUS_OK;
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

static weft_status prepare(fitter *f, const weft_fit_options *options, weft_i_arena *arena)
{
    f->weights = weft_i_new(arena, double, f->n_rows);
    f->stacks = weft_i_new(arena, weft_stack *, f->n_rows);
    if (!f->weights || !f->stacks) return weft_i_no_memory(f->error);
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

/* Searches from where the constants are, then from random places. */
static weft_status search(fitter *f, const weft_fit_options *options, double *out_error)
{
    const weft_i_minimization job = {.n = f->n_constants,
                                     .n_residuals = f->n_rows,
                                     .weights = f->weights,
                                     .home = f->start,
                                     .pull = pull,
                                     .rounds = options->rounds,
                                     .residuals = relative_errors,
                                     .context = f};
    double best[WEFT_I_MAX_CONSTANTS], x[WEFT_I_MAX_CONSTANTS], least = INFINITY, sum;
    weft_status status = WEFT_STATUS_OK;
    weft_i_rng rng;
    weft_i_rng_seed(&rng, options->seed);
    memcpy(best, f->start, sizeof best);
    for (int32_t r = 0; r < options->restarts && status == WEFT_STATUS_OK; r++) {
        for (int32_t c = 0; c < f->n_constants; c++)
            x[c] = r == 0 ? f->start[c] : weft_i_rng_double(&rng);
        status = weft_i_minimize(&job, f->error, x, &sum);
        if (status != WEFT_STATUS_OK || sum >= least) continue;
        least = sum;
        memcpy(best, x, sizeof best);
    }
    put(f, status == WEFT_STATUS_OK ? best : f->start);
    if (status == WEFT_STATUS_OK) *out_error = least;
    return status;
}

weft_status weft_fit(weft_cluster *cluster, const weft_measurement *rows, int32_t n_rows,
                     const unsigned char *left_out, const weft_fit_options *options,
                     weft_error *error, double *out_error)
{
    weft_i_arena arena = {0};
    fitter *f = weft_i_new(&arena, fitter, 1);
    weft_status status = f ? WEFT_STATUS_OK : weft_i_no_memory(error);
    if (status == WEFT_STATUS_OK) {
        *f = (fitter){.cluster = cluster,
                      .rows = rows,
                      .left_out = left_out,
                      .n_rows = n_rows,
                      .error = error};
        status = prepare(f, options, &arena);
    }
    if (status == WEFT_STATUS_OK) status = search(f, options, out_error);
    weft_i_arena_free(&arena);
    return status;
}
