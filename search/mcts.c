/* search/mcts.c - see mcts.h. */
#include "search/mcts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"

/* Weights of a node's score and of its being little visited. The paper gives neither them nor the
 * scale of scores; here a score is the first sequence's time over its own, about 1. */
static const double ALPHA = 4, BETA = 0.05;

static const int32_t NONE = -1;

static weft_status add_node(weft_i_mcts *tree, int32_t parent, int32_t item, weft_error *error,
                            int32_t *out_node)
{
    if (tree->n_nodes >= INT32_MAX ||
        weft_i_grow(&tree->nodes, &tree->cap, tree->n_nodes + 1, sizeof *tree->nodes) != 0)
        return weft_i_no_memory(error);
    int32_t number = (int32_t)tree->n_nodes++;
    tree->nodes[number] =
        (weft_i_mcts_node){.parent = parent, .item = item, .last_child = NONE, .sibling = NONE};
    if (parent != NONE) {
        weft_i_mcts_node *above = &tree->nodes[parent];
        tree->nodes[number].depth = above->depth + 1;
        tree->nodes[number].sibling = above->last_child;
        above->last_child = number;
        above->n_children++;
    }
    *out_node = number;
    return WEFT_STATUS_OK;
}

weft_status weft_i_mcts_init(int32_t n_items, weft_error *error, weft_i_mcts *tree)
{
    int32_t root;
    *tree = (weft_i_mcts){.n_items = n_items};
    tree->used = weft_i_alloc((size_t)n_items + 1, sizeof *tree->used);
    if (!tree->used) return weft_i_no_memory(error);
    return add_node(tree, NONE, NONE, error, &root);
}

void weft_i_mcts_free(weft_i_mcts *tree)
{
    free(tree->nodes);
    free(tree->used);
    *tree = (weft_i_mcts){.nodes = NULL};
}

/* The first item that is neither in the sequence nor among the node's children. */
static int32_t next_item(const weft_i_mcts *tree, const weft_i_mcts_node *node)
{
    int32_t item = node->last_child == NONE ? 0 : tree->nodes[node->last_child].item + 1;
    while (tree->used[item])
        item++;
    return item;
}

static int32_t best_child(const weft_i_mcts *tree, const weft_i_mcts_node *node)
{
    int32_t best = NONE;
    double most = 0, weight = log((double)node->n_visits + 1);
    for (int32_t c = node->last_child; c != NONE; c = tree->nodes[c].sibling) {
        const weft_i_mcts_node *child = &tree->nodes[c];
        if (child->closed) continue;
        double value =
            pow(child->best, ALPHA) + BETA * sqrt(weight / ((double)child->n_visits + 1));
        if (best == NONE || value >= most) {
            best = c;
            most = value;
        }
    }
    return best;
}

/* Nothing new is below a node: one with a single completion, or with all its children closed. */
static void close_upwards(weft_i_mcts *tree, int32_t number)
{
    while (number != NONE) {
        weft_i_mcts_node *node = &tree->nodes[number];
        int32_t left = tree->n_items - node->depth;
        if (left > 1 && node->n_closed < left) return;
        node->closed = true;
        number = node->parent;
        if (number != NONE) tree->nodes[number].n_closed++;
    }
}

static bool may_widen(const weft_i_mcts *tree, const weft_i_mcts_node *node)
{
    return node->n_children < tree->n_items - node->depth &&
           (double)node->n_children < 1 + sqrt((double)node->n_visits);
}

weft_status weft_i_mcts_open(weft_i_mcts *tree, weft_error *error, int32_t *out_leaf)
{
    int32_t at = 0;
    *out_leaf = NONE;
    if (tree->nodes[0].closed) return WEFT_STATUS_OK;
    memset(tree->used, 0, (size_t)tree->n_items * sizeof *tree->used);
    while (tree->n_items > 0) {
        int32_t child = NONE;
        weft_i_mcts_node *node = &tree->nodes[at];
        node->n_visits++;
        if (!may_widen(tree, node)) child = best_child(tree, node);
        if (child == NONE) break;
        at = child;
        tree->used[tree->nodes[at].item] = true;
    }
    weft_status status = WEFT_STATUS_OK;
    if (tree->n_items > 0)
        status = add_node(tree, at, next_item(tree, &tree->nodes[at]), error, &at);
    if (status != WEFT_STATUS_OK) return status;
    tree->nodes[at].n_visits++;
    close_upwards(tree, at);
    *out_leaf = at;
    return WEFT_STATUS_OK;
}

int32_t weft_i_mcts_items(const weft_i_mcts *tree, int32_t node, int32_t *sequence)
{
    int32_t n = tree->nodes[node].depth;
    for (int32_t i = n - 1; i >= 0; i--) {
        sequence[i] = tree->nodes[node].item;
        node = tree->nodes[node].parent;
    }
    return n;
}

void weft_i_mcts_score(weft_i_mcts *tree, int32_t node, double score)
{
    for (; node != NONE; node = tree->nodes[node].parent)
        if (score > tree->nodes[node].best) tree->nodes[node].best = score;
}

void weft_i_mcts_complete(int32_t n_items, int32_t n, int32_t window, weft_i_rng *rng, bool *used,
                          int32_t *sequence)
{
    memset(used, 0, (size_t)n_items * sizeof *used);
    for (int32_t i = 0; i < n; i++)
        used[sequence[i]] = true;
    for (int32_t item = 0, end = n; item < n_items; item++)
        if (!used[item]) sequence[end++] = item;
    for (int32_t i = n; i < n_items; i++) {
        int32_t reach = window < n_items - i ? window : n_items - i;
        int32_t drawn = i + (int32_t)weft_i_rng_below(rng, (uint64_t)reach);
        int32_t item = sequence[drawn];
        memmove(&sequence[i + 1], &sequence[i], (size_t)(drawn - i) * sizeof *sequence);
        sequence[i] = item;
    }
}
