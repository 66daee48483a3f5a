/* plan/plan_json_out.c - writing weft.plan as a stream. */
#include <math.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json_out.h"
#include "plan/actions_json.h"
#include "plan/pipeline_json.h"
#include "plan/plan_json.h"

static void open_object(weft_i_json_out *out, const char *key)
{
    weft_i_json_key(out, key);
    weft_i_json_open_object(out);
}

/* The same with all of it on one line. */
static void open_line(weft_i_json_out *out, const char *key)
{
    weft_i_json_compact(out);
    open_object(out, key);
}

static void write_input(weft_i_json_out *out, const char *key, const weft_input *input)
{
    open_line(out, key);
    weft_i_json_put_key_string(out, "name", input->name);
    weft_i_json_put_key_string(out, "sha256", input->sha256);
    weft_i_json_close_object(out);
}

static void write_inputs(weft_i_json_out *out, const weft_plan *plan)
{
    open_object(out, "inputs");
    write_input(out, "model", &plan->model);
    write_input(out, "cluster", &plan->cluster);
    write_input(out, "recipe", &plan->recipe);
    write_input(out, "layout", &plan->layout);
    open_line(out, "batch");
    weft_i_json_put_key_int(out, "samples", plan->n_samples);
    weft_i_json_put_key_string(out, "sha256", plan->batch.sha256);
    weft_i_json_close_object(out);
    weft_i_json_close_object(out);
}

static void write_options(weft_i_json_out *out, const weft_plan *plan)
{
    open_line(out, "options");
    weft_i_json_put_key_int(out, "seed", (int64_t)plan->seed);
    weft_i_write_word(out, "objective", WEFT_I_OBJECTIVE_WORDS, plan->objective);
    weft_i_json_put_key_string(out, "method", plan->method);
    weft_i_json_close_object(out);
    open_line(out, "recipe");
    if (plan->recipe.name[0] != '\0') weft_i_json_put_key_string(out, "name", plan->recipe.name);
    weft_i_json_put_key_int(out, "post_ns", plan->post_ns);
    weft_i_json_close_object(out);
    weft_i_write_parallel(out, &plan->parallel);
}

static void write_rank(weft_i_json_out *out, const weft_rank_actions *rank)
{
    weft_i_json_open_object(out);
    weft_i_write_actions(out, rank);
    weft_i_json_close_object(out);
}

static void write_pipeline(weft_i_json_out *out, const weft_pipeline *pipeline)
{
    int32_t n_ranks = pipeline->problem.n_ranks;
    weft_i_json_open_object(out);
    weft_i_json_put_key_int(out, "replica", pipeline->replica);
    weft_i_write_pipeline(out, &pipeline->problem, true);
    weft_i_json_key(out, "ranks");
    weft_i_json_open_array(out);
    for (int32_t r = 0; r < n_ranks; r++)
        write_rank(out, &pipeline->ranks[r]);
    weft_i_json_close_array(out);
    weft_i_json_put_key_int(out, "pipeline_ns", pipeline->pipeline_ns);
    weft_i_json_put_key_int(out, "span_ns", pipeline->span_ns);
    weft_i_json_put_key_int(out, "lower_bound_ns", pipeline->lower_bound_ns);
    weft_i_json_put_key_int(out, "span_lower_bound_ns", pipeline->span_lower_bound_ns);
    weft_i_json_put_key_int(out, "work_bound_ns", pipeline->work_bound_ns);
    weft_i_json_put_key_ints(out, "peak_bytes", pipeline->peak_bytes, (size_t)n_ranks);
    weft_i_json_close_object(out);
}

static void write_prediction(weft_i_json_out *out, const weft_prediction *predicted)
{
    open_line(out, "predicted");
    weft_i_json_put_key_int(out, "step_ns", predicted->step_ns);
    weft_i_json_put_key_int(out, "reduce_tail_ns", predicted->reduce_tail_ns);
    weft_i_json_put_key_int(out, "optimizer_ns", predicted->optimizer_ns);
    weft_i_json_put_key_double(out, "bubble", predicted->bubble);
    weft_i_json_put_key_double(out, "mfu", predicted->mfu);
    weft_i_json_put_key_double(out, "hfu", predicted->hfu);
    weft_i_json_close_object(out);
}

/* What JSON has no number for. */
static weft_status check_numbers(const weft_plan *plan, weft_error *error)
{
    const weft_prediction *predicted = &plan->predicted;
    if (plan->seed > (uint64_t)WEFT_INT_MAX) {
        return weft_i_fail(error, WEFT_STATUS_FAILED, "expected a seed of at most %lld, found %llu",
                           (long long)WEFT_INT_MAX, (unsigned long long)plan->seed);
    }
    if (!isfinite(predicted->bubble) || !isfinite(predicted->mfu) || !isfinite(predicted->hfu)) {
        return weft_i_fail(error, WEFT_STATUS_FAILED,
                           "expected finite ratios, found bubble %g, mfu %g, hfu %g",
                           predicted->bubble, predicted->mfu, predicted->hfu);
    }
    return WEFT_STATUS_OK;
}

weft_status weft_i_plan_print(const weft_plan *plan, FILE *stream, weft_error *error)
{
    weft_i_json_out out;
    weft_status status = check_numbers(plan, error);
    if (status != WEFT_STATUS_OK) return status;
    weft_i_json_out_begin(&out, stream);
    weft_i_json_put_header(&out, "plan");
    open_line(&out, "meta");
    weft_i_json_close_object(&out);
    write_inputs(&out, plan);
    write_options(&out, plan);
    weft_i_write_chunks(&out, plan->chunks, plan->n_chunks);
    weft_i_write_shared(&out, plan->shared, plan->n_shared);
    weft_i_json_key(&out, "pipelines");
    weft_i_json_open_array(&out);
    for (int32_t p = 0; p < plan->n_pipelines; p++)
        write_pipeline(&out, &plan->pipelines[p]);
    weft_i_json_close_array(&out);
    write_prediction(&out, &plan->predicted);
    weft_i_json_close_object(&out);
    return weft_i_json_out_end(&out, error);
}

weft_status weft_plan_write(const weft_plan *plan, const char *file, weft_error *error)
{
    weft_i_file_out out;
    weft_status status = weft_i_file_create(file, error, &out);
    if (status != WEFT_STATUS_OK) return status;
    status = weft_i_plan_print(plan, out.stream, error);
    return weft_i_file_end(&out, status, error);
}
