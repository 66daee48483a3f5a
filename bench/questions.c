/* bench/questions.c - how long a closed question about a uniform model takes, over 1,000 random
 * configurations, each asked once.
 *
 * usage: bench_questions [SEED]. The first line counts the question alone, the second the making of
 * its model as well.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <weft/weft.h>

#include "bench/numbers.h"

enum { N = 1000 };

static uint64_t state;

static uint64_t next(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

/* One of the first n powers of two. */
static int power(int n)
{
    return 1 << next() % (uint64_t)n;
}

static double now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void print(const char *what, double *us)
{
    numbers_sort(us, N);
    printf("%s: median %.1f us, 90 %% under %.1f us, worst %.1f us\n", what, us[N / 2],
           us[N * 9 / 10], us[N - 1]);
}

static weft_uniform random_question(char model[200])
{
    int layers = 8 * (1 + (int)(next() % 16)), head = 64 << next() % 2, tp = power(4);
    int heads = 8 * (1 + (int)(next() % 16));
    snprintf(model, 200, "gpt:layers=%d,hidden=%d,heads=%d,seq=%d,vocab=51200", layers,
             heads * head, heads, 512 * power(5));
    weft_uniform q = {.parallel = {power(6), power(4), tp, 1, 1}, .microbatch = power(3)};
    q.segments = layers % (2 * q.parallel.pp) == 0 ? power(2) : 1;
    q.global_batch = q.parallel.dp * q.microbatch * q.parallel.pp * power(5);
    q.recompute = (weft_recompute)(next() % 3);
    return q;
}

int main(int argc, char **argv)
{
    static double question_us[N], both_us[N];
    weft_error error = {0};
    weft_cluster *cluster = NULL;
    weft_recipe *recipe = NULL;
    state = argc > 1 ? strtoull(argv[1], NULL, 10) * 2 + 1 : 88172645463325252u;
    weft_status status = weft_cluster_load("h100:nodes=1024", &error, &cluster);
    if (!status) status = weft_recipe_load(NULL, &error, &recipe);
    for (int i = 0; i < N && !status; i++) {
        char text[200];
        weft_model *model = NULL;
        weft_uniform_answer answer;
        weft_uniform question = random_question(text);
        double start = now_us();
        status = weft_model_load(text, &error, &model);
        question.model = model;
        question.cluster = cluster;
        question.recipe = recipe;
        double loaded = now_us();
        if (!status) status = weft_emulate_uniform(&question, &error, NULL, &answer);
        question_us[i] = now_us() - loaded;
        both_us[i] = now_us() - start;
        weft_model_free(model);
    }
    if (status) {
        fprintf(stderr, "%s\n", error.text);
    } else {
        print("question", question_us);
        print("model and question", both_us);
    }
    weft_recipe_free(recipe);
    weft_cluster_free(cluster);
    return status != WEFT_STATUS_OK;
}
