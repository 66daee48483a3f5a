/* emu/lifetimes.c - see lifetimes.h. */
#include "emu/lifetimes.h"

#include <string.h>

#include "profiles/recompute.h"

/* What is wanted in the backward, by operators taken from the last to the first. */
typedef struct walk {
    const weft_i_operators *graph;
    unsigned needed;
    uint32_t set;
    uint32_t forced; /* regions that run again as a whole */
    bool wanted[WEFT_I_MAX_TENSORS];
    bool offloaded[WEFT_I_MAX_TENSORS];  /* some backward that wants it is named so */
    uint32_t inside[WEFT_I_MAX_TENSORS]; /* names that all who want it have */
} walk;

static void want(walk *w, int32_t tensor, uint32_t names)
{
    w->wanted[tensor] = true;
    w->inside[tensor] &= names;
    if (names & w->set >> WEFT_I_OFFLOAD_SHIFT) w->offloaded[tensor] = true;
}

/* The backward reads what a gathered tensor is gathered from. */
static void want_for_backward(walk *w)
{
    const weft_i_operators *graph = w->graph;
    for (int32_t i = 0; i < graph->n_operators; i++) {
        const weft_i_operator *op = &graph->operators[i];
        for (int32_t r = 0; r < op->n_reads; r++) {
            int32_t tensor = op->reads[r].tensor, source = graph->tensors[tensor].source;
            if (op->reads[r].need & w->needed) want(w, source >= 0 ? source : tensor, op->names);
        }
    }
    for (int32_t t = 0; t < graph->n_tensors; t++) {
        const weft_i_tensor *tensor = &graph->tensors[t];
        if (tensor->maker >= 0 && (tensor->own & w->needed))
            want(w, t, graph->operators[tensor->maker].names);
    }
}

/* A tensor that is wanted: made again, or kept. Of a region, what others want is kept. */
static bool is_made_again(const walk *w, int32_t t)
{
    const weft_i_tensor *tensor = &w->graph->tensors[t];
    if (tensor->maker < 0) return false;
    uint32_t named = w->graph->operators[tensor->maker].names & w->set & WEFT_I_REDO_MASK;
    return tensor->source >= 0 || (named & ~(uint32_t)WEFT_I_REDO_REGIONS) ||
           (named & WEFT_I_REDO_REGIONS & w->inside[t]);
}

/* From the last operator to the first: who reads a tensor has been seen when its maker is. Regions
 * of which some operator runs again are returned. */
static uint32_t walk_back(walk *w, weft_i_lifetimes *out)
{
    const weft_i_operators *graph = w->graph;
    uint32_t regions = 0;
    for (int32_t i = graph->n_operators - 1; i >= 0; i--) {
        const weft_i_operator *op = &graph->operators[i];
        bool again = op->phase == WEFT_I_PHASE_FW && (op->names & w->forced);
        for (int32_t k = 0; k < op->n_made; k++)
            again = again || (w->wanted[op->made[k]] && is_made_again(w, op->made[k]));
        out->again[i] = again;
        for (int32_t r = 0; again && r < op->n_reads; r++)
            want(w, op->reads[r].tensor, op->names);
        if (again) regions |= op->names & w->set & WEFT_I_REDO_REGIONS;
    }
    return regions;
}

void weft_i_lifetimes_find(const weft_i_operators *graph, unsigned needed, uint32_t set,
                           weft_i_lifetimes *out)
{
    walk w = {.graph = graph, .needed = needed, .set = set};
    uint32_t regions = 0;
    do {
        w.forced = regions;
        memset(w.wanted, 0, sizeof w.wanted);
        memset(w.offloaded, 0, sizeof w.offloaded);
        memset(w.inside, 0xFF, sizeof w.inside);
        want_for_backward(&w);
        regions |= walk_back(&w, out);
    } while (regions != w.forced);
    for (int32_t t = 0; t < graph->n_tensors; t++) {
        out->kept[t] = w.wanted[t] && !is_made_again(&w, t);
        out->sent[t] = out->kept[t] && w.offloaded[t];
    }
}
