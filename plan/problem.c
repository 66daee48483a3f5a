/* plan/problem.c - making, copying and freeing a problem. Not: its rules (problem_check.c). */
#include "weft/problem.h"

#include <stdbool.h>

#include "base/arena.h"
#include "base/error.h"
#include "plan/problem_own.h"

weft_problem *weft_i_problem_create(weft_i_arena **out_arena)
{
    weft_problem *problem = weft_i_owned_new(sizeof(*problem), out_arena);
    if (problem) problem->owner = *out_arena;
    return problem;
}

void weft_problem_free(weft_problem *problem)
{
    if (problem) weft_i_owned_free(problem->owner);
}

#define COPY_ARRAY(arena, from, n) weft_i_arena_copy((arena), (from), (size_t)(n) * sizeof *(from))

weft_chunk *weft_i_chunks_copy(const weft_chunk *chunks, int32_t n, weft_i_arena *arena)
{
    weft_chunk *copy = COPY_ARRAY(arena, chunks, n);
    for (int32_t c = 0; copy && c < n; c++) {
        copy[c].module = weft_i_arena_string(arena, chunks[c].module);
        if (!copy[c].module) return NULL;
    }
    return copy;
}

static weft_submicrobatch *copy_submicrobatches(const weft_submicrobatch *from, int32_t n,
                                                weft_i_arena *arena)
{
    weft_submicrobatch *copy = COPY_ARRAY(arena, from, n);
    for (int32_t i = 0; copy && i < n; i++) {
        weft_submicrobatch *to = &copy[i];
        to->module = weft_i_arena_string(arena, from[i].module);
        to->microbatches = COPY_ARRAY(arena, from[i].microbatches, from[i].n_microbatches);
        to->items = COPY_ARRAY(arena, from[i].items, from[i].n_items);
        if (!to->module || !to->microbatches || !to->items) return NULL;
    }
    return copy;
}

static weft_memory_run *copy_memory(const weft_memory_run *from, int32_t n, weft_i_arena *arena)
{
    weft_memory_run *copy = COPY_ARRAY(arena, from, n);
    for (int32_t i = 0; copy && i < n; i++) {
        copy[i].strategy = weft_i_arena_string(arena, from[i].strategy);
        if (!copy[i].strategy) return NULL;
    }
    return copy;
}

const weft_candidate *weft_i_stage_chosen(const weft_stage *stage, int32_t choice)
{
    return choice < 0 ? &stage->now : &stage->candidates[choice];
}

static weft_stage *copy_stages(const weft_problem *problem, const int32_t *choices,
                               weft_i_arena *arena)
{
    weft_stage *copy = COPY_ARRAY(arena, problem->stages, problem->n_stages);
    for (int32_t s = 0; copy && s < problem->n_stages; s++) {
        weft_stage *to = &copy[s];
        to->now = *weft_i_stage_chosen(&problem->stages[s], choices ? choices[s] : -1);
        to->now.memory = copy_memory(to->now.memory, to->now.n_memory, arena);
        if (!to->now.memory) return NULL;
        to->candidates = NULL;
        to->n_candidates = 0;
    }
    return copy;
}

static weft_status check_choices(const weft_problem *problem, const int32_t *choices,
                                 weft_error *error)
{
    for (int32_t s = 0; choices && s < problem->n_stages; s++) {
        int32_t n = problem->stages[s].n_candidates;
        if (choices[s] < -1 || choices[s] >= n) {
            return weft_i_fail(error, WEFT_STATUS_USAGE,
                               "choice %d of stage %d is not from -1 to %d", choices[s], s, n - 1);
        }
    }
    return WEFT_STATUS_OK;
}

weft_status weft_i_problem_decide(const weft_problem *problem, const int32_t *choices,
                                  weft_chunk *chunks, weft_i_arena *arena, weft_error *error,
                                  weft_problem *out)
{
    weft_status status = check_choices(problem, choices, error);
    if (status != WEFT_STATUS_OK) return status;
    weft_problem copy = *problem;
    copy.owner = NULL;
    copy.chunks = chunks;
    copy.submicrobatches =
        copy_submicrobatches(problem->submicrobatches, problem->n_submicrobatches, arena);
    copy.stages = copy_stages(problem, choices, arena);
    copy.edges = COPY_ARRAY(arena, problem->edges, problem->n_edges);
    copy.static_bytes = COPY_ARRAY(arena, problem->static_bytes, problem->n_ranks);
    copy.limit_bytes = COPY_ARRAY(arena, problem->limit_bytes, problem->n_ranks);
    if (!copy.submicrobatches || !copy.stages || !copy.edges || !copy.static_bytes ||
        !copy.limit_bytes) {
        return weft_i_no_memory(error);
    }
    *out = copy;
    return WEFT_STATUS_OK;
}
