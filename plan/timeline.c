/* plan/timeline.c - making and freeing timelines, and whether one is of a plan. Not: its file
 * (timeline_json.c). */
#include "base/error.h"
#include "plan/timeline_own.h"

weft_timeline *weft_i_timeline_create(weft_i_arena **out_arena)
{
    weft_timeline *timeline = weft_i_owned_new(sizeof(*timeline), out_arena);
    if (!timeline) return NULL;
    *timeline = (weft_timeline){.device = "", .scale = 1, .owner = *out_arena};
    return timeline;
}

weft_i_arena *weft_i_timeline_arena(weft_timeline *timeline)
{
    return timeline->owner;
}

void weft_timeline_free(weft_timeline *timeline)
{
    if (timeline) weft_i_owned_free(timeline->owner);
}

/* The same action at no time. */
static bool copy_actions(const weft_rank_actions *rank, weft_i_arena *arena, weft_rank_actions *out)
{
    out->n_actions = rank->n_actions;
    out->actions = weft_i_new(arena, weft_action, rank->n_actions);
    if (!out->actions) return false;
    for (int32_t a = 0; a < rank->n_actions; a++) {
        out->actions[a] = rank->actions[a];
        out->actions[a].start_ns = out->actions[a].end_ns = 0;
    }
    return true;
}

static bool fill(const weft_plan *plan, const char *device, weft_i_arena *arena, weft_timeline *out)
{
    out->n_steps = 1;
    out->n_ranks = plan->parallel.pp;
    out->n_pipelines = plan->n_pipelines;
    out->device = weft_i_arena_string(arena, device);
    out->pipelines = weft_i_new(arena, weft_timeline_pipeline, out->n_pipelines);
    if (!out->device || !out->pipelines) return false;
    for (int32_t p = 0; p < out->n_pipelines; p++) {
        weft_timeline_pipeline *pipeline = &out->pipelines[p];
        pipeline->replica = plan->pipelines[p].replica;
        pipeline->ranks = weft_i_new(arena, weft_timeline_rank, out->n_ranks);
        if (!pipeline->ranks) return false;
        for (int32_t r = 0; r < out->n_ranks; r++) {
            pipeline->ranks[r].host = "";
            if (!copy_actions(&plan->pipelines[p].ranks[r], arena, &pipeline->ranks[r].actions))
                return false;
        }
    }
    return true;
}

weft_status weft_timeline_of_plan(const weft_plan *plan, const char *device, weft_error *error,
                                  weft_timeline **out_timeline)
{
    weft_i_arena *arena;
    weft_timeline *made = weft_i_timeline_create(&arena);
    if (!made) return weft_i_no_memory(error);
    if (!fill(plan, device, arena, made)) {
        weft_timeline_free(made);
        return weft_i_no_memory(error);
    }
    *out_timeline = made;
    return WEFT_STATUS_OK;
}

static weft_status match_rank(const weft_rank_actions *measured, const weft_rank_actions *planned,
                              int32_t replica, int32_t rank, weft_error *error)
{
    if (measured->n_actions != planned->n_actions) {
        return weft_i_fail(error, WEFT_STATUS_BAD_INPUT,
                           "the timeline has %d actions on rank %d of replica %d, the plan %d",
                           measured->n_actions, rank, replica, planned->n_actions);
    }
    for (int32_t a = 0; a < planned->n_actions; a++) {
        const weft_action *x = &measured->actions[a], *y = &planned->actions[a];
        if (x->kind == y->kind && x->operand == y->operand) continue;
        return weft_i_fail(error, WEFT_STATUS_BAD_INPUT,
                           "action %d of rank %d of replica %d is %s %d in the timeline, %s %d in "
                           "the plan",
                           a, rank, replica, weft_action_name(x->kind), x->operand,
                           weft_action_name(y->kind), y->operand);
    }
    return WEFT_STATUS_OK;
}

weft_status weft_timeline_match(const weft_timeline *timeline, const weft_plan *plan,
                                weft_error *error)
{
    if (timeline->n_pipelines != plan->n_pipelines || timeline->n_ranks != plan->parallel.pp) {
        return weft_i_fail(error, WEFT_STATUS_BAD_INPUT,
                           "the timeline is of %d pipelines of %d ranks, the plan of %d of %d",
                           timeline->n_pipelines, timeline->n_ranks, plan->n_pipelines,
                           plan->parallel.pp);
    }
    for (int32_t p = 0; p < plan->n_pipelines; p++) {
        const weft_timeline_pipeline *pipeline = &timeline->pipelines[p];
        int32_t replica = plan->pipelines[p].replica;
        if (pipeline->replica != replica) {
            return weft_i_fail(error, WEFT_STATUS_BAD_INPUT,
                               "pipeline %d is replica %d in the timeline, %d in the plan", p,
                               pipeline->replica, replica);
        }
        for (int32_t r = 0; r < timeline->n_ranks; r++) {
            weft_status status = match_rank(&pipeline->ranks[r].actions,
                                            &plan->pipelines[p].ranks[r], replica, r, error);
            if (status != WEFT_STATUS_OK) return status;
        }
    }
    return WEFT_STATUS_OK;
}
