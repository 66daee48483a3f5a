/* planner/case.c - resolving the inputs of a plan. */
#include "planner/case.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/threads.h"
#include "planner/attempt.h"
#include "weft/partition.h"

/* Steps that orders are compared by. */
enum { MAX_SAMPLES = 10000 };

static weft_status resolve_jitter(weft_planner_options *options, weft_error *error)
{
    if (!(options->jitter >= 0 && options->jitter < 1))
        return weft_i_fail(error, WEFT_STATUS_USAGE, "jitter of %g, expected 0 or more, below 1",
                           options->jitter);
    if (options->samples == 0) options->samples = 100;
    if (options->jitter > 0 && (options->samples < 1 || options->samples > MAX_SAMPLES))
        return weft_i_fail(error, WEFT_STATUS_USAGE, "%lld samples, expected 1 to %d",
                           (long long)options->samples, MAX_SAMPLES);
    if (options->jitter > 0 && options->search != WEFT_SEARCH_DEFAULT)
        return weft_i_fail(error, WEFT_STATUS_USAGE, "--robust goes with --search default");
    return WEFT_STATUS_OK;
}

weft_status weft_i_options_resolve(const weft_planner_options *options, weft_error *error,
                                   weft_planner_options *out_options)
{
    weft_planner_options resolved;
    weft_status status;
    weft_planner_options_init(&resolved);
    if (options) {
        if (options->struct_size == 0 || options->struct_size > sizeof resolved)
            return weft_i_fail(error, WEFT_STATUS_USAGE,
                               "options of %zu bytes, expected at most %zu: call "
                               "weft_planner_options_init first",
                               options->struct_size, sizeof resolved);
        memcpy(&resolved, options, options->struct_size);
        resolved.struct_size = sizeof resolved;
    }
    if (resolved.threads <= 0)
        resolved.threads = weft_i_processors() > 1 ? weft_i_processors() / 2 : 1;
    if (resolved.seed <= 0) resolved.seed = 1;
    if (resolved.ablate && resolved.search != WEFT_SEARCH_PAPER)
        return weft_i_fail(error, WEFT_STATUS_USAGE, "--ablate goes with --search paper");
    status = resolve_jitter(&resolved, error);
    if (status) return status;
    bool limited = resolved.iterations > 0 || resolved.search == WEFT_SEARCH_EXACT;
    if (resolved.time_limit_s <= 0 && !limited) resolved.time_limit_s = 1;
    if (resolved.jitter > 0) resolved.time_limit_s *= 1 - WEFT_I_ROBUST_SHARE;
    *out_options = resolved;
    return WEFT_STATUS_OK;
}

static weft_status resolve_recipe(const weft_planner_input *input, weft_error *error,
                                  weft_i_case *c)
{
    if (input->recipe) {
        c->recipe = *input->recipe;
    } else {
        weft_status status = weft_recipe_of_model(input->model, error, &c->loaded);
        if (status) return status;
        c->recipe = *c->loaded;
    }
    c->recipe.owner = NULL;
    int32_t gradient_bytes = c->cluster->stack.gradient_bytes; /* as its software has it */
    if (gradient_bytes > 0) c->recipe.gradient_bytes = gradient_bytes;
    if (c->options.sequence > 0) c->recipe.sequence = c->options.sequence;
    if (c->options.microbatches > 0) c->recipe.microbatches = (int32_t)c->options.microbatches;
    if (c->options.objective < 0) c->options.objective = c->recipe.objective;
    return WEFT_STATUS_OK;
}

/* Sizes by option, else by layout, else by recipe; replicas by option, else by the number of
 * devices. */
static weft_status resolve_parallel(weft_error *error, weft_i_case *c)
{
    const weft_planner_options *o = &c->options;
    const weft_parallel wanted = {(int32_t)o->dp, (int32_t)o->pp, (int32_t)o->tp, (int32_t)o->cp,
                                  (int32_t)o->ep};
    const weft_parallel *said = c->layout ? &c->layout->parallel : &c->recipe.parallel;
    weft_parallel p;
    weft_status status = weft_parallel_resolve(&wanted, said, o->gpus, error, &p);
    if (status) return status;
    if (c->layout && (p.pp != said->pp || p.tp != said->tp || p.cp != said->cp || p.ep != said->ep))
        return weft_i_fail(error, WEFT_STATUS_USAGE,
                           "the layout is for tp %d, pp %d, cp %d, ep %d; make another for "
                           "tp %d, pp %d, cp %d, ep %d",
                           said->tp, said->pp, said->cp, said->ep, p.tp, p.pp, p.cp, p.ep);
    c->parallel = p;
    return WEFT_STATUS_OK;
}

weft_status weft_i_case_open(const weft_planner_input *input, const weft_planner_options *options,
                             weft_error *error, weft_i_case *out_case)
{
    /* In place: the emulator borrows the recipe. */
    weft_i_case *c = out_case;
    *c = (weft_i_case){.model = input->model, .cluster = input->cluster, .layout = input->layout};
    weft_status status = weft_i_options_resolve(options, error, &c->options);
    if (!status) status = resolve_recipe(input, error, c);
    if (!status) status = resolve_parallel(error, c);
    if (!status)
        status = weft_i_emu_create(c->model, c->cluster, &c->recipe, &c->parallel,
                                   WEFT_REUSE_MODE_ALL, error, &c->emu);
    if (status) weft_i_case_close(c);
    return status;
}

/* "3 documents cut at the sequence length" and the like, one note each. */
static void tell(const weft_i_case *c)
{
    const weft_i_pack_notes *n = &c->packed.notes;
    const struct {
        int64_t count;
        const char *of, *what;
    } notes[] = {
        {n->documents_cut, "document", "cut at the sequence length"},
        {n->tokens_cut, "token", "cut off"},
        {n->images_dropped, "instance",
         "(images, clips, audio) left out, past a cut or more than a microbatch holds"},
        {n->videos_split, "video", "split into clips"},
        {n->samples_empty, "sample", "with nothing to train on left out"},
        {n->sizes_filled, "size", "not given, filled in from the recipe"},
        {n->samples_left_out, "sample", "left out by --microbatches"},
        {n->samples_repeated, "sample", "repeated by --microbatches"},
    };
    if (!c->options.note) return;
    for (size_t i = 0; i < sizeof notes / sizeof notes[0]; i++) {
        if (notes[i].count == 0) continue;
        char text[160];
        snprintf(text, sizeof text, "%lld %s%s %s", (long long)notes[i].count, notes[i].of,
                 notes[i].count == 1 ? "" : "s", notes[i].what);
        c->options.note(c->options.context, text);
    }
}

weft_status weft_i_case_pack(weft_i_case *plan_case, const weft_batch *batch, weft_error *error)
{
    weft_i_arena_free(&plan_case->arena);
    memset(&plan_case->packed, 0, sizeof plan_case->packed);
    plan_case->batch = NULL;
    weft_status status =
        weft_i_pack(plan_case->model, &plan_case->recipe, plan_case->emu, batch,
                    plan_case->parallel.dp, plan_case->recipe.microbatches,
                    plan_case->options.strict, &plan_case->arena, error, &plan_case->packed);
    if (status) return status;
    plan_case->batch = batch;
    tell(plan_case);
    return WEFT_STATUS_OK;
}

weft_i_layout_input weft_i_case_layout_input(const weft_i_case *plan_case)
{
    return (weft_i_layout_input){.model = plan_case->model,
                                 .recipe = &plan_case->recipe,
                                 .emu = plan_case->emu,
                                 .parallel = plan_case->parallel,
                                 .packed = &plan_case->packed};
}

void weft_i_case_close(weft_i_case *plan_case)
{
    if (plan_case->options.reuse && plan_case->emu)
        *plan_case->options.reuse = weft_i_emu_reuse(plan_case->emu);
    weft_i_emu_free(plan_case->emu);
    weft_recipe_free(plan_case->loaded);
    weft_i_arena_free(&plan_case->arena);
    memset(plan_case, 0, sizeof *plan_case);
}
