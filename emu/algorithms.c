/* emu/algorithms.c - see algorithms.h. A step costs a hop's latency and its bytes at a link's rate
 * (Thakur et al. 2005); which hops there are over nodes is as in NCCL's model
 * (src/graph/tuning.cc).
 */
#include "emu/algorithms.h"

#include <math.h>

static double devices_of(const weft_i_reach *r)
{
    return (double)r->nodes * r->node_devices;
}

static double doublings(double n)
{
    return ceil(log2(n));
}

/* All devices together through one ring or tree: the NICs of a node's devices side by side. */
static double together_rate(const weft_i_reach *r)
{
    if (r->nodes == 1) return r->near_rate;
    double far = r->node_devices * r->far_rate;
    return r->node_devices > 1 ? fmin(r->near_rate, far) : far;
}

/* Of bytes that each device exchanges with all others at once, the same with each: what leaves the
 * node goes by a device's own share of the NICs. */
static double apart_ns(const weft_i_reach *r, double bytes)
{
    double n = devices_of(r), near = (r->node_devices - 1) / n * bytes / r->near_rate;
    double far = r->nodes > 1 ? (n - r->node_devices) / n * bytes / r->far_rate : 0;
    return fmax(near, far);
}

static double farthest_hop_ns(const weft_i_reach *r)
{
    return r->nodes > 1 ? r->far_ns : r->near_ns;
}

/* n - 1 steps a pass, of which nodes - 1 leave a node (Thakur et al. 2005). */
static double ring_ns(const weft_i_reach *r, int passes, double bytes)
{
    double n = devices_of(r);
    double hops_ns = (r->nodes - 1) * r->far_ns + (n - r->nodes) * r->near_ns;
    return passes * (hops_ns + (n - 1) / n * bytes / together_rate(r));
}

/* All-reduce: up and down two binary trees of nodes, each half of the bytes, along a chain inside a
 * node (Sanders et al. 2009; NCCL 2.4). All-gather: recursive doubling (Thakur et al. 2005),
 * between nodes first, so that no part passes two NICs of a node. */
static double tree_ns(const weft_i_reach *r, int passes, double bytes)
{
    double k = r->node_devices, far_ns = doublings(r->nodes) * r->far_ns;
    if (passes == 2) return 2 * ((k - 1) * r->near_ns + far_ns + bytes / together_rate(r));
    double near = doublings(k) * r->near_ns + (k - 1) / k * bytes / r->near_rate;
    return r->nodes > 1 ? near + far_ns + (r->nodes - 1) / devices_of(r) * bytes / r->far_rate
                        : near;
}

/* All-reduce: each device has the switch add up its part and multicast it, so that (n + 1) / n of
 * the bytes pass a link each way (Klenk et al. 2020); over nodes each part passes its NIC once. */
static double switch_ns(const weft_i_reach *r, int passes, double bytes)
{
    double n = devices_of(r), k = r->node_devices;
    double hops_ns = (k > 1 ? r->near_ns : 0) + (r->nodes > 1 ? r->far_ns : 0);
    double near = k > 1 ? (k + 1) / k * bytes / r->near_rate : 0;
    double far = r->nodes > 1 ? bytes / (k * r->far_rate) : 0;
    if (passes == 2) return 2 * hops_ns + fmax(near, far);
    return hops_ns + (n - 1) / n * bytes / together_rate(r);
}

/* All pairs in one step a pass (SCCL, Cai et al. 2021). */
static double direct_ns(const weft_i_reach *r, int passes, double bytes)
{
    return passes * (farthest_hop_ns(r) + apart_ns(r, bytes));
}

double weft_i_algorithm_ns(weft_algorithm algorithm, weft_i_collective kind,
                           const weft_i_reach *reach, double bytes)
{
    int passes = kind == WEFT_I_COLLECTIVE_ALL_REDUCE ? 2 : 1;
    double ring = ring_ns(reach, passes, bytes);
    switch (algorithm) {
    case WEFT_ALGORITHM_LEAST:
        ring = fmin(ring, tree_ns(reach, passes, bytes));
        return reach->multicast ? fmin(ring, switch_ns(reach, passes, bytes)) : ring;
    case WEFT_ALGORITHM_TREE:
        return tree_ns(reach, passes, bytes);
    case WEFT_ALGORITHM_SWITCH:
        return reach->multicast ? switch_ns(reach, passes, bytes) : ring;
    case WEFT_ALGORITHM_DIRECT:
        return direct_ns(reach, passes, bytes);
    case WEFT_ALGORITHM_MEASURED:
    case WEFT_ALGORITHM_RING:
        break;
    }
    return ring;
}

/* One partner after the other (Thakur et al. 2005). */
static double pairwise_ns(const weft_i_reach *r, double bytes)
{
    double n = devices_of(r), near = r->node_devices - 1, far = n - r->node_devices;
    double ns = near * (r->near_ns + bytes / n / r->near_rate);
    return far > 0 ? ns + far * (r->far_ns + bytes / n / r->far_rate) : ns;
}

/* Half of the bytes in each step, the farthest links among them (Bruck et al. 1997). */
static double bruck_ns(const weft_i_reach *r, double bytes)
{
    double rate = r->nodes > 1 ? r->far_rate : r->near_rate;
    return doublings(devices_of(r)) * (farthest_hop_ns(r) + bytes / 2 / rate);
}

double weft_i_all_to_all_ns(weft_all_to_all algorithm, const weft_i_reach *reach, double bytes)
{
    double direct = farthest_hop_ns(reach) + apart_ns(reach, bytes);
    switch (algorithm) {
    case WEFT_ALL_TO_ALL_PAIRWISE:
        return pairwise_ns(reach, bytes);
    case WEFT_ALL_TO_ALL_BRUCK:
        return bruck_ns(reach, bytes);
    case WEFT_ALL_TO_ALL_LEAST:
        return fmin(direct, fmin(pairwise_ns(reach, bytes), bruck_ns(reach, bytes)));
    case WEFT_ALL_TO_ALL_MEASURED:
    case WEFT_ALL_TO_ALL_DIRECT:
        break;
    }
    return direct;
}
