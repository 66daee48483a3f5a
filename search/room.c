/* search/room.c - see room.h. */
#include "search/room.h"

#include <string.h>

#include "base/error.h"
#include "base/least.h"

static const weft_stage *stage_of(const weft_i_room *room, weft_task task)
{
    return &room->net->graph->problem->stages[weft_task_stage(task)];
}

static size_t at(const weft_i_room *room, int32_t rank, int32_t turn)
{
    return (size_t)rank * (size_t)room->n_turns + (size_t)turn;
}

/* Bytes that a pass leaves to the next one of its stage, or that it frees of them; more than were
 * saved may stay where a split backward holds more. */
static int64_t own_bytes(const weft_cost *cost, weft_pass pass)
{
    switch (pass) {
    case WEFT_PASS_FW:
        return cost->saved_bytes;
    case WEFT_PASS_BW:
        return -cost->saved_bytes;
    case WEFT_PASS_BWI:
        return cost->held_bytes - cost->saved_bytes;
    case WEFT_PASS_BWW:
        return -cost->held_bytes;
    }
    return 0;
}

/* Returns also the bytes that a pass takes only while it runs. */
static weft_i_room_kind describe(const weft_i_room *room, weft_task task, int64_t *out_work)
{
    const weft_i_net *net = room->net;
    const weft_edge *edges = net->graph->problem->edges;
    const weft_cost *cost = &stage_of(room, task)->now.cost;
    weft_i_room_kind kind = {.rank = net->rank[weft_task_stage(task)],
                             .is_forward = weft_task_pass(task) == WEFT_PASS_FW,
                             .own_bytes = own_bytes(cost, weft_task_pass(task))};
    int64_t work = cost->work_bytes[weft_task_pass(task)];
    for (int32_t i = net->out.first[task]; i < net->out.first[task + 1]; i++)
        kind.out_bytes += edges[net->out.arcs[i].edge].bytes;
    for (int32_t i = net->in.first[task]; i < net->in.first[task + 1]; i++) {
        const weft_i_arc *arc = &net->in.arcs[i];
        kind.frees_edges = kind.frees_edges || edges[arc->edge].bytes > 0;
        if (net->rank[weft_task_stage(arc->task)] != kind.rank) work += edges[arc->edge].bytes;
    }
    kind.kept_bytes = kind.out_bytes + (kind.is_forward ? kind.own_bytes : 0);
    kind.peak_bytes = kind.kept_bytes + work;
    *out_work = work;
    return kind;
}

static bool is_same(const weft_i_room_kind *a, const weft_i_room_kind *b)
{
    return a->peak_bytes == b->peak_bytes && a->kept_bytes == b->kept_bytes &&
           a->own_bytes == b->own_bytes && a->out_bytes == b->out_bytes && a->rank == b->rank &&
           a->is_forward == b->is_forward && a->frees_edges == b->frees_edges;
}

/* Stages of a chunk are mostly alike: what is like the same pass of the chunk's stage before is of
 * its kind. last: by chunk and pass, scratch. */
static void describe_passes(weft_i_room *room, int32_t *last)
{
    const weft_i_net *net = room->net;
    for (weft_task t = 0; t < 4 * net->n_stages; t++) {
        int64_t work, *most = &room->largest_work[net->rank[weft_task_stage(t)]];
        if (net->ns[t] < 0) continue;
        weft_i_room_kind kind = describe(room, t, &work);
        int32_t *like = &last[4 * stage_of(room, t)->chunk + (int32_t)weft_task_pass(t)];
        *most = weft_i_max(*most, work);
        if (room->n_kinds == 0 || !is_same(&room->kinds[*like], &kind)) {
            *like = room->n_kinds;
            room->kinds[room->n_kinds++] = kind;
        }
        room->passes[t].kind = *like;
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
                        .passes = weft_i_new(arena, weft_i_room_pass, 4 * n_stages),
                        .kinds = weft_i_new(arena, weft_i_room_kind, net->n_passes),
                        .need = weft_i_new(arena, int64_t, n_cells),
                        .largest_need = weft_i_new(arena, int64_t, n_ranks),
                        .all = weft_i_new(arena, int64_t, n_ranks),
                        .is_loose = weft_i_new(arena, bool, n_ranks),
                        .largest_work = weft_i_new(arena, int64_t, n_ranks),
                        .n_passes = weft_i_new(arena, int32_t, n_cells),
                        .used = weft_i_new(arena, int64_t, n_ranks),
                        .reserved = weft_i_new(arena, int64_t, n_ranks),
                        .held = weft_i_new(arena, int64_t, n_cells),
                        .older = weft_i_new(arena, int64_t, n_ranks),
                        .left = weft_i_new(arena, int32_t, n_cells),
                        .oldest = weft_i_new(arena, int32_t, n_ranks)};
    int32_t *turn = weft_i_new(arena, int32_t, flow->n_microbatches);
    int32_t *last = weft_i_new(arena, int32_t, 4 * (size_t)net->graph->problem->n_chunks);
    if (!room.fw_turn || !room.bw_turn || !room.passes || !room.kinds || !room.need ||
        !room.largest_need || !room.largest_work || !room.all || !room.is_loose || !room.n_passes ||
        !room.used || !room.reserved || !room.held || !room.older || !room.left || !room.oldest ||
        !turn || !last)
        return weft_i_no_memory(error);
    describe_passes(&room, last);
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
        net->split[stage] ? weft_i_max(cost->saved_bytes, cost->held_bytes) : cost->saved_bytes;
    for (int32_t k = room->fw_turn[stage]; k <= room->bw_turn[stage]; k++)
        need[k] += most;
    room->all[net->rank[stage]] += most;
    const weft_task tasks[2] = {weft_task_make(stage, WEFT_PASS_FW),
                                weft_i_net_backward(net, stage)};
    for (int j = 0; j < 2; j++)
        for (int32_t i = net->out.first[tasks[j]]; i < net->out.first[tasks[j] + 1]; i++) {
            int64_t bytes = problem->edges[net->out.arcs[i].edge].bytes;
            int32_t end = room->passes[net->out.arcs[i].task].turn;
            room->all[net->rank[stage]] += bytes;
            for (int32_t k = room->passes[tasks[j]].turn; k <= end; k++)
                need[k] += bytes;
        }
}

/* Turns of the passes by those of their stages, and how many of each there are on a rank. */
static void set_pass_turns(weft_i_room *room)
{
    const weft_i_net *net = room->net;
    for (weft_task t = 0; t < 4 * net->n_stages; t++) {
        if (net->ns[t] < 0) continue;
        weft_i_room_pass *pass = &room->passes[t];
        int32_t stage = weft_task_stage(t);
        bool frozen = stage_of(room, t)->backward == WEFT_BACKWARD_NONE;
        pass->fw_turn = room->fw_turn[stage];
        pass->turn =
            weft_task_pass(t) == WEFT_PASS_FW ? room->fw_turn[stage] : room->bw_turn[stage];
        pass->last_turn = frozen ? room->fw_turn[stage] : room->bw_turn[stage];
        room->n_passes[at(room, net->rank[stage], pass->last_turn)]++;
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
    set_pass_turns(room);
    for (int32_t s = 0; s < net->n_stages; s++)
        add_need(room, s);
    for (int32_t r = 0; r < net->n_ranks; r++) {
        room->largest_need[r] = 0;
        for (int32_t k = 0; k < room->n_turns; k++)
            room->largest_need[r] = weft_i_max(room->largest_need[r], room->need[at(room, r, k)]);
    }
}

static void pass_finished_turns(weft_i_room *room, int32_t rank)
{
    const int32_t *left = room->left + at(room, rank, 0);
    while (room->oldest[rank] < room->n_turns && left[room->oldest[rank]] == 0)
        room->older[rank] += room->held[at(room, rank, room->oldest[rank]++)];
}

void weft_i_room_reset(weft_i_room *room, const int64_t *limit, const int64_t *soft_limit,
                       int32_t reserve)
{
    size_t n_cells = (size_t)room->net->n_ranks * (size_t)room->n_turns;
    room->limit = limit;
    room->soft_limit = soft_limit;
    room->reserve = reserve;
    memcpy(room->left, room->n_passes, n_cells * sizeof *room->left);
    memset(room->held, 0, n_cells * sizeof *room->held);
    for (int32_t r = 0; r < room->net->n_ranks; r++) {
        room->used[r] = 0;
        room->reserved[r] = 0;
        room->is_loose[r] = limit[r] >= room->all[r] && !soft_limit && reserve == 0;
        room->oldest[r] = 0;
        room->older[r] = 0;
        pass_finished_turns(room, r);
    }
}

bool weft_i_room_fits(const weft_i_room *room, weft_task task)
{
    const weft_i_room_kind *kind = weft_i_room_kind_of(room, task);
    return room->is_loose[kind->rank] ||
           room->used[kind->rank] + kind->peak_bytes <= room->limit[kind->rank];
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

/* Whether every turn before this one that is under way or to come could still take its full need
 * beside what later ones hold, this forward included. */
static bool leaves_older_room(const weft_i_room *room, const weft_i_room_kind *kind, int32_t turn)
{
    size_t row = at(room, kind->rank, 0);
    const int64_t *need = room->need + row, *held = room->held + row;
    const int32_t *left = room->left + row;
    int64_t later = room->used[kind->rank] + kind->kept_bytes - room->older[kind->rank];
    int64_t limit = room->limit[kind->rank];
    for (int32_t k = room->oldest[kind->rank]; k < turn; k++) {
        later -= held[k];
        if (left[k] > 0 && later > limit - need[k]) return false;
    }
    return true;
}

bool weft_i_room_admits(const weft_i_room *room, weft_task task)
{
    const weft_i_room_kind *kind = weft_i_room_kind_of(room, task);
    int32_t rank = kind->rank, turn = room->passes[task].turn;
    if (room->is_loose[rank]) return true;
    int64_t used = room->used[rank], limit = room->limit[rank];
    if (used + kind->peak_bytes > limit) return false;
    if (!kind->is_forward) return true;
    bool is_oldest = turn <= room->oldest[rank];
    if (room->soft_limit && !is_oldest && used + kind->kept_bytes > room->soft_limit[rank])
        return false;
    if (!may_begin(room, rank, turn)) return false;
    if (used + kind->kept_bytes + room->largest_need[rank] <= limit) return true;
    return leaves_older_room(room, kind, turn);
}

/* Bytes that a turn takes (or, negative, gives back) on a rank. */
static void hold(weft_i_room *room, int32_t rank, int32_t turn, int64_t bytes)
{
    if (bytes == 0 || room->is_loose[rank]) return;
    room->used[rank] += bytes;
    *(turn < room->oldest[rank] ? &room->older[rank] : &room->held[at(room, rank, turn)]) += bytes;
}

/* What a pass read is no longer held where it came from. */
static void free_edges(weft_i_room *room, weft_task task)
{
    const weft_i_net *net = room->net;
    const weft_edge *edges = net->graph->problem->edges;
    for (int32_t i = net->in.first[task]; i < net->in.first[task + 1]; i++) {
        const weft_i_arc *arc = &net->in.arcs[i];
        int32_t rank = weft_i_room_kind_of(room, arc->task)->rank;
        hold(room, rank, room->passes[arc->task].turn, -edges[arc->edge].bytes);
    }
}

/* One pass of a turn less to come. */
static void count_off(weft_i_room *room, int32_t rank, int32_t turn)
{
    size_t cell = at(room, rank, turn);
    if (room->reserve > 0 && !is_under_way(room, rank, turn))
        room->reserved[rank] += room->need[cell];
    int32_t left = --room->left[cell];
    if (room->reserve > 0 && !is_under_way(room, rank, turn))
        room->reserved[rank] -= room->need[cell];
    if (left == 0 && turn == room->oldest[rank]) pass_finished_turns(room, rank);
}

void weft_i_room_take(weft_i_room *room, weft_task task)
{
    const weft_i_room_pass *pass = &room->passes[task];
    const weft_i_room_kind *kind = &room->kinds[pass->kind];
    hold(room, kind->rank, pass->turn, kind->out_bytes);
    hold(room, kind->rank, pass->fw_turn, kind->own_bytes);
    if (kind->frees_edges) free_edges(room, task);
    if (!room->is_loose[kind->rank]) count_off(room, kind->rank, pass->last_turn);
}
