/* runtime/cuda_module.cu - gpu.h by CUDA and cuBLAS: the module that gpu_load.c opens. What kernels
 * compute is in kernel_each.h and kernel_rows.h, what is asked for and when in gpu_*.c: here is
 * only what needs CUDA's own compiler, headers and libraries. Nothing of weft is linked in. */
#include <climits>
#include <cstdarg>
#include <cstdio>

#include <cublas_v2.h>
#include <cuda_runtime.h>

#include "runtime/column_product.h"

namespace {

/* A thread of a kernel goes through its phases; all of its block go through each together. */
#define DEFINE_KERNEL(NAME, name, n_phases)                                                        \
    __global__ void __launch_bounds__(WEFT_I_BLOCK) name##_kernel(weft_i_##name##_args args)       \
    {                                                                                              \
        __shared__ float shared[WEFT_I_SHARED];                                                    \
        weft_i_cell cell;                                                                          \
        cell.block = blockIdx.x;                                                                   \
        cell.thread = (int)threadIdx.x;                                                            \
        cell.shared = shared;                                                                      \
        _Pragma("unroll") for (int phase = 0; phase < n_phases; phase++)                           \
        {                                                                                          \
            if (phase > 0) __syncthreads();                                                        \
            weft_i_##name##_cell(&args, cell, phase);                                              \
        }                                                                                          \
    }
WEFT_I_GPU_KERNELS(DEFINE_KERNEL)

/* Copies beside whose ends are known apart; more may be under way only after a wait. */
enum { N_MARKS = 64 };

/* One for each process: a stream in which all is done in order, and one for copies beside. */
struct device {
    int index;
    cudaStream_t stream, copies;
    cudaEvent_t asked;          /* all that the next copy has to wait for */
    cudaEvent_t marks[N_MARKS]; /* ends of the last copies, by their numbers */
    int64_t n_copies;
    cublasHandle_t blas;
    char fault[192];    /* the first call that failed; "" = none has */
    char shortage[128]; /* the last allocation, if that failed */
};

device *device_of(void *context)
{
    return static_cast<device *>(context);
}

/* The first fault stays: what comes after it follows from it. */
void note_fault(device *of, const char *call, const char *name, const char *text)
{
    if (of->fault[0] == '\0')
        snprintf(of->fault, sizeof(of->fault), "%s: %s: %s", call, name, text);
}

bool is_good(device *of, cudaError_t state, const char *call)
{
    if (state == cudaSuccess) return true;
    note_fault(of, call, cudaGetErrorName(state), cudaGetErrorString(state));
    return false;
}

bool is_good(device *of, cublasStatus_t state, const char *call)
{
    if (state == CUBLAS_STATUS_SUCCESS) return true;
    note_fault(of, call, cublasGetStatusName(state), cublasGetStatusString(state));
    return false;
}

/* The name of the function called, for what is said when it fails. */
#define CHECK(of, function, ...) is_good(of, function(__VA_ARGS__), #function)

void *allocate(void *context, size_t n_bytes)
{
    device *of = device_of(context);
    void *made = nullptr;
    size_t free_bytes = 0, all_bytes = 0;
    of->shortage[0] = '\0';
    if (cudaMalloc(&made, n_bytes > 0 ? n_bytes : 1) != cudaSuccess) {
        const double gib = 1 << 30;
        cudaGetLastError(); /* no fault: there may be something to give back */
        CHECK(of, cudaMemGetInfo, &free_bytes, &all_bytes);
        snprintf(of->shortage, sizeof(of->shortage),
                 "out of GPU memory: %.3f GiB more wanted, %.3f of %.3f GiB free on device %d",
                 (double)n_bytes / gib, (double)free_bytes / gib, (double)all_bytes / gib,
                 of->index);
        return nullptr;
    }
    CHECK(of, cudaMemsetAsync, made, 0, n_bytes, of->stream);
    return made;
}

void release(void *context, void *data)
{
    if (data != nullptr) CHECK(device_of(context), cudaFree, data);
}

void *allocate_host(void *context, size_t n_bytes)
{
    device *of = device_of(context);
    void *made = nullptr;
    of->shortage[0] = '\0';
    if (cudaMallocHost(&made, n_bytes > 0 ? n_bytes : 1) != cudaSuccess) {
        cudaGetLastError();
        snprintf(of->shortage, sizeof(of->shortage), "out of pinned memory: %zu bytes more wanted",
                 n_bytes);
        return nullptr;
    }
    memset(made, 0, n_bytes);
    return made;
}

void release_host(void *context, void *data)
{
    if (data != nullptr) CHECK(device_of(context), cudaFreeHost, data);
}

void copy(void *context, void *to, const void *from, size_t n_bytes)
{
    device *of = device_of(context);
    CHECK(of, cudaMemcpyAsync, to, from, n_bytes, cudaMemcpyDefault, of->stream);
}

/* The copy that had the mark before is over when it is set again. */
int64_t copy_beside(void *context, void *to, const void *from, size_t n_bytes)
{
    device *of = device_of(context);
    int64_t number = ++of->n_copies;
    cudaEvent_t mark = of->marks[number % N_MARKS];
    CHECK(of, cudaEventSynchronize, mark);
    CHECK(of, cudaEventRecord, of->asked, of->stream);
    CHECK(of, cudaStreamWaitEvent, of->copies, of->asked, 0);
    CHECK(of, cudaMemcpyAsync, to, from, n_bytes, cudaMemcpyDefault, of->copies);
    CHECK(of, cudaEventRecord, mark, of->copies);
    return number;
}

void clear(void *context, void *data, size_t n_bytes)
{
    device *of = device_of(context);
    CHECK(of, cudaMemsetAsync, data, 0, n_bytes, of->stream);
}

cublasOperation_t order_of(const weft_i_operand *operand)
{
    return operand->transposed ? CUBLAS_OP_T : CUBLAS_OP_N;
}

void multiply(void *context, const weft_i_product *p)
{
    device *of = device_of(context);
    weft_i_column_product by;
    if (p->k == 0 && p->keep == 1) return;
    if (!weft_i_by_columns(p, &by)) {
        note_fault(of, "cublasGemmStridedBatchedEx", "weft", "a matrix of more than 2^31 rows");
        return;
    }
    CHECK(of, cublasGemmStridedBatchedEx, of->blas, order_of(by.first), order_of(by.second), by.m,
          by.n, by.k, &p->scale, by.first->data, CUDA_R_16BF, (int)by.first->stride, by.first->next,
          by.second->data, CUDA_R_16BF, (int)by.second->stride, by.second->next, &p->keep, p->out,
          p->out_is_float ? CUDA_R_32F : CUDA_R_16BF, (int)p->out_stride, p->out_next, p->n_batch,
          CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT);
}

#define LAUNCH(NAME, name, n_phases)                                                               \
    case WEFT_I_KERNEL_##NAME:                                                                     \
        name##_kernel<<<(unsigned)n_blocks, WEFT_I_BLOCK, 0, of->stream>>>(                        \
            *static_cast<const weft_i_##name##_args *>(args));                                     \
        is_good(of, cudaGetLastError(), #name " kernel");                                          \
        break;

void launch(void *context, weft_i_kernel kernel, int64_t n_blocks, const void *args)
{
    device *of = device_of(context);
    if (n_blocks > INT_MAX) {
        note_fault(of, "launch", "weft", "a kernel of more than 2^31 blocks");
        return;
    }
    switch (kernel) {
        WEFT_I_GPU_KERNELS(LAUNCH)
    case WEFT_I_N_KERNELS:
        break;
    }
}

weft_i_gpu_state state_of(device *of, cudaError_t state, const char *call)
{
    if (state == cudaErrorNotReady && of->fault[0] == '\0') return WEFT_I_GPU_BUSY;
    if (state != cudaErrorNotReady) is_good(of, state, call);
    return of->fault[0] == '\0' ? WEFT_I_GPU_DONE : WEFT_I_GPU_FAILED;
}

weft_i_gpu_state reached(void *context)
{
    device *of = device_of(context);
    return state_of(of, cudaStreamQuery(of->stream), "cudaStreamQuery");
}

weft_i_gpu_state copied(void *context, int64_t number)
{
    device *of = device_of(context);
    if (number <= of->n_copies - N_MARKS) return state_of(of, cudaSuccess, "");
    return state_of(of, cudaEventQuery(of->marks[number % N_MARKS]), "cudaEventQuery");
}

weft_i_gpu_state finish(void *context)
{
    device *of = device_of(context);
    CHECK(of, cudaStreamSynchronize, of->stream);
    CHECK(of, cudaStreamSynchronize, of->copies);
    return state_of(of, cudaSuccess, "");
}

const char *fault(void *context)
{
    return device_of(context)->fault;
}

const char *shortage(void *context)
{
    return device_of(context)->shortage;
}

/* At the end nobody is left to hear of a failure. */
void close_device(void *context)
{
    device *of = device_of(context);
    if (of->blas != nullptr) cublasDestroy(of->blas);
    for (cudaEvent_t mark : of->marks)
        if (mark != nullptr) cudaEventDestroy(mark);
    if (of->asked != nullptr) cudaEventDestroy(of->asked);
    if (of->copies != nullptr) cudaStreamDestroy(of->copies);
    if (of->stream != nullptr) cudaStreamDestroy(of->stream);
    delete of;
}

/* Ranks that share a device have streams each. */
bool begin(device *of)
{
    bool good = CHECK(of, cudaSetDevice, of->index) &&
                CHECK(of, cudaStreamCreateWithFlags, &of->stream, cudaStreamNonBlocking) &&
                CHECK(of, cudaStreamCreateWithFlags, &of->copies, cudaStreamNonBlocking) &&
                CHECK(of, cudaEventCreateWithFlags, &of->asked, cudaEventDisableTiming);
    for (int i = 0; good && i < N_MARKS; i++)
        good = CHECK(of, cudaEventCreateWithFlags, &of->marks[i], cudaEventDisableTiming);
    return good && CHECK(of, cublasCreate, &of->blas) &&
           CHECK(of, cublasSetStream, of->blas, of->stream) &&
           CHECK(of, cublasSetMathMode, of->blas, CUBLAS_MATH_DISALLOW_REDUCED_PRECISION_REDUCTION);
}

} // namespace

extern "C" __attribute__((visibility("default"))) bool
weft_i_cuda_open(int index, size_t n_bytes, weft_i_gpu *out, char *words, size_t n_words)
{
    int n_devices = 0;
    if (n_bytes != sizeof(*out)) {
        snprintf(words, n_words, "the CUDA module and weft-run are of different versions");
        return false;
    }
    cudaError_t state = cudaGetDeviceCount(&n_devices);
    if (state != cudaSuccess || n_devices == 0) {
        snprintf(words, n_words, "no GPU that CUDA can use: %s",
                 state != cudaSuccess ? cudaGetErrorString(state) : "none is there");
        return false;
    }
    cudaDeviceProp properties;
    state = cudaGetDeviceProperties(&properties, index % n_devices);
    if (state != cudaSuccess) {
        snprintf(words, n_words, "GPU %d: %s", index % n_devices, cudaGetErrorString(state));
        return false;
    }
    device *made = new device();
    made->index = index % n_devices;
    if (!begin(made)) {
        snprintf(words, n_words, "GPU %d: %s", made->index, made->fault);
        close_device(made);
        return false;
    }
    out->context = made;
    snprintf(out->name, sizeof(out->name), "%.63s", properties.name);
    out->memory_bytes = (int64_t)properties.totalGlobalMem;
    out->allocate = allocate;
    out->release = release;
    out->allocate_host = allocate_host;
    out->release_host = release_host;
    out->copy = copy;
    out->copy_beside = copy_beside;
    out->clear = clear;
    out->multiply = multiply;
    out->launch = launch;
    out->reached = reached;
    out->copied = copied;
    out->finish = finish;
    out->fault = fault;
    out->shortage = shortage;
    out->close = close_device;
    return true;
}
