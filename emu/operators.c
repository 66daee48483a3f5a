/* emu/operators.c - what operators cost on a device, and a layer's sum of them. */
#include "emu/operators.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "emu/lifetimes.h"
#include "profiles/recompute.h"

void weft_i_operators_add(weft_i_operators *graph, weft_i_operator op)
{
    assert(graph->n_operators < WEFT_I_MAX_OPERATORS);
    if (op.phase == WEFT_I_PHASE_FW) graph->last = graph->n_operators;
    graph->operators[graph->n_operators++] = op;
}

void weft_i_operators_read(weft_i_operators *graph, int32_t tensor, unsigned need)
{
    weft_i_operator *op = &graph->operators[graph->last];
    if (tensor < 0) return;
    assert(op->n_reads < WEFT_I_MAX_READS);
    op->reads[op->n_reads++] = (weft_i_read){tensor, need};
    const weft_i_tensor *read = &graph->tensors[tensor];
    graph->tensors[read->source >= 0 ? read->source : tensor].need |= need;
}

static int32_t add_tensor(weft_i_operators *graph, weft_i_tensor tensor)
{
    assert(graph->n_tensors < WEFT_I_MAX_TENSORS);
    graph->tensors[graph->n_tensors] = tensor;
    return graph->n_tensors++;
}

int32_t weft_i_operators_given(weft_i_operators *graph, double bytes)
{
    return add_tensor(graph, (weft_i_tensor){.bytes = bytes, .maker = -1, .source = -1});
}

int32_t weft_i_operators_make(weft_i_operators *graph, weft_i_tensor tensor)
{
    weft_i_operator *op = &graph->operators[graph->last];
    assert(op->n_made < WEFT_I_MAX_MADE);
    tensor.maker = graph->last;
    tensor.need = tensor.own;
    return op->made[op->n_made++] = add_tensor(graph, tensor);
}

void weft_i_operators_gradient(weft_i_operators *graph, double bytes)
{
    const weft_i_tensor gradient = {
        .bytes = bytes, .maker = -1, .source = -1, .need = WEFT_I_NEED_WEIGHT, .gradient = true};
    add_tensor(graph, gradient);
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
    case WEFT_I_OPERATOR_CORE:
        break;
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

static void add_operator(const weft_i_operator *op, double ns, weft_i_sums *sums)
{
    bool tp = op->kind == WEFT_I_OPERATOR_COLLECTIVE && op->axis == WEFT_I_AXIS_TP;
    *(tp ? &sums->tp_ns[op->phase] : &sums->busy_ns[op->phase]) += ns;
    sums->kernels[op->phase] += op->kernels;
}

/* What is held until the weight gradients: inputs of maps, gradients of their outputs. */
static double held_bytes(const weft_i_operators *graph, unsigned needed)
{
    double bytes = 0;
    for (int32_t i = 0; i < graph->n_tensors; i++)
        if (graph->tensors[i].need & needed & WEFT_I_NEED_WEIGHT) bytes += graph->tensors[i].bytes;
    return bytes;
}

/* Operators that run again, tensors that are kept, and what is made again for the backward. */
static weft_i_strategy_sums add_lifetimes(const weft_i_operators *graph, const double *ns,
                                          unsigned needed, const weft_i_lifetimes *lives,
                                          double *out_made_again)
{
    weft_i_strategy_sums sums = {0};
    *out_made_again = 0;
    for (int32_t i = 0; i < graph->n_operators; i++) {
        const weft_i_operator *op = &graph->operators[i];
        if (!lives->again[i]) continue;
        sums.repeat_ns += ns[i];
        sums.repeat_kernels += op->kernels;
        sums.repeat_flop += weft_i_operator_flop(op);
        sums.core_again |= op->kind == WEFT_I_OPERATOR_CORE;
    }
    for (int32_t i = 0; i < graph->n_tensors; i++) {
        const weft_i_tensor *tensor = &graph->tensors[i];
        if (tensor->gradient) continue;
        if (lives->sent[i]) {
            sums.host_bytes += tensor->bytes;
            sums.core_sent |= tensor->of_core;
        } else if (lives->kept[i]) {
            sums.saved_bytes += tensor->bytes;
            if (tensor->need & needed & WEFT_I_NEED_WEIGHT) sums.held_saved += tensor->bytes;
            sums.core_saved |= tensor->of_core;
        } else if (tensor->need & needed) {
            *out_made_again += tensor->bytes;
        }
    }
    return sums;
}

/* What the forward does not save is there for a moment, one map's input and output at most; the
 * backward has their gradients beside all that it makes again. */
static void add_work(const weft_i_operators *graph, bool saves, double made_again,
                     weft_i_strategy_sums *sums)
{
    double edge_bytes = graph->in_bytes + graph->out_bytes;
    double passing = saves ? fmin(made_again, graph->inner_bytes) : graph->inner_bytes;
    sums->fw_work_bytes = edge_bytes + passing;
    sums->bw_work_bytes = edge_bytes + graph->inner_bytes + made_again;
}

static unsigned needed_by(weft_backward backward)
{
    return (backward != WEFT_BACKWARD_NONE ? WEFT_I_NEED_INPUT : 0) |
           (backward == WEFT_BACKWARD_FULL ? WEFT_I_NEED_WEIGHT : 0);
}

/* `ns`: of each operator. */
static weft_i_strategy_sums price_set(const weft_i_operators *graph, const double *ns,
                                      weft_backward backward, uint32_t set)
{
    bool saves = backward != WEFT_BACKWARD_NONE && !(set & WEFT_I_REDO_WHOLE);
    weft_i_lifetimes lives;
    double made_again;
    weft_i_lifetimes_find(graph, needed_by(backward), set, &lives);
    weft_i_strategy_sums sums = add_lifetimes(graph, ns, needed_by(backward), &lives, &made_again);
    add_work(graph, saves, made_again, &sums);
    return sums;
}

void weft_i_operators_price(const weft_i_operators *graph, const weft_i_machine *machine,
                            weft_backward backward, const uint32_t *sets, int32_t n_sets,
                            weft_i_sums *out_sums)
{
    weft_i_sums sums = {.held_bytes = held_bytes(graph, needed_by(backward)),
                        .edge_bytes = graph->in_bytes + graph->out_bytes};
    double ns[WEFT_I_MAX_OPERATORS];
    for (int32_t i = 0; i < graph->n_operators; i++) {
        if (!weft_i_phase_runs(graph->operators[i].phase, backward)) continue;
        ns[i] = weft_i_operator_ns(machine, &graph->operators[i]);
        add_operator(&graph->operators[i], ns[i], &sums);
    }
    for (int32_t s = 0; s < n_sets; s++) {
        int32_t twin = 0;
        while (sets[twin] != sets[s])
            twin++;
        sums.under[s] = twin < s ? sums.under[twin] : price_set(graph, ns, backward, sets[s]);
    }
    *out_sums = sums;
}
