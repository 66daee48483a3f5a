/* partition/token_flow.c - questions to a model's edges. Models have a few modules and edges: each
 * question walks over all. */
#include "partition/token_flow.h"

int64_t weft_i_add_tokens(int64_t a, int64_t b)
{
    return a > WEFT_INT_MAX - b ? WEFT_INT_MAX : a + b;
}

static bool feeds(const weft_model *model, int32_t from, int32_t to, weft_edge_kind kind)
{
    for (int32_t e = 0; e < model->n_edges; e++) {
        const weft_model_edge *edge = &model->edges[e];
        if (edge->from_module == from && edge->to_module == to && edge->kind == kind) return true;
    }
    return false;
}

int32_t weft_i_flow_first(const weft_model *model, weft_modality modality)
{
    for (int32_t m = 0; m < model->n_modules; m++)
        if (model->modules[m].modality == modality) return m;
    return -1;
}

int32_t weft_i_flow_before(const weft_model *model, int32_t m)
{
    for (int32_t f = m - 1; f >= 0; f--)
        if (model->modules[f].modality == model->modules[m].modality &&
            feeds(model, f, m, WEFT_EDGE_TOKENS))
            return f;
    return -1;
}

static int64_t received_of(const weft_model *model, int32_t m, weft_modality modality,
                           const int64_t *out_tokens)
{
    bool takes_added = model->modules[m].modality == WEFT_MODALITY_TEXT, has_tokens = false;
    int64_t tokens = 0, added = 0;
    for (int32_t f = 0; f < m; f++) {
        if (model->modules[f].modality != modality) continue;
        if (feeds(model, f, m, WEFT_EDGE_TOKENS)) {
            tokens = weft_i_add_tokens(tokens, out_tokens[f]);
            has_tokens = true;
        } else if (takes_added && feeds(model, f, m, WEFT_EDGE_ADD) && out_tokens[f] > added) {
            added = out_tokens[f];
        }
    }
    return has_tokens ? tokens : added;
}

int64_t weft_i_flow_received(const weft_model *model, int32_t m, const int64_t *out_tokens)
{
    int64_t tokens = 0;
    for (int q = 0; q < WEFT_I_N_MODALITIES; q++)
        if ((weft_modality)q != model->modules[m].modality)
            tokens = weft_i_add_tokens(tokens, received_of(model, m, (weft_modality)q, out_tokens));
    return tokens;
}

static bool has_cross_attention(const weft_module *module)
{
    for (int32_t l = 0; l < module->n_layers; l++)
        if (module->layers[l].cross_hidden > 0) return true;
    return false;
}

int64_t weft_i_flow_context(const weft_model *model, int32_t m, const int64_t *out_tokens,
                            int64_t text_tokens)
{
    int64_t tokens = 0;
    bool is_fed = false;
    for (int32_t f = 0; f < m; f++)
        if (feeds(model, f, m, WEFT_EDGE_CONDITION)) {
            tokens = weft_i_add_tokens(tokens, out_tokens[f]);
            is_fed = true;
        }
    return is_fed || !has_cross_attention(&model->modules[m]) ? tokens : text_tokens;
}

bool weft_i_flow_takes(const weft_model *model, weft_modality modality)
{
    if (weft_i_flow_first(model, modality) >= 0) return true;
    if (modality != WEFT_MODALITY_TEXT) return false;
    for (int32_t m = 0; m < model->n_modules; m++) {
        bool is_fed = false;
        for (int32_t f = 0; f < m; f++)
            is_fed = is_fed || feeds(model, f, m, WEFT_EDGE_CONDITION);
        if (!is_fed && has_cross_attention(&model->modules[m])) return true;
    }
    return false;
}
