/* runtime/launch.h - the command line of weft-run. */
#ifndef WEFT_RUNTIME_LAUNCH_H
#define WEFT_RUNTIME_LAUNCH_H

#include "weft/option.h"

#include <stdint.h>

typedef enum weft_i_device {
    WEFT_I_DEVICE_VIRTUAL,
    /* These train: */
    WEFT_I_DEVICE_CPU,
    WEFT_I_DEVICE_CUDA,
    WEFT_I_DEVICE_TWIN
} weft_i_device;

/* How messages leave the memory of a GPU. */
typedef enum weft_i_messages {
    WEFT_I_MESSAGES_AUTO,   /* as MPI says that it can */
    WEFT_I_MESSAGES_STAGED, /* through the host's */
    WEFT_I_MESSAGES_DIRECT  /* MPI takes them there, also where it does not say that it can */
} weft_i_messages;

typedef struct weft_i_launch {
    const char *plan; /* file, "-" = stdin */
    int64_t n_steps;
    int device;        /* weft_i_device */
    const char *model; /* of the plan; a device that trains reads them */
    const char *batch;
    int64_t seed; /* of weights and synthetic data */
    double learning_rate;
    int messages;             /* weft_i_messages */
    int64_t threads;          /* of a rank's matrix products */
    const char *checkpoint;   /* folder to go on from and to save to; NULL = none */
    int64_t checkpoint_every; /* steps; 0 = after the last one alone */
    const char *profile;      /* file to write instead of running a plan; NULL = none */
    bool check;               /* compare with a serial run */
    double scale;
    double timeout; /* seconds */
    bool payload;
    const char *timeline; /* file; NULL = none */
    bool json;
    bool help, version;
} weft_i_launch;

/* Read argv. USAGE with one line that says what is wrong. */
weft_status weft_i_launch_read(int argc, char **argv, weft_error *error, weft_i_launch *out);

/* Name of a device, "virtual". */
const char *weft_i_device_name(int device);

/* Print the help to stdout. */
void weft_i_launch_help(void);

#endif
