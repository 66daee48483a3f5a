/* bench/optimus.h - the systems that Optimus was compared with (arXiv 2408.03505), predicted under
 * one rule: docs/accuracy.md says which, and why. Not: Alpa, whose plans and kernels are not known.
 */
#ifndef WEFT_BENCH_OPTIMUS_H
#define WEFT_BENCH_OPTIMUS_H

/* In the order that was measured, fastest first. */
typedef enum optimus_system {
    OPTIMUS_OWN,
    OPTIMUS_BALANCED,
    OPTIMUS_FSDP,
    OPTIMUS_MEGATRON,
    N_OPTIMUS_SYSTEMS
} optimus_system;

/* Seconds of a step. */
typedef struct optimus_row {
    double predicted, measured;
} optimus_row;

/* Read and predict; any error ends the program. `folder` holds optimus_small.csv, .model.json and
 * .batch.jsonl. */
void optimus_predict(const char *folder, optimus_row out_rows[N_OPTIMUS_SYSTEMS]);

/* The rows as a table. */
void optimus_print(const char *folder);

#endif
