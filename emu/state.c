/* emu/state.c - what a rank holds all the time, and what happens to it once a step: reduction over
 * the replicas, optimizer. */
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

/* Replicas that hold the same parameters, and those that hold the same experts. */
static int32_t expert_replicas(const weft_i_emu *emu)
{
    return emu->parallel.dp / emu->parallel.ep;
}

/* Bytes of optimizer state on a device: ZeRO 1 cuts them over the replicas. */
static double optimizer_bytes(const weft_i_emu *emu, const share *mine)
{
    bool cut = emu->recipe->zero >= 1;
    double rest = mine->trained - mine->trained_experts;
    return emu->recipe->optimizer_bytes *
           (rest / (cut ? emu->parallel.dp : 1) +
            mine->trained_experts / (cut ? expert_replicas(emu) : 1));
}

weft_i_state weft_i_emu_state(const weft_i_emu *emu, int32_t module, int32_t first, int32_t n)
{
    share sum = share_of_layers(emu, module, first, n);
    return (weft_i_state){(int64_t)ceil(sum.all * emu->recipe->parameter_bytes),
                          (int64_t)ceil(sum.trained * emu->recipe->gradient_bytes),
                          (int64_t)ceil(optimizer_bytes(emu, &sum))};
}

int64_t weft_i_emu_state_bytes(const weft_i_emu *emu, int32_t module, int32_t first, int32_t n)
{
    weft_i_state state = weft_i_emu_state(emu, module, first, n);
    return state.parameter_bytes + state.gradient_bytes + state.optimizer_bytes;
}

static bool is_spread(const weft_i_emu *emu, int32_t module)
{
    return emu->modules[module].tp_mode == WEFT_TP_MODE_DP_IN_TP && emu->parallel.tp > 1;
}

int64_t weft_i_emu_reduce_bytes(const weft_i_emu *emu, int32_t module, int32_t first, int32_t n)
{
    share sum = share_of_layers(emu, module, first, n);
    double rest = sum.trained - sum.trained_experts;
    bool anywhere = emu->parallel.dp > 1 || is_spread(emu, module);
    double bytes = (anywhere ? rest : 0) + (expert_replicas(emu) > 1 ? sum.trained_experts : 0);
    return (int64_t)ceil(bytes * emu->recipe->gradient_bytes);
}

/* With ZeRO 1 each replica needs the sum of its own part only. */
static double reduce_over(const weft_i_emu *emu, const weft_i_group *group, double bytes)
{
    weft_i_collective kind =
        emu->recipe->zero >= 1 ? WEFT_I_COLLECTIVE_ALL_GATHER : WEFT_I_COLLECTIVE_ALL_REDUCE;
    return weft_i_network_collective_ns(&emu->machine.network, group, kind, bytes);
}

int64_t weft_i_emu_reduce_ns(const weft_i_emu *emu, int32_t module, int32_t first, int32_t n,
                             int32_t rank)
{
    const weft_i_network *network = &emu->machine.network;
    share sum = share_of_layers(emu, module, first, n);
    double value = emu->recipe->gradient_bytes;
    double rest = value * (sum.trained - sum.trained_experts);
    weft_i_group all = weft_i_network_replicas(network, rank, 1);
    weft_i_group experts = weft_i_network_replicas(network, rank, emu->parallel.ep);
    double ns = reduce_over(emu, &all, rest);
    ns += reduce_over(emu, &experts, value * sum.trained_experts);
    if (is_spread(emu, module)) /* each device of the TP group has had its own instances */
        ns += weft_i_network_collective_ns(network, &network->groups[WEFT_I_AXIS_TP],
                                           WEFT_I_COLLECTIVE_ALL_REDUCE, rest);
    return weft_i_whole_ns(ns);
}

int64_t weft_i_emu_optimizer_ns(const weft_i_emu *emu, int64_t state_bytes)
{
    const weft_recipe *recipe = emu->recipe;
    if (state_bytes <= 0) return 0;
    double parameters = (double)state_bytes / (recipe->parameter_bytes + recipe->gradient_bytes +
                                               (double)recipe->optimizer_bytes /
                                                   (recipe->zero >= 1 ? emu->parallel.dp : 1));
    /* Gradients are read, optimizer state is read and written, parameters are written. */
    double moved = recipe->gradient_bytes + 2.0 * recipe->optimizer_bytes + recipe->parameter_bytes;
    double mine = recipe->zero >= 1 ? parameters / emu->parallel.dp : parameters;
    double ns = emu->machine.launch_ns + mine * moved / emu->machine.memory;
    if (recipe->zero >= 1)
        ns += weft_i_network_collective_ns(
            &emu->machine.network, &emu->machine.network.groups[WEFT_I_AXIS_DP],
            WEFT_I_COLLECTIVE_ALL_GATHER, parameters * recipe->parameter_bytes);
    return weft_i_whole_ns(ns);
}
