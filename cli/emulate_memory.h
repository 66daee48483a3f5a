/* cli/emulate_memory.h - what the peaks of a plan's ranks are made of. */
#ifndef WEFT_CLI_EMULATE_MEMORY_H
#define WEFT_CLI_EMULATE_MEMORY_H

#include "cli/cli.h"

/* A pipeline, its report, and what knows its model's state; emulation NULL = nothing does (a plan
 * file), and the state is one sum. reserved_bytes < 0 = not known. */
typedef struct cli_memory {
    const weft_pipeline *pipeline;
    const weft_pipeline_report *report;
    const weft_emulation *emulation;
    int64_t reserved_bytes;
} cli_memory;

void cli_memory_print(const cli_memory *memory);
/* ,"memory":[...] with a timeline for each rank. */
void cli_memory_json(const cli_memory *memory);

#endif
