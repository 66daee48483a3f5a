/* plan/plan_json_in.c - reading weft.plan: its form. Not: its rules (check.c). */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "plan/actions_json.h"
#include "plan/pipeline_json.h"
#include "plan/plan_json.h"
#include "plan/plan_own.h"

#define REQUIRED .required = true

#define READ_OBJECT(reader, in, fields, out)                                                       \
    weft_i_read_object((reader), (in), (fields), WEFT_I_N_FIELDS(fields), (out))

/* What the readers of a pipeline's parts have to know. */
typedef struct place {
    weft_plan *plan;
    const weft_pipeline *pipeline;
} place;

static const weft_i_json_field plan_fields[] = {
    {WEFT_I_FIELD_OTHER("inputs"), REQUIRED},    {WEFT_I_FIELD_OTHER("options"), REQUIRED},
    {WEFT_I_FIELD_OTHER("recipe"), REQUIRED},    {WEFT_I_FIELD_OTHER("parallel"), REQUIRED},
    {WEFT_I_FIELD_OTHER("chunks"), REQUIRED},    {WEFT_I_FIELD_OTHER("shared"), REQUIRED},
    {WEFT_I_FIELD_OTHER("pipelines"), REQUIRED}, {WEFT_I_FIELD_OTHER("predicted"), REQUIRED},
};

/* Member `key`, an object, by its table. */
static void read_member(weft_i_reader *reader, const weft_i_json *in, const char *key,
                        const weft_i_json_field *fields, size_t n_fields, void *out)
{
    weft_i_json member;
    if (reader->status != WEFT_STATUS_OK || !weft_i_json_get(in, key, &member)) return;
    weft_i_read_object(reader, &member, fields, n_fields, out);
}

#define READ_MEMBER(reader, in, key, fields, out)                                                  \
    read_member((reader), (in), (key), (fields), WEFT_I_N_FIELDS(fields), (out))

/* BAD_INPUT at member `key` of an object. */
static void WEFT_PRINTF(4, 5)
    fail_member(weft_i_reader *reader, const weft_i_json *in, const char *key, const char *fmt, ...)
{
    weft_i_json member;
    if (reader->status != WEFT_STATUS_OK || !weft_i_json_get(in, key, &member)) return;
    char text[sizeof(reader->error->text)];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    reader->status = weft_i_json_fail(&member, reader->error, "%s", text);
}

static bool is_sha256(const char *text)
{
    return text[0] == '\0' || (strspn(text, "0123456789abcdef") == 64 && text[64] == '\0');
}

static const weft_i_json_field input_fields[] = {
    {WEFT_I_FIELD_STRING("name", weft_input, name)},
    {WEFT_I_FIELD_STRING("sha256", weft_input, sha256)},
};

static const weft_i_json_field batch_fields[] = {
    {WEFT_I_FIELD_INT32("samples", weft_plan, n_samples), REQUIRED},
    {WEFT_I_FIELD_STRING("sha256", weft_plan, batch.sha256), REQUIRED},
};

static void check_sha256(weft_i_reader *reader, const weft_i_json *in, const char *key,
                         const char *text)
{
    if (is_sha256(text)) return;
    fail_member(reader, in, key, "expected a sha256 of 64 hex digits or \"\", found '%.80s'", text);
}

static void read_input(weft_i_reader *reader, const weft_i_json *in, const char *key,
                       weft_input *out)
{
    READ_MEMBER(reader, in, key, input_fields, out);
    check_sha256(reader, in, key, out->sha256);
}

static void read_inputs(weft_i_reader *reader, const weft_i_json *in, weft_plan *plan)
{
    static const weft_i_json_field fields[] = {
        {WEFT_I_FIELD_OTHER("model"), REQUIRED},  {WEFT_I_FIELD_OTHER("cluster"), REQUIRED},
        {WEFT_I_FIELD_OTHER("recipe"), REQUIRED}, {WEFT_I_FIELD_OTHER("layout"), REQUIRED},
        {WEFT_I_FIELD_OTHER("batch"), REQUIRED},
    };
    weft_i_json inputs;
    if (reader->status != WEFT_STATUS_OK || !weft_i_json_get(in, "inputs", &inputs)) return;
    READ_OBJECT(reader, &inputs, fields, NULL);
    read_input(reader, &inputs, "model", &plan->model);
    read_input(reader, &inputs, "cluster", &plan->cluster);
    read_input(reader, &inputs, "recipe", &plan->recipe);
    read_input(reader, &inputs, "layout", &plan->layout);
    READ_MEMBER(reader, &inputs, "batch", batch_fields, plan);
    check_sha256(reader, &inputs, "batch", plan->batch.sha256);
}

static const weft_i_json_field option_fields[] = {
    {WEFT_I_FIELD_INT64("seed", weft_plan, seed), REQUIRED},
    {WEFT_I_FIELD_ENUM("objective", weft_plan, objective, WEFT_I_OBJECTIVE_WORDS), REQUIRED},
    {WEFT_I_FIELD_STRING("method", weft_plan, method), REQUIRED},
};

/* The recipe's name stands in "inputs" as well: one value, which may be left out here. */
static void read_recipe(weft_i_reader *reader, const weft_i_json *in, weft_plan *plan)
{
    static const weft_i_json_field fields[] = {
        {WEFT_I_FIELD_STRING("name", weft_plan, recipe.name)},
        {WEFT_I_FIELD_INT64("post_ns", weft_plan, post_ns), REQUIRED},
    };
    const char *name = plan->recipe.name;
    READ_MEMBER(reader, in, "recipe", fields, plan);
    if (strcmp(plan->recipe.name, name) != 0) {
        fail_member(reader, in, "recipe",
                    "expected the name in inputs.recipe, '%.80s', found '%.80s'", name,
                    plan->recipe.name);
    }
}

static void read_rank(weft_i_reader *reader, const weft_i_json *in, void *out)
{
    static const weft_i_json_field fields[] = {
        {WEFT_I_FIELD_OTHER("actions"), REQUIRED},
        {WEFT_I_FIELD_OTHER("start_ns"), REQUIRED},
        {WEFT_I_FIELD_OTHER("end_ns"), REQUIRED},
    };
    const place *at = reader->context;
    const weft_problem *problem = &at->pipeline->problem;
    const weft_i_operands operands = {problem->n_stages, problem->n_edges, at->plan->n_chunks};
    READ_OBJECT(reader, in, fields, NULL);
    weft_i_read_actions(reader, in, &operands, out);
}

static const weft_i_json_field pipeline_fields[] = {
    {WEFT_I_FIELD_INT32("replica", weft_pipeline, replica), REQUIRED},
    {WEFT_I_FIELD_OTHER("static_bytes"), REQUIRED},
    {WEFT_I_FIELD_OTHER("limit_bytes"), REQUIRED},
    {WEFT_I_FIELD_OTHER("submicrobatches"), REQUIRED},
    {WEFT_I_FIELD_OTHER("stages"), REQUIRED},
    {WEFT_I_FIELD_OTHER("edges"), REQUIRED},
    {WEFT_I_FIELD_OTHER("ranks"), REQUIRED},
    {WEFT_I_FIELD_INT64("pipeline_ns", weft_pipeline, pipeline_ns), REQUIRED},
    {WEFT_I_FIELD_INT64("span_ns", weft_pipeline, span_ns), REQUIRED},
    {WEFT_I_FIELD_INT64("lower_bound_ns", weft_pipeline, lower_bound_ns), REQUIRED},
    {WEFT_I_FIELD_INT64("span_lower_bound_ns", weft_pipeline, span_lower_bound_ns), REQUIRED},
    {WEFT_I_FIELD_INT64("work_bound_ns", weft_pipeline, work_bound_ns), REQUIRED},
    {WEFT_I_FIELD_OTHER("peak_bytes"), REQUIRED},
};

/* The pipeline's place among the others, once its own numbers are read. */
static void check_pipeline(weft_i_reader *reader, const weft_i_json *in, const place *at,
                           int32_t n_ranks)
{
    const weft_pipeline *pipeline = at->pipeline;
    const weft_parallel *parallel = &at->plan->parallel;
    int32_t least = pipeline > at->plan->pipelines ? pipeline[-1].replica + 1 : 0;
    if (pipeline->replica < least || pipeline->replica >= parallel->dp) {
        fail_member(reader, in, "replica", "expected %d to parallel.dp - 1 = %d, found %d", least,
                    parallel->dp - 1, pipeline->replica);
    }
    if (pipeline->problem.n_ranks != parallel->pp) {
        fail_member(reader, in, "limit_bytes", "expected parallel.pp = %d items, found %d",
                    parallel->pp, pipeline->problem.n_ranks);
    }
    if (n_ranks != parallel->pp) {
        fail_member(reader, in, "ranks", "expected parallel.pp = %d items, found %d", parallel->pp,
                    n_ranks);
    }
}

static void read_pipeline(weft_i_reader *reader, const weft_i_json *in, weft_pipeline *pipeline)
{
    place *at = reader->context;
    weft_problem *problem = &pipeline->problem;
    int32_t n_ranks;
    at->pipeline = pipeline;
    problem->chunks = at->plan->chunks;
    problem->n_chunks = at->plan->n_chunks;
    problem->post_ns = at->plan->post_ns;
    READ_OBJECT(reader, in, pipeline_fields, pipeline);
    weft_i_read_pipeline(reader, in, problem);
    pipeline->ranks =
        weft_i_read_array(reader, in, "ranks", sizeof(weft_rank_actions), read_rank, &n_ranks);
    pipeline->peak_bytes = weft_i_read_int64s(reader, in, "peak_bytes", problem->n_ranks);
    check_pipeline(reader, in, at, n_ranks);
    char path[32];
    snprintf(path, sizeof(path), "$.pipelines[%d]", (int)(pipeline - at->plan->pipelines));
    weft_i_read_check(reader, path, problem);
}

static void read_pipelines(weft_i_reader *reader, const weft_i_json *in, weft_plan *plan)
{
    weft_i_json array;
    size_t n;
    if (reader->status != WEFT_STATUS_OK || !weft_i_json_get(in, "pipelines", &array)) return;
    reader->status = weft_i_json_array(&array, 1, (size_t)plan->parallel.dp, reader->error, &n);
    if (reader->status != WEFT_STATUS_OK) return;
    plan->pipelines = weft_i_new(reader->arena, weft_pipeline, n);
    if (!plan->pipelines) reader->status = weft_i_no_memory(reader->error);
    plan->n_pipelines = plan->pipelines ? (int32_t)n : 0;
    for (size_t i = 0; i < n && reader->status == WEFT_STATUS_OK; i++) {
        weft_i_json item = weft_i_json_item(&array, i);
        read_pipeline(reader, &item, &plan->pipelines[i]);
    }
}

static const weft_i_json_field prediction_fields[] = {
    {WEFT_I_FIELD_INT64("step_ns", weft_prediction, step_ns), REQUIRED},
    {WEFT_I_FIELD_INT64("reduce_tail_ns", weft_prediction, reduce_tail_ns), REQUIRED},
    {WEFT_I_FIELD_INT64("optimizer_ns", weft_prediction, optimizer_ns), REQUIRED},
    {WEFT_I_FIELD_DOUBLE("bubble", weft_prediction, bubble), .min = -1, .max = 1, REQUIRED},
    {WEFT_I_FIELD_DOUBLE("mfu", weft_prediction, mfu), REQUIRED},
    {WEFT_I_FIELD_DOUBLE("hfu", weft_prediction, hfu), REQUIRED},
};

static weft_status read_document(const weft_i_json_doc *doc, weft_i_arena *arena, weft_error *error,
                                 weft_plan *plan)
{
    place at = {.plan = plan};
    weft_i_reader reader = {.is_plan = true,
                            .root = weft_i_json_root(doc),
                            .arena = arena,
                            .error = error,
                            .context = &at};
    const weft_i_json *root = &reader.root;
    reader.status = weft_i_json_header(root, "plan", 1, error);
    READ_OBJECT(&reader, root, plan_fields, NULL);
    read_inputs(&reader, root, plan);
    READ_MEMBER(&reader, root, "options", option_fields, plan);
    read_recipe(&reader, root, plan);
    weft_i_read_parallel(&reader, &plan->parallel);
    plan->chunks = weft_i_read_chunks(&reader, &plan->n_chunks);
    plan->shared = weft_i_read_shared(&reader, &plan->n_shared);
    read_pipelines(&reader, root, plan);
    READ_MEMBER(&reader, root, "predicted", prediction_fields, &plan->predicted);
    return reader.status;
}

weft_status weft_i_plan_parse(const char *name, const char *text, size_t n, weft_error *error,
                              weft_plan **out_plan)
{
    weft_i_json_doc *doc = NULL;
    weft_status status = weft_i_json_parse(name, text, n, 1, error, &doc);
    if (status != WEFT_STATUS_OK) return status;
    weft_i_arena *arena;
    weft_plan *plan = weft_i_plan_create(&arena);
    status = plan ? read_document(doc, arena, error, plan) : weft_i_no_memory(error);
    weft_i_json_free(doc);
    if (status != WEFT_STATUS_OK) {
        weft_plan_free(plan);
        return status;
    }
    *out_plan = plan;
    return WEFT_STATUS_OK;
}

weft_status weft_plan_read(const char *file, weft_error *error, weft_plan **out_plan)
{
    char *text;
    size_t n;
    weft_status status = weft_i_file_read(file, error, &text, &n);
    if (status != WEFT_STATUS_OK) return status;
    status = weft_i_plan_parse(weft_i_file_label(file), text, n, error, out_plan);
    free(text);
    return status;
}
