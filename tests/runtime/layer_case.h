/* tests/runtime/layer_case.h - a layer with random parameters on random tokens, run as a function
 * from its inputs to one number, so that gradients can be compared with differences. */
#ifndef WEFT_TESTS_LAYER_CASE_H
#define WEFT_TESTS_LAYER_CASE_H

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "runtime/cpu_kit.h"
#include "runtime/tape.h"

enum { CASE_ROWS = 11, CASE_MEDIA = 3, CASE_CONTEXT = 7, CASE_SPANS = 3, CASE_MERGE = 4 };

typedef struct layer_case {
    weft_layer layer;
    weft_i_program program;
    weft_i_sheet sheet;
    weft_i_rng rng;
    weft_i_pool pool;
    double loss;
    float *given[WEFT_I_N_GIVEN];
    float *parameters, *gradients;
    float *slope; /* of the number by the output */
} layer_case;

/* What a backward gives. */
typedef struct layer_gradients {
    float *given[WEFT_I_N_GIVEN]; /* NULL where nobody wanted it */
    float *parameters;
} layer_gradients;

static const weft_i_stretch CASE_STRETCHES[CASE_SPANS] = {{0, 5, 0, 4}, {5, 1, 4, 0}, {6, 5, 4, 3}};
static const int32_t CASE_TOKENS[CASE_ROWS] = {3, -1, -2, 0, 5, 5, 1, -3, 2, 4, 3};
static const int32_t CASE_TARGETS[CASE_ROWS] = {-1, 2, 0, -1, 5, 1, 1, -1, 4, 3, -1};
/* Rows side by side: 3 x 3 patches by squares of 2 x 2 would leave such gaps. */
static const int32_t CASE_MERGE_FROM[] = {0, 1, 2, 3, 4, -1, 5, -1, 6, 7, -1, -1, 8, 9, 10, -1};

static inline float case_random(layer_case *c)
{
    return (float)(2 * weft_i_rng_double(&c->rng) - 1);
}

static inline float *case_array(layer_case *c, int64_t n)
{
    float *made = malloc((size_t)(n > 0 ? n : 1) * sizeof(float));
    cr_assert(made);
    for (int64_t i = 0; i < n; i++)
        made[i] = case_random(c);
    return made;
}

static inline int64_t case_rows(const layer_case *c, int tensor)
{
    weft_i_tape tape = {.program = &c->program, .sheet = &c->sheet};
    return weft_i_tape_rows(&tape, tensor);
}

static inline int64_t case_values(const layer_case *c, int tensor)
{
    return case_rows(c, tensor) * c->program.tensors[tensor].width;
}

static inline void case_make(layer_case *c, weft_layer layer, int32_t input_width, bool is_text,
                             uint64_t seed)
{
    *c = (layer_case){.layer = layer};
    weft_i_rng_seed(&c->rng, seed);
    cr_assert_eq(weft_i_program_make(&c->layer, input_width, is_text, NULL, &c->program), 0);
    bool merges = layer.kind == WEFT_LAYER_PROJECTOR;
    c->sheet = (weft_i_sheet){.n_rows = CASE_ROWS,
                              .n_out_rows = merges ? CASE_MERGE : CASE_ROWS,
                              .n_media = CASE_MEDIA,
                              .n_context = CASE_CONTEXT,
                              .n_spans = CASE_SPANS,
                              .spans = CASE_STRETCHES,
                              .tokens = CASE_TOKENS,
                              .targets = CASE_TARGETS,
                              .merge_from = merges ? CASE_MERGE_FROM : NULL,
                              .merge = merges ? CASE_MERGE : 1,
                              .loss_weight = 0.25f};
    for (int t = 0; t < WEFT_I_N_GIVEN; t++)
        c->given[t] = case_array(c, case_values(c, t));
    c->sheet.velocities = case_array(c, (int64_t)CASE_ROWS * (layer.vocab + 1));
    c->parameters = case_array(c, c->program.n_values);
    c->gradients = case_array(c, c->program.n_values);
    for (int p = 0; p < c->program.n_parameters; p++) {
        const weft_i_parameter *at = &c->program.parameters[p];
        for (int64_t i = 0; i < at->rows * at->width; i++)
            c->parameters[at->first + i] = at->mean + 0.4f * c->parameters[at->first + i];
    }
    int out = c->program.output;
    c->slope = case_array(c, out == WEFT_I_NOTHING ? 0 : case_values(c, out));
}

static inline void case_free(layer_case *c)
{
    for (int t = 0; t < WEFT_I_N_GIVEN; t++)
        free(c->given[t]);
    free((void *)(uintptr_t)c->sheet.velocities);
    free(c->parameters);
    free(c->gradients);
    free(c->slope);
    weft_i_pool_free(&c->pool);
}

static inline weft_i_tape case_tape(layer_case *c, const weft_i_rules *rules)
{
    weft_i_tape tape = {.program = &c->program,
                        .rules = rules,
                        .sheet = &c->sheet,
                        .parameters = c->parameters,
                        .operands = c->parameters,
                        .kit = weft_i_cpu_kit(),
                        .pool = &c->pool,
                        .loss = &c->loss};
    c->loss = 0;
    for (int t = 0; t < WEFT_I_N_GIVEN; t++)
        tape.values[t] = c->given[t];
    return tape;
}

/* The number: the loss of a head, else the output times the slopes. */
static inline double case_number(layer_case *c)
{
    weft_i_rules rules;
    weft_i_rules_make(&c->program, (weft_i_wants){0}, WEFT_I_REDO_NOTHING, &rules);
    weft_i_tape tape = case_tape(c, &rules);
    cr_assert_eq(weft_i_tape_forward(&tape, NULL), 0);
    int out = c->program.output;
    if (out == WEFT_I_NOTHING) return c->loss * c->sheet.loss_weight;
    const float *values = tape.values[out];
    double sum = 0;
    for (int64_t i = 0; i < case_values(c, out); i++)
        sum += (double)values[i] * c->slope[i];
    weft_i_pool_give(&c->pool, tape.values[out]);
    return sum;
}

static inline float *case_copy(const float *from, int64_t n)
{
    float *made = malloc((size_t)(n > 0 ? n : 1) * sizeof(float));
    cr_assert(made);
    if (n > 0) memcpy(made, from, (size_t)n * sizeof(float));
    return made;
}

/* Gradients by the backward, in one piece or in two halves; every buffer must come back. */
/* What may be computed again. */
static const uint32_t LAYER_REDONE[] = {
    WEFT_I_REDO_NOTHING,     WEFT_I_REDO_SELECTIVE,
    WEFT_I_REDO_WHOLE,       WEFT_I_REDO_LAYERNORM,
    WEFT_I_REDO_MLP,         WEFT_I_REDO_CORE_ATTN | WEFT_I_REDO_QKV_PROJ,
    WEFT_I_REDO_ELEMENTWISE, WEFT_I_REDO_MLP | WEFT_I_REDO_ELEMENTWISE};
enum { LAYER_N_REDONE = sizeof LAYER_REDONE / sizeof LAYER_REDONE[0] };

static inline layer_gradients case_back(layer_case *c, weft_i_wants wants, uint32_t redo,
                                        bool split)
{
    weft_i_rules rules;
    weft_i_rules_make(&c->program, wants, redo, &rules);
    weft_i_tape tape = case_tape(c, &rules);
    int out = c->program.output;
    memset(c->gradients, 0, (size_t)c->program.n_values * sizeof(float));
    tape.gradients = wants.weights ? c->gradients : NULL;
    cr_assert_eq(weft_i_tape_forward(&tape, NULL), 0);
    for (int t = 0; t < WEFT_I_N_GIVEN; t++)
        if (!rules.kept[t]) tape.values[t] = NULL; /* nobody may look */
    if (out != WEFT_I_NOTHING) {
        weft_i_pool_give(&c->pool, tape.values[out]);
        tape.values[out] = NULL;
        tape.d_values[out] = weft_i_tape_take(&tape, out);
        memcpy(tape.d_values[out], c->slope, (size_t)case_values(c, out) * sizeof(float));
    }
    cr_assert_eq(weft_i_tape_back(&tape, split ? WEFT_I_BACK_INPUT : WEFT_I_BACK_BOTH, NULL), 0);
    for (int t = 0; t < WEFT_I_N_GIVEN; t++)
        if (split && !rules.read_by_weights[t]) tape.values[t] = NULL;
    if (split) cr_assert_eq(weft_i_tape_back(&tape, WEFT_I_BACK_WEIGHTS, NULL), 0);
    layer_gradients made = {.parameters = case_copy(c->gradients, c->program.n_values)};
    for (int t = 0; t < WEFT_I_N_GIVEN; t++) {
        if (!tape.d_values[t]) continue;
        made.given[t] = case_copy(tape.d_values[t], case_values(c, t));
        weft_i_pool_give(&c->pool, tape.d_values[t]);
        tape.d_values[t] = NULL;
    }
    weft_i_tape_clear(&tape);
    for (size_t i = 0; i < c->pool.n; i++)
        cr_assert(!c->pool.buffers[i].taken, "a buffer was not given back");
    return made;
}

static inline void case_free_gradients(layer_gradients *made)
{
    for (int t = 0; t < WEFT_I_N_GIVEN; t++)
        free(made->given[t]);
    free(made->parameters);
}

#endif
