/* plan/synthetic.c - building a uniform problem. Not: its text (synthetic_parse.c). */
#include "plan/synthetic.h"

#include <math.h>

#include "base/error.h"
#include "base/rng.h"
#include "plan/problem_own.h"

static const char module_name[] = "model";

/* Stages of a microbatch are numbered by their position on its way forward: all ranks in the first
 * segment, then all in the second, ... */
static int32_t rank_at(const weft_i_synthetic *in, int32_t position)
{
    int32_t segment = position / in->ranks, step = position % in->ranks;
    return in->is_v && segment % 2 == 1 ? in->ranks - 1 - step : step;
}

/* The part of `whole` that falls to a segment; the last has what is over. */
static int64_t cut(int64_t whole, int32_t segments, int32_t segment)
{
    int64_t part = whole / segments;
    return segment + 1 < segments ? part : whole - part * (segments - 1);
}

static int64_t scaled(int64_t ns, double factor)
{
    return llround((double)ns * factor);
}

/* bwi and bww are cut apart, so that both halves of each part are at least 0. */
static weft_cost cost_at(const weft_i_synthetic *in, int32_t position, double factor)
{
    int32_t segment = position / in->ranks, n = in->segments;
    if (in->stage_scale) factor *= in->stage_scale[rank_at(in, position)];
    int64_t bw_ns = scaled(in->bw_ns, factor);
    weft_cost cost = {
        .fw_ns = cut(scaled(in->fw_ns, factor), n, segment),
        .bw_ns = cut(bw_ns, n, segment),
        .saved_bytes = cut(WEFT_I_SYNTHETIC_ACTIVATION_BYTES, n, segment),
    };
    if (in->is_split) {
        int64_t bww_ns = scaled(in->bww_ns, factor);
        cost.bwi_ns = cut(bw_ns - bww_ns, n, segment);
        cost.bww_ns = cut(bww_ns, n, segment);
        cost.bw_ns = cost.bwi_ns + cost.bww_ns;
        cost.held_bytes = llround((double)cost.saved_bytes * in->held);
    }
    return cost;
}

static weft_edge edge_between(const weft_i_synthetic *in, weft_pass pass, int32_t from, int32_t to)
{
    int32_t n = in->ranks * in->segments;
    bool is_message = rank_at(in, from % n) != rank_at(in, to % n);
    return (weft_edge){.pass = pass,
                       .kind = WEFT_EDGE_TOKENS,
                       .from = from,
                       .to = to,
                       .transfer_ns = is_message ? in->transfer_ns : 0};
}

static void fill_ranks(const weft_i_synthetic *in, weft_problem *problem)
{
    for (int32_t r = 0; r < in->ranks; r++)
        problem->limit_bytes[r] = in->limit_bytes;
    for (int32_t c = 0; c < problem->n_chunks; c++) {
        problem->chunks[c] = (weft_chunk){.module = module_name,
                                          .segment = c / in->ranks,
                                          .rank = rank_at(in, c),
                                          .first_layer = c,
                                          .layers = 1};
    }
}

static void fill_microbatches(const weft_i_synthetic *in, int32_t *numbers, weft_problem *problem)
{
    weft_i_rng rng;
    weft_i_rng_seed(&rng, in->seed);
    int32_t n = problem->n_chunks;
    weft_edge *edge = problem->edges;
    for (int32_t m = 0; m < in->microbatches; m++) {
        numbers[m] = m;
        problem->submicrobatches[m] = (weft_submicrobatch){
            .module = module_name, .microbatches = &numbers[m], .n_microbatches = 1};
        double factor = 1;
        if (in->vary > 0) factor += in->vary * (2 * weft_i_rng_double(&rng) - 1);
        for (int32_t position = 0; position < n; position++) {
            int32_t s = m * n + position;
            problem->stages[s] = (weft_stage){.chunk = position,
                                              .submicrobatch = m,
                                              .backward = WEFT_BACKWARD_FULL,
                                              .now.cost = cost_at(in, position, factor),
                                              .label = m};
            if (position == 0) continue;
            *edge++ = edge_between(in, WEFT_PASS_FW, s - 1, s);
            *edge++ = edge_between(in, WEFT_PASS_BW, s, s - 1);
        }
    }
}

static weft_status fill(const weft_i_synthetic *in, weft_i_arena *arena, weft_error *error,
                        weft_problem *problem)
{
    problem->n_ranks = in->ranks;
    problem->n_chunks = in->ranks * in->segments;
    problem->n_submicrobatches = in->microbatches;
    problem->n_stages = in->microbatches * problem->n_chunks;
    problem->n_edges = 2 * in->microbatches * (problem->n_chunks - 1);
    problem->chunks = weft_i_new(arena, weft_chunk, problem->n_chunks);
    problem->submicrobatches = weft_i_new(arena, weft_submicrobatch, in->microbatches);
    problem->stages = weft_i_new(arena, weft_stage, problem->n_stages);
    problem->edges = weft_i_new(arena, weft_edge, problem->n_edges);
    problem->static_bytes = weft_i_new(arena, int64_t, in->ranks);
    problem->limit_bytes = weft_i_new(arena, int64_t, in->ranks);
    int32_t *numbers = weft_i_new(arena, int32_t, in->microbatches);
    if (!problem->chunks || !problem->submicrobatches || !problem->stages || !problem->edges ||
        !problem->static_bytes || !problem->limit_bytes || !numbers) {
        return weft_i_no_memory(error);
    }
    fill_ranks(in, problem);
    fill_microbatches(in, numbers, problem);
    return weft_problem_check(problem, error);
}

weft_status weft_i_synthetic_build(const weft_i_synthetic *synthetic, weft_error *error,
                                   weft_problem **out_problem)
{
    int64_t n_stages =
        (int64_t)synthetic->ranks * synthetic->segments * (int64_t)synthetic->microbatches;
    if (n_stages > WEFT_I_SYNTHETIC_STAGES_MAX) {
        return weft_i_fail(error, WEFT_STATUS_BAD_INPUT,
                           "synthetic: pp times segments times microbatches is %lld stages, "
                           "expected at most %d",
                           (long long)n_stages, WEFT_I_SYNTHETIC_STAGES_MAX);
    }
    weft_i_arena *arena;
    weft_problem *problem = weft_i_problem_create(&arena);
    if (!problem) return weft_i_no_memory(error);
    weft_status status = fill(synthetic, arena, error, problem);
    if (status != WEFT_STATUS_OK) {
        weft_problem_free(problem);
        return status;
    }
    *out_problem = problem;
    return WEFT_STATUS_OK;
}

weft_status weft_problem_synthetic(const char *text, weft_error *error, weft_problem **out_problem)
{
    weft_i_arena arena = {0};
    weft_i_synthetic synthetic;
    weft_status status = weft_i_synthetic_parse(text, &arena, error, &synthetic);
    if (status == WEFT_STATUS_OK) {
        status = weft_i_synthetic_build(&synthetic, error, out_problem);
    }
    weft_i_arena_free(&arena);
    return status;
}
