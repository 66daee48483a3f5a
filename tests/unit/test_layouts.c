/* Layouts of all shipped set-ups: every layer once, ranks even, rules kept; the baselines' cuts
 * against their definitions; cuts by hand. */
#include <math.h>
#include <string.h>

#include "partition/cut.h"
#include "partition/layer_costs.h"
#include "partition/work.h"
#include "tests/unit/setups.h"
#include "weft/partition.h"

static const char *const names[] = {"vlm-s", "vlm-m",  "vlm-l", "t2v-s",
                                    "t2v-l", "vlm-xl", "t2v-xl"};
enum { N_NAMES = sizeof(names) / sizeof(names[0]) };

/* Module of a chunk, by name. */
static int32_t module_of(const setup *s, const weft_layout *layout, int32_t c)
{
    int32_t m = 0;
    while (strcmp(s->model->modules[m].name, layout->chunks[c].module) != 0)
        m++;
    return m;
}

/* Each layer of each module in exactly one chunk, counted apart from weft_layout_check. */
static void expect_every_layer_once(const setup *s, const weft_layout *layout)
{
    for (int32_t m = 0; m < s->model->n_modules; m++)
        for (int32_t l = 0; l < s->model->modules[m].n_layers; l++) {
            int32_t found = 0;
            for (int32_t c = 0; c < layout->n_chunks; c++)
                found += module_of(s, layout, c) == m && l >= layout->chunks[c].first_layer &&
                         l < layout->chunks[c].first_layer + layout->chunks[c].layers;
            cr_assert_eq(found, 1, "%s: layer %d of module %d is in %d chunks", layout->name, l, m,
                         found);
        }
}

static void add_time(const weft_i_module_cost *costs, const weft_layout *layout, const setup *s,
                     int32_t c, double *sum)
{
    const weft_chunk *chunk = &layout->chunks[c];
    for (int32_t l = chunk->first_layer; l < chunk->first_layer + chunk->layers; l++)
        *sum += costs[module_of(s, layout, c)].layers[l].best_ns;
}

/* No rank has more than the mean and one layer. */
static void expect_even_ranks(const setup *s, const weft_layout *layout)
{
    weft_i_arena arena = {0};
    weft_i_module_cost *costs;
    double load[64] = {0}, total = 0, largest = 0;
    cr_assert_eq(weft_i_layer_costs(&s->input, &arena, NULL, &costs), WEFT_STATUS_OK);
    for (int32_t c = 0; c < layout->n_chunks; c++)
        add_time(costs, layout, s, c, &load[layout->chunks[c].rank]);
    for (int32_t m = 0; m < s->model->n_modules; m++)
        for (int32_t l = 0; l < s->model->modules[m].n_layers; l++) {
            total += costs[m].layers[l].best_ns;
            largest = fmax(largest, costs[m].layers[l].best_ns);
        }
    for (int32_t r = 0; r < s->parallel.pp; r++)
        cr_assert_leq(load[r], total / s->parallel.pp + largest, "rank %d has %g of %g", r, load[r],
                      total);
    weft_i_arena_free(&arena);
}

Test(layouts, modality_of_all_set_ups)
{
    for (int i = 0; i < N_NAMES; i++) {
        setup s;
        weft_layout *layout;
        weft_error error = {0};
        setup_open(&s, names[i], i < 5 ? "h800:nodes=8" : "h800:nodes=16", 1, 150, 9);
        cr_assert_eq(weft_i_layout_modality(&s.input, NULL, NULL, &error, &layout), WEFT_STATUS_OK,
                     "%s: %s", names[i], error.text);
        expect_every_layer_once(&s, layout);
        expect_even_ranks(&s, layout);
        cr_assert(strcmp(layout->model, names[i]) == 0 && !layout->slot_of_chunk);
        weft_layout_free(layout);
        setup_close(&s);
    }
}

/* Fullest rank when every module is cut for itself. */
static double cut_apart(const setup *s, const weft_i_module_cost *costs)
{
    double load[64] = {0}, w[256], fullest = 0;
    int32_t cut[65];
    for (int32_t m = 0; m < s->model->n_modules; m++) {
        for (int32_t l = 0; l < costs[m].n_layers; l++)
            w[l] = costs[m].layers[l].best_ns;
        weft_i_cut_line(w, costs[m].n_layers, s->parallel.pp, NULL, false, NULL, cut);
        for (int32_t r = 0; r < s->parallel.pp; r++)
            for (int32_t l = cut[r]; l < cut[r + 1]; l++)
                load[r] += w[l];
    }
    for (int32_t r = 0; r < s->parallel.pp; r++)
        fullest = fmax(fullest, load[r]);
    return fullest;
}

/* Modules make up for each other's uneven layers: never fuller than cut apart, at times less. */
Test(layouts, modules_even_each_other_out)
{
    const int32_t one[] = {1, 1};
    int gained = 0;
    for (int i = 0; i < N_NAMES; i++) {
        setup s;
        weft_layout *layout;
        weft_i_arena arena = {0};
        weft_i_module_cost *costs;
        double load[64] = {0}, fullest = 0;
        setup_open(&s, names[i], i < 5 ? "h800:nodes=8" : "h800:nodes=16", 1, 150, 9);
        cr_assert_eq(weft_i_layer_costs(&s.input, &arena, NULL, &costs), WEFT_STATUS_OK);
        cr_assert_eq(weft_i_layout_modality(&s.input, one, NULL, NULL, &layout), WEFT_STATUS_OK);
        for (int32_t c = 0; c < layout->n_chunks; c++)
            add_time(costs, layout, &s, c, &load[layout->chunks[c].rank]);
        for (int32_t r = 0; r < s.parallel.pp; r++)
            fullest = fmax(fullest, load[r]);
        double apart = cut_apart(&s, costs);
        cr_assert_leq(fullest, apart * (1 + 1e-9), "%s", names[i]);
        gained += fullest < apart * 0.999;
        weft_layout_free(layout);
        weft_i_arena_free(&arena);
        setup_close(&s);
    }
    cr_assert_geq(gained, 2, "only %d of %d", gained, N_NAMES);
}

/* The rule by its words: no smaller size keeps 95 % of the best, and this one does. */
Test(layouts, best_size_of_fixed_images)
{
    setup s;
    weft_i_best_size found;
    double best = 0, at_found = 0, below = 0;
    setup_open(&s, "vlm-s", "h800:nodes=2", 1, 150, 9);
    cr_assert_eq(weft_i_best_size_find(&s.input, 0, NULL, &found), WEFT_STATUS_OK);
    cr_assert_eq(found.tokens % 2704, 0);
    int32_t most = 0;
    for (int32_t b = 0; b < s.packed.replicas[0].n_microbatches; b++)
        if (s.packed.replicas[0].microbatches[b].modules[0].n_items > most)
            most = s.packed.replicas[0].microbatches[b].modules[0].n_items;
    for (int32_t n = 1; n <= most; n++) {
        weft_i_span spans[48];
        weft_i_work work = {2704 * n, spans, n};
        weft_i_stage_cost cost;
        for (int32_t k = 0; k < n; k++)
            spans[k] = (weft_i_span){2704, 0};
        cr_assert_eq(weft_i_emu_stage(s.emu, 0, 0, s.model->modules[0].n_layers, &work,
                                      WEFT_I_STRATEGY_NONE, NULL, &cost),
                     WEFT_STATUS_OK);
        double rate = (double)work.tokens / (double)weft_i_cost_ns(&cost.cost);
        best = fmax(best, rate);
        if (work.tokens == found.tokens) at_found = rate;
        if (work.tokens < found.tokens) below = fmax(below, rate);
    }
    cr_assert_geq(at_found, 0.95 * best * 0.999);
    cr_assert_lt(below, 0.95 * best, "%lld tokens: %g and %g of %g", (long long)found.tokens,
                 at_found, below, best);
    setup_close(&s);
}

/* Overrides of K and direction; chunks run as the directions say. */
Test(layouts, segments_and_directions)
{
    setup s;
    weft_layout *layout;
    setup_open(&s, "vlm-s", "h800:nodes=2", 1, 60, 9);
    const int32_t segments[] = {2, 3}, directions[] = {0, -1};
    const int64_t sizes[] = {5408, 0};
    s.input.submicrobatch_tokens = sizes;
    cr_assert_eq(weft_i_layout_modality(&s.input, segments, directions, NULL, &layout),
                 WEFT_STATUS_OK);
    cr_assert(layout->modules[0].segments == 2 && layout->modules[1].segments == 3);
    cr_assert_eq(layout->modules[0].submicrobatch_tokens, 5408);
    cr_assert_eq(layout->modules[1].submicrobatch_tokens, WEFT_INT_MAX);
    cr_assert_eq(layout->n_chunks, 4 * 5);
    for (int32_t c = 0; c < 20; c++) {
        int32_t rank = c < 4 ? c : 3 - c % 4; /* forth; then back, back, back, back */
        cr_assert_eq(layout->chunks[c].rank, rank, "chunk %d on rank %d", c,
                     layout->chunks[c].rank);
    }
    expect_every_layer_once(&s, layout);
    weft_layout_free(layout);

    /* More segments than layers can fill are cut down: every segment has all its ranks. */
    const int32_t many[] = {1, 1000};
    cr_assert_eq(weft_i_layout_modality(&s.input, many, NULL, NULL, &layout), WEFT_STATUS_OK);
    cr_assert_eq(layout->modules[1].segments, 34 / 4);
    weft_layout_free(layout);
    setup_close(&s);
}

/* Largest piece of a cut, by parameters or time; the pieces are (slot, rank). */
static double largest_piece(const setup *s, const weft_layout *layout, weft_i_cut_rule rule)
{
    weft_i_arena arena = {0};
    weft_i_module_cost *costs;
    double piece[256] = {0}, largest = 0;
    cr_assert_eq(weft_i_layer_costs(&s->input, &arena, NULL, &costs), WEFT_STATUS_OK);
    for (int32_t c = 0; c < layout->n_chunks; c++) {
        const weft_chunk *chunk = &layout->chunks[c];
        double *sum = &piece[layout->slot_of_chunk[c] * s->parallel.pp + chunk->rank];
        if (rule == WEFT_I_CUT_TIME)
            add_time(costs, layout, s, c, sum);
        else
            *sum += (double)weft_model_parameters(s->model, module_of(s, layout, c),
                                                  chunk->first_layer, chunk->layers, false);
    }
    for (int i = 0; i < 256; i++)
        largest = fmax(largest, piece[i]);
    weft_i_arena_free(&arena);
    return largest;
}

/* Least largest piece of n weights in k pieces, by the number of pieces that a limit needs. */
static double slow_bottleneck(const double *w, int32_t n, int32_t k)
{
    double best = INFINITY;
    for (int32_t i = 0; i < n; i++)
        for (int32_t j = i; j < n; j++) {
            double limit = 0, sum = 0;
            int32_t pieces = 1;
            for (int32_t l = i; l <= j; l++)
                limit += w[l];
            if (limit >= best) continue;
            for (int32_t l = 0; l < n; l++) {
                if (w[l] > limit) pieces = k + 1;
                if (sum + w[l] > limit * (1 + 1e-12)) {
                    pieces++;
                    sum = 0;
                }
                sum += w[l];
            }
            if (pieces <= k) best = limit;
        }
    return best;
}

Test(layouts, cuts_by_parameters_and_time)
{
    for (int i = 0; i < N_NAMES; i++) {
        setup s;
        setup_open(&s, names[i], i < 5 ? "h800:nodes=8" : "h800:nodes=16", 1, 60, 9);
        for (int rule = WEFT_I_CUT_PARAMETERS; rule <= WEFT_I_CUT_TIME; rule++)
            for (int32_t v = 1; v <= 3; v++) {
                weft_layout *layout;
                weft_i_arena arena = {0};
                weft_i_module_cost *costs;
                double w[512];
                int32_t n = 0;
                cr_assert_eq(weft_i_layout_cut(&s.input, (weft_i_cut_rule)rule, v, NULL, &layout),
                             WEFT_STATUS_OK);
                cr_assert(layout->n_slots == v && layout->slot_of_chunk);
                expect_every_layer_once(&s, layout);
                weft_i_layer_costs(&s.input, &arena, NULL, &costs);
                for (int32_t m = 0; m < s.model->n_modules; m++)
                    for (int32_t l = 0; l < s.model->modules[m].n_layers; l++)
                        w[n++] = rule == WEFT_I_CUT_TIME
                                     ? costs[m].layers[l].best_ns
                                     : (double)weft_model_parameters(s.model, m, l, 1, false);
                double found = largest_piece(&s, layout, (weft_i_cut_rule)rule);
                /* A chain's cut is the best of all; of a graph any line may be cut. */
                if (i != 3 && i != 4 && i != 6)
                    cr_assert_float_eq(found, slow_bottleneck(w, n, v * s.parallel.pp),
                                       1e-6 * found, "%s %s: %g", names[i], layout->name, found);
                weft_i_arena_free(&arena);
                weft_layout_free(layout);
            }
        setup_close(&s);
    }
}

/* The folded cut has the pieces of the cut by time, those of its second slot on the ranks from the
 * last one back. */
Test(layouts, folded_cut)
{
    for (int i = 0; i < N_NAMES; i++) {
        setup s;
        weft_layout *straight, *folded;
        setup_open(&s, names[i], i < 5 ? "h800:nodes=8" : "h800:nodes=16", 1, 60, 9);
        cr_assert_eq(weft_i_layout_cut(&s.input, WEFT_I_CUT_TIME, 2, NULL, &straight),
                     WEFT_STATUS_OK);
        cr_assert_eq(weft_i_layout_cut(&s.input, WEFT_I_CUT_FOLDED, 2, NULL, &folded),
                     WEFT_STATUS_OK);
        expect_every_layer_once(&s, folded);
        cr_assert_eq(folded->n_chunks, straight->n_chunks);
        for (int32_t c = 0; c < straight->n_chunks; c++) {
            const weft_chunk *a = &straight->chunks[c], *b = &folded->chunks[c];
            bool back = straight->slot_of_chunk[c] == 1;
            cr_expect_eq(a->first_layer, b->first_layer);
            cr_expect_eq(b->rank, back ? s.parallel.pp - 1 - a->rank : a->rank);
        }
        weft_layout_free(straight);
        weft_layout_free(folded);
        setup_close(&s);
    }
}

/* Without a limit the slowest stage is that of the cut by time; with a tight one it is slower or
 * there is none. */
Test(layouts, slowest_stage_within_memory)
{
    setup s;
    weft_layout *by_time, *slowest;
    weft_error error = {0};
    setup_open(&s, "vlm-s", "h800:nodes=2", 1, 60, 9);
    cr_assert_eq(weft_i_layout_cut(&s.input, WEFT_I_CUT_TIME, 1, NULL, &by_time), WEFT_STATUS_OK);
    cr_assert_eq(weft_i_layout_cut(&s.input, WEFT_I_CUT_SLOWEST, 1, NULL, &slowest),
                 WEFT_STATUS_OK);
    double best = largest_piece(&s, by_time, WEFT_I_CUT_TIME);
    double found = largest_piece(&s, slowest, WEFT_I_CUT_TIME);
    cr_assert_geq(found, best * (1 - 1e-9));
    weft_layout_free(by_time);
    weft_layout_free(slowest);
    cr_assert_eq(weft_i_layout_cut(&s.input, WEFT_I_CUT_SLOWEST, 2, &error, &slowest),
                 WEFT_STATUS_USAGE);
    setup_close(&s);

    /* On devices of 12 GiB the model does not fit, however it is cut. */
    setup_open(&s, "vlm-s", "h800:nodes=2", 1, 60, 9);
    s.cluster->node_types[0].device.memory_bytes = INT64_C(12) << 30;
    error = (weft_error){0};
    cr_assert_eq(weft_i_layout_cut(&s.input, WEFT_I_CUT_SLOWEST, 1, &error, &slowest),
                 WEFT_STATUS_INFEASIBLE);
    cr_assert(strstr(error.text, "no cut of 99 layers into 4 stages fits into"), "%s", error.text);
    setup_close(&s);
}

Test(layouts, encoders_apart)
{
    setup s;
    weft_layout *layout;
    setup_open(&s, "vlm-s", "h800:nodes=2", 1, 60, 9);
    cr_assert_eq(weft_i_layout_modules(&s.input, NULL, &layout), WEFT_STATUS_OK);
    cr_assert(layout->n_chunks == 8 && layout->n_slots == 2);
    for (int32_t c = 0; c < 8; c++)
        cr_assert(layout->slot_of_chunk[c] == c / 4 && layout->chunks[c].rank == c % 4);
    expect_every_layer_once(&s, layout);
    expect_even_ranks(&s, layout);
    weft_layout_free(layout);
    setup_close(&s);
}

Test(layouts, more_ranks_than_layers)
{
    setup s;
    weft_layout *layout;
    weft_error error = {0};
    setup_open(&s, "vlm-s", "h800:nodes=2", 1, 60, 9);
    s.input.parallel.pp = 100;
    cr_assert_eq(weft_i_layout_modality(&s.input, NULL, NULL, &error, &layout),
                 WEFT_STATUS_INFEASIBLE);
    cr_assert_str_eq(error.text, "100 pipeline ranks for the 99 layers of model 'vlm-s'");
    setup_close(&s);
}

static void expect_usage(const setup *s, const char *cut, const char *text)
{
    weft_error error = {0};
    weft_layout *layout;
    cr_assert_eq(weft_i_layout_hand(&s->input, cut, &error, &layout), WEFT_STATUS_USAGE);
    cr_assert_str_eq(error.text, text);
}

Test(layouts, by_hand)
{
    setup s;
    weft_layout *layout;
    setup_open(&s, "vlm-s", "h800:nodes=2", 1, 60, 9);
    cr_assert_eq(weft_i_layout_hand(&s.input, "vision=63,0,0,0;language=1,10,11,10", NULL, &layout),
                 WEFT_STATUS_OK);
    static const int32_t expected[5][3] = {
        {0, 0, 65}, {0, 0, 2}, {1, 2, 10}, {2, 12, 11}, {3, 23, 11}};
    cr_assert_eq(layout->n_chunks, 5);
    for (int32_t c = 0; c < 5; c++)
        cr_assert(layout->chunks[c].rank == expected[c][0] &&
                      layout->chunks[c].first_layer == expected[c][1] &&
                      layout->chunks[c].layers == expected[c][2],
                  "chunk %d", c);
    weft_layout_free(layout);
    /* All layers named; two slots, the second without vision. */
    cr_assert_eq(weft_i_layout_hand(&s.input, "language=0,0,0,2,8,8,8,8;vision=20,20,20,5,0,0,0,0",
                                    NULL, &layout),
                 WEFT_STATUS_OK);
    cr_assert(layout->n_slots == 2 && layout->modules[0].segments == 1 &&
              layout->modules[1].segments == 2);
    expect_every_layer_once(&s, layout);
    weft_layout_free(layout);

    expect_usage(&s, "vision=63,0,0;language=1,10,11,10",
                 "a cut by hand: found 3 numbers for the first module, expected one for each of 4 "
                 "ranks, or a multiple");
    expect_usage(&s, "vision=63,0,0,0;language=1,10,11",
                 "a cut by hand: found 3 numbers for module 'language', expected 4");
    expect_usage(&s, "vision=63,0,0,0", "a cut by hand: module 'language' is missing");
    expect_usage(&s, "vision=62,0,0,0;language=1,10,11,10",
                 "a cut by hand: found 62 layers of module 'vision', expected 65, or the 63 that "
                 "are no embedding, head, patch or projector");
    expect_usage(&s, "vision=63,0,0,0;audio=1,10,11,10",
                 "a cut by hand: found 'audio', expected MODULE=LAYERS,LAYERS,... with a module of "
                 "'vlm-s'");
    expect_usage(&s, "vision=63,0,-1,1;language=1,10,11,10",
                 "a cut by hand: found '-1' for module 'vision', expected a number of layers");
    expect_usage(&s, "",
                 "a cut by hand: found 1 numbers for the first module, expected one for "
                 "each of 4 ranks, or a multiple");
    setup_close(&s);
}

/* Fewer layers than ranks: some are left out. A tied head shares the embedding. */
Test(layouts, few_layers_and_a_tied_head)
{
    setup s;
    weft_layout *layout;
    weft_error error = {0};
    setup_open(&s, "vlm-s", "h800:nodes=16", 1, 60, 9);
    s.model->modules[0].n_layers = 65;
    s.parallel.pp = 32;
    s.input.parallel = s.parallel;
    weft_i_emu_free(s.emu);
    s.model->modules[1].layers[33].tied = true;
    cr_assert_eq(weft_i_emu_create(s.model, s.cluster, s.recipe, &s.parallel, WEFT_REUSE_MODE_ALL,
                                   &error, &s.emu),
                 WEFT_STATUS_OK, "%s", error.text);
    s.input.emu = s.emu;
    cr_assert_eq(weft_i_layout_modality(&s.input, NULL, NULL, NULL, &layout), WEFT_STATUS_OK);
    expect_every_layer_once(&s, layout);
    cr_assert_eq(layout->n_shared, 1);
    cr_assert_eq(layout->shared[0].chunks[1], layout->n_chunks - 1);
    cr_assert_eq(layout->shared[0].bytes, weft_i_emu_state_bytes(s.emu, 1, 0, 1));
    weft_layout_free(layout);
    setup_close(&s);
}

static void expect_parallel(weft_parallel wanted, weft_parallel said, int64_t gpus, int32_t dp,
                            int32_t tp)
{
    weft_parallel found;
    cr_assert_eq(weft_parallel_resolve(&wanted, &said, gpus, NULL, &found), WEFT_STATUS_OK);
    cr_assert(found.dp == dp && found.tp == tp && found.cp == 1, "dp %d, tp %d", found.dp,
              found.tp);
}

Test(layouts, parallel_sizes)
{
    weft_parallel none = {0}, said = {.pp = 4, .tp = 4}, dp2 = {.dp = 2}, tp8 = {.tp = 8}, found;
    weft_error error = {0};
    expect_parallel(none, said, 0, 1, 4);
    expect_parallel(none, said, 64, 4, 4);
    expect_parallel(dp2, said, 0, 2, 4);
    expect_parallel(dp2, said, 32, 2, 4);
    expect_parallel(tp8, said, 64, 2, 8);
    cr_assert_eq(weft_parallel_resolve(&none, &said, 40, &error, &found), WEFT_STATUS_USAGE);
    cr_assert_str_eq(error.text, "40 devices are not tp 4 x cp 1 x pp 4 x a number of replicas");
    cr_assert_eq(weft_parallel_resolve(&dp2, &said, 64, NULL, &found), WEFT_STATUS_USAGE);
    said.tp = said.pp = 1 << 16;
    cr_assert_eq(weft_parallel_resolve(&none, &said, 0, NULL, &found), WEFT_STATUS_USAGE);
}

/* The public way gives what the rules give; two batches count as one. */
Test(layouts, by_the_public_function)
{
    setup s, more;
    weft_layout *found, *expected;
    weft_error error = {0};
    weft_partition_options options;
    setup_open(&s, "vlm-s", "h800:nodes=2", 1, 100, 9);
    setup_open(&more, "vlm-s", "h800:nodes=2", 1, 100, 10);
    const weft_batch *batches[] = {&s.batch, &more.batch};
    cr_assert_eq(weft_i_layout_modality(&s.input, NULL, NULL, NULL, &expected), WEFT_STATUS_OK);
    cr_assert_eq(
        weft_partition_make(s.model, s.cluster, s.recipe, batches, 1, NULL, &error, &found),
        WEFT_STATUS_OK, "%s", error.text);
    cr_assert(found->n_chunks == expected->n_chunks && found->parallel.pp == 4);
    for (int32_t c = 0; c < found->n_chunks; c++)
        cr_assert(found->chunks[c].rank == expected->chunks[c].rank &&
                  found->chunks[c].first_layer == expected->chunks[c].first_layer);
    weft_layout_free(found);
    weft_layout_free(expected);

    weft_partition_options_init(&options);
    options.pp = 2;
    options.gpus = 16;
    cr_assert_eq(
        weft_partition_make(s.model, s.cluster, s.recipe, batches, 2, &options, &error, &found),
        WEFT_STATUS_OK, "%s", error.text);
    cr_assert(found->parallel.pp == 2 && found->parallel.dp == 2);
    expect_every_layer_once(&s, found);
    weft_layout_free(found);
    options.gpus = 1600;
    cr_assert_eq(
        weft_partition_make(s.model, s.cluster, s.recipe, batches, 2, &options, &error, &found),
        WEFT_STATUS_INFEASIBLE);
    options.struct_size = 1000;
    cr_assert_eq(
        weft_partition_make(s.model, s.cluster, s.recipe, batches, 2, &options, NULL, &found),
        WEFT_STATUS_USAGE);
    cr_assert_eq(weft_partition_make(s.model, s.cluster, s.recipe, batches, 0, NULL, NULL, &found),
                 WEFT_STATUS_USAGE);
    setup_close(&s);
    setup_close(&more);
}
