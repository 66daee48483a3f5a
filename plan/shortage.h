/* plan/shortage.h - the line that says that memory does not suffice. */
#ifndef WEFT_PLAN_SHORTAGE_H
#define WEFT_PLAN_SHORTAGE_H

#include <stdint.h>

#include "weft/status.h"

/* "rank 2 needs 91.2 GiB of 76.0 GiB", in the largest unit in whose tenths the shortage shows and
 * the limit is not lost. `replica` is named too, -1 = is not. Returns INFEASIBLE. */
weft_status weft_i_shortage(int32_t replica, int32_t rank, int64_t needed_bytes,
                            int64_t limit_bytes, weft_error *error);

#endif
