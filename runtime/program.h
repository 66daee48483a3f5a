/* runtime/program.h - a layer as a short straight program: operations on tensors and parameters.
 *
 * One description serves every pass: the forward runs it, the backward runs it from the end, and
 * which tensors must be kept or can be made again follows from it. Not: memory and the passes
 * themselves (tape.h). */
#ifndef WEFT_RUNTIME_PROGRAM_H
#define WEFT_RUNTIME_PROGRAM_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/attend.h"
#include "weft/model.h"

/* Number of rows of a tensor. */
typedef enum weft_i_extent {
    WEFT_I_EXTENT_ROWS,     /* tokens at the layer's input */
    WEFT_I_EXTENT_OUT_ROWS, /* and at its output, where tokens are merged */
    WEFT_I_EXTENT_MEDIA,    /* tokens from other modules that take their place in the sequence */
    WEFT_I_EXTENT_CONTEXT,  /* tokens that cross-attention reads */
    WEFT_I_EXTENT_SPANS     /* one row a sequence */
} weft_i_extent;

/* What is given from outside has a fixed place among the tensors. */
enum {
    WEFT_I_TENSOR_INPUT,   /* the layer before's output; of a first layer the patches */
    WEFT_I_TENSOR_MEDIA,   /* of an embedding */
    WEFT_I_TENSOR_CONTEXT, /* of cross-attention */
    WEFT_I_TENSOR_TIME,    /* of adaLN */
    WEFT_I_N_GIVEN,
    WEFT_I_MAX_TENSORS = 28,
    WEFT_I_MAX_OPS = 24,
    WEFT_I_MAX_PARAMETERS = 24
};

typedef enum weft_i_op_kind {
    WEFT_I_OP_EMBED,  /* rows of a table by token, and of `in` where media stand */
    WEFT_I_OP_LINEAR, /* in W^T + bias, W[out x in] */
    WEFT_I_OP_NORM,   /* parameters: gain, bias, each where there is one */
    WEFT_I_OP_GELU,
    WEFT_I_OP_SWIGLU,       /* in: gate and up side by side */
    WEFT_I_OP_SELF_ATTEND,  /* in: query, key and value side by side */
    WEFT_I_OP_CROSS_ATTEND, /* in: query; second: key and value side by side */
    WEFT_I_OP_ADD,          /* in + second */
    WEFT_I_OP_MERGE,        /* several rows side by side */
    WEFT_I_OP_TABLE,        /* a row of parameters added to every row */
    WEFT_I_OP_SILU,
    WEFT_I_OP_MODULATE,      /* in by parts `part` (shift), `part` + 1 (scale) of second */
    WEFT_I_OP_GATE,          /* in + part `part` of third * second */
    WEFT_I_OP_CROSS_ENTROPY, /* ends a head: the loss of its tokens */
    WEFT_I_OP_SQUARED_ERROR  /* ends a head: the loss of its values */
} weft_i_op_kind;

enum { WEFT_I_NOTHING = -1 };

typedef struct weft_i_op {
    weft_i_op_kind kind;
    int8_t in[3];         /* tensors; NOTHING */
    int8_t out;           /* NOTHING after a loss */
    int8_t parameters[2]; /* NOTHING */
    int8_t part;
    uint32_t names; /* under which its output can be made again (profiles/recompute.h) */
} weft_i_op;

typedef struct weft_i_tensor {
    weft_i_extent extent;
    int32_t width;
} weft_i_tensor;

typedef struct weft_i_parameter {
    const char *name;
    int64_t rows, width; /* of a vector: 1 row */
    int64_t first;       /* place among the layer's values */
    float mean, spread;  /* before training: normal */
} weft_i_parameter;

typedef struct weft_i_program {
    const weft_layer *layer;
    weft_i_tensor tensors[WEFT_I_MAX_TENSORS];
    weft_i_op ops[WEFT_I_MAX_OPS];
    weft_i_parameter parameters[WEFT_I_MAX_PARAMETERS];
    int n_tensors, n_ops, n_parameters;
    int output;       /* tensor; NOTHING of a head */
    int64_t n_values; /* of all parameters */
    weft_i_attend self, cross;
} weft_i_program;

/* The program of a layer. `input_width` is that of what comes in; a head's loss is over tokens
 * where `is_text`, else over values. BAD_INPUT for a kind or feature that no device trains. */
weft_status weft_i_program_make(const weft_layer *layer, int32_t input_width, bool is_text,
                                weft_error *error, weft_i_program *out);

#endif
