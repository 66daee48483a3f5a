/* emu/fit_constants.c - which constants a fit may change, and between which values. */
#include "emu/fit_constants.h"

#include <math.h>
#include <string.h>

typedef enum device_kind {
    GEMM,    /* the last value of the table; the others go with it */
    NETWORK, /* the same of the collectives of the outermost level */
    TILE_OVERHEAD,
    LAUNCH,
    MEMORY_EFFICIENCY,
    SCORE_TRAFFIC,
    BACKWARD_TRAFFIC,
    HOST_GROWTH,
    N_DEVICE_KINDS
} device_kind;

typedef enum stack_kind {
    ELEMENTWISE,
    TP_OVERLAP,
    DP_OVERLAP,
    SLOWDOWN,
    HOST_KERNEL,
    MESSAGE,
    MESSAGE_SLOWDOWN,
    UNCUT_HEAD,
    COLLECTIVE_WAIT,
    N_STACK_KINDS
} stack_kind;

typedef struct range {
    const char *name;
    double low, high;
} range;

/* What is physical; a GEMM is never faster than the best one seen (bound_of). */
static const range device_ranges[N_DEVICE_KINDS] = {
    [GEMM] = {"gemm", 0.5, 0.87},
    [NETWORK] = {"network", 0.4, 1},
    [TILE_OVERHEAD] = {"tile_overhead", 40, 160},
    [LAUNCH] = {"launch_ns", 4000, 5500},
    [MEMORY_EFFICIENCY] = {"memory_efficiency", 0.65, 0.9},
    [SCORE_TRAFFIC] = {"score_traffic", 0.5, 4},
    [BACKWARD_TRAFFIC] = {"backward_traffic", 0.3, 1.5},
    [HOST_GROWTH] = {"host_growth", 0, 0.3},
};

static const range stack_ranges[N_STACK_KINDS] = {
    [ELEMENTWISE] = {"elementwise", 0.1, 4},
    [TP_OVERLAP] = {"tp_overlap", 0, 1},
    [DP_OVERLAP] = {"dp_overlap", 0, 1},
    [SLOWDOWN] = {"slowdown", 1, 1.6},
    [HOST_KERNEL] = {"host_kernel_ns", 1000, 60000},
    [MESSAGE] = {"message_ns", 1000, 500000},
    [MESSAGE_SLOWDOWN] = {"message_slowdown", 1, 1.25},
    [UNCUT_HEAD] = {"uncut_head", 0.2, 1},
    [COLLECTIVE_WAIT] = {"collective_wait_ns", 5000, 150000},
};

weft_stack *weft_i_stack_named(const weft_cluster *cluster, const char *name)
{
    if (strcmp(cluster->stack.name, name) == 0) return (weft_stack *)(uintptr_t)&cluster->stack;
    for (int32_t i = 0; i < cluster->n_stacks; i++)
        if (strcmp(cluster->stacks[i].name, name) == 0) return &cluster->stacks[i];
    return NULL;
}

static const range *range_of(const weft_i_constant *constant)
{
    return constant->stack ? &stack_ranges[constant->kind] : &device_ranges[constant->kind];
}

const char *weft_i_constant_name(const weft_i_constant *constant)
{
    return range_of(constant)->name;
}

static void scale_table(weft_table *table, double value)
{
    double factor = value / table->points[table->n_points - 1].y;
    for (int32_t i = 0; i < table->n_points; i++)
        table->points[i].y *= factor;
}

static double last_of(const weft_table *table)
{
    return table->points[table->n_points - 1].y;
}

static double *device_field(weft_device *device, int32_t kind)
{
    switch ((device_kind)kind) {
    case TILE_OVERHEAD:
        return &device->tile_overhead;
    case MEMORY_EFFICIENCY:
        return &device->memory_efficiency;
    case SCORE_TRAFFIC:
        return &device->score_traffic;
    case BACKWARD_TRAFFIC:
        return &device->backward_traffic;
    case HOST_GROWTH:
        return &device->host_growth;
    case GEMM:
    case NETWORK:
    case LAUNCH:
    case N_DEVICE_KINDS:
        break;
    }
    return NULL;
}

/* NULL where it is a whole number of ns. */
static double *stack_field(weft_stack *stack, int32_t kind)
{
    double *fields[N_STACK_KINDS] = {[ELEMENTWISE] = &stack->elementwise,
                                     [TP_OVERLAP] = &stack->tp_overlap,
                                     [DP_OVERLAP] = &stack->dp_overlap,
                                     [SLOWDOWN] = &stack->slowdown,
                                     [MESSAGE_SLOWDOWN] = &stack->message_slowdown,
                                     [UNCUT_HEAD] = &stack->uncut_head};
    return fields[kind];
}

static int64_t *stack_ns(weft_stack *stack, int32_t kind)
{
    if (kind == MESSAGE) return &stack->message_ns;
    return kind == HOST_KERNEL ? &stack->host_kernel_ns : &stack->collective_wait_ns;
}

double weft_i_constant_get(const weft_cluster *cluster, const weft_i_constant *constant)
{
    weft_device *device = &cluster->node_types[0].device;
    const weft_level *outer = &cluster->levels[cluster->n_levels - 1];
    int32_t kind = constant->kind;
    if (constant->stack) {
        const double *field = stack_field(constant->stack, kind);
        return field ? *field : (double)*stack_ns(constant->stack, kind);
    }
    if (kind == GEMM) return last_of(&device->gemm);
    if (kind == NETWORK) return last_of(&outer->collectives[outer->n_collectives - 1].fraction);
    return kind == LAUNCH ? (double)device->launch_ns : *device_field(device, kind);
}

void weft_i_constant_set(weft_cluster *cluster, const weft_i_constant *constant, double value)
{
    weft_device *device = &cluster->node_types[0].device;
    weft_level *outer = &cluster->levels[cluster->n_levels - 1];
    int32_t kind = constant->kind;
    if (constant->stack && !stack_field(constant->stack, kind))
        *stack_ns(constant->stack, kind) = llround(value);
    else if (constant->stack)
        *stack_field(constant->stack, kind) = value;
    else if (kind == GEMM)
        scale_table(&device->gemm, value);
    else if (kind == NETWORK)
        for (int32_t i = 0; i < outer->n_collectives; i++)
            scale_table(&outer->collectives[i].fraction, value);
    else if (kind == LAUNCH)
        device->launch_ns = llround(value);
    else
        *device_field(device, kind) = value;
}

/* What a stack does not do is not fitted: so it has at most five constants. */
static bool is_neutral(int32_t kind, double value)
{
    switch ((stack_kind)kind) {
    case TP_OVERLAP:
    case DP_OVERLAP:
    case MESSAGE:
    case MESSAGE_SLOWDOWN:
    case UNCUT_HEAD:
    case COLLECTIVE_WAIT:
        return value <= 0;
    case SLOWDOWN:
        return value <= 1;
    case ELEMENTWISE:
    case HOST_KERNEL:
    case N_STACK_KINDS:
        break;
    }
    return false;
}

static void add_constants(const weft_cluster *cluster, weft_stack *stack, weft_i_constant *out,
                          int32_t room, int32_t *n)
{
    int32_t kinds = stack ? N_STACK_KINDS : N_DEVICE_KINDS;
    for (int32_t kind = 0; kind < kinds; kind++) {
        weft_i_constant made = {.stack = stack, .kind = kind};
        double now = weft_i_constant_get(cluster, &made);
        if (stack && is_neutral(kind, now)) continue;
        ++*n;
        if (*n > room) continue;
        /* What the cluster says is possible, even outside of what we expect. */
        made.low = fmin(range_of(&made)->low, now);
        made.high = fmax(range_of(&made)->high, now);
        out[*n - 1] = made;
    }
}

int32_t weft_i_constants_of(const weft_cluster *cluster, const weft_measurement *rows,
                            int32_t n_rows, bool device, weft_i_constant *out_constants,
                            int32_t room)
{
    int32_t n = 0;
    if (device) add_constants(cluster, NULL, out_constants, room, &n);
    for (int32_t s = -1; s < cluster->n_stacks; s++) {
        weft_stack *stack = s < 0 ? (weft_stack *)(uintptr_t)&cluster->stack : &cluster->stacks[s];
        bool used = false;
        for (int32_t i = 0; i < n_rows && !used; i++)
            used = weft_i_stack_named(cluster, rows[i].stack) == stack;
        if (used) add_constants(cluster, stack, out_constants, room, &n);
    }
    return n;
}

int32_t weft_fit_constants(const weft_cluster *cluster, const weft_measurement *rows,
                           int32_t n_rows, weft_fit_constant *out_constants, int32_t room)
{
    weft_i_constant all[WEFT_I_MAX_CONSTANTS];
    int32_t n = weft_i_constants_of(cluster, rows, n_rows, true, all, WEFT_I_MAX_CONSTANTS);
    if (n > WEFT_I_MAX_CONSTANTS) n = WEFT_I_MAX_CONSTANTS;
    for (int32_t i = 0; i < n && i < room; i++)
        out_constants[i] = (weft_fit_constant){
            .owner = all[i].stack ? all[i].stack->name : cluster->node_types[0].device.name,
            .name = weft_i_constant_name(&all[i]),
            .value = weft_i_constant_get(cluster, &all[i]),
            .low = all[i].low,
            .high = all[i].high};
    return n;
}
