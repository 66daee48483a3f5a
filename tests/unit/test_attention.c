/* Attention over single sequences against sums by hand. */
#include "emu/attention.h"
#include "tests/unit/emu_case.h"

static emu_case c;
static weft_i_machine machine;
static weft_i_core core;

static void restart(void)
{
    machine = weft_i_machine_make(&c.cluster, c.recipe, &c.parallel);
}

static void setup(void)
{
    emu_case_make(&c, "gpt:layers=1,hidden=128,heads=1");
    /* Far more memory bandwidth than needed. */
    c.node_type.device.memory_gbs = 1e9;
    restart();
    core = (weft_i_core){.heads = 8,
                         .kv_heads = 8,
                         .head_size = 128,
                         .mask = WEFT_ATTENTION_FULL,
                         .tp = 1,
                         .cp = 1,
                         .flash = 1,
                         .merge = 1,
                         .spread = 1};
}

static void teardown(void)
{
    emu_case_free(&c);
}

TestSuite(attention, .init = setup, .fini = teardown);

static weft_i_core_sums price(int32_t n, const int64_t *tokens, const int64_t *context)
{
    weft_i_span spans[64];
    weft_i_work work = {.spans = spans, .n_spans = n};
    for (int32_t i = 0; i < n; i++) {
        spans[i] = (weft_i_span){tokens[i], context ? context[i] : 0};
        work.tokens += tokens[i];
    }
    weft_i_core_sums sums;
    weft_i_core_price(&core, &machine, &work, &sums);
    return sums;
}

#define PRICE(...)                                                                                 \
    price((int32_t)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)),                           \
          (const int64_t[]){__VA_ARGS__}, NULL)

/* 4 s^2 d heads at half of 100 TFLOP/s; backward 2.5 times that; each document its own square. */
Test(attention, fused_full)
{
    weft_i_core_sums s = PRICE(1024);
    double flop = 4.0 * 1024 * 1024 * 128 * 8;
    cr_assert_float_eq(s.fw_ns, flop / 50000, 1e-6);
    cr_assert_float_eq(s.bw_ns, 2.5 * flop / 50000, 1e-6);
    cr_assert_float_eq(s.flop, flop, 1);
    cr_assert_float_eq(s.saved_bytes, 4.0 * 8 * 1024, 1e-9);
    s = PRICE(1024, 512, 512);
    cr_assert_float_eq(s.flop, 1.5 * flop, 1);
    cr_assert_float_eq(s.fw_ns, 1.5 * flop / 50000, 1e-6);
}

Test(attention, a_work_without_spans_is_one_sequence)
{
    weft_i_work work = {.tokens = 1024};
    weft_i_core_sums s;
    weft_i_core_price(&core, &machine, &work, &s);
    cr_assert_float_eq(s.flop, 4.0 * 1024 * 1024 * 128 * 8, 1);
    cr_assert_eq(s.load.tokens, 1024);
}

/* The sum over queries of the keys they see, by counting. */
Test(attention, keys_seen)
{
    for (int64_t tokens = 1; tokens < 300; tokens += 7)
        for (int64_t window = 1; window < 300; window += 13) {
            double causal = 0, windowed = 0;
            for (int64_t q = 0; q < tokens; q++) {
                causal += (double)q + 0.5; /* half of the diagonal, as the field counts */
                windowed += q < window ? (double)q + 0.5 : (double)window;
            }
            double n = (double)tokens, w = (double)window;
            cr_assert_float_eq(weft_i_core_keys(WEFT_ATTENTION_CAUSAL, 0, n) * n, causal, 1e-6);
            cr_assert_float_eq(weft_i_core_keys(WEFT_ATTENTION_WINDOWED, w, n) * n, windowed, 1e-6);
        }
}

/* Causal flop are half; a causal table is used where there is one. */
Test(attention, causal)
{
    core.mask = WEFT_ATTENTION_CAUSAL;
    double flop = 2.0 * 1024 * 1024 * 128 * 8;
    cr_assert_float_eq(PRICE(1024).fw_ns, flop / 50000, 1e-6);
    weft_point quarter = {1, 0.25};
    c.attention.forward_causal = (weft_table){&quarter, 1};
    cr_assert_float_eq(PRICE(1024).fw_ns, flop / 25000, 1e-6);
    cr_assert_float_eq(PRICE(1024).bw_ns, 2.5 * flop / 50000, 1e-6);
}

/* Efficiency grows with the length of each sequence, not with their sum. */
Test(attention, efficiency_is_of_each_length)
{
    weft_point points[] = {{512, 0.25}, {2048, 0.5}};
    c.attention.forward = (weft_table){points, 2};
    double flop = 4.0 * 512 * 512 * 128 * 8;
    cr_assert_float_eq(PRICE(512, 512, 512, 512).fw_ns, 4 * flop / 25000, 1e-6);
    cr_assert_float_eq(PRICE(2048).fw_ns, 16 * flop / 50000, 1e-6);
}

/* The row of the next head size above. */
Test(attention, head_sizes)
{
    weft_point quarter = {1, 0.25}, half = {1, 0.5};
    weft_attention_row rows[] = {{64, {&quarter, 1}, {&quarter, 1}, {0}, {0}},
                                 {128, {&half, 1}, {&half, 1}, {0}, {0}}};
    c.node_type.device.attention = rows;
    c.node_type.device.n_attention = 2;
    const int64_t sizes[] = {32, 64, 112, 128, 256};
    const double rates[] = {25000, 25000, 50000, 50000, 50000};
    for (size_t i = 0; i < 5; i++) {
        core.head_size = sizes[i];
        double flop = 4.0 * 1024 * 1024 * (double)sizes[i] * 8;
        cr_assert_float_eq(PRICE(1024).fw_ns, flop / rates[i], 1e-6, "head size %d", (int)sizes[i]);
    }
}

Test(attention, is_cut_over_tp_and_launched_once)
{
    c.node_type.device.launch_ns = 1000;
    restart();
    core.tp = 4;
    core.kv_heads = 2;
    double flop = 4.0 * 1024 * 1024 * 128 * 2;
    weft_i_core_sums s = PRICE(1024, 1024);
    cr_assert_float_eq(s.fw_ns, 1000 + 2 * flop / 50000, 1e-6);
    cr_assert_float_eq(s.flop, 2 * 4 * flop, 1);
}

/* Short queries are bound by reading and writing query, key, value and output. */
Test(attention, bound_by_traffic)
{
    c.node_type.device.memory_gbs = 1000;
    restart();
    const int64_t one[] = {1};
    weft_i_core_sums s = price(1, one, NULL);
    cr_assert_float_eq(s.fw_ns, 2 * 4 * 128 * 8 / 1000.0, 1e-9);
}

/* The whole square at a quarter of the peak (half of the GEMM's rate), no less for a causal mask;
 * 9 and 11 bytes a score for softmax and dropout; 5 of them saved. */
Test(attention, unfused)
{
    core.flash = 0;
    core.dropout = 1;
    core.mask = WEFT_ATTENTION_CAUSAL;
    c.node_type.device.memory_gbs = 1e6;
    restart();
    double scores = 8.0 * 1024 * 1024, flop = 4 * scores * 128;
    /* Two products, each with the overhead of its tiles: over the head's size, over the keys. */
    double products = flop / 2 / 50000 * (218.0 / 128 + 1114.0 / 1024);
    weft_i_core_sums s = PRICE(1024);
    cr_assert_float_eq(s.fw_ns, products + 9 * scores / 1e6, 1e-6);
    cr_assert_float_eq(s.bw_ns, 2 * products + 11 * scores / 1e6, 1e-6);
    cr_assert_float_eq(s.saved_bytes, 5 * scores, 1e-6);
    cr_assert_float_eq(s.flop, flop / 2, 1);
}

Test(attention, cross_reads_the_condition)
{
    core.cross = 1;
    const int64_t tokens[] = {1024, 256}, context[] = {77, 0};
    weft_i_core_sums s = price(2, tokens, context);
    double flop = 4.0 * 128 * 8 * (1024 * 1024 + 1024 * 77 + 256 * 256);
    cr_assert_float_eq(s.flop, flop, 1);
    cr_assert_float_eq(s.fw_ns, flop / 50000, 1e-6);
    cr_assert_eq(s.load.context, 77);
    cr_assert_eq(s.load.spans, 2);
}

Test(attention, merged_tokens_are_rounded_up_for_each_sequence)
{
    core.merge = 16;
    weft_i_core_sums s = PRICE(2704, 17);
    cr_assert_eq(s.load.tokens, 169 + 2);
    cr_assert_float_eq(s.flop, 4.0 * 128 * 8 * (169 * 169 + 2 * 2), 1);
}

/* Seven equal images on four devices: the slowest has two. */
Test(attention, spread_over_devices)
{
    core.spread = 4;
    weft_i_core_sums s = PRICE(100, 100, 100, 100, 100, 100, 100);
    cr_assert_eq(s.load.tokens, 200);
    cr_assert_eq(s.load.spans, 2);
    cr_assert_float_eq(s.flop, 7 * 4.0 * 100 * 100 * 128 * 8, 1);
    cr_assert_float_eq(s.fw_ns, 2 * 4.0 * 100 * 100 * 128 * 8 / 50000, 1e-6);
    /* The long one alone. */
    s = PRICE(10, 20, 500, 30, 5, 5);
    cr_assert_eq(s.load.tokens, 500);
    cr_assert_eq(s.load.spans, 1);
}

/* A device works on half of the queries; the ring of two is one step of keys and values. */
Test(attention, context_parallel)
{
    c.parallel = (weft_parallel){1, 1, 1, 2, 1};
    restart();
    core.cp = 2;
    double flop = 4.0 * 1024 * 1024 * 128 * 8 / 2;
    weft_i_core_sums s = PRICE(1024);
    cr_assert_float_eq(s.fw_ns, flop / 50000, 1e-6);
    c.levels[0].gbs = 0.001;
    s = PRICE(1024);
    double ring = 1000 + 2 * 2 * 512 * 128 * 8 / 0.001;
    cr_assert_float_eq(s.fw_ns, ring, 1);
    cr_assert_float_eq(s.bw_ns, 2 * ring, 1);
}
