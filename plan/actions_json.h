/* plan/actions_json.h - the actions of a rank with their times, as plans and timelines have them:
 * keys "actions", "start_ns" and "end_ns" of an object. */
#ifndef WEFT_PLAN_ACTIONS_JSON_H
#define WEFT_PLAN_ACTIONS_JSON_H

#include "plan/pipeline_json.h"
#include "weft/plan.h"

/* How many stages, edges and chunks there are that an operand can number. */
typedef struct weft_i_operands {
    int32_t n_stages, n_edges, n_chunks;
} weft_i_operands;

/* Read the three keys, which the object's own table names. */
void weft_i_read_actions(weft_i_reader *reader, const weft_i_json *in,
                         const weft_i_operands *operands, weft_rank_actions *out);

/* Write them into the object that is open, a line each. */
void weft_i_write_actions(weft_i_json_out *out, const weft_rank_actions *rank);

#endif
