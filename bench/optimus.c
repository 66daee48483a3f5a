/* bench/optimus.c - see bench/optimus.h. */
#include "bench/optimus.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weft/weft.h>

#include "bench/csv.h"

/* Baseline, stack, replicas and ranks of each. Megatron-LM has the encoder on its first rank and
 * cuts the language model evenly; the numbers of layers are with embeddings, projector and head. */
static const struct optimus_rule {
    const char *system, *schedule, *hand, *stack;
    int dp, tp, pp;
} rules[N_OPTIMUS_SYSTEMS] = {
    [OPTIMUS_OWN] = {"Optimus", "optimus", NULL, NULL, 1, 2, 4},
    [OPTIMUS_BALANCED] = {"Megatron-LM balanced", "nnscaler", NULL, NULL, 1, 2, 4},
    [OPTIMUS_FSDP] = {"FSDP", "1f1b", NULL, "megatron-2022", 8, 1, 1},
    [OPTIMUS_MEGATRON] = {"Megatron-LM", "hand", "vision=50,0,0,0;language=21,20,20,21", NULL, 1, 2,
                          4},
};

typedef struct inputs {
    weft_model *model;
    weft_recipe *recipe, *sharded; /* sharded: FSDP's */
    weft_batch *batch;
} inputs;

static void check(weft_status status, const weft_error *error)
{
    if (status == WEFT_STATUS_OK) return;
    fprintf(stderr, "%s\n", error->text);
    exit(1);
}

/* Two sequences of 2048 tokens are a microbatch. */
static inputs load(const char *folder)
{
    inputs in = {0};
    weft_error error = {0};
    char path[1024];
    snprintf(path, sizeof path, "%s/optimus_small.model.json", folder);
    check(weft_model_load(path, &error, &in.model), &error);
    snprintf(path, sizeof path, "%s/optimus_small.batch.jsonl", folder);
    check(weft_batch_read(path, &error, &in.batch), &error);
    check(weft_recipe_load(NULL, &error, &in.recipe), &error);
    check(weft_recipe_load(NULL, &error, &in.sharded), &error);
    in.recipe->sequence = in.sharded->sequence = 4096;
    in.sharded->zero = 3;
    in.sharded->allow_none = in.sharded->allow_selective = false;
    return in;
}

static void drop(inputs *in)
{
    weft_model_free(in->model);
    weft_batch_free(in->batch);
    weft_recipe_free(in->recipe);
    weft_recipe_free(in->sharded);
}

static double predict(const inputs *in, const struct optimus_rule *rule)
{
    weft_error error = {0};
    weft_cluster *cluster = NULL;
    weft_plan *plan = NULL;
    weft_planner_options options;
    weft_planner_options_init(&options);
    options.dp = rule->dp;
    options.tp = rule->tp;
    options.pp = rule->pp;
    options.iterations = 1;
    options.threads = 1;
    check(weft_cluster_load("a100:nodes=1", &error, &cluster), &error);
    if (rule->stack) check(weft_cluster_set_stack(cluster, rule->stack, &error), &error);
    const weft_planner_input input = {.model = in->model,
                                      .cluster = cluster,
                                      .recipe = rule->dp > 1 ? in->sharded : in->recipe,
                                      .batch = in->batch,
                                      .hand = rule->hand};
    check(weft_planner_make_baseline(&input, rule->schedule, &options, &error, &plan), &error);
    double seconds = (double)plan->predicted.step_ns / 1e9;
    weft_plan_free(plan);
    weft_cluster_free(cluster);
    return seconds;
}

static double measured(const csv *table, const char *system)
{
    for (int r = 0; r < table->n_rows; r++)
        if (strcmp(csv_word(table, r, "system"), system) == 0)
            return csv_number(table, r, "iteration_s");
    fprintf(stderr, "optimus_small.csv has no row of %s\n", system);
    exit(1);
}

void optimus_predict(const char *folder, optimus_row out_rows[N_OPTIMUS_SYSTEMS])
{
    csv table = csv_read(folder, "optimus_small.csv");
    inputs in = load(folder);
    for (int s = 0; s < N_OPTIMUS_SYSTEMS; s++)
        out_rows[s] = (optimus_row){predict(&in, &rules[s]), measured(&table, rules[s].system)};
    drop(&in);
    csv_free(&table);
}

void optimus_print(const char *folder)
{
    optimus_row rows[N_OPTIMUS_SYSTEMS];
    optimus_predict(folder, rows);
    puts("\n| Optimus' small set-up, 8 A100 | predicted s | measured s | |\n|---|---|---|---|");
    for (int s = 0; s < N_OPTIMUS_SYSTEMS; s++)
        printf("| %s | %.2f | %.2f | %+.0f %% |\n", rules[s].system, rows[s].predicted,
               rows[s].measured, 100 * (rows[s].predicted / rows[s].measured - 1));
}
