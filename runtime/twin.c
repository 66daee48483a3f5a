/* runtime/twin.c - see twin.h. */
#include "runtime/twin.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "runtime/gemm.h"

typedef enum job_kind { JOB_COPY, JOB_CLEAR, JOB_MULTIPLY, JOB_LAUNCH } job_kind;

enum { LOOKS_OF_A_COPY = 5 };

/* What was asked for. */
typedef struct job {
    job_kind kind;
    weft_i_kernel kernel;
    int64_t n; /* blocks or bytes */
    void *to;
    const void *from;
    union {
        weft_i_product product;
        _Alignas(16) unsigned char args[WEFT_I_ARGS_BYTES];
    } how;
} job;

/* A copy beside. */
typedef struct side_job {
    void *to;
    const void *from;
    size_t n_bytes;
} side_job;

/* Before what was allocated. */
typedef struct label {
    _Alignas(16) size_t n_bytes;
} label;

typedef struct twin {
    job *jobs;
    size_t n_jobs, cap_jobs;
    side_job *side_jobs; /* asked for and not done */
    size_t n_side_jobs, cap_side_jobs;
    int64_t n_copies; /* beside, asked for */
    int n_looks;      /* after copies since the last was asked for or done */
    size_t memory_bytes, used_bytes;
    float *scratch; /* of products */
    size_t cap_scratch;
    bool is_new;   /* something was asked for since the last look */
    bool has_lost; /* out of the host's memory */
    char shortage[96];
} twin;

#define DEFINE_RUN(NAME, name, n_phases)                                                           \
    _Static_assert(sizeof(weft_i_##name##_args) <= WEFT_I_ARGS_BYTES, "too many arguments");       \
    static void run_##name(const void *args, int64_t n_blocks)                                     \
    {                                                                                              \
        float shared[WEFT_I_SHARED];                                                               \
        for (int64_t block = 0; block < n_blocks; block++)                                         \
            for (int phase = 0; phase < n_phases; phase++)                                         \
                for (int thread = 0; thread < WEFT_I_BLOCK; thread++)                              \
                    weft_i_##name##_cell(args, (weft_i_cell){block, thread, shared}, phase);       \
    }
WEFT_I_GPU_KERNELS(DEFINE_RUN)

#define ENTER_RUN(NAME, name, n_phases) {run_##name, sizeof(weft_i_##name##_args)},
static const struct {
    void (*run)(const void *args, int64_t n_blocks);
    size_t n_bytes; /* of the arguments */
} kernels[WEFT_I_N_KERNELS] = {WEFT_I_GPU_KERNELS(ENTER_RUN)};

/* Rows of an operand as floats without gaps, as they lie. */
static weft_i_matrix widen(const weft_i_operand *from, int64_t rows, int64_t width, int32_t batch,
                           float *to)
{
    const weft_i_bf16 *data = from->data + batch * from->next;
    if (from->transposed) {
        int64_t swapped = rows;
        rows = width;
        width = swapped;
    }
    for (int64_t r = 0; r < rows; r++)
        for (int64_t i = 0; i < width; i++)
            to[r * width + i] = weft_i_bf16_float(data[r * from->stride + i]);
    return (weft_i_matrix){to, width > 0 ? width : 1, from->transposed};
}

/* Into floats, and rounded out of them: a GPU keeps sums in float too. */
static void multiply_one(const weft_i_product *p, int32_t batch, float *scratch)
{
    float *a = scratch, *b = a + p->m * p->k, *c = b + p->k * p->n;
    int64_t first = batch * p->out_next;
    float *floats = (float *)p->out + (p->out_is_float ? first : 0);
    weft_i_bf16 *shorts = (weft_i_bf16 *)p->out + (p->out_is_float ? 0 : first);
    weft_i_matrix from_a = widen(&p->a, p->m, p->k, batch, a);
    weft_i_matrix from_b = widen(&p->b, p->k, p->n, batch, b);
    weft_i_gemm(p->m, p->n, p->k, p->scale, from_a, from_b, 0, c, p->n);
    for (int64_t r = 0; r < p->m; r++)
        for (int64_t i = 0; i < p->n; i++) {
            int64_t at = r * p->out_stride + i;
            float value = p->k > 0 ? c[r * p->n + i] : 0;
            if (p->keep != 0)
                value += p->keep * (p->out_is_float ? floats[at] : weft_i_bf16_float(shorts[at]));
            if (p->out_is_float)
                floats[at] = value;
            else
                shorts[at] = weft_i_bf16_of(value);
        }
}

static void run_product(twin *of, const weft_i_product *p)
{
    size_t n = (size_t)(p->m * p->k + p->k * p->n + p->m * p->n);
    if (weft_i_grow(&of->scratch, &of->cap_scratch, n + 1, sizeof(float)) != 0) {
        of->has_lost = true;
        return;
    }
    for (int32_t i = 0; i < p->n_batch; i++)
        multiply_one(p, i, of->scratch);
}

static void run_all(twin *of)
{
    for (size_t i = 0; i < of->n_jobs && !of->has_lost; i++) {
        const job *at = &of->jobs[i];
        switch (at->kind) {
        case JOB_COPY:
            memmove(at->to, at->from, (size_t)at->n);
            break;
        case JOB_CLEAR:
            memset(at->to, 0, (size_t)at->n);
            break;
        case JOB_MULTIPLY:
            run_product(of, &at->how.product);
            break;
        case JOB_LAUNCH:
            kernels[at->kernel].run(at->how.args, at->n);
            break;
        }
    }
    of->n_jobs = 0;
}

/* As late as can be: what was asked for after a copy, and might spoil it, is done before it. */
static void run_copies(twin *of)
{
    run_all(of);
    for (size_t i = 0; i < of->n_side_jobs && !of->has_lost; i++)
        memmove(of->side_jobs[i].to, of->side_jobs[i].from, of->side_jobs[i].n_bytes);
    of->n_side_jobs = 0;
    of->n_looks = 0;
}

static job *add_job(twin *of, job_kind kind)
{
    of->is_new = true;
    if (weft_i_grow(&of->jobs, &of->cap_jobs, of->n_jobs + 1, sizeof(*of->jobs)) != 0) {
        of->has_lost = true;
        return NULL;
    }
    job *made = &of->jobs[of->n_jobs++];
    made->kind = kind;
    return made;
}

static void *allocate_host(void *context, size_t n_bytes)
{
    (void)context;
    return weft_i_alloc(1, n_bytes);
}

/* As on a GPU, it goes when all that was asked for is done. */
static void release_host(void *context, void *data)
{
    run_copies(context);
    free(data);
}

static void *allocate(void *context, size_t n_bytes)
{
    twin *of = context;
    label *made = NULL;
    if (of->memory_bytes == 0 || n_bytes <= of->memory_bytes - of->used_bytes)
        made = weft_i_alloc(1, sizeof(*made) + n_bytes);
    if (!made) {
        snprintf(of->shortage, sizeof(of->shortage),
                 "out of GPU memory: %.1f MiB more wanted, %.1f of %.1f MiB in use",
                 (double)n_bytes / 1048576, (double)of->used_bytes / 1048576,
                 (double)of->memory_bytes / 1048576);
        return NULL;
    }
    of->shortage[0] = '\0';
    made->n_bytes = n_bytes;
    of->used_bytes += n_bytes;
    return made + 1;
}

static void release(void *context, void *data)
{
    twin *of = context;
    if (!data) return;
    run_copies(of);
    label *at = (label *)data - 1;
    of->used_bytes -= at->n_bytes;
    free(at);
}

static void copy(void *context, void *to, const void *from, size_t n_bytes)
{
    job *made = add_job(context, JOB_COPY);
    if (!made) return;
    made->to = to;
    made->from = from;
    made->n = (int64_t)n_bytes;
}

static int64_t copy_beside(void *context, void *to, const void *from, size_t n_bytes)
{
    twin *of = context;
    if (weft_i_grow(&of->side_jobs, &of->cap_side_jobs, of->n_side_jobs + 1,
                    sizeof(*of->side_jobs)) != 0) {
        of->has_lost = true;
        return ++of->n_copies;
    }
    of->side_jobs[of->n_side_jobs++] = (side_job){to, from, n_bytes};
    of->n_looks = 0;
    return ++of->n_copies;
}

static void clear(void *context, void *data, size_t n_bytes)
{
    job *made = add_job(context, JOB_CLEAR);
    if (!made) return;
    made->to = data;
    made->n = (int64_t)n_bytes;
}

static void multiply(void *context, const weft_i_product *product)
{
    job *made = add_job(context, JOB_MULTIPLY);
    if (made) made->how.product = *product;
}

static void launch(void *context, weft_i_kernel kernel, int64_t n_blocks, const void *args)
{
    job *made = add_job(context, JOB_LAUNCH);
    if (!made) return;
    made->kernel = kernel;
    made->n = n_blocks;
    memcpy(made->how.args, args, kernels[kernel].n_bytes);
}

static weft_i_gpu_state finish(void *context)
{
    twin *of = context;
    run_copies(of);
    of->is_new = false;
    return of->has_lost ? WEFT_I_GPU_FAILED : WEFT_I_GPU_DONE;
}

/* New work is never done at the first look. */
static weft_i_gpu_state reached(void *context)
{
    twin *of = context;
    if (of->has_lost) return WEFT_I_GPU_FAILED;
    if (of->is_new) {
        of->is_new = false;
        return WEFT_I_GPU_BUSY;
    }
    run_all(of);
    return of->has_lost ? WEFT_I_GPU_FAILED : WEFT_I_GPU_DONE;
}

/* Nor are copies, and they take longer: what comes next goes on meanwhile. */
static weft_i_gpu_state copied(void *context, int64_t number)
{
    twin *of = context;
    if (of->has_lost) return WEFT_I_GPU_FAILED;
    if (number <= of->n_copies - (int64_t)of->n_side_jobs) return WEFT_I_GPU_DONE;
    if (++of->n_looks < LOOKS_OF_A_COPY) return WEFT_I_GPU_BUSY;
    run_copies(of);
    return of->has_lost ? WEFT_I_GPU_FAILED : WEFT_I_GPU_DONE;
}

static const char *fault(void *context)
{
    return ((const twin *)context)->has_lost ? "the host is out of memory" : "";
}

static const char *shortage(void *context)
{
    return ((const twin *)context)->shortage;
}

static void close_twin(void *context)
{
    twin *of = context;
    free(of->jobs);
    free(of->side_jobs);
    free(of->scratch);
    free(of);
}

bool weft_i_twin_open(size_t memory_bytes, weft_i_gpu *out)
{
    twin *made = weft_i_alloc(1, sizeof(*made));
    if (!made) return false;
    made->memory_bytes = memory_bytes;
    *out = (weft_i_gpu){.context = made,
                        .name = "twin",
                        .memory_bytes = (int64_t)memory_bytes,
                        .allocate = allocate,
                        .release = release,
                        .allocate_host = allocate_host,
                        .release_host = release_host,
                        .copy = copy,
                        .copy_beside = copy_beside,
                        .clear = clear,
                        .multiply = multiply,
                        .launch = launch,
                        .reached = reached,
                        .copied = copied,
                        .finish = finish,
                        .fault = fault,
                        .shortage = shortage,
                        .close = close_twin};
    return true;
}
