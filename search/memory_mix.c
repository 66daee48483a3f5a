/* search/memory_mix.c - two ways to mix, in rounds that end when all ranks fit. */
#include "search/memory_mix.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/least.h"
#include "base/threads.h"
#include "plan/compile.h"
#include "search/pick.h"
#include "search/profile.h"

/* A mix that went over a limit is tried again with that much less, this often. */
enum { MIX_ROUNDS = 4 };

/* A faster candidate for a stage: what it costs and brings. */
typedef struct upgrade {
    int32_t stage, candidate;
    int64_t gain_ns, bytes;
} upgrade;

/* What is known of a rank's mix. */
typedef struct rank_mix {
    int64_t margin; /* to stay below the limit by */
    bool done;
    bool given_up; /* stays as it was */
} rank_mix;

typedef struct mixer {
    const weft_i_mixing *mixing;
    const weft_problem *problem; /* with all candidates */
    weft_i_mix_kind kind;
    rank_mix *ranks;
    upgrade *upgrades;
    int64_t *peaks;
    weft_i_profile profile;
    weft_i_arena arena;
} mixer;

static void set_choice(const mixer *m, int32_t stage, int32_t choice)
{
    m->mixing->choices[stage] = choice;
    weft_i_variant_set(m->mixing->variant, stage, choice);
}

static bool is_on(const mixer *m, int32_t stage, int32_t rank)
{
    return m->mixing->variant->graph.rank[stage] == rank;
}

/* Most time for a byte first. */
static int compare_upgrades(const void *a, const void *b)
{
    const upgrade *x = a, *y = b;
    double left = (double)x->gain_ns * (double)y->bytes;
    double right = (double)y->gain_ns * (double)x->bytes;
    if (left != right) return left > right ? -1 : 1;
    if (x->gain_ns != y->gain_ns) return x->gain_ns > y->gain_ns ? -1 : 1;
    if (x->stage != y->stage) return x->stage < y->stage ? -1 : 1;
    return (x->candidate > y->candidate) - (x->candidate < y->candidate);
}

/* Nanoseconds that a stage saves under `to`; 0 when some pass would take longer. */
static int64_t gain_of(const mixer *m, int32_t stage, const weft_cost *from, const weft_cost *to)
{
    bool split = m->mixing->position[weft_task_make(stage, WEFT_PASS_BWI)] >= 0;
    int64_t backward = split ? from->bwi_ns - to->bwi_ns : from->bw_ns - to->bw_ns;
    int64_t weights = split ? from->bww_ns - to->bww_ns : 0;
    int64_t forward = from->fw_ns - to->fw_ns;
    if (forward < 0 || backward < 0 || weights < 0) return 0;
    return forward + backward + weights;
}

static int32_t list_upgrades(const mixer *m, int32_t rank)
{
    int32_t n = 0;
    for (int32_t s = 0; s < m->problem->n_stages; s++) {
        const weft_stage *stage = &m->problem->stages[s];
        if (!is_on(m, s, rank)) continue;
        const weft_cost *from = weft_i_choice_cost(stage, m->mixing->base[s]);
        for (int32_t k = 0; k < stage->n_candidates; k++) {
            const weft_cost *to = &stage->candidates[k].cost;
            int64_t gain = gain_of(m, s, from, to), bytes = to->saved_bytes - from->saved_bytes;
            if (gain > 0) m->upgrades[n++] = (upgrade){s, k, gain, bytes > 0 ? bytes : 1};
        }
    }
    qsort(m->upgrades, (size_t)n, sizeof *m->upgrades, compare_upgrades);
    return n;
}

/* Take one stage from its candidate in force to another if the rank's profile stays in `room`. */
static void try_upgrade(mixer *m, const upgrade *to_try, int64_t room)
{
    const int32_t *position = m->mixing->position;
    const weft_stage *stage = &m->problem->stages[to_try->stage];
    const weft_cost *from = &m->mixing->variant->problem.stages[to_try->stage].now.cost;
    const weft_cost *to = &stage->candidates[to_try->candidate].cost;
    if (gain_of(m, to_try->stage, from, to) <= 0) return;
    weft_i_profile_add_stage(&m->profile, position, to_try->stage, stage, from, -1);
    weft_i_profile_add_stage(&m->profile, position, to_try->stage, stage, to, 1);
    if (weft_i_profile_max(&m->profile) <= room) {
        set_choice(m, to_try->stage, to_try->candidate);
        return;
    }
    weft_i_profile_add_stage(&m->profile, position, to_try->stage, stage, to, -1);
    weft_i_profile_add_stage(&m->profile, position, to_try->stage, stage, from, 1);
}

static weft_status mix_greedily(mixer *m, int32_t rank, int64_t room)
{
    int32_t n = list_upgrades(m, rank);
    for (int32_t i = 0; i < n; i++)
        try_upgrade(m, &m->upgrades[i], room);
    return WEFT_STATUS_OK;
}

static weft_status mix_by_picking(mixer *m, int32_t rank, int64_t room)
{
    const weft_i_mixing *mixing = m->mixing;
    weft_i_pick pick;
    weft_i_graph graph = mixing->variant->graph;
    graph.problem = m->problem;
    weft_i_arena arena = {0};
    int32_t *options = weft_i_new(&arena, int32_t, graph.n_rank_stages[rank]);
    weft_i_pick_answer answer = {.options = options};
    bool ok =
        options &&
        weft_i_pick_build(&graph, mixing->order, rank, mixing->position, room, &arena, &pick) &&
        weft_i_pick_solve(&pick, &arena, &answer);
    for (int32_t g = 0; ok && answer.fits && g < pick.n_groups; g++) {
        const weft_i_group *group = &pick.groups[g];
        set_choice(m, group->stage, pick.options[group->first + options[g]].candidate);
    }
    weft_i_arena_free(&arena);
    return ok ? WEFT_STATUS_OK : WEFT_STATUS_NO_MEMORY;
}

/* Mix one rank, from the base. */
static weft_status mix_rank(mixer *m, int32_t rank)
{
    weft_i_profile_clear(&m->profile);
    for (int32_t s = 0; s < m->problem->n_stages; s++) {
        if (!is_on(m, s, rank)) continue;
        set_choice(m, s, m->mixing->base[s]);
        weft_i_profile_add_stage(&m->profile, m->mixing->position, s, &m->problem->stages[s],
                                 &m->mixing->variant->problem.stages[s].now.cost, 1);
    }
    bool is_over = m->mixing->until_ns > 0 && weft_i_now_ns() >= m->mixing->until_ns;
    if (m->ranks[rank].given_up || is_over) return WEFT_STATUS_OK;
    /* Messages and what is static. */
    int64_t others = m->mixing->peaks[rank] - weft_i_profile_max(&m->profile);
    int64_t room = m->problem->limit_bytes[rank] - m->ranks[rank].margin - others;
    return m->kind == WEFT_I_MIX_PICK ? mix_by_picking(m, rank, room) : mix_greedily(m, rank, room);
}

/* How much more to leave free where a mix went over. Another choice of a stage moves messages, and
 * may bring as much as it took away: the second time it is a thousandth of all memory at least. */
static int64_t margin_for(const mixer *m, int32_t rank, int64_t excess, int round)
{
    if (excess <= 0) return 0;
    return round == 0 ? excess : weft_i_max(excess, m->problem->limit_bytes[rank] / 1000);
}

/* Mix the ranks that are not done and look at the exact peaks. */
static weft_status mix_round(mixer *m, int round, weft_error *error, bool *out_fits)
{
    for (int32_t r = 0; r < m->problem->n_ranks; r++)
        if (!m->ranks[r].done && mix_rank(m, r)) return weft_i_no_memory(error);
    weft_status status =
        weft_i_compile_peaks(&m->mixing->variant->graph, m->mixing->order, error, m->peaks);
    *out_fits = true;
    for (int32_t r = 0; status == WEFT_STATUS_OK && r < m->problem->n_ranks; r++) {
        int64_t excess = m->peaks[r] - m->problem->limit_bytes[r];
        m->ranks[r].done = excess <= 0;
        m->ranks[r].margin += margin_for(m, r, excess, round);
        *out_fits = *out_fits && excess <= 0;
    }
    return status;
}

static bool open_mixer(mixer *m)
{
    const weft_order *order = m->mixing->order;
    int32_t capacity = 1, n_upgrades = 0;
    for (int32_t r = 0; r < m->problem->n_ranks; r++)
        capacity = order->n_tasks[r] > capacity ? order->n_tasks[r] : capacity;
    for (int32_t s = 0; s < m->problem->n_stages; s++)
        n_upgrades += m->problem->stages[s].n_candidates;
    m->ranks = weft_i_new(&m->arena, rank_mix, m->problem->n_ranks);
    m->upgrades = weft_i_new(&m->arena, upgrade, n_upgrades);
    m->peaks = weft_i_new(&m->arena, int64_t, m->problem->n_ranks);
    return m->ranks && m->upgrades && m->peaks &&
           weft_i_profile_init(capacity, &m->arena, &m->profile);
}

static weft_status mix(mixer *m, weft_error *error)
{
    if (!open_mixer(m)) return weft_i_no_memory(error);
    for (int round = 0; round <= MIX_ROUNDS; round++) {
        bool fits = false;
        weft_status status = mix_round(m, round, error, &fits);
        if (status != WEFT_STATUS_OK || fits) return status;
        for (int32_t r = 0; r < m->problem->n_ranks; r++)
            m->ranks[r].given_up = round == MIX_ROUNDS - 1 && !m->ranks[r].done;
    }
    for (int32_t s = 0; s < m->problem->n_stages; s++)
        set_choice(m, s, m->mixing->base[s]);
    return WEFT_STATUS_OK;
}

weft_status weft_i_memory_mix(weft_i_mixing *mixing, weft_i_mix_kind kind, weft_error *error)
{
    mixer m = {.mixing = mixing, .problem = mixing->variant->base, .kind = kind};
    weft_status status = mix(&m, error);
    weft_i_arena_free(&m.arena);
    return status;
}
