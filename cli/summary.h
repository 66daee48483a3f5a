/* cli/summary.h - a plan in a screenful, or in one JSON object. */
#ifndef WEFT_CLI_SUMMARY_H
#define WEFT_CLI_SUMMARY_H

#include "cli/cli.h"

/* spread: NULL where it was not asked for. */
void cli_summary_text(const weft_plan *plan, const weft_spread *spread, FILE *stream);
/* {"step_ns":..,"pipeline_ns":..,...,"peak_bytes":[..],"jitter":{..}} and a newline. */
void cli_summary_json(const weft_plan *plan, const weft_spread *spread, FILE *stream);
/* The same object without jitter and newline, to stand inside another. */
void cli_summary_json_object(const weft_plan *plan, FILE *stream);

/* Sums over a plan's pipelines that both need. */
typedef struct cli_sums {
    const weft_pipeline *slowest;
    int64_t peak_bytes;  /* highest of any rank */
    int64_t limit_bytes; /* of that rank */
} cli_sums;
cli_sums cli_summary_sums(const weft_plan *plan);

#endif
