/* partition/metis.h - METIS, behind one function. Not: trusting its answer (partition/cut.h). */
#ifndef WEFT_PARTITION_METIS_H
#define WEFT_PARTITION_METIS_H

#include "partition/cut.h"

/* Cut the graph into k >= 2 parts of balanced time and state with few bytes between them. FAILED
 * where METIS gives up, NO_MEMORY. The same graph gives the same parts. Calls wait for each other.
 */
weft_status weft_i_metis_parts(const weft_i_layer_graph *graph, int32_t k, int32_t *out_part);

#endif
