/* tests/unit/test_host_memory.c - what is offloaded has to fit into the hosts' memory: the least
 * that suffices, against a walk of the plan's actions and against counting. */
#include <criterion/criterion.h>
#include <string.h>

#include "weft/weft.h"

static const char *const model_text =
    "gpt:layers=6,hidden=512,heads=4,seq=512,vocab=2048,tied=false";

static weft_model *load_model(void)
{
    weft_model *model = NULL;
    cr_assert_eq(weft_model_load(model_text, NULL, &model), WEFT_STATUS_OK);
    return model;
}

static weft_cluster *load_cluster(int64_t host_bytes)
{
    weft_cluster *cluster = NULL;
    cr_assert_eq(weft_cluster_load("a100:nodes=2", NULL, &cluster), WEFT_STATUS_OK);
    cluster->node_types[0].host_bytes = host_bytes;
    return cluster;
}

enum { DP = 4, PP = 3, TP = 1, DOCUMENTS = 20 };

/* A plan of 1F1B under one memory strategy; NULL = it was refused with `error`. */
static weft_plan *plan_of(bool offload, int64_t host_bytes, weft_error *error)
{
    weft_model *model = load_model();
    weft_cluster *cluster = load_cluster(host_bytes);
    weft_recipe *recipe = NULL;
    weft_plan *plan = NULL;
    weft_sample samples[DOCUMENTS];
    for (int i = 0; i < DOCUMENTS; i++) {
        samples[i] = (weft_sample){.id = "x", .source = "", .text_tokens = 60 + 20 * i};
        samples[i].text_chars = samples[i].text_words = samples[i].loss_tokens = -1;
        samples[i].replica = samples[i].microbatch = -1;
        samples[i].line = i + 1;
    }
    const weft_batch batch = {
        .name = "texts", .sha256 = "", .samples = samples, .n_samples = DOCUMENTS};
    cr_assert_eq(weft_recipe_load(NULL, NULL, &recipe), WEFT_STATUS_OK);
    recipe->packing = WEFT_PACKING_NONE;
    recipe->sequence = 512;
    recipe->allow_none = !offload;
    recipe->allow_offload = offload;
    recipe->allow_selective = recipe->allow_full = false;
    weft_planner_options options;
    weft_planner_options_init(&options);
    options.dp = DP;
    options.pp = PP;
    options.tp = TP;
    const weft_planner_input input = {.model = model,
                                      .cluster = cluster,
                                      .recipe = recipe,
                                      .batch = &batch,
                                      .hand = "language=3,3,2"};
    weft_status status = weft_planner_make_baseline(&input, "hand", &options, error, &plan);
    cr_assert_eq(status == WEFT_STATUS_OK, plan != NULL);
    cr_assert(plan || status == WEFT_STATUS_INFEASIBLE);
    weft_recipe_free(recipe);
    weft_cluster_free(cluster);
    weft_model_free(model);
    return plan;
}

/* The most that a rank of a pipeline has saved; `saved` says what its stages save. */
static int64_t most_saved(const weft_pipeline *p, const weft_pipeline *saved, int32_t rank)
{
    int64_t now = 0, most = 0;
    for (int32_t i = 0; i < p->ranks[rank].n_actions; i++) {
        const weft_action *action = &p->ranks[rank].actions[i];
        if (action->kind != WEFT_ACTION_FW && action->kind != WEFT_ACTION_BW) continue;
        int64_t bytes = saved->problem.stages[action->operand].now.cost.saved_bytes;
        now += action->kind == WEFT_ACTION_FW ? bytes : -bytes;
        most = now > most ? now : most;
    }
    return most;
}

/* Devices in the order of ranks, eight a node; the fuller of the two nodes. */
static int64_t needed_by(const weft_plan *offloaded, const weft_plan *kept)
{
    int64_t nodes[2] = {0};
    for (int32_t rank = 0; rank < PP; rank++) {
        int64_t most = 0;
        for (int32_t r = 0; r < DP; r++) {
            int64_t bytes = most_saved(&offloaded->pipelines[r], &kept->pipelines[r], rank);
            most = bytes > most ? bytes : most;
        }
        for (int32_t d = rank * DP * TP; d < (rank + 1) * DP * TP; d++)
            nodes[d / 8] += most;
    }
    return nodes[0] > nodes[1] ? nodes[0] : nodes[1];
}

Test(host_memory, of_a_plan)
{
    weft_error error = {0};
    weft_plan *kept = plan_of(false, 1, &error), *offloaded = plan_of(true, 0, &error);
    cr_assert(kept && offloaded, "%s", error.text);
    int64_t needed = needed_by(offloaded, kept);
    cr_assert_gt(needed, 1000000);
    weft_plan_free(kept);
    weft_plan_free(offloaded);
    offloaded = plan_of(true, needed, &error);
    cr_expect(offloaded, "%s", error.text);
    weft_plan_free(offloaded);
    cr_expect_null(plan_of(true, needed - 1, &error));
    cr_expect(strstr(error.text, "node 0 needs") && strstr(error.text, "of host memory of"), "%s",
              error.text);
}

static weft_status ask(int64_t host_bytes, weft_schedule schedule, weft_recompute recompute,
                       weft_error *error, weft_uniform_answer *out_answer)
{
    weft_model *model = load_model();
    weft_cluster *cluster = load_cluster(host_bytes);
    weft_recipe *recipe = NULL;
    cr_assert_eq(weft_recipe_load(NULL, NULL, &recipe), WEFT_STATUS_OK);
    const weft_uniform question = {.model = model,
                                   .cluster = cluster,
                                   .recipe = recipe,
                                   .parallel = {1, 2, 1, 1, 1},
                                   .microbatch = 1,
                                   .global_batch = 5,
                                   .segments = 1,
                                   .recompute = recompute,
                                   .schedule = schedule};
    weft_status status = weft_emulate_uniform(&question, error, NULL, out_answer);
    weft_recipe_free(recipe);
    weft_cluster_free(cluster);
    weft_model_free(model);
    return status;
}

/* Two microbatches on the first rank and one on the second under 1F1B, all five under GPipe. */
Test(host_memory, of_a_closed_question)
{
    weft_error error = {0};
    weft_uniform_answer kept, offloaded;
    cr_assert_eq(ask(1, WEFT_SCHEDULE_1F1B, WEFT_RECOMPUTE_NONE, &error, &kept), WEFT_STATUS_OK);
    int64_t first = kept.embedding.saved_bytes + 3 * kept.layer.saved_bytes;
    int64_t second = 3 * kept.layer.saved_bytes + kept.head.saved_bytes;
    const struct {
        weft_schedule schedule;
        int64_t needed;
    } cases[] = {{WEFT_SCHEDULE_1F1B, 2 * first + second},
                 {WEFT_SCHEDULE_GPIPE, 5 * (first + second)}};
    for (int i = 0; i < 2; i++) {
        weft_status status =
            ask(cases[i].needed, cases[i].schedule, WEFT_RECOMPUTE_OFFLOAD, &error, &offloaded);
        cr_expect_eq(status, WEFT_STATUS_OK, "%d: %s", i, error.text);
        status =
            ask(cases[i].needed - 1, cases[i].schedule, WEFT_RECOMPUTE_OFFLOAD, &error, &offloaded);
        cr_expect_eq(status, WEFT_STATUS_INFEASIBLE, "%d", i);
    }
}
