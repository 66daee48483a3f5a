/* search/keys.c - priorities by turn, and when turns begin. */
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

void weft_i_course_set_turns(weft_i_course *course, const int32_t *turn)
{
    int64_t sum = 0;
    for (int32_t m = 0; m < course->n_turns; m++)
        course->bases[turn[m]] = course->turn_ns[m];
    for (int32_t k = 0; k < course->n_turns; k++) {
        int64_t work = course->bases[k];
        course->bases[k] = sum;
        sum += work;
    }
}

int64_t weft_i_pattern_base(const weft_i_pattern *pattern, const weft_i_course *course,
                            int32_t turn, int32_t lap)
{
    if (pattern->n_laps <= 1) return course->bases[turn];
    int64_t group = pattern->group, groups = turn / group * pattern->n_laps + lap;
    return pattern->round_ns * (groups * group + turn % group);
}
