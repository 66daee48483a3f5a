/* search/wave.c - see wave.h. Here the steady state is placed; wave_fill.c begins it. */
#include "search/wave.h"

#include "base/error.h"
#include "search/wave_fill.h"

/* What a rank does in a beat. */
enum { FW_AWAY, BW_HOME, FW_HOME, BW_AWAY, N_KINDS };

/* Percent of a weight gradient that a gap must hold: near a rank that ends last a low one is
 * better, on the way of the last backwards a high one. */
static const int32_t patiences[] = {50, 100, 0, 25};

typedef struct wave {
    weft_i_workbench *w;
    const weft_i_course *course;
    int32_t n_ranks;
    int64_t fw_ns, bw_ns, bww_ns, hop_ns; /* the longest of any leg */
    int64_t away_ns;                      /* from a pass to the next one on a way away */
    int64_t at[N_KINDS];                  /* in a beat */
    weft_i_pattern pattern;
} wave;

static int64_t max64(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

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
    return slots->n % 2 == 0 && problem->n_chunks == slots->n * problem->n_ranks;
}

/* Whether each slot has one leg on every rank, as far along on the way home as on the way away. */
static bool is_v(const weft_i_course *course, int32_t n_ranks)
{
    if (course->n_legs != course->slots.n * n_ranks || course->slots.n % 2 != 0) return false;
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
    for (int32_t i = 0; i < v->course->n_legs; i++) {
        const weft_i_leg *leg = &v->course->legs[i];
        v->fw_ns = max64(v->fw_ns, leg->fw_ns);
        v->bw_ns = max64(v->bw_ns, leg->bw_ns);
        v->bww_ns = max64(v->bww_ns, leg->bww_ns);
        v->hop_ns = max64(v->hop_ns, leg->fw_ns + leg->fw_hop_ns);
        v->hop_ns = max64(v->hop_ns, leg->bw_ns + leg->bw_hop_ns);
    }
    v->pattern.n_laps = v->course->slots.n / 2;
    v->pattern.group = v->n_ranks;
    v->pattern.beat_ns = max64(v->course->period_ns / v->pattern.n_laps, 1);
    v->away_ns = v->pattern.beat_ns - v->hop_ns;
    if (v->away_ns < v->hop_ns) v->away_ns = v->hop_ns;
    for (int kind = FW_AWAY; kind + 1 < N_KINDS; kind++) {
        bool fw = kind == FW_AWAY || kind == FW_HOME;
        v->at[kind + 1] = v->at[kind] + (fw ? v->fw_ns : v->bw_ns + v->bww_ns);
    }
}

/* The first time of a kind that comes at least `least` after another kind's at t. */
static int64_t next_at(const wave *v, int64_t t, int from, int to, int64_t least)
{
    int64_t beat = v->pattern.beat_ns, after = (v->at[to] - v->at[from]) % beat;
    if (after < 0) after += beat;
    if (after < least) after += (least - after + beat - 1) / beat * beat;
    return t + after;
}

/* The forwards of a lap from its begin on; returns when the last one is. */
static int64_t place_forwards(wave *v, int32_t lap)
{
    const int32_t first = 2 * lap * v->n_ranks, turn = first + v->n_ranks;
    int64_t t = 0;
    for (int32_t i = first; i < turn + v->n_ranks; i++) {
        if (i == turn)
            t = next_at(v, t, FW_AWAY, FW_HOME, v->fw_ns);
        else if (i > first)
            t += i < turn ? v->away_ns : v->hop_ns;
        v->pattern.fw_ns[i] = t;
    }
    return t;
}

static void place_backwards(wave *v, int32_t lap, int64_t t)
{
    const int32_t end = 2 * (lap + 1) * v->n_ranks, turn = end - v->n_ranks - 1;
    for (int32_t i = end - 1; i > turn - v->n_ranks; i--) {
        if (i == turn)
            t = next_at(v, t, BW_AWAY, BW_HOME, v->bw_ns);
        else if (i < end - 1)
            t += i > turn ? v->away_ns : v->hop_ns;
        v->pattern.bw_ns[i] = t;
        v->pattern.bww_ns[i] = t + v->bw_ns;
    }
}

/* The backward items follow the forward items of the last laps. */
static void place(wave *v)
{
    int64_t t = 0;
    for (int32_t lap = 0; lap < v->pattern.n_laps; lap++)
        t = place_forwards(v, lap);
    t = next_at(v, t, FW_HOME, BW_AWAY, v->fw_ns);
    t += (v->pattern.n_laps - 1) * v->n_ranks * v->pattern.beat_ns;
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

static weft_status run(wave *v, weft_i_budget *budget, weft_i_incumbent *incumbent,
                       weft_error *error)
{
    for (size_t i = 0; i < sizeof patiences / sizeof *patiences; i++) {
        weft_i_strict_rule rule = {.patience = patiences[i]};
        int64_t ns;
        if (incumbent->order && weft_i_budget_used(budget) >= 1) break;
        weft_status status =
            weft_i_workbench_try_strict(v->w, &v->pattern, &rule, "wave", incumbent, error, &ns);
        if (status != WEFT_STATUS_OK) return status;
        budget->iterations++;
        if (ns == WEFT_INT_MAX) break; /* too little memory for any */
    }
    return WEFT_STATUS_OK;
}

weft_status weft_i_wave(weft_i_workbench *workbench, weft_i_budget *budget,
                        weft_i_incumbent *incumbent, weft_error *error)
{
    weft_i_arena arena = {0};
    wave v = {.w = workbench, .course = &workbench->course, .n_ranks = workbench->net.n_ranks};
    if (!is_v(v.course, v.n_ranks)) return WEFT_STATUS_OK;
    bool opened = open_wave(&v, &arena);
    weft_i_workbench_set_limits(workbench);
    if (opened) {
        measure(&v);
        place(&v);
        place_bursts(&v);
        opened = weft_i_wave_fill(v.course, v.n_ranks, v.fw_ns, &arena, &v.pattern);
    }
    weft_status status = opened ? run(&v, budget, incumbent, error) : weft_i_no_memory(error);
    weft_i_arena_free(&arena);
    return status;
}
