/* tests/unit/test_report.c - weft_report_make: by hand, and against slow versions on random plans.
 */
#include "weft/report.h"

#include <criterion/criterion.h>
#include <inttypes.h>

#include "plan/peaks.h"
#include "tests/unit/plan_twins.h"
#include "tests/unit/random_plan.h"
#include "tests/unit/show_case.h"

static weft_report *make(const weft_plan *plan)
{
    weft_report *report = NULL;
    weft_error error = {0};
    cr_assert_eq(weft_report_make(plan, &error, &report), WEFT_STATUS_OK, "%s", error.text);
    return report;
}

/* 1F1B of 3 ranks and 3 microbatches, forward 10 us, backward 20 us: rank r starts after r forwards
 * and, with 1 GiB a forward, holds 3 - r of them; backwards reach rank r after 2 - r others. */
Test(report, pipeline_by_hand)
{
    weft_plan *plan = show_plan("pp=3 microbatches=3 fw=10 bw=20", WEFT_I_FIXED_1F1B);
    weft_report *report = make(plan);
    cr_assert_eq(report->n_pipelines, 1);
    const weft_pipeline_report *p = &report->pipelines[0];
    cr_assert_eq(p->n_ranks, 3);
    cr_expect_eq(p->fill_ns, 20000);
    cr_expect_eq(p->drain_ns, 40000);
    cr_expect_eq(p->steady_ns, 90000);
    static const int64_t last_ns[] = {150000, 130000, 110000};
    /* The last forward of the warm-up is the first moment of the peak. */
    static const int64_t peak_ns[] = {20000, 20000, 20000};
    for (int32_t r = 0; r < 3; r++) {
        const weft_rank_report *rank = &p->ranks[r];
        cr_expect_eq(rank->busy_ns, 90000);
        cr_expect_eq(rank->recompute_ns, 0);
        cr_expect_eq(rank->first_ns, 10000 * r);
        cr_expect_eq(rank->last_ns, last_ns[r]);
        cr_expect_eq(rank->peak_ns, peak_ns[r], "rank %d: %lld", r, (long long)rank->peak_ns);
        cr_expect_eq(rank->n_saved, 3 - r);
        cr_expect_eq(rank->saved_bytes, (3 - r) * (INT64_C(1) << 30));
        cr_expect_eq(rank->peak_bytes, rank->saved_bytes);
        cr_expect_eq(rank->chunk_bytes[r], rank->saved_bytes);
        cr_expect_eq(rank->chunk_bytes[(r + 1) % 3], 0);
    }
    /* The last rank has one microbatch at a time; its forward begins before the last backward ends
     * in the order of the actions only. */
    const weft_rank_report *last = &p->ranks[2];
    const weft_memory_point expected[] = {{0, 0},           {20000, 1 << 30}, {50000, 0},
                                          {50000, 1 << 30}, {80000, 0},       {80000, 1 << 30},
                                          {110000, 0}};
    cr_assert_eq(last->n_memory, 7);
    cr_expect_arr_eq(last->memory, expected, sizeof expected);
    weft_report_free(report);
    weft_plan_free(plan);
}

/* One microbatch on four ranks: the last rank starts after the first would have been needed again.
 */
Test(report, phases_that_overlap)
{
    weft_plan *plan = show_plan("pp=4 microbatches=1 fw=10 bw=1", WEFT_I_FIXED_1F1B);
    weft_report *report = make(plan);
    const weft_pipeline_report *p = &report->pipelines[0];
    cr_expect_eq(p->fill_ns, 30000);
    cr_expect_eq(p->drain_ns, 3000);
    cr_expect_eq(p->steady_ns, 44000 - 33000);
    plan->pipelines[0].ranks[0].n_actions = 0; /* as where a rank has no chunk */
    weft_report_free(report);
    report = make(plan);
    cr_expect_eq(report->pipelines[0].ranks[0].last_ns, 0);
    cr_expect_eq(report->pipelines[0].drain_ns, 3000);
    weft_report_free(report);
    weft_plan_free(plan);
}

/* The parts while action `a` runs, each found anew. */
static weft_rank_report obvious_parts(const weft_pipeline *pipeline, int32_t rank, int32_t a)
{
    const weft_problem *problem = &pipeline->problem;
    const weft_action *action = &pipeline->ranks[rank].actions[a];
    weft_rank_report parts = {.static_bytes = problem->static_bytes[rank]};
    for (int32_t s = 0; s < problem->n_stages; s++) {
        if (twin_rank(problem, s) != rank) continue;
        int32_t bwi = twin_find(pipeline, rank, WEFT_ACTION_BWI, s);
        bool is_held = bwi >= 0 && a > bwi;
        *(is_held ? &parts.held_bytes : &parts.saved_bytes) += twin_saved(pipeline, s, a);
        int32_t last = twin_find(pipeline, rank, bwi >= 0 ? WEFT_ACTION_BWW : WEFT_ACTION_BW, s);
        parts.n_saved += twin_within(a, twin_find(pipeline, rank, WEFT_ACTION_FW, s), last);
    }
    for (int32_t e = 0; e < problem->n_edges; e++)
        parts.buffer_bytes += twin_edge(pipeline, e, rank, a);
    if (action->kind <= WEFT_ACTION_BWW)
        parts.work_bytes = problem->stages[action->operand].now.cost.work_bytes[action->kind];
    parts.peak_bytes = twin_bytes(pipeline, rank, a);
    parts.peak_ns = action->start_ns;
    return parts;
}

static weft_rank_report obvious_peak(const weft_pipeline *pipeline, int32_t rank)
{
    int64_t static_bytes = pipeline->problem.static_bytes[rank];
    weft_rank_report best = {.static_bytes = static_bytes, .peak_bytes = static_bytes};
    for (int32_t a = 0; a < pipeline->ranks[rank].n_actions; a++) {
        weft_rank_report now = obvious_parts(pipeline, rank, a);
        if (now.peak_bytes > best.peak_bytes) best = now;
    }
    return best;
}

static void expect_memory(const weft_pipeline *pipeline, int32_t r, const weft_rank_report *found)
{
    weft_rank_report slow = obvious_peak(pipeline, r);
    cr_expect_eq(found->static_bytes + found->saved_bytes + found->held_bytes +
                     found->buffer_bytes + found->work_bytes,
                 found->peak_bytes);
    cr_expect_eq(found->peak_bytes, pipeline->peak_bytes[r]);
    cr_expect_eq(found->peak_ns, slow.peak_ns);
    cr_expect_eq(found->static_bytes, slow.static_bytes);
    cr_expect_eq(found->saved_bytes, slow.saved_bytes);
    cr_expect_eq(found->held_bytes, slow.held_bytes);
    cr_expect_eq(found->buffer_bytes, slow.buffer_bytes);
    cr_expect_eq(found->work_bytes, slow.work_bytes);
    cr_expect_eq(found->n_saved, slow.n_saved);
    int64_t of_chunks = 0, highest = 0;
    for (int32_t c = 0; c < pipeline->problem.n_chunks; c++) {
        of_chunks += found->chunk_bytes[c];
        cr_expect(found->chunk_bytes[c] >= 0);
        cr_expect(found->chunk_bytes[c] == 0 || pipeline->problem.chunks[c].rank == r);
    }
    cr_expect_eq(of_chunks, found->saved_bytes + found->held_bytes);
    for (int32_t i = 0; i < found->n_memory; i++) {
        int64_t bytes = found->memory[i].bytes;
        if (bytes > highest) highest = bytes;
        cr_expect(i == 0 || (found->memory[i].ns >= found->memory[i - 1].ns &&
                             bytes != found->memory[i - 1].bytes));
    }
    cr_expect_eq(highest, found->peak_bytes);
}

static void expect_times(const weft_pipeline *pipeline, int32_t r, const weft_rank_report *found)
{
    int64_t busy = 0, recompute = 0, first = INT64_MAX, last = 0;
    for (int32_t s = 0; s < pipeline->problem.n_stages; s++) {
        const weft_cost *cost = &pipeline->problem.stages[s].now.cost;
        for (int kind = WEFT_ACTION_FW; kind <= WEFT_ACTION_BWW; kind++) {
            int32_t a = twin_find(pipeline, r, (weft_action_kind)kind, s);
            if (a < 0) continue;
            const weft_action *action = &pipeline->ranks[r].actions[a];
            busy += weft_cost_pass_ns(cost, (weft_pass)kind);
            if (kind == WEFT_ACTION_BW || kind == WEFT_ACTION_BWI) recompute += cost->recompute_ns;
            if (action->start_ns < first) first = action->start_ns;
            if (action->end_ns > last) last = action->end_ns;
        }
    }
    cr_expect_eq(found->busy_ns, busy);
    cr_expect_eq(found->recompute_ns, recompute);
    cr_expect_eq(found->first_ns, first < INT64_MAX ? first : 0);
    cr_expect_eq(found->last_ns, last);
}

Test(report, random_plans_have_the_report_of_the_slow_twin)
{
    uint64_t seed = 11;
    weft_i_rng rng;
    weft_i_rng_seed(&rng, seed);
    for (int k = 0; k < 60; k++) {
        weft_plan *plan = random_plan(&rng, 1 + random_to(&rng, 2), random_to(&rng, 3));
        weft_report *report = make(plan);
        cr_assert_eq(report->n_pipelines, plan->n_pipelines);
        for (int32_t i = 0; i < plan->n_pipelines; i++) {
            const weft_pipeline_report *p = &report->pipelines[i];
            cr_expect_eq(p->replica, plan->pipelines[i].replica);
            for (int32_t r = 0; r < p->n_ranks; r++) {
                expect_memory(&plan->pipelines[i], r, &p->ranks[r]);
                expect_times(&plan->pipelines[i], r, &p->ranks[r]);
            }
        }
        weft_report_free(report);
        weft_plan_free(plan);
    }
}

/* What is offloaded is gone from the end of the wait to the start of the prefetch. */
Test(report, offloaded_bytes_are_not_there)
{
    weft_plan *plan = show_plan("pp=1 microbatches=1 fw=10 bw=20", WEFT_I_FIXED_1F1B);
    weft_i_arena arena = {0};
    weft_i_graph graph;
    cr_assert_eq(weft_i_graph_build(&plan->pipelines[0].problem, &arena, NULL, &graph),
                 WEFT_STATUS_OK);
    static const weft_action_kind kinds[] = {
        WEFT_ACTION_FW,       WEFT_ACTION_OFFLOAD,       WEFT_ACTION_WAIT_OFFLOAD,
        WEFT_ACTION_PREFETCH, WEFT_ACTION_WAIT_PREFETCH, WEFT_ACTION_BW};
    static const int32_t during[] = {1, 1, 1, 1, 1, 1}, after[] = {1, 1, 0, 1, 1, 0};
    weft_i_live live = weft_i_live_begin(&graph, 0);
    for (int i = 0; i < 6; i++) {
        const weft_action action = {.kind = kinds[i], .group = -1};
        weft_i_live now = weft_i_live_step(&graph, &action, &live);
        cr_expect_eq(now.n_saved, during[i], "action %d", i);
        cr_expect_eq(now.saved_bytes, during[i] * (INT64_C(1) << 30), "action %d", i);
        cr_expect_eq(live.n_saved, after[i], "action %d", i);
        cr_expect_eq(live.saved_bytes, after[i] * (INT64_C(1) << 30), "action %d", i);
    }
    weft_i_arena_free(&arena);
    weft_plan_free(plan);
}

Test(report, every_allocation_fails_once)
{
    weft_plan *plan = show_plan("pp=2 microbatches=2 fw=10 bw=20", WEFT_I_FIXED_1F1B);
    weft_status status = WEFT_STATUS_NO_MEMORY;
    weft_report *report = NULL;
    long k = 0;
    while (status == WEFT_STATUS_NO_MEMORY) {
        weft_i_alloc_fail_after(++k);
        status = weft_report_make(plan, NULL, &report);
    }
    weft_i_alloc_fail_after(0);
    cr_expect_eq(status, WEFT_STATUS_OK);
    cr_expect_gt(k, 3);
    weft_report_free(report);
    weft_report_free(NULL);
    weft_plan_free(plan);
}
