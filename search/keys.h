/* search/keys.h - priorities of passes for list scheduling: by turn, or by the time at which a
 * repeating pattern would run them. Not: the scheduling (dispatch.h). */
#ifndef WEFT_SEARCH_KEYS_H
#define WEFT_SEARCH_KEYS_H

#include "search/fixed.h"
#include "search/flow.h"
#include "search/net.h"

/* Where a stage is in the course of a microbatch: its slot and its step through it. */
typedef struct weft_i_course {
    weft_i_slots slots;
    int32_t *step;    /* by stage, from 0 */
    int32_t *n_steps; /* by slot */
    int64_t *fw_ns;   /* by slot: a mean forward and a mean transfer to the next step */
    int64_t *bw_ns;   /* the same of bw or bwi */
    int64_t *turn_ns; /* by microbatch: its work on a rank, so that all add up to the busiest's */
    bool *feeds;      /* by slot * n + slot: the second needs the first's forwards */
    int64_t *starts;  /* scratch: 2 * n slots */
    int64_t *bases;   /* scratch: by turn */
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

/* A pattern that repeats with every turn, by slot, n slots each, in ns. A turn begins when the work
 * of those before it is over. A slot's forwards start when those of the slots that feed it are
 * through, plus its gap, and go on by its slope a step; backwards likewise, the other way round,
 * after the last slot's forwards. A weight gradient comes `delay` after its bwi. */
typedef struct weft_i_pattern {
    int64_t *fw_slope, *fw_gap, *bw_slope, *bw_gap, *delay;
} weft_i_pattern;

/* The times at which the pattern wants each pass. */
void weft_i_keys_by_pattern(const weft_i_net *net, const weft_i_flow *flow, weft_i_course *course,
                            const weft_i_turns *turns, const weft_i_pattern *pattern, int64_t *key);

#endif
