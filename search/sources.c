/* search/sources.c - see sources.h. */
#include "search/sources.h"

#include "base/error.h"

/* Group the sources by chunk; their order within one comes with the turns. */
static void list(weft_i_sources *sources)
{
    const weft_i_net *net = sources->net;
    const weft_problem *problem = net->graph->problem;
    int32_t *first = sources->first;
    for (int32_t s = 0; s < net->n_stages; s++)
        if (weft_i_is_source(net, weft_task_make(s, WEFT_PASS_FW)))
            first[problem->stages[s].chunk + 1]++;
    for (int32_t c = 0; c < problem->n_chunks; c++) {
        first[c + 1] += first[c];
        sources->next[c] = first[c];
    }
    for (int32_t s = 0; s < net->n_stages; s++) {
        weft_task task = weft_task_make(s, WEFT_PASS_FW);
        if (weft_i_is_source(net, task))
            sources->tasks[sources->next[problem->stages[s].chunk]++] = task;
    }
}

weft_status weft_i_sources_create(const weft_i_net *net, weft_i_arena *arena, weft_error *error,
                                  weft_i_sources *out_sources)
{
    size_t n_chunks = (size_t)net->graph->problem->n_chunks;
    weft_i_sources sources = {.net = net,
                              .tasks = weft_i_new(arena, weft_task, net->n_stages),
                              .first = weft_i_new(arena, int32_t, n_chunks + 1),
                              .next = weft_i_new(arena, int32_t, n_chunks)};
    if (!sources.tasks || !sources.first || !sources.next) return weft_i_no_memory(error);
    list(&sources);
    *out_sources = sources;
    return WEFT_STATUS_OK;
}

/* One source, with what it is sorted by. */
typedef struct source {
    int32_t turn;
    int64_t key;
    weft_task task;
} source;

static bool comes_before(const source *a, const source *b)
{
    if (a->turn != b->turn) return a->turn < b->turn;
    if (a->key != b->key) return a->key < b->key;
    return a->task < b->task;
}

/* Insertion sort: between runs the order changes little. */
static void sort(weft_i_sources *sources, int32_t chunk, const int32_t *turn, const int64_t *key)
{
    weft_task *tasks = sources->tasks;
    for (int32_t i = sources->first[chunk] + 1; i < sources->first[chunk + 1]; i++) {
        weft_task t = tasks[i];
        source item = {turn[weft_task_stage(t)], key[t], t};
        int32_t j = i;
        for (; j > sources->first[chunk]; j--) {
            weft_task u = tasks[j - 1];
            source other = {turn[weft_task_stage(u)], key[u], u};
            if (comes_before(&other, &item)) break;
            tasks[j] = u;
        }
        tasks[j] = t;
    }
}

void weft_i_sources_reset(weft_i_sources *sources, const int32_t *turn, const int64_t *key)
{
    for (int32_t c = 0; c < sources->net->graph->problem->n_chunks; c++) {
        sources->next[c] = sources->first[c];
        sort(sources, c, turn, key);
    }
}
