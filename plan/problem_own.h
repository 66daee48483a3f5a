/* plan/problem_own.h - problems that own their memory in one arena, copies of parts, and the gate
 * that every problem passes. */
#ifndef WEFT_PLAN_PROBLEM_OWN_H
#define WEFT_PLAN_PROBLEM_OWN_H

#include "base/arena.h"
#include "weft/problem.h"

/* An empty problem and the arena that all of it must live in. Free with weft_problem_free. NULL
 * when out of memory. */
weft_problem *weft_i_problem_create(weft_i_arena **out_arena);

/* weft_problem_check for a problem that is part of a file: `path` is the problem's JSON path, "$"
 * or "$.pipelines[3]"; the chunks are at "$.chunks" in both. */
weft_status weft_i_problem_check(const weft_problem *problem, const char *path, weft_error *error);

/* The stage's cost, time and memory as decided: candidate `choice`, or `now` where it is -1. */
const weft_candidate *weft_i_stage_chosen(const weft_stage *stage, int32_t choice);

/* A deep copy with the choices made: candidate choices[s] becomes stage s's `now` (-1, and choices
 * NULL: `now` stays), and there are no candidates left. The chunks are not copied: out->chunks is
 * the caller's `chunks`. USAGE where a choice is not one of its stage. */
weft_status weft_i_problem_decide(const weft_problem *problem, const int32_t *choices,
                                  weft_chunk *chunks, weft_i_arena *arena, weft_error *error,
                                  weft_problem *out);

/* A copy of n chunks with their names; NULL when out of memory. */
weft_chunk *weft_i_chunks_copy(const weft_chunk *chunks, int32_t n, weft_i_arena *arena);

#endif
