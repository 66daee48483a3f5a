/* search/room.h - memory of the ranks while a schedule is being made, and who may take it.
 *
 * A memory cap can lock a greedy up: a rank full of encoder outputs never admits the forward that
 * would free them. The rule here: microbatches have turns, and a forward of turn j is admitted on a
 * rank only if for every unfinished turn k < j what later turns hold there, this forward included,
 * plus the full need of k stays within the limit. Then the oldest can always finish, frees what it
 * held, and leaves the next one in the same position. */
#ifndef WEFT_SEARCH_ROOM_H
#define WEFT_SEARCH_ROOM_H

#include "search/flow.h"
#include "search/net.h"

/* What memory needs of passes that are alike. */
typedef struct weft_i_room_kind {
    int64_t peak_bytes; /* while it runs, beyond what its rank held before */
    int64_t kept_bytes; /* of those, what is there after its start for others: saved and edges */
    int64_t own_bytes;  /* that it leaves to its stage's next pass; negative where it frees them */
    int64_t out_bytes;  /* of edges that leave it */
    int32_t rank;
    bool is_forward;
    bool frees_edges; /* of some edge into it that weighs something */
} weft_i_room_kind;

/* A pass: all of a stage in one cache line, and the few kinds stay in the cache. */
typedef struct weft_i_room_pass {
    int32_t kind, turn;
    int32_t fw_turn;   /* of its stage's forward */
    int32_t last_turn; /* with which it is finished */
} weft_i_room_pass;

typedef struct weft_i_room {
    const weft_i_net *net;
    int32_t n_turns;
    int32_t *fw_turn, *bw_turn; /* by stage */
    weft_i_room_pass *passes;   /* by task; only of tasks that run */
    weft_i_room_kind *kinds;
    int32_t n_kinds;
    int64_t *need;         /* by rank * n_turns + turn: most that the turn holds at a time */
    int64_t *largest_need; /* by rank */
    int64_t *all;          /* by rank: most that all turns together can hold */
    int64_t *largest_work; /* by rank: most that a pass takes only while it runs */
    int32_t *n_passes;     /* by rank * n_turns + turn */
    /* The state while a schedule is made. */
    const int64_t *limit, *soft_limit; /* by rank; the second may be NULL */
    int64_t *used;                     /* by rank */
    int32_t reserve;                   /* percent; see weft_i_room_reset */
    int64_t *reserved;                 /* by rank: needs of the turns begun there */
    bool *is_loose;                    /* by rank: whatever happens, everything fits */
    int64_t *held;                     /* by rank * n_turns + turn: bytes of the turn */
    int64_t *older;                    /* by rank: bytes held by turns before the oldest */
    int32_t *left;                     /* as n_passes: those to come */
    int32_t *oldest;                   /* by rank: first turn with passes to come */
} weft_i_room;

weft_status weft_i_room_create(const weft_i_net *net, const weft_i_flow *flow, weft_i_arena *arena,
                               weft_error *error, weft_i_room *out_room);

/* Take the microbatches in another order: microbatch m comes turn[m]-th. */
void weft_i_room_set_turns(weft_i_room *room, const weft_i_flow *flow, const int32_t *turn);

/* Empty all ranks. reserve: percent of its need that a turn is taken to hold on a rank from its
 * first forward to its last pass there, so that turns begin late enough for all that have begun to
 * go on; 0 = a turn holds what it holds. */
void weft_i_room_reset(weft_i_room *room, const int64_t *limit, const int64_t *soft_limit,
                       int32_t reserve);

static inline const weft_i_room_kind *weft_i_room_kind_of(const weft_i_room *room, weft_task task)
{
    return &room->kinds[room->passes[task].kind];
}

/* Whether a pass fits on its rank now. */
bool weft_i_room_fits(const weft_i_room *room, weft_task task);

/* Whether it may start there: it fits, and older turns can still finish. */
bool weft_i_room_admits(const weft_i_room *room, weft_task task);

/* Start a pass and account for its end at once, since its rank does nothing else meanwhile. */
void weft_i_room_take(weft_i_room *room, weft_task task);

#endif
