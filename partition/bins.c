/* partition/bins.c - first fit by a tree of maxima, next fit, and longest first. */
#include "partition/bins.h"

#include <assert.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/error.h"

static bool fits(const weft_i_sizes *thing, const weft_i_sizes *room)
{
    for (int d = 0; d < WEFT_I_N_SIZES; d++)
        if (thing->of[d] > room->of[d]) return false;
    return true;
}

static void take(const weft_i_sizes *thing, weft_i_sizes *room)
{
    for (int d = 0; d < WEFT_I_N_SIZES; d++)
        room->of[d] -= thing->of[d];
}

/* A binary tree over the bins: node i has children 2i and 2i+1, leaves from n_leaves on; a node has
 * the largest room below it, of each size apart. */
typedef struct room_tree {
    weft_i_sizes *room;
    int32_t n_leaves;
} room_tree;

static bool tree_build(weft_i_arena *arena, int32_t n, weft_i_sizes capacity, room_tree *out)
{
    int32_t n_leaves = 1;
    while (n_leaves < n)
        n_leaves *= 2;
    out->n_leaves = n_leaves;
    out->room = weft_i_new(arena, weft_i_sizes, 2 * (size_t)n_leaves);
    for (int32_t i = 0; out->room && i < 2 * n_leaves; i++)
        out->room[i] = capacity;
    return out->room != NULL;
}

/* First leaf below `node` with room. The sizes of a node may come from different leaves, so it may
 * promise what none of them has: then the search goes back up. */
static int32_t tree_find(const room_tree *tree, int32_t node, const weft_i_sizes *thing)
{
    if (!fits(thing, &tree->room[node])) return -1;
    if (node >= tree->n_leaves) return node;
    int32_t found = tree_find(tree, 2 * node, thing);
    return found >= 0 ? found : tree_find(tree, 2 * node + 1, thing);
}

static void tree_take(room_tree *tree, int32_t leaf, const weft_i_sizes *thing)
{
    take(thing, &tree->room[leaf]);
    for (int32_t node = leaf / 2; node >= 1; node /= 2)
        for (int d = 0; d < WEFT_I_N_SIZES; d++) {
            int64_t a = tree->room[2 * node].of[d], b = tree->room[2 * node + 1].of[d];
            tree->room[node].of[d] = a > b ? a : b;
        }
}

static weft_status first_fit(const weft_i_sizes *things, int32_t n, weft_i_sizes capacity,
                             weft_error *error, int32_t *out_bin, int32_t *out_n_bins)
{
    weft_i_arena arena = {0};
    room_tree tree;
    if (!tree_build(&arena, n, capacity, &tree)) return weft_i_no_memory(error);
    int32_t n_bins = 0;
    for (int32_t i = 0; i < n; i++) {
        int32_t leaf = tree_find(&tree, 1, &things[i]);
        if (leaf < 0) leaf = tree.n_leaves + n_bins;
        tree_take(&tree, leaf, &things[i]);
        out_bin[i] = leaf - tree.n_leaves;
        if (out_bin[i] == n_bins) n_bins++;
    }
    weft_i_arena_free(&arena);
    *out_n_bins = n_bins;
    return WEFT_STATUS_OK;
}

weft_status weft_i_bins_fill(weft_packing packing, const weft_i_sizes *things, int32_t n,
                             weft_i_sizes capacity, weft_error *error, int32_t *out_bin,
                             int32_t *out_n_bins)
{
    assert(n >= 0 && n <= 1 << 29);
    if (packing == WEFT_PACKING_FIRST_FIT)
        return first_fit(things, n, capacity, error, out_bin, out_n_bins);
    int32_t n_bins = 0;
    weft_i_sizes room = capacity;
    for (int32_t i = 0; i < n; i++) {
        if (n_bins == 0 || packing == WEFT_PACKING_NONE || !fits(&things[i], &room)) {
            n_bins++;
            room = capacity;
        }
        take(&things[i], &room);
        out_bin[i] = n_bins - 1;
    }
    *out_n_bins = n_bins;
    return WEFT_STATUS_OK;
}

typedef struct weight {
    double value;
    int32_t index;
} weight;

static int heavier_first(const void *a, const void *b)
{
    const weight *x = a, *y = b;
    if (x->value != y->value) return x->value > y->value ? -1 : 1;
    return x->index < y->index ? -1 : 1;
}

/* Heaps that take more, as a binary heap by load, then number: entry i is no later than 2i+1 and
 * 2i+2. */
typedef struct lightest {
    const double *load;
    int32_t *entries, n;
} lightest;

static bool is_before(const lightest *l, int32_t i, int32_t j)
{
    int32_t a = l->entries[i], b = l->entries[j];
    return l->load[a] != l->load[b] ? l->load[a] < l->load[b] : a < b;
}

/* Entry i may be later than those below it. */
static void sink(lightest *l, int32_t i)
{
    for (int32_t child; (child = 2 * i + 1) < l->n; i = child) {
        if (child + 1 < l->n && is_before(l, child + 1, child)) child++;
        if (is_before(l, i, child)) return;
        int32_t moved = l->entries[i];
        l->entries[i] = l->entries[child];
        l->entries[child] = moved;
    }
}

static void fill_lightest(lightest *l, int32_t k, const int32_t *quota)
{
    for (int32_t heap = 0; heap < k; heap++)
        if (!quota || quota[heap] > 0) l->entries[l->n++] = heap;
    for (int32_t i = l->n / 2 - 1; i >= 0; i--)
        sink(l, i);
}

weft_status weft_i_bins_spread(const double *weights, int32_t n, int32_t k, const int32_t *quota,
                               weft_error *error, double *load, int32_t *out_heap)
{
    assert(k >= 1);
    weft_i_arena arena = {0};
    weight *order = weft_i_new(&arena, weight, n);
    int32_t *count = weft_i_new(&arena, int32_t, k);
    lightest open = {load, weft_i_new(&arena, int32_t, k), 0};
    if (!order || !count || !open.entries) {
        weft_i_arena_free(&arena);
        return weft_i_no_memory(error);
    }
    for (int32_t i = 0; i < n; i++)
        order[i] = (weight){weights[i], i};
    qsort(order, (size_t)n, sizeof(*order), heavier_first);
    fill_lightest(&open, k, quota);
    for (int32_t i = 0; i < n; i++) {
        assert(open.n > 0); /* the quotas sum to at least n */
        int32_t heap = open.entries[0];
        out_heap[order[i].index] = heap;
        load[heap] += order[i].value;
        count[heap]++;
        if (quota && count[heap] == quota[heap]) open.entries[0] = open.entries[--open.n];
        sink(&open, 0);
    }
    weft_i_arena_free(&arena);
    return WEFT_STATUS_OK;
}
