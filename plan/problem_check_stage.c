/* plan/problem_check_stage.c - the rules of a problem's stages. */
#include <string.h>

#include "base/error.h"
#include "plan/problem_check.h"
#include "plan/problem_own.h"

/* The stage, or one of its candidates where `candidate` is not -1. */
static weft_i_place place_of(int32_t s, int32_t candidate)
{
    return (weft_i_place){.array = "stages",
                          .index = s,
                          .part = candidate < 0 ? NULL : "candidates",
                          .part_index = candidate};
}

static weft_status check_cost_range(const weft_i_checker *check, weft_i_place at,
                                    const weft_cost *cost)
{
    const weft_i_number numbers[] = {
        {".fw_ns", cost->fw_ns, WEFT_INT_MAX},
        {".bw_ns", cost->bw_ns, WEFT_INT_MAX},
        {".bwi_ns", cost->bwi_ns, WEFT_INT_MAX},
        {".bww_ns", cost->bww_ns, WEFT_INT_MAX},
        {".recompute_ns", cost->recompute_ns, cost->bw_ns},
        {".saved_bytes", cost->saved_bytes, WEFT_INT_MAX},
        {".held_bytes", cost->held_bytes, WEFT_INT_MAX},
        {".work_bytes.fw", cost->work_bytes[WEFT_PASS_FW], WEFT_INT_MAX},
        {".work_bytes.bw", cost->work_bytes[WEFT_PASS_BW], WEFT_INT_MAX},
        {".work_bytes.bwi", cost->work_bytes[WEFT_PASS_BWI], WEFT_INT_MAX},
        {".work_bytes.bww", cost->work_bytes[WEFT_PASS_BWW], WEFT_INT_MAX},
    };
    weft_status status = WEFT_I_CHECK_NUMBERS(check, at, numbers);
    if (status != WEFT_STATUS_OK || !weft_cost_can_split(cost)) return status;
    const weft_i_number split[] = {{".recompute_ns", cost->recompute_ns, cost->bwi_ns}};
    return WEFT_I_CHECK_NUMBERS(check, at, split);
}

/* Costs of passes that the stage's backward does not have are 0. */
static weft_status check_cost_backward(const weft_i_checker *check, weft_i_place at,
                                       const weft_cost *cost)
{
    const weft_stage *stage = &check->problem->stages[at.index];
    int64_t max = stage->backward == WEFT_BACKWARD_NONE ? 0 : WEFT_INT_MAX;
    int64_t max_split = stage->backward == WEFT_BACKWARD_FULL ? WEFT_INT_MAX : 0;
    const weft_i_number numbers[] = {
        {".bw_ns", cost->bw_ns, max},           {".bwi_ns", cost->bwi_ns, max_split},
        {".bww_ns", cost->bww_ns, max_split},   {".saved_bytes", cost->saved_bytes, max},
        {".held_bytes", cost->held_bytes, max},
    };
    return WEFT_I_CHECK_NUMBERS(check, at, numbers);
}

/* The runs of layers are empty or cover the chunk. */
static weft_status check_memory(const weft_i_checker *check, weft_i_place at,
                                const weft_candidate *candidate)
{
    int64_t sum = 0;
    for (int32_t i = 0; i < candidate->n_memory; i++) {
        const weft_memory_run *run = &candidate->memory[i];
        if (weft_i_check_is_empty(run->strategy) || run->layers < 0) {
            return weft_i_check_fail(
                check, at, ".memory",
                "expected a name and at least 0 layers in run %d, found '%.40s' and %d", i,
                run->strategy ? run->strategy : "", run->layers);
        }
        sum += run->layers;
    }
    int32_t layers = check->problem->chunks[check->problem->stages[at.index].chunk].layers;
    if (candidate->n_memory == 0 || sum == layers) return WEFT_STATUS_OK;
    return weft_i_check_fail(check, at, ".memory",
                             "expected no layers or the chunk's %d, found %lld", layers,
                             (long long)sum);
}

static weft_status check_candidate(const weft_i_checker *check, int32_t s, int32_t candidate)
{
    const weft_stage *stage = &check->problem->stages[s];
    const weft_candidate *chosen = weft_i_stage_chosen(stage, candidate);
    const weft_i_place at = place_of(s, candidate);
    weft_status status = check_cost_range(check, at, &chosen->cost);
    if (status == WEFT_STATUS_OK) status = check_cost_backward(check, at, &chosen->cost);
    if (status == WEFT_STATUS_OK) status = check_memory(check, at, chosen);
    if (status != WEFT_STATUS_OK) return status;
    if (weft_cost_can_split(&chosen->cost) != weft_cost_can_split(&stage->now.cost)) {
        return weft_i_check_fail(check, at, "",
                                 "expected bwi_ns and bww_ns to be %s as in the stage itself",
                                 weft_cost_can_split(&stage->now.cost) ? "given" : "0");
    }
    return WEFT_STATUS_OK;
}

static weft_status check_stage(const weft_i_checker *check, int32_t s)
{
    const weft_problem *problem = check->problem;
    const weft_stage *stage = &problem->stages[s];
    const weft_i_number numbers[] = {
        {".chunk", stage->chunk, (int64_t)problem->n_chunks - 1},
        {".submicrobatch", stage->submicrobatch, (int64_t)problem->n_submicrobatches - 1},
        {".backward", stage->backward, WEFT_BACKWARD_FULL},
        {".label", stage->label == -1 ? 0 : stage->label, INT32_MAX},
        {".ready_ns", stage->ready_ns, WEFT_INT_MAX},
        {".candidates", stage->n_candidates, INT32_MAX},
    };
    weft_status status = WEFT_I_CHECK_NUMBERS(check, place_of(s, -1), numbers);
    if (status != WEFT_STATUS_OK) return status;
    const char *module = problem->chunks[stage->chunk].module;
    const char *sub_module = problem->submicrobatches[stage->submicrobatch].module;
    if (strcmp(module, sub_module) != 0) {
        return weft_i_check_fail(check, place_of(s, -1), "",
                                 "chunk %d is of module '%.40s', sub-microbatch %d of '%.40s'",
                                 stage->chunk, module, stage->submicrobatch, sub_module);
    }
    for (int32_t k = -1; status == WEFT_STATUS_OK && k < stage->n_candidates; k++)
        status = check_candidate(check, s, k);
    return status;
}

/* A chunk runs on a sub-microbatch once. */
static weft_status check_stages_differ(weft_i_checker *check)
{
    const weft_problem *problem = check->problem;
    int32_t *next = weft_i_new(&check->arena, int32_t, problem->n_stages);
    int32_t *of_chunk = weft_i_new(&check->arena, int32_t, problem->n_chunks);
    int32_t *seen = weft_i_new(&check->arena, int32_t, problem->n_submicrobatches);
    if (!next || !of_chunk || !seen) return weft_i_no_memory(check->error);
    /* The stages of each chunk as a list, numbers one up so that 0 is its end. */
    for (int32_t s = problem->n_stages - 1; s >= 0; s--) {
        int32_t *head = &of_chunk[problem->stages[s].chunk];
        next[s] = *head;
        *head = s + 1;
    }
    for (int32_t c = 0; c < problem->n_chunks; c++) {
        for (int32_t s = of_chunk[c] - 1; s >= 0; s = next[s] - 1) {
            int32_t *first = &seen[problem->stages[s].submicrobatch];
            if (*first > 0 && problem->stages[*first - 1].chunk == c) {
                return weft_i_check_fail(check, place_of(s, -1), "",
                                         "chunk %d already runs on sub-microbatch %d as "
                                         "stage %d",
                                         c, problem->stages[s].submicrobatch, *first - 1);
            }
            *first = s + 1;
        }
    }
    return WEFT_STATUS_OK;
}

weft_status weft_i_check_stages(weft_i_checker *check)
{
    weft_status status = WEFT_STATUS_OK;
    for (int32_t s = 0; status == WEFT_STATUS_OK && s < check->problem->n_stages; s++)
        status = check_stage(check, s);
    return status == WEFT_STATUS_OK ? check_stages_differ(check) : status;
}
