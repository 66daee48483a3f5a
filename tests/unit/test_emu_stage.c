/* Stages as sums of layers, model flop, and reuse that changes nothing. */
#include "base/rng.h"
#include "tests/unit/emu_case.h"

#define GPT "gpt:layers=4,hidden=1024,heads=8,vocab=32000"

/* 72 b s h^2 (1 + s / 6h) for full attention (Korthikanti et al. 2022, appendix A); a causal mask
 * halves the second term. */
Test(emu_stage, model_flop_of_a_layer)
{
    emu_case c;
    emu_case_make(&c, GPT);
    emu_case_start(&c);
    double b = 3, s = 512, h = 1024;
    weft_i_stage_cost cost = emu_case_stage(&c, 0, 1, 1, 512, 3, WEFT_I_STRATEGY_NONE);
    cr_assert_float_eq(cost.model_flop, 72 * b * s * h * h * (1 + s / (12 * h)), 1);
    c.model->modules[0].layers[1].attention = WEFT_ATTENTION_FULL;
    c.parallel.tp = 8;
    emu_case_start(&c);
    cost = emu_case_stage(&c, 0, 1, 1, 512, 3, WEFT_I_STRATEGY_NONE);
    cr_assert_float_eq(cost.model_flop, 72 * b * s * h * h * (1 + s / (6 * h)), 1);
    emu_case_free(&c);
}

Test(emu_stage, is_the_sum_of_its_layers)
{
    emu_case c;
    emu_case_make(&c, GPT);
    emu_case_start(&c);
    for (int k = 0; k < WEFT_I_N_STRATEGIES; k++) {
        weft_i_stage_cost one = emu_case_stage(&c, 0, 2, 1, 777, 2, (weft_i_strategy)k);
        weft_i_stage_cost four = emu_case_stage(&c, 0, 1, 4, 777, 2, (weft_i_strategy)k);
        cr_assert_eq(four.cost.fw_ns, 4 * one.cost.fw_ns);
        cr_assert_eq(four.cost.bw_ns, 4 * one.cost.bw_ns);
        cr_assert_eq(four.cost.bwi_ns, 4 * one.cost.bwi_ns);
        cr_assert_eq(four.cost.bww_ns, 4 * one.cost.bww_ns);
        cr_assert_eq(four.cost.recompute_ns, 4 * one.cost.recompute_ns);
        cr_assert_eq(four.cost.saved_bytes, 4 * one.cost.saved_bytes);
        cr_assert_eq(four.cost.held_bytes, 4 * one.cost.held_bytes);
        cr_assert_eq(four.cost.work_bytes[WEFT_PASS_FW], one.cost.work_bytes[WEFT_PASS_FW]);
        cr_assert_eq(four.cost.work_bytes[WEFT_PASS_BW], one.cost.work_bytes[WEFT_PASS_BW]);
    }
    emu_case_free(&c);
}

/* Times and bytes of a mixed stage are those of its layers; where all layers have one strategy it
 * is the uniform stage. */
Test(emu_stage, mixed_strategies)
{
    emu_case c;
    emu_case_make(&c, GPT);
    emu_case_start(&c);
    weft_i_rng rng;
    weft_i_rng_seed(&rng, 3);
    weft_i_span spans[] = {{700, 0}, {77, 0}};
    weft_i_work work = {777, spans, 2};
    for (int round = 0; round < 50; round++) {
        weft_i_strategy strategies[6];
        weft_i_stage_cost mixed, one, sum = {0};
        bool is_uniform = round < WEFT_I_N_STRATEGIES;
        for (int32_t l = 0; l < 6; l++) {
            uint64_t drawn = weft_i_rng_below(&rng, WEFT_I_N_STRATEGIES);
            strategies[l] = (weft_i_strategy)(is_uniform ? (uint64_t)round : drawn);
            weft_i_emu_stage(c.emu, 0, l, 1, &work, strategies[l], NULL, &one);
            sum.cost.fw_ns += one.cost.fw_ns;
            sum.cost.bw_ns += one.cost.bw_ns;
            sum.cost.bwi_ns += one.cost.bwi_ns;
            sum.cost.recompute_ns += one.cost.recompute_ns;
            sum.cost.saved_bytes += one.cost.saved_bytes;
            sum.recompute_flop += one.recompute_flop;
        }
        cr_assert_eq(weft_i_emu_stage_mixed(c.emu, 0, 0, 6, &work, strategies, NULL, &mixed),
                     WEFT_STATUS_OK);
        cr_assert_eq(mixed.cost.fw_ns, sum.cost.fw_ns);
        cr_assert_eq(mixed.cost.bw_ns, sum.cost.bw_ns);
        cr_assert_eq(mixed.cost.bwi_ns, sum.cost.bwi_ns);
        cr_assert_eq(mixed.cost.recompute_ns, sum.cost.recompute_ns);
        cr_assert_eq(mixed.cost.saved_bytes, sum.cost.saved_bytes);
        cr_assert_float_eq(mixed.recompute_flop, sum.recompute_flop, 1e-9 * sum.recompute_flop);
        if (!is_uniform) continue;
        weft_i_emu_stage(c.emu, 0, 0, 6, &work, strategies[0], NULL, &one);
        cr_assert_arr_eq(&mixed, &one, sizeof mixed);
    }
    emu_case_free(&c);
}

static weft_i_work random_work(weft_i_rng *rng, weft_i_span *spans, int32_t max)
{
    weft_i_work work = {.spans = spans, .n_spans = (int32_t)weft_i_rng_below(rng, max + 1)};
    for (int32_t i = 0; i < work.n_spans; i++) {
        spans[i].tokens = (int64_t)weft_i_rng_below(rng, 3000);
        spans[i].context = (int64_t)weft_i_rng_below(rng, 300);
        work.tokens += spans[i].tokens;
    }
    return work;
}

/* Every number equal with reuse on and off, asked in random order and more than once. */
Test(emu_stage, reuse_changes_nothing)
{
    const char *const models[] = {"vlm-s", GPT};
    weft_error error = {0};
    weft_cluster *cluster;
    weft_recipe *recipe;
    cr_assert_eq(weft_cluster_load("h800", &error, &cluster), WEFT_STATUS_OK, "%s", error.text);
    cr_assert_eq(weft_recipe_load(NULL, &error, &recipe), WEFT_STATUS_OK, "%s", error.text);
    weft_i_rng rng;
    weft_i_rng_seed(&rng, 7);
    for (size_t m = 0; m < sizeof models / sizeof *models; m++) {
        weft_model *model;
        weft_i_emu *with, *without;
        weft_parallel parallel = {2, 2, 4, 1, 1};
        cr_assert_eq(weft_model_load(models[m], &error, &model), WEFT_STATUS_OK);
        cr_assert_eq(weft_i_emu_create(model, cluster, recipe, &parallel, WEFT_REUSE_MODE_ALL,
                                       &error, &with),
                     WEFT_STATUS_OK, "%s", error.text);
        cr_assert_eq(weft_i_emu_create(model, cluster, recipe, &parallel, WEFT_REUSE_MODE_NONE,
                                       &error, &without),
                     WEFT_STATUS_OK, "%s", error.text);
        weft_i_span spans[4];
        weft_i_work work = {0};
        for (int i = 0; i < 2000; i++) {
            if (i % 4 == 0) work = random_work(&rng, spans, 4);
            int32_t module = (int32_t)weft_i_rng_below(&rng, (uint64_t)model->n_modules);
            int32_t layers = model->modules[module].n_layers;
            int32_t first = (int32_t)weft_i_rng_below(&rng, (uint64_t)layers);
            int32_t n = (int32_t)weft_i_rng_below(&rng, (uint64_t)(layers - first)) + 1;
            weft_i_strategy strategy = (weft_i_strategy)weft_i_rng_below(&rng, 3);
            weft_i_stage_cost a, b;
            memset(&a, 0, sizeof a);
            memset(&b, 0, sizeof b);
            cr_assert_eq(weft_i_emu_stage(with, module, first, n, &work, strategy, &error, &a),
                         WEFT_STATUS_OK, "%s", error.text);
            cr_assert_eq(weft_i_emu_stage(without, module, first, n, &work, strategy, &error, &b),
                         WEFT_STATUS_OK, "%s", error.text);
            cr_assert_eq(memcmp(&a, &b, sizeof a), 0, "seed 7, model %s, question %d", models[m],
                         i);
        }
        weft_reuse stats = weft_i_emu_reuse(with);
        cr_assert_gt(stats.subgraphs.reused, stats.subgraphs.asked / 4);
        cr_assert_eq(weft_i_emu_reuse(without).subgraphs.asked, 0);
        weft_i_emu_free(with);
        weft_i_emu_free(without);
        weft_model_free(model);
    }
    weft_recipe_free(recipe);
    weft_cluster_free(cluster);
}

/* Every shipped model as its recipe cuts it, on every shipped cluster with memory to price it. */
Test(emu_stage, every_shipped_set_up)
{
    for (size_t m = 0; weft_model_shipped(m); m++)
        for (size_t k = 0; weft_cluster_shipped(k); k++) {
            weft_error error = {0};
            weft_model *model;
            weft_cluster *cluster;
            weft_recipe *recipe;
            weft_i_emu *emu;
            const char *name = weft_model_shipped(m);
            cr_assert_eq(weft_model_load(name, &error, &model), WEFT_STATUS_OK);
            cr_assert_eq(weft_recipe_load(name, &error, &recipe), WEFT_STATUS_OK);
            cr_assert_eq(weft_cluster_load(weft_cluster_shipped(k), &error, &cluster),
                         WEFT_STATUS_OK);
            weft_parallel parallel = {1, 4, recipe->parallel.tp, 1, 1};
            cr_assert_eq(weft_i_emu_create(model, cluster, recipe, &parallel, WEFT_REUSE_MODE_ALL,
                                           &error, &emu),
                         WEFT_STATUS_OK, "%s on %s: %s", name, cluster->name, error.text);
            weft_i_span spans[] = {{2048, 200}, {1000, 17}};
            weft_i_work work = {3048, spans, 2};
            double flop = 0, ns = 0;
            for (int32_t module = 0; module < model->n_modules; module++) {
                weft_i_stage_cost cost;
                cr_assert_eq(weft_i_emu_stage(emu, module, 0, model->modules[module].n_layers,
                                              &work, WEFT_I_STRATEGY_FULL, &error, &cost),
                             WEFT_STATUS_OK, "%s", error.text);
                flop += cost.model_flop;
                ns += (double)(cost.cost.fw_ns + cost.cost.bw_ns);
            }
            double used = flop / (ns * 1e-9) / (weft_i_emu_peak_flops(emu) / 4);
            double least = strncmp(name, "tiny", 4) == 0 ? 0 : 0.05;
            cr_assert(used > least && used < 0.6, "%s on %s: %.3f of the peak", name, cluster->name,
                      used);
            weft_i_emu_free(emu);
            weft_model_free(model);
            weft_recipe_free(recipe);
            weft_cluster_free(cluster);
        }
}
