/* Incremental timing against timing from scratch, over random moves. */
#include <criterion/criterion.h>

#include "plan/order_time.h"
#include "search/fixed.h"
#include "search/timing.h"
#include "tests/unit/orders.h"
#include "tests/unit/problems.h"

typedef struct fixture {
    weft_i_arena arena;
    weft_problem *problem;
    weft_i_graph graph;
    weft_i_net net;
    weft_order *order; /* what the timing should hold */
    weft_i_timing timing;
    int64_t room[8];
} fixture;

/* Bytes that a rank's passes hold at most, messages only while the pass at their end runs. */
static int64_t peak_of(const fixture *f, const weft_order *order, int32_t rank)
{
    const weft_problem *p = f->problem;
    int64_t held = 0, peak = 0;
    for (int32_t i = 0; i < order->n_tasks[rank]; i++) {
        weft_task task = order->tasks[rank][i];
        int32_t stage = weft_task_stage(task);
        weft_pass pass = weft_task_pass(task);
        const weft_cost *cost = &p->stages[stage].now.cost;
        int64_t work = cost->work_bytes[pass], freed = 0;
        held += pass == WEFT_PASS_FW ? cost->saved_bytes : 0;
        for (int32_t e = 0; e < p->n_edges; e++) {
            const weft_edge *edge = &p->edges[e];
            bool same = f->graph.rank[edge->from] == f->graph.rank[edge->to];
            if (pass == WEFT_PASS_BWW || (edge->pass == WEFT_PASS_FW) != (pass == WEFT_PASS_FW))
                continue;
            if (edge->from == stage || edge->to == stage) work += same ? 0 : edge->bytes;
            held += same && edge->from == stage ? edge->bytes : 0;
            freed += same && edge->to == stage ? edge->bytes : 0;
        }
        peak = held + work > peak ? held + work : peak;
        freed += pass == WEFT_PASS_BW ? cost->saved_bytes : 0;
        freed += pass == WEFT_PASS_BWI ? cost->saved_bytes - cost->held_bytes : 0;
        freed += pass == WEFT_PASS_BWW ? cost->held_bytes : 0;
        held -= freed;
    }
    return peak;
}

static bool fits(const fixture *f, const weft_order *order)
{
    for (int32_t r = 0; r < order->n_ranks; r++)
        if (peak_of(f, order, r) > f->room[r]) return false;
    return true;
}

static void open_random(fixture *f, weft_i_rng *rng)
{
    const random_options options = {.max_ranks = 4,
                                    .max_microbatches = 5,
                                    .max_modules = 3,
                                    .max_segments = 2,
                                    .max_time_ns = 9,
                                    .max_transfer_ns = 3,
                                    .max_bytes = 12};
    weft_i_slots slots;
    *f = (fixture){.problem = NULL};
    f->problem = random_problem(&f->arena, rng, &options);
    cr_assert_eq(weft_i_graph_build(f->problem, &f->arena, NULL, &f->graph), WEFT_STATUS_OK);
    cr_assert_eq(weft_i_slots_derive(&f->graph, &f->arena, NULL, &slots), WEFT_STATUS_OK);
    cr_assert_eq(weft_i_order_fixed(&f->graph, WEFT_I_FIXED_GPIPE, &slots, 0, NULL, &f->order),
                 WEFT_STATUS_OK);
    bool *split = weft_i_new(&f->arena, bool, f->problem->n_stages);
    for (int32_t s = 0; s < f->problem->n_stages; s++)
        split[s] = random_chance(rng, 50);
    cr_assert_eq(weft_i_net_build(&f->graph, split, &f->arena, NULL, &f->net), WEFT_STATUS_OK);
    /* Where a stage is split, its two halves stand for its backward. */
    for (int32_t r = 0; r < f->order->n_ranks; r++) {
        weft_task *tasks = f->order->tasks[r];
        for (int32_t i = 0; i < f->order->n_tasks[r]; i++) {
            int32_t stage = weft_task_stage(tasks[i]);
            if (weft_task_pass(tasks[i]) != WEFT_PASS_BW || !f->net.split[stage]) continue;
            for (int32_t k = f->order->n_tasks[r]++; k > i; k--)
                tasks[k] = tasks[k - 1];
            tasks[i] = weft_task_make(stage, WEFT_PASS_BWI);
            tasks[++i] = weft_task_make(stage, WEFT_PASS_BWW);
        }
    }
    for (int32_t r = 0; r < f->problem->n_ranks; r++)
        f->room[r] = random_chance(rng, 50) ? peak_of(f, f->order, r) : WEFT_INT_MAX;
    cr_assert_eq(weft_i_timing_load(&f->net, f->order, &f->arena, NULL, &f->timing),
                 WEFT_STATUS_OK);
    for (int32_t r = 0; r < f->problem->n_ranks; r++)
        cr_assert_eq(weft_i_timing_peak(&f->timing, r), peak_of(f, f->order, r));
    weft_i_timing_set_room(&f->timing, f->room);
    weft_i_timing_set_objective(&f->timing, random_chance(rng, 50));
}

/* The timing holds the expected order, with the times of timing it from scratch; behind the focus
 * starts are not kept. */
static void expect_same(const fixture *f, weft_order *scratch)
{
    int64_t start[512];
    weft_schedule_time time;
    weft_i_timing_store(&f->timing, scratch);
    cr_assert_eq(weft_i_order_time(&f->graph, f->order, NULL, start, NULL, &time), WEFT_STATUS_OK);
    cr_assert_eq(f->timing.finish_ns, time.pipeline_ns);
    if (f->timing.focus.end == f->timing.n_nodes)
        cr_assert_eq(weft_i_timing_span(&f->timing), time.span_ns);
    for (int32_t r = 0; r < f->order->n_ranks; r++) {
        cr_assert_eq(scratch->n_tasks[r], f->order->n_tasks[r]);
        for (int32_t i = 0; i < scratch->n_tasks[r]; i++) {
            weft_task task = f->order->tasks[r][i];
            const weft_i_pass_node *node = &f->timing.nodes[f->timing.node[task]];
            cr_assert_eq(scratch->tasks[r][i], task);
            if (node->place < f->timing.focus.end) cr_assert_eq(node->start_ns, start[task]);
        }
    }
}

static void move_task(weft_order *order, int32_t rank, int32_t from, int32_t to)
{
    weft_task task = order->tasks[rank][from];
    int32_t step = to > from ? 1 : -1;
    for (int32_t i = from; i != to; i += step)
        order->tasks[rank][i] = order->tasks[rank][i + step];
    order->tasks[rank][to] = task;
}

/* Whether every rank of the expected order starts when it did before. */
static bool same_first_starts(const fixture *f, const int64_t *start, const int64_t *firsts)
{
    for (int32_t r = 0; r < f->order->n_ranks; r++)
        if (f->order->n_tasks[r] > 0 && start[f->order->tasks[r][0]] != firsts[r]) return false;
    return true;
}

/* One random move, and what should come of it. Returns 1 when it was made. */
static int try_move(fixture *f, weft_i_rng *rng, weft_order *scratch)
{
    weft_i_timing *t = &f->timing;
    weft_schedule_time time;
    int32_t place = (int32_t)random_in(rng, t->focus.begin, t->focus.end - 1), first, last;
    int32_t node = t->topology[place];
    int32_t rank = t->nodes[node].rank, from = t->nodes[node].position;
    weft_i_timing_range(t, node, &first, &last);
    cr_assert(first <= from && from <= last);
    int32_t to = (int32_t)random_in(rng, first, last);
    if (to == from) return 0;
    int64_t now = t->by_span ? weft_i_timing_span(t) : t->finish_ns;
    int64_t most = random_chance(rng, 50) ? INT64_MAX : now + random_in(rng, -3, 3);
    int64_t firsts[8];
    for (int32_t r = 0; r < t->n_ranks; r++)
        firsts[r] = t->n_order[r] > 0 ? t->nodes[t->order[r][0]].start_ns : 0;
    bool made = weft_i_timing_move(t, node, to, most);
    move_task(f->order, rank, from, to);
    int64_t start[512];
    weft_status status = weft_i_order_time(&f->graph, f->order, NULL, start, NULL, &time);
    bool possible = status == WEFT_STATUS_OK && fits(f, f->order);
    cr_assert(!made || possible);
    bool exact = most >= now &&
                 (!t->by_span || (status == WEFT_STATUS_OK && same_first_starts(f, start, firsts)));
    int64_t then = t->by_span ? time.span_ns : time.pipeline_ns;
    if (exact) cr_assert_eq(made, possible && then <= most);
    if (made && random_chance(rng, 60)) {
        expect_same(f, scratch);
        weft_i_timing_undo(t);
        made = false;
    } else if (made) {
        weft_i_timing_keep(t);
    }
    if (!made) move_task(f->order, rank, to, from);
    return made ? 1 : 0;
}

Test(timing, equals_timing_from_scratch)
{
    int n_made = 0;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        weft_i_rng rng;
        fixture f;
        weft_i_rng_seed(&rng, seed);
        cr_log_info("seed %llu", (unsigned long long)seed);
        open_random(&f, &rng);
        weft_order *scratch = weft_order_copy(f.order);
        for (int i = 0; i < 60 && f.timing.n_nodes > 0; i++) {
            n_made += try_move(&f, &rng, scratch);
            expect_same(&f, scratch);
            if (i == 30) weft_i_timing_read(&f.timing, f.order);
        }
        weft_order_free(scratch);
        weft_order_free(f.order);
        random_free(f.problem);
        weft_i_arena_free(&f.arena);
    }
    cr_expect_gt(n_made, 1500);
}

/* The node that the longest way leaves the focus by is as long a way from the start as it is said
 * to be from the end. */
static void expect_way_out(const fixture *f)
{
    const weft_i_timing *t = &f->timing;
    if (t->focus.last < 0) return;
    const weft_i_pass_node *node = &t->nodes[t->focus.last];
    cr_assert_lt(node->place, t->focus.end);
    cr_assert_eq(node->start_ns + node->ns + weft_i_timing_tail(t, node), t->finish_ns);
}

/* From the first place to the last, a random stretch after the other. */
static int sweep(fixture *f, weft_i_rng *rng, weft_order *scratch)
{
    weft_i_timing *t = &f->timing;
    int n_made = 0;
    for (int32_t begin = 0, end; begin < t->n_nodes; begin = end) {
        end = (int32_t)random_in(rng, begin + 1, t->n_nodes);
        weft_i_timing_focus(t, random_chance(rng, 50) ? begin : t->focus.begin, end);
        for (int i = 0; i < 20; i++) {
            expect_same(f, scratch);
            expect_way_out(f);
            n_made += try_move(f, rng, scratch);
        }
    }
    weft_i_timing_refresh(t);
    expect_same(f, scratch);
    return n_made;
}

Test(timing, in_a_focus_equals_timing_from_scratch)
{
    int n_made = 0;
    for (uint64_t seed = 1; seed <= 150; seed++) {
        weft_i_rng rng;
        fixture f;
        weft_i_rng_seed(&rng, seed);
        cr_log_info("seed %llu", (unsigned long long)seed);
        open_random(&f, &rng);
        weft_i_timing_set_objective(&f.timing, false);
        weft_order *scratch = weft_order_copy(f.order);
        for (int i = 0; i < 2; i++)
            n_made += sweep(&f, &rng, scratch);
        weft_order_free(scratch);
        weft_order_free(f.order);
        random_free(f.problem);
        weft_i_arena_free(&f.arena);
    }
    cr_expect_gt(n_made, 1000);
}
