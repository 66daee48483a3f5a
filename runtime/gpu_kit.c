/* runtime/gpu_kit.c - see gpu_kit.h. */
#include "runtime/gpu_kit.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/error.h"
#include "runtime/gpu_ops.h"

struct weft_i_gpu_kit {
    weft_i_gpu gpu;
    weft_i_memory memory, host;
    weft_i_kit table;
};

static void clear(void *context, void *data, size_t n_bytes)
{
    const weft_i_gpu *gpu = context;
    if (n_bytes > 0) gpu->clear(gpu->context, data, n_bytes);
}

static void copy(void *context, void *to, const void *from, size_t n_bytes)
{
    const weft_i_gpu *gpu = context;
    if (n_bytes > 0) gpu->copy(gpu->context, to, from, n_bytes);
}

static int64_t copy_beside(void *context, void *to, const void *from, size_t n_bytes)
{
    const weft_i_gpu *gpu = context;
    return n_bytes > 0 ? gpu->copy_beside(gpu->context, to, from, n_bytes) : 0;
}

static bool import(void *context, const float *from, int64_t n, void *to)
{
    const weft_i_gpu *gpu = context;
    weft_i_bf16 *made = weft_i_alloc((size_t)n + 1, sizeof(*made));
    if (!made) return false;
    for (int64_t i = 0; i < n; i++)
        made[i] = weft_i_bf16_of(from[i]);
    copy(context, to, made, (size_t)n * sizeof(*made));
    gpu->finish(gpu->context); /* a failure is told at the next look */
    free(made);
    return true;
}

static void add(void *context, const void *from, int64_t n, void *to)
{
    weft_i_gpu_run(context, WEFT_I_KERNEL_ACCUMULATE, weft_i_blocks_each(n),
                   &(weft_i_each_args){from, NULL, to, n, n});
}

static void update(void *context, const weft_i_shelf *shelf, int64_t first, int64_t n,
                   const weft_i_adamw_step *step)
{
    weft_i_gpu_run(context, WEFT_I_KERNEL_ADAMW, weft_i_blocks_each(n),
                   &(weft_i_adamw_args){.values = shelf->values + first,
                                        .means = shelf->means + first,
                                        .squares = shelf->squares + first,
                                        .gradients = shelf->gradients + first,
                                        .operands = (weft_i_bf16 *)shelf->operands + first,
                                        .n = n,
                                        .beta1 = step->beta1,
                                        .beta2 = step->beta2,
                                        .rate = step->rate,
                                        .correction = step->correction,
                                        .kept = step->kept,
                                        .epsilon = step->epsilon});
}

static void make_operands(void *context, const weft_i_shelf *shelf, int64_t n)
{
    weft_i_gpu_run(context, WEFT_I_KERNEL_ROUND, weft_i_blocks_each(n),
                   &(weft_i_round_args){shelf->values, shelf->operands, n});
}

static weft_status status_of(const weft_i_gpu *gpu, weft_i_gpu_state state, weft_error *error)
{
    if (state != WEFT_I_GPU_FAILED) return WEFT_STATUS_OK;
    return weft_i_fail(error, WEFT_STATUS_FAILED, "%s", gpu->fault(gpu->context));
}

static weft_status reached(void *context, weft_error *error, bool *out_done)
{
    const weft_i_gpu *gpu = context;
    weft_i_gpu_state state = gpu->reached(gpu->context);
    *out_done = state == WEFT_I_GPU_DONE;
    return status_of(gpu, state, error);
}

static weft_status copied(void *context, int64_t copy_number, weft_error *error, bool *out_done)
{
    const weft_i_gpu *gpu = context;
    weft_i_gpu_state state =
        copy_number > 0 ? gpu->copied(gpu->context, copy_number) : WEFT_I_GPU_DONE;
    *out_done = state == WEFT_I_GPU_DONE;
    return status_of(gpu, state, error);
}

static weft_status finish(void *context, weft_error *error)
{
    const weft_i_gpu *gpu = context;
    return status_of(gpu, gpu->finish(gpu->context), error);
}

static weft_status explain(void *context, weft_error *error)
{
    const weft_i_gpu *gpu = context;
    const char *words = gpu->shortage(gpu->context);
    if (!words[0]) return weft_i_no_memory(error);
    return weft_i_fail(error, WEFT_STATUS_NO_MEMORY, "%s", words);
}

weft_status weft_i_gpu_kit_create(const weft_i_gpu *gpu, weft_error *error,
                                  weft_i_gpu_kit **out_kit)
{
    weft_i_gpu_kit *made = weft_i_alloc(1, sizeof(*made));
    if (!made) {
        gpu->close(gpu->context);
        return weft_i_no_memory(error);
    }
    made->gpu = *gpu;
    made->memory = (weft_i_memory){gpu->context, gpu->allocate, gpu->release};
    made->host = (weft_i_memory){gpu->context, gpu->allocate_host, gpu->release_host};
    made->table = (weft_i_kit){.context = &made->gpu,
                               .name = made->gpu.name,
                               .memory_bytes = gpu->memory_bytes,
                               .value_bytes = sizeof(weft_i_bf16),
                               .is_far = true,
                               .memory = &made->memory,
                               .host = &made->host,
                               .clear = clear,
                               .copy = copy,
                               .copy_beside = copy_beside,
                               .copied = copied,
                               .import = import,
                               .add = add,
                               .bind = weft_i_gpu_bind,
                               .unbind = weft_i_gpu_unbind,
                               .forward = weft_i_gpu_forward,
                               .back_input = weft_i_gpu_back_input,
                               .back_weights = weft_i_gpu_back_weights,
                               .update = update,
                               .make_operands = make_operands,
                               .reached = reached,
                               .finish = finish,
                               .explain = explain};
    *out_kit = made;
    return WEFT_STATUS_OK;
}

void weft_i_gpu_kit_free(weft_i_gpu_kit *kit)
{
    if (!kit) return;
    kit->gpu.close(kit->gpu.context);
    free(kit);
}

const weft_i_kit *weft_i_gpu_kit_table(const weft_i_gpu_kit *kit)
{
    return &kit->table;
}
