/* partition/build.c - a replica's problem: sub-microbatches, stages, ranks, sums. */
#include "partition/build.h"

#include <string.h>

#include "base/error.h"
#include "partition/builder.h"
#include "plan/problem_own.h"

static int32_t module_of(const weft_model *model, const char *name)
{
    int32_t m = 0;
    while (m < model->n_modules && strcmp(model->modules[m].name, name) != 0)
        m++;
    return m;
}

/* The layout is one of this model: the same modules in the same order, every layer once. */
static weft_status check_layout(weft_i_builder *b)
{
    const weft_model *model = b->model;
    int32_t *n_layers = weft_i_new(&b->scratch, int32_t, model->n_modules);
    if (!n_layers) return weft_i_no_memory(b->error);
    bool is_same = b->layout->n_modules == model->n_modules;
    for (int32_t m = 0; is_same && m < model->n_modules; m++) {
        is_same = strcmp(b->layout->modules[m].module, model->modules[m].name) == 0;
        n_layers[m] = model->modules[m].n_layers;
    }
    if (!is_same)
        return weft_i_fail(b->error, WEFT_STATUS_BAD_INPUT,
                           "layout '%.40s' is of model '%.40s', not of '%.40s': its modules differ",
                           b->layout->name, b->layout->model, model->name);
    weft_error fault = {0};
    weft_status status = weft_layout_check(b->layout, n_layers, &fault);
    if (status == WEFT_STATUS_OK) return status;
    return weft_i_fail_at(b->error, status, NULL, 0, fault.path,
                          "layout '%.40s' of model '%.40s' does not fit model '%.40s': %s",
                          b->layout->name, b->layout->model, model->name, fault.text);
}

/* The emulator counts a tied head as a copy of the embedding. On the embedding's own rank there is
 * none, elsewhere the gradients of both are added. */
static void share_embedding(const weft_i_builder *b, weft_chunk *chunk, int32_t m)
{
    weft_chunk *first = &b->problem->chunks[b->module_first[m]];
    const weft_module *module = &b->model->modules[m];
    const weft_layer *head = &module->layers[module->n_layers - 1];
    bool has_head = chunk->first_layer + chunk->layers == module->n_layers && head->tied &&
                    head->kind == WEFT_LAYER_HEAD;
    if (!has_head || b->layout->parallel.pp == 1) return;
    if (first->rank != chunk->rank) {
        first->share_ns = chunk->share_ns =
            weft_i_emu_share_ns(b->emu, m, first->rank, chunk->rank);
        return;
    }
    chunk->state_bytes -= weft_i_emu_state_bytes(b->emu, m, 0, 1);
    chunk->reduce_bytes -= weft_i_emu_reduce_bytes(b->emu, m, 0, 1);
    if (chunk->state_bytes < 0) chunk->state_bytes = 0;
    if (chunk->reduce_bytes < 0) chunk->reduce_bytes = 0;
}

static weft_status make_chunks(weft_i_builder *b)
{
    int32_t n = b->layout->n_chunks, n_modules = b->model->n_modules;
    weft_problem *problem = b->problem;
    b->chunks = weft_i_new(&b->scratch, weft_i_chunk_of, n);
    b->module_first = weft_i_new(&b->scratch, int32_t, n_modules);
    b->module_n = weft_i_new(&b->scratch, int32_t, n_modules);
    problem->chunks = weft_i_chunks_copy(b->layout->chunks, n, b->arena);
    if (!b->chunks || !b->module_first || !b->module_n || !problem->chunks)
        return weft_i_no_memory(b->error);
    problem->n_chunks = n;
    for (int32_t c = 0; c < n; c++) {
        weft_chunk *chunk = &problem->chunks[c];
        weft_i_chunk_of *of = &b->chunks[c];
        int32_t m = of->module = module_of(b->model, chunk->module);
        if (b->module_n[m] == 0) b->module_first[m] = c;
        of->local = b->module_n[m]++;
        of->backward = weft_i_emu_backward(b->emu, m, chunk->first_layer, chunk->layers);
        chunk->state_bytes = weft_i_emu_state_bytes(b->emu, m, chunk->first_layer, chunk->layers);
        chunk->reduce_bytes = weft_i_emu_reduce_bytes(b->emu, m, chunk->first_layer, chunk->layers);
        chunk->reduce_ns =
            weft_i_emu_reduce_ns(b->emu, m, chunk->first_layer, chunk->layers, chunk->rank);
        share_embedding(b, chunk, m);
    }
    return WEFT_STATUS_OK;
}

static weft_status make_ranks(weft_i_builder *b)
{
    weft_problem *problem = b->problem;
    int32_t n = b->layout->parallel.pp;
    problem->static_bytes = weft_i_new(b->arena, int64_t, n);
    problem->limit_bytes = weft_i_new(b->arena, int64_t, n);
    if (!problem->static_bytes || !problem->limit_bytes) return weft_i_no_memory(b->error);
    problem->n_ranks = n;
    problem->post_ns = b->recipe->post_ns;
    for (int32_t r = 0; r < n; r++)
        problem->limit_bytes[r] = weft_i_emu_limit_bytes(b->emu, r);
    for (int32_t c = 0; c < problem->n_chunks; c++)
        problem->static_bytes[problem->chunks[c].rank] += problem->chunks[c].state_bytes;
    return WEFT_STATUS_OK;
}

weft_status weft_i_build_spans(weft_i_builder *b, const weft_i_part *part, const bool *wanted,
                               int32_t *out_n)
{
    const weft_input_rule *rule = &b->model->modules[part->module].input;
    weft_status status = WEFT_STATUS_OK;
    int32_t n = 0;
    weft_i_spans_clear(&b->spans);
    for (int32_t i = 0; status == WEFT_STATUS_OK && i < part->n; i++) {
        if (wanted && !wanted[i]) continue;
        weft_i_ref ref = b->split.refs[part->first + i];
        const weft_i_instances *of =
            &b->replica->microbatches[ref.microbatch].modules[part->module];
        status = weft_i_spans_add(&b->spans, rule, &of->items[ref.item],
                                  of->context_tokens[ref.item], b->error);
        n++;
    }
    *out_n = n;
    return status;
}

static weft_status fill_submicrobatch(weft_i_builder *b, const weft_i_part *part,
                                      weft_submicrobatch *out)
{
    const weft_i_ref *refs = &b->split.refs[part->first];
    int32_t n_microbatches = 0;
    *out = (weft_submicrobatch){
        .module = weft_i_arena_string(b->arena, b->model->modules[part->module].name),
        .microbatches = weft_i_new(b->arena, int32_t, b->split.spans[part->module]),
        .index = part->index,
        .tokens = part->tokens,
        .items = weft_i_new(b->arena, weft_item, part->n),
        .n_items = part->n};
    if (!out->module || !out->microbatches || !out->items) return weft_i_no_memory(b->error);
    for (int32_t i = 0; i < part->n; i++) {
        out->items[i] = *weft_i_ref_item(b->replica, part->module, refs[i]);
        if (i == 0 || refs[i].microbatch != refs[i - 1].microbatch)
            out->microbatches[n_microbatches++] = refs[i].microbatch;
    }
    out->n_microbatches = n_microbatches;
    return WEFT_STATUS_OK;
}

static weft_status make_submicrobatches(weft_i_builder *b)
{
    weft_status status = weft_i_split_make(b->replica, b->layout, &b->scratch, b->error, &b->split);
    if (status != WEFT_STATUS_OK) return status;
    int32_t n = b->split.n_parts, n_items;
    b->part_work = weft_i_new(&b->scratch, int32_t, n);
    b->first_stage = weft_i_new(&b->scratch, int32_t, n);
    b->problem->submicrobatches = weft_i_new(b->arena, weft_submicrobatch, n);
    if (!b->part_work || !b->first_stage || !b->problem->submicrobatches)
        return weft_i_no_memory(b->error);
    b->problem->n_submicrobatches = n;
    for (int32_t p = 0; status == WEFT_STATUS_OK && p < n; p++) {
        const weft_i_part *part = &b->split.parts[p];
        status = fill_submicrobatch(b, part, &b->problem->submicrobatches[p]);
        if (status == WEFT_STATUS_OK) status = weft_i_build_spans(b, part, NULL, &n_items);
        if (status == WEFT_STATUS_OK)
            status = weft_i_stage_costs_work(b->costs, part->module, weft_i_spans_work(&b->spans),
                                             b->error, &b->part_work[p]);
    }
    return status;
}

/* Sub-microbatches of the same module and microbatches share a label in each segment. */
static weft_status fill_stages(weft_i_builder *b, int32_t p, int32_t first_label,
                               weft_i_problem_sums *sums)
{
    const weft_i_part *part = &b->split.parts[p];
    for (int32_t i = 0; i < b->module_n[part->module]; i++) {
        int32_t c = b->module_first[part->module] + i, s = b->first_stage[p] + i;
        const weft_i_choice *choice;
        weft_status status =
            weft_i_stage_costs_get(b->costs, b->part_work[p], c, b->error, &choice);
        if (status != WEFT_STATUS_OK) return status;
        b->problem->stages[s] = (weft_stage){.chunk = c,
                                             .submicrobatch = p,
                                             .backward = b->chunks[c].backward,
                                             .now = choice->candidates[0],
                                             .candidates = choice->candidates,
                                             .n_candidates = choice->n,
                                             .label = first_label + b->problem->chunks[c].segment};
        sums->model_flop += choice->model_flop;
        sums->recompute_flop[s] = choice->recompute_flop;
        sums->host_bytes[s] = choice->host_bytes;
    }
    return WEFT_STATUS_OK;
}

static weft_status make_stages(weft_i_builder *b, weft_i_problem_sums *sums)
{
    int64_t n = 0;
    for (int32_t p = 0; p < b->split.n_parts; p++) {
        b->first_stage[p] = (int32_t)n;
        n += b->module_n[b->split.parts[p].module];
        if (n > INT32_MAX / 4)
            return weft_i_fail(b->error, WEFT_STATUS_BAD_INPUT, "more than %d stages",
                               INT32_MAX / 4);
    }
    b->problem->stages = weft_i_new(b->arena, weft_stage, n);
    sums->recompute_flop = weft_i_new(b->arena, const double *, n);
    sums->host_bytes = weft_i_new(b->arena, const int64_t *, n);
    if (!b->problem->stages || !sums->recompute_flop || !sums->host_bytes)
        return weft_i_no_memory(b->error);
    b->problem->n_stages = (int32_t)n;
    weft_status status = WEFT_STATUS_OK;
    int32_t label = 0;
    for (int32_t p = 0; status == WEFT_STATUS_OK && p < b->split.n_parts; p++) {
        const weft_i_part *part = &b->split.parts[p];
        if (p > 0 && part->index == 0)
            label += b->layout->modules[b->split.parts[p - 1].module].segments;
        status = fill_stages(b, p, label, sums);
    }
    return status;
}

/* Work of a module's group of microbatches: as it is split and chunked here, or all at once, which
 * is quicker where kernels are more efficient on more. */
static weft_status least_group_ns(weft_i_builder *b, int32_t first_part, int32_t n_parts,
                                  int64_t *out_ns)
{
    int32_t module = b->split.parts[first_part].module, n_items = 0;
    weft_i_part all = b->split.parts[first_part];
    int64_t split_ns = 0, whole_ns = 0;
    all.n = 0;
    for (int32_t p = first_part; p < first_part + n_parts; p++) {
        all.n += b->split.parts[p].n;
        for (int32_t i = 0; i < b->module_n[module]; i++) {
            const weft_i_choice *choice;
            weft_status status = weft_i_stage_costs_get(
                b->costs, b->part_work[p], b->module_first[module] + i, b->error, &choice);
            if (status != WEFT_STATUS_OK) return status;
            split_ns += choice->best_ns;
        }
    }
    weft_status status = weft_i_build_spans(b, &all, NULL, &n_items);
    if (status != WEFT_STATUS_OK) return status;
    weft_i_work work = weft_i_spans_work(&b->spans);
    status = weft_i_stage_costs_module_ns(b->costs, module, &work, b->error, &whole_ns);
    *out_ns = split_ns < whole_ns ? split_ns : whole_ns;
    return status;
}

static weft_status sum_work(weft_i_builder *b, weft_i_problem_sums *sums)
{
    int64_t total = 0, ns = 0;
    weft_status status = WEFT_STATUS_OK;
    for (int32_t p = 0; status == WEFT_STATUS_OK && p < b->split.n_parts;) {
        const weft_i_part *part = &b->split.parts[p];
        int32_t n = b->split.group_n[part->module * b->split.n_microbatches + part->group];
        status = least_group_ns(b, p, n, &ns);
        total += ns;
        p += n;
    }
    sums->work_bound_ns = total / b->problem->n_ranks;
    return status;
}

static weft_status build(weft_i_builder *b, weft_i_problem_sums *sums)
{
    weft_status status = check_layout(b);
    if (status == WEFT_STATUS_OK) status = make_chunks(b);
    if (status == WEFT_STATUS_OK) status = make_ranks(b);
    if (status != WEFT_STATUS_OK) return status;
    b->costs = weft_i_stage_costs_create(b->model, b->recipe, b->emu, b->layout, b->chunks,
                                         b->arena, &b->scratch);
    if (!b->costs) return weft_i_no_memory(b->error);
    status = make_submicrobatches(b);
    if (status == WEFT_STATUS_OK) status = make_stages(b, sums);
    if (status == WEFT_STATUS_OK) status = weft_i_build_edges(b);
    if (status == WEFT_STATUS_OK) status = weft_i_build_message_waits(b);
    if (status == WEFT_STATUS_OK) status = weft_problem_check(b->problem, b->error);
    return status == WEFT_STATUS_OK ? sum_work(b, sums) : status;
}

weft_status weft_i_problem_build(const weft_model *model, const weft_recipe *recipe,
                                 weft_i_emu *emu, const weft_layout *layout,
                                 const weft_i_packed *packed, int32_t r, weft_error *error,
                                 weft_problem **out_problem, weft_i_problem_sums *out_sums)
{
    weft_i_builder b = {.model = model,
                        .recipe = recipe,
                        .emu = emu,
                        .layout = layout,
                        .replica = &packed->replicas[r],
                        .error = error};
    weft_i_problem_sums sums = {0};
    b.problem = weft_i_problem_create(&b.arena);
    if (!b.problem) return weft_i_no_memory(error);
    weft_status status = build(&b, &sums);
    weft_i_spans_free(&b.spans);
    weft_i_arena_free(&b.scratch);
    if (status == WEFT_STATUS_OK) {
        *out_problem = b.problem;
        *out_sums = sums;
    } else {
        weft_problem_free(b.problem);
    }
    return status;
}
