/* plan/pipeline_json_in.c - reading what weft.problem and weft.plan have in common. */
#include "plan/pipeline_json.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "plan/problem_own.h"

#define REQUIRED .required = true

/* The fields of an object: those that a plan must have, those that it may have, and then those of
 * problems alone. `required` holds for both. */
typedef struct table {
    const weft_i_json_field *fields;
    size_t n_plan_has, n_plan_may, n;
} table;

#define TABLE_OF(fields)                                                                           \
    {                                                                                              \
        (fields), WEFT_I_N_FIELDS(fields), WEFT_I_N_FIELDS(fields), WEFT_I_N_FIELDS(fields)        \
    }

static const weft_i_json_field chunk_fields[] = {
    {WEFT_I_FIELD_STRING("module", weft_chunk, module), REQUIRED},
    {WEFT_I_FIELD_INT32("segment", weft_chunk, segment), REQUIRED},
    {WEFT_I_FIELD_INT32("rank", weft_chunk, rank), REQUIRED},
    {WEFT_I_FIELD_INT32("first_layer", weft_chunk, first_layer)},
    {WEFT_I_FIELD_INT32("layers", weft_chunk, layers)},
    {WEFT_I_FIELD_INT64("state_bytes", weft_chunk, state_bytes)},
    {WEFT_I_FIELD_INT64("reduce_bytes", weft_chunk, reduce_bytes)},
    {WEFT_I_FIELD_INT64("reduce_ns", weft_chunk, reduce_ns)},
    {WEFT_I_FIELD_INT64("share_ns", weft_chunk, share_ns)},
};
static const table chunk_table = {chunk_fields, WEFT_I_N_FIELDS(chunk_fields) - 1,
                                  WEFT_I_N_FIELDS(chunk_fields), WEFT_I_N_FIELDS(chunk_fields)};

/* A size of weft_parallel. */
#define AXIS(axis)                                                                                 \
    {                                                                                              \
        WEFT_I_FIELD_INT32(#axis, weft_parallel, axis), .min = 1, .max = INT32_MAX, REQUIRED       \
    }

static const weft_i_json_field parallel_fields[] = {AXIS(dp), AXIS(pp), AXIS(tp), AXIS(cp),
                                                    AXIS(ep)};

static const weft_i_json_field shared_fields[] = {
    {WEFT_I_FIELD_STRING("name", weft_shared, name), REQUIRED},
    {WEFT_I_FIELD_OTHER("chunks"), REQUIRED},
    {WEFT_I_FIELD_INT64("bytes", weft_shared, bytes)},
};
static const table shared_table = TABLE_OF(shared_fields);

static const weft_i_json_field item_fields[] = {
    {WEFT_I_FIELD_INT32("sample", weft_item, sample), REQUIRED},
    {WEFT_I_FIELD_ENUM("kind", weft_item, kind, WEFT_I_ITEM_KIND_WORDS), REQUIRED},
    {WEFT_I_FIELD_INT32("index", weft_item, index)},
    {WEFT_I_FIELD_OTHER("grid")},
    {WEFT_I_FIELD_INT64("tokens", weft_item, tokens)},
};
static const table item_table = TABLE_OF(item_fields);

static const weft_i_json_field submicrobatch_fields[] = {
    {WEFT_I_FIELD_STRING("module", weft_submicrobatch, module), REQUIRED},
    {WEFT_I_FIELD_OTHER("microbatches"), REQUIRED},
    {WEFT_I_FIELD_INT32("index", weft_submicrobatch, index)},
    {WEFT_I_FIELD_INT64("tokens", weft_submicrobatch, tokens)},
    {WEFT_I_FIELD_OTHER("items")},
};
static const table submicrobatch_table = TABLE_OF(submicrobatch_fields);

static const weft_i_json_field work_fields[] = {
    {WEFT_I_FIELD_INT64("fw", weft_cost, work_bytes[WEFT_PASS_FW])},
    {WEFT_I_FIELD_INT64("bw", weft_cost, work_bytes[WEFT_PASS_BW])},
    {WEFT_I_FIELD_INT64("bwi", weft_cost, work_bytes[WEFT_PASS_BWI])},
    {WEFT_I_FIELD_INT64("bww", weft_cost, work_bytes[WEFT_PASS_BWW])},
};
static const table work_table = TABLE_OF(work_fields);

/* Those of a weft_candidate at `at` of `owner`. */
#define COST_FIELDS(owner, at)                                                                     \
    {WEFT_I_FIELD_INT64("fw_ns", owner, at cost.fw_ns), REQUIRED},                                 \
        {WEFT_I_FIELD_INT64("bw_ns", owner, at cost.bw_ns)},                                       \
        {WEFT_I_FIELD_INT64("bwi_ns", owner, at cost.bwi_ns)},                                     \
        {WEFT_I_FIELD_INT64("bww_ns", owner, at cost.bww_ns)},                                     \
        {WEFT_I_FIELD_INT64("recompute_ns", owner, at cost.recompute_ns)},                         \
        {WEFT_I_FIELD_INT64("saved_bytes", owner, at cost.saved_bytes)},                           \
        {WEFT_I_FIELD_INT64("held_bytes", owner, at cost.held_bytes)},                             \
        {WEFT_I_FIELD_OTHER("work_bytes")},                                                        \
    {                                                                                              \
        WEFT_I_FIELD_OTHER("memory")                                                               \
    }

static const weft_i_json_field candidate_fields[] = {COST_FIELDS(weft_candidate, )};
static const table candidate_table = TABLE_OF(candidate_fields);

static const weft_i_json_field stage_fields[] = {
    {WEFT_I_FIELD_INT32("chunk", weft_stage, chunk), REQUIRED},
    {WEFT_I_FIELD_INT32("submicrobatch", weft_stage, submicrobatch), REQUIRED},
    {WEFT_I_FIELD_ENUM("backward", weft_stage, backward, WEFT_I_BACKWARD_WORDS), REQUIRED},
    COST_FIELDS(weft_stage, now.),
    {WEFT_I_FIELD_INT64("ready_ns", weft_stage, ready_ns)},
    {WEFT_I_FIELD_INT32("label", weft_stage, label), .min = -1, .max = INT32_MAX},
    {WEFT_I_FIELD_OTHER("candidates")},
};
static const table stage_table = {stage_fields, WEFT_I_N_FIELDS(stage_fields) - 3,
                                  WEFT_I_N_FIELDS(stage_fields) - 2, WEFT_I_N_FIELDS(stage_fields)};

static const weft_i_json_field edge_fields[] = {
    {WEFT_I_FIELD_ENUM("pass", weft_edge, pass, WEFT_I_EDGE_PASS_WORDS), REQUIRED},
    {WEFT_I_FIELD_INT32("from", weft_edge, from), REQUIRED},
    {WEFT_I_FIELD_INT32("to", weft_edge, to), REQUIRED},
    {WEFT_I_FIELD_ENUM("kind", weft_edge, kind, WEFT_I_EDGE_KIND_WORDS)},
    {WEFT_I_FIELD_INT64("bytes", weft_edge, bytes)},
    {WEFT_I_FIELD_INT64("transfer_ns", weft_edge, transfer_ns)},
};
static const table edge_table = TABLE_OF(edge_fields);

void weft_i_read_object(weft_i_reader *reader, const weft_i_json *in,
                        const weft_i_json_field *fields, size_t n_fields, void *out)
{
    if (reader->status != WEFT_STATUS_OK) return;
    reader->status = weft_i_json_read(in, fields, n_fields, reader->arena, reader->error, out);
}

/* An object of a problem or of a plan by the table for both. */
static void read_by_table(weft_i_reader *reader, const weft_i_json *in, const table *by, void *out)
{
    if (!reader->is_plan) {
        weft_i_read_object(reader, in, by->fields, by->n, out);
        return;
    }
    enum { MOST_FIELDS = WEFT_I_N_FIELDS(stage_fields) };
    weft_i_json_field fields[MOST_FIELDS];
    memcpy(fields, by->fields, by->n_plan_may * sizeof(fields[0]));
    for (size_t i = 0; i < by->n_plan_has; i++)
        fields[i].required = true;
    weft_i_read_object(reader, in, fields, by->n_plan_may, out);
}

/* n zeroed items of `size` bytes; NULL after a failure. */
static void *alloc(weft_i_reader *reader, size_t n, size_t size)
{
    if (reader->status != WEFT_STATUS_OK) return NULL;
    void *items = weft_i_arena_alloc(reader->arena, n, size);
    if (!items) reader->status = weft_i_no_memory(reader->error);
    return items;
}

/* Member `key`, an array, and the number of its items; false where absent and after a failure. */
static bool find_array(weft_i_reader *reader, const weft_i_json *in, const char *key,
                       weft_i_json *out_array, int32_t *out_n)
{
    size_t n;
    if (reader->status != WEFT_STATUS_OK || !weft_i_json_get(in, key, out_array)) return false;
    reader->status = weft_i_json_array(out_array, 0, INT32_MAX - 1, reader->error, &n);
    if (reader->status != WEFT_STATUS_OK) return false;
    *out_n = (int32_t)n;
    return true;
}

void *weft_i_read_array(weft_i_reader *reader, const weft_i_json *in, const char *key, size_t size,
                        weft_i_read_fn read, int32_t *out_n)
{
    weft_i_json array;
    *out_n = 0;
    if (!find_array(reader, in, key, &array, out_n)) return NULL;
    char *items = alloc(reader, (size_t)*out_n, size);
    for (size_t i = 0; items && i < (size_t)*out_n; i++) {
        weft_i_json item = weft_i_json_item(&array, i);
        read(reader, &item, items + i * size);
        if (reader->status != WEFT_STATUS_OK) return NULL;
    }
    return items;
}

int64_t weft_i_read_int(weft_i_reader *reader, const weft_i_json *in, int64_t min, int64_t max)
{
    int64_t number = 0;
    if (reader->status == WEFT_STATUS_OK) {
        reader->status = weft_i_json_int(in, min, max, reader->error, &number);
    }
    return number;
}

int32_t *weft_i_read_int32s(weft_i_reader *reader, const weft_i_json *in, const char *key,
                            int32_t max, int32_t *out_n)
{
    weft_i_json array;
    *out_n = 0;
    if (!find_array(reader, in, key, &array, out_n)) return NULL;
    int32_t *numbers = alloc(reader, (size_t)*out_n, sizeof(*numbers));
    for (int32_t i = 0; numbers && i < *out_n; i++) {
        weft_i_json item = weft_i_json_item(&array, (size_t)i);
        numbers[i] = (int32_t)weft_i_read_int(reader, &item, 0, max);
    }
    return numbers;
}

int64_t *weft_i_read_int64s(weft_i_reader *reader, const weft_i_json *in, const char *key,
                            int32_t n)
{
    weft_i_json array;
    int64_t *numbers = alloc(reader, (size_t)n, sizeof(*numbers));
    if (!numbers || !weft_i_json_get(in, key, &array)) return NULL;
    reader->status = weft_i_json_ints(&array, (size_t)n, 0, WEFT_INT_MAX, reader->error, numbers);
    return numbers;
}

static void read_chunk(weft_i_reader *reader, const weft_i_json *in, void *out)
{
    read_by_table(reader, in, &chunk_table, out);
}

weft_chunk *weft_i_read_chunks(weft_i_reader *reader, int32_t *out_n)
{
    weft_chunk *chunks =
        weft_i_read_array(reader, &reader->root, "chunks", sizeof(weft_chunk), read_chunk, out_n);
    reader->n_chunks = *out_n;
    return chunks;
}

void weft_i_read_parallel(weft_i_reader *reader, weft_parallel *out)
{
    weft_i_json member;
    if (reader->status != WEFT_STATUS_OK || !weft_i_json_get(&reader->root, "parallel", &member))
        return;
    weft_i_read_object(reader, &member, parallel_fields, WEFT_I_N_FIELDS(parallel_fields), out);
}

static void read_shared(weft_i_reader *reader, const weft_i_json *in, void *out)
{
    weft_shared *shared = out;
    read_by_table(reader, in, &shared_table, shared);
    shared->chunks =
        weft_i_read_int32s(reader, in, "chunks", reader->n_chunks - 1, &shared->n_chunks);
}

weft_shared *weft_i_read_shared(weft_i_reader *reader, int32_t *out_n)
{
    return weft_i_read_array(reader, &reader->root, "shared", sizeof(weft_shared), read_shared,
                             out_n);
}

static void read_item(weft_i_reader *reader, const weft_i_json *in, void *out)
{
    weft_item *item = out;
    read_by_table(reader, in, &item_table, item);
    weft_i_json grid;
    size_t n;
    if (reader->status != WEFT_STATUS_OK || !weft_i_json_get(in, "grid", &grid)) return;
    reader->status = weft_i_json_array(&grid, 3, 3, reader->error, &n);
    for (size_t i = 0; i < 3; i++) {
        weft_i_json at = weft_i_json_item(&grid, i);
        item->grid[i] = (int32_t)weft_i_read_int(reader, &at, 0, INT32_MAX);
    }
}

static void read_submicrobatch(weft_i_reader *reader, const weft_i_json *in, void *out)
{
    weft_submicrobatch *sub = out;
    read_by_table(reader, in, &submicrobatch_table, sub);
    sub->microbatches =
        weft_i_read_int32s(reader, in, "microbatches", INT32_MAX, &sub->n_microbatches);
    sub->items =
        weft_i_read_array(reader, in, "items", sizeof(weft_item), read_item, &sub->n_items);
}

/* ["full",4] */
static void read_memory_run(weft_i_reader *reader, const weft_i_json *in, void *out)
{
    weft_memory_run *run = out;
    size_t n;
    reader->status = weft_i_json_array(in, 2, 2, reader->error, &n);
    if (reader->status != WEFT_STATUS_OK) return;
    weft_i_json strategy = weft_i_json_item(in, 0), layers = weft_i_json_item(in, 1);
    reader->status = weft_i_json_string(&strategy, reader->arena, reader->error, &run->strategy);
    run->layers = (int32_t)weft_i_read_int(reader, &layers, 0, INT32_MAX);
}

/* What a table cannot say about a cost with its memory: its two containers. */
static void read_containers(weft_i_reader *reader, const weft_i_json *in, weft_candidate *out)
{
    weft_i_json work;
    if (reader->status == WEFT_STATUS_OK && weft_i_json_get(in, "work_bytes", &work)) {
        read_by_table(reader, &work, &work_table, &out->cost);
    }
    out->memory = weft_i_read_array(reader, in, "memory", sizeof(weft_memory_run), read_memory_run,
                                    &out->n_memory);
}

static void read_candidate(weft_i_reader *reader, const weft_i_json *in, void *out)
{
    read_by_table(reader, in, &candidate_table, out);
    read_containers(reader, in, out);
}

/* What stands in the stage itself may be chosen like the others: where no candidate costs the same,
 * it becomes the last one. */
static void add_own_choice(weft_i_reader *reader, weft_stage *stage)
{
    size_t n = (size_t)stage->n_candidates;
    for (size_t k = 0; k < n; k++)
        if (memcmp(&stage->candidates[k].cost, &stage->now.cost, sizeof(weft_cost)) == 0) return;
    weft_candidate *all = alloc(reader, n + 1, sizeof(*all));
    if (!all) return;
    memcpy(all, stage->candidates, n * sizeof(*all));
    all[n] = stage->now;
    stage->candidates = all;
    stage->n_candidates++;
}

static void read_stage(weft_i_reader *reader, const weft_i_json *in, void *out)
{
    weft_stage *stage = out;
    stage->label = -1;
    read_by_table(reader, in, &stage_table, stage);
    read_containers(reader, in, &stage->now);
    if (reader->is_plan) return;
    stage->candidates = weft_i_read_array(reader, in, "candidates", sizeof(weft_candidate),
                                          read_candidate, &stage->n_candidates);
    if (stage->candidates && stage->n_candidates > 0) add_own_choice(reader, stage);
}

static void read_edge(weft_i_reader *reader, const weft_i_json *in, void *out)
{
    read_by_table(reader, in, &edge_table, out);
}

/* A limit that is null is none. */
static void read_limit(weft_i_reader *reader, const weft_i_json *in, void *out)
{
    int64_t *limit = out;
    bool is_none = !reader->is_plan && weft_i_json_is_null(in);
    *limit = is_none ? WEFT_INT_MAX : weft_i_read_int(reader, in, 0, WEFT_INT_MAX);
}

static void read_ranks(weft_i_reader *reader, const weft_i_json *in, weft_problem *problem)
{
    problem->limit_bytes = weft_i_read_array(reader, in, "limit_bytes", sizeof(int64_t), read_limit,
                                             &problem->n_ranks);
    problem->static_bytes = weft_i_read_int64s(reader, in, "static_bytes", problem->n_ranks);
}

void weft_i_read_pipeline(weft_i_reader *reader, const weft_i_json *in, weft_problem *problem)
{
    read_ranks(reader, in, problem);
    problem->submicrobatches =
        weft_i_read_array(reader, in, "submicrobatches", sizeof(weft_submicrobatch),
                          read_submicrobatch, &problem->n_submicrobatches);
    problem->stages =
        weft_i_read_array(reader, in, "stages", sizeof(weft_stage), read_stage, &problem->n_stages);
    problem->edges =
        weft_i_read_array(reader, in, "edges", sizeof(weft_edge), read_edge, &problem->n_edges);
}

/* BAD_INPUT at a path as weft_i_problem_check writes it, ".stages[3].fw_ns", from `at` on; at the
 * last step that is there where a member with a default is not. */
static weft_status fail_at_path(const weft_i_json *at, const char *path, const char *text,
                                weft_error *error)
{
    weft_i_json next;
    char key[64];
    if (*path == '[') {
        char *end;
        next = weft_i_json_item(at, strtoul(path + 1, &end, 10));
        return fail_at_path(&next, end + 1, text, error);
    }
    int n = 0;
    bool is_there = sscanf(path, ".%63[^.[]%n", key, &n) == 1 && weft_i_json_get(at, key, &next);
    if (!is_there) return weft_i_json_fail(at, error, "%s", text);
    return fail_at_path(&next, path + n, text, error);
}

void weft_i_read_check(weft_i_reader *reader, const char *path, const weft_problem *problem)
{
    if (reader->status != WEFT_STATUS_OK) return;
    weft_error found = {0};
    reader->status = weft_i_problem_check(problem, path, &found);
    if (reader->status == WEFT_STATUS_BAD_INPUT) {
        fail_at_path(&reader->root, found.path + 1, found.text, reader->error);
    } else if (reader->status != WEFT_STATUS_OK) {
        weft_i_fail(reader->error, reader->status, "%s", found.text);
    }
}
