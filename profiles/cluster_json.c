/* profiles/cluster_json.c - a weft.cluster text into a cluster. */
#include <string.h>

#include "base/error.h"
#include "base/json_in.h"
#include "profiles/cluster_own.h"
#include "profiles/table.h"

enum { MAX_NODE_TYPES = 16, MAX_LEVELS = 8, MAX_ROWS = 64, MAX_NODES = 1 << 20 };

#define FIELD(struct_name, field, kind) WEFT_I_FIELD(#field, WEFT_I_JSON_##kind, struct_name, field)

/* Read member `key` as a table; nothing where it is absent. */
static weft_status read_table(const weft_i_json *in, const char *key, double max,
                              weft_i_arena *arena, weft_error *error, weft_table *out)
{
    weft_i_json member;
    if (!weft_i_json_get(in, key, &member)) return WEFT_STATUS_OK;
    return weft_i_table_read(&member, max, arena, error, out);
}

static weft_status read_attention_row(const weft_i_json *in, weft_i_arena *arena, weft_error *error,
                                      weft_attention_row *out)
{
    static const weft_i_json_field fields[] = {
        {FIELD(weft_attention_row, head_size, INT32), .min = 1, .max = 1 << 20, .required = true},
        {WEFT_I_FIELD_OTHER("forward"), .required = true},
        {WEFT_I_FIELD_OTHER("backward"), .required = true},
        {WEFT_I_FIELD_OTHER("forward_causal")},
        {WEFT_I_FIELD_OTHER("backward_causal")},
    };
    const struct {
        const char *key;
        weft_table *table;
    } tables[] = {{"forward", &out->forward},
                  {"backward", &out->backward},
                  {"forward_causal", &out->forward_causal},
                  {"backward_causal", &out->backward_causal}};
    weft_status status = weft_i_json_read(in, fields, WEFT_I_N_FIELDS(fields), arena, error, out);
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]) && status == WEFT_STATUS_OK; i++)
        status = read_table(in, tables[i].key, 1, arena, error, tables[i].table);
    return status;
}

static weft_status read_attention(const weft_i_json *device, weft_i_arena *arena, weft_error *error,
                                  weft_device *out)
{
    weft_i_json array;
    size_t n = 0;
    weft_status status = WEFT_STATUS_OK;
    if (weft_i_json_get(device, "attention", &array))
        status = weft_i_json_array(&array, 1, MAX_ROWS, error, &n);
    if (status != WEFT_STATUS_OK) return status;
    out->attention = weft_i_new(arena, weft_attention_row, n);
    if (!out->attention) return weft_i_no_memory(error);
    for (size_t i = 0; i < n; i++) {
        weft_i_json item = weft_i_json_item(&array, i);
        status = read_attention_row(&item, arena, error, &out->attention[i]);
        if (status != WEFT_STATUS_OK) return status;
        if (i > 0 && out->attention[i].head_size <= out->attention[i - 1].head_size)
            return weft_i_json_fail(&item, error, "expected a head_size over %d, found %d",
                                    out->attention[i - 1].head_size, out->attention[i].head_size);
    }
    out->n_attention = (int32_t)n;
    return WEFT_STATUS_OK;
}

static weft_status read_device(const weft_i_json *in, weft_i_arena *arena, weft_error *error,
                               weft_device *out)
{
    static const weft_i_json_field fields[] = {
        {FIELD(weft_device, name, STRING), .required = true},
        {FIELD(weft_device, bf16_tflops, DOUBLE), .min = 1e-3, .max = 1e6, .required = true},
        {FIELD(weft_device, fp8_tflops, DOUBLE), .max = 1e6},
        {FIELD(weft_device, memory_bytes, INT64), .min = 1, .max = 1e15, .required = true},
        {FIELD(weft_device, reserved_bytes, INT64), .min = 0, .max = 1e15},
        {FIELD(weft_device, memory_gbs, DOUBLE), .min = 1e-3, .max = 1e6, .required = true},
        {FIELD(weft_device, memory_efficiency, DOUBLE), .min = 1e-3, .max = 1, .required = true},
        {FIELD(weft_device, multiprocessors, INT32), .min = 0, .max = 1e5, .required = true},
        {FIELD(weft_device, launch_ns, INT64), .min = 0, .max = 1e9, .required = true},
        {FIELD(weft_device, tile_overhead, DOUBLE), .max = 1e6},
        {FIELD(weft_device, score_traffic, DOUBLE), .max = 100},
        {FIELD(weft_device, backward_traffic, DOUBLE), .max = 100},
        {FIELD(weft_device, host_growth, DOUBLE), .max = 100},
        {WEFT_I_FIELD_OTHER("gemm"), .required = true},
        {WEFT_I_FIELD_OTHER("attention"), .required = true},
        {WEFT_I_FIELD_OTHER("layers")},
    };
    weft_i_json layers;
    out->tile_overhead = 90;
    out->score_traffic = out->backward_traffic = 1;
    weft_status status = weft_i_json_read(in, fields, WEFT_I_N_FIELDS(fields), arena, error, out);
    if (status == WEFT_STATUS_OK && out->reserved_bytes >= out->memory_bytes)
        return weft_i_json_fail(in, error, "reserved_bytes %lld leave nothing of memory_bytes %lld",
                                (long long)out->reserved_bytes, (long long)out->memory_bytes);
    if (status == WEFT_STATUS_OK) status = read_table(in, "gemm", 1, arena, error, &out->gemm);
    if (status == WEFT_STATUS_OK) status = read_attention(in, arena, error, out);
    if (status == WEFT_STATUS_OK && weft_i_json_get(in, "layers", &layers))
        status = weft_i_layer_times_read(&layers, arena, error, &out->layers);
    return status;
}

static weft_status read_node_type(const weft_i_json *in, weft_i_arena *arena, weft_error *error,
                                  weft_node_type *out)
{
    static const weft_i_json_field fields[] = {
        {WEFT_I_FIELD_OTHER("device"), .required = true},
        {FIELD(weft_node_type, devices, INT32), .min = 1, .max = 1024, .required = true},
        {FIELD(weft_node_type, nodes, INT32), .min = 1, .max = MAX_NODES, .required = true},
        {FIELD(weft_node_type, host_gbs, DOUBLE), .min = 1e-3, .max = 1e6, .required = true},
        {FIELD(weft_node_type, host_total_gbs, DOUBLE), .min = 1e-3, .max = 1e7},
        {FIELD(weft_node_type, host_bytes, INT64), .min = 0, .max = 1e16, .required = true},
    };
    weft_i_json device;
    weft_status status = weft_i_json_read(in, fields, WEFT_I_N_FIELDS(fields), arena, error, out);
    if (status == WEFT_STATUS_OK && weft_i_json_get(in, "device", &device))
        status = read_device(&device, arena, error, &out->device);
    return status;
}

static weft_status read_collectives(const weft_i_json *level, weft_i_arena *arena,
                                    weft_error *error, weft_level *out)
{
    static const weft_i_json_field fields[] = {
        {FIELD(weft_collective_row, devices, INT32), .min = 2, .max = 1e9, .required = true},
        {WEFT_I_FIELD_OTHER("fraction"), .required = true},
    };
    weft_i_json array;
    size_t n = 0;
    weft_status status = WEFT_STATUS_OK;
    if (weft_i_json_get(level, "collectives", &array))
        status = weft_i_json_array(&array, 1, MAX_ROWS, error, &n);
    if (status != WEFT_STATUS_OK) return status;
    out->collectives = weft_i_new(arena, weft_collective_row, n);
    if (!out->collectives) return weft_i_no_memory(error);
    for (size_t i = 0; i < n; i++) {
        weft_i_json item = weft_i_json_item(&array, i);
        weft_collective_row *row = &out->collectives[i];
        status = weft_i_json_read(&item, fields, WEFT_I_N_FIELDS(fields), arena, error, row);
        /* Reduction in the switch moves fewer bytes than a ring: up to twice the links' rate. */
        if (status == WEFT_STATUS_OK)
            status = read_table(&item, "fraction", 2, arena, error, &row->fraction);
        if (status != WEFT_STATUS_OK) return status;
        if (i > 0 && row->devices <= row[-1].devices)
            return weft_i_json_fail(&item, error, "expected more than %d devices, found %d",
                                    row[-1].devices, row->devices);
    }
    out->n_collectives = (int32_t)n;
    return WEFT_STATUS_OK;
}

static weft_status read_level(const weft_i_json *in, weft_i_arena *arena, weft_error *error,
                              weft_level *out)
{
    static const weft_i_json_field fields[] = {
        {FIELD(weft_level, name, STRING), .required = true},
        {FIELD(weft_level, devices, INT32), .min = 1, .max = 1 << 30},
        {FIELD(weft_level, gbs, DOUBLE), .min = 1e-3, .max = 1e6},
        {FIELD(weft_level, nics, INT32), .min = 1, .max = 1024},
        {FIELD(weft_level, nic_gbs, DOUBLE), .min = 1e-3, .max = 1e6},
        {FIELD(weft_level, latency_ns, INT64), .min = 0, .max = 1e12, .required = true},
        {FIELD(weft_level, oversubscription, DOUBLE), .min = 1, .max = 1e6},
        {WEFT_I_FIELD_ENUM("algorithm", weft_level, algorithm, WEFT_I_ALGORITHMS)},
        {WEFT_I_FIELD_ENUM("all_to_all", weft_level, all_to_all, WEFT_I_ALL_TO_ALLS)},
        {FIELD(weft_level, multicast, BOOL)},
        {WEFT_I_FIELD_OTHER("collectives"), .required = true},
    };
    out->oversubscription = 1;
    weft_status status = weft_i_json_read(in, fields, WEFT_I_N_FIELDS(fields), arena, error, out);
    if (status != WEFT_STATUS_OK) return status;
    if ((out->nics > 0) != (out->nic_gbs > 0) || (out->gbs > 0) == (out->nics > 0))
        return weft_i_json_fail(in, error, "expected either gbs or nics and nic_gbs");
    return read_collectives(in, arena, error, out);
}

static weft_status read_stack(const weft_i_json *in, weft_i_arena *arena, weft_error *error,
                              weft_stack *out)
{
    static const weft_i_json_field fields[] = {
        {FIELD(weft_stack, name, STRING), .required = true},
        {FIELD(weft_stack, elementwise, DOUBLE), .min = 0, .max = 100, .required = true},
        {FIELD(weft_stack, tp_overlap, DOUBLE), .max = 1, .required = true},
        {FIELD(weft_stack, dp_overlap, DOUBLE), .max = 1, .required = true},
        {FIELD(weft_stack, slowdown, DOUBLE), .min = 1, .max = 100, .required = true},
        {FIELD(weft_stack, host_kernel_ns, INT64), .max = 1e9, .required = true},
        {FIELD(weft_stack, message_ns, INT64), .max = 1e9},
        {FIELD(weft_stack, message_slowdown, DOUBLE), .min = 1, .max = 100},
        {FIELD(weft_stack, uncut_head, DOUBLE), .max = 1},
        {FIELD(weft_stack, collective_wait_ns, INT64), .max = 1e9},
        {FIELD(weft_stack, forward_overlap, BOOL)},
        {FIELD(weft_stack, unfused_attention, BOOL)},
        {FIELD(weft_stack, separate_clipping, BOOL)},
        {FIELD(weft_stack, blocking_messages, BOOL)},
        {FIELD(weft_stack, gradient_bytes, INT32), .min = 1, .max = 8},
    };
    return weft_i_json_read(in, fields, WEFT_I_N_FIELDS(fields), arena, error, out);
}

static weft_status read_stacks(const weft_i_json *root, weft_i_arena *arena, weft_error *error,
                               weft_cluster *cluster)
{
    weft_i_json array;
    size_t n;
    if (!weft_i_json_get(root, "stacks", &array)) return WEFT_STATUS_OK;
    weft_status status = weft_i_json_array(&array, 0, MAX_ROWS, error, &n);
    if (status != WEFT_STATUS_OK) return status;
    cluster->stacks = weft_i_new(arena, weft_stack, n);
    if (!cluster->stacks) return weft_i_no_memory(error);
    for (size_t i = 0; i < n; i++) {
        weft_i_json item = weft_i_json_item(&array, i);
        status = read_stack(&item, arena, error, &cluster->stacks[i]);
        if (status != WEFT_STATUS_OK) return status;
        bool is_twice = strcmp(cluster->stack.name, cluster->stacks[i].name) == 0;
        for (size_t k = 0; k < i; k++)
            is_twice |= strcmp(cluster->stacks[k].name, cluster->stacks[i].name) == 0;
        if (is_twice)
            return weft_i_json_fail(&item, error, "stack '%s' is there twice",
                                    cluster->stacks[i].name);
    }
    cluster->n_stacks = (int32_t)n;
    return WEFT_STATUS_OK;
}

static weft_status read_node_types(const weft_i_json *in, weft_i_arena *arena, weft_error *error,
                                   weft_cluster *cluster)
{
    size_t n;
    weft_status status = weft_i_json_array(in, 1, MAX_NODE_TYPES, error, &n);
    if (status != WEFT_STATUS_OK) return status;
    cluster->node_types = weft_i_new(arena, weft_node_type, n);
    if (!cluster->node_types) return weft_i_no_memory(error);
    cluster->n_node_types = (int32_t)n;
    for (size_t i = 0; i < n && status == WEFT_STATUS_OK; i++) {
        weft_i_json item = weft_i_json_item(in, i);
        status = read_node_type(&item, arena, error, &cluster->node_types[i]);
    }
    return status;
}

static weft_status read_levels(const weft_i_json *in, weft_i_arena *arena, weft_error *error,
                               weft_cluster *cluster)
{
    size_t n;
    weft_status status = weft_i_json_array(in, 1, MAX_LEVELS, error, &n);
    if (status != WEFT_STATUS_OK) return status;
    cluster->levels = weft_i_new(arena, weft_level, n);
    if (!cluster->levels) return weft_i_no_memory(error);
    cluster->n_levels = (int32_t)n;
    for (size_t i = 0; i < n && status == WEFT_STATUS_OK; i++) {
        weft_i_json item = weft_i_json_item(in, i);
        status = read_level(&item, arena, error, &cluster->levels[i]);
    }
    return status;
}

static weft_status read_root(const weft_i_json *root, weft_i_arena *arena, weft_error *error,
                             weft_cluster *cluster)
{
    static const weft_i_json_field fields[] = {
        {FIELD(weft_cluster, name, STRING), .required = true},
        {WEFT_I_FIELD_OTHER("node_types"), .required = true},
        {WEFT_I_FIELD_OTHER("levels"), .required = true},
        {WEFT_I_FIELD_OTHER("stack"), .required = true},
        {WEFT_I_FIELD_OTHER("stacks")},
    };
    weft_i_json member;
    weft_status status = weft_i_json_header(root, "cluster", 1, error);
    if (status == WEFT_STATUS_OK)
        status = weft_i_json_read(root, fields, WEFT_I_N_FIELDS(fields), arena, error, cluster);
    if (status == WEFT_STATUS_OK && weft_i_json_get(root, "node_types", &member))
        status = read_node_types(&member, arena, error, cluster);
    if (status == WEFT_STATUS_OK && weft_i_json_get(root, "levels", &member))
        status = read_levels(&member, arena, error, cluster);
    if (status == WEFT_STATUS_OK && weft_i_json_get(root, "stack", &member))
        status = read_stack(&member, arena, error, &cluster->stack);
    if (status == WEFT_STATUS_OK) status = read_stacks(root, arena, error, cluster);
    return status;
}

/* Fill in what follows from other fields; what does not fit is said at its level. */
static weft_status complete(const weft_i_json *root, weft_error *error, weft_cluster *cluster)
{
    weft_i_cluster_fault fault;
    weft_i_json member, level;
    if (weft_i_cluster_complete(cluster, &fault)) return WEFT_STATUS_OK;
    if (!weft_i_json_get(root, fault.level < 0 ? "node_types" : "levels", &member))
        return weft_i_json_fail(root, error, "%s", fault.text);
    if (fault.level < 0) return weft_i_json_fail(&member, error, "%s", fault.text);
    level = weft_i_json_item(&member, (size_t)fault.level);
    return weft_i_json_fail(&level, error, "%s", fault.text);
}

weft_status weft_i_cluster_read_json(const char *name, const char *text, size_t n,
                                     const char *overrides, weft_i_arena *arena, weft_error *error,
                                     weft_cluster *cluster)
{
    weft_i_json_doc *doc;
    weft_status status = weft_i_json_parse(name, text, n, 1, error, &doc);
    if (status != WEFT_STATUS_OK) return status;
    weft_i_json root = weft_i_json_root(doc);
    status = read_root(&root, arena, error, cluster);
    if (status == WEFT_STATUS_OK && overrides)
        status = weft_i_cluster_override(cluster, overrides, error);
    if (status == WEFT_STATUS_OK) status = complete(&root, error, cluster);
    weft_i_json_free(doc);
    return status;
}
