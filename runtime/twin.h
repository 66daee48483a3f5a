/* runtime/twin.h - a GPU's twin on the host: the same kernels, blocks and threads one after
 * another, and products of bfloat16 by the BLAS. Slow; for tests, and to see what bfloat16 does to
 * a model where no GPU is.
 *
 * It does nothing before it is asked how far it is, so that who looks at results too early, or lets
 * go of what is still to be read, is found out. Copies beside come after all that was asked for
 * when they are done, so that who writes to their ends meanwhile is found out, too. */
#ifndef WEFT_RUNTIME_TWIN_H
#define WEFT_RUNTIME_TWIN_H

#include "runtime/gpu.h"

/* With so much memory; 0 = as much as the host has. False when out of memory. */
bool weft_i_twin_open(size_t memory_bytes, weft_i_gpu *out);

#endif
