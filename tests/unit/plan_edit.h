/* tests/unit/plan_edit.h - changing the actions of a plan in place, for tests that break plans. */
#ifndef WEFT_TESTS_UNIT_PLAN_EDIT_H
#define WEFT_TESTS_UNIT_PLAN_EDIT_H

#include <string.h>

#include "base/arena.h"
#include "weft/plan.h"

enum { EDIT_ROOM = 16 }; /* actions that can be inserted on a rank */

/* Move the actions of every rank into the arena, with room for more. */
static inline void edit_open(weft_plan *plan, weft_i_arena *arena)
{
    for (int32_t p = 0; p < plan->n_pipelines; p++) {
        for (int32_t r = 0; r < plan->parallel.pp; r++) {
            weft_rank_actions *rank = &plan->pipelines[p].ranks[r];
            weft_action *room = weft_i_new(arena, weft_action, (size_t)rank->n_actions + EDIT_ROOM);
            memcpy(room, rank->actions, (size_t)rank->n_actions * sizeof *room);
            rank->actions = room;
        }
    }
}

static inline weft_action edit_remove(weft_rank_actions *rank, int32_t at)
{
    weft_action removed = rank->actions[at];
    memmove(rank->actions + at, rank->actions + at + 1,
            (size_t)(--rank->n_actions - at) * sizeof removed);
    return removed;
}

static inline void edit_insert(weft_rank_actions *rank, int32_t at, weft_action action)
{
    memmove(rank->actions + at + 1, rank->actions + at,
            (size_t)(rank->n_actions++ - at) * sizeof action);
    rank->actions[at] = action;
}

/* A new action without times. */
static inline void edit_add(weft_rank_actions *rank, int32_t at, weft_action_kind kind,
                            int32_t operand)
{
    edit_insert(rank, at, (weft_action){.kind = kind, .operand = operand, .group = -1});
}

/* The action ends up at place `to`. */
static inline void edit_move(weft_rank_actions *rank, int32_t from, int32_t to)
{
    weft_action action = edit_remove(rank, from);
    edit_insert(rank, to, action);
}

#endif
