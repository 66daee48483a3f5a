/* partition/weigh.h - how much work a microbatch is, to spread microbatches over the replicas. Not:
 * what its stages cost (partition/stage_costs.h). */
#ifndef WEFT_PARTITION_WEIGH_H
#define WEFT_PARTITION_WEIGH_H

#include "emu/emu.h"
#include "partition/pack.h"

/* Work of each of n microbatches: with an emulator the ns of all modules one after the other, each
 * whole and at its fastest strategy; without one (emu NULL) forward flop, roughly. */
weft_status weft_i_weigh(const weft_model *model, const weft_recipe *recipe, weft_i_emu *emu,
                         const weft_i_microbatch *microbatches, int32_t n, weft_error *error,
                         double *out_work);

#endif
