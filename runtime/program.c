/* runtime/program.c - what each kind of layer is made of. Parameters are those of
 * profiles/linear.c; a tied head has a copy of the table. */
#include "runtime/program.h"

#include <assert.h>
#include <math.h>

#include "base/error.h"
#include "profiles/recompute.h"

typedef struct builder {
    weft_i_program *program;
    const weft_layer *layer;
    uint32_t names; /* of the operations that are added now */
} builder;

/* Names of all operations of a kind; bandwidth is what most of them take. */
static uint32_t names_of(weft_i_op_kind kind)
{
    const uint32_t cheap = WEFT_I_REDO_WHOLE | WEFT_I_REDO_ELEMENTWISE;
    switch (kind) {
    case WEFT_I_OP_NORM:
        return cheap | WEFT_I_REDO_LAYERNORM;
    case WEFT_I_OP_GELU:
    case WEFT_I_OP_SWIGLU:
        return cheap | WEFT_I_REDO_MLP_ACT;
    case WEFT_I_OP_SILU:
    case WEFT_I_OP_MODULATE:
    case WEFT_I_OP_TABLE:
        return cheap | WEFT_I_REDO_MODULATION;
    case WEFT_I_OP_ADD:
    case WEFT_I_OP_GATE:
        return cheap;
    case WEFT_I_OP_EMBED:
    case WEFT_I_OP_LINEAR:
    case WEFT_I_OP_SELF_ATTEND:
    case WEFT_I_OP_CROSS_ATTEND:
    case WEFT_I_OP_MERGE:
    case WEFT_I_OP_CROSS_ENTROPY:
    case WEFT_I_OP_SQUARED_ERROR:
        break;
    }
    return WEFT_I_REDO_WHOLE;
}

static int add_tensor(builder *b, weft_i_extent extent, int32_t width)
{
    weft_i_program *program = b->program;
    assert(program->n_tensors < WEFT_I_MAX_TENSORS);
    program->tensors[program->n_tensors] = (weft_i_tensor){extent, width};
    return program->n_tensors++;
}

static int add_parameter(builder *b, const char *name, int64_t rows, int64_t width, float mean,
                         float spread)
{
    weft_i_program *program = b->program;
    assert(program->n_parameters < WEFT_I_MAX_PARAMETERS);
    program->parameters[program->n_parameters] =
        (weft_i_parameter){name, rows, width, program->n_values, mean, spread};
    program->n_values += rows * width;
    return program->n_parameters++;
}

/* An operation whose output is a new tensor like its first input, `width` wide. */
static weft_i_op *add_op(builder *b, weft_i_op_kind kind, int in, int second, int32_t width)
{
    weft_i_program *program = b->program;
    assert(program->n_ops < WEFT_I_MAX_OPS);
    weft_i_op *op = &program->ops[program->n_ops++];
    *op = (weft_i_op){.kind = kind,
                      .in = {(int8_t)in, (int8_t)second, WEFT_I_NOTHING},
                      .parameters = {WEFT_I_NOTHING, WEFT_I_NOTHING},
                      .names = names_of(kind) | b->names};
    op->out = (int8_t)add_tensor(b, program->tensors[in].extent, width);
    return op;
}

static int32_t width_of(const builder *b, int tensor)
{
    return b->program->tensors[tensor].width;
}

static int add_linear(builder *b, const char *name, int in, int32_t width, bool has_bias)
{
    int32_t in_width = width_of(b, in);
    weft_i_op *op = add_op(b, WEFT_I_OP_LINEAR, in, WEFT_I_NOTHING, width);
    float spread = 1 / sqrtf((float)in_width);
    op->parameters[0] = (int8_t)add_parameter(b, name, width, in_width, 0, spread);
    if (has_bias) op->parameters[1] = (int8_t)add_parameter(b, name, 1, width, 0, 0.02f);
    return op->out;
}

static int add_norm(builder *b, const char *name, int in, bool has_parameters)
{
    int32_t width = width_of(b, in);
    weft_i_op *op = add_op(b, WEFT_I_OP_NORM, in, WEFT_I_NOTHING, width);
    if (!has_parameters) return op->out;
    op->parameters[0] = (int8_t)add_parameter(b, name, 1, width, 1, 0.02f);
    if (b->layer->norm == WEFT_NORM_LAYERNORM)
        op->parameters[1] = (int8_t)add_parameter(b, name, 1, width, 0, 0.02f);
    return op->out;
}

static int add_mlp(builder *b, int in)
{
    const weft_layer *layer = b->layer;
    bool bias = layer->bias == WEFT_BIAS_ALL, gated = layer->mlp == WEFT_MLP_SWIGLU;
    b->names = WEFT_I_REDO_MLP;
    int up = add_linear(b, "mlp up", in, gated ? 2 * layer->ffn : layer->ffn, bias);
    weft_i_op_kind kind = gated ? WEFT_I_OP_SWIGLU : WEFT_I_OP_GELU;
    int act = add_op(b, kind, up, WEFT_I_NOTHING, layer->ffn)->out;
    int down = add_linear(b, "mlp down", act, layer->hidden, bias);
    b->names = 0;
    return down;
}

static weft_i_attend attend_of(const weft_layer *layer, bool crossed)
{
    bool causal = layer->kind == WEFT_LAYER_TRANSFORMER && layer->attention != WEFT_ATTENTION_FULL;
    return (weft_i_attend){.heads = layer->heads,
                           .kv_heads = layer->kv_heads,
                           .head_size = layer->head_size,
                           .causal = causal && !crossed,
                           .crossed = crossed,
                           .window = crossed ? 0 : layer->window};
}

static int add_self_attention(builder *b, int in)
{
    const weft_layer *layer = b->layer;
    int32_t query = layer->heads * layer->head_size, key = layer->kv_heads * layer->head_size;
    b->names = WEFT_I_REDO_QKV_PROJ;
    int qkv = add_linear(b, "qkv", in, query + 2 * key, layer->bias != WEFT_BIAS_NONE);
    b->names = 0;
    int core = add_op(b, WEFT_I_OP_SELF_ATTEND, qkv, WEFT_I_NOTHING, query)->out;
    b->program->self = attend_of(layer, false);
    return add_linear(b, "attention out", core, layer->hidden, layer->bias == WEFT_BIAS_ALL);
}

static int add_cross_attention(builder *b, int in)
{
    const weft_layer *layer = b->layer;
    int32_t query = layer->heads * layer->head_size, key = layer->kv_heads * layer->head_size;
    bool bias = layer->bias != WEFT_BIAS_NONE;
    b->program->tensors[WEFT_I_TENSOR_CONTEXT].width = layer->cross_hidden;
    b->names = WEFT_I_REDO_QKV_PROJ;
    int q = add_linear(b, "cross q", in, query, bias);
    int kv = add_linear(b, "cross kv", WEFT_I_TENSOR_CONTEXT, 2 * key, bias);
    b->names = 0;
    int core = add_op(b, WEFT_I_OP_CROSS_ATTEND, q, kv, query)->out;
    b->program->cross = attend_of(layer, true);
    return add_linear(b, "cross out", core, layer->hidden, layer->bias == WEFT_BIAS_ALL);
}

static int add_sum(builder *b, int x, int y)
{
    return add_op(b, WEFT_I_OP_ADD, x, y, width_of(b, x))->out;
}

static void make_transformer(builder *b)
{
    int x = WEFT_I_TENSOR_INPUT;
    int normed = add_norm(b, "attention norm", x, true);
    bool crosses = b->layer->cross_hidden > 0; /* reads a condition, not its own sequence */
    x = add_sum(b, x, crosses ? add_cross_attention(b, normed) : add_self_attention(b, normed));
    x = add_sum(b, x, add_mlp(b, add_norm(b, "mlp norm", x, true)));
    b->program->output = x;
}

/* A row of 6 x hidden for each sequence: shift, scale and gate of attention, then of the MLP. */
static int add_modulation(builder *b)
{
    int32_t width = 6 * b->layer->hidden;
    if (!b->layer->adaln_shared) {
        b->program->tensors[WEFT_I_TENSOR_TIME].width = b->layer->hidden;
        int silu =
            add_op(b, WEFT_I_OP_SILU, WEFT_I_TENSOR_TIME, WEFT_I_NOTHING, b->layer->hidden)->out;
        return add_linear(b, "adaln", silu, width, true);
    }
    b->program->tensors[WEFT_I_TENSOR_TIME].width = width;
    weft_i_op *op = add_op(b, WEFT_I_OP_TABLE, WEFT_I_TENSOR_TIME, WEFT_I_NOTHING, width);
    op->parameters[0] = (int8_t)add_parameter(b, "adaln", 1, width, 0, 0.02f);
    return op->out;
}

static int add_modulated(builder *b, int x, int modulation, int8_t part)
{
    weft_i_op *op =
        add_op(b, WEFT_I_OP_MODULATE, add_norm(b, "norm", x, false), modulation, b->layer->hidden);
    op->part = part;
    return op->out;
}

static int add_gated(builder *b, int x, int y, int modulation, int8_t part)
{
    weft_i_op *op = add_op(b, WEFT_I_OP_GATE, x, y, b->layer->hidden);
    op->in[2] = (int8_t)modulation;
    op->part = part;
    return op->out;
}

static void make_dit(builder *b)
{
    int modulation = add_modulation(b), x = WEFT_I_TENSOR_INPUT;
    int y = add_self_attention(b, add_modulated(b, x, modulation, 0));
    x = add_gated(b, x, y, modulation, 2);
    if (b->layer->cross_hidden > 0)
        x = add_sum(b, x, add_cross_attention(b, add_norm(b, "norm", x, false)));
    y = add_mlp(b, add_modulated(b, x, modulation, 3));
    b->program->output = add_gated(b, x, y, modulation, 5);
}

static void make_embedding(builder *b)
{
    b->program->tensors[WEFT_I_TENSOR_MEDIA].width = b->layer->hidden;
    weft_i_op *op =
        add_op(b, WEFT_I_OP_EMBED, WEFT_I_TENSOR_MEDIA, WEFT_I_NOTHING, b->layer->hidden);
    b->program->tensors[op->out].extent = WEFT_I_EXTENT_ROWS;
    op->parameters[0] =
        (int8_t)add_parameter(b, "table", b->layer->vocab, b->layer->hidden, 0, 0.02f);
    b->program->output = op->out;
}

/* Logits are as far from each other as the embedding's rows: so a table may serve as both. */
static void make_head(builder *b, bool is_text)
{
    int norm = add_norm(b, "head norm", WEFT_I_TENSOR_INPUT, true);
    int out = add_linear(b, "head", norm, b->layer->vocab, b->layer->bias == WEFT_BIAS_ALL);
    weft_i_op_kind kind = is_text ? WEFT_I_OP_CROSS_ENTROPY : WEFT_I_OP_SQUARED_ERROR;
    b->program->parameters[b->program->ops[1].parameters[0]].spread = 0.02f;
    b->program->ops[b->program->n_ops++] =
        (weft_i_op){.kind = kind,
                    .in = {(int8_t)out, WEFT_I_NOTHING, WEFT_I_NOTHING},
                    .out = WEFT_I_NOTHING,
                    .parameters = {WEFT_I_NOTHING, WEFT_I_NOTHING}};
    b->program->output = WEFT_I_NOTHING;
}

static void make_projector(builder *b)
{
    bool bias = b->layer->bias == WEFT_BIAS_ALL;
    int x = add_norm(b, "projector norm", WEFT_I_TENSOR_INPUT, true);
    x = add_op(b, WEFT_I_OP_MERGE, x, WEFT_I_NOTHING, b->layer->in_features)->out;
    b->program->tensors[x].extent = WEFT_I_EXTENT_OUT_ROWS;
    x = add_linear(b, "projector in", x, b->layer->hidden, bias);
    x = add_op(b, WEFT_I_OP_GELU, x, WEFT_I_NOTHING, b->layer->hidden)->out;
    b->program->output = add_linear(b, "projector out", x, b->layer->hidden, bias);
}

static weft_status check(const weft_layer *layer, weft_error *error)
{
    const char *what = NULL;
    if (layer->kind == WEFT_LAYER_MAMBA || layer->kind == WEFT_LAYER_MEASURED)
        what = weft_layer_name(layer->kind);
    if (layer->experts > 0) what = "experts";
    if (layer->kv_rank > 0) what = "kv_rank";
    if (layer->lora_rank > 0) what = "lora_rank";
    if (!what) return WEFT_STATUS_OK;
    return weft_i_fail(error, WEFT_STATUS_BAD_INPUT,
                       "a layer with %s cannot be trained here, only emulated", what);
}

weft_status weft_i_program_make(const weft_layer *layer, int32_t input_width, bool is_text,
                                weft_error *error, weft_i_program *out)
{
    weft_status status = check(layer, error);
    if (status != WEFT_STATUS_OK) return status;
    weft_i_program program = {.layer = layer, .n_tensors = WEFT_I_N_GIVEN};
    builder b = {.program = &program, .layer = layer};
    program.tensors[WEFT_I_TENSOR_INPUT] = (weft_i_tensor){WEFT_I_EXTENT_ROWS, input_width};
    program.tensors[WEFT_I_TENSOR_MEDIA] = (weft_i_tensor){WEFT_I_EXTENT_MEDIA, 0};
    program.tensors[WEFT_I_TENSOR_CONTEXT] = (weft_i_tensor){WEFT_I_EXTENT_CONTEXT, 0};
    program.tensors[WEFT_I_TENSOR_TIME] = (weft_i_tensor){WEFT_I_EXTENT_SPANS, 0};
    switch (layer->kind) {
    case WEFT_LAYER_TRANSFORMER:
        make_transformer(&b);
        break;
    case WEFT_LAYER_DIT:
        make_dit(&b);
        break;
    case WEFT_LAYER_EMBEDDING:
        make_embedding(&b);
        break;
    case WEFT_LAYER_HEAD:
        make_head(&b, is_text);
        break;
    case WEFT_LAYER_PATCH:
        program.output = add_linear(&b, "patches", WEFT_I_TENSOR_INPUT, layer->hidden,
                                    layer->bias == WEFT_BIAS_ALL);
        break;
    case WEFT_LAYER_PROJECTOR:
        make_projector(&b);
        break;
    case WEFT_LAYER_MAMBA:
    case WEFT_LAYER_MEASURED:
    case WEFT_N_LAYERS:
        break;
    }
    *out = program;
    return WEFT_STATUS_OK;
}
