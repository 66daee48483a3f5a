/* search/keys.c - see keys.h. */
#include "search/keys.h"

#include "base/error.h"

/* Slots are in data order and stages in topological order, so one walk finds every step. */
static void find_steps(const weft_i_net *net, const weft_i_flow *flow, weft_i_course *course)
{
    const weft_problem *problem = net->graph->problem;
    const int32_t *slot_of = course->slots.of_chunk;
    for (int32_t i = 0; i < net->n_stages; i++) {
        int32_t s = flow->fw_stages[i], slot = slot_of[problem->stages[s].chunk];
        weft_task task = weft_task_make(s, WEFT_PASS_FW);
        for (int32_t k = net->in.first[task]; k < net->in.first[task + 1]; k++) {
            int32_t from = weft_task_stage(net->in.arcs[k].task);
            int32_t from_slot = slot_of[problem->stages[from].chunk];
            if (from_slot != slot)
                course->feeds[from_slot * course->slots.n + slot] = true;
            else if (course->step[from] >= course->step[s])
                course->step[s] = course->step[from] + 1;
        }
        if (course->step[s] >= course->n_steps[slot]) course->n_steps[slot] = course->step[s] + 1;
    }
}

/* Means over a slot's stages, and over its messages. */
typedef struct slot_sums {
    int64_t fw_ns, bw_ns, transfer_ns;
    int64_t n, n_backward, n_messages;
} slot_sums;

static void average_slots(const weft_i_net *net, weft_i_course *course, slot_sums *sums)
{
    const weft_problem *problem = net->graph->problem;
    for (int32_t s = 0; s < net->n_stages; s++) {
        slot_sums *sum = &sums[course->slots.of_chunk[problem->stages[s].chunk]];
        weft_task fw = weft_task_make(s, WEFT_PASS_FW), bw = weft_i_net_backward(net, s);
        sum->fw_ns += net->ns[fw];
        sum->n++;
        if (net->ns[bw] >= 0) {
            sum->bw_ns += net->ns[bw];
            sum->n_backward++;
        }
        for (int32_t k = net->out.first[fw]; k < net->out.first[fw + 1]; k++) {
            sum->transfer_ns += net->out.arcs[k].latency_ns;
            sum->n_messages++;
        }
    }
    for (int32_t c = 0; c < course->slots.n; c++) {
        const slot_sums *sum = &sums[c];
        int64_t transfer = sum->n_messages > 0 ? sum->transfer_ns / sum->n_messages : 0;
        course->fw_ns[c] = transfer + (sum->n > 0 ? sum->fw_ns / sum->n : 0);
        course->bw_ns[c] = transfer + (sum->n_backward > 0 ? sum->bw_ns / sum->n_backward : 0);
    }
}

static int64_t work_of(const weft_i_net *net, int32_t stage)
{
    int64_t work = 0;
    for (int pass = 0; pass < 4; pass++) {
        int64_t ns = net->ns[weft_task_make(stage, (weft_pass)pass)];
        work += ns > 0 ? ns : 0;
    }
    return work;
}

/* A stage's work is shared by the microbatches of its sub-microbatch. The turns' sum is the work of
 * the busiest rank. */
static void share_work(const weft_i_net *net, const weft_i_flow *flow, weft_i_course *course,
                       int64_t *rank_ns)
{
    const weft_problem *problem = net->graph->problem;
    int64_t most = 0, sum = 0;
    for (int32_t s = 0; s < net->n_stages; s++) {
        int32_t sub = problem->stages[s].submicrobatch;
        int32_t begin = flow->first_of_sub[sub], end = flow->first_of_sub[sub + 1];
        int64_t work = work_of(net, s);
        rank_ns[net->rank[s]] += work;
        sum += work;
        for (int32_t i = begin; i < end; i++)
            course->turn_ns[flow->of_sub[i]] += work / (end - begin);
    }
    for (int32_t r = 0; r < net->n_ranks; r++)
        most = rank_ns[r] > most ? rank_ns[r] : most;
    for (int32_t m = 0; m < flow->n_microbatches && sum > 0; m++)
        course->turn_ns[m] = (int64_t)((double)course->turn_ns[m] * (double)most / (double)sum);
}

weft_status weft_i_course_build(const weft_i_net *net, const weft_i_flow *flow,
                                const weft_i_slots *slots, weft_i_arena *arena, weft_error *error,
                                weft_i_course *out_course)
{
    size_t n = (size_t)slots->n;
    weft_i_course course = {.slots = *slots,
                            .step = weft_i_new(arena, int32_t, net->n_stages),
                            .n_steps = weft_i_new(arena, int32_t, n),
                            .fw_ns = weft_i_new(arena, int64_t, n),
                            .bw_ns = weft_i_new(arena, int64_t, n),
                            .turn_ns = weft_i_new(arena, int64_t, flow->n_microbatches),
                            .feeds = weft_i_new(arena, bool, n *n),
                            .starts = weft_i_new(arena, int64_t, 2 * n),
                            .bases = weft_i_new(arena, int64_t, flow->n_microbatches)};
    slot_sums *sums = weft_i_new(arena, slot_sums, n);
    int64_t *rank_ns = weft_i_new(arena, int64_t, net->n_ranks);
    if (!course.step || !course.n_steps || !course.fw_ns || !course.bw_ns || !course.turn_ns ||
        !course.feeds || !course.starts || !course.bases || !sums || !rank_ns)
        return weft_i_no_memory(error);
    find_steps(net, flow, &course);
    average_slots(net, &course, sums);
    share_work(net, flow, &course, rank_ns);
    *out_course = course;
    return WEFT_STATUS_OK;
}

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

static int64_t max64(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* When each slot's first forward and first backward of a turn are wanted. */
static void place_slots(weft_i_course *course, const weft_i_pattern *pattern)
{
    int32_t n = course->slots.n;
    int64_t *fw = course->starts, *bw = course->starts + n;
    for (int32_t c = 0; c < n; c++) {
        fw[c] = 0;
        for (int32_t p = 0; p < c; p++)
            if (course->feeds[p * n + c])
                fw[c] = max64(fw[c], fw[p] + course->n_steps[p] * pattern->fw_slope[p]);
        fw[c] += pattern->fw_gap[c];
    }
    for (int32_t c = n - 1; c >= 0; c--) {
        bw[c] = fw[c] + course->n_steps[c] * pattern->fw_slope[c];
        for (int32_t q = c + 1; q < n; q++)
            if (course->feeds[c * n + q])
                bw[c] = max64(bw[c], bw[q] + course->n_steps[q] * pattern->bw_slope[q]);
        bw[c] += pattern->bw_gap[c];
    }
}

static void place_turns(const weft_i_flow *flow, weft_i_course *course, const int32_t *turn)
{
    int64_t sum = 0;
    for (int32_t m = 0; m < flow->n_microbatches; m++)
        course->bases[turn[m]] = course->turn_ns[m];
    for (int32_t k = 0; k < flow->n_microbatches; k++) {
        int64_t work = course->bases[k];
        course->bases[k] = sum;
        sum += work;
    }
}

void weft_i_keys_by_pattern(const weft_i_net *net, const weft_i_flow *flow, weft_i_course *course,
                            const weft_i_turns *turns, const weft_i_pattern *pattern, int64_t *key)
{
    const weft_problem *problem = net->graph->problem;
    int32_t n = course->slots.n;
    place_slots(course, pattern);
    place_turns(flow, course, turns->turn);
    for (int32_t s = 0; s < net->n_stages; s++) {
        int32_t slot = course->slots.of_chunk[problem->stages[s].chunk];
        int32_t step = course->step[s], back = course->n_steps[slot] - 1 - step;
        int64_t index = problem->submicrobatches[problem->stages[s].submicrobatch].index;
        int64_t fw = course->bases[turns->fw[s]] + course->starts[slot] +
                     step * pattern->fw_slope[slot] + index * course->fw_ns[slot];
        int64_t bw = course->bases[turns->bw[s]] + course->starts[n + slot] +
                     back * pattern->bw_slope[slot] + index * course->bw_ns[slot];
        key[weft_task_make(s, WEFT_PASS_FW)] = fw;
        key[weft_task_make(s, WEFT_PASS_BW)] = bw;
        key[weft_task_make(s, WEFT_PASS_BWI)] = bw;
        key[weft_task_make(s, WEFT_PASS_BWW)] = bw + pattern->delay[slot];
    }
}
