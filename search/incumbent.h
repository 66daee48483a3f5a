/* search/incumbent.h - the best answer so far, and the gate that every answer passes: exact times,
 * exact peaks. */
#ifndef WEFT_SEARCH_INCUMBENT_H
#define WEFT_SEARCH_INCUMBENT_H

#include "search/budget.h"
#include "search/variant.h"

typedef struct weft_i_incumbent {
    weft_objective objective;
    weft_i_variant variant; /* scratch: an offer's costs */
    int64_t *peaks;         /* scratch, by rank */
    weft_order *order;      /* owned; NULL while nothing is known */
    int32_t *choices;       /* by stage */
    weft_schedule_time time;
    const char *method;
    weft_i_budget *budget; /* is told of a better answer; may be NULL */
} weft_i_incumbent;

/* Arrays live in the arena, but not the order: free it with weft_i_incumbent_free. */
weft_status weft_i_incumbent_init(const weft_i_graph *graph, weft_objective objective,
                                  weft_i_arena *arena, weft_error *error,
                                  weft_i_incumbent *incumbent);
void weft_i_incumbent_free(weft_i_incumbent *incumbent);

/* What the objective looks at. */
int64_t weft_i_objective_ns(weft_objective objective, const weft_schedule_time *time);

/* Of the best; WEFT_INT_MAX while there is none. */
int64_t weft_i_incumbent_ns(const weft_i_incumbent *incumbent);

/* How an offer fared. */
typedef enum weft_i_offer {
    WEFT_I_OFFER_TAKEN,
    WEFT_I_OFFER_NO_BETTER,
    WEFT_I_OFFER_OVER_LIMIT /* better, but incumbent->peaks goes over a limit */
} weft_i_offer;

/* Offer an order with its choices (NULL = the costs of the base everywhere). It is copied when it
 * is taken. NO_MEMORY; FAILED when it is no order of the problem. */
weft_status weft_i_incumbent_offer(weft_i_incumbent *incumbent, const weft_order *order,
                                   const int32_t *choices, const char *method, weft_error *error,
                                   weft_i_offer *out_offer);

/* A bound of the objective at the best answer's costs; at those in force while there is none.
 * NO_MEMORY or OK. */
weft_status weft_i_incumbent_bound(const weft_i_incumbent *incumbent, weft_error *error,
                                   int64_t *out_ns);

/* Hand the best answer, which must be there, over to the caller, with what the budget says of the
 * search. NO_MEMORY or OK. */
weft_status weft_i_incumbent_hand_over(weft_i_incumbent *incumbent, const weft_i_budget *budget,
                                       weft_error *error, weft_solution *out_solution);

#endif
