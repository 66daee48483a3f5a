/* planner/host_memory.h - what a plan keeps on the hosts, against what they have. */
#ifndef WEFT_PLANNER_HOST_MEMORY_H
#define WEFT_PLANNER_HOST_MEMORY_H

#include "planner/attempt.h"

/* Of a solved attempt: what a stage's strategy offloads lies on the host from its forward to the
 * end of its backward. INFEASIBLE names the node that lacks memory. NO_MEMORY. OK where nothing can
 * be offloaded. */
weft_status weft_i_host_memory_check(const weft_i_attempt *attempt, weft_error *error);

#endif
