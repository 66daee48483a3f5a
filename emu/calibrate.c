/* emu/calibrate.c - see weft/calibrate.h. */
#include "weft/calibrate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "emu/emulator.h"

enum { MAX_CONSTANTS = 256, MAX_SPANS = 1 << 16, MAX_ROUNDS = 40 };

/* A constant, and how far it may go. */
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
    int32_t n_constants;
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
static void emulated_of(const weft_cost *cost, double out[4])
{
    out[0] = (double)cost->fw_ns;
    out[1] = (double)cost->bw_ns;
    out[2] = (double)cost->bwi_ns;
    out[3] = (double)cost->bww_ns;
}

static void add_constant(fit *f, double *value, double low, double high)
{
    if (f->n_constants < MAX_CONSTANTS)
        f->constants[f->n_constants++] = (constant){value, low, high};
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
    for (int k = 0; k < 4; k++) {
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

static weft_status emulate_row(fit *f, int32_t r, double out[4])
{
    weft_i_stage_cost cost;
    weft_status status = weft_i_emu_stage(f->emu, f->rows[r].module, f->rows[r].layer, 1,
                                          &f->works[r], WEFT_I_STRATEGY_NONE, f->error, &cost);
    if (status == WEFT_STATUS_OK) emulated_of(&cost.cost, out);
    return status;
}

/* What is made small: every pass counts, and a long one more. */
static weft_status score(fit *f, double *out_score)
{
    double sum = 0;
    take_constants(f);
    for (int32_t r = 0; r < f->n_rows; r++) {
        double emulated[4];
        weft_status status = emulate_row(f, r, emulated);
        if (status != WEFT_STATUS_OK) return status;
        for (int k = 0; k < 4; k++) {
            double measured = (double)times_of(&f->rows[r])[k];
            if (measured <= 0) continue;
            double weight = 0.2 / f->n_times + 0.8 * measured / f->total_ns;
            sum += weight * fabs(log(fmax(emulated[k], 1) / measured));
        }
    }
    *out_score = sum;
    return WEFT_STATUS_OK;
}

/* Try one constant larger and smaller by a factor; what is better stays. */
static weft_status move(fit *f, const constant *c, double factor, double *best, bool *moved)
{
    const double before = *c->value, tries[2] = {before * factor, before / factor};
    for (int i = 0; i < 2; i++) {
        double now;
        *c->value = fmin(fmax(tries[i], c->low), c->high);
        weft_status status = score(f, &now);
        if (status != WEFT_STATUS_OK) return status;
        if (now < *best) {
            *best = now;
            *moved = true;
            return status;
        }
    }
    *c->value = before;
    return WEFT_STATUS_OK;
}

/* Large steps first. */
static weft_status descend(fit *f, double *out_score)
{
    static const double factors[] = {1.5, 1.2, 1.08, 1.03, 1.01};
    double best;
    weft_status status = score(f, &best);
    for (size_t i = 0; i < sizeof(factors) / sizeof(*factors); i++) {
        bool moved = true;
        for (int round = 0; moved && round < MAX_ROUNDS; round++) {
            moved = false;
            for (int32_t c = 0; status == WEFT_STATUS_OK && c < f->n_constants; c++)
                status = move(f, &f->constants[c], factors[i], &best, &moved);
        }
    }
    *out_score = best;
    return status;
}

static void copy_values(const fit *f, double *values, bool back)
{
    for (int32_t c = 0; c < f->n_constants; c++) {
        if (back)
            *f->constants[c].value = values[c];
        else
            values[c] = *f->constants[c].value;
    }
}

/* From several bandwidths, as what takes bandwidth can be mistaken for what takes flop. */
static weft_status search(fit *f)
{
    static const double scales[] = {1, 0.25, 4, 0.0625, 16};
    double given[MAX_CONSTANTS], best[MAX_CONSTANTS], least = INFINITY, now;
    weft_status status = WEFT_STATUS_OK;
    copy_values(f, given, false);
    for (size_t i = 0; status == WEFT_STATUS_OK && i < sizeof(scales) / sizeof(*scales); i++) {
        copy_values(f, given, true);
        f->cluster->node_types[0].device.memory_gbs *= scales[i];
        status = descend(f, &now);
        if (status != WEFT_STATUS_OK || now >= least) continue;
        least = now;
        copy_values(f, best, false);
    }
    if (status == WEFT_STATUS_OK) copy_values(f, best, true);
    return status == WEFT_STATUS_OK ? score(f, &now) : status;
}

static weft_status report(fit *f, weft_calibration *out)
{
    weft_calibration found = {.worst_row = -1};
    double total = 0;
    for (int32_t r = 0; r < f->n_rows; r++) {
        double emulated[4];
        weft_status status = emulate_row(f, r, emulated);
        if (status != WEFT_STATUS_OK) return status;
        for (int k = 0; k < 4; k++) {
            double measured = (double)times_of(&f->rows[r])[k];
            if (measured <= 0) continue;
            double error = fabs(emulated[k] / measured - 1);
            total += emulated[k];
            found.mean += error / f->n_times;
            if (error <= found.worst && found.worst_row >= 0) continue;
            found.worst = error;
            found.worst_row = r;
        }
    }
    found.total = f->total_ns > 0 ? fabs(total / f->total_ns - 1) : 0;
    *out = found;
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
    weft_status status = f.works ? WEFT_STATUS_OK : weft_i_no_memory(error);
    for (int32_t r = 0; status == WEFT_STATUS_OK && r < n_rows; r++)
        status = make_work(&f, r, &arena);
    if (status == WEFT_STATUS_OK)
        status =
            weft_i_emu_create(model, cluster, recipe, &alone, WEFT_REUSE_MODE_NONE, error, &f.emu);
    if (status == WEFT_STATUS_OK) {
        find_constants(&f);
        status = search(&f);
    }
    if (status == WEFT_STATUS_OK && out_calibration) status = report(&f, out_calibration);
    if (f.emu) weft_i_emu_free(f.emu);
    weft_i_arena_free(&arena);
    return status;
}
