/* plan/report.c - see weft/report.h: a plan's phases, busy time and memory, read off its actions.
 */
#include "weft/report.h"

#include "base/arena.h"
#include "base/error.h"
#include "plan/peaks.h"

static void add_pass(const weft_problem *problem, const weft_action *action, bool is_first,
                     weft_rank_report *rank)
{
    if (is_first) rank->first_ns = action->start_ns;
    rank->last_ns = action->end_ns;
    rank->busy_ns += action->end_ns - action->start_ns;
    if (action->kind == WEFT_ACTION_BW || action->kind == WEFT_ACTION_BWI)
        rank->recompute_ns += problem->stages[action->operand].now.cost.recompute_ns;
}

static void take_peak(const weft_i_live *live, int64_t ns, weft_rank_report *rank)
{
    rank->static_bytes = live->static_bytes;
    rank->saved_bytes = live->saved_bytes;
    rank->held_bytes = live->held_bytes;
    rank->buffer_bytes = live->buffer_bytes;
    rank->work_bytes = live->work_bytes;
    rank->peak_bytes = weft_i_live_sum(live);
    rank->peak_ns = ns;
    rank->n_saved = live->n_saved;
}

static void add_point(weft_rank_report *rank, int64_t ns, int64_t bytes)
{
    int32_t n = rank->n_memory;
    if (n > 0 && rank->memory[n - 1].bytes == bytes) return;
    rank->memory[rank->n_memory++] = (weft_memory_point){ns, bytes};
}

/* Returns whether the rank has passes. */
static bool report_rank(const weft_i_graph *graph, int32_t r, const weft_rank_actions *actions,
                        weft_rank_report *rank, int32_t *out_peak)
{
    weft_i_live live = weft_i_live_begin(graph, r);
    bool has_passes = false;
    take_peak(&live, 0, rank);
    add_point(rank, 0, weft_i_live_sum(&live));
    *out_peak = -1;
    for (int32_t a = 0; a < actions->n_actions; a++) {
        const weft_action *action = &actions->actions[a];
        if (action->kind <= WEFT_ACTION_BWW) {
            add_pass(graph->problem, action, !has_passes, rank);
            has_passes = true;
        }
        weft_i_live during = weft_i_live_step(graph, action, &live);
        add_point(rank, action->start_ns, weft_i_live_sum(&during));
        add_point(rank, action->end_ns, weft_i_live_sum(&live));
        if (weft_i_live_sum(&during) <= rank->peak_bytes) continue;
        take_peak(&during, action->start_ns, rank);
        *out_peak = a;
    }
    return has_passes;
}

static int64_t kept(const weft_i_live *live)
{
    return live->saved_bytes + live->held_bytes;
}

/* What each chunk has saved when action `peak` runs. */
static void share_peak(const weft_i_graph *graph, int32_t r, const weft_rank_actions *actions,
                       int32_t peak, weft_rank_report *rank)
{
    weft_i_live live = weft_i_live_begin(graph, r);
    for (int32_t a = 0; a <= peak; a++) {
        const weft_action *action = &actions->actions[a];
        int64_t before = kept(&live);
        weft_i_live during = weft_i_live_step(graph, action, &live);
        int64_t change = kept(a < peak ? &live : &during) - before;
        if (change != 0) rank->chunk_bytes[graph->problem->stages[action->operand].chunk] += change;
    }
}

static void report_ranks(const weft_i_graph *graph, const weft_pipeline *pipeline,
                         weft_pipeline_report *out)
{
    int64_t filled_ns = 0, draining_ns = pipeline->pipeline_ns;
    for (int32_t r = 0; r < out->n_ranks; r++) {
        weft_rank_report *rank = &out->ranks[r];
        int32_t peak;
        bool has_passes = report_rank(graph, r, &pipeline->ranks[r], rank, &peak);
        share_peak(graph, r, &pipeline->ranks[r], peak, rank);
        if (!has_passes) continue;
        if (rank->first_ns > filled_ns) filled_ns = rank->first_ns;
        if (rank->last_ns < draining_ns) draining_ns = rank->last_ns;
    }
    out->fill_ns = filled_ns;
    out->drain_ns = pipeline->pipeline_ns - draining_ns;
    out->steady_ns = draining_ns > filled_ns ? draining_ns - filled_ns : 0;
}

static weft_status report_pipeline(const weft_pipeline *pipeline, weft_i_arena *arena,
                                   weft_error *error, weft_pipeline_report *out)
{
    weft_i_arena scratch = {0};
    weft_i_graph graph;
    int32_t n_ranks = pipeline->problem.n_ranks;
    *out = (weft_pipeline_report){.replica = pipeline->replica, .n_ranks = n_ranks};
    out->ranks = weft_i_new(arena, weft_rank_report, n_ranks);
    if (!out->ranks) return weft_i_no_memory(error);
    for (int32_t r = 0; r < n_ranks; r++) {
        size_t n_actions = (size_t)pipeline->ranks[r].n_actions;
        out->ranks[r].chunk_bytes = weft_i_new(arena, int64_t, pipeline->problem.n_chunks);
        out->ranks[r].memory = weft_i_new(arena, weft_memory_point, 2 * n_actions + 1);
        if (!out->ranks[r].chunk_bytes || !out->ranks[r].memory) return weft_i_no_memory(error);
    }
    weft_status status = weft_i_graph_build(&pipeline->problem, &scratch, error, &graph);
    if (status == WEFT_STATUS_OK) report_ranks(&graph, pipeline, out);
    weft_i_arena_free(&scratch);
    return status;
}

weft_status weft_report_make(const weft_plan *plan, weft_error *error, weft_report **out_report)
{
    weft_i_arena *arena;
    weft_report *report = weft_i_owned_new(sizeof(*report), &arena);
    if (!report) return weft_i_no_memory(error);
    *report = (weft_report){.n_pipelines = plan->n_pipelines, .owner = arena};
    report->pipelines = weft_i_new(arena, weft_pipeline_report, plan->n_pipelines);
    weft_status status = report->pipelines ? WEFT_STATUS_OK : weft_i_no_memory(error);
    for (int32_t i = 0; i < plan->n_pipelines && status == WEFT_STATUS_OK; i++)
        status = report_pipeline(&plan->pipelines[i], arena, error, &report->pipelines[i]);
    if (status != WEFT_STATUS_OK) {
        weft_report_free(report);
        return status;
    }
    *out_report = report;
    return WEFT_STATUS_OK;
}

void weft_report_free(weft_report *report)
{
    if (report) weft_i_owned_free(report->owner);
}
