/* partition/cut.h - cutting layers into consecutive pieces: exact dynamic programming on a line,
 * and METIS to bring a graph that is no chain into a line first. */
#ifndef WEFT_PARTITION_CUT_H
#define WEFT_PARTITION_CUT_H

#include <stdbool.h>
#include <stdint.h>

#include "weft/status.h"

/* Cut n items of weight w[i] >= 0 into k consecutive pieces that minimise the largest sum, then the
 * sum of squares (the same largest sum, but even otherwise). extra[j] (may be NULL) is added to
 * piece j. Pieces may be empty only when n < k or when allow_empty. cut[j] = first item of piece j,
 * cut[k] = n. Dynamic programming, O(k n^2) at most, and about O(n^2) where pieces are even. */
weft_status weft_i_cut_line(const double *w, int32_t n, int32_t k, const double *extra,
                            bool allow_empty, weft_error *error, int32_t *out_cut);

/* Cost >= 0 of items first..end-1 as piece `piece`, which does not fall when a piece grows;
 * INFINITY = not possible. */
typedef double weft_i_piece_cost(const void *context, int32_t piece, int32_t first, int32_t end);

/* The same with the cost of a piece given by a function. INFEASIBLE where no cut is possible. */
weft_status weft_i_cut_line_by(weft_i_piece_cost *cost, const void *context, int32_t n, int32_t k,
                               bool allow_empty, weft_error *error, int32_t *out_cut);

/* A graph of layers: edge i goes from from[i] to to[i], acyclic. */
typedef struct weft_i_layer_graph {
    int32_t n;
    const double *time, *state; /* of each layer: the two balance constraints */
    int32_t n_edges;
    const int32_t *from, *to;
    const double *bytes; /* of each edge: what a cut through it sends */
} weft_i_layer_graph;

/* Order the layers in a line (a topological order) in which k consecutive pieces are balanced and
 * few bytes cross: METIS cuts the graph into k parts under both constraints, parts are ordered by
 * mean depth, layers topologically by part. The answer of METIS is verified (range, no empty part);
 * where it is not usable, or no better than it after the exact cut, a plain topological order
 * stands in. A chain comes back as it is. BAD_INPUT where there is a cycle. */
weft_status weft_i_cut_linearize(const weft_i_layer_graph *graph, int32_t k, weft_error *error,
                                 int32_t *out_line);

/* The second half of it: from the part of each layer (any numbers; NULL = none) to a line. */
weft_status weft_i_cut_linearize_parts(const weft_i_layer_graph *graph, int32_t k,
                                       const int32_t *part, weft_error *error, int32_t *out_line);

/* Every number of part[0..n-1] is in 0..k-1 and every part has a layer. */
bool weft_i_cut_parts_usable(const int32_t *part, int32_t n, int32_t k);

#endif
