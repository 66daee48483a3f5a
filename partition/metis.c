/* partition/metis.c - the one file that includes metis.h (METIS 5.1, Apache-2.0; Karypis and Kumar
 * 1998): a graph of layers becomes an undirected one with two weights a vertex. */
#include "partition/metis.h"

#include <assert.h>
#include <math.h>
#include <metis.h>
#include <pthread.h>
#include <string.h>

#include "base/arena.h"

enum { N_CONSTRAINTS = 2, WEIGHT_SUM = 1000000, LARGEST_EDGE = 10000 };

/* METIS draws from the C library's rand() and traps signals while it runs: one call at a time. */
static pthread_mutex_t metis_lock = PTHREAD_MUTEX_INITIALIZER;

typedef struct csr {
    idx_t *first, *neighbours, *edge_weights, *vertex_weights;
} csr;

static double largest_of(const double *values, int32_t n)
{
    double largest = 0;
    for (int32_t i = 0; i < n; i++)
        if (values[i] > largest) largest = values[i];
    return largest;
}

/* Vertex weights of one constraint, that sum to about WEIGHT_SUM; all 1 where all are 0, since a
 * constraint without weight cannot be balanced. */
static void fill_weights(const double *values, int32_t n, int32_t constraint, idx_t *out_weights)
{
    double sum = 0;
    for (int32_t i = 0; i < n; i++)
        sum += values[i];
    for (int32_t i = 0; i < n; i++) {
        double scaled = sum > 0 ? values[i] / sum * WEIGHT_SUM : 1;
        out_weights[i * N_CONSTRAINTS + constraint] = (idx_t)lround(scaled);
    }
}

static void fill_neighbours(const weft_i_layer_graph *graph, const csr *out)
{
    double largest = largest_of(graph->bytes, graph->n_edges);
    double scale = largest > 0 ? LARGEST_EDGE / largest : 0;
    for (int32_t i = 0; i < graph->n_edges; i++) {
        out->first[graph->from[i] + 1]++;
        out->first[graph->to[i] + 1]++;
    }
    for (int32_t i = 0; i < graph->n; i++)
        out->first[i + 1] += out->first[i];
    /* Filling moves each start to its end; afterwards all are moved back by one place. */
    for (int32_t i = 0; i < graph->n_edges; i++) {
        idx_t weight = 1 + (idx_t)lround(graph->bytes[i] * scale);
        idx_t a = out->first[graph->from[i]]++, b = out->first[graph->to[i]]++;
        out->neighbours[a] = graph->to[i];
        out->neighbours[b] = graph->from[i];
        out->edge_weights[a] = out->edge_weights[b] = weight;
    }
    for (int32_t i = graph->n; i > 0; i--)
        out->first[i] = out->first[i - 1];
    out->first[0] = 0;
}

static bool csr_build(const weft_i_layer_graph *graph, weft_i_arena *arena, csr *out)
{
    size_t n = (size_t)graph->n, n_ends = 2 * (size_t)graph->n_edges;
    out->first = weft_i_new(arena, idx_t, n + 1);
    out->neighbours = weft_i_new(arena, idx_t, n_ends);
    out->edge_weights = weft_i_new(arena, idx_t, n_ends);
    out->vertex_weights = weft_i_new(arena, idx_t, n * N_CONSTRAINTS);
    if (!out->first || !out->neighbours || !out->edge_weights || !out->vertex_weights) return false;
    fill_neighbours(graph, out);
    fill_weights(graph->time, graph->n, 0, out->vertex_weights);
    fill_weights(graph->state, graph->n, 1, out->vertex_weights);
    return true;
}

/* Bisect: out_side[i] 0 for about `share` of both weights, else 1. */
static int call_metis(const csr *graph, idx_t n, double share, double tolerance, idx_t *out_side)
{
    idx_t two = 2, n_constraints = N_CONSTRAINTS, cut, options[METIS_NOPTIONS];
    real_t low = (real_t)share, high = 1 - low, shares[] = {low, low, high, high};
    real_t imbalance[N_CONSTRAINTS] = {(real_t)pow(1.03, tolerance), (real_t)pow(1.20, tolerance)};
    METIS_SetDefaultOptions(options);
    options[METIS_OPTION_SEED] = 1;
    pthread_mutex_lock(&metis_lock);
    int answer = METIS_PartGraphRecursive(&n, &n_constraints, graph->first, graph->neighbours,
                                          graph->vertex_weights, NULL, graph->edge_weights, &two,
                                          shares, imbalance, options, &cut, out_side);
    pthread_mutex_unlock(&metis_lock);
    return answer;
}

/* The layers of one part, as a graph of their own. */
typedef struct subgraph {
    weft_i_layer_graph graph;
    int32_t *layer; /* of the whole graph */
} subgraph;

static bool subgraph_build(const weft_i_layer_graph *graph, const int32_t *part, int32_t which,
                           weft_i_arena *arena, subgraph *out)
{
    size_t n = (size_t)graph->n, n_edges = (size_t)graph->n_edges;
    int32_t *layer = weft_i_new(arena, int32_t, n), *place = weft_i_new(arena, int32_t, n);
    int32_t *from = weft_i_new(arena, int32_t, n_edges), *to = weft_i_new(arena, int32_t, n_edges);
    double *time = weft_i_new(arena, double, n), *state = weft_i_new(arena, double, n);
    double *bytes = weft_i_new(arena, double, n_edges);
    if (!layer || !place || !from || !to || !time || !state || !bytes) return false;
    int32_t n_kept = 0, n_edges_kept = 0;
    for (int32_t i = 0; i < graph->n; i++) {
        if (part[i] != which) continue;
        time[n_kept] = graph->time[i];
        state[n_kept] = graph->state[i];
        layer[n_kept] = i;
        place[i] = n_kept++;
    }
    for (int32_t i = 0; i < graph->n_edges; i++) {
        if (part[graph->from[i]] != which || part[graph->to[i]] != which) continue;
        from[n_edges_kept] = place[graph->from[i]];
        to[n_edges_kept] = place[graph->to[i]];
        bytes[n_edges_kept++] = graph->bytes[i];
    }
    out->graph = (weft_i_layer_graph){n_kept, time, state, n_edges_kept, from, to, bytes};
    out->layer = layer;
    return true;
}

/* Cut the layers of part `first` into parts first..first+k-1, each time in two: METIS's own way to
 * more parts prints to stdout where a side comes out empty. The manual advises bisection for
 * several constraints, too. */
static weft_status bisect(const weft_i_layer_graph *graph, int32_t first, int32_t k,
                          double tolerance, int32_t *part)
{
    if (k == 1) return WEFT_STATUS_OK;
    weft_i_arena arena = {0};
    weft_status status = WEFT_STATUS_NO_MEMORY;
    int32_t low = k / 2, n_low = 0;
    subgraph sub = {.layer = NULL};
    csr undirected;
    bool built = subgraph_build(graph, part, first, &arena, &sub) &&
                 csr_build(&sub.graph, &arena, &undirected);
    int32_t n = sub.graph.n;
    idx_t *side = built ? weft_i_new(&arena, idx_t, n) : NULL;
    if (side) {
        int answer = call_metis(&undirected, n, (double)low / k, tolerance, side);
        status = answer == METIS_OK ? WEFT_STATUS_OK : WEFT_STATUS_FAILED;
    }
    for (int32_t i = 0; status == WEFT_STATUS_OK && i < n; i++) {
        n_low += side[i] == 0;
        if (side[i] != 0) part[sub.layer[i]] = first + low;
    }
    weft_i_arena_free(&arena);
    if (status == WEFT_STATUS_OK && (n_low < low || n - n_low < k - low))
        status = WEFT_STATUS_FAILED;
    if (status == WEFT_STATUS_OK) status = bisect(graph, first, low, tolerance, part);
    if (status == WEFT_STATUS_OK) status = bisect(graph, first + low, k - low, tolerance, part);
    return status;
}

weft_status weft_i_metis_parts(const weft_i_layer_graph *graph, int32_t k, int32_t *out_part)
{
    assert(k >= 2 && sizeof(idx_t) == sizeof(int32_t));
    if (graph->n < k) return WEFT_STATUS_FAILED;
    memset(out_part, 0, (size_t)graph->n * sizeof(*out_part));
    return bisect(graph, 0, k, 1 / ceil(log2(k)), out_part);
}
