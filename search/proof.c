/* search/proof.c - see proof.h. */
#include "search/proof.h"

#include "base/error.h"
#include "search/exact.h"
#include "search/incumbent.h"
#include "search/starts.h"

/* Orders that the default search tries first, and the part of the time that it may take. */
static const int64_t FIRST_ITERATIONS = 500;
static const double FIRST_SHARE = 0.2;

typedef struct proof {
    const weft_problem *problem;
    weft_i_graph graph;
    weft_i_incumbent best;
    weft_i_budget budget;
    int32_t *choices;    /* by stage: the only one */
    weft_error shortage; /* what the default search lacked */
    weft_i_arena arena;
} proof;

static weft_status check_size(const weft_problem *problem, weft_error *error)
{
    if (problem->n_stages > WEFT_I_EXACT_STAGES)
        return weft_i_fail(error, WEFT_STATUS_LIMIT,
                           "exact search takes at most %d stages, found %d", WEFT_I_EXACT_STAGES,
                           problem->n_stages);
    for (int32_t s = 0; s < problem->n_stages; s++)
        if (problem->stages[s].n_candidates > 1)
            return weft_i_fail(error, WEFT_STATUS_LIMIT,
                               "exact search takes one memory strategy a stage, found %d in "
                               "stage %d",
                               problem->stages[s].n_candidates, s);
    return WEFT_STATUS_OK;
}

static weft_status prepare(proof *p, weft_objective objective, weft_error *error)
{
    const weft_problem *problem = p->problem;
    weft_status status = weft_i_graph_build(problem, &p->arena, error, &p->graph);
    if (status != WEFT_STATUS_OK) return status;
    p->choices = weft_i_new(&p->arena, int32_t, problem->n_stages);
    if (!p->choices) return weft_i_no_memory(error);
    for (int32_t s = 0; s < problem->n_stages; s++)
        p->choices[s] = problem->stages[s].n_candidates - 1;
    status = weft_i_incumbent_init(&p->graph, objective, &p->arena, error, &p->best);
    p->best.budget = &p->budget;
    return status;
}

/* An answer to be beaten, if the default search has one. */
static weft_status search_first(proof *p, const weft_search_options *options, weft_error *error)
{
    weft_search_options first = *options;
    weft_solution solution = {.order = NULL};
    weft_i_offer offer;
    first.iterations = FIRST_ITERATIONS;
    first.time_limit_s *= FIRST_SHARE;
    weft_status status =
        weft_i_search_default(p->problem, &first, NULL, 0, &p->shortage, &solution);
    if (status == WEFT_STATUS_INFEASIBLE) return WEFT_STATUS_OK;
    if (status == WEFT_STATUS_OK)
        status =
            weft_i_incumbent_offer(&p->best, solution.order, p->choices, "exact", error, &offer);
    else
        weft_i_fail(error, status, "%s", p->shortage.text);
    weft_solution_free(&solution);
    return status;
}

/* All orders below the answer that is there. */
static weft_status search_all(proof *p, weft_error *error)
{
    weft_i_variant variant;
    weft_order *order = NULL;
    weft_error why = {0};
    weft_i_exact_options exact = {.objective = p->best.objective, .budget = &p->budget};
    weft_status status = weft_i_variant_init(&p->graph, &p->arena, error, &variant);
    if (status != WEFT_STATUS_OK) return status;
    weft_i_variant_set_all(&variant, p->choices);
    if (p->best.order) exact.upper_ns = weft_i_incumbent_ns(&p->best);
    status = weft_i_exact(&variant.graph, &exact, &why, &p->budget.bound_ns, &order);
    if (status == WEFT_STATUS_INFEASIBLE && p->best.order) {
        p->budget.bound_ns = weft_i_incumbent_ns(&p->best);
        return WEFT_STATUS_OK;
    }
    if (status == WEFT_STATUS_INFEASIBLE)
        return weft_i_fail(error, status, "no order keeps the limits: %s", p->shortage.text);
    if (status != WEFT_STATUS_OK) return weft_i_fail(error, status, "%s", why.text);
    weft_i_offer offer;
    status = weft_i_incumbent_offer(&p->best, order, p->choices, "exact", error, &offer);
    weft_order_free(order);
    if (status == WEFT_STATUS_OK && offer != WEFT_I_OFFER_TAKEN)
        status = weft_i_fail(error, WEFT_STATUS_LIMIT,
                             "messages take a rank of the best order over its limit, and exact "
                             "search does not count them");
    return status;
}

weft_status weft_i_proof(const weft_problem *problem, const weft_search_options *options,
                         weft_error *error, weft_solution *out_solution)
{
    proof p = {.problem = problem, .budget = weft_i_budget_begin(options)};
    if (options->time_limit_s <= 0) p.budget.limit_ns = 0;
    weft_status status = check_size(problem, error);
    if (status != WEFT_STATUS_OK) return status;
    status = prepare(&p, options->objective, error);
    if (status == WEFT_STATUS_OK) status = search_first(&p, options, error);
    if (status == WEFT_STATUS_OK) status = search_all(&p, error);
    if (status == WEFT_STATUS_OK)
        status = weft_i_incumbent_hand_over(&p.best, &p.budget, error, out_solution);
    weft_i_incumbent_free(&p.best);
    weft_i_arena_free(&p.arena);
    return status;
}
