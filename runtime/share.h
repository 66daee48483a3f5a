/* runtime/share.h - one process reads and checks the plan, all get it. */
#ifndef WEFT_RUNTIME_SHARE_H
#define WEFT_RUNTIME_SHARE_H

#include "runtime/mpi_world.h"

/* Process 0 reads `file`, checks every rule and that the number of processes is right; the others
 * parse what it read. Where the file or the number is wrong, all processes get that status, process
 * 0 alone with a text: BAD_INPUT, VIOLATION, USAGE, IO. `*out_broken` tells these from a run that
 * broke off, which calls for weft_i_world_farewell. Free *out_plan. */
weft_status weft_i_plan_share(weft_i_world *world, const char *file, weft_error *error,
                              bool *out_broken, weft_plan **out_plan);

#endif
