/* weft_i_anneal: it ends however much of its budget is gone when it begins. That its answers are
 * valid and no worse is in test_search.c. */
#include <criterion/criterion.h>

#include "search/anneal.h"
#include "search/fixed.h"

/* Anneal 1F1B of a problem with a gap to its bound, `until` that part of a budget of so many
 * iterations, of which `used` are used up. Returns what it gains. */
static int64_t anneal(const char *text, int64_t iterations, int64_t used, double until)
{
    weft_problem *problem = NULL;
    cr_assert(!weft_problem_synthetic(text, NULL, &problem));
    weft_i_arena arena = {0};
    weft_i_graph graph;
    weft_i_slots slots;
    weft_i_incumbent best;
    weft_i_offer fate;
    weft_i_rng rng;
    weft_order *order = NULL;
    weft_i_rng_seed(&rng, 1);
    cr_assert(!weft_i_graph_build(problem, &arena, NULL, &graph));
    cr_assert(!weft_i_slots_derive(&graph, &arena, NULL, &slots));
    cr_assert(!weft_i_order_fixed(&graph, WEFT_I_FIXED_1F1B, &slots, 0, NULL, &order));
    cr_assert(!weft_i_incumbent_init(&graph, WEFT_OBJECTIVE_MAKESPAN, &arena, NULL, &best));
    cr_assert(!weft_i_incumbent_offer(&best, order, NULL, "1f1b", NULL, &fate));
    int64_t before = weft_i_incumbent_ns(&best);
    weft_search_options options;
    weft_search_options_init(&options);
    options.iterations = iterations;
    weft_i_budget budget = weft_i_budget_begin(&options);
    budget.iterations = used;
    const weft_i_anneal_options how = {.hot = 0.3, .cold = 0.003, .until = until};
    cr_assert(!weft_i_anneal(&graph, &how, &budget, &rng, &best, NULL));
    int64_t gain_ns = before - weft_i_incumbent_ns(&best);
    weft_i_incumbent_free(&best);
    weft_order_free(order);
    weft_i_arena_free(&arena);
    weft_problem_free(problem);
    return gain_ns;
}

Test(anneal, ends_when_its_part_of_the_budget_is_over, .timeout = 110)
{
    const char *text = "pp=4 microbatches=8 fw=9 bw=20 vary=0.5";
    cr_assert_geq(anneal(text, 1, 1, 0.5), 0);
    cr_assert_geq(anneal(text, 1, 1, 1), 0);
}

/* 1,440 passes: several stretches. */
Test(anneal, gains_a_stretch_at_a_time, .timeout = 110)
{
    cr_assert_gt(anneal("pp=8 microbatches=90 fw=9 bw=20 vary=0.5 seed=3", 8000, 0, 1), 0);
}
