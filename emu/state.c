/* emu/state.c - what a rank holds all the time, and what happens to it once a step: reduction over
 * the replicas, optimizer. */
#include <math.h>
#include <string.h>

#include "emu/shards.h"
#include "profiles/linear.h"

static double expert_parameters(const weft_layer *layer)
{
    double maps = layer->mlp == WEFT_MLP_SWIGLU ? 3 : 2;
    return (double)layer->experts * maps * layer->hidden * layer->ffn;
}

weft_i_parameters weft_i_layer_share(const weft_i_emu *emu, int32_t module, int32_t l)
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
    double whole = weft_i_layer_whole_parameters(&layer);
    double cut = weft_i_layer_parameters(&layer) - experts - whole;
    double cut_experts = experts / (ways * emu->parallel.ep);
    weft_i_parameters mine = {.all = ceil(cut / ways + whole + cut_experts),
                              .experts = cut_experts};
    if (trained && layer.lora_rank > 0)
        mine.trained = ceil(weft_i_layer_trained_parameters(&layer) / ways);
    else if (trained) {
        mine.trained = mine.all;
        mine.trained_experts = cut_experts;
    }
    return mine;
}

static weft_i_parameters share_of_layers(const weft_i_emu *emu, int32_t module, int32_t first,
                                         int32_t n)
{
    const weft_layer *layers = emu->model->modules[module].layers;
    const bool *trained = emu->modules[module].trained;
    weft_i_parameters sum = {0}, layer = {0};
    for (int32_t l = first; l < first + n; l++) {
        /* Runs of equal layers are copies of each other. */
        if (l == first || trained[l] != trained[l - 1] ||
            memcmp(&layers[l], &layers[l - 1], sizeof *layers) != 0)
            layer = weft_i_layer_share(emu, module, l);
        sum.all += layer.all;
        sum.experts += layer.experts;
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

weft_i_state weft_i_emu_state(const weft_i_emu *emu, int32_t module, int32_t first, int32_t n)
{
    const weft_recipe *recipe = emu->recipe;
    weft_i_parameters sum = share_of_layers(emu, module, first, n);
    weft_i_cuts cut = weft_i_cuts_of(recipe->zero, emu->parallel.dp);
    weft_i_cuts experts = weft_i_cuts_of(recipe->zero, expert_replicas(emu));
    double all = (sum.all - sum.experts) / cut.parameters + sum.experts / experts.parameters;
    double rest = sum.trained - sum.trained_experts;
    double gradients = rest / cut.gradients + sum.trained_experts / experts.gradients;
    double optimizer = rest / cut.optimizer + sum.trained_experts / experts.optimizer;
    return (weft_i_state){(int64_t)ceil(all * recipe->parameter_bytes),
                          (int64_t)ceil(gradients * recipe->gradient_bytes),
                          (int64_t)ceil(optimizer * recipe->optimizer_bytes)};
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
    weft_i_parameters sum = share_of_layers(emu, module, first, n);
    double rest = sum.trained - sum.trained_experts;
    /* Under ZeRO 2 every microbatch's gradients have been reduced already. */
    bool over_replicas = emu->parallel.dp > 1 && emu->recipe->zero < 2;
    bool anywhere = over_replicas || is_spread(emu, module);
    double bytes = (anywhere ? rest : 0) +
                   (expert_replicas(emu) > 1 && over_replicas ? sum.trained_experts : 0);
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
    weft_i_parameters sum = share_of_layers(emu, module, first, n);
    double value = emu->recipe->gradient_bytes;
    double rest = value * (sum.trained - sum.trained_experts);
    weft_i_group all = weft_i_network_replicas(network, rank, 1);
    weft_i_group experts = weft_i_network_replicas(network, rank, emu->parallel.ep);
    double ns = 0;
    if (emu->recipe->zero < 2)
        ns = reduce_over(emu, &all, rest) + reduce_over(emu, &experts, value * sum.trained_experts);
    if (is_spread(emu, module)) /* each device of the TP group has had its own instances */
        ns += weft_i_network_collective_ns(network, &network->groups[WEFT_I_AXIS_TP],
                                           WEFT_I_COLLECTIVE_ALL_REDUCE, rest);
    return weft_i_whole_ns(ns);
}

int64_t weft_i_emu_share_ns(const weft_i_emu *emu, int32_t module, int32_t rank, int32_t other)
{
    const bool *trained = emu->modules[module].trained;
    if (rank == other || !trained[0] || !trained[emu->model->modules[module].n_layers - 1])
        return 0;
    double bytes = weft_i_layer_share(emu, module, 0).trained * emu->recipe->gradient_bytes;
    return weft_i_whole_ns(
        weft_i_network_message_ns(&emu->machine.network, bytes, rank, other, false));
}

int64_t weft_i_emu_hidden_ns(const weft_i_emu *emu, int64_t ns, int64_t passes_ns)
{
    const weft_stack *stack = &emu->cluster->stack;
    double part = emu->recipe->overlap_dp ? stack->dp_overlap : 0;
    return (int64_t)(part * fmax(0, 2 - stack->slowdown) *
                     (double)(passes_ns < ns ? passes_ns : ns));
}

bool weft_i_emu_hides_reductions(const weft_i_emu *emu)
{
    return emu->recipe->overlap_dp && emu->cluster->stack.dp_overlap > 0;
}

/* Parameters of a rank, from the bytes of their state. */
static double parameters_of(const weft_i_emu *emu, int64_t state_bytes)
{
    const weft_recipe *recipe = emu->recipe;
    weft_i_cuts cut = weft_i_cuts_of(recipe->zero, emu->parallel.dp);
    return (double)state_bytes /
           (recipe->parameter_bytes / cut.parameters + recipe->gradient_bytes / cut.gradients +
            recipe->optimizer_bytes / cut.optimizer);
}

/* ZeRO 3 gathers before every pass instead. */
int64_t weft_i_emu_gather_ns(const weft_i_emu *emu, int64_t state_bytes)
{
    if (emu->recipe->zero < 1 || emu->recipe->zero > 2 || state_bytes <= 0) return 0;
    return weft_i_whole_ns(weft_i_network_collective_ns(
        &emu->machine.network, &emu->machine.network.groups[WEFT_I_AXIS_DP],
        WEFT_I_COLLECTIVE_ALL_GATHER,
        parameters_of(emu, state_bytes) * emu->recipe->parameter_bytes));
}

int64_t weft_i_emu_optimizer_ns(const weft_i_emu *emu, int64_t state_bytes)
{
    const weft_recipe *recipe = emu->recipe;
    if (state_bytes <= 0) return 0;
    double parameters = parameters_of(emu, state_bytes);
    /* Gradients are read, optimizer state is read and written, parameters are written. */
    double moved = recipe->gradient_bytes + 2.0 * recipe->optimizer_bytes + recipe->parameter_bytes;
    /* Unscaling and clipping read and write, the norm reads, zeroing writes. */
    if (emu->cluster->stack.separate_clipping) moved += 6.0 * recipe->gradient_bytes;
    double mine = recipe->zero >= 1 ? parameters / emu->parallel.dp : parameters;
    int64_t update_ns =
        weft_i_whole_ns(emu->machine.launch_ns + mine * moved / emu->machine.memory);
    return update_ns + weft_i_emu_gather_ns(emu, state_bytes);
}
