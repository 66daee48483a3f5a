/* tests/unit/test_uniform_time.c - the times and memory of uniform pipelines are those of the same
 * passes as a problem, an order and a plan. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/rng.h"
#include "emu/uniform_time.h"
#include "search/fixed.h"
#include "weft/plan.h"

enum { MAX_RANKS = 7, MAX_SEGMENTS = 4 };

typedef struct random_line {
    weft_i_uniform_line line;
    weft_i_unit units[MAX_RANKS * MAX_SEGMENTS];
    int64_t transfer_ns[MAX_RANKS];
} random_line;

static int64_t below(weft_i_rng *rng, uint64_t n)
{
    return (int64_t)weft_i_rng_below(rng, n);
}

static void make_line(random_line *made, weft_i_rng *rng, uint64_t max_microbatches)
{
    weft_i_uniform_line *line = &made->line;
    line->n_ranks = 1 + (int32_t)below(rng, MAX_RANKS);
    line->schedule = (weft_schedule)below(rng, 3);
    line->n_segments = 1 + (int32_t)below(rng, MAX_SEGMENTS);
    if (line->schedule == WEFT_SCHEDULE_ZB_H1) line->n_segments = 1;
    line->n_microbatches = 1 + (int32_t)below(rng, max_microbatches);
    line->units = made->units;
    line->transfer_ns = made->transfer_ns;
    /* All chunks alike, all different, or only the first and the last. */
    int64_t kind = below(rng, 3);
    int32_t n = line->n_ranks * line->n_segments;
    for (int32_t c = 0; c < n; c++) {
        made->units[c] =
            (weft_i_unit){.fw_ns = 1 + below(rng, 100),
                          .bw_ns = 1 + below(rng, 200),
                          .bwi_ns = 1 + below(rng, 100),
                          .bww_ns = 1 + below(rng, 100),
                          .saved_bytes = below(rng, 50),
                          .held_bytes = below(rng, 60),
                          .work_bytes = {below(rng, 30), below(rng, 30), below(rng, 30)}};
        bool apart = kind == 0 || (kind == 1 && (c == 1 || c == n - 1));
        if (c > 0 && !apart) made->units[c] = made->units[c - 1];
    }
    for (int32_t r = 0; r < line->n_ranks; r++)
        made->transfer_ns[r] = r > 0 && kind > 0 ? made->transfer_ns[0] : below(rng, 60);
    if (line->n_ranks == 1) made->transfer_ns[0] = 0; /* to itself */
}

/* The same passes as a problem. */
static weft_problem *make_problem(const random_line *made)
{
    const weft_i_uniform_line *line = &made->line;
    char text[160];
    weft_error error = {0};
    weft_problem *problem = NULL;
    snprintf(text, sizeof text, "pp=%d microbatches=%d fw=1000 bw=1000 transfer=1 segments=%d",
             line->n_ranks, line->n_microbatches, line->n_segments);
    cr_assert_eq(weft_problem_synthetic(text, &error, &problem), WEFT_STATUS_OK, "%s", error.text);
    for (int32_t s = 0; s < problem->n_stages; s++) {
        const weft_chunk *chunk = &problem->chunks[problem->stages[s].chunk];
        const weft_i_unit *unit = &made->units[chunk->segment * line->n_ranks + chunk->rank];
        problem->stages[s].now.cost = (weft_cost){.fw_ns = unit->fw_ns,
                                                  .bw_ns = unit->bw_ns,
                                                  .bwi_ns = unit->bwi_ns,
                                                  .bww_ns = unit->bww_ns,
                                                  .saved_bytes = unit->saved_bytes,
                                                  .held_bytes = unit->held_bytes};
        memcpy(problem->stages[s].now.cost.work_bytes, unit->work_bytes, sizeof unit->work_bytes);
    }
    for (int32_t e = 0; e < problem->n_edges; e++) {
        weft_edge *edge = &problem->edges[e];
        int32_t from = problem->chunks[problem->stages[edge->from].chunk].rank;
        int32_t to = problem->chunks[problem->stages[edge->to].chunk].rank;
        int32_t link = edge->pass == WEFT_PASS_FW ? from : to;
        edge->bytes = 0;
        edge->transfer_ns = from == to ? 0 : made->transfer_ns[link];
    }
    for (int32_t r = 0; r < problem->n_ranks; r++) {
        problem->static_bytes[r] = 0;
        problem->limit_bytes[r] = WEFT_INT_MAX;
    }
    return problem;
}

static weft_i_fixed_kind kind_of(const weft_i_uniform_line *line)
{
    switch (line->schedule) {
    case WEFT_SCHEDULE_GPIPE:
        return WEFT_I_FIXED_GPIPE;
    case WEFT_SCHEDULE_ZB_H1:
        return WEFT_I_FIXED_ZB_H1;
    case WEFT_SCHEDULE_1F1B:
        break;
    }
    return line->n_segments > 1 ? WEFT_I_FIXED_VPP : WEFT_I_FIXED_1F1B;
}

static weft_plan *make_plan(const weft_problem *problem, weft_i_fixed_kind kind)
{
    weft_i_arena arena = {0};
    weft_i_graph graph;
    weft_i_slots slots;
    weft_order *order = NULL;
    weft_plan *plan = NULL;
    weft_error error = {0};
    weft_status status = weft_i_graph_build(problem, &arena, &error, &graph);
    if (!status) status = weft_i_slots_derive(&graph, &arena, &error, &slots);
    if (!status) status = weft_i_order_fixed(&graph, kind, &slots, 0, &error, &order);
    weft_schedule_time time;
    if (!status) status = weft_order_time(problem, order, &error, NULL, NULL, &time);
    weft_pipeline_input input = {.problem = problem, .order = order};
    if (!status) status = weft_plan_build(&input, 1, 0, &error, &plan);
    if (!status) status = weft_plan_check(plan, &error, NULL);
    cr_assert_eq(status, WEFT_STATUS_OK, "%s", error.text);
    cr_assert_eq(time.pipeline_ns, plan->pipelines[0].pipeline_ns);
    weft_order_free(order);
    weft_i_arena_free(&arena);
    return plan;
}

/* First start and last end of a rank's passes. */
static weft_i_uniform_rank rank_of(const weft_pipeline *pipeline, int32_t r)
{
    weft_i_uniform_rank rank = {.first_ns = -1, .peak_bytes = pipeline->peak_bytes[r]};
    for (int32_t a = 0; a < pipeline->ranks[r].n_actions; a++) {
        const weft_action *action = &pipeline->ranks[r].actions[a];
        if (action->kind > WEFT_ACTION_BWW) continue;
        if (rank.first_ns < 0) rank.first_ns = action->start_ns;
        rank.last_ns = action->end_ns;
    }
    return rank;
}

/* End of a chunk's last weight gradient. */
static int64_t gradient_of(const weft_pipeline *pipeline, int32_t rank, int32_t segment)
{
    int64_t last_ns = 0;
    for (int32_t a = 0; a < pipeline->ranks[rank].n_actions; a++) {
        const weft_action *action = &pipeline->ranks[rank].actions[a];
        if (action->kind != WEFT_ACTION_BW && action->kind != WEFT_ACTION_BWW) continue;
        int32_t chunk = pipeline->problem.stages[action->operand].chunk;
        if (pipeline->problem.chunks[chunk].segment == segment) last_ns = action->end_ns;
    }
    return last_ns;
}

static void expect_the_plans(const random_line *made, uint64_t seed, int i)
{
    weft_i_arena arena = {0};
    weft_i_uniform_rank ranks[MAX_RANKS];
    int64_t gradients_ns[MAX_RANKS * MAX_SEGMENTS], pipeline_ns = 0;
    cr_assert(weft_i_uniform_time(&made->line, &arena, ranks, gradients_ns, &pipeline_ns));
    weft_problem *problem = make_problem(made);
    weft_plan *plan = make_plan(problem, kind_of(&made->line));
    cr_expect_eq(pipeline_ns, plan->pipelines[0].pipeline_ns,
                 "seed %llu, line %d: schedule %d, %d ranks, %d segments, %d microbatches",
                 (unsigned long long)seed, i, (int)made->line.schedule, made->line.n_ranks,
                 made->line.n_segments, made->line.n_microbatches);
    for (int32_t r = 0; r < made->line.n_ranks; r++) {
        weft_i_uniform_rank slow = rank_of(&plan->pipelines[0], r);
        cr_expect_eq(ranks[r].first_ns, slow.first_ns, "line %d rank %d", i, r);
        cr_expect_eq(ranks[r].last_ns, slow.last_ns, "line %d rank %d", i, r);
        cr_expect_eq(ranks[r].peak_bytes, slow.peak_bytes, "line %d rank %d: %lld, plan %lld", i, r,
                     (long long)ranks[r].peak_bytes, (long long)slow.peak_bytes);
    }
    for (int32_t c = 0; c < made->line.n_ranks * made->line.n_segments; c++) {
        int32_t rank = c % made->line.n_ranks, segment = c / made->line.n_ranks;
        cr_expect_eq(gradients_ns[c], gradient_of(&plan->pipelines[0], rank, segment),
                     "line %d chunk %d", i, c);
    }
    weft_plan_free(plan);
    weft_problem_free(problem);
    weft_i_arena_free(&arena);
}

Test(uniform_time, is_that_of_the_plan)
{
    const uint64_t seed = 20250414;
    weft_i_rng rng;
    weft_i_rng_seed(&rng, seed);
    for (int i = 0; i < 300; i++) {
        random_line made;
        make_line(&made, &rng, 20);
        expect_the_plans(&made, seed, i);
    }
}

/* So many microbatches that the middle of the steady phase is not walked. */
Test(uniform_time, a_long_steady_phase)
{
    const uint64_t seed = 7;
    weft_i_rng rng;
    weft_i_rng_seed(&rng, seed);
    for (int i = 0; i < 40; i++) {
        random_line made;
        make_line(&made, &rng, 150);
        expect_the_plans(&made, seed, i);
    }
}
