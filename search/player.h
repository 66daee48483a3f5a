/* search/player.h - one sequence of level 1 scored by levels 2 and 3 of the paper: dual-queue
 * interleaving at the costs of one strategy, then each rank's memory choice, then timing anew. Each
 * thread has a player of its own. Not: which sequences to score (paper.h). */
#ifndef WEFT_SEARCH_PLAYER_H
#define WEFT_SEARCH_PLAYER_H

#include "search/priorities.h"
#include "search/workbench.h"

typedef struct weft_i_player {
    const weft_i_graph *graph;
    weft_objective objective;
    bool chooses; /* level 3; else the strategies of level 2 stay */
    weft_i_workbench bench;
    weft_i_groups groups;
    weft_i_variant retimed;
    int64_t *margin;  /* by rank: bytes that every dispatch leaves free to begin with */
    int32_t *place;   /* by group */
    int32_t *last;    /* scratch, by microbatch */
    int32_t *count;   /* scratch, by group and one more */
    int64_t *peaks;   /* scratch, by rank */
    int32_t *choices; /* by stage: of the last sequence */
} weft_i_player;

/* A player for a problem. choices: the strategies of level 2, by stage; split: by stage, NULL =
 * none; `chooses`: level 3 picks other strategies afterwards. The player does not move once it is
 * open; close it also after a failure. */
weft_status weft_i_player_open(const weft_i_graph *graph, const int32_t *choices, const bool *split,
                               bool chooses, weft_objective objective, weft_error *error,
                               weft_i_player *player);
void weft_i_player_close(weft_i_player *player);

/* Set keys, turns and first margins of the workbench for a sequence of all groups. */
void weft_i_player_arrange(weft_i_player *player, const int32_t *sequence);

/* Score a sequence of all groups. Where messages push the order over a limit, it is dispatched
 * again with larger margins. *out_ns: the objective, WEFT_INT_MAX when no order was found;
 * *out_order is the player's until the next sequence, player->choices go with it. */
weft_status weft_i_player_play(weft_i_player *player, const int32_t *sequence, weft_error *error,
                               int64_t *out_ns, const weft_order **out_order);

#endif
