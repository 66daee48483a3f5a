/* Parameters, gradients and optimizer state cut over the replicas: bytes and times by hand. */
#include "tests/unit/emu_case.h"

static emu_case c;

/* A layer of 1024 values on four replicas inside a node. */
static void setup(void)
{
    emu_case_make(&c, "gpt:layers=2,hidden=1024,heads=8,vocab=1000");
    c.parallel.dp = 4;
    c.cluster.stack.dp_overlap = 0;
}

static void teardown(void)
{
    emu_case_free(&c);
}

TestSuite(emu_shards, .init = setup, .fini = teardown);

/* Within a rounding of so many ns or bytes. */
static void near(int64_t found, double expected, double slack)
{
    cr_expect_float_eq((double)found, expected, slack, "ZeRO %d: %lld, expected %.1f",
                       c.recipe->zero, (long long)found, expected);
}

/* 12 h^2 and biases 3h + h + 4h + h, two norms of 2h. */
static const double parameters = 12.0 * 1024 * 1024 + 13.0 * 1024;

static weft_i_stage_cost layer(int32_t zero, weft_i_strategy strategy)
{
    c.recipe->zero = zero;
    emu_case_start(&c);
    return emu_case_stage(&c, 0, 1, 1, 512, 2, strategy);
}

/* Rajbhandari et al. 2020, figure 1, with 2 + 4 + 12 bytes a parameter. */
Test(emu_shards, state_is_cut_stage_by_stage)
{
    const double bytes[] = {18, 2 + 4 + 12 / 4.0, 2 + (4 + 12) / 4.0, 18 / 4.0};
    for (int32_t zero = 0; zero <= 3; zero++) {
        layer(zero, WEFT_I_STRATEGY_NONE);
        weft_i_state state = weft_i_emu_state(c.emu, 0, 1, 1);
        near(weft_i_emu_state_bytes(c.emu, 0, 1, 1), bytes[zero] * parameters, 3);
        near(state.parameter_bytes, 2 * parameters / (zero >= 3 ? 4 : 1), 1);
        near(state.gradient_bytes, 4 * parameters / (zero >= 2 ? 4 : 1), 1);
        /* The optimizer touches a quarter of the parameters and 30 bytes of each. */
        double optimizer_ns = 30 * parameters / (zero >= 1 ? 4 : 1) / 1000;
        double gather_ns = zero == 1 || zero == 2 ? 0.75 * 2 * parameters / 100 : 0;
        near(weft_i_emu_optimizer_ns(c.emu, weft_i_emu_state_bytes(c.emu, 0, 1, 1)),
             optimizer_ns + gather_ns, 2);
    }
}

/* A ring of 4 at 100 bytes a ns moves 3/4 of a buffer for a gather or a scatter, twice that for an
 * all-reduce, which happens once a step and not in the passes. */
Test(emu_shards, collectives_move_into_the_passes)
{
    double gather = 0.75 * 2 * parameters / 100, scatter = 0.75 * 4 * parameters / 100;
    weft_cost whole = layer(1, WEFT_I_STRATEGY_NONE).cost;
    near(weft_i_emu_reduce_ns(c.emu, 0, 1, 1, 0), scatter, 1);
    weft_cost two = layer(2, WEFT_I_STRATEGY_NONE).cost;
    cr_expect_eq(weft_i_emu_reduce_ns(c.emu, 0, 1, 1, 0), 0);
    cr_expect_eq(weft_i_emu_reduce_bytes(c.emu, 0, 1, 1), 0);
    cr_expect_eq(two.fw_ns, whole.fw_ns);
    cr_expect_eq(two.bwi_ns, whole.bwi_ns);
    near(two.bww_ns, (double)whole.bww_ns + scatter, 1);
    near(two.bw_ns, (double)whole.bw_ns + scatter, 1);
    weft_cost three = layer(3, WEFT_I_STRATEGY_NONE).cost;
    near(three.fw_ns, (double)whole.fw_ns + gather, 1);
    near(three.bwi_ns, (double)whole.bwi_ns + gather, 1);
    near(three.bww_ns, (double)whole.bww_ns + scatter, 1);
    near(three.bw_ns, (double)whole.bw_ns + gather + scatter, 1);
    /* Two layers' parameters are whole at a time, and in the backward one layer's gradients. */
    near(three.work_bytes[WEFT_PASS_FW], (double)whole.work_bytes[WEFT_PASS_FW] + 4 * parameters,
         4);
    near(three.work_bytes[WEFT_PASS_BW], (double)whole.work_bytes[WEFT_PASS_BW] + 8 * parameters,
         4);
    cr_expect_eq(three.saved_bytes, whole.saved_bytes);
}

/* What is hidden costs the longer of the two; with a slowdown of 1.5 half of that is lost again. */
Test(emu_shards, hide_under_the_pass)
{
    double gather = 0.75 * 2 * parameters / 100;
    weft_cost whole = layer(0, WEFT_I_STRATEGY_NONE).cost;
    c.cluster.stack.dp_overlap = 1;
    weft_cost hidden = layer(3, WEFT_I_STRATEGY_NONE).cost;
    double fw = (double)whole.fw_ns, longer = fw > gather ? fw : gather;
    near(hidden.fw_ns, longer, 1);
    c.cluster.stack.slowdown = 1.5;
    hidden = layer(3, WEFT_I_STRATEGY_NONE).cost;
    near(hidden.fw_ns, longer + 0.5 * (fw < gather ? fw : gather), 1);
    c.recipe->overlap_dp = false;
    hidden = layer(3, WEFT_I_STRATEGY_NONE).cost;
    near(hidden.fw_ns, fw + gather, 1);
    cr_expect_leq(hidden.bw_ns, hidden.bwi_ns + hidden.bww_ns);
}

/* A frozen layer is gathered all the same, but has no gradients; one replica cuts nothing. */
Test(emu_shards, frozen_layers_and_one_replica)
{
    double gather = 0.75 * 2 * parameters / 100;
    for (int32_t l = 0; l < 4; l++)
        c.model->modules[0].layers[l].trainable = l == 0;
    weft_cost whole = layer(0, WEFT_I_STRATEGY_FULL).cost;
    weft_cost three = layer(3, WEFT_I_STRATEGY_FULL).cost;
    near(three.bw_ns, (double)whole.bw_ns + gather, 1);
    cr_expect_eq(three.recompute_ns, whole.recompute_ns);
    c.parallel.dp = 1;
    whole = layer(0, WEFT_I_STRATEGY_NONE).cost;
    three = layer(3, WEFT_I_STRATEGY_NONE).cost;
    cr_expect_eq(three.fw_ns, whole.fw_ns);
    cr_expect_eq(three.bw_ns, whole.bw_ns);
}

/* Experts are alike on dp / ep replicas: two of four here. */
Test(emu_shards, experts_are_cut_less)
{
    weft_layer *block = &c.model->modules[0].layers[1];
    block->experts = 8;
    block->experts_per_token = 2;
    c.parallel.ep = 2;
    double experts = 8 / 2 * 2.0 * 1024 * 4096;
    /* Attention 4 h^2, a router of 8 h, biases 3h + h, and of the experts' maps, which are counted
     * with the rest: 8 (4h + h), two norms of 2h. */
    double rest = 4.0 * 1024 * 1024 + 8 * 1024 + (4 + 40 + 4) * 1024.0;
    layer(3, WEFT_I_STRATEGY_NONE);
    near(weft_i_emu_state_bytes(c.emu, 0, 1, 1), 18 * (rest / 4 + experts / 2), 4);
    layer(2, WEFT_I_STRATEGY_NONE);
    near(weft_i_emu_state(c.emu, 0, 1, 1).gradient_bytes, 4 * (rest / 4 + experts / 2), 1);
}
