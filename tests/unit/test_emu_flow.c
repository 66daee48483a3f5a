/* Which layers have which backward: training, freezing, and gradients that pass through. */
#include "tests/unit/emu_case.h"

/* An encoder of patches, two blocks and a projector; a backbone of embedding, two blocks, head. */
static emu_case c;
static weft_layer encoder[4], backbone[4];
static weft_module modules[2] = {{.name = "encoder", .layers = encoder, .n_layers = 4},
                                 {.name = "backbone", .layers = backbone, .n_layers = 4}};
static weft_model_edge edge;
static weft_model model = {
    .name = "by hand", .n_modules = 2, .modules = modules, .n_edges = 1, .edges = &edge};
static weft_model *loaded;

static void setup(void)
{
    emu_case_make(&c, "gpt:layers=2,hidden=512,heads=4,vocab=1000");
    loaded = c.model;
    memcpy(backbone, loaded->modules[0].layers, sizeof backbone);
    encoder[0] = (weft_layer){.kind = WEFT_LAYER_PATCH, .trainable = true, .merge = 1};
    encoder[0].hidden = 512;
    encoder[0].in_features = 588;
    encoder[1] = encoder[2] = backbone[1];
    encoder[3] = (weft_layer){.kind = WEFT_LAYER_PROJECTOR, .trainable = true, .merge = 4};
    encoder[3].hidden = 512;
    encoder[3].in_features = 2048;
    edge = (weft_model_edge){0, 3, 1, 0, 0, WEFT_EDGE_TOKENS, true};
    c.model = &model;
}

static void teardown(void)
{
    c.recipe->modules = NULL;
    c.recipe->n_modules = 0;
    c.model = loaded;
    emu_case_free(&c);
}

TestSuite(emu_flow, .init = setup, .fini = teardown);

static void freeze(weft_layer *layers, int32_t first, int32_t last)
{
    for (int32_t l = first; l <= last; l++)
        layers[l].trainable = false;
}

static weft_cost cost_of(int32_t module, int32_t first, int32_t n, weft_i_strategy strategy)
{
    return emu_case_stage(&c, module, first, n, 1024, 1, strategy).cost;
}

Test(emu_flow, all_train)
{
    emu_case_start(&c);
    for (int32_t m = 0; m < 2; m++)
        cr_assert_eq(weft_i_emu_backward(c.emu, m, 0, 4), WEFT_BACKWARD_FULL);
    cr_assert_eq(weft_i_emu_backward(c.emu, 0, 0, 0), WEFT_BACKWARD_NONE);
}

/* A frozen encoder runs forward only and keeps nothing. */
Test(emu_flow, frozen_encoder)
{
    freeze(encoder, 0, 3);
    emu_case_start(&c);
    cr_assert_eq(weft_i_emu_backward(c.emu, 0, 0, 4), WEFT_BACKWARD_NONE);
    for (int k = 0; k < WEFT_I_N_STRATEGIES; k++) {
        weft_i_stage_cost cost = emu_case_stage(&c, 0, 1, 2, 1024, 1, (weft_i_strategy)k);
        cr_assert_gt(cost.cost.fw_ns, 0);
        cr_assert_eq(cost.cost.bw_ns, 0);
        cr_assert_eq(cost.cost.recompute_ns, 0);
        cr_assert_eq(cost.cost.saved_bytes, 0);
        cr_assert_eq(cost.cost.held_bytes, 0);
        cr_assert_eq(cost.cost.work_bytes[WEFT_PASS_BW], 0);
        cr_assert_eq(cost.recompute_flop, 0);
        double h = 512, s = 1024;
        cr_assert_float_eq(cost.model_flop, 2 * (24 * s * h * h + 2 * s * s * h), 1);
    }
    /* The state is 2 bytes a parameter, and nothing is reduced. */
    int64_t parameters = weft_model_parameters(&model, 0, 1, 2, false);
    cr_assert_eq(weft_i_emu_state_bytes(c.emu, 0, 1, 2), 2 * parameters);
}

/* Only the projector trains: the backbone passes its gradient through, the encoder does not run
 * back, the projector asks nobody. */
Test(emu_flow, only_the_projector_trains)
{
    freeze(encoder, 0, 2);
    freeze(backbone, 0, 3);
    emu_case_start(&c);
    cr_assert_eq(weft_i_emu_backward(c.emu, 0, 0, 3), WEFT_BACKWARD_NONE);
    cr_assert_eq(weft_i_emu_backward(c.emu, 0, 0, 4), WEFT_BACKWARD_FULL);
    cr_assert_eq(weft_i_emu_backward(c.emu, 1, 0, 1), WEFT_BACKWARD_INPUT);
    cr_assert_eq(weft_i_emu_backward(c.emu, 1, 1, 3), WEFT_BACKWARD_INPUT);
    weft_i_stage_cost cost = emu_case_stage(&c, 1, 1, 1, 1024, 1, WEFT_I_STRATEGY_NONE);
    double h = 512, s = 1024;
    cr_assert_float_eq(cost.model_flop, 2 * 24 * s * h * h + 3 * 2 * s * s * h, 1);
    cr_assert_gt(cost.cost.bw_ns, 0);
    cr_assert_eq(cost.cost.bwi_ns, 0);
    cr_assert_eq(cost.cost.bww_ns, 0);
    cr_assert_eq(cost.cost.held_bytes, 0);
    /* Inputs of the maps are not saved, only what their gradients pass. */
    weft_cost trained = cost_of(0, 1, 1, WEFT_I_STRATEGY_NONE);
    cr_assert_eq(trained.saved_bytes, 0);
    weft_i_stage_cost all = emu_case_stage(&c, 0, 0, 4, 1024, 1, WEFT_I_STRATEGY_NONE);
    weft_i_stage_cost blocks = emu_case_stage(&c, 0, 0, 3, 1024, 1, WEFT_I_STRATEGY_NONE);
    double projector = 256 * (2 * 2 * 2048 * h + 3 * 2 * h * h);
    cr_assert_float_eq(all.model_flop - blocks.model_flop, projector, 1);
    /* The whole encoder is one stage with a backward of its last layer only. */
    weft_cost last = cost_of(0, 3, 1, WEFT_I_STRATEGY_NONE);
    cr_assert_eq(all.cost.bw_ns, last.bw_ns);
    cr_assert_eq(all.cost.saved_bytes, last.saved_bytes);
}

Test(emu_flow, detached_edges_ask_for_nothing)
{
    freeze(backbone, 0, 3);
    edge.gradient = false;
    emu_case_start(&c);
    cr_assert_eq(weft_i_emu_backward(c.emu, 1, 0, 4), WEFT_BACKWARD_NONE);
    edge.gradient = true;
    emu_case_start(&c);
    cr_assert_eq(weft_i_emu_backward(c.emu, 1, 0, 4), WEFT_BACKWARD_INPUT);
    /* Only from where the edge arrives on. */
    edge.to_first_layer = edge.to_last_layer = 2;
    emu_case_start(&c);
    cr_assert_eq(weft_i_emu_backward(c.emu, 1, 0, 2), WEFT_BACKWARD_NONE);
    cr_assert_eq(weft_i_emu_backward(c.emu, 1, 2, 1), WEFT_BACKWARD_INPUT);
}

/* A condition that wants its gradient costs the backward of the maps that read it. */
Test(emu_flow, conditions)
{
    backbone[1].kind = backbone[2].kind = WEFT_LAYER_DIT;
    backbone[1].cross_hidden = backbone[2].cross_hidden = 512;
    edge = (weft_model_edge){0, 3, 1, 1, 2, WEFT_EDGE_CONDITION, true};
    weft_i_span span = {1024, 100};
    weft_i_work work = {1024, &span, 1};
    weft_i_stage_cost with, without;
    emu_case_start(&c);
    cr_assert_eq(weft_i_emu_stage(c.emu, 1, 2, 1, &work, 0, NULL, &with), WEFT_STATUS_OK);
    edge.gradient = false;
    emu_case_start(&c);
    cr_assert_eq(weft_i_emu_stage(c.emu, 1, 2, 1, &work, 0, NULL, &without), WEFT_STATUS_OK);
    cr_assert_float_eq(with.model_flop - without.model_flop, 2.0 * 100 * 512 * 1024, 1);
    /* Frozen blocks still bring the gradient to the condition. */
    freeze(backbone, 0, 3);
    edge.gradient = true;
    emu_case_start(&c);
    cr_assert_eq(weft_i_emu_backward(c.emu, 1, 0, 1), WEFT_BACKWARD_NONE);
    cr_assert_eq(weft_i_emu_backward(c.emu, 1, 1, 1), WEFT_BACKWARD_INPUT);
    edge.gradient = false;
    emu_case_start(&c);
    cr_assert_eq(weft_i_emu_backward(c.emu, 1, 1, 1), WEFT_BACKWARD_NONE);
}

/* The recipe freezes and unfreezes whole modules. */
Test(emu_flow, recipe_overrides)
{
    weft_recipe_module said[] = {{.module = "encoder", .frozen = 1},
                                 {.module = "backbone", .frozen = 0}};
    freeze(backbone, 1, 2);
    c.recipe->modules = said;
    c.recipe->n_modules = 2;
    emu_case_start(&c);
    cr_assert_eq(weft_i_emu_backward(c.emu, 0, 0, 4), WEFT_BACKWARD_NONE);
    cr_assert_eq(weft_i_emu_backward(c.emu, 1, 1, 1), WEFT_BACKWARD_FULL);
    int64_t parameters = weft_model_parameters(&model, 1, 1, 1, false);
    cr_assert_eq(weft_i_emu_state_bytes(c.emu, 1, 1, 1), 18 * parameters);
}
