/* bench/paper_rows.h - the paper's set-ups on real batches, loaded: 64 microbatches over the whole
 * job.
 */
#ifndef WEFT_BENCH_PAPER_ROWS_H
#define WEFT_BENCH_PAPER_ROWS_H

#include <weft/weft.h>

typedef struct setup_row {
    const char *model, *batch;
    int gpus;
} setup_row;

extern const setup_row setup_rows[];
extern const size_t n_setup_rows;

typedef struct setup {
    weft_model *model;
    weft_cluster *cluster;
    weft_batch *batch;
    weft_planner_input input;
    weft_planner_options options; /* sizes of the row */
} setup;

/* Load a row with a batch of `folder`; close it also after a failure. */
weft_status setup_open(const setup_row *row, const char *folder, weft_error *error, setup *out);
void setup_close(setup *s);

#endif
