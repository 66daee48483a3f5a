/* runtime/tags.h - the tag under which a transport knows a message. */
#ifndef WEFT_RUNTIME_TAGS_H
#define WEFT_RUNTIME_TAGS_H

#include "weft/plan.h"

/* Set tags[edge] for the messages of `rank`: the edge itself where all fit in 0..max_tag, else the
 * message's number among those from its sender to its receiver. Two ends find the same tag, and two
 * messages of one sender and receiver never share one. BAD_INPUT where even that goes over max_tag;
 * NO_MEMORY. tags has room for all edges of the pipeline. */
weft_status weft_i_tags_make(const weft_problem *problem, int32_t rank, int32_t max_tag,
                             weft_error *error, int32_t *tags);

#endif
