/* runtime/self_profile.c - see self_profile.h. */
#include "runtime/self_profile.h"

#include <stdio.h>

#include "base/error.h"
#include "base/file.h"
#include "runtime/device_kit.h"
#include "runtime/gemm.h"
#include "runtime/gpu_load.h"
#include "runtime/layer_times.h"

static void print(const weft_i_launch *launch, const weft_cluster *cluster, int32_t n_rows,
                  const weft_calibration *found, double value_bytes)
{
    printf(
        "profile   %d devices of %.1f Gflop/s; messages %.1f us and %.2f GB/s, %.1f us a pass\n"
        "layers    %d rows of %s; by formulas alone they would be off by %.1f %% in all, %.1f %% "
        "in the mean, at worst %.0f %%\n",
        cluster->node_types[0].devices, cluster->node_types[0].device.bf16_tflops * 1e3,
        (double)cluster->levels[0].latency_ns / 1e3, cluster->levels[0].gbs * value_bytes / 2,
        (double)cluster->node_types[0].device.layers.pass_ns / 1e3, n_rows, launch->model,
        found->total * 100, found->mean * 100, found->worst * 100);
}

/* What would be measured in vain is said before. */
static weft_status check_file(const char *name, weft_error *error)
{
    weft_i_file_out file;
    weft_status status = weft_i_file_create(name, error, &file);
    if (status == WEFT_STATUS_OK) weft_i_file_abort(&file);
    return status;
}

/* Process 0's last part. */
static weft_status write(const weft_i_launch *launch, const weft_model *model,
                         const weft_layer_times *layers, weft_cluster *cluster, double value_bytes,
                         weft_error *error)
{
    weft_recipe *recipe = NULL;
    weft_calibration found = {0};
    weft_status status = weft_recipe_of_model(model, error, &recipe);
    if (status == WEFT_STATUS_OK)
        status =
            weft_calibrate(model, recipe, layers->rows, layers->n_rows, cluster, error, &found);
    cluster->node_types[0].device.layers = *layers;
    if (status == WEFT_STATUS_OK) status = weft_cluster_write(cluster, launch->profile, error);
    if (status == WEFT_STATUS_OK) print(launch, cluster, layers->n_rows, &found, value_bytes);
    weft_recipe_free(recipe);
    return status;
}

static weft_status measure(weft_i_world *world, const weft_i_launch *launch, const weft_i_kit *kit,
                           const weft_model *model, weft_i_arena *arena, weft_error *error)
{
    int32_t n = weft_i_world_size(world);
    weft_i_link_times links = {0};
    weft_layer_times layers = {.model = model->sha256};
    weft_cluster *cluster = NULL;
    weft_status status = WEFT_STATUS_OK;
    if (n > 1) status = weft_i_world_link_times(world, error, &links);
    if (status == WEFT_STATUS_OK)
        status =
            weft_i_machine_measure(model, kit, n, n > 1 ? &links : NULL, arena, error, &cluster);
    if (status == WEFT_STATUS_OK)
        status = weft_i_layer_times(model, kit, n, arena, error, &layers.rows, &layers.n_rows);
    layers.pass_ns = links.exchange_ns;
    if (status != WEFT_STATUS_OK || weft_i_world_process(world) > 0) return status;
    return write(launch, model, &layers, cluster, (double)kit->value_bytes, error);
}

weft_status weft_i_profile_run(weft_i_world *world, const weft_i_launch *launch, weft_error *error)
{
    weft_i_arena arena = {0};
    weft_model *model = NULL;
    weft_i_gpu_kit *gpu = NULL;
    const weft_i_kit *kit = NULL;
    weft_i_gemm_threads((int)launch->threads);
    weft_status status = weft_model_load(launch->model, error, &model);
    if (status == WEFT_STATUS_OK && weft_i_world_process(world) == 0)
        status = check_file(launch->profile, error);
    if (status == WEFT_STATUS_OK && launch->device == WEFT_I_DEVICE_CUDA)
        status = weft_i_gpu_find(error);
    if (status == WEFT_STATUS_OK)
        status = weft_i_device_kit((weft_i_device)launch->device, weft_i_world_slot(world), error,
                                   &gpu, &kit);
    if (status == WEFT_STATUS_OK) status = measure(world, launch, kit, model, &arena, error);
    weft_i_gpu_kit_free(gpu);
    weft_model_free(model);
    weft_i_arena_free(&arena);
    return status;
}
