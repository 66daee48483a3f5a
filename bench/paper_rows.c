/* bench/paper_rows.c - see paper_rows.h. */
#include "bench/paper_rows.h"

#include <stdio.h>

const setup_row setup_rows[] = {
    {"vlm-s", "vlm-mixed", 16},  {"vlm-s", "vlm-interleaved", 16},
    {"vlm-m", "vlm-mixed", 32},  {"vlm-m", "vlm-interleaved", 32},
    {"vlm-l", "vlm-mixed", 64},  {"vlm-l", "vlm-interleaved", 64},
    {"t2v-s", "t2v-nextqa", 16}, {"t2v-l", "t2v-nextqa", 64},
};
const size_t n_setup_rows = sizeof setup_rows / sizeof setup_rows[0];

weft_status setup_open(const setup_row *row, const char *folder, weft_error *error, setup *out)
{
    char file[4096];
    *out = (setup){.model = NULL};
    snprintf(file, sizeof file, "%s/%s.jsonl", folder, row->batch);
    weft_planner_options_init(&out->options);
    out->options.gpus = row->gpus;
    out->options.microbatches = 64;
    weft_status status = weft_model_load(row->model, error, &out->model);
    if (!status) status = weft_cluster_load("h800", error, &out->cluster);
    if (!status) status = weft_batch_read(file, error, &out->batch);
    out->input =
        (weft_planner_input){.model = out->model, .cluster = out->cluster, .batch = out->batch};
    return status;
}

void setup_close(setup *s)
{
    weft_batch_free(s->batch);
    weft_cluster_free(s->cluster);
    weft_model_free(s->model);
}
