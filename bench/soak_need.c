/* bench/soak_need.c - the least memory that any order of a problem needs, by reachability. */
#include "bench/soak_verify.h"

#include <stdlib.h>
#include <string.h>

/* Node 2 * stage is its forward, 2 * stage + 1 its backward. */
typedef struct reach {
    const weft_problem *problem;
    int32_t n;    /* nodes */
    bool *before; /* before[a * n + b]: a comes before b in every order */
} reach;

static bool has_backward(const weft_problem *problem, int32_t stage)
{
    return problem->stages[stage].backward != WEFT_BACKWARD_NONE;
}

static void mark(const reach *r, int32_t from, int32_t to)
{
    r->before[(size_t)from * (size_t)r->n + (size_t)to] = true;
}

static bool comes_before(const reach *r, int32_t from, int32_t to)
{
    return r->before[(size_t)from * (size_t)r->n + (size_t)to];
}

/* Warshall's algorithm. */
static void close_up(const reach *r)
{
    size_t n = (size_t)r->n;
    for (int32_t via = 0; via < r->n; via++) {
        const bool *onward = r->before + (size_t)via * n;
        for (int32_t from = 0; from < r->n; from++) {
            if (!comes_before(r, from, via)) continue;
            bool *row = r->before + (size_t)from * n;
            for (size_t to = 0; to < n; to++)
                row[to] = row[to] || onward[to];
        }
    }
}

static bool open_reach(const weft_problem *problem, reach *out)
{
    *out = (reach){.problem = problem, .n = 2 * problem->n_stages};
    out->before = calloc((size_t)out->n * (size_t)out->n + 1, sizeof *out->before);
    if (!out->before) return false;
    for (int32_t s = 0; s < problem->n_stages; s++)
        if (has_backward(problem, s)) mark(out, 2 * s, 2 * s + 1);
    for (int32_t e = 0; e < problem->n_edges; e++) {
        const weft_edge *edge = &problem->edges[e];
        int is_backward = edge->pass == WEFT_PASS_BW;
        mark(out, 2 * edge->from + is_backward, 2 * edge->to + is_backward);
    }
    close_up(out);
    return true;
}

static int64_t less(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Saved bytes of a candidate, and what it works with in a pass, unless pass < 0. A backward is
 * split or not. */
static int64_t bytes_of(const weft_cost *cost, int pass)
{
    if (pass < 0) return cost->saved_bytes;
    if (pass == WEFT_PASS_FW) return cost->saved_bytes + cost->work_bytes[WEFT_PASS_FW];
    return cost->saved_bytes +
           less(cost->work_bytes[WEFT_PASS_BW],
                weft_cost_can_split(cost) ? cost->work_bytes[WEFT_PASS_BWI] : WEFT_INT_MAX);
}

static int64_t leanest(const weft_stage *stage, int pass)
{
    if (stage->n_candidates == 0) return bytes_of(&stage->now.cost, pass);
    int64_t least = WEFT_INT_MAX;
    for (int32_t k = 0; k < stage->n_candidates; k++)
        least = less(least, bytes_of(&stage->candidates[k].cost, pass));
    return least;
}

static int32_t rank_of(const weft_problem *problem, int32_t stage)
{
    return problem->chunks[problem->stages[stage].chunk].rank;
}

/* Bytes of what comes into or goes out of a node. */
static int64_t message_bytes(const weft_problem *problem, int32_t node)
{
    int64_t bytes = 0;
    for (int32_t e = 0; e < problem->n_edges; e++) {
        const weft_edge *edge = &problem->edges[e];
        int is_backward = edge->pass == WEFT_PASS_BW;
        if (2 * edge->from + is_backward == node || 2 * edge->to + is_backward == node)
            bytes += edge->bytes;
    }
    return bytes;
}

/* What is live on each rank while `node` runs. */
static void add_moment(const reach *r, int32_t node, int64_t *live)
{
    const weft_problem *problem = r->problem;
    int32_t own = rank_of(problem, node / 2);
    for (int32_t rank = 0; rank < problem->n_ranks; rank++)
        live[rank] = problem->static_bytes[rank];
    for (int32_t s = 0; s < problem->n_stages; s++) {
        if (!has_backward(problem, s)) continue;
        bool is_own = s == node / 2;
        bool is_held = comes_before(r, 2 * s, node) && comes_before(r, node, 2 * s + 1);
        if (is_held && !is_own) live[rank_of(problem, s)] += leanest(&problem->stages[s], -1);
    }
    live[own] += leanest(&problem->stages[node / 2], node % 2 ? WEFT_PASS_BW : WEFT_PASS_FW) +
                 message_bytes(problem, node);
}

bool soak_least_bytes(const weft_problem *problem, int64_t *out_bytes)
{
    reach r;
    int64_t *live = calloc((size_t)problem->n_ranks, sizeof *live);
    if (!live || !open_reach(problem, &r)) {
        free(live);
        return false;
    }
    memcpy(out_bytes, problem->static_bytes, (size_t)problem->n_ranks * sizeof *out_bytes);
    for (int32_t node = 0; node < r.n; node++) {
        if (node % 2 && !has_backward(problem, node / 2)) continue;
        add_moment(&r, node, live);
        for (int32_t rank = 0; rank < problem->n_ranks; rank++)
            out_bytes[rank] = live[rank] > out_bytes[rank] ? live[rank] : out_bytes[rank];
    }
    free(r.before);
    free(live);
    return true;
}
