/* runtime/machine_out.c - a measured cluster as a weft.cluster file. */
#include "base/file.h"
#include "base/json_out.h"
#include "runtime/machine.h"

static void put_table(weft_i_json_out *out, const char *key, const weft_table *table)
{
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

static void put_device(weft_i_json_out *out, const weft_device *device)
{
    weft_i_json_open_object(out);
    weft_i_json_put_key_string(out, "name", device->name);
    weft_i_json_put_key_double(out, "bf16_tflops", device->bf16_tflops);
    weft_i_json_put_key_int(out, "memory_bytes", device->memory_bytes);
    weft_i_json_put_key_int(out, "reserved_bytes", device->reserved_bytes);
    weft_i_json_put_key_double(out, "memory_gbs", device->memory_gbs);
    weft_i_json_put_key_double(out, "memory_efficiency", device->memory_efficiency);
    weft_i_json_put_key_int(out, "multiprocessors", device->multiprocessors);
    weft_i_json_put_key_int(out, "launch_ns", device->launch_ns);
    weft_i_json_put_key_double(out, "backward_traffic", device->backward_traffic);
    put_table(out, "gemm", &device->gemm);
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
    weft_i_json_close_object(out);
}

static void put_node(weft_i_json_out *out, const weft_node_type *node)
{
    weft_i_json_open_object(out);
    weft_i_json_put_key_int(out, "devices", node->devices);
    weft_i_json_put_key_int(out, "nodes", node->nodes);
    weft_i_json_put_key_double(out, "host_gbs", node->host_gbs);
    weft_i_json_put_key_int(out, "host_bytes", node->host_bytes);
    weft_i_json_key(out, "device");
    put_device(out, &node->device);
    weft_i_json_close_object(out);
}

static void put_level(weft_i_json_out *out, const weft_level *level)
{
    weft_i_json_open_object(out);
    weft_i_json_put_key_string(out, "name", level->name);
    weft_i_json_put_key_int(out, "devices", level->devices);
    weft_i_json_put_key_double(out, "gbs", level->gbs);
    weft_i_json_put_key_int(out, "latency_ns", level->latency_ns);
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
    weft_i_json_key(out, "stack");
    weft_i_json_compact(out);
    weft_i_json_open_object(out);
    weft_i_json_put_key_string(out, "name", stack->name);
    weft_i_json_put_key_double(out, "elementwise", stack->elementwise);
    weft_i_json_put_key_double(out, "tp_overlap", stack->tp_overlap);
    weft_i_json_put_key_double(out, "dp_overlap", stack->dp_overlap);
    weft_i_json_put_key_double(out, "slowdown", stack->slowdown);
    weft_i_json_put_key_int(out, "host_kernel_ns", stack->host_kernel_ns);
    weft_i_json_close_object(out);
}

static void put_cluster(weft_i_json_out *out, const weft_cluster *cluster)
{
    weft_i_json_open_object(out);
    weft_i_json_put_key_string(out, "format", "weft.cluster");
    weft_i_json_put_key_int(out, "version", 1);
    weft_i_json_put_key_int(out, "revision", 0);
    weft_i_json_put_key_string(out, "name", cluster->name);
    weft_i_json_key(out, "node_types");
    weft_i_json_open_array(out);
    for (int32_t i = 0; i < cluster->n_node_types; i++)
        put_node(out, &cluster->node_types[i]);
    weft_i_json_close_array(out);
    weft_i_json_key(out, "levels");
    weft_i_json_open_array(out);
    for (int32_t i = 0; i < cluster->n_levels; i++)
        put_level(out, &cluster->levels[i]);
    weft_i_json_close_array(out);
    put_stack(out, &cluster->stack);
    weft_i_json_close_object(out);
}

weft_status weft_i_machine_write(const weft_cluster *cluster, const char *file, weft_error *error)
{
    weft_i_file_out made;
    weft_i_json_out out;
    weft_status status = weft_i_file_create(file, error, &made);
    if (status != WEFT_STATUS_OK) return status;
    weft_i_json_out_begin(&out, made.stream);
    put_cluster(&out, cluster);
    status = weft_i_json_out_end(&out, error);
    if (status == WEFT_STATUS_OK) status = weft_i_file_commit(&made, error);
    weft_i_file_abort(&made);
    return status;
}
