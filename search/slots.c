/* search/slots.c - the slots that a problem has by itself. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "search/fixed.h"

typedef struct named_chunk {
    const char *module;
    int32_t segment, chunk;
} named_chunk;

static int compare_named(const void *a, const void *b)
{
    const named_chunk *x = a, *y = b;
    int module = strcmp(x->module, y->module);
    if (module != 0) return module;
    if (x->segment != y->segment) return x->segment < y->segment ? -1 : 1;
    return (x->chunk > y->chunk) - (x->chunk < y->chunk);
}

/* Give each chunk the number of its (module, segment) group and each group its first chunk; returns
 * the number of groups. */
static int32_t group_chunks(const weft_problem *problem, named_chunk *names, int32_t *of_chunk,
                            int32_t *first_chunk)
{
    int32_t n = 0;
    for (int32_t c = 0; c < problem->n_chunks; c++)
        names[c] = (named_chunk){problem->chunks[c].module, problem->chunks[c].segment, c};
    qsort(names, (size_t)problem->n_chunks, sizeof *names, compare_named);
    for (int32_t i = 0; i < problem->n_chunks; i++) {
        bool same = i > 0 && names[i].segment == names[i - 1].segment &&
                    strcmp(names[i].module, names[i - 1].module) == 0;
        if (!same) first_chunk[n++] = names[i].chunk;
        of_chunk[names[i].chunk] = n - 1;
    }
    return n;
}

/* level[b] > level[a] for every group b that group a feeds; false when there is a circle. */
static bool find_levels(const weft_problem *problem, const int32_t *of_chunk, int32_t n,
                        int32_t *level)
{
    for (int32_t round = 0; round <= n; round++) {
        bool changed = false;
        for (int32_t e = 0; e < problem->n_edges; e++) {
            const weft_edge *edge = &problem->edges[e];
            int32_t a = of_chunk[problem->stages[edge->from].chunk];
            int32_t b = of_chunk[problem->stages[edge->to].chunk];
            if (edge->pass != WEFT_PASS_FW || a == b || level[b] > level[a]) continue;
            level[b] = level[a] + 1;
            changed = true;
        }
        if (!changed) return true;
    }
    return false;
}

typedef struct leveled_group {
    int32_t level, first_chunk, group;
} leveled_group;

static int compare_leveled(const void *a, const void *b)
{
    const leveled_group *x = a, *y = b;
    if (x->level != y->level) return x->level < y->level ? -1 : 1;
    return (x->first_chunk > y->first_chunk) - (x->first_chunk < y->first_chunk);
}

weft_status weft_i_slots_derive(const weft_i_graph *graph, weft_i_arena *arena, weft_error *error,
                                weft_i_slots *out_slots)
{
    const weft_problem *problem = graph->problem;
    int32_t n_chunks = problem->n_chunks;
    int32_t *of_chunk = weft_i_new(arena, int32_t, n_chunks);
    int32_t *first_chunk = weft_i_new(arena, int32_t, n_chunks);
    int32_t *level = weft_i_new(arena, int32_t, n_chunks);
    int32_t *number = weft_i_new(arena, int32_t, n_chunks);
    named_chunk *names = weft_i_new(arena, named_chunk, n_chunks);
    leveled_group *groups = weft_i_new(arena, leveled_group, n_chunks);
    if (!of_chunk || !first_chunk || !level || !number || !names || !groups)
        return weft_i_no_memory(error);
    int32_t n = group_chunks(problem, names, of_chunk, first_chunk);
    if (!find_levels(problem, of_chunk, n, level))
        return weft_i_fail(error, WEFT_STATUS_FAILED, "data flows in a circle between segments");
    for (int32_t g = 0; g < n; g++)
        groups[g] = (leveled_group){level[g], first_chunk[g], g};
    qsort(groups, (size_t)n, sizeof *groups, compare_leveled);
    for (int32_t i = 0; i < n; i++)
        number[groups[i].group] = i;
    for (int32_t c = 0; c < n_chunks; c++)
        of_chunk[c] = number[of_chunk[c]];
    *out_slots = (weft_i_slots){of_chunk, n};
    return WEFT_STATUS_OK;
}

weft_status weft_i_slots_single(const weft_problem *problem, weft_i_arena *arena, weft_error *error,
                                weft_i_slots *out_slots)
{
    int32_t *of_chunk = weft_i_new(arena, int32_t, problem->n_chunks);
    if (!of_chunk) return weft_i_no_memory(error);
    *out_slots = (weft_i_slots){of_chunk, 1};
    return WEFT_STATUS_OK;
}
