/* runtime/virtual.h - the virtual device: waits out a plan's times instead of computing.
 *
 * A pass takes its planned time. A message is 64 bytes with the time at which it left, and counts
 * as arrived transfer_ns later; the time at which a replica posts a reduction travels through the
 * reduction itself. So a run keeps the time rule (docs/formats.md), plus what running costs. */
#ifndef WEFT_RUNTIME_VIRTUAL_H
#define WEFT_RUNTIME_VIRTUAL_H

#include "weft/run.h"

typedef struct weft_i_virtual weft_i_virtual;

typedef struct weft_i_virtual_options {
    double scale;            /* of all times */
    bool payload;            /* messages and reductions of the plan's sizes */
    int64_t clock_offset_ns; /* this rank's clock less the common one, which stamps messages */
    int64_t margin_ns;       /* so long before an action ends sleep is given up for polling */
    int64_t (*now_ns)(void *clock_context);
    void *clock_context;
} weft_i_virtual_options;

/* The device of one rank. The plan is borrowed. BAD_INPUT where a payload is larger than a buffer
 * can be, NO_MEMORY. Free with weft_i_virtual_free. */
weft_status weft_i_virtual_create(const weft_plan *plan, int32_t pipeline, int32_t rank,
                                  const weft_i_virtual_options *options, weft_error *error,
                                  weft_i_virtual **out_device);

/* Most bytes of messages and reductions that are under way at once. */
int64_t weft_i_virtual_buffer_bytes(const weft_i_virtual *device);

/* Before each step: its number, and the time of the common clock at which it starts on all ranks.
 */
void weft_i_virtual_step(weft_i_virtual *device, int32_t step, int64_t start_ns);

/* What the interpreter calls; valid as long as the device. */
weft_run_device weft_i_virtual_callbacks(weft_i_virtual *device);

void weft_i_virtual_free(weft_i_virtual *device);

#endif
