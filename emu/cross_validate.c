/* emu/cross_validate.c - rows predicted by constants that were fitted without them. */
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/rng.h"
#include "emu/fit_constants.h"

typedef struct validation {
    weft_cluster *cluster;
    const weft_measurement *rows;
    int32_t n_rows;
    const weft_fit_options *options;
    weft_error *error;
    int32_t *parts; /* n_rows: the part that a row is left out with; -1 = never */
    unsigned char *left_out;
    weft_i_constant constants[WEFT_I_MAX_CONSTANTS];
    double values[WEFT_I_MAX_CONSTANTS]; /* as the cluster had them */
    int32_t n_constants;
} validation;

static bool is_of_set(const validation *v, int32_t row, const char *set)
{
    return strcmp(v->rows[row].set, set) == 0;
}

/* The number of the row's group among those of its set. */
static int32_t group_number(const validation *v, int32_t row, const char *set)
{
    int32_t n = 0;
    for (int32_t i = 0; i < row; i++) {
        if (!is_of_set(v, i, set) || v->rows[i].apart) continue;
        if (v->rows[i].group == v->rows[row].group) return v->parts[i];
        if (v->parts[i] >= n) n = v->parts[i] + 1;
    }
    return n;
}

/* Deal rows to parts as evenly as it goes, in random order. */
static int32_t deal_rows(validation *v, const char *set, int32_t folds)
{
    weft_i_rng rng;
    int32_t n = 0;
    weft_i_rng_seed(&rng, v->options->seed);
    for (int32_t i = 0; i < v->n_rows; i++) {
        if (v->parts[i] < 0) continue;
        if (folds == 0) {
            v->parts[i] = group_number(v, i, set);
            n = v->parts[i] >= n ? v->parts[i] + 1 : n;
            continue;
        }
        /* Inside-out shuffle: the row takes the place of an earlier one, which goes last. */
        v->parts[i] = n % folds;
        int32_t other = (int32_t)weft_i_rng_below(&rng, (uint64_t)n + 1), seen = 0;
        for (int32_t j = 0; j < i; j++)
            if (v->parts[j] >= 0 && seen++ == other) {
                int32_t part = v->parts[j];
                v->parts[j] = v->parts[i];
                v->parts[i] = part;
                break;
            }
        n++;
    }
    return folds > 0 ? (n < folds ? n : folds) : n;
}

static void restore(validation *v)
{
    for (int32_t c = 0; c < v->n_constants; c++)
        weft_i_constant_set(v->cluster, &v->constants[c], v->values[c]);
}

/* Fit without part `part`, predict it. Part -1: fit to all, predict what is apart. */
static weft_status predict_part(validation *v, const char *set, int32_t part, double *out_values)
{
    double ignored;
    for (int32_t i = 0; i < v->n_rows; i++)
        v->left_out[i] = part >= 0 && v->parts[i] == part;
    weft_status status =
        weft_fit(v->cluster, v->rows, v->n_rows, v->left_out, v->options, v->error, &ignored);
    for (int32_t i = 0; i < v->n_rows && status == WEFT_STATUS_OK; i++)
        if (is_of_set(v, i, set) && v->parts[i] == part)
            status = weft_measurement_predict(&v->rows[i], v->cluster, v->error, &out_values[i]);
    restore(v);
    return status;
}

static weft_status run(validation *v, const char *set, int32_t folds, double *out_values)
{
    bool any_apart = false;
    for (int32_t i = 0; i < v->n_rows; i++) {
        bool mine = is_of_set(v, i, set);
        v->parts[i] = mine && !v->rows[i].apart ? 0 : -1;
        any_apart |= mine && v->rows[i].apart;
    }
    int32_t n_parts = deal_rows(v, set, folds);
    weft_status status = WEFT_STATUS_OK;
    for (int32_t part = any_apart ? -1 : 0; part < n_parts && status == WEFT_STATUS_OK; part++)
        status = predict_part(v, set, part, out_values);
    return status;
}

weft_status weft_fit_cross_validate(weft_cluster *cluster, const weft_measurement *rows,
                                    int32_t n_rows, const char *set, int32_t folds,
                                    const weft_fit_options *options, weft_error *error,
                                    double *out_values)
{
    weft_i_arena arena = {0};
    validation *v = weft_i_new(&arena, validation, 1);
    int32_t *parts = weft_i_new(&arena, int32_t, n_rows);
    unsigned char *left_out = weft_i_new(&arena, unsigned char, n_rows);
    weft_status status = v && parts && left_out ? WEFT_STATUS_OK : weft_i_no_memory(error);
    if (status == WEFT_STATUS_OK) {
        *v = (validation){.cluster = cluster,
                          .rows = rows,
                          .n_rows = n_rows,
                          .options = options,
                          .error = error,
                          .parts = parts,
                          .left_out = left_out};
        v->n_constants =
            weft_i_constants_of(cluster, rows, n_rows, true, v->constants, WEFT_I_MAX_CONSTANTS);
        for (int32_t c = 0; c < v->n_constants; c++)
            v->values[c] = weft_i_constant_get(cluster, &v->constants[c]);
        status = run(v, set, folds, out_values);
    }
    weft_i_arena_free(&arena);
    return status;
}
