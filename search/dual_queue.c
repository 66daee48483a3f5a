/* search/dual_queue.c - see dual_queue.h. */
#include "search/dual_queue.h"

#include "base/error.h"

/* How much a rank may hold unless it is its oldest microbatch that asks. */
typedef enum soft_kind {
    SOFT_NONE,
    SOFT_DEPTH, /* as 1F1B: P - r microbatches on rank r */
    SOFT_FLAT,  /* P microbatches on every rank */
    SOFT_WHOLE, /* as many microbatches as fit with all that they need there */
    SOFT_MORE,  /* a few more */
    N_SOFT
} soft_kind;

static const int64_t *set_soft(weft_i_workbench *w, soft_kind kind)
{
    int32_t n_ranks = w->net.n_ranks;
    if (kind != SOFT_DEPTH && kind != SOFT_FLAT) return NULL;
    for (int32_t r = 0; r < n_ranks; r++) {
        int64_t need = weft_i_dispatcher_need(w->dispatcher, r);
        int64_t depth = kind == SOFT_DEPTH ? n_ranks - r : n_ranks;
        w->soft[r] = need > WEFT_INT_MAX / depth ? WEFT_INT_MAX : need * depth;
    }
    return w->soft;
}

_Static_assert(9 * N_SOFT == WEFT_I_DUAL_QUEUE_RULES, "rules of the grid");

static int32_t reserve_of(soft_kind kind)
{
    return kind == SOFT_WHOLE ? 100 : kind == SOFT_MORE ? 90 : 0;
}

weft_i_rule weft_i_dual_queue_rule(weft_i_workbench *workbench, int32_t number,
                                   const int64_t **out_soft)
{
    static const weft_i_prefer prefers[] = {WEFT_I_PREFER_ALTERNATE, WEFT_I_PREFER_BACKWARD,
                                            WEFT_I_PREFER_FORWARD};
    static const struct {
        weft_i_weights weights;
        int32_t patience;
    } weights[] = {{WEFT_I_WEIGHTS_IDLE, 0}, {WEFT_I_WEIGHTS_IDLE, 100}, {WEFT_I_WEIGHTS_EAGER, 0}};
    soft_kind soft = (soft_kind)(number / 9);
    *out_soft = set_soft(workbench, soft);
    return (weft_i_rule){.prefer = prefers[number % 3],
                         .weights = weights[number / 3 % 3].weights,
                         .patience = weights[number / 3 % 3].patience,
                         .reserve = reserve_of(soft)};
}

static int64_t mean_forward(const weft_i_net *net)
{
    double sum = 0;
    for (int32_t s = 0; s < net->n_stages; s++)
        sum += (double)net->ns[weft_task_make(s, WEFT_PASS_FW)];
    return net->n_stages > 0 ? (int64_t)(sum / net->n_stages) : 0;
}

/* Rules beyond the grid: a rank idles up to the time of a forward for a backward that is about to
 * arrive, and so does not hold up the last microbatch, whose way back ends the step. */
static weft_i_rule waiting_rule(weft_i_workbench *w, int32_t number, const int64_t **out_soft)
{
    soft_kind soft = (soft_kind)(number - WEFT_I_DUAL_QUEUE_RULES);
    *out_soft = set_soft(w, soft);
    return (weft_i_rule){.prefer = WEFT_I_PREFER_BACKWARD,
                         .patience = 100,
                         .reserve = reserve_of(soft),
                         .wait_ns = mean_forward(&w->net)};
}

weft_status weft_i_dual_queue(weft_i_workbench *workbench, weft_i_budget *budget, double until,
                              weft_i_incumbent *incumbent, weft_error *error, int64_t *out_ns)
{
    weft_i_workbench *w = workbench;
    bool any = false;
    *out_ns = WEFT_INT_MAX;
    for (int g = 0; g < 2; g++) {
        int32_t group = g == 0 ? 1 : w->net.n_ranks;
        weft_i_keys_by_turn(&w->net, &w->flow, &w->course, &w->turns, group, w->key);
        for (int32_t i = 0; i < WEFT_I_DUAL_QUEUE_RULES + N_SOFT; i++) {
            const int64_t *soft;
            weft_i_rule rule = i < WEFT_I_DUAL_QUEUE_RULES ? weft_i_dual_queue_rule(w, i, &soft)
                                                           : waiting_rule(w, i, &soft);
            int64_t ns;
            if (any && weft_i_budget_used(budget) >= until) return WEFT_STATUS_OK;
            any = true;
            weft_status status =
                weft_i_workbench_try(w, &rule, soft, "dual-queue", incumbent, error, &ns);
            if (status != WEFT_STATUS_OK) return status;
            *out_ns = ns < *out_ns ? ns : *out_ns;
            budget->iterations++;
            if (weft_i_incumbent_ns(incumbent) <= budget->bound_ns) return WEFT_STATUS_OK;
        }
    }
    return WEFT_STATUS_OK;
}

weft_status weft_i_dual_queue_serial(weft_i_workbench *workbench, weft_error *error,
                                     const weft_order **out_order)
{
    weft_i_workbench *w = workbench;
    weft_i_rule rule = {.prefer = WEFT_I_PREFER_BACKWARD, .weights = WEFT_I_WEIGHTS_EAGER};
    weft_i_dispatched result;
    for (int32_t r = 0; r < w->net.n_ranks; r++) {
        w->limit[r] = WEFT_INT_MAX;
        w->soft[r] = 0;
    }
    weft_i_keys_by_turn(&w->net, &w->flow, &w->course, &w->turns, 1, w->key);
    if (!weft_i_dispatch(w->dispatcher, &rule, w->key, w->limit, w->soft, &result))
        return weft_i_fail(error, WEFT_STATUS_FAILED, "the problem's edges have a cycle");
    *out_order = result.order;
    return WEFT_STATUS_OK;
}
