/* search/course.c - the course of a mean microbatch through a problem. */
#include <stdlib.h>

#include "base/error.h"
#include "search/keys.h"

/* Sums over the stages of a chunk. */
typedef struct chunk_sums {
    int64_t fw_ns, bw_ns, bww_ns, fw_hop_ns, bw_hop_ns, saved_bytes;
    int64_t n_stages, n_backwards, n_fw_hops, n_bw_hops;
    int32_t step; /* the largest of a stage within its slot */
    bool splits;
} chunk_sums;

typedef struct builder {
    const weft_i_net *net;
    const weft_problem *problem;
    const weft_i_flow *flow;
    weft_i_course *course;
    chunk_sums *sums; /* by chunk */
    int32_t *step;    /* by stage */
} builder;

/* Stages in topological order: one walk finds every step and which slot feeds which. */
static void find_steps(const builder *b)
{
    const weft_i_net *net = b->net;
    const int32_t *slot_of = b->course->slots.of_chunk;
    for (int32_t i = 0; i < net->n_stages; i++) {
        int32_t s = b->flow->fw_stages[i], chunk = b->problem->stages[s].chunk;
        weft_task task = weft_task_make(s, WEFT_PASS_FW);
        for (int32_t k = net->in.first[task]; k < net->in.first[task + 1]; k++) {
            int32_t from = weft_task_stage(net->in.arcs[k].task);
            int32_t from_slot = slot_of[b->problem->stages[from].chunk];
            if (from_slot != slot_of[chunk])
                b->course->feeds[from_slot * b->course->slots.n + slot_of[chunk]] = true;
            else if (b->step[from] >= b->step[s])
                b->step[s] = b->step[from] + 1;
        }
        if (b->step[s] > b->sums[chunk].step) b->sums[chunk].step = b->step[s];
    }
}

static void sum_hops(const weft_i_net *net, weft_task task, int64_t *sum_ns, int64_t *n)
{
    for (int32_t k = net->in.first[task]; k < net->in.first[task + 1]; k++) {
        *sum_ns += net->in.arcs[k].latency_ns;
        ++*n;
    }
}

static void sum_chunks(const builder *b)
{
    for (int32_t s = 0; s < b->net->n_stages; s++) {
        const weft_stage *stage = &b->problem->stages[s];
        chunk_sums *sum = &b->sums[stage->chunk];
        weft_task fw = weft_task_make(s, WEFT_PASS_FW), bw = weft_i_net_backward(b->net, s);
        sum->n_stages++;
        sum->fw_ns += b->net->ns[fw];
        sum->saved_bytes += stage->now.cost.saved_bytes;
        sum_hops(b->net, fw, &sum->fw_hop_ns, &sum->n_fw_hops);
        if (b->net->ns[bw] < 0) continue;
        sum->n_backwards++;
        sum->bw_ns += b->net->ns[bw];
        sum->splits = sum->splits || b->net->split[s];
        if (b->net->split[s]) sum->bww_ns += b->net->ns[weft_task_make(s, WEFT_PASS_BWW)];
        sum_hops(b->net, bw, &sum->bw_hop_ns, &sum->n_bw_hops);
    }
}

static int64_t mean(int64_t sum, int64_t n)
{
    return n > 0 ? sum / n : 0;
}

/* A leg with what it is sorted by. */
typedef struct placed_leg {
    int32_t step;
    weft_i_leg leg;
} placed_leg;

static int compare_legs(const void *a, const void *b)
{
    const placed_leg *x = a, *y = b;
    if (x->leg.slot != y->leg.slot) return x->leg.slot < y->leg.slot ? -1 : 1;
    if (x->step != y->step) return x->step < y->step ? -1 : 1;
    return (x->leg.chunk > y->leg.chunk) - (x->leg.chunk < y->leg.chunk);
}

static void list_legs(const builder *b, placed_leg *placed)
{
    weft_i_course *course = b->course;
    int64_t n_turns = course->n_turns;
    for (int32_t c = 0; c < b->problem->n_chunks; c++) {
        const chunk_sums *sum = &b->sums[c];
        course->leg_of_chunk[c] = -1;
        if (sum->n_stages == 0) continue;
        weft_i_leg leg = {.chunk = c,
                          .slot = course->slots.of_chunk[c],
                          .rank = b->problem->chunks[c].rank,
                          .fw_ns = mean(sum->fw_ns, n_turns),
                          .bw_ns = mean(sum->bw_ns, n_turns),
                          .bww_ns = mean(sum->bww_ns, n_turns),
                          .fw_pass = mean(sum->fw_ns, sum->n_stages),
                          .bw_pass = mean(sum->bw_ns, sum->n_backwards),
                          .fw_hop_ns = mean(sum->fw_hop_ns, sum->n_fw_hops),
                          .bw_hop_ns = mean(sum->bw_hop_ns, sum->n_bw_hops),
                          .saved_bytes = mean(sum->saved_bytes, n_turns),
                          .n_passes = sum->n_backwards == 0 ? 1
                                      : sum->splits         ? 3
                                                            : 2};
        placed[course->n_legs++] = (placed_leg){sum->step, leg};
    }
    qsort(placed, (size_t)course->n_legs, sizeof *placed, compare_legs);
    for (int32_t i = 0; i < course->n_legs; i++) {
        course->legs[i] = placed[i].leg;
        course->leg_of_chunk[placed[i].leg.chunk] = i;
        course->first_of_slot[placed[i].leg.slot + 1] = i + 1;
    }
    for (int32_t slot = 0; slot < course->slots.n; slot++)
        if (course->first_of_slot[slot + 1] == 0)
            course->first_of_slot[slot + 1] = course->first_of_slot[slot];
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
static void share_work(const builder *b, int64_t *rank_ns)
{
    weft_i_course *course = b->course;
    int64_t most = 0, sum = 0;
    for (int32_t s = 0; s < b->net->n_stages; s++) {
        int32_t sub = b->problem->stages[s].submicrobatch;
        int32_t begin = b->flow->first_of_sub[sub], end = b->flow->first_of_sub[sub + 1];
        int64_t work = work_of(b->net, s);
        rank_ns[b->net->rank[s]] += work;
        sum += work;
        for (int32_t i = begin; i < end; i++)
            course->turn_ns[b->flow->of_sub[i]] += work / (end - begin);
        course->overlaps =
            course->overlaps || b->flow->fw_microbatch[s] != b->flow->bw_microbatch[s];
    }
    for (int32_t r = 0; r < b->net->n_ranks; r++)
        most = rank_ns[r] > most ? rank_ns[r] : most;
    for (int32_t m = 0; m < course->n_turns && sum > 0; m++)
        course->turn_ns[m] = (int64_t)((double)course->turn_ns[m] * (double)most / (double)sum);
    course->period_ns = most / course->n_turns;
}

weft_status weft_i_course_build(const weft_i_net *net, const weft_i_flow *flow,
                                const weft_i_slots *slots, weft_i_arena *arena, weft_error *error,
                                weft_i_course *out_course)
{
    const weft_problem *problem = net->graph->problem;
    size_t n = (size_t)slots->n, n_chunks = (size_t)problem->n_chunks;
    weft_i_course course = {.slots = *slots,
                            .n_turns = flow->n_microbatches,
                            .legs = weft_i_new(arena, weft_i_leg, n_chunks),
                            .leg_of_chunk = weft_i_new(arena, int32_t, n_chunks),
                            .first_of_slot = weft_i_new(arena, int32_t, n + 1),
                            .feeds = weft_i_new(arena, bool, n *n),
                            .turn_ns = weft_i_new(arena, int64_t, flow->n_microbatches),
                            .bases = weft_i_new(arena, int64_t, flow->n_microbatches)};
    builder b = {net,
                 problem,
                 flow,
                 &course,
                 weft_i_new(arena, chunk_sums, n_chunks),
                 weft_i_new(arena, int32_t, net->n_stages)};
    placed_leg *placed = weft_i_new(arena, placed_leg, n_chunks);
    int64_t *rank_ns = weft_i_new(arena, int64_t, net->n_ranks);
    if (!course.legs || !course.leg_of_chunk || !course.first_of_slot || !course.feeds ||
        !course.turn_ns || !course.bases || !b.sums || !b.step || !placed || !rank_ns)
        return weft_i_no_memory(error);
    find_steps(&b);
    sum_chunks(&b);
    list_legs(&b, placed);
    share_work(&b, rank_ns);
    *out_course = course;
    return WEFT_STATUS_OK;
}
