/* search/modulo.c - see modulo.h.
 *
 * A pattern comes from delays: passes are placed one by one along the course of a microbatch, each
 * at the first time after its inputs and its own delay that is free on its rank modulo the period.
 * Weight gradients are not placed; the dispatcher fills gaps with them. */
#include "search/modulo.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/least.h"

/* Part of the budget for patterns at random before one is changed, in percent; how many
 * microbatches are scheduled before a pattern is taken to be worth all, in ranks; tries at a block
 * without collisions. */
enum { RANDOM_PERCENT = 20, SAMPLE_RANKS = 2, BLOCK_TRIES = 100 };

/* How much worse a changed pattern may be at first, in periods. */
static const double HEAT = 0.03;

enum { FW, BW, BWW, N_WAYS = BWW };

/* Part of a rank's period that is taken. */
typedef struct busy_part {
    int64_t begin, ns;
} busy_part;

/* A pattern by what it is made from, and how it did. */
typedef struct individual {
    int64_t *delay[N_WAYS]; /* by leg, ns before its pass */
    bool equal;             /* all passes of a rank count as equally long */
    bool weights;           /* weight gradients have places too, and are not fitted in */
    int32_t *burst;         /* by slot: percent of the turns in flight that begin at once */
    int32_t patience;
    int32_t *turn;     /* by microbatch: when it comes */
    int64_t sample_ns; /* objective of the sample; WEFT_INT_MAX = not known */
} individual;

typedef struct modulo {
    weft_i_workbench *w;
    const weft_i_course *course;
    weft_i_rng *rng;
    int64_t period_ns;
    busy_part **busy; /* by rank */
    int32_t *n_busy;  /* by rank */
    int64_t *unit_ns; /* by rank: a pass where all are equally long */
    double *held;     /* by rank, scratch */
    int32_t n_bumps;  /* passes of the last placing that had to make way */
    weft_i_pattern pattern;
    individual now, trial;
    int64_t best_ns; /* of all samples */
    int32_t n_turns;
    int32_t n_sample;   /* turns; 0 = all */
    bool varies;        /* microbatches differ, so that their order matters */
    int32_t *ascending; /* microbatches by work */
} modulo;

static int64_t length_of(const modulo *m, int32_t leg, int way, bool equal)
{
    const weft_i_leg *of = &m->course->legs[leg];
    if (equal) return m->unit_ns[of->rank] * (way == BW && of->n_passes == 2 ? 2 : 1);
    return way == FW ? of->fw_ns : way == BW ? of->bw_ns : of->bww_ns;
}

/* The first time from `at` on when the rank is free for `ns` in every period; `at` itself where
 * there is none. Taken, so that no later pass gets it. */
static int64_t reserve(modulo *m, int32_t rank, int64_t at, int64_t ns)
{
    int64_t period = m->period_ns, t = at;
    for (int32_t tries = 0; tries <= 2 * m->n_busy[rank]; tries++) {
        bool free = true;
        for (int32_t i = 0; i < m->n_busy[rank] && free; i++) {
            const busy_part *b = &m->busy[rank][i];
            int64_t after = (t - b->begin + period) % period; /* t comes so long after it began */
            if (after < b->ns) {
                t += b->ns - after;
                free = false;
            } else if (after + ns > period) { /* it would reach into the next one */
                t += period - after + b->ns;
                free = false;
            }
        }
        if (free) break;
        if (t >= at + period) {
            t = at;
            break;
        }
    }
    m->n_bumps += t != at;
    m->busy[rank][m->n_busy[rank]++] = (busy_part){t % period, ns < period ? ns : period};
    return t;
}

/* When a leg's forwards can begin: after the leg before, or after all slots that feed its own. */
static int64_t after_inputs(const modulo *m, int32_t leg, bool equal)
{
    const weft_i_course *course = m->course;
    int32_t slot = course->legs[leg].slot;
    int64_t at = 0;
    if (leg > course->first_of_slot[slot])
        return m->pattern.fw_ns[leg - 1] + length_of(m, leg - 1, FW, equal);
    for (int32_t p = 0; p < slot; p++) {
        int32_t last = course->first_of_slot[p + 1] - 1;
        if (course->feeds[p * course->slots.n + slot] && last >= course->first_of_slot[p])
            at = weft_i_max(at, m->pattern.fw_ns[last] + length_of(m, last, FW, equal));
    }
    return at;
}

/* The same for its backwards, the other way round; the last slot turns around. */
static int64_t after_gradients(const modulo *m, int32_t leg, bool equal)
{
    const weft_i_course *course = m->course;
    int32_t slot = course->legs[leg].slot, n = course->slots.n;
    int64_t at = m->pattern.fw_ns[leg] + length_of(m, leg, FW, equal);
    if (leg + 1 < course->first_of_slot[slot + 1])
        return weft_i_max(at, m->pattern.bw_ns[leg + 1] + length_of(m, leg + 1, BW, equal));
    for (int32_t q = slot + 1; q < n; q++) {
        int32_t first = course->first_of_slot[q];
        if (course->feeds[slot * n + q] && first < course->first_of_slot[q + 1])
            at = weft_i_max(at, m->pattern.bw_ns[first] + length_of(m, first, BW, equal));
    }
    return at;
}

/* Make the pattern of the trial's delays. */
static void place(modulo *m, const individual *of)
{
    const weft_i_course *course = m->course;
    m->n_bumps = 0;
    memset(m->n_busy, 0, (size_t)m->w->net.n_ranks * sizeof *m->n_busy);
    for (int32_t i = 0; i < course->n_legs; i++) {
        const weft_i_leg *leg = &course->legs[i];
        int64_t at = after_inputs(m, i, of->equal) + (of->equal ? 0 : leg->fw_hop_ns);
        m->pattern.fw_ns[i] =
            reserve(m, leg->rank, at + of->delay[FW][i], length_of(m, i, FW, of->equal));
    }
    for (int32_t i = course->n_legs - 1; i >= 0; i--) {
        const weft_i_leg *leg = &course->legs[i];
        int64_t at = after_gradients(m, i, of->equal) + (of->equal ? 0 : leg->bw_hop_ns);
        m->pattern.bw_ns[i] = at;
        if (leg->n_passes > 1)
            m->pattern.bw_ns[i] =
                reserve(m, leg->rank, at + of->delay[BW][i], length_of(m, i, BW, of->equal));
    }
}

/* Weight gradients take what is left: the earliest backward chooses first. */
static void place_weights(modulo *m, const individual *of)
{
    const weft_i_course *course = m->course;
    for (int32_t i = course->n_legs - 1; i >= 0; i--) {
        const weft_i_leg *leg = &course->legs[i];
        m->pattern.bww_ns[i] = m->pattern.bw_ns[i];
        if (!of->weights || leg->n_passes < 3) continue;
        int64_t at = m->pattern.bw_ns[i] + length_of(m, i, BW, of->equal);
        m->pattern.bww_ns[i] = reserve(m, leg->rank, at, length_of(m, i, BWW, of->equal));
    }
}

/* A burst is part of what is in flight in the steady state, so that it takes no more memory. */
static void place_bursts(modulo *m, const individual *of)
{
    for (int32_t i = 0; i < m->course->n_legs; i++) {
        int64_t in_flight = (m->pattern.bw_ns[i] - m->pattern.fw_ns[i]) / m->period_ns;
        if (m->course->legs[i].n_passes == 1) in_flight = 0;
        m->pattern.burst[i] = (int32_t)(in_flight * of->burst[m->course->legs[i].slot] / 100);
    }
}

/* Whether what the pattern holds in its steady state is within the limits. */
static bool fits(const modulo *m, const individual *of)
{
    const weft_i_course *course = m->course;
    memset(m->held, 0, (size_t)m->w->net.n_ranks * sizeof *m->held);
    for (int32_t i = 0; i < course->n_legs; i++) {
        const weft_i_leg *leg = &course->legs[i];
        if (leg->n_passes == 1) continue;
        int64_t life = m->pattern.bw_ns[i] + length_of(m, i, BW, of->equal) - m->pattern.fw_ns[i];
        m->held[leg->rank] += (double)leg->saved_bytes * (double)life / (double)m->period_ns;
    }
    for (int32_t r = 0; r < m->w->net.n_ranks; r++)
        if (m->held[r] > (double)m->w->limit[r]) return false;
    return true;
}

static int64_t units(const modulo *m, int32_t leg, uint64_t below)
{
    return (int64_t)weft_i_rng_below(m->rng, below) * m->unit_ns[m->course->legs[leg].rank];
}

static bool chance(const modulo *m, double percent)
{
    return weft_i_rng_double(m->rng) * 100 < percent;
}

static int64_t draw_slope(const modulo *m, uint64_t n_units)
{
    if (chance(m, 40)) return 0;
    return (int64_t)weft_i_rng_below(m->rng, chance(m, 50) ? 4 : 2 * n_units);
}

/* Whether a slot's passes go from rank to higher rank. */
static bool goes_up(const modulo *m, int32_t slot, int way)
{
    int32_t first = m->course->first_of_slot[slot], last = m->course->first_of_slot[slot + 1] - 1;
    bool up = last < first || m->course->legs[first].rank <= m->course->legs[last].rank;
    return up == (way == FW);
}

/* Delays of one slot, one way: before its first leg anything up to a period, between legs the same
 * number of units everywhere, and now and then a little more. */
static void draw_slot(const modulo *m, individual *of, int32_t slot, int way, double noise,
                      const int64_t *slopes)
{
    int32_t first = m->course->first_of_slot[slot], end = m->course->first_of_slot[slot + 1];
    if (first == end) return;
    int32_t begin = way == FW ? first : end - 1;
    uint64_t n_units = (uint64_t)(m->period_ns / m->unit_ns[m->course->legs[begin].rank]) + 1;
    int64_t slope = slopes ? slopes[goes_up(m, slot, way)] : draw_slope(m, n_units);
    for (int32_t i = first; i < end; i++) {
        int64_t unit = m->unit_ns[m->course->legs[i].rank];
        of->delay[way][i] = slope * unit;
        if (chance(m, noise)) of->delay[way][i] += unit + units(m, i, 2);
    }
    of->delay[way][begin] = chance(m, 70) ? units(m, begin, n_units) : 0;
}

static void swap_turns(const modulo *m, int32_t *turn)
{
    int32_t a = (int32_t)weft_i_rng_below(m->rng, (uint64_t)m->n_turns);
    int32_t b = (int32_t)weft_i_rng_below(m->rng, (uint64_t)m->n_turns);
    int32_t kept = turn[a];
    turn[a] = turn[b];
    turn[b] = kept;
}

/* An order of the microbatches: as they are, by work, or the small ones at both ends, where ranks
 * wait for the first to arrive and for the last to return. */
static void draw_turns(const modulo *m, int32_t *turn)
{
    int32_t n = m->n_turns;
    uint64_t kind = m->varies ? weft_i_rng_below(m->rng, 6) : 0;
    for (int32_t i = 0; i < n; i++) {
        int32_t microbatch = m->ascending[i];
        if (kind <= 1) turn[i] = i;
        if (kind == 2) turn[microbatch] = i;
        if (kind == 3) turn[microbatch] = n - 1 - i;
        if (kind >= 4) turn[microbatch] = i % 2 == 0 ? i / 2 : n - 1 - i / 2;
    }
    if (kind == 1 || kind == 5)
        for (int32_t i = 0; i < n / 4; i++)
            swap_turns(m, turn);
}

static int32_t draw_burst(const modulo *m)
{
    return chance(m, 50) ? 25 * (int32_t)weft_i_rng_below(m->rng, 5) : 0;
}

static void draw_delays(const modulo *m, individual *of, double noise)
{
    uint64_t n_units = (uint64_t)(m->period_ns / m->unit_ns[m->course->legs[0].rank]) + 1;
    int64_t slopes[2] = {draw_slope(m, n_units), draw_slope(m, n_units)};
    bool shared = chance(m, 60);
    for (int32_t slot = 0; slot < m->course->slots.n; slot++)
        for (int way = FW; way <= BW; way++)
            draw_slot(m, of, slot, way, noise, shared ? slopes : NULL);
}

/* Delays in whole units by which no pass has to make way for another: the building blocks of the
 * literature. False where none of some turns up. */
static bool draw_block(modulo *m, individual *of)
{
    of->equal = true;
    for (int i = 0; i < BLOCK_TRIES; i++) {
        draw_delays(m, of, 0);
        place(m, of);
        if (m->n_bumps == 0 && fits(m, of)) return true;
    }
    return false;
}

static void draw(modulo *m, individual *of)
{
    of->weights = chance(m, 50);
    of->patience = 50 * (int32_t)weft_i_rng_below(m->rng, 3);
    for (int32_t slot = 0; slot < m->course->slots.n; slot++)
        of->burst[slot] = draw_burst(m);
    draw_turns(m, of->turn);
    if (chance(m, 50) && draw_block(m, of)) return;
    of->equal = chance(m, 50);
    draw_delays(m, of, 10 * weft_i_rng_double(m->rng));
}

static void copy(const modulo *m, const individual *from, individual *to)
{
    size_t n_bytes = (size_t)m->course->n_legs * sizeof(int64_t);
    memcpy(to->delay[FW], from->delay[FW], n_bytes);
    memcpy(to->delay[BW], from->delay[BW], n_bytes);
    memcpy(to->turn, from->turn, (size_t)m->n_turns * sizeof *to->turn);
    memcpy(to->burst, from->burst, (size_t)m->course->slots.n * sizeof *to->burst);
    to->equal = from->equal;
    to->weights = from->weights;
    to->patience = from->patience;
    to->sample_ns = from->sample_ns;
}

/* More or less of the delay before all legs of a slot, or before the first of them. */
static void shift_slot(const modulo *m, individual *of, int32_t slot, int way)
{
    int32_t first = m->course->first_of_slot[slot], end = m->course->first_of_slot[slot + 1];
    bool all = chance(m, 40);
    if (first == end) return;
    int32_t begin = way == FW ? first : end - 1;
    int64_t by = m->unit_ns[m->course->legs[begin].rank];
    if (!all) by *= 1 + (int64_t)weft_i_rng_below(m->rng, 4);
    if (!of->equal && chance(m, 50)) by /= 4;
    if (chance(m, 50)) by = -by;
    for (int32_t i = first; i < end; i++)
        if (all || i == begin) of->delay[way][i] = weft_i_max(of->delay[way][i] + by, 0);
}

static void shift_leg(const modulo *m, individual *of, int way)
{
    int32_t leg = (int32_t)weft_i_rng_below(m->rng, (uint64_t)m->course->n_legs);
    int64_t by = m->unit_ns[m->course->legs[leg].rank] * (chance(m, 50) ? 1 : -1);
    if (!of->equal && chance(m, 50)) by /= 4;
    of->delay[way][leg] = weft_i_max(of->delay[way][leg] + by, 0);
}

/* Change one thing. */
static void change(const modulo *m, individual *of)
{
    if (m->varies && chance(m, 50)) {
        swap_turns(m, of->turn);
        return;
    }
    int way = (int)weft_i_rng_below(m->rng, N_WAYS);
    int32_t slot = (int32_t)weft_i_rng_below(m->rng, (uint64_t)m->course->slots.n);
    uint64_t what = weft_i_rng_below(m->rng, 100);
    if (what < 10)
        draw_slot(m, of, slot, way, 2, NULL);
    else if (what < 50)
        shift_slot(m, of, slot, way);
    else if (what < 90)
        shift_leg(m, of, way);
    else if (what < 94)
        of->patience = 50 * (int32_t)weft_i_rng_below(m->rng, 3);
    else if (what < 98)
        of->burst[slot] = draw_burst(m);
    else
        of->weights = !of->weights;
}

/* Run the sample by the pattern of `of`; WEFT_INT_MAX where it does not fit or deadlocks. */
static int64_t try_sample(modulo *m, const individual *of, weft_i_strict_rule *rule,
                          weft_objective objective)
{
    weft_i_strict_result result;
    size_t n_bytes = (size_t)m->n_turns * sizeof *of->turn;
    place(m, of);
    place_weights(m, of);
    place_bursts(m, of);
    if (!fits(m, of)) return WEFT_INT_MAX;
    if (memcmp(m->w->turn, of->turn, n_bytes) != 0) {
        memcpy(m->w->turn, of->turn, n_bytes);
        weft_i_workbench_set_turns(m->w);
    }
    *rule = (weft_i_strict_rule){of->patience, of->weights, m->n_sample};
    if (!weft_i_strict_run(m->w->strict, &m->pattern, rule, m->w->limit, &result))
        return WEFT_INT_MAX;
    return objective == WEFT_OBJECTIVE_SPAN ? result.span_ns : result.pipeline_ns;
}

/* Whether to go on from the trial. */
static bool accept(const modulo *m, double heat)
{
    if (m->trial.sample_ns <= m->now.sample_ns) return true;
    double worse = (double)(m->trial.sample_ns - m->now.sample_ns) / (double)m->period_ns;
    return heat > 0 && weft_i_rng_double(m->rng) < exp(-worse / heat);
}

static weft_status run(modulo *m, weft_i_budget *budget, double until, weft_i_incumbent *incumbent,
                       weft_error *error)
{
    double begin = weft_i_budget_used(budget), used = begin;
    double random_until = begin + (until - begin) * RANDOM_PERCENT / 100;
    weft_i_workbench_set_limits(m->w);

    for (; used < until; used = weft_i_budget_used(budget)) {
        weft_i_strict_rule rule;
        int64_t full_ns;
        double heat = 0;
        budget->iterations++;
        if (used < random_until || m->now.sample_ns == WEFT_INT_MAX) {
            draw(m, &m->trial);
        } else {
            heat = HEAT * (until - used) / (until - random_until);
            copy(m, &m->now, &m->trial);
            change(m, &m->trial);
        }
        m->trial.sample_ns = try_sample(m, &m->trial, &rule, incumbent->objective);
        if (m->trial.sample_ns == WEFT_INT_MAX || !accept(m, heat)) continue;
        copy(m, &m->trial, &m->now);
        if (m->now.sample_ns >= m->best_ns) continue;
        m->best_ns = m->now.sample_ns;
        rule.n_turns = 0;
        weft_status status = weft_i_workbench_try_strict(m->w, &m->pattern, &rule, "pattern",
                                                         incumbent, error, &full_ns);
        if (status != WEFT_STATUS_OK) return status;
        if (weft_i_incumbent_ns(incumbent) <= budget->bound_ns) break;
    }
    return WEFT_STATUS_OK;
}

static bool open_individual(const modulo *m, individual *of, weft_i_arena *arena)
{
    int32_t n_legs = m->course->n_legs;
    of->sample_ns = WEFT_INT_MAX;
    of->turn = weft_i_new(arena, int32_t, m->n_turns);
    of->burst = weft_i_new(arena, int32_t, m->course->slots.n);
    of->delay[FW] = weft_i_new(arena, int64_t, n_legs);
    of->delay[BW] = weft_i_new(arena, int64_t, n_legs);
    return of->turn && of->burst && of->delay[FW] && of->delay[BW];
}

/* A microbatch and its work. */
typedef struct turn_work {
    int64_t ns;
    int32_t microbatch;
} turn_work;

static int compare_work(const void *a, const void *b)
{
    const turn_work *x = a, *y = b;
    if (x->ns != y->ns) return x->ns < y->ns ? -1 : 1;
    return (x->microbatch > y->microbatch) - (x->microbatch < y->microbatch);
}

/* Sort the microbatches by work, and see whether they differ by more than a fiftieth. */
static bool sort_turns(modulo *m, weft_i_arena *arena)
{
    turn_work *work = weft_i_new(arena, turn_work, m->n_turns);
    m->ascending = weft_i_new(arena, int32_t, m->n_turns);
    if (!work || !m->ascending) return false;
    for (int32_t i = 0; i < m->n_turns; i++)
        work[i] = (turn_work){m->course->turn_ns[i], i};
    qsort(work, (size_t)m->n_turns, sizeof *work, compare_work);
    for (int32_t i = 0; i < m->n_turns; i++)
        m->ascending[i] = work[i].microbatch;
    m->varies = work[m->n_turns - 1].ns - work[0].ns > m->period_ns / 50;
    if (m->varies) m->n_sample = 0;
    return true;
}

static bool open_modulo(modulo *m, weft_i_arena *arena)
{
    int32_t n_legs = m->course->n_legs, n_ranks = m->w->net.n_ranks;
    m->busy = weft_i_new(arena, busy_part *, n_ranks);
    m->n_busy = weft_i_new(arena, int32_t, n_ranks);
    m->unit_ns = weft_i_new(arena, int64_t, n_ranks);
    m->held = weft_i_new(arena, double, n_ranks);
    m->pattern.fw_ns = weft_i_new(arena, int64_t, n_legs);
    m->pattern.bw_ns = weft_i_new(arena, int64_t, n_legs);
    m->pattern.bww_ns = weft_i_new(arena, int64_t, n_legs);
    m->pattern.burst = weft_i_new(arena, int32_t, n_legs);
    if (!m->busy || !m->n_busy || !m->unit_ns || !m->held || !m->pattern.fw_ns ||
        !m->pattern.bw_ns || !m->pattern.bww_ns || !m->pattern.burst ||
        !open_individual(m, &m->now, arena) || !open_individual(m, &m->trial, arena) ||
        !sort_turns(m, arena))
        return false;
    for (int32_t i = 0; i < n_legs; i++)
        m->unit_ns[m->course->legs[i].rank] += m->course->legs[i].n_passes;
    for (int32_t r = 0; r < n_ranks; r++) {
        m->unit_ns[r] = weft_i_max(m->period_ns / weft_i_max(m->unit_ns[r], 1), 1);
        if (!(m->busy[r] = weft_i_new(arena, busy_part, 3 * (size_t)n_legs))) return false;
    }
    return true;
}

weft_status weft_i_modulo(weft_i_workbench *workbench, weft_i_budget *budget, double until,
                          weft_i_rng *rng, weft_i_incumbent *incumbent, weft_error *error)
{
    weft_i_arena arena = {0};
    int32_t n_turns = workbench->flow.n_microbatches;
    modulo m = {.w = workbench,
                .course = &workbench->course,
                .rng = rng,
                .n_turns = n_turns,
                .best_ns = WEFT_INT_MAX,
                .period_ns = weft_i_max(workbench->course.period_ns, 1),
                .n_sample = SAMPLE_RANKS * workbench->net.n_ranks};
    if (m.n_sample >= n_turns || m.course->overlaps) m.n_sample = 0;
    if (m.course->n_legs == 0) return WEFT_STATUS_OK;
    weft_status status = open_modulo(&m, &arena) ? run(&m, budget, until, incumbent, error)
                                                 : weft_i_no_memory(error);
    weft_i_arena_free(&arena);
    return status;
}
