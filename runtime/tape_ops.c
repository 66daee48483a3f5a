/* runtime/tape_ops.c - see tape_ops.h. */
#include "runtime/tape_ops.h"

static void *value_of(const weft_i_tape *tape, int tensor)
{
    return tensor == WEFT_I_NOTHING ? NULL : tape->values[tensor];
}

static void *gradient_of(const weft_i_tape *tape, int tensor)
{
    if (tensor == WEFT_I_NOTHING || !tape->rules->has_gradient[tensor]) return NULL;
    return tape->d_values[tensor];
}

/* Place of an operation's parameter among the layer's. */
static int64_t first_of(const weft_i_tape *tape, const weft_i_op *op, int which)
{
    return tape->program->parameters[op->parameters[which]].first;
}

static weft_i_view view_of(const weft_i_tape *tape, const weft_i_op *op)
{
    bool has_out = op->out != WEFT_I_NOTHING;
    int t = has_out ? op->out : op->in[0];
    weft_i_view view = {.program = tape->program,
                        .sheet = tape->sheet,
                        .pool = tape->pool,
                        .x = value_of(tape, op->in[0]),
                        .y = value_of(tape, op->in[1]),
                        .z = value_of(tape, op->in[2]),
                        .d_x = gradient_of(tape, op->in[0]),
                        .d_y = gradient_of(tape, op->in[1]),
                        .d_z = gradient_of(tape, op->in[2]),
                        .d_out = has_out ? tape->d_values[op->out] : NULL,
                        .out = has_out ? tape->values[op->out] : NULL,
                        .loss = tape->loss,
                        .rows = weft_i_tape_rows(tape, t),
                        .width = tape->program->tensors[t].width,
                        .in_width = tape->program->tensors[op->in[0]].width};
    for (int i = 0; i < 2; i++) {
        if (op->parameters[i] == WEFT_I_NOTHING) continue;
        view.parameters[i] = tape->parameters + first_of(tape, op, i);
        if (tape->gradients) view.d_parameters[i] = tape->gradients + first_of(tape, op, i);
    }
    if (op->parameters[0] != WEFT_I_NOTHING)
        view.operand =
            (const char *)tape->operands + (size_t)first_of(tape, op, 0) * tape->kit->value_bytes;
    return view;
}

bool weft_i_op_forward(weft_i_tape *tape, const weft_i_op *op)
{
    const weft_i_view view = view_of(tape, op);
    return tape->kit->forward(tape->kit->context, op, &view);
}

bool weft_i_op_back_input(weft_i_tape *tape, const weft_i_op *op)
{
    const weft_i_view view = view_of(tape, op);
    return tape->kit->back_input(tape->kit->context, op, &view);
}

bool weft_i_op_back_weights(weft_i_tape *tape, const weft_i_op *op)
{
    const weft_i_view view = view_of(tape, op);
    return tape->kit->back_weights(tape->kit->context, op, &view);
}
