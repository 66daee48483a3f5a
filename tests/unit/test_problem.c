/* tests/unit/test_problem.c - the gate: each rule of a problem is broken once; copies with choices
 * made. */
#include <criterion/criterion.h>

#include "base/arena.h"
#include "plan/problem_own.h"
#include "tests/unit/random_problem.h"
#include "weft/problem.h"

/* Rank 0: chunks 0 (vision) and 2 (language); rank 1: chunk 1 (vision) and 3 (language). Stages as
 * chunks. Vision is frozen; the language stages can be split and stage 3 has two candidates. */
static weft_problem *small_problem(void)
{
    weft_i_arena *arena;
    weft_problem *problem = weft_i_problem_create(&arena);
    problem->n_ranks = 2;
    problem->n_chunks = problem->n_stages = 4;
    problem->n_submicrobatches = 2;
    problem->n_edges = 4;
    problem->chunks = weft_i_new(arena, weft_chunk, 4);
    problem->submicrobatches = weft_i_new(arena, weft_submicrobatch, 2);
    problem->stages = weft_i_new(arena, weft_stage, 4);
    problem->edges = weft_i_new(arena, weft_edge, 4);
    problem->static_bytes = weft_i_new(arena, int64_t, 2);
    problem->limit_bytes = weft_i_new(arena, int64_t, 2);
    int32_t *microbatches = weft_i_new(arena, int32_t, 1);
    const char *const modules[] = {"vision", "language"};
    for (int32_t i = 0; i < 2; i++) {
        problem->submicrobatches[i] = (weft_submicrobatch){.module = modules[i],
                                                           .microbatches = microbatches,
                                                           .n_microbatches = 1,
                                                           .items = weft_i_new(arena, weft_item, 1),
                                                           .n_items = 1};
    }
    for (int32_t s = 0; s < 4; s++) {
        bool is_frozen = s < 2;
        problem->chunks[s] = (weft_chunk){.module = modules[s / 2], .rank = s % 2, .layers = 6};
        weft_stage *stage = &problem->stages[s];
        *stage = (weft_stage){.chunk = s, .submicrobatch = s / 2, .label = -1};
        stage->now.cost.fw_ns = 10;
        stage->backward = is_frozen ? WEFT_BACKWARD_NONE : WEFT_BACKWARD_FULL;
        if (is_frozen) continue;
        stage->now.cost = (weft_cost){.fw_ns = 10,
                                      .bw_ns = 20,
                                      .bwi_ns = 12,
                                      .bww_ns = 9,
                                      .recompute_ns = 3,
                                      .saved_bytes = 100,
                                      .held_bytes = 120};
        stage->now.memory = weft_i_new(arena, weft_memory_run, 2);
        stage->now.n_memory = 2;
        stage->now.memory[0] = (weft_memory_run){"none", 4};
        stage->now.memory[1] = (weft_memory_run){"full", 2};
    }
    problem->stages[3].n_candidates = 2;
    problem->stages[3].candidates = weft_i_new(arena, weft_candidate, 2);
    problem->stages[3].candidates[0] = problem->stages[3].now;
    problem->stages[3].candidates[1] = problem->stages[3].now;
    problem->stages[3].candidates[1].cost.fw_ns = 11;
    for (int32_t e = 0; e < 3; e++)
        problem->edges[e] = (weft_edge){.from = e, .to = e + 1, .transfer_ns = 5, .bytes = 7};
    problem->edges[3] = (weft_edge){.pass = WEFT_PASS_BW, .from = 3, .to = 2, .transfer_ns = 5};
    return problem;
}

/* Break the problem by one assignment, expect the error, and start anew. */
#define EXPECT_BAD(assignment, expected_path, expected_text)                                       \
    do {                                                                                           \
        weft_problem *p = small_problem();                                                         \
        weft_error error = {0};                                                                    \
        assignment;                                                                                \
        cr_expect_eq(weft_problem_check(p, &error), WEFT_STATUS_BAD_INPUT);                        \
        cr_expect_eq(error.status, WEFT_STATUS_BAD_INPUT);                                         \
        cr_expect_str_eq(error.path, expected_path);                                               \
        cr_expect_str_eq(error.text, expected_text);                                               \
        weft_problem_free(p);                                                                      \
    } while (0)

Test(problem, the_small_one_is_good)
{
    weft_problem *problem = small_problem();
    weft_error error = {0};
    cr_expect_eq(weft_problem_check(problem, &error), WEFT_STATUS_OK, "%s: %s", error.path,
                 error.text);
    problem->n_stages = problem->n_edges = 0;
    cr_expect_eq(weft_problem_check(problem, &error), WEFT_STATUS_OK, "no stages");
    weft_problem_free(problem);
}

#define RANGE(value) "expected an integer from 0 to 9007199254740991, found " value

Test(problem, counts_and_ranks)
{
    EXPECT_BAD(p->n_ranks = 0, "$", "expected 1 to 2147483646 ranks, found 0");
    EXPECT_BAD(p->n_chunks = -1, "$", "expected 0 to 2147483646 chunks, found -1");
    EXPECT_BAD(p->n_stages = 536870912, "$", "expected 0 to 536870911 stages, found 536870912");
    EXPECT_BAD(p->n_edges = -1, "$", "expected 0 to 2147483646 edges, found -1");
    EXPECT_BAD(p->n_submicrobatches = -5, "$",
               "expected 0 to 2147483646 sub-microbatches, found -5");
    EXPECT_BAD(p->post_ns = -1, "$.post_ns", RANGE("-1"));
    EXPECT_BAD(p->static_bytes[1] = -1, "$.static_bytes[1]", RANGE("-1"));
    EXPECT_BAD(p->limit_bytes[1] = WEFT_INT_MAX + 1, "$.limit_bytes[1]", RANGE("9007199254740992"));
}

Test(problem, chunks)
{
    EXPECT_BAD(p->chunks[1].module = "", "$.chunks[1].module", "expected a name, found none");
    EXPECT_BAD(p->chunks[1].module = NULL, "$.chunks[1].module", "expected a name, found none");
    EXPECT_BAD(p->chunks[1].rank = 2, "$.chunks[1].rank",
               "expected an integer from 0 to 1, found 2");
    EXPECT_BAD(p->chunks[1].rank = -1, "$.chunks[1].rank",
               "expected an integer from 0 to 1, found -1");
    EXPECT_BAD(p->chunks[1].segment = -1, "$.chunks[1].segment",
               "expected an integer from 0 to 2147483647, found -1");
    EXPECT_BAD(p->chunks[1].layers = -1, "$.chunks[1].layers",
               "expected an integer from 0 to 2147483647, found -1");
    EXPECT_BAD(p->chunks[1].first_layer = INT32_MAX, "$.chunks[1].layers",
               "expected an integer from 0 to 0, found 6");
    EXPECT_BAD(p->chunks[1].state_bytes = -1, "$.chunks[1].state_bytes", RANGE("-1"));
    EXPECT_BAD(p->chunks[1].reduce_bytes = -1, "$.chunks[1].reduce_bytes", RANGE("-1"));
    EXPECT_BAD(p->chunks[1].reduce_ns = -1, "$.chunks[1].reduce_ns", RANGE("-1"));
    EXPECT_BAD(p->chunks[3].rank = 0, "$.chunks[3]",
               "module 'language', segment 0 on rank 0: already held by chunk 2");
}

Test(problem, submicrobatches)
{
    EXPECT_BAD(p->submicrobatches[0].module = "", "$.submicrobatches[0].module",
               "expected a name, found none");
    EXPECT_BAD(p->submicrobatches[0].microbatches[0] = -2, "$.submicrobatches[0].microbatches",
               "expected microbatches of at least 0, found -2");
    EXPECT_BAD(p->submicrobatches[0].index = -2, "$.submicrobatches[0].index",
               "expected an integer from 0 to 2147483647, found -2");
    EXPECT_BAD(p->submicrobatches[1].tokens = -2, "$.submicrobatches[1].tokens", RANGE("-2"));
    EXPECT_BAD(p->submicrobatches[1].n_items = -2, "$.submicrobatches[1].items",
               "expected an integer from 0 to 2147483647, found -2");
    EXPECT_BAD(p->submicrobatches[1].items[0].sample = -2, "$.submicrobatches[1].items[0].sample",
               "expected an integer from 0 to 2147483647, found -2");
    EXPECT_BAD(p->submicrobatches[1].items[0].grid[2] = -2, "$.submicrobatches[1].items[0].grid[2]",
               "expected an integer from 0 to 2147483647, found -2");
    EXPECT_BAD(p->submicrobatches[1].items[0].tokens = -2, "$.submicrobatches[1].items[0].tokens",
               RANGE("-2"));
    EXPECT_BAD(p->submicrobatches[1].items[0].kind = (weft_item_kind)5,
               "$.submicrobatches[1].items[0].kind", "expected an integer from 0 to 4, found 5");
}

Test(problem, stages)
{
    EXPECT_BAD(p->stages[2].chunk = 4, "$.stages[2].chunk",
               "expected an integer from 0 to 3, found 4");
    EXPECT_BAD(p->stages[2].submicrobatch = -1, "$.stages[2].submicrobatch",
               "expected an integer from 0 to 1, found -1");
    EXPECT_BAD(p->n_submicrobatches = 0, "$.stages[0].submicrobatch",
               "expected none, as there is nothing to refer to, found 0");
    EXPECT_BAD(p->stages[2].backward = (weft_backward)3, "$.stages[2].backward",
               "expected an integer from 0 to 2, found 3");
    EXPECT_BAD(p->stages[2].submicrobatch = 0, "$.stages[2]",
               "chunk 2 is of module 'language', sub-microbatch 0 of 'vision'");
    EXPECT_BAD(p->stages[3].chunk = 2, "$.stages[3]",
               "chunk 2 already runs on sub-microbatch 1 as stage 2");
    EXPECT_BAD(p->stages[1].chunk = 0, "$.stages[1]",
               "chunk 0 already runs on sub-microbatch 0 as stage 0");
    EXPECT_BAD(p->stages[2].ready_ns = -1, "$.stages[2].ready_ns", RANGE("-1"));
    EXPECT_BAD(p->stages[2].label = -2, "$.stages[2].label",
               "expected an integer from 0 to 2147483647, found -2");
    EXPECT_BAD(p->stages[2].now.memory[1].layers = 3, "$.stages[2].memory",
               "expected no layers or the chunk's 6, found 7");
    EXPECT_BAD(p->stages[2].now.memory[1].strategy = "", "$.stages[2].memory",
               "expected a name and at least 0 layers in run 1, found '' and 2");
}

Test(problem, costs)
{
    EXPECT_BAD(p->stages[0].now.cost.fw_ns = -1, "$.stages[0].fw_ns", RANGE("-1"));
    EXPECT_BAD(p->stages[2].now.cost.bwi_ns = -1, "$.stages[2].bwi_ns", RANGE("-1"));
    EXPECT_BAD(p->stages[2].now.cost.recompute_ns = 13, "$.stages[2].recompute_ns",
               "expected an integer from 0 to 12, found 13");
    EXPECT_BAD(p->stages[2].now.cost.bw_ns = 2, "$.stages[2].recompute_ns",
               "expected an integer from 0 to 2, found 3");
    EXPECT_BAD(p->stages[2].now.cost.saved_bytes = -1, "$.stages[2].saved_bytes", RANGE("-1"));
    EXPECT_BAD(p->stages[2].now.cost.held_bytes = -1, "$.stages[2].held_bytes", RANGE("-1"));
    EXPECT_BAD(p->stages[2].now.cost.work_bytes[2] = -1, "$.stages[2].work_bytes.bwi", RANGE("-1"));
    EXPECT_BAD(p->stages[0].now.cost.bw_ns = 1, "$.stages[0].bw_ns",
               "expected an integer from 0 to 0, found 1");
    EXPECT_BAD(p->stages[0].now.cost.bww_ns = 1, "$.stages[0].bww_ns",
               "expected an integer from 0 to 0, found 1");
    EXPECT_BAD(p->stages[0].now.cost.saved_bytes = 1, "$.stages[0].saved_bytes",
               "expected an integer from 0 to 0, found 1");
    EXPECT_BAD(p->stages[0].now.cost.held_bytes = 1, "$.stages[0].held_bytes",
               "expected an integer from 0 to 0, found 1");
    EXPECT_BAD(p->stages[2].backward = WEFT_BACKWARD_INPUT, "$.stages[2].bwi_ns",
               "expected an integer from 0 to 0, found 12");
    EXPECT_BAD(p->stages[3].candidates[1].cost.bw_ns = -9, "$.stages[3].candidates[1].bw_ns",
               RANGE("-9"));
    EXPECT_BAD(p->stages[3].candidates[1].cost.recompute_ns =
                   p->stages[3].candidates[1].cost.bwi_ns = p->stages[3].candidates[1].cost.bww_ns =
                       0,
               "$.stages[3].candidates[1]",
               "expected bwi_ns and bww_ns to be given as in the stage itself");
}

Test(problem, edges)
{
    EXPECT_BAD(p->edges[1].pass = WEFT_PASS_BWI, "$.edges[1].pass",
               "expected an integer from 0 to 1, found 2");
    EXPECT_BAD(p->edges[1].kind = (weft_edge_kind)4, "$.edges[1].kind",
               "expected an integer from 0 to 3, found 4");
    EXPECT_BAD(p->edges[1].from = -1, "$.edges[1].from",
               "expected an integer from 0 to 3, found -1");
    EXPECT_BAD(p->edges[1].to = 4, "$.edges[1].to", "expected an integer from 0 to 3, found 4");
    EXPECT_BAD(p->edges[1].to = 1, "$.edges[1]", "stage 1 depends on itself");
    EXPECT_BAD(p->edges[1].bytes = -1, "$.edges[1].bytes", RANGE("-1"));
    EXPECT_BAD(p->edges[1].transfer_ns = -1, "$.edges[1].transfer_ns", RANGE("-1"));
    EXPECT_BAD(p->edges[1].to = 3, "$.edges[1].transfer_ns",
               "expected 0 as both stages are on rank 1, found 5");
    EXPECT_BAD(p->edges[3].to = 0, "$.edges[3].to", "stage 0 has no backward");
    EXPECT_BAD(p->edges[3].from = 1, "$.edges[3].from", "stage 1 has no backward");
    EXPECT_BAD(p->edges[0] = ((weft_edge){.from = 2, .to = 1}), "$.edges[1]",
               "the forwards of stages 1 and 2 wait for each other in a cycle");
    EXPECT_BAD(p->edges[0] = ((weft_edge){.pass = WEFT_PASS_BW, .from = 2, .to = 3}), "$.edges[0]",
               "the backwards of stages 2 and 3 wait for each other in a cycle");
}

/* The cycle named is one, not what comes after it. */
Test(problem, a_cycle_with_stages_behind_it)
{
    weft_problem *problem = small_problem();
    weft_error error = {0};
    problem->edges[0] = (weft_edge){.from = 3, .to = 0};
    problem->edges[1] = (weft_edge){.from = 3, .to = 1};
    problem->edges[3] = (weft_edge){.from = 3, .to = 2};
    cr_expect_eq(weft_problem_check(problem, &error), WEFT_STATUS_BAD_INPUT);
    cr_expect_str_eq(error.path, "$.edges[3]");
    weft_problem_free(problem);
}

#define TOO_MUCH(what) what " up to here add up to more than 9007199254740991"

Test(problem, sums)
{
    const int64_t half = WEFT_INT_MAX / 2 + 1;
    EXPECT_BAD(p->stages[0].now.cost.fw_ns = p->stages[2].now.cost.fw_ns = half, "$.stages[2]",
               TOO_MUCH("times"));
    EXPECT_BAD(p->stages[3].candidates[1].cost.bwi_ns = p->stages[3].candidates[1].cost.bww_ns =
                   half,
               "$.stages[3]", TOO_MUCH("times"));
    EXPECT_BAD(p->edges[0].transfer_ns = p->edges[1].transfer_ns = half, "$.edges[1]",
               TOO_MUCH("times"));
    EXPECT_BAD(p->post_ns = WEFT_INT_MAX / 5, "$.edges[2]", TOO_MUCH("times"));
    EXPECT_BAD(p->chunks[0].reduce_ns = p->chunks[1].reduce_ns = half, "$.chunks[1]",
               TOO_MUCH("times"));
    EXPECT_BAD(p->stages[2].n_candidates = -1, "$.stages[2].candidates",
               "expected an integer from 0 to 2147483647, found -1");
    EXPECT_BAD(p->stages[0].ready_ns = WEFT_INT_MAX, "$.stages[0]", TOO_MUCH("times"));
    EXPECT_BAD(p->static_bytes[0] = p->chunks[2].state_bytes = half, "$.static_bytes[0]",
               TOO_MUCH("bytes of this rank"));
    EXPECT_BAD(p->static_bytes[1] = p->stages[3].candidates[0].cost.held_bytes = half,
               "$.stages[3]", TOO_MUCH("bytes of its rank"));
    EXPECT_BAD(p->static_bytes[1] = p->edges[0].bytes = half, "$.edges[0]",
               TOO_MUCH("bytes of one of its ranks"));
    weft_problem *problem = small_problem();
    problem->static_bytes[0] = half - 1000;
    problem->stages[1].now.cost.work_bytes[0] = half - 1000;
    cr_expect_eq(weft_problem_check(problem, NULL), WEFT_STATUS_OK, "of another rank");
    weft_problem_free(problem);
}

Test(problem, out_of_memory)
{
    weft_problem *problem = small_problem();
    weft_status status = WEFT_STATUS_NO_MEMORY;
    long n_failed = 0;
    while (status == WEFT_STATUS_NO_MEMORY) {
        weft_i_alloc_fail_after(n_failed + 1);
        status = weft_problem_check(problem, NULL);
        if (status == WEFT_STATUS_NO_MEMORY) n_failed++;
    }
    weft_i_alloc_fail_after(0);
    cr_expect_eq(status, WEFT_STATUS_OK);
    cr_expect_gt(n_failed, 0);
    weft_problem_free(problem);
}

Test(problem, decided_copies)
{
    weft_problem *problem = small_problem();
    weft_i_arena arena = {0};
    weft_problem copy;
    weft_chunk *chunks = weft_i_chunks_copy(problem->chunks, 4, &arena);
    int32_t choices[] = {-1, -1, -1, 1};
    weft_error error = {0};
    problem->submicrobatches[1].items[0].sample = 5;
    cr_assert_eq(weft_i_problem_decide(problem, choices, chunks, &arena, &error, &copy),
                 WEFT_STATUS_OK);
    weft_problem_free(problem); /* what is left is the copy's own */
    cr_expect_eq(weft_problem_check(&copy, NULL), WEFT_STATUS_OK);
    cr_expect_eq(copy.chunks, chunks);
    cr_expect_str_eq(chunks[2].module, "language");
    cr_expect_eq(copy.stages[3].now.cost.fw_ns, 11);
    cr_expect_eq(copy.stages[3].n_candidates, 0);
    cr_expect_eq(copy.stages[2].now.cost.fw_ns, 10);
    cr_expect_str_eq(copy.stages[3].now.memory[1].strategy, "full");
    cr_expect_str_eq(copy.submicrobatches[1].module, "language");
    cr_expect_eq(copy.submicrobatches[1].items[0].sample, 5);
    cr_expect_eq(copy.edges[3].pass, WEFT_PASS_BW);
    weft_problem_free(&copy); /* not its own: nothing happens */
    weft_i_arena_free(&arena);
}

Test(problem, choices_that_are_none)
{
    weft_problem *problem = small_problem();
    weft_i_arena arena = {0};
    weft_problem copy;
    for (int32_t choice = -2; choice <= 2; choice += 4) {
        const int32_t choices[] = {-1, -1, -1, choice};
        weft_error error = {0};
        cr_expect_eq(weft_i_problem_decide(problem, choices, NULL, &arena, &error, &copy),
                     WEFT_STATUS_USAGE);
        cr_expect_str_eq(error.text, choice < 0 ? "choice -2 of stage 3 is not from -1 to 1"
                                                : "choice 2 of stage 3 is not from -1 to 1");
    }
    weft_i_arena_free(&arena);
    weft_problem_free(problem);
}
