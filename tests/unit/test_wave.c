/* weft_i_wave: its orders are orders, once through the V it is the published schedule, twice it is
 * shorter, and it declines what is no V or too tight. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "base/rng.h"
#include "search/wave.h"
#include "search/zb_v.h"
#include "tests/unit/orders.h"

static weft_problem *make_problem(const char *text)
{
    weft_problem *problem = NULL;
    weft_error error = {0};
    cr_assert_eq(weft_problem_synthetic(text, &error, &problem), WEFT_STATUS_OK, "%s: %s", text,
                 error.text);
    return problem;
}

/* The wave's best order of a problem, checked; times 0 where it offers none. */
static weft_schedule_time wave_of(const weft_problem *problem, weft_objective objective,
                                  const char *what, uint64_t seed)
{
    weft_i_arena arena = {0};
    weft_i_graph graph;
    weft_i_workbench workbench;
    weft_i_incumbent best;
    weft_schedule_time time = {0, 0};
    weft_search_options options;
    weft_search_options_init(&options);
    options.iterations = 100;
    weft_i_budget budget = weft_i_budget_begin(&options);
    cr_assert(!weft_i_graph_build(problem, &arena, NULL, &graph));
    bool *split = weft_i_new(&arena, bool, problem->n_stages);
    for (int32_t s = 0; s < problem->n_stages; s++)
        split[s] = true;
    cr_assert(!weft_i_workbench_open(&graph, NULL, split, NULL, &workbench));
    cr_assert(!weft_i_incumbent_init(&graph, objective, &arena, NULL, &best));
    cr_assert(!weft_i_wave(&workbench, &budget, 1, &best, NULL));
    if (best.order) time = expect_order(problem, best.order, NULL, true, what, seed);
    weft_i_incumbent_free(&best);
    weft_i_workbench_close(&workbench);
    weft_i_arena_free(&arena);
    return time;
}

static weft_schedule_time zb_v_of(const weft_problem *problem)
{
    weft_i_arena arena = {0};
    weft_i_graph graph;
    weft_order *order = NULL;
    weft_schedule_time time;
    cr_assert(!weft_i_graph_build(problem, &arena, NULL, &graph));
    cr_assert(!weft_i_order_zb_v(&graph, NULL, NULL, &order));
    cr_assert(!weft_order_time(problem, order, NULL, NULL, NULL, &time));
    weft_order_free(order);
    weft_i_arena_free(&arena);
    return time;
}

/* Costs of the 1.5B model with 8 stages in the zero-bubble paper. */
#define PUBLISHED "pp=8 microbatches=24 fw=18522 bw=27423 bww=9337 transfer=601 limit=8 held=1 v=1"

Test(wave, once_through_the_v_is_the_published_schedule)
{
    weft_problem *problem = make_problem(PUBLISHED);
    weft_schedule_time zb_v = zb_v_of(problem);
    weft_bounds bounds;
    cr_assert(!weft_bounds_compute(problem, NULL, NULL, &bounds));
    cr_expect_eq(bounds.span_ns, zb_v.span_ns, "no order of two segments is shorter");
    cr_expect_eq(wave_of(problem, WEFT_OBJECTIVE_SPAN, "once", 0).span_ns, zb_v.span_ns);
    cr_expect_eq(wave_of(problem, WEFT_OBJECTIVE_MAKESPAN, "once", 0).pipeline_ns,
                 zb_v.pipeline_ns);
    weft_problem_free(problem);
}

Test(wave, twice_through_the_v_is_shorter_in_the_same_memory)
{
    weft_problem *once = make_problem(PUBLISHED), *twice = make_problem(PUBLISHED " segments=4");
    weft_schedule_time zb_v = zb_v_of(once);
    cr_expect_lt(wave_of(twice, WEFT_OBJECTIVE_SPAN, "twice", 0).span_ns * 100, zb_v.span_ns * 98);
    cr_expect_lt(wave_of(twice, WEFT_OBJECTIVE_MAKESPAN, "twice", 0).pipeline_ns * 100,
                 zb_v.pipeline_ns * 98);
    weft_problem_free(once);
    weft_problem_free(twice);
}

/* No order of the problem is shorter: building blocks in half the memory of the whole wave, and in
 * a stage more or less, begin and end as fast as memory allows. */
Test(wave, half_of_the_memory_is_used_to_the_bound)
{
    static const char *const texts[] = {
        "pp=8 microbatches=20 fw=1000 bw=2000 bww=1000 limit=4 v=1",
        "pp=8 microbatches=20 fw=1000 bw=2000 bww=1000 limit=5 v=1",
        "pp=16 microbatches=36 fw=1000 bw=2000 bww=1000 limit=7 v=1",
        "pp=16 microbatches=36 fw=1000 bw=2000 bww=1000 limit=8 v=1",
        "pp=16 microbatches=36 fw=1000 bw=2000 bww=1000 limit=9 v=1",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        weft_problem *problem = make_problem(texts[i]);
        weft_bounds bounds;
        cr_assert(!weft_bounds_compute(problem, NULL, NULL, &bounds));
        cr_expect_eq(wave_of(problem, WEFT_OBJECTIVE_MAKESPAN, texts[i], i).pipeline_ns,
                     bounds.makespan_ns, "%s", texts[i]);
        weft_problem_free(problem);
    }
}

/* Messages leave no block within this memory. Those made for none are run then: ranks wait in them,
 * but not as long as in what else there is. */
Test(wave, messages_do_not_leave_it_without_a_block)
{
    weft_problem *with =
        make_problem("pp=16 microbatches=32 fw=1000 bw=2000 bww=1000 transfer=100 limit=8 v=1");
    weft_problem *without =
        make_problem("pp=16 microbatches=32 fw=1000 bw=2000 bww=1000 limit=8 v=1");
    int64_t with_ns = wave_of(with, WEFT_OBJECTIVE_MAKESPAN, "with", 0).pipeline_ns;
    int64_t without_ns = wave_of(without, WEFT_OBJECTIVE_MAKESPAN, "without", 0).pipeline_ns;
    cr_expect(with_ns > without_ns && with_ns * 5 < without_ns * 6, "%lld, %lld",
              (long long)with_ns, (long long)without_ns);
    weft_problem_free(with);
    weft_problem_free(without);
}

Test(wave, every_v_in_enough_memory_has_a_valid_wave)
{
    weft_i_rng rng;
    int n_waves = 0;
    weft_i_rng_seed(&rng, 20);
    for (int i = 0; i < 40; i++) {
        char text[160];
        int ranks = 2 + (int)weft_i_rng_below(&rng, 4), laps = 1 + (int)weft_i_rng_below(&rng, 3);
        snprintf(text, sizeof text,
                 "pp=%d microbatches=%d fw=%d bw=%d bww=%d transfer=%d limit=%d held=0.5 v=1 "
                 "segments=%d",
                 ranks, 1 + (int)weft_i_rng_below(&rng, 11), 600 + (int)weft_i_rng_below(&rng, 600),
                 1200 + (int)weft_i_rng_below(&rng, 600), 200 + (int)weft_i_rng_below(&rng, 900),
                 (int)weft_i_rng_below(&rng, 100), ranks + (int)weft_i_rng_below(&rng, 3),
                 2 * laps);
        weft_problem *problem = make_problem(text);
        n_waves += wave_of(problem, WEFT_OBJECTIVE_MAKESPAN, text, (uint64_t)i).pipeline_ns > 0;
        weft_problem_free(problem);
    }
    cr_expect_geq(n_waves, 36, "%d of 40", n_waves);
}

Test(wave, other_shapes_and_too_little_memory_are_declined)
{
    static const char *const texts[] = {
        "pp=4 microbatches=8 fw=10 bw=20 bww=10 limit=4 segments=2",
        "pp=4 microbatches=8 fw=10 bw=20 bww=10 limit=4 segments=3 v=1",
        "pp=4 microbatches=8 fw=10 bw=20 bww=10 limit=1 segments=2 v=1",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        weft_problem *problem = make_problem(texts[i]);
        cr_expect_eq(wave_of(problem, WEFT_OBJECTIVE_SPAN, texts[i], i).span_ns, 0, "%s", texts[i]);
        weft_problem_free(problem);
    }
}

Test(wave, a_problem_without_chunks_has_no_shape)
{
    const weft_problem problem = {.n_ranks = 2};
    const weft_i_slots slots = {0};
    cr_assert_not(weft_i_wave_suits(&problem, &slots));
}
