/* runtime/mpi_direct.c - whether MPI takes memory of a GPU as it takes that of the host. */
#include "runtime/mpi_own.h"

#ifdef WEFT_HAS_CUDA_QUERY
#include <mpi-ext.h>
#endif

bool weft_i_world_takes_device_memory(void)
{
#ifdef WEFT_HAS_CUDA_QUERY
    return MPIX_Query_cuda_support() == 1;
#else
    return false;
#endif
}
