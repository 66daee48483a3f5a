/* plan/check_passes.c - every stage runs its passes, in a legal sequence; offload and prefetch
 * stand between forward and backward; every rank ends with its optimizer. */
#include "plan/check.h"

static const char *found_passes(const weft_i_verify_pipeline *in, int32_t stage)
{
    static const char *const names[] = {
        "none",     "fw",           "bw",           "fw, bw",          "bwi",     "fw, bwi",
        "bw, bwi",  "fw, bw, bwi",  "bww",          "fw, bww",         "bw, bww", "fw, bw, bww",
        "bwi, bww", "fw, bwi, bww", "bw, bwi, bww", "fw, bw, bwi, bww"};
    unsigned found = 0;
    for (int pass = 0; pass < 4; pass++) {
        if (in->at[pass][stage] >= 0) found |= 1u << pass;
    }
    return names[found];
}

/* Exactly the passes of none, input or full, the last either fused or split. */
static bool has_its_passes(const weft_i_verify_pipeline *in, int32_t s)
{
    const weft_stage *stage = &in->problem->stages[s];
    bool fw = in->at[WEFT_ACTION_FW][s] >= 0, bw = in->at[WEFT_ACTION_BW][s] >= 0;
    bool bwi = in->at[WEFT_ACTION_BWI][s] >= 0, bww = in->at[WEFT_ACTION_BWW][s] >= 0;
    if (!fw) return false;
    switch (stage->backward) {
    case WEFT_BACKWARD_NONE:
        return !bw && !bwi && !bww;
    case WEFT_BACKWARD_INPUT:
        return bw && !bwi && !bww;
    case WEFT_BACKWARD_FULL:
        if (bw) return !bwi && !bww;
        return bwi && bww && (stage->now.cost.bwi_ns > 0 || stage->now.cost.bww_ns > 0);
    }
    return false;
}

/* `late` (an action of the stage, or -1) comes after `early`. */
static bool comes_after(weft_i_verify *check, int32_t pipeline, int32_t stage,
                        weft_action_kind early, weft_action_kind late)
{
    const weft_i_verify_pipeline *in = &check->pipelines[pipeline];
    int32_t first = in->at[early][stage], second = in->at[late][stage];
    if (first < 0 || second < 0 || first < second) return true;
    return weft_i_violate(check, "passes", pipeline, in->rank[stage], second,
                          "expected after the stage's %s, which is action %d",
                          weft_action_name(early), first);
}

static bool passes_in_order(weft_i_verify *check, int32_t p, int32_t s)
{
    return comes_after(check, p, s, WEFT_ACTION_FW, WEFT_ACTION_BW) &&
           comes_after(check, p, s, WEFT_ACTION_FW, WEFT_ACTION_BWI) &&
           comes_after(check, p, s, WEFT_ACTION_BWI, WEFT_ACTION_BWW);
}

/* All four actions of offloading or none: fw, offload, wait_offload, prefetch, wait_prefetch,
 * backward. */
static bool offload_in_order(weft_i_verify *check, int32_t p, int32_t s)
{
    static const weft_action_kind chain[] = {WEFT_ACTION_FW, WEFT_ACTION_OFFLOAD,
                                             WEFT_ACTION_WAIT_OFFLOAD, WEFT_ACTION_PREFETCH,
                                             WEFT_ACTION_WAIT_PREFETCH};
    const weft_i_verify_pipeline *in = &check->pipelines[p];
    int n_found = 0;
    int32_t one = -1;
    for (int i = 1; i < 5; i++) {
        if (in->at[chain[i]][s] < 0) continue;
        one = in->at[chain[i]][s];
        n_found++;
    }
    if (n_found == 0) return true;
    if (n_found < 4) {
        return weft_i_violate(check, "passes", p, in->rank[s], one,
                              "%d of the stage's offload, wait_offload, prefetch and "
                              "wait_prefetch are there, expected all four",
                              n_found);
    }
    if (in->problem->stages[s].backward == WEFT_BACKWARD_NONE) {
        return weft_i_violate(check, "passes", p, in->rank[s], one,
                              "the stage has no backward, expected nothing to offload");
    }
    for (int i = 1; i < 5; i++) {
        if (!comes_after(check, p, s, chain[i - 1], chain[i])) return false;
    }
    return comes_after(check, p, s, WEFT_ACTION_WAIT_PREFETCH, WEFT_ACTION_BW) &&
           comes_after(check, p, s, WEFT_ACTION_WAIT_PREFETCH, WEFT_ACTION_BWI);
}

static bool check_stage(weft_i_verify *check, int32_t p, int32_t s)
{
    static const char *const expected[] = {
        "fw", "fw, bw", "fw, bw, or fw, bwi, bww where the backward can be split"};
    const weft_i_verify_pipeline *in = &check->pipelines[p];
    if (!has_its_passes(in, s)) {
        return weft_i_violate(check, "passes", p, in->rank[s], -1,
                              "passes of stage %d are %s, expected %s", s, found_passes(in, s),
                              expected[in->problem->stages[s].backward]);
    }
    return passes_in_order(check, p, s) && offload_in_order(check, p, s);
}

static bool check_optimizer(weft_i_verify *check, int32_t p, int32_t r)
{
    const weft_i_verify_pipeline *in = &check->pipelines[p];
    int32_t at = in->at[WEFT_ACTION_OPTIMIZER][r], n = in->pipeline->ranks[r].n_actions;
    if (at < 0) {
        return weft_i_violate(check, "passes", p, r, -1, "no optimizer, expected one at the end");
    }
    if (at != n - 1) {
        return weft_i_violate(check, "passes", p, r, at, "expected at the end, as action %d",
                              n - 1);
    }
    return true;
}

bool weft_i_verify_passes(weft_i_verify *check)
{
    for (int32_t p = 0; p < check->plan->n_pipelines; p++) {
        for (int32_t s = 0; s < check->pipelines[p].problem->n_stages; s++) {
            if (!check_stage(check, p, s)) return false;
        }
        for (int32_t r = 0; r < check->n_ranks; r++) {
            if (!check_optimizer(check, p, r)) return false;
        }
    }
    return true;
}
