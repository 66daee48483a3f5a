/* search/zb_v.c - see zb_v.h. */
#include "search/zb_v.h"

#include <string.h>

#include "base/error.h"
#include "search/fixed.h"
#include "search/flow.h"

/* Kinds of passes in the order in which a microbatch goes through them. */
enum { F0, F1, B1, B0, N_WAYS };

static const int64_t NEVER = -1;

typedef struct v_shape {
    const weft_i_graph *graph;
    const weft_problem *problem;
    int32_t n_ranks, n_micro;
    int32_t *stage;      /* by (slot * n_ranks + rank) * n_micro + microbatch */
    int64_t transfer_ns; /* largest */
} v_shape;

/* One attempt at a schedule. */
typedef struct attempt {
    const v_shape *v;
    const weft_i_zb_v_options *options;
    int32_t *count;                     /* by rank * N_WAYS + way */
    int64_t *end_ns;                    /* by (rank * N_WAYS + way) * n_micro + microbatch */
    int64_t *now_ns, *used, *bubble_ns; /* by rank */
    const int64_t *approved_ns;         /* by rank: bubbles of an earlier attempt; NULL = none */
    int64_t most_approved_ns;           /* -1 without */
    int *way;                           /* by rank, scratch */
    weft_task **pending;                /* by rank: weight gradients to come, first in, first out */
    int32_t *first_pending, *end_pending;
    weft_order *order;
    bool failed; /* memory too low, or something is asked for too early */
} attempt;

static bool is_backward(int way)
{
    return way >= B1;
}

static int slot_of(int way)
{
    return way == F1 || way == B1;
}

/* The rank before on the way of a pass: F0 and B1 go up the ranks, F1 and B0 down; -1 at the start
 * of a way. */
static int32_t rank_before(const attempt *a, int32_t rank, int way)
{
    bool up = way == F0 || way == B1;
    if (up) return rank - 1;
    return rank + 1 < a->v->n_ranks ? rank + 1 : -1;
}

static int32_t stage_at(const v_shape *v, int slot, int32_t rank, int32_t microbatch)
{
    return v->stage[(slot * v->n_ranks + rank) * v->n_micro + microbatch];
}

static int32_t *count_of(const attempt *a, int32_t rank, int way)
{
    return &a->count[rank * N_WAYS + way];
}

static int64_t *end_at(const attempt *a, int32_t rank, int way, int32_t microbatch)
{
    return &a->end_ns[(rank * N_WAYS + way) * a->v->n_micro + microbatch];
}

static const weft_cost *cost_of(const attempt *a, int32_t stage)
{
    return &a->v->problem->stages[stage].now.cost;
}

static void append(attempt *a, int32_t rank, weft_task task)
{
    a->order->tasks[rank][a->order->n_tasks[rank]++] = task;
}

static void put_weights(attempt *a, int32_t rank)
{
    if (a->first_pending[rank] == a->end_pending[rank]) {
        a->failed = true;
        return;
    }
    weft_task task = a->pending[rank][a->first_pending[rank]++];
    const weft_cost *cost = cost_of(a, weft_task_stage(task));
    a->now_ns[rank] += cost->bww_ns;
    a->used[rank] -= cost->held_bytes;
    append(a, rank, task);
}

/* When the input of a rank's next pass of a kind arrives from the rank before; NEVER = not known.
 */
static int64_t arrival(const attempt *a, int32_t rank, int way)
{
    int32_t before = rank_before(a, rank, way), n = *count_of(a, rank, way);
    if (before < 0) return NEVER;
    int64_t end = *end_at(a, before, way, n);
    return end == NEVER ? NEVER : end + a->v->transfer_ns;
}

/* Whether a rank's next pass of a kind exists and all that it needs is under way. */
static bool has_inputs(const attempt *a, int32_t rank, int way)
{
    int32_t n = *count_of(a, rank, way);
    if (n >= a->v->n_micro || (way > F0 && n >= *count_of(a, rank, way - 1))) return false;
    return rank_before(a, rank, way) < 0 || arrival(a, rank, way) != NEVER;
}

static void put(attempt *a, int32_t rank, int way)
{
    int32_t n = *count_of(a, rank, way);
    if (a->failed || n >= a->v->n_micro) return;
    int32_t stage = stage_at(a->v, slot_of(way), rank, n);
    const weft_cost *cost = cost_of(a, stage);
    int64_t start = a->now_ns[rank], in = arrival(a, rank, way);
    bool known = rank_before(a, rank, way) < 0 || in != NEVER;
    if (way > F0) {
        int64_t own = *end_at(a, rank, way - 1, n);
        known = known && own != NEVER;
        start = own > start ? own : start;
    }
    if (!known) {
        a->failed = true;
        return;
    }
    start = in > start ? in : start;
    if (*count_of(a, rank, F0) > 0) a->bubble_ns[rank] += start - a->now_ns[rank];
    a->now_ns[rank] = start + (is_backward(way) ? cost->bwi_ns : cost->fw_ns);
    *end_at(a, rank, way, n) = a->now_ns[rank];
    a->used[rank] += is_backward(way) ? cost->held_bytes - cost->saved_bytes : cost->saved_bytes;
    append(a, rank, weft_task_make(stage, is_backward(way) ? WEFT_PASS_BWI : WEFT_PASS_FW));
    if (is_backward(way))
        a->pending[rank][a->end_pending[rank]++] = weft_task_make(stage, WEFT_PASS_BWW);
    ++*count_of(a, rank, way);
}

static int64_t limit_of(const attempt *a, int32_t rank)
{
    return a->v->problem->limit_bytes[rank] - a->v->problem->static_bytes[rank];
}

static int64_t forward_bytes(const attempt *a, int32_t rank)
{
    return cost_of(a, stage_at(a->v, 0, rank, 0))->saved_bytes;
}

/* The first microbatch down the V and back, with as many more as fit in the time that takes. */
static void fill_first_slot(attempt *a)
{
    int32_t n_ranks = a->v->n_ranks;
    for (int32_t r = 0; r < n_ranks; r++)
        put(a, r, F0);
    put(a, n_ranks - 1, F1);
    for (int32_t r = n_ranks - 2; r >= 0 && !a->failed; r--) {
        int64_t back = arrival(a, r, F1), bytes = forward_bytes(a, r);
        int64_t fw_ns = cost_of(a, stage_at(a->v, 0, r, 0))->fw_ns;
        while (a->used[r] + bytes * (2 + 2 * r) <= limit_of(a, r) && a->now_ns[r] + fw_ns <= back &&
               *count_of(a, r, F0) < a->v->n_micro && !a->failed)
            for (int32_t j = 0; j <= r; j++)
                put(a, j, F0);
        put(a, r, F1);
    }
}

/* Bring every rank to as many forwards as the one before it has. */
static void fill_second_slot(attempt *a)
{
    int way = F0;
    for (int32_t r = 1; r < a->v->n_ranks; r++) {
        for (;;) {
            int32_t mine0 = *count_of(a, r, F0), mine1 = *count_of(a, r, F1);
            int32_t last0 = *count_of(a, r - 1, F0), last1 = *count_of(a, r - 1, F1);
            bool more = mine0 + mine1 < last0 + last1 || (mine1 <= last1 && last1 < a->v->n_micro);
            if (!more || a->failed) break;
            for (int32_t i = r; i < a->v->n_ranks; i++) { /* along the way of the pass */
                int32_t j = way == F0 ? i : a->v->n_ranks - 1 - (i - r);
                if (*count_of(a, j, way) < a->v->n_micro) put(a, j, way);
            }
            way = way == F0 ? F1 : F0;
        }
    }
}

/* What a rank's bubble may grow to without making the worst worse. */
static int64_t bubble_allowed(const attempt *a, int32_t rank)
{
    int64_t most = 0;
    for (int32_t r = 0; r < a->v->n_ranks; r++)
        most = a->bubble_ns[r] > most ? a->bubble_ns[r] : most;
    if (a->most_approved_ns >= 0 && a->most_approved_ns - a->approved_ns[rank] > most)
        most = a->most_approved_ns - a->approved_ns[rank];
    return most - a->bubble_ns[rank];
}

/* Weight gradients that end before the next pass can start; and one that does not, where the gap is
 * more than the rank's bubble may grow by. */
static void fill_gap(attempt *a, int32_t rank, int way, bool may_delay)
{
    int64_t in = arrival(a, rank, way);
    while (in != NEVER && a->first_pending[rank] < a->end_pending[rank] && !a->failed) {
        weft_task task = a->pending[rank][a->first_pending[rank]];
        if (in < a->now_ns[rank] + cost_of(a, weft_task_stage(task))->bww_ns) break;
        put_weights(a, rank);
    }
    if (in != NEVER && may_delay && a->first_pending[rank] < a->end_pending[rank] &&
        in - a->now_ns[rank] > bubble_allowed(a, rank))
        put_weights(a, rank);
}

/* Which backward a rank takes next: that of the first chunk when its gradient is on its way; -1
 * where it cannot take the other either. */
static int next_backward(const attempt *a, int32_t rank)
{
    if (has_inputs(a, rank, B0)) return B0;
    return *count_of(a, rank, B1) < a->v->n_micro ? B1 : -1;
}

/* One backward on every rank: those of the first chunk from the last rank on, then the others. */
static void put_backwards(attempt *a)
{
    int32_t n_ranks = a->v->n_ranks;
    for (int32_t r = 0; r < n_ranks; r++) {
        while (a->used[r] > limit_of(a, r) && !a->failed)
            put_weights(a, r);
        a->way[r] = next_backward(a, r);
    }
    for (int32_t i = 0; i < 2 * n_ranks && !a->failed; i++) {
        int32_t r = i < n_ranks ? n_ranks - 1 - i : i - n_ranks;
        int way = i < n_ranks ? B0 : B1;
        if (a->way[r] != way) continue;
        if (!has_inputs(a, r, way)) continue;
        fill_gap(a, r, way, way == B0 || a->options->fill_backward);
        put(a, r, way);
    }
}

/* Which forward a rank takes next; -1 where neither has its input. */
static int next_forward(const attempt *a, int32_t rank)
{
    int32_t done0 = *count_of(a, rank, F0), done1 = *count_of(a, rank, F1);
    if (done1 < done0 && has_inputs(a, rank, F1)) return F1;
    return has_inputs(a, rank, F0) ? F0 : -1;
}

static void put_forwards(attempt *a)
{
    for (int32_t r = 0; r < a->v->n_ranks && !a->failed; r++) {
        int way = next_forward(a, r);
        if (way < 0) continue;
        while (a->used[r] + forward_bytes(a, r) > limit_of(a, r) && !a->failed)
            put_weights(a, r);
        fill_gap(a, r, way, a->options->fill_forward);
        put(a, r, way);
    }
}

static int64_t passes_put(const attempt *a)
{
    int64_t n = 0;
    for (int32_t i = 0; i < N_WAYS * a->v->n_ranks; i++)
        n += a->count[i];
    return n;
}

static void run(attempt *a)
{
    const v_shape *v = a->v;
    fill_first_slot(a);
    fill_second_slot(a);
    for (int64_t before = -1; passes_put(a) > before && !a->failed;) {
        before = passes_put(a);
        put_backwards(a);
        put_forwards(a);
    }
    for (int32_t r = 0; r < v->n_ranks; r++) {
        while (a->first_pending[r] < a->end_pending[r] && !a->failed)
            put_weights(a, r);
        a->failed = a->failed || *count_of(a, r, B0) < v->n_micro;
    }
}

static int64_t worst_bubble(const attempt *a)
{
    int64_t most = 0;
    for (int32_t r = 0; r < a->v->n_ranks; r++)
        most = a->bubble_ns[r] > most ? a->bubble_ns[r] : most;
    return most;
}

static bool open_attempt(attempt *a, weft_i_arena *arena)
{
    size_t n_ranks = (size_t)a->v->n_ranks, n_micro = (size_t)a->v->n_micro;
    size_t n_ends = n_ranks * N_WAYS * n_micro;
    int32_t *capacity = weft_i_new(arena, int32_t, n_ranks);
    a->count = weft_i_new(arena, int32_t, n_ranks * N_WAYS);
    a->end_ns = weft_i_new(arena, int64_t, n_ends);
    a->now_ns = weft_i_new(arena, int64_t, n_ranks);
    a->used = weft_i_new(arena, int64_t, n_ranks);
    a->bubble_ns = weft_i_new(arena, int64_t, n_ranks);
    a->pending = weft_i_new(arena, weft_task *, n_ranks);
    a->first_pending = weft_i_new(arena, int32_t, n_ranks);
    a->end_pending = weft_i_new(arena, int32_t, n_ranks);
    a->way = weft_i_new(arena, int, n_ranks);
    if (!capacity || !a->count || !a->end_ns || !a->now_ns || !a->used || !a->bubble_ns ||
        !a->pending || !a->first_pending || !a->end_pending || !a->way)
        return false;
    memset(a->end_ns, 0xff, n_ends * sizeof *a->end_ns); /* NEVER */
    for (size_t r = 0; r < n_ranks; r++) {
        capacity[r] = 6 * a->v->n_micro;
        if (!(a->pending[r] = weft_i_new(arena, weft_task, 2 * n_micro))) return false;
    }
    a->order = weft_order_create(a->v->n_ranks, capacity);
    return a->order != NULL;
}

/* Attempts, each with the bubbles of the last one approved, while the worst bubble shrinks. */
static weft_status try_attempts(const v_shape *v, const weft_i_zb_v_options *options,
                                weft_i_arena *arena, weft_error *error, weft_order **out_order)
{
    attempt best = {.order = NULL};
    for (;;) {
        attempt a = {.v = v, .options = options, .most_approved_ns = -1};
        if (best.order) {
            a.approved_ns = best.bubble_ns;
            a.most_approved_ns = worst_bubble(&best);
        }
        if (!open_attempt(&a, arena)) {
            weft_order_free(best.order);
            return weft_i_no_memory(error);
        }
        run(&a);
        if (a.failed || (best.order && worst_bubble(&a) >= worst_bubble(&best))) {
            weft_order_free(a.order);
            break;
        }
        weft_order_free(best.order);
        best = a;
    }
    if (!best.order)
        return weft_i_fail(error, WEFT_STATUS_FAILED, "zb-v finds no schedule within the limits");
    *out_order = best.order;
    return WEFT_STATUS_OK;
}

static weft_status fail_shape(weft_error *error)
{
    return weft_i_fail(error, WEFT_STATUS_FAILED,
                       "zb-v takes two segments, there and back, with one split stage per rank, "
                       "segment and microbatch");
}

/* Find every stage's cell; each must be found once. */
static weft_status read_shape(v_shape *v, weft_i_arena *arena, weft_error *error)
{
    weft_i_flow flow;
    weft_i_slots slots;
    weft_status status = weft_i_flow_build(v->graph, arena, error, &flow);
    if (status == WEFT_STATUS_OK) status = weft_i_slots_derive(v->graph, arena, error, &slots);
    if (status != WEFT_STATUS_OK) return status;
    v->n_ranks = v->problem->n_ranks;
    v->n_micro = flow.n_microbatches;
    int64_t n_cells = 2 * (int64_t)v->n_ranks * v->n_micro;
    if (slots.n != 2 || v->problem->n_stages != n_cells) return fail_shape(error);
    v->stage = weft_i_new(arena, int32_t, n_cells);
    if (!v->stage) return weft_i_no_memory(error);
    for (int64_t i = 0; i < n_cells; i++)
        v->stage[i] = -1;
    for (int32_t s = 0; s < v->problem->n_stages; s++) {
        const weft_stage *stage = &v->problem->stages[s];
        int32_t *cell =
            &v->stage[(slots.of_chunk[stage->chunk] * v->n_ranks + v->graph->rank[s]) * v->n_micro +
                      flow.fw_microbatch[s]];
        bool split = stage->backward == WEFT_BACKWARD_FULL && weft_cost_can_split(&stage->now.cost);
        if (*cell >= 0 || !split) return fail_shape(error);
        *cell = s;
    }
    return WEFT_STATUS_OK;
}

/* Every edge leads one rank on along the V, or turns. */
static weft_status check_edges(v_shape *v, weft_error *error)
{
    const weft_problem *problem = v->problem;
    for (int32_t e = 0; e < problem->n_edges; e++) {
        const weft_edge *edge = &problem->edges[e];
        bool forward = edge->pass == WEFT_PASS_FW;
        int32_t from = forward ? edge->from : edge->to, to = forward ? edge->to : edge->from;
        int32_t a = v->graph->rank[from], b = v->graph->rank[to];
        bool down = problem->chunks[problem->stages[to].chunk].segment == 0;
        bool turn = a == b && a == v->n_ranks - 1;
        if (!turn && b != (down ? a + 1 : a - 1)) return fail_shape(error);
        if (a != b && edge->transfer_ns > v->transfer_ns) v->transfer_ns = edge->transfer_ns;
    }
    return WEFT_STATUS_OK;
}

static weft_status build(const weft_i_graph *graph, const weft_i_zb_v_options *options,
                         weft_error *error, weft_order **out_order)
{
    weft_i_arena arena = {0};
    v_shape v = {.graph = graph, .problem = graph->problem};
    weft_status status = read_shape(&v, &arena, error);
    if (status == WEFT_STATUS_OK) status = check_edges(&v, error);
    if (status == WEFT_STATUS_OK) status = try_attempts(&v, options, &arena, error, out_order);
    weft_i_arena_free(&arena);
    return status;
}

weft_status weft_i_order_zb_v(const weft_i_graph *graph, const weft_i_zb_v_options *options,
                              weft_error *error, weft_order **out_order)
{
    weft_order *best = NULL;
    int64_t best_ns = WEFT_INT_MAX;
    if (options) return build(graph, options, error, out_order);
    for (int i = 0; i < 4; i++) {
        weft_i_zb_v_options each = {i % 2 == 1, i >= 2};
        weft_order *order = NULL;
        weft_schedule_time time;
        weft_status status = build(graph, &each, error, &order);
        if (status == WEFT_STATUS_OK)
            status = weft_order_time(graph->problem, order, error, NULL, NULL, &time);
        if (status != WEFT_STATUS_OK) {
            weft_order_free(order);
            weft_order_free(best);
            return status;
        }
        if (time.pipeline_ns < best_ns) {
            weft_order_free(best);
            best = order;
            best_ns = time.pipeline_ns;
        } else {
            weft_order_free(order);
        }
    }
    *out_order = best;
    return WEFT_STATUS_OK;
}
