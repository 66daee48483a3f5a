/* planner/contest.h - layouts of ours and the baselines' against each other on one case; the best
 * is searched on. Not: which layouts of ours are tried (planner/tries.h). */
#ifndef WEFT_PLANNER_CONTEST_H
#define WEFT_PLANNER_CONTEST_H

#include "planner/case.h"

/* The best plan of a packed case within its options' time: half of it goes into our layouts, up to
 * four fifths into baselines, and the rest into a search on from the best, be it a baseline.
 * `baselines` (may be NULL) has a row for each baseline, already filled: of those, only what is
 * best is made again. Without it a baseline is left out when its time is over; whatever the time,
 * there is an answer if the first layout or any baseline fits. `hand` may be NULL. Statuses as of
 * weft_planner_make. */
weft_status weft_i_contest(const weft_i_case *plan_case, const weft_comparison *baselines,
                           const char *hand, weft_error *error, weft_plan **out_plan);

#endif
