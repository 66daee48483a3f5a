/* planner/host_memory.c - see host_memory.h. */
#include "planner/host_memory.h"

#include <stdlib.h>

#include "base/error.h"

/* The most that a device of `rank` of replica `r` has on its host at a time. */
static int64_t peak_of(const weft_i_attempt *a, int32_t r, int32_t rank)
{
    const weft_solution *solution = &a->solutions[r];
    const weft_order *order = solution->order;
    int64_t now = 0, most = 0;
    for (int32_t i = 0; i < order->n_tasks[rank]; i++) {
        int32_t s = weft_task_stage(order->tasks[rank][i]), choice = solution->choices[s];
        weft_pass pass = weft_task_pass(order->tasks[rank][i]);
        int64_t bytes = a->sums[r].host_bytes[s][choice >= 0 ? choice : 0];
        if (pass == WEFT_PASS_FW) now += bytes;
        if (pass == WEFT_PASS_BW || pass == WEFT_PASS_BWW) now -= bytes;
        most = now > most ? now : most;
    }
    return most;
}

weft_status weft_i_host_memory_check(const weft_i_attempt *attempt, weft_error *error)
{
    if (!attempt->plan_case) return WEFT_STATUS_OK;
    int32_t n_ranks = attempt->problems[0]->n_ranks;
    int64_t *bytes = weft_i_alloc((size_t)n_ranks, sizeof *bytes);
    if (!bytes) return weft_i_no_memory(error);
    for (int32_t rank = 0; rank < n_ranks; rank++) {
        bytes[rank] = 0;
        for (int32_t r = 0; r < attempt->n_replicas; r++) {
            int64_t peak = peak_of(attempt, r, rank);
            if (peak > bytes[rank]) bytes[rank] = peak;
        }
    }
    weft_status status = weft_i_emu_check_host(attempt->plan_case->emu, bytes, error);
    free(bytes);
    return status;
}
