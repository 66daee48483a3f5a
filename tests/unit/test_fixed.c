/* The published orders: known makespans on uniform problems, validity on random ones. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "base/arena.h"
#include "plan/graph.h"
#include "search/fixed.h"
#include "search/zb_v.h"
#include "tests/unit/problems.h"

typedef struct fixture {
    weft_i_arena arena;
    weft_problem *problem;
    weft_i_graph graph;
    weft_i_slots slots;
} fixture;

static fixture open_synthetic(const char *text)
{
    fixture f = {0};
    weft_error error = {0};
    cr_assert_eq(weft_problem_synthetic(text, &error, &f.problem), WEFT_STATUS_OK, "%s: %s", text,
                 error.text);
    cr_assert_eq(weft_i_graph_build(f.problem, &f.arena, &error, &f.graph), WEFT_STATUS_OK);
    cr_assert_eq(weft_i_slots_derive(&f.graph, &f.arena, &error, &f.slots), WEFT_STATUS_OK, "%s",
                 error.text);
    return f;
}

static void close_synthetic(fixture *f)
{
    weft_problem_free(f->problem);
    weft_i_arena_free(&f->arena);
}

static weft_schedule_time time_fixed(const fixture *f, weft_i_fixed_kind kind)
{
    weft_order *order = NULL;
    weft_error error = {0};
    weft_schedule_time time = {0};
    cr_assert_eq(weft_i_order_fixed(&f->graph, kind, &f->slots, 0, &error, &order), WEFT_STATUS_OK,
                 "%s", error.text);
    cr_assert_eq(weft_order_time(f->problem, order, &error, NULL, NULL, &time), WEFT_STATUS_OK,
                 "%s", error.text);
    weft_order_free(order);
    return time;
}

/* pp, microbatches, segments, transfer in thousandths of a forward, makespan in forwards / 20 */
typedef struct cell {
    weft_i_fixed_kind kind;
    int pp, microbatches, segments, transfer;
    double makespan;
} cell;

static double makespan_of(const cell *of)
{
    char text[160];
    snprintf(text, sizeof text,
             "pp=%d microbatches=%d fw=1000 bw=2000 bww=1000 transfer=%d limit=1000 segments=%d",
             of->pp, of->microbatches, of->transfer, of->segments);
    fixture f = open_synthetic(text);
    weft_schedule_time time = time_fixed(&f, of->kind);
    close_synthetic(&f);
    return (double)time.pipeline_ns / 1e6;
}

/* Megatron's own generator timed by an independent evaluator: forward = input gradient = weight
 * gradient = 1 a rank, transfer 0 and 0.1. */
Test(fixed, megatron_makespans)
{
    static const cell cells[] = {
        {WEFT_I_FIXED_1F1B, 4, 8, 1, 0, 33},       {WEFT_I_FIXED_1F1B, 16, 16, 1, 0, 93},
        {WEFT_I_FIXED_1F1B, 16, 128, 1, 0, 429},   {WEFT_I_FIXED_1F1B, 4, 8, 1, 100, 34.6},
        {WEFT_I_FIXED_1F1B, 16, 16, 1, 100, 98.8}, {WEFT_I_FIXED_1F1B, 16, 128, 1, 100, 455.8},
        {WEFT_I_FIXED_VPP, 4, 8, 2, 0, 28.5},      {WEFT_I_FIXED_VPP, 16, 16, 2, 0, 70.5},
        {WEFT_I_FIXED_VPP, 16, 128, 2, 0, 406.5},  {WEFT_I_FIXED_VPP, 4, 8, 2, 100, 29.9},
        {WEFT_I_FIXED_VPP, 16, 16, 2, 100, 76.7},  {WEFT_I_FIXED_VPP, 16, 128, 2, 100, 412.7},
    };
    for (size_t i = 0; i < sizeof cells / sizeof *cells; i++)
        cr_expect_float_eq(makespan_of(&cells[i]), cells[i].makespan, 1e-9,
                           "%s p %d m %d c %d: %g, expected %g", weft_i_fixed_name(cells[i].kind),
                           cells[i].pp, cells[i].microbatches, cells[i].transfer,
                           makespan_of(&cells[i]), cells[i].makespan);
}

/* Most stages that a rank has between their forward and the end of their backward. */
static int peak_stages(const fixture *f, weft_i_fixed_kind kind)
{
    weft_order *order = NULL;
    int peak = 0;
    cr_assert_eq(weft_i_order_fixed(&f->graph, kind, &f->slots, 0, NULL, &order), WEFT_STATUS_OK);
    for (int32_t r = 0; r < order->n_ranks; r++)
        for (int32_t i = 0, held = 0; i < order->n_tasks[r]; i++) {
            weft_pass pass = weft_task_pass(order->tasks[r][i]);
            held += pass == WEFT_PASS_FW;
            peak = held > peak ? held : peak;
            held -= pass == WEFT_PASS_BW || pass == WEFT_PASS_BWW;
        }
    weft_order_free(order);
    return peak;
}

/* Peak memory at 16 ranks and 128 microbatches, by the same measurements: 16 and 23.5 activations;
 * that of ZB-H1 is 1F1B's. */
Test(fixed, peaks_of_uniform_problems)
{
    static const char *const text = "pp=16 microbatches=128 fw=2 bw=4 bww=2 transfer=0 limit=999";
    char two[96];
    snprintf(two, sizeof two, "%s segments=2", text);
    fixture f = open_synthetic(text), g = open_synthetic(two);
    cr_expect_eq(peak_stages(&f, WEFT_I_FIXED_1F1B), 16);
    cr_expect_eq(peak_stages(&f, WEFT_I_FIXED_ZB_H1), 16);
    cr_expect_eq(peak_stages(&f, WEFT_I_FIXED_GPIPE), 128);
    cr_expect_eq(peak_stages(&g, WEFT_I_FIXED_VPP), 47, "%d of half a rank's work",
                 peak_stages(&g, WEFT_I_FIXED_VPP));
    close_synthetic(&f);
    close_synthetic(&g);
}

/* T - 3m for m >= 2p without transfers. */
Test(fixed, bubbles_of_uniform_problems)
{
    for (int pp = 1; pp <= 8; pp++)
        for (int m = 2 * pp; m <= 4 * pp; m++) {
            cell one = {WEFT_I_FIXED_1F1B, pp, m, 1, 0, 0};
            cell zero = {WEFT_I_FIXED_ZB_H1, pp, m, 1, 0, 0};
            cell gpipe = {WEFT_I_FIXED_GPIPE, pp, m, 1, 0, 0};
            cr_expect_float_eq(makespan_of(&one) - 3 * m, 3 * (pp - 1), 1e-9);
            cr_expect_float_eq(makespan_of(&gpipe) - 3 * m, 3 * (pp - 1), 1e-9);
            cr_expect_float_eq(makespan_of(&zero) - 3 * m, pp - 1, 1e-9);
            for (int v = 2; v <= 4; v *= 2) {
                cell vpp = {WEFT_I_FIXED_VPP, pp, m, v, 0, 0};
                double bubble = makespan_of(&vpp) - 3 * m;
                if (m % pp == 0)
                    cr_expect_float_eq(bubble, 3.0 * (pp - 1) / v, 1e-9);
                else
                    cr_expect_geq(bubble, 3.0 * (pp - 1) / v - 1e-9);
            }
        }
}

/* Bubble rates of ZB-H1 on measured times: Qi et al., Zero bubble pipeline parallelism,
 * arXiv 2401.10241, Table 5. */
Test(fixed, zb_h1_published_rates)
{
    static const struct {
        int p, m, f, b, w, c;
        double rate;
    } rows[] = {
        {8, 24, 18522, 18086, 9337, 601, 0.1585},  {8, 32, 18513, 18086, 9331, 626, 0.1242},
        {8, 64, 18546, 18097, 9321, 762, 0.0674},  {8, 24, 29718, 29444, 19927, 527, 0.1323},
        {16, 48, 11347, 11248, 8132, 377, 0.1397}, {32, 96, 10419, 10207, 7715, 408, 0.1421},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[160];
        snprintf(text, sizeof text,
                 "pp=%d microbatches=%d fw=%d bw=%d bww=%d transfer=%d limit=1000 segments=1",
                 rows[i].p, rows[i].m, rows[i].f, rows[i].b + rows[i].w, rows[i].w, rows[i].c);
        fixture f = open_synthetic(text);
        weft_schedule_time time = time_fixed(&f, WEFT_I_FIXED_ZB_H1);
        double busy = 1e3 * rows[i].m * (rows[i].f + rows[i].b + rows[i].w);
        cr_expect_float_eq(1 - busy / (double)time.span_ns, rows[i].rate, 1e-4, "row %zu: %.4f", i,
                           1 - busy / (double)time.span_ns);
        close_synthetic(&f);
    }
}

/* Bubble rates of ZB-V's own generator on the same times, by an independent evaluator: the longest
 * span and the makespan, in memory of P activations (held until the weight gradient) and of 2P
 * (half of each held). The best of our four variants is no worse, and no other schedule. */
Test(fixed, zb_v_published_rates)
{
    static const struct {
        int p, m, f, b, w, c;
        double rate[4]; /* span and makespan in P, in 2P */
    } rows[] = {
        {8, 24, 18522, 18086, 9337, 601, {0.0703, 0.0722, 0.0076, 0.0655}},
        {8, 24, 29718, 29444, 19927, 527, {0.0403, 0.0606, 0.0039, 0.0567}},
        {16, 48, 11347, 11248, 8132, 377, {0.0498, 0.0714, 0.0038, 0.0609}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (int j = 0; j < 4; j++) {
            char text[160];
            int64_t least = WEFT_INT_MAX;
            snprintf(text, sizeof text,
                     "pp=%d microbatches=%d fw=%d bw=%d bww=%d transfer=%d limit=%d held=%s v=1",
                     rows[i].p, rows[i].m, rows[i].f, rows[i].b + rows[i].w, rows[i].w, rows[i].c,
                     j < 2 ? rows[i].p : 2 * rows[i].p, j < 2 ? "1" : "0.5");
            fixture f = open_synthetic(text);
            for (int k = 0; k < 4; k++) {
                weft_i_zb_v_options options = {k % 2 == 1, k >= 2};
                weft_order *order = NULL;
                weft_schedule_time time;
                cr_assert_eq(weft_i_order_zb_v(&f.graph, &options, NULL, &order), WEFT_STATUS_OK);
                cr_assert_eq(weft_order_time(f.problem, order, NULL, NULL, NULL, &time),
                             WEFT_STATUS_OK);
                int64_t ns = j % 2 == 0 ? time.span_ns : time.pipeline_ns;
                least = ns < least ? ns : least;
                weft_order_free(order);
            }
            if (j % 2 == 1) cr_expect_eq(time_fixed(&f, WEFT_I_FIXED_ZB_V).pipeline_ns, least);
            double busy = 1e3 * rows[i].m * (rows[i].f + rows[i].b + rows[i].w);
            double rate = 1 - busy / (double)least;
            cr_expect(rate <= rows[i].rate[j] + 1e-4 && rate >= rows[i].rate[j] - 5e-3,
                      "row %zu.%d: %.4f", i, j, rate);
            close_synthetic(&f);
        }
}

static void expect_fixed(const weft_problem *problem, weft_i_fixed_kind kind, int32_t group,
                         uint64_t seed)
{
    weft_i_arena arena = {0};
    weft_i_graph graph;
    weft_i_slots slots;
    weft_error error = {0};
    weft_order *order = NULL;
    weft_schedule_time time;
    cr_assert_eq(weft_i_graph_build(problem, &arena, &error, &graph), WEFT_STATUS_OK);
    cr_assert_eq(weft_i_slots_derive(&graph, &arena, &error, &slots), WEFT_STATUS_OK);
    cr_expect_eq(weft_i_order_fixed(&graph, kind, &slots, group, &error, &order), WEFT_STATUS_OK,
                 "seed %llu %s: %s", (unsigned long long)seed, weft_i_fixed_name(kind), error.text);
    if (order)
        cr_expect_eq(weft_order_time(problem, order, &error, NULL, NULL, &time), WEFT_STATUS_OK,
                     "seed %llu %s: %s", (unsigned long long)seed, weft_i_fixed_name(kind),
                     error.text);
    weft_order_free(order);
    weft_i_arena_free(&arena);
}

Test(fixed, valid_on_random_problems)
{
    const random_options straight = {.max_ranks = 5,
                                     .max_microbatches = 12,
                                     .max_modules = 3,
                                     .max_segments = 3,
                                     .max_time_ns = 9,
                                     .max_transfer_ns = 3,
                                     .max_bytes = 9,
                                     .straight = true};
    random_options bent = straight;
    bent.straight = false;
    for (uint64_t seed = 1; seed <= 500; seed++) {
        weft_i_arena arena = {0};
        weft_i_rng rng;
        weft_i_rng_seed(&rng, seed);
        weft_problem *problem = random_problem(&arena, &rng, &straight);
        expect_fixed(problem, WEFT_I_FIXED_GPIPE, 0, seed);
        expect_fixed(problem, WEFT_I_FIXED_VPP, 0, seed);
        expect_fixed(problem, WEFT_I_FIXED_OPTIMUS, (int32_t)random_in(&rng, 0, 5), seed);
        random_free(problem);
        problem = random_problem(&arena, &rng, &bent);
        expect_fixed(problem, WEFT_I_FIXED_GPIPE, 0, seed);
        random_free(problem);
        weft_i_arena_free(&arena);
    }
}

/* Vision on ranks 0 and 1, language on ranks 1 to 3: rank 1 holds chunks of both in one slot. */
static weft_problem *mixed_problem(weft_i_arena *arena)
{
    weft_problem *p = weft_i_new(arena, weft_problem, 1);
    const int32_t n_microbatches = 6;
    *p = (weft_problem){.n_ranks = 4, .n_chunks = 5};
    p->chunks = weft_i_new(arena, weft_chunk, 5);
    p->stages = weft_i_new(arena, weft_stage, 5 * n_microbatches);
    p->edges = weft_i_new(arena, weft_edge, 8 * n_microbatches);
    p->submicrobatches = weft_i_new(arena, weft_submicrobatch, 2 * n_microbatches);
    p->static_bytes = weft_i_new(arena, int64_t, 4);
    p->limit_bytes = weft_i_new(arena, int64_t, 4);
    static const int32_t ranks[5] = {0, 1, 1, 2, 3};
    for (int32_t c = 0; c < 5; c++)
        p->chunks[c] = (weft_chunk){.module = c < 2 ? "vision" : "language", .rank = ranks[c]};
    for (int32_t m = 0; m < n_microbatches; m++) {
        bool images = m % 3 != 1;
        int32_t *microbatch = weft_i_new(arena, int32_t, 1);
        *microbatch = m;
        for (int32_t k = 0; k < 2; k++)
            p->submicrobatches[p->n_submicrobatches++] =
                (weft_submicrobatch){k == 0 ? "vision" : "language", microbatch, 1, 0, 0, NULL, 0};
        for (int32_t c = images ? 0 : 2; c < 5; c++) {
            weft_stage *stage = &p->stages[p->n_stages++];
            *stage = (weft_stage){.chunk = c, .submicrobatch = 2 * m + (c >= 2)};
            stage->backward = WEFT_BACKWARD_FULL;
            stage->now.cost = (weft_cost){.fw_ns = 10, .bw_ns = 20, .bwi_ns = 10, .bww_ns = 10};
            if (c == (images ? 0 : 2)) continue;
            int32_t s = p->n_stages - 1;
            p->edges[p->n_edges++] = (weft_edge){.pass = WEFT_PASS_FW, .from = s - 1, .to = s};
            p->edges[p->n_edges++] = (weft_edge){.pass = WEFT_PASS_BW, .from = s, .to = s - 1};
        }
    }
    return p;
}

Test(fixed, mixed_stages_run_as_one_unit)
{
    weft_i_arena arena = {0};
    weft_problem *problem = mixed_problem(&arena);
    weft_i_graph graph;
    weft_i_slots slots;
    cr_assert_eq(weft_i_graph_build(problem, &arena, NULL, &graph), WEFT_STATUS_OK);
    cr_assert_eq(weft_i_slots_single(problem, &arena, NULL, &slots), WEFT_STATUS_OK);
    static const weft_i_fixed_kind kinds[] = {WEFT_I_FIXED_1F1B, WEFT_I_FIXED_ZB_H1};
    for (int i = 0; i < 2; i++) {
        weft_order *order = NULL;
        weft_schedule_time time;
        cr_assert_eq(weft_i_order_fixed(&graph, kinds[i], &slots, 0, NULL, &order), WEFT_STATUS_OK);
        cr_expect_eq(weft_order_time(problem, order, NULL, NULL, NULL, &time), WEFT_STATUS_OK);
        /* Rank 1 begins with both forwards of microbatch 0. */
        cr_expect_eq(order->tasks[1][0], weft_task_make(1, WEFT_PASS_FW));
        cr_expect_eq(order->tasks[1][1], weft_task_make(2, WEFT_PASS_FW));
        weft_order_free(order);
    }
    weft_i_arena_free(&arena);
}

Test(fixed, slots_that_do_not_suit)
{
    fixture f = open_synthetic("pp=4 microbatches=4 fw=10 bw=20 transfer=0 limit=9 segments=2 v=1");
    weft_order *order = NULL;
    weft_error error = {0};
    cr_expect_eq(f.slots.n, 2);
    cr_expect_eq(weft_i_order_fixed(&f.graph, WEFT_I_FIXED_VPP, &f.slots, 0, &error, &order),
                 WEFT_STATUS_FAILED);
    cr_expect_null(order);
    cr_expect(strstr(error.text, "vpp cannot run edge") != NULL, "%s", error.text);
    cr_expect_eq(weft_i_order_fixed(&f.graph, WEFT_I_FIXED_1F1B, &f.slots, 0, NULL, &order),
                 WEFT_STATUS_FAILED);
    error = (weft_error){0};
    cr_expect_eq(weft_i_order_fixed(&f.graph, WEFT_I_FIXED_ZB_V, &f.slots, 0, &error, &order),
                 WEFT_STATUS_FAILED);
    cr_expect(strstr(error.text, "one split stage") != NULL, "%s", error.text);
    cr_expect_eq(weft_i_order_fixed(&f.graph, WEFT_I_FIXED_GPIPE, &f.slots, 0, NULL, &order),
                 WEFT_STATUS_OK);
    weft_order_free(order);
    close_synthetic(&f);
}
