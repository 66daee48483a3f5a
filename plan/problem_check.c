/* plan/problem_check.c - the rules of a problem's ranks, chunks and sub-microbatches, and the gate
 * as a whole. */
#include "plan/problem_check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/words.h"
#include "plan/problem_own.h"

enum { STAGES_MAX = INT32_MAX / 4 }; /* so that a weft_task holds it */

/* The JSON path of a field; chunks are of the whole document. */
static void write_path(const weft_i_checker *check, weft_i_place at, const char *field, char *path,
                       size_t size)
{
    const char *above = strcmp(at.array, "chunks") == 0 ? "$" : check->path;
    if (at.part) {
        snprintf(path, size, "%s.%s[%d].%s[%d]%s", above, at.array, at.index, at.part,
                 at.part_index, field);
    } else {
        snprintf(path, size, "%s.%s[%d]%s", above, at.array, at.index, field);
    }
}

weft_status weft_i_check_fail(const weft_i_checker *check, weft_i_place at, const char *field,
                              const char *fmt, ...)
{
    char path[sizeof(check->error->path)], text[sizeof(check->error->text)];
    write_path(check, at, field, path, sizeof(path));
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    return weft_i_fail_at(check->error, WEFT_STATUS_BAD_INPUT, NULL, 0, path, "%s", text);
}

weft_status weft_i_check_numbers(const weft_i_checker *check, weft_i_place at,
                                 const weft_i_number *numbers, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const weft_i_number *number = &numbers[i];
        if (number->value >= 0 && number->value <= number->max) continue;
        char range[WEFT_I_RANGE_SIZE] = "none, as there is nothing to refer to";
        if (number->max >= 0) weft_i_words_int_range(0, number->max, range);
        return weft_i_check_fail(check, at, number->field, "expected %s, found %lld", range,
                                 (long long)number->value);
    }
    return WEFT_STATUS_OK;
}

bool weft_i_check_is_empty(const char *text)
{
    return !text || text[0] == '\0';
}

static weft_status check_counts(const weft_i_checker *check)
{
    const weft_problem *problem = check->problem;
    const struct {
        const char *name;
        int32_t value, min, max;
    } counts[] = {
        {"ranks", problem->n_ranks, 1, INT32_MAX - 1},
        {"chunks", problem->n_chunks, 0, INT32_MAX - 1},
        {"sub-microbatches", problem->n_submicrobatches, 0, INT32_MAX - 1},
        {"stages", problem->n_stages, 0, STAGES_MAX},
        {"edges", problem->n_edges, 0, INT32_MAX - 1},
    };
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        if (counts[i].value < counts[i].min || counts[i].value > counts[i].max) {
            return weft_i_fail_at(check->error, WEFT_STATUS_BAD_INPUT, NULL, 0, check->path,
                                  "expected %d to %d %s, found %d", counts[i].min, counts[i].max,
                                  counts[i].name, counts[i].value);
        }
    }
    if (problem->post_ns < 0 || problem->post_ns > WEFT_INT_MAX) {
        return weft_i_fail_at(check->error, WEFT_STATUS_BAD_INPUT, NULL, 0, "$.post_ns",
                              "expected an integer from 0 to %lld, found %lld",
                              (long long)WEFT_INT_MAX, (long long)problem->post_ns);
    }
    return WEFT_STATUS_OK;
}

static weft_status check_ranks(const weft_i_checker *check)
{
    const weft_problem *problem = check->problem;
    for (int32_t r = 0; r < problem->n_ranks; r++) {
        const weft_i_number fixed[] = {{"", problem->static_bytes[r], WEFT_INT_MAX}};
        const weft_i_number limit[] = {{"", problem->limit_bytes[r], WEFT_INT_MAX}};
        const weft_i_place at_fixed = {.array = "static_bytes", .index = r};
        const weft_i_place at_limit = {.array = "limit_bytes", .index = r};
        weft_status status = WEFT_I_CHECK_NUMBERS(check, at_fixed, fixed);
        if (status == WEFT_STATUS_OK) status = WEFT_I_CHECK_NUMBERS(check, at_limit, limit);
        if (status != WEFT_STATUS_OK) return status;
    }
    return WEFT_STATUS_OK;
}

static weft_status check_chunk(const weft_i_checker *check, int32_t c)
{
    const weft_i_place at = {.array = "chunks", .index = c};
    const weft_chunk *chunk = &check->problem->chunks[c];
    if (weft_i_check_is_empty(chunk->module))
        return weft_i_check_fail(check, at, ".module", "expected a name, found none");
    const weft_i_number numbers[] = {
        {".segment", chunk->segment, INT32_MAX},
        {".rank", chunk->rank, check->problem->n_ranks - 1},
        {".first_layer", chunk->first_layer, INT32_MAX},
        {".layers", chunk->layers, (int64_t)INT32_MAX - chunk->first_layer},
        {".state_bytes", chunk->state_bytes, WEFT_INT_MAX},
        {".reduce_bytes", chunk->reduce_bytes, WEFT_INT_MAX},
        {".reduce_ns", chunk->reduce_ns, WEFT_INT_MAX},
        {".share_ns", chunk->share_ns, WEFT_INT_MAX},
    };
    return WEFT_I_CHECK_NUMBERS(check, at, numbers);
}

static int compare_chunks(const void *left, const void *right)
{
    const weft_chunk *a = *(const weft_chunk *const *)left;
    const weft_chunk *b = *(const weft_chunk *const *)right;
    int by_module = strcmp(a->module, b->module);
    if (by_module != 0) return by_module;
    if (a->segment != b->segment) return a->segment < b->segment ? -1 : 1;
    return (a->rank > b->rank) - (a->rank < b->rank);
}

/* A rank holds at most one chunk of a module's segment. */
static weft_status check_chunks_differ(weft_i_checker *check)
{
    const weft_problem *problem = check->problem;
    int32_t n = problem->n_chunks;
    const weft_chunk **sorted = weft_i_new(&check->arena, const weft_chunk *, n);
    if (!sorted) return weft_i_no_memory(check->error);
    for (int32_t c = 0; c < n; c++)
        sorted[c] = &problem->chunks[c];
    qsort(sorted, (size_t)n, sizeof(*sorted), compare_chunks);
    for (int32_t i = 1; i < n; i++) {
        if (compare_chunks(&sorted[i - 1], &sorted[i]) != 0) continue;
        const weft_chunk *a = sorted[i - 1], *b = sorted[i];
        if (a > b) { /* qsort is not stable */
            a = sorted[i];
            b = sorted[i - 1];
        }
        const weft_i_place at = {.array = "chunks", .index = (int32_t)(b - problem->chunks)};
        return weft_i_check_fail(check, at, "",
                                 "module '%.40s', segment %d on rank %d: already held by chunk %d",
                                 b->module, b->segment, b->rank, (int)(a - problem->chunks));
    }
    return WEFT_STATUS_OK;
}

static weft_status check_items(const weft_i_checker *check, int32_t i)
{
    const weft_submicrobatch *sub = &check->problem->submicrobatches[i];
    for (int32_t k = 0; k < sub->n_items; k++) {
        const weft_item *item = &sub->items[k];
        const weft_i_place at = {
            .array = "submicrobatches", .index = i, .part = "items", .part_index = k};
        const weft_i_number numbers[] = {
            {".sample", item->sample, INT32_MAX},    {".kind", item->kind, WEFT_ITEM_CAPTION},
            {".index", item->index, INT32_MAX},      {".grid[0]", item->grid[0], INT32_MAX},
            {".grid[1]", item->grid[1], INT32_MAX},  {".grid[2]", item->grid[2], INT32_MAX},
            {".tokens", item->tokens, WEFT_INT_MAX},
        };
        weft_status status = WEFT_I_CHECK_NUMBERS(check, at, numbers);
        if (status != WEFT_STATUS_OK) return status;
    }
    return WEFT_STATUS_OK;
}

static weft_status check_submicrobatch(const weft_i_checker *check, int32_t i)
{
    const weft_i_place at = {.array = "submicrobatches", .index = i};
    const weft_submicrobatch *sub = &check->problem->submicrobatches[i];
    if (weft_i_check_is_empty(sub->module)) {
        return weft_i_check_fail(check, at, ".module", "expected a name, found none");
    }
    const weft_i_number numbers[] = {
        {".microbatches", sub->n_microbatches, INT32_MAX},
        {".index", sub->index, INT32_MAX},
        {".tokens", sub->tokens, WEFT_INT_MAX},
        {".items", sub->n_items, INT32_MAX},
    };
    weft_status status = WEFT_I_CHECK_NUMBERS(check, at, numbers);
    for (int32_t k = 0; status == WEFT_STATUS_OK && k < sub->n_microbatches; k++) {
        if (sub->microbatches[k] < 0) {
            status = weft_i_check_fail(check, at, ".microbatches",
                                       "expected microbatches of at least 0, found %d",
                                       sub->microbatches[k]);
        }
    }
    return status == WEFT_STATUS_OK ? check_items(check, i) : status;
}

/* All that needs no stage. */
static weft_status check_parts(weft_i_checker *check)
{
    const weft_problem *problem = check->problem;
    weft_status status = check_counts(check);
    if (status == WEFT_STATUS_OK) status = check_ranks(check);
    for (int32_t c = 0; status == WEFT_STATUS_OK && c < problem->n_chunks; c++)
        status = check_chunk(check, c);
    if (status == WEFT_STATUS_OK) status = check_chunks_differ(check);
    for (int32_t i = 0; status == WEFT_STATUS_OK && i < problem->n_submicrobatches; i++)
        status = check_submicrobatch(check, i);
    return status;
}

weft_status weft_i_problem_check(const weft_problem *problem, const char *path, weft_error *error)
{
    weft_i_checker check = {.problem = problem, .path = path, .error = error};
    weft_status status = check_parts(&check);
    if (status == WEFT_STATUS_OK) status = weft_i_check_stages(&check);
    if (status == WEFT_STATUS_OK) status = weft_i_check_edges(&check);
    if (status == WEFT_STATUS_OK) status = weft_i_check_sums(&check);
    weft_i_arena_free(&check.arena);
    return status;
}

weft_status weft_problem_check(const weft_problem *problem, weft_error *error)
{
    return weft_i_problem_check(problem, "$", error);
}
