/* bench/soak_verify.h - what the soak asks of every answer, without the library's help where it can
 * be had without. */
#ifndef WEFT_BENCH_SOAK_VERIFY_H
#define WEFT_BENCH_SOAK_VERIFY_H

#include <stdbool.h>
#include <stdint.h>
#include <weft/weft.h>

#include "bench/soak_random.h"

/* What is wrong, in words; empty = nothing. */
typedef struct soak_fault {
    char text[512];
} soak_fault;

/* Note the first fault. */
WEFT_PRINTF(2, 3) void soak_fail(soak_fault *fault, const char *fmt, ...);

/* A plan keeps its bounds and limits; written, read back and written again it is the same bytes,
 * and passes weft_plan_check. `folder`: for two temporary files. */
void soak_verify_plan(const weft_plan *plan, const char *folder, soak_fault *fault);

/* The same of every row, and the plan is no worse than any baseline. */
void soak_verify_comparison(const weft_comparison *comparison, const char *folder,
                            soak_fault *fault);

/* Two plans are the same bytes. */
void soak_verify_equal(const weft_plan *a, const weft_plan *b, const char *folder,
                       soak_fault *fault);

/* INFEASIBLE names a rank, what it needs and what there is, and needs more. */
void soak_verify_infeasible(const weft_error *error, soak_fault *fault);

/* What every order needs on each rank, at the least (out_bytes[n_ranks]): at the moment of any pass
 * of any rank, a stage is in memory whose forward must come before that pass and whose backward
 * after it; at a pass of the rank itself, its working memory and its messages too; each with the
 * leanest of its candidates. False when out of memory. O(stages^2). */
bool soak_least_bytes(const weft_problem *problem, int64_t *out_bytes);

/* Whether one of `tries` random orders, with random candidates, compiles within the limits (64
 * ranks at most): then "infeasible" is wrong. */
bool soak_has_witness(const weft_problem *problem, soak_rng *rng, int tries);

#endif
