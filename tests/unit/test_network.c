/* Placement of groups, and times of collectives and messages, against sums by hand. */
#include "emu/network.h"
#include "tests/unit/emu_case.h"

static emu_case c;

static weft_i_network network_of(int32_t dp, int32_t pp, int32_t tp, int32_t cp, int32_t ep)
{
    weft_parallel parallel = {dp, pp, tp, cp, ep};
    return weft_i_network_make(&c.cluster, &parallel);
}

static void setup(void)
{
    emu_case_make(&c, "gpt:layers=1,hidden=128,heads=1");
}

static void teardown(void)
{
    emu_case_free(&c);
}

TestSuite(network, .init = setup, .fini = teardown);

Test(network, tensor_groups_are_inside_a_node_replicas_are_not)
{
    weft_i_network n = network_of(4, 1, 4, 1, 2);
    cr_assert_eq(n.groups[WEFT_I_AXIS_TP].level, 0);
    cr_assert_eq(n.groups[WEFT_I_AXIS_TP].node_devices, 4);
    /* Expert pairs are neighbouring replicas: 8 devices. */
    cr_assert_eq(n.groups[WEFT_I_AXIS_EP].level, 0);
    cr_assert_eq(n.groups[WEFT_I_AXIS_EP].node_devices, 2);
    cr_assert_eq(n.groups[WEFT_I_AXIS_DP].level, 1);
    cr_assert_eq(n.groups[WEFT_I_AXIS_DP].node_devices, 2);
}

/* Three devices a group: 6..8 is one of them and lies in two nodes. */
Test(network, groups_that_do_not_fit_nodes_reach_further)
{
    weft_i_network n = network_of(1, 5, 3, 1, 1);
    cr_assert_eq(n.groups[WEFT_I_AXIS_TP].level, 1);
    n = network_of(1, 2, 3, 1, 1);
    cr_assert_eq(n.groups[WEFT_I_AXIS_TP].level, 0);
}

Test(network, replicas_of_a_rank)
{
    weft_i_network n = network_of(2, 2, 4, 1, 1);
    cr_assert_eq(weft_i_network_replicas(&n, 0, 1).level, 0);
    cr_assert_eq(weft_i_network_replicas(&n, 1, 1).devices, 2);
    n = network_of(8, 1, 2, 1, 2);
    weft_i_group group = weft_i_network_replicas(&n, 0, 2);
    cr_assert_eq(group.devices, 4);
    cr_assert_eq(group.level, 1);
    cr_assert_eq(group.node_devices, 2);
}

/* Ring: 2 (n - 1) / n times the bytes at 100 bytes a ns. */
Test(network, collectives_inside_a_node)
{
    weft_i_network n = network_of(1, 1, 4, 1, 1);
    const weft_i_group *tp = &n.groups[WEFT_I_AXIS_TP];
    double reduce = weft_i_network_collective_ns(&n, tp, WEFT_I_COLLECTIVE_ALL_REDUCE, 8e6);
    double gather = weft_i_network_collective_ns(&n, tp, WEFT_I_COLLECTIVE_ALL_GATHER, 8e6);
    cr_assert_float_eq(reduce, 2 * 0.75 * 8e6 / 100, 1e-6);
    cr_assert_float_eq(gather, reduce / 2, 1e-6);
    cr_assert_eq(weft_i_network_collective_ns(&n, tp, WEFT_I_COLLECTIVE_ALL_GATHER, 0), 0);
    weft_i_group alone = {1, 0, 1};
    cr_assert_eq(weft_i_network_collective_ns(&n, &alone, WEFT_I_COLLECTIVE_ALL_REDUCE, 8e6), 0);
}

/* 16 devices in two nodes: the ring has the NICs of all 8 devices of a node, 80 bytes a ns, but at
 * most what the node's own links give. One device a node has 10. */
Test(network, collectives_between_nodes)
{
    weft_i_network n = network_of(1, 1, 16, 1, 1);
    const weft_i_group *tp = &n.groups[WEFT_I_AXIS_TP];
    double ns = weft_i_network_collective_ns(&n, tp, WEFT_I_COLLECTIVE_ALL_REDUCE, 8e6);
    cr_assert_float_eq(ns, 2 * 15.0 / 16 * 8e6 / 80, 1e-6);
    c.levels[0].gbs = 50;
    ns = weft_i_network_collective_ns(&n, tp, WEFT_I_COLLECTIVE_ALL_REDUCE, 8e6);
    cr_assert_float_eq(ns, 2 * 15.0 / 16 * 8e6 / 50, 1e-6);
    n = network_of(2, 1, 8, 1, 1);
    c.levels[1].oversubscription = 2;
    ns = weft_i_network_collective_ns(&n, &n.groups[WEFT_I_AXIS_DP], WEFT_I_COLLECTIVE_ALL_REDUCE,
                                      8e6);
    cr_assert_float_eq(ns, 2 * 0.5 * 8e6 / (10 / 2.0), 1e-6);
}

/* A table of two group sizes: the next one above is taken; under its first point time is constant,
 * and never under the latency. */
Test(network, tables_of_collectives)
{
    weft_point slow[] = {{1e6, 0.1}, {1e8, 0.5}}, fast[] = {{1e6, 0.2}, {1e8, 1}};
    weft_collective_row rows[] = {{2, {fast, 2}}, {8, {slow, 2}}};
    c.levels[0].collectives = rows;
    c.levels[0].n_collectives = 2;
    weft_i_network n = network_of(1, 1, 4, 1, 1);
    const weft_i_group *tp = &n.groups[WEFT_I_AXIS_TP];
    double first = weft_i_network_collective_ns(&n, tp, WEFT_I_COLLECTIVE_ALL_REDUCE, 1e6);
    cr_assert_float_eq(first, 2 * 0.75 * 1e6 / 10, 1e-6);
    cr_assert_eq(weft_i_network_collective_ns(&n, tp, WEFT_I_COLLECTIVE_ALL_REDUCE, 10), first);
    double middle = weft_i_network_collective_ns(&n, tp, WEFT_I_COLLECTIVE_ALL_REDUCE, 1e7);
    cr_assert_float_eq(middle, 2 * 0.75 * 1e7 / 30, 1e-6);
    c.levels[0].latency_ns = 1000000000;
    cr_assert_eq(weft_i_network_collective_ns(&n, tp, WEFT_I_COLLECTIVE_ALL_REDUCE, 1e6), 1e9);
}

Test(network, messages)
{
    /* Ranks of 4 devices: 0 and 1 in one node, 1 and 2 in two. */
    weft_i_network n = network_of(1, 4, 4, 1, 1);
    cr_assert_eq(weft_i_network_message_ns(&n, 1e6, 1, 1, false), 0);
    cr_assert_float_eq(weft_i_network_message_ns(&n, 1e6, 0, 1, false), 1000 + 1e4, 1e-6);
    cr_assert_float_eq(weft_i_network_message_ns(&n, 1e6, 2, 1, false), 2000 + 1e5, 1e-6);
    /* A quarter through each NIC, then gathered in the node. */
    cr_assert_float_eq(weft_i_network_message_ns(&n, 1e6, 1, 2, true),
                       2000 + 1e6 / 4 / 10 + 0.75 * 1e6 / 100, 1e-6);
    cr_assert_float_eq(weft_i_network_message_ns(&n, 1e6, 0, 1, true), 1000 + 1e4, 1e-6);
    /* Two replicas of 2 devices a rank: rank 1 starts at device 4. */
    n = network_of(2, 4, 2, 1, 1);
    cr_assert_float_eq(weft_i_network_message_ns(&n, 1e6, 0, 1, false), 1000 + 1e4, 1e-6);
    cr_assert_float_eq(weft_i_network_message_ns(&n, 1e6, 1, 2, false), 2000 + 1e5, 1e-6);
}

/* What the software adds is there once for a message, however far it goes, and nowhere else. */
Test(network, software_adds_to_a_message)
{
    weft_i_network n = network_of(1, 4, 4, 1, 1);
    double near_ns = weft_i_network_message_ns(&n, 1e6, 0, 1, false);
    double far_ns = weft_i_network_message_ns(&n, 1e6, 1, 2, true);
    double step_ns = weft_i_network_ring_step_ns(&n, WEFT_I_AXIS_TP, 1e6);
    c.cluster.stack.message_ns = 700;
    cr_expect_float_eq(weft_i_network_message_ns(&n, 1e6, 0, 1, false), near_ns + 700, 1e-6);
    cr_expect_float_eq(weft_i_network_message_ns(&n, 1e6, 1, 2, true), far_ns + 700, 1e-6);
    cr_expect_eq(weft_i_network_message_ns(&n, 1e6, 1, 1, false), 0);
    cr_expect_eq(weft_i_network_ring_step_ns(&n, WEFT_I_AXIS_TP, 1e6), step_ns);
}

/* Level of the pairs of two ranks by looking at every pair, against the rule. */
Test(network, the_farthest_pair_decides)
{
    for (int32_t dp = 1; dp <= 4; dp++)
        for (int32_t tp = 1; tp <= 4; tp++) {
            int32_t pp = 16 / (dp * tp);
            weft_i_network n = network_of(dp, pp, tp, 1, 1);
            for (int32_t a = 0; a < pp; a++)
                for (int32_t b = a + 1; b < pp; b++) {
                    bool apart = false;
                    for (int32_t d = 0; d < dp * tp; d++)
                        apart |= (a * dp * tp + d) / 8 != (b * dp * tp + d) / 8;
                    double ns = weft_i_network_message_ns(&n, 1e6, a, b, false);
                    cr_assert_float_eq(ns, apart ? 2000 + 1e5 : 1000 + 1e4, 1e-6,
                                       "dp %d tp %d ranks %d %d", dp, tp, a, b);
                }
        }
}

Test(network, ring_step)
{
    weft_i_network n = network_of(1, 1, 4, 2, 1);
    cr_assert_float_eq(weft_i_network_ring_step_ns(&n, WEFT_I_AXIS_CP, 1e6), 1000 + 1e4, 1e-6);
    cr_assert_eq(weft_i_network_ring_step_ns(&n, WEFT_I_AXIS_EP, 1e6), 0);
}
