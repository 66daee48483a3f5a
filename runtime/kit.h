/* runtime/kit.h - where a worker has its values, and who computes with them: the processor
 * (cpu_kit.h), or a GPU. Tape, stages and worker know no other way to either.
 *
 * What a kit is asked for is done in the order in which it was asked for, at once or later: nothing
 * but `reached`, `copied` and `finish` tells. What goes wrong later they tell too. */
#ifndef WEFT_RUNTIME_KIT_H
#define WEFT_RUNTIME_KIT_H

#include "runtime/pool.h"
#include "runtime/program.h"
#include "runtime/sheet.h"

/* An operation's tensors, each in the kit's memory. Gradients are added to; NULL where nobody wants
 * them. Rows and width are those of the output, or of the input after a loss. */
typedef struct weft_i_view {
    const weft_i_program *program;
    const weft_i_sheet *sheet;
    weft_i_pool *pool; /* of scratch */
    void *x, *y, *z;   /* inputs */
    void *d_x, *d_y, *d_z;
    const void *d_out;
    void *out;
    const float *parameters[2]; /* NULL = there is none */
    const void *operand;        /* the first of them as matrix products read it */
    float *d_parameters[2];
    double *loss; /* added to: its sum over targets */
    int64_t rows, width, in_width;
} weft_i_view;

/* Parameters as the kit has them; on the processor, those of the weights themselves. */
typedef struct weft_i_shelf {
    float *values, *gradients, *means, *squares; /* all but the first NULL where nothing learns */
    void *operands;                              /* the values as matrix products read them */
} weft_i_shelf;

/* A step of AdamW (Loshchilov and Hutter 2019): value = kept value - rate mean / (sqrt(square
 * times correction) + epsilon), after mean and square have moved. */
typedef struct weft_i_adamw_step {
    float beta1, beta2, rate, correction, kept, epsilon;
} weft_i_adamw_step;

typedef struct weft_i_kit {
    void *context;
    const char *name;
    int64_t memory_bytes;        /* 0 = the host's */
    size_t value_bytes;          /* of a value of a tensor or of its gradient: float, or bfloat16 */
    bool is_far;                 /* its memory is not the host's: it has all of `copy_beside` */
    const weft_i_memory *memory; /* cleared when new */
    const weft_i_memory *host;   /* that copies are quick from and to */

    void (*clear)(void *context, void *data, size_t n_bytes);
    void (*copy)(void *context, void *to, const void *from,
                 size_t n_bytes); /* also from the host */
    /* A copy that goes on beside all else, on a queue of its own: it begins when what was asked for
     * before it is done, and nothing waits for it. Its number, from 1; 0 = it is done. */
    int64_t (*copy_beside)(void *context, void *to, const void *from, size_t n_bytes);
    /* Whether that copy is done, and so all before it. FAILED with what the device says. */
    weft_status (*copied)(void *context, int64_t copy, weft_error *error, bool *out_done);
    /* n floats of the host into values; the host's may go at once. False when out of memory. */
    bool (*import)(void *context, const float *from, int64_t n, void *to);
    /* n values of a tensor onto others. */
    void (*add)(void *context, const void *from, int64_t n, void *to);

    /* Make what it needs of a sheet beside the sheet itself, and drop it; may be NULL. */
    bool (*bind)(void *context, weft_i_sheet *sheet);
    void (*unbind)(void *context, weft_i_sheet *sheet);

    /* What the operations of a program compute; each false when out of memory. */
    bool (*forward)(void *context, const weft_i_op *op, const weft_i_view *view);
    bool (*back_input)(void *context, const weft_i_op *op, const weft_i_view *view);
    bool (*back_weights)(void *context, const weft_i_op *op, const weft_i_view *view);

    /* n parameters from `first` on take a step by their gradients. */
    void (*update)(void *context, const weft_i_shelf *shelf, int64_t first, int64_t n,
                   const weft_i_adamw_step *step);
    /* Operands of n parameters, where they are not the values themselves. */
    void (*make_operands)(void *context, const weft_i_shelf *shelf, int64_t n);

    /* Whether all that was asked for is done, but for copies beside it; and wait until it is, and
     * they are. FAILED with what the device says. */
    weft_status (*reached)(void *context, weft_error *error, bool *out_done);
    weft_status (*finish)(void *context, weft_error *error);
    /* What was missing, after a NO_MEMORY; may be NULL. */
    weft_status (*explain)(void *context, weft_error *error);
} weft_i_kit;

/* n values on from a place. */
static inline void *weft_i_kit_at(const weft_i_kit *kit, void *place, int64_t n)
{
    return (char *)place + (size_t)n * kit->value_bytes;
}

#endif
