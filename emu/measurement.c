/* emu/measurement.c - a measured row as a question to the emulator. Not: fitting (emu/fit.c). */
#include <string.h>

#include "base/error.h"
#include "emu/fit_constants.h"

enum { MAX_LEVELS = 8 };

static double value_of(const weft_uniform_answer *answer, weft_measured quantity)
{
    switch (quantity) {
    case WEFT_MEASURED_STEP:
        return (double)answer->step_ns;
    case WEFT_MEASURED_LAYER_FW:
        return (double)answer->layer.fw_ns;
    case WEFT_MEASURED_LAYER_BW:
        return (double)answer->layer.bw_ns;
    case WEFT_MEASURED_LAYER_BWI:
        return (double)answer->layer.bwi_ns;
    case WEFT_MEASURED_LAYER_BWW:
        return (double)answer->layer.bww_ns;
    case WEFT_MEASURED_MESSAGE:
        return (double)answer->transfer_ns;
    case WEFT_MEASURED_PEAK:
        return (double)answer->peak_bytes;
    case WEFT_N_MEASURED:
        break;
    }
    return 0;
}

/* The NICs of the row's nodes, shared by their devices. */
static void set_nics(weft_level *levels, int32_t n_levels, int32_t nics)
{
    for (int32_t i = 0; i < n_levels && nics > 0; i++)
        if (levels[i].nics > 0) {
            levels[i].gbs *= (double)nics / levels[i].nics;
            levels[i].nics = nics;
        }
}

weft_status weft_measurement_predict(const weft_measurement *row, const weft_cluster *cluster,
                                     weft_error *error, double *out_value)
{
    const weft_stack *stack = weft_i_stack_named(cluster, row->stack);
    if (!stack)
        return weft_i_fail(error, WEFT_STATUS_USAGE, "cluster %s has no stack '%s'", cluster->name,
                           row->stack);
    if (cluster->n_node_types != 1 || cluster->n_levels > MAX_LEVELS)
        return weft_i_fail(error, WEFT_STATUS_BAD_INPUT,
                           "cluster %s has %d node types, expected one", cluster->name,
                           cluster->n_node_types);
    weft_level levels[MAX_LEVELS];
    weft_node_type nodes = cluster->node_types[0];
    weft_cluster own = *cluster;
    const int32_t most_nodes = 1 << 20;
    memcpy(levels, cluster->levels, (size_t)cluster->n_levels * sizeof *levels);
    set_nics(levels, cluster->n_levels, row->nics);
    if (nodes.nodes < most_nodes) nodes.nodes = most_nodes;
    own.node_types = &nodes;
    own.levels = levels;
    own.stack = *stack;
    weft_uniform question = row->question;
    weft_uniform_answer answer;
    question.cluster = &own;
    weft_status status = weft_emulate_uniform(&question, error, NULL, &answer);
    if (status == WEFT_STATUS_OK) *out_value = value_of(&answer, row->quantity);
    return status;
}
