/* emu/uniform.c - see weft/emulate.h: a closed question about a uniform model, answered. Not: the
 * order of passes (emu/uniform_time.c). */
#include "weft/emulate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/least.h"
#include "emu/emulator.h"
#include "emu/uniform_time.h"

typedef struct asker {
    const weft_uniform *question;
    weft_recipe recipe; /* the question's, as its software has it */
    weft_i_emu *emu;
    weft_i_arena arena;
    weft_error *error;
    int32_t n_layers, n_chunks, n_ranks;
    int64_t sequence;
    weft_i_work work; /* of a microbatch */
    bool counts_ends; /* embedding and head count as a layer each in the cut */
    weft_i_stage_cost layer, embedding, head;
    weft_i_unit *units;         /* segment * n_ranks + rank */
    int64_t *transfer_ns;       /* n_ranks */
    weft_i_state *states;       /* n_ranks */
    int64_t *reduce_ns;         /* n_chunks */
    int64_t *gradients_ns;      /* n_chunks: end of the last weight gradient */
    int64_t tie_ns;             /* gradients of a tied embedding between first and last rank */
    weft_i_uniform_rank *ranks; /* n_ranks */
} asker;

static weft_status check_sizes(asker *a)
{
    const weft_uniform *q = a->question;
    const int64_t sizes[] = {q->microbatch, q->global_batch, q->segments, a->sequence};
    static const char *const names[] = {"microbatch", "global batch", "segments", "sequence"};
    for (size_t i = 0; i < 4; i++)
        if (sizes[i] < 1)
            return weft_i_fail(a->error, WEFT_STATUS_BAD_INPUT, "%s is %lld, expected 1 or more",
                               names[i], (long long)sizes[i]);
    const int64_t most_tokens = INT64_C(1) << 40;
    if (a->sequence > most_tokens / q->microbatch)
        return weft_i_fail(a->error, WEFT_STATUS_BAD_INPUT,
                           "microbatch %d x sequence %lld is over %lld tokens", q->microbatch,
                           (long long)a->sequence, (long long)most_tokens);
    if (q->schedule < WEFT_SCHEDULE_1F1B || q->schedule > WEFT_SCHEDULE_ZB_H1)
        return weft_i_fail(a->error, WEFT_STATUS_BAD_INPUT,
                           "schedule is %d, expected 1f1b, gpipe or zb-h1", q->schedule);
    if (q->schedule == WEFT_SCHEDULE_ZB_H1 && q->segments != 1)
        return weft_i_fail(a->error, WEFT_STATUS_INFEASIBLE, "zb-h1 has 1 segment, found %d",
                           q->segments);
    int64_t together = (int64_t)q->parallel.dp * q->microbatch;
    if (q->global_batch % together != 0)
        return weft_i_fail(a->error, WEFT_STATUS_INFEASIBLE,
                           "a global batch of %d does not divide by dp %d x microbatch %d",
                           q->global_batch, q->parallel.dp, q->microbatch);
    const int64_t most_passes = INT64_C(1) << 26;
    int64_t microbatches = q->global_batch / together;
    int64_t n_chunks = (int64_t)q->segments * q->parallel.pp;
    if (n_chunks > a->n_layers && n_chunks != a->n_layers + 2)
        return weft_i_fail(a->error, WEFT_STATUS_INFEASIBLE,
                           "%d layers are fewer than pp %d x segments %d", a->n_layers,
                           q->parallel.pp, q->segments);
    if (microbatches * a->n_chunks > most_passes)
        return weft_i_fail(a->error, WEFT_STATUS_BAD_INPUT,
                           "%lld microbatches on %d chunks, expected a product of at most %lld",
                           (long long)microbatches, a->n_chunks, (long long)most_passes);
    return WEFT_STATUS_OK;
}

/* All layers between the embedding and the head are one class. */
static weft_status check_model(asker *a)
{
    const weft_model *model = a->question->model;
    const weft_module *module = &model->modules[0];
    bool uniform = model->n_modules == 1 && module->n_layers >= 3 &&
                   module->layers[0].kind == WEFT_LAYER_EMBEDDING &&
                   module->layers[module->n_layers - 1].kind == WEFT_LAYER_HEAD;
    for (int32_t l = 2; uniform && l < module->n_layers - 1; l++)
        uniform = a->emu->modules[0].classes[l] == a->emu->modules[0].classes[1];
    if (uniform) return WEFT_STATUS_OK;
    return weft_i_fail(a->error, WEFT_STATUS_BAD_INPUT,
                       "model %s is not uniform: expected one module of an embedding, equal layers "
                       "and a head",
                       model->name);
}

static weft_status price(asker *a)
{
    int32_t n = a->question->microbatch;
    weft_i_span *spans = weft_i_new(&a->arena, weft_i_span, n);
    if (!spans) return weft_i_no_memory(a->error);
    for (int32_t i = 0; i < n; i++)
        spans[i] = (weft_i_span){.tokens = a->sequence};
    a->work = (weft_i_work){.tokens = a->sequence * n, .spans = spans, .n_spans = n};
    const weft_i_work *work = &a->work;
    weft_i_strategy s = (weft_i_strategy)a->question->recompute;
    weft_status status = weft_i_emu_stage(a->emu, 0, 0, 1, work, s, a->error, &a->embedding);
    if (!status) status = weft_i_emu_stage(a->emu, 0, 1, 1, work, s, a->error, &a->layer);
    if (!status)
        status = weft_i_emu_stage(a->emu, 0, a->n_layers + 1, 1, work, s, a->error, &a->head);
    int64_t bytes = weft_i_emu_output_bytes(a->emu, 0, 1, work);
    for (int32_t r = 0; r < a->n_ranks && !status; r++)
        a->transfer_ns[r] = weft_i_emu_transfer_ns(a->emu, bytes, r, (r + 1) % a->n_ranks);
    return status;
}

/* All passes after each other, and all that is ever saved, are in range; so no sum needs a check.
 */
static weft_status check_sums(const asker *a)
{
    const weft_uniform *q = a->question;
    const weft_i_stage_cost *stages[] = {&a->embedding, &a->layer, &a->head};
    const weft_cost *costs[] = {&a->embedding.cost, &a->layer.cost, &a->head.cost};
    double ns = 0, bytes = 0;
    for (int i = 0; i < 3; i++) {
        double n = i == 1 ? a->n_layers : 1;
        ns += n * ((double)costs[i]->fw_ns + (double)costs[i]->bw_ns + (double)costs[i]->bwi_ns +
                   (double)costs[i]->bww_ns);
        bytes += n * ((double)costs[i]->saved_bytes + (double)costs[i]->held_bytes +
                      (double)stages[i]->host_bytes);
    }
    for (int32_t r = 0; r < a->n_ranks; r++)
        ns += 4.0 * q->segments * (double)a->transfer_ns[r];
    double microbatches = (double)q->global_batch / ((double)q->parallel.dp * q->microbatch);
    double most = microbatches * (ns > bytes ? ns : bytes);
    if (most <= (double)WEFT_INT_MAX) return WEFT_STATUS_OK;
    return weft_i_fail(a->error, WEFT_STATUS_BAD_INPUT,
                       "a step takes up to %.3g ns or bytes of one replica, more than %lld", most,
                       (long long)WEFT_INT_MAX);
}

/* Layers before chunk c, counted from the model's first transformer layer. */
static int32_t layers_before(const asker *a, int32_t c)
{
    if (!a->counts_ends) return (int32_t)((int64_t)a->n_layers * c / a->n_chunks);
    int32_t before = (a->n_layers + 2) / a->n_chunks * c - 1;
    return before < 0 ? 0 : before > a->n_layers ? a->n_layers : before;
}

static void add_cost(weft_i_unit *unit, const weft_cost *cost, int32_t n)
{
    unit->fw_ns += n * cost->fw_ns;
    unit->bw_ns += n * cost->bw_ns;
    unit->saved_bytes += n * cost->saved_bytes;
    for (int p = WEFT_PASS_FW; p <= WEFT_PASS_BW; p++)
        if (cost->work_bytes[p] > unit->work_bytes[p]) unit->work_bytes[p] = cost->work_bytes[p];
}

/* Halves of a backward are not sums over single layers: what piles up between them counts. */
static weft_status split(asker *a, int32_t first, int32_t n, weft_i_unit *unit)
{
    weft_i_stage_cost stage;
    weft_status status = weft_i_emu_stage(
        a->emu, 0, first, n, &a->work, (weft_i_strategy)a->question->recompute, a->error, &stage);
    if (status) return status;
    unit->bwi_ns = stage.cost.bwi_ns;
    unit->bww_ns = stage.cost.bww_ns;
    unit->held_bytes = stage.cost.held_bytes;
    unit->work_bytes[WEFT_PASS_BWI] = stage.cost.work_bytes[WEFT_PASS_BWI];
    unit->work_bytes[WEFT_PASS_BWW] = stage.cost.work_bytes[WEFT_PASS_BWW];
    return WEFT_STATUS_OK;
}

/* Software that waits for its messages spends their time on both ranks: no pass runs meanwhile, and
 * what comes in and what goes out do not share the time. */
static void wait_for_messages(asker *a)
{
    for (int32_t c = 0; c < a->n_chunks && a->n_ranks > 1; c++) {
        int32_t rank = c % a->n_ranks, from = (rank + a->n_ranks - 1) % a->n_ranks;
        int64_t in_ns = c > 0 ? a->transfer_ns[from] : 0;
        int64_t out_ns = c < a->n_chunks - 1 ? a->transfer_ns[rank] : 0;
        a->units[c].fw_ns += in_ns + out_ns;
        a->units[c].bw_ns += in_ns + out_ns;
        if (a->units[c].bwi_ns > 0) a->units[c].bwi_ns += in_ns + out_ns;
    }
    for (int32_t r = 0; r < a->n_ranks; r++)
        a->transfer_ns[r] = 0;
}

/* Messages under way slow the passes down. */
static void slow_down(asker *a)
{
    for (int32_t c = 0; c < a->n_chunks; c++) {
        weft_i_unit *unit = &a->units[c];
        int64_t *const times[] = {&unit->fw_ns, &unit->bw_ns, &unit->bwi_ns, &unit->bww_ns};
        for (size_t i = 0; i < sizeof times / sizeof *times; i++)
            *times[i] = weft_i_emu_beside_messages_ns(a->emu, *times[i]);
    }
}

static weft_status make_chunks(asker *a)
{
    weft_status status = WEFT_STATUS_OK;
    for (int32_t c = 0; c < a->n_chunks && !status; c++) {
        int32_t rank = c % a->n_ranks, from = layers_before(a, c), to = layers_before(a, c + 1);
        int32_t first = c > 0 ? from + 1 : 0, end = c + 1 < a->n_chunks ? to + 1 : a->n_layers + 2;
        weft_i_unit *unit = &a->units[c];
        if (c == 0) add_cost(unit, &a->embedding.cost, 1);
        add_cost(unit, &a->layer.cost, to - from);
        if (c == a->n_chunks - 1) {
            add_cost(unit, &a->head.cost, 1);
            unit->logit_bytes = a->head.cost.saved_bytes;
        }
        weft_i_state state = weft_i_emu_state(a->emu, 0, first, end - first);
        a->states[rank].parameter_bytes += state.parameter_bytes;
        a->states[rank].gradient_bytes += state.gradient_bytes;
        a->states[rank].optimizer_bytes += state.optimizer_bytes;
        a->reduce_ns[c] = weft_i_emu_reduce_ns(a->emu, 0, first, end - first, rank);
        if (a->question->schedule == WEFT_SCHEDULE_ZB_H1)
            status = split(a, first, end - first, unit);
    }
    if (weft_i_emu_waits_for_messages(a->emu))
        wait_for_messages(a);
    else
        slow_down(a);
    return status;
}

/* First and last rank add their gradients of a tied embedding (Narayanan et al. 2021). */
static void tie(asker *a)
{
    const weft_module *module = &a->question->model->modules[0];
    if (module->layers[module->n_layers - 1].tied)
        a->tie_ns = weft_i_emu_share_ns(a->emu, 0, 0, a->n_ranks - 1);
}

/* Of one microbatch, in one piece or two. */
static int64_t backward_ns(const weft_i_unit *unit)
{
    return unit->bwi_ns > 0 ? unit->bwi_ns + unit->bww_ns : unit->bw_ns;
}

/* What is left of a chunk's reduction after its last weight gradient, which hides a part of it. */
static int64_t exposed_ns(const asker *a, int32_t c)
{
    const weft_i_unit *unit = &a->units[c];
    int64_t last_ns = unit->bwi_ns > 0 ? unit->bww_ns : unit->bw_ns;
    int64_t tie_ns = c == 0 || c == a->n_chunks - 1 ? a->tie_ns : 0;
    return a->reduce_ns[c] - weft_i_emu_hidden_ns(a->emu, a->reduce_ns[c], last_ns) + tie_ns;
}

/* When the last rank has its gradients reduced, after the pipeline has ended. A rank's chunks are
 * complete from the last to the first, and are reduced one after the other. */
static int64_t reduction_tail(const asker *a, int64_t pipeline_ns)
{
    int64_t last_ns = pipeline_ns;
    bool at_end = !weft_i_emu_hides_reductions(a->emu);
    for (int32_t r = 0; r < a->n_ranks; r++) {
        int64_t end_ns = at_end ? a->ranks[r].last_ns : 0;
        for (int32_t c = a->n_chunks - a->n_ranks + r; c >= 0; c -= a->n_ranks)
            end_ns = weft_i_max(end_ns, a->gradients_ns[c]) + exposed_ns(a, c);
        last_ns = weft_i_max(last_ns, end_ns);
    }
    return last_ns - pipeline_ns;
}

static int64_t state_bytes(const asker *a, int32_t rank)
{
    const weft_i_state *state = &a->states[rank];
    return state->parameter_bytes + state->gradient_bytes + state->optimizer_bytes;
}

/* The parameters can be gathered while the next step's first forward goes on. */
static int64_t optimizer_of(const asker *a, int32_t r)
{
    int64_t forward_ns = 0, gather_ns = weft_i_emu_gather_ns(a->emu, state_bytes(a, r));
    for (int32_t c = r; c < a->n_chunks; c += a->n_ranks)
        forward_ns += a->units[c].fw_ns;
    return weft_i_emu_optimizer_ns(a->emu, state_bytes(a, r)) -
           weft_i_emu_hidden_ns(a->emu, gather_ns, forward_ns);
}

static void fill_phases(const asker *a, weft_uniform_answer *out)
{
    int64_t first_ns = 0, last_ns = out->pipeline_ns, optimizer_ns = 0;
    for (int32_t r = 0; r < a->n_ranks; r++) {
        first_ns = weft_i_max(first_ns, a->ranks[r].first_ns);
        if (a->ranks[r].last_ns < last_ns) last_ns = a->ranks[r].last_ns;
        optimizer_ns = weft_i_max(optimizer_ns, optimizer_of(a, r));
    }
    out->fill_ns = first_ns;
    out->drain_ns = out->pipeline_ns - last_ns;
    if (out->drain_ns > out->pipeline_ns - first_ns) out->drain_ns = out->pipeline_ns - first_ns;
    out->steady_ns = out->pipeline_ns - out->fill_ns - out->drain_ns;
    out->reduction_ns = reduction_tail(a, out->pipeline_ns);
    out->optimizer_ns = optimizer_ns;
    out->step_ns = out->pipeline_ns + out->reduction_ns + optimizer_ns;
}

static void fill_ratios(const asker *a, weft_uniform_answer *out)
{
    double busy_ns = 0, per_microbatch = a->embedding.model_flop + a->head.model_flop +
                                         a->n_layers * a->layer.model_flop;
    for (int32_t c = 0; c < a->n_chunks; c++)
        busy_ns += (double)(a->units[c].fw_ns + backward_ns(&a->units[c]));
    busy_ns -= (double)(a->n_layers * a->layer.cost.recompute_ns + a->head.cost.recompute_ns);
    double again = a->n_layers * a->layer.recompute_flop + a->head.recompute_flop;
    double m = out->microbatches, dp = a->question->parallel.dp;
    double possible = (double)out->step_ns / 1e9 * weft_i_emu_peak_flops(a->emu);
    out->bubble = 1 - busy_ns * m / ((double)a->n_ranks * (double)out->pipeline_ns);
    out->mfu = m * dp * per_microbatch / possible;
    out->hfu = m * dp * (per_microbatch + again) / possible;
}

static void fill_memory(const asker *a, weft_uniform_rank *out_ranks, weft_uniform_answer *out)
{
    for (int32_t r = 0; r < a->n_ranks; r++) {
        const weft_i_uniform_rank *rank = &a->ranks[r];
        weft_uniform_rank memory = {.peak_bytes = state_bytes(a, r) + rank->peak_bytes,
                                    .limit_bytes = weft_i_emu_limit_bytes(a->emu, r),
                                    .parameter_bytes = a->states[r].parameter_bytes,
                                    .gradient_bytes = a->states[r].gradient_bytes,
                                    .optimizer_bytes = a->states[r].optimizer_bytes};
        memory.activation_bytes = rank->peak_saved_bytes - rank->peak_logit_bytes;
        memory.logit_bytes = rank->peak_logit_bytes;
        memory.work_bytes = rank->peak_bytes - rank->peak_saved_bytes;
        if (out_ranks) out_ranks[r] = memory;
        if (memory.peak_bytes <= out->peak_bytes) continue;
        out->peak_bytes = memory.peak_bytes;
        out->limit_bytes = memory.limit_bytes;
    }
}

/* What is offloaded lies on the host from the forward to the end of the backward: the same walk
 * with these bytes alone. */
static weft_status check_host(asker *a, const weft_i_uniform_line *line)
{
    if (a->embedding.host_bytes + a->layer.host_bytes + a->head.host_bytes == 0)
        return WEFT_STATUS_OK;
    weft_i_unit *units = weft_i_new(&a->arena, weft_i_unit, a->n_chunks);
    weft_i_uniform_rank *ranks = weft_i_new(&a->arena, weft_i_uniform_rank, a->n_ranks);
    int64_t *bytes = weft_i_new(&a->arena, int64_t, a->n_ranks), pipeline_ns;
    if (!units || !ranks || !bytes) return weft_i_no_memory(a->error);
    for (int32_t c = 0; c < a->n_chunks; c++) {
        int64_t host = (layers_before(a, c + 1) - layers_before(a, c)) * a->layer.host_bytes;
        if (c == 0) host += a->embedding.host_bytes;
        if (c == a->n_chunks - 1) host += a->head.host_bytes;
        units[c] = a->units[c];
        units[c].saved_bytes = units[c].held_bytes = host;
        memset(units[c].work_bytes, 0, sizeof units[c].work_bytes);
    }
    weft_i_uniform_line kept = *line;
    kept.units = units;
    if (!weft_i_uniform_time(&kept, &a->arena, ranks, a->gradients_ns, &pipeline_ns))
        return weft_i_no_memory(a->error);
    for (int32_t r = 0; r < a->n_ranks; r++)
        bytes[r] = ranks[r].peak_bytes;
    return weft_i_emu_check_host(a->emu, bytes, a->error);
}

static weft_status answer(asker *a, weft_uniform_rank *out_ranks, weft_uniform_answer *out_answer)
{
    const weft_uniform *q = a->question;
    weft_uniform_answer out = {.layer = a->layer.cost,
                               .embedding = a->embedding.cost,
                               .head = a->head.cost,
                               .transfer_ns = a->n_ranks > 1 ? a->transfer_ns[0] : 0};
    out.microbatches = q->global_batch / (q->parallel.dp * q->microbatch);
    weft_status status = make_chunks(a);
    if (status) return status;
    tie(a);
    weft_i_uniform_line line = {.schedule = q->schedule,
                                .n_ranks = a->n_ranks,
                                .n_segments = q->segments,
                                .n_microbatches = out.microbatches,
                                .units = a->units,
                                .transfer_ns = a->transfer_ns};
    if (!weft_i_uniform_time(&line, &a->arena, a->ranks, a->gradients_ns, &out.pipeline_ns))
        return weft_i_no_memory(a->error);
    status = check_host(a, &line);
    if (status) return status;
    fill_phases(a, &out);
    fill_ratios(a, &out);
    fill_memory(a, out_ranks, &out);
    *out_answer = out;
    return WEFT_STATUS_OK;
}

static weft_status make_arrays(asker *a)
{
    a->units = weft_i_new(&a->arena, weft_i_unit, a->n_chunks);
    a->transfer_ns = weft_i_new(&a->arena, int64_t, a->n_ranks);
    a->states = weft_i_new(&a->arena, weft_i_state, a->n_ranks);
    a->reduce_ns = weft_i_new(&a->arena, int64_t, a->n_chunks);
    a->gradients_ns = weft_i_new(&a->arena, int64_t, a->n_chunks);
    a->ranks = weft_i_new(&a->arena, weft_i_uniform_rank, a->n_ranks);
    bool made =
        a->units && a->transfer_ns && a->states && a->reduce_ns && a->gradients_ns && a->ranks;
    return made ? WEFT_STATUS_OK : weft_i_no_memory(a->error);
}

static int64_t sequence_of(const weft_uniform *question)
{
    if (question->sequence != 0) return question->sequence;
    int64_t models = question->model->sequence;
    return models > 0 ? models : question->recipe->sequence;
}

weft_status weft_emulate_uniform(const weft_uniform *question, weft_error *error,
                                 weft_uniform_rank *out_ranks, weft_uniform_answer *out_answer)
{
    const weft_stack *stack = &question->cluster->stack;
    asker a = {.question = question, .recipe = *question->recipe, .error = error};
    if (stack->gradient_bytes > 0) a.recipe.gradient_bytes = stack->gradient_bytes;
    /* A subgraph is asked for once: a cache would only cost. */
    weft_status status =
        weft_i_emu_create(question->model, question->cluster, &a.recipe, &question->parallel,
                          WEFT_REUSE_MODE_NEIGHBOURS, error, &a.emu);
    if (status) return status;
    a.n_layers = question->model->modules[0].n_layers - 2;
    a.n_ranks = question->parallel.pp;
    a.n_chunks = a.n_ranks * question->segments;
    a.sequence = sequence_of(question);
    status = check_model(&a);
    if (!status) status = check_sizes(&a);
    if (!status) {
        a.counts_ends = a.n_layers % a.n_chunks != 0 && (a.n_layers + 2) % a.n_chunks == 0;
        status = make_arrays(&a);
    }
    if (!status) status = price(&a);
    if (!status) status = check_sums(&a);
    if (!status) status = answer(&a, out_ranks, out_answer);
    weft_i_arena_free(&a.arena);
    weft_i_emu_free(a.emu);
    return status;
}
