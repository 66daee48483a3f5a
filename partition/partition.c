/* partition/partition.c - the public way to a layout by the rules. */
#include "weft/partition.h"

#include <string.h>

#include "base/error.h"
#include "partition/layouts.h"

void weft_partition_options_init(weft_partition_options *options)
{
    *options = (weft_partition_options){.struct_size = sizeof(*options)};
}

static weft_status read_options(const weft_partition_options *from, weft_error *error,
                                weft_partition_options *out)
{
    weft_partition_options_init(out);
    if (!from) return WEFT_STATUS_OK;
    if (from->struct_size == 0 || from->struct_size > sizeof(*out))
        return weft_i_fail(error, WEFT_STATUS_USAGE,
                           "options of %zu bytes, expected at most %zu: call "
                           "weft_partition_options_init first",
                           from->struct_size, sizeof(*out));
    memcpy(out, from, from->struct_size);
    const int64_t sizes[] = {out->tp, out->pp, out->dp, out->cp, out->ep, out->gpus};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        if (sizes[i] < 0 || sizes[i] > INT32_MAX)
            return weft_i_fail(error, WEFT_STATUS_USAGE,
                               "found a parallel size of %lld, expected 0 to %d",
                               (long long)sizes[i], INT32_MAX);
    return WEFT_STATUS_OK;
}

/* The microbatches of all batches, one replica for each: costs are means over all, and B and K do
 * not depend on who runs which. */
static weft_status pack_all(const weft_model *model, const weft_recipe *recipe,
                            const weft_batch *const *batches, int32_t n_batches, bool strict,
                            weft_i_arena *arena, weft_error *error, weft_i_packed *out)
{
    weft_i_replica *replicas = weft_i_new(arena, weft_i_replica, n_batches);
    if (!replicas) return weft_i_no_memory(error);
    if (n_batches < 1) return weft_i_fail(error, WEFT_STATUS_USAGE, "no batch to make a layout by");
    for (int32_t i = 0; i < n_batches; i++) {
        weft_i_packed packed;
        weft_status status =
            weft_i_pack(model, recipe, NULL, batches[i], 1, 0, strict, arena, error, &packed);
        if (status != WEFT_STATUS_OK) return status;
        replicas[i] = packed.replicas[0];
    }
    *out = (weft_i_packed){.replicas = replicas, .n_replicas = n_batches};
    return WEFT_STATUS_OK;
}

static weft_status make(const weft_model *model, const weft_cluster *cluster,
                        const weft_recipe *recipe, const weft_batch *const *batches,
                        int32_t n_batches, const weft_partition_options *options, weft_error *error,
                        weft_layout **out_layout)
{
    const weft_parallel wanted = {(int32_t)options->dp, (int32_t)options->pp, (int32_t)options->tp,
                                  (int32_t)options->cp, (int32_t)options->ep};
    weft_i_arena arena = {0};
    weft_i_packed packed;
    weft_i_layout_input input = {.model = model, .recipe = recipe, .packed = &packed};
    weft_status status =
        weft_parallel_resolve(&wanted, &recipe->parallel, options->gpus, error, &input.parallel);
    if (status == WEFT_STATUS_OK)
        status = weft_i_emu_create(model, cluster, recipe, &input.parallel, WEFT_REUSE_MODE_ALL,
                                   error, &input.emu);
    if (status == WEFT_STATUS_OK)
        status =
            pack_all(model, recipe, batches, n_batches, options->strict, &arena, error, &packed);
    if (status == WEFT_STATUS_OK)
        status = weft_i_layout_modality(&input, NULL, NULL, error, out_layout);
    weft_i_emu_free(input.emu);
    weft_i_arena_free(&arena);
    return status;
}

weft_status weft_partition_make(const weft_model *model, const weft_cluster *cluster,
                                const weft_recipe *recipe, const weft_batch *const *batches,
                                int32_t n_batches, const weft_partition_options *options,
                                weft_error *error, weft_layout **out_layout)
{
    weft_partition_options resolved;
    weft_recipe *defaults = NULL;
    weft_status status = read_options(options, error, &resolved);
    if (status == WEFT_STATUS_OK && !recipe) status = weft_recipe_load(NULL, error, &defaults);
    if (status == WEFT_STATUS_OK)
        status = make(model, cluster, recipe ? recipe : defaults, batches, n_batches, &resolved,
                      error, out_layout);
    weft_recipe_free(defaults);
    return status;
}
