/* emu/calibrate.c - see weft/calibrate.h. */
#include "weft/calibrate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "emu/emulator.h"
#include "emu/minimize.h"

enum { MAX_CONSTANTS = 256, MAX_SPANS = 1 << 16, MAX_ROUNDS = 60, N_PASSES = 4 };

/* A constant, and how far it may go: what a search moves is its logarithm. */
typedef struct constant {
    double *value;
    double low, high;
} constant;

typedef struct fit {
    const weft_model *model;
    const weft_recipe *recipe;
    const weft_layer_time *rows;
    int32_t n_rows;
    weft_cluster *cluster;
    weft_i_emu *emu;    /* without reuse: its machine is made anew for each try */
    weft_i_work *works; /* of each row */
    constant constants[MAX_CONSTANTS];
    int32_t n_constants, memory; /* how many, and which one the bandwidth is */
    double launch_ns;
    double total_ns; /* measured */
    int32_t n_times;
    weft_error *error;
} fit;

static const int64_t *times_of(const weft_layer_time *row)
{
    return &row->fw_ns;
}

/* In the order of a row's times. */
static void emulated_of(const weft_cost *cost, double out[N_PASSES])
{
    out[0] = (double)cost->fw_ns;
    out[1] = (double)cost->bw_ns;
    out[2] = (double)cost->bwi_ns;
    out[3] = (double)cost->bww_ns;
}

/* What is measured is not far from what is said: a factor of 64 at most. */
static void add_constant(fit *f, double *value, double low, double high)
{
    const double most = 64, now = fmin(high, fmax(low, *value));
    if (f->n_constants < MAX_CONSTANTS)
        f->constants[f->n_constants++] =
            (constant){value, fmax(low, now / most), fmin(high, now * most)};
}

static void add_table(fit *f, weft_table *table)
{
    for (int32_t i = 0; i < table->n_points; i++)
        add_constant(f, &table->points[i].y, 1e-6, 1);
}

static void find_constants(fit *f)
{
    weft_device *device = &f->cluster->node_types[0].device;
    f->launch_ns = (double)device->launch_ns;
    add_constant(f, &f->launch_ns, 10, 1e8);
    f->memory = f->n_constants;
    add_constant(f, &device->memory_gbs, 1e-3, 1e6);
    add_constant(f, &device->backward_traffic, 0.1, 10);
    add_table(f, &device->gemm);
    for (int32_t i = 0; i < device->n_attention; i++) {
        weft_attention_row *row = &device->attention[i];
        add_table(f, &row->forward);
        add_table(f, &row->backward);
        add_table(f, &row->forward_causal);
        add_table(f, &row->backward_causal);
    }
}

static weft_status make_work(fit *f, int32_t r, weft_i_arena *arena)
{
    const weft_layer_time *row = &f->rows[r];
    bool is_there = row->module >= 0 && row->module < f->model->n_modules && row->layer >= 0 &&
                    row->layer < f->model->modules[row->module].n_layers && row->tokens > 0 &&
                    row->span > 0 && row->tokens / row->span < MAX_SPANS;
    if (!is_there)
        return weft_i_fail(f->error, WEFT_STATUS_BAD_INPUT,
                           "row %d: no layer %d of module %d on %lld tokens in sequences of %lld",
                           r, row->layer, row->module, (long long)row->tokens,
                           (long long)row->span);
    int32_t n = (int32_t)((row->tokens + row->span - 1) / row->span);
    weft_i_span *spans = weft_i_new(arena, weft_i_span, n);
    if (!spans) return weft_i_no_memory(f->error);
    for (int32_t i = 0; i < n; i++) {
        int64_t left = row->tokens - i * row->span;
        spans[i] = (weft_i_span){left < row->span ? left : row->span, row->context};
    }
    f->works[r] = (weft_i_work){row->tokens, spans, n};
    for (int k = 0; k < N_PASSES; k++) {
        f->total_ns += (double)times_of(row)[k];
        f->n_times += times_of(row)[k] > 0;
    }
    return WEFT_STATUS_OK;
}

static void take_constants(fit *f)
{
    f->cluster->node_types[0].device.launch_ns = (int64_t)(f->launch_ns + 0.5);
    f->emu->machine = weft_i_machine_make(f->cluster, f->recipe, &f->emu->parallel);
}

static weft_status emulate_row(fit *f, int32_t r, double out[N_PASSES])
{
    weft_i_stage_cost cost;
    weft_status status = weft_i_emu_stage(f->emu, f->rows[r].module, f->rows[r].layer, 1,
                                          &f->works[r], WEFT_I_STRATEGY_NONE, f->error, &cost);
    if (status == WEFT_STATUS_OK) emulated_of(&cost.cost, out);
    return status;
}

/* Place of a constant between its ends. */
static double place_of(const constant *c)
{
    if (c->high <= c->low) return 0;
    return fmin(1, fmax(0, log(fmax(*c->value, c->low) / c->low) / log(c->high / c->low)));
}

static void put(fit *f, const double *x)
{
    for (int32_t i = 0; i < f->n_constants; i++) {
        const constant *c = &f->constants[i];
        *c->value = c->low * pow(c->high / c->low, x[i]);
    }
    take_constants(f);
}

/* A measured time of a row, and what the emulator says of it. */
typedef struct sample {
    int32_t row, place; /* place among N_PASSES of each row */
    double measured, emulated;
} sample;

/* Every time that was measured, after asking the emulator about each row. */
static weft_status for_each(fit *f, void (*visit)(fit *, const sample *, void *), void *context)
{
    for (int32_t r = 0; r < f->n_rows; r++) {
        double emulated[N_PASSES];
        weft_status status = emulate_row(f, r, emulated);
        if (status != WEFT_STATUS_OK) return status;
        for (int k = 0; k < N_PASSES; k++) {
            const sample one = {r, r * N_PASSES + k, (double)times_of(&f->rows[r])[k], emulated[k]};
            if (one.measured > 0) visit(f, &one, context);
        }
    }
    return WEFT_STATUS_OK;
}

static void put_log_error(fit *f, const sample *one, void *context)
{
    double *errors = context;
    (void)f;
    errors[one->place] = log(fmax(one->emulated, 1) / one->measured);
}

/* Logarithms of emulated / measured, N_PASSES of a row; 0 where nothing was measured. */
static weft_status log_errors(void *context, const double *x, int32_t changed, double *out)
{
    fit *f = context;
    (void)changed;
    put(f, x);
    memset(out, 0, (size_t)f->n_rows * N_PASSES * sizeof *out);
    return for_each(f, put_log_error, out);
}

/* Every pass that was measured counts, and a long one more. */
static void put_weight(fit *f, const sample *one, void *context)
{
    double *weights = context;
    weights[one->place] = 0.2 / f->n_times + 0.8 * one->measured / f->total_ns;
}

/* From several bandwidths, as what takes bandwidth can be mistaken for what takes flop. */
static weft_status search(fit *f, double *weights)
{
    static const double scales[] = {1, 0.25, 4, 0.0625, 16};
    double given[MAX_CONSTANTS], best[MAX_CONSTANTS], x[MAX_CONSTANTS], least = INFINITY, now;
    const weft_i_minimization job = {.n = f->n_constants,
                                     .n_residuals = f->n_rows * N_PASSES,
                                     .weights = weights,
                                     .home = given,
                                     .rounds = MAX_ROUNDS,
                                     .residuals = log_errors,
                                     .context = f};
    const constant *memory = &f->constants[f->memory];
    weft_status status = for_each(f, put_weight, weights);
    for (int32_t i = 0; i < f->n_constants; i++)
        given[i] = best[i] = place_of(&f->constants[i]);
    for (size_t i = 0; status == WEFT_STATUS_OK && i < sizeof(scales) / sizeof(*scales); i++) {
        memcpy(x, given, sizeof x);
        x[f->memory] += log(scales[i]) / log(memory->high / memory->low);
        x[f->memory] = fmin(1, fmax(0, x[f->memory]));
        status = weft_i_minimize(&job, f->error, x, &now);
        if (status != WEFT_STATUS_OK || now >= least) continue;
        least = now;
        memcpy(best, x, sizeof best);
    }
    put(f, best);
    return status;
}

/* Sums of a report in the making. */
typedef struct reckoning {
    weft_calibration found;
    double total_ns; /* emulated */
} reckoning;

static void reckon(fit *f, const sample *one, void *context)
{
    reckoning *r = context;
    double error = fabs(one->emulated / one->measured - 1);
    r->total_ns += one->emulated;
    r->found.mean += error / f->n_times;
    if (error <= r->found.worst && r->found.worst_row >= 0) return;
    r->found.worst = error;
    r->found.worst_row = one->row;
}

static weft_status report(fit *f, weft_calibration *out)
{
    reckoning r = {.found = {.worst_row = -1}};
    weft_status status = for_each(f, reckon, &r);
    if (status != WEFT_STATUS_OK) return status;
    r.found.total = f->total_ns > 0 ? fabs(r.total_ns / f->total_ns - 1) : 0;
    *out = r.found;
    return WEFT_STATUS_OK;
}

weft_status weft_calibrate(const weft_model *model, const weft_recipe *recipe,
                           const weft_layer_time *rows, int32_t n_rows, weft_cluster *cluster,
                           weft_error *error, weft_calibration *out_calibration)
{
    const weft_parallel alone = {1, 1, 1, 1, 1};
    weft_i_arena arena = {0};
    fit f = {.model = model,
             .recipe = recipe,
             .rows = rows,
             .n_rows = n_rows,
             .cluster = cluster,
             .error = error,
             .works = weft_i_new(&arena, weft_i_work, n_rows)};
    double *weights = weft_i_new(&arena, double, (size_t)n_rows *N_PASSES);
    weft_status status = f.works && weights ? WEFT_STATUS_OK : weft_i_no_memory(error);
    for (int32_t r = 0; status == WEFT_STATUS_OK && r < n_rows; r++)
        status = make_work(&f, r, &arena);
    if (status == WEFT_STATUS_OK)
        status =
            weft_i_emu_create(model, cluster, recipe, &alone, WEFT_REUSE_MODE_NONE, error, &f.emu);
    if (status == WEFT_STATUS_OK) {
        find_constants(&f);
        status = search(&f, weights);
    }
    if (status == WEFT_STATUS_OK && out_calibration) status = report(&f, out_calibration);
    if (f.emu) weft_i_emu_free(f.emu);
    weft_i_arena_free(&arena);
    return status;
}
