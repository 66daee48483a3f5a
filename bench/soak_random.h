/* bench/soak_random.h - random inputs of the soak: lines of text, problems, models with recipes.
 * The same state gives the same input on every machine. Not: planning them (soak.c). */
#ifndef WEFT_BENCH_SOAK_RANDOM_H
#define WEFT_BENCH_SOAK_RANDOM_H

#include <stdbool.h>
#include <stdint.h>
#include <weft/weft.h>

/* splitmix64 (Steele, Lea, Flood 2014). */
typedef struct soak_rng {
    uint64_t state;
} soak_rng;

uint64_t soak_next(soak_rng *rng);
/* Uniform enough in [low, high]. */
int64_t soak_in(soak_rng *rng, int64_t low, int64_t high);
/* In percent. */
bool soak_chance(soak_rng *rng, int percent);
double soak_real(soak_rng *rng, double low, double high);

/* A line of the text form; every key comes up. Feasible exactly where one microbatch fits: all
 * forwards of its segments come before the first backward, in every order. */
typedef struct soak_text {
    char s[512];
    bool is_feasible;
} soak_text;
void soak_random_text(soak_rng *rng, soak_text *out);

/* A problem of several modules, with candidates, frozen modules, skip connections; no limits
 * (soak_problem.c). NULL when out of memory. */
weft_problem *soak_random_problem(soak_rng *rng);
void soak_problem_free(weft_problem *problem);

/* Write a small model (soak_model.c), or a recipe for one; false when the file cannot be written.
 */
typedef struct soak_modalities {
    bool image, video, audio;
} soak_modalities;
bool soak_write_model(soak_rng *rng, const char *file, soak_modalities *out);
bool soak_write_recipe(soak_rng *rng, const char *file);

#endif
