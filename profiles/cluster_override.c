/* profiles/cluster_override.c - "nodes=4,nics=8" on a cluster, and what follows from its fields. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "profiles/cluster_own.h"
#include "profiles/keyvalue.h"

enum { MAX_DEVICES = 1 << 30 };

/* Overrides; 0 = not given. */
typedef struct overrides {
    double gbs, nic_gbs, oversubscription, bf16_tflops, memory_gbs;
    int64_t memory_bytes;
    int64_t reserved_bytes; /* -1 = not given */
    int32_t nodes, devices, nics;
    int algorithm, all_to_all; /* -1 = not given */
} overrides;

#define KEY(field, kind, low, high)                                                                \
    {                                                                                              \
        WEFT_I_FIELD(#field, WEFT_I_JSON_##kind, overrides, field), .min = low, .max = high        \
    }
static const weft_i_json_field keys[] = {
    KEY(nodes, INT32, 1, 1 << 20),
    KEY(devices, INT32, 1, 1024),
    KEY(nics, INT32, 1, 1024),
    KEY(nic_gbs, DOUBLE, 1e-3, 1e6),
    KEY(gbs, DOUBLE, 1e-3, 1e6),
    KEY(oversubscription, DOUBLE, 1, 1e6),
    KEY(bf16_tflops, DOUBLE, 1e-3, 1e6),
    KEY(memory_gbs, DOUBLE, 1e-3, 1e6),
    KEY(memory_bytes, INT64, 1, 1e15),
    KEY(reserved_bytes, INT64, 0, 1e15),
    {WEFT_I_FIELD_ENUM("algorithm", overrides, algorithm, WEFT_I_ALGORITHMS)},
    {WEFT_I_FIELD_ENUM("all_to_all", overrides, all_to_all, WEFT_I_ALL_TO_ALLS)},
};

static weft_status set_node_type(const overrides *o, weft_cluster *cluster, weft_error *error)
{
    weft_node_type *type = cluster->node_types;
    weft_device *device = &type->device;
    bool is_of_type = o->nodes || o->devices || o->memory_bytes || o->reserved_bytes >= 0 ||
                      o->bf16_tflops > 0 || o->memory_gbs > 0;
    if (!is_of_type) return WEFT_STATUS_OK;
    if (cluster->n_node_types > 1)
        return weft_i_fail(error, WEFT_STATUS_USAGE,
                           "cluster: with %d node types only levels can be overridden",
                           cluster->n_node_types);
    if (o->nodes) type->nodes = o->nodes;
    if (o->devices) type->devices = o->devices;
    if (o->memory_bytes) device->memory_bytes = o->memory_bytes;
    if (o->reserved_bytes >= 0) device->reserved_bytes = o->reserved_bytes;
    if (o->bf16_tflops > 0) device->bf16_tflops = o->bf16_tflops;
    if (o->memory_gbs > 0) device->memory_gbs = o->memory_gbs;
    if (device->reserved_bytes < device->memory_bytes) return WEFT_STATUS_OK;
    return weft_i_fail(error, WEFT_STATUS_USAGE,
                       "cluster: reserved_bytes %lld leave nothing of memory_bytes %lld",
                       (long long)device->reserved_bytes, (long long)device->memory_bytes);
}

static weft_status set_levels(const overrides *o, weft_cluster *cluster, weft_error *error)
{
    int32_t n_inner = 0, n_outer = 0, n_switches = 0;
    for (int32_t i = 0; i < cluster->n_levels; i++) {
        weft_level *level = &cluster->levels[i];
        bool has_nics = level->nics > 0;
        if (has_nics && o->nics) level->nics = o->nics;
        if (has_nics && o->nic_gbs > 0) level->nic_gbs = o->nic_gbs;
        if (!has_nics && o->gbs > 0) level->gbs = o->gbs;
        if (o->algorithm >= 0 && (o->algorithm != WEFT_ALGORITHM_SWITCH || level->multicast))
            level->algorithm = (weft_algorithm)o->algorithm;
        n_switches += level->multicast;
        if (o->all_to_all >= 0) level->all_to_all = (weft_all_to_all)o->all_to_all;
        n_inner += !has_nics;
        n_outer += has_nics;
    }
    if (o->oversubscription > 0)
        cluster->levels[cluster->n_levels - 1].oversubscription = o->oversubscription;
    if (o->gbs > 0 && n_inner == 0)
        return weft_i_fail(error, WEFT_STATUS_USAGE, "cluster: gbs: no level without NICs");
    if (o->algorithm == WEFT_ALGORITHM_SWITCH && n_switches == 0)
        return weft_i_fail(error, WEFT_STATUS_USAGE,
                           "cluster: algorithm: no level has switches that multicast");
    if ((o->nics || o->nic_gbs > 0) && n_outer == 0)
        return weft_i_fail(error, WEFT_STATUS_USAGE, "cluster: nics: no level with NICs");
    return WEFT_STATUS_OK;
}

weft_status weft_i_cluster_override(weft_cluster *cluster, const char *text, weft_error *error)
{
    overrides o = {.reserved_bytes = -1, .algorithm = -1, .all_to_all = -1};
    weft_i_keyvalue pair = {.rest = text};
    bool more = true;
    while (more) {
        weft_status status = weft_i_keyvalue_next(&pair, "cluster", error, &more);
        if (status == WEFT_STATUS_OK && more && strcmp(pair.key, "stack") == 0)
            status = weft_cluster_set_stack(cluster, pair.value, error);
        else if (status == WEFT_STATUS_OK && more)
            status = weft_i_keyvalue_set(&pair, "cluster", keys, WEFT_I_N_FIELDS(keys), error, &o);
        if (status != WEFT_STATUS_OK) return status;
    }
    weft_status status = set_node_type(&o, cluster, error);
    return status == WEFT_STATUS_OK ? set_levels(&o, cluster, error) : status;
}

/* Devices of the largest node: they share its NICs. */
static int32_t largest_node(const weft_cluster *cluster)
{
    int32_t largest = 0;
    for (int32_t i = 0; i < cluster->n_node_types; i++) {
        if (cluster->node_types[i].devices > largest) largest = cluster->node_types[i].devices;
    }
    return largest;
}

static bool unsound(weft_i_cluster_fault *out, int32_t level, const char *fmt, ...)
    WEFT_PRINTF(3, 4);
static bool unsound(weft_i_cluster_fault *out, int32_t level, const char *fmt, ...)
{
    va_list args;
    out->level = level;
    va_start(args, fmt);
    vsnprintf(out->text, sizeof(out->text), fmt, args);
    va_end(args);
    return false;
}

bool weft_i_cluster_complete(weft_cluster *cluster, weft_i_cluster_fault *out_fault)
{
    int64_t total = 0;
    int32_t node = largest_node(cluster), inside = 1;
    for (int32_t i = 0; i < cluster->n_node_types; i++)
        total += (int64_t)cluster->node_types[i].devices * cluster->node_types[i].nodes;
    if (total > MAX_DEVICES)
        return unsound(out_fault, -1, "%lld devices are over the limit of %d", (long long)total,
                       MAX_DEVICES);
    for (int32_t i = 0; i < cluster->n_levels; i++) {
        weft_level *level = &cluster->levels[i];
        bool is_last = i == cluster->n_levels - 1;
        if (level->devices == 0)
            level->devices = level->nics > 0 || is_last ? (int32_t)total : node;
        if (level->devices > total) level->devices = (int32_t)total;
        if (level->nics > 0) level->gbs = level->nics * level->nic_gbs / node;
        if (level->devices < inside)
            return unsound(out_fault, i, "expected the %d devices of the level inside it, found %d",
                           inside, level->devices);
        if (is_last && level->devices < total)
            return unsound(out_fault, i, "expected all %lld devices in the last level, found %d",
                           (long long)total, level->devices);
        if (level->algorithm == WEFT_ALGORITHM_SWITCH && !level->multicast)
            return unsound(out_fault, i, "expected multicast for the algorithm switch");
        inside = level->devices;
    }
    return true;
}
