/* runtime/gpu_load.c - see gpu_load.h. */
#include "runtime/gpu_load.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"

#define MODULE "weft-run-cuda.so"
enum { PATH_SIZE = 4096 };

/* Of the program's own folder. */
static bool find_beside(char path[PATH_SIZE])
{
    ssize_t n = readlink("/proc/self/exe", path, PATH_SIZE - sizeof(MODULE) - 1);
    if (n <= 0) return false;
    path[n] = '\0';
    char *name = strrchr(path, '/') + 1;
    memcpy(name, MODULE, sizeof(MODULE));
    return access(path, R_OK) == 0;
}

/* The module stays loaded: its work may outlive whoever asked for it. */
static weft_status open_module(const char *path, int index, weft_error *error, weft_i_gpu *out)
{
    char words[256] = "";
    weft_i_gpu_open *open_gpu = NULL;
    void *module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!module) return weft_i_fail(error, WEFT_STATUS_FAILED, "--device cuda: %s", dlerror());
    /* POSIX, not ISO C, has functions among what dlsym gives. */
    void *symbol = dlsym(module, WEFT_I_GPU_OPEN);
    memcpy(&open_gpu, &symbol, sizeof(symbol));
    if (!open_gpu)
        return weft_i_fail(error, WEFT_STATUS_FAILED, "--device cuda: %s is not weft's", path);
    if (open_gpu(index, sizeof(*out), out, words, sizeof(words))) return WEFT_STATUS_OK;
    return weft_i_fail(error, WEFT_STATUS_FAILED, "--device cuda: %s", words);
}

static weft_status find(char path[PATH_SIZE], weft_error *error)
{
    if (!find_beside(path)) snprintf(path, PATH_SIZE, "%s/%s", WEFT_MODULE_FOLDER, MODULE);
    if (access(path, R_OK) == 0) return WEFT_STATUS_OK;
    return weft_i_fail(error, WEFT_STATUS_USAGE,
                       "--device cuda: this weft-run was built without CUDA: no %s here or in %s",
                       MODULE, WEFT_MODULE_FOLDER);
}

weft_status weft_i_gpu_find(weft_error *error)
{
    char path[PATH_SIZE];
    return find(path, error);
}

weft_status weft_i_gpu_load(int index, weft_error *error, weft_i_gpu *out)
{
    char path[PATH_SIZE];
    weft_status status = find(path, error);
    return status == WEFT_STATUS_OK ? open_module(path, index, error, out) : status;
}
