/* search/improve.c - see improve.h. */
#include "search/improve.h"

#include "base/error.h"
#include "base/threads.h"
#include "plan/compile.h"
#include "search/anneal.h"
#include "search/levels.h"
#include "search/memory.h"

/* Temperatures of the annealing, in mean passes. */
static const double HOT = 0.1, COLD = 0.003;

/* What mixing strategies takes for a stage, about, and the part of the time that it may take. */
enum { MIX_NS = 20000, MIX_PARTS = 25 };

/* Strategies for the incumbent's order that leave some room, in ->choices. */
static weft_status choose(const weft_i_improver *im, weft_error *error, bool *out_found)
{
    weft_error why = {0};
    weft_status status =
        weft_i_memory_choose_ahead(&im->spare->graph, im->incumbent->order,
                                   weft_i_budget_end_ns(im->budget), &why, im->choices);
    *out_found = status == WEFT_STATUS_OK;
    if (status == WEFT_STATUS_OK || status == WEFT_STATUS_INFEASIBLE) return WEFT_STATUS_OK;
    return weft_i_fail(error, status, "%s", why.text);
}

/* Let the incumbent's order have faster strategies in the memory that it leaves. */
static weft_status use_memory(const weft_i_improver *im, weft_error *error)
{
    weft_i_offer offer;
    weft_i_incumbent *best = im->incumbent;
    weft_order *order = weft_order_copy(best->order);
    if (!order) return weft_i_no_memory(error);
    weft_error why = {0};
    weft_status status = weft_i_memory_choose_until(
        im->graph, order, weft_i_budget_end_ns(im->budget), &why, NULL, im->choices);
    if (status == WEFT_STATUS_INFEASIBLE)
        status = WEFT_STATUS_OK; /* squeezed: it fits with its own alone */
    else if (status != WEFT_STATUS_OK)
        weft_i_fail(error, status, "%s", why.text);
    else
        status = weft_i_incumbent_offer(best, order, im->choices, best->method, error, &offer);
    weft_order_free(order);
    return status;
}

/* Whether all stages of the incumbent are at one level: mixed strategies may have been slower in
 * its order, and still be what a better order needs. */
static bool is_level(const weft_i_improver *im)
{
    const weft_problem *problem = im->graph->problem;
    int32_t n_levels = weft_i_levels_count(problem);
    for (int32_t k = 0; k < n_levels; k++) {
        int32_t s = 0;
        while (s < problem->n_stages &&
               im->incumbent->choices[s] ==
                   weft_i_levels_candidate(&problem->stages[s], k, n_levels))
            s++;
        if (s == problem->n_stages) return true;
    }
    return false;
}

/* Whether the incumbent leaves less free than is to be spared. */
static weft_status is_full(const weft_i_improver *im, weft_error *error, bool *out_full)
{
    weft_i_incumbent *best = im->incumbent;
    weft_i_variant_set_all(&best->variant, best->choices);
    weft_status status =
        weft_i_compile_peaks(&best->variant.graph, best->order, error, best->peaks);
    *out_full = false;
    for (int32_t r = 0; status == WEFT_STATUS_OK && r < best->order->n_ranks; r++)
        *out_full = *out_full || best->peaks[r] > im->spare->problem.limit_bytes[r];
    return status;
}

/* Anneal under strategies that leave some room, then let the new order use it. */
static weft_status improve(const weft_i_improver *im, double until, weft_error *error)
{
    bool chooses = weft_i_levels_count(im->graph->problem) > 1, full = false, found = false;
    weft_status status = weft_i_incumbent_bound(im->incumbent, error, &im->budget->bound_ns);
    weft_i_anneal_options options = {.hot = HOT,
                                     .cold = COLD,
                                     .until = until,
                                     .bound_ns = im->budget->bound_ns,
                                     .spare_bytes = im->spare->bytes};
    if (status == WEFT_STATUS_OK && chooses) status = is_full(im, error, &full);
    if (status == WEFT_STATUS_OK && (full || (chooses && is_level(im))))
        status = choose(im, error, &found);
    if (found) options.choices = im->choices;
    if (status == WEFT_STATUS_OK)
        status = weft_i_anneal(im->graph, &options, im->budget, im->rng, im->incumbent, error);
    return status == WEFT_STATUS_OK && chooses ? use_memory(im, error) : status;
}

/* Strategies are mixed twice, where that takes a small part of the time that is left. */
static int count_rounds(const weft_i_improver *im)
{
    const weft_i_budget *budget = im->budget;
    if (weft_i_levels_count(im->graph->problem) <= 1) return 1;
    if (budget->limit_ns == 0) return 2;
    int64_t left_ns = budget->begin_ns + budget->limit_ns - weft_i_now_ns();
    return left_ns / MIX_NS / MIX_PARTS < im->graph->problem->n_stages ? 1 : 2;
}

weft_status weft_i_improve(const weft_i_improver *improver, weft_error *error)
{
    weft_i_budget *budget = improver->budget;
    int n_rounds = count_rounds(improver);
    weft_status status = WEFT_STATUS_OK;
    for (int round = 0; round < n_rounds && status == WEFT_STATUS_OK; round++) {
        double used = weft_i_budget_used(budget);
        if (used >= 1) break;
        double until = used + (1 - used) / (n_rounds - round);
        status = improve(improver, until, error);
    }
    return status;
}
