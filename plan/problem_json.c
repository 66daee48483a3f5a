/* plan/problem_json.c - reading and writing weft.problem. */
#include "plan/problem_json.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "plan/pipeline_json.h"
#include "plan/problem_own.h"

static const weft_i_json_field fields[] = {
    {WEFT_I_FIELD_INT64("post_ns", weft_problem, post_ns)},
    {WEFT_I_FIELD_OTHER("chunks"), .required = true},
    {WEFT_I_FIELD_OTHER("static_bytes"), .required = true},
    {WEFT_I_FIELD_OTHER("limit_bytes"), .required = true},
    {WEFT_I_FIELD_OTHER("submicrobatches"), .required = true},
    {WEFT_I_FIELD_OTHER("stages"), .required = true},
    {WEFT_I_FIELD_OTHER("edges"), .required = true},
};

static weft_status read_document(const weft_i_json_doc *doc, weft_i_arena *arena, weft_error *error,
                                 weft_problem *problem)
{
    weft_i_reader reader = {.root = weft_i_json_root(doc), .arena = arena, .error = error};
    reader.status = weft_i_json_header(&reader.root, "problem", 1, error);
    weft_i_read_object(&reader, &reader.root, fields, WEFT_I_N_FIELDS(fields), problem);
    problem->chunks = weft_i_read_chunks(&reader, &problem->n_chunks);
    weft_i_read_pipeline(&reader, &reader.root, problem);
    weft_i_read_check(&reader, "$", problem);
    return reader.status;
}

weft_status weft_i_problem_parse(const char *name, const char *text, size_t n, weft_error *error,
                                 weft_problem **out_problem)
{
    weft_i_json_doc *doc = NULL;
    weft_status status = weft_i_json_parse(name, text, n, 1, error, &doc);
    if (status != WEFT_STATUS_OK) return status;
    weft_i_arena *arena;
    weft_problem *problem = weft_i_problem_create(&arena);
    status = problem ? read_document(doc, arena, error, problem) : weft_i_no_memory(error);
    weft_i_json_free(doc);
    if (status != WEFT_STATUS_OK) {
        weft_problem_free(problem);
        return status;
    }
    *out_problem = problem;
    return WEFT_STATUS_OK;
}

weft_status weft_problem_read(const char *file, weft_error *error, weft_problem **out_problem)
{
    char *text;
    size_t n;
    weft_status status = weft_i_file_read(file, error, &text, &n);
    if (status != WEFT_STATUS_OK) return status;
    status = weft_i_problem_parse(weft_i_file_label(file), text, n, error, out_problem);
    free(text);
    return status;
}

weft_status weft_i_problem_print(const weft_problem *problem, FILE *stream, weft_error *error)
{
    weft_i_json_out out;
    weft_i_json_out_begin(&out, stream);
    weft_i_json_put_header(&out, "problem");
    if (problem->post_ns > 0) weft_i_json_put_key_int(&out, "post_ns", problem->post_ns);
    weft_i_write_chunks(&out, problem->chunks, problem->n_chunks);
    weft_i_write_pipeline(&out, problem, false);
    weft_i_json_close_object(&out);
    return weft_i_json_out_end(&out, error);
}

weft_status weft_problem_write(const weft_problem *problem, const char *file, weft_error *error)
{
    weft_i_file_out out;
    weft_status status = weft_i_file_create(file, error, &out);
    if (status != WEFT_STATUS_OK) return status;
    status = weft_i_problem_print(problem, out.stream, error);
    return weft_i_file_end(&out, status, error);
}
