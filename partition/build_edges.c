/* partition/build_edges.c - data dependencies: chunk to chunk inside a module, and module to module
 * by the model's edges, where sub-microbatches have samples in common. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "partition/builder.h"

typedef struct edges {
    weft_edge *edges;
    size_t n, cap;
} edges;

/* A forward edge, and the gradient's way back where it flows and both stages have a backward. */
static weft_status add_edges(weft_i_builder *b, edges *to, weft_edge edge, bool gradient)
{
    const weft_stage *stages = b->problem->stages;
    int32_t from_rank = b->problem->chunks[stages[edge.from].chunk].rank;
    int32_t to_rank = b->problem->chunks[stages[edge.to].chunk].rank;
    if (weft_i_grow(&to->edges, &to->cap, to->n + 2, sizeof(*to->edges)))
        return weft_i_no_memory(b->error);
    if (from_rank != to_rank)
        edge.transfer_ns = weft_i_emu_transfer_ns(b->emu, edge.bytes, from_rank, to_rank);
    to->edges[to->n++] = edge;
    if (!gradient || stages[edge.from].backward == WEFT_BACKWARD_NONE ||
        stages[edge.to].backward == WEFT_BACKWARD_NONE)
        return WEFT_STATUS_OK;
    weft_edge back = edge;
    back.pass = WEFT_PASS_BW;
    back.from = edge.to;
    back.to = edge.from;
    if (from_rank != to_rank)
        back.transfer_ns = weft_i_emu_transfer_ns(b->emu, edge.bytes, to_rank, from_rank);
    to->edges[to->n++] = back;
    return WEFT_STATUS_OK;
}

/* From each chunk of a module to its next; ranks that a segment leaves out have no chunk. */
static weft_status add_chain(weft_i_builder *b, edges *to, int32_t p)
{
    int32_t module = b->split.parts[p].module;
    weft_status status = WEFT_STATUS_OK;
    for (int32_t i = 0; status == WEFT_STATUS_OK && i + 1 < b->module_n[module]; i++) {
        const weft_i_choice *choice;
        status = weft_i_stage_costs_get(b->costs, b->part_work[p], b->module_first[module] + i,
                                        b->error, &choice);
        if (status != WEFT_STATUS_OK) return status;
        weft_edge edge = {.pass = WEFT_PASS_FW,
                          .kind = WEFT_EDGE_TOKENS,
                          .from = b->first_stage[p] + i,
                          .to = b->first_stage[p] + i + 1,
                          .bytes = choice->output_bytes};
        status = add_edges(b, to, edge, true);
    }
    return status;
}

/* Sample of an instance in its microbatch, as one number. */
static int64_t key_of(const weft_i_builder *b, const weft_i_part *part, int32_t i)
{
    weft_i_ref ref = b->split.refs[part->first + i];
    int32_t sample = weft_i_ref_item(b->replica, part->module, ref)->sample;
    return ((int64_t)ref.microbatch << 32) | sample;
}

static int by_value(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* What the edges into one sub-microbatch need. */
typedef struct target {
    int32_t part;
    int64_t *keys; /* ascending */
    int32_t n_keys;
    bool *wanted; /* instances of the part that feeds it */
} target;

/* Bytes of the instances of part `from` that the target reads, or -1 where there are none. */
static weft_status shared_bytes(weft_i_builder *b, const target *at, int32_t from,
                                int32_t from_layer, int64_t *out_bytes)
{
    const weft_i_part *part = &b->split.parts[from];
    int32_t n = 0;
    for (int32_t i = 0; i < part->n; i++) {
        int64_t key = key_of(b, part, i);
        at->wanted[i] = bsearch(&key, at->keys, (size_t)at->n_keys, sizeof(key), by_value) != NULL;
    }
    weft_status status = weft_i_build_spans(b, part, at->wanted, &n);
    weft_i_work work = weft_i_spans_work(&b->spans);
    *out_bytes = n > 0 ? weft_i_emu_output_bytes(b->emu, part->module, from_layer, &work) : -1;
    return status;
}

/* To every chunk of the target that has a layer of the edge. */
static weft_status add_model_edge(weft_i_builder *b, edges *to, const target *at,
                                  const weft_model_edge *edge, int32_t from)
{
    const weft_chunk *chunks = b->problem->chunks;
    int64_t bytes;
    weft_status status = shared_bytes(b, at, from, edge->from_layer, &bytes);
    if (status != WEFT_STATUS_OK || bytes < 0) return status;
    const weft_chunk *sources = &chunks[b->module_first[edge->from_module]];
    const weft_chunk *targets = &chunks[b->module_first[edge->to_module]];
    int32_t source = 0;
    while (edge->from_layer >= sources[source].first_layer + sources[source].layers)
        source++;
    for (int32_t i = 0; status == WEFT_STATUS_OK && i < b->module_n[edge->to_module]; i++) {
        int32_t first = targets[i].first_layer, last = first + targets[i].layers - 1;
        if (last < edge->to_first_layer || first > edge->to_last_layer) continue;
        weft_edge added = {.pass = WEFT_PASS_FW,
                           .kind = edge->kind,
                           .from = b->first_stage[from] + source,
                           .to = b->first_stage[at->part] + i,
                           .bytes = bytes};
        status = add_edges(b, to, added, edge->gradient);
    }
    return status;
}

/* Sub-microbatches of another module that may share a sample with the target are those of the
 * groups that its microbatches are in. */
static weft_status add_from_module(weft_i_builder *b, edges *to, const target *at,
                                   const weft_model_edge *edge)
{
    int32_t span = b->split.spans[edge->from_module];
    int32_t first = (int32_t)(at->keys[0] >> 32) / span;
    int32_t last = (int32_t)(at->keys[at->n_keys - 1] >> 32) / span;
    weft_status status = WEFT_STATUS_OK;
    for (int32_t group = first; group <= last; group++) {
        int32_t i = edge->from_module * b->split.n_microbatches + group;
        int32_t begin = b->split.group_first[i], end = begin + b->split.group_n[i];
        for (int32_t p = begin; status == WEFT_STATUS_OK && p < end; p++)
            status = add_model_edge(b, to, at, edge, p);
    }
    return status;
}

static weft_status add_all(weft_i_builder *b, edges *to)
{
    int32_t most = 0;
    for (int32_t p = 0; p < b->split.n_parts; p++)
        if (b->split.parts[p].n > most) most = b->split.parts[p].n;
    target at = {.keys = weft_i_new(&b->scratch, int64_t, most),
                 .wanted = weft_i_new(&b->scratch, bool, most)};
    if (!at.keys || !at.wanted) return weft_i_no_memory(b->error);
    weft_status status = WEFT_STATUS_OK;
    for (int32_t p = 0; status == WEFT_STATUS_OK && p < b->split.n_parts; p++) {
        const weft_i_part *part = &b->split.parts[p];
        at.part = p;
        at.n_keys = part->n;
        for (int32_t i = 0; i < part->n; i++)
            at.keys[i] = key_of(b, part, i);
        qsort(at.keys, (size_t)at.n_keys, sizeof(*at.keys), by_value);
        status = add_chain(b, to, p);
        for (int32_t e = 0; status == WEFT_STATUS_OK && e < b->model->n_edges; e++)
            if (b->model->edges[e].to_module == part->module)
                status = add_from_module(b, to, &at, &b->model->edges[e]);
    }
    return status;
}

weft_status weft_i_build_edges(weft_i_builder *b)
{
    edges all = {0};
    weft_status status = add_all(b, &all);
    if (status == WEFT_STATUS_OK && all.n > INT32_MAX - 1)
        status = weft_i_fail(b->error, WEFT_STATUS_BAD_INPUT, "more than %d edges", INT32_MAX - 1);
    if (status == WEFT_STATUS_OK) {
        b->problem->edges = weft_i_arena_copy(b->arena, all.edges, all.n * sizeof(*all.edges));
        b->problem->n_edges = (int32_t)all.n;
        if (!b->problem->edges) status = weft_i_no_memory(b->error);
    }
    free(all.edges);
    return status;
}
