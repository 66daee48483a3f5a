/* Level 1's groups: compared with their definition, stage by stage; keys and turns of sequences. */
#include <criterion/criterion.h>
#include <string.h>

#include "search/priorities.h"
#include "tests/unit/problems.h"
#include "weft/order.h"

static const random_options shapes = {.max_ranks = 3,
                                      .max_microbatches = 5,
                                      .max_modules = 3,
                                      .max_segments = 2,
                                      .max_time_ns = 9,
                                      .max_bytes = 9};

typedef struct bench {
    weft_i_arena arena;
    weft_problem *problem;
    weft_i_graph graph;
    weft_i_flow flow;
    weft_i_groups groups;
} bench;

static void open_bench(bench *b, weft_i_rng *rng)
{
    *b = (bench){.problem = NULL};
    b->problem = random_problem(&b->arena, rng, &shapes);
    if (random_chance(rng, 50))
        for (int32_t s = 0; s < b->problem->n_stages; s++)
            b->problem->stages[s].label =
                (int32_t)random_in(rng, -9, 3) < 0 ? -1 : (int32_t)random_in(rng, 0, 3);
    cr_assert_eq(weft_i_graph_build(b->problem, &b->arena, NULL, &b->graph), WEFT_STATUS_OK);
    cr_assert_eq(weft_i_flow_build(&b->graph, &b->arena, NULL, &b->flow), WEFT_STATUS_OK);
    cr_assert_eq(weft_i_groups_build(&b->graph, &b->flow, &b->arena, NULL, &b->groups),
                 WEFT_STATUS_OK);
}

static void close_bench(bench *b)
{
    random_free(b->problem);
    weft_i_arena_free(&b->arena);
}

static bool belong_together(const weft_problem *problem, int32_t a, int32_t b)
{
    const weft_stage *x = &problem->stages[a], *y = &problem->stages[b];
    const weft_submicrobatch *p = &problem->submicrobatches[x->submicrobatch];
    const weft_submicrobatch *q = &problem->submicrobatches[y->submicrobatch];
    return (x->label >= 0 && x->label == y->label) ||
           (p->microbatches[0] == q->microbatches[0] && strcmp(p->module, q->module) == 0);
}

/* Groups by spreading numbers until nothing changes. */
static void spread(const weft_problem *problem, int32_t *number)
{
    for (int32_t s = 0; s < problem->n_stages; s++)
        number[s] = s;
    for (bool changed = true; changed;) {
        changed = false;
        for (int32_t a = 0; a < problem->n_stages; a++)
            for (int32_t b = 0; b < problem->n_stages; b++)
                if (number[b] > number[a] && belong_together(problem, a, b)) {
                    number[b] = number[a];
                    changed = true;
                }
    }
}

Test(priorities, groups_are_as_defined)
{
    for (uint64_t seed = 1; seed <= 200; seed++) {
        bench b;
        weft_i_rng rng;
        weft_i_rng_seed(&rng, seed);
        open_bench(&b, &rng);
        int32_t n = b.problem->n_stages, *number = weft_i_new(&b.arena, int32_t, n);
        spread(b.problem, number);
        for (int32_t s = 0; s < n; s++) {
            cr_assert(b.groups.of_stage[s] >= 0 && b.groups.of_stage[s] < b.groups.n);
            for (int32_t t = 0; t < n; t++)
                cr_assert_eq(b.groups.of_stage[s] == b.groups.of_stage[t], number[s] == number[t],
                             "seed %llu: stages %d and %d", (unsigned long long)seed, s, t);
        }
        close_bench(&b);
    }
}

/* The first forward of a group: its microbatch and place. */
static int64_t first_of(const bench *b, int32_t group)
{
    int64_t first = INT64_MAX;
    for (int32_t s = 0; s < b->problem->n_stages; s++) {
        int64_t at = (int64_t)b->flow.fw_microbatch[s] * b->problem->n_stages + b->flow.fw_place[s];
        if (b->groups.of_stage[s] == group && at < first) first = at;
    }
    return first;
}

Test(priorities, are_numbered_in_data_order)
{
    for (uint64_t seed = 1; seed <= 100; seed++) {
        bench b;
        weft_i_rng rng;
        weft_i_rng_seed(&rng, seed);
        open_bench(&b, &rng);
        for (int32_t g = 0; g + 1 < b.groups.n; g++)
            cr_assert_lt(first_of(&b, g), first_of(&b, g + 1), "seed %llu",
                         (unsigned long long)seed);
        close_bench(&b);
    }
}

static int32_t last_place(const bench *b, int32_t microbatch, const int32_t *place)
{
    int32_t last = 0;
    for (int32_t s = 0; s < b->problem->n_stages; s++) {
        int32_t sub = b->problem->stages[s].submicrobatch;
        for (int32_t i = b->flow.first_of_sub[sub]; i < b->flow.first_of_sub[sub + 1]; i++)
            if (b->flow.of_sub[i] == microbatch && place[b->groups.of_stage[s]] > last)
                last = place[b->groups.of_stage[s]];
    }
    return last;
}

static void expect_turns(const bench *b, const int32_t *place, const int32_t *turn)
{
    int32_t n = b->flow.n_microbatches;
    for (int32_t m = 0; m < n; m++) {
        cr_assert(turn[m] >= 0 && turn[m] < n);
        for (int32_t k = m + 1; k < n; k++) {
            int32_t first = last_place(b, m, place), second = last_place(b, k, place);
            cr_assert_eq(turn[m] < turn[k], first <= second);
        }
    }
}

static void expect_keys(const bench *b, const int32_t *place, const int64_t *key)
{
    for (int32_t s = 0; s < b->problem->n_stages; s++)
        for (int32_t t = 0; t < b->problem->n_stages; t++) {
            int32_t first = place[b->groups.of_stage[s]], second = place[b->groups.of_stage[t]];
            bool fw = first != second ? first < second : b->flow.fw_place[s] < b->flow.fw_place[t];
            bool bw = first != second ? first < second : b->flow.bw_place[s] < b->flow.bw_place[t];
            cr_assert_eq(
                key[weft_task_make(s, WEFT_PASS_FW)] < key[weft_task_make(t, WEFT_PASS_FW)], fw);
            cr_assert_eq(
                key[weft_task_make(s, WEFT_PASS_BW)] < key[weft_task_make(t, WEFT_PASS_BW)], bw);
        }
}

Test(priorities, sequences_become_turns_and_keys)
{
    for (uint64_t seed = 1; seed <= 60; seed++) {
        bench b;
        weft_i_rng rng;
        weft_i_rng_seed(&rng, seed);
        open_bench(&b, &rng);
        int32_t n = b.groups.n, n_microbatches = b.flow.n_microbatches;
        int32_t *place = weft_i_new(&b.arena, int32_t, n);
        int32_t *last = weft_i_new(&b.arena, int32_t, n_microbatches);
        int32_t *turn = weft_i_new(&b.arena, int32_t, n_microbatches);
        int32_t *count = weft_i_new(&b.arena, int32_t, (size_t)n + 1);
        int64_t *key = weft_i_new(&b.arena, int64_t, 4 * (size_t)b.problem->n_stages);
        for (int32_t g = 0; g < n; g++)
            place[g] = g;
        for (int32_t g = n - 1; g > 0; g--) {
            int32_t k = (int32_t)random_in(&rng, 0, g), kept = place[g];
            place[g] = place[k];
            place[k] = kept;
        }
        weft_i_groups_turns(&b.groups, &b.graph, &b.flow, place, last, count, turn);
        weft_i_groups_keys(&b.groups, &b.flow, b.problem->n_stages, place, key);
        expect_turns(&b, place, turn);
        expect_keys(&b, place, key);
        close_bench(&b);
    }
}
