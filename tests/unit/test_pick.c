/* One rank's choice of candidates: bounds, branching and GLPK against all choices there are. */
#include <criterion/criterion.h>
#include <pthread.h>

#include "search/glpk.h"
#include "tests/unit/pick_case.h"

enum { MAX_STAGES = 6, MAX_CANDIDATES = 4 };

static int64_t time_of(const weft_cost *cost, bool split)
{
    return cost->fw_ns + (split ? cost->bwi_ns + cost->bww_ns : cost->bw_ns);
}

/* The least time over each stage's fastest that fits; -1 = nothing fits. */
static int64_t brute_force(pick_case *c, bool split, int64_t room)
{
    int32_t candidates[MAX_STAGES], n = c->problem.n_stages;
    int64_t best = -1, fastest = 0;
    for (int32_t s = 0; s < n; s++) {
        int32_t n_candidates = c->problem.stages[s].n_candidates;
        candidates[s] = n_candidates > 0 ? 0 : -1;
        int64_t least = time_of(pick_case_cost(c, s, candidates[s]), split);
        for (int32_t k = 1; k < n_candidates; k++) {
            int64_t ns = time_of(pick_case_cost(c, s, k), split);
            least = ns < least ? ns : least;
        }
        fastest += least;
    }
    for (bool more = true; more;) {
        int64_t ns = -fastest;
        for (int32_t s = 0; s < n; s++)
            ns += time_of(pick_case_cost(c, s, candidates[s]), split);
        if ((best < 0 || ns < best) && pick_case_peak(c, candidates) <= room) best = ns;
        more = false;
        for (int32_t s = 0; s < n && !more; s++) {
            more = candidates[s] + 1 < c->problem.stages[s].n_candidates;
            candidates[s] = more                                    ? candidates[s] + 1
                            : c->problem.stages[s].n_candidates > 0 ? 0
                                                                    : -1;
        }
    }
    return best;
}

/* The answer's time and memory are what it says, by the profile of all passes. */
static void expect_holds(pick_case *c, const weft_i_pick *pick, const weft_i_pick_answer *answer,
                         uint64_t seed)
{
    int32_t candidates[1024];
    int64_t ns = 0;
    cr_assert_eq(pick->n_groups, c->problem.n_stages);
    for (int32_t g = 0; g < pick->n_groups; g++) {
        const weft_i_group *group = &pick->groups[g];
        cr_assert(answer->options[g] >= 0 && answer->options[g] < group->n);
        const weft_i_option *option = &pick->options[group->first + answer->options[g]];
        candidates[group->stage] = option->candidate;
        ns += option->ns;
    }
    cr_assert_eq(ns, answer->ns, "seed %llu", (unsigned long long)seed);
    cr_assert_leq(answer->bound_ns, answer->ns, "seed %llu", (unsigned long long)seed);
    cr_assert_leq(pick_case_peak(c, candidates), pick->room, "seed %llu", (unsigned long long)seed);
}

/* Returns whether GLPK proved it. */
static bool expect_exact(pick_case *c, const weft_i_pick *pick, int64_t best, uint64_t seed)
{
    int32_t options[MAX_STAGES];
    weft_i_pick_answer answer = {.options = options};
    double *multipliers = weft_i_new(&c->arena, double, pick->n_rows);
    bool is_proven = false;
    cr_assert(weft_i_pick_relax(pick, &c->arena, multipliers, &answer));
    if (answer.fits) {
        expect_holds(c, pick, &answer, seed);
        cr_assert(best >= 0 && answer.ns >= best && answer.bound_ns <= best,
                  "seed %llu: %lld, bound %lld, best %lld", (unsigned long long)seed,
                  (long long)answer.ns, (long long)answer.bound_ns, (long long)best);
        int32_t by_glpk[MAX_STAGES];
        memcpy(by_glpk, options, sizeof by_glpk);
        weft_i_pick_answer improved = answer;
        improved.options = by_glpk;
        is_proven = pick->n_rows > 0 && weft_i_glpk_improve(pick, 0, &improved);
        expect_holds(c, pick, &improved, seed);
        cr_assert(!is_proven || (improved.ns == best && improved.bound_ns == best));
    }
    cr_assert(weft_i_pick_branch(pick, multipliers, 0, 1 << 20, &c->arena, &answer));
    cr_assert_eq(answer.fits, best >= 0, "seed %llu", (unsigned long long)seed);
    if (!answer.fits) return is_proven;
    expect_holds(c, pick, &answer, seed);
    cr_assert_eq(answer.ns, best, "seed %llu", (unsigned long long)seed);
    cr_assert_eq(answer.bound_ns, best);
    return is_proven;
}

static void expect_near(pick_case *c, const weft_i_pick *pick, int64_t best, uint64_t seed)
{
    int32_t options[MAX_STAGES];
    weft_i_pick_answer answer = {.options = options};
    cr_assert(weft_i_pick_solve(pick, &c->arena, &answer));
    cr_assert_eq(answer.fits, best >= 0);
    if (!answer.fits) return;
    expect_holds(c, pick, &answer, seed);
    cr_assert(weft_i_pick_is_near(pick, &answer, 0.05));
    cr_assert_leq(answer.bound_ns, best);
    double all = (double)pick->fastest_ns;
    cr_assert(0.95 * (all + (double)answer.ns) <= all + (double)best + 1e-6, "seed %llu",
              (unsigned long long)seed);
}

Test(pick, against_brute_force)
{
    int n_bound = 0, n_infeasible = 0, n_free = 0, n_proven = 0;
    for (uint64_t seed = 1; seed <= 1500; seed++) {
        weft_i_rng rng;
        weft_i_rng_seed(&rng, seed + 100000);
        pick_case c;
        pick_case_options options = {.n_stages = (int32_t)random_in(&rng, 1, MAX_STAGES),
                                     .n_candidates = MAX_CANDIDATES,
                                     .depth = (int32_t)random_in(&rng, 1, 5),
                                     .scale = random_chance(&rng, 50) ? 30 : 1 << 30,
                                     .split = random_chance(&rng, 40)};
        pick_case_open(&c, &options, seed);
        int64_t high = pick_case_peak_of_all(&c, false), low = pick_case_peak_of_all(&c, true);
        int64_t room = random_in(&rng, low - low / 20, high > low ? high : low);
        weft_i_pick pick;
        cr_assert(weft_i_pick_build(&c.graph, c.order, 0, c.position, room, &c.arena, &pick));
        int64_t best = brute_force(&c, options.split, room);
        n_proven += expect_exact(&c, &pick, best, seed);
        expect_near(&c, &pick, best, seed);
        n_bound += best > 0;
        n_free += best == 0;
        n_infeasible += best < 0;
        pick_case_close(&c);
    }
    cr_expect_gt(n_bound, 500);
    cr_expect_gt(n_free, 50);
    cr_expect_gt(n_infeasible, 20);
    cr_expect(n_proven > 500 || !weft_i_glpk_is_there(), "GLPK proved %d", n_proven);
}

/* As large as they come: what is chosen fits, and the bound holds for a choice that GLPK or the
 * branching makes in its own way. */
Test(pick, large)
{
    for (uint64_t seed = 1; seed <= 8; seed++) {
        pick_case c;
        pick_case_options options = {.n_stages = 200,
                                     .n_candidates = 10,
                                     .depth = seed % 2 ? 8 : 200,
                                     .scale = 1 << 30,
                                     .exact = true,
                                     .split = seed % 4 == 0};
        pick_case_open(&c, &options, seed);
        int64_t high = pick_case_peak_of_all(&c, false), low = pick_case_peak_of_all(&c, true);
        int32_t chosen[200];
        weft_i_pick_answer answer = {.options = chosen};
        weft_i_pick pick;
        cr_assert(weft_i_pick_build(&c.graph, c.order, 0, c.position, low + (high - low) / 2,
                                    &c.arena, &pick));
        cr_assert_leq(pick.n_rows, 201);
        cr_assert(weft_i_pick_solve(&pick, &c.arena, &answer));
        cr_assert(answer.fits && answer.ns > 0 && answer.bound_ns > 0);
        expect_holds(&c, &pick, &answer, seed);
        cr_assert(weft_i_pick_is_near(&pick, &answer, 0.05), "seed %llu: %lld, bound %lld",
                  (unsigned long long)seed, (long long)answer.ns, (long long)answer.bound_ns);
        pick_case_close(&c);
    }
}

Test(pick, no_room_and_no_rows)
{
    pick_case c;
    pick_case_options options = {
        .n_stages = 3, .n_candidates = 3, .depth = 3, .scale = 100, .exact = true};
    pick_case_open(&c, &options, 1);
    int32_t chosen[3];
    weft_i_pick_answer answer = {.options = chosen};
    weft_i_pick pick;
    cr_assert(weft_i_pick_build(&c.graph, c.order, 0, c.position, WEFT_INT_MAX, &c.arena, &pick));
    cr_expect_eq(pick.n_rows, 0);
    cr_assert(weft_i_pick_solve(&pick, &c.arena, &answer));
    cr_expect(answer.fits && answer.ns == 0 && answer.bound_ns == 0);
    cr_assert(weft_i_pick_build(&c.graph, c.order, 0, c.position, -5, &c.arena, &pick));
    cr_assert(weft_i_pick_solve(&pick, &c.arena, &answer));
    cr_expect_not(answer.fits);
    cr_expect_not(weft_i_pick_is_near(&pick, &answer, 1));
    pick_case_close(&c);
}

enum { N_THREADS = 4, N_TIMES = 20 };

/* Solve the same programs over and over; the sum of all times tells whether they came out alike. */
static void *solve_some(void *sum)
{
    for (uint64_t seed = 1; seed <= N_TIMES; seed++) {
        pick_case c;
        pick_case_options options = {
            .n_stages = 12, .n_candidates = 6, .depth = 4, .scale = 1 << 20, .exact = true};
        pick_case_open(&c, &options, seed);
        int64_t high = pick_case_peak_of_all(&c, false), low = pick_case_peak_of_all(&c, true);
        int32_t chosen[12];
        weft_i_pick_answer answer = {.options = chosen};
        weft_i_pick pick;
        weft_i_pick_build(&c.graph, c.order, 0, c.position, (low + high) / 2, &c.arena, &pick);
        weft_i_pick_relax(&pick, &c.arena, NULL, &answer);
        weft_i_glpk_improve(&pick, 0, &answer);
        *(int64_t *)sum += answer.ns;
        pick_case_close(&c);
    }
    return NULL;
}

Test(pick, threads)
{
    pthread_t threads[N_THREADS];
    int64_t sums[N_THREADS] = {0}, alone = 0;
    for (int i = 0; i < N_THREADS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, solve_some, &sums[i]), 0);
    for (int i = 0; i < N_THREADS; i++)
        pthread_join(threads[i], NULL);
    solve_some(&alone);
    for (int i = 0; i < N_THREADS; i++)
        cr_expect_eq(sums[i], alone);
}
