/* partition/metis.c - the one file that includes metis.h (METIS 5.1, Apache-2.0; Karypis and Kumar
 * 1998): a graph of layers becomes an undirected one with two weights a vertex. */
#include "partition/metis.h"

#include <assert.h>
#include <math.h>
#include <metis.h>
#include <pthread.h>

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

/* The manual advises recursive bisection for few parts with several constraints. */
static int call_metis(const csr *graph, idx_t n, idx_t k, idx_t *out_part)
{
    idx_t n_constraints = N_CONSTRAINTS, cut, options[METIS_NOPTIONS];
    real_t imbalance[N_CONSTRAINTS] = {1.03F, 1.20F};
    METIS_SetDefaultOptions(options);
    options[METIS_OPTION_SEED] = 1;
    pthread_mutex_lock(&metis_lock);
    int answer = (k <= 8 ? METIS_PartGraphRecursive : METIS_PartGraphKway)(
        &n, &n_constraints, graph->first, graph->neighbours, graph->vertex_weights, NULL,
        graph->edge_weights, &k, NULL, imbalance, options, &cut, out_part);
    pthread_mutex_unlock(&metis_lock);
    return answer;
}

weft_status weft_i_metis_parts(const weft_i_layer_graph *graph, int32_t k, int32_t *out_part)
{
    assert(k >= 2 && sizeof(idx_t) == sizeof(int32_t));
    weft_i_arena arena = {0};
    weft_status status = WEFT_STATUS_NO_MEMORY;
    csr undirected;
    if (csr_build(graph, &arena, &undirected)) {
        int answer = call_metis(&undirected, graph->n, k, out_part);
        status = answer == METIS_OK ? WEFT_STATUS_OK : WEFT_STATUS_FAILED;
    }
    weft_i_arena_free(&arena);
    return status;
}
