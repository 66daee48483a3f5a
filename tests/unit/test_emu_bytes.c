/* Bytes of a transformer layer against the published formulas. */
#include "tests/unit/emu_case.h"

#define GPT "gpt:layers=4,hidden=1024,heads=8,vocab=32000"

enum { S = 512, B = 3, H = 1024, HEADS = 8 };
static const int64_t BSH = (int64_t)B * S * H;

/* Korthikanti et al. 2022, equation 1: s b h (34 + 5 a s / h) without fused attention. */
Test(emu_bytes, activations_of_unfused_attention)
{
    emu_case c;
    emu_case_make(&c, GPT);
    c.recipe->flash_attention = false;
    emu_case_start(&c);
    weft_i_stage_cost cost = emu_case_stage(&c, 0, 1, 1, S, B, WEFT_I_STRATEGY_NONE);
    cr_assert_eq(cost.cost.saved_bytes, 34 * BSH + (int64_t)5 * HEADS * S * S * B);
    /* Selective recomputation drops the square alone (table 2). */
    cost = emu_case_stage(&c, 0, 1, 1, S, B, WEFT_I_STRATEGY_SELECTIVE);
    cr_assert_eq(cost.cost.saved_bytes, 34 * BSH);
    cost = emu_case_stage(&c, 0, 1, 1, S, B, WEFT_I_STRATEGY_FULL);
    cr_assert_eq(cost.cost.saved_bytes, 2 * BSH);
    emu_case_free(&c);
}

/* Their equations 2 and 4: 10 + 24 / t, with sequence parallelism 34 / t. */
Test(emu_bytes, activations_under_tensor_parallelism)
{
    emu_case c;
    emu_case_make(&c, GPT);
    c.recipe->flash_attention = false;
    c.parallel.tp = 4;
    emu_case_start(&c);
    int64_t square = (int64_t)5 * HEADS * S * S * B / 4;
    weft_i_stage_cost cost = emu_case_stage(&c, 0, 1, 1, S, B, WEFT_I_STRATEGY_NONE);
    cr_assert_eq(cost.cost.saved_bytes, 10 * BSH + 24 * BSH / 4 + square);
    c.recipe->sequence_parallel = true;
    emu_case_start(&c);
    cost = emu_case_stage(&c, 0, 1, 1, S, B, WEFT_I_STRATEGY_NONE);
    cr_assert_eq(cost.cost.saved_bytes, 34 * BSH / 4 + square);
    emu_case_free(&c);
}

/* Qi et al. 2023, section 4.1: the weight gradients need 32 s b h. */
Test(emu_bytes, held_for_the_weight_gradients)
{
    emu_case c;
    emu_case_make(&c, GPT);
    emu_case_start(&c);
    weft_i_stage_cost cost = emu_case_stage(&c, 0, 1, 1, S, B, WEFT_I_STRATEGY_NONE);
    cr_assert_eq(cost.cost.held_bytes, 32 * BSH);
    emu_case_free(&c);
}

/* A fused kernel keeps one float32 a query and head; SwiGLU of width f keeps 2 f inputs and f
 * outputs; no dropout. */
Test(emu_bytes, activations_of_swiglu)
{
    emu_case c;
    emu_case_make(&c, "gpt:layers=2,hidden=1024,heads=8,kv_heads=2,ffn=3072,mlp=swiglu");
    emu_case_start(&c);
    int64_t tokens = (int64_t)B * S, kv = 256, sums = 4 * HEADS * tokens;
    int64_t inner = 2 * tokens * (1024 + 2 * kv + 1024 + 3 * 3072), norms = 8 * BSH;
    weft_i_stage_cost cost = emu_case_stage(&c, 0, 1, 1, S, B, WEFT_I_STRATEGY_NONE);
    cr_assert_eq(cost.cost.saved_bytes, norms + inner + sums);
    /* Selective makes the norms' outputs and the activation's again. */
    cost = emu_case_stage(&c, 0, 1, 1, S, B, WEFT_I_STRATEGY_SELECTIVE);
    cr_assert_eq(cost.cost.saved_bytes, norms / 2 + inner - 2 * tokens * 3072 + sums);
    emu_case_free(&c);
}

Test(emu_bytes, state_is_18_bytes_a_parameter)
{
    emu_case c;
    emu_case_make(&c, GPT);
    emu_case_start(&c);
    int64_t parameters = weft_model_parameters(c.model, 0, 0, 6, false);
    cr_assert_eq(weft_i_emu_state_bytes(c.emu, 0, 0, 6), 18 * parameters);
    cr_assert_eq(weft_i_emu_reduce_bytes(c.emu, 0, 0, 6), 0);
    c.parallel.dp = 2;
    emu_case_start(&c);
    cr_assert_eq(weft_i_emu_reduce_bytes(c.emu, 0, 0, 6), 4 * parameters);
    c.recipe->zero = 1;
    emu_case_start(&c);
    cr_assert_eq(weft_i_emu_state_bytes(c.emu, 0, 0, 6), 12 * parameters);
    emu_case_free(&c);
}
