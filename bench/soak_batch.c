/* bench/soak_batch.c - problems of a model: random or shipped, on slices of real batches, with
 * memory from plenty to far too little. */
#include "bench/soak_cases.h"

#include <stdio.h>
#include <string.h>

enum { MAX_SAMPLES = 24 };

/* All that a plan of a batch is made from. */
typedef struct setup {
    weft_model *model; /* borrowed where it is a shipped one */
    weft_recipe *recipe;
    weft_cluster *cluster;
    weft_batch batch;
    weft_sample samples[2 * MAX_SAMPLES];
    weft_planner_options options;
} setup;

/* A slice of a batch, without what the model has no module for. */
static void add_slice(soak_rng *rng, const weft_batch *from, const soak_modalities *has, setup *s)
{
    int32_t n = (int32_t)soak_in(rng, 1, MAX_SAMPLES);
    if (n > from->n_samples) n = from->n_samples;
    int32_t first = (int32_t)soak_in(rng, 0, from->n_samples - n);
    for (int32_t i = 0; i < n; i++) {
        weft_sample *sample = &s->samples[s->batch.n_samples++];
        *sample = from->samples[first + i];
        if (!has->image) sample->n_images = 0;
        if (!has->video) sample->n_videos = 0;
        if (!has->audio) sample->n_audio = 0;
    }
}

static void make_batch(soak_inputs *inputs, soak_rng *rng, const soak_modalities *has, setup *s)
{
    s->batch = (weft_batch){.name = "slice", .sha256 = "", .samples = s->samples};
    if (has->video)
        add_slice(rng, inputs->videos, has, s);
    else
        add_slice(rng, inputs->images[soak_in(rng, 0, 1)], has, s);
    if (has->audio) add_slice(rng, inputs->audio, has, s);
}

static weft_status draw_model(soak_inputs *inputs, soak_rng *rng, setup *s, soak_modalities *has,
                              weft_error *error)
{
    char model[4096], recipe[4096];
    snprintf(model, sizeof model, "%s/model.json", inputs->folder);
    snprintf(recipe, sizeof recipe, "%s/recipe.json", inputs->folder);
    if (!soak_write_model(rng, model, has) || !soak_write_recipe(rng, recipe)) {
        snprintf(error->text, sizeof error->text, "cannot write to %.200s", inputs->folder);
        return WEFT_STATUS_IO;
    }
    weft_status status = weft_model_load(model, error, &s->model);
    return status ? status : weft_recipe_load(recipe, error, &s->recipe);
}

static void pick_shipped(soak_inputs *inputs, soak_rng *rng, setup *s, soak_modalities *has)
{
    bool video = soak_chance(rng, 50);
    *has = (soak_modalities){.image = !video, .video = video};
    s->model = video ? inputs->t2v : inputs->vlm;
}

/* Devices of this many bytes each; 64 of them. */
static weft_status load_cluster(int64_t bytes, weft_error *error, weft_cluster **out)
{
    char text[128];
    snprintf(text, sizeof text, "h800:reserved_bytes=0,memory_bytes=%lld", (long long)bytes);
    return weft_cluster_load(text, error, out);
}

static int64_t random_memory(soak_rng *rng, bool is_shipped)
{
    if (soak_chance(rng, 30)) return INT64_C(80) << 30;
    int64_t bytes = INT64_C(1) << soak_in(rng, is_shipped ? 33 : 26, is_shipped ? 36 : 34);
    return bytes + soak_in(rng, 0, bytes);
}

static void set_options(soak_rng *rng, bool is_shipped, setup *s)
{
    weft_planner_options_init(&s->options);
    s->options.iterations = soak_in(rng, 1, 5);
    s->options.threads = 1;
    s->options.seed = soak_in(rng, 1, 1000);
    s->options.dp = soak_in(rng, 1, is_shipped ? 2 : 4);
    if (soak_chance(rng, 70)) s->options.microbatches = soak_in(rng, 1, 6);
}

static weft_planner_input input_of(const setup *s, const weft_cluster *cluster)
{
    return (weft_planner_input){
        .model = s->model, .cluster = cluster, .recipe = s->recipe, .batch = &s->batch};
}

static int64_t sum(const int64_t *values, int32_t n)
{
    int64_t total = 0;
    for (int32_t i = 0; i < n; i++)
        total += values[i];
    return total;
}

/* "4 pipeline ranks for the 3 layers of model 'm'", "... needs 72 devices of 64", and it is so. */
static bool lacks_parts(const weft_model *model, const char *text)
{
    int32_t n_ranks, n_layers, n = 0, dp, pp, tp, cp, needed, there;
    for (int32_t m = 0; m < model->n_modules; m++)
        n += model->modules[m].n_layers;
    if (sscanf(text, "%d pipeline ranks for the %d layers", &n_ranks, &n_layers) == 2)
        return n_layers == n && n_ranks > n;
    return sscanf(text, "dp %d x pp %d x tp %d x cp %d needs %d devices of %d", &dp, &pp, &tp, &cp,
                  &needed, &there) == 6 &&
           needed == dp * pp * tp * cp && needed > there;
}

/* Infeasible by memory: with memory in plenty there is a plan; proven where what is there all the
 * time is more than all ranks have together. */
static void verify_shortage(soak_inputs *inputs, const setup *s, int64_t memory_bytes,
                            soak_case *out)
{
    weft_cluster *cluster = NULL;
    weft_plan *plan = NULL;
    weft_error error = {0};
    if (lacks_parts(s->model, out->error.text)) {
        out->outcome = SOAK_PROVEN;
        return;
    }
    weft_status status = load_cluster(INT64_C(1) << 49, &error, &cluster);
    weft_planner_input input = input_of(s, cluster);
    if (!status) status = weft_planner_make(&input, &s->options, &error, &plan);
    if (status) {
        soak_fail(&out->fault, "with memory in plenty: %s", error.text);
    } else {
        const weft_problem *problem = &plan->pipelines[0].problem;
        int64_t fixed = sum(problem->static_bytes, problem->n_ranks);
        if (fixed > memory_bytes * problem->n_ranks) out->outcome = SOAK_PROVEN;
        soak_verify_plan(plan, inputs->folder, &out->fault);
    }
    weft_plan_free(plan);
    weft_cluster_free(cluster);
}

/* Inputs that cannot be loaded are faults of the soak itself. */
static weft_status make_setup(soak_inputs *inputs, soak_rng *rng, bool is_shipped, int64_t memory,
                              setup *s, weft_error *error)
{
    soak_modalities has;
    weft_status status = WEFT_STATUS_OK;
    if (is_shipped)
        pick_shipped(inputs, rng, s, &has);
    else
        status = draw_model(inputs, rng, s, &has, error);
    if (!status) status = load_cluster(memory, error, &s->cluster);
    if (!status) make_batch(inputs, rng, &has, s);
    set_options(rng, is_shipped, s);
    return status;
}

void soak_run_model(soak_inputs *inputs, soak_rng *rng, soak_case *out)
{
    bool is_shipped = out->kind == SOAK_SHIPPED;
    setup s = {0};
    int64_t memory = random_memory(rng, is_shipped);
    weft_status status = make_setup(inputs, rng, is_shipped, memory, &s, &out->error);
    if (status) {
        soak_fail(&out->fault, "input: %s %s", out->error.path, out->error.text);
    } else {
        snprintf(out->what, sizeof out->what, "%s, %d samples, dp %d, microbatches %d, %.2f GiB",
                 s.model->name, s.batch.n_samples, (int)s.options.dp, (int)s.options.microbatches,
                 (double)memory / (1 << 30));
        weft_comparison *comparison = NULL;
        weft_planner_input input = input_of(&s, s.cluster);
        status = weft_planner_compare(&input, &s.options, &out->error, &comparison);
        soak_judge(inputs, status, comparison, out);
        if (status == WEFT_STATUS_INFEASIBLE) verify_shortage(inputs, &s, memory, out);
    }
    if (!is_shipped) weft_model_free(s.model);
    weft_recipe_free(s.recipe);
    weft_cluster_free(s.cluster);
}
