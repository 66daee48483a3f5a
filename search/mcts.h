/* search/mcts.h - a search tree over sequences of n items, by upper confidence bounds: level 1 of
 * the paper. Not: what a sequence is worth, which whoever grows the tree finds out. */
#ifndef WEFT_SEARCH_MCTS_H
#define WEFT_SEARCH_MCTS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/rng.h"
#include "weft/status.h"

/* A sequence begun: the item that it adds to its parent's. */
typedef struct weft_i_mcts_node {
    int32_t parent, item;
    int32_t last_child, sibling; /* children in the order in which they were opened, last first */
    int32_t depth;
    int32_t n_children, n_closed;
    int32_t n_visits;
    double best; /* score of the best sequence seen below */
    bool closed; /* all sequences below have been seen */
} weft_i_mcts_node;

typedef struct weft_i_mcts {
    int32_t n_items;
    weft_i_mcts_node *nodes; /* 0 is the root */
    size_t n_nodes, cap;
    bool *used; /* scratch, by item */
} weft_i_mcts;

/* A tree with its root. Free with weft_i_mcts_free, also after a failure. NO_MEMORY or OK. */
weft_status weft_i_mcts_init(int32_t n_items, weft_error *error, weft_i_mcts *tree);
void weft_i_mcts_free(weft_i_mcts *tree);

/* Go down from the root by s^alpha + beta sqrt(ln N_parent / N), s the best score below, and open
 * one node (DIP, level 1; Kocsis, Szepesvari 2006). A node of N visits has at most 1 + sqrt(N)
 * children, opened in the order of the items: progressive widening (Coulom 2007), since with
 * hundreds of items no search would ever get below the root. The visit is counted at once, so that
 * several leaves can be taken before any of them has its score. *out_leaf = -1 when all sequences
 * have been seen. NO_MEMORY or OK. */
weft_status weft_i_mcts_open(weft_i_mcts *tree, weft_error *error, int32_t *out_leaf);

/* Write a node's items; returns how many. */
int32_t weft_i_mcts_items(const weft_i_mcts *tree, int32_t node, int32_t *sequence);

/* Hand a score up from a node. */
void weft_i_mcts_score(weft_i_mcts *tree, int32_t node, double score);

/* Complete a sequence of n_items whose first `n` are there: again and again one of the next
 * `window` items that are left, in the order of their numbers. window 1: that order itself; n_items
 * or more: any order is as likely. O(n_items x min(window, n_items)). */
void weft_i_mcts_complete(int32_t n_items, int32_t n, int32_t window, weft_i_rng *rng, bool *used,
                          int32_t *sequence);

#endif
