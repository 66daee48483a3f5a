/* tests/unit/test_timed.c - layers that were timed on the device: the emulator gives their times.
 */
#include <math.h>
#include <stdio.h>
#include <unistd.h>

#include "tests/unit/emu_case.h"

#define MODEL "gpt:layers=2,hidden=512,heads=8,vocab=2048"

enum { N_ROWS = 3 };

/* The first block on three works: spans of 64 and of 256, two numbers of tokens. */
static void fill(emu_case *c, weft_layer_time *rows)
{
    static const weft_layer_time given[N_ROWS] = {
        {0, 1, 256, 256, 0, 70000, 150000, 90000, 66000},
        {0, 1, 256, 64, 0, 50000, 110000, 60000, 52000},
        {0, 1, 1024, 64, 0, 190000, 420000, 230000, 205000}};
    memcpy(rows, given, sizeof(given));
    c->node_type.device.layers = (weft_layer_times){c->model->sha256, rows, N_ROWS, 0};
}

static weft_cost stage(const emu_case *c, int32_t layer, int32_t n, int64_t span, int32_t n_spans)
{
    return emu_case_stage(c, 0, layer, n, span, n_spans, WEFT_I_STRATEGY_NONE).cost;
}

static void expect_row(const emu_case *c, const weft_layer_time *row)
{
    for (int32_t layer = 1; layer <= 2; layer++) { /* the second block is equal to the first */
        weft_cost cost = stage(c, layer, 1, row->span, (int32_t)(row->tokens / row->span));
        cr_expect_leq(llabs(cost.fw_ns - row->fw_ns), 1);
        cr_expect_leq(llabs(cost.bw_ns - row->bw_ns), 1);
        cr_expect_leq(llabs(cost.bwi_ns - row->bwi_ns), 1);
        cr_expect_leq(llabs(cost.bww_ns - row->bww_ns), 1);
    }
}

Test(timed, gives_what_was_timed)
{
    emu_case c;
    weft_layer_time rows[N_ROWS];
    emu_case_make(&c, MODEL);
    fill(&c, rows);
    emu_case_start(&c);
    for (int i = 0; i < N_ROWS; i++)
        expect_row(&c, &rows[i]);
    /* The embedding was not. */
    weft_cost timed = stage(&c, 0, 1, 256, 1);
    c.node_type.device.layers.n_rows = 0;
    emu_case_start(&c);
    cr_expect_eq(stage(&c, 0, 1, 256, 1).fw_ns, timed.fw_ns);
    emu_case_free(&c);
}

/* Measured over formula, between two works, is between the two ratios; beyond them it is the
 * nearest's. */
Test(timed, interpolates_the_ratio_to_the_formulas)
{
    emu_case c;
    weft_layer_time rows[N_ROWS];
    emu_case_make(&c, MODEL);
    emu_case_start(&c);
    int64_t plain_ns[] = {stage(&c, 1, 1, 64, 4).fw_ns, stage(&c, 1, 1, 64, 8).fw_ns,
                          stage(&c, 1, 1, 64, 16).fw_ns, stage(&c, 1, 1, 64, 32).fw_ns,
                          stage(&c, 1, 1, 64, 2).fw_ns};
    fill(&c, rows);
    emu_case_start(&c);
    double low = 50000.0 / (double)plain_ns[0], high = 190000.0 / (double)plain_ns[2];
    double middle = (double)stage(&c, 1, 1, 64, 8).fw_ns / (double)plain_ns[1];
    cr_expect_float_eq(middle, sqrt(low * high), 1e-4 * middle);
    cr_expect_float_eq((double)stage(&c, 1, 1, 64, 32).fw_ns / (double)plain_ns[3], high, 1e-3);
    cr_expect_float_eq((double)stage(&c, 1, 1, 64, 2).fw_ns / (double)plain_ns[4], low, 1e-3);
    /* Between spans of 64 and of 256, half-way in the logarithm. */
    c.node_type.device.layers.n_rows = 0;
    emu_case_start(&c);
    double plain[] = {(double)stage(&c, 1, 1, 256, 1).fw_ns, (double)stage(&c, 1, 1, 128, 2).fw_ns};
    c.node_type.device.layers.n_rows = N_ROWS;
    emu_case_start(&c);
    double expected = sqrt(70000.0 / plain[0] * low);
    cr_expect_float_eq((double)stage(&c, 1, 1, 128, 2).fw_ns / plain[1], expected, 1e-3);
    emu_case_free(&c);
}

Test(timed, makes_a_forward_again_at_its_own_ratio)
{
    emu_case c;
    weft_layer_time rows[N_ROWS];
    emu_case_make(&c, MODEL);
    emu_case_start(&c);
    weft_cost plain = emu_case_stage(&c, 0, 1, 1, 256, 1, WEFT_I_STRATEGY_FULL).cost;
    double formula_ns = (double)stage(&c, 1, 1, 256, 1).fw_ns;
    fill(&c, rows);
    emu_case_start(&c);
    weft_cost full = emu_case_stage(&c, 0, 1, 1, 256, 1, WEFT_I_STRATEGY_FULL).cost;
    double again_ns = (double)plain.recompute_ns * 70000 / formula_ns;
    cr_expect_float_eq((double)full.recompute_ns, again_ns, 2);
    cr_expect_float_eq((double)full.bw_ns, 150000 + again_ns, 3);
    cr_expect_float_eq((double)full.bwi_ns, 90000 + again_ns, 3);
    cr_expect_leq(llabs(full.bww_ns - 66000), 1);
    emu_case_free(&c);
}

Test(timed, adds_what_a_pass_takes_once_a_stage)
{
    emu_case c;
    weft_layer_time rows[N_ROWS];
    emu_case_make(&c, MODEL);
    fill(&c, rows);
    emu_case_start(&c);
    weft_cost without = stage(&c, 1, 2, 64, 4);
    c.node_type.device.layers.pass_ns = 5000;
    emu_case_start(&c);
    weft_cost with = stage(&c, 1, 2, 64, 4);
    cr_expect_eq(with.fw_ns, without.fw_ns + 5000);
    cr_expect_eq(with.bw_ns, without.bw_ns + 5000);
    cr_expect_eq(with.bwi_ns, without.bwi_ns + 5000);
    cr_expect_eq(with.bww_ns, without.bww_ns + 5000);
    cr_expect_eq(stage(&c, 1, 0, 64, 4).fw_ns, 0, "no layers, no pass");
    emu_case_free(&c);
}

Test(timed, does_not_count_for_other_models_or_shared_layers)
{
    emu_case c;
    weft_layer_time rows[N_ROWS];
    emu_case_make(&c, MODEL);
    emu_case_start(&c);
    int64_t plain_ns = stage(&c, 1, 1, 64, 4).fw_ns;
    c.parallel.tp = 2;
    emu_case_start(&c);
    int64_t shared_ns = stage(&c, 1, 1, 64, 4).fw_ns;
    fill(&c, rows);
    emu_case_start(&c);
    cr_expect_eq(stage(&c, 1, 1, 64, 4).fw_ns, shared_ns);
    c.parallel.tp = 1;
    c.node_type.device.layers.model = "another";
    emu_case_start(&c);
    cr_expect_eq(stage(&c, 1, 1, 64, 4).fw_ns, plain_ns);
    emu_case_free(&c);
}

Test(timed, refuses_a_layer_that_the_model_lacks)
{
    emu_case c;
    weft_error error = {0};
    weft_layer_time rows[N_ROWS];
    emu_case_make(&c, MODEL);
    fill(&c, rows);
    rows[1].layer = 4;
    cr_expect_eq(weft_i_emu_create(c.model, &c.cluster, c.recipe, &c.parallel, WEFT_REUSE_MODE_ALL,
                                   &error, &c.emu),
                 WEFT_STATUS_BAD_INPUT);
    cr_expect_not_null(
        strstr(error.text, "device round was timed on layer 4 of module 0, which model"), "%s",
        error.text);
    emu_case_free(&c);
}

Test(timed, is_written_and_read)
{
    char file[] = "timed_XXXXXX";
    weft_error error = {0};
    weft_cluster *cluster = NULL, *read = NULL;
    weft_layer_time rows[2] = {{0, 1, 256, 64, 16, 5, 11, 6, 5}, {1, 0, 16, 16, 0, 7, 0, 0, 0}};
    int fd = mkstemp(file);
    cr_assert_geq(fd, 0);
    close(fd);
    cr_assert_eq(weft_cluster_load("h100", &error, &cluster), WEFT_STATUS_OK, "%s", error.text);
    cluster->node_types[0].device.layers = (weft_layer_times){"abc", rows, 2, 77};
    cr_assert_eq(weft_cluster_write(cluster, file, &error), WEFT_STATUS_OK, "%s", error.text);
    cr_assert_eq(weft_cluster_load(file, &error, &read), WEFT_STATUS_OK, "%s", error.text);
    const weft_layer_times *layers = &read->node_types[0].device.layers;
    cr_expect_str_eq(layers->model, "abc");
    cr_expect_eq(layers->pass_ns, 77);
    cr_assert_eq(layers->n_rows, 2);
    cr_expect_eq(memcmp(layers->rows, rows, sizeof(rows)), 0);
    weft_cluster_free(read);
    weft_cluster_free(cluster);
    unlink(file);
}
