/* emu/lifetimes.h - which tensors of a layer live from its forward to its backward, and which
 * operators of the forward run again, when a set of named operators is recomputed.
 *
 * No rule of a set's own: it follows from who reads what. A tensor that a backward needs, or an
 * operator that runs again, is made again where its maker is in the set, and kept elsewhere (Chen
 * et al. 2016 for regions; what operators outside of a region keep of its output stays). */
#ifndef WEFT_EMU_LIFETIMES_H
#define WEFT_EMU_LIFETIMES_H

#include "emu/operators.h"

typedef struct weft_i_lifetimes {
    bool again[WEFT_I_MAX_OPERATORS]; /* runs in the backward again */
    bool kept[WEFT_I_MAX_TENSORS];    /* stays from the forward to the backward */
    bool sent[WEFT_I_MAX_TENSORS];    /* is kept on the host */
} weft_i_lifetimes;

/* `needed`: which gradients the layer makes (WEFT_I_NEED_...); `set`: names of operators to
 * recompute (WEFT_I_REDO_...) and to offload: what such an operator's backward needs of what is
 * kept is sent to the host. O(operators + tensors) for each region that runs again. */
void weft_i_lifetimes_find(const weft_i_operators *graph, unsigned needed, uint32_t set,
                           weft_i_lifetimes *out);

#endif
