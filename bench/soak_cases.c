/* bench/soak_cases.c - problems that need no model, and what is common to all. */
#include "bench/soak_cases.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Memory in which a plan must be found, over the least that any order needs. Closer to it the last
 * resort of the search, a random walk, may end too early. */
#define MISSED_BY 1.5

const char *soak_kind_name(soak_kind kind)
{
    static const char *const names[SOAK_N_KINDS] = {"text", "problem", "model", "shipped"};
    return names[kind];
}

bool soak_open(const char *batch_folder, soak_inputs *inputs, weft_error *error)
{
    const struct {
        const char *name;
        weft_batch **batch;
    } files[] = {{"vlm-mixed", &inputs->images[0]},
                 {"vlm-interleaved", &inputs->images[1]},
                 {"t2v-nextqa", &inputs->videos},
                 {"audio-jamendo", &inputs->audio}};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char file[4096];
        snprintf(file, sizeof file, "%s/%s.jsonl", batch_folder, files[i].name);
        if (weft_batch_read(file, error, files[i].batch)) return false;
    }
    return !weft_model_load("vlm-s", error, &inputs->vlm) &&
           !weft_model_load("t2v-s", error, &inputs->t2v);
}

void soak_close(soak_inputs *inputs)
{
    static const char *const files[] = {"one.json", "other.json", "model.json", "recipe.json"};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char file[4096];
        snprintf(file, sizeof file, "%s/%s", inputs->folder, files[i]);
        unlink(file);
    }
    rmdir(inputs->folder);
    weft_batch_free(inputs->images[0]);
    weft_batch_free(inputs->images[1]);
    weft_batch_free(inputs->videos);
    weft_batch_free(inputs->audio);
    weft_model_free(inputs->vlm);
    weft_model_free(inputs->t2v);
}

void soak_judge(soak_inputs *inputs, weft_status status, weft_comparison *comparison,
                soak_case *out)
{
    out->error.status = status;
    switch (status) {
    case WEFT_STATUS_OK:
        out->outcome = SOAK_PLANNED;
        soak_verify_comparison(comparison, inputs->folder, &out->fault);
        break;
    case WEFT_STATUS_INFEASIBLE:
        out->outcome = SOAK_UNPROVEN;
        soak_verify_infeasible(&out->error, &out->fault);
        break;
    case WEFT_STATUS_USAGE:
    case WEFT_STATUS_BAD_INPUT:
        out->outcome = SOAK_REFUSED;
        if (!out->error.text[0]) soak_fail(&out->fault, "refused without a reason");
        break;
    case WEFT_STATUS_FAILED:
    case WEFT_STATUS_VIOLATION:
    case WEFT_STATUS_NO_MEMORY:
    case WEFT_STATUS_IO:
    case WEFT_STATUS_LIMIT:
    case WEFT_STATUS_INTERRUPTED:
        soak_fail(&out->fault, "%s: %s", weft_status_name(status), out->error.text);
        break;
    }
    weft_comparison_free(comparison);
}

static weft_planner_options random_options(soak_rng *rng)
{
    weft_planner_options options;
    weft_planner_options_init(&options);
    options.iterations = soak_in(rng, 1, 30);
    options.threads = 1;
    options.seed = soak_in(rng, 1, 1000);
    options.objective = (int)soak_in(rng, 0, 2);
    return options;
}

/* Planned alone it is the plan of the comparison. */
static void plan_alone(soak_inputs *inputs, const char *text, const weft_planner_options *options,
                       const weft_comparison *comparison, soak_case *out)
{
    weft_plan *plan = NULL;
    weft_error error = {0};
    if (weft_planner_synthetic(text, options, &error, &plan))
        soak_fail(&out->fault, "planned alone: %s", error.text);
    else
        soak_verify_equal(plan, comparison->rows[0].plan, inputs->folder, &out->fault);
    weft_plan_free(plan);
}

static void run_text(soak_inputs *inputs, soak_rng *rng, soak_case *out)
{
    soak_text text;
    soak_random_text(rng, &text);
    snprintf(out->what, sizeof out->what, "%s", text.s);
    weft_planner_options options = random_options(rng);
    weft_comparison *comparison = NULL;
    weft_status status = weft_planner_compare_synthetic(text.s, &options, &out->error, &comparison);
    if (!status && soak_chance(rng, 25)) plan_alone(inputs, text.s, &options, comparison, out);
    soak_judge(inputs, status, comparison, out);
    if ((status == WEFT_STATUS_OK) != text.is_feasible)
        soak_fail(&out->fault, "one microbatch %s, but: %s",
                  text.is_feasible ? "fits" : "does not fit", status ? out->error.text : "planned");
    if (out->outcome == SOAK_UNPROVEN) out->outcome = SOAK_PROVEN;
}

/* Limits about what is needed at the least, on every rank. Returns the least room over need. */
static double set_limits(soak_rng *rng, weft_problem *problem, const int64_t *least)
{
    double slack = 1000;
    if (soak_chance(rng, 20)) return slack;
    double low = soak_chance(rng, 70) ? 1 : 0.8;
    for (int32_t r = 0; r < problem->n_ranks; r++) {
        int64_t need = least[r] - problem->static_bytes[r];
        int64_t room = (int64_t)((double)need * soak_real(rng, low, 3));
        problem->limit_bytes[r] = problem->static_bytes[r] + room;
        double of_rank = need > 0 ? (double)room / (double)need : slack;
        slack = of_rank < slack ? of_rank : slack;
    }
    return slack;
}

static void run_problem(soak_inputs *inputs, soak_rng *rng, soak_case *out)
{
    int64_t least[64] = {0};
    weft_problem *problem = soak_random_problem(rng);
    if (!problem || problem->n_ranks > 64 || !soak_least_bytes(problem, least)) {
        soak_fail(&out->fault, "out of memory");
        soak_problem_free(problem);
        return;
    }
    out->slack = set_limits(rng, problem, least);
    bool is_short = out->slack < 1;
    snprintf(out->what, sizeof out->what, "ranks %d, chunks %d, stages %d, edges %d, slack %.3f",
             problem->n_ranks, problem->n_chunks, problem->n_stages, problem->n_edges, out->slack);
    weft_planner_options options = random_options(rng);
    weft_comparison *comparison = NULL;
    weft_status status = weft_planner_compare_problem(problem, &options, &out->error, &comparison);
    soak_judge(inputs, status, comparison, out);
    if (is_short && status == WEFT_STATUS_OK)
        soak_fail(&out->fault, "planned in less memory than any order needs");
    if (is_short && out->outcome == SOAK_UNPROVEN) out->outcome = SOAK_PROVEN;
    if (out->outcome == SOAK_UNPROVEN && soak_has_witness(problem, rng, 300))
        out->outcome = SOAK_MISSED;
    if (out->outcome == SOAK_MISSED && out->slack > MISSED_BY)
        soak_fail(&out->fault, "%s, but a random order fits", out->error.text);
    soak_problem_free(problem);
}

void soak_run(soak_inputs *inputs, int64_t index, soak_case *out)
{
    memset(out, 0, sizeof *out);
    soak_rng seeds = {inputs->seed * UINT64_C(0x100000001b3) + (uint64_t)index};
    soak_rng rng = {soak_next(&seeds)};
    int64_t share = soak_in(&rng, 0, 99);
    out->kind = share < 45   ? SOAK_TEXT
                : share < 75 ? SOAK_PROBLEM
                : share < 97 ? SOAK_MODEL
                             : SOAK_SHIPPED;
    if (out->kind == SOAK_TEXT)
        run_text(inputs, &rng, out);
    else if (out->kind == SOAK_PROBLEM)
        run_problem(inputs, &rng, out);
    else
        soak_run_model(inputs, &rng, out);
}
