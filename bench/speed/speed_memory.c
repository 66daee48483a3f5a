/* bench/speed/speed_memory.c - what choosing memory strategies for one rank costs, and how good the
 * choice is: made-up ranks of 200 stage pairs with 10 candidates each, every other one short of
 * memory. */
#include "bench/speed/speed.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/rng.h"
#include "search/glpk.h"
#include "search/pick.h"

enum { N_PAIRS = 200, N_CANDIDATES = 10, N_RANKS = 240 };

/* GLPK is asked where the relaxation leaves more: that of weft_i_pick_solve. */
static const double GAP = 0.05;

/* One rank: its program, and the room that the fastest and the leanest choice take. */
typedef struct rank_case {
    weft_problem problem;
    weft_i_graph graph;
    weft_order *order;
    int32_t *position;
    int32_t depth; /* most forwards ahead of their backwards */
    bool split;
    weft_i_arena arena;
} rank_case;

static int64_t draw(weft_i_rng *rng, int64_t least, int64_t most)
{
    return least + (int64_t)weft_i_rng_below(rng, (uint64_t)(most - least + 1));
}

/* Candidates from the fastest to the leanest: each saves less than the one before and takes longer,
 * by more the leaner it gets. */
static bool make_stage(rank_case *c, int32_t s, weft_i_rng *rng)
{
    weft_stage *stage = &c->problem.stages[s];
    *stage = (weft_stage){.submicrobatch = s, .backward = WEFT_BACKWARD_FULL};
    stage->candidates = weft_i_new(&c->arena, weft_candidate, N_CANDIDATES);
    stage->n_candidates = N_CANDIDATES;
    if (!stage->candidates) return false;
    int64_t fw_ns = draw(rng, 500000, 2000000), bytes = draw(rng, 1 << 20, 4 << 20), more_ns = 0;
    for (int32_t k = 0; k < N_CANDIDATES; k++) {
        weft_cost *cost = &stage->candidates[k].cost;
        cost->fw_ns = fw_ns;
        cost->bw_ns = 2 * fw_ns + more_ns;
        cost->bwi_ns = c->split ? fw_ns + more_ns : 0;
        cost->bww_ns = c->split ? fw_ns : 0;
        cost->recompute_ns = more_ns;
        cost->saved_bytes = bytes - bytes * 9 * k / (10 * (N_CANDIDATES - 1));
        cost->held_bytes = c->split ? cost->saved_bytes / 2 : 0;
        more_ns += draw(rng, 0, fw_ns * (k + 1) / 50);
    }
    stage->now = stage->candidates[0];
    return true;
}

/* Forwards up to the depth ahead, then a backward for each; weight gradients some passes later. */
static bool make_order(rank_case *c, weft_i_rng *rng)
{
    int32_t capacity = 3 * N_PAIRS, fw = 0, bw = 0, bww = 0, n = 0;
    if (!(c->order = weft_order_create(1, &capacity))) return false;
    weft_task *tasks = c->order->tasks[0];
    while (bw < N_PAIRS || (c->split && bww < N_PAIRS)) {
        if (fw < N_PAIRS && fw - bw < c->depth && (fw == bw || weft_i_rng_below(rng, 5) > 0))
            tasks[n++] = weft_task_make(fw++, WEFT_PASS_FW);
        else if (bw < fw)
            tasks[n++] = weft_task_make(bw++, c->split ? WEFT_PASS_BWI : WEFT_PASS_BW);
        if (c->split && bww < bw && (bw == N_PAIRS || weft_i_rng_below(rng, 3) == 0))
            tasks[n++] = weft_task_make(bww++, WEFT_PASS_BWW);
    }
    c->order->n_tasks[0] = n;
    for (int32_t t = 0; t < 4 * N_PAIRS; t++)
        c->position[t] = -1;
    for (int32_t i = 0; i < n; i++)
        c->position[tasks[i]] = i;
    return true;
}

/* Most bytes that the rank holds when every stage has its candidate k. */
static int64_t peak_of(const rank_case *c, int32_t k)
{
    int64_t held = 0, most = 0;
    for (int32_t i = 0; i < c->order->n_tasks[0]; i++) {
        weft_task task = c->order->tasks[0][i];
        const weft_cost *cost = &c->problem.stages[weft_task_stage(task)].candidates[k].cost;
        weft_pass pass = weft_task_pass(task);
        if (pass == WEFT_PASS_FW) held += cost->saved_bytes;
        most = held > most ? held : most;
        if (pass == WEFT_PASS_BW) held -= cost->saved_bytes;
        if (pass == WEFT_PASS_BWI) held -= cost->saved_bytes - cost->held_bytes;
        if (pass == WEFT_PASS_BWW) held -= cost->held_bytes;
    }
    return most;
}

static bool open_rank(rank_case *c, weft_i_rng *rng)
{
    *c = (rank_case){.order = NULL};
    c->split = weft_i_rng_below(rng, 2) == 0;
    c->depth = (int32_t)(2 << weft_i_rng_below(rng, 7)); /* 2 to 128 */
    c->problem = (weft_problem){
        .n_ranks = 1, .n_chunks = 1, .n_stages = N_PAIRS, .n_submicrobatches = N_PAIRS};
    c->problem.chunks = weft_i_new(&c->arena, weft_chunk, 1);
    c->problem.stages = weft_i_new(&c->arena, weft_stage, N_PAIRS);
    c->position = weft_i_new(&c->arena, int32_t, 4 * N_PAIRS);
    if (!c->problem.chunks || !c->problem.stages || !c->position) return false;
    for (int32_t s = 0; s < N_PAIRS; s++)
        if (!make_stage(c, s, rng)) return false;
    return !weft_i_graph_build(&c->problem, &c->arena, NULL, &c->graph) && make_order(c, rng);
}

static void close_rank(rank_case *c)
{
    weft_order_free(c->order);
    weft_i_arena_free(&c->arena);
}

/* What the ranks of one kind took. */
typedef struct tally {
    double ms[N_RANKS], gap[N_RANKS];
    int n, n_glpk;
    double sum_ms, glpk_ms;
} tally;

/* Choose as weft_i_pick_solve does, with GLPK's part timed. */
static bool choose(const rank_case *c, int64_t room, tally *sums)
{
    weft_i_pick pick;
    weft_i_arena arena = {0};
    int32_t options[N_PAIRS];
    weft_i_pick_answer answer = {.options = options};
    double begin = speed_now();
    bool ok = weft_i_pick_build(&c->graph, c->order, 0, c->position, room, &arena, &pick) &&
              weft_i_pick_relax(&pick, &arena, NULL, &answer) && answer.fits;
    if (ok && !weft_i_pick_is_near(&pick, &answer, GAP)) {
        double before = speed_now();
        weft_i_glpk_improve(&pick, GAP, &answer);
        sums->glpk_ms += (speed_now() - before) * 1e3;
        sums->n_glpk++;
    }
    if (ok) {
        int64_t all_ns = pick.fastest_ns + answer.ns;
        sums->ms[sums->n] = (speed_now() - begin) * 1e3;
        sums->sum_ms += sums->ms[sums->n];
        sums->gap[sums->n++] = 100 * (double)(answer.ns - answer.bound_ns) / (double)all_ns;
    }
    weft_i_arena_free(&arena);
    return ok;
}

static void print_row(const char *what, tally *t)
{
    double median = speed_median(t->ms, t->n), gap = speed_median(t->gap, t->n);
    printf("| %s | %d | %.2f | %.2f | %.2f | %.2f | %d | %.0f |\n", what, t->n, median,
           t->ms[t->n - 1], gap, t->gap[t->n - 1], t->n_glpk,
           t->sum_ms > 0 ? 100 * t->glpk_ms / t->sum_ms : 0);
}

static void add(const tally *from, tally *to)
{
    for (int i = 0; i < from->n; i++) {
        to->ms[to->n] = from->ms[i];
        to->gap[to->n++] = from->gap[i];
    }
    to->n_glpk += from->n_glpk;
    to->sum_ms += from->sum_ms;
    to->glpk_ms += from->glpk_ms;
}

int speed_memory(void)
{
    static tally loose, tight, all; /* too large for a stack */
    weft_i_rng rng;
    weft_i_rng_seed(&rng, 1);
    for (int i = 0; i < N_RANKS; i++) {
        rank_case c;
        bool ok = open_rank(&c, &rng);
        if (ok) {
            int64_t most = peak_of(&c, 0), least = peak_of(&c, N_CANDIDATES - 1);
            int64_t room = i % 2 == 0 ? most : least + (most - least) * draw(&rng, 10, 90) / 100;
            ok = choose(&c, room, i % 2 == 0 ? &loose : &tight);
        }
        close_rank(&c);
        if (!ok) {
            fprintf(stderr, "bench_speed: rank %d: out of memory, or nothing fits\n", i);
            return 1;
        }
    }
    add(&loose, &all);
    add(&tight, &all);
    puts("| ranks | n | median ms | worst ms | median gap % | worst gap % | GLPK asked | GLPK's "
         "part "
         "of the time % |\n|---|---|---|---|---|---|---|---|");
    print_row("memory suffices", &loose);
    print_row("short of memory", &tight);
    print_row("all", &all);
    return 0;
}
