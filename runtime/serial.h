/* runtime/serial.h - the same training step on one rank: every module whole, whole microbatches,
 * one after the other over all replicas, nothing made again, no backward in halves. What a plan's
 * run is compared with. */
#ifndef WEFT_RUNTIME_SERIAL_H
#define WEFT_RUNTIME_SERIAL_H

#include "runtime/worker.h"

typedef struct weft_i_serial weft_i_serial;

/* Make the plan of the serial step; trainee and plan are borrowed. Free with weft_i_serial_free. */
weft_status weft_i_serial_create(const weft_i_trainee *trainee, const weft_plan *plan,
                                 weft_error *error, weft_i_serial **out_serial);
void weft_i_serial_free(weft_i_serial *serial);

/* Run step 0. */
weft_status weft_i_serial_run(weft_i_serial *serial, weft_error *error);
double weft_i_serial_loss(const weft_i_serial *serial);
/* Weights, with the step's gradients, of a whole module. */
const weft_i_weights *weft_i_serial_weights(const weft_i_serial *serial, int32_t module);

#endif
