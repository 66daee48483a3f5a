/* search/fixed.c - gpipe, 1f1b, vpp, zb-h1 and optimus as per-rank scripts of units.
 *
 * A script gives every unit (slot, microbatch) of a rank a place for its forward, its backward and
 * its weight gradients; the rank's passes are then sorted by the place of their unit. */
#include "search/fixed.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "search/flow.h"
#include "search/zb_v.h"

const char *weft_i_fixed_name(weft_i_fixed_kind kind)
{
    static const char *const names[] = {"gpipe", "1f1b", "vpp", "zb-h1", "optimus", "zb-v"};
    return names[kind];
}

/* Places of one rank's units, by slot * n_microbatches + microbatch. */
typedef struct unit_script {
    int32_t n_microbatches;
    int32_t next;
    int32_t *fw, *bw, *bww;
} unit_script;

/* Slots first..first + n - 1 and microbatches begin..end - 1. */
typedef struct unit_block {
    int32_t first, n;
    int32_t begin, end;
} unit_block;

static void put(unit_script *script, int32_t *places, int32_t slot, int32_t microbatch)
{
    places[slot * script->n_microbatches + microbatch] = script->next++;
}

static void put_forwards(unit_script *script, unit_block block)
{
    for (int32_t slot = block.first; slot < block.first + block.n; slot++)
        for (int32_t m = block.begin; m < block.end; m++)
            put(script, script->fw, slot, m);
}

static void put_backwards(unit_script *script, unit_block block)
{
    for (int32_t slot = block.first + block.n - 1; slot >= block.first; slot--)
        for (int32_t m = block.begin; m < block.end; m++)
            put(script, script->bw, slot, m);
}

/* The i-th forward of Megatron's interleaved order: groups of `n_ranks` microbatches, all slots of
 * a group in turn. Backwards take the slots from the last. */
static void put_virtual(unit_script *script, int32_t *places, unit_block block, int32_t n_ranks,
                        int32_t i)
{
    int32_t group = n_ranks * block.n;
    int32_t slot = i % group / n_ranks;
    int32_t m = block.begin + i / group * n_ranks + i % n_ranks;
    if (places == script->bw) slot = block.n - 1 - slot;
    if (m < block.end) put(script, places, block.first + slot, m);
}

static void put_interleaved(unit_script *script, unit_block block, int32_t n_ranks, int32_t rank)
{
    int32_t n_groups = (block.end - block.begin + n_ranks - 1) / n_ranks;
    int32_t n = n_groups * n_ranks * block.n;
    int32_t warm_up = n_ranks - rank - 1;
    if (block.n > 1) warm_up = 2 * warm_up + (block.n - 1) * n_ranks;
    warm_up = warm_up < n ? warm_up : n;
    for (int32_t i = 0; i < warm_up; i++)
        put_virtual(script, script->fw, block, n_ranks, i);
    for (int32_t i = 0; i < n; i++) {
        if (i + warm_up < n) put_virtual(script, script->fw, block, n_ranks, i + warm_up);
        put_virtual(script, script->bw, block, n_ranks, i);
    }
}

/* Rank r has P-r microbatches in flight under 1F1B; r weight gradients put off make that P. */
static void put_zb_h1(unit_script *script, int32_t n_ranks, int32_t rank)
{
    int32_t n = script->n_microbatches, warm_up = n_ranks - rank - 1;
    for (int32_t m = 0; m < warm_up && m < n; m++)
        put(script, script->fw, 0, m);
    for (int32_t m = 0; m < n; m++) {
        if (m + warm_up < n) put(script, script->fw, 0, m + warm_up);
        put(script, script->bw, 0, m);
        if (m >= rank) put(script, script->bww, 0, m - rank);
    }
    for (int32_t m = n > rank ? n - rank : 0; m < n; m++)
        put(script, script->bww, 0, m);
}

static void put_optimus(unit_script *script, unit_block encoders, unit_block last, int32_t group,
                        int32_t n_ranks, int32_t rank)
{
    int32_t n = script->n_microbatches;
    if (group <= 0 || group > n) group = n;
    for (int32_t begin = 0; begin < n; begin += group) {
        encoders.begin = last.begin = begin;
        encoders.end = last.end = n - begin < group ? n : begin + group;
        put_forwards(script, encoders);
        put_interleaved(script, last, n_ranks, rank);
        put_backwards(script, encoders);
    }
}

/* How many slots at the end hold chunks of the last slot's modules only. */
static int32_t count_last_slots(const weft_problem *problem, const weft_i_slots *slots)
{
    const char *module = NULL;
    int32_t first = 0;
    for (int32_t c = 0; c < problem->n_chunks; c++)
        if (slots->of_chunk[c] == slots->n - 1) module = problem->chunks[c].module;
    for (int32_t c = 0; c < problem->n_chunks; c++)
        if (module && strcmp(problem->chunks[c].module, module) != 0)
            first = slots->of_chunk[c] + 1 > first ? slots->of_chunk[c] + 1 : first;
    return first < slots->n ? slots->n - first : 1;
}

static void write_script(unit_script *script, const weft_problem *problem, weft_i_fixed_kind kind,
                         const weft_i_slots *slots, int32_t group, int32_t rank)
{
    unit_block all = {0, slots->n, 0, script->n_microbatches};
    int32_t n_last = count_last_slots(problem, slots);
    unit_block encoders = {0, slots->n - n_last, 0, 0}, last = {slots->n - n_last, n_last, 0, 0};
    script->next = 0;
    switch (kind) {
    case WEFT_I_FIXED_GPIPE:
        put_forwards(script, all);
        put_backwards(script, all);
        break;
    case WEFT_I_FIXED_1F1B:
    case WEFT_I_FIXED_VPP:
        put_interleaved(script, all, problem->n_ranks, rank);
        break;
    case WEFT_I_FIXED_ZB_H1:
        put_zb_h1(script, problem->n_ranks, rank);
        break;
    case WEFT_I_FIXED_OPTIMUS:
        put_optimus(script, encoders, last, group, problem->n_ranks, rank);
        break;
    case WEFT_I_FIXED_ZB_V: /* not made of units */
        break;
    }
}

/* A pass with what it is sorted by: the place of its unit, then its place inside. */
typedef struct item {
    int32_t unit, place;
    weft_task task;
} item;

static int compare_items(const void *a, const void *b)
{
    const item *x = a, *y = b;
    if (x->unit != y->unit) return x->unit < y->unit ? -1 : 1;
    if (x->place != y->place) return x->place < y->place ? -1 : 1;
    return (x->task > y->task) - (x->task < y->task);
}

/* The passes of one stage; returns how many. */
static int32_t list_passes(const weft_i_flow *flow, const unit_script *script,
                           const weft_stage *stage, int32_t number, int32_t slot, bool split,
                           item *items)
{
    int32_t n = script->n_microbatches;
    int32_t fw = script->fw[slot * n + flow->fw_microbatch[number]];
    int32_t unit = slot * n + flow->bw_microbatch[number];
    bool two = split && stage->backward == WEFT_BACKWARD_FULL &&
               stage->now.cost.bwi_ns + stage->now.cost.bww_ns > 0;
    items[0] = (item){fw, flow->fw_place[number], weft_task_make(number, WEFT_PASS_FW)};
    if (stage->backward == WEFT_BACKWARD_NONE) return 1;
    items[1] = (item){script->bw[unit], flow->bw_place[number],
                      weft_task_make(number, two ? WEFT_PASS_BWI : WEFT_PASS_BW)};
    if (!two) return 2;
    items[2] =
        (item){script->bww[unit], flow->bw_place[number], weft_task_make(number, WEFT_PASS_BWW)};
    return 3;
}

static weft_status check_edges(const weft_i_graph *graph, weft_i_fixed_kind kind,
                               const weft_i_slots *slots, weft_error *error)
{
    const weft_problem *problem = graph->problem;
    bool single = kind == WEFT_I_FIXED_1F1B || kind == WEFT_I_FIXED_ZB_H1;
    if (single && slots->n != 1)
        return weft_i_fail(error, WEFT_STATUS_FAILED, "%s takes one slot, not %d",
                           weft_i_fixed_name(kind), slots->n);
    for (int32_t e = 0; e < problem->n_edges; e++) {
        const weft_edge *edge = &problem->edges[e];
        bool forward = edge->pass == WEFT_PASS_FW;
        int32_t from = forward ? edge->from : edge->to, to = forward ? edge->to : edge->from;
        int32_t a = slots->of_chunk[problem->stages[from].chunk];
        int32_t b = slots->of_chunk[problem->stages[to].chunk];
        bool ranks_rise = kind == WEFT_I_FIXED_GPIPE || graph->rank[from] <= graph->rank[to];
        if (a > b || (a == b && !ranks_rise))
            return weft_i_fail(error, WEFT_STATUS_FAILED,
                               "%s cannot run edge %d, from slot %d of rank %d to slot %d of "
                               "rank %d",
                               weft_i_fixed_name(kind), e, a, graph->rank[from], b,
                               graph->rank[to]);
    }
    return WEFT_STATUS_OK;
}

/* Where the stages of each rank begin in an array sorted by rank; n_ranks + 1 entries. */
static int32_t *index_ranks(const weft_i_graph *graph, weft_i_arena *arena, int32_t *stages)
{
    const weft_problem *problem = graph->problem;
    int32_t *first = weft_i_new(arena, int32_t, problem->n_ranks + 1);
    int32_t *next = weft_i_new(arena, int32_t, problem->n_ranks + 1);
    if (!first || !next) return NULL;
    for (int32_t r = 0; r < problem->n_ranks; r++)
        next[r + 1] = first[r + 1] = first[r] + graph->n_rank_stages[r];
    for (int32_t s = 0; s < problem->n_stages; s++)
        stages[next[graph->rank[s]]++] = s;
    return first;
}

static weft_status fill_order(const weft_i_graph *graph, weft_i_fixed_kind kind,
                              const weft_i_slots *slots, int32_t group, weft_i_arena *arena,
                              weft_error *error, weft_order *order)
{
    const weft_problem *problem = graph->problem;
    weft_i_flow flow;
    weft_status status = weft_i_flow_build(graph, arena, error, &flow);
    if (status != WEFT_STATUS_OK) return status;
    size_t n_units = (size_t)slots->n * (size_t)(flow.n_microbatches + problem->n_ranks);
    if (n_units > INT32_MAX / 3)
        return weft_i_fail(error, WEFT_STATUS_FAILED,
                           "%d slots of %d microbatches on %d ranks are too many", slots->n,
                           flow.n_microbatches, problem->n_ranks);
    unit_script script = {flow.n_microbatches, 0, weft_i_new(arena, int32_t, n_units),
                          weft_i_new(arena, int32_t, n_units), weft_i_new(arena, int32_t, n_units)};
    item *items = weft_i_new(arena, item, 3 * (size_t)problem->n_stages);
    int32_t *stages = weft_i_new(arena, int32_t, problem->n_stages);
    int32_t *first = stages ? index_ranks(graph, arena, stages) : NULL;
    if (!script.fw || !script.bw || !script.bww || !items || !first) return weft_i_no_memory(error);
    for (int32_t r = 0; r < problem->n_ranks; r++) {
        int32_t n = 0;
        write_script(&script, problem, kind, slots, group, r);
        for (int32_t i = first[r]; i < first[r + 1]; i++)
            n += list_passes(&flow, &script, &problem->stages[stages[i]], stages[i],
                             slots->of_chunk[problem->stages[stages[i]].chunk],
                             kind == WEFT_I_FIXED_ZB_H1, items + n);
        qsort(items, (size_t)n, sizeof *items, compare_items);
        for (int32_t i = 0; i < n; i++)
            order->tasks[r][i] = items[i].task;
        order->n_tasks[r] = n;
    }
    return WEFT_STATUS_OK;
}

/* An empty order with room for every pass; NULL when out of memory. */
static weft_order *create_order(const weft_i_graph *graph, weft_i_arena *arena)
{
    int32_t *capacity = weft_i_new(arena, int32_t, graph->problem->n_ranks);
    if (!capacity) return NULL;
    for (int32_t r = 0; r < graph->problem->n_ranks; r++)
        capacity[r] = 3 * graph->n_rank_stages[r];
    return weft_order_create(graph->problem->n_ranks, capacity);
}

weft_status weft_i_order_fixed(const weft_i_graph *graph, weft_i_fixed_kind kind,
                               const weft_i_slots *slots, int32_t group, weft_error *error,
                               weft_order **out_order)
{
    weft_i_arena arena = {0};
    if (kind == WEFT_I_FIXED_ZB_V) return weft_i_order_zb_v(graph, NULL, error, out_order);
    weft_status status = check_edges(graph, kind, slots, error);
    if (status != WEFT_STATUS_OK) return status;
    weft_order *order = create_order(graph, &arena);
    if (!order)
        status = weft_i_no_memory(error);
    else
        status = fill_order(graph, kind, slots, group, &arena, error, order);
    weft_i_arena_free(&arena);
    if (status == WEFT_STATUS_OK)
        *out_order = order;
    else
        weft_order_free(order);
    return status;
}
