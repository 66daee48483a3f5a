/* search/last_way.c - see last_way.h. */
#include "search/last_way.h"

#include <math.h>
#include <stdlib.h>

#include "base/error.h"

/* Work that takes memory. */
typedef struct item {
    int64_t ns, bytes;
} item;

static int compare_items(const void *a, const void *b)
{
    const item *x = a, *y = b;
    double first = (double)x->ns * (double)y->bytes, second = (double)y->ns * (double)x->bytes;
    return (first < second) - (first > second);
}

/* The most work that fits, where the last item may be cut: the densest first. */
static int64_t most_work(item *items, int32_t n, int64_t room)
{
    int64_t sum = 0;
    qsort(items, (size_t)n, sizeof *items, compare_items);
    for (int32_t i = 0; i < n; i++) {
        if (items[i].bytes > room) {
            double part = (double)room / (double)items[i].bytes * (1 + 1e-12); /* rounded up */
            return sum + (int64_t)ceil((double)items[i].ns * part);
        }
        sum += items[i].ns;
        room -= items[i].bytes;
    }
    return sum;
}

/* A rank's forwards with what they save; a forward without a backward takes nothing. */
static int32_t list_forwards(const weft_i_relax *relax, int32_t rank, item *items)
{
    const weft_problem *problem = relax->graph->problem;
    int32_t n = 0;
    for (int32_t s = 0; s < problem->n_stages; s++) {
        const weft_cost *cost = &problem->stages[s].now.cost;
        if (relax->graph->rank[s] != rank) continue;
        items[n++] =
            (item){cost->fw_ns, weft_i_relax_has_backward(relax, s) ? cost->saved_bytes : 0};
    }
    return n;
}

/* What a stage may still have to do after its forward, with what it then holds: all of its
 * backward, or the rest. Both count, although only one of them can be. */
static int32_t list_backwards(const weft_i_relax *relax, int32_t rank, item *items)
{
    const weft_problem *problem = relax->graph->problem;
    int32_t n = 0;
    for (int32_t s = 0; s < problem->n_stages; s++) {
        const weft_cost *cost = &problem->stages[s].now.cost;
        if (relax->graph->rank[s] != rank || !weft_i_relax_has_backward(relax, s)) continue;
        items[n++] = (item){relax->first_ns[s] + relax->rest_ns[s], cost->saved_bytes};
        if (relax->rest_ns[s] > 0) items[n++] = (item){relax->rest_ns[s], cost->held_bytes};
    }
    return n;
}

static void sum_rank(weft_i_last_way *l, int32_t rank, int64_t room, item *items)
{
    int32_t n_backwards = list_backwards(l->relax, rank, items);
    l->work_ns[rank] = -1;
    if (n_backwards == 0 || room == WEFT_INT_MAX) return;
    l->left_ns[rank] = most_work(items, n_backwards, room);
    int32_t n = list_forwards(l->relax, rank, items);
    l->ahead_ns[rank] = most_work(items, n, room);
    l->work_ns[rank] = 0;
}

weft_status weft_i_last_way_open(const weft_i_relax *relax, const int64_t *room_bytes,
                                 weft_i_arena *arena, weft_error *error,
                                 weft_i_last_way *out_last_way)
{
    int32_t n_ranks = relax->graph->problem->n_ranks, n_stages = relax->graph->problem->n_stages;
    weft_i_last_way l = {.relax = relax};
    int64_t **const arrays[] = {&l.work_ns,  &l.ahead_ns,    &l.left_ns,
                                &l.begin_ns, &l.backward_ns, &l.tail_ns};
    item *items = weft_i_new(arena, item, 2 * (size_t)n_stages);
    if (!items) return weft_i_no_memory(error);
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
        if (!(*arrays[i] = weft_i_new(arena, int64_t, n_ranks))) return weft_i_no_memory(error);
    for (int32_t r = 0; r < n_ranks; r++)
        sum_rank(&l, r, room_bytes[r], items);
    for (int32_t s = 0; s < n_stages; s++) {
        int32_t r = relax->graph->rank[s];
        if (l.work_ns[r] >= 0) l.work_ns[r] += weft_i_relax_work(relax, s);
    }
    *out_last_way = l;
    return WEFT_STATUS_OK;
}

static void keep_least(int64_t *least, int64_t value)
{
    if (value < *least) *least = value;
}

static void find_ways(const weft_i_last_way *l, const weft_i_rank_ways *ways)
{
    const weft_i_relax *relax = l->relax;
    const weft_problem *problem = relax->graph->problem;
    for (int32_t r = 0; r < problem->n_ranks; r++)
        l->begin_ns[r] = l->backward_ns[r] = l->tail_ns[r] = WEFT_INT_MAX;
    for (int32_t s = 0; s < problem->n_stages; s++) {
        int32_t r = relax->graph->rank[s];
        keep_least(&l->begin_ns[r], ways->fw_head[s]);
        keep_least(&l->tail_ns[r], ways->fw_tail[s]);
        if (!weft_i_relax_has_backward(relax, s)) continue;
        keep_least(&l->begin_ns[r], ways->bw_head[s]);
        keep_least(&l->backward_ns[r], ways->bw_head[s]);
    }
}

int64_t weft_i_last_way_bound(const weft_i_last_way *last_way, const weft_i_rank_ways *ways)
{
    const weft_i_last_way *l = last_way;
    int64_t bound = 0;
    find_ways(l, ways);
    for (int32_t r = 0; r < l->relax->graph->problem->n_ranks; r++) {
        if (l->work_ns[r] < 0 || l->begin_ns[r] < 0 || l->tail_ns[r] < 0) continue;
        int64_t ahead = l->backward_ns[r] - l->begin_ns[r];
        keep_least(&ahead, l->ahead_ns[r]);
        int64_t later = l->work_ns[r] - l->left_ns[r] - ahead;
        if (later <= 0) continue;
        int64_t end = l->backward_ns[r] + later + l->tail_ns[r];
        bound = end > bound ? end : bound;
    }
    return bound;
}
