/* weft/calibrate.h - a device's constants moved until the emulator gives the times that were
 * measured on it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEFT_CALIBRATE_H
#define WEFT_CALIBRATE_H

#include "weft/cluster.h"
#include "weft/model.h"
#include "weft/recipe.h"

#ifdef __cplusplus
extern "C" {
#endif

/* How near the emulator has come, as |emulated / measured - 1|. */
typedef struct weft_calibration {
    double mean, worst; /* of all passes that were measured */
    double total;       /* of the sum of all times */
    int32_t worst_row;
} weft_calibration;

/* Move the constants of a cluster's first device: bandwidth, launch overhead, traffic of the
 * backward, and the values, not the places, of its tables, by a factor of 64 at most: searches as
 * of weft_fit, from where they are and from other bandwidths, for the least mean of the logarithms
 * of the errors, four fifths of it weighted by time. Rows are of layers without recomputation under
 * tp
 * 1. BAD_INPUT for a row of no layer, NO_MEMORY. Deterministic. out_calibration may be NULL. */
WEFT_API weft_status weft_calibrate(const weft_model *model, const weft_recipe *recipe,
                                    const weft_layer_time *rows, int32_t n_rows,
                                    weft_cluster *cluster, weft_error *error,
                                    weft_calibration *out_calibration);

#ifdef __cplusplus
}
#endif
#endif
