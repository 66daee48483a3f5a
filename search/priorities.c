/* search/priorities.c - see priorities.h. */
#include "search/priorities.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "weft/order.h"

/* A stage, with what its group is known by. */
typedef struct member {
    const char *module;
    int32_t microbatch, label, stage;
} member;

/* Where a group comes in data order, and which it is. */
typedef struct group_place {
    int32_t microbatch, place, group;
} group_place;

static int compare(int32_t a, int32_t b)
{
    return (a > b) - (a < b);
}

static int by_module(const void *a, const void *b)
{
    const member *x = a, *y = b;
    int order = compare(x->microbatch, y->microbatch);
    if (order == 0) order = strcmp(x->module, y->module);
    return order != 0 ? order : compare(x->stage, y->stage);
}

static int by_label(const void *a, const void *b)
{
    const member *x = a, *y = b;
    int order = compare(x->label, y->label);
    return order != 0 ? order : compare(x->stage, y->stage);
}

static int by_place(const void *a, const void *b)
{
    const group_place *x = a, *y = b;
    int order = compare(x->microbatch, y->microbatch);
    return order != 0 ? order : compare(x->place, y->place);
}

/* The stage that stands for the stage's group, in a forest of joined stages. */
static int32_t find_root(int32_t *parent, int32_t stage)
{
    while (parent[stage] != stage)
        stage = parent[stage] = parent[parent[stage]];
    return stage;
}

static void list_members(const weft_problem *problem, const weft_i_flow *flow, member *members)
{
    for (int32_t s = 0; s < problem->n_stages; s++) {
        const weft_stage *stage = &problem->stages[s];
        int32_t sub = stage->submicrobatch, first = flow->first_of_sub[sub];
        bool any = first < flow->first_of_sub[sub + 1];
        members[s] = (member){problem->chunks[stage->chunk].module, any ? flow->of_sub[first] : 0,
                              stage->label, s};
    }
}

static void join_members(member *members, int32_t n, int32_t *parent)
{
    for (int32_t s = 0; s < n; s++)
        parent[s] = s;
    qsort(members, (size_t)n, sizeof *members, by_module);
    for (int32_t i = 1; i < n; i++)
        if (members[i].microbatch == members[i - 1].microbatch &&
            strcmp(members[i].module, members[i - 1].module) == 0)
            parent[find_root(parent, members[i].stage)] = find_root(parent, members[i - 1].stage);
    qsort(members, (size_t)n, sizeof *members, by_label);
    for (int32_t i = 1; i < n; i++)
        if (members[i].label >= 0 && members[i].label == members[i - 1].label)
            parent[find_root(parent, members[i].stage)] = find_root(parent, members[i - 1].stage);
}

/* Number the groups by their first forwards. `number` holds, for each root, its group. */
static int32_t number_groups(const weft_i_flow *flow, int32_t n_stages, int32_t *parent,
                             group_place *places, int32_t *number)
{
    int32_t n = 0;
    for (int32_t s = 0; s < n_stages; s++)
        number[s] = -1;
    for (int32_t s = 0; s < n_stages; s++) {
        int32_t root = find_root(parent, s);
        group_place here = {flow->fw_microbatch[s], flow->fw_place[s], root};
        if (number[root] < 0) {
            number[root] = n;
            places[n++] = here;
        } else if (by_place(&here, &places[number[root]]) < 0) {
            places[number[root]] = here;
        }
    }
    qsort(places, (size_t)n, sizeof *places, by_place);
    for (int32_t g = 0; g < n; g++)
        number[places[g].group] = g;
    return n;
}

weft_status weft_i_groups_build(const weft_i_graph *graph, const weft_i_flow *flow,
                                weft_i_arena *arena, weft_error *error, weft_i_groups *out_groups)
{
    const weft_problem *problem = graph->problem;
    size_t n = (size_t)problem->n_stages;
    member *members = weft_i_new(arena, member, n);
    group_place *places = weft_i_new(arena, group_place, n);
    int32_t *parent = weft_i_new(arena, int32_t, n);
    int32_t *number = weft_i_new(arena, int32_t, n);
    int32_t *of_stage = weft_i_new(arena, int32_t, n);
    if (!members || !places || !parent || !number || !of_stage) return weft_i_no_memory(error);
    list_members(problem, flow, members);
    join_members(members, problem->n_stages, parent);
    int32_t n_groups = number_groups(flow, problem->n_stages, parent, places, number);
    for (int32_t s = 0; s < problem->n_stages; s++)
        of_stage[s] = number[find_root(parent, s)];
    *out_groups = (weft_i_groups){n_groups, of_stage};
    return WEFT_STATUS_OK;
}

void weft_i_groups_keys(const weft_i_groups *groups, const weft_i_flow *flow, int32_t n_stages,
                        const int32_t *place, int64_t *key)
{
    for (int32_t s = 0; s < n_stages; s++) {
        int64_t first = (int64_t)place[groups->of_stage[s]] * n_stages;
        key[weft_task_make(s, WEFT_PASS_FW)] = first + flow->fw_place[s];
        for (int pass = WEFT_PASS_BW; pass <= WEFT_PASS_BWW; pass++)
            key[weft_task_make(s, (weft_pass)pass)] = first + flow->bw_place[s];
    }
}

void weft_i_groups_turns(const weft_i_groups *groups, const weft_i_graph *graph,
                         const weft_i_flow *flow, const int32_t *place, int32_t *last,
                         int32_t *count, int32_t *turn)
{
    const weft_problem *problem = graph->problem;
    memset(last, 0, (size_t)flow->n_microbatches * sizeof *last);
    memset(count, 0, ((size_t)groups->n + 1) * sizeof *count);
    for (int32_t s = 0; s < problem->n_stages; s++) {
        int32_t sub = problem->stages[s].submicrobatch, here = place[groups->of_stage[s]];
        for (int32_t i = flow->first_of_sub[sub]; i < flow->first_of_sub[sub + 1]; i++)
            if (here > last[flow->of_sub[i]]) last[flow->of_sub[i]] = here;
    }
    for (int32_t m = 0; m < flow->n_microbatches; m++)
        count[last[m] + 1]++;
    for (int32_t g = 0; g < groups->n; g++)
        count[g + 1] += count[g];
    for (int32_t m = 0; m < flow->n_microbatches; m++)
        turn[m] = count[last[m]]++;
}
