/* search/timing.h - an order whose times follow every change at once: one pass is moved on its rank
 * and only what depends on it is timed again. Memory is kept by positions. Not: which moves are
 * worth trying (anneal.h). */
#ifndef WEFT_SEARCH_TIMING_H
#define WEFT_SEARCH_TIMING_H

#include "search/net.h"

/* A pass, with what timing it needs in one cache line. */
typedef struct weft_i_pass_node {
    int64_t start_ns, ns;
    int64_t latency_ns;         /* of the input; without one, the earliest start */
    int64_t tail_ns;            /* least time from its end to the end of the step */
    int32_t input;              /* node of another rank that it waits for; -1 = none */
    int32_t rank, position;     /* on its rank */
    int32_t place;              /* in one topological order of all nodes */
    int32_t more, end_more;     /* its other inputs in more_inputs */
    int32_t output, end_output; /* nodes of other ranks that wait for it, in outputs */
} weft_i_pass_node;

/* The other end of what goes from rank to rank. */
typedef struct weft_i_link {
    int32_t node; /* -1 = a time of its own */
    int64_t latency_ns;
} weft_i_link;

/* What goes from a place before the end of the focus to one behind it. */
typedef struct weft_i_crossing {
    int32_t node;   /* that it leaves */
    int64_t way_ns; /* from that node's end to the end of the step */
} weft_i_crossing;

/* Bounds of a node's position by what it shares its rank with. */
typedef struct weft_i_neighbours {
    int32_t before, end_before; /* in mates: nodes that it must follow */
    int32_t after, end_after;   /* nodes that must follow it */
} weft_i_neighbours;

typedef struct weft_i_timing {
    const weft_i_net *net;
    int32_t n_nodes, n_ranks;
    weft_task *task; /* by node */
    int32_t *node;   /* by task; -1 = does not run */
    weft_i_pass_node *nodes;
    weft_i_link *more_inputs;
    weft_i_link *outputs;
    weft_i_neighbours *neighbours; /* by node */
    int32_t *mates;
    weft_i_task_bytes *bytes; /* by node */
    int32_t **order;          /* by rank: nodes in order */
    int32_t *n_order;
    int64_t **held;    /* by rank and position: bytes before the pass */
    int64_t **left;    /* by rank and position: work after the pass */
    int64_t *room;     /* by rank: bytes that passes may hold */
    int32_t *topology; /* nodes by place */
    int64_t finish_ns; /* makespan of the order as it is */
    struct {           /* places that moves are confined to; see weft_i_timing_focus */
        int32_t begin, end;
        int32_t *first, *past; /* by rank: first position inside, first behind */
        weft_i_crossing *crossings;
        int32_t n_crossings;
        int64_t least_ns; /* longest way that begins behind */
        int32_t last;     /* node at whose end the longest way leaves; -1 = it begins behind */
    } focus;
    bool by_span;     /* most_ns of a move is for the span */
    int64_t *sink_ns; /* by rank: tail of its last node; for the span less its first start */
    struct {          /* the last move, for undo */
        int32_t node, position;  /* where it came from */
        int32_t begin, n_window; /* places rewritten */
        int32_t n_changed;
        int32_t leaves; /* focus.last */
        int64_t finish_ns;
    } last;
    int32_t *window;                  /* nodes of the rewritten places, as they were */
    int32_t *changed;                 /* nodes that were timed again ... */
    int64_t *old_start_ns;            /* ... and when they started */
    uint64_t *dirty;                  /* by place, a bit: to be timed again */
    int32_t *stamp, now;              /* by node: of this move where it equals `now` */
    int32_t *moved;                   /* scratch */
    int32_t *path;                    /* scratch of whoever looks for moves */
    struct weft_i_timed_node *sorted; /* scratch */
} weft_i_timing;

/* Load an order, with no limit of memory. Arrays live in the arena, the net is borrowed and must
 * split what the order splits. FAILED when the order deadlocks. */
weft_status weft_i_timing_load(const weft_i_net *net, const weft_order *order, weft_i_arena *arena,
                               weft_error *error, weft_i_timing *out_timing);

/* Look at the span from now on, or at the makespan. */
void weft_i_timing_set_objective(weft_i_timing *timing, bool by_span);

/* Set what each rank's passes may hold. An order over it stays, but no move may touch what is over
 * without mending it. */
void weft_i_timing_set_room(weft_i_timing *timing, const int64_t *room);

/* Most bytes that the passes of a rank hold. */
int64_t weft_i_timing_peak(const weft_i_timing *timing, int32_t rank);

/* Confine moves to nodes at the places from `begin` to before `end`. A move then costs what the
 * focus is long: what is behind keeps its order, so the longest ways from there to the end hold,
 * and the longest way over all that crosses the end of the focus is the makespan, exactly. Behind
 * the focus starts are those of another order until the focus gets there, before it tails are. Only
 * forward: `begin` is not before the last one. Not for the span. O(passes). */
void weft_i_timing_focus(weft_i_timing *timing, int32_t begin, int32_t end);

/* Time everything anew, with places by time; moves may go everywhere again. */
void weft_i_timing_refresh(weft_i_timing *timing);

/* Take another order of the same passes, which must not deadlock. */
void weft_i_timing_read(weft_i_timing *timing, const weft_order *order);

/* For loading: when a node can start by the order and the inputs; the longest way from its end; all
 * sums by position; the makespan by what crosses the end of the focus. */
int64_t weft_i_timing_start(const weft_i_timing *timing, const weft_i_pass_node *node);
int64_t weft_i_timing_tail(const weft_i_timing *timing, const weft_i_pass_node *node);
void weft_i_timing_sum(weft_i_timing *timing);
int64_t weft_i_timing_finish(weft_i_timing *timing);

/* Positions in the focus that a node may be moved to without passing a node of its rank that it
 * feeds or that feeds it. */
void weft_i_timing_range(const weft_i_timing *timing, int32_t node, int32_t *out_first,
                         int32_t *out_last);

/* Move a node to a position in its range. False, with nothing changed, when that would deadlock,
 * take more than the room, or make the makespan (by_span: the span) more than most_ns. Exactly so
 * if most_ns is not below what it is now and no rank's first start changes for the span; else some
 * moves that take longer are made all the same, and some that do not are not. */
bool weft_i_timing_move(weft_i_timing *timing, int32_t node, int32_t position, int64_t most_ns);

/* After a move that was made: take it back, or keep it. One of them, once a move. */
void weft_i_timing_undo(weft_i_timing *timing);
void weft_i_timing_keep(weft_i_timing *timing);

/* Longest time of a rank from its first start to its last end. */
int64_t weft_i_timing_span(const weft_i_timing *timing);

/* Write the order; `order` has room. */
void weft_i_timing_store(const weft_i_timing *timing, weft_order *order);

#endif
