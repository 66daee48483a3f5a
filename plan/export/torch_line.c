/* plan/export/torch_line.c - see torch_line.h. Chunks must form a line, and the stages of each a
 * sub-microbatch must form a chain along it. */
#include "plan/export/torch_line.h"

#include <stdlib.h>

#include "base/error.h"

typedef struct line {
    const weft_pipeline *pipeline;
    const weft_problem *problem;
    weft_error *error;
    weft_i_arena arena;
    int32_t *next, *previous; /* of each chunk; -1 = none */
    int32_t *place;           /* of each chunk along the line */
    int32_t *chunk;           /* at each place */
    int32_t first;            /* chunk */
    int32_t *taken_from;      /* of each stage, what hands its input on; -1 = none */
    int32_t *handed_to;       /* of each stage; -1 = none */
    int32_t *microbatch;      /* of each stage; -1 = not known yet */
} line;

static weft_status choose(const weft_plan *plan, int32_t replica, weft_error *error,
                          const weft_pipeline **out)
{
    if (replica < 0 && plan->n_pipelines > 1)
        return weft_i_fail(error, WEFT_STATUS_USAGE,
                           "the plan has %d replicas, expected the number of one",
                           plan->n_pipelines);
    for (int32_t i = 0; i < plan->n_pipelines; i++) {
        if (replica >= 0 && plan->pipelines[i].replica != replica) continue;
        *out = &plan->pipelines[i];
        return WEFT_STATUS_OK;
    }
    return weft_i_fail(error, WEFT_STATUS_USAGE, "the plan has no replica %d", replica);
}

static int32_t *make_none(line *l, int32_t n)
{
    int32_t *made = weft_i_new(&l->arena, int32_t, n);
    for (int32_t i = 0; made && i < n; i++)
        made[i] = -1;
    return made;
}

static weft_status make(line *l)
{
    int32_t n_chunks = l->problem->n_chunks, n_stages = l->problem->n_stages;
    l->next = make_none(l, n_chunks);
    l->previous = make_none(l, n_chunks);
    l->place = make_none(l, n_chunks);
    l->chunk = make_none(l, n_chunks);
    l->taken_from = make_none(l, n_stages);
    l->handed_to = make_none(l, n_stages);
    l->microbatch = make_none(l, n_stages);
    if (!l->next || !l->previous || !l->place || !l->chunk || !l->taken_from || !l->handed_to ||
        !l->microbatch)
        return weft_i_no_memory(l->error);
    return WEFT_STATUS_OK;
}

/* --- chunks: one line --- */

static weft_status join_chunks(line *l, int32_t from, int32_t to)
{
    if (from == to)
        return weft_i_fail(l->error, WEFT_STATUS_FAILED,
                           "chunk %d hands data to itself, expected stages in one line", from);
    if (l->next[from] >= 0 && l->next[from] != to)
        return weft_i_fail(l->error, WEFT_STATUS_FAILED,
                           "chunk %d hands data to chunks %d and %d, expected stages in one line",
                           from, l->next[from], to);
    if (l->previous[to] >= 0 && l->previous[to] != from)
        return weft_i_fail(l->error, WEFT_STATUS_FAILED,
                           "chunk %d takes data from chunks %d and %d, expected stages in one line",
                           to, l->previous[to], from);
    l->next[from] = to;
    l->previous[to] = from;
    return WEFT_STATUS_OK;
}

static weft_status find_line(line *l)
{
    const weft_problem *problem = l->problem;
    for (int32_t e = 0; e < problem->n_edges; e++) {
        const weft_edge *edge = &problem->edges[e];
        if (edge->pass != WEFT_PASS_FW) continue;
        weft_status status =
            join_chunks(l, problem->stages[edge->from].chunk, problem->stages[edge->to].chunk);
        if (status != WEFT_STATUS_OK) return status;
    }
    l->first = -1;
    for (int32_t c = 0; c < problem->n_chunks; c++) {
        if (l->previous[c] >= 0) continue;
        if (l->first >= 0)
            return weft_i_fail(l->error, WEFT_STATUS_FAILED,
                               "chunks %d and %d both take no data, expected stages in one line",
                               l->first, c);
        l->first = c;
    }
    if (l->first < 0)
        return weft_i_fail(l->error, WEFT_STATUS_FAILED,
                           "chunks hand data round in a circle, expected stages in one line");
    int32_t place = 0;
    for (int32_t c = l->first; c >= 0; c = l->next[c]) {
        l->chunk[place] = c;
        l->place[c] = place++;
    }
    return WEFT_STATUS_OK;
}

/* --- stages: one chain a microbatch --- */

static weft_status join_stages(line *l, const weft_edge *edge)
{
    if (l->handed_to[edge->from] >= 0)
        return weft_i_fail(l->error, WEFT_STATUS_FAILED,
                           "stage %d hands data to stages %d and %d, expected one a microbatch",
                           edge->from, l->handed_to[edge->from], edge->to);
    if (l->taken_from[edge->to] >= 0)
        return weft_i_fail(l->error, WEFT_STATUS_FAILED,
                           "stage %d takes data from stages %d and %d, expected one a microbatch",
                           edge->to, l->taken_from[edge->to], edge->from);
    l->handed_to[edge->from] = edge->to;
    l->taken_from[edge->to] = edge->from;
    return WEFT_STATUS_OK;
}

/* Every stage has a backward, and a neighbour wherever its chunk has one. */
static weft_status check_stage(const line *l, int32_t s)
{
    const weft_stage *stage = &l->problem->stages[s];
    if (stage->backward == WEFT_BACKWARD_NONE)
        return weft_i_fail(
            l->error, WEFT_STATUS_FAILED,
            "stage %d of module '%.60s' is frozen, expected a backward of each stage", s,
            l->problem->chunks[stage->chunk].module);
    if (l->taken_from[s] < 0 && l->previous[stage->chunk] >= 0)
        return weft_i_fail(l->error, WEFT_STATUS_FAILED,
                           "stage %d takes no data, expected some from chunk %d", s,
                           l->previous[stage->chunk]);
    if (l->handed_to[s] < 0 && l->next[stage->chunk] >= 0)
        return weft_i_fail(l->error, WEFT_STATUS_FAILED,
                           "stage %d hands no data on, expected some to chunk %d", s,
                           l->next[stage->chunk]);
    return WEFT_STATUS_OK;
}

/* Gradients go the way back of the data, all of it: a backward there waits for them. */
static weft_status check_gradients(line *l)
{
    const weft_problem *problem = l->problem;
    bool *has_gradient = weft_i_new(&l->arena, bool, problem->n_stages);
    if (!has_gradient) return weft_i_no_memory(l->error);
    for (int32_t e = 0; e < problem->n_edges; e++) {
        const weft_edge *edge = &problem->edges[e];
        if (edge->pass == WEFT_PASS_FW) continue;
        if (l->handed_to[edge->to] != edge->from)
            return weft_i_fail(l->error, WEFT_STATUS_FAILED,
                               "a gradient of stage %d goes to stage %d, expected to stage %d",
                               edge->from, edge->to, l->taken_from[edge->from]);
        has_gradient[edge->to] = true;
    }
    for (int32_t s = 0; s < problem->n_stages; s++) {
        if (l->handed_to[s] >= 0 && !has_gradient[s])
            return weft_i_fail(l->error, WEFT_STATUS_FAILED,
                               "stage %d takes no gradient, expected one from stage %d", s,
                               l->handed_to[s]);
    }
    return WEFT_STATUS_OK;
}

/* A stage of the first chunk. */
typedef struct head {
    int32_t microbatch, index, stage;
} head;

static int compare(int32_t a, int32_t b)
{
    return (a > b) - (a < b);
}

static int compare_heads(const void *a, const void *b)
{
    const head *x = a, *y = b;
    int by_microbatch = compare(x->microbatch, y->microbatch);
    int by_index = compare(x->index, y->index);
    return by_microbatch ? by_microbatch : by_index ? by_index : compare(x->stage, y->stage);
}

/* Number the first chunk's stages by microbatch, then by place among its sub-microbatches; the
 * others follow along their chains. */
static weft_status number_microbatches(line *l)
{
    const weft_problem *problem = l->problem;
    int32_t n = 0;
    head *heads = weft_i_new(&l->arena, head, problem->n_stages);
    if (!heads) return weft_i_no_memory(l->error);
    for (int32_t s = 0; s < problem->n_stages; s++) {
        const weft_stage *stage = &problem->stages[s];
        const weft_submicrobatch *sub = &problem->submicrobatches[stage->submicrobatch];
        int32_t microbatch = sub->n_microbatches > 0 ? sub->microbatches[0] : -1;
        if (stage->chunk == l->first) heads[n++] = (head){microbatch, sub->index, s};
    }
    qsort(heads, (size_t)n, sizeof(*heads), compare_heads);
    for (int32_t i = 0; i < n; i++) {
        for (int32_t s = heads[i].stage; s >= 0; s = l->handed_to[s])
            l->microbatch[s] = i;
    }
    return WEFT_STATUS_OK;
}

static weft_status find_chains(line *l)
{
    const weft_problem *problem = l->problem;
    weft_status status = WEFT_STATUS_OK;
    for (int32_t e = 0; e < problem->n_edges && status == WEFT_STATUS_OK; e++) {
        if (problem->edges[e].pass == WEFT_PASS_FW) status = join_stages(l, &problem->edges[e]);
    }
    for (int32_t s = 0; s < problem->n_stages && status == WEFT_STATUS_OK; s++)
        status = check_stage(l, s);
    if (status == WEFT_STATUS_OK) status = check_gradients(l);
    if (status == WEFT_STATUS_OK) status = number_microbatches(l);
    return status;
}

/* --- ranks --- */

static weft_status check_rank(const line *l, int32_t rank)
{
    const weft_rank_actions *actions = &l->pipeline->ranks[rank];
    int32_t n_passes = 0;
    for (int32_t a = 0; a < actions->n_actions; a++) {
        n_passes += actions->actions[a].kind <= WEFT_ACTION_BWW;
        if (actions->actions[a].kind == WEFT_ACTION_OFFLOAD)
            return weft_i_fail(l->error, WEFT_STATUS_FAILED,
                               "rank %d offloads what stage %d saves, expected no offload", rank,
                               actions->actions[a].operand);
    }
    if (n_passes == 0)
        return weft_i_fail(l->error, WEFT_STATUS_FAILED, "rank %d has no pass, expected some",
                           rank);
    return WEFT_STATUS_OK;
}

static weft_status fill(line *l)
{
    weft_status status = make(l);
    if (status == WEFT_STATUS_OK) status = find_line(l);
    if (status == WEFT_STATUS_OK) status = find_chains(l);
    for (int32_t r = 0; r < l->problem->n_ranks && status == WEFT_STATUS_OK; r++)
        status = check_rank(l, r);
    return status;
}

weft_status weft_i_torch_line_make(const weft_plan *plan, int32_t replica, weft_error *error,
                                   weft_i_torch_line *out_line)
{
    const weft_pipeline *pipeline = NULL;
    weft_status status = weft_plan_check(plan, error, NULL);
    if (status == WEFT_STATUS_OK) status = choose(plan, replica, error, &pipeline);
    if (status != WEFT_STATUS_OK) return status;
    line l = {.pipeline = pipeline, .problem = &pipeline->problem, .error = error};
    status = fill(&l);
    if (status == WEFT_STATUS_OK)
        *out_line = (weft_i_torch_line){pipeline, l.place, l.chunk, l.microbatch, l.arena};
    else
        weft_i_arena_free(&l.arena);
    return status;
}
