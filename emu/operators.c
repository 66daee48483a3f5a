/* emu/operators.c - what operators cost on a device, and a layer's sum of them. */
#include "emu/operators.h"

#include <assert.h>
#include <math.h>
#include <string.h>

void weft_i_operators_add(weft_i_operators *graph, weft_i_operator op)
{
    assert(graph->n_operators < WEFT_I_MAX_OPERATORS);
    graph->operators[graph->n_operators++] = op;
}

void weft_i_operators_keep(weft_i_operators *graph, weft_i_tensor tensor)
{
    assert(graph->n_tensors < WEFT_I_MAX_TENSORS);
    if (tensor.bytes > 0) graph->tensors[graph->n_tensors++] = tensor;
}

static const weft_device *slowest_device(const weft_cluster *cluster, int32_t devices)
{
    const weft_device *slowest = &cluster->node_types[0].device;
    int64_t first = 0;
    for (int32_t i = 0; i < cluster->n_node_types && first < devices; i++) {
        const weft_node_type *type = &cluster->node_types[i];
        if (type->device.bf16_tflops < slowest->bf16_tflops) slowest = &type->device;
        first += (int64_t)type->devices * type->nodes;
    }
    return slowest;
}

weft_i_machine weft_i_machine_make(const weft_cluster *cluster, const weft_recipe *recipe,
                                   const weft_parallel *parallel)
{
    const weft_device *device = slowest_device(cluster, weft_i_network_devices(parallel));
    const weft_stack *stack = &cluster->stack;
    bool fp8 = recipe->precision == WEFT_PRECISION_FP8;
    return (weft_i_machine){.device = device,
                            .peak = device->bf16_tflops * 1e3,
                            .linear_peak = (fp8 ? device->fp8_tflops : device->bf16_tflops) * 1e3,
                            .memory = device->memory_gbs * device->memory_efficiency,
                            .launch_ns = (double)device->launch_ns,
                            .host_kernel_ns = (double)stack->host_kernel_ns *
                                              (1 + device->host_growth * (parallel->tp - 1)),
                            .collective_wait_ns = (double)stack->collective_wait_ns,
                            .elementwise = stack->elementwise,
                            .backward_traffic = device->backward_traffic,
                            .uncut_head = stack->uncut_head > 0 ? stack->uncut_head : 1,
                            .forward_overlap = stack->forward_overlap,
                            .gather_overlap = recipe->overlap_tp,
                            .tp_overlap = recipe->overlap_tp ? stack->tp_overlap : 0,
                            .slowdown = stack->slowdown,
                            .network = weft_i_network_make(cluster, parallel)};
}

double weft_i_table_cost(const weft_table *table, double x)
{
    double cost = x / weft_table_at(table, x);
    for (int32_t i = 0; i < table->n_points && table->points[i].x < x; i++)
        cost = fmax(cost, table->points[i].x / table->points[i].y);
    return cost;
}

/* Output tiles of GEMM kernels, and the part of the best efficiency that each reaches. */
static const struct tile {
    double m, n, part;
} tiles[] = {{256, 128, 1}, {128, 256, 1}, {128, 128, 0.9}, {128, 64, 0.85}, {64, 64, 0.7}};

/* By how much idle multiprocessors, padding to whole tiles and their overhead stretch a GEMM: the
 * best of a few tile sizes, of `splits` ways at most to share the inner dimension. */
static double gemm_stretch(const weft_i_operator *op, const weft_device *device, int32_t splits)
{
    int32_t multiprocessors = device->multiprocessors;
    double best = INFINITY;
    if (multiprocessors == 0) return 1; /* a processor: its kernels suit themselves to any shape */
    for (size_t i = 0; i < sizeof tiles / sizeof *tiles; i++) {
        const struct tile *t = &tiles[i];
        double blocks = ceil(op->m / t->m) * ceil(op->n / t->n) * op->count;
        for (int32_t split = 1; split <= splits; split *= 2) {
            double waves = ceil(blocks * split / multiprocessors) * multiprocessors;
            double depth = op->k / split + device->tile_overhead;
            best = fmin(best, waves * t->m * t->n * depth / t->part);
        }
    }
    return best / (op->m * op->n * op->k * op->count);
}

double weft_i_operator_flop(const weft_i_operator *op)
{
    return op->kind == WEFT_I_OPERATOR_GEMM ? 2 * op->m * op->n * op->k * op->count : 0;
}

/* Of a GEMM without its launch; `peak` in flop a ns. */
static double compute_ns(const weft_i_machine *machine, const weft_i_operator *op, double peak)
{
    double flop = weft_i_operator_flop(op);
    /* A weight gradient has few output tiles and a long inner dimension, which kernels split. */
    int32_t splits = op->phase == WEFT_I_PHASE_BWW ? 8 : 1;
    double stretch = gemm_stretch(op, machine->device, splits);
    double compute = weft_i_table_cost(&machine->device->gemm, flop) * stretch / peak;
    double values = op->m * op->k + op->k * op->n + op->m * op->n;
    return fmax(compute, WEFT_I_VALUE_BYTES * op->count * values / machine->memory);
}

double weft_i_product_ns(const weft_i_machine *machine, double m, double n, double k, double count)
{
    const weft_i_operator op = {
        .kind = WEFT_I_OPERATOR_GEMM, .m = m, .n = n, .k = k, .count = count};
    return compute_ns(machine, &op, machine->peak);
}

static double gemm_ns(const weft_i_machine *machine, const weft_i_operator *op)
{
    double peak = machine->linear_peak * (op->uncut_head ? machine->uncut_head : 1);
    return machine->launch_ns + compute_ns(machine, op, peak);
}

static double bandwidth_ns(const weft_i_machine *machine, const weft_i_operator *op)
{
    double bytes = op->bytes * (op->never_fused ? 1 : machine->elementwise);
    if (op->phase != WEFT_I_PHASE_FW) bytes *= machine->backward_traffic;
    return op->kernels * machine->launch_ns + bytes / machine->memory;
}

/* It begins when the last device of the group has come to it: of n that differ by chance, the last
 * is late by what grows with log n. */
static double collective_ns(const weft_i_machine *machine, const weft_i_operator *op)
{
    const weft_i_group *group = &machine->network.groups[op->axis];
    return machine->collective_wait_ns * log2(group->devices) +
           weft_i_network_collective_ns(&machine->network, group, op->collective, op->bytes);
}

double weft_i_operator_ns(const weft_i_machine *machine, const weft_i_operator *op)
{
    switch (op->kind) {
    case WEFT_I_OPERATOR_GEMM:
        return gemm_ns(machine, op);
    case WEFT_I_OPERATOR_BANDWIDTH:
        return bandwidth_ns(machine, op);
    case WEFT_I_OPERATOR_COLLECTIVE:
        return collective_ns(machine, op);
    case WEFT_I_OPERATOR_FIXED:
        return op->bytes;
    }
    return 0;
}

bool weft_i_phase_runs(weft_i_phase phase, weft_backward backward)
{
    switch (phase) {
    case WEFT_I_PHASE_FW:
        return true;
    case WEFT_I_PHASE_BWI:
        return backward != WEFT_BACKWARD_NONE;
    case WEFT_I_PHASE_BWW:
    case WEFT_I_PHASE_SPLIT:
        return backward == WEFT_BACKWARD_FULL;
    case WEFT_I_N_PHASES:
        break;
    }
    return false;
}

static void add_operator(const weft_i_operator *op, const weft_i_machine *machine,
                         weft_i_sums *sums)
{
    double ns = weft_i_operator_ns(machine, op);
    bool tp = op->kind == WEFT_I_OPERATOR_COLLECTIVE && op->axis == WEFT_I_AXIS_TP;
    *(tp ? &sums->tp_ns[op->phase] : &sums->busy_ns[op->phase]) += ns;
    sums->kernels[op->phase] += op->kernels;
    for (int s = 0; s < WEFT_I_N_STRATEGIES; s++)
        if (op->repeat & (1u << s)) {
            sums->repeat_ns[s] += ns;
            sums->repeat_kernels[s] += op->kernels;
            sums->repeat_flop[s] += weft_i_operator_flop(op);
        }
}

static void add_tensor(const weft_i_tensor *tensor, unsigned needed, double made_again[],
                       weft_i_sums *sums)
{
    if (!(tensor->need & needed)) return;
    bool held = tensor->need & needed & WEFT_I_NEED_WEIGHT;
    if (held) sums->held_bytes += tensor->bytes;
    for (unsigned s = 0; s < WEFT_I_N_STRATEGIES && !tensor->gradient; s++) {
        if (!(tensor->kept & (1u << s))) {
            made_again[s] += tensor->bytes;
            continue;
        }
        sums->saved_bytes[s] += tensor->bytes;
        if (held) sums->held_saved[s] += tensor->bytes;
    }
}

void weft_i_operators_price(const weft_i_operators *graph, const weft_i_machine *machine,
                            weft_backward backward, weft_i_sums *out_sums)
{
    static const unsigned needed[] = {0, WEFT_I_NEED_INPUT, WEFT_I_NEED_INPUT | WEFT_I_NEED_WEIGHT};
    weft_i_sums sums = {.edge_bytes = graph->in_bytes + graph->out_bytes};
    double made_again[WEFT_I_N_STRATEGIES] = {0};
    for (int32_t i = 0; i < graph->n_operators; i++)
        if (weft_i_phase_runs(graph->operators[i].phase, backward))
            add_operator(&graph->operators[i], machine, &sums);
    for (int32_t i = 0; i < graph->n_tensors; i++)
        add_tensor(&graph->tensors[i], needed[backward], made_again, &sums);
    for (int s = 0; s < WEFT_I_N_STRATEGIES; s++) {
        /* What the forward does not save is there for a moment, one map's input and output at most;
         * the backward has their gradients beside all that it makes again. */
        bool saves = s != WEFT_I_STRATEGY_FULL && backward != WEFT_BACKWARD_NONE;
        double passing = saves ? fmin(made_again[s], graph->inner_bytes) : graph->inner_bytes;
        sums.work_bytes[s][0] = sums.edge_bytes + passing;
        sums.work_bytes[s][1] = sums.edge_bytes + graph->inner_bytes + made_again[s];
    }
    *out_sums = sums;
}
