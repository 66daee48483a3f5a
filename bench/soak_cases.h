/* bench/soak_cases.h - one problem of the soak, from its number to its outcome. */
#ifndef WEFT_BENCH_SOAK_CASES_H
#define WEFT_BENCH_SOAK_CASES_H

#include "bench/soak_random.h"
#include "bench/soak_verify.h"

/* TEXT: a line of text. PROBLEM: a problem by hand. MODEL: a random model, recipe and cluster on a
 * slice of a real batch. SHIPPED: vlm-s or t2v-s on one. */
typedef enum soak_kind {
    SOAK_TEXT,
    SOAK_PROBLEM,
    SOAK_MODEL,
    SOAK_SHIPPED,
    SOAK_N_KINDS
} soak_kind;

const char *soak_kind_name(soak_kind kind);

/* PROVEN: infeasible, and no order can fit. UNPROVEN: said to be. MISSED: said to be, but a random
 * order fits. REFUSED: bad input or wrong use, with a reason. */
typedef enum soak_outcome {
    SOAK_PLANNED,
    SOAK_PROVEN,
    SOAK_UNPROVEN,
    SOAK_MISSED,
    SOAK_REFUSED
} soak_outcome;

typedef struct soak_case {
    soak_kind kind;
    soak_outcome outcome;
    double slack;     /* of a problem: least of limit / least need over the ranks */
    char what[768];   /* to know the problem by */
    weft_error error; /* why there is no plan */
    soak_fault fault;
} soak_case;

typedef struct soak_inputs {
    uint64_t seed;
    const char *folder; /* for temporary files */
    weft_batch *images[2], *videos, *audio;
    weft_model *vlm, *t2v;
} soak_inputs;

bool soak_open(const char *batch_folder, soak_inputs *inputs, weft_error *error);
/* Removes the temporary files, too. */
void soak_close(soak_inputs *inputs);

/* Run problem `index`. */
void soak_run(soak_inputs *inputs, int64_t index, soak_case *out);

/* Of a model's batch (soak_batch.c). */
void soak_run_model(soak_inputs *inputs, soak_rng *rng, soak_case *out);

/* The answer to a comparison: verified, classed, freed. */
void soak_judge(soak_inputs *inputs, weft_status status, weft_comparison *comparison,
                soak_case *out);

#endif
