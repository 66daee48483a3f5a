/* tests/unit/test_calibrate.c - constants that are bent come back from the times that they gave. */
#include <math.h>

#include "tests/unit/emu_case.h"
#include "weft/calibrate.h"

enum { N_ROWS = 24 };

/* Times of embedding, layer and head of a cluster as it is, on different tokens. */
static void fill_rows(emu_case *c, weft_layer_time *rows)
{
    for (int i = 0; i < N_ROWS; i++) {
        weft_layer_time *row = &rows[i];
        *row = (weft_layer_time){.layer = i % 3 == 2 ? 3 : i % 3,
                                 .tokens = 256 << (i / 3 % 4),
                                 .span = i < N_ROWS / 2 ? 256 : 64};
        weft_i_stage_cost cost =
            emu_case_stage(c, 0, row->layer, 1, row->span, (int32_t)(row->tokens / row->span),
                           WEFT_I_STRATEGY_NONE);
        row->fw_ns = cost.cost.fw_ns;
        row->bw_ns = cost.cost.bw_ns;
    }
}

Test(calibrate, finds_what_was_bent)
{
    emu_case c;
    weft_layer_time rows[N_ROWS];
    weft_calibration before, after;
    emu_case_make(&c, "gpt:layers=2,hidden=512,heads=8,vocab=2048");
    c.node_type.device.launch_ns = 1000;
    emu_case_start(&c);
    fill_rows(&c, rows);
    weft_device *device = &c.node_type.device;
    device->memory_gbs *= 0.4;
    device->launch_ns = 3000;
    for (int32_t i = 0; i < device->gemm.n_points; i++)
        device->gemm.points[i].y *= 0.6;
    cr_assert_eq(weft_calibrate(c.model, c.recipe, rows, N_ROWS, &c.cluster, NULL, &after), 0);
    cr_expect_lt(after.mean, 0.03, "mean %g", after.mean);
    cr_expect_lt(after.total, 0.02, "total %g", after.total);
    /* Again from there: nothing gets worse. */
    cr_assert_eq(weft_calibrate(c.model, c.recipe, rows, N_ROWS, &c.cluster, NULL, &before), 0);
    cr_expect_leq(before.mean, after.mean + 1e-3);
    emu_case_free(&c);
}

Test(calibrate, refuses_rows_of_no_layer)
{
    emu_case c;
    weft_error error = {0};
    weft_layer_time row = {.layer = 4, .tokens = 64, .span = 64, .fw_ns = 1000};
    emu_case_make(&c, "gpt:layers=2,hidden=512,heads=8,vocab=2048");
    cr_expect_eq(weft_calibrate(c.model, c.recipe, &row, 1, &c.cluster, &error, NULL),
                 WEFT_STATUS_BAD_INPUT);
    cr_expect_str_eq(error.text, "row 0: no layer 4 of module 0 on 64 tokens in sequences of 64");
    row = (weft_layer_time){.layer = 1, .tokens = 0, .span = 64, .fw_ns = 1000};
    cr_expect_eq(weft_calibrate(c.model, c.recipe, &row, 1, &c.cluster, NULL, NULL),
                 WEFT_STATUS_BAD_INPUT);
    emu_case_free(&c);
}
