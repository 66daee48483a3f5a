/* tests/unit/problems.h - small random problems of every shape that a search has to live with:
 * several modules, segments, joins, V-shapes, ranks left out, frozen stages, encoders without a
 * gradient from the backbone, sub-microbatches of several microbatches, split backward, transfers,
 * memory strategies. */
#ifndef WEFT_TESTS_PROBLEMS_H
#define WEFT_TESTS_PROBLEMS_H

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/rng.h"
#include "weft/problem.h"

typedef struct random_options {
    int32_t max_ranks, max_microbatches, max_modules, max_segments;
    int64_t max_time_ns, max_transfer_ns, max_bytes;
    bool straight; /* no V-shapes, no module that runs from the last rank to the first */
    bool uniform;  /* every sub-microbatch of a module has one stage on every rank */
    int32_t n_candidates;
    int32_t detached; /* percent of encoders that get no gradient from the backbone */
} random_options;

typedef struct random_module {
    const char *name;
    int32_t segments, first_chunk; /* chunks by segment * n_ranks + rank */
    bool reversed, v_shape, split, detached;
    weft_backward backward;
} random_module;

typedef struct random_builder {
    weft_i_arena *arena;
    weft_i_rng *rng;
    const random_options *options;
    weft_problem *problem;
    random_module modules[4];
    int32_t n_modules;
    int32_t n_microbatches;
    size_t stage_cap, edge_cap, sub_cap;
    int32_t *last; /* by sub-microbatch: its last stage */
} random_builder;

static inline int64_t random_in(weft_i_rng *rng, int64_t min, int64_t max)
{
    return min + (int64_t)weft_i_rng_below(rng, (uint64_t)(max - min + 1));
}

static inline bool random_chance(weft_i_rng *rng, int32_t percent)
{
    return random_in(rng, 0, 99) < percent;
}

static inline void random_modules(random_builder *b)
{
    static const char *const names[] = {"vision", "audio", "text", "language"};
    b->n_modules = (int32_t)random_in(b->rng, 1, b->options->max_modules);
    for (int32_t m = 0; m < b->n_modules; m++) {
        bool last = m == b->n_modules - 1;
        random_module *module = &b->modules[m];
        module->name = last ? names[3] : names[m];
        module->segments = (int32_t)random_in(b->rng, 1, b->options->max_segments);
        module->v_shape = !b->options->straight && random_chance(b->rng, 30);
        module->reversed = !b->options->straight && random_chance(b->rng, 20);
        module->split = random_chance(b->rng, 50);
        module->backward = WEFT_BACKWARD_FULL;
        if (!last && random_chance(b->rng, 30))
            module->backward = random_chance(b->rng, 60) ? WEFT_BACKWARD_NONE : WEFT_BACKWARD_INPUT;
        if (!last && b->options->detached > 0)
            module->detached = random_chance(b->rng, b->options->detached);
    }
}

static inline void random_chunks(random_builder *b)
{
    weft_problem *p = b->problem;
    int32_t n = 0;
    for (int32_t m = 0; m < b->n_modules; m++)
        n += b->modules[m].segments * p->n_ranks;
    p->chunks = weft_i_new(b->arena, weft_chunk, n);
    for (int32_t m = 0; m < b->n_modules; m++) {
        random_module *module = &b->modules[m];
        module->first_chunk = p->n_chunks;
        for (int32_t s = 0; s < module->segments; s++)
            for (int32_t r = 0; r < p->n_ranks; r++) {
                weft_chunk chunk = {.module = module->name, .segment = s, .rank = r, .layers = 1};
                bool back = module->reversed != (module->v_shape && s % 2 == 1);
                chunk.rank = back ? p->n_ranks - 1 - r : r;
                chunk.first_layer = s * p->n_ranks + r;
                p->chunks[p->n_chunks++] = chunk;
            }
    }
}

static inline weft_cost random_cost(random_builder *b, const random_module *module)
{
    int64_t time = b->options->max_time_ns, bytes = b->options->max_bytes;
    weft_cost cost = {.fw_ns = random_in(b->rng, 1, time)};
    if (module->backward == WEFT_BACKWARD_NONE) return cost;
    cost.bw_ns = random_in(b->rng, 1, 2 * time);
    cost.saved_bytes = random_in(b->rng, 0, bytes);
    if (module->split && module->backward == WEFT_BACKWARD_FULL) {
        cost.bwi_ns = random_in(b->rng, 1, time);
        cost.bww_ns = random_in(b->rng, 1, time);
        cost.bw_ns = cost.bwi_ns + cost.bww_ns - (random_chance(b->rng, 20) ? 1 : 0);
        cost.held_bytes = random_in(b->rng, 0, cost.saved_bytes);
    }
    for (int pass = 0; pass < 4; pass++)
        cost.work_bytes[pass] = random_chance(b->rng, 20) ? random_in(b->rng, 0, bytes) : 0;
    return cost;
}

/* Strategy k saves 1/(k+1) of the bytes and recomputes the forward k/2 times. */
static inline void random_candidates(random_builder *b, weft_stage *stage)
{
    int32_t n = b->options->n_candidates;
    if (n == 0) return;
    stage->candidates = weft_i_new(b->arena, weft_candidate, n);
    stage->n_candidates = n;
    for (int32_t k = 0; k < n; k++) {
        weft_cost cost = stage->now.cost;
        if (stage->backward != WEFT_BACKWARD_NONE) {
            cost.recompute_ns = cost.fw_ns * k / 2;
            cost.bw_ns += cost.recompute_ns;
            cost.bwi_ns += cost.bwi_ns > 0 ? cost.recompute_ns : 0;
            cost.saved_bytes /= k + 1;
            cost.held_bytes =
                cost.held_bytes < cost.saved_bytes ? cost.held_bytes : cost.saved_bytes;
        }
        stage->candidates[k].cost = cost;
    }
    stage->now = stage->candidates[0];
}

static inline int32_t random_stage(random_builder *b, const random_module *module, int32_t chunk,
                                   int32_t sub)
{
    weft_problem *p = b->problem;
    weft_stage stage = {
        .chunk = chunk, .submicrobatch = sub, .backward = module->backward, .label = -1};
    stage.now.cost = random_cost(b, module);
    if (random_chance(b->rng, 3))
        stage.ready_ns = random_in(b->rng, 0, 3 * b->options->max_time_ns);
    random_candidates(b, &stage);
    weft_i_grow(&p->stages, &b->stage_cap, (size_t)p->n_stages + 1, sizeof stage);
    p->stages[p->n_stages] = stage;
    return p->n_stages++;
}

static inline void random_edge(random_builder *b, int32_t from, int32_t to, bool gradient)
{
    weft_problem *p = b->problem;
    bool same = p->chunks[p->stages[from].chunk].rank == p->chunks[p->stages[to].chunk].rank;
    weft_edge edge = {.pass = WEFT_PASS_FW, .from = from, .to = to};
    edge.transfer_ns = same ? 0 : random_in(b->rng, 0, b->options->max_transfer_ns);
    edge.bytes = random_in(b->rng, 0, b->options->max_bytes / 4);
    weft_i_grow(&p->edges, &b->edge_cap, (size_t)p->n_edges + 2, sizeof edge);
    p->edges[p->n_edges++] = edge;
    if (!gradient || p->stages[from].backward == WEFT_BACKWARD_NONE ||
        p->stages[to].backward == WEFT_BACKWARD_NONE)
        return;
    edge.pass = WEFT_PASS_BW;
    edge.from = to;
    edge.to = from;
    p->edges[p->n_edges++] = edge;
}

/* The stages of one sub-microbatch through all segments of its module; returns the first. */
static inline int32_t random_chain(random_builder *b, const random_module *module, int32_t sub)
{
    weft_problem *p = b->problem;
    int32_t first = -1, previous = -1, n = module->segments * p->n_ranks;
    int32_t kept = (int32_t)random_in(b->rng, 0, n - 1);
    for (int32_t i = 0; i < n; i++) {
        if (!b->options->uniform && i != kept && random_chance(b->rng, 10)) continue;
        int32_t stage = random_stage(b, module, module->first_chunk + i, sub);
        if (previous >= 0) random_edge(b, previous, stage, true);
        first = first < 0 ? stage : first;
        previous = stage;
    }
    b->last[sub] = previous;
    return first;
}

static inline int32_t random_sub(random_builder *b, const char *module, int32_t microbatch,
                                 int32_t n_microbatches, int32_t index)
{
    weft_problem *p = b->problem;
    weft_submicrobatch sub = {.module = module, .index = index};
    sub.microbatches = weft_i_new(b->arena, int32_t, n_microbatches);
    sub.n_microbatches = n_microbatches;
    for (int32_t k = 0; k < n_microbatches; k++)
        sub.microbatches[k] = microbatch + k;
    weft_i_grow(&p->submicrobatches, &b->sub_cap, (size_t)p->n_submicrobatches + 1, sizeof sub);
    p->submicrobatches[p->n_submicrobatches] = sub;
    return p->n_submicrobatches++;
}

/* Sub-microbatches of an encoder: 0 to 2 a microbatch, or one for two microbatches. */
static inline void random_encoder(random_builder *b, const random_module *module)
{
    bool uniform = b->options->uniform;
    for (int32_t m = 0; m < b->n_microbatches; m++) {
        bool two = !uniform && m + 1 < b->n_microbatches && random_chance(b->rng, 20);
        int32_t n = two || uniform ? 1 : (int32_t)random_in(b->rng, 0, 2);
        for (int32_t i = 0; i < n; i++)
            random_chain(b, module, random_sub(b, module->name, m, two ? 2 : 1, i));
        m += two ? 1 : 0;
    }
}

static inline const random_module *random_module_of(const random_builder *b, int32_t sub)
{
    const random_module *module = b->modules;
    while (strcmp(module->name, b->problem->submicrobatches[sub].module) != 0)
        module++;
    return module;
}

static inline void random_backbone(random_builder *b, const random_module *module)
{
    weft_problem *p = b->problem;
    int32_t n_encoder_subs = p->n_submicrobatches;
    for (int32_t m = 0; m < b->n_microbatches; m++) {
        int32_t first = random_chain(b, module, random_sub(b, module->name, m, 1, 0));
        for (int32_t sub = 0; sub < n_encoder_subs; sub++)
            for (int32_t k = 0; k < p->submicrobatches[sub].n_microbatches; k++)
                if (p->submicrobatches[sub].microbatches[k] == m)
                    random_edge(b, b->last[sub], first, !random_module_of(b, sub)->detached);
    }
}

/* A problem without limits; its names and microbatch lists live in the arena, the rest is freed by
 * random_free. */
static inline weft_problem *random_problem(weft_i_arena *arena, weft_i_rng *rng,
                                           const random_options *options)
{
    weft_problem *p = weft_i_new(arena, weft_problem, 1);
    random_builder b = {.arena = arena, .rng = rng, .options = options, .problem = p};
    p->n_ranks = (int32_t)random_in(rng, 1, options->max_ranks);
    b.n_microbatches = (int32_t)random_in(rng, 1, options->max_microbatches);
    b.last = weft_i_new(arena, int32_t, 8 * b.n_microbatches + 8);
    p->static_bytes = weft_i_new(arena, int64_t, p->n_ranks);
    p->limit_bytes = weft_i_new(arena, int64_t, p->n_ranks);
    for (int32_t r = 0; r < p->n_ranks; r++)
        p->limit_bytes[r] = WEFT_INT_MAX;
    random_modules(&b);
    random_chunks(&b);
    for (int32_t m = 0; m + 1 < b.n_modules; m++)
        random_encoder(&b, &b.modules[m]);
    random_backbone(&b, &b.modules[b.n_modules - 1]);
    return p;
}

static inline void random_free(weft_problem *p)
{
    free(p->stages);
    free(p->edges);
    free(p->submicrobatches);
}

#endif
