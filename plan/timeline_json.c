/* plan/timeline_json.c - reading and writing weft.timeline. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "plan/actions_json.h"
#include "plan/timeline_own.h"

#define REQUIRED .required = true

/* A timeline knows of no stages, edges and chunks. */
static const weft_i_operands any_operand = {INT32_MAX, INT32_MAX, INT32_MAX};

static const weft_i_json_field rank_fields[] = {
    {WEFT_I_FIELD_STRING("host", weft_timeline_rank, host), REQUIRED},
    {WEFT_I_FIELD_INT64("clock_offset_ns", weft_timeline_rank, clock_offset_ns),
     .min = -(double)WEFT_INT_MAX, REQUIRED},
    {WEFT_I_FIELD_INT64("clock_error_ns", weft_timeline_rank, clock_error_ns), REQUIRED},
    {WEFT_I_FIELD_OTHER("actions"), REQUIRED},
    {WEFT_I_FIELD_OTHER("start_ns"), REQUIRED},
    {WEFT_I_FIELD_OTHER("end_ns"), REQUIRED},
};

/* A rank does one action after another. */
static void check_times(weft_i_reader *reader, const weft_i_json *in, const weft_rank_actions *rank)
{
    int64_t now_ns = 0;
    for (int32_t a = 0; a < rank->n_actions && reader->status == WEFT_STATUS_OK; a++) {
        const weft_action *action = &rank->actions[a];
        if (action->start_ns < now_ns || action->end_ns < action->start_ns) {
            reader->status = weft_i_json_fail(
                in, reader->error,
                "action %d is from %lld to %lld ns, expected a start from %lld and an end after it",
                a, (long long)action->start_ns, (long long)action->end_ns, (long long)now_ns);
        }
        now_ns = action->end_ns;
    }
}

static void read_rank(weft_i_reader *reader, const weft_i_json *in, void *out)
{
    weft_timeline_rank *rank = out;
    rank->host = "";
    weft_i_read_object(reader, in, rank_fields, WEFT_I_N_FIELDS(rank_fields), rank);
    weft_i_read_actions(reader, in, &any_operand, &rank->actions);
    check_times(reader, in, &rank->actions);
}

/* All pipelines have as many ranks. */
static void read_pipeline(weft_i_reader *reader, const weft_i_json *in, void *out)
{
    static const weft_i_json_field fields[] = {
        {WEFT_I_FIELD_INT32("replica", weft_timeline_pipeline, replica), REQUIRED},
        {WEFT_I_FIELD_OTHER("ranks"), REQUIRED},
    };
    weft_timeline *timeline = reader->context;
    weft_timeline_pipeline *pipeline = out;
    int32_t n_ranks = 0;
    weft_i_read_object(reader, in, fields, WEFT_I_N_FIELDS(fields), pipeline);
    pipeline->ranks =
        weft_i_read_array(reader, in, "ranks", sizeof(weft_timeline_rank), read_rank, &n_ranks);
    if (reader->status != WEFT_STATUS_OK) return;
    if (timeline->n_ranks == 0) timeline->n_ranks = n_ranks;
    if (n_ranks == 0 || n_ranks != timeline->n_ranks) {
        reader->status = weft_i_json_fail(in, reader->error,
                                          "expected %d ranks, as many in each pipeline, found %d",
                                          timeline->n_ranks > 0 ? timeline->n_ranks : 1, n_ranks);
    }
}

static weft_status read_document(const weft_i_json_doc *doc, weft_i_arena *arena, weft_error *error,
                                 weft_timeline *timeline)
{
    static const weft_i_json_field fields[] = {
        {WEFT_I_FIELD_STRING("device", weft_timeline, device), REQUIRED},
        {WEFT_I_FIELD_DOUBLE("scale", weft_timeline, scale), .min = DBL_MIN, .max = DBL_MAX,
         REQUIRED},
        {WEFT_I_FIELD_INT32("steps", weft_timeline, n_steps), .min = 1, .max = INT32_MAX, REQUIRED},
        {WEFT_I_FIELD_INT32("step", weft_timeline, step), REQUIRED},
        {WEFT_I_FIELD_OTHER("pipelines"), REQUIRED},
    };
    weft_i_reader reader = {
        .root = weft_i_json_root(doc), .arena = arena, .error = error, .context = timeline};
    reader.status = weft_i_json_header(&reader.root, "timeline", 1, error);
    weft_i_read_object(&reader, &reader.root, fields, WEFT_I_N_FIELDS(fields), timeline);
    timeline->pipelines =
        weft_i_read_array(&reader, &reader.root, "pipelines", sizeof(weft_timeline_pipeline),
                          read_pipeline, &timeline->n_pipelines);
    if (reader.status != WEFT_STATUS_OK) return reader.status;
    if (timeline->step >= timeline->n_steps) {
        return weft_i_json_fail(&reader.root, error, "expected a step below steps = %d, found %d",
                                timeline->n_steps, timeline->step);
    }
    if (timeline->n_pipelines > 0) return WEFT_STATUS_OK;
    return weft_i_json_fail(&reader.root, error, "expected at least one pipeline, found none");
}

weft_status weft_i_timeline_parse(const char *name, const char *text, size_t n, weft_error *error,
                                  weft_timeline **out_timeline)
{
    weft_i_json_doc *doc = NULL;
    weft_status status = weft_i_json_parse(name, text, n, 1, error, &doc);
    if (status != WEFT_STATUS_OK) return status;
    weft_i_arena *arena;
    weft_timeline *timeline = weft_i_timeline_create(&arena);
    status = timeline ? read_document(doc, arena, error, timeline) : weft_i_no_memory(error);
    weft_i_json_free(doc);
    if (status != WEFT_STATUS_OK) {
        weft_timeline_free(timeline);
        return status;
    }
    *out_timeline = timeline;
    return WEFT_STATUS_OK;
}

weft_status weft_timeline_read(const char *file, weft_error *error, weft_timeline **out_timeline)
{
    char *text;
    size_t n;
    weft_status status = weft_i_file_read(file, error, &text, &n);
    if (status != WEFT_STATUS_OK) return status;
    status = weft_i_timeline_parse(weft_i_file_label(file), text, n, error, out_timeline);
    free(text);
    return status;
}

static void write_rank(weft_i_json_out *out, const weft_timeline_rank *rank)
{
    weft_i_json_open_object(out);
    weft_i_json_put_key_string(out, "host", rank->host);
    weft_i_json_put_key_int(out, "clock_offset_ns", rank->clock_offset_ns);
    weft_i_json_put_key_int(out, "clock_error_ns", rank->clock_error_ns);
    weft_i_write_actions(out, &rank->actions);
    weft_i_json_close_object(out);
}

weft_status weft_i_timeline_print(const weft_timeline *timeline, FILE *stream, weft_error *error)
{
    weft_i_json_out out;
    if (!isfinite(timeline->scale)) {
        return weft_i_fail(error, WEFT_STATUS_FAILED, "expected a finite scale, found %g",
                           timeline->scale);
    }
    weft_i_json_out_begin(&out, stream);
    weft_i_json_put_header(&out, "timeline");
    weft_i_json_put_key_string(&out, "device", timeline->device);
    weft_i_json_put_key_double(&out, "scale", timeline->scale);
    weft_i_json_put_key_int(&out, "steps", timeline->n_steps);
    weft_i_json_put_key_int(&out, "step", timeline->step);
    weft_i_json_key(&out, "pipelines");
    weft_i_json_open_array(&out);
    for (int32_t p = 0; p < timeline->n_pipelines; p++) {
        weft_i_json_open_object(&out);
        weft_i_json_put_key_int(&out, "replica", timeline->pipelines[p].replica);
        weft_i_json_key(&out, "ranks");
        weft_i_json_open_array(&out);
        for (int32_t r = 0; r < timeline->n_ranks; r++)
            write_rank(&out, &timeline->pipelines[p].ranks[r]);
        weft_i_json_close_array(&out);
        weft_i_json_close_object(&out);
    }
    weft_i_json_close_array(&out);
    weft_i_json_close_object(&out);
    return weft_i_json_out_end(&out, error);
}

weft_status weft_timeline_write(const weft_timeline *timeline, const char *file, weft_error *error)
{
    weft_i_file_out out;
    weft_status status = weft_i_file_create(file, error, &out);
    if (status != WEFT_STATUS_OK) return status;
    status = weft_i_timeline_print(timeline, out.stream, error);
    return weft_i_file_end(&out, status, error);
}
