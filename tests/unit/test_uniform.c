/* tests/unit/test_uniform.c - closed questions: sums, cuts, refusals. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/arena.h"
#include "weft/emulate.h"
#include "weft/planner.h"

typedef struct fixture {
    weft_model *model;
    weft_cluster *cluster;
    weft_recipe *recipe;
    weft_uniform question;
} fixture;

static fixture make(const char *model, const char *cluster)
{
    fixture f = {0};
    weft_error error = {0};
    weft_status status = weft_model_load(model, &error, &f.model);
    if (!status) status = weft_cluster_load(cluster, &error, &f.cluster);
    if (!status) status = weft_recipe_load(NULL, &error, &f.recipe);
    cr_assert_eq(status, WEFT_STATUS_OK, "%s", error.text);
    f.recipe->sequence_parallel = false;
    f.question = (weft_uniform){.model = f.model,
                                .cluster = f.cluster,
                                .recipe = f.recipe,
                                .parallel = {1, 1, 1, 1, 1},
                                .microbatch = 1,
                                .global_batch = 8,
                                .segments = 1};
    return f;
}

static void drop(fixture *f)
{
    weft_model_free(f->model);
    weft_cluster_free(f->cluster);
    weft_recipe_free(f->recipe);
}

static weft_uniform_answer ask(const fixture *f, weft_uniform_rank *ranks)
{
    weft_error error = {0};
    weft_uniform_answer answer;
    weft_status status = weft_emulate_uniform(&f->question, &error, ranks, &answer);
    cr_assert_eq(status, WEFT_STATUS_OK, "%s", error.text);
    return answer;
}

static const char *const small =
    "gpt:layers=24,hidden=1024,heads=16,seq=1024,vocab=51200,tied=true";

static int64_t both(const weft_cost *cost)
{
    return cost->fw_ns + cost->bw_ns;
}

Test(uniform, one_rank_runs_its_passes_one_after_the_other)
{
    fixture f = make(small, "a100");
    weft_uniform_answer a = ask(&f, NULL);
    cr_expect_eq(a.microbatches, 8);
    cr_expect_eq(a.pipeline_ns, 8 * (both(&a.embedding) + 24 * both(&a.layer) + both(&a.head)));
    cr_expect_eq(a.step_ns, a.pipeline_ns + a.optimizer_ns);
    cr_expect_eq(a.fill_ns + a.steady_ns + a.drain_ns, a.pipeline_ns);
    cr_expect(a.bubble == 0 && a.mfu > 0 && a.mfu == a.hfu && a.transfer_ns == 0);
    f.question.recompute = WEFT_RECOMPUTE_FULL;
    weft_uniform_answer full = ask(&f, NULL);
    cr_expect(full.layer.recompute_ns > 0 && full.bubble > 0 && full.hfu > full.mfu);
    cr_expect(full.peak_bytes < a.peak_bytes && full.step_ns > a.step_ns);
    f.question.parallel.dp = 4;
    f.question.recompute = WEFT_RECOMPUTE_NONE;
    f.cluster->stack.dp_overlap = 0;
    weft_uniform_answer split = ask(&f, NULL);
    cr_expect_eq(split.microbatches, 2);
    cr_expect(split.reduction_ns > 0);
    cr_expect_eq(split.step_ns, split.pipeline_ns + split.reduction_ns + split.optimizer_ns);
    drop(&f);
}

Test(uniform, ranks_hold_what_is_in_flight)
{
    fixture f = make(small, "a100");
    weft_uniform_rank ranks[4];
    f.question.parallel.pp = 4;
    weft_uniform_answer a = ask(&f, ranks);
    int64_t most = 0;
    for (int r = 0; r < 4; r++)
        most = ranks[r].peak_bytes > most ? ranks[r].peak_bytes : most;
    cr_expect_eq(a.peak_bytes, most);
    /* The inner ranks differ by one microbatch on six layers. */
    cr_expect_eq(ranks[1].peak_bytes - ranks[2].peak_bytes, 6 * a.layer.saved_bytes);
    cr_expect(a.fill_ns > 0 && a.drain_ns > 0 && a.bubble > 0 && a.transfer_ns > 0);
    f.question.segments = 2;
    weft_uniform_answer vpp = ask(&f, NULL);
    cr_expect(vpp.bubble < a.bubble && vpp.peak_bytes > a.peak_bytes);
    f.cluster->stack.blocking_messages = true;
    cr_expect_gt(ask(&f, NULL).pipeline_ns, vpp.pipeline_ns);
    drop(&f);
}

/* 22 layers on 8 ranks: 2, 3, 3, 3, 3, 3, 3, 2. */
Test(uniform, embedding_and_head_count_as_layers_where_that_divides)
{
    fixture f = make("gpt:layers=22,hidden=1024,heads=16,seq=1024,vocab=1024", "a100");
    weft_uniform_rank ranks[8];
    f.question.parallel.pp = 8;
    f.question.global_batch = 1;
    weft_uniform_answer a = ask(&f, ranks);
    int64_t rank_ns = both(&a.embedding) + 2 * both(&a.layer);
    cr_expect_eq(a.pipeline_ns, rank_ns + 18 * both(&a.layer) + 2 * both(&a.layer) + both(&a.head) +
                                    14 * a.transfer_ns);
    for (int r = 2; r < 7; r++)
        cr_expect_eq(ranks[r].peak_bytes, ranks[1].peak_bytes, "rank %d", r);
    drop(&f);
}

/* As many segments as there can be: a chunk is one layer, the first the embedding, the last the
 * head. */
Test(uniform, a_chunk_can_be_the_embedding_or_the_head_alone)
{
    fixture f = make("gpt:layers=22,hidden=1024,heads=16,seq=1024,vocab=1024", "a100");
    weft_error error = {0};
    f.question.parallel.pp = 8;
    f.question.global_batch = 1;
    f.question.segments = 3;
    weft_uniform_answer a = ask(&f, NULL);
    cr_expect_eq(a.pipeline_ns,
                 both(&a.embedding) + 22 * both(&a.layer) + both(&a.head) + 2 * 23 * a.transfer_ns);
    f.question.segments = 4;
    cr_expect_eq(weft_emulate_uniform(&f.question, &error, NULL, &a), WEFT_STATUS_INFEASIBLE);
    drop(&f);
}

/* The same step from the front: a batch of equal documents, a cut by hand, 1F1B. */
static void expect_what_the_planner_makes(const char *model, int zero, double dp_overlap,
                                          double message_slowdown)
{
    fixture f = make(model, "a100");
    weft_error error = {0};
    f.recipe->zero = zero;
    f.cluster->stack.dp_overlap = dp_overlap;
    f.cluster->stack.message_slowdown = message_slowdown;
    weft_plan *plan = NULL;
    weft_sample samples[12];
    for (int i = 0; i < 12; i++)
        samples[i] = (weft_sample){.id = "x",
                                   .source = "",
                                   .text_tokens = 1024,
                                   .text_chars = -1,
                                   .text_words = -1,
                                   .loss_tokens = -1,
                                   .replica = -1,
                                   .microbatch = -1,
                                   .line = i + 1};
    const weft_batch batch = {.name = "equal", .sha256 = "", .samples = samples, .n_samples = 12};
    f.recipe->packing = WEFT_PACKING_NONE;
    f.recipe->sequence = 1024;
    f.recipe->allow_selective = f.recipe->allow_full = false;
    f.question.parallel = (weft_parallel){2, 4, 2, 1, 1};
    f.question.global_batch = 12;
    weft_planner_options options;
    weft_planner_options_init(&options);
    options.dp = 2;
    options.pp = 4;
    options.tp = 2;
    const weft_planner_input input = {.model = f.model,
                                      .cluster = f.cluster,
                                      .recipe = f.recipe,
                                      .batch = &batch,
                                      .hand = "language=7,6,6,7"};
    cr_assert_eq(weft_planner_make_baseline(&input, "hand", &options, &error, &plan),
                 WEFT_STATUS_OK, "%s", error.text);
    weft_uniform_rank ranks[4];
    weft_uniform_answer a = ask(&f, ranks);
    cr_expect_eq(a.pipeline_ns, plan->pipelines[0].pipeline_ns, "%lld, plan %lld",
                 (long long)a.pipeline_ns, (long long)plan->pipelines[0].pipeline_ns);
    cr_expect_eq(a.optimizer_ns, plan->predicted.optimizer_ns);
    cr_expect_eq(a.reduction_ns, plan->predicted.reduce_tail_ns, "overlap %g: %lld, plan %lld",
                 dp_overlap, (long long)a.reduction_ns, (long long)plan->predicted.reduce_tail_ns);
    cr_expect_float_eq(a.bubble, plan->predicted.bubble, 1e-9);
    double flop = plan->predicted.mfu * (double)plan->predicted.step_ns;
    cr_expect_float_eq(a.mfu * (double)a.step_ns, flop, 1e-9 * flop);
    for (int32_t r = 0; r < 4; r++) {
        int64_t state =
            ranks[r].parameter_bytes + ranks[r].gradient_bytes + ranks[r].optimizer_bytes;
        cr_expect_eq(state, plan->pipelines[0].problem.static_bytes[r], "rank %d", r);
        cr_expect_leq(ranks[r].peak_bytes, plan->pipelines[0].peak_bytes[r], "rank %d", r);
    }
    weft_plan_free(plan);
    drop(&f);
}

Test(uniform, is_what_the_planner_makes_of_a_batch)
{
    static const char *const apart =
        "gpt:layers=24,hidden=1024,heads=16,seq=1024,vocab=51200,tied=false";
    expect_what_the_planner_makes(small, 0, 1, 0);
    for (int zero = 0; zero < 2; zero++)
        for (double overlap = 0; overlap <= 1; overlap += 0.5)
            expect_what_the_planner_makes(apart, zero, overlap, zero ? 1.25 : 0);
}

static void expect_refused(const fixture *f, weft_status expected, const char *text)
{
    weft_error error = {0};
    weft_uniform_answer answer;
    cr_expect_eq(weft_emulate_uniform(&f->question, &error, NULL, &answer), expected);
    cr_expect(strstr(error.text, text), "'%s' has no '%s'", error.text, text);
}

Test(uniform, says_what_is_wrong)
{
    fixture f = make(small, "a100");
    const weft_uniform good = f.question;
    f.question.microbatch = 3;
    expect_refused(&f, WEFT_STATUS_INFEASIBLE, "global batch of 8 does not divide by dp 1 x");
    f.question.microbatch = 0;
    expect_refused(&f, WEFT_STATUS_BAD_INPUT, "microbatch is 0");
    f.question = good;
    f.question.parallel.pp = 16;
    f.question.segments = 2;
    expect_refused(&f, WEFT_STATUS_INFEASIBLE, "24 layers are fewer than pp 16 x segments 2");
    f.question = good;
    f.question.parallel.tp = 3;
    expect_refused(&f, WEFT_STATUS_INFEASIBLE, "16 heads do not divide by tp 3");
    f.question = good;
    f.question.recompute = (weft_recompute)4;
    expect_refused(&f, WEFT_STATUS_BAD_INPUT, "memory strategy 4");
    f.question = good;
    f.question.sequence = INT64_C(1) << 62;
    expect_refused(&f, WEFT_STATUS_BAD_INPUT,
                   "microbatch 1 x sequence 4611686018427387904 is over");
    f.question.sequence = INT64_C(1) << 22; /* a step of many months */
    f.question.global_batch = 1 << 20;
    expect_refused(&f, WEFT_STATUS_BAD_INPUT, "a step takes up to ");
    drop(&f);
    f = make("vlm-s", "h800");
    expect_refused(&f, WEFT_STATUS_BAD_INPUT, "is not uniform");
    drop(&f);
}

Test(uniform, the_stack_is_the_software)
{
    fixture f = make(small, "a100");
    weft_error error = {0};
    int64_t fused_ns = ask(&f, NULL).layer.fw_ns;
    cr_assert_eq(weft_cluster_set_stack(f.cluster, "megatron-2022", &error), WEFT_STATUS_OK);
    cr_expect(f.cluster->stack.unfused_attention && f.cluster->stack.blocking_messages);
    cr_expect_gt(ask(&f, NULL).layer.fw_ns, fused_ns);
    cr_expect_eq(weft_cluster_set_stack(f.cluster, "megatron", &error), WEFT_STATUS_USAGE);
    cr_expect(strstr(error.text, "has no stack 'megatron', expected megatron-2022"), "%s",
              error.text);
    drop(&f);
    f = make(small, "a100:stack=megatron-2022");
    cr_expect_str_eq(f.cluster->stack.name, "megatron-2022");
    drop(&f);
}

Test(uniform, every_allocation_fails_once)
{
    fixture f = make(small, "a100");
    weft_status status = WEFT_STATUS_NO_MEMORY;
    weft_uniform_answer answer;
    long k = 0;
    f.question.parallel.pp = 4;
    f.question.global_batch = 200; /* more than are walked */
    while (status == WEFT_STATUS_NO_MEMORY) {
        weft_i_alloc_fail_after(++k);
        status = weft_emulate_uniform(&f.question, NULL, NULL, &answer);
    }
    weft_i_alloc_fail_after(0);
    cr_expect_eq(status, WEFT_STATUS_OK);
    cr_expect(k > 3 && answer.microbatches == 200);
    drop(&f);
}
