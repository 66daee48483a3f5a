/* tests/unit/test_lifetimes.c - what lives from forward to backward under sets of recomputed
 * operators. The slow version runs a backward with what is kept, operator by operator, and takes
 * away one thing at a time: whatever is left over or missing shows. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/rng.h"
#include "emu/layers.h"
#include "emu/lifetimes.h"
#include "profiles/recompute.h"

enum { BOTH = WEFT_I_NEED_INPUT | WEFT_I_NEED_WEIGHT };

static const weft_layer block = {.kind = WEFT_LAYER_TRANSFORMER,
                                 .hidden = 256,
                                 .ffn = 1024,
                                 .heads = 4,
                                 .kv_heads = 4,
                                 .head_size = 64,
                                 .attention = WEFT_ATTENTION_CAUSAL};
static const weft_parallel one = {1, 1, 1, 1, 1}, four = {4, 1, 4, 1, 4};

static void make_graph(const weft_layer *layer, const weft_parallel *parallel, bool flash,
                       bool spread, weft_i_operators *out)
{
    const weft_recipe recipe = {.flash_attention = flash, .sequence_parallel = spread};
    const weft_i_place place = {.backward = WEFT_BACKWARD_FULL, .asked = true};
    const weft_i_load load = {.tokens = 512, .context = 64, .spans = 2};
    weft_i_shape shape = weft_i_shape_of(layer, &recipe, parallel, &place);
    weft_i_operators_clear(out);
    weft_i_layer_operators(&shape, layer, &load, out);
}

/* Whether a backward has all that it needs, run as it would run: what is kept is there, operators
 * run again in their order, gathered tensors are gathered where their source is. */
static bool suffices(const weft_i_operators *graph, unsigned needed, const weft_i_lifetimes *lives)
{
    bool there[WEFT_I_MAX_TENSORS];
    memcpy(there, lives->kept, sizeof there);
    for (int32_t i = 0; i < graph->n_operators; i++) {
        const weft_i_operator *op = &graph->operators[i];
        if (!lives->again[i]) continue;
        for (int32_t r = 0; r < op->n_reads; r++)
            if (!there[op->reads[r].tensor]) return false;
        for (int32_t k = 0; k < op->n_made; k++)
            there[op->made[k]] = true;
    }
    for (int32_t i = 0; i < graph->n_operators; i++)
        for (int32_t r = 0; r < graph->operators[i].n_reads; r++) {
            const weft_i_read *read = &graph->operators[i].reads[r];
            int32_t source = graph->tensors[read->tensor].source;
            if ((read->need & needed) && !there[source >= 0 ? source : read->tensor]) return false;
        }
    for (int32_t t = 0; t < graph->n_tensors; t++)
        if ((graph->tensors[t].own & needed) && !there[t]) return false;
    return true;
}

/* Names of operators that run again in part only. */
static uint32_t regions_again(const weft_i_operators *graph, const weft_i_lifetimes *lives,
                              uint32_t set)
{
    uint32_t regions = 0;
    for (int32_t i = 0; i < graph->n_operators; i++)
        if (lives->again[i]) regions |= graph->operators[i].names & set & WEFT_I_REDO_REGIONS;
    return regions;
}

/* Whether an operator without one of those names needs a tensor: it keeps what a region gave it,
 * though the region makes it once more. */
static bool is_kept_outside(const weft_i_operators *graph, unsigned needed, int32_t tensor,
                            const weft_i_lifetimes *lives, uint32_t regions)
{
    for (int32_t i = 0; i < graph->n_operators; i++)
        for (int32_t r = 0; r < graph->operators[i].n_reads; r++) {
            const weft_i_operator *op = &graph->operators[i];
            if (op->reads[r].tensor == tensor && !(op->names & regions) &&
                ((op->reads[r].need & needed) || lives->again[i]))
                return true;
        }
    return false;
}

/* Whether an operator of those names needs a tensor in the backward, or to run again. */
static bool is_needed_by(const weft_i_operators *graph, unsigned needed, int32_t tensor,
                         const weft_i_lifetimes *lives, uint32_t names)
{
    const weft_i_tensor *made = &graph->tensors[tensor];
    if (made->maker >= 0 && (made->own & needed) && (graph->operators[made->maker].names & names))
        return true;
    for (int32_t i = 0; i < graph->n_operators; i++)
        for (int32_t r = 0; r < graph->operators[i].n_reads; r++) {
            const weft_i_operator *op = &graph->operators[i];
            int32_t read = op->reads[r].tensor, source = graph->tensors[read].source;
            bool back = (op->reads[r].need & needed) && (source >= 0 ? source : read) == tensor;
            if ((op->names & names) && (back || (lives->again[i] && read == tensor))) return true;
        }
    return false;
}

static void expect_right(const weft_i_operators *graph, unsigned needed, uint32_t set,
                         const char *what)
{
    weft_i_lifetimes lives, less;
    weft_i_lifetimes_find(graph, needed, set, &lives);
    uint32_t regions = regions_again(graph, &lives, set);
    cr_assert(suffices(graph, needed, &lives), "%s, set %x lacks something", what, set);
    for (int32_t t = 0; t < graph->n_tensors; t++) {
        if (!lives.kept[t]) continue;
        int32_t maker = graph->tensors[t].maker;
        uint32_t names = maker >= 0 ? graph->operators[maker].names & set : 0;
        cr_assert(!(names & ~(uint32_t)WEFT_I_REDO_REGIONS), "%s, set %x keeps %d", what, set, t);
        cr_assert_eq(graph->tensors[t].source, -1, "%s, set %x keeps gathered %d", what, set, t);
        less = lives;
        less.kept[t] = false;
        cr_assert(!suffices(graph, needed, &less) ||
                      is_kept_outside(graph, needed, t, &lives, names & regions),
                  "%s, set %x keeps %d for nothing", what, set, t);
    }
    for (int32_t t = 0; t < graph->n_tensors; t++)
        cr_assert_eq(lives.sent[t],
                     lives.kept[t] &&
                         is_needed_by(graph, needed, t, &lives, set >> WEFT_I_OFFLOAD_SHIFT),
                     "%s, set %x: %d is on the wrong side", what, set, t);
    for (int32_t i = 0; i < graph->n_operators; i++) {
        const weft_i_operator *op = &graph->operators[i];
        bool in_region = op->phase == WEFT_I_PHASE_FW && (op->names & regions);
        if (in_region) cr_assert(lives.again[i], "%s, set %x leaves %d of a region", what, set, i);
        if (!lives.again[i] || in_region) continue;
        less = lives;
        less.again[i] = false;
        cr_assert(!suffices(graph, needed, &less), "%s, set %x runs %d for nothing", what, set, i);
        bool gathers = op->n_made == 1 && graph->tensors[op->made[0]].source >= 0;
        cr_assert(gathers || (op->names & set), "%s, set %x does not name %d", what, set, i);
    }
}

/* Every kind of layer with something to name. */
static int32_t make_layers(weft_layer out[8])
{
    for (int i = 0; i < 8; i++)
        out[i] = block;
    out[1].experts = 8;
    out[1].experts_per_token = 2;
    out[1].shared_experts = 1;
    out[1].mlp = WEFT_MLP_SWIGLU;
    out[2].kv_rank = 32;
    out[2].q_rank = 48;
    out[2].rope_size = 16;
    out[2].value_size = 64;
    out[3].cross_hidden = 128;
    out[4].kind = WEFT_LAYER_DIT;
    out[4].cross_hidden = 128;
    out[5].kind = WEFT_LAYER_MAMBA;
    out[5].state_size = 16;
    out[5].expand = 2;
    out[5].conv_width = 4;
    out[6].lora_rank = 8;
    out[7].kind = WEFT_LAYER_PROJECTOR;
    out[7].in_features = 512;
    return 8;
}

Test(lifetimes, nothing_is_missing_and_nothing_too_much)
{
    weft_i_rng rng;
    weft_layer layers[8];
    int32_t n = make_layers(layers);
    weft_i_rng_seed(&rng, 5);
    for (int32_t l = 0; l < n; l++)
        for (int variant = 0; variant < 8; variant++) {
            weft_i_operators graph;
            char what[64];
            make_graph(&layers[l], variant & 1 ? &four : &one, variant & 2, variant & 4, &graph);
            snprintf(what, sizeof what, "seed 5, layer %d, variant %d", l, variant);
            for (int draw = 0; draw < 40; draw++) {
                uint32_t set = (uint32_t)weft_i_rng_below(&rng, 2 * WEFT_I_REDO_WHOLE);
                if (draw < 14) set = draw == 0 ? 0 : 1u << (draw - 1);
                if (draw % 2 == 1)
                    set |= (uint32_t)weft_i_rng_below(&rng, 2 * WEFT_I_REDO_WHOLE)
                           << WEFT_I_OFFLOAD_SHIFT;
                expect_right(&graph, BOTH, set, what);
                expect_right(&graph, WEFT_I_NEED_INPUT, set, what);
            }
        }
}

static double saved_bytes(const weft_i_operators *graph, uint32_t set)
{
    weft_i_lifetimes lives;
    double bytes = 0;
    weft_i_lifetimes_find(graph, BOTH, set, &lives);
    for (int32_t t = 0; t < graph->n_tensors; t++)
        if (lives.kept[t]) bytes += graph->tensors[t].bytes;
    return bytes;
}

/* A layer of GPT keeps 34 bytes a token and value of hidden: 4 of norms' outputs, 8 of the MLP's
 * activation's, 8 of its input, 6 of query, key and value (Korthikanti et al. 2022). */
Test(lifetimes, bytes_of_gpt)
{
    weft_i_operators graph;
    const double th = 512 * 256;
    make_graph(&block, &one, true, false, &graph);
    const struct {
        uint32_t set;
        double bytes;
    } cases[] = {{0, 34},
                 {WEFT_I_REDO_LAYERNORM, 30},
                 {WEFT_I_REDO_MLP_ACT, 26},
                 {WEFT_I_REDO_MLP, 18},
                 {WEFT_I_REDO_MLP | WEFT_I_REDO_LAYERNORM, 14},
                 {WEFT_I_REDO_CORE_ATTN, 34},
                 {WEFT_I_REDO_QKV_PROJ, 28},
                 {WEFT_I_REDO_MOE | WEFT_I_REDO_SSM | WEFT_I_REDO_MLA_UP_PROJ, 34},
                 {WEFT_I_REDO_WHOLE, 2}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        cr_expect_float_eq(saved_bytes(&graph, cases[i].set), cases[i].bytes * th, 1, "set %x",
                           cases[i].set);
}

/* Of latent attention the up maps are made again from the normed latents, which stay, and the part
 * of the key that is rotated, which nobody kept before. */
Test(lifetimes, bytes_of_latent_attention)
{
    weft_layer layer = block;
    weft_i_operators graph;
    layer.kv_rank = 32;
    layer.q_rank = 48;
    layer.rope_size = 16;
    layer.value_size = 64;
    make_graph(&layer, &one, true, false, &graph);
    double qkv = 2 * 512 * 4 * ((64 + 16) + (64 + 16) + 64), rotated = 2 * 512 * 16;
    double less = saved_bytes(&graph, 0) - saved_bytes(&graph, WEFT_I_REDO_MLA_UP_PROJ);
    cr_expect_float_eq(less, qkv - rotated, 1);
}

/* Of experts: rows sent and come back, both sides of the activation; the shared one apart. */
Test(lifetimes, bytes_of_experts)
{
    weft_layer layer = block;
    weft_i_operators graph;
    layer.experts = 8;
    layer.experts_per_token = 2;
    layer.shared_experts = 1;
    make_graph(&layer, &one, true, false, &graph);
    double rows = 2 * 512, all = saved_bytes(&graph, 0), shared = 2 * 512 * 2 * 1024.0;
    double act = 2 * rows * 1024, routed = 2 * rows * (2 * 256 + 2 * 1024);
    cr_expect_float_eq(all - saved_bytes(&graph, WEFT_I_REDO_MOE_ACT), act, 1);
    cr_expect_float_eq(all - saved_bytes(&graph, WEFT_I_REDO_SHARED_EXPERTS), shared, 1);
    cr_expect_float_eq(all - saved_bytes(&graph, WEFT_I_REDO_MOE), routed + shared, 1);
}

Test(lifetimes, names)
{
    static const struct {
        const char *text, *written, *wrong;
    } cases[] = {{"core_attn", "core_attn", NULL},
                 {"layernorm,core_attn", "core_attn+layernorm", NULL},
                 {"moe_act+mlp,mla_up_proj", "mlp+moe_act+mla_up_proj", NULL},
                 {"offload.mlp,layernorm", "layernorm+offload.mlp", NULL},
                 {"offload.layernorm+mlp,offload.core_attn",
                  "mlp+offload.core_attn+offload.layernorm", NULL},
                 {"offload.", NULL, "'offload.' is no operator"},
                 {"offload.offload.mlp", NULL, "'offload.offload.mlp' is no operator"},
                 {"", NULL, "'' is no operator of core_attn, mlp,"},
                 {"mlp,", NULL, "'' is no operator of"},
                 {"mlp,selective", NULL, "'selective' is no operator of"},
                 {"mlp,layernorm+mlp", NULL, "'mlp' is there twice"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        weft_i_recompute_fault fault;
        char written[WEFT_I_RECOMPUTE_SIZE];
        uint32_t set, again;
        bool good = weft_i_recompute_parse(cases[i].text, &set, &fault);
        cr_assert_eq(good, cases[i].written != NULL, "%s", cases[i].text);
        if (!good) {
            cr_expect(strstr(fault.text, cases[i].wrong), "%s", fault.text);
            continue;
        }
        weft_i_recompute_write(set, written);
        cr_expect_str_eq(written, cases[i].written);
        cr_expect(weft_i_recompute_parse(written, &again, &fault) && again == set);
    }
}
