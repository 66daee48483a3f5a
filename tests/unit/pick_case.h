/* tests/unit/pick_case.h - one rank's order with live intervals as pipelines have them, and a
 * brute-force look at its memory. */
#ifndef WEFT_TESTS_PICK_CASE_H
#define WEFT_TESTS_PICK_CASE_H

#include "search/pick.h"
#include "search/profile.h"
#include "tests/unit/problems.h"

typedef struct pick_case {
    weft_i_arena arena;
    weft_problem problem;
    weft_i_graph graph;
    weft_order *order;
    int32_t *position;
    weft_i_profile profile;
} pick_case;

typedef struct pick_case_options {
    int32_t n_stages, n_candidates; /* at most; exactly where `exact` */
    int32_t depth;                  /* forwards ahead of the backwards */
    int64_t scale;                  /* of times and bytes */
    bool exact, split;
} pick_case_options;

/* Candidates from the fastest to the leanest, more or less convex, now and then a bad one. */
static inline void pick_case_stage(pick_case *c, int32_t s, weft_i_rng *rng,
                                   const pick_case_options *options)
{
    weft_stage *stage = &c->problem.stages[s];
    int64_t scale = options->scale, bytes = random_in(rng, scale, 4 * scale);
    int64_t step = random_in(rng, 0, scale / 4);
    int32_t n = options->n_candidates;
    n = options->exact ? n : (int32_t)random_in(rng, 0, n);
    *stage = (weft_stage){.submicrobatch = s, .backward = WEFT_BACKWARD_FULL};
    if (!options->exact && random_chance(rng, 10)) stage->backward = WEFT_BACKWARD_NONE;
    bool frozen = stage->backward == WEFT_BACKWARD_NONE;
    weft_cost cost = {.fw_ns = random_in(rng, scale, 2 * scale)};
    cost.bw_ns = frozen ? 0 : 2 * cost.fw_ns;
    cost.work_bytes[WEFT_PASS_FW] = random_in(rng, 0, scale / 8);
    cost.work_bytes[WEFT_PASS_BW] = frozen ? 0 : random_in(rng, 0, scale / 4);
    cost.saved_bytes = frozen ? 0 : bytes;
    if (options->split && !frozen) {
        cost.bwi_ns = cost.fw_ns + 1;
        cost.bww_ns = cost.fw_ns;
        cost.held_bytes = bytes / 2;
        cost.work_bytes[WEFT_PASS_BWI] = random_in(rng, 0, scale / 4);
        cost.work_bytes[WEFT_PASS_BWW] = random_in(rng, 0, scale / 8);
    }
    stage->now.cost = cost;
    stage->candidates = weft_i_new(&c->arena, weft_candidate, n);
    stage->n_candidates = n;
    for (int32_t k = 0; k < n; k++) {
        stage->candidates[k].cost = cost;
        if (frozen) continue;
        int64_t more = step * k + (options->exact ? 0 : random_in(rng, 0, scale / 10));
        cost.bw_ns += more;
        cost.bwi_ns += options->split ? more : 0;
        cost.recompute_ns += more;
        cost.saved_bytes -= bytes / (n + 1);
        if (random_chance(rng, 20)) cost.work_bytes[WEFT_PASS_BW] += scale / 10;
    }
}

/* Forwards run up to `depth` ahead of the backwards, which come in the order of the forwards. */
static inline void pick_case_order(pick_case *c, weft_i_rng *rng, const pick_case_options *options)
{
    int32_t n = options->n_stages, next_bw = 0, next_bww = 0, capacity = 3 * n;
    c->order = weft_order_create(1, &capacity);
    weft_task *tasks = c->order->tasks[0];
    int32_t n_tasks = 0;
    for (int32_t fw = 0; fw < n || next_bw < n || next_bww < n;) {
        bool can_fw = fw < n && fw - next_bw < options->depth;
        bool wants_bw = next_bw < fw && (!can_fw || random_chance(rng, 20));
        bool wants_bww = options->split && next_bww < next_bw &&
                         (random_chance(rng, 30) || (!can_fw && !wants_bw));
        if (wants_bww) {
            if (c->problem.stages[next_bww].backward != WEFT_BACKWARD_NONE)
                tasks[n_tasks++] = weft_task_make(next_bww, WEFT_PASS_BWW);
            next_bww++;
        } else if (wants_bw) {
            if (c->problem.stages[next_bw].backward != WEFT_BACKWARD_NONE)
                tasks[n_tasks++] =
                    weft_task_make(next_bw, options->split ? WEFT_PASS_BWI : WEFT_PASS_BW);
            next_bw++;
            next_bww += options->split ? 0 : 1;
        } else if (can_fw) {
            tasks[n_tasks++] = weft_task_make(fw++, WEFT_PASS_FW);
        }
    }
    c->order->n_tasks[0] = n_tasks;
    for (int32_t i = 0; i < n_tasks; i++)
        c->position[tasks[i]] = i;
}

static inline void pick_case_open(pick_case *c, const pick_case_options *options, uint64_t seed)
{
    weft_i_rng rng;
    *c = (pick_case){.order = NULL};
    weft_i_rng_seed(&rng, seed);
    int32_t n = options->n_stages;
    c->problem = (weft_problem){.n_ranks = 1, .n_chunks = 1, .n_stages = n, .n_submicrobatches = n};
    c->problem.chunks = weft_i_new(&c->arena, weft_chunk, 1);
    c->problem.stages = weft_i_new(&c->arena, weft_stage, n);
    for (int32_t s = 0; s < n; s++)
        pick_case_stage(c, s, &rng, options);
    weft_i_graph_build(&c->problem, &c->arena, NULL, &c->graph);
    c->position = weft_i_new(&c->arena, int32_t, 4 * n);
    for (int32_t t = 0; t < 4 * n; t++)
        c->position[t] = -1;
    pick_case_order(c, &rng, options);
    weft_i_profile_init(3 * n, &c->arena, &c->profile);
}

static inline void pick_case_close(pick_case *c)
{
    weft_order_free(c->order);
    weft_i_arena_free(&c->arena);
}

static inline const weft_cost *pick_case_cost(const pick_case *c, int32_t s, int32_t candidate)
{
    const weft_stage *stage = &c->problem.stages[s];
    return candidate < 0 ? &stage->now.cost : &stage->candidates[candidate].cost;
}

/* Peak of the rank's passes under candidates of the stages. */
static inline int64_t pick_case_peak(pick_case *c, const int32_t *candidates)
{
    weft_i_profile_clear(&c->profile);
    for (int32_t s = 0; s < c->problem.n_stages; s++)
        weft_i_profile_add_stage(&c->profile, c->position, s, &c->problem.stages[s],
                                 pick_case_cost(c, s, candidates[s]), 1);
    return weft_i_profile_max(&c->profile);
}

/* Peak with the first or the last candidate everywhere. */
static inline int64_t pick_case_peak_of_all(pick_case *c, bool last)
{
    int32_t candidates[1024];
    for (int32_t s = 0; s < c->problem.n_stages; s++) {
        int32_t n = c->problem.stages[s].n_candidates;
        candidates[s] = n == 0 ? -1 : last ? n - 1 : 0;
    }
    return pick_case_peak(c, candidates);
}

#endif
