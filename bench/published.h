/* bench/published.h - published measurements as rows for the emulator. A set is a table of one
 * source, with one device type and one software stack. Not: statistics, nor fitting.
 */
#ifndef WEFT_BENCH_PUBLISHED_H
#define WEFT_BENCH_PUBLISHED_H

#include <weft/weft.h>

typedef enum device { DEVICE_A100, DEVICE_H100, N_DEVICES } device;

/* The sets: enum value, name, device, stack, NICs of a node where not the cluster's. */
#define SET_LIST(X)                                                                                \
    X(KORTHIKANTI, "Korthikanti Table 5", A100, "megatron-2022", 0)                                \
    X(LAYER, "Korthikanti Table 4", A100, "megatron-2022", 0)                                      \
    X(MULTI_NODE, "vTrain multi-node", A100, "megatron-deepspeed", 4)                              \
    X(SINGLE_NODE, "vTrain single-node", A100, "megatron-deepspeed-small", 0)                      \
    X(STAGE, "zero-bubble stage times", A100, "megatron-zero-bubble", 0)                           \
    X(MESSAGE, "zero-bubble messages", A100, "megatron-zero-bubble", 0)                            \
    X(THROUGHPUT, "zero-bubble throughput", A100, "megatron-zero-bubble", 0)                       \
    X(MEMORY, "zero-bubble memory of 1F1B", A100, "megatron-zero-bubble", 0)                       \
    X(MEGATRON_H100, "Megatron-LM H100", H100, "megatron-core-2024", 0)

typedef enum set {
#define SET_ENUM(name, text, device, stack, nics) SET_##name,
    SET_LIST(SET_ENUM)
#undef SET_ENUM
        N_SETS
} set;

const char *set_name(set s);
device set_device(set s);

typedef struct published {
    weft_measurement *rows;
    int n;
    int firsts[N_SETS + 1];             /* rows of set s: firsts[s] .. firsts[s + 1] - 1 */
    weft_recipe *recipes[N_DEVICES][2]; /* without and with sequence parallelism */
} published;

/* Read all files of the folder; any error ends the program. Rows are in the order of the sets. */
published published_read(const char *folder);
void published_free(published *all);

#endif
