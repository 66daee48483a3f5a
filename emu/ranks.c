/* emu/ranks.c - what pipeline ranks can hold and do, and what they send each other. */
#include <math.h>

#include "emu/emulator.h"

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

int64_t weft_i_emu_transfer_ns(const weft_i_emu *emu, int64_t bytes, int32_t from_rank,
                               int32_t to_rank)
{
    /* Without sequence parallelism the devices of a TP group hold the same output. */
    bool scatter = !emu->recipe->sequence_parallel && !emu->spreads;
    return weft_i_whole_ns(weft_i_network_message_ns(&emu->machine.network, (double)bytes,
                                                     from_rank, to_rank, scatter));
}

int64_t weft_i_emu_beside_messages_ns(const weft_i_emu *emu, int64_t ns)
{
    const weft_stack *stack = &emu->cluster->stack;
    bool slows =
        emu->parallel.pp > 1 && stack->message_slowdown > 0 && !weft_i_emu_waits_for_messages(emu);
    if (!slows) return ns;
    return (int64_t)fmin((double)llround((double)ns * stack->message_slowdown),
                         (double)WEFT_INT_MAX);
}

bool weft_i_emu_waits_for_messages(const weft_i_emu *emu)
{
    return emu->cluster->stack.blocking_messages;
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
