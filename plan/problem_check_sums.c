/* plan/problem_check_sums.c - sums over a whole problem stay within WEFT_INT_MAX, so that nobody
 * who adds times or sizes of a checked problem has to look for overflow. */
#include "base/error.h"
#include "base/least.h"
#include "plan/problem_check.h"
#include "plan/problem_own.h"

/* Add a value that may be several times WEFT_INT_MAX to a sum that is at most that; false when the
 * sum is no more. */
static bool add(int64_t *sum, int64_t value)
{
    *sum += value;
    return *sum <= WEFT_INT_MAX;
}

static weft_status fail_sum(const weft_i_checker *check, const char *array, int32_t index,
                            const char *what)
{
    const weft_i_place at = {.array = array, .index = index};
    return weft_i_check_fail(check, at, "", "%s up to here add up to more than %lld", what,
                             (long long)WEFT_INT_MAX);
}

/* The longest time and the most bytes that a stage takes under any of its candidates. */
static int64_t stage_time(const weft_stage *stage)
{
    int64_t most = 0;
    for (int32_t k = -1; k < stage->n_candidates; k++) {
        const weft_cost *cost = &weft_i_stage_chosen(stage, k)->cost;
        most = weft_i_max(most, cost->fw_ns + weft_i_max(cost->bw_ns, cost->bwi_ns + cost->bww_ns));
    }
    return most;
}

static int64_t stage_bytes(const weft_stage *stage)
{
    int64_t most = 0;
    for (int32_t k = -1; k < stage->n_candidates; k++) {
        const weft_cost *cost = &weft_i_stage_chosen(stage, k)->cost;
        int64_t bytes = cost->saved_bytes + cost->held_bytes;
        for (int pass = 0; pass < 4; pass++)
            bytes += cost->work_bytes[pass];
        most = weft_i_max(most, bytes);
    }
    return most;
}

/* Of everything that can follow one after the other: passes, messages with their posting at both
 * ends, reductions, and the wait for the last input. */
static weft_status check_time(const weft_i_checker *check)
{
    const weft_problem *problem = check->problem;
    int64_t sum = 0;
    for (int32_t s = 0; s < problem->n_stages; s++)
        sum = weft_i_max(sum, problem->stages[s].ready_ns);
    for (int32_t c = 0; c < problem->n_chunks; c++) {
        const weft_chunk *chunk = &problem->chunks[c];
        if (!add(&sum, chunk->reduce_ns) || !add(&sum, chunk->share_ns))
            return fail_sum(check, "chunks", c, "times");
    }
    for (int32_t s = 0; s < problem->n_stages; s++) {
        if (!add(&sum, stage_time(&problem->stages[s])))
            return fail_sum(check, "stages", s, "times");
    }
    for (int32_t e = 0; e < problem->n_edges; e++) {
        if (!add(&sum, problem->edges[e].transfer_ns + 2 * problem->post_ns))
            return fail_sum(check, "edges", e, "times");
    }
    return WEFT_STATUS_OK;
}

static weft_status check_bytes(const weft_i_checker *check, int64_t *sums)
{
    const weft_problem *problem = check->problem;
    for (int32_t c = 0; c < problem->n_chunks; c++) {
        const weft_chunk *chunk = &problem->chunks[c];
        if (!add(&sums[chunk->rank], chunk->state_bytes) ||
            !add(&sums[chunk->rank], chunk->reduce_bytes)) {
            return fail_sum(check, "chunks", c, "bytes of its rank");
        }
    }
    for (int32_t r = 0; r < problem->n_ranks; r++) {
        if (!add(&sums[r], problem->static_bytes[r]))
            return fail_sum(check, "static_bytes", r, "bytes of this rank");
    }
    for (int32_t s = 0; s < problem->n_stages; s++) {
        const weft_stage *stage = &problem->stages[s];
        if (!add(&sums[problem->chunks[stage->chunk].rank], stage_bytes(stage)))
            return fail_sum(check, "stages", s, "bytes of its rank");
    }
    for (int32_t e = 0; e < problem->n_edges; e++) {
        const weft_edge *edge = &problem->edges[e];
        int32_t from = problem->chunks[problem->stages[edge->from].chunk].rank;
        int32_t to = problem->chunks[problem->stages[edge->to].chunk].rank;
        if (!add(&sums[from], edge->bytes) || (to != from && !add(&sums[to], edge->bytes)))
            return fail_sum(check, "edges", e, "bytes of one of its ranks");
    }
    return WEFT_STATUS_OK;
}

weft_status weft_i_check_sums(weft_i_checker *check)
{
    int64_t *sums = weft_i_new(&check->arena, int64_t, check->problem->n_ranks);
    if (!sums) return weft_i_no_memory(check->error);
    weft_status status = check_time(check);
    return status == WEFT_STATUS_OK ? check_bytes(check, sums) : status;
}
