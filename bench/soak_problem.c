/* bench/soak_problem.c - random problems of several modules, built by hand as a caller of the
 * library would. */
#include "bench/soak_random.h"

#include <stdlib.h>

enum {
    MAX_RANKS = 5,
    MAX_MODULES = 3,
    MAX_SEGMENTS = 2,
    MAX_MICROBATCHES = 5,
    MAX_SUBS = 2,
    MAX_CANDIDATES = 3,
    MAX_CHUNKS = MAX_RANKS * MAX_MODULES * MAX_SEGMENTS,
    MAX_SUBMICROBATCHES = MAX_MODULES * MAX_MICROBATCHES * MAX_SUBS,
    MAX_STAGES = MAX_SUBMICROBATCHES * MAX_RANKS * MAX_SEGMENTS,
    MAX_EDGES = 4 * MAX_STAGES
};

/* A problem with room for the largest; the last module is the backbone. */
typedef struct drawn {
    weft_problem problem;
    weft_chunk chunks[MAX_CHUNKS];
    weft_submicrobatch subs[MAX_SUBMICROBATCHES];
    int32_t microbatch[MAX_SUBMICROBATCHES];
    weft_stage stages[MAX_STAGES];
    weft_candidate candidates[MAX_STAGES][MAX_CANDIDATES];
    weft_edge edges[MAX_EDGES];
    int64_t fixed[MAX_RANKS], limits[MAX_RANKS];
    /* by module */
    int32_t n_modules;
    weft_backward backward[MAX_MODULES];
    bool splits[MAX_MODULES];
    int32_t n_candidates[MAX_MODULES];
    /* of the microbatch being drawn: the last stage of each sub-microbatch that feeds the backbone
     */
    int32_t feeders[MAX_MODULES * MAX_SUBS];
    int32_t n_feeders;
} drawn;

static const char *const names[MAX_MODULES] = {"vision", "audio", "language"};

static const char *name_of(const drawn *d, int32_t module)
{
    return module == d->n_modules - 1 ? names[MAX_MODULES - 1] : names[module];
}

static void draw_chunks(soak_rng *rng, drawn *d)
{
    weft_problem *p = &d->problem;
    for (int32_t m = 0; m < d->n_modules; m++) {
        int32_t segments = (int32_t)soak_in(rng, 1, MAX_SEGMENTS), layer = 0;
        bool reverse = soak_chance(rng, 25), is_v = soak_chance(rng, 25);
        for (int32_t k = 0; k < segments; k++) {
            for (int32_t r = 0; r < p->n_ranks; r++) {
                if (p->n_ranks > 1 && soak_chance(rng, 10)) continue; /* leaves this rank out */
                bool turned = reverse != (is_v && k == 1);
                weft_chunk *chunk = &d->chunks[p->n_chunks++];
                *chunk = (weft_chunk){.module = name_of(d, m),
                                      .segment = k,
                                      .rank = turned ? p->n_ranks - 1 - r : r,
                                      .first_layer = layer,
                                      .layers = (int32_t)soak_in(rng, 0, 4),
                                      .state_bytes = soak_in(rng, 0, 500)};
                layer += chunk->layers;
            }
        }
    }
}

static weft_cost draw_cost(soak_rng *rng, weft_backward backward, bool splits)
{
    weft_cost cost = {.fw_ns = soak_in(rng, 0, 50)};
    for (int pass = 0; pass < 4; pass++)
        cost.work_bytes[pass] = soak_chance(rng, 50) ? soak_in(rng, 0, 30) : 0;
    if (backward == WEFT_BACKWARD_NONE) return cost;
    cost.bw_ns = soak_in(rng, 0, 100);
    cost.saved_bytes = soak_in(rng, 0, 100);
    if (!splits) return cost;
    cost.held_bytes = soak_in(rng, 0, 120);
    cost.bwi_ns = soak_in(rng, 0, 60);
    cost.bww_ns = soak_in(rng, 1, 60);
    return cost;
}

static void draw_stage(soak_rng *rng, drawn *d, int32_t module, int32_t chunk, int32_t sub)
{
    int32_t s = d->problem.n_stages++;
    weft_stage *stage = &d->stages[s];
    *stage = (weft_stage){.chunk = chunk,
                          .submicrobatch = sub,
                          .backward = d->backward[module],
                          .now.cost = draw_cost(rng, d->backward[module], d->splits[module]),
                          .candidates = d->candidates[s],
                          .n_candidates = d->n_candidates[module],
                          .label = soak_chance(rng, 50) ? sub : -1,
                          .ready_ns = soak_chance(rng, 5) ? soak_in(rng, 0, 200) : 0};
    for (int32_t k = 0; k < stage->n_candidates; k++)
        stage->candidates[k].cost = draw_cost(rng, d->backward[module], d->splits[module]);
}

static void join(soak_rng *rng, drawn *d, weft_pass pass, int32_t from, int32_t to)
{
    bool moves = d->chunks[d->stages[from].chunk].rank != d->chunks[d->stages[to].chunk].rank;
    d->edges[d->problem.n_edges++] =
        (weft_edge){.pass = pass,
                    .kind = WEFT_EDGE_TOKENS,
                    .from = from,
                    .to = to,
                    .bytes = soak_chance(rng, 60) ? soak_in(rng, 0, 20) : 0,
                    .transfer_ns = moves ? soak_in(rng, 0, 20) : 0};
}

/* Data goes forward, and its gradient back where both ends have a backward. */
static void join_both(soak_rng *rng, drawn *d, int32_t from, int32_t to)
{
    join(rng, d, WEFT_PASS_FW, from, to);
    if (d->stages[from].backward != WEFT_BACKWARD_NONE &&
        d->stages[to].backward != WEFT_BACKWARD_NONE)
        join(rng, d, WEFT_PASS_BW, to, from);
}

/* One sub-microbatch through its module's chunks; false where the module has none. */
static bool draw_chain(soak_rng *rng, drawn *d, int32_t module, int32_t sub)
{
    int32_t first = d->problem.n_stages;
    for (int32_t c = 0; c < d->problem.n_chunks; c++) {
        if (d->chunks[c].module != name_of(d, module)) continue;
        draw_stage(rng, d, module, c, sub);
        int32_t s = d->problem.n_stages - 1;
        if (s > first) join_both(rng, d, s - 1, s);
        if (s > first + 1 && soak_chance(rng, 10)) join_both(rng, d, first, s); /* a skip */
        if (s == first && module == d->n_modules - 1) {
            for (int32_t i = 0; i < d->n_feeders; i++)
                join_both(rng, d, d->feeders[i], s);
        }
    }
    return d->problem.n_stages > first;
}

static void draw_microbatch(soak_rng *rng, drawn *d, int32_t microbatch)
{
    d->n_feeders = 0;
    for (int32_t m = 0; m < d->n_modules; m++) {
        bool is_backbone = m == d->n_modules - 1;
        int32_t n_subs = is_backbone ? 1 : (int32_t)soak_in(rng, 0, MAX_SUBS);
        for (int32_t i = 0; i < n_subs; i++) {
            int32_t sub = d->problem.n_submicrobatches++;
            d->microbatch[sub] = microbatch;
            d->subs[sub] = (weft_submicrobatch){.module = name_of(d, m),
                                                .microbatches = &d->microbatch[sub],
                                                .n_microbatches = 1,
                                                .index = i,
                                                .tokens = soak_in(rng, 0, 4096)};
            if (draw_chain(rng, d, m, sub) && !is_backbone)
                d->feeders[d->n_feeders++] = d->problem.n_stages - 1;
        }
    }
}

weft_problem *soak_random_problem(soak_rng *rng)
{
    drawn *d = calloc(1, sizeof *d);
    if (!d) return NULL;
    d->n_modules = (int32_t)soak_in(rng, 1, MAX_MODULES);
    for (int32_t m = 0; m < d->n_modules; m++) {
        bool is_backbone = m == d->n_modules - 1;
        d->backward[m] = (weft_backward)soak_in(rng, is_backbone ? WEFT_BACKWARD_INPUT : 0, 2);
        d->splits[m] = d->backward[m] == WEFT_BACKWARD_FULL && soak_chance(rng, 60);
        d->n_candidates[m] = soak_chance(rng, 50) ? (int32_t)soak_in(rng, 1, MAX_CANDIDATES) : 0;
    }
    d->problem = (weft_problem){.n_ranks = (int32_t)soak_in(rng, 1, MAX_RANKS),
                                .chunks = d->chunks,
                                .submicrobatches = d->subs,
                                .stages = d->stages,
                                .edges = d->edges,
                                .static_bytes = d->fixed,
                                .limit_bytes = d->limits};
    draw_chunks(rng, d);
    int32_t n = (int32_t)soak_in(rng, 1, MAX_MICROBATCHES);
    for (int32_t i = 0; i < n; i++)
        draw_microbatch(rng, d, i);
    for (int32_t r = 0; r < d->problem.n_ranks; r++) {
        d->fixed[r] = soak_in(rng, 0, 2000);
        d->limits[r] = WEFT_INT_MAX;
    }
    return &d->problem; /* the first member: freed as the whole */
}

void soak_problem_free(weft_problem *problem)
{
    free(problem);
}
