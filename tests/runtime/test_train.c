/* tests/runtime/test_train.c - whole training steps of tiny models, all ranks in threads of one
 * process: every schedule gives the gradients of the serial step, whose slopes are those of its
 * loss. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/rng.h"
#include "runtime/gemm.h"
#include "runtime/gpu_kit.h"
#include "runtime/twin.h"
#include "runtime/verdict.h"
#include "tests/runtime/fake_world.h"
#include "weft/planner.h"

#define BATCHES SOURCE_ROOT "/examples/batches/"

/* What a run is made from. */
typedef struct setting {
    weft_model *model;
    weft_batch *batch;
    weft_cluster *cluster;
    weft_recipe *recipe;
    int32_t microbatches; /* of a replica; 0 = two more than ranks */
} setting;

/* Ranks of one replica that add up. */
typedef struct circle {
    pthread_barrier_t barrier;
    pthread_mutex_t mutex;
    float *sum;
    int n_left;
} circle;

typedef struct train_rank {
    fake_rank fake;
    weft_i_worker *device;
    circle *circle;
    int32_t n_ranks;
    weft_i_gpu_kit *gpu; /* NULL = the processor */
    weft_status status;
    weft_error error;
} train_rank;

/* What the ranks compute with, and how their messages leave it. */
typedef enum train_kit { ON_CPU, STAGED, DIRECT } train_kit;

typedef struct train {
    const weft_plan *plan;
    weft_i_trainee *trainee;
    fake_world world;
    train_rank *ranks;
    circle *circles;
    int32_t n_ranks; /* of a replica */
    double loss;
} train;

static setting load(const char *model, const char *batch)
{
    setting s = {0};
    weft_error error = {0};
    cr_assert_eq(weft_model_load(model, &error, &s.model), 0, "%s", error.text);
    cr_assert_eq(weft_batch_read(batch, &error, &s.batch), 0, "%s", error.text);
    cr_assert_eq(weft_cluster_load("h100", &error, &s.cluster), 0, "%s", error.text);
    cr_assert_eq(weft_recipe_of_model(s.model, &error, &s.recipe), 0, "%s", error.text);
    weft_i_gemm_threads(1);
    return s;
}

static void unload(setting *s)
{
    weft_model_free(s->model);
    weft_batch_free(s->batch);
    weft_cluster_free(s->cluster);
    weft_recipe_free(s->recipe);
}

/* A plan of so few microbatches that a step takes milliseconds. */
static weft_plan *plan_by(const setting *s, const char *name, int pp, int dp,
                          const weft_layout *layout)
{
    weft_planner_input input = {.model = s->model,
                                .cluster = s->cluster,
                                .recipe = s->recipe,
                                .batch = s->batch,
                                .layout = layout};
    weft_planner_options options;
    weft_error error = {0};
    weft_plan *plan = NULL;
    weft_planner_options_init(&options);
    options.pp = pp;
    options.dp = dp;
    options.tp = 1;
    options.iterations = 20;
    options.threads = 1;
    options.microbatches = s->microbatches > 0 ? s->microbatches : 2 + pp;
    weft_status status = strcmp(name, "plan") == 0
                             ? weft_planner_make(&input, &options, &error, &plan)
                             : weft_planner_make_baseline(&input, name, &options, &error, &plan);
    /* Some schedules do not suit every model. */
    bool may_fail = strcmp(name, "plan") != 0;
    cr_assert(status == WEFT_STATUS_OK || may_fail, "%s pp %d dp %d: %s", name, pp, dp, error.text);
    return plan;
}

/* Everyone's values into one sum, and out of it. */
static weft_status add_up(void *context, float *values, int64_t n, weft_error *error)
{
    train_rank *rank = context;
    circle *of = rank->circle;
    (void)error;
    pthread_mutex_lock(&of->mutex);
    if (!of->sum) of->sum = calloc((size_t)n, sizeof(float));
    for (int64_t i = 0; i < n; i++)
        of->sum[i] += values[i];
    pthread_mutex_unlock(&of->mutex);
    pthread_barrier_wait(&of->barrier);
    memcpy(values, of->sum, (size_t)n * sizeof(float));
    if (pthread_barrier_wait(&of->barrier) == PTHREAD_BARRIER_SERIAL_THREAD) {
        free(of->sum);
        of->sum = NULL;
    }
    pthread_barrier_wait(&of->barrier);
    return WEFT_STATUS_OK;
}

static void *run_rank(void *context)
{
    train_rank *rank = context;
    weft_run_device device = weft_i_worker_callbacks(rank->device);
    weft_run_transport transport = fake_transport(&rank->fake);
    weft_run_options options = fake_options(&rank->fake);
    rank->status = weft_run_rank(rank->fake.world->plan, rank->fake.pipeline, rank->fake.rank,
                                 &device, &transport, &options, &rank->error, NULL);
    return NULL;
}

static const weft_i_kit *twin_kit(train_rank *rank)
{
    weft_i_gpu gpu;
    cr_assert(weft_i_twin_open(0, &gpu));
    cr_assert_eq(weft_i_gpu_kit_create(&gpu, NULL, &rank->gpu), 0);
    return weft_i_gpu_kit_table(rank->gpu);
}

static void train_begin_on(train *t, const setting *s, const weft_plan *plan, train_kit kit)
{
    weft_error error = {0};
    *t = (train){.plan = plan, .n_ranks = plan->pipelines[0].problem.n_ranks};
    cr_assert_eq(weft_i_trainee_create(plan, s->model, s->batch, 1, &error, &t->trainee), 0, "%s",
                 error.text);
    t->ranks = calloc((size_t)(plan->n_pipelines * t->n_ranks), sizeof(*t->ranks));
    t->circles = calloc((size_t)plan->n_pipelines, sizeof(*t->circles));
    for (int32_t i = 0; i < plan->n_pipelines * t->n_ranks; i++) {
        train_rank *rank = &t->ranks[i];
        int32_t p = i / t->n_ranks;
        weft_i_worker_options options;
        weft_i_worker_options_init(&options);
        options.adamw.rate = 3e-3;
        options.add_up = add_up;
        options.add_up_context = rank;
        if (kit != ON_CPU) options.kit = twin_kit(rank);
        options.is_direct = kit == DIRECT;
        rank->circle = &t->circles[p];
        rank->n_ranks = t->n_ranks;
        rank->fake = (fake_rank){.world = &t->world, .pipeline = p, .rank = i % t->n_ranks};
        cr_assert_eq(weft_i_worker_create(t->trainee, plan, p, i % t->n_ranks, &options, &error,
                                          &rank->device),
                     0, "%s", error.text);
    }
    for (int32_t p = 0; p < plan->n_pipelines; p++) {
        pthread_barrier_init(&t->circles[p].barrier, NULL, (unsigned)t->n_ranks);
        pthread_mutex_init(&t->circles[p].mutex, NULL);
    }
}

static void train_begin(train *t, const setting *s, const weft_plan *plan)
{
    train_begin_on(t, s, plan, ON_CPU);
}

static void train_step(train *t, int32_t step)
{
    int32_t n = t->plan->n_pipelines * t->n_ranks;
    pthread_t *threads = calloc((size_t)n, sizeof(*threads));
    fake_world_begin(&t->world, t->plan);
    t->loss = 0;
    for (int32_t i = 0; i < n; i++) {
        weft_i_worker_step(t->ranks[i].device, step);
        cr_assert_eq(pthread_create(&threads[i], NULL, run_rank, &t->ranks[i]), 0);
    }
    for (int32_t i = 0; i < n; i++) {
        pthread_join(threads[i], NULL);
        cr_assert_eq(t->ranks[i].status, 0, "%s", t->ranks[i].error.text);
        cr_assert_eq(weft_i_worker_buffers(t->ranks[i].device), 0, "rank %d keeps %d buffers", i,
                     weft_i_worker_buffers(t->ranks[i].device));
        double loss = 0;
        cr_assert_eq(weft_i_worker_loss(t->ranks[i].device, NULL, &loss), 0);
        t->loss += loss;
    }
    fake_world_end(&t->world);
    free(threads);
}

static void train_end(train *t)
{
    for (int32_t i = 0; i < t->plan->n_pipelines * t->n_ranks; i++) {
        weft_i_worker_free(t->ranks[i].device);
        weft_i_gpu_kit_free(t->ranks[i].gpu);
    }
    weft_i_trainee_free(t->trainee);
    free(t->ranks);
    free(t->circles);
}

/* A step of the plan against the serial step. */
static void check_plan(const setting *s, const weft_plan *plan, const char *name)
{
    train t;
    weft_i_serial *serial = NULL;
    weft_error error = {0};
    train_begin(&t, s, plan);
    train_step(&t, 0);
    cr_assert_eq(weft_i_serial_create(t.trainee, plan, &error, &serial), 0, "%s", error.text);
    cr_assert_eq(weft_i_serial_run(serial, &error), 0, "%s", error.text);
    double loss = weft_i_serial_loss(serial);
    cr_expect(fabs(t.loss - loss) < 1e-5 * loss, "%s: loss %g, serial %g", name, t.loss, loss);
    weft_i_verdict verdict = weft_i_verdict_begin();
    for (int32_t i = 0; i < plan->n_pipelines * t.n_ranks; i++)
        for (int32_t c = 0; c < plan->n_chunks; c++) {
            const weft_i_weights *weights = weft_i_worker_weights(t.ranks[i].device, c);
            if (weights && weights->gradients)
                weft_i_verdict_add(&verdict, serial, t.trainee, plan, c, weights->gradients);
        }
    cr_expect(verdict.error < 1e-5, "%s: chunk %d layer %d %s is off by %g", name, verdict.chunk,
              verdict.layer, verdict.parameter, verdict.error);
    cr_expect_gt(verdict.n, 0);
    weft_i_serial_free(serial);
    train_end(&t);
}

static void check_all(const setting *s, const char *model, const int (*sizes)[2], int n_sizes)
{
    int n_checked = 0;
    for (int i = 0; i < n_sizes; i++) {
        const char *name = "plan";
        for (size_t b = 0; name; name = weft_planner_baseline(b++)) {
            char what[96];
            bool is_alone = sizes[i][0] == 1 && strcmp(name, "plan") != 0;
            if (is_alone || strcmp(name, "hand") == 0) continue;
            snprintf(what, sizeof(what), "%s, %s, pp %d, dp %d", model, name, sizes[i][0],
                     sizes[i][1]);
            weft_plan *plan = plan_by(s, name, sizes[i][0], sizes[i][1], NULL);
            if (!plan) continue;
            check_plan(s, plan, what);
            weft_plan_free(plan);
            n_checked++;
        }
    }
    cr_expect_geq(n_checked, 7 * n_sizes / 2, "only %d schedules", n_checked);
}

Test(train, vlm_schedules)
{
    setting s = load("tiny-vlm", BATCHES "tiny-vlm.jsonl");
    const int sizes[][2] = {{1, 1}, {1, 2}, {2, 2}, {4, 1}};
    check_all(&s, "tiny-vlm", sizes, 4);
    unload(&s);
}

Test(train, t2v_schedules)
{
    setting s = load("tiny-t2v", BATCHES "tiny-t2v.jsonl");
    const int sizes[][2] = {{1, 1}, {2, 2}};
    check_all(&s, "tiny-t2v", sizes, 2);
    unload(&s);
}

/* Encoders that are frozen, and frozen ones behind trained ones. */
Test(train, frozen)
{
    const char *const frozen[][2] = {{"tiny-vlm", "vision.frozen=true"},
                                     {"tiny-vlm", "language.frozen=true"},
                                     {"tiny-t2v", "text.frozen=true"},
                                     {"tiny-t2v", "dit.frozen=true"}};
    for (int i = 0; i < 4; i++) {
        setting s = load(frozen[i][0], i < 2 ? BATCHES "tiny-vlm.jsonl" : BATCHES "tiny-t2v.jsonl");
        cr_assert_eq(weft_recipe_override(s.recipe, frozen[i][1], NULL), 0);
        weft_plan *plan = plan_by(&s, "plan", 2, 1, NULL);
        check_plan(&s, plan, frozen[i][1]);
        weft_plan_free(plan);
        unload(&s);
    }
}

/* A backbone that goes down the ranks and up again, and segments that follow each other. */
Test(train, segments)
{
    static weft_chunk chunks[] = {
        {"vision", 0, 0, 0, 5, 0, 0, 0, 0},   {"vision", 0, 1, 5, 3, 0, 0, 0, 0},
        {"language", 0, 0, 0, 2, 0, 0, 0, 0}, {"language", 0, 1, 2, 2, 0, 0, 0, 0},
        {"language", 1, 1, 4, 2, 0, 0, 0, 0}, {"language", 1, 0, 6, 2, 0, 0, 0, 0}};
    weft_layout_module modules[] = {{"vision", 1, 1, 64, 1}, {"language", 2, 0, 64, 1}};
    weft_layout layout = {.name = "hand",
                          .model = "tiny-vlm",
                          .sha256 = "",
                          .parallel = {1, 2, 1, 1, 1},
                          .modules = modules,
                          .n_modules = 2,
                          .chunks = chunks,
                          .n_chunks = 6};
    setting s = load("tiny-vlm", BATCHES "tiny-vlm.jsonl");
    for (int v = 0; v < 2; v++) {
        weft_plan *plan = plan_by(&s, "plan", 2, 1, &layout);
        check_plan(&s, plan, v == 0 ? "V-shaped" : "interleaved");
        weft_plan_free(plan);
        modules[1].direction = 1;
        chunks[4].rank = 0;
        chunks[5].rank = 1;
    }
    unload(&s);
}

/* Every stage made to keep as little as can be, and every backward that can be split. */
Test(train, strategies)
{
    static weft_memory_run runs[3] = {{"none", 0}, {"selective", 0}, {"full", 0}};
    setting s = load("tiny-vlm", BATCHES "tiny-vlm.jsonl");
    weft_plan *plan = plan_by(&s, "zb-h1", 2, 1, NULL);
    int n_split = 0;
    for (int32_t a = 0; a < plan->pipelines[0].ranks[0].n_actions; a++)
        n_split += plan->pipelines[0].ranks[0].actions[a].kind == WEFT_ACTION_BWW;
    cr_expect_gt(n_split, 0);
    for (int k = 0; k < 3; k++) {
        weft_problem *problem = &plan->pipelines[0].problem;
        for (int32_t i = 0; i < problem->n_stages; i++) {
            problem->stages[i].now.memory = &runs[k];
            problem->stages[i].now.n_memory = 1;
        }
        runs[k].layers = INT32_MAX;
        check_plan(&s, plan, runs[k].strategy);
    }
    weft_plan_free(plan);
    unload(&s);
}

static double serial_loss(weft_i_serial *serial)
{
    cr_assert_eq(weft_i_serial_run(serial, NULL), 0);
    return weft_i_serial_loss(serial);
}

/* The serial step's gradient is the slope of its loss: each module along a random direction. */
static void check_slopes(const char *model, const char *batch)
{
    const float step = 5e-4f;
    setting s = load(model, batch);
    weft_plan *plan = plan_by(&s, "plan", 1, 1, NULL);
    for (int32_t m = 0; m < s.model->n_modules; m++) {
        double slope = 0, size = 0, at[2];
        for (int side = 0; side < 3; side++) {
            weft_i_trainee *trainee = NULL;
            weft_i_serial *serial = NULL;
            cr_assert_eq(weft_i_trainee_create(plan, s.model, s.batch, 1, NULL, &trainee), 0);
            cr_assert_eq(weft_i_serial_create(trainee, plan, NULL, &serial), 0);
            const weft_i_weights *weights = weft_i_serial_weights(serial, m);
            weft_i_rng rng;
            weft_i_rng_seed(&rng, 9);
            const int64_t table = weft_i_weights_tied(weights, false);
            const int64_t head = weft_i_weights_tied(weights, true);
            const int64_t n_tied = table < 0 ? 0
                                             : (int64_t)s.model->modules[m].layers[0].vocab *
                                                   s.model->modules[m].layers[0].hidden;
            if (side < 2) {
                for (int64_t i = 0; i < weights->n; i++)
                    weights->values[i] +=
                        (side == 0 ? -step : step) * (float)(weft_i_rng_double(&rng) - 0.5);
                for (int64_t i = 0; i < n_tied; i++)
                    weights->values[head + i] = weights->values[table + i];
            }
            double loss = serial_loss(serial);
            if (side < 2) at[side] = loss;
            for (int64_t i = 0; side == 2 && i < weights->n; i++) {
                bool is_copy = head >= 0 && i >= head && i < head + n_tied;
                double along = weft_i_rng_double(&rng) - 0.5;
                slope += is_copy ? 0 : weights->gradients[i] * along;
                size += (double)weights->gradients[i] * weights->gradients[i];
            }
            weft_i_serial_free(serial);
            weft_i_trainee_free(trainee);
        }
        double found = (at[1] - at[0]) / (2 * (double)step);
        cr_expect(fabs(found - slope) < 1e-2 * sqrt(size),
                  "%s module %d: slope %g, gradient says %g", model, m, found, slope);
    }
    weft_plan_free(plan);
    unload(&s);
}

Test(train, slopes)
{
    check_slopes("tiny-vlm", BATCHES "tiny-vlm.jsonl");
    check_slopes("tiny-t2v", BATCHES "tiny-t2v.jsonl");
}

/* Everything that a serial step does, with one allocation failing. */
static weft_status step_without(const setting *s, const weft_plan *plan, long k)
{
    weft_i_trainee *trainee = NULL;
    weft_i_serial *serial = NULL;
    weft_i_alloc_fail_after(k);
    weft_status status = weft_i_trainee_create(plan, s->model, s->batch, 1, NULL, &trainee);
    if (status == WEFT_STATUS_OK) status = weft_i_serial_create(trainee, plan, NULL, &serial);
    if (status == WEFT_STATUS_OK) status = weft_i_serial_run(serial, NULL);
    weft_i_alloc_fail_after(0);
    weft_i_serial_free(serial);
    weft_i_trainee_free(trainee);
    return status;
}

Test(train, no_memory)
{
    setting s = load("tiny-vlm", BATCHES "tiny-vlm.jsonl");
    weft_plan *plan = plan_by(&s, "plan", 1, 1, NULL);
    long k = 1;
    while (step_without(&s, plan, k) != WEFT_STATUS_OK) {
        cr_assert_eq(step_without(&s, plan, k), WEFT_STATUS_NO_MEMORY, "allocation %ld", k);
        k += k < 40 ? 1 : 11;
    }
    cr_expect_gt(k, 60);
    weft_plan_free(plan);
    unload(&s);
}

/* One step of a rank without others, on a GPU of so much memory. */
static weft_status step_on_gpu(const weft_plan *plan, const weft_i_trainee *trainee, size_t n_bytes,
                               weft_error *error)
{
    weft_i_gpu gpu;
    weft_i_gpu_kit *kit = NULL;
    weft_i_worker *worker = NULL;
    fake_world world;
    fake_rank rank = {.world = &world};
    weft_i_worker_options options;
    weft_i_worker_options_init(&options);
    cr_assert(weft_i_twin_open(n_bytes, &gpu));
    cr_assert_eq(weft_i_gpu_kit_create(&gpu, error, &kit), 0);
    options.kit = weft_i_gpu_kit_table(kit);
    fake_world_begin(&world, plan);
    weft_status status = weft_i_worker_create(trainee, plan, 0, 0, &options, error, &worker);
    if (status == WEFT_STATUS_OK) {
        weft_run_device device = weft_i_worker_callbacks(worker);
        weft_run_transport transport = fake_transport(&rank);
        weft_run_options run = fake_options(&rank);
        weft_i_worker_step(worker, 0);
        status = weft_run_rank(plan, 0, 0, &device, &transport, &run, error, NULL);
    }
    weft_i_worker_free(worker);
    weft_i_gpu_kit_free(kit);
    fake_world_end(&world);
    return status;
}

/* It ends with one line, wherever memory runs out; the line of a step names the action. */
Test(train, gpu_too_small)
{
    setting s = load("tiny-vlm", BATCHES "tiny-vlm.jsonl");
    weft_plan *plan = plan_by(&s, "plan", 1, 1, NULL);
    weft_i_trainee *trainee = NULL;
    weft_status status = WEFT_STATUS_NO_MEMORY;
    int n_in_step = 0;
    cr_assert_eq(weft_i_trainee_create(plan, s.model, s.batch, 1, NULL, &trainee), 0);
    for (size_t n_bytes = 1 << 16; status != WEFT_STATUS_OK; n_bytes += n_bytes / 2) {
        weft_error error = {0};
        status = step_on_gpu(plan, trainee, n_bytes, &error);
        if (status == WEFT_STATUS_OK) break;
        cr_assert_eq(status, WEFT_STATUS_NO_MEMORY, "%zu bytes: %s", n_bytes, error.text);
        cr_expect(strstr(error.text, "out of GPU memory: "), "%zu bytes: %s", n_bytes, error.text);
        n_in_step += strstr(error.text, " (action ") != NULL;
    }
    cr_expect_gt(n_in_step, 0);
    weft_i_trainee_free(trainee);
    weft_plan_free(plan);
    unload(&s);
}

/* Messages through the host and from GPU to GPU: the same bits. */
Test(train, direct_as_staged)
{
    setting s = load("tiny-vlm", BATCHES "tiny-vlm.jsonl");
    s.microbatches = 2;
    weft_plan *plan = plan_by(&s, "zb-h1", 2, 1, NULL);
    train runs[2];
    for (int i = 0; i < 2; i++) {
        train_begin_on(&runs[i], &s, plan, i == 0 ? STAGED : DIRECT);
        train_step(&runs[i], 0);
    }
    cr_expect_eq(runs[0].world.n_far, 0);
    cr_expect_gt(runs[1].world.n_far, 0);
    cr_expect_eq(runs[0].world.n_posts, runs[1].world.n_posts);
    cr_expect_eq(runs[0].loss, runs[1].loss, "%.9g and %.9g", runs[0].loss, runs[1].loss);
    for (int32_t r = 0; r < plan->n_pipelines * runs[0].n_ranks; r++)
        for (int32_t c = 0; c < plan->n_chunks; c++) {
            const weft_i_weights *of[2];
            for (int i = 0; i < 2; i++) {
                cr_assert_eq(weft_i_worker_fetch(runs[i].ranks[r].device, NULL), 0);
                of[i] = weft_i_worker_weights(runs[i].ranks[r].device, c);
            }
            if (!of[0]) continue;
            size_t n_bytes = (size_t)of[0]->n * sizeof(float);
            cr_expect_eq(memcmp(of[0]->values, of[1]->values, n_bytes), 0, "chunk %d", c);
            cr_expect_eq(memcmp(of[0]->gradients, of[1]->gradients, n_bytes), 0, "chunk %d", c);
        }
    train_end(&runs[0]);
    train_end(&runs[1]);
    weft_plan_free(plan);
    unload(&s);
}

static void check_learning(const char *model, const char *batch, double part)
{
    setting s = load(model, batch);
    weft_plan *plan = plan_by(&s, "plan", 1, 1, NULL);
    train t;
    double first = 0;
    train_begin(&t, &s, plan);
    for (int32_t step = 0; step < 30; step++) {
        train_step(&t, step);
        if (step == 0) first = t.loss;
    }
    cr_expect_lt(t.loss, part * first, "%s: loss %g at first, %g after 30 steps", model, first,
                 t.loss);
    train_end(&t);
    weft_plan_free(plan);
    unload(&s);
}

Test(train, learns)
{
    check_learning("tiny-vlm", BATCHES "tiny-vlm.jsonl", 0.8);
    check_learning("tiny-t2v", BATCHES "tiny-t2v.jsonl", 0.8);
}
