/* plan/pipeline_json_out.c - writing what weft.problem and weft.plan have in common. Every key that
 * a plan must have is written, so that the two look alike; others only where they say something.
 */
#include <string.h>

#include "plan/pipeline_json.h"

void weft_i_write_word(weft_i_json_out *out, const char *key, const char *words, int place)
{
    char word[32];
    for (; place > 0; place--)
        words = strchr(words, '|') + 1;
    size_t n = strcspn(words, "|");
    memcpy(word, words, n);
    word[n] = '\0';
    weft_i_json_put_key_string(out, key, word);
}

static void open_item(weft_i_json_out *out)
{
    weft_i_json_compact(out);
    weft_i_json_open_object(out);
}

static void open_array(weft_i_json_out *out, const char *key)
{
    weft_i_json_key(out, key);
    weft_i_json_open_array(out);
}

void weft_i_write_int32s(weft_i_json_out *out, const char *key, const int32_t *values, int32_t n)
{
    weft_i_json_compact(out);
    open_array(out, key);
    for (int32_t i = 0; i < n; i++)
        weft_i_json_put_int(out, values[i]);
    weft_i_json_close_array(out);
}

void weft_i_write_parallel(weft_i_json_out *out, const weft_parallel *parallel)
{
    weft_i_json_key(out, "parallel");
    open_item(out);
    weft_i_json_put_key_int(out, "dp", parallel->dp);
    weft_i_json_put_key_int(out, "pp", parallel->pp);
    weft_i_json_put_key_int(out, "tp", parallel->tp);
    weft_i_json_put_key_int(out, "cp", parallel->cp);
    weft_i_json_put_key_int(out, "ep", parallel->ep);
    weft_i_json_close_object(out);
}

void weft_i_write_shared(weft_i_json_out *out, const weft_shared *shared, int32_t n)
{
    open_array(out, "shared");
    for (const weft_shared *tensor = shared; tensor < shared + n; tensor++) {
        open_item(out);
        weft_i_json_put_key_string(out, "name", tensor->name);
        weft_i_write_int32s(out, "chunks", tensor->chunks, tensor->n_chunks);
        weft_i_json_put_key_int(out, "bytes", tensor->bytes);
        weft_i_json_close_object(out);
    }
    weft_i_json_close_array(out);
}

void weft_i_write_chunks(weft_i_json_out *out, const weft_chunk *chunks, int32_t n)
{
    open_array(out, "chunks");
    for (const weft_chunk *chunk = chunks; chunk < chunks + n; chunk++) {
        open_item(out);
        weft_i_json_put_key_string(out, "module", chunk->module);
        weft_i_json_put_key_int(out, "segment", chunk->segment);
        weft_i_json_put_key_int(out, "rank", chunk->rank);
        weft_i_json_put_key_int(out, "first_layer", chunk->first_layer);
        weft_i_json_put_key_int(out, "layers", chunk->layers);
        weft_i_json_put_key_int(out, "state_bytes", chunk->state_bytes);
        weft_i_json_put_key_int(out, "reduce_bytes", chunk->reduce_bytes);
        weft_i_json_put_key_int(out, "reduce_ns", chunk->reduce_ns);
        if (chunk->share_ns > 0) weft_i_json_put_key_int(out, "share_ns", chunk->share_ns);
        weft_i_json_close_object(out);
    }
    weft_i_json_close_array(out);
}

static void write_limits(weft_i_json_out *out, const weft_problem *problem, bool is_plan)
{
    weft_i_json_compact(out);
    open_array(out, "limit_bytes");
    for (int32_t r = 0; r < problem->n_ranks; r++) {
        if (!is_plan && problem->limit_bytes[r] == WEFT_INT_MAX) {
            weft_i_json_put_null(out);
        } else {
            weft_i_json_put_int(out, problem->limit_bytes[r]);
        }
    }
    weft_i_json_close_array(out);
}

static void write_item(weft_i_json_out *out, const weft_item *item)
{
    weft_i_json_open_object(out);
    weft_i_json_put_key_int(out, "sample", item->sample);
    weft_i_write_word(out, "kind", WEFT_I_ITEM_KIND_WORDS, (int)item->kind);
    weft_i_json_put_key_int(out, "index", item->index);
    weft_i_write_int32s(out, "grid", item->grid, 3);
    weft_i_json_put_key_int(out, "tokens", item->tokens);
    weft_i_json_close_object(out);
}

static void write_submicrobatch(weft_i_json_out *out, const weft_submicrobatch *sub)
{
    open_item(out);
    weft_i_json_put_key_string(out, "module", sub->module);
    weft_i_write_int32s(out, "microbatches", sub->microbatches, sub->n_microbatches);
    weft_i_json_put_key_int(out, "index", sub->index);
    weft_i_json_put_key_int(out, "tokens", sub->tokens);
    open_array(out, "items");
    for (int32_t i = 0; i < sub->n_items; i++)
        write_item(out, &sub->items[i]);
    weft_i_json_close_array(out);
    weft_i_json_close_object(out);
}

static void write_candidate(weft_i_json_out *out, const weft_candidate *candidate)
{
    const weft_cost *cost = &candidate->cost;
    weft_i_json_put_key_int(out, "fw_ns", cost->fw_ns);
    weft_i_json_put_key_int(out, "bw_ns", cost->bw_ns);
    weft_i_json_put_key_int(out, "bwi_ns", cost->bwi_ns);
    weft_i_json_put_key_int(out, "bww_ns", cost->bww_ns);
    weft_i_json_put_key_int(out, "recompute_ns", cost->recompute_ns);
    weft_i_json_put_key_int(out, "saved_bytes", cost->saved_bytes);
    weft_i_json_put_key_int(out, "held_bytes", cost->held_bytes);
    weft_i_json_key(out, "work_bytes");
    weft_i_json_open_object(out);
    weft_i_json_put_key_int(out, "fw", cost->work_bytes[WEFT_PASS_FW]);
    weft_i_json_put_key_int(out, "bw", cost->work_bytes[WEFT_PASS_BW]);
    weft_i_json_put_key_int(out, "bwi", cost->work_bytes[WEFT_PASS_BWI]);
    weft_i_json_put_key_int(out, "bww", cost->work_bytes[WEFT_PASS_BWW]);
    weft_i_json_close_object(out);
    open_array(out, "memory");
    for (int32_t i = 0; i < candidate->n_memory; i++) {
        weft_i_json_open_array(out);
        weft_i_json_put_string(out, candidate->memory[i].strategy);
        weft_i_json_put_int(out, candidate->memory[i].layers);
        weft_i_json_close_array(out);
    }
    weft_i_json_close_array(out);
}

/* Keys that only problems have. */
static void write_choices(weft_i_json_out *out, const weft_stage *stage)
{
    if (stage->label >= 0) weft_i_json_put_key_int(out, "label", stage->label);
    if (stage->n_candidates == 0) return;
    open_array(out, "candidates");
    for (int32_t i = 0; i < stage->n_candidates; i++) {
        weft_i_json_open_object(out);
        write_candidate(out, &stage->candidates[i]);
        weft_i_json_close_object(out);
    }
    weft_i_json_close_array(out);
}

static void write_stage(weft_i_json_out *out, const weft_stage *stage, bool is_plan)
{
    open_item(out);
    weft_i_json_put_key_int(out, "chunk", stage->chunk);
    weft_i_json_put_key_int(out, "submicrobatch", stage->submicrobatch);
    weft_i_write_word(out, "backward", WEFT_I_BACKWARD_WORDS, (int)stage->backward);
    write_candidate(out, &stage->now);
    if (stage->ready_ns > 0) weft_i_json_put_key_int(out, "ready_ns", stage->ready_ns);
    if (!is_plan) write_choices(out, stage);
    weft_i_json_close_object(out);
}

static void write_edge(weft_i_json_out *out, const weft_edge *edge)
{
    open_item(out);
    weft_i_write_word(out, "pass", WEFT_I_EDGE_PASS_WORDS, (int)edge->pass);
    weft_i_json_put_key_int(out, "from", edge->from);
    weft_i_json_put_key_int(out, "to", edge->to);
    weft_i_write_word(out, "kind", WEFT_I_EDGE_KIND_WORDS, (int)edge->kind);
    weft_i_json_put_key_int(out, "bytes", edge->bytes);
    weft_i_json_put_key_int(out, "transfer_ns", edge->transfer_ns);
    weft_i_json_close_object(out);
}

void weft_i_write_pipeline(weft_i_json_out *out, const weft_problem *problem, bool is_plan)
{
    weft_i_json_put_key_ints(out, "static_bytes", problem->static_bytes, (size_t)problem->n_ranks);
    write_limits(out, problem, is_plan);
    open_array(out, "submicrobatches");
    for (int32_t i = 0; i < problem->n_submicrobatches; i++)
        write_submicrobatch(out, &problem->submicrobatches[i]);
    weft_i_json_close_array(out);
    open_array(out, "stages");
    for (int32_t s = 0; s < problem->n_stages; s++)
        write_stage(out, &problem->stages[s], is_plan);
    weft_i_json_close_array(out);
    open_array(out, "edges");
    for (int32_t e = 0; e < problem->n_edges; e++)
        write_edge(out, &problem->edges[e]);
    weft_i_json_close_array(out);
}
