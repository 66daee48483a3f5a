/* bench/measured.h - published measurements as questions to the emulator. Each set has one device
 * and one software stack; a row is a question and what was measured. Not: statistics.
 */
#ifndef WEFT_BENCH_MEASURED_H
#define WEFT_BENCH_MEASURED_H

#include <weft/weft.h>

/* The sets: enum value, name, shipped cluster with overrides. */
#define SET_LIST(X)                                                                                \
    X(KORTHIKANTI, "korthikanti", "a100:nodes=64,stack=megatron-2022")                             \
    X(LAYER, "korthikanti layer", "a100:nodes=64,stack=megatron-2022")                             \
    X(MULTI_NODE, "vtrain multi-node", "a100:nodes=64,stack=megatron-deepspeed")                   \
    X(SINGLE_NODE, "vtrain single-node", "a100:nodes=1,stack=megatron-deepspeed-small")            \
    X(STAGE, "zero-bubble stage times", "a100:nodes=4,stack=megatron-zero-bubble")                 \
    X(THROUGHPUT, "zero-bubble throughput", "a100:nodes=4,stack=megatron-zero-bubble")             \
    X(MEMORY, "zero-bubble memory", "a100:nodes=4,stack=megatron-zero-bubble")                     \
    X(MEGATRON_H100, "megatron h100", "h100:nodes=768,stack=megatron-core-2024")

typedef enum set {
#define SET_ENUM(name, text, cluster) SET_##name,
    SET_LIST(SET_ENUM)
#undef SET_ENUM
        N_SETS
} set;

const char *set_name(set s);

/* What of the answer was measured. */
typedef enum quantity {
    QUANTITY_STEP,       /* s */
    QUANTITY_LAYER_FW,   /* ms */
    QUANTITY_LAYER_BW,   /* ms */
    QUANTITY_STAGE_F,    /* us, of a stage of layers / pp, as all below */
    QUANTITY_STAGE_B,    /* gradient of the input */
    QUANTITY_STAGE_W,    /* gradient of the weights */
    QUANTITY_THROUGHPUT, /* sequences a device and second */
    QUANTITY_MEMORY      /* 1e9 bytes */
} quantity;

typedef struct measured {
    set set;
    weft_uniform question; /* without its cluster */
    int stage_layers;
    quantity quantity;
    double value;
    int group;     /* rows that share what is left out together: a model, or a cell of shapes */
    bool contrary; /* one of six rows that contradict the others (docs/accuracy.md) */
} measured;

typedef struct measurements {
    measured *rows;
    int n;
    weft_cluster *clusters[N_SETS];
    weft_recipe *recipes[N_SETS][2]; /* without and with sequence parallelism */
} measurements;

/* Read all files of the folder; any error ends the program. */
measurements measurements_read(const char *folder);
void measurements_free(measurements *all);

/* The emulator's value of a row on the set's cluster as it is now. */
double measured_predict(const measurements *all, const measured *row);

/* |predicted - measured| / measured */
double measured_error(const measurements *all, const measured *row);

#endif
