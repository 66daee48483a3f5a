/* Constants fitted to measured rows: rows made by known constants give them back; what is left out
 * is not looked at. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/rng.h"
#include "emu/fit_constants.h"

enum { N = 12 };

typedef struct fixture {
    weft_cluster *cluster;
    weft_recipe *recipe;
    weft_model *models[N];
    weft_measurement rows[N];
    weft_fit_options options;
} fixture;

/* Layers of several sizes, forward and backward, on the first stack but the one in force. */
static fixture make(void)
{
    fixture f = {0};
    weft_error error = {0};
    cr_assert_eq(weft_cluster_load("a100", &error, &f.cluster), WEFT_STATUS_OK);
    cr_assert_eq(weft_recipe_load(NULL, &error, &f.recipe), WEFT_STATUS_OK);
    for (int i = 0; i < N; i++) {
        char text[120];
        snprintf(text, sizeof text, "gpt:layers=4,hidden=%d,heads=16,seq=1024,vocab=5120",
                 1024 << i % 3);
        cr_assert_eq(weft_model_load(text, &error, &f.models[i]), WEFT_STATUS_OK, "%s", error.text);
        weft_uniform question = {.model = f.models[i],
                                 .recipe = f.recipe,
                                 .parallel = {1, 1, 1 << i % 2, 1, 1},
                                 .microbatch = 1 + i % 4,
                                 .global_batch = 1 + i % 4,
                                 .segments = 1};
        f.rows[i] =
            (weft_measurement){.set = i % 2 ? "odd" : "even",
                               .stack = "megatron-2022",
                               .question = question,
                               .quantity = i < N / 2 ? WEFT_MEASURED_STEP : WEFT_MEASURED_LAYER_BW,
                               .group = i / 4};
    }
    weft_fit_options_init(&f.options);
    f.options.restarts = 1;
    f.options.rounds = 6;
    f.options.device = false;
    return f;
}

static void drop(fixture *f)
{
    for (int i = 0; i < N; i++)
        weft_model_free(f->models[i]);
    weft_recipe_free(f->recipe);
    weft_cluster_free(f->cluster);
}

/* The rows' values are what the cluster as it is says. */
static void measure(fixture *f)
{
    weft_error error = {0};
    for (int i = 0; i < N; i++) {
        weft_status status =
            weft_measurement_predict(&f->rows[i], f->cluster, &error, &f->rows[i].value);
        cr_assert_eq(status, WEFT_STATUS_OK, "%s", error.text);
    }
}

Test(fit, finds_the_constants_that_made_the_rows)
{
    fixture f = make();
    weft_stack *stack = weft_i_stack_named(f.cluster, "megatron-2022");
    double error_sum = 1;
    stack->elementwise = 1.3;
    stack->host_kernel_ns = 30000;
    measure(&f);
    stack->elementwise = 0.6;
    stack->host_kernel_ns = 8000;
    f.options.rounds = 25;
    cr_assert_eq(weft_fit(f.cluster, f.rows, N, NULL, &f.options, NULL, &error_sum),
                 WEFT_STATUS_OK);
    cr_expect_lt(error_sum, 0.02);
    cr_expect_float_eq(stack->elementwise, 1.3, 0.2);
    cr_expect_float_eq((double)stack->host_kernel_ns, 30000, 2000);
    drop(&f);
}

Test(fit, same_seed_same_constants)
{
    weft_fit_constant first[64], second[64];
    int32_t n[2];
    for (int i = 0; i < 2; i++) {
        fixture f = make();
        double error_sum;
        measure(&f);
        for (int r = 0; r < N; r++)
            f.rows[r].value *= 1 + 0.01 * r;
        cr_assert_eq(weft_fit(f.cluster, f.rows, N, NULL, &f.options, NULL, &error_sum),
                     WEFT_STATUS_OK);
        n[i] = weft_fit_constants(f.cluster, f.rows, N, i ? second : first, 64);
        drop(&f);
    }
    cr_assert_eq(n[0], n[1]);
    for (int32_t i = 0; i < n[0]; i++)
        cr_expect_eq(first[i].value, second[i].value);
}

/* Rows that no constant explains do not count when they are left out or apart. */
Test(fit, what_is_left_out_is_not_looked_at)
{
    fixture f = make();
    unsigned char left_out[N] = {1};
    double error_sum = 1;
    measure(&f);
    f.rows[0].value *= 100;
    f.rows[1].value *= 100;
    f.rows[1].apart = true;
    f.options.rounds = 1;
    cr_assert_eq(weft_fit(f.cluster, f.rows, N, left_out, &f.options, NULL, &error_sum),
                 WEFT_STATUS_OK);
    cr_expect_lt(error_sum, 1e-9);
    drop(&f);
}

static void expect_kept(bool by_groups)
{
    fixture f = make();
    weft_fit_constant before[64], after[64];
    double values[N];
    measure(&f);
    for (int i = 0; i < N; i++)
        values[i] = -1;
    f.rows[4].value *= 3; /* even: its own fit does not see it */
    f.options.rounds = 2;
    int32_t n = weft_fit_constants(f.cluster, f.rows, N, before, 64);
    cr_assert_eq(weft_fit_cross_validate(f.cluster, f.rows, N, "even", by_groups ? 0 : 6,
                                         &f.options, NULL, values),
                 WEFT_STATUS_OK);
    weft_fit_constants(f.cluster, f.rows, N, after, 64);
    for (int32_t i = 0; i < n; i++)
        cr_expect_float_eq(before[i].value, after[i].value, 1e-12 * fabs(before[i].value));
    for (int i = 1; i < N; i += 2)
        cr_expect_eq(values[i], -1);
    cr_expect_float_eq(values[4], f.rows[4].value / 3, 0.01 * values[4]);
    drop(&f);
}

Test(fit, cross_validation_keeps_the_cluster)
{
    expect_kept(true);
    expect_kept(false);
}

Test(fit, says_what_is_wrong)
{
    fixture f = make();
    weft_error error = {0};
    double error_sum = -1;
    measure(&f);
    f.rows[3].stack = "nobody's";
    cr_expect_eq(weft_fit(f.cluster, f.rows, N, NULL, &f.options, &error, &error_sum),
                 WEFT_STATUS_USAGE);
    cr_expect_str_eq(error.text, "cluster a100 has no stack 'nobody's'");
    cr_expect_eq(error_sum, -1);
    drop(&f);
}

static weft_status read_rows(const char *rows, weft_error *error, weft_measurements **out)
{
    char name[] = "weft-rows-XXXXXX";
    int fd = mkstemp(name);
    FILE *file = fdopen(fd, "w");
    cr_assert_not_null(file);
    fprintf(file,
            "set,stack,layers,hidden,heads,seq,vocab,tp,pp,microbatch,global_batch,recompute,"
            "quantity,value\n%s",
            rows);
    fclose(file);
    weft_status status = weft_measurements_read(name, error, out);
    unlink(name);
    return status;
}

/* Rows of operators by name: megatron-2022 has no fused attention, where selective is its core. */
Test(fit, rows_of_recomputed_operators)
{
    static const char *const rows = "a,megatron-2022,4,256,4,512,512,1,1,4,4,selective,step_ns,9\n"
                                    "a,megatron-2022,4,256,4,512,512,1,1,4,4,core_attn,step_ns,9\n"
                                    "a,megatron-2022,4,256,4,512,512,1,1,4,4,mlp,step_ns,9\n"
                                    "a,megatron-2022,4,256,4,512,512,1,1,4,4,none,step_ns,9\n";
    weft_error error = {0};
    weft_cluster *cluster = NULL;
    weft_measurements *read = NULL;
    double ns[4];
    cr_assert_not(weft_cluster_load("a100", &error, &cluster));
    cr_assert_not(read_rows(rows, &error, &read), "%s", error.text);
    cr_assert_eq(read->n_rows, 4);
    for (int i = 0; i < 4; i++)
        cr_assert_not(weft_measurement_predict(&read->rows[i], cluster, &error, &ns[i]), "%s",
                      error.text);
    cr_expect_eq(ns[0], ns[1]);
    cr_expect(ns[1] > ns[3] && ns[2] > ns[3] && ns[2] != ns[1]);
    weft_measurements_free(read);
    weft_cluster_free(cluster);
    cr_expect_eq(read_rows("a,b,4,256,4,512,512,1,1,4,4,some,step_ns,9\n", &error, &read),
                 WEFT_STATUS_BAD_INPUT);
    cr_expect(strstr(error.text, "full or a set of operators: recompute: 'some' is no operator"),
              "%s", error.text);
}
