/* plan/plan_build.c - weft_plan_build: problems and orders become a plan. Actions: compile.c. */
#include <string.h>

#include "base/error.h"
#include "plan/compile.h"
#include "plan/plan_own.h"
#include "plan/problem_own.h"
#include "plan/reduce.h"
#include "plan/shortage.h"

typedef struct builder {
    const weft_pipeline_input *inputs;
    int32_t n_inputs;
    weft_error *error;
    weft_i_arena *arena;  /* the plan's */
    weft_i_arena scratch; /* graphs and the reductions */
    weft_plan *plan;
    weft_i_graph *graphs; /* per pipeline */
    int32_t *reduce_sequence;
    int32_t n_reduce;
} builder;

static bool same_chunk(const weft_chunk *a, const weft_chunk *b)
{
    return strcmp(a->module, b->module) == 0 && a->rank == b->rank && a->segment == b->segment &&
           a->first_layer == b->first_layer && a->layers == b->layers &&
           a->reduce_bytes == b->reduce_bytes && a->reduce_ns == b->reduce_ns &&
           a->share_ns == b->share_ns;
}

/* All pipelines of a plan share its chunks and its ranks. */
static weft_status check_inputs(const builder *b, int64_t optimizer_ns)
{
    if (b->n_inputs < 1) return weft_i_fail(b->error, WEFT_STATUS_USAGE, "a plan of no pipeline");
    if (optimizer_ns < 0 || optimizer_ns > WEFT_INT_MAX) {
        return weft_i_fail(b->error, WEFT_STATUS_USAGE, "optimizer_ns is %lld, expected 0 to %lld",
                           (long long)optimizer_ns, (long long)WEFT_INT_MAX);
    }
    const weft_problem *first = b->inputs[0].problem;
    for (int32_t i = 0; i < b->n_inputs; i++) {
        const weft_problem *problem = b->inputs[i].problem;
        weft_status status = weft_problem_check(problem, b->error);
        if (status != WEFT_STATUS_OK) return status;
        bool same = problem->n_ranks == first->n_ranks && problem->n_chunks == first->n_chunks &&
                    problem->post_ns == first->post_ns;
        for (int32_t c = 0; same && c < problem->n_chunks; c++)
            same = same_chunk(&problem->chunks[c], &first->chunks[c]);
        if (!same) {
            return weft_i_fail(b->error, WEFT_STATUS_USAGE,
                               "pipeline %d has other ranks, chunks or post_ns than pipeline 0", i);
        }
    }
    return WEFT_STATUS_OK;
}

/* weft_problem_check bounds the sum of all times but for the posting of reductions. */
static weft_status check_posts(const builder *b)
{
    const weft_problem *first = b->inputs[0].problem;
    if (first->n_chunks == 0 || first->post_ns <= WEFT_INT_MAX / first->n_chunks) {
        return WEFT_STATUS_OK;
    }
    return weft_i_fail(b->error, WEFT_STATUS_BAD_INPUT,
                       "post_ns is %lld, too much for the reductions of %d chunks",
                       (long long)first->post_ns, first->n_chunks);
}

static weft_status create_plan(builder *b)
{
    const weft_problem *first = b->inputs[0].problem;
    b->plan = weft_i_plan_create(&b->arena);
    if (!b->plan) return weft_i_no_memory(b->error);
    weft_plan *plan = b->plan;
    plan->parallel.dp = b->n_inputs;
    plan->parallel.pp = first->n_ranks;
    plan->post_ns = first->post_ns;
    plan->n_chunks = first->n_chunks;
    plan->chunks = weft_i_chunks_copy(first->chunks, first->n_chunks, b->arena);
    plan->pipelines = weft_i_new(b->arena, weft_pipeline, b->n_inputs);
    if (!plan->chunks || !plan->pipelines) return weft_i_no_memory(b->error);
    plan->n_pipelines = b->n_inputs;
    for (int32_t i = 0; i < b->n_inputs; i++) {
        const weft_pipeline_input *input = &b->inputs[i];
        weft_pipeline *pipeline = &plan->pipelines[i];
        pipeline->replica = i;
        pipeline->lower_bound_ns = input->lower_bound_ns;
        pipeline->span_lower_bound_ns = input->span_lower_bound_ns;
        pipeline->work_bound_ns = input->work_bound_ns;
        weft_status status = weft_i_problem_decide(input->problem, input->choices, plan->chunks,
                                                   b->arena, b->error, &pipeline->problem);
        if (status != WEFT_STATUS_OK) return status;
    }
    return WEFT_STATUS_OK;
}

static weft_status build_graphs(builder *b)
{
    b->graphs = weft_i_new(&b->scratch, weft_i_graph, b->n_inputs);
    if (!b->graphs) return weft_i_no_memory(b->error);
    weft_status status = WEFT_STATUS_OK;
    for (int32_t i = 0; i < b->n_inputs && status == WEFT_STATUS_OK; i++) {
        status = weft_i_graph_build(&b->plan->pipelines[i].problem, &b->scratch, b->error,
                                    &b->graphs[i]);
    }
    return status;
}

static weft_status choose_reductions(builder *b)
{
    int32_t n_chunks = b->plan->n_chunks;
    int64_t *last_ns = weft_i_new(&b->scratch, int64_t, n_chunks);
    b->reduce_sequence = weft_i_new(&b->scratch, int32_t, n_chunks);
    if (!last_ns || !b->reduce_sequence) return weft_i_no_memory(b->error);
    for (int32_t i = 0; i < b->n_inputs; i++) {
        weft_i_arena arena = {0};
        weft_i_sequence sequence;
        weft_status status =
            weft_i_sequence_build(&b->graphs[i], b->inputs[i].order, &arena, b->error, &sequence);
        if (status == WEFT_STATUS_OK) weft_i_reduce_note(&sequence, last_ns);
        weft_i_arena_free(&arena);
        if (status != WEFT_STATUS_OK) return status;
    }
    return weft_i_reduce_sequence(b->plan->chunks, n_chunks, b->n_inputs > 1, last_ns, b->error,
                                  b->reduce_sequence, &b->n_reduce);
}

static weft_status compile_all(builder *b)
{
    weft_status status = WEFT_STATUS_OK;
    for (int32_t i = 0; i < b->n_inputs && status == WEFT_STATUS_OK; i++) {
        const weft_pipeline_input *input = &b->inputs[i];
        const weft_i_reductions reductions = {b->reduce_sequence, b->n_reduce,
                                              input->reduce_at_end};
        status = weft_i_compile(&b->graphs[i], input->order, &reductions, b->arena, b->error,
                                &b->plan->pipelines[i]);
    }
    return status;
}

/* Fail for the rank that lacks most. */
static weft_status check_limits(const builder *b)
{
    const weft_pipeline *worst = NULL;
    int32_t worst_rank = 0;
    int64_t worst_over = 0;
    for (int32_t i = 0; i < b->n_inputs; i++) {
        const weft_pipeline *pipeline = &b->plan->pipelines[i];
        for (int32_t r = 0; r < pipeline->problem.n_ranks; r++) {
            int64_t over = pipeline->peak_bytes[r] - pipeline->problem.limit_bytes[r];
            if (over <= worst_over) continue;
            worst = pipeline;
            worst_rank = r;
            worst_over = over;
        }
    }
    if (!worst) return WEFT_STATUS_OK;
    return weft_i_shortage(b->n_inputs > 1 ? worst->replica : -1, worst_rank,
                           worst->peak_bytes[worst_rank], worst->problem.limit_bytes[worst_rank],
                           b->error);
}

/* Time that a pipeline computes for, recomputation left out. */
static double busy_ns(const weft_pipeline *pipeline)
{
    double busy = 0;
    for (int32_t r = 0; r < pipeline->problem.n_ranks; r++) {
        for (int32_t a = 0; a < pipeline->ranks[r].n_actions; a++) {
            const weft_action *action = &pipeline->ranks[r].actions[a];
            if (action->kind > WEFT_ACTION_BWW) continue;
            busy += (double)(action->end_ns - action->start_ns);
            if (action->kind == WEFT_ACTION_BW || action->kind == WEFT_ACTION_BWI) {
                busy -= (double)pipeline->problem.stages[action->operand].now.cost.recompute_ns;
            }
        }
    }
    return busy;
}

static weft_status predict(builder *b, int64_t optimizer_ns)
{
    weft_plan *plan = b->plan;
    int64_t *ends_ns = weft_i_new(&b->scratch, int64_t, plan->n_chunks);
    if (!ends_ns) return weft_i_no_memory(b->error);
    int64_t longest_ns = 0;
    double busy = 0;
    for (int32_t i = 0; i < plan->n_pipelines; i++) {
        int64_t pipeline_ns = plan->pipelines[i].pipeline_ns;
        if (pipeline_ns > longest_ns) longest_ns = pipeline_ns;
        busy += busy_ns(&plan->pipelines[i]);
    }
    int64_t reduced_ns =
        weft_i_reduce_times(plan->pipelines, plan->n_pipelines, plan->chunks, ends_ns);
    weft_prediction *predicted = &plan->predicted;
    predicted->reduce_tail_ns = reduced_ns > longest_ns ? reduced_ns - longest_ns : 0;
    predicted->optimizer_ns = optimizer_ns;
    predicted->step_ns = longest_ns + predicted->reduce_tail_ns + optimizer_ns;
    double slots = (double)plan->n_pipelines * plan->parallel.pp * (double)longest_ns;
    predicted->bubble = slots > 0 ? 1 - busy / slots : 0;
    return WEFT_STATUS_OK;
}

static weft_status build(builder *b, int64_t optimizer_ns)
{
    weft_status status = check_inputs(b, optimizer_ns);
    if (status == WEFT_STATUS_OK) status = check_posts(b);
    if (status == WEFT_STATUS_OK) status = create_plan(b);
    if (status == WEFT_STATUS_OK) status = build_graphs(b);
    if (status == WEFT_STATUS_OK) status = choose_reductions(b);
    if (status == WEFT_STATUS_OK) status = compile_all(b);
    if (status == WEFT_STATUS_OK) status = predict(b, optimizer_ns);
    if (status == WEFT_STATUS_OK) status = check_limits(b);
    return status;
}

weft_status weft_plan_build(const weft_pipeline_input *inputs, int32_t n_inputs,
                            int64_t optimizer_ns, weft_error *error, weft_plan **out_plan)
{
    builder b = {.inputs = inputs, .n_inputs = n_inputs, .error = error};
    weft_status status = build(&b, optimizer_ns);
    weft_i_arena_free(&b.scratch);
    if (status == WEFT_STATUS_OK) {
        *out_plan = b.plan;
    } else {
        weft_plan_free(b.plan);
    }
    return status;
}
