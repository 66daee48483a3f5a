/* search/workbench.h - everything that searching one variant of a problem needs: costs in force,
 * net, flow, dispatcher, and room for keys. A variant = memory strategies + which stages split. */
#ifndef WEFT_SEARCH_WORKBENCH_H
#define WEFT_SEARCH_WORKBENCH_H

#include "search/dispatch.h"
#include "search/incumbent.h"
#include "search/keys.h"
#include "search/strict.h"
#include "search/variant.h"

typedef struct weft_i_workbench {
    weft_i_variant variant;
    int32_t *choices; /* by stage: those in force */
    weft_i_net net;
    weft_i_flow flow;
    weft_i_course course;
    weft_i_dispatcher *dispatcher;
    weft_i_strict *strict;
    weft_i_turns turns;
    int32_t *turn;   /* by microbatch: the order in which they come */
    int64_t *key;    /* by task */
    int64_t *margin; /* by rank: what messages took beyond the dispatcher's account so far */
    int64_t *limit;  /* by rank: for the dispatcher */
    int64_t *soft;   /* by rank: scratch for a soft limit */
    weft_i_arena arena;
} weft_i_workbench;

/* choices: by stage, NULL = the base's costs; split: by stage, NULL = none. Free with
 * weft_i_workbench_close, also after a failure. */
weft_status weft_i_workbench_open(const weft_i_graph *graph, const int32_t *choices,
                                  const bool *split, weft_error *error,
                                  weft_i_workbench *workbench);
void weft_i_workbench_close(weft_i_workbench *workbench);

/* Take the microbatches in the order of workbench->turn, which the caller has changed. */
void weft_i_workbench_set_turns(weft_i_workbench *workbench);

/* Write workbench->limit: what is left for the dispatcher after all that is static and margins. */
void weft_i_workbench_set_limits(weft_i_workbench *workbench);

/* Whether the dispatcher's least need is within the limits of every rank. */
bool weft_i_workbench_fits(const weft_i_workbench *workbench);

/* Dispatch by the keys that are there and offer the result; where it goes over a limit, once more
 * with larger margins, which stay. *out_ns: the objective's value, WEFT_INT_MAX when it locked up.
 * soft_bytes may be NULL. */
weft_status weft_i_workbench_try(weft_i_workbench *workbench, const weft_i_rule *rule,
                                 const int64_t *soft_bytes, const char *method,
                                 weft_i_incumbent *incumbent, weft_error *error, int64_t *out_ns);

/* The same for a pattern run strictly. */
weft_status weft_i_workbench_try_strict(weft_i_workbench *workbench, const weft_i_pattern *pattern,
                                        const weft_i_strict_rule *rule, const char *method,
                                        weft_i_incumbent *incumbent, weft_error *error,
                                        int64_t *out_ns);

#endif
