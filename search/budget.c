/* search/budget.c - see budget.h. */
#include "search/budget.h"

#include "base/threads.h"

static const int64_t SECOND_NS = 1000000000;

weft_i_budget weft_i_budget_begin(const weft_search_options *options)
{
    weft_i_budget budget = {.begin_ns = weft_i_now_ns(),
                            .limit = options->iterations,
                            .progress = options->progress,
                            .progress_context = options->progress_context,
                            .best_ns = WEFT_INT_MAX,
                            .told_ns = WEFT_INT_MAX};
    double seconds = options->time_limit_s;
    if (seconds <= 0 && options->iterations == 0) seconds = 1;
    budget.limit_ns = (int64_t)(seconds * (double)SECOND_NS);
    budget.next_progress_ns = budget.begin_ns;
    return budget;
}

static void report(weft_i_budget *budget, int64_t now_ns)
{
    weft_progress progress = {.seconds = (double)(now_ns - budget->begin_ns) / (double)SECOND_NS,
                              .best_ns = budget->best_ns,
                              .bound_ns = budget->bound_ns,
                              .iterations = budget->iterations};
    budget->next_progress_ns = now_ns + SECOND_NS / 10;
    budget->told_ns = budget->best_ns;
    if (!budget->progress(budget->progress_context, &progress)) budget->stopped = true;
}

double weft_i_budget_used(weft_i_budget *budget)
{
    double used = 0;
    if (budget->limit_ns > 0 || budget->progress) {
        int64_t now_ns = weft_i_now_ns();
        bool is_due = now_ns >= budget->next_progress_ns || budget->best_ns < budget->told_ns;
        if (budget->progress && !budget->stopped && is_due) report(budget, now_ns);
        if (budget->limit_ns > 0)
            used = (double)(now_ns - budget->begin_ns) / (double)budget->limit_ns;
    }
    if (budget->limit > 0) {
        double part = (double)budget->iterations / (double)budget->limit;
        used = part > used ? part : used;
    }
    return budget->stopped || used > 1 ? 1 : used;
}
