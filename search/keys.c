/* search/keys.c - keys from turns and from patterns. */
#include "search/keys.h"

void weft_i_keys_by_turn(const weft_i_net *net, const weft_i_flow *flow,
                         const weft_i_course *course, const weft_i_turns *turns, int32_t group,
                         int64_t *key)
{
    const weft_problem *problem = net->graph->problem;
    int64_t n_slots = course->slots.n, n_stages = net->n_stages;
    for (int32_t s = 0; s < net->n_stages; s++) {
        int64_t slot = course->slots.of_chunk[problem->stages[s].chunk];
        int64_t fw = turns->fw[s], bw = turns->bw[s];
        int64_t ahead = (fw / group * n_slots + slot) * group + fw % group;
        int64_t back = (bw / group * n_slots + n_slots - 1 - slot) * group + bw % group;
        key[weft_task_make(s, WEFT_PASS_FW)] = ahead * n_stages + flow->fw_place[s];
        int64_t backward = back * n_stages + flow->bw_place[s];
        for (int pass = WEFT_PASS_BW; pass <= WEFT_PASS_BWW; pass++)
            key[weft_task_make(s, (weft_pass)pass)] = backward;
    }
}

static void place_turns(weft_i_course *course, const weft_i_turns *turns)
{
    int32_t n = course->n_turns;
    int64_t sum = 0;
    for (int32_t m = 0; m < n; m++)
        course->bases[turns->turn[m]] = course->turn_ns[m];
    for (int32_t k = 0; k < n; k++) {
        int64_t work = course->bases[k];
        course->bases[k] = sum;
        sum += work;
    }
}

void weft_i_keys_by_pattern(const weft_i_net *net, weft_i_course *course, const weft_i_turns *turns,
                            const weft_i_pattern *pattern, int64_t *key)
{
    const weft_problem *problem = net->graph->problem;
    place_turns(course, turns);
    for (int32_t s = 0; s < net->n_stages; s++) {
        const weft_stage *stage = &problem->stages[s];
        int32_t leg = course->leg_of_chunk[stage->chunk];
        int64_t index = problem->submicrobatches[stage->submicrobatch].index;
        int64_t fw =
            course->bases[turns->fw[s]] + pattern->fw_ns[leg] + index * course->legs[leg].fw_pass;
        int64_t bw =
            course->bases[turns->bw[s]] + pattern->bw_ns[leg] + index * course->legs[leg].bw_pass;
        key[weft_task_make(s, WEFT_PASS_FW)] = fw;
        key[weft_task_make(s, WEFT_PASS_BW)] = bw;
        key[weft_task_make(s, WEFT_PASS_BWI)] = bw;
        key[weft_task_make(s, WEFT_PASS_BWW)] = bw - pattern->bw_ns[leg] + pattern->bww_ns[leg];
    }
}
