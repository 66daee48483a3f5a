/* weft/fit.h - measured training steps of uniform models, and the constants of a cluster fitted to
 * them: efficiencies of the device type, shared by all rows, and five constants of each software
 * stack. Never a constant of a row.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEFT_FIT_H
#define WEFT_FIT_H

#include "weft/emulate.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What of an answer was measured: enum value, name in files. */
#define WEFT_MEASURED_LIST(X)                                                                      \
    X(STEP, "step_ns")                                                                             \
    X(LAYER_FW, "layer_fw_ns")   /* one transformer layer, one microbatch */                       \
    X(LAYER_BW, "layer_bw_ns")   /* with what is recomputed */                                     \
    X(LAYER_BWI, "layer_bwi_ns") /* gradient of its input alone */                                 \
    X(LAYER_BWW, "layer_bww_ns") /* gradient of its weights alone */                               \
    X(MESSAGE, "message_ns")     /* from the first rank to the second */                           \
    X(PEAK, "peak_bytes")        /* of a device of the rank that needs most */

typedef enum weft_measured {
#define WEFT_MEASURED_ENUM(name, text) WEFT_MEASURED_##name,
    WEFT_MEASURED_LIST(WEFT_MEASURED_ENUM)
#undef WEFT_MEASURED_ENUM
        WEFT_N_MEASURED
} weft_measured;

/* One measured number. */
typedef struct weft_measurement {
    const char *set;       /* rows of one set count together; sets count alike */
    const char *stack;     /* of the cluster: the one in force, or another by name */
    weft_uniform question; /* its cluster is not read */
    weft_measured quantity;
    double value;  /* ns or bytes, > 0 */
    int32_t nics;  /* of a node there; 0 = as the cluster has */
    int32_t group; /* rows of a set that are left out together */
    bool apart;    /* predicted, never fitted to */
} weft_measurement;

typedef struct weft_measurements {
    weft_measurement *rows;
    int32_t n_rows;
    void *owner;
} weft_measurements;

/* Read a CSV file of measurements (docs/formats.md has the columns). IO, BAD_INPUT with file, line
 * and column, NO_MEMORY. Free *out_measurements with weft_measurements_free. */
WEFT_API weft_status weft_measurements_read(const char *path, weft_error *error,
                                            weft_measurements **out_measurements);
WEFT_API void weft_measurements_free(weft_measurements *measurements);

/* The emulator's value of a row on the cluster, which may have fewer nodes than the row needs.
 * USAGE where the cluster has no such stack; else as weft_emulate_uniform. */
WEFT_API weft_status weft_measurement_predict(const weft_measurement *row,
                                              const weft_cluster *cluster, weft_error *error,
                                              double *out_value);

typedef struct weft_fit_options {
    size_t struct_size;
    uint64_t seed;    /* 1 */
    int32_t restarts; /* searches, the first from the cluster's own constants (6) */
    bool device;      /* fit the device type's constants, too, not the stacks' alone (true) */
    int32_t rounds;   /* of one search at most: steps, each from a linear model (40) */
} weft_fit_options;
WEFT_API void weft_fit_options_init(weft_fit_options *options);

/* A constant that is fitted, as it is in the cluster now. */
typedef struct weft_fit_constant {
    const char *owner; /* name of the device or of the stack */
    const char *name;  /* as in weft.cluster */
    double value, low, high;
} weft_fit_constant;

/* The constants that `rows` determine: those of the cluster's device, and of each stack with a row.
 * out_constants has room for `room`; returns how many there are. */
WEFT_API int32_t weft_fit_constants(const weft_cluster *cluster, const weft_measurement *rows,
                                    int32_t n_rows, weft_fit_constant *out_constants, int32_t room);

/* Change the constants of `cluster` so that the sum over the sets of their mean relative error is
 * as small as a search finds it: steps by linear models of the errors, from the constants as they
 * are, then from random places; the same seed gives the same constants. One that no row determines
 * stays. left_out: n_rows flags of rows that are not looked at, or NULL. *out_error: that sum.
 * BAD_INPUT for more than one node type; else as weft_measurement_predict; on failure the cluster
 * is as it was. */
WEFT_API weft_status weft_fit(weft_cluster *cluster, const weft_measurement *rows, int32_t n_rows,
                              const unsigned char *left_out, const weft_fit_options *options,
                              weft_error *error, double *out_error);

/* Predict the rows of one set by constants that were fitted without them: in `folds` parts dealt by
 * the seed, or, with folds 0, one group at a time. The other sets stay whole. out_values: n_rows,
 * written for the set's rows alone (rows that are apart: fitted to all). The cluster is as before.
 * Statuses as weft_fit. */
WEFT_API weft_status weft_fit_cross_validate(weft_cluster *cluster, const weft_measurement *rows,
                                             int32_t n_rows, const char *set, int32_t folds,
                                             const weft_fit_options *options, weft_error *error,
                                             double *out_values);

#ifdef __cplusplus
}
#endif
#endif
