/* partition/linearize.c - from a graph of layers to a line of them: METIS, verified, and
 * topological orders. Graphs have hundreds of layers: O(n^2) will do. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "partition/cut.h"
#include "partition/metis.h"

/* Every layer feeds at most the next one: there is no better line. */
static bool is_chain(const weft_i_layer_graph *graph)
{
    for (int32_t i = 0; i < graph->n_edges; i++)
        if (graph->to[i] != graph->from[i] + 1) return false;
    return true;
}

bool weft_i_cut_parts_usable(const int32_t *part, int32_t n, int32_t k)
{
    for (int32_t i = 0; i < n; i++)
        if (part[i] < 0 || part[i] >= k) return false;
    for (int32_t wanted = 0; wanted < k; wanted++) {
        bool found = false;
        for (int32_t i = 0; i < n && !found; i++)
            found = part[i] == wanted;
        if (!found) return false;
    }
    return true;
}

/* Topological order that takes, of the layers that are free, the one with the least key, then the
 * least number. False where there is a cycle. `waiting` has room for n. */
static bool order_by_key(const weft_i_layer_graph *graph, const double *key, int32_t *waiting,
                         int32_t *out_line)
{
    memset(waiting, 0, (size_t)graph->n * sizeof(*waiting));
    for (int32_t i = 0; i < graph->n_edges; i++)
        waiting[graph->to[i]]++;
    for (int32_t place = 0; place < graph->n; place++) {
        int32_t next = -1;
        for (int32_t i = 0; i < graph->n; i++)
            if (waiting[i] == 0 && (next < 0 || key[i] < key[next])) next = i;
        if (next < 0) return false;
        waiting[next] = -1;
        out_line[place] = next;
        for (int32_t i = 0; i < graph->n_edges; i++)
            if (graph->from[i] == next) waiting[graph->to[i]]--;
    }
    return true;
}

/* Depth of each layer: edges on the longest way to it from a source. */
static void fill_depth(const weft_i_layer_graph *graph, const int32_t *topological,
                       double *out_depth)
{
    memset(out_depth, 0, (size_t)graph->n * sizeof(*out_depth));
    for (int32_t place = 0; place < graph->n; place++)
        for (int32_t i = 0; i < graph->n_edges; i++)
            if (graph->from[i] == topological[place])
                out_depth[graph->to[i]] =
                    fmax(out_depth[graph->to[i]], out_depth[graph->from[i]] + 1);
}

/* Keys that put the parts in the order of their layers' mean depth, one after the other. */
static void keys_of_parts(const weft_i_layer_graph *graph, int32_t k, const int32_t *part,
                          const double *depth, double *mean, double *out_key)
{
    for (int32_t p = 0; p < k; p++) {
        double sum = 0, count = 0;
        for (int32_t i = 0; i < graph->n; i++)
            if (part[i] == p) {
                sum += depth[i];
                count++;
            }
        mean[p] = sum / count;
    }
    for (int32_t i = 0; i < graph->n; i++) {
        int32_t own = part[i], before = 0;
        for (int32_t p = 0; p < k; p++)
            if (mean[p] < mean[own] || (mean[p] == mean[own] && p < own)) before++;
        out_key[i] = before;
    }
}

typedef struct line_quality {
    double slowest, bytes;
} line_quality;

/* What the exact cut makes of a line: time of the slowest piece, bytes that cross. */
static weft_status rate_line(const weft_i_layer_graph *graph, int32_t k, const int32_t *line,
                             weft_i_arena *arena, weft_error *error, line_quality *out)
{
    double *time = weft_i_new(arena, double, graph->n);
    int32_t *cut = weft_i_new(arena, int32_t, k + 1), *piece = weft_i_new(arena, int32_t, graph->n);
    if (!time || !cut || !piece) return weft_i_no_memory(error);
    for (int32_t i = 0; i < graph->n; i++)
        time[i] = graph->time[line[i]];
    weft_status status = weft_i_cut_line(time, graph->n, k, NULL, false, error, cut);
    if (status != WEFT_STATUS_OK) return status;
    line_quality quality = {0, 0};
    for (int32_t j = 0; j < k; j++) {
        double sum = 0;
        for (int32_t i = cut[j]; i < cut[j + 1]; i++) {
            sum += time[i];
            piece[line[i]] = j;
        }
        if (sum > quality.slowest) quality.slowest = sum;
    }
    for (int32_t i = 0; i < graph->n_edges; i++)
        if (piece[graph->from[i]] != piece[graph->to[i]]) quality.bytes += graph->bytes[i];
    *out = quality;
    return WEFT_STATUS_OK;
}

/* Times within 1 % count as equal: then fewer bytes win. */
static bool is_better(line_quality a, line_quality b)
{
    if (a.slowest < 0.99 * b.slowest) return true;
    return a.slowest <= 1.01 * b.slowest && a.bytes < b.bytes;
}

static weft_status lines(const weft_i_layer_graph *graph, int32_t k, const int32_t *part,
                         weft_i_arena *arena, weft_error *error, int32_t *out_line)
{
    size_t n = (size_t)graph->n;
    int32_t *waiting = weft_i_new(arena, int32_t, n), *plain = weft_i_new(arena, int32_t, n);
    int32_t *by_part = weft_i_new(arena, int32_t, n);
    double *key = weft_i_new(arena, double, n), *depth = weft_i_new(arena, double, n);
    double *mean = weft_i_new(arena, double, k);
    if (!waiting || !plain || !by_part || !key || !depth || !mean) return weft_i_no_memory(error);
    if (!order_by_key(graph, key, waiting, plain))
        return weft_i_fail(error, WEFT_STATUS_BAD_INPUT, "the graph of layers has a cycle");

    const int32_t *line = plain;
    if (part && weft_i_cut_parts_usable(part, graph->n, k)) {
        line_quality of_plain, of_parts;
        fill_depth(graph, plain, depth);
        keys_of_parts(graph, k, part, depth, mean, key);
        order_by_key(graph, key, waiting, by_part);
        weft_status status = rate_line(graph, k, plain, arena, error, &of_plain);
        if (status == WEFT_STATUS_OK)
            status = rate_line(graph, k, by_part, arena, error, &of_parts);
        if (status != WEFT_STATUS_OK) return status;
        if (is_better(of_parts, of_plain)) line = by_part;
    }
    memcpy(out_line, line, n * sizeof(*out_line));
    return WEFT_STATUS_OK;
}

weft_status weft_i_cut_linearize_parts(const weft_i_layer_graph *graph, int32_t k,
                                       const int32_t *part, weft_error *error, int32_t *out_line)
{
    assert(graph->n >= 0 && k >= 1);
    weft_i_arena arena = {0};
    weft_status status = lines(graph, k, part, &arena, error, out_line);
    weft_i_arena_free(&arena);
    return status;
}

weft_status weft_i_cut_linearize(const weft_i_layer_graph *graph, int32_t k, weft_error *error,
                                 int32_t *out_line)
{
    if (is_chain(graph) || k < 2 || graph->n <= k)
        return weft_i_cut_linearize_parts(graph, k, NULL, error, out_line);

    weft_i_arena arena = {0};
    int32_t *part = weft_i_new(&arena, int32_t, graph->n);
    weft_status status = part ? weft_i_metis_parts(graph, k, part) : WEFT_STATUS_NO_MEMORY;
    /* Where METIS gives up, the plain order stands in. */
    if (status == WEFT_STATUS_NO_MEMORY)
        weft_i_no_memory(error);
    else
        status = weft_i_cut_linearize_parts(graph, k, status == WEFT_STATUS_OK ? part : NULL, error,
                                            out_line);
    weft_i_arena_free(&arena);
    return status;
}
