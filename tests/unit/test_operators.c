/* Single operators against sums by hand. */
#include <math.h>

#include "base/rng.h"
#include "emu/operators.h"
#include "tests/unit/emu_case.h"

static emu_case c;
static weft_i_machine machine;

static void restart(void)
{
    machine = weft_i_machine_make(&c.cluster, c.recipe, &c.parallel);
}

static void setup(void)
{
    emu_case_make(&c, "gpt:layers=1,hidden=128,heads=1");
    restart();
}

static void teardown(void)
{
    emu_case_free(&c);
}

TestSuite(operators, .init = setup, .fini = teardown);

static double gemm(double m, double n, double k, double count, weft_i_phase phase)
{
    weft_i_operator op = {.kind = WEFT_I_OPERATOR_GEMM,
                          .phase = phase,
                          .m = m,
                          .n = n,
                          .k = k,
                          .count = count,
                          .kernels = 1};
    return weft_i_operator_ns(&machine, &op);
}

/* Whole tiles on one multiprocessor: half of 100 TFLOP/s, 50000 flop a ns; a tile's overhead is
 * that of 90 more steps. */
Test(operators, gemm_of_whole_tiles)
{
    double expected = 2.0 * 1024 * 1024 * (1024 + 90) / 50000;
    cr_assert_float_eq(gemm(1024, 1024, 1024, 1, WEFT_I_PHASE_FW), expected, 1e-6);
    cr_assert_float_eq(gemm(1024, 1024, 1024, 4, WEFT_I_PHASE_FW), 4 * expected, 1e-6);
}

/* One row more costs a row of tiles more: the best is 64 of a tile at half of the rate or 256 at
 * the whole. */
Test(operators, gemm_pads_to_tiles)
{
    double whole = gemm(1024, 1024, 1024, 1, WEFT_I_PHASE_FW);
    double more = gemm(1025, 1024, 1024, 1, WEFT_I_PHASE_FW);
    cr_assert_float_eq(more / whole, 1152.0 / 1024, 1e-9);
}

/* 72 tiles of 256 x 128 on 108 multiprocessors: a third idles. Splitting the inner dimension of a
 * weight gradient in 4 makes 288 tiles in 3 waves of a quarter each. */
Test(operators, gemm_fills_waves)
{
    c.node_type.device.multiprocessors = 108;
    double forward = gemm(1536, 1536, 4096, 1, WEFT_I_PHASE_FW);
    double step = 2 * 1536.0 * 1536 / 50000;
    /* Tiles of 128 x 64, of which 288 fill 2.67 waves, and 85 % of the best rate. */
    cr_assert_float_eq(forward, step * (4096 + 90) * 3 * 108 / (288 * 0.85), 1e-6);
    double weight = gemm(1536, 1536, 4096, 1, WEFT_I_PHASE_BWW);
    cr_assert_float_eq(weight, step * (1024 + 90) * 3 * 108 / 72, 1e-6);
}

/* One row against a matrix: its traffic at 1000 bytes a ns is what counts. */
Test(operators, gemm_bound_by_memory_and_launch)
{
    c.node_type.device.bf16_tflops = 1e6;
    c.node_type.device.launch_ns = 77;
    restart();
    double bytes = 2 * (1024.0 + 1024 * 1024 + 1024);
    cr_assert_float_eq(gemm(1, 1024, 1024, 1, WEFT_I_PHASE_FW), 77 + bytes / 1000, 1e-6);
}

Test(operators, gemm_in_fp8)
{
    double bf16 = gemm(1024, 1024, 1024, 1, WEFT_I_PHASE_FW);
    c.recipe->precision = WEFT_PRECISION_FP8;
    c.node_type.device.fp8_tflops = 200;
    restart();
    cr_assert_float_eq(gemm(1024, 1024, 1024, 1, WEFT_I_PHASE_FW), bf16 / 2, 1e-6);
}

Test(operators, bandwidth_fixed_and_collective)
{
    c.node_type.device.launch_ns = 10;
    c.node_type.device.memory_efficiency = 0.5;
    c.cluster.stack.elementwise = 0.8;
    c.parallel.tp = 2;
    restart();
    weft_i_operator op = {.kind = WEFT_I_OPERATOR_BANDWIDTH, .bytes = 1e6, .kernels = 3};
    cr_assert_float_eq(weft_i_operator_ns(&machine, &op), 30 + 1e6 * 0.8 / 500, 1e-6);
    op.kind = WEFT_I_OPERATOR_FIXED;
    cr_assert_float_eq(weft_i_operator_ns(&machine, &op), 1e6, 1e-6);
    op = (weft_i_operator){.kind = WEFT_I_OPERATOR_COLLECTIVE,
                           .axis = WEFT_I_AXIS_TP,
                           .collective = WEFT_I_COLLECTIVE_ALL_REDUCE,
                           .bytes = 1e6};
    cr_assert_float_eq(weft_i_operator_ns(&machine, &op), 1e6 / 100, 1e-6);
    cr_assert_eq(weft_i_operator_flop(&op), 0);
}

/* More work never takes less time, however steep the table. */
Test(operators, table_cost_never_falls)
{
    weft_i_rng rng;
    weft_i_rng_seed(&rng, 11);
    for (int i = 0; i < 200; i++) {
        weft_point points[5];
        double x = 1;
        for (int k = 0; k < 5; k++) {
            x *= 1.1 + 3 * weft_i_rng_double(&rng);
            points[k] = (weft_point){x, 0.01 + weft_i_rng_double(&rng)};
        }
        weft_table table = {points, 5};
        double last = 0;
        for (double at = 0.5; at < x * 2; at *= 1.01) {
            double cost = weft_i_table_cost(&table, at);
            cr_assert_geq(cost, last * (1 - 1e-12), "seed 11, table %d at %g", i, at);
            last = cost;
        }
        cr_assert_float_eq(weft_i_table_cost(&table, points[0].x / 2),
                           points[0].x / 2 / points[0].y, 1e-9);
    }
}

/* A machine is as slow as the slowest type of node that the job uses. */
Test(operators, slowest_of_mixed_nodes)
{
    weft_node_type types[2] = {c.node_type, c.node_type};
    types[0].nodes = types[1].nodes = 1;
    types[1].device.bf16_tflops = 50;
    c.cluster.node_types = types;
    c.cluster.n_node_types = 2;
    restart();
    cr_assert_eq(machine.peak, 100e3);
    c.parallel.tp = 16;
    restart();
    cr_assert_eq(machine.peak, 50e3);
}
