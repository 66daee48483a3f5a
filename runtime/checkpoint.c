/* runtime/checkpoint.c - see checkpoint.h. */
#include "runtime/checkpoint.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"

enum { PATH_SIZE = 1024, HEAD_SIZE = 192 };

/* A layer's floats: values, and of one that learns both moments. */
typedef struct layer_part {
    float *arrays[3];
    int n_arrays;
    int64_t n;
    char path[PATH_SIZE], head[HEAD_SIZE]; /* the file, and the line that it begins with */
} layer_part;

static weft_status make_path(char out[PATH_SIZE], weft_error *error, const char *folder,
                             const char *name)
{
    int n = snprintf(out, PATH_SIZE, "%s/%s", folder, name);
    if (n < PATH_SIZE) return WEFT_STATUS_OK;
    return weft_i_fail(error, WEFT_STATUS_IO, "the name of the folder %.40s... is too long",
                       folder);
}

static weft_status layer_part_of(const char *folder, int64_t step, const weft_model *model,
                                 const weft_i_weights *weights, int32_t i, weft_error *error,
                                 layer_part *out)
{
    int32_t layer = weights->first_layer + i;
    int64_t first = weights->offsets[i];
    bool learns = weights->module->learns[layer];
    layer_part part = {.n_arrays = learns ? 3 : 1, .n = weights->module->programs[layer].n_values};
    part.arrays[0] = weights->values + first;
    part.arrays[1] = learns ? weights->means + first : NULL;
    part.arrays[2] = learns ? weights->squares + first : NULL;
    char name[128];
    snprintf(name, sizeof(name), "step-%" PRId64 "/%s-%d", step, weights->module->module->name,
             layer);
    snprintf(part.head, sizeof(part.head), "weft layer 1 %.64s step %" PRId64 " %d x %" PRId64 "\n",
             model->sha256, step, part.n_arrays, part.n);
    weft_status status = make_path(part.path, error, folder, name);
    *out = part;
    return status;
}

static weft_status save_part(const layer_part *part, weft_error *error)
{
    weft_i_file_out file;
    weft_status status = weft_i_file_create(part->path, error, &file);
    if (status != WEFT_STATUS_OK) return status;
    bool good = fputs(part->head, file.stream) >= 0;
    for (int k = 0; good && k < part->n_arrays; k++)
        good =
            fwrite(part->arrays[k], sizeof(float), (size_t)part->n, file.stream) == (size_t)part->n;
    status =
        good ? weft_i_file_commit(&file, error) : weft_i_fail_io(error, part->path, "write", errno);
    weft_i_file_abort(&file);
    return status;
}

/* The whole file and nothing more, of this model, step and kind of layer. */
static weft_status load_part(const layer_part *part, weft_error *error)
{
    char *text = NULL;
    size_t n = 0, n_head = strlen(part->head), n_array = (size_t)part->n * sizeof(float);
    weft_status status = weft_i_file_read(part->path, error, &text, &n);
    if (status != WEFT_STATUS_OK) return status;
    if (n == n_head + n_array * (size_t)part->n_arrays && memcmp(text, part->head, n_head) == 0) {
        for (int k = 0; k < part->n_arrays; k++)
            memcpy(part->arrays[k], text + n_head + n_array * (size_t)k, n_array);
    } else {
        status = weft_i_fail_at(error, WEFT_STATUS_BAD_INPUT, part->path, 0, NULL,
                                "not the layer that it should be: %zu bytes, expected %zu that "
                                "begin '%.*s'",
                                n, n_head + n_array * (size_t)part->n_arrays, (int)n_head - 1,
                                part->head);
    }
    free(text);
    return status;
}

/* Every layer of a device, in or out. */
static weft_status walk(const char *folder, int64_t step, const weft_plan *plan,
                        const weft_model *model, const weft_i_worker *device,
                        weft_status (*visit)(const layer_part *part, weft_error *error),
                        weft_error *error)
{
    weft_status status = WEFT_STATUS_OK;
    for (int32_t c = 0; c < plan->n_chunks; c++) {
        const weft_i_weights *weights = weft_i_worker_weights(device, c);
        for (int32_t i = 0; weights && status == WEFT_STATUS_OK && i < weights->n_layers; i++) {
            layer_part part;
            status = layer_part_of(folder, step, model, weights, i, error, &part);
            if (status == WEFT_STATUS_OK) status = visit(&part, error);
        }
    }
    return status;
}

weft_status weft_i_checkpoint_load(const char *folder, int64_t step, const weft_plan *plan,
                                   const weft_model *model, weft_i_worker *device,
                                   weft_error *error)
{
    return walk(folder, step, plan, model, device, load_part, error);
}

static weft_status make_folder(const char *name, weft_error *error)
{
    if (mkdir(name, 0777) == 0 || errno == EEXIST) return WEFT_STATUS_OK;
    return weft_i_fail_io(error, name, "create", errno);
}

weft_status weft_i_checkpoint_save(const char *folder, int64_t step, const weft_plan *plan,
                                   const weft_model *model, const weft_i_worker *device,
                                   weft_error *error)
{
    char name[64], path[PATH_SIZE];
    snprintf(name, sizeof(name), "step-%" PRId64, step);
    weft_status status = make_path(path, error, folder, name);
    if (status == WEFT_STATUS_OK) status = make_folder(folder, error);
    if (status == WEFT_STATUS_OK) status = make_folder(path, error);
    return status == WEFT_STATUS_OK ? walk(folder, step, plan, model, device, save_part, error)
                                    : status;
}

weft_status weft_i_checkpoint_commit(const char *folder, int64_t step, const weft_model *model,
                                     weft_error *error)
{
    char path[PATH_SIZE];
    weft_i_file_out file;
    weft_status status = make_path(path, error, folder, "latest");
    if (status == WEFT_STATUS_OK) status = weft_i_file_create(path, error, &file);
    if (status != WEFT_STATUS_OK) return status;
    fprintf(file.stream, "weft checkpoint 1\nstep %" PRId64 "\nmodel %.64s\n", step, model->sha256);
    status = weft_i_file_commit(&file, error);
    weft_i_file_abort(&file);
    return status;
}

/* What `latest` says. */
static weft_status read_latest(const char *path, const char *text, const weft_model *model,
                               weft_error *error, int64_t *out_step)
{
    long long step = 0;
    char sha256[65] = "";
    if (sscanf(text, "weft checkpoint 1 step %lld model %64s", &step, sha256) != 2 || step < 1)
        return weft_i_fail_at(error, WEFT_STATUS_BAD_INPUT, path, 0, NULL,
                              "not the mark of a weft checkpoint");
    if (strcmp(sha256, model->sha256) != 0)
        return weft_i_fail_at(error, WEFT_STATUS_BAD_INPUT, path, 0, NULL,
                              "a checkpoint of a model with sha256 %.12s..., this one has %.12s...",
                              sha256, model->sha256);
    *out_step = step;
    return WEFT_STATUS_OK;
}

weft_status weft_i_checkpoint_find(const char *folder, const weft_model *model, weft_error *error,
                                   int64_t *out_step)
{
    char path[PATH_SIZE], *text = NULL;
    struct stat info;
    size_t n = 0;
    weft_status status = make_path(path, error, folder, "latest");
    if (status != WEFT_STATUS_OK) return status;
    *out_step = 0;
    if (stat(path, &info) != 0 && errno == ENOENT) return WEFT_STATUS_OK;
    status = weft_i_file_read(path, error, &text, &n);
    if (status == WEFT_STATUS_OK) status = read_latest(path, text, model, error, out_step);
    free(text);
    return status;
}
