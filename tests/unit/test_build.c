/* Problems out of layouts and batches: what is conserved, and each edge and cost against slow
 * definitions of it. */
#include <stdio.h>
#include <string.h>

#include "partition/build.h"
#include "partition/mixes.h"
#include "partition/split.h"
#include "partition/weigh.h"
#include "partition/work.h"
#include "tests/unit/setups.h"

static const char *const names[] = {"vlm-s", "vlm-m",  "vlm-l", "t2v-s",
                                    "t2v-l", "vlm-xl", "t2v-xl"};
enum { N_NAMES = sizeof(names) / sizeof(names[0]) };

static int32_t module_of(const setup *s, const char *name)
{
    int32_t m = 0;
    while (strcmp(s->model->modules[m].name, name) != 0)
        m++;
    return m;
}

/* The k-th kind of layout that tests try; NULL past the last, or where there is none. */
static weft_layout *layout_of(const setup *s, int k, bool *out_is_last)
{
    weft_layout *layout = NULL;
    const int32_t segments[] = {2, 2, 2, 2, 2}, directions[] = {0, -1, 1, 0, 0}; /* 5 modules */
    *out_is_last = false;
    switch (k) {
    case 0:
        weft_i_layout_modality(&s->input, NULL, NULL, NULL, &layout);
        break;
    case 1:
        weft_i_layout_modality(&s->input, segments, directions, NULL, &layout);
        break;
    case 2:
        weft_i_layout_cut(&s->input, WEFT_I_CUT_PARAMETERS, 3, NULL, &layout);
        break;
    case 3:
        weft_i_layout_cut(&s->input, WEFT_I_CUT_SLOWEST, 1, NULL, &layout);
        break;
    default:
        *out_is_last = true;
        weft_i_layout_modules(&s->input, NULL, &layout);
    }
    return layout;
}

/* Instances of the replica: each in one sub-microbatch of its module, with its tokens; no part over
 * B but of a single instance. */
static void expect_instances_once(const setup *s, const weft_layout *layout,
                                  const weft_i_replica *replica, const weft_problem *problem)
{
    for (int32_t m = 0; m < s->model->n_modules; m++) {
        int64_t tokens = 0, expected = 0;
        int32_t n_items = 0, n_expected = 0;
        for (int32_t k = 0; k < replica->n_microbatches; k++) {
            expected += replica->microbatches[k].modules[m].tokens;
            n_expected += replica->microbatches[k].modules[m].n_items;
        }
        for (int32_t i = 0; i < problem->n_submicrobatches; i++) {
            const weft_submicrobatch *sub = &problem->submicrobatches[i];
            int64_t sum = 0;
            if (module_of(s, sub->module) != m) continue;
            for (int32_t j = 0; j < sub->n_items; j++)
                sum += sub->items[j].tokens;
            cr_assert_eq(sum, sub->tokens);
            cr_assert(sub->n_items == 1 || sum <= layout->modules[m].submicrobatch_tokens);
            cr_assert(sub->n_microbatches >= 1 &&
                      sub->n_microbatches <= layout->modules[m].microbatches);
            tokens += sum;
            n_items += sub->n_items;
        }
        cr_assert(tokens == expected && n_items == n_expected, "module %d", m);
        /* Not only as many: every one is found. */
        for (int32_t k = 0; k < replica->n_microbatches; k++)
            for (int32_t j = 0; j < replica->microbatches[k].modules[m].n_items; j++) {
                const weft_item *item = &replica->microbatches[k].modules[m].items[j];
                int found = 0;
                for (int32_t i = 0; i < problem->n_submicrobatches; i++) {
                    const weft_submicrobatch *sub = &problem->submicrobatches[i];
                    bool is_here = false;
                    for (int32_t l = 0; l < sub->n_microbatches; l++)
                        is_here = is_here || sub->microbatches[l] == k;
                    for (int32_t l = 0; is_here && l < sub->n_items; l++)
                        found += module_of(s, sub->module) == m &&
                                 sub->items[l].sample == item->sample &&
                                 sub->items[l].index == item->index;
                }
                cr_assert_eq(found, 1, "module %d, microbatch %d, item %d: %d times", m, k, j,
                             found);
            }
    }
}

/* Samples that two sub-microbatches have in common in a microbatch of both. (No sample of these
 * batches is in two microbatches with the same index.) */
static bool share_sample(const weft_submicrobatch *a, const weft_submicrobatch *b)
{
    bool share_microbatch = false;
    for (int32_t i = 0; i < a->n_microbatches; i++)
        for (int32_t j = 0; j < b->n_microbatches; j++)
            share_microbatch = share_microbatch || a->microbatches[i] == b->microbatches[j];
    for (int32_t i = 0; share_microbatch && i < a->n_items; i++)
        for (int32_t j = 0; j < b->n_items; j++)
            if (a->items[i].sample == b->items[j].sample) return true;
    return false;
}

/* Whether stage `to` reads what stage `from` puts out, by the words of DESIGN. */
static bool is_needed(const setup *s, const weft_problem *problem, int32_t from, int32_t to,
                      bool *out_gradient)
{
    const weft_stage *a = &problem->stages[from], *b = &problem->stages[to];
    const weft_chunk *ca = &problem->chunks[a->chunk], *cb = &problem->chunks[b->chunk];
    int32_t ma = module_of(s, ca->module), mb = module_of(s, cb->module);
    if (ma == mb) {
        *out_gradient = true;
        return a->submicrobatch == b->submicrobatch &&
               ca->first_layer + ca->layers == cb->first_layer;
    }
    for (int32_t e = 0; e < s->model->n_edges; e++) {
        const weft_model_edge *edge = &s->model->edges[e];
        if (edge->from_module != ma || edge->to_module != mb) continue;
        if (edge->from_layer < ca->first_layer || edge->from_layer >= ca->first_layer + ca->layers)
            continue;
        if (edge->to_last_layer < cb->first_layer ||
            edge->to_first_layer >= cb->first_layer + cb->layers)
            continue;
        *out_gradient = edge->gradient;
        return share_sample(&problem->submicrobatches[a->submicrobatch],
                            &problem->submicrobatches[b->submicrobatch]);
    }
    return false;
}

/* Every pair of stages, with a table of the edges that are there. */
static void expect_edges(const setup *s, const weft_problem *problem)
{
    int32_t n = problem->n_stages, n_expected = 0;
    char *there = calloc((size_t)n * (size_t)n, 2);
    for (int32_t e = 0; e < problem->n_edges; e++) {
        const weft_edge *edge = &problem->edges[e];
        there[((size_t)edge->from * (size_t)n + (size_t)edge->to) * 2 + edge->pass]++;
        int32_t from = problem->chunks[problem->stages[edge->from].chunk].rank;
        int32_t to = problem->chunks[problem->stages[edge->to].chunk].rank;
        int64_t ns = from == to ? 0 : weft_i_emu_transfer_ns(s->emu, edge->bytes, from, to);
        cr_assert(edge->bytes > 0 && edge->transfer_ns == ns);
    }
    for (int32_t a = 0; a < n; a++)
        for (int32_t b = 0; b < n; b++) {
            bool gradient = false, fw = is_needed(s, problem, a, b, &gradient);
            bool bw = fw && gradient && problem->stages[a].backward != WEFT_BACKWARD_NONE &&
                      problem->stages[b].backward != WEFT_BACKWARD_NONE;
            size_t forth = ((size_t)a * (size_t)n + (size_t)b) * 2 + WEFT_PASS_FW;
            size_t back = ((size_t)b * (size_t)n + (size_t)a) * 2 + WEFT_PASS_BW;
            cr_assert_eq(there[forth], fw, "forward of %d to %d", a, b);
            cr_assert_eq(there[back], bw, "backward of %d to %d", b, a);
            n_expected += fw + bw;
        }
    cr_assert_eq(problem->n_edges, n_expected);
    free(there);
}

/* What a candidate's runs cost, asked one layer's strategy after the other. */
static weft_i_stage_cost cost_of_runs(weft_i_emu *emu, int32_t m, const weft_chunk *chunk,
                                      const weft_i_work *work, const weft_candidate *candidate)
{
    weft_i_strategy strategies[128];
    weft_i_stage_cost cost;
    int32_t n = 0;
    for (int32_t r = 0; r < candidate->n_memory; r++)
        for (int32_t l = 0; l < candidate->memory[r].layers; l++) {
            int s = 0;
            while (strcmp(weft_i_emu_strategy_name(emu, (weft_i_strategy)s),
                          candidate->memory[r].strategy) != 0)
                s++;
            strategies[n++] = (weft_i_strategy)s;
        }
    cr_assert_eq(n, chunk->layers);
    cr_assert_eq(
        weft_i_emu_stage_mixed(emu, m, chunk->first_layer, n, work, strategies, NULL, &cost),
        WEFT_STATUS_OK);
    return cost;
}

/* Strategies alone are among the candidates, but for those of equal time and bytes. */
static void expect_uniform(const weft_stage *stage)
{
    bool is_frozen = stage->backward == WEFT_BACKWARD_NONE;
    int32_t n_uniform = 0;
    for (int32_t k = 0; k < stage->n_candidates; k++)
        n_uniform += stage->candidates[k].n_memory == 1;
    cr_assert_geq(stage->n_candidates, 1);
    cr_assert_leq(stage->n_candidates, is_frozen ? 1 : WEFT_I_MAX_MIXES);
    cr_assert_geq(n_uniform, stage->n_candidates > 1 ? 2 : 1);
}

/* Candidates of a stage, asked anew of an emulator that remembers nothing. */
static void expect_costs(const setup *s, const weft_i_replica *replica, const weft_problem *problem,
                         const weft_i_problem_sums *sums)
{
    weft_i_emu *emu;
    double model_flop = 0;
    cr_assert_eq(weft_i_emu_create(s->model, s->cluster, s->recipe, &s->parallel,
                                   WEFT_REUSE_MODE_NONE, NULL, &emu),
                 WEFT_STATUS_OK);
    for (int32_t i = 0; i < problem->n_stages; i++) {
        const weft_stage *stage = &problem->stages[i];
        const weft_chunk *chunk = &problem->chunks[stage->chunk];
        const weft_submicrobatch *sub = &problem->submicrobatches[stage->submicrobatch];
        int32_t m = module_of(s, chunk->module);
        weft_i_spans spans = {0};
        for (int32_t j = 0; j < sub->n_items; j++) {
            const weft_i_instances *of = &replica->microbatches[sub->microbatches[0]].modules[m];
            int32_t k = 0;
            while (of->items[k].sample != sub->items[j].sample ||
                   of->items[k].index != sub->items[j].index)
                k++;
            weft_i_spans_add(&spans, &s->model->modules[m].input, &sub->items[j],
                             of->context_tokens[k], NULL);
        }
        weft_i_work work = weft_i_spans_work(&spans);
        expect_uniform(stage);
        for (int32_t k = 0; k < stage->n_candidates; k++) {
            const weft_candidate *found = &stage->candidates[k];
            weft_i_stage_cost cost = cost_of_runs(emu, m, chunk, &work, found);
            cr_assert_arr_eq(&found->cost, &cost.cost, sizeof(cost.cost), "stage %d", i);
            cr_assert_float_eq(sums->recompute_flop[i][k], cost.recompute_flop,
                               1e-9 * cost.recompute_flop);
            cr_assert(k == 0 || found->cost.saved_bytes <= found[-1].cost.saved_bytes);
            if (k == 0) model_flop += cost.model_flop;
        }
        cr_assert_arr_eq(&stage->now.cost, &stage->candidates[0].cost, sizeof(weft_cost));
        weft_i_spans_free(&spans);
    }
    cr_assert_float_eq(sums->model_flop, model_flop, 1e-9 * model_flop);
    weft_i_emu_free(emu);
}

static void expect_ranks(const setup *s, const weft_problem *problem)
{
    cr_assert_eq(problem->n_ranks, s->parallel.pp);
    for (int32_t r = 0; r < problem->n_ranks; r++) {
        int64_t bytes = 0;
        for (int32_t c = 0; c < problem->n_chunks; c++)
            if (problem->chunks[c].rank == r) bytes += problem->chunks[c].state_bytes;
        cr_assert_eq(problem->static_bytes[r], bytes);
        cr_assert_eq(problem->limit_bytes[r], weft_i_emu_limit_bytes(s->emu, r));
    }
}

/* A label is one of module, segment and group of microbatches. */
static void expect_labels(const weft_problem *problem)
{
    for (int32_t a = 0; a < problem->n_stages; a++)
        for (int32_t b = 0; b < a; b++) {
            const weft_stage *x = &problem->stages[a], *y = &problem->stages[b];
            const weft_chunk *cx = &problem->chunks[x->chunk], *cy = &problem->chunks[y->chunk];
            bool same = strcmp(cx->module, cy->module) == 0 && cx->segment == cy->segment &&
                        problem->submicrobatches[x->submicrobatch].microbatches[0] ==
                            problem->submicrobatches[y->submicrobatch].microbatches[0];
            cr_assert_eq(x->label == y->label, same, "stages %d and %d", a, b);
        }
}

static void expect_bound(const weft_problem *problem, const weft_i_problem_sums *sums)
{
    double work = 0;
    for (int32_t i = 0; i < problem->n_stages; i++) {
        int64_t best = WEFT_INT_MAX;
        for (int32_t k = 0; k < problem->stages[i].n_candidates; k++) {
            int64_t ns = weft_i_cost_ns(&problem->stages[i].candidates[k].cost);
            best = ns < best ? ns : best;
        }
        work += (double)best;
    }
    cr_assert(sums->work_bound_ns > 0 && (double)sums->work_bound_ns <= work / problem->n_ranks);
    cr_assert_geq((double)sums->work_bound_ns, 0.5 * work / problem->n_ranks);
}

/* What microbatches are weighed by is what their stages take, but for what small ones lose; and it
 * is that of the modules whole, so that no layout's bound is above it. */
static void expect_weights(const setup *s, int32_t r, const weft_i_problem_sums *sums)
{
    const weft_i_replica *replica = &s->packed.replicas[r];
    double *work = weft_i_alloc((size_t)replica->n_microbatches, sizeof *work), sum = 0;
    cr_assert_eq(weft_i_weigh(s->model, s->recipe, s->emu, replica->microbatches,
                              replica->n_microbatches, NULL, work),
                 WEFT_STATUS_OK);
    for (int32_t i = 0; i < replica->n_microbatches; i++)
        sum += work[i] / s->parallel.pp;
    free(work);
    cr_assert_leq((double)sums->work_bound_ns, sum);
    cr_assert_geq((double)sums->work_bound_ns, 0.9 * sum, "%lld of %g",
                  (long long)sums->work_bound_ns, sum);
}

/* All kinds of layouts, both replicas. The layout does not change what the model computes. */
static void expect_all_layouts(const setup *s, bool with_costs)
{
    double flop[2] = {0, 0};
    bool is_last = false;
    for (int k = 0; !is_last; k++) {
        weft_layout *layout = layout_of(s, k, &is_last);
        cr_assert(layout || k == 3, "only the slowest stage may find nothing that fits");
        for (int32_t r = 0; layout && r < 2; r++) {
            weft_problem *problem;
            weft_i_problem_sums sums;
            weft_error error = {0};
            cr_assert_eq(weft_i_problem_build(s->model, s->recipe, s->emu, layout, &s->packed, r,
                                              &error, &problem, &sums),
                         WEFT_STATUS_OK, "%s %s: %s %s", s->model->name, layout->name, error.path,
                         error.text);
            cr_assert_eq(weft_problem_check(problem, NULL), WEFT_STATUS_OK);
            expect_instances_once(s, layout, &s->packed.replicas[r], problem);
            expect_edges(s, problem);
            expect_ranks(s, problem);
            expect_labels(problem);
            expect_bound(problem, &sums);
            expect_weights(s, r, &sums);
            if (with_costs) expect_costs(s, &s->packed.replicas[r], problem, &sums);
            if (flop[r] > 0) cr_assert_float_eq(sums.model_flop, flop[r], 1e-9 * flop[r]);
            flop[r] = sums.model_flop;
            weft_problem_free(problem);
        }
        weft_layout_free(layout);
    }
}

Test(build, small_batches_of_all_set_ups)
{
    for (int i = 0; i < N_NAMES; i++) {
        setup s;
        setup_open(&s, names[i], i < 5 ? "h800:nodes=16" : "h800:nodes=32", 2, 14,
                   31 + (uint64_t)i);
        expect_all_layouts(&s, i % 3 == 0);
        setup_close(&s);
    }
}

/* Two encoders into one backbone: a module graph that is no chain, cut by way of METIS. */
Test(build, two_encoders_in_parallel)
{
    setup s;
    setup_open_recipe(&s, SOURCE_ROOT "/examples/models/omni-7b.json", "vlm-s", "h800:nodes=4", 2,
                      14, 3);
    expect_all_layouts(&s, true);
    setup_close(&s);
}

/* Layers in the middle of an encoder that feed layers of the backbone, by way of modules of their
 * own. */
Test(build, layers_into_layers)
{
    setup s;
    setup_open_recipe(&s, SOURCE_ROOT "/examples/models/qwen3-vl-8b.json", "vlm-s", "h800:nodes=4",
                      2, 14, 4);
    expect_all_layouts(&s, false);
    setup_close(&s);
}

/* A module of little work may take several microbatches at once, and feeds each of them. */
Test(build, sub_microbatches_over_several_microbatches)
{
    setup s;
    weft_layout *layout;
    weft_problem *problem;
    weft_i_problem_sums sums;
    setup_open(&s, "t2v-s", "h800:nodes=2", 1, 12, 5);
    cr_assert_eq(weft_i_layout_modality(&s.input, NULL, NULL, NULL, &layout), WEFT_STATUS_OK);
    layout->modules[0].microbatches = 3;
    layout->modules[0].submicrobatch_tokens = WEFT_INT_MAX;
    cr_assert_eq(
        weft_i_problem_build(s.model, s.recipe, s.emu, layout, &s.packed, 0, NULL, &problem, &sums),
        WEFT_STATUS_OK);
    int32_t n = s.packed.replicas[0].n_microbatches, n_text = 0;
    for (int32_t i = 0; i < problem->n_submicrobatches; i++)
        n_text += strcmp(problem->submicrobatches[i].module, "text") == 0;
    cr_assert_eq(n_text, (n + 2) / 3);
    cr_assert_eq(problem->submicrobatches[0].n_microbatches, 3);
    expect_instances_once(&s, layout, &s.packed.replicas[0], problem);
    expect_edges(&s, problem);
    expect_labels(problem);
    weft_problem_free(problem);
    weft_layout_free(layout);
    setup_close(&s);
}

/* Small sub-microbatches of the backbone too: an image's sub-microbatch feeds those alone that have
 * its document. */
Test(build, documents_in_several_sub_microbatches)
{
    setup s;
    weft_layout *layout;
    weft_problem *problem;
    weft_i_problem_sums sums;
    setup_open(&s, "vlm-s", "h800:nodes=2", 1, 30, 6);
    const int64_t sizes[] = {3 * 2704, 2500};
    s.input.submicrobatch_tokens = sizes;
    cr_assert_eq(weft_i_layout_modality(&s.input, NULL, NULL, NULL, &layout), WEFT_STATUS_OK);
    cr_assert_eq(
        weft_i_problem_build(s.model, s.recipe, s.emu, layout, &s.packed, 0, NULL, &problem, &sums),
        WEFT_STATUS_OK);
    cr_assert_gt(problem->n_submicrobatches, 4 * s.packed.replicas[0].n_microbatches);
    expect_instances_once(&s, layout, &s.packed.replicas[0], problem);
    expect_edges(&s, problem);
    expect_labels(problem);
    expect_costs(&s, &s.packed.replicas[0], problem, &sums);
    weft_problem_free(problem);
    weft_layout_free(layout);
    setup_close(&s);
}

/* An edge that lets no gradient through: its encoder runs backward on what it has, or not at all,
 * but nothing comes back over the edge. */
Test(build, a_detached_edge)
{
    setup s;
    weft_layout *layout;
    weft_problem *problem;
    weft_i_problem_sums sums;
    setup_open(&s, "vlm-s", "h800:nodes=2", 1, 12, 5);
    s.model->edges[0].gradient = false;
    weft_i_emu_free(s.emu);
    cr_assert_eq(weft_i_emu_create(s.model, s.cluster, s.recipe, &s.parallel, WEFT_REUSE_MODE_ALL,
                                   NULL, &s.emu),
                 WEFT_STATUS_OK);
    s.input.emu = s.emu;
    cr_assert_eq(weft_i_layout_modality(&s.input, NULL, NULL, NULL, &layout), WEFT_STATUS_OK);
    cr_assert_eq(
        weft_i_problem_build(s.model, s.recipe, s.emu, layout, &s.packed, 0, NULL, &problem, &sums),
        WEFT_STATUS_OK);
    expect_edges(&s, problem);
    weft_problem_free(problem);
    weft_layout_free(layout);
    setup_close(&s);
}

/* Random instances, sizes of sub-microbatches and spans: all dealt, none over B, not too many. */
Test(build, random_splits)
{
    weft_i_rng rng;
    weft_i_rng_seed(&rng, 99);
    for (int round = 0; round < 300; round++) {
        weft_item items[4][40];
        weft_i_instances instances[4] = {{0}};
        weft_i_microbatch microbatches[4];
        weft_i_replica replica = {microbatches, 4};
        weft_i_arena arena = {0};
        weft_i_split split;
        weft_layout_module module = {"m", 1, 1, 50 + (int64_t)weft_i_rng_below(&rng, 400),
                                     1 + (int32_t)weft_i_rng_below(&rng, 4)};
        weft_layout layout = {.modules = &module, .n_modules = 1};
        double least = 0;
        for (int32_t k = 0; k < 4; k++) {
            instances[k].items = items[k];
            instances[k].n_items = (int32_t)weft_i_rng_below(&rng, 40);
            microbatches[k] = (weft_i_microbatch){&instances[k], k};
            for (int32_t i = 0; i < instances[k].n_items; i++) {
                items[k][i].tokens = 1 + (int64_t)weft_i_rng_below(&rng, round % 2 ? 100 : 300);
                double share = (double)items[k][i].tokens / (double)module.submicrobatch_tokens;
                least += share > 1 ? 1 : share;
            }
        }
        cr_assert_eq(weft_i_split_make(&replica, &layout, &arena, NULL, &split), WEFT_STATUS_OK);
        int seen[4][40] = {{0}};
        for (int32_t p = 0; p < split.n_parts; p++) {
            const weft_i_part *part = &split.parts[p];
            int64_t sum = 0;
            for (int32_t i = part->first; i < part->first + part->n; i++) {
                weft_i_ref ref = split.refs[i];
                cr_assert_eq(ref.microbatch / module.microbatches, part->group);
                sum += items[ref.microbatch][ref.item].tokens;
                seen[ref.microbatch][ref.item]++;
            }
            cr_assert(sum == part->tokens && part->n >= 1);
            cr_assert(part->n == 1 || sum <= module.submicrobatch_tokens,
                      "seed 99, round %d: %lld tokens in %lld", round, (long long)sum,
                      (long long)module.submicrobatch_tokens);
        }
        for (int32_t k = 0; k < 4; k++)
            for (int32_t i = 0; i < instances[k].n_items; i++)
                cr_assert_eq(seen[k][i], 1);
        cr_assert_leq(split.n_parts, 2 * least + 4, "seed 99, round %d", round);
        weft_i_arena_free(&arena);
    }
}

/* A frozen encoder has no backward: one candidate, no gradient into it. */
Test(build, a_frozen_encoder)
{
    setup s;
    weft_layout *layout;
    weft_problem *problem;
    weft_i_problem_sums sums;
    setup_open_recipe(&s, "t2v-s", "t2v-s-frozen", "h800:nodes=2", 1, 12, 5);
    cr_assert_eq(weft_i_layout_modality(&s.input, NULL, NULL, NULL, &layout), WEFT_STATUS_OK);
    cr_assert_eq(
        weft_i_problem_build(s.model, s.recipe, s.emu, layout, &s.packed, 0, NULL, &problem, &sums),
        WEFT_STATUS_OK);
    for (int32_t i = 0; i < problem->n_stages; i++) {
        bool is_text = strcmp(problem->chunks[problem->stages[i].chunk].module, "text") == 0;
        cr_assert_eq(problem->stages[i].backward == WEFT_BACKWARD_NONE, is_text);
        cr_assert_eq(problem->stages[i].n_candidates > 1, !is_text);
    }
    expect_edges(&s, problem);
    expect_costs(&s, &s.packed.replicas[0], problem, &sums);
    weft_problem_free(problem);
    weft_layout_free(layout);
    setup_close(&s);
}

/* A tied head costs a copy of the embedding, but not on the embedding's own rank. */
Test(build, tied_embeddings)
{
    setup s;
    weft_layout *apart, *together;
    weft_problem *problem;
    weft_i_problem_sums sums;
    weft_error error = {0};
    setup_open(&s, "vlm-s", "h800:nodes=2", 1, 12, 5);
    s.model->modules[1].layers[33].tied = true;
    const int32_t segments[] = {1, 2}, directions[] = {1, 0};
    cr_assert_eq(weft_i_layout_modality(&s.input, NULL, NULL, &error, &apart), WEFT_STATUS_OK);
    cr_assert_eq(weft_i_layout_modality(&s.input, segments, directions, &error, &together),
                 WEFT_STATUS_OK);
    int64_t matrix = weft_i_emu_state_bytes(s.emu, 1, 0, 1);
    for (int k = 0; k < 2; k++) {
        const weft_layout *layout = k == 0 ? apart : together;
        cr_assert_eq(layout->n_shared, 1);
        cr_assert_eq(weft_i_problem_build(s.model, s.recipe, s.emu, layout, &s.packed, 0, &error,
                                          &problem, &sums),
                     WEFT_STATUS_OK, "%s", error.text);
        const weft_chunk *last = &problem->chunks[problem->n_chunks - 1];
        int64_t full = weft_i_emu_state_bytes(s.emu, 1, last->first_layer, last->layers);
        cr_assert_eq(last->state_bytes, k == 0 ? full : full - matrix);
        weft_problem_free(problem);
    }
    weft_layout_free(apart);
    weft_layout_free(together);
    setup_close(&s);
}

Test(build, a_layout_of_another_model)
{
    static const struct {
        const char *model, *text;
    } others[] = {
        {"t2v-s", "layout 'modality' is of model 't2v-s', not of 'vlm-s': its modules differ"},
        {"vlm-m", "layout 'modality' of model 'vlm-m' does not fit model 'vlm-s': module "
                  "'language' has 34 layers, but its chunks 66"},
    };
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        setup s, other;
        weft_layout *layout;
        weft_problem *problem;
        weft_i_problem_sums sums;
        weft_error error = {0};
        setup_open(&s, "vlm-s", "h800:nodes=4", 1, 12, 5);
        setup_open(&other, others[i].model, "h800:nodes=4", 1, 12, 5);
        cr_assert_eq(weft_i_layout_modality(&other.input, NULL, NULL, NULL, &layout),
                     WEFT_STATUS_OK);
        cr_assert_eq(weft_i_problem_build(s.model, s.recipe, s.emu, layout, &s.packed, 0, &error,
                                          &problem, &sums),
                     WEFT_STATUS_BAD_INPUT);
        cr_assert_str_eq(error.text, others[i].text);
        weft_layout_free(layout);
        setup_close(&s);
        setup_close(&other);
    }
}

/* The shipped batches on the set-ups they were made for. */
Test(build, real_batches)
{
    static const char *const files[] = {"vlm-captions", "vlm-interleaved", "vlm-mixed",
                                        "t2v-nextqa"};
    for (int i = 0; i < N_NAMES; i++)
        for (int f = 0; f < 4; f++) {
            bool is_video = strncmp(names[i], "t2v", 3) == 0;
            if (is_video != (f == 3)) continue;
            setup s;
            weft_batch *batch;
            weft_layout *layout;
            weft_problem *problem;
            weft_i_problem_sums sums;
            weft_error error = {0};
            char file[512];
            snprintf(file, sizeof(file), "%s/examples/batches/%s.jsonl", SOURCE_ROOT, files[f]);
            setup_open(&s, names[i], i < 5 ? "h800:nodes=8" : "h800:nodes=16", 1, 6, 1);
            cr_assert_eq(weft_batch_read(file, &error, &batch), WEFT_STATUS_OK, "%s", error.text);
            cr_assert_eq(weft_i_pack(s.model, s.recipe, NULL, batch, 1, 32, false, &s.arena, &error,
                                     &s.packed),
                         WEFT_STATUS_OK, "%s: %s", file, error.text);
            cr_assert_eq(weft_i_layout_modality(&s.input, NULL, NULL, &error, &layout),
                         WEFT_STATUS_OK, "%s", error.text);
            cr_assert_eq(weft_i_problem_build(s.model, s.recipe, s.emu, layout, &s.packed, 0,
                                              &error, &problem, &sums),
                         WEFT_STATUS_OK, "%s on %s: %s", names[i], files[f], error.text);
            cr_assert_eq(s.packed.replicas[0].n_microbatches, 32);
            expect_ranks(&s, problem);
            expect_bound(problem, &sums);
            weft_problem_free(problem);
            weft_layout_free(layout);
            weft_batch_free(batch);
            setup_close(&s);
        }
}

/* All of partition/ on a small case; every layout rule, with METIS (T2V is no chain). */
static weft_status whole_way(const setup *s, weft_error *error)
{
    weft_i_arena arena = {0};
    weft_i_packed packed;
    weft_layout *layouts[4] = {NULL};
    weft_problem *problem = NULL;
    weft_i_problem_sums sums;
    weft_i_layout_input input = s->input;
    input.packed = &packed;
    weft_status status =
        weft_i_pack(s->model, s->recipe, NULL, &s->batch, 1, 0, false, &arena, error, &packed);
    if (status == WEFT_STATUS_OK)
        status = weft_i_layout_modality(&input, NULL, NULL, error, &layouts[0]);
    if (status == WEFT_STATUS_OK)
        status = weft_i_layout_cut(&input, WEFT_I_CUT_TIME, 2, error, &layouts[1]);
    if (status == WEFT_STATUS_OK)
        status = weft_i_layout_cut(&input, WEFT_I_CUT_SLOWEST, 1, error, &layouts[2]);
    if (status == WEFT_STATUS_OK)
        status = weft_i_layout_hand(&input, "text=32,0,0,0;dit=1,9,9,9", error, &layouts[3]);
    if (status == WEFT_STATUS_OK)
        status = weft_i_problem_build(s->model, s->recipe, s->emu, layouts[1], &packed, 0, error,
                                      &problem, &sums);
    for (int i = 0; i < 4; i++)
        weft_layout_free(layouts[i]);
    weft_problem_free(problem);
    weft_i_arena_free(&arena);
    return status;
}

/* An allocation fails, of the first ones each, later ever fewer: out of memory is said, and nothing
 * leaks (the sanitizers look). */
Test(build, allocations_fail)
{
    setup s;
    setup_open(&s, "t2v-s", "h800:nodes=2", 1, 3, 5);
    weft_i_emu_free(s.emu); /* its cache would do without */
    cr_assert_eq(weft_i_emu_create(s.model, s.cluster, s.recipe, &s.parallel, WEFT_REUSE_MODE_NONE,
                                   NULL, &s.emu),
                 WEFT_STATUS_OK);
    s.input.emu = s.emu;
    long k = 1;
    for (;; k += 1 + k / 16) {
        weft_error error = {0};
        weft_i_alloc_fail_after(k);
        weft_status status = whole_way(&s, &error);
        weft_i_alloc_fail_after(0);
        if (status == WEFT_STATUS_OK) break;
        cr_assert_eq(status, WEFT_STATUS_NO_MEMORY, "allocation %ld: %s", k, error.text);
        cr_assert_eq(error.status, WEFT_STATUS_NO_MEMORY, "allocation %ld", k);
    }
    cr_assert_gt(k, 30);
    setup_close(&s);
}
