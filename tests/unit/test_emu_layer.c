/* One layer added up by hand: every flop, byte of traffic and byte of memory of a GPT layer. */
#include "tests/unit/emu_case.h"

/* One sequence of 1024 tokens, hidden 1024, 8 heads of 128, FFN 4096: all GEMMs are whole tiles. */
enum { T = 1024, H = 1024 };
static const int64_t TH = (int64_t)T * H;
static const double FLOP_NS = 50000, BYTES_NS = 1000; /* of emu_case.h */
static const int64_t SUMS = 4 * 8 * T; /* bytes that the fused attention keeps: a float a head */

static emu_case c;

static void setup(void)
{
    emu_case_make(&c, "gpt:layers=2,hidden=1024,heads=8,vocab=1000");
    emu_case_start(&c);
}

static void teardown(void)
{
    emu_case_free(&c);
}

TestSuite(emu_layer, .init = setup, .fini = teardown);

static weft_i_stage_cost layer(weft_i_strategy strategy)
{
    return emu_case_stage(&c, 0, 1, 1, T, 1, strategy);
}

static void is_near(int64_t ns, double expected)
{
    cr_assert_float_eq((double)ns, expected, 1, "%lld is not %.1f", (long long)ns, expected);
}

/* Maps h x 3h, h x h, h x 4h, 4h x h are 12 h^2 values: 24 T h^2 flop, and 90 steps of overhead
 * on the inner dimension, which is one side of the map forward, the other back, and T for the
 * weights. Traffic of the forward, in
 * bytes a value of T x h: two norms 4 each, query, key, value 20, two additions with dropout 7
 * each, the activation 8 for each of 4 h; of the backward 2 x 6 + 20 + 2 x 5 + 32. */
static const double MAPS = 24.0 * T * H * H, CORE = 2.0 * T * T * H;

static const double STEPS = 2.0 * T * H * 90; /* for H outputs a token */

static double forward_ns(void)
{
    double maps = MAPS + STEPS * (3 + 1 + 4 + 1);
    return (maps + CORE) / FLOP_NS + 74.0 * (double)TH / BYTES_NS;
}

static double input_ns(void)
{
    double maps = MAPS + STEPS * (1 + 1 + 1 + 4);
    return (maps + 2.5 * CORE) / FLOP_NS + 74.0 * (double)TH / BYTES_NS;
}

static double weight_ns(void)
{
    return (MAPS + 24.0 * H * H * 90) / FLOP_NS;
}

Test(emu_layer, times)
{
    weft_cost none = layer(WEFT_I_STRATEGY_NONE).cost;
    is_near(none.fw_ns, forward_ns());
    is_near(none.bwi_ns, input_ns());
    is_near(none.bww_ns, weight_ns());
    is_near(none.bw_ns, input_ns() + weight_ns());
    cr_assert_eq(none.recompute_ns, 0);
    /* Norms and the activation again: 4 + 4 + 32 bytes. */
    double again = 40.0 * (double)TH / BYTES_NS;
    weft_cost lean = layer(WEFT_I_STRATEGY_SELECTIVE).cost;
    is_near(lean.fw_ns, forward_ns());
    is_near(lean.recompute_ns, again);
    is_near(lean.bwi_ns, input_ns() + again);
    is_near(lean.bww_ns, weight_ns());
    weft_cost full = layer(WEFT_I_STRATEGY_FULL).cost;
    is_near(full.recompute_ns, forward_ns());
    is_near(full.bw_ns, forward_ns() + input_ns() + weight_ns());
    weft_cost two = emu_case_stage(&c, 0, 1, 2, T, 1, WEFT_I_STRATEGY_FULL).cost;
    cr_assert_eq(two.recompute_ns, 2 * full.recompute_ns);
}

/* With launches of 1 us: 4 GEMMs, 6 kernels of traffic and attention forward; 8, 6 and 1 back. */
Test(emu_layer, launches)
{
    c.node_type.device.launch_ns = 1000;
    emu_case_start(&c);
    weft_cost none = layer(WEFT_I_STRATEGY_NONE).cost;
    is_near(none.fw_ns, forward_ns() + 11000);
    is_near(none.bw_ns, input_ns() + weight_ns() + 15000);
    is_near(layer(WEFT_I_STRATEGY_SELECTIVE).cost.recompute_ns,
            40.0 * (double)TH / BYTES_NS + 3000);
}

Test(emu_layer, recomputed_flop)
{
    cr_assert_eq(layer(WEFT_I_STRATEGY_NONE).recompute_flop, 0);
    cr_assert_eq(layer(WEFT_I_STRATEGY_SELECTIVE).recompute_flop, 0);
    cr_assert_float_eq(layer(WEFT_I_STRATEGY_FULL).recompute_flop, MAPS + CORE, 1);
    c.parallel.tp = 4;
    emu_case_start(&c);
    cr_assert_float_eq(layer(WEFT_I_STRATEGY_FULL).recompute_flop, MAPS + CORE, 1);
    /* Separate kernels compute the whole square. */
    c.recipe->flash_attention = false;
    emu_case_start(&c);
    cr_assert_float_eq(layer(WEFT_I_STRATEGY_SELECTIVE).recompute_flop, 2 * CORE, 1);
    cr_assert_float_eq(layer(WEFT_I_STRATEGY_FULL).recompute_flop, MAPS + 2 * CORE, 1);
}

/* In multiples of T h bytes: the layer's output 2, the widest map's input and output 10, gradients
 * of queries in float32 4; selective drops 12, full 32 and the sums of attention. */
Test(emu_layer, work_bytes)
{
    weft_cost none = layer(WEFT_I_STRATEGY_NONE).cost;
    cr_assert_eq(none.work_bytes[WEFT_PASS_FW], 2 * TH);
    cr_assert_eq(none.work_bytes[WEFT_PASS_BW], 16 * TH);
    cr_assert_eq(none.work_bytes[WEFT_PASS_BWW], 2 * TH);
    weft_cost lean = layer(WEFT_I_STRATEGY_SELECTIVE).cost;
    cr_assert_eq(lean.work_bytes[WEFT_PASS_FW], 12 * TH);
    cr_assert_eq(lean.work_bytes[WEFT_PASS_BW], 28 * TH);
    weft_cost full = layer(WEFT_I_STRATEGY_FULL).cost;
    cr_assert_eq(full.work_bytes[WEFT_PASS_FW], 12 * TH + SUMS);
    cr_assert_eq(full.work_bytes[WEFT_PASS_BW], 48 * TH + SUMS);
}

/* While a split backward runs, gradients of outputs pile up (18 of the 32 that are held) and what
 * is not held goes; under full recomputation all that is held piles up. */
Test(emu_layer, work_bytes_of_a_split_backward)
{
    weft_cost none = layer(WEFT_I_STRATEGY_NONE).cost;
    cr_assert_eq(none.held_bytes, 32 * TH);
    cr_assert_eq(none.work_bytes[WEFT_PASS_BWI], (16 + 18) * TH);
    weft_cost two = emu_case_stage(&c, 0, 1, 2, T, 1, WEFT_I_STRATEGY_NONE).cost;
    cr_assert_eq(two.work_bytes[WEFT_PASS_BWI], none.work_bytes[WEFT_PASS_BWI]);
    weft_cost full = layer(WEFT_I_STRATEGY_FULL).cost;
    cr_assert_eq(full.work_bytes[WEFT_PASS_BWI], (48 + 32) * TH + SUMS);
    two = emu_case_stage(&c, 0, 1, 2, T, 1, WEFT_I_STRATEGY_FULL).cost;
    cr_assert_eq(two.work_bytes[WEFT_PASS_BWI], (48 + 32) * TH + SUMS + (32 - 2) * TH);
}

/* Sequence parallelism: two gathers and two scatters forward and back; weight gradients gather the
 * two saved inputs again, and split ones the two gradients of outputs, too. */
Test(emu_layer, sequence_parallel_communication)
{
    c.parallel.tp = 4;
    c.recipe->sequence_parallel = true;
    c.levels[0].latency_ns = 0;
    c.levels[0].gbs = 1e9;
    emu_case_start(&c);
    weft_cost fast = layer(WEFT_I_STRATEGY_NONE).cost;
    c.levels[0].gbs = 100;
    emu_case_start(&c);
    weft_cost cost = layer(WEFT_I_STRATEGY_NONE).cost;
    double gather = 0.75 * 2 * (double)TH / 100;
    is_near(cost.fw_ns - fast.fw_ns, 4 * gather);
    is_near(cost.bwi_ns - fast.bwi_ns, 4 * gather);
    is_near(cost.bww_ns - fast.bww_ns, 4 * gather);
    /* The gathers for the weights run under the gradients of the inputs. */
    is_near(cost.bw_ns - fast.bw_ns, 4 * gather);
    /* Gathered input and output. */
    cr_assert_eq(cost.work_bytes[WEFT_PASS_FW], 4 * TH);
    /* Slow links: no more is hidden than there are weight gradients to hide it under. */
    c.recipe->sequence_parallel = false;
    c.recipe->overlap_tp = true;
    c.cluster.stack.tp_overlap = 1;
    c.levels[0].gbs = 0.01;
    emu_case_start(&c);
    cost = layer(WEFT_I_STRATEGY_NONE).cost;
    is_near(cost.bw_ns, (double)cost.bwi_ns);
}

/* Two key heads on four devices: each holds one, not half of one. */
Test(emu_layer, copied_key_heads)
{
    weft_layer *block = &c.model->modules[0].layers[1];
    block->kv_heads = 2;
    c.parallel.tp = 4;
    emu_case_start(&c);
    int64_t tokens = T, kept = 2 * (2 * 128 + 2 * 128 + 2 * 128); /* query, key and value, output */
    weft_cost cost = layer(WEFT_I_STRATEGY_NONE).cost;
    cr_assert_eq(cost.saved_bytes, tokens * (kept + 10 * H + 4 * H) + SUMS / 4);
}

/* Equal layers on other tokens are other subgraphs, on other conditions that they do not read they
 * are the same. */
Test(emu_layer, subgraphs)
{
    weft_i_span spans[] = {{512, 3}, {512, 4}};
    weft_i_work work = {1024, spans, 2};
    weft_i_stage_cost cost;
    cr_assert_eq(weft_i_emu_stage(c.emu, 0, 1, 2, &work, 0, NULL, &cost), WEFT_STATUS_OK);
    weft_reuse_level stats = weft_i_emu_reuse(c.emu).subgraphs;
    cr_assert_eq(stats.entries, 2); /* one layer, one attention */
    spans[1].context = 5;
    cr_assert_eq(weft_i_emu_stage(c.emu, 0, 1, 2, &work, 2, NULL, &cost), WEFT_STATUS_OK);
    stats = weft_i_emu_reuse(c.emu).subgraphs;
    cr_assert_eq(stats.entries, 3);
    cr_assert_eq(stats.reused, 1);
    layer(WEFT_I_STRATEGY_NONE); /* other sequences, as many tokens */
    cr_assert_eq(weft_i_emu_reuse(c.emu).subgraphs.entries, 4);
}
