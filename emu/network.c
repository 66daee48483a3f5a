/* emu/network.c - time of collectives and messages. Not: what is sent, nor what hides it. */
#include "emu/network.h"

#include <math.h>

#include "base/least.h"
#include "emu/algorithms.h"

int32_t weft_i_network_devices(const weft_parallel *parallel)
{
    return parallel->dp * parallel->pp * parallel->tp * parallel->cp;
}

/* Innermost level in which devices first..last lie in one group. */
static int32_t level_of_range(const weft_cluster *cluster, int64_t first, int64_t last)
{
    int32_t level = 0;
    while (level + 1 < cluster->n_levels &&
           first / cluster->levels[level].devices != last / cluster->levels[level].devices)
        level++;
    return level;
}

/* Innermost level in which each of the tiles [k * width, (k + 1) * width) lies in one group. */
static int32_t level_of_tiles(const weft_cluster *cluster, int32_t width, int32_t total)
{
    int32_t level = 0;
    while (level + 1 < cluster->n_levels && total > cluster->levels[level].devices &&
           cluster->levels[level].devices % width != 0)
        level++;
    return level;
}

static weft_i_group group_of(const weft_cluster *cluster, int32_t devices, int32_t stride,
                             int32_t total)
{
    int32_t near = cluster->levels[0].devices / stride;
    return (weft_i_group){.devices = devices,
                          .level = level_of_tiles(cluster, devices * stride, total),
                          .node_devices = near < 1 ? 1 : weft_i_min32(near, devices)};
}

weft_i_network weft_i_network_make(const weft_cluster *cluster, const weft_parallel *parallel)
{
    const weft_parallel *p = parallel;
    int32_t total = weft_i_network_devices(p);
    weft_i_network network = {.cluster = cluster, .parallel = *p};
    network.groups[WEFT_I_AXIS_TP] = group_of(cluster, p->tp, 1, total);
    network.groups[WEFT_I_AXIS_CP] = group_of(cluster, p->cp, p->tp, total);
    network.groups[WEFT_I_AXIS_EP] = group_of(cluster, p->ep, p->tp * p->cp, total);
    network.groups[WEFT_I_AXIS_DP] = group_of(cluster, p->dp, p->tp * p->cp, total);
    return network;
}

weft_i_group weft_i_network_replicas(const weft_i_network *network, int32_t rank, int32_t ep)
{
    const weft_parallel *p = &network->parallel;
    int64_t width = (int64_t)p->dp * p->cp * p->tp;
    weft_i_group group =
        group_of(network->cluster, p->dp / ep, p->tp * p->cp * ep, weft_i_network_devices(p));
    group.level = level_of_range(network->cluster, rank * width, rank * width + width - 1);
    return group;
}

/* The measured group size next above `devices`, else the largest. */
static const weft_table *fractions(const weft_level *level, int32_t devices)
{
    int32_t i = 0;
    while (i + 1 < level->n_collectives && level->collectives[i].devices < devices)
        i++;
    return &level->collectives[i].fraction;
}

/* Bytes a ns that a ring of the group reaches on a buffer of `bytes` inside level `l`. */
static double ring_rate(const weft_cluster *cluster, const weft_i_group *group, int32_t l,
                        double bytes)
{
    const weft_level *level = &cluster->levels[l];
    int32_t devices = l == 0 ? group->node_devices : group->devices;
    double rate = level->gbs * weft_table_at(fractions(level, devices), bytes);
    return l == 0 ? rate : rate * group->node_devices / level->oversubscription;
}

static double slowest_rate(const weft_cluster *cluster, const weft_i_group *group, double bytes)
{
    double slowest = INFINITY;
    for (int32_t l = group->node_devices > 1 ? 0 : group->level; l <= group->level; l++)
        slowest = fmin(slowest, ring_rate(cluster, group, l, bytes));
    return slowest;
}

/* Of all-reduces in the table of a level, the last: of the fastest algorithm on large buffers.
 * Where switches add up that is theirs, and the links are slower than its bus bandwidth says. */
static double link_rate(const weft_level *level, int32_t devices)
{
    const weft_table *table = fractions(level, devices);
    double busy = table->points[table->n_points - 1].y * level->gbs / level->oversubscription;
    double n = devices;
    return level->multicast && n > 1 ? busy * fmin(1, (n + 1) / (2 * (n - 1))) : busy;
}

static weft_i_reach reach_of(const weft_cluster *cluster, const weft_i_group *group)
{
    const weft_level *inner = &cluster->levels[0];
    int32_t k = group->level > 0 ? group->node_devices : group->devices;
    weft_i_reach reach = {.nodes = (group->devices + k - 1) / k,
                          .node_devices = k,
                          .near_ns = (double)inner->latency_ns,
                          .near_rate = link_rate(inner, k),
                          .far_rate = INFINITY,
                          .multicast = k == 1 || inner->multicast};
    for (int32_t l = 1; l <= group->level; l++) {
        const weft_level *level = &cluster->levels[l];
        reach.far_ns = (double)level->latency_ns;
        reach.far_rate = fmin(reach.far_rate, link_rate(level, group->devices));
        reach.multicast = reach.multicast && level->multicast;
    }
    return reach;
}

/* Below the first point of the table the time is constant. */
static double counted_bytes(const weft_level *level, const weft_i_group *group, double bytes)
{
    return fmax(bytes, fractions(level, group->devices)->points[0].x);
}

/* Everyone sends to all others at once at the rate of an all-reduce of as many bytes: over nodes by
 * each device's own share of the NICs. */
static double measured_exchange_ns(const weft_cluster *cluster, const weft_i_group *group,
                                   double bytes)
{
    weft_i_reach reach = reach_of(cluster, group);
    double counted = counted_bytes(&cluster->levels[group->level], group, bytes);
    reach.near_rate = ring_rate(cluster, group, 0, counted);
    reach.near_ns = reach.far_ns = 0;
    for (int32_t l = 1; l <= group->level; l++) {
        double own = ring_rate(cluster, group, l, counted) / group->node_devices;
        reach.far_rate = l == 1 ? own : fmin(reach.far_rate, own);
    }
    return weft_i_all_to_all_ns(WEFT_ALL_TO_ALL_DIRECT, &reach, counted);
}

static double measured_ns(const weft_cluster *cluster, const weft_i_group *group,
                          weft_i_collective kind, double bytes)
{
    if (kind == WEFT_I_COLLECTIVE_ALL_TO_ALL) return measured_exchange_ns(cluster, group, bytes);
    double counted = counted_bytes(&cluster->levels[group->level], group, bytes);
    double part = (double)(group->devices - 1) / group->devices;
    double passes = kind == WEFT_I_COLLECTIVE_ALL_REDUCE ? 2 : 1;
    return passes * part * counted / slowest_rate(cluster, group, counted);
}

double weft_i_network_collective_ns(const weft_i_network *network, const weft_i_group *group,
                                    weft_i_collective kind, double bytes)
{
    const weft_cluster *cluster = network->cluster;
    if (group->devices <= 1 || bytes <= 0) return 0;
    const weft_level *level = &cluster->levels[group->level];
    bool exchanges = kind == WEFT_I_COLLECTIVE_ALL_TO_ALL;
    bool is_measured = exchanges ? level->all_to_all == WEFT_ALL_TO_ALL_MEASURED
                                 : level->algorithm == WEFT_ALGORITHM_MEASURED;
    if (is_measured)
        return fmax(measured_ns(cluster, group, kind, bytes), (double)level->latency_ns);
    weft_i_reach reach = reach_of(cluster, group);
    return exchanges ? weft_i_all_to_all_ns(level->all_to_all, &reach, bytes)
                     : weft_i_algorithm_ns(level->algorithm, kind, &reach, bytes);
}

/* A single pair reaches what the best collective of the level reaches. */
static double pair_ns(const weft_cluster *cluster, int32_t l, double bytes)
{
    const weft_level *level = &cluster->levels[l];
    const weft_table *table = fractions(level, 2);
    double rate = level->gbs * table->points[table->n_points - 1].y / level->oversubscription;
    return (double)level->latency_ns + bytes / rate;
}

double weft_i_network_message_ns(const weft_i_network *network, double bytes, int32_t from,
                                 int32_t to, bool scatter)
{
    if (from == to || bytes <= 0) return 0;
    /* With devices a..a + width - 1 of the lower and b..b + width - 1 of the higher rank, all
     * pairs lie in one group exactly where the whole range does. */
    int64_t width = (int64_t)network->parallel.dp * network->parallel.cp * network->parallel.tp;
    int64_t low = from < to ? from : to, high = from < to ? to : from;
    int32_t level = level_of_range(network->cluster, low * width, high * width + width - 1);
    const weft_i_group *tp = &network->groups[WEFT_I_AXIS_TP];
    double software_ns = (double)network->cluster->stack.message_ns;
    if (!scatter || level == 0 || tp->devices == 1)
        return software_ns + pair_ns(network->cluster, level, bytes);
    return software_ns + pair_ns(network->cluster, level, bytes / tp->devices) +
           weft_i_network_collective_ns(network, tp, WEFT_I_COLLECTIVE_ALL_GATHER, bytes);
}

double weft_i_network_ring_step_ns(const weft_i_network *network, weft_i_axis axis, double bytes)
{
    const weft_i_group *group = &network->groups[axis];
    return group->devices <= 1 ? 0 : pair_ns(network->cluster, group->level, bytes);
}
