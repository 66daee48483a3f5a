/* emu/state.c - what a rank holds all the time, and what happens once a step: bytes of state,
 * reduction over replicas, optimizer; and messages between ranks. */
#include <math.h>

#include "emu/emulator.h"
#include "profiles/linear.h"

/* Parameters of a layer on one device. */
typedef struct share {
    double all, trained;
    double trained_experts; /* part of `trained` that a replica shares with its expert group only */
} share;

static double expert_parameters(const weft_layer *layer)
{
    double maps = layer->mlp == WEFT_MLP_SWIGLU ? 3 : 2;
    return (double)layer->experts * maps * layer->hidden * layer->ffn;
}

static share share_of(const weft_i_emu *emu, int32_t module, int32_t l)
{
    weft_layer layer = emu->model->modules[module].layers[l];
    const weft_i_emu_module *own = &emu->modules[module];
    bool trained = own->trained[l];
    layer.trainable = true;
    /* A tied head uses the embedding's matrix; on a rank of its own it holds a copy. */
    if (layer.kind == WEFT_LAYER_HEAD && emu->parallel.pp > 1) layer.tied = false;
    double ways =
        own->tp_mode == WEFT_TP_MODE_TP && layer.kind != WEFT_LAYER_MEASURED ? emu->parallel.tp : 1;
    double experts = layer.experts > 0 ? expert_parameters(&layer) : 0;
    double all = weft_i_layer_parameters(&layer);
    double cut_experts = experts / (ways * emu->parallel.ep);
    share mine = {.all = ceil((all - experts) / ways + cut_experts)};
    if (trained && layer.lora_rank > 0)
        mine.trained = ceil(weft_i_layer_trained_parameters(&layer) / ways);
    else if (trained) {
        mine.trained = mine.all;
        mine.trained_experts = cut_experts;
    }
    return mine;
}

static share share_of_layers(const weft_i_emu *emu, int32_t module, int32_t first, int32_t n)
{
    share sum = {0};
    for (int32_t l = first; l < first + n; l++) {
        share layer = share_of(emu, module, l);
        sum.all += layer.all;
        sum.trained += layer.trained;
        sum.trained_experts += layer.trained_experts;
    }
    return sum;
}

/* Optimizer bytes of a parameter on each device: ZeRO 1 cuts them over the replicas. */
static double optimizer_bytes(const weft_i_emu *emu)
{
    return (double)emu->recipe->optimizer_bytes / (emu->recipe->zero >= 1 ? emu->parallel.dp : 1);
}

int64_t weft_i_emu_state_bytes(const weft_i_emu *emu, int32_t module, int32_t first, int32_t n)
{
    share sum = share_of_layers(emu, module, first, n);
    double trained_bytes = emu->recipe->gradient_bytes + optimizer_bytes(emu);
    return (int64_t)ceil(sum.all * emu->recipe->parameter_bytes + sum.trained * trained_bytes);
}

int64_t weft_i_emu_reduce_bytes(const weft_i_emu *emu, int32_t module, int32_t first, int32_t n)
{
    if (emu->parallel.dp == 1) return 0;
    share sum = share_of_layers(emu, module, first, n);
    /* Experts that no other replica holds are reduced by nobody. */
    double alone = emu->parallel.ep == emu->parallel.dp ? sum.trained_experts : 0;
    return (int64_t)ceil((sum.trained - alone) * emu->recipe->gradient_bytes);
}

/* The work on the module's slowest device comes from dealing its spans. */
int64_t weft_i_emu_output_bytes(const weft_i_emu *emu, int32_t module, int32_t layer,
                                const weft_i_work *work)
{
    const weft_layer *of = &emu->model->modules[module].layers[layer];
    const weft_i_emu_module *own = &emu->modules[module];
    bool spread = own->tp_mode == WEFT_TP_MODE_DP_IN_TP;
    weft_i_core core = {.merge = own->merge[layer], .spread = spread ? emu->parallel.tp : 1};
    weft_i_core_sums sums;
    weft_i_core_price(&core, &emu->machine, work, &sums);
    double tokens = ceil((double)sums.load.tokens / emu->parallel.cp);
    if (!spread && emu->recipe->sequence_parallel) tokens = ceil(tokens / emu->parallel.tp);
    /* A head's output is the loss of each token, in float32. */
    double token_bytes = of->kind == WEFT_LAYER_HEAD ? 4 : 2.0 * of->hidden;
    return (int64_t)fmin(tokens * token_bytes, (double)WEFT_INT_MAX);
}

static int64_t whole_ns(double ns)
{
    return ns <= 0 ? 0 : ns >= (double)WEFT_INT_MAX ? WEFT_INT_MAX : (int64_t)llround(fmax(ns, 1));
}

int64_t weft_i_emu_transfer_ns(const weft_i_emu *emu, int64_t bytes, int32_t from_rank,
                               int32_t to_rank)
{
    /* Without sequence parallelism the devices of a TP group hold the same output. */
    bool scatter = !emu->recipe->sequence_parallel && !emu->spreads;
    return whole_ns(weft_i_network_message_ns(&emu->machine.network, (double)bytes, from_rank,
                                              to_rank, scatter));
}

int64_t weft_i_emu_reduce_ns(const weft_i_emu *emu, int64_t bytes, int32_t rank)
{
    weft_i_group group = weft_i_network_replicas(&emu->machine.network, rank);
    /* ZeRO 1: each replica needs the sum of its own part only. */
    weft_i_collective kind =
        emu->recipe->zero >= 1 ? WEFT_I_COLLECTIVE_ALL_GATHER : WEFT_I_COLLECTIVE_ALL_REDUCE;
    return whole_ns(
        weft_i_network_collective_ns(&emu->machine.network, &group, kind, (double)bytes));
}

int64_t weft_i_emu_optimizer_ns(const weft_i_emu *emu, int64_t state_bytes)
{
    const weft_recipe *recipe = emu->recipe;
    if (state_bytes <= 0) return 0;
    double parameters = (double)state_bytes /
                        (recipe->parameter_bytes + recipe->gradient_bytes + optimizer_bytes(emu));
    /* Gradients are read, optimizer state is read and written, parameters are written. */
    double moved = recipe->gradient_bytes + 2.0 * recipe->optimizer_bytes + recipe->parameter_bytes;
    double mine = recipe->zero >= 1 ? parameters / emu->parallel.dp : parameters;
    double ns = emu->machine.launch_ns + mine * moved / emu->machine.memory;
    if (recipe->zero >= 1)
        ns += weft_i_network_collective_ns(
            &emu->machine.network, &emu->machine.network.groups[WEFT_I_AXIS_DP],
            WEFT_I_COLLECTIVE_ALL_GATHER, parameters * recipe->parameter_bytes);
    return whole_ns(ns);
}

/* Devices of type i among first..last of the job. */
static int64_t overlap(const weft_cluster *cluster, int32_t i, int64_t first, int64_t last)
{
    int64_t low = 0;
    for (int32_t k = 0; k < i; k++)
        low += (int64_t)cluster->node_types[k].devices * cluster->node_types[k].nodes;
    int64_t high = low + (int64_t)cluster->node_types[i].devices * cluster->node_types[i].nodes - 1;
    low = low > first ? low : first;
    high = high < last ? high : last;
    return high < low ? 0 : high - low + 1;
}

int64_t weft_i_emu_limit_bytes(const weft_i_emu *emu, int32_t rank)
{
    const weft_parallel *p = &emu->parallel;
    int64_t width = (int64_t)p->dp * p->cp * p->tp, least = WEFT_INT_MAX;
    for (int32_t i = 0; i < emu->cluster->n_node_types; i++) {
        const weft_device *device = &emu->cluster->node_types[i].device;
        int64_t bytes = device->memory_bytes - device->reserved_bytes;
        if (overlap(emu->cluster, i, rank * width, rank * width + width - 1) > 0 && bytes < least)
            least = bytes;
    }
    return least;
}

double weft_i_emu_peak_flops(const weft_i_emu *emu)
{
    int64_t devices = weft_i_network_devices(&emu->parallel);
    double peak = 0;
    for (int32_t i = 0; i < emu->cluster->n_node_types; i++)
        peak += (double)overlap(emu->cluster, i, 0, devices - 1) *
                emu->cluster->node_types[i].device.bf16_tflops * 1e12;
    return peak;
}
