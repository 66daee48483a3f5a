/* plan/jitter.c - a plan's orders, timed again and again with passes of random length. */
#include "weft/jitter.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/rng.h"
#include "plan/graph.h"
#include "plan/order_time.h"

enum { MAX_SAMPLES = 1000000 };

/* One replica: its problem with costs that change from sample to sample, and its order. */
typedef struct shaken {
    const weft_pipeline *pipeline;
    weft_problem problem;
    weft_i_graph graph;
    weft_order *order;
} shaken;

/* The passes of a pipeline's actions, rank by rank. */
static weft_order *read_order(const weft_pipeline *pipeline, weft_i_arena *arena)
{
    int32_t n_ranks = pipeline->problem.n_ranks;
    int32_t *capacity = weft_i_new(arena, int32_t, n_ranks);
    if (!capacity) return NULL;
    for (int32_t r = 0; r < n_ranks; r++) {
        for (int32_t i = 0; i < pipeline->ranks[r].n_actions; i++)
            capacity[r] += pipeline->ranks[r].actions[i].kind <= WEFT_ACTION_BWW;
    }
    weft_order *order = weft_order_create(n_ranks, capacity);
    for (int32_t r = 0; order && r < n_ranks; r++) {
        for (int32_t i = 0; i < pipeline->ranks[r].n_actions; i++) {
            const weft_action *action = &pipeline->ranks[r].actions[i];
            if (action->kind > WEFT_ACTION_BWW) continue;
            order->tasks[r][order->n_tasks[r]++] =
                weft_task_make(action->operand, (weft_pass)action->kind);
        }
    }
    return order;
}

static weft_status open_shaken(const weft_pipeline *pipeline, weft_i_arena *arena,
                               weft_error *error, shaken *s)
{
    size_t n = (size_t)pipeline->problem.n_stages;
    s->pipeline = pipeline;
    s->problem = pipeline->problem;
    s->problem.stages =
        weft_i_arena_copy(arena, pipeline->problem.stages, n * sizeof(*s->problem.stages));
    s->order = read_order(pipeline, arena);
    if (!s->problem.stages || !s->order) return weft_i_no_memory(error);
    return weft_i_graph_build(&s->problem, arena, error, &s->graph);
}

static int64_t shake_ns(int64_t ns, double jitter, weft_i_rng *rng)
{
    double factor = 1 + jitter * (2 * weft_i_rng_double(rng) - 1);
    return (int64_t)((double)ns * factor + 0.5);
}

static void shake(shaken *s, double jitter, weft_i_rng *rng)
{
    for (int32_t i = 0; i < s->problem.n_stages; i++) {
        const weft_cost *planned = &s->pipeline->problem.stages[i].now.cost;
        weft_cost *cost = &s->problem.stages[i].now.cost;
        cost->fw_ns = shake_ns(planned->fw_ns, jitter, rng);
        cost->bw_ns = shake_ns(planned->bw_ns, jitter, rng);
        cost->bwi_ns = shake_ns(planned->bwi_ns, jitter, rng);
        cost->bww_ns = shake_ns(planned->bww_ns, jitter, rng);
    }
}

/* Slowest replica of one sample. */
static weft_status sample(shaken *replicas, int32_t n, double jitter, weft_i_rng *rng,
                          weft_error *error, int64_t *out_ns)
{
    *out_ns = 0;
    for (int32_t i = 0; i < n; i++) {
        weft_schedule_time time;
        shaken *s = &replicas[i];
        shake(s, jitter, rng);
        weft_status status = weft_i_order_time(&s->graph, s->order, error, NULL, NULL, &time);
        if (status != WEFT_STATUS_OK) return status;
        if (time.pipeline_ns > *out_ns) *out_ns = time.pipeline_ns;
    }
    return WEFT_STATUS_OK;
}

static int compare_ns(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* The smallest of the sorted samples that `percent` of a hundred do not exceed. */
static int64_t percentile(const int64_t *sorted, int32_t n, int32_t percent)
{
    int64_t rank = ((int64_t)n * percent + 99) / 100;
    return sorted[rank > 0 ? rank - 1 : 0];
}

static weft_spread summarize(int64_t *samples, int32_t n, int64_t rest_ns)
{
    double sum = 0;
    for (int32_t i = 0; i < n; i++)
        sum += (double)samples[i];
    qsort(samples, (size_t)n, sizeof(*samples), compare_ns);
    return (weft_spread){.n_samples = n,
                         .mean_ns = rest_ns + (int64_t)(sum / n + 0.5),
                         .p50_ns = rest_ns + percentile(samples, n, 50),
                         .p95_ns = rest_ns + percentile(samples, n, 95),
                         .worst_ns = rest_ns + samples[n - 1]};
}

static weft_status run(const weft_plan *plan, double jitter, int32_t n_samples, uint64_t seed,
                       shaken *replicas, weft_i_arena *arena, weft_error *error,
                       weft_spread *out_spread)
{
    weft_i_rng rng;
    int64_t longest = 0, *samples = weft_i_new(arena, int64_t, n_samples);
    weft_status status = samples ? WEFT_STATUS_OK : weft_i_no_memory(error);
    for (int32_t i = 0; status == WEFT_STATUS_OK && i < plan->n_pipelines; i++) {
        status = open_shaken(&plan->pipelines[i], arena, error, &replicas[i]);
        if (plan->pipelines[i].pipeline_ns > longest) longest = plan->pipelines[i].pipeline_ns;
    }
    weft_i_rng_seed(&rng, seed);
    for (int32_t i = 0; status == WEFT_STATUS_OK && i < n_samples; i++)
        status = sample(replicas, plan->n_pipelines, jitter, &rng, error, &samples[i]);
    if (status != WEFT_STATUS_OK) return status;
    *out_spread = summarize(samples, n_samples, plan->predicted.step_ns - longest);
    out_spread->jitter = jitter;
    out_spread->predicted_ns = plan->predicted.step_ns;
    return WEFT_STATUS_OK;
}

weft_status weft_plan_jitter(const weft_plan *plan, double jitter, int32_t n_samples, uint64_t seed,
                             weft_error *error, weft_spread *out_spread)
{
    if (!(jitter >= 0 && jitter < 1))
        return weft_i_fail(error, WEFT_STATUS_USAGE, "jitter of %g, expected 0 or more, below 1",
                           jitter);
    if (n_samples < 1 || n_samples > MAX_SAMPLES)
        return weft_i_fail(error, WEFT_STATUS_USAGE, "%d samples, expected 1 to %d", n_samples,
                           MAX_SAMPLES);
    weft_i_arena arena = {0};
    weft_status status = WEFT_STATUS_NO_MEMORY;
    shaken *replicas = weft_i_new(&arena, shaken, plan->n_pipelines);
    if (replicas)
        status = run(plan, jitter, n_samples, seed, replicas, &arena, error, out_spread);
    else
        weft_i_no_memory(error);
    for (int32_t i = 0; replicas && i < plan->n_pipelines; i++)
        weft_order_free(replicas[i].order);
    weft_i_arena_free(&arena);
    return status;
}
