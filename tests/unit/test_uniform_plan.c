/* tests/unit/test_uniform_plan.c - a closed question's answer is what the planner says of the same
 * step: equal documents, the same cut, a published order. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/rng.h"
#include "planner/attempt.h"
#include "weft/emulate.h"

enum { MAX_SAMPLES = 64, SEQUENCE = 512 };

typedef struct random_question {
    weft_model *model;
    weft_cluster *cluster;
    weft_recipe *recipe;
    weft_uniform question;
    char cut[128], text[256];
} random_question;

static int32_t from_to(weft_i_rng *rng, int32_t low, int32_t high)
{
    return low + (int32_t)weft_i_rng_below(rng, (uint64_t)(high - low + 1));
}

/* Layers of each chunk as the question cuts them. */
static void write_cut(random_question *q, int32_t n_layers)
{
    int32_t n = q->question.parallel.pp * q->question.segments;
    bool counts_ends = n_layers % n != 0 && (n_layers + 2) % n == 0;
    size_t used = (size_t)snprintf(q->cut, sizeof q->cut, "language=");
    for (int32_t c = 0; c < n; c++) {
        int32_t layers =
            counts_ends ? (n_layers + 2) / n : n_layers * (c + 1) / n - n_layers * c / n;
        used +=
            (size_t)snprintf(q->cut + used, sizeof q->cut - used, "%s%d", c > 0 ? "," : "", layers);
    }
}

static void draw_stack(weft_i_rng *rng, weft_stack *stack)
{
    stack->blocking_messages = from_to(rng, 0, 1);
    stack->message_slowdown = from_to(rng, 0, 1) ? 1.1 : 0;
    stack->dp_overlap = from_to(rng, 0, 2) / 2.0;
    stack->gradient_bytes = from_to(rng, 0, 1) ? 2 : 0;
}

static void draw(weft_i_rng *rng, random_question *q)
{
    char name[160];
    weft_error error = {0};
    int32_t pp = from_to(rng, 1, 4), tp = from_to(rng, 1, 2), dp = from_to(rng, 1, 3);
    bool vpp = from_to(rng, 0, 1);
    int32_t segments = vpp ? from_to(rng, 1, 3) : 1, n_layers = from_to(rng, pp * segments, 16);
    weft_schedule schedule = vpp ? WEFT_SCHEDULE_1F1B : (weft_schedule)from_to(rng, 0, 2);
    bool tied = from_to(rng, 0, 1);
    snprintf(name, sizeof name, "gpt:layers=%d,hidden=512,heads=8,seq=%d,vocab=8192,tied=%s",
             n_layers, SEQUENCE, tied ? "true" : "false");
    weft_status status = weft_model_load(name, &error, &q->model);
    if (!status) status = weft_cluster_load("a100:nodes=4", &error, &q->cluster);
    if (!status) status = weft_recipe_load(NULL, &error, &q->recipe);
    cr_assert_eq(status, WEFT_STATUS_OK, "%s", error.text);
    draw_stack(rng, &q->cluster->stack);
    q->recipe->sequence_parallel = from_to(rng, 0, 1);
    q->recipe->zero = from_to(rng, 0, 1);
    q->question = (weft_uniform){.model = q->model,
                                 .cluster = q->cluster,
                                 .recipe = q->recipe,
                                 .parallel = {dp, pp, tp, 1, 1},
                                 .microbatch = from_to(rng, 1, 2),
                                 .schedule = schedule,
                                 .segments = segments};
    q->question.global_batch = dp * q->question.microbatch * from_to(rng, 1, 8);
    snprintf(q->text, sizeof q->text, "%s, tp %d pp %d dp %d, schedule %d, %d segments, batch %d",
             name, tp, pp, dp, (int)schedule, segments, q->question.global_batch);
    write_cut(q, n_layers);
}

static void drop(random_question *q)
{
    weft_model_free(q->model);
    weft_cluster_free(q->cluster);
    weft_recipe_free(q->recipe);
}

static weft_i_fixed_kind order_of(const weft_uniform *question)
{
    if (question->schedule == WEFT_SCHEDULE_GPIPE) return WEFT_I_FIXED_GPIPE;
    if (question->schedule == WEFT_SCHEDULE_ZB_H1) return WEFT_I_FIXED_ZB_H1;
    return question->segments > 1 ? WEFT_I_FIXED_VPP : WEFT_I_FIXED_1F1B;
}

/* Documents of one length, as many to a sequence as the microbatch has. */
static weft_plan *plan_of(const random_question *q)
{
    const weft_uniform *asked = &q->question;
    weft_sample samples[MAX_SAMPLES];
    for (int32_t i = 0; i < asked->global_batch; i++)
        samples[i] = (weft_sample){.id = "x",
                                   .source = "",
                                   .text_tokens = SEQUENCE,
                                   .text_chars = -1,
                                   .text_words = -1,
                                   .loss_tokens = -1,
                                   .replica = -1,
                                   .microbatch = -1,
                                   .line = i + 1};
    const weft_batch batch = {
        .name = "equal", .sha256 = "", .samples = samples, .n_samples = asked->global_batch};
    weft_recipe recipe = *q->recipe;
    recipe.sequence = (int64_t)SEQUENCE * asked->microbatch;
    recipe.allow_selective = recipe.allow_full = false;
    weft_planner_options options;
    weft_planner_options_init(&options);
    options.dp = asked->parallel.dp;
    options.pp = asked->parallel.pp;
    options.tp = asked->parallel.tp;
    const weft_planner_input input = {
        .model = q->model, .cluster = q->cluster, .recipe = &recipe, .batch = &batch};
    weft_error error = {0};
    weft_i_case plan_case;
    weft_layout *layout = NULL;
    weft_i_attempt attempt = {0};
    weft_plan *plan = NULL;
    weft_status status = weft_i_case_open(&input, &options, &error, &plan_case);
    cr_assert_eq(status, WEFT_STATUS_OK, "%s: %s", q->text, error.text);
    status = weft_i_case_pack(&plan_case, &batch, &error);
    weft_i_layout_input made = weft_i_case_layout_input(&plan_case);
    if (!status) status = weft_i_layout_hand(&made, q->cut, &error, &layout);
    if (!status) status = weft_i_attempt_open(&plan_case, layout, &error, &attempt);
    if (!status) status = weft_i_attempt_fixed(&attempt, order_of(asked), NULL, &error);
    if (!status) status = weft_i_attempt_plan(&attempt, "uniform", &error, &plan);
    cr_assert_eq(status, WEFT_STATUS_OK, "%s: %s", q->text, error.text);
    weft_i_attempt_close(&attempt);
    weft_i_case_close(&plan_case);
    return plan;
}

static int64_t shares_ns(const weft_plan *plan)
{
    int64_t sum_ns = 0;
    for (int32_t c = 0; c < plan->n_chunks; c++)
        sum_ns += plan->chunks[c].share_ns;
    return sum_ns;
}

static void expect_the_answer(const random_question *q, uint64_t seed)
{
    weft_uniform_answer answer;
    weft_error error = {0};
    cr_assert_eq(weft_emulate_uniform(&q->question, &error, NULL, &answer), WEFT_STATUS_OK,
                 "seed %d, %s: %s", (int)seed, q->text, error.text);
    weft_plan *plan = plan_of(q);
    const weft_prediction *predicted = &plan->predicted;
    cr_expect_eq(plan->pipelines[0].pipeline_ns, answer.pipeline_ns,
                 "seed %d, %s: pipeline %lld, question %lld", (int)seed, q->text,
                 (long long)plan->pipelines[0].pipeline_ns, (long long)answer.pipeline_ns);
    cr_expect_eq(predicted->reduce_tail_ns, answer.reduction_ns,
                 "seed %d, %s: reduction tail %lld, question %lld", (int)seed, q->text,
                 (long long)predicted->reduce_tail_ns, (long long)answer.reduction_ns);
    cr_expect_eq(predicted->step_ns, answer.step_ns, "seed %d, %s: step %lld, question %lld",
                 (int)seed, q->text, (long long)predicted->step_ns, (long long)answer.step_ns);
    cr_expect_float_eq(predicted->mfu, answer.mfu, 1e-9 * answer.mfu, "seed %d", (int)seed);
    const weft_layer *head = &q->model->modules[0].layers[q->model->modules[0].n_layers - 1];
    bool is_shared = head->tied && q->question.parallel.pp > 1;
    cr_expect_eq(shares_ns(plan) > 0, is_shared, "seed %d, %s", (int)seed, q->text);
    weft_plan_free(plan);
}

Test(uniform_plan, is_what_the_planner_says)
{
    for (uint64_t seed = 1; seed <= 100; seed++) {
        weft_i_rng rng;
        random_question q = {0};
        weft_i_rng_seed(&rng, seed);
        draw(&rng, &q);
        expect_the_answer(&q, seed);
        drop(&q);
    }
}
