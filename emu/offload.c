/* emu/offload.c - see emu/offload.h. */
#include "emu/offload.h"

#include <math.h>

/* Bytes a ns between the slowest device and its host: all of a node's devices copy at the same time
 * and share what the host takes. */
static double host_rate(const weft_i_emu *emu)
{
    double rate = INFINITY;
    int32_t job = weft_i_network_devices(&emu->parallel);
    for (int32_t i = 0; i < emu->cluster->n_node_types; i++) {
        const weft_node_type *type = &emu->cluster->node_types[i];
        rate = fmin(rate, type->host_gbs);
        if (type->host_total_gbs > 0)
            rate = fmin(rate, type->host_total_gbs / fmin(type->devices, job));
    }
    return rate;
}

static void raise_to(int64_t *ns, int64_t least)
{
    if (*ns < least) *ns = least;
}

void weft_i_offload_apply(const weft_i_emu *emu, weft_i_layer_price *price)
{
    int64_t bytes = price->host_bytes;
    if (bytes == 0) return;
    int64_t copy_ns = weft_i_whole_ns((double)bytes / host_rate(emu));
    raise_to(&price->fw_ns, copy_ns);
    raise_to(&price->bw_ns, copy_ns);
    if (price->bwi_ns > 0) raise_to(&price->bwi_ns, copy_ns);
    price->fw_work += 2 * bytes;
    price->bw_work += 2 * bytes;
}
