/* tests/unit/random_problem.h - small random problems of every kind, and random orders of them that
 * cannot deadlock. */
#ifndef WEFT_TESTS_UNIT_RANDOM_PROBLEM_H
#define WEFT_TESTS_UNIT_RANDOM_PROBLEM_H

#include <criterion/criterion.h>

#include "base/rng.h"
#include "plan/problem_own.h"
#include "weft/order.h"

static inline int32_t random_to(weft_i_rng *rng, int32_t max)
{
    return (int32_t)weft_i_rng_below(rng, (uint64_t)max + 1);
}

static const char *const random_modules[] = {"vision", "audio", "language"};

/* Room for what is drawn: arrays as long as they can get. */
enum {
    RANDOM_RANKS = 5,
    RANDOM_SEGMENTS = 2,
    RANDOM_MODULES = 3,
    RANDOM_MICROBATCHES = 4,
    RANDOM_SUBS = 2,
    RANDOM_CHUNKS = RANDOM_RANKS * RANDOM_SEGMENTS * RANDOM_MODULES,
    RANDOM_SUBMICROBATCHES = RANDOM_MODULES * RANDOM_MICROBATCHES * RANDOM_SUBS,
    RANDOM_STAGES = RANDOM_SUBMICROBATCHES * RANDOM_RANKS * RANDOM_SEGMENTS
};

static inline weft_cost random_cost(weft_i_rng *rng, weft_backward backward, bool can_split)
{
    weft_cost cost = {.fw_ns = random_to(rng, 20)};
    for (int pass = 0; pass < 4; pass++)
        cost.work_bytes[pass] = random_to(rng, 3);
    if (backward == WEFT_BACKWARD_NONE) return cost;
    cost.bw_ns = random_to(rng, 40);
    cost.saved_bytes = random_to(rng, 9);
    cost.held_bytes = random_to(rng, 9);
    if (can_split) {
        cost.bwi_ns = random_to(rng, 20);
        cost.bww_ns = 1 + random_to(rng, 20);
    }
    int64_t least = can_split && cost.bwi_ns < cost.bw_ns ? cost.bwi_ns : cost.bw_ns;
    cost.recompute_ns = random_to(rng, (int32_t)least);
    return cost;
}

static inline weft_candidate random_candidate(weft_i_rng *rng, const weft_stage *stage,
                                              int32_t layers, bool can_split, weft_i_arena *arena)
{
    weft_candidate candidate = {.cost = random_cost(rng, stage->backward, can_split)};
    candidate.n_memory = random_to(rng, 2);
    candidate.memory = weft_i_new(arena, weft_memory_run, candidate.n_memory);
    for (int32_t i = 0; i < candidate.n_memory; i++) {
        int32_t part = i + 1 < candidate.n_memory ? random_to(rng, layers) : layers;
        candidate.memory[i] = (weft_memory_run){i == 0 ? "none" : "full", part};
        layers -= part;
    }
    return candidate;
}

static inline void random_chunks(weft_i_rng *rng, weft_problem *problem)
{
    for (int m = 0; m < RANDOM_MODULES; m++) {
        int32_t first_layer = 0;
        for (int segment = random_to(rng, 1); segment < RANDOM_SEGMENTS; segment++) {
            for (int32_t r = 0; r < problem->n_ranks; r++) {
                if (random_to(rng, 5) == 0) continue; /* a segment may leave ranks out */
                int32_t layers = random_to(rng, 4);
                problem->chunks[problem->n_chunks++] =
                    (weft_chunk){.module = random_modules[m],
                                 .segment = segment,
                                 .rank = m == 1 ? problem->n_ranks - 1 - r : r,
                                 .first_layer = first_layer,
                                 .layers = layers,
                                 .state_bytes = random_to(rng, 50),
                                 .reduce_bytes = random_to(rng, 50),
                                 .reduce_ns = random_to(rng, 5),
                                 .share_ns = random_to(rng, 9) == 0 ? 1 + random_to(rng, 5) : 0};
                first_layer += layers;
            }
        }
    }
}

static inline void random_items(weft_i_rng *rng, weft_i_arena *arena, weft_submicrobatch *sub)
{
    sub->n_items = random_to(rng, 2);
    sub->items = weft_i_new(arena, weft_item, sub->n_items);
    for (int32_t i = 0; i < sub->n_items; i++) {
        sub->items[i] = (weft_item){.sample = random_to(rng, 99),
                                    .kind = (weft_item_kind)random_to(rng, WEFT_ITEM_CAPTION),
                                    .index = random_to(rng, 9),
                                    .grid = {1, random_to(rng, 9), random_to(rng, 9)},
                                    .tokens = random_to(rng, 999)};
    }
}

static inline void random_edge(weft_i_rng *rng, weft_pass pass, int32_t from, int32_t to,
                               weft_problem *problem)
{
    const weft_stage *a = &problem->stages[from], *b = &problem->stages[to];
    bool is_message = problem->chunks[a->chunk].rank != problem->chunks[b->chunk].rank;
    if (pass == WEFT_PASS_BW &&
        (a->backward == WEFT_BACKWARD_NONE || b->backward == WEFT_BACKWARD_NONE)) {
        return;
    }
    problem->edges[problem->n_edges++] =
        (weft_edge){.pass = pass,
                    .kind = (weft_edge_kind)random_to(rng, WEFT_EDGE_SKIP),
                    .from = from,
                    .to = to,
                    .bytes = random_to(rng, 5),
                    .transfer_ns = is_message ? random_to(rng, 10) : 0};
}

/* The stages of one sub-microbatch in a chain, and an edge into it from some earlier stage. */
static inline void random_chain(weft_i_rng *rng, int32_t sub, const weft_backward *backward,
                                const bool *can_split, weft_i_arena *arena, weft_problem *problem)
{
    int32_t first = problem->n_stages;
    for (int32_t c = 0; c < problem->n_chunks; c++) {
        if (problem->chunks[c].module != problem->submicrobatches[sub].module) continue;
        int m = 0;
        while (random_modules[m] != problem->chunks[c].module)
            m++;
        weft_stage *stage = &problem->stages[problem->n_stages];
        *stage = (weft_stage){.chunk = c,
                              .submicrobatch = sub,
                              .backward = backward[m],
                              .label = random_to(rng, 4) - 1,
                              .ready_ns = random_to(rng, 3) == 0 ? random_to(rng, 50) : 0,
                              .n_candidates = random_to(rng, 2)};
        int32_t layers = problem->chunks[c].layers;
        stage->now = random_candidate(rng, stage, layers, can_split[m], arena);
        stage->candidates = weft_i_new(arena, weft_candidate, stage->n_candidates);
        for (int32_t k = 0; k < stage->n_candidates; k++)
            stage->candidates[k] = random_candidate(rng, stage, layers, can_split[m], arena);
        if (stage->n_candidates > 0) stage->now = stage->candidates[0];
        int32_t s = problem->n_stages++;
        int32_t from = s > first ? s - 1 : s > 0 ? random_to(rng, s - 1) : -1;
        if (from < 0) continue;
        random_edge(rng, WEFT_PASS_FW, from, s, problem);
        random_edge(rng, WEFT_PASS_BW, s, from, problem);
        if (random_to(rng, 3) == 0) {
            random_edge(rng, WEFT_PASS_FW, random_to(rng, s - 1), s, problem);
        }
    }
}

/* Free with weft_problem_free. */
static inline weft_problem *random_problem(weft_i_rng *rng)
{
    weft_i_arena *arena;
    weft_problem *problem = weft_i_problem_create(&arena);
    problem->n_ranks = 1 + random_to(rng, RANDOM_RANKS - 1);
    problem->chunks = weft_i_new(arena, weft_chunk, RANDOM_CHUNKS);
    problem->submicrobatches = weft_i_new(arena, weft_submicrobatch, RANDOM_SUBMICROBATCHES);
    problem->stages = weft_i_new(arena, weft_stage, RANDOM_STAGES);
    problem->edges = weft_i_new(arena, weft_edge, 3 * RANDOM_STAGES);
    problem->static_bytes = weft_i_new(arena, int64_t, problem->n_ranks);
    problem->limit_bytes = weft_i_new(arena, int64_t, problem->n_ranks);
    for (int32_t r = 0; r < problem->n_ranks; r++) {
        problem->static_bytes[r] = random_to(rng, 100);
        problem->limit_bytes[r] = random_to(rng, 1) ? WEFT_INT_MAX : 1000000;
    }
    weft_backward backward[RANDOM_MODULES];
    bool can_split[RANDOM_MODULES];
    for (int m = 0; m < RANDOM_MODULES; m++) {
        backward[m] = (weft_backward)random_to(rng, WEFT_BACKWARD_FULL);
        can_split[m] = backward[m] == WEFT_BACKWARD_FULL && random_to(rng, 1);
    }
    random_chunks(rng, problem);
    int32_t n_microbatches = 1 + random_to(rng, RANDOM_MICROBATCHES - 1);
    int32_t *numbers = weft_i_new(arena, int32_t, n_microbatches);
    for (int32_t b = 0; b < n_microbatches; b++) {
        numbers[b] = b;
        for (int m = 0; m < RANDOM_MODULES; m++) {
            int32_t n_subs = 1 + random_to(rng, RANDOM_SUBS - 1);
            for (int32_t i = 0; i < n_subs; i++) {
                int32_t sub = problem->n_submicrobatches++;
                problem->submicrobatches[sub] =
                    (weft_submicrobatch){.module = random_modules[m],
                                         .microbatches = &numbers[b],
                                         .n_microbatches = 1,
                                         .index = i,
                                         .tokens = random_to(rng, 9999)};
                random_items(rng, arena, &problem->submicrobatches[sub]);
                random_chain(rng, sub, backward, can_split, arena, problem);
            }
        }
    }
    weft_error error = {0};
    cr_assert_eq(weft_problem_check(problem, &error), WEFT_STATUS_OK, "%s: %s", error.path,
                 error.text);
    return problem;
}

static inline int32_t random_rank_of(const weft_problem *problem, int32_t stage)
{
    return problem->chunks[problem->stages[stage].chunk].rank;
}

/* Whether all that `task` needs is done; the obvious way. */
static inline bool random_can_run(const weft_problem *problem, const bool *is_split,
                                  const bool *is_done, weft_task task)
{
    int32_t s = weft_task_stage(task);
    weft_pass pass = weft_task_pass(task);
    if (pass == WEFT_PASS_BWW) return is_done[weft_task_make(s, WEFT_PASS_BWI)];
    if (pass != WEFT_PASS_FW && !is_done[weft_task_make(s, WEFT_PASS_FW)]) return false;
    for (int32_t e = 0; e < problem->n_edges; e++) {
        const weft_edge *edge = &problem->edges[e];
        if (edge->to != s || (edge->pass == WEFT_PASS_FW) != (pass == WEFT_PASS_FW)) continue;
        weft_pass before = edge->pass == WEFT_PASS_FW ? WEFT_PASS_FW
                           : is_split[edge->from]     ? WEFT_PASS_BWI
                                                      : WEFT_PASS_BW;
        if (!is_done[weft_task_make(edge->from, before)]) return false;
    }
    return true;
}

/* Whether a stage's pass is in the order. */
static inline bool random_has_pass(const weft_problem *problem, const bool *is_split,
                                   weft_task task)
{
    int32_t s = weft_task_stage(task);
    weft_pass pass = weft_task_pass(task);
    if (pass == WEFT_PASS_FW) return true;
    if (problem->stages[s].backward == WEFT_BACKWARD_NONE) return false;
    return (pass == WEFT_PASS_BW) != is_split[s];
}

/* Runs passes in any sequence that their dependencies allow. Free with weft_order_free. */
static inline weft_order *random_order(weft_i_rng *rng, const weft_problem *problem)
{
    int32_t n_tasks = 4 * problem->n_stages, n_left = 0;
    bool *is_split = weft_i_alloc((size_t)problem->n_stages, sizeof(bool));
    bool *is_done = weft_i_alloc((size_t)n_tasks, sizeof(bool));
    int32_t capacity[RANDOM_RANKS] = {0};
    for (int32_t s = 0; s < problem->n_stages; s++)
        is_split[s] = weft_cost_can_split(&problem->stages[s].now.cost) && random_to(rng, 1);
    for (weft_task task = 0; task < n_tasks; task++) {
        if (!random_has_pass(problem, is_split, task)) continue;
        capacity[random_rank_of(problem, weft_task_stage(task))]++;
        n_left++;
    }
    weft_order *order = weft_order_create(problem->n_ranks, capacity);
    while (n_left > 0) {
        weft_task task = random_to(rng, n_tasks - 1);
        while (is_done[task] || !random_has_pass(problem, is_split, task) ||
               !random_can_run(problem, is_split, is_done, task))
            task = (task + 1) % n_tasks;
        is_done[task] = true;
        int32_t rank = random_rank_of(problem, weft_task_stage(task));
        order->tasks[rank][order->n_tasks[rank]++] = task;
        n_left--;
    }
    free(is_split);
    free(is_done);
    return order;
}

#endif
