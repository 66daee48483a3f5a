/* search/pick.h - one rank's choice of candidates for a given order, as an integer program: one
 * option for each group (stage), least added time, bytes within the room at every pass (DIP, level
 * 3). Not: where the room comes from (search/memory_mix.h). */
#ifndef WEFT_SEARCH_PICK_H
#define WEFT_SEARCH_PICK_H

#include <stdbool.h>

#include "base/arena.h"
#include "plan/graph.h"
#include "weft/order.h"
#include "weft/status.h"

/* A candidate of a stage: time above the stage's fastest, and bytes. */
typedef struct weft_i_option {
    int32_t candidate;
    int64_t ns;
    int64_t saved, held; /* while the group is live, before and after its BWI */
    int64_t work[3];     /* during its FW, its BW or BWI, its BWW */
} weft_i_option;

/* A stage. Rows are those kept; live over no row: from = to. */
typedef struct weft_i_group {
    int32_t stage;
    int32_t first, n; /* options: no one is at most another in everything */
    int32_t saved_from, saved_to, held_from, held_to; /* rows from..to-1 */
    int32_t row[3];                                   /* of its passes as in work[]; -1 = none */
} weft_i_group;

/* Each row is a pass of the rank; those that others imply are left out. */
typedef struct weft_i_pick {
    weft_i_group *groups; /* in the order of their first pass */
    int32_t n_groups;
    weft_i_option *options;
    int32_t n_options;
    int32_t n_rows;
    int64_t room;       /* of every row */
    int64_t fastest_ns; /* all groups at their fastest */
} weft_i_pick;

/* The program of one rank. `position`: place of each task in its rank's order, -1 = not there.
 * Rows are left out where no choice fills them, or where the row before or after holds at least as
 * much under every choice: the maximal live sets remain. False when out of memory. */
bool weft_i_pick_build(const weft_i_graph *graph, const weft_order *order, int32_t rank,
                       const int32_t *position, int64_t room, weft_i_arena *arena,
                       weft_i_pick *out_pick);

/* Add an option's bytes times `sign` to the rows. */
void weft_i_pick_add(const weft_i_pick *pick, int32_t group, int32_t option, int64_t sign,
                     int64_t *rows);

typedef struct weft_i_pick_answer {
    int32_t *options; /* of each group, from 0; the caller's, n_groups long */
    int64_t ns;       /* added time */
    int64_t bound_ns; /* no choice adds less */
    bool fits;        /* else no choice was found, and `options` are the leanest */
} weft_i_pick_answer;

/* Whether the answer is proven to be within a part of the best, in the time of all passes: what the
 * paper minimises. */
bool weft_i_pick_is_near(const weft_i_pick *pick, const weft_i_pick_answer *answer, double gap);
/* Added time that proves an answer of `ns` to be within the gap, where no choice adds less. */
int64_t weft_i_pick_proof(const weft_i_pick *pick, int64_t ns, double gap);

/* Find a good choice and a bound: Lagrangian relaxation of the rows by subgradients (Held, Wolfe,
 * Crowder 1974; deflected: Camerini, Fratta, Maffioli 1975), its choices repaired and improved.
 * Each group's minimum lies on the convex hull of its options, so the bound is that of the linear
 * relaxation, and no better. With `multipliers` (n_rows, may be NULL) come those of the bound.
 * False when out of memory. O(iterations * (options + rows)). */
bool weft_i_pick_relax(const weft_i_pick *pick, weft_i_arena *arena, double *multipliers,
                       weft_i_pick_answer *answer);

/* Improve an answer by branch and bound, groups in order, down to `gap` or up to n_nodes: exact
 * where it ends with a gap of 0. Takes `multipliers` of the bound. False when out of memory. */
bool weft_i_pick_branch(const weft_i_pick *pick, const double *multipliers, double gap,
                        int32_t n_nodes, weft_i_arena *arena, weft_i_pick_answer *answer);

/* Relax and, where that leaves more than 5 %, GLPK if it is there, else branch. */
bool weft_i_pick_solve(const weft_i_pick *pick, weft_i_arena *arena, weft_i_pick_answer *answer);

#endif
