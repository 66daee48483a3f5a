/* runtime/fault.h - a device that goes wrong at a chosen moment, so that tests see what a run does
 * then. Not for users: it is asked for by the environment. */
#ifndef WEFT_RUNTIME_FAULT_H
#define WEFT_RUNTIME_FAULT_H

#include "weft/run.h"

typedef struct weft_i_fault {
    weft_run_device device; /* the one that works until then */
    int kind, process, action;
    int steps_left; /* to go, with this one; 0 in the step of the fault */
} weft_i_fault;

/* `spec`, "KIND:PROCESS:ACTION[:STEP]", of the environment (NULL = no fault), makes that process at
 * that action of that step (1): kill (die by SIGKILL), stall (stop for good), fail (return an
 * error), short (send half of a message). USAGE where the spec is none. *device becomes one that
 * does so, and has `fault` as its context. */
weft_status weft_i_fault_wrap(const char *spec, int process, weft_i_fault *fault, weft_error *error,
                              weft_run_device *device);

#endif
