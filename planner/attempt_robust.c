/* planner/attempt_robust.c - the last part of a plan that has to bear jitter: the orders of an
 * attempt, made short on average. Not: how that is done (search/robust.h). */
#include "base/error.h"
#include "planner/attempt.h"
#include "search/robust.h"

weft_status weft_i_attempt_robust(weft_i_attempt *attempt, weft_error *error)
{
    const weft_planner_options *o = attempt->options;
    weft_status status = WEFT_STATUS_OK;
    if (o->jitter <= 0 || attempt->stopped) return status;
    if (o->objective == WEFT_OBJECTIVE_SPAN)
        return weft_i_fail(error, WEFT_STATUS_USAGE,
                           "--robust goes with --objective step or makespan");
    const double rest = WEFT_I_ROBUST_SHARE / (1 - WEFT_I_ROBUST_SHARE);
    for (int32_t r = 0; r < attempt->n_replicas && status == WEFT_STATUS_OK; r++) {
        weft_search_options search;
        weft_search_options_init(&search);
        search.time_limit_s = o->time_limit_s * rest / attempt->n_replicas;
        search.iterations = o->iterations;
        search.progress = o->progress;
        search.progress_context = o->context;
        weft_i_budget budget = weft_i_budget_begin(&search);
        weft_i_robust_options options = {.jitter = o->jitter,
                                         .n_samples = (int32_t)o->samples,
                                         .seed = (uint64_t)o->seed + (uint64_t)r};
        budget.best_ns = attempt->solutions[r].time.pipeline_ns;
        status =
            weft_i_robust(attempt->problems[r], &options, &budget, error, &attempt->solutions[r]);
        attempt->stopped = attempt->stopped || budget.stopped;
    }
    return status;
}
