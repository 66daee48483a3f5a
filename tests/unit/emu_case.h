/* tests/unit/emu_case.h - an emulator of a small model on a device of round numbers, for tests of
 * emu/: 100 TFLOP/s, all kernels at half of it, 1000 GB/s, no launch times unless set; nodes of 8
 * devices with 100 GB/s inside and 10 GB/s each between. Four named sets are memory strategies,
 * too.
 */
#ifndef WEFT_TESTS_EMU_CASE_H
#define WEFT_TESTS_EMU_CASE_H

#include <criterion/criterion.h>
#include <string.h>

#include "emu/emu.h"

typedef struct emu_case {
    weft_point half, whole;
    weft_attention_row attention;
    weft_collective_row collective;
    weft_level levels[2];
    weft_node_type node_type;
    weft_cluster cluster;
    weft_model *model;
    weft_recipe *recipe;
    weft_parallel parallel;
    weft_i_emu *emu;
} emu_case;

/* `model` as weft_model_load takes it. Change recipe, cluster and parallel, then emu_case_start. */
static inline void emu_case_make(emu_case *c, const char *model)
{
    weft_error error = {0};
    memset(c, 0, sizeof *c);
    c->half = (weft_point){1, 0.5};
    c->whole = (weft_point){1, 1};
    weft_table half = {&c->half, 1};
    c->attention = (weft_attention_row){128, half, half, {0}, {0}};
    c->collective = (weft_collective_row){8, {&c->whole, 1}};
    c->levels[0] = (weft_level){.name = "node", .devices = 8, .gbs = 100, .latency_ns = 1000};
    c->levels[1] = (weft_level){
        .name = "network", .devices = 16, .gbs = 10, .nics = 8, .nic_gbs = 10, .latency_ns = 2000};
    for (int l = 0; l < 2; l++) {
        c->levels[l].oversubscription = 1;
        c->levels[l].collectives = &c->collective;
        c->levels[l].n_collectives = 1;
    }
    c->node_type = (weft_node_type){.devices = 8, .nodes = 2, .host_gbs = 10};
    c->node_type.device = (weft_device){.name = "round",
                                        .bf16_tflops = 100,
                                        .memory_bytes = 80,
                                        .reserved_bytes = 3,
                                        .memory_gbs = 1000,
                                        .memory_efficiency = 1,
                                        .multiprocessors = 1,
                                        .tile_overhead = 90,
                                        .score_traffic = 1,
                                        .backward_traffic = 1,
                                        .gemm = half,
                                        .attention = &c->attention,
                                        .n_attention = 1};
    c->cluster = (weft_cluster){
        .name = "round",
        .node_types = &c->node_type,
        .n_node_types = 1,
        .levels = c->levels,
        .n_levels = 2,
        .stack = {.name = "round", .elementwise = 1, .dp_overlap = 1, .slowdown = 1}};
    cr_assert_eq(weft_model_load(model, &error, &c->model), WEFT_STATUS_OK, "%s", error.text);
    cr_assert_eq(weft_recipe_load(NULL, &error, &c->recipe), WEFT_STATUS_OK, "%s", error.text);
    c->recipe->sequence_parallel = false;
    static const char *const sets[] = {"core_attn", "layernorm,mlp_act,moe_act", "mlp,moe",
                                       "elementwise,mla_up_proj"};
    for (int32_t i = 0, n; i < WEFT_MAX_RECOMPUTE_SETS; i++)
        cr_assert_eq(weft_recipe_add_recompute(c->recipe, sets[i], &error, &n), WEFT_STATUS_OK,
                     "%s", error.text);
    c->parallel = (weft_parallel){1, 1, 1, 1, 1};
}

static inline void emu_case_start(emu_case *c)
{
    weft_error error = {0};
    weft_i_emu_free(c->emu);
    c->emu = NULL;
    weft_status status = weft_i_emu_create(c->model, &c->cluster, c->recipe, &c->parallel,
                                           WEFT_REUSE_MODE_ALL, &error, &c->emu);
    cr_assert_eq(status, WEFT_STATUS_OK, "%s", error.text);
}

static inline void emu_case_free(emu_case *c)
{
    weft_i_emu_free(c->emu);
    weft_recipe_free(c->recipe);
    weft_model_free(c->model);
}

/* `n` sequences of `tokens` tokens each through some layers. */
static inline weft_i_stage_cost emu_case_stage(const emu_case *c, int32_t module, int32_t first,
                                               int32_t layers, int64_t tokens, int32_t n,
                                               weft_i_strategy strategy)
{
    weft_error error = {0};
    weft_i_span spans[64];
    cr_assert(n <= 64);
    for (int32_t i = 0; i < n; i++)
        spans[i] = (weft_i_span){.tokens = tokens};
    weft_i_work work = {.tokens = tokens * n, .spans = spans, .n_spans = n};
    weft_i_stage_cost cost;
    weft_status status =
        weft_i_emu_stage(c->emu, module, first, layers, &work, strategy, &error, &cost);
    cr_assert_eq(status, WEFT_STATUS_OK, "%s", error.text);
    return cost;
}

#endif
