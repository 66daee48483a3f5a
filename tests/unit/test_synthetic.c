/* tests/unit/test_synthetic.c - uniform problems from one line of text. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "base/arena.h"
#include "plan/problem_own.h"
#include "plan/synthetic.h"
#include "weft/problem.h"

static const int64_t activation = INT64_C(1) << 30;

static weft_problem *build(const char *text)
{
    weft_problem *problem = NULL;
    weft_error error = {0};
    cr_assert_eq(weft_problem_synthetic(text, &error, &problem), WEFT_STATUS_OK, "%s", error.text);
    return problem;
}

Test(synthetic, the_line_of_the_documents)
{
    weft_problem *problem = build("pp=8 microbatches=24 fw=18522 bw=27423 bww=9337 transfer=601 "
                                  "limit=8");
    cr_expect_eq(problem->n_ranks, 8);
    cr_expect_eq(problem->n_chunks, 8);
    cr_expect_eq(problem->n_submicrobatches, 24);
    cr_expect_eq(problem->n_stages, 192);
    cr_expect_eq(problem->n_edges, 24 * 7 * 2);
    cr_expect_eq(problem->post_ns, 0);
    const weft_stage *stage = &problem->stages[8 * 5 + 3];
    cr_expect_eq(problem->chunks[stage->chunk].rank, 3);
    cr_expect_eq(stage->submicrobatch, 5);
    cr_expect_eq(stage->label, 5);
    cr_expect_eq(problem->submicrobatches[5].microbatches[0], 5);
    cr_expect_eq(stage->backward, WEFT_BACKWARD_FULL);
    cr_expect_eq(stage->n_candidates, 0);
    const weft_cost *cost = &stage->now.cost;
    cr_expect_eq(cost->fw_ns, 18522000);
    cr_expect_eq(cost->bw_ns, 27423000);
    cr_expect_eq(cost->bwi_ns, 18086000);
    cr_expect_eq(cost->bww_ns, 9337000);
    cr_expect_eq(cost->recompute_ns, 0);
    cr_expect_eq(cost->saved_bytes, activation);
    cr_expect_eq(cost->held_bytes, activation);
    for (int32_t e = 0; e < problem->n_edges; e++) {
        cr_assert_eq(problem->edges[e].transfer_ns, 601000);
        cr_assert_eq(problem->edges[e].bytes, 0);
    }
    for (int32_t r = 0; r < 8; r++) {
        cr_assert_eq(problem->limit_bytes[r], 8 * activation);
        cr_assert_eq(problem->static_bytes[r], 0);
    }
    weft_problem_free(problem);
}

/* The chain of microbatch 1 as ranks, forward and back, joined by "-" for a message. */
static const char *chain(const weft_problem *problem, int32_t n_ranks)
{
    static char text[256];
    size_t n = 0;
    int32_t n_a_microbatch = problem->n_chunks, stage = n_a_microbatch;
    n += (size_t)snprintf(text, sizeof(text), "%d",
                          (int)problem->chunks[problem->stages[stage].chunk].rank);
    for (weft_pass pass = WEFT_PASS_FW; pass <= WEFT_PASS_BW; pass++) {
        for (int32_t e = 0; e < problem->n_edges; e++) {
            const weft_edge *edge = &problem->edges[e];
            if (edge->pass != pass || edge->from != stage) continue;
            stage = edge->to;
            cr_assert_eq(problem->stages[stage].submicrobatch, 1);
            cr_assert_lt(n, sizeof(text) - 8);
            n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%d",
                                  edge->transfer_ns == 7000 ? "-" : " ",
                                  (int)problem->chunks[problem->stages[stage].chunk].rank);
            e = -1;
        }
    }
    cr_assert_eq(problem->n_ranks, n_ranks);
    return text;
}

Test(synthetic, cuts)
{
    weft_problem *problem = build("pp=3 microbatches=2 fw=1 bw=2 transfer=7");
    cr_expect_str_eq(chain(problem, 3), "0-1-2-1-0");
    weft_problem_free(problem);
    problem = build("pp=3 microbatches=2 fw=1 bw=2 transfer=7 segments=2");
    cr_expect_str_eq(chain(problem, 3), "0-1-2-0-1-2-1-0-2-1-0");
    weft_problem_free(problem);
    problem = build("v=1 pp=3 microbatches=2 fw=1 bw=2 transfer=7");
    cr_expect_str_eq(chain(problem, 3), "0-1-2 2-1-0-1-2 2-1-0");
    cr_expect_eq(problem->chunks[3].segment, 1);
    cr_expect_eq(problem->chunks[3].first_layer, 3);
    weft_problem_free(problem);
    problem = build("v=1 segments=3 pp=2 microbatches=2 fw=3 bw=6 transfer=7");
    cr_expect_str_eq(chain(problem, 2), "0-1 1-0 0-1-0 0-1 1-0");
    weft_problem_free(problem);
    problem = build("v=0 segments=3 pp=1 microbatches=2 fw=1 bw=2 transfer=7");
    cr_expect_str_eq(chain(problem, 1), "0 0 0 0 0");
    weft_problem_free(problem);
}

/* Sums over the segments are exact, and every part is at least 0. */
Test(synthetic, remainders_go_to_the_last_segment)
{
    weft_problem *problem =
        build("pp=1 microbatches=1 fw=0.011 bw=0.006 bww=0.005 segments=3 held=0.5 limit=2.5");
    const weft_stage *stages = problem->stages;
    cr_expect_eq(stages[0].now.cost.fw_ns, 3);
    cr_expect_eq(stages[1].now.cost.fw_ns, 3);
    cr_expect_eq(stages[2].now.cost.fw_ns, 5);
    weft_cost sum = {0};
    for (int s = 0; s < 3; s++) {
        const weft_cost *cost = &stages[s].now.cost;
        cr_expect_geq(cost->bwi_ns, 0);
        cr_expect_eq(cost->bw_ns, cost->bwi_ns + cost->bww_ns);
        cr_expect_eq(cost->held_bytes, (cost->saved_bytes + 1) / 2);
        sum.bw_ns += cost->bw_ns;
        sum.bww_ns += cost->bww_ns;
        sum.saved_bytes += cost->saved_bytes;
    }
    cr_expect_eq(sum.bw_ns, 6);
    cr_expect_eq(sum.bww_ns, 5);
    cr_expect_eq(sum.saved_bytes, activation);
    cr_expect_eq(stages[0].now.cost.saved_bytes, activation / 3);
    cr_expect_eq(problem->limit_bytes[0], 5 * activation / 2);
    weft_problem_free(problem);
}

Test(synthetic, without_bww_there_is_no_split)
{
    weft_problem *problem = build("pp=2 microbatches=1 fw=1 bw=2.0004 held=0.5");
    const weft_cost *cost = &problem->stages[1].now.cost;
    cr_expect_eq(cost->bw_ns, 2000);
    cr_expect_not(weft_cost_can_split(cost));
    cr_expect_eq(cost->held_bytes, 0);
    cr_expect_eq(problem->limit_bytes[1], WEFT_INT_MAX);
    weft_problem_free(problem);
}

Test(synthetic, varied_microbatches)
{
    const char *text = "pp=3 microbatches=200 fw=1000 bw=2000 bww=500 vary=0.5 seed=3";
    weft_problem *problem = build(text), *again = build(text);
    weft_problem *other = build("pp=3 microbatches=200 fw=1000 bw=2000 bww=500 vary=0.5 seed=4");
    int64_t sum_ns = 0, least_ns = INT64_MAX, most_ns = 0;
    int n_alike = 0;
    for (int32_t s = 0; s < problem->n_stages; s++) {
        const weft_cost *cost = &problem->stages[s].now.cost;
        const weft_cost *first = &problem->stages[s / 3 * 3].now.cost;
        cr_assert_eq(cost->fw_ns, first->fw_ns, "the same factor on all ranks");
        cr_assert_eq(cost->saved_bytes, activation);
        cr_assert(llabs(cost->bw_ns - 2 * cost->fw_ns) <= 1, "one factor for all passes");
        cr_assert(llabs(cost->bww_ns - cost->fw_ns / 2) <= 1);
        cr_assert_eq(cost->fw_ns, again->stages[s].now.cost.fw_ns);
        n_alike += cost->fw_ns == other->stages[s].now.cost.fw_ns;
        sum_ns += cost->fw_ns;
        if (cost->fw_ns < least_ns) least_ns = cost->fw_ns;
        if (cost->fw_ns > most_ns) most_ns = cost->fw_ns;
    }
    cr_expect(least_ns >= 500000 && least_ns < 520000, "%ld", (long)least_ns);
    cr_expect(most_ns <= 1500000 && most_ns > 1480000, "%ld", (long)most_ns);
    cr_expect(llabs(sum_ns / problem->n_stages - 1000000) < 60000);
    cr_expect_lt(n_alike, 10);
    weft_problem_free(problem);
    weft_problem_free(again);
    weft_problem_free(other);
}

/* Without a seed it is 1. */
Test(synthetic, default_seed)
{
    weft_problem *one = build("pp=1 microbatches=4 fw=1000 bw=2000 vary=0.5 seed=1");
    weft_problem *none = build("pp=1 microbatches=4 fw=1000 bw=2000 vary=0.5");
    for (int32_t s = 0; s < 4; s++)
        cr_expect_eq(one->stages[s].now.cost.fw_ns, none->stages[s].now.cost.fw_ns);
    weft_problem_free(one);
    weft_problem_free(none);
}

Test(synthetic, slow_ranks)
{
    weft_problem *problem =
        build("stage_scale=1,0.5,0,3 pp=4 microbatches=1 fw=10 bw=20 bww=8 v=1 transfer=1");
    const int64_t fw_ns[] = {5000, 2500, 0, 15000, 15000, 0, 2500, 5000};
    for (int32_t s = 0; s < 8; s++) {
        cr_expect_eq(problem->stages[s].now.cost.fw_ns, fw_ns[s]);
        cr_expect_eq(problem->stages[s].now.cost.bww_ns, fw_ns[s] * 8 / 10);
        cr_expect_eq(problem->stages[s].now.cost.saved_bytes, activation / 2);
    }
    cr_expect_eq(problem->edges[0].transfer_ns, 1000);
    weft_problem_free(problem);
}

Test(synthetic, what_is_wrong_is_named)
{
    static const char *const cases[][2] = {
        {"", "synthetic: expected pp, microbatches, fw and bw, found no \'pp=\'"},
        {"pp=2 fw=1 bw=2",
         "synthetic: expected pp, microbatches, fw and bw, found no \'microbatches=\'"},
        {"pp=2 microbatches=3 fw=1",
         "synthetic: expected pp, microbatches, fw and bw, found no \'bw=\'"},
        {"pp=2 pp=2", "synthetic: expected each key once, found 'pp=2'"},
        {"pp", "synthetic: expected KEY=VALUE with one of pp, microbatches, fw, bw, bww, transfer, "
               "limit, held, segments, v, vary, seed, stage_scale, found 'pp'"},
        {"p=2", "synthetic: expected KEY=VALUE with one of pp, microbatches, fw, bw, bww, "
                "transfer, limit, held, segments, v, vary, seed, stage_scale, found 'p=2'"},
        {"=2", "synthetic: expected KEY=VALUE with one of pp, microbatches, fw, bw, bww, transfer, "
               "limit, held, segments, v, vary, seed, stage_scale, found '=2'"},
        {"pp=0", "synthetic: expected an integer from 1 to 4096, found 'pp=0'"},
        {"pp=4097", "synthetic: expected an integer from 1 to 4096, found 'pp=4097'"},
        {"pp=2.5", "synthetic: expected an integer from 1 to 4096, found 'pp=2.5'"},
        {"pp=2x", "synthetic: expected an integer from 1 to 4096, found 'pp=2x'"},
        {"pp=", "synthetic: expected an integer from 1 to 4096, found 'pp='"},
        {"microbatches=65537",
         "synthetic: expected an integer from 1 to 65536, found 'microbatches=65537'"},
        {"fw=-1", "synthetic: expected a number from 0 to 1000000000, found 'fw=-1'"},
        {"fw=nan", "synthetic: expected a number from 0 to 1000000000, found 'fw=nan'"},
        {"fw=1e300", "synthetic: expected a number from 0 to 1000000000, found 'fw=1e300'"},
        {"vary=1.01", "synthetic: expected a number from 0 to 1, found 'vary=1.01'"},
        {"held=2", "synthetic: expected a number from 0 to 1, found 'held=2'"},
        {"limit=inf", "synthetic: expected a number from 0 to 8000000, found 'limit=inf'"},
        {"v=2", "synthetic: expected an integer from 0 to 1, found 'v=2'"},
        {"segments=0", "synthetic: expected an integer from 1 to 1024, found 'segments=0'"},
        {"pp=2 microbatches=3 fw=1 bw=2 bww=2.1",
         "synthetic: expected no more than bw, which includes it, found 'bww=2.1'"},
        {"pp=2 microbatches=3 fw=1 bw=2 segments=1 v=1",
         "synthetic: expected at least 2 segments with v=1, or none, found 'segments=1'"},
        {"pp=2 microbatches=3 fw=1 bw=2 stage_scale=1",
         "synthetic: expected one factor for each of the pp ranks, found 'stage_scale=1'"},
        {"pp=2 microbatches=3 fw=1 bw=2 stage_scale=1,1,1",
         "synthetic: expected one factor for each of the pp ranks, found 'stage_scale=1,1,1'"},
        {"pp=2 microbatches=3 fw=1 bw=2 stage_scale=1,,",
         "synthetic: expected a number from 0 to 1000, found 'stage_scale=1,,'"},
        {"pp=2 microbatches=3 fw=1 bw=2 stage_scale=",
         "synthetic: expected a number from 0 to 1000, found 'stage_scale='"},
        {"pp=4096 microbatches=65536 fw=1 bw=2",
         "synthetic: pp times segments times microbatches is 268435456 stages, expected at most "
         "16000000"},
        {"pp=4 microbatches=4001 fw=1 bw=2 segments=1000",
         "synthetic: pp times segments times microbatches is 16004000 stages, expected at most "
         "16000000"},
        {"pp=2 microbatches=20000 fw=1e9 bw=1e9",
         "times up to here add up to more than 9007199254740991"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        weft_problem *problem = NULL;
        weft_error error = {0};
        cr_expect_eq(weft_problem_synthetic(cases[i][0], &error, &problem), WEFT_STATUS_BAD_INPUT,
                     "%s", cases[i][0]);
        cr_expect_str_eq(error.text, cases[i][1]);
        cr_expect_null(problem);
    }
}

Test(synthetic, blanks_do_not_matter)
{
    weft_problem *problem = build("  pp=2\tmicrobatches=3  fw=1 bw=2\n");
    cr_expect_eq(problem->n_stages, 6);
    weft_problem_free(problem);
}

/* What the planner does with a text that leaves the cut open. */
Test(synthetic, a_cut_can_be_chosen_later)
{
    weft_i_arena arena = {0};
    weft_i_synthetic text;
    weft_error error = {0};
    cr_assert_eq(
        weft_i_synthetic_parse("pp=2 microbatches=3 fw=1 bw=2 segments=1", &arena, &error, &text),
        WEFT_STATUS_OK);
    cr_expect(text.is_cut_given);
    cr_assert_eq(weft_i_synthetic_parse("pp=2 microbatches=3 fw=1 bw=2 v=0", &arena, &error, &text),
                 WEFT_STATUS_OK);
    cr_expect(text.is_cut_given);
    cr_assert_eq(weft_i_synthetic_parse("pp=2 microbatches=3 fw=1 bw=2", &arena, &error, &text),
                 WEFT_STATUS_OK);
    cr_expect_not(text.is_cut_given);
    text.segments = 2;
    text.is_v = true;
    weft_problem *problem = NULL;
    cr_assert_eq(weft_i_synthetic_build(&text, &error, &problem), WEFT_STATUS_OK);
    cr_expect_eq(problem->chunks[2].rank, 1);
    weft_problem_free(problem);
    weft_i_arena_free(&arena);
}

/* Each allocation fails once; the memory checker sees that nothing is lost. */
Test(synthetic, out_of_memory)
{
    weft_status status = WEFT_STATUS_NO_MEMORY;
    weft_problem *problem = NULL;
    long n_failed = 0;
    while (status == WEFT_STATUS_NO_MEMORY) {
        weft_i_alloc_fail_after(n_failed + 1);
        status =
            weft_problem_synthetic("pp=64 microbatches=100 fw=1 bw=2 segments=2", NULL, &problem);
        if (status == WEFT_STATUS_NO_MEMORY) n_failed++;
    }
    weft_i_alloc_fail_after(0);
    cr_expect_eq(status, WEFT_STATUS_OK);
    cr_expect_gt(n_failed, 4);
    weft_problem_free(problem);
    weft_problem_free(NULL);
}
