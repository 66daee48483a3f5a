/* bench/ablation.c - the paper's ablation: what each part of its method brings, part by part, on
 * one set-up and a real batch; for VLM-S beside the times that the paper measured.
 *
 * usage: bench_ablation BATCH_FOLDER [SECONDS] [ROW]. ROW is a line of bench/paper_rows.c from 0 (0
 * = VLM-S, mixed). Every row may take SECONDS (default 10). "own bound": how far a plan is above
 * the bound of all orders of its stages that split no backward, as the paper's do not.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/paper_rows.h"

static const struct step {
    const char *name;
    int search;
    int64_t ablate;
    double paper_s; /* VLM-S; 0 = not published */
} steps[] = {
    {"Megatron-LM", WEFT_SEARCH_PAPER,
     WEFT_ABLATE_PARTITIONER | WEFT_ABLATE_INTERLEAVING | WEFT_ABLATE_REORDERING |
         WEFT_ABLATE_MEMORY,
     26.13},
    {"+ partitioner", WEFT_SEARCH_PAPER,
     WEFT_ABLATE_INTERLEAVING | WEFT_ABLATE_REORDERING | WEFT_ABLATE_MEMORY, 22.27},
    {"+ interleaving", WEFT_SEARCH_PAPER, WEFT_ABLATE_REORDERING | WEFT_ABLATE_MEMORY, 18.81},
    {"+ reordering", WEFT_SEARCH_PAPER, WEFT_ABLATE_MEMORY, 17.61},
    {"+ memory", WEFT_SEARCH_PAPER, 0, 16.05},
    {"default search", WEFT_SEARCH_DEFAULT, 0, 0},
};

static const weft_pipeline *slowest(const weft_plan *plan)
{
    const weft_pipeline *worst = &plan->pipelines[0];
    for (int32_t i = 1; i < plan->n_pipelines; i++)
        if (plan->pipelines[i].pipeline_ns > worst->pipeline_ns) worst = &plan->pipelines[i];
    return worst;
}

/* The bound of a plan's stages when no backward may be split. */
static weft_status own_bound(const weft_pipeline *pipeline, weft_error *error, int64_t *out_ns)
{
    weft_problem whole = pipeline->problem;
    size_t size = (size_t)whole.n_stages * sizeof *whole.stages;
    weft_bounds bounds = {0, 0};
    whole.stages = malloc(size);
    if (!whole.stages) return WEFT_STATUS_NO_MEMORY;
    memcpy(whole.stages, pipeline->problem.stages, size);
    for (int32_t s = 0; s < whole.n_stages; s++)
        whole.stages[s].now.cost.bwi_ns = whole.stages[s].now.cost.bww_ns = 0;
    weft_status status = weft_bounds_compute(&whole, NULL, error, &bounds);
    free(whole.stages);
    *out_ns = bounds.makespan_ns;
    return status;
}

static void print_row(const struct step *step, const weft_plan *plan, double *first_s,
                      double paper_s, int64_t bound_ns)
{
    double seconds = (double)plan->predicted.step_ns / 1e9;
    const weft_pipeline *p = slowest(plan);
    if (*first_s == 0) *first_s = seconds;
    printf("| %s | ", step->name);
    if (paper_s > 0)
        printf("%.2f | %.2f | ", paper_s, steps[0].paper_s / paper_s);
    else
        printf("- | - | ");
    printf("%.3f | %.2f | %.1f | ", seconds, *first_s / seconds, 100 * plan->predicted.bubble);
    if (step->search == WEFT_SEARCH_PAPER)
        printf("%.1f |\n", 100 * ((double)p->pipeline_ns / (double)bound_ns - 1));
    else
        printf("- |\n");
    fflush(stdout);
}

static weft_status run(const struct step *step, const setup *s, bool published, double *first_s,
                       weft_error *error)
{
    weft_plan *plan = NULL;
    weft_planner_options options = s->options;
    int64_t bound_ns = 0;
    options.search = step->search;
    options.ablate = step->ablate;
    weft_status status = weft_planner_make(&s->input, &options, error, &plan);
    if (!status) status = own_bound(slowest(plan), error, &bound_ns);
    if (!status) print_row(step, plan, first_s, published ? step->paper_s : 0, bound_ns);
    weft_plan_free(plan);
    return status;
}

int main(int argc, char **argv)
{
    size_t row = argc > 3 ? (size_t)atoi(argv[3]) : 0;
    if (argc < 2 || argc > 4 || row >= n_setup_rows) {
        fprintf(stderr, "usage: bench_ablation BATCH_FOLDER [SECONDS] [ROW]\n");
        return 2;
    }
    setup s;
    weft_error error = {0};
    double first_s = 0;
    weft_status status = setup_open(&setup_rows[row], argv[1], &error, &s);
    s.options.time_limit_s = argc > 2 ? atof(argv[2]) : 10;
    printf("%s, %s, %d GPUs, 64 microbatches, %.3g s a row\n\n", setup_rows[row].model,
           setup_rows[row].batch, setup_rows[row].gpus, s.options.time_limit_s);
    puts(
        "| method | paper s | paper speed-up | step s | speed-up | bubble % | above own bound % |\n"
        "|---|---|---|---|---|---|---|");
    bool published = strcmp(setup_rows[row].model, "vlm-s") == 0;
    for (size_t i = 0; i < sizeof steps / sizeof steps[0] && !status; i++)
        status = run(&steps[i], &s, published, &first_s, &error);
    setup_close(&s);
    if (status) fprintf(stderr, "bench_ablation: %s\n", error.text);
    return weft_status_exit_code(status);
}
