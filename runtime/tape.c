/* runtime/tape.c - see tape.h. What each operation computes is in tape_ops.c. */
#include "runtime/tape.h"

#include "base/error.h"
#include "runtime/tape_ops.h"

static bool has(int index)
{
    return index != WEFT_I_NOTHING;
}

static bool has_parameters(const weft_i_op *op)
{
    return has(op->parameters[0]);
}

static void find_gradients(const weft_i_program *program, weft_i_wants wants, weft_i_rules *rules)
{
    rules->has_gradient[WEFT_I_TENSOR_INPUT] = wants.input;
    rules->has_gradient[WEFT_I_TENSOR_MEDIA] = wants.media;
    rules->has_gradient[WEFT_I_TENSOR_CONTEXT] = wants.context;
    for (const weft_i_op *op = program->ops; op < program->ops + program->n_ops; op++) {
        bool any = wants.weights && has_parameters(op);
        for (int i = 0; i < 3; i++)
            any = any || (has(op->in[i]) && rules->has_gradient[op->in[i]]);
        if (has(op->out)) rules->has_gradient[op->out] = any;
    }
}

/* Values that the gradient of input i of an operation reads. */
static void mark_reads(const weft_i_op *op, int i, bool *reads)
{
    switch (op->kind) {
    case WEFT_I_OP_NORM:
    case WEFT_I_OP_GELU:
    case WEFT_I_OP_SWIGLU:
    case WEFT_I_OP_SILU:
    case WEFT_I_OP_SELF_ATTEND:
    case WEFT_I_OP_CROSS_ENTROPY:
    case WEFT_I_OP_SQUARED_ERROR:
        reads[op->in[0]] = true;
        break;
    case WEFT_I_OP_CROSS_ATTEND:
        reads[op->in[0]] = reads[op->in[1]] = true;
        break;
    case WEFT_I_OP_MODULATE:
        reads[op->in[i == 0 ? 1 : 0]] = true;
        break;
    case WEFT_I_OP_GATE:
        if (i > 0) reads[op->in[i == 1 ? 2 : 1]] = true;
        break;
    case WEFT_I_OP_EMBED:
    case WEFT_I_OP_LINEAR:
    case WEFT_I_OP_ADD:
    case WEFT_I_OP_MERGE:
    case WEFT_I_OP_TABLE:
        break;
    }
}

static bool reads_for_weights(const weft_i_op *op)
{
    return has_parameters(op) && (op->kind == WEFT_I_OP_LINEAR || op->kind == WEFT_I_OP_NORM);
}

void weft_i_rules_make(const weft_i_program *program, weft_i_wants wants, uint32_t redo,
                       weft_i_rules *out)
{
    weft_i_rules rules = {0};
    find_gradients(program, wants, &rules);
    bool any = false;
    for (const weft_i_op *op = program->ops; op < program->ops + program->n_ops; op++) {
        for (int i = 0; i < 3; i++)
            if (has(op->in[i]) && rules.has_gradient[op->in[i]])
                mark_reads(op, i, rules.read_by_input);
        if (wants.weights && reads_for_weights(op)) rules.read_by_weights[op->in[0]] = true;
        any = any || (has(op->out) && rules.has_gradient[op->out]);
    }
    for (int t = 0; t < program->n_tensors; t++)
        rules.kept[t] = rules.read_by_input[t] || rules.read_by_weights[t];
    for (const weft_i_op *op = program->ops; op < program->ops + program->n_ops; op++)
        if (has(op->out) && (op->names & redo)) rules.kept[op->out] = false;
    /* What is made again is made from what was given. */
    for (int t = 0; any && redo != WEFT_I_REDO_NOTHING && t < WEFT_I_N_GIVEN; t++)
        rules.kept[t] = true;
    *out = rules;
}

int64_t weft_i_tape_rows(const weft_i_tape *tape, int tensor)
{
    switch (tape->program->tensors[tensor].extent) {
    case WEFT_I_EXTENT_ROWS:
        return tape->sheet->n_rows;
    case WEFT_I_EXTENT_OUT_ROWS:
        return tape->sheet->n_out_rows;
    case WEFT_I_EXTENT_MEDIA:
        return tape->sheet->n_media;
    case WEFT_I_EXTENT_CONTEXT:
        return tape->sheet->n_context;
    case WEFT_I_EXTENT_SPANS:
        return tape->sheet->n_spans;
    }
    return 0;
}

static size_t bytes_of(const weft_i_tape *tape, int tensor)
{
    int64_t n = weft_i_tape_rows(tape, tensor) * tape->program->tensors[tensor].width;
    return (size_t)(n > 0 ? n : 1) * tape->kit->value_bytes;
}

void *weft_i_tape_take(const weft_i_tape *tape, int tensor)
{
    return weft_i_pool_take(tape->pool, bytes_of(tape, tensor));
}

static void drop(weft_i_tape *tape, void **values)
{
    if (*values) weft_i_pool_give(tape->pool, *values);
    *values = NULL;
}

/* All of the program's values but those in `keep`; its output is the caller's. */
static void drop_values(weft_i_tape *tape, const bool *keep)
{
    for (int t = WEFT_I_N_GIVEN; t < tape->program->n_tensors; t++)
        if (!keep[t] && t != tape->program->output) drop(tape, &tape->values[t]);
}

static weft_status run_op(weft_i_tape *tape, const weft_i_op *op, weft_error *error)
{
    if (has(op->out) && !tape->values[op->out])
        tape->values[op->out] = weft_i_tape_take(tape, op->out);
    if (has(op->out) && !tape->values[op->out]) return weft_i_no_memory(error);
    return weft_i_op_forward(tape, op) ? WEFT_STATUS_OK : weft_i_no_memory(error);
}

weft_status weft_i_tape_forward(weft_i_tape *tape, weft_error *error)
{
    const weft_i_program *program = tape->program;
    for (int i = 0; i < program->n_ops; i++) {
        weft_status status = run_op(tape, &program->ops[i], error);
        if (status != WEFT_STATUS_OK) return status;
    }
    drop_values(tape, tape->rules->kept);
    return WEFT_STATUS_OK;
}

/* Make the values again that the backward reads and that were not kept, and what they need. */
static weft_status make_again(weft_i_tape *tape, weft_error *error)
{
    const weft_i_program *program = tape->program;
    bool wanted[WEFT_I_MAX_TENSORS];
    for (int t = 0; t < program->n_tensors; t++)
        wanted[t] =
            (tape->rules->read_by_input[t] || tape->rules->read_by_weights[t]) && !tape->values[t];
    for (int i = program->n_ops - 1; i >= 0; i--) {
        const weft_i_op *op = &program->ops[i];
        if (!has(op->out) || !wanted[op->out]) continue;
        for (int k = 0; k < 3; k++)
            if (has(op->in[k]) && !tape->values[op->in[k]]) wanted[op->in[k]] = true;
    }
    for (int i = 0; i < program->n_ops; i++) {
        const weft_i_op *op = &program->ops[i];
        if (!has(op->out) || !wanted[op->out]) continue;
        weft_status status = run_op(tape, op, error);
        if (status != WEFT_STATUS_OK) return status;
    }
    return WEFT_STATUS_OK;
}

/* Cleared memory for the gradients of an operation's inputs. */
static weft_status open_gradients(weft_i_tape *tape, const weft_i_op *op, weft_error *error)
{
    for (int i = 0; i < 3; i++) {
        int t = op->in[i];
        if (!has(t) || !tape->rules->has_gradient[t] || tape->d_values[t]) continue;
        tape->d_values[t] = weft_i_tape_take(tape, t);
        if (!tape->d_values[t]) return weft_i_no_memory(error);
        tape->kit->clear(tape->kit->context, tape->d_values[t], bytes_of(tape, t));
    }
    return WEFT_STATUS_OK;
}

static weft_status back_op(weft_i_tape *tape, const weft_i_op *op, int halves, weft_error *error)
{
    bool weights = (halves & WEFT_I_BACK_WEIGHTS) && tape->gradients && has_parameters(op);
    if (has(op->out) && !tape->rules->has_gradient[op->out]) return WEFT_STATUS_OK;
    if (halves & WEFT_I_BACK_INPUT) {
        weft_status status = open_gradients(tape, op, error);
        if (status != WEFT_STATUS_OK) return status;
        if (!weft_i_op_back_input(tape, op)) return weft_i_no_memory(error);
    }
    if (weights && !weft_i_op_back_weights(tape, op)) return weft_i_no_memory(error);
    bool is_held = halves == WEFT_I_BACK_INPUT && tape->gradients && has_parameters(op);
    if (has(op->out) && !is_held) drop(tape, &tape->d_values[op->out]);
    return WEFT_STATUS_OK;
}

weft_status weft_i_tape_back(weft_i_tape *tape, int halves, weft_error *error)
{
    static const bool nothing[WEFT_I_MAX_TENSORS] = {false};
    const weft_i_program *program = tape->program;
    weft_status status = WEFT_STATUS_OK;
    if (halves & WEFT_I_BACK_INPUT) status = make_again(tape, error);
    for (int i = program->n_ops - 1; status == WEFT_STATUS_OK && i >= 0; i--)
        status = back_op(tape, &program->ops[i], halves, error);
    if (status == WEFT_STATUS_OK)
        drop_values(tape, halves == WEFT_I_BACK_INPUT ? tape->rules->read_by_weights : nothing);
    return status;
}

void weft_i_tape_clear(weft_i_tape *tape)
{
    for (int t = 0; t < tape->program->n_tensors; t++) {
        if (t >= WEFT_I_N_GIVEN && t != tape->program->output) drop(tape, &tape->values[t]);
        if (t != WEFT_I_TENSOR_CONTEXT) drop(tape, &tape->d_values[t]);
    }
}
