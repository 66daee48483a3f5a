/* tests/unit/test_order.c - orders, their times and what is wrong with bad ones; the graph. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "base/arena.h"
#include "plan/graph.h"
#include "plan/order_time.h"
#include "tests/unit/random_problem.h"
#include "weft/order.h"

enum { N_RANDOM = 400 };

/* The start of a task whose rank is free at `free_ns`: when all that it needs is there. */
static int64_t start_slowly(const weft_problem *problem, const bool *is_split,
                            const int64_t *end_ns, weft_task task, int64_t free_ns)
{
    int32_t s = weft_task_stage(task);
    weft_pass pass = weft_task_pass(task);
    int64_t start_ns = free_ns;
    int64_t own_ns = pass == WEFT_PASS_FW    ? problem->stages[s].ready_ns
                     : pass == WEFT_PASS_BWW ? end_ns[weft_task_make(s, WEFT_PASS_BWI)]
                                             : end_ns[weft_task_make(s, WEFT_PASS_FW)];
    if (start_ns < own_ns) start_ns = own_ns;
    for (int32_t e = 0; e < problem->n_edges && pass != WEFT_PASS_BWW; e++) {
        const weft_edge *edge = &problem->edges[e];
        if (edge->to != s || (edge->pass == WEFT_PASS_FW) != (pass == WEFT_PASS_FW)) continue;
        weft_pass before = edge->pass;
        if (before == WEFT_PASS_BW && is_split[edge->from]) before = WEFT_PASS_BWI;
        int64_t here_ns = end_ns[weft_task_make(edge->from, before)] + edge->transfer_ns;
        if (start_ns < here_ns) start_ns = here_ns;
    }
    return start_ns;
}

/* The time rule as it is written: look at all ranks again and again, and run the next pass of each
 * where all that it needs has run. False when nothing can run any more and something is left. */
static bool time_slowly(const weft_problem *problem, const weft_order *order, const bool *is_split,
                        int64_t *start_ns, int64_t *end_ns)
{
    bool *is_done = weft_i_alloc(4 * (size_t)problem->n_stages, sizeof(bool));
    int32_t next[RANDOM_RANKS] = {0}, n_left = 0, n_left_before;
    int64_t free_ns[RANDOM_RANKS] = {0};
    for (int32_t r = 0; r < order->n_ranks; r++)
        n_left += order->n_tasks[r];
    do {
        n_left_before = n_left;
        for (int32_t r = 0; r < order->n_ranks; r++) {
            if (next[r] == order->n_tasks[r]) continue;
            weft_task task = order->tasks[r][next[r]];
            if (!random_can_run(problem, is_split, is_done, task)) continue;
            const weft_cost *cost = &problem->stages[weft_task_stage(task)].now.cost;
            const int64_t ns[] = {cost->fw_ns, cost->bw_ns, cost->bwi_ns, cost->bww_ns};
            start_ns[task] = start_slowly(problem, is_split, end_ns, task, free_ns[r]);
            end_ns[task] = free_ns[r] = start_ns[task] + ns[weft_task_pass(task)];
            is_done[task] = true;
            next[r]++;
            n_left--;
        }
    } while (n_left < n_left_before);
    free(is_done);
    return n_left == 0;
}

/* Two arrays of times by task, all -1, and which stages the order splits. */
typedef struct times {
    int64_t *start_ns, *end_ns;
    bool *is_split;
} times;

static times times_create(const weft_problem *problem, const weft_order *order)
{
    size_t n = 4 * (size_t)problem->n_stages;
    times made = {weft_i_alloc(n, sizeof(int64_t)), weft_i_alloc(n, sizeof(int64_t)),
                  weft_i_alloc(n, sizeof(bool))};
    for (size_t i = 0; i < n; i++)
        made.start_ns[i] = made.end_ns[i] = -1;
    for (int32_t r = 0; r < order->n_ranks; r++) {
        for (int32_t i = 0; i < order->n_tasks[r]; i++) {
            weft_task task = order->tasks[r][i];
            if (weft_task_pass(task) == WEFT_PASS_BWI) made.is_split[weft_task_stage(task)] = true;
        }
    }
    return made;
}

static void times_free(times *t)
{
    free(t->start_ns);
    free(t->end_ns);
    free(t->is_split);
}

static void expect_same_times(const weft_problem *problem, const weft_order *order,
                              const times *slow, uint64_t seed)
{
    times fast = times_create(problem, order);
    weft_schedule_time time;
    weft_error error = {0};
    cr_assert_eq(weft_order_time(problem, order, &error, fast.start_ns, fast.end_ns, &time),
                 WEFT_STATUS_OK, "seed %lu: %s", (unsigned long)seed, error.text);
    int64_t last_ns = 0, span_ns = 0;
    for (int32_t task = 0; task < 4 * problem->n_stages; task++) {
        cr_assert_eq(fast.start_ns[task], slow->start_ns[task], "seed %lu, task %d",
                     (unsigned long)seed, (int)task);
        cr_assert_eq(fast.end_ns[task], slow->end_ns[task]);
        if (slow->end_ns[task] > last_ns) last_ns = slow->end_ns[task];
    }
    for (int32_t r = 0; r < order->n_ranks; r++) {
        int32_t n = order->n_tasks[r];
        if (n == 0) continue;
        int64_t span = slow->end_ns[order->tasks[r][n - 1]] - slow->start_ns[order->tasks[r][0]];
        if (span > span_ns) span_ns = span;
    }
    cr_assert_eq(time.pipeline_ns, last_ns);
    cr_assert_eq(time.span_ns, span_ns);
    times_free(&fast);
}

Test(order, times_are_those_of_the_slow_way)
{
    for (uint64_t seed = 1; seed <= N_RANDOM; seed++) {
        weft_i_rng rng;
        weft_i_rng_seed(&rng, seed);
        weft_problem *problem = random_problem(&rng);
        weft_order *order = random_order(&rng, problem);
        times slow = times_create(problem, order);
        cr_assert(time_slowly(problem, order, slow.is_split, slow.start_ns, slow.end_ns));
        expect_same_times(problem, order, &slow, seed);
        times_free(&slow);
        weft_order_free(order);
        weft_problem_free(problem);
    }
}

/* Two passes of a rank change places: both ways agree on whether that can run at all. */
Test(order, deadlocks_are_those_of_the_slow_way)
{
    int n_stuck = 0, n_fine = 0;
    for (uint64_t seed = 1; seed <= N_RANDOM; seed++) {
        weft_i_rng rng;
        weft_i_rng_seed(&rng, seed);
        weft_problem *problem = random_problem(&rng);
        weft_order *order = random_order(&rng, problem);
        int32_t r = random_to(&rng, order->n_ranks - 1);
        if (order->n_tasks[r] > 1) {
            weft_task *a = &order->tasks[r][random_to(&rng, order->n_tasks[r] - 1)];
            weft_task *b = &order->tasks[r][random_to(&rng, order->n_tasks[r] - 1)];
            weft_task swapped = *a;
            *a = *b;
            *b = swapped;
        }
        times slow = times_create(problem, order);
        if (time_slowly(problem, order, slow.is_split, slow.start_ns, slow.end_ns)) {
            n_fine++;
            expect_same_times(problem, order, &slow, seed);
        } else {
            n_stuck++;
            weft_error error = {0};
            weft_schedule_time time;
            cr_assert_eq(weft_order_time(problem, order, &error, NULL, NULL, &time),
                         WEFT_STATUS_FAILED, "seed %lu", (unsigned long)seed);
            cr_assert(strstr(error.text, "order deadlocks: rank ") == error.text, "%s", error.text);
        }
        times_free(&slow);
        weft_order_free(order);
        weft_problem_free(problem);
    }
    cr_assert(n_stuck > 20 && n_fine > 20, "%d and %d", n_stuck, n_fine);
}

/* Two ranks, two microbatches, F 10, B 20 (B 12 and W 8 where split), transfer 3. */
static weft_problem *small_problem(void)
{
    weft_problem *problem = NULL;
    weft_error error = {0};
    cr_assert_eq(weft_problem_synthetic("pp=2 microbatches=2 fw=0.01 bw=0.02 bww=0.008 "
                                        "transfer=0.003",
                                        &error, &problem),
                 WEFT_STATUS_OK, "%s", error.text);
    return problem;
}

#define T(stage, pass) (4 * (stage) + WEFT_PASS_##pass)

/* Rank 0 has stages 0 and 2, rank 1 has 1 and 3. */
static weft_order *small_order(const weft_task *rank0, int32_t n0, const weft_task *rank1,
                               int32_t n1)
{
    weft_order *order = weft_order_create(2, (const int32_t[]){n0, n1});
    memcpy(order->tasks[0], rank0, (size_t)n0 * sizeof(*rank0));
    memcpy(order->tasks[1], rank1, (size_t)n1 * sizeof(*rank1));
    order->n_tasks[0] = n0;
    order->n_tasks[1] = n1;
    return order;
}

static const weft_task good0[] = {T(0, FW), T(2, FW), T(0, BW), T(2, BW)};
static const weft_task good1[] = {T(1, FW), T(1, BWI), T(3, FW), T(3, BW), T(1, BWW)};

Test(order, a_small_case_by_hand)
{
    weft_problem *problem = small_problem();
    weft_order *order = small_order(good0, 4, good1, 5);
    int64_t start_ns[16], end_ns[16];
    weft_schedule_time time;
    cr_assert_eq(weft_order_time(problem, order, NULL, start_ns, end_ns, &time), WEFT_STATUS_OK);
    cr_expect_eq(start_ns[T(1, FW)], 13);
    cr_expect_eq(end_ns[T(1, BWI)], 35); /* 13 + 10 + 12 */
    cr_expect_eq(start_ns[T(0, BW)], 38);
    cr_expect_eq(start_ns[T(3, BW)], 45);
    cr_expect_eq(end_ns[T(1, BWW)], 73);
    cr_expect_eq(end_ns[T(2, BW)], 88); /* 45 + 20 + 3 + 20 */
    cr_expect_eq(start_ns[T(1, BW)], -1);
    cr_expect_eq(time.pipeline_ns, 88);
    cr_expect_eq(time.span_ns, 88);
    problem->stages[0].ready_ns = 5;
    cr_assert_eq(weft_order_time(problem, order, NULL, NULL, NULL, &time), WEFT_STATUS_OK);
    cr_expect_eq(time.pipeline_ns, 93);
    cr_expect_eq(time.span_ns, 88);
    weft_order_free(order);
    weft_problem_free(problem);
}

static void expect_failure(const weft_problem *problem, const weft_order *order, const char *text)
{
    weft_error error = {0};
    weft_schedule_time time = {.pipeline_ns = -7};
    int64_t start_ns[16] = {-7};
    cr_expect_eq(weft_order_time(problem, order, &error, start_ns, NULL, &time),
                 WEFT_STATUS_FAILED);
    cr_expect_str_eq(error.text, text);
    cr_expect_eq(time.pipeline_ns, -7);
    cr_expect_eq(start_ns[0], -7);
}

Test(order, bad_orders_are_named)
{
    weft_problem *problem = small_problem();
    const struct {
        weft_task rank0[4], rank1[5];
        int32_t n0, n1;
        const char *text;
    } cases[] = {
        {{T(0, FW), T(0, BW), T(2, FW), T(2, BW)},
         {T(1, FW), T(3, FW), T(3, BW), T(1, BW)},
         4,
         4,
         "order deadlocks: rank 0 waits with bw of stage 0 for bw of stage 1 of rank 1"},
        {{T(0, FW), T(2, BW), T(2, FW), T(0, BW)},
         {T(1, FW), T(1, BW), T(3, FW), T(3, BW)},
         4,
         4,
         "order deadlocks: rank 0 waits with bw of stage 2 for fw of stage 2 of rank 0"},
        {{T(0, FW), T(2, FW), T(0, BW), T(2, BW)},
         {T(1, FW), T(1, BWW), T(1, BWI), T(3, FW), T(3, BW)},
         4,
         5,
         "order deadlocks: rank 0 waits with bw of stage 0 for bwi of stage 1 of rank 1"},
        {{T(0, FW), T(2, FW), T(0, BW)},
         {T(1, FW), T(1, BW), T(3, FW), T(3, BW)},
         3,
         4,
         "order of rank 0 lacks bw of stage 2"},
        {{T(0, FW), T(2, FW), T(0, BW), T(2, BW)},
         {T(1, FW), T(1, BWI), T(3, FW), T(3, BW)},
         4,
         4,
         "order of rank 1 lacks bww of stage 1, whose backward is split"},
        {{T(0, FW), T(2, FW), T(0, BW), T(2, BW)},
         {T(1, FW), T(1, BWI), T(1, BWW), T(1, BW), T(3, FW)},
         4,
         5,
         "order of rank 1 has bw of stage 1, whose backward is split"},
        {{T(0, FW), T(2, FW), T(0, BW), T(0, FW)},
         {0},
         4,
         0,
         "order of rank 0 has fw of stage 0 twice"},
        {{T(0, FW), T(1, FW)}, {0}, 2, 0, "order of rank 0 has fw of stage 1, which is on rank 1"},
        {{T(0, FW), T(4, FW)}, {0}, 2, 0, "order of rank 0 has task 16, expected 0 to 15"},
        {{-1}, {0}, 1, 0, "order of rank 0 has task -1, expected 0 to 15"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        weft_order *order = small_order(cases[i].rank0, cases[i].n0, cases[i].rank1, cases[i].n1);
        expect_failure(problem, order, cases[i].text);
        weft_order_free(order);
    }
    weft_problem_free(problem);
}

Test(order, passes_that_a_stage_lacks)
{
    weft_problem *problem = NULL;
    cr_assert_eq(weft_problem_synthetic("pp=2 microbatches=2 fw=1 bw=2", NULL, &problem),
                 WEFT_STATUS_OK);
    weft_order *order = small_order(good0, 4, good1, 5);
    expect_failure(problem, order,
                   "order of rank 1 has bwi of stage 1, a pass that the stage lacks");
    order->n_ranks = 1;
    expect_failure(problem, order, "order has 1 ranks, expected 2");
    weft_order_free(order);
    weft_problem_free(problem);
}

Test(order, copies_are_apart)
{
    weft_order *order = small_order(good0, 4, good1, 5);
    weft_order *copy = weft_order_copy(order);
    order->tasks[0][0] = -1;
    order->n_tasks[1] = 0;
    cr_expect_eq(copy->n_ranks, 2);
    cr_expect_eq(copy->n_tasks[1], 5);
    cr_expect_arr_eq(copy->tasks[0], good0, sizeof(good0));
    cr_expect_arr_eq(copy->tasks[1], good1, sizeof(good1));
    cr_expect_eq(copy->tasks[1], copy->tasks[0] + 4, "one array");
    weft_order_free(order);
    weft_order_free(copy);
    weft_order_free(NULL);
    order = weft_order_create(3, (const int32_t[]){0, 0, 0});
    cr_assert_not_null(order);
    weft_order_free(order);
}

/* Each allocation fails once. */
Test(order, out_of_memory)
{
    weft_problem *problem = small_problem();
    weft_order *order = small_order(good0, 4, good1, 5);
    weft_status status = WEFT_STATUS_NO_MEMORY;
    weft_schedule_time time;
    long n_failed = 0;
    while (status == WEFT_STATUS_NO_MEMORY) {
        weft_i_alloc_fail_after(n_failed + 1);
        status = weft_order_time(problem, order, NULL, NULL, NULL, &time);
        if (status == WEFT_STATUS_NO_MEMORY) n_failed++;
    }
    weft_i_alloc_fail_after(1);
    cr_expect_null(weft_order_copy(order));
    weft_i_alloc_fail_after(0);
    cr_expect_eq(status, WEFT_STATUS_OK);
    cr_expect(n_failed >= 2);
    weft_order_free(order);
    weft_problem_free(problem);
}

static void expect_edges(const weft_problem *problem, const weft_i_adjacency *adjacency,
                         weft_pass pass, bool by_target)
{
    for (int32_t s = 0; s < problem->n_stages; s++) {
        int32_t next = adjacency->first[s];
        for (int32_t e = 0; e < problem->n_edges; e++) {
            const weft_edge *edge = &problem->edges[e];
            if (edge->pass != pass || (by_target ? edge->to : edge->from) != s) continue;
            cr_assert_lt(next, adjacency->first[s + 1]);
            cr_assert_eq(adjacency->edges[next++], e);
        }
        cr_assert_eq(next, adjacency->first[s + 1]);
    }
}

Test(graph, has_every_edge_at_its_stage)
{
    for (uint64_t seed = 1; seed <= 50; seed++) {
        weft_i_rng rng;
        weft_i_rng_seed(&rng, seed);
        weft_problem *problem = random_problem(&rng);
        weft_i_arena arena = {0};
        weft_i_graph graph;
        cr_assert_eq(weft_i_graph_build(problem, &arena, NULL, &graph), WEFT_STATUS_OK);
        expect_edges(problem, &graph.fw_in, WEFT_PASS_FW, true);
        expect_edges(problem, &graph.fw_out, WEFT_PASS_FW, false);
        expect_edges(problem, &graph.bw_in, WEFT_PASS_BW, true);
        expect_edges(problem, &graph.bw_out, WEFT_PASS_BW, false);
        int32_t n[RANDOM_RANKS] = {0};
        for (int32_t s = 0; s < problem->n_stages; s++) {
            cr_assert_eq(graph.rank[s], random_rank_of(problem, s));
            n[graph.rank[s]]++;
        }
        cr_assert_arr_eq(graph.n_rank_stages, n, (size_t)problem->n_ranks * sizeof(n[0]));
        weft_i_arena_free(&arena);
        weft_problem_free(problem);
    }
}
