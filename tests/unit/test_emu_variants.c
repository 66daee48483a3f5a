/* Variants of layers and of parallelism: latent attention, uneven experts, cross-attention in a
 * language model, keys gathered under context parallelism. Flop and bytes by hand. */
#include "profiles/layer.h"
#include "profiles/linear.h"
#include "tests/unit/emu_case.h"

enum { H = 512, F = 2048, A = 4, T = 1024 };

static emu_case c;
static weft_layer *block;

static void setup(void)
{
    emu_case_make(&c, "gpt:layers=1,hidden=512,ffn=2048,heads=4,vocab=1000");
    block = &c.model->modules[0].layers[1];
}

static void teardown(void)
{
    emu_case_free(&c);
}

TestSuite(emu_variants, .init = setup, .fini = teardown);

/* One sequence of T tokens. */
static weft_i_stage_cost stage(void)
{
    emu_case_start(&c);
    return emu_case_stage(&c, 0, 1, 1, T, 1, WEFT_I_STRATEGY_NONE);
}

enum { NOPE = 128, ROPE = 64, VALUE = 96, KV = 256, Q = 384 };

static void make_latent(int32_t q_rank)
{
    block->kv_rank = KV;
    block->q_rank = q_rank;
    block->rope_size = ROPE;
    block->head_size = NOPE;
    block->value_size = VALUE;
}

/* DeepSeek-V2, section 2.1: maps down to latents and up for each head; scores over NOPE + ROPE
 * values, sums over VALUE. */
Test(emu_variants, latent_attention_flop)
{
    double maps[2] = {H * (double)A * (NOPE + ROPE), H * (double)Q + Q * (double)A * (NOPE + ROPE)};
    for (int with = 0; with < 2; with++) {
        make_latent(with ? Q : 0);
        double map = maps[with] + H * (KV + ROPE) + KV * A * (NOPE + VALUE) + A * VALUE * H;
        double attention = 2.0 * T * (T / 2) * A * (NOPE + ROPE + VALUE);
        cr_expect_float_eq(stage().model_flop, 3 * (2.0 * T * (map + 2.0 * H * F) + attention), 1);
    }
}

/* Two bytes a value: input and output of four norms, queries, keys and values, attention's output,
 * the MLP's activation in and out; masks of dropout; four bytes of sums a query and head. */
Test(emu_variants, latent_attention_bytes)
{
    make_latent(Q);
    for (int32_t tp = 1; tp <= 2; tp++) {
        c.parallel.tp = tp;
        int64_t cut = A * (2 * (NOPE + ROPE) + VALUE) + A * VALUE + 2 * F;
        int64_t saved = 2 * T * (2 * H + 2 * Q + 2 * KV + 2 * H + cut / tp) + 2 * T * H;
        cr_expect_eq(stage().cost.saved_bytes, saved + 4 * A / tp * T, "tp %d", tp);
    }
}

/* DeepSeek-V3 has 671 billion parameters: 61 layers, of which 3 dense (its report, arXiv
 * 2412.19437, section 4.2). */
Test(emu_variants, parameters_of_deepseek_v3)
{
    weft_layer l = weft_i_layer_default(WEFT_LAYER_TRANSFORMER);
    l.hidden = 7168;
    l.heads = 128;
    l.head_size = l.value_size = 128;
    l.kv_rank = 512;
    l.q_rank = 1536;
    l.rope_size = 64;
    l.mlp = WEFT_MLP_SWIGLU;
    l.norm = WEFT_NORM_RMSNORM;
    l.ffn = 18432;
    weft_i_layer_complete(&l);
    double dense = weft_i_layer_parameters(&l);
    l.ffn = 2048;
    l.experts = 256;
    l.experts_per_token = 8;
    l.shared_experts = 1;
    double sparse = weft_i_layer_parameters(&l), ends = 2 * 129280.0 * 7168 + 7168;
    cr_expect_float_eq((3 * dense + 58 * sparse + ends) / 1e9, 671.03, 0.05);
}

/* Of the four devices of an expert group the busiest has 1.5 times its share: so much more is sent,
 * computed and saved. The model's flop are what they are. */
Test(emu_variants, uneven_experts)
{
    block->experts = 8;
    block->experts_per_token = 2;
    c.parallel.dp = c.parallel.ep = 4;
    c.levels[0].gbs = 1e-3; /* so slow that nothing else matters */
    weft_i_stage_cost even = stage();
    block->imbalance = 1.5;
    weft_i_stage_cost uneven = stage();
    /* Routed rows going out and coming back, and the activation's input and output. */
    int64_t routed = 2 * T * 2 * (2 * H + 2 * F);
    cr_expect_eq(uneven.cost.saved_bytes - even.cost.saved_bytes, routed / 2);
    cr_expect_eq(uneven.model_flop, even.model_flop);
    /* Two exchanges of 2 bytes x T x 2 x H, 3/4 of it over links of a byte a us. */
    double sent_ns = 2 * 0.75 * 2 * T * 2 * H / 1e-3;
    cr_expect_float_eq((double)even.cost.fw_ns / sent_ns, 1, 1e-3);
    cr_expect_float_eq((double)uneven.cost.fw_ns / sent_ns, 1.5, 1e-3);
    block->imbalance = 4;
    weft_i_stage_cost most = stage();
    block->imbalance = 100;
    cr_expect_eq(stage().cost.saved_bytes, most.cost.saved_bytes);
    c.parallel.ep = 1; /* one device has all experts: there is nothing to be uneven */
    block->imbalance = 1;
    even = stage();
    block->imbalance = 3;
    cr_expect_eq(stage().cost.fw_ns, even.cost.fw_ns);
}

/* Llama 3.2 Vision: some layers read image tokens in place of the text. */
Test(emu_variants, cross_attention_in_a_language_model)
{
    enum { C = 300, WIDTH = 768 };
    weft_i_span span = {T, C};
    weft_i_work work = {T, &span, 1};
    weft_i_stage_cost cost;
    block->cross_hidden = WIDTH;
    emu_case_start(&c);
    cr_assert_eq(weft_i_emu_stage(c.emu, 0, 1, 1, &work, WEFT_I_STRATEGY_NONE, NULL, &cost),
                 WEFT_STATUS_OK);
    double query = 2.0 * T * (2.0 * H * H + 2.0 * H * F), key = 2.0 * C * WIDTH * 2 * H;
    /* Nobody asks for the gradient of the condition here. */
    cr_expect_float_eq(cost.model_flop, 3 * query + 2 * key + 3 * 4.0 * T * C * H, 1);
    cr_expect_float_eq(weft_i_layer_parameters(block),
                       2.0 * H * H + 2.0 * WIDTH * H + 2.0 * H * F + 4 * H + F + H + 4 * H, 0.5);
}

/* Four devices have a quarter of the sequence each. In a ring keys and values move while attention
 * computes; gathered, 3/4 of 2 x 2 bytes x T x H at 100 bytes a ns come first. */
Test(emu_variants, context_parallel_ring_and_gather)
{
    c.parallel.cp = 4;
    c.levels[0].latency_ns = 0;
    weft_i_stage_cost ring = stage();
    c.recipe->cp_mode = WEFT_CP_MODE_ALL_GATHER;
    weft_i_stage_cost gather = stage();
    double gather_ns = 0.75 * 2 * 2 * T * H / 100;
    double hop_ns = gather_ns; /* three steps of a quarter of the keys and values: as much */
    /* 2 T / 4 x T x H flop at half of 100 TFLOP/s. */
    double compute_ns = 2.0 * T / 4 * T * H / 50e3;
    double ring_ns = compute_ns > hop_ns ? compute_ns : hop_ns;
    cr_expect_float_eq((double)(gather.cost.fw_ns - ring.cost.fw_ns),
                       compute_ns + gather_ns - ring_ns, 2);
    cr_expect_eq(gather.cost.work_bytes[WEFT_PASS_FW] - ring.cost.work_bytes[WEFT_PASS_FW],
                 2 * 2 * T * H);
    cr_expect_eq(gather.cost.saved_bytes, ring.cost.saved_bytes);
    cr_expect_eq(gather.model_flop, ring.model_flop);
}

/* All that a layer saves goes to the host at 10 bytes a ns and comes back for the backward: a pass
 * takes the longer of the two. Two layers' tensors are there meanwhile. */
Test(emu_variants, offload_to_the_host)
{
    double rates[] = {10, 1e6};
    for (int i = 0; i < 2; i++) {
        c.node_type.host_gbs = rates[i];
        weft_cost kept = stage().cost;
        weft_cost sent = emu_case_stage(&c, 0, 1, 1, T, 1, WEFT_I_STRATEGY_OFFLOAD).cost;
        int64_t copy_ns = (int64_t)((double)kept.saved_bytes / rates[i] + 0.5);
        cr_expect_eq(copy_ns > kept.bw_ns, i == 0);
        cr_expect_eq(sent.fw_ns, i == 0 ? copy_ns : kept.fw_ns);
        cr_expect_eq(sent.bw_ns, i == 0 ? copy_ns : kept.bw_ns);
        cr_expect_eq(sent.bwi_ns, i == 0 ? copy_ns : kept.bwi_ns);
        cr_expect_eq(sent.bww_ns, kept.bww_ns);
        cr_expect(sent.saved_bytes == 0 && sent.recompute_ns == 0);
        cr_expect_eq(sent.held_bytes, kept.held_bytes);
        for (int p = WEFT_PASS_FW; p <= WEFT_PASS_BW; p++)
            cr_expect_eq(sent.work_bytes[p], kept.work_bytes[p] + 2 * kept.saved_bytes);
        weft_cost two = emu_case_stage(&c, 0, 1, 1, T, 2, WEFT_I_STRATEGY_OFFLOAD).cost;
        cr_expect(two.saved_bytes == 0 && two.fw_ns > sent.fw_ns);
    }
}

/* Devices of a node that copy at the same time share what their host takes. */
Test(emu_variants, offload_shares_the_host)
{
    c.node_type.host_gbs = 10;
    c.node_type.host_total_gbs = 16;
    for (int32_t tp = 1; tp <= 4; tp *= 2) {
        int32_t dp = tp == 4 ? 4 : 1, sharing = tp == 4 ? 8 : tp; /* 16 devices are two nodes */
        c.parallel = (weft_parallel){dp, 1, tp, 1, 1};
        emu_case_start(&c);
        double rate = tp == 1 ? 10 : 16.0 / sharing;
        double bytes = (double)stage().cost.saved_bytes;
        weft_cost sent = emu_case_stage(&c, 0, 1, 1, T, 1, WEFT_I_STRATEGY_OFFLOAD).cost;
        cr_expect_float_eq((double)sent.fw_ns, bytes / rate, 1, "tp %d", tp);
    }
}

static void set_only(const char *operators)
{
    weft_error error = {0};
    int32_t index;
    c.recipe->n_recompute_sets = 0;
    cr_assert_not(weft_recipe_add_recompute(c.recipe, operators, &error, &index), "%s", error.text);
    emu_case_start(&c);
}

/* What the MLP keeps goes to the host, the rest stays, norms are made again; a pass takes at least
 * as long as the copy of what goes. */
Test(emu_variants, offload_of_operators)
{
    c.model->modules[0].layers[1].mlp = WEFT_MLP_GELU;
    double ffn = (double)c.model->modules[0].layers[1].ffn, h = (double)H;
    c.node_type.host_gbs = 0.01;
    set_only("offload.mlp");
    weft_cost all = stage().cost;
    weft_i_stage_cost some = emu_case_stage(&c, 0, 1, 1, T, 1, WEFT_I_STRATEGY_SET);
    double sent = 2 * T * (h + 2 * ffn);
    cr_expect_float_eq((double)some.host_bytes, sent, 1);
    cr_expect_eq(some.cost.saved_bytes, all.saved_bytes - some.host_bytes);
    cr_expect_float_eq((double)some.cost.fw_ns, sent / 0.01, 1);
    cr_expect_eq(some.cost.recompute_ns, 0);
    /* The norm's output, which the MLP needs, is made again instead of sent. */
    set_only("offload.mlp,layernorm");
    some = emu_case_stage(&c, 0, 1, 1, T, 1, WEFT_I_STRATEGY_SET);
    cr_expect_float_eq((double)some.host_bytes, 2 * T * 2 * ffn, 1);
    cr_expect_float_eq((double)(all.saved_bytes - some.cost.saved_bytes), 2 * T * (2 * h + 2 * ffn),
                       1);
    cr_expect_gt(some.cost.recompute_ns, 0);
}
