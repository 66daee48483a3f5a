/* runtime/weights.h - the parameters of a chunk's layers, their gradients, and AdamW. */
#ifndef WEFT_RUNTIME_WEIGHTS_H
#define WEFT_RUNTIME_WEIGHTS_H

#include "runtime/kit.h"
#include "runtime/trainee.h"

typedef struct weft_i_weights {
    const weft_i_trained_module *module;
    int32_t first_layer, n_layers;
    int64_t *offsets; /* of each layer's values */
    int64_t n;
    /* On the host, where a kit has its own as of the last fetch. */
    float *values;
    float *gradients;       /* NULL where no layer learns */
    float *means, *squares; /* moments of the gradients */
    const weft_i_kit *kit;
    weft_i_shelf shelf; /* those that the kit works with */
} weft_i_weights;

/* AdamW (Loshchilov and Hutter 2019). */
typedef struct weft_i_adamw {
    double rate, beta1, beta2, epsilon, decay;
} weft_i_adamw;

/* Parameters as before the first step: the same on every rank that has the layer, and the same for
 * a tied head as for its embedding. NO_MEMORY. Free with weft_i_weights_free. */
weft_status weft_i_weights_make(const weft_i_trainee *trainee, int32_t module, int32_t first_layer,
                                int32_t n_layers, const weft_i_kit *kit, weft_error *error,
                                weft_i_weights *out);
void weft_i_weights_free(weft_i_weights *weights);

/* What the kit has, to the host and back; the gradients come only. Both wait for the kit. */
weft_status weft_i_weights_fetch(const weft_i_weights *weights, weft_error *error);
weft_status weft_i_weights_store(const weft_i_weights *weights, weft_error *error);

/* Step number `step`, from 1, of the layers that learn. Matrices decay, vectors do not. */
void weft_i_weights_update(weft_i_weights *weights, const weft_i_adamw *adamw, int64_t step);

/* Offset of a tied head's table among the values, or that of the embedding that it is tied to; -1
 * where the chunk has neither. */
int64_t weft_i_weights_tied(const weft_i_weights *weights, bool head);

#endif
