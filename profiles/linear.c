/* profiles/linear.c - linear maps and parameters of each kind of layer. */
#include "profiles/linear.h"

typedef struct maps {
    weft_i_linear *out;
    int n;
} maps;

static void add(maps *m, double in, double out, double copies, bool bias)
{
    m->out[m->n++] = (weft_i_linear){in, out, copies, bias};
}

/* Query, key, value, output; key and value read `source` values. */
static void add_attention(maps *m, const weft_layer *layer, double source)
{
    double query = (double)layer->heads * layer->head_size;
    double key = (double)layer->kv_heads * layer->head_size;
    bool qkv_bias = layer->bias != WEFT_BIAS_NONE;
    add(m, layer->hidden, query, 1, qkv_bias);
    add(m, source, key, 1, qkv_bias);
    add(m, source, key, 1, qkv_bias);
    add(m, query, layer->hidden, 1, layer->bias == WEFT_BIAS_ALL);
}

/* Down to the latents and up again for every head; without a latent of queries these come from the
 * whole width. */
static void add_latent_attention(maps *m, const weft_layer *layer)
{
    double heads = layer->heads, query = heads * (layer->head_size + layer->rope_size);
    double value = heads * layer->value_size, made = heads * layer->head_size + value;
    bool bias = layer->bias == WEFT_BIAS_ALL;
    if (layer->q_rank > 0) add(m, layer->hidden, layer->q_rank, 1, bias);
    add(m, layer->q_rank > 0 ? layer->q_rank : layer->hidden, query, 1, false);
    add(m, layer->hidden, layer->kv_rank + layer->rope_size, 1, bias);
    add(m, layer->kv_rank, made, 1, false);
    add(m, value, layer->hidden, 1, bias);
}

static void add_mlp(maps *m, const weft_layer *layer, double copies)
{
    bool bias = layer->bias == WEFT_BIAS_ALL;
    add(m, layer->hidden, layer->ffn, copies, bias);
    if (layer->mlp == WEFT_MLP_SWIGLU) add(m, layer->hidden, layer->ffn, copies, bias);
    add(m, layer->ffn, layer->hidden, copies, bias);
}

static void add_mamba(maps *m, const weft_layer *layer)
{
    double width = (double)layer->hidden * layer->expand;
    bool bias = layer->bias == WEFT_BIAS_ALL;
    add(m, layer->hidden, 2 * width + 2.0 * layer->state_size + layer->heads, 1, bias);
    add(m, width, layer->hidden, 1, bias);
}

int weft_i_linear_maps(const weft_layer *layer, weft_i_linear out[WEFT_I_LINEAR_MAX])
{
    maps m = {.out = out};
    bool bias = layer->bias == WEFT_BIAS_ALL;
    switch (layer->kind) {
    case WEFT_LAYER_TRANSFORMER:
        if (layer->kv_rank > 0)
            add_latent_attention(&m, layer);
        else
            add_attention(&m, layer, layer->cross_hidden > 0 ? layer->cross_hidden : layer->hidden);
        if (layer->experts > 0) add(&m, layer->hidden, layer->experts, 1, false);
        add_mlp(&m, layer, layer->experts > 0 ? layer->experts + layer->shared_experts : 1);
        break;
    case WEFT_LAYER_DIT:
        add_attention(&m, layer, layer->hidden);
        if (layer->cross_hidden > 0) add_attention(&m, layer, layer->cross_hidden);
        add_mlp(&m, layer, 1);
        if (!layer->adaln_shared) add(&m, layer->hidden, 6.0 * layer->hidden, 1, true);
        break;
    case WEFT_LAYER_HEAD:
        add(&m, layer->hidden, layer->vocab, 1, bias);
        break;
    case WEFT_LAYER_PATCH:
        add(&m, layer->in_features, layer->hidden, 1, bias);
        break;
    case WEFT_LAYER_PROJECTOR:
        add(&m, layer->in_features, layer->hidden, 1, bias);
        add(&m, layer->hidden, layer->hidden, 1, bias);
        break;
    case WEFT_LAYER_MAMBA:
        add_mamba(&m, layer);
        break;
    case WEFT_LAYER_EMBEDDING:
    case WEFT_LAYER_MEASURED:
    case WEFT_N_LAYERS:
        break;
    }
    return m.n;
}

static double norm_parameters(const weft_layer *layer, double width)
{
    return layer->norm == WEFT_NORM_LAYERNORM ? 2 * width : width;
}

/* What is no linear map: norms, tables, convolutions. */
static double other_parameters(const weft_layer *layer)
{
    double width = (double)layer->hidden * layer->expand;
    switch (layer->kind) {
    case WEFT_LAYER_TRANSFORMER:
        return 2 * norm_parameters(layer, layer->hidden) + norm_parameters(layer, layer->kv_rank) +
               norm_parameters(layer, layer->q_rank);
    case WEFT_LAYER_DIT: /* its norms have none: the modulation takes their place */
        return layer->adaln_shared ? 6.0 * layer->hidden : 0;
    case WEFT_LAYER_EMBEDDING:
        return (double)layer->vocab * layer->hidden;
    case WEFT_LAYER_HEAD:
        return norm_parameters(layer, layer->hidden);
    case WEFT_LAYER_PROJECTOR:
        return norm_parameters(layer, (double)layer->in_features / layer->merge);
    case WEFT_LAYER_MAMBA: /* norms, convolution with bias, A, D and the bias of dt */
        return norm_parameters(layer, layer->hidden) + width +
               (width + 2.0 * layer->state_size) * (layer->conv_width + 1) + 3.0 * layer->heads;
    case WEFT_LAYER_MEASURED:
        return (double)layer->parameters;
    case WEFT_LAYER_PATCH:
    case WEFT_N_LAYERS:
        break;
    }
    return 0;
}

static double adapter_parameters(const weft_layer *layer)
{
    weft_i_linear map[WEFT_I_LINEAR_MAX];
    double sum = 0;
    int n = weft_i_linear_maps(layer, map);
    for (int i = 0; i < n; i++)
        sum += map[i].copies * layer->lora_rank * (map[i].in + map[i].out);
    return sum;
}

double weft_i_layer_parameters(const weft_layer *layer)
{
    weft_i_linear map[WEFT_I_LINEAR_MAX];
    double sum = other_parameters(layer) + adapter_parameters(layer);
    int n = layer->tied ? 0 : weft_i_linear_maps(layer, map);
    for (int i = 0; i < n; i++)
        sum += map[i].copies * (map[i].in + map[i].bias) * map[i].out;
    return sum;
}

double weft_i_layer_trained_parameters(const weft_layer *layer)
{
    if (!layer->trainable) return 0;
    return layer->lora_rank > 0 ? adapter_parameters(layer) : weft_i_layer_parameters(layer);
}

double weft_i_layer_whole_parameters(const weft_layer *layer)
{
    double hidden = layer->hidden, bias = layer->bias == WEFT_BIAS_ALL, sum = 0;
    switch (layer->kind) {
    case WEFT_LAYER_TRANSFORMER:
        if (layer->kv_rank > 0)
            sum += (hidden + bias) * (layer->q_rank + layer->kv_rank + layer->rope_size);
        return sum + hidden * layer->experts;
    case WEFT_LAYER_PATCH:
        return (layer->in_features + bias) * hidden;
    case WEFT_LAYER_MAMBA: /* with their part of the convolution */
        return 2.0 * layer->state_size * (hidden + bias + layer->conv_width + 1);
    case WEFT_LAYER_DIT:
    case WEFT_LAYER_EMBEDDING:
    case WEFT_LAYER_HEAD:
    case WEFT_LAYER_PROJECTOR:
    case WEFT_LAYER_MEASURED:
    case WEFT_N_LAYERS:
        break;
    }
    return 0;
}

int64_t weft_model_parameters(const weft_model *model, int32_t module, int32_t first, int32_t n,
                              bool trained)
{
    const weft_layer *layers = model->modules[module].layers + first;
    double sum = 0;
    for (int32_t i = 0; i < n; i++)
        sum += trained ? weft_i_layer_trained_parameters(&layers[i])
                       : weft_i_layer_parameters(&layers[i]);
    return (int64_t)sum;
}
