/* runtime/gpu_attend.c - attention on a GPU: as attend.c does it, with all heads of a sequence at a
 * time, and products of bfloat16 into floats. */
#include <math.h>

#include "runtime/gpu_ops.h"

/* Scores that are there at once. */
static const int64_t MOST_SCORES = 1 << 24;

typedef struct attention {
    const weft_i_gpu *gpu;
    const weft_i_view *view;
    const weft_i_attend *how;
    int64_t heads, kv_heads, group, size;
    float scale;
    /* Rotated where the sequence attends to itself. */
    const weft_i_bf16 *q, *k, *v, *d_out;
    int64_t q_stride, k_stride, v_stride, out_stride;
    int64_t n_rows, n_key_rows;
    /* Scratch. */
    float *turns;
    weft_i_bf16 *turned_q, *turned_k;
    float *scores;
    weft_i_bf16 *shares;
    float *d_q, *d_k, *d_v;
} attention;

/* Some queries of a sequence. */
typedef struct block {
    int64_t first;  /* in the sequence */
    int64_t row, n; /* of the matrix */
    int64_t key_row, n_keys;
} block;

static int64_t keys_of(const attention *a, const weft_i_stretch *span)
{
    return a->how->crossed ? span->n_context : span->n;
}

/* Queries at a time of a sequence. */
static int64_t block_size(const attention *a, int64_t n, int64_t n_keys)
{
    int64_t most = n_keys > 0 ? MOST_SCORES / (a->heads * n_keys) : n;
    return most < 1 ? 1 : most < n ? most : n;
}

enum { N_SCRATCH = 8 };

/* Those that are not needed are 0 bytes. */
static void find_sizes(const attention *a, bool back, size_t *out)
{
    const weft_i_sheet *sheet = a->view->sheet;
    int64_t longest = 0, scores = 0, q = a->n_rows * a->heads * a->size;
    int64_t k = a->n_key_rows * a->kv_heads * a->size;
    for (int32_t s = 0; s < sheet->n_spans; s++) {
        int64_t n = sheet->spans[s].n, n_keys = keys_of(a, &sheet->spans[s]);
        int64_t here = a->heads * block_size(a, n, n_keys) * n_keys;
        if (n > longest) longest = n;
        if (here > scores) scores = here;
    }
    bool turns = !a->how->crossed;
    const int64_t sizes[N_SCRATCH] = {turns ? 4 * longest * a->size : 0,
                                      turns ? 2 * q : 0,
                                      turns ? 2 * k : 0,
                                      4 * scores,
                                      2 * scores,
                                      back ? 4 * q : 0,
                                      back ? 4 * k : 0,
                                      back ? 4 * k : 0};
    for (int i = 0; i < N_SCRATCH; i++)
        out[i] = (size_t)sizes[i];
}

static void give_scratch(attention *a)
{
    void *const all[N_SCRATCH] = {a->turns,  a->turned_q, a->turned_k, a->scores,
                                  a->shares, a->d_q,      a->d_k,      a->d_v};
    for (int i = 0; i < N_SCRATCH; i++)
        weft_i_pool_give(a->view->pool, all[i]);
}

static bool take_scratch(attention *a, bool back)
{
    size_t sizes[N_SCRATCH];
    void *made[N_SCRATCH] = {NULL};
    bool good = true;
    find_sizes(a, back, sizes);
    for (int i = 0; good && i < N_SCRATCH; i++) {
        if (sizes[i] == 0) continue;
        made[i] = weft_i_pool_take(a->view->pool, sizes[i]);
        good = made[i] != NULL;
    }
    a->turns = made[0];
    a->turned_q = made[1];
    a->turned_k = made[2];
    a->scores = made[3];
    a->shares = made[4];
    a->d_q = made[5];
    a->d_k = made[6];
    a->d_v = made[7];
    if (!good) give_scratch(a);
    for (int i = 5; good && i < N_SCRATCH; i++)
        if (sizes[i] > 0) a->gpu->clear(a->gpu->context, made[i], sizes[i]);
    return good;
}

static attention begin(const weft_i_gpu *gpu, const weft_i_op *op, const weft_i_view *v)
{
    bool crossed = op->kind == WEFT_I_OP_CROSS_ATTEND;
    const weft_i_attend *how = crossed ? &v->program->cross : &v->program->self;
    int64_t query = (int64_t)how->heads * how->head_size;
    int64_t key = (int64_t)how->kv_heads * how->head_size;
    const weft_i_bf16 *x = v->x, *keys = crossed ? v->y : x + query;
    int64_t kv_stride = crossed ? 2 * key : query + 2 * key;
    return (attention){.gpu = gpu,
                       .view = v,
                       .how = how,
                       .heads = how->heads,
                       .kv_heads = how->kv_heads,
                       .group = how->heads / how->kv_heads,
                       .size = how->head_size,
                       .scale = 1 / sqrtf((float)how->head_size),
                       .q = x,
                       .k = keys,
                       .v = keys + key,
                       .d_out = v->d_out,
                       .q_stride = crossed ? query : query + 2 * key,
                       .k_stride = kv_stride,
                       .v_stride = kv_stride,
                       .out_stride = query,
                       .n_rows = v->sheet->n_rows,
                       .n_key_rows = crossed ? v->sheet->n_context : v->sheet->n_rows};
}

/* Turned copies take the place of query and key. */
static void turn(attention *a)
{
    const weft_i_gpu_sheet *sheet = a->view->sheet->copy;
    int64_t longest = 0;
    if (a->how->crossed) return;
    for (int32_t s = 0; s < a->view->sheet->n_spans; s++)
        if (a->view->sheet->spans[s].n > longest) longest = a->view->sheet->spans[s].n;
    weft_i_gpu_run(a->gpu, WEFT_I_KERNEL_TURNS, longest, &(weft_i_turns_args){a->turns, a->size});
    weft_i_rotate_args args = {.x = a->q,
                               .turns = a->turns,
                               .places = sheet->places,
                               .out = a->turned_q,
                               .heads = a->heads,
                               .size = a->size,
                               .stride = a->q_stride};
    weft_i_gpu_run(a->gpu, WEFT_I_KERNEL_ROTATE, a->n_rows, &args);
    args.x = a->k;
    args.out = a->turned_k;
    args.heads = a->kv_heads;
    args.stride = a->k_stride;
    weft_i_gpu_run(a->gpu, WEFT_I_KERNEL_ROTATE, a->n_rows, &args);
    a->q = a->turned_q;
    a->k = a->turned_k;
    a->q_stride = a->heads * a->size;
    a->k_stride = a->kv_heads * a->size;
}

/* One product for each key head, and so for each query head that shares it: number j of a group.
 * What is by query head lies `group` heads apart in a batch. */
static weft_i_operand queries(const attention *a, const weft_i_bf16 *of, int64_t stride,
                              const block *b, int64_t j)
{
    return (weft_i_operand){of + b->row * stride + j * a->size, stride, a->group * a->size, false};
}

static weft_i_operand keys(const attention *a, const weft_i_bf16 *of, int64_t stride,
                           const block *b, bool transposed)
{
    return (weft_i_operand){of + b->key_row * stride, stride, a->size, transposed};
}

static weft_i_operand shares(const attention *a, const block *b, int64_t j, bool transposed)
{
    int64_t n = b->n * b->n_keys;
    return (weft_i_operand){a->shares + j * n, b->n_keys, a->group * n, transposed};
}

static void multiply(const attention *a, weft_i_product product)
{
    product.n_batch = a->how->kv_heads;
    a->gpu->multiply(a->gpu->context, &product);
}

/* scores = scale x y^T, x by query and y by key. */
static void score(const attention *a, const block *b, const weft_i_bf16 *x, int64_t x_stride,
                  const weft_i_bf16 *y, int64_t y_stride, float scale)
{
    for (int64_t j = 0; j < a->group; j++)
        multiply(a, (weft_i_product){.m = b->n,
                                     .n = b->n_keys,
                                     .k = a->size,
                                     .a = queries(a, x, x_stride, b, j),
                                     .b = keys(a, y, y_stride, b, true),
                                     .scale = scale,
                                     .out = a->scores + j * b->n * b->n_keys,
                                     .out_stride = b->n_keys,
                                     .out_next = a->group * b->n * b->n_keys,
                                     .out_is_float = true});
}

/* out = scale shares y, by query. */
static void gather(const attention *a, const block *b, const weft_i_bf16 *y, int64_t y_stride,
                   float scale, void *out, bool out_is_float)
{
    for (int64_t j = 0; j < a->group; j++) {
        int64_t first = b->row * a->heads * a->size + j * a->size;
        void *to =
            out_is_float ? (void *)((float *)out + first) : (void *)((weft_i_bf16 *)out + first);
        multiply(a, (weft_i_product){.m = b->n,
                                     .n = a->size,
                                     .k = b->n_keys,
                                     .a = shares(a, b, j, false),
                                     .b = keys(a, y, y_stride, b, false),
                                     .scale = scale,
                                     .out = to,
                                     .out_stride = a->heads * a->size,
                                     .out_next = a->group * a->size,
                                     .out_is_float = out_is_float});
    }
}

/* out += scale shares^T x, by key. */
static void scatter(const attention *a, const block *b, const weft_i_bf16 *x, int64_t x_stride,
                    float scale, float *out)
{
    int64_t stride = a->kv_heads * a->size;
    for (int64_t j = 0; j < a->group; j++)
        multiply(a, (weft_i_product){.m = b->n_keys,
                                     .n = a->size,
                                     .k = b->n,
                                     .a = shares(a, b, j, true),
                                     .b = queries(a, x, x_stride, b, j),
                                     .scale = scale,
                                     .keep = 1,
                                     .out = out + b->key_row * stride,
                                     .out_stride = stride,
                                     .out_next = a->size,
                                     .out_is_float = true});
}

static weft_i_softmax_args softmax_of(const attention *a, const block *b)
{
    return (weft_i_softmax_args){.scores = a->scores,
                                 .shares = a->shares,
                                 .queries = b->n,
                                 .keys = b->n_keys,
                                 .first = b->first,
                                 .causal = a->how->causal,
                                 .window = a->how->window};
}

static void block_forward(const attention *a, const block *b, void *out)
{
    const weft_i_softmax_args args = softmax_of(a, b);
    score(a, b, a->q, a->q_stride, a->k, a->k_stride, a->scale);
    weft_i_gpu_run(a->gpu, WEFT_I_KERNEL_SOFTMAX, a->heads * b->n, &args);
    if (out) gather(a, b, a->v, a->v_stride, 1, out, false);
}

static void block_back(const attention *a, const block *b)
{
    const weft_i_softmax_args args = softmax_of(a, b);
    block_forward(a, b, NULL);
    scatter(a, b, a->d_out, a->out_stride, 1, a->d_v);
    score(a, b, a->d_out, a->out_stride, a->v, a->v_stride, 1);
    weft_i_gpu_run(a->gpu, WEFT_I_KERNEL_SOFTMAX_BACK, a->heads * b->n, &args);
    gather(a, b, a->k, a->k_stride, a->scale, a->d_q, true);
    scatter(a, b, a->q, a->q_stride, a->scale, a->d_k);
}

static void span_of(const attention *a, const weft_i_stretch *span, bool back)
{
    int64_t n_keys = keys_of(a, span), step = block_size(a, span->n, n_keys);
    weft_i_bf16 *out = a->view->out;
    if (n_keys == 0) {
        size_t n_bytes = (size_t)(span->n * a->out_stride) * sizeof(*out);
        if (!back) a->gpu->clear(a->gpu->context, out + span->first * a->out_stride, n_bytes);
        return;
    }
    for (int64_t first = 0; first < span->n; first += step) {
        int64_t n = span->n - first < step ? span->n - first : step;
        bool ends = a->how->causal && !a->how->crossed;
        const block b = {.first = first,
                         .row = span->first + first,
                         .n = n,
                         .key_row = a->how->crossed ? span->context_first : span->first,
                         .n_keys = ends ? first + n : n_keys};
        if (back)
            block_back(a, &b);
        else
            block_forward(a, &b, out);
    }
}

/* Gradients out of floats, turned back, onto those in wider matrices. */
static void turn_back(const attention *a, const float *d_x, int64_t n_rows, int64_t heads,
                      weft_i_bf16 *out, int64_t stride, bool turns)
{
    const weft_i_gpu_sheet *sheet = a->view->sheet->copy;
    weft_i_gpu_run(a->gpu, WEFT_I_KERNEL_ROTATE_BACK, n_rows,
                   &(weft_i_rotate_args){.d_x = d_x,
                                         .turns = turns ? a->turns : NULL,
                                         .places = sheet->places,
                                         .out = out,
                                         .heads = heads,
                                         .size = a->size,
                                         .stride = stride});
}

static void add_gradients(const attention *a)
{
    bool crossed = a->how->crossed;
    int64_t query = a->heads * a->size, key = a->kv_heads * a->size;
    int64_t stride = crossed ? query : query + 2 * key;
    weft_i_bf16 *d_x = a->view->d_x, *d_y = a->view->d_y;
    weft_i_bf16 *d_keys = crossed ? d_y : d_x ? d_x + query : NULL;
    if (d_x) turn_back(a, a->d_q, a->n_rows, a->heads, d_x, stride, !crossed);
    if (!d_keys) return;
    turn_back(a, a->d_k, a->n_key_rows, a->kv_heads, d_keys, a->v_stride, !crossed);
    turn_back(a, a->d_v, a->n_key_rows, a->kv_heads, d_keys + key, a->v_stride, false);
}

bool weft_i_gpu_attend(const weft_i_gpu *gpu, const weft_i_op *op, const weft_i_view *view,
                       bool back)
{
    attention a = begin(gpu, op, view);
    if (!take_scratch(&a, back)) return false;
    turn(&a);
    for (int32_t s = 0; s < view->sheet->n_spans; s++)
        span_of(&a, &view->sheet->spans[s], back);
    if (back) add_gradients(&a);
    give_scratch(&a);
    return true;
}
