/* plan/problem_check.h - what the parts of weft_problem_check share. */
#ifndef WEFT_PLAN_PROBLEM_CHECK_H
#define WEFT_PLAN_PROBLEM_CHECK_H

#include <stdbool.h>

#include "base/arena.h"
#include "weft/problem.h"

typedef struct weft_i_checker {
    const weft_problem *problem;
    const char *path;   /* of the problem in its file */
    weft_i_arena arena; /* for the time of the check */
    weft_error *error;
} weft_i_checker;

/* The rules of all stages, of all edges, and of sums over both; each after the one before. */
weft_status weft_i_check_stages(weft_i_checker *check);
weft_status weft_i_check_edges(weft_i_checker *check);
weft_status weft_i_check_sums(weft_i_checker *check);

/* Where in a problem: item `index` of an array, and of that item's array `part`, if any, item
 * `part_index`. */
typedef struct weft_i_place {
    const char *array;
    int32_t index;
    const char *part;
    int32_t part_index;
} weft_i_place;

/* BAD_INPUT at a place, and there at `field` (".rank" or ""). */
weft_status weft_i_check_fail(const weft_i_checker *check, weft_i_place at, const char *field,
                              const char *fmt, ...) WEFT_PRINTF(4, 5);

/* A number that must be in 0..max, and the field it stands in. */
typedef struct weft_i_number {
    const char *field;
    int64_t value;
    int64_t max;
} weft_i_number;

weft_status weft_i_check_numbers(const weft_i_checker *check, weft_i_place at,
                                 const weft_i_number *numbers, size_t n);

#define WEFT_I_CHECK_NUMBERS(check, at, numbers)                                                   \
    weft_i_check_numbers((check), (at), (numbers), sizeof(numbers) / sizeof((numbers)[0]))

bool weft_i_check_is_empty(const char *text);

#endif
