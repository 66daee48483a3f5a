/* search/keys.h - priorities of passes for list scheduling: by turn, or by the time at which a
 * repeating pattern wants them. Not: the scheduling (dispatch.h), nor finding patterns (modulo.h).
 */
#ifndef WEFT_SEARCH_KEYS_H
#define WEFT_SEARCH_KEYS_H

#include "search/fixed.h"
#include "search/flow.h"
#include "search/net.h"

/* A chunk as a station of every microbatch's course. Means are per microbatch. */
typedef struct weft_i_leg {
    int32_t chunk, slot, rank;
    int64_t fw_ns, bw_ns, bww_ns; /* all its forwards; backwards (bw or bwi); weight gradients */
    int64_t fw_pass, bw_pass;     /* one of them */
    int64_t fw_hop_ns, bw_hop_ns; /* latency of what a forward, a backward waits for */
    int64_t saved_bytes;
    int32_t n_passes; /* kinds of passes: 1, 2, or 3 where backwards are split */
} weft_i_leg;

/* The course of a microbatch: slot by slot in data order, step by step. */
typedef struct weft_i_course {
    weft_i_slots slots;
    int32_t n_turns, n_legs;
    weft_i_leg *legs;       /* forwards go through them in this order, backwards the other way */
    int32_t *leg_of_chunk;  /* -1 = a chunk without stages */
    int32_t *first_of_slot; /* n slots + 1: its legs */
    bool *feeds;            /* by slot * n + slot: the second needs the first's forwards */
    int64_t *turn_ns;  /* by microbatch: its work on a rank, so that all add up to the busiest's */
    int64_t period_ns; /* their mean */
    bool overlaps;     /* some stage is of several microbatches */
    int64_t *bases;    /* by turn: when it begins, if ranks worked without a break */
} weft_i_course;

/* Arrays live in the arena; the slots are borrowed. NO_MEMORY or OK. */
weft_status weft_i_course_build(const weft_i_net *net, const weft_i_flow *flow,
                                const weft_i_slots *slots, weft_i_arena *arena, weft_error *error,
                                weft_i_course *out_course);

/* Microbatch m of the flow comes turn[m]-th; its stages' turns are fw and bw. */
typedef struct weft_i_turns {
    const int32_t *turn;
    const int32_t *fw, *bw; /* by stage */
} weft_i_turns;

/* Keys by turn: groups of `group` turns one after the other, inside a group slot by slot (backwards
 * from the last slot), inside a slot by turn. group 1: microbatch by microbatch; group = ranks:
 * Megatron's interleaving. Keys of forwards and of backwards do not compare. */
void weft_i_keys_by_turn(const weft_i_net *net, const weft_i_flow *flow,
                         const weft_i_course *course, const weft_i_turns *turns, int32_t group,
                         int64_t *key);

/* Begin the turns of an order of microbatches: bases are the work of those before. */
void weft_i_course_set_turns(weft_i_course *course, const int32_t *turn);

/* By leg: when a turn's first forward, backward and weight gradient are wanted, from the turn's
 * begin on; and how many turns begin sooner than the pattern would, to fill the ranks. */
typedef struct weft_i_pattern {
    int64_t *fw_ns, *bw_ns, *bww_ns;
    int32_t *burst;
    int64_t **fill_ns; /* by leg and turn of the burst: when its forward is wanted; NULL = as if the
                          turn began at 0 */
    int32_t n_laps; /* into which a turn is cut, each of two slots with a begin of its own; 0 = one
                       begin for all */
    int32_t group;  /* turns that go together, lap by lap */
    int64_t round_ns; /* from one begin of a lap to the next */
    /* By leg: when the last turn's forward and backward are wanted at the latest, and turns before
     * it, each by a step earlier; NULL = all come as the pattern has them. */
    int64_t *last_fw_ns, *last_bw_ns;
    int64_t fw_step_ns, bw_step_ns;
} weft_i_pattern;

/* When the lap-th lap of a turn begins; backwards go through the laps from the last one on. Without
 * laps, when the turn begins. */
int64_t weft_i_pattern_base(const weft_i_pattern *pattern, const weft_i_course *course,
                            int32_t turn, int32_t lap);

#endif
