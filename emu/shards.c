/* emu/shards.c - see emu/shards.h. */
#include "emu/shards.h"

#include <math.h>

weft_i_cuts weft_i_cuts_of(int32_t zero, int32_t replicas)
{
    return (weft_i_cuts){.parameters = zero >= 3 ? replicas : 1,
                         .gradients = zero >= 2 ? replicas : 1,
                         .optimizer = zero >= 1 ? replicas : 1};
}

weft_i_shard weft_i_shard_of(const weft_i_emu *emu, int32_t module, int32_t layer)
{
    const weft_recipe *recipe = emu->recipe;
    weft_i_shard shard = {0};
    weft_i_parameters held = weft_i_layer_share(emu, module, layer);
    if (recipe->zero >= 3) {
        shard.gather = weft_i_whole_bytes((held.all - held.experts) * recipe->parameter_bytes);
        shard.gather_experts = weft_i_whole_bytes(held.experts * recipe->parameter_bytes);
    }
    if (recipe->zero >= 2) {
        double rest = held.trained - held.trained_experts;
        shard.scatter = weft_i_whole_bytes(rest * recipe->gradient_bytes);
        shard.scatter_experts = weft_i_whole_bytes(held.trained_experts * recipe->gradient_bytes);
    }
    return shard;
}

/* An all-gather and a reduce-scatter of as many bytes take the same time. */
static double collective_ns(const weft_i_emu *emu, int64_t bytes, int64_t expert_bytes)
{
    const weft_i_network *network = &emu->machine.network;
    weft_i_group all = weft_i_network_replicas(network, 0, 1);
    weft_i_group experts = weft_i_network_replicas(network, 0, emu->parallel.ep);
    return weft_i_network_collective_ns(network, &all, WEFT_I_COLLECTIVE_ALL_GATHER,
                                        (double)bytes) +
           weft_i_network_collective_ns(network, &experts, WEFT_I_COLLECTIVE_ALL_GATHER,
                                        (double)expert_bytes);
}

/* A pass with a collective beside it; without one it is as it was. */
static int64_t beside(const weft_i_emu *emu, int64_t pass_ns, double network_ns)
{
    if (network_ns <= 0) return pass_ns;
    int64_t ns = weft_i_whole_ns(network_ns);
    return pass_ns + ns - weft_i_emu_hidden_ns(emu, ns, pass_ns);
}

void weft_i_shard_apply(const weft_i_emu *emu, const weft_i_class *class, weft_i_layer_price *price)
{
    const weft_i_shard *shard = &class->shard;
    double gather_ns = collective_ns(emu, shard->gather, shard->gather_experts);
    double scatter_ns = collective_ns(emu, shard->scatter, shard->scatter_experts);
    int64_t whole = 2 * (shard->gather + shard->gather_experts);
    int64_t gradients = shard->scatter + shard->scatter_experts;
    price->fw_ns = beside(emu, price->fw_ns, gather_ns);
    price->fw_work += whole;
    if (class->shape.backward == WEFT_BACKWARD_NONE) return;
    /* A table alone is not read in the backward. */
    double again_ns = price->bwi_ns > 0 ? gather_ns : 0;
    price->bw_ns = beside(emu, price->bw_ns, again_ns + scatter_ns);
    price->bwi_ns = beside(emu, price->bwi_ns, again_ns);
    price->bww_ns = beside(emu, price->bww_ns, scatter_ns);
    price->bw_work += whole + gradients;
    price->bww_work += gradients;
}
