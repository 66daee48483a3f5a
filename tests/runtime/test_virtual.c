/* The virtual device under the interpreter: random plans of random problems take exactly their
 * planned times when nothing but the device takes time. */
#include "runtime/virtual.h"
#include "tests/runtime/fake_world.h"
#include "tests/unit/plan_sim.h"

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

/* Bytes of what is posted at or before action `a` and not waited for before it, searched for. */
static int64_t bytes_at(const weft_plan *plan, int32_t p, int32_t r, bool payload, int32_t a)
{
    static const weft_action_kind kinds[][2] = {{WEFT_ACTION_ISEND, WEFT_ACTION_WAIT_ISEND},
                                                {WEFT_ACTION_IRECV, WEFT_ACTION_WAIT_IRECV},
                                                {WEFT_ACTION_REDUCE, WEFT_ACTION_WAIT_REDUCE}};
    const weft_pipeline *pipeline = &plan->pipelines[p];
    int64_t sum = 0;
    for (int32_t i = 0; i <= a; i++) {
        const weft_action *action = &pipeline->ranks[r].actions[i];
        for (int k = 0; k < 3; k++) {
            if (action->kind != kinds[k][0]) continue;
            if (twin_find(pipeline, r, kinds[k][1], action->operand) <= a) continue;
            int64_t bytes = 64;
            if (k == 2)
                bytes = payload ? (plan->chunks[action->operand].reduce_bytes + 7) / 8 * 8 : 8;
            else if (payload && pipeline->problem.edges[action->operand].bytes > 64)
                bytes = pipeline->problem.edges[action->operand].bytes;
            sum += bytes;
        }
    }
    return sum;
}

Test(virtual, knows_its_buffers)
{
    for (uint64_t seed = 1; seed <= 40; seed++) {
        weft_i_rng rng;
        weft_i_rng_seed(&rng, seed);
        weft_plan *plan = random_plan(&rng, 1 + random_to(&rng, RANDOM_REPLICAS - 1), 0);
        const weft_i_virtual_options options = {.scale = 1, .payload = seed % 2 == 0};
        int32_t p = random_to(&rng, plan->n_pipelines - 1);
        int32_t r = random_to(&rng, plan->parallel.pp - 1);
        weft_i_virtual *device = NULL;
        cr_assert_eq(weft_i_virtual_create(plan, p, r, &options, NULL, &device), WEFT_STATUS_OK);
        int64_t most = 0;
        for (int32_t a = 0; a < plan->pipelines[p].ranks[r].n_actions; a++) {
            int64_t bytes = bytes_at(plan, p, r, options.payload, a);
            if (bytes > most) most = bytes;
        }
        cr_expect_eq(weft_i_virtual_buffer_bytes(device), most, "seed %d", (int)seed);
        weft_i_virtual_free(device);
        weft_plan_free(plan);
    }
}

/* Reductions that are longer than passes, so that they queue up. */
static void lengthen_reductions(weft_plan *plan)
{
    for (int32_t c = 0; c < plan->n_chunks; c++)
        plan->chunks[c].reduce_ns *= 40;
    sim_rewrite(plan);
}

Test(virtual, takes_the_planned_times)
{
    for (uint64_t seed = 1; seed <= 60; seed++) {
        weft_i_rng rng;
        weft_i_rng_seed(&rng, seed);
        weft_plan *plan = random_plan(&rng, 1 + random_to(&rng, RANDOM_REPLICAS - 1),
                                      random_to(&rng, 1) * random_to(&rng, 5));
        run runs[MAX_THREADS];
        if (random_to(&rng, 1)) lengthen_reductions(plan);
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
