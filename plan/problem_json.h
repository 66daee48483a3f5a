/* plan/problem_json.h - weft.problem out of text that is in memory, and into a stream that is open.
 */
#ifndef WEFT_PLAN_PROBLEM_JSON_H
#define WEFT_PLAN_PROBLEM_JSON_H

#include <stdio.h>

#include "weft/problem.h"

/* weft_problem_read of n bytes of text; `name` is what errors call it. */
weft_status weft_i_problem_parse(const char *name, const char *text, size_t n, weft_error *error,
                                 weft_problem **out_problem);

/* weft_problem_write into a stream that is open. */
weft_status weft_i_problem_print(const weft_problem *problem, FILE *stream, weft_error *error);

#endif
