/* The virtual device under the interpreter: random plans of random problems take exactly their
 * planned times when nothing but the device takes time. */
#include "runtime/virtual.h"
#include "tests/runtime/fake_world.h"
#include "tests/unit/random_plan.h"

enum { MAX_THREADS = RANDOM_REPLICAS * RANDOM_RANKS };

/* One rank's run. */
typedef struct run {
    fake_rank rank;
    double scale;
    int64_t offset_ns; /* of this rank's clock */
    bool payload;
    weft_run_time *times;
    weft_status status;
    weft_error error;
} run;

static void *run_rank(void *context)
{
    run *r = context;
    const weft_plan *plan = r->rank.world->plan;
    const weft_i_virtual_options options = {.scale = r->scale,
                                            .payload = r->payload,
                                            .clock_offset_ns = r->offset_ns,
                                            .now_ns = fake_now_ns,
                                            .clock_context = &r->rank};
    weft_i_virtual *device = NULL;
    r->status =
        weft_i_virtual_create(plan, r->rank.pipeline, r->rank.rank, &options, &r->error, &device);
    if (r->status != WEFT_STATUS_OK) return NULL;
    r->rank.now_ns = r->offset_ns;
    weft_i_virtual_step(device, 0, 0);
    weft_run_device callbacks = weft_i_virtual_callbacks(device);
    weft_run_transport transport = fake_transport(&r->rank);
    weft_run_options run_options = fake_options(&r->rank);
    r->status = weft_run_rank(plan, r->rank.pipeline, r->rank.rank, &callbacks, &transport,
                              &run_options, &r->error, r->times);
    weft_i_virtual_free(device);
    return NULL;
}

/* Run all ranks; offsets of clocks are drawn. */
static int32_t run_plan(weft_i_rng *rng, const weft_plan *plan, double scale, bool payload,
                        run *runs)
{
    fake_world world;
    pthread_t threads[MAX_THREADS];
    int32_t n = 0;
    fake_world_begin(&world, plan);
    for (int32_t p = 0; p < plan->n_pipelines; p++) {
        for (int32_t r = 0; r < plan->parallel.pp; r++, n++) {
            size_t n_actions = (size_t)plan->pipelines[p].ranks[r].n_actions;
            runs[n] = (run){.rank = {.world = &world, .pipeline = p, .rank = r},
                            .scale = scale,
                            .offset_ns = random_to(rng, 1000) - 500,
                            .payload = payload,
                            .times = calloc(n_actions + 1, sizeof(weft_run_time))};
        }
    }
    for (int32_t i = 0; i < n; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, run_rank, &runs[i]), 0);
    for (int32_t i = 0; i < n; i++)
        pthread_join(threads[i], NULL);
    fake_world_end(&world);
    return n;
}

/* An action ends when the plan says; it starts when the one before it has ended. */
static void expect_times(const weft_plan *plan, const run *r, int64_t scale, uint64_t seed)
{
    const weft_rank_actions *rank = &plan->pipelines[r->rank.pipeline].ranks[r->rank.rank];
    int64_t optimizer_ns = plan->predicted.optimizer_ns;
    for (int32_t a = 0; a < rank->n_actions; a++) {
        const weft_action *action = &rank->actions[a];
        int64_t end_ns = action->end_ns;
        if (action->kind == WEFT_ACTION_OPTIMIZER) end_ns += optimizer_ns;
        cr_expect_eq(r->times[a].end_ns - r->offset_ns, end_ns * scale,
                     "seed %d, replica %d, rank %d, %s (action %d) ended at %lld, expected %lld",
                     (int)seed, r->rank.pipeline, r->rank.rank, weft_action_name(action->kind), a,
                     (long long)(r->times[a].end_ns - r->offset_ns), (long long)(end_ns * scale));
        int64_t start_ns = a > 0 ? r->times[a - 1].end_ns : r->offset_ns;
        cr_expect_eq(r->times[a].start_ns, start_ns);
    }
}

Test(virtual, takes_the_planned_times)
{
    for (uint64_t seed = 1; seed <= 60; seed++) {
        weft_i_rng rng;
        weft_i_rng_seed(&rng, seed);
        weft_plan *plan = random_plan(&rng, 1 + random_to(&rng, RANDOM_REPLICAS - 1),
                                      random_to(&rng, 1) * random_to(&rng, 5));
        run runs[MAX_THREADS];
        int32_t scale = 1 + random_to(&rng, 2);
        int32_t n = run_plan(&rng, plan, scale, seed % 2 == 0, runs);
        for (int32_t i = 0; i < n; i++) {
            cr_assert_eq(runs[i].status, WEFT_STATUS_OK, "seed %d: %s", (int)seed,
                         runs[i].error.text);
            expect_times(plan, &runs[i], scale, seed);
            free(runs[i].times);
        }
        weft_plan_free(plan);
    }
}
