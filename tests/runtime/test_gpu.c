/* tests/runtime/test_gpu.c - what a GPU would compute, by its twin: bfloat16, every kind of layer
 * beside the processor's float32, and a GPU that is too small. */
#include "base/arena.h"
#include "runtime/column_product.h"
#include "runtime/gpu_kit.h"
#include "runtime/twin.h"
#include "tests/runtime/layer_rows.h"

static float float_of(uint32_t bits)
{
    float out;
    memcpy(&out, &bits, sizeof(out));
    return out;
}

/* All there are stay what they are. */
Test(gpu, bfloat16_of_itself)
{
    for (uint32_t bits = 0; bits < 65536; bits++) {
        weft_i_bf16 x = {(uint16_t)bits};
        float value = weft_i_bf16_float(x);
        if (isnan(value))
            cr_assert(isnan(weft_i_bf16_float(weft_i_bf16_of(value))), "%x", bits);
        else
            cr_assert_eq(weft_i_bf16_of(value).bits, bits, "%x", bits);
    }
}

/* Between each two neighbours: the nearer one, halfway the even one. */
Test(gpu, bfloat16_rounds_to_the_nearest)
{
    for (uint32_t bits = 0; bits < 0x7f80; bits++)
        for (uint32_t sign = 0; sign < 2; sign++) {
            uint32_t low = (sign << 31) | (bits << 16), even = bits % 2 ? bits + 1 : bits;
            uint16_t top = (uint16_t)(sign << 15);
            cr_assert_eq(weft_i_bf16_of(float_of(low + 1)).bits, top + bits);
            cr_assert_eq(weft_i_bf16_of(float_of(low + 0x7fff)).bits, top + bits);
            cr_assert_eq(weft_i_bf16_of(float_of(low + 0x8000)).bits, top + even);
            cr_assert_eq(weft_i_bf16_of(float_of(low + 0x8001)).bits, top + bits + 1);
        }
    cr_expect_eq(weft_i_bf16_of(INFINITY).bits, 0x7f80);
    cr_expect(isnan(weft_i_bf16_float(weft_i_bf16_of(float_of(0x7f800001)))));
}

/* A layer case with its values in the memory of a kit. */
typedef struct far_case {
    layer_case *of;
    const weft_i_kit *kit;
    weft_i_pool pool;
    weft_i_sheet sheet;
    void *given[WEFT_I_N_GIVEN];
    weft_i_shelf shelf;
    void *slope;
    double *loss;
} far_case;

static void *far_new(const weft_i_kit *kit, size_t n_bytes)
{
    void *made = kit->memory->allocate(kit->memory->context, n_bytes + 8);
    cr_assert(made);
    return made;
}

static void *far_values(const weft_i_kit *kit, const float *from, int64_t n)
{
    void *made = far_new(kit, (size_t)n * kit->value_bytes);
    cr_assert(kit->import(kit->context, from, n, made));
    return made;
}

static int64_t slope_size(const layer_case *c)
{
    return c->program.output == WEFT_I_NOTHING ? 0 : case_values(c, c->program.output);
}

static void far_make(far_case *f, layer_case *c, const weft_i_kit *kit)
{
    size_t n_bytes = (size_t)c->program.n_values * sizeof(float);
    int64_t n_velocities = (int64_t)CASE_ROWS * (c->layer.vocab + 1);
    *f = (far_case){.of = c, .kit = kit, .sheet = c->sheet, .pool = {.memory = kit->memory}};
    cr_assert(kit->bind(kit->context, &f->sheet));
    for (int t = 0; t < WEFT_I_N_GIVEN; t++)
        f->given[t] = far_values(kit, c->given[t], case_values(c, t));
    f->slope = far_values(kit, c->slope, slope_size(c));
    f->shelf.values = far_new(kit, n_bytes);
    f->shelf.gradients = far_new(kit, n_bytes);
    f->shelf.operands = far_new(kit, n_bytes);
    f->loss = far_new(kit, sizeof(double));
    float *velocities = far_new(kit, (size_t)n_velocities * sizeof(float));
    kit->copy(kit->context, velocities, c->sheet.velocities, (size_t)n_velocities * sizeof(float));
    f->sheet.velocities = velocities;
    kit->copy(kit->context, f->shelf.values, c->parameters, n_bytes);
    kit->make_operands(kit->context, &f->shelf, c->program.n_values);
    cr_assert_eq(kit->finish(kit->context, NULL), 0);
}

static void far_free(far_case *f)
{
    const weft_i_memory *memory = f->kit->memory;
    f->kit->unbind(f->kit->context, &f->sheet);
    weft_i_pool_free(&f->pool);
    void *const all[] = {
        f->slope,          f->shelf.values, f->shelf.gradients,
        f->shelf.operands, f->loss,         (void *)(uintptr_t)f->sheet.velocities};
    for (int i = 0; i < 6; i++)
        memory->release(memory->context, all[i]);
    for (int t = 0; t < WEFT_I_N_GIVEN; t++)
        memory->release(memory->context, f->given[t]);
}

static float *fetch_values(far_case *f, const void *from, int64_t n)
{
    weft_i_bf16 *values = calloc((size_t)n + 1, sizeof(*values));
    float *made = calloc((size_t)n + 1, sizeof(*made));
    f->kit->copy(f->kit->context, values, from, (size_t)n * sizeof(*values));
    cr_assert_eq(f->kit->finish(f->kit->context, NULL), 0);
    for (int64_t i = 0; i < n; i++)
        made[i] = weft_i_bf16_float(values[i]);
    free(values);
    return made;
}

/* As case_back. */
static layer_gradients far_back(far_case *f, weft_i_wants wants, uint32_t redo, bool split,
                                double *out_loss)
{
    layer_case *c = f->of;
    const weft_i_kit *kit = f->kit;
    weft_i_rules rules;
    size_t n_bytes = (size_t)c->program.n_values * sizeof(float);
    int out = c->program.output;
    weft_i_rules_make(&c->program, wants, redo, &rules);
    weft_i_tape tape = {.program = &c->program,
                        .rules = &rules,
                        .sheet = &f->sheet,
                        .parameters = f->shelf.values,
                        .operands = f->shelf.operands,
                        .gradients = wants.weights ? f->shelf.gradients : NULL,
                        .kit = kit,
                        .pool = &f->pool,
                        .loss = f->loss};
    for (int t = 0; t < WEFT_I_N_GIVEN; t++)
        tape.values[t] = f->given[t];
    kit->clear(kit->context, f->shelf.gradients, n_bytes);
    kit->clear(kit->context, f->loss, sizeof(double));
    cr_assert_eq(weft_i_tape_forward(&tape, NULL), 0);
    if (out != WEFT_I_NOTHING) {
        weft_i_pool_give(&f->pool, tape.values[out]);
        tape.values[out] = NULL;
        tape.d_values[out] = weft_i_tape_take(&tape, out);
        kit->copy(kit->context, tape.d_values[out], f->slope,
                  (size_t)slope_size(c) * kit->value_bytes);
    }
    cr_assert_eq(weft_i_tape_back(&tape, split ? WEFT_I_BACK_INPUT : WEFT_I_BACK_BOTH, NULL), 0);
    if (split) cr_assert_eq(weft_i_tape_back(&tape, WEFT_I_BACK_WEIGHTS, NULL), 0);
    layer_gradients made = {.parameters = calloc(1, n_bytes + 1)};
    kit->copy(kit->context, made.parameters, f->shelf.gradients, n_bytes);
    kit->copy(kit->context, out_loss, f->loss, sizeof(double));
    for (int t = 0; t < WEFT_I_N_GIVEN; t++) {
        if (!tape.d_values[t]) continue;
        made.given[t] = fetch_values(f, tape.d_values[t], case_values(c, t));
        weft_i_pool_give(&f->pool, tape.d_values[t]);
        tape.d_values[t] = NULL;
    }
    cr_assert_eq(kit->finish(kit->context, NULL), 0);
    weft_i_tape_clear(&tape);
    for (size_t i = 0; i < f->pool.n; i++)
        cr_assert(!f->pool.buffers[i].taken, "a buffer was not given back");
    return made;
}

static void expect_close(const char *name, const char *what, const float *found,
                         const float *expected, int64_t n)
{
    double off = 0, size = 0;
    cr_assert_eq(!found, !expected, "%s: %s is there once only", name, what);
    for (int64_t i = 0; found && i < n; i++) {
        off += ((double)found[i] - expected[i]) * ((double)found[i] - expected[i]);
        size += (double)expected[i] * expected[i];
    }
    cr_expect(sqrt(off) <= 2e-2 * sqrt(size) + 2e-3, "%s: %s is off by %g of %g", name, what,
              sqrt(off), sqrt(size));
}

/* What both begin with are numbers of bfloat16. */
static void round_case(layer_case *c)
{
    float *const arrays[] = {c->given[0], c->given[1], c->given[2],
                             c->given[3], c->slope,    c->parameters};
    for (int i = 0; i < 6; i++) {
        int64_t n = i < WEFT_I_N_GIVEN ? case_values(c, i)
                    : i == 4           ? slope_size(c)
                                       : c->program.n_values;
        for (int64_t k = 0; k < n; k++)
            arrays[i][k] = weft_i_bf16_float(weft_i_bf16_of(arrays[i][k]));
    }
}

static weft_i_gpu_kit *twin_kit(size_t memory_bytes)
{
    weft_i_gpu gpu;
    weft_i_gpu_kit *kit = NULL;
    cr_assert(weft_i_twin_open(memory_bytes, &gpu));
    cr_assert_eq(weft_i_gpu_kit_create(&gpu, NULL, &kit), 0);
    return kit;
}

/* Number, gradients of inputs and of each parameter. */
static void compare(far_case *f, const layer_row *row)
{
    layer_case *c = f->of;
    double loss = 0;
    layer_gradients found = far_back(f, all_wanted(c), WEFT_I_REDO_NOTHING, false, &loss);
    layer_gradients expected = case_back(c, all_wanted(c), WEFT_I_REDO_NOTHING, false);
    cr_expect(fabs(loss - c->loss) <= 5e-3 * fabs(c->loss), "%s: loss %g, expected %g", row->name,
              loss, c->loss);
    for (int t = 0; t < WEFT_I_N_GIVEN; t++)
        expect_close(row->name, "an input", found.given[t], expected.given[t], case_values(c, t));
    for (int p = 0; p < c->program.n_parameters; p++) {
        const weft_i_parameter *at = &c->program.parameters[p];
        expect_close(row->name, at->name, found.parameters + at->first,
                     expected.parameters + at->first, at->rows * at->width);
    }
    case_free_gradients(&found);
    case_free_gradients(&expected);
}

Test(gpu, layers)
{
    weft_i_gpu_kit *kit = twin_kit(0);
    for (int i = 0; i < N_ROWS; i++) {
        layer_case c;
        far_case f;
        case_make(&c, ROWS[i].layer, ROWS[i].input_width, ROWS[i].is_text, 31 + (uint64_t)i);
        round_case(&c);
        far_make(&f, &c, weft_i_gpu_kit_table(kit));
        compare(&f, &ROWS[i]);
        far_free(&f);
        case_free(&c);
    }
    weft_i_gpu_kit_free(kit);
}

/* To the bit the same, split or not, whatever was kept. */
Test(gpu, strategies_and_halves)
{
    weft_i_gpu_kit *kit = twin_kit(0);
    for (int i = 0; i < N_ROWS; i++) {
        layer_case c;
        far_case f;
        double loss;
        case_make(&c, ROWS[i].layer, ROWS[i].input_width, ROWS[i].is_text, 7);
        far_make(&f, &c, weft_i_gpu_kit_table(kit));
        layer_gradients a = far_back(&f, all_wanted(&c), WEFT_I_REDO_NOTHING, false, &loss);
        for (int k = 0; k < LAYER_N_REDONE; k++) {
            layer_gradients b = far_back(&f, all_wanted(&c), LAYER_REDONE[k], true, &loss);
            for (int t = 0; t < WEFT_I_N_GIVEN; t++)
                cr_assert(!a.given[t] || memcmp(a.given[t], b.given[t],
                                                (size_t)case_values(&c, t) * sizeof(float)) == 0,
                          "%s: input %d", ROWS[i].name, t);
            cr_assert_eq(
                memcmp(a.parameters, b.parameters, (size_t)c.program.n_values * sizeof(float)), 0,
                "%s: parameters", ROWS[i].name);
            case_free_gradients(&b);
        }
        case_free_gradients(&a);
        far_free(&f);
        case_free(&c);
    }
    weft_i_gpu_kit_free(kit);
}

/* A step of AdamW, and the operands after it. */
Test(gpu, adamw)
{
    enum { N = 2000 };
    static float host[4][N], expected[4][N];
    weft_i_gpu_kit *made = twin_kit(0);
    const weft_i_kit *kit = weft_i_gpu_kit_table(made), *cpu = weft_i_cpu_kit();
    const weft_i_adamw_step step = {0.9f, 0.95f, 1e-3f, 1.5f, 0.9999f, 1e-8f};
    weft_i_rng rng;
    weft_i_rng_seed(&rng, 5);
    for (int i = 0; i < 4 * N; i++)
        host[i / N][i % N] = (float)weft_i_rng_double(&rng);
    memcpy(expected, host, sizeof(host));
    weft_i_shelf near = {expected[0], expected[1], expected[2], expected[3], expected[0]};
    float *far[4];
    for (int i = 0; i < 4; i++) {
        far[i] = far_new(kit, sizeof(host[i]));
        kit->copy(kit->context, far[i], host[i], sizeof(host[i]));
    }
    weft_i_bf16 *operands = far_new(kit, sizeof(host[0])), found[N];
    weft_i_shelf shelf = {far[0], far[1], far[2], far[3], operands};
    kit->update(kit->context, &shelf, 100, N - 200, &step);
    cpu->update(cpu->context, &near, 100, N - 200, &step);
    for (int i = 0; i < 4; i++)
        kit->copy(kit->context, host[i], far[i], sizeof(host[i]));
    kit->copy(kit->context, found, operands, sizeof(found));
    cr_assert_eq(kit->finish(kit->context, NULL), 0);
    for (int i = 0; i < 4 * N; i++)
        cr_assert_float_eq(host[i / N][i % N], expected[i / N][i % N], 1e-6, "%d", i);
    for (int i = 100; i < N - 100; i++)
        cr_assert_eq(found[i].bits, weft_i_bf16_of(host[0][i]).bits);
    for (int i = 0; i < 4; i++)
        kit->memory->release(kit->memory->context, far[i]);
    kit->memory->release(kit->memory->context, operands);
    weft_i_gpu_kit_free(made);
}

enum {
    PRODUCT_SIZE = 1024,
    A_STRIDE = 10,
    A_NEXT = 160,
    B_STRIDE = 11,
    B_NEXT = 170,
    OUT_STRIDE = 9,
    OUT_NEXT = 90
};

/* Factors, and what is there before. */
typedef struct product_case {
    weft_i_bf16 a[PRODUCT_SIZE], b[PRODUCT_SIZE];
    float out[PRODUCT_SIZE], before[PRODUCT_SIZE];
    weft_i_product product;
} product_case;

/* Transposed or not, inside larger matrices, kept or not. */
static void make_product(product_case *c, weft_i_rng *rng)
{
    c->product = (weft_i_product){.m = 1 + (int64_t)weft_i_rng_below(rng, 8),
                                  .n = 1 + (int64_t)weft_i_rng_below(rng, 8),
                                  .k = (int64_t)weft_i_rng_below(rng, 8),
                                  .a = {c->a, A_STRIDE, A_NEXT, weft_i_rng_below(rng, 2)},
                                  .b = {c->b, B_STRIDE, B_NEXT, weft_i_rng_below(rng, 2)},
                                  .scale = 0.5f,
                                  .keep = (float)weft_i_rng_below(rng, 2),
                                  .out = c->out,
                                  .out_stride = OUT_STRIDE,
                                  .out_next = OUT_NEXT,
                                  .out_is_float = true,
                                  .n_batch = 1 + (int32_t)weft_i_rng_below(rng, 3)};
    for (int i = 0; i < PRODUCT_SIZE; i++) {
        c->a[i] = weft_i_bf16_of((float)weft_i_rng_double(rng) - 0.5f);
        c->b[i] = weft_i_bf16_of((float)weft_i_rng_double(rng) - 0.5f);
        c->out[i] = c->before[i] = (float)i;
    }
}

/* By its definition; what is outside stays. */
static void expect_product(const product_case *c)
{
    const weft_i_product *p = &c->product;
    for (int64_t i = 0; i < PRODUCT_SIZE; i++) {
        int64_t z = i / OUT_NEXT, row = i % OUT_NEXT / OUT_STRIDE, column = i % OUT_STRIDE;
        bool inside = z < p->n_batch && row < p->m && column < p->n;
        double sum = inside ? p->keep * c->before[i] : c->before[i];
        for (int64_t l = 0; inside && l < p->k; l++) {
            int64_t a = p->a.transposed ? l * A_STRIDE + row : row * A_STRIDE + l;
            int64_t b = p->b.transposed ? column * B_STRIDE + l : l * B_STRIDE + column;
            sum += 0.5 * (double)weft_i_bf16_float(c->a[z * A_NEXT + a]) *
                   (double)weft_i_bf16_float(c->b[z * B_NEXT + b]);
        }
        cr_assert_float_eq(c->out[i], sum, 1e-4, "%lld", (long long)i);
    }
}

Test(gpu, products)
{
    static product_case c;
    weft_i_gpu gpu;
    weft_i_rng rng;
    cr_assert(weft_i_twin_open(0, &gpu));
    weft_i_rng_seed(&rng, 3);
    for (int round = 0; round < 50; round++) {
        make_product(&c, &rng);
        gpu.multiply(gpu.context, &c.product);
        cr_assert_eq(c.out[0], c.before[0], "done before it was asked how far it is");
        cr_assert_eq(gpu.finish(gpu.context), WEFT_I_GPU_DONE);
        expect_product(&c);
    }
    gpu.close(gpu.context);
}

/* A copy beside is not done before it has been looked at again and again, and then with what has
 * been written since: who does so before it is done is found out. Those before it are done, too. */
Test(gpu, copies_beside)
{
    static const char first[] = "first", other[] = "other";
    char from[sizeof(first)], to[2][sizeof(first)] = {"", ""};
    weft_i_gpu_kit *made = twin_kit(0);
    const weft_i_kit *kit = weft_i_gpu_kit_table(made);
    bool is_done = false;
    int n_looks = 0;
    kit->copy(kit->context, from, first, sizeof(first));
    int64_t one = kit->copy_beside(kit->context, to[0], from, sizeof(from));
    int64_t two = kit->copy_beside(kit->context, to[1], from, sizeof(from));
    kit->copy(kit->context, from, other, sizeof(other));
    for (; !is_done; n_looks++) {
        cr_assert_str_eq(to[0], "");
        cr_assert_eq(kit->copied(kit->context, two, NULL, &is_done), 0);
        if (n_looks == 0) cr_assert_eq(kit->reached(kit->context, NULL, &is_done), 0);
    }
    cr_expect_geq(n_looks, 3);
    cr_expect_str_eq(to[0], other);
    cr_expect_str_eq(to[1], other);
    cr_assert_eq(kit->copied(kit->context, one, NULL, &is_done), 0);
    cr_expect(is_done);
    cr_expect_eq(kit->copy_beside(kit->context, to[0], from, 0), 0);
    one = kit->copy_beside(kit->context, to[0], first, sizeof(first));
    cr_assert_eq(kit->finish(kit->context, NULL), 0);
    cr_expect_str_eq(to[0], first);
    cr_assert_eq(kit->copied(kit->context, one, NULL, &is_done), 0);
    cr_expect(is_done);
    weft_i_gpu_kit_free(made);
}

/* An element of an operand by columns, as cublasGemmStridedBatchedEx documents it. */
static double element_of(const weft_i_operand *of, int64_t batch, int64_t row, int64_t column)
{
    int64_t at = of->transposed ? column + row * of->stride : row + column * of->stride;
    return (double)weft_i_bf16_float(of->data[batch * of->next + at]);
}

/* The same products by a BLAS that has its matrices by columns. */
Test(gpu, products_by_columns)
{
    static product_case c;
    weft_i_rng rng;
    weft_i_rng_seed(&rng, 4);
    for (int round = 0; round < 50; round++) {
        weft_i_column_product by = {0};
        make_product(&c, &rng);
        const weft_i_product *p = &c.product;
        cr_assert(weft_i_by_columns(p, &by));
        for (int32_t z = 0; z < p->n_batch; z++)
            for (int i = 0; i < by.m * by.n; i++) {
                float *out = &c.out[z * p->out_next + i % by.m + i / by.m * p->out_stride];
                double sum = 0;
                for (int l = 0; l < by.k; l++)
                    sum += element_of(by.first, z, i % by.m, l) *
                           element_of(by.second, z, l, i / by.m);
                *out = (float)((double)p->scale * sum) + p->keep * *out;
            }
        expect_product(&c);
    }
}

/* More than such a BLAS counts to. */
Test(gpu, products_that_are_too_large)
{
    const weft_i_product product = {.m = 1, .n = 1, .k = INT64_C(1) << 31};
    weft_i_column_product by = {0};
    cr_expect_not(weft_i_by_columns(&product, &by));
}

/* What was asked for and how much there is. */
Test(gpu, says_what_it_has_too_little_of)
{
    weft_i_gpu_kit *made = twin_kit(3 << 20);
    const weft_i_kit *kit = weft_i_gpu_kit_table(made);
    weft_i_pool pool = {.memory = kit->memory};
    weft_error error = {0};
    void *some = weft_i_pool_take(&pool, 2 << 20);
    cr_assert_not_null(some);
    cr_assert_null(weft_i_pool_take(&pool, 2 << 20));
    cr_expect_eq(kit->explain(kit->context, &error), WEFT_STATUS_NO_MEMORY);
    cr_expect_str_eq(error.text, "out of GPU memory: 2.0 MiB more wanted, 2.0 of 3.0 MiB in use");
    weft_i_pool_give(&pool, some);
    weft_i_pool_free(&pool);
    weft_i_gpu_kit_free(made);
}
