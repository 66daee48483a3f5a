/* profiles/cluster_write.c - a cluster as a weft.cluster file. */
#include <string.h>

#include "base/file.h"
#include "base/json_out.h"
#include "profiles/cluster_own.h"

static void put_table(weft_i_json_out *out, const char *key, const weft_table *table)
{
    if (table->n_points == 0) return;
    weft_i_json_key(out, key);
    weft_i_json_compact(out);
    weft_i_json_open_array(out);
    for (int32_t i = 0; i < table->n_points; i++) {
        weft_i_json_open_array(out);
        weft_i_json_put_double(out, table->points[i].x);
        weft_i_json_put_double(out, table->points[i].y);
        weft_i_json_close_array(out);
    }
    weft_i_json_close_array(out);
}

/* A word of "a|b|c" by its place, unless it is the first, which is the default. */
static void put_choice(weft_i_json_out *out, const char *key, const char *choices, int value)
{
    char word[32];
    if (value == 0) return;
    for (; value > 0; value--)
        choices += strcspn(choices, "|") + 1;
    size_t n = strcspn(choices, "|");
    memcpy(word, choices, n);
    word[n] = 0;
    weft_i_json_put_key_string(out, key, word);
}

static void put_attention(weft_i_json_out *out, const weft_device *device)
{
    weft_i_json_key(out, "attention");
    weft_i_json_open_array(out);
    for (int32_t i = 0; i < device->n_attention; i++) {
        const weft_attention_row *row = &device->attention[i];
        weft_i_json_open_object(out);
        weft_i_json_put_key_int(out, "head_size", row->head_size);
        put_table(out, "forward", &row->forward);
        put_table(out, "backward", &row->backward);
        put_table(out, "forward_causal", &row->forward_causal);
        put_table(out, "backward_causal", &row->backward_causal);
        weft_i_json_close_object(out);
    }
    weft_i_json_close_array(out);
}

static void put_layers(weft_i_json_out *out, const weft_layer_times *layers)
{
    weft_i_json_key(out, "layers");
    weft_i_json_open_object(out);
    weft_i_json_put_key_string(out, "model", layers->model);
    weft_i_json_put_key_int(out, "pass_ns", layers->pass_ns);
    weft_i_json_key(out, "times");
    weft_i_json_open_array(out);
    for (int32_t i = 0; i < layers->n_rows; i++) {
        const weft_layer_time *row = &layers->rows[i];
        const int64_t values[] = {row->module, row->layer, row->tokens, row->span,  row->context,
                                  row->fw_ns,  row->bw_ns, row->bwi_ns, row->bww_ns};
        weft_i_json_compact(out);
        weft_i_json_open_array(out);
        for (size_t k = 0; k < sizeof(values) / sizeof(*values); k++)
            weft_i_json_put_int(out, values[k]);
        weft_i_json_close_array(out);
    }
    weft_i_json_close_array(out);
    weft_i_json_close_object(out);
}

static void put_device(weft_i_json_out *out, const weft_device *device)
{
    weft_i_json_key(out, "device");
    weft_i_json_open_object(out);
    weft_i_json_put_key_string(out, "name", device->name);
    weft_i_json_put_key_double(out, "bf16_tflops", device->bf16_tflops);
    weft_i_json_put_key_double(out, "fp8_tflops", device->fp8_tflops);
    weft_i_json_put_key_int(out, "multiprocessors", device->multiprocessors);
    weft_i_json_put_key_int(out, "memory_bytes", device->memory_bytes);
    weft_i_json_put_key_int(out, "reserved_bytes", device->reserved_bytes);
    weft_i_json_put_key_double(out, "memory_gbs", device->memory_gbs);
    weft_i_json_put_key_double(out, "memory_efficiency", device->memory_efficiency);
    weft_i_json_put_key_int(out, "launch_ns", device->launch_ns);
    weft_i_json_put_key_double(out, "tile_overhead", device->tile_overhead);
    weft_i_json_put_key_double(out, "score_traffic", device->score_traffic);
    weft_i_json_put_key_double(out, "backward_traffic", device->backward_traffic);
    weft_i_json_put_key_double(out, "host_growth", device->host_growth);
    put_table(out, "gemm", &device->gemm);
    put_attention(out, device);
    if (device->layers.model) put_layers(out, &device->layers);
    weft_i_json_close_object(out);
}

static void put_level(weft_i_json_out *out, const weft_level *level)
{
    weft_i_json_open_object(out);
    weft_i_json_put_key_string(out, "name", level->name);
    weft_i_json_put_key_int(out, "devices", level->devices);
    if (level->nics > 0) {
        weft_i_json_put_key_int(out, "nics", level->nics);
        weft_i_json_put_key_double(out, "nic_gbs", level->nic_gbs);
    } else {
        weft_i_json_put_key_double(out, "gbs", level->gbs);
    }
    weft_i_json_put_key_int(out, "latency_ns", level->latency_ns);
    weft_i_json_put_key_double(out, "oversubscription", level->oversubscription);
    put_choice(out, "algorithm", WEFT_I_ALGORITHMS, (int)level->algorithm);
    put_choice(out, "all_to_all", WEFT_I_ALL_TO_ALLS, (int)level->all_to_all);
    if (level->multicast) weft_i_json_put_key_bool(out, "multicast", true);
    weft_i_json_key(out, "collectives");
    weft_i_json_open_array(out);
    for (int32_t i = 0; i < level->n_collectives; i++) {
        weft_i_json_open_object(out);
        weft_i_json_put_key_int(out, "devices", level->collectives[i].devices);
        put_table(out, "fraction", &level->collectives[i].fraction);
        weft_i_json_close_object(out);
    }
    weft_i_json_close_array(out);
    weft_i_json_close_object(out);
}

static void put_stack(weft_i_json_out *out, const weft_stack *stack)
{
    weft_i_json_open_object(out);
    weft_i_json_put_key_string(out, "name", stack->name);
    weft_i_json_put_key_double(out, "elementwise", stack->elementwise);
    weft_i_json_put_key_double(out, "tp_overlap", stack->tp_overlap);
    weft_i_json_put_key_double(out, "dp_overlap", stack->dp_overlap);
    weft_i_json_put_key_double(out, "slowdown", stack->slowdown);
    weft_i_json_put_key_int(out, "host_kernel_ns", stack->host_kernel_ns);
    if (stack->message_ns > 0) weft_i_json_put_key_int(out, "message_ns", stack->message_ns);
    if (stack->message_slowdown > 0)
        weft_i_json_put_key_double(out, "message_slowdown", stack->message_slowdown);
    if (stack->uncut_head > 0) weft_i_json_put_key_double(out, "uncut_head", stack->uncut_head);
    if (stack->collective_wait_ns > 0)
        weft_i_json_put_key_int(out, "collective_wait_ns", stack->collective_wait_ns);
    if (stack->gradient_bytes > 0)
        weft_i_json_put_key_int(out, "gradient_bytes", stack->gradient_bytes);
    weft_i_json_put_key_bool(out, "forward_overlap", stack->forward_overlap);
    weft_i_json_put_key_bool(out, "unfused_attention", stack->unfused_attention);
    weft_i_json_put_key_bool(out, "separate_clipping", stack->separate_clipping);
    weft_i_json_put_key_bool(out, "blocking_messages", stack->blocking_messages);
    weft_i_json_close_object(out);
}

static void put_node_types(weft_i_json_out *out, const weft_cluster *cluster)
{
    weft_i_json_key(out, "node_types");
    weft_i_json_open_array(out);
    for (int32_t i = 0; i < cluster->n_node_types; i++) {
        const weft_node_type *type = &cluster->node_types[i];
        weft_i_json_open_object(out);
        weft_i_json_put_key_int(out, "devices", type->devices);
        weft_i_json_put_key_int(out, "nodes", type->nodes);
        weft_i_json_put_key_double(out, "host_gbs", type->host_gbs);
        if (type->host_total_gbs > 0)
            weft_i_json_put_key_double(out, "host_total_gbs", type->host_total_gbs);
        weft_i_json_put_key_int(out, "host_bytes", type->host_bytes);
        put_device(out, &type->device);
        weft_i_json_close_object(out);
    }
    weft_i_json_close_array(out);
}

static void put_cluster(weft_i_json_out *out, const weft_cluster *cluster)
{
    weft_i_json_open_object(out);
    weft_i_json_put_key_string(out, "format", "weft.cluster");
    weft_i_json_put_key_int(out, "version", 1);
    weft_i_json_put_key_int(out, "revision", 0);
    weft_i_json_put_key_string(out, "name", cluster->name);
    put_node_types(out, cluster);
    weft_i_json_key(out, "levels");
    weft_i_json_open_array(out);
    for (int32_t i = 0; i < cluster->n_levels; i++)
        put_level(out, &cluster->levels[i]);
    weft_i_json_close_array(out);
    weft_i_json_key(out, "stack");
    put_stack(out, &cluster->stack);
    weft_i_json_key(out, "stacks");
    weft_i_json_open_array(out);
    for (int32_t i = 0; i < cluster->n_stacks; i++)
        put_stack(out, &cluster->stacks[i]);
    weft_i_json_close_array(out);
    weft_i_json_close_object(out);
}

weft_status weft_cluster_write(const weft_cluster *cluster, const char *file, weft_error *error)
{
    weft_i_file_out target;
    weft_i_json_out out;
    weft_status status = weft_i_file_create(file, error, &target);
    if (status != WEFT_STATUS_OK) return status;
    weft_i_json_out_begin(&out, target.stream);
    put_cluster(&out, cluster);
    return weft_i_file_end(&target, weft_i_json_out_end(&out, error), error);
}
