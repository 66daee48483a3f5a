/* tests/unit/test_algorithms.c - collectives by algorithm against the same done step by step: who
 * sends how many bytes to whom, the slowest pair of a step taken, step after step. */
#include <criterion/criterion.h>
#include <math.h>

#include "base/rng.h"
#include "emu/algorithms.h"
#include "tests/unit/emu_case.h"

/* Sizes that are powers of two. */
static weft_i_reach draw_reach(weft_i_rng *rng)
{
    return (weft_i_reach){.nodes = 1 << weft_i_rng_below(rng, 4),
                          .node_devices = 1 << weft_i_rng_below(rng, 4),
                          .near_ns = 100 + (double)weft_i_rng_below(rng, 900),
                          .far_ns = 1000 + (double)weft_i_rng_below(rng, 9000),
                          .near_rate = 10 + (double)weft_i_rng_below(rng, 90),
                          .far_rate = 1 + (double)weft_i_rng_below(rng, 9)};
}

static int32_t devices_of(const weft_i_reach *r)
{
    return r->nodes * r->node_devices;
}

/* A message by the links of its two devices alone. */
static double pair_ns(const weft_i_reach *r, int32_t a, int32_t b, double bytes)
{
    bool far = a / r->node_devices != b / r->node_devices;
    return far ? r->far_ns + bytes / r->far_rate : r->near_ns + bytes / r->near_rate;
}

/* Every device exchanges `bytes` with the one at `distance` (exclusive or). */
static double step_ns(const weft_i_reach *r, int32_t distance, double bytes)
{
    double slowest = 0;
    for (int32_t d = 0; d < devices_of(r); d++)
        slowest = fmax(slowest, pair_ns(r, d, d ^ distance, bytes));
    return slowest;
}

/* All-gather: nodes first, what is held doubles. */
static double doubling_ns(const weft_i_reach *r, double bytes)
{
    int32_t n = devices_of(r);
    double ns = 0, held = bytes / n;
    for (int32_t distance = r->node_devices; distance < n; distance *= 2, held *= 2)
        ns += step_ns(r, distance, held);
    for (int32_t distance = 1; distance < r->node_devices; distance *= 2, held *= 2)
        ns += step_ns(r, distance, held);
    cr_assert_float_eq(held, bytes, 1e-6 * bytes); /* all have all */
    return ns;
}

static double pairwise_ns(const weft_i_reach *r, double bytes)
{
    double ns = 0;
    for (int32_t distance = 1; distance < devices_of(r); distance++)
        ns += step_ns(r, distance, bytes / devices_of(r));
    return ns;
}

/* Each device sends all others their part at the same time: its links take what they carry. */
static double direct_ns(const weft_i_reach *r, double bytes)
{
    double near = 0, far = 0, n = devices_of(r);
    for (int32_t d = 1; d < devices_of(r); d++)
        *(d < r->node_devices ? &near : &far) += bytes / n;
    return (far > 0 ? r->far_ns : r->near_ns) + fmax(near / r->near_rate, far / r->far_rate);
}

static bool is_near(double a, double b)
{
    return fabs(a - b) <= 1e-9 * fmax(a, b);
}

Test(algorithms, step_by_step)
{
    weft_i_rng rng;
    weft_i_rng_seed(&rng, 17);
    for (int round = 0; round < 300; round++) {
        weft_i_reach r = draw_reach(&rng);
        double bytes = pow(10, 2 + 7 * weft_i_rng_double(&rng));
        if (devices_of(&r) == 1) continue;
        weft_i_collective gather = WEFT_I_COLLECTIVE_ALL_GATHER;
        weft_i_collective reduce = WEFT_I_COLLECTIVE_ALL_REDUCE;
        cr_assert(is_near(weft_i_algorithm_ns(WEFT_ALGORITHM_TREE, gather, &r, bytes),
                          doubling_ns(&r, bytes)),
                  "seed 17, round %d", round);
        cr_assert(is_near(weft_i_all_to_all_ns(WEFT_ALL_TO_ALL_PAIRWISE, &r, bytes),
                          pairwise_ns(&r, bytes)),
                  "seed 17, round %d", round);
        double direct = direct_ns(&r, bytes);
        cr_assert(
            is_near(weft_i_all_to_all_ns(WEFT_ALL_TO_ALL_DIRECT, &r, bytes), direct) &&
                is_near(weft_i_algorithm_ns(WEFT_ALGORITHM_DIRECT, gather, &r, bytes), direct) &&
                is_near(weft_i_algorithm_ns(WEFT_ALGORITHM_DIRECT, reduce, &r, bytes), 2 * direct),
            "seed 17, round %d", round);
    }
}

/* In one node a ring is n - 1 steps of a part, and Bruck's way log2 n steps of a half. */
Test(algorithms, rings_and_bruck)
{
    weft_i_reach r = {.nodes = 1, .node_devices = 8, .near_ns = 500, .near_rate = 50};
    double step = 500 + 8e6 / 8 / 50;
    cr_expect_float_eq(
        weft_i_algorithm_ns(WEFT_ALGORITHM_RING, WEFT_I_COLLECTIVE_ALL_GATHER, &r, 8e6), 7 * step,
        1e-6);
    cr_expect_float_eq(
        weft_i_algorithm_ns(WEFT_ALGORITHM_RING, WEFT_I_COLLECTIVE_ALL_REDUCE, &r, 8e6), 14 * step,
        1e-6);
    cr_expect_float_eq(weft_i_all_to_all_ns(WEFT_ALL_TO_ALL_BRUCK, &r, 8e6), 3 * (500 + 4e6 / 50),
                       1e-6);
    /* Over four nodes each of eight rings has a NIC of its own and an eighth of the bytes, and
     * three of its hops leave a node. */
    r.nodes = 4;
    r.far_ns = 3000;
    r.far_rate = 5;
    cr_expect_float_eq(
        weft_i_algorithm_ns(WEFT_ALGORITHM_RING, WEFT_I_COLLECTIVE_ALL_GATHER, &r, 8e6),
        3 * 3000 + 28 * 500 + 31.0 / 32 * 1e6 / 5, 1e-6);
}

/* A switch that adds up: each device's link carries its values once for every owner of a part, and
 * the part that it owns once more. */
Test(algorithms, switches)
{
    weft_i_reach r = {
        .nodes = 1, .node_devices = 8, .near_ns = 500, .near_rate = 50, .multicast = true};
    double sent = 0;
    for (int owner = 0; owner < 8; owner++)
        sent += 8e6 / 8 * (owner == 0 ? 2 : 1);
    weft_i_collective reduce = WEFT_I_COLLECTIVE_ALL_REDUCE;
    cr_expect_float_eq(weft_i_algorithm_ns(WEFT_ALGORITHM_SWITCH, reduce, &r, 8e6),
                       2 * 500 + sent / 50, 1e-6);
    double least = weft_i_algorithm_ns(WEFT_ALGORITHM_LEAST, reduce, &r, 8e6);
    cr_expect_float_eq(least, 2 * 500 + sent / 50, 1e-6);
    r.multicast = false;
    least = weft_i_algorithm_ns(WEFT_ALGORITHM_LEAST, reduce, &r, 8e6);
    cr_expect_float_eq(least, weft_i_algorithm_ns(WEFT_ALGORITHM_RING, reduce, &r, 8e6), 1e-6);
    cr_expect_float_eq(weft_i_algorithm_ns(WEFT_ALGORITHM_SWITCH, reduce, &r, 8e6), least, 1e-6);
}

/* Of small buffers over many nodes a tree is the quickest, of large ones a ring. */
Test(algorithms, least_goes_by_size)
{
    weft_i_reach r = {.nodes = 64,
                      .node_devices = 8,
                      .near_ns = 1000,
                      .far_ns = 5000,
                      .near_rate = 200,
                      .far_rate = 20};
    weft_i_collective reduce = WEFT_I_COLLECTIVE_ALL_REDUCE;
    for (double bytes = 1e3; bytes < 1e12; bytes *= 10) {
        double ring = weft_i_algorithm_ns(WEFT_ALGORITHM_RING, reduce, &r, bytes);
        double tree = weft_i_algorithm_ns(WEFT_ALGORITHM_TREE, reduce, &r, bytes);
        cr_expect_eq(weft_i_algorithm_ns(WEFT_ALGORITHM_LEAST, reduce, &r, bytes),
                     fmin(ring, tree));
        if (bytes < 1e6) cr_expect(tree < ring / 5);
        if (bytes > 1e10) cr_expect(ring < tree);
    }
}

/* The level that a group reaches says which; large buffers take what the table ends with, whether
 * its switches add up or not. */
Test(algorithms, of_a_cluster)
{
    emu_case c;
    emu_case_make(&c, "gpt:layers=1,hidden=128,heads=1");
    weft_i_collective reduce = WEFT_I_COLLECTIVE_ALL_REDUCE;
    weft_parallel parallel = {2, 1, 8, 1, 2};
    weft_i_network n = weft_i_network_make(&c.cluster, &parallel);
    const weft_i_group *tp = &n.groups[WEFT_I_AXIS_TP], *ep = &n.groups[WEFT_I_AXIS_EP];
    double table = weft_i_network_collective_ns(&n, tp, reduce, 1e12);
    c.levels[0].algorithm = WEFT_ALGORITHM_LEAST;
    double plain = weft_i_network_collective_ns(&n, tp, reduce, 1e12);
    cr_expect_float_eq(plain / table, 1, 1e-3);
    c.levels[0].multicast = true;
    double added = weft_i_network_collective_ns(&n, tp, reduce, 1e12);
    cr_expect_float_eq(added / table, 1, 1e-3);
    c.levels[0].algorithm = WEFT_ALGORITHM_RING;
    double ring = weft_i_network_collective_ns(&n, tp, reduce, 1e12);
    cr_expect_float_eq(ring / table, 14.0 / 9, 1e-3);
    /* Two experts in two nodes, one NIC each: half of the bytes go over. */
    weft_i_collective exchange = WEFT_I_COLLECTIVE_ALL_TO_ALL;
    cr_expect_float_eq(weft_i_network_collective_ns(&n, ep, exchange, 8e6), 4e6 / 10, 1e-6);
    c.levels[1].all_to_all = WEFT_ALL_TO_ALL_PAIRWISE;
    cr_expect_float_eq(weft_i_network_collective_ns(&n, ep, exchange, 8e6), 2000 + 4e6 / 10, 1e-6);
    emu_case_free(&c);
}

/* Sixteen experts on two nodes: each device sends 8 of 16 parts through its own NIC, whatever the
 * NICs of its neighbours do. */
Test(algorithms, exchange_between_nodes)
{
    emu_case c;
    emu_case_make(&c, "gpt:layers=1,hidden=128,heads=1");
    weft_parallel parallel = {16, 1, 1, 1, 16};
    weft_i_network n = weft_i_network_make(&c.cluster, &parallel);
    double ns = weft_i_network_collective_ns(&n, &n.groups[WEFT_I_AXIS_EP],
                                             WEFT_I_COLLECTIVE_ALL_TO_ALL, 16e6);
    cr_expect_float_eq(ns, 8e6 / 10, 1e-6);
    emu_case_free(&c);
}
