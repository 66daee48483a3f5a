/* plan/plan_json.h - weft.plan out of text that is in memory, and into a stream that is open. */
#ifndef WEFT_PLAN_PLAN_JSON_H
#define WEFT_PLAN_PLAN_JSON_H

#include <stdio.h>

#include "weft/plan.h"

#define WEFT_I_OBJECTIVE_WORDS "step|makespan|span"

/* weft_plan_read of n bytes of text; `name` is what errors call it. */
weft_status weft_i_plan_parse(const char *name, const char *text, size_t n, weft_error *error,
                              weft_plan **out_plan);

/* weft_plan_write into a stream that is open. */
weft_status weft_i_plan_print(const weft_plan *plan, FILE *stream, weft_error *error);

#endif
