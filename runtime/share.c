/* runtime/share.c - see share.h. */
#include "runtime/share.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/file.h"
#include "plan/plan_json.h"

/* What process 0 tells first. */
typedef struct head {
    int32_t status, n_bytes;
} head;

static weft_status check(const weft_i_world *world, const weft_plan *plan, weft_error *error)
{
    weft_status status = weft_plan_check(plan, error, NULL);
    if (status != WEFT_STATUS_OK) return status;
    int64_t n = (int64_t)plan->n_pipelines * plan->parallel.pp;
    if (n == weft_i_world_size(world)) return WEFT_STATUS_OK;
    return weft_i_fail(error, WEFT_STATUS_USAGE,
                       "the plan is for %lld processes, %d replica%s x %d ranks; found %d",
                       (long long)n, plan->n_pipelines, plan->n_pipelines == 1 ? "" : "s",
                       plan->parallel.pp, weft_i_world_size(world));
}

/* Process 0's part; *out_text is its to free. */
static weft_status load(const weft_i_world *world, const char *file, weft_error *error,
                        char **out_text, size_t *out_n, weft_plan **out_plan)
{
    const char *name = strcmp(file, "-") == 0 ? "stdin" : file;
    weft_plan *plan = NULL;
    weft_status status = weft_i_file_read(file, error, out_text, out_n);
    if (status != WEFT_STATUS_OK) return status;
    status = weft_i_plan_parse(name, *out_text, *out_n, error, &plan);
    if (status == WEFT_STATUS_OK) status = check(world, plan, error);
    if (status != WEFT_STATUS_OK) {
        weft_plan_free(plan);
        return status;
    }
    *out_plan = plan;
    return status;
}

/* The text to all; the others parse it. */
static weft_status pass_on(weft_i_world *world, char **text, int32_t n_bytes, weft_error *error,
                           weft_plan **plan)
{
    bool is_first = weft_i_world_process(world) == 0;
    if (!is_first) *text = weft_i_alloc((size_t)n_bytes + 1, 1);
    if (!*text) return weft_i_no_memory(error);
    weft_status status = weft_i_world_broadcast(world, *text, n_bytes, error);
    if (status != WEFT_STATUS_OK || is_first) return status;
    return weft_i_plan_parse("the plan", *text, (size_t)n_bytes, error, plan);
}

weft_status weft_i_plan_share(weft_i_world *world, const char *file, weft_error *error,
                              bool *out_broken, weft_plan **out_plan)
{
    _Static_assert(WEFT_I_FILE_MAX < INT_MAX, "a plan's text fits into one message");
    head first = {WEFT_STATUS_OK, 0};
    char *text = NULL;
    size_t n = 0;
    weft_plan *plan = NULL;
    if (weft_i_world_process(world) == 0) {
        first.status = load(world, file, error, &text, &n, &plan);
        first.n_bytes = (int32_t)n;
    }
    weft_status status = weft_i_world_broadcast(world, &first, (int32_t)sizeof(first), error);
    *out_broken = status != WEFT_STATUS_OK;
    if (status == WEFT_STATUS_OK) status = (weft_status)first.status;
    if (status == WEFT_STATUS_OK) {
        status = pass_on(world, &text, first.n_bytes, error, &plan);
        *out_broken = status != WEFT_STATUS_OK;
    }
    free(text);
    if (status != WEFT_STATUS_OK) {
        weft_plan_free(plan);
        return status;
    }
    *out_plan = plan;
    return status;
}
