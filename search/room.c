/* search/room.c - see room.h. */
#include "search/room.h"

#include <string.h>

#include "base/error.h"

static int64_t max64(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static const weft_stage *stage_of(const weft_i_room *room, weft_task task)
{
    return &room->net->graph->problem->stages[weft_task_stage(task)];
}

static size_t at(const weft_i_room *room, int32_t rank, int32_t turn)
{
    return (size_t)rank * (size_t)room->n_turns + (size_t)turn;
}

/* The turn with which a pass is finished. */
static int32_t last_turn(const weft_i_room *room, weft_task task)
{
    int32_t stage = weft_task_stage(task);
    bool frozen = stage_of(room, task)->backward == WEFT_BACKWARD_NONE;
    return frozen ? room->fw_turn[stage] : room->bw_turn[stage];
}

static int32_t turn_of(const weft_i_room *room, weft_task task)
{
    int32_t stage = weft_task_stage(task);
    return weft_task_pass(task) == WEFT_PASS_FW ? room->fw_turn[stage] : room->bw_turn[stage];
}

static void sum_edges(weft_i_room *room)
{
    const weft_i_net *net = room->net;
    const weft_problem *problem = net->graph->problem;
    for (weft_task t = 0; t < 4 * net->n_stages; t++) {
        for (int32_t i = net->out.first[t]; i < net->out.first[t + 1]; i++) {
            weft_task to = net->out.arcs[i].task;
            int64_t bytes = problem->edges[net->out.arcs[i].edge].bytes;
            room->out_bytes[t] += bytes;
            if (net->rank[weft_task_stage(to)] != net->rank[weft_task_stage(t)])
                room->in_bytes[to] += bytes;
        }
    }
}

static void find_largest_work(weft_i_room *room)
{
    const weft_i_net *net = room->net;
    for (weft_task t = 0; t < 4 * net->n_stages; t++) {
        if (net->ns[t] < 0) continue;
        int64_t *most = &room->largest_work[net->rank[weft_task_stage(t)]];
        *most = max64(*most, stage_of(room, t)->now.cost.work_bytes[weft_task_pass(t)] +
                                 room->in_bytes[t]);
    }
}

weft_status weft_i_room_create(const weft_i_net *net, const weft_i_flow *flow, weft_i_arena *arena,
                               weft_error *error, weft_i_room *out_room)
{
    size_t n_stages = (size_t)net->n_stages, n_ranks = (size_t)net->n_ranks;
    size_t n_cells = n_ranks * (size_t)flow->n_microbatches;
    weft_i_room room = {.net = net,
                        .n_turns = flow->n_microbatches,
                        .fw_turn = weft_i_new(arena, int32_t, n_stages),
                        .bw_turn = weft_i_new(arena, int32_t, n_stages),
                        .out_bytes = weft_i_new(arena, int64_t, 4 * n_stages),
                        .in_bytes = weft_i_new(arena, int64_t, 4 * n_stages),
                        .need = weft_i_new(arena, int64_t, n_cells),
                        .largest_need = weft_i_new(arena, int64_t, n_ranks),
                        .all = weft_i_new(arena, int64_t, n_ranks),
                        .is_loose = weft_i_new(arena, bool, n_ranks),
                        .largest_work = weft_i_new(arena, int64_t, n_ranks),
                        .n_passes = weft_i_new(arena, int32_t, n_cells),
                        .used = weft_i_new(arena, int64_t, n_ranks),
                        .reserved = weft_i_new(arena, int64_t, n_ranks),
                        .slack = weft_i_new(arena, int64_t, n_cells),
                        .left = weft_i_new(arena, int32_t, n_cells),
                        .oldest = weft_i_new(arena, int32_t, n_ranks)};
    int32_t *turn = weft_i_new(arena, int32_t, flow->n_microbatches);
    if (!room.fw_turn || !room.bw_turn || !room.out_bytes || !room.in_bytes || !room.need ||
        !room.largest_need || !room.largest_work || !room.all || !room.is_loose || !room.n_passes ||
        !room.used || !room.reserved || !room.slack || !room.left || !room.oldest || !turn)
        return weft_i_no_memory(error);
    sum_edges(&room);
    find_largest_work(&room);
    for (int32_t m = 0; m < flow->n_microbatches; m++)
        turn[m] = m;
    weft_i_room_set_turns(&room, flow, turn);
    *out_room = room;
    return WEFT_STATUS_OK;
}

/* The stage's bytes count for all turns from that of its forward to that of its backward, an edge's
 * from that of its producer to that of its consumer. */
static void add_need(weft_i_room *room, int32_t stage)
{
    const weft_i_net *net = room->net;
    const weft_problem *problem = net->graph->problem;
    const weft_cost *cost = &problem->stages[stage].now.cost;
    int64_t *need = room->need + at(room, net->rank[stage], 0);
    int64_t most =
        net->split[stage] ? max64(cost->saved_bytes, cost->held_bytes) : cost->saved_bytes;
    for (int32_t k = room->fw_turn[stage]; k <= room->bw_turn[stage]; k++)
        need[k] += most;
    room->all[net->rank[stage]] += most;
    const weft_task tasks[2] = {weft_task_make(stage, WEFT_PASS_FW),
                                weft_i_net_backward(net, stage)};
    for (int j = 0; j < 2; j++)
        for (int32_t i = net->out.first[tasks[j]]; i < net->out.first[tasks[j] + 1]; i++) {
            int64_t bytes = problem->edges[net->out.arcs[i].edge].bytes;
            int32_t end = turn_of(room, net->out.arcs[i].task);
            room->all[net->rank[stage]] += bytes;
            for (int32_t k = turn_of(room, tasks[j]); k <= end; k++)
                need[k] += bytes;
        }
}

void weft_i_room_set_turns(weft_i_room *room, const weft_i_flow *flow, const int32_t *turn)
{
    const weft_i_net *net = room->net;
    weft_i_flow_number(net->graph, flow, turn, room->fw_turn, room->bw_turn);
    for (int32_t r = 0; r < net->n_ranks; r++) {
        room->all[r] = room->largest_work[r];
        for (int32_t k = 0; k < room->n_turns; k++) {
            room->need[at(room, r, k)] = room->largest_work[r];
            room->n_passes[at(room, r, k)] = 0;
        }
    }
    for (int32_t s = 0; s < net->n_stages; s++)
        add_need(room, s);
    for (weft_task t = 0; t < 4 * net->n_stages; t++)
        if (net->ns[t] >= 0)
            room->n_passes[at(room, net->rank[weft_task_stage(t)], last_turn(room, t))]++;
    for (int32_t r = 0; r < net->n_ranks; r++) {
        room->largest_need[r] = 0;
        for (int32_t k = 0; k < room->n_turns; k++)
            room->largest_need[r] = max64(room->largest_need[r], room->need[at(room, r, k)]);
    }
}

static void pass_finished_turns(weft_i_room *room, int32_t rank)
{
    const int32_t *left = room->left + at(room, rank, 0);
    while (room->oldest[rank] < room->n_turns && left[room->oldest[rank]] == 0)
        room->oldest[rank]++;
}

void weft_i_room_reset(weft_i_room *room, const int64_t *limit, const int64_t *soft_limit,
                       int32_t reserve)
{
    size_t n_cells = (size_t)room->net->n_ranks * (size_t)room->n_turns;
    room->limit = limit;
    room->soft_limit = soft_limit;
    room->reserve = reserve;
    memcpy(room->left, room->n_passes, n_cells * sizeof *room->left);
    for (int32_t r = 0; r < room->net->n_ranks; r++) {
        room->used[r] = 0;
        room->reserved[r] = 0;
        room->is_loose[r] = limit[r] >= room->all[r] && !soft_limit && reserve == 0;
        room->oldest[r] = 0;
        for (int32_t k = 0; k < room->n_turns; k++)
            room->slack[at(room, r, k)] = limit[r] - room->need[at(room, r, k)];
        pass_finished_turns(room, r);
    }
}

/* Bytes that a pass adds at its start and that stay after it. */
static int64_t bytes_taken(const weft_i_room *room, weft_task task)
{
    int64_t saved =
        weft_task_pass(task) == WEFT_PASS_FW ? stage_of(room, task)->now.cost.saved_bytes : 0;
    return saved + room->out_bytes[task];
}

/* Bytes that it frees at its end; negative where a split backward holds more than was saved. */
static int64_t bytes_freed(const weft_i_room *room, weft_task task)
{
    const weft_cost *cost = &stage_of(room, task)->now.cost;
    switch (weft_task_pass(task)) {
    case WEFT_PASS_FW:
        return 0;
    case WEFT_PASS_BW:
        return cost->saved_bytes;
    case WEFT_PASS_BWI:
        return cost->saved_bytes - cost->held_bytes;
    case WEFT_PASS_BWW:
        return cost->held_bytes;
    }
    return 0;
}

bool weft_i_room_fits(const weft_i_room *room, weft_task task)
{
    int32_t rank = room->net->rank[weft_task_stage(task)];
    if (room->is_loose[rank]) return true;
    int64_t work = stage_of(room, task)->now.cost.work_bytes[weft_task_pass(task)];
    int64_t bytes = bytes_taken(room, task) + work + room->in_bytes[task];
    return room->used[rank] + bytes <= room->limit[rank];
}

/* Whether a turn has begun on a rank, and is not finished there. */
static bool is_under_way(const weft_i_room *room, int32_t rank, int32_t turn)
{
    int32_t left = room->left[at(room, rank, turn)];
    return left > 0 && left < room->n_passes[at(room, rank, turn)];
}

/* Whether a turn may begin by what others that are under way have reserved. */
static bool may_begin(const weft_i_room *room, int32_t rank, int32_t turn)
{
    if (room->reserve == 0 || turn == room->oldest[rank] || is_under_way(room, rank, turn))
        return true;
    double sum = (double)room->reserved[rank] + (double)room->need[at(room, rank, turn)];
    return sum * room->reserve <= (double)room->limit[rank] * 100;
}

bool weft_i_room_admits(const weft_i_room *room, weft_task task)
{
    int32_t stage = weft_task_stage(task), rank = room->net->rank[stage];
    if (room->is_loose[rank]) return true;
    int64_t bytes = bytes_taken(room, task);
    if (!weft_i_room_fits(room, task)) return false;
    if (weft_task_pass(task) != WEFT_PASS_FW) return true;
    int32_t turn = room->fw_turn[stage];
    if (room->soft_limit && turn > room->oldest[rank] &&
        room->used[rank] + bytes > room->soft_limit[rank])
        return false;
    if (!may_begin(room, rank, turn)) return false;
    if (room->used[rank] + bytes + room->largest_need[rank] <= room->limit[rank]) return true;
    for (int32_t k = room->oldest[rank]; k < turn; k++)
        if (room->left[at(room, rank, k)] > 0 && room->slack[at(room, rank, k)] < bytes)
            return false;
    return true;
}

/* Bytes that a turn takes (or, negative, gives back) on a rank. */
static void hold(weft_i_room *room, int32_t rank, int32_t turn, int64_t bytes)
{
    int64_t *slack = room->slack + at(room, rank, 0);
    room->used[rank] += bytes;
    if (room->is_loose[rank]) return;
    for (int32_t k = room->oldest[rank]; k < turn; k++)
        slack[k] -= bytes;
}

void weft_i_room_take(weft_i_room *room, weft_task task)
{
    const weft_i_net *net = room->net;
    const weft_problem *problem = net->graph->problem;
    int32_t stage = weft_task_stage(task), rank = net->rank[stage];
    hold(room, rank, turn_of(room, task), room->out_bytes[task]);
    hold(room, rank, room->fw_turn[stage],
         bytes_taken(room, task) - room->out_bytes[task] - bytes_freed(room, task));
    for (int32_t i = net->in.first[task]; i < net->in.first[task + 1]; i++) {
        const weft_i_arc *arc = &net->in.arcs[i];
        hold(room, net->rank[weft_task_stage(arc->task)], turn_of(room, arc->task),
             -problem->edges[arc->edge].bytes);
    }
    int32_t turn = last_turn(room, task);
    if (!is_under_way(room, rank, turn)) room->reserved[rank] += room->need[at(room, rank, turn)];
    room->left[at(room, rank, turn)]--;
    if (!is_under_way(room, rank, turn)) room->reserved[rank] -= room->need[at(room, rank, turn)];
    pass_finished_turns(room, rank);
}
