/* partition/work.c - spans of instances, tile by tile where tiles are apart. */
#include "partition/work.h"

#include <stdlib.h>

#include "base/error.h"
#include "partition/token_flow.h"

weft_status weft_i_spans_add(weft_i_spans *spans, const weft_input_rule *rule,
                             const weft_item *item, int64_t context, weft_error *error)
{
    int64_t tile = (int64_t)item->grid[1] * item->grid[2];
    bool in_tiles = rule->kind == WEFT_INPUT_TILES && tile > 0 && item->tokens % tile == 0 &&
                    item->tokens / tile == item->grid[0];
    size_t n = in_tiles ? (size_t)item->grid[0] : 1;
    if (weft_i_grow(&spans->spans, &spans->cap, spans->n + n, sizeof(*spans->spans)))
        return weft_i_no_memory(error);
    for (size_t i = 0; i < n; i++)
        spans->spans[spans->n++] = (weft_i_span){in_tiles ? tile : item->tokens, context};
    spans->tokens = weft_i_add_tokens(spans->tokens, item->tokens);
    return WEFT_STATUS_OK;
}

weft_status weft_i_spans_add_all(weft_i_spans *spans, const weft_input_rule *rule,
                                 const weft_i_instances *instances, weft_error *error)
{
    weft_status status = WEFT_STATUS_OK;
    for (int32_t i = 0; status == WEFT_STATUS_OK && i < instances->n_items; i++)
        status = weft_i_spans_add(spans, rule, &instances->items[i], instances->context_tokens[i],
                                  error);
    return status;
}

void weft_i_spans_clear(weft_i_spans *spans)
{
    spans->n = 0;
    spans->tokens = 0;
}

void weft_i_spans_free(weft_i_spans *spans)
{
    free(spans->spans);
    *spans = (weft_i_spans){0};
}

static int longest_first(const void *a, const void *b)
{
    const weft_i_span *x = a, *y = b;
    if (x->tokens != y->tokens) return x->tokens > y->tokens ? -1 : 1;
    return x->context > y->context ? -1 : x->context < y->context;
}

weft_i_work weft_i_spans_work(weft_i_spans *spans)
{
    if (spans->n > 0) qsort(spans->spans, spans->n, sizeof(*spans->spans), longest_first);
    return (weft_i_work){spans->tokens, spans->spans, (int32_t)spans->n};
}

int64_t weft_i_cost_ns(const weft_cost *cost)
{
    int64_t split = cost->bwi_ns + cost->bww_ns;
    bool is_quicker = weft_cost_can_split(cost) && split < cost->bw_ns;
    return cost->fw_ns + (is_quicker ? split : cost->bw_ns);
}

int32_t weft_i_strategies(const weft_recipe *recipe, weft_i_strategy out[WEFT_I_N_STRATEGIES])
{
    const bool allowed[WEFT_I_STRATEGY_SET] = {recipe->allow_none, recipe->allow_selective,
                                               recipe->allow_full, recipe->allow_offload};
    int32_t n = 0;
    for (int s = 0; s < WEFT_I_STRATEGY_SET; s++)
        if (allowed[s]) out[n++] = (weft_i_strategy)s;
    for (int32_t i = 0; i < recipe->n_recompute_sets; i++)
        out[n++] = (weft_i_strategy)(WEFT_I_STRATEGY_SET + i);
    if (n == 0) out[n++] = WEFT_I_STRATEGY_NONE;
    return n;
}
