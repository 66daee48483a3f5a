/* tests/runtime/follows.c - whether a measured timeline follows its plan: the same actions, passes
 * no shorter than planned, and nothing taken in before it can have come. Says nothing about how
 * late things are: that is the machine's matter.
 *
 * usage: follows PLAN TIMELINE
 */
#include <stdio.h>
#include <stdlib.h>

#include "weft/weft.h"

typedef struct place {
    const weft_plan *plan;
    const weft_timeline *timeline;
    int32_t pipeline, rank, n_wrong;
} place;

/* Rounding of scaled times. */
enum { SLACK_NS = 2 };

static const weft_rank_actions *actions_of(const place *at, int32_t p, int32_t r)
{
    return &at->timeline->pipelines[p].ranks[r].actions;
}

static int64_t scaled(const place *at, int64_t ns)
{
    return (int64_t)((double)ns * at->timeline->scale);
}

/* When an action began that is somewhere on the ranks of a pipeline. */
static int64_t begin_ns(const place *at, int32_t p, weft_action_kind kind, int32_t operand)
{
    for (int32_t r = 0; r < at->timeline->n_ranks; r++) {
        const weft_rank_actions *rank = actions_of(at, p, r);
        for (int32_t a = 0; a < rank->n_actions; a++) {
            if (rank->actions[a].kind == kind && rank->actions[a].operand == operand)
                return rank->actions[a].start_ns;
        }
    }
    return INT64_MAX;
}

/* The earliest moment at which an action can have ended. */
static int64_t earliest_end_ns(const place *at, const weft_action *action)
{
    const weft_plan *plan = at->plan;
    const weft_problem *problem = &plan->pipelines[at->pipeline].problem;
    int32_t operand = action->operand;
    if (action->kind <= WEFT_ACTION_BWW) {
        const weft_cost *cost = &problem->stages[operand].now.cost;
        return action->start_ns + scaled(at, weft_cost_pass_ns(cost, (weft_pass)action->kind));
    }
    if (action->kind == WEFT_ACTION_WAIT_IRECV) {
        return begin_ns(at, at->pipeline, WEFT_ACTION_ISEND, operand) +
               scaled(at, problem->edges[operand].transfer_ns);
    }
    if (action->kind != WEFT_ACTION_WAIT_REDUCE) return action->start_ns;
    int64_t posted_ns = 0;
    for (int32_t p = 0; p < plan->n_pipelines; p++) {
        int64_t ns = begin_ns(at, p, WEFT_ACTION_REDUCE, operand);
        if (ns > posted_ns) posted_ns = ns;
    }
    const weft_chunk *chunk = &plan->chunks[operand];
    return posted_ns + scaled(at, chunk->reduce_ns + chunk->share_ns);
}

static void check_rank(place *at)
{
    const weft_rank_actions *rank = actions_of(at, at->pipeline, at->rank);
    for (int32_t a = 0; a < rank->n_actions; a++) {
        const weft_action *action = &rank->actions[a];
        int64_t earliest_ns = earliest_end_ns(at, action) - SLACK_NS;
        if (action->end_ns >= earliest_ns) continue;
        printf("replica %d, rank %d, %s %d (action %d): ended at %lld ns, expected %lld or later\n",
               at->pipeline, at->rank, weft_action_name(action->kind), action->operand, a,
               (long long)action->end_ns, (long long)earliest_ns);
        at->n_wrong++;
    }
}

int main(int argc, char **argv)
{
    weft_error error = {0};
    weft_plan *plan = NULL;
    weft_timeline *timeline = NULL;
    if (argc != 3) return 2;
    if (weft_plan_read(argv[1], &error, &plan) || weft_timeline_read(argv[2], &error, &timeline) ||
        weft_timeline_match(timeline, plan, &error)) {
        printf("%s:%d: %s: %s\n", error.file, error.line, error.path, error.text);
        return 1;
    }
    place at = {.plan = plan, .timeline = timeline};
    for (at.pipeline = 0; at.pipeline < plan->n_pipelines; at.pipeline++) {
        for (at.rank = 0; at.rank < timeline->n_ranks; at.rank++)
            check_rank(&at);
    }
    weft_timeline_free(timeline);
    weft_plan_free(plan);
    return at.n_wrong > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
