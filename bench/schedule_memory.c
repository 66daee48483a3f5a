/* bench/schedule_memory.c - see bench/schedule_memory.h. Interleaved 1F1B is a closed question. The
 * automatic schedules of the zero-bubble authors (ZB-1p, ZB-2p) get as much memory as p or 2p
 * activations of a stage take, and are searched here under the same limit. */
#include "bench/schedule_memory.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const struct {
    const char *name, *column;
    int room;
} schedules[] = {
#define MEMORY_SCHEDULE_ROW(name, text, column, room) {text, column, room},
    MEMORY_SCHEDULE_LIST(MEMORY_SCHEDULE_ROW)
#undef MEMORY_SCHEDULE_ROW
};

enum { MAX_RANKS = 64, VOCAB = 51200 };

static void check(weft_status status, const weft_error *error)
{
    if (status == WEFT_STATUS_OK) return;
    fprintf(stderr, "%s\n", error->text);
    exit(1);
}

const char *memory_schedule_name(memory_schedule schedule)
{
    return schedules[schedule].name;
}

/* Most activations of a microbatch that each rank has at a time; one is 2^30 bytes in the text. */
static void activations_of(const weft_uniform *q, const weft_uniform_answer *answer, int room,
                           double *out_activations)
{
    int layers = (q->model->modules[0].n_layers) / q->parallel.pp;
    const weft_cost *layer = &answer->layer;
    char text[300];
    snprintf(text, sizeof text,
             "pp=%d microbatches=%d segments=1 fw=%g bw=%g bww=%g transfer=%g limit=%d held=%g",
             q->parallel.pp, answer->microbatches, layers * (double)layer->fw_ns / 1e3,
             layers * (double)(layer->bwi_ns + layer->bww_ns) / 1e3,
             layers * (double)layer->bww_ns / 1e3, (double)answer->transfer_ns / 1e3,
             room * q->parallel.pp, (double)layer->held_bytes / (double)layer->saved_bytes);
    weft_planner_options options;
    weft_planner_options_init(&options);
    options.objective = WEFT_OBJECTIVE_SPAN;
    options.iterations = 100;
    options.threads = 1;
    weft_error error = {0};
    weft_plan *plan = NULL;
    check(weft_planner_synthetic(text, &options, &error, &plan), &error);
    for (int i = 0; i < q->parallel.pp; i++)
        out_activations[i] = ldexp((double)plan->pipelines[0].peak_bytes[i], -30);
    weft_plan_free(plan);
}

/* Under 1F1B rank i of p keeps p - i microbatches, which says what one takes on each rank. */
static double searched_peak(const weft_uniform *q, const weft_uniform_answer *answer,
                            const weft_uniform_rank *ranks, int room)
{
    double activations[MAX_RANKS], most = 0;
    activations_of(q, answer, room, activations);
    for (int i = 0; i < q->parallel.pp; i++) {
        const weft_uniform_rank *rank = &ranks[i];
        int under_way = q->parallel.pp - i;
        if (answer->microbatches < under_way) under_way = answer->microbatches;
        double one = (double)(rank->activation_bytes + rank->logit_bytes) / under_way;
        double rest = (double)(rank->peak_bytes - rank->activation_bytes - rank->logit_bytes);
        most = fmax(most, rest + activations[i] * one);
    }
    return most;
}

static weft_model *make_model(const csv *table, int r)
{
    char text[200];
    weft_error error = {0};
    weft_model *model = NULL;
    snprintf(text, sizeof text, "gpt:layers=%d,hidden=%d,heads=%d,seq=%d,vocab=%d,tied=true",
             csv_int(table, r, "layers"), csv_int(table, r, "hidden"), csv_int(table, r, "heads"),
             csv_int(table, r, "seq"), VOCAB);
    check(weft_model_load(text, &error, &model), &error);
    return model;
}

memory_row memory_row_of(const csv *table, int r, memory_schedule schedule,
                         const weft_cluster *cluster, const weft_recipe *recipe)
{
    weft_model *model = make_model(table, r);
    int n_ranks = csv_int(table, r, "p"), microbatch = csv_int(table, r, "mbs");
    int room = schedules[schedule].room;
    weft_uniform question = {.model = model,
                             .cluster = cluster,
                             .recipe = recipe,
                             .parallel = {1, n_ranks, 1, 1, 1},
                             .microbatch = microbatch,
                             .global_batch = microbatch * csv_int(table, r, "m"),
                             .segments = room > 0 ? 1 : model->modules[0].n_layers / n_ranks};
    weft_uniform_rank ranks[MAX_RANKS];
    weft_uniform_answer answer;
    weft_error error = {0};
    if (n_ranks > MAX_RANKS) exit(1);
    check(weft_emulate_uniform(&question, &error, ranks, &answer), &error);
    memory_row row = {.measured = 1e9 * csv_number(table, r, schedules[schedule].column),
                      .predicted = (double)answer.peak_bytes};
    if (room > 0) row.predicted = searched_peak(&question, &answer, ranks, room);
    weft_model_free(model);
    return row;
}

static void print_schedule(const csv *table, memory_schedule schedule, const weft_cluster *cluster,
                           const weft_recipe *recipe, bool rows)
{
    double mean = 0, worst = 0;
    for (int r = 0; r < table->n_rows; r++) {
        memory_row row = memory_row_of(table, r, schedule, cluster, recipe);
        double error = 100 * (row.predicted / row.measured - 1);
        mean += fabs(error) / table->n_rows;
        worst = fmax(worst, fabs(error));
        if (rows)
            printf("%s %s, %s microbatches: %.1f GB measured %.0f (%+.1f %%)\n",
                   schedules[schedule].name, csv_word(table, r, "model"), csv_word(table, r, "m"),
                   row.predicted / 1e9, row.measured / 1e9, error);
    }
    printf("| zero-bubble memory of %s | %d | %.2f | <= 6 | | %.2f | | |\n",
           schedules[schedule].name, table->n_rows, mean, worst);
}

void memory_print(const char *folder, bool rows)
{
    csv table = csv_read(folder, "zero_bubble.csv");
    weft_cluster *cluster = NULL;
    weft_recipe *recipe = NULL;
    weft_error error = {0};
    check(weft_cluster_load("a100:nodes=8", &error, &cluster), &error);
    check(weft_cluster_set_stack(cluster, "megatron-zero-bubble", &error), &error);
    check(weft_recipe_load(NULL, &error, &recipe), &error);
    recipe->sequence_parallel = false;
    for (int s = 0; s < N_MEMORY_SCHEDULES; s++)
        print_schedule(&table, (memory_schedule)s, cluster, recipe, rows);
    weft_recipe_free(recipe);
    weft_cluster_free(cluster);
    csv_free(&table);
}
