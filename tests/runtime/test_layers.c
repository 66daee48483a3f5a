/* tests/runtime/test_layers.c - every kind of layer: gradients against differences, halves against
 * the whole backward, each memory strategy against the others, parameters against the profiles. */
#include "tests/runtime/layer_rows.h"
#include "weft/model.h"

/* The number's slope along a random direction of n values, by differences and by a gradient. */
static void check_slope(layer_case *c, const char *name, float *values, const float *gradient,
                        int64_t n)
{
    const float step = 4e-3f;
    float *saved = case_copy(values, n), *direction = case_array(c, n);
    double expected = 0, size = 0, by[2];
    for (int64_t i = 0; i < n; i++) {
        expected += (double)gradient[i] * direction[i];
        size += (double)gradient[i] * gradient[i];
    }
    for (int side = 0; side < 2; side++) {
        for (int64_t i = 0; i < n; i++)
            values[i] = saved[i] + (side == 0 ? -step : step) * direction[i];
        by[side] = case_number(c);
    }
    memcpy(values, saved, (size_t)n * sizeof(float));
    double found = (by[1] - by[0]) / (2 * (double)step);
    cr_expect(fabs(found - expected) < 2e-3 * (sqrt(size) + 0.05), "%s: slope %g, gradient says %g",
              name, found, expected);
    free(saved);
    free(direction);
}

/* Every parameter, every input; a few directions each. */
Test(layers, gradients)
{
    const uint64_t seed = 20;
    cr_log_info("seed %llu", (unsigned long long)seed);
    for (int i = 0; i < N_ROWS; i++) {
        layer_case c;
        case_make(&c, ROWS[i].layer, ROWS[i].input_width, ROWS[i].is_text, seed + (uint64_t)i);
        layer_gradients made = case_back(&c, all_wanted(&c), WEFT_I_REDO_NOTHING, false);
        for (int k = 0; k < 3; k++) {
            for (int t = 0; t < WEFT_I_N_GIVEN; t++)
                if (made.given[t])
                    check_slope(&c, ROWS[i].name, c.given[t], made.given[t], case_values(&c, t));
            for (int p = 0; p < c.program.n_parameters; p++) {
                const weft_i_parameter *at = &c.program.parameters[p];
                char name[64];
                snprintf(name, sizeof(name), "%s, %s", ROWS[i].name, at->name);
                check_slope(&c, name, c.parameters + at->first, made.parameters + at->first,
                            at->rows * at->width);
            }
        }
        case_free_gradients(&made);
        case_free(&c);
    }
}

static void expect_equal(const char *name, const char *what, const float *a, const float *b,
                         int64_t n)
{
    cr_expect_eq(!a, !b, "%s: %s is there once only", name, what);
    for (int64_t i = 0; a && b && i < n; i++)
        cr_assert_eq(a[i], b[i], "%s: %s %lld is %g, not %g", name, what, (long long)i,
                     (double)b[i], (double)a[i]);
}

static void expect_same(layer_case *c, const char *name, const layer_gradients *a,
                        weft_i_wants wants, uint32_t redo, bool split)
{
    layer_gradients b = case_back(c, wants, redo, split);
    for (int t = 0; t < WEFT_I_N_GIVEN; t++)
        expect_equal(name, "input", a->given[t], b.given[t], case_values(c, t));
    expect_equal(name, "parameters", a->parameters, b.parameters, c->program.n_values);
    case_free_gradients(&b);
}

/* The same numbers to the bit, split or not, whatever was kept. */
Test(layers, strategies_and_halves)
{
    for (int i = 0; i < N_ROWS; i++)
        for (int part = 0; part < 4; part++) {
            layer_case c;
            case_make(&c, ROWS[i].layer, ROWS[i].input_width, ROWS[i].is_text, 7);
            weft_i_wants wants = all_wanted(&c);
            if (part == 1) wants.weights = false;
            if (part == 2) wants.input = wants.media = wants.context = false;
            if (part == 3) wants.context = false;
            layer_gradients a = case_back(&c, wants, WEFT_I_REDO_NOTHING, false);
            for (int k = 0; k < LAYER_N_REDONE; k++)
                for (int split = 0; split < 2; split++)
                    expect_same(&c, ROWS[i].name, &a, wants, LAYER_REDONE[k], split == 1);
            case_free_gradients(&a);
            case_free(&c);
        }
}

/* Gradients add up over sub-microbatches; what is not wanted is not made. */
Test(layers, frozen)
{
    layer_case c;
    case_make(&c, ROWS[0].layer, 8, true, 3);
    layer_gradients made = case_back(&c, (weft_i_wants){.input = true}, WEFT_I_REDO_NOTHING, false);
    cr_expect(made.given[WEFT_I_TENSOR_INPUT]);
    for (int64_t i = 0; i < c.program.n_values; i++)
        cr_assert_eq(made.parameters[i], 0);
    case_free_gradients(&made);
    case_free(&c);
}

/* Of a transformer: norm, qkv, core, sum, norm, up, activation; what is named is dropped. */
Test(layers, what_is_kept)
{
    static const struct {
        uint32_t redo;
        int kept;
    } cases[] = {
        {WEFT_I_REDO_NOTHING, 7},   {WEFT_I_REDO_SELECTIVE, 4},   {WEFT_I_REDO_WHOLE, 0},
        {WEFT_I_REDO_LAYERNORM, 5}, {WEFT_I_REDO_MLP_ACT, 6},     {WEFT_I_REDO_MLP, 5},
        {WEFT_I_REDO_CORE_ATTN, 7}, {WEFT_I_REDO_ELEMENTWISE, 3}, {WEFT_I_REDO_QKV_PROJ, 6}};
    weft_i_program program;
    cr_assert_eq(weft_i_program_make(&ROWS[1].layer, 8, true, NULL, &program), 0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        weft_i_rules rules;
        int kept = 0;
        weft_i_rules_make(&program, (weft_i_wants){.input = true, .weights = true}, cases[i].redo,
                          &rules);
        for (int t = WEFT_I_N_GIVEN; t < program.n_tensors; t++)
            kept += rules.kept[t];
        cr_expect_eq(kept, cases[i].kept, "set %x keeps %d", cases[i].redo, kept);
    }
}

Test(layers, parameters)
{
    for (int i = 0; i < N_ROWS; i++) {
        weft_i_program program;
        weft_layer layer = ROWS[i].layer;
        weft_module module = {.layers = &layer, .n_layers = 1};
        weft_model model = {.n_modules = 1, .modules = &module};
        if (layer.merge == 0) layer.merge = 1;
        cr_assert_eq(weft_i_program_make(&layer, ROWS[i].input_width, true, NULL, &program), 0);
        cr_expect_eq(program.n_values, weft_model_parameters(&model, 0, 0, 1, false), "%s: %lld",
                     ROWS[i].name, (long long)program.n_values);
    }
}

Test(layers, refused)
{
    static const struct {
        weft_layer layer;
        const char *what;
    } rows[] = {{{WEFT_LAYER_MAMBA, .hidden = 8}, "mamba"},
                {{WEFT_LAYER_MEASURED, .hidden = 8}, "measured"},
                {{WEFT_LAYER_TRANSFORMER, .hidden = 8, .experts = 4}, "experts"},
                {{WEFT_LAYER_TRANSFORMER, .hidden = 8, .kv_rank = 4}, "kv_rank"},
                {{WEFT_LAYER_TRANSFORMER, .hidden = 8, .lora_rank = 4}, "lora_rank"}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[96];
        weft_error error = {0};
        weft_i_program program;
        cr_expect_eq(weft_i_program_make(&rows[i].layer, 8, true, &error, &program),
                     WEFT_STATUS_BAD_INPUT);
        snprintf(text, sizeof(text), "a layer with %s cannot be trained here, only emulated",
                 rows[i].what);
        cr_expect_str_eq(error.text, text);
    }
}
