/* What an emulator refuses, and lack of memory. */
#include "base/arena.h"
#include "tests/unit/emu_case.h"

static emu_case c;

static void setup(void)
{
    emu_case_make(&c, "gpt:layers=2,hidden=1024,heads=8,kv_heads=2,vocab=1000");
}

static void teardown(void)
{
    emu_case_free(&c);
}

TestSuite(emu_create, .init = setup, .fini = teardown);

static void refuses(weft_status status, const char *why)
{
    weft_error error = {0};
    weft_i_emu *emu = NULL;
    cr_assert_eq(weft_i_emu_create(c.model, &c.cluster, c.recipe, &c.parallel, WEFT_REUSE_MODE_ALL,
                                   &error, &emu),
                 status, "got %s: %s", weft_status_name(error.status), error.text);
    cr_assert_str_eq(error.text, why);
    cr_assert_null(emu);
}

Test(emu_create, sizes)
{
    c.parallel.pp = 0;
    refuses(WEFT_STATUS_BAD_INPUT, "pp is 0, expected 1 or more");
    c.parallel.pp = 17;
    refuses(WEFT_STATUS_INFEASIBLE, "dp 1 x pp 17 x tp 1 x cp 1 needs 17 devices of 16");
    c.parallel = (weft_parallel){1 << 20, 1 << 20, 1 << 20, 1, 1};
    refuses(WEFT_STATUS_INFEASIBLE, "dp 1048576 x pp 1048576 x tp 1048576 x cp 1 needs "
                                    "1152921504606846976 devices of 16");
    c.parallel = (weft_parallel){4, 1, 1, 1, 3};
    refuses(WEFT_STATUS_INFEASIBLE, "ep 3 does not divide dp 4");
}

Test(emu_create, heads)
{
    c.parallel.tp = 3;
    refuses(WEFT_STATUS_INFEASIBLE, "module language, layer 1: 8 heads do not divide by tp 3 "
                                    "(tp_mode dp_in_tp does without)");
    c.parallel.tp = 4; /* two key heads on four devices: copies */
    emu_case_start(&c);
    weft_layer *layer = &c.model->modules[0].layers[1];
    layer->heads = 24;
    layer->kv_heads = 3;
    refuses(WEFT_STATUS_INFEASIBLE, "module language, layer 1: 3 key heads do not divide by tp 4");
}

Test(emu_create, experts_and_fp8)
{
    c.model->modules[0].layers[2].experts = 5;
    c.parallel = (weft_parallel){2, 1, 1, 1, 2};
    refuses(WEFT_STATUS_INFEASIBLE, "module language, layer 2: 5 experts do not divide by ep 2");
    c.parallel = (weft_parallel){1, 1, 1, 1, 1};
    c.recipe->precision = WEFT_PRECISION_FP8;
    refuses(WEFT_STATUS_INFEASIBLE, "device round has no fp8");
}

static weft_status ask(int32_t module, int32_t first, int32_t n, const weft_i_work *work)
{
    weft_i_stage_cost cost;
    return weft_i_emu_stage(c.emu, module, first, n, work, WEFT_I_STRATEGY_NONE, NULL, &cost);
}

Test(emu_create, questions)
{
    emu_case_start(&c);
    weft_i_span spans[] = {{100, 0}, {50, 0}};
    weft_i_work work = {150, spans, 2};
    cr_assert_eq(ask(0, 0, 4, &work), WEFT_STATUS_OK);
    cr_assert_eq(ask(0, 0, 5, &work), WEFT_STATUS_BAD_INPUT);
    cr_assert_eq(ask(0, -1, 2, &work), WEFT_STATUS_BAD_INPUT);
    cr_assert_eq(ask(0, 2, -1, &work), WEFT_STATUS_BAD_INPUT);
    cr_assert_eq(ask(1, 0, 1, &work), WEFT_STATUS_BAD_INPUT);
    work.tokens = 149;
    cr_assert_eq(ask(0, 0, 4, &work), WEFT_STATUS_BAD_INPUT);
    work.tokens = 151;
    cr_assert_eq(ask(0, 0, 4, &work), WEFT_STATUS_BAD_INPUT);
    work = (weft_i_work){INT64_C(1) << 41, NULL, 0};
    cr_assert_eq(ask(0, 0, 4, &work), WEFT_STATUS_BAD_INPUT);
    spans[0].tokens = -1;
    work = (weft_i_work){49, spans, 2};
    cr_assert_eq(ask(0, 0, 4, &work), WEFT_STATUS_BAD_INPUT);
    /* In range, but more than any machine has: no number overflows. */
    work = (weft_i_work){INT64_C(1) << 40, NULL, 0};
    cr_assert_eq(ask(0, 0, 4, &work), WEFT_STATUS_BAD_INPUT);
}

Test(emu_create, nothing_costs_nothing)
{
    emu_case_start(&c);
    weft_i_work work = {0, NULL, 0};
    weft_i_stage_cost cost, zero;
    memset(&zero, 0, sizeof zero);
    cr_assert_eq(weft_i_emu_stage(c.emu, 0, 0, 4, &work, WEFT_I_STRATEGY_FULL, NULL, &cost),
                 WEFT_STATUS_OK);
    cr_assert_eq(memcmp(&cost, &zero, sizeof cost), 0);
    cr_assert_eq(weft_i_emu_transfer_ns(c.emu, 1000, 0, 0), 0);
    cr_assert_eq(weft_i_emu_optimizer_ns(c.emu, 0), 0);
    weft_i_emu_free(NULL);
    cr_assert_str_eq(weft_i_emu_strategy_name(c.emu, WEFT_I_STRATEGY_SELECTIVE), "selective");
}

/* Each allocation made to fail once. */
Test(emu_create, lack_of_memory)
{
    weft_status status = WEFT_STATUS_NO_MEMORY;
    for (long k = 1; status != WEFT_STATUS_OK; k++) {
        weft_error error = {0};
        weft_i_emu *emu = NULL;
        weft_i_alloc_fail_after(k);
        status = weft_i_emu_create(c.model, &c.cluster, c.recipe, &c.parallel, WEFT_REUSE_MODE_ALL,
                                   &error, &emu);
        weft_i_alloc_fail_after(0);
        cr_assert(status == WEFT_STATUS_OK || status == WEFT_STATUS_NO_MEMORY);
        cr_assert_lt(k, 100);
        weft_i_emu_free(emu);
    }
}

/* Ranks of a cluster of two types of node: limits by rank, the peak of all. */
Test(emu_create, ranks_of_mixed_nodes)
{
    weft_node_type types[2] = {c.node_type, c.node_type};
    types[0].nodes = types[1].nodes = 1;
    types[1].device.memory_bytes = 50;
    types[1].device.bf16_tflops = 10;
    c.cluster.node_types = types;
    c.cluster.n_node_types = 2;
    c.parallel = (weft_parallel){1, 4, 3, 1, 1};
    c.parallel.tp = 4;
    emu_case_start(&c);
    cr_assert_eq(weft_i_emu_limit_bytes(c.emu, 0), 77);
    cr_assert_eq(weft_i_emu_limit_bytes(c.emu, 1), 77);
    cr_assert_eq(weft_i_emu_limit_bytes(c.emu, 2), 47);
    cr_assert_float_eq(weft_i_emu_peak_flops(c.emu), 8 * 100e12 + 8 * 10e12, 1);
    c.parallel = (weft_parallel){3, 1, 4, 1, 1};
    emu_case_start(&c);
    cr_assert_eq(weft_i_emu_limit_bytes(c.emu, 0), 47);
    cr_assert_float_eq(weft_i_emu_peak_flops(c.emu), 8 * 100e12 + 4 * 10e12, 1);
}

/* 4 read, 24 read and written, 2 written at 1000 bytes a ns; ZeRO 1 does a half and gathers. */
Test(emu_create, optimizer_and_reduction)
{
    c.parallel.dp = 2;
    emu_case_start(&c);
    cr_assert_eq(weft_i_emu_optimizer_ns(c.emu, 18 * 1000000), 30 * 1000000 / 1000);
    int64_t bytes = weft_i_emu_reduce_bytes(c.emu, 0, 0, 4);
    cr_assert_float_eq((double)weft_i_emu_reduce_ns(c.emu, 0, 0, 4, 0), (double)bytes / 100, 1);
    c.recipe->zero = 1;
    emu_case_start(&c);
    cr_assert_eq(weft_i_emu_optimizer_ns(c.emu, 12 * 1000000),
                 30 * 500000 / 1000 + 2 * 1000000 / 2 / 100);
    cr_assert_float_eq((double)weft_i_emu_reduce_ns(c.emu, 0, 0, 4, 0), (double)bytes / 200, 1);
}

/* Without sequence parallelism all devices of a TP group have the whole output and send parts. */
Test(emu_create, messages)
{
    c.parallel = (weft_parallel){1, 2, 8, 1, 1};
    c.model->modules[0].layers[1].kv_heads = c.model->modules[0].layers[2].kv_heads = 8;
    emu_case_start(&c);
    weft_i_work work = {.tokens = 1000};
    int64_t bytes = weft_i_emu_output_bytes(c.emu, 0, 1, &work);
    cr_assert_eq(bytes, 1000 * 2 * 1024);
    cr_assert_float_eq((double)weft_i_emu_transfer_ns(c.emu, bytes, 0, 1),
                       2000 + (double)bytes / 8 / 10 + (double)bytes * 7 / 8 / 100, 1);
    c.recipe->sequence_parallel = true;
    emu_case_start(&c);
    bytes = weft_i_emu_output_bytes(c.emu, 0, 1, &work);
    cr_assert_eq(bytes, 1000 / 8 * 2 * 1024);
    cr_assert_float_eq((double)weft_i_emu_transfer_ns(c.emu, bytes, 0, 1),
                       2000 + (double)bytes / 10, 1);
}
