/* runtime/cpu_kit.h - float32 in the memory of the host, by kernels.h, attend.h and the BLAS. */
#ifndef WEFT_RUNTIME_CPU_KIT_H
#define WEFT_RUNTIME_CPU_KIT_H

#include "runtime/kit.h"

const weft_i_kit *weft_i_cpu_kit(void);

#endif
