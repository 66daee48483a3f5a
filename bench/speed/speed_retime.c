/* bench/speed/speed_retime.c - what re-timing costs after one pass was moved on its rank, against
 * timing the whole order. */
#include "bench/speed/speed.h"

#include <stdio.h>

#include "base/rng.h"
#include "plan/order_time.h"
#include "search/timing.h"
#include "weft/search.h"

/* Pairs of batches that are timed in turn, moves of a batch, and how far a pass jumps at most. */
enum { N_PAIRS = 25, N_MOVES = 400, N_FULL = 20, MAX_JUMP = 24 };

typedef struct retiming {
    speed_case c;
    weft_solution solution;
    weft_i_net net;
    weft_i_timing timing;
    weft_i_rng rng;
    int64_t n_tried, n_changed; /* moves, and passes that they timed anew */
} retiming;

/* A random pass to a random place nearby, and back. */
static void move_once(retiming *r, int64_t most_ns)
{
    weft_i_timing *t = &r->timing;
    int32_t first, last, node = (int32_t)weft_i_rng_below(&r->rng, (uint64_t)t->n_nodes);
    int32_t by = 1 + (int32_t)weft_i_rng_below(&r->rng, MAX_JUMP);
    int32_t position = t->nodes[node].position + (weft_i_rng_below(&r->rng, 2) == 0 ? by : -by);
    weft_i_timing_range(t, node, &first, &last);
    position = position < first ? first : position > last ? last : position;
    if (position == t->nodes[node].position) return;
    r->n_tried++;
    if (!weft_i_timing_move(t, node, position, most_ns)) return;
    r->n_changed += t->last.n_changed;
    weft_i_timing_undo(t);
}

/* Microseconds a move that is tried. */
static double time_moves(retiming *r, int64_t most_ns)
{
    double begin = speed_now();
    r->n_tried = 0;
    for (int i = 0; i < N_MOVES; i++)
        move_once(r, most_ns);
    return (speed_now() - begin) * 1e6 / (double)(r->n_tried > 0 ? r->n_tried : 1);
}

/* Microseconds to time the whole order. */
static double time_all(retiming *r)
{
    weft_schedule_time time;
    double begin = speed_now();
    for (int i = 0; i < N_FULL; i++)
        weft_i_order_time(&r->c.graph, r->solution.order, NULL, NULL, NULL, &time);
    return (speed_now() - begin) * 1e6 / N_FULL;
}

static weft_status open(retiming *r, const char *text, weft_error *error)
{
    weft_search_options options;
    weft_search_options_init(&options);
    options.iterations = 3000;
    *r = (retiming){.n_tried = 0};
    weft_i_rng_seed(&r->rng, 1);
    speed_case_open(&r->c, text);
    weft_status status = weft_search(r->c.problem, &options, error, &r->solution);
    if (status != WEFT_STATUS_OK) return status;
    bool *split = weft_i_new(&r->c.arena, bool, r->c.problem->n_stages);
    if (!split) return WEFT_STATUS_NO_MEMORY;
    weft_i_net_split_of(r->solution.order, split);
    status = weft_i_net_build(&r->c.graph, split, &r->c.arena, error, &r->net);
    if (status != WEFT_STATUS_OK) return status;
    return weft_i_timing_load(&r->net, r->solution.order, &r->c.arena, error, &r->timing);
}

static int print_row(const char *text)
{
    retiming r;
    weft_error error = {0};
    double whole[N_PAIRS], local[N_PAIRS], annealing[N_PAIRS], ratio[N_PAIRS],
        annealing_ratio[N_PAIRS];
    weft_status status = open(&r, text, &error);
    if (status == WEFT_STATUS_OK) {
        weft_i_timing_set_objective(&r.timing, false);
        int64_t n_tried = 0, n_changed = 0;
        for (int i = 0; i < N_PAIRS; i++) {
            annealing[i] = time_moves(&r, r.timing.finish_ns);
            r.n_changed = 0;
            local[i] = time_moves(&r, WEFT_INT_MAX);
            n_tried += r.n_tried;
            n_changed += r.n_changed;
            whole[i] = time_all(&r);
            ratio[i] = whole[i] / local[i];
            annealing_ratio[i] = whole[i] / annealing[i];
        }
        printf("| `%s` | %d | %.0f | %.1f | %.1f | %.1f | %.1f | %.1f |\n", text, r.timing.n_nodes,
               (double)n_changed / (double)n_tried, speed_median(annealing, N_PAIRS),
               speed_median(local, N_PAIRS), speed_median(whole, N_PAIRS),
               speed_median(ratio, N_PAIRS), speed_median(annealing_ratio, N_PAIRS));
    } else {
        fprintf(stderr, "bench_speed: %s: %s\n", text, error.text);
    }
    weft_solution_free(&r.solution);
    speed_case_close(&r.c);
    return status != WEFT_STATUS_OK;
}

int speed_retime(void)
{
    static const char *const problems[] = {
        "pp=4 microbatches=16 fw=100 bw=200 bww=100 transfer=5 vary=0.5 seed=3",
        "pp=4 microbatches=64 fw=100 bw=200 bww=100 transfer=5 vary=0.5 seed=3",
        "pp=8 microbatches=32 fw=100 bw=200 bww=100 transfer=5 vary=0.5 seed=3",
        "pp=8 microbatches=64 fw=100 bw=200 bww=100 transfer=5 segments=2 vary=0.5 seed=3",
        "pp=16 microbatches=64 fw=100 bw=200 bww=100 transfer=5 vary=0.5 seed=3",
        "pp=16 microbatches=128 fw=100 bw=200 bww=100 transfer=5 segments=2 vary=0.5 seed=3",
    };
    puts("| problem | passes | timed anew by any move | us, a move that may not take longer | us, "
         "any move | us, whole order | whole / any move | whole / move that may not |\n"
         "|---|---|---|---|---|---|---|---|");
    for (size_t i = 0; i < sizeof problems / sizeof problems[0]; i++)
        if (print_row(problems[i]) != 0) return 1;
    return 0;
}
