/* search/strict.h - a repeating pattern as an order: every rank runs its passes in the order in
 * which the pattern wants them and waits where it must; weight gradients fill the gaps. Much faster
 * than list scheduling, since nothing is decided but the filling. Not: finding patterns (modulo.h).
 */
#ifndef WEFT_SEARCH_STRICT_H
#define WEFT_SEARCH_STRICT_H

#include "search/keys.h"

typedef struct weft_i_strict_rule {
    int32_t patience; /* percent of a weight gradient that a gap must hold to be filled with it */
    bool weights_in_turn; /* weight gradients go by the pattern too, and fill nothing */
    int32_t n_turns; /* only the first so many turns run, a sample; 0 = all. Not where a stage is
                        of several microbatches */
} weft_i_strict_rule;

typedef struct weft_i_strict weft_i_strict;

typedef struct weft_i_strict_result {
    const weft_order *order; /* the strict's, until its next run */
    int64_t pipeline_ns, span_ns;
} weft_i_strict_result;

/* Lives in the arena, but not its order: free it with weft_i_strict_free. Net and course are
 * borrowed. NO_MEMORY or OK. */
weft_status weft_i_strict_create(const weft_i_net *net, weft_i_course *course, weft_i_arena *arena,
                                 weft_error *error, weft_i_strict **out_strict);
void weft_i_strict_free(weft_i_strict *strict);

/* Take the turns as they are now: before the first run and whenever they have changed. */
void weft_i_strict_set_turns(weft_i_strict *strict, const weft_i_turns *turns);

/* Run the pattern. limit_bytes: by rank, for passes and what goes on between passes of one rank.
 * False where the pattern deadlocks, or a rank's memory is full and no weight gradient can free
 * any. O(passes x legs of a rank + edges). */
bool weft_i_strict_run(weft_i_strict *strict, const weft_i_pattern *pattern,
                       const weft_i_strict_rule *rule, const int64_t *limit_bytes,
                       weft_i_strict_result *out_result);

#endif
