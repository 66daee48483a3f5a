/* The tree over sequences: every sequence once, the best score on top, widening, completions. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "search/mcts.h"

enum { MAX_ITEMS = 16 };

static int32_t open_leaf(weft_i_mcts *tree)
{
    int32_t leaf = -1;
    cr_assert_eq(weft_i_mcts_open(tree, NULL, &leaf), WEFT_STATUS_OK);
    return leaf;
}

/* A sequence as a number in base 16. */
static uint64_t code_of(int32_t n, const int32_t *sequence)
{
    uint64_t code = 0;
    for (int32_t i = 0; i < n; i++)
        code = code * MAX_ITEMS + (uint64_t)sequence[i];
    return code;
}

static bool is_permutation(int32_t n, const int32_t *sequence)
{
    uint32_t seen = 0;
    for (int32_t i = 0; i < n; i++)
        seen |= UINT32_C(1) << sequence[i];
    return seen == (UINT32_C(1) << n) - 1;
}

/* Complete a leaf in data order. */
static uint64_t finish(const weft_i_mcts *tree, int32_t leaf, weft_i_rng *rng, int32_t *sequence)
{
    bool used[MAX_ITEMS];
    int32_t n = tree->n_items, n_prefix = weft_i_mcts_items(tree, leaf, sequence);
    weft_i_mcts_complete(n, n_prefix, 1, rng, used, sequence);
    cr_assert(is_permutation(n, sequence));
    return code_of(n, sequence);
}

Test(mcts, sees_every_sequence_and_ends)
{
    static const int n_sequences[] = {1, 1, 2, 6, 24, 120};
    for (int32_t n = 0; n <= 5; n++) {
        weft_i_mcts tree;
        weft_i_rng rng;
        uint64_t seen[120];
        int n_seen = 0, n_opened = 0;
        double most = 0;
        weft_i_rng_seed(&rng, 7);
        cr_assert_eq(weft_i_mcts_init(n, NULL, &tree), WEFT_STATUS_OK);
        for (int32_t leaf; (leaf = open_leaf(&tree)) >= 0;) {
            int32_t sequence[MAX_ITEMS];
            uint64_t code = finish(&tree, leaf, &rng, sequence);
            double score = 1 / (1 + fabs((double)code - 0x31420));
            bool known = false;
            for (int i = 0; i < n_seen; i++)
                known = known || seen[i] == code;
            if (!known) seen[n_seen++] = code;
            most = score > most ? score : most;
            weft_i_mcts_score(&tree, leaf, score);
            cr_assert_lt(++n_opened, 1000);
        }
        cr_expect_eq(n_seen, n_sequences[n], "%d items: %d", n, n_seen);
        cr_expect_float_eq(tree.nodes[0].best, most, 0);
        weft_i_mcts_free(&tree);
    }
}

/* A node has the best score of those below it, and as many visits as leaves were opened there. */
Test(mcts, scores_and_visits_add_up)
{
    weft_i_mcts tree;
    weft_i_rng rng;
    weft_i_rng_seed(&rng, 3);
    cr_assert_eq(weft_i_mcts_init(12, NULL, &tree), WEFT_STATUS_OK);
    for (int i = 0; i < 500; i++)
        weft_i_mcts_score(&tree, open_leaf(&tree), weft_i_rng_double(&rng));
    for (size_t i = 0; i < tree.n_nodes; i++) {
        const weft_i_mcts_node *node = &tree.nodes[i];
        int32_t n_children = 0, n_visits = i == 0 ? 0 : 1;
        double best = 0;
        for (int32_t c = node->last_child; c >= 0; c = tree.nodes[c].sibling) {
            cr_assert_eq(tree.nodes[c].parent, (int32_t)i);
            n_children++;
            n_visits += tree.nodes[c].n_visits;
            best = tree.nodes[c].best > best ? tree.nodes[c].best : best;
        }
        cr_assert_eq(node->n_children, n_children);
        cr_assert_eq(node->n_visits, n_visits);
        cr_assert_geq(node->best, best);
        cr_assert_leq((double)n_children, 2 + sqrt((double)node->n_visits));
        if (node->last_child >= 0) cr_assert_eq(tree.nodes[node->last_child].n_visits > 0, true);
    }
    cr_expect_eq(tree.nodes[0].n_visits, 500);
    weft_i_mcts_free(&tree);
}

/* Where one first item is better than the others, most leaves are below it. */
Test(mcts, goes_where_scores_are)
{
    weft_i_mcts tree;
    cr_assert_eq(weft_i_mcts_init(10, NULL, &tree), WEFT_STATUS_OK);
    for (int i = 0; i < 400; i++) {
        int32_t sequence[MAX_ITEMS], leaf = open_leaf(&tree);
        int32_t n = weft_i_mcts_items(&tree, leaf, sequence);
        weft_i_mcts_score(&tree, leaf, n > 0 && sequence[0] == 3 ? 1 : 0.6);
    }
    int32_t in_three = 0;
    for (int32_t c = tree.nodes[0].last_child; c >= 0; c = tree.nodes[c].sibling)
        if (tree.nodes[c].item == 3) in_three = tree.nodes[c].n_visits;
    cr_expect_gt(in_three, 200);
    weft_i_mcts_free(&tree);
}

Test(mcts, completes_within_the_window)
{
    weft_i_rng rng;
    bool used[MAX_ITEMS];
    int count[6] = {0};
    weft_i_rng_seed(&rng, 11);
    for (int round = 0; round < 600; round++) {
        int32_t sequence[8] = {5, 2};
        weft_i_mcts_complete(8, 2, 2, &rng, used, sequence);
        cr_assert(is_permutation(8, sequence));
        cr_assert(sequence[0] == 5 && sequence[1] == 2);
        /* An item comes at most one place early: at i are left those from the i-th on. */
        static const int32_t rest[] = {0, 1, 3, 4, 6, 7};
        for (int32_t i = 0; i < 5; i++)
            for (int32_t k = i + 2; k < 6; k++)
                cr_assert_neq(sequence[2 + i], rest[k], "round %d", round);
        int32_t all[3] = {0};
        weft_i_mcts_complete(3, 0, INT32_MAX, &rng, used, all);
        count[all[0] * 2 + (all[1] > all[2])]++;
    }
    for (int i = 0; i < 6; i++)
        cr_expect(count[i] > 60 && count[i] < 140, "order %d: %d of 600", i, count[i]);
}
