/* Each kind of layer: what it computes, keeps and sends, against sums by hand. */
#include "profiles/linear.h"
#include "tests/unit/emu_case.h"

static emu_case c;
static weft_layer layers[4];
static weft_module module = {.name = "m", .layers = layers};
static weft_model model = {.name = "by hand", .n_modules = 1, .modules = &module};
static weft_model *loaded;

static void setup(void)
{
    emu_case_make(&c, "gpt:layers=1,hidden=128,heads=1");
    loaded = c.model;
    c.model = &model;
    memset(layers, 0, sizeof layers);
    module.n_layers = 1;
}

static void teardown(void)
{
    c.model = loaded;
    emu_case_free(&c);
}

TestSuite(emu_kinds, .init = setup, .fini = teardown);

static weft_layer block(weft_layer_kind kind)
{
    return (weft_layer){.kind = kind,
                        .trainable = true,
                        .hidden = 512,
                        .ffn = 2048,
                        .heads = 4,
                        .kv_heads = 4,
                        .head_size = 128,
                        .attention = WEFT_ATTENTION_FULL,
                        .merge = 1};
}

static weft_cost cost_of(int32_t first, int32_t n, int64_t tokens, int32_t spans)
{
    return emu_case_stage(&c, 0, first, n, tokens, spans, WEFT_I_STRATEGY_NONE).cost;
}

/* Multiplications of all maps of a layer on one token, as profiles/ counts its parameters. */
static double map_values(const weft_layer *layer)
{
    weft_i_linear maps[WEFT_I_LINEAR_MAX];
    double values = 0;
    int n = weft_i_linear_maps(layer, maps);
    for (int i = 0; i < n; i++)
        values += maps[i].in * maps[i].out * maps[i].copies;
    return values;
}

/* Forward and backward of every dense kind are 6 flop a parameter of a map and token. */
Test(emu_kinds, flop_follow_the_parameters)
{
    const weft_layer_kind kinds[] = {WEFT_LAYER_TRANSFORMER, WEFT_LAYER_HEAD, WEFT_LAYER_PATCH,
                                     WEFT_LAYER_PROJECTOR};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        layers[0] = block(WEFT_LAYER_PATCH);
        layers[0].in_features = 588;
        layers[1] = block(kinds[i]);
        layers[1].kv_heads = 2;
        layers[1].mlp = WEFT_MLP_SWIGLU;
        layers[1].vocab = 32000;
        layers[1].in_features = 2048;
        layers[1].merge = kinds[i] == WEFT_LAYER_PROJECTOR ? 4 : 1;
        module.n_layers = 2;
        c.parallel.tp = 2;
        emu_case_start(&c);
        double square = kinds[i] == WEFT_LAYER_TRANSFORMER ? 3 * 4.0 * 640 * 512 : 0;
        double expected = 6 * map_values(&layers[1]) / layers[1].merge + square;
        double flop = emu_case_stage(&c, 0, 1, 1, 640, 1, WEFT_I_STRATEGY_NONE).model_flop;
        cr_assert_float_eq(flop / (640 * expected), 1, 1e-12, "%s", weft_layer_name(kinds[i]));
    }
}

/* Nobody asks for the gradient of patches: two passes, not three. */
Test(emu_kinds, patch_embedding)
{
    layers[0] = block(WEFT_LAYER_PATCH);
    layers[0].in_features = 588;
    emu_case_start(&c);
    weft_i_stage_cost cost = emu_case_stage(&c, 0, 0, 1, 1000, 2, WEFT_I_STRATEGY_FULL);
    cr_assert_float_eq(cost.model_flop, 4.0 * 2000 * 588 * 512, 1);
    cr_assert_eq(cost.cost.saved_bytes, 2 * 2000 * 588);
    cr_assert_eq(cost.cost.recompute_ns, 0);
    /* Only the weights have a gradient: there is nothing to split. */
    cr_assert_eq(cost.cost.bwi_ns, 0);
    cr_assert_eq(cost.cost.bww_ns, 0);
    cr_assert_gt(cost.cost.bw_ns, 0);
}

Test(emu_kinds, embedding)
{
    layers[0] = block(WEFT_LAYER_EMBEDDING);
    layers[0].vocab = 1000;
    emu_case_start(&c);
    weft_cost cost = cost_of(0, 1, 1000, 1);
    cr_assert_eq(cost.fw_ns, 4 * 1000 * 512 / 1000);
    cr_assert_eq(cost.bw_ns, 6 * 1000 * 512 / 1000);
    cr_assert_eq(cost.saved_bytes, 8 * 1000);
}

/* Layers behind a projector have a token for each `merge` of the module, rounded up by sequence. */
Test(emu_kinds, projector_merges)
{
    layers[0] = block(WEFT_LAYER_PROJECTOR);
    layers[0].in_features = 2048;
    layers[0].merge = 4;
    layers[1] = block(WEFT_LAYER_TRANSFORMER);
    module.n_layers = 2;
    emu_case_start(&c);
    weft_cost behind = cost_of(1, 1, 1002, 3);
    layers[0].merge = 1;
    emu_case_start(&c);
    weft_cost alone = cost_of(1, 1, 251, 3);
    cr_assert_eq(memcmp(&behind, &alone, sizeof alone), 0);
    layers[0].merge = 4;
    emu_case_start(&c);
    weft_i_span spans[] = {{1002, 0}, {6, 0}};
    weft_i_work work = {1008, spans, 2};
    cr_assert_eq(weft_i_emu_output_bytes(c.emu, 0, 0, &work), (251 + 2) * 2 * 512);
    /* Equal layers before and behind it are told apart. */
    layers[3] = layers[1];
    layers[2] = layers[0];
    layers[0] = layers[1];
    module.n_layers = 4;
    emu_case_start(&c);
    cr_assert_gt(cost_of(1, 1, 1000, 1).saved_bytes, cost_of(3, 1, 1000, 1).saved_bytes);
}

/* The softmax in float32 stays, logits of both precisions pass by. */
Test(emu_kinds, head)
{
    layers[0] = block(WEFT_LAYER_HEAD);
    layers[0].vocab = 32000;
    c.parallel.tp = 4;
    emu_case_start(&c);
    int64_t tokens = 1024, part = 8000;
    weft_i_stage_cost cost = emu_case_stage(&c, 0, 0, 1, tokens, 1, WEFT_I_STRATEGY_NONE);
    cr_assert_eq(cost.cost.saved_bytes, tokens * (4 * part + 2 * 512 + 2 * 512));
    cr_assert_geq(cost.cost.work_bytes[WEFT_PASS_BW], 6 * tokens * part);
    cost = emu_case_stage(&c, 0, 0, 1, tokens, 1, WEFT_I_STRATEGY_FULL);
    cr_assert_eq(cost.cost.saved_bytes, tokens * 2 * 512);
    cr_assert_geq(cost.cost.work_bytes[WEFT_PASS_FW], 6 * tokens * part);
    weft_i_work work = {.tokens = tokens};
    cr_assert_eq(weft_i_emu_output_bytes(c.emu, 0, 0, &work), 4 * tokens);
}

Test(emu_kinds, tied_head_is_a_copy_only_on_another_rank)
{
    layers[0] = block(WEFT_LAYER_HEAD);
    layers[0].vocab = 32000;
    layers[0].norm = WEFT_NORM_RMSNORM;
    layers[0].tied = true;
    emu_case_start(&c);
    cr_assert_eq(weft_i_emu_state_bytes(c.emu, 0, 0, 1), 18 * 512);
    c.parallel.pp = 2;
    emu_case_start(&c);
    cr_assert_eq(weft_i_emu_state_bytes(c.emu, 0, 0, 1), 18 * (512 + 512 * 32000));
}

/* Cross-attention makes keys and values of the condition's tokens; adaLN is one row a sequence. */
Test(emu_kinds, dit)
{
    layers[0] = block(WEFT_LAYER_PATCH);
    layers[0].in_features = 64;
    layers[1] = block(WEFT_LAYER_DIT);
    layers[1].cross_hidden = 1024;
    module.n_layers = 2;
    emu_case_start(&c);
    weft_i_span spans[] = {{300, 20}, {500, 30}};
    weft_i_work work = {800, spans, 2};
    weft_i_stage_cost cost;
    cr_assert_eq(weft_i_emu_stage(c.emu, 0, 1, 1, &work, WEFT_I_STRATEGY_NONE, NULL, &cost),
                 WEFT_STATUS_OK);
    double h = 512, tokens = 800, context = 50;
    double maps = tokens * (4 * h * h + 2 * h * h + 2 * h * 2048) + context * 1024 * 2 * h;
    double first_asked = 2 * context * 1024 * 2 * h; /* no gradient of the condition */
    double squares = 300 * 300 + 500 * 500 + 300 * 20 + 500 * 30;
    double modulation = 2 * h * 6 * h;
    double expected = 6 * (maps + modulation) - first_asked + 12 * h * squares;
    cr_assert_float_eq(cost.model_flop / expected, 1, 1e-12);
    layers[1].adaln_shared = true;
    emu_case_start(&c);
    cr_assert_eq(weft_i_emu_stage(c.emu, 0, 1, 1, &work, WEFT_I_STRATEGY_NONE, NULL, &cost),
                 WEFT_STATUS_OK);
    expected -= 6 * modulation;
    cr_assert_float_eq(cost.model_flop / expected, 1, 1e-12);
    /* Values of a token: three norms 2 each, query, key, value 3, output 1, of the cross-attention
     * 2, two gates, activation 4 and 4; of a condition's token key and value, and itself. */
    int64_t values = 800 * 512 * (6 + 4 + 2 + 2 + 8) + 50 * (2 * 512 + 1024);
    cr_assert_eq(cost.cost.saved_bytes, 2 * values + 2 * 4 * 4 * 800);
    /* The condition is saved once for all layers that read it. */
    layers[2] = layers[1];
    module.n_layers = 3;
    emu_case_start(&c);
    weft_i_stage_cost two;
    cr_assert_eq(weft_i_emu_stage(c.emu, 0, 1, 2, &work, WEFT_I_STRATEGY_NONE, NULL, &two),
                 WEFT_STATUS_OK);
    cr_assert_eq(two.cost.saved_bytes, 2 * cost.cost.saved_bytes - 2 * 50 * 1024);
}

Test(emu_kinds, experts)
{
    layers[0] = block(WEFT_LAYER_PATCH);
    layers[0].in_features = 64;
    layers[1] = block(WEFT_LAYER_TRANSFORMER);
    layers[1].experts = 8;
    layers[1].experts_per_token = 2;
    layers[1].shared_experts = 1;
    module.n_layers = 2;
    c.parallel.dp = 4;
    emu_case_start(&c);
    double h = 512, tokens = 1024;
    double maps = tokens * (4 * h * h + 8 * h + 3 * 2 * h * 2048);
    weft_i_stage_cost whole = emu_case_stage(&c, 0, 1, 1, 1024, 1, WEFT_I_STRATEGY_NONE);
    cr_assert_float_eq(whole.model_flop / (6 * maps + 12 * h * tokens * tokens), 1, 1e-12);
    int64_t state = weft_i_emu_state_bytes(c.emu, 0, 1, 1);
    int64_t reduced = weft_i_emu_reduce_bytes(c.emu, 0, 1, 1);
    /* Experts over two of the four replicas: half of them on each, and time to send tokens. */
    c.parallel.ep = 2;
    emu_case_start(&c);
    int64_t experts = 8 * 2 * 512 * 2048;
    cr_assert_eq(state - weft_i_emu_state_bytes(c.emu, 0, 1, 1), 18 * experts / 2);
    cr_assert_eq(reduced - weft_i_emu_reduce_bytes(c.emu, 0, 1, 1), 4 * experts / 2);
    weft_cost cut = cost_of(1, 1, 1024, 1);
    int64_t sent = 2 * 1024 * 2 * 512; /* out and back, at latency at least */
    cr_assert_geq(cut.fw_ns, whole.cost.fw_ns + 2 * (sent / 2 / 100) - 1);
    /* Over all four: no other replica has the same experts. */
    c.parallel.ep = 4;
    emu_case_start(&c);
    cr_assert_eq(reduced - weft_i_emu_reduce_bytes(c.emu, 0, 1, 1), 4 * experts);
    cr_assert_gt(weft_i_emu_reduce_ns(c.emu, 0, 1, 1, 0), 0);
    c.recipe->zero = 1;
    emu_case_start(&c);
    int64_t rest = weft_model_parameters(&model, 0, 1, 1, true) - experts;
    cr_assert_eq(weft_i_emu_state_bytes(c.emu, 0, 1, 1), rest * (6 + 3) + experts / 4 * 18);
    c.parallel.ep = 2;
    emu_case_start(&c);
    cr_assert_eq(weft_i_emu_state_bytes(c.emu, 0, 1, 1), rest * (6 + 3) + experts / 2 * (6 + 6));
}

/* In, convolution, the four products of the chunked scan, gate, out. */
Test(emu_kinds, mamba)
{
    layers[0] = block(WEFT_LAYER_PATCH);
    layers[0].in_features = 64;
    layers[1] = block(WEFT_LAYER_MAMBA);
    layers[1].state_size = 128;
    layers[1].expand = 2;
    layers[1].conv_width = 4;
    layers[1].heads = layers[1].kv_heads = 16;
    layers[1].head_size = 64;
    module.n_layers = 2;
    emu_case_start(&c);
    double tokens = 1024, scan = 256 * 128 + 16 * (256 * 64 + 2 * 128 * 64.0);
    double expected = 6 * tokens * (map_values(&layers[1]) + scan);
    weft_i_stage_cost cost = emu_case_stage(&c, 0, 1, 1, 1024, 1, WEFT_I_STRATEGY_NONE);
    cr_assert_float_eq(cost.model_flop / expected, 1, 1e-12);
    /* No square in the sequence. */
    weft_i_stage_cost twice = emu_case_stage(&c, 0, 1, 1, 2048, 1, WEFT_I_STRATEGY_NONE);
    cr_assert_float_eq(twice.model_flop / expected, 2, 1e-12);
    cr_assert_leq(twice.cost.saved_bytes, 2 * cost.cost.saved_bytes);
}

Test(emu_kinds, measured)
{
    const weft_measured_row rows[] = {{100, 1000, 3000, 2000, 1500, 900, 300, 50},
                                      {300, 2000, 5000, 3000, 2500, 1900, 700, 90}};
    layers[0] = (weft_layer){.kind = WEFT_LAYER_MEASURED,
                             .trainable = true,
                             .hidden = 2,
                             .rows = rows,
                             .n_rows = 2,
                             .merge = 1,
                             .parameters = 1000};
    layers[1] = layers[0];
    layers[1].hidden = 4;
    module.n_layers = 2;
    c.parallel.tp = 2;
    emu_case_start(&c);
    weft_cost cost = cost_of(1, 1, 200, 1); /* half way */
    cr_assert_eq(cost.fw_ns, 1500);
    cr_assert_eq(cost.bwi_ns, 2500);
    cr_assert_eq(cost.bww_ns, 2000);
    cr_assert_eq(cost.bw_ns, 4500);
    cr_assert_eq(cost.saved_bytes, 1400);
    cr_assert_eq(cost.held_bytes, 500);
    cr_assert_eq(cost_of(1, 1, 50, 1).fw_ns, 500); /* proportional beyond the rows */
    cr_assert_eq(cost_of(1, 1, 600, 1).fw_ns, 4000);
    cr_assert_eq(weft_i_emu_state_bytes(c.emu, 0, 1, 1), 18 * 1000);
    layers[2] = layers[1];
    layers[2].n_rows = 1; /* of the same table: another layer */
    module.n_layers = 3;
    emu_case_start(&c);
    cr_assert_eq(cost_of(1, 1, 300, 1).fw_ns, 2000);
    cr_assert_eq(cost_of(2, 1, 300, 1).fw_ns, 3000);
    cost = emu_case_stage(&c, 0, 1, 1, 100, 1, WEFT_I_STRATEGY_FULL).cost;
    cr_assert_eq(cost.bw_ns, 1000 + 2000 + 1500);
    cr_assert_eq(cost.saved_bytes, 2 * 4 * 100);
}

/* One layer without halves, and the stage is not split. */
Test(emu_kinds, measured_without_halves)
{
    const weft_measured_row row = {100, 1000, 3000, 0, 0, 900, 0, 50};
    layers[0] = (weft_layer){
        .kind = WEFT_LAYER_MEASURED, .trainable = true, .rows = &row, .n_rows = 1, .merge = 1};
    layers[1] = block(WEFT_LAYER_TRANSFORMER);
    module.n_layers = 2;
    emu_case_start(&c);
    weft_cost cost = cost_of(0, 2, 100, 1);
    cr_assert_eq(cost.bwi_ns, 0);
    cr_assert_eq(cost.bww_ns, 0);
    cr_assert_eq(cost.held_bytes, 0);
    cr_assert_eq(cost.bw_ns, 3000 + cost_of(1, 1, 100, 1).bw_ns);
    cr_assert_gt(cost_of(1, 1, 100, 1).bww_ns, 0);
}

/* Adapters of rank r: 2 r (in + out) flop a token and pass; only they have state. */
Test(emu_kinds, low_rank_adapters)
{
    layers[0] = block(WEFT_LAYER_TRANSFORMER);
    layers[1] = block(WEFT_LAYER_TRANSFORMER);
    layers[0].lora_rank = layers[1].lora_rank = 16;
    module.n_layers = 2;
    emu_case_start(&c);
    double frozen = 4 * 512 * 512 + 2 * 512 * 2048, tokens = 1024;
    /* Query, key and value are one map here and three with adapters of their own there. */
    double r = 16 * ((512 + 3 * 512) + (512 + 512) + 2 * (512 + 2048));
    weft_i_stage_cost cost = emu_case_stage(&c, 0, 1, 1, 1024, 1, WEFT_I_STRATEGY_NONE);
    double expected = tokens * (4 * frozen + 6 * r) + 12 * 512 * tokens * tokens;
    cr_assert_float_eq(cost.model_flop / expected, 1, 1e-12);
    cr_assert_lt(cost.cost.bww_ns, cost.cost.bwi_ns / 5);
    int64_t all = weft_model_parameters(&model, 0, 1, 1, false);
    int64_t trained = weft_model_parameters(&model, 0, 1, 1, true);
    cr_assert_eq(weft_i_emu_state_bytes(c.emu, 0, 1, 1), 2 * all + 16 * trained);
}

/* Two devices of a ring keep half of the tokens each. */
Test(emu_kinds, context_parallel)
{
    layers[0] = block(WEFT_LAYER_TRANSFORMER);
    emu_case_start(&c);
    weft_i_stage_cost one = emu_case_stage(&c, 0, 0, 1, 4096, 1, WEFT_I_STRATEGY_NONE);
    c.parallel.cp = 2;
    emu_case_start(&c);
    weft_i_stage_cost two = emu_case_stage(&c, 0, 0, 1, 4096, 1, WEFT_I_STRATEGY_NONE);
    cr_assert_eq(2 * two.cost.saved_bytes, one.cost.saved_bytes);
    cr_assert_lt(two.cost.fw_ns, one.cost.fw_ns);
    cr_assert_geq(2 * two.cost.fw_ns, one.cost.fw_ns - 2);
    cr_assert_eq(two.model_flop, one.model_flop);
    weft_i_work work = {.tokens = 4096};
    cr_assert_eq(weft_i_emu_output_bytes(c.emu, 0, 0, &work), 2048 * 2 * 512);
}

/* A module replicated over the TP group: each device has its own images and all of the weights. */
Test(emu_kinds, spread_over_the_tensor_group)
{
    layers[0] = block(WEFT_LAYER_TRANSFORMER);
    layers[0].heads = layers[0].kv_heads = 25;
    emu_case_start(&c);
    weft_i_stage_cost one = emu_case_stage(&c, 0, 0, 1, 300, 2, WEFT_I_STRATEGY_NONE);
    int64_t state = weft_i_emu_state_bytes(c.emu, 0, 0, 1);
    weft_recipe_module said = {
        .module = "m", .tp_mode = WEFT_TP_MODE_DP_IN_TP, .frozen = -1, .segments = 0};
    c.recipe->modules = &said;
    c.recipe->n_modules = 1;
    c.parallel.tp = 4;
    emu_case_start(&c);
    weft_i_stage_cost four = emu_case_stage(&c, 0, 0, 1, 300, 8, WEFT_I_STRATEGY_NONE);
    cr_assert_eq(memcmp(&one.cost, &four.cost, sizeof one.cost), 0);
    cr_assert_float_eq(four.model_flop, 4 * one.model_flop, 1);
    cr_assert_eq(weft_i_emu_state_bytes(c.emu, 0, 0, 1), state);
    /* Seven images: one device has one less, the slowest is as slow. */
    four = emu_case_stage(&c, 0, 0, 1, 300, 7, WEFT_I_STRATEGY_NONE);
    cr_assert_eq(memcmp(&one.cost, &four.cost, sizeof one.cost), 0);
    weft_i_span spans[8] = {{300, 0}, {300, 0}, {300, 0}, {300, 0}, {300, 0}};
    weft_i_work work = {1500, spans, 5};
    cr_assert_eq(weft_i_emu_output_bytes(c.emu, 0, 0, &work), 600 * 2 * 512);
    /* Its devices have no equal outputs to send in parts. */
    c.parallel.pp = 4;
    c.recipe->sequence_parallel = false;
    emu_case_start(&c);
    cr_assert_eq(weft_i_emu_transfer_ns(c.emu, 1000000, 1, 2), 2000 + 100000);
    c.parallel.pp = 1;
    emu_case_start(&c);
    /* Its gradients are summed over the group, replicas or not. */
    cr_assert_eq(weft_i_emu_reduce_bytes(c.emu, 0, 0, 1), state / 18 * 4);
    double ring = 2 * 0.75 * (double)(state / 18 * 4) / 100;
    cr_assert_float_eq((double)weft_i_emu_reduce_ns(c.emu, 0, 0, 1, 0), ring, 1);
    c.recipe->modules = NULL;
    c.recipe->n_modules = 0;
}
