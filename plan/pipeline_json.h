/* plan/pipeline_json.h - the parts that weft.problem, weft.plan and weft.layout have in common:
 * parallel sizes, chunks, shared tensors, memory of the ranks, sub-microbatches, stages, edges. */
#ifndef WEFT_PLAN_PIPELINE_JSON_H
#define WEFT_PLAN_PIPELINE_JSON_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/json_in.h"
#include "base/json_out.h"
#include "weft/layout.h"
#include "weft/problem.h"

/* Words of JSON in the order of their enums. */
#define WEFT_I_BACKWARD_WORDS  "none|input|full"
#define WEFT_I_PASS_WORDS      "fw|bw|bwi|bww"
#define WEFT_I_EDGE_PASS_WORDS "fw|bw"
#define WEFT_I_EDGE_KIND_WORDS "tokens|add|condition|skip"
#define WEFT_I_ITEM_KIND_WORDS "document|image|clip|audio|caption"

/* The beginning of a row for a time or size. */
#define WEFT_I_FIELD_INT64(key, owner, member)                                                     \
    WEFT_I_FIELD(key, WEFT_I_JSON_INT64, owner, member), .max = (double)WEFT_INT_MAX

/* One document being read. After the first failure the functions below do nothing, so that callers
 * look at `status` once, at the end.
 *
 * A problem may leave out keys that have a default, and has candidates, labels, and limits that are
 * null; a plan has every key, and none of these. */
typedef struct weft_i_reader {
    bool is_plan;
    weft_i_json root;
    weft_i_arena *arena; /* of all that is read */
    weft_error *error;
    weft_status status;
    int32_t n_chunks; /* of the document, once they are read */
    void *context;    /* for the caller's own weft_i_read_fn */
} weft_i_reader;

/* Read an object by its table into `out`. */
void weft_i_read_object(weft_i_reader *reader, const weft_i_json *in,
                        const weft_i_json_field *fields, size_t n_fields, void *out);

/* Read one item of an array into its zeroed struct. */
typedef void (*weft_i_read_fn)(weft_i_reader *reader, const weft_i_json *in, void *out);

/* Member `key` of an object, an array, as n structs of `size` bytes each. NULL and n = 0 where the
 * member is absent. */
void *weft_i_read_array(weft_i_reader *reader, const weft_i_json *in, const char *key, size_t size,
                        weft_i_read_fn read, int32_t *out_n);

/* The same of numbers in 0..max. */
int32_t *weft_i_read_int32s(weft_i_reader *reader, const weft_i_json *in, const char *key,
                            int32_t max, int32_t *out_n);

/* An item in min..max; 0 after a failure. */
int64_t weft_i_read_int(weft_i_reader *reader, const weft_i_json *in, int64_t min, int64_t max);

/* Member `key`, an array of exactly n numbers in 0..WEFT_INT_MAX. */
int64_t *weft_i_read_int64s(weft_i_reader *reader, const weft_i_json *in, const char *key,
                            int32_t n);

/* "parallel" and "chunks" of the document, and then "shared", which counts on the chunks. */
void weft_i_read_parallel(weft_i_reader *reader, weft_parallel *out);
weft_chunk *weft_i_read_chunks(weft_i_reader *reader, int32_t *out_n);
weft_shared *weft_i_read_shared(weft_i_reader *reader, int32_t *out_n);

/* "static_bytes", "limit_bytes", "submicrobatches", "stages" and "edges" of an object, which its
 * own table names, into a problem that has its chunks already. */
void weft_i_read_pipeline(weft_i_reader *reader, const weft_i_json *in, weft_problem *problem);

/* weft_problem_check; what is wrong is told with its line in the document. `path` is where the
 * problem is: "$" or "$.pipelines[3]". */
void weft_i_read_check(weft_i_reader *reader, const char *path, const weft_problem *problem);

/* A key and word number `place` of "none|input|full". */
void weft_i_write_word(weft_i_json_out *out, const char *key, const char *words, int place);

/* The same parts written as a stream. Each goes under its keys into the object that is open. */
void weft_i_write_parallel(weft_i_json_out *out, const weft_parallel *parallel);
void weft_i_write_chunks(weft_i_json_out *out, const weft_chunk *chunks, int32_t n);
void weft_i_write_shared(weft_i_json_out *out, const weft_shared *shared, int32_t n);
void weft_i_write_pipeline(weft_i_json_out *out, const weft_problem *problem, bool is_plan);
void weft_i_write_int32s(weft_i_json_out *out, const char *key, const int32_t *values, int32_t n);

#endif
