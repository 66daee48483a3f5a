/* Emulations: the same costs with reuse and without, for every shipped set-up; what is reused. */
#include <string.h>

#include "tests/unit/setups.h"
#include "weft/emulation.h"

static weft_emulation *create(const setup *s, weft_reuse_mode reuse, const weft_layout *layout)
{
    weft_error error = {0};
    weft_emulation *emulation = NULL;
    weft_planner_options options;
    weft_planner_options_init(&options);
    options.dp = s->parallel.dp;
    const weft_planner_input input = {
        .model = s->model, .cluster = s->cluster, .recipe = s->recipe, .layout = layout};
    cr_assert_eq(weft_emulation_create(&input, &options, reuse, &error, &emulation), WEFT_STATUS_OK,
                 "%s", error.text);
    return emulation;
}

static weft_emulated price(weft_emulation *emulation, weft_recompute recompute)
{
    weft_error error = {0};
    weft_emulated out;
    cr_assert_eq(weft_emulation_price(emulation, recompute, &error, &out), WEFT_STATUS_OK, "%s",
                 error.text);
    return out;
}

static void load(weft_emulation *emulation, const weft_batch *batch)
{
    weft_error error = {0};
    cr_assert_eq(weft_emulation_load(emulation, batch, &error), WEFT_STATUS_OK, "%s", error.text);
}

static void expect_equal(const weft_emulated *a, const weft_emulated *b, const char *what)
{
    cr_assert_eq(a->n_stages, b->n_stages, "%s", what);
    cr_expect_eq(a->n_layers, b->n_layers, "%s", what);
    cr_expect(a->model_flop > 0 && a->model_flop == b->model_flop, "%s", what);
    cr_expect_arr_eq(a->costs, b->costs, (size_t)a->n_stages * sizeof *a->costs, "%s", what);
}

/* Two batches after each other, the first again, under every strategy. */
Test(emulation, reuse_changes_no_number)
{
    static const char *const names[] = {"vlm-s", "vlm-m", "vlm-l", "t2v-s", "t2v-l"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        setup s;
        setup_open(&s, names[i], "h800:nodes=16", 1, 12, 5 + i);
        weft_batch first = s.batch, second = s.batch;
        first.n_samples = 8;
        second.samples += 6;
        second.n_samples = 6;
        const weft_batch *const batches[] = {&first, &second, &first};
        weft_emulation *all = create(&s, WEFT_REUSE_MODE_ALL, NULL);
        weft_emulation *none = create(&s, WEFT_REUSE_MODE_NONE, NULL);
        weft_emulation *some = create(&s, WEFT_REUSE_MODE_NEIGHBOURS, NULL);
        for (size_t b = 0; b < 3; b++) {
            load(all, batches[b]);
            load(none, batches[b]);
            load(some, batches[b]);
            for (int k = 0; k <= WEFT_RECOMPUTE_OFFLOAD; k++) {
                weft_emulated x = price(all, (weft_recompute)k);
                weft_emulated y = price(none, (weft_recompute)k);
                weft_emulated z = price(some, (weft_recompute)k);
                expect_equal(&x, &y, names[i]);
                expect_equal(&z, &y, names[i]);
            }
        }
        weft_reuse reuse = weft_emulation_reuse(all);
        cr_expect_gt(reuse.stages.reused, reuse.stages.asked / 2, "%s", names[i]);
        cr_expect_gt(reuse.stages.entries, 0);
        cr_expect_lt(reuse.subgraphs.reused, reuse.subgraphs.asked);
        cr_expect_eq(weft_emulation_reuse(none).stages.asked, 0);
        weft_emulation_free(all);
        weft_emulation_free(none);
        weft_emulation_free(some);
        setup_close(&s);
    }
}

/* On a layout that is given; with several replicas; a batch that was priced before asks for nothing
 * new. */
Test(emulation, of_a_layout_and_replicas)
{
    setup s;
    setup_open(&s, "vlm-s", "h800", 2, 12, 3);
    weft_layout *layout = NULL;
    cr_assert_eq(weft_i_layout_cut(&s.input, WEFT_I_CUT_TIME, 2, NULL, &layout), WEFT_STATUS_OK);
    weft_emulation *all = create(&s, WEFT_REUSE_MODE_ALL, layout);
    weft_emulation *none = create(&s, WEFT_REUSE_MODE_NONE, layout);
    load(all, &s.batch);
    load(none, &s.batch);
    weft_emulated x = price(all, WEFT_RECOMPUTE_NONE), y = price(none, WEFT_RECOMPUTE_NONE);
    expect_equal(&x, &y, "vlm-s cut by time");
    weft_reuse before = weft_emulation_reuse(all);
    load(all, &s.batch);
    weft_reuse loaded = weft_emulation_reuse(all); /* replicas were balanced by times */
    price(all, WEFT_RECOMPUTE_NONE);
    weft_reuse after = weft_emulation_reuse(all);
    cr_expect_eq(after.subgraphs.asked, before.subgraphs.asked);
    int64_t asked = after.stages.asked - loaded.stages.asked;
    cr_expect(asked > 0 && asked < x.n_stages); /* equal chunks are asked for once */
    cr_expect_eq(after.stages.reused - before.stages.reused,
                 after.stages.asked - before.stages.asked);
    weft_emulation_free(all);
    weft_emulation_free(none);
    weft_layout_free(layout);
    setup_close(&s);
}

Test(emulation, refuses)
{
    setup s;
    setup_open(&s, "vlm-s", "h800", 1, 4, 1);
    weft_emulation *emulation = create(&s, WEFT_REUSE_MODE_ALL, NULL);
    weft_error error = {0};
    weft_emulated out;
    cr_expect_eq(weft_emulation_price(emulation, WEFT_RECOMPUTE_NONE, &error, &out),
                 WEFT_STATUS_USAGE);
    cr_expect_str_eq(error.text, "no batch has been loaded");
    load(emulation, &s.batch);
    error = (weft_error){0};
    cr_expect_eq(weft_emulation_price(emulation, (weft_recompute)4, &error, &out),
                 WEFT_STATUS_BAD_INPUT);
    s.batch.samples[0].n_audio = 1;
    s.batch.samples[0].audio_seconds = (double[]){3};
    error = (weft_error){0};
    cr_expect_eq(weft_emulation_load(emulation, &s.batch, &error), WEFT_STATUS_BAD_INPUT);
    cr_expect_eq(weft_emulation_price(emulation, WEFT_RECOMPUTE_NONE, NULL, &out),
                 WEFT_STATUS_USAGE);
    weft_emulation_free(emulation);
    weft_emulation_free(NULL);
    setup_close(&s);
}

/* From nothing to prices, with the k-th allocation failing. */
static weft_status run_all(const setup *s, int64_t *out_stages)
{
    weft_emulation *emulation = NULL;
    weft_emulated out;
    const weft_planner_input input = {
        .model = s->model, .cluster = s->cluster, .recipe = s->recipe};
    weft_status status = weft_emulation_create(&input, NULL, WEFT_REUSE_MODE_ALL, NULL, &emulation);
    if (!status) status = weft_emulation_load(emulation, &s->batch, NULL);
    if (!status) status = weft_emulation_price(emulation, WEFT_RECOMPUTE_FULL, NULL, &out);
    if (!status) *out_stages = out.n_stages;
    weft_emulation_free(emulation);
    return status;
}

Test(emulation, every_allocation_fails_once)
{
    setup s;
    setup_open(&s, "vlm-s", "h800", 1, 3, 2);
    int64_t n_stages = 0;
    int failures = 0;
    /* Some are done without: an arena's larger block, what a cache would keep. */
    for (long k = 1; k <= 60; k++) {
        weft_i_alloc_fail_after(k);
        weft_status status = run_all(&s, &n_stages);
        cr_expect(status == WEFT_STATUS_OK || status == WEFT_STATUS_NO_MEMORY, "allocation %ld", k);
        failures += status == WEFT_STATUS_NO_MEMORY;
    }
    weft_i_alloc_fail_after(0);
    cr_expect(failures > 10 && n_stages > 0, "%d failures", failures);
    setup_close(&s);
}
