/* runtime/tape_ops.h - the operations of a program, given to the kit with all they work on. */
#ifndef WEFT_RUNTIME_TAPE_OPS_H
#define WEFT_RUNTIME_TAPE_OPS_H

#include "runtime/tape.h"

/* Each false when out of memory. The values that the operation reads and writes are there. */
bool weft_i_op_forward(weft_i_tape *tape, const weft_i_op *op);
/* Add to the gradients of those inputs that have one. */
bool weft_i_op_back_input(weft_i_tape *tape, const weft_i_op *op);
/* Add to the gradients of its parameters. */
bool weft_i_op_back_weights(weft_i_tape *tape, const weft_i_op *op);

#endif
