/* search/zb_v.h - the V-shaped zero bubble schedule (Qi et al. 2023, arXiv 2401.10241, section 6),
 * by the authors' heuristic: a warm-up that fills the V, then backward and forward of every rank in
 * turn, weight gradients where they fill a gap or where a rank's own bubble is still below the
 * worst. Not: any other shape than two chunks a rank, there and back. */
#ifndef WEFT_SEARCH_ZB_V_H
#define WEFT_SEARCH_ZB_V_H

#include "plan/graph.h"
#include "weft/order.h"

typedef struct weft_i_zb_v_options {
    bool fill_forward, fill_backward; /* a weight gradient may also delay a forward, a backward of
                                         the second chunk, where the rank can afford it */
} weft_i_zb_v_options;

/* Build the order (options NULL: with each of the four, and take the shortest) with the costs in
 * force, within limit_bytes (messages weigh nothing). FAILED when the problem does not have the
 * shape: slots 0 and 1, on ranks 0..P-1 and back, one stage per rank, slot and microbatch, all
 * split; or when the limit is too low for the warm-up. Free *out_order. O(microbatches x ranks^2).
 */
weft_status weft_i_order_zb_v(const weft_i_graph *graph, const weft_i_zb_v_options *options,
                              weft_error *error, weft_order **out_order);

#endif
