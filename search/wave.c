/* search/wave.c - see wave.h. Here the steady state is placed; wave_ends.c begins and ends it. */
#include "search/wave.h"

#include "base/error.h"
#include "base/least.h"
#include "search/wave_ends.h"

/* What a rank does in a round. */
enum { FW_AWAY, BW_HOME, FW_HOME, BW_AWAY, N_KINDS };

/* Percent of a weight gradient that a gap must hold: near a rank that ends last a low one is
 * better, on the way of the last backwards a high one. */
static const int32_t patiences[] = {50, 100, 0, 25};

/* How a wave goes. An item begins every `stride` beats, a round; a lap there and back takes a beat
 * a rank. So the fewer beats a round has, the more items are in flight: strides of 1, 2, 3 need
 * about the whole, a half and a third of the memory, as ZB-V, V-Half and V-Min do (Qi et al. 2024,
 * arXiv 2405.15362). With a stride of 1 a beat has a pass of each kind; else each kind has a beat
 * of its own for its direction, and passes home come `home_sixths` of a beat later than those away.
 */
typedef struct gait {
    int32_t stride;
    int32_t bw_away, fw_home, bw_home; /* beat; forwards away have beat 0 */
    int32_t home_sixths;
} gait;

static const gait gaits[] = {{1, 0, 0, 0, 0}, {2, 1, 0, 1, 2}, {2, 1, 1, 0, 4}, {3, 1, 1, 2, 4}};

typedef struct wave {
    weft_i_workbench *w;
    const weft_i_course *course;
    int32_t n_ranks;
    weft_i_block_times longest; /* of any leg */
    int64_t hop_ns;             /* the longer one */
    int64_t beat_ns;
    int64_t home_ns, away_ns; /* from a pass to the next one on a way home, on a way away */
    int64_t at[N_KINDS];      /* in a round */
    weft_i_pattern pattern;
} wave;

/* Odd slots lead home. */
static bool is_home(int32_t slot)
{
    return slot % 2 == 1;
}

static int32_t lap_of(const wave *v, int32_t leg)
{
    return v->course->legs[leg].slot / 2;
}

bool weft_i_wave_suits(const weft_problem *problem, const weft_i_slots *slots)
{
    return slots->n > 0 && slots->n % 2 == 0 && problem->n_chunks == slots->n * problem->n_ranks;
}

/* Whether each slot has one leg on every rank, as far along on the way home as on the way away. */
static bool is_v(const weft_i_course *course, int32_t n_ranks)
{
    if (course->n_legs != course->slots.n * n_ranks || course->slots.n % 2 != 0 ||
        course->n_legs == 0)
        return false;
    for (int32_t i = 0; i < course->n_legs; i++) {
        const weft_i_leg *leg = &course->legs[i];
        int32_t way = i - leg->slot * n_ranks;
        if (way < 0 || way >= n_ranks || leg->n_passes < 2) return false;
        if (is_home(leg->slot)) way = n_ranks - 1 - way;
        if (leg->rank != course->legs[way].rank) return false;
    }
    return !course->overlaps;
}

static void measure(wave *v)
{
    weft_i_block_times *t = &v->longest;
    for (int32_t i = 0; i < v->course->n_legs; i++) {
        const weft_i_leg *leg = &v->course->legs[i];
        t->fw_ns = weft_i_max(t->fw_ns, leg->fw_ns);
        t->bw_ns = weft_i_max(t->bw_ns, leg->bw_ns);
        t->bww_ns = weft_i_max(t->bww_ns, leg->bww_ns);
        t->fw_hop_ns = weft_i_max(t->fw_hop_ns, leg->fw_ns + leg->fw_hop_ns);
        t->bw_hop_ns = weft_i_max(t->bw_hop_ns, leg->bw_ns + leg->bw_hop_ns);
    }
    v->hop_ns = weft_i_max(t->fw_hop_ns, t->bw_hop_ns);
}

/* In a beat of a stride of 1 the kinds come one after the other, weight gradients included. */
static void set_times(wave *v, const gait *g)
{
    int64_t home = v->beat_ns * g->home_sixths / 6;
    v->at[FW_AWAY] = 0;
    v->at[BW_AWAY] = g->bw_away * v->beat_ns;
    v->at[FW_HOME] = g->fw_home * v->beat_ns + home;
    v->at[BW_HOME] = g->bw_home * v->beat_ns + home;
    if (g->stride > 1) return;
    v->at[BW_HOME] = v->longest.fw_ns;
    v->at[FW_HOME] = v->longest.fw_ns + v->longest.bw_ns + v->longest.bww_ns;
    v->at[BW_AWAY] = v->at[FW_HOME] + v->longest.fw_ns;
}

static void set_gait(wave *v, const gait *g)
{
    v->pattern.n_laps = v->course->slots.n / 2;
    v->pattern.group = (v->n_ranks + g->stride - 1) / g->stride;
    v->pattern.round_ns = weft_i_max(v->course->period_ns / v->pattern.n_laps, g->stride);
    v->beat_ns = v->pattern.round_ns / g->stride;
    v->home_ns = v->hop_ns;
    v->away_ns = v->beat_ns - v->hop_ns;
    if (v->away_ns < v->hop_ns) v->home_ns = v->away_ns = (v->beat_ns + 1) / 2;
    set_times(v, g);
}

/* The first time of a kind on a rank that comes at least `least` after t. From rank to rank all
 * comes earlier by a hop home, and what leads away a beat later. */
static int64_t next_at(const wave *v, int64_t t, int32_t distance, int to, int64_t least)
{
    int64_t round = v->pattern.round_ns, at = v->at[to] - distance * v->home_ns;
    if (to == FW_AWAY || to == BW_AWAY) at += distance * v->beat_ns;
    int64_t after = (at - t) % round;
    if (after < 0) after += round;
    if (after < least) after += (least - after + round - 1) / round * round;
    return t + after;
}

/* The forwards of a lap from its begin on; returns when the last one is. */
static int64_t place_forwards(wave *v, int32_t lap)
{
    const int32_t first = 2 * lap * v->n_ranks, turn = first + v->n_ranks;
    int64_t t = 0;
    for (int32_t i = first; i < turn + v->n_ranks; i++) {
        if (i == turn)
            t = next_at(v, t, v->n_ranks - 1, FW_HOME, v->longest.fw_ns);
        else if (i > first)
            t += i < turn ? v->away_ns : v->home_ns;
        v->pattern.fw_ns[i] = t;
    }
    return t;
}

static void place_backwards(wave *v, int32_t lap, int64_t t)
{
    const int32_t end = 2 * (lap + 1) * v->n_ranks, turn = end - v->n_ranks - 1;
    for (int32_t i = end - 1; i > turn - v->n_ranks; i--) {
        if (i == turn)
            t = next_at(v, t, v->n_ranks - 1, BW_HOME, v->longest.bw_ns);
        else if (i < end - 1)
            t += i > turn ? v->away_ns : v->home_ns;
        v->pattern.bw_ns[i] = t;
        v->pattern.bww_ns[i] = t + v->longest.bw_ns;
    }
}

/* The backward items follow the forward items of the last laps. */
static void place(wave *v)
{
    int64_t t = 0;
    for (int32_t lap = 0; lap < v->pattern.n_laps; lap++)
        t = place_forwards(v, lap);
    t = next_at(v, t, 0, BW_AWAY, v->longest.fw_ns);
    t += (v->pattern.n_laps - 1) * v->pattern.group * v->pattern.round_ns;
    for (int32_t lap = 0; lap < v->pattern.n_laps; lap++)
        place_backwards(v, lap, t);
}

static int64_t backward_at(const wave *v, int32_t leg, int32_t turn)
{
    return weft_i_pattern_base(&v->pattern, v->course, turn,
                               v->pattern.n_laps - 1 - lap_of(v, leg)) +
           v->pattern.bw_ns[leg];
}

static int64_t forward_at(const wave *v, int32_t leg, int32_t turn)
{
    return weft_i_pattern_base(&v->pattern, v->course, turn, lap_of(v, leg)) +
           v->pattern.fw_ns[leg];
}

/* How many of a leg's forwards come before a time. */
static int32_t count_before(const wave *v, int32_t leg, int64_t ns)
{
    int32_t n = 0;
    while (n < v->course->n_turns && forward_at(v, leg, n) < ns)
        n++;
    return n;
}

/* Before a rank's first backward run the forwards that the wave has there. A leg of the first slot
 * goes on with what the wave has before its own first backward, as memory allows. */
static void place_bursts(wave *v)
{
    for (int32_t d = 0; d < v->n_ranks; d++) {
        int64_t first = INT64_MAX, room = v->w->limit[v->course->legs[d].rank];
        for (int32_t s = 0; s < v->course->slots.n; s++) {
            int64_t at = backward_at(v, weft_i_wave_leg(s, d, v->n_ranks), 0);
            first = at < first ? at : first;
        }
        for (int32_t s = 0; s < v->course->slots.n; s++) {
            int32_t leg = weft_i_wave_leg(s, d, v->n_ranks);
            v->pattern.burst[leg] = count_before(v, leg, first);
            room -= v->pattern.burst[leg] * v->course->legs[leg].saved_bytes;
        }
        int32_t most = count_before(v, d, backward_at(v, d, 0));
        while (v->pattern.burst[d] < most && room >= v->course->legs[d].saved_bytes) {
            room -= v->course->legs[d].saved_bytes;
            v->pattern.burst[d]++;
        }
    }
}

static bool open_wave(wave *v, weft_i_arena *arena)
{
    int32_t n_legs = v->course->n_legs;
    v->pattern.fw_ns = weft_i_new(arena, int64_t, n_legs);
    v->pattern.bw_ns = weft_i_new(arena, int64_t, n_legs);
    v->pattern.bww_ns = weft_i_new(arena, int64_t, n_legs);
    v->pattern.burst = weft_i_new(arena, int32_t, n_legs);
    return v->pattern.fw_ns && v->pattern.bw_ns && v->pattern.bww_ns && v->pattern.burst;
}

/* Run a gait with each patience. */
static weft_status run(wave *v, weft_i_budget *budget, double until, weft_i_incumbent *incumbent,
                       weft_error *error)
{
    for (size_t i = 0; i < sizeof patiences / sizeof *patiences; i++) {
        weft_i_strict_rule rule = {.patience = patiences[i]};
        int64_t ns;
        if (incumbent->order && weft_i_budget_used(budget) >= until) break;
        weft_status status =
            weft_i_workbench_try_strict(v->w, &v->pattern, &rule, "wave", incumbent, error, &ns);
        if (status != WEFT_STATUS_OK) return status;
        budget->iterations++;
        if (ns == WEFT_INT_MAX) break; /* too little memory for any */
        if (weft_i_incumbent_ns(incumbent) <= budget->bound_ns) break;
    }
    return WEFT_STATUS_OK;
}

/* Run what is placed, with the end that it has and with one that hurries. */
static weft_status run_placed(wave *v, weft_i_budget *budget, double until,
                              weft_i_incumbent *incumbent, weft_error *error)
{
    weft_i_arena arena = {0};
    weft_status status = WEFT_STATUS_OK;
    place_bursts(v);
    if (!weft_i_wave_fill(v->course, v->n_ranks, v->longest.fw_ns, &arena, &v->pattern))
        status = weft_i_no_memory(error);
    if (status == WEFT_STATUS_OK) status = run(v, budget, until, incumbent, error);
    if (status == WEFT_STATUS_OK && v->pattern.n_laps == 1) {
        if (!weft_i_wave_drain(v->course, v->n_ranks, &v->longest, &arena, &v->pattern))
            status = weft_i_no_memory(error);
        else
            status = run(v, budget, until, incumbent, error);
    }
    v->pattern.fill_ns = NULL;
    v->pattern.last_fw_ns = v->pattern.last_bw_ns = NULL;
    weft_i_arena_free(&arena);
    return status;
}

static bool is_over(weft_i_budget *budget, double until, const weft_i_incumbent *incumbent)
{
    return incumbent->order && (weft_i_budget_used(budget) >= until ||
                                weft_i_incumbent_ns(incumbent) <= budget->bound_ns);
}

static weft_status run_gaits(wave *v, weft_i_budget *budget, double until,
                             weft_i_incumbent *incumbent, weft_error *error)
{
    weft_status status = WEFT_STATUS_OK;
    for (size_t i = 0; i < sizeof gaits / sizeof *gaits && status == WEFT_STATUS_OK; i++) {
        if (is_over(budget, until, incumbent)) break;
        set_gait(v, &gaits[i]);
        place(v);
        status = run_placed(v, budget, until, incumbent, error);
    }
    return status;
}

/* Whether some rank has too little memory for a number of stages. */
static bool is_over_limit(const wave *v, int64_t n_stages)
{
    for (int32_t i = 0; i < v->course->n_legs; i++) {
        const weft_i_leg *leg = &v->course->legs[i];
        if ((double)leg->saved_bytes * (double)n_stages > (double)v->w->limit[leg->rank])
            return true;
    }
    return false;
}

/* Blocks that fit, the slowest first; *out_any: whether there is one. */
static weft_status run_blocks(wave *v, const weft_i_block_times *times, weft_i_budget *budget,
                              double until, weft_i_incumbent *incumbent, weft_error *error,
                              bool *out_any)
{
    weft_i_arena arena = {0};
    weft_i_block *block;
    weft_status status = weft_i_block_create(times, v->n_ranks, &arena, error, &block);
    int32_t slowness = status == WEFT_STATUS_OK ? weft_i_block_slowest(block) : -1;
    *out_any = false;
    v->pattern.n_laps = 1;
    for (; slowness >= 0 && status == WEFT_STATUS_OK; slowness--) {
        if (is_over(budget, until, incumbent)) break;
        int64_t held = weft_i_block_place(block, slowness, &v->pattern);
        if (is_over_limit(v, held)) continue;
        *out_any = true;
        status = run_placed(v, budget, until, incumbent, error);
    }
    weft_i_arena_free(&arena);
    return status;
}

/* Where no block fits since messages take time, those that would if they took none: their orders
 * keep the memory, although ranks wait in them. */
static weft_status run_any_blocks(wave *v, weft_i_budget *budget, double until,
                                  weft_i_incumbent *incumbent, weft_error *error)
{
    bool any;
    weft_i_block_times times = v->longest;
    if (v->course->slots.n != 2 || v->n_ranks < 2) return WEFT_STATUS_OK;
    weft_status status = run_blocks(v, &times, budget, until, incumbent, error, &any);
    bool hops = times.fw_hop_ns > times.fw_ns || times.bw_hop_ns > times.bw_ns;
    if (status != WEFT_STATUS_OK || any || !hops) return status;
    times.fw_hop_ns = times.fw_ns;
    times.bw_hop_ns = times.bw_ns;
    return run_blocks(v, &times, budget, until, incumbent, error, &any);
}

weft_status weft_i_wave(weft_i_workbench *workbench, weft_i_budget *budget, double until,
                        weft_i_incumbent *incumbent, weft_error *error)
{
    weft_i_arena arena = {0};
    weft_status status = WEFT_STATUS_OK;
    wave v = {.w = workbench, .course = &workbench->course, .n_ranks = workbench->net.n_ranks};
    if (!is_v(v.course, v.n_ranks)) return WEFT_STATUS_OK;
    if (!open_wave(&v, &arena)) status = weft_i_no_memory(error);
    if (status == WEFT_STATUS_OK) {
        measure(&v);
        weft_i_workbench_set_limits(workbench);
        status = run_gaits(&v, budget, until, incumbent, error);
    }
    if (status == WEFT_STATUS_OK) status = run_any_blocks(&v, budget, until, incumbent, error);
    weft_i_arena_free(&arena);
    return status;
}
