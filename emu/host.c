/* emu/host.c - memory of the hosts for what devices offload. */
#include "base/error.h"
#include "emu/emulator.h"

/* Pipeline ranks are the outermost: a rank's devices follow each other. */
static int64_t width_of(const weft_parallel *p)
{
    return (int64_t)p->dp * p->cp * p->tp;
}

/* What devices first..end-1 keep on their host together. */
static int64_t kept_bytes(const weft_i_emu *emu, const int64_t *rank_bytes, int64_t first,
                          int64_t end)
{
    int64_t width = width_of(&emu->parallel), sum = 0;
    while (first < end) {
        int64_t rank = first / width, next = (rank + 1) * width;
        int64_t n = (next < end ? next : end) - first;
        if (rank_bytes[rank] > (WEFT_INT_MAX - sum) / n) return WEFT_INT_MAX;
        sum += n * rank_bytes[rank];
        first += n;
    }
    return sum;
}

weft_status weft_i_emu_check_host(const weft_i_emu *emu, const int64_t *rank_bytes,
                                  weft_error *error)
{
    const double gib = 1024.0 * 1024 * 1024;
    int64_t devices = emu->parallel.pp * width_of(&emu->parallel), first = 0, node = 0;
    for (int32_t i = 0; i < emu->cluster->n_node_types; i++) {
        const weft_node_type *type = &emu->cluster->node_types[i];
        for (int32_t k = 0; k < type->nodes && first < devices; k++, node++) {
            int64_t end = first + type->devices < devices ? first + type->devices : devices;
            int64_t bytes = kept_bytes(emu, rank_bytes, first, end);
            if (type->host_bytes > 0 && bytes > type->host_bytes)
                return weft_i_fail(error, WEFT_STATUS_INFEASIBLE,
                                   "node %lld needs %.1f GiB of host memory of %.1f GiB for what "
                                   "is offloaded",
                                   (long long)node, (double)bytes / gib,
                                   (double)type->host_bytes / gib);
            first = end;
        }
    }
    return WEFT_STATUS_OK;
}
