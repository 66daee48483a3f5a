/* search/timing_focus.c - moves confined to a stretch of the topological order, so that they cost
 * what the stretch is long and not what the whole step is. */
#include <assert.h>

#include "search/timing.h"

/* The first position of a rank whose node is not before a place. */
static int32_t position_from(const weft_i_timing *t, int32_t rank, int32_t place)
{
    int32_t low = 0, high = t->n_order[rank];
    while (low < high) {
        int32_t middle = low + (high - low) / 2;
        if (t->nodes[t->order[rank][middle]].place < place)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void cross(weft_i_timing *t, int32_t from, int64_t latency_ns, const weft_i_pass_node *to)
{
    int64_t way_ns = latency_ns + to->ns + to->tail_ns;
    if (from < 0) {
        t->focus.least_ns = way_ns > t->focus.least_ns ? way_ns : t->focus.least_ns;
    } else if (t->nodes[from].place < t->focus.end) {
        t->focus.crossings[t->focus.n_crossings++] = (weft_i_crossing){from, way_ns};
    }
}

/* All ways over data from before the end of the focus to behind it, and those that begin there. */
static void list_crossings(weft_i_timing *t)
{
    t->focus.n_crossings = 0;
    t->focus.least_ns = 0;
    for (int32_t i = t->focus.end; i < t->n_nodes; i++) {
        const weft_i_pass_node *to = &t->nodes[t->topology[i]];
        cross(t, to->input, to->latency_ns, to);
        for (int32_t k = to->more; k < to->end_more; k++)
            cross(t, t->more_inputs[k].node, t->more_inputs[k].latency_ns, to);
    }
}

void weft_i_timing_focus(weft_i_timing *timing, int32_t begin, int32_t end)
{
    weft_i_timing *t = timing;
    assert(begin >= t->focus.begin && begin < end && end <= t->n_nodes && !t->by_span);
    for (int32_t i = t->focus.end; i < end; i++) {
        weft_i_pass_node *node = &t->nodes[t->topology[i]];
        node->start_ns = weft_i_timing_start(t, node);
    }
    t->focus.begin = begin;
    t->focus.end = end;
    for (int32_t r = 0; r < t->n_ranks; r++) {
        t->focus.first[r] = position_from(t, r, begin);
        t->focus.past[r] = position_from(t, r, end);
    }
    list_crossings(t);
    t->finish_ns = weft_i_timing_finish(t);
}

static void reach(weft_i_timing *t, int32_t node, int64_t way_ns, int64_t *finish_ns)
{
    int64_t ns = t->nodes[node].start_ns + t->nodes[node].ns + way_ns;
    if (ns <= *finish_ns) return;
    *finish_ns = ns;
    t->focus.last = node;
}

int64_t weft_i_timing_finish(weft_i_timing *timing)
{
    weft_i_timing *t = timing;
    int64_t finish_ns = t->focus.least_ns;
    t->focus.last = -1;
    for (int32_t r = 0; r < t->n_ranks; r++) {
        int32_t past = t->focus.past[r];
        if (past == 0) continue;
        int64_t way_ns = 0;
        if (past < t->n_order[r]) {
            const weft_i_pass_node *next = &t->nodes[t->order[r][past]];
            way_ns = next->ns + next->tail_ns;
        }
        reach(t, t->order[r][past - 1], way_ns, &finish_ns);
    }
    for (int32_t i = 0; i < t->focus.n_crossings; i++)
        reach(t, t->focus.crossings[i].node, t->focus.crossings[i].way_ns, &finish_ns);
    return finish_ns;
}
