/* search/fixed.h - the orders that others publish, for any problem whose chunks are put in slots.
 *
 * A slot is one of v positions per rank in data order: a microbatch runs slot 0 on ranks 0..P-1,
 * then slot 1 on ranks 0..P-1, and so on; its backward the other way round. A slot of one rank may
 * hold several chunks, of different modules, which run one after the other as one unit; a unit may
 * be empty (a microbatch without images) or have several sub-microbatches. Times and memory play no
 * part. Not: choosing slots or strategies (planner/, search/memory.h). */
#ifndef WEFT_SEARCH_FIXED_H
#define WEFT_SEARCH_FIXED_H

#include "base/arena.h"
#include "plan/graph.h"
#include "weft/order.h"

/* GPIPE: all forwards, then all backwards (Huang et al. 2019).
 * 1F1B: warm-up of P-r-1, then one forward, one backward (Narayanan et al. 2019); one slot.
 * VPP: Megatron's interleaved 1F1B (Narayanan et al. 2021); a last group of fewer than P
 * microbatches is run as if it were full, its missing units empty.
 * ZB_H1: 1F1B with weight gradients put off as far as 1F1B's memory allows (Qi et al. 2023,
 * arXiv 2401.10241); one slot.
 * ZB_V: two slots, the second from the last rank back to the first, all split (search/zb_v.h).
 * OPTIMUS: all forwards of the encoders, 1F1B or VPP of the last module, all backwards of the
 * encoders (arXiv 2408.03505, its coarse-grained schedule). */
typedef enum weft_i_fixed_kind {
    WEFT_I_FIXED_GPIPE,
    WEFT_I_FIXED_1F1B,
    WEFT_I_FIXED_VPP,
    WEFT_I_FIXED_ZB_H1,
    WEFT_I_FIXED_OPTIMUS,
    WEFT_I_FIXED_ZB_V
} weft_i_fixed_kind;

/* "gpipe", "1f1b", "vpp", "zb-h1", "optimus", "zb-v". */
const char *weft_i_fixed_name(weft_i_fixed_kind kind);

typedef struct weft_i_slots {
    int32_t *of_chunk; /* n_chunks */
    int32_t n;
} weft_i_slots;

/* The slots that a problem has by itself: each (module, segment), in data order. The array lives in
 * the arena. FAILED when data flows in circles between them. */
weft_status weft_i_slots_derive(const weft_i_graph *graph, weft_i_arena *arena, weft_error *error,
                                weft_i_slots *out_slots);

/* One slot for everything: what 1f1b and zb-h1 need. NO_MEMORY. */
weft_status weft_i_slots_single(const weft_problem *problem, weft_i_arena *arena, weft_error *error,
                                weft_i_slots *out_slots);

/* Build an order. `group`: OPTIMUS takes that many microbatches at a time through all three parts,
 * which bounds the encoder outputs held; 0 = all of them; other kinds do not look at it. FAILED
 * when the slots do not suit the kind: every edge must lead to a later slot or, within a slot, to
 * no lower rank (GPIPE: any rank), and back likewise. The order is free of deadlock whatever the
 * costs. ZB_V finds its slots by itself and keeps the limits if it can. Free *out_order. O(passes
 * log passes + slots x microbatches x ranks). */
weft_status weft_i_order_fixed(const weft_i_graph *graph, weft_i_fixed_kind kind,
                               const weft_i_slots *slots, int32_t group, weft_error *error,
                               weft_order **out_order);

#endif
